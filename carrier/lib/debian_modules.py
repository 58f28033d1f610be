# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A whole Debian 12 with its own kernel package and initial RAM file system,
and the package of our kernel modules installed, then upgraded.

What lives here: what is particular to that image. What does not: how an image
is made (debian).
"""

import glob
import hashlib
import os
import shutil
import subprocess
import tempfile

import debian
from machine import CarrierError, cache_folder

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SIZE_BYTES = 4 << 30
PACKAGES = debian.PACKAGES + ("linux-image-cloud-amd64",
                              "linux-headers-cloud-amd64", "dkms",
                              "initramfs-tools", "zstd")
# Installed in this order.
VERSIONS = ("0.3.1", "0.3.2")
DEB = "lis-modules-dkms_%s_all.deb"


def _packages(folder):
    """Makes each version's package in a folder: paths."""
    paths = []
    for version in VERSIONS:
        result = subprocess.run(
            [os.path.join(ROOT, "packaging", "modules", "build"), folder,
             version], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False)
        if result.returncode:
            raise CarrierError("the modules' package cannot be made:\n"
                               + result.stdout)
        paths.append(os.path.join(folder, DEB % version))
    return paths


def _script(paths):
    """What mmdebstrap runs on the new root, which is $1."""
    lines = [debian.customize_common()]
    for path in paths:
        name = os.path.basename(path)
        # What each step leaves is looked at by a test.
        lines += ["cp '%s' \"$1/var/cache/%s\"" % (path, name),
                  "chroot \"$1\" dpkg -i /var/cache/%s "
                  ">>\"$1/var/log/lis-install.log\" 2>&1 || "
                  "{ tail -n 20 \"$1/var/log/lis-install.log\"; exit 1; }"
                  % name,
                  "chroot \"$1\" dkms status "
                  ">\"$1/var/log/%s.status\"" % name]
    return "#!/bin/sh\nset -eu\n" + "\n".join(lines) + "\n"


def _digest(paths):
    """Changes when anything that the image is made of does."""
    total = hashlib.sha256(repr((PACKAGES, SIZE_BYTES,
                                 debian.customize_common().replace(ROOT, "")
                                 )).encode())
    for path in paths:
        with open(path, "rb") as stream:
            total.update(stream.read())
    return total.hexdigest()[:16]


def _kernel_out(root, folder):
    """Takes the kernel and what our host starts with it out of a root."""
    os.makedirs(folder, exist_ok=True)
    for name in ("vmlinuz", "initrd.img"):
        found = glob.glob(os.path.join(root, "boot", name + "-*"))
        if len(found) != 1:
            raise CarrierError("not one %s in the new Debian: %s" % (
                name, found))
        shutil.copy(found[0], os.path.join(folder, name))


def _paths(work):
    """(packages, where the image's parts are) in a folder for the packages."""
    paths = _packages(work)
    return paths, os.path.join(cache_folder(), "modules-" + _digest(paths))


def _parts(base):
    return (os.path.join(base, "vmlinuz"), os.path.join(base, "initrd.img"),
            base + ".raw")


def find():
    """(kernel, initrd, disk), or None when it was not made yet."""
    with tempfile.TemporaryDirectory(prefix="modules-") as work:
        parts = _parts(_paths(work)[1])
    return parts if os.path.exists(parts[-1]) else None


def image(say):
    """Makes the image, or finds it made: (kernel, initrd, disk), paths."""
    with tempfile.TemporaryDirectory(prefix="modules-") as work:
        paths, base = _paths(work)
        debian.make(base + ".raw", say, PACKAGES, _script(paths), SIZE_BYTES,
                    lambda root: _kernel_out(root, base))
    return _parts(base)
