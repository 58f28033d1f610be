/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "bench/daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/daemon_shim.h"

#define LIMIT_MS  60000
#define NS_PER_MS 1e6
#define FIRST_MAX 16384

_Noreturn void die(const char *what)
{
	fprintf(stderr, "daemon_cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Documentation/scheduler/sched-stats: the first number is the time, in ns. */
double daemon_spent_ms(const struct daemon *daemon)
{
	unsigned long long spent_ns = 0;
	char path[64];
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)daemon->pid);
	stream = fopen(path, "re");
	if (!stream || fscanf(stream, "%llu", &spent_ns) != 1)
		die(path);
	fclose(stream);
	return (double)spent_ns / NS_PER_MS;
}

/* As lisd_serve(), but with a device that is open already. */
static int serve(const struct lisd_service *service, int fd)
{
	static struct lisd_env env = { .report_fd = -1, .device_given = true };

	env.service = service;
	env.stop_fd = eventfd(0, EFD_CLOEXEC);
	if (service->prepare(&env) ||
	    sandbox_enter(service->capabilities, service->rules,
			  service->rule_count))
		return 1;
	return (int)service->run(&env, fd);
}

void daemon_hear(const struct daemon *daemon, void *answer, size_t bytes)
{
	struct pollfd wait = { .fd = daemon->fd, .events = POLLIN };

	if (poll(&wait, 1, LIMIT_MS) != 1 ||
	    recv(daemon->fd, answer, bytes, MSG_TRUNC) != (ssize_t)bytes)
		die(daemon->name);
}

void daemon_tell(const struct daemon *daemon, const void *message, size_t bytes)
{
	if (send(daemon->fd, message, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
		die(daemon->name);
}

void daemon_start(struct daemon *daemon, size_t bytes)
{
	static char first[FIRST_MAX];
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		die("socketpair");
	daemon->pid = fork();
	if (!daemon->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		if (!daemon->path)
			_exit(serve(daemon->service, ends[1]));
		if (dup2(ends[1], SHIM_FD) < 0 ||
		    setenv("LD_PRELOAD", daemon->shim, 1))
			_exit(1);
		execl(daemon->path, daemon->path, "-n", (char *)NULL);
		_exit(1);
	}
	close(ends[1]);
	daemon->fd = ends[0];
	daemon_hear(daemon, first, bytes);
}

void daemon_end(const struct daemon *daemon)
{
	kill(daemon->pid, SIGKILL);
	waitpid(daemon->pid, NULL, 0);
	close(daemon->fd);
}
