#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Backup and file copy with lisd in a guest, beside the distribution's daemons
in the same guest. Runs inside the carrier; bench/run.py starts it."""

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
ROUNDS = 5
COPIES = ((1, 5), (16, 1))  # of so many MB, so many times
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


def measure(vm):
    """All figures of the daemons that run now."""
    result = {}
    beside.figure(result, "freeze_to_thaw_ms", freeze_to_thaw_ms(vm))
    for megabytes, times in COPIES:
        beside.figure(result, "copy_%d_mb_per_s" % megabytes,
                      copy_mb_per_s(vm, megabytes, times))
    for service in SERVICES:
        beside.figure(result, "resident_%s_kib" % service,
                      beside.resident_kib(vm, service))
    return result


def main():
    """Measures both, and prints one beside the other."""
    vm = vm_module.Guest("bench", "6.1", memory="512M",
                         options=("--enable", SERVICE)).boot()
    try:
        vm.run(PREPARE)
        results = {"debian": measure(vm)}
        for service in SERVICES:
            lisd_guest.take_over(vm, service)
        results["lisd"] = measure(vm)
    finally:
        vm.kill()
    beside.tell(results, sys.argv[1])


if __name__ == "__main__":
    main()
