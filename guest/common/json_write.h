/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * json_write.h - JSON to a stream, for tools too small for a library.
 *
 * Here: commas and escapes. Nesting is the caller's to close. After a member of
 * an object, the next call writes its value.
 */
#ifndef GUEST_COMMON_JSON_WRITE_H
#define GUEST_COMMON_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json_write {
	FILE *out;
	bool comma; /* before what comes next */
};

/* json_write_open, json_write_close - a bracket, "[" or "{", "]" or "}". */
void json_write_open(struct json_write *json, char bracket);
void json_write_close(struct json_write *json, char bracket);

/* json_write_member - the name of what comes next in an object. */
void json_write_member(struct json_write *json, const char *name);

/* json_write_text - a string; NULL: null. Bytes beyond ASCII must be UTF-8. */
void json_write_text(struct json_write *json, const char *text);

/* json_write_number, json_write_bool - the other values. */
void json_write_number(struct json_write *json, uint64_t number);
void json_write_bool(struct json_write *json, bool value);

#endif
