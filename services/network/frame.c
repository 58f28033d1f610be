// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Where the headers of a frame are. */
#include "services/network/frame.h"

#define ETHER_IPV4 0x0800u
#define ETHER_IPV6 0x86ddu
#define ETHER_TAG  0x8100u

#define IPV4_MIN_BYTES 20u
#define IPV6_BYTES     40u
#define TCP_MIN_BYTES  20u
#define UDP_BYTES      8u

/* IPv6 extension headers (RFC 8200, 4; RFC 4302). */
#define NEXT_HOP_BY_HOP 0u
#define NEXT_ROUTING	43u
#define NEXT_FRAGMENT	44u
#define NEXT_AUTH	51u
#define NEXT_OPTIONS	60u

u16 network_checksum(const u8 *data, u32 bytes, u32 sum)
{
	u64 total = sum;
	u32 i;

	for (i = 0; i + 1 < bytes; i += 2)
		total += network_be16(data + i);
	if (bytes & 1)
		total += (u32)data[bytes - 1] << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (u16)total;
}

u32 network_frame_tag(const u8 *head, u32 bytes)
{
	if (bytes < NETWORK_ETHERNET_BYTES + NETWORK_TAG_BYTES ||
	    network_be16(head + 12) != ETHER_TAG)
		return NETWORK_UNTAGGED;
	return network_be16(head + 14);
}

/* The transport header begins at @at, as far as the head shows. */
static void find_transport(const u8 *head, u32 bytes, u32 at,
			   struct network_headers *headers)
{
	u32 length;

	if (headers->protocol == NETWORK_PROTOCOL_UDP &&
	    at + UDP_BYTES <= bytes) {
		headers->transport_offset = (u16)at;
		headers->payload_offset = (u16)(at + UDP_BYTES);
	} else if (headers->protocol == NETWORK_PROTOCOL_TCP &&
		   at + TCP_MIN_BYTES <= bytes) {
		headers->transport_offset = (u16)at;
		length = (head[at + 12] >> 4) * 4u;
		if (length >= TCP_MIN_BYTES)
			headers->payload_offset = (u16)(at + length);
	}
}

static void find_ipv4(const u8 *head, u32 bytes,
		      struct network_headers *headers)
{
	u32 at = headers->ip_offset, length;
	u16 fragment;

	if (at + IPV4_MIN_BYTES > bytes || head[at] >> 4 != 4)
		return;
	length = (head[at] & 15) * 4u;
	if (length < IPV4_MIN_BYTES || at + length > bytes)
		return;
	headers->ip_version = 4;
	headers->protocol = head[at + 9];
	fragment = network_be16(head + at + 6);
	headers->fragment = fragment & 0x3fff;
	if (!(fragment & 0x1fff))
		find_transport(head, bytes, at + length, headers);
}

static void find_ipv6(const u8 *head, u32 bytes,
		      struct network_headers *headers)
{
	u32 at = headers->ip_offset;
	u8 next;

	if (at + IPV6_BYTES > bytes || head[at] >> 4 != 6)
		return;
	headers->ip_version = 6;
	next = head[at + 6];
	at += IPV6_BYTES;
	/* Each takes 8 bytes at least, so the head's end bounds them. */
	while (at + 8 <= bytes) {
		if (next == NEXT_FRAGMENT) {
			headers->fragment = true;
			if (network_be16(head + at + 2) & 0xfff8) {
				headers->protocol = head[at];
				return;
			}
			next = head[at];
			at += 8;
		} else if (next == NEXT_AUTH) {
			next = head[at];
			at += (head[at + 1] + 2u) * 4;
		} else if (next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING ||
			   next == NEXT_OPTIONS) {
			next = head[at];
			at += (head[at + 1] + 1u) * 8;
		} else {
			break;
		}
	}
	headers->protocol = next;
	find_transport(head, bytes, at, headers);
}

void network_frame_headers(const u8 *head, u32 bytes,
			   struct network_headers *headers)
{
	u32 at = 12;

	port_fill(headers, 0, sizeof(*headers));
	if (bytes < NETWORK_ETHERNET_BYTES)
		return;
	if (network_frame_tag(head, bytes) != NETWORK_UNTAGGED)
		at += NETWORK_TAG_BYTES;
	headers->ether_type = network_be16(head + at);
	headers->ip_offset = (u16)(at + 2);
	if (headers->ether_type == ETHER_IPV4)
		find_ipv4(head, bytes, headers);
	else if (headers->ether_type == ETHER_IPV6)
		find_ipv6(head, bytes, headers);
}
