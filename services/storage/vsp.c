// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Host end of synthetic storage. */
#include "services/storage/vsp.h"

#define TRANSFER_MAX_BYTES 0x100000u

/* Reading the packet that is being received. */
struct incoming {
	struct storage_packet packet; /* our copy */
	const struct packet_view *view;
};

static const u16 versions[] = {
	STORAGE_VERSION_2_0, STORAGE_VERSION_4_2, STORAGE_VERSION_5_1,
	STORAGE_VERSION_6_0, STORAGE_VERSION_6_2,
};

static bool version_known(u16 version)
{
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(versions); i++) {
		if (versions[i] == version)
			return true;
	}
	return false;
}

enum vmbus_status
storage_vsp_shared_init(struct storage_vsp_shared *shared,
			const struct storage_vsp_options *options)
{
	port_fill(shared, 0, sizeof(*shared));
	shared->options = *options;
	if (!shared->options.version_max)
		shared->options.version_max = STORAGE_VERSION_6_2;
	if (!shared->options.transfer_max_bytes)
		shared->options.transfer_max_bytes = TRANSFER_MAX_BYTES;
	if (!version_known(shared->options.version_max) ||
	    options->ide_target > 1)
		return VMBUS_BAD_ARGUMENT;
	return VMBUS_OK;
}

void storage_vsp_init(struct storage_vsp *vsp,
		      struct storage_vsp_shared *shared, bool primary)
{
	port_fill(vsp, 0, sizeof(*vsp));
	vsp->shared = shared;
	vsp->primary = primary;
	vsp->state = primary ? STORAGE_VSP_BEGIN : STORAGE_VSP_READY;
}

u16 storage_vsp_version(const struct storage_vsp_shared *shared)
{
	return (u16)port_load_acquire(&shared->version);
}

/* ---- answers ---- */

static u32 put_answer(const struct storage_call *call, u32 nt_status,
		      struct storage_packet *answer, void *packet)
{
	answer->header.operation = STORAGE_COMPLETE_IO;
	answer->header.status = nt_status;
	port_copy(packet, answer, STORAGE_PACKET_BYTES);
	return call->packet_bytes;
}

u32 storage_vsp_answer(const struct storage_call *call, u32 nt_status,
		       void *packet)
{
	struct storage_packet answer = { 0 };

	return put_answer(call, nt_status, &answer, packet);
}

static void answer_with(struct storage_vsp_action *action, u32 nt_status,
			struct storage_packet *answer)
{
	action->step = STORAGE_VSP_ANSWER;
	action->packet_bytes =
		put_answer(&action->call, nt_status, answer, action->packet);
}

static enum vmbus_status answer_status(struct storage_vsp_action *action,
				       u32 nt_status)
{
	struct storage_packet answer = { 0 };

	answer_with(action, nt_status, &answer);
	return VMBUS_OK;
}

/*
 * A resize is told with ABORTED: Linux 5.10 looks for 2A/09 under that status
 * alone (storvsc_handle_error).
 */
static u8 srb_status(const struct scsi_result *result)
{
	if (result->no_unit)
		return STORAGE_SRB_INVALID_LUN;
	switch (result->status) {
	case SCSI_GOOD:
	case SCSI_CONDITION_MET:
		return STORAGE_SRB_SUCCESS;
	case SCSI_BUSY:
	case SCSI_TASK_SET_FULL:
		return STORAGE_SRB_BUSY;
	case SCSI_TASK_ABORTED:
		return STORAGE_SRB_ABORTED;
	case SCSI_CHECK_CONDITION:
		if (sense_read(result->sense, result->sense_bytes) ==
		    SENSE_CAPACITY_CHANGED)
			return STORAGE_SRB_ABORTED;
		return STORAGE_SRB_ERROR;
	default:
		return STORAGE_SRB_ERROR;
	}
}

static u32 nt_status(u8 status)
{
	switch (status) {
	case STORAGE_SRB_SUCCESS:
		return STORAGE_NT_SUCCESS;
	case STORAGE_SRB_BUSY:
		return STORAGE_NT_DEVICE_BUSY;
	case STORAGE_SRB_INVALID_LUN:
		return STORAGE_NT_DEVICE_DOES_NOT_EXIST;
	case STORAGE_SRB_ABORTED:
		return STORAGE_NT_CANCELLED;
	default:
		return STORAGE_NT_IO_DEVICE_ERROR;
	}
}

u32 storage_vsp_complete(const struct storage_srb *srb,
			 const struct scsi_result *result, void *packet)
{
	struct storage_packet answer = { 0 };
	struct storage_srb_wire *wire = &answer.srb;
	struct scsi_result conflict;
	u8 status = srb_status(result);
	u8 sense;

	/* Linux makes a transport error of an error without sense data, and
	 * nobody sees the conflict. */
	if (result->status == SCSI_RESERVATION_CONFLICT) {
		sense_set(&conflict, SENSE_NONE);
		conflict.status = SCSI_RESERVATION_CONFLICT;
		result = &conflict;
	}
	sense = result->sense_bytes;
	wire->length = srb->call.packet_bytes < STORAGE_PACKET_BYTES
			       ? STORAGE_SRB_BYTES_OLD
			       : STORAGE_SRB_BYTES;
	wire->srb_status = status;
	wire->scsi_status = result->status;
	wire->path = srb->path;
	wire->target = srb->target;
	wire->lun = srb->lun;
	wire->cdb_length = srb->cdb_bytes;
	wire->data_in = srb->direction;
	wire->transfer_bytes = result->transferred;
	if (sense > srb->sense_max_bytes)
		sense = srb->sense_max_bytes;
	if (sense) {
		wire->srb_status |= STORAGE_SRB_AUTOSENSE_VALID;
		wire->sense_length = sense;
		port_copy(wire->sense, result->sense, sense);
	}
	return put_answer(&srb->call, nt_status(status), &answer, packet);
}

/* ---- initialization ---- */

static enum vmbus_status begin(struct storage_vsp *vsp,
			       const struct incoming *in,
			       struct storage_vsp_action *action)
{
	(void)in;
	if (vsp->state != STORAGE_VSP_BEGIN)
		return answer_status(action, STORAGE_NT_INVALID_DEVICE_STATE);
	vsp->state = STORAGE_VSP_VERSION;
	return answer_status(action, STORAGE_NT_SUCCESS);
}

static enum vmbus_status query_version(struct storage_vsp *vsp,
				       const struct incoming *in,
				       struct storage_vsp_action *action)
{
	u16 version = in->packet.version.version;
	struct storage_packet answer = { .version.version = version };

	if (vsp->state != STORAGE_VSP_VERSION)
		return answer_status(action, STORAGE_NT_INVALID_DEVICE_STATE);
	if (!version_known(version) ||
	    version > vsp->shared->options.version_max) {
		/* The guest asks for the next older one. */
		answer_with(action, STORAGE_NT_REVISION_MISMATCH, &answer);
		return VMBUS_OK;
	}
	vsp->version = version;
	vsp->state = STORAGE_VSP_PROPERTIES;
	answer_with(action, STORAGE_NT_SUCCESS, &answer);
	return VMBUS_OK;
}

static enum vmbus_status query_properties(struct storage_vsp *vsp,
					  const struct incoming *in,
					  struct storage_vsp_action *action)
{
	const struct storage_vsp_options *options = &vsp->shared->options;
	struct storage_packet answer = { 0 };

	(void)in;
	if (vsp->state != STORAGE_VSP_PROPERTIES)
		return answer_status(action, STORAGE_NT_INVALID_DEVICE_STATE);
	answer.properties.transfer_max_bytes = options->transfer_max_bytes;
	if (vsp->version >= STORAGE_VERSION_5_1 && options->sub_channels_max) {
		answer.properties.sub_channels_max = options->sub_channels_max;
		answer.properties.flags = STORAGE_PROPERTY_MULTI_CHANNEL;
	}
	vsp->state = STORAGE_VSP_END;
	answer_with(action, STORAGE_NT_SUCCESS, &answer);
	return VMBUS_OK;
}

static enum vmbus_status end(struct storage_vsp *vsp, const struct incoming *in,
			     struct storage_vsp_action *action)
{
	(void)in;
	if (vsp->state != STORAGE_VSP_END)
		return answer_status(action, STORAGE_NT_INVALID_DEVICE_STATE);
	vsp->state = STORAGE_VSP_READY;
	port_store_release(&vsp->shared->version, (u32)vsp->version);
	action->ready = true;
	return answer_status(action, STORAGE_NT_SUCCESS);
}

/* Windows asks before the end of initialization, Linux after it. */
static enum vmbus_status create_sub_channels(struct storage_vsp *vsp,
					     const struct incoming *in,
					     struct storage_vsp_action *action)
{
	u16 count = in->packet.sub_channels;

	if (vsp->state < STORAGE_VSP_END)
		return answer_status(action, STORAGE_NT_INVALID_DEVICE_STATE);
	if (vsp->version < STORAGE_VERSION_5_1)
		return answer_status(action, STORAGE_NT_INVALID_DEVICE_REQUEST);
	if (count > vsp->shared->options.sub_channels_max)
		return answer_status(action, STORAGE_NT_INVALID_PARAMETER);
	if (!count)
		return answer_status(action, STORAGE_NT_SUCCESS);
	action->step = STORAGE_VSP_SUB_CHANNELS;
	action->sub_channels = count;
	return VMBUS_OK;
}

/* No controller of ours is a fibre channel adapter. */
static enum vmbus_status refuse(struct storage_vsp *vsp,
				const struct incoming *in,
				struct storage_vsp_action *action)
{
	(void)vsp;
	(void)in;
	return answer_status(action, STORAGE_NT_INVALID_DEVICE_REQUEST);
}

/* ---- requests ---- */

static bool elsewhere(const struct storage_vsp *vsp,
		      const struct storage_srb_wire *wire)
{
	const struct storage_vsp_options *options = &vsp->shared->options;

	if (options->ide)
		return wire->target != options->ide_target;
	return wire->path || wire->target;
}

static u8 unit_of(const struct storage_vsp *vsp,
		  const struct storage_srb_wire *wire)
{
	u32 units = vsp->shared->options.ide ? 1 : LUN_PER_CONTROLLER;

	if (elsewhere(vsp, wire) || wire->lun >= units)
		return STORAGE_UNIT_NONE;
	return wire->lun;
}

/* Bytes of guest memory that the packet names. */
static u64 range_bytes(const struct packet_view *view)
{
	struct packet_gpa_range range;
	u32 cursor = 0;
	u64 bytes = 0;

	if (view->type != PACKET_DATA_GPA_DIRECT)
		return 0;
	while (packet_next_gpa_range(view, &cursor, &range))
		bytes += range.size_bytes;
	return bytes;
}

static enum vmbus_status execute(const struct storage_vsp *vsp,
				 const struct incoming *in,
				 struct storage_srb *srb,
				 struct storage_vsp_action *action)
{
	const struct storage_srb_wire *wire = &in->packet.srb;
	bool extended = in->view->payload_bytes >= STORAGE_PACKET_BYTES;
	u8 sense_room =
		extended ? STORAGE_SENSE_BYTES : STORAGE_SENSE_BYTES_OLD;

	if (!wire->cdb_length || wire->cdb_length > STORAGE_CDB_BYTES)
		return VMBUS_E_STORAGE_CDB;
	if (wire->transfer_bytes > vsp->shared->options.transfer_max_bytes ||
	    wire->transfer_bytes > range_bytes(in->view))
		return VMBUS_E_STORAGE_TRANSFER;
	port_fill(srb, 0, sizeof(*srb));
	srb->call = action->call;
	srb->unit = unit_of(vsp, wire);
	srb->elsewhere = elsewhere(vsp, wire);
	srb->path = wire->path;
	srb->target = wire->target;
	srb->lun = wire->lun;
	srb->direction = wire->data_in > STORAGE_DATA_UNSPECIFIED
				 ? STORAGE_DATA_UNSPECIFIED
				 : wire->data_in;
	srb->cdb_bytes = wire->cdb_length;
	srb->sense_max_bytes = wire->sense_length < sense_room
				       ? wire->sense_length
				       : sense_room;
	srb->transfer_bytes = wire->transfer_bytes;
	port_copy(srb->cdb, wire->cdb, sizeof(srb->cdb));
	if (extended &&
	    storage_vsp_version(vsp->shared) >= STORAGE_VERSION_5_1) {
		srb->queue_tag = wire->queue_tag;
		srb->queue_action = wire->queue_action;
		srb->flags = wire->srb_flags;
		srb->timeout_s = wire->timeout_s;
	}
	action->step = STORAGE_VSP_SRB;
	return VMBUS_OK;
}

static enum vmbus_status reset(struct storage_vsp *vsp,
			       const struct incoming *in,
			       struct storage_vsp_action *action)
{
	action->step = STORAGE_VSP_RESET;
	action->reset.all = action->call.operation != STORAGE_RESET_LUN;
	action->reset.unit = unit_of(vsp, &in->packet.srb);
	return VMBUS_OK;
}

bool storage_reset_covers(const struct storage_reset *reset,
			  const struct storage_srb *srb)
{
	return reset->all ||
	       (reset->unit != STORAGE_UNIT_NONE && reset->unit == srb->unit);
}

void storage_srb_task(const struct storage_srb *srb, struct scsi_task *task)
{
	/* Field by field: the result is set by what ends the task. */
	port_copy(task->cdb, srb->cdb, sizeof(task->cdb));
	task->cdb_bytes = srb->cdb_bytes;
	task->nexus = 0;
	task->direction = srb->direction;
	task->transfer_bytes = srb->transfer_bytes;
	task->units = 0;
	task->elsewhere = srb->elsewhere;
	task->buffer = NULL;
	port_fill(&task->block, 0, sizeof(task->block));
	task->data_bytes = 0;
	task->abort_nexuses = 0;
	task->notice = 0;
	task->block_shift = 0;
}

/* ---- receiving ---- */

/* What a guest may send but EXECUTE_SRB; no row: it may not. */
static const struct request_row {
	u8 bytes; /* at least, with the header */
	bool primary_only;
	bool when_ready;
	enum vmbus_status (*take)(struct storage_vsp *vsp,
				  const struct incoming *in,
				  struct storage_vsp_action *action);
} requests[STORAGE_OPERATION_COUNT] = {
	[STORAGE_RESET_LUN] = { 20, false, true, reset },
	[STORAGE_RESET_ADAPTER] = { 12, false, true, reset },
	[STORAGE_RESET_BUS] = { 12, false, true, reset },
	[STORAGE_BEGIN_INITIALIZATION] = { 12, true, false, begin },
	[STORAGE_END_INITIALIZATION] = { 12, true, false, end },
	[STORAGE_QUERY_PROTOCOL_VERSION] = { 14, true, false, query_version },
	[STORAGE_QUERY_PROPERTIES] = { 12, true, false, query_properties },
	[STORAGE_FCHBA_DATA] = { 12, true, false, refuse },
	[STORAGE_CREATE_SUB_CHANNELS] = { 14, true, false,
					  create_sub_channels },
};

static bool is_request(const struct packet_view *view)
{
	return (view->type == PACKET_DATA_INBAND ||
		view->type == PACKET_DATA_GPA_DIRECT) &&
	       (view->flags & PACKET_FLAG_COMPLETION_REQUESTED);
}

/* The actions' scalars; the packet is written when there is one. */
static void clear(struct storage_vsp_action *action)
{
	port_fill(action, 0, offsetof(struct storage_vsp_action, packet));
}

static enum vmbus_status take(struct storage_vsp *vsp,
			      const struct incoming *in,
			      struct storage_srb *srb,
			      struct storage_vsp_action *action)
{
	u32 operation = in->packet.header.operation;
	const struct request_row *row;

	if (operation == STORAGE_EXECUTE_SRB) {
		if (in->view->payload_bytes < STORAGE_PACKET_BYTES_OLD)
			return VMBUS_E_STORAGE_SHORT;
		if (vsp->state != STORAGE_VSP_READY)
			return answer_status(action,
					     STORAGE_NT_INVALID_DEVICE_STATE);
		return execute(vsp, in, srb, action);
	}
	row = operation < STORAGE_OPERATION_COUNT ? &requests[operation] : NULL;
	if (!row || !row->take)
		return VMBUS_E_STORAGE_OPERATION;
	if (in->view->payload_bytes < row->bytes)
		return VMBUS_E_STORAGE_SHORT;
	if ((row->primary_only && !vsp->primary) ||
	    (row->when_ready && vsp->state != STORAGE_VSP_READY))
		return answer_status(action, STORAGE_NT_INVALID_DEVICE_STATE);
	return row->take(vsp, in, action);
}

enum vmbus_status storage_vsp_receive(struct storage_vsp *vsp,
				      const struct packet_view *view,
				      struct storage_srb *srb,
				      struct storage_vsp_action *action)
{
	u32 bytes = view->payload_bytes < STORAGE_PACKET_BYTES
			    ? view->payload_bytes
			    : STORAGE_PACKET_BYTES;
	struct incoming in;

	if (!is_request(view))
		return VMBUS_E_STORAGE_TYPE;
	if (!vsp->primary && !storage_vsp_version(vsp->shared))
		return VMBUS_NOT_READY;
	if (bytes < STORAGE_HEADER_BYTES)
		return VMBUS_E_STORAGE_SHORT;
	in.view = view;
	if (bytes == STORAGE_PACKET_BYTES) {
		port_copy(&in.packet, view->payload, STORAGE_PACKET_BYTES);
	} else {
		port_fill(&in.packet, 0, sizeof(in.packet));
		port_copy(&in.packet, view->payload, bytes);
	}
	clear(action);
	action->call.transaction_id = view->transaction_id;
	action->call.packet_bytes = (u8)bytes;
	action->call.operation = (u8)in.packet.header.operation;
	return take(vsp, &in, srb, action);
}

/* ---- notices ---- */

u32 storage_vsp_notice(const struct storage_vsp *vsp,
		       enum storage_operation operation, void *packet)
{
	struct storage_packet notice = { .header.operation = operation };
	u16 version = storage_vsp_version(vsp->shared);

	if (version < STORAGE_VERSION_4_2)
		return 0;
	port_copy(packet, &notice, STORAGE_PACKET_BYTES);
	return version < STORAGE_VERSION_5_1 ? STORAGE_PACKET_BYTES_OLD
					     : STORAGE_PACKET_BYTES;
}
