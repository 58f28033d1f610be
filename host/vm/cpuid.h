/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * cpuid.h - what the guest's CPUID instruction answers.
 *
 * Here: the choice from what KVM can do. Not here: system calls.
 */
#ifndef HOST_VM_CPUID_H
#define HOST_VM_CPUID_H

#include "vmbus/port.h"

#include <linux/kvm.h>

/* KVM itself gives at most 256 (KVM_MAX_CPUID_ENTRIES). */
#define CPUID_ENTRIES_MAX 256

struct cpuid_table {
	u32 count;
	struct kvm_cpuid_entry2 entries[CPUID_ENTRIES_MAX];
};

/**
 * cpuid_model - choose what all vCPUs of a machine have in common.
 * @out: receives the model
 * @cpu: what KVM_GET_SUPPORTED_CPUID answered
 * @hyperv: what KVM_GET_SUPPORTED_HV_CPUID answered
 * @vcpus: 1..64
 * @tsc_deadline: KVM has KVM_CAP_TSC_DEADLINE_TIMER
 *
 * Hardware features that depend on one that is absent are taken out; nested
 * virtualization and performance counters are not offered; KVM's own leaves
 * are replaced by those of Hyper-V (TLFS 2.4), cut down to what this machine
 * means to give.
 */
void cpuid_model(struct cpuid_table *out, const struct cpuid_table *cpu,
		 const struct cpuid_table *hyperv, u32 vcpus,
		 bool tsc_deadline);

/** cpuid_set_vcpu - put the id of one vCPU into a model. */
void cpuid_set_vcpu(struct cpuid_table *table, u32 vcpu);

/**
 * cpuid_find - an entry of a table.
 *
 * Result: NULL when there is none for @function and @index.
 */
struct kvm_cpuid_entry2 *cpuid_find(struct cpuid_table *table, u32 function,
				    u32 index);

#endif
