// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Key-value exchange: what each request does, at every version. */
#include "tests/unit/services/kvp_link.h"

#include <stdio.h>

static const u32 versions[] = { KVP_VERSION_1_0, KVP_VERSION_3_0,
				KVP_VERSION_4_0, KVP_VERSION_5_0 };

static struct kvp_vsp *const vsp = &kvp_link.vsp;

static void check_done(enum kvp_operation operation, enum kvp_status status)
{
	assert_int_equal(kvp_link.done_count, 1);
	assert_int_equal(kvp_link.done.operation, operation);
	assert_int_equal(kvp_link.done.status, status);
	assert_false(kvp_vsp_busy(vsp));
	kvp_link.done_count = 0;
}

static void negotiates_the_newest_common_version(void **state)
{
	size_t i, k;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(versions); i++) {
		for (k = 0; k < PORT_ARRAY_SIZE(versions); k++) {
			struct kvp_vsp_options options = {
				.newest_version = versions[i]
			};

			kvp_link_open(&options, versions[k]);
			assert_int_equal(vsp->ic.message_version,
					 versions[i < k ? i : k]);
			assert_int_equal(kvp_vsp_detail(vsp, 0),
					 (i < k ? i : k) < 2
						 ? IC_DETAIL_PROTOCOL_MISMATCH
						 : IC_DETAIL_NONE);
		}
	}
}

static void unknown_version_is_the_callers_mistake(void **state)
{
	struct kvp_vsp_options options = { .newest_version = IC_VERSION(2, 0) };

	(void)state;
	assert_int_equal(kvp_vsp_init(vsp, &options), VMBUS_BAD_ARGUMENT);
	assert_int_equal(kvp_vsc_init(&kvp_link.vsc, IC_VERSION(2, 0)),
			 VMBUS_BAD_ARGUMENT);
}

static void set_find_get_delete(u32 pool)
{
	struct kvp_item item = kvp_link_item("Key", "Value");

	assert_int_equal(kvp_vsp_set(vsp, pool, &item, 0), KVP_OK);
	assert_true(kvp_vsp_busy(vsp));
	kvp_link_run();
	check_done(KVP_OPERATION_SET, KVP_OK);
	assert_int_equal(kvp_link.request.pool, pool);
	assert_int_equal(kvp_link.done.pool, pool);
	assert_string_equal(kvp_link.request.item.text, "Value");

	assert_int_equal(kvp_vsp_find(vsp, pool, "Key", 0), KVP_OK);
	kvp_link_run();
	check_done(KVP_OPERATION_GET, KVP_OK);
	assert_string_equal(kvp_link.done.item.key, "Key");
	assert_string_equal(kvp_link.done.item.text, "Value");

	assert_int_equal(kvp_vsp_get(vsp, pool, "Key", 0), KVP_OK);
	kvp_link_run();
	check_done(KVP_OPERATION_GET, KVP_OK);
	assert_string_equal(kvp_link.done.item.key, "Key");
	assert_string_equal(kvp_link.done.item.text, "Value");

	assert_int_equal(kvp_vsp_delete(vsp, pool, "Key", 0), KVP_OK);
	kvp_link_run();
	check_done(KVP_OPERATION_DELETE, KVP_OK);
	assert_int_equal(kvp_vsp_delete(vsp, pool, "Key", 0), KVP_OK);
	kvp_link_run();
	check_done(KVP_OPERATION_DELETE, KVP_NOT_FOUND);
	assert_int_equal(kvp_vsp_get(vsp, pool, "Key", 0), KVP_OK);
	kvp_link_run();
	check_done(KVP_OPERATION_GET, KVP_NOT_FOUND);
	assert_int_equal(kvp_vsp_find(vsp, pool, "Key", 0), KVP_OK);
	kvp_link_run();
	check_done(KVP_OPERATION_GET, KVP_NOT_FOUND);
}

static void items_work_at_every_version_in_every_pool(void **state)
{
	size_t i;
	u32 pool;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(versions); i++) {
		kvp_link_open(NULL, versions[i]);
		for (pool = 0; pool < KVP_POOL_COUNT; pool++)
			set_find_get_delete(pool);
	}
}

static void numbers_have_the_type_that_the_version_knows(void **state)
{
	struct kvp_item item = { .key = "Number" };
	struct ic_link_packet request;
	const struct kvp_get_set *wire =
		(const void *)(request.bytes + IC_BODY_OFFSET);
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(versions); i++) {
		kvp_link_open(NULL, versions[i]);
		item.type = KVP_U64;
		item.number = 0xfedcba9876543210ull;
		assert_int_equal(kvp_vsp_set(vsp, 0, &item, 0), KVP_OK);
		assert_true(kvp_link_host_sends(&request));
		assert_int_equal(wire->value.type,
				 versions[i] == KVP_VERSION_5_0
					 ? KVP_WIRE_U64
					 : KVP_WIRE_U64_LINUX);
		assert_int_equal(wire->value.value_bytes, 8);

		kvp_link_open(NULL, versions[i]);
		assert_int_equal(kvp_vsp_set(vsp, 0, &item, 0), KVP_OK);
		kvp_link_run();
		check_done(KVP_OPERATION_SET, KVP_OK);
		assert_int_equal(kvp_vsp_find(vsp, 0, "Number", 0), KVP_OK);
		kvp_link_run();
		check_done(KVP_OPERATION_GET, KVP_OK);
		assert_int_equal(kvp_link.done.item.type, KVP_U64);
		assert_true(kvp_link.done.item.number == item.number);

		item.type = KVP_U32;
		assert_int_equal(kvp_vsp_set(vsp, 0, &item, 0),
				 KVP_TYPE_UNKNOWN);
		item.number = 0xffffffff;
		assert_int_equal(kvp_vsp_set(vsp, 0, &item, 0), KVP_OK);
		kvp_link_run();
		check_done(KVP_OPERATION_SET, KVP_OK);
		assert_int_equal(kvp_link.request.item.type, KVP_U32);
		assert_true(kvp_link.request.item.number == 0xffffffff);
	}
	item.type = (enum kvp_type)9;
	assert_int_equal(kvp_vsp_set(vsp, 0, &item, 0), KVP_TYPE_UNKNOWN);
}

static void longest_item_goes_both_ways(void **state)
{
	struct kvp_item item = { .type = KVP_STRING };
	u32 i;

	(void)state;
	kvp_link_open(NULL, 0);
	for (i = 0; i < 255; i++)
		memcpy(item.key + 3 * i, "\xe2\x82\xac", 3);
	for (i = 0; i < 1023; i++)
		memcpy(item.text + 3 * i, "\xe2\x82\xac", 3);
	assert_int_equal(kvp_vsp_set(vsp, 0, &item, 0), KVP_OK);
	kvp_link_run();
	check_done(KVP_OPERATION_SET, KVP_OK);
	assert_int_equal(kvp_vsp_find(vsp, 0, item.key, 0), KVP_OK);
	kvp_link_run();
	check_done(KVP_OPERATION_GET, KVP_OK);
	assert_string_equal(kvp_link.done.item.text, item.text);
	assert_int_equal(kvp_vsp_get(vsp, 0, item.key, 0), KVP_OK);
	kvp_link_run();
	check_done(KVP_OPERATION_GET, KVP_OK);
	assert_string_equal(kvp_link.done.item.text, item.text);
}

/* Memory of an earlier use tells the engine nothing. */
static void init_forgets_everything(void **state)
{
	struct ic_link_packet request;

	(void)state;
	memset(vsp, 0xff, sizeof(*vsp));
	memset(&kvp_link.vsc, 0xff, sizeof(kvp_link.vsc));
	assert_int_equal(kvp_vsp_init(vsp, NULL), VMBUS_OK);
	assert_int_equal(kvp_vsc_init(&kvp_link.vsc, 0), VMBUS_OK);
	kvp_link.done_count = 0;
	kvp_link_run();
	set_find_get_delete(KVP_POOL_GUEST);
	assert_int_equal(kvp_vsp_get(vsp, 0, "k", 0), KVP_OK);
	assert_true(kvp_link_host_sends(&request));
	/* Daemons' drivers answer requests; what asks for none is lost. */
	assert_int_equal(ic_link_header(&request).flags,
			 IC_FLAG_TRANSACTION | IC_FLAG_REQUEST);
}

static void enumerates_250_items_in_order(void **state)
{
	char key[32], text[64];
	u32 i;

	(void)state;
	kvp_link_open(NULL, 0);
	for (i = 0; i < 250; i++) {
		snprintf(key, sizeof(key), "ключ-%u", i);
		snprintf(text, sizeof(text), "значение \xf0\x9f\x90\xa7 %u", i);
		kvp_link_put(KVP_POOL_GUEST, key, text);
	}
	assert_int_equal(kvp_vsp_enumerate(vsp, KVP_POOL_GUEST, 0), KVP_OK);
	kvp_link_run();
	check_done(KVP_OPERATION_ENUMERATE, KVP_OK);
	assert_int_equal(kvp_link.done.index, 250);
	assert_int_equal(kvp_link.item_count, 250);
	for (i = 0; i < 250; i++) {
		snprintf(key, sizeof(key), "ключ-%u", i);
		snprintf(text, sizeof(text), "значение \xf0\x9f\x90\xa7 %u", i);
		assert_string_equal(kvp_link_items[i].key, key);
		assert_string_equal(kvp_link_items[i].text, text);
	}
}

static void empty_pool_enumerates_to_nothing(void **state)
{
	(void)state;
	kvp_link_open(NULL, 0);
	assert_int_equal(kvp_vsp_enumerate(vsp, KVP_POOL_GUEST, 0), KVP_OK);
	kvp_link_run();
	check_done(KVP_OPERATION_ENUMERATE, KVP_OK);
	assert_int_equal(kvp_link.item_count, 0);
}

static void enumeration_stops_at_its_limit(void **state)
{
	struct kvp_vsp_options options = { .item_limit = 5 };
	u32 i;

	(void)state;
	kvp_link_open(&options, 0);
	for (i = 0; i < 6; i++)
		kvp_link_put(KVP_POOL_GUEST, "same", "x");
	assert_int_equal(kvp_vsp_enumerate(vsp, KVP_POOL_GUEST, 0), KVP_OK);
	kvp_link_run();
	check_done(KVP_OPERATION_ENUMERATE, KVP_LIMIT);
	assert_int_equal(kvp_link.item_count, 5);
	assert_int_equal(kvp_vsp_find(vsp, KVP_POOL_GUEST, "other", 0), KVP_OK);
	kvp_link_run();
	check_done(KVP_OPERATION_GET, KVP_LIMIT);
}

static void enumeration_waits_for_its_event_to_be_taken(void **state)
{
	struct ic_link_packet request, answer, next;
	struct kvp_event event;

	(void)state;
	kvp_link_open(NULL, 0);
	kvp_link_put(KVP_POOL_GUEST, "a", "1");
	assert_int_equal(kvp_vsp_enumerate(vsp, KVP_POOL_GUEST, 0), KVP_OK);
	assert_true(kvp_link_host_sends(&request));
	assert_true(kvp_link_guest_answers(&request, &answer));
	assert_int_equal(kvp_vsp_receive(vsp, answer.bytes, answer.size_bytes,
					 answer.transaction_id, 0),
			 VMBUS_OK);
	assert_int_equal(kvp_vsp_transmit(vsp, 0, next.bytes,
					  sizeof(next.bytes),
					  &next.transaction_id),
			 0);
	assert_int_equal(kvp_vsp_receive(vsp, answer.bytes, answer.size_bytes,
					 answer.transaction_id, 0),
			 VMBUS_AGAIN);
	assert_true(kvp_vsp_next_event(vsp, &event));
	assert_int_equal(event.kind, KVP_EVENT_ITEM);
	assert_int_not_equal(kvp_vsp_transmit(vsp, 0, next.bytes,
					      sizeof(next.bytes),
					      &next.transaction_id),
			     0);
}

static void guests_errors_are_told(void **state)
{
	static const struct {
		u32 guest_status;
		enum kvp_status status;
	} rows[] = {
		{ IC_E_FAIL, KVP_GUEST_ERROR },
		{ IC_E_ACCESS_DENIED, KVP_GUEST_ERROR },
		{ IC_E_NO_MORE_ITEMS, KVP_NOT_FOUND },
		{ IC_E_NOT_FOUND, KVP_NOT_FOUND },
	};
	size_t i;

	(void)state;
	kvp_link_open(NULL, 0);
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		kvp_link.forced_status = rows[i].guest_status;
		assert_int_equal(kvp_vsp_get(vsp, 1, "k", 0), KVP_OK);
		kvp_link_run();
		check_done(KVP_OPERATION_GET, rows[i].status);
		assert_true(kvp_link.done.guest_status == rows[i].guest_status);
		assert_int_equal(kvp_vsp_delete(vsp, 1, "k", 0), KVP_OK);
		kvp_link_run();
		check_done(KVP_OPERATION_DELETE, rows[i].status);
		assert_int_equal(kvp_vsp_find(vsp, 1, "k", 0), KVP_OK);
		kvp_link_run();
		check_done(KVP_OPERATION_GET, rows[i].status);
		assert_int_equal(kvp_vsp_enumerate(vsp, 1, 0), KVP_OK);
		kvp_link_run();
		check_done(KVP_OPERATION_ENUMERATE,
			   rows[i].status == KVP_NOT_FOUND ? KVP_OK
							   : rows[i].status);
	}
	kvp_link.forced_status = IC_E_WMI_NOT_FOUND;
	assert_int_equal(kvp_vsp_get_ip(vsp, "00:15:5D:00:00:01", 0), KVP_OK);
	kvp_link_run();
	check_done(KVP_OPERATION_GET_IP, KVP_GUEST_ERROR);
}

static void ip_information_goes_both_ways(void **state)
{
	static const u32 ip_versions[] = { KVP_VERSION_4_0, KVP_VERSION_5_0 };
	struct kvp_ip_info info = {
		.adapter_id = "{f8615163-df3e-46c5-913f-f2d2f965ed0e}",
		.addresses = "192.0.2.10;198.51.100.7;2001:db8::10;fe80::1",
		.subnets = "255.255.255.0;255.255.0.0;/64;/10",
		.gateways = "192.0.2.1;2001:db8::1",
		.dns_servers = "192.0.2.53;2001:db8::53",
	};
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(ip_versions); i++) {
		kvp_link_open(NULL, ip_versions[i]);
		assert_int_equal(kvp_vsp_set_ip(vsp, &info, 0), KVP_OK);
		kvp_link_run();
		check_done(KVP_OPERATION_SET_IP, KVP_OK);
		assert_string_equal(kvp_link.adapter.adapter_id,
				    info.adapter_id);
		assert_int_equal(kvp_link.adapter.family,
				 KVP_FAMILY_IPV4 | KVP_FAMILY_IPV6);
		assert_string_equal(kvp_link.adapter.addresses, info.addresses);
		assert_string_equal(kvp_link.adapter.subnets, info.subnets);
		assert_string_equal(kvp_link.adapter.gateways, info.gateways);
		assert_string_equal(kvp_link.adapter.dns_servers,
				    info.dns_servers);
		kvp_link.adapter.dhcp_enabled = true;
		assert_int_equal(kvp_vsp_get_ip(vsp, "00:15:5D:01:02:03", 0),
				 KVP_OK);
		kvp_link_run();
		check_done(KVP_OPERATION_GET_IP, KVP_OK);
		assert_string_equal(kvp_link.request.ip.adapter_id,
				    "00:15:5D:01:02:03");
		assert_string_equal(kvp_link.done.ip.addresses, info.addresses);
		assert_string_equal(kvp_link.done.ip.subnets, info.subnets);
		assert_string_equal(kvp_link.done.ip.gateways, info.gateways);
		assert_true(kvp_link.done.ip.dhcp_enabled);
	}
}

static void ip_information_needs_4_0(void **state)
{
	struct kvp_ip_info info = { .adapter_id = "{x}" };

	(void)state;
	kvp_link_open(NULL, KVP_VERSION_3_0);
	assert_int_equal(kvp_vsp_get_ip(vsp, "00:15:5D:01:02:03", 0),
			 KVP_NO_IP);
	assert_int_equal(kvp_vsp_set_ip(vsp, &info, 0), KVP_NO_IP);
	assert_false(kvp_vsp_busy(vsp));
}

static void every_status_has_its_sentence(void **state)
{
	u32 i, k;

	(void)state;
	for (i = 0; i < KVP_STATUS_COUNT; i++) {
		const char *text = kvp_status_text((enum kvp_status)i);

		assert_string_not_equal(text, "unknown status");
		for (k = 0; k < i; k++)
			assert_string_not_equal(
				text, kvp_status_text((enum kvp_status)k));
	}
	assert_string_equal(kvp_status_text(KVP_STATUS_COUNT),
			    "unknown status");
	assert_non_null(strstr(kvp_status_text(KVP_KEY_TOO_LONG), "255"));
	assert_non_null(strstr(kvp_status_text(KVP_VALUE_TOO_LONG), "1023"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(negotiates_the_newest_common_version),
		cmocka_unit_test(unknown_version_is_the_callers_mistake),
		cmocka_unit_test(items_work_at_every_version_in_every_pool),
		cmocka_unit_test(numbers_have_the_type_that_the_version_knows),
		cmocka_unit_test(longest_item_goes_both_ways),
		cmocka_unit_test(init_forgets_everything),
		cmocka_unit_test(enumerates_250_items_in_order),
		cmocka_unit_test(empty_pool_enumerates_to_nothing),
		cmocka_unit_test(enumeration_stops_at_its_limit),
		cmocka_unit_test(enumeration_waits_for_its_event_to_be_taken),
		cmocka_unit_test(guests_errors_are_told),
		cmocka_unit_test(ip_information_goes_both_ways),
		cmocka_unit_test(ip_information_needs_4_0),
		cmocka_unit_test(every_status_has_its_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
