/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The host end: GPADLs out of headers and bodies, honest and not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/vmbus/host_rig.h"

static struct host_rig rig;
static u64 values[600];

static int fresh(void **state)
{
	u32 i;

	(void)state;
	rig_connect(&rig, VMBUS_VERSION_5_3, 3);
	for (i = 0; i < PORT_ARRAY_SIZE(values); i++)
		values[i] = 1000 + i;
	return 0;
}

/* A header that announces @pages and carries @carried values. */
static void header(u32 gpadl, u32 pages, u32 carried)
{
	values[0] = rig_head(pages * VMBUS_PAGE_BYTES, 0);
	rig_post_gpadl_header(&rig, 1, gpadl, (pages + 1) * 8, 1, values,
			      carried);
}

static void every_length_arrives_whole(void **state)
{
	struct vmbus_host_gpadl_view view;
	u32 pages, i;

	(void)state;
	for (pages = 1; pages < RIG_VALUES; pages++) {
		rig_post_gpadl(&rig, 1, 7, pages);
		rig_expect_created(&rig, 1, 7, 0);
		assert_int_equal(vmbus_host_gpadl_find(&rig.host, 1, 7, &view),
				 VMBUS_OK);
		assert_int_equal(view.pfn_count, pages);
		assert_int_equal(view.value_count, pages + 1);
		assert_int_equal(view.byte_count, pages * VMBUS_PAGE_BYTES);
		assert_int_equal(view.byte_offset, 0);
		for (i = 0; i < pages; i++)
			assert_int_equal(view.pfns[i], 100 + i);
		rig_post_teardown(&rig, 1, 7);
		rig_expect_torndown(&rig, 7);
		assert_int_equal(vmbus_host_gpadl_find(&rig.host, 1, 7, &view),
				 VMBUS_BAD_ARGUMENT);
	}
	rig_expect_silence(&rig);
	rig_expect_no_violation(&rig);
}

static void several_assemble_at_once(void **state)
{
	struct vmbus_host_gpadl_view view;
	u32 i;

	(void)state;
	header(1, 60, 27);
	header(2, 30, 1);
	header(3, 40, 0);
	rig_post_gpadl_body(&rig, 2, values + 1, 15);
	rig_post_gpadl_body(&rig, 3, values, 28);
	rig_post_gpadl_body(&rig, 1, values + 27, 28);
	rig_expect_silence(&rig);
	rig_post_gpadl_body(&rig, 3, values + 28, 13);
	/* All of it came in bodies, the head of its range too. */
	rig_expect_created(&rig, 1, 3, 0);
	rig_post_gpadl_body(&rig, 2, values + 16, 15);
	rig_expect_created(&rig, 1, 2, 0);
	rig_post_gpadl_body(&rig, 1, values + 55, 6);
	rig_expect_created(&rig, 1, 1, 0);
	assert_int_equal(vmbus_host_gpadl_find(&rig.host, 1, 1, &view),
			 VMBUS_OK);
	for (i = 0; i < 60; i++)
		assert_int_equal(view.pfns[i], 1001 + i);
	assert_int_equal(vmbus_host_gpadl_find(&rig.host, 1, 2, &view),
			 VMBUS_OK);
	for (i = 0; i < 30; i++)
		assert_int_equal(view.pfns[i], 1001 + i);
	rig_expect_silence(&rig);
	rig_expect_no_violation(&rig);
}

static void several_ranges_are_one_gpadl(void **state)
{
	struct vmbus_host_gpadl_view view;

	(void)state;
	values[0] = rig_head(100, 4090); /* two pages */
	values[3] = rig_head(4096, 0);	 /* one */
	values[5] = rig_head(1, 4095);	 /* one */
	rig_post_gpadl_header(&rig, 1, 9, 7 * 8, 3, values, 7);
	rig_expect_created(&rig, 1, 9, 0);
	assert_int_equal(vmbus_host_gpadl_find(&rig.host, 1, 9, &view),
			 VMBUS_OK);
	assert_int_equal(view.range_count, 3);
	assert_int_equal(view.pfn_count, 2);
	assert_int_equal(view.byte_offset, 4090);
	/* It cannot be a ring. */
	rig_post_open(&rig, 1, 9, 2, 0);
	rig_expect_opened(&rig, 1, VMBUS_RESULT_INVALID);
	rig_expect_violation(&rig, VMBUS_E_RING_GPADL, 1);
}

static void refused(u32 gpadl, enum vmbus_status reason)
{
	rig_expect_created(&rig, 1, gpadl, VMBUS_RESULT_INVALID);
	rig_expect_violation(&rig, reason, 1);
	rig_expect_silence(&rig);
	assert_int_equal(rig.host.values_live, 0);
	assert_int_equal(rig.host.gpadl_used, 0);
}

static void lying_headers_are_refused(void **state)
{
	(void)state;
	values[0] = rig_head(4 * 4096, 0);
	rig_post_gpadl_header(&rig, 1, 5, 5 * 8, 0, values, 5);
	refused(5, VMBUS_E_GPADL_LENGTH); /* no range */
	rig_post_gpadl_header(&rig, 1, 5, 5 * 8 - 1, 1, values, 5);
	refused(5, VMBUS_E_GPADL_LENGTH); /* not whole values */
	rig_post_gpadl_header(&rig, 1, 5, 8, 1, values, 1);
	refused(5, VMBUS_E_GPADL_LENGTH); /* no page */
	rig_post_gpadl_header(&rig, 1, 5, 5 * 8, 3, values, 5);
	refused(5, VMBUS_E_GPADL_LENGTH); /* three ranges in five values */
	rig_post_gpadl_header(&rig, 1, 5, 65535, 65535, values, 5);
	refused(5, VMBUS_E_GPADL_LENGTH);
	rig_post_gpadl_header(&rig, 1, 5, 0, 0, values, 0);
	refused(5, VMBUS_E_GPADL_LENGTH);
	rig_post_gpadl_header(&rig, 1, 5, 4 * 8, 1, values, 5);
	refused(5, VMBUS_E_GPADL_LENGTH); /* carries more than announced */
	rig_post_gpadl_header(&rig, 1, 5, 6 * 8, 1, values, 6);
	refused(5, VMBUS_E_GPADL_RANGE); /* a page too many */
	rig_post_gpadl_header(&rig, 1, 5, 4 * 8, 1, values, 4);
	refused(5, VMBUS_E_GPADL_RANGE); /* a page too few */
	values[0] = rig_head(0, 0);
	rig_post_gpadl_header(&rig, 1, 5, 2 * 8, 1, values, 2);
	refused(5, VMBUS_E_GPADL_RANGE); /* empty */
	values[0] = rig_head(4096, 4096);
	rig_post_gpadl_header(&rig, 1, 5, 3 * 8, 1, values, 3);
	refused(5, VMBUS_E_GPADL_RANGE); /* begins beyond its first page */
	values[0] = rig_head(~0u, 4095);
	rig_post_gpadl_header(&rig, 1, 5, 2 * 8, 1, values, 2);
	refused(5, VMBUS_E_GPADL_RANGE); /* count and offset overflow 32 bits */
	values[0] = rig_head(4096, 0);
	values[2] = rig_head(4096, 0);
	rig_post_gpadl_header(&rig, 1, 5, 4 * 8, 1, values, 4);
	refused(5, VMBUS_E_GPADL_RANGE); /* two ranges, one counted */
}

static void a_header_cut_inside_a_value_is_refused(void **state)
{
	u8 payload[64] = { 0 };
	struct vmbus_message_gpadl_header message = {
		.header.type = VMBUS_MESSAGE_GPADL_HEADER,
		.relid = 1,
		.gpadl = 5,
		.range_bytes = 16,
		.range_count = 1,
	};
	u32 size;

	(void)state;
	memcpy(payload, &message, sizeof(message));
	for (size = sizeof(message) + 1; size < sizeof(message) + 16; size++) {
		if ((size - sizeof(message)) % 8 == 0)
			continue;
		rig_post(&rig, payload, size);
		refused(5, VMBUS_E_GPADL_LENGTH);
	}
}

static void lying_bodies_are_refused(void **state)
{
	u8 payload[32] = { 0 };
	struct vmbus_message_gpadl_body message = {
		.header.type = VMBUS_MESSAGE_GPADL_BODY,
		.gpadl = 5,
	};
	u32 size;

	(void)state;
	/* None was begun. */
	rig_post_gpadl_body(&rig, 5, values, 3);
	rig_expect_violation(&rig, VMBUS_E_GPADL_UNKNOWN, 0);
	/* More than was announced. */
	header(5, 30, 27);
	rig_post_gpadl_body(&rig, 5, values, 5);
	rig_expect_created(&rig, 1, 5, VMBUS_RESULT_INVALID);
	rig_expect_violation(&rig, VMBUS_E_GPADL_LENGTH, 0);
	assert_int_equal(rig.host.gpadl_used, 0);
	/* Nothing at all. */
	header(5, 30, 27);
	rig_post_gpadl_body(&rig, 5, values, 0);
	rig_expect_created(&rig, 1, 5, VMBUS_RESULT_INVALID);
	rig_expect_violation(&rig, VMBUS_E_GPADL_LENGTH, 0);
	/* Part of a value. */
	memcpy(payload, &message, sizeof(message));
	for (size = 17; size < 24; size++) {
		header(5, 30, 27);
		rig_post(&rig, payload, size);
		rig_expect_created(&rig, 1, 5, VMBUS_RESULT_INVALID);
		rig_expect_violation(&rig, VMBUS_E_GPADL_LENGTH, 0);
	}
	/* One after the last. */
	header(5, 30, 27);
	rig_post_gpadl_body(&rig, 5, values + 27, 4);
	rig_expect_created(&rig, 1, 5, 0);
	rig_post_gpadl_body(&rig, 5, values, 1);
	rig_expect_violation(&rig, VMBUS_E_GPADL_UNKNOWN, 0);
	rig_expect_silence(&rig);
}

static void a_missing_body_holds_nothing_up(void **state)
{
	(void)state;
	header(5, 30, 27);
	rig_expect_silence(&rig);
	rig_post_open(&rig, 1, 5, 4, 0);
	rig_expect_opened(&rig, 1, VMBUS_RESULT_INVALID);
	rig_expect_violation(&rig, VMBUS_E_GPADL_UNKNOWN, 1);
	rig_post_teardown(&rig, 1, 5);
	rig_expect_violation(&rig, VMBUS_E_GPADL_UNKNOWN, 1);
	rig_open(&rig, 2);
	rig_post_header(&rig, VMBUS_MESSAGE_UNLOAD);
	rig_expect(&rig, VMBUS_MESSAGE_UNLOAD_RESPONSE);
	rig_expect_empty(&rig);
}

static void an_id_serves_once(void **state)
{
	struct vmbus_host_gpadl_view view;

	(void)state;
	rig_post_gpadl(&rig, 1, 5, 8);
	rig_expect_created(&rig, 1, 5, 0);
	values[0] = rig_head(4096, 0);
	rig_post_gpadl_header(&rig, 1, 5, 16, 1, values, 2);
	rig_expect_created(&rig, 1, 5, VMBUS_RESULT_INVALID);
	rig_expect_violation(&rig, VMBUS_E_GPADL_DUPLICATE, 1);
	/* The first is as it was. */
	assert_int_equal(vmbus_host_gpadl_find(&rig.host, 1, 5, &view),
			 VMBUS_OK);
	assert_int_equal(view.pfn_count, 8);
	/* Another channel has ids of its own... */
	rig_post_gpadl(&rig, 2, 5, 4);
	rig_expect_created(&rig, 2, 5, 0);
	/* ...except while bodies, which name no channel, are to come. */
	header(6, 30, 27);
	rig_post_gpadl_header(&rig, 2, 6, 16, 1, values, 2);
	rig_expect_created(&rig, 2, 6, VMBUS_RESULT_INVALID);
	rig_expect_violation(&rig, VMBUS_E_GPADL_DUPLICATE, 2);
	rig_post_gpadl_body(&rig, 6, values + 27, 4);
	rig_expect_created(&rig, 1, 6, 0);
	rig_expect_silence(&rig);
}

static void more_than_the_pool_is_refused_in_order(void **state)
{
	u32 i;

	(void)state;
	rig_post_gpadl(&rig, 1, 1, 150);
	rig_expect_created(&rig, 1, 1, 0);
	/* It says so after the last body, and bodies are no violations. */
	rig_post_gpadl(&rig, 1, 2, 60);
	rig_expect_created(&rig, 1, 2, VMBUS_RESULT_NO_RESOURCES);
	rig_expect_no_violation(&rig);
	rig_post_gpadl(&rig, 1, 2, 48);
	rig_expect_created(&rig, 1, 2, 0);
	assert_int_equal(rig.host.values_live, RIG_VALUES);
	rig_post_teardown(&rig, 1, 1);
	rig_expect_torndown(&rig, 1);
	/* The gap in the pool is found, however it came about. */
	for (i = 0; i < 20; i++) {
		rig_post_gpadl(&rig, 1, 10 + i, 40);
		rig_expect_created(&rig, 1, 10 + i, 0);
		rig_post_gpadl(&rig, 1, 40 + i, 90);
		rig_expect_created(&rig, 1, 40 + i, 0);
		rig_post_teardown(&rig, 1, 10 + i);
		rig_expect_torndown(&rig, 10 + i);
		rig_post_teardown(&rig, 1, 40 + i);
		rig_expect_torndown(&rig, 40 + i);
	}
	rig_expect_no_violation(&rig);
}

static void values_survive_the_closing_of_gaps(void **state)
{
	struct vmbus_host_gpadl_view view;
	u32 i;

	(void)state;
	rig_post_gpadl(&rig, 1, 1, 30);
	header(2, 60, 27); /* half there when it is moved */
	rig_post_gpadl(&rig, 1, 3, 70);
	rig_post_teardown(&rig, 1, 1);
	rig_post_gpadl(&rig, 1, 4, 60);
	rig_post_gpadl_body(&rig, 2, values + 27, 28);
	rig_post_gpadl_body(&rig, 2, values + 55, 6);
	rig_expect_created(&rig, 1, 1, 0);
	rig_expect_created(&rig, 1, 3, 0);
	rig_expect_torndown(&rig, 1);
	rig_expect_created(&rig, 1, 4, 0);
	rig_expect_created(&rig, 1, 2, 0);
	assert_int_equal(vmbus_host_gpadl_find(&rig.host, 1, 2, &view), 0);
	for (i = 0; i < 60; i++)
		assert_int_equal(view.pfns[i], 1001 + i);
	assert_int_equal(vmbus_host_gpadl_find(&rig.host, 1, 3, &view), 0);
	for (i = 0; i < 70; i++)
		assert_int_equal(view.pfns[i], 100 + i);
	rig_expect_no_violation(&rig);
}

static void the_table_has_room_for_refusals(void **state)
{
	u32 i, room = RIG_GPADLS - VMBUS_HOST_GPADL_SPARE;

	(void)state;
	for (i = 0; i < room; i++) {
		rig_post_gpadl(&rig, 1, i, 2);
		rig_expect_created(&rig, 1, i, 0);
	}
	rig_post_gpadl(&rig, 1, 50, 40);
	rig_expect_created(&rig, 1, 50, VMBUS_RESULT_NO_RESOURCES);
	rig_expect_no_violation(&rig);
	/* A guest that begins ever more of them is refused at once. */
	for (i = 0; i < VMBUS_HOST_GPADL_SPARE; i++)
		header(60 + i, 40, 27);
	rig_expect_silence(&rig);
	header(70, 40, 27);
	rig_expect_created(&rig, 1, 70, VMBUS_RESULT_NO_RESOURCES);
	rig_post_gpadl_body(&rig, 70, values, 14);
	rig_expect_violation(&rig, VMBUS_E_GPADL_UNKNOWN, 0);
}

static void only_channels_offered_have_gpadls(void **state)
{
	(void)state;
	rig_post_gpadl(&rig, 0, 5, 2);
	rig_expect_violation(&rig, VMBUS_E_RELID, 0);
	rig_post_gpadl(&rig, 4, 5, 2);
	rig_expect_violation(&rig, VMBUS_E_RELID, 0);
	rig_post_gpadl(&rig, ~0u, 5, 2);
	rig_expect_violation(&rig, VMBUS_E_RELID, 0);
	rig_post_teardown(&rig, 4, 5);
	rig_expect_violation(&rig, VMBUS_E_RELID, 0);
	rig_post_teardown(&rig, 1, 5);
	rig_expect_violation(&rig, VMBUS_E_GPADL_UNKNOWN, 1);
	rig_expect_silence(&rig);
}

static void a_held_gpadl_goes_when_it_is_dropped(void **state)
{
	struct vmbus_host_gpadl_view view;

	(void)state;
	rig_post_gpadl(&rig, 1, 5, 2);
	rig_expect_created(&rig, 1, 5, 0);
	assert_int_equal(vmbus_host_gpadl_hold(&rig.host, 1, 5),
			 VMBUS_BAD_ARGUMENT); /* the channel is closed */
	rig_open(&rig, 1);
	assert_int_equal(vmbus_host_gpadl_hold(&rig.host, 1, 6),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_host_gpadl_drop(&rig.host, 1, 5),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_host_gpadl_hold(&rig.host, 1, 5), VMBUS_OK);
	assert_int_equal(vmbus_host_gpadl_hold(&rig.host, 1, 5), VMBUS_OK);
	rig_post_teardown(&rig, 1, 5);
	assert_int_equal(rig.counts[VMBUS_HOST_GPADL_TEARDOWN], 1);
	assert_int_equal(rig.last[VMBUS_HOST_GPADL_TEARDOWN].gpadl, 5);
	assert_int_equal(rig.last[VMBUS_HOST_GPADL_TEARDOWN].relid, 1);
	rig_expect_silence(&rig);
	assert_int_equal(vmbus_host_gpadl_find(&rig.host, 1, 5, &view),
			 VMBUS_BAD_ARGUMENT);
	rig_post_teardown(&rig, 1, 5);
	rig_expect_violation(&rig, VMBUS_E_GPADL_UNKNOWN, 1);
	assert_int_equal(vmbus_host_gpadl_drop(&rig.host, 1, 5), VMBUS_OK);
	rig_pump(&rig);
	rig_expect_silence(&rig);
	assert_int_equal(vmbus_host_gpadl_drop(&rig.host, 1, 5), VMBUS_OK);
	rig_pump(&rig);
	rig_expect_torndown(&rig, 5);
	assert_int_equal(vmbus_host_gpadl_drop(&rig.host, 1, 5),
			 VMBUS_BAD_ARGUMENT);
	/* The ring is held by the engine, and is not the caller's to drop. */
	assert_int_equal(vmbus_host_gpadl_drop(&rig.host, 1, 101),
			 VMBUS_BAD_ARGUMENT);
}

static void closing_drops_what_is_held(void **state)
{
	(void)state;
	rig_open(&rig, 1);
	rig_post_gpadl(&rig, 1, 5, 2);
	rig_expect_created(&rig, 1, 5, 0);
	assert_int_equal(vmbus_host_gpadl_hold(&rig.host, 1, 5), VMBUS_OK);
	rig.slow_close = true;
	rig_post_relid(&rig, VMBUS_MESSAGE_CLOSE, 1);
	rig_post_teardown(&rig, 1, 5);
	rig_post_teardown(&rig, 1, 101);
	rig_expect_silence(&rig);
	assert_int_equal(rig.counts[VMBUS_HOST_GPADL_TEARDOWN], 0);
	assert_int_equal(vmbus_host_close_done(&rig.host, 1), VMBUS_OK);
	rig_pump(&rig);
	rig_expect_torndown(&rig, 101);
	rig_expect_torndown(&rig, 5);
	rig_expect_silence(&rig);
	rig_expect_no_violation(&rig);
}

static void a_ring_in_use_is_not_given_back(void **state)
{
	(void)state;
	rig.slow_open = true;
	rig_post_gpadl(&rig, 1, 101, 8);
	rig_expect_created(&rig, 1, 101, 0);
	rig_post_open(&rig, 1, 101, 4, 0);
	rig_post_teardown(&rig, 1, 101);
	rig_expect_violation(&rig, VMBUS_E_GPADL_IN_USE, 1);
	assert_int_equal(vmbus_host_open_done(&rig.host, 1, 0), VMBUS_OK);
	rig_pump(&rig);
	rig_expect_opened(&rig, 1, 0);
	rig_post_teardown(&rig, 1, 101);
	rig_expect_violation(&rig, VMBUS_E_GPADL_IN_USE, 1);
	rig_post_relid(&rig, VMBUS_MESSAGE_CLOSE, 1);
	rig_post_teardown(&rig, 1, 101);
	rig_expect_torndown(&rig, 101);
	rig_expect_silence(&rig);
	rig_expect_no_violation(&rig);
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_length_arrives_whole),
		TEST(several_assemble_at_once),
		TEST(several_ranges_are_one_gpadl),
		TEST(lying_headers_are_refused),
		TEST(a_header_cut_inside_a_value_is_refused),
		TEST(lying_bodies_are_refused),
		TEST(a_missing_body_holds_nothing_up),
		TEST(an_id_serves_once),
		TEST(more_than_the_pool_is_refused_in_order),
		TEST(values_survive_the_closing_of_gaps),
		TEST(the_table_has_room_for_refusals),
		TEST(only_channels_offered_have_gpadls),
		TEST(a_held_gpadl_goes_when_it_is_dropped),
		TEST(closing_drops_what_is_held),
		TEST(a_ring_in_use_is_not_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
