# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Devices that the host takes back and offers anew at any moment, while the
guest loads and unloads our drivers, and uses them. Under slub_debug, so that
memory that is used after its end, or never given back, is seen.

LIS_STRESS_TIMES: how many devices are taken back (1000); LIS_STRESS_SEED: what
the order of things is made from (1).
"""

import os
import random
import re
import threading
import time

import pytest

import guest
import vm as vm_module
from test_network import wait
from test_services import use
from test_storage import digest, find, image_make, MIB, random_bytes, total

TIMES = int(os.environ.get("LIS_STRESS_TIMES", "1000"))
SEED = int(os.environ.get("LIS_STRESS_SEED", "1"))
SHORT = 60
# Nothing that a guest is asked takes longer, on however slow a machine.
LIMIT_S = 300
# Of what drivers allocate: with all caches of the kernel it boots in no time
# that a test can wait.
DEBUG = "slub_debug=FZPU,kmalloc-* log_buf_len=16M"
MODULES = ("hv_utils", "hv_storvsc", "hv_netvsc")
COPY = "Guest Service Interface"
# From 6.10 file copy is a daemon's, by way of a module that is not loaded here.
SERVICES = {kernel: [name for name in vm_module.SERVICES
                     if name != COPY or kernel != "6.12"]
            for kernel in guest.ALL_KERNELS}

# What goes on in the guest: loops until /run/stop is there.
LOOPS = {
    "modules": """
	case $((RANDOM %% 8)) in
	0|1) set hv_utils ;;
	2|3) set hv_netvsc ;;
	4|5) set hv_storvsc ;;
	6) set hv_utils hv_storvsc hv_netvsc hv_vmbus ;;
	7) for d in /sys/bus/vmbus/devices/*; do
		[ $((RANDOM %% 3)) = 0 ] && [ -e $d/driver ] || continue
		n=$(realpath $d/driver)
		echo ${d##*/} >$n/unbind
		sleep .$((RANDOM %% 3))
		echo ${d##*/} >$n/bind
	done
	continue ;;
	esac
	for m; do rmmod $m; done
	sleep .$((RANDOM %% 4))
	for m in hv_vmbus hv_utils hv_storvsc hv_netvsc; do
		grep -q "^$m " /proc/modules || insmod /modules/$m.ko
	done
	sleep .$((RANDOM %% 10))""",
    "disks": """
	for d in /dev/sd?; do
		[ -b $d ] || continue
		dd if=/dev/urandom of=$d bs=16k count=4 oflag=direct
		dd if=$d of=/dev/null bs=64k count=16
	done
	sleep .1""",
    "frames": """
	for i in /sys/class/net/eth*; do
		i=${i##*/}
		ip link set $i up
		ip addr replace 10.0.2.15/24 dev $i
		ping -c 2 -i .05 -W 1 -s 3000 -I $i 10.0.2.2
		[ $((RANDOM %% 4)) != 0 ] || ip link set $i mtu $((RANDOM %% 900 + 600))
	done
	sleep .1""",
    "attributes": """
	for f in /sys/bus/vmbus/devices/*/channels/*/cpu; do
		echo $((RANDOM %% %(cpus)d)) >$f
	done
	cat /sys/bus/vmbus/devices/*/* /sys/bus/vmbus/devices/*/channels/*/*
	sleep .2""",
    "daemons": """
	case $((RANDOM %% 3)) in
	0) timeout .$((RANDOM %% 9 + 1)) hv_kvp_daemon -n ;;
	1) timeout .$((RANDOM %% 9 + 1)) hv_vss_daemon -n ;;
	2) timeout .3 cat /dev/vmbus/hv_kvp /dev/ptp0 ;;
	esac
	sleep .2""",
}
LOOP = """cat >/run/%(name)s <<'END'
RANDOM=%(seed)d
while [ ! -e /run/stop ]; do%(body)s
done
touch /run/ended.%(name)s
END
sh /run/%(name)s >/dev/null 2>&1 </dev/null &"""


class Devices:
    """What comes and goes, and whether it is there."""

    def __init__(self, rpc, folder, services):
        self.rpc, self.taken_back = rpc, 0
        self.paths = {}
        for number, place in enumerate((("ide", 0), ("ide", 1), (0, 9))):
            path = image_make(os.path.join(folder, "hot%d.raw" % number),
                              (3 + number) * MIB)
            self.paths[place] = path
        self.there = {}
        self.keys = [("service", name) for name in services]
        self.keys += [("disk", place) for place in self.paths]
        self.keys += [("adapter", 1), ("adapter", 2)]
        for key in self.keys:
            self.there[key] = key[0] == "service"

    def come(self, key):
        """The host offers a device."""
        kind, which = key
        if kind == "service":
            self.rpc.call("vm.enable", service=which)
            self.there[key] = True
        elif kind == "disk":
            self.rpc.call("disk.attach", path=self.paths[which],
                          controller=which[0], lun=which[1])
            self.there[key] = True
        else:
            self.there[key] = self.adapter_new()
            # Adapters are numbered from 0, which stays.
            assert self.there[key]

    def adapter_new(self):
        """Offers one as soon as the guest has let go of enough others."""
        limit = time.monotonic() + LIMIT_S
        while True:
            try:
                return self.rpc.call("net.attach", user=True)["adapter"]
            except AssertionError as error:
                if "has not let go of" not in str(error) or \
                        time.monotonic() > limit:
                    raise
            time.sleep(0.5)

    def go(self, key):
        """The host takes it back."""
        kind, which = key
        if kind == "service":
            self.rpc.call("vm.disable", service=which)
        elif kind == "disk":
            self.rpc.call("disk.detach", controller=which[0], lun=which[1])
        else:
            self.rpc.call("net.detach", adapter=self.there[key])
        self.there[key] = False
        self.taken_back += 1

    def settle(self):
        """As in the beginning."""
        for key in self.keys:
            if key[0] == "service" and not self.there[key]:
                self.come(key)
            elif key[0] != "service" and self.there[key]:
                self.go(key)


def stir(devices, times, order):
    """Has devices come and go."""
    while devices.taken_back < times:
        key = order.choice(devices.keys)
        if devices.there[key]:
            devices.go(key)
        else:
            devices.come(key)
        if devices.taken_back % 20 == 0:
            print("taken back: %d of %d" % (devices.taken_back, times),
                  flush=True)
        # At once, or somewhere in what the guest does about it.
        if order.random() < 0.7:
            time.sleep(order.random() ** 2)


def loops_start(vm, order, loops):
    """Has the guest at work."""
    for name, body in loops.items():
        vm.run(LOOP % {"name": name, "seed": order.randrange(1 << 15),
                       "body": body % {"cpus": vm.cpus}})


def loops_wait(vm, loops):
    """Has it stop."""
    vm.run("touch /run/stop; n=0; for name in %s; do "
           "until [ -e /run/ended.$name ]; do n=$((n+1)); "
           "[ $n -lt %d ] || { echo $name goes on; ps; exit 1; }; sleep 1; "
           "done; done; rm /run/stop /run/ended.*"
           % (" ".join(loops), LIMIT_S), 2 * LIMIT_S)


def loops_end(vm):
    """All drivers are loaded and bound, and nobody uses them."""
    loops_wait(vm, LOOPS)
    vm.run("for m in %s; do rmmod $m || exit 1; done; rmmod hv_vmbus"
           % " ".join(MODULES), LIMIT_S)
    # dd makes a file of a device that went while it was being opened.
    vm.run("for f in /dev/sd*; do [ ! -f $f ] || rm $f; done; "
           "for m in hv_vmbus %s; do insmod /modules/$m.ko || exit 1; done"
           % " ".join(MODULES), LIMIT_S)


# What stands still, for a person: programs, and the kernel's threads.
BLOCKED = "ps; echo 1 >/proc/sys/kernel/sysrq; echo w >/proc/sysrq-trigger; " \
    "echo l >/proc/sysrq-trigger; dmesg | tail -n 600"
# Each channel has a file for its id; some are of a primary.
RELIDS = "ls -d /sys/bus/vmbus/devices/*/channels/* | sed 's,.*/,,'"
UNBOUND = "for d in /sys/bus/vmbus/devices/*; do [ -e $d/driver ] || " \
    "echo $d; done; ls /sys/class/net | grep -c eth; ls /sys/block | grep -c sd"


def settled(vm):
    """Waits for what there is in the beginning, and sees that it works."""
    wait(vm, UNBOUND, "1\n1", LIMIT_S)
    for service in ("Heartbeat", "Shutdown", "Time Synchronization"):
        vm.wait_status(service, "OK", LIMIT_S)
    vm.run("ip link set eth0 up; ip addr replace 10.0.2.15/24 dev eth0; "
           "ping -c 3 -W 10 10.0.2.2", LIMIT_S)


# Lines of AREA NUMBER PLACE [MODULE], AREA of virtual memory only: of our
# modules, and of places without a name.
HELD = vm_module.DEBUGFS + """echo 3 >/proc/sys/vm/drop_caches
{ cat /sys/kernel/debug/slab/*/alloc_traces /sys/kernel/slab/*/alloc_calls \\
	2>/dev/null | awk '/^ *[0-9]/ { print "-", $1, $2, $3 }'
awk '{ print $1, 1, $3, $4 }' /proc/vmallocinfo
} | grep '\\[hv_\\|^[^ ]* [0-9]* 0x'"""
# Where a module lay that is unloaded, or its beginning that is run once, there
# may be nobody now, or another module, by whose name an area goes then: isofs
# has one from its beginning on.
NOBODY = "places that are nobody's now"
# Of these it may be an area, or memory that has no trace (kvzalloc).
EITHER = ("netvsc_channel_get", "channel_open", "probe", "netvsc_buffer_alloc")


def held(vm, areas=None):
    """What our modules hold, by who asked for it; the channels there are; and
    whose areas are. All without what is freed a little later, and without areas
    that went by another name before, or by none."""
    text = vm.run(HELD, LIMIT_S)
    count, found = {}, {}
    for line in text.splitlines():
        area, number, place = line.split(" ", 2)
        match = re.match(r"(\w+)\+0x(\w+)/0x(\w+) \[(\w+)\]", place)
        name = NOBODY
        if match and int(match.group(2), 16) < int(match.group(3), 16):
            name = "%s in %s" % match.group(1, 4)
        if area != "-":
            found[area] = name
            if name.split()[0] in EITHER or \
                    (areas or {}).get(area, name) != name:
                continue
        count[name] = count.get(name, 0) + int(number)
    # Else the trace is not read aright.
    assert count.get("bus_channel_new in hv_vmbus"), text
    return count, len(vm.run(RELIDS).split()), found


def wait_held(vm, before):
    """Nothing more is held than there was."""
    limit = time.monotonic() + LIMIT_S
    while True:
        now = held(vm, before[2])
        more = {name: (before[0].get(name, 0), number)
                for name, number in now[0].items()
                if number > before[0].get(name, 0)}
        if not more and now[1] == before[1]:
            return
        if time.monotonic() > limit:
            print(vm.try_run(HELD + "; grep -h -A 16 '\\[hv_' "
                             "/sys/kernel/debug/slab/*/alloc_traces")[1])
            raise AssertionError("held (before, now): %s; channels %d, %d" % (
                more, before[1], now[1]))
        time.sleep(2)


def free_kib(vm):
    """Memory that nobody has, once caches are dropped."""
    return int(vm.run("sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1; "
                      "awk '/^MemFree/ { print $2 }' /proc/meminfo"))


def everything_works(vm, devices, path):
    """Every service, the disk, the adapters, and what comes anew."""
    settled(vm)
    vm.run("for d in kvp vss fcopy; do daemon start $d; done")
    for service in SERVICES[vm.kernel]:
        vm.wait_status(service, "OK", 60)
    name = find(vm, 16)
    vm.run("dd if=/dev/urandom of=/dev/%s bs=64k count=9 seek=20 conv=fsync "
           "2>/dev/null" % name)
    assert total(vm, name) == digest(path)
    for key in devices.keys:
        if key[0] != "service":
            devices.come(key)
    wait(vm, "ls /sys/class/net | grep -c eth; ls /sys/block | grep -c sd",
         "3\n4", LIMIT_S)
    devices.settle()
    wait(vm, UNBOUND, "1\n1", LIMIT_S)
    vm.run("for d in kvp vss fcopy; do daemon stop $d; done")


def shake(vm, path, folder, times):
    """The test: times devices are taken back."""
    order = random.Random(SEED)
    rpc = vm_module.Rpc(vm.name)
    rpc.socket.settimeout(LIMIT_S)
    devices = Devices(rpc, folder, SERVICES[vm.kernel])
    stop = threading.Event()
    user = threading.Thread(target=use, args=(vm.name, stop))

    # A little of everything, for what is allocated on first use.
    loops_start(vm, order, LOOPS)
    stir(devices, 10, order)
    devices.settle()
    loops_end(vm)
    everything_works(vm, devices, path)
    loops_end_free = free_kib(vm)
    before, highest = held(vm), max(map(int, vm.run(RELIDS).split()))

    loops_start(vm, order, LOOPS)
    user.start()
    try:
        stir(devices, devices.taken_back + times, order)
    except AssertionError:
        print(vm.try_run(BLOCKED, LIMIT_S)[1])
        raise
    finally:
        stop.set()
        user.join()
    devices.settle()
    loops_end(vm)
    everything_works(vm, devices, path)
    wait_held(vm, before)
    # The host gives out the lowest that it got back.
    assert max(map(int, vm.run(RELIDS).split())) <= highest + 8
    # A ring has more than 64 KiB.
    assert free_kib(vm) > loops_end_free - 16 * 1024
    assert vm.trouble() == [], vm.run("dmesg | grep -B 40 -A 40 'Call Trace'")
    # This host answers whatever it is asked.
    assert not vm.run("dmesg | grep 'the host does not' || true")
    rpc.close()


@pytest.fixture(name="shaken")
def _shaken(new_vm, tmp_path):
    """Makes a guest with a disk and an adapter, and shakes it."""

    def shaken(kernel, cpus, times):
        path = image_make(str(tmp_path / "plain.raw"), 16 * MIB,
                          random_bytes(MIB))
        vm = new_vm(kernel, cpus=cpus, drivers="ours", memory="512M",
                    append="lis.daemons=none " + DEBUG,
                    options=["--disk", path, "--net", "user"] +
                    ["--enable", COPY] * (COPY in SERVICES[kernel]))
        # The bus is unloaded, too; nobody here needs this one.
        vm.run("rmmod uio_hv_generic")
        settled(vm)
        shake(vm, path, str(tmp_path), times)

    return shaken


@pytest.mark.limit(1200)
@pytest.mark.parametrize("kernel, cpus", [
    ("6.1", 1), ("6.1", 2), ("6.1", 4), ("6.12", 1), ("6.12", 2), ("6.12", 4),
    pytest.param("5.10", 1, marks=pytest.mark.slow),
    pytest.param("5.10", 2, marks=pytest.mark.slow)])
def test_come_and_go(shaken, kernel, cpus):
    """In short."""
    shaken(kernel, cpus, SHORT)


@pytest.mark.slow
@pytest.mark.limit(4 * 3600)
@pytest.mark.parametrize("kernel, cpus", [("6.1", 1), ("6.1", 2), ("6.12", 2),
                                          ("5.10", 2)])
def test_come_and_go_often(shaken, kernel, cpus):
    """A thousand times, or as many as were asked for."""
    shaken(kernel, cpus, TIMES)
