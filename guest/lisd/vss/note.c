/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "guest/lisd/vss/note.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NOTES	   32
#define NOTE_BYTES 256

static struct {
	u32 count;
	u32 lost;
	enum log_level levels[NOTES];
	char lines[NOTES][NOTE_BYTES];
} notes;

void note_write(enum log_level level, const char *format, ...)
{
	va_list arguments;

	if (notes.count == NOTES) {
		notes.lost++;
		return;
	}
	va_start(arguments, format);
	vsnprintf(notes.lines[notes.count], NOTE_BYTES, format, arguments);
	va_end(arguments);
	notes.levels[notes.count++] = level;
}

void note_flush(void)
{
	u32 i;

	for (i = 0; i < notes.count; i++)
		log_write(notes.levels[i], "%s", notes.lines[i]);
	if (notes.lost)
		log_warning("%u more lines were not kept", notes.lost);
	notes.count = notes.lost = 0;
}
