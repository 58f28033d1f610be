# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""How a guest ends, and begins anew: what the kept guests go through last."""

import json
import subprocess

import pytest

import vm as vm_module

pytestmark = pytest.mark.last


def test_kernel_log_is_quiet(vm):
    """After everything that the other tests did: no warning, no trace."""
    vm.wait_all_ok()
    assert vm.trouble() == []


def test_restart(vm):
    """The guest unmounts its file systems and starts anew."""
    vm.wait_status("Shutdown", "OK")
    start = vm.console.position()
    vm.lis("restart")
    vm.console.wait(rb"@@lis reboot unmounted", 60, start)
    vm.ready(start)
    vm.wait_all_ok()


def test_kexec(vm):
    """The second kernel unloads, reconnects, and everything is OK again."""
    vm.wait_all_ok()
    start = vm.console.position()
    vm.console.send('kexec /kexec/kernel /kexec/initrd '
                    '"$(cat /proc/cmdline) lis.second"')
    vm.ready(start)
    assert "lis.second" in vm.run("cat /proc/cmdline")
    vm.wait_all_ok()
    assert vm.trouble() == []
    kinds = [json.loads(line)["event"] for line in vm.lis(
        "events", "--json", "--replay", "--no-follow").output.splitlines()]
    last = len(kinds) - kinds[::-1].index("contact") - 1
    assert kinds[last - 1:last] != ["reset"]
    assert "disconnected" in kinds[:last]


def test_stop(vm):
    """Refused when disabled; else the guest unmounts and powers off."""
    vm.wait_status("Shutdown", "OK")
    vm.lis("disable", "Shutdown")
    refused = vm.lis("stop", check=False)
    assert refused.status != 0
    assert "disabled" in refused.error
    vm.lis("enable", "Shutdown")
    vm.wait_status("Shutdown", "OK")

    start = vm.console.position()
    vm.lis("stop")
    vm.console.wait(rb"@@lis poweroff unmounted", 60, start)
    assert vm.wait_end() == 0


def test_panic(vm):
    """The event log carries the guest's own words."""
    with subprocess.Popen([vm_module.LIS, "events", vm.name, "--replay"],
                          stdout=subprocess.PIPE, text=True) as events:
        vm.console.send("echo c >/proc/sysrq-trigger")
        line = next((line for line in events.stdout
                     if "panic" in line.lower()), "")
        events.kill()
    assert "sysrq triggered crash" in line


def test_turn_off(new_vm):
    """Turning off asks nobody."""
    vm = new_vm(append="lis.daemons=none")
    vm.lis("stop", "--turn-off")
    assert vm.wait_end() == 0
    assert b"@@lis poweroff" not in vm.console.text
