# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""lis net: what it asks of a VM and shows of the answer."""

import pytest

from fake_vm import Failure

ADAPTERS = {"adapters": [
    {"adapter": 0, "name": "Network Adapter 0", "backend": "user",
     "user": True, "mac": "00:15:5d:00:00:01", "link": "up", "gone": False,
     "channels": 2, "mtu": 1500, "speed": 0, "capturing": False,
     "function": 7, "by_function": True},
    {"adapter": 3, "name": "Network Adapter 3", "backend": "tap",
     "tap": "tap7", "mac": "00:15:5d:00:00:02", "link": "down", "gone": True,
     "channels": 0, "mtu": 9000, "speed": 0, "capturing": True,
     "trunk": "5+9"},
]}


def asked(vm):
    """The last request that the VM got."""
    return vm.requests[-1]


def test_list(lis):
    lis.vm({"net.list": ADAPTERS})
    result = lis("net", "list", "demovm")
    assert result.status == 0
    assert [line.split() for line in result.out.splitlines()[2:]] == [
        ["0", "00:15:5d:00:00:01", "user", "up", "2", "by",
         "function"],
        ["3", "00:15:5d:00:00:02", "tap", "tap7", "gone", "trunk", "5+9",
         "0", "capturing"]]
    assert lis("net", "list", "demovm", "--json").json() == ADAPTERS


def test_attach(lis):
    vm = lis.vm({"net.attach": {"adapter": 4}})
    result = lis("net", "attach", "demovm",
                 "user,mac=02:00:00:00:00:01,vlan=7,"
                 "forward=tcp:127.0.0.1:2222-:22")
    assert result.status == 0
    assert result.out == "demovm: network adapter 4 is attached\n"
    assert asked(vm) == ("net.attach", {
        "user": True, "mac": "02:00:00:00:00:01", "vlan": 7,
        "forward": ["tcp:127.0.0.1:2222-:22"]})


@pytest.mark.parametrize("name", ["3", "00:15:5D:00:00:02"])
def test_detach(lis, name):
    vm = lis.vm({"net.list": ADAPTERS, "net.detach": {}})
    assert lis("net", "detach", "demovm", name).status == 0
    assert asked(vm) == ("net.detach", {"adapter": 3})


def test_set(lis):
    vm = lis.vm({"net.list": ADAPTERS, "net.set": {}})
    assert lis("net", "set", "demovm", "0",
               "trunk=5-7,native=5,link=down,bandwidth=10M").status == 0
    assert asked(vm) == ("net.set", {
        "adapter": 0, "trunk": "5-7", "native": "5", "link": "down",
        "bandwidth": "10M"})


def test_capture(lis, tmp_path):
    vm = lis.vm({"net.list": ADAPTERS,
                 "net.capture": {"frames": 12, "dropped": 3, "failed": False}})
    path = str(tmp_path / "x.pcapng")
    assert lis("net", "capture", "demovm", "0", "-o", path, "--snap",
               "1K").status == 0
    assert asked(vm) == ("net.capture", {
        "adapter": 0, "path": path, "snap_bytes": 1024})
    result = lis("net", "capture", "demovm", "0", "--stop")
    assert result.out == "demovm: 12 frames were captured, 3 were dropped\n"
    assert asked(vm) == ("net.capture", {"adapter": 0, "stop": True})


@pytest.mark.parametrize("words", [
    ("sell", "demovm"),
    ("list",),
    ("list", "demovm", "0"),
    ("attach", "demovm"),
    ("attach", "demovm", "vlan=5"),
    ("attach", "demovm", "user,colour=red"),
    ("set", "demovm", "0"),
    ("set", "demovm", "0", "link=sideways"),
    ("capture", "demovm", "0"),
    ("capture", "demovm", "0", "--stop", "-o", "x"),
    ("capture", "demovm", "0", "-o", "x", "--snap", "much"),
])
def test_usage(lis, words):
    lis.vm({"net.list": ADAPTERS})
    result = lis("net", *words)
    assert result.status == 2
    assert result.err


def test_failures(lis):
    lis.vm({"net.list": ADAPTERS, "net.attach": Failure("io", "no room")})
    result = lis("net", "detach", "demovm", "9")
    assert result.status == 1
    assert "no network adapter \"9\"" in result.err
    result = lis("net", "attach", "demovm", "user")
    assert (result.status, "no room" in result.err) == (1, True)
    assert lis("net", "list", "nobody").status == 3
