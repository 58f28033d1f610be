/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/backend/net/reassembly.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define IP_BYTES_MIN   20u
#define IP_BYTES_MAX   60u
#define DATAGRAM_BYTES 65535u
/* Ethernet with two tags, and the longest IP header. */
#define HEAD_BYTES  (NETWORK_ETHERNET_BYTES + 8u + IP_BYTES_MAX)
#define BLOCK_BYTES 8u
#define BLOCKS	    ((DATAGRAM_BYTES + BLOCK_BYTES - 1) / BLOCK_BYTES)
#define MORE	    0x2000u
#define OFFSET	    0x1fffu
/* Addresses, identification, protocol. */
#define KEY_BYTES 11u

struct reassembly_datagram {
	u64 end_ns;
	u8 key[KEY_BYTES];
	bool whole;	/* it was given away, and stays for that only */
	u32 head_bytes; /* 0: the first fragment is missing */
	u32 ip_offset;	/* in that one's frame */
	u32 bytes;	/* of the payload; 0: the last one is missing */
	u32 reached;	/* the end of what is there */
	u32 blocks;	/* that are there */
	u8 seen[(BLOCKS + 7) / 8];
	u8 head[HEAD_BYTES];
	/* The head goes before the payload when that is whole. */
	u8 frame[HEAD_BYTES + DATAGRAM_BYTES];
};

/* What one fragment says. */
struct fragment {
	u8 key[KEY_BYTES];
	const u8 *head, *payload;
	u32 head_bytes, ip_offset, bytes;
	u32 at; /* in the datagram's payload */
	bool more;
};

static bool fragment_read(struct fragment *fragment, const u8 *frame, u32 bytes,
			  u32 ip_offset)
{
	const u8 *ip = frame + ip_offset;
	u32 header, total, flags;

	if (bytes < ip_offset + IP_BYTES_MIN)
		return false;
	header = (ip[0] & 15u) * 4;
	total = network_be16(ip + 2);
	flags = network_be16(ip + 6);
	if (header < IP_BYTES_MIN || total <= header ||
	    bytes - ip_offset < total || ip_offset + header > HEAD_BYTES)
		return false;
	memcpy(fragment->key, ip + 12, 8);
	memcpy(fragment->key + 8, ip + 4, 2);
	fragment->key[10] = ip[9];
	fragment->head = frame;
	fragment->head_bytes = ip_offset + header;
	fragment->ip_offset = ip_offset;
	fragment->payload = ip + header;
	fragment->bytes = total - header;
	fragment->at = (flags & OFFSET) * BLOCK_BYTES;
	fragment->more = flags & MORE;
	/* All but the last end where the next can begin. */
	return fragment->at + fragment->bytes <=
		       DATAGRAM_BYTES - IP_BYTES_MIN &&
	       (!fragment->more || fragment->bytes % BLOCK_BYTES == 0);
}

/* ---- which datagram ---- */

static void forget(struct reassembly_datagram **place)
{
	free(*place);
	*place = NULL;
}

static struct reassembly_datagram **place_of(struct reassembly *reassembly,
					     const struct fragment *fragment,
					     u64 now_ns)
{
	struct reassembly_datagram **found = NULL, **oldest = NULL;

	for (u32 i = 0; i < REASSEMBLY_DATAGRAMS; i++) {
		struct reassembly_datagram **place = &reassembly->datagrams[i];

		if (*place && ((*place)->whole || (*place)->end_ns <= now_ns))
			forget(place);
		if (*place && !memcmp((*place)->key, fragment->key, KEY_BYTES))
			found = place;
		if (!oldest ||
		    (*oldest &&
		     (!*place || (*place)->end_ns < (*oldest)->end_ns)))
			oldest = place;
	}
	return found ? found : oldest;
}

static bool place_begin(struct reassembly_datagram **place,
			const struct fragment *fragment, u64 now_ns)
{
	if (*place && !memcmp((*place)->key, fragment->key, KEY_BYTES))
		return true;
	forget(place);
	/* The memory for payload is written before it is read. */
	*place = malloc(sizeof(**place));
	if (!*place)
		return false;
	memset(*place, 0, offsetof(struct reassembly_datagram, frame));
	memcpy((*place)->key, fragment->key, KEY_BYTES);
	(*place)->end_ns = now_ns + REASSEMBLY_NS;
	return true;
}

/* ---- putting together ---- */

/* How many of its blocks are there already. */
static u32 blocks_seen(const struct reassembly_datagram *datagram, u32 first,
		       u32 count)
{
	u32 seen = 0;

	for (u32 i = first; i < first + count; i++)
		seen += datagram->seen[i / 8] >> (i % 8) & 1u;
	return seen;
}

/* Whether it is at odds with what is known of the datagram's length. */
static bool length_contradicts(const struct reassembly_datagram *datagram,
			       const struct fragment *fragment)
{
	u32 end = fragment->at + fragment->bytes;

	if (datagram->bytes)
		return fragment->more ? end >= datagram->bytes
				      : end != datagram->bytes;
	return !fragment->more && end < datagram->reached;
}

/* False: it is at odds with the others. */
static bool datagram_put(struct reassembly_datagram *datagram,
			 const struct fragment *fragment)
{
	u32 first = fragment->at / BLOCK_BYTES;
	u32 count = (fragment->bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
	u32 seen = blocks_seen(datagram, first, count);

	if (length_contradicts(datagram, fragment))
		return false;
	/* One that came twice says nothing new; one that overlaps lies. */
	if (seen)
		return seen == count;
	for (u32 i = first; i < first + count; i++)
		datagram->seen[i / 8] |= (u8)(1u << (i % 8));
	datagram->blocks += count;
	memcpy(datagram->frame + HEAD_BYTES + fragment->at, fragment->payload,
	       fragment->bytes);
	if (fragment->at + fragment->bytes > datagram->reached)
		datagram->reached = fragment->at + fragment->bytes;
	if (!fragment->more)
		datagram->bytes = datagram->reached;
	if (!fragment->at) {
		datagram->head_bytes = fragment->head_bytes;
		datagram->ip_offset = fragment->ip_offset;
		memcpy(datagram->head, fragment->head, fragment->head_bytes);
	}
	return true;
}

static bool datagram_complete(const struct reassembly_datagram *datagram)
{
	return datagram->head_bytes && datagram->bytes &&
	       datagram->blocks ==
		       (datagram->bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

/* The frame of a datagram that is complete; 0: its header leaves no room. */
static u32 datagram_finish(struct reassembly_datagram *datagram,
			   const u8 **whole)
{
	u8 *frame = datagram->frame + HEAD_BYTES - datagram->head_bytes;
	u32 header = datagram->head_bytes - datagram->ip_offset;
	u8 *ip = frame + datagram->ip_offset;

	datagram->whole = true;
	if (header + datagram->bytes > DATAGRAM_BYTES)
		return 0;
	memcpy(frame, datagram->head, datagram->head_bytes);
	network_put_be16(ip + 2, header + datagram->bytes);
	network_put_be16(ip + 6, 0);
	network_put_be16(ip + 10, 0);
	network_put_be16(ip + 10, (u16)~network_checksum(ip, header, 0));
	*whole = frame;
	return datagram->head_bytes + datagram->bytes;
}

u32 reassembly_add(struct reassembly *reassembly, const u8 *frame, u32 bytes,
		   u32 ip_offset, u64 now_ns, const u8 **whole)
{
	struct reassembly_datagram **place;
	struct fragment fragment;

	if (!fragment_read(&fragment, frame, bytes, ip_offset))
		return 0;
	place = place_of(reassembly, &fragment, now_ns);
	if (!place_begin(place, &fragment, now_ns))
		return 0;
	if (!datagram_put(*place, &fragment)) {
		forget(place);
		return 0;
	}
	if (!datagram_complete(*place))
		return 0;
	return datagram_finish(*place, whole);
}

void reassembly_free(struct reassembly *reassembly)
{
	for (u32 i = 0; i < REASSEMBLY_DATAGRAMS; i++)
		forget(&reassembly->datagrams[i]);
}
