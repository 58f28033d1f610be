/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * progress.h - a bar on standard error for work that is counted in bytes.
 *
 * It is drawn on a terminal only: a pipe stays quiet.
 */
#ifndef HOST_CLI_PROGRESS_H
#define HOST_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct progress {
	bool terminal; /* standard error shows it */
	bool drawn;    /* a bar is on its line */
	struct timespec started;
};

/* Starts the clock. @wanted: false: never draw. */
void progress_begin(struct progress *progress, bool wanted);

/* "[=====>    ]  42%  4.2 MiB of 10 MiB  3 MiB/s", redrawn in its line. */
void progress_draw(struct progress *progress, uint64_t bytes, uint64_t total);

/* Ends the bar's line, so that something else can be printed. */
void progress_end(struct progress *progress);

/* Seconds since progress_begin(). */
double progress_seconds(const struct progress *progress);

#endif
