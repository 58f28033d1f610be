# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A host that does wrong on purpose: the hidden methods of `lis run --hostile`
(docs/hostile-host.md), and packets of any shape."""

import base64
import json
import struct
import time

import vm as vm_module

# Types of packets (vmbus/packet.h).
INBAND, TRANSFER_PAGES, GPA_DIRECT, COMPLETION = 6, 7, 9, 11
COMPLETION_WANTED = 1
# Words of a ring's header page.
WRITE_INDEX, READ_INDEX, MASK, PENDING, FEATURES = 0, 4, 8, 12, 64
# A guest under emulation, on a busy machine.
PATIENCE_S = 60


class Refused(AssertionError):
    """The VM's process says no; `reason` is its one word."""

    def __init__(self, method, error):
        super().__init__("%s: %s" % (method, error))
        self.reason = error.get("data", {}).get("reason", "")


def packet(kind, identity, payload, flags=0, head=b""):
    """A packet as it lies in a ring, with its trailer. head: what stands
    between descriptor and payload."""
    payload += bytes(-len(payload) % 8)
    offset8, length8 = (16 + len(head)) // 8, (16 + len(head) +
                                               len(payload)) // 8
    return struct.pack("<HHHHQ", kind, offset8, length8, flags,
                       identity & (1 << 64) - 1) + head + payload + bytes(8)


def transfer(identity, pageset, ranges, payload):
    """A packet of transfer pages; ranges: (bytes, offset) each."""
    head = struct.pack("<HBBI", pageset & 0xffff, 0, 0, len(ranges))
    for size, offset in ranges:
        head += struct.pack("<II", size & 0xffffffff, offset & 0xffffffff)
    return packet(TRANSFER_PAGES, identity, payload, 0, head)


class Host:
    """The host end of a guest's bus, to do what no host does."""

    def __init__(self, vm):
        self.vm = vm
        self.rpc = vm_module.Rpc(vm.name)
        self.renewals = 0

    def ask(self, method, **params):
        """One request: its result; Refused."""
        identity, self.rpc.next_id = self.rpc.next_id, self.rpc.next_id + 1
        self.rpc.socket.sendall(json.dumps({
            "jsonrpc": "2.0", "id": identity, "method": method,
            "params": params}).encode() + b"\n")
        while True:
            line = self.rpc.lines.readline()
            assert line, "the VM's process is gone"
            answer = json.loads(line)
            if answer.get("id") == identity:
                break
        if "error" in answer:
            raise Refused(method, answer["error"])
        return answer["result"]

    def rows(self, name=None):
        """The channels, newest first."""
        return [row for row in self.ask("hostile.channels")["channels"]
                if name in (None, row["name"])]

    def row(self, relid):
        """One channel, or None."""
        for row in self.rows():
            if row["relid"] == relid:
                return row
        return None

    def wait_open(self, name, limit_s=PATIENCE_S, newest=0):
        """Waits until the guest has a channel of a name open, one younger than
        `newest`: its Seat."""
        limit = time.monotonic() + limit_s
        while True:
            rows = [row for row in self.rows(name)
                    if row["open"] and row["serial"] > newest]
            if rows:
                # A primary channel is offered before its sub-channels.
                first = min(rows, key=lambda row: row["serial"])
                return Seat(self, first["relid"])
            assert time.monotonic() < limit, "%s is not opened: %s\n%s" % (
                name, self.rows(), self.vm.happened())
            time.sleep(0.05)

    def wait_gone(self, name, limit_s=PATIENCE_S):
        """Waits until the guest has let go of the channels of a name."""
        limit = time.monotonic() + limit_s
        while self.rows(name):
            assert time.monotonic() < limit, "%s is held: %s\n%s" % (
                name, self.rows(name), self.vm.happened())
            time.sleep(0.05)

    def seize_offers(self, seize=True):
        """Whether channels that are offered from now on are the test's."""
        self.ask("hostile.seize", offers=seize)

    def message(self, payload, kind=1, vp=0, sint=2):
        """Puts a message into a slot, once there is room."""
        limit = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.ask("hostile.message", vp=vp, sint=sint, type=kind,
                         data=base64.b64encode(payload).decode())
                return
            except Refused as refused:
                if refused.reason != "busy":
                    raise
            assert time.monotonic() < limit, "the slot is never empty"
            time.sleep(0.005)

    def flag(self, number, vp=0):
        """Sets an event flag, whosever it is."""
        self.ask("hostile.interrupt", vp=vp, flag=number)

    def renew(self, service, seized=True):
        """Takes a service back, however it stands, and offers it anew: its
        Seat."""
        self.renewals += 1
        newest = max((row["serial"] for row in self.rows()), default=0)
        self.seize_offers(seized)
        for row in self.rows(service):
            self.ask("hostile.rescind", relid=row["relid"])
        # One whose guest broke the protocol stays away without this.
        self.ask("vm.enable", service=service)
        seat = self.wait_open(service, newest=newest)
        self.seize_offers(False)
        return seat

    def close(self):
        """Ends the connection."""
        self.rpc.close()


class Seat:
    """One channel, at the host's end."""

    def __init__(self, host, relid):
        self.host, self.relid = host, relid

    def _ask(self, method, **params):
        return self.host.ask("hostile." + method, relid=self.relid, **params)

    def seize(self):
        """The owner hears and says nothing any more."""
        self._ask("seize")

    def row(self):
        """What the host knows of it, or None."""
        return self.host.row(self.relid)

    def open(self):
        """Whether the guest has it open."""
        row = self.row()
        return bool(row and row["open"])

    def write(self, raw, interrupt=True):
        """Puts bytes into the ring to the guest; False: it is closed, or full
        and nobody reads it."""
        try:
            self._ask("write", data=base64.b64encode(raw).decode(),
                      interrupt=interrupt)
        except Refused as refused:
            if "opened" in str(refused) or "no such" in str(refused) or \
                    refused.reason == "busy":
                return False
            raise
        return True

    def send(self, kind, identity, payload, flags=0):
        """A packet that is one."""
        return self.write(packet(kind, identity, payload, flags))

    def receive(self, limit_s=0):
        """The guest's next packet as (type, id, payload, flags), or None."""
        limit = time.monotonic() + limit_s
        while True:
            try:
                got = self._ask("receive")
                return (got["type"], got["transaction_id"] & (1 << 64) - 1,
                        base64.b64decode(got["payload"] or ""), got["flags"])
            except Refused as refused:
                if refused.reason not in ("busy", "not-found", "io"):
                    raise
                if refused.reason != "busy":
                    return None
            if time.monotonic() >= limit:
                return None
            time.sleep(0.01)

    def drain(self):
        """All that the guest sent."""
        got = []
        while True:
            one = self.receive()
            if not one:
                return got
            got.append(one)

    def header(self, offset, value, to_host=False):
        """Writes a word of a ring's header page; False: it is closed."""
        try:
            self._ask("header", offset=offset, value=value & 0xffffffff,
                      to_host=to_host)
        except Refused as refused:
            if "opened" in str(refused) or "no such" in str(refused):
                return False
            raise
        return True

    def interrupt(self):
        """Interrupts the guest, with or without reason."""
        try:
            self._ask("interrupt")
        except Refused as refused:
            if "opened" not in str(refused) and "no such" not in str(refused):
                raise

    def memory(self, gpadl, offset, data):
        """Writes into memory that the guest lent."""
        self._ask("memory", gpadl=gpadl, offset=offset,
                  data=base64.b64encode(data).decode())

    def settled(self, limit_s=PATIENCE_S):
        """Waits until the guest has read all, or has closed it: whether it is
        open. A guest that does neither is left after a while: it owes it to no
        host to go on reading."""
        limit = time.monotonic() + limit_s
        while True:
            row = self.row()
            if not row or not row["open"]:
                return False
            if not row["unread"] or time.monotonic() > limit:
                return True
            time.sleep(0.01)
