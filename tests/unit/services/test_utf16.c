// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Text between UTF-8 and the wire's UTF-16LE. */
#include "tests/unit/services/ic_link.h"

#include "services/ic/utf16.h"

struct sample {
	const char *text;
	u8 wire[16];
	u32 unit_count; /* without the terminator */
};

static const struct sample samples[] = {
	{ "", { 0 }, 0 },
	{ "A", { 'A', 0 }, 1 },
	{ "\x7f", { 0x7f, 0 }, 1 },
	{ "\xc2\x80", { 0x80, 0 }, 1 },
	/* U+012F: its low byte is "/", which a cut to 8 bits would give. */
	{ "\xc4\xaf", { 0x2f, 0x01 }, 1 },
	{ "\xdf\xbf", { 0xff, 0x07 }, 1 },
	{ "\xe0\xa0\x80", { 0x00, 0x08 }, 1 },
	{ "\xed\x9f\xbf", { 0xff, 0xd7 }, 1 },
	{ "\xee\x80\x80", { 0x00, 0xe0 }, 1 },
	{ "\xef\xbf\xbf", { 0xff, 0xff }, 1 },
	{ "\xf0\x90\x80\x80", { 0x00, 0xd8, 0x00, 0xdc }, 2 },
	{ "\xf4\x8f\xbf\xbf", { 0xff, 0xdb, 0xff, 0xdf }, 2 },
	{ "a\xc3\xa4\xf0\x9f\x98\x80z",
	  { 'a', 0, 0xe4, 0, 0x3d, 0xd8, 0x00, 0xde, 'z', 0 },
	  5 },
};

static void test_both_ways(void **state)
{
	char text[64];
	u8 wire[64];
	u32 count;
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(samples); i++) {
		memset(wire, 0xee, sizeof(wire));
		assert_int_equal(
			utf16_from_utf8(wire, 32, &count, samples[i].text),
			UTF16_OK);
		assert_int_equal(count, samples[i].unit_count + 1);
		assert_memory_equal(wire, samples[i].wire,
				    (size_t)samples[i].unit_count * 2);
		assert_int_equal(wire[count * 2 - 2], 0);
		assert_int_equal(wire[count * 2 - 1], 0);
		assert_int_equal(wire[count * 2], 0xee);
		assert_int_equal(utf16_length(wire, 32), samples[i].unit_count);
		assert_int_equal(utf16_to_utf8(text, sizeof(text), wire,
					       samples[i].unit_count),
				 UTF16_OK);
		assert_string_equal(text, samples[i].text);
	}
}

/* Each sample in memory exactly as large as it needs, and smaller. */
static void test_space(void **state)
{
	u32 need, space;
	char *text;
	u8 *wire;
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(samples); i++) {
		for (space = 0; space <= samples[i].unit_count + 1; space++) {
			wire = malloc(space ? (size_t)space * 2 : 1);
			assert_non_null(wire);
			assert_int_equal(utf16_from_utf8(wire, space, NULL,
							 samples[i].text),
					 space <= samples[i].unit_count
						 ? UTF16_TOO_LONG
						 : UTF16_OK);
			free(wire);
		}
		need = (u32)strlen(samples[i].text) + 1;
		assert_true(need <= UTF16_UTF8_BYTES(samples[i].unit_count));
		for (space = 1; space <= need; space++) {
			text = malloc(space);
			assert_non_null(text);
			assert_int_equal(
				utf16_to_utf8(text, space, samples[i].wire,
					      samples[i].unit_count),
				space < need ? UTF16_TOO_LONG : UTF16_OK);
			assert_int_equal(strlen(text),
					 space < need ? 0 : need - 1);
			free(text);
		}
	}
}

static void test_invalid_utf8(void **state)
{
	static const char *const texts[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf", /* overlong */
		"\xe0\x9f\xbf",
		"\xf0\x8f\xbf\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf", /* surrogates */
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80",
		"\xff",
		"\xc3",
		"\xe2\x82", /* cut short */
		"\xf0\x9f\x98",
		"a\xc3z",
		"\xe2\x28\xa1",
		"\xf0\x9f\x98z",
	};
	u8 wire[64];
	char *exact;
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(texts); i++) {
		exact = malloc(strlen(texts[i]) + 1);
		assert_non_null(exact);
		memcpy(exact, texts[i], strlen(texts[i]) + 1);
		assert_int_equal(utf16_from_utf8(wire, 32, NULL, exact),
				 UTF16_INVALID);
		free(exact);
	}
}

static void test_invalid_utf16(void **state)
{
	static const struct {
		u8 wire[6];
		u32 unit_count;
	} units[] = {
		{ { 0x00, 0xd8 }, 1 }, /* high surrogate at the end */
		{ { 0x00, 0xd8, 'a', 0 }, 2 },
		{ { 0x00, 0xd8, 0x00, 0xd8 }, 2 },
		{ { 0x00, 0xd8, 0x00, 0xe0 }, 2 },
		{ { 0x00, 0xdc }, 1 }, /* low one alone */
		{ { 0xff, 0xdf, 0x00, 0xd8 }, 2 },
		{ { 0, 0 }, 1 }, /* NUL inside */
		{ { 'a', 0, 0, 0, 'b', 0 }, 3 },
	};
	char text[32];
	u8 *exact;
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(units); i++) {
		exact = malloc((size_t)units[i].unit_count * 2);
		assert_non_null(exact);
		memcpy(exact, units[i].wire, (size_t)units[i].unit_count * 2);
		text[0] = 'x';
		assert_int_equal(utf16_to_utf8(text, sizeof(text), exact,
					       units[i].unit_count),
				 UTF16_INVALID);
		assert_string_equal(text, "");
		free(exact);
	}
}

static void put_unit(u8 *wire, u32 unit)
{
	wire[0] = (u8)unit;
	wire[1] = (u8)(unit >> 8);
}

/* By RFC 2781, section 2.1; returns the number of units. */
static u32 encode(u8 *wire, u32 code_point)
{
	if (code_point <= 0xffff) {
		put_unit(wire, code_point);
		return 1;
	}
	code_point -= 0x10000;
	put_unit(wire, 0xd800 + code_point / 0x400);
	put_unit(wire + 2, 0xdc00 + code_point % 0x400);
	return 2;
}

/* Every number that is a character comes back as it was. */
static void test_every_code_point(void **state)
{
	u32 code_point, count, again_count;
	u8 wire[6], again[6];
	char text[8];

	(void)state;
	for (code_point = 1; code_point <= 0x10ffff; code_point++) {
		if (code_point == 0xd800)
			code_point = 0xe000;
		count = encode(wire, code_point);
		put_unit(wire + (size_t)count * 2, 0);
		assert_int_equal(utf16_to_utf8(text, sizeof(text), wire, count),
				 UTF16_OK);
		assert_int_equal(utf16_from_utf8(again, 3, &again_count, text),
				 UTF16_OK);
		assert_int_equal(again_count, count + 1);
		assert_memory_equal(again, wire, (size_t)again_count * 2);
	}
}

static void test_lengths(void **state)
{
	static const u8 wire[] = { 'a', 0, 0, 1, 0, 0 };
	static const char text[] = { 'a', 'b', 0, 'c' };

	(void)state;
	assert_int_equal(utf16_length(wire, 0), 0);
	assert_int_equal(utf16_length(wire, 1), 1);
	assert_int_equal(utf16_length(wire, 2), 2);
	assert_int_equal(utf16_length(wire, 3), 2);
	assert_int_equal(utf16_text_bytes(text, 4), 2);
	assert_int_equal(utf16_text_bytes(text, 2), 2);
	assert_int_equal(utf16_text_bytes(text, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_space),
		cmocka_unit_test(test_invalid_utf8),
		cmocka_unit_test(test_invalid_utf16),
		cmocka_unit_test(test_every_code_point),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests_name("services/ic/utf16", tests, NULL,
					   NULL);
}
