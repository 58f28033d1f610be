# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Many byte streams over one: what the carrier's two ends speak.

A frame is {u32 stream, u8 kind, u8 pipe, u16 zero, u32 length} and its
payload, little endian. A stream is one command (pipes 0, 1, 2: its standard
input, output, error) or one connection (pipe 0 towards the carrier, pipe 1
back). A sender may have WINDOW_BYTES of a pipe on the way; CREDIT gives back
what the receiver has passed on, so that one slow reader holds up nobody else. Both ends run the same interpreter
from the same root file system, so requests are marshalled.
"""

import os
import selectors
import struct
import time

HEADER = struct.Struct("<IBBHI")
WINDOW_BYTES = 256 * 1024
CHUNK_BYTES = 16 * 1024
# More than a pipe can hold.
DRAIN_CHUNKS = 16
# After poll says writable, a pipe takes this much without blocking.
WRITE_BYTES = 4096

HELLO, OPEN, DATA, END, CREDIT, EXIT, SIGNAL, RESIZE, BEAT = range(1, 10)


class Loop:
    """One poll loop: file descriptors and who wants to know of them."""

    def __init__(self):
        self.selector = selectors.PollSelector()
        self.stopped = False
        self.period_s, self.next_s, self.periodic = None, 0, None

    def every(self, period_s, handler):
        """Calls handler() about so often while the loop runs; there is one."""
        self.period_s, self.periodic = period_s, handler
        self.next_s = time.monotonic() + period_s

    def watch(self, fd, events, handler):
        """Calls handler(events) when fd is ready; events 0 forgets fd."""
        known = fd in self.selector.get_map()
        if not events:
            if known:
                self.selector.unregister(fd)
        elif known:
            self.selector.modify(fd, events, handler)
        else:
            self.selector.register(fd, events, handler)

    def run(self):
        """Runs until somebody sets stopped."""
        while not self.stopped:
            self.run_once(self.period_s)
            if self.periodic and time.monotonic() >= self.next_s:
                self.next_s = time.monotonic() + self.period_s
                self.periodic()

    def run_once(self, timeout_s):
        """Waits once, and calls the handlers of what is ready."""
        for key, events in self.selector.select(timeout_s):
            # An earlier handler of this round may have dropped this one.
            current = self.selector.get_map().get(key.fd)
            if current and current.data == key.data:
                key.data(events)


class Link:
    """One end of the byte stream that carries the frames."""

    def __init__(self, loop, fd, on_frame, on_lost):
        self.loop = loop
        self.fd = fd
        self.on_frame = on_frame
        self.on_lost = on_lost
        self.incoming = bytearray()
        self.outgoing = bytearray()
        os.set_blocking(fd, False)
        loop.watch(fd, selectors.EVENT_READ, self._ready)

    def send(self, stream, kind, pipe=0, payload=b""):
        """Queues one frame; the windows bound what can queue."""
        self.outgoing += HEADER.pack(stream, kind, pipe, 0, len(payload))
        self.outgoing += payload
        self._flush()

    def _flush(self):
        try:
            while self.outgoing:
                done = os.write(self.fd, self.outgoing[:65536])
                del self.outgoing[:done]
        except BlockingIOError:
            pass
        except OSError as error:
            self.on_lost(error)
            return
        events = selectors.EVENT_READ
        if self.outgoing:
            events |= selectors.EVENT_WRITE
        self.loop.watch(self.fd, events, self._ready)

    def _ready(self, events):
        if events & selectors.EVENT_WRITE:
            self._flush()
        if not events & selectors.EVENT_READ:
            return
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return
        except OSError as error:
            self.on_lost(error)
            return
        if not data:
            self.on_lost(None)
            return
        self.incoming += data
        while len(self.incoming) >= HEADER.size:
            stream, kind, pipe, _, length = HEADER.unpack_from(self.incoming)
            if len(self.incoming) < HEADER.size + length:
                break
            payload = bytes(self.incoming[HEADER.size:HEADER.size + length])
            del self.incoming[:HEADER.size + length]
            self.on_frame(stream, kind, pipe, payload)


class Source:
    """Reads a local descriptor into a stream's pipe as the window allows."""

    def __init__(self, link, stream, pipe, fd, on_end=None):
        self.link, self.stream, self.pipe, self.fd = link, stream, pipe, fd
        self.credit = WINDOW_BYTES
        self.on_end = on_end
        self.ended = False
        self._watch()

    def _watch(self):
        ready = selectors.EVENT_READ if self.credit and not self.ended else 0
        self.link.loop.watch(self.fd, ready, self._ready)

    def _ready(self, _events):
        try:
            data = os.read(self.fd, min(self.credit, CHUNK_BYTES))
        except BlockingIOError:
            return
        except OSError:
            data = b""  # A pty whose other end is closed reads as EIO.
        if not data:
            self.end()
            return
        self.credit -= len(data)
        self.link.send(self.stream, DATA, self.pipe, data)
        self._watch()

    def grant(self, size_bytes):
        """The other end passed on so many bytes."""
        self.credit += size_bytes
        self._watch()

    def drain(self):
        """Sends what is there now and ends, whoever still holds the pipe.

        Goes past the window by what a pipe holds, once in its life.
        """
        os.set_blocking(self.fd, False)
        for _ in range(DRAIN_CHUNKS):
            try:
                data = os.read(self.fd, CHUNK_BYTES)
            except OSError:
                break
            if not data:
                break
            self.link.send(self.stream, DATA, self.pipe, data)
        self.end()

    def end(self):
        """Says the end to the other side, once."""
        if self.ended:
            return
        self.ended = True
        self._watch()
        self.link.send(self.stream, END, self.pipe)
        if self.on_end:
            self.on_end()


class Sink:
    """Writes a stream's pipe to a local descriptor, giving credit back."""

    def __init__(self, link, stream, pipe, fd, on_end=None):
        self.link, self.stream, self.pipe, self.fd = link, stream, pipe, fd
        self.buffer = bytearray()
        self.on_end = on_end
        self.ending = False
        self.broken = False
        self.ended = False

    def put(self, data):
        """Takes bytes from the other end."""
        if self.broken:
            self._credit(len(data))
            return
        self.buffer += data
        self._watch()

    def finish(self):
        """No more bytes will come: end when what is here is written."""
        self.ending = True
        self._watch()

    def _credit(self, size_bytes):
        self.link.send(self.stream, CREDIT, self.pipe,
                       struct.pack("<I", size_bytes))

    def _watch(self):
        pending = bool(self.buffer)
        self.link.loop.watch(self.fd, selectors.EVENT_WRITE if pending else 0,
                             self._ready)
        if not pending and self.ending and not self.ended:
            self.ended = True
            if self.on_end:
                self.on_end()

    def _ready(self, _events):
        try:
            done = os.write(self.fd, self.buffer[:WRITE_BYTES])
        except BlockingIOError:
            return
        except OSError:
            # The reader is gone: swallow the rest, or the writer would hang.
            self.broken = True
            done = len(self.buffer)
        del self.buffer[:done]
        self._credit(done)
        self._watch()
