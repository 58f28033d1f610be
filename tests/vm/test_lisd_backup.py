# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Backup with lisd in the guest: what goes wrong in the daemons that exist,
and faults in the midst of a freeze. Nothing stays frozen, and the host is
told."""

import time

import pytest

import lisd_guest

LIMIT_S = 60
# Writes a line every moment, and says so where nothing freezes.
WRITER = """
mkdir -p %(point)s
(while [ ! -e /run/lis/enough ]; do echo x >>%(point)s/lines; sync; echo x >>\
/run/lis/written; sleep 0.1; done) >/dev/null 2>&1 &
"""


@pytest.fixture(scope="module", name="lisd")
def _lisd(_kept):
    """A guest whose backup lisd serves, with its log on the disk that is
    frozen: a daemon that writes to it there and then waits for itself."""
    if not _kept.alive():
        _kept.boot()
    _kept.run("mkdir -p /mnt/data/var-log; mount --bind /mnt/data/var-log /var/log")
    lisd_guest.take_over(_kept, "vss")
    yield _kept
    if _kept.alive():
        _kept.run("rm -f /etc/lisd.conf; rm -rf /etc/lisd")
        lisd_guest.give_back(_kept, "vss")
        _kept.run("umount -l /var/log")


@pytest.fixture(name="guest")
def _guest(vm, lisd):  # pylint: disable=unused-argument
    """It, with a program that writes to the disk all the time."""
    vm.wait_status("VSS", "OK", LIMIT_S)
    vm.run("rm -f /run/lis/enough /run/lis/written; touch /run/lis/written;"
           + WRITER % {"point": "/mnt/data"})
    yield vm
    vm.run("touch /run/lis/enough; rm -rf /etc/lisd.conf /etc/lisd")
    vm.lis("thaw", check=False)
    vm.run("umount -l /mnt/loop /mnt/fuse /mnt/bind /mnt/ro /mnt/wide "
           "2>/dev/null; losetup -d /dev/loop0 2>/dev/null; true")


def restart(vm, settings=""):
    """lisd anew, with settings."""
    vm.run("echo '%s' >/etc/lisd.conf; daemon stop vss; daemon start vss"
           % settings)
    vm.wait_status("VSS", "OK", LIMIT_S)


def lines(vm):
    """How much the writer has written."""
    return int(vm.run("wc -l </run/lis/written"))


def assert_goes_on(vm):
    """The writer gets through."""
    before, limit = lines(vm), time.monotonic() + LIMIT_S
    while lines(vm) <= before:
        assert time.monotonic() < limit, "nothing is written: still frozen"


def assert_held(vm):
    """The writer does not get through: one line may be under way."""
    before = lines(vm)
    assert int(vm.run("sleep 1; wc -l </run/lis/written")) <= before + 1


def daemon_pid(vm):
    """Of the daemon, not of its watchdog."""
    return vm.run("daemon pid vss | tr ' ' '\\n' | sort -n | head -n 1")


def log(vm):
    """What lisd has logged."""
    return vm.run("cat /var/log/messages /var/log/vss")


def test_log_on_the_frozen_disk(guest):
    """Logging while the root file system is frozen deadlocks the daemon."""
    guest.lis("freeze")
    assert_held(guest)
    guest.lis("thaw")
    assert_goes_on(guest)
    assert "freezing" in log(guest) and "thawed" in log(guest)


def test_loop_fuse_read_only_and_bind_mounts(guest):
    """Freezing loop mounts deadlocks; fuse, read-only and bind mounts make
    the backup fail; device numbers of four digits overflow."""
    guest.run("""
        load() { grep -q "^$1 " /proc/modules || insmod /modules/$1.ko; }
        load loop; load fuse
        mkdir -p /mnt/loop /mnt/fuse /mnt/bind /mnt/ro /mnt/wide
        dd if=/dev/zero of=/mnt/data/image bs=1M count=8 2>/dev/null
        [ -e /dev/loop0 ] || mknod /dev/loop0 b 7 0
        losetup /dev/loop0 /mnt/data/image
        mke2fs /dev/loop0 >/dev/null 2>&1
        mount -t ext4 /dev/loop0 /mnt/loop
        mount --bind /mnt/data /mnt/bind
        [ -e /dev/ram1234 ] || mknod /dev/ram1234 b 1 1234
        mke2fs /dev/ram1234 >/dev/null 2>&1
        mount -t ext4 /dev/ram1234 /mnt/wide
        [ -e /dev/ram5 ] || mknod /dev/ram5 b 1 5
        mke2fs /dev/ram5 >/dev/null 2>&1
        mount -t ext4 -o ro /dev/ram5 /mnt/ro
        """)
    # A file system whose process never answers: whoever asks it, waits.
    guest.run("""
        (exec 3<>/dev/fuse
         mount -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 dead \
/mnt/fuse
         sleep 1000) >/dev/null 2>&1 &
        until grep -q /mnt/fuse /proc/mounts; do sleep 0.1; done""")
    guest.lis("freeze")
    assert_held(guest)
    guest.run("(echo x >/mnt/wide/x; touch /run/lis/wide) "
              ">/dev/null 2>&1 & sleep 1; [ ! -e /run/lis/wide ]")
    guest.lis("thaw")
    assert_goes_on(guest)
    guest.run("until [ -e /run/lis/wide ]; do sleep 0.1; done; "
              "rm /run/lis/wide")
    said = log(guest)
    assert "/mnt/loop (ext4) is not frozen" in said
    assert "/mnt/fuse (fuse) is not frozen" in said
    assert "/mnt/ro (ext4) is not frozen" in said


def test_daemon_killed_between_freeze_and_thaw(guest):
    """A daemon killed between freeze and thaw leaves file systems frozen."""
    guest.lis("freeze")
    assert_held(guest)
    guest.run("kill -9 " + daemon_pid(guest))
    assert_goes_on(guest)
    guest.lis("thaw", check=False)
    guest.wait_status("VSS", "OK", LIMIT_S)
    guest.lis("freeze")
    guest.lis("thaw")
    assert_goes_on(guest)


def test_daemon_and_watchdog_killed_at_once(guest):
    """Neither can thaw then: who is started next does, from the record."""
    guest.run("daemon stop vss; rm -f /run/lis/lisd; "
              "(exec lisd vss </dev/null >/run/lis/lisd 2>&1) &")
    try:
        guest.wait_status("VSS", "OK", LIMIT_S)
        guest.lis("freeze")
        assert_held(guest)
        # The daemon and its watchdog, and not who started them.
        both = guest.run("grep -l '^Name:.*hv_vss_daemon' /proc/[0-9]*/status "
                         "| cut -d / -f 3").split()
        assert len(both) == 2, both
        guest.run("kill -STOP {0}; kill -KILL {0}".format(" ".join(both)))
        assert_goes_on(guest)
        guest.lis("thaw", check=False)
        guest.wait_status("VSS", "OK", LIMIT_S)
        said = log(guest) + guest.run("cat /run/lis/lisd")
        assert "a daemon that was killed left" in said
        guest.lis("freeze")
        assert_held(guest)
        guest.lis("thaw")
        assert_goes_on(guest)
    finally:
        guest.run("kill $(pidof lisd | tr ' ' '\n' | sort -n | head -n 1); "
                  "while pidof lisd; do sleep 0.1; done; daemon start vss")
        guest.wait_status("VSS", "OK", LIMIT_S)


@pytest.mark.slow
def test_host_that_never_thaws(guest):
    """The limit passes: thawed, and the host is told when it asks."""
    restart(guest, "vss.limit = 3")
    guest.lis("freeze")
    assert_goes_on(guest)
    guest.lis("thaw", "--timeout", "20", check=False)
    # The first answer to it is an error, and the host tries once more.
    assert "thaw-failed" in guest.happened()
    assert "not consistent" in log(guest)
    restart(guest)


@pytest.mark.slow
def test_daemon_that_hangs(guest):
    """Stopped while it holds: the watchdog thaws without it."""
    restart(guest, "vss.limit = 3")
    guest.lis("freeze")
    pid = daemon_pid(guest)
    guest.run("kill -STOP " + pid)
    assert_goes_on(guest)
    guest.run("kill -CONT " + pid)
    guest.lis("thaw", check=False)
    restart(guest)


def test_a_file_system_that_refuses(guest):
    """Nothing is frozen then, and the host is told."""
    # The writer's sync would take the error away. Behind the loop device there
    # is no space, so what freezing has to write first cannot be written.
    guest.run("""touch /run/lis/enough; sleep 1
        grep -q "^loop " /proc/modules || insmod /modules/loop.ko
        mkdir -p /mnt/ro /mnt/loop
        mount -t tmpfs -o size=8m tmpfs /mnt/ro
        dd if=/dev/zero of=/mnt/ro/image bs=1M seek=16 count=0 2>/dev/null
        [ -e /dev/loop0 ] || mknod /dev/loop0 b 7 0
        losetup /dev/loop0 /mnt/ro/image
        mke2fs /dev/loop0 >/dev/null 2>&1
        mount -t ext4 /dev/loop0 /mnt/loop
        dd if=/dev/zero of=/mnt/ro/other bs=1M 2>/dev/null
        dd if=/dev/urandom of=/mnt/loop/x bs=1k count=600 2>/dev/null""")
    refused = guest.lis("freeze", check=False)
    assert refused.status != 0
    assert "daemon" not in refused.error
    guest.run("echo x >/mnt/data/y")
    assert "cannot freeze /mnt/loop" in log(guest)
    guest.run("umount -l /mnt/loop; losetup -d /dev/loop0; umount -l /mnt/ro")
    guest.lis("freeze")
    guest.lis("thaw")


def test_service_disabled_while_frozen(guest):
    """The host takes the service back: the guest thaws at once."""
    guest.lis("freeze")
    assert_held(guest)
    guest.lis("disable", "VSS")
    assert_goes_on(guest)
    guest.lis("enable", "VSS")
    guest.wait_status("VSS", "OK", LIMIT_S)


def test_hooks(guest):
    """They run before and after, and their failure is the host's to know."""
    guest.run("""mkdir -p /etc/lisd/vss.d; cd /etc/lisd/vss.d
        printf '#!/bin/sh\\necho a $1 >>/run/lis/hooks\\n' >10-a
        printf '#!/bin/sh\\necho b $1 >>/run/lis/hooks\\n' >20-b
        chmod 755 10-a 20-b; rm -f /run/lis/hooks""")
    restart(guest)
    guest.lis("freeze")
    assert guest.run("cat /run/lis/hooks") == "a freeze\nb freeze"
    guest.lis("thaw")
    assert guest.run("cat /run/lis/hooks").endswith("b thaw\na thaw")
    guest.run("rm /run/lis/hooks; printf '#!/bin/sh\\n[ $1 = thaw ]\\n' "
              ">/etc/lisd/vss.d/20-b")
    refused = guest.lis("freeze", check=False)
    assert refused.status != 0 and "daemon" not in refused.error
    assert_goes_on(guest)
    assert guest.run("cat /run/lis/hooks") == "a freeze\na thaw"
    assert "'20-b freeze' failed" in log(guest)
    guest.run("rm -r /etc/lisd")
    restart(guest)
