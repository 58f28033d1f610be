/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/vm/machine.h"
#include "host/vm/memory.h"
#include "tests/unit/host/vm/unit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MIB	      (1ull << 20)
#define GIB	      (1ull << 30)
#define GAP_BYTES     (128 * MIB)
#define LOW_MAX_BYTES (4 * GIB - GAP_BYTES)
#define PAGE	      4096

static struct memory memory;

static int set_up(void **state)
{
	struct memory_layout layout;
	struct lis_error err;

	(void)state;
	memory_layout_set(&layout, 64 * MIB, GAP_BYTES, GIB);
	return memory_create(&memory, &layout, false, &err);
}

static int tear_down(void **state)
{
	(void)state;
	memory_destroy(&memory);
	return 0;
}

static void splits_around_the_gap(void **state)
{
	struct memory_layout layout;

	(void)state;
	memory_layout_set(&layout, LOW_MAX_BYTES, GAP_BYTES, GIB);
	assert_int_equal(layout.low_bytes, LOW_MAX_BYTES);
	assert_int_equal(layout.high_bytes, 0);
	assert_int_equal(layout.mmio_low_gpa, 0xf8000000);
	assert_int_equal(layout.mmio_low_gpa + layout.mmio_low_bytes,
			 MEMORY_IOAPIC_GPA);
	assert_int_equal(layout.mmio_high_gpa, 4 * GIB);
	memory_layout_set(&layout, LOW_MAX_BYTES + 2 * MIB, GAP_BYTES, GIB);
	assert_int_equal(layout.low_bytes, LOW_MAX_BYTES);
	assert_int_equal(layout.high_bytes, 2 * MIB);
	assert_int_equal(layout.mmio_high_gpa, 5 * GIB);
	assert_int_equal(layout.mmio_high_bytes, GIB);
}

static void bounds_addresses(void **state)
{
	static const struct {
		u64 gpa, size, offset;
		bool memory;
	} cases[] = {
		{ 0, 1, 0, true },
		{ 0, LOW_MAX_BYTES, 0, true },
		{ 0, LOW_MAX_BYTES + 1, 0, false },
		{ LOW_MAX_BYTES - 1, 1, LOW_MAX_BYTES - 1, true },
		{ LOW_MAX_BYTES - 1, 2, 0, false },
		{ LOW_MAX_BYTES, 1, 0, false },
		{ 4 * GIB - 1, 2, 0, false },
		{ 4 * GIB, GIB, LOW_MAX_BYTES, true },
		{ 4 * GIB, GIB + 1, 0, false },
		{ 5 * GIB - 1, 1, LOW_MAX_BYTES + GIB - 1, true },
		{ 5 * GIB, 1, 0, false },
		{ UINT64_MAX, 1, 0, false },
		{ UINT64_MAX - PAGE, 2 * PAGE, 0, false },
		{ PAGE, UINT64_MAX, 0, false },
		{ 4 * GIB + PAGE, UINT64_MAX, 0, false },
	};
	struct memory_layout layout;
	u64 offset;
	u32 i;

	(void)state;
	memory_layout_set(&layout, LOW_MAX_BYTES + GIB, GAP_BYTES, GIB);
	for (i = 0; i < PORT_ARRAY_SIZE(cases); i++) {
		assert_int_equal(memory_layout_offset(&layout, cases[i].gpa,
						      cases[i].size, &offset),
				 cases[i].memory);
		if (cases[i].memory)
			assert_int_equal(offset, cases[i].offset);
	}
}

static void finds_memory(void **state)
{
	(void)state;
	assert_non_null(memory_at(&memory, 0, 64 * MIB));
	assert_null(memory_at(&memory, 0, 64 * MIB + 1));
	assert_null(memory_at(&memory, 0, 0));
	assert_null(memory_at(&memory, 64 * MIB, 1));
	assert_int_equal((uintptr_t)memory.base % (2 * MIB), 0);
}

static void cannot_be_resized(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(memory.fd, PAGE), -1);
	assert_int_equal(ftruncate(memory.fd, 128 * MIB), -1);
}

/* The kernel says whether an address may be read, without a fault here. */
static bool readable(const void *at)
{
	int pipes[2];
	bool can;

	assert_int_equal(pipe(pipes), 0);
	can = write(pipes[1], at, 1) == 1;
	close(pipes[0]);
	close(pipes[1]);
	return can;
}

static void maps_scattered_pages(void **state)
{
	static const u64 pfns[] = { 7, 8, 9, 3, 100, 2, 1 };
	u32 count = PORT_ARRAY_SIZE(pfns), i;
	void *at;
	u8 *view;

	(void)state;
	for (i = 0; i < count; i++)
		memset(memory.base + pfns[i] * PAGE, (int)pfns[i], PAGE);
	assert_int_equal(memory_map_pages(&memory, pfns, count, false, &at), 0);
	view = at;
	for (i = 0; i < count; i++) {
		assert_int_equal(view[i * PAGE], pfns[i]);
		assert_int_equal(view[i * PAGE + PAGE - 1], pfns[i]);
	}
	view[3 * PAGE] = 0xab;
	assert_int_equal(memory.base[3 * PAGE], 0xab);
	assert_false(readable(view - 1));
	assert_false(readable(view + count * PAGE));
	memory_unmap_pages(at, count, false);
	assert_false(readable(view));
}

static void maps_a_ring_twice(void **state)
{
	static const u64 pfns[] = { 50, 9, 8, 7 };
	u32 count = PORT_ARRAY_SIZE(pfns), i;
	void *at;
	/* Two places are one memory here, which the compiler cannot know. */
	volatile u8 *view;

	(void)state;
	for (i = 0; i < count; i++)
		memset(memory.base + pfns[i] * PAGE, (int)pfns[i], PAGE);
	assert_int_equal(memory_map_pages(&memory, pfns, count, true, &at), 0);
	view = at;
	assert_int_equal(view[0], 50);
	for (i = 1; i < 7; i++)
		assert_int_equal(view[i * PAGE], pfns[1 + (i - 1) % 3]);
	/* A write over the end is at the start. */
	for (i = 0; i < 16; i++)
		view[4 * PAGE - 8 + i] = 0xcd;
	assert_int_equal(view[PAGE + 7], 0xcd);
	assert_int_equal(((volatile u8 *)memory.base)[9 * PAGE + 7], 0xcd);
	assert_false(readable((u8 *)at + 7 * PAGE));
	memory_unmap_pages(at, count, true);
}

static void refuses_bad_pages(void **state)
{
	static u64 many[MACHINE_MAP_PAGES_MAX + 1];
	static const u64 bad[][2] = {
		{ 0, 64 * MIB / PAGE },
		{ 64 * MIB / PAGE - 1, 64 * MIB / PAGE },
		{ UINT64_MAX, 0 },
		{ UINT64_MAX / PAGE + 1, 0 },
		{ UINT64_MAX - 1, UINT64_MAX },
	};
	void *at;
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(bad); i++) {
		assert_int_equal(
			memory_map_pages(&memory, bad[i], 2, false, &at),
			-EFAULT);
		assert_int_equal(
			memory_map_pages(&memory, bad[i], 2, true, &at),
			-EFAULT);
	}
	assert_int_equal(memory_map_pages(&memory, many, 0, false, &at),
			 -EINVAL);
	assert_int_equal(memory_map_pages(&memory, many, 1, true, &at),
			 -EINVAL);
	assert_int_equal(memory_map_pages(&memory, many,
					  MACHINE_MAP_PAGES_MAX + 1, false,
					  &at),
			 -EINVAL);
	/* The same page as often as a guest likes is its own business. */
	assert_int_equal(memory_map_pages(&memory, many, 1000, false, &at), 0);
	memory_unmap_pages(at, 1000, false);
	memory_unmap_pages(NULL, 1000, false);
}

/* Whether or not it works here, it ends in memory or in a reason. */
static void huge_pages_work_or_say_why(void **state)
{
	struct memory_layout layout;
	struct lis_error err = { "" };
	struct memory huge;
	int ret;

	(void)state;
	memory_layout_set(&layout, 64 * MIB, GAP_BYTES, GIB);
	ret = memory_create(&huge, &layout, true, &err);
	if (ret) {
		assert_int_equal(ret, -EOPNOTSUPP);
		assert_says(err, "shmem_enabled");
	} else {
		huge.base[0] = 1;
	}
	memory_destroy(&huge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_around_the_gap),
		cmocka_unit_test(bounds_addresses),
		cmocka_unit_test_setup_teardown(finds_memory, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(cannot_be_resized, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(maps_scattered_pages, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(maps_a_ring_twice, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(refuses_bad_pages, set_up,
						tear_down),
		cmocka_unit_test(huge_pages_work_or_say_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
