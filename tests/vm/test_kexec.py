# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A second kernel takes the bus over from the first."""

import json
import subprocess


def test_kexec(new_vm, kernel):
    """UNLOAD, a new contact, and everything OK in the second kernel."""
    vm = new_vm(kernel, cpus=2, memory="512M", kexec=True,
                options=("--enable", "Guest Service Interface"))
    for name in vm.services():
        vm.wait_status(name, "OK", 60)
    mark = vm.console.position()
    vm.console.send("kexec /kexec/kernel /kexec/initrd \"$(cat /proc/cmdline)\"")
    vm.ready(mark)
    for name in vm.services():
        vm.wait_status(name, "OK", 60)
    assert "Vmbus version:5.3" in vm.run("dmesg")
    assert vm.trouble() == []
    events = subprocess.run(
        [vm.command[0], "events", vm.name, "--json", "--no-follow"],
        stdout=subprocess.PIPE, text=True, check=True).stdout
    kinds = [json.loads(line)["event"] for line in events.splitlines()]
    assert kinds.count("contact") == 2
    assert "disconnected" in kinds
    assert "reset" not in kinds
