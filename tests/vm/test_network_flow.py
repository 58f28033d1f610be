# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Which frames a guest hears, on which of its channels, how fast, and what
becomes of them when it stops listening: with the kernel's own hv_netvsc."""

import contextlib
import re
import socket
import threading
import time
import urllib.request

import pytest

from test_network import (_web, adapters,  # noqa: F401
                          carrier, fetch, free_port, guest_pair, PAYLOAD,
                          wait)
from vm import lis

pytestmark = pytest.mark.slow
KERNELS = ["6.1", "6.12"]
NOBODY = "02:00:00:00:00:99"


def received(vm):
    """Frames that the guest's adapter has heard."""
    return int(vm.run("cat /sys/class/net/eth0/statistics/rx_packets"))


@pytest.mark.parametrize("kernel", KERNELS)
def test_filters(new_vm, kernel):
    """A guest hears a group when it has joined, what is for another adapter
    when it listens to everything, and neither before."""
    one, two = guest_pair(new_vm, kernel, ["switch=lan", "switch=lan"])
    assert one.try_run("ping -c 2 -W 3 198.51.100.2")[0] == 0
    # To an address that no adapter has; the switch floods it.
    one.run("arp -s 198.51.100.77 " + NOBODY)
    shout = "ping -c 40 -i 0.01 -W 1 198.51.100.77"
    before = received(two)
    one.try_run(shout)
    quiet = received(two) - before
    two.run("ip link set eth0 promisc on")
    before = received(two)
    one.try_run(shout)
    assert quiet < 20 and received(two) - before >= 40
    two.run("ip link set eth0 promisc off")
    before = received(two)
    one.try_run(shout)
    assert received(two) - before < 20

    # Who has an IPv6 address is in the group of its last three bytes.
    ask = "ping6 -c 2 -W 2 -I eth0 ff02::1:ff12:3456"
    assert one.try_run(ask)[0] != 0
    two.run("ip -6 addr add fe80::12:3456/64 dev eth0")
    assert one.try_run(ask)[0] == 0
    two.run("ip -6 addr del fe80::12:3456/64 dev eth0")
    assert one.try_run(ask)[0] != 0
    assert not one.trouble() and not two.trouble()


def delayed(vm):
    """How often the limit has made a frame wait: (from, to the guest)."""
    port = adapters(vm)[0]["port"]
    return port["sent_delayed"], port["received_delayed"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_bandwidth(new_vm, kernel, web):
    """A limit holds frames back, both ways, and nothing is lost; without it
    nothing waits."""
    port = free_port()
    vm = new_vm(kernel, options=(
        "--net", "user,forward=tcp:127.0.0.1:%d-:80" % port))
    vm.run("lease eth0; httpd -p 80 -h /tmp")

    def serve():
        with urllib.request.urlopen("http://127.0.0.1:%d/payload" % port,
                                    timeout=120) as answer:
            assert answer.read() == PAYLOAD

    fetch(vm, web)
    serve()
    assert delayed(vm) == (0, 0)
    lis("net", "set", vm.name, "0", "bandwidth=8M")
    fetch(vm, web)
    sent, heard = delayed(vm)
    assert heard > 0
    serve()
    assert delayed(vm)[0] > sent
    lis("net", "set", vm.name, "0", "bandwidth=0")
    before = delayed(vm)
    fetch(vm, web)
    serve()
    assert delayed(vm) == before
    assert not vm.trouble()


def by_queue(vm):
    """Frames that each of the guest's queues has heard."""
    said = vm.run("ethtool -S eth0")
    return [int(count) for count in
            re.findall(r"rx_queue_\d+_packets: (\d+)", said)]


@pytest.mark.parametrize("kernel", KERNELS)
def test_spread(new_vm, kernel, web, tmp_path):
    """Frames come on the channels that the guest's table names."""
    vm = new_vm(kernel, cpus=2, options=("--net", "user"))
    vm.run("lease eth0")
    wait(vm, "ls -d /sys/class/net/eth0/queues/rx-* | wc -l", "2")
    for wanted in (1, 0):
        vm.run("ethtool -X eth0 weight %d %d" % (1 - wanted, wanted))
        fetch(vm, web)
        before = by_queue(vm)
        fetch(vm, web)
        more = [after - b for after, b in zip(by_queue(vm), before)]
        # What has no hash (ARP) still comes on the first.
        assert more[wanted] > 50 and more[1 - wanted] < 10, more
    # Flows have ports of their own, so many of them go both ways.
    (tmp_path / "little").write_bytes(PAYLOAD[:1 << 16])
    vm.run("ethtool -X eth0 equal 2")
    before = by_queue(vm)
    vm.run("for i in $(seq 24); do wget -q -O /dev/null "
           "http://10.0.2.2:%d/little; done" % web, 120)
    more = [after - b for after, b in zip(by_queue(vm), before)]
    assert min(more) > 50, more
    assert not vm.trouble()


@contextlib.contextmanager
def burst(address):
    """Small datagrams to the guest, 100 at a time as fast as they go: a count
    of them. Between, others get their share of a processor."""
    count, stop = [0], threading.Event()

    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while not stop.wait(0.05):
                for _ in range(100):
                    with contextlib.suppress(OSError):
                        out.sendto(b"x" * 64, (address, 1000 + count[0] % 64))
                    count[0] += 1

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    yield count
    stop.set()
    thread.join()


def waits_for(value, more):
    """Waits until a count has grown."""
    wanted = value[0] + more
    while value[0] < wanted:
        time.sleep(0.05)


@pytest.mark.parametrize("kernel", KERNELS)
def test_stopped_in_a_burst(new_vm, kernel, tap, web):
    """Queues that go away, come back, or are not read while the host has
    frames for them; the other adapter does not notice."""
    vm = new_vm(kernel, cpus=2, options=("--net", "tap=%s" % tap, "--net",
                                         "user"))
    up = "ip addr replace 203.0.113.2/24 dev eth0; ip link set eth0 up; "
    vm.run(up + "lease eth1")
    wait(vm, "ls -d /sys/class/net/eth0/queues/rx-* | wc -l", "2")
    vm.run("ping -c 2 -W 5 203.0.113.1")
    with burst("203.0.113.2") as count:
        for number in range(4):
            vm.run("ip link set eth0 down")
            fetch(vm, web)
            vm.run(up + "ethtool -L eth0 combined %d" % (1 + number % 2))
            # A ring that fills up, for nobody reads it.
            lis("pause", vm.name)
            waits_for(count, 4000)
            lis("resume", vm.name)
            fetch(vm, web)
    assert adapters(vm)[0]["channels"] == 2
    wait(vm, carrier(vm), "1")
    vm.run("ping -c 3 -W 10 203.0.113.1")
    fetch(vm, web)
    assert not vm.trouble()
