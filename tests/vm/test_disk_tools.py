# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Synthetic disks under the tools of those who know disks: fio, sg3-utils, and
the checkers of three file systems, out of a Debian that a second disk holds."""

import os
import re
import subprocess
import time

import pytest

import debian
import guest
import vm as vm_module

pytestmark = pytest.mark.slow

MIB = 1 << 20
TOOLS = "/mnt/tools"
BACKENDS = ("raw", "vhdx", "vhdx-fixed", "vhd", "nbd")
FIO = "fio --name=verify --filename=/dev/sda --size=%dM --bsrange=512-1M " \
    "--bs_unaligned=0 --blockalign=512 --rw=randrw --rwmixwrite=70 " \
    "--verify=crc32c --verify_fatal=1 --verify_backlog=256 --norandommap " \
    "--random_generator=lfsr --serialize_overlap=1 " \
    "--end_fsync=1 --direct=%d --ioengine=%s --iodepth=%d --output-format=terse"


def image(folder, backend, size_mib):
    """A new disk of some kind: (text for --disk, process to be ended)."""
    path = os.path.join(folder, "disk." + backend.partition("-")[0])
    if backend in ("raw", "nbd"):
        with open(path, "wb") as stream:
            stream.truncate(size_mib * MIB)
    else:
        vm_module.lis("disk", "create", path, "%dM" % size_mib,
                      *(["--fixed"] if backend.endswith("fixed") else []))
    if backend != "nbd":
        return path, None
    server = subprocess.Popen(["qemu-nbd", "-f", "raw", "-t", "-e", "8", "-k",
                               path + ".sock", path])
    while not os.path.exists(path + ".sock"):
        assert server.poll() is None
        time.sleep(0.05)
    return "nbd+unix:///?socket=%s.sock" % path, server


@pytest.fixture(name="tools")
def _tools(new_vm, tmp_path):
    """Makes a guest with a disk of some kind as /dev/sda, and the tools."""
    servers = []
    made = []

    def make(backend="vhdx", size_mib=512, options="", kernel="6.1", cpus=1):
        disk, server = image(str(tmp_path), backend, size_mib)
        if server:
            servers.append(server)
        one = new_vm(kernel=kernel, cpus=cpus, memory="768M", options=(
            "--disk", disk + options))
        # Of two at once the guest may name the second first.
        one.run("until [ -b /dev/sda ]; do sleep .1; done")
        rpc = vm_module.Rpc(one.name)
        rpc.call("disk.attach", path=debian.disk(print), lun=1, read_only=True)
        rpc.close()
        one.run("until [ -b /dev/sdb ]; do sleep .1; done")
        one.run("mkdir -p %s; mount -t ext4 -o ro,noload /dev/sdb %s" % (
            TOOLS, TOOLS))
        for folder in ("dev", "proc", "sys", "run", "tmp"):
            one.run("mount -o bind /%s %s/%s" % (folder, TOOLS, folder))
        made.append(one)
        return one

    yield make
    for one in made:
        one.kill()
    for server in servers:
        server.terminate()
        server.wait()


def tool(one, command, timeout_s=900):
    """Runs a command of the Debian: its output."""
    return one.run("chroot %s %s" % (TOOLS, command), timeout_s)


def fails(one, command):
    """Runs a command that must fail: its output."""
    status, output = one.try_run("chroot %s %s" % (TOOLS, command), 120)
    assert status, output
    return output


@pytest.mark.parametrize("cpus", (1, 4))
@pytest.mark.parametrize("backend", BACKENDS)
def test_fio_verify(tools, backend, cpus):
    """Random writes of every size are read as they were written."""
    one = tools(backend, 96, cpus=cpus)
    tool(one, FIO % (64, 1, "libaio", 16))
    tool(one, FIO % (64, 0, "psync", 1))
    assert not one.trouble()


def test_fio_verify_newer_kernel(tools):
    """The same on 6.12."""
    one = tools("vhdx", 96, kernel="6.12", cpus=2)
    tool(one, FIO % (64, 1, "libaio", 16))
    assert not one.trouble()


@pytest.mark.parametrize("name,make,check", (
    ("ext4", "mkfs.ext4 -q -F", "e2fsck -fn"),
    ("xfs", "mkfs.xfs -q -f", "xfs_repair -n"),
    ("btrfs", "mkfs.btrfs -q -f", "btrfs check --readonly"),
))
def test_file_system(tools, name, make, check):
    """A file system is made, filled to the last block, emptied by half, and
    found clean, with every file as it was."""
    one = tools("vhdx", 400)
    tool(one, "modprobe " + name)
    tool(one, make + " /dev/sda")
    one.run("mkdir -p /mnt/disk; mount -t %s -o discard /dev/sda /mnt/disk"
            % name)
    one.run("cd /mnt/disk; i=0; while dd if=/dev/urandom of=f$i bs=1M count=16 "
            "2>/dev/null; do i=$((i+1)); [ $i -lt 64 ] || break; done; "
            "sync; rm f*[02468]; sync; sha256sum f* >/tmp/sums", 600)
    one.run("umount /mnt/disk; mount -t %s /dev/sda /mnt/disk; cd /mnt/disk; "
            "sha256sum -c /tmp/sums >/dev/null; cd /; umount /mnt/disk" % name,
            600)
    tool(one, check + " /dev/sda")
    assert not one.trouble()


def test_sg3_utils(tools):
    """What the standards say of pages, capacities, and commands."""
    one = tools("vhdx", 64, options=",serial=LIS-SERIAL")
    pages = tool(one, "sg_vpd /dev/sda")
    for name in ("Supported VPD pages", "Unit serial number",
                 "Device identification", "Block limits",
                 "Block device characteristics",
                 "Logical block provisioning"):
        assert name in pages
    assert "LIS-SERIAL" in tool(one, "sg_vpd -p sn /dev/sda")
    assert "designator type: NAA" in tool(one, "sg_vpd -p di /dev/sda")
    limits = tool(one, "sg_vpd -p bl /dev/sda")
    assert re.search(r"Maximum unmap LBA count: [1-9-]", limits)
    assert "Unmap command supported (LBPU): 1" in \
        tool(one, "sg_vpd -p lbpv /dev/sda")
    assert re.search(r"Number of logical blocks=131072\b",
                     tool(one, "sg_readcap --16 /dev/sda"))
    assert "lbpme=1" in tool(one, "sg_readcap --16 /dev/sda")

    # Three ways to zeros.
    one.run("tr '\\0' x </dev/zero | head -c 1048576 >/tmp/x")
    zero = "dd if=/dev/sda bs=64k skip=%d count=1 iflag=direct " \
        "2>/dev/null | tr -d '\\0' | wc -c"
    for command in ("sg_unmap --lba=0 --num=128 /dev/sda",
                    "sg_write_same --16 --lba=128 --num=128 --xferlen=512 "
                    "--in=/dev/zero /dev/sda",
                    "sg_write_same --16 --unmap --lba=256 --num=128 "
                    "--xferlen=512 --in=/dev/zero /dev/sda"):
        one.run("dd if=/tmp/x of=/dev/sda bs=64k count=4 oflag=direct "
                "2>/dev/null")
        where = int(re.search(r"lba=(\d+)", command).group(1)) // 128
        tool(one, command)
        assert tool(one, "sh -c \"%s\"" % (zero % where)) == "0"
        assert tool(one, "sh -c \"%s\"" % (zero % 3)) == "65536"


def test_persistent_reservations(tools):
    """Keys are registered, a reservation is held and given up."""
    one = tools("raw", 64)
    persist = "sg_persist --device=/dev/sda "
    assert "NO registered" in tool(one, persist + "--in --read-keys")
    tool(one, persist + "--out --register --param-sark=0xabc")
    assert "0xabc" in tool(one, persist + "--in --read-keys")
    tool(one, persist + "--out --reserve --param-rk=0xabc --prout-type=1")
    assert "Write Exclusive" in tool(one, persist + "--in --read-reservation")
    fails(one, persist + "--out --reserve --param-rk=0xdef --prout-type=1")
    tool(one, persist + "--out --release --param-rk=0xabc --prout-type=1")
    assert "NO reservation" in tool(one, persist + "--in --read-reservation")
    tool(one, persist + "--out --clear --param-rk=0xabc")
    assert "NO registered" in tool(one, persist + "--in --read-keys")


@pytest.mark.parametrize("what", ("--device", "--target", "--bus"))
def test_reset_under_load(tools, what):
    """A reset in the middle of writes: all go on, and nothing is torn."""
    one = tools("vhdx", 96)
    one.run("(chroot %s %s >/tmp/fio 2>&1; echo $? >/tmp/status) &" % (
        TOOLS, FIO % (64, 1, "libaio", 16)))
    for _ in range(10):
        tool(one, "sg_reset %s /dev/sg0" % what)
        one.run("sleep 0.3")
    status = one.run("until [ -e /tmp/status ]; do sleep 0.5; done; "
                     "cat /tmp/status", 900)
    assert status == "0", one.run("cat /tmp/fio")


@pytest.mark.parametrize("kernel", list(guest.KERNELS))
def test_4k_sectors(tools, kernel):
    """A disk of 4096-byte sectors, seen as that, with a file system."""
    one = tools("raw", 128, options=",sector=4096", kernel=kernel)
    assert one.run("cat /sys/block/sda/queue/logical_block_size") == "4096"
    tool(one, "mkfs.ext4 -q -F /dev/sda")
    one.run("mkdir -p /mnt/disk; mount -t ext4 /dev/sda /mnt/disk; "
            "dd if=/dev/urandom of=/mnt/disk/f bs=1M count=16 2>/dev/null; "
            "umount /mnt/disk")
    tool(one, "e2fsck -fn /dev/sda")
