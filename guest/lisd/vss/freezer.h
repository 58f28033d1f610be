/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * freezer.h - freezes file systems, and sees to it that they thaw.
 *
 * Here: order, failure half-way, memory, and the watchdog: a process that thaws
 * when this one dies, hangs or holds too long. Not here: which file systems
 * (mounts.h), nor what asks for it.
 *
 * Between freezer_freeze() and freezer_thaw() the caller must not allocate,
 * log, nor make any call that can touch a file system; its memory is locked.
 *
 * Source: ioctl(2) FIFREEZE and FITHAW, linux/fs.h; fs/super.c, freeze_super()
 * for EBUSY (frozen by somebody else) and EINVAL (not frozen).
 */
#ifndef GUEST_LISD_VSS_FREEZER_H
#define GUEST_LISD_VSS_FREEZER_H

#include <sys/types.h>

#include "vmbus/port.h"

#define FREEZER_TARGETS_MAX 4096

/* The calls that matter; tests have their own. Each returns 0 or an errno. */
struct freezer_calls {
	int (*freeze)(int fd);
	int (*thaw)(int fd);
};

extern const struct freezer_calls freezer_system_calls;

/* A file system, as both processes see it. */
enum freezer_held {
	FREEZER_FREE,
	FREEZER_FREEZING, /* the call is under way */
	FREEZER_FROZEN,	  /* by us */
};

struct freezer_shared {
	u32 expired; /* the watchdog thawed: the limit had passed */
	u32 count;   /* of the targets */
	u8 held[FREEZER_TARGETS_MAX];	 /* enum freezer_held */
	u64 device[FREEZER_TARGETS_MAX]; /* st_dev of each */
};

struct freezer_target {
	int fd;
	u64 device;
	const char *point; /* for messages; the caller's */
};

struct freezer {
	const struct freezer_calls *calls;
	struct freezer_target *targets; /* by mounting */
	u32 count, room;
	struct freezer_shared *shared;
	pid_t watchdog;	    /* 0 without one */
	int watchdog_fd;    /* closing it makes the watchdog thaw */
	const char *failed; /* mount point that refused; NULL for none */
	bool locked;
};

/*
 * freezer_init - @freezer is zeros, or was initialized before.
 * @calls: NULL for the system's
 * Returns 0 or an errno.
 */
int freezer_init(struct freezer *freezer, const struct freezer_calls *calls);

/*
 * freezer_share - use memory that more processes than the watchdog see, in
 * place of what freezer_init() allocated; while nothing is frozen.
 */
void freezer_share(struct freezer *freezer, struct freezer_shared *shared);

/*
 * freezer_add - one more file system, mounted after those before it.
 * @fd: open folder of it; the freezer's from now on. Allocates.
 * Returns 0, EMFILE, ENOMEM, or the errno of fstat(); @fd is still the caller's
 * then.
 */
int freezer_add(struct freezer *freezer, int fd, const char *point);

/*
 * freezer_freeze - freeze all that were added, the last first.
 * @limit_ms: from now: then the watchdog thaws
 * @closed: @closed_count descriptors that the watchdog must not hold
 * Those that cannot be frozen (EOPNOTSUPP), and those that somebody else has
 * frozen (EBUSY), are noted and passed over. Returns 0; or an errno, and
 * nothing is frozen: what the file system freezer->failed answered, ETIMEDOUT
 * when the limit passed meanwhile, or why there is no watchdog or no locked
 * memory (failed is NULL).
 */
int freezer_freeze(struct freezer *freezer, u64 limit_ms, const int *closed,
		   u32 closed_count);

/*
 * freezer_thaw - thaw all, the first mounted first; end the watchdog; close and
 * forget the targets. Without anything frozen it only forgets.
 * Returns 0; ETIMEDOUT when the watchdog had thawed before; or the errno of a
 * file system that cannot be thawed.
 */
int freezer_thaw(struct freezer *freezer);

/*
 * freezer_recover - thaw those of the targets that @left tells are held, by a
 * freezer whose processes are gone; the first mounted first. Forgets the
 * targets, and @left holds nothing any more.
 * Returns how many were thawed.
 */
u32 freezer_recover(struct freezer *freezer, struct freezer_shared *left);

/* freezer_expired - whether the watchdog thawed. */
bool freezer_expired(const struct freezer *freezer);

#endif
