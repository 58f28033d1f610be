/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The host end: sizes, versions, types and turns of messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/vmbus/host_rig.h"
#include "vmbus/messages.h"

static struct host_rig rig;

/* Every type the guest may send, at its full size, in a legal turn or not. */
static void every_message_is_refused_when_cut_short(void **state)
{
	u32 type, size;
	u8 payload[VMBUS_SYNIC_PAYLOAD_MAX] = { 0 };

	(void)state;
	for (type = 0; type < VMBUS_MESSAGE_TYPE_COUNT; type++) {
		const struct vmbus_message_rule *rule =
			vmbus_message_rule(type);

		if (!rule || rule->sender != VMBUS_END_GUEST)
			continue;
		rig_connect(&rig, VMBUS_VERSION_5_3, 1);
		rig_open(&rig, 1);
		memset(payload, 1, sizeof(payload));
		memcpy(payload, &type, sizeof(type));
		for (size = 0; size < rule->size_bytes; size++) {
			/* A block of its own size: ASan sees a byte beyond. */
			u8 *cut = test_malloc(size + 1);

			memcpy(cut, payload, size);
			assert_int_equal(rig_post(&rig, cut, size), VMBUS_OK);
			assert_int_equal(rig.counts[VMBUS_HOST_VIOLATION], 1);
			assert_int_equal(
				rig.last[VMBUS_HOST_VIOLATION].violation.reason,
				VMBUS_E_MESSAGE_SIZE);
			rig.counts[VMBUS_HOST_VIOLATION] = 0;
			test_free(cut);
		}
		rig_expect_silence(&rig);
		assert_int_equal(rig.counts[VMBUS_HOST_CLOSE], 0);
		assert_int_equal(vmbus_host_version(&rig.host),
				 VMBUS_VERSION_5_3);
	}
}

static void too_long_is_refused(void **state)
{
	u8 payload[VMBUS_SYNIC_PAYLOAD_MAX + 1] = {
		VMBUS_MESSAGE_REQUEST_OFFERS
	};

	(void)state;
	rig_init(&rig);
	rig_post_contact(&rig, VMBUS_VERSION_5_3);
	rig_expect(&rig, VMBUS_MESSAGE_VERSION_RESPONSE);
	rig_post(&rig, payload, sizeof(payload));
	rig_expect_violation(&rig, VMBUS_E_MESSAGE_SIZE, 0);
	/* Up to the limit, more than needed is ignored. */
	rig_post(&rig, payload, sizeof(payload) - 1);
	rig_expect(&rig, VMBUS_MESSAGE_OFFERS_DELIVERED);
	rig_expect_no_violation(&rig);
}

static void unknown_and_wrong_way_types_are_refused(void **state)
{
	u8 payload[VMBUS_SYNIC_PAYLOAD_MAX] = { 0 };
	u32 type, refused = 0;

	(void)state;
	rig_connect(&rig, VMBUS_VERSION_5_3, 1);
	for (type = 0; type < 300; type++) {
		const struct vmbus_message_rule *rule =
			vmbus_message_rule(type);

		if (rule && rule->sender == VMBUS_END_GUEST)
			continue;
		memcpy(payload, &type, sizeof(type));
		rig_post(&rig, payload, sizeof(payload));
		rig_expect_violation(&rig, VMBUS_E_MESSAGE_TYPE, 0);
		refused++;
	}
	assert_int_equal(refused, 300 - 11);
	rig_expect_silence(&rig);
}

static void newer_messages_are_refused_at_older_versions(void **state)
{
	const struct vmbus_version_rule *versions;
	u8 payload[VMBUS_SYNIC_PAYLOAD_MAX] = { 0 };
	u32 count, i, type, refused = 0;

	(void)state;
	versions = vmbus_versions(&count);
	for (i = 0; i < count; i++) {
		if (!versions[i].offered)
			continue;
		for (type = 0; type < VMBUS_MESSAGE_TYPE_COUNT; type++) {
			const struct vmbus_message_rule *rule =
				vmbus_message_rule(type);

			if (!rule || rule->sender != VMBUS_END_GUEST ||
			    rule->minimum_version <= versions[i].version)
				continue;
			rig_connect(&rig, versions[i].version, 1);
			memcpy(payload, &type, sizeof(type));
			rig_post(&rig, payload, sizeof(payload));
			rig_expect_violation(&rig, VMBUS_E_MESSAGE_VERSION, 0);
			rig_expect_silence(&rig);
			refused++;
		}
	}
	/* hv_sock below 4.0; moving at that, too. */
	assert_int_equal(refused, 4 + 5);
}

static void nothing_is_taken_without_a_connection(void **state)
{
	u8 payload[VMBUS_SYNIC_PAYLOAD_MAX] = { 0 };
	u32 type;

	(void)state;
	rig_init(&rig);
	for (type = 0; type < VMBUS_MESSAGE_TYPE_COUNT; type++) {
		const struct vmbus_message_rule *rule =
			vmbus_message_rule(type);

		if (!rule || rule->sender != VMBUS_END_GUEST ||
		    type == VMBUS_MESSAGE_CONTACT)
			continue;
		memcpy(payload, &type, sizeof(type));
		rig_post(&rig, payload, sizeof(payload));
		rig_expect_violation(&rig, VMBUS_E_MESSAGE_STATE, 0);
	}
	rig_expect_silence(&rig);
}

static void offers_are_asked_for_once(void **state)
{
	(void)state;
	rig_connect(&rig, VMBUS_VERSION_5_3, 1);
	rig_post_header(&rig, VMBUS_MESSAGE_REQUEST_OFFERS);
	rig_expect_violation(&rig, VMBUS_E_MESSAGE_STATE, 0);
	rig_expect_silence(&rig);
}

static void a_flood_of_violations_is_counted_not_kept(void **state)
{
	struct vmbus_message_header bad = { .type = 99 };
	u32 i, total = 0;

	(void)state;
	rig_connect(&rig, VMBUS_VERSION_5_3, 1);
	for (i = 0; i < 1000; i++)
		assert_int_equal(
			vmbus_host_receive(&rig.host, 1, &bad, sizeof(bad)),
			VMBUS_OK);
	rig_pump(&rig);
	assert_int_equal(rig.counts[VMBUS_HOST_VIOLATION], VMBUS_HOST_REPORTS);
	total = (u32)rig.last[VMBUS_HOST_VIOLATION].violation.total;
	assert_int_equal(total, 1000);
	assert_int_equal(rig.host.violations_unreported, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_is_refused_when_cut_short),
		cmocka_unit_test(too_long_is_refused),
		cmocka_unit_test(unknown_and_wrong_way_types_are_refused),
		cmocka_unit_test(newer_messages_are_refused_at_older_versions),
		cmocka_unit_test(nothing_is_taken_without_a_connection),
		cmocka_unit_test(offers_are_asked_for_once),
		cmocka_unit_test(a_flood_of_violations_is_counted_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
