// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The guest end of the network against any host: no access outside what it was
 * given (the sanitizer), frames and requests end once, nothing goes to the host
 * beyond the buffers.
 */
#include "services/network/vsc.h"
#include "tests/fuzz/bytes.h"

#define SLOTS	      4
#define RECEIVE_BYTES 0x4000u
#define SEND_BYTES    0x3000u

static struct network_vsc_shared shared;
static struct network_vsc vsc;
static struct network_vsc_slot slots[SLOTS];
static struct network_vsc_out out;
static u8 *receive, *send;
static u64 sent_ids[SLOTS];
static bool used[SLOTS];

static void open_adapter(struct bytes *bytes)
{
	static const u32 versions[] = { 0, NETWORK_VERSION_1, NETWORK_VERSION_2,
					NETWORK_VERSION_5 };
	const struct network_vsc_options options = {
		.version_max = versions[bytes_below(bytes, 4)],
		.channels = 3,
		.virtual_function = true,
		.rss.hash = NETWORK_HASH_TOEPLITZ | NETWORK_HASH_IPV4,
	};

	require(network_vsc_shared_init(&shared, &options) == VMBUS_OK, "init");
	require(network_vsc_init(&vsc, &shared, 0, slots, SLOTS) == VMBUS_OK,
		"init");
	memset(used, 0, sizeof(used));
	out.packet_bytes = 0;
}

static void close_adapter(void)
{
	u64 cookie;
	u32 i;

	while (network_vsc_abandon(&vsc, &cookie)) {
		require(cookie < SLOTS && used[cookie], "ended twice");
		used[cookie] = false;
	}
	for (i = 0; i < SLOTS; i++)
		require(!used[i], "a frame never ended");
}

static void lend(void)
{
	const struct network_vsc_buffers buffers = {
		receive, RECEIVE_BYTES, 1, send, SEND_BYTES, 2,
	};

	require(network_vsc_buffers(&vsc, &buffers) == VMBUS_OK, "lend");
}

static void check_event(const struct network_vsc_event *event,
			const struct network_vsc_frame *frame)
{
	u32 i, bytes = 0;

	require(event->kind <= NETWORK_VSC_CLOSED, "event");
	if (event->kind == NETWORK_VSC_VERSION)
		lend();
	if (event->kind == NETWORK_VSC_SENT) {
		require(event->cookie < SLOTS && used[event->cookie],
			"ended twice");
		used[event->cookie] = false;
	}
	if (event->kind == NETWORK_VSC_READY)
		require(event->sub_channels <= 2, "more than asked for");
	if (event->kind != NETWORK_VSC_FRAME)
		return;
	for (i = 0; i < frame->piece_count; i++) {
		const u8 *base = frame->pieces[i].base;

		require(base >= receive && base + frame->pieces[i].size_bytes <=
						   receive + RECEIVE_BYTES,
			"outside the receive buffer");
		bytes += frame->pieces[i].size_bytes;
	}
	require(bytes == frame->bytes, "pieces");
}

static void packet(u16 type, u64 id, const void *payload, u32 payload_bytes,
		   const void *ranges, u32 range_count)
{
	static struct network_vsc_frame frame;
	u8 *exact = malloc(payload_bytes ? payload_bytes : 1);
	const struct packet_view view = {
		.type = type,
		.transaction_id = id,
		.payload = exact,
		.payload_bytes = payload_bytes,
		.ranges = ranges,
		.range_bytes = range_count * 8,
		.range_count = range_count,
		.transfer_pageset = NETWORK_RECEIVE_BUFFER_ID,
	};
	struct network_vsc_event event;
	enum vmbus_status status;
	u32 range = 0;

	if (payload_bytes)
		memcpy(exact, payload, payload_bytes);
	status = network_vsc_receive(&vsc, &view, &event);
	require(!status || vmbus_status_is_violation(status),
		"an unexpected status");
	if (!status)
		check_event(&event, &frame);
	while (!status && event.kind == NETWORK_VSC_RANGES) {
		status = network_vsc_next(&vsc, &view, &range, &frame, &event);
		require(!status || vmbus_status_is_violation(status),
			"an unexpected status");
		if (!status)
			check_event(&event, &frame);
		if (!status && event.kind)
			event.kind = NETWORK_VSC_RANGES;
	}
	free(exact);
}

/* An answer to what was last transmitted, honest as far as the input is. */
static void answer(struct bytes *bytes)
{
	struct network_message question, reply = { 0 };
	u8 bits = bytes_u8(bytes);
	u32 payload_bytes = 40;

	memcpy(&question, out.packet, sizeof(question));
	reply.type = question.type + 1;
	reply.complete.status = NETWORK_STATUS_SUCCESS;
	if (question.type == NETWORK_INIT)
		reply.init_complete.status = NETWORK_STATUS_SUCCESS;
	if (question.type == NETWORK_RECEIVE_BUFFER)
		reply.receive_complete = (struct network_receive_complete){
			NETWORK_STATUS_SUCCESS, 1, 0, 2048, 8, 0
		};
	if (question.type == NETWORK_SEND_BUFFER)
		reply.send_complete.section_bytes = 2048;
	if (question.type == NETWORK_SUB_CHANNELS) {
		reply.type = NETWORK_SUB_CHANNELS;
		reply.sub_channels.count = bits >> 4;
	}
	if (bits & 1)
		bytes_take(bytes, reply.bytes, sizeof(reply.bytes));
	if (bits & 2)
		payload_bytes = bytes_below(bytes, 41);
	packet(PACKET_COMPLETION, out.transaction_id, &reply, payload_bytes,
	       NULL, 0);
}

/* A response to the control message last transmitted. */
static void respond(struct bytes *bytes)
{
	const struct network_message envelope = { .type = NETWORK_RNDIS };
	struct {
		struct rndis_header header;
		struct rndis_query_answer body;
		u8 info[160];
	} message = { 0 };
	struct packet_transfer_range range = { sizeof(message), 0 };
	u8 bits = bytes_u8(bytes);
	u32 type;

	memcpy(&type, out.message, 4);
	memcpy(&message.body.id, out.message + 8, 4);
	message.header.type = type | RNDIS_ANSWER;
	message.header.bytes = sizeof(message);
	message.body.info_bytes = bits >> 3;
	message.body.info_offset_bytes = sizeof(message.body);
	message.info[0] = 0xa7;
	if (bits & 1)
		bytes_take(bytes, &message.body.info_bytes, 8);
	if (bits & 2)
		bytes_take(bytes, message.info, sizeof(message.info));
	if (bits & 4)
		range.size_bytes = bytes_u8(bytes);
	memcpy(receive, &message, sizeof(message));
	packet(PACKET_DATA_TRANSFER_PAGES, 0, &envelope, 28, &range, 1);
}

/* Packet messages in slots, with what the input says beside them. */
static void frames(struct bytes *bytes)
{
	const struct network_message envelope = { .type = NETWORK_RNDIS };
	struct packet_transfer_range list[8];
	struct network_info info = { 0 };
	u32 count = bytes_below(bytes, 9), i, head, size;

	for (i = 0; i < count; i++) {
		u8 *at = receive + i * 2048;

		info.present = bytes_u8(bytes) & 0x3f;
		info.id.flags = bytes_u8(bytes);
		size = bytes_u8(bytes);
		head = network_packet_head_bytes(&info);
		network_packet_write(at, head, size, &info);
		list[i].offset_bytes = i * 2048;
		list[i].size_bytes = head + size;
		if (!bytes_below(bytes, 4))
			bytes_take(bytes, at, 44);
		if (!bytes_below(bytes, 8))
			bytes_take(bytes, &list[i], sizeof(list[i]));
	}
	packet(PACKET_DATA_TRANSFER_PAGES, 0, &envelope, 28, list, count);
}

/* A frame, and whether another one comes at once. */
static struct network_vsc_send frame_of(struct bytes *bytes, u8 *head,
					u32 head_bytes)
{
	struct network_vsc_send request = {
		.frame_bytes = bytes_u8(bytes) * 16u,
		.head = head,
		.head_bytes = head_bytes,
		.tag = bytes_below(bytes, 2) ? 7 : NETWORK_UNTAGGED,
	};
	u8 bits = bytes_u8(bytes);

	request.hash_type = bits & 1;
	request.more = bits & 2;
	bytes_take(bytes, &request.vnet, sizeof(request.vnet));
	bytes_take(bytes, head, 60);
	network_vsc_prepare(&request.vnet, head, head_bytes);
	return request;
}

/* Copies a frame where it is to be: behind those before it. */
static void place(const struct network_vsc_sent *sent, u32 frame_bytes,
		  const u8 *end)
{
	require(sent->head_bytes <= sizeof(sent->head), "head");
	require(sent->packet_bytes <= sizeof(sent->packet), "packet");
	if (!sent->section)
		return;
	require(sent->section >= end &&
			sent->section + sent->head_bytes + frame_bytes <=
				send + SEND_BYTES,
		"outside the send buffer, or in another frame");
	require(sent->section_bytes <= vsc.shared->section_bytes,
		"beyond its section");
	memcpy(sent->section, sent->head, sent->head_bytes);
	memset(sent->section + sent->head_bytes, 0, frame_bytes);
}

static void send_frame(struct bytes *bytes)
{
	struct network_vsc_sent sent;
	struct network_vsc_send request;
	u8 head[128] = { 0 };
	const u8 *end = send;
	u64 cookie = 0;

	while (cookie < SLOTS && used[cookie])
		cookie++;
	request = frame_of(bytes, head, sizeof(head));
	if (network_vsc_send(&vsc, &request, cookie, &sent))
		return;
	require(cookie < SLOTS, "more than there are slots");
	used[cookie] = true;
	sent_ids[cookie] = sent.transaction_id;
	place(&sent, request.frame_bytes, end);
	while (request.more) {
		if (sent.section)
			end = sent.section + sent.head_bytes +
			      request.frame_bytes;
		request = frame_of(bytes, head, sizeof(head));
		if (network_vsc_join(&vsc, &request, &sent))
			return;
		require(sent.section, "joined to a frame in pages");
		require(sent.transaction_id == sent_ids[cookie],
			"another packet");
		place(&sent, request.frame_bytes, end);
	}
}

static void complete_frame(struct bytes *bytes)
{
	const struct network_message reply = {
		.type = NETWORK_RNDIS_COMPLETE,
		.complete.status = bytes_u8(bytes),
	};
	u32 cookie = bytes_below(bytes, SLOTS);

	packet(PACKET_COMPLETION, sent_ids[cookie], &reply, 8, NULL, 0);
}

static void raw(struct bytes *bytes)
{
	u8 payload[112];
	u32 payload_bytes = bytes_below(bytes, sizeof(payload) + 1);
	u16 type = bytes_below(bytes, 16);
	u64 id;

	bytes_take(bytes, &id, sizeof(id));
	bytes_take(bytes, payload, payload_bytes);
	packet(type, id, payload, payload_bytes, NULL, 0);
}

static void want(struct bytes *bytes)
{
	switch (bytes_below(bytes, 5)) {
	case 0:
		network_vsc_filter(&vsc, bytes_u8(bytes));
		break;
	case 1:
		network_vsc_request(&vsc, bytes_u8(bytes));
		break;
	case 2:
		network_vsc_opened(&vsc, bytes_below(bytes, 4));
		break;
	case 3:
		network_vsc_data_path(&vsc, true);
		break;
	default:
		network_vsc_close(&vsc);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes);

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes)
{
	struct bytes bytes = { input, input_bytes };

	receive = malloc(RECEIVE_BYTES);
	send = malloc(SEND_BYTES);
	memset(receive, 0, RECEIVE_BYTES);
	open_adapter(&bytes);
	while (bytes.left) {
		switch (bytes_below(&bytes, 10)) {
		case 0:
		case 1:
			network_vsc_transmit(&vsc, &out);
			break;
		case 2:
			answer(&bytes);
			break;
		case 3:
			respond(&bytes);
			break;
		case 4:
			frames(&bytes);
			break;
		case 5:
			send_frame(&bytes);
			break;
		case 6:
			complete_frame(&bytes);
			break;
		case 7:
			raw(&bytes);
			break;
		case 8:
			want(&bytes);
			break;
		default:
			require(network_vsc_channel_of(&shared,
						       bytes_u8(&bytes)) <
					shared.channel_count,
				"channel");
			break;
		}
	}
	close_adapter();
	free(receive);
	free(send);
	return 0;
}
