/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * sandbox.h - seccomp filters for the threads of the process: what is not
 * listed kills the process.
 *
 * Here: building and installing filters, and the list for vCPU threads. Not
 * here: what other threads need; they bring their own list.
 */
#ifndef HOST_VM_SANDBOX_H
#define HOST_VM_SANDBOX_H

#include "host/vm/error.h"
#include "vmbus/port.h"

/*
 * One system call that is allowed. With mask not 0, only when
 * (argument & mask) == value. A call may be in more than one row.
 */
struct sandbox_rule {
	int call;     /* SYS_... */
	u32 argument; /* 0..5 */
	u64 mask;
	u64 value;
};

/**
 * sandbox_enter - filter the calling thread and those it creates, for good.
 * @rules: @count of them
 *
 * Result: 0; a negative errno of libseccomp or prctl: nothing is filtered then,
 * and the caller must not go on.
 */
int sandbox_enter(const struct sandbox_rule *rules, u32 count,
		  struct lis_error *err);

/*
 * What a vCPU thread may do: run the vCPU, wake other threads, allocate. The
 * operations of machine_ops run under it.
 */
extern const struct sandbox_rule sandbox_vcpu_rules[];
extern const u32 sandbox_vcpu_rule_count;

/*
 * What functions of machine.h may need on another thread after machine_create,
 * for lists of other threads to include.
 */
extern const struct sandbox_rule sandbox_machine_rules[];
extern const u32 sandbox_machine_rule_count;

#endif
