#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""What a VM costs, beside QEMU's with the same kernel, initrd and accelerator.
Runs inside the carrier; bench/run.py starts it."""

import json
import os
import re
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "vm"),
                os.path.join(HERE, "..", "carrier", "lib")]

import console  # noqa: E402
import vm as vm_module  # noqa: E402

BOOTS = 5
CLOCK_SECONDS = 120
MESSAGE_SECONDS = 30
MEMORY_MIB = 256
# What KVM offers a Linux guest under each host: enlightenments or its own.
QEMU = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-nodefaults",
        "-no-user-config", "-display", "none", "-serial", "stdio",
        "-no-reboot", "-smp", "1", "-object",
        "memory-backend-memfd,id=ram,size=%dM,share=on" % MEMORY_MIB,
        "-m", "%dM" % MEMORY_MIB]
HOSTS = ("lis", "q35", "microvm")


def command(host, guest, append):
    """The command line that boots the guest on a host."""
    append = vm_module.APPEND + " " + append
    if host == "lis":
        return [vm_module.LIS, "run", "--name", "bench", "--kernel",
                guest.image, "--initrd", guest.initrd, "--memory",
                "%dM" % MEMORY_MIB, "--append", append]
    return QEMU + ["-M", host + ",memory-backend=ram", "-kernel", guest.image,
                   "-initrd", guest.initrd, "-append", append]


def say(text):
    """Tells what is going on."""
    print("bench: " + text, flush=True)


def boot_ms(host, guest):
    """From the start of the process to the guest's init."""
    began = time.monotonic()
    process = console.start(command(host, guest, "lis.init=stop"))
    try:
        console.Console(process).wait(rb"@@lis early", 180)
        return (time.monotonic() - began) * 1000
    finally:
        process.kill()
        process.wait()


def boots(guest):
    """Median boot time by host, the hosts in turn."""
    say("boot to init: lis, then QEMU's q35 and microvm, %d times" % BOOTS)
    times = {host: [] for host in HOSTS}
    for _ in range(BOOTS):
        for host in HOSTS:
            times[host].append(boot_ms(host, guest))
    median = {host: statistics.median(values)
              for host, values in times.items()}
    for host in HOSTS:
        say("  %-8s %6.0f ms  lis is %.2f of it" % (
            host, median[host], median["lis"] / median[host]))
    return {"runs_ms": times, "median_ms": median}


def memory_kib(pid):
    """A process's share of memory without the guest's, which is a memfd."""
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as stream:
        text = stream.read()
    return sum(int(re.search(r"Pss_%s:\s+(\d+) kB" % kind, text).group(1))
               for kind in ("Anon", "File"))


def memory(guest):
    """Memory beyond the guest's, by host, the guest being up."""
    say("memory beyond the guest's")
    result = {}
    for host in HOSTS:
        process = console.start(command(host, guest, "lis.daemons=none"))
        try:
            console.Console(process).ready(180)
            result[host] = memory_kib(process.pid)
        finally:
            process.kill()
            process.wait()
        say("  %-8s %6d KiB" % (host, result[host]))
    return result


def messages(vm):
    """Round trips of heartbeats, and what they cost in interruptions."""
    say("heartbeats for %d s" % MESSAGE_SECONDS)
    rpc = vm_module.Rpc(vm.name)

    def counters():
        return rpc.call("vm.counters")["channels"]["Heartbeat"]

    before = counters()
    follower = vm_module.Rpc(vm.name)
    follower.call("trace.follow", packets=True, messages=False)
    limit = time.monotonic() + MESSAGE_SECONDS
    sent, trips_us = None, []
    while time.monotonic() < limit:
        record = json.loads(follower.lines.readline()).get("params", {})
        if record.get("service") != "Heartbeat":
            continue
        if record["direction"] == "to-guest":
            sent = record["time_ns"]
        elif sent is not None:
            trips_us.append((record["time_ns"] - sent) / 1000)
            sent = None
    after = counters()
    count = after["packets_out"] - before["packets_out"]
    result = {
        "round_trip_median_us": statistics.median(trips_us),
        "round_trip_worst_us": max(trips_us),
        "signals_per_message": (after["signals_in"] - before["signals_in"])
        / count,
        "interrupts_per_message": (after["interrupts_out"]
                                   - before["interrupts_out"]) / count}
    for key, value in result.items():
        say("  %-24s %8.2f" % (key, value))
    return result


def clock(vm):
    """Offset of the guest's clock from the host's."""
    say("clock offset for %d s" % CLOCK_SECONDS)
    device = vm.run("for p in /sys/class/ptp/*; do grep -q hyperv "
                    "$p/clock_name && echo /dev/${p##*/}; done").strip()
    output = vm.run("clockoffset %s %d" % (device, CLOCK_SECONDS),
                    CLOCK_SECONDS * 2)
    offsets = [abs(int(line)) / 1000 for line in output.split()]
    result = {"median_us": statistics.median(offsets),
              "worst_us": max(offsets)}
    for key, value in result.items():
        say("  %-24s %8.1f" % (key, value))
    return result


def main():
    """Measures, and writes all of it to the file that is named."""
    guest = vm_module.Guest("bench")
    results = {"boot": boots(guest), "memory_kib": memory(guest)}
    guest.boot()
    try:
        guest.wait_status("Time Synchronization", "OK")
        results["messages"] = messages(guest)
        results["clock"] = clock(guest)
    finally:
        guest.kill()
    with open(sys.argv[1], "w", encoding="utf-8") as stream:
        json.dump(results, stream)
    return 0


if __name__ == "__main__":
    sys.exit(main())
