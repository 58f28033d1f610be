// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* What this machine runs on. */
#include "guest/common/hypervisor.h"

#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

enum hypervisor hypervisor_find(void)
{
	unsigned int eax, ebx, ecx, edx, vendor[3];

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & 1u << 31))
		return HYPERVISOR_NONE;
	__cpuid(0x40000000, eax, vendor[0], vendor[1], vendor[2]);
	return memcmp(vendor, "Microsoft Hv", sizeof(vendor))
		       ? HYPERVISOR_OTHER
		       : HYPERVISOR_HYPERV;
}
#else
enum hypervisor hypervisor_find(void)
{
	return HYPERVISOR_UNKNOWN;
}
#endif

const char *hypervisor_missing_text(enum hypervisor hypervisor)
{
	switch (hypervisor) {
	case HYPERVISOR_HYPERV:
		return "this is a Hyper-V guest, but the driver hv_vmbus is "
		       "not loaded: run 'modprobe hv_vmbus'";
	case HYPERVISOR_OTHER:
		return "this machine runs on a hypervisor other than Hyper-V";
	case HYPERVISOR_NONE:
		return "this machine is not a Hyper-V guest";
	default:
		return "this is not a Hyper-V guest, or the driver hv_vmbus is "
		       "not loaded ('modprobe hv_vmbus')";
	}
}
