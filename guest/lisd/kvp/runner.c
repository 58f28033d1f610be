/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/kvp/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/lisd/file.h"
#include "guest/lisd/log.h"

#define ARGUMENTS_MAX 5
#define MS_PER_S      1000
#define NS_PER_MS     1000000
#define FAREWELL_MS   2000

/* "%s" in a word stands for the argument. */
static const struct program {
	const char *paths[4]; /* those of a hook are below its folder */
	bool hook;
	const char *words[ARGUMENTS_MAX];
} programs[RUNNER_PROGRAMS] = {
	[RUNNER_IFUP] = { { "/usr/sbin/ifup", "/sbin/ifup" },
			  false,
			  { "ifup", "%s" } },
	[RUNNER_IFDOWN] = { { "/usr/sbin/ifdown", "/sbin/ifdown" },
			    false,
			    { "ifdown", "%s" } },
	/* Not by way of netplan, which is a script: in the order of its age. */
	[RUNNER_NETPLAN_GENERATE] = { { "/usr/libexec/netplan/configure",
					"/usr/libexec/netplan/generate",
					"/usr/lib/netplan/generate" },
				      false,
				      { "generate" } },
	[RUNNER_NETPLAN_APPLY] = { { "/usr/sbin/netplan", "/usr/bin/netplan" },
				   false,
				   { "netplan", "apply" } },
	[RUNNER_HOOK_SET] = { { "hv_set_ifconfig" },
			      true,
			      { "hv_set_ifconfig", RUNNER_HOOK_IFCFG,
				RUNNER_HOOK_KEYFILE } },
	[RUNNER_HOOK_DNS] = { { "hv_get_dns_info" },
			      true,
			      { "hv_get_dns_info", "%s" } },
	[RUNNER_HOOK_DHCP] = { { "hv_get_dhcp_info" },
			       true,
			       { "hv_get_dhcp_info", "%s" } },
};

struct request {
	u32 program;
	u32 limit_ms;
	char argument[RUNNER_ARGUMENT_BYTES];
};

static u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * MS_PER_S + (u64)now.tv_nsec / NS_PER_MS;
}

/* Nothing that a program could take for an option or for more than one word. */
static bool argument_fits(const char *argument)
{
	const char *at;

	if (*argument == '-')
		return false;
	for (at = argument; *at; at++)
		if (!((*at >= 'a' && *at <= 'z') ||
		      (*at >= 'A' && *at <= 'Z') ||
		      (*at >= '0' && *at <= '9') || strchr("-_.:@", *at)))
			return false;
	return true;
}

static void program_exec(const struct request *request, const char *hooks)
{
	const struct program *program = &programs[request->program];
	char path[LISD_PATH_BYTES];
	char words[ARGUMENTS_MAX][LISD_PATH_BYTES];
	char *list[ARGUMENTS_MAX + 1] = { 0 };
	char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
				      "LC_ALL=C", NULL };
	u32 i;

	for (i = 0; i < ARGUMENTS_MAX && program->words[i]; i++) {
		snprintf(words[i], sizeof(words[i]), program->words[i],
			 request->argument);
		list[i] = words[i];
	}
	for (i = 0; program->paths[i]; i++) {
		snprintf(path, sizeof(path), "%s%s%s",
			 program->hook ? hooks : "", program->hook ? "/" : "",
			 program->paths[i]);
		execve(path, list, environment);
	}
}

static pid_t program_start(const struct request *request, const char *hooks,
			   int *output)
{
	int ends[2], null_fd;
	sigset_t none;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -1;
	pid = fork();
	if (pid) {
		close(ends[1]);
		*output = ends[0];
		if (pid < 0)
			close(ends[0]);
		return pid;
	}
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	null_fd = open("/dev/null", O_RDWR);
	fcntl(ends[1], F_SETFL, 0);
	dup2(null_fd, STDIN_FILENO);
	dup2(ends[1], STDOUT_FILENO);
	dup2(ends[1], STDERR_FILENO);
	if (null_fd > STDERR_FILENO)
		close(null_fd);
	program_exec(request, hooks);
	_exit(127);
}

static void output_read(int fd, struct runner_result *result, size_t *used)
{
	char rest[256];
	ssize_t got;

	for (;;) {
		if (*used + 1 < sizeof(result->output))
			got = read(fd, result->output + *used,
				   sizeof(result->output) - 1 - *used);
		else
			got = read(fd, rest, sizeof(rest));
		if (got <= 0)
			return;
		if (*used + 1 < sizeof(result->output))
			*used += (size_t)got;
	}
}

/*
 * Waits for the program itself: what it leaves running in the background (a
 * DHCP client) may hold its output open for ever.
 */
static void program_wait(pid_t pid, int output, u32 limit_ms,
			 struct runner_result *result)
{
	struct pollfd wait = { .fd = output, .events = POLLIN };
	u64 until_ms = now_ms() + limit_ms;
	size_t used = 0;
	int status = 0;
	pid_t ended;

	while (!(ended = waitpid(pid, &status, WNOHANG))) {
		if (now_ms() >= until_ms) {
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			result->status = -ETIMEDOUT;
			break;
		}
		if (poll(&wait, 1, 50) > 0 && !(wait.revents & POLLIN))
			wait.fd = -1;
		output_read(output, result, &used);
	}
	output_read(output, result, &used);
	result->output[used] = '\0';
	if (ended <= 0)
		return;
	result->status = WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
	if (result->status == 127 && !used)
		result->status = -ENOENT;
}

static void request_serve(const struct request *request, const char *hooks,
			  struct runner_result *result)
{
	const struct program *program;
	int output = -1;
	pid_t pid;

	memset(result, 0, sizeof(*result));
	result->status = -EINVAL;
	if (request->program >= RUNNER_PROGRAMS ||
	    !memchr(request->argument, 0, sizeof(request->argument)) ||
	    !argument_fits(request->argument))
		return;
	program = &programs[request->program];
	if (program->hook && *hooks != '/')
		return;
	pid = program_start(request, hooks, &output);
	if (pid < 0) {
		result->status = -errno;
		return;
	}
	program_wait(pid, output, request->limit_ms, result);
	close(output);
}

static void runner_main(int fd, const char *hooks)
{
	static struct runner_result result;
	struct request request;
	ssize_t got;

	for (;;) {
		got = recv(fd, &request, sizeof(request), 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got != (ssize_t)sizeof(request))
			return;
		request_serve(&request, hooks, &result);
		if (send(fd, &result, sizeof(result), MSG_NOSIGNAL) < 0)
			return;
	}
}

int runner_start(struct runner *runner, const char *hooks)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	pid = fork();
	if (pid < 0) {
		int error = -errno;

		close(ends[0]);
		close(ends[1]);
		return error;
	}
	if (!pid) {
		close(ends[0]);
		/* It ends once the other end is closed, not before. */
		prctl(PR_SET_NAME, "lisd-run");
		runner_main(ends[1], hooks);
		_exit(0);
	}
	close(ends[1]);
	runner->fd = ends[0];
	return 0;
}

void runner_run(struct runner *runner, enum runner_program program,
		const char *argument, int limit_ms,
		struct runner_result *result)
{
	struct request request = { .program = program,
				   .limit_ms = (u32)limit_ms };
	struct pollfd wait = { .fd = runner->fd, .events = POLLIN };

	memset(result, 0, sizeof(*result));
	result->status = -ENAMETOOLONG;
	if (!text_copy(request.argument, sizeof(request.argument), argument))
		return;
	result->status = -EPIPE;
	if (send(runner->fd, &request, sizeof(request), MSG_NOSIGNAL) < 0)
		return;
	if (poll(&wait, 1, limit_ms + FAREWELL_MS) <= 0 ||
	    recv(runner->fd, result, sizeof(*result), 0) !=
		    (ssize_t)sizeof(*result))
		result->status = -EPIPE;
	result->output[sizeof(result->output) - 1] = '\0';
}

bool runner_has(const struct lisd_env *env, enum runner_program program)
{
	char path[LISD_PATH_BYTES];
	u32 i;

	for (i = 0; programs[program].paths[i]; i++)
		if (!access(lisd_path(env, path, programs[program].paths[i]),
			    X_OK))
			return true;
	return false;
}

void runner_stop(struct runner *runner)
{
	if (runner->fd >= 0)
		close(runner->fd);
	runner->fd = -1;
}
