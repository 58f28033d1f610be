# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A guest that hibernates, and goes on when its disks are started again. The
kernel's own drivers are the peer: what they come through, ours do."""

import time

import pytest

from console import ConsoleError
from test_kmod_uio import DRIVERS, hold, kill, SERVICE, take, told
from test_network import adapters
from test_network_function import goes_by, plug, wait_host
from test_storage import digest, find, image_make, MIB, random_bytes, total
from vm import lis

SWAP_MIB, DATA_MIB, MORE_MIB = 384, 16, 5
# Programs that run on, a file system in use, and what is only in memory.
BEGIN = """set -e
mkswap /dev/{swap} >/dev/null; swapon /dev/{swap}
mke2fs -q /dev/{data}; mkdir -p /mnt/disk; mount -t ext4 /dev/{data} /mnt/disk
head -c 3000000 /dev/urandom >/run/kept
md5sum </run/kept >/run/kept.md5
(n=0; while :; do n=$((n+1)); echo $n >/run/count; echo $n >>/mnt/disk/log
 dd if=/dev/zero of=/mnt/disk/busy bs=64k count=8 conv=fsync; sleep .1
 done) >/dev/null 2>&1 &
echo $! >/run/pid
ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0
ping -c 2 -W 10 10.0.2.2
ping -i .1 -s 2000 10.0.2.2 >/dev/null 2>&1 &"""
# The program goes on; its lines are all there; nothing in memory was lost.
CHECK = """set -e
kill -0 $(cat /run/pid)
before=$(cat /run/count); n=0
until [ $(cat /run/count) -gt $before ]; do n=$((n+1)); [ $n -lt 300 ]; sleep .1
done
md5sum </run/kept | cmp - /run/kept.md5
awk '$1 != NR { exit 1 } END { exit NR < 1 }' /mnt/disk/log
head -c 2000000 /dev/urandom >/mnt/disk/new; sync"""
PING = "ping -c 3 -W 10 10.0.2.2"
# Folders are named by the numbers of now, sub-channels' too.
FOLDERS = """cd /sys/bus/vmbus/devices; for d in *; do
[ "$(cut -d : -f 1 $d/channel_vp_mapping | sort)" = \
  "$(ls $d/channels | sort)" ] || { echo $d; exit 1; }; done"""
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
SLEEP = "echo {how} >/sys/power/disk && echo disk >/sys/power/state"
# Emulated processors were seen to read an image of 80 MB in two minutes.
RESUME_LIMIT_S = 1200
AWAKE = "@@lis awake"
# What udev and systemd do in a distribution (packaging/modules).
ON_EVENT = """cat >/run/event <<'END'
#!/bin/sh
[ "$EVENT" = hibernate ] || exit 0
echo platform >/sys/power/disk && echo disk >/sys/power/state &&
	echo "%s" >/dev/ttyS0
END
chmod +x /run/event; (uevent /run/event >/dev/null 2>&1 &)""" % AWAKE
IDLE = "echo enabled >/sys/class/tty/ttyS0/power/wakeup; " \
    "echo freeze >/sys/power/state"
# The kernel's own has no answer to what it asks its daemon when it goes on.
THEIRS = "hv_utils: VSS: failed to communicate to the daemon"


class Sleeper:
    """A guest with a disk to hibernate to, one that is in use, and an
    adapter."""

    def __init__(self, new_vm, folder, kernel, cpus, drivers, memory):
        self.folder = folder
        self.data = image_make(str(folder / "data.raw"), DATA_MIB * MIB)
        swap = image_make(str(folder / "swap.raw"), SWAP_MIB * MIB)
        self.vm = new_vm(kernel, cpus=cpus, drivers=drivers, memory=memory,
                         options=("--hibernation", "--disk", swap, "--disk",
                                  self.data, "--net", "user"))
        name = find(self.vm, SWAP_MIB)
        self.vm.run(BEGIN.format(swap=name, data=find(self.vm, DATA_MIB)), 120)
        self.boot_id = self.vm.run(BOOT_ID)

    def sleep(self):
        """Hibernates; the id of the command that goes on afterwards."""
        console = self.vm.console
        identity = console.send(SLEEP.format(how="shutdown"))
        console.wait_closed_or(rb"@@lis %d end" % identity, RESUME_LIMIT_S)
        # One that says something could not.
        assert console.closed, "status %d: %s\n%s" % (
            *console.answer(identity), self.vm.run("dmesg | tail -n 60"))
        assert self.vm.wait_end() == 0
        return identity

    def wake(self, identity):
        """Starts the machine again: the command ends."""
        at = self.vm.command.index("--append") + 1
        if "lis.resume" not in self.vm.command[at]:
            self.vm.command[at] += " lis.resume=%d" % (SWAP_MIB * MIB // 512)
        following = self.vm.console.next_id
        self.vm.boot(wait=False)
        self.vm.console.next_id = following
        if identity is None:
            self.vm.console.wait(AWAKE.encode(), RESUME_LIMIT_S)
            return
        status, said = self.vm.console.answer(identity, RESUME_LIMIT_S)
        assert status == 0, said

    def check(self, command=CHECK + "\n" + PING):
        """It is the same kernel, and all that ran goes on."""
        vm = self.vm
        assert vm.run(BOOT_ID) == self.boot_id
        vm.run(command, 120)
        if vm.drivers == "ours":
            vm.run(FOLDERS)
        vm.wait_status("Heartbeat", "OK", 60)
        vm.wait_status("Key-Value Pair Exchange", "OK", 60)
        vm.wait_status("Time Synchronization", "OK", 60)
        assert not [line for line in vm.trouble() if THEIRS not in line], \
            vm.run("dmesg")


@pytest.fixture(name="sleeper")
def _sleeper(new_vm, tmp_path):
    """Makes one guest."""
    def make(kernel, cpus, drivers="ours", memory="256M"):
        return Sleeper(new_vm, tmp_path, kernel, cpus, drivers, memory)
    return make


@pytest.mark.slow
@pytest.mark.parametrize("kernel, cpus, drivers", [
    ("6.1", 1, "ours"), ("6.1", 2, "ours"), ("6.12", 1, "ours"),
    ("6.12", 2, "ours"), ("6.12", 1, "upstream")])
def test_in_place(sleeper, kernel, cpus, drivers):
    """The image is written, and read and gone on with without a power cycle; by
    6.1 not, which does not read from a swap disk in use: the guest goes on."""
    one = sleeper(kernel, cpus, drivers)
    status, said = one.vm.try_run(SLEEP.format(how="test_resume"),
                                  RESUME_LIMIT_S)
    if kernel == "6.1":
        assert status and "Device or resource busy" in said
        assert "PM: Image saving done" in \
            one.vm.run("dmesg")
    else:
        assert status == 0, said
    one.check()


@pytest.mark.slow
@pytest.mark.parametrize("kernel, cpus, drivers", [
    ("6.1", 1, "ours"), ("6.1", 2, "ours"), ("6.12", 1, "ours"),
    ("6.12", 2, "ours"), ("6.1", 2, "upstream"), ("6.12", 1, "upstream")])
def test_hibernates(sleeper, kernel, cpus, drivers):
    """Twice: off, and on with another process of the host's."""
    one = sleeper(kernel, cpus, drivers)
    for _ in range(2):
        one.wake(one.sleep())
        one.check()


@pytest.mark.slow
@pytest.mark.parametrize("kernel, drivers", [
    ("6.1", "ours"), ("6.12", "ours"), ("6.1", "upstream")])
def test_host_asks(sleeper, kernel, drivers):
    """The host asks, the guest's own programs hear of it, and the machine's S4
    ends it; the services are OK when it goes on."""
    one = sleeper(kernel, 1, drivers)
    assert one.vm.run("cat /sys/bus/vmbus/hibernation") == "1"
    one.vm.run(ON_EVENT)
    one.vm.wait_status("Shutdown", "OK", 60)
    one.vm.lis("stop", "--hibernate", "--timeout", str(RESUME_LIMIT_S),
               timeout_s=RESUME_LIMIT_S + 60)
    assert one.vm.wait_end() == 0
    one.wake(None)
    one.check()
    one.vm.wait_status("Shutdown", "OK", 60)


def without(command, *words):
    """A command line less some words that follow each other."""
    for at in range(len(command)):
        if tuple(command[at:at + len(words)]) == words:
            return command[:at] + command[at + len(words):]
    raise AssertionError("%s is not in %s" % (words, command))


@pytest.mark.slow
def test_other_devices(sleeper):
    """The adapter is not there any more when it goes on; a unit and a
    controller are new. The kernel's own drivers want the devices of before."""
    one = sleeper("6.1", 2)
    identity = one.sleep()
    more = image_make(str(one.folder / "more.raw"), MORE_MIB * MIB,
                      random_bytes(MIB))
    other = image_make(str(one.folder / "other.raw"), (MORE_MIB + 1) * MIB,
                       random_bytes(MIB, 2))
    one.vm.command = without(one.vm.command, "--net", "user") + [
        "--disk", more, "--disk", other + ",controller=1"]
    one.wake(identity)
    one.check(CHECK)
    assert total(one.vm, find(one.vm, MORE_MIB)) == digest(more)
    assert total(one.vm, find(one.vm, MORE_MIB + 1)) == digest(other)
    one.vm.run("[ ! -e /sys/class/net/eth0 ]")


@pytest.mark.slow
def test_user_space(sleeper):
    """A process that has a channel sees it go; afterwards it is there for the
    next one, or for a driver of the kernel's. The kernel's own refuses."""
    # Half of it is for the image, and the process has 47 MiB.
    one = sleeper("6.1", 1, memory="512M")
    vm = one.vm
    device = take(vm)
    hold(vm, device)
    one.wake(one.sleep())
    assert told(vm) == "gone: Input/output error\ntouched"
    kill(vm)
    hold(vm, device)
    kill(vm)
    vm.run("echo %s >%s/uio_hv_generic/unbind; echo %s >%s/hv_utils/bind"
           % (device, DRIVERS, device, DRIVERS))
    vm.wait_status(SERVICE, "OK", 60)
    one.check()


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_function(sleeper, tap, kernel):
    """Frames that went by a virtual function go by it again."""
    one = sleeper(kernel, 1)
    vm = one.vm
    vm.run("ip addr add 203.0.113.2/24 dev eth0")
    lis("net", "set", vm.name, "0", "function=7")
    plug(vm, tap, 7)
    wait_host(vm, True)
    assert goes_by(vm, True)
    one.wake(one.sleep())
    # It is another host process, which has not been told: frames go by it.
    one.check()
    assert not adapters(vm)[0]["by_function"]
    lis("net", "set", vm.name, "0", "function=7")
    wait_host(vm, True)
    assert goes_by(vm, True)


@pytest.mark.slow
@pytest.mark.parametrize("kernel, drivers", [
    ("6.1", "ours"), ("6.12", "ours"), ("6.1", "upstream")])
def test_idle(sleeper, kernel, drivers):
    """Suspended to idle: a key of the console wakes it."""
    one = sleeper(kernel, 2, drivers)
    identity = one.vm.console.send(IDLE)
    answer = None
    # The first may come before it sleeps.
    for _ in range(60):
        one.vm.process.stdin.write(b"\n")
        one.vm.process.stdin.flush()
        try:
            answer = one.vm.console.answer(identity, 3)
            break
        except ConsoleError:
            pass
    assert answer is not None and answer[0] == 0, answer
    said = one.vm.run("dmesg")
    assert "PM: suspend entry (s2idle)" in said
    assert "PM: suspend exit" in said
    one.check()


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_stopped_while_idle(sleeper, kernel):
    """The host's request wakes it, and its own programs end it. The kernel's
    own driver asks programs that stand still."""
    one = sleeper(kernel, 1)
    one.vm.wait_status("Shutdown", "OK", 60)
    start = one.vm.console.position()
    one.vm.console.send("dmesg -n 7; " + IDLE)
    one.vm.console.wait(rb"PM: suspend entry", 60, start)
    # It is not told when the last step is done.
    time.sleep(5)
    one.vm.lis("stop", timeout_s=180)
    one.vm.console.wait(rb"@@lis poweroff unmounted", 60, start)
    assert one.vm.wait_end() == 0
