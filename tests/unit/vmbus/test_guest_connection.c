/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The guest end: negotiation, offers, sizes and turns of messages, unloading.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/vmbus/guest_rig.h"
#include "vmbus/messages.h"

static struct guest_rig rig;

static void init_refuses_missing_tables(void **state)
{
	struct vmbus_guest_config good = {
		.channels = rig.channels,
		.channel_count = 1,
		.gpadls = rig.gpadls,
		.gpadl_count = 1,
		.jobs = rig.jobs,
		.job_count = 1,
		.target_sint = 2,
	};
	struct vmbus_guest_config bad[10];
	u32 i;

	(void)state;
	assert_int_equal(vmbus_guest_init(&rig.guest, &good), VMBUS_OK);
	for (i = 0; i < PORT_ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].channels = NULL;
	bad[1].channel_count = 0;
	bad[2].channel_count = VMBUS_RELID_MAX + 1;
	bad[3].gpadls = NULL;
	bad[4].gpadl_count = 0;
	bad[5].jobs = NULL;
	bad[6].job_count = 0;
	bad[7].target_sint = 0;
	bad[8].target_sint = 16;
	bad[9].oldest_version = VMBUS_VERSION_6_0;
	for (i = 0; i < PORT_ARRAY_SIZE(bad); i++)
		assert_int_equal(vmbus_guest_init(&rig.guest, &bad[i]),
				 VMBUS_BAD_ARGUMENT);
}

static void check_contact(u32 version)
{
	const struct vmbus_message_contact *message =
		grig_expect(&rig, VMBUS_MESSAGE_CONTACT);

	assert_int_equal(message->version, version);
	assert_int_equal(message->target_vp, 3);
	assert_int_equal(message->monitor_to_guest_gpa, 0x222000);
	assert_int_equal(message->monitor_to_host_gpa, 0x333000);
	assert_int_equal(rig.last.size_bytes, 40);
	if (version >= VMBUS_VERSION_5_0) {
		assert_int_equal(rig.last.connection_id, 4);
		assert_int_equal(message->target.sint, VMBUS_MESSAGE_SINT);
		assert_int_equal(message->target.vtl, 0);
		assert_int_equal(message->target.features, 0);
	} else {
		assert_int_equal(rig.last.connection_id, 1);
		assert_int_equal(message->interrupt_page_gpa, 0x111000);
	}
	grig_expect_silence(&rig);
}

/* Every version is asked, newest first, until one is taken. */
static void versions_are_tried_downwards(void **state)
{
	static const u32 order[] = {
		VMBUS_VERSION_5_3, VMBUS_VERSION_5_2, VMBUS_VERSION_5_1,
		VMBUS_VERSION_5_0, VMBUS_VERSION_4_1, VMBUS_VERSION_4_0,
		VMBUS_VERSION_3_0, VMBUS_VERSION_2_4,
	};
	u32 taken, i;

	(void)state;
	for (taken = 0; taken <= PORT_ARRAY_SIZE(order); taken++) {
		grig_init(&rig, 0, 0);
		assert_int_equal(vmbus_guest_connect(&rig.guest), VMBUS_OK);
		assert_int_equal(vmbus_guest_connect(&rig.guest),
				 VMBUS_BAD_ARGUMENT);
		grig_pump(&rig);
		for (i = 0; i < taken; i++) {
			check_contact(order[i]);
			grig_told_nothing(&rig);
			grig_say_version(&rig, 0, 0, 0);
		}
		if (taken == PORT_ARRAY_SIZE(order)) {
			assert_int_equal(
				grig_told(&rig, VMBUS_GUEST_REFUSED)->reason,
				VMBUS_E_VERSION_REFUSED);
			assert_int_equal(vmbus_guest_version(&rig.guest), 0);
			grig_expect_silence(&rig);
			assert_int_equal(vmbus_guest_connect(&rig.guest),
					 VMBUS_OK);
			continue;
		}
		check_contact(order[taken]);
		grig_say_version(&rig, 1, 0, 0x1234);
		assert_int_equal(
			grig_told(&rig, VMBUS_GUEST_CONNECTED)->version,
			order[taken]);
		assert_int_equal(vmbus_guest_version(&rig.guest), order[taken]);
		/* Where messages go from now on. */
		assert_int_equal(vmbus_guest_request_offers(&rig.guest), 0);
		grig_pump(&rig);
		grig_expect(&rig, VMBUS_MESSAGE_REQUEST_OFFERS);
		assert_int_equal(rig.last.connection_id,
				 order[taken] >= VMBUS_VERSION_5_0 ? 0x1234
								   : 1);
	}
}

static void an_unknown_connection_means_an_older_host(void **state)
{
	struct vmbus_guest_action action;
	u32 tried = 0;

	(void)state;
	grig_init(&rig, 0, 0);
	assert_int_equal(vmbus_guest_connect(&rig.guest), VMBUS_OK);
	while (vmbus_guest_next(&rig.guest, &action) &&
	       action.type == VMBUS_GUEST_SEND &&
	       action.send.connection_id == 4) {
		vmbus_guest_send_refused(&rig.guest);
		tried++;
	}
	assert_int_equal(tried, 4);
	assert_int_equal(action.type, VMBUS_GUEST_SEND);
	vmbus_guest_resend(&rig.guest);
	grig_pump(&rig);
	check_contact(VMBUS_VERSION_4_1);
}

static void a_busy_host_is_asked_again(void **state)
{
	(void)state;
	grig_init(&rig, 0, 0);
	rig.host_busy = true;
	assert_int_equal(vmbus_guest_connect(&rig.guest), VMBUS_OK);
	grig_pump(&rig);
	grig_pump(&rig);
	grig_expect_silence(&rig);
	rig.host_busy = false;
	grig_pump(&rig);
	check_contact(VMBUS_VERSION_5_3);
	grig_pump(&rig);
	grig_expect_silence(&rig);
}

static void a_bound_is_kept(void **state)
{
	(void)state;
	grig_init(&rig, VMBUS_VERSION_4_0, VMBUS_VERSION_5_0);
	assert_int_equal(vmbus_guest_connect(&rig.guest), VMBUS_OK);
	grig_pump(&rig);
	check_contact(VMBUS_VERSION_5_0);
	grig_say_version(&rig, 0, 0, 0);
	check_contact(VMBUS_VERSION_4_1);
	grig_say_version(&rig, 0, 0, 0);
	check_contact(VMBUS_VERSION_4_0);
	grig_say_version(&rig, 0, 0, 0);
	grig_told(&rig, VMBUS_GUEST_REFUSED);
}

static void answers_that_help_nobody_end_it(void **state)
{
	static const u32 bad_ids[] = { 0, VMBUS_CONNECTION_ID_LIMIT, ~0u };
	u32 i;

	(void)state;
	grig_init(&rig, 0, 0);
	assert_int_equal(vmbus_guest_connect(&rig.guest), VMBUS_OK);
	grig_pump(&rig);
	check_contact(VMBUS_VERSION_5_3);
	grig_say_version(&rig, 1, VMBUS_CONNECTION_FAILED, 4);
	grig_told(&rig, VMBUS_GUEST_REFUSED);
	for (i = 0; i < PORT_ARRAY_SIZE(bad_ids); i++) {
		assert_int_equal(vmbus_guest_connect(&rig.guest), VMBUS_OK);
		grig_pump(&rig);
		check_contact(VMBUS_VERSION_5_3);
		grig_say_version(&rig, 1, 0, bad_ids[i]);
		assert_int_equal(grig_told(&rig, VMBUS_GUEST_REFUSED)->reason,
				 VMBUS_E_CONNECTION_ID);
		grig_told_violation(&rig, VMBUS_E_CONNECTION_ID, 0);
	}
	/* An answer that nobody waits for. */
	grig_connect(&rig, VMBUS_VERSION_5_3, 1);
	grig_say_version(&rig, 1, 0, 4);
	grig_told_violation(&rig, VMBUS_E_MESSAGE_STATE, 0);
	grig_say_version(&rig, 0, 0, 0);
	grig_told_violation(&rig, VMBUS_E_MESSAGE_STATE, 0);
	assert_int_equal(vmbus_guest_version(&rig.guest), VMBUS_VERSION_5_3);
}

/* Every type a host may send. */
static void every_message_is_refused_when_cut_short(void **state)
{
	u8 payload[VMBUS_SYNIC_PAYLOAD_MAX] = { 0 };
	u32 type, size, tried = 0;

	(void)state;
	for (type = 0; type < VMBUS_MESSAGE_TYPE_COUNT; type++) {
		const struct vmbus_message_rule *rule =
			vmbus_message_rule(type);

		if (!rule || rule->sender != VMBUS_END_HOST)
			continue;
		grig_connect(&rig, VMBUS_VERSION_5_3, 2);
		grig_open(&rig, 1);
		memset(payload, 1, sizeof(payload));
		memcpy(payload, &type, sizeof(type));
		for (size = 0; size < rule->size_bytes; size++) {
			/* A block of its own size: ASan sees a byte beyond. */
			u8 *cut = test_malloc(size + 1);

			memcpy(cut, payload, size);
			grig_deliver(&rig, cut, size);
			assert_int_equal(grig_told(&rig, VMBUS_GUEST_VIOLATION)
						 ->violation.reason,
					 VMBUS_E_MESSAGE_SIZE);
			grig_told_nothing(&rig);
			test_free(cut);
		}
		grig_expect_silence(&rig);
		tried++;
	}
	assert_int_equal(tried, 10);
}

static void unknown_wrong_way_and_too_new_is_refused(void **state)
{
	u8 payload[VMBUS_SYNIC_PAYLOAD_MAX + 1] = { 0 };
	u32 type;

	(void)state;
	grig_connect(&rig, VMBUS_VERSION_5_3, 1);
	for (type = 0; type < 100; type++) {
		const struct vmbus_message_rule *rule =
			vmbus_message_rule(type);

		memcpy(payload, &type, sizeof(type));
		if (rule && rule->sender == VMBUS_END_HOST) {
			grig_deliver(&rig, payload, sizeof(payload));
			grig_told_violation(&rig, VMBUS_E_MESSAGE_SIZE, 0);
		} else {
			grig_deliver(&rig, payload, VMBUS_SYNIC_PAYLOAD_MAX);
			grig_told_violation(&rig, VMBUS_E_MESSAGE_TYPE, 0);
		}
	}
	grig_connect(&rig, VMBUS_VERSION_4_0, 1);
	grig_say(&rig, VMBUS_MESSAGE_SOCKET_RESULT, 0, 0, 0);
	grig_told_violation(&rig, VMBUS_E_MESSAGE_VERSION, 0);
	grig_connect(&rig, VMBUS_VERSION_5_2, 1);
	grig_say(&rig, VMBUS_MESSAGE_MODIFY_RESPONSE, 1, 0, 0);
	grig_told_violation(&rig, VMBUS_E_MESSAGE_VERSION, 1);
	grig_say(&rig, VMBUS_MESSAGE_SOCKET_RESULT, 0, 0, 0);
	grig_told(&rig, VMBUS_GUEST_SOCKET_RESULT);
}

static void what_was_meant_for_an_earlier_kernel_is_ignored(void **state)
{
	u8 payload[VMBUS_SYNIC_PAYLOAD_MAX] = { 0 };
	u32 type, round;

	(void)state;
	grig_init(&rig, 0, 0);
	for (round = 0; round < 2; round++) {
		for (type = 0; type < VMBUS_MESSAGE_TYPE_COUNT; type++) {
			const struct vmbus_message_rule *rule =
				vmbus_message_rule(type);

			if (!rule || rule->sender != VMBUS_END_HOST ||
			    (round && type == VMBUS_MESSAGE_VERSION_RESPONSE))
				continue;
			memcpy(payload, &type, sizeof(type));
			grig_deliver(&rig, payload, rule->size_bytes);
			grig_told_nothing(&rig);
		}
		if (!round)
			vmbus_guest_connect(&rig.guest);
		grig_pump(&rig);
	}
	check_contact(VMBUS_VERSION_5_3);
}

static void offers_are_passed_on_whole(void **state)
{
	struct vmbus_message_offer offer = grig_offer(7, 9, 0);
	const struct vmbus_guest_action *told;

	(void)state;
	grig_connect(&rig, VMBUS_VERSION_5_3, 1);
	offer.monitor_allocated = 1;
	offer.monitor_id = 127;
	offer.mmio_optional_mib = 5;
	grig_deliver(&rig, &offer, sizeof(offer));
	told = grig_told(&rig, VMBUS_GUEST_OFFERED);
	assert_int_equal(told->relid, 7);
	assert_memory_equal(&told->offered.offer->type, &offer.type, 16);
	assert_memory_equal(&told->offered.offer->instance, &offer.instance,
			    16);
	assert_memory_equal(told->offered.offer->user_data, offer.user_data,
			    120);
	assert_int_equal(told->offered.offer->flags, offer.flags);
	assert_int_equal(told->offered.offer->mmio_mib, 8);
	assert_int_equal(told->offered.offer->mmio_optional_mib, 5);
	assert_int_equal(told->offered.connection_id, 0x10007);
	assert_int_equal(told->offered.monitor_id, 127);
	assert_true(told->offered.dedicated_interrupt);
	grig_say_offer(&rig, 8, 9, 3);
	told = grig_told(&rig, VMBUS_GUEST_OFFERED);
	assert_int_equal(told->offered.offer->subchannel_index, 3);
	assert_int_equal(told->offered.monitor_id, VMBUS_MONITOR_ID_NONE);
}

static void refuse_offer(const struct vmbus_message_offer *offer,
			 enum vmbus_status reason)
{
	grig_deliver(&rig, offer, sizeof(*offer));
	grig_told_violation(&rig, reason, 0);
}

static void offers_that_contradict_are_refused(void **state)
{
	struct vmbus_message_offer offer;

	(void)state;
	grig_init(&rig, VMBUS_VERSION_5_3, 0);
	vmbus_guest_connect(&rig.guest);
	grig_pump(&rig);
	grig_say_version(&rig, 1, 0, 4);
	grig_told(&rig, VMBUS_GUEST_CONNECTED);
	offer = grig_offer(1, 1, 0);
	refuse_offer(&offer, VMBUS_E_MESSAGE_STATE); /* nobody asked */
	grig_say(&rig, VMBUS_MESSAGE_OFFERS_DELIVERED, 0, 0, 0);
	grig_told_violation(&rig, VMBUS_E_MESSAGE_STATE, 0);

	grig_connect(&rig, VMBUS_VERSION_5_3, 2);
	offer = grig_offer(0, 9, 0);
	refuse_offer(&offer, VMBUS_E_OFFER);
	offer = grig_offer(VMBUS_RELID_MAX + 1, 9, 0);
	refuse_offer(&offer, VMBUS_E_OFFER);
	offer = grig_offer(1, 9, 0);
	refuse_offer(&offer, VMBUS_E_OFFER); /* the relid is another's */
	offer = grig_offer(9, 1, 0);
	refuse_offer(&offer, VMBUS_E_OFFER); /* the device is there */
	offer = grig_offer(9, 9, 0);
	offer.connection_id = VMBUS_CONNECTION_ID_LIMIT;
	refuse_offer(&offer, VMBUS_E_OFFER);
	offer = grig_offer(9, 9, 0);
	offer.monitor_allocated = 1;
	offer.monitor_id = 128;
	refuse_offer(&offer, VMBUS_E_OFFER);
	grig_say(&rig, VMBUS_MESSAGE_OFFERS_DELIVERED, 0, 0, 0);
	grig_told_violation(&rig, VMBUS_E_MESSAGE_STATE, 0);

	/* And no more than are held. */
	grig_connect(&rig, VMBUS_VERSION_5_3, GRIG_CHANNELS);
	offer = grig_offer(99, 99, 0);
	refuse_offer(&offer, VMBUS_E_OFFER_LIMIT);
	assert_int_equal(vmbus_guest_release(&rig.guest, 2), VMBUS_OK);
	grig_deliver(&rig, &offer, sizeof(offer));
	grig_told(&rig, VMBUS_GUEST_OFFERED);
}

static void a_flood_of_violations_is_counted_not_kept(void **state)
{
	struct vmbus_message_header bad = { .type = 99 };
	u32 i;

	(void)state;
	grig_connect(&rig, VMBUS_VERSION_5_3, 1);
	for (i = 0; i < 1000; i++)
		assert_int_equal(
			vmbus_guest_receive(&rig.guest, &bad, sizeof(bad)),
			VMBUS_OK);
	grig_pump(&rig);
	for (i = 0; i < VMBUS_GUEST_REPORTS; i++)
		assert_int_equal(
			grig_told(&rig, VMBUS_GUEST_VIOLATION)->violation.total,
			1000);
	grig_told_nothing(&rig);
}

static void sockets_are_asked_for_and_answered(void **state)
{
	struct vmbus_message_socket_result result = {
		.header.type = VMBUS_MESSAGE_SOCKET_RESULT,
		.endpoint.bytes = { 1 },
		.service.bytes = { 2 },
		.status = VMBUS_RESULT_REFUSED,
	};
	const struct vmbus_message_socket_connect *request;
	const struct vmbus_guest_action *told;
	u32 i;

	(void)state;
	grig_connect(&rig, VMBUS_VERSION_3_0, 1);
	assert_int_equal(vmbus_guest_socket_connect(
				 &rig.guest, &result.endpoint, &result.service),
			 VMBUS_BAD_ARGUMENT);
	grig_connect(&rig, VMBUS_VERSION_4_1, 1);
	assert_int_equal(vmbus_guest_socket_connect(
				 &rig.guest, &result.endpoint, &result.service),
			 VMBUS_OK);
	grig_pump(&rig);
	request = grig_expect(&rig, VMBUS_MESSAGE_SOCKET_CONNECT);
	assert_int_equal(rig.last.size_bytes, 40);
	assert_memory_equal(&request->endpoint, &result.endpoint, 16);
	assert_memory_equal(&request->service, &result.service, 16);
	grig_deliver(&rig, &result, sizeof(result));
	told = grig_told(&rig, VMBUS_GUEST_SOCKET_RESULT);
	assert_int_equal(told->socket.status, VMBUS_RESULT_REFUSED);
	assert_memory_equal(&told->socket.endpoint, &result.endpoint, 16);
	/* Answers that nobody takes stay in their slots. */
	for (i = 0; i < VMBUS_GUEST_SOCKETS; i++)
		assert_int_equal(vmbus_guest_receive(&rig.guest, &result,
						     sizeof(result)),
				 VMBUS_OK);
	assert_int_equal(
		vmbus_guest_receive(&rig.guest, &result, sizeof(result)),
		VMBUS_AGAIN);
	grig_pump(&rig);
	assert_int_equal(
		vmbus_guest_receive(&rig.guest, &result, sizeof(result)),
		VMBUS_OK);
	/* Requests that cannot be sent are not taken. */
	rig.host_busy = true;
	for (i = 0; i < GRIG_JOBS; i++)
		assert_int_equal(vmbus_guest_socket_connect(&rig.guest,
							    &result.endpoint,
							    &result.service),
				 VMBUS_OK);
	assert_int_equal(vmbus_guest_socket_connect(
				 &rig.guest, &result.endpoint, &result.service),
			 VMBUS_AGAIN);
}

static void unloading_ends_all(void **state)
{
	u32 id;
	u64 pfn = 1;

	(void)state;
	grig_connect(&rig, VMBUS_VERSION_5_3, 2);
	grig_open(&rig, 1);
	rig.host_busy = true;
	assert_int_equal(
		vmbus_guest_gpadl_create(&rig.guest, 1, 0, 4096, &pfn, &id),
		VMBUS_OK);
	grig_pump(&rig);
	assert_int_equal(vmbus_guest_unload(&rig.guest), VMBUS_OK);
	assert_int_equal(vmbus_guest_unload(&rig.guest), VMBUS_BAD_ARGUMENT);
	/* An answer to what was not asked yet. */
	grig_say(&rig, VMBUS_MESSAGE_UNLOAD_RESPONSE, 0, 0, 0);
	grig_told_violation(&rig, VMBUS_E_MESSAGE_STATE, 0);
	rig.host_busy = false;
	grig_pump(&rig);
	grig_expect(&rig, VMBUS_MESSAGE_UNLOAD);
	grig_expect_silence(&rig);
	assert_int_equal(vmbus_guest_version(&rig.guest), 0);
	/* What crosses it on the way means nothing any more. */
	grig_say_offer(&rig, 9, 9, 0);
	grig_say(&rig, VMBUS_MESSAGE_RESCIND, 1, 0, 0);
	grig_told_nothing(&rig);
	assert_int_equal(vmbus_guest_close(&rig.guest, 1), VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_guest_release(&rig.guest, 2),
			 VMBUS_BAD_ARGUMENT);
	grig_say(&rig, VMBUS_MESSAGE_UNLOAD_RESPONSE, 0, 0, 0);
	grig_told(&rig, VMBUS_GUEST_UNLOADED);
	grig_told_nothing(&rig);
	assert_int_equal(vmbus_guest_set_context(&rig.guest, 1, NULL),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(vmbus_guest_connect(&rig.guest), VMBUS_OK);
	grig_pump(&rig);
	grig_expect(&rig, VMBUS_MESSAGE_CONTACT);
	grig_expect_silence(&rig);
	/* One that came while connected is out of turn. */
	grig_connect(&rig, VMBUS_VERSION_5_3, 1);
	grig_say(&rig, VMBUS_MESSAGE_UNLOAD_RESPONSE, 0, 0, 0);
	grig_told_violation(&rig, VMBUS_E_MESSAGE_STATE, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_refuses_missing_tables),
		cmocka_unit_test(versions_are_tried_downwards),
		cmocka_unit_test(an_unknown_connection_means_an_older_host),
		cmocka_unit_test(a_busy_host_is_asked_again),
		cmocka_unit_test(a_bound_is_kept),
		cmocka_unit_test(answers_that_help_nobody_end_it),
		cmocka_unit_test(every_message_is_refused_when_cut_short),
		cmocka_unit_test(unknown_wrong_way_and_too_new_is_refused),
		cmocka_unit_test(
			what_was_meant_for_an_earlier_kernel_is_ignored),
		cmocka_unit_test(offers_are_passed_on_whole),
		cmocka_unit_test(offers_that_contradict_are_refused),
		cmocka_unit_test(a_flood_of_violations_is_counted_not_kept),
		cmocka_unit_test(sockets_are_asked_for_and_answered),
		cmocka_unit_test(unloading_ends_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
