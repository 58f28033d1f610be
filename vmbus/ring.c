/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "vmbus/ring.h"

static bool index_is_valid(const struct ring *ring, u32 index)
{
	return index < ring->size_bytes && index % 8 == 0;
}

/* Bytes from one index forward to another; 0 when they are equal. */
static u32 distance_bytes(const struct ring *ring, u32 from, u32 to)
{
	return to >= from ? to - from : ring->size_bytes - from + to;
}

void ring_format(void *header)
{
	struct ring_header *shared = header;

	port_fill(header, 0, RING_HEADER_BYTES);
	port_store(&shared->feature_bits, RING_FEATURE_PENDING_SEND_SIZE);
}

static enum vmbus_status attach(struct ring *ring, void *header, void *data,
				u32 size_bytes, bool mirrored)
{
	struct ring_header *shared = header;
	u32 features;

	if (size_bytes < RING_MIN_BYTES || size_bytes > RING_MAX_BYTES ||
	    size_bytes % 8 != 0)
		return VMBUS_BAD_ARGUMENT;
	if ((uintptr_t)header % 4 != 0 || (uintptr_t)data % 8 != 0)
		return VMBUS_BAD_ARGUMENT;

	features = port_load(&shared->feature_bits);
	port_store(&shared->feature_bits,
		   features | RING_FEATURE_PENDING_SEND_SIZE);

	*ring = (struct ring){
		.header = shared,
		.data = data,
		.size_bytes = size_bytes,
		.linear_bytes = mirrored ? 2 * size_bytes : size_bytes,
		.peer_signals_space = features & RING_FEATURE_PENDING_SEND_SIZE,
	};
	return VMBUS_OK;
}

enum vmbus_status ring_init_writer(struct ring *ring, void *header, void *data,
				   u32 size_bytes, bool mirrored)
{
	enum vmbus_status status;

	status = attach(ring, header, data, size_bytes, mirrored);
	if (status)
		return status;
	port_store(&ring->header->pending_send_bytes, 0);
	ring->local = port_load(&ring->header->write_index);
	if (!index_is_valid(ring, ring->local))
		return VMBUS_E_RING_WRITE_INDEX;
	ring->shown = ring->local;
	return ring_refresh_writer(ring);
}

enum vmbus_status ring_init_reader(struct ring *ring, void *header, void *data,
				   u32 size_bytes, bool mirrored)
{
	enum vmbus_status status;

	status = attach(ring, header, data, size_bytes, mirrored);
	if (status)
		return status;
	ring->local = port_load(&ring->header->read_index);
	if (!index_is_valid(ring, ring->local))
		return VMBUS_E_RING_READ_INDEX;
	ring->shown = ring->local;
	return ring_refresh_reader(ring);
}

/*
 * An honest peer only ever adds: to what may be read by publishing, to what may
 * be written by releasing, and never beyond what our index in the header shows.
 * So a grant that shrinks is a lie, and what has been granted once stays good
 * without another look.
 */
enum vmbus_status ring_refresh_reader(struct ring *rx)
{
	u32 index = port_load_acquire(&rx->header->write_index);
	u32 consumed_bytes, published_bytes;

	if (!index_is_valid(rx, index))
		return VMBUS_E_RING_WRITE_INDEX;
	consumed_bytes = distance_bytes(rx, rx->shown, rx->local);
	published_bytes = distance_bytes(rx, rx->shown, index);
	if (published_bytes < consumed_bytes + rx->available_bytes)
		return VMBUS_E_RING_WRITE_BACKWARDS;
	rx->available_bytes = published_bytes - consumed_bytes;
	return VMBUS_OK;
}

enum vmbus_status ring_refresh_writer(struct ring *tx)
{
	u32 index = port_load_acquire(&tx->header->read_index);
	u32 used_bytes, available_bytes;

	if (!index_is_valid(tx, index))
		return VMBUS_E_RING_READ_INDEX;
	used_bytes = distance_bytes(tx, index, tx->local);
	/* 8 bytes stay free: equal indices mean empty. */
	available_bytes = tx->size_bytes - 8 - used_bytes;
	if (available_bytes < tx->available_bytes ||
	    used_bytes < distance_bytes(tx, tx->shown, tx->local))
		return VMBUS_E_RING_READ_BACKWARDS;
	tx->available_bytes = available_bytes;
	return VMBUS_OK;
}

/*
 * Signal only a reader that may be asleep: one that has read all there was
 * before this publication, and wants signals. The barrier keeps these loads
 * behind the store; the reader does the same the other way about, so that one
 * of the two sees the other. The mask comes first, because a reader that takes
 * it off has stored its index before.
 */
static bool show_writes(struct ring *tx)
{
	u32 before = tx->shown;

	if (tx->local == before)
		return false;
	port_store_release(&tx->header->write_index, tx->local);
	tx->shown = tx->local;
	port_barrier();
	if (port_load_acquire(&tx->header->interrupt_mask))
		return false;
	return port_load(&tx->header->read_index) == before;
}

bool ring_publish(struct ring *tx)
{
	bool owed = tx->signal_owed;

	tx->signal_owed = false;
	return show_writes(tx) || owed;
}

static enum vmbus_status wait_for_space(struct ring *tx, u32 bytes)
{
	/*
	 * The reader reckons the free space from the published index. If it
	 * did so while something is staged, it would believe that the writer
	 * has space already and never signal.
	 */
	if (show_writes(tx))
		tx->signal_owed = true;
	port_store(&tx->header->pending_send_bytes, bytes);
	tx->waiting = true;
	/* Space that came before the reader could see the size is found here.
	 */
	port_barrier();
	return ring_refresh_writer(tx);
}

enum vmbus_status ring_reserve(struct ring *tx, u32 bytes)
{
	enum vmbus_status status;

	if (bytes > tx->size_bytes - 8)
		return VMBUS_E_RING_TOO_SMALL;
	bytes = (bytes + 7) & ~7u;
	if (bytes > tx->available_bytes) {
		status = ring_refresh_writer(tx);
		if (status)
			return status;
	}
	if (bytes > tx->available_bytes) {
		status = wait_for_space(tx, bytes);
		if (status)
			return status;
	}
	if (bytes > tx->available_bytes)
		return VMBUS_AGAIN;
	if (tx->waiting) {
		port_store(&tx->header->pending_send_bytes, 0);
		tx->waiting = false;
	}
	return VMBUS_OK;
}

bool ring_peer_signals_space(const struct ring *tx)
{
	return tx->peer_signals_space;
}

/*
 * Signal when this release made the free space exceed the size waited for: not
 * when it did before (the writer saw that), not when it still does not. Loaded
 * in this order, since the writer stores its index before the size. A size that
 * no ring of this size can have free waits for an empty one.
 */
bool ring_release(struct ring *rx)
{
	u32 released_bytes = distance_bytes(rx, rx->shown, rx->local);
	u32 pending_bytes, write_index, free_bytes;

	if (!released_bytes)
		return false;
	port_store_release(&rx->header->read_index, rx->local);
	rx->shown = rx->local;
	port_barrier();

	pending_bytes = port_load_acquire(&rx->header->pending_send_bytes);
	if (!pending_bytes)
		return false;
	if (pending_bytes > rx->size_bytes - 8)
		pending_bytes = rx->size_bytes - 8;
	write_index = port_load(&rx->header->write_index);
	if (!index_is_valid(rx, write_index))
		return false;
	free_bytes =
		rx->size_bytes - distance_bytes(rx, rx->local, write_index);
	if (free_bytes < released_bytes)
		return false;
	return free_bytes > pending_bytes &&
	       free_bytes - released_bytes <= pending_bytes;
}

void ring_mask(struct ring *rx)
{
	port_store(&rx->header->interrupt_mask, 1);
}

bool ring_unmask(struct ring *rx)
{
	port_store_release(&rx->header->interrupt_mask, 0);
	/* The store must be seen before the index is looked at. */
	port_barrier();
	return !ring_empty(rx);
}

u32 ring_free_bytes(struct ring *tx)
{
	if (ring_refresh_writer(tx))
		return 0;
	return tx->available_bytes;
}

u32 ring_used_bytes(struct ring *rx)
{
	/* On a lie the old grant stands, and the next peek meets the lie. */
	(void)ring_refresh_reader(rx);
	return rx->available_bytes;
}

bool ring_empty(struct ring *rx)
{
	return ring_refresh_reader(rx) == VMBUS_OK && rx->available_bytes == 0;
}
