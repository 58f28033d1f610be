/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/control/console.h"

static struct console console;
static char buffer[CONSOLE_QUEUE_BYTES];

static int setup(void **state)
{
	(void)state;
	return console_init(&console);
}

static int teardown(void **state)
{
	(void)state;
	console_release(&console);
	return 0;
}

static void test_put_and_take(void **state)
{
	size_t dropped;

	(void)state;
	assert_true(console_put(&console, "one ", 4));
	assert_false(console_put(&console, "two", 3));
	assert_int_equal(console_take(&console, buffer, &dropped), 7);
	assert_memory_equal(buffer, "one two", 7);
	assert_int_equal(dropped, 0);
	assert_int_equal(console_take(&console, buffer, &dropped), 0);
	assert_true(console_put(&console, "3", 1));
}

static void test_overflow_is_counted(void **state)
{
	static char much[CONSOLE_QUEUE_BYTES - 10];
	size_t dropped;

	(void)state;
	memset(much, 'm', sizeof(much));
	console_put(&console, much, sizeof(much));
	console_put(&console, "0123456789abcdef", 16);
	console_put(&console, "xyz", 3);
	assert_int_equal(console_take(&console, buffer, &dropped),
			 CONSOLE_QUEUE_BYTES);
	assert_memory_equal(buffer + sizeof(much), "0123456789", 10);
	assert_int_equal(dropped, 9);
	assert_int_equal(console_take(&console, buffer, &dropped), 0);
	assert_int_equal(dropped, 0);
}

static void pass(const char *bytes, size_t count)
{
	size_t dropped;

	console_put(&console, bytes, count);
	assert_int_equal(console_take(&console, buffer, &dropped), count);
}

/* The replay is the end of all that went by, whatever the pieces were. */
static void test_replay(void **state)
{
	static char all[3 * CONSOLE_REPLAY_BYTES];
	static char replay[CONSOLE_REPLAY_BYTES];
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)(i * 31 + i / 257);
	assert_int_equal(console_replay(&console, replay), 0);
	for (size_t step = 1; at + step < sizeof(all); step = step * 3 + 1) {
		size_t kept;

		pass(all + at, step);
		at += step;
		kept = at < CONSOLE_REPLAY_BYTES ? at : CONSOLE_REPLAY_BYTES;
		assert_int_equal(console_replay(&console, replay), kept);
		assert_memory_equal(replay, all + at - kept, kept);
	}
	assert_true(at > CONSOLE_REPLAY_BYTES / 2);
	/* More at once than it keeps. */
	pass(all, sizeof(all));
	assert_int_equal(console_replay(&console, replay),
			 CONSOLE_REPLAY_BYTES);
	assert_memory_equal(replay, all + sizeof(all) - CONSOLE_REPLAY_BYTES,
			    CONSOLE_REPLAY_BYTES);
}

static void test_input(void **state)
{
	static char much[CONSOLE_INPUT_BYTES + 5];

	(void)state;
	assert_int_equal(console_type(&console, "abcdef", 6), 6);
	console_typed(&console, 2);
	assert_int_equal(console.input_bytes, 4);
	assert_memory_equal(console.input, "cdef", 4);
	assert_int_equal(console_type(&console, much, sizeof(much)),
			 CONSOLE_INPUT_BYTES - 4);
	assert_int_equal(console_type(&console, "x", 1), 0);
	console_typed(&console, CONSOLE_INPUT_BYTES);
	assert_int_equal(console_type(&console, "x", 1), 1);
}

#define WRITERS	    3
#define PIECES	    20000
#define PIECE_BYTES 37

static void *write_much(void *context)
{
	char piece[PIECE_BYTES];

	memset(piece, *(char *)context, sizeof(piece));
	for (int i = 0; i < PIECES; i++)
		console_put(&console, piece, sizeof(piece));
	return NULL;
}

/* vCPU threads write, the loop takes: every byte is taken or counted. */
static void test_threads(void **state)
{
	char letters[WRITERS] = { 'a', 'b', 'c' };
	pthread_t threads[WRITERS];
	size_t taken = 0, lost = 0, dropped;

	(void)state;
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_much,
						&letters[i]),
				 0);
	while (taken + lost < (size_t)WRITERS * PIECES * PIECE_BYTES) {
		size_t count = console_take(&console, buffer, &dropped);

		for (size_t i = 0; i < count; i++)
			assert_in_range(buffer[i], 'a', 'c');
		taken += count;
		lost += dropped;
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(taken + lost, (size_t)WRITERS * PIECES * PIECE_BYTES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_put_and_take), TEST(test_overflow_is_counted),
		TEST(test_replay),	 TEST(test_input),
		TEST(test_threads),
	};

	return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}
