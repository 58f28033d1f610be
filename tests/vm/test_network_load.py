# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Synthetic adapters on a tap under iperf3: what crosses in one piece, on how
many channels, and what ethtool switches. Takes minutes, so all of it is slow."""

import contextlib
import json
import os
import shutil
import subprocess
import time

import pytest

import initramfs
from machine import cache_folder
from test_network import (adapters, captured,  # pylint: disable=W0611
                          carrier, wait)
from vm import lis

pytestmark = pytest.mark.slow

HOST, GUEST = "203.0.113.1", "203.0.113.2"
ETHERNET_BYTES = 14
TRANSFER = "3M"
# Under load the guest's console is slow, too.
BUSY_S = 300


def iperf(*arguments, timeout_s=600):
    """Runs iperf3 against the guest's server: its report.

    The server opens its port anew after each client, and resets whoever came
    just before: who was not served yet comes again."""
    for _ in range(5):
        done = subprocess.run(
            ["iperf3", "-J", "-c", GUEST] + list(arguments),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            timeout=timeout_s, check=False)
        report = json.loads(done.stdout)
        if "error" not in report or report["start"]["connected"]:
            break
        time.sleep(1)
    assert done.returncode == 0 and "error" not in report, report.get("error")
    return report["end"]


@contextlib.contextmanager
def going_on():
    """Four streams in the background, which must live through it all."""
    with subprocess.Popen(
            ["iperf3", "-J", "-c", GUEST, "-P", "4", "-t", "600"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL) as process:
        try:
            yield
            assert process.poll() is None, "the streams broke off"
        finally:
            process.terminate()


@pytest.fixture(name="loaded")
def _loaded(new_vm, tap, tmp_path):
    """Makes a guest on the tap, with iperf3 served in it."""
    if not shutil.which("iperf3"):
        pytest.skip("no iperf3: carrier/packages tools installs it")

    def make(kernel, cpus, net=""):
        vm = new_vm(kernel, boot=False, cpus=cpus,
                    options=("--net", "tap=%s%s" % (tap, net)))
        vm.add_programs({"bin/iperf3": "/usr/bin/iperf3"},
                        str(tmp_path / "initrd"))
        vm.boot()
        vm.run("ip addr add %s/24 dev eth0; ip link set eth0 up; "
               "ip link set lo up" % GUEST)
        wait(vm, carrier(vm), "1")
        # Linux opens the channels after the first behind our back.
        wait(vm, "ls -d /sys/class/net/eth0/queues/rx-* | wc -l", str(cpus))
        vm.run("iperf3 -s -D")
        return vm

    return make


def mtu_set(vm, tap, mtu):
    """Both ends' MTU."""
    subprocess.run(["ip", "link", "set", tap, "mtu", str(mtu)], check=True)
    vm.run("ip link set eth0 mtu %d" % mtu)
    wait(vm, carrier(vm), "1")
    # Linux starts the queue up to a second after it shows the carrier.
    vm.run("ping -c 5 -W 10 " + HOST, BUSY_S)


def offloads(vm, state):
    """Switches what joins or cuts segments, at the guest's end."""
    vm.run("ethtool -K eth0 tso {0} gso {0}; ethtool -K eth0 lro {0}"
           .format(state))


def moved(vm, path, *arguments):
    """Moves data: the longest frame (to the guest, to the host)."""
    def work():
        # What is on its way at the end is not counted: let that be little.
        end = iperf("-n", TRANSFER, "-w", "64K", *arguments)
        assert end["sum_received"]["bytes"] >= 1 << 20
    sizes = captured(vm, path, work)
    return [max(side) for side in sizes]


def up_and_down(vm, path, streams, whole, limit):
    """Both directions; whether segments are whole when data flows."""
    for index, direction in enumerate(([], ["-R"])):
        longest = moved(vm, path, "-P", streams, *direction)[index]
        assert (longest > limit) == whole, "%s %s: %d bytes, limit %d" % (
            direction, streams, longest, limit)


@pytest.mark.parametrize("kernel,cpus", [("6.1", 1), ("6.1", 4), ("6.12", 2)])
def test_segments(loaded, tap, tmp_path, kernel, cpus):
    """One and four streams, both ways, with frames of 1500 and 9000 bytes: what
    TCP sends crosses uncut when the guest has its offloads on, and cut when they
    are off."""
    vm = loaded(kernel, cpus)
    assert adapters(vm)[0]["channels"] == cpus
    path = str(tmp_path / "capture.pcapng")
    for mtu in (1500, 9000):
        mtu_set(vm, tap, mtu)
        for state in ("on", "off"):
            offloads(vm, state)
            for streams in ("1", "4"):
                up_and_down(vm, path, streams, state == "on",
                            mtu + ETHERNET_BYTES)
    assert not vm.trouble()


def features(vm):
    """{offload: whether it is on} of those that can be switched."""
    rows = [line.strip().split(": ") for line in
            vm.run("ethtool -k eth0").splitlines()[1:]]
    return {name: state.startswith("on") for name, state in rows
            if "[fixed]" not in state}


@pytest.mark.parametrize("kernel,cpus", [("6.1", 4), ("6.12", 2)])
def test_ethtool(loaded, kernel, cpus):
    """Every offload that ethtool shows is switched by it, and data flows both
    ways each time."""
    vm = loaded(kernel, cpus)
    known = features(vm)
    for name in ("rx-checksumming", "tx-checksumming",
                 "tcp-segmentation-offload", "large-receive-offload",
                 "tx-tcp6-segmentation"):
        assert name in known
    for name in known:
        for state in ("off", "on"):
            vm.run("ethtool -K eth0 %s %s" % (name, state))
            assert features(vm)[name] == (state == "on"), name
            iperf("-n", "256K")
            iperf("-n", "256K", "-R")
        if not known[name]:
            vm.run("ethtool -K eth0 %s off" % name)
    assert not vm.trouble()


@pytest.mark.parametrize("kernel,cpus", [("6.1", 4), ("6.12", 2)])
def test_channels(loaded, kernel, cpus):
    """The number of channels changes while data flows."""
    vm = loaded(kernel, cpus)
    with going_on():
        for count in (1, 2, cpus, cpus - 1, cpus):
            vm.run("ethtool -L eth0 combined %d" % count, BUSY_S)
            said = vm.run("ethtool -l eth0", BUSY_S).partition("Current")[2]
            assert said.split()[-2:] == ["Combined:", str(count)]
            assert adapters(vm)[0]["channels"] == count
            wait(vm, carrier(vm), "1")
            vm.run("ping -c 5 -W 10 " + HOST, BUSY_S)
    assert not vm.trouble()


def load_8021q():
    """The carrier's kernel learns VLANs."""
    modules = initramfs.Modules(os.path.join(cache_folder(), "carrier-kernel"))
    for name, data in modules.closure(["8021q"]):
        path = "/run/%s.ko" % name
        initramfs.write_whole(path, data)
        # It may be there already.
        subprocess.run(["insmod", path], check=False,
                       stderr=subprocess.DEVNULL)


def test_vlan(loaded, tap):
    """On a tap that carries VLANs, a guest hears its own and no other."""
    load_8021q()
    # What IPv6 says by itself would be counted, too.
    subprocess.run("for what in default %s; do "
                   "echo 1 >/proc/sys/net/ipv6/conf/$what/disable_ipv6; done"
                   % tap, shell=True, check=True)
    vm = loaded("6.12", 1, net=",vlan=5")
    subprocess.run("for id in 5 6; do ip link add link {0} name {0}.$id type "
                   "vlan id $id && ip addr add 198.51.100.$id/24 dev {0}.$id "
                   "&& ip link set {0}.$id up; done".format(tap), shell=True,
                   check=True)
    vm.run("ip addr flush dev dummy0; ip addr add 198.51.100.2/24 dev eth0")

    def answers(interface):
        return subprocess.run(
            ["busybox", "ping", "-c", "3", "-W", "2", "-I", interface, "198.51.100.2"],
            stdout=subprocess.DEVNULL, check=False).returncode == 0

    def heard():
        return int(vm.run("cat /sys/class/net/eth0/statistics/rx_packets"))

    def switch(interface, state):
        subprocess.run(["ip", "link", "set", interface, state], check=True)

    assert answers(tap + ".5")
    # Or the kernel asks for its neighbour there meanwhile.
    switch(tap + ".5", "down")
    before = heard()
    assert not answers(tap + ".6") and not answers(tap)
    assert heard() == before
    switch(tap + ".5", "up")
    # An administrator moves it.
    lis("net", "set", vm.name, "0", "vlan=6")
    vm.run("ip neigh flush dev eth0")
    assert answers(tap + ".6") and not answers(tap + ".5")
