# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Synthetic network adapters with the guest kernel's own hv_netvsc, or with
that of guest/kmod (pytest --drivers ours)."""

import contextlib
import functools
import hashlib
import http.server
import os
import socket
import struct
import subprocess
import threading
import time
import urllib.request

import pytest

import guest
from vm import lis, Rpc

PAYLOAD = os.urandom(1 << 20)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, format, *arguments):  # pylint: disable=W0622
        """Says nothing."""


@contextlib.contextmanager
def web_server(folder, address="127.0.0.1"):
    """Serves a folder over HTTP: its port."""
    server = http.server.ThreadingHTTPServer(
        (address, 0), functools.partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture(name="web")
def _web(tmp_path):
    """A web server with a file "payload": its port."""
    (tmp_path / "payload").write_bytes(PAYLOAD)
    with web_server(str(tmp_path)) as port:
        yield port


def adapters(vm):
    """What `lis net list` says."""
    return lis("net", "list", vm.name, "--json").json["adapters"]


def wait(vm, command, wanted, limit_s=30):
    """Waits until a guest command says something."""
    limit = time.monotonic() + limit_s * vm.patience()
    while True:
        said = vm.try_run(command)[1].strip()
        if said == wanted:
            return
        assert time.monotonic() < limit, "%s: %s, not %s" % (
            command, said, wanted)
        time.sleep(0.2)


def free_port():
    """A TCP port of this machine that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(vm, port, address="10.0.2.2"):
    """The guest fetches the payload, whole."""
    vm.run("wget -q -O /tmp/payload http://%s:%d/payload" % (address, port),
           120)
    assert vm.run("md5sum </tmp/payload").split()[0] == \
        hashlib.md5(PAYLOAD).hexdigest()


def mac(interface):
    """The address of an interface of this machine."""
    with open("/sys/class/net/%s/address" % interface,
              encoding="ascii") as stream:
        return stream.read().strip()


def carrier(vm, interface="eth0"):
    """A guest command for the state of an interface's link."""
    return "cat /sys/class/net/%s/carrier" % interface


@pytest.mark.parametrize("kernel", [
    "6.12", pytest.param("6.1", marks=pytest.mark.slow)])
def test_user_mode(new_vm, kernel, web):
    """A guest gets its address by DHCP, fetches a file and serves one over a
    port that is forwarded; its link goes down and up; a second adapter comes
    and goes."""
    port = free_port()
    vm = new_vm(kernel, cpus=2, options=(
        "--net", "user,mac=02:00:00:00:00:07,forward=tcp:127.0.0.1:%d-:80"
        % port))
    assert vm.run("cat /sys/class/net/eth0/address") == "02:00:00:00:00:07"
    vm.run("lease eth0")
    assert "10.0.2.15" in vm.run("ip -4 addr show dev eth0")
    vm.run("ping -c 3 -W 5 10.0.2.2")
    # In fragments, both ways.
    vm.run("ping -c 3 -W 5 -s 4000 10.0.2.2")
    fetch(vm, web)
    vm.run("httpd -p 80 -h /tmp")
    with urllib.request.urlopen("http://127.0.0.1:%d/payload" % port,
                                timeout=60) as answer:
        assert answer.read() == PAYLOAD
    one, = adapters(vm)
    assert one["mac"] == "02:00:00:00:00:07" and one["link"] == "up"
    assert one["guest"]["received_bytes"] > len(PAYLOAD)
    assert one["guest"]["sent_bytes"] > len(PAYLOAD)

    lis("net", "set", vm.name, "0", "link=down")
    wait(vm, carrier(vm), "0")
    assert vm.try_run("ping -c 1 -W 1 10.0.2.2")[0] != 0
    lis("net", "set", vm.name, "02:00:00:00:00:07", "link=up")
    wait(vm, carrier(vm), "1")
    # Linux starts the queue up to a second after it shows the carrier.
    vm.run("ping -c 5 -W 5 10.0.2.2")

    for _ in range(3):
        lis("net", "attach", vm.name, "user")
        wait(vm, "ls /sys/class/net | grep -c eth1", "1")
        vm.run("lease eth1")
        assert len(adapters(vm)) == 2
        lis("net", "detach", vm.name, "1")
        wait(vm, "ls /sys/class/net | grep -c eth1", "0")
    vm.run("ip route replace default via 10.0.2.2 dev eth0")
    fetch(vm, web)
    assert not vm.trouble()


@pytest.mark.slow
@pytest.mark.parametrize("older", list(guest.MORE_KERNELS))
def test_more_kernels(new_vm, older, web):
    """Older and smaller kernels link up and pass frames, large ones too."""
    vm = new_vm(older, options=("--net", "user"))
    vm.run("lease eth0")
    vm.run("ping -c 3 -W 5 10.0.2.2")
    fetch(vm, web)
    vm.run("rmmod hv_netvsc; insmod /modules/hv_netvsc.ko; lease eth0")
    fetch(vm, web)
    assert not vm.trouble()


# Frames both ways until /tmp/stop is there, whatever becomes of the adapter.
TRAFFIC = "while [ ! -e /tmp/stop ]; do ping -i 0.01 -c 100 -s 400 10.0.2.2 " \
    "|| sleep 0.1; done >/dev/null 2>&1 &"


@pytest.mark.parametrize("kernel", [
    "6.1", pytest.param("6.12", marks=pytest.mark.slow)])
def test_again_and_again(new_vm, kernel, web):
    """Other MTUs, and the driver unloaded and loaded, while frames go by."""
    vm = new_vm(kernel, cpus=2, options=("--net", "user"))
    vm.run("lease eth0")
    vm.run(TRAFFIC)
    for mtu in (9000, 1500):
        vm.run("ip link set eth0 mtu %d" % mtu)
        assert vm.run("cat /sys/class/net/eth0/mtu") == str(mtu)
    wait(vm, carrier(vm), "1")
    fetch(vm, web)
    for _ in range(3):
        vm.run("rmmod hv_netvsc; insmod /modules/hv_netvsc.ko")
    vm.run("lease eth0")
    fetch(vm, web)
    vm.run("touch /tmp/stop")
    assert not vm.trouble()


@pytest.mark.slow
def test_a_hundred_times(new_vm, web):
    """The same a hundred times, and the host neither leaks nor tires."""
    vm = new_vm("6.1", cpus=2, options=("--net", "user"))
    vm.run("lease eth0; " + TRAFFIC)
    rpc = Rpc(vm.name)
    before = rpc.call("vm.counters")
    for number in range(100):
        vm.run("ip link set eth0 mtu %d" % (1500 + number % 2 * 7500), 300)
        vm.run("rmmod hv_netvsc; insmod /modules/hv_netvsc.ko; "
               "ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up", 300)
    vm.run("touch /tmp/stop; ip route replace default via 10.0.2.2 dev eth0")
    fetch(vm, web)
    after = rpc.call("vm.counters")
    rpc.close()
    assert after["threads"] <= before["threads"] + 2
    assert after["open_fds"] <= before["open_fds"] + 8
    assert "violation" not in vm.happened()
    # Linux sends a frame into what it has just taken back, now and then; that
    # one fails alone, and is told of.
    assert not [line for line in vm.trouble()
                if "nvsp_rndis_pkt_complete error status: 2" not in line]


def guest_pair(new_vm, kernel, nets):
    """Two guests with an adapter each; 192.0.2.x and x from 1."""
    vms = [new_vm(kernel, options=("--net", net)) for net in nets]
    for number, vm in enumerate(vms, 1):
        vm.run("ip link set dummy0 down; ip addr flush dev dummy0; "
               "ip addr add 198.51.100.%d/24 dev eth0; ip link set eth0 up"
               % number)
    return vms


def hears(vm, address):
    """Whether an address answers."""
    return vm.try_run("ping -c 2 -W 3 " + address)[0] == 0


def test_switch(new_vm):
    """Guests on a private switch hear each other, in their VLAN alone."""
    one, two = guest_pair(new_vm, "6.1",
                          ["switch=lan,vlan=5", "switch=lan,vlan=5"])
    assert hears(one, "198.51.100.2") and hears(two, "198.51.100.1")
    lis("net", "set", two.name, "0", "vlan=6")
    assert not hears(one, "198.51.100.2")
    # A trunk: the guest tags, and only what is on the list passes.
    lis("net", "set", two.name, "0", "trunk=5+7,native=0")
    two.run("set -- $(grep '^8021q ' /modules/order); shift; "
            "for module in $* 8021q; do insmod /modules/$module.ko; done; "
            "ip addr flush dev eth0; ip link add link eth0 name eth0.5 type vlan id 5; "
            "ip addr add 198.51.100.2/24 dev eth0.5; ip link set eth0.5 up")
    assert hears(one, "198.51.100.2")
    lis("net", "set", one.name, "0", "vlan=7")
    assert not hears(one, "198.51.100.2")
    lis("net", "set", one.name, "0", "vlan=5")
    assert hears(two, "198.51.100.1")
    # The other VM goes: nothing else fails.
    two.kill()
    assert not hears(one, "198.51.100.2")
    assert not one.trouble()


# Takes eth1 from hv_netvsc and gives it to user space.
TO_USER_SPACE = """device=$(readlink -f /sys/class/net/eth1/device)
echo ${device##*/} >/sys/bus/vmbus/drivers/hv_netvsc/unbind
echo f8615163-df3e-46c5-913f-f2d2f965ed0e \\
	>/sys/bus/vmbus/drivers/uio_hv_generic/new_id
ls $device/uio"""


def test_hostile(new_vm, web):
    """A guest that scribbles on the rings of one adapter harms that one.

    With 6.12: before 6.10, uio_hv_generic takes monitored channels only.
    """
    vm = new_vm("6.12", cpus=2, options=("--net", "user", "--net", "user"))
    vm.run("lease eth0")
    device = vm.run(TO_USER_SPACE).strip()
    assert device.startswith("uio")
    identity = vm.console.send("scribble /dev/%s 5000" % device)
    for _ in range(10):
        assert len(adapters(vm)) == 2
    vm.console.answer(identity, 120)
    fetch(vm, web)
    vm.wait_status("Heartbeat", "OK")
    # What the guest broke works again for a driver that behaves.
    lis("net", "detach", vm.name, "1")
    vm.run("rmmod uio_hv_generic")
    lis("net", "attach", vm.name, "user")
    wait(vm, "ls /sys/class/net | grep -c eth1", "1")
    vm.run("lease eth1")


def frame_sizes(path):
    """(to the guest, to the host) sizes of the frames of a pcapng file."""
    sizes = ([], [])
    with open(path, "rb") as stream:
        data = stream.read()
    at = 0
    while at + 12 <= len(data):
        kind, total = struct.unpack_from("<II", data, at)
        assert total >= 12 and at + total <= len(data), "a block is cut short"
        if kind == 6:
            captured, size = struct.unpack_from("<II", data, at + 20)
            option = at + 28 + (captured + 3) // 4 * 4
            direction = None
            while option + 4 <= at + total - 4:
                code, length = struct.unpack_from("<HH", data, option)
                if code == 2:
                    direction = struct.unpack_from("<I", data,
                                                   option + 4)[0] & 3
                if not code:
                    break
                option += 4 + (length + 3) // 4 * 4
            assert direction in (1, 2)
            sizes[direction - 1].append(size)
        at += total
    return sizes


def captured(vm, path, work):
    """Frame sizes of what is captured during work()."""
    if os.path.exists(path):
        os.unlink(path)
    lis("net", "capture", vm.name, "0", "-o", path)
    work()
    result = lis("net", "capture", vm.name, "0", "--stop", "--json").json
    assert result["frames"] and not result["failed"]
    return frame_sizes(path)


def channels_shown(vm):
    """How many channels /sys shows of eth0, in its folder and by processor."""
    return vm.run("cd /sys/class/net/eth0/device; ls channels | wc -l; "
                  "wc -l <channel_vp_mapping").split()


def up_and_down(vm, port):
    """The guest fetches the payload and serves it."""
    fetch(vm, port, "203.0.113.1")
    with urllib.request.urlopen("http://203.0.113.2:80/payload",
                                timeout=120) as answer:
        assert answer.read() == PAYLOAD


@pytest.mark.parametrize("kernel", [
    "6.12", pytest.param("6.1", marks=pytest.mark.slow)])
def test_tap(new_vm, kernel, tap, tmp_path):
    """A tap with a queue for each processor: segments cross whole where both
    ends take them, and cut where the guest switched that off; its MTU; its
    end."""
    (tmp_path / "payload").write_bytes(PAYLOAD)
    vm = new_vm(kernel, cpus=2, options=("--net", "tap=%s" % tap))
    vm.run("ip addr add 203.0.113.2/24 dev eth0; ip link set eth0 up")
    wait(vm, "ls -d /sys/class/net/eth0/queues/rx-* | wc -l", str(vm.cpus))
    assert adapters(vm)[0]["channels"] == vm.cpus
    assert channels_shown(vm) == [str(vm.cpus)] * 2
    path = str(tmp_path / "capture.pcapng")
    with web_server(str(tmp_path), "203.0.113.1") as port:
        fetch(vm, port, "203.0.113.1")
        vm.run("httpd -p 80 -h /tmp")
        vm.run("ethtool -K eth0 tso on; ethtool -K eth0 lro on; true")
        sizes = captured(vm, path, lambda: up_and_down(vm, port))
        assert max(sizes[1]) > 1514 and max(sizes[0]) > 1514
        vm.run("ethtool -K eth0 tso off gso off; ethtool -K eth0 lro off")
        sizes = captured(vm, path, lambda: up_and_down(vm, port))
        assert max(sizes[1]) <= 1514 and max(sizes[0]) <= 1514
        vm.run("ethtool -K eth0 rx off tx off")
        sizes = captured(vm, path, lambda: up_and_down(vm, port))
        assert max(sizes[1]) <= 1514 and max(sizes[0]) <= 1514
        vm.run("ethtool -K eth0 rx on tx on; ethtool -K eth0 tso on gso on")
        subprocess.run(["ip", "link", "set", tap, "mtu", "9000"], check=True)
        vm.run("ip link set eth0 mtu 9000")
        wait(vm, carrier(vm), "1")
        vm.run("ping -c 2 -W 10 -s 8900 203.0.113.1")
        # The sub-channel is another one, and the first is gone.
        assert channels_shown(vm) == [str(vm.cpus)] * 2
        up_and_down(vm, port)
    subprocess.run(["ip", "link", "del", tap], check=True)
    wait(vm, carrier(vm), "0")
    assert adapters(vm)[0]["gone"]
    assert vm.run("echo alive") == "alive"
    assert not vm.trouble()
