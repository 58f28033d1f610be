// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Both ends of the network, back to back. */
#include "tests/unit/services/network/network_link.h"

static const u32 versions[] = {
	NETWORK_VERSION_1, NETWORK_VERSION_2, NETWORK_VERSION_4,
	NETWORK_VERSION_5, NETWORK_VERSION_6, NETWORK_VERSION_61,
};

static struct link link;

static struct network_vsp_options host_options(u32 version)
{
	struct network_vsp_options options = {
		.version_max = version,
		.channels_max = LINK_CHANNELS,
		.offloads = NETWORK_OFFLOADS_ALL,
		.address = { 0, 0x15, 0x5d, 4, 5, 6 },
	};

	return options;
}

static struct network_vsc_options guest_options(u32 version)
{
	struct network_vsc_options options = {
		.version_max = version,
		.channels = LINK_CHANNELS,
		.virtual_function = true,
		.offloads = {
			.tcp4_checksum = NDIS_PARAMETER_BOTH,
			.tcp6_checksum = NDIS_PARAMETER_BOTH,
			.udp4_checksum = NDIS_PARAMETER_BOTH,
			.lso4 = NDIS_PARAMETER_ENABLED,
			.lso6 = NDIS_PARAMETER_ENABLED,
			.rsc4 = NDIS_PARAMETER_ENABLED,
			.rsc6 = NDIS_PARAMETER_ENABLED,
		},
		.rss.hash = NETWORK_HASH_TOEPLITZ | NETWORK_HASH_TCP_IPV4,
	};

	return options;
}

static void start(u32 host_version, u32 guest_version)
{
	const struct network_vsp_options host = host_options(host_version);
	const struct network_vsc_options guest = guest_options(guest_version);

	link_up(&link, &host, &guest, host_version ^ guest_version);
	link_run(&link);
	assert_int_equal(link.events[NETWORK_VSC_READY], 1);
	network_vsc_filter(&link.vsc[0], 0xf);
	link_run(&link);
	assert_int_equal(link.last[NETWORK_VSC_COMPLETED].request,
			 NETWORK_VSC_REQUEST_FILTER);
	assert_int_equal(link.last[NETWORK_VSC_COMPLETED].status, 0);
}

/* TCP over version 4 with @payload bytes. */
static u32 put_frame(u8 *frame, u32 payload)
{
	u32 i;

	memset(frame, 0, 54);
	frame[0] = 2;
	network_put_be16(frame + 12, 0x0800);
	frame[14] = 0x45;
	network_put_be16(frame + 16, 40 + payload);
	frame[23] = NETWORK_PROTOCOL_TCP;
	frame[26] = 10;
	frame[30] = 11;
	frame[46] = 0x50;
	for (i = 0; i < payload; i++)
		frame[54 + i] = (u8)(i * 13 + payload);
	return 54 + payload;
}

static void every_pair_of_versions(void **state)
{
	static u8 frame[1600];
	u32 h, g, bytes = put_frame(frame, 1400), agreed;

	(void)state;
	for (h = 0; h < PORT_ARRAY_SIZE(versions); h++) {
		for (g = 0; g < PORT_ARRAY_SIZE(versions); g++) {
			agreed = versions[h < g ? h : g];
			start(versions[h], versions[g]);
			assert_int_equal(network_vsp_version(&link.host),
					 agreed);
			assert_memory_equal(link.guest.address,
					    link.host.options.address, 6);
			assert_true(link.guest.link_up);
			assert_int_equal(link.guest.mtu_bytes, 1500);
			assert_int_equal(link.guest.packets_max, 8);
			assert_int_equal(link.guest.packet_align_bytes, 8);
			assert_int_equal(link.channel_count,
					 agreed >= NETWORK_VERSION_5 ? 3 : 1);
			assert_int_equal(link.guest.speed_bps,
					 agreed >= NETWORK_VERSION_5
						 ? 10000000000ull
						 : 0);
			assert_true(link_send(&link, 0, frame, bytes, NULL,
					      NETWORK_UNTAGGED));
			assert_int_equal(link_receive(&link, 0, frame, bytes,
						      NULL, NETWORK_UNTAGGED),
					 VMBUS_OK);
			link_run(&link);
			assert_int_equal(link.at_host.count, 1);
			assert_memory_equal(link.at_host.frames[0].data, frame,
					    bytes);
			assert_int_equal(link.at_guest.count, 1);
			assert_memory_equal(link.at_guest.frames[0].data, frame,
					    bytes);
			assert_int_equal(link.events[NETWORK_VSC_SENT], 1);
			assert_int_equal(link.last[NETWORK_VSC_SENT].status,
					 NETWORK_STATUS_SUCCESS);
			assert_int_equal(link.last[NETWORK_VSC_SENT].cookie,
					 77);
			link_down(&link);
		}
	}
}

static void versions_that_do_not_meet_are_refused(void **state)
{
	const struct network_vsp_options host = host_options(NETWORK_VERSION_4);
	struct network_vsc_options guest = guest_options(0);

	(void)state;
	guest.version_min = NETWORK_VERSION_5;
	link_up(&link, &host, &guest, 1);
	link_run(&link);
	assert_int_equal(link.events[NETWORK_VSC_REFUSED], 1);
	assert_int_equal(link.last[NETWORK_VSC_REFUSED].status,
			 NETWORK_STATUS_TOO_NEW);
	assert_int_equal(link.events[NETWORK_VSC_READY], 0);
	link_down(&link);
}

static void frames_of_every_size_cross(void **state)
{
	static u8 frame[9100];
	u32 bytes, i;

	(void)state;
	start(0, 0);
	for (bytes = 60; bytes < 9014; bytes += 271) {
		u32 channel = bytes % LINK_CHANNELS;

		for (i = 0; i < bytes; i++)
			frame[i] = (u8)(i + bytes);
		frame[12] = 0x12;
		assert_true(link_send(&link, channel, frame, bytes, NULL,
				      NETWORK_UNTAGGED));
		link_run(&link);
		assert_int_equal(link.at_host.count, 1);
		assert_int_equal(link.at_host.frames[0].channel, channel);
		assert_int_equal(link.at_host.frames[0].bytes, bytes);
		assert_memory_equal(link.at_host.frames[0].data, frame, bytes);
		link_forget(&link.at_host);
	}
	/* The small ones in the buffer, the others by page list. */
	assert_int_equal(link.sections_used, (6144 - 44 - 60) / 271 + 1);
	link_down(&link);
}

static const u32 joined_bytes[] = { 60, 61, 62, 1514, 14, 999, 67, 60 };

/* All of them as one packet. */
static void send_joined(u8 frames[][1514])
{
	struct network_vsc_send send = { .tag = NETWORK_UNTAGGED };
	struct network_vsc_sent sent;
	struct ring_vec vec;
	struct packet_out out = {
		.type = PACKET_DATA_INBAND,
		.flags = PACKET_FLAG_COMPLETION_REQUESTED,
		.vec = &vec,
		.vec_count = 1,
	};
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(joined_bytes); i++) {
		send.frame_bytes = joined_bytes[i];
		send.head = frames[i];
		send.head_bytes = joined_bytes[i];
		send.more = i + 1 < PORT_ARRAY_SIZE(joined_bytes);
		assert_int_equal(
			i ? network_vsc_join(&link.vsc[0], &send, &sent)
			  : network_vsc_send(&link.vsc[0], &send, 77, &sent),
			VMBUS_OK);
		memcpy(sent.section, sent.head, sent.head_bytes);
		memcpy(sent.section + sent.head_bytes, frames[i],
		       joined_bytes[i]);
	}
	out.transaction_id = sent.transaction_id;
	vec.base = sent.packet;
	vec.size_bytes = sent.packet_bytes;
	assert_int_equal(sim_send_packet(&link.channel[0]->guest, &out),
			 VMBUS_OK);
}

/* The host takes each of them, and answers once. */
static void joined_frames_cross(void **state)
{
	static u8 frames[PORT_ARRAY_SIZE(joined_bytes)][1514];
	u32 i, n;

	(void)state;
	start(0, 0);
	for (i = 0; i < PORT_ARRAY_SIZE(joined_bytes); i++) {
		for (n = 0; n < sizeof(frames[i]); n++)
			frames[i][n] = (u8)(n * (i + 3));
		frames[i][12] = 0x12;
	}
	send_joined(frames);
	link_run(&link);
	assert_int_equal(link.at_host.count, PORT_ARRAY_SIZE(joined_bytes));
	for (i = 0; i < PORT_ARRAY_SIZE(joined_bytes); i++) {
		assert_int_equal(link.at_host.frames[i].bytes, joined_bytes[i]);
		assert_memory_equal(link.at_host.frames[i].data, frames[i],
				    joined_bytes[i]);
	}
	assert_int_equal(link.sections_used, 1);
	assert_int_equal(link.events[NETWORK_VSC_SENT], 1);
	link_down(&link);
}

static void segments_cross_both_ways(void **state)
{
	static u8 frame[66000], sent[66000];
	struct network_vnet vnet = {
		.flags = NETWORK_VNET_NEEDS_CSUM,
		.gso_type = NETWORK_GSO_TCP4,
		.hdr_len = 54,
		.gso_size = 1448,
		.csum_start = 34,
		.csum_offset = NETWORK_TCP_CSUM,
	};
	u32 bytes = put_frame(frame, 60000);

	(void)state;
	start(0, 0);
	memcpy(sent, frame, bytes);
	assert_int_equal(network_vsc_prepare(&vnet, sent, 54), VMBUS_OK);
	assert_int_equal(network_be16(sent + 16), 0);
	assert_true(link_send(&link, 1, sent, bytes, &vnet, 0x2007));
	assert_int_equal(
		link_receive(&link, 2, frame, bytes, &vnet, NETWORK_UNTAGGED),
		VMBUS_OK);
	link_run(&link);
	assert_int_equal(link.at_host.count, 1);
	assert_memory_equal(&link.at_host.frames[0].vnet, &vnet, sizeof(vnet));
	assert_int_equal(link.at_host.frames[0].tag, 0x2007);
	assert_int_equal(network_be16(link.at_host.frames[0].data + 16), 60040);
	assert_memory_equal(link.at_host.frames[0].data + 54, frame + 54,
			    60000);
	assert_int_equal(link.at_guest.count, 1);
	assert_int_equal(link.at_guest.frames[0].channel, 2);
	assert_int_equal(link.at_guest.frames[0].bytes, bytes);
	assert_memory_equal(link.at_guest.frames[0].data, frame, bytes);
	assert_int_equal(link.at_guest.frames[0].info.checksum,
			 RNDIS_RX_TCP_GOOD | RNDIS_RX_TCP_UNWRITTEN);
	link_down(&link);
}

static void checksums_and_tags_cross(void **state)
{
	struct network_vnet vnet = {
		.flags = NETWORK_VNET_NEEDS_CSUM,
		.csum_start = 34,
		.csum_offset = NETWORK_TCP_CSUM,
	};
	u8 frame[200], tagged[200];
	u32 bytes = put_frame(frame, 100);

	(void)state;
	start(0, 0);
	assert_true(link_send(&link, 0, frame, bytes, &vnet, 0xf123));
	memcpy(tagged, frame, 12);
	network_put_be16(tagged + 12, 0x8100);
	network_put_be16(tagged + 14, 0xf123);
	memcpy(tagged + 16, frame + 12, bytes - 12);
	assert_int_equal(
		link_receive(&link, 0, tagged, bytes + 4, NULL, 0xf123),
		VMBUS_OK);
	link_run(&link);
	assert_int_equal(link.at_host.frames[0].tag, 0xf123);
	assert_memory_equal(&link.at_host.frames[0].vnet, &vnet, sizeof(vnet));
	assert_int_equal(link.at_guest.frames[0].tag, 0xf123);
	assert_int_equal(link.at_guest.frames[0].bytes, bytes);
	assert_memory_equal(link.at_guest.frames[0].data, frame, bytes);
	link_down(&link);
}

static void rss_is_what_both_say(void **state)
{
	u32 hash;

	(void)state;
	start(0, 0);
	assert_int_equal(link.host.settings.rss.table_count, 128);
	assert_int_equal(link.host.settings.rss.hash,
			 NETWORK_HASH_TOEPLITZ | NETWORK_HASH_TCP_IPV4);
	assert_int_equal(link.events[NETWORK_VSC_TABLE], 1);
	for (hash = 0; hash < 64; hash++)
		assert_int_equal(network_vsc_channel_of(&link.guest, hash),
				 hash % 16 % LINK_CHANNELS);
	link_down(&link);
}

static void what_the_host_says_arrives(void **state)
{
	(void)state;
	start(0, 0);
	assert_true(network_vsp_link(&link.vsp[0], false, 5000000000ull));
	assert_true(network_vsp_network_change(&link.vsp[0]));
	assert_true(network_vsp_vf(&link.vsp[0], true, 42));
	link_run(&link);
	assert_int_equal(link.events[NETWORK_VSC_LINK], 1);
	assert_false(link.guest.link_up);
	assert_int_equal(link.events[NETWORK_VSC_SPEED], 1);
	assert_int_equal(link.guest.speed_bps, 5000000000ull);
	assert_int_equal(link.events[NETWORK_VSC_CHANGE], 1);
	assert_int_equal(link.events[NETWORK_VSC_VF], 1);
	assert_int_equal(link.guest.vf_allocated, 1);
	assert_int_equal(link.guest.vf_serial, 42);
	network_vsc_data_path(&link.vsc[0], true);
	link_run(&link);
	assert_true(link.host_path_vf);
	assert_int_equal(link.events[NETWORK_VSC_PATH], 1);
	network_vsc_data_path(&link.vsc[0], false);
	link_run(&link);
	assert_false(link.host_path_vf);
	/* And asked, it says the same. */
	link.guest.link_up = true;
	network_vsc_request(&link.vsc[0], NETWORK_VSC_REQUEST_LINK);
	network_vsc_request(&link.vsc[0], NETWORK_VSC_REQUEST_SPEED);
	network_vsc_request(&link.vsc[0], NETWORK_VSC_REQUEST_OFFLOADS);
	link_run(&link);
	assert_false(link.guest.link_up);
	assert_int_equal(link.last[NETWORK_VSC_COMPLETED].status, 0);
	link_down(&link);
}

static void a_guest_asks_for_another_address(void **state)
{
	static const u8 address[6] = { 0x02, 0xab, 0xcd, 0xef, 0x01, 0x23 };
	static const u8 group[6] = { 0x01, 0xab, 0xcd, 0xef, 0x01, 0x23 };

	(void)state;
	start(NETWORK_VERSION_61, NETWORK_VERSION_61);
	memcpy(link.guest.options.address, address, sizeof(address));
	network_vsc_request(&link.vsc[0], NETWORK_VSC_REQUEST_ADDRESS);
	link_run(&link);
	assert_int_equal(link.last[NETWORK_VSC_COMPLETED].request,
			 NETWORK_VSC_REQUEST_ADDRESS);
	assert_int_equal(link.last[NETWORK_VSC_COMPLETED].status, 0);
	assert_memory_equal(link.vsp[0].settings.filter.address, address, 6);
	/* The host refuses what no adapter can have. */
	memcpy(link.guest.options.address, group, sizeof(group));
	network_vsc_request(&link.vsc[0], NETWORK_VSC_REQUEST_ADDRESS);
	link_run(&link);
	assert_int_equal(link.last[NETWORK_VSC_COMPLETED].status,
			 RNDIS_STATUS_INVALID_DATA);
	assert_memory_equal(link.vsp[0].settings.filter.address, address, 6);
	link_down(&link);
}

static void a_guest_closes_and_begins_anew(void **state)
{
	u8 frame[100];
	u32 i, h;

	(void)state;
	put_frame(frame, 46);
	for (h = 0; h < PORT_ARRAY_SIZE(versions); h++) {
		start(versions[h], 0);
		for (i = 0; i < 3; i++) {
			const struct network_vsc_options options =
				guest_options(0);

			network_vsc_close(&link.vsc[0]);
			link_run(&link);
			assert_int_equal(link.events[NETWORK_VSC_CLOSED],
					 i + 1);
			assert_false(link.receive_mapped);
			assert_false(link.send_mapped);
			assert_int_equal(link_receive(&link, 0, frame, 100,
						      NULL, NETWORK_UNTAGGED),
					 VMBUS_NOT_READY);
			assert_int_equal(
				network_vsc_shared_init(&link.guest, &options),
				VMBUS_OK);
			assert_int_equal(
				network_vsc_init(&link.vsc[0], &link.guest, 0,
						 link.sends[0], LINK_SLOTS),
				VMBUS_OK);
			link_run(&link);
			assert_int_equal(link.events[NETWORK_VSC_READY], i + 2);
			network_vsc_filter(&link.vsc[0], 1);
			link_run(&link);
			assert_int_equal(link_receive(&link, 0, frame, 100,
						      NULL, NETWORK_UNTAGGED),
					 VMBUS_OK);
			link_run(&link);
			assert_int_equal(link.at_guest.count, i + 1);
		}
		link_down(&link);
	}
}

static void pressure_goes_back(void **state)
{
	static u8 frame[66000];
	struct network_vnet vnet = {
		.flags = NETWORK_VNET_NEEDS_CSUM,
		.gso_type = NETWORK_GSO_TCP4,
		.gso_size = 1448,
		.csum_start = 34,
		.csum_offset = NETWORK_TCP_CSUM,
	};
	u32 bytes = put_frame(frame, 60000), sent = 0, i;
	u64 cookie;

	(void)state;
	start(0, 0);
	link.hold = true;
	while (link_receive(&link, 1, frame, bytes, &vnet, NETWORK_UNTAGGED) ==
	       VMBUS_OK) {
		link_run(&link);
		sent++;
	}
	/* 40 slots each, of those that are not kept for control. */
	assert_int_equal(sent, (LINK_RECEIVE_BYTES / 1664 - 64) / 40);
	link_release(&link);
	link.hold = false;
	link_run(&link);
	assert_int_equal(
		link_receive(&link, 1, frame, bytes, &vnet, NETWORK_UNTAGGED),
		VMBUS_OK);
	link_run(&link);
	assert_int_equal(link.at_guest.count, sent + 1);
	/* And in the other direction: slots of the guest, which it gets back.
	 */
	for (i = 0; i < LINK_SLOTS; i++)
		assert_true(
			link_send(&link, 2, frame, 60, NULL, NETWORK_UNTAGGED));
	assert_false(link_send(&link, 2, frame, 60, NULL, NETWORK_UNTAGGED));
	link_run(&link);
	assert_int_equal(link.at_host.count, LINK_SLOTS);
	assert_false(network_vsc_abandon(&link.vsc[2], &cookie));
	assert_true(link_send(&link, 2, frame, 60, NULL, NETWORK_UNTAGGED));
	assert_true(network_vsc_abandon(&link.vsc[2], &cookie));
	assert_int_equal(cookie, 77);
	assert_false(network_vsc_abandon(&link.vsc[2], &cookie));
	link_down(&link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_of_versions),
		cmocka_unit_test(versions_that_do_not_meet_are_refused),
		cmocka_unit_test(frames_of_every_size_cross),
		cmocka_unit_test(joined_frames_cross),
		cmocka_unit_test(segments_cross_both_ways),
		cmocka_unit_test(checksums_and_tags_cross),
		cmocka_unit_test(rss_is_what_both_say),
		cmocka_unit_test(what_the_host_says_arrives),
		cmocka_unit_test(a_guest_asks_for_another_address),
		cmocka_unit_test(a_guest_closes_and_begins_anew),
		cmocka_unit_test(pressure_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
