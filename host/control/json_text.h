/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * json_text.h - text of any origin as a JSON string.
 *
 * JSON is UTF-8 only, but file names, a guest's panic message and a sentence
 * that was cut to its buffer need not be.
 */
#ifndef HOST_CONTROL_JSON_TEXT_H
#define HOST_CONTROL_JSON_TEXT_H

#include <jansson.h>

/* A new string, with '?' for each byte that is not UTF-8; NULL: no memory. */
json_t *json_text(const char *text);

#endif
