/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A writer and a reader in two threads that sleep whenever they may: a signal
 * that is not sent when it should be makes the test hang until its time limit.
 */
#include "tests/unit/vmbus/ring_memory.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmbus/packet.h"

#define PACKETS	     40000u
#define PAYLOAD_MOST 400u

struct channel {
	struct ring_memory memory;
	sem_t to_reader;
	sem_t to_writer;
	u32 batch; /* packets staged between publications */
	bool mask;
	const char *reader_failure;
	const char *writer_failure;
};

/* The same length and bytes on both sides, from the packet's number alone. */
static u32 fill_payload(u32 number, u8 *payload)
{
	u32 size_bytes = number * 2654435761u % PAYLOAD_MOST;

	memset(payload, (int)number, size_bytes);
	return size_bytes;
}

static void publish(struct channel *channel, struct ring *tx)
{
	if (ring_publish(tx))
		sem_post(&channel->to_reader);
}

static const char *write_one(struct channel *channel, struct ring *tx,
			     u32 number)
{
	u8 payload[PAYLOAD_MOST];
	struct ring_vec vec = { payload, fill_payload(number, payload) };
	struct packet_out out = {
		.type = PACKET_DATA_INBAND,
		.transaction_id = number,
		.vec = &vec,
		.vec_count = 1,
	};
	enum vmbus_status status;

	while ((status = packet_write(tx, &out)) == VMBUS_AGAIN) {
		publish(channel, tx);
		sem_wait(&channel->to_writer);
	}
	return status == VMBUS_OK ? NULL : vmbus_status_text(status);
}

static void *writer_main(void *context)
{
	struct channel *channel = context;
	struct ring_memory *memory = &channel->memory;
	struct ring tx;
	u32 i;

	if (ring_init_writer(&tx, memory->header, memory->data,
			     memory->size_bytes, memory->mirrored))
		abort();
	for (i = 0; i < PACKETS && !channel->writer_failure; i++) {
		channel->writer_failure = write_one(channel, &tx, i);
		if (i % channel->batch == channel->batch - 1)
			publish(channel, &tx);
	}
	publish(channel, &tx);
	return NULL;
}

static const char *check_packet(const struct packet_view *view, u32 number)
{
	u8 payload[PAYLOAD_MOST];
	u32 size_bytes = fill_payload(number, payload);

	if (view->transaction_id != number)
		return "a packet is out of turn";
	if (view->payload_bytes != ((size_bytes + 7) & ~7u))
		return "a packet has another length";
	if (memcmp(view->payload, payload, size_bytes))
		return "a packet has other bytes";
	return NULL;
}

/* Read what there is. How many packets have been read in all. */
static u32 drain(struct channel *channel, struct ring *rx, u32 count)
{
	struct packet_view view;
	enum vmbus_status status;
	u8 bounce[PAYLOAD_MOST];

	while ((status = packet_peek(rx, &view, bounce, sizeof(bounce))) ==
	       VMBUS_OK) {
		if (!channel->reader_failure)
			channel->reader_failure = check_packet(&view, count);
		packet_consume(rx, &view);
		count++;
		/* Between packets too, so that some releases do not cross. */
		if (count % 3 == 0 && ring_release(rx))
			sem_post(&channel->to_writer);
	}
	if (status != VMBUS_AGAIN)
		abort();
	if (ring_release(rx))
		sem_post(&channel->to_writer);
	return count;
}

static void *reader_main(void *context)
{
	struct channel *channel = context;
	struct ring_memory *memory = &channel->memory;
	struct ring rx;
	u32 count = 0;

	if (ring_init_reader(&rx, memory->header, memory->data,
			     memory->size_bytes, memory->mirrored))
		abort();
	for (;;) {
		if (channel->mask)
			ring_mask(&rx);
		count = drain(channel, &rx, count);
		if (channel->mask ? ring_unmask(&rx) : !ring_empty(&rx))
			continue;
		if (count >= PACKETS)
			break;
		sem_wait(&channel->to_reader);
	}
	if (!channel->reader_failure && count != PACKETS)
		channel->reader_failure = "packets came that were not written";
	return NULL;
}

static void run_channel(u32 size_bytes, bool mirrored, u32 batch, bool mask)
{
	struct channel channel = { .batch = batch, .mask = mask };
	pthread_t reader, writer;

	assert_true(ring_memory_create(&channel.memory, size_bytes, mirrored));
	sem_init(&channel.to_reader, 0, 0);
	sem_init(&channel.to_writer, 0, 0);
	assert_int_equal(pthread_create(&reader, NULL, reader_main, &channel),
			 0);
	assert_int_equal(pthread_create(&writer, NULL, writer_main, &channel),
			 0);
	pthread_join(writer, NULL);
	pthread_join(reader, NULL);
	if (channel.writer_failure)
		fail_msg("writer: %s", channel.writer_failure);
	if (channel.reader_failure)
		fail_msg("reader: %s", channel.reader_failure);
	sem_destroy(&channel.to_reader);
	sem_destroy(&channel.to_writer);
	ring_memory_destroy(&channel.memory);
}

static void test_single(void **state)
{
	(void)state;
	run_channel(4096, false, 1, false);
	run_channel(4096, true, 1, false);
}

static void test_batches(void **state)
{
	(void)state;
	run_channel(4096, false, 32, false);
	run_channel(16384, true, 32, false);
}

static void test_masked(void **state)
{
	(void)state;
	run_channel(4096, true, 1, true);
	run_channel(4096, false, 7, true);
}

/* Hardly room for two packets: nearly every write waits. */
static void test_tight(void **state)
{
	(void)state;
	run_channel(600, false, 1, false);
	run_channel(600, false, 5, true);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_masked),
		cmocka_unit_test(test_tight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
