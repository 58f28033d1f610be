/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/control/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(char *text, const void *from, size_t count)
{
	const uint8_t *bytes = from;

	for (; count; bytes += 3) {
		size_t here = count < 3 ? count : 3;
		uint32_t group = (uint32_t)bytes[0] << 16;

		if (here > 1)
			group |= (uint32_t)bytes[1] << 8;
		if (here > 2)
			group |= bytes[2];
		*text++ = digits[group >> 18];
		*text++ = digits[group >> 12 & 63];
		*text++ = here > 1 ? digits[group >> 6 & 63] : '=';
		*text++ = here > 2 ? digits[group & 63] : '=';
		count -= here;
	}
	*text = '\0';
}

static int digit_value(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

ssize_t base64_decode(void *into, const char *text, size_t length)
{
	uint8_t *bytes = into;

	if (length % 4)
		return -1;
	for (; length; length -= 4, text += 4) {
		size_t pad = 0;
		uint32_t group = 0;

		if (length == 4 && text[3] == '=')
			pad = text[2] == '=' ? 2 : 1;
		for (size_t i = 0; i < 4; i++) {
			int value = i < 4 - pad ? digit_value(text[i]) : 0;

			if (value < 0)
				return -1;
			group = group << 6 | (uint32_t)value;
		}
		*bytes++ = (uint8_t)(group >> 16);
		if (pad < 2)
			*bytes++ = (uint8_t)(group >> 8);
		if (pad < 1)
			*bytes++ = (uint8_t)group;
	}
	return bytes - (uint8_t *)into;
}
