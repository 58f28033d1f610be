# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""What every command does about a VM that is not there, or not well."""

import json
import os
import socket

import pytest

from fake_vm import Failure, SILENT

# Each command with arguments that only a VM can refuse.
COMMANDS = [
    ("services", "demovm"),
    ("enable", "demovm", "heartbeat"),
    ("disable", "demovm", "VSS"),
    ("stop", "demovm"),
    ("restart", "demovm"),
    ("pause", "demovm"),
    ("resume", "demovm"),
    ("nmi", "demovm"),
    ("kvp", "demovm"),
    ("kvp", "demovm", "get", "key"),
    ("kvp", "demovm", "set", "key", "value"),
    ("kvp", "demovm", "remove", "key"),
    ("ip", "demovm", "--adapter", "m"),
    ("ip", "demovm", "set", "--adapter", "a", "--dhcp"),
    ("copy", "demovm", "/etc/passwd", "/tmp/"),
    ("freeze", "demovm"),
    ("freeze", "demovm", "--check"),
    ("thaw", "demovm"),
    ("console", "demovm"),
    ("events", "demovm"),
    ("events", "demovm", "--no-follow"),
    ("trace", "demovm"),
]


class Everything(dict):
    """Answers every method alike."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def get(self, _method, _default=None):
        return self.answer


@pytest.fixture(name="command", params=COMMANDS, ids=" ".join)
def _command(request):
    return request.param


def test_no_runtime_folder(lis, command):
    os.rmdir(lis.folder)
    result = lis(*command)
    assert result.status == 3
    assert 'no VM named "demovm" is running' in result.err


def test_no_such_vm(lis, command):
    lis.vm(name="another")
    result = lis(*command, "--json")
    assert result.status == 3
    error = result.error()
    assert error["command"] == command[0]
    assert error["vm"] == "demovm"
    assert error["exit_status"] == 3
    assert 'no VM named "demovm" is running' in error["message"]


def test_killed_vm_left_its_socket(lis, command):
    lis.vm().close()
    result = lis(*command)
    assert result.status == 3
    assert "left its socket behind" in result.err


def test_vm_refuses(lis, command):
    lis.vm(Everything(Failure("busy", "something else is under way")))
    result = lis(*command)
    assert result.status == 1
    assert result.err == ("lis %s: demovm: something else is under way\n"
                          % command[0])
    assert result.out == ""


def test_vm_refuses_json(lis, command):
    lis.vm(Everything(Failure("busy", "something else is under way")))
    result = lis(*command, "--json")
    assert result.status == 1
    assert result.error() == {
        "command": command[0], "vm": "demovm", "exit_status": 1,
        "code": -32000, "reason": "busy",
        "message": "something else is under way"}


def test_guest_is_too_slow(lis, command):
    lis.vm(Everything(Failure("timeout", "the guest does not answer")))
    result = lis(*command)
    assert result.status == 4
    assert "the guest does not answer" in result.err


def test_vm_dies_before_its_answer(lis, command):
    def die(connection, _request):
        connection.close()
        return SILENT

    lis.vm(Everything(die))
    result = lis(*command)
    assert result.status == 5
    assert "demovm" in result.err


def test_vm_dies_within_its_answer(lis, command):
    def die(connection, _request):
        connection.send_bytes(b'{"jsonrpc":"2.0","id":1,"resu')
        connection.close()
        return SILENT

    lis.vm(Everything(die))
    result = lis(*command)
    assert result.status == 5
    assert "ended before it answered" in result.err


GARBAGE = {
    "no json": b"hello\n",
    "empty line": b"\n",
    "not an object": b"[1]\n",
    "number": b"7\n",
    "not utf-8": b'{"jsonrpc":"2.0","id":1,"result":"\xff"}\n',
    "nul": b'{"id":1,"result":"\x00"}\n',
    "neither": b'{"jsonrpc":"2.0","id":1}\n',
    "both": b'{"id":1,"result":{},"error":{"code":1,"message":"m"}}\n',
    "no id": b'{"jsonrpc":"2.0","result":{}}\n',
    "error without message": b'{"id":1,"error":{"code":-1}}\n',
    "error without code": b'{"id":1,"error":{"message":"m"}}\n',
    "error is a string": b'{"id":1,"error":"m"}\n',
    "method is a number": b'{"method":7}\n',
    "params is a list": b'{"method":"event","params":[]}\n',
    "a request": b'{"id":1,"method":"event","params":{}}\n',
}


@pytest.mark.parametrize("line", GARBAGE.values(), ids=GARBAGE.keys())
@pytest.mark.parametrize("arguments", [("nmi",), ("copy", "/etc/passwd", "/x"),
                                       ("events",)], ids=lambda a: a[0])
def test_garbage(lis, line, arguments):
    def say(connection, _request):
        connection.send_bytes(line)
        return SILENT

    lis.vm(Everything(say))
    result = lis(arguments[0], "demovm", *arguments[1:])
    assert result.status == 5
    assert "is not the control protocol" in result.err


def test_line_without_end(lis):
    def flood(connection, _request):
        try:
            while True:
                connection.send_bytes(b"x" * 65536)
        except OSError:
            return SILENT

    lis.vm(Everything(flood))
    result = lis("nmi", "demovm")
    assert result.status == 5
    assert "a line without end" in result.err


def test_notifications_without_end(lis):
    def flood(connection, _request):
        try:
            while True:
                connection.notify("event", {})
        except OSError:
            return SILENT

    lis.vm(Everything(flood))
    result = lis("nmi", "demovm")
    assert result.status == 5
    assert "notifications without end" in result.err


def test_other_answers_and_notifications_are_passed_over(lis):
    def chat(connection, request):
        connection.notify("weather", {"rain": True})
        connection.send({"jsonrpc": "2.0", "id": 77, "result": {}})
        connection.answer(request, {})
        return SILENT

    lis.vm({"vm.nmi": chat})
    assert lis("nmi", "demovm").status == 0


def test_error_without_id_is_ours(lis):
    def fail(connection, _request):
        connection.send({"jsonrpc": "2.0", "id": None, "error": {
            "code": -32700, "message": "that was no JSON"}})
        return SILENT

    lis.vm({"vm.nmi": fail})
    result = lis("nmi", "demovm")
    assert result.status == 1
    assert "that was no JSON" in result.err


def test_message_cannot_steer_the_terminal(lis):
    lis.vm({"vm.nmi": Failure("io", "\x1b]0;evil\x07 \u202egnp \x9b31m")})
    result = lis("nmi", "demovm")
    assert result.status == 1
    assert result.err == ("lis nmi: demovm: "
                          "\\x1b]0;evil\\x07 \\u202egnp \\x9b31m\n")


def test_folder_that_others_can_enter(lis, command):
    lis.vm()
    os.chmod(lis.folder, 0o755)
    result = lis(*command)
    assert result.status == 6
    assert "chmod 700" in result.err


def test_folder_is_a_link(lis, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(lis.folder)
    lis.environment["LIS_RUNTIME_DIR"] = str(link)
    result = lis("list")
    assert result.status == 6
    assert "is not a directory" in result.err


def test_folder_is_a_file(lis, tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    lis.environment["LIS_RUNTIME_DIR"] = str(path)
    result = lis("nmi", "demovm")
    assert result.status == 6


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give it away")
def test_folder_of_another_user(lis, command):
    os.chown(lis.folder, 12345, -1)
    result = lis(*command)
    assert result.status == 6
    assert "belongs to user 12345" in result.err


def test_folder_is_not_absolute(lis):
    lis.environment["LIS_RUNTIME_DIR"] = "here"
    result = lis("list")
    assert result.status == 2
    assert "not an absolute path" in result.err


def test_folder_is_too_long(lis):
    lis.environment["LIS_RUNTIME_DIR"] = "/" + "x" * 5000
    result = lis("list")
    assert result.status == 1
    assert "too long" in result.err


def test_socket_path_is_too_long(lis, tmp_path):
    folder = tmp_path / ("f" * 100)
    folder.mkdir(mode=0o700)
    lis.environment["LIS_RUNTIME_DIR"] = str(folder)
    result = lis("nmi", "demovm")
    assert result.status == 1
    assert "shorter path" in result.err


def test_runtime_folder_of_the_session(lis, tmp_path):
    session = tmp_path / "session"
    (session / "lis").mkdir(parents=True, mode=0o700)
    os.chmod(session / "lis", 0o700)
    lis.folder = session / "lis"
    lis.vm({"vm.nmi": {}})
    del lis.environment["LIS_RUNTIME_DIR"]
    lis.environment["XDG_RUNTIME_DIR"] = str(session)
    assert lis("nmi", "demovm").status == 0


@pytest.mark.parametrize("name", ["", "-x", "a/b", "..", "a b", "ä", "a" * 65,
                                  "a\nb", ".hidden"])
def test_bad_names(lis, name):
    result = lis("nmi", "--", name)
    assert result.status == 2
    assert "the name of a VM is 1 to 64" in result.err


def test_not_a_socket(lis):
    (lis.folder / "demovm.sock").write_text("")
    result = lis("nmi", "demovm")
    assert result.status == 3


def test_full_disk(lis):
    lis.vm({"vm.services": {"services": []}})
    with open("/dev/full", "w", encoding="ascii") as full:
        process = lis.start("services", "demovm", stdout=full,
                            stderr=-1, text=True)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "cannot write to standard output" in err


def test_backlog_is_full(lis):
    path = str(lis.folder / "demovm.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(0)
    waiting = socket.socket(socket.AF_UNIX)
    waiting.connect(path)
    result = lis("list", "--json")
    assert result.status == 0
    assert json.loads(result.out) == {
        "vms": [{"name": "demovm", "state": "unresponsive"}]}
