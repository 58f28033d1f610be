// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The guest end of the network against a host that breaks the protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/network/vsc.h"

#define RECEIVE_BYTES 16384u
#define SLOT_BYTES    2048u
#define SLOTS	      4u

static struct network_vsc_shared shared;
static struct network_vsc guest;
static struct network_vsc_slot slots[SLOTS];
static struct network_vsc_out out;
static struct network_vsc_event event;
static struct network_vsc_frame frame;
static u8 receive[RECEIVE_BYTES], send[8192];

/* One packet from the host; its payload lies in just @bytes. */
static enum vmbus_status packet(u16 type, u64 id, const void *payload,
				u32 bytes, const void *ranges, u32 range_count)
{
	u8 *exact = malloc(bytes ? bytes : 1);
	const struct packet_view view = {
		.type = type,
		.transaction_id = id,
		.payload = exact,
		.payload_bytes = bytes,
		.ranges = ranges,
		.range_bytes = range_count * 8,
		.range_count = range_count,
		.transfer_pageset = NETWORK_RECEIVE_BUFFER_ID,
	};
	enum vmbus_status status;
	u32 range = 0;

	if (bytes)
		memcpy(exact, payload, bytes);
	status = network_vsc_receive(&guest, &view, &event);
	if (status == VMBUS_OK && event.kind == NETWORK_VSC_RANGES)
		status =
			network_vsc_next(&guest, &view, &range, &frame, &event);
	free(exact);
	return status;
}

static enum vmbus_status complete(u64 id, const struct network_message *message,
				  u32 bytes)
{
	return packet(PACKET_COMPLETION, id, message, bytes, NULL, 0);
}

/* @bytes of RNDIS at the beginning of the receive buffer. */
static enum vmbus_status ranges(const void *message, u32 bytes)
{
	const struct network_message envelope = {
		.type = NETWORK_RNDIS,
		.rndis = { NETWORK_RNDIS_CONTROL, NETWORK_SECTION_NONE, 0 },
	};
	const struct packet_transfer_range range = { bytes, 0 };

	memset(receive, 0xee, sizeof(receive));
	memcpy(receive, message, bytes);
	return packet(PACKET_DATA_TRANSFER_PAGES, 0, &envelope, 28, &range, 1);
}

static void start(u32 version)
{
	const struct network_vsc_options options = {
		.version_max = version,
		.version_min = version,
		.channels = 4,
	};

	assert_int_equal(network_vsc_shared_init(&shared, &options), VMBUS_OK);
	assert_int_equal(network_vsc_init(&guest, &shared, 0, slots, SLOTS),
			 VMBUS_OK);
}

static void lend(void)
{
	const struct network_vsc_buffers buffers = {
		receive, RECEIVE_BYTES, 1, send, sizeof(send), 2,
	};

	assert_int_equal(network_vsc_buffers(&guest, &buffers), VMBUS_OK);
}

/* What an honest host answers to the question in out. */
static u32 honest(struct network_message *answer)
{
	struct network_message question;

	memset(answer, 0, sizeof(*answer));
	memcpy(&question, out.packet, sizeof(question));
	switch (question.type) {
	case NETWORK_INIT:
		answer->type = NETWORK_INIT_COMPLETE;
		answer->init_complete.status = NETWORK_STATUS_SUCCESS;
		return 16;
	case NETWORK_RECEIVE_BUFFER:
		answer->type = NETWORK_RECEIVE_BUFFER_COMPLETE;
		answer->receive_complete = (struct network_receive_complete){
			NETWORK_STATUS_SUCCESS,
			1,
			0,
			SLOT_BYTES,
			RECEIVE_BYTES / SLOT_BYTES,
			RECEIVE_BYTES
		};
		return 28;
	case NETWORK_SEND_BUFFER:
		answer->type = NETWORK_SEND_BUFFER_COMPLETE;
		answer->send_complete.status = NETWORK_STATUS_SUCCESS;
		answer->send_complete.section_bytes = 4096;
		return 12;
	case NETWORK_SUB_CHANNELS:
		answer->type = NETWORK_SUB_CHANNELS;
		answer->sub_channels.operation = NETWORK_STATUS_SUCCESS;
		answer->sub_channels.count = 100;
		return 12;
	case NETWORK_RNDIS:
		answer->type = NETWORK_RNDIS_COMPLETE;
		answer->complete.status = NETWORK_STATUS_SUCCESS;
		return 8;
	default:
		return 0;
	}
}

/* The response to the control message in out. */
static u32 response(u8 *to)
{
	struct {
		struct rndis_header header;
		struct rndis_object_request body;
	} request;
	struct {
		struct rndis_header header;
		struct rndis_query_answer body;
	} answer = { 0 };
	struct rndis_initialize_answer init = { .packets_max = 1 };
	u8 info[NDIS_OFFLOAD_BYTES_3] = { 0, 8 };
	u32 bytes = 4;

	memcpy(&request, out.message, sizeof(request));
	answer.header.type = request.header.type | RNDIS_ANSWER;
	if (request.header.type == RNDIS_INITIALIZE) {
		answer.header.bytes = 8 + sizeof(init);
		init.id = request.body.id;
		memcpy(to, &answer.header, 8);
		memcpy(to + 8, &init, sizeof(init));
		return answer.header.bytes;
	}
	answer.body.id = request.body.id;
	if (request.header.type == RNDIS_SET) {
		answer.header.bytes = 16;
		memcpy(to, &answer, 16);
		return 16;
	}
	if (request.body.oid == OID_PERMANENT_ADDRESS)
		bytes = 6;
	if (request.body.oid == OID_RSS_CAPABILITIES) {
		bytes = 18;
		info[12] = 3;
	}
	if (request.body.oid == OID_OFFLOAD_HARDWARE) {
		bytes = sizeof(info);
		info[0] = NDIS_TYPE_OFFLOAD;
	}
	answer.body.info_bytes = bytes;
	answer.body.info_offset_bytes = 16;
	answer.header.bytes = (u32)sizeof(answer) + bytes;
	memcpy(to, &answer, sizeof(answer));
	memcpy(to + sizeof(answer), info, bytes);
	return answer.header.bytes;
}

/* Goes on until the question of @step is in out. */
static void until(enum network_vsc_step step)
{
	struct network_message answer;
	u8 message[1024];
	u32 bytes;

	for (;;) {
		enum network_vsc_step asked = guest.step;

		assert_true(network_vsc_transmit(&guest, &out));
		if (asked == step)
			return;
		bytes = honest(&answer);
		if (bytes)
			assert_int_equal(
				complete(out.transaction_id, &answer, bytes),
				VMBUS_OK);
		if (event.kind == NETWORK_VSC_VERSION &&
		    !shared.buffers.receive)
			lend();
		if (!out.message_bytes)
			continue;
		bytes = response(message);
		assert_int_equal(ranges(message, bytes), VMBUS_OK);
	}
}

static void run(u32 version)
{
	struct network_message answer;
	u8 message[1024];
	u32 bytes;

	start(version);
	if (version >= NETWORK_VERSION_5) {
		until(NETWORK_VSC_STEP_SUB_CHANNELS);
		assert_int_equal(
			complete(out.transaction_id, &answer, honest(&answer)),
			VMBUS_OK);
		/* No more than were asked for. */
		assert_int_equal(event.sub_channels, 2);
	} else {
		until(NETWORK_VSC_STEP_LINK);
		assert_int_equal(
			complete(out.transaction_id, &answer, honest(&answer)),
			VMBUS_OK);
		bytes = response(message);
		assert_int_equal(ranges(message, bytes), VMBUS_OK);
	}
	assert_int_equal(event.kind, NETWORK_VSC_READY);
	assert_int_equal(guest.step, NETWORK_VSC_STEP_RUNNING);
	assert_false(network_vsc_transmit(&guest, &out));
}

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
		assert_int_equal(network_vsc_shared_init(&shared, &bad[i]),
				 VMBUS_BAD_ARGUMENT);
	start(0);
	assert_int_equal(network_vsc_init(&guest, &shared, 0, slots, 0),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(network_vsc_init(&guest, &shared, 0, slots,
					  NETWORK_VSC_SLOTS_MAX + 1),
			 VMBUS_BAD_ARGUMENT);
}

static void the_old_versions_need_less(void **state)
{
	(void)state;
	run(NETWORK_VERSION_1);
	run(NETWORK_VERSION_4);
	run(NETWORK_VERSION_61);
}

static void buffers_are_lent_in_turn(void **state)
{
	struct network_vsc_buffers buffers = { receive, RECEIVE_BYTES,
					       1,	NULL,
					       0,	0 };
	struct network_message answer;

	(void)state;
	start(NETWORK_VERSION_2);
	assert_int_equal(network_vsc_buffers(&guest, &buffers),
			 VMBUS_NOT_READY);
	assert_true(network_vsc_transmit(&guest, &out));
	assert_int_equal(complete(out.transaction_id, &answer, honest(&answer)),
			 VMBUS_OK);
	assert_int_equal(event.kind, NETWORK_VSC_VERSION);
	/* Until there is a buffer the host is told of nothing but versions. */
	assert_true(network_vsc_transmit(&guest, &out));
	assert_true(network_vsc_transmit(&guest, &out));
	assert_false(network_vsc_transmit(&guest, &out));
	buffers.receive_bytes = NETWORK_RECEIVE_MAX_OLD_BYTES + 1;
	assert_int_equal(network_vsc_buffers(&guest, &buffers),
			 VMBUS_BAD_ARGUMENT);
	buffers.receive_bytes = 0;
	assert_int_equal(network_vsc_buffers(&guest, &buffers),
			 VMBUS_BAD_ARGUMENT);
	buffers.receive_bytes = RECEIVE_BYTES;
	assert_int_equal(network_vsc_buffers(&guest, &buffers), VMBUS_OK);
	assert_int_equal(network_vsc_buffers(&guest, &buffers),
			 VMBUS_NOT_READY);
	assert_true(network_vsc_transmit(&guest, &out));
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
		start(0);
		until(asked_by_nvsp[i]);
		bytes = honest(&answer);
		for (length = 0; length < bytes; length++)
			assert_int_equal(
				complete(out.transaction_id, &answer, length),
				VMBUS_E_NETWORK_SHORT);
		/* To another question, of another type, and twice. */
		assert_int_equal(
			complete(out.transaction_id + 1, &answer, bytes),
			VMBUS_E_NETWORK_TRANSACTION);
		assert_int_equal(complete(out.transaction_id, &answer, bytes),
				 VMBUS_OK);
		assert_int_equal(complete(out.transaction_id, &answer, bytes),
				 VMBUS_E_NETWORK_TRANSACTION);
		start(0);
		until(asked_by_nvsp[i]);
		honest(&answer);
		answer.type = 77;
		assert_int_equal(complete(out.transaction_id, &answer, bytes),
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
		start(0);
		until(NETWORK_VSC_STEP_RECEIVE_BUFFER);
		honest(&answer);
		answer.receive_complete = lies[i];
		assert_int_equal(complete(out.transaction_id, &answer, 28),
				 VMBUS_E_NETWORK_BUFFER);
	}
	start(0);
	until(NETWORK_VSC_STEP_RECEIVE_BUFFER);
	honest(&answer);
	answer.receive_complete.status = NETWORK_STATUS_FAIL;
	assert_int_equal(complete(out.transaction_id, &answer, 28), VMBUS_OK);
	assert_int_equal(event.kind, NETWORK_VSC_REFUSED);
	assert_false(network_vsc_transmit(&guest, &out));
}

static void without_sections_frames_go_by_page_list(void **state)
{
	static const u32 lies[] = { 0, 3, 8196, 0xfffffffc };
	struct network_message answer;
	u32 i;

	(void)state;
	for (i = 0; i <= PORT_ARRAY_SIZE(lies); i++) {
		start(0);
		until(NETWORK_VSC_STEP_SEND_BUFFER);
		honest(&answer);
		if (i < PORT_ARRAY_SIZE(lies))
			answer.send_complete.section_bytes = lies[i];
		else
			answer.send_complete.status = NETWORK_STATUS_FAIL;
		assert_int_equal(complete(out.transaction_id, &answer, 12),
				 VMBUS_OK);
		assert_int_equal(shared.section_count, 0);
		assert_int_equal(guest.step, NETWORK_VSC_STEP_INITIALIZE);
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
			start(0);
			until(step);
			bytes = response(message);
			if (length == bytes)
				break;
			assert_int_equal(ranges(message, length),
					 VMBUS_E_NETWORK_RNDIS_LENGTH);
		}
		/* The message itself says that it is shorter. */
		for (length = 0; length < bytes; length++) {
			start(0);
			until(step);
			response(copy);
			memcpy(copy + 4, &length, 4);
			status = ranges(copy, bytes);
			assert_true(status == VMBUS_OK ||
				    status == VMBUS_E_NETWORK_RNDIS_LENGTH ||
				    status == VMBUS_E_NETWORK_RNDIS_DATA);
			if (length < 16)
				assert_int_equal(status,
						 VMBUS_E_NETWORK_RNDIS_LENGTH);
		}
		start(0);
		until(step);
		response(copy);
		id = 0x99;
		memcpy(copy + 8, &id, 4);
		assert_int_equal(ranges(copy, bytes),
				 VMBUS_E_NETWORK_TRANSACTION);
		response(copy);
		assert_int_equal(ranges(copy, bytes), VMBUS_OK);
		assert_int_equal(ranges(copy, bytes),
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
		start(0);
		until(NETWORK_VSC_STEP_MTU);
		bytes = response(message);
		memcpy(message + 16, &lies[i][1], 4);
		memcpy(message + 20, &lies[i][0], 4);
		assert_int_equal(ranges(message, bytes),
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

		start(0);
		until(step);
		bytes = response(message);
		memcpy(message + 12, &refused, 4);
		assert_int_equal(ranges(message, bytes), VMBUS_OK);
		if (needed) {
			assert_int_equal(event.kind, NETWORK_VSC_REFUSED);
			assert_int_equal(event.status, refused);
		} else {
			assert_true(guest.step > step);
		}
		/* Or the message is not carried out at all. */
		start(0);
		until(step);
		honest(&answer);
		answer.complete.status = NETWORK_STATUS_INVALID_RNDIS;
		assert_int_equal(complete(out.transaction_id, &answer, 8),
				 VMBUS_OK);
		assert_int_equal(event.kind, NETWORK_VSC_REFUSED);
	}
}

static void ranges_are_in_the_receive_buffer(void **state)
{
	static const struct {
		u32 bytes, offset;
	} lies[] = {
		{ SLOT_BYTES + 1, 0 },	    { 1, RECEIVE_BYTES },
		{ 16, RECEIVE_BYTES - 15 }, { 16, 0xffffffff },
		{ 0xffffffff, 0 },	    { 0xfffffff0, 0x20 },
	};
	struct network_message envelope = { .type = NETWORK_RNDIS };
	static struct packet_transfer_range many[NETWORK_RANGES_MAX + 1];
	struct packet_transfer_range range;
	u32 i;

	(void)state;
	start(0);
	/* Before there is one. */
	assert_int_equal(
		packet(PACKET_DATA_TRANSFER_PAGES, 0, &envelope, 28, many, 1),
		VMBUS_E_NETWORK_RANGE);
	run(NETWORK_VERSION_61);
	for (i = 0; i < PORT_ARRAY_SIZE(lies); i++) {
		range.size_bytes = lies[i].bytes;
		range.offset_bytes = lies[i].offset;
		assert_int_equal(packet(PACKET_DATA_TRANSFER_PAGES, 0,
					&envelope, 28, &range, 1),
				 VMBUS_E_NETWORK_RANGE);
	}
	assert_int_equal(packet(PACKET_DATA_TRANSFER_PAGES, 0, &envelope, 28,
				many, NETWORK_RANGES_MAX + 1),
			 VMBUS_E_NETWORK_RANGE);
	for (i = 0; i < 16; i++)
		assert_int_equal(packet(PACKET_DATA_TRANSFER_PAGES, 0,
					&envelope, i, many, 1),
				 VMBUS_E_NETWORK_SHORT);
	envelope.type = NETWORK_RNDIS_COMPLETE;
	assert_int_equal(
		packet(PACKET_DATA_TRANSFER_PAGES, 0, &envelope, 28, many, 1),
		VMBUS_E_NETWORK_MESSAGE);
	for (i = 0; i < 32; i++) {
		if (i == PACKET_DATA_INBAND || i == PACKET_COMPLETION ||
		    i == PACKET_DATA_TRANSFER_PAGES)
			continue;
		assert_int_equal(packet((u16)i, 0, &envelope, 28, NULL, 0),
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
		u8 *at = receive + i * SLOT_BYTES;

		info.present = flags[i] ? NETWORK_HAS_ID : 0;
		info.id.flags = flags[i];
		head = network_packet_head_bytes(&info);
		network_packet_write(at, head, 20, &info);
		memset(at + head, (int)i, 20);
		if (flags[i] == 0xff)
			memcpy(at, indicate, sizeof(indicate));
		list[i].offset_bytes = i * SLOT_BYTES;
		list[i].size_bytes = head + 20;
	}
	return packet(PACKET_DATA_TRANSFER_PAGES, 5, &envelope, 28, list,
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
	run(NETWORK_VERSION_61);
	assert_int_equal(pieces(good, 3), VMBUS_OK);
	assert_int_equal(event.kind, NETWORK_VSC_FRAME);
	assert_int_equal(frame.bytes, 60);
	assert_int_equal(frame.piece_count, 3);
	assert_int_equal(((const u8 *)frame.pieces[2].base)[19], 2);
	for (i = 0; i < PORT_ARRAY_SIZE(lies); i++)
		assert_int_equal(pieces(lies[i].flags, lies[i].count),
				 VMBUS_E_NETWORK_RNDIS_INFO);
	/* A notice that nobody knows, then a frame. */
	assert_int_equal(pieces((const u8[]){ 0xff, 0 }, 2), VMBUS_OK);
	assert_int_equal(event.kind, NETWORK_VSC_FRAME);
	assert_int_equal(frame.bytes, 20);
	assert_int_equal(frame.tag, NETWORK_UNTAGGED);
}

static void indications_are_bounded(void **state)
{
	u32 speed[6] = {
		RNDIS_INDICATE, 24, RNDIS_STATUS_LINK_SPEED_CHANGE, 4, 12, 50
	};
	u32 i;

	(void)state;
	run(NETWORK_VERSION_61);
	assert_int_equal(ranges(speed, 24), VMBUS_OK);
	assert_int_equal(event.kind, NETWORK_VSC_SPEED);
	assert_int_equal(shared.speed_bps, 5000);
	for (i = 0; i < 24; i++)
		assert_int_equal(ranges(speed, i),
				 VMBUS_E_NETWORK_RNDIS_LENGTH);
	for (i = 8; i < 20; i++) {
		speed[1] = i;
		assert_int_equal(ranges(speed, 24),
				 VMBUS_E_NETWORK_RNDIS_LENGTH);
	}
	for (; i < 24; i++) {
		speed[1] = i;
		assert_int_equal(ranges(speed, 24), VMBUS_E_NETWORK_RNDIS_DATA);
	}
	speed[1] = 24;
	speed[4] = 11;
	assert_int_equal(ranges(speed, 24), VMBUS_E_NETWORK_RNDIS_DATA);
	speed[4] = 0xfffffffc;
	assert_int_equal(ranges(speed, 24), VMBUS_E_NETWORK_RNDIS_DATA);
	/* Without its number it is none. */
	speed[3] = 0;
	assert_int_equal(ranges(speed, 24), VMBUS_OK);
	assert_int_equal(event.kind, NETWORK_VSC_NOTHING);
	speed[0] = RNDIS_SET;
	assert_int_equal(ranges(speed, 24), VMBUS_E_NETWORK_RNDIS_TYPE);
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
	run(NETWORK_VERSION_61);
	for (i = 0; i < sizeof(notice); i++)
		assert_int_equal(
			packet(PACKET_DATA_INBAND, 0, &notice, i, NULL, 0),
			VMBUS_E_NETWORK_SHORT);
	assert_int_equal(
		packet(PACKET_DATA_INBAND, 0, &notice, sizeof(notice), NULL, 0),
		VMBUS_OK);
	assert_int_equal(event.kind, NETWORK_VSC_TABLE);
	assert_int_equal(shared.send_table[15], 15);
	/* Of channels that are not open. */
	assert_int_equal(network_vsc_channel_of(&shared, 15), 0);
	notice.message.indirection.offset_bytes = 41;
	assert_int_equal(
		packet(PACKET_DATA_INBAND, 0, &notice, sizeof(notice), NULL, 0),
		VMBUS_E_NETWORK_SHORT);
	notice.message.indirection.offset_bytes = 0xfffffff0;
	assert_int_equal(
		packet(PACKET_DATA_INBAND, 0, &notice, sizeof(notice), NULL, 0),
		VMBUS_E_NETWORK_SHORT);
	notice.message.indirection = (struct network_indirection){ 15, 40 };
	assert_int_equal(
		packet(PACKET_DATA_INBAND, 0, &notice, sizeof(notice), NULL, 0),
		VMBUS_E_NETWORK_SHORT);
	/* What real hosts of version 6 send. */
	run(NETWORK_VERSION_6);
	notice.message.indirection = (struct network_indirection){ 16, 12 };
	assert_int_equal(
		packet(PACKET_DATA_INBAND, 0, &notice, sizeof(notice), NULL, 0),
		VMBUS_OK);
	assert_int_equal(shared.send_table[15], 15);
	run(NETWORK_VERSION_4);
	assert_int_equal(
		packet(PACKET_DATA_INBAND, 0, &notice, sizeof(notice), NULL, 0),
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
	run(NETWORK_VERSION_2);
	assert_int_equal(packet(PACKET_DATA_INBAND, 0, &vf, 28, NULL, 0),
			 VMBUS_E_NETWORK_MESSAGE);
	run(NETWORK_VERSION_4);
	for (i = 0; i < 12; i++)
		assert_int_equal(packet(PACKET_DATA_INBAND, 0, &vf, i, NULL, 0),
				 VMBUS_E_NETWORK_SHORT);
	assert_int_equal(packet(PACKET_DATA_INBAND, 0, &vf, 12, NULL, 0),
			 VMBUS_OK);
	assert_int_equal(shared.vf_serial, 5);
	assert_int_equal(network_vsc_init(&sub, &shared, 1, sub_slots, 1),
			 VMBUS_OK);
	assert_int_equal(network_vsc_receive(&sub, &view, &event),
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
	u32 i;

	(void)state;
	start(NETWORK_VERSION_61);
	assert_int_equal(network_vsc_send(&guest, &request, 1, &sent),
			 VMBUS_NOT_READY);
	run(NETWORK_VERSION_61);
	bad.frame_bytes = 13;
	assert_int_equal(network_vsc_send(&guest, &bad, 1, &sent),
			 VMBUS_BAD_ARGUMENT);
	bad.frame_bytes = NETWORK_FRAME_MAX_BYTES + 1;
	assert_int_equal(network_vsc_send(&guest, &bad, 1, &sent),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(network_vsc_send(&guest, &request, 1, &sent),
			 VMBUS_OK);
	assert_ptr_equal(sent.section, send);
	for (i = 0; i < 8; i++)
		assert_int_equal(complete(sent.transaction_id, &answer, i),
				 VMBUS_E_NETWORK_SHORT);
	assert_int_equal(complete(sent.transaction_id + 1, &answer, 8),
			 VMBUS_E_NETWORK_TRANSACTION);
	assert_int_equal(complete(0, &answer, 8), VMBUS_E_NETWORK_TRANSACTION);
	assert_int_equal(complete(sent.transaction_id, &answer, 8), VMBUS_OK);
	assert_int_equal(event.kind, NETWORK_VSC_SENT);
	assert_int_equal(complete(sent.transaction_id, &answer, 8),
			 VMBUS_E_NETWORK_TRANSACTION);
	/* Two sections there are; then page lists; then no slot. */
	for (i = 0; i < SLOTS; i++) {
		assert_int_equal(network_vsc_send(&guest, &request, i, &sent),
				 VMBUS_OK);
		assert_int_equal(sent.section != NULL, i < 2);
	}
	assert_int_equal(network_vsc_send(&guest, &request, i, &sent),
			 VMBUS_AGAIN);
	network_vsc_unsent(&guest, 999);
	assert_int_equal(network_vsc_send(&guest, &request, i, &sent),
			 VMBUS_AGAIN);
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
		cmocka_unit_test(ranges_are_in_the_receive_buffer),
		cmocka_unit_test(pieces_make_a_frame),
		cmocka_unit_test(indications_are_bounded),
		cmocka_unit_test(tables_are_bounded),
		cmocka_unit_test(notices_have_their_versions),
		cmocka_unit_test(a_frame_is_completed_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
