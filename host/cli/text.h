/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * text.h - text that is safe and pleasant on a terminal.
 *
 * Here: escaping of what came from a guest, widths, units, tables. Not here:
 * where the text comes from or goes to.
 */
#ifndef HOST_CLI_TEXT_H
#define HOST_CLI_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * A copy of UTF-8 text in which nothing can steer a terminal: control
 * characters (C0, DEL, C1) become \xNN, characters that turn the direction of
 * writing become \uNNNN, and a backslash stays itself.
 * Returns NULL when out of memory; free it.
 */
char *text_printable(const char *text);

/* The columns that printable UTF-8 takes, each character counted as one. */
size_t text_columns(const char *text);

#define TEXT_UNIT_BYTES 32

/* "512 MiB", "1.5 GiB", "17 bytes" into TEXT_UNIT_BYTES; returns into. */
char *text_size(char *into, uint64_t size_bytes);

/* "3d 04:05:06", "04:05:06" into TEXT_UNIT_BYTES; returns into. */
char *text_duration(char *into, uint64_t duration_ms);

#define TABLE_COLUMNS_MAX 8

/* A table with underlined heads; cells are made printable. */
struct table {
	size_t columns;
	size_t min_width[TABLE_COLUMNS_MAX]; /* of the caller's choice, or 0 */
	char **cells; /* rows of columns, the first one the heads */
	size_t cell_count, cell_capacity;
	int failed; /* out of memory: table_print() tells */
};

/* heads: columns strings. To be ended by table_release(). */
void table_init(struct table *table, size_t columns, const char *const *heads);
void table_release(struct table *table);

/* Adds a row of table->columns strings, which are copied. */
void table_add(struct table *table, const char *const *cells);

/* Prints the table without trailing spaces. Returns 0 or -ENOMEM. */
int table_print(const struct table *table, FILE *stream);

#endif
