# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Each module of guest/kmod, and all of them, unloaded and loaded again and
again while what they drive is in use: every other time its devices are taken
from it first, with requests under way. Under slub_debug, so that memory that is
used after its end, or never given back, is seen.

LIS_RELOAD_TIMES: how often (10).
"""

import os
import random
import threading

import pytest

import vm as vm_module
from test_kmod_stress import DEBUG, held, LIMIT_S, LOOPS, loops_start, \
    loops_wait, settled, wait_held
from test_kmod_uio import DRIVERS, take, TIMESYNC
from test_services import use
from test_storage import digest, find, image_make, MIB, random_bytes, total, \
    until

TIMES = int(os.environ.get("LIS_RELOAD_TIMES", "10"))
# Of these the guest tells at a time.
TURNS = 5
ALL = ("hv_vmbus", "hv_utils", "hv_storvsc", "hv_netvsc")
DISK_MIB = 16
# Processes that open a channel, and end in the middle of what they do.
HOLDERS = """
	for d in /dev/uio*; do
		[ -c $d ] || continue
		uiohold $d &
		sleep .$((RANDOM %% 5))
		kill -9 $!
		wait
	done
	sleep .1"""
# Of each: the modules, in the order of loading, and what goes on meanwhile.
CASES = {
    "hv_utils": (("hv_utils",), ("daemons", "attributes")),
    "hv_storvsc": (("hv_storvsc",), ("disks", "attributes")),
    "hv_netvsc": (("hv_netvsc",), ("frames", "attributes")),
    "uio_hv_generic": (("uio_hv_generic",), ("holders", "attributes")),
    "all": (ALL, ("daemons", "disks", "frames", "attributes")),
}
TURN = """set -e
for turn in $(seq {first} {last}); do
for m in {unload}; do
if [ $((turn % 2)) = 1 ]; then for d in {drivers}/$m/*-*-*; do
[ ! -e $d ] || echo ${{d##*/}} >{drivers}/$m/unbind; done; fi
n=0; until rmmod $m 2>/dev/null; do n=$((n+1)); [ $n -lt 3000 ]; sleep .05
done; done
for m in {load}; do insmod /modules/$m.ko; done
{after}
sleep .$((turn % 10))
done"""


def turns(vm, modules, times, after):
    """Unloads and loads modules."""
    for first in range(1, times + 1, TURNS):
        vm.run(TURN.format(
            first=first, last=min(times, first + TURNS - 1), drivers=DRIVERS,
            unload=" ".join(reversed(modules)), load=" ".join(modules),
            after=after), 3 * LIMIT_S)
        print("loaded: %d of %d" % (min(times, first + TURNS - 1), times),
              flush=True)


def reload(vm, case, times):
    """While the host and the guest's programs use what the modules drive."""
    modules, names = CASES[case]
    loops = {name: LOOPS.get(name, HOLDERS) for name in names}
    after, device = "", None
    if case == "uio_hv_generic":
        device = take(vm)
        after = "echo %s >%s/uio_hv_generic/new_id" % (TIMESYNC, DRIVERS)
    stop = threading.Event()
    user = threading.Thread(target=use, args=(vm.name, stop))
    loops_start(vm, random.Random(times), loops)
    user.start()
    try:
        turns(vm, modules, times, after)
    finally:
        stop.set()
        user.join()
    loops_wait(vm, loops)
    # dd makes a file of a device that went while it was being opened: where
    # that is, the device's own cannot be.
    vm.run("set -e; for m in %s; do rmmod $m; done; "
           "for f in /dev/sd*; do [ ! -f $f ] || rm $f; done; "
           "for m in %s; do insmod /modules/$m.ko; done; %s"
           % (" ".join(reversed(modules)), " ".join(modules), after or ":"),
           LIMIT_S)
    if device:
        vm.run("set -e; echo %s >%s/uio_hv_generic/remove_id; "
               "echo %s >%s/uio_hv_generic/unbind; "
               "echo %s >%s/hv_utils/bind" % (TIMESYNC, DRIVERS, device,
                                              DRIVERS, device, DRIVERS))


def everything_works(vm, path):
    """Every service, the disk, the adapter."""
    settled(vm)
    vm.run("for d in kvp vss; do daemon start $d; done")
    for service in ("Key-Value Pair Exchange", "VSS"):
        vm.wait_status(service, "OK", LIMIT_S)
    vm.run("for d in kvp vss; do daemon stop $d; done")
    name = find(vm, DISK_MIB)
    until(vm, "[ -b /dev/%s ]" % name)
    vm.run("dd if=/dev/urandom of=/dev/%s bs=64k count=9 seek=20 conv=fsync "
           "2>/dev/null" % name)
    assert total(vm, name) == digest(path)


@pytest.mark.slow
@pytest.mark.limit(3 * 3600)
@pytest.mark.parametrize("kernel, cpus", [("6.1", 2), ("6.12", 1), ("6.1", 4),
                                          ("6.12", 2), ("5.10", 2)])
@pytest.mark.parametrize("case", list(CASES))
def test_reload_in_use(new_vm, tmp_path, case, kernel, cpus):
    """Everything works afterwards, and nothing more is held than before."""
    path = image_make(str(tmp_path / "plain.raw"), DISK_MIB * MIB,
                      random_bytes(MIB))
    vm = new_vm(kernel, cpus=cpus, drivers="ours", memory="512M",
                append="lis.daemons=none " + DEBUG,
                options=("--disk", path, "--net", "user"))
    if case == "all":
        # The bus goes, too; nobody here needs this one.
        vm.run("rmmod uio_hv_generic")
    everything_works(vm, path)
    # A little of it, for what is allocated on first use.
    reload(vm, case, 2)
    everything_works(vm, path)
    before = held(vm)
    reload(vm, case, TIMES)
    everything_works(vm, path)
    wait_held(vm, before)
    assert vm.trouble() == []
