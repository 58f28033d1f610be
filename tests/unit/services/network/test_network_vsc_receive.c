// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* What a host sends to the guest end of the network, lies among it. */
#include "tests/unit/services/network/network_script.h"

static void ranges_are_in_the_receive_buffer(void **state)
{
	static const struct {
		u32 bytes, offset;
	} lies[] = {
		{ SCRIPT_SLOT_BYTES + 1, 0 },
		{ 1, SCRIPT_RECEIVE_BYTES },
		{ 16, SCRIPT_RECEIVE_BYTES - 15 },
		{ 16, 0xffffffff },
		{ 0xffffffff, 0 },
		{ 0xfffffff0, 0x20 },
	};
	struct network_message envelope = { .type = NETWORK_RNDIS };
	static struct packet_transfer_range many[NETWORK_RANGES_MAX + 1];
	struct packet_transfer_range range;
	u32 i;

	(void)state;
	script_start(0);
	/* Before there is one. */
	assert_int_equal(script_packet(PACKET_DATA_TRANSFER_PAGES, 0, &envelope,
				       28, many, 1),
			 VMBUS_E_NETWORK_RANGE);
	script_run(NETWORK_VERSION_61);
	for (i = 0; i < PORT_ARRAY_SIZE(lies); i++) {
		range.size_bytes = lies[i].bytes;
		range.offset_bytes = lies[i].offset;
		assert_int_equal(script_packet(PACKET_DATA_TRANSFER_PAGES, 0,
					       &envelope, 28, &range, 1),
				 VMBUS_E_NETWORK_RANGE);
	}
	assert_int_equal(script_packet(PACKET_DATA_TRANSFER_PAGES, 0, &envelope,
				       28, many, NETWORK_RANGES_MAX + 1),
			 VMBUS_E_NETWORK_RANGE);
	for (i = 0; i < 16; i++)
		assert_int_equal(script_packet(PACKET_DATA_TRANSFER_PAGES, 0,
					       &envelope, i, many, 1),
				 VMBUS_E_NETWORK_SHORT);
	envelope.type = NETWORK_RNDIS_COMPLETE;
	assert_int_equal(script_packet(PACKET_DATA_TRANSFER_PAGES, 0, &envelope,
				       28, many, 1),
			 VMBUS_E_NETWORK_MESSAGE);
	for (i = 0; i < 32; i++) {
		if (i == PACKET_DATA_INBAND || i == PACKET_COMPLETION ||
		    i == PACKET_DATA_TRANSFER_PAGES)
			continue;
		assert_int_equal(
			script_packet((u16)i, 0, &envelope, 28, NULL, 0),
			VMBUS_E_NETWORK_TYPE);
	}
}

/* Slots with a piece each, of these flags (0: a whole frame, 0xff: control). */
static enum vmbus_status pieces(const u8 *flags, u32 count)
{
	const struct network_message envelope = { .type = NETWORK_RNDIS };
	const u32 indicate[5] = { RNDIS_INDICATE, 20, 0x40010099, 0, 0 };
	struct packet_transfer_range list[8];
	struct network_info info = { 0 };
	u32 i, head;

	for (i = 0; i < count; i++) {
		u8 *at = script_receive + i * SCRIPT_SLOT_BYTES;

		info.present = flags[i] ? NETWORK_HAS_ID : 0;
		info.id.flags = flags[i];
		head = network_packet_head_bytes(&info);
		network_packet_write(at, head, 20, &info);
		memset(at + head, (int)i, 20);
		if (flags[i] == 0xff)
			memcpy(at, indicate, sizeof(indicate));
		list[i].offset_bytes = i * SCRIPT_SLOT_BYTES;
		list[i].size_bytes = head + 20;
	}
	return script_packet(PACKET_DATA_TRANSFER_PAGES, 5, &envelope, 28, list,
			     count);
}

static void pieces_make_a_frame(void **state)
{
	const u8 first = RNDIS_ID_PIECE | RNDIS_ID_FIRST;
	const u8 last = RNDIS_ID_PIECE | RNDIS_ID_LAST;
	const u8 good[3] = { first, RNDIS_ID_PIECE, last };
	const struct {
		u8 flags[3];
		u32 count;
	} lies[] = {
		{ { first }, 1 },
		{ { last }, 1 },
		{ { RNDIS_ID_PIECE }, 1 },
		{ { first, first, last }, 3 },
		{ { first, 0, last }, 3 },
		{ { first, 0xff, last }, 3 },
		{ { RNDIS_ID_PIECE, last }, 2 },
	};
	u32 i;

	(void)state;
	script_run(NETWORK_VERSION_61);
	assert_int_equal(pieces(good, 3), VMBUS_OK);
	assert_int_equal(script_event.kind, NETWORK_VSC_FRAME);
	assert_int_equal(script_frame.bytes, 60);
	assert_int_equal(script_frame.piece_count, 3);
	assert_int_equal(((const u8 *)script_frame.pieces[2].base)[19], 2);
	for (i = 0; i < PORT_ARRAY_SIZE(lies); i++)
		assert_int_equal(pieces(lies[i].flags, lies[i].count),
				 VMBUS_E_NETWORK_RNDIS_INFO);
	/* A notice that nobody knows, then a frame. */
	assert_int_equal(pieces((const u8[]){ 0xff, 0 }, 2), VMBUS_OK);
	assert_int_equal(script_event.kind, NETWORK_VSC_FRAME);
	assert_int_equal(script_frame.bytes, 20);
	assert_int_equal(script_frame.tag, NETWORK_UNTAGGED);
}

static void indications_are_bounded(void **state)
{
	u32 speed[6] = {
		RNDIS_INDICATE, 24, RNDIS_STATUS_LINK_SPEED_CHANGE, 4, 12, 50
	};
	u32 i;

	(void)state;
	script_run(NETWORK_VERSION_61);
	assert_int_equal(script_ranges(speed, 24), VMBUS_OK);
	assert_int_equal(script_event.kind, NETWORK_VSC_SPEED);
	assert_int_equal(script_shared.speed_bps, 5000);
	for (i = 0; i < 24; i++)
		assert_int_equal(script_ranges(speed, i),
				 VMBUS_E_NETWORK_RNDIS_LENGTH);
	for (i = 8; i < 20; i++) {
		speed[1] = i;
		assert_int_equal(script_ranges(speed, 24),
				 VMBUS_E_NETWORK_RNDIS_LENGTH);
	}
	for (; i < 24; i++) {
		speed[1] = i;
		assert_int_equal(script_ranges(speed, 24),
				 VMBUS_E_NETWORK_RNDIS_DATA);
	}
	speed[1] = 24;
	speed[4] = 11;
	assert_int_equal(script_ranges(speed, 24), VMBUS_E_NETWORK_RNDIS_DATA);
	speed[4] = 0xfffffffc;
	assert_int_equal(script_ranges(speed, 24), VMBUS_E_NETWORK_RNDIS_DATA);
	/* Without its number it is none. */
	speed[3] = 0;
	assert_int_equal(script_ranges(speed, 24), VMBUS_OK);
	assert_int_equal(script_event.kind, NETWORK_VSC_NOTHING);
	speed[0] = RNDIS_SET;
	assert_int_equal(script_ranges(speed, 24), VMBUS_E_NETWORK_RNDIS_TYPE);
}

static void tables_are_bounded(void **state)
{
	struct {
		struct network_message message;
		u32 table[NETWORK_SEND_TABLE];
	} notice = {
		.message = { .type = NETWORK_INDIRECTION_TABLE,
			     .indirection = { 16, 40 } },
	};
	u32 i;

	(void)state;
	for (i = 0; i < NETWORK_SEND_TABLE; i++)
		notice.table[i] = i;
	script_run(NETWORK_VERSION_61);
	for (i = 0; i < sizeof(notice); i++)
		assert_int_equal(script_packet(PACKET_DATA_INBAND, 0, &notice,
					       i, NULL, 0),
				 VMBUS_E_NETWORK_SHORT);
	assert_int_equal(script_packet(PACKET_DATA_INBAND, 0, &notice,
				       sizeof(notice), NULL, 0),
			 VMBUS_OK);
	assert_int_equal(script_event.kind, NETWORK_VSC_TABLE);
	assert_int_equal(script_shared.send_table[15], 15);
	/* Of channels that are not open. */
	assert_int_equal(network_vsc_channel_of(&script_shared, 15), 0);
	/* Another thread sends while the next session is made ready. */
	script_shared.channel_count = 0;
	assert_int_equal(network_vsc_channel_of(&script_shared, 15), 0);
	script_shared.channel_count = 1;
	notice.message.indirection.offset_bytes = 41;
	assert_int_equal(script_packet(PACKET_DATA_INBAND, 0, &notice,
				       sizeof(notice), NULL, 0),
			 VMBUS_E_NETWORK_SHORT);
	notice.message.indirection.offset_bytes = 0xfffffff0;
	assert_int_equal(script_packet(PACKET_DATA_INBAND, 0, &notice,
				       sizeof(notice), NULL, 0),
			 VMBUS_E_NETWORK_SHORT);
	notice.message.indirection = (struct network_indirection){ 15, 40 };
	assert_int_equal(script_packet(PACKET_DATA_INBAND, 0, &notice,
				       sizeof(notice), NULL, 0),
			 VMBUS_E_NETWORK_SHORT);
	/* What real hosts of version 6 send. */
	script_run(NETWORK_VERSION_6);
	notice.message.indirection = (struct network_indirection){ 16, 12 };
	assert_int_equal(script_packet(PACKET_DATA_INBAND, 0, &notice,
				       sizeof(notice), NULL, 0),
			 VMBUS_OK);
	assert_int_equal(script_shared.send_table[15], 15);
	script_run(NETWORK_VERSION_4);
	assert_int_equal(script_packet(PACKET_DATA_INBAND, 0, &notice,
				       sizeof(notice), NULL, 0),
			 VMBUS_E_NETWORK_MESSAGE);
}

static void notices_have_their_versions(void **state)
{
	const struct network_message vf = {
		.type = NETWORK_VF_ASSOCIATION,
		.vf = { 1, 5 },
	};
	struct network_vsc sub;
	struct network_vsc_slot sub_slots[1];
	const struct packet_view view = {
		.type = PACKET_DATA_INBAND,
		.payload = (const u8 *)&vf,
		.payload_bytes = 28,
	};
	u32 i;

	(void)state;
	script_run(NETWORK_VERSION_2);
	assert_int_equal(script_packet(PACKET_DATA_INBAND, 0, &vf, 28, NULL, 0),
			 VMBUS_E_NETWORK_MESSAGE);
	script_run(NETWORK_VERSION_4);
	for (i = 0; i < 12; i++)
		assert_int_equal(
			script_packet(PACKET_DATA_INBAND, 0, &vf, i, NULL, 0),
			VMBUS_E_NETWORK_SHORT);
	assert_int_equal(script_packet(PACKET_DATA_INBAND, 0, &vf, 12, NULL, 0),
			 VMBUS_OK);
	assert_int_equal(script_shared.vf_serial, 5);
	assert_int_equal(
		network_vsc_init(&sub, &script_shared, 1, sub_slots, 1),
		VMBUS_OK);
	assert_int_equal(network_vsc_receive(&sub, &view, &script_event),
			 VMBUS_E_NETWORK_MESSAGE);
}

static void a_frame_is_completed_once(void **state)
{
	const struct network_vsc_send request = {
		.frame_bytes = 60,
		.tag = NETWORK_UNTAGGED,
	};
	const struct network_message answer = {
		.type = NETWORK_RNDIS_COMPLETE,
		.complete.status = NETWORK_STATUS_SUCCESS,
	};
	struct network_vsc_sent sent;
	struct network_vsc_send bad = request;
	u64 late;
	u32 i;

	(void)state;
	script_start(NETWORK_VERSION_61);
	assert_int_equal(network_vsc_send(&script_guest, &request, 1, &sent),
			 VMBUS_NOT_READY);
	script_run(NETWORK_VERSION_61);
	bad.frame_bytes = 13;
	assert_int_equal(network_vsc_send(&script_guest, &bad, 1, &sent),
			 VMBUS_BAD_ARGUMENT);
	bad.frame_bytes = NETWORK_FRAME_MAX_BYTES + 1;
	assert_int_equal(network_vsc_send(&script_guest, &bad, 1, &sent),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(network_vsc_send(&script_guest, &request, 1, &sent),
			 VMBUS_OK);
	assert_ptr_equal(sent.section, script_send);
	for (i = 0; i < 8; i++)
		assert_int_equal(
			script_complete(sent.transaction_id, &answer, i),
			VMBUS_E_NETWORK_SHORT);
	assert_int_equal(script_complete(sent.transaction_id + 1, &answer, 8),
			 VMBUS_E_NETWORK_TRANSACTION);
	assert_int_equal(script_complete(0, &answer, 8),
			 VMBUS_E_NETWORK_TRANSACTION);
	assert_int_equal(script_complete(sent.transaction_id, &answer, 8),
			 VMBUS_OK);
	assert_int_equal(script_event.kind, NETWORK_VSC_SENT);
	assert_int_equal(script_complete(sent.transaction_id, &answer, 8),
			 VMBUS_E_NETWORK_TRANSACTION);
	/* A late one fits no newer frame in the same slot. */
	late = sent.transaction_id;
	assert_int_equal(network_vsc_send(&script_guest, &request, 1, &sent),
			 VMBUS_OK);
	assert_int_equal(script_complete(late, &answer, 8),
			 VMBUS_E_NETWORK_TRANSACTION);
	assert_int_equal(script_complete(sent.transaction_id, &answer, 8),
			 VMBUS_OK);
	/* Two sections there are; then page lists; then no slot. */
	for (i = 0; i < SCRIPT_SLOTS; i++) {
		assert_int_equal(
			network_vsc_send(&script_guest, &request, i, &sent),
			VMBUS_OK);
		assert_int_equal(sent.section != NULL, i < 2);
	}
	assert_int_equal(network_vsc_send(&script_guest, &request, i, &sent),
			 VMBUS_AGAIN);
	network_vsc_unsent(&script_guest, 999);
	assert_int_equal(network_vsc_send(&script_guest, &request, i, &sent),
			 VMBUS_AGAIN);
}

static u32 message_bytes(const struct network_vsc_sent *sent)
{
	u32 bytes;

	memcpy(&bytes, sent->head + 4, sizeof(bytes));
	return bytes;
}

static u32 section_bytes(const struct network_vsc_sent *sent)
{
	struct network_message message;

	memcpy(&message, sent->packet, sizeof(message));
	return message.rndis.section_bytes;
}

/* 44 bytes of header before each of 61. */
static void frames_share_a_section(void **state)
{
	struct network_vsc_send request = {
		.frame_bytes = 61,
		.tag = NETWORK_UNTAGGED,
		.more = true,
	};
	const struct network_message answer = {
		.type = NETWORK_RNDIS_COMPLETE,
		.complete.status = NETWORK_STATUS_SUCCESS,
	};
	struct network_vsc_sent sent, before;

	(void)state;
	script_run(NETWORK_VERSION_61);
	script_shared.packets_max = 3;
	script_shared.packet_align_bytes = 8;
	assert_int_equal(network_vsc_send(&script_guest, &request, 1, &sent),
			 VMBUS_OK);
	assert_int_equal(message_bytes(&sent), 112);
	assert_int_equal(section_bytes(&sent), 112);
	before = sent;
	assert_int_equal(network_vsc_join(&script_guest, &request, &sent),
			 VMBUS_OK);
	assert_ptr_equal(sent.section, script_send + 112);
	assert_int_equal(sent.transaction_id, before.transaction_id);
	assert_int_equal(section_bytes(&sent), 224);
	request.frame_bytes = 13;
	assert_int_equal(network_vsc_join(&script_guest, &request, &sent),
			 VMBUS_BAD_ARGUMENT);
	/* The last one ends where it ends, and three there may be. */
	request.frame_bytes = 61;
	request.more = false;
	assert_int_equal(network_vsc_join(&script_guest, &request, &sent),
			 VMBUS_OK);
	assert_int_equal(message_bytes(&sent), 105);
	assert_int_equal(section_bytes(&sent), 329);
	assert_int_equal(sent.frame_count, 3);
	before = sent;
	assert_int_equal(network_vsc_join(&script_guest, &request, &sent),
			 VMBUS_AGAIN);
	assert_memory_equal(&sent, &before, sizeof(sent));
	assert_int_equal(script_complete(sent.transaction_id, &answer, 8),
			 VMBUS_OK);
	assert_int_equal(script_event.kind, NETWORK_VSC_SENT);
	assert_int_equal(script_complete(sent.transaction_id, &answer, 8),
			 VMBUS_E_NETWORK_TRANSACTION);
}

/* Sections of 4096 bytes, two of them. */
static void frames_are_joined_where_there_is_room(void **state)
{
	struct network_vsc_send request = {
		.frame_bytes = 61,
		.tag = NETWORK_UNTAGGED,
	};
	struct network_vsc_sent sent;

	(void)state;
	script_run(NETWORK_VERSION_61);
	script_shared.packets_max = 8;
	script_shared.packet_align_bytes = 8;
	/* Behind an end that is not aligned nothing begins. */
	assert_int_equal(network_vsc_send(&script_guest, &request, 1, &sent),
			 VMBUS_OK);
	assert_int_equal(message_bytes(&sent), 105);
	assert_int_equal(network_vsc_join(&script_guest, &request, &sent),
			 VMBUS_AGAIN);
	network_vsc_unsent(&script_guest, sent.transaction_id);
	request.more = true;
	request.frame_bytes = 3001;
	assert_int_equal(network_vsc_send(&script_guest, &request, 1, &sent),
			 VMBUS_OK);
	assert_int_equal(section_bytes(&sent), 3048);
	request.frame_bytes = 4096 - 3048 - 44 + 1;
	assert_int_equal(network_vsc_join(&script_guest, &request, &sent),
			 VMBUS_AGAIN);
	request.frame_bytes = NETWORK_FRAME_MAX_BYTES;
	assert_int_equal(network_vsc_join(&script_guest, &request, &sent),
			 VMBUS_AGAIN);
	request.frame_bytes = 4096 - 3048 - 44;
	assert_int_equal(network_vsc_join(&script_guest, &request, &sent),
			 VMBUS_OK);
	assert_int_equal(section_bytes(&sent), 4096);
	request.frame_bytes = 14;
	assert_int_equal(network_vsc_join(&script_guest, &request, &sent),
			 VMBUS_AGAIN);
	/* No padding where there is no room for it, nor in a page list. */
	request.frame_bytes = 4096 - 44 - 1;
	assert_int_equal(network_vsc_send(&script_guest, &request, 2, &sent),
			 VMBUS_OK);
	assert_int_equal(message_bytes(&sent), 4096);
	network_vsc_unsent(&script_guest, sent.transaction_id);
	script_shared.packet_align_bytes = 4096;
	request.frame_bytes = 4096;
	assert_int_equal(network_vsc_send(&script_guest, &request, 2, &sent),
			 VMBUS_OK);
	assert_null(sent.section);
	assert_int_equal(message_bytes(&sent), 4096 + 44);
	assert_int_equal(network_vsc_join(&script_guest, &request, &sent),
			 VMBUS_AGAIN);
}

/* A host that says nothing of it takes one. */
static void frames_are_joined_where_the_host_wants_it(void **state)
{
	const struct network_vsc_send request = {
		.frame_bytes = 60,
		.tag = NETWORK_UNTAGGED,
		.more = true,
	};
	struct network_vsc_sent sent;

	(void)state;
	script_run(NETWORK_VERSION_61);
	assert_int_equal(network_vsc_send(&script_guest, &request, 1, &sent),
			 VMBUS_OK);
	assert_non_null(sent.section);
	assert_int_equal(network_vsc_join(&script_guest, &request, &sent),
			 VMBUS_AGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_in_the_receive_buffer),
		cmocka_unit_test(pieces_make_a_frame),
		cmocka_unit_test(indications_are_bounded),
		cmocka_unit_test(tables_are_bounded),
		cmocka_unit_test(notices_have_their_versions),
		cmocka_unit_test(a_frame_is_completed_once),
		cmocka_unit_test(frames_share_a_section),
		cmocka_unit_test(frames_are_joined_where_there_is_room),
		cmocka_unit_test(frames_are_joined_where_the_host_wants_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
