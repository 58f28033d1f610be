/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "fake_device.h"
#include "sanitized.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define ANSWER_LIMIT_MS 60000

static int serve(struct lisd_env *env, int fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	env->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (env->service->prepare && env->service->prepare(env))
		return 10;
	/* Sanitizers make calls of their own. */
	if (!SANITIZED &&
	    sandbox_enter(env->service->capabilities, env->service->rules,
			  env->service->rule_count))
		return 11;
	return (int)env->service->run(env, fd);
}

void fake_device_start(struct fake_device *device, struct lisd_env *env)
{
	int ends[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	device->pid = fork();
	if (!device->pid) {
		close(ends[0]);
		_exit(serve(env, ends[1]));
	}
	close(ends[1]);
	device->fd = ends[0];
}

size_t fake_device_call(struct fake_device *device, const void *message,
			size_t bytes, void *answer, size_t room)
{
	struct pollfd wait = { .fd = device->fd, .events = POLLIN };
	ssize_t got;

	if (message)
		assert_int_equal(send(device->fd, message, bytes, MSG_NOSIGNAL),
				 bytes);
	assert_int_equal(poll(&wait, 1, ANSWER_LIMIT_MS), 1);
	got = recv(device->fd, answer, room, 0);
	assert_true(got > 0);
	return (size_t)got;
}

int fake_device_stop(struct fake_device *device)
{
	int status;

	close(device->fd);
	assert_int_equal(waitpid(device->pid, &status, 0), device->pid);
	return status;
}
