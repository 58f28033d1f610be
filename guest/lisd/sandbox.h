/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * sandbox.h - what a service's process may still do.
 *
 * Here: capabilities dropped for good, and a seccomp filter built from a table
 * of system calls. Not here: which calls a service needs (its own table).
 *
 * Source: Linux Documentation/userspace-api/seccomp_filter.rst,
 * capabilities(7).
 */
#ifndef GUEST_LISD_SANDBOX_H
#define GUEST_LISD_SANDBOX_H

#include "vmbus/port.h"

/* A system call that is allowed, whatever its arguments unless one is told. */
struct sandbox_rule {
	s32 call;     /* SYS_*; below 0: not on this machine, left out */
	u8 argument;  /* from 1; 0: not looked at */
	u32 mask;     /* of the argument's low half */
	u32 expected; /* (argument & mask) must be this */
};

/* clang-format off */
#define SANDBOX_CALL(call)	      { (call), 0, 0, 0 }
/* The argument @at (from 1) must have none of the bits @mask. */
#define SANDBOX_WITHOUT(call, at, mask) { (call), (at), (mask), 0 }
/* The low 32 bits of the argument @at (from 1) must be @value. */
#define SANDBOX_EQUAL(call, at, value)	{ (call), (at), 0xffffffffu, (value) }
/* clang-format on */

/*
 * Allowed in every service: memory (never executable), time, signals' return,
 * poll, read, write, close, sending on open sockets, and the end of the
 * process. No opening of anything.
 */
extern const struct sandbox_rule sandbox_common_rules[];
extern const u32 sandbox_common_rule_count;

/*
 * sandbox_enter - drop every capability but @capabilities, also from the
 * bounding set, forbid new privileges, and filter system calls: what neither
 * table allows fails with EPERM; a call of another architecture ends the
 * process. There is no way back.
 * @capabilities: bits of 1 << CAP_*
 * @rules: @count rows besides the common ones
 * Returns 0, or -1 with errno set; the process should end then.
 */
int sandbox_enter(u64 capabilities, const struct sandbox_rule *rules,
		  u32 count);

/* sandbox_drop - the first half of it: capabilities only. */
int sandbox_drop(u64 capabilities);

#endif
