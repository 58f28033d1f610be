# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""What lis says of itself, in help, manual pages and completion, is one."""

import os
import re
import shutil
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
PAGES = os.path.join(ROOT, "docs", "man")
COMPLETION = os.path.join(ROOT, "packaging", "completion", "lis")


def commands():
    """The commands by their own word."""
    shown = subprocess.run([os.environ["LIS_EXECUTABLE"], "--help"],
                           stdout=subprocess.PIPE, text=True,
                           check=True).stdout
    return re.findall(r"^  ([a-z]+) ", shown, re.MULTILINE)


COMMANDS = [name for name in commands() if name != "help"]


def options_of_help(lis, command):
    """The long options that `lis help COMMAND` lists."""
    return set(re.findall(r"^ +(?:-., )?--([a-z-]+)",
                          lis("help", command).out, re.MULTILINE))


def page(name):
    """A manual page's text."""
    with open(os.path.join(PAGES, name + ".1"), encoding="utf-8") as stream:
        return stream.read()


def test_version_and_help(lis):
    version = lis("--version")
    assert version.status == 0
    assert re.fullmatch(r"lis \d+\.\d+\.\d+\n", version.out)
    assert lis("help").out == lis("--help").out == lis("-h").out
    assert lis("help").status == 0


def test_no_command(lis):
    for arguments in ([], ["sing"], ["help", "sing"], ["--sing"]):
        result = lis(*arguments)
        assert result.status == 2
        assert result.out == ""
        assert "lis help" in result.err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(lis, command):
    shown = lis("help", command)
    assert shown.status == 0
    assert lis(command, "--help").out == shown.out
    assert lis(command, "-h").out == shown.out
    assert shown.out.startswith("Usage: lis %s " % command)
    assert {"json", "help"} <= options_of_help(lis, command)


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_options(lis, command):
    for option in ("--sing", "-Z", "--json=yes"):
        result = lis(command, option)
        assert result.status == 2
        assert "Usage: lis %s" % command in result.err


@pytest.mark.parametrize("command", COMMANDS)
def test_too_many_arguments(lis, command):
    result = lis(command, *["demovm"] * 9)
    assert result.status == 2
    assert "unexpected argument" in result.err


@pytest.mark.parametrize("command", COMMANDS)
def test_manual_page_has_the_options(lis, command):
    text = page("lis-" + command)
    listed = set()
    for line in re.findall(r"^\.It (.*)$", text, re.MULTILINE):
        listed |= set(re.findall(r"Fl Fl ([a-z-]+)", line))
    assert listed == options_of_help(lis, command)


@pytest.mark.parametrize("command", COMMANDS)
def test_manual_page_has_its_parts(lis, command):
    text = page("lis-" + command)
    for part in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES",
                 "SEE ALSO"):
        assert "\n.Sh %s\n" % part in text
    replaced = re.search(r"In place of ([A-Za-z]+-?[A-Za-z]*)",
                         lis("help", command).out)
    if replaced:
        assert replaced.group(1) in text


def test_manual_pages_are_all_there():
    pages = {name[:-2] for name in os.listdir(PAGES) if name.endswith(".1")}
    assert pages == {"lis"} | {"lis-" + name for name in COMMANDS}
    for command in COMMANDS:
        assert ".It Xr lis-%s 1 Ta" % command in page("lis")


@pytest.mark.skipif(not shutil.which("mandoc"), reason="no mandoc")
def test_manual_pages_are_well_formed():
    pages = [os.path.join(PAGES, name) for name in os.listdir(PAGES)
             if name.endswith(".1")]
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *pages],
                          stdout=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


COMPLETE = r"""
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_lis
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(name="complete")
def _complete(lis, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "lis").symlink_to(lis.program)
    (tmp_path / "work").mkdir()
    for name in ("kernel", "kernel two"):
        (tmp_path / "work" / name).write_text("")
    environment = dict(lis.environment, PATH="%s:%s" % (
        tmp_path / "bin", os.environ["PATH"]))

    def complete(*words):
        done = subprocess.run(["bash", "-c", COMPLETE, "bash", COMPLETION,
                               "lis", *words], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=True,
                              env=environment, cwd=tmp_path / "work")
        assert done.stderr == ""
        return [word for word in done.stdout.splitlines() if word]
    return complete


def test_completion_of_commands(complete):
    assert set(complete("")) == set(commands()) | {"--help", "--version"}
    assert complete("en") == ["enable"]
    assert complete("help", "en") == ["enable"]
    assert complete("sing", "") == []


def test_completion_of_options(lis, complete):
    for command in COMMANDS:
        assert set(complete(command, "--")) == {
            "--" + name for name in options_of_help(lis, command)}
    assert complete("stop", "demovm", "--tu") == ["--turn-off"]


def test_completion_of_names(lis, complete):
    lis.vm({"vm.info": {"name": "demovm"}})
    lis.vm({"vm.info": {"name": "other"}}, name="other")
    lis.vm(name="killed").close()
    for command in COMMANDS:
        # What restore needs is a folder, not a VM.
        if command == "restore":
            continue
        expected = [] if command in ("run", "list") else ["demovm", "other"]
        if command == "disk":
            expected = ["create", "info", "resize", "check", "convert",
                        "list", "attach", "detach", "eject", "insert", "limit"]
        if command == "net":
            expected = ["list", "attach", "detach", "set", "capture"]
        assert complete(command, "") == expected
    assert complete("net", "set", "") == ["demovm", "other"]
    assert complete("stop", "--timeout", "5", "--force", "d") == ["demovm"]
    assert complete("stop", "-t", "5", "-f", "d") == ["demovm"]


def test_completion_of_services_and_pools(complete):
    names = ["fcopy", "heartbeat", "kvp", "shutdown", "timesync", "vss"]
    for words in (("enable", "demovm"), ("disable", "--json", "demovm"),
                  ("trace", "demovm", "--service"), ("trace", "-s"),
                  ("run", "--enable"), ("run", "-e"), ("run", "--disable")):
        assert complete(*words, "") == names
    assert complete("enable", "demovm", "t") == ["timesync"]
    assert complete("enable", "demovm", "G") == ["Guest\\ Service\\ Interface"]
    assert complete("enable", "demovm", "Time\\ S") == [
        "Time\\ Synchronization"]
    assert complete("kvp", "demovm", "--pool", "g") == ["guest"]
    assert len(complete("kvp", "-p", "")) == 6
    assert complete("kvp", "demovm", "--type", "u") == ["u32", "u64"]
    assert complete("run", "--console", "s") == ["stdio", "socket"]


def test_completion_of_actions_and_files(complete):
    assert complete("kvp", "demovm", "") == ["show", "get", "set", "remove"]
    assert complete("kvp", "--pool", "guest", "demovm", "s") == ["show", "set"]
    assert complete("ip", "demovm", "") == ["show", "set"]
    assert complete("nmi", "demovm", "") == []
    for words in (("run", "--kernel"), ("run", "-i"), ("run", "--config"),
                  ("copy", "demovm"), ("copy", "--force", "demovm"),
                  ("trace", "demovm", "--pcapng")):
        assert sorted(complete(*words, "ker")) == ["kernel", "kernel two"]
