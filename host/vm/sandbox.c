/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/vm/sandbox.h"

#include <errno.h>
#include <linux/kvm.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* The kernel looks at the low half of an ioctl's request only. */
#define REQUEST_MASK 0xffffffffull
#define IOCTL(request)                                                         \
	{                                                                      \
		SYS_ioctl, 1, REQUEST_MASK, (u64)(request)                     \
	}
/* Memory may never become code. */
#define NO_CODE(call)                                                          \
	{                                                                      \
		call, 2, PROT_EXEC, 0                                          \
	}

const struct sandbox_rule sandbox_vcpu_rules[] = {
	IOCTL(KVM_RUN),
	IOCTL(KVM_GET_MSRS),
	/* Locks, eventfds, and the signal that takes a vCPU out of KVM_RUN. */
	{ SYS_futex },
	{ SYS_write },
	{ SYS_rt_sigreturn },
	{ SYS_tgkill },
	{ SYS_getpid },
	{ SYS_gettid },
	{ SYS_sched_yield },
	{ SYS_restart_syscall },
	{ SYS_clock_gettime },
	/* malloc */
	{ SYS_brk },
	NO_CODE(SYS_mmap),
	NO_CODE(SYS_mprotect),
	{ SYS_mremap },
	{ SYS_munmap },
	{ SYS_madvise },
	/* The end of the thread and of the process. */
	{ SYS_rt_sigprocmask },
	{ SYS_exit },
	{ SYS_exit_group },
};
const u32 sandbox_vcpu_rule_count = PORT_ARRAY_SIZE(sandbox_vcpu_rules);

const struct sandbox_rule sandbox_machine_rules[] = {
	IOCTL(KVM_IRQFD),      IOCTL(KVM_HYPERV_EVENTFD),
	IOCTL(KVM_GET_CLOCK),  IOCTL(KVM_SET_CLOCK),
	IOCTL(KVM_IOEVENTFD),  IOCTL(KVM_SET_USER_MEMORY_REGION),
	IOCTL(KVM_SIGNAL_MSI), { SYS_eventfd2 },
	{ SYS_futex },	       { SYS_write },
	{ SYS_read },	       { SYS_close },
	{ SYS_tgkill },	       { SYS_getpid },
	NO_CODE(SYS_mmap),     NO_CODE(SYS_mprotect),
	{ SYS_munmap },	       { SYS_madvise },
	{ SYS_brk },	       { SYS_mremap },
};
const u32 sandbox_machine_rule_count = PORT_ARRAY_SIZE(sandbox_machine_rules);

static int add_rule(scmp_filter_ctx filter, const struct sandbox_rule *rule)
{
	struct scmp_arg_cmp compare = { .arg = rule->argument,
					.op = SCMP_CMP_MASKED_EQ,
					.datum_a = rule->mask,
					.datum_b = rule->value };

	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule->call,
				      rule->mask ? 1 : 0, &compare);
}

int sandbox_enter(const struct sandbox_rule *rules, u32 count,
		  struct lis_error *err)
{
	scmp_filter_ctx filter;
	int ret = 0;
	u32 i;

	filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!filter)
		return lis_error_set(err, ENOMEM,
				     "cannot make a seccomp filter: out of "
				     "memory");
	for (i = 0; i < count && !ret; i++)
		ret = add_rule(filter, &rules[i]);
	if (!ret)
		ret = seccomp_load(filter);
	seccomp_release(filter);
	if (ret)
		return lis_error_set(err, -ret,
				     "cannot install a seccomp filter: %s; "
				     "does this kernel have "
				     "CONFIG_SECCOMP_FILTER?",
				     strerror(-ret));
	return 0;
}
