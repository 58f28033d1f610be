# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""VSS: the guest's file systems freeze and thaw, by the distribution's daemon
or by lisd."""

import time

import pytest

import lisd_guest

pytestmark = pytest.mark.usefixtures("daemon")
_daemon = lisd_guest.daemon_fixture("vss")

WRITER = "(while [ ! -e /run/lis/enough ]; do echo x >>/mnt/data/log; " \
    "sync; sleep 0.1; done) >/dev/null 2>&1 &"


def lines(vm):
    """How much the writer has written."""
    return int(vm.run("wc -l </mnt/data/log"))


def wait_for_more(vm, than, limit_s=30):
    """Waits until the writer has gone on."""
    limit = time.monotonic() + limit_s
    while lines(vm) <= than:
        assert time.monotonic() < limit, "nothing is written"


def test_writes_stop_and_go_on(vm):
    """Seen from inside, by a program that writes all the time."""
    vm.wait_status("VSS", "OK")
    vm.lis("freeze", "--check")
    vm.run("rm -f /run/lis/enough /mnt/data/log; touch /mnt/data/log; "
           + WRITER)
    try:
        wait_for_more(vm, 0)
        vm.lis("freeze")
        try:
            frozen = lines(vm)
            assert int(vm.run("sleep 2; wc -l </mnt/data/log")) == frozen
        finally:
            vm.lis("thaw")
        wait_for_more(vm, frozen)
    finally:
        vm.run("touch /run/lis/enough")


def test_without_daemon(vm):
    """Nobody answers for the guest: never OK, and a freeze is refused."""
    vm.run("daemon stop vss")
    try:
        vm.lis("disable", "VSS")
        vm.lis("enable", "VSS")
        refused = vm.lis("freeze", "--timeout", "20", check=False)
        assert refused.status != 0
        assert vm.status("VSS") != "OK"
    finally:
        vm.run("daemon start vss")
    vm.wait_status("VSS", "OK", 60)
