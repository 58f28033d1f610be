// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Guest end of the synthetic network: NVSP. */
#include "services/network/vsc_internal.h"

#define MTU_BYTES     1500u
#define MTU_MIN_BYTES 68u
#define MTU_MAX_BYTES (65535u - NETWORK_ETHERNET_BYTES)

/* Newest first, as they are tried. */
static const u32 versions[] = {
	NETWORK_VERSION_61, NETWORK_VERSION_6, NETWORK_VERSION_5,
	NETWORK_VERSION_4,  NETWORK_VERSION_2, NETWORK_VERSION_1,
};

/* The newest version below @limit that may be spoken, 0: none. */
u32 network_vsc_version_below(const struct network_vsc_shared *shared,
			      u32 limit)
{
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(versions); i++) {
		if (versions[i] < limit &&
		    versions[i] >= shared->options.version_min)
			return versions[i];
	}
	return 0;
}

u32 network_vsc_version_of(const struct network_vsc_shared *shared)
{
	return port_load_acquire(&shared->version);
}

u32 network_vsc_message_bytes(const struct network_vsc_shared *shared)
{
	return network_vsc_version_of(shared) >= NETWORK_VERSION_61
		       ? NETWORK_MESSAGE_BYTES
		       : NETWORK_MESSAGE_BYTES_OLD;
}

enum vmbus_status
network_vsc_shared_init(struct network_vsc_shared *shared,
			const struct network_vsc_options *options)
{
	struct network_vsc_options *own = &shared->options;

	port_fill(shared, 0, sizeof(*shared));
	*own = *options;
	if (!own->version_max)
		own->version_max = NETWORK_VERSION_61;
	if (!own->mtu_bytes)
		own->mtu_bytes = MTU_BYTES;
	if (!own->channels)
		own->channels = 1;
	shared->mtu_bytes = own->mtu_bytes;
	shared->channel_count = 1;
	shared->packets_max = 1;
	shared->queues = 1;
	return network_vsc_version_below(shared, own->version_max + 1) &&
			       own->mtu_bytes >= MTU_MIN_BYTES &&
			       own->mtu_bytes <= MTU_MAX_BYTES &&
			       own->channels <= NETWORK_CHANNELS_MAX
		       ? VMBUS_OK
		       : VMBUS_BAD_ARGUMENT;
}

enum vmbus_status network_vsc_init(struct network_vsc *vsc,
				   struct network_vsc_shared *shared,
				   u16 channel, struct network_vsc_slot *slots,
				   u32 slot_count)
{
	if (!slot_count || slot_count > NETWORK_VSC_SLOTS_MAX)
		return VMBUS_BAD_ARGUMENT;
	port_fill(vsc, 0, sizeof(*vsc));
	vsc->shared = shared;
	vsc->channel = channel;
	vsc->step = channel ? NETWORK_VSC_STEP_RUNNING : NETWORK_VSC_STEP_INIT;
	vsc->version = network_vsc_version_below(
		shared, shared->options.version_max + 1);
	vsc->slots = slots;
	vsc->slot_count = (u16)slot_count;
	network_vsc_slots_init(vsc);
	return VMBUS_OK;
}

enum vmbus_status network_vsc_buffers(struct network_vsc *vsc,
				      const struct network_vsc_buffers *buffers)
{
	struct network_vsc_shared *shared = vsc->shared;
	u32 max = network_vsc_version_of(shared) <= NETWORK_VERSION_2
			  ? NETWORK_RECEIVE_MAX_OLD_BYTES
			  : NETWORK_RECEIVE_MAX_BYTES;

	if (!network_vsc_version_of(shared) || shared->buffers.receive ||
	    vsc->step > NETWORK_VSC_STEP_RECEIVE_BUFFER)
		return VMBUS_NOT_READY;
	if (!buffers->receive || !buffers->receive_bytes ||
	    buffers->receive_bytes > max ||
	    buffers->send_bytes > NETWORK_SEND_MAX_BYTES)
		return VMBUS_BAD_ARGUMENT;
	shared->buffers = *buffers;
	return VMBUS_OK;
}

/* ---- completions ---- */

/* The memory of a control message is ours again. */
static void take_control_held(struct network_vsc *vsc, u32 status,
			      struct network_vsc_event *event)
{
	vsc->control_held = false;
	if (vsc->step == NETWORK_VSC_STEP_HALT) {
		vsc->awaiting = false;
		network_vsc_advance(vsc, event);
		return;
	}
	if (status == NETWORK_STATUS_SUCCESS)
		return;
	/* It was not carried out, so no response comes. */
	if (vsc->request) {
		event->kind = NETWORK_VSC_COMPLETED;
		event->request = vsc->request;
		event->status = RNDIS_STATUS_FAILURE;
		vsc->request = NETWORK_VSC_REQUEST_NONE;
	} else if (vsc->awaiting) {
		network_vsc_refuse(vsc, event, status);
	}
}

static enum vmbus_status take_completion(struct network_vsc *vsc, u64 id,
					 const struct network_message *message,
					 u32 bytes,
					 struct network_vsc_event *event)
{
	bool rndis = bytes >= 8 && message->type == NETWORK_RNDIS_COMPLETE;

	if (!(id & NETWORK_QUESTION_BIT)) {
		if (!rndis)
			return bytes < 8 ? VMBUS_E_NETWORK_SHORT
					 : VMBUS_E_NETWORK_MESSAGE;
		return network_vsc_take_sent(vsc, id, message->complete.status,
					     event);
	}
	if (vsc->path_id && id == vsc->path_id) {
		vsc->path_id = 0;
		event->kind = NETWORK_VSC_PATH;
		return VMBUS_OK;
	}
	if (vsc->control_held && id == vsc->control_id) {
		if (!rndis)
			return bytes < 8 ? VMBUS_E_NETWORK_SHORT
					 : VMBUS_E_NETWORK_MESSAGE;
		take_control_held(vsc, message->complete.status, event);
		return VMBUS_OK;
	}
	if (!vsc->awaiting || id != (NETWORK_QUESTION_BIT | vsc->sequence))
		/* What was asked before it closed. */
		return vsc->step >= NETWORK_VSC_STEP_HALT
			       ? VMBUS_OK
			       : VMBUS_E_NETWORK_TRANSACTION;
	return network_vsc_take_answer(vsc, message, bytes, event);
}

/* ---- notices ---- */

static enum vmbus_status take_table(struct network_vsc *vsc,
				    const struct packet_view *view,
				    const struct network_message *message,
				    struct network_vsc_event *event)
{
	u32 offset = message->indirection.offset_bytes, i;
	const u32 bytes = NETWORK_SEND_TABLE * sizeof(u32);
	struct network_vsc_shared *shared = vsc->shared;
	u32 table[NETWORK_SEND_TABLE];

	/* Hosts up to version 6 told a wrong offset: behind a long message. */
	if (network_vsc_version_of(shared) <= NETWORK_VERSION_6 &&
	    view->payload_bytes >= NETWORK_MESSAGE_BYTES + bytes)
		offset = NETWORK_MESSAGE_BYTES;
	if (message->indirection.count != NETWORK_SEND_TABLE ||
	    view->payload_bytes < bytes || offset > view->payload_bytes - bytes)
		return VMBUS_E_NETWORK_SHORT;
	port_copy(table, view->payload + offset, bytes);
	for (i = 0; i < NETWORK_SEND_TABLE; i++)
		port_store(&shared->send_table[i], table[i]);
	event->kind = NETWORK_VSC_TABLE;
	return VMBUS_OK;
}

static enum vmbus_status take_notice(struct network_vsc *vsc,
				     const struct packet_view *view,
				     const struct network_message *message,
				     struct network_vsc_event *event)
{
	struct network_vsc_shared *shared = vsc->shared;
	u32 version = network_vsc_version_of(shared);

	if (vsc->channel)
		return VMBUS_E_NETWORK_MESSAGE;
	if (message->type == NETWORK_INDIRECTION_TABLE &&
	    version >= NETWORK_VERSION_5)
		return view->payload_bytes < 12
			       ? VMBUS_E_NETWORK_SHORT
			       : take_table(vsc, view, message, event);
	if (message->type != NETWORK_VF_ASSOCIATION ||
	    version < NETWORK_VERSION_4)
		return VMBUS_E_NETWORK_MESSAGE;
	if (view->payload_bytes < 12)
		return VMBUS_E_NETWORK_SHORT;
	shared->vf_allocated = message->vf.allocated != 0;
	shared->vf_serial = message->vf.serial;
	event->kind = NETWORK_VSC_VF;
	return VMBUS_OK;
}

/* ---- receiving ---- */

static enum vmbus_status take_ranges(const struct network_vsc *vsc,
				     const struct packet_view *view,
				     const struct network_message *message,
				     struct network_vsc_event *event)
{
	const struct network_vsc_shared *shared = vsc->shared;
	struct packet_transfer_range range;
	u32 i;

	if (view->payload_bytes < 16)
		return VMBUS_E_NETWORK_SHORT;
	if (message->type != NETWORK_RNDIS)
		return VMBUS_E_NETWORK_MESSAGE;
	if (!shared->slot_count ||
	    view->transfer_pageset != NETWORK_RECEIVE_BUFFER_ID ||
	    view->range_count > NETWORK_RANGES_MAX)
		return VMBUS_E_NETWORK_RANGE;
	for (i = 0; packet_transfer_range(view, i, &range); i++) {
		if (range.size_bytes > shared->slot_bytes ||
		    range.offset_bytes > shared->buffers.receive_bytes ||
		    range.size_bytes >
			    shared->buffers.receive_bytes - range.offset_bytes)
			return VMBUS_E_NETWORK_RANGE;
	}
	event->kind = NETWORK_VSC_RANGES;
	return VMBUS_OK;
}

enum vmbus_status network_vsc_receive(struct network_vsc *vsc,
				      const struct packet_view *view,
				      struct network_vsc_event *event)
{
	u32 bytes = view->payload_bytes < NETWORK_MESSAGE_BYTES
			    ? view->payload_bytes
			    : NETWORK_MESSAGE_BYTES;
	struct network_message message = { 0 };

	port_fill(event, 0, sizeof(*event));
	if (bytes)
		port_copy(&message, view->payload, bytes);
	if (view->type == PACKET_COMPLETION)
		return take_completion(vsc, view->transaction_id, &message,
				       bytes, event);
	if (view->type == PACKET_DATA_TRANSFER_PAGES)
		return take_ranges(vsc, view, &message, event);
	if (view->type != PACKET_DATA_INBAND)
		return VMBUS_E_NETWORK_TYPE;
	if (bytes < sizeof(message.type))
		return VMBUS_E_NETWORK_SHORT;
	return take_notice(vsc, view, &message, event);
}

/* ---- what the caller wants ---- */

u16 network_vsc_channel_of(const struct network_vsc_shared *shared, u32 hash)
{
	u16 count = port_load(&shared->channel_count);

	/* None while the next session is made ready. */
	if (count < 2)
		return 0;
	return (u16)(port_load(&shared->send_table[hash % NETWORK_SEND_TABLE]) %
		     count);
}

void network_vsc_opened(struct network_vsc *vsc, u16 channel_count)
{
	struct network_vsc_shared *shared = vsc->shared;
	u32 i;

	port_store(&shared->channel_count, channel_count ? channel_count : 1);
	for (i = 0; i < NETWORK_SEND_TABLE; i++)
		port_store(&shared->send_table[i], i % shared->channel_count);
	network_vsc_request(vsc, NETWORK_VSC_REQUEST_RSS);
}

void network_vsc_data_path(struct network_vsc *vsc, bool virtual_function)
{
	if (network_vsc_version_of(vsc->shared) < NETWORK_VERSION_4)
		return;
	vsc->path_wanted = true;
	vsc->path_vf = virtual_function;
}

void network_vsc_close(struct network_vsc *vsc)
{
	struct network_vsc_event unused;

	if (vsc->step >= NETWORK_VSC_STEP_HALT &&
	    vsc->step != NETWORK_VSC_STEP_FAILED)
		return;
	port_store_release(&vsc->shared->ready, 0u);
	vsc->awaiting = false;
	vsc->request = NETWORK_VSC_REQUEST_NONE;
	vsc->wanted = 0;
	vsc->path_wanted = false;
	/* Before there were slots there is no answer to a HALT. */
	vsc->step = NETWORK_VSC_STEP_HALT;
	if (!vsc->shared->slot_count)
		network_vsc_advance(vsc, &unused);
}
