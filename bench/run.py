#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Measures, and prints each figure beside what it is compared with.

Figures of one run are comparable with each other, not with another machine's.
Everything that was measured also goes to bench/results/DATE.json.
"""

import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build-bench")
KMOD = os.path.join(BUILD, "kmod")
RESULTS = os.path.join(ROOT, "bench", "results")


def say(text):
    """Tells what is going on."""
    print("bench: " + text, flush=True)


def run(*command, **arguments):
    """Runs a command that must succeed."""
    return subprocess.run(command, cwd=ROOT, check=True,
                          stdin=subprocess.DEVNULL, **arguments)


def build():
    """Builds what is measured, optimised."""
    say("building into build-bench")
    if not os.path.exists(os.path.join(BUILD, "build.ninja")):
        run("meson", "setup", "--buildtype=release", BUILD,
            stdout=subprocess.DEVNULL, env=dict(os.environ, CC="gcc"))
    run("ninja", "-C", BUILD, "--quiet")


def size_bytes():
    """Size of the stripped program."""
    stripped = os.path.join(BUILD, "lis.stripped")
    run("strip", "-o", stripped, os.path.join(BUILD, "host", "cli", "lis"))
    return os.path.getsize(stripped)


def ring():
    """Packets through a ring beside plain copies; prints its own table."""
    say("ring, beside a plain copy of the same bytes")
    path = os.path.join(BUILD, "ring.json")
    run(os.path.join(BUILD, "bench", "bench_ring"), "--json", path)
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def in_carrier(name, *options):
    """Runs bench/NAME.py inside a carrier, where a guest's image is: what it
    measured."""
    path = os.path.join(BUILD, name + ".json")
    run("carrier/guest-image", "6.1", stdout=subprocess.DEVNULL)
    run("carrier/carrier", "run", *options, "--share", BUILD, "--follow",
        str(os.getpid()), "--", "env",
        "LIS_BINARY=" + os.path.join(BUILD, "host", "cli", "lis"),
        "LISD_BINARY=" + os.path.join(BUILD, "guest", "lisd", "lisd"),
        "LIS_KMOD_DIR=" + KMOD,
        "/usr/bin/python3", "bench/%s.py" % name, path)
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def vm():
    """Boot, memory, messages and clock, inside the carrier."""
    say("VMs, in the carrier")
    return in_carrier("vm")


def storage():
    """Disks, inside a carrier that counts instructions."""
    say("disks, in a carrier that counts instructions: some 20 minutes")
    run("carrier/debian-image", "6.1", stdout=subprocess.DEVNULL)
    return in_carrier("storage", "--icount")


def network():
    """Adapters, inside a carrier that counts instructions."""
    say("network adapters, in a carrier that counts instructions: some 20 "
        "minutes")
    return in_carrier("network", "--icount")


def kmod():
    """The guest's kernel modules, inside a carrier that counts
    instructions."""
    say("kernel modules beside the kernel package's, in a carrier that counts "
        "instructions: some 30 minutes")
    run("carrier/debian-image", "6.1", stdout=subprocess.DEVNULL)
    run("carrier/guest-image", "6.1", "--drivers", "ours",
        stdout=subprocess.DEVNULL, env=dict(os.environ, LIS_KMOD_DIR=KMOD))
    return in_carrier("kmod", "--icount")


def key_value():
    """The guest's daemon for key-value exchange, inside the carrier."""
    say("key-value exchange beside the distribution's daemon, in a carrier "
        "that counts instructions")
    return in_carrier("key_value", "--icount")


def backup_copy():
    """The guest's daemon for backup and file copy, inside the carrier."""
    say("backup and file copy beside the distribution's daemons, in a carrier "
        "that counts instructions")
    return in_carrier("backup_copy", "--icount")


def daemon_cost():
    """The guest's daemon, on this machine."""
    say("processor time of key-value exchange and file copy beside the "
        "distribution's daemons")
    if os.geteuid():
        say("left out: only root can give them a place of their own")
        return None
    cache = subprocess.run([os.path.join(ROOT, "carrier", "packages"), "path"],
                           stdout=subprocess.PIPE, text=True,
                           check=True).stdout.strip()
    path = os.path.join(BUILD, "daemon_cost.json")
    run(os.path.join(BUILD, "bench", "bench_daemon_cost"),
        os.path.join(BUILD, "bench", "bench_daemon_shim.so"),
        os.path.join(cache, "daemons-6.1", "usr", "sbin"), path)
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


PARTS = {"ring": ring, "vm": vm, "storage": storage, "network": network, "kmod": kmod,
         "daemon_cost": daemon_cost, "key_value": key_value, "backup_copy": backup_copy}


def main():
    """Measures everything, or the parts that the command line names."""
    build()
    results = {"lis_stripped_bytes": size_bytes()}
    say("lis, stripped: %d KiB" % (results["lis_stripped_bytes"] // 1024))
    for name, part in PARTS.items():
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            results[name] = part()
    os.makedirs(RESULTS, exist_ok=True)
    path = os.path.join(RESULTS, time.strftime("%Y%m%dT%H%M%S.json"))
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(results, stream, indent=1)
    say("all figures are in " + os.path.relpath(path, ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
