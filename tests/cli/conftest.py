# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""What the tests of `lis` share: the program, a runtime folder, fake VMs.

The program is $LIS_EXECUTABLE. No virtual machine is needed.
"""

import json
import os
import pty
import select
import subprocess

import pytest

from fake_vm import FakeVM

LIMIT_S = 60  # a command that takes this long hangs


class Result:
    """How a command ended."""

    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def json(self):
        """Standard output as one document."""
        return json.loads(self.out)

    def error(self):
        """The error object on standard error."""
        return json.loads(self.err)["error"]


class Terminal:
    """A command with a terminal as its standard input, output and error."""

    def __init__(self, command, environment):
        self.master, slave = pty.openpty()
        self.seen = b""
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave,
            env=environment, start_new_session=True,
            preexec_fn=lambda: __import__("fcntl").ioctl(
                0, __import__("termios").TIOCSCTTY, 0))
        self.slave = slave

    def type(self, data):
        """Types bytes."""
        os.write(self.master, data)

    def wait_for(self, text):
        """Reads until text has been seen."""
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], LIMIT_S)
            assert ready, "%r not in %r" % (text, self.seen)
            self.seen += os.read(self.master, 65536)

    def end(self):
        """Waits for the end; returns the exit status."""
        status = self.process.wait(LIMIT_S)
        os.close(self.slave)
        while select.select([self.master], [], [], 0)[0]:
            try:
                more = os.read(self.master, 65536)
            except OSError:
                break
            if not more:
                break
            self.seen += more
        os.close(self.master)
        return status


class Lis:
    """Runs the program in a runtime folder of its own."""

    def __init__(self, folder):
        self.program = os.environ["LIS_EXECUTABLE"]
        self.folder = folder
        self.environment = dict(os.environ, LIS_RUNTIME_DIR=str(folder),
                                LC_ALL="C.UTF-8", TZ="UTC")
        self.vms = []

    def __call__(self, *arguments, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run([self.program, *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self.environment, timeout=LIMIT_S, text=True,
                              check=False, **options)
        assert "Sanitizer" not in done.stderr, done.stderr
        assert "runtime error" not in done.stderr, done.stderr
        return Result(done)

    def start(self, *arguments, **options):
        """Starts a command and returns the process."""
        return subprocess.Popen([self.program, *arguments],
                                env=self.environment, **options)

    def terminal(self, *arguments):
        """Starts a command on a terminal."""
        return Terminal([self.program, *arguments], self.environment)

    def vm(self, methods=None, name="demovm"):
        """Starts a fake VM."""
        vm = FakeVM(str(self.folder), name,
                    {} if methods is None else methods)
        self.vms.append(vm)
        return vm


@pytest.fixture(name="lis")
def _lis(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    lis = Lis(folder)
    yield lis
    for vm in lis.vms:
        vm.close()
