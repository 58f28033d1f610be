/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>

#include "host/device/guest_memory.h"
#include "host/device/net_internal.h"

/* Bytes of all page ranges of the packet. */
static u32 ranges_bytes(const struct packet_view *view)
{
	struct packet_gpa_range range;
	u64 bytes = 0;
	u32 cursor = 0;

	while (packet_next_gpa_range(view, &cursor, &range))
		bytes += range.size_bytes;
	return bytes > NETWORK_TRANSFER_MAX_BYTES
		       ? NETWORK_TRANSFER_MAX_BYTES + 1
		       : (u32)bytes;
}

bool net_worker_pieces(struct net_worker *worker)
{
	u32 bytes = worker->view.range_count ? ranges_bytes(&worker->view) : 0;
	u32 count = 0, mapped = 0;

	if (worker->action.section.size_bytes)
		worker->pieces[count++] = worker->action.section;
	if (bytes > NETWORK_TRANSFER_MAX_BYTES ||
	    (bytes && !guest_memory_map(worker->machine, &worker->view, bytes,
					worker->iov, NET_TRANSFER_PIECES - 1,
					&mapped))) {
		bus_channel_fail(worker->channel, VMBUS_E_NETWORK_TRANSFER);
		return false;
	}
	for (u32 i = 0; i < mapped; i++)
		worker->pieces[count++] =
			(struct ring_vec){ worker->iov[i].iov_base,
					   (u32)worker->iov[i].iov_len };
	worker->piece_count = count;
	return true;
}

/* The frame: its head, then what follows that in the guest's memory. The
 * number of pieces, 0: there are too many. */
static int frame_pieces(struct net_worker *worker,
			struct iovec iov[NET_PIECES_MAX])
{
	const struct network_tx *tx = &worker->tx;
	u32 skip = tx->rest_offset_bytes, left = tx->rest_bytes;
	int count = 1;

	iov[0] = (struct iovec){ worker->tx.head, tx->head_bytes };
	for (u32 i = 0; left && i < worker->piece_count; i++) {
		const struct ring_vec *piece = &worker->pieces[i];
		u32 part = piece->size_bytes;

		if (skip >= part) {
			skip -= part;
			continue;
		}
		part -= skip;
		if (part > left)
			part = left;
		if (count == NET_PIECES_MAX)
			return 0;
		iov[count++] = (struct iovec){ (u8 *)piece->base + skip, part };
		left -= part;
		skip = 0;
	}
	return count;
}

/* Whether the frame in worker->tx is done with. */
static bool frame_send(struct net_worker *worker)
{
	struct iovec iov[NET_PIECES_MAX];
	int count = frame_pieces(worker, iov);
	int code = -EINVAL;

	if (count && worker->queue && worker->link_up)
		code = net_queue_send(worker->queue, &worker->tx.vnet, iov,
				      count);
	if (code == -EAGAIN)
		return false;
	worker->sent = true;
	network_vsp_tx_count(&worker->vsp, &worker->tx, code == 0);
	return true;
}

/* The next frame into worker->tx; VMBUS_AGAIN: there are no more. */
static enum vmbus_status frame_next(struct net_worker *worker)
{
	enum vmbus_status status;

	for (;;) {
		status = network_vsp_tx_next(&worker->vsp, &worker->cursor,
					     &worker->tx);
		if (status != VMBUS_OK)
			return status;
		if (network_vlan_out(&worker->vlan, &worker->tx.tag)) {
			network_tx_put_tag(&worker->tx);
			return VMBUS_OK;
		}
		network_vsp_tx_count(&worker->vsp, &worker->tx, false);
	}
}

static void transfer_end(struct net_worker *worker)
{
	struct network_vsp_action *action = &worker->action;
	struct ring_vec vec;
	struct packet_out packet = {
		.type = PACKET_COMPLETION,
		.vec = &vec,
		.vec_count = 1,
	};

	network_vsp_complete(&worker->vsp, action);
	vec = (struct ring_vec){ action->packet, action->packet_bytes };
	packet.transaction_id = action->transaction_id;
	if (action->answer) {
		bus_channel_send(worker->channel, &packet);
		if (worker->view.range_count)
			worker->urgent = true;
		else
			worker->lazy++;
	}
	bus_channel_done(worker->channel, &worker->view);
	worker->transfer = false;
}

bool net_worker_send(struct net_worker *worker)
{
	for (;;) {
		enum vmbus_status status;

		if (worker->blocked && !frame_send(worker))
			return false;
		worker->blocked = false;
		status = frame_next(worker);
		if (status == VMBUS_AGAIN)
			break;
		if (status != VMBUS_OK) {
			bus_channel_fail(worker->channel, status);
			return false;
		}
		worker->blocked = true;
	}
	transfer_end(worker);
	return true;
}
