# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""lis trace: text, JSON lines, and pcapng files read by other hands."""

import base64
import json
import shutil
import struct
import subprocess

import pytest

from fake_vm import SILENT

UNLOAD = struct.pack("<II", 16, 0)
CLOSE = struct.pack("<III", 7, 0, 3)


def heartbeat(flags, sequence):
    """A heartbeat as it lies in the ring."""
    body = struct.pack("<QI28x", sequence, 0)
    inner = struct.pack("<HHHHHHIBBxx", 3, 0, 1, 3, 0, len(body), 0, 9,
                        flags) + body
    payload = struct.pack("<II", 1, len(inner)) + inner
    payload += b"\0" * (-len(payload) % 8)
    return struct.pack("<HHHHQ", 6, 2, (16 + len(payload)) // 8, 0,
                       5) + payload


def record(data, **members):
    """A trace notification's parameters."""
    return dict({"time_ns": 1767315840123456789, "direction": "to-guest",
                 "kind": "message", "lost": 0,
                 "data": base64.b64encode(data).decode()}, **members)


RECORDS = [
    record(CLOSE, direction="to-host", vp=1),
    record(heartbeat(3, 7), kind="packet", relid=2, service="Heartbeat"),
    record(heartbeat(5, 8), kind="packet", relid=2, service="Heartbeat",
           direction="to-host", lost=4),
    record(struct.pack("<HHHHQQ", 6, 2, 3, 0, 1, 0xab), kind="packet",
           relid=9, service="Other"),
    record(UNLOAD, direction="to-host", vp=0),
]

LINES = [
    "01:04:00.123456 guest>host CLOSECHANNEL relid=3",
    "01:04:00.123456 host>guest Heartbeat relid=2 DATA_INBAND transaction=5 "
    "payload=72; HEARTBEAT 3.0 request id=9 sequence=7 application=unknown",
    "(4 lost here: the trace was not read fast enough)",
    "01:04:00.123456 guest>host Heartbeat relid=2 DATA_INBAND transaction=5 "
    "payload=72; HEARTBEAT 3.0 response id=9 status=0x0 sequence=8 "
    "application=unknown",
    "01:04:00.123456 host>guest relid=9 DATA_INBAND transaction=1 payload=8: "
    "ab000000 00000000",
    "01:04:00.123456 guest>host UNLOAD",
]


def follow(connection, request):
    """trace.follow: all records, then the VM's end."""
    connection.answer(request, {})
    for params in RECORDS:
        connection.notify("trace", params)
    connection.close()
    return SILENT


@pytest.fixture(name="vm")
def _vm(lis):
    return lis.vm({"trace.follow": follow})


def test_text(lis, vm):
    result = lis("trace", "demovm")
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines() == LINES
    assert vm.requests == [("trace.follow", {"messages": True,
                                             "packets": True})]


@pytest.mark.parametrize("arguments, params", [
    (["--messages"], {"messages": True, "packets": False}),
    (["--packets"], {"messages": False, "packets": True}),
    (["--messages", "--packets"], {"messages": True, "packets": True}),
    (["--service", "heartbeat"], {"messages": False, "packets": True}),
])
def test_what_is_asked_for(lis, vm, arguments, params):
    assert lis("trace", "demovm", *arguments).status == 0
    assert vm.requests == [("trace.follow", params)]


def test_one_service(lis, vm):
    assert vm
    assert lis("trace", "demovm", "-s", "heartbeat").out.splitlines() == \
        LINES[1:4]
    assert lis("trace", "demovm", "-s", "vss").out == ""


def test_count(lis, vm):
    assert lis("trace", "demovm", "--count", "2").out.splitlines() == LINES[:2]
    assert vm.ended.wait(60)


def test_json(lis, vm):
    assert vm
    shown = [json.loads(line) for line in
             lis("trace", "demovm", "--json").out.splitlines()]
    assert [{name: value for name, value in one.items() if name != "text"}
            for one in shown] == RECORDS
    assert shown[4]["text"] == "UNLOAD"


def blocks(data):
    """Reads a pcapng file as its specification says, independently."""
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0 and at + length <= len(data)
        assert struct.unpack_from("<I", data, at + length - 4) == (length,)
        yield kind, data[at + 8:at + length - 4]
        at += length


def options(data):
    """The options at the end of a block."""
    found = {}
    while data:
        code, length = struct.unpack_from("<HH", data)
        if code == 0:
            assert length == 0 and len(data) == 4
            return found
        found[code] = data[4:4 + length]
        data = data[4 + length + -length % 4:]
    return found


def check_file(data):
    """A file of RECORDS."""
    (section, head), (interface, description), *packets = blocks(data)
    assert section == 0x0a0d0d0a
    assert head[:8] == struct.pack("<IHH", 0x1a2b3c4d, 1, 0)
    assert interface == 1
    assert description[:4] == struct.pack("<HH", 147, 0)
    assert options(description[8:])[3] == b"demovm"
    texts = [line for line in LINES if not line.startswith("(")]
    for params, text, (kind, block) in zip(RECORDS, texts, packets,
                                           strict=True):
        assert kind == 6
        _, high, low, captured, original = struct.unpack_from("<IIIII", block)
        data = base64.b64decode(params["data"])
        assert high << 32 | low == params["time_ns"]
        assert captured == original == len(data) + 16
        version, size, what, way, relid, vp, service = struct.unpack_from(
            "<BBBBIIB", block, 20)
        assert (version, size) == (1, 16)
        assert what == {"message": 1, "packet": 2}[params["kind"]]
        assert way == {"to-host": 1, "to-guest": 2}[params["direction"]]
        assert relid == params.get("relid", 0)
        assert vp == params.get("vp", 0xffffffff)
        assert service == (2 if params.get("service") == "Heartbeat" else 0)
        assert block[36:20 + captured] == data
        found = options(block[20 + captured + -captured % 4:])
        assert text.endswith(found[1].decode())
        assert struct.unpack("<I", found[2])[0] & 3 == way
        assert struct.unpack("<Q", found[4]) == (params["lost"],)


def test_pcapng_file(lis, vm, tmp_path):
    assert vm
    path = tmp_path / "trace.pcapng"
    result = lis("trace", "demovm", "--pcapng", str(path))
    assert (result.status, result.out, result.err) == (0, "", "")
    check_file(path.read_bytes())


def test_pcapng_pipe(lis, vm):
    assert vm
    process = lis.start("trace", "demovm", "-w", "-", stdout=-1)
    data, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    check_file(data)


def test_pcapng_on_a_terminal(lis, vm):
    assert vm
    terminal = lis.terminal("trace", "demovm", "-w", "-")
    assert terminal.end() == 2
    assert b"not for a terminal" in terminal.seen


@pytest.mark.skipif(not shutil.which("capinfos"), reason="no capinfos")
def test_pcapng_for_capinfos(lis, vm, tmp_path):
    assert vm
    path = tmp_path / "trace.pcapng"
    lis("trace", "demovm", "--pcapng", str(path))
    shown = subprocess.run(["capinfos", "-M", "-c", "-E", str(path)],
                           stdout=subprocess.PIPE, text=True,
                           check=True).stdout
    assert "user0" in shown.lower().replace(" ", "")
    assert "Number of packets:   5" in shown


@pytest.mark.skipif(not shutil.which("tshark"), reason="no tshark")
def test_pcapng_for_tshark(lis, vm, tmp_path):
    assert vm
    path = tmp_path / "trace.pcapng"
    lis("trace", "demovm", "--pcapng", str(path))
    shown = subprocess.run(
        ["tshark", "-r", str(path), "-T", "fields", "-e", "frame.comment",
         "-e", "frame.time_epoch"], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, check=True).stdout
    assert shown.splitlines()[0] == (
        "CLOSECHANNEL relid=3\t1767315840.123456789")


def test_file_that_cannot_be_written(lis, vm):
    assert vm
    result = lis("trace", "demovm", "--pcapng", "/nowhere/x")
    assert result.status == 1
    assert "cannot open /nowhere/x" in result.err
    result = lis("trace", "demovm", "--pcapng", "/dev/full")
    assert result.status == 1
    assert "cannot write /dev/full" in result.err


@pytest.mark.parametrize("arguments, said", [
    (["--count", "0"], "not a number above 0"),
    (["--count", "x"], "not a number above 0"),
    (["--count="], "not a number above 0"),
    (["--service", "x"], 'no service "x"'),
    (["--service", "vss", "--messages"], "exclude each other"),
])
def test_usage(lis, vm, arguments, said):
    result = lis("trace", "demovm", *arguments)
    assert result.status == 2
    assert said in result.err
    assert not vm.requests


def test_record_that_cannot_be_read(lis):
    def lie(connection, request):
        connection.answer(request, {})
        connection.notify("trace", {"data": "?"})
        return SILENT

    lis.vm({"trace.follow": lie})
    result = lis("trace", "demovm")
    assert result.status == 5
    assert "cannot be read" in result.err


def test_records_of_nothing(lis):
    def empty(connection, request):
        connection.answer(request, {})
        connection.notify("trace", {})
        connection.notify("trace", {"time_ns": "x", "kind": 1, "data": None})
        connection.close()
        return SILENT

    lis.vm({"trace.follow": empty})
    assert lis("trace", "demovm").out.splitlines() == [
        "00:00:00.000000 host>guest message of 0 bytes: "] * 2
