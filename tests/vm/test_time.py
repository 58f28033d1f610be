# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Time synchronization: the guest's clock follows the host's."""

import time

import pytest

DAYS_S = 2 * 24 * 3600
# What the console and an emulated processor may add to a reading.
READING_S = 30


def offset_s(vm):
    """How far the guest's clock is ahead of the host's, about."""
    return int(vm.run("date +%s")) - time.time()


def shift(vm, by_s):
    """Sets the guest's clock."""
    vm.run("date -s @$(($(date +%%s) + %d))" % by_s)


def wait_corrected(vm, limit_s):
    """Waits until the guest's clock is right."""
    limit = time.monotonic() + limit_s
    while abs(offset_s(vm)) > READING_S:
        assert time.monotonic() < limit, \
            "off by %d s after %d s" % (offset_s(vm), limit_s)
        time.sleep(1)


@pytest.mark.parametrize("by_s", [-DAYS_S, DAYS_S], ids=["back", "forward"])
def test_corrected_on_resume(vm, by_s):
    """A guest that was paused is given the time when it goes on."""
    vm.wait_status("Time Synchronization", "OK")
    shift(vm, by_s)
    assert abs(offset_s(vm)) > DAYS_S / 2
    vm.lis("pause")
    vm.lis("resume")
    wait_corrected(vm, 30)


@pytest.mark.parametrize("kernel", [
    "6.1", pytest.param("6.12", marks=pytest.mark.slow)])
def test_corrected_while_running(new_vm, kernel):
    """Nothing but waiting corrects a wrong clock as well."""
    vm = new_vm(kernel, append="lis.daemons=none")
    vm.wait_status("Time Synchronization", "OK")
    shift(vm, -DAYS_S)
    wait_corrected(vm, 120)
