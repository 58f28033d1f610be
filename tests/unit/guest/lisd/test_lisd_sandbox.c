/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Calls that a service's process may not make are refused. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/lisd/kvp/kvp.h"
#include "guest/lisd/sandbox.h"
#include "sanitized.h"

/* Runs @body in a process within a service's sandbox: its status. */
static int within(const struct lisd_service *service, int (*body)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (sandbox_enter(service->capabilities, service->rules,
				  service->rule_count))
			_exit(100);
		_exit(body());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

#define REFUSED(call) ((call) == -1 && errno == EPERM)

static int forbidden(void)
{
	if (!REFUSED(syscall(SYS_execve, "/bin/true", NULL, NULL)))
		return 1;
	if (!REFUSED(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)))
		return 2;
	if (!REFUSED(mount("none", "/mnt", "tmpfs", 0, NULL)))
		return 3;
	if (!REFUSED(ptrace(PTRACE_TRACEME, 0, NULL, NULL)))
		return 4;
	if (!REFUSED(kill(1, 0)))
		return 5;
	if (!REFUSED(syscall(SYS_init_module, NULL, 0, "")))
		return 6;
	if (!REFUSED(syscall(SYS_reboot, 0, 0, 0, NULL)))
		return 7;
	if (!REFUSED(setuid(0)))
		return 8;
	return 0;
}

static int forbidden_arguments(void)
{
	void *page;

	if (!REFUSED(socket(AF_INET, SOCK_STREAM, 0)) ||
	    !REFUSED(socket(AF_INET6, SOCK_DGRAM, 0)) ||
	    !REFUSED(socket(AF_PACKET, SOCK_RAW, 0)))
		return 1;
	page = mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page != MAP_FAILED || errno != EPERM)
		return 2;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return 3;
	if (!REFUSED(mprotect(page, 4096, PROT_READ | PROT_EXEC)))
		return 4;
	return 0;
}

static int allowed(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || close(fd))
		return 1;
	fd = open("/dev/null", O_RDWR);
	if (fd < 0 || write(fd, "", 1) != 1 || close(fd))
		return 2;
	return 0;
}

static int without_capabilities(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3,
						   0 };
	struct __user_cap_data_struct data[2];

	memset(data, 0xff, sizeof(data));
	/* capget itself is not allowed either: seen from outside. */
	if (!REFUSED(syscall(SYS_capget, &header, data)))
		return 1;
	return 0;
}

static void test_forbidden_calls_are_refused(void **state)
{
	(void)state;
	if (SANITIZED)
		skip();
	assert_int_equal(within(&lisd_kvp, forbidden), 0);
}

static void test_forbidden_arguments_are_refused(void **state)
{
	(void)state;
	if (SANITIZED)
		skip();
	assert_int_equal(within(&lisd_kvp, forbidden_arguments), 0);
}

static void test_allowed_calls_work(void **state)
{
	(void)state;
	if (SANITIZED)
		skip();
	assert_int_equal(within(&lisd_kvp, allowed), 0);
	assert_int_equal(within(&lisd_kvp, without_capabilities), 0);
}

/* The half without a filter, looked at from within. */
static void test_capabilities_are_dropped(void **state)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3,
						   0 };
	struct __user_cap_data_struct data[2];
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		bool root = prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) == 1 &&
			    !geteuid();

		memset(data, 0xff, sizeof(data));
		if (sandbox_drop(1u << CAP_SYS_ADMIN) ||
		    syscall(SYS_capget, &header, data))
			_exit(1);
		if (data[0].effective & ~(1u << CAP_SYS_ADMIN) ||
		    data[1].effective || data[0].inheritable)
			_exit(2);
		if (root && data[0].effective != 1u << CAP_SYS_ADMIN)
			_exit(3);
		if (root && prctl(PR_CAPBSET_READ, CAP_NET_ADMIN) != 0)
			_exit(4);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#ifdef __x86_64__
static int foreign(void)
{
	/* getpid by the 32-bit table. */
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
	return 1;
}

static void test_foreign_call_ends_the_process(void **state)
{
	int status = within(&lisd_kvp, foreign);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forbidden_calls_are_refused),
		cmocka_unit_test(test_forbidden_arguments_are_refused),
		cmocka_unit_test(test_allowed_calls_work),
		cmocka_unit_test(test_capabilities_are_dropped),
#ifdef __x86_64__
		cmocka_unit_test(test_foreign_call_ends_the_process),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
