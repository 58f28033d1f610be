# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Synthetic disks as the kernel's own hv_storvsc sees them."""

import hashlib
import os
import random
import subprocess
import time

import pytest

import vm as vm_module

MIB = 1 << 20
# Until a disk's node is there; its driver scans in the background.
WAIT = "n=0; until [ -e %s ]; do n=$((n+1)); [ $n -lt 300 ] || exit 1; " \
    "sleep .1; done; "
GONE = "n=0; while [ -e %s ]; do n=$((n+1)); [ $n -lt 300 ] || exit 1; " \
    "sleep .1; done; "


def random_bytes(size, seed=1):
    """Bytes that look like nothing else."""
    return random.Random(seed).randbytes(size)


@pytest.fixture
def image(tmp_path):
    """Makes raw images: image(size, name=, data=) gives a path."""
    made = []

    def make(size, name="disk.raw", data=b""):
        path = str(tmp_path / name)
        with open(path, "wb") as stream:
            stream.truncate(size)
            stream.write(data)
        made.append(path)
        return path

    yield make
    for path in made:
        if os.path.exists(path):
            os.unlink(path)


def digest(path):
    """The MD5 sum of a file, as the guest's md5sum says it."""
    with open(path, "rb") as stream:
        return hashlib.md5(stream.read()).hexdigest()


def node(guest, name, then=""):
    """Waits for a device node, then runs a command."""
    return guest.run(WAIT % ("/dev/" + name) + then)


def test_read_and_write(new_vm, image, kernel):
    """What is in the file is in /dev/sda, and the other way round."""
    path = image(64 * MIB, data=random_bytes(3 * MIB))
    guest = new_vm(kernel=kernel, options=("--disk", path))
    total = "md5sum /dev/sda | cut -c-32"
    assert node(guest, "sda", total) == digest(path)
    guest.run("dd if=/dev/urandom of=/dev/sda bs=1M count=8 seek=3 "
              "conv=fsync 2>/dev/null; "
              "dd if=/dev/urandom of=/dev/sda bs=512 count=7 seek=99 "
              "conv=fsync 2>/dev/null; echo 3 >/proc/sys/vm/drop_caches")
    assert guest.run(total) == digest(path)
    assert guest.run("cat /sys/block/sda/size") == str(64 * MIB // 512)
    assert not guest.trouble()


def test_sub_channels(new_vm, image):
    """A channel for each processor, all of them in use."""
    guest = new_vm(cpus=2, options=("--disk", image(64 * MIB)))
    device = "$(dirname /sys/bus/vmbus/devices/*/host*/target*)"
    assert node(guest, "sda", "ls %s/../channels | wc -l" % device) == "2"
    # Each processor sends through its own.
    guest.run("for cpu in 0 1; do taskset $((1 << cpu)) dd if=/dev/zero "
              "of=/dev/sda bs=64k count=64 seek=$((cpu * 64)) oflag=direct "
              "2>/dev/null; done")
    counts = guest.run("cat %s/../channels/*/out_full_total; "
                       "cat %s/../channels/*/interrupts" % (device, device))
    assert all(int(count) > 0 for count in counts.split()[2:])
    assert not guest.trouble()


def test_sectors_and_identity(new_vm, image):
    """512, 512e and 4096-byte sectors, serial numbers, a read-only disk."""
    paths = [image(16 * MIB, "disk%d.raw" % i) for i in range(4)]
    guest = new_vm(options=(
        "--disk", paths[0] + ",sector=512",
        "--disk", paths[1] + ",sector=512e,serial=Abc-1",
        "--disk", paths[2] + ",sector=4096,lun=7",
        "--disk", paths[3] + ",sector=512,read-only,controller=2"))
    node(guest, "sdd")
    shown = guest.run(
        "for d in /sys/block/sd?; do echo $(cat $d/queue/logical_block_size "
        "$d/queue/physical_block_size $d/ro $d/size) "
        "$(basename $(readlink $d/device)); done | sort -k 5")
    rows = [line.split() for line in shown.splitlines()]
    assert sorted(row[:4] for row in rows) == sorted([
        ["512", "512", "0", "32768"], ["512", "4096", "0", "32768"],
        ["4096", "4096", "0", "32768"], ["512", "512", "1", "32768"]])
    assert sorted(row[4].split(":")[3] for row in rows) == ["0", "0", "1", "7"]
    pages = guest.run("cat /sys/block/sd?/device/vpd_pg80 | strings")
    assert "Abc-1" in pages
    names = guest.run("cat /sys/block/sd?/device/wwid").splitlines()
    assert len(set(names)) == 4
    assert not guest.trouble()


def test_dvd_and_ide(new_vm, image):
    """A DVD in a drive, and a disk at the IDE accelerator."""
    dvd = image(4 * MIB, "dvd.iso", random_bytes(4 * MIB, 2))
    disk = image(8 * MIB, "ide.raw", random_bytes(8 * MIB, 3))
    guest = new_vm(options=("--dvd", dvd, "--disk",
                            disk + ",controller=ide,lun=1"))
    assert node(guest, "sda", "md5sum /dev/sda | cut -c-32") == digest(disk)
    assert node(guest, "sr0", "md5sum /dev/sr0 | cut -c-32") == digest(dvd)
    guest.run("dd if=/dev/urandom of=/dev/sda bs=1M count=2 conv=fsync "
              "2>/dev/null")
    assert guest.run("md5sum /dev/sda | cut -c-32") == digest(disk)
    assert not guest.trouble()


def test_hot_add_and_remove(new_vm, image):
    """Disks come and go while others are in use."""
    guest = new_vm(cpus=2, options=("--disk", image(64 * MIB)))
    rpc = vm_module.Rpc(guest.name)
    node(guest, "sda", "dd if=/dev/zero of=/dev/sda bs=64k oflag=direct "
         ">/dev/null 2>&1 &")
    for number in range(3):
        added = image(32 * MIB, "added%d.raw" % number,
                      random_bytes(MIB, number))
        place = rpc.call("disk.attach", path=added)
        assert place == {"controller": 0, "lun": 1}
        assert node(guest, "sdb", "md5sum /dev/sdb | cut -c-32") == \
            digest(added)
        rpc.call("disk.detach", **place)
        guest.run(GONE % "/dev/sdb")
    # A controller that was not there before.
    rpc.call("disk.attach", path=added, controller=3, lun=9)
    node(guest, "sdb")
    assert [disk["controller"] for disk in
            rpc.call("disk.list")["disks"]] == [0, 3]
    rpc.close()
    assert not guest.trouble()


def test_resize(new_vm, image, kernel):
    """A disk grows and shrinks, and the guest sees it at its next request."""
    guest = new_vm(kernel=kernel, options=("--disk", image(32 * MIB)))
    rpc = vm_module.Rpc(guest.name)
    node(guest, "sda")
    for size in (64 * MIB, 48 * MIB):
        rpc.call("disk.resize", controller=0, lun=0, size_bytes=size)
        guest.run("n=0; until [ $(cat /sys/block/sda/size) = %d ]; do "
                  "n=$((n+1)); [ $n -lt 300 ] || exit 1; sleep .1; done"
                  % (size // 512))
    guest.run("dd if=/dev/zero of=/dev/sda bs=1M count=1 seek=47 conv=fsync "
              "2>/dev/null")
    rpc.close()


def test_host_disk_full(new_vm, tmp_path):
    """No room on the host pauses the VM; with room it goes on, whole."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24M", "tmpfs", folder],
                   check=True)
    try:
        path = str(folder / "disk.raw")
        with open(path, "wb") as stream:
            stream.truncate(64 * MIB)
        guest = new_vm(options=("--disk", path))
        rpc = vm_module.Rpc(guest.name)
        node(guest, "sda", "(dd if=/dev/urandom of=/dev/sda bs=1M count=40 "
             "oflag=direct 2>/dev/null; sync; echo $? >/run/result) "
             ">/dev/null 2>&1 &")
        wait_state(rpc, "paused-critical")
        assert rpc.call("disk.list")["disks"][0]["full"]
        subprocess.run(["mount", "-o", "remount,size=80M", folder], check=True)
        wait_state(rpc, "running")
        guest.run("n=0; until [ -e /run/result ]; do n=$((n+1)); "
                  "[ $n -lt 600 ] || exit 1; sleep .1; done")
        assert guest.run("cat /run/result") == "0"
        assert guest.run("md5sum /dev/sda | cut -c-32") == digest(path)
        assert not guest.trouble()
        rpc.close()
        guest.kill()
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def wait_state(rpc, state, timeout_s=60):
    """Waits until the VM is in a state."""
    limit = time.monotonic() + timeout_s
    while rpc.call("vm.info")["state"] != state:
        assert time.monotonic() < limit, "never " + state
        time.sleep(0.1)


def test_restart(new_vm, image):
    """The disk is there again after the guest's own restart."""
    path = image(16 * MIB)
    guest = new_vm(options=("--disk", path))
    node(guest, "sda", "echo lasting >/dev/sda; sync")
    start = len(guest.console.text)
    guest.run("(sleep 1; reboot -f) >/dev/null 2>&1 &")
    guest.ready(start)
    assert node(guest, "sda", "head -n 1 /dev/sda") == "lasting"
    assert not guest.trouble()
