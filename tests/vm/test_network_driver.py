# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""What an administrator asks of a network adapter's driver: sizes of buffers,
another address, tags that stay, programs that see a frame first. With the
kernel's own hv_netvsc, or that of guest/kmod (pytest --drivers ours)."""

import hashlib
import re
import socket
import subprocess
import urllib.request

import pytest

import vm as vm_module
from test_network import (_web, fetch, guest_pair, hears, mac,  # noqa: F401
                          PAYLOAD, wait, web_server)

KERNELS = ["6.1", "6.12"]
pytestmark = pytest.mark.slow
ADDRESS = "02:00:00:00:12:34"
LIMITS = "/sys/class/net/eth0/queues/tx-0/byte_queue_limits/"


def ours_only(what):
    """Skips what the kernel's own driver has not."""
    if vm_module.DRIVERS != "ours":
        pytest.skip("the kernel's own driver has no " + what)


def rings(vm):
    """What `ethtool -g` says: (received at most, sent at most, received now,
    sent now)."""
    said = vm.run("ethtool -g eth0")
    rx, tx = (re.findall(r"^%s:\s+(\d+)" % way, said, re.MULTILINE)
              for way in ("RX", "TX"))
    return int(rx[0]), int(tx[0]), int(rx[1]), int(tx[1])


@pytest.mark.parametrize("kernel", KERNELS)
def test_ring_sizes(new_vm, kernel, web):
    """The buffers lent to the host have the sizes that ethtool gives them, and
    data flows through small and large ones."""
    vm = new_vm(kernel, options=("--net", "user"))
    vm.run("lease eth0")
    most = rings(vm)
    for received, sent in ((64, 32), (most[0], most[1]), (most[2], most[3])):
        vm.run("ethtool -G eth0 rx %d tx %d; true" % (received, sent))
        now = rings(vm)
        # Whole pages are lent, which may have a few more places.
        assert received <= now[2] < received + 8, (received, now)
        assert sent <= now[3] < sent + 8, (sent, now)
        wait(vm, "cat /sys/class/net/eth0/carrier", "1")
        fetch(vm, web)
    assert vm.try_run("ethtool -G eth0 rx %d" % (most[0] * 2))[0] != 0
    fetch(vm, web)
    assert not vm.trouble()


@pytest.mark.parametrize("kernel", KERNELS)
def test_queue_limits(new_vm, kernel, tap, tmp_path):
    """What is under way to the host is counted in bytes, limited by what the
    host is seen to take, and nothing is left of it in the end."""
    ours_only("byte queue limits")
    vm = new_vm(kernel, options=("--net", "tap=" + tap))
    up = "ip addr replace 203.0.113.2/24 dev eth0; ip link set eth0 up"
    vm.run(up)
    (tmp_path / "payload").write_bytes(PAYLOAD)
    with web_server(str(tmp_path), "203.0.113.1") as port:
        for change in ("true", "ethtool -L eth0 combined 1",
                       "ip link set eth0 mtu 1400"):
            vm.run(change + "; " + up)
            wait(vm, "cat /sys/class/net/eth0/carrier", "1")
            fetch(vm, port, "203.0.113.1")
            vm.run("ping -c 30 -i 0.01 -s 1200 -W 5 203.0.113.1")
            assert int(vm.run("cat %slimit" % LIMITS)) > 0
            wait(vm, "cat %sinflight" % LIMITS, "0")
    assert not vm.trouble()


def packets_in(vm):
    """Packets of the guest that the host took from its first adapter."""
    rpc = vm_module.Rpc(vm.name)
    counters = rpc.call("vm.counters")
    rpc.close()
    return sum(channel["packets_in"]
               for name, channel in counters["channels"].items()
               if name.startswith("Network Adapter"))


@pytest.mark.parametrize("kernel", KERNELS)
def test_joined_frames(new_vm, kernel, tap):
    """Frames that wait for the host go out several to a packet, and their data
    is right."""
    vm = new_vm(kernel, options=("--net", "tap=" + tap))
    # Segments are cut in the guest, and wait when two of them are under way.
    vm.run("ethtool -K eth0 tso off gso off; "
           "! [ -e %slimit_max ] || echo 4000 >%slimit_max; "
           "ip addr add 203.0.113.2/24 dev eth0; ip link set eth0 up"
           % (LIMITS, LIMITS))
    vm.run("for i in 1 2 3 4 5 6 7 8; do cat /bin/busybox /init; done "
           ">/tmp/payload; httpd -p 80 -h /tmp")
    wanted = vm.run("md5sum </tmp/payload").split()[0]
    sent = "cat /sys/class/net/eth0/statistics/tx_packets"
    frames, packets = int(vm.run(sent)), packets_in(vm)
    with urllib.request.urlopen("http://203.0.113.2/payload",
                                timeout=120) as answer:
        assert hashlib.md5(answer.read()).hexdigest() == wanted
    frames = int(vm.run(sent)) - frames
    packets = packets_in(vm) - packets
    # One for each frame and one for what was received, were none joined. The
    # kernel's own has no such limit, so that nothing waits.
    if vm_module.DRIVERS == "ours":
        assert packets < frames, (packets, frames)
    assert not vm.trouble()


@pytest.mark.parametrize("kernel", KERNELS)
def test_address(new_vm, kernel):
    """An adapter gets another address: others find it there, and the host
    gives it what is for it, also after the driver began anew."""
    one, two = guest_pair(new_vm, kernel, ["switch=lan", "switch=lan"])
    assert hears(one, "198.51.100.2")
    two.run("ip link set eth0 down; ip link set eth0 address %s; "
            "ip link set eth0 up" % ADDRESS)
    assert two.run("cat /sys/class/net/eth0/address") == ADDRESS
    one.run("ip neigh flush dev eth0")
    assert hears(one, "198.51.100.2")
    assert ADDRESS in one.run("ip neigh show 198.51.100.2")
    two.run("ip link set eth0 mtu 1400")
    wait(two, "cat /sys/class/net/eth0/carrier", "1")
    one.run("ip neigh flush dev eth0")
    assert hears(one, "198.51.100.2") and hears(two, "198.51.100.1")
    assert ADDRESS in one.run("ip neigh show 198.51.100.2")
    # Of a group: no adapter has such an address.
    assert two.try_run("ip link set eth0 address 01:00:00:00:12:34")[0] != 0
    assert hears(one, "198.51.100.2")
    if vm_module.DRIVERS == "ours":
        # The next driver has the first address, and hears what is for it.
        two.run("rmmod hv_netvsc; insmod /modules/hv_netvsc.ko")
        wait(two, "ls /sys/class/net | grep eth0", "eth0")
        assert two.run("cat /sys/class/net/eth0/address") != ADDRESS
        two.run("ip addr add 198.51.100.2/24 dev eth0; ip link set eth0 up")
        one.run("ip neigh flush dev eth0")
        assert hears(one, "198.51.100.2") and hears(two, "198.51.100.1")
    assert not one.trouble() and not two.trouble()


@pytest.mark.parametrize("kernel", KERNELS)
def test_tags_stay(new_vm, kernel):
    """A guest on a trunk hears its VLAN whether the tag is taken out of frames
    or left in them."""
    ours_only("choice of where tags are")
    one, two = guest_pair(new_vm, kernel, ["switch=lan,vlan=5",
                                           "switch=lan,trunk=5+7,native=0"])
    two.run("set -- $(grep '^8021q ' /modules/order); shift; "
            "for module in $* 8021q; do insmod /modules/$module.ko; done; "
            "ip addr flush dev eth0; "
            "ip link add link eth0 name eth0.5 type vlan id 5; "
            "ip addr add 198.51.100.2/24 dev eth0.5; ip link set eth0.5 up")
    for state in ("off", "on", "off"):
        two.run("ethtool -K eth0 rxvlan " + state)
        assert "rx-vlan-offload: " + state in two.run("ethtool -k eth0")
        assert hears(one, "198.51.100.2") and hears(two, "198.51.100.1")
    assert not one.trouble() and not two.trouble()


class Program:
    """A program on the guest's eth0, which says what becomes of each frame."""

    def __init__(self, vm, verdict):
        self.vm = vm
        # The word of the one before is not to be taken for this one's.
        vm.run(": >/tmp/xdp; xdp eth0 %s >>/tmp/xdp 2>&1 & echo $! >/tmp/xdp.pid" % verdict)
        wait(vm, "cat /tmp/xdp", "attached")

    def end(self):
        """Takes it away."""
        self.vm.run("kill $(cat /tmp/xdp.pid); sleep 0.5")


def answers():
    """Whether the guest on the tap answers."""
    return subprocess.run(["busybox", "ping", "-c", "2", "-W", "2",
                           "203.0.113.2"], stdout=subprocess.DEVNULL,
                          check=False).returncode == 0


def comes_back(tap, guest, count=20):
    """Sends frames to the guest, of many lengths: how many come back whole,
    with the addresses exchanged."""
    own, back = bytes.fromhex(mac(tap).replace(":", "")), 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                       socket.htons(0x88b5)) as link:
        link.bind((tap, 0x88b5))
        link.settimeout(10)
        for number in range(count):
            data = bytes([number]) * (46 + number * 70)
            link.send(guest + own + b"\x88\xb5" + data)
            wanted = own + guest + b"\x88\xb5" + data
            while True:
                frame = link.recv(4096)
                # What was sent is heard here, too.
                if frame[:6] == own:
                    break
            back += frame == wanted
    return back


@pytest.mark.parametrize("kernel", KERNELS)
def test_programs(new_vm, kernel, tap):
    """A program passes frames on, drops them or sends them back; it is refused
    where a frame may not fit a page, and its end leaves the adapter as it
    was."""
    vm = new_vm(kernel, options=("--net", "tap=" + tap))
    vm.run("ethtool -K eth0 lro off; ip addr add 203.0.113.2/24 dev eth0; "
           "ip link set eth0 up")
    guest = bytes.fromhex(
        vm.run("cat /sys/class/net/eth0/address").replace(":", ""))
    assert answers()
    for verdict, passes in (("pass", True), ("drop", False), ("pass", True),
                            ("aborted", False)):
        program = Program(vm, verdict)
        assert answers() == passes, verdict
        program.end()
        assert answers()
    program = Program(vm, "tx")
    assert comes_back(tap, guest) == 20
    # What the network stack sends goes out as ever.
    vm.try_run("ping -c 1 -W 1 203.0.113.1")
    program.end()
    assert answers()
    vm.run("ip link set eth0 mtu 4000")
    assert vm.try_run("xdp eth0 pass")[0] != 0
    vm.run("ip link set eth0 mtu 1500; ethtool -K eth0 lro on")
    assert vm.try_run("xdp eth0 pass")[0] != 0
    vm.run("ethtool -K eth0 lro off")
    program = Program(vm, "pass")
    assert vm.try_run("ip link set eth0 mtu 4000")[0] != 0
    assert answers()
    program.end()
    assert not vm.trouble()
