# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""lis run: what it refuses before there is a VM.

Settings that are right are tried by the tests of virtual machines.
"""

import json
import os

import pytest


@pytest.fixture(name="kernel")
def _kernel(tmp_path):
    path = tmp_path / "kernel"
    path.write_bytes(b"kernel")
    return str(path)


@pytest.mark.parametrize("arguments, said", [
    ([], "no name; give one with --name"),
    (["--name", "a b"], "--name: the name of a VM is"),
    (["--name", "a"], "no kernel; give a Linux bzImage or "
     "vmlinux with --kernel"),
    (["--cpus", "0"], "--cpus: \"0\" is not a number of processors"),
    (["--cpus", "65"], "from 1 to 64"),
    (["--memory", "big"], "--memory: \"big\" is not a size"),
    (["--low-mmio", "x"], "--low-mmio: \"x\" is not a size"),
    (["--high-mmio", "1.5G"], "--high-mmio: \"1.5G\" is not a size"),
    (["--console", "vga"], "use stdio, socket or none"),
    (["--enable", "sound"], "--enable: there is no service \"sound\""),
    (["--disable", "sound"], "--disable: there is no service"),
    (["kernel"], "unexpected argument \"kernel\""),
    (["--kernel"], "option --kernel needs FILE"),
])
def test_usage(lis, arguments, said):
    result = lis("run", *arguments)
    assert result.status == 2
    assert said in result.err


@pytest.mark.parametrize("arguments, said", [
    (["--memory", "32M"], "a VM has from 64M to 1024G"),
    (["--memory", "65M"], "multiple of 2M"),
    (["--low-mmio", "32M"], "low MMIO window"),
    (["--high-mmio", "1"], "high MMIO window"),
    (["--append", "x" * 2048], "2048 bytes; Linux takes 2047"),
    (["--detach", "--console", "stdio"], "--console socket or --console none"),
])
def test_settings_that_do_not_fit(lis, kernel, arguments, said):
    result = lis("run", "--name", "demovm", "--kernel", kernel, *arguments)
    assert result.status == 2
    assert said in result.err


def test_files_that_cannot_be_read(lis, kernel, tmp_path):
    result = lis("run", "--name", "a", "--kernel", "/nowhere")
    assert result.status == 1
    assert "cannot read the kernel /nowhere: No such file" in result.err
    result = lis("run", "--name", "a", "--kernel", kernel, "--initrd",
                 str(tmp_path))
    assert result.status == 2
    assert "not a regular file" in result.err
    (tmp_path / "empty").write_text("")
    result = lis("run", "--name", "a", "--kernel", str(tmp_path / "empty"))
    assert result.status == 2
    assert "is empty" in result.err


def test_config_file(lis, tmp_path):
    path = tmp_path / "vm.json"
    result = lis("run", "--config", str(path))
    assert result.status == 1
    assert "cannot open" in result.err
    path.write_text(json.dumps({"name": "demovm", "kernel": "nothing"}))
    result = lis("run", "--config", str(path))
    assert result.status == 1
    assert "cannot read the kernel %s/nothing" % tmp_path in result.err
    path.write_text('{"name": "demovm",\n "kernal": "x"}')
    result = lis("run", "--config", str(path))
    assert result.status == 2
    assert '"kernal" in %s is not a setting' % path in result.err
    path.write_text('{"name": "demovm",\n "kernel"}')
    result = lis("run", "--config", str(path), "--json")
    assert result.status == 2
    assert "vm.json, line 2" in result.error()["message"]


def test_options_go_before_the_file(lis, tmp_path):
    path = tmp_path / "vm.json"
    path.write_text(json.dumps({"name": "demovm", "kernel": "/in-file"}))
    for arguments in (["--config", str(path), "--kernel", "/in-option"],
                      ["--kernel", "/in-option", "--config", str(path)]):
        assert "/in-option" in lis("run", *arguments).err


def test_carrier_and_detach(lis, kernel):
    result = lis("run", "--name", "demovm", "--kernel", kernel, "--carrier",
                 "--detach", "--console", "none")
    assert result.status == 2
    assert "--detach and --carrier exclude each other" in result.err


def test_carrier_refuses_a_name_that_is_taken(lis, kernel):
    lis.vm()
    result = lis("run", "--name", "demovm", "--kernel", kernel, "--carrier")
    assert result.status == 1
    assert 'a VM named "demovm" is already running' in result.err


def test_carrier_needs_a_safe_folder(lis, kernel):
    os.chmod(lis.folder, 0o755)
    result = lis("run", "--name", "demovm", "--kernel", kernel, "--carrier")
    assert result.status == 6
    assert "chmod 700" in result.err
