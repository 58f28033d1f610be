# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""lisd where there is next to nothing: busybox's init, no udev, no scripts and
a root that is read-only, as in an Alpine that was made immutable."""

import os
import subprocess

import pytest

import debian
import guest as guest_module
import initramfs
import lisd_guest
import vm as vm_module
from machine import BUSYBOX, cache_folder

SERVICE = "Key-Value Pair Exchange"
LABEL = "lis-small"
INITTAB = """::sysinit:/etc/rc
::respawn:/sbin/lisd
ttyS0::once:/bin/sh /bin/serve
"""
RC = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir /run/lis
hostname small
for module in $(cat /modules/order); do insmod /modules/$module.ko; done
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
"""
MODULES = ("hv_utils", "hv_netvsc")


def _write(root, path, data, mode=0o644):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as stream:
        stream.write(data)
    os.chmod(path, mode)


def _tree(root, kernel):
    """The root file system, in a folder."""
    for source, place in ((BUSYBOX, "bin/busybox"),
                          (lisd_guest.LISD, "sbin/lisd"),
                          (os.path.join(guest_module.PARTS, "serve.sh"),
                           "bin/serve")):
        with open(source, "rb") as stream:
            _write(root, place, stream.read(), 0o755)
    applets = subprocess.run([BUSYBOX, "--list"], stdout=subprocess.PIPE,
                             text=True, check=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            os.symlink("busybox", os.path.join(root, "bin", applet))
    os.symlink("../bin/busybox", os.path.join(root, "sbin", "init"))
    _write(root, "etc/inittab", INITTAB.encode())
    _write(root, "etc/rc", RC.encode(), 0o755)
    _write(root, "etc/os-release", b"NAME=\"Small Linux\"\nVERSION_ID=3.18\n")
    _write(root, "etc/resolv.conf", b"nameserver 10.0.2.3\n")
    for folder in ("dev", "proc", "sys", "run", "tmp", "var/lib"):
        os.makedirs(os.path.join(root, folder))
    order = initramfs.Modules(os.path.join(
        cache_folder(), "kernel-" + kernel)).closure(MODULES)
    for key, data in order:
        _write(root, "modules/%s.ko" % key, data)
    _write(root, "modules/order", "".join(key + "\n" for key, _ in
                                          order).encode())


class SmallGuest(vm_module.Guest):
    """A guest that boots from such a disk."""

    # pylint: disable=super-init-not-called
    def __init__(self, name, kernel, disk):
        self.name, self.kernel, self.cpus = name, kernel, 1
        image, initrd = debian.initrd(kernel)
        self.command = [vm_module.LIS, "run", "--name", name, "--kernel", image,
                        "--initrd", initrd, "--memory", "256M", "--append",
                        "%s ro root=LABEL=%s" % (vm_module.APPEND, LABEL),
                        "--disk", disk, "--net", "user"]
        self.process = self.console = None


@pytest.fixture(name="small")
def _small(kernel, tmp_path):
    """A guest with a read-only root, of each kernel."""
    lisd_guest.need()
    root, disk = str(tmp_path / "root"), str(tmp_path / "disk.raw")
    _tree(root, kernel)
    with open(disk, "wb") as stream:
        stream.truncate(64 << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", LABEL, "-d",
                    root, disk], check=True, stdin=subprocess.DEVNULL)
    guest = SmallGuest("small-" + kernel, kernel, disk)
    guest.boot()
    yield guest
    guest.kill()


def test_read_only_root_without_scripts(small):
    """Addresses are shown, items are kept until the next boot, and what cannot
    be done is refused with the reason."""
    small.wait_status(SERVICE, "OK", 60)
    assert " ro," in small.run("grep ' / ext4 ' /proc/mounts")
    assert small.try_run("ls /bin/bash /usr/libexec /usr/lib")[0]
    rpc = vm_module.Rpc(small.name)
    seen = {item["key"]: item["value"] for item in
            rpc.call("kvp.enumerate", pool="auto")["items"]}
    assert seen["NetworkAddressIPv4"] == "10.0.2.15"
    assert seen["OSName"] == "Small Linux"
    assert seen["OSMajorVersion"] == "3" and seen["OSMinorVersion"] == "18"
    assert seen["FullyQualifiedDomainName"] == "small"
    rpc.call("kvp.set", pool="external", key="kept", value="in memory")
    assert rpc.call("kvp.enumerate", pool="external")["items"][0]["value"] \
        == "in memory"
    assert small.run("ls -A /run/hyperv | head -n 1") == ".kvp_pool_0"
    mac = small.run("cat /sys/class/net/eth0/address")
    guid = small.run("cat /sys/class/net/eth0/device/device_id")
    shown = rpc.call("ip.get", adapter=mac)
    assert shown["addresses"][0] == "10.0.2.15"
    # libslirp advertises itself for IPv6, sooner or later.
    assert shown["gateways"] in (["10.0.2.2"], ["10.0.2.2", "fe80::2"])
    assert shown["dns"] == ["10.0.2.3"]
    rpc.close()
    refused = small.lis("ip", "--adapter", guid, "--address",
                        "10.0.2.77/24", "set", check=False)
    assert refused.status
    assert "10.0.2.15/24" in small.run("ip -4 addr show dev eth0")
    # busybox's init keeps it running, as its table says.
    first = small.run("pidof lisd | tr ' ' '\\n' | sort -n | head -n 1")
    small.run("kill -9 " + first)
    small.wait_status(SERVICE, "OK", 60)
