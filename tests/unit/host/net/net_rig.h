/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * net_rig.h - ports with one queue, and frames, for the tests of the network's
 * backends.
 */
#ifndef TESTS_UNIT_HOST_NET_NET_RIG_H
#define TESTS_UNIT_HOST_NET_NET_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/backend/net/port.h"

#define RIG_WAIT_MS 20000

/* A port that must open, its first queue, and an epoll that watches it. */
struct rig {
	struct net_port *port;
	struct net_queue *queue;
	int epoll;
};

struct rig rig_open(const struct net_options *options);
void rig_close(struct rig *rig);

/* The next frame, waited for; -ETIMEDOUT, -ENODEV. */
ssize_t rig_receive(struct rig *rig, struct network_vnet *vnet, u8 *frame,
		    size_t room_bytes, int timeout_ms);

/* Sends a frame and kicks, waiting for room. Returns 0 or what ended it. */
int rig_send(struct rig *rig, const struct network_vnet *vnet, const u8 *frame,
	     u32 bytes);

/* What a TCP, UDP or other frame has in its headers; all in host order. */
struct rig_frame {
	u8 to[6], from[6];
	u32 tag;		 /* NETWORK_UNTAGGED: none */
	u8 version;		 /* of IP: 4 or 6 */
	u8 protocol;		 /* NETWORK_PROTOCOL_ */
	u32 source, destination; /* IPv4; the end of an IPv6 address */
	u16 source_port, destination_port;
	u32 sequence, acknowledge; /* TCP */
	u8 flags;
	u8 options_bytes; /* TCP, multiple of 4 */
};

#define RIG_FIN 0x01
#define RIG_SYN 0x02
#define RIG_PSH 0x08
#define RIG_ACK 0x10
#define RIG_CWR 0x80

#define RIG_IP(a, b, c, d)                                                     \
	((u32)(a) << 24 | (u32)(b) << 16 | (u32)(c) << 8 | (u32)(d))

/*
 * Writes a frame, with good checksums; @vnet not NULL: unfinished, and vnet
 * says so. Returns its size.
 */
u32 rig_frame_make(u8 *frame, const struct rig_frame *from, const void *payload,
		   u32 payload_bytes, struct network_vnet *vnet);

/* vnet becomes that of a segment to be cut. */
void rig_frame_segment(struct network_vnet *vnet, const struct rig_frame *from,
		       u32 header_bytes, u16 size_bytes);

/*
 * Reads one; false when it is none, or its lengths are wrong, or, with @to
 * filled in all the same, its checksums.
 * @headers: where things are
 */
bool rig_frame_read(const u8 *frame, u32 bytes, struct rig_frame *to,
		    struct network_headers *headers);

/* Fills a buffer with what only this seed gives. */
void rig_pattern(u8 *buffer, size_t bytes, u32 seed);

#endif
