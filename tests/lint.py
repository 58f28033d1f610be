# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Checks of the source itself."""

import os
import re
import subprocess

import kmod
from tally import FAILED, OK, Tally

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LICENCE = "SPDX-License-Identifier: MIT OR GPL-2.0-only"
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wstrict-prototypes",
            "-Wmissing-prototypes", "-Wold-style-definition",
            "-Wno-missing-field-initializers"]


def sources(*endings, below=()):
    """The tree's files with these endings."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        + list(below), cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, check=False).stdout.split("\n")
    if listed == [""]:
        # Not a git work tree: a release's archive.
        listed = [os.path.relpath(os.path.join(folder, name), ROOT)
                  for top in below or (".",)
                  for folder, _, names in os.walk(os.path.join(ROOT, top))
                  if "/build" not in folder for name in names]
    return sorted(name for name in listed if name.endswith(endings)
                  and os.path.exists(os.path.join(ROOT, name)))


def scripts():
    """Shell scripts, whatever they are called."""
    found = []
    for name in sources(""):
        path = os.path.join(ROOT, name)
        if not os.path.isfile(path):
            continue
        with open(path, "rb") as stream:
            first = stream.readline(64)
        if first.startswith((b"#!/bin/bash", b"#!/bin/sh", b"#!/bin/busybox")):
            found.append(name)
    return found


def step(tally, name, command, files=(), stdin=""):
    """Runs one checker; its words are shown when it objects."""
    if not command:
        return
    try:
        result = subprocess.run(command + list(files), cwd=ROOT, check=False,
                                input=stdin, text=True,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
    except FileNotFoundError:
        tally.add(FAILED, name, "%s is not installed" % command[0])
        return
    if result.returncode:
        # clang-tidy counts what it does not show.
        lines = [line for line in result.stdout.splitlines()
                 if not re.match(r"\d+ warnings? generated|Suppressed ", line)]
        for line in lines[:60]:
            print("    " + line)
        tally.add(FAILED, name, "%s objects" % os.path.basename(command[0]))
    else:
        tally.add(OK, name)


def freestanding():
    """Compiles vmbus/ and services/ with the compiler's own headers only."""
    tally = Tally()
    for compiler in ("gcc", "clang"):
        include = subprocess.run([compiler, "-print-file-name=include"],
                                 stdout=subprocess.PIPE, text=True,
                                 check=True).stdout.strip()
        step(tally, "freestanding with %s" % compiler,
             [compiler, "-ffreestanding", "-nostdinc", "-isystem", include,
              "-I.", "-fsyntax-only"] + WARNINGS,
             sources(".c", below=("vmbus", "services")))
    return tally


def licences(tally):
    """Every file that can says its licence first, after a #! line."""
    endings = (".c", ".h", ".py", ".sh", ".build", ".1", ".md", "Makefile")
    bare = []
    for name in sources(*endings) + scripts():
        if name.endswith(".md"):
            continue
        with open(os.path.join(ROOT, name), encoding="utf-8") as stream:
            head = [stream.readline() for _ in range(2)]
        if LICENCE not in "".join(head):
            bare.append(name)
    for name in bare:
        print("    %s does not begin with its licence" % name)
    tally.add(FAILED if bare else OK, "licence lines")


def outside_kernels(names):
    """The C files that are not only built in a kernel's own build."""
    return [name for name in names if name.endswith(".c")
            and not name.startswith(("guest/kmod/", "carrier/guest/function/"))]


def everything():
    """All of it."""
    tally = Tally()
    c_files = sources(".c", ".h")
    licences(tally)
    step(tally, "clang-format", ["clang-format", "--dry-run", "-Werror"],
         c_files)
    step(tally, "shellcheck", ["shellcheck", "-x"], scripts())
    step(tally, "python syntax",
         ["/usr/bin/python3", "-B", "-c",
          "import ast, sys\nfor name in sys.argv[1:]:\n"
          "    ast.parse(open(name).read(), name)"], sources(".py"))
    step(tally, "cppcheck",
         ["cppcheck", "--quiet", "--std=c11", "--error-exitcode=1", "-I.",
          "--enable=warning,portability", "--inline-suppr",
          "--suppress=missingIncludeSystem", "-j2"],
         # Of a kernel it knows neither the macros nor the headers: there it is
         # the kernel's own build that objects, and what kmod.lint() runs.
         outside_kernels(c_files))
    pages = sources(".1", ".5", ".7", ".8")
    if pages:
        step(tally, "mandoc", ["mandoc", "-Tlint", "-Wwarning"], pages)
    tidy(tally)
    kmod.lint(tally, sources(".c", ".h", below=("guest/kmod",)))
    return tally


def tidy(tally):
    """clang-tidy with the tree's own selection of checks."""
    database = os.path.join(ROOT, "build", "compile_commands.json")
    if not os.path.exists(database) and subprocess.run(
            ["meson", "setup", os.path.join(ROOT, "build")], cwd=ROOT,
            stdout=subprocess.DEVNULL, check=False).returncode:
        tally.add(FAILED, "clang-tidy", "meson cannot set build/ up")
        return
    # One file a process: some checks of clang-tidy 14 take what they remember
    # of the file before for the next one's.
    step(tally, "clang-tidy",
         ["xargs", "-P2", "-n1", "clang-tidy", "-p", "build", "--quiet",
          "--warnings-as-errors=*",
          "--checks=-*,bugprone-*,clang-analyzer-*,"
          "-bugprone-easily-swappable-parameters,"
          "-bugprone-reserved-identifier,-bugprone-narrowing-conversions,"
          "-bugprone-implicit-widening-of-multiplication-result,"
          "-clang-analyzer-security.insecureAPI."
          "DeprecatedOrUnsafeBufferHandling"],
         stdin="\n".join(outside_kernels(
             sources(".c", below=("vmbus", "services", "host", "guest")))))
