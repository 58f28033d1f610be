# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The table of services, and turning them off and on."""

import os
import random
import re
import threading
import time

import vm as vm_module

TIMES = 20


def test_table(vm):
    """Six rows, in the order administrators know, each measured OK."""
    vm.wait_all_ok()
    lines = vm.lis("services").output.splitlines()
    assert re.split(r" +", lines[0].strip()) == [
        "VMName", "Name", "Enabled", "PrimaryStatusDescription",
        "SecondaryStatusDescription"]
    rows = [line for line in lines if line.startswith(vm.name)]
    assert [row[len(vm.name):].split("True")[0].strip() for row in rows] == \
        list(vm_module.SERVICES)
    assert all(" OK" in row for row in rows)


def use(name, stop):
    """Asks things of the services until told to stop; refusals are fine."""
    rpc = vm_module.Rpc(name)
    while not stop.is_set():
        for method, params in (("kvp.enumerate", {"pool": "auto"}),
                               ("vss.check", {"timeout_ms": 1000})):
            try:
                rpc.call(method, **params)
            except AssertionError:
                pass
    rpc.close()


def resources(pid):
    """What could leak: (descriptors, threads)."""
    return len(os.listdir("/proc/%d/fd" % pid)), \
        len(os.listdir("/proc/%d/task" % pid))


def settled(pid):
    """The same, once the connections of earlier requests are gone."""
    last, now = None, resources(pid)
    while now != last:
        time.sleep(1)
        last, now = now, resources(pid)
    return now


def resident_bytes(pid):
    """The process's memory without the guest's."""
    with open("/proc/%d/status" % pid, encoding="ascii") as stream:
        return int(re.search(r"RssAnon:\s+(\d+) kB",
                             stream.read()).group(1)) * 1024


def test_off_and_on(vm):
    """Each twenty times while all are in use: OK at the end, nothing leaked."""
    vm.wait_all_ok()
    rpc = vm_module.Rpc(vm.name)
    pid = rpc.call("vm.info")["pid"]
    order = random.Random(1)

    def cycle():
        services = order.sample(vm_module.SERVICES, len(vm_module.SERVICES))
        for service in services:
            assert rpc.call("vm.disable", service=service)["changed"]
        for service in services:
            assert rpc.call("vm.enable", service=service)["changed"]

    # Once for what is allocated on first use.
    cycle()
    vm.wait_all_ok()
    before, memory_before = settled(pid), resident_bytes(pid)
    stop = threading.Event()
    user = threading.Thread(target=use, args=(vm.name, stop))
    user.start()
    try:
        for number in range(TIMES):
            cycle()
            # In the middle of the guest's answer, after it, when all is well.
            time.sleep(0.1 * (number % 4))
            if number % 4 == 3:
                vm.wait_all_ok()
    finally:
        stop.set()
        user.join()
    vm.wait_all_ok()
    assert settled(pid) == before
    assert resident_bytes(pid) < memory_before + (1 << 20)
    rpc.close()


def test_no_such_service(vm):
    """A name that is none is refused with the names there are."""
    refused = vm.lis("enable", "Telepathy", check=False)
    assert refused.status != 0
    assert "heartbeat" in refused.error
