// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The guest end of the network comes up with a host that breaks the protocol.
 */
#include "tests/unit/services/network/network_script.h"

static void options_out_of_range_are_refused(void **state)
{
	const struct network_vsc_options bad[] = {
		{ .version_min = NETWORK_VERSION_5,
		  .version_max = NETWORK_VERSION_4 },
		{ .version_min = NETWORK_VERSION_61 + 1 },
		{ .mtu_bytes = 67 },
		{ .mtu_bytes = 65522 },
		{ .channels = NETWORK_CHANNELS_MAX + 1 },
	};
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(bad); i++)
		assert_int_equal(
			network_vsc_shared_init(&script_shared, &bad[i]),
			VMBUS_BAD_ARGUMENT);
	script_start(0);
	assert_int_equal(network_vsc_init(&script_guest, &script_shared, 0,
					  script_slots, 0),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(network_vsc_init(&script_guest, &script_shared, 0,
					  script_slots,
					  NETWORK_VSC_SLOTS_MAX + 1),
			 VMBUS_BAD_ARGUMENT);
}

static void the_old_versions_need_less(void **state)
{
	(void)state;
	script_run(NETWORK_VERSION_1);
	script_run(NETWORK_VERSION_4);
	script_run(NETWORK_VERSION_61);
}

static void buffers_are_lent_in_turn(void **state)
{
	struct network_vsc_buffers buffers = {
		script_receive, SCRIPT_RECEIVE_BYTES, 1, NULL, 0, 0
	};
	struct network_message answer;

	(void)state;
	script_start(NETWORK_VERSION_2);
	assert_int_equal(network_vsc_buffers(&script_guest, &buffers),
			 VMBUS_NOT_READY);
	assert_true(network_vsc_transmit(&script_guest, &script_out));
	assert_int_equal(script_complete(script_out.transaction_id, &answer,
					 script_honest(&answer)),
			 VMBUS_OK);
	assert_int_equal(script_event.kind, NETWORK_VSC_VERSION);
	/* Until there is a buffer the host is told of nothing but versions. */
	assert_true(network_vsc_transmit(&script_guest, &script_out));
	assert_true(network_vsc_transmit(&script_guest, &script_out));
	assert_false(network_vsc_transmit(&script_guest, &script_out));
	buffers.receive_bytes = NETWORK_RECEIVE_MAX_OLD_BYTES + 1;
	assert_int_equal(network_vsc_buffers(&script_guest, &buffers),
			 VMBUS_BAD_ARGUMENT);
	buffers.receive_bytes = 0;
	assert_int_equal(network_vsc_buffers(&script_guest, &buffers),
			 VMBUS_BAD_ARGUMENT);
	buffers.receive_bytes = SCRIPT_RECEIVE_BYTES;
	assert_int_equal(network_vsc_buffers(&script_guest, &buffers),
			 VMBUS_OK);
	assert_int_equal(network_vsc_buffers(&script_guest, &buffers),
			 VMBUS_NOT_READY);
	assert_true(network_vsc_transmit(&script_guest, &script_out));
}

static const u8 asked_by_nvsp[] = {
	NETWORK_VSC_STEP_INIT,
	NETWORK_VSC_STEP_RECEIVE_BUFFER,
	NETWORK_VSC_STEP_SEND_BUFFER,
	NETWORK_VSC_STEP_SUB_CHANNELS,
};

static void answers_are_as_long_as_they_must_be(void **state)
{
	struct network_message answer;
	u32 i, length, bytes;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(asked_by_nvsp); i++) {
		script_start(0);
		script_until(asked_by_nvsp[i]);
		bytes = script_honest(&answer);
		for (length = 0; length < bytes; length++)
			assert_int_equal(
				script_complete(script_out.transaction_id,
						&answer, length),
				VMBUS_E_NETWORK_SHORT);
		/* To another question, of another type, and twice. */
		assert_int_equal(script_complete(script_out.transaction_id + 1,
						 &answer, bytes),
				 VMBUS_E_NETWORK_TRANSACTION);
		assert_int_equal(script_complete(script_out.transaction_id,
						 &answer, bytes),
				 VMBUS_OK);
		assert_int_equal(script_complete(script_out.transaction_id,
						 &answer, bytes),
				 VMBUS_E_NETWORK_TRANSACTION);
		script_start(0);
		script_until(asked_by_nvsp[i]);
		script_honest(&answer);
		answer.type = 77;
		assert_int_equal(script_complete(script_out.transaction_id,
						 &answer, bytes),
				 VMBUS_E_NETWORK_MESSAGE);
	}
}

static void a_receive_buffer_is_divided_into_what_it_holds(void **state)
{
	static const struct network_receive_complete lies[] = {
		{ 1, 2, 0, 2048, 8, 0 },
		{ 1, 0, 0, 2048, 8, 0 },
		{ 1, 1, 4, 2048, 8, 0 },
		{ 1, 1, 0, 0, 8, 0 },
		{ 1, 1, 0, 2048, 0, 0 },
		{ 1, 1, 0, 2048, 9, 0 },
		{ 1, 1, 0, 0x80000000u, 2, 0 },
		{ 1, 1, 0, 0xffffffffu, 0xffffffffu, 0 },
	};
	struct network_message answer;
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(lies); i++) {
		script_start(0);
		script_until(NETWORK_VSC_STEP_RECEIVE_BUFFER);
		script_honest(&answer);
		answer.receive_complete = lies[i];
		assert_int_equal(
			script_complete(script_out.transaction_id, &answer, 28),
			VMBUS_E_NETWORK_BUFFER);
	}
	script_start(0);
	script_until(NETWORK_VSC_STEP_RECEIVE_BUFFER);
	script_honest(&answer);
	answer.receive_complete.status = NETWORK_STATUS_FAIL;
	assert_int_equal(
		script_complete(script_out.transaction_id, &answer, 28),
		VMBUS_OK);
	assert_int_equal(script_event.kind, NETWORK_VSC_REFUSED);
	assert_false(network_vsc_transmit(&script_guest, &script_out));
}

static void without_sections_frames_go_by_page_list(void **state)
{
	static const u32 lies[] = { 0, 3, 8196, 0xfffffffc };
	struct network_message answer;
	u32 i;

	(void)state;
	for (i = 0; i <= PORT_ARRAY_SIZE(lies); i++) {
		script_start(0);
		script_until(NETWORK_VSC_STEP_SEND_BUFFER);
		script_honest(&answer);
		if (i < PORT_ARRAY_SIZE(lies))
			answer.send_complete.section_bytes = lies[i];
		else
			answer.send_complete.status = NETWORK_STATUS_FAIL;
		assert_int_equal(
			script_complete(script_out.transaction_id, &answer, 12),
			VMBUS_OK);
		assert_int_equal(script_shared.section_count, 0);
		assert_int_equal(script_guest.step,
				 NETWORK_VSC_STEP_INITIALIZE);
	}
}

static void responses_are_bounded(void **state)
{
	u8 message[1024], copy[1024];
	enum vmbus_status status;
	u32 step, bytes, length, id;

	(void)state;
	for (step = NETWORK_VSC_STEP_INITIALIZE;
	     step < NETWORK_VSC_STEP_SUB_CHANNELS; step++) {
		for (length = 0;; length++) {
			script_start(0);
			script_until(step);
			bytes = script_response(message);
			if (length == bytes)
				break;
			assert_int_equal(script_ranges(message, length),
					 VMBUS_E_NETWORK_RNDIS_LENGTH);
		}
		/* The message itself says that it is shorter. */
		for (length = 0; length < bytes; length++) {
			script_start(0);
			script_until(step);
			script_response(copy);
			memcpy(copy + 4, &length, 4);
			status = script_ranges(copy, bytes);
			assert_true(status == VMBUS_OK ||
				    status == VMBUS_E_NETWORK_RNDIS_LENGTH ||
				    status == VMBUS_E_NETWORK_RNDIS_DATA);
			if (length < 16)
				assert_int_equal(status,
						 VMBUS_E_NETWORK_RNDIS_LENGTH);
		}
		script_start(0);
		script_until(step);
		script_response(copy);
		id = 0x99;
		memcpy(copy + 8, &id, 4);
		assert_int_equal(script_ranges(copy, bytes),
				 VMBUS_E_NETWORK_TRANSACTION);
		script_response(copy);
		assert_int_equal(script_ranges(copy, bytes), VMBUS_OK);
		assert_int_equal(script_ranges(copy, bytes),
				 VMBUS_E_NETWORK_TRANSACTION);
	}
}

static void information_lies_in_its_message(void **state)
{
	static const u32 lies[][2] = {
		{ 15, 4 },	   { 17, 4 }, { 21, 0x10 },
		{ 0xffffffff, 4 }, { 16, 5 }, { 16, 0xffffffff },
	};
	u8 message[1024];
	u32 i, bytes;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(lies); i++) {
		script_start(0);
		script_until(NETWORK_VSC_STEP_MTU);
		bytes = script_response(message);
		memcpy(message + 16, &lies[i][1], 4);
		memcpy(message + 20, &lies[i][0], 4);
		assert_int_equal(script_ranges(message, bytes),
				 VMBUS_E_NETWORK_RNDIS_DATA);
	}
}

static void a_refusal_ends_only_what_is_needed(void **state)
{
	const u32 refused = RNDIS_STATUS_NOT_SUPPORTED;
	struct network_message answer;
	u8 message[1024];
	u32 step, bytes;

	(void)state;
	for (step = NETWORK_VSC_STEP_INITIALIZE;
	     step < NETWORK_VSC_STEP_SUB_CHANNELS; step++) {
		bool needed = step == NETWORK_VSC_STEP_INITIALIZE ||
			      step == NETWORK_VSC_STEP_ADDRESS;

		script_start(0);
		script_until(step);
		bytes = script_response(message);
		memcpy(message + 12, &refused, 4);
		assert_int_equal(script_ranges(message, bytes), VMBUS_OK);
		if (needed) {
			assert_int_equal(script_event.kind,
					 NETWORK_VSC_REFUSED);
			assert_int_equal(script_event.status, refused);
		} else {
			assert_true(script_guest.step > step);
		}
		/* Or the message is not carried out at all. */
		script_start(0);
		script_until(step);
		script_honest(&answer);
		answer.complete.status = NETWORK_STATUS_INVALID_RNDIS;
		assert_int_equal(
			script_complete(script_out.transaction_id, &answer, 8),
			VMBUS_OK);
		assert_int_equal(script_event.kind, NETWORK_VSC_REFUSED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_out_of_range_are_refused),
		cmocka_unit_test(the_old_versions_need_less),
		cmocka_unit_test(buffers_are_lent_in_turn),
		cmocka_unit_test(answers_are_as_long_as_they_must_be),
		cmocka_unit_test(
			a_receive_buffer_is_divided_into_what_it_holds),
		cmocka_unit_test(without_sections_frames_go_by_page_list),
		cmocka_unit_test(responses_are_bounded),
		cmocka_unit_test(information_lies_in_its_message),
		cmocka_unit_test(a_refusal_ends_only_what_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
