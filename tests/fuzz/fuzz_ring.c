/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Both ends of a ring, driven by a sequence of steps.
 *
 * Input: one byte of shape, then steps of two bytes, a verb and its operand.
 * While no step was hostile, packets arrive whole and in order, no violation is
 * named, and an end that sleeps with work to do has been signalled. After a
 * hostile step only bounds are left to keep.
 */
#include "tests/unit/vmbus/ring_memory.h"

#include <stdlib.h>
#include <string.h>

#include "vmbus/packet.h"

#define PLAIN_BYTES    512u
#define MIRRORED_BYTES 4096u
#define PAYLOAD_MOST   255u

struct model {
	struct ring_memory memory;
	struct ring tx;
	struct ring rx;
	bool hostile;
	bool reader_asleep;
	u32 writer_waits_bytes; /* 0: it does not */
	u64 written;		/* packets, staged ones included */
	u64 read;
	u32 in_flight_bytes; /* staged, published or consumed, not released */
	u32 published_bytes; /* and not consumed */
	u32 staged_bytes;
	u32 consumed_bytes; /* and not released */
};

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void require_honest(const struct model *model, bool truth)
{
	require(truth || model->hostile);
}

static u32 payload_of(u64 number, u8 *payload)
{
	u32 size_bytes = (u32)(number * 37 % PAYLOAD_MOST);

	memset(payload, (int)number, size_bytes);
	return size_bytes;
}

static void publish(struct model *model, u32 operand)
{
	bool signal = ring_publish(&model->tx);

	(void)operand;
	model->published_bytes += model->staged_bytes;
	model->staged_bytes = 0;
	if (signal)
		model->reader_asleep = false;
	require_honest(model, !model->reader_asleep || !model->published_bytes);
}

static void write_packet(struct model *model, u32 operand)
{
	u8 payload[PAYLOAD_MOST];
	u32 size_bytes = payload_of(model->written, payload);
	u32 cut = operand % (size_bytes + 1);
	struct ring_vec vec[] = { { payload, cut },
				  { payload + cut, size_bytes - cut } };
	struct packet_out out = {
		.type = PACKET_DATA_INBAND,
		.transaction_id = model->written,
		.vec = vec,
		.vec_count = 2,
	};
	u32 bytes = packet_ring_bytes(0, size_bytes);
	enum vmbus_status status = packet_write(&model->tx, &out);

	require_honest(model, status <= VMBUS_AGAIN);
	if (status == VMBUS_OK) {
		model->written++;
		model->staged_bytes += bytes;
		model->in_flight_bytes += bytes;
		model->writer_waits_bytes = 0;
	} else if (status == VMBUS_AGAIN) {
		model->writer_waits_bytes = bytes;
		publish(model, 0);
	}
	require_honest(model,
		       model->in_flight_bytes <= model->memory.size_bytes - 8);
}

static void reserve(struct model *model, u32 operand)
{
	u32 bytes = operand * 24;
	u32 free_bytes = model->memory.size_bytes - 8 - model->in_flight_bytes;
	enum vmbus_status status = ring_reserve(&model->tx, bytes);

	if (status == VMBUS_OK) {
		require_honest(model, bytes <= free_bytes);
		model->writer_waits_bytes = 0;
	} else if (status == VMBUS_AGAIN) {
		require_honest(model, bytes > free_bytes);
		model->writer_waits_bytes = bytes;
		publish(model, 0);
	} else {
		require_honest(model, status == VMBUS_E_RING_TOO_SMALL);
	}
}

static void read_packet(struct model *model, u32 operand)
{
	u8 payload[PAYLOAD_MOST], bounce[PAYLOAD_MOST + 1];
	struct packet_view view;
	u32 size_bytes = payload_of(model->read, payload);
	enum vmbus_status status;

	status = operand & 1 ? packet_peek(&model->rx, &view, bounce,
					   sizeof(bounce))
			     : packet_peek_copy(&model->rx, &view, bounce,
						sizeof(bounce));
	require_honest(model, (status == VMBUS_AGAIN) ==
				      (model->published_bytes == 0));
	require_honest(model, status <= VMBUS_AGAIN);
	if (status != VMBUS_OK)
		return;
	require_honest(model, view.transaction_id == model->read);
	require_honest(model, view.payload_bytes == ((size_bytes + 7) & ~7u));
	if (!model->hostile)
		require(!memcmp(view.payload, payload, size_bytes));
	require(view.total_bytes < model->memory.size_bytes);
	packet_consume(&model->rx, &view);
	model->read++;
	model->published_bytes -= view.total_bytes;
	model->consumed_bytes += view.total_bytes;
}

static void release(struct model *model, u32 operand)
{
	u32 free_bytes;

	(void)operand;
	if (ring_release(&model->rx))
		model->writer_waits_bytes = 0;
	model->in_flight_bytes -= model->consumed_bytes;
	model->consumed_bytes = 0;
	free_bytes = model->memory.size_bytes - 8 - model->in_flight_bytes;
	require_honest(model, !model->writer_waits_bytes ||
				      model->writer_waits_bytes > free_bytes);
}

static void mask(struct model *model, u32 operand)
{
	(void)operand;
	ring_mask(&model->rx);
	model->reader_asleep = false;
}

/* What a reader does before it waits for a signal. */
static void sleep_reader(struct model *model, u32 operand)
{
	bool more;

	release(model, operand);
	more = ring_unmask(&model->rx);
	require_honest(model, more == (model->published_bytes != 0));
	model->reader_asleep = !more;
}

static void look(struct model *model, u32 operand)
{
	(void)operand;
	require_honest(model,
		       ring_used_bytes(&model->rx) == model->published_bytes);
	require_honest(model,
		       ring_empty(&model->rx) == !model->published_bytes);
	require_honest(model, ring_free_bytes(&model->tx) ==
				      model->memory.size_bytes - 8 -
					      model->in_flight_bytes);
}

static void scribble_header(struct model *model, u32 operand)
{
	u32 *words = &model->memory.header->write_index;

	model->hostile = true;
	/* Mostly a multiple of 8, and so past the first check. */
	words[operand & 3] =
		operand & 0x80 ? operand * 0x01010101u : (operand >> 2) * 8;
}

static void scribble_data(struct model *model, u32 operand)
{
	u32 at = model->rx.local + (operand & 7);

	model->hostile = true;
	model->memory.data[at % model->memory.size_bytes] = operand >> 3;
}

static void attach(struct model *model)
{
	struct ring_memory *memory = &model->memory;

	require(!ring_init_writer(&model->tx, memory->header, memory->data,
				  memory->size_bytes, memory->mirrored));
	require(!ring_init_reader(&model->rx, memory->header, memory->data,
				  memory->size_bytes, memory->mirrored));
}

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes)
{
	static void (*const steps[])(struct model *, u32) = {
		write_packet, publish, read_packet,  release,
		mask,	      reserve, sleep_reader, look,
		write_packet, publish, read_packet,  scribble_header,
		write_packet, publish, read_packet,  scribble_data,
	};
	static struct ring_memory memories[2];
	struct model model = { 0 };
	u32 mirrored;

	if (input_bytes < 1)
		return -1;
	mirrored = input[0] & 1;
	if (!memories[mirrored].header)
		require(ring_memory_create(
			&memories[mirrored],
			mirrored ? MIRRORED_BYTES : PLAIN_BYTES, mirrored));
	model.memory = memories[mirrored];
	ring_format(model.memory.header);
	model.memory.header->write_index = (input[0] >> 1) % 64 * 8;
	model.memory.header->read_index = model.memory.header->write_index;
	attach(&model);
	for (size_t i = 1; i + 1 < input_bytes; i += 2)
		steps[input[i] % PORT_ARRAY_SIZE(steps)](&model, input[i + 1]);
	return 0;
}
