# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A whole Debian 12 with systemd, as the content of a disk.

What lives here: which packages are in it, the image, and the initial RAM file
system that finds it. What does not: the small guest of most tests (guest).
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile

import guest
import initramfs
from machine import CarrierError, cache_folder

LABEL = "lis-debian"
SIZE_BYTES = 2 << 30
PASSWORD = "lis"
PACKAGES = ("systemd-sysv", "udev", "dbus", "ifupdown", "isc-dhcp-client",
            "iproute2", "iputils-ping", "openssh-server", "e2fsprogs", "kmod",
            "hyperv-daemons", "login", "procps", "util-linux",
            # What tests of disks use.
            "fio", "sg3-utils", "xfsprogs", "btrfs-progs")
# In the image "managers" besides: each manager of networks and cloud-init, none
# of them started until a test says so.
MANAGERS = ("network-manager", "netplan.io", "systemd-resolved", "cloud-init")
MANAGER_UNITS = ("NetworkManager", "NetworkManager-wait-online",
                 "NetworkManager-dispatcher", "systemd-networkd",
                 "systemd-networkd.socket", "systemd-networkd-wait-online",
                 "systemd-resolved", "wpa_supplicant")
# Nobody reads these in a test.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*",
            "/usr/share/info/*")
# Loaded by the initial RAM file system, in this order.
MODULES = ("hv_vmbus", "hv_storvsc", "sd_mod", "ext4")
ROOT = "rw root=LABEL=" + LABEL
# Serves a test's commands on a console where somebody has logged in.
SERVE = "/usr/local/sbin/lis-serve"


def _sources():
    """The lines of Debian 12 in what carrier/packages wrote for itself."""
    path = os.path.join(cache_folder(), "apt", "sources.list")
    try:
        with open(path, encoding="utf-8") as stream:
            lines = [line for line in stream
                     if " bookworm" in line and "backports" not in line]
    except FileNotFoundError:
        lines = []
    if not lines:
        raise CarrierError("%s is missing: remove %s and run 'carrier/packages "
                           "kernels'" % (path, cache_folder()))
    return "".join(lines)


def _modules(root):
    """The folder of modules in an unpacked kernel package."""
    for top in ("lib/modules", "usr/lib/modules"):
        path = os.path.join(root, top)
        if os.path.isdir(path):
            return os.path.join(path, os.listdir(path)[0])
    raise CarrierError("no modules in %s" % root)


def _kernels():
    """The unpacked kernel packages whose modules the image carries."""
    return [os.path.realpath(os.path.join(cache_folder(), "kernel-" + name))
            for name in guest.KERNELS if not guest.missing_reason(name)]


def customize_common():
    """Lines of a script that make a new root, which is $1, one for tests."""
    return "\n".join([
        "echo root:%s | chpasswd --root \"$1\"" % PASSWORD,
        "echo debian >\"$1/etc/hostname\"",
        "echo 'LABEL=%s / ext4 defaults 0 1' >\"$1/etc/fstab\"" % LABEL,
        "printf 'auto lo\\niface lo inet loopback\\n"
        "allow-hotplug eth0\\niface eth0 inet dhcp\\n' "
        ">\"$1/etc/network/interfaces\"",
        "install -m 755 '%s' \"$1%s\"" % (
            os.path.join(guest.PARTS, "serve.sh"), SERVE)])


def _included(managers):
    """The packages that are asked for by name."""
    return PACKAGES + (MANAGERS if managers else ())


def _customize(managers=False):
    """The script that mmdebstrap runs on the new root, which is $1."""
    lines = [customize_common(), "mkdir -p \"$1/usr/lib/modules\""]
    if managers:
        lines += ["chroot \"$1\" systemctl disable -q %s || true"
                  % " ".join(MANAGER_UNITS)]
        lines += ["rm -f \"$1/etc/resolv.conf\"",
                  "echo nameserver 192.0.2.53 >\"$1/etc/resolv.conf\"",
                  "touch \"$1/etc/cloud/cloud-init.disabled\""]
        # udev may take longer than systemd waits for the console's device
        # where the carrier shares its processors.
        lines += ["mkdir -p \"$1/etc/systemd/system.conf.d\"",
                  "printf '[Manager]\\nDefaultDeviceTimeoutSec=900\\n' "
                  ">\"$1/etc/systemd/system.conf.d/lis.conf\""]
    for root in _kernels():
        modules = _modules(root)
        lines.append("cp -r '%s' \"$1/usr/lib/modules/\"" % modules)
        lines.append("depmod -b \"$1\" %s" % os.path.basename(modules))
    return "#!/bin/sh\nset -eu\n" + "\n".join(lines) + "\n"


def _debootstrap(work, say, packages, script):
    """Makes the root folder. @script: what is run on it, in the end."""
    sources = os.path.join(work, "sources.list")
    with open(sources, "w", encoding="utf-8") as stream:
        stream.write(_sources())
    root = os.path.join(work, "root")
    hook = os.path.join(work, "customize")
    with open(hook, "w", encoding="utf-8") as stream:
        stream.write(script)
    os.chmod(hook, 0o755)
    command = ["mmdebstrap", "--mode=root", "--variant=minbase",
               "--include=" + ",".join(packages),
               "--aptopt=Acquire::Languages \"none\"",
               "--customize-hook=" + hook, "--format=directory"]
    command += ["--dpkgopt=path-exclude=" + path for path in LEFT_OUT]
    say("installing %d packages and what they need" % len(packages))
    result = subprocess.run(command + ["bookworm", root, sources],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode:
        raise CarrierError("mmdebstrap could not make a Debian; its last words "
                           "were:\n" + "\n".join(
                               result.stdout.splitlines()[-8:]))
    return root


def _digest(managers):
    """Changes when anything that the image is made of does."""
    total = hashlib.sha256(repr((
        _included(managers), LEFT_OUT, SIZE_BYTES,
        LABEL, _kernels(),
        # Whatever work tree it is made from.
        _customize(managers).replace(guest.PARTS, ""))).encode())
    with open(os.path.join(guest.PARTS, "serve.sh"), "rb") as stream:
        total.update(stream.read())
    return total.hexdigest()[:16]


def _path(managers=False):
    return os.path.join(cache_folder(), "debian-%s.raw" % _digest(managers))


def find():
    """The disk's path, or None when it was not built yet."""
    return _path() if os.path.exists(_path()) else None


def disk(say, managers=False):
    """Builds the disk, or finds it built: path of a raw image with one ext4
    file system. @say: called with what is being done; @managers: with every
    manager of networks."""
    return make(_path(managers), say, _included(managers),
                _customize(managers), SIZE_BYTES)


# pylint: disable=too-many-arguments
def make(path, say, packages, script, size_bytes, last=None):
    """Makes the raw image @path, or finds it made: @path. @script: run on the
    root folder, which is $1; @last: called with that folder in the end."""
    if os.path.exists(path):
        return path
    with open(os.path.join(cache_folder(), "debian.lock"), "w",
              encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            _build(path, say, packages, script, size_bytes, last)
    return path


# pylint: disable=too-many-arguments
def _build(path, say, packages, script, size_bytes, last):
    if os.geteuid():
        raise CarrierError("a Debian can only be made as root: run "
                           "'sudo -E carrier/debian-image'")
    for program in ("mmdebstrap", "mke2fs"):
        if not shutil.which(program):
            raise CarrierError("%s is not installed: run 'carrier/packages "
                               "tools'" % program)
    work = tempfile.mkdtemp(prefix="debian-", dir=cache_folder())
    try:
        root = _debootstrap(work, say, packages, script)
        if last:
            last(root)
        partial = os.path.join(work, "raw")
        with open(partial, "wb") as stream:
            stream.truncate(size_bytes)
        say("writing the image")
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", LABEL,
                        "-d", root, partial], check=True,
                       stdin=subprocess.DEVNULL)
        os.rename(partial, path)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def initrd(name, drivers="upstream"):
    """(kernel path, initrd path) that boot the disk with one of the kernels of
    guest.KERNELS, or a disk whose label is LABEL with one of
    guest.MORE_KERNELS, and a driver set of guest.DRIVERS;
    guest.missing_reason tells whether the kernel is there."""
    root = os.path.join(cache_folder(), "kernel-" + name)
    script = os.path.join(guest.PARTS, "root-init.sh")
    total = hashlib.sha256(os.path.realpath(root).encode()
                           + guest.modules_digest(name, drivers))
    for source in (script, __file__):
        with open(source, "rb") as stream:
            total.update(stream.read())
    path = os.path.join(cache_folder(), "root-%s-%s.initrd" % (
        name, total.hexdigest()[:16]))
    if not os.path.exists(path):
        archive = initramfs.Archive()
        archive.file("bin/busybox", guest.busybox(name), 0o755)
        archive.file("init", script, 0o755)
        for applet in ("sh", "mount", "umount", "insmod", "findfs", "sleep",
                       "switch_root", "poweroff"):
            archive.link("bin/" + applet, "busybox")
        for folder in ("dev", "proc", "sys", "root"):
            archive.folder(folder)
        archive.device("dev/console", 5, 1)
        # ext4 asks for the checksum by its algorithm's name.
        order = guest.modules(name, drivers).closure(
            MODULES[:-1] + ("crc32c_generic",) + MODULES[-1:])
        for key, data in order:
            archive.data("modules/%s.ko" % key, data)
        archive.data("modules/order",
                     "".join(key + "\n" for key, _ in order).encode())
        initramfs.write_whole(path, archive.bytes())
    return guest.kernel_file(name), path
