# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""What a host's process costs, for the benches that count it."""

import glob
import os

# Where the clock counts instructions (carrier --icount).
INSTRUCTIONS_PER_SECOND = 10 ** 9


def host_s(pid):
    """Processor time that a process took for itself, without its guest's. That
    is sampled at the clock's ticks: of one job, it is right to some percent."""
    spent_ns = 0
    for path in glob.glob("/proc/%d/task/*/schedstat" % pid):
        with open(path, encoding="ascii") as stream:
            spent_ns += int(stream.read().split()[0])
    with open("/proc/%d/stat" % pid, encoding="ascii") as stream:
        guest = int(stream.read().rpartition(")")[2].split()[40])
    return spent_ns / 1e9 - guest / os.sysconf("SC_CLK_TCK")
