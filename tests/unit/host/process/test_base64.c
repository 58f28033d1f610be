/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/control/base64.h"

static void check(const char *bytes, const char *text)
{
	char encoded[32];
	char *decoded = malloc(strlen(text) / 4 * 3 + 1);

	assert_non_null(decoded);
	base64_encode(encoded, bytes, strlen(bytes));
	assert_string_equal(encoded, text);
	assert_int_equal(BASE64_ROOM(strlen(bytes)), strlen(text) + 1);
	assert_int_equal(base64_decode(decoded, text, strlen(text)),
			 strlen(bytes));
	assert_memory_equal(decoded, bytes, strlen(bytes));
	free(decoded);
}

/* RFC 4648, section 10. */
static void test_vectors(void **state)
{
	(void)state;
	check("", "");
	check("f", "Zg==");
	check("fo", "Zm8=");
	check("foo", "Zm9v");
	check("foob", "Zm9vYg==");
	check("fooba", "Zm9vYmE=");
	check("foobar", "Zm9vYmFy");
}

static void test_every_length_and_byte(void **state)
{
	(void)state;
	for (size_t count = 0; count < 600; count++) {
		uint8_t *bytes = malloc(count + 1);
		char *text = malloc(BASE64_ROOM(count));
		uint8_t *back = malloc(BASE64_ROOM(count) / 4 * 3 + 1);

		assert_true(bytes && text && back);
		for (size_t i = 0; i < count; i++)
			bytes[i] = (uint8_t)(i * 151 + count);
		base64_encode(text, bytes, count);
		assert_int_equal(strlen(text) + 1, BASE64_ROOM(count));
		assert_int_equal(base64_decode(back, text, strlen(text)),
				 count);
		assert_memory_equal(back, bytes, count);
		free(bytes);
		free(text);
		free(back);
	}
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"Z",	"Zg",	    "Zg=",	"Zm9vZ",   "Z===",
		"====", "Zm9=v===", "Zg==Zm9v", "Zm 9",	   "Zm\n9",
		"Zm9-", "Zm9_",	    "=m9v",	"Zm9\x80",
	};
	char bytes[16];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(
			base64_decode(bytes, texts[i], strlen(texts[i])), -1);
	/* A terminator inside is no digit. */
	assert_int_equal(base64_decode(bytes, "Zm\0v", 4), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_every_length_and_byte),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
