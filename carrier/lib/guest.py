# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Test guests: a Debian kernel and a small initial RAM file system with
Debian's own hv_* drivers and daemons.

What lives here: what goes into a guest. What runs in it is in ../guest.
"""

import glob
import hashlib
import os
import shutil
import subprocess
import tempfile
import time

import initramfs
from machine import BUSYBOX, CarrierError, cache_folder

HERE = os.path.dirname(os.path.abspath(__file__))
PARTS = os.path.join(os.path.dirname(HERE), "guest")

# Of each kernel: the packages in the cache that its daemons come from.
KERNELS = {
    "6.1": ("daemons-6.1",),
    "6.12": ("daemons-6.12", "daemons-uio"),
}
# Those that carrier/packages more fetches, for tests of their own.
MORE_KERNELS = {
    "5.10": ("daemons-6.1",),
    "686": (),
    "686-pae": (),
}
# That which carrier/debug-kernel builds, to look for faults of drivers.
DEBUG_KERNELS = {
    "6.1-debug": ("daemons-6.1",),
}
ALL_KERNELS = {**KERNELS, **MORE_KERNELS, **DEBUG_KERNELS}
# Those for 32-bit processors.
SMALL_KERNELS = ("686", "686-pae")
# Loaded at start, in this order.
LOADED = ("hv_vmbus", "hv_utils", "uio_hv_generic", "brd", "ext4", "dummy")
# There to be loaded by a test, or for a device that is found.
SPARE = ("hv_balloon", "hv_netvsc", "hv_storvsc", "hv_sock", "hyperv_keyboard",
         "hid_hyperv", "hyperv_fb", "hyperv_drm", "pci_hyperv", "sd_mod",
         "sr_mod", "sg", "isofs", "8021q", "af_packet", "loop", "fuse",
         "squashfs")
# Driver sets: "upstream" is the kernel package's own; "ours" is built from
# guest/kmod, and of the others only what does not need the bus is there.
DRIVERS = ("upstream", "ours")
OURS = ("hv_vmbus", "hv_utils", "hv_storvsc", "hv_netvsc", "uio_hv_generic")
# Modules of tests, by their folder in ../guest; and those that need ours.
EXTRA_MODULES = {"function": "vfstandin", "mmio": "mmiotake"}
ON_OURS = ("mmio",)
DAEMONS = {
    "daemons-6.1": ("hv_kvp_daemon", "hv_vss_daemon", "hv_fcopy_daemon"),
    "daemons-6.12": ("hv_kvp_daemon", "hv_vss_daemon"),
    "daemons-uio": ("hv_fcopy_uio_daemon",),
}
PROGRAMS = ("clockoffset", "eject", "kexec", "scribble", "sgreset", "uiohold",
            "xdp")
KEPT_S = 24 * 3600
HOSTNAME = "guest"
DOMAIN = "lis.test"


def _parts(name):
    """All that the cache must have for a guest."""
    more = ("busybox-686",) if name in SMALL_KERNELS else ()
    return ("kernel-" + name,) + ALL_KERNELS[name] + more


def missing_reason(name):
    """Why there is no such guest on this machine, or None."""
    for part in _parts(name):
        if not os.path.isdir(os.path.join(cache_folder(), part)):
            return "%s is not in %s (carrier/%s)" % (
                part, cache_folder(),
                "packages kernels fetches it" if name in KERNELS else
                "packages more fetches it" if name in MORE_KERNELS else
                "debug-kernel builds it")
    return None


def busybox(name):
    """The busybox that runs on a kernel."""
    if name in SMALL_KERNELS:
        return os.path.join(cache_folder(), "busybox-686", "bin", "busybox")
    return BUSYBOX


def kernel_file(name):
    """The kernel as our host boots it: the package's bzImage, but of a 32-bit
    one what is packed in it. Such a kernel unpacks itself with paging off, which
    takes the carrier's emulation longer than any test waits; a debug kernel is
    many times as large."""
    root = os.path.join(cache_folder(), "kernel-" + name)
    if name in SMALL_KERNELS or name in DEBUG_KERNELS:
        return initramfs.unpacked_image(root)
    return initramfs.kernel_image(root)


def program(name, how=("-static",)):
    """A little program of ours (../guest), built once: static, or as gcc is
    told."""
    source = os.path.join(PARTS, name + ".c")
    with open(source, "rb") as stream:
        digest = hashlib.sha256(stream.read()).hexdigest()[:16]
    path = os.path.join(cache_folder(), "%s-%s" % (name, digest))
    if not os.path.exists(path):
        partial = "%s.%d" % (path, os.getpid())
        subprocess.run(["gcc", "-Os", *how, "-s", "-o", partial, source],
                       check=True)
        os.rename(partial, path)
    return path


def modules_folder(name):
    """Where the modules of guest/kmod are for a kernel, once built."""
    root = os.environ.get("LIS_KMOD_DIR", os.path.join(
        os.path.dirname(os.path.dirname(HERE)), "build", "kmod"))
    return os.path.join(root, name)


def headers(name):
    """The headers of a kernel, or None."""
    found = glob.glob(os.path.join(cache_folder(), "headers-" + name,
                                   "usr/src/linux-headers-*/Module.symvers"))
    return os.path.dirname(found[0]) if found else None


def extra_module(name, folder):
    """A module of ../guest that is there for a test, built once for a kernel;
    None without that kernel's headers."""
    source = headers(name)
    if not source:
        return None
    parts, how = os.path.join(PARTS, folder), []
    total = hashlib.sha256(os.path.realpath(source).encode())
    if folder in ON_OURS:
        sources = modules_folder(name)
        how = ["LIS_SOURCES=" + sources, "KBUILD_EXTRA_SYMBOLS=" +
               os.path.join(sources, "Module.symvers")]
        total.update(modules_digest(name, "ours"))
    for entry in sorted(os.listdir(parts)):
        with open(os.path.join(parts, entry), "rb") as stream:
            total.update(stream.read())
    module = EXTRA_MODULES[folder]
    path = os.path.join(cache_folder(), "%s-%s-%s.ko" % (
        module, name, total.hexdigest()[:16]))
    if os.path.exists(path):
        return path
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(parts, copy, dirs_exist_ok=True)
        result = subprocess.run(
            ["make", "-s", "-C", source, "M=" + copy, "CC=gcc", "W=1",
             "KCFLAGS=-Werror", "CONFIG_DEBUG_INFO_BTF_MODULES="] + how +
            ["modules"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False)
        if result.returncode:
            raise CarrierError("%s for %s does not build:\n%s" % (
                module, name, result.stdout))
        built = os.path.join(copy, module + ".ko")
        subprocess.run(["strip", "--strip-debug", built], check=True)
        with open(built, "rb") as stream:
            initramfs.write_whole(path, stream.read())
    return path


def build_modules(name):
    """Builds the modules of guest/kmod for a kernel, or finds them built."""
    script = os.path.join(os.path.dirname(os.path.dirname(HERE)), "guest",
                          "kmod", "build")
    source = headers(name)
    if not source:
        raise CarrierError("headers-%s is not in %s (carrier/packages fetches "
                           "it)" % (name, cache_folder()))
    result = subprocess.run([script, source, modules_folder(name)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, check=False)
    if result.returncode:
        raise CarrierError("the modules for %s do not build:\n%s" % (
            name, result.stdout))


def modules(name, drivers="upstream"):
    """A kernel's modules, with the driver set in place of its own."""
    found = initramfs.Modules(os.path.join(cache_folder(), "kernel-" + name))
    if drivers == "ours":
        for key in OURS:
            found.paths[key] = os.path.join(modules_folder(name), key + ".ko")
        # What needs the bus of the kernel package cannot load on ours.
        for key in list(found.paths):
            if key not in OURS and "hv_vmbus" in found.needs(key):
                del found.paths[key]
    return found


def _add_modules(archive, kernel, drivers):
    found = modules(kernel, drivers)
    order = []
    for name in LOADED + SPARE:
        closure = found.closure([name])
        if not closure:
            continue
        names = [key for key, _ in closure]
        order.append("%s %s\n" % (names[-1], " ".join(names[:-1])))
        for key, data in closure:
            archive.once("modules/%s.ko" % key, data)
    for folder, module in EXTRA_MODULES.items():
        path = None
        if folder not in ON_OURS or drivers == "ours":
            path = extra_module(kernel, folder)
        if path:
            archive.file("modules/%s.ko" % module, path)
    archive.data("modules/order", "".join(order).encode())
    archive.data("etc/modules", " ".join(LOADED).encode())


def _add_system(archive, kernel):
    archive.file("bin/busybox", busybox(kernel), 0o755)
    # The key-value daemon's scripts ask for it by name.
    if kernel not in SMALL_KERNELS:
        archive.program("bin/bash", "/bin/bash")
        archive.program("sbin/ethtool", "/usr/sbin/ethtool")
    applets = subprocess.run([BUSYBOX, "--list"], stdout=subprocess.PIPE,
                             text=True, check=True).stdout.split()
    ours = {"init": "init.sh", "bin/serve": "serve.sh",
            "bin/daemon": "daemon.sh", "sbin/poweroff": "poweroff.sh",
            "sbin/reboot": "poweroff.sh", "bin/lease": "lease.sh"}
    for applet in applets:
        if applet not in ("busybox", "poweroff", "reboot", "init", "halt"):
            archive.link("bin/" + applet, "busybox")
    for name, source in ours.items():
        archive.file(name, os.path.join(PARTS, source), 0o755)
    for name in PROGRAMS if kernel not in SMALL_KERNELS else ():
        archive.file("sbin/" + name, program(name), 0o755)
    archive.file("etc/os-release", "/etc/os-release", 0o644)
    archive.data("etc/hostname", HOSTNAME.encode() + b"\n")
    archive.data("etc/hosts", b"127.0.0.1 localhost\n192.0.2.10 %s.%s %s\n"
                 % (HOSTNAME.encode(), DOMAIN.encode(), HOSTNAME.encode()))
    archive.data("etc/nsswitch.conf", b"hosts: files\n")
    archive.data("etc/resolv.conf", b"nameserver 192.0.2.53\n")
    archive.data("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    archive.data("etc/group", b"root:x:0:\n")
    for folder in ("dev", "proc", "sys", "run", "tmp", "mnt", "root",
                   "var/log", "var/lib/hyperv"):
        archive.folder(folder)
    archive.device("dev/console", 5, 1)


def modules_digest(name, drivers):
    """Changes when modules of guest/kmod do; nothing for other drivers."""
    total = hashlib.sha256()
    for key in OURS if drivers == "ours" else ():
        path = os.path.join(modules_folder(name), key + ".ko")
        if not os.path.exists(path):
            raise CarrierError("%s is not there: carrier/guest-image --drivers "
                               "ours builds it" % path)
        with open(path, "rb") as stream:
            total.update(stream.read())
    return total.digest() if drivers == "ours" else b""


def _digest(name, drivers):
    """Changes when anything that a guest is made of does."""
    total = hashlib.sha256(modules_digest(name, drivers))
    for folder in [HERE, PARTS] + [os.path.join(PARTS, extra)
                                   for extra in EXTRA_MODULES]:
        for entry in sorted(os.listdir(folder)):
            if entry.endswith((".py", ".sh", ".c")):
                with open(os.path.join(folder, entry), "rb") as stream:
                    total.update(stream.read())
    for part in _parts(name):
        total.update(os.path.realpath(
            os.path.join(cache_folder(), part)).encode())
    status = os.stat(BUSYBOX)
    total.update(b"%d %d" % (status.st_size, int(status.st_mtime)))
    return total.hexdigest()[:16]


def build(name, kexec=False, drivers="upstream"):
    """Builds a guest, or finds it built: (kernel path, initrd path). The driver
    set "ours" must have been built before, by build_modules().

    With kexec, the initrd also carries the kernel and the plain initrd, as
    /kexec/kernel and /kexec/initrd.
    """
    reason = missing_reason(name)
    if reason:
        raise CarrierError(reason)
    kernel = kernel_file(name)
    path = os.path.join(cache_folder(), "guest-%s-%s%s.initrd" % (
        name, _digest(name, drivers), "-kexec" if kexec else ""))
    if os.path.exists(path):
        return kernel, path

    if kexec:
        plain = build(name, drivers=drivers)[1]
        archive = initramfs.Archive()
        archive.file("kexec/kernel", kernel)
        archive.file("kexec/initrd", plain)
        with open(plain, "rb") as stream:
            data = stream.read() + archive.bytes()
    else:
        archive = initramfs.Archive()
        _add_system(archive, name)
        _add_modules(archive, name, drivers)
        for package in ALL_KERNELS[name]:
            unpacked = os.path.join(cache_folder(), package)
            for daemon in DAEMONS[package]:
                archive.program("usr/sbin/" + daemon,
                                os.path.join(unpacked, "usr/sbin", daemon))
            scripts = os.path.join(unpacked, "usr/libexec/hypervkvpd")
            for script in sorted(os.listdir(scripts)):
                with open(os.path.join(scripts, script), "rb") as stream:
                    archive.once("usr/libexec/hypervkvpd/" + script,
                                 stream.read(), 0o755)
        data = archive.bytes()
    initramfs.write_whole(path, data)
    _drop_older(name, path, kexec)
    return kernel, path


def with_programs(initrd, programs, path):
    """Writes a guest's initrd, with programs of this machine added: path.
    @programs: {name in the guest: path here}."""
    archive = initramfs.Archive()
    for name, source in programs.items():
        archive.program(name, source)
    with open(initrd, "rb") as stream:
        first = stream.read()
    initramfs.write_whole(path, first + b"\0" * (-len(first) % 4)
                          + archive.bytes())
    return path


def _drop_older(name, path, kexec):
    """Removes images that nobody has built for a day; a younger one may be in
    use by another work tree's run."""
    for entry in os.listdir(cache_folder()):
        old = os.path.join(cache_folder(), entry)
        if entry.startswith("guest-%s-" % name) and old != path and \
                entry.endswith("-kexec.initrd") == kexec and \
                entry.endswith(".initrd") and \
                time.time() - os.stat(old).st_mtime > KEPT_S:
            os.unlink(old)
