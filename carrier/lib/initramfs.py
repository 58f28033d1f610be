# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Initial RAM file systems, made from Debian packages unpacked in the cache.

What lives here: the newc archive writer, and finding a kernel's modules in
load order. What does not: what goes into any particular archive.
"""

import gzip
import lzma
import os
import re
import struct
import subprocess


class Missing(Exception):
    """Something that the archive needs is not on this machine."""


class Archive:
    """A newc cpio archive, as the kernel's initramfs.c reads it."""

    def __init__(self):
        self.parts = []
        self.inode = 0
        # Names that are there already.
        self.folders = set()
        self.files = set()

    def _add(self, name, mode, data=b"", device=(0, 0)):
        self.inode += 1
        name_bytes = name.encode() + b"\0"
        header = "070701" + "".join(
            "%08x" % field
            for field in (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0,
                          device[0], device[1], len(name_bytes), 0))
        self._pad(header.encode() + name_bytes)
        self._pad(data)

    def _pad(self, data):
        self.parts.append(data)
        self.parts.append(b"\0" * (-len(data) % 4))

    def folder(self, name, mode=0o755):
        """Adds a folder and those above it, each once."""
        name = name.strip("/")
        if not name or name in self.folders:
            return
        self.folder(os.path.dirname(name))
        self.folders.add(name)
        self._add(name, 0o040000 | mode)

    def data(self, name, data, mode=0o644):
        """Adds a regular file with the given bytes."""
        name = name.strip("/")
        self.folder(os.path.dirname(name))
        self._add(name, 0o100000 | mode, data)

    def once(self, name, data, mode=0o644):
        """Adds a regular file unless one of that name was added by once()."""
        if name not in self.files:
            self.files.add(name)
            self.data(name, data, mode)

    def file(self, name, source, mode=None):
        """Adds a copy of a file of this machine."""
        with open(source, "rb") as stream:
            data = stream.read()
        if mode is None:
            mode = os.stat(source).st_mode & 0o777
        self.data(name, data, mode)

    def link(self, name, target):
        """Adds a symbolic link."""
        name = name.strip("/")
        self.folder(os.path.dirname(name))
        self._add(name, 0o120777, target.encode())

    def device(self, name, major, minor):
        """Adds a character device."""
        name = name.strip("/")
        self.folder(os.path.dirname(name))
        self._add(name, 0o020600, device=(major, minor))

    def program(self, name, source):
        """Adds a program and the shared libraries that it is linked with."""
        self.file(name, source, 0o755)
        for library in shared_libraries(source):
            with open(library, "rb") as stream:
                self.once(library, stream.read(), 0o755)

    def bytes(self):
        """The whole archive; nothing can be added afterwards."""
        self._add("TRAILER!!!", 0)
        return b"".join(self.parts)


def write_whole(path, data):
    """Writes a file so that it appears whole or not at all."""
    partial = "%s.%d" % (path, os.getpid())
    with open(partial, "wb") as stream:
        stream.write(data)
    os.rename(partial, path)


def shared_libraries(program):
    """Paths of a program's shared libraries and its loader."""
    result = subprocess.run(["ldd", program], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, check=False)
    return library_paths(result.stdout)


def library_paths(said):
    """The paths in what ldd said."""
    return re.findall(r"(/\S+) \(0x", said)


def kernel_image(root):
    """The bzImage in an unpacked kernel package."""
    boot = os.path.join(root, "boot")
    images = [name for name in sorted(os.listdir(boot))
              if name.startswith("vmlinuz-")]
    if not images:
        raise Missing("no kernel image in %s" % boot)
    return os.path.join(boot, images[-1])


def unpack_kernel(image):
    """The ELF image inside a bzImage, by the boot protocol's header."""
    with open(image, "rb") as stream:
        data = stream.read()
    setup_sectors = data[0x1f1] or 4
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = data[start:start + length]
    if payload.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        # Its size stands behind it.
        return subprocess.run(["zstd", "-dc"], input=payload[:-4], check=True,
                              stdout=subprocess.PIPE).stdout
    raise Missing("%s is packed in a way not known here" % image)


def unpacked_image(root):
    """The ELF image of an unpacked kernel package's kernel, which starts
    seconds faster under emulation than the bzImage.

    It is unpacked once, beside the package's folder in the cache.
    """
    path = os.path.realpath(root) + ".elf"
    if not os.path.exists(path):
        write_whole(path, unpack_kernel(kernel_image(root)))
    return path


def without_signature(module):
    """A module without its signature, which takes long to check."""
    magic = b"~Module signature appended~\n"
    if not module.endswith(magic):
        return module
    length = struct.unpack_from(">I", module, len(module) - len(magic) - 4)[0]
    return module[:len(module) - len(magic) - 12 - length]


def depends(module):
    """Names of the modules that a module names as needed, by its bytes."""
    match = re.search(rb"\0depends=([^\0]*)\0", module)
    names = match.group(1).decode() if match else ""
    return [name for name in names.split(",") if name]


class Modules:
    """A kernel package's modules, found by name, with what they depend on."""

    def __init__(self, root):
        self.paths = {}
        for top in ("lib/modules", "usr/lib/modules"):
            for folder, _, names in os.walk(os.path.join(root, top)):
                for name in names:
                    match = re.match(r"(.+)\.ko(\.xz|\.gz)?$", name)
                    if match:
                        key = match.group(1).replace("-", "_")
                        self.paths[key] = os.path.join(folder, name)

    def read(self, name):
        """A module's ELF bytes, unpacked."""
        path = self.paths[name]
        opener = {".xz": lzma.open, ".gz": gzip.open}.get(path[-3:], open)
        with opener(path, "rb") as stream:
            return stream.read()

    def needs(self, name):
        """Names of the modules that a module needs, directly or not."""
        return [key for key, _ in self.closure([name])][:-1]

    def closure(self, names):
        """(name, bytes) of the modules and what they need, in load order.

        Names that the kernel package does not have are left out: they are
        built in, or the caller looks for them when it needs them.
        """
        done = {}

        def visit(name):
            name = name.replace("-", "_")
            if name in done or name not in self.paths:
                return
            done[name] = None
            data = self.read(name)
            for needed in depends(data):
                visit(needed)
            del done[name]
            done[name] = data

        for name in names:
            visit(name)
        return list(done.items())
