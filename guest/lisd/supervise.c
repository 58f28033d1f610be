/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/lisd/log.h"
#include "guest/lisd/notify.h"

#define WORKERS_MAX	16
#define BACKOFF_MS	100
#define BACKOFF_MOST_MS 30000
#define STEADY_MS	60000
#define END_LIMIT_MS	5000
#define MS_PER_S	1000
#define NS_PER_MS	1000000

struct worker {
	struct lisd_env *env;
	pid_t pid; /* 0 while it is not running */
	int fd;	   /* of its reports */
	bool ready;
	bool done; /* it ended by its own will */
	u64 started_ms, heard_ms, start_at_ms;
	u32 backoff_ms;
	int failed; /* with this status, and it was not told yet; 0: none */
};

struct supervisor {
	struct worker workers[WORKERS_MAX];
	u32 count;
	int signal_fd;
	bool told_ready;
	bool ending;
	u64 end_by_ms;
	u32 watchdog_ms;
	u64 watchdog_at_ms;
};

static u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * MS_PER_S + (u64)now.tv_nsec / NS_PER_MS;
}

/* In the new process: nothing of the supervisor's stays open. */
static int worker_main(struct supervisor *all, struct worker *worker, int fd,
		       pid_t parent)
{
	u32 i;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return 0;
	close(all->signal_fd);
	for (i = 0; i < all->count; i++)
		if (all->workers[i].pid && &all->workers[i] != worker)
			close(all->workers[i].fd);
	worker->env->report_fd = fd;
	prctl(PR_SET_NAME, worker->env->service->daemon_name);
	log_open(worker->env->service->daemon_name, log_most());
	return lisd_serve(worker->env);
}

static void worker_start(struct supervisor *all, struct worker *worker)
{
	pid_t parent = getpid();
	int ends[2];

	worker->started_ms = worker->heard_ms = now_ms();
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) {
		log_error("%s: no pipe: %s", worker->env->service->name,
			  strerror(errno));
		worker->start_at_ms = now_ms() + BACKOFF_MOST_MS;
		return;
	}
	worker->pid = fork();
	if (!worker->pid) {
		close(ends[0]);
		_exit(worker_main(all, worker, ends[1], parent));
	}
	close(ends[1]);
	if (worker->pid < 0) {
		log_error("%s: no process: %s", worker->env->service->name,
			  strerror(errno));
		close(ends[0]);
		worker->pid = 0;
		worker->start_at_ms = now_ms() + BACKOFF_MOST_MS;
		return;
	}
	worker->fd = ends[0];
}

static void worker_report(struct worker *worker)
{
	char bytes[64];
	ssize_t got = read(worker->fd, bytes, sizeof(bytes));

	if (got <= 0)
		return;
	worker->heard_ms = now_ms();
	if (memchr(bytes, *SUPERVISE_READY, (size_t)got))
		worker->ready = true;
}

static void worker_ended(struct supervisor *all, struct worker *worker,
			 int status)
{
	u64 now = now_ms();

	worker_report(worker);
	close(worker->fd);
	worker->pid = 0;
	if (WIFEXITED(status) && !WEXITSTATUS(status)) {
		worker->done = worker->ready = true;
		return;
	}
	if (all->ending)
		return;
	if (now - worker->started_ms >= STEADY_MS || !worker->backoff_ms)
		worker->backoff_ms = BACKOFF_MS;
	else if (worker->backoff_ms < BACKOFF_MOST_MS / 2)
		worker->backoff_ms *= 2;
	else
		worker->backoff_ms = BACKOFF_MOST_MS;
	worker->start_at_ms = now + worker->backoff_ms;
	worker->failed = status;
}

/*
 * Told once the next process runs: the log may be on a file system that the one
 * that ended left frozen, and only the next one thaws.
 */
static void worker_tell(struct worker *worker)
{
	const char *name = worker->env->service->name;
	int status = worker->failed;

	worker->failed = 0;
	if (WIFSIGNALED(status))
		log_error("%s: ended by signal %d; started again after %u ms",
			  name, WTERMSIG(status), worker->backoff_ms);
	else if (status)
		log_error("%s: ended with status %d; started again after %u ms",
			  name, WEXITSTATUS(status), worker->backoff_ms);
}

static void supervise_reap(struct supervisor *all)
{
	int status;
	pid_t pid;
	u32 i;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < all->count; i++)
			if (all->workers[i].pid == pid)
				worker_ended(all, &all->workers[i], status);
}

static void supervise_end(struct supervisor *all)
{
	u32 i;

	if (all->ending)
		return;
	all->ending = true;
	all->end_by_ms = now_ms() + END_LIMIT_MS;
	notify_send("STOPPING=1");
	for (i = 0; i < all->count; i++)
		if (all->workers[i].pid)
			kill(all->workers[i].pid, SIGTERM);
}

static void supervise_signals(struct supervisor *all)
{
	struct signalfd_siginfo info;

	while (read(all->signal_fd, &info, sizeof(info)) ==
	       (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			supervise_reap(all);
		else
			supervise_end(all);
	}
}

static void sooner(u64 *when, u64 other)
{
	if (other < *when)
		*when = other;
}

/* Does what is due, and says when something is due next. */
static u64 supervise_due(struct supervisor *all)
{
	u64 now = now_ms(), next = now + LISD_PING_MS, limit;
	u32 i, ready = 0;

	for (i = 0; i < all->count; i++) {
		struct worker *worker = &all->workers[i];

		ready += worker->ready;
		if (worker->pid) {
			limit = worker->heard_ms + LISD_SILENCE_LIMIT_MS;
			if (all->ending)
				limit = all->end_by_ms;
			if (now >= limit) {
				kill(worker->pid, SIGKILL);
				log_error("%s: hangs: killed",
					  worker->env->service->name);
				worker->heard_ms = now;
			}
			sooner(&next, limit > now ? limit : now + MS_PER_S);
		} else if (!worker->done && !all->ending) {
			if (now >= worker->start_at_ms) {
				worker_start(all, worker);
				worker_tell(worker);
			} else {
				sooner(&next, worker->start_at_ms);
			}
		}
	}
	if (ready == all->count && !all->told_ready) {
		notify_send("READY=1\nSTATUS=Every service was started");
		all->told_ready = true;
	}
	if (all->watchdog_ms) {
		if (now >= all->watchdog_at_ms) {
			notify_send("WATCHDOG=1");
			all->watchdog_at_ms = now + all->watchdog_ms;
		}
		sooner(&next, all->watchdog_at_ms);
	}
	return next;
}

static bool supervise_over(const struct supervisor *all)
{
	u32 i;

	for (i = 0; i < all->count; i++)
		if (all->workers[i].pid ||
		    (!all->ending && !all->workers[i].done))
			return false;
	return true;
}

static void supervise_wait(struct supervisor *all, u64 next)
{
	struct pollfd waits[WORKERS_MAX + 1];
	u64 now = now_ms();
	u32 i;

	waits[0] = (struct pollfd){ .fd = all->signal_fd, .events = POLLIN };
	for (i = 0; i < all->count; i++)
		waits[i + 1] = (struct pollfd){
			.fd = all->workers[i].pid ? all->workers[i].fd : -1,
			.events = POLLIN
		};
	if (poll(waits, all->count + 1, next > now ? (int)(next - now) : 0) <=
	    0)
		return;
	for (i = 0; i < all->count; i++)
		if (waits[i + 1].revents & POLLIN)
			worker_report(&all->workers[i]);
		else if (waits[i + 1].revents)
			/* Its end is on the way: do not spin until then. */
			supervise_reap(all);
	supervise_signals(all);
}

int supervise_run(struct lisd_env *envs, u32 count)
{
	static struct supervisor all;
	sigset_t set;
	u32 i;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	all.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (all.signal_fd < 0) {
		log_error("cannot watch for signals: %s", strerror(errno));
		return 1;
	}
	all.count = count;
	all.watchdog_ms = notify_watchdog_ms();
	for (i = 0; i < count; i++)
		all.workers[i].env = &envs[i];
	while (!supervise_over(&all))
		supervise_wait(&all, supervise_due(&all));
	supervise_end(&all);
	return 0;
}
