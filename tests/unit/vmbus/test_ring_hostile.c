/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A peer that lies about the indices of a ring. */
#include "tests/unit/vmbus/ring_pair.h"

static void test_init_arguments(void **state)
{
	static const u32 bad_sizes[] = { 0,   8,    RING_MIN_BYTES - 8,
					 100, 4095, RING_MAX_BYTES + 8,
					 ~7u, ~0u };
	struct ring_pair *pair = *state;
	struct ring_header *header = pair->memory.header;
	u8 *data = pair->memory.data;
	struct ring ring;
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(bad_sizes); i++) {
		assert_int_equal(ring_init_writer(&ring, header, data,
						  bad_sizes[i], false),
				 VMBUS_BAD_ARGUMENT);
		assert_int_equal(ring_init_reader(&ring, header, data,
						  bad_sizes[i], false),
				 VMBUS_BAD_ARGUMENT);
	}
	assert_int_equal(ring_init_writer(&ring, header, data + 4, 64, false),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(
		ring_init_reader(&ring, (u8 *)header + 2, data, 64, false),
		VMBUS_BAD_ARGUMENT);
}

static void test_init_lying_indices(void **state)
{
	static const u32 bad[] = {
		1, 4, RING_PAIR_BYTES, RING_PAIR_BYTES + 8, ~7u, ~0u
	};
	struct ring_pair *pair = *state;
	struct ring_header *header = pair->memory.header;
	u8 *data = pair->memory.data;
	struct ring ring;
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(bad); i++) {
		header->write_index = bad[i];
		header->read_index = 0;
		assert_int_equal(ring_init_writer(&ring, header, data,
						  RING_PAIR_BYTES, false),
				 VMBUS_E_RING_WRITE_INDEX);
		assert_int_equal(ring_init_reader(&ring, header, data,
						  RING_PAIR_BYTES, false),
				 VMBUS_E_RING_WRITE_INDEX);
		header->write_index = 0;
		header->read_index = bad[i];
		assert_int_equal(ring_init_writer(&ring, header, data,
						  RING_PAIR_BYTES, false),
				 VMBUS_E_RING_READ_INDEX);
		assert_int_equal(ring_init_reader(&ring, header, data,
						  RING_PAIR_BYTES, false),
				 VMBUS_E_RING_READ_INDEX);
	}
}

static void test_reader_lying_write_index_on_release(void **state)
{
	static const u32 lies[] = { 1, RING_PAIR_BYTES, ~0u };
	struct ring_pair *pair = *state;
	struct ring_header *header = pair->memory.header;
	u32 i;

	ring_pair_fill(&pair->tx);
	ring_publish(&pair->tx);
	assert_false(ring_empty(&pair->rx));
	header->pending_send_bytes = RING_PAIR_PACKET_BYTES;
	for (i = 0; i < PORT_ARRAY_SIZE(lies); i++) {
		header->write_index = lies[i];
		ring_pair_read(&pair->rx, 1);
		assert_false(ring_release(&pair->rx));
	}
	/* In range, but taking back a packet that is read by now. */
	header->write_index = header->read_index + RING_PAIR_PACKET_BYTES;
	ring_pair_read(&pair->rx, 2);
	assert_false(ring_release(&pair->rx));
}

static void test_writer_lying_read_index(void **state)
{
	static const u32 outside[] = {
		1, 4, RING_PAIR_PACKET_BYTES + 1, RING_PAIR_BYTES, ~7u, ~0u
	};
	struct ring_pair *pair = *state;
	struct ring_header *header = pair->memory.header;
	u32 count, i;

	count = ring_pair_fill(&pair->tx);
	ring_publish(&pair->tx);
	for (i = 0; i < PORT_ARRAY_SIZE(outside); i++) {
		header->read_index = outside[i];
		assert_int_equal(ring_pair_write(&pair->tx),
				 VMBUS_E_RING_READ_INDEX);
		assert_int_equal(ring_free_bytes(&pair->tx), 0);
	}
	/* Back to what was full when it had been given free. */
	header->read_index = 2 * RING_PAIR_PACKET_BYTES;
	assert_int_equal(ring_free_bytes(&pair->tx),
			 RING_PAIR_BYTES - 8 -
				 (count - 2) * RING_PAIR_PACKET_BYTES);
	header->read_index = RING_PAIR_PACKET_BYTES;
	assert_int_equal(ring_free_bytes(&pair->tx), 0);
	assert_int_equal(ring_reserve(&pair->tx, RING_PAIR_BYTES - 8),
			 VMBUS_E_RING_READ_BACKWARDS);
	/* Past what was written: as if nearly all were in use. */
	header->read_index = header->write_index + 8;
	assert_int_equal(ring_reserve(&pair->tx, RING_PAIR_BYTES - 8),
			 VMBUS_E_RING_READ_BACKWARDS);
}

/* A reader cannot have read what was only staged. */
static void test_writer_read_ahead(void **state)
{
	struct ring_pair *pair = *state;
	struct ring_header *header = pair->memory.header;

	assert_int_equal(ring_pair_write(&pair->tx), VMBUS_OK);
	ring_publish(&pair->tx);
	assert_int_equal(ring_pair_write(&pair->tx), VMBUS_OK);
	header->read_index = RING_PAIR_PACKET_BYTES + 8;
	assert_int_equal(ring_reserve(&pair->tx, RING_PAIR_BYTES - 8),
			 VMBUS_E_RING_READ_BACKWARDS);
	header->read_index = 2 * RING_PAIR_PACKET_BYTES;
	assert_int_equal(ring_reserve(&pair->tx, RING_PAIR_BYTES - 8),
			 VMBUS_E_RING_READ_BACKWARDS);
	header->read_index = RING_PAIR_PACKET_BYTES;
	assert_int_equal(ring_free_bytes(&pair->tx),
			 RING_PAIR_BYTES - 8 - RING_PAIR_PACKET_BYTES);
}

/* The recheck after asking for space meets the lie as well. */
static void test_lie_while_publishing(void **state)
{
	struct ring_pair *pair = *state;
	struct ring_header *header = pair->memory.header;

	assert_int_equal(ring_pair_write(&pair->tx), VMBUS_OK);
	header->read_index = 12;
	assert_false(ring_publish(&pair->tx));
	assert_int_equal(ring_reserve(&pair->tx, RING_PAIR_BYTES - 8),
			 VMBUS_E_RING_READ_INDEX);
	/* What was granted before the lie holds on. */
	assert_int_equal(ring_pair_write(&pair->tx), VMBUS_OK);
}

static void test_reader_lying_write_index(void **state)
{
	static const u32 outside[] = { 1, 4, RING_PAIR_BYTES, ~7u, ~0u };
	struct ring_pair *pair = *state;
	struct ring_header *header = pair->memory.header;
	struct packet_view view;
	u8 bounce[256];
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(outside); i++) {
		header->write_index = outside[i];
		assert_int_equal(
			packet_peek(&pair->rx, &view, bounce, sizeof(bounce)),
			VMBUS_E_RING_WRITE_INDEX);
		assert_false(ring_empty(&pair->rx));
		assert_true(ring_unmask(&pair->rx));
		assert_int_equal(ring_used_bytes(&pair->rx), 0);
	}
	header->write_index = 0;
	ring_pair_write(&pair->tx);
	ring_pair_write(&pair->tx);
	ring_publish(&pair->tx);
	assert_int_equal(ring_used_bytes(&pair->rx),
			 2 * RING_PAIR_PACKET_BYTES);
	header->write_index = RING_PAIR_PACKET_BYTES;
	assert_int_equal(ring_refresh_reader(&pair->rx),
			 VMBUS_E_RING_WRITE_BACKWARDS);
	assert_int_equal(ring_used_bytes(&pair->rx),
			 2 * RING_PAIR_PACKET_BYTES);
	/* What was granted can be read; the lie is met after it. */
	ring_pair_read(&pair->rx, 2);
	assert_int_equal(packet_peek(&pair->rx, &view, bounce, sizeof(bounce)),
			 VMBUS_E_RING_WRITE_BACKWARDS);
	/* Into what was read but not given back. */
	header->write_index = RING_PAIR_PACKET_BYTES + 8;
	assert_int_equal(ring_refresh_reader(&pair->rx),
			 VMBUS_E_RING_WRITE_BACKWARDS);
	header->write_index = 2 * RING_PAIR_PACKET_BYTES;
	assert_true(ring_empty(&pair->rx));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_PLAIN(test_init_arguments),
		ON_MIRRORED(test_init_arguments),
		ON_PLAIN(test_init_lying_indices),
		ON_MIRRORED(test_init_lying_indices),
		ON_PLAIN(test_reader_lying_write_index_on_release),
		ON_MIRRORED(test_reader_lying_write_index_on_release),
		ON_PLAIN(test_writer_lying_read_index),
		ON_MIRRORED(test_writer_lying_read_index),
		ON_PLAIN(test_writer_read_ahead),
		ON_MIRRORED(test_writer_read_ahead),
		ON_PLAIN(test_lie_while_publishing),
		ON_MIRRORED(test_lie_while_publishing),
		ON_PLAIN(test_reader_lying_write_index),
		ON_MIRRORED(test_reader_lying_write_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
