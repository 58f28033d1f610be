# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""What the benches of the guest's daemon share: lisd beside the distribution's
daemons, in one guest. Not here: what is measured."""

import json

# Of each process of these names: "PID NAME KIB KIB KIB", resident, its share of
# it (what several map is divided among them), and what is its own alone.
SMAPS = r"""
for i in /proc/[0-9]*; do
  { read -r name <$i/comm; } 2>/dev/null || continue
  case $name in hv_*|lisd*) ;; *) continue ;; esac
  case $(readlink $i/exe) in /usr/sbin/*) ;; *) continue ;; esac
  awk -v name=$name -v id=${i#/proc/} '
    /^Rss:/ { rss = $2 } /^Pss:/ { pss = $2 }
    /^Private_/ { own += $2 }
    END { print id, name, rss, pss, own }' $i/smaps_rollup
done"""


def figure(results, name, value):
    """Takes a figure down, and tells it: a run takes minutes."""
    results[name] = value
    print("bench:   %-28s %10.1f" % (name, value), flush=True)


def memory_kib(vm):
    """Of each process of a daemon: (PID, name, (resident, share, its own))."""
    rows = [line.split() for line in vm.run(SMAPS).splitlines()]
    assert rows, "no daemon runs"
    return [(int(row[0]), row[1], tuple(int(kib) for kib in row[2:]))
            for row in rows]


def tell(results, path):
    """Prints each figure of "debian" and "lisd", and writes all to a file."""
    print("%-28s %10s %10s %8s" % ("", "debian", "lisd", "ratio"))
    for name, ours in results["lisd"].items():
        theirs = results["debian"].get(name)
        if theirs is None:
            print("%-28s %10s %10.1f" % (name, "", ours))
        else:
            print("%-28s %10.1f %10.1f %8.2f" % (name, theirs, ours,
                                                 ours / theirs))
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(results, stream)
