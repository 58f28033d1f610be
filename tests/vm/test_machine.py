# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The machine by itself, without a bus: a real kernel on host/vm, through
machine_run, whose head describes what it reads and writes."""

import os
import re

import pytest

import conftest
import console
import guest
import vm as vm_module

# Two dozen boots more, of what the guests of lis go through as well: they are
# for make check-full.
pytestmark = pytest.mark.slow

PROGRAM = os.environ.get("MACHINE_RUN_BINARY", os.path.join(
    vm_module.ROOT, "build", "tests", "vm", "machine", "machine_run"))
LIMIT_S = vm_module.BOOT_LIMIT_S
NO_BUS = "lis.modules= lis.daemons=none"


class Machine(console.Console):
    """A running machine_run."""

    def __init__(self, kernel="6.1", cpus=1, memory=256, append="", options=(),
                 image=None):
        conftest.need(kernel)
        built, initrd = guest.build(kernel)
        super().__init__(console.start(
            [PROGRAM, image or built, initrd,
             vm_module.APPEND + " " + append, str(cpus), str(memory)]
            + list(options)))
        self.at = 0

    def next(self, pattern, timeout_s=LIMIT_S):
        """Waits for what comes after what was waited for before."""
        match = self.wait(pattern, timeout_s, self.at)
        self.at = match.end()
        return match

    def command(self, line):
        """A command of machine_run."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def send(self, command):
        """A command of the guest, typed on its serial port."""
        identity = self.next_id
        self.next_id += 1
        encoded = console.base64.b64encode(command.encode()).decode()
        self.command("type RUN %d %s" % (identity, encoded))
        return identity

    def counts(self, when):
        """What the process holds: (file descriptors, threads)."""
        match = self.next(rb"@counts %s fds (\d+) threads (\d+)"
                          % when.encode())
        return int(match.group(1)), int(match.group(2))

    def kill(self):
        """Ends the process."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def machine():
    """Makes machines for one test."""
    made = []

    def make(*arguments, **options):
        made.append(Machine(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.kill()


@pytest.mark.parametrize("cpus", [1, 2])
def test_first_contact(machine, kernel, cpus):
    """hv_vmbus binds and posts INITIATE_CONTACT, with its newest version."""
    one = machine(kernel, cpus, append="lis.daemons=none")
    match = one.next(rb"@message connection (\d+) type (\d+) size (\d+) "
                     rb"0e000000(\w{8})(\w{8})")
    assert match.group(1, 2) == (b"4", b"1")
    assert match.group(5) == b"03000500"


@pytest.mark.parametrize("cpus", [1, 2])
def test_all_processors(machine, kernel, cpus):
    """Every vCPU is up, time comes from Hyper-V, and nothing is amiss."""
    one = machine(kernel, cpus, append=NO_BUS)
    one.ready(LIMIT_S)
    log = one.run("dmesg")[1]
    assert one.run("nproc")[1].strip() == str(cpus)
    assert "Hypervisor detected: Microsoft Hyper-V" in log
    assert one.run("cat /sys/devices/system/clocksource/clocksource0/"
                   "current_clocksource")[1].startswith("hyperv_clocksource")
    interrupts = one.run("cat /proc/interrupts")[1]
    assert re.search(r"HVS:\s+[1-9]", interrupts)
    assert not vm_module.TROUBLE.search(log), vm_module.TROUBLE.search(log)


def test_memory_above_4_gib(machine):
    """Memory on both sides of the gap is the guest's."""
    one = machine(memory=4200, append=NO_BUS)
    one.ready(LIMIT_S)
    assert "100000000-" in one.run("grep 'System RAM' /proc/iomem")[1]
    total = int(re.search(r"MemTotal:\s+(\d+)",
                          one.run("cat /proc/meminfo")[1]).group(1))
    assert total > 4000 << 10


def test_reset_leaks_nothing(machine):
    """The second machine of a process leaves what the first one left."""
    one = machine(cpus=2, append=NO_BUS)
    start = one.counts("start")
    held = []
    for action, reason in (("reboot", b"1"), ("reboot", b"1"),
                           ("poweroff", b"0")):
        one.next(rb"@@lis ready")
        one.send("busybox %s -f" % action)
        assert one.next(rb"@stopped (\d)").group(1) == reason
        held.append(one.counts("destroyed"))
    assert held == [start] * 3
    assert one.process.wait(30) == 0


def test_triple_fault(machine):
    """It stops the machine, with its reason."""
    one = machine(append=NO_BUS + " reboot=t")
    one.next(rb"@@lis ready")
    one.send("busybox reboot -f")
    assert one.next(rb"@stopped (\d) ([^\n]*)").groups() == (
        b"2", b"the guest triple faulted")


@pytest.mark.parametrize("cpus", [1, 2])
def test_panic_text(machine, kernel, cpus):
    """The kernel's last words arrive whole."""
    one = machine(kernel, cpus, append=NO_BUS)
    one.next(rb"@@lis ready")
    one.send(vm_module.CRASH)
    one.next(rb"@crash ")
    text = one.next(rb"@text \d+\n([^@]*)\n@end").group(1)
    assert b"Kernel panic - not syncing: sysrq triggered crash" in text
    assert one.next(rb"@stopped (\d)").group(1) == b"1"


def test_pause_stops_time(machine):
    """Nothing runs and the reference time stands, then both go on."""
    one = machine(cpus=2, append=NO_BUS)
    one.ready(LIMIT_S)
    one.command("pause")
    one.next(rb"@pause 0")
    times = []
    for _ in range(2):
        one.command("time")
        times.append(int(one.next(rb"@time (\d+)").group(1)))
    assert times[0] == times[1]
    one.command("nmi")
    assert b"is paused" in one.next(rb"@nmi -16 ([^\n]*)").group(1)
    one.command("resume")
    one.next(rb"@resume 0")
    for _ in range(20):
        one.command("pause")
        one.command("resume")
    assert one.run("echo alive")[1] == "alive\n"
    one.command("time")
    assert int(one.next(rb"@time (\d+)").group(1)) > times[1]


def test_nmi(machine):
    """One on processor 0."""
    one = machine(cpus=2, append=NO_BUS)
    one.ready(LIMIT_S)
    one.command("nmi")
    one.next(rb"@nmi 0")
    counts = one.run("grep NMI: /proc/interrupts")[1].split()
    assert counts[1:3] == ["1", "0"]


def test_typing_waits_for_the_guest(machine):
    """More than the serial port holds is typed without a loss."""
    one = machine(append=NO_BUS)
    one.ready(LIMIT_S)
    text = "x" * 2000
    assert one.run("echo %s" % text)[1] == text + "\n"
    assert int(one.next(rb"@type waits (\d+)").group(1)) > 0


@pytest.mark.parametrize("image, cpus, memory, says", [
    ("/etc/passwd", 1, 256, b"/etc/passwd: not a usable bzImage"),
    ("/nonexistent", 1, 256, b"cannot open /nonexistent"),
    (None, 65, 256, b"1 to 64 vCPUs"),
    (None, 1, 64, b"MiB of memory"),
])
def test_errors_are_sentences(machine, image, cpus, memory, says):
    """What is wrong, and with what."""
    one = machine(cpus=cpus, memory=memory, image=image)
    assert says in one.next(rb"@error ([^\n]*)").group(1)
    assert one.process.wait(30) == 1


def test_64_vcpus(machine):
    """As many as there can be are made and taken down again."""
    one = machine(cpus=64)
    start = one.counts("start")
    one.command("quit")
    assert one.counts("destroyed") == start
