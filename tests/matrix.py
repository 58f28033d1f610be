#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""matrix.py [--write FILE [--keep]] REPORT...: which feature was seen to work with
which kernel and which drivers in the guest, from what the VM tests report.

A report is a junit file of pytest's, as tests/check.py leaves them in
build/check/; of a test that is in several, the newest says. With --write, the table
takes the place of what stands between the two marks in FILE; with --keep, what it
said there of a feature and a guest that no report speaks of stays.
"""

import argparse
import collections
import os
import re
import sys
import xml.etree.ElementTree

BEGIN = "<!-- matrix: made by tests/matrix.py, not by hand -->"
END = "<!-- end of the matrix -->"
KERNELS = ("5.10", "6.1", "6.12", "686")
DRIVERS = ("upstream", "ours")
# A feature, and the tests that show it. Each test shows the first that fits.
FEATURES = (
    ("Bus: connection, versions, sysfs, reference clock",
     r"test_bus\.|test_kmod\.|test_trace\."),
    ("The host's process: names, sockets, its end", r"test_process\."),
    ("Integrated shutdown, restart, turning off",
     r"test_end\.test_(stop|restart|turn_off)"),
    ("kexec, panic reported, kdump",
     r"test_end\.test_(kexec|panic)|test_kmod_crash\."),
    ("Quiet kernel log", r"test_end\.test_kernel_log"),
    ("Heartbeat", r"test_heartbeat\."),
    ("Services switched off and on", r"test_services\."),
    ("Time synchronization", r"test_time\."),
    ("Static IP injection", r"test_kvp\.test_ip|\.test_static_ip_injection"),
    ("Key-value pair exchange",
     r"test_kvp\.|test_lisd\.|test_lisd_debian\.test_cloud_init"),
    ("File copy", r"test_copy\.|test_lisd_copy\."),
    ("Live backup",
     r"test_backup\.|test_lisd_backup\.|test_disk_backup\.|"
     r"test_lisd_debian\.test_all_killed"),
    ("Daemon in whole distributions", r"test_lisd_debian\.|test_lisd_small\."),
    ("Root file system and network of a whole Debian",
     r"test_debian\.|test_more_kernels\."),
    ("Disks: hot add and remove, resize, DVD media",
     r"test_storage\.test_(hot|resize|media|dvd|every_place)"),
    ("Disks: sub-channels", r"test_storage\.test_sub_channels"),
    ("Disks: reading, writing, identity, formats, sizes", r"test_storage\."),
    ("Disks: fio, file systems, sg3-utils, reservations, resets",
     r"test_disk_tools\."),
    ("Network: addresses, reload, MTU, taps",
     r"test_network\.test_(user|again|a_hundred|tap|more)"),
    ("Network: private switch, VLAN",
     r"test_network\.test_switch|test_network_load\.test_vlan|"
     r"test_network_driver\.test_tags"),
    ("Network: offloads, vRSS, ethtool",
     r"test_network_load\.|test_network_flow\.test_spread"),
    ("Network: filters, bandwidth, back pressure", r"test_network_flow\."),
    ("Network: ring sizes, queue limits, address, XDP",
     r"test_network_driver\."),
    ("Network: virtual function, by a stand-in", r"test_network_function\."),
    ("Network: DPDK on the user space door", r"test_network_peers\.test_dpdk"),
    ("User space door", r"test_kmod_uio\."),
    ("Processors that go and come", r"test_kmod_cpus\."),
    ("Suspend and hibernation", r"test_kmod_suspend\."),
    ("Devices taken back at any moment", r"test_kmod_stress\."),
    ("Modules unloaded and loaded in use", r"test_kmod_reload\."),
    ("A guest, or a host, that attacks", r"hostile"),
    ("Package: installed, upgraded, removed", r"test_kmod_package\."),
    ("NMI", r"test_nmi\."),
    ("lsvmbus, lis-status", r"test_guest_tools\."),
)


def outcomes(paths):
    """{(test, kernel and drivers): whether it passed}; what was skipped is
    not in it."""
    found = {}
    for path in sorted(paths, key=os.path.getmtime):
        for case in xml.etree.ElementTree.parse(path).iter("testcase"):
            if case.find("skipped") is not None:
                continue
            name = "%s.%s" % (case.get("classname", "").split(".")[-1],
                              case.get("name"))
            passed = case.find("failure") is None and case.find("error") is None
            for one in case.iter("property"):
                if one.get("name") == "guest":
                    found[name, one.get("value")] = passed
    return found


def feature(test):
    """Which feature a test shows, or None."""
    for name, pattern in FEATURES:
        if re.search(pattern, test):
            return name
    return None


def kept(path):
    """{(feature, guest): what the table in a file says}."""
    with open(path, encoding="utf-8") as stream:
        lines = stream.read().partition(BEGIN)[2].partition(END)[0].split("\n")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]]
            for line in lines if line.startswith("|")]
    return {(row[0], guest): cell for row in rows[2:]
            for guest, cell in zip(rows[0][1:], row[1:]) if cell}


def counted(outcomes_of):
    """What a cell says of the tests it stands for."""
    if all(outcomes_of):
        return str(len(outcomes_of))
    return "**%d of %d**" % (sum(outcomes_of), len(outcomes_of))


def table(found, before):
    """The lines of the table."""
    columns = ["%s %s" % (kernel, drivers) for drivers in DRIVERS
               for kernel in KERNELS
               if any(guest == "%s %s" % (kernel, drivers)
                      for _, guest in list(found) + list(before))]
    cells = collections.defaultdict(list)
    for (test, guest), passed in found.items():
        cells[feature(test), guest].append(passed)
    lines = ["| feature | %s |" % " | ".join(columns),
             "| --- |%s" % (" --- |" * len(columns))]
    for name, _ in FEATURES:
        row = []
        for column in columns:
            of = cells.get((name, column))
            row.append(counted(of) if of else
                       before.get((name, column), ""))
        if any(row):
            lines.append("| %s | %s |" % (name, " | ".join(row)))
    return lines


def write(path, lines):
    """Puts the table between the marks."""
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit("matrix: %s has not the marks '%s' and '%s'" % (path, BEGIN,
                                                                 END))
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(before + begin + "\n" + "\n".join(lines) + "\n" + end
                     + after)


def main():
    """Reads the reports, and prints the table or writes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", metavar="FILE")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("report", nargs="+")
    options = parser.parse_args()
    found = outcomes(options.report)
    if not found:
        sys.exit("matrix: no report tells of a guest's kernel and drivers")
    for test in sorted({test for test, _ in found if not feature(test)}):
        print("matrix: of no feature: " + test, file=sys.stderr)
    lines = table(found, kept(options.write)
                  if options.write and options.keep else {})
    if options.write:
        write(options.write, lines)
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
