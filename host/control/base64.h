/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * base64.h - bytes inside JSON (RFC 4648, section 4, with padding).
 */
#ifndef HOST_CONTROL_BASE64_H
#define HOST_CONTROL_BASE64_H

#include <stddef.h>
#include <sys/types.h>

/* Room for @count bytes as text, with its terminator. */
#define BASE64_ROOM(count) (((count) + 2) / 3 * 4 + 1)

/* Write @count bytes as text into @text (BASE64_ROOM(count)). */
void base64_encode(char *text, const void *bytes, size_t count);

/*
 * Read a text of @length characters into @bytes (length / 4 * 3 of room).
 * Returns the number of bytes, or -1 when it is not valid base64.
 */
ssize_t base64_decode(void *bytes, const char *text, size_t length);

#endif
