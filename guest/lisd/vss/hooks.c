/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/vss/hooks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/lisd/log.h"

#define HOOKS_MAX  64
#define NAME_BYTES 128
#define MS_PER_S   1000
#define NS_PER_MS  1000000

struct hooks {
	char names[HOOKS_MAX][NAME_BYTES];
	int count;
};

static u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * MS_PER_S + (u64)now.tv_nsec / NS_PER_MS;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* A file that anybody but root can write would give root away. */
static bool trusted(const struct stat *status, uid_t owner)
{
	return status->st_uid == owner &&
	       !(status->st_mode & (S_IWGRP | S_IWOTH));
}

static bool hooks_list(const char *folder, struct hooks *hooks,
		       struct hooks_answer *answer)
{
	struct dirent *entry;
	struct stat status;
	DIR *open = opendir(folder);
	const char *name;

	hooks->count = 0;
	if (!open)
		return errno == ENOENT;
	if (fstat(dirfd(open), &status) || !trusted(&status, geteuid())) {
		answer->error = EACCES;
		snprintf(answer->text, sizeof(answer->text),
			 "others than root can write to %.100s", folder);
		closedir(open);
		return false;
	}
	while (hooks->count < HOOKS_MAX && (entry = readdir(open))) {
		name = entry->d_name;
		if (strchr(name, '.') || strchr(name, '~') ||
		    strlen(name) >= NAME_BYTES ||
		    fstatat(dirfd(open), name, &status, 0) ||
		    !S_ISREG(status.st_mode) || !(status.st_mode & S_IXUSR))
			continue;
		if (!trusted(&status, geteuid())) {
			answer->error = EACCES;
			snprintf(answer->text, sizeof(answer->text),
				 "others than root can write to %.100s", name);
			closedir(open);
			return false;
		}
		memcpy(hooks->names[hooks->count++], name, strlen(name) + 1);
	}
	closedir(open);
	qsort(hooks->names, (size_t)hooks->count, NAME_BYTES, by_name);
	return true;
}

/* In the new process. */
static void hook_exec(const char *folder, const char *name, const char *word)
{
	static char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
		"/bin",
		"HOME=/", NULL
	};
	char path[LISD_PATH_BYTES + NAME_BYTES];
	char *arguments[] = { path, (char *)word, NULL };
	sigset_t none;
	int null;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, 0);
	setsid();
	null = open("/dev/null", O_RDONLY);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	execve(path, arguments, environment);
	_exit(127);
}

/* Waits for @pid until @end_ms: its status, or -1. */
static int hook_wait(pid_t pid, u64 end_ms)
{
	const struct timespec moment = { .tv_nsec = 10 * NS_PER_MS };
	int status;
	pid_t done;

	for (;;) {
		done = waitpid(pid, &status, WNOHANG);
		if (done == pid)
			return status;
		if (done < 0 && errno != EINTR)
			return -1;
		if (now_ms() >= end_ms)
			break;
		nanosleep(&moment, NULL);
	}
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

static void hook_run(const char *folder, const char *name, const char *word,
		     u64 end_ms, struct hooks_answer *answer)
{
	pid_t pid = fork();
	int status;

	answer->error = 0;
	if (!pid)
		hook_exec(folder, name, word);
	if (pid < 0) {
		answer->error = ECANCELED;
		snprintf(answer->text, sizeof(answer->text),
			 "no process for the hook %.100s", name);
		return;
	}
	status = hook_wait(pid, end_ms);
	if (status == -1) {
		answer->error = ETIMEDOUT;
		snprintf(answer->text, sizeof(answer->text),
			 "the hook '%.100s %s' took too long", name, word);
	} else if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		answer->error = ECANCELED;
		snprintf(answer->text, sizeof(answer->text),
			 "the hook '%.100s %s' failed (%s %d)", name, word,
			 WIFEXITED(status) ? "status" : "signal",
			 WIFEXITED(status) ? WEXITSTATUS(status)
					   : WTERMSIG(status));
	}
}

/* All that were frozen, the last first; the first failure stays. */
static void hooks_thaw(const char *folder, const struct hooks *hooks, int count,
		       u32 limit_ms, struct hooks_answer *answer)
{
	u64 end_ms = now_ms() + limit_ms;
	struct hooks_answer one;

	while (count--) {
		hook_run(folder, hooks->names[count], "thaw", end_ms, &one);
		if (one.error && !answer->error)
			*answer = one;
		else if (one.error)
			log_error("%s", one.text);
	}
}

void hooks_step_run(const char *folder, u32 limit_ms, enum hooks_step step,
		    struct hooks_answer *answer)
{
	u64 end_ms = now_ms() + limit_ms;
	struct hooks hooks;
	int i;

	memset(answer, 0, sizeof(*answer));
	if (!hooks_list(folder, &hooks, answer))
		return;
	if (step == HOOKS_THAW) {
		hooks_thaw(folder, &hooks, hooks.count, limit_ms, answer);
		return;
	}
	for (i = 0; i < hooks.count && !answer->error; i++)
		hook_run(folder, hooks.names[i], "freeze", end_ms, answer);
	/* The one that failed may have done half of its work. */
	if (answer->error)
		hooks_thaw(folder, &hooks, i, limit_ms, answer);
}

static void helper_main(const char *folder, u32 limit_ms, int fd)
{
	struct hooks_answer answer;
	bool frozen = false;
	char step;

	while (read(fd, &step, 1) == 1) {
		hooks_step_run(folder, limit_ms, (enum hooks_step)step,
			       &answer);
		frozen = step == HOOKS_FREEZE && !answer.error;
		if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			break;
	}
	if (frozen)
		hooks_step_run(folder, limit_ms, HOOKS_THAW, &answer);
}

int hooks_start(const char *folder, u32 limit_ms)
{
	sigset_t ends;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -1;
	pid = fork();
	if (pid < 0) {
		close(pair[0]);
		close(pair[1]);
		return -1;
	}
	if (pid) {
		close(pair[1]);
		return pair[0];
	}
	/* It ends when the daemon does, and not before. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	close(pair[0]);
	helper_main(folder, limit_ms, pair[1]);
	_exit(0);
}

bool hooks_run(struct lisd_env *env, int fd, enum hooks_step step,
	       struct hooks_answer *answer)
{
	char byte = (char)step;

	memset(answer, 0, sizeof(*answer));
	if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 ||
	    lisd_wait(env, fd, -1) < 0 ||
	    read(fd, answer, sizeof(*answer)) != (ssize_t)sizeof(*answer))
		return false;
	answer->text[HOOKS_TEXT_BYTES - 1] = '\0';
	return true;
}
