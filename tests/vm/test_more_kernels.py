# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Older and smaller kernels: Debian 11's 5.10, and 6.1 for 32-bit processors,
without PAE and with."""

import os
import subprocess

import pytest

import debian
import guest
import lisd_guest
import vm as vm_module
from conftest import need

pytestmark = pytest.mark.slow

KERNELS = list(guest.MORE_KERNELS)
MIB = 1 << 20
# All that a system needs that is to say that it runs from a disk.
INIT = """#!/bin/sh
mount -t proc proc /proc
grep ' / ' /proc/mounts
echo written >/word && sync
echo "@@lis root $(cat /word)"
busybox poweroff -f
"""


@pytest.fixture(name="root")
def _root(tmp_path):
    """Makes a VHDX with a small system for a kernel."""
    def make(kernel):
        tree = tmp_path / "tree"
        for folder in ("bin", "sbin", "dev", "proc", "sys"):
            (tree / folder).mkdir(parents=True)
        subprocess.run(["cp", guest.busybox(kernel), str(tree / "bin")],
                       check=True)
        for name in ("sh", "mount", "grep", "echo", "cat", "sync"):
            os.symlink("busybox", tree / "bin" / name)
        (tree / "sbin" / "init").write_text(INIT)
        (tree / "sbin" / "init").chmod(0o755)
        raw = tmp_path / "root.raw"
        with open(raw, "wb") as stream:
            stream.truncate(64 * MIB)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-L",
                        debian.LABEL, "-d", str(tree), str(raw)], check=True)
        vm_module.lis("disk", "convert", str(raw), str(tmp_path / "root.vhdx"))
        return str(tmp_path / "root.vhdx")

    return make


@pytest.mark.parametrize("kernel", KERNELS)
def test_boots_from_a_disk(new_vm, root, kernel):
    """The root file system is on a synthetic disk."""
    need(kernel)
    one = new_vm(kernel=kernel, boot=False, options=("--disk", root(kernel)))
    image, initrd = debian.initrd(kernel, vm_module.DRIVERS)
    one.command[one.command.index("--kernel") + 1] = image
    one.command[one.command.index("--initrd") + 1] = initrd
    one.command[one.command.index("--append") + 1] += " " + debian.ROOT
    one.boot(wait=False)
    one.console.wait(rb"/dev/sda / ext4|/dev/root / ext4", 180)
    one.console.wait(rb"@@lis root written", 60)
    assert one.wait_end(60) == 0


@pytest.mark.parametrize("kernel", KERNELS)
def test_disk_and_services(new_vm, tmp_path, kernel):
    """A disk is written and read; the services in the kernel are OK."""
    need(kernel)
    disk = tmp_path / "disk.raw"
    disk.write_bytes(b"from the host".ljust(4 * MIB, b"\0"))
    one = new_vm(kernel=kernel, options=("--disk", str(disk)))
    for service in ("Heartbeat", "Shutdown", "Time Synchronization"):
        one.wait_status(service, "OK", 60)
    assert one.run("head -c 13 /dev/sda") == "from the host"
    one.run("echo from the guest | dd of=/dev/sda bs=512 seek=8 conv=sync "
            "2>/dev/null; sync")
    assert disk.read_bytes()[4096:4110] == b"from the guest"
    one.lis("stop", timeout_s=120)
    assert one.wait_end() == 0


@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_all_services(new_vm, tmp_path, cpus):
    """All six are OK and do their work on 5.10, with Debian's daemons and with
    ours. The other kernels have no daemon of Debian's here."""
    need("5.10")
    one = new_vm("5.10", cpus=cpus, options=(
        "--enable", "Guest Service Interface"))
    file = tmp_path / "file"
    for daemons in ("debian", "lisd"):
        if daemons == "lisd":
            for service in ("kvp", "vss", "fcopy"):
                lisd_guest.take_over(one, service)
        one.wait_all_ok()
        rpc = vm_module.Rpc(one.name)
        rpc.call("kvp.set", pool="external", key="told", value=daemons)
        assert {item["key"]: item["value"] for item in rpc.call(
            "kvp.enumerate", pool="auto")["items"]}["OSBuildNumber"] == \
            one.run("uname -r")
        rpc.close()
        assert daemons in one.run("cat /var/lib/hyperv/.kvp_pool_0")
        file.write_text(daemons)
        one.lis("copy", str(file), "/run/" + daemons)
        assert one.run("cat /run/" + daemons) == daemons
        one.lis("freeze")
        one.lis("thaw")
        assert one.trouble() == []
