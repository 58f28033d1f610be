/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/trace/line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "services/timesync/wire.h"

#define BYTES_SHOWN 32

u16 trace_u16(const u8 *data)
{
	return (u16)(data[0] | data[1] << 8);
}

u32 trace_u32(const u8 *data)
{
	return trace_u16(data) | (u32)trace_u16(data + 2) << 16;
}

u64 trace_u64(const u8 *data)
{
	return trace_u32(data) | (u64)trace_u32(data + 4) << 32;
}

void trace_line_init(struct trace_line *line, char *text, size_t capacity_bytes)
{
	line->text = text;
	line->used_bytes = 0;
	line->capacity_bytes = capacity_bytes;
	text[0] = '\0';
}

void trace_line_add(struct trace_line *line, const char *format, ...)
{
	size_t room = line->capacity_bytes - line->used_bytes;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->used_bytes, room, format, args);
	va_end(args);
	if (n > 0)
		line->used_bytes += (size_t)n < room ? (size_t)n : room - 1;
}

void trace_line_bytes(struct trace_line *line, const u8 *data,
		      size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes && i < BYTES_SHOWN; i++)
		trace_line_add(line, i && i % 4 == 0 ? " %02x" : "%02x",
			       data[i]);
	if (size_bytes > BYTES_SHOWN)
		trace_line_add(line, "...");
}

/* One character as UTF-8, or escaped when it must not reach a terminal. */
static void add_character(struct trace_line *line, u32 c)
{
	if (c == '"' || c == '\\')
		trace_line_add(line, "\\%c", (char)c);
	else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		trace_line_add(line, "\\x%02" PRIx32, c);
	else if (c < 0x80)
		trace_line_add(line, "%c", (char)c);
	else if ((c >= 0xd800 && c < 0xe000) || c == 0x061c || c == 0x200e ||
		 c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
		 (c >= 0x2066 && c <= 0x2069))
		trace_line_add(line, "\\u%04" PRIx32, c);
	else if (c < 0x800)
		trace_line_add(line, "%c%c", (char)(0xc0 | c >> 6),
			       (char)(0x80 | (c & 0x3f)));
	else if (c < 0x10000)
		trace_line_add(line, "%c%c%c", (char)(0xe0 | c >> 12),
			       (char)(0x80 | (c >> 6 & 0x3f)),
			       (char)(0x80 | (c & 0x3f)));
	else
		trace_line_add(line, "%c%c%c%c", (char)(0xf0 | c >> 18),
			       (char)(0x80 | (c >> 12 & 0x3f)),
			       (char)(0x80 | (c >> 6 & 0x3f)),
			       (char)(0x80 | (c & 0x3f)));
}

void trace_line_utf16(struct trace_line *line, const u8 *units,
		      size_t unit_count)
{
	trace_line_add(line, "\"");
	for (size_t i = 0; i < unit_count; i++) {
		u32 c = trace_u16(units + 2 * i);
		u32 low = i + 1 < unit_count ? trace_u16(units + 2 * i + 2) : 0;

		if (c == 0)
			break;
		/* A high surrogate and a low one make one character. */
		if ((c & 0xfc00) == 0xd800 && (low & 0xfc00) == 0xdc00) {
			c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
			i++;
		}
		/* A cut must not fall inside a character. */
		if (line->used_bytes + 16 > line->capacity_bytes)
			break;
		add_character(line, c);
	}
	trace_line_add(line, "\"");
}

static void add_guid(struct trace_line *line, const u8 *d)
{
	trace_line_add(line,
		       "%08" PRIx32 "-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x"
		       "%02x",
		       trace_u32(d), trace_u16(d + 4), trace_u16(d + 6), d[8],
		       d[9], d[10], d[11], d[12], d[13], d[14], d[15]);
}

static void add_enum(struct trace_line *line, const struct trace_field *field,
		     u32 value)
{
	if (value < field->count && field->names[value])
		trace_line_add(line, "%s", field->names[value]);
	else
		trace_line_add(line, "%" PRIu32, value);
}

static void add_flags(struct trace_line *line, const struct trace_field *field,
		      u32 value)
{
	const char *separator = "";

	if (value == 0)
		trace_line_add(line, "none");
	for (u32 bit = 0; bit < field->count && bit < 32; bit++) {
		if (!(value >> bit & 1) || !field->names[bit])
			continue;
		trace_line_add(line, "%s%s", separator, field->names[bit]);
		separator = ",";
		value &= ~(1u << bit);
	}
	if (value != 0)
		trace_line_add(line, "%s0x%" PRIx32, separator, value);
}

static void add_time(struct trace_line *line, u64 time_100ns)
{
	u64 units = time_100ns - TIMESYNC_UNIX_EPOCH_100NS;
	time_t seconds = (time_t)(units / 10000000);
	struct tm tm;

	if (time_100ns < TIMESYNC_UNIX_EPOCH_100NS ||
	    !gmtime_r(&seconds, &tm)) {
		trace_line_add(line, "%" PRIu64, time_100ns);
		return;
	}
	trace_line_add(line, "%04d-%02d-%02dT%02d:%02d:%02d.%07uZ",
		       tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
		       tm.tm_min, tm.tm_sec, (unsigned int)(units % 10000000));
}

static size_t field_bytes(const struct trace_field *field)
{
	switch (field->kind) {
	case TRACE_U8:
	case TRACE_ENUM8:
	case TRACE_FLAGS8:
		return 1;
	case TRACE_U16:
	case TRACE_FLAGS16:
		return 2;
	case TRACE_U64:
	case TRACE_HEX64:
	case TRACE_TIME:
		return 8;
	case TRACE_GUID:
		return 16;
	case TRACE_UTF16:
		return 2u * field->count;
	default:
		return 4;
	}
}

static void add_number(struct trace_line *line, const struct trace_field *field,
		       u64 value)
{
	u32 low = (u32)value;

	switch (field->kind) {
	case TRACE_HEX32:
	case TRACE_HEX64:
		trace_line_add(line, "0x%" PRIx64, value);
		break;
	case TRACE_VMBUS_VERSION:
		trace_line_add(line, "%u.%u", low >> 16, low & 0xffff);
		break;
	case TRACE_ENUM8:
	case TRACE_ENUM32:
		add_enum(line, field, low);
		break;
	case TRACE_FLAGS8:
	case TRACE_FLAGS16:
	case TRACE_FLAGS32:
		add_flags(line, field, low);
		break;
	case TRACE_TIME:
		add_time(line, value);
		break;
	case TRACE_RESULT32:
		if (value == 0)
			trace_line_add(line, "success");
		else
			trace_line_add(line, "0x%08" PRIx32, low);
		break;
	default:
		trace_line_add(line, "%" PRIu64, value);
	}
}

void trace_line_value(struct trace_line *line, const struct trace_field *field,
		      const u8 *data)
{
	if (field->kind == TRACE_UTF16) {
		trace_line_utf16(line, data, field->count);
		return;
	}
	switch (field_bytes(field)) {
	case 1:
		add_number(line, field, data[0]);
		break;
	case 2:
		add_number(line, field, trace_u16(data));
		break;
	case 8:
		add_number(line, field, trace_u64(data));
		break;
	case 16:
		add_guid(line, data);
		break;
	default:
		add_number(line, field, trace_u32(data));
	}
}

void trace_line_fields(struct trace_line *line,
		       const struct trace_field *fields, const u8 *data,
		       size_t size_bytes)
{
	for (; fields && fields->name; fields++) {
		if (fields->offset_bytes + field_bytes(fields) > size_bytes) {
			trace_line_add(line, " (cut short)");
			return;
		}
		trace_line_add(line, " %s=", fields->name);
		trace_line_value(line, fields, data + fields->offset_bytes);
	}
}
