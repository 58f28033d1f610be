# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The frequency of this machine's time stamp counter, which is also that of
the emulated processors.

A kernel that boots under emulation measures it against emulated timers. On a
busy machine it can be wrong by a factor, and with it every clock inside.
"""

import ctypes
import mmap
import time

# rdtsc; shl rdx, 32; or rax, rdx; ret
RDTSC = bytes((0x0f, 0x31, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0xc3))
MEASURE_S = 0.1
ATTEMPTS = 20


def _sample(counter):
    """(nanoseconds, ticks), as close to each other as can be had."""
    best = None
    for _ in range(ATTEMPTS):
        before = time.monotonic_ns()
        ticks = counter()
        after = time.monotonic_ns()
        if best is None or after - before < best[0]:
            best = (after - before, (before + after) // 2, ticks)
    return best[1:]


def frequency_khz():
    """Ticks in a millisecond."""
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE |
                   mmap.PROT_EXEC) as page:
        page.write(RDTSC)
        at = ctypes.c_char.from_buffer(page)
        counter = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(at))
        first = _sample(counter)
        time.sleep(MEASURE_S)
        last = _sample(counter)
        del at, counter
    return round((last[1] - first[1]) * 1e6 / (last[0] - first[0]))
