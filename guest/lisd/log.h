/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * log.h - one line to the journal, to syslog or to standard error.
 *
 * Here: where lines go. Not here: the journal's own protocol; it takes lines
 * with a "<6>" before them on standard error.
 *
 * Nothing here allocates, but log_write() writes: never call it while a file
 * system is frozen.
 */
#ifndef GUEST_LISD_LOG_H
#define GUEST_LISD_LOG_H

#include "vmbus/port.h"

#define LOG_BURST   50
#define LOG_BURST_S 60

enum log_level { /* those of syslog */
		 LOG_LEVEL_ERROR = 3,
		 LOG_LEVEL_WARNING = 4,
		 LOG_LEVEL_NOTICE = 5,
		 LOG_LEVEL_INFO = 6,
		 LOG_LEVEL_DEBUG = 7,
};

/*
 * log_open - choose where lines go: standard error when it is a terminal or
 * the journal's stream, or there is no syslog; else syslog's socket, which is
 * opened here, before the sandbox.
 * @name: of the program, kept; may be changed by opening again
 * @most: lines of a higher level are dropped
 */
void log_open(const char *name, enum log_level most);

/* log_most - the highest level that is written. */
enum log_level log_most(void);

/*
 * log_write - one line, without newline. At most 511 bytes; more is cut, and
 * control characters, which may be a host's, become question marks. Of more
 * than LOG_BURST lines in LOG_BURST_S seconds the rest is counted, and told
 * later: a host cannot fill the log.
 */
void log_write(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
