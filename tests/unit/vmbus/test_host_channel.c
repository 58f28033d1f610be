/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The host end: opening, moving, closing, in turn and out of turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/vmbus/host_rig.h"

static struct host_rig rig;

static int fresh(void **state)
{
	(void)state;
	rig_connect(&rig, VMBUS_VERSION_5_3, 2);
	return 0;
}

static void an_open_tells_all_that_the_guest_said(void **state)
{
	const struct vmbus_host_action *open = &rig.last[VMBUS_HOST_OPEN];
	u32 i;

	(void)state;
	rig.slow_open = true;
	rig_post_gpadl(&rig, 1, 9, 40);
	rig_expect_created(&rig, 1, 9, 0);
	rig_post_open(&rig, 1, 9, 13, 1);
	assert_int_equal(rig.counts[VMBUS_HOST_OPEN], 1);
	assert_int_equal(open->relid, 1);
	assert_ptr_equal(open->context, &rig.channels);
	assert_int_equal(open->open.pfn_count, 40);
	for (i = 0; i < 40; i++)
		assert_int_equal(open->open.pfns[i], 100 + i);
	assert_int_equal(open->open.downstream_page_offset, 13);
	assert_int_equal(open->open.target_vp, 1);
	assert_int_equal(open->open.user_data[0], 0xaa);
	assert_int_equal(open->open.user_data[1], 0xbb);
	rig_expect_silence(&rig);
	assert_string_equal(vmbus_host_channel_state_text(&rig.host, 1),
			    "opening");
	assert_int_equal(vmbus_host_open_done(&rig.host, 1, 0), VMBUS_OK);
	rig_pump(&rig);
	rig_expect_opened(&rig, 1, 0);
	assert_string_equal(vmbus_host_channel_state_text(&rig.host, 1),
			    "open");
}

static void only_whole_rings_open(void **state)
{
	u32 offset;
	u64 values[20];
	u32 i;

	(void)state;
	rig_post_gpadl(&rig, 1, 9, 6);
	rig_expect_created(&rig, 1, 9, 0);
	for (offset = 0; offset < 10; offset++) {
		if (offset >= 2 && offset <= 4)
			continue;
		rig_post_open(&rig, 1, 9, offset, 0);
		rig_expect_opened(&rig, 1, VMBUS_RESULT_INVALID);
		rig_expect_violation(&rig, VMBUS_E_RING_GPADL, 1);
	}
	rig_post_open(&rig, 1, 9, ~0u, 0);
	rig_expect_opened(&rig, 1, VMBUS_RESULT_INVALID);
	rig_expect_violation(&rig, VMBUS_E_RING_GPADL, 1);
	/* Not on a page's beginning, or not of whole pages. */
	for (i = 0; i < PORT_ARRAY_SIZE(values); i++)
		values[i] = i;
	values[0] = rig_head(8 * 4096, 8);
	rig_post_gpadl_header(&rig, 1, 10, 10 * 8, 1, values, 10);
	rig_expect_created(&rig, 1, 10, 0);
	rig_post_open(&rig, 1, 10, 4, 0);
	rig_expect_opened(&rig, 1, VMBUS_RESULT_INVALID);
	rig_expect_violation(&rig, VMBUS_E_RING_GPADL, 1);
	values[0] = rig_head(8 * 4096 - 8, 0);
	rig_post_gpadl_header(&rig, 1, 11, 9 * 8, 1, values, 9);
	rig_expect_created(&rig, 1, 11, 0);
	rig_post_open(&rig, 1, 11, 4, 0);
	rig_expect_opened(&rig, 1, VMBUS_RESULT_INVALID);
	rig_expect_violation(&rig, VMBUS_E_RING_GPADL, 1);
	/* Not its own. */
	rig_post_open(&rig, 2, 9, 3, 0);
	rig_expect_opened(&rig, 2, VMBUS_RESULT_INVALID);
	rig_expect_violation(&rig, VMBUS_E_GPADL_UNKNOWN, 2);
	/* To no processor. */
	rig_post_open(&rig, 1, 9, 3, RIG_VPS);
	rig_expect_opened(&rig, 1, VMBUS_RESULT_INVALID);
	rig_expect_violation(&rig, VMBUS_E_TARGET_VP, 1);
	/* Wanting no interrupt is no mistake. */
	rig_post_open(&rig, 1, 9, 3, VMBUS_TARGET_VP_NONE);
	rig_expect_opened(&rig, 1, 0);
	rig_expect_no_violation(&rig);
	assert_int_equal(rig.counts[VMBUS_HOST_OPEN], 1);
}

static void an_open_that_fails_can_be_tried_again(void **state)
{
	u32 i;

	(void)state;
	rig_post_gpadl(&rig, 1, 9, 8);
	rig_expect_created(&rig, 1, 9, 0);
	rig.open_status = 0xc0001234;
	for (i = 0; i < 3; i++) {
		rig_post_open(&rig, 1, 9, 4, 0);
		rig_expect_opened(&rig, 1, 0xc0001234);
	}
	rig.open_status = 0;
	rig_post_open(&rig, 1, 9, 4, 0);
	rig_expect_opened(&rig, 1, 0);
	assert_int_equal(rig.counts[VMBUS_HOST_CLOSE], 0);
	rig_expect_no_violation(&rig);
}

static void messages_out_of_turn_change_nothing(void **state)
{
	(void)state;
	/* Closed. */
	rig_post_relid(&rig, VMBUS_MESSAGE_CLOSE, 1);
	rig_expect_violation(&rig, VMBUS_E_CHANNEL_STATE, 1);
	rig_post_modify(&rig, 1, 1);
	rig_expect_violation(&rig, VMBUS_E_CHANNEL_STATE, 1);
	rig_expect(&rig, VMBUS_MESSAGE_MODIFY_RESPONSE);
	/* Opening. */
	rig.slow_open = true;
	rig_post_gpadl(&rig, 1, 101, 8);
	rig_expect_created(&rig, 1, 101, 0);
	rig_post_open(&rig, 1, 101, 4, 0);
	rig_post_open(&rig, 1, 101, 4, 0);
	rig_expect_violation(&rig, VMBUS_E_CHANNEL_STATE, 1);
	rig_expect_opened(&rig, 1, VMBUS_RESULT_INVALID);
	rig_post_relid(&rig, VMBUS_MESSAGE_CLOSE, 1);
	rig_expect_violation(&rig, VMBUS_E_CHANNEL_STATE, 1);
	rig_post_relid(&rig, VMBUS_MESSAGE_RELID_RELEASED, 1);
	rig_expect_violation(&rig, VMBUS_E_CHANNEL_STATE, 1);
	rig_post_modify(&rig, 1, 1);
	rig_expect_violation(&rig, VMBUS_E_CHANNEL_STATE, 1);
	rig_expect(&rig, VMBUS_MESSAGE_MODIFY_RESPONSE);
	assert_int_equal(vmbus_host_open_done(&rig.host, 1, 0), VMBUS_OK);
	rig_pump(&rig);
	rig_expect_opened(&rig, 1, 0);
	/* Open. */
	rig_post_open(&rig, 1, 101, 4, 0);
	rig_expect_violation(&rig, VMBUS_E_CHANNEL_STATE, 1);
	rig_expect_opened(&rig, 1, VMBUS_RESULT_INVALID);
	rig_post_relid(&rig, VMBUS_MESSAGE_RELID_RELEASED, 1);
	rig_expect_violation(&rig, VMBUS_E_CHANNEL_STATE, 1);
	assert_int_equal(rig.counts[VMBUS_HOST_CLOSE], 0);
	/* Closing. */
	rig.slow_close = true;
	rig_post_relid(&rig, VMBUS_MESSAGE_CLOSE, 1);
	assert_int_equal(rig.counts[VMBUS_HOST_CLOSE], 1);
	rig_post_relid(&rig, VMBUS_MESSAGE_CLOSE, 1);
	rig_expect_violation(&rig, VMBUS_E_CHANNEL_STATE, 1);
	rig_post_open(&rig, 1, 101, 4, 0);
	rig_expect_violation(&rig, VMBUS_E_CHANNEL_STATE, 1);
	rig_expect_opened(&rig, 1, VMBUS_RESULT_INVALID);
	assert_int_equal(vmbus_host_close_done(&rig.host, 1), VMBUS_OK);
	rig_pump(&rig);
	assert_int_equal(rig.counts[VMBUS_HOST_CLOSE], 1);
	/* Never offered. */
	rig_post_open(&rig, 3, 101, 4, 0);
	rig_expect_violation(&rig, VMBUS_E_RELID, 0);
	rig_post_relid(&rig, VMBUS_MESSAGE_CLOSE, 0);
	rig_expect_violation(&rig, VMBUS_E_RELID, 0);
	rig_post_relid(&rig, VMBUS_MESSAGE_RELID_RELEASED, ~0u);
	rig_expect_violation(&rig, VMBUS_E_RELID, 0);
	rig_post_modify(&rig, 99, 0);
	rig_expect_violation(&rig, VMBUS_E_RELID, 0);
	rig_expect_silence(&rig);
}

static void a_failed_open_is_answered_before_the_next(void **state)
{
	(void)state;
	rig_post_gpadl(&rig, 1, 101, 8);
	rig_expect_created(&rig, 1, 101, 0);
	rig.open_status = 5;
	rig.slot_busy = true;
	rig_post_gpadl(&rig, 2, 102, 8); /* takes the way out */
	rig_post_open(&rig, 1, 101, 4, 0);
	rig_post_open(&rig, 1, 101, 4, 0);
	rig_expect_violation(&rig, VMBUS_E_CHANNEL_STATE, 1);
	rig.slot_busy = false;
	rig_pump(&rig);
	assert_int_equal(rig.counts[VMBUS_HOST_OPEN], 1);
}

static void a_channel_not_yet_known_open_is_not_closed(void **state)
{
	(void)state;
	rig_post_gpadl(&rig, 1, 101, 8);
	rig_expect_created(&rig, 1, 101, 0);
	rig.slot_busy = true;
	rig_post_gpadl(&rig, 2, 102, 8); /* takes the way out */
	rig_post_open(&rig, 1, 101, 4, 0);
	rig_post_relid(&rig, VMBUS_MESSAGE_CLOSE, 1);
	rig_expect_violation(&rig, VMBUS_E_CHANNEL_STATE, 1);
	rig.slot_busy = false;
	rig_pump(&rig);
	rig_expect_created(&rig, 2, 102, 0);
	rig_expect_opened(&rig, 1, 0);
	assert_int_equal(rig.counts[VMBUS_HOST_CLOSE], 0);
}

static void moving_is_answered_after_it_is_done(void **state)
{
	struct vmbus_message_modify modify = {
		.header.type = VMBUS_MESSAGE_MODIFY,
		.relid = 1,
		.target_vp = 1,
	};
	const struct vmbus_message_modify_response *answer;
	struct vmbus_host_action action;

	(void)state;
	rig_open(&rig, 1);
	assert_int_equal(
		vmbus_host_receive(&rig.host, 4, &modify, sizeof(modify)),
		VMBUS_OK);
	/* One at a time. */
	assert_int_equal(
		vmbus_host_receive(&rig.host, 4, &modify, sizeof(modify)),
		VMBUS_AGAIN);
	assert_true(vmbus_host_next(&rig.host, &action));
	assert_int_equal(action.type, VMBUS_HOST_TARGET_VP);
	assert_int_equal(action.relid, 1);
	assert_int_equal(action.target_vp, 1);
	assert_int_equal(
		vmbus_host_receive(&rig.host, 4, &modify, sizeof(modify)),
		VMBUS_AGAIN);
	rig_pump(&rig);
	answer = rig_expect(&rig, VMBUS_MESSAGE_MODIFY_RESPONSE);
	assert_int_equal(answer->relid, 1);
	assert_int_equal(answer->status, 0);
	/* To no processor. */
	rig_post_modify(&rig, 1, RIG_VPS);
	rig_expect_violation(&rig, VMBUS_E_TARGET_VP, 1);
	answer = rig_expect(&rig, VMBUS_MESSAGE_MODIFY_RESPONSE);
	assert_int_equal(answer->status, VMBUS_RESULT_INVALID);
	/* Closed before it was done: answered all the same. */
	assert_int_equal(
		vmbus_host_receive(&rig.host, 4, &modify, sizeof(modify)),
		VMBUS_OK);
	rig_post_relid(&rig, VMBUS_MESSAGE_CLOSE, 1);
	rig_expect(&rig, VMBUS_MESSAGE_MODIFY_RESPONSE);
	rig_expect_silence(&rig);
	assert_int_equal(rig.counts[VMBUS_HOST_TARGET_VP], 0);
}

static void below_5_3_moving_is_not_answered(void **state)
{
	(void)state;
	rig_connect(&rig, VMBUS_VERSION_5_2, 1);
	rig_open(&rig, 1);
	rig_post_modify(&rig, 1, 1);
	assert_int_equal(rig.counts[VMBUS_HOST_TARGET_VP], 1);
	rig_post_modify(&rig, 1, 7);
	rig_expect_violation(&rig, VMBUS_E_TARGET_VP, 1);
	rig_expect_silence(&rig);
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_open_tells_all_that_the_guest_said),
		TEST(only_whole_rings_open),
		TEST(an_open_that_fails_can_be_tried_again),
		TEST(messages_out_of_turn_change_nothing),
		TEST(a_failed_open_is_answered_before_the_next),
		TEST(a_channel_not_yet_known_open_is_not_closed),
		TEST(moving_is_answered_after_it_is_done),
		TEST(below_5_3_moving_is_not_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
