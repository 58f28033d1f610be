// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The steps by which the guest end comes up and goes down. */
#include "services/network/vsc_internal.h"

static bool step_applies(const struct network_vsc *vsc)
{
	const struct network_vsc_shared *shared = vsc->shared;
	u32 version = network_vsc_version_of(shared);

	switch (vsc->step) {
	case NETWORK_VSC_STEP_CONFIG:
		return version >= NETWORK_VERSION_2;
	case NETWORK_VSC_STEP_SEND_BUFFER:
		return shared->buffers.send != NULL;
	case NETWORK_VSC_STEP_SPEED:
	case NETWORK_VSC_STEP_QUEUES:
		return version >= NETWORK_VERSION_5;
	case NETWORK_VSC_STEP_SUB_CHANNELS:
		return version >= NETWORK_VERSION_5 &&
		       shared->options.channels > 1 && shared->queues > 1;
	case NETWORK_VSC_STEP_REVOKE_RECEIVE:
		return shared->slot_count != 0;
	case NETWORK_VSC_STEP_REVOKE_SEND:
		return shared->section_count != 0;
	default:
		return true;
	}
}

void network_vsc_advance(struct network_vsc *vsc,
			 struct network_vsc_event *event)
{
	do {
		vsc->step++;
	} while (!step_applies(vsc));
	if (vsc->step == NETWORK_VSC_STEP_RUNNING) {
		port_store_release(&vsc->shared->ready, 1u);
		event->kind = NETWORK_VSC_READY;
	} else if (vsc->step == NETWORK_VSC_STEP_CLOSED) {
		event->kind = NETWORK_VSC_CLOSED;
	}
}

void network_vsc_refuse(struct network_vsc *vsc,
			struct network_vsc_event *event, u32 status)
{
	vsc->step = NETWORK_VSC_STEP_FAILED;
	event->kind = NETWORK_VSC_REFUSED;
	event->status = status;
}

/* ---- questions ---- */

static void put_config(const struct network_vsc *vsc,
		       struct network_message *message)
{
	const struct network_vsc_options *options = &vsc->shared->options;
	u32 version = network_vsc_version_of(vsc->shared);
	struct network_ndis_config config = {
		.mtu_bytes = options->mtu_bytes + NETWORK_ETHERNET_BYTES,
		.capabilities = NETWORK_CAPABILITY_8021Q,
	};

	/* As Linux: teaming is what link speeds are told for. */
	if (version >= NETWORK_VERSION_5)
		config.capabilities |= NETWORK_CAPABILITY_TEAMING;
	if (version >= NETWORK_VERSION_5 && options->virtual_function)
		config.capabilities |= NETWORK_CAPABILITY_SRIOV;
	if (version >= NETWORK_VERSION_61)
		config.capabilities |= NETWORK_CAPABILITY_RSC;
	message->type = NETWORK_NDIS_CONFIG;
	port_copy(message->ndis_config, &config, sizeof(config));
}

static u16 sub_channels_wanted(const struct network_vsc_shared *shared)
{
	u16 channels = shared->options.channels;

	return (u16)((channels < shared->queues ? channels : shared->queues) -
		     1);
}

/* Returns whether the step is asked for by a message of NVSP, and now. */
static bool put_message(const struct network_vsc *vsc,
			struct network_message *message)
{
	const struct network_vsc_shared *shared = vsc->shared;

	switch (vsc->step) {
	case NETWORK_VSC_STEP_INIT:
		message->type = NETWORK_INIT;
		message->init.version_min = vsc->version;
		message->init.version_max = vsc->version;
		return true;
	case NETWORK_VSC_STEP_CONFIG:
		put_config(vsc, message);
		return true;
	case NETWORK_VSC_STEP_NDIS:
		message->type = NETWORK_NDIS_VERSION;
		message->ndis_version.major = 6;
		message->ndis_version.minor =
			vsc->version > NETWORK_VERSION_4 ? 30 : 1;
		return true;
	case NETWORK_VSC_STEP_RECEIVE_BUFFER:
		message->type = NETWORK_RECEIVE_BUFFER;
		message->buffer.gpadl = shared->buffers.receive_gpadl;
		message->buffer.id = NETWORK_RECEIVE_BUFFER_ID;
		return shared->buffers.receive != NULL;
	case NETWORK_VSC_STEP_SEND_BUFFER:
		message->type = NETWORK_SEND_BUFFER;
		message->buffer.gpadl = shared->buffers.send_gpadl;
		message->buffer.id = NETWORK_SEND_BUFFER_ID;
		return true;
	case NETWORK_VSC_STEP_SUB_CHANNELS:
		message->type = NETWORK_SUB_CHANNELS;
		message->sub_channels.operation = NETWORK_SUB_CHANNELS_ALLOCATE;
		message->sub_channels.count = sub_channels_wanted(shared);
		return true;
	case NETWORK_VSC_STEP_REVOKE_RECEIVE:
		message->type = NETWORK_REVOKE_RECEIVE_BUFFER;
		message->revoke.id = NETWORK_RECEIVE_BUFFER_ID;
		return true;
	case NETWORK_VSC_STEP_REVOKE_SEND:
		message->type = NETWORK_REVOKE_SEND_BUFFER;
		message->revoke.id = NETWORK_SEND_BUFFER_ID;
		return true;
	default:
		return false;
	}
}

static void put_in_band(struct network_vsc *vsc,
			const struct network_message *message, bool answered,
			struct network_vsc_out *out)
{
	out->type = PACKET_DATA_INBAND;
	out->flags = answered ? PACKET_FLAG_COMPLETION_REQUESTED : 0;
	out->transaction_id = NETWORK_QUESTION_BIT | ++vsc->sequence;
	out->message_bytes = 0;
	out->packet_bytes = network_vsc_message_bytes(vsc->shared);
	port_copy(out->packet, message, sizeof(*message));
}

static bool put_path(struct network_vsc *vsc, struct network_vsc_out *out)
{
	const struct network_message message = {
		.type = NETWORK_SWITCH_DATA_PATH,
		.data_path.path =
			vsc->path_vf ? NETWORK_PATH_VF : NETWORK_PATH_SYNTHETIC,
	};

	if (!vsc->path_wanted || vsc->path_id)
		return false;
	vsc->path_wanted = false;
	put_in_band(vsc, &message, true, out);
	vsc->path_id = out->transaction_id;
	return true;
}

bool network_vsc_transmit(struct network_vsc *vsc, struct network_vsc_out *out)
{
	struct network_message message = { 0 };
	struct network_vsc_event unused;
	bool answered;

	if (vsc->channel || vsc->awaiting)
		return false;
	if (vsc->step == NETWORK_VSC_STEP_RUNNING)
		return put_path(vsc, out) ||
		       (!vsc->control_held && !vsc->request &&
			network_vsc_put_request(vsc, out));
	/* Closing, what was asked before is waited for. */
	if (vsc->control_held || vsc->path_id)
		return false;
	if (network_vsc_put_step(vsc, out)) {
		vsc->awaiting = true;
		return true;
	}
	if (!put_message(vsc, &message))
		return false;
	answered = vsc->step != NETWORK_VSC_STEP_CONFIG &&
		   vsc->step != NETWORK_VSC_STEP_NDIS;
	put_in_band(vsc, &message, answered, out);
	/* Each message is as long as the version allows, the first as any. */
	if (vsc->step == NETWORK_VSC_STEP_INIT)
		out->packet_bytes = vsc->version >= NETWORK_VERSION_61
					    ? NETWORK_MESSAGE_BYTES
					    : NETWORK_MESSAGE_BYTES_OLD;
	if (answered)
		vsc->awaiting = true;
	else
		network_vsc_advance(vsc, &unused);
	return true;
}

/* ---- answers ---- */

static enum vmbus_status take_init(struct network_vsc *vsc,
				   const struct network_message *answer,
				   struct network_vsc_event *event)
{
	u32 status = answer->init_complete.status;

	if (status == NETWORK_STATUS_SUCCESS) {
		port_store_release(&vsc->shared->version, vsc->version);
		event->kind = NETWORK_VSC_VERSION;
		network_vsc_advance(vsc, event);
		return VMBUS_OK;
	}
	vsc->version = network_vsc_version_below(vsc->shared, vsc->version);
	if (!vsc->version)
		network_vsc_refuse(vsc, event, status);
	return VMBUS_OK;
}

static enum vmbus_status take_receive(struct network_vsc *vsc,
				      const struct network_message *answer,
				      struct network_vsc_event *event)
{
	const struct network_receive_complete *complete =
		&answer->receive_complete;
	struct network_vsc_shared *shared = vsc->shared;

	if (complete->status != NETWORK_STATUS_SUCCESS) {
		network_vsc_refuse(vsc, event, complete->status);
		return VMBUS_OK;
	}
	if (complete->section_count != 1 || complete->offset_bytes ||
	    !complete->slot_bytes || !complete->slot_count ||
	    (u64)complete->slot_bytes * complete->slot_count >
		    shared->buffers.receive_bytes)
		return VMBUS_E_NETWORK_BUFFER;
	shared->slot_bytes = complete->slot_bytes;
	shared->slot_count = complete->slot_count;
	network_vsc_advance(vsc, event);
	return VMBUS_OK;
}

/* Without sections frames go by page list. */
static enum vmbus_status take_send(struct network_vsc *vsc,
				   const struct network_message *answer,
				   struct network_vsc_event *event)
{
	const struct network_send_complete *complete = &answer->send_complete;
	struct network_vsc_shared *shared = vsc->shared;
	u32 bytes = complete->section_bytes;

	if (complete->status == NETWORK_STATUS_SUCCESS && bytes &&
	    bytes % 4 == 0 && bytes <= shared->buffers.send_bytes) {
		shared->section_bytes = bytes;
		shared->section_count = shared->buffers.send_bytes / bytes;
		if (shared->section_count > NETWORK_VSC_SECTIONS_MAX)
			shared->section_count = NETWORK_VSC_SECTIONS_MAX;
		network_vsc_sections_init(shared);
	}
	network_vsc_advance(vsc, event);
	return VMBUS_OK;
}

static enum vmbus_status take_sub_channels(struct network_vsc *vsc,
					   const struct network_message *answer,
					   struct network_vsc_event *event)
{
	const struct network_sub_channels *complete = &answer->sub_channels;
	u16 wanted = sub_channels_wanted(vsc->shared);

	network_vsc_advance(vsc, event);
	if (complete->operation == NETWORK_STATUS_SUCCESS)
		event->sub_channels = complete->count < wanted
					      ? (u16)complete->count
					      : wanted;
	return VMBUS_OK;
}

/* What answers a step's question. */
static const struct answer_row {
	u8 step;
	u8 type; /* 0: empty */
	u8 bytes;
	enum vmbus_status (*take)(struct network_vsc *vsc,
				  const struct network_message *answer,
				  struct network_vsc_event *event);
} answers[] = {
	{ NETWORK_VSC_STEP_INIT, NETWORK_INIT_COMPLETE, 16, take_init },
	{ NETWORK_VSC_STEP_RECEIVE_BUFFER, NETWORK_RECEIVE_BUFFER_COMPLETE, 28,
	  take_receive },
	{ NETWORK_VSC_STEP_SEND_BUFFER, NETWORK_SEND_BUFFER_COMPLETE, 12,
	  take_send },
	{ NETWORK_VSC_STEP_SUB_CHANNELS, NETWORK_SUB_CHANNELS, 12,
	  take_sub_channels },
	{ NETWORK_VSC_STEP_REVOKE_RECEIVE, 0, 0, NULL },
	{ NETWORK_VSC_STEP_REVOKE_SEND, 0, 0, NULL },
};

enum vmbus_status network_vsc_take_answer(struct network_vsc *vsc,
					  const struct network_message *answer,
					  u32 bytes,
					  struct network_vsc_event *event)
{
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(answers); i++) {
		if (answers[i].step != vsc->step)
			continue;
		if (bytes < answers[i].bytes)
			return VMBUS_E_NETWORK_SHORT;
		vsc->awaiting = false;
		if (!answers[i].take) {
			network_vsc_advance(vsc, event);
			return VMBUS_OK;
		}
		if (answer->type != answers[i].type)
			return VMBUS_E_NETWORK_MESSAGE;
		return answers[i].take(vsc, answer, event);
	}
	return VMBUS_E_NETWORK_TRANSACTION;
}
