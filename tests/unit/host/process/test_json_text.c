/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/control/json_text.h"

static void check(const char *text, const char *expected)
{
	json_t *string = json_text(text);

	assert_non_null(string);
	assert_string_equal(json_string_value(string), expected);
	json_decref(string);
}

static void test_valid_is_kept(void **state)
{
	static const char *const texts[] = { "",   "plain", "Grüße",
					     "鍵", "🔑",	    "tab\tand\nline" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check(texts[i], texts[i]);
}

static void test_invalid_is_replaced(void **state)
{
	(void)state;
	check("\xff", "?");
	check("a\x80z", "a?z");
	/* Cut inside of a character, as a full buffer does. */
	check("caf\xc3", "caf?");
	check("\xf0\x9f\x94", "???");
	check("ok \xf0\x9f\x94\x91 \xf0\x9f", "ok \xf0\x9f\x94\x91 ??");
	/* Overlong, and a surrogate. */
	check("\xc0\xaf", "??");
	check("\xed\xa0\x80", "???");
	check("\xf5\x80\x80\x80", "????");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid_is_kept),
		cmocka_unit_test(test_invalid_is_replaced),
	};

	return cmocka_run_group_tests_name("json_text", tests, NULL, NULL);
}
