# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Heartbeat: there, lost, and there again."""


def test_ok_once_loaded(new_vm, kernel, record_property):
    """No Contact without the driver, OK soon after it is loaded."""
    vm = new_vm(kernel, append="lis.modules=hv_vmbus lis.daemons=none")
    assert vm.status("Heartbeat") == "No Contact"
    vm.run("insmod /modules/hv_utils.ko")
    record_property("seconds", vm.wait_status("Heartbeat", "OK"))
    vm.run("rmmod hv_utils")
    vm.wait_status("Heartbeat", "No Contact")


def test_lost_while_paused(vm, record_property):
    """A guest that does not run loses communication, and gets it back."""
    vm.wait_status("Heartbeat", "OK")
    vm.lis("pause")
    try:
        record_property("seconds",
                        vm.wait_status("Heartbeat", "Lost Communication"))
    finally:
        vm.lis("resume")
    vm.wait_status("Heartbeat", "OK")
