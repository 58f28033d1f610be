# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""One VM on our host, as a test holds it: `lis run` in the foreground with the
guest's console on its standard input and output, and the other commands."""

import json
import os
import re
import signal
import socket
import subprocess
import time

import console
import guest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
LIS = os.environ.get("LIS_BINARY",
                     os.path.join(ROOT, "build", "host", "cli", "lis"))
# All but the first two save time under emulation.
APPEND = "console=ttyS0 panic=-1 quiet mitigations=off nokaslr audit=0 " \
    "random.trust_cpu=on cryptomgr.notests nowatchdog 8250.nr_uarts=1 " \
    "rcupdate.rcu_expedited=1"
BOOT_LIMIT_S = 300
# The driver set of guests that do not ask for one (pytest --drivers).
DRIVERS = "upstream"
# Processors that a guest has at least (pytest --cpus).
CPUS_MIN = 1
# Guests of 6.1 have the kernel that looks for faults (pytest --debug-kernel).
DEBUG = False
DEBUG_MEMORY = "1G"
# Such a guest may take so many times as long.
DEBUG_PATIENCE = 6
# (kernel, driver set) of the guests that a test had, for tests/matrix.py.
HAD = set()
SERVICES = ("Guest Service Interface", "Heartbeat", "Key-Value Pair Exchange",
            "Shutdown", "Time Synchronization", "VSS")
# What the kernel says when a driver or the machine beneath it misbehaves.
TROUBLE = re.compile(
    r"WARNING:|BUG:|Call Trace|\bOops|soft lockup|rcu.*stall|general protection|"
    r"hv_\w+.*(fail|error|unable|invalid|timed? ?out|unknown)|"
    r"vmbus.*(fail|error|unable|invalid|timed? ?out|unknown)", re.IGNORECASE)
# What the debug kernel found, whoever's fault it is, and what it says of memory
# that nobody points to, one piece after the other.
FOUND = re.compile(r"BUG:|KASAN|ODEBUG|INFO: (task|lockdep|trying)|"
                   r"WARNING: (possible|inconsistent|suspicious|bad|held|"
                   r"Nested|lock)")
DEBUGFS = "grep -q debugfs /proc/mounts || mount -t debugfs d " \
    "/sys/kernel/debug; "
LEAKS = DEBUGFS + "cd /sys/kernel/debug; sleep 6; echo scan >kmemleak; " \
    "sleep 6; echo scan >kmemleak; cat kmemleak"
OURS_IN = re.compile(r"\[(hv_|uio_hv)")
# What it says of modules that Debian has not signed.
UNSIGNED = "module verification failed: signature"

# A guest command that panics its kernel.
CRASH = "echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger"


def trouble_in(text):
    """Lines of a kernel's log that should not be there."""
    return [line for line in text.splitlines()
            if TROUBLE.search(line) and UNSIGNED not in line]


class CommandFailed(AssertionError):
    """A lis command that should have worked did not."""


class Result:
    """What a lis command did."""

    def __init__(self, process):
        self.status = process.returncode
        self.output = process.stdout
        self.error = process.stderr

    @property
    def json(self):
        """The output as JSON."""
        return json.loads(self.output)


def lis(*arguments, check=True, timeout_s=120, **options):
    """Runs a lis command; check: it must succeed."""
    process = subprocess.run([LIS] + list(arguments), text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=timeout_s,
                             check=False, **options)
    result = Result(process)
    if check and result.status:
        raise CommandFailed("lis %s: status %d: %s%s" % (
            " ".join(arguments), result.status, result.output, result.error))
    return result


class Guest:
    """A guest and its VM process."""

    drivers = "upstream"
    debug = False

    def __init__(self, name, kernel="6.1", cpus=1, memory="256M", append="",
                 options=(), kexec=False, drivers=None):
        self.name, self.kernel = name, kernel
        self.cpus = cpus = max(cpus, CPUS_MIN)
        self.drivers = drivers = drivers or DRIVERS
        self.debug = DEBUG and kernel == "6.1"
        if self.debug:
            # With two the carrier's stood still where RCU tries itself.
            kernel, memory, self.cpus, cpus = "6.1-debug", DEBUG_MEMORY, 1, 1
        self.image, self.initrd = guest.build(kernel, kexec, drivers)
        self.command = [LIS, "run", "--name", name, "--kernel", self.image,
                        "--initrd", self.initrd, "--cpus", str(cpus),
                        "--memory", memory, "--append",
                        (APPEND + " " + append).strip()] + list(options)
        self.process = None
        self.console = None

    def add_programs(self, programs, path):
        """Has the next boot bring programs along; the initrd goes to path."""
        at = self.command.index(self.initrd)
        self.initrd = guest.with_programs(self.initrd, programs, path)
        self.command[at] = self.initrd

    def boot(self, wait=True):
        """Starts the VM; wait: until the guest serves commands."""
        self.note()
        self.process = console.start(self.command, stderr=subprocess.PIPE)
        self.console = console.Console(self.process)
        if wait:
            self.ready()
        return self

    def note(self):
        """Has the test's record tell that it had such a guest."""
        HAD.add((self.kernel + ("-debug" if self.debug else ""), self.drivers))

    def ready(self, start=0):
        """Waits until the guest serves commands."""
        try:
            self.console.ready(BOOT_LIMIT_S * self.patience(), start)
        except console.ConsoleError as error:
            self.kill()
            raise CommandFailed("%s\nlis run said: %s" % (
                error, self.process.stderr.read().decode())) from None

    def alive(self):
        """Whether the VM process is there."""
        return self.process is not None and self.process.poll() is None

    def try_run(self, command, timeout_s=60):
        """Runs a shell script in the guest: (status, output)."""
        self.note()
        try:
            return self.console.run(command, timeout_s * self.patience())
        except console.ConsoleError as error:
            raise console.ConsoleError("%s\nevents:\n%s" % (
                error, self.happened())) from None

    def happened(self):
        """What the VM remembers of its life, for a person."""
        if not self.alive():
            return "the VM process ended with %s" % self.process.returncode
        return self.lis("events", "--replay", "--no-follow", check=False).output

    def run(self, command, timeout_s=60):
        """Runs a shell script in the guest, which must succeed: its output."""
        status, output = self.try_run(command, timeout_s)
        assert status == 0, "%s: status %d: %s" % (command, status, output)
        return output.rstrip("\n")

    def lis(self, verb, *arguments, **options):
        """Runs a lis command on this VM."""
        self.note()
        return lis(verb, self.name, *arguments, **options)

    def services(self):
        """{service name: its row}."""
        self.note()
        rpc = Rpc(self.name)
        rows = rpc.call("vm.services")["services"]
        rpc.close()
        return {row["name"]: row for row in rows}

    def status(self, service):
        """A service's primary status."""
        return self.services()[service]["primary_status"]

    def wait_status(self, service, wanted, timeout_s=30):
        """Waits until a service has a status; returns how long it took."""
        timeout_s *= self.patience()
        began = time.monotonic()
        while True:
            status = self.status(service)
            spent = time.monotonic() - began
            if status == wanted:
                return spent
            assert spent < timeout_s, "%s is %s, not %s, after %d s" % (
                service, status, wanted, spent)
            time.sleep(0.2)

    def wait_not_ok(self, service, timeout_s=30):
        """Waits until a service is seen not to be OK."""
        limit = time.monotonic() + timeout_s * self.patience()
        while self.status(service) == "OK":
            assert time.monotonic() < limit, "%s is still OK" % service
            time.sleep(0.2)

    def second(self):
        """Tries to start another VM of the same name: how that ended."""
        return subprocess.run(self.command, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, timeout=60,
                              stderr=subprocess.PIPE, text=True, check=False)

    def wait_all_ok(self):
        """Waits until every service is OK."""
        for service in SERVICES:
            self.wait_status(service, "OK", 60)

    def trouble(self):
        """Lines of the guest's dmesg that should not be there."""
        return trouble_in(self.run("dmesg"))

    def patience(self):
        """How many times as long as others it may take."""
        return DEBUG_PATIENCE if self.debug else 1

    def examine(self):
        """At the end of its test: what the debug kernel found is a failure."""
        if not self.debug or not self.console:
            return
        leaks = []
        if self.alive():
            try:
                text = self.run("dmesg", 300)
                leaks = [leak for leak in self.run(LEAKS, 900).split(
                    "unreferenced object")[1:] if OURS_IN.search(leak)]
            except (console.ConsoleError, AssertionError):
                text = self.console.text_since(0)
        else:
            text = self.console.text_since(0)
        assert not FOUND.search(text) and not leaks, "%s\n%s" % (
            text[-20000:], "\n".join(leaks))

    def wait_end(self, timeout_s=60):
        """Waits until the VM process has ended; returns its status."""
        return self.process.wait(timeout_s)

    def kill(self):
        """Ends the VM process at once."""
        if self.alive():
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


class Rpc:
    """A client of a VM's control socket, for many requests in a row."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        folder = os.environ.get("LIS_RUNTIME_DIR", "/run/lis")
        self.socket.connect(os.path.join(folder, name + ".sock"))
        self.lines = self.socket.makefile("rb")
        self.next_id = 1

    def call(self, method, **params):
        """One request: its result, or AssertionError with its error."""
        identity, self.next_id = self.next_id, self.next_id + 1
        self.socket.sendall(json.dumps({
            "jsonrpc": "2.0", "id": identity, "method": method,
            "params": params}).encode() + b"\n")
        while True:
            line = self.lines.readline()
            assert line, "the VM closed the control connection"
            answer = json.loads(line)
            if answer.get("id") == identity:
                break
        assert "error" not in answer, "%s: %s" % (method, answer["error"])
        return answer["result"]

    def close(self):
        """Ends the connection."""
        self.lines.close()
        self.socket.close()
