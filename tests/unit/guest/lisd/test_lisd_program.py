#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The program itself: its size, that it needs nothing, and its options.

Speaks TAP-less: exit status 0 only when all of it holds.
"""

import os
import re
import subprocess
import sys
import tempfile

MOST_BYTES = 400 * 1024
NAMES = ("hv_kvp_daemon", "hv_vss_daemon", "hv_fcopy_daemon",
         "hv_fcopy_uio_daemon")


def run(path, *arguments):
    """(status, output, error)."""
    result = subprocess.run([path] + list(arguments), check=False, timeout=10,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    return result.returncode, result.stdout, result.stderr


def check_hooks(path, folder):
    """The scripts' names."""
    for name in ("hv_get_dns_info", "hv_get_dhcp_info", "hv_set_ifconfig"):
        os.symlink(path, os.path.join(folder, name))
    status, output, _ = run(os.path.join(folder, "hv_get_dhcp_info"), "lo")
    assert status == 0 and output == "Disabled\n", output
    status, output, _ = run(os.path.join(folder, "hv_get_dns_info"), "lo")
    assert status == 0, output
    status, _, error = run(os.path.join(folder, "hv_get_dns_info"), "none0")
    assert status == 1 and "none0" in error, error
    status, _, error = run(os.path.join(folder, "hv_set_ifconfig"))
    assert status == 2 and "Usage" in error, error
    status, _, error = run(os.path.join(folder, "hv_set_ifconfig"),
                           "/nonexistent")
    assert status == 1 and "/nonexistent" in error, error


def main():
    """Checks what the first argument names."""
    path = os.path.abspath(sys.argv[1])
    size = os.path.getsize(path)
    assert size <= MOST_BYTES, "%d bytes" % size
    headers = subprocess.run(["readelf", "-lWd", path], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    assert "INTERP" not in headers and "NEEDED" not in headers, headers
    assert "GNU_STACK" in headers
    assert not re.search(r"GNU_STACK.* RWE ", headers), headers
    with open(path, "rb") as stream:
        data = stream.read()
    for shell in (b"/bin/sh", b"/bin/bash"):
        assert shell not in data, "a shell is named"

    status, output, _ = run(path, "--help")
    assert status == 0 and "kvp" in output, output
    status, output, _ = run(path, "--version")
    assert status == 0 and output.startswith("lisd "), output
    status, _, error = run(path, "--nonsense")
    assert status == 2 and "--help" in error, error
    status, _, error = run(path, "nonsense")
    assert status == 2, error
    status, _, error = run(path, "-o", "nonsense=1")
    assert status == 2, error
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            link = os.path.join(folder, name)
            os.symlink(path, link)
            status, output, _ = run(link, "-h")
            assert status == 0 and name in output, output
            assert "-n, --no-daemon" in output, output
        check_hooks(path, folder)
    if os.path.exists("/sys/bus/vmbus/devices"):
        print("this machine runs on Hyper-V: its absence is not tested")
        return 0
    # The limit of a second is the process's own: there is nothing it waits for.
    status, output, error = run(path)
    assert status == 0 and not output, output
    print("%d bytes" % size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
