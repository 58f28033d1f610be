/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest_stack.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define ARP_REQUEST   1
#define ARP_REPLY     2
#define DHCP_DISCOVER 1
#define DHCP_OFFER    2
#define DHCP_REQUEST  3
#define DHCP_ACK      5
#define DHCP_BYTES    240
#define DHCP_ID	      0x12345678

static const u8 everyone[6] = { 255, 255, 255, 255, 255, 255 };

static void put32(u8 *at, u32 value)
{
	at[0] = (u8)(value >> 24);
	at[1] = (u8)(value >> 16);
	at[2] = (u8)(value >> 8);
	at[3] = (u8)value;
}

static u32 get32(const u8 *at)
{
	return (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];
}

void guest_start(struct guest *guest, struct rig *rig)
{
	static const u8 address[6] = { 0x00, 0x15, 0x5d, 1, 2, 3 };

	memset(guest, 0, sizeof(*guest));
	guest->rig = rig;
	memcpy(guest->address, address, 6);
}

static void arp_send(struct guest *guest, u8 what, const u8 *to, u32 ip)
{
	u8 frame[42] = { 0 };
	static const u8 head[] = { 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0 };

	memcpy(frame, to, 6);
	memcpy(frame + 6, guest->address, 6);
	memcpy(frame + 12, head, sizeof(head));
	frame[21] = what;
	memcpy(frame + 22, guest->address, 6);
	put32(frame + 28, guest->ip);
	if (what == ARP_REPLY)
		memcpy(frame + 32, to, 6);
	put32(frame + 38, ip);
	assert_int_equal(rig_send(guest->rig, NULL, frame, sizeof(frame)), 0);
}

static void arp_receive(struct guest *guest, const u8 *frame)
{
	if (frame[21] == ARP_REQUEST && guest->ip &&
	    get32(frame + 38) == guest->ip)
		arp_send(guest, ARP_REPLY, frame + 22, get32(frame + 28));
	if (frame[21] == ARP_REPLY && get32(frame + 28) == guest->router_ip)
		memcpy(guest->router, frame + 22, 6);
}

static void dhcp_send(struct guest *guest, u8 what, u32 wanted)
{
	struct rig_frame from = { .tag = NETWORK_UNTAGGED,
				  .version = 4,
				  .protocol = NETWORK_PROTOCOL_UDP,
				  .destination = 0xffffffff,
				  .source_port = 68,
				  .destination_port = 67 };
	u8 message[300] = { 1, 1, 6, 0 }, *option = message + DHCP_BYTES;
	u8 frame[400];
	u32 bytes;

	put32(message + 4, DHCP_ID);
	memcpy(message + 28, guest->address, 6);
	put32(message + 236, 0x63825363); /* RFC 2131, 3 */
	*option++ = 53;
	*option++ = 1;
	*option++ = what;
	if (wanted) {
		*option++ = 50;
		*option++ = 4;
		put32(option, wanted);
		option += 4;
	}
	*option = 255;
	memcpy(from.to, everyone, 6);
	memcpy(from.from, guest->address, 6);
	bytes = rig_frame_make(frame, &from, message, sizeof(message), NULL);
	assert_int_equal(rig_send(guest->rig, NULL, frame, bytes), 0);
}

static void dhcp_receive(struct guest *guest, const u8 *message, u32 bytes)
{
	u32 at = DHCP_BYTES, offered;

	if (bytes < DHCP_BYTES || get32(message + 4) != DHCP_ID)
		return;
	offered = get32(message + 16);
	while (at + 2 < bytes && message[at] != 53 && message[at] != 255)
		at += message[at] ? 2u + message[at + 1] : 1;
	if (at + 2 >= bytes || message[at] != 53)
		return;
	guest->options_seen |= 1u << message[at + 2];
	if (message[at + 2] == DHCP_OFFER)
		dhcp_send(guest, DHCP_REQUEST, offered);
	if (message[at + 2] == DHCP_ACK)
		guest->ip = offered;
}

static void tcp_answer(struct guest *guest, u8 flags)
{
	u8 frame[128];

	guest->tcp.flags = flags;
	assert_int_equal(
		rig_send(guest->rig, NULL, frame,
			 rig_frame_make(frame, &guest->tcp, "", 0, NULL)),
		0);
}

/* A connection from outside begins: the answers go where it came from. */
static void tcp_accept(struct guest *guest, const struct rig_frame *from)
{
	guest->tcp = *from;
	memcpy(guest->tcp.to, from->from, 6);
	memcpy(guest->tcp.from, guest->address, 6);
	guest->tcp.source = from->destination;
	guest->tcp.destination = from->source;
	guest->tcp.source_port = from->destination_port;
	guest->tcp.destination_port = from->source_port;
	guest->tcp.sequence = 1000;
	guest->tcp.acknowledge = from->sequence + 1;
	guest->tcp.options_bytes = 0;
	tcp_answer(guest, RIG_SYN | RIG_ACK);
	guest->tcp.sequence++;
	guest->tcp_open = true;
}

static void tcp_receive(struct guest *guest, const struct rig_frame *from,
			const u8 *data, u32 bytes)
{
	if (from->flags & RIG_SYN && !(from->flags & RIG_ACK)) {
		if (!guest->tcp_open)
			tcp_accept(guest, from);
		return;
	}
	if (from->flags & RIG_SYN) {
		guest->tcp.acknowledge = from->sequence + 1;
		guest->tcp_open = true;
		tcp_answer(guest, RIG_ACK);
		return;
	}
	if (from->sequence != guest->tcp.acknowledge ||
	    bytes > guest->room_bytes - guest->data_bytes) {
		if (bytes)
			tcp_answer(guest, RIG_ACK);
		return;
	}
	if (bytes)
		memcpy(guest->data + guest->data_bytes, data, bytes);
	guest->data_bytes += bytes;
	guest->tcp.acknowledge += bytes;
	if (from->flags & RIG_FIN) {
		guest->tcp.acknowledge++;
		guest->tcp_ended = true;
	}
	if (bytes || from->flags & RIG_FIN)
		tcp_answer(guest, RIG_ACK);
}

static void frame_receive(struct guest *guest, const u8 *frame, u32 bytes)
{
	struct network_headers headers;
	struct rig_frame from;
	u32 end;

	if (bytes > guest->longest_bytes)
		guest->longest_bytes = bytes;
	if (bytes >= 42 && frame[12] == 8 && frame[13] == 6) {
		arp_receive(guest, frame);
		return;
	}
	if (!rig_frame_read(frame, bytes, &from, &headers) || from.version != 4)
		return;
	end = headers.ip_offset + ((u32)frame[headers.ip_offset + 2] << 8 |
				   frame[headers.ip_offset + 3]);
	bytes = end - headers.payload_offset;
	frame += headers.payload_offset;
	if (from.protocol == NETWORK_PROTOCOL_TCP) {
		tcp_receive(guest, &from, frame, bytes);
	} else if (from.source_port == 67) {
		dhcp_receive(guest, frame, bytes);
	} else if (bytes <= sizeof(guest->udp)) {
		memcpy(guest->udp, frame, bytes);
		guest->udp_bytes = bytes;
		guest->udp_from = from;
	}
}

static bool guest_step(struct guest *guest, int timeout_ms)
{
	static u8 frame[NETWORK_FRAME_MAX_BYTES];
	struct network_vnet vnet;
	ssize_t ret = rig_receive(guest->rig, &vnet, frame, sizeof(frame),
				  timeout_ms);

	if (ret > 0)
		frame_receive(guest, frame, (u32)ret);
	else
		assert_int_equal(ret, -ETIMEDOUT);
	return ret > 0;
}

void guest_run(struct guest *guest, bool (*until)(struct guest *guest))
{
	while (!until(guest))
		assert_true(guest_step(guest, RIG_WAIT_MS));
}

void guest_run_ms(struct guest *guest, int time_ms)
{
	while (guest_step(guest, time_ms))
		;
}

static bool has_address(struct guest *guest)
{
	return guest->ip != 0;
}

void guest_dhcp(struct guest *guest)
{
	dhcp_send(guest, DHCP_DISCOVER, 0);
	guest_run(guest, has_address);
}

static bool knows_router(struct guest *guest)
{
	static const u8 none[6];

	return memcmp(guest->router, none, 6) != 0;
}

void guest_arp(struct guest *guest, u32 router_ip)
{
	guest->router_ip = router_ip;
	arp_send(guest, ARP_REQUEST, everyone, router_ip);
	guest_run(guest, knows_router);
}

static bool is_open(struct guest *guest)
{
	return guest->tcp_open;
}

void guest_connect(struct guest *guest, u32 ip, u16 port)
{
	struct rig_frame *tcp = &guest->tcp;

	memset(tcp, 0, sizeof(*tcp));
	memcpy(tcp->to, guest->router, 6);
	memcpy(tcp->from, guest->address, 6);
	tcp->tag = NETWORK_UNTAGGED;
	tcp->version = 4;
	tcp->protocol = NETWORK_PROTOCOL_TCP;
	tcp->source = guest->ip;
	tcp->destination = ip;
	tcp->source_port = 40000;
	tcp->destination_port = port;
	tcp->sequence = 5000;
	tcp_answer(guest, RIG_SYN);
	tcp->sequence++;
	guest_run(guest, is_open);
}

void guest_send(struct guest *guest, const u8 *data, u32 bytes, u16 size_bytes)
{
	static u8 frame[NETWORK_FRAME_MAX_BYTES];
	struct network_vnet vnet;
	u32 frame_bytes;

	guest->tcp.flags = RIG_ACK | RIG_PSH;
	frame_bytes = rig_frame_make(frame, &guest->tcp, data, bytes,
				     size_bytes ? &vnet : NULL);
	if (size_bytes)
		rig_frame_segment(&vnet, &guest->tcp, frame_bytes - bytes,
				  size_bytes);
	assert_int_equal(rig_send(guest->rig, size_bytes ? &vnet : NULL, frame,
				  frame_bytes),
			 0);
	guest->tcp.sequence += bytes;
}

void guest_send_udp(struct guest *guest, u32 ip, u16 from_port, u16 port,
		    const void *data, u32 bytes)
{
	struct rig_frame from = { .tag = NETWORK_UNTAGGED,
				  .version = 4,
				  .protocol = NETWORK_PROTOCOL_UDP,
				  .source = guest->ip,
				  .destination = ip,
				  .source_port = from_port,
				  .destination_port = port };
	struct network_vnet vnet;
	u8 frame[2100];
	u32 frame_bytes;

	memcpy(from.to, guest->router, 6);
	memcpy(from.from, guest->address, 6);
	frame_bytes = rig_frame_make(frame, &from, data, bytes, &vnet);
	assert_int_equal(rig_send(guest->rig, &vnet, frame, frame_bytes), 0);
}
