#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Key-value exchange with lisd in a guest, beside the distribution's daemon in
the same guest. Runs inside a carrier whose clock counts instructions
(--icount); bench/run.py starts it."""

import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "vm"),
                os.path.join(HERE, "..", "carrier", "lib")]

import beside  # noqa: E402
import lisd_guest  # noqa: E402
import vm as vm_module  # noqa: E402

SERVICE = "Key-Value Pair Exchange"
ITEMS, AGAIN, GETS, ROUNDS, STARTS = 250, 50, 2, 1, 3

# A guest that the emulation stalls is given up.
ANSWER_LIMIT_S = 300


def per_second(count, work):
    """How many of so many units of work are done in a second."""
    began = time.monotonic()
    work()
    return count / (time.monotonic() - began)


def answers(rpc):
    """Whether the host gets an answer from the daemon."""
    try:
        rpc.call("kvp.enumerate", pool="auto")
    except AssertionError:
        return False
    return True


def start_ms(vm, rpc):
    """From the daemon's start to the host's first answer from it."""
    vm.run("daemon stop kvp")
    began = time.monotonic()
    vm.run("daemon start kvp")
    while not answers(rpc):
        assert time.monotonic() - began < 120
        time.sleep(0.01)
    return (time.monotonic() - began) * 1000


def measure(vm):
    """All figures of the daemon that runs now."""
    vm.wait_status(SERVICE, "OK", 120)
    rpc = vm_module.Rpc(vm.name)
    rpc.socket.settimeout(ANSWER_LIMIT_S)
    keys = ["key %d" % number for number in range(ITEMS)]

    def each(method, some=keys, **params):
        return lambda: [rpc.call(method, pool="external", key=key, **params)
                        for key in some]

    result = {}
    beside.figure(result, "start_ms", statistics.median(
        start_ms(vm, rpc) for _ in range(STARTS)))
    beside.figure(result, "set_per_s",
                  per_second(ITEMS, each("kvp.set", value="a value")))
    beside.figure(result, "set_again_per_s",
                  per_second(AGAIN, each("kvp.set", keys[:AGAIN],
                                         value="another value")))
    beside.figure(result, "enumerate_per_s", per_second(
        ITEMS * ROUNDS, lambda: [rpc.call("kvp.enumerate", pool="external")
                                 for _ in range(ROUNDS)]))
    beside.figure(result, "remove_per_s",
                  per_second(AGAIN, each("kvp.remove", keys[:AGAIN])))
    # The guest is asked for one item after the other until the key is found.
    some = keys[AGAIN::(ITEMS - AGAIN) // GETS]
    beside.figure(result, "get_per_s",
                  per_second(len(some), each("kvp.get", some)))
    rpc.close()
    return result


def main():
    """Measures both, and prints one beside the other."""
    vm = vm_module.Guest("bench", "6.1", options=(
        "--enable", "Guest Service Interface")).boot()
    try:
        results = {"debian": measure(vm)}
        lisd_guest.take_over(vm, "kvp")
        results["lisd"] = measure(vm)
    finally:
        vm.kill()
    beside.tell(results, sys.argv[1])


if __name__ == "__main__":
    main()
