# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Shutdown and restart by the guest's own path."""

import pytest


@pytest.mark.parametrize("cpus", [1, 2])
def test_restart_and_stop(new_vm, kernel, cpus):
    """Refused when disabled; else the guest unmounts, restarts, powers off."""
    vm = new_vm(kernel, cpus=cpus)
    vm.wait_status("Shutdown", "OK")

    vm.lis("disable", "Shutdown")
    refused = vm.lis("stop", check=False)
    assert refused.status != 0
    assert "disabled" in refused.error
    vm.lis("enable", "Shutdown")
    vm.wait_status("Shutdown", "OK")

    start = vm.console.position()
    vm.lis("restart")
    vm.console.wait(rb"@@lis reboot unmounted", 60, start)
    vm.ready(start)

    vm.wait_status("Shutdown", "OK")
    vm.lis("stop")
    vm.console.wait(rb"@@lis poweroff unmounted", 60)
    assert vm.wait_end() == 0


def test_turn_off(new_vm):
    """Turning off asks nobody."""
    vm = new_vm(append="lis.daemons=none")
    vm.lis("stop", "--turn-off")
    assert vm.wait_end() == 0
    assert b"@@lis poweroff" not in vm.console.text
