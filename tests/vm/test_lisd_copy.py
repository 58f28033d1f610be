# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""File copy with lisd in the guest: what goes wrong in the daemons that exist,
and faults in the midst of a copy. No part of a file stays, and the host is
told."""

import hashlib
import os
import signal
import subprocess
import time

import pytest

import lisd_guest
import vm as vm_module

SERVICE = "Guest Service Interface"
FOLDER = "/tmp/in"
LIMIT_S = 120


@pytest.fixture(scope="module", name="lisd")
def _lisd(_kept):
    """A guest whose file copy lisd serves."""
    if not _kept.alive():
        _kept.boot()
    lisd_guest.take_over(_kept, "fcopy")
    yield _kept
    if _kept.alive():
        _kept.run("rm -f /etc/lisd.conf")
        lisd_guest.give_back(_kept, "fcopy")


@pytest.fixture(name="guest")
def _guest(vm, lisd):  # pylint: disable=unused-argument
    """It, with an empty folder."""
    vm.wait_status(SERVICE, "OK", LIMIT_S)
    vm.run("umount %s 2>/dev/null; rm -rf %s; mkdir %s"
           % (FOLDER, FOLDER, FOLDER))
    return vm


@pytest.fixture(name="small")
def _small(tmp_path):
    """A small file."""
    path = tmp_path / "small"
    path.write_text("a line\n")
    return str(path)


@pytest.fixture(name="big")
def _big(tmp_path):
    """A file that takes long: its bytes are not zero."""
    path = tmp_path / "big"
    path.write_bytes(b"x" * (24 << 20))
    return str(path)


def refused(vm, *arguments):
    """A copy that is refused: what it says."""
    result = vm.lis("copy", *arguments, check=False)
    assert result.status != 0
    return result.error


def begin(vm, source, target):
    """A copy under way: its process, when the guest has some of it."""
    process = subprocess.Popen(
        [vm_module.LIS, "copy", vm.name, source, target],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    # The daemon holds a file of the target's folder open, named or not.
    vm.run("until ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q '%s/'; do "
           "sleep 0.1; done" % FOLDER, LIMIT_S)
    return process


def end(process):
    """Its status and what it said."""
    _, error = process.communicate(timeout=LIMIT_S)
    return process.returncode, error


def assert_nothing_left(vm):
    """Neither a part of the file nor a temporary name, nor it held open."""
    limit = time.monotonic() + LIMIT_S
    while True:
        left = vm.run("ls -A %s; ls -l /proc/[0-9]*/fd 2>/dev/null | "
                      "grep '%s/'; true" % (FOLDER, FOLDER))
        if not left:
            return
        assert time.monotonic() < limit, left
        time.sleep(0.2)


def test_names_of_many_characters(guest, small):
    """16-bit and 32-bit characters confused: U+012F became "/"."""
    for name in ("\u012f", "\U0001f600 \u00e4\u012f/\u4e2d\u6587"):
        guest.lis("copy", small, FOLDER + "/" + name, "--create-parents")
        assert guest.run("cat '%s/%s'" % (FOLDER, name)) == "a line"


def test_not_seen_before_it_is_whole(guest, big):
    """Nobody reads half of a file; cancel leaves nothing behind."""
    process = begin(guest, big, FOLDER + "/big")
    assert guest.run("ls " + FOLDER) == ""
    process.send_signal(signal.SIGINT)
    status, error = end(process)
    assert status != 0 and "cancel" in error
    assert_nothing_left(guest)


def test_disk_full(guest, big, small):
    """Told before the first byte, and when it fills on the way."""
    guest.run("mount -t tmpfs -o size=8m tmpfs " + FOLDER)
    assert "space" in refused(guest, big, FOLDER + "/big")
    assert_nothing_left(guest)
    guest.lis("copy", small, FOLDER + "/small")


@pytest.mark.slow
def test_disk_that_fills_on_the_way(guest, big):
    """Another writer takes the space that was there at first."""
    guest.run("mount -t tmpfs -o size=26m tmpfs " + FOLDER)
    process = begin(guest, big, FOLDER + "/big")
    guest.run("dd if=/dev/zero of=%s/.other bs=1M 2>/dev/null; true" % FOLDER,
              LIMIT_S)
    status, error = end(process)
    guest.run("rm %s/.other" % FOLDER)
    assert status != 0 and "space" in error
    assert_nothing_left(guest)


@pytest.mark.slow
def test_exact_errors(guest, small):
    """Exists, no folder, read-only, in the way of something else."""
    guest.run("echo old >%s/x; mkdir %s/d" % (FOLDER, FOLDER))
    assert "exists" in refused(guest, small, FOLDER + "/x")
    assert "folder" in refused(guest, small, FOLDER + "/none/x")
    assert "denied" in refused(guest, small, FOLDER + "/d", "--force")
    guest.run("mount -t tmpfs -o ro tmpfs %s/d" % FOLDER)
    try:
        assert "denied" in refused(guest, small, FOLDER + "/d/x")
    finally:
        guest.run("umount %s/d" % FOLDER)


def test_links_of_others(guest, small):
    """Never through a symbolic link that somebody swapped in."""
    guest.run("mkdir /tmp/victim; echo safe >/tmp/victim/x; cd %s; "
              "ln -s /tmp/victim theirs; chown -h 1000 theirs; "
              "ln -s /tmp/victim roots; ln -s /tmp/victim/x file" % FOLDER)
    try:
        assert "denied" in refused(guest, small, FOLDER + "/theirs/new")
        guest.lis("copy", small, FOLDER + "/roots/new")
        guest.lis("copy", small, FOLDER + "/file", "--force")
        assert guest.run("cat /tmp/victim/x %s/file" % FOLDER) == \
            "safe\na line"
    finally:
        guest.run("rm -r /tmp/victim")


@pytest.mark.slow
def test_allowed_folders(guest, small):
    """Only folders that the administrator named."""
    guest.run("echo 'fcopy.folders = %s' >/etc/lisd.conf; daemon stop fcopy; "
              "daemon start fcopy" % FOLDER)
    try:
        guest.wait_status(SERVICE, "OK", LIMIT_S)
        guest.lis("copy", small, FOLDER + "/x")
        assert "denied" in refused(guest, small, "/tmp/outside")
    finally:
        guest.run("rm -f /etc/lisd.conf; daemon stop fcopy; "
                  "daemon start fcopy")
    guest.wait_status(SERVICE, "OK", LIMIT_S)


@pytest.mark.slow
def test_service_disabled_in_the_midst(guest, big, small):
    """The host takes the service back while a file is under way."""
    process = begin(guest, big, FOLDER + "/big")
    guest.lis("disable", SERVICE)
    status, _ = end(process)
    assert status != 0
    assert_nothing_left(guest)
    guest.lis("enable", SERVICE)
    guest.wait_status(SERVICE, "OK", LIMIT_S)
    guest.lis("copy", small, FOLDER + "/small")
    assert not guest.trouble()


def test_daemon_killed_in_the_midst(guest, big, small):
    """The daemon dies: no part stays, and its successor goes on."""
    process = begin(guest, big, FOLDER + "/big")
    guest.run("kill -9 $(daemon pid fcopy)")
    status, _ = end(process)
    assert status != 0
    assert_nothing_left(guest)
    guest.wait_status(SERVICE, "OK", LIMIT_S)
    guest.lis("copy", small, FOLDER + "/small")


@pytest.mark.slow
def test_survives_a_crash(new_vm, tmp_path):
    """The machine fails as soon as the host was told that the file is there:
    all of it is on the disk by then."""
    source, disk = tmp_path / "source", str(tmp_path / "disk.raw")
    source.write_bytes(os.urandom(3 << 20))
    with open(disk, "wb") as stream:
        stream.truncate(32 << 20)
    # With a journal, as every guest's: without, a crash can harm any of it.
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-O",
                    "^metadata_csum", disk], check=True,
                   stdin=subprocess.DEVNULL)
    vm = new_vm(options=("--disk", disk, "--enable", SERVICE))
    lisd_guest.take_over(vm, "fcopy")
    vm.wait_status(SERVICE, "OK", LIMIT_S)
    mount = "until [ -b /dev/sda ]; do sleep 0.1; done; mkdir -p /mnt/disk; " \
        "mount -t ext4 /dev/sda /mnt/disk"
    vm.run(mount + "; echo old >/mnt/disk/replaced; sync")
    vm.lis("copy", str(source), "/mnt/disk/new")
    vm.lis("copy", str(source), "/mnt/disk/replaced", "--force")
    vm.kill()
    vm.boot()
    vm.run(mount)
    wanted = hashlib.sha256(source.read_bytes()).hexdigest()
    for name in ("new", "replaced"):
        assert vm.run("sha256sum </mnt/disk/" + name).split()[0] == wanted
    assert vm.run("ls -A /mnt/disk | grep -v lost+found | sort") == \
        "new\nreplaced"


@pytest.mark.slow
def test_binds_the_driver_itself(guest, small):
    """Nothing tells uio_hv_generic of the channel but lisd."""
    if guest.kernel != "6.12":
        pytest.skip("before Linux 6.10 file copy is a driver of the kernel's")
    guest.run("""daemon stop fcopy
        cd /sys/bus/vmbus/drivers/uio_hv_generic
        echo 34d14be3-dee4-41c8-9ae7-6b174977c192 >remove_id
        for i in *-*; do echo -n $i >unbind; done
        ! ls -d *-* 2>/dev/null
        hv_fcopy_uio_daemon -n </dev/null >/dev/null 2>&1 &""")
    guest.wait_status(SERVICE, "OK", LIMIT_S)
    guest.lis("copy", small, FOLDER + "/small")
    guest.run("daemon stop fcopy; daemon start fcopy")
    guest.wait_status(SERVICE, "OK", LIMIT_S)


def copy_of_holes(vm, tmp_path, size, timeout_s):
    """Copies a file of little but holes: what is zero takes no space there."""
    path = tmp_path / "sparse"
    marks = {0: os.urandom(6144), size // 2: os.urandom(100),
             size - 7: os.urandom(7)}
    with open(path, "wb") as stream:
        stream.truncate(size)
        for offset, data in marks.items():
            stream.seek(offset)
            stream.write(data)
    # Room is looked for before the first byte, whatever will be holes.
    vm.run("mount -t tmpfs -o size=%dk tmpfs %s" % (size // 1000 + 100000,
                                                     FOLDER))
    vm.lis("copy", str(path), FOLDER + "/sparse", timeout_s=timeout_s)
    assert int(vm.run("stat -c %%s %s/sparse" % FOLDER)) == size
    assert int(vm.run("du -k %s/sparse" % FOLDER).split()[0]) < 100
    for offset, data in marks.items():
        got = vm.run("dd if=%s/sparse bs=1 skip=%d count=%d 2>/dev/null | "
                     "sha256sum" % (FOLDER, offset, len(data)))
        assert got.split()[0] == hashlib.sha256(data).hexdigest()


@pytest.mark.slow
def test_a_gigabyte_of_holes(guest, tmp_path):
    """What is zero takes no space."""
    copy_of_holes(guest, tmp_path, 1000 ** 3, 3500)


@pytest.mark.slow
@pytest.mark.limit(6 * 3600)
@pytest.mark.skipif(not os.environ.get("LIS_TEST_TEN_GIGABYTES"),
                    reason="10 GB take hours in the carrier: set "
                           "LIS_TEST_TEN_GIGABYTES=1 for them")
def test_ten_gigabytes_of_holes(guest, tmp_path):
    """Sizes and offsets of more than 32 bits."""
    copy_of_holes(guest, tmp_path, 10 * 1000 ** 3, 6 * 3600 - 600)
