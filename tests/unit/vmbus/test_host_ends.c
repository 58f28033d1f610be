/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The host end: rescind, unload, crash and reset at every state; new offers. */
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

enum scene {
	OFFERED,
	ASSEMBLING,
	LENT,
	OPEN_WANTED, /* the action is not taken yet */
	OPENING,
	OPEN_UNSAID, /* the answer has not reached the guest */
	OPEN,
	MOVING, /* the action is not taken yet */
	HOLDING,
	TAKING_BACK, /* the guest wants back what is held */
	CLOSE_WANTED,
	CLOSING,
	CLOSING_TORN, /* and its ring is asked back */
	CLOSING_RELEASED,
	CLOSED,
	DECLINED,
	RESCINDED,
	RESCIND_UNSAID,
	SCENES
};

static void receive(const void *payload, u32 size_bytes)
{
	assert_int_equal(vmbus_host_receive(&rig.host, 4, payload, size_bytes),
			 VMBUS_OK);
}

static void receive_open(void)
{
	struct vmbus_message_open message = {
		.header.type = VMBUS_MESSAGE_OPEN,
		.relid = 1,
		.open_id = 1001,
		.ring_gpadl = 101,
		.downstream_page_offset = 4,
	};

	receive(&message, sizeof(message));
}

static void set_scene(enum scene scene)
{
	const struct vmbus_message_relid close = {
		.header.type = VMBUS_MESSAGE_CLOSE,
		.relid = 1,
	};
	const struct vmbus_message_modify modify = {
		.header.type = VMBUS_MESSAGE_MODIFY,
		.relid = 1,
	};
	u64 values[27] = { rig_head(40 * 4096, 0) };

	rig_connect(&rig, VMBUS_VERSION_5_3, 2);
	rig_open(&rig, 2); /* a witness */
	memset(rig.counts, 0, sizeof(rig.counts));
	rig.slow_open = rig.slow_close = true;
	if (scene >= LENT && scene <= CLOSED) {
		rig_post_gpadl(&rig, 1, 101, 8);
		rig_expect_created(&rig, 1, 101, 0);
		rig_post_gpadl(&rig, 1, 5, 8);
		rig_expect_created(&rig, 1, 5, 0);
	}
	if (scene >= OPEN_WANTED && scene <= CLOSED)
		receive_open();
	if (scene >= OPENING && scene <= CLOSED)
		rig_pump(&rig);
	if (scene >= OPEN_UNSAID && scene <= CLOSED) {
		rig.slot_busy = scene == OPEN_UNSAID;
		assert_int_equal(vmbus_host_open_done(&rig.host, 1, 0), 0);
		rig_pump(&rig);
		if (scene != OPEN_UNSAID)
			rig_expect_opened(&rig, 1, 0);
	}
	switch (scene) {
	case ASSEMBLING:
		rig_post_gpadl_header(&rig, 1, 7, 41 * 8, 1, values, 27);
		break;
	case MOVING:
		receive(&modify, sizeof(modify));
		break;
	case HOLDING:
	case TAKING_BACK:
		assert_int_equal(vmbus_host_gpadl_hold(&rig.host, 1, 5), 0);
		if (scene == TAKING_BACK)
			rig_post_teardown(&rig, 1, 5);
		break;
	case CLOSE_WANTED:
		receive(&close, sizeof(close));
		break;
	case CLOSING:
	case CLOSING_TORN:
	case CLOSING_RELEASED:
	case CLOSED:
		rig_post_relid(&rig, VMBUS_MESSAGE_CLOSE, 1);
		if (scene == CLOSING_TORN)
			rig_post_teardown(&rig, 1, 101);
		if (scene == CLOSING_RELEASED)
			rig_post_relid(&rig, VMBUS_MESSAGE_RELID_RELEASED, 1);
		if (scene == CLOSED)
			vmbus_host_close_done(&rig.host, 1);
		break;
	case DECLINED:
		rig_post_relid(&rig, VMBUS_MESSAGE_RELID_RELEASED, 1);
		break;
	case RESCINDED:
	case RESCIND_UNSAID:
		rig.slot_busy = scene == RESCIND_UNSAID;
		assert_int_equal(vmbus_host_rescind(&rig.host, 1), 0);
		rig_pump(&rig);
		if (scene == RESCINDED)
			rig_expect_relid(&rig, VMBUS_MESSAGE_RESCIND, 1);
		break;
	default:
		break;
	}
	rig_expect_no_violation(&rig);
}

/* The caller does what is asked of it, however late. */
static void answer_all(void)
{
	rig.slot_busy = false;
	rig_pump(&rig);
	if (vmbus_host_open_done(&rig.host, 1, 0) == VMBUS_OK)
		rig_pump(&rig);
	if (vmbus_host_close_done(&rig.host, 1) == VMBUS_OK)
		rig_pump(&rig);
	if (vmbus_host_close_done(&rig.host, 2) == VMBUS_OK)
		rig_pump(&rig);
}

/* Opens and closes that the caller has heard of come in pairs. */
static bool caller_has_it(void)
{
	return rig.counts[VMBUS_HOST_OPEN] > rig.counts[VMBUS_HOST_CLOSE];
}

static void rescind_at_every_state(void **state)
{
	enum scene scene;

	(void)state;
	for (scene = 0; scene < RESCINDED; scene++) {
		set_scene(scene);
		assert_int_equal(vmbus_host_rescind(&rig.host, 1), VMBUS_OK);
		assert_int_equal(vmbus_host_rescind(&rig.host, 1),
				 VMBUS_BAD_ARGUMENT);
		rig_pump(&rig);
		/* Not a word to the guest while the caller maps its ring. */
		while (rig.sent_used) {
			struct vmbus_message_header header;

			memcpy(&header, rig.sent[rig.sent_first].payload,
			       sizeof(header));
			if (header.type == VMBUS_MESSAGE_RESCIND)
				break;
			rig_expect(&rig, header.type);
		}
		if (rig.sent_used)
			assert_false(caller_has_it());
		answer_all();
		assert_false(caller_has_it());
		if (scene == DECLINED || scene == CLOSING_RELEASED) {
			/* It has let go already. */
			rig_expect_silence(&rig);
		} else {
			while (rig.sent_used > 1)
				rig_expect(&rig, *(const u32 *)rig
							  .sent[rig.sent_first]
							  .payload);
			rig_expect_relid(&rig, VMBUS_MESSAGE_RESCIND, 1);
			assert_int_equal(rig.counts[VMBUS_HOST_RELEASED], 0);
			rig_post_relid(&rig, VMBUS_MESSAGE_RELID_RELEASED, 1);
		}
		assert_int_equal(rig.counts[VMBUS_HOST_RELEASED], 1);
		assert_int_equal(rig.last[VMBUS_HOST_RELEASED].relid, 1);
		assert_ptr_equal(rig.last[VMBUS_HOST_RELEASED].context,
				 &rig.channels);
		assert_string_equal(vmbus_host_channel_state_text(&rig.host, 1),
				    "not offered");
		/* The witness has its ring yet, the other has nothing. */
		assert_int_equal(rig.host.gpadl_used, 1);
		rig_expect_silence(&rig);
		rig_expect_no_violation(&rig);
	}
}

/* One that was rescinded while it opened is not told that it is open. */
static void rescind_fails_an_opening(void **state)
{
	static const enum scene scenes[] = { OPEN_WANTED, OPENING };
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(scenes); i++) {
		set_scene(scenes[i]);
		assert_int_equal(vmbus_host_rescind(&rig.host, 1), VMBUS_OK);
		answer_all();
		rig_expect_opened(&rig, 1, VMBUS_RESULT_FAILURE);
		rig_expect_relid(&rig, VMBUS_MESSAGE_RESCIND, 1);
		rig_expect_silence(&rig);
		/* The caller heard of both or of neither. */
		assert_int_equal(rig.counts[VMBUS_HOST_OPEN],
				 scenes[i] == OPENING);
		assert_int_equal(rig.counts[VMBUS_HOST_CLOSE],
				 scenes[i] == OPENING);
	}
}

/* Its ring is not the caller's to drop one by one: it is told to close. */
static void rescind_crosses_the_end_of_a_ring(void **state)
{
	(void)state;
	set_scene(OPENING);
	assert_int_equal(vmbus_host_rescind(&rig.host, 1), VMBUS_OK);
	rig_post_teardown(&rig, 1, 101);
	assert_int_equal(rig.counts[VMBUS_HOST_GPADL_TEARDOWN], 0);
	rig_expect_silence(&rig);
	answer_all();
	rig_expect_opened(&rig, 1, VMBUS_RESULT_FAILURE);
	rig_expect_torndown(&rig, 101);
	rig_expect_relid(&rig, VMBUS_MESSAGE_RESCIND, 1);
	rig_expect_silence(&rig);
	rig_expect_no_violation(&rig);
}

/* What a guest may still say when a rescind crosses it on the way. */
static void rescind_crosses_what_the_guest_says(void **state)
{
	const struct vmbus_message_modify_response *moved;

	(void)state;
	set_scene(RESCINDED);
	rig_post_relid(&rig, VMBUS_MESSAGE_CLOSE, 1);
	rig_expect_silence(&rig);
	rig_post_gpadl(&rig, 1, 50, 60);
	rig_expect_created(&rig, 1, 50, VMBUS_RESULT_NO_RESOURCES);
	rig_post_open(&rig, 1, 50, 4, 0);
	rig_expect_opened(&rig, 1, VMBUS_RESULT_FAILURE);
	rig_post_modify(&rig, 1, 0);
	moved = rig_expect(&rig, VMBUS_MESSAGE_MODIFY_RESPONSE);
	assert_int_equal(moved->status, VMBUS_RESULT_FAILURE);
	rig_expect_no_violation(&rig);
	/* One that had GPADLs takes them back or just lets go. */
	set_scene(OPEN);
	assert_int_equal(vmbus_host_rescind(&rig.host, 1), VMBUS_OK);
	rig_post_relid(&rig, VMBUS_MESSAGE_CLOSE, 1);
	rig_post_teardown(&rig, 1, 101);
	rig_expect_silence(&rig);
	answer_all();
	rig_expect_torndown(&rig, 101);
	rig_expect_relid(&rig, VMBUS_MESSAGE_RESCIND, 1);
	rig_post_teardown(&rig, 1, 5);
	rig_expect_torndown(&rig, 5);
	rig_expect_no_violation(&rig);
	rig_post_relid(&rig, VMBUS_MESSAGE_RELID_RELEASED, 1);
	rig_post_relid(&rig, VMBUS_MESSAGE_RELID_RELEASED, 1);
	rig_expect_violation(&rig, VMBUS_E_RELID, 0);
	rig_expect_silence(&rig);
}

enum leaving { BY_UNLOAD, BY_CONTACT, BY_BOTH, BY_RESET, LEAVINGS };

static void leave(enum leaving how)
{
	const struct vmbus_message_header unload = {
		.type = VMBUS_MESSAGE_UNLOAD,
	};
	const struct vmbus_message_contact contact = {
		.header.type = VMBUS_MESSAGE_CONTACT,
		.version = VMBUS_VERSION_4_0,
	};

	if (how == BY_RESET)
		vmbus_host_reset(&rig.host);
	if (how == BY_UNLOAD || how == BY_BOTH)
		receive(&unload, sizeof(unload));
	if (how == BY_CONTACT || how == BY_BOTH)
		receive(&contact, sizeof(contact));
}

static void leaving_at_every_state(void **state)
{
	enum leaving how;
	enum scene scene;

	(void)state;
	for (how = 0; how < LEAVINGS; how++) {
		for (scene = 0; scene < SCENES; scene++) {
			bool again = how == BY_CONTACT || how == BY_BOTH;

			set_scene(scene);
			rig.sent_used = 0;
			leave(how);
			rig.slot_busy = false;
			rig_pump(&rig);
			/* Not a word before the witness is closed. */
			rig_expect_silence(&rig);
			assert_int_equal(rig.counts[VMBUS_HOST_DISCONNECTED],
					 0);
			answer_all();
			assert_int_equal(rig.counts[VMBUS_HOST_DISCONNECTED],
					 1);
			assert_int_equal(rig.counts[VMBUS_HOST_CONNECTED],
					 1 * again);
			/* The witness was opened before the count began. */
			assert_int_equal(rig.counts[VMBUS_HOST_OPEN] + 1,
					 rig.counts[VMBUS_HOST_CLOSE]);
			if (how == BY_UNLOAD)
				rig_expect(&rig, VMBUS_MESSAGE_UNLOAD_RESPONSE);
			if (again)
				rig_expect(&rig,
					   VMBUS_MESSAGE_VERSION_RESPONSE);
			rig_expect_silence(&rig);
			rig_expect_no_violation(&rig);
			assert_int_equal(rig.host.gpadl_used, 0);
			assert_int_equal(rig.host.values_live, 0);
			if (!again)
				rig_expect_empty(&rig);
			assert_int_equal(rig.counts[VMBUS_HOST_RELEASED],
					 scene >= RESCINDED);

			/* And all over again. */
			rig.slow_open = rig.slow_close = false;
			rig_post_contact(&rig, VMBUS_VERSION_5_3);
			rig_expect(&rig, VMBUS_MESSAGE_VERSION_RESPONSE);
			rig_post_header(&rig, VMBUS_MESSAGE_REQUEST_OFFERS);
			if (scene < RESCINDED)
				rig_expect(&rig, VMBUS_MESSAGE_OFFER);
			rig_expect(&rig, VMBUS_MESSAGE_OFFER);
			rig_expect(&rig, VMBUS_MESSAGE_OFFERS_DELIVERED);
			rig_open(&rig, 2);
			if (scene < RESCINDED)
				rig_open(&rig, 1);
		}
	}
}

static void answers_owed_go_with_their_guest(void **state)
{
	(void)state;
	rig_init(&rig);
	leave(BY_CONTACT);
	leave(BY_RESET);
	rig_pump(&rig);
	rig_expect_silence(&rig);
	/* The caller never heard of it. */
	assert_int_equal(rig.counts[VMBUS_HOST_CONNECTED], 0);
	assert_int_equal(rig.counts[VMBUS_HOST_DISCONNECTED], 0);
	rig_connect(&rig, VMBUS_VERSION_5_3, 1);
	leave(BY_UNLOAD);
	leave(BY_RESET);
	rig_pump(&rig);
	rig_expect_silence(&rig);
	rig_expect_empty(&rig);
}

static void a_leaving_guest_says_nothing_more(void **state)
{
	(void)state;
	set_scene(OPEN);
	rig_post_header(&rig, VMBUS_MESSAGE_UNLOAD);
	rig_post_header(&rig, VMBUS_MESSAGE_UNLOAD);
	rig_expect_violation(&rig, VMBUS_E_MESSAGE_STATE, 0);
	rig_post_header(&rig, VMBUS_MESSAGE_REQUEST_OFFERS);
	rig_expect_violation(&rig, VMBUS_E_MESSAGE_STATE, 0);
	/* The last of several contacts counts. */
	rig_post_contact(&rig, VMBUS_VERSION_5_3);
	rig_post_contact(&rig, VMBUS_VERSION_4_1);
	rig_expect_silence(&rig);
	answer_all();
	rig_expect(&rig, VMBUS_MESSAGE_VERSION_RESPONSE);
	rig_expect_silence(&rig);
	assert_int_equal(vmbus_host_version(&rig.host), VMBUS_VERSION_4_1);
}

/* ---- offers that follow offers ---- */

static void the_next_offer_waits_for_the_last(void **state)
{
	(void)state;
	rig.slow_close = true;
	rig_open(&rig, 1);
	assert_int_equal(vmbus_host_rescind(&rig.host, 1), VMBUS_OK);
	assert_int_equal(rig_offer(&rig, 0, 0), 3);
	rig_expect_silence(&rig);
	assert_int_equal(vmbus_host_close_done(&rig.host, 1), VMBUS_OK);
	rig_pump(&rig);
	rig_expect_relid(&rig, VMBUS_MESSAGE_RESCIND, 1);
	rig_expect_silence(&rig);
	/* Others need not wait. */
	assert_int_equal(rig_offer(&rig, 77, 0), 4);
	rig_expect(&rig, VMBUS_MESSAGE_OFFER);
	rig_post_relid(&rig, VMBUS_MESSAGE_RELID_RELEASED, 1);
	rig_expect(&rig, VMBUS_MESSAGE_OFFER);
	rig_open(&rig, 3);
	rig_expect_no_violation(&rig);
}

static void an_offer_not_yet_sent_is_just_dropped(void **state)
{
	const struct vmbus_message_offer *offer;

	(void)state;
	rig.slot_busy = true;
	rig_offer(&rig, 10, 0); /* is on its way out */
	assert_int_equal(rig_offer(&rig, 11, 0), 4);
	assert_int_equal(vmbus_host_rescind(&rig.host, 4), VMBUS_OK);
	rig_pump(&rig);
	assert_int_equal(rig.counts[VMBUS_HOST_RELEASED], 1);
	/* Its place is taken only when nothing points there any more. */
	assert_int_equal(rig_offer(&rig, 12, 0), 5);
	rig.slot_busy = false;
	rig_pump(&rig);
	offer = rig_expect(&rig, VMBUS_MESSAGE_OFFER);
	assert_int_equal(offer->relid, 3);
	offer = rig_expect(&rig, VMBUS_MESSAGE_OFFER);
	assert_int_equal(offer->relid, 5);
	rig_expect_silence(&rig);
	assert_int_equal(rig_offer(&rig, 13, 0), 4);
}

static void delivered_comes_when_the_offers_are_out(void **state)
{
	(void)state;
	rig_init(&rig);
	rig_offer(&rig, 1, 0);
	rig_offer(&rig, 2, 0);
	rig_offer(&rig, 3, 0);
	rig_post_contact(&rig, VMBUS_VERSION_5_3);
	rig_expect(&rig, VMBUS_MESSAGE_VERSION_RESPONSE);
	rig.slot_busy = true;
	rig_post_header(&rig, VMBUS_MESSAGE_REQUEST_OFFERS);
	rig_offer(&rig, 4, 0);
	assert_int_equal(vmbus_host_rescind(&rig.host, 2), VMBUS_OK);
	rig.slot_busy = false;
	rig_pump(&rig);
	rig_expect(&rig, VMBUS_MESSAGE_OFFER);
	rig_expect(&rig, VMBUS_MESSAGE_OFFER);
	rig_expect(&rig, VMBUS_MESSAGE_OFFERS_DELIVERED);
	rig_expect(&rig, VMBUS_MESSAGE_OFFER);
	rig_expect_silence(&rig);
}

static void subchannels_end_with_their_primary(void **state)
{
	struct vmbus_offer sub = rig_device(0, 1);
	u32 relid;

	(void)state;
	assert_int_equal(vmbus_host_offer(&rig.host, &sub, &relid),
			 VMBUS_BAD_ARGUMENT);
	rig_open(&rig, 1);
	relid = rig_offer(&rig, 0, 1);
	assert_int_equal(relid, 3);
	rig_expect(&rig, VMBUS_MESSAGE_OFFER);
	rig_open(&rig, 3);
	assert_int_equal(vmbus_host_offer(&rig.host, &sub, &relid),
			 VMBUS_BAD_ARGUMENT);
	memset(rig.counts, 0, sizeof(rig.counts));
	rig_post_relid(&rig, VMBUS_MESSAGE_CLOSE, 1);
	assert_int_equal(rig.counts[VMBUS_HOST_CLOSE], 2);
	rig_expect_relid(&rig, VMBUS_MESSAGE_RESCIND, 3);
	rig_expect_silence(&rig);
	rig_post_relid(&rig, VMBUS_MESSAGE_RELID_RELEASED, 3);
	assert_int_equal(rig.last[VMBUS_HOST_RELEASED].relid, 3);
	rig_expect_no_violation(&rig);

	/* A guest that leaves takes them along. */
	rig_post_open(&rig, 1, 101, 4, 0);
	rig_expect_opened(&rig, 1, 0);
	rig_offer(&rig, 0, 1);
	rig_expect(&rig, VMBUS_MESSAGE_OFFER);
	rig_post_header(&rig, VMBUS_MESSAGE_UNLOAD);
	rig_expect(&rig, VMBUS_MESSAGE_UNLOAD_RESPONSE);
	assert_int_equal(rig.counts[VMBUS_HOST_RELEASED], 2);
	rig_expect_empty(&rig);
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rescind_at_every_state),
		TEST(rescind_fails_an_opening),
		TEST(rescind_crosses_the_end_of_a_ring),
		TEST(rescind_crosses_what_the_guest_says),
		TEST(leaving_at_every_state),
		TEST(answers_owed_go_with_their_guest),
		TEST(a_leaving_guest_says_nothing_more),
		TEST(the_next_offer_waits_for_the_last),
		TEST(an_offer_not_yet_sent_is_just_dropped),
		TEST(delivered_comes_when_the_offers_are_out),
		TEST(subchannels_end_with_their_primary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
