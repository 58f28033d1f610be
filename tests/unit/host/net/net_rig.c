/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "net_rig.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

struct rig rig_open(const struct net_options *options)
{
	struct lis_error error = { "" };
	struct rig rig;
	int ret = net_port_open(&rig.port, options, &error);

	if (ret < 0)
		fail_msg("%s", error.text);
	ret = net_queue_open(&rig.queue, rig.port, 0, &error);
	if (ret < 0)
		fail_msg("%s", error.text);
	rig.epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_true(rig.epoll >= 0);
	assert_int_equal(net_queue_watch(rig.queue, rig.epoll, 1), 0);
	return rig;
}

void rig_close(struct rig *rig)
{
	close(rig->epoll);
	net_queue_close(rig->queue);
	net_port_close(rig->port);
}

static s64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (s64)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* False: nothing happened in time. */
static bool rig_wait(struct rig *rig, s64 until_ms)
{
	struct epoll_event event;
	s64 left = until_ms - now_ms();

	return epoll_wait(rig->epoll, &event, 1, left > 0 ? (int)left : 0) > 0;
}

ssize_t rig_receive(struct rig *rig, struct network_vnet *vnet, u8 *frame,
		    size_t room_bytes, int timeout_ms)
{
	struct iovec piece = { frame, room_bytes };
	s64 until_ms = now_ms() + timeout_ms;

	while (true) {
		ssize_t ret = net_queue_receive(rig->queue, vnet, &piece, 1);

		if (ret > 0 || (ret < 0 && ret != -EAGAIN))
			return ret;
		if (ret == -EAGAIN && !rig_wait(rig, until_ms))
			return -ETIMEDOUT;
	}
}

int rig_send(struct rig *rig, const struct network_vnet *vnet, const u8 *frame,
	     u32 bytes)
{
	static const struct network_vnet plain;
	struct iovec piece = { (void *)frame, bytes };
	s64 until_ms = now_ms() + RIG_WAIT_MS;
	int ret;

	while (true) {
		ret = net_queue_send(rig->queue, vnet ? vnet : &plain, &piece,
				     1);
		net_queue_kick(rig->queue);
		if (ret != -EAGAIN)
			return ret;
		if (!rig_wait(rig, until_ms))
			return -ETIMEDOUT;
	}
}

static void put16(u8 *at, u32 value)
{
	at[0] = (u8)(value >> 8);
	at[1] = (u8)value;
}

static void put32(u8 *at, u32 value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static u32 get16(const u8 *at)
{
	return (u32)at[0] << 8 | at[1];
}

static u32 get32(const u8 *at)
{
	return get16(at) << 16 | get16(at + 2);
}

/* Ones' complement sum, the plain way. */
static u32 sum(const u8 *at, u32 bytes, u32 start)
{
	for (u32 i = 0; i < bytes; i++)
		start += i % 2 ? at[i] : (u32)at[i] << 8;
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

static u32 pseudo_sum(const u8 *ip, u32 version, u8 protocol, u32 bytes)
{
	return version == 4 ? sum(ip + 12, 8, protocol + bytes)
			    : sum(ip + 8, 32, protocol + bytes);
}

static u32 ip_make(u8 *ip, const struct rig_frame *from, u32 body_bytes)
{
	if (from->version == 4) {
		memset(ip, 0, 20);
		ip[0] = 0x45;
		put16(ip + 2, 20 + body_bytes);
		put16(ip + 4, 0xfffe);
		ip[8] = 64;
		ip[9] = from->protocol;
		put32(ip + 12, from->source);
		put32(ip + 16, from->destination);
		put16(ip + 10, ~sum(ip, 20, 0) & 0xffff);
		return 20;
	}
	memset(ip, 0, 40);
	ip[0] = 0x60;
	put16(ip + 4, body_bytes);
	ip[6] = from->protocol;
	ip[7] = 64;
	put16(ip + 8, 0xfec0);
	put32(ip + 20, from->source);
	put16(ip + 24, 0xfec0);
	put32(ip + 36, from->destination);
	return 40;
}

static u32 transport_make(u8 *at, const struct rig_frame *from,
			  u32 payload_bytes)
{
	u32 bytes = 20u + from->options_bytes;

	put16(at, from->source_port);
	put16(at + 2, from->destination_port);
	if (from->protocol == NETWORK_PROTOCOL_UDP) {
		put16(at + 4, 8 + payload_bytes);
		put16(at + 6, 0);
		return 8;
	}
	memset(at + 4, 0, 16);
	memset(at + 20, 1, from->options_bytes); /* no operation */
	put32(at + 4, from->sequence);
	put32(at + 8, from->acknowledge);
	at[12] = (u8)(bytes / 4 << 4);
	at[13] = from->flags;
	put16(at + 14, 65535);
	return bytes;
}

u32 rig_frame_make(u8 *frame, const struct rig_frame *from, const void *payload,
		   u32 payload_bytes, struct network_vnet *vnet)
{
	u32 at = 12, ip, transport, transport_bytes, check;

	memcpy(frame, from->to, 6);
	memcpy(frame + 6, from->from, 6);
	if (from->tag != NETWORK_UNTAGGED) {
		put16(frame + at, 0x8100);
		put16(frame + at + 2, from->tag);
		at += 4;
	}
	put16(frame + at, from->version == 4 ? 0x0800 : 0x86dd);
	ip = at + 2;
	transport = ip + (from->version == 4 ? 20 : 40);
	at = transport + transport_make(frame + transport, from, payload_bytes);
	memcpy(frame + at, payload, payload_bytes);
	transport_bytes = at + payload_bytes - transport;
	ip_make(frame + ip, from, transport_bytes);
	check = pseudo_sum(frame + ip, from->version, from->protocol,
			   transport_bytes);
	if (vnet) {
		memset(vnet, 0, sizeof(*vnet));
		vnet->flags = NETWORK_VNET_NEEDS_CSUM;
		vnet->csum_start = (u16)transport;
	} else {
		check = ~sum(frame + transport, transport_bytes, check) &
			0xffff;
	}
	if (from->protocol == NETWORK_PROTOCOL_UDP) {
		put16(frame + transport + 6, check ? check : 0xffff);
		if (vnet)
			vnet->csum_offset = NETWORK_UDP_CSUM;
	} else {
		put16(frame + transport + 16, check);
		if (vnet)
			vnet->csum_offset = NETWORK_TCP_CSUM;
	}
	return at + payload_bytes;
}

void rig_frame_segment(struct network_vnet *vnet, const struct rig_frame *from,
		       u32 header_bytes, u16 size_bytes)
{
	vnet->gso_type =
		from->version == 4 ? NETWORK_GSO_TCP4 : NETWORK_GSO_TCP6;
	vnet->gso_size = size_bytes;
	vnet->hdr_len = (u16)header_bytes;
}

bool rig_frame_read(const u8 *frame, u32 bytes, struct rig_frame *to,
		    struct network_headers *headers)
{
	const u8 *ip = frame, *transport;
	u32 ip_bytes;

	memset(to, 0, sizeof(*to));
	network_frame_headers(frame, bytes, headers);
	if (!headers->transport_offset || !headers->payload_offset)
		return false;
	memcpy(to->to, frame, 6);
	memcpy(to->from, frame + 6, 6);
	to->tag = network_frame_tag(frame, bytes);
	to->version = headers->ip_version;
	to->protocol = headers->protocol;
	ip = frame + headers->ip_offset;
	ip_bytes = to->version == 4 ? get16(ip + 2) : 40 + get16(ip + 4);
	if (headers->ip_offset + ip_bytes > bytes)
		return false;
	to->source = get32(ip + (to->version == 4 ? 12 : 20));
	to->destination = get32(ip + (to->version == 4 ? 16 : 36));
	transport = frame + headers->transport_offset;
	ip_bytes -= headers->transport_offset - headers->ip_offset;
	to->source_port = (u16)get16(transport);
	to->destination_port = (u16)get16(transport + 2);
	if (to->protocol == NETWORK_PROTOCOL_TCP) {
		to->sequence = get32(transport + 4);
		to->acknowledge = get32(transport + 8);
		to->flags = transport[13];
		to->options_bytes = (u8)((transport[12] >> 4) * 4 - 20);
	}
	if (to->version == 4 && sum(ip, (ip[0] & 15) * 4u, 0) != 0xffff)
		return false;
	return sum(transport, ip_bytes,
		   pseudo_sum(ip, to->version, to->protocol, ip_bytes)) ==
	       0xffff;
}

void rig_pattern(u8 *buffer, size_t bytes, u32 seed)
{
	u32 state = seed * 2654435761u + 1;

	for (size_t i = 0; i < bytes; i++) {
		state = state * 1664525u + 1013904223u;
		buffer[i] = (u8)(state >> 24);
	}
}
