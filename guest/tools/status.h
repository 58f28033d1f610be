/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * status.h - what lis-status gathers: each service and each device of the
 * VMBus, what drives it and what serves it, and what is missing.
 *
 * Here: gathering and judging. Not here: output (lis-status.c).
 */
#ifndef GUEST_TOOLS_STATUS_H
#define GUEST_TOOLS_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "guest/common/vmbus_class.h"
#include "guest/common/vmbus_sysfs.h"

#define STATUS_VERSION_BYTES 16
#define STATUS_ADVICE_BYTES  320

enum status_opened {
	STATUS_OPENED_UNKNOWN,
	STATUS_OPENED_NO,
	STATUS_OPENED_YES,
};

/* A service, or a device of a class that is no integration service. */
struct status_row {
	const struct vmbus_class *class;	 /* NULL: of no known class */
	const struct vmbus_sysfs_device *device; /* NULL: not offered */
	enum status_opened opened;
	char node[64]; /* of its daemon, "/dev/..."; "" for none */
	pid_t pid;     /* that serves it; 0 for none */
	char process[64];
	time_t since;			    /* of the process; 0: not known */
	char version[STATUS_VERSION_BYTES]; /* negotiated; "" not known */
	bool wrong; /* something is missing that this guest should have */
	char advice[STATUS_ADVICE_BYTES]; /* a sentence, or "" */
};

#define STATUS_ROWS_MAX 256

struct status {
	struct vmbus_sysfs sysfs;
	char bus_version[STATUS_VERSION_BYTES];
	struct status_row rows[STATUS_ROWS_MAX];
	uint32_t count;
	bool wrong;
	/* The processes' descriptors could not all be looked at. */
	bool blind;
};

struct status_sources {
	const char *sys;  /* "/sys" */
	const char *proc; /* "/proc" */
	const char *dev;  /* "/dev" */
	/* The kernel's log, to find versions in. */
	const char *log;
	size_t log_bytes;
};

/*
 * status_gather - all of it. Returns 0 or an errno of vmbus_sysfs_read();
 * status_free() it when the result is 0.
 */
int status_gather(struct status *status, const struct status_sources *sources);

/* status_free - give the memory back. */
void status_free(struct status *status);

/*
 * status_log_version - the version that the kernel's log tells last: what
 * follows @words and begins with a digit. @version: "" when there is none.
 */
void status_log_version(const char *log, size_t size_bytes, const char *words,
			char version[STATUS_VERSION_BYTES]);

/* A process that has a file open. */
struct status_holder {
	pid_t pid;
	char name[64];
	time_t since;
};

/*
 * status_find_holder - the first process of @proc that has @path open.
 * @blind: set to true when some process could not be looked into
 * Returns whether there is one.
 */
bool status_find_holder(const char *proc, const char *path,
			struct status_holder *holder, bool *blind);

#endif
