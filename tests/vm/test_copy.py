# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""File copy from the host into the guest, whose daemon is the distribution's
or lisd."""

import hashlib
import os

import pytest

import lisd_guest

SERVICE = "Guest Service Interface"
TARGET = "/tmp/copied"

_daemon = lisd_guest.daemon_fixture("fcopy")


@pytest.fixture(scope="module", name="source")
def _source(tmp_path_factory):
    """10 MB that do not compress, and their hash."""
    path = tmp_path_factory.mktemp("copy") / "source"
    data = os.urandom(10 * 1000 * 1000)
    path.write_bytes(data)
    return str(path), hashlib.sha256(data).hexdigest()


@pytest.fixture(name="small")
def _small(tmp_path):
    """A small file."""
    path = tmp_path / "small"
    path.write_text("a line\n")
    return str(path)


@pytest.fixture(name="target")
def _target(vm, daemon):  # pylint: disable=unused-argument
    """A place in the guest where there is nothing."""
    vm.wait_status(SERVICE, "OK", 60)
    vm.run("rm -rf " + TARGET)
    return TARGET


def refused(vm, *arguments):
    """A copy that is refused: what it says."""
    result = vm.lis("copy", *arguments, check=False)
    assert result.status != 0
    return result.error


def test_hashes_are_equal(vm, source, target):
    """10 MB arrive as they left."""
    path, digest = source
    vm.lis("copy", path, target, timeout_s=600)
    assert vm.run("sha256sum " + target).split()[0] == digest


def test_exists(vm, small, target):
    """A file that exists is kept, unless forced."""
    vm.run("echo old >" + target)
    assert "exists" in refused(vm, small, target)
    assert vm.run("cat " + target) == "old"
    vm.lis("copy", small, target, "--force")
    assert vm.run("cat " + target) == "a line"


def test_missing_folder(vm, small, target):
    """A missing folder is told of, and made when asked for."""
    assert "folder" in refused(vm, small, target + "/a/b")
    vm.lis("copy", small, target + "/a/b", "--create-parents")
    assert vm.run("cat %s/a/b" % target) == "a line"


def test_disabled(vm, small, target):
    """A disabled service says so."""
    vm.lis("disable", SERVICE)
    try:
        assert "disabled" in refused(vm, small, target)
    finally:
        vm.lis("enable", SERVICE)
    vm.wait_status(SERVICE, "OK", 60)


def test_without_daemon(vm, small, target):
    """A guest whose daemon is stopped says another thing."""
    vm.run("daemon stop fcopy")
    try:
        said = refused(vm, small, target)
    finally:
        vm.run("daemon start fcopy")
    assert "disabled" not in said and "exists" not in said
    vm.wait_status(SERVICE, "OK", 60)
    vm.lis("copy", small, target)


@pytest.mark.slow
def test_a_gigabyte(new_vm, tmp_path, kernel):
    """1 GB arrives as it left."""
    path = tmp_path / "big"
    digest = hashlib.sha256()
    with open(path, "wb") as stream:
        for _ in range(1000):
            block = os.urandom(1000 * 1000)
            digest.update(block)
            stream.write(block)
    vm = new_vm(kernel, memory="1536M", options=("--enable", SERVICE))
    vm.run("mount -o remount,size=1200m /tmp")
    vm.wait_status(SERVICE, "OK", 60)
    vm.lis("copy", str(path), TARGET, timeout_s=3600)
    assert vm.run("sha256sum " + TARGET, 600).split()[0] == digest.hexdigest()
