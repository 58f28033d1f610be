# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The carrier's verbs: one command in one carrier, or a carrier that stays.

A carrier that stays is owned by a process of its own, which listens on a
socket in the runtime folder. `exec` hands its standard descriptors over to it
and waits for the exit status.
"""

import argparse
import array
import json
import os
import select
import shutil
import signal
import socket
import sys
import termios
import tty

import frames
from machine import CarrierError, Machine


def folder(path):
    """Argument type: an existing folder."""
    real = os.path.realpath(path)
    if not os.path.isdir(real):
        raise argparse.ArgumentTypeError("%s is not a folder" % path)
    return real


def forward(text):
    """Argument type: OUTER=INNER."""
    outer, equals, inner = text.partition("=")
    if not (outer and equals and inner):
        raise argparse.ArgumentTypeError("%s is not OUTER=INNER" % text)
    return outer, inner


def runtime_folder():
    """The carriers' part of lis's runtime folder, made when missing."""
    if os.environ.get("LIS_RUNTIME_DIR"):
        base = os.environ["LIS_RUNTIME_DIR"]
    elif os.environ.get("XDG_RUNTIME_DIR"):
        base = os.path.join(os.environ["XDG_RUNTIME_DIR"], "lis")
    elif os.geteuid() == 0:
        base = "/run/lis"
    else:
        base = "/tmp/lis-%d" % os.geteuid()
    path = os.path.join(base, "carrier")
    for part in (base, path):
        try:
            os.mkdir(part, 0o700)
        except FileExistsError:
            pass
        status = os.stat(part, follow_symlinks=False)
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise CarrierError("%s is not a folder of yours alone: remove it"
                               % part)
    return path


def command_request(arguments, refresh):
    """What the agent needs to know to run the command."""
    environment = {key: value for key, value in os.environ.items()
                   if key not in ("XDG_RUNTIME_DIR", "LIS_RUNTIME_DIR")}
    environment.update(LIS_CARRIER="1", LIS_RUNTIME_DIR="/run/lis")
    size = shutil.get_terminal_size()
    return {"command": arguments.command, "folder": os.getcwd(),
            "environment": environment, "refresh": refresh,
            "tty": [size.lines, size.columns] if arguments.tty else None}


class Terminal:
    """The user's terminal, raw while a command with --tty runs."""

    def __init__(self, wanted):
        self.saved = None
        if wanted and os.isatty(0):
            self.saved = termios.tcgetattr(0)
            tty.setraw(0)

    def restore(self):
        """Gives the terminal back as it was."""
        if self.saved:
            termios.tcsetattr(0, termios.TCSADRAIN, self.saved)


def listen(path):
    """A listening Unix socket that only its owner can reach."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(mask)
    listener.listen(64)
    return listener


class Owner:
    """The process that a carrier belongs to."""

    def __init__(self, options):
        self.loop = frames.Loop()
        self.failure = None
        self.paths = []
        self.machine = Machine(self.loop, options, self._lost)
        if options.follow:
            self._follow(options.follow)
        try:
            self.machine.wait_ready()
            for outer, inner in options.forward:
                self._forward(outer, inner)
        except BaseException:
            self.stop()
            raise

    def _lost(self, error):
        if not self.machine.ready:
            raise error
        self.failure = error
        self.loop.stopped = True

    def _follow(self, pid):
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError as error:
            self.stop()
            raise CarrierError("process %d is gone" % pid) from error
        self.loop.watch(fd, 1, lambda _: self._followed_is_gone())

    def _followed_is_gone(self):
        self.stop()
        os._exit(125)

    def serve(self, path, on_connection):
        """Listens on path and hands each connection to on_connection."""
        listener = listen(path)
        self.paths.append(path)
        self.loop.watch(listener.fileno(), 1,
                        lambda _: on_connection(listener.accept()[0]))

    def _forward(self, outer, inner):
        def connected(connection):
            write_fd = os.dup(connection.fileno())
            read_fd = connection.detach()
            os.set_blocking(read_fd, False)

            def ended(_status):
                for fd in (read_fd, write_fd):
                    self.loop.watch(fd, 0, None)
                    os.close(fd)

            self.machine.open({"connect": inner}, {0: read_fd},
                              {1: write_fd}, ended)

        self.serve(outer, connected)

    def signals(self, handlers):
        """Calls handlers[number]() from the loop when a signal comes."""
        read_fd, write_fd = os.pipe()
        os.set_blocking(write_fd, False)
        signal.set_wakeup_fd(write_fd)
        for number in handlers:
            signal.signal(number, lambda *_: None)
        self.loop.watch(read_fd, 1, lambda _: [
            handlers[number]() for number in os.read(read_fd, 64)
            if number in handlers])

    def stop(self):
        """Ends the carrier and removes its sockets."""
        for path in self.paths:
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
        self.machine.stop()


def verb_run(arguments):
    """Boots a carrier, runs one command in it, and stops it."""
    owner = Owner(arguments)
    status = []

    def exited(number):
        status.append(number)
        owner.loop.stopped = True

    terminal = Terminal(arguments.tty)
    try:
        job = owner.machine.open(command_request(arguments, False), {0: 0},
                                 {1: 1, 2: 2}, exited)
        handlers = {number: lambda n=number: job.signal(n) for number in
                    (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        if arguments.tty:
            job.sinks[2].ended = True
            handlers[signal.SIGWINCH] = lambda: job.resize(
                *reversed(shutil.get_terminal_size()))
        owner.signals(handlers)
        owner.loop.run()
    finally:
        terminal.restore()
        owner.stop()
    if not status:
        raise owner.failure
    return status[0]


class Client:
    """One `exec` or `stop` at a carrier that stays."""

    def __init__(self, owner, connection):
        self.owner, self.connection = owner, connection
        self.text = bytearray()
        self.fds = []
        self.job = None
        owner.loop.watch(connection.fileno(), 1, self._ready)

    def _ready(self, _events):
        try:
            data, fds, _, _ = socket.recv_fds(self.connection, 65536, 3)
        except OSError:
            data, fds = b"", []
        self.fds += fds
        if not data:
            # A client that is gone takes its command along.
            if self.job:
                self.job.signal(signal.SIGKILL)
            self._close()
            return
        self.text += data
        while b"\n" in self.text:
            line, _, rest = self.text.partition(b"\n")
            self.text = bytearray(rest)
            self._request(json.loads(line))

    def _close(self):
        if self.connection.fileno() >= 0:
            self.owner.loop.watch(self.connection.fileno(), 0, None)
            self.connection.close()

    def _request(self, request):
        if "stop" in request:
            self.owner.loop.stopped = True
        elif "signal" in request and self.job:
            self.job.signal(request["signal"])
        elif "resize" in request and self.job:
            self.job.resize(*request["resize"])
        elif "command" in request and not self.job:
            outputs = {1: self.fds[1]}
            if not request["tty"]:
                outputs[2] = self.fds[2]
            self.job = self.owner.machine.open(
                request, {0: self.fds[0]}, outputs, self._exited)

    def _exited(self, status):
        for fd in self.fds:
            self.owner.loop.watch(fd, 0, None)
            os.close(fd)
        self.job = None
        try:
            self.connection.sendall(b'{"status": %d}\n' % status)
        except OSError:
            pass
        self._close()


def socket_path(name):
    """Where the carrier of that name listens."""
    if "/" in name or name.startswith("."):
        raise CarrierError("%s is not a name for a carrier" % name)
    return os.path.join(runtime_folder(), name + ".sock")


def connect(name):
    """A connection to the carrier of that name, or None."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(socket_path(name))
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    return connection


def need(name):
    """A connection to the carrier of that name, which must be there."""
    connection = connect(name)
    if connection is None:
        raise CarrierError("no carrier %s is running: start it with "
                           "'carrier start %s'" % (name, name))
    return connection


def own(arguments, path, report_fd):
    """Life of the process that owns a carrier that stays."""
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    try:
        owner = Owner(arguments)
        owner.serve(path, lambda connection: Client(owner, connection))
    except CarrierError as error:
        os.write(report_fd, str(error).encode())
        return

    def stop():
        owner.loop.stopped = True

    owner.signals({signal.SIGTERM: stop, signal.SIGINT: stop})
    os.write(report_fd, b"ready")
    os.close(report_fd)
    try:
        owner.loop.run()
    finally:
        owner.stop()


def verb_start(arguments):
    """Boots a carrier that stays until `stop`."""
    if connect(arguments.name):
        raise CarrierError("a carrier %s is running already" % arguments.name)
    path = socket_path(arguments.name)
    read_fd, write_fd = os.pipe()
    if not os.fork():
        try:
            os.close(read_fd)
            own(arguments, path, write_fd)
        finally:
            os._exit(0)
    os.close(write_fd)
    with os.fdopen(read_fd) as report:
        said = report.read()
    if said != "ready":
        raise CarrierError(said or "the carrier's owner died")
    return 0


def verb_exec(arguments):
    """Runs a command in a carrier that stays."""
    connection = need(arguments.name)
    request = command_request(arguments, not arguments.cached)
    terminal = Terminal(arguments.tty)
    try:
        socket.send_fds(connection, [json.dumps(request).encode() + b"\n"],
                        array.array("i", (0, 1, 2)))

        def tell(**what):
            connection.sendall(json.dumps(what).encode() + b"\n")

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda n, _: tell(signal=n))
        if arguments.tty:
            signal.signal(signal.SIGWINCH, lambda *_: tell(
                resize=list(reversed(shutil.get_terminal_size()))))
        with connection.makefile() as answers:
            line = answers.readline()
    finally:
        terminal.restore()
    if not line:
        raise CarrierError("the carrier %s stopped" % arguments.name)
    return json.loads(line)["status"]


def verb_stop(arguments):
    """Stops a carrier that stays, and waits until it is gone."""
    connection = need(arguments.name)
    connection.sendall(b'{"stop": true}\n')
    select.select([connection], [], [], 30)
    return 0


def verb_list(_arguments):
    """Prints the names of the carriers that stay."""
    for entry in sorted(os.listdir(runtime_folder())):
        name = entry.removesuffix(".sock")
        if name != entry and connect(name):
            print(name)
    sys.stdout.flush()
    return 0
