# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Debian's iPXE as a kernel that our host can start."""

import hashlib
import os
import subprocess

from machine import cache_folder

SOURCE = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "guest", "bios.S")


def _image():
    return os.path.join(os.path.realpath(
        os.path.join(cache_folder(), "ipxe")), "boot", "ipxe.lkrn")


def missing_reason():
    """Why there is no iPXE on this machine, or None."""
    if not os.path.exists(_image()):
        return "ipxe is not in %s (carrier/packages more fetches it)" % \
            cache_folder()
    return None


def kernel():
    """iPXE behind a little BIOS of ours (../guest/bios.S), built once."""
    digest = hashlib.sha256(_image().encode())
    with open(SOURCE, "rb") as stream:
        digest.update(stream.read())
    path = os.path.join(cache_folder(), "ipxe-%s.elf" % digest.hexdigest()[:16])
    if not os.path.exists(path):
        partial = "%s.%d" % (path, os.getpid())
        subprocess.run(
            ["gcc", "-m32", "-nostdlib", "-static", "-no-pie",
             "-Wl,-Ttext=0x2000000,--build-id=none", '-DLKRN="%s"' % _image(),
             "-o", partial, SOURCE], check=True)
        os.rename(partial, path)
    return path
