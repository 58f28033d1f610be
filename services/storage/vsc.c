// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Guest end of synthetic storage. */
#include "services/storage/vsc.h"

#define NO_SLOT 0xffffu

/*
 * Transaction ids: of a request, its slot's generation and number plus one; of
 * a question, the bit and a sequence. 0 is the host's, for notices.
 */
#define QUESTION_BIT 0x100000000ull
#define SLOT_MASK    0xffffull

/* Newest first, as they are tried. */
static const u16 versions[] = {
	STORAGE_VERSION_6_2, STORAGE_VERSION_6_0, STORAGE_VERSION_5_1,
	STORAGE_VERSION_4_2, STORAGE_VERSION_2_0,
};

/* The newest version below @limit that may be spoken, 0: none. */
static u16 version_below(const struct storage_vsc_shared *shared, u32 limit)
{
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(versions); i++) {
		if (versions[i] < limit &&
		    versions[i] >= shared->options.version_min)
			return versions[i];
	}
	return 0;
}

enum vmbus_status
storage_vsc_shared_init(struct storage_vsc_shared *shared,
			const struct storage_vsc_options *options)
{
	port_fill(shared, 0, sizeof(*shared));
	shared->options = *options;
	if (!shared->options.version_max)
		shared->options.version_max = STORAGE_VERSION_6_2;
	return version_below(shared, shared->options.version_max + 1u)
		       ? VMBUS_OK
		       : VMBUS_BAD_ARGUMENT;
}

enum vmbus_status storage_vsc_init(struct storage_vsc *vsc,
				   struct storage_vsc_shared *shared,
				   bool primary, struct storage_vsc_slot *slots,
				   u32 slot_count)
{
	u32 i;

	if (!slot_count || slot_count > STORAGE_VSC_SLOTS_MAX)
		return VMBUS_BAD_ARGUMENT;
	port_fill(vsc, 0, sizeof(*vsc));
	vsc->shared = shared;
	vsc->primary = primary;
	vsc->state = primary ? STORAGE_VSC_BEGIN : STORAGE_VSC_RUNNING;
	vsc->version = version_below(shared, shared->options.version_max + 1u);
	vsc->slots = slots;
	vsc->slot_count = (u16)slot_count;
	port_fill(slots, 0, sizeof(*slots) * slot_count);
	for (i = 0; i < slot_count; i++)
		slots[i].next_free =
			i + 1 < slot_count ? (u16)(i + 1) : NO_SLOT;
	return VMBUS_OK;
}

static u16 version_of(const struct storage_vsc_shared *shared)
{
	return (u16)port_load_acquire(&shared->version);
}

/* Before a version is agreed on, the longest: the host takes any length. */
static u32 packet_bytes_of(const struct storage_vsc_shared *shared)
{
	u16 version = version_of(shared);

	return version && version < STORAGE_VERSION_5_1
		       ? STORAGE_PACKET_BYTES_OLD
		       : STORAGE_PACKET_BYTES;
}

/* ---- questions ---- */

static const u8 questions[] = {
	[STORAGE_VSC_BEGIN] = STORAGE_BEGIN_INITIALIZATION,
	[STORAGE_VSC_VERSION] = STORAGE_QUERY_PROTOCOL_VERSION,
	[STORAGE_VSC_PROPERTIES] = STORAGE_QUERY_PROPERTIES,
	[STORAGE_VSC_END] = STORAGE_END_INITIALIZATION,
	[STORAGE_VSC_SUB_CHANNELS] = STORAGE_CREATE_SUB_CHANNELS,
};

static bool asking(const struct storage_vsc *vsc)
{
	return vsc->state < PORT_ARRAY_SIZE(questions) && !vsc->awaiting;
}

static u64 next_transaction(struct storage_vsc *vsc)
{
	return QUESTION_BIT | ++vsc->sequence;
}

u32 storage_vsc_transmit(struct storage_vsc *vsc, void *packet,
			 u64 *transaction_id)
{
	struct storage_packet out = { .header.flags = STORAGE_FLAG_COMPLETION };

	if (asking(vsc)) {
		out.header.operation = questions[vsc->state];
		if (vsc->state == STORAGE_VSC_VERSION)
			out.version.version = vsc->version;
		if (vsc->state == STORAGE_VSC_SUB_CHANNELS)
			out.sub_channels = vsc->sub_channels;
		vsc->awaiting = true;
	} else if (vsc->reset && !vsc->reset_awaiting && !vsc->awaiting) {
		out.header.operation = vsc->reset;
		out.srb.lun = vsc->reset_lun;
		vsc->reset_awaiting = true;
	} else {
		return 0;
	}
	*transaction_id = next_transaction(vsc);
	port_copy(packet, &out, STORAGE_PACKET_BYTES);
	return packet_bytes_of(vsc->shared);
}

enum vmbus_status storage_vsc_reset(struct storage_vsc *vsc,
				    enum storage_operation operation, u8 lun)
{
	if (vsc->state != STORAGE_VSC_RUNNING || !version_of(vsc->shared))
		return VMBUS_NOT_READY;
	if (vsc->reset)
		return VMBUS_AGAIN;
	vsc->reset = (u8)operation;
	vsc->reset_lun = lun;
	return VMBUS_OK;
}

/* ---- answers to questions ---- */

static void refuse(struct storage_vsc *vsc, struct storage_vsc_event *event,
		   u32 nt_status)
{
	vsc->state = STORAGE_VSC_FAILED;
	event->kind = STORAGE_VSC_REFUSED;
	event->nt_status = nt_status;
}

static void take_version(struct storage_vsc *vsc, u32 nt_status,
			 struct storage_vsc_event *event)
{
	if (!nt_status) {
		vsc->state = STORAGE_VSC_PROPERTIES;
		return;
	}
	vsc->version = version_below(vsc->shared, vsc->version);
	if (!vsc->version)
		refuse(vsc, event, nt_status);
}

static void take_properties(struct storage_vsc *vsc,
			    const struct storage_packet *answer)
{
	const struct storage_properties *properties = &answer->properties;
	struct storage_vsc_shared *shared = vsc->shared;

	shared->transfer_max_bytes = properties->transfer_max_bytes;
	if (vsc->version >= STORAGE_VERSION_5_1 &&
	    (properties->flags & STORAGE_PROPERTY_MULTI_CHANNEL))
		shared->sub_channels_max = properties->sub_channels_max;
	vsc->state = STORAGE_VSC_END;
}

static void take_end(struct storage_vsc *vsc, struct storage_vsc_event *event)
{
	struct storage_vsc_shared *shared = vsc->shared;

	vsc->sub_channels = shared->options.sub_channels;
	if (vsc->sub_channels > shared->sub_channels_max)
		vsc->sub_channels = shared->sub_channels_max;
	vsc->state = vsc->sub_channels ? STORAGE_VSC_SUB_CHANNELS
				       : STORAGE_VSC_RUNNING;
	port_store_release(&shared->version, (u32)vsc->version);
	event->kind = STORAGE_VSC_READY;
}

static void take_sub_channels(struct storage_vsc *vsc, u32 nt_status,
			      struct storage_vsc_event *event)
{
	/* Refused, one channel has to do. */
	vsc->state = STORAGE_VSC_RUNNING;
	if (nt_status)
		return;
	event->kind = STORAGE_VSC_OPENABLE;
	event->sub_channels = vsc->sub_channels;
}

static enum vmbus_status take_answer(struct storage_vsc *vsc,
				     const struct storage_packet *answer,
				     struct storage_vsc_event *event)
{
	u32 nt_status = answer->header.status;
	u8 state = vsc->state;

	vsc->awaiting = false;
	if (nt_status && state != STORAGE_VSC_VERSION &&
	    state != STORAGE_VSC_SUB_CHANNELS) {
		refuse(vsc, event, nt_status);
		return VMBUS_OK;
	}
	switch (state) {
	case STORAGE_VSC_BEGIN:
		vsc->state = STORAGE_VSC_VERSION;
		break;
	case STORAGE_VSC_VERSION:
		take_version(vsc, nt_status, event);
		break;
	case STORAGE_VSC_PROPERTIES:
		take_properties(vsc, answer);
		break;
	case STORAGE_VSC_END:
		take_end(vsc, event);
		break;
	default:
		take_sub_channels(vsc, nt_status, event);
		break;
	}
	return VMBUS_OK;
}

static enum vmbus_status take_question(struct storage_vsc *vsc, u64 id,
				       const struct storage_packet *answer,
				       struct storage_vsc_event *event)
{
	/* One question at a time is under way: the newest. */
	if (id != (QUESTION_BIT | vsc->sequence))
		return VMBUS_E_STORAGE_TRANSACTION;
	if (vsc->awaiting)
		return take_answer(vsc, answer, event);
	if (!vsc->reset_awaiting)
		return VMBUS_E_STORAGE_TRANSACTION;
	vsc->reset_awaiting = false;
	vsc->reset = 0;
	event->kind = STORAGE_VSC_RESET_DONE;
	event->nt_status = answer->header.status;
	return VMBUS_OK;
}

/* ---- requests ---- */

static u64 slot_transaction(const struct storage_vsc *vsc, u32 index)
{
	return (u64)vsc->slots[index].generation << 16 | (index + 1);
}

/* The slot that @id names, if it is under way. */
static struct storage_vsc_slot *slot_of(struct storage_vsc *vsc, u64 id)
{
	u64 number = id & SLOT_MASK;

	if (!number || number > vsc->slot_count ||
	    !vsc->slots[number - 1].used ||
	    id != slot_transaction(vsc, (u32)number - 1))
		return NULL;
	return &vsc->slots[number - 1];
}

static void slot_free(struct storage_vsc *vsc, struct storage_vsc_slot *slot)
{
	slot->used = false;
	slot->generation++;
	slot->next_free = vsc->first_free;
	vsc->first_free = (u16)(slot - vsc->slots);
	vsc->used_count--;
}

static void put_command(const struct storage_vsc *vsc,
			const struct storage_vsc_command *command, void *packet)
{
	bool extended = version_of(vsc->shared) >= STORAGE_VERSION_5_1;
	struct storage_packet out = {
		.header.operation = STORAGE_EXECUTE_SRB,
		.header.flags = STORAGE_FLAG_COMPLETION,
	};
	struct storage_srb_wire *srb = &out.srb;

	srb->length = extended ? STORAGE_SRB_BYTES : STORAGE_SRB_BYTES_OLD;
	srb->path = command->path;
	srb->target = command->target;
	srb->lun = command->lun;
	srb->cdb_length = command->cdb_bytes;
	srb->sense_length =
		extended ? STORAGE_SENSE_BYTES : STORAGE_SENSE_BYTES_OLD;
	srb->data_in = command->direction;
	srb->transfer_bytes = command->transfer_bytes;
	port_copy(srb->cdb, command->cdb, command->cdb_bytes);
	if (extended) {
		srb->timeout_s = command->timeout_s;
		srb->srb_flags = STORAGE_SRB_QUEUE_ACTION_ENABLE |
				 STORAGE_SRB_DISABLE_SYNCH_TRANSFER;
		if (command->direction != STORAGE_DATA_OUT)
			srb->srb_flags |= STORAGE_SRB_DATA_IN;
		if (command->direction != STORAGE_DATA_IN)
			srb->srb_flags |= STORAGE_SRB_DATA_OUT;
	}
	port_copy(packet, &out, STORAGE_PACKET_BYTES);
}

enum vmbus_status storage_vsc_command(struct storage_vsc *vsc,
				      const struct storage_vsc_command *command,
				      u64 cookie, void *packet,
				      u32 *packet_bytes, u64 *transaction_id)
{
	struct storage_vsc_slot *slot;
	u32 index = vsc->first_free;

	if (!version_of(vsc->shared))
		return VMBUS_NOT_READY;
	if (!command->cdb_bytes || command->cdb_bytes > STORAGE_CDB_BYTES ||
	    command->transfer_bytes > vsc->shared->transfer_max_bytes)
		return VMBUS_BAD_ARGUMENT;
	if (index == NO_SLOT)
		return VMBUS_AGAIN;
	slot = &vsc->slots[index];
	vsc->first_free = slot->next_free;
	vsc->used_count++;
	slot->used = true;
	slot->cookie = cookie;
	slot->transfer_bytes = command->transfer_bytes;
	put_command(vsc, command, packet);
	*packet_bytes = packet_bytes_of(vsc->shared);
	*transaction_id = slot_transaction(vsc, index);
	return VMBUS_OK;
}

void storage_vsc_unsent(struct storage_vsc *vsc, u64 transaction_id)
{
	struct storage_vsc_slot *slot = slot_of(vsc, transaction_id);

	if (slot)
		slot_free(vsc, slot);
}

bool storage_vsc_abandon(struct storage_vsc *vsc, u64 *cookie)
{
	u32 i;

	for (i = 0; i < vsc->slot_count && vsc->used_count; i++) {
		if (!vsc->slots[i].used)
			continue;
		*cookie = vsc->slots[i].cookie;
		slot_free(vsc, &vsc->slots[i]);
		return true;
	}
	return false;
}

/* ---- how a request ended ---- */

static enum storage_outcome outcome_of(u8 srb_status,
				       const struct scsi_result *result)
{
	u32 sense = sense_read(result->sense, result->sense_bytes);

	if (sense == SENSE_CAPACITY_CHANGED)
		return STORAGE_OUTCOME_RESIZED;
	if (srb_status == STORAGE_SRB_INVALID_LUN)
		return STORAGE_OUTCOME_GONE;
	if (sense)
		return STORAGE_OUTCOME_SENSE;
	if (srb_status == STORAGE_SRB_ABORTED ||
	    srb_status == STORAGE_SRB_BUS_RESET ||
	    result->status == SCSI_TASK_ABORTED)
		return STORAGE_OUTCOME_ABORTED;
	if (result->status == SCSI_RESERVATION_CONFLICT)
		return STORAGE_OUTCOME_CONFLICT;
	if (srb_status == STORAGE_SRB_BUSY || result->status == SCSI_BUSY ||
	    result->status == SCSI_TASK_SET_FULL)
		return STORAGE_OUTCOME_BUSY;
	if (srb_status == STORAGE_SRB_SUCCESS && result->status == SCSI_GOOD)
		return STORAGE_OUTCOME_GOOD;
	return STORAGE_OUTCOME_ERROR;
}

static enum vmbus_status take_completion(struct storage_vsc *vsc, u64 id,
					 const struct storage_packet *answer,
					 u32 bytes,
					 struct storage_vsc_event *event)
{
	const struct storage_srb_wire *srb = &answer->srb;
	struct storage_vsc_slot *slot = slot_of(vsc, id);
	struct scsi_result *result = &event->result;

	if (!slot)
		return VMBUS_E_STORAGE_TRANSACTION;
	if (bytes < STORAGE_PACKET_BYTES_OLD)
		return VMBUS_E_STORAGE_SHORT;
	if (srb->transfer_bytes > slot->transfer_bytes)
		return VMBUS_E_STORAGE_TRANSFER;
	event->kind = STORAGE_VSC_COMPLETED;
	event->cookie = slot->cookie;
	event->nt_status = answer->header.status;
	event->srb_status = srb->srb_status & STORAGE_SRB_STATUS_MASK;
	result->status = srb->scsi_status;
	result->no_unit = event->srb_status == STORAGE_SRB_INVALID_LUN;
	result->transferred = srb->transfer_bytes;
	if (srb->scsi_status != SCSI_GOOD &&
	    (srb->srb_status & STORAGE_SRB_AUTOSENSE_VALID)) {
		result->sense_bytes = srb->sense_length < STORAGE_SENSE_BYTES
					      ? srb->sense_length
					      : STORAGE_SENSE_BYTES;
		port_copy(result->sense, srb->sense, result->sense_bytes);
	}
	event->outcome = (u8)outcome_of(event->srb_status, result);
	slot_free(vsc, slot);
	return VMBUS_OK;
}

/* ---- receiving ---- */

static enum vmbus_status take_notice(const struct storage_packet *notice,
				     struct storage_vsc_event *event)
{
	switch (notice->header.operation) {
	case STORAGE_REMOVE_DEVICE:
	case STORAGE_ENUMERATE_BUS:
		event->kind = STORAGE_VSC_RESCAN;
		return VMBUS_OK;
	case STORAGE_EVENT_NOTIFICATION:
		return VMBUS_OK;
	default:
		return VMBUS_E_STORAGE_OPERATION;
	}
}

enum vmbus_status storage_vsc_receive(struct storage_vsc *vsc,
				      const struct packet_view *view,
				      struct storage_vsc_event *event)
{
	u32 bytes = view->payload_bytes < STORAGE_PACKET_BYTES
			    ? view->payload_bytes
			    : STORAGE_PACKET_BYTES;
	struct storage_packet packet = { 0 };

	port_fill(event, 0, sizeof(*event));
	if (view->type != PACKET_COMPLETION && view->type != PACKET_DATA_INBAND)
		return VMBUS_E_STORAGE_TYPE;
	if (bytes < STORAGE_HEADER_BYTES)
		return VMBUS_E_STORAGE_SHORT;
	port_copy(&packet, view->payload, bytes);
	if (view->type == PACKET_DATA_INBAND)
		return take_notice(&packet, event);
	if (packet.header.operation != STORAGE_COMPLETE_IO)
		return VMBUS_E_STORAGE_OPERATION;
	if (view->transaction_id & QUESTION_BIT)
		return take_question(vsc, view->transaction_id, &packet, event);
	return take_completion(vsc, view->transaction_id, &packet, bytes,
			       event);
}
