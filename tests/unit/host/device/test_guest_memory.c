/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "host/device/guest_memory.h"

#define PAGES	 8u
#define BYTES	 (PAGES * MACHINE_PAGE_BYTES)
#define IOV_MAX_ 4u

static u8 memory[BYTES];
static u8 ranges[512];
static struct packet_view view;
static struct iovec iov[IOV_MAX_];
static u32 count;

/* In place of the machine: memory from 0 to BYTES. */
void *machine_memory(struct machine *machine, u64 gpa, u64 size_bytes)
{
	(void)machine;
	if (!size_bytes || size_bytes > BYTES || gpa > BYTES - size_bytes)
		return NULL;
	return memory + gpa;
}

static void range_add(u32 offset, u32 bytes, u32 pages, const u64 *pfns)
{
	struct packet_gpa_range_head head = { bytes, offset };
	u8 *at = ranges + view.range_bytes;

	memcpy(at, &head, sizeof(head));
	memcpy(at + sizeof(head), pfns, pages * sizeof(*pfns));
	view.range_bytes += (u32)sizeof(head) + pages * (u32)sizeof(*pfns);
	view.range_count++;
}

static int setup(void **state)
{
	(void)state;
	memset(&view, 0, sizeof(view));
	view.type = PACKET_DATA_GPA_DIRECT;
	view.ranges = ranges;
	for (u32 i = 0; i < BYTES; i++)
		memory[i] = (u8)(i * 7 + i / 4096);
	return 0;
}

static bool map(u32 bytes)
{
	return guest_memory_map(NULL, &view, bytes, iov, IOV_MAX_, &count);
}

static void test_neighbours_are_one(void **state)
{
	const u64 pfns[] = { 2, 3, 4 };

	(void)state;
	range_add(100, 2 * 4096, 3, pfns);
	assert_true(map(2 * 4096));
	assert_int_equal(count, 1);
	assert_ptr_equal(iov[0].iov_base, memory + 2 * 4096 + 100);
	assert_int_equal(iov[0].iov_len, 2 * 4096);
}

static void test_scattered(void **state)
{
	const u64 first[] = { 5, 1 }, second[] = { 0 };

	(void)state;
	range_add(4000, 200, 2, first);
	range_add(8, 16, 1, second);
	assert_true(map(216));
	assert_int_equal(count, 3);
	assert_ptr_equal(iov[0].iov_base, memory + 5 * 4096 + 4000);
	assert_int_equal(iov[0].iov_len, 96);
	assert_ptr_equal(iov[1].iov_base, memory + 4096);
	assert_int_equal(iov[1].iov_len, 104);
	assert_ptr_equal(iov[2].iov_base, memory + 8);
	assert_int_equal(iov[2].iov_len, 16);
	/* Only as much as is wanted. */
	assert_true(map(96));
	assert_int_equal(count, 1);
	assert_false(map(217));
}

static void test_no_memory(void **state)
{
	static const u64 bad[] = { PAGES, ~0ull, 1ull << 52, ~0ull >> 12,
				   0x7fffffffffffffull };

	(void)state;
	for (u32 i = 0; i < PORT_ARRAY_SIZE(bad); i++) {
		const u64 pfns[] = { 0, bad[i] };

		setup(NULL);
		range_add(0, 8192, 2, pfns);
		assert_false(map(8192));
		assert_true(map(4096));
	}
}

static void test_too_many_pieces(void **state)
{
	const u64 pfns[] = { 0, 2, 4, 6, 1 };

	(void)state;
	range_add(0, 5 * 4096, 5, pfns);
	assert_true(map(4 * 4096));
	assert_false(map(4 * 4096 + 1));
}

static void test_copies(void **state)
{
	const u64 pfns[] = { 3, 1 };
	u8 data[300], back[300];

	(void)state;
	range_add(4096 - 100, 300, 2, pfns);
	assert_true(map(300));
	memset(data, 0xaa, sizeof(data));
	assert_int_equal(guest_memory_write(iov, count, data, 300), 300);
	assert_int_equal(memory[4 * 4096 - 1], 0xaa);
	assert_int_equal(memory[4096 + 199], 0xaa);
	assert_int_not_equal(memory[4096 + 200], 0xaa);
	assert_int_equal(guest_memory_read(iov, count, back, 300), 300);
	assert_memory_equal(back, data, 300);
	/* No further than there is room. */
	assert_int_equal(guest_memory_read(iov, count, back, 400), 300);
	assert_int_equal(guest_memory_write(iov, 1, data, 300), 100);
	assert_int_equal(guest_memory_read(iov, 0, back, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_neighbours_are_one, setup),
		cmocka_unit_test_setup(test_scattered, setup),
		cmocka_unit_test_setup(test_no_memory, setup),
		cmocka_unit_test_setup(test_too_many_pieces, setup),
		cmocka_unit_test_setup(test_copies, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
