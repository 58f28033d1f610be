/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * hypervisor.h - what this machine runs on, without the VMBus driver's help.
 */
#ifndef GUEST_COMMON_HYPERVISOR_H
#define GUEST_COMMON_HYPERVISOR_H

enum hypervisor {
	HYPERVISOR_UNKNOWN, /* this processor has no way to tell */
	HYPERVISOR_NONE,    /* none, or one that does not show itself */
	HYPERVISOR_OTHER,
	HYPERVISOR_HYPERV,
};

/*
 * hypervisor_find - by CPUID leaf 0x40000000 on x86 (Hypervisor Top Level
 * Functional Specification, "Hypervisor Discovery"); elsewhere
 * HYPERVISOR_UNKNOWN.
 */
enum hypervisor hypervisor_find(void);

/*
 * hypervisor_missing_text - why there is no VMBus here and what to do, a clause
 * for an error message.
 */
const char *hypervisor_missing_text(enum hypervisor hypervisor);

#endif
