/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/lisd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "guest/lisd/device.h"
#include "guest/lisd/log.h"
#include "guest/lisd/notify.h"
#include "guest/lisd/supervise.h"

/* A device that opens and ends at once, over and over, is not asked faster. */
#define REOPEN_MS 200

static int stop_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The descriptor that run() serves; -1 or -2 as open() has them. */
static int service_open(struct lisd_env *env)
{
	if (env->service->open)
		return env->service->open(env);
	return device_open(env);
}

static int service_loop(struct lisd_env *env)
{
	enum lisd_end end;
	int fd;

	for (;;) {
		fd = service_open(env);
		if (fd < 0)
			return fd == -1 ? 0 : 1;
		end = env->service->run(env, fd);
		close(fd);
		if (end == LISD_STOP)
			return 0;
		if (end == LISD_FAIL)
			return 1;
		if (env->device_given)
			return 0;
		log_debug("%s: %s is gone: waiting for it", env->service->name,
			  env->device);
		if (lisd_wait(env, -1, REOPEN_MS) < 0)
			return 0;
	}
}

int lisd_serve(struct lisd_env *env)
{
	const struct lisd_service *service = env->service;

	if (!*env->device)
		snprintf(env->device, sizeof(env->device), "%s",
			 service->device);
	env->stop_fd = stop_open();
	if (env->stop_fd < 0) {
		log_error("cannot watch for signals: %s", strerror(errno));
		return 1;
	}
	if (service->prepare && service->prepare(env))
		return 1;
	if (sandbox_enter(service->capabilities, service->rules,
			  service->rule_count)) {
		log_error("cannot enter the sandbox: %s: the kernel needs "
			  "CONFIG_SECCOMP_FILTER",
			  strerror(errno));
		return 1;
	}
	return service_loop(env);
}

void lisd_ready(struct lisd_env *env)
{
	if (env->ready)
		return;
	env->ready = true;
	if (env->report_fd >= 0)
		(void)!write(env->report_fd, SUPERVISE_READY, 1);
	else
		notify_send("READY=1");
}

void lisd_ping(struct lisd_env *env)
{
	if (env->report_fd >= 0)
		(void)!write(env->report_fd, SUPERVISE_ALIVE, 1);
}

int lisd_wait(struct lisd_env *env, int fd, int timeout_ms)
{
	struct pollfd waits[] = { { .fd = env->stop_fd, .events = POLLIN },
				  { .fd = fd, .events = POLLIN } };
	int turn, found;

	for (;;) {
		turn = timeout_ms;
		if (turn < 0 || turn > LISD_PING_MS)
			turn = LISD_PING_MS;
		found = poll(waits, 2, turn);
		if (found < 0 && errno != EINTR)
			return -1;
		if (found > 0)
			return waits[0].revents ? -1 : 1;
		lisd_ping(env);
		if (timeout_ms < 0)
			continue;
		timeout_ms -= turn;
		if (timeout_ms <= 0)
			return 0;
	}
}

char *lisd_path(const struct lisd_env *env, char *out, const char *path)
{
	int used = snprintf(out, LISD_PATH_BYTES, "%s%s", env->root, path);

	if (used < 0 || used >= LISD_PATH_BYTES)
		*out = '\0';
	return out;
}
