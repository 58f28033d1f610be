// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* File copy: cancelling, deadlines, late answers, closing; at every moment. */
#include "tests/unit/services/fcopy_link.h"

#define SECOND	   IC_SECOND_100NS
#define TIMEOUT	   (35 * SECOND)
#define BLOCKS	   3
#define COPY_BYTES (BLOCKS * FCOPY_BLOCK_BYTES - 5)
#define COPY_STEPS (BLOCKS + 2) /* start, data, complete */

static struct fcopy_vsp *const vsp = &fcopy_link.vsp;
static struct ic_link_packet request, answer, late;

static enum fcopy_status start(void)
{
	return fcopy_vsp_start(vsp, "/tmp", "file", 0, COPY_BYTES,
			       fcopy_link.now_100ns);
}

static void open_and_start(void)
{
	fcopy_link_open(NULL);
	assert_int_equal(start(), FCOPY_OK);
}

static void step(void)
{
	assert_true(fcopy_link_host_sends(&request));
	fcopy_link_guest_answers(&request, &answer);
	assert_int_equal(fcopy_link_host_takes(&answer), VMBUS_OK);
}

static void nothing_more(void)
{
	struct fcopy_event event;

	assert_false(fcopy_link_host_sends(&request));
	assert_false(fcopy_vsp_next_event(vsp, &event));
}

static void cancel_between_any_two_messages(void **state)
{
	struct fcopy_event event;
	u32 steps, i;

	(void)state;
	for (steps = 0; steps < COPY_STEPS; steps++) {
		open_and_start();
		for (i = 0; i < steps; i++)
			step();
		assert_int_equal(fcopy_vsp_cancel(vsp, 0), FCOPY_OK);
		fcopy_link_run();
		if (steps == COPY_STEPS - 1) {
			/* Every byte is there: only the end was missing. */
			event = fcopy_link_ended(FCOPY_OK);
			assert_true(fcopy_link.file_there);
			continue;
		}
		event = fcopy_link_ended(FCOPY_CANCELLED);
		assert_false(event.partial_left);
		assert_false(fcopy_link.file_there);
		assert_false(fcopy_link.file_open);
		/* Nothing was started, so that nothing may be cancelled. */
		assert_int_equal(fcopy_link.cancel_count, steps ? 1 : 0);
		assert_int_equal(fcopy_link.start_count, steps ? 1 : 0);
		assert_int_equal(start(), FCOPY_OK);
		fcopy_link_run();
		fcopy_link_ended(FCOPY_OK);
	}
}

static void cancel_while_any_message_is_under_way(void **state)
{
	struct ic_link_packet second;
	u32 steps, i;

	(void)state;
	for (steps = 0; steps < COPY_STEPS; steps++) {
		open_and_start();
		for (i = 0; i < steps; i++)
			step();
		assert_true(fcopy_link_host_sends(&request));
		assert_int_equal(fcopy_vsp_cancel(vsp, 0), FCOPY_OK);
		assert_int_equal(fcopy_vsp_cancel(vsp, 0), FCOPY_OK);
		assert_false(fcopy_link_host_sends(&second));
		fcopy_link_guest_answers(&request, &answer);
		assert_int_equal(fcopy_link_host_takes(&answer), VMBUS_OK);
		fcopy_link_run();
		fcopy_link_ended(steps == COPY_STEPS - 1 ? FCOPY_OK
							 : FCOPY_CANCELLED);
		assert_int_equal(fcopy_link.file_there,
				 steps == COPY_STEPS - 1);
		assert_false(fcopy_link.file_open);
		assert_int_equal(fcopy_vsp_cancel(vsp, 0), FCOPY_NOT_READY);
	}
}

static void cancel_of_a_start_that_fails(void **state)
{
	u32 steps, i;

	(void)state;
	/* The start, the question for the folder, that for the root. */
	for (steps = 0; steps < 3; steps++) {
		fcopy_link_open(NULL);
		fcopy_link.folder_there = false;
		assert_int_equal(start(), FCOPY_OK);
		for (i = 0; i < steps; i++)
			step();
		assert_true(fcopy_link_host_sends(&request));
		assert_int_equal(fcopy_vsp_cancel(vsp, 0), FCOPY_OK);
		fcopy_link_guest_answers(&request, &answer);
		assert_int_equal(fcopy_link_host_takes(&answer), VMBUS_OK);
		fcopy_link_ended(FCOPY_CANCELLED);
		assert_int_equal(fcopy_link.cancel_count, 0);
		nothing_more();
	}
}

static void cancel_with_a_guest_that_has_none(void **state)
{
	struct fcopy_event event;

	(void)state;
	open_and_start();
	fcopy_link.fault = FCOPY_LINK_NO_CANCEL;
	fcopy_link.uio = true;
	step();
	step();
	assert_int_equal(fcopy_vsp_cancel(vsp, 0), FCOPY_OK);
	fcopy_link_run();
	event = fcopy_link_ended(FCOPY_CANCELLED);
	assert_true(event.partial_left);
	/* It does not stay open in the guest. */
	assert_int_equal(fcopy_link.complete_count, 1);
	assert_false(fcopy_link.file_open);
}

static void silence_at_any_message_ends_the_copy(void **state)
{
	struct fcopy_event event;
	u32 steps, i;

	(void)state;
	for (steps = 0; steps < COPY_STEPS; steps++) {
		open_and_start();
		for (i = 0; i < steps; i++)
			step();
		assert_true(fcopy_link_host_sends(&late));
		assert_true(fcopy_vsp_deadline_100ns(vsp) == TIMEOUT);
		fcopy_link.now_100ns = TIMEOUT - 1;
		nothing_more();
		fcopy_link.now_100ns = TIMEOUT;
		assert_false(fcopy_link_host_sends(&request));
		event = fcopy_link_ended(FCOPY_NO_ANSWER);
		assert_true(event.partial_left);
		assert_int_equal(fcopy_vsp_status(vsp, 0),
				 IC_STATUS_LOST_COMMUNICATION);
		if (steps < COPY_STEPS - 1)
			assert_int_equal(start(), FCOPY_NO_ANSWER);

		/* The guest wakes up and is told to forget the file. */
		fcopy_link_guest_answers(&late, &answer);
		assert_int_equal(fcopy_link_host_takes(&answer), VMBUS_OK);
		fcopy_link_run();
		nothing_more();
		assert_false(fcopy_link.file_open);
		assert_int_equal(fcopy_link.cancel_count,
				 steps < COPY_STEPS - 1);
		assert_int_equal(fcopy_vsp_status(vsp, 0), IC_STATUS_OK);
		fcopy_link.file_there = false;
		assert_int_equal(start(), FCOPY_OK);
		fcopy_link_run();
		fcopy_link_ended(FCOPY_OK);
	}
}

static void start_that_never_left_leaves_nothing(void **state)
{
	struct fcopy_event event;
	u64 id;

	(void)state;
	open_and_start();
	/* The ring is full. */
	assert_int_equal(fcopy_vsp_transmit(vsp, 0, NULL, 0, &id), 0);
	assert_int_equal(fcopy_vsp_transmit(vsp, TIMEOUT, NULL, 0, &id), 0);
	event = fcopy_link_ended(FCOPY_NO_ANSWER);
	assert_false(event.partial_left);
	assert_int_equal(start(), FCOPY_OK);
	fcopy_link_run();
	fcopy_link_ended(FCOPY_OK);
}

static void late_refusal_needs_no_cancel(void **state)
{
	(void)state;
	open_and_start();
	fcopy_link.file_there = true;
	assert_true(fcopy_link_host_sends(&late));
	fcopy_link.now_100ns = TIMEOUT;
	assert_false(fcopy_link_host_sends(&request));
	fcopy_link_ended(FCOPY_NO_ANSWER);
	fcopy_link_guest_answers(&late, &answer);
	assert_int_equal(fcopy_link_host_takes(&answer), VMBUS_OK);
	fcopy_link_run();
	assert_int_equal(fcopy_link.cancel_count, 0);
}

static void silence_while_cancelling_ends_it(void **state)
{
	struct fcopy_event event;

	(void)state;
	open_and_start();
	step();
	assert_int_equal(fcopy_vsp_cancel(vsp, 0), FCOPY_OK);
	assert_true(fcopy_link_host_sends(&late));
	fcopy_link.now_100ns = TIMEOUT;
	assert_false(fcopy_link_host_sends(&request));
	event = fcopy_link_ended(FCOPY_CANCELLED);
	assert_true(event.partial_left);
	/* Queued behind, as nothing is owed but the answer. */
	assert_int_equal(start(), FCOPY_OK);
	assert_false(fcopy_link_host_sends(&request));
	fcopy_link_guest_answers(&late, &answer);
	assert_int_equal(fcopy_link_host_takes(&answer), VMBUS_OK);
	fcopy_link_run();
	fcopy_link_ended(FCOPY_OK);
}

static void start_goes_before_a_probe(void **state)
{
	(void)state;
	fcopy_link_open(NULL);
	assert_int_equal(fcopy_vsp_probe(vsp, 0), FCOPY_OK);
	assert_true(fcopy_link_host_sends(&late));
	assert_int_equal(fcopy_vsp_cancel(vsp, 0), FCOPY_NOT_READY);
	assert_int_equal(start(), FCOPY_OK);
	assert_int_equal(start(), FCOPY_BUSY);
	assert_false(fcopy_link_host_sends(&request));
	fcopy_link_guest_answers(&late, &answer);
	assert_int_equal(fcopy_link_host_takes(&answer), VMBUS_OK);
	fcopy_link_run();
	fcopy_link_ended(FCOPY_OK);
}

static void cancel_then_probe_still_sees_a_missing_daemon(void **state)
{
	(void)state;
	open_and_start();
	assert_true(fcopy_link_host_sends(&request));
	assert_int_equal(fcopy_vsp_cancel(vsp, 0), FCOPY_OK);
	fcopy_link_guest_answers(&request, &answer);
	assert_int_equal(fcopy_link_host_takes(&answer), VMBUS_OK);
	fcopy_link_run();
	fcopy_link_ended(FCOPY_CANCELLED);
	fcopy_link.fault = FCOPY_LINK_NO_DAEMON;
	assert_int_equal(fcopy_vsp_probe(vsp, 0), FCOPY_OK);
	fcopy_link_run();
	assert_int_equal(fcopy_vsp_status(vsp, 0), IC_STATUS_NO_CONTACT);
}

static void event_must_be_taken_first(void **state)
{
	(void)state;
	open_and_start();
	fcopy_link_run();
	assert_int_equal(start(), FCOPY_BUSY);
	assert_int_equal(fcopy_link_host_takes(&answer), VMBUS_AGAIN);
	fcopy_link_ended(FCOPY_OK);
	fcopy_link.file_there = false;
	assert_int_equal(start(), FCOPY_OK);
}

static void block_is_filled_only_when_wanted(void **state)
{
	u64 offset;
	u32 size;

	(void)state;
	fcopy_link_open(NULL);
	assert_false(fcopy_vsp_wanted(vsp, &offset, &size));
	assert_int_equal(fcopy_vsp_filled(vsp, 0), VMBUS_BAD_ARGUMENT);
	assert_int_equal(start(), FCOPY_OK);
	assert_int_equal(fcopy_vsp_filled(vsp, 0), VMBUS_BAD_ARGUMENT);
	step();
	assert_true(fcopy_vsp_wanted(vsp, &offset, &size));
	assert_int_equal(offset, 0);
	assert_int_equal(size, FCOPY_BLOCK_BYTES);
	assert_true(fcopy_vsp_deadline_100ns(vsp) == IC_NEVER);
	assert_int_equal(fcopy_vsp_filled(vsp, 0), VMBUS_OK);
	assert_false(fcopy_vsp_wanted(vsp, &offset, &size));
	assert_int_equal(fcopy_vsp_filled(vsp, 0), VMBUS_BAD_ARGUMENT);
}

static void closing_ends_the_copy_at_any_moment(void **state)
{
	struct fcopy_event event;
	u32 steps, i;

	(void)state;
	for (steps = 0; steps < 2 * COPY_STEPS; steps++) {
		open_and_start();
		for (i = 0; i < steps / 2; i++)
			step();
		if (steps & 1)
			assert_true(fcopy_link_host_sends(&request));
		fcopy_vsp_closed(vsp);
		event = fcopy_link_ended(FCOPY_CLOSED);
		assert_int_equal(event.partial_left, steps > 0);
		nothing_more();
		assert_int_equal(fcopy_vsp_status(vsp, 0),
				 IC_STATUS_NO_CONTACT);
		assert_int_equal(start(), FCOPY_NOT_READY);
	}
	fcopy_link_open(NULL);
	fcopy_vsp_closed(vsp);
	nothing_more();
	fcopy_link_open(NULL);
	assert_int_equal(fcopy_vsp_probe(vsp, 0), FCOPY_OK);
	assert_true(fcopy_link_host_sends(&request));
	fcopy_vsp_closed(vsp);
	nothing_more();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cancel_between_any_two_messages),
		cmocka_unit_test(cancel_while_any_message_is_under_way),
		cmocka_unit_test(cancel_of_a_start_that_fails),
		cmocka_unit_test(cancel_with_a_guest_that_has_none),
		cmocka_unit_test(silence_at_any_message_ends_the_copy),
		cmocka_unit_test(start_that_never_left_leaves_nothing),
		cmocka_unit_test(late_refusal_needs_no_cancel),
		cmocka_unit_test(silence_while_cancelling_ends_it),
		cmocka_unit_test(start_goes_before_a_probe),
		cmocka_unit_test(cancel_then_probe_still_sees_a_missing_daemon),
		cmocka_unit_test(event_must_be_taken_first),
		cmocka_unit_test(block_is_filled_only_when_wanted),
		cmocka_unit_test(closing_ends_the_copy_at_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
