/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The supervisor: restarts, and the words to the service manager. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/lisd/notify.h"
#include "guest/lisd/supervise.h"

#define LIMIT_MS 30000

static int count_fd;

/* Counts a start, and fails. */
static enum lisd_end fails(struct lisd_env *env, int fd)
{
	static const char one = 's';

	(void)fd;
	(void)!write(count_fd, &one, 1);
	lisd_ready(env);
	return LISD_FAIL;
}

static int open_null(struct lisd_env *env)
{
	(void)env;
	return count_fd;
}

static const struct lisd_service failing = {
	.name = "failing",
	.daemon_name = "failing",
	.device = "/dev/null",
	.open = open_null,
	.run = fails,
};

static enum lisd_end runs(struct lisd_env *env, int fd)
{
	static const char one = 's';

	(void)fd;
	(void)!write(count_fd, &one, 1);
	lisd_ready(env);
	lisd_wait(env, -1, -1);
	return LISD_STOP;
}

static const struct lisd_service steady = {
	.name = "steady",
	.daemon_name = "steady",
	.device = "/dev/null",
	.open = open_null,
	.run = runs,
};

static int notify_listen(char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(path, 64, "@lisd-test-%d", (int)getpid());
	memcpy(address.sun_path, path, strlen(path));
	address.sun_path[0] = '\0';
	assert_int_equal(
		bind(fd, (struct sockaddr *)&address,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				 strlen(path))),
		0);
	return fd;
}

static pid_t supervisor_start(const struct lisd_service *service)
{
	static struct lisd_env env;
	pid_t pid = fork();

	if (pid)
		return pid;
	env.service = service;
	env.report_fd = env.stop_fd = -1;
	notify_open();
	_exit(supervise_run(&env, 1));
}

static void assert_told(int fd, const char *wanted)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char text[256];
	ssize_t got;

	do {
		assert_int_equal(poll(&wait, 1, LIMIT_MS), 1);
		got = recv(fd, text, sizeof(text) - 1, 0);
		assert_true(got > 0);
		text[got] = '\0';
	} while (!strstr(text, wanted));
}

static void end(pid_t pid)
{
	int status;

	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_restarts_what_failed(void **state)
{
	int ends[2], i;
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	count_fd = ends[1];
	pid = supervisor_start(&failing);
	for (i = 0; i < 4; i++)
		assert_int_equal(read(ends[0], &byte, 1), 1);
	end(pid);
	close(ends[0]);
	close(ends[1]);
}

static void test_tells_the_service_manager(void **state)
{
	char path[64], limit[16];
	int fd = notify_listen(path);
	pid_t pid;

	(void)state;
	snprintf(limit, sizeof(limit), "%d", 200000);
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", limit, 1);
	unsetenv("WATCHDOG_PID");
	count_fd = STDERR_FILENO;
	pid = supervisor_start(&steady);
	assert_told(fd, "READY=1");
	assert_told(fd, "WATCHDOG=1");
	assert_told(fd, "WATCHDOG=1");
	kill(pid, SIGTERM);
	assert_told(fd, "STOPPING=1");
	end(pid);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	close(fd);
}

static void test_no_service_manager(void **state)
{
	int ends[2];
	char byte;
	pid_t pid;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(pipe(ends), 0);
	count_fd = ends[1];
	pid = supervisor_start(&steady);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	end(pid);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restarts_what_failed),
		cmocka_unit_test(test_tells_the_service_manager),
		cmocka_unit_test(test_no_service_manager),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
