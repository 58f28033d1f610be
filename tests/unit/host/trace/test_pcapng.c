/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/trace/pcapng.h"

/* A file in memory, read block by block. */
static char *file;
static size_t file_bytes, at;

static u32 number(size_t offset)
{
	u32 value;

	assert_true(offset + 4 <= file_bytes);
	memcpy(&value, file + offset, 4);
	return value;
}

/* Steps over the block at `at`, whose two lengths must agree. */
static size_t block_next(u32 type)
{
	size_t start = at;
	u32 bytes = number(start + 4);

	assert_int_equal(number(start), type);
	assert_int_equal(bytes % 4, 0);
	assert_int_equal(number(start + bytes - 4), bytes);
	at += bytes;
	return start;
}

/* Finds an option; returns where its value is, -1 when there is none. */
static long option_find(size_t options, u16 code, u16 *bytes)
{
	for (;;) {
		u32 head = number(options);

		*bytes = (u16)(head >> 16);
		if ((head & 0xffff) == 0)
			return -1;
		if ((head & 0xffff) == code)
			return (long)options + 4;
		options += 4 + ((*bytes + 3u) & ~3u);
	}
}

static void expect_option(size_t options, u16 code, const void *value,
			  u16 value_bytes)
{
	u16 bytes;
	long found = option_find(options, code, &bytes);

	assert_true(found > 0);
	assert_int_equal(bytes, value_bytes);
	assert_memory_equal(file + found, value, bytes);
}

static void read_head(void)
{
	size_t block;

	at = 0;
	block = block_next(0x0a0d0d0a);
	assert_int_equal(number(block + 8), 0x1a2b3c4d);
	assert_int_equal(number(block + 12), 1);
	block = block_next(1);
	assert_int_equal(number(block + 8), PCAPNG_LINKTYPE_USER0);
	expect_option(block + 16, 2, "vmbus", 5);
	expect_option(block + 16, 3, "demovm", 6);
	expect_option(block + 16, 9, "\x09", 1);
}

static void read_packet(const struct pcapng_record *record)
{
	static const u8 zero[3];
	size_t block = block_next(6), data = block + 28, options;
	u32 flags = record->to_host ? 1 : 2;
	u16 bytes;

	assert_int_equal(number(block + 8), 0);
	assert_int_equal(number(block + 12), record->time_ns >> 32);
	assert_int_equal(number(block + 16), (u32)record->time_ns);
	assert_int_equal(number(block + 20), record->size_bytes + 16);
	assert_int_equal(number(block + 24), record->size_bytes + 16);
	assert_int_equal(file[data], 1);
	assert_int_equal(file[data + 1], 16);
	assert_int_equal(file[data + 2], record->packet ? 2 : 1);
	assert_int_equal(file[data + 3], record->to_host ? 1 : 2);
	assert_int_equal(number(data + 4), record->relid);
	assert_int_equal(number(data + 8), record->vp);
	assert_int_equal(file[data + 12], record->service);
	assert_memory_equal(file + data + 13, zero, 3);
	assert_memory_equal(file + data + 16, record->data, record->size_bytes);
	options = data + 16 + ((record->size_bytes + 3) & ~(size_t)3);
	expect_option(options, 2, &flags, 4);
	expect_option(options, 4, &record->lost, 8);
	if (record->comment)
		expect_option(options, 1, record->comment,
			      (u16)strlen(record->comment));
	else
		assert_int_equal(option_find(options, 1, &bytes), -1);
}

static void test_read_back(void **state)
{
	const struct pcapng_record records[] = {
		{ .time_ns = 0x123456789abcdef0,
		  .to_host = true,
		  .vp = 1,
		  .data = "123456789",
		  .size_bytes = 9,
		  .comment = "nine" },
		{ .packet = true,
		  .relid = 7,
		  .vp = ~0u,
		  .service = 6,
		  .lost = 1ull << 40,
		  .data = "",
		  .size_bytes = 0 },
		{ .packet = true,
		  .data = "12345678",
		  .size_bytes = 8,
		  .comment = "12345" },
	};
	FILE *stream = open_memstream(&file, &file_bytes);

	(void)state;
	assert_int_equal(pcapng_begin(stream, "demovm"), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pcapng_write(stream, &records[i]), 0);
	fclose(stream);
	read_head();
	for (size_t i = 0; i < 3; i++)
		read_packet(&records[i]);
	assert_int_equal(at, file_bytes);
	free(file);
}

static void test_too_large(void **state)
{
	struct pcapng_record record = { .data = "",
					.size_bytes = (1 << 20) + 1 };
	FILE *stream = open_memstream(&file, &file_bytes);

	(void)state;
	assert_int_equal(pcapng_write(stream, &record), -EINVAL);
	fclose(stream);
	assert_int_equal(file_bytes, 0);
	free(file);
}

static void test_full_disk(void **state)
{
	struct pcapng_record record = { .data = "" };
	FILE *stream = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(stream);
	setvbuf(stream, NULL, _IONBF, 0);
	assert_int_equal(pcapng_begin(stream, "demovm"), -EIO);
	assert_int_equal(pcapng_write(stream, &record), -EIO);
	fclose(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_back),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
