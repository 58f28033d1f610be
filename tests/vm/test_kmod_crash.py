# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A guest with our drivers that crashes: the host is told, a second kernel
starts with our drivers too, and writes what is left of the first to a disk."""

import hashlib
import json
import struct

import pytest

from test_storage import find, image_make, MIB

# Of which the dump kernel lives; the rest is what it dumps.
RESERVED = "crashkernel=192M"
SECOND = "console=ttyS0 panic=-1 quiet mitigations=off nokaslr nr_cpus=1 " \
    "random.trust_cpu=on cryptomgr.notests nowatchdog 8250.nr_uarts=1 " \
    "irqpoll reset_devices lis.daemons=none lis.second"
# Disk and network are in use, on every processor.
LOAD = "(while :; do dd if=/dev/zero of=/dev/%s bs=64k count=32 seek=256 " \
    "oflag=direct; done) >/dev/null 2>&1 & ip link set eth0 up; " \
    "ip addr add 10.0.2.15/24 dev eth0; " \
    "(while :; do ping -c 50 -i .01 -s 3000 10.0.2.2; done) " \
    ">/dev/null 2>&1 & ping -c 1 -W 10 10.0.2.2"
# The kernel maps and unmaps each page that it reads of the dump.
COPIED = 2 * MIB


def crashing(new_vm, path, kernel, cpus):
    """A guest with a dump kernel loaded."""
    vm = new_vm(kernel, cpus=cpus, memory="768M", drivers="ours", kexec=True,
                append="lis.daemons=none " + RESERVED,
                options=("--disk", path, "--net", "user"))
    vm.wait_status("Heartbeat", "OK", 120)
    vm.run("kexec -p /kexec/kernel /kexec/initrd '%s'" % SECOND)
    assert vm.run("cat /sys/kernel/kexec_crash_loaded") == "1"
    return vm


def kinds_of(vm):
    """What happened to the VM, in order."""
    return [json.loads(line)["event"] for line in vm.lis(
        "events", "--json", "--replay", "--no-follow").output.splitlines()]


def notes(data):
    """The text of the notes of an ELF core."""
    assert data[:5] == b"\x7fELF\x02"
    start, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, _, offset, _, _, length = struct.unpack_from(
            "<IIQQQQ", data, start + number * size)
        if kind == 4:
            return data[offset:offset + length].decode(errors="replace")
    raise AssertionError("no notes")


@pytest.mark.slow
@pytest.mark.parametrize("kernel, cpus", [
    ("6.1", 1), ("6.1", 2), ("6.1", 4), ("6.12", 1), ("6.12", 2), ("5.10", 1),
    ("5.10", 2)])
def test_kdump(new_vm, tmp_path, kernel, cpus):
    """Of a guest that crashes on its last processor, with everything in use."""
    path = image_make(str(tmp_path / "dump.raw"), 32 * MIB)
    vm = crashing(new_vm, path, kernel, cpus)
    release = vm.run("uname -r")
    vm.run(LOAD % find(vm, 32), 120)
    start = vm.console.position()
    vm.console.send("echo 1 >/proc/sys/kernel/sysrq; "
                    "taskset %d sh -c 'echo c >/proc/sysrq-trigger'"
                    % (1 << (cpus - 1)))
    vm.ready(start)
    assert "lis.second" in vm.run("cat /proc/cmdline")
    # The host heard the panic, and was told to let go.
    kinds = kinds_of(vm)
    assert "panic" in kinds, kinds
    after = kinds[kinds.index("panic"):]
    assert "disconnected" in after and "contact" in after, kinds
    assert after.index("disconnected") < after.index("contact"), kinds
    assert "reset" not in after, kinds
    vm.wait_status("Heartbeat", "OK", 120)

    name = find(vm, 32)
    assert "(OE)" in vm.run("grep ^hv_storvsc /proc/modules")
    vm.run("dd if=/proc/vmcore of=/dev/%s bs=64k count=%d conv=fsync "
           "2>/dev/null" % (name, COPIED // 65536), 300)
    with open(path, "rb") as stream:
        dump = stream.read(COPIED)
    assert vm.run("dd if=/proc/vmcore bs=64k count=%d 2>/dev/null | md5sum"
                  % (COPIED // 65536), 300).split()[0] == \
        hashlib.md5(dump).hexdigest()
    assert "OSRELEASE=" + release in notes(dump)
    assert "CRASHTIME=" in notes(dump)
    assert vm.trouble() == []
