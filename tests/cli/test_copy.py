# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""lis copy: what it asks for, its progress bar, Ctrl-C."""

import os
import re
import signal
import threading

import pytest

from fake_vm import Failure, SILENT


@pytest.fixture(name="source")
def _source(tmp_path):
    path = tmp_path / "s\u00f6urce"
    path.write_bytes(b"x" * 1000)
    return path


def progress(connection, request):
    """A copy that is told of in two steps."""
    for count in (250, 750):
        connection.notify("copy.progress", {"id": request["id"],
                                            "bytes": count, "total": 1000})
    connection.notify("copy.progress", {"id": 99, "bytes": 1, "total": 1})
    return {"bytes": 1000}


def test_in_a_pipe_it_is_quiet(lis, source):
    vm = lis.vm({"copy.start": progress})
    result = lis("copy", "demovm", str(source), "/root/file")
    assert (result.status, result.out, result.err) == (0, "", "")
    assert vm.requests == [("copy.start", {
        "source": str(source), "destination": "/root/file",
        "create_parents": False, "force": False})]


def test_on_a_terminal_it_shows_a_bar(lis, source):
    lis.vm({"copy.start": progress})
    terminal = lis.terminal("copy", "demovm", str(source), "/root/file")
    assert terminal.end() == 0
    seen = terminal.seen.decode()
    assert " 25%  250 bytes of 1000 bytes" in seen
    assert " 75%  750 bytes of 1000 bytes" in seen
    assert "100%  1000 bytes of 1000 bytes" in seen
    assert "demovm: copied 1000 bytes in " in seen
    # Nothing of another's copy; a rate has any digits.
    assert "99" not in re.sub(r"[0-9.]+ [A-Za-z]+/s", "", seen.replace(
        "99%", ""))
    assert re.findall(r"(\d+)%  (\d+) bytes? of (\d+) bytes?  ", seen) == [
        ("25", "250", "1000"), ("75", "750", "1000"), ("100", "1000", "1000")]


def test_json(lis, source):
    lis.vm({"copy.start": progress})
    assert lis("copy", "demovm", str(source), "/x", "--json").json() == {
        "vm": "demovm", "bytes": 1000}


def test_json_on_a_terminal_has_no_bar(lis, source):
    lis.vm({"copy.start": progress})
    terminal = lis.terminal("copy", "demovm", str(source), "/x", "--json")
    assert terminal.end() == 0
    assert b"%" not in terminal.seen


def test_options_and_folder(lis, source):
    vm = lis.vm({"copy.start": {"bytes": 0}})
    assert lis("copy", "-p", "--force", "demovm", source.name, "/root/",
               cwd=source.parent).status == 0
    assert vm.requests == [("copy.start", {
        "source": str(source), "destination": "/root/" + source.name,
        "create_parents": True, "force": True})]


def test_empty_file(lis, source):
    lis.vm({"copy.start": {"bytes": 0}})
    terminal = lis.terminal("copy", "demovm", str(source), "/x")
    assert terminal.end() == 0
    assert b"100%  0 bytes of 0 bytes" in terminal.seen


@pytest.mark.parametrize("reason, message", [
    ("exists", "/x is there already; overwrite it with --force"),
    ("path-not-found", "there is no folder /y; make it with --create-parents"),
    ("no-daemon", "hv_fcopy_daemon does not run in the guest"),
    ("disabled", "Guest Service Interface is disabled"),
])
def test_refusals(lis, source, reason, message):
    lis.vm({"copy.start": Failure(reason, message)})
    result = lis("copy", "demovm", str(source), "/x", "--json")
    assert result.status == 1
    assert (result.error()["reason"], result.error()["message"]) == (
        reason, message)


def test_failure_after_progress(lis, source):
    def fail(connection, request):
        progress(connection, request)
        return Failure("guest-error", "the guest's disk is full")

    lis.vm({"copy.start": fail})
    terminal = lis.terminal("copy", "demovm", str(source), "/x")
    assert terminal.end() == 1
    assert b"\r\nlis copy: demovm: the guest's disk is full" in terminal.seen


def test_sources_that_cannot_be_copied(lis, tmp_path):
    vm = lis.vm()
    for path, said in ((tmp_path / "nothing", "No such file"),
                       (tmp_path, "not a regular file"),
                       ("/dev/null", "not a regular file")):
        result = lis("copy", "demovm", str(path), "/x")
        assert result.status == 1
        assert said in result.err
    assert not vm.requests


def test_destination_is_not_absolute(lis, source):
    for destination in ("x", "", "./x"):
        result = lis("copy", "demovm", str(source), destination)
        assert result.status == 2
        assert "not an absolute path" in result.err
    result = lis("copy", "demovm", str(source), "/" + "x" * 5000)
    assert result.status == 2
    assert "too long" in result.err


def test_name_that_is_no_text(lis, source):
    path = os.fsencode(source.parent) + b"/\xff"
    with open(path, "wb"):
        pass
    result = lis("copy", "demovm", path, "/x")
    assert result.status == 2
    assert "not UTF-8" in result.err


class Slow:
    """A copy that goes on until it is cancelled."""

    def __init__(self, answer):
        self.started = threading.Event()
        self.answer = answer
        self.request = None

    def start(self, connection, request):
        """copy.start"""
        self.request = request
        connection.notify("copy.progress", {"id": request["id"], "bytes": 1,
                                            "total": 1000})
        self.started.set()
        return SILENT

    def cancel(self, connection, request):
        """copy.cancel"""
        assert request["params"] == {"id": self.request["id"]}
        connection.answer(request, {})
        if self.answer:
            connection.answer(self.request, self.answer)
        return SILENT


def interrupt(lis, source, slow, times=1):
    """Runs a copy, sends it SIGINT; returns the VM, status and error text."""
    vm = lis.vm({"copy.start": slow.start, "copy.cancel": slow.cancel})
    process = lis.start("copy", "demovm", str(source), "/x", stdout=-1,
                        stderr=-1, text=True)
    assert slow.started.wait(60)
    for _ in range(times):
        while not process.poll() and [
                method for method, _ in vm.requests] == ["copy.start"]:
            process.send_signal(signal.SIGINT)
            threading.Event().wait(0.05)
    _, err = process.communicate(timeout=60)
    return vm, process.returncode, err


def test_ctrl_c_cancels(lis, source):
    slow = Slow(Failure("cancelled", "the copy was cancelled"))
    vm, status, err = interrupt(lis, source, slow)
    assert status == 130
    assert err == "lis copy: the copy was cancelled\n"
    assert [method for method, _ in vm.requests] == ["copy.start",
                                                     "copy.cancel"]


def test_ctrl_c_too_late(lis, source):
    _, status, err = interrupt(lis, source, Slow({"bytes": 1000}))
    assert status == 0
    assert "had ended before" in err


def test_ctrl_c_twice_leaves(lis, source):
    slow = Slow(None)
    vm = lis.vm({"copy.start": slow.start, "copy.cancel": slow.cancel})
    process = lis.start("copy", "demovm", str(source), "/x", stdout=-1,
                        stderr=-1, text=True)
    assert slow.started.wait(60)
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        threading.Event().wait(0.05)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert vm.ended.wait(60)


def test_ctrl_c_on_a_terminal(lis, source):
    slow = Slow(Failure("cancelled", "the copy was cancelled"))
    lis.vm({"copy.start": slow.start, "copy.cancel": slow.cancel})
    terminal = lis.terminal("copy", "demovm", str(source), "/x")
    terminal.wait_for(b"0%")
    terminal.type(b"\x03")
    assert terminal.end() == 130
    assert b"the copy was cancelled" in terminal.seen


def test_vm_dies_within_a_copy(lis, source):
    def die(connection, request):
        connection.notify("copy.progress", {"id": request["id"], "bytes": 1,
                                            "total": 1000})
        connection.close()
        return SILENT

    lis.vm({"copy.start": die})
    result = lis("copy", "demovm", str(source), "/x")
    assert result.status == 5
