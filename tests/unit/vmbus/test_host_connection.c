/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The host end: versions, offers, pressure, sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/vmbus/host_rig.h"
#include "vmbus/messages.h"

static struct host_rig rig;

static void init_refuses_missing_tables(void **state)
{
	struct vmbus_host_config good = {
		.channels = rig.channels,
		.channel_count = 1,
		.gpadls = rig.gpadls,
		.gpadl_count = 5,
		.values = rig.values,
		.value_count = 1,
		.messages = rig.messages,
		.message_count = 2,
		.vp_count = 1,
	};
	struct vmbus_host_config bad[11];
	u32 i;

	(void)state;
	assert_int_equal(vmbus_host_init(&rig.host, &good), VMBUS_OK);
	for (i = 0; i < PORT_ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].channels = NULL;
	bad[1].channel_count = 0;
	bad[2].channel_count = VMBUS_RELID_MAX + 1;
	bad[3].gpadls = NULL;
	bad[4].gpadl_count = VMBUS_HOST_GPADL_SPARE;
	bad[5].values = NULL;
	bad[6].value_count = 0;
	bad[7].messages = NULL;
	bad[8].message_count = 1;
	bad[9].vp_count = 0;
	bad[10].newest_version = VMBUS_VERSION(0, 12);
	for (i = 0; i < PORT_ARRAY_SIZE(bad); i++)
		assert_int_equal(vmbus_host_init(&rig.host, &bad[i]),
				 VMBUS_BAD_ARGUMENT);
}

static void check_version_answer(u32 asked, bool taken)
{
	const struct vmbus_message_version_response *answer =
		rig_expect(&rig, VMBUS_MESSAGE_VERSION_RESPONSE);

	assert_int_equal(answer->supported, taken);
	assert_int_equal(answer->connection_state, 0);
	assert_int_equal(answer->padding, 0);
	if (!taken)
		assert_int_equal(answer->version_or_connection_id, 0);
	else if (asked >= VMBUS_VERSION_5_0)
		assert_int_equal(answer->version_or_connection_id, 4);
	else
		assert_int_equal(answer->version_or_connection_id, asked);
	rig_expect_silence(&rig);
	assert_int_equal(vmbus_host_version(&rig.host), taken ? asked : 0);
}

static void every_version_is_answered(void **state)
{
	static const struct {
		u32 version;
		bool taken;
	} rows[] = {
		{ VMBUS_VERSION(2, 4), true },
		{ VMBUS_VERSION(3, 0), true },
		{ VMBUS_VERSION(4, 0), true },
		{ VMBUS_VERSION(4, 1), true },
		{ VMBUS_VERSION(5, 0), true },
		{ VMBUS_VERSION(5, 1), true },
		{ VMBUS_VERSION(5, 2), true },
		{ VMBUS_VERSION(5, 3), true },
		{ VMBUS_VERSION(6, 0), false },
		{ VMBUS_VERSION(5, 4), false },
		{ VMBUS_VERSION(0, 13), true },
		{ VMBUS_VERSION(1, 1), true },
		{ VMBUS_VERSION(1, 0), false },
		{ 0, false },
		{ ~0u, false },
	};
	u32 i;

	(void)state;
	rig_init(&rig);
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		rig_post_contact(&rig, rows[i].version);
		check_version_answer(rows[i].version, rows[i].taken);
		rig_expect_no_violation(&rig);
		if (rows[i].taken)
			assert_int_equal(rig.last[VMBUS_HOST_CONNECTED]
						 .connected.version,
					 rows[i].version);
	}
	assert_int_equal(rig.counts[VMBUS_HOST_CONNECTED], 10);
	assert_int_equal(rig.counts[VMBUS_HOST_DISCONNECTED], 10);
}

static void a_newest_version_bounds_what_is_taken(void **state)
{
	(void)state;
	rig_init_version(&rig, VMBUS_VERSION_4_1);
	rig_post_contact(&rig, VMBUS_VERSION_5_0);
	check_version_answer(VMBUS_VERSION_5_0, false);
	rig_post_contact(&rig, VMBUS_VERSION_4_1);
	check_version_answer(VMBUS_VERSION_4_1, true);
}

static void post_contact(u32 version, u32 vp, u8 sint, u8 vtl)
{
	struct vmbus_message_contact message = {
		.header.type = VMBUS_MESSAGE_CONTACT,
		.version = version,
		.target_vp = vp,
		.target = { .sint = sint, .vtl = vtl },
	};

	assert_int_equal(rig_post(&rig, &message, sizeof(message)), VMBUS_OK);
}

static void answers_go_where_the_contact_says(void **state)
{
	u32 sint;

	(void)state;
	rig_init(&rig);
	post_contact(VMBUS_VERSION_5_3, 1, 5, 0);
	assert_int_equal(rig.sent[rig.sent_first].vp, 1);
	assert_int_equal(rig.sent[rig.sent_first].sint, 5);
	rig_expect(&rig, VMBUS_MESSAGE_VERSION_RESPONSE);
	/* From 3.0 the processor, the SINT not yet. */
	post_contact(VMBUS_VERSION_3_0, 1, 5, 0);
	assert_int_equal(rig.sent[rig.sent_first].vp, 1);
	assert_int_equal(rig.sent[rig.sent_first].sint, 2);
	rig_expect(&rig, VMBUS_MESSAGE_VERSION_RESPONSE);
	post_contact(VMBUS_VERSION_2_4, 1, 5, 0);
	assert_int_equal(rig.sent[rig.sent_first].vp, 0);
	assert_int_equal(rig.sent[rig.sent_first].sint, 2);
	rig_expect(&rig, VMBUS_MESSAGE_VERSION_RESPONSE);

	/* Nothing can be answered where nothing is. */
	post_contact(VMBUS_VERSION_5_3, RIG_VPS, 2, 0);
	rig_expect_violation(&rig, VMBUS_E_CONTACT_TARGET, 0);
	post_contact(VMBUS_VERSION_5_3, 0, 2, 2);
	rig_expect_violation(&rig, VMBUS_E_CONTACT_TARGET, 0);
	for (sint = 16; sint < 256; sint++) {
		post_contact(VMBUS_VERSION_5_3, 0, (u8)sint, 0);
		rig_expect_violation(&rig, VMBUS_E_CONTACT_TARGET, 0);
	}
	post_contact(VMBUS_VERSION_5_3, 0, 0, 0);
	rig_expect_violation(&rig, VMBUS_E_CONTACT_TARGET, 0);
	rig_expect_silence(&rig);
	assert_int_equal(vmbus_host_version(&rig.host), VMBUS_VERSION_2_4);
}

static void only_two_connections_take_messages(void **state)
{
	struct vmbus_message_contact message = {
		.header.type = VMBUS_MESSAGE_CONTACT,
		.version = VMBUS_VERSION_2_4,
	};
	u32 id;

	(void)state;
	rig_init(&rig);
	for (id = 0; id < 64; id++)
		assert_int_equal(vmbus_host_receive(&rig.host, id, &message,
						    sizeof(message)),
				 id == 1 || id == 4 ? VMBUS_OK
						    : VMBUS_E_CONNECTION_ID);
}

static void offers_carry_what_the_service_said(void **state)
{
	struct vmbus_offer offer = rig_device(3, 0);
	const struct vmbus_message_offer *message;
	u32 relid, plain;

	(void)state;
	rig_init(&rig);
	plain = rig_offer(&rig, 1, 0);
	offer.monitored = true;
	offer.mmio_optional_mib = 3;
	assert_int_equal(vmbus_host_offer(&rig.host, &offer, &relid), VMBUS_OK);
	assert_int_equal(plain, 1);
	assert_int_equal(relid, 2);
	assert_int_equal(vmbus_host_monitor_id(&rig.host, 1),
			 VMBUS_MONITOR_ID_NONE);
	assert_int_equal(vmbus_host_monitor_id(&rig.host, 2), 0);
	rig_post_contact(&rig, VMBUS_VERSION_5_3);
	rig_expect(&rig, VMBUS_MESSAGE_VERSION_RESPONSE);
	rig_expect_silence(&rig);
	rig_post_header(&rig, VMBUS_MESSAGE_REQUEST_OFFERS);

	message = rig_expect(&rig, VMBUS_MESSAGE_OFFER);
	assert_int_equal(message->relid, 1);
	assert_int_equal(message->monitor_id, VMBUS_MONITOR_ID_NONE);
	assert_int_equal(message->monitor_allocated, 0);
	message = rig_expect(&rig, VMBUS_MESSAGE_OFFER);
	assert_memory_equal(&message->type, &offer.type, 16);
	assert_memory_equal(&message->instance, &offer.instance, 16);
	assert_memory_equal(message->user_data, offer.user_data, 120);
	assert_int_equal(message->flags, offer.flags);
	assert_int_equal(message->mmio_mib, 8);
	assert_int_equal(message->mmio_optional_mib, 3);
	assert_int_equal(message->subchannel_index, 0);
	assert_int_equal(message->relid, 2);
	assert_int_equal(message->monitor_id, 0);
	assert_int_equal(message->monitor_allocated, 1);
	assert_int_equal(message->dedicated_interrupt, 1);
	assert_int_equal(message->connection_id, vmbus_host_connection_id(2));
	assert_true(message->connection_id < VMBUS_CONNECTION_ID_LIMIT);
	rig_expect(&rig, VMBUS_MESSAGE_OFFERS_DELIVERED);

	/* What comes later is offered at once. */
	rig_offer(&rig, 4, 0);
	message = rig_expect(&rig, VMBUS_MESSAGE_OFFER);
	assert_int_equal(message->relid, 3);
	rig_expect_silence(&rig);
}

static void offers_have_their_minimum_version(void **state)
{
	struct vmbus_offer offer = rig_device(1, 0);
	u32 relid;

	(void)state;
	rig_init(&rig);
	offer.minimum_version = VMBUS_VERSION_5_0;
	assert_int_equal(vmbus_host_offer(&rig.host, &offer, &relid), VMBUS_OK);
	rig_post_contact(&rig, VMBUS_VERSION_4_1);
	rig_expect(&rig, VMBUS_MESSAGE_VERSION_RESPONSE);
	rig_post_header(&rig, VMBUS_MESSAGE_REQUEST_OFFERS);
	rig_expect(&rig, VMBUS_MESSAGE_OFFERS_DELIVERED);
	rig_expect_silence(&rig);
	rig_post_contact(&rig, VMBUS_VERSION_5_0);
	rig_expect(&rig, VMBUS_MESSAGE_VERSION_RESPONSE);
	rig_post_header(&rig, VMBUS_MESSAGE_REQUEST_OFFERS);
	rig_expect(&rig, VMBUS_MESSAGE_OFFER);
	rig_expect(&rig, VMBUS_MESSAGE_OFFERS_DELIVERED);
}

static void the_callers_mistakes_are_told(void **state)
{
	struct vmbus_offer offer = rig_device(1, 0);
	u32 relid, i;

	(void)state;
	rig_init(&rig);
	assert_int_equal(vmbus_host_offer(&rig.host, &offer, &relid), VMBUS_OK);
	assert_int_equal(vmbus_host_offer(&rig.host, &offer, &relid),
			 VMBUS_BAD_ARGUMENT);
	offer = rig_device(2, 1);
	assert_int_equal(vmbus_host_offer(&rig.host, &offer, &relid),
			 VMBUS_BAD_ARGUMENT);
	for (i = 2; i <= RIG_CHANNELS; i++)
		rig_offer(&rig, (u8)i, 0);
	offer = rig_device(100, 0);
	assert_int_equal(vmbus_host_offer(&rig.host, &offer, &relid),
			 VMBUS_AGAIN);
	assert_int_equal(vmbus_host_rescind(&rig.host, 0), VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_host_rescind(&rig.host, 99), VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_host_rescind(&rig.host, 1), VMBUS_OK);
	assert_int_equal(vmbus_host_rescind(&rig.host, 1), VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_host_open_done(&rig.host, 2, 0),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_host_close_done(&rig.host, 2),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_host_close_done(&rig.host, 0),
			 VMBUS_BAD_ARGUMENT);
}

static void monitor_ids_run_out_and_come_back(void **state)
{
	static struct vmbus_host_channel channels[VMBUS_MONITOR_COUNT + 2];
	struct vmbus_host_config config = {
		.channels = channels,
		.channel_count = 130,
		.gpadls = rig.gpadls,
		.gpadl_count = 5,
		.values = rig.values,
		.value_count = 1,
		.messages = rig.messages,
		.message_count = 2,
		.vp_count = 1,
	};
	struct vmbus_host_action action;
	struct vmbus_offer offer;
	u32 i, relid;

	(void)state;
	assert_int_equal(vmbus_host_init(&rig.host, &config), VMBUS_OK);
	for (i = 0; i < VMBUS_MONITOR_COUNT; i++) {
		offer = rig_device((u8)i, 0);
		offer.monitored = true;
		assert_int_equal(vmbus_host_offer(&rig.host, &offer, &relid),
				 VMBUS_OK);
		assert_int_equal(vmbus_host_monitor_id(&rig.host, relid), i);
	}
	offer = rig_device(200, 0);
	offer.monitored = true;
	assert_int_equal(vmbus_host_offer(&rig.host, &offer, &relid),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_host_rescind(&rig.host, 65), VMBUS_OK);
	assert_true(vmbus_host_next(&rig.host, &action));
	assert_int_equal(action.type, VMBUS_HOST_RELEASED);
	assert_int_equal(vmbus_host_offer(&rig.host, &offer, &relid), VMBUS_OK);
	assert_int_equal(vmbus_host_monitor_id(&rig.host, relid), 64);
}

static void pressure_goes_back_to_the_guest(void **state)
{
	struct vmbus_message_open open = {
		.header.type = VMBUS_MESSAGE_OPEN,
		.relid = 1,
		.ring_gpadl = 12345,
	};
	u32 i, taken = 0;

	(void)state;
	rig_connect(&rig, VMBUS_VERSION_5_3, 1);
	rig.slot_busy = true;
	for (i = 0; i < 20; i++) {
		open.open_id = i;
		if (rig_post(&rig, &open, sizeof(open)) == VMBUS_OK)
			taken++;
	}
	/* One on its way out, the others in their places. */
	assert_int_equal(taken, RIG_MESSAGES + 1);
	rig.slot_busy = false;
	rig_pump(&rig);
	for (i = 0; i < taken; i++) {
		const struct vmbus_message_open_result *result =
			rig_expect(&rig, VMBUS_MESSAGE_OPEN_RESULT);

		assert_int_equal(result->open_id, i);
	}
	rig_expect_silence(&rig);
	assert_int_equal(rig_post(&rig, &open, sizeof(open)), VMBUS_OK);
}

static void a_new_contact_comes_through_all_pressure(void **state)
{
	struct vmbus_message_open open = {
		.header.type = VMBUS_MESSAGE_OPEN,
		.relid = 1,
		.ring_gpadl = 12345,
	};

	(void)state;
	rig_connect(&rig, VMBUS_VERSION_5_3, 1);
	rig.slot_busy = true;
	while (rig_post(&rig, &open, sizeof(open)) == VMBUS_OK)
		;
	rig_post_contact(&rig, VMBUS_VERSION_4_0);
	rig.slot_busy = false;
	rig_pump(&rig);
	/* And nothing that was meant for the kernel before it. */
	check_version_answer(VMBUS_VERSION_4_0, true);
}

static void sockets_are_passed_through(void **state)
{
	struct vmbus_message_socket_connect_silo request = {
		.base.header.type = VMBUS_MESSAGE_SOCKET_CONNECT,
		.base.endpoint.bytes = { 1, 2, 3 },
		.base.service.bytes = { 4, 5, 6 },
		.silo.bytes = { 7, 8, 9 },
	};
	const struct vmbus_message_socket_result *result;
	static const struct guid none;
	u32 version, i;

	(void)state;
	rig_connect(&rig, VMBUS_VERSION_4_0, 0);
	rig_post(&rig, &request, sizeof(request));
	assert_int_equal(rig.counts[VMBUS_HOST_SOCKET_CONNECT], 1);
	assert_memory_equal(&rig.last[VMBUS_HOST_SOCKET_CONNECT].socket.silo,
			    &none, sizeof(none));
	/* Below 4.1 a refusal cannot be told. */
	assert_int_equal(vmbus_host_socket_result(
				 &rig.host, &request.base.endpoint,
				 &request.base.service, VMBUS_RESULT_REFUSED),
			 VMBUS_OK);
	rig_pump(&rig);
	rig_expect_silence(&rig);

	for (version = VMBUS_VERSION_5_2; version <= VMBUS_VERSION_5_3;
	     version++) {
		rig_connect(&rig, version, 0);
		rig_post(&rig, &request, sizeof(request));
		assert_memory_equal(
			&rig.last[VMBUS_HOST_SOCKET_CONNECT].socket.silo,
			&request.silo, sizeof(none));
		rig_post(&rig, &request, sizeof(request) - 1);
		assert_memory_equal(
			&rig.last[VMBUS_HOST_SOCKET_CONNECT].socket.silo, &none,
			sizeof(none));
		assert_memory_equal(
			&rig.last[VMBUS_HOST_SOCKET_CONNECT].socket.endpoint,
			&request.base.endpoint, sizeof(none));
		assert_memory_equal(
			&rig.last[VMBUS_HOST_SOCKET_CONNECT].socket.service,
			&request.base.service, sizeof(none));
	}
	assert_int_equal(vmbus_host_socket_result(
				 &rig.host, &request.base.endpoint,
				 &request.base.service, VMBUS_RESULT_REFUSED),
			 VMBUS_OK);
	rig_pump(&rig);
	result = rig_expect(&rig, VMBUS_MESSAGE_SOCKET_RESULT);
	assert_int_equal(result->status, VMBUS_RESULT_REFUSED);
	assert_memory_equal(&result->endpoint, &request.base.endpoint, 16);
	assert_memory_equal(&result->service, &request.base.service, 16);

	/* Requests that nobody takes off are not kept without end. */
	for (i = 0; i < VMBUS_HOST_SOCKETS; i++)
		assert_int_equal(vmbus_host_receive(&rig.host, 4, &request,
						    sizeof(request)),
				 VMBUS_OK);
	assert_int_equal(
		vmbus_host_receive(&rig.host, 4, &request, sizeof(request)),
		VMBUS_AGAIN);
	/* Nor answers. */
	for (i = 0; i < RIG_MESSAGES; i++)
		vmbus_host_socket_result(&rig.host, &none, &none, 1);
	assert_int_equal(vmbus_host_socket_result(&rig.host, &none, &none, 1),
			 VMBUS_AGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_refuses_missing_tables),
		cmocka_unit_test(every_version_is_answered),
		cmocka_unit_test(a_newest_version_bounds_what_is_taken),
		cmocka_unit_test(answers_go_where_the_contact_says),
		cmocka_unit_test(only_two_connections_take_messages),
		cmocka_unit_test(offers_carry_what_the_service_said),
		cmocka_unit_test(offers_have_their_minimum_version),
		cmocka_unit_test(the_callers_mistakes_are_told),
		cmocka_unit_test(monitor_ids_run_out_and_come_back),
		cmocka_unit_test(pressure_goes_back_to_the_guest),
		cmocka_unit_test(a_new_contact_comes_through_all_pressure),
		cmocka_unit_test(sockets_are_passed_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
