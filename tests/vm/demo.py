#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A tour: an unmodified Debian kernel and Debian's own hyperv-daemons as a
guest of our host, and what an administrator does with it. Runs inside the
carrier; `make demo` starts it."""

import hashlib
import os
import re
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "carrier", "lib")]

import vm as vm_module  # noqa: E402

NAME = "demovm"
BEGAN = time.monotonic()
WRITER = "while :; do date +%s >>/mnt/data/log; sync; sleep 0.2; done"


def say(text):
    """Narrates."""
    print("\n[%4.1f s] %s" % (time.monotonic() - BEGAN, text), flush=True)


def show(text):
    """Prints what something said, indented."""
    for line in text.rstrip("\n").splitlines():
        print("    " + line, flush=True)


def lis(*arguments, check=True):
    """Runs a lis command as a person would, and shows it."""
    print("  $ lis " + " ".join(
        "'%s'" % word if re.search(r"[^\w./:=-]", word) else word
        for word in arguments), flush=True)
    result = vm_module.lis(*arguments, check=check, timeout_s=900)
    show(result.output + result.error)
    return result


def boot(folder):
    """Starts the guest."""
    path = os.path.join(folder, "demo.vhdx")
    say("Making a disk for the guest")
    lis("disk", "create", path, "1G")
    guest = vm_module.Guest(NAME, options=("--disk", path))
    say("Booting %s with lis run (its initrd carries Debian's hv_* modules "
        "and daemons)" % os.path.basename(guest.image))
    guest.boot()
    say("The guest is up. What its kernel says of the bus, and its daemons:")
    show(guest.run("dmesg | grep -iE 'vmbus|hv_|hyperv' | head -n 12; "
                   "ps | grep '[h]v_.*daemon'"))
    return guest


def disk(guest):
    """A file system on the disk."""
    say("The disk, as the guest's hv_storvsc sees it")
    show(guest.run(
        "until [ -b /dev/sda ]; do sleep 0.1; done; cd /sys/block/sda; "
        "echo sda $(cat device/vendor device/model) $(($(cat size)/2048)) MiB; "
        "mke2fs -q /dev/sda >/dev/null 2>&1; mkdir -p /mnt/disk; "
        "mount -t ext4 /dev/sda /mnt/disk; echo hello >/mnt/disk/file; sync; "
        "df -h /mnt/disk; umount /mnt/disk"))
    lis("disk", "list", "--vm", NAME)


def services(guest):
    """The table, and items of key-value exchange."""
    say("Integration services, as an administrator sees them")
    guest.wait_status("Heartbeat", "OK")
    lis("services", NAME)
    say("What the guest's hv_kvp_daemon tells of itself")
    lis("kvp", NAME)
    say("A value goes in, and is read inside the guest")
    lis("kvp", NAME, "set", "Greeting", "Grüße vom Host")
    # A record: 512 bytes of key, 2048 of value, each ended by a zero.
    show("in the guest: " + guest.run(
        "for from in 1 513; do tail -c +$from /var/lib/hyperv/.kvp_pool_0 |"
        "tr '\\0' '\\n' | head -n 1; done").replace("\n", " = "))


def copy(guest):
    """A file goes in."""
    say("Copying a file into the guest: refused until the service is enabled")
    with tempfile.NamedTemporaryFile(prefix="lis-demo-") as file:
        data = os.urandom(1 << 20)
        file.write(data)
        file.flush()
        lis("copy", NAME, file.name, "/mnt/data/in/file", check=False)
        lis("enable", NAME, "Guest Service Interface")
        guest.wait_status("Guest Service Interface", "OK")
        lis("copy", NAME, file.name, "/mnt/data/in/file", "--create-parents")
    inside = guest.run("sha256sum /mnt/data/in/file").split()[0]
    same = inside == hashlib.sha256(data).hexdigest()
    show("sha256 in the guest: %s... %s" % (
        inside[:16], "the same" if same else "NOT THE SAME"))
    return same


def freeze(guest):
    """Writes in the guest stop and go on."""
    say("Freezing the guest's file systems while a program in it writes")
    guest.run("(%s) >/dev/null 2>&1 &" % WRITER)

    def written():
        before = int(guest.run("wc -l </mnt/data/log"))
        return int(guest.run("sleep 1; wc -l </mnt/data/log")) - before

    show("lines written in a second: %d" % written())
    lis("freeze", NAME)
    frozen = written()
    show("lines written in a second: %d" % frozen)
    lis("thaw", NAME)
    thawed = written()
    show("lines written in a second: %d" % thawed)
    return frozen == 0 and thawed > 0


def stop(guest):
    """The guest's own shutdown."""
    say("Stopping the guest by its own shutdown")
    lis("stop", NAME)
    match = guest.console.wait(rb"@@lis poweroff (\w+)", 30)
    show("the guest's last words: file systems " + match.group(1).decode())
    guest.wait_end()
    lis("list")
    return match.group(1) == b"unmounted"


def main():
    """The tour; exit status 0 when all of it went as told."""
    with tempfile.TemporaryDirectory(prefix="lis-demo-") as folder:
        return tour(boot(folder))


def tour(guest):
    """What an administrator does; the exit status."""
    try:
        disk(guest)
        services(guest)
        good = [copy(guest), freeze(guest), stop(guest)]
    finally:
        guest.kill()
    say("Done" if all(good) else "Something did not go as told above")
    return 0 if all(good) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (vm_module.CommandFailed, AssertionError) as failure:
        print("demo: %s" % failure, file=sys.stderr)
        sys.exit(1)
