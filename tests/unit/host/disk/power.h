/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * power.h - has operations on an image's file fail, and the power, and knows
 * what a file may look like after that.
 */
#ifndef TESTS_UNIT_HOST_DISK_POWER_H
#define TESTS_UNIT_HOST_DISK_POWER_H

#include "host/backend/disk/file.h"

/* Longest file that can be recorded. */
#define POWER_FILE_BYTES (64ull << 20)

struct pending;

struct power {
	struct file_hook hook;
	pthread_mutex_t lock;
	u64 begun;   /* operations that change something, so far */
	u64 fail_at; /* this one fails, */
	int error;   /* with this */
	u64 off_at;  /* the power fails before this one */
	bool off;
	bool record; /* what power_back() needs */
	u8 *durable; /* the file as a loss of power would surely leave it */
	u64 durable_bytes;
	struct pending *pending, **pending_end;
	u64 random;
};

extern struct power power;

/*
 * Watches what is done to files from now on; they are one file, which is at
 * this path. With record set, its contents are the durable ones.
 */
void power_begin(const char *path);
/* What is found when the power is back: some of what was not synced came
 * through, and some of that in part. */
void power_back(const char *path);
/* Forgets what was recorded. */
void power_forget(void);

/* The next number of a sequence. */
u64 power_random(u64 *state);

#endif
