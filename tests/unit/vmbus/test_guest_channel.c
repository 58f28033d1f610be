/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The guest end: GPADLs, opening, moving, closing, rescind at every state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/vmbus/guest_rig.h"

static struct guest_rig rig;

static int fresh(void **state)
{
	(void)state;
	grig_connect(&rig, VMBUS_VERSION_5_3, 2);
	return 0;
}

/* Takes off what carries a GPADL, and puts its values together. */
static u32 collect(u32 relid, u32 id, u64 *values)
{
	struct vmbus_message_gpadl_header header;
	u32 bytes, announced, at;

	memcpy(&header, grig_expect(&rig, VMBUS_MESSAGE_GPADL_HEADER),
	       sizeof(header));
	assert_int_equal(header.relid, relid);
	assert_int_equal(header.gpadl, id);
	assert_int_equal(header.range_count, 1);
	announced = header.range_bytes / 8;
	bytes = rig.last.size_bytes - (u32)sizeof(header);
	memcpy(values, rig.last.payload + sizeof(header), bytes);
	at = bytes / 8;
	while (at < announced) {
		struct vmbus_message_gpadl_body body;

		memcpy(&body, grig_expect(&rig, VMBUS_MESSAGE_GPADL_BODY),
		       sizeof(body));
		assert_int_equal(body.gpadl, id);
		bytes = rig.last.size_bytes - (u32)sizeof(body);
		assert_true(bytes && bytes % 8 == 0);
		memcpy(values + at, rig.last.payload + sizeof(body), bytes);
		at += bytes / 8;
	}
	assert_int_equal(at, announced);
	return announced;
}

static void every_length_goes_out_whole(void **state)
{
	static u64 pfns[300], values[400];
	u32 pages, i, id;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(pfns); i++)
		pfns[i] = 0x1000000000ull + i * 3;
	for (pages = 1; pages < PORT_ARRAY_SIZE(pfns); pages++) {
		assert_int_equal(vmbus_guest_gpadl_create(&rig.guest, 1, 16,
							  pages * 4096 - 16,
							  pfns, &id),
				 VMBUS_OK);
		grig_pump(&rig);
		assert_int_equal(collect(1, id, values), pages + 1);
		assert_int_equal(values[0] & 0xffffffff, pages * 4096 - 16);
		assert_int_equal(values[0] >> 32, 16);
		assert_memory_equal(values + 1, pfns, pages * 8);
		grig_expect_silence(&rig);
		grig_say(&rig, VMBUS_MESSAGE_GPADL_CREATED, 1, id, 0);
		assert_int_equal(
			grig_told(&rig, VMBUS_GUEST_GPADL_READY)->gpadl.status,
			0);
		assert_int_equal(vmbus_guest_gpadl_teardown(&rig.guest, 1, id),
				 VMBUS_OK);
		grig_pump(&rig);
		grig_expect(&rig, VMBUS_MESSAGE_GPADL_TEARDOWN);
		grig_say(&rig, VMBUS_MESSAGE_GPADL_TORNDOWN, id, 0, 0);
		assert_int_equal(
			grig_told(&rig, VMBUS_GUEST_GPADL_GONE)->gpadl.id, id);
	}
}

static void the_longest_fits_and_no_more(void **state)
{
	static u64 pfns[8191];
	struct vmbus_guest_action action;
	u32 id, i, messages = 1;

	(void)state;
	assert_int_equal(vmbus_guest_gpadl_create(&rig.guest, 1, 0, 8191 * 4096,
						  pfns, &id),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_guest_gpadl_create(&rig.guest, 1, 1, 8190 * 4096,
						  pfns, &id),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_guest_gpadl_create(&rig.guest, 1, 0, 8190 * 4096,
						  pfns, &id),
			 VMBUS_OK);
	for (i = 26; i < 8190; i += 28)
		messages++;
	for (i = 0; i < messages; i++) {
		assert_true(vmbus_guest_next(&rig.guest, &action));
		assert_int_equal(action.type, VMBUS_GUEST_SEND);
		vmbus_guest_sent(&rig.guest);
	}
	grig_pump(&rig);
	grig_expect_silence(&rig);
	grig_say(&rig, VMBUS_MESSAGE_GPADL_CREATED, 1, id, 0);
	grig_told(&rig, VMBUS_GUEST_GPADL_READY);
}

static void the_callers_mistakes_are_told(void **state)
{
	u64 pfns[2] = { 1, 2 };
	u32 id, ring;

	(void)state;
	assert_int_equal(
		vmbus_guest_gpadl_create(&rig.guest, 9, 0, 4096, pfns, &id),
		VMBUS_BAD_ARGUMENT);
	assert_int_equal(
		vmbus_guest_gpadl_create(&rig.guest, 1, 0, 0, pfns, &id),
		VMBUS_BAD_ARGUMENT);
	assert_int_equal(
		vmbus_guest_gpadl_create(&rig.guest, 1, 4096, 1, pfns, &id),
		VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_guest_gpadl_teardown(&rig.guest, 1, 77),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_guest_open(&rig.guest, 1, 77, 2, 0, NULL),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_guest_close(&rig.guest, 1), VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_guest_modify(&rig.guest, 1, 0),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_guest_release(&rig.guest, 9),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_guest_request_offers(&rig.guest),
			 VMBUS_BAD_ARGUMENT);
	ring = grig_open(&rig, 1);
	assert_int_equal(vmbus_guest_gpadl_teardown(&rig.guest, 1, ring),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_guest_gpadl_teardown(&rig.guest, 2, ring),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_guest_open(&rig.guest, 1, ring, 2, 0, NULL),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_guest_release(&rig.guest, 1),
			 VMBUS_BAD_ARGUMENT);
	/* Tables that are full. */
	assert_int_equal(
		vmbus_guest_gpadl_create(&rig.guest, 1, 0, 1, pfns, &id),
		VMBUS_OK);
	assert_int_equal(
		vmbus_guest_gpadl_create(&rig.guest, 1, 0, 1, pfns, &id),
		VMBUS_OK);
	assert_int_equal(
		vmbus_guest_gpadl_create(&rig.guest, 2, 0, 1, pfns, &id),
		VMBUS_OK);
	assert_int_equal(
		vmbus_guest_gpadl_create(&rig.guest, 2, 0, 1, pfns, &id),
		VMBUS_AGAIN);
}

static void an_open_says_all_that_the_caller_said(void **state)
{
	u8 user_data[VMBUS_USER_DATA_BYTES] = { 5, 4, 3 };
	const struct vmbus_message_open *message;
	const struct vmbus_guest_action *told;
	u32 id = grig_lend(&rig, 2, 8);

	(void)state;
	assert_int_equal(vmbus_guest_open(&rig.guest, 2, id, 3, 1, user_data),
			 VMBUS_OK);
	grig_pump(&rig);
	message = grig_expect(&rig, VMBUS_MESSAGE_OPEN);
	assert_int_equal(rig.last.size_bytes, 148);
	assert_int_equal(message->relid, 2);
	assert_int_equal(message->open_id, 2);
	assert_int_equal(message->ring_gpadl, id);
	assert_int_equal(message->target_vp, 1);
	assert_int_equal(message->downstream_page_offset, 3);
	assert_memory_equal(message->user_data, user_data, 120);
	/* An answer to another opening is none. */
	grig_say(&rig, VMBUS_MESSAGE_OPEN_RESULT, 2, 99, 0);
	grig_told_violation(&rig, VMBUS_E_ANSWER, 2);
	grig_say(&rig, VMBUS_MESSAGE_OPEN_RESULT, 2, 2, 0xc0000001);
	told = grig_told(&rig, VMBUS_GUEST_OPENED);
	assert_int_equal(told->status, 0xc0000001);
	assert_int_equal(told->relid, 2);
	assert_ptr_equal(told->context, &rig.channels[2]);
	assert_int_equal(vmbus_guest_close(&rig.guest, 2), VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_guest_open(&rig.guest, 2, id, 3, 1, NULL),
			 VMBUS_OK);
	grig_pump(&rig);
	message = grig_expect(&rig, VMBUS_MESSAGE_OPEN);
	assert_int_equal(message->user_data[0], 0);
	grig_say(&rig, VMBUS_MESSAGE_OPEN_RESULT, 2, 2, 0);
	assert_int_equal(grig_told(&rig, VMBUS_GUEST_OPENED)->status, 0);
}

static void answers_never_asked_for_are_refused(void **state)
{
	u32 ring;

	(void)state;
	grig_say(&rig, VMBUS_MESSAGE_OPEN_RESULT, 1, 1, 0);
	grig_told_violation(&rig, VMBUS_E_ANSWER, 1);
	ring = grig_open(&rig, 1);
	grig_say(&rig, VMBUS_MESSAGE_OPEN_RESULT, 1, 1, 5);
	grig_told_violation(&rig, VMBUS_E_ANSWER, 1);
	grig_say(&rig, VMBUS_MESSAGE_MODIFY_RESPONSE, 1, 0, 0);
	grig_told_violation(&rig, VMBUS_E_ANSWER, 1);
	grig_say(&rig, VMBUS_MESSAGE_GPADL_CREATED, 1, ring, 5);
	grig_told_violation(&rig, VMBUS_E_ANSWER, 1);
	grig_say(&rig, VMBUS_MESSAGE_GPADL_TORNDOWN, ring, 0, 0);
	grig_told_violation(&rig, VMBUS_E_ANSWER, 0);
	/* Of what is not known here, nothing is made. */
	grig_say(&rig, VMBUS_MESSAGE_OPEN_RESULT, 44, 44, 0);
	grig_say(&rig, VMBUS_MESSAGE_RESCIND, 44, 0, 0);
	grig_say(&rig, VMBUS_MESSAGE_GPADL_CREATED, 1, 44, 0);
	grig_say(&rig, VMBUS_MESSAGE_GPADL_CREATED, 2, ring, 5);
	grig_say(&rig, VMBUS_MESSAGE_GPADL_TORNDOWN, 44, 0, 0);
	grig_say(&rig, VMBUS_MESSAGE_MODIFY_RESPONSE, 44, 0, 0);
	grig_told_nothing(&rig);
	/* The channel is as it was. */
	assert_int_equal(vmbus_guest_close(&rig.guest, 1), VMBUS_OK);
}

static void a_gpadl_is_not_made_before_it_is_sent(void **state)
{
	u64 *pfns = calloc(100, sizeof(*pfns));
	struct vmbus_guest_action action;
	u32 id;

	(void)state;
	assert_int_equal(vmbus_guest_gpadl_create(&rig.guest, 1, 0, 100 * 4096,
						  pfns, &id),
			 VMBUS_OK);
	assert_true(vmbus_guest_next(&rig.guest, &action));
	vmbus_guest_sent(&rig.guest);
	rig.host_busy = true;
	grig_say(&rig, VMBUS_MESSAGE_GPADL_CREATED, 1, id, 0);
	grig_told_violation(&rig, VMBUS_E_ANSWER, 1);
	/* Refused at its header, its bodies are not sent nor its pages read. */
	grig_say(&rig, VMBUS_MESSAGE_GPADL_CREATED, 1, id, 7);
	assert_int_equal(grig_told(&rig, VMBUS_GUEST_GPADL_READY)->gpadl.status,
			 7);
	free(pfns);
	rig.host_busy = false;
	grig_pump(&rig);
	/* The one body that was on its way. */
	grig_expect(&rig, VMBUS_MESSAGE_GPADL_BODY);
	grig_expect_silence(&rig);
	grig_lend(&rig, 1, 40);
}

static void moving_waits_for_its_answer(void **state)
{
	const struct vmbus_message_modify *message;

	(void)state;
	grig_open(&rig, 1);
	assert_int_equal(vmbus_guest_modify(&rig.guest, 1, 3), VMBUS_OK);
	assert_int_equal(vmbus_guest_modify(&rig.guest, 1, 2),
			 VMBUS_BAD_ARGUMENT);
	grig_pump(&rig);
	message = grig_expect(&rig, VMBUS_MESSAGE_MODIFY);
	assert_int_equal(message->relid, 1);
	assert_int_equal(message->target_vp, 3);
	grig_told_nothing(&rig);
	grig_say(&rig, VMBUS_MESSAGE_MODIFY_RESPONSE, 1, 6, 0);
	assert_int_equal(grig_told(&rig, VMBUS_GUEST_MODIFIED)->status, 6);
	/* Closing ends the waiting. */
	assert_int_equal(vmbus_guest_modify(&rig.guest, 1, 3), VMBUS_OK);
	assert_int_equal(vmbus_guest_close(&rig.guest, 1), VMBUS_OK);
	grig_pump(&rig);
	assert_true(grig_told(&rig, VMBUS_GUEST_MODIFIED)->status != 0);
	grig_say(&rig, VMBUS_MESSAGE_MODIFY_RESPONSE, 1, 0, 0);
	grig_told_nothing(&rig);

	/* Below 5.3 nobody answers, below 4.1 nobody moves. */
	grig_connect(&rig, VMBUS_VERSION_5_2, 1);
	grig_open(&rig, 1);
	assert_int_equal(vmbus_guest_modify(&rig.guest, 1, 3), VMBUS_OK);
	grig_pump(&rig);
	grig_expect(&rig, VMBUS_MESSAGE_MODIFY);
	assert_int_equal(grig_told(&rig, VMBUS_GUEST_MODIFIED)->status, 0);
	grig_connect(&rig, VMBUS_VERSION_4_0, 1);
	grig_open(&rig, 1);
	assert_int_equal(vmbus_guest_modify(&rig.guest, 1, 3),
			 VMBUS_BAD_ARGUMENT);
}

static void a_gpadl_refused_makes_room(void **state)
{
	u64 pfn = 1;
	u32 id, i;

	(void)state;
	for (i = 0; i < 3 * GRIG_GPADLS; i++) {
		assert_int_equal(vmbus_guest_gpadl_create(&rig.guest, 1, 0, 1,
							  &pfn, &id),
				 VMBUS_OK);
		grig_pump(&rig);
		grig_expect(&rig, VMBUS_MESSAGE_GPADL_HEADER);
		grig_say(&rig, VMBUS_MESSAGE_GPADL_CREATED, 1, id, 9);
		assert_int_equal(
			grig_told(&rig, VMBUS_GUEST_GPADL_READY)->gpadl.status,
			9);
	}
}

/* ---- rescind at every state ---- */

enum scene {
	OFFERED,
	UNTOLD,
	LENDING,
	LENT,
	OPENING,
	OPEN,
	MOVING,
	TAKING_BACK,
	CLOSED,
	SCENES
};

static void set_scene(enum scene scene)
{
	static u64 pfns[60];
	u32 id = 0, other;

	grig_connect(&rig, VMBUS_VERSION_5_3, 2);
	if (scene == UNTOLD) {
		struct vmbus_message_offer offer = grig_offer(3, 3, 0);

		assert_int_equal(
			vmbus_guest_receive(&rig.guest, &offer, sizeof(offer)),
			VMBUS_OK);
		return;
	}
	if (scene == LENDING)
		assert_int_equal(vmbus_guest_gpadl_create(&rig.guest, 1, 0,
							  60 * 4096, pfns, &id),
				 VMBUS_OK);
	if (scene >= LENT)
		id = grig_lend(&rig, 1, 8);
	if (scene >= OPENING) {
		assert_int_equal(
			vmbus_guest_open(&rig.guest, 1, id, 4, 0, NULL),
			VMBUS_OK);
		grig_pump(&rig);
		grig_expect(&rig, VMBUS_MESSAGE_OPEN);
	}
	if (scene >= OPEN) {
		grig_say(&rig, VMBUS_MESSAGE_OPEN_RESULT, 1, 1, 0);
		grig_told(&rig, VMBUS_GUEST_OPENED);
	}
	if (scene == MOVING)
		assert_int_equal(vmbus_guest_modify(&rig.guest, 1, 1),
				 VMBUS_OK);
	if (scene == TAKING_BACK) {
		other = grig_lend(&rig, 1, 3);
		assert_int_equal(
			vmbus_guest_gpadl_teardown(&rig.guest, 1, other),
			VMBUS_OK);
	}
	if (scene == CLOSED)
		assert_int_equal(vmbus_guest_close(&rig.guest, 1), VMBUS_OK);
}

static void rescind_at_every_state(void **state)
{
	enum scene scene;

	(void)state;
	for (scene = 0; scene < SCENES; scene++) {
		u32 relid = scene == UNTOLD ? 3 : 1;
		u32 id;
		u64 pfn;

		set_scene(scene);
		rig.host_busy = scene == LENDING || scene == MOVING;
		grig_say(&rig, VMBUS_MESSAGE_RESCIND, relid, 0, 0);
		rig.host_busy = false;
		if (scene == UNTOLD)
			grig_told(&rig, VMBUS_GUEST_OFFERED);
		if (scene == LENDING)
			assert_true(grig_told(&rig, VMBUS_GUEST_GPADL_READY)
					    ->gpadl.status != 0);
		if (scene == OPENING)
			assert_true(
				grig_told(&rig, VMBUS_GUEST_OPENED)->status !=
				0);
		if (scene == MOVING)
			assert_true(
				grig_told(&rig, VMBUS_GUEST_MODIFIED)->status !=
				0);
		if (scene == TAKING_BACK)
			grig_told(&rig, VMBUS_GUEST_GPADL_GONE);
		assert_int_equal(grig_told(&rig, VMBUS_GUEST_RESCINDED)->relid,
				 relid);
		grig_told_nothing(&rig);
		/* Twice is once too often. */
		grig_say(&rig, VMBUS_MESSAGE_RESCIND, relid, 0, 0);
		grig_told_violation(&rig, VMBUS_E_CHANNEL_STATE, relid);
		/* Late answers mean nothing. */
		grig_say(&rig, VMBUS_MESSAGE_OPEN_RESULT, relid, relid, 0);
		grig_say(&rig, VMBUS_MESSAGE_MODIFY_RESPONSE, relid, 0, 0);
		grig_say(&rig, VMBUS_MESSAGE_GPADL_CREATED, relid, 500, 0);
		grig_told_nothing(&rig);
		/* Nothing new begins. */
		assert_int_equal(vmbus_guest_gpadl_create(&rig.guest, relid, 0,
							  1, &pfn, &id),
				 VMBUS_BAD_ARGUMENT);
		assert_int_equal(
			vmbus_guest_open(&rig.guest, relid, 500, 4, 0, NULL),
			VMBUS_BAD_ARGUMENT);
		assert_int_equal(vmbus_guest_modify(&rig.guest, relid, 0),
				 VMBUS_BAD_ARGUMENT);
		if (scene >= OPEN && scene <= TAKING_BACK)
			assert_int_equal(vmbus_guest_close(&rig.guest, relid),
					 VMBUS_OK);
		/* Memory is back at once. */
		if (scene >= LENT) {
			assert_int_equal(
				vmbus_guest_gpadl_teardown(&rig.guest, 1, 500),
				VMBUS_OK);
			grig_pump(&rig);
			grig_told(&rig, VMBUS_GUEST_GPADL_GONE);
		}
		assert_int_equal(vmbus_guest_release(&rig.guest, relid),
				 VMBUS_OK);
		assert_int_equal(vmbus_guest_release(&rig.guest, relid),
				 VMBUS_BAD_ARGUMENT);
		grig_pump(&rig);
		while (rig.posted_used > 1)
			grig_expect(&rig,
				    rig.posted[rig.posted_first].payload[0]);
		grig_expect(&rig, VMBUS_MESSAGE_RELID_RELEASED);
		grig_told_nothing(&rig);
		/* The same offer may come again. */
		grig_say_offer(&rig, relid, (u8)relid, 0);
		grig_told(&rig, VMBUS_GUEST_OFFERED);
		grig_open(&rig, relid);
	}
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_length_goes_out_whole),
		TEST(the_longest_fits_and_no_more),
		TEST(the_callers_mistakes_are_told),
		TEST(an_open_says_all_that_the_caller_said),
		TEST(answers_never_asked_for_are_refused),
		TEST(a_gpadl_is_not_made_before_it_is_sent),
		TEST(moving_waits_for_its_answer),
		TEST(a_gpadl_refused_makes_room),
		TEST(rescind_at_every_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
