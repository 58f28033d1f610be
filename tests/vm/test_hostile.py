# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A guest that attacks a channel harms that channel only."""

import vm as vm_module

TIMESYNC = "{9527e630-d0ae-497b-adce-e80ab0175caf}"
# Takes time synchronization from hv_utils and gives it to user space.
TO_USER_SPACE = """for device in /sys/bus/vmbus/devices/*; do
	[ "$(cat $device/class_id)" = "%s" ] || continue
	echo ${device##*/} >/sys/bus/vmbus/drivers/hv_utils/unbind
	echo %s >/sys/bus/vmbus/drivers/uio_hv_generic/new_id
	ls $device/uio
done""" % (TIMESYNC, TIMESYNC.strip("{}"))
ROUNDS = 20000


def test_scribbled_rings(new_vm):
    """Random indices and packets on one channel while others are in use.

    With 6.12: before 6.10, uio_hv_generic takes monitored channels only.
    """
    vm = new_vm("6.12", cpus=2)
    vm.wait_status("Time Synchronization", "OK", 60)
    vm.wait_status("Key-Value Pair Exchange", "OK", 60)
    device = vm.run(TO_USER_SPACE).strip()
    assert device.startswith("uio")

    identity = vm.console.send("scribble /dev/%s %d" % (device, ROUNDS))
    rpc = vm_module.Rpc(vm.name)
    for number in range(20):
        rpc.call("kvp.set", pool="external", key="n", value=str(number))
        assert rpc.call("kvp.get", pool="external",
                        key="n")["value"] == str(number)
    vm.console.answer(identity, 120)

    vm.wait_status("Heartbeat", "OK")
    assert vm.status("Time Synchronization") != "OK"
    # What the guest broke works again for a driver that behaves.
    vm.lis("disable", "Time Synchronization")
    vm.run("rmmod uio_hv_generic")
    vm.lis("enable", "Time Synchronization")
    vm.wait_status("Time Synchronization", "OK", 60)
    rpc.close()
