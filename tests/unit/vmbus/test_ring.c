/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Indices, space, signals and flow control of a ring. */
#include "tests/unit/vmbus/ring_pair.h"

#include <string.h>

static void test_format(void **state)
{
	static u32 page[RING_HEADER_BYTES / 4];
	struct ring_header *header = (void *)page;
	u32 i;

	(void)state;
	memset(page, 0xa5, sizeof(page));
	ring_format(page);
	assert_int_equal(header->feature_bits, RING_FEATURE_PENDING_SEND_SIZE);
	for (i = 0; i < RING_HEADER_BYTES / 4; i++)
		assert_int_equal(page[i], i == 16);
}

static void test_attach_in_use(void **state)
{
	struct ring_pair *pair = *state;
	struct ring_memory *memory = &pair->memory;

	assert_int_equal(ring_pair_write(&pair->tx), VMBUS_OK);
	assert_int_equal(ring_pair_write(&pair->tx), VMBUS_OK);
	ring_publish(&pair->tx);
	ring_pair_read(&pair->rx, 1);
	ring_release(&pair->rx);

	assert_int_equal(ring_init_writer(&pair->tx, memory->header,
					  memory->data, RING_PAIR_BYTES,
					  memory->mirrored),
			 VMBUS_OK);
	assert_int_equal(ring_init_reader(&pair->rx, memory->header,
					  memory->data, RING_PAIR_BYTES,
					  memory->mirrored),
			 VMBUS_OK);
	assert_int_equal(ring_used_bytes(&pair->rx), RING_PAIR_PACKET_BYTES);
	assert_int_equal(ring_free_bytes(&pair->tx),
			 RING_PAIR_BYTES - 8 - RING_PAIR_PACKET_BYTES);
	assert_int_equal(ring_pair_write(&pair->tx), VMBUS_OK);
	ring_publish(&pair->tx);
	ring_pair_read(&pair->rx, 2);
	assert_true(ring_empty(&pair->rx));
}

static void test_feature_bit(void **state)
{
	struct ring_pair *pair = *state;
	struct ring_header *header = pair->memory.header;

	assert_true(ring_peer_signals_space(&pair->tx));
	/* Other features are not ours to take away. */
	header->feature_bits = 0x80;
	assert_int_equal(ring_init_writer(&pair->tx, header, pair->memory.data,
					  RING_PAIR_BYTES, false),
			 VMBUS_OK);
	assert_false(ring_peer_signals_space(&pair->tx));
	assert_int_equal(header->feature_bits, 0x81);
	header->feature_bits = 0x80;
	assert_int_equal(ring_init_reader(&pair->rx, header, pair->memory.data,
					  RING_PAIR_BYTES, false),
			 VMBUS_OK);
	assert_int_equal(header->feature_bits, 0x81);
}

static void test_nothing_to_do(void **state)
{
	struct ring_pair *pair = *state;

	pair->memory.header->pending_send_bytes = 8;
	assert_false(ring_publish(&pair->tx));
	assert_false(ring_release(&pair->rx));
	assert_int_equal(pair->memory.header->write_index, 0);
	assert_int_equal(pair->memory.header->read_index, 0);
	assert_true(ring_empty(&pair->rx));
	assert_int_equal(ring_used_bytes(&pair->rx), 0);
	assert_int_equal(ring_free_bytes(&pair->tx), RING_PAIR_BYTES - 8);
}

/* The bytes in use come to one word less than the ring, never to all of it. */
static void test_never_full(void **state)
{
	struct ring_pair *pair = *state;
	struct ring_header *header = pair->memory.header;
	struct packet_out out = { .type = PACKET_DATA_INBAND };
	u32 start, count;

	for (start = 0; start < RING_PAIR_BYTES; start += 24) {
		count = 0;
		while (packet_write(&pair->tx, &out) == VMBUS_OK)
			count++;
		ring_publish(&pair->tx);
		assert_int_equal(count, (RING_PAIR_BYTES - 8) / 24);
		assert_int_not_equal(header->write_index, header->read_index);
		assert_int_equal(ring_used_bytes(&pair->rx), count * 24);
		assert_int_equal(ring_free_bytes(&pair->tx),
				 RING_PAIR_BYTES - 8 - count * 24);
		ring_pair_read(&pair->rx, count);
		ring_release(&pair->rx);
		assert_true(ring_empty(&pair->rx));
		/* Begin the next turn elsewhere. */
		assert_int_equal(packet_write(&pair->tx, &out), VMBUS_OK);
		ring_publish(&pair->tx);
		ring_pair_read(&pair->rx, 1);
		ring_release(&pair->rx);
	}
}

static void test_reserve_limits(void **state)
{
	struct ring_pair *pair = *state;
	struct ring_header *header = pair->memory.header;

	assert_int_equal(ring_reserve(&pair->tx, 0), VMBUS_OK);
	assert_int_equal(ring_reserve(&pair->tx, RING_PAIR_BYTES - 8),
			 VMBUS_OK);
	assert_int_equal(ring_reserve(&pair->tx, RING_PAIR_BYTES - 7),
			 VMBUS_E_RING_TOO_SMALL);
	assert_int_equal(ring_reserve(&pair->tx, ~0u), VMBUS_E_RING_TOO_SMALL);
	assert_int_equal(header->pending_send_bytes, 0);
	assert_int_equal(ring_pair_write(&pair->tx), VMBUS_OK);
	/* One byte more than there is, and what is waited for is a multiple. */
	assert_int_equal(
		ring_reserve(&pair->tx,
			     RING_PAIR_BYTES - 8 - RING_PAIR_PACKET_BYTES + 1),
		VMBUS_AGAIN);
	assert_int_equal(header->pending_send_bytes,
			 RING_PAIR_BYTES - RING_PAIR_PACKET_BYTES);
}

static void test_batch_is_published_once(void **state)
{
	struct ring_pair *pair = *state;
	struct ring_header *header = pair->memory.header;
	u32 i;

	for (i = 0; i < 10; i++) {
		assert_int_equal(ring_pair_write(&pair->tx), VMBUS_OK);
		assert_int_equal(header->write_index, 0);
	}
	assert_true(ring_empty(&pair->rx));
	assert_true(ring_publish(&pair->tx));
	assert_int_equal(header->write_index, 10 * RING_PAIR_PACKET_BYTES);
	for (i = 0; i < 10; i++) {
		ring_pair_read(&pair->rx, 1);
		assert_int_equal(header->read_index, 0);
	}
	ring_release(&pair->rx);
	assert_int_equal(header->read_index, 10 * RING_PAIR_PACKET_BYTES);
}

static void test_signal_only_from_empty(void **state)
{
	struct ring_pair *pair = *state;

	ring_pair_write(&pair->tx);
	assert_true(ring_publish(&pair->tx)); /* was empty */
	ring_pair_write(&pair->tx);
	assert_false(ring_publish(&pair->tx)); /* nothing read yet */
	ring_pair_read(&pair->rx, 1);
	ring_release(&pair->rx);
	ring_pair_write(&pair->tx);
	assert_false(ring_publish(&pair->tx)); /* one was left */
	ring_pair_read(&pair->rx, 2);
	ring_release(&pair->rx);
	ring_pair_write(&pair->tx);
	assert_true(ring_publish(&pair->tx)); /* empty again */
}

/* Read but not released: for the writer it is not empty, so the reader looks.
 */
static void test_unreleased_is_not_empty(void **state)
{
	struct ring_pair *pair = *state;

	ring_pair_write(&pair->tx);
	ring_publish(&pair->tx);
	ring_pair_read(&pair->rx, 1);
	ring_pair_write(&pair->tx);
	assert_false(ring_publish(&pair->tx));
	ring_release(&pair->rx);
	assert_false(ring_empty(&pair->rx));
	ring_pair_read(&pair->rx, 1);
}

static void test_mask(void **state)
{
	struct ring_pair *pair = *state;
	struct ring_header *header = pair->memory.header;

	ring_mask(&pair->rx);
	assert_int_not_equal(header->interrupt_mask, 0);
	ring_pair_write(&pair->tx);
	assert_false(ring_publish(&pair->tx));
	/* It slipped in while nobody was told. */
	assert_true(ring_unmask(&pair->rx));
	assert_int_equal(header->interrupt_mask, 0);
	ring_pair_read(&pair->rx, 1);
	ring_release(&pair->rx);
	assert_false(ring_unmask(&pair->rx));
	ring_pair_write(&pair->tx);
	assert_true(ring_publish(&pair->tx));
	/* Any value but 0 masks. */
	ring_pair_read(&pair->rx, 1);
	ring_release(&pair->rx);
	header->interrupt_mask = 0x80000000;
	ring_pair_write(&pair->tx);
	assert_false(ring_publish(&pair->tx));
}

static void test_writer_waits_for_space(void **state)
{
	struct ring_pair *pair = *state;
	struct ring_header *header = pair->memory.header;
	u32 count = ring_pair_fill(&pair->tx);

	assert_int_equal(count, (RING_PAIR_BYTES - 8) / RING_PAIR_PACKET_BYTES);
	assert_int_equal(header->pending_send_bytes, RING_PAIR_PACKET_BYTES);
	/* What was staged is out, and its signal decision still to be had. */
	assert_int_equal(header->write_index, count * RING_PAIR_PACKET_BYTES);
	assert_true(ring_publish(&pair->tx));
	assert_false(ring_publish(&pair->tx));

	/* The mask says nothing about space. */
	ring_mask(&pair->rx);
	ring_pair_read(&pair->rx, 1);
	assert_true(ring_release(&pair->rx));
	assert_int_equal(header->pending_send_bytes, RING_PAIR_PACKET_BYTES);
	assert_int_equal(ring_pair_write(&pair->tx), VMBUS_OK);
	assert_int_equal(header->pending_send_bytes, 0);
	assert_int_equal(ring_pair_write(&pair->tx), VMBUS_AGAIN);
	assert_int_equal(header->pending_send_bytes, RING_PAIR_PACKET_BYTES);
}

/* Space that appeared unnoticed is found without waiting. */
static void test_writer_looks_before_it_waits(void **state)
{
	struct ring_pair *pair = *state;
	u32 count = ring_pair_fill(&pair->tx);

	ring_pair_read(&pair->rx, count);
	ring_release(&pair->rx);
	pair->memory.header->pending_send_bytes = 0;
	pair->tx.waiting = false;
	assert_int_equal(ring_pair_write(&pair->tx), VMBUS_OK);
	assert_int_equal(pair->memory.header->pending_send_bytes, 0);
}

/*
 * A writer that stages, runs out of space and waits must not have the reader
 * reckon with the index from before the staging.
 */
static void test_waiting_publishes_first(void **state)
{
	struct ring_pair *pair = *state;
	u32 half = (RING_PAIR_BYTES - 8) / RING_PAIR_PACKET_BYTES / 2;
	u32 i;

	for (i = 0; i < half; i++)
		assert_int_equal(ring_pair_write(&pair->tx), VMBUS_OK);
	ring_publish(&pair->tx);
	ring_pair_fill(&pair->tx);
	ring_pair_read(&pair->rx, 1);
	assert_true(ring_release(&pair->rx));
}

static void check_crossing(struct ring_pair *pair, u32 pending_bytes,
			   u32 written, u32 first, u32 second, bool expected)
{
	u32 i;

	pair->memory.header->pending_send_bytes = 0;
	for (i = 0; i < written; i++)
		assert_int_equal(ring_pair_write(&pair->tx), VMBUS_OK);
	ring_publish(&pair->tx);
	ring_pair_read(&pair->rx, first);
	ring_release(&pair->rx);
	pair->memory.header->pending_send_bytes = pending_bytes;
	ring_pair_read(&pair->rx, second);
	assert_int_equal(ring_release(&pair->rx), expected);
	pair->memory.header->pending_send_bytes = 0;
	ring_pair_read(&pair->rx, written - first - second);
	ring_release(&pair->rx);
}

static void test_reader_crossing(void **state)
{
	static const struct {
		u32 pending_bytes, written, first, second;
		bool expected;
	} rows[] = {
		{ 0, 30, 0, 30, false }, /* nobody waits */
		{ RING_PAIR_PACKET_BYTES, 31, 0, 1,
		  true }, /* 128 free, then 256 */
		{ RING_PAIR_PACKET_BYTES, 30, 0, 1,
		  false },		   /* 256 were free before */
		{ 1024, 31, 0, 7, false }, /* exactly 1024: not more */
		{ 1016, 31, 0, 7, true },
		{ 1024, 31, 0, 8, true },
		{ 1024, 31, 7, 1, true },  /* from exactly to more */
		{ 1024, 31, 8, 1, false }, /* crossed already */
		{ 1024, 31, 0, 31, true },
		{ RING_PAIR_BYTES - 8, 31, 0, 30, false },
		{ RING_PAIR_BYTES - 8, 31, 30, 1, true },
		{ RING_PAIR_BYTES - 1, 31, 30, 1,
		  true }, /* "when all is free" */
		{ RING_PAIR_BYTES, 31, 30, 1, true },
		{ ~0u, 31, 30, 1, true },
		{ ~0u, 31, 0, 30, false },
		{ 1, 31, 0, 1, false },
	};
	struct ring_pair *pair = *state;
	u32 i, turn;

	/* Several turns: the rows meet the end of the ring elsewhere. */
	for (turn = 0; turn < 5; turn++)
		for (i = 0; i < PORT_ARRAY_SIZE(rows); i++)
			check_crossing(pair, rows[i].pending_bytes,
				       rows[i].written, rows[i].first,
				       rows[i].second, rows[i].expected);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		ON_PLAIN(test_attach_in_use),
		ON_MIRRORED(test_attach_in_use),
		ON_PLAIN(test_feature_bit),
		ON_MIRRORED(test_feature_bit),
		ON_PLAIN(test_nothing_to_do),
		ON_MIRRORED(test_nothing_to_do),
		ON_PLAIN(test_never_full),
		ON_MIRRORED(test_never_full),
		ON_PLAIN(test_reserve_limits),
		ON_MIRRORED(test_reserve_limits),
		ON_PLAIN(test_batch_is_published_once),
		ON_MIRRORED(test_batch_is_published_once),
		ON_PLAIN(test_signal_only_from_empty),
		ON_MIRRORED(test_signal_only_from_empty),
		ON_PLAIN(test_unreleased_is_not_empty),
		ON_MIRRORED(test_unreleased_is_not_empty),
		ON_PLAIN(test_mask),
		ON_MIRRORED(test_mask),
		ON_PLAIN(test_writer_waits_for_space),
		ON_MIRRORED(test_writer_waits_for_space),
		ON_PLAIN(test_writer_looks_before_it_waits),
		ON_MIRRORED(test_writer_looks_before_it_waits),
		ON_PLAIN(test_waiting_publishes_first),
		ON_MIRRORED(test_waiting_publishes_first),
		ON_PLAIN(test_reader_crossing),
		ON_MIRRORED(test_reader_crossing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
