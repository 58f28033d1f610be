# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Services come and go while they are in use."""

import subprocess
import threading

import pytest

import vm as vm_module

USES = {
    "Guest Service Interface": None,
    "Heartbeat": None,
    "Key-Value Pair Exchange": ("kvp", "show", "--pool", "auto"),
    "Shutdown": None,
    "Time Synchronization": None,
    "VSS": ("freeze", "--timeout", "5"),
}


def counted(vm):
    """(file descriptors, threads) of the VM's process."""
    pid = vm.lis("list", "--json").json[0]["pid"]
    script = "ls /proc/%d/fd | wc -l; ls /proc/%d/task | wc -l" % (pid, pid)
    return subprocess.run(["sh", "-c", script], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.split()


def resident_kib(vm):
    """Private memory of the VM's process that is not the guest's."""
    pid = vm.lis("list", "--json").json[0]["pid"]
    with open("/proc/%d/smaps" % pid, encoding="ascii") as stream:
        total, guest = 0, False
        for line in stream:
            words = line.split()
            if "-" in words[0] and not words[0].endswith(":"):
                guest = "memfd" in line
            elif words[0] == "Private_Dirty:" and not guest:
                total += int(words[1])
    return total


@pytest.mark.parametrize("service", USES)
def test_twenty_times_in_use(vm, service):
    """Disabled and enabled 20 times: OK at the end, and nothing leaked."""
    vm.wait_status(service, "OK", 60)
    stop = threading.Event()

    def use():
        while not stop.is_set():
            vm_module.lis(*([USES[service][0], vm.name] +
                            list(USES[service][1:])), check=False)

    before, memory = counted(vm), resident_kib(vm)
    user = threading.Thread(target=use) if USES[service] else None
    if user:
        user.start()
    for _ in range(20):
        vm.lis("disable", service)
        vm.lis("enable", service)
    stop.set()
    if user:
        user.join()
    vm.wait_status(service, "OK", 90)
    assert counted(vm) == before
    # The allocator keeps a little; a leak of 20 channels would be far more.
    assert resident_kib(vm) < memory + 512
    assert vm.trouble() == []
