/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * daemon.h - a daemon of ours or of the distribution, with a socket in the
 * place of its driver's device, and what it costs. Not here: what it is asked.
 */
#ifndef BENCH_DAEMON_H
#define BENCH_DAEMON_H

#include <sys/types.h>

#include "guest/lisd/lisd.h"

struct daemon {
	const char *name; /* for messages */
	const char *shim; /* daemon_shim.c, built */
	const char *path; /* program of the distribution's; NULL: ours */
	const struct lisd_service *service; /* of ours */
	pid_t pid;
	int fd; /* the driver's end */
};

/* die - end with a sentence and errno's text. */
_Noreturn void die(const char *what);

/* daemon_start - start it, and wait for its first message, of @bytes. */
void daemon_start(struct daemon *daemon, size_t bytes);

/* daemon_end - kill it. */
void daemon_end(const struct daemon *daemon);

/* daemon_tell - send it @bytes of a message. */
void daemon_tell(const struct daemon *daemon, const void *message,
		 size_t bytes);

/* daemon_hear - wait for @bytes of an answer. */
void daemon_hear(const struct daemon *daemon, void *answer, size_t bytes);

/* daemon_spent_ms - the processor time that its first process took so far. */
double daemon_spent_ms(const struct daemon *daemon);

#endif
