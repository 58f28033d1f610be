/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * record.h - what is frozen, where it outlives the daemon and its watchdog.
 *
 * Here: the memory that both share, as a file of a file system in memory, and
 * taking over one that is left. Not here: what is in it (freezer.h).
 *
 * A daemon holds a lock on its record as long as it lives. A process that finds
 * one without a lock comes after a daemon that ended: what is held there,
 * nobody else will thaw.
 */
#ifndef GUEST_LISD_VSS_RECORD_H
#define GUEST_LISD_VSS_RECORD_H

#include "guest/lisd/vss/freezer.h"

struct record {
	int fd; /* has the lock */
	struct freezer_shared *shared;
};

/*
 * record_left - the record that a daemon left.
 * Returns 0, or an errno without one: ENOENT, EAGAIN or EACCES (its daemon
 * lives), EINVAL (none of this program's). Touches no file system with writes:
 * it may be frozen.
 */
int record_left(struct record *record, const char *path);

/*
 * record_make - a new record with nothing in it, for as long as this process
 * lives.
 * Returns 0 or an errno; EEXIST: another daemon has one, ENOTSUP: @path is not
 * on a file system in memory, writes to which might have to wait for the thaw
 * themselves.
 */
int record_make(struct record *record, const char *path);

/* record_drop - remove it. */
void record_drop(struct record *record, const char *path);

#endif
