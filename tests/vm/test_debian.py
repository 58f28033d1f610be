# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A whole Debian, as somebody who runs one meets it."""

import os

import pytest

import debian
from debian_guest import DebianGuest, Ssh
from test_network import free_port
from vm import lis


@pytest.fixture(name="disk")
def _disk(tmp_path):
    """A VHDX of a Debian that was made before: its path."""
    # Inside the carrier none can be made.
    image = debian.find()
    if not image:
        pytest.skip("no image of a Debian: carrier/debian-image 6.1 makes it")
    path = str(tmp_path / "debian.vhdx")
    lis("disk", "convert", image, path, timeout_s=900)
    return path


@pytest.mark.slow
def test_reached(disk, tmp_path):
    """It gets its address by DHCP, tells it, and answers over SSH."""
    port = free_port()
    guest = DebianGuest("debian-%d" % os.getpid(), disk, options=(
        "--net", "user,forward=tcp:127.0.0.1:%d-:22" % port))
    guest.boot()
    try:
        guest.wait_address("10.0.2.15", 300)
        # A lease, and by the driver that is ours to serve.
        assert "dynamic" in guest.run("ip -4 addr show dev eth0")
        assert "hv_netvsc" in guest.run(
            "readlink /sys/class/net/eth0/device/driver")
        ssh = Ssh(str(tmp_path), port)
        ssh.give(guest)
        assert ssh.run("hostname") == "debian"
        assert len(ssh.run("head -c 1000000 /dev/zero | base64 -w 0")) == \
            1333336
        guest.lis("stop", "--timeout", "300")
        guest.wait_end(300)
    finally:
        guest.kill()
