# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""NMI, panic, kexec: a guest in trouble."""

import subprocess

import pytest

import vm as vm_module

NMI_COUNT = "awk '/NMI:/ { print $2 }' /proc/interrupts"


def test_nmi(vm):
    """The counter of processor 0 moves."""
    before = int(vm.run(NMI_COUNT))
    vm.lis("nmi")
    assert int(vm.run(NMI_COUNT)) == before + 1


def test_nmi_of_a_paused_guest(vm):
    """Refused unless running."""
    vm.lis("pause")
    try:
        assert vm.lis("nmi", check=False).status != 0
    finally:
        vm.lis("resume")


@pytest.mark.parametrize("cpus", [1, 2])
def test_panic(new_vm, kernel, cpus):
    """The event log carries the guest's own words."""
    vm = new_vm(kernel, cpus=cpus, append="lis.daemons=none")
    with subprocess.Popen([vm_module.LIS, "events", vm.name, "--replay"],
                          stdout=subprocess.PIPE, text=True) as events:
        vm.console.send("echo c >/proc/sysrq-trigger")
        for line in events.stdout:
            if "panic" in line.lower():
                break
        else:
            pytest.fail("no panic among the events")
        assert "sysrq triggered crash" in line
        events.kill()


@pytest.mark.parametrize("cpus", [1, 2])
def test_kexec(new_vm, kernel, cpus):
    """The second kernel unloads, reconnects, and everything is OK again."""
    vm = new_vm(kernel, cpus=cpus, kexec=True,
                options=("--enable", "Guest Service Interface"))
    for service in vm_module.SERVICES:
        vm.wait_status(service, "OK", 60)
    start = vm.console.position()
    vm.console.send('kexec /kexec/kernel /kexec/initrd '
                    '"$(cat /proc/cmdline) lis.second"')
    vm.ready(start)
    assert "lis.second" in vm.run("cat /proc/cmdline")
    for service in vm_module.SERVICES:
        vm.wait_status(service, "OK", 60)
    assert vm.trouble() == []
