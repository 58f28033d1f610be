// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* NVSP at the host end: what is agreed on, and what is refused. */
#include "tests/unit/services/network/network_rig.h"

static const u32 versions[] = {
	NETWORK_VERSION_1, NETWORK_VERSION_2, NETWORK_VERSION_4,
	NETWORK_VERSION_5, NETWORK_VERSION_6, NETWORK_VERSION_61,
};

static struct rig rig;

static u32 init(u32 min, u32 max)
{
	const struct network_message message = {
		.type = NETWORK_INIT,
		.init = { min, max },
	};

	assert_int_equal(rig_message(&rig, &message, 28), VMBUS_OK);
	assert_int_equal(rig_answer(&rig).type, NETWORK_INIT_COMPLETE);
	return rig_answer(&rig).init_complete.status;
}

static void options_out_of_range_are_refused(void **state)
{
	struct network_vsp_options bad[] = {
		{ .version_max = 0x60002 },
		{ .channels_max = NETWORK_CHANNELS_MAX + 1 },
		{ .mtu_max_bytes = 65536 },
		{ .mtu_max_bytes = 1499 },
		{ .slot_min_bytes = NETWORK_RECEIVE_MAX_OLD_BYTES },
		{ .send_section_bytes = 2047 },
		{ .send_section_bytes = 2052 },
		{ .send_section_bytes = NETWORK_SEND_MAX_BYTES + 8 },
		{ .offloads = 0x8000 },
	};
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(bad); i++)
		assert_int_equal(network_vsp_shared_init(&rig.shared, &bad[i]),
				 VMBUS_BAD_ARGUMENT);
}

static void every_version_is_agreed_on(void **state)
{
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(versions); i++) {
		rig_open(&rig, NULL);
		assert_int_equal(init(versions[i], versions[i]),
				 NETWORK_STATUS_SUCCESS);
		assert_int_equal(rig_answer(&rig).init_complete.version,
				 versions[i]);
		assert_int_equal(rig.action.packet_bytes,
				 versions[i] == NETWORK_VERSION_61 ? 40 : 28);
		assert_int_equal(network_vsp_version(&rig.shared), versions[i]);
		rig_close(&rig);
	}
}

static void the_newest_of_both_is_taken(void **state)
{
	struct network_vsp_options options = rig_options();

	(void)state;
	options.version_max = NETWORK_VERSION_5;
	rig_open(&rig, &options);
	assert_int_equal(init(NETWORK_VERSION_6, NETWORK_VERSION_61),
			 NETWORK_STATUS_TOO_NEW);
	assert_int_equal(init(0, 1), NETWORK_STATUS_TOO_OLD);
	assert_int_equal(init(3, 4), NETWORK_STATUS_TOO_OLD);
	assert_int_equal(network_vsp_version(&rig.shared), 0);
	assert_int_equal(init(NETWORK_VERSION_1, NETWORK_VERSION_61),
			 NETWORK_STATUS_SUCCESS);
	assert_int_equal(network_vsp_version(&rig.shared), NETWORK_VERSION_5);
	rig_close(&rig);
}

static void a_guest_begins_anew_without_its_buffers(void **state)
{
	struct network_message revoke = {
		.type = NETWORK_REVOKE_RECEIVE_BUFFER,
		.revoke.id = NETWORK_RECEIVE_BUFFER_ID,
	};

	(void)state;
	rig_open(&rig, NULL);
	rig_run(&rig, NETWORK_VERSION_61, 0xf);
	assert_int_equal(network_vsp_rx_max(&rig.vsp[0]),
			 1514u + NETWORK_TAG_BYTES);
	assert_int_equal(init(NETWORK_VERSION_5, NETWORK_VERSION_5),
			 NETWORK_STATUS_FAIL);
	assert_int_equal(rig_message(&rig, &revoke, 28), VMBUS_OK);
	assert_int_equal(rig.action.step, NETWORK_VSP_ANSWER);
	assert_int_equal(rig.action.packet_bytes, 0);
	assert_int_equal(network_vsp_rx_max(&rig.vsp[0]), 0);
	/* A second time there is nothing to revoke. */
	assert_int_equal(rig_message(&rig, &revoke, 28), VMBUS_OK);
	assert_int_equal(rig.action.step, NETWORK_VSP_ANSWER);
	revoke.type = NETWORK_REVOKE_SEND_BUFFER;
	assert_int_equal(rig_message(&rig, &revoke, 28), VMBUS_OK);
	rig_negotiate(&rig, NETWORK_VERSION_5, 9000);
	assert_int_equal(rig.shared.settings.frame_bytes, 9014);
	rig_close(&rig);
}

/* Each message that a guest may send, with what it needs of each. */
static const struct {
	u32 type;
	u32 bytes;
	u32 version_min;
} messages[] = {
	{ NETWORK_INIT, 12, 0 },
	{ NETWORK_NDIS_VERSION, 12, NETWORK_VERSION_1 },
	{ NETWORK_RECEIVE_BUFFER, 10, NETWORK_VERSION_1 },
	{ NETWORK_REVOKE_RECEIVE_BUFFER, 6, NETWORK_VERSION_1 },
	{ NETWORK_SEND_BUFFER, 10, NETWORK_VERSION_1 },
	{ NETWORK_REVOKE_SEND_BUFFER, 6, NETWORK_VERSION_1 },
	{ NETWORK_RNDIS, 16, NETWORK_VERSION_1 },
	{ NETWORK_NDIS_CONFIG, 20, NETWORK_VERSION_2 },
	{ NETWORK_SWITCH_DATA_PATH, 8, NETWORK_VERSION_4 },
	{ NETWORK_OID_QUERY_EX, 12, NETWORK_VERSION_5 },
	{ NETWORK_SUB_CHANNELS, 12, NETWORK_VERSION_5 },
};

static void short_messages_are_violations(void **state)
{
	struct network_message message = { 0 };
	enum vmbus_status expected;
	u32 i, bytes;

	(void)state;
	memset(message.bytes, 0xff, sizeof(message.bytes));
	for (i = 0; i < PORT_ARRAY_SIZE(messages); i++) {
		message.type = messages[i].type;
		for (bytes = 0; bytes < messages[i].bytes; bytes++) {
			rig_open(&rig, NULL);
			assert_int_equal(
				init(NETWORK_VERSION_61, NETWORK_VERSION_61),
				NETWORK_STATUS_SUCCESS);
			/* A type of fewer bytes is no type. */
			expected = rig_message(&rig, &message, bytes);
			assert_int_equal(expected, VMBUS_E_NETWORK_SHORT);
			rig_close(&rig);
		}
	}
}

static void messages_of_newer_versions_are_violations(void **state)
{
	struct network_message message = { 0 };
	enum vmbus_status status;
	u32 i, v;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(messages); i++) {
		if (messages[i].type == NETWORK_RNDIS)
			continue;
		for (v = 0; v < PORT_ARRAY_SIZE(versions); v++) {
			rig_open(&rig, NULL);
			assert_int_equal(init(versions[v], versions[v]),
					 NETWORK_STATUS_SUCCESS);
			message.type = messages[i].type;
			status = rig_message(&rig, &message, 28);
			assert_int_equal(status,
					 versions[v] < messages[i].version_min
						 ? VMBUS_E_NETWORK_MESSAGE
						 : VMBUS_OK);
			rig_close(&rig);
		}
	}
}

static void messages_of_the_host_are_violations(void **state)
{
	static const u32 types[] = { 0,	  2,   3,   99,	 102, 105,
				     108, 109, 124, 126, 128, 130,
				     132, 134, 135, 136, 137, 0xffffffff };
	struct network_message message = { 0 };
	u32 i;

	(void)state;
	rig_open(&rig, NULL);
	rig_negotiate(&rig, NETWORK_VERSION_61, 1500);
	for (i = 0; i < PORT_ARRAY_SIZE(types); i++) {
		message.type = types[i];
		assert_int_equal(rig_message(&rig, &message, 40),
				 VMBUS_E_NETWORK_MESSAGE);
	}
	rig_close(&rig);
}

static void packets_of_other_kinds_are_violations(void **state)
{
	const struct network_message message = { .type = NETWORK_INIT };
	u16 type;

	(void)state;
	rig_open(&rig, NULL);
	for (type = 0; type < 32; type++) {
		enum vmbus_status status = rig_packet(
			&rig, 0, type, PACKET_FLAG_COMPLETION_REQUESTED, 1,
			&message, 28);
		bool taken = type == PACKET_DATA_INBAND ||
			     type == PACKET_DATA_GPA_DIRECT ||
			     type == PACKET_COMPLETION ||
			     type == PACKET_CANCEL_REQUEST;

		assert_int_equal(status,
				 taken ? VMBUS_OK : VMBUS_E_NETWORK_TYPE);
	}
	/* What has an answer must want one. */
	assert_int_equal(
		rig_packet(&rig, 0, PACKET_DATA_INBAND, 0, 1, &message, 28),
		VMBUS_E_NETWORK_TYPE);
	rig_close(&rig);
}

static void completions_are_given_only_where_they_are_wanted(void **state)
{
	const struct network_message ndis = {
		.type = NETWORK_NDIS_VERSION,
		.ndis_version = { 6, 30 },
	};
	const struct network_message path = {
		.type = NETWORK_SWITCH_DATA_PATH,
		.data_path.path = NETWORK_PATH_VF,
	};

	(void)state;
	rig_open(&rig, NULL);
	init(NETWORK_VERSION_61, NETWORK_VERSION_61);
	assert_int_equal(
		rig_packet(&rig, 0, PACKET_DATA_INBAND, 0, 1, &ndis, 28),
		VMBUS_OK);
	assert_int_equal(rig.action.step, NETWORK_VSP_NOTHING);
	assert_int_equal(rig.shared.ndis_version, NETWORK_NDIS_6_30);
	assert_int_equal(rig_message(&rig, &ndis, 28), VMBUS_OK);
	assert_int_equal(rig.action.step, NETWORK_VSP_ANSWER);
	assert_int_equal(rig.action.packet_bytes, 0);
	assert_int_equal(rig_message(&rig, &path, 28), VMBUS_OK);
	assert_int_equal(rig.action.step, NETWORK_VSP_DATA_PATH);
	assert_true(rig.action.virtual_function);
	assert_true(rig.action.answer);
	rig_close(&rig);
}

static void buffers_have_their_limits(void **state)
{
	const struct network_message receive = {
		.type = NETWORK_RECEIVE_BUFFER,
		.buffer = { .gpadl = 5, .id = 0xbead },
	};
	const struct network_message send = {
		.type = NETWORK_SEND_BUFFER,
		.buffer = { .gpadl = 6 },
	};
	struct network_slot slots[64];
	struct network_message answer;
	u8 memory[1];

	(void)state;
	rig_open(&rig, NULL);
	init(NETWORK_VERSION_2, NETWORK_VERSION_2);
	assert_int_equal(network_vsp_slots(&rig.shared, 2 * 1664), 2);
	assert_int_equal(network_vsp_slots(&rig.shared, 2 * 1664 - 1), 0);
	assert_int_equal(
		network_vsp_slots(&rig.shared, NETWORK_RECEIVE_MAX_OLD_BYTES),
		NETWORK_RECEIVE_MAX_OLD_BYTES / 1664);
	assert_int_equal(network_vsp_slots(&rig.shared,
					   NETWORK_RECEIVE_MAX_OLD_BYTES + 1),
			 0);
	/* Not mapped, too small, too large: the guest is told. */
	assert_int_equal(
		rig_packet(&rig, 0, PACKET_DATA_INBAND, 1, 1, &receive, 28),
		VMBUS_OK);
	assert_int_equal(rig.action.step, NETWORK_VSP_BUFFER);
	assert_int_equal(rig.action.gpadl, 5);
	assert_true(rig.action.receive_buffer);
	network_vsp_attach(&rig.vsp[0], &rig.action, NULL, 0, NULL);
	assert_int_equal(rig_answer(&rig).complete.status, NETWORK_STATUS_FAIL);
	network_vsp_attach(&rig.vsp[0], &rig.action, memory, 1664, slots);
	assert_int_equal(rig_answer(&rig).complete.status, NETWORK_STATUS_FAIL);
	assert_int_equal(
		rig_packet(&rig, 0, PACKET_DATA_INBAND, 1, 1, &send, 28),
		VMBUS_OK);
	assert_false(rig.action.receive_buffer);
	network_vsp_attach(&rig.vsp[0], &rig.action, memory, 6143, NULL);
	answer = rig_answer(&rig);
	assert_int_equal(answer.type, NETWORK_SEND_BUFFER_COMPLETE);
	assert_int_equal(answer.complete.status, NETWORK_STATUS_FAIL);
	network_vsp_attach(&rig.vsp[0], &rig.action, memory,
			   NETWORK_SEND_MAX_BYTES + 1, NULL);
	assert_int_equal(rig_answer(&rig).complete.status, NETWORK_STATUS_FAIL);
	/* A buffer is lent once. */
	rig_close(&rig);
	rig_open(&rig, NULL);
	rig_negotiate(&rig, NETWORK_VERSION_61, 1500);
	assert_int_equal(rig_message(&rig, &receive, 28), VMBUS_OK);
	assert_int_equal(rig_answer(&rig).complete.status, NETWORK_STATUS_FAIL);
	assert_int_equal(rig_message(&rig, &send, 28), VMBUS_OK);
	assert_int_equal(rig_answer(&rig).complete.status, NETWORK_STATUS_FAIL);
	rig_close(&rig);
}

static void sections_are_as_long_as_the_mtu_needs(void **state)
{
	static const struct {
		u32 mtu, slot;
	} rows[] = {
		{ 68, 1664 },
		{ 1500, 1664 },
		{ 4000, 4160 },
		{ 9000, 9152 },
	};
	struct network_message answer;
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		rig_open(&rig, NULL);
		rig_negotiate(&rig, NETWORK_VERSION_61, rows[i].mtu);
		assert_int_equal(rig.shared.receive.slot_bytes, rows[i].slot);
		assert_int_equal(network_vsp_rx_room(&rig.vsp[0]),
				 rows[i].slot - NETWORK_SLOT_DATA_BYTES);
		assert_int_equal(rig.shared.settings.frame_bytes,
				 rows[i].mtu + 14);
		answer = rig_answer(&rig);
		assert_int_equal(answer.type, NETWORK_SEND_BUFFER_COMPLETE);
		assert_int_equal(answer.send_complete.section_bytes, 6144);
		rig_close(&rig);
	}
}

static void the_mtu_is_bounded(void **state)
{
	struct network_vsp_options options = rig_options();

	(void)state;
	options.mtu_max_bytes = 9000;
	rig_open(&rig, &options);
	rig_negotiate(&rig, NETWORK_VERSION_61, 0);
	assert_int_equal(rig.shared.settings.frame_bytes, 82);
	rig_close(&rig);
	rig_open(&rig, &options);
	rig_negotiate(&rig, NETWORK_VERSION_61, 0xfffffff0u);
	assert_int_equal(rig.shared.settings.frame_bytes, 9014);
	rig_close(&rig);
}

static void sub_channels_are_granted_up_to_the_limit(void **state)
{
	struct network_message request = {
		.type = NETWORK_SUB_CHANNELS,
		.sub_channels = { NETWORK_SUB_CHANNELS_ALLOCATE, 63 },
	};
	u32 table[NETWORK_SEND_TABLE], v, i;

	(void)state;
	for (v = 3; v < PORT_ARRAY_SIZE(versions); v++) {
		u32 bytes = versions[v] == NETWORK_VERSION_61 ? 40 : 28;

		rig_open(&rig, NULL);
		rig_negotiate(&rig, versions[v], 1500);
		assert_int_equal(rig_message(&rig, &request, 28), VMBUS_OK);
		assert_int_equal(rig.sub_channels, RIG_CHANNELS - 1);
		assert_int_equal(rig_answer(&rig).sub_channels.operation,
				 NETWORK_STATUS_SUCCESS);
		assert_int_equal(rig_answer(&rig).sub_channels.count,
				 RIG_CHANNELS - 1);
		/* The same once more: they are there. */
		rig.sub_channels = 0;
		assert_int_equal(rig_message(&rig, &request, 28), VMBUS_OK);
		assert_int_equal(rig.sub_channels, 0);
		assert_int_equal(rig_answer(&rig).sub_channels.count,
				 RIG_CHANNELS - 1);

		assert_true(network_vsp_transmit(&rig.vsp[0], &rig.out));
		assert_int_equal(rig.out.type, PACKET_DATA_INBAND);
		assert_int_equal(rig.out.packet_bytes, bytes + 64);
		memcpy(table, rig.out.packet + bytes, sizeof(table));
		for (i = 0; i < NETWORK_SEND_TABLE; i++)
			assert_int_equal(table[i], i % RIG_CHANNELS);
		assert_false(network_vsp_transmit(&rig.vsp[0], &rig.out));
		rig_close(&rig);
	}
	rig_open(&rig, NULL);
	rig_negotiate(&rig, NETWORK_VERSION_61, 1500);
	request.sub_channels.operation = 2;
	assert_int_equal(rig_message(&rig, &request, 28), VMBUS_OK);
	assert_int_equal(rig_answer(&rig).sub_channels.operation,
			 NETWORK_STATUS_FAIL);
	rig_close(&rig);
}

static void a_sub_channel_waits_for_the_primary(void **state)
{
	const struct network_message frames = {
		.type = NETWORK_RNDIS,
		.rndis = { NETWORK_RNDIS_DATA, NETWORK_SECTION_NONE, 0 },
	};
	struct network_message control = frames;

	(void)state;
	rig_open(&rig, NULL);
	assert_int_equal(
		rig_packet(&rig, 1, PACKET_DATA_INBAND, 1, 3, &frames, 28),
		VMBUS_NOT_READY);
	rig_negotiate(&rig, NETWORK_VERSION_61, 1500);
	assert_int_equal(
		rig_packet(&rig, 1, PACKET_DATA_INBAND, 1, 3, &frames, 28),
		VMBUS_OK);
	assert_int_equal(rig.action.step, NETWORK_VSP_FRAMES);
	assert_int_equal(rig.action.transaction_id, 3);
	/* There is no control, and no negotiation, but on the primary. */
	control.rndis.channel = NETWORK_RNDIS_CONTROL;
	assert_int_equal(
		rig_packet(&rig, 1, PACKET_DATA_INBAND, 1, 3, &control, 28),
		VMBUS_E_NETWORK_MESSAGE);
	control.type = NETWORK_INIT;
	assert_int_equal(
		rig_packet(&rig, 1, PACKET_DATA_INBAND, 1, 3, &control, 28),
		VMBUS_E_NETWORK_MESSAGE);
	rig_close(&rig);
}

static void sections_of_the_send_buffer_are_bounded(void **state)
{
	struct network_message message = { .type = NETWORK_RNDIS };
	u32 count = RIG_SEND_BYTES / 6144;

	(void)state;
	rig_open(&rig, NULL);
	init(NETWORK_VERSION_61, NETWORK_VERSION_61);
	/* No buffer yet: no section either, and no place for a response. */
	assert_int_equal(rig_message(&rig, &message, 28), VMBUS_OK);
	assert_int_equal(rig_answer(&rig).complete.status, NETWORK_STATUS_FAIL);
	message.rndis.section = NETWORK_SECTION_NONE;
	assert_int_equal(rig_message(&rig, &message, 28), VMBUS_OK);
	assert_int_equal(rig_answer(&rig).complete.status, NETWORK_STATUS_FAIL);
	rig_negotiate(&rig, NETWORK_VERSION_61, 1500);
	message.rndis = (struct network_rndis){ 0, count - 1, 6144 };
	assert_int_equal(rig_message(&rig, &message, 28), VMBUS_OK);
	assert_int_equal(rig.action.step, NETWORK_VSP_FRAMES);
	assert_ptr_equal(rig.action.section.base,
			 rig.send + (count - 1) * 6144);
	assert_int_equal(rig.action.section.size_bytes, 6144);
	network_vsp_complete(&rig.vsp[0], &rig.action);
	assert_int_equal(rig_answer(&rig).type, NETWORK_RNDIS_COMPLETE);
	assert_int_equal(rig_answer(&rig).complete.status,
			 NETWORK_STATUS_SUCCESS);
	message.rndis.section_bytes = 6145;
	assert_int_equal(rig_message(&rig, &message, 28),
			 VMBUS_E_NETWORK_SECTION);
	message.rndis = (struct network_rndis){ 0, count, 1 };
	assert_int_equal(rig_message(&rig, &message, 28),
			 VMBUS_E_NETWORK_SECTION);
	message.rndis = (struct network_rndis){ 2, NETWORK_SECTION_NONE, 0 };
	assert_int_equal(rig_message(&rig, &message, 28),
			 VMBUS_E_NETWORK_MESSAGE);
	rig_close(&rig);
}

static void a_frame_after_the_revoke_fails_alone(void **state)
{
	struct network_message message = { .type = NETWORK_REVOKE_SEND_BUFFER };

	(void)state;
	rig_open(&rig, NULL);
	rig_negotiate(&rig, NETWORK_VERSION_61, 1500);
	assert_int_equal(rig_message(&rig, &message, 28), VMBUS_OK);
	assert_null(rig.shared.send.base);
	message.type = NETWORK_RNDIS;
	message.rndis = (struct network_rndis){ 0, 1, 100 };
	for (u16 channel = 0; channel < 2; channel++) {
		assert_int_equal(rig_packet(&rig, channel, PACKET_DATA_INBAND,
					    1, 3, &message, 28),
				 VMBUS_OK);
		assert_int_equal(rig.action.step, NETWORK_VSP_ANSWER);
		assert_int_equal(rig_answer(&rig).type, NETWORK_RNDIS_COMPLETE);
		assert_int_equal(rig_answer(&rig).complete.status,
				 NETWORK_STATUS_FAIL);
	}
	/* By page list it could still come. */
	message.rndis.section = NETWORK_SECTION_NONE;
	assert_int_equal(rig_message(&rig, &message, 28), VMBUS_OK);
	assert_int_equal(rig.action.step, NETWORK_VSP_FRAMES);
	rig_close(&rig);
}

static void an_old_query_is_not_supported(void **state)
{
	const struct network_message message = { .type = NETWORK_OID_QUERY_EX };

	(void)state;
	rig_open(&rig, NULL);
	rig_negotiate(&rig, NETWORK_VERSION_5, 1500);
	assert_int_equal(rig_message(&rig, &message, 28), VMBUS_OK);
	assert_int_equal(rig_answer(&rig).type, NETWORK_OID_QUERY_EX_COMPLETE);
	assert_int_equal(rig_answer(&rig).complete.status,
			 RNDIS_STATUS_NOT_SUPPORTED);
	rig_close(&rig);
}

static void a_virtual_function_is_told_to_who_can_use_it(void **state)
{
	struct network_message message;
	u32 v;

	(void)state;
	for (v = 0; v < PORT_ARRAY_SIZE(versions); v++) {
		bool told = versions[v] >= NETWORK_VERSION_4;

		rig_open(&rig, NULL);
		/* Before anything was said, and while the guest runs. */
		assert_false(network_vsp_vf(&rig.vsp[0], true, 9));
		rig_negotiate(&rig, versions[v], 1500);
		assert_int_equal(network_vsp_transmit(&rig.vsp[0], &rig.out),
				 told);
		assert_int_equal(network_vsp_vf(&rig.vsp[0], false, 9), told);
		assert_int_equal(network_vsp_transmit(&rig.vsp[0], &rig.out),
				 told);
		if (told) {
			memset(&message, 0, sizeof(message));
			memcpy(&message, rig.out.packet, rig.out.packet_bytes);
			assert_int_equal(message.type, NETWORK_VF_ASSOCIATION);
			assert_int_equal(message.vf.allocated, 0);
			assert_int_equal(message.vf.serial, 0);
		}
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_out_of_range_are_refused),
		cmocka_unit_test(every_version_is_agreed_on),
		cmocka_unit_test(the_newest_of_both_is_taken),
		cmocka_unit_test(a_guest_begins_anew_without_its_buffers),
		cmocka_unit_test(short_messages_are_violations),
		cmocka_unit_test(messages_of_newer_versions_are_violations),
		cmocka_unit_test(messages_of_the_host_are_violations),
		cmocka_unit_test(packets_of_other_kinds_are_violations),
		cmocka_unit_test(
			completions_are_given_only_where_they_are_wanted),
		cmocka_unit_test(buffers_have_their_limits),
		cmocka_unit_test(sections_are_as_long_as_the_mtu_needs),
		cmocka_unit_test(the_mtu_is_bounded),
		cmocka_unit_test(sub_channels_are_granted_up_to_the_limit),
		cmocka_unit_test(a_sub_channel_waits_for_the_primary),
		cmocka_unit_test(sections_of_the_send_buffer_are_bounded),
		cmocka_unit_test(a_frame_after_the_revoke_fails_alone),
		cmocka_unit_test(an_old_query_is_not_supported),
		cmocka_unit_test(a_virtual_function_is_told_to_who_can_use_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
