/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * bytes.h - a fuzz target's input, taken off piece by piece.
 *
 * Here: choices out of bytes; an input at its end goes on as zeroes. Not here:
 * what is done with them.
 */
#ifndef TESTS_FUZZ_BYTES_H
#define TESTS_FUZZ_BYTES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmbus/port.h"

struct bytes {
	const u8 *at;
	size_t left;
};

static inline void bytes_take(struct bytes *bytes, void *to, size_t count)
{
	size_t have = count < bytes->left ? count : bytes->left;

	memset(to, 0, count);
	memcpy(to, bytes->at, have);
	bytes->at += have;
	bytes->left -= have;
}

static inline u8 bytes_u8(struct bytes *bytes)
{
	u8 value;

	bytes_take(bytes, &value, sizeof(value));
	return value;
}

static inline u32 bytes_u32(struct bytes *bytes)
{
	u32 value;

	bytes_take(bytes, &value, sizeof(value));
	return value;
}

static inline u32 bytes_below(struct bytes *bytes, u32 limit)
{
	return bytes_u8(bytes) % limit;
}

/* What must hold, or the run is a finding. */
static inline void require(bool holds, const char *else_what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", else_what);
	abort();
}

#endif
