// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * panic.c - the kernel's last words, told to the host.
 *
 * Newer kernels do it themselves (compat.h); here for those that leave it to
 * the bus. Source: TLFS 5.2 (crash registers), what the two bits of the control
 * register mean.
 */
#include "guest/kmod/hv_vmbus/bus.h"

#if COMPAT_PANIC_IS_OURS

#include <linux/kmsg_dump.h>

static void *words; /* a page: the end of the kernel's log */
static bool registered;

static void dump(struct kmsg_dumper *dumper, enum kmsg_dump_reason reason)
{
	size_t bytes = 0;

	if (reason != KMSG_DUMP_PANIC)
		return;
	compat_kmsg_read(dumper, words, PAGE_SIZE, &bytes);
	if (!bytes)
		return;
	wrmsrl(HV_X64_MSR_CRASH_P0, 0);
	wrmsrl(HV_X64_MSR_CRASH_P1, 0);
	wrmsrl(HV_X64_MSR_CRASH_P2, 0);
	wrmsrl(HV_X64_MSR_CRASH_P3, virt_to_phys(words));
	wrmsrl(HV_X64_MSR_CRASH_P4, bytes);
	wrmsrl(HV_X64_MSR_CRASH_CTL,
	       HV_CRASH_CTL_CRASH_NOTIFY | HV_CRASH_CTL_CRASH_NOTIFY_MSG);
}

static struct kmsg_dumper dumper = { .dump = dump };

void bus_panic_start(void)
{
	u64 control;

	if (!(ms_hyperv.misc_features & HV_FEATURE_GUEST_CRASH_MSR_AVAILABLE))
		return;
	rdmsrl(HV_X64_MSR_CRASH_CTL, control);
	if (!(control & HV_CRASH_CTL_CRASH_NOTIFY_MSG))
		return;
	words = (void *)get_zeroed_page(GFP_KERNEL);
	registered = words && !kmsg_dump_register(&dumper);
	if (!registered)
		pr_warn(BUS_LOG "panics will not be told to the host\n");
}

void bus_panic_stop(void)
{
	if (registered)
		kmsg_dump_unregister(&dumper);
	free_page((unsigned long)words);
	registered = false;
	words = NULL;
}

#else

void bus_panic_start(void)
{
}

void bus_panic_stop(void)
{
}

#endif
