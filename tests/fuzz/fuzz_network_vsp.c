// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The host end of the network against any guest: no access outside what it was
 * given (the sanitizer), nothing in the ring or the buffers beyond their ends,
 * and every slot free again when the guest has given all back.
 */
#include "services/network/vsp.h"
#include "tests/fuzz/bytes.h"

#define CHANNELS      3
#define RECEIVE_BYTES 0x20000u
#define SEND_BYTES    0x4000u
#define FRAME_BYTES   20000u

static struct network_vsp_shared shared;
static struct network_vsp vsp[CHANNELS];
static struct network_rx_place place[CHANNELS];
static struct network_rx_batch batch[CHANNELS];
static u8 *receive, *send;
static struct network_slot *slots;
/* Transaction ids that the guest has, and on which channel. */
static bool under_way[CHANNELS][NETWORK_SLOTS_MAX];

static void unmap(bool receive_buffer)
{
	if (receive_buffer) {
		free(receive);
		free(slots);
		receive = NULL;
		slots = NULL;
		memset(under_way, 0, sizeof(under_way));
	} else {
		free(send);
		send = NULL;
	}
}

static void give_all_back(void)
{
	struct network_vsp_action action;
	u32 channel, id, free_count = 0;

	if (!shared.receive.base)
		return;
	for (channel = 0; channel < CHANNELS; channel++) {
		network_vsp_rx_release(&vsp[channel], &place[channel],
				       &batch[channel]);
		for (id = 0; id < shared.receive.slot_count; id++) {
			const struct packet_view view = {
				.type = PACKET_COMPLETION,
				.transaction_id = id,
			};

			if (!under_way[channel][id])
				continue;
			require(network_vsp_receive(&vsp[channel], &view,
						    &action) == VMBUS_OK,
				"a completion is refused");
			under_way[channel][id] = false;
		}
	}
	for (id = 0; id < NETWORK_SLOTS_MAX / 32; id++)
		free_count += (u32)__builtin_popcount(shared.receive.free[id]);
	require(free_count == shared.receive.slot_count, "slots are lost");
}

static void open_adapter(struct bytes *bytes)
{
	static const u32 versions[] = { 0, NETWORK_VERSION_1, NETWORK_VERSION_2,
					NETWORK_VERSION_5 };
	const struct network_vsp_options options = {
		.version_max = versions[bytes_below(bytes, 4)],
		.channels_max = CHANNELS,
		.offloads = NETWORK_OFFLOADS_ALL,
		.slot_min_bytes = bytes_below(bytes, 2) * 4096u,
	};
	u16 i;

	require(network_vsp_shared_init(&shared, &options) == VMBUS_OK, "init");
	for (i = 0; i < CHANNELS; i++) {
		network_vsp_init(&vsp[i], &shared, i);
		place[i].count = 0;
		batch[i].range_count = 0;
	}
}

static void close_adapter(void)
{
	give_all_back();
	unmap(true);
	unmap(false);
}

static void check_out(u32 channel, const struct network_vsp_out *out)
{
	if (!out->packet_bytes)
		return;
	require(out->packet_bytes <= NETWORK_PACKET_BYTES, "packet");
	if (out->type != PACKET_DATA_TRANSFER_PAGES)
		return;
	require(out->range.offset_bytes <= RECEIVE_BYTES &&
			out->range.size_bytes <=
				RECEIVE_BYTES - out->range.offset_bytes &&
			out->range.size_bytes <= shared.receive.slot_bytes,
		"range");
	require(!under_way[channel][out->transaction_id], "slot sent twice");
	under_way[channel][out->transaction_id] = true;
}

/* Pieces of the input, in memory of just their size. */
struct pieces {
	struct ring_vec list[4];
	u32 count;
};

static void take_pieces(struct bytes *bytes, const struct ring_vec *section,
			struct pieces *pieces)
{
	u32 i, count = bytes_below(bytes, 4);

	pieces->count = 0;
	if (section->size_bytes)
		pieces->list[pieces->count++] = *section;
	for (i = 0; i < count && pieces->count < 4; i++) {
		u32 size = bytes_u8(bytes) * (bytes_below(bytes, 8) ? 1u : 64u);
		u8 *at = malloc(size ? size : 1);

		bytes_take(bytes, at, size);
		pieces->list[pieces->count].base = at;
		pieces->list[pieces->count++].size_bytes = size;
	}
}

static void drop_pieces(const struct ring_vec *section, struct pieces *pieces)
{
	u32 i;

	for (i = section->size_bytes ? 1 : 0; i < pieces->count; i++)
		free((void *)(uintptr_t)pieces->list[i].base);
}

static void take_frames(u32 channel, const struct pieces *pieces)
{
	static u8 rest[NETWORK_FRAME_MAX_BYTES];
	struct network_tx_cursor cursor;
	struct network_tx tx;
	enum vmbus_status status =
		network_vsp_tx_begin(&cursor, pieces->list, pieces->count);

	while (!status) {
		status = network_vsp_tx_next(&vsp[channel], &cursor, &tx);
		if (status)
			break;
		require(tx.head_bytes >= 10 &&
				tx.head_bytes <= NETWORK_HEAD_BYTES,
			"head");
		require(tx.rest_bytes <= sizeof(rest) &&
				tx.rest_offset_bytes + tx.rest_bytes <=
					cursor.bytes,
			"rest");
		if (tx.vnet.flags)
			require(tx.vnet.csum_start + tx.vnet.csum_offset + 2u <=
					tx.head_bytes + tx.rest_bytes,
				"checksum outside the frame");
		if (tx.vnet.gso_type)
			require(tx.vnet.gso_size && tx.vnet.hdr_len, "gso");
		tx.tag = 5;
		if (tx.head_bytes >= 12)
			network_tx_put_tag(&tx);
		network_vsp_tx_count(&vsp[channel], &tx, true);
	}
	require(status == VMBUS_AGAIN || vmbus_status_is_violation(status),
		"an unexpected status");
}

static void map(struct network_vsp_action *action)
{
	u32 count;

	if (!action->receive_buffer) {
		require(!send, "a buffer twice");
		send = malloc(SEND_BYTES);
		memset(send, 0, SEND_BYTES);
		network_vsp_attach(&vsp[0], action, send, SEND_BYTES, NULL);
		if (!shared.send.base)
			unmap(false);
		return;
	}
	require(!receive, "a buffer twice");
	count = network_vsp_slots(&shared, RECEIVE_BYTES);
	receive = malloc(RECEIVE_BYTES);
	slots = malloc((count ? count : 1) * sizeof(*slots));
	network_vsp_attach(&vsp[0], action, receive, RECEIVE_BYTES, slots);
	if (!shared.receive.base)
		unmap(true);
}

static void act(struct bytes *bytes, u32 channel,
		struct network_vsp_action *action)
{
	struct network_vsp_out response = { 0 };
	struct pieces pieces;
	enum vmbus_status status;

	switch (action->step) {
	case NETWORK_VSP_BUFFER:
		map(action);
		break;
	case NETWORK_VSP_REVOKE:
		if (action->receive_buffer)
			give_all_back();
		network_vsp_detach(&vsp[0], action);
		unmap(action->receive_buffer);
		break;
	case NETWORK_VSP_SUB_CHANNELS:
		network_vsp_granted(&vsp[0], action,
				    bytes_below(bytes, CHANNELS));
		break;
	case NETWORK_VSP_CONTROL:
		take_pieces(bytes, &action->section, &pieces);
		status = network_vsp_control(&vsp[0], pieces.list, pieces.count,
					     action, &response);
		require(!status || vmbus_status_is_violation(status),
			"an unexpected status");
		drop_pieces(&action->section, &pieces);
		if (!status)
			check_out(0, &response);
		break;
	case NETWORK_VSP_FRAMES:
		take_pieces(bytes, &action->section, &pieces);
		take_frames(channel, &pieces);
		drop_pieces(&action->section, &pieces);
		network_vsp_complete(&vsp[channel], action);
		break;
	}
	require(action->step == NETWORK_VSP_NOTHING ||
			action->packet_bytes <= NETWORK_MESSAGE_BYTES,
		"answer");
}

static void packet(struct bytes *bytes, u32 channel, u16 type, u64 id,
		   const void *payload, u32 payload_bytes)
{
	u8 *exact = malloc(payload_bytes ? payload_bytes : 1);
	const struct packet_view view = {
		.type = type,
		.flags = bytes_below(bytes, 8) ? 1 : 0,
		.transaction_id = id,
		.payload = exact,
		.payload_bytes = payload_bytes,
	};
	struct network_vsp_action action;
	enum vmbus_status status;

	if (payload_bytes)
		memcpy(exact, payload, payload_bytes);
	status = network_vsp_receive(&vsp[channel], &view, &action);
	free(exact);
	require(!status || status == VMBUS_NOT_READY ||
			vmbus_status_is_violation(status),
		"an unexpected status");
	if (!status && type == PACKET_COMPLETION) {
		require(!receive || under_way[channel][id], "completed what "
							    "was not sent");
		if (receive)
			under_way[channel][id] = false;
	}
	if (!status)
		act(bytes, channel, &action);
}

static void message(struct bytes *bytes, bool honest)
{
	static const u8 types[] = { 1,	 100, 101, 103, 104, 106, 107,
				    107, 107, 125, 129, 131, 133 };
	struct network_message in = {
		.type = types[bytes_below(bytes, sizeof(types))],
	};
	u32 channel = bytes_below(bytes, 4) ? 0 : bytes_below(bytes, CHANNELS);

	bytes_take(bytes, in.bytes, honest ? 12 : sizeof(in.bytes));
	if (honest && in.type == NETWORK_INIT) {
		in.init.version_min = NETWORK_VERSION_1;
		in.init.version_max = NETWORK_VERSION_61;
	}
	if (honest && in.type == NETWORK_RNDIS) {
		in.rndis.channel &= 1;
		if (in.rndis.section & 1)
			in.rndis.section = NETWORK_SECTION_NONE;
		else
			in.rndis.section &= 3;
		in.rndis.section_bytes &= 0xfff;
	}
	packet(bytes, channel, PACKET_DATA_INBAND, 1, &in,
	       honest ? 28 : bytes_below(bytes, 41));
}

static void completion(struct bytes *bytes)
{
	packet(bytes, bytes_below(bytes, CHANNELS), PACKET_COMPLETION,
	       bytes_u8(bytes), NULL, 0);
}

static void flush(u32 channel)
{
	u8 payload[NETWORK_MESSAGE_BYTES];
	struct packet_out out;
	struct ring_vec vec;
	u32 i;

	if (!batch[channel].range_count)
		return;
	network_vsp_rx_out(&vsp[channel], &batch[channel], payload, &vec, &out);
	for (i = 0; i < out.range_count; i++)
		require(batch[channel].ranges[i].offset_bytes +
					batch[channel].ranges[i].size_bytes <=
				RECEIVE_BYTES,
			"range");
	require(!under_way[channel][out.transaction_id], "slot sent twice");
	under_way[channel][out.transaction_id] = true;
	network_vsp_rx_sent(&vsp[channel], &batch[channel]);
}

static void receive_frame(struct bytes *bytes)
{
	static u8 frame[FRAME_BYTES];
	struct network_piece pieces[NETWORK_PLACE_SLOTS];
	u32 channel = bytes_below(bytes, CHANNELS), i, count, most;
	struct network_rx rx = {
		.frame_bytes = bytes_u8(bytes) * bytes_u8(bytes) % FRAME_BYTES,
		.head = frame,
		.tag = bytes_below(bytes, 2) ? NETWORK_UNTAGGED : 0x2003,
		.hash_type = bytes_below(bytes, 2),
	};
	enum vmbus_status status;

	bytes_take(bytes, &rx.vnet, sizeof(rx.vnet));
	bytes_take(bytes, frame, 60);
	rx.head_bytes = rx.frame_bytes < NETWORK_HEAD_BYTES
				? rx.frame_bytes
				: NETWORK_HEAD_BYTES;
	network_vsp_settings(&vsp[channel]);
	most = network_vsp_rx_max(&vsp[channel]);
	if (most > rx.frame_bytes)
		most = rx.frame_bytes;
	if (network_vsp_rx_reserve(&vsp[channel], &place[channel], most))
		return;
	count = network_vsp_rx_pieces(&vsp[channel], &place[channel],
				      rx.head_bytes, pieces);
	for (i = 0; i < count; i++)
		memset(pieces[i].base, 1, pieces[i].bytes);
	status = network_vsp_rx_add(&vsp[channel], &place[channel], &rx,
				    &batch[channel]);
	if (status == VMBUS_AGAIN || bytes_below(bytes, 2))
		flush(channel);
}

static void notice(struct bytes *bytes)
{
	struct network_vsp_out out = { 0 };

	switch (bytes_below(bytes, 4)) {
	case 0:
		network_vsp_link(&vsp[0], bytes_below(bytes, 2),
				 bytes_u8(bytes));
		break;
	case 1:
		network_vsp_vf(&vsp[0], bytes_below(bytes, 2), 3);
		break;
	case 2:
		network_vsp_network_change(&vsp[0]);
		break;
	}
	if (network_vsp_transmit(&vsp[0], &out))
		check_out(0, &out);
}

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes);

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes)
{
	struct bytes bytes = { input, input_bytes };

	open_adapter(&bytes);
	while (bytes.left) {
		switch (bytes_below(&bytes, 8)) {
		case 0:
		case 1:
		case 2:
			message(&bytes, true);
			break;
		case 3:
			message(&bytes, false);
			break;
		case 4:
			completion(&bytes);
			break;
		case 5:
			receive_frame(&bytes);
			break;
		case 6:
			notice(&bytes);
			break;
		default:
			packet(&bytes, 0, bytes_below(&bytes, 16), 0, "abcd",
			       4);
			break;
		}
	}
	close_adapter();
	return 0;
}
