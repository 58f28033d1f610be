# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A host that attacks the modules of guest/kmod: the seeds of the fuzzers of
every guest end, said to a guest by our host (lis run --hostile), and what they
have no words for.

After each of them the guest answers, its kernel has not complained, every
channel that it closed has a line in its log that says why, and what was
attacked works again once it is offered anew.
"""

import os
import re
import struct
import time

import pytest

import hostile_corpus as corpus
import hostile_host
import vm as vm_module
from test_network import wait
from test_storage import digest, find, image_make, MIB, random_bytes, total

# What a kernel says of itself that is wrong, whoever is to blame.
DISASTER = re.compile(
    r"WARNING:|BUG:|Call Trace|\bOops|soft lockup|rcu.*stall|hung|blocked for|"
    r"general protection|UBSAN|list_(add|del) corruption|refcount_t|"
    r"Object .*freed|Redzone|Poison", re.IGNORECASE)
# Memory that is used after its end, or beyond it, is seen.
DEBUG = "slub_debug=FZP,kmalloc-* log_buf_len=4M"
# The host's orders are obeyed in earnest: nothing is to come of these.
UNARMED = "echo /bin/true >/proc/sys/kernel/poweroff_cmd; " \
    "ln -sf /bin/true /sbin/reboot"
SERVICES = {service.target: service for service in corpus.SERVICES}
# Kernel and processors.
GUESTS = [pytest.param(("6.1", 1), id="6.1")] + [
    pytest.param(kind, id="%s-%d" % kind, marks=pytest.mark.slow)
    for kind in (("6.12", 1), ("6.1", 2), ("6.12", 2), ("5.10", 1))]
# One of them in make check, all in make check-full.
TARGETS = [target if target == "heartbeat_vsc" else
           pytest.param(target, marks=pytest.mark.slow)
           for target in sorted(SERVICES)]
TIMER_EXPIRED = 0x80000010


class Attacked:
    """A guest, the host that attacks it, and what the guest says to it."""

    def __init__(self, kernel, cpus, folder):
        self.folder = folder
        self.base = image_make(os.path.join(folder, "base.raw"), 3 * MIB,
                               random_bytes(MIB))
        self.vm = vm_module.Guest(
            "hostile-%s-%d" % (kernel, cpus), kernel, cpus, drivers="ours",
            append=DEBUG,
            options=("--hostile", "--enable", "Guest Service Interface",
                     "--net", "user",
                     "--disk", self.base + ",controller=ide,lun=0"))
        self.host = None
        self.log = []
        self.failed = 0  # tests, when it was booted last

    def boot(self):
        """From the beginning."""
        self.vm.kill()
        self.vm.boot()
        self.vm.run(UNARMED)
        self.host = hostile_host.Host(self.vm)
        for service in corpus.SERVICES:
            # From 6.10 file copy is a daemon's.
            if service.target != "fcopy_vsc" or self.vm.kernel != "6.12":
                self.host.wait_open(service.name)
        self.said()

    def said(self):
        """What the guest's log has since it was asked last; also shows that
        the guest lives, and that its kernel is well."""
        text = self.vm.run("dmesg -c", 300)
        self.log.append(text)
        wrong = [line for line in text.splitlines() if DISASTER.search(line)]
        assert not wrong, "%s\n%s" % (wrong, text[-8000:])
        return text

    def others_work(self):
        """A disk that nobody touched is read."""
        assert total(self.vm, find(self.vm, 3)) == digest(self.base)

    def closed_said(self):
        """The reasons of channels that were closed, in the log since then."""
        return re.findall(r"(?:the channel is closed[^:]*|"
                          r"the host refuses its \w+): (.*)", self.said())

    def unload(self):
        """Unloads all drivers: the host is told to let go of everything."""
        self.vm.run("for d in kvp vss fcopy; do daemon stop $d; done; set -e; "
                    "for m in uio_hv_generic hv_netvsc hv_storvsc hv_utils "
                    "hv_vmbus; do ! grep -q ^$m /proc/modules || rmmod $m; "
                    "done", 300)

    def load(self, *modules):
        """Loads drivers."""
        self.vm.run("set -e; for m in %s; do insmod /modules/$m.ko; done" %
                    " ".join(modules), 300)


@pytest.fixture(name="attacked", scope="module", params=GUESTS)
def _attacked(request, tmp_path_factory):
    made = Attacked(*request.param, str(tmp_path_factory.mktemp("hostile")))
    yield made
    made.vm.kill()


@pytest.fixture(name="guest")
def _guest(attacked, request):
    """The guest, anew when a test before has failed: who knows how it is."""
    failed = request.session.testsfailed
    if not attacked.vm.alive() or attacked.failed != failed:
        attacked.failed = failed
        attacked.boot()
    yield attacked


# ---- integration components ----

@pytest.mark.parametrize("target", TARGETS)
def test_component(guest, target):
    """Every seed of a component: it is heard, refused or answered."""
    service, host = SERVICES[target], guest.host
    if target == "fcopy_vsc" and guest.vm.kernel == "6.12":
        pytest.skip("from 6.10 file copy is not the modules'")
    seat = host.renew(service.name)
    for name, data in corpus.seeds(target):
        before = host.renewals
        print(target, name)
        seat = corpus.ic(host, service, data, seat)
        reasons = guest.closed_said()
        assert host.renewals == before or reasons, name
    host.renew(service.name, seized=False)
    guest.vm.wait_status(service.name, "OK", 60)
    guest.vm.wait_status("Heartbeat", "OK")
    guest.others_work()


# ---- rings ----

def attack_ring(guest, target, attack):
    """Every seed on a ring that nobody touched."""
    host, closed = guest.host, 0
    for name, data in corpus.seeds(target):
        print(target, name)
        seat = host.renew("Heartbeat")
        attack(seat, data)
        if not seat.settled(2):
            closed += 1
            assert guest.closed_said(), name
    assert closed
    guest.said()
    host.renew("Heartbeat", seized=False)
    guest.vm.wait_status("Heartbeat", "OK")
    guest.vm.wait_status("Key-Value Pair Exchange", "OK")


@pytest.mark.slow
def test_packets(guest):
    """Bytes that are packets, nearly packets, and none."""
    attack_ring(guest, "packet", corpus.raw_packets)


def test_ring(guest):
    """Indices, masks and sizes that change beneath a driver."""
    attack_ring(guest, "ring", corpus.ring)


@pytest.mark.slow
def test_interrupts(guest):
    """Every event flag, twice, and interrupts without a packet."""
    host = guest.host
    for number in range(0, 2048):
        host.flag(number)
    seat = host.wait_open("Heartbeat")
    for _ in range(200):
        seat.interrupt()
    guest.said()
    guest.vm.wait_status("Heartbeat", "OK")


# ---- the bus ----

@pytest.mark.slow
def test_rescinds(guest):
    """Offers that are taken back while their driver is opening them."""
    host = guest.host
    names = [service.name for service in corpus.SERVICES[:4]]
    for turn in range(60):
        for row in host.rows(names[turn % 4]):
            host.ask("hostile.rescind", relid=row["relid"])
        if turn % 10 == 9:
            guest.said()
    for name in names:
        host.renew(name, seized=False)
        guest.vm.wait_status(name, "OK", 60)
    guest.said()


def test_message_slots(guest):
    """Messages that are none: of the timers that the guest may not have, of
    other types, in other slots, empty and full."""
    host = guest.host
    for _ in range(3):
        for kind in (TIMER_EXPIRED, 2, 0x80000000, 0xffffffff):
            for size in (0, 1, 8, 240):
                host.message(bytes(size), kind)
    for size in (0, 1, 7, 8, 240):
        host.message(bytes(size))
        host.message(b"\xff" * size)
    said = guest.said()
    assert "of unknown type" in said
    assert "the host broke the protocol" in said
    guest.vm.wait_status("Heartbeat", "OK")


@pytest.mark.slow
def test_bus(guest):
    """Every seed of the bus's guest end, each to a bus that was loaded anew.

    All channels are seized: of one that the guest was told is gone the pages are
    the guest's own again, and nobody is to write there."""
    host = guest.host
    # A driver that goes has questions, which nobody answers afterwards.
    guest.unload()
    for row in host.rows():
        host.ask("hostile.seize", relid=row["relid"])
    for name, data in corpus.seeds("guest"):
        print("guest", name)
        guest.unload()
        guest.load("hv_vmbus", "hv_utils")
        corpus.BusPlayer(host).play(data)
        guest.said()
    assert "the host broke the protocol" in "".join(guest.log)
    guest.unload()
    guest.load("hv_vmbus", "hv_utils")
    for name in [service.name for service in corpus.SERVICES[:3]]:
        host.renew(name, seized=False)
        guest.vm.wait_status(name, "OK", 60)
    guest.vm.kill()
    guest.boot()
    guest.others_work()


# ---- disks ----

DISK = {"controller": "ide", "lun": 1}
DISK_NAME = "IDE Disk 0:1"


def disk_go(guest):
    """The host takes the disk back."""
    guest.host.ask("disk.detach", **DISK)
    guest.host.wait_gone(DISK_NAME)


def disk_works(guest, path):
    """The disk is offered by an honest host, and can be read."""
    guest.host.ask("disk.attach", path=path, **DISK)
    name = find(guest.vm, 5)
    assert total(guest.vm, name) == digest(path)
    disk_go(guest)


@pytest.mark.slow
def test_disk(guest):
    """Every seed of a disk's guest end."""
    path = image_make(os.path.join(guest.folder, "disk.raw"), 5 * MIB,
                      random_bytes(MIB))
    for name, data in corpus.seeds("storage_vsc"):
        print("storage_vsc", name)
        guest.host.seize_offers()
        guest.host.ask("disk.attach", path=path, **DISK)
        seat = guest.host.wait_open(DISK_NAME)
        guest.host.seize_offers(False)
        corpus.StoragePlayer(seat).play(data)
        closed = not seat.open()
        disk_go(guest)
        reasons = guest.closed_said()
        assert reasons or not closed, name
    disk_works(guest, path)


# Reads of the disk, one after the other; what comes of them is the host's.
LOAD = """rm -f /run/stop
while [ ! -e /run/stop ]; do
	dd if=/dev/%s of=/dev/null bs=64k count=16 iflag=direct
done >/dev/null 2>&1 </dev/null &"""


def false_answers(seat, turn):
    """To requests that are under way, that were answered, and to none."""
    body = struct.pack("<III", corpus.COMPLETE_IO, 0, 0) + \
        bytes([0, 0, 1]) + bytes(49)
    if turn % 3 == 0:
        return seat.send(hostile_host.COMPLETION, turn, body)
    if turn % 3 == 1:
        return seat.send(hostile_host.INBAND, turn, body)
    seat.header(hostile_host.WRITE_INDEX, turn * 0x1000 + 4)
    seat.interrupt()
    return True


@pytest.mark.slow
def test_disk_under_load(guest):
    """A host that answers what it was not asked, while a disk is read: whoever
    reads it has an error, and nobody waits for ever."""
    path = image_make(os.path.join(guest.folder, "load.raw"), 5 * MIB,
                      random_bytes(MIB))
    for turn in range(9):
        guest.host.ask("disk.attach", path=path, **DISK)
        guest.vm.run(LOAD % find(guest.vm, 5))
        seat = guest.host.wait_open(DISK_NAME)
        limit = time.monotonic() + 60
        while seat.open() and time.monotonic() < limit:
            false_answers(seat, turn)
        assert guest.closed_said(), turn
        guest.vm.run("touch /run/stop; wait")
        disk_go(guest)
    disk_works(guest, path)


RESET_BUS = 6  # services/storage/wire.h


def reset_wanted(seat):
    """Waits until the guest asks for a reset."""
    limit = time.monotonic() + 300
    while True:
        got = seat.receive(1)
        if got and got[0] == hostile_host.INBAND and \
                struct.unpack("<I", got[2][:4])[0] == RESET_BUS:
            return
        assert time.monotonic() < limit, "no reset is asked for"


@pytest.mark.slow
@pytest.mark.limit(900)
def test_silent_disk(guest):
    """A host that answers nothing while a disk is read, and takes it back: soon,
    or when somebody has asked for a reset, which it does not answer either."""
    path = image_make(os.path.join(guest.folder, "silent.raw"), 5 * MIB,
                      random_bytes(MIB))
    for until_reset in (False, True, False, True):
        guest.host.ask("disk.attach", path=path, **DISK)
        name = find(guest.vm, 5)
        guest.vm.run("echo 5 >/sys/block/%s/device/timeout" % name)
        seat = guest.host.wait_open(DISK_NAME)
        guest.vm.run(LOAD % name)
        seat.seize()
        if until_reset:
            wait(guest.vm, "dmesg | grep -q 'not answered a command within 5 s' "
                 "&& echo late", "late", 120)
            guest.vm.run("sgreset /dev/%s >/dev/null 2>&1 </dev/null &" % name)
            reset_wanted(seat)
        else:
            assert seat.receive(hostile_host.PATIENCE_S)
        disk_go(guest)
        guest.vm.run("touch /run/stop; wait")
        guest.vm.run("[ ! -e /sys/block/%s ]" % name)
        guest.said()
    disk_works(guest, path)
    guest.others_work()


# ---- the network ----

ADAPTER = "Network Adapter 1"


def adapter_come(guest):
    """The host offers an adapter."""
    number = guest.host.ask("net.attach", user=True)["adapter"]
    assert number == 1
    return guest.host.wait_open(ADAPTER)


def adapter_go(guest):
    """It takes it back."""
    guest.host.ask("net.detach", adapter=1)
    guest.host.wait_gone(ADAPTER)


def adapter_works(guest):
    """The adapter of an honest host carries frames."""
    adapter_come(guest)
    wait(guest.vm, "ip link set eth1 up && ip addr replace 10.0.2.15/24 dev "
         "eth1 && ping -c 1 -W 5 10.0.2.2 >/dev/null && echo yes", "yes", 120)


@pytest.mark.slow
def test_adapter(guest):
    """Every seed of an adapter's guest end."""
    for name, data in corpus.seeds("network_vsc"):
        print("network_vsc", name)
        guest.host.seize_offers()
        seat = adapter_come(guest)
        guest.host.seize_offers(False)
        corpus.NetworkPlayer(seat).play(data)
        closed = not seat.open()
        adapter_go(guest)
        reasons = guest.closed_said()
        assert reasons or not closed, name
    adapter_works(guest)
    adapter_go(guest)


@pytest.mark.slow
def test_frames(guest):
    """Every seed of what is in a receive buffer, to an adapter that was
    opened honestly and is up."""
    for name, data in corpus.seeds("network_rndis"):
        print("network_rndis", name)
        adapter_works(guest)
        seat = guest.host.wait_open(ADAPTER)
        row = seat.row()
        seat.seize()
        buffer = max(row["gpadls"], key=lambda one: one["bytes"])
        corpus.NetworkPlayer(seat, buffer["gpadl"]).rndis(data)
        closed = not seat.open()
        adapter_go(guest)
        reasons = guest.closed_said()
        assert reasons or not closed, name
