# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""lis events and lis console: live streams, in pipes and on terminals."""

import base64
import json
import signal
import threading

from fake_vm import Failure, SILENT

EVENTS = [
    {"time": "2026-01-02T03:04:05.678Z", "uptime_ms": 1, "event": "offer",
     "service": "Heartbeat", "relid": 2, "text": "channel offered"},
    {"time": "2026-01-02T03:04:06.000Z", "uptime_ms": 323, "event": "panic",
     "text": "Kernel panic - not syncing: \x1b[31mtest"},
    {"time": "2026-01-02T03:04:07.000Z", "uptime_ms": 1323,
     "event": "stopped", "text": "the guest powered off"},
    {"time": "2026-01-02T03:04:07.001Z", "uptime_ms": 1324, "event": "close",
     "service": "Heartbeat", "relid": 2, "text": "the channel was closed"},
]

LINES = [
    "2026-01-02T03:04:05.678Z offer           Heartbeat: channel offered",
    "2026-01-02T03:04:06.000Z panic           Kernel panic - not syncing: "
    "\\x1b[31mtest",
    "2026-01-02T03:04:07.000Z stopped         the guest powered off",
    "2026-01-02T03:04:07.001Z close           Heartbeat: the channel was "
    "closed",
]


def then_end(events):
    """events.follow: these events, then the end of the process."""
    def follow(connection, request):
        connection.answer(request, {})
        for event in events:
            connection.notify("event", event)
        connection.close()
        return SILENT
    return follow


def test_events_until_the_vm_stops(lis):
    vm = lis.vm({"events.follow": then_end(EVENTS)})
    result = lis("events", "demovm", "--replay")
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines() == LINES
    assert vm.requests == [("events.follow", {"replay": True})]


def test_events_json(lis):
    vm = lis.vm({"events.follow": then_end(EVENTS)})
    result = lis("events", "demovm", "--json")
    assert result.status == 0
    assert [json.loads(line) for line in result.out.splitlines()] == EVENTS
    assert vm.requests == [("events.follow", {"replay": False})]


def test_events_of_a_killed_vm(lis):
    lis.vm({"events.follow": then_end(EVENTS[:2])})
    result = lis("events", "demovm")
    assert result.status == 5
    assert result.out.splitlines() == LINES[:2]
    assert "it may have been killed" in result.err


def test_events_before_the_answer(lis):
    def follow(connection, request):
        connection.notify("event", EVENTS[0])
        connection.answer(request, {})
        connection.notify("event", EVENTS[2])
        connection.close()
        return SILENT

    lis.vm({"events.follow": follow})
    assert lis("events", "demovm").out.splitlines() == [LINES[0], LINES[2]]


def test_events_remembered(lis):
    def follow(connection, request):
        connection.answer(request, {})
        for event in EVENTS[:2]:
            connection.notify("event", event)
        return SILENT

    vm = lis.vm({"events.follow": follow, "vm.info": {}})
    result = lis("events", "demovm", "--no-follow")
    assert result.status == 0
    assert result.out.splitlines() == LINES[:2]
    assert vm.requests == [("events.follow", {"replay": True}),
                           ("vm.info", None)]


def test_events_are_shown_as_they_come_and_ctrl_c_ends(lis):
    def follow(connection, request):
        connection.answer(request, {})
        connection.notify("event", EVENTS[0])
        return SILENT

    lis.vm({"events.follow": follow})
    process = lis.start("events", "demovm", stdout=-1, text=True)
    assert process.stdout.readline() == LINES[0] + "\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    process.stdout.close()


def test_events_reader_that_goes(lis):
    def follow(connection, request):
        connection.answer(request, {})
        try:
            while True:
                connection.notify("event", EVENTS[0])
        except OSError:
            return SILENT

    lis.vm({"events.follow": follow})
    process = lis.start("events", "demovm", stdout=-1, text=True)
    assert process.stdout.readline() == LINES[0] + "\n"
    process.stdout.close()
    assert process.wait(60) == -signal.SIGPIPE


# ---- console ----

class Guest:
    """A guest that prints what it is told to, and keeps what is typed."""

    def __init__(self, greeting=b"login: ", takes=None, claims=None):
        self.greeting = greeting
        self.takes = takes  # bytes at a time; None: all
        self.claims = claims  # bytes it says it took; None: the truth
        self.typed = b""
        self.refusals = 0
        self.connection = None
        self.more = threading.Condition()

    def attach(self, connection, request):
        """console.attach"""
        self.connection = connection
        connection.answer(request, {})
        self.say(self.greeting)
        return SILENT

    def say(self, data):
        """Prints on the console."""
        self.connection.notify("console.output", {
            "data": base64.b64encode(data).decode()})

    def input(self, connection, request):
        """console.input"""
        data = base64.b64decode(request["params"]["data"])
        taken = data if self.takes is None else data[:self.takes]
        # Who waits for it sees it once it is answered, and may end the VM at
        # once; the client may be gone, and it was typed all the same.
        with self.more:
            self.typed += taken
            self.refusals += taken != data
            try:
                connection.answer(request, {
                    "taken": len(taken) if self.claims is None
                    else self.claims})
            finally:
                self.more.notify_all()
        return SILENT

    def wait_for(self, text):
        """Waits until text was typed."""
        with self.more:
            assert self.more.wait_for(lambda: text in self.typed, 60), \
                self.typed

    def methods(self):
        """For a fake VM."""
        return {"console.attach": self.attach, "console.input": self.input}


def test_console_on_a_terminal(lis):
    guest = Guest()
    vm = lis.vm(guest.methods())
    terminal = lis.terminal("console", "demovm", "--replay")
    terminal.wait_for(b"login: ")
    terminal.type(b"ro\x03ot\r")
    guest.wait_for(b"ro\x03ot\r")
    guest.say(b"\x1b[1mwelcome\x1b[0m\r\n")
    terminal.wait_for(b"\x1b[1mwelcome\x1b[0m\r\n")
    terminal.type(b"bye\x1dnever")
    assert terminal.end() == 0
    assert b"Leave with Ctrl-]" in terminal.seen
    guest.wait_for(b"bye")
    assert vm.ended.wait(60)
    assert b"never" not in guest.typed
    assert vm.requests[0] == ("console.attach", {"replay": True})


def test_console_gives_the_terminal_back(lis):
    import termios
    for end in ("escape", "signal", "vm", "error"):
        guest = Guest()
        vm = lis.vm(guest.methods(), name=end)
        terminal = lis.terminal("console", end)
        before = termios.tcgetattr(terminal.slave)
        terminal.wait_for(b"login: ")
        assert not termios.tcgetattr(terminal.slave)[3] & termios.ECHO
        if end == "escape":
            terminal.type(b"\x1d")
        elif end == "signal":
            terminal.process.send_signal(signal.SIGTERM)
        elif end == "vm":
            vm.close()
        else:
            guest.connection.send_bytes(b"garbage\n")
        assert terminal.process.wait(60) == (5 if end == "error" else 0)
        before[3] |= termios.ECHO | termios.ICANON
        after = termios.tcgetattr(terminal.slave)
        assert after[3] & (termios.ECHO | termios.ICANON) == (
            termios.ECHO | termios.ICANON)
        terminal.end()


def test_console_terminal_hangs_up(lis):
    guest = Guest()
    vm = lis.vm(guest.methods())
    terminal = lis.terminal("console", "demovm")
    terminal.wait_for(b"login: ")
    import os
    os.close(terminal.slave)
    os.close(terminal.master)
    terminal.process.wait(60)
    assert vm.ended.wait(60)


def test_console_in_a_pipe(lis):
    guest = Guest(greeting=bytes(range(256)) * 1000)
    vm = lis.vm(guest.methods())
    process = lis.start("console", "demovm", stdin=-1, stdout=-1, stderr=-1)
    process.stdin.write(b"one\x1dtwo\n")
    process.stdin.close()
    assert process.stdout.read(256000) == bytes(range(256)) * 1000
    guest.wait_for(b"one\x1dtwo\n")
    guest.say(b"still here")
    assert process.stdout.read(10) == b"still here"
    vm.close()
    assert process.stdout.read() == b""
    assert process.wait(60) == 0
    assert process.stderr.read() == b""
    process.stdout.close()
    process.stderr.close()


def test_console_guest_that_reads_slowly(lis):
    guest = Guest(takes=16)
    lis.vm(guest.methods())
    text = b"".join(b"line %d\n" % i for i in range(200))
    process = lis.start("console", "demovm", stdin=-1, stdout=-1)
    process.stdin.write(text)
    process.stdin.close()
    guest.wait_for(b"line 199\n")
    assert guest.typed == text
    assert guest.refusals > 0
    process.terminate()
    assert process.wait(60) == 0
    process.stdout.close()


def test_console_json(lis):
    guest = Guest()
    vm = lis.vm(guest.methods())
    process = lis.start("console", "demovm", "--json", stdin=-1, stdout=-1)
    assert json.loads(process.stdout.readline()) == {
        "data": base64.b64encode(b"login: ").decode()}
    vm.close()
    process.stdin.close()
    assert process.wait(60) == 0
    process.stdout.close()


def test_console_reader_that_goes(lis):
    guest = Guest()
    lis.vm(guest.methods())
    process = lis.start("console", "demovm", stdin=-1, stdout=-1)
    assert process.stdout.read(7) == b"login: "
    process.stdout.close()
    guest.say(b"more")
    assert process.wait(60) == 0
    process.stdin.close()


def test_console_output_that_is_no_base64(lis):
    def attach(connection, request):
        connection.answer(request, {})
        connection.notify("console.output", {"data": "?"})
        return SILENT

    lis.vm({"console.attach": attach})
    result = lis("console", "demovm")
    assert result.status == 5
    assert "not Base64" in result.err


def test_console_input_is_refused(lis):
    guest = Guest()
    methods = guest.methods()
    methods["console.input"] = Failure("not-running", "the VM is paused")
    lis.vm(methods)
    result = lis("console", "demovm", stdin=None, input="x")
    assert result.status == 1
    assert "the VM is paused" in result.err


def test_console_lying_about_what_was_taken(lis):
    guest = Guest(claims=1 << 40)
    vm = lis.vm(guest.methods())
    process = lis.start("console", "demovm", stdin=-1, stdout=-1)
    assert process.stdout.read(7) == b"login: "
    process.stdin.write(b"x" * 5000)
    process.stdin.close()
    guest.wait_for(b"x" * 5000)
    guest.say(b"ok")
    assert process.stdout.read(2) == b"ok"
    vm.close()
    assert process.wait(60) == 0
    process.stdout.close()
