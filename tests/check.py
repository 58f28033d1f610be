#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Builds and runs every test, part by part, and sums up in the last line.

Logs of each part are in build/check/. Exit status 0 only when nothing failed.
"""

import argparse
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import threading
import time

import kmod
import lint
import tally
from tally import FAILED, OK, SKIPPED, Tally

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join(ROOT, "build", "check")
FUZZ_SECONDS, FUZZ_SECONDS_FULL = 10, 300
# Many tests wait for a clock rather than compute.
UNIT_JOBS = 5
# The machines this runs on have two processors.
FUZZ_JOBS = 6
VM_LIMIT_S, VM_LIMIT_FULL_S = 900, 7200
# The fuzz targets are in the same build as the tests with these sanitizers.
ASAN_OPTIONS = ["-Db_sanitize=address,undefined", "-Db_lundef=false",
                "-Dfuzz=true", "-Doptimization=1"]
LISD = os.path.join(ROOT, "build/guest/lisd/lisd")
GUEST_TOOLS = [os.path.join(ROOT, "build/guest/tools", name)
               for name in ("lsvmbus", "lis-status")]
# What the package of the modules is made of: its image is known by it.
PACKAGED = ("packaging/modules", "guest/kmod", "vmbus", "services")
MACHINE_RUN = os.path.join(ROOT, "build/tests/vm/machine/machine_run")
# A carrier has one processor. With more of them than the machine has, a guest's
# kernel was seen to tell of stalls.
VM_JOBS = 2
KMOD = os.path.join(ROOT, "build", "kmod")
KMOD_KERNELS, KMOD_KERNELS_FULL = ("6.1", "6.12"), ("5.10", "686", "686-pae")
# What pytest -k picks for each: guests of one kind stay up from test to test.
# The longest come first.
VM_GROUPS = {
    "network": "test_network",
    "6.12-1cpu": "6.12-1cpu",
    "6.1-2cpu": "6.1-2cpu",
    "disks": "test_storage or test_disk_backup or test_disk_tools",
    "lisd": "test_lisd and not test_lisd_debian and not 1cpu and not 2cpu",
    "others": "not 1cpu and not 2cpu and not test_storage and "
              "not test_disk_backup and not test_disk_tools and "
              "not test_network and not test_lisd and not test_kmod",
}
# The same tests with the modules of guest/kmod in place of the kernel's own:
# those of the bus and of the integration components, and in make check few.
OURS = "test_modules_are_ours or test_sysfs_is_the_same or " \
       "test_kmod_hostile or " \
       "test_newer_kernel or test_same_as_the_kernels or " \
       "(test_hashes_are_equal and 6.12-1cpu) or (6.1-1cpu and (" \
       "test_table or test_intrinsic_items or test_missing_folder or " \
       "test_writes_stop_and_go_on or test_stop))"
# What shakes, crashes or takes processors from such guests, each its own.
OURS_STRESS = "test_kmod_stress or test_kmod_cpus or test_kmod_crash or " \
              "test_kmod_reload"
OURS_SUSPEND = "test_kmod_suspend"
OURS_FULL = "(test_kmod and not (%s or %s)) or test_storage or " \
            "test_disk_tools or test_services or test_heartbeat or " \
            "test_kvp or test_copy or test_lisd_copy or test_time or " \
            "test_backup or test_end or test_scribbled_rings or " \
            "test_boots_from_a_disk or test_disk_and_services or " \
            "test_all_services or test_bus or test_guest_tools" % (
                OURS_STRESS, OURS_SUSPEND)
OURS_NETWORK = "test_again_and_again or test_switch or test_tap or " \
    "test_function"
OURS_NETWORK_FULL = "test_network and not test_ipxe"
# In short, with more processors than the tests ask for.
OURS_4CPU = "not test_kmod and not test_network_flow and (" \
            "test_services or test_heartbeat or test_intrinsic_items or " \
            "test_set_read_and_remove or test_missing_folder or " \
            "test_writes_stop_and_go_on or test_stop or test_storage or " \
            "test_again_and_again or test_switch or test_tap)"
# What is tried on the kernel that looks for faults: a 6.1, with one vCPU
# whatever the test asks for, and so of tests that differ by that only one.
OURS_DEBUG = {name: "not 6.12 and not 5.10 and not 2cpu and (%s)" % select
              for name, select in {
    "debug-stress": "test_come_and_go and 6.1-1 and not often or "
                    "test_reload_in_use and 6.1-2",
    "debug-hostile": "test_kmod_hostile and not 6.1-2",
    "debug-network": "test_network_driver or test_network_function or "
                     "test_again_and_again or test_switch",
    "debug-services": "test_services or test_kvp or test_kmod_uio",
    "debug-disks": "test_storage and not test_newer_kernel",
}.items()}
VM_GROUPS_FULL = {
    **VM_GROUPS,
    "6.1-1cpu": "6.1-1cpu",
    "6.12-2cpu": "6.12-2cpu",
    "lisd-debian-6.1": "test_lisd_debian and not 6.12",
    "lisd-debian-6.12": "test_lisd_debian and 6.12",
}


def say(text):
    """Tells what is going on."""
    print("check: " + text, flush=True)


def run(command, log, **arguments):
    """Runs a command with its output in a log: its exit status."""
    with open(os.path.join(LOGS, log + ".log"), "w", encoding="utf-8") as out:
        return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL,
                              stdout=out, stderr=subprocess.STDOUT,
                              check=False, **arguments).returncode


def show_log(log, lines=40):
    """Prints the end of a log."""
    with open(os.path.join(LOGS, log + ".log"), encoding="utf-8",
              errors="replace") as stream:
        for line in stream.read().splitlines()[-lines:]:
            print("    " + line)


def set_up(path, compiler, options, log):
    """Sets a build folder up: true when it worked."""
    command = ["meson", "setup", path] + options
    if os.path.exists(os.path.join(path, "build.ninja")):
        command = ["meson", "setup", "--reconfigure", path] + options
    ok = run(command, log, env=dict(os.environ, CC=compiler)) == 0
    if not ok:
        show_log(log)
    return ok


def introspect(path, what):
    """What meson knows of a build folder: "tests", "targets", ..."""
    return json.loads(subprocess.run(
        ["meson", "introspect", "--" + what, path], check=True,
        stdout=subprocess.PIPE).stdout)


def build(path, log, targets=()):
    """Builds some targets, or all: true when it worked."""
    ok = run(["ninja", "-C", path] + list(targets), log) == 0
    if not ok:
        show_log(log)
    return ok


def unit(folder, compiler, options, label, full, only=None, environment=None):
    """Builds, and runs the unit tests, or those that only(test) picks. What
    fails is run once more, alone, but for make check-full."""
    result = Tally()
    log = label.replace(" ", "-")
    path = os.path.join(ROOT, folder)
    names, targets = [], []
    ready = set_up(path, compiler, options, log)
    if ready and only:
        tests = [test for test in introspect(path, "tests") if only(test)]
        if not tests:
            result.add(SKIPPED, label, "no test of this kind")
            return result
        names = sorted({test["name"] for test in tests})
        targets = sorted({os.path.relpath(test["cmd"][0], path)
                          for test in tests})
    if not ready or not build(path, log, targets):
        result.add(FAILED, label + " build", "see build/check/%s.log" % log)
        return result
    result.add(OK, label + " build")
    first, failed = unit_run(path, UNIT_JOBS, names, label, environment)
    # Many at once keep a machine busy for longer than a test may wait.
    if failed and not full:
        say("%s: %s failed; running once more, one at a time" % (
            label, ", ".join(failed)))
        second, _ = unit_run(path, 1, failed, label, environment)
        tally.second_try(first, second)
    result.merge(first)
    return result


def unit_run(path, jobs, names, label, environment):
    """Runs the unit tests, or those named, of a build: (a tally, the names of
    those that failed)."""
    result = Tally()
    log = label.replace(" ", "-") + "-tests"
    report = os.path.join(path, "meson-logs", "testlog.json")
    if os.path.exists(report):
        os.unlink(report)
    run(["meson", "test", "-C", path, "--no-rebuild", "--num-processes",
         str(jobs)] + names, log, env=dict(os.environ, **(environment or {})))
    if not os.path.exists(report):
        show_log(log)
        result.add(FAILED, label, "meson wrote no report")
        return result, []
    return tally.from_meson(report, label), tally.meson_failures(report)


def part_freestanding(_options):
    """vmbus/ and services/ compiled without any libc header"""
    return lint.freestanding()


def part_unit(options):
    """gcc build and unit tests"""
    messages = {"LISD_TEST_MESSAGES": "250000"} if options.full else {}
    return unit("build", "gcc", [], "gcc", options.full, environment=messages)


def part_asan(options):
    """clang build with address and undefined-behaviour sanitizers, unit tests"""
    return unit("build-asan", "clang", ASAN_OPTIONS, "asan", options.full,
                environment={"UBSAN_OPTIONS": "halt_on_error=1:"
                                              "print_stacktrace=1"})


def part_tsan(options):
    """clang build with the thread sanitizer, tests that have threads"""
    return unit("build-tsan", "clang",
                ["-Db_sanitize=thread", "-Db_lundef=false"], "tsan",
                options.full,
                only=lambda test: "thread" in test["name"] or
                any("threads" in suite for suite in test["suite"]),
                environment={"TSAN_OPTIONS": "halt_on_error=1"})


def fuzz_one(name, seconds):
    """Runs one fuzz target: (its name, exit status)."""
    return name, run(["tests/fuzz/run", "build-asan", str(seconds), name],
                     "fuzz_" + name)


def part_fuzz(options):
    """each fuzz target for a while, six at a time"""
    result = Tally()
    seconds = FUZZ_SECONDS_FULL if options.full else FUZZ_SECONDS
    path = os.path.join(ROOT, "build-asan")
    targets = []
    if set_up(path, "clang", ASAN_OPTIONS, "fuzz"):
        targets = sorted(target["name"] for target in
                         introspect(path, "targets")
                         if target["name"].startswith("fuzz_"))
    if not targets or not build(path, "fuzz", ["tests/fuzz/" + target
                                               for target in targets]):
        result.add(FAILED, "fuzz build", "see build/check/fuzz.log")
        return result
    targets = [target.removeprefix("fuzz_") for target in targets]
    say("%d fuzz targets, %d s each" % (len(targets), seconds))
    with concurrent.futures.ThreadPoolExecutor(FUZZ_JOBS) as pool:
        for name, status in pool.map(lambda t: fuzz_one(t, seconds), targets):
            if status:
                show_log("fuzz_" + name)
                result.add(FAILED, "fuzz " + name,
                           "see build-asan/fuzz-findings/" + name)
            else:
                result.add(OK, "fuzz " + name)
    return result


def snapshot(lis):
    """Copies what the VM tests are made of: the carrier caches files, and one
    that is edited or built anew during the run would be seen torn."""
    tree = os.path.join(LOGS, "tree")
    shutil.rmtree(tree, ignore_errors=True)
    for folder in ("carrier", "tests/vm", "tests/fuzz/corpus") + PACKAGED:
        shutil.copytree(os.path.join(ROOT, folder), os.path.join(tree, folder),
                        ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(lis, tree)
    shutil.copy(MACHINE_RUN, tree)
    for program in [LISD] + GUEST_TOOLS:
        shutil.copy(program, tree)
    for file in ("packaging/systemd/lisd.service", "meson.build"):
        shutil.copy(os.path.join(ROOT, file), tree)
    return tree


def vm_group(options, tree, name, select, *more):
    """Runs some of the VM tests in a carrier of their own: a tally.

    The carrier is an emulator with faults of its own. make check runs what
    failed once more, in a new carrier, and tells of what only failed the first
    time; make check-full does not.
    """
    limit_s = VM_LIMIT_FULL_S if options.full else VM_LIMIT_S
    result = vm_try(tree, name, limit_s, ["tests/vm", "-k", select]
                    + ([] if options.full else ["-m", "not slow"])
                    + list(more))
    if options.full or not result.counts[FAILED]:
        return result
    again = ["tests/vm", "-k", select, "-m", "not slow"]
    if all("test_" in line for line in result.failures):
        again = [tally.pytest_id(line) for line in result.failures]
    say("vm %s: %d failed; running them once more" % (
        name, result.counts[FAILED]))
    second = vm_try(tree, name + "-again", limit_s, again + list(more))
    if again[0] == "tests/vm":
        return second
    tally.second_try(result, second)
    return result


def vm_try(tree, name, limit_s, arguments):
    """Runs pytest in a new carrier: a tally."""
    report = os.path.join(LOGS, "vm-%s.xml" % name)
    log = "vm-" + name
    command = ["carrier/carrier", "run", "--share", LOGS, "--follow",
               str(os.getpid()), "--", "env",
               "LIS_BINARY=" + os.path.join(tree, "lis"),
               "LISD_BINARY=" + os.path.join(tree, "lisd"),
               "GUEST_TOOLS=" + tree,
               "LIS_KMOD_DIR=" + KMOD,
               "MACHINE_RUN_BINARY=" + os.path.join(tree, "machine_run"),
               "/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider",
               "-v", "--tb", "short", "--durations", "20", "-o",
               "junit_family=xunit1", "--junitxml", report]
    if os.path.exists(report):
        os.unlink(report)
    status = vm_run(command + arguments, tree, log, limit_s)
    result = Tally()
    if os.path.exists(report):
        result.merge(tally.from_junit(report, "vm"))
    # 5: pytest found nothing to run, as a --select can have it.
    if status not in (0, 5):
        show_log(log, 80)
        if not result.counts[FAILED]:
            result.add(FAILED, "vm " + name,
                       "the run ended with status %d" % status)
    return result


def vm_run(command, tree, log, limit_s):
    """Runs pytest in a carrier, showing each test: its exit status."""
    with open(os.path.join(LOGS, log + ".log"), "w", encoding="utf-8") as out, \
            subprocess.Popen(command, cwd=tree, text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT) as process:
        # A carrier that hangs says nothing: without a limit we would too.
        limit = threading.Timer(limit_s, process.terminate)
        limit.start()
        for line in process.stdout:
            out.write(line)
            out.flush()
            # Each test as it ends, but a pipe wants none of that.
            if sys.stdout.isatty() and "::" in line and "%]" in line:
                print("    " + line.rstrip(), flush=True)
        limit.cancel()
        return process.wait()


def kmod_ready():
    """Makes guests with the modules of guest/kmod: whether all are there."""
    return all(run([os.path.join(ROOT, "carrier", "guest-image"), kernel,
                    "--drivers", "ours"] + extra, "guest-image-ours",
                   env=dict(os.environ, LIS_KMOD_DIR=KMOD)) == 0
               for kernel in ("6.1", "6.12") for extra in ([], ["--kexec"]))


def part_kmod(options):
    """the guest's kernel modules, built for each kernel"""
    result = Tally()
    for kernel in KMOD_KERNELS + (KMOD_KERNELS_FULL if options.full else ()):
        name = "kmod " + kernel
        headers = kmod.headers(kernel)
        if not headers:
            result.add(SKIPPED, name, "its headers are not in the cache")
            continue
        log = "kmod-" + kernel
        folder = os.path.join(KMOD, kernel)
        if run(["guest/kmod/build", headers, folder], log):
            show_log(log)
            result.add(FAILED, name, "see build/check/%s.log" % log)
            continue
        kmod.told(result, kernel, folder, kmod.release_of(headers))
    return result


def part_vm(options):
    """VM tests in the carrier: Debian's kernels and daemons on our host"""
    result = Tally()
    for program in [options.lis, MACHINE_RUN, LISD] + GUEST_TOOLS:
        if not os.path.exists(program):
            result.add(FAILED, "vm", "%s is not built" % program)
            return result
    tree = snapshot(options.lis)
    if options.debug:
        return part_vm_debug(options, tree)
    for kernel in ("6.1", "6.12"):
        for extra in ([], ["--kexec"]):
            run([os.path.join(tree, "carrier", "guest-image"), kernel]
                + extra, "guest-image")
    if kmod_ready():
        groups_ours = {
            "ours": OURS_FULL if options.full else OURS,
            "ours-network":
                OURS_NETWORK_FULL if options.full else OURS_NETWORK}
        if options.full:
            groups_ours["ours-stress"] = OURS_STRESS
            groups_ours["ours-suspend"] = OURS_SUSPEND
            groups_ours["ours-4cpu"] = OURS_4CPU
    else:
        result.add(SKIPPED, "vm ours", "the modules are not built")
        groups_ours = {}

    groups = {**(VM_GROUPS_FULL if options.full else VM_GROUPS),
              **groups_ours}

    def group(name):
        select = groups[name]
        if options.select:
            select = "(%s) and (%s)" % (select, options.select)
        return vm_group(options, tree, name, select,
                        *(["--drivers", "ours"] if name in groups_ours
                          else []),
                        *(["--cpus", "4"] if name == "ours-4cpu" else []))

    with concurrent.futures.ThreadPoolExecutor(VM_JOBS) as pool:
        for part in pool.map(group, groups):
            result.merge(part)
    return result


def part_vm_debug(options, tree):
    """Those of the VM tests that are tried on the debug kernel."""
    result = Tally()
    for extra in (["--drivers", "upstream"], ["--drivers", "ours"],
                  ["--drivers", "ours", "--kexec"]):
        if run([os.path.join(ROOT, "carrier", "guest-image"), "6.1-debug"]
               + extra, "guest-image-debug",
               env=dict(os.environ, LIS_KMOD_DIR=KMOD)):
            show_log("guest-image-debug")
            result.add(FAILED, "vm 6.1-debug", "no such guest")
            return result
    with concurrent.futures.ThreadPoolExecutor(VM_JOBS) as pool:
        for part in pool.map(lambda name: vm_group(
                options, tree, name, OURS_DEBUG[name], "--drivers", "ours",
                "--debug-kernel"), OURS_DEBUG):
            result.merge(part)
    return result


def part_lint(_options):
    """format, style, static analysis, man pages"""
    return lint.everything()


PARTS = {"lint": part_lint, "freestanding": part_freestanding,
         "unit": part_unit, "asan": part_asan, "tsan": part_tsan,
         "fuzz": part_fuzz, "kmod": part_kmod, "vm": part_vm}


def main():
    """Runs the parts, and sums up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true",
                        help="lint too, slow tests, long fuzzing")
    parser.add_argument("--only", action="append", choices=list(PARTS),
                        help="only this part; can be given more than once")
    parser.add_argument("--debug", action="store_true",
                        help="have the VM tests be those for the modules on "
                             "the kernel that carrier/debug-kernel builds")
    parser.add_argument("--select", metavar="EXPRESSION",
                        help="of the VM tests, those that pytest -k picks")
    parser.add_argument("--lis", metavar="FILE",
                        default=os.path.join(ROOT, "build/host/cli/lis"),
                        help="the program that the VM tests run")
    options = parser.parse_args()
    os.makedirs(LOGS, exist_ok=True)
    names = options.only or [name for name in PARTS
                             if options.full or name != "lint"]
    total = Tally()
    began = time.monotonic()
    for number, name in enumerate(names, 1):
        start = time.monotonic()
        say("[%d/%d] %s" % (number, len(names), PARTS[name].__doc__))
        part = PARTS[name](options)
        total.merge(part)
        say("%s: %s, %d s" % (name, part, time.monotonic() - start))

    for title, lines in (("skipped", total.skips),
                         ("passed only the second time", total.unsteady),
                         ("failed", total.failures)):
        for line in lines:
            print("%s: %s" % (title, line))
    say("logs are in build/check; it took %d s" % (time.monotonic() - began))
    print(total, flush=True)
    return 1 if total.counts[FAILED] or not total.counts[OK] else 0


if __name__ == "__main__":
    sys.exit(main())
