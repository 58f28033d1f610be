/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * supervise.h - one process per service, kept running.
 *
 * Here: starting, restarting with back-off, and the words to the service
 * manager. Not here: what the processes do.
 */
#ifndef GUEST_LISD_SUPERVISE_H
#define GUEST_LISD_SUPERVISE_H

#include "guest/lisd/lisd.h"

/* Bytes that a service's process writes to its report_fd. */
#define SUPERVISE_READY "r"
#define SUPERVISE_ALIVE "a"

/*
 * supervise_run - run services until SIGTERM or SIGINT.
 * @envs: one for each of @count services, at most 16
 * Tells the service manager READY=1 once every service answered, or waits for
 * its device. A process that ends is started again after 0.1 s, then twice as
 * long each time up to 30 s; one that ran for a minute begins at 0.1 s again.
 * One that is silent for LISD_SILENCE_LIMIT_MS is killed.
 * Returns the exit status.
 */
int supervise_run(struct lisd_env *envs, u32 count);

#endif
