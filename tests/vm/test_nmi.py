# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Non-maskable interrupts."""

NMI_COUNT = "awk '/NMI:/ { print $2 }' /proc/interrupts"


def test_reaches_the_guest(vm):
    """The counter of processor 0 moves."""
    before = int(vm.run(NMI_COUNT))
    vm.lis("nmi")
    assert int(vm.run(NMI_COUNT)) == before + 1


def test_paused(vm):
    """Refused unless running."""
    vm.lis("pause")
    try:
        assert vm.lis("nmi", check=False).status != 0
    finally:
        vm.lis("resume")
