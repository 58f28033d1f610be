# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Traces and events of a real guest, by the commands that show them."""

import json
import re
import struct
import subprocess
import threading

import vm as vm_module

LIMIT_S = 60
# What the decoder says of what it does not know, and must not of this guest.
STRANGE = re.compile(r"cut short|descriptor says|no IC header|message type|"
                     r"packet type|IC type|lost here")


class Trace:
    """`lis trace` in the background."""

    def __init__(self, vm, *arguments):
        self.process = subprocess.Popen(
            [vm_module.LIS, "trace", vm.name, *arguments], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.lines = []
        # What never comes ends the trace, and with it the wait for it.
        self.limit = threading.Timer(LIMIT_S, self.process.kill)
        self.limit.start()

    def until(self, pattern):
        """Reads lines until one matches; returns it."""
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if re.search(pattern, line):
                return self.lines[-1]
        raise AssertionError("no %s in %s" % (pattern, self.lines))

    def end(self):
        """Interrupts it; it must end well."""
        self.limit.cancel()
        self.process.terminate()
        assert self.process.wait(LIMIT_S) == 0
        self.process.stdout.close()


def test_packets(vm):
    """Requests and answers of services, field by field."""
    vm.wait_all_ok()
    vm.lis("kvp", "set", "trace", "me")
    trace = Trace(vm, "--packets")
    # The trace follows from its first line on.
    trace.until("Heartbeat")
    vm.lis("kvp", "get", "trace", "--pool", "external")
    trace.until(r'guest>host Key-Value .* response .* operation=\w+ '
                r'pool=external .*key="trace" type=string value="me"')
    sequence = int(re.search(r"sequence=(\d+)", trace.until(
        r"host>guest Heartbeat .* HEARTBEAT 3\.0 request")).group(1))
    trace.until(r"guest>host Heartbeat .* response .* status=0x0 sequence=%d "
                % (sequence + 1))
    trace.until(r"host>guest Time Sync.*; TIMESYNC 4\.0 .*"
                r"host_time=\d{4}-\d\d-\d\dT.* flags=s")
    trace.end()
    assert not [line for line in trace.lines if STRANGE.search(line)]


def test_messages(vm):
    """A channel taken away and offered again, message by message."""
    vm.wait_all_ok()
    trace = Trace(vm, "--json")
    # A packet shows that the VM knows of its follower.
    trace.until('"Heartbeat"')
    vm.lis("disable", "vss")
    trace.until('"RELID_RELEASED')
    vm.lis("enable", "vss")
    trace.until(r'"OFFERCHANNEL .*\(VSS\)"')
    trace.until('"OPENCHANNEL_RESULT .*status=success"')
    trace.end()
    records = [json.loads(line) for line in trace.lines]
    seen = [record["text"] for record in records
            if record["kind"] == "message"]
    assert [text.split(" ")[0] for text in seen] == [
        "RESCIND_CHANNELOFFER", "CLOSECHANNEL", "RELID_RELEASED",
        "OFFERCHANNEL", "GPADL_HEADER", "GPADL_CREATED", "OPENCHANNEL",
        "OPENCHANNEL_RESULT"]
    assert not [text for text in seen if STRANGE.search(text)]
    vm.wait_all_ok()


def test_file(vm, tmp_path):
    """A pcapng file of so many records, block by block."""
    vm.wait_all_ok()
    path = tmp_path / "trace.pcapng"
    vm.lis("trace", "--pcapng", str(path), "--count", "4")
    data = path.read_bytes()
    kinds, at = [], 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert struct.unpack_from("<I", data, at + length - 4) == (length,)
        kinds.append(kind)
        at += length
    assert kinds == [0x0a0d0d0a, 1, 6, 6, 6, 6]


def test_events(vm):
    """What the VM remembers of a guest that is well."""
    vm.wait_all_ok()
    shown = [json.loads(line) for line in vm.lis(
        "events", "--no-follow", "--json").output.splitlines()]
    kinds = [event["event"] for event in shown]
    assert kinds
    assert set(kinds) & {"open", "offer", "contact", "heartbeat-ok", "started"}
    assert [event["uptime_ms"] for event in shown] == sorted(
        event["uptime_ms"] for event in shown)
