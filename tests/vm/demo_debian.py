#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A tour of synthetic devices: a whole Debian boots from a VHDX of ours, gets
its address over an adapter of ours and answers over SSH, is backed up while it
writes, and the backup boots. Runs inside the carrier; `make demo-debian` starts
it."""

import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "carrier", "lib")]

import debian  # noqa: E402
import vm as vm_module  # noqa: E402
from debian_guest import DebianGuest, Ssh  # noqa: E402
from demo import lis, say, show  # noqa: E402

NAME = "debian"
SSH_PORT = 2222
# libslirp's DHCP server gives the first guest this one.
ADDRESS = "10.0.2.15"
WRITER = "i=0; while :; do i=$((i+1)); " \
    "head -c 300000 /dev/urandom >/var/tmp/load.$((i % 40)); " \
    "echo $i >>/var/tmp/log; sync; done"


def boot(name, disk, options=()):
    """Boots from a disk up to a login."""
    guest = DebianGuest(name, disk, options=options)
    say("Booting Debian from %s with lis run, up to a login on its console"
        % os.path.basename(disk))
    guest.boot()
    say("root is logged in. What the guest says of its disk:")
    show(guest.run("lsblk -o NAME,SIZE,TYPE,MOUNTPOINTS,VENDOR,MODEL; "
                   "findmnt -n -o SOURCE,FSTYPE,OPTIONS /"))
    return guest


def network(guest, work):
    """An address by DHCP, a command over forwarded SSH, and what the host knows
    of it all."""
    say("The adapter, and the address that the guest got for it by DHCP")
    guest.run("until ip -4 addr show dev eth0 | grep -q inet; "
              "do sleep 1; done", 300)
    show(guest.run("basename $(readlink /sys/class/net/eth0/device/driver); ip -br -4 addr show dev eth0; "
                   "ip route show default"))
    lis("net", "list", NAME)
    say("A key made for this guest, put there by file copy, and SSH over a "
        "forwarded port")
    ssh = Ssh(work, SSH_PORT)
    ssh.give(guest)
    command = "hostname; uname -r; echo from $SSH_CONNECTION"
    print("  $ ssh -p %d root@127.0.0.1 '%s'" % (SSH_PORT, command))
    said = ssh.run(command)
    show(said)
    say("The address that the guest itself reported, by its hv_kvp_daemon")
    guest.wait_address(ADDRESS)
    lis("list")
    return said.startswith("debian\n")


def back_up(guest, folder):
    """Two backups of a guest that writes."""
    say("Backing the disk up while a program in the guest writes to it")
    guest.wait_status("VSS", "OK", 120)
    guest.run("(%s) >/dev/null 2>&1 &" % WRITER)
    lis("backup", NAME, folder)
    say("A second backup copies what changed since")
    lis("backup", NAME, folder)
    lis("restore", "--list", folder)
    lines = int(guest.run("wc -l </var/tmp/log"))
    show("the writer went on: it is at round %d" % lines)
    return lines > 0


def restored(folder, target):
    """The backup as an image: clean, and it boots."""
    say("Making an image of the newest backup, and checking it")
    lis("restore", folder, target)
    path = os.path.join(target, "disk-0-0.vhdx")
    lis("disk", "check", path)
    guest = boot("restored", path)
    try:
        say("What the copy's file system says of itself, and the writer's log")
        journal = guest.run("dmesg | grep -i 'sda.*ext4' | head -n 3; "
                            "dmesg | grep -ci 'recovery' || true")
        show(journal)
        show(guest.run("tail -n 1 /var/tmp/log"))
        trouble = guest.run("dmesg | grep -iE 'EXT4-fs.*(error|corrupt)' || "
                            "echo none")
        show("errors of the file system: " + trouble)
        lis("stop", "restored", "--timeout", "300")
        guest.wait_end(300)
    finally:
        guest.kill()
    return trouble == "none"


def main():
    """The tour; exit status 0 when all of it went as told."""
    work = tempfile.mkdtemp(prefix="lis-debian-")
    disk = os.path.join(work, "debian.vhdx")
    say("Making a dynamic VHDX of a Debian 12")
    lis("disk", "convert", debian.disk(say), disk)
    lis("disk", "info", disk)
    guest = boot(NAME, disk, ("--net",
                              "user,forward=tcp:127.0.0.1:%d-:22" % SSH_PORT))
    try:
        backup = os.path.join(work, "backup")
        good = [network(guest, work), back_up(guest, backup)]
        say("Stopping the guest")
        lis("stop", NAME, "--timeout", "300")
        guest.wait_end(300)
        good.append(restored(backup, os.path.join(work, "restored")))
    finally:
        guest.kill()
    say("Done" if all(good) else "Something did not go as told above")
    return 0 if all(good) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (vm_module.CommandFailed, AssertionError) as failure:
        print("demo-debian: %s" % failure, file=sys.stderr)
        sys.exit(1)
