/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * fake_kvm.h - stands for KVM in a test process: the system calls that host/vm
 * makes are wrapped by the linker (--wrap), and "running" a vCPU is a function
 * of the test.
 *
 * Here: enough of KVM's answers for a machine to be made, run and taken down,
 * on any computer and under any sanitizer. Not here: guest code.
 */
#ifndef TESTS_UNIT_HOST_VM_FAKE_KVM_H
#define TESTS_UNIT_HOST_VM_FAKE_KVM_H

#include "vmbus/port.h"

#include <linux/kvm.h>

#define FAKE_KVM_SLOTS 8
#define FAKE_KVM_BITS  8

struct fake_kvm {
	/*
	 * ioctl(KVM_RUN) of a vCPU that is not asked to leave. Result: true
	 * when there is an exit in @run; false to idle for a moment.
	 */
	bool (*run)(u32 vcpu, struct kvm_run *run);
	/* The call with this number (counted from 1) fails; 0: none. */
	u32 fail_at;
	int fail_code;
	u32 calls;   /* that could fail so far */
	int missing; /* a capability that KVM does not have; -1: none */
	u64 clock_ns;
	u64 clock_set_ns;      /* by the last KVM_SET_CLOCK */
	u64 decode_config;     /* that AMD's DE_CFG may be */
	u32 decode_config_set; /* vCPUs that were given that */
	u32 nmis;
	int run_code;	      /* errno of every KVM_RUN; 0: it works */
	u32 inside;	      /* vCPUs that are in KVM_RUN */
	u32 inside_at_memory; /* the most there were when memory was set */
	struct kvm_userspace_memory_region slots[FAKE_KVM_SLOTS];
	struct kvm_ioeventfd bits[FAKE_KVM_BITS];
	u32 bit_count;
};

extern struct fake_kvm fake_kvm;

/** fake_kvm_reset - as at the start of a test. */
void fake_kvm_reset(void);

/** fake_kvm_inside - how many vCPUs are in KVM_RUN at this moment. */
u32 fake_kvm_inside(void);

#endif
