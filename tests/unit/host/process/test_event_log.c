/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/control/event_log.h"

static struct event_log entries;

static int teardown(void **state)
{
	(void)state;
	event_log_clear(&entries);
	entries.next = 0;
	return 0;
}

static const char *text_of(json_t *event, const char *member)
{
	return json_string_value(json_object_get(event, member));
}

static void test_members(void **state)
{
	json_t *event = event_log_add(&entries, "open", "Heartbeat", 7, 1234,
				      "the guest opened the channel");
	int year, month, day, hour, minute, second, ms;

	(void)state;
	assert_non_null(event);
	assert_string_equal(text_of(event, "event"), "open");
	assert_string_equal(text_of(event, "service"), "Heartbeat");
	assert_string_equal(text_of(event, "text"),
			    "the guest opened the channel");
	assert_int_equal(json_integer_value(json_object_get(event, "relid")),
			 7);
	assert_int_equal(
		json_integer_value(json_object_get(event, "uptime_ms")), 1234);
	/* RFC 3339 with milliseconds. */
	assert_int_equal(strlen(text_of(event, "time")), 24);
	assert_int_equal(sscanf(text_of(event, "time"),
				"%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &year, &month,
				&day, &hour, &minute, &second, &ms),
			 7);
	json_decref(event);
	event = event_log_add(&entries, "started", NULL, 0, 0, "x");
	assert_null(json_object_get(event, "service"));
	assert_null(json_object_get(event, "relid"));
	json_decref(event);
}

static void test_text_that_is_not_utf8(void **state)
{
	json_t *event = event_log_add(&entries, "panic", NULL, 0, 1,
				      "a\xff\xc3\xa9\xe2\x82");

	(void)state;
	assert_non_null(event);
	assert_string_equal(text_of(event, "text"), "a?\xc3\xa9??");
	json_decref(event);
}

static void expect_order(void *context, json_t *event)
{
	json_int_t *next = context;

	assert_int_equal(
		json_integer_value(json_object_get(event, "uptime_ms")), *next);
	(*next)++;
}

static void test_keeps_the_last(void **state)
{
	json_int_t next = 0;

	(void)state;
	event_log_walk(&entries, expect_order, &next);
	assert_int_equal(next, 0);
	for (unsigned int i = 0; i < EVENT_LOG_ENTRIES + 100; i++) {
		json_decref(event_log_add(&entries, "e", NULL, 0, i, "x"));
		next = i < EVENT_LOG_ENTRIES ? 0 : i - EVENT_LOG_ENTRIES + 1;
		event_log_walk(&entries, expect_order, &next);
		assert_int_equal(next, i + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_members, teardown),
		cmocka_unit_test_teardown(test_text_that_is_not_utf8, teardown),
		cmocka_unit_test_teardown(test_keeps_the_last, teardown),
	};

	return cmocka_run_group_tests_name("event_log", tests, NULL, NULL);
}
