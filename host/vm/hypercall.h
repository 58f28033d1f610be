/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * hypercall.h - the hypercalls that KVM leaves to us (TLFS chapter 3).
 *
 * Here: checking the input of a call and what it answers. Not here: what a
 * message means.
 */
#ifndef HOST_VM_HYPERCALL_H
#define HOST_VM_HYPERCALL_H

#include "host/vm/machine.h"
#include "host/vm/memory.h"

struct hypercall {
	u64 input;	   /* TLFS 3.7: code, fast bit, counts */
	u64 parameters[2]; /* GPAs, or the 16 input bytes of a fast call */
};

/**
 * hypercall_run - answer a hypercall.
 * @post_message: see machine_ops, may be NULL
 *
 * Result: the hypercall's result value: MACHINE_HV_* in the low 16 bits.
 */
u64 hypercall_run(const struct hypercall *call, const struct memory *memory,
		  u16 (*post_message)(void *context, u32 connection_id,
				      u32 message_type, const void *payload,
				      u32 size_bytes),
		  void *context);

#endif
