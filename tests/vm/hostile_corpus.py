# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The seeds of tests/fuzz for the guest ends, played to a guest. Each reader
goes by the head of its target (tests/fuzz/fuzz_NAME.c): the steps that a host
makes are made, those of the target's own caller are the guest's drivers' to
make, and only their operands are passed over."""

import os
import struct

from hostile_host import COMPLETION, INBAND, MASK, PENDING, READ_INDEX, \
    WRITE_INDEX, transfer

CORPUS = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "fuzz", "corpus")


def seeds(target):
    """(name, bytes) of each seed, in order."""
    folder = os.path.join(CORPUS, target)
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as stream:
            yield name, stream.read()


class Bytes:
    """An input, taken off piece by piece; behind its end are zeroes."""

    def __init__(self, data):
        self.data, self.at = data, 0

    @property
    def left(self):
        """How much there is."""
        return max(0, len(self.data) - self.at)

    def take(self, count):
        """That many bytes."""
        piece = self.data[self.at:self.at + count]
        self.at += len(piece)
        return piece + bytes(count - len(piece))

    def u8(self):
        """One byte."""
        return self.take(1)[0]

    def u16(self):
        """Two, the lower one first."""
        return struct.unpack("<H", self.take(2))[0]

    def below(self, limit):
        """One byte as a number below limit."""
        return self.u8() % limit


# ---- integration components: tests/fuzz/ic_fuzz.h ----

IC_NEGOTIATE, IC_REQUEST = 0, 3  # flags: transaction, request
IC_PACKET_MAX = 13312


def ic_packet(kind, body, framework=0x3, version=0, identity=1):
    """A packet of the host: pipe header, IC header, body."""
    header = struct.pack("<IHIHIBBxx", framework, kind, version, len(body), 0,
                         identity, IC_REQUEST)
    return struct.pack("<II", 1, len(header) + len(body)) + header + body


class IcHost:
    """What an honest host would say next: it negotiates, then asks."""

    def __init__(self, service, choice):
        self.service, self.asked, self.count = service, False, 0
        self.versions = service.versions[:1 + choice % len(service.versions)] \
            if choice else service.versions

    def next(self):
        """The next packet."""
        if not self.asked:
            self.asked = True
            # Beyond what the guest knows there may be newer ones.
            body = struct.pack("<HHI", 2, len(self.versions), 0)
            body += struct.pack("<II", 1, 3)
            for major, minor in self.versions:
                body += struct.pack("<HH", major, minor)
            return ic_packet(IC_NEGOTIATE, body, framework=0)
        self.count += 1
        major, minor = self.versions[-1]
        return ic_packet(self.service.kind, self.service.body(self.count),
                         version=minor << 16 | major,
                         identity=self.count & 0xff)


class Service:
    """An integration component, by its wire."""

    def __init__(self, target, name, kind, versions, body):
        self.target, self.name, self.kind = target, name, kind
        self.versions, self.body = versions, body


def _kvp_body(count):
    """GET, SET, DELETE, ENUMERATE, GET_IP, SET_IP in turn."""
    operation, key = count % 6, "key".encode("utf-16-le") + b"\0\0"
    head = struct.pack("<BBH", operation, count % 5, 0)
    value = struct.pack("<III", 1, len(key), len(key)) + key.ljust(512, b"\0")
    value += key.ljust(2048, b"\0")
    if operation >= 4:
        return (head[:2] + key).ljust(7428, b"\0")
    if operation == 2:
        return (head + value[4:8] + value[12:524]).ljust(2580, b"\0")
    if operation == 3:
        return head + struct.pack("<I", count % 12) + value
    return (head + value).ljust(2580, b"\0")


def _fcopy_body(count):
    """A file, its block, its end, a cancel."""
    operation = (count - 1) % 4
    head = struct.pack("<I", operation) + bytes(32)
    if operation == 0:
        return head + "n".encode("utf-16-le").ljust(520, b"\0") + \
            "/tmp".encode("utf-16-le").ljust(520, b"\0") + \
            struct.pack("<IQ", 3, 5)
    if operation == 1:
        return head + struct.pack("<IQI", 0, 0, 5) + b"bytes".ljust(6144,
                                                                    b"\0")
    return head


SERVICES = [
    Service("heartbeat_vsc", "Heartbeat", 1, [(1, 0), (3, 0)],
            lambda count: struct.pack("<QIIIIIIII", count, *[0] * 8)),
    # 4: hibernation, which the guest only tells of.
    Service("shutdown_vsc", "Shutdown", 3, [(1, 0), (3, 0), (3, 1), (3, 2)],
            lambda count: struct.pack("<III", 0, 0, 4).ljust(2060, b"\0")),
    Service("timesync_vsc", "Time Synchronization", 4,
            [(1, 0), (3, 0), (4, 0)],
            lambda count: struct.pack("<QQB", 133500000000000000 + count, 0,
                                      2).ljust(25, b"\0")),
    Service("kvp_vsc", "Key-Value Pair Exchange", 2,
            [(1, 0), (3, 0), (4, 0)], _kvp_body),
    # HOT_BACKUP, THAW: a freeze would wait for who thaws.
    Service("vss_vsc", "VSS", 5, [(5, 0)],
            lambda count: struct.pack("<B7xI", 6 if count % 2 else 2, 0)),
    Service("fcopy_vsc", "Guest Service Interface", 7, [(1, 1)], _fcopy_body),
]


def ic(host, service, data, seat):
    """Plays one seed: the Seat that the service has at its end."""
    script, unread = Bytes(data), None
    honest = IcHost(service, script.u8())

    def tell(payload, identity=1):
        nonlocal seat, honest
        if not seat.send(INBAND, identity, payload) or not seat.settled():
            # As a channel is opened anew.
            seat = host.renew(service.name)
            honest = IcHost(service, 0)
        seat.drain()

    while script.left:
        step = script.u8() % 7
        if step == 0:
            tell(honest.next())
        elif step == 1:
            script.u16()
        elif step == 2:
            script.u8()
        elif step == 3:
            payload, cut, offset = honest.next(), script.u8(), script.u16()
            count = script.u8()
            payload = payload[:max(0, len(payload) - cut)]
            if offset + count <= len(payload):
                lie = script.take(count)
                payload = payload[:offset] + lie + payload[offset + count:]
            tell(payload)
        elif step == 4:
            size, identity = script.u16() % (IC_PACKET_MAX + 1), script.u8()
            count = min(size, script.left)
            tell(script.take(count).ljust(size, b"\0"), identity)
        elif step == 5:
            unread = honest.next()
        elif unread is not None:
            tell(unread)
            unread = None
    return seat


# ---- rings: tests/fuzz/fuzz_packet.c, fuzz_ring.c ----

def raw_packets(seat, data):
    """Bytes of a ring as its writer may leave them."""
    _, _, _, published8 = struct.unpack("<BBHH", data[:6].ljust(6, b"\0"))
    size = min(published8 % 512 * 8, 16384)
    return seat.write(data[6:6 + size].ljust(size, b"\0"))


def ring(seat, data):
    """Packets, and words of the header that change beneath them."""
    words, number = (WRITE_INDEX, READ_INDEX, MASK, PENDING), 0
    for at in range(1, len(data) - 1, 2):
        step, operand = data[at] % 16, data[at + 1]
        if step in (0, 8, 12):
            size = number * 37 % 255
            seat.send(INBAND, number, bytes([number & 0xff]) * size)
            number += 1
        elif step == 11:
            value = operand * 0x01010101 if operand & 0x80 else \
                (operand >> 2) * 8
            # The other ring's indices are as much the host's to touch.
            seat.header(words[operand & 3], value)
            seat.header(words[operand & 3], value, to_host=True)
            seat.interrupt()
        elif step in (1, 9, 13):
            seat.interrupt()
        elif step == 15:
            seat.write(bytes([operand >> 3]) * 8, interrupt=False)
    seat.interrupt()


# ---- the bus: tests/fuzz/fuzz_guest.c ----

# vmbus/messages.h: type of each, and how long it is.
OFFER, RESCIND, DELIVERED, OPEN_RESULT = 1, 2, 4, 6
GPADL_CREATED, GPADL_TORNDOWN = 10, 12
VERSION_RESPONSE, UNLOAD_RESPONSE, SOCKET_RESULT, MODIFY_RESPONSE = \
    15, 17, 19, 24
MESSAGE_TYPES = 25


class BusPlayer:
    """Plays seeds of the bus. The caller's moves are the guest's own to make;
    the host's are made whatever the guest asked."""

    # Ids of GPADLs follow each other from here (hv_vmbus/connection.c).
    FIRST_GPADL = 0xe1e10

    def __init__(self, host):
        self.host = host
        self.offered = 0
        self.gpadls = len(host.rows())

    def words(self, kind, size, *words):
        """A message of a type, whose fields are words."""
        payload = struct.pack("<II", kind, 0)
        payload += b"".join(struct.pack("<I", word) for word in words)
        self.host.message(payload.ljust(size, b"\0")[:size])

    def relid(self, script):
        """Some channel."""
        choice = script.u8()
        return self.offered if choice & 0x80 else choice % 8

    def offer(self, script):
        """An offer, perhaps of what is there."""
        shape = script.u8()
        self.offered = script.below(8)
        tail = script.take(8) if shape >= 250 else \
            struct.pack("<BBHI", 0xff, 0, 0, 5)
        body = bytes([shape & 3]).ljust(16, b"\0") * 2
        body = body.ljust(180 - 8, b"\0")
        body += struct.pack("<HHI", shape >> 2 & 1, 0, self.offered)
        payload = struct.pack("<II", OFFER, 0) + body + tail
        self.host.message(payload)

    def host_move(self, what, script):
        """One of the host's moves."""
        if what < 2:
            self.offer(script)
            return
        if what == 2:
            shape = script.u8()
            version = shape << 20 if shape >= 240 else 4
            self.host.message(struct.pack(
                "<IIBBHI", VERSION_RESPONSE, 0, shape & 1, shape >= 250, 0,
                version & 0xffffffff))
            return
        if what == 3:
            kind, size = script.below(MESSAGE_TYPES + 3), script.u8()
            message = struct.pack("<I", kind) + script.take(256)[4:]
            # A slot has 240.
            self.host.message(message[:min(size, 240)])
            return
        relid = self.relid(script)
        gpadl = self.FIRST_GPADL + self.gpadls - script.below(3)
        status = 0 if script.u8() < 200 else 1
        move = {
            4: (RESCIND, 12, relid),
            5: (DELIVERED, 8),
            6: (OPEN_RESULT, 20, relid, relid, status),
            7: (GPADL_CREATED, 20, relid, gpadl, status),
            8: (GPADL_TORNDOWN, 12, gpadl),
            9: (MODIFY_RESPONSE, 16, relid, status),
            10: (UNLOAD_RESPONSE, 8),
            11: (SOCKET_RESULT, 44, 1, 2, 3),
        }[what]
        self.words(*move)

    def caller_move(self, script):
        """Only its operands."""
        self.relid(script)
        script.u8()
        if script.below(12) in (2, 3):
            script.take(2)

    def play(self, data):
        """One seed."""
        script = Bytes(data)
        script.u8()
        while script.left:
            what = script.u8() % 24
            if what < 12:
                self.host_move(what, script)
            elif what < 18:
                self.caller_move(script)
            elif what == 20:
                script.u8()


# ---- disks: tests/fuzz/fuzz_storage_vsc.c ----

COMPLETE_IO = 1
ANSWER_S = 2


class StoragePlayer:
    """The host end of a controller, by a seed."""

    def __init__(self, seat):
        self.seat = seat
        self.question, self.requests = 0, []

    def hear(self, limit_s=0):
        """What the guest asks; what has data is a request of its own."""
        got = self.seat.receive(limit_s)
        while got:
            if got[0] == INBAND and got[2][:1] != b"\x03":
                self.question = got[1]
            else:
                self.requests.append(got[1])
            got = self.seat.receive()

    def answer(self, script, to_question):
        """To something under way, honest as far as the seed is."""
        bits, cookie = script.u8(), script.below(5)
        size = script.below(65) if bits & 1 else 64
        body = bytearray(struct.pack("<III", COMPLETE_IO, 0, 0) + bytes(52))
        if bits & 2:
            body[8:12] = script.take(4)
        if bits & 4:
            body[12:] = script.take(52)
        if to_question and not bits & 8:
            # Properties: flags, sub-channels, bytes of a transfer.
            body[16:18] = struct.pack("<H", bits >> 4)
            body[20:24] = struct.pack("<I", 1)
            body[24:28] = struct.pack("<I", 0x20000)
        elif not to_question and not bits & 8:
            body[14:15] = b"\1"
            body[24:28] = struct.pack("<I", bits >> 4)
        self.hear(ANSWER_S)
        identity = self.question
        if not to_question:
            identity = self.requests[cookie % len(self.requests)] \
                if self.requests else 0
        self.seat.send(COMPLETION, identity, bytes(body[:size]))
        self.seat.settled(ANSWER_S)

    def play(self, data):
        """One seed."""
        script = Bytes(data)
        script.take(2)
        while script.left and self.seat.open():
            step = script.below(8)
            if step == 0:
                self.hear(ANSWER_S)
            elif step == 1:
                script.take(4 + 16)
            elif step in (2, 3):
                self.answer(script, step == 2)
            elif step == 4:
                size, kind = script.below(81), script.u8() % 16
                identity = struct.unpack("<Q", script.take(8))[0]
                self.seat.send(kind, identity, script.take(size))
                self.seat.settled(ANSWER_S)
            elif step == 5:
                script.take(2)
            elif step == 6:
                script.take(1)


# ---- the network: tests/fuzz/fuzz_network_vsc.c, fuzz_network_rndis.c ----

NVSP_INIT, NVSP_RECEIVE, NVSP_SEND, NVSP_RNDIS, NVSP_SUB = \
    1, 101, 104, 107, 133
RECEIVE_ID = 0xcafe


def packet_message(size, present, flags):
    """An RNDIS packet message of `size` bytes of frame, with the information
    that `present` has bits for."""
    info = b""
    for bit, kind in enumerate((0, 2, 6, 8, 9, 0x80000001)):
        if present >> bit & 1:
            value = flags << 8 if bit == 5 else 0
            info += struct.pack("<IIII", 16, kind, 12, value)
    head = 44 + len(info)
    return struct.pack("<IIIIIIIIIII", 1, head + size, head - 8, size, 0, 0, 0,
                       36 if info else 0, len(info), 0, 0) + info + \
        bytes(12) + b"\x88\xb5" + bytes(max(0, size - 14)), head


class NetworkPlayer:
    """The host end of an adapter, by a seed."""

    def __init__(self, seat, gpadl=None, room=0):
        self.seat = seat
        self.question, self.kind, self.control = 0, 0, b""
        self.sent, self.gpadl, self.room = [], gpadl, room

    def hear(self, limit_s=0):
        """What the guest asks."""
        got = self.seat.receive(limit_s)
        while got:
            kind = struct.unpack("<I", got[2][:4])[0] if len(got[2]) >= 4 \
                else 0
            if got[0] == COMPLETION:
                pass
            elif kind == NVSP_RNDIS:
                self.sent.append(got[1])
            else:
                self.question, self.kind = got[1], kind
            if kind == NVSP_RECEIVE:
                self.gpadl = struct.unpack("<I", got[2][4:8])[0]
            got = self.seat.receive()

    def put(self, offset, data):
        """Writes into the receive buffer, if the guest lent one."""
        if self.gpadl is not None and self.seat.open():
            self.seat.memory(self.gpadl, offset, data)

    def answer(self, script):
        """To the guest's last question."""
        self.hear(ANSWER_S)
        kind, size, bits = self.kind, 40, script.u8()
        body = struct.pack("<II", kind + 1, 1)
        if kind == NVSP_INIT:
            body = struct.pack("<IIII", kind + 1, 0, 0, 1)
        elif kind == NVSP_RECEIVE:
            body = struct.pack("<IIIIIII", kind + 1, 1, 1, 0, 2048, 8, 0)
        elif kind == NVSP_SEND:
            body = struct.pack("<III", kind + 1, 1, 2048)
        elif kind == NVSP_SUB:
            body = struct.pack("<III", kind, 1, bits >> 4)
        if bits & 1:
            body = body[:4] + script.take(36)
        if bits & 2:
            size = script.below(41)
        self.complete(self.question, body.ljust(40, b"\0")[:size])

    def complete(self, identity, payload):
        """A completion."""
        self.seat.send(COMPLETION, identity, payload)
        self.seat.settled(ANSWER_S)

    def ranges(self, ranges):
        """Transfer pages."""
        self.seat.write(transfer(7, RECEIVE_ID, ranges, struct.pack(
            "<IIII", NVSP_RNDIS, 0, 0, 0).ljust(32, b"\0")))
        self.seat.settled(ANSWER_S)

    def respond(self, script):
        """To the control message, whose id counts from 1."""
        self.hear(ANSWER_S)
        bits, size = script.u8(), 8 + 16 + 160
        answer = bytearray(struct.pack("<IIIIII", 0x80000004, size, 1, 0,
                                       bits >> 3, 16) + bytes(160))
        answer[24] = 0xa7
        if bits & 1:
            answer[16:24] = script.take(8)
        if bits & 2:
            answer[24:] = script.take(160)
        if bits & 4:
            size = script.u8()
        self.put(0, bytes(answer))
        self.ranges([(size, 0)])

    def frames(self, script):
        """Packet messages in slots, and what the seed says beside them."""
        ranges = []
        for slot in range(script.below(9)):
            present, flags, size = script.u8() & 0x3f, script.u8(), script.u8()
            message, head = packet_message(size, present, flags)
            one = (head + size, slot * 2048)
            message = bytearray(message)
            if not script.below(4):
                message[:44] = script.take(44)
            if not script.below(8):
                one = struct.unpack("<II", script.take(8))
            self.put(slot * 2048, bytes(message))
            ranges.append(one)
        self.ranges(ranges)

    def play(self, data):
        """One seed of network_vsc."""
        script = Bytes(data)
        script.u8()
        while script.left and self.seat.open():
            step = script.below(10)
            if step < 2:
                self.hear(ANSWER_S)
            elif step == 2:
                self.answer(script)
            elif step == 3:
                self.respond(script)
            elif step == 4:
                self.frames(script)
            elif step == 5:
                # A frame; bit 1: and another one.
                while script.take(1 + 1 + 1 + 10 + 60)[2] & 2:
                    pass
            elif step == 6:
                self.hear()
                status, cookie = script.u8(), script.below(4)
                identity = self.sent[cookie % len(self.sent)] if self.sent \
                    else cookie
                self.complete(identity, struct.pack("<II", 108, status))
            elif step == 7:
                size, kind = script.below(113), script.below(16)
                identity = struct.unpack("<Q", script.take(8))[0]
                self.seat.send(kind, identity, script.take(size))
                self.seat.settled(ANSWER_S)
            elif step == 8:
                script.take(2 if script.below(5) < 3 else 0)
            else:
                script.u8()

    def rndis(self, data):
        """One seed of network_rndis: pieces, as one range and as several."""
        script = Bytes(data)
        pieces, count = [], script.below(6)
        for at in range(count + 1):
            size = script.left % 4096 if at == count else script.u8()
            pieces.append(script.take(size))
        whole, offset, ranges = b"".join(pieces), 0, []
        self.put(0, whole)
        self.ranges([(len(whole), 0)])
        for piece in pieces:
            ranges.append((len(piece), offset))
            offset += len(piece)
        self.ranges(ranges)
