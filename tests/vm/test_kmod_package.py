# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The package of guest/kmod in a whole Debian: installed and upgraded by dpkg
when the image was made, removed by dpkg in the guest."""

import os

import pytest

import debian_modules
import guest
import vm as vm_module
from debian_guest import DebianGuest

SPARE_BYTES = 256 << 20
INITRD = "/boot/initrd.img-$(uname -r)"
# The guest's processor is emulated, and makes an initial RAM file system.
REMOVAL_LIMIT_S = 3000
SERVICES = ("Heartbeat", "Shutdown", "Time Synchronization",
            "Key-Value Pair Exchange", "VSS")


@pytest.fixture(name="made")
def _made(tmp_path):
    """(kernel, initrd, a disk of the guest's own)."""
    parts = debian_modules.find()
    if not parts:
        pytest.skip("no image of a Debian with our package: "
                    "carrier/debian-image 6.1 --modules makes it")
    path = str(tmp_path / "debian.vhdx")
    vm_module.lis("disk", "convert", parts[-1], path, timeout_s=900)
    return parts[0], parts[1], path


def boot(start, disk, spare):
    """A guest with that disk, up to where systemd has started everything."""
    this = DebianGuest("package-%d" % os.getpid(), disk, login=False,
                       start=start, options=("--disk", spare))
    # For the package that is there, or was.
    this.drivers = "ours"
    this.boot()
    return this


def end(this):
    """Shuts a guest down by its own shutdown."""
    this.lis("stop", "--timeout", "600")
    this.wait_end(600)


def loaded(this):
    """{module: its flags of taint} of ours that are loaded."""
    found = {}
    for line in this.run("cat /proc/modules").splitlines():
        name, *fields = line.split()
        if name in guest.OURS:
            found[name] = fields[-1] if "(" in fields[-1] else ""
    return found


@pytest.mark.slow
def test_installed_upgraded_removed(made, tmp_path):
    """Root is on our hv_storvsc, by Debian's own initial RAM file system; when
    the package is gone, on the kernel's again."""
    spare = tmp_path / "spare.raw"
    with open(spare, "wb") as stream:
        stream.truncate(SPARE_BYTES)
    this = boot(made[:2], made[2], str(spare))
    try:
        # The last is for whoever asks for it.
        assert set(loaded(this)) == set(guest.OURS) - {"uio_hv_generic"}
        assert all("O" in flags for flags in loaded(this).values())
        for module in guest.OURS:
            assert "/updates/dkms/" in this.run("modinfo -n " + module)
            assert this.run("modinfo -F version " + module) == \
                debian_modules.VERSIONS[-1]
        for version in debian_modules.VERSIONS:
            told = this.run("cat /var/log/%s.status"
                            % (debian_modules.DEB % version))
            assert told.splitlines()[0].startswith("lis/%s, " % version)
            assert len(told.splitlines()) == 1 and ": installed" in told
        for service in SERVICES:
            this.wait_status(service, "OK", 300)

        this.run("dpkg -r lis-modules-dkms", REMOVAL_LIMIT_S)
        assert this.run("dkms status") == ""
        assert "/kernel/" in this.run("modinfo -n hv_vmbus")
        assert "updates" not in this.run("lsinitramfs %s" % INITRD, 600)
        this.run("dd if=%s of=/dev/sdb bs=64k conv=fsync" % INITRD, 600)
        size = int(this.run("stat -c %%s %s" % INITRD))
        end(this)

        initrd = tmp_path / "initrd"
        with open(spare, "rb") as stream:
            initrd.write_bytes(stream.read(size))
        this = boot((made[0], str(initrd)), made[2], str(spare))
        assert loaded(this)["hv_storvsc"] == ""
        assert int(this.run("cat /proc/sys/kernel/tainted")) == 0
        this.wait_status("Heartbeat", "OK", 300)
        end(this)
    finally:
        this.kill()
