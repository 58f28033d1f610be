# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Processors that go and come, and channels that move between them: our drivers
do as the kernel's own."""

import random

import pytest

from test_storage import digest, find, image_make, MIB, random_bytes, total

ONLINE = "/sys/devices/system/cpu/cpu1/online"
CHANNELS = "/sys/bus/vmbus/devices/*/channels/*/cpu"
# All channels that interrupt one processor are to interrupt another.
MOVE = "for f in " + CHANNELS + "; do [ $(cat $f) = %d ] || continue; " \
    "echo %d >$f || exit 1; [ $(cat $f) = %d ] || exit 2; done"
REFUSED = "Input/output error"
TIMES = 30


def busy_guest(new_vm, path, kernel, drivers):
    """A guest whose disk and adapter have a channel for each of two
    processors."""
    vm = new_vm(kernel, cpus=2, drivers=drivers, append="lis.daemons=none",
                options=("--disk", path, "--net", "user"))
    vm.run("ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0")
    # The kernel's own opens an adapter's a little later.
    vm.run("n=0; until [ $(grep -lx 1 %s | wc -l) = 2 ]; do n=$((n+1)); "
           "[ $n -lt 60 ] || { grep . %s; exit 1; }; sleep 1; done"
           % (CHANNELS, CHANNELS), 120)
    return vm


def in_use(vm, path):
    """The disk and the adapter work, from whichever processor."""
    name = find(vm, 16)
    for cpu in range(int(vm.run("nproc"))):
        vm.run("taskset %d dd if=/dev/urandom of=/dev/%s bs=64k count=9 "
               "seek=%d oflag=direct 2>/dev/null && taskset %d ping -c 3 -W 10 "
               "10.0.2.2" % (1 << cpu, name, 20 + 10 * cpu, 1 << cpu))
    assert total(vm, name) == digest(path)


def told(vm, script):
    """The status and the words of a command that may be refused."""
    status, said = vm.try_run(script)
    return bool(status), said.rpartition(":")[2].strip()


@pytest.mark.slow
@pytest.mark.parametrize("kernel, drivers", [
    ("6.1", "ours"), ("6.12", "ours"), ("5.10", "ours"), ("6.1", "upstream")])
def test_offline(new_vm, tmp_path, kernel, drivers):
    """A processor that channels interrupt stays; one that they were moved away
    from goes and comes; a channel is moved to one that is there only."""
    path = image_make(str(tmp_path / "disk.raw"), 16 * MIB, random_bytes(MIB))
    vm = busy_guest(new_vm, path, kernel, drivers)
    off = "echo 0 >" + ONLINE
    assert told(vm, off) == (True, "Device or resource busy")
    in_use(vm, path)
    vm.run(MOVE % (1, 0, 0))
    in_use(vm, path)
    vm.run(off)
    assert vm.run("nproc") == "1"
    in_use(vm, path)
    one = vm.run("ls %s | head -n 1" % CHANNELS)
    for number, words in (("1", "Invalid argument"), ("99", "Invalid argument"),
                          ("x", REFUSED)):
        assert told(vm, "echo %s >%s" % (number, one)) == (True, words), number
    vm.run("echo 1 >" + ONLINE)
    in_use(vm, path)
    vm.run("set -e; " + MOVE % (0, 1, 1))
    in_use(vm, path)
    vm.wait_status("Heartbeat", "OK")
    # Those of a device that nobody drives are not moved.
    heartbeat = "{57164f39-9115-4e78-ab55-382f3bd5422d}"
    vm.run("d=$(dirname $(grep -l '%s' /sys/bus/vmbus/devices/*/class_id)); "
           "echo ${d##*/} >/sys/bus/vmbus/drivers/hv_utils/unbind; "
           "ln -s $d/channels/* /run/closed" % heartbeat)
    assert told(vm, "echo 0 >/run/closed/cpu") == (True, REFUSED)
    assert not vm.trouble()


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "5.10"])
def test_offline_under_load(new_vm, tmp_path, kernel):
    """A processor goes and comes, and channels move, while all are in use."""
    path = image_make(str(tmp_path / "disk.raw"), 16 * MIB, random_bytes(MIB))
    vm = busy_guest(new_vm, path, kernel, "ours")
    name = find(vm, 16)
    for cpu in (0, 1):
        vm.run("(while [ ! -e /run/stop ]; do taskset %d dd if=/dev/zero "
               "of=/dev/%s bs=64k count=40 seek=%d oflag=direct || sleep .1; "
               "done; touch /run/ended.d%d) >/dev/null 2>&1 &"
               % (1 << cpu, name, 40 + 50 * cpu, cpu))
    vm.run("(while [ ! -e /run/stop ]; do ping -c 20 -i .01 -s 3000 10.0.2.2; "
           "done; touch /run/ended.n) >/dev/null 2>&1 &")
    order = random.Random(1)
    for _ in range(TIMES):
        # Some of them, at random, then all; it goes, and they come back.
        vm.run("for f in %s; do echo $(($(od -An -N1 -tu1 /dev/urandom) %% 2))"
               " >$f; done" % CHANNELS)
        if order.random() < 0.3:
            vm.try_run("echo 0 >%s; echo 1 >%s" % (ONLINE, ONLINE))
        vm.run(MOVE % (1, 0, 0) + "; echo 0 >" + ONLINE)
        if order.random() < 0.3:
            vm.run("rmmod hv_utils; insmod /modules/hv_utils.ko")
        vm.run("echo 1 >" + ONLINE + "; " + MOVE % (0, 1, 1))
    vm.run("touch /run/stop; n=0; for w in d0 d1 n; do "
           "until [ -e /run/ended.$w ]; do n=$((n+1)); [ $n -lt 120 ] || "
           "{ echo $w hangs; exit 1; }; sleep 1; done; done", 200)
    vm.run("[ $(dmesg | grep -c 'I/O error') = 0 ]")
    in_use(vm, path)
    vm.wait_status("Heartbeat", "OK", 60)
    assert not vm.trouble()
