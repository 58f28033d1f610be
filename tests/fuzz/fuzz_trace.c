/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The decoder of traces: any bytes make a line that fits its room and is safe
 * on a terminal. The first byte says what the rest is taken for, the second
 * how much room there is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/trace/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room, length;
	char *text;

	if (size < 2)
		return 0;
	room = data[1] == 0xff ? TRACE_LINE_BYTES : data[1] + 1u;
	text = malloc(room);
	if (data[0] % 3 == 0)
		length = trace_message_text(data + 2, size - 2, text, room);
	else if (data[0] % 3 == 1)
		length = trace_packet_text(TRACE_COMPONENT, data + 2, size - 2,
					   text, room);
	else
		length = trace_packet_text(data[0] & 0x80   ? TRACE_STORAGE
					   : data[0] & 0x40 ? TRACE_NETWORK
							    : TRACE_BYTES,
					   data + 2, size - 2, text, room);
	if (length >= room || text[length] != '\0' || strlen(text) != length)
		abort();
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			abort();
	}
	free(text);
	return 0;
}
