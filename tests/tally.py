# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Counts what test runners report: cmocka under meson, pytest, our own steps.

What lives here: turning reports into counts and reasons. What does not: the
running of anything (check.py).
"""

import json
import re
import xml.etree.ElementTree

OK, FAILED, SKIPPED = "passed", "failed", "skipped"
CMOCKA_LINE = re.compile(r"^\[\s*(OK|FAILED|SKIPPED)\s*\] (\S+)$", re.M)
CMOCKA_WORDS = {"OK": OK, "FAILED": FAILED, "SKIPPED": SKIPPED}
MESON_FAILURES = ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS")


PYTEST_SUMMARY = re.compile(r"^(?:=+ )?((?:\d+ \w+(?:, )?)+) in [\d.]+s", re.M)
PYTEST_FAILURE = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.M)


class Tally:
    """Counts, and a line for each failure and each skip."""

    def __init__(self):
        self.counts = {OK: 0, FAILED: 0, SKIPPED: 0}
        self.failures = []
        self.skips = []
        self.unsteady = []

    def add(self, outcome, name, reason=""):
        """Counts one test."""
        self.counts[outcome] += 1
        line = "%s: %s" % (name, reason) if reason else name
        if outcome == FAILED:
            self.failures.append(line)
        elif outcome == SKIPPED:
            self.skips.append(line)

    def merge(self, other):
        """Adds another tally to this one."""
        for outcome, count in other.counts.items():
            self.counts[outcome] += count
        self.failures += other.failures
        self.skips += other.skips
        self.unsteady += other.unsteady

    def __str__(self):
        return "%d passed, %d failed, %d skipped" % (
            self.counts[OK], self.counts[FAILED], self.counts[SKIPPED])


def second_try(first, second):
    """Puts into the first tally what came of a second try of what failed: that
    which failed again, or only then, failed; the rest passed, and is told of."""
    again = {line.partition(": ")[0]: line for line in second.failures}
    for line in first.failures:
        if line.partition(": ")[0] not in again:
            first.counts[OK] += 1
            first.unsteady.append(line)
    first.failures = list(again.values())
    first.counts[FAILED] = len(first.failures)


def cmocka_outcomes(text):
    """{test name: outcome} of a cmocka program's output, the worst per name."""
    outcomes = {}
    for word, name in CMOCKA_LINE.findall(text):
        outcome = CMOCKA_WORDS[word]
        if outcomes.get(name) != FAILED:
            outcomes[name] = outcome
    return outcomes


def add_pytest(tally, name, text):
    """Adds what a pytest run says of itself; false when it says nothing."""
    summary = PYTEST_SUMMARY.search(text)
    if not summary:
        return False
    counts = dict(reversed(part.split()) for part in
                  summary.group(1).split(", "))
    tally.counts[OK] += int(counts.get("passed", 0))
    for number in range(int(counts.get("skipped", 0))):
        tally.add(SKIPPED, "%s (%d)" % (name, number + 1))
    for test in PYTEST_FAILURE.findall(text):
        tally.add(FAILED, "%s %s" % (name, test))
    return True


def meson_log(path):
    """The entries of meson's testlog.json: one a program."""
    with open(path, encoding="utf-8") as stream:
        return [json.loads(line) for line in stream if line.strip()]


def meson_failures(path):
    """The names of the programs that failed, as meson test takes them."""
    return [entry["name"].rpartition(" / ")[2] for entry in meson_log(path)
            if entry["result"] in MESON_FAILURES]


def from_meson(path, label):
    """The tally of meson's testlog.json: cmocka programs by their tests."""
    tally = Tally()
    for entry in meson_log(path):
        name = "%s %s" % (label, entry["name"])
        text = (entry.get("stdout") or "") + "\n" + (entry.get("stderr") or "")
        outcomes = cmocka_outcomes(text)
        for test, outcome in outcomes.items():
            tally.add(outcome, "%s.%s" % (name, test))
        result = entry["result"]
        failed_before = tally.counts[FAILED]
        counted = add_pytest(tally, name, text) or bool(outcomes)
        found = tally.counts[FAILED] > failed_before or \
            FAILED in outcomes.values()
        if result in MESON_FAILURES and not found:
            last = text.strip().splitlines()[-3:]
            tally.add(FAILED, name, "%s: %s" % (result, " | ".join(last)))
        elif not counted:
            tally.add({"OK": OK, "SKIP": SKIPPED}.get(result, FAILED), name)
    return tally


def pytest_id(failure):
    """What pytest calls the VM test that a line of from_junit() is about."""
    module, _, name = failure.partition(": ")[0].partition(" ")[2].partition(
        ".")
    return "tests/vm/%s.py::%s" % (module, name)


def from_junit(path, label):
    """The tally of pytest's junit file."""
    tally = Tally()
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        name = "%s %s.%s" % (label, case.get("classname", "").split(".")[-1],
                             case.get("name"))
        for tag, outcome in (("failure", FAILED), ("error", FAILED),
                             ("skipped", SKIPPED)):
            found = case.find(tag)
            if found is not None:
                reason = (found.get("message") or "").strip().splitlines()
                tally.add(outcome, name, reason[0] if reason else "")
                break
        else:
            tally.add(OK, name)
    return tally
