/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "tests/unit/vmbus/ring_pair.h"

#include <string.h>

static struct ring_pair the_pair;

void ring_pair_reset(struct ring_pair *pair, u32 start)
{
	struct ring_memory *memory = &pair->memory;

	memset(memory->data, 0xee, memory->size_bytes);
	ring_format(memory->header);
	memory->header->write_index = start;
	memory->header->read_index = start;
	assert_int_equal(ring_init_writer(&pair->tx, memory->header,
					  memory->data, memory->size_bytes,
					  memory->mirrored),
			 VMBUS_OK);
	assert_int_equal(ring_init_reader(&pair->rx, memory->header,
					  memory->data, memory->size_bytes,
					  memory->mirrored),
			 VMBUS_OK);
}

static int set_up(void **state, u32 size_bytes, bool mirrored)
{
	*state = &the_pair;
	if (!ring_memory_create(&the_pair.memory, size_bytes, mirrored))
		return -1;
	ring_pair_reset(&the_pair, 0);
	return 0;
}

int ring_pair_plain(void **state)
{
	return set_up(state, RING_PAIR_BYTES, false);
}

int ring_pair_mirrored(void **state)
{
	return set_up(state, RING_PAIR_BYTES, true);
}

int ring_pair_small(void **state)
{
	return set_up(state, RING_PAIR_SMALL_BYTES, false);
}

int ring_pair_large(void **state)
{
	return set_up(state, RING_PAIR_LARGE_BYTES, true);
}

int ring_pair_teardown(void **state)
{
	struct ring_pair *pair = *state;

	ring_memory_destroy(&pair->memory);
	return 0;
}

enum vmbus_status ring_pair_write(struct ring *tx)
{
	static const u8 bytes[RING_PAIR_PACKET_BYTES - 24];
	struct ring_vec vec = { bytes, sizeof(bytes) };
	struct packet_out out = {
		.type = PACKET_DATA_INBAND,
		.vec = &vec,
		.vec_count = 1,
	};

	return packet_write(tx, &out);
}

void ring_pair_read(struct ring *rx, u32 count)
{
	static u8 bounce[RING_PAIR_BYTES];
	struct packet_view view;

	while (count--) {
		assert_int_equal(packet_peek(rx, &view, bounce, sizeof(bounce)),
				 VMBUS_OK);
		packet_consume(rx, &view);
	}
}

u32 ring_pair_fill(struct ring *tx)
{
	u32 count = 0;

	while (ring_pair_write(tx) == VMBUS_OK)
		count++;
	return count;
}
