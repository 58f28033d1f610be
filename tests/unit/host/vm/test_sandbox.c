/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/vm/sandbox.h"
#include "tests/unit/host/vm/unit.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CAME_BACK 42
#define NO_FILTER 43

/*
 * Runs @act in a child under a filter. Result: the signal that killed it, or 0
 * when it came back. Children use plain system calls only: a sanitizer's own
 * would be the ones that are killed.
 */
static int run_filtered(const struct sandbox_rule *rules, u32 count,
			void (*act)(void))
{
	struct rlimit no_core = { 0, 0 };
	struct lis_error err;
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		setrlimit(RLIMIT_CORE, &no_core);
		if (sandbox_enter(rules, count, &err))
			syscall(SYS_exit_group, NO_FILTER);
		act();
		syscall(SYS_exit_group, CAME_BACK);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		return WTERMSIG(status);
	assert_int_equal(WEXITSTATUS(status), CAME_BACK);
	return 0;
}

static void do_nothing(void)
{
}

static void get_pid(void)
{
	syscall(SYS_getpid);
}

static void open_file(void)
{
	syscall(SYS_openat, AT_FDCWD, "/dev/null", 0, 0);
}

static void make_socket(void)
{
	syscall(SYS_socket, 1, 1, 0);
}

static void execute(void)
{
	syscall(SYS_execve, "/bin/true", NULL, NULL);
}

static void map_data(void)
{
	syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void map_code(void)
{
	syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void run_vcpu(void)
{
	syscall(SYS_ioctl, -1, KVM_RUN, 0);
}

static void make_vm(void)
{
	syscall(SYS_ioctl, -1, KVM_CREATE_VM, 0);
}

static void set_clock(void)
{
	syscall(SYS_ioctl, -1, KVM_SET_CLOCK, 0);
}

/* The kernel ignores the high half of a request: so must the filter. */
static void run_vcpu_with_high_bits(void)
{
	syscall(SYS_ioctl, -1, 0xdead00000000ull | KVM_RUN, 0);
}

static const struct sandbox_rule only_exit[] = { { SYS_exit_group } };

static void kills_what_is_not_listed(void **state)
{
	(void)state;
	assert_int_equal(run_filtered(only_exit, 1, do_nothing), 0);
	assert_int_equal(run_filtered(only_exit, 1, get_pid), SIGSYS);
	assert_int_equal(run_filtered(only_exit, 1, open_file), SIGSYS);
}

static void compares_arguments(void **state)
{
	static const struct sandbox_rule rules[] = {
		{ SYS_exit_group },
		{ SYS_mmap, 2, PROT_EXEC, 0 },
		{ SYS_ioctl, 1, 0xffffffff, KVM_RUN },
		{ SYS_ioctl, 1, 0xffffffff, KVM_SET_CLOCK },
	};

	(void)state;
	assert_int_equal(run_filtered(rules, 4, map_data), 0);
	assert_int_equal(run_filtered(rules, 4, map_code), SIGSYS);
	assert_int_equal(run_filtered(rules, 4, run_vcpu), 0);
	assert_int_equal(run_filtered(rules, 4, set_clock), 0);
	assert_int_equal(run_filtered(rules, 4, run_vcpu_with_high_bits), 0);
	assert_int_equal(run_filtered(rules, 4, make_vm), SIGSYS);
	assert_int_equal(run_filtered(rules, 3, set_clock), SIGSYS);
}

/* Lists are made by joining others: a call may come twice. */
static void joins_wide_and_narrow_rows(void **state)
{
	static const struct sandbox_rule rules[] = {
		{ SYS_exit_group },
		{ SYS_mmap, 2, PROT_EXEC, 0 },
		{ SYS_mmap },
		{ SYS_mmap, 2, PROT_EXEC, 0 },
	};

	(void)state;
	assert_int_equal(run_filtered(rules, 4, map_code), 0);
}

static void holds_vcpu_threads(void **state)
{
	static void (*const allowed[])(void) = { do_nothing, get_pid, map_data,
						 run_vcpu };
	static void (*const killed[])(void) = { open_file, make_socket,
						execute,   map_code,
						make_vm,   set_clock };
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(allowed); i++)
		assert_int_equal(run_filtered(sandbox_vcpu_rules,
					      sandbox_vcpu_rule_count,
					      allowed[i]),
				 0);
	for (i = 0; i < PORT_ARRAY_SIZE(killed); i++)
		assert_int_equal(run_filtered(sandbox_vcpu_rules,
					      sandbox_vcpu_rule_count,
					      killed[i]),
				 SIGSYS);
}

static void refuses_a_wrong_rule(void **state)
{
	static const struct sandbox_rule rules[] = { { SYS_mmap, 7, 1, 0 } };
	struct lis_error err = { "" };

	(void)state;
	assert_true(sandbox_enter(rules, 1, &err) < 0);
	assert_says(err, "seccomp");
	/* Nothing was filtered. */
	assert_true(syscall(SYS_getppid) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kills_what_is_not_listed),
		cmocka_unit_test(compares_arguments),
		cmocka_unit_test(joins_wide_and_narrow_rows),
		cmocka_unit_test(holds_vcpu_threads),
		cmocka_unit_test(refuses_a_wrong_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
