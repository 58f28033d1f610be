// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* RNDIS control messages and objects at the host end. */
#include "tests/unit/services/network/network_rig.h"

static struct rig rig;

static u32 query_u32(u32 oid)
{
	u32 number = 0xeeeeeeee, bytes = sizeof(number);

	assert_int_equal(rig_query(&rig, oid, NULL, 0, &number, &bytes),
			 RNDIS_STATUS_SUCCESS);
	assert_int_equal(bytes, sizeof(number));
	return number;
}

static void start(u32 version)
{
	rig_open(&rig, NULL);
	rig_negotiate(&rig, version, 1500);
	rig_initialize(&rig);
}

static void an_adapter_describes_itself(void **state)
{
	static const u8 address[6] = { 0x00, 0x15, 0x5d, 1, 2, 3 };
	u8 answer[512];
	u32 bytes = sizeof(answer);

	(void)state;
	start(NETWORK_VERSION_61);
	assert_int_equal(query_u32(OID_MAXIMUM_FRAME_SIZE), 1500);
	assert_int_equal(query_u32(OID_MAXIMUM_TOTAL_SIZE), 1514);
	assert_int_equal(query_u32(OID_LINK_SPEED), 100000000);
	assert_int_equal(query_u32(OID_MEDIA_CONNECT_STATUS), 0);
	assert_int_equal(query_u32(OID_MEDIA_IN_USE), 0);
	assert_int_equal(query_u32(OID_PACKET_FILTER), 0);
	assert_int_equal(query_u32(OID_MULTICAST_LIST_SIZE), 32);
	assert_int_equal(
		rig_query(&rig, OID_PERMANENT_ADDRESS, NULL, 0, answer, &bytes),
		RNDIS_STATUS_SUCCESS);
	assert_int_equal(bytes, 6);
	assert_memory_equal(answer, address, 6);
	bytes = sizeof(answer);
	assert_int_equal(
		rig_query(&rig, OID_FRIENDLY_NAME, NULL, 0, answer, &bytes),
		RNDIS_STATUS_SUCCESS);
	assert_int_equal(bytes, sizeof("Network Adapter") * 2);
	assert_memory_equal(answer, "N\0e\0t\0", 6);
	rig_close(&rig);
}

static void every_object_of_the_list_can_be_had(void **state)
{
	u32 list[128], bytes = sizeof(list), count, i, status;
	u8 info[1024] = { 0 }, answer[1024];

	(void)state;
	start(NETWORK_VERSION_61);
	assert_int_equal(
		rig_query(&rig, OID_SUPPORTED_LIST, NULL, 0, list, &bytes),
		RNDIS_STATUS_SUCCESS);
	count = bytes / sizeof(u32);
	assert_true(count > 50);
	for (i = 0; i < count; i++) {
		u32 length;

		bytes = sizeof(answer);
		status = rig_query(&rig, list[i], NULL, 0, answer, &bytes);
		if (status == RNDIS_STATUS_NOT_SUPPORTED)
			assert_int_not_equal(rig_set(&rig, list[i], info, 64),
					     RNDIS_STATUS_NOT_SUPPORTED);
		else
			assert_int_equal(status, RNDIS_STATUS_SUCCESS);
		/* Of every length, none or all of the object is taken. */
		for (length = 0; length < 64; length++)
			rig_set(&rig, list[i], info, length);
	}
	assert_int_equal(rig_set(&rig, 0x00010199, info, 4),
			 RNDIS_STATUS_NOT_SUPPORTED);
	bytes = sizeof(answer);
	assert_int_equal(rig_query(&rig, 0x00010199, NULL, 0, answer, &bytes),
			 RNDIS_STATUS_NOT_SUPPORTED);
	assert_int_equal(bytes, 0);
	rig_close(&rig);
}

static void offloads_are_described_as_the_guest_knows_them(void **state)
{
	static const struct {
		u32 version, bytes, revision;
	} rows[] = {
		{ NETWORK_VERSION_2, NDIS_OFFLOAD_BYTES_2, 2 },
		{ NETWORK_VERSION_4, NDIS_OFFLOAD_BYTES_2, 2 },
		{ NETWORK_VERSION_5, NDIS_OFFLOAD_BYTES_3, 3 },
		{ NETWORK_VERSION_61, NDIS_OFFLOAD_BYTES_3, 3 },
	};
	struct ndis_offload offload;
	u32 i, bytes;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		start(rows[i].version);
		bytes = sizeof(offload);
		memset(&offload, 0, sizeof(offload));
		assert_int_equal(rig_query(&rig, OID_OFFLOAD_HARDWARE, NULL, 0,
					   &offload, &bytes),
				 RNDIS_STATUS_SUCCESS);
		assert_int_equal(bytes, rows[i].bytes);
		assert_int_equal(offload.header.type, NDIS_TYPE_OFFLOAD);
		assert_int_equal(offload.header.revision, rows[i].revision);
		assert_int_equal(offload.header.bytes, bytes);
		/* What Linux wants to see before it uses any of it. */
		assert_int_equal(offload.tx4, 0x155);
		assert_int_equal(offload.tx6, 0x55);
		assert_int_equal(offload.lso4_encapsulation, 2);
		assert_true(offload.lso4_max_bytes <= 65535);
		assert_int_equal(offload.lso6, 5);
		assert_int_equal(offload.rsc4,
				 rows[i].version == NETWORK_VERSION_61);
		assert_int_equal(offload.rsc6,
				 rows[i].version == NETWORK_VERSION_61);
		rig_close(&rig);
	}
}

static void offloads_are_switched(void **state)
{
	struct ndis_offload_parameters wanted = {
		.header = { NDIS_TYPE_DEFAULT, 3, NDIS_PARAMETERS_BYTES_3 },
		.tcp4_checksum = NDIS_PARAMETER_RX,
		.lso4 = NDIS_PARAMETER_DISABLED,
		.rsc4 = NDIS_PARAMETER_ENABLED,
	};
	u32 before;

	(void)state;
	start(NETWORK_VERSION_61);
	before = rig.shared.settings.offloads;
	/* At first nothing comes that the guest does not know of. */
	assert_int_equal(before & 0x7f00, 0);
	assert_int_equal(before, NETWORK_OFFLOADS_ALL & 0xff);
	assert_int_equal(
		rig_set(&rig, OID_OFFLOAD_PARAMETERS, &wanted, sizeof(wanted)),
		RNDIS_STATUS_SUCCESS);
	assert_int_equal(rig.shared.settings.offloads,
			 (before & ~(NETWORK_TX_CSUM_TCP4 | NETWORK_TX_LSO4)) |
				 NETWORK_RX_CSUM_TCP4 | NETWORK_RX_RSC4);
	/* The channel knows, and so does the guest. */
	assert_int_equal(rig.vsp[0].settings.offloads,
			 rig.shared.settings.offloads);
	assert_false(network_vsp_settings(&rig.vsp[0]));
	assert_true(network_vsp_settings(&rig.vsp[1]));
	assert_int_equal(rig.vsp[1].settings.offloads,
			 rig.shared.settings.offloads);
	assert_true(network_vsp_transmit(&rig.vsp[0], &rig.out));
	assert_int_equal(rig.out.range.size_bytes, 8 + 12 + 156);
	/* 22 bytes are what Linux sends up to version 4. */
	wanted.rsc4 = NDIS_PARAMETER_DISABLED;
	assert_int_equal(rig_set(&rig, OID_OFFLOAD_PARAMETERS, &wanted, 22),
			 RNDIS_STATUS_SUCCESS);
	assert_true(rig.shared.settings.offloads & NETWORK_RX_RSC4);
	assert_int_equal(rig_set(&rig, OID_OFFLOAD_PARAMETERS, &wanted, 19),
			 RNDIS_STATUS_INVALID_LENGTH);
	wanted.lso1 = NDIS_PARAMETER_ENABLED;
	assert_int_equal(rig_set(&rig, OID_OFFLOAD_PARAMETERS, &wanted, 28),
			 RNDIS_STATUS_NOT_SUPPORTED);
	wanted.header.type = NDIS_TYPE_OFFLOAD;
	assert_int_equal(rig_set(&rig, OID_OFFLOAD_PARAMETERS, &wanted, 28),
			 RNDIS_STATUS_INVALID_DATA);
	rig_close(&rig);
}

static void what_the_adapter_lacks_stays_off(void **state)
{
	struct network_vsp_options options = rig_options();

	(void)state;
	options.offloads = NETWORK_TX_CSUM_TCP4 | NETWORK_RX_CSUM_TCP4;
	rig_open(&rig, &options);
	rig_negotiate(&rig, NETWORK_VERSION_61, 1500);
	rig_initialize(&rig);
	rig_all_offloads(&rig);
	assert_int_equal(rig.shared.settings.offloads, options.offloads);
	rig_close(&rig);
	/* RSC is of version 6.1. */
	rig_open(&rig, NULL);
	rig_negotiate(&rig, NETWORK_VERSION_6, 1500);
	rig_initialize(&rig);
	rig_all_offloads(&rig);
	assert_int_equal(rig.shared.settings.offloads,
			 NETWORK_OFFLOADS_ALL &
				 ~(NETWORK_RX_RSC4 | NETWORK_RX_RSC6));
	rig_close(&rig);
}

static void windows_switches_them_by_encapsulation_and_name(void **state)
{
	struct ndis_encapsulation wanted = {
		.header = { NDIS_TYPE_ENCAPSULATION, 1, sizeof(wanted) },
		.ip4_enabled = 1,
		.ip4_type = 2,
		.ip4_header_bytes = 14,
	};
	struct {
		struct rndis_parameter parameter;
		u16 name[10];
		u16 value[1];
	} keyword = {
		.parameter = { 20, 20, RNDIS_PARAMETER_STRING, 40, 2 },
		.name = { '*', 'L', 's', 'o', 'V', '2', 'I', 'P', 'v', '4' },
		.value = { '0' },
	};

	(void)state;
	start(NETWORK_VERSION_61);
	assert_int_equal(rig_set(&rig, OID_OFFLOAD_ENCAPSULATION, &wanted,
				 sizeof(wanted)),
			 RNDIS_STATUS_SUCCESS);
	assert_int_equal(rig.shared.settings.offloads & 0x7f00, 0x0700);
	wanted.ip4_header_bytes = 18;
	assert_int_equal(rig_set(&rig, OID_OFFLOAD_ENCAPSULATION, &wanted,
				 sizeof(wanted)),
			 RNDIS_STATUS_NOT_SUPPORTED);
	assert_int_equal(
		rig_set(&rig, OID_CONFIG_PARAMETER, &keyword, sizeof(keyword)),
		RNDIS_STATUS_SUCCESS);
	assert_false(rig.shared.settings.offloads & NETWORK_TX_LSO4);
	keyword.value[0] = '1';
	assert_int_equal(
		rig_set(&rig, OID_CONFIG_PARAMETER, &keyword, sizeof(keyword)),
		RNDIS_STATUS_SUCCESS);
	assert_true(rig.shared.settings.offloads & NETWORK_TX_LSO4);
	/* A keyword that is not known; a name that is not there. */
	keyword.name[0] = 'x';
	assert_int_equal(
		rig_set(&rig, OID_CONFIG_PARAMETER, &keyword, sizeof(keyword)),
		RNDIS_STATUS_SUCCESS);
	keyword.parameter.name_offset_bytes = 0xfffffff0;
	assert_int_equal(
		rig_set(&rig, OID_CONFIG_PARAMETER, &keyword, sizeof(keyword)),
		RNDIS_STATUS_INVALID_DATA);
	rig_close(&rig);
}

/* As Linux sends it (rndis_filter_set_device_mac). */
static u32 set_address(const char *digits)
{
	static const char name[] = "NetworkAddress";
	struct {
		struct rndis_parameter parameter;
		u16 name[14];
		u16 value[12];
	} info = {
		.parameter = { 20, 28, RNDIS_PARAMETER_STRING, 48,
			       (u32)strlen(digits) * 2 },
	};
	u32 i;

	for (i = 0; i < 14; i++)
		info.name[i] = (u8)name[i];
	for (i = 0; digits[i]; i++)
		info.value[i] = (u8)digits[i];
	return rig_set(&rig, OID_CONFIG_PARAMETER, &info, sizeof(info));
}

static void a_guest_sets_its_address(void **state)
{
	static const u8 set[6] = { 0x02, 0xab, 0xcd, 0xef, 0x01, 0x23 };
	struct network_vsp_options options = rig_options();
	u8 answer[6];
	u32 bytes = sizeof(answer);

	(void)state;
	start(NETWORK_VERSION_61);
	assert_int_equal(set_address("02abCDef0123"), RNDIS_STATUS_SUCCESS);
	assert_int_equal(rig.action.changed,
			 NETWORK_CHANGED_ADDRESS | NETWORK_CHANGED_FILTER);
	assert_memory_equal(rig.vsp[0].settings.filter.address, set, 6);
	assert_int_equal(
		rig_query(&rig, OID_CURRENT_ADDRESS, NULL, 0, answer, &bytes),
		RNDIS_STATUS_SUCCESS);
	assert_memory_equal(answer, set, 6);
	assert_int_equal(set_address("01abcdef0123"),
			 RNDIS_STATUS_INVALID_DATA);
	assert_int_equal(set_address("02abcdef012"), RNDIS_STATUS_INVALID_DATA);
	assert_int_equal(set_address("02abcdef012g"),
			 RNDIS_STATUS_INVALID_DATA);
	/* It outlives the channel. */
	assert_int_equal(
		network_vsp_shared_init(&rig.shared, &rig.shared.options),
		VMBUS_OK);
	assert_memory_equal(rig.shared.settings.filter.address, set, 6);
	rig_close(&rig);

	options.address_fixed = true;
	rig_open(&rig, &options);
	rig_negotiate(&rig, NETWORK_VERSION_61, 1500);
	assert_int_equal(set_address("02abcdef0123"),
			 RNDIS_STATUS_NOT_SUPPORTED);
	rig_close(&rig);
}

static void a_guest_sets_its_filter(void **state)
{
	u8 list[33 * 6] = { 1, 0, 0x5e, 0, 0, 9 };
	u32 bits = NETWORK_FILTER_MULTICAST;

	(void)state;
	start(NETWORK_VERSION_61);
	assert_int_equal(network_vsp_rx_max(&rig.vsp[0]), 0);
	assert_int_equal(rig_set(&rig, OID_PACKET_FILTER, &bits, 3),
			 RNDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(rig_set(&rig, OID_PACKET_FILTER, &bits, 4),
			 RNDIS_STATUS_SUCCESS);
	assert_int_equal(query_u32(OID_PACKET_FILTER), bits);
	assert_true(network_vsp_rx_max(&rig.vsp[0]) > 0);
	assert_false(network_filter_passes(&rig.vsp[0].settings.filter, list));
	assert_int_equal(rig_set(&rig, OID_MULTICAST_LIST, list, 7),
			 RNDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(rig_set(&rig, OID_MULTICAST_LIST, list, 33 * 6),
			 RNDIS_STATUS_MULTICAST_FULL);
	assert_int_equal(rig_set(&rig, OID_MULTICAST_LIST, list, 6),
			 RNDIS_STATUS_SUCCESS);
	assert_true(network_filter_passes(&rig.vsp[0].settings.filter, list));
	assert_int_equal(rig_set(&rig, OID_MULTICAST_LIST, NULL, 0),
			 RNDIS_STATUS_SUCCESS);
	assert_false(network_filter_passes(&rig.vsp[0].settings.filter, list));
	rig_close(&rig);
}

/* As Linux sends it (rndis_set_rss_param_msg). */
struct rss_info {
	struct ndis_rss_parameters parameters;
	u32 table[128];
	u8 key[40];
};

static struct rss_info rss_info(void)
{
	struct rss_info info = {
		.parameters = {
			.header = { NDIS_TYPE_RSS_PARAMETERS, 2, 40 },
			.hash = NETWORK_HASH_TOEPLITZ | NETWORK_HASH_TCP_IPV4,
			.table_bytes = sizeof(info.table),
			.table_offset_bytes = offsetof(struct rss_info, table),
			.key_bytes = sizeof(info.key),
			.key_offset_bytes = offsetof(struct rss_info, key),
		},
	};
	u32 i;

	for (i = 0; i < 128; i++)
		info.table[i] = i % RIG_CHANNELS;
	memset(info.key, 0x5a, sizeof(info.key));
	return info;
}

static u32 set_rss(const struct rss_info *info)
{
	return rig_set(&rig, OID_RSS_PARAMETERS, info, sizeof(*info));
}

static void a_guest_sets_its_rss_table(void **state)
{
	const struct network_message request = {
		.type = NETWORK_SUB_CHANNELS,
		.sub_channels = { NETWORK_SUB_CHANNELS_ALLOCATE, 2 },
	};
	struct ndis_rss_capabilities capabilities;
	u32 bytes = sizeof(capabilities), length;
	struct rss_info info = rss_info();
	const struct network_rss *rss = &rig.vsp[0].settings.rss;

	(void)state;
	start(NETWORK_VERSION_61);
	assert_int_equal(rig_query(&rig, OID_RSS_CAPABILITIES, NULL, 0,
				   &capabilities, &bytes),
			 RNDIS_STATUS_SUCCESS);
	assert_int_equal(bytes, 18);
	assert_int_equal(capabilities.queues, RIG_CHANNELS);
	assert_int_equal(capabilities.table_count, 128);
	/* Channels that are not there. */
	assert_int_equal(set_rss(&info), RNDIS_STATUS_INVALID_DATA);
	assert_int_equal(rig_message(&rig, &request, 28), VMBUS_OK);
	assert_int_equal(set_rss(&info), RNDIS_STATUS_SUCCESS);
	assert_int_equal(rig.action.changed, NETWORK_CHANGED_RSS);
	assert_int_equal(rss->table_count, 128);
	assert_int_equal(network_rss_channel(rss, 130, 1), 2);
	for (length = 0; length < sizeof(info); length++)
		assert_int_not_equal(
			rig_set(&rig, OID_RSS_PARAMETERS, &info, length),
			RNDIS_STATUS_SUCCESS);
	info.parameters.table_bytes = 516;
	assert_int_equal(set_rss(&info), RNDIS_STATUS_INVALID_DATA);
	info = rss_info();
	info.parameters.key_bytes = 39;
	assert_int_equal(set_rss(&info), RNDIS_STATUS_INVALID_DATA);
	info = rss_info();
	info.parameters.table_offset_bytes = 0xfffffffc;
	assert_int_equal(set_rss(&info), RNDIS_STATUS_INVALID_DATA);
	info = rss_info();
	info.parameters.hash = 2;
	assert_int_equal(set_rss(&info), RNDIS_STATUS_INVALID_DATA);
	/* Nothing of these was taken; and it can be switched off. */
	assert_int_equal(rss->hash & 0xff, NETWORK_HASH_TOEPLITZ);
	info = rss_info();
	info.parameters.flags = NDIS_RSS_DISABLE;
	assert_int_equal(set_rss(&info), RNDIS_STATUS_SUCCESS);
	assert_int_equal(rss->hash, 0);
	rig_close(&rig);
}

static void messages_that_contradict_themselves(void **state)
{
	struct {
		struct rndis_header header;
		struct rndis_object_request body;
		u32 info;
	} set = {
		.header = { RNDIS_SET, sizeof(set) },
		.body = { 1, OID_PACKET_FILTER, 4, sizeof(set.body), 0 },
		.info = 1,
	};
	static const u32 types[] = { 0, 1, 7, 9, 0x80000004, 0xff000001 };
	u8 long_one[NETWORK_CONTROL_MAX_BYTES + 1] = { 0 };
	struct {
		struct rndis_header header;
		struct rndis_answer body;
	} answer;
	u32 i;

	(void)state;
	start(NETWORK_VERSION_61);
	for (i = 0; i < sizeof(set); i++)
		assert_int_equal(rig_control(&rig, &set, i),
				 VMBUS_E_NETWORK_RNDIS_LENGTH);
	assert_int_equal(rig_control(&rig, long_one, sizeof(long_one)),
			 VMBUS_E_NETWORK_RNDIS_LENGTH);
	for (i = 0; i < sizeof(set.header) + sizeof(set.body); i++) {
		set.header.bytes = i;
		assert_int_equal(rig_control(&rig, &set, sizeof(set)),
				 VMBUS_E_NETWORK_RNDIS_LENGTH);
	}
	set.header.bytes = sizeof(set);
	for (i = 0; i < PORT_ARRAY_SIZE(types); i++) {
		set.header.type = types[i];
		assert_int_equal(rig_control(&rig, &set, sizeof(set)),
				 VMBUS_E_NETWORK_RNDIS_TYPE);
	}
	/* Data that is not in the message is an answer's matter. */
	set.header.type = RNDIS_SET;
	for (i = 0; i < 64; i++) {
		if (i == sizeof(set.body))
			continue;
		set.body.info_offset_bytes = i;
		assert_int_equal(rig_control(&rig, &set, sizeof(set)),
				 VMBUS_OK);
		rig_response(&rig, &answer, sizeof(answer));
		assert_int_equal(answer.body.status, RNDIS_STATUS_INVALID_DATA);
	}
	rig_close(&rig);
}

static void halt_reset_and_keepalive(void **state)
{
	const u32 halt[3] = { RNDIS_HALT, 12, 77 };
	const u32 halt_without_id[2] = { RNDIS_HALT, 8 };
	const u32 reset[3] = { RNDIS_RESET, 12, 0 };
	const u32 keepalive[3] = { RNDIS_KEEPALIVE, 12, 99 };
	u32 answer[4];

	(void)state;
	rig_open(&rig, NULL);
	rig_run(&rig, NETWORK_VERSION_61, 0xf);
	assert_int_equal(rig_control(&rig, keepalive, 12), VMBUS_OK);
	assert_int_equal(rig_response(&rig, answer, sizeof(answer)), 16);
	assert_int_equal(answer[0], RNDIS_KEEPALIVE | RNDIS_ANSWER);
	assert_int_equal(answer[2], 99);
	assert_int_equal(answer[3], 0);
	assert_int_equal(rig_control(&rig, reset, 12), VMBUS_OK);
	assert_int_equal(rig_response(&rig, answer, sizeof(answer)), 16);
	assert_int_equal(answer[0], RNDIS_RESET | RNDIS_ANSWER);
	assert_int_equal(answer[2], 0);
	assert_int_equal(answer[3], 1);
	assert_int_equal(rig.vsp[0].settings.running, 0);
	assert_int_equal(rig_control(&rig, halt_without_id, 8), VMBUS_OK);
	assert_int_equal(rig.out.packet_bytes, 0);
	assert_int_equal(rig_control(&rig, halt, 12), VMBUS_OK);
	assert_int_equal(rig.out.packet_bytes, 0);
	assert_int_equal(rig_answer(&rig).type, NETWORK_RNDIS_COMPLETE);
	rig_close(&rig);
}

static void more_requests_than_slots_are_a_flood(void **state)
{
	const u32 keepalive[3] = { RNDIS_KEEPALIVE, 12, 99 };
	enum vmbus_status status;
	u32 count = 0;

	(void)state;
	start(NETWORK_VERSION_61);
	while ((status = rig_control(&rig, keepalive, 12)) == VMBUS_OK)
		count++;
	assert_int_equal(status, VMBUS_E_NETWORK_FLOOD);
	assert_int_equal(count, RIG_RECEIVE_BYTES / 1664);
	rig_close(&rig);
}

static u32 indication(u32 *status, u32 *number)
{
	struct {
		struct rndis_header header;
		struct rndis_indicate body;
		u32 number;
	} message = { 0 };
	u32 bytes;

	assert_true(network_vsp_transmit(&rig.vsp[0], &rig.out));
	bytes = rig_response(&rig, &message, sizeof(message));
	assert_int_equal(message.header.type, RNDIS_INDICATE);
	assert_int_equal(message.header.bytes, bytes);
	*status = message.body.status;
	*number = message.number;
	return message.body.info_bytes;
}

static void a_link_goes_and_comes(void **state)
{
	u32 status, number;

	(void)state;
	rig_open(&rig, NULL);
	rig_negotiate(&rig, NETWORK_VERSION_61, 1500);
	/* Who has not asked yet is not told. */
	network_vsp_link(&rig.vsp[0], false, 0);
	assert_false(network_vsp_transmit(&rig.vsp[0], &rig.out));
	rig_initialize(&rig);
	assert_int_equal(query_u32(OID_MEDIA_CONNECT_STATUS), 1);
	assert_false(network_vsp_link(&rig.vsp[0], false, 0));
	assert_true(network_vsp_link(&rig.vsp[0], true, 25000000000ull));
	assert_int_equal(indication(&status, &number), 0);
	assert_int_equal(status, RNDIS_STATUS_MEDIA_CONNECT);
	assert_int_equal(indication(&status, &number), 4);
	assert_int_equal(status, RNDIS_STATUS_LINK_SPEED_CHANGE);
	assert_int_equal(number, 250000000);
	assert_int_equal(query_u32(OID_LINK_SPEED), 250000000);
	assert_true(network_vsp_network_change(&rig.vsp[0]));
	assert_true(network_vsp_link(&rig.vsp[0], false, 0));
	assert_int_equal(indication(&status, &number), 0);
	assert_int_equal(status, RNDIS_STATUS_MEDIA_DISCONNECT);
	assert_int_equal(indication(&status, &number), 4);
	assert_int_equal(status, RNDIS_STATUS_NETWORK_CHANGE);
	assert_false(network_vsp_transmit(&rig.vsp[0], &rig.out));
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_adapter_describes_itself),
		cmocka_unit_test(every_object_of_the_list_can_be_had),
		cmocka_unit_test(
			offloads_are_described_as_the_guest_knows_them),
		cmocka_unit_test(offloads_are_switched),
		cmocka_unit_test(what_the_adapter_lacks_stays_off),
		cmocka_unit_test(
			windows_switches_them_by_encapsulation_and_name),
		cmocka_unit_test(a_guest_sets_its_address),
		cmocka_unit_test(a_guest_sets_its_filter),
		cmocka_unit_test(a_guest_sets_its_rss_table),
		cmocka_unit_test(messages_that_contradict_themselves),
		cmocka_unit_test(halt_reset_and_keepalive),
		cmocka_unit_test(more_requests_than_slots_are_a_flood),
		cmocka_unit_test(a_link_goes_and_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
