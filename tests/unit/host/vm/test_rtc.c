/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/vm/rtc.h"
#include "tests/unit/host/vm/unit.h"

#include <time.h>

static int number(u8 index, u64 now)
{
	u8 value = rtc_read(index, now);

	assert_true((value & 0xf) < 10 && value >> 4 < 10);
	return (value >> 4) * 10 + (value & 0xf);
}

/* The C library agrees, over several centuries. */
static void agrees_with_libc(void **state)
{
	time_t now;

	(void)state;
	for (now = 0; now < 20000000000; now += 1234567) {
		struct tm parts;

		assert_non_null(gmtime_r(&now, &parts));
		assert_int_equal(number(0x00, now), parts.tm_sec);
		assert_int_equal(number(0x02, now), parts.tm_min);
		assert_int_equal(number(0x04, now), parts.tm_hour);
		assert_int_equal(number(0x06, now), parts.tm_wday + 1);
		assert_int_equal(number(0x07, now), parts.tm_mday);
		assert_int_equal(number(0x08, now), parts.tm_mon + 1);
		assert_int_equal(number(0x32, now) * 100 + number(0x09, now),
				 parts.tm_year + 1900);
	}
}

static void knows_leap_days(void **state)
{
	(void)state;
	/* 2000-02-29, 2024-02-29, 2100-03-01 (no leap year) at 00:00 */
	assert_int_equal(number(0x07, 951782400), 29);
	assert_int_equal(number(0x07, 1709164800), 29);
	assert_int_equal(number(0x07, 4107542400), 1);
	assert_int_equal(number(0x08, 4107542400), 3);
}

static void is_always_ready(void **state)
{
	(void)state;
	assert_false(rtc_read(0x0a, 0) & 0x80);
	assert_int_equal(rtc_read(0x0b, 0), 0x02);
	assert_int_equal(rtc_read(0x0c, 0), 0);
	assert_int_equal(rtc_read(0x0d, 0), 0x80);
	/* Bit 7 of the index masks NMIs. */
	assert_int_equal(rtc_read(0x8d, 0), 0x80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_libc),
		cmocka_unit_test(knows_leap_days),
		cmocka_unit_test(is_always_ready),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
