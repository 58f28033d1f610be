/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/json_text.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of the UTF-8 sequence that @text begins with; 0: it is none. */
static size_t sequence_bytes(const char *text, size_t length)
{
	for (size_t bytes = 1; bytes <= 4 && bytes <= length; bytes++) {
		json_t *string = json_stringn(text, bytes);

		json_decref(string);
		if (string)
			return bytes;
	}
	return 0;
}

json_t *json_text(const char *text)
{
	json_t *string = json_string(text);
	size_t length, at = 0;
	char *copy;

	if (string)
		return string;
	copy = strdup(text);
	if (!copy)
		return NULL;
	length = strlen(copy);
	while (at < length) {
		size_t bytes = sequence_bytes(copy + at, length - at);

		if (!bytes)
			copy[at] = '?';
		at += bytes ? bytes : 1;
	}
	string = json_string(copy);
	free(copy);
	return string;
}
