# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The first process inside the carrier: runs commands for the outer machine.

Speaks frames over the virtio-serial port. Each OPEN frame is a command to run
or a Unix socket to connect to; output, exit status and what the socket says go
back as they come.
"""

import fcntl
import marshal
import os
import signal
import socket
import struct
import sys
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import frames  # noqa: E402

PORT_NAME = "lis.carrier"


def open_port():
    """Opens the virtio-serial port, which may show up after we do."""
    base = "/sys/class/virtio-ports"
    while True:
        for entry in os.listdir(base) if os.path.isdir(base) else ():
            try:
                with open("%s/%s/name" % (base, entry), encoding="ascii") as f:
                    name = f.read().strip()
            except OSError:
                continue
            if name == PORT_NAME:
                return os.open("/dev/" + entry, os.O_RDWR | os.O_CLOEXEC)
        time.sleep(0.05)


class Command:
    """One running command."""

    def __init__(self, agent, stream, request):
        self.agent, self.stream = agent, stream
        self.tty = request.get("tty")
        if self.tty:
            master, slave = os.openpty()
            theirs, ours = (slave, slave, slave), (master, os.dup(master), None)
        else:
            pairs = [os.pipe() for _ in range(3)]
            theirs = (pairs[0][0], pairs[1][1], pairs[2][1])
            ours = (pairs[0][1], pairs[1][0], pairs[2][0])
        self.master = ours[0]
        self.resize(*(self.tty or (0, 0)))
        if request.get("refresh"):
            refresh()
        self.pid = self._start(request, theirs)
        for fd in set(theirs):
            os.close(fd)
        self.stdin = frames.Sink(agent.link, stream, 0, ours[0],
                                 self._close_stdin)
        os.set_blocking(ours[0], False)
        self.sources = {
            pipe: frames.Source(agent.link, stream, pipe, ours[pipe])
            for pipe in (1, 2) if ours[pipe] is not None}

    def _start(self, request, theirs):
        pid = os.fork()
        if pid:
            return pid
        try:
            os.setsid()
            for number, fd in enumerate(theirs):
                os.dup2(fd, number)
            if self.tty:
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            os.chdir(request["folder"])
            os.execvpe(request["command"][0], request["command"],
                       request["environment"])
        except OSError as error:
            os.write(2, ("carrier: %s: %s\n" % (request["command"][0],
                                                error.strerror)).encode())
        finally:
            os._exit(127)

    def _close_stdin(self):
        if not self.tty and self.stdin.fd is not None:
            self.agent.loop.watch(self.stdin.fd, 0, None)
            os.close(self.stdin.fd)
            self.stdin.fd = None

    def resize(self, rows, columns):
        """The outer terminal has a new size."""
        if self.tty:
            fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                        struct.pack("<4H", rows, columns, 0, 0))

    def frame(self, kind, pipe, payload):
        """A frame of this command's stream."""
        if kind == frames.DATA and self.stdin.fd is not None:
            self.stdin.put(payload)
        elif kind == frames.END and self.stdin.fd is not None:
            self.stdin.finish()
        elif kind == frames.CREDIT and pipe in self.sources:
            self.sources[pipe].grant(struct.unpack("<I", payload)[0])
        elif kind == frames.RESIZE:
            self.resize(*struct.unpack("<HH", payload))
        elif kind == frames.SIGNAL:
            try:
                os.killpg(self.pid, payload[0])
            except ProcessLookupError:
                pass

    def exited(self, status):
        """The command's process is gone: send what is left, then its status."""
        for source in self.sources.values():
            source.drain()
            self.agent.loop.watch(source.fd, 0, None)
            os.close(source.fd)
        if self.stdin.fd is not None:
            self.agent.loop.watch(self.stdin.fd, 0, None)
            os.close(self.stdin.fd)
        code = os.waitstatus_to_exitcode(status)
        self.agent.link.send(self.stream, frames.EXIT, 0,
                             struct.pack("<i", 128 - code if code < 0 else code))


class Connection:
    """One connection to a Unix socket inside the carrier."""

    def __init__(self, agent, stream, path):
        self.agent, self.stream = agent, stream
        # What the client asks for may name files that changed outside.
        refresh()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.socket.setblocking(False)
        fd = self.socket.fileno()
        # One descriptor each way: the loop keeps one handler per descriptor.
        self.write_fd = os.dup(fd)
        self.sink = frames.Sink(agent.link, stream, 0, self.write_fd,
                                self._shut)
        self.source = frames.Source(agent.link, stream, 1, fd, self._closed)

    def _shut(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _closed(self):
        self.close()
        self.agent.link.send(self.stream, frames.EXIT, 0, struct.pack("<i", 0))

    def close(self):
        """Forgets the connection."""
        self.agent.streams.pop(self.stream, None)
        for fd in (self.socket.fileno(), self.write_fd):
            self.agent.loop.watch(fd, 0, None)
        os.close(self.write_fd)
        self.socket.close()

    def frame(self, kind, _pipe, payload):
        """A frame of this connection's stream."""
        if kind == frames.DATA:
            self.sink.put(payload)
        elif kind == frames.END:
            self.sink.finish()
        elif kind == frames.CREDIT:
            self.source.grant(struct.unpack("<I", payload)[0])
        elif kind == frames.SIGNAL:
            self.close()


def refresh():
    """Forgets cached files, so that those changed outside are read anew.

    Overlay entries hold on to the 9p entries beneath them, which can be
    dropped only after them: hence twice.
    """
    for _ in range(2):
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
            f.write("3")


class Agent:
    """All streams of this carrier."""

    def __init__(self):
        self.loop = frames.Loop()
        self.streams = {}
        read_fd, write_fd = os.pipe()
        os.set_blocking(write_fd, False)
        signal.set_wakeup_fd(write_fd)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.loop.watch(read_fd, 1, lambda _: self._children(read_fd))
        self.link = frames.Link(self.loop, open_port(), self._frame,
                                self._lost)
        self.link.send(0, frames.HELLO)

    def _children(self, read_fd):
        os.read(read_fd, 4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for stream, command in list(self.streams.items()):
                if getattr(command, "pid", None) == pid:
                    del self.streams[stream]
                    command.exited(status)

    def _frame(self, stream, kind, pipe, payload):
        if kind == frames.OPEN:
            self._open(stream, marshal.loads(payload))
        elif stream in self.streams:
            self.streams[stream].frame(kind, pipe, payload)

    def _open(self, stream, request):
        try:
            if "connect" in request:
                self.streams[stream] = Connection(self, stream,
                                                  request["connect"])
            else:
                self.streams[stream] = Command(self, stream, request)
        except OSError:
            self.link.send(stream, frames.EXIT, 0, struct.pack("<i", 126))

    def _lost(self, _error):
        # Nobody is left to talk to.
        self.power_off()

    @staticmethod
    def power_off():
        """Ends the carrier from inside."""
        with open("/proc/sysrq-trigger", "w", encoding="ascii") as trigger:
            trigger.write("o")
        signal.pause()


if __name__ == "__main__":
    try:
        Agent().loop.run()
    finally:
        # The first process must not end: say why on the console, and go.
        sys.excepthook(*sys.exc_info())
        Agent.power_off()
