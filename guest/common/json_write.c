// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* JSON to a stream. */
#include "guest/common/json_write.h"

#include <inttypes.h>

static void before_value(struct json_write *json)
{
	if (json->comma)
		putc(',', json->out);
	json->comma = true;
}

void json_write_open(struct json_write *json, char bracket)
{
	before_value(json);
	putc(bracket, json->out);
	json->comma = false;
}

void json_write_close(struct json_write *json, char bracket)
{
	putc(bracket, json->out);
	json->comma = true;
}

static void string(struct json_write *json, const char *text)
{
	putc('"', json->out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			putc('\\', json->out);
		if (c < ' ' || c == 0x7f)
			fprintf(json->out, "\\u%04x", c);
		else
			putc(c, json->out);
	}
	putc('"', json->out);
}

void json_write_member(struct json_write *json, const char *name)
{
	before_value(json);
	string(json, name);
	putc(':', json->out);
	json->comma = false;
}

void json_write_text(struct json_write *json, const char *text)
{
	before_value(json);
	if (text)
		string(json, text);
	else
		fputs("null", json->out);
}

void json_write_number(struct json_write *json, uint64_t number)
{
	before_value(json);
	fprintf(json->out, "%" PRIu64, number);
}

void json_write_bool(struct json_write *json, bool value)
{
	before_value(json);
	fputs(value ? "true" : "false", json->out);
}
