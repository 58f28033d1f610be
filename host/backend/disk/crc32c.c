/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/backend/disk/crc32c.h"

#include <pthread.h>

#define POLYNOMIAL 0x82f63b78u

/* table[k][b]: byte b followed by k bytes of 0. */
static u32 table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void table_make(void)
{
	for (u32 b = 0; b < 256; b++) {
		u32 crc = b;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		table[0][b] = crc;
	}
	for (u32 b = 0; b < 256; b++) {
		for (int k = 1; k < 8; k++)
			table[k][b] = table[k - 1][b] >> 8 ^
				      table[0][table[k - 1][b] & 0xff];
	}
}

u32 crc32c(u32 crc, const void *data, u64 size_bytes)
{
	const u8 *at = data;

	pthread_once(&table_once, table_make);
	crc = ~crc;
	for (; size_bytes >= 8; size_bytes -= 8, at += 8) {
		u64 word;

		port_copy(&word, at, sizeof(word));
		word ^= crc;
		crc = 0;
		for (int k = 0; k < 8; k++)
			crc ^= table[7 - k][word >> 8 * k & 0xff];
	}
	while (size_bytes--)
		crc = crc >> 8 ^ table[0][(crc ^ *at++) & 0xff];
	return ~crc;
}
