// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "tests/unit/services/network/network_link.h"

#define RING_PAGES   5
#define PAGE_BYTES   4096u
#define BUFFER_BYTES 16384u

static void note(struct link_side *side, const struct link_frame *frame)
{
	assert_true(side->count < LINK_FRAMES);
	side->frames[side->count++] = *frame;
}

void link_forget(struct link_side *side)
{
	while (side->count)
		free(side->frames[--side->count].data);
}

static bool has_room(struct sim_end *end)
{
	return ring_free_bytes(&end->tx) >=
	       NETWORK_VSP_ROOM_BYTES + packet_ring_bytes(1024, 128);
}

/* ---- the host's device ---- */

static void host_answer(struct link *link, u32 channel,
			const struct network_vsp_action *action)
{
	struct ring_vec vec = { action->packet, action->packet_bytes };
	const struct packet_out out = {
		.type = PACKET_COMPLETION,
		.transaction_id = action->transaction_id,
		.vec = &vec,
		.vec_count = 1,
	};

	if (action->answer)
		assert_int_equal(
			sim_send_packet(&link->channel[channel]->host, &out),
			VMBUS_OK);
}

static void host_send(struct link *link, const struct network_vsp_out *own)
{
	struct ring_vec vec = { own->packet, own->packet_bytes };
	struct packet_out out = {
		.type = own->type,
		.flags = own->flags,
		.transaction_id = own->transaction_id,
		.vec = &vec,
		.vec_count = 1,
	};

	if (!own->packet_bytes)
		return;
	if (own->type == PACKET_DATA_TRANSFER_PAGES) {
		out.ranges = &own->range;
		out.range_bytes = sizeof(own->range);
		out.range_count = 1;
		out.transfer_pageset = own->pageset;
	}
	assert_int_equal(sim_send_packet(&link->channel[0]->host, &out),
			 VMBUS_OK);
}

static u32 map_pieces(struct link *link, const struct packet_view *view,
		      const struct ring_vec *section, struct ring_vec *pieces)
{
	struct packet_gpa_range range;
	u32 cursor = 0, count = 0, left, i, part;

	if (section->size_bytes)
		pieces[count++] = *section;
	if (view->type != PACKET_DATA_GPA_DIRECT)
		return count;
	while (packet_next_gpa_range(view, &cursor, &range)) {
		left = range.size_bytes;
		for (i = 0; i < range.pfn_count; i++) {
			u64 pfn = packet_gpa_pfn(&range, i);
			u32 offset = i ? 0 : range.offset_bytes;

			assert_true(pfn < LINK_PAGES);
			part = PAGE_BYTES - offset;
			if (part > left)
				part = left;
			pieces[count].base =
				link->pages + pfn * PAGE_BYTES + offset;
			pieces[count++].size_bytes = part;
			left -= part;
		}
	}
	return count;
}

static void take_frames(struct link *link, u32 channel,
			const struct ring_vec *pieces, u32 count)
{
	struct network_vsp *vsp = &link->vsp[channel];
	struct network_tx_cursor cursor;
	struct network_tx tx;
	enum vmbus_status status;

	assert_int_equal(network_vsp_tx_begin(&cursor, pieces, count),
			 VMBUS_OK);
	while ((status = network_vsp_tx_next(vsp, &cursor, &tx)) == VMBUS_OK) {
		struct link_frame frame = {
			.channel = channel,
			.bytes = tx.head_bytes + tx.rest_bytes,
			.tag = tx.tag,
			.vnet = tx.vnet,
		};

		frame.data = malloc(frame.bytes);
		memcpy(frame.data, tx.head, tx.head_bytes);
		assert_true(network_pieces_copy(
			pieces, count, tx.rest_offset_bytes,
			frame.data + tx.head_bytes, tx.rest_bytes));
		network_vsp_tx_count(vsp, &tx, true);
		note(&link->at_host, &frame);
	}
	assert_int_equal(status, VMBUS_AGAIN);
}

static void map_buffer(struct link *link, struct network_vsp_action *action)
{
	struct network_vsp *vsp = &link->vsp[0];
	u32 slots;

	if (!action->receive_buffer) {
		assert_int_equal(action->gpadl, 2);
		link->send_mapped = true;
		network_vsp_attach(vsp, action, link->send, LINK_SEND_BYTES,
				   NULL);
		return;
	}
	assert_int_equal(action->gpadl, 1);
	link->receive_mapped = true;
	slots = network_vsp_slots(&link->host, LINK_RECEIVE_BYTES);
	link->slots = calloc(slots, sizeof(*link->slots));
	network_vsp_attach(vsp, action, link->receive, LINK_RECEIVE_BYTES,
			   link->slots);
}

static void unmap_buffer(struct link *link, struct network_vsp_action *action)
{
	u32 i;

	if (action->receive_buffer) {
		for (i = 0; i < link->channel_count; i++)
			network_vsp_rx_release(&link->vsp[i], &link->place[i],
					       &link->batch[i]);
		free(link->slots);
		link->slots = NULL;
		link->receive_mapped = false;
	} else {
		link->send_mapped = false;
	}
	network_vsp_detach(&link->vsp[0], action);
}

static void act(struct link *link, u32 channel, const struct packet_view *view,
		struct network_vsp_action *action)
{
	struct network_vsp *vsp = &link->vsp[channel];
	static struct ring_vec pieces[LINK_PAGES + 1];
	struct network_vsp_out response;
	u32 count;

	switch (action->step) {
	case NETWORK_VSP_BUFFER:
		map_buffer(link, action);
		break;
	case NETWORK_VSP_REVOKE:
		unmap_buffer(link, action);
		break;
	case NETWORK_VSP_SUB_CHANNELS:
		link->offers_wanted = action->sub_channels;
		network_vsp_granted(vsp, action, action->sub_channels);
		break;
	case NETWORK_VSP_CONTROL:
		count = map_pieces(link, view, &action->section, pieces);
		assert_int_equal(network_vsp_control(vsp, pieces, count, action,
						     &response),
				 VMBUS_OK);
		host_send(link, &response);
		break;
	case NETWORK_VSP_FRAMES:
		count = map_pieces(link, view, &action->section, pieces);
		link->sections_used += action->section.size_bytes != 0;
		take_frames(link, channel, pieces, count);
		network_vsp_complete(vsp, action);
		break;
	case NETWORK_VSP_DATA_PATH:
		link->host_path_vf = action->virtual_function;
		action->packet_bytes = 0;
		break;
	}
	if (action->step != NETWORK_VSP_NOTHING)
		host_answer(link, channel, action);
}

static bool host_turn(struct link *link, u32 channel)
{
	struct sim_end *end = &link->channel[channel]->host;
	struct network_vsp_action action;
	struct network_vsp_out own;
	static u8 buffer[BUFFER_BYTES];
	struct packet_view view;

	if (!has_room(end))
		return false;
	if (!channel && network_vsp_transmit(&link->vsp[0], &own)) {
		host_send(link, &own);
		return true;
	}
	if (!sim_receive(end, buffer, sizeof(buffer), &view))
		return false;
	assert_int_equal(
		network_vsp_receive(&link->vsp[channel], &view, &action),
		VMBUS_OK);
	act(link, channel, &view, &action);
	return true;
}

enum vmbus_status link_receive(struct link *link, u32 channel, const u8 *frame,
			       u32 bytes, const struct network_vnet *vnet,
			       u32 tag)
{
	struct network_vsp *vsp = &link->vsp[channel];
	struct network_piece pieces[NETWORK_PLACE_SLOTS];
	struct network_rx rx = {
		.head = frame,
		.head_bytes =
			bytes < NETWORK_HEAD_BYTES ? bytes : NETWORK_HEAD_BYTES,
		.frame_bytes = bytes,
		.tag = tag,
	};
	u8 payload[NETWORK_MESSAGE_BYTES];
	struct packet_out out;
	struct ring_vec vec;
	enum vmbus_status status;
	u32 count, at = rx.head_bytes, i, part;

	if (vnet)
		rx.vnet = *vnet;
	network_vsp_settings(vsp);
	status = network_vsp_rx_reserve(vsp, &link->place[channel], bytes);
	if (status)
		return status;
	count = network_vsp_rx_pieces(vsp, &link->place[channel], rx.head_bytes,
				      pieces);
	for (i = 0; i < count && at < bytes; i++, at += part) {
		part = bytes - at < pieces[i].bytes ? bytes - at
						    : pieces[i].bytes;
		memcpy(pieces[i].base, frame + at, part);
	}
	status = network_vsp_rx_add(vsp, &link->place[channel], &rx,
				    &link->batch[channel]);
	if (status)
		return status;
	network_vsp_rx_out(vsp, &link->batch[channel], payload, &vec, &out);
	status = sim_send_packet(&link->channel[channel]->host, &out);
	if (status == VMBUS_OK)
		network_vsp_rx_sent(vsp, &link->batch[channel]);
	else
		network_vsp_rx_release(vsp, &link->place[channel],
				       &link->batch[channel]);
	return status;
}

/* ---- the guest's driver ---- */

/* Copies @bytes to pages of their own; fills the range in. */
struct page_list {
	struct packet_gpa_range_head head;
	u64 pfns[LINK_PAGES];
};

static u32 put_pages(struct link *link, const u8 *head, u32 head_bytes,
		     const u8 *frame, u32 bytes, struct page_list *list)
{
	u32 count = (head_bytes + bytes + PAGE_BYTES - 1) / PAGE_BYTES, i;
	u8 *at;

	if (link->next_page + count > LINK_PAGES)
		link->next_page = 0;
	at = link->pages + (size_t)link->next_page * PAGE_BYTES;
	memcpy(at, head, head_bytes);
	if (bytes)
		memcpy(at + head_bytes, frame, bytes);
	list->head.size_bytes = head_bytes + bytes;
	list->head.offset_bytes = 0;
	for (i = 0; i < count; i++)
		list->pfns[i] = link->next_page++;
	return (u32)sizeof(list->head) + count * 8;
}

static void guest_send_out(struct link *link, u32 channel,
			   const struct network_vsc_out *own)
{
	static struct page_list list;
	struct ring_vec vec = { own->packet, own->packet_bytes };
	struct packet_out out = {
		.type = own->type,
		.flags = own->flags,
		.transaction_id = own->transaction_id,
		.vec = &vec,
		.vec_count = 1,
	};

	if (own->message_bytes) {
		out.ranges = &list;
		out.range_bytes = put_pages(link, own->message,
					    own->message_bytes, NULL, 0, &list);
		out.range_count = 1;
	}
	assert_int_equal(sim_send_packet(&link->channel[channel]->guest, &out),
			 VMBUS_OK);
}

static void lend(struct link *link)
{
	const struct network_vsc_buffers buffers = {
		.receive = link->receive,
		.receive_bytes = LINK_RECEIVE_BYTES,
		.receive_gpadl = 1,
		.send = link->send,
		.send_bytes = LINK_SEND_BYTES,
		.send_gpadl = 2,
	};

	assert_int_equal(network_vsc_buffers(&link->vsc[0], &buffers),
			 VMBUS_OK);
}

static void note_event(struct link *link, const struct network_vsc_event *event)
{
	link->events[event->kind]++;
	link->last[event->kind] = *event;
	if (event->kind == NETWORK_VSC_VERSION)
		lend(link);
}

static void take_frame(struct link *link, u32 channel,
		       const struct network_vsc_frame *from)
{
	struct link_frame frame = {
		.channel = channel,
		.bytes = from->bytes,
		.tag = from->tag,
		.info = from->info,
	};

	frame.data = malloc(frame.bytes);
	assert_true(network_pieces_copy(from->pieces, from->piece_count, 0,
					frame.data, frame.bytes));
	note(&link->at_guest, &frame);
}

static void take_ranges(struct link *link, u32 channel,
			const struct packet_view *view)
{
	static struct network_vsc_frame frame;
	struct network_vsc_event event;
	struct network_vsc_out out;
	u32 range = 0;

	do {
		assert_int_equal(network_vsc_next(&link->vsc[channel], view,
						  &range, &frame, &event),
				 VMBUS_OK);
		note_event(link, &event);
		if (event.kind == NETWORK_VSC_FRAME)
			take_frame(link, channel, &frame);
	} while (event.kind);
	network_vsc_release(&link->vsc[channel], view, &out);
	if (!link->hold) {
		guest_send_out(link, channel, &out);
		return;
	}
	assert_true(link->held_count < LINK_FRAMES);
	link->held[link->held_count].channel = channel;
	link->held[link->held_count++].out = out;
}

void link_release(struct link *link)
{
	while (link->held_count) {
		link->held_count--;
		guest_send_out(link, link->held[link->held_count].channel,
			       &link->held[link->held_count].out);
	}
}

static bool guest_turn(struct link *link, u32 channel)
{
	struct sim_end *end = &link->channel[channel]->guest;
	struct network_vsc_event event;
	struct network_vsc_out out;
	static u8 buffer[BUFFER_BYTES];
	struct packet_view view;

	if (!has_room(end))
		return false;
	if (network_vsc_transmit(&link->vsc[channel], &out)) {
		guest_send_out(link, channel, &out);
		return true;
	}
	if (!sim_receive(end, buffer, sizeof(buffer), &view))
		return false;
	assert_int_equal(
		network_vsc_receive(&link->vsc[channel], &view, &event),
		VMBUS_OK);
	if (event.kind == NETWORK_VSC_RANGES)
		take_ranges(link, channel, &view);
	else
		note_event(link, &event);
	return true;
}

bool link_send(struct link *link, u32 channel, const u8 *frame, u32 bytes,
	       const struct network_vnet *vnet, u32 tag)
{
	static struct page_list list;
	struct network_vsc_send send = {
		.frame_bytes = bytes,
		.tag = tag,
		.head = frame,
		.head_bytes = bytes < 192 ? bytes : 192,
	};
	struct network_vsc_sent sent;
	struct ring_vec vec;
	struct packet_out out = {
		.type = PACKET_DATA_INBAND,
		.flags = PACKET_FLAG_COMPLETION_REQUESTED,
		.vec = &vec,
		.vec_count = 1,
	};
	enum vmbus_status status;

	if (vnet)
		send.vnet = *vnet;
	status = network_vsc_send(&link->vsc[channel], &send, 77, &sent);
	if (status == VMBUS_AGAIN)
		return false;
	assert_int_equal(status, VMBUS_OK);
	out.transaction_id = sent.transaction_id;
	vec.base = sent.packet;
	vec.size_bytes = sent.packet_bytes;
	if (sent.section) {
		memcpy(sent.section, sent.head, sent.head_bytes);
		memcpy(sent.section + sent.head_bytes, frame, bytes);
	} else {
		out.type = PACKET_DATA_GPA_DIRECT;
		out.ranges = &list;
		out.range_bytes = put_pages(link, sent.head, sent.head_bytes,
					    frame, bytes, &list);
		out.range_count = 1;
	}
	status = sim_send_packet(&link->channel[channel]->guest, &out);
	if (status)
		network_vsc_unsent(&link->vsc[channel], sent.transaction_id);
	return status == VMBUS_OK;
}

/* ---- both ---- */

static void offer_channel(struct link *link)
{
	const struct vmbus_offer offer = {
		.type = NETWORK_TYPE,
		.instance = NETWORK_TYPE,
		.flags = VMBUS_OFFER_ENUMERATE,
		.subchannel_index = (u16)link->channel_count,
	};
	u16 index = (u16)link->channel_count;

	assert_true(index < LINK_CHANNELS);
	link->channel[index] = sim_pair_open(link->pair, &offer, RING_PAGES);
	network_vsp_init(&link->vsp[index], &link->host, index);
	assert_int_equal(network_vsc_init(&link->vsc[index], &link->guest,
					  index, link->sends[index],
					  LINK_SLOTS),
			 VMBUS_OK);
	link->channel_count++;
}

void link_run(struct link *link)
{
	bool moved;
	u32 i;

	do {
		moved = false;
		for (i = 0; i < link->channel_count; i++) {
			while (host_turn(link, i))
				moved = true;
			while (guest_turn(link, i))
				moved = true;
		}
		if (link->offers_wanted) {
			while (link->offers_wanted) {
				link->offers_wanted--;
				offer_channel(link);
			}
			network_vsc_opened(&link->vsc[0],
					   (u16)link->channel_count);
			moved = true;
		}
	} while (moved);
}

void link_up(struct link *link, const struct network_vsp_options *host,
	     const struct network_vsc_options *guest, u64 seed)
{
	memset(link, 0, sizeof(*link));
	link->receive = calloc(1, LINK_RECEIVE_BYTES);
	link->send = calloc(1, LINK_SEND_BYTES);
	link->pages = calloc(LINK_PAGES, PAGE_BYTES);
	link->pair = sim_pair_create(&(struct sim_pair_config){ .seed = seed });
	assert_int_equal(network_vsp_shared_init(&link->host, host), VMBUS_OK);
	assert_int_equal(network_vsc_shared_init(&link->guest, guest),
			 VMBUS_OK);
	offer_channel(link);
}

void link_down(struct link *link)
{
	u32 i;

	link_forget(&link->at_host);
	link_forget(&link->at_guest);
	for (i = link->channel_count; i--;)
		sim_pair_close(link->channel[i]);
	sim_pair_destroy(link->pair);
	free(link->slots);
	free(link->receive);
	free(link->send);
	free(link->pages);
}
