/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Packets of every type at every place of a ring. */
#include "tests/unit/vmbus/ring_pair.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/vmbus/sample_packet.h"

/* Bytes at @index of the ring, as a peer with a plain mapping sees them. */
static void ring_bytes(const struct ring_pair *pair, u32 index, void *to,
		       u32 count)
{
	u8 *out = to;
	u32 i;

	for (i = 0; i < count; i++)
		out[i] = pair->memory
				 .data[(index + i) % pair->memory.size_bytes];
}

static void check_view(const struct ring_pair *pair,
		       const struct packet_view *view, u16 type)
{
	u32 padded = (SAMPLE_PAYLOAD_BYTES + 7) & ~7u;
	struct packet_transfer_range range;
	struct packet_gpa_range gpa_range;
	u64 trailer;
	u32 cursor_bytes = 0;

	assert_int_equal(view->type, type);
	assert_int_equal(view->flags, PACKET_FLAG_COMPLETION_REQUESTED);
	assert_true(view->transaction_id == SAMPLE_TRANSACTION_ID);
	assert_int_equal(view->payload_bytes, padded);
	assert_memory_equal(view->payload, sample_payload,
			    SAMPLE_PAYLOAD_BYTES);
	/* Padding is zero, not what the ring held before. */
	for (u32 i = SAMPLE_PAYLOAD_BYTES; i < padded; i++)
		assert_int_equal(view->payload[i], 0);
	ring_bytes(pair, pair->rx.local + view->total_bytes - 8, &trailer, 8);
	assert_true(trailer == (u64)pair->rx.local << 32);
	if (type == PACKET_DATA_TRANSFER_PAGES)
		sample_check_transfer_ranges(view);
	else
		assert_false(packet_transfer_range(view, 0, &range));
	if (type == PACKET_DATA_GPA_DIRECT)
		sample_check_gpa_ranges(view);
	else
		assert_false(
			packet_next_gpa_range(view, &cursor_bytes, &gpa_range));
	if (type != PACKET_DATA_TRANSFER_PAGES)
		assert_int_equal(view->transfer_pageset, 0);
	if (type != PACKET_DATA_TRANSFER_PAGES &&
	    type != PACKET_DATA_GPA_DIRECT) {
		assert_null(view->ranges);
		assert_int_equal(view->range_bytes, 0);
		assert_int_equal(view->range_count, 0);
	}
}

/* Whether @view's sample_payload is in the ring itself. */
static bool payload_in_ring(const struct ring_pair *pair,
			    const struct packet_view *view)
{
	u32 mapped = pair->memory.size_bytes * (pair->memory.mirrored ? 2 : 1);

	return view->payload >= pair->memory.data &&
	       view->payload + view->payload_bytes <=
		       pair->memory.data + mapped;
}

static void round_trip(struct ring_pair *pair, u16 type, u32 start,
		       const struct ring_vec *vec, u32 vec_count)
{
	struct packet_out out = sample_packet(type, vec, vec_count);
	u32 payload_start, header_bytes;
	struct packet_view view;
	bool wraps;

	ring_pair_reset(pair, start);
	assert_int_equal(packet_write(&pair->tx, &out), VMBUS_OK);
	assert_int_equal(packet_peek(&pair->rx, &view, pair->bounce,
				     sizeof(pair->bounce)),
			 VMBUS_AGAIN);
	assert_true(ring_publish(&pair->tx));
	assert_int_equal(packet_peek(&pair->rx, &view, pair->bounce,
				     sizeof(pair->bounce)),
			 VMBUS_OK);
	header_bytes = out.range_bytes ? 8 + out.range_bytes : 0;
	assert_int_equal(view.total_bytes,
			 packet_ring_bytes(header_bytes, SAMPLE_PAYLOAD_BYTES));
	check_view(pair, &view, type);
	payload_start = (start + 16 + header_bytes) % pair->memory.size_bytes;
	wraps = payload_start + view.payload_bytes > pair->memory.size_bytes;
	assert_int_equal(payload_in_ring(pair, &view),
			 pair->memory.mirrored || !wraps);

	assert_int_equal(packet_peek_copy(&pair->rx, &view, pair->bounce,
					  sizeof(pair->bounce)),
			 VMBUS_OK);
	check_view(pair, &view, type);
	assert_false(payload_in_ring(pair, &view));

	packet_consume(&pair->rx, &view);
	assert_int_equal(packet_peek(&pair->rx, &view, pair->bounce,
				     sizeof(pair->bounce)),
			 VMBUS_AGAIN);
	assert_false(ring_release(&pair->rx));
	assert_int_equal(ring_free_bytes(&pair->tx),
			 pair->memory.size_bytes - 8);
}

/* Every type from every offset of the ring: each field meets the ring's end. */
static void test_round_trips(void **state)
{
	static const struct ring_vec whole[] = {
		{ sample_payload, SAMPLE_PAYLOAD_BYTES },
	};
	static const struct ring_vec pieces[] = {
		{ sample_payload, 5 },
		{ NULL, 0 },
		{ sample_payload + 5, SAMPLE_PAYLOAD_BYTES - 5 },
	};
	struct ring_pair *pair = *state;
	u32 start;
	u16 type;

	for (type = PACKET_DATA_INBAND; type <= PACKET_ADDITIONAL_DATA; type++)
		for (start = 0; start < pair->memory.size_bytes; start += 8) {
			round_trip(pair, type, start, whole, 1);
			round_trip(pair, type, start, pieces, 3);
		}
}

/* Every way to cut a sample_payload in three, at a place where it wraps. */
static void test_vectors(void **state)
{
	struct ring_pair *pair = *state;
	u32 first, second;

	for (first = 0; first <= SAMPLE_PAYLOAD_BYTES; first++) {
		for (second = first; second <= SAMPLE_PAYLOAD_BYTES; second++) {
			struct ring_vec vec[] = {
				{ sample_payload, first },
				{ sample_payload + first, second - first },
				{ sample_payload + second,
				  SAMPLE_PAYLOAD_BYTES - second },
			};
			struct packet_out out = sample_packet(
				PACKET_COMPLETION, vec, PORT_ARRAY_SIZE(vec));
			struct packet_view view;

			ring_pair_reset(pair, pair->memory.size_bytes - 40);
			assert_int_equal(packet_write(&pair->tx, &out),
					 VMBUS_OK);
			ring_publish(&pair->tx);
			assert_int_equal(packet_peek(&pair->rx, &view,
						     pair->bounce,
						     RING_PAIR_BYTES),
					 VMBUS_OK);
			check_view(pair, &view, PACKET_COMPLETION);
		}
	}
}

/* Every length up to past the pieces that copies are made of. */
static void test_lengths(void **state)
{
	static u8 body[2100];
	struct ring_pair *pair = *state;
	struct ring_vec vec = { body, 0 };
	struct packet_out out = { .type = PACKET_DATA_INBAND,
				  .vec = &vec,
				  .vec_count = 1 };
	struct packet_view view;
	u32 i;

	for (i = 0; i < sizeof(body); i++)
		body[i] = (u8)(i * 7 + i / 256);
	for (i = 0; i <= sizeof(body); i++) {
		ring_pair_reset(pair, 8 * (i % 512));
		vec.size_bytes = i;
		assert_int_equal(packet_write(&pair->tx, &out), VMBUS_OK);
		ring_publish(&pair->tx);
		assert_int_equal(packet_peek_copy(&pair->rx, &view,
						  pair->bounce,
						  sizeof(pair->bounce)),
				 VMBUS_OK);
		assert_int_equal(view.payload_bytes, (i + 7) & ~7u);
		assert_memory_equal(view.payload, body, i);
		for (u32 k = i; k < view.payload_bytes; k++)
			assert_int_equal(view.payload[k], 0);
	}
}

static void check_wire(struct ring_pair *pair, u16 type, const u8 *expected,
		       u32 expected_bytes)
{
	static const u8 body[3] = { 0xb1, 0xb2, 0xb3 };
	struct ring_vec vec = { body, sizeof(body) };
	struct packet_out out = sample_packet(type, &vec, 1);
	u8 found[256];

	ring_pair_reset(pair, 8);
	if (type == PACKET_DATA_TRANSFER_PAGES) {
		out.range_count = 1;
		out.range_bytes = 8;
	} else if (type == PACKET_DATA_GPA_DIRECT) {
		out.ranges = &sample_gpa_ranges.second;
		out.range_count = 1;
		out.range_bytes = 16;
	}
	assert_int_equal(packet_write(&pair->tx, &out), VMBUS_OK);
	ring_publish(&pair->tx);
	assert_int_equal(pair->memory.header->write_index, 8 + expected_bytes);
	ring_bytes(pair, 8, found, expected_bytes);
	assert_memory_equal(found, expected, expected_bytes);
}

/* The layouts of linux/hyperv.h, byte by byte. */
static void test_wire_bytes(void **state)
{
	static const u8 inband[] = {
		6,    0,    2,	  0,	3,    0,    1,	  0, /* type ... flags
							      */
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0xb1,
		0xb2, 0xb3, 0,	  0,	0,    0,    0,	  0,	0,
		0,    0,    8,	  0,	0,    0, /* trailer */
	};
	static const u8 transfer[] = {
		7,    0,    4,	  0,	5,    0,    1,	  0,
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
		0xfe, 0xca, 1,	  0,	1,    0,    0,	  0, /* set, count */
		0xdc, 5,    0,	  0,	0,    0,    0,	  0, /* size, offset */
		0xb1, 0xb2, 0xb3, 0,	0,    0,    0,	  0,
		0,    0,    0,	  0,	8,    0,    0,	  0,
	};
	static const u8 gpa[] = {
		9,    0,    5,	  0, 6, 0, 1, 0, 0x88, 0x77, 0x66, 0x55, 0x44,
		0x33, 0x22, 0x11, 0, 0, 0, 0, 1, 0,    0,    0, /* count */
		1,    0,    0,	  0, 0, 0, 0, 0, /* size, offset */
		42,   0,    0,	  0, 0, 0, 0, 0, /* page */
		0xb1, 0xb2, 0xb3, 0, 0, 0, 0, 0, 0,    0,    0,	   0,	 8,
		0,    0,    0,
	};
	struct ring_pair *pair = *state;

	check_wire(pair, PACKET_DATA_INBAND, inband, sizeof(inband));
	check_wire(pair, PACKET_DATA_TRANSFER_PAGES, transfer,
		   sizeof(transfer));
	check_wire(pair, PACKET_DATA_GPA_DIRECT, gpa, sizeof(gpa));
}

static void test_empty_payload(void **state)
{
	struct packet_out out = { .type = PACKET_COMPLETION,
				  .transaction_id = 3 };
	struct ring_pair *pair = *state;
	struct packet_view view;
	u32 start;

	for (start = 0; start < pair->memory.size_bytes; start += 8) {
		ring_pair_reset(pair, start);
		assert_int_equal(packet_write(&pair->tx, &out), VMBUS_OK);
		ring_publish(&pair->tx);
		assert_int_equal(packet_peek_copy(&pair->rx, &view, NULL, 0),
				 VMBUS_OK);
		assert_int_equal(packet_peek(&pair->rx, &view, NULL, 0),
				 VMBUS_OK);
		assert_int_equal(view.payload_bytes, 0);
		assert_int_equal(view.total_bytes, 24);
		assert_true(view.transaction_id == 3);
	}
}

static void test_batches(void **state)
{
	struct ring_pair *pair = *state;
	u32 turn, i, size_bytes;
	struct packet_view view;
	u8 body[64];

	for (turn = 0; turn < 200; turn++) {
		for (i = 0; i < 32; i++) {
			struct ring_vec vec = { body, (turn + i) % 65 };
			struct packet_out out = { .type = PACKET_DATA_INBAND,
						  .transaction_id = i,
						  .vec = &vec,
						  .vec_count = 1 };

			memset(body, (int)(turn + i), sizeof(body));
			assert_int_equal(packet_write(&pair->tx, &out),
					 VMBUS_OK);
		}
		assert_true(ring_publish(&pair->tx));
		for (i = 0; i < 32; i++) {
			assert_int_equal(packet_peek(&pair->rx, &view,
						     pair->bounce,
						     RING_PAIR_BYTES),
					 VMBUS_OK);
			assert_true(view.transaction_id == i);
			size_bytes = (turn + i) % 65;
			memset(body, (int)(turn + i), sizeof(body));
			assert_int_equal(view.payload_bytes,
					 (size_bytes + 7) & ~7u);
			assert_memory_equal(view.payload, body, size_bytes);
			packet_consume(&pair->rx, &view);
		}
		ring_release(&pair->rx);
	}
}

/* One packet as long as the ring takes, and as long as the length field says.
 */
static void test_longest(void **state)
{
	struct ring_pair *pair = *state;
	u32 ring_most = pair->memory.size_bytes - 8 - 24;
	u32 wire_most = PACKET_MAX_BYTES - 16;
	u32 most = ring_most < wire_most ? ring_most : wire_most;
	u8 *bytes = calloc(1, PACKET_MAX_BYTES);
	u8 *bounce = calloc(1, PACKET_MAX_BYTES);
	struct ring_vec vec = { bytes, most };
	struct packet_out out = { .type = PACKET_DATA_INBAND,
				  .vec = &vec,
				  .vec_count = 1 };
	struct packet_view view;

	assert_non_null(bytes);
	assert_non_null(bounce);
	bytes[most - 1] = 0x5a;
	ring_pair_reset(pair, pair->memory.size_bytes - 24);
	assert_int_equal(packet_write(&pair->tx, &out), VMBUS_OK);
	ring_publish(&pair->tx);
	assert_int_equal(
		packet_peek(&pair->rx, &view, bounce, PACKET_MAX_BYTES),
		VMBUS_OK);
	assert_int_equal(view.payload_bytes, most);
	assert_int_equal(view.payload[most - 1], 0x5a);
	packet_consume(&pair->rx, &view);
	ring_release(&pair->rx);

	vec.size_bytes = most + 1;
	assert_int_equal(packet_write(&pair->tx, &out),
			 ring_most < wire_most ? VMBUS_E_RING_TOO_SMALL
					       : VMBUS_BAD_ARGUMENT);
	free(bytes);
	free(bounce);
}

static void test_ring_bytes(void **state)
{
	(void)state;
	assert_int_equal(packet_ring_bytes(0, 0), 24);
	assert_int_equal(packet_ring_bytes(0, 1), 32);
	assert_int_equal(packet_ring_bytes(16, 8), 48);
	assert_int_equal(packet_ring_bytes(0, ~0u), ~0u);
	assert_int_equal(packet_ring_bytes(~0u, ~0u), ~0u);
}

static void test_no_ranges(void **state)
{
	static const u16 types[] = { PACKET_DATA_TRANSFER_PAGES,
				     PACKET_DATA_GPA_DIRECT };
	struct ring_vec vec = { sample_payload, 8 };
	struct ring_pair *pair = *state;
	struct packet_view view;
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(types); i++) {
		struct packet_out out = { .type = types[i],
					  .vec = &vec,
					  .vec_count = 1 };

		ring_pair_reset(pair, 0);
		assert_int_equal(packet_write(&pair->tx, &out), VMBUS_OK);
		ring_publish(&pair->tx);
		assert_int_equal(packet_peek(&pair->rx, &view, NULL, 0),
				 VMBUS_OK);
		assert_int_equal(view.range_count, 0);
		assert_int_equal(view.payload_bytes, 8);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring_bytes),
		ON_PLAIN(test_round_trips),
		ON_MIRRORED(test_round_trips),
		ON_SMALL(test_round_trips),
		ON_PLAIN(test_lengths),
		ON_MIRRORED(test_lengths),
		ON_PLAIN(test_vectors),
		ON_MIRRORED(test_vectors),
		ON_PLAIN(test_wire_bytes),
		ON_MIRRORED(test_wire_bytes),
		ON_PLAIN(test_empty_payload),
		ON_MIRRORED(test_empty_payload),
		ON_PLAIN(test_batches),
		ON_MIRRORED(test_batches),
		ON_PLAIN(test_longest),
		ON_MIRRORED(test_longest),
		ON_SMALL(test_longest),
		ON_LARGE(test_longest),
		ON_PLAIN(test_no_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
