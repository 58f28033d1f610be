/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "tests/unit/vmbus/sample_packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

const u8 sample_payload[SAMPLE_PAYLOAD_BYTES] =
	"The payload of a packet, some forty bytes.";

const struct packet_transfer_range
	sample_transfer_ranges[SAMPLE_TRANSFER_RANGES] = {
		{ 1500, 0 },
		{ 60, 2048 },
		{ 0xffffffff, 0xffffffff },
	};

const struct sample_gpa_ranges sample_gpa_ranges = {
	.first = { 2 * 4096, 4095 },
	.first_pfns = { 7, 0xffffffffffffffff, 9 },
	.second = { 1, 0 },
	.second_pfns = { 42 },
};

struct packet_out sample_packet(u16 type, const struct ring_vec *vec,
				u32 vec_count)
{
	struct packet_out out = {
		.type = type,
		.flags = PACKET_FLAG_COMPLETION_REQUESTED,
		.transaction_id = SAMPLE_TRANSACTION_ID,
		.vec = vec,
		.vec_count = vec_count,
	};

	if (type == PACKET_DATA_TRANSFER_PAGES) {
		out.ranges = sample_transfer_ranges;
		out.range_bytes = (u32)sizeof(sample_transfer_ranges);
		out.range_count = SAMPLE_TRANSFER_RANGES;
		out.transfer_pageset = 0xcafe;
		out.sender_owns_set = true;
	} else if (type == PACKET_DATA_GPA_DIRECT) {
		out.ranges = &sample_gpa_ranges;
		out.range_bytes = sizeof(sample_gpa_ranges);
		out.range_count = 2;
	}
	return out;
}

void sample_check_transfer_ranges(const struct packet_view *view)
{
	struct packet_transfer_range range;
	u32 i;

	assert_int_equal(view->transfer_pageset, 0xcafe);
	assert_int_equal(view->range_count, SAMPLE_TRANSFER_RANGES);
	for (i = 0; i < view->range_count; i++) {
		assert_true(packet_transfer_range(view, i, &range));
		assert_memory_equal(&range, &sample_transfer_ranges[i],
				    sizeof(range));
	}
	assert_false(packet_transfer_range(view, i, &range));
	assert_false(packet_transfer_range(view, ~0u, &range));
}

void sample_check_gpa_ranges(const struct packet_view *view)
{
	struct packet_gpa_range range;
	u32 cursor_bytes = 0;

	assert_int_equal(view->range_count, 2);
	assert_true(packet_next_gpa_range(view, &cursor_bytes, &range));
	assert_int_equal(range.size_bytes, 2 * 4096);
	assert_int_equal(range.offset_bytes, 4095);
	assert_int_equal(range.pfn_count, 3);
	assert_true(packet_gpa_pfn(&range, 1) == 0xffffffffffffffff);
	assert_true(packet_gpa_pfn(&range, 2) == 9);
	assert_true(packet_next_gpa_range(view, &cursor_bytes, &range));
	assert_int_equal(range.pfn_count, 1);
	assert_true(packet_gpa_pfn(&range, 0) == 42);
	assert_false(packet_next_gpa_range(view, &cursor_bytes, &range));
}
