/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "tests/sim_machine/sim_net.h"

#include <stdlib.h>
#include <string.h>

#include "services/network/vsc.h"

#define CHANNELS      2
#define SLOTS	      64
#define RECEIVE_PAGES 256u
#define SEND_PAGES    64u
#define REQUEST_BYTES 60u

struct channel {
	struct sim_guest_channel *on; /* NULL: none */
	struct network_vsc vsc;
	struct network_vsc_slot slots[SLOTS];
};

struct buffer {
	u32 gpadl; /* 0: none */
	bool ready;
	u32 page_count;
	u64 pfns[RECEIVE_PAGES];
	void *at;
};

struct sim_net sim_net;

static struct network_vsc_shared shared;
static struct channel channels[CHANNELS];
static struct buffer receive, send;
static u64 control_page; /* 0: none */
static bool buffers_given, sub_channels_open, leaving, snatching;

void sim_net_reset(void)
{
	memset(&sim_net, 0, sizeof(sim_net));
	memset(channels, 0, sizeof(channels));
	memset(&receive, 0, sizeof(receive));
	memset(&send, 0, sizeof(send));
	control_page = 0;
	buffers_given = sub_channels_open = leaving = snatching = false;
}

static void must(struct sim_guest *guest, enum vmbus_status status,
		 const char *what)
{
	if (status && !guest->wrong)
		guest->wrong = what;
}

static struct channel *channel_of(const struct sim_guest_channel *on)
{
	for (u32 i = 0; i < CHANNELS; i++)
		if (channels[i].on == on)
			return &channels[i];
	return NULL;
}

/* ---- buffers ---- */

static void buffer_make(struct sim_guest *guest, struct buffer *buffer,
			u32 page_count, u32 relid)
{
	buffer->page_count = page_count;
	buffer->ready = false;
	for (u32 i = 0; i < page_count; i++)
		buffer->pfns[i] = sim_machine_page(guest->machine);
	if (machine_map_pages(guest->machine, buffer->pfns, page_count, false,
			      &buffer->at))
		abort();
	must(guest,
	     vmbus_guest_gpadl_create(&guest->engine, relid, 0,
				      page_count * MACHINE_PAGE_BYTES,
				      buffer->pfns, &buffer->gpadl),
	     "buffer create");
}

static void buffer_free(struct sim_guest *guest, struct buffer *buffer)
{
	if (!buffer->at)
		return;
	machine_unmap_pages(guest->machine, buffer->at, buffer->page_count,
			    false);
	for (u32 i = 0; i < buffer->page_count; i++)
		sim_machine_page_give(guest->machine, buffer->pfns[i]);
	memset(buffer, 0, sizeof(*buffer));
}

static void buffers_lend(struct sim_guest *guest)
{
	struct network_vsc_buffers buffers = {
		.receive = receive.at,
		.receive_bytes = RECEIVE_PAGES * MACHINE_PAGE_BYTES,
		.receive_gpadl = receive.gpadl,
		.send = send.at,
		.send_bytes = SEND_PAGES * MACHINE_PAGE_BYTES,
		.send_gpadl = send.gpadl,
	};

	if (!receive.ready || !send.ready || buffers_given)
		return;
	buffers_given = true;
	must(guest, network_vsc_buffers(&channels[0].vsc, &buffers), "buffers");
}

static struct buffer *buffer_find(u32 gpadl)
{
	if (gpadl && gpadl == receive.gpadl)
		return &receive;
	return gpadl && gpadl == send.gpadl ? &send : NULL;
}

bool sim_net_gpadl_ready(struct sim_guest *guest, u32 gpadl, u32 status)
{
	struct buffer *buffer = buffer_find(gpadl);

	if (!buffer)
		return false;
	if (status)
		guest->wrong = "a buffer was refused";
	buffer->ready = true;
	buffers_lend(guest);
	return true;
}

bool sim_net_gpadl_gone(struct sim_guest *guest, u32 gpadl)
{
	struct buffer *buffer = buffer_find(gpadl);

	(void)guest;
	if (!buffer)
		return false;
	if (buffer == &receive && snatching)
		sim_net.snatched = true;
	buffer->gpadl = 0;
	return true;
}

/* ---- channels ---- */

bool sim_net_offered(struct sim_guest_channel *on,
		     const struct vmbus_offer *offer)
{
	static const struct guid type = NETWORK_TYPE;
	struct channel *channel = &channels[offer->subchannel_index];

	if (!sim_net.driver || memcmp(&offer->type, &type, sizeof(type)) != 0 ||
	    offer->subchannel_index >= CHANNELS || channel->on)
		return false;
	channel->on = on;
	return true;
}

void sim_net_opened(struct sim_guest *guest, struct sim_guest_channel *on)
{
	struct channel *channel = channel_of(on);
	struct network_vsc_options options = { .channels = CHANNELS };
	u16 number = (u16)(channel - channels);

	/* All that has a hash goes to the sub-channel. */
	options.rss = (struct network_rss){
		.hash = NETWORK_HASH_TOEPLITZ | NETWORK_HASH_IPV4,
		.table_count = 1,
		.table = { 1 },
		.key = { 1, 2, 3, 4, 5, 6, 7, 8 },
	};
	if (!number) {
		must(guest, network_vsc_shared_init(&shared, &options),
		     "network options");
		sim_net.ready = sim_net.closed = false;
		buffers_given = sub_channels_open = leaving = false;
		snatching = false;
		control_page = sim_machine_page(guest->machine);
	}
	must(guest,
	     network_vsc_init(&channel->vsc, &shared, number, channel->slots,
			      SLOTS),
	     "network channel");
	sim_net.channels++;
}

void sim_net_closed(struct sim_guest *guest, struct sim_guest_channel *on)
{
	struct channel *channel = channel_of(on);
	u64 cookie;

	if (!channel)
		return;
	if (on->open) {
		sim_net.channels--;
		while (network_vsc_abandon(&channel->vsc, &cookie))
			sim_net.done++;
	}
	if (channel == channels) {
		buffer_free(guest, &receive);
		buffer_free(guest, &send);
		if (control_page)
			sim_machine_page_give(guest->machine, control_page);
		control_page = 0;
		sim_net.ready = false;
	}
	memset(channel, 0, sizeof(*channel));
}

/* ---- packets ---- */

static bool out_send(struct sim_guest *guest, struct channel *channel,
		     const struct network_vsc_out *out)
{
	struct {
		struct packet_gpa_range_head head;
		u64 pfn;
	} range = { { out->message_bytes, 0 }, control_page };
	struct ring_vec vec = { out->packet, out->packet_bytes };
	struct packet_out packet = {
		.type = out->type,
		.flags = out->flags,
		.transaction_id = out->transaction_id,
		.vec = &vec,
		.vec_count = 1,
	};

	if (out->type == PACKET_DATA_GPA_DIRECT) {
		memcpy(sim_machine_page_at(guest->machine, control_page),
		       out->message, out->message_bytes);
		packet.ranges = &range;
		packet.range_bytes = sizeof(range);
		packet.range_count = 1;
	}
	return packet_write(&channel->on->tx, &packet) == VMBUS_OK;
}

/* Who has 10.0.2.2? Of the user-mode network, it is always there. */
static void arp_fill(u8 *frame)
{
	static const u8 rest[] = { 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1 };
	static const u8 guest_ip[] = { 10, 0, 2, 15 };
	static const u8 host_ip[] = { 10, 0, 2, 2 };

	memset(frame, 0, REQUEST_BYTES);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, shared.address, 6);
	memcpy(frame + 12, rest, sizeof(rest));
	memcpy(frame + 22, shared.address, 6);
	memcpy(frame + 28, guest_ip, sizeof(guest_ip));
	memcpy(frame + 38, host_ip, sizeof(host_ip));
}

/* An echo request to it: the answer has a hash, and goes where that leads. */
static void echo_fill(u8 *frame)
{
	static const u8 rest[] = {
		0x08, 0, 0x45, 0, 0, 46, 0,  0, 0, 0, 64, 1,
		0,    0, 10,   0, 2, 15, 10, 0, 2, 2, 8,  0
	};
	u16 sum;

	memset(frame, 0, REQUEST_BYTES);
	/* What libslirp gives its router. */
	memcpy(frame, (const u8[]){ 0x52, 0x55, 10, 0, 2, 2 }, 6);
	memcpy(frame + 6, shared.address, 6);
	memcpy(frame + 12, rest, sizeof(rest));
	sum = network_checksum(frame + 14, 20, 0);
	network_put_be16(frame + 24, (u16)~sum);
	sum = network_checksum(frame + 34, 26, 0);
	network_put_be16(frame + 36, (u16)~sum);
}

static void request_send(struct sim_guest *guest, struct channel *channel)
{
	u8 frame[REQUEST_BYTES];
	struct network_vsc_send what = {
		.frame_bytes = REQUEST_BYTES,
		.tag = NETWORK_UNTAGGED,
		.head = frame,
		.head_bytes = REQUEST_BYTES,
	};
	struct network_vsc_sent sent;
	struct ring_vec vec = { sent.packet, 0 };
	struct packet_out packet = {
		.type = PACKET_DATA_INBAND,
		.flags = PACKET_FLAG_COMPLETION_REQUESTED,
		.vec = &vec,
		.vec_count = 1,
	};

	if (sim_net.spread && sim_net.sent % 4 >= 2)
		echo_fill(frame);
	else
		arp_fill(frame);
	if (network_vsc_send(&channel->vsc, &what, 1, &sent) != VMBUS_OK)
		return;
	if (!sent.section) {
		guest->wrong = "a small frame found no section";
		return;
	}
	memcpy(sent.section, sent.head, sent.head_bytes);
	memcpy(sent.section + sent.head_bytes, frame, sizeof(frame));
	vec.size_bytes = sent.packet_bytes;
	packet.transaction_id = sent.transaction_id;
	if (packet_write(&channel->on->tx, &packet) == VMBUS_OK)
		sim_net.sent++;
	else
		network_vsc_unsent(&channel->vsc, sent.transaction_id);
}

static void frame_take(struct sim_guest *guest, const struct channel *channel,
		       const struct network_vsc_frame *frame)
{
	static const u8 arp[] = { 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2 };
	u8 bytes[42];

	if (frame->bytes < sizeof(bytes) ||
	    !network_pieces_copy(frame->pieces, frame->piece_count, 0, bytes,
				 sizeof(bytes)) ||
	    memcmp(bytes, shared.address, 6) != 0)
		return;
	if (!memcmp(bytes + 12, arp, sizeof(arp))) {
		sim_net.answers++;
	} else if (bytes[12] == 8 && !bytes[13] && bytes[23] == 1) {
		sim_net.answers++;
		*(channel == channels ? &sim_net.astray : &sim_net.spread_to) +=
			1;
		if (channel != channels &&
		    !(frame->info.present & NETWORK_HAS_HASH))
			guest->wrong = "a hashed frame came without its hash";
	}
}

static void event_take(struct sim_guest *guest, struct channel *channel,
		       const struct network_vsc_event *event)
{
	switch (event->kind) {
	case NETWORK_VSC_VERSION:
		buffer_make(guest, &receive, RECEIVE_PAGES, channel->on->relid);
		buffer_make(guest, &send, SEND_PAGES, channel->on->relid);
		break;
	case NETWORK_VSC_READY:
		sim_net.ready = true;
		sim_net.link_up = shared.link_up;
		network_vsc_filter(&channel->vsc,
				   NETWORK_FILTER_DIRECTED |
					   NETWORK_FILTER_BROADCAST);
		break;
	case NETWORK_VSC_REFUSED:
		if (!sim_net.garbage && !snatching)
			guest->wrong = "the host refused the adapter";
		break;
	case NETWORK_VSC_SENT:
		sim_net.done++;
		break;
	case NETWORK_VSC_LINK:
		sim_net.link_up = shared.link_up;
		break;
	case NETWORK_VSC_CLOSED:
		sim_net.closed = true;
		break;
	default:
		break;
	}
}

static void ranges_take(struct sim_guest *guest, struct channel *channel,
			const struct packet_view *view)
{
	static struct network_vsc_frame frame;
	struct network_vsc_event event;
	struct network_vsc_out out;
	u32 range = 0;

	for (;;) {
		enum vmbus_status status = network_vsc_next(
			&channel->vsc, view, &range, &frame, &event);

		must(guest, status, "network ranges");
		if (status || event.kind == NETWORK_VSC_NOTHING)
			break;
		if (event.kind == NETWORK_VSC_FRAME)
			frame_take(guest, channel, &frame);
		else
			event_take(guest, channel, &event);
	}
	network_vsc_release(&channel->vsc, view, &out);
	must(guest, out_send(guest, channel, &out) ? VMBUS_OK : VMBUS_AGAIN,
	     "network completion");
}

static bool packet_take(struct sim_guest *guest, struct channel *channel)
{
	struct network_vsc_event event;
	struct packet_view view;
	enum vmbus_status status;

	if (ring_reserve(&channel->on->tx, 256) ||
	    packet_peek_copy(&channel->on->rx, &view, guest->packet,
			     sizeof(guest->packet)))
		return false;
	status = network_vsc_receive(&channel->vsc, &view, &event);
	must(guest, status, "network packet");
	if (!status && event.kind == NETWORK_VSC_RANGES)
		ranges_take(guest, channel, &view);
	else if (!status)
		event_take(guest, channel, &event);
	packet_consume(&channel->on->rx, &view);
	return true;
}

static void garbage_send(struct channel *channel)
{
	static const u32 words[10] = { NETWORK_RNDIS, 0, 0xfffffff0, 0x10 };
	struct ring_vec vec = { words, sizeof(words) };
	struct packet_out packet = {
		.type = PACKET_DATA_INBAND,
		.flags = PACKET_FLAG_COMPLETION_REQUESTED,
		.transaction_id = 77,
		.vec = &vec,
		.vec_count = 1,
	};

	packet_write(&channel->on->tx, &packet);
}

/* What a test wants of the primary. */
static void switches_look(struct sim_guest *guest, struct channel *channel)
{
	if (sim_net.leave && !leaving) {
		leaving = true;
		network_vsc_close(&channel->vsc);
	}
	if (sim_net.snatch && !snatching) {
		snatching = true;
		must(guest,
		     vmbus_guest_gpadl_teardown(
			     &guest->engine, channel->on->relid, receive.gpadl),
		     "snatch");
	}
	if (sim_net.ready && sim_net.channels == CHANNELS &&
	    !sub_channels_open) {
		sub_channels_open = true;
		network_vsc_opened(&channel->vsc, CHANNELS);
	}
	if (sim_net.garbage)
		garbage_send(channel);
	sim_net.garbage = false;
}

void sim_net_run(struct sim_guest *guest, struct sim_guest_channel *on)
{
	struct channel *channel = channel_of(on);
	struct network_vsc_out out;

	while ((channel == channels || !sim_net.deaf) &&
	       packet_take(guest, channel))
		;
	if (channel == channels) {
		switches_look(guest, channel);
		while (!ring_reserve(&on->tx, 256) &&
		       network_vsc_transmit(&channel->vsc, &out))
			if (!out_send(guest, channel, &out))
				guest->wrong = "the ring is full";
	}
	while (sim_net.ready && !leaving && !snatching &&
	       channel->vsc.used_count < sim_net.load &&
	       !ring_reserve(&on->tx, 256)) {
		u64 before = sim_net.sent;

		request_send(guest, channel);
		if (sim_net.sent == before)
			break;
	}
}
