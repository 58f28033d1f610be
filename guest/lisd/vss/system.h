/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * system.h - this machine's mount table and devices, for mounts.h and
 * freezer.h.
 */
#ifndef GUEST_LISD_VSS_SYSTEM_H
#define GUEST_LISD_VSS_SYSTEM_H

#include "guest/lisd/lisd.h"
#include "guest/lisd/vss/freezer.h"
#include "guest/lisd/vss/mounts.h"

struct system_mounts {
	struct mounts mounts;
	char *text;
};

/*
 * system_read - read /proc/self/mountinfo and choose what to freeze.
 * Returns 0 or an errno; system_free() it when the result is 0.
 */
int system_read(const struct lisd_env *env, struct system_mounts *system);

/* system_free - what freezer_add() was given must not be used any more. */
void system_free(struct system_mounts *system);

/*
 * system_open - open what was chosen and add it to @freezer; log what is not
 * frozen and why. Returns 0, or the errno of what cannot be opened, with its
 * mount point in @failed.
 */
int system_open(const struct system_mounts *system, struct freezer *freezer,
		const char **failed);

/*
 * system_open_quietly - the same of what can be opened, without a word: the log
 * may be on a file system that is frozen.
 */
void system_open_quietly(const struct system_mounts *system,
			 struct freezer *freezer);

#endif
