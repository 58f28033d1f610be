#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Backup and file copy with lisd in a guest, beside the distribution's daemons
in the same guest. Runs inside a carrier whose clock counts instructions
(--icount); bench/run.py starts it."""

import os
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "vm"),
                os.path.join(HERE, "..", "carrier", "lib")]

import beside  # noqa: E402
import lisd_guest  # noqa: E402
import vm as vm_module  # noqa: E402

FILE_SYSTEMS = 10
ROUNDS = 3
COPIES = ((1, 2), (8, 1))  # of so many MB, so many times
ITEMS = 250
SERVICE = "Guest Service Interface"
SERVICES = ("vss", "fcopy")
# Ten ext4 with a journal, each with a program that writes to it.
PREPARE = """
for i in $(seq 11 %d); do
  [ -e /dev/ram$i ] || mknod /dev/ram$i b 1 $i
  mke2fs -q /dev/ram$i 8192 >/dev/null 2>&1
  mkdir -p /mnt/bench$i; mount -t ext4 /dev/ram$i /mnt/bench$i
  (while :; do dd if=/dev/zero of=/mnt/bench$i/x bs=64k count=16 2>/dev/null
   sleep 0.05; done) >/dev/null 2>&1 &
done""" % (10 + FILE_SYSTEMS)


def freeze_to_thaw_ms(vm):
    """From the request to freeze to the answer that all is thawed."""
    vm.wait_status("VSS", "OK", 60)
    spent = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        vm.lis("freeze")
        vm.lis("thaw")
        spent.append((time.monotonic() - began) * 1000)
    return statistics.median(spent)


def copy_mb_per_s(vm, megabytes, times):
    """A file of so many MB that do not compress."""
    vm.wait_status(SERVICE, "OK", 60)
    with tempfile.NamedTemporaryFile() as source:
        source.write(os.urandom(megabytes * 1000000))
        source.flush()
        began = time.monotonic()
        for _ in range(times):
            vm.lis("copy", source.name, "/tmp/bench", "--force",
                   timeout_s=1800)
    return megabytes * times / (time.monotonic() - began)


def work_all(vm):
    """Has each daemon do what it is there for, so that it has its memory."""
    vm.wait_all_ok()
    rpc = vm_module.Rpc(vm.name)
    for number in range(ITEMS):
        rpc.call("kvp.set", pool="external", key="key %d" % number,
                 value="a value")
    for pool in ("auto", "external"):
        rpc.call("kvp.enumerate", pool=pool)
    rpc.close()
    freeze_to_thaw_ms(vm)
    copy_mb_per_s(vm, 1, 1)


def memory(vm, result):
    """Of the daemons that run now: of all services, and of a supervisor."""
    work_all(vm)
    totals = {}
    for _, name, kib in beside.memory_kib(vm):
        print("bench:   %-28s %s KiB" % (name, " ".join(map(str, kib))))
        kind = "supervisor" if name == "lisd" else "services"
        totals.setdefault(kind, []).append(kib)
    for kind, rows in sorted(totals.items()):
        for name, kib in zip(("resident", "share", "own"), zip(*rows)):
            beside.figure(result, "%s_%s_kib" % (kind, name), sum(kib))


def measure(vm):
    """Figures of the daemons for backup and file copy that run now."""
    result = {}
    beside.figure(result, "freeze_to_thaw_ms", freeze_to_thaw_ms(vm))
    for megabytes, times in COPIES:
        beside.figure(result, "copy_%d_mb_per_s" % megabytes,
                      copy_mb_per_s(vm, megabytes, times))
    return result


def main():
    """Measures both, and prints one beside the other."""
    vm = vm_module.Guest("bench", "6.1", memory="768M",
                         options=("--enable", SERVICE)).boot()
    try:
        vm.run(PREPARE, 600)
        results = {"debian": measure(vm)}
        memory(vm, results["debian"])
        for service in SERVICES:
            lisd_guest.take_over(vm, service)
        results["lisd"] = measure(vm)
        # All three by one supervisor, as our unit has them.
        vm.run("for i in kvp vss fcopy; do daemon stop $i; done; "
               "(exec lisd </dev/null >/var/log/lisd 2>&1) &")
        memory(vm, results["lisd"])
    finally:
        vm.kill()
    beside.tell(results, sys.argv[1])


if __name__ == "__main__":
    main()
