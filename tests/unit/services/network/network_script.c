// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "tests/unit/services/network/network_script.h"

struct network_vsc_shared script_shared;
struct network_vsc script_guest;
struct network_vsc_out script_out;
struct network_vsc_event script_event;
struct network_vsc_frame script_frame;
u8 script_receive[SCRIPT_RECEIVE_BYTES];
struct network_vsc_slot script_slots[SCRIPT_SLOTS];
u8 script_send[8192];

enum vmbus_status script_packet(u16 type, u64 id, const void *payload,
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
	status = network_vsc_receive(&script_guest, &view, &script_event);
	if (status == VMBUS_OK && script_event.kind == NETWORK_VSC_RANGES)
		status = network_vsc_next(&script_guest, &view, &range,
					  &script_frame, &script_event);
	free(exact);
	return status;
}

enum vmbus_status script_complete(u64 id, const struct network_message *message,
				  u32 bytes)
{
	return script_packet(PACKET_COMPLETION, id, message, bytes, NULL, 0);
}

enum vmbus_status script_ranges(const void *message, u32 bytes)
{
	const struct network_message envelope = {
		.type = NETWORK_RNDIS,
		.rndis = { NETWORK_RNDIS_CONTROL, NETWORK_SECTION_NONE, 0 },
	};
	const struct packet_transfer_range range = { bytes, 0 };

	memset(script_receive, 0xee, sizeof(script_receive));
	memcpy(script_receive, message, bytes);
	return script_packet(PACKET_DATA_TRANSFER_PAGES, 0, &envelope, 28,
			     &range, 1);
}

void script_start(u32 version)
{
	const struct network_vsc_options options = {
		.version_max = version,
		.version_min = version,
		.channels = 4,
	};

	assert_int_equal(network_vsc_shared_init(&script_shared, &options),
			 VMBUS_OK);
	assert_int_equal(network_vsc_init(&script_guest, &script_shared, 0,
					  script_slots, SCRIPT_SLOTS),
			 VMBUS_OK);
}

static void lend(void)
{
	const struct network_vsc_buffers buffers = {
		script_receive, SCRIPT_RECEIVE_BYTES, 1,
		script_send,	sizeof(script_send),  2,
	};

	assert_int_equal(network_vsc_buffers(&script_guest, &buffers),
			 VMBUS_OK);
}

u32 script_honest(struct network_message *answer)
{
	struct network_message question;

	memset(answer, 0, sizeof(*answer));
	memcpy(&question, script_out.packet, sizeof(question));
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
			SCRIPT_SLOT_BYTES,
			SCRIPT_RECEIVE_BYTES / SCRIPT_SLOT_BYTES,
			SCRIPT_RECEIVE_BYTES
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

u32 script_response(u8 *to)
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

	memcpy(&request, script_out.message, sizeof(request));
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

void script_until(enum network_vsc_step step)
{
	struct network_message answer;
	u8 message[1024];
	u32 bytes;

	for (;;) {
		enum network_vsc_step asked = script_guest.step;

		assert_true(network_vsc_transmit(&script_guest, &script_out));
		if (asked == step)
			return;
		bytes = script_honest(&answer);
		if (bytes)
			assert_int_equal(
				script_complete(script_out.transaction_id,
						&answer, bytes),
				VMBUS_OK);
		if (script_event.kind == NETWORK_VSC_VERSION &&
		    !script_shared.buffers.receive)
			lend();
		if (!script_out.message_bytes)
			continue;
		bytes = script_response(message);
		assert_int_equal(script_ranges(message, bytes), VMBUS_OK);
	}
}

void script_run(u32 version)
{
	struct network_message answer;
	u8 message[1024];
	u32 bytes;

	script_start(version);
	if (version >= NETWORK_VERSION_5) {
		script_until(NETWORK_VSC_STEP_SUB_CHANNELS);
		assert_int_equal(script_complete(script_out.transaction_id,
						 &answer,
						 script_honest(&answer)),
				 VMBUS_OK);
		/* No more than were asked for. */
		assert_int_equal(script_event.sub_channels, 2);
	} else {
		script_until(NETWORK_VSC_STEP_LINK);
		assert_int_equal(script_complete(script_out.transaction_id,
						 &answer,
						 script_honest(&answer)),
				 VMBUS_OK);
		bytes = script_response(message);
		assert_int_equal(script_ranges(message, bytes), VMBUS_OK);
	}
	assert_int_equal(script_event.kind, NETWORK_VSC_READY);
	assert_int_equal(script_guest.step, NETWORK_VSC_STEP_RUNNING);
	assert_false(network_vsc_transmit(&script_guest, &script_out));
}
