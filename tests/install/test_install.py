# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The installed tree: every program by each of its names, and what finds it."""

import os
import re
import subprocess
import sys

import pytest

BUILD = os.environ["BUILD_FOLDER"]
PREFIX, SBIN = os.environ["PREFIX"], os.environ["SBIN"]
# The distributions' daemons that lisd takes the place of, and what each serves.
DAEMONS = {"hv_kvp_daemon": "Key-Value", "hv_vss_daemon": "Backup",
           "hv_fcopy_daemon": "file copy", "hv_fcopy_uio_daemon": "file copy"}
SCRIPTS = ("hv_get_dns_info", "hv_get_dhcp_info", "hv_set_ifconfig")


@pytest.fixture(scope="module", name="tree")
def _tree(tmp_path_factory):
    """The folder that everything was installed below."""
    folder = str(tmp_path_factory.mktemp("root"))
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet"],
                   env=dict(os.environ, DESTDIR=folder), check=True,
                   stdin=subprocess.DEVNULL)
    return folder


def run(tree, name, *arguments):
    """(status, output, error) of an installed program."""
    done = subprocess.run([tree + os.path.join(SBIN, name)] + list(arguments),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def test_one_program_of_many_names(tree):
    """Each name is a link to lisd in the same folder, wherever that is moved."""
    for name in tuple(DAEMONS) + SCRIPTS:
        assert os.readlink(tree + os.path.join(SBIN, name)) == "lisd"
    assert not os.path.islink(tree + os.path.join(SBIN, "lisd"))
    assert os.access(tree + os.path.join(SBIN, "lisd"), os.X_OK)


@pytest.mark.parametrize("name", list(DAEMONS))
def test_daemons_serve_one_service(tree, name):
    """By its name, with the options that units give."""
    status, output, error = run(tree, name, "-h")
    assert (status, error) == (0, "")
    assert output.startswith("Usage: %s [OPTION...]\n" % name)
    assert DAEMONS[name] in output.splitlines()[1]
    assert "Services:" not in output
    for option in ("-n,", "-d,", "-h,"):
        assert "\n  %s " % option in output
    # None takes a service's name, and each says what it does not know.
    status, _, error = run(tree, name, "-n", "kvp")
    assert status == 2 and name in error
    status, _, error = run(tree, name, "-x")
    assert status == 2 and name in error


def test_whole_daemon(tree):
    """By its own name it has them all."""
    status, output, _ = run(tree, "lisd", "--help")
    assert status == 0 and "Services: kvp, vss, fcopy" in output


def test_scripts(tree):
    """The names of the scripts do what scripts of these names do."""
    assert run(tree, "hv_get_dhcp_info", "lo")[:2] == (0, "Disabled\n")
    assert run(tree, "hv_get_dns_info", "lo")[0] == 0
    status, _, error = run(tree, "hv_set_ifconfig")
    assert status == 2 and "Usage" in error


def test_tools(tree):
    """What runs in any guest."""
    for name in ("lsvmbus", "lis-status"):
        status, output, _ = run(tree, name, "--version")
        assert status == 0 and output.startswith(name)


def carrier_folder(tree):
    """Where the carrier was installed."""
    found = [path for path, _, files in os.walk(tree) if "carrier" in files
             and "packages" in files]
    assert len(found) == 1
    return found[0]


def test_carrier_has_all_its_parts(tree):
    """The installed carrier finds everything that it is made of in Python."""
    done = subprocess.run([os.path.join(carrier_folder(tree), "carrier"),
                           "--help"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, check=True)
    assert "run" in done.stdout


def mend(tree, program):
    """What carrier/lib/mend.py says to run in the place of a program."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys, mend\n"
         "print(mend.mended(sys.argv[1]))", program], check=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=os.path.join(
            carrier_folder(tree), "lib"), PYTHONDONTWRITEBYTECODE="1"))
    return done.stdout.strip(), done.stderr


def test_mended_emulator(tree, tmp_path):
    """A build with the fault is copied without it, once; another is run as it
    is, which is said; an older copy is made anew."""
    fault = bytes.fromhex("410fb6f44489abe033000089b310d7ffff"
                          "c783e433000000000000")
    program = tmp_path / "qemu"
    program.write_bytes(b"before" + fault + b"after")
    copy, said = mend(tree, str(program))
    assert copy == str(program) + ".mended" and not said
    data = (tmp_path / "qemu.mended").read_bytes()
    assert len(data) == len(fault) + 11
    assert bytes.fromhex("89b310d7ffff") not in data
    assert os.access(copy, os.X_OK)
    os.utime(copy, (0, 0))
    program.write_bytes(b"twice" + fault + fault)
    assert mend(tree, str(program))[0] == str(program)
    program.write_bytes(b"another")
    path, said = mend(tree, str(program))
    assert path == str(program) and "no build" in said
    assert sorted(os.listdir(tmp_path)) == ["qemu", "qemu.mended"]


def test_unit_starts_what_is_installed(tree):
    """The unit's program is there, and the daemons that it stands for are."""
    path = tree + os.path.join(PREFIX, "lib/systemd/system/lisd.service")
    with open(path, encoding="utf-8") as stream:
        unit = stream.read()
    program = re.search(r"^ExecStart=(\S+)$", unit, re.MULTILINE).group(1)
    assert program == os.path.join(SBIN, "lisd")
    assert os.access(tree + program, os.X_OK)
    for name in DAEMONS:
        assert re.search(r"^Alias=.*\b%s\.service" % name.replace("_", "-"),
                         unit, re.MULTILINE)


def test_pages_and_completion(tree):
    """`man` and bash find each name."""
    share = tree + os.path.join(PREFIX, "share")
    for name in ("lisd", "lsvmbus", "lis-status") + tuple(DAEMONS) + SCRIPTS:
        page = os.path.join(share, "man", "man8", name + ".8")
        with open(page, encoding="utf-8") as stream:
            assert ".Nm " + name in stream.read(), page
    folder = os.path.join(share, "bash-completion", "completions")
    for name in ("lis", "lisd", "lsvmbus", "lis-status") + tuple(DAEMONS):
        with open(os.path.join(folder, name), encoding="utf-8") as stream:
            assert name in stream.read(), name
