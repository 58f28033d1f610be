/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * sample_packet.h - one packet of every type, and what must be found of it.
 *
 * Here: payload and page ranges that the packet tests write. Not here: the
 * tests.
 */
#ifndef TESTS_UNIT_VMBUS_SAMPLE_PACKET_H
#define TESTS_UNIT_VMBUS_SAMPLE_PACKET_H

#include "vmbus/packet.h"

#define SAMPLE_PAYLOAD_BYTES   43u /* not a multiple of 8 */
#define SAMPLE_TRANSFER_RANGES 3u
#define SAMPLE_TRANSACTION_ID  0x1122334455667788ull

extern const u8 sample_payload[SAMPLE_PAYLOAD_BYTES];

extern const struct packet_transfer_range
	sample_transfer_ranges[SAMPLE_TRANSFER_RANGES];

/* Two GPA ranges, of three pages and of one. */
struct sample_gpa_ranges {
	struct packet_gpa_range_head first;
	u64 first_pfns[3];
	struct packet_gpa_range_head second;
	u64 second_pfns[1];
};

extern const struct sample_gpa_ranges sample_gpa_ranges;

/* A packet of @type with @vec for payload and the ranges that belong to it. */
struct packet_out sample_packet(u16 type, const struct ring_vec *vec,
				u32 vec_count);

/* Assert that @view has the ranges of sample_packet(). */
void sample_check_transfer_ranges(const struct packet_view *view);
void sample_check_gpa_ranges(const struct packet_view *view);

#endif
