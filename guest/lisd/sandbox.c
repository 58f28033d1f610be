/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define SANDBOX_ARCH AUDIT_ARCH_X86_64
/* Calls of the x32 ABI have this bit, and the same audit architecture. */
#define SANDBOX_FOREIGN 0x40000000u
#elif defined(__aarch64__)
#define SANDBOX_ARCH	AUDIT_ARCH_AARCH64
#define SANDBOX_FOREIGN 0x40000000u
#else
#error "name this architecture's audit number"
#endif

#define FILTER_MAX	1024
#define STEPS_OF_RULE	4
#define LAST_CAPABILITY 63

/* Calls that newer architectures do not have. */
#ifdef SYS_poll
#define CALL_POLL SYS_poll
#else
#define CALL_POLL (-1)
#endif

const struct sandbox_rule sandbox_common_rules[] = {
	SANDBOX_CALL(SYS_read),
	SANDBOX_CALL(SYS_write),
	SANDBOX_CALL(SYS_readv),
	SANDBOX_CALL(SYS_writev),
	SANDBOX_CALL(SYS_pread64),
	SANDBOX_CALL(SYS_pwrite64),
	SANDBOX_CALL(SYS_close),
	SANDBOX_CALL(CALL_POLL),
	SANDBOX_CALL(SYS_ppoll),
	SANDBOX_CALL(SYS_lseek),
	SANDBOX_CALL(SYS_fstat),
	SANDBOX_CALL(SYS_sendto),
	SANDBOX_CALL(SYS_clock_gettime),
	SANDBOX_CALL(SYS_clock_nanosleep),
	SANDBOX_CALL(SYS_nanosleep),
	SANDBOX_CALL(SYS_restart_syscall),
	SANDBOX_CALL(SYS_rt_sigreturn),
	SANDBOX_CALL(SYS_rt_sigprocmask),
	SANDBOX_CALL(SYS_getpid),
	SANDBOX_CALL(SYS_gettid),
	SANDBOX_CALL(SYS_tgkill),
	SANDBOX_CALL(SYS_futex),
	SANDBOX_CALL(SYS_brk),
	SANDBOX_CALL(SYS_munmap),
	SANDBOX_CALL(SYS_madvise),
	SANDBOX_CALL(SYS_mremap),
	SANDBOX_WITHOUT(SYS_mmap, 3, PROT_EXEC),
	SANDBOX_WITHOUT(SYS_mprotect, 3, PROT_EXEC),
	SANDBOX_CALL(SYS_exit),
	SANDBOX_CALL(SYS_exit_group),
};
const u32 sandbox_common_rule_count = PORT_ARRAY_SIZE(sandbox_common_rules);

struct filter {
	struct sock_filter steps[FILTER_MAX];
	u32 count;
	bool full;
};

static void filter_add(struct filter *filter, u16 code, u32 value, u8 yes,
		       u8 no)
{
	if (filter->count == FILTER_MAX) {
		filter->full = true;
		return;
	}
	filter->steps[filter->count++] =
		(struct sock_filter){ code, yes, no, value };
}

static void filter_load(struct filter *filter, size_t offset)
{
	filter_add(filter, BPF_LD | BPF_W | BPF_ABS, (u32)offset, 0, 0);
}

/* The call's number is in the accumulator before and after. */
static void filter_rule(struct filter *filter, const struct sandbox_rule *rule)
{
	size_t offset;

	if (rule->call < 0)
		return;
	if (!rule->argument) {
		filter_add(filter, BPF_JMP | BPF_JEQ | BPF_K, (u32)rule->call,
			   0, 1);
		filter_add(filter, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
		return;
	}
	/* Both machines are little endian: the low half comes first. */
	offset = offsetof(struct seccomp_data, args) +
		 (rule->argument - 1u) * sizeof(u64);
	filter_add(filter, BPF_JMP | BPF_JEQ | BPF_K, (u32)rule->call, 0,
		   STEPS_OF_RULE + 1);
	filter_load(filter, offset);
	filter_add(filter, BPF_ALU | BPF_AND | BPF_K, rule->mask, 0, 0);
	filter_add(filter, BPF_JMP | BPF_JEQ | BPF_K, rule->expected, 0, 1);
	filter_add(filter, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	filter_load(filter, offsetof(struct seccomp_data, nr));
}

static int filter_enter(const struct sandbox_rule *rules, u32 count)
{
	struct filter filter = { 0 };
	struct sock_fprog program;
	u32 i;

	filter_load(&filter, offsetof(struct seccomp_data, arch));
	filter_add(&filter, BPF_JMP | BPF_JEQ | BPF_K, SANDBOX_ARCH, 1, 0);
	filter_add(&filter, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	filter_load(&filter, offsetof(struct seccomp_data, nr));
	filter_add(&filter, BPF_JMP | BPF_JGE | BPF_K, SANDBOX_FOREIGN, 0, 1);
	filter_add(&filter, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	for (i = 0; i < sandbox_common_rule_count; i++)
		filter_rule(&filter, &sandbox_common_rules[i]);
	for (i = 0; i < count; i++)
		filter_rule(&filter, &rules[i]);
	filter_add(&filter, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM, 0, 0);
	if (filter.full) {
		errno = E2BIG;
		return -1;
	}
	program.len = (unsigned short)filter.count;
	program.filter = filter.steps;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int sandbox_drop(u64 capabilities)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3,
						   0 };
	struct __user_cap_data_struct data[2] = { 0 };
	unsigned int i;

	/* A process without CAP_SETPCAP has no bounding set to fear for. */
	for (i = 0; i <= LAST_CAPABILITY; i++) {
		if (capabilities >> i & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) && errno == EINVAL)
			break;
	}
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &header, data))
		return -1;
	data[0].permitted &= (u32)capabilities;
	data[1].permitted &= (u32)(capabilities >> 32);
	for (i = 0; i < 2; i++) {
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return (int)syscall(SYS_capset, &header, data);
}

int sandbox_enter(u64 capabilities, const struct sandbox_rule *rules, u32 count)
{
	if (sandbox_drop(capabilities) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return filter_enter(rules, count);
}
