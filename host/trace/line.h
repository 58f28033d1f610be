/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * line.h - a line of text made of fields that the other end wrote.
 *
 * Here: a bounded line, and the kinds of values that the decoders put there.
 * Not here: which field lies where (message.c, packet.c, component.c).
 *
 * Nothing here reads past the bytes it is given, and what comes out has no
 * control characters: both ends of the bus are strangers to the reader.
 */
#ifndef HOST_TRACE_LINE_H
#define HOST_TRACE_LINE_H

#include <stddef.h>

#include "vmbus/port.h"

struct trace_line {
	char *text; /* always terminated */
	size_t used_bytes, capacity_bytes;
};

/* What a field's bytes mean. */
enum trace_kind {
	TRACE_U8,
	TRACE_U16,
	TRACE_U32,
	TRACE_U64,
	TRACE_HEX32,
	TRACE_HEX64,
	TRACE_VMBUS_VERSION, /* u32, major in the upper half */
	TRACE_GUID,
	TRACE_ENUM8, /* a name of names[], else the number */
	TRACE_ENUM32,
	TRACE_FLAGS8, /* a name of names[] for each bit, from bit 0 */
	TRACE_FLAGS16,
	TRACE_FLAGS32,
	TRACE_TIME,	/* u64, 100 ns units since 1601 */
	TRACE_UTF16,	/* up to count units, or to the first NUL */
	TRACE_RESULT32, /* 0 is success, the rest hex */
};

/* One row of a layout; the last has a NULL name. */
struct trace_field {
	const char *name;
	u16 offset_bytes;
	u16 kind;  /* enum trace_kind */
	u16 count; /* of names, or of UTF-16 units */
	const char *const *names;
};

/* capacity_bytes: at least 1. The line is empty. */
void trace_line_init(struct trace_line *line, char *text,
		     size_t capacity_bytes);

/* Adds formatted text; what does not fit is cut. */
void trace_line_add(struct trace_line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Adds " name=value" for every field that lies within size_bytes of data, and
 * " (cut short)" when one does not.
 */
void trace_line_fields(struct trace_line *line,
		       const struct trace_field *fields, const u8 *data,
		       size_t size_bytes);

/* Adds the value of one field alone. */
void trace_line_value(struct trace_line *line, const struct trace_field *field,
		      const u8 *data);

/* Adds up to 32 bytes in hex, and "..." when there are more. */
void trace_line_bytes(struct trace_line *line, const u8 *data,
		      size_t size_bytes);

/* Adds text in quotes, up to unit_count UTF-16LE units or the first NUL. */
void trace_line_utf16(struct trace_line *line, const u8 *units,
		      size_t unit_count);

/* Little-endian numbers at any alignment. */
u16 trace_u16(const u8 *data);
u32 trace_u32(const u8 *data);
u64 trace_u64(const u8 *data);

#endif
