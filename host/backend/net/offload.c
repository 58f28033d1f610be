/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/backend/net/offload.h"

/* Of IPv4, IPv6, TCP headers: RFC 791, 8200, 9293. */
#define IPV4_LENGTH   2
#define IPV4_ID	      4
#define IPV4_CHECKSUM 10
#define IPV4_SOURCE   12
#define IPV6_LENGTH   4
#define IPV6_SOURCE   8
#define IPV6_BYTES    40
#define TCP_SEQUENCE  4
#define TCP_FLAGS     13
#define TCP_CHECKSUM  16
#define TCP_FIN	      0x01
#define TCP_PSH	      0x08
#define TCP_CWR	      0x80

/* Linux' least: TCP_MIN_SND_MSS less 40 bytes of options (net/tcp.h). */
#define SEGMENT_BYTES_MIN 8u

static u32 get_u32(const u8 *at)
{
	return (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];
}

static void put_u16(u8 *at, u32 value)
{
	at[0] = (u8)(value >> 8);
	at[1] = (u8)value;
}

static void put_u32(u8 *at, u32 value)
{
	put_u16(at, value >> 16);
	put_u16(at + 2, value);
}

static u32 fold(u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u32)sum;
}

static u32 swap16(u32 value)
{
	return (value & 0xff) << 8 | value >> 8;
}

/*
 * Ones' complement sum of bytes in this machine's order (RFC 1071, 2 (B)), in
 * four chains of additions, folded to 16 bits. A frame is far too short for a
 * sum to overflow.
 */
static u32 sum_bytes(const u8 *data, size_t bytes)
{
	u64 sums[4] = { 0 }, sum;
	u32 words[4] = { 0 };

	for (; bytes >= 16; bytes -= 16, data += 16) {
		port_copy(words, data, sizeof(words));
		for (int i = 0; i < 4; i++)
			sums[i] += words[i];
	}
	sum = sums[0] + sums[1] + sums[2] + sums[3];
	port_fill(words, 0, sizeof(words));
	port_copy(words, data, bytes);
	return fold(sum + words[0] + words[1] + words[2] + words[3]);
}

/* The checksum of a sum that was made in this machine's order. */
static void put_checksum(u8 *at, u32 sum)
{
	put_u16(at, swap16(~sum & 0xffff));
}

static bool segment_check(struct network_vnet *vnet, const u8 *head,
			  u32 head_bytes, u32 frame_bytes)
{
	u8 type = vnet->gso_type & (u8)~NETWORK_GSO_ECN;
	struct network_headers headers;

	network_frame_headers(head, head_bytes, &headers);
	if (type == NETWORK_GSO_TCP4 ? headers.ip_version != 4
				     : headers.ip_version != 6)
		return false;
	if (type != NETWORK_GSO_TCP4 && type != NETWORK_GSO_TCP6)
		return false;
	if (headers.protocol != NETWORK_PROTOCOL_TCP || headers.fragment ||
	    !headers.transport_offset || !headers.payload_offset)
		return false;
	if (headers.payload_offset > head_bytes ||
	    headers.payload_offset >= frame_bytes ||
	    vnet->gso_size < SEGMENT_BYTES_MIN)
		return false;
	if (!(vnet->flags & NETWORK_VNET_NEEDS_CSUM) ||
	    vnet->csum_start != headers.transport_offset ||
	    vnet->csum_offset != NETWORK_TCP_CSUM)
		return false;
	vnet->hdr_len = headers.payload_offset;
	return true;
}

bool offload_check(struct network_vnet *vnet, const u8 *head, u32 head_bytes,
		   u32 frame_bytes)
{
	if (frame_bytes < NETWORK_ETHERNET_BYTES ||
	    frame_bytes > NETWORK_FRAME_MAX_BYTES || head_bytes > frame_bytes)
		return false;
	vnet->flags &= NETWORK_VNET_NEEDS_CSUM;
	vnet->num_buffers = 1;
	if (!vnet->flags) {
		vnet->csum_start = 0;
		vnet->csum_offset = 0;
	} else if (vnet->csum_start < NETWORK_ETHERNET_BYTES ||
		   (u32)vnet->csum_start + vnet->csum_offset + 2 >
			   frame_bytes) {
		return false;
	}
	if (vnet->gso_type != NETWORK_GSO_NONE)
		return segment_check(vnet, head, head_bytes, frame_bytes);
	vnet->hdr_len = 0;
	vnet->gso_size = 0;
	return true;
}

void offload_complete(struct network_vnet *vnet, const struct iovec *pieces,
		      int piece_count, u32 frame_bytes)
{
	u32 start = vnet->csum_start, at = 0, sum = 0;
	u32 place = start + vnet->csum_offset;
	u8 *to[2] = { NULL, NULL };

	for (int i = 0; i < piece_count && at < frame_bytes; i++) {
		const u8 *base = pieces[i].iov_base;
		u32 bytes = frame_bytes - at, skip, part;

		if (pieces[i].iov_len < bytes)
			bytes = (u32)pieces[i].iov_len;
		for (u32 j = 0; j < 2; j++) {
			if (place + j - at < bytes)
				to[j] = (u8 *)base + (place + j - at);
		}
		skip = start > at ? start - at : 0;
		if (skip < bytes) {
			part = sum_bytes(base + skip, bytes - skip);
			sum += (at + skip - start) & 1 ? swap16(part) : part;
		}
		at += bytes;
	}
	sum = ~swap16(fold(sum)) & 0xffff;
	/* 0 means that there is none in UDP, and is the same as this. */
	sum = sum ? sum : 0xffff;
	if (to[0] && to[1]) {
		*to[0] = (u8)(sum >> 8);
		*to[1] = (u8)sum;
	}
	vnet->flags &= (u8)~NETWORK_VNET_NEEDS_CSUM;
	vnet->csum_start = 0;
	vnet->csum_offset = 0;
}

void offload_cut_begin(struct offload_cut *cut, const struct network_vnet *vnet,
		       const u8 *frame, u32 frame_bytes)
{
	u32 head_bytes = frame_bytes < NETWORK_HEAD_BYTES ? frame_bytes
							  : NETWORK_HEAD_BYTES;

	cut->frame = frame;
	cut->frame_bytes = frame_bytes;
	network_frame_headers(frame, head_bytes, &cut->headers);
	cut->header_bytes = cut->headers.payload_offset;
	cut->sent_bytes = 0;
	cut->size_bytes = vnet->gso_size;
	cut->index = 0;
}

/* Payload of the next frame. */
static u32 cut_part(const struct offload_cut *cut)
{
	u32 left = cut->frame_bytes - cut->header_bytes - cut->sent_bytes;

	return left < cut->size_bytes ? left : cut->size_bytes;
}

u32 offload_cut_bytes(const struct offload_cut *cut)
{
	u32 part = cut->frame ? cut_part(cut) : 0;

	return part ? cut->header_bytes + part : 0;
}

/* The IP header's length, and what depends on it; the pseudo header's sum. */
static u32 put_ip(u8 *to, const struct offload_cut *cut, u32 tcp_bytes)
{
	u8 *ip = to + cut->headers.ip_offset;
	u32 ip_bytes = cut->headers.transport_offset - cut->headers.ip_offset;
	u8 pseudo[4] = { 0, NETWORK_PROTOCOL_TCP };

	put_u16(pseudo + 2, tcp_bytes);
	if (cut->headers.ip_version == 4) {
		put_u16(ip + IPV4_LENGTH, ip_bytes + tcp_bytes);
		put_u16(ip + IPV4_ID,
			((u32)ip[IPV4_ID] << 8 | ip[IPV4_ID + 1]) + cut->index);
		put_u16(ip + IPV4_CHECKSUM, 0);
		put_checksum(ip + IPV4_CHECKSUM, sum_bytes(ip, ip_bytes));
		return sum_bytes(ip + IPV4_SOURCE, 8) + sum_bytes(pseudo, 4);
	}
	put_u16(ip + IPV6_LENGTH, ip_bytes - IPV6_BYTES + tcp_bytes);
	return sum_bytes(ip + IPV6_SOURCE, 32) + sum_bytes(pseudo, 4);
}

void offload_cut_next(struct offload_cut *cut, u8 *to)
{
	u8 *tcp = to + cut->headers.transport_offset;
	u32 part = cut_part(cut), sum;
	u32 tcp_bytes =
		cut->header_bytes - cut->headers.transport_offset + part;

	port_copy_bulk(to, cut->frame, cut->header_bytes);
	port_copy_bulk(to + cut->header_bytes,
		       cut->frame + cut->header_bytes + cut->sent_bytes, part);
	sum = put_ip(to, cut, tcp_bytes);
	put_u32(tcp + TCP_SEQUENCE,
		get_u32(tcp + TCP_SEQUENCE) + cut->sent_bytes);
	if (cut->index)
		tcp[TCP_FLAGS] &= (u8)~TCP_CWR;
	cut->sent_bytes += part;
	cut->index++;
	if (cut_part(cut))
		tcp[TCP_FLAGS] &= (u8) ~(TCP_FIN | TCP_PSH);
	else
		cut->frame = NULL;
	put_u16(tcp + TCP_CHECKSUM, 0);
	put_checksum(tcp + TCP_CHECKSUM, fold(sum + sum_bytes(tcp, tcp_bytes)));
}
