/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The bytes of a ring as a peer may leave them: descriptors, ranges, lengths.
 *
 * Input: struct shape, then the data of the ring. Whatever a view shows must
 * lie in its bounds, be the same by both ways of peeking, and come out the same
 * when it is written to another ring and read back.
 */
#include "tests/unit/vmbus/ring_memory.h"

#include <stdlib.h>
#include <string.h>

#include "vmbus/packet.h"

#define SIZE_BYTES  4096u
#define OTHER_BYTES 8192u

struct shape {
	u8 mirrored;
	u8 bounce_bytes4; /* in units of 4 */
	u16 start8;
	u16 published8;
};

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes);

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* Every byte and range that the view shows is read. */
static void walk(const struct packet_view *view)
{
	struct packet_transfer_range transfer_range;
	struct packet_gpa_range gpa_range;
	u32 cursor_bytes = 0, count = 0, i;
	volatile u64 sink = 0;

	require(view->total_bytes < SIZE_BYTES);
	require(view->payload_bytes + view->range_bytes + 24 <=
		view->total_bytes);
	for (i = 0; i < view->payload_bytes; i++)
		sink += view->payload[i];
	while (packet_transfer_range(view, count, &transfer_range))
		count++;
	while (packet_next_gpa_range(view, &cursor_bytes, &gpa_range)) {
		require(gpa_range.size_bytes && gpa_range.offset_bytes < 4096);
		require((u64)gpa_range.pfn_count * 4096 >=
			(u64)gpa_range.offset_bytes + gpa_range.size_bytes);
		for (i = 0; i < gpa_range.pfn_count; i++)
			sink += packet_gpa_pfn(&gpa_range, i);
		count++;
	}
	(void)sink;
	require(count == view->range_count);
}

static void compare(const struct packet_view *a, const struct packet_view *b)
{
	require(a->type == b->type && a->flags == b->flags &&
		a->transaction_id == b->transaction_id &&
		a->payload_bytes == b->payload_bytes &&
		a->range_bytes == b->range_bytes &&
		a->range_count == b->range_count &&
		a->transfer_pageset == b->transfer_pageset);
	if (a->payload_bytes)
		require(!memcmp(a->payload, b->payload, a->payload_bytes));
	if (a->range_bytes)
		require(!memcmp(a->ranges, b->ranges, a->range_bytes));
}

static void write_back(const struct packet_view *view)
{
	static struct ring_memory memory;
	static u8 bounce[OTHER_BYTES];
	struct ring_vec vec = { view->payload, view->payload_bytes };
	struct packet_out out = {
		.type = view->type,
		.flags = view->flags,
		.transaction_id = view->transaction_id,
		.vec = &vec,
		.vec_count = 1,
		.ranges = view->ranges,
		.range_bytes = view->range_bytes,
		.range_count = view->range_count,
		.transfer_pageset = view->transfer_pageset,
	};
	struct packet_view again;
	struct ring tx, rx;

	if (!memory.header)
		require(ring_memory_create(&memory, OTHER_BYTES, false));
	require(!ring_init_writer(&tx, memory.header, memory.data, OTHER_BYTES,
				  false));
	require(!ring_init_reader(&rx, memory.header, memory.data, OTHER_BYTES,
				  false));
	require(!packet_write(&tx, &out));
	require(ring_publish(&tx));
	require(!packet_peek(&rx, &again, bounce, sizeof(bounce)));
	compare(view, &again);
	packet_consume(&rx, &again);
	ring_release(&rx);
	require(ring_empty(&rx));
}

static void read_ring(struct ring *rx, u32 bounce_bytes)
{
	/* Of just that size, so that one byte too many is seen. */
	u8 *bounce = malloc(bounce_bytes);
	u8 *other = malloc(bounce_bytes);
	struct packet_view view, copied;
	enum vmbus_status status;

	for (;;) {
		status = packet_peek(rx, &view, bounce, bounce_bytes);
		if (packet_peek_copy(rx, &copied, other, bounce_bytes) ==
		    VMBUS_OK) {
			require(status == VMBUS_OK);
			walk(&copied);
			compare(&view, &copied);
			write_back(&copied);
		}
		if (status != VMBUS_OK)
			break;
		walk(&view);
		packet_consume(rx, &view);
		ring_release(rx);
	}
	require(vmbus_status_text(status) != NULL);
	free(bounce);
	free(other);
}

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes)
{
	static struct ring_memory memories[2];
	struct ring_memory *memory;
	struct shape shape;
	struct ring rx;

	if (input_bytes < sizeof(shape))
		return -1;
	memcpy(&shape, input, sizeof(shape));
	input += sizeof(shape);
	input_bytes -= sizeof(shape);

	memory = &memories[shape.mirrored & 1];
	if (!memory->header)
		require(ring_memory_create(memory, SIZE_BYTES,
					   shape.mirrored & 1));
	memset(memory->data, 0, SIZE_BYTES);
	memory->header->read_index = shape.start8 % (SIZE_BYTES / 8) * 8;
	memory->header->write_index =
		(memory->header->read_index + shape.published8 * 8u) %
		SIZE_BYTES;
	for (size_t i = 0; i < input_bytes && i < SIZE_BYTES; i++)
		memory->data[(memory->header->read_index + i) % SIZE_BYTES] =
			input[i];
	require(!ring_init_reader(&rx, memory->header, memory->data, SIZE_BYTES,
				  memory->mirrored));
	read_ring(&rx, shape.bounce_bytes4 * 4u);
	return 0;
}
