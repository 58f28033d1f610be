/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Characters that reorder what is written after them (Unicode UAX 9). */
static bool turns_direction(uint32_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
	       c == 0x200e || c == 0x200f || c == 0x061c;
}

static bool continues(char c)
{
	return (c & 0xc0) == 0x80;
}

/*
 * Decodes one character at text, which is not its terminator. Returns its
 * length in bytes; 0 when it is not UTF-8.
 */
static size_t decode(const char *text, uint32_t *c)
{
	unsigned char first = (unsigned char)*text;
	size_t length = first < 0x80	? 1
			: first >= 0xf0 ? 4
			: first >= 0xe0 ? 3
			: first >= 0xc2 ? 2
					: 0;

	*c = length == 1 ? first : first & (0xffu >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if (!continues(text[i]))
			return 0;
		*c = *c << 6 | (text[i] & 0x3f);
	}
	return length;
}

char *text_printable(const char *text)
{
	/* The longest escape, \u202e, stands for a character of 3 bytes; \xNN
	 * for one of 1. */
	char *copy = malloc(strlen(text) * 4 + 1), *out = copy;

	while (copy && *text) {
		uint32_t c;
		size_t length = decode(text, &c);

		if (length == 0) {
			out += sprintf(out, "\\x%02x", (unsigned char)*text);
			length = 1;
		} else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
			out += sprintf(out, "\\x%02" PRIx32, c);
		} else if (turns_direction(c)) {
			out += sprintf(out, "\\u%04" PRIx32, c);
		} else {
			memcpy(out, text, length);
			out += length;
		}
		text += length;
	}
	if (copy)
		*out = '\0';
	return copy;
}

size_t text_columns(const char *text)
{
	size_t columns = 0;

	for (; *text; text++)
		columns += !continues(*text);
	return columns;
}

char *text_size(char *into, uint64_t size_bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	uint64_t unit = 1024;
	size_t i = 0;

	if (size_bytes < 1024) {
		snprintf(into, TEXT_UNIT_BYTES, "%" PRIu64 " byte%s",
			 size_bytes, size_bytes == 1 ? "" : "s");
		return into;
	}
	while (i < 3 && size_bytes / unit >= 1024) {
		unit *= 1024;
		i++;
	}
	if (size_bytes % unit == 0)
		snprintf(into, TEXT_UNIT_BYTES, "%" PRIu64 " %s",
			 size_bytes / unit, units[i]);
	else
		snprintf(into, TEXT_UNIT_BYTES, "%.1f %s",
			 (double)size_bytes / (double)unit, units[i]);
	return into;
}

char *text_duration(char *into, uint64_t duration_ms)
{
	uint64_t s = duration_ms / 1000;
	uint64_t days = s / 86400;
	int n = 0;

	if (days > 0)
		n = snprintf(into, TEXT_UNIT_BYTES, "%" PRIu64 "d ", days);
	snprintf(into + n, TEXT_UNIT_BYTES - (size_t)n, "%02u:%02u:%02u",
		 (unsigned int)(s / 3600 % 24), (unsigned int)(s / 60 % 60),
		 (unsigned int)(s % 60));
	return into;
}

void table_init(struct table *table, size_t columns, const char *const *heads)
{
	memset(table, 0, sizeof(*table));
	table->columns = columns;
	table_add(table, heads);
}

void table_release(struct table *table)
{
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i]);
	free(table->cells);
}

static void cell_add(struct table *table, const char *text)
{
	char *cell;

	if (table->cell_count == table->cell_capacity) {
		size_t capacity = table->cell_capacity * 2 + 64;
		char **cells =
			realloc(table->cells, capacity * sizeof(*table->cells));

		if (!cells) {
			table->failed = -ENOMEM;
			return;
		}
		table->cells = cells;
		table->cell_capacity = capacity;
	}
	cell = text_printable(text);
	if (!cell)
		table->failed = -ENOMEM;
	else
		table->cells[table->cell_count++] = cell;
}

void table_add(struct table *table, const char *const *cells)
{
	for (size_t i = 0; i < table->columns && !table->failed; i++)
		cell_add(table, cells[i]);
}

static size_t column_width(const struct table *table, size_t column)
{
	size_t width = table->min_width[column];

	for (size_t i = column; i < table->cell_count; i += table->columns) {
		size_t columns = text_columns(table->cells[i]);

		width = columns > width ? columns : width;
	}
	return width;
}

/* Prints row, or with underline set a line under each of its texts. */
static void row_print(const struct table *table, char *const *row,
		      const size_t *width, bool underline, FILE *stream)
{
	size_t pad = 0;

	for (size_t i = 0; i < table->columns; i++) {
		size_t columns = text_columns(row[i]);

		/* Padding is held back until something comes after it. */
		if (columns > 0)
			fprintf(stream, "%*s", (int)pad, "");
		if (columns > 0)
			pad = 0;
		for (size_t j = 0; underline && j < columns; j++)
			fputc('-', stream);
		if (!underline)
			fputs(row[i], stream);
		pad += width[i] - columns + 1;
	}
	fputc('\n', stream);
}

int table_print(const struct table *table, FILE *stream)
{
	size_t width[TABLE_COLUMNS_MAX];

	if (table->failed)
		return table->failed;
	for (size_t i = 0; i < table->columns; i++)
		width[i] = column_width(table, i);
	row_print(table, table->cells, width, false, stream);
	row_print(table, table->cells, width, true, stream);
	for (size_t i = table->columns; i < table->cell_count;
	     i += table->columns)
		row_print(table, table->cells + i, width, false, stream);
	return 0;
}
