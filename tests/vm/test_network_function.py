# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""An adapter's virtual function (SR-IOV), with the kernel's own hv_netvsc or
that of guest/kmod (pytest --drivers ours).

Neither our host nor the carrier has such a device: a module in the guest stands
in for it (carrier/guest/function). What is sent by it comes out of an interface
in a network namespace of the guest that has the address of the tap's end on the
host, so that a ping finds an answer on either way, and counters say on which."""

import re
import time

import pytest

import vm as vm_module
from test_network import adapters, mac, wait
from vm import lis

KERNELS = ["6.1", "6.12"]
PROMISCUOUS = 0x100


def wait_host(vm, wanted, limit_s=60):
    """Waits until the host has been told which way frames go."""
    limit = time.monotonic() + limit_s
    while adapters(vm)[0]["by_function"] != wanted:
        assert time.monotonic() < limit, vm.run("dmesg | tail -5")
        time.sleep(0.2)


def counters(vm):
    """What `ethtool -S` has of the function."""
    # Those of all processors: the kernel's own driver has some of each, too.
    return {name: int(value) for name, value in re.findall(
        r"^\s*(vf_\w+): (\d+)$", vm.run("ethtool -S eth0"), re.MULTILINE)}


def goes_by(vm, function):
    """Pings the other end: whether the answers came by the function, or all by
    the host, as wanted."""
    # The first frame may be lost: the host knows of a change before the guest
    # has its answer.
    vm.try_run("ping -c 1 -W 2 203.0.113.1")
    before, host = counters(vm), adapters(vm)[0]["guest"]["sent_frames"]
    vm.run("ping -c 5 -i 0.2 -W 5 203.0.113.1")
    now, host_now = counters(vm), adapters(vm)[0]["guest"]["sent_frames"]
    sent = now["vf_tx_packets"] - before["vf_tx_packets"]
    heard = now["vf_rx_packets"] - before["vf_rx_packets"]
    print("by the function %d and %d, by the host %d" % (sent, heard,
                                                         host_now - host))
    if function:
        return sent >= 5 and heard >= 5
    # One that is up, but not used, hears what is said there to everybody.
    return sent == 0 and host_now - host >= 5


def namespace(vm, path):
    """Makes a network namespace in the guest: the process that it is of is
    named in a file."""
    vm.run("unshare -n sleep 100000 & echo $! >%s; "
           "while [ $(readlink /proc/$!/ns/net) = "
           "$(readlink /proc/self/ns/net) ]; do sleep 0.1; done" % path)


def plug(vm, tap, serial):
    """The guest finds a function."""
    vm.run("insmod /modules/vfstandin.ko serial=%d far=%s address=%s" % (
        serial, mac(tap), adapters(vm)[0]["mac"]))
    namespace(vm, "/tmp/far")
    vm.run("ip link set far0 netns $(cat /tmp/far); "
           "nsenter -t $(cat /tmp/far) -n sh -c 'ip link set far0 up; "
           "ip addr add 203.0.113.1/24 dev far0'")


def unplug(vm):
    """It loses it, and all that was of it."""
    vm.run("rmmod vfstandin; kill $(cat /tmp/far)")


def prepared(new_vm, kernel, tap, cpus):
    """A guest on the tap."""
    vm = new_vm(kernel, cpus=cpus,
                options=("--net", "tap=%s,function=7" % tap))
    if vm.try_run("test -e /modules/vfstandin.ko")[0]:
        pytest.skip("headers-%s were not in the cache when the guest was made"
                    % kernel)
    vm.run("ip addr add 203.0.113.2/24 dev eth0; ip link set eth0 up")
    wait(vm, "cat /sys/class/net/eth0/carrier", "1")
    vm.run("ping -c 1 -W 10 203.0.113.1")
    return vm


@pytest.mark.parametrize("kernel,cpus", [
    ("6.12", 2), pytest.param("6.1", 1, marks=pytest.mark.slow)])
def test_function(new_vm, kernel, tap, cpus):
    """A function that the guest finds is up, and frames go by it; they go by
    the host when it is down or gone, and back when it is there again, also when
    only its address says whose it is."""
    vm = prepared(new_vm, kernel, tap, cpus)
    assert adapters(vm)[0]["function"] == 7
    assert not adapters(vm)[0]["by_function"] and goes_by(vm, False)
    plug(vm, tap, 7)
    wait_host(vm, True)
    assert goes_by(vm, True)
    # Of the two, one has addresses.
    assert "inet" not in vm.run("ip addr show dev vf0")
    assert vm.run("cat /sys/class/net/vf0/master/address") == \
        vm.run("cat /sys/class/net/eth0/address")
    assert "by function" in lis("net", "list", vm.name).output
    for _ in range(2):
        vm.run("ip link set vf0 down")
        wait_host(vm, False)
        assert goes_by(vm, False)
        vm.run("ip link set vf0 up")
        wait_host(vm, True)
        assert goes_by(vm, True)
    unplug(vm)
    wait_host(vm, False)
    assert goes_by(vm, False)
    plug(vm, tap, 99)
    wait_host(vm, True)
    assert goes_by(vm, True)
    unplug(vm)
    wait_host(vm, False)
    assert goes_by(vm, False)
    assert not vm.trouble()


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS)
def test_function_follows(new_vm, kernel, tap):
    """What is asked of the adapter the function does, too."""
    vm = prepared(new_vm, kernel, tap, 2)
    plug(vm, tap, 7)
    wait_host(vm, True)
    vm.run("ip link set eth0 mtu 1400")
    assert vm.run("cat /sys/class/net/vf0/mtu") == "1400"
    # Another MTU is another session; the kernel's own driver goes on by the
    # function, but does not tell the host anew.
    if vm_module.DRIVERS == "ours":
        wait_host(vm, True)
    assert goes_by(vm, True)
    for state, wanted in (("on", PROMISCUOUS), ("off", 0)):
        vm.run("ip link set eth0 promisc " + state)
        flags = int(vm.run("cat /sys/class/net/vf0/flags"), 16)
        assert flags & PROMISCUOUS == wanted
    # It takes no program, and so the adapter takes none.
    assert vm.try_run("xdp eth0 pass")[0] != 0
    vm.run("ip link set eth0 down")
    wait_host(vm, False)
    assert vm.run("cat /sys/class/net/vf0/operstate") == "down"
    vm.run("ip link set eth0 up; ip addr replace 203.0.113.2/24 dev eth0")
    wait_host(vm, True)
    assert goes_by(vm, True)
    unplug(vm)
    assert not vm.trouble()


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS)
def test_function_and_host(new_vm, kernel, tap):
    """The host takes the function back while it is up, gives another, takes the
    adapter; the driver goes and comes. Only of the driver of guest/kmod: what
    the kernel's own does of it differs from version to version."""
    if vm_module.DRIVERS != "ours":
        pytest.skip("the kernel's own driver waits for the device to go")
    vm = prepared(new_vm, kernel, tap, 2)
    plug(vm, tap, 7)
    wait_host(vm, True)
    lis("net", "set", vm.name, "0", "function=none")
    wait(vm, "dmesg | grep -c 'data path is the synthetic one'", "1")
    assert goes_by(vm, False)
    lis("net", "set", vm.name, "0", "function=7")
    wait_host(vm, True)
    assert goes_by(vm, True)
    # Each queue has its session, too.
    vm.run("ethtool -L eth0 combined 1")
    wait_host(vm, True)
    assert goes_by(vm, True)
    vm.run("rmmod hv_netvsc; insmod /modules/hv_netvsc.ko; sleep 1; "
           "ip addr add 203.0.113.2/24 dev eth0; ip link set eth0 up")
    wait_host(vm, True)
    assert goes_by(vm, True)
    lis("net", "detach", vm.name, "0")
    wait(vm, "ls /sys/class/net | grep -c eth0", "0")
    assert vm.run("ls /sys/class/net/vf0") and \
        vm.try_run("test -e /sys/class/net/vf0/master")[0]
    unplug(vm)
    assert not vm.trouble()


class Elsewhere:
    """Runs what it is told to in another network namespace of a guest."""

    def __init__(self, vm):
        self.vm, self.name = vm, vm.name
        namespace(vm, "/tmp/other")

    def try_run(self, command):
        """One command: (status, output)."""
        return self.vm.try_run("nsenter -t $(cat /tmp/other) -n " + command)

    def run(self, command):
        """One that must succeed: its output."""
        return self.vm.run("nsenter -t $(cat /tmp/other) -n " + command)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS)
def test_function_elsewhere(new_vm, kernel, tap):
    """An adapter that goes to another network namespace has its function come
    after it; one that comes later finds it there. 6.1's own driver leaves the
    function behind."""
    if vm_module.DRIVERS != "ours":
        pytest.skip("only new kernels' own driver has it come")
    vm = prepared(new_vm, kernel, tap, 1)
    plug(vm, tap, 7)
    wait_host(vm, True)
    other = Elsewhere(vm)
    for again in (False, True):
        if not again:
            vm.run("ip link set eth0 netns $(cat /tmp/other)")
        else:
            plug(vm, tap, 7)
        other.run("ip addr replace 203.0.113.2/24 dev eth0")
        other.run("ip link set eth0 up")
        wait_host(vm, True)
        assert goes_by(other, True)
        assert vm.try_run("ip link show vf0")[0]
        unplug(vm)
        wait_host(vm, False)
        assert goes_by(other, False)
    assert not vm.trouble()
