# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""What the benches of the guest's daemon share: lisd beside the distribution's
daemons, in one guest. Not here: what is measured."""

import json


def figure(results, name, value):
    """Takes a figure down, and tells it: a run takes minutes."""
    results[name] = value
    print("bench:   %-22s %10.1f" % (name, value), flush=True)


def resident_kib(vm, service):
    """Of all processes of the daemon that serves it now."""
    return sum(int(word) for word in vm.run(
        "for i in $(daemon pid %s); do "
        "sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$i/status; done"
        % service).split())


def tell(results, path):
    """Prints each figure of "debian" and "lisd", and writes all to a file."""
    print("%-24s %10s %10s %8s" % ("", "debian", "lisd", "ratio"))
    for name, theirs in results["debian"].items():
        ours = results["lisd"][name]
        print("%-24s %10.1f %10.1f %8.2f" % (name, theirs, ours,
                                             ours / theirs))
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(results, stream)
