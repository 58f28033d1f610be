# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Synthetic disks as the kernel's own hv_storvsc sees them.

One guest has a disk of each kind; a disk is told by its size.
"""

import hashlib
import os
import random
import signal
import subprocess
import time

import pytest

import vm as vm_module
from conftest import need
from test_disk_tools import image

MIB = 1 << 20
# What the guest has: size in MiB and how it is given.
DISKS = {
    "plain": (16, "--disk", ",sector=512"),
    "512e": (5, "--disk", ",sector=512e,serial=Abc-1"),
    "4096": (6, "--disk", ",sector=4096,lun=7"),
    "read-only": (7, "--disk", ",sector=512,read-only,controller=2"),
    "ide": (8, "--disk", ",controller=ide,lun=1"),
    "dvd": (9, "--dvd", ""),
}


def random_bytes(size, seed=1):
    """Bytes that look like nothing else."""
    return random.Random(seed).randbytes(size)


def image_make(path, size, data=b""):
    """Makes a raw image."""
    with open(path, "wb") as stream:
        stream.truncate(size)
        stream.write(data)
    return path


def digest(path):
    """The MD5 sum of a file, as the guest's md5sum says it."""
    with open(path, "rb") as stream:
        return hashlib.md5(stream.read()).hexdigest()


def until(guest, condition):
    """Waits until a shell condition holds in the guest."""
    guest.run("n=0; until %s; do n=$((n+1)); [ $n -lt %d ] || exit 1; "
              "sleep .1; done" % (condition, 600 * guest.patience()))


def find(guest, mib):
    """The device of a size: its name. Its driver scans in the background."""
    search = "grep -lx %d /sys/block/s*/size" % (mib * MIB // 512)
    until(guest, search + " >/dev/null 2>&1")
    return guest.run(search).split("/")[3]


def total(guest, name):
    """The MD5 sum of a whole disk, past the guest's cache."""
    return guest.run("echo 3 >/proc/sys/vm/drop_caches; md5sum /dev/%s | "
                     "cut -c-32" % name)


class Disks:
    """A guest with disks, and their images."""

    def __init__(self, kernel, cpus, folder):
        self.folder, self.options, self.paths = folder, [], {}
        for seed, (kind, (mib, option, more)) in enumerate(DISKS.items()):
            path = image_make(os.path.join(folder, kind + ".raw"), mib * MIB,
                              random_bytes(MIB, seed))
            self.paths[kind] = path
            self.options += [option, path + more]
        self.guest = vm_module.Guest("disks-" + kernel, kernel, cpus,
                                     options=self.options)
        self.guest.boot()
        self.rpc = vm_module.Rpc(self.guest.name)

    def name(self, kind):
        """The device of a disk in the guest."""
        return find(self.guest, DISKS[kind][0])


@pytest.fixture(scope="module", name="disks")
def _disks(tmp_path_factory):
    """A guest with two processors and a disk of each kind."""
    need("6.1")
    disks = Disks("6.1", 2, str(tmp_path_factory.mktemp("disks")))
    yield disks
    disks.rpc.close()
    disks.guest.kill()


def check_writes(disks, kind):
    """What the guest writes is what it reads, and is in the image."""
    guest, name = disks.guest, disks.name(kind)
    assert total(guest, name) == digest(disks.paths[kind])
    guest.run("dd if=/dev/urandom of=/dev/%s bs=64k count=9 seek=20 "
              "conv=fsync 2>/dev/null" % name)
    guest.run("dd if=/dev/urandom of=/dev/%s bs=4k count=7 seek=99 "
              "oflag=direct 2>/dev/null" % name)
    assert total(guest, name) == digest(disks.paths[kind])


def check_resize(disks):
    """The plain disk grows and shrinks, and the guest sees it."""
    guest, name = disks.guest, disks.name("plain")
    for mib in (24, 20, 16):
        disks.rpc.call("disk.resize", controller=0, lun=0,
                       size_bytes=mib * MIB)
        until(guest, "[ $(cat /sys/block/%s/size) = %d ]"
              % (name, mib * MIB // 512))


@pytest.mark.parametrize("kind", ["plain", "512e", "4096", "ide"])
def test_read_and_write(disks, kind):
    """Disks with sectors of every kind, and at the IDE accelerator."""
    check_writes(disks, kind)


def test_dvd(disks):
    """A DVD reads as its image, and is not written."""
    guest, name = disks.guest, disks.name("dvd")
    assert name.startswith("sr")
    assert total(guest, name) == digest(disks.paths["dvd"])
    assert guest.try_run("dd if=/dev/zero of=/dev/%s count=4 conv=fsync"
                         % name)[0] != 0


def drive(disks):
    """What lis disk list has of the DVD drive."""
    rows = vm_module.lis("disk", "list", "--vm", disks.guest.name,
                         "--json").json["disks"]
    return next(row for row in rows if row["kind"] == "dvd")


def wait_drive(disks, key, value):
    """Waits until the drive is said to be so."""
    limit = time.monotonic() + 60
    while drive(disks)[key] != value:
        assert time.monotonic() < limit, "never %s %s" % (key, value)
        time.sleep(0.2)


def test_media_change(disks):
    """What is in the drive is changed by the host, and ejected by the guest;
    a drive that the guest uses is locked."""
    guest, name, vm_name = disks.guest, disks.name("dvd"), disks.guest.name
    other = image_make(os.path.join(disks.folder, "other.raw"), 4 * MIB,
                       random_bytes(MIB, 70))

    def disk(*arguments, **options):
        return vm_module.lis("disk", *arguments, "--vm", vm_name, **options)

    disk("insert", other)
    assert total(guest, name) == digest(other)
    guest.run("sleep 600 </dev/%s >/dev/null 2>&1 & echo $! >/run/holder"
              % name)
    wait_drive(disks, "locked", True)
    refused = disk("eject", check=False)
    assert refused.status != 0 and "keeps the drive shut" in refused.error
    assert " locked " in disk("list").output
    guest.run("kill $(cat /run/holder)")
    wait_drive(disks, "locked", False)
    disk("eject", other)
    assert "empty" in disk("list").output
    assert guest.try_run("dd if=/dev/%s count=1" % name)[0] != 0
    disk("insert", disks.paths["dvd"])
    assert total(guest, name) == digest(disks.paths["dvd"])
    guest.run("eject /dev/" + name)
    wait_drive(disks, "medium", False)
    assert "the guest ejected" in vm_module.lis(
        "events", vm_name, "--no-follow").output
    disk("insert", disks.paths["dvd"], "0:%d" % drive(disks)["lun"])
    assert total(guest, name) == digest(disks.paths["dvd"])


def test_read_only(disks):
    """A read-only disk says so and stays as it is."""
    guest, name = disks.guest, disks.name("read-only")
    assert guest.run("cat /sys/block/%s/ro" % name) == "1"
    assert guest.try_run("dd if=/dev/zero of=/dev/%s count=4 conv=fsync"
                         % name)[0] != 0
    assert total(guest, name) == digest(disks.paths["read-only"])


def test_geometry_and_identity(disks):
    """Sectors, places, serial numbers and names."""
    shown = {}
    for kind in ("plain", "512e", "4096", "read-only"):
        name = disks.name(kind)
        shown[kind] = disks.guest.run(
            "cd /sys/block/%s; echo $(cat queue/logical_block_size "
            "queue/physical_block_size device/wwid) "
            "$(basename $(readlink device)); strings device/vpd_pg80" % name)
    words = {kind: text.split() for kind, text in shown.items()}
    assert {kind: row[:2] for kind, row in words.items()} == {
        "plain": ["512", "512"], "512e": ["512", "4096"],
        "4096": ["4096", "4096"], "read-only": ["512", "512"]}
    assert "Abc-1" in shown["512e"]
    assert ":7\n" in shown["4096"]
    assert len({text.split("\n")[0].rsplit(" ", 1)[0].split(" ", 2)[2]
                for text in shown.values()}) == 4


def test_sub_channels(disks):
    """A channel for each processor, all of them in use."""
    name, cpus = disks.name("plain"), disks.guest.cpus
    channels = "$(realpath /sys/block/%s/device/../../../channels)" % name
    assert disks.guest.run("ls %s | wc -l" % channels) == str(cpus)
    before = disks.guest.run("cat %s/*/interrupts" % channels).split()
    disks.guest.run(
        "for cpu in $(seq %d); do taskset -c $((cpu - 1)) dd if=/dev/zero "
        "of=/dev/%s bs=64k count=16 seek=$((cpu * 16)) oflag=direct "
        "2>/dev/null; done" % (cpus, name))
    after = disks.guest.run("cat %s/*/interrupts" % channels).split()
    assert all(int(new) > int(old) for new, old in zip(after, before))


def test_hot_add_and_remove(disks):
    """Disks come and go while others are in use."""
    guest, rpc = disks.guest, disks.rpc
    guest.run("(while [ ! -e /run/enough ]; do dd if=/dev/zero of=/dev/%s "
              "bs=64k count=99 oflag=direct; done; touch /run/ended) "
              ">/dev/null 2>&1 &" % disks.name("plain"))
    for number in range(3):
        path = image_make(os.path.join(disks.folder, "added.raw"), 3 * MIB,
                          random_bytes(MIB, 50 + number))
        place = rpc.call("disk.attach", path=path, lun=9,
                         controller=0 if number else 3)
        name = find(guest, 3)
        assert total(guest, name) == digest(path)
        rpc.call("disk.detach", **place)
        until(guest, "[ ! -e /dev/%s ]" % name)
    assert vm_module.lis("disk", "list", "--vm", guest.name,
                         "--json").json["disks"][0]["lun"] == 0
    guest.run("touch /run/enough")
    until(guest, "[ -e /run/ended ]")


def test_resize(disks):
    """A disk grows and shrinks, and the guest sees it."""
    check_resize(disks)


def test_quiet(disks):
    """Nothing of all that was worth a warning."""
    assert not disks.guest.trouble()


def test_restart(disks):
    """The disks are there again after the guest's own restart."""
    guest = disks.guest
    guest.run("echo lasting >/dev/%s; sync" % disks.name("plain"))
    start = len(guest.console.text)
    guest.run("(sleep 1; reboot -f) >/dev/null 2>&1 &")
    guest.ready(start)
    assert guest.run("head -n 1 /dev/%s" % disks.name("plain")) == "lasting"
    assert total(guest, disks.name("ide")) == digest(disks.paths["ide"])


def test_newer_kernel(tmp_path):
    """The same with a newer driver, in short."""
    need("6.12")
    disks = Disks("6.12", 1, str(tmp_path))
    try:
        check_writes(disks, "plain")
        check_writes(disks, "ide")
        check_resize(disks)
        assert not disks.guest.trouble()
    finally:
        disks.rpc.close()
        disks.guest.kill()


@pytest.mark.parametrize("kernel", [
    "6.12", pytest.param("6.1", marks=pytest.mark.slow)])
def test_host_that_waits(new_vm, kernel, tmp_path):
    """What the host keeps for longer than the guest has patience is late, and
    not lost: its disk stands still for a while, and then goes on."""
    disk, server = image(str(tmp_path), "nbd", 64)
    try:
        vm = new_vm(kernel, options=("--disk", disk))
        vm.run("dd if=/dev/urandom of=/tmp/data bs=1M count=4 2>/dev/null; "
               "echo 2 >/sys/block/sda/device/timeout")
        os.kill(server.pid, signal.SIGSTOP)
        vm.run("(dd if=/tmp/data of=/dev/sda bs=64k conv=fsync 2>/tmp/said; "
               "echo $? >/tmp/status) & sleep 15")
        assert vm.try_run("test -e /tmp/status")[0] != 0
        os.kill(server.pid, signal.SIGCONT)
        vm.run("until [ -e /tmp/status ]; do sleep 0.2; done", 120)
        assert vm.run("cat /tmp/status") == "0", vm.run("cat /tmp/said")
        vm.run("echo 3 >/proc/sys/vm/drop_caches; "
               "dd if=/dev/sda bs=1M count=4 2>/dev/null | cmp - /tmp/data")
        if vm_module.DRIVERS == "ours":
            assert "has not answered a command within 2 s" in vm.run("dmesg")
    finally:
        server.kill()
        server.wait()


def wait_state(rpc, state, timeout_s=60):
    """Waits until the VM is in a state."""
    limit = time.monotonic() + timeout_s
    while rpc.call("vm.info")["state"] != state:
        assert time.monotonic() < limit, "never " + state
        time.sleep(0.1)


@pytest.fixture(name="small")
def _small(tmp_path):
    """A folder with little room: a function that gives it more."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6M", "tmpfs",
                    tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def test_host_disk_full(new_vm, small):
    """No room on the host pauses the VM; with room it goes on, whole."""
    path = image_make(str(small / "disk.raw"), 16 * MIB)
    guest = new_vm(options=("--disk", path))
    rpc = vm_module.Rpc(guest.name)
    name = find(guest, 16)
    guest.run("(dd if=/dev/urandom of=/dev/%s bs=256k count=40 oflag=direct "
              "2>/dev/null; sync; echo $? >/run/result) >/dev/null 2>&1 &"
              % name)
    wait_state(rpc, "paused-critical")
    assert rpc.call("disk.list")["disks"][0]["full"]
    subprocess.run(["mount", "-o", "remount,size=24M", small], check=True)
    wait_state(rpc, "running")
    until(guest, "[ -e /run/result ]")
    assert guest.run("cat /run/result") == "0"
    assert total(guest, name) == digest(path)
    assert not guest.trouble()
    rpc.close()
    guest.kill()


def controllers(guest):
    """{SCSI host of the guest: how many disks it has}."""
    hosts = guest.run("for d in /sys/block/sd*; do readlink -f $d/device; done")
    count = {}
    for line in hosts.split():
        host = line.rpartition("/")[2].partition(":")[0]
        count[host] = count.get(host, 0) + 1
    return count


@pytest.mark.slow
def test_every_place(new_vm, tmp_path):
    """All that one controller holds, and the three others."""
    options = []
    for number in range(64 + 3):
        path = image_make(str(tmp_path / ("%d.raw" % number)), MIB,
                          b"%d," % number)
        options += ["--disk", "%s,controller=%d,lun=%d" % (
            path, max(0, number - 63), number if number < 64 else 0)]
    guest = new_vm(options=options)
    until(guest, "[ $(ls -d /sys/block/sd* | wc -l) = 67 ]")
    assert sorted(controllers(guest).values()) == [1, 1, 1, 64]
    said = guest.run("for d in /dev/sd*; do head -c 3 $d | cut -d , -f 1; done")
    assert sorted(int(line) for line in said.split()) == list(range(67))
    assert not guest.trouble()
    guest.kill()


@pytest.mark.parametrize("name", (
    pytest.param("raw", marks=pytest.mark.slow), "vhdx"))
def test_beyond_two_terabytes(new_vm, tmp_path, name):
    """A disk with more sectors than 32 bits count; its last ones too."""
    size = 3 << 40
    path = str(tmp_path / ("big." + name))
    if name == "raw":
        image_make(path, size)
    else:
        vm_module.lis("disk", "create", path, "3T")
    guest = new_vm(options=("--disk", path))
    disk = find(guest, size // MIB)
    guest.run("dd if=/dev/urandom of=/run/data bs=1M count=1 2>/dev/null")
    for place in (0, (2 << 20) - 1, (2 << 20) + 5, (3 << 20) - 1):
        guest.run("dd if=/run/data of=/dev/%s bs=1M seek=%d conv=fsync "
                  "2>/dev/null" % (disk, place))
        guest.run("echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/%s bs=1M "
                  "skip=%d count=1 2>/dev/null | cmp - /run/data" % (
                      disk, place))
    # Sparse on the host: nothing of the rest was written.
    assert os.stat(path).st_blocks * 512 < 200 * MIB
    assert not guest.trouble()
    guest.kill()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ("fixed.vhdx", "child.vhdx", "dynamic.vhd",
                                  "fixed.vhd"))
def test_image_kinds(new_vm, tmp_path, kind):
    """What the guest writes is in each kind of image, and it checks clean."""
    base, path = str(tmp_path / "base.raw"), str(tmp_path / kind)
    image_make(base, 16 * MIB, random_bytes(16 * MIB, 7))
    if kind == "child.vhdx":
        parent = str(tmp_path / "parent.vhdx")
        vm_module.lis("disk", "convert", base, parent)
        vm_module.lis("disk", "create", path, "--parent", parent)
    else:
        fixed = ["--fixed"] if kind.startswith("fixed") else []
        vm_module.lis("disk", "convert", base, path, *fixed)
    guest = new_vm(options=("--disk", path))
    disk = find(guest, 16)
    assert total(guest, disk) == digest(base)
    guest.run("dd if=/dev/urandom of=/dev/%s bs=100k count=31 seek=5 "
              "conv=fsync 2>/dev/null" % disk)
    said = total(guest, disk)
    assert not guest.trouble()
    guest.lis("stop", "--turn-off")
    guest.wait_end()
    vm_module.lis("disk", "check", path)
    back = str(tmp_path / "back.raw")
    vm_module.lis("disk", "convert", path, back)
    assert digest(back) == said
