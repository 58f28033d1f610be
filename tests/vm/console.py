# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A guest's serial console as a way to run commands in it.

The other end is carrier/guest/serve.sh, whose head describes the framing.
"""

import base64
import gzip
import os
import re
import subprocess
import threading
import time

# The terminal's line discipline holds lines of up to 4095 bytes.
LINE_LIMIT_BYTES = 4000


class ConsoleError(AssertionError):
    """The guest did not say what it should have; carries what it said."""


class Console:
    """What a process writes (a guest's serial output), and what it reads."""

    def __init__(self, process):
        self.process = process
        self.text = bytearray()
        self.changed = threading.Condition()
        self.closed = False
        self.next_id = 1
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        fd = self.process.stdout.fileno()
        while True:
            try:
                data = os.read(fd, 65536)
            except OSError:
                data = b""
            with self.changed:
                if data:
                    self.text += data
                else:
                    self.closed = True
                self.changed.notify_all()
            if not data:
                return

    def tail(self, lines=30):
        """The last lines, for a person."""
        text = bytes(self.text).decode(errors="replace").replace("\r", "")
        return "\n".join(text.splitlines()[-lines:])

    def wait(self, pattern, timeout_s, start=0):
        """Waits until pattern (bytes) matches from start; returns the match."""
        limit = time.monotonic() + timeout_s
        expression = re.compile(pattern, re.MULTILINE)
        with self.changed:
            while True:
                match = expression.search(self.text, start)
                if match:
                    return match
                rest = limit - time.monotonic()
                if rest <= 0 or self.closed:
                    raise ConsoleError("the guest's console %s before %r; "
                                       "its last lines:\n%s" % (
                                           "closed" if self.closed else
                                           "was silent for %g s" % timeout_s,
                                           pattern, self.tail()))
                self.changed.wait(rest)

    def wait_closed_or(self, pattern, timeout_s):
        """Waits until the guest's process ends, or pattern (bytes) matches."""
        expression = re.compile(pattern, re.MULTILINE)
        with self.changed:
            if not self.changed.wait_for(
                    lambda: self.closed or expression.search(self.text),
                    timeout_s):
                raise ConsoleError("the guest's console was silent for %g s; "
                                   "its last lines:\n%s" % (
                                       timeout_s, self.tail()))

    def position(self):
        """How much has been read: a start for wait()."""
        with self.changed:
            return len(self.text)

    def text_since(self, start):
        """What was read after a position, as text."""
        with self.changed:
            return bytes(self.text[start:]).decode(errors="replace")

    def ready(self, timeout_s=120, start=0):
        """Waits until the guest serves commands."""
        self.wait(rb"@@lis ready", timeout_s, start)

    def send(self, command):
        """Sends a command without waiting for it; returns its id."""
        identity = self.next_id
        self.next_id += 1
        line = b"RUN %d %s\n" % (identity, base64.b64encode(command.encode()))
        if len(line) > LINE_LIMIT_BYTES:
            raise ValueError("a command of %d bytes is too long for the "
                             "console" % len(command))
        self.process.stdin.write(line)
        self.process.stdin.flush()
        return identity

    def answer(self, identity, timeout_s=60):
        """Waits for a sent command: (status, output)."""
        match = self.wait(rb"@@lis %d out\r?\n([^@]*)@@lis %d end (\d+)"
                          % (identity, identity), timeout_s)
        try:
            output = gzip.decompress(base64.b64decode(match.group(1)))
        except (ValueError, OSError, EOFError) as error:
            raise ConsoleError("the answer was torn on the console: %s\n%s"
                               % (error, self.tail())) from error
        return int(match.group(2)), output.decode(errors="replace")

    def run(self, command, timeout_s=60):
        """Runs a shell script in the guest: (status, output)."""
        return self.answer(self.send(command), timeout_s)


def start(command, **arguments):
    """Starts a process that is a guest's console."""
    return subprocess.Popen(command, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, **arguments)
