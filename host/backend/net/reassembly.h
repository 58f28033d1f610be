/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * reassembly.h - IPv4 datagrams made whole from their fragments, for a network
 * that wants none.
 *
 * Here: up to REASSEMBLY_DATAGRAMS of them at a time, each kept for a limited
 * time; the oldest goes for a new one. Not here: IPv6, and clocks.
 *
 * Sources: RFC 791, 3.2 (how fragments are put together), RFC 1122, 3.3.2 (for
 * how long they are kept), RFC 5722, 3 (what overlaps is an attack; that is of
 * IPv6, and as true of IPv4).
 */
#ifndef HOST_BACKEND_NET_REASSEMBLY_H
#define HOST_BACKEND_NET_REASSEMBLY_H

#include "services/network/frame.h"

#define REASSEMBLY_DATAGRAMS 16u
#define REASSEMBLY_NS	     30000000000ull

struct reassembly_datagram;

struct reassembly {
	struct reassembly_datagram *datagrams[REASSEMBLY_DATAGRAMS];
};

/*
 * reassembly_add - take a frame that is a fragment.
 * @reassembly: all zeros at first.
 * @frame, @bytes: from its Ethernet header on; anything.
 * @ip_offset: of its IPv4 header, as network_frame_headers() found it.
 * @now_ns: of a clock that only goes forward.
 * @whole: when the datagram is whole now, set to its frame, which stays until
 * the next call: the Ethernet and IP headers of the fragment that begins it,
 * the latter with the new length and checksum.
 *
 * Returns the bytes of that frame, or 0: fragments are missing yet, or this one
 * was no good (cut short, beyond 65535 bytes, at odds with the others: then
 * they are dropped, too), or there was no memory.
 */
u32 reassembly_add(struct reassembly *reassembly, const u8 *frame, u32 bytes,
		   u32 ip_offset, u64 now_ns, const u8 **whole);

/* Frees what it holds. */
void reassembly_free(struct reassembly *reassembly);

#endif
