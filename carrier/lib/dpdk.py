# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""DPDK's testpmd as an addition to a test guest: a second initial RAM file
system with Debian's build of it, its VMBus bus driver and its netvsc driver."""

import glob
import hashlib
import os
import re
import subprocess

import initramfs
from machine import CarrierError, cache_folder

LIBRARIES = "usr/lib/x86_64-linux-gnu"
PROGRAM = "usr/bin/dpdk-testpmd"
DRIVERS = ("librte_bus_vmbus", "librte_net_netvsc", "librte_mempool_ring")
PRELOADED = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "guest", "queuestate.c")


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


def _preloaded():
    """What testpmd needs beside it (../guest/queuestate.c), built once."""
    with open(PRELOADED, "rb") as stream:
        digest = hashlib.sha256(stream.read()).hexdigest()[:16]
    path = os.path.join(cache_folder(), "queuestate-%s.so" % digest)
    if not os.path.exists(path):
        partial = "%s.%d" % (path, os.getpid())
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-nostdlib", "-o",
                        partial, PRELOADED], check=True)
        os.rename(partial, path)
    return path


def archive():
    """The archive's bytes, to stand behind a guest's own; the beginning of a
    shell command that runs testpmd with the drivers."""
    result = initramfs.Archive()
    arguments = ["LD_PRELOAD=/lib64/queuestate.so", "dpdk-testpmd"]
    result.file("lib64/queuestate.so", _preloaded(), 0o755)
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
