# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""DPDK's testpmd as an addition to a test guest: a second initial RAM file
system with Debian's build of it, its VMBus bus driver and its netvsc driver."""

import glob
import os
import re
import subprocess

import guest
import initramfs
from machine import CarrierError, cache_folder

LIBRARIES = "usr/lib/x86_64-linux-gnu"
PROGRAM = "usr/bin/dpdk-testpmd"
DRIVERS = ("librte_bus_vmbus", "librte_net_netvsc", "librte_mempool_ring")


def _root():
    return os.path.realpath(os.path.join(cache_folder(), "dpdk"))


def missing_reason():
    """Why there is no DPDK on this machine, or None."""
    if not os.path.exists(os.path.join(_root(), PROGRAM)):
        return "dpdk is not in %s (carrier/packages more fetches it)" % \
            cache_folder()
    return None


def _needed(path):
    """The shared libraries of a file, those of the package among them."""
    folder = os.path.join(_root(), LIBRARIES)
    said = subprocess.run(
        ["ldd", path], check=True, stdout=subprocess.PIPE, text=True,
        env=dict(os.environ, LD_LIBRARY_PATH=folder)).stdout
    missing = re.findall(r"(\S+) => not found", said)
    if missing:
        raise CarrierError("%s needs %s" % (path, ", ".join(missing)))
    return initramfs.library_paths(said)


def archive():
    """The archive's bytes, to stand behind a guest's own; the beginning of a
    shell command that runs testpmd with the drivers."""
    result = initramfs.Archive()
    arguments = ["LD_PRELOAD=/lib64/queuestate.so", "dpdk-testpmd"]
    result.file("lib64/queuestate.so", guest.program(
        "queuestate", ("-shared", "-fPIC", "-nostdlib")), 0o755)
    drivers = []
    for name in DRIVERS:
        drivers += sorted(glob.glob(os.path.join(
            _root(), LIBRARIES, "dpdk", "*", name + ".so.*")))[:1]
    for path in [os.path.join(_root(), PROGRAM)] + drivers:
        with open(path, "rb") as stream:
            result.data("sbin/" + os.path.basename(path), stream.read(), 0o755)
        for library in _needed(path):
            with open(library, "rb") as stream:
                name = os.path.basename(library)
                result.once("lib64/" + name if name.startswith("ld-") else
                            LIBRARIES + "/" + name, stream.read(), 0o755)
    for path in drivers:
        arguments += ["-d", "/sbin/" + os.path.basename(path)]
    return result.bytes(), " ".join(arguments)
