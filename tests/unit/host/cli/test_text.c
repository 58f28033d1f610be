/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/text.h"

static void test_printable(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "", "" },
		{ "plain \\ text", "plain \\ text" },
		{ "\xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80",
		  "\xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80" },
		{ "\x1b[2J\x07\t\n\x7f", "\\x1b[2J\\x07\\x09\\x0a\\x7f" },
		{ "\xc2\x9b"
		  "31m\xc2\xa0",
		  "\\x9b31m\xc2\xa0" },
		{ "\xe2\x80\xae\xd8\x9c\xe2\x81\xa6", "\\u202e\\u061c\\u2066" },
		{ "\xff\xc3", "\\xff\\xc3" },
		{ "\xc0\x80\xf0\x9f", "\\xc0\\x80\\xf0\\x9f" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *shown = text_printable(cases[i].text);

		assert_string_equal(shown, cases[i].shown);
		free(shown);
	}
	assert_int_equal(text_columns("a\xc3\xa4\xe4\xb8\xad"), 3);
}

static void test_units(void **state)
{
	char text[TEXT_UNIT_BYTES];

	(void)state;
	assert_string_equal(text_size(text, 0), "0 bytes");
	assert_string_equal(text_size(text, 1), "1 byte");
	assert_string_equal(text_size(text, 1023), "1023 bytes");
	assert_string_equal(text_size(text, 1024), "1 KiB");
	assert_string_equal(text_size(text, 1536), "1.5 KiB");
	assert_string_equal(text_size(text, 1ull << 30), "1 GiB");
	assert_string_equal(text_size(text, 5ull << 50), "5120 TiB");
	assert_string_equal(text_size(text, UINT64_MAX), "16777216.0 TiB");
	assert_string_equal(text_duration(text, 0), "00:00:00");
	assert_string_equal(text_duration(text, 3599999), "00:59:59");
	assert_string_equal(text_duration(text, 86400000), "1d 00:00:00");
	assert_int_equal(strlen(text_duration(text, UINT64_MAX)), 22);
}

static void test_table(void **state)
{
	static const char *const heads[] = { "A", "Bee", "C" };
	static const char shown[] = "A    Bee  C\n"
				    "-    ---  -\n"
				    "1         z\n"
				    "\xc3\xa4\xc3\xa4   four\n"
				    "\n"
				    "r         \\x0a\n";
	struct table table;
	char *out = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&out, &size);

	(void)state;
	table_init(&table, 3, heads);
	table.min_width[0] = 4;
	table_add(&table, (const char *const[]){ "1", "", "z" });
	table_add(&table,
		  (const char *const[]){ "\xc3\xa4\xc3\xa4", "four", "" });
	table_add(&table, (const char *const[]){ "", "", "" });
	for (int i = 0; i < 100; i++)
		table_add(&table, (const char *const[]){ "r", "", "\n" });
	assert_int_equal(table_print(&table, stream), 0);
	fclose(stream);
	table_release(&table);
	assert_memory_equal(out, shown, sizeof(shown) - 1);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_printable),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
