# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Last of all that a kept guest goes through."""


def test_kernel_log_is_quiet(vm):
    """After everything that the other tests did: no warning, no trace."""
    assert vm.trouble() == []
