// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* RNDIS control messages. */
#include "services/network/packet.h"
#include "services/network/vsp_internal.h"

#define PACKETS_MAX    8u /* as real hosts: a guest's batch in one section */
#define ALIGNMENT_LOG2 3u

/* The message that is carried out. */
struct control {
	u8 message[NETWORK_CONTROL_MAX_BYTES]; /* our copy */
	u32 body_bytes;
	u8 response[NETWORK_RESPONSE_BYTES];
	u32 response_bytes; /* 0: none */
	u8 changed;
};

static const u8 *body_of(const struct control *control)
{
	return control->message + RNDIS_HEADER_BYTES;
}

/* The response is @body and what already stands behind it. */
static void respond(struct control *control, u32 type, const void *body,
		    u32 bytes, u32 info_bytes)
{
	const struct rndis_header header = {
		.type = type | RNDIS_ANSWER,
		.bytes = RNDIS_HEADER_BYTES + bytes + info_bytes,
	};

	port_copy(control->response, &header, sizeof(header));
	port_copy(control->response + RNDIS_HEADER_BYTES, body, bytes);
	control->response_bytes = header.bytes;
}

static void initialize(struct network_vsp *vsp, struct control *control)
{
	struct rndis_initialize_answer answer = {
		.major = RNDIS_VERSION_MAJOR,
		.minor = RNDIS_VERSION_MINOR,
		.flags = RNDIS_CONNECTIONLESS,
		.medium = RNDIS_MEDIUM_802_3,
		.packets_max = PACKETS_MAX,
		.transfer_max_bytes = NETWORK_TRANSFER_MAX_BYTES,
		.alignment = ALIGNMENT_LOG2,
	};

	port_copy(&answer.id, body_of(control), sizeof(answer.id));
	vsp->shared->initialized = true;
	control->changed = NETWORK_CHANGED_RUNNING;
	respond(control, RNDIS_INITIALIZE, &answer, sizeof(answer), 0);
}

/* Back to how it was before INITIALIZE; there is no response. */
static void halt(struct network_vsp *vsp, struct control *control)
{
	struct network_vsp_shared *shared = vsp->shared;

	shared->initialized = false;
	shared->settings.filter.packet_filter = 0;
	shared->settings.filter.multicast_count = 0;
	control->changed = NETWORK_CHANGED_RUNNING | NETWORK_CHANGED_FILTER;
}

static void reset(struct network_vsp *vsp, struct control *control)
{
	/* The guest sets its filter and list again. */
	const struct rndis_reset_answer answer = { .addressing_reset = 1 };
	struct network_filter *filter = &vsp->shared->settings.filter;

	filter->packet_filter = 0;
	filter->multicast_count = 0;
	control->changed = NETWORK_CHANGED_RUNNING | NETWORK_CHANGED_FILTER;
	respond(control, RNDIS_RESET, &answer, sizeof(answer), 0);
}

static void keepalive(struct network_vsp *vsp, struct control *control)
{
	struct rndis_answer answer = { .status = RNDIS_STATUS_SUCCESS };

	(void)vsp;
	port_copy(&answer.id, body_of(control), sizeof(answer.id));
	respond(control, RNDIS_KEEPALIVE, &answer, sizeof(answer), 0);
}

/* The object that the message is about. False: its data is not in it. */
static bool find_object(struct network_vsp *vsp, const struct control *control,
			struct rndis_object_request *request,
			struct network_object *object)
{
	port_fill(object, 0, sizeof(*object));
	port_copy(request, body_of(control), sizeof(*request));
	object->vsp = vsp;
	object->oid = request->oid;
	if (!request->info_bytes)
		return true;
	if (request->info_offset_bytes < sizeof(*request) ||
	    request->info_offset_bytes > control->body_bytes ||
	    request->info_bytes >
		    control->body_bytes - request->info_offset_bytes)
		return false;
	object->info = body_of(control) + request->info_offset_bytes;
	object->info_bytes = request->info_bytes;
	return true;
}

static void query(struct network_vsp *vsp, struct control *control)
{
	struct rndis_query_answer answer = {
		.status = RNDIS_STATUS_INVALID_DATA
	};
	struct rndis_object_request request;
	struct network_object object;

	if (find_object(vsp, control, &request, &object)) {
		object.out =
			control->response + RNDIS_HEADER_BYTES + sizeof(answer);
		answer.status = network_object_query(&object);
	}
	if (answer.status)
		object.out_bytes = 0;
	answer.id = request.id;
	answer.info_bytes = object.out_bytes;
	answer.info_offset_bytes = object.out_bytes ? sizeof(answer) : 0;
	respond(control, RNDIS_QUERY, &answer, sizeof(answer),
		object.out_bytes);
}

static void set(struct network_vsp *vsp, struct control *control)
{
	struct rndis_answer answer = { .status = RNDIS_STATUS_INVALID_DATA };
	struct rndis_object_request request;
	struct network_object object;

	if (find_object(vsp, control, &request, &object))
		answer.status = network_object_set(&object);
	answer.id = request.id;
	control->changed = object.changed;
	respond(control, RNDIS_SET, &answer, sizeof(answer), 0);
}

/* What a guest may send on the control channel. */
static const struct control_row {
	u32 type;
	u32 bytes; /* of the body, at least */
	void (*carry_out)(struct network_vsp *vsp, struct control *control);
} rows[] = {
	{ RNDIS_INITIALIZE, sizeof(struct rndis_initialize), initialize },
	{ RNDIS_HALT, 0, halt }, /* iPXE's has no id */
	{ RNDIS_QUERY, sizeof(struct rndis_object_request), query },
	{ RNDIS_SET, sizeof(struct rndis_object_request), set },
	{ RNDIS_RESET, 0, reset },
	{ RNDIS_KEEPALIVE, sizeof(struct rndis_request), keepalive },
};

static enum vmbus_status carry_out(struct network_vsp *vsp,
				   const struct ring_vec *pieces,
				   u32 piece_count, struct control *control)
{
	u32 bytes = network_pieces_bytes(pieces, piece_count), i;
	struct rndis_header header;

	if (bytes < sizeof(header) || bytes > sizeof(control->message))
		return VMBUS_E_NETWORK_RNDIS_LENGTH;
	network_pieces_copy(pieces, piece_count, 0, control->message, bytes);
	port_copy(&header, control->message, sizeof(header));
	if (header.bytes < sizeof(header) || header.bytes > bytes)
		return VMBUS_E_NETWORK_RNDIS_LENGTH;
	control->body_bytes = header.bytes - RNDIS_HEADER_BYTES;
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		if (rows[i].type != header.type)
			continue;
		if (control->body_bytes < rows[i].bytes)
			return VMBUS_E_NETWORK_RNDIS_LENGTH;
		rows[i].carry_out(vsp, control);
		return VMBUS_OK;
	}
	return VMBUS_E_NETWORK_RNDIS_TYPE;
}

enum vmbus_status network_vsp_control(struct network_vsp *vsp,
				      const struct ring_vec *pieces,
				      u32 piece_count,
				      struct network_vsp_action *action,
				      struct network_vsp_out *response)
{
	struct network_vsp_shared *shared = vsp->shared;
	struct control control;
	enum vmbus_status status;
	u16 slot;

	control.response_bytes = 0;
	control.changed = 0;
	response->packet_bytes = 0;
	status = carry_out(vsp, pieces, piece_count, &control);
	if (status)
		return status;
	if (control.response_bytes) {
		slot = network_slot_take(vsp, true);
		if (slot == NETWORK_SLOT_NONE)
			return VMBUS_E_NETWORK_FLOOD;
		network_put_response(vsp, slot, control.response,
				     control.response_bytes, response);
	}
	if (control.changed) {
		network_update_running(shared);
		network_vsp_publish(shared);
		network_vsp_settings(vsp);
		action->changed |= control.changed;
	}
	network_vsp_complete(vsp, action);
	return VMBUS_OK;
}
