/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * utf16.h - text between the wire's UTF-16LE and our UTF-8.
 *
 * Here: strict conversion both ways, the only one in the tree. Not here: what
 * a text means, nor its limits (each service's wire.h).
 *
 * Strict: unpaired surrogates, overlong or truncated UTF-8, encoded
 * surrogates and numbers above U+10FFFF are refused, never replaced; nothing
 * is cut short. Source: RFC 3629, RFC 2781.
 */
#ifndef SERVICES_IC_UTF16_H
#define SERVICES_IC_UTF16_H

#include "vmbus/port.h"

/* Bytes of UTF-8, terminator included, that any @units UTF-16 units need. */
#define UTF16_UTF8_BYTES(units) ((units)*3 + 1)

enum utf16_status {
	UTF16_OK,
	UTF16_TOO_LONG, /* does not fit, terminator included */
	UTF16_INVALID,	/* not valid in its own encoding, or a NUL inside */
};

/*
 * utf16_from_utf8 - write a text as the wire wants it, with its terminator.
 * @units: wire memory, any alignment, room for @capacity_units units of 2
 *         bytes, terminator included; what follows the terminator is not
 *         touched, and on failure the contents are unspecified
 * @unit_count: set to the units written, terminator included; may be NULL
 * @text: UTF-8, terminated by NUL
 * Returns UTF16_OK, UTF16_TOO_LONG or UTF16_INVALID.
 */
enum utf16_status utf16_from_utf8(void *units, u32 capacity_units,
				  u32 *unit_count, const char *text);

/*
 * utf16_to_utf8 - read exactly @unit_count units, none of which may be NUL.
 * @text: set to UTF-8 with a terminator, in @capacity_bytes bytes (at least 1);
 *        UTF16_UTF8_BYTES(unit_count) always suffices. Empty on failure.
 * @units: any alignment
 * Returns UTF16_OK, UTF16_TOO_LONG or UTF16_INVALID.
 */
enum utf16_status utf16_to_utf8(char *text, u32 capacity_bytes,
				const void *units, u32 unit_count);

/*
 * utf16_length - units before the first NUL among @capacity_units units;
 * @capacity_units when there is none.
 */
u32 utf16_length(const void *units, u32 capacity_units);

/*
 * utf16_text_bytes - bytes of a UTF-8 text before its NUL, looking at no more
 * than @capacity_bytes; @capacity_bytes when there is none.
 */
u32 utf16_text_bytes(const char *text, u32 capacity_bytes);

#endif
