// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Frames to a guest through the host end. */
#include "tests/unit/services/network/network_rig.h"

static struct rig rig;
static struct network_rx_place place;
static struct network_rx_batch batch;

/* What a device does: reserve, read into the pieces, add. */
static enum vmbus_status rx_frame(u16 channel, const u8 *frame, u32 bytes,
				  struct network_rx *rx)
{
	struct network_vsp *vsp = &rig.vsp[channel];
	struct network_piece pieces[NETWORK_PLACE_SLOTS];
	u32 head = bytes < NETWORK_HEAD_BYTES ? bytes : NETWORK_HEAD_BYTES;
	u32 count, i, at = head, most;
	enum vmbus_status status;

	network_vsp_settings(vsp);
	most = network_vsp_rx_max(vsp);
	status = network_vsp_rx_reserve(vsp, &place,
					bytes < most ? bytes : most);
	if (status)
		return status;
	count = network_vsp_rx_pieces(vsp, &place, head, pieces);
	for (i = 0; i < count && at < bytes; i++) {
		u32 part = bytes - at < pieces[i].bytes ? bytes - at
							: pieces[i].bytes;

		memcpy(pieces[i].base, frame + at, part);
		at += part;
	}
	rx->head = frame;
	rx->head_bytes = head;
	rx->frame_bytes = bytes;
	return network_vsp_rx_add(vsp, &place, rx, &batch);
}

/* What a guest does: every range a message, their frames one after another. */
static u32 guest_takes(u16 channel, u8 *frame, struct network_info *info)
{
	struct network_vsp *vsp = &rig.vsp[channel];
	u8 payload[NETWORK_MESSAGE_BYTES];
	struct network_packet packet;
	struct packet_out out;
	struct ring_vec vec;
	u32 i, bytes = 0;
	u64 id;

	network_vsp_rx_out(vsp, &batch, payload, &vec, &out);
	assert_int_equal(out.type, PACKET_DATA_TRANSFER_PAGES);
	assert_int_equal(out.flags, PACKET_FLAG_COMPLETION_REQUESTED);
	assert_int_equal(out.transfer_pageset, NETWORK_RECEIVE_BUFFER_ID);
	assert_true(out.transaction_id < rig.shared.receive.slot_count);
	id = out.transaction_id;
	for (i = 0; i < out.range_count; i++) {
		const struct packet_transfer_range *range = &batch.ranges[i];
		const struct ring_vec piece = {
			rig.receive + range->offset_bytes, range->size_bytes
		};

		assert_true(range->size_bytes <= rig.shared.receive.slot_bytes);
		assert_int_equal(network_packet_read(&piece, 1, 0,
						     piece.size_bytes, &packet),
				 VMBUS_OK);
		assert_int_equal(packet.bytes, piece.size_bytes);
		memcpy(frame + bytes,
		       (const u8 *)piece.base + packet.frame_offset,
		       packet.frame_bytes);
		bytes += packet.frame_bytes;
		if (!i)
			*info = packet.info;
		if (out.range_count > 1) {
			assert_true(packet.info.present & NETWORK_HAS_ID);
			assert_int_equal(packet.info.id.flags,
					 RNDIS_ID_PIECE |
						 (i ? 0 : RNDIS_ID_FIRST) |
						 (i + 1 == out.range_count
							  ? RNDIS_ID_LAST
							  : 0));
		}
	}
	network_vsp_rx_sent(vsp, &batch);
	assert_int_equal(batch.range_count, 0);
	assert_int_equal(
		rig_packet(&rig, channel, PACKET_COMPLETION, 0, id, NULL, 0),
		VMBUS_OK);
	/* Only once. */
	assert_int_equal(
		rig_packet(&rig, channel, PACKET_COMPLETION, 0, id, NULL, 0),
		VMBUS_E_NETWORK_TRANSACTION);
	return bytes;
}

static void free_all_slots_are(void)
{
	u32 i, count = 0;

	for (i = 0; i < NETWORK_SLOTS_MAX / 32; i++)
		count += (u32)__builtin_popcount(rig.shared.receive.free[i]);
	assert_int_equal(count, rig.shared.receive.slot_count);
}

static void run(u32 version)
{
	memset(&place, 0, sizeof(place));
	memset(&batch, 0, sizeof(batch));
	rig_open(&rig, NULL);
	rig_run(&rig, version, 0xf);
	if (version >= NETWORK_VERSION_2)
		rig_all_offloads(&rig);
}

static void frames_of_every_length_arrive(void **state)
{
	struct network_rx rx = { .tag = NETWORK_UNTAGGED };
	static u8 frame[9100], got[9100];
	struct network_info info;
	u32 bytes;

	(void)state;
	run(NETWORK_VERSION_1);
	for (bytes = 14; bytes <= 1514; bytes += bytes < 250 ? 1 : 97) {
		rig_frame(frame, 4, 1460, false);
		assert_int_equal(rx_frame(0, frame, bytes, &rx), VMBUS_OK);
		assert_int_equal(guest_takes(0, got, &info), bytes);
		assert_memory_equal(got, frame, bytes);
		assert_int_equal(info.present, 0);
		free_all_slots_are();
	}
	assert_int_equal(rx_frame(0, frame, 13, &rx), VMBUS_BAD_ARGUMENT);
	network_vsp_rx_release(&rig.vsp[0], &place, &batch);
	free_all_slots_are();
	rig_close(&rig);
}

static void segments_arrive_in_pieces(void **state)
{
	struct network_rx rx = {
		.tag = NETWORK_UNTAGGED,
		.vnet = { .flags = NETWORK_VNET_NEEDS_CSUM,
			  .gso_type = NETWORK_GSO_TCP4,
			  .gso_size = 1448 },
	};
	static u8 frame[66000], got[66000];
	struct network_info info;
	u32 bytes, size;

	(void)state;
	run(NETWORK_VERSION_61);
	assert_int_equal(network_vsp_rx_max(&rig.vsp[0]),
			 NETWORK_FRAME_MAX_BYTES);
	for (size = 1400; size < 65400; size += 3001) {
		bytes = rig_frame(frame, 4, size, false);
		assert_int_equal(rx_frame(0, frame, bytes, &rx), VMBUS_OK);
		assert_int_equal(guest_takes(0, got, &info), bytes);
		assert_memory_equal(got, frame, bytes);
		assert_int_equal(info.checksum, RNDIS_RX_TCP_GOOD |
							RNDIS_RX_TCP_UNWRITTEN |
							RNDIS_RX_IP_GOOD);
	}
	network_vsp_rx_release(&rig.vsp[0], &place, &batch);
	free_all_slots_are();
	/* No segment: nothing but the MTU's length. */
	rx.vnet.gso_type = NETWORK_GSO_NONE;
	assert_int_equal(rx_frame(0, frame, 3000, &rx), VMBUS_UNSUPPORTED);
	assert_int_equal(rig.shared.counters[0].rx_dropped, 1);
	network_vsp_rx_release(&rig.vsp[0], &place, &batch);
	rig_close(&rig);
	/* Nor one to a guest that takes no pieces. */
	run(NETWORK_VERSION_6);
	rx.vnet.gso_type = NETWORK_GSO_TCP4;
	assert_int_equal(rx_frame(0, frame, 3000, &rx), VMBUS_UNSUPPORTED);
	network_vsp_rx_release(&rig.vsp[0], &place, &batch);
	free_all_slots_are();
	rig_close(&rig);
}

/* A slot with room for more than the MTU is filled by segments alone. */
static void large_slots_take_no_long_frames(void **state)
{
	struct network_vsp_options options = rig_options();
	struct network_rx rx = { .tag = NETWORK_UNTAGGED };
	static u8 frame[66000], got[66000];
	struct network_info info;
	u32 bytes;

	(void)state;
	options.slot_min_bytes = 8192;
	rig_open(&rig, &options);
	rig_run(&rig, NETWORK_VERSION_61, 0xf);
	assert_int_equal(rig.shared.receive.slot_bytes, 8192);
	assert_int_equal(network_vsp_rx_max(&rig.vsp[0]),
			 1514u + NETWORK_TAG_BYTES);
	rig_all_offloads(&rig);
	rig_frame(frame, 4, 1460, false);
	bytes = 1514u + NETWORK_TAG_BYTES;
	assert_int_equal(rx_frame(0, frame, bytes, &rx), VMBUS_OK);
	assert_int_equal(guest_takes(0, got, &info), bytes);
	assert_int_equal(rx_frame(0, frame, bytes + 1, &rx), VMBUS_UNSUPPORTED);
	assert_int_equal(rig.shared.counters[0].rx_dropped, 1);
	rx.vnet.gso_type = NETWORK_GSO_TCP4;
	rx.vnet.gso_size = 1448;
	bytes = rig_frame(frame, 4, 65000, false);
	assert_int_equal(rx_frame(0, frame, bytes, &rx), VMBUS_OK);
	assert_int_equal(batch.range_count, 9);
	assert_int_equal(guest_takes(0, got, &info), bytes);
	assert_memory_equal(got, frame, bytes);
	network_vsp_rx_release(&rig.vsp[0], &place, &batch);
	free_all_slots_are();
	rig_close(&rig);
}

static void what_is_known_of_a_frame_is_told(void **state)
{
	struct network_rx rx = {
		.tag = 0x6009,
		.hash = 0x12345678,
		.hash_type = NETWORK_HASH_TCP_IPV6,
		.vnet.flags = NETWORK_VNET_DATA_VALID,
	};
	u8 frame[200], got[200], plain[200];
	struct network_info info;
	u32 bytes = rig_frame(frame, 6, 50, true);
	u32 untagged = rig_frame(plain, 6, 50, false);

	(void)state;
	run(NETWORK_VERSION_61);
	assert_int_equal(rx_frame(0, frame, bytes, &rx), VMBUS_OK);
	assert_int_equal(guest_takes(0, got, &info), untagged);
	assert_memory_equal(got, plain, untagged);
	assert_int_equal(info.present, NETWORK_HAS_CHECKSUM | NETWORK_HAS_VLAN |
					       NETWORK_HAS_HASH |
					       NETWORK_HAS_HASHING);
	assert_int_equal(info.vlan, 3 | 9u << RNDIS_VLAN_ID_SHIFT);
	assert_int_equal(info.hash, 0x12345678);
	assert_int_equal(info.hashing,
			 NETWORK_HASH_TCP_IPV6 | NETWORK_HASH_TOEPLITZ);
	assert_int_equal(info.checksum, RNDIS_RX_TCP_GOOD);
	/* An access port's: the tag goes and nothing is said of it. */
	rx.tag = NETWORK_UNTAGGED;
	rx.hash_type = 0;
	assert_int_equal(rx_frame(0, frame, bytes, &rx), VMBUS_OK);
	assert_int_equal(guest_takes(0, got, &info), untagged);
	assert_memory_equal(got, plain, untagged);
	assert_int_equal(info.present, NETWORK_HAS_CHECKSUM);
	rig_close(&rig);
	/* A guest that knows no information gets it as it is on the wire. */
	run(NETWORK_VERSION_1);
	rx.tag = 0x6009;
	assert_int_equal(rx_frame(0, frame, bytes, &rx), VMBUS_OK);
	assert_int_equal(guest_takes(0, got, &info), bytes);
	assert_memory_equal(got, frame, bytes);
	assert_int_equal(info.present, 0);
	rig_close(&rig);
}

static void a_guest_that_holds_all_gets_no_more(void **state)
{
	struct network_rx rx = { .tag = NETWORK_UNTAGGED };
	const u32 keepalive[3] = { RNDIS_KEEPALIVE, 12, 1 };
	u32 slots = RIG_RECEIVE_BYTES / 1664, sent = 0, control, i;
	u16 ids[1024];
	u8 frame[100];
	enum vmbus_status status;

	(void)state;
	run(NETWORK_VERSION_61);
	control = rig.shared.receive.control_count;
	rig_frame(frame, 4, 10, false);
	for (;;) {
		status = rx_frame(sent % RIG_CHANNELS, frame, 100, &rx);
		if (status)
			break;
		ids[sent] = batch.first;
		network_vsp_rx_sent(&rig.vsp[sent % RIG_CHANNELS], &batch);
		sent++;
	}
	assert_int_equal(status, VMBUS_AGAIN);
	assert_int_equal(sent, slots - control);
	/* Control goes on meanwhile. */
	assert_int_equal(rig_control(&rig, keepalive, 12), VMBUS_OK);
	/* Another channel's frames are not this one's to complete. */
	assert_int_equal(
		rig_packet(&rig, 1, PACKET_COMPLETION, 0, ids[0], NULL, 0),
		VMBUS_E_NETWORK_TRANSACTION);
	for (i = 0; i < sent; i++) {
		assert_int_equal(rig_packet(&rig, i % RIG_CHANNELS,
					    PACKET_COMPLETION, 0, ids[i], NULL,
					    0),
				 VMBUS_OK);
		assert_int_equal(rig.action.changed, NETWORK_CHANGED_SLOTS);
	}
	assert_int_equal(
		rig_packet(&rig, 0, PACKET_COMPLETION, 0, slots, NULL, 0),
		VMBUS_E_NETWORK_TRANSACTION);
	assert_int_equal(
		rig_packet(&rig, 0, PACKET_COMPLETION, 0, 1ull << 32, NULL, 0),
		VMBUS_E_NETWORK_TRANSACTION);
	assert_int_equal(rx_frame(0, frame, 100, &rx), VMBUS_OK);
	rig_close(&rig);
}

static void only_a_packet_is_completed(void **state)
{
	struct network_rx rx = {
		.tag = NETWORK_UNTAGGED,
		.vnet.gso_type = NETWORK_GSO_TCP4,
	};
	static u8 frame[4000];
	u32 bytes = rig_frame(frame, 4, 3000, false);
	u64 first, second;

	(void)state;
	run(NETWORK_VERSION_61);
	assert_int_equal(rx_frame(0, frame, bytes, &rx), VMBUS_OK);
	first = batch.first;
	second = batch.ranges[1].offset_bytes / rig.shared.receive.slot_bytes;
	/* Not what was not sent, nor the second part of what was. */
	assert_int_equal(
		rig_packet(&rig, 0, PACKET_COMPLETION, 0, first, NULL, 0),
		VMBUS_E_NETWORK_TRANSACTION);
	network_vsp_rx_sent(&rig.vsp[0], &batch);
	assert_int_equal(
		rig_packet(&rig, 0, PACKET_COMPLETION, 0, second, NULL, 0),
		VMBUS_E_NETWORK_TRANSACTION);
	assert_int_equal(
		rig_packet(&rig, 0, PACKET_COMPLETION, 0, first, NULL, 0),
		VMBUS_OK);
	free_all_slots_are();
	rig_close(&rig);
}

static void frames_go_out_in_batches(void **state)
{
	struct network_rx rx = { .tag = NETWORK_UNTAGGED };
	u8 frame[100], payload[NETWORK_MESSAGE_BYTES];
	enum vmbus_status status;
	struct packet_out out;
	struct ring_vec vec;
	u32 v, count;

	(void)state;
	rig_frame(frame, 4, 10, false);
	for (v = 0; v < 2; v++) {
		run(v ? NETWORK_VERSION_61 : NETWORK_VERSION_1);
		for (count = 0;; count++) {
			status = rx_frame(0, frame, 100, &rx);
			if (status)
				break;
		}
		assert_int_equal(status, VMBUS_AGAIN);
		assert_int_equal(count, v ? NETWORK_BATCH_RANGES : 32);
		network_vsp_rx_out(&rig.vsp[0], &batch, payload, &vec, &out);
		assert_int_equal(out.range_count, count);
		assert_int_equal(vec.size_bytes, v ? 40 : 28);
		network_vsp_rx_sent(&rig.vsp[0], &batch);
		assert_int_equal(rig_packet(&rig, 0, PACKET_COMPLETION, 0,
					    out.transaction_id, NULL, 0),
				 VMBUS_OK);
		network_vsp_rx_release(&rig.vsp[0], &place, &batch);
		free_all_slots_are();
		/* Unsent ones are given back too. */
		assert_int_equal(rx_frame(0, frame, 100, &rx), VMBUS_OK);
		network_vsp_rx_release(&rig.vsp[0], &place, &batch);
		free_all_slots_are();
		rig_close(&rig);
	}
}

static void statistics_are_those_of_all_channels(void **state)
{
	struct network_rx rx = { .tag = NETWORK_UNTAGGED };
	struct ndis_statistics all;
	u64 bytes;
	u32 frames, length = sizeof(frames);
	u8 frame[100];

	(void)state;
	run(NETWORK_VERSION_61);
	rig_frame(frame, 4, 10, false);
	assert_int_equal(rx_frame(0, frame, 100, &rx), VMBUS_OK);
	network_vsp_rx_sent(&rig.vsp[0], &batch);
	frame[0] = 0xff;
	assert_int_equal(rx_frame(2, frame, 90, &rx), VMBUS_OK);
	network_vsp_rx_sent(&rig.vsp[2], &batch);
	assert_int_equal(rig_query(&rig, OID_RCV_OK, NULL, 0, &frames, &length),
			 RNDIS_STATUS_SUCCESS);
	assert_int_equal(frames, 2);
	assert_int_equal(rig_query(&rig, OID_BROADCAST_FRAMES_RCV, NULL, 0,
				   &frames, &length),
			 RNDIS_STATUS_SUCCESS);
	assert_int_equal(frames, 1);
	length = sizeof(bytes);
	assert_int_equal(
		rig_query(&rig, OID_BYTES_RCV, NULL, 0, &bytes, &length),
		RNDIS_STATUS_SUCCESS);
	assert_int_equal(bytes, 190);
	length = sizeof(frames);
	assert_int_equal(rig_query(&rig, OID_DIRECTED_FRAMES_RCV, NULL, 0,
				   &frames, &length),
			 RNDIS_STATUS_SUCCESS);
	assert_int_equal(frames, 1);
	length = sizeof(all);
	assert_int_equal(
		rig_query(&rig, OID_STATISTICS, NULL, 0, &all, &length),
		RNDIS_STATUS_SUCCESS);
	assert_int_equal(length, 152);
	assert_int_equal(all.header.bytes, 152);
	assert_int_equal(all.rx_bytes, 190);
	assert_int_equal(all.rx_directed, 1);
	assert_int_equal(all.rx_broadcast, 1);
	assert_int_equal(all.rx_multicast, 0);
	assert_int_equal(all.tx_directed, 0);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_every_length_arrive),
		cmocka_unit_test(segments_arrive_in_pieces),
		cmocka_unit_test(large_slots_take_no_long_frames),
		cmocka_unit_test(what_is_known_of_a_frame_is_told),
		cmocka_unit_test(a_guest_that_holds_all_gets_no_more),
		cmocka_unit_test(only_a_packet_is_completed),
		cmocka_unit_test(frames_go_out_in_batches),
		cmocka_unit_test(statistics_are_those_of_all_channels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
