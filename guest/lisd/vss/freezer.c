/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/vss/freezer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/lisd/vss/note.h"

/* How often an expired watchdog looks whether more was frozen meanwhile. */
#define AGAIN_MS      1000
#define TARGETS_FIRST 32
#define MS_PER_S      1000
#define NS_PER_MS     1000000
/* What the watchdog says once, and what it is told to end. */
#define READY "r"
#define DONE  'd'

static int system_freeze(int fd)
{
	return ioctl(fd, FIFREEZE, 0) ? errno : 0;
}

static int system_thaw(int fd)
{
	return ioctl(fd, FITHAW, 0) ? errno : 0;
}

const struct freezer_calls freezer_system_calls = { system_freeze,
						    system_thaw };

static u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * MS_PER_S + (u64)now.tv_nsec / NS_PER_MS;
}

int freezer_init(struct freezer *freezer, const struct freezer_calls *calls)
{
	void *shared =
		mmap(NULL, sizeof(struct freezer_shared),
		     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return errno;
	freezer->calls = calls ? calls : &freezer_system_calls;
	freezer->shared = shared;
	freezer->count = 0;
	freezer->watchdog = 0;
	freezer->watchdog_fd = -1;
	freezer->failed = NULL;
	freezer->locked = false;
	return 0;
}

void freezer_share(struct freezer *freezer, struct freezer_shared *shared)
{
	munmap(freezer->shared, sizeof(*freezer->shared));
	freezer->shared = shared;
}

static bool room_make(struct freezer *freezer)
{
	u32 room = freezer->room ? freezer->room * 2 : TARGETS_FIRST;
	struct freezer_target *targets;

	if (freezer->count < freezer->room)
		return true;
	targets = realloc(freezer->targets, room * sizeof(*targets));
	if (!targets)
		return false;
	freezer->targets = targets;
	freezer->room = room;
	return true;
}

int freezer_add(struct freezer *freezer, int fd, const char *point)
{
	struct stat status;

	if (freezer->count == FREEZER_TARGETS_MAX)
		return EMFILE;
	if (fstat(fd, &status))
		return errno;
	if (!room_make(freezer))
		return ENOMEM;
	freezer->targets[freezer->count++] = (struct freezer_target){
		.fd = fd, .point = point, .device = status.st_dev
	};
	return 0;
}

bool freezer_expired(const struct freezer *freezer)
{
	return port_load_acquire(&freezer->shared->expired);
}

/*
 * Thaws whatever is held. In mount order: a file system whose disk is a file
 * of another writes to that one when it thaws.
 */
static int thaw_held(const struct freezer *freezer)
{
	int first = 0, error;
	u32 i;
	u8 held;

	for (i = 0; i < freezer->count; i++) {
		held = port_load_acquire(&freezer->shared->held[i]);
		if (held == FREEZER_FREE)
			continue;
		error = freezer->calls->thaw(freezer->targets[i].fd);
		/* Not frozen yet: the daemon will have to be undone later. */
		if (error == EINVAL && held == FREEZER_FREEZING)
			continue;
		/* Not frozen any more: the other process was faster. */
		if (!error || error == EINVAL)
			port_store_release(&freezer->shared->held[i],
					   (u8)FREEZER_FREE);
		else if (!first)
			first = error;
	}
	return first;
}

/* ---- the watchdog's process ---- */

static void watch(const struct freezer *freezer, int fd, u64 limit_ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	u64 end = now_ms() + limit_ms, now;
	int timeout, found;
	char byte;

	for (;;) {
		now = now_ms();
		timeout = now < end ? (int)(end - now) : AGAIN_MS;
		found = poll(&wait, 1, timeout);
		if (found > 0 && (read(fd, &byte, 1) == 1 && byte == DONE))
			return;
		if (found > 0) {
			/* The daemon is gone. */
			thaw_held(freezer);
			return;
		}
		if (now_ms() < end)
			continue;
		port_store_release(&freezer->shared->expired, 1);
		thaw_held(freezer);
	}
}

static void watchdog_main(const struct freezer *freezer, const int ends[2],
			  u64 limit_ms, const int *closed, u32 closed_count)
{
	sigset_t all;
	u32 i;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	close(ends[1]);
	/* The device must be let go when the daemon dies. */
	for (i = 0; i < closed_count; i++) {
		if (closed[i] >= 0)
			close(closed[i]);
	}
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		_exit(1);
	if (write(ends[0], READY, 1) != 1)
		_exit(1);
	watch(freezer, ends[0], limit_ms);
	_exit(0);
}

static int watchdog_start(struct freezer *freezer, u64 limit_ms,
			  const int *closed, u32 closed_count)
{
	char byte;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return errno;
	freezer->watchdog = fork();
	if (freezer->watchdog < 0) {
		freezer->watchdog = 0;
		close(ends[0]);
		close(ends[1]);
		return EAGAIN;
	}
	if (!freezer->watchdog)
		watchdog_main(freezer, ends, limit_ms, closed, closed_count);
	close(ends[0]);
	freezer->watchdog_fd = ends[1];
	/* It says nothing when its memory cannot be locked. */
	return read(ends[1], &byte, 1) == 1 ? 0 : ENOMEM;
}

static void watchdog_end(struct freezer *freezer)
{
	static const char done = DONE;

	if (!freezer->watchdog)
		return;
	(void)!send(freezer->watchdog_fd, &done, 1, MSG_NOSIGNAL);
	close(freezer->watchdog_fd);
	while (waitpid(freezer->watchdog, NULL, 0) < 0 && errno == EINTR)
		;
	freezer->watchdog = 0;
	freezer->watchdog_fd = -1;
}

/* ---- the daemon's process ---- */

static void forget(struct freezer *freezer)
{
	u32 i;

	for (i = 0; i < freezer->count; i++)
		close(freezer->targets[i].fd);
	freezer->count = 0;
}

int freezer_thaw(struct freezer *freezer)
{
	int error = thaw_held(freezer);
	u32 i;

	for (i = 0; i < freezer->count && error; i++) {
		if (freezer->shared->held[i])
			note_write(LOG_LEVEL_ERROR, "cannot thaw %s: %s",
				   freezer->targets[i].point, strerror(error));
	}
	watchdog_end(freezer);
	if (freezer->locked)
		munlockall();
	freezer->locked = false;
	if (!error && freezer_expired(freezer))
		error = ETIMEDOUT;
	freezer->shared->expired = 0;
	forget(freezer);
	return error;
}

static int freeze_one(struct freezer *freezer, u32 index)
{
	struct freezer_target *target = &freezer->targets[index];
	int error;

	/* Told before: this process may be gone when the call comes back. */
	port_store_release(&freezer->shared->held[index], (u8)FREEZER_FREEZING);
	error = freezer->calls->freeze(target->fd);
	port_store_release(&freezer->shared->held[index],
			   (u8)(error ? FREEZER_FREE : FREEZER_FROZEN));
	if (error == EOPNOTSUPP || error == ENOTTY) {
		note_write(LOG_LEVEL_NOTICE,
			   "%s is not frozen: its file system cannot be",
			   target->point);
		error = 0;
	} else if (error == EBUSY) {
		note_write(LOG_LEVEL_NOTICE,
			   "%s is frozen already, and is left to whoever did "
			   "that",
			   target->point);
		error = 0;
	}
	if (error)
		freezer->failed = target->point;
	else if (freezer_expired(freezer))
		error = ETIMEDOUT;
	return error;
}

int freezer_freeze(struct freezer *freezer, u64 limit_ms, const int *closed,
		   u32 closed_count)
{
	struct freezer_shared *shared = freezer->shared;
	int error;
	u32 i;

	freezer->failed = NULL;
	/* Nothing is held until both know where that is. */
	memset(shared->held, 0, freezer->count);
	for (i = 0; i < freezer->count; i++)
		shared->device[i] = freezer->targets[i].device;
	shared->expired = 0;
	shared->count = freezer->count;
	error = watchdog_start(freezer, limit_ms, closed, closed_count);
	if (!error && mlockall(MCL_CURRENT | MCL_FUTURE))
		error = errno;
	freezer->locked = !error;
	for (i = freezer->count; i-- && !error;)
		error = freeze_one(freezer, i);
	if (error)
		freezer_thaw(freezer);
	return error;
}

/* ---- the next process ---- */

/* Whether @left tells that a file system is held; it does not any more then. */
static bool was_held(struct freezer_shared *left, u64 device)
{
	bool held = false;
	u32 i;

	for (i = 0; i < left->count && i < FREEZER_TARGETS_MAX; i++) {
		if (left->device[i] != device ||
		    port_load_acquire(&left->held[i]) == FREEZER_FREE)
			continue;
		port_store_release(&left->held[i], (u8)FREEZER_FREE);
		held = true;
	}
	return held;
}

u32 freezer_recover(struct freezer *freezer, struct freezer_shared *left)
{
	u32 i, thawed = 0;

	for (i = 0; i < freezer->count; i++) {
		struct freezer_target *target = &freezer->targets[i];

		if (was_held(left, target->device) &&
		    !freezer->calls->thaw(target->fd))
			thawed++;
	}
	forget(freezer);
	return thawed;
}
