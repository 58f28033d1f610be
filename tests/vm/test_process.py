# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""VM processes: their names, their sockets, their ends."""

import os

import vm as vm_module


def test_killed(new_vm):
    """Nothing that a killed VM leaves behind blocks the next start."""
    vm = new_vm(append="lis.daemons=none")
    vm.kill()
    assert vm.name not in vm_module.lis("list").output
    vm.boot()
    vm.wait_status("Heartbeat", "OK")


def test_one_name_one_vm(vm, new_vm):
    """A second VM of the same name is refused, and the first lives on."""
    second = new_vm(boot=False)
    second.command[second.command.index("--name") + 1] = vm.name
    second.boot(wait=False)
    assert second.wait_end() != 0
    assert vm.name in second.process.stderr.read().decode()
    assert vm_module.lis("list").output.count(vm.name) == 1


def test_socket_is_private(vm):
    """Only its owner reaches a VM."""
    path = os.path.join(os.environ.get("LIS_RUNTIME_DIR", "/run/lis"),
                        vm.name + ".sock")
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700
