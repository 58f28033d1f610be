/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Packets that are malformed or lie, and packets that we must not write. */
#include "tests/unit/vmbus/ring_pair.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/vmbus/sample_packet.h"

/* Put raw bytes at the writer's place and publish them as a peer would. */
static void raw_packet(struct ring_pair *pair, const void *bytes, u32 count,
		       u32 published_bytes)
{
	const u8 *from = bytes;
	u32 size_bytes = pair->memory.size_bytes;
	u32 start = pair->rx.local;
	u32 i;

	for (i = 0; i < count; i++)
		pair->memory.data[(start + i) % size_bytes] = from[i];
	pair->memory.header->write_index =
		(start + published_bytes) % size_bytes;
}

static void test_write_arguments(void **state)
{
	struct ring_vec vec[] = { { sample_payload, ~0u },
				  { sample_payload, ~0u } };
	struct ring_pair *pair = *state;
	struct packet_out out;
	u32 i;

	/* A sum that would come out small in 32 bits. */
	out = sample_packet(PACKET_DATA_INBAND, vec, 2);
	assert_int_equal(packet_write(&pair->tx, &out), VMBUS_BAD_ARGUMENT);
	/* Ranges where none belong. */
	out = sample_packet(PACKET_DATA_TRANSFER_PAGES, NULL, 0);
	out.type = PACKET_DATA_INBAND;
	assert_int_equal(packet_write(&pair->tx, &out), VMBUS_BAD_ARGUMENT);
	/* Counts that the bytes do not bear out. */
	for (i = 0; i < 6; i++) {
		if (i == 3)
			continue;
		out = sample_packet(PACKET_DATA_TRANSFER_PAGES, NULL, 0);
		out.range_count = i;
		assert_int_equal(packet_write(&pair->tx, &out),
				 VMBUS_BAD_ARGUMENT);
		if (i == 2)
			continue;
		out = sample_packet(PACKET_DATA_GPA_DIRECT, NULL, 0);
		out.range_count = i;
		assert_int_equal(packet_write(&pair->tx, &out),
				 VMBUS_BAD_ARGUMENT);
	}
	out = sample_packet(PACKET_DATA_GPA_DIRECT, NULL, 0);
	out.range_bytes = ~7u;
	assert_int_equal(packet_write(&pair->tx, &out), VMBUS_BAD_ARGUMENT);
	assert_int_equal(pair->tx.local, 0);
	assert_int_equal(ring_free_bytes(&pair->tx),
			 pair->memory.size_bytes - 8);
}

/* type, offset8, length8, bytes published; each word in a row of its own. */
static void check_descriptor(struct ring_pair *pair, u16 type, u32 offset8,
			     u32 length8, u32 published_bytes,
			     enum vmbus_status expected)
{
	struct packet_descriptor descriptor = {
		.type = type,
		.offset8 = (u16)offset8,
		.length8 = (u16)length8,
	};
	struct packet_view view;
	u32 start;

	for (start = 0; start < pair->memory.size_bytes; start += 8) {
		ring_pair_reset(pair, start);
		memset(pair->memory.data, 0, pair->memory.size_bytes);
		raw_packet(pair, &descriptor, sizeof(descriptor),
			   published_bytes);
		assert_int_equal(packet_peek(&pair->rx, &view, pair->bounce,
					     sizeof(pair->bounce)),
				 expected);
		assert_int_equal(packet_peek_copy(&pair->rx, &view,
						  pair->bounce,
						  sizeof(pair->bounce)),
				 expected);
	}
}

static void test_lying_descriptors(void **state)
{
	static const struct {
		u16 type;
		u32 offset8, length8, published_bytes;
		enum vmbus_status expected;
	} rows[] = {
		{ 6, 2, 2, 24, VMBUS_OK },
		{ 6, 2, 2, 8, VMBUS_E_PACKET_TRUNCATED },
		{ 6, 2, 2, 16, VMBUS_E_PACKET_TRUNCATED },
		{ 6, 2, 3, 24, VMBUS_E_PACKET_TRUNCATED },
		{ 6, 2, 3, 32, VMBUS_OK },
		{ 6, 2, 3, 40, VMBUS_OK },
		{ 6, 2, 0xffff, 64, VMBUS_E_PACKET_TRUNCATED },
		{ 6, 0xffff, 0xffff, 64, VMBUS_E_PACKET_TRUNCATED },
		{ 6, 0, 0, 64, VMBUS_E_PACKET_LENGTH },
		{ 6, 2, 0, 64, VMBUS_E_PACKET_LENGTH },
		{ 6, 1, 1, 64, VMBUS_E_PACKET_LENGTH },
		{ 6, 0, 4, 64, VMBUS_E_PACKET_OFFSET },
		{ 6, 1, 4, 64, VMBUS_E_PACKET_OFFSET },
		{ 6, 5, 4, 64, VMBUS_E_PACKET_OFFSET },
		{ 6, 0xffff, 4, 64, VMBUS_E_PACKET_OFFSET },
		{ 6, 4, 4, 64, VMBUS_OK },
		{ 7, 2, 4, 64, VMBUS_E_PACKET_RANGES },
		{ 9, 2, 4, 64, VMBUS_E_PACKET_RANGES },
		{ 7, 3, 4, 64, VMBUS_OK }, /* a count of 0 */
		{ 9, 4, 4, 64, VMBUS_OK },
		{ 0, 2, 4, 64, VMBUS_OK }, /* types are the service's affair */
		{ 0xffff, 2, 4, 64, VMBUS_OK },
	};
	struct ring_pair *pair = *state;
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++)
		check_descriptor(pair, rows[i].type, rows[i].offset8,
				 rows[i].length8, rows[i].published_bytes,
				 rows[i].expected);
}

/* Every length and offset against every amount published: never a guess. */
static void test_all_lengths(void **state)
{
	struct ring_pair *pair = *state;
	u32 most8 = pair->memory.size_bytes / 8;
	u32 offset8, length8, published8;
	enum vmbus_status expected;
	struct packet_view view;

	for (published8 = 1; published8 < most8; published8++) {
		for (length8 = 0; length8 <= most8; length8++) {
			for (offset8 = 0; offset8 <= most8; offset8++) {
				struct packet_descriptor descriptor = {
					.type = PACKET_DATA_INBAND,
					.offset8 = (u16)offset8,
					.length8 = (u16)length8,
				};

				expected = VMBUS_OK;
				if (published8 < 3)
					expected = VMBUS_E_PACKET_TRUNCATED;
				else if (length8 < 2)
					expected = VMBUS_E_PACKET_LENGTH;
				else if (offset8 < 2 || offset8 > length8)
					expected = VMBUS_E_PACKET_OFFSET;
				else if (length8 + 1 > published8)
					expected = VMBUS_E_PACKET_TRUNCATED;
				ring_pair_reset(pair, 80);
				raw_packet(pair, &descriptor,
					   sizeof(descriptor), published8 * 8);
				assert_int_equal(
					packet_peek_copy(&pair->rx, &view,
							 pair->bounce,
							 RING_PAIR_BYTES),
					expected);
			}
		}
	}
}

struct raw_ranges {
	struct packet_descriptor descriptor;
	u32 low;
	u32 range_count;
	u32 words[12];
	u64 trailer;
};

static void check_ranges(struct ring_pair *pair, u16 type, u32 header_words,
			 u32 range_count, const u32 *words,
			 enum vmbus_status expected)
{
	struct raw_ranges raw = {
		.descriptor = { .type = type,
				.offset8 = (u16)(3 + header_words / 2),
				.length8 = (sizeof(raw) - 8) / 8 },
		.range_count = range_count,
	};
	struct packet_view view;
	u32 start;

	memcpy(raw.words, words, sizeof(raw.words));
	for (start = 0; start < pair->memory.size_bytes; start += 8) {
		ring_pair_reset(pair, start);
		raw_packet(pair, &raw, sizeof(raw), sizeof(raw));
		assert_int_equal(packet_peek(&pair->rx, &view, pair->bounce,
					     sizeof(pair->bounce)),
				 expected);
	}
}

static void test_lying_transfer_ranges(void **state)
{
	static const u32 words[12];
	struct ring_pair *pair = *state;

	check_ranges(pair, 7, 4, 2, words, VMBUS_OK);
	check_ranges(pair, 7, 4, 1, words, VMBUS_OK);
	check_ranges(pair, 7, 4, 3, words, VMBUS_E_PACKET_RANGES);
	check_ranges(pair, 7, 0, 1, words, VMBUS_E_PACKET_RANGES);
	check_ranges(pair, 7, 4, 0x20000000, words, VMBUS_E_PACKET_RANGES);
	check_ranges(pair, 7, 4, 0x20000002, words, VMBUS_E_PACKET_RANGES);
	check_ranges(pair, 7, 4, ~0u, words, VMBUS_E_PACKET_RANGES);
}

static void test_lying_gpa_ranges(void **state)
{
	static const struct {
		u32 header_words, range_count;
		u32 words[12];
		enum vmbus_status expected;
	} rows[] = {
		/* a size, an offset, and a page number of two words each */
		{ 4, 1, { 1, 0 }, VMBUS_OK },
		{ 4, 1, { 4096, 0 }, VMBUS_OK },
		{ 4, 1, { 4097, 0 }, VMBUS_E_PACKET_RANGES },
		{ 4, 1, { 4096, 1 }, VMBUS_E_PACKET_RANGES },
		{ 4, 1, { 1, 4095 }, VMBUS_OK },
		{ 4, 1, { 2, 4095 }, VMBUS_E_PACKET_RANGES },
		{ 6, 1, { 2, 4095 }, VMBUS_OK },
		{ 4, 1, { 1, 4096 }, VMBUS_E_PACKET_RANGES },
		{ 6, 1, { 1, 4096 }, VMBUS_E_PACKET_RANGES },
		{ 4, 1, { 0, 0 }, VMBUS_E_PACKET_RANGES },
		{ 4, 1, { ~0u, 0 }, VMBUS_E_PACKET_RANGES },
		{ 4, 1, { ~0u, 4095 }, VMBUS_E_PACKET_RANGES },
		{ 4, 1, { ~0u, ~0u }, VMBUS_E_PACKET_RANGES },
		{ 2, 1, { 1, 0 }, VMBUS_E_PACKET_RANGES },
		{ 0, 1, { 1, 0 }, VMBUS_E_PACKET_RANGES },
		{ 4, 2, { 1, 0 }, VMBUS_E_PACKET_RANGES },
		{ 8, 2, { 1, 0, 0, 0, 1, 0 }, VMBUS_OK },
		{ 8, 3, { 1, 0, 0, 0, 1, 0 }, VMBUS_E_PACKET_RANGES },
		{ 8, ~0u, { 1, 0, 0, 0, 1, 0 }, VMBUS_E_PACKET_RANGES },
		{ 6, 2, { 1, 0, 0, 0, 1, 0 }, VMBUS_E_PACKET_RANGES },
		{ 8, 2, { 1, 0, 0, 0, 0, 0 }, VMBUS_E_PACKET_RANGES },
	};
	struct ring_pair *pair = *state;
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++)
		check_ranges(pair, 9, rows[i].header_words, rows[i].range_count,
			     rows[i].words, rows[i].expected);
}

/* The bounce buffer bounds what is taken; a byte less is refused by name. */
static void test_bounce_limits(void **state)
{
	struct ring_vec vec = { sample_payload, 40 };
	struct packet_out out =
		sample_packet(PACKET_DATA_TRANSFER_PAGES, &vec, 1);
	struct ring_pair *pair = *state;
	u32 wrapping = pair->memory.size_bytes - 64;
	u32 ranges = (u32)sizeof(sample_transfer_ranges);
	struct packet_view view;
	u8 *exact;

	ring_pair_reset(pair, wrapping);
	assert_int_equal(packet_write(&pair->tx, &out), VMBUS_OK);
	ring_publish(&pair->tx);
	assert_int_equal(
		packet_peek(&pair->rx, &view, pair->bounce, ranges - 1),
		VMBUS_E_PACKET_TOO_BIG);
	assert_int_equal(
		packet_peek(&pair->rx, &view, pair->bounce, ranges + 39),
		pair->memory.mirrored ? VMBUS_OK : VMBUS_E_PACKET_TOO_BIG);
	assert_int_equal(
		packet_peek_copy(&pair->rx, &view, pair->bounce, ranges + 39),
		VMBUS_E_PACKET_TOO_BIG);
	exact = malloc(ranges + 40);
	assert_non_null(exact);
	assert_int_equal(packet_peek_copy(&pair->rx, &view, exact, ranges + 40),
			 VMBUS_OK);
	assert_memory_equal(view.payload, sample_payload, 40);
	sample_check_transfer_ranges(&view);
	free(exact);
}

/* What a view holds stays as it was when the peer writes over the packet. */
static void test_view_is_a_copy(void **state)
{
	static const u16 types[] = { PACKET_DATA_TRANSFER_PAGES,
				     PACKET_DATA_GPA_DIRECT };
	struct ring_vec vec = { sample_payload, SAMPLE_PAYLOAD_BYTES };
	struct ring_pair *pair = *state;
	struct packet_view view, before;
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(types); i++) {
		struct packet_out out = sample_packet(types[i], &vec, 1);

		ring_pair_reset(pair, 0);
		assert_int_equal(packet_write(&pair->tx, &out), VMBUS_OK);
		ring_publish(&pair->tx);
		assert_int_equal(packet_peek_copy(&pair->rx, &view,
						  pair->bounce,
						  RING_PAIR_BYTES),
				 VMBUS_OK);
		before = view;
		memset(pair->memory.data, 0xff, pair->memory.size_bytes);
		assert_memory_equal(&view, &before, sizeof(view));
		assert_memory_equal(view.payload, sample_payload,
				    SAMPLE_PAYLOAD_BYTES);
		if (types[i] == PACKET_DATA_TRANSFER_PAGES)
			sample_check_transfer_ranges(&view);
		else
			sample_check_gpa_ranges(&view);
		packet_consume(&pair->rx, &view);
		assert_true(ring_empty(&pair->rx));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_PLAIN(test_write_arguments),
		ON_PLAIN(test_lying_descriptors),
		ON_MIRRORED(test_lying_descriptors),
		ON_SMALL(test_all_lengths),
		ON_PLAIN(test_lying_transfer_ranges),
		ON_MIRRORED(test_lying_transfer_ranges),
		ON_PLAIN(test_lying_gpa_ranges),
		ON_MIRRORED(test_lying_gpa_ranges),
		ON_PLAIN(test_bounce_limits),
		ON_MIRRORED(test_bounce_limits),
		ON_PLAIN(test_view_is_a_copy),
		ON_MIRRORED(test_view_is_a_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
