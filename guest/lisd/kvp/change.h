/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * change.h - files that are changed together, and put back when that does not
 * work. Not here: what is in them.
 */
#ifndef GUEST_LISD_KVP_CHANGE_H
#define GUEST_LISD_KVP_CHANGE_H

#include <sys/types.h>

#include "guest/lisd/lisd.h"

#define CHANGES_MAX 4

/* A file before it was changed. */
struct change {
	char path[LISD_PATH_BYTES];
	bool existed;
	mode_t mode;
	size_t bytes;
	char *old;
};

struct changes {
	struct change list[CHANGES_MAX];
	u32 count;
};

/*
 * change_allowed - whether files can be made in the folder that @path is in, or
 * in its nearest parent that exists. Returns 0 or -errno: -EROFS, -EPERM for
 * one that is immutable, ...
 */
int change_allowed(const char *path);

/*
 * change_file - give @path a new content, durably, remembering the old one.
 * Returns 0 or -errno.
 */
int change_file(struct changes *changes, const char *path, const void *data,
		size_t bytes, mode_t mode);

/* changes_undo - put the files back, the last first; what cannot be is logged.
 */
void changes_undo(struct changes *changes);

/* changes_keep - forget what was before. */
void changes_keep(struct changes *changes);

#endif
