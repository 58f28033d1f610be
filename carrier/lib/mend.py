# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Mends a fault of QEMU's emulated SVM in a copy of the program. Here: that
one fault. Not here: how QEMU is started (machine.py).

A VMRUN that injects an external interrupt delivers it at once, and leaves its
number in exception_index, too. Most things that happen next overwrite that
field. A request to leave the translated code does not (another thread's, or the
end of an instruction count): the main loop then finds an exception that waits,
and delivers the interrupt a second time, whatever the guest's IF says. A guest
that is in the handler already waits for the lock that it holds itself; others
panic, are reset, or lose an interrupt. Every QEMU up to 10.0 at least has it.

The mended copy does not write the number there: the field stays -1, "nothing
waits", and the delivery right behind takes the number from a register.
"""

import contextlib
import os
import sys

# In helper_vmrun(), once for each build that is known:
#   movzbl %r12b,%esi            the number, for the delivery
#   mov %r13d,error_code
#   mov %esi,exception_index     this is what goes
#   movl $0,exception_is_int
KNOWN = (
    # Debian's 1:10.0.2+ds-2+deb13u1~bpo12+1 for amd64
    ("410fb6f4 4489abe0330000 89b310d7ffff c783e433000000000000",
     "410fb6f4 4489abe0330000 660f1f440000 c783e433000000000000"),
)


def mended_bytes(data):
    """The program without the fault, or None if it is no build that is
    known."""
    for fault, mend in KNOWN:
        fault, mend = bytes.fromhex(fault), bytes.fromhex(mend)
        if data.count(fault) == 1:
            return data.replace(fault, mend)
    return None


def mended(path):
    """The path of a mended copy beside a program, made if it is not there or
    older; the program's own path if it is no build that is known, or if
    nothing can be written there."""
    copy = path + ".mended"
    try:
        if os.path.getmtime(copy) >= os.path.getmtime(path):
            return copy
    except FileNotFoundError:
        pass
    with open(path, "rb") as stream:
        data = mended_bytes(stream.read())
    if data is None:
        print("carrier: %s is no build whose emulated SVM is known to be "
              "mendable: guests may stand still or be reset now and then"
              % path, file=sys.stderr)
        return path
    fresh = "%s.%d" % (copy, os.getpid())
    try:
        with open(fresh, "wb") as stream:
            os.fchmod(stream.fileno(), 0o755)
            stream.write(data)
        os.rename(fresh, copy)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        print("carrier: cannot write %s: %s; guests may stand still or be "
              "reset now and then" % (copy, error.strerror), file=sys.stderr)
        return path
    return copy
