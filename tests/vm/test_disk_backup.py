# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""lis backup and lis restore, of a guest that goes on writing."""

import os
import subprocess

import vm as vm_module

MOUNT = "until [ -b /dev/sda ]; do sleep 0.1; done; mkdir -p /mnt/disk; " \
    "mke2fs -q -I 256 /dev/sda >/dev/null 2>&1; " \
    "mount -t ext4 /dev/sda /mnt/disk; "
WRITER = "cd /mnt/disk; i=0; while :; do i=$((i+1)); " \
    "head -c 50000 /dev/urandom >f.$i; sha256sum f.$i >>sums; " \
    "echo $i >last.new; mv last.new last; sync; [ ! -e /tmp/enough ] || break; done"


def debugfs(image, command):
    """A file of an ext4 image, read without mounting."""
    return subprocess.run(["debugfs", "-R", command, image], check=True,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


def clean(image):
    """Whether the file system's own checker has nothing to say against it."""
    result = subprocess.run(["e2fsck", "-fn", image], text=True, check=False,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return result.returncode == 0, result.stdout


def restored(folder, target, name=None):
    """The disk of a backup, newest or named, as a raw image."""
    vm_module.lis("restore", "--format", "raw", *(["--id", name] if name
                                                  else []), folder, target)
    return os.path.join(target, "disk-0-0.raw")


def test_backup(new_vm, tmp_path):
    """Two backups under load: each is of one moment, and has every file that
    was whole at that moment; what came later is only in the later one."""
    disk = str(tmp_path / "disk.vhdx")
    folder = str(tmp_path / "backup")
    vm_module.lis("disk", "create", disk, "256M")
    guest = new_vm(options=("--disk", disk))
    guest.wait_status("VSS", "OK", 60)
    guest.run(MOUNT + "(%s) >/dev/null 2>&1 &" % WRITER)
    guest.run("until [ -s /mnt/disk/last ]; do sleep 0.2; done")
    first = guest.lis("backup", folder, "--json", timeout_s=300).json
    second = guest.lis("backup", folder, "--json", timeout_s=300).json
    assert first["consistency"] == "file-system"
    assert first["disks"][0]["parent"] is None
    assert second["disks"][0]["parent"] == first["disks"][0]["file"]
    assert second["disks"][0]["copied_bytes"] < \
        first["disks"][0]["copied_bytes"]
    # The guest goes on.
    before = int(guest.run("cat /mnt/disk/last"))
    guest.run("until [ $(cat /mnt/disk/last) -gt %d ]; do sleep 0.2; done"
              % before)

    last = []
    for number, row in enumerate((first, second)):
        image = restored(folder, str(tmp_path / str(number)), row["id"])
        good, said = clean(image)
        assert good, said
        last.append(int(debugfs(image, "cat last") or b"0"))
        for line in debugfs(image, "cat sums").decode().splitlines()[:last[-1]]:
            digest, name = line.split()
            data = tmp_path / "data"
            data.write_bytes(debugfs(image, "cat " + name))
            assert subprocess.run(["sha256sum", str(data)], check=True,
                                  stdout=subprocess.PIPE, text=True
                                  ).stdout.split()[0] == digest, name
    assert 0 < last[0] <= last[1] <= before
    guest.run("touch /tmp/enough")


def test_who_cannot_freeze(new_vm, tmp_path):
    """A guest without the daemon is not backed up, unless that is asked for;
    what is refused leaves nothing behind."""
    disk = tmp_path / "disk.raw"
    disk.write_bytes(b"data".ljust(1 << 20, b"\0"))
    folder = str(tmp_path / "backup")
    guest = new_vm(append="lis.daemons=none", options=("--disk", str(disk)))
    result = guest.lis("backup", folder, check=False)
    assert result.status != 0
    assert "--crash-consistent" in result.error
    assert os.listdir(folder) == []
    row = guest.lis("backup", folder, "--crash-consistent", "--json").json
    assert row["consistency"] == "crash"
    with open(restored(folder, str(tmp_path / "new")), "rb") as stream:
        assert stream.read(4) == b"data"
