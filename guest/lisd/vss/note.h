/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * note.h - a log that is kept in memory while file systems are frozen.
 *
 * Here: keeping lines. note_flush() gives them to log_write().
 */
#ifndef GUEST_LISD_VSS_NOTE_H
#define GUEST_LISD_VSS_NOTE_H

#include "guest/lisd/log.h"

/*
 * note_write - one line, kept until note_flush(). Neither allocates nor calls
 * the system. What does not fit is counted, and told of by note_flush().
 */
void note_write(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* note_flush - log what was kept. Only while nothing is frozen. */
void note_flush(void);

#endif
