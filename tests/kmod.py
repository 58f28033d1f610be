# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Checks of the guest's kernel modules that need no guest: what modinfo tells
of them, and what static checkers say of their sources."""

import os
import re
import subprocess
import sys
import tempfile

from tally import FAILED, OK, SKIPPED

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "carrier", "lib"))

import guest  # noqa: E402
from guest import headers  # noqa: E402
from machine import cache_folder  # noqa: E402

BUILD = os.path.join(ROOT, "guest", "kmod", "build")

# Of checkpatch.pl's types: what does not apply here, and why.
STYLE_OFF = {
    # An out-of-tree module is built for several kernels; compat.h is where.
    "LINUX_VERSION_CODE", "CONSTANT_COMPARISON",
    # Differences that are not functions: a type, a return, a definition.
    "COMPLEX_MACRO", "MACRO_WITH_FLOW_CONTROL", "MACRO_ARG_REUSE",
    # clang-format lays lines out, and aligns what ends lines of a macro.
    "OPEN_ENDED_LINE", "CODE_INDENT", "LEADING_SPACE", "SPLIT_STRING",
    # An attribute stands right below its functions.
    "LINE_SPACING",
    # All exports are in exports.c.
    "EXPORT_SYMBOL",
    # A pointer becomes a truth value in so many words.
    "COMPARISON_TO_NULL",
    # 1 << 20 is a size.
    "BIT_MACRO",
    # The kernel's own: struct Scsi_Host, and the array of a uevent.
    "CAMELCASE", "STATIC_CONST_CHAR_ARRAY",
}

# Debian's kernels are configured for gcc: what clang 14 knows otherwise or not.
CLANG = [
    "CC=clang", "CONFIG_CC_IS_GCC=", "CONFIG_CC_IS_CLANG=y",
    "CONFIG_MITIGATION_RETHUNK=", "CONFIG_MITIGATION_SLS=",
    "CONFIG_FUNCTION_TRACER=", "CONFIG_INIT_STACK_ALL_ZERO=",
    "CONFIG_DEBUG_INFO=", "CONFIG_CC_IMPLICIT_FALLTHROUGH="
    "-Wimplicit-fallthrough",
    # Warnings of the kernel's headers are passed over: they are not ours.
    "KCFLAGS=-Wno-unknown-warning-option -Wno-unused-command-line-argument",
]
# Each file is looked at by the checker, which says so first: on the standard
# error, as a silent make throws the other away.
LOOKED = "lis: looked at a file"
CHECKERS = {
    "sparse": ["C=2", "CF=-D__CHECK_ENDIAN__",
               "CHECK=echo %s >&2; sparse" % LOOKED],
    "clang": CLANG + ["C=2", "CHECKFLAGS=",
                      "CHECK=echo %s >&2; clang --analyze -Xanalyzer "
                      "-analyzer-output=text -o /dev/null" % LOOKED],
}
CHECKED_KERNEL = "6.12"


def modinfo(path, field):
    """The values of a field of a module."""
    return subprocess.run(["modinfo", "-F", field, path], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=False).stdout.splitlines()


def missing(path, release):
    """What modinfo should tell of a module for a kernel and does not."""
    lacking = []
    if modinfo(path, "license") != ["Dual MIT/GPL"]:
        lacking.append("license")
    for field in ("version", "description"):
        if not "".join(modinfo(path, field)):
            lacking.append(field)
    if "".join(modinfo(path, "vermagic")).split(" ")[0] != release:
        lacking.append("vermagic of " + release)
    described = dict(line.split(":", 1) for line in modinfo(path, "parm"))
    for line in modinfo(path, "parmtype"):
        name = line.split(":", 1)[0]
        if len(described.get(name, "").split()) < 3:
            lacking.append("a description of " + name)
    return lacking


def release_of(folder):
    """The version of the kernel that headers are of."""
    return os.path.basename(folder).removeprefix("linux-headers-")


def told(tally, kernel, folder, release):
    """Whether modinfo tells all of the modules for a kernel."""
    for module in guest.OURS:
        lacking = missing(os.path.join(folder, module + ".ko"), release)
        tally.add(FAILED if lacking else OK, "kmod %s %s" % (kernel, module),
                  "modinfo lacks " + ", ".join(lacking))


def style(tally, files):
    """The kernel's own checker of style."""
    script = os.path.join(cache_folder(), "checkpatch", "checkpatch.pl")
    if not os.path.exists(script):
        tally.add(SKIPPED, "kmod checkpatch", "%s is not there "
                  "(carrier/packages more fetches it)" % script)
        return
    # It leaves a file of its own where it is run, and reads what is included.
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "include"))
        result = subprocess.run(
            [script, "--no-tree", "--root", folder, "--strict", "--terse",
             "--show-types", "--no-summary", "--ignore",
             ",".join(sorted(STYLE_OFF)), "-f"]
            + [os.path.join(ROOT, name) for name in files], cwd=folder,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False)
    print("".join("    %s\n" % line for line in result.stdout.splitlines()),
          end="")
    tally.add(FAILED if result.returncode else OK, "kmod checkpatch",
              "checkpatch.pl objects")


def complaints(output, folder):
    """What a checker says of our files, which are in a folder, and not of the
    kernel's headers."""
    ours = re.compile(r"%s/\S+?:\d+:(\d+:)? (warning|error):"
                      % re.escape(folder))
    return sorted({line.replace(folder + "/", "")
                   for line in output.splitlines() if ours.match(line)})


def analyse(tally, checker, kernel, count):
    """Builds with a checker that looks at every file, count of them or more."""
    name = "kmod %s %s" % (checker, kernel)
    source = headers(kernel)
    if not source:
        tally.add(SKIPPED, name, "headers-%s are not in the cache "
                  "(carrier/packages kernels fetches them)" % kernel)
        return
    folder = os.path.join(ROOT, "build", "check", "kmod-" + checker)
    result = subprocess.run([BUILD, source, folder] + CHECKERS[checker],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, check=False)
    said = complaints(result.stdout, folder)
    if result.returncode and not said:
        said = result.stdout.splitlines()[-20:]
    looked = result.stdout.count(LOOKED)
    if looked < count:
        said.append("%s looked at %d files of %d" % (checker, looked, count))
    for line in said:
        print("    " + line)
    tally.add(FAILED if said else OK, name, "%s objects" % checker)


def lint(tally, files):
    """What is said of the modules' sources, which are these files."""
    style(tally, files)
    count = sum(name.endswith(".c") for name in files)
    for checker in CHECKERS:
        analyse(tally, checker, CHECKED_KERNEL, count)
