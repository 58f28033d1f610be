# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The modules of guest/kmod in place of the kernel's own. What all guests go
through, those with our drivers go through by the same tests: pytest --drivers
ours."""

import re

import pytest

import console
import guest
import vm as vm_module
from conftest import need

# What stands in /sys for each device, and does not move.
FIXED = ("class_id", "device_id", "modalias", "vendor", "device", "id",
         "uevent", "channel_vp_mapping")
BUS = "/sys/bus/vmbus/devices"
# Counters that only the kernel's own driver keeps, of each channel.
NOT_OURS = {"intr_in_full", "intr_out_empty", "out_full_first",
            "out_full_total"}


@pytest.fixture(name="made")
def _made(new_vm, request):
    """A guest with our drivers, without daemons."""
    kernel = getattr(request, "param", "6.1")
    return new_vm(kernel, drivers="ours", append="lis.daemons=none")


def shown(vm):
    """{device: {attribute: value}} of what does not move, in /sys."""
    script = "cd %s; for d in *; do for a in %s; do echo $d $a " \
             "$(cat $d/$a 2>&1); done; done" % (BUS, " ".join(FIXED))
    found = {}
    for line in vm.run(script).splitlines():
        device, attribute, value = (line + " ").split(" ", 2)
        found.setdefault(device, {})[attribute] = value.strip()
    return found


def names(vm):
    """Names of what is in the folder of each device, and of its channel."""
    return set(vm.run("cd %s; for d in *; do ls $d; ls $d/channels/*; done"
                      % BUS).split())


@pytest.mark.parametrize("made", [
    "6.1", pytest.param("6.12", marks=pytest.mark.slow),
    pytest.param("5.10", marks=pytest.mark.slow)], indirect=True)
def test_sysfs_is_the_same(made, new_vm):
    """The bus looks as the kernel's own does to whoever reads /sys."""
    theirs = new_vm(made.kernel, drivers="upstream", append="lis.daemons=none")
    assert shown(made) == shown(theirs)
    lacking = {name for name in names(theirs) - names(made)
               if not re.match(r"\d+:?$|%s" % BUS, name)}
    assert lacking == NOT_OURS
    status, said = theirs.try_run("cat /sys/bus/vmbus/hibernation")
    # That of 5.10 has none.
    assert bool(status) == (made.kernel == "5.10")
    assert status or made.try_run("cat /sys/bus/vmbus/hibernation") == (0, said)


def reload(vm, times):
    """Unloads and loads the modules, again and again."""
    vm.run("set -e; for i in $(seq %d); do rmmod uio_hv_generic; "
           "rmmod hv_utils; rmmod hv_vmbus; insmod /modules/hv_vmbus.ko; "
           "insmod /modules/hv_utils.ko; insmod /modules/uio_hv_generic.ko; "
           "done" % times, 600)


def test_reload(made):
    """Ten times; the services are OK after it, and nothing was said."""
    made.wait_status("Heartbeat", "OK")
    reload(made, 10)
    made.wait_status("Heartbeat", "OK")
    made.wait_status("Shutdown", "OK")
    assert made.trouble() == []


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["5.10", "6.1", "6.12"])
@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_reload_often(new_vm, kernel, cpus):
    """A hundred times, with services being asked for all the while."""
    vm = new_vm(kernel, cpus=cpus, drivers="ours", append="lis.daemons=none")
    vm.wait_status("Heartbeat", "OK")
    reload(vm, 100)
    vm.wait_status("Heartbeat", "OK")
    assert vm.trouble() == []


@pytest.mark.parametrize("version", ["2.4", "3.0", "4.0", "4.1", "5.0", "5.1",
                                     "5.2", "5.3"])
def test_versions(request, version):
    """Each version of the bus connects and serves."""
    vm = request.getfixturevalue("_versions_vm")
    vm.run("rmmod uio_hv_generic 2>/dev/null; rmmod hv_utils; rmmod hv_vmbus; "
           "dmesg -c >/dev/null; "
           "insmod /modules/hv_vmbus.ko max_version=%s; "
           "insmod /modules/hv_utils.ko" % version)
    assert "version:%s" % version in vm.run("dmesg")
    vm.wait_status("Heartbeat", "OK")
    assert vm.trouble() == []


@pytest.fixture(scope="module")
def _versions_vm():
    vm = vm_module.Guest("versions", "6.1", drivers="ours",
                         append="lis.daemons=none").boot()
    yield vm
    vm.kill()


# The windows of a machine with less than 3 GiB (docs/machine.md).
LOW = range(0xf8000000, 0xfec00000)
HIGH = range(1 << 32, (1 << 32) + (1 << 30))


def taken(vm):
    """Of the addresses for devices, those that somebody has: [range]."""
    return [range(int(first, 16), int(last, 16) + 1) for first, last in
            re.findall(r"(\w+)-(\w+) : mmiotake", vm.run("cat /proc/iomem"))]


def take(vm, **wish):
    """Has a module of the test's take some: [range], or what insmod said."""
    status, said = vm.try_run("insmod /modules/mmiotake.ko %s 2>&1" % " ".join(
        "%s=%d" % item for item in wish.items()))
    found = taken(vm)
    if status:
        assert not found
        return said
    vm.run("rmmod mmiotake")
    assert not taken(vm)
    return found


def test_addresses_for_devices(made):
    """What the host keeps free for devices' memory is given out once, aligned,
    where it was asked for, and again when it was given back."""
    mib = 1 << 20
    low = take(made, size=8 * mib, align=16 * mib, count=4, last=HIGH[0] - 1)
    assert len(low) == len({one.start for one in low}) == 4
    for one in low:
        assert len(one) == 8 * mib and one.start % (16 * mib) == 0 and \
            one[0] in LOW and one[-1] in LOW
    assert take(made, size=len(HIGH), align=mib, first=HIGH[0]) == [HIGH]
    assert take(made, size=len(HIGH), align=mib, first=HIGH[0]) == [HIGH]
    at = LOW[0] + 5 * mib
    assert take(made, size=4096, first=at, last=at + 4095) == [
        range(at, at + 4096)]
    # One fits; two do not, and then nothing is kept.
    assert "busy" in take(made, size=60 * mib, count=2, last=HIGH[0] - 1)
    assert len(take(made, size=60 * mib, last=HIGH[0] - 1)) == 1
    assert "busy" in take(made, size=4096, last=LOW[0] - 1)
    assert "busy" in take(made, size=4096, first=HIGH[-1] + 1)
    assert "busy" in take(made, size=8192, first=at, last=at + 4095)
    for wrong in ({"size": 0}, {"size": 100}, {"align": 100}, {"align": 0},
                  {"align": 12288}):
        assert "nvalid" in take(made, **wrong)
    assert made.trouble() == []


@pytest.mark.slow
def test_addresses_are_the_modules(made):
    """hv_vmbus does not go while somebody has some."""
    made.run("insmod /modules/mmiotake.ko")
    assert made.try_run("rmmod hv_vmbus")[0]
    assert len(taken(made)) == 1
    made.run("rmmod mmiotake")
    reload(made, 2)
    assert len(take(made, size=4096)) == 1


# What taints a kernel that they are loaded into: they are not the kernel's (O)
# and not signed (E), of which only a kernel that looks for signatures tells.
OUT_OF_TREE, UNSIGNED = 1 << 12, 1 << 13


@pytest.mark.parametrize("kernel", [
    "6.1", pytest.param("6.12", marks=pytest.mark.slow)]
    + [pytest.param(name, marks=pytest.mark.slow)
       for name in guest.MORE_KERNELS])
def test_modules_are_ours(new_vm, tmp_path, kernel):
    """All are loaded, none is the kernel package's, and they taint the kernel
    by not being part of it, and by nothing else."""
    disk = tmp_path / "disk.raw"
    disk.write_bytes(bytes(1 << 20))
    vm = new_vm(kernel, drivers="ours", append="lis.daemons=none",
                options=("--disk", str(disk), "--net", "user"))
    loaded = {line.split()[0]: line.split()[-1] for line in vm.run(
        "cat /proc/modules").splitlines()}
    signed = vm_module.UNSIGNED in vm.run("dmesg")
    assert {name: loaded.get(name) for name in guest.OURS} == \
        dict.fromkeys(guest.OURS, "(OE)" if signed else "(O)")
    assert int(vm.run("cat /proc/sys/kernel/tainted")) == \
        OUT_OF_TREE | (UNSIGNED if signed else 0)
    assert not vm.trouble()


# A bus that we did not write. It has no devices.
QEMU = ["qemu-system-x86_64", "-accel", "kvm", "-cpu",
        "host,kvm=off,hv-relaxed,hv-vpindex,hv-synic,hv-time,hv-stimer,"
        "hv-runtime", "-nodefaults", "-no-user-config", "-display", "none",
        "-serial", "stdio", "-no-reboot", "-m", "256M",
        "-device", "vmbus-bridge"]


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["5.10", "6.1", "6.12"])
@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_qemus_bus(kernel, cpus):
    """Connects to QEMU's bridge, and again after each of 20 unloads."""
    need(kernel, "ours")
    image, initrd = guest.build(kernel, False, "ours")
    process = console.start(QEMU + [
        "-smp", str(cpus), "-kernel", image, "-initrd", initrd, "-append",
        vm_module.APPEND + " lis.daemons=none"])
    try:
        text = console.Console(process)
        text.ready(300)
        for _ in range(20):
            status, said = text.run(
                "dmesg -c | grep -q 'hv_vmbus: Vmbus version:' && "
                "[ -d /sys/bus/vmbus/devices ] && "
                "{ rmmod uio_hv_generic 2>/dev/null; rmmod hv_utils; } && "
                "rmmod hv_vmbus && "
                "insmod /modules/hv_vmbus.ko && insmod /modules/hv_utils.ko",
                300)
            assert status == 0, said
        status, said = text.run("dmesg; ls /sys/bus/vmbus/drivers")
        assert "hv_vmbus: Vmbus version:" in said
        assert "hv_utils" in said
        assert "broke the protocol" not in said
        assert not vm_module.trouble_in(said)
    finally:
        process.kill()
        process.wait()
