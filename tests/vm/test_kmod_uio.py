# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The door for user space of guest/kmod, uio_hv_generic: as the kernel's own
looks, and whatever happens while a process has a channel mapped. Who really
uses it is in test_copy.py, test_lisd_copy.py and test_network_peers.py."""

import pytest

NETWORK = "f8615163-df3e-46c5-913f-f2d2f965ed0e"
TIMESYNC = "9527e630-d0ae-497b-adce-e80ab0175caf"
SERVICE = "Time Synchronization"
DRIVERS = "/sys/bus/vmbus/drivers"
LIMIT_S = 120
# Takes a device from a driver and gives it to user space: its id.
TAKE = """for device in /sys/bus/vmbus/devices/*; do
	grep -q %(type)s $device/class_id || continue
	device=${device##*/}
	echo $device >""" + DRIVERS + """/%(driver)s/unbind
	echo %(type)s >""" + DRIVERS + """/uio_hv_generic/new_id
	echo $device
done"""
# What of it does not depend on addresses and numbers.
SHOWN = """cd /sys/bus/vmbus/devices/%s
cat uio/uio*/name
for map in uio/uio*/maps/*; do
	cat $map/name $map/offset $map/size
done | sed 's/:.*/:GPADL/'
stat -c '%%s %%A' channels/*/ring
exec 3<>/dev/$(ls uio)
cat state in_intr_mask out_intr_mask"""


@pytest.fixture(name="made")
def _made(new_vm, kernel):
    """A guest with our drivers, without daemons."""
    return new_vm(kernel, cpus=2, drivers="ours", append="lis.daemons=none")


def take(vm, kind=TIMESYNC, driver="hv_utils"):
    """Gives a device to user space: its id."""
    return vm.run(TAKE % {"type": kind, "driver": driver})


def hold(vm, device):
    """Has a process map all of a device's channel: how many maps."""
    vm.run("uiohold /dev/$(ls /sys/bus/vmbus/devices/%s/uio) "
           ">/tmp/hold 2>&1 &" % device)
    return vm.run("until grep -q mapped /tmp/hold; do sleep 0.1; "
                  "pidof uiohold >/dev/null || { cat /tmp/hold; exit 1; }; "
                  "done; cat /tmp/hold", LIMIT_S)


def told(vm):
    """What the process says once its device is gone."""
    return vm.run("until grep -q touched /tmp/hold; do sleep 0.1; "
                  "pidof uiohold >/dev/null || { cat /tmp/hold; exit 1; }; "
                  "done; grep -v mapped /tmp/hold", LIMIT_S)


def kill(vm):
    """Ends the process without a word."""
    vm.run("kill -9 $(pidof uiohold); "
           "while pidof uiohold >/dev/null; do sleep 0.1; done", LIMIT_S)


def unload(vm):
    """Whether the door's module lets itself be unloaded."""
    return vm.try_run("rmmod uio_hv_generic 2>/dev/null")[0] == 0


def test_same_as_the_kernels(new_vm, kernel):
    """Maps of an adapter, their order and sizes, the file of its rings, and
    what is masked when it is open."""
    shown = []
    for drivers in ("ours", "upstream"):
        vm = new_vm(kernel, memory="512M", drivers=drivers,
                    append="lis.daemons=none",
                    options=("--net", "user,monitored"))
        shown.append(vm.run(SHOWN % take(vm, NETWORK, "hv_netvsc")))
        assert vm.trouble() == []
        vm.kill()
    assert shown[0] == shown[1]


def test_rescinded_while_mapped(made):
    """The host takes the device back: read() fails, what is mapped stays, the
    module does too until the process ends."""
    device = take(made)
    assert hold(made, device) == "mapped 5"
    assert made.run("cat /sys/bus/vmbus/devices/%s/state" % device) == "3"
    assert not unload(made)
    made.lis("disable", SERVICE)
    assert told(made) == "gone: Input/output error\ntouched"
    made.run("while [ -e /sys/bus/vmbus/devices/%s ]; do sleep 0.1; done"
             % device, LIMIT_S)
    assert not unload(made)
    kill(made)
    assert unload(made)
    made.lis("enable", SERVICE)
    made.wait_status(SERVICE, "OK", LIMIT_S)
    assert made.trouble() == []


def test_killed_while_mapped(made):
    """The channel is closed with the process, and opens for the next one."""
    device = take(made)
    state = "/sys/bus/vmbus/devices/%s/state" % device
    for _ in range(5):
        hold(made, device)
        assert made.run("cat " + state) == "3"
        kill(made)
        made.run("while [ $(cat %s) = 3 ]; do sleep 0.1; done" % state,
                 LIMIT_S)
    assert unload(made)
    made.run("echo %s >%s/hv_utils/bind" % (device, DRIVERS))
    made.wait_status(SERVICE, "OK", LIMIT_S)
    assert made.trouble() == []


def test_unbound_while_mapped(made):
    """The driver is taken off: another has the channel at once, whatever the
    process still does to its pages."""
    device = take(made)
    hold(made, device)
    made.run("echo %s >%s/uio_hv_generic/unbind" % (device, DRIVERS))
    assert told(made) == "gone: Input/output error\ntouched"
    made.run("echo %s >%s/hv_utils/bind" % (device, DRIVERS))
    made.wait_status(SERVICE, "OK", LIMIT_S)
    assert not unload(made)
    kill(made)
    assert unload(made)
    assert made.trouble() == []
