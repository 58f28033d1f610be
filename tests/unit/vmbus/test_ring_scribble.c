/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A peer that writes anything anywhere in the ring at any time, in a thread of
 * its own, while both of our ends work. Whatever comes out must keep within its
 * bounds (a sanitizer sees when it does not) and agree with itself.
 */
#include "tests/unit/vmbus/ring_memory.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "vmbus/packet.h"

#define SIZE_BYTES 4096u
#define TURNS	   100000u

struct scribbler {
	struct ring_memory memory;
	bool stop;
};

static u32 next_random(u32 *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Mostly words that could be true, so that the deeper checks are reached. */
static void *scribble(void *context)
{
	struct scribbler *scribbler = context;
	struct ring_header *header = scribbler->memory.header;
	u64 *words = (u64 *)(void *)scribbler->memory.data;
	u32 state = 1;

	while (!port_load(&scribbler->stop)) {
		u32 what = next_random(&state) % 16;
		u32 place = next_random(&state) % (SIZE_BYTES / 8);
		u64 type = 6 + next_random(&state) % 5;
		u64 offset8 = 2 + next_random(&state) % 8;
		u64 length8 = offset8 + next_random(&state) % 16;

		if (what == 0)
			port_store(&header->write_index, place * 8);
		else if (what == 1)
			port_store(&header->read_index, place * 8);
		else if (what == 2)
			port_store(&header->pending_send_bytes, place);
		else if (what == 3)
			port_store(&header->interrupt_mask, place & 1);
		else if (what == 4)
			port_store(&header->write_index, place);
		else if (what < 8)
			port_store(&words[place],
				   (u64)(next_random(&state) % 8) << 32 |
					   next_random(&state) % 8192);
		else
			port_store(&words[place],
				   type | offset8 << 16 | length8 << 32);
	}
	return NULL;
}

static void check_view(const struct packet_view *view)
{
	struct packet_transfer_range transfer_range;
	struct packet_gpa_range gpa_range;
	u32 cursor_bytes = 0, count = 0, i;
	volatile u64 sink;

	assert_true(view->total_bytes < SIZE_BYTES);
	assert_true(view->payload_bytes + view->range_bytes + 24 <=
		    view->total_bytes);
	for (i = 0; i < view->payload_bytes; i++)
		sink = view->payload[i];
	for (i = 0; packet_transfer_range(view, i, &transfer_range); i++)
		sink = transfer_range.size_bytes;
	while (packet_next_gpa_range(view, &cursor_bytes, &gpa_range)) {
		for (i = 0; i < gpa_range.pfn_count; i++)
			sink = packet_gpa_pfn(&gpa_range, i);
		count++;
	}
	(void)sink;
	if (view->type == PACKET_DATA_GPA_DIRECT) {
		assert_int_equal(count, view->range_count);
		assert_int_equal(cursor_bytes, view->range_bytes);
	}
}

static void attach(enum vmbus_status (*init)(struct ring *, void *, void *, u32,
					     bool),
		   struct ring *ring, const struct ring_memory *memory)
{
	while (init(ring, memory->header, memory->data, SIZE_BYTES,
		    memory->mirrored) != VMBUS_OK)
		;
}

/* Until enough turns were taken and something was read. */
static void read_turns(const struct ring_memory *memory, bool copy)
{
	u8 *bounce = malloc(1024);
	struct packet_view view;
	struct ring rx;
	enum vmbus_status status;
	u32 i, seen = 0;

	assert_non_null(bounce);
	attach(ring_init_reader, &rx, memory);
	for (i = 0; i < TURNS || !seen; i++) {
		status = copy ? packet_peek_copy(&rx, &view, bounce, 1024)
			      : packet_peek(&rx, &view, bounce, 1024);
		if (status == VMBUS_OK) {
			check_view(&view);
			packet_consume(&rx, &view);
			seen++;
		}
		if (i % 4 == 0)
			ring_release(&rx);
		if (vmbus_status_is_violation(status))
			attach(ring_init_reader, &rx, memory);
	}
	free(bounce);
}

static void write_turns(const struct ring_memory *memory)
{
	static const u8 payload[200];
	struct ring_vec vec = { payload, 0 };
	struct packet_out out = { .type = PACKET_DATA_INBAND,
				  .vec = &vec,
				  .vec_count = 1 };
	struct ring tx;
	enum vmbus_status status;
	u32 i, written = 0;

	attach(ring_init_writer, &tx, memory);
	for (i = 0; i < TURNS || !written; i++) {
		vec.size_bytes = i % sizeof(payload);
		status = packet_write(&tx, &out);
		written += status == VMBUS_OK;
		if (i % 4 == 0)
			ring_publish(&tx);
		if (vmbus_status_is_violation(status))
			attach(ring_init_writer, &tx, memory);
	}
}

static void run(bool mirrored)
{
	struct scribbler scribbler = { .stop = false };
	pthread_t thread;

	assert_true(
		ring_memory_create(&scribbler.memory, SIZE_BYTES, mirrored));
	assert_int_equal(pthread_create(&thread, NULL, scribble, &scribbler),
			 0);
	read_turns(&scribbler.memory, false);
	read_turns(&scribbler.memory, true);
	write_turns(&scribbler.memory);
	port_store(&scribbler.stop, true);
	pthread_join(thread, NULL);
	ring_memory_destroy(&scribbler.memory);
}

static void test_plain(void **state)
{
	(void)state;
	run(false);
}

static void test_mirrored(void **state)
{
	(void)state;
	run(true);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_mirrored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
