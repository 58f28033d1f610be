// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The buffers that a guest lends its host. */
#include "services/network/vsp_internal.h"

#define SLOT_ALIGN_BYTES 64u
#define CONTROL_SLOTS	 64u

static enum vmbus_status refuse_buffer(const struct network_vsp *vsp,
				       struct network_vsp_action *action)
{
	const struct network_message message = {
		.type = action->receive_buffer ? NETWORK_RECEIVE_BUFFER_COMPLETE
					       : NETWORK_SEND_BUFFER_COMPLETE,
		.complete.status = NETWORK_STATUS_FAIL,
	};

	return network_answer(vsp, action, &message);
}

enum vmbus_status network_take_buffer(struct network_vsp *vsp,
				      const struct network_incoming *in,
				      struct network_vsp_action *action)
{
	struct network_vsp_shared *shared = vsp->shared;
	const struct network_buffer *request = &in->message.buffer;

	action->receive_buffer = in->message.type == NETWORK_RECEIVE_BUFFER;
	if (action->receive_buffer ? shared->receive.base != NULL
				   : shared->send.base != NULL)
		return refuse_buffer(vsp, action);
	if (action->receive_buffer)
		shared->receive.id = request->id;
	else
		shared->send.id = request->id;
	action->step = NETWORK_VSP_BUFFER;
	action->gpadl = request->gpadl;
	return VMBUS_OK;
}

enum vmbus_status network_revoke_buffer(struct network_vsp *vsp,
					const struct network_incoming *in,
					struct network_vsp_action *action)
{
	struct network_vsp_shared *shared = vsp->shared;

	action->receive_buffer =
		in->message.type == NETWORK_REVOKE_RECEIVE_BUFFER;
	if (action->receive_buffer ? !shared->receive.base : !shared->send.base)
		return network_answer_empty(action);
	action->step = NETWORK_VSP_REVOKE;
	return VMBUS_OK;
}

/* What one slot has to hold: a frame, or the longest response. */
static u32 slot_bytes(const struct network_vsp_shared *shared)
{
	u32 frame = shared->settings.frame_bytes, bytes;

	if (frame < NETWORK_FRAME_BYTES)
		frame = NETWORK_FRAME_BYTES;
	bytes = NETWORK_SLOT_DATA_BYTES + frame + NETWORK_TAG_BYTES;
	if (bytes < shared->options.slot_min_bytes)
		bytes = shared->options.slot_min_bytes;
	return (bytes + SLOT_ALIGN_BYTES - 1) & ~(SLOT_ALIGN_BYTES - 1);
}

u32 network_vsp_slots(const struct network_vsp_shared *shared, u32 bytes)
{
	u32 max = network_vsp_version(shared) <= NETWORK_VERSION_2
			  ? NETWORK_RECEIVE_MAX_OLD_BYTES
			  : NETWORK_RECEIVE_MAX_BYTES;
	u32 count = bytes / slot_bytes(shared);

	if (bytes > max || count < 2)
		return 0;
	return count < NETWORK_SLOTS_MAX ? count : NETWORK_SLOTS_MAX;
}

static void attach_receive(struct network_vsp *vsp,
			   struct network_vsp_action *action, void *base,
			   u32 bytes, struct network_slot *slots)
{
	struct network_vsp_shared *shared = vsp->shared;
	struct network_receive_buffer *buffer = &shared->receive;
	struct network_message message = {
		.type = NETWORK_RECEIVE_BUFFER_COMPLETE,
		.receive_complete.status = NETWORK_STATUS_SUCCESS,
		.receive_complete.section_count = 1,
	};

	buffer->base = base;
	buffer->slots = slots;
	buffer->slot_bytes = slot_bytes(shared);
	buffer->slot_count = network_vsp_slots(shared, bytes);
	buffer->control_count = buffer->slot_count / 4;
	if (!buffer->control_count)
		buffer->control_count = 1;
	if (buffer->control_count > CONTROL_SLOTS)
		buffer->control_count = CONTROL_SLOTS;
	network_slots_init(buffer);
	message.receive_complete.slot_bytes = buffer->slot_bytes;
	message.receive_complete.slot_count = buffer->slot_count;
	message.receive_complete.end_bytes =
		buffer->slot_bytes * buffer->slot_count;
	if (shared->vf_allocated)
		network_vsp_vf(vsp, true, shared->vf_serial);
	network_update_running(shared);
	network_vsp_publish(shared);
	network_vsp_settings(vsp);
	port_store_release(&shared->ready, 1u);
	action->ready = true;
	action->changed |= NETWORK_CHANGED_RUNNING;
	network_answer(vsp, action, &message);
}

static void attach_send(struct network_vsp *vsp,
			struct network_vsp_action *action, void *base,
			u32 bytes)
{
	struct network_send_buffer *buffer = &vsp->shared->send;
	struct network_message message = {
		.type = NETWORK_SEND_BUFFER_COMPLETE,
		.send_complete.status = NETWORK_STATUS_SUCCESS,
	};

	buffer->base = base;
	buffer->section_bytes = vsp->shared->options.send_section_bytes;
	buffer->section_count = bytes / buffer->section_bytes;
	message.send_complete.section_bytes = buffer->section_bytes;
	network_answer(vsp, action, &message);
}

void network_vsp_attach(struct network_vsp *vsp,
			struct network_vsp_action *action, void *base,
			u32 bytes, struct network_slot *slots)
{
	const struct network_vsp_shared *shared = vsp->shared;
	bool fits =
		action->receive_buffer
			? network_vsp_slots(shared, bytes) != 0
			: bytes <= NETWORK_SEND_MAX_BYTES &&
				  bytes >= shared->options.send_section_bytes;

	if (!base || !fits)
		refuse_buffer(vsp, action);
	else if (action->receive_buffer)
		attach_receive(vsp, action, base, bytes, slots);
	else
		attach_send(vsp, action, base, bytes);
}

void network_vsp_detach(struct network_vsp *vsp,
			struct network_vsp_action *action)
{
	struct network_vsp_shared *shared = vsp->shared;

	if (action->receive_buffer) {
		shared->receive.base = NULL;
		shared->receive.slots = NULL;
		shared->receive.slot_count = 0;
		network_update_running(shared);
		network_vsp_publish(shared);
		network_vsp_settings(vsp);
		action->changed |= NETWORK_CHANGED_RUNNING;
	} else {
		shared->send.base = NULL;
		shared->send.section_count = 0;
	}
	network_answer_empty(action);
}
