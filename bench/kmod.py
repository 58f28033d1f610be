#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The guest's kernel modules of guest/kmod beside those of the kernel's package:
the same kernel, the same host, the same load. Runs inside a carrier whose clock
counts instructions (--icount); bench/run.py starts it.

Whoever makes the load, the host and the guest share one processor that never
waits, so that a rate is a count of the instructions of all of them. What is not
the host's is of the guest, and of the load's other end.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "vm"),
                os.path.join(HERE, "..", "carrier", "lib"), HERE]

import console  # noqa: E402
import debian  # noqa: E402
import guest as guest_module  # noqa: E402
import initramfs  # noqa: E402
import network  # noqa: E402
import storage  # noqa: E402
import vm as vm_module  # noqa: E402
from host_cost import INSTRUCTIONS_PER_SECOND  # noqa: E402
from machine import cache_folder  # noqa: E402
from network import say  # noqa: E402

KERNEL = "6.1"
# The first is measured by the second.
DRIVERS = ("ours", "upstream")
PARTS = ("size", "boot", "storage", "network")
BOOTS = 3
BOOT_LIMIT_S = 60


# ---- size ----

def stripped_bytes(path):
    """Size of a module without what only debuggers and tracers read."""
    copy = "/run/bench-module.ko"
    subprocess.run(["strip", "--strip-debug", "--remove-section=.BTF", "-o",
                    copy, path], check=True)
    return os.path.getsize(copy)


def sizes():
    """{driver set: {module: bytes}}."""
    package = initramfs.Modules(os.path.join(cache_folder(),
                                             "kernel-" + KERNEL))
    folder = guest_module.modules_folder(KERNEL)
    return {
        "ours": {name: stripped_bytes(os.path.join(folder, name + ".ko"))
                 for name in guest_module.OURS},
        "upstream": {name: stripped_bytes(package.paths[name])
                     for name in guest_module.OURS}}


# ---- boot ----

def boot_once(guest, disk):
    """From the start of the process to the guest's init, from there until its
    drivers are loaded and it serves commands, and what the modules take then:
    (ms, ms, {module: bytes})."""
    append = vm_module.APPEND + " lis.daemons=none lis.init=early"
    began = time.monotonic()
    process = console.start([
        vm_module.LIS, "run", "--name", "bench", "--kernel", guest.image,
        "--initrd", guest.initrd, "--memory", "%dM" % network.MEMORY_MIB,
        "--append", append, "--net", "tap=" + network.TAP,
        "--disk", disk + ",read-only"])
    try:
        text = console.Console(process)
        text.wait(rb"@@lis early", BOOT_LIMIT_S)
        init = time.monotonic()
        text.ready(BOOT_LIMIT_S)
        ready = time.monotonic()
        status, shown = text.run("cat /proc/modules")
        if status:
            raise RuntimeError("/proc/modules cannot be read: " + shown)
    finally:
        process.kill()
        process.wait()
    rows = [line.split() for line in shown.splitlines()]
    return ((init - began) * 1000, (ready - init) * 1000,
            {row[0]: int(row[1]) for row in rows
             if row[0] in guest_module.OURS})


def boots(guests):
    """{driver set: what boot_once() says, medians}, the sets in turn."""
    disk = "/run/bench-boot.raw"
    initramfs.write_whole(disk, b"\0" * (16 << 20))
    runs = {name: [] for name in guests}
    for _ in range(BOOTS):
        for name, guest in guests.items():
            runs[name].append(boot_once(guest, disk))
    return {name: {"init_ms": statistics.median(run[0] for run in of),
                   "drivers_ms": statistics.median(run[1] for run in of),
                   "memory_bytes": of[0][2]} for name, of in runs.items()}


# ---- disks and networks ----

def storage_measure(guests):
    """{driver set: {job: (requests a second, host's s each)}}."""
    image, tools = storage.backing()["lis"], debian.disk(say)
    results = {}
    for name, guest in guests.items():
        say("storage: " + name)
        results[name] = storage.measure(name, storage.command(
            name, guest, storage.initrd(guest), image, tools))
    return results


def network_measure(guests):
    """{driver set: {job: (so many a second, host's s each)}}."""
    jobs = network.jobs_possible()
    network.servers_start()
    results = {}
    for name, guest in guests.items():
        say("network: " + name)
        image = network.initrd(guest, ("pktgen",))
        results[name] = network.one_host(
            name, network.command(name, guest, image), jobs)
    return results


# ---- tables ----

def ratio(theirs, ours):
    """So many times as good is ours, where less is better."""
    return "%.2f" % (theirs / ours) if ours and theirs else "-"


def cost_table(results):
    """Instructions for one of what was measured, all of them and those that
    are not the host's."""
    say("  %-36s %8s %9s %6s %9s %9s %6s" % (
        "instructions for one", "ours", "upstream", "times", "not host",
        "upstream", "times"))
    for job in results["ours"]:
        total, rest = [], []
        for name in DRIVERS:
            rate, cost = results[name].get(job, network.NO_FIGURE)
            total.append(INSTRUCTIONS_PER_SECOND / rate if rate else 0)
            rest.append(max(0, total[-1] - INSTRUCTIONS_PER_SECOND * cost))
        say("  %-36s %8.0f %9.0f %6s %9.0f %9.0f %6s" % (
            job, total[0], total[1], ratio(total[1], total[0]), rest[0],
            rest[1], ratio(rest[1], rest[0])))


def plain_table(title, unit, rows):
    """@rows: {what: (ours, theirs)}, where less is better."""
    say("  %-36s %8s %9s %6s" % (title + ", " + unit, "ours", "upstream",
                                 "times"))
    for what, (ours, theirs) in rows.items():
        say("  %-36s %8.0f %9.0f %6s" % (what, ours, theirs,
                                         ratio(theirs, ours)))


def tables(results):
    """Prints the figures beside each other."""
    if "size" in results:
        of = results["size"]
        plain_table("size", "bytes", {
            name: (of["ours"][name], of["upstream"][name])
            for name in guest_module.OURS})
    if "boot" in results:
        of = results["boot"]
        plain_table("boot", "ms", {
            key: (of["ours"][key], of["upstream"][key])
            for key in ("init_ms", "drivers_ms")})
        plain_table("loaded", "bytes", {
            name: (of["ours"]["memory_bytes"].get(name, 0),
                   of["upstream"]["memory_bytes"].get(name, 0))
            for name in guest_module.OURS})
    for part in ("storage", "network"):
        if part in results:
            cost_table(results[part])


def main():
    """Measures, prints tables, and writes all of it to the file named."""
    only = re.compile(os.environ.get("LIS_BENCH_PARTS", ""))
    parts = [part for part in PARTS if only.search(part)]
    guests = {name: vm_module.Guest("bench", KERNEL, drivers=name)
              for name in DRIVERS}
    network.tap_make()
    results = {}
    if "size" in parts:
        results["size"] = sizes()
    if "boot" in parts:
        say("boot: each set of drivers %d times" % BOOTS)
        results["boot"] = boots(guests)
    if "storage" in parts:
        results["storage"] = storage_measure(guests)
    if "network" in parts:
        results["network"] = network_measure(guests)
    tables(results)
    with open(sys.argv[1], "w", encoding="utf-8") as stream:
        json.dump(results, stream)
    return 0


if __name__ == "__main__":
    sys.exit(main())
