# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The bus as an unmodified kernel sees it."""

DEVICES = "for d in /sys/bus/vmbus/devices/*; do " \
    "echo $(cat $d/class_id) $(basename $(readlink $d/driver)); done"
FCOPY_CLASS = "{34d14be3-dee4-41c8-9ae7-6b174977c192}"


def test_version(vm):
    """Linux asks for 5.3 first, and gets it."""
    assert "hv_vmbus: Vmbus version:5.3" in vm.run("dmesg | grep -i vmbus")


def test_every_device_has_its_driver(vm):
    """Six components, each with the driver that this kernel has for it."""
    drivers = dict(line.split() for line in vm.run(DEVICES).splitlines())
    assert len(drivers) == 6
    fcopy = "uio_hv_generic" if vm.kernel == "6.12" else "hv_utils"
    for class_id, driver in drivers.items():
        assert driver == (fcopy if class_id == FCOPY_CLASS else "hv_utils")


def test_acpi_device_has_its_driver(vm):
    """The bus's own device: without one, nobody in the guest hears of a machine
    that is to sleep."""
    assert vm.run("ls -d /sys/bus/*/drivers/*/VMBUS:00")


def test_reference_clock(vm):
    """The guest keeps time by the reference TSC page, not by a trap."""
    source = vm.run("cat /sys/devices/system/clocksource/clocksource0/"
                    "current_clocksource")
    assert source == "hyperv_clocksource_tsc_page"


def test_processors(vm):
    """As many processors as were asked for."""
    assert int(vm.run("nproc")) == vm.cpus
