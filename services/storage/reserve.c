// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Persistent reservations (SPC-4 5.13, 6.15, 6.16). */
#include "services/storage/scsi_internal.h"

enum reserve_in { READ_KEYS, READ_RESERVATION, REPORT_CAPABILITIES, READ_FULL };

enum reserve_out {
	REGISTER,
	RESERVE,
	RELEASE,
	CLEAR,
	PREEMPT,
	PREEMPT_AND_ABORT,
	REGISTER_AND_IGNORE,
};

/* Parameter list of PERSISTENT RESERVE OUT. */
#define OUT_BYTES     24u
#define OUT_SPEC_I_PT 0x08
#define OUT_ALL_TG_PT 0x04
#define OUT_APTPL     0x01

#define IN_HEADER_BYTES 8u
#define STATUS_BYTES	24u
#define TRANSPORT_BYTES 24u
#define TRANSPORT_SAS	0x06

/* ---- what a reservation means ---- */

static bool for_registrants(u8 type)
{
	return type >= LUN_RESERVE_WRITE_EXCLUSIVE_REGISTRANTS;
}

/* Every registrant holds it. */
static bool for_all(u8 type)
{
	return type >= LUN_RESERVE_WRITE_EXCLUSIVE_ALL;
}

static bool write_exclusive(u8 type)
{
	return type == LUN_RESERVE_WRITE_EXCLUSIVE ||
	       type == LUN_RESERVE_WRITE_EXCLUSIVE_REGISTRANTS ||
	       type == LUN_RESERVE_WRITE_EXCLUSIVE_ALL;
}

static bool type_known(u8 type)
{
	return write_exclusive(type) || type == LUN_RESERVE_EXCLUSIVE ||
	       type == LUN_RESERVE_EXCLUSIVE_REGISTRANTS ||
	       type == LUN_RESERVE_EXCLUSIVE_ALL;
}

static bool holds(const struct lun *lun, u8 nexus)
{
	if (!lun->reservation || !lun->registration[nexus].used)
		return false;
	return for_all(lun->reservation) || lun->holder == nexus;
}

bool scsi_conflicts(const struct lun *lun, u8 nexus, u8 flags)
{
	u8 type = lun->reservation;

	if (!type || !(flags & (COMMAND_READS | COMMAND_WRITES)) ||
	    holds(lun, nexus))
		return false;
	if (for_registrants(type) && lun->registration[nexus].used)
		return false;
	return (flags & COMMAND_WRITES) || !write_exclusive(type);
}

enum scsi_step scsi_conflict(struct scsi_task *task)
{
	scsi_good(task);
	task->result.status = SCSI_RESERVATION_CONFLICT;
	return SCSI_STEP_DONE;
}

/* ---- PERSISTENT RESERVE IN ---- */

static u32 put_keys(const struct lun *lun, u8 *at)
{
	u32 nexus, bytes = 0;

	for (nexus = 0; nexus < LUN_NEXUS_MAX; nexus++) {
		if (!lun->registration[nexus].used)
			continue;
		be64_write(at + bytes, lun->registration[nexus].key);
		bytes += 8;
	}
	return bytes;
}

static u32 put_reservation(const struct lun *lun, u8 *at)
{
	if (!lun->reservation)
		return 0;
	if (!for_all(lun->reservation))
		be64_write(at, lun->registration[lun->holder].key);
	at[13] = lun->reservation;
	return 16;
}

/* A TransportID needs a protocol, and VMBus has none: a SAS address, locally
 * assigned, that tells the nexuses apart. */
static u32 put_status(const struct lun *lun, u8 *at)
{
	u32 nexus, bytes = 0;

	for (nexus = 0; nexus < LUN_NEXUS_MAX; nexus++) {
		u8 *entry = at + bytes;

		if (!lun->registration[nexus].used)
			continue;
		be64_write(entry, lun->registration[nexus].key);
		if (holds(lun, (u8)nexus)) {
			entry[12] = 0x01; /* R_HOLDER */
			entry[13] = lun->reservation;
		}
		be16_write(entry + 18, 1); /* relative target port */
		be32_write(entry + 20, TRANSPORT_BYTES);
		entry[STATUS_BYTES] = TRANSPORT_SAS;
		be64_write(entry + STATUS_BYTES + 4, 0x3ull << 60 | nexus);
		bytes += STATUS_BYTES + TRANSPORT_BYTES;
	}
	return bytes;
}

static u32 put_capabilities(u8 *at)
{
	be16_write(at, 8);
	at[3] = 0x80; /* TMV: the type mask is valid */
	at[4] = 0xea; /* all six types */
	at[5] = 0x01;
	return 8;
}

enum scsi_step scsi_reserve_in(struct lun *lun, struct scsi_task *task)
{
	u32 allocation = be16_read(task->cdb + 7);
	u8 *at = scsi_clear(
		task, IN_HEADER_BYTES +
			      LUN_NEXUS_MAX * (STATUS_BYTES + TRANSPORT_BYTES));
	u8 *list = at + IN_HEADER_BYTES;
	u32 bytes;

	switch (task->cdb[1] & 0x1f) {
	case REPORT_CAPABILITIES:
		return scsi_answer(task, put_capabilities(at), allocation);
	case READ_KEYS:
		bytes = put_keys(lun, list);
		break;
	case READ_RESERVATION:
		bytes = put_reservation(lun, list);
		break;
	default:
		bytes = put_status(lun, list);
		break;
	}
	be32_write(at, lun->generation);
	be32_write(at + 4, bytes);
	return scsi_answer(task, IN_HEADER_BYTES + bytes, allocation);
}

/* ---- PERSISTENT RESERVE OUT ---- */

struct out_request {
	u64 key;
	u64 action_key;
	u8 type;
};

static void attend_registrants(struct lun *lun, enum lun_attention attention,
			       u8 except)
{
	u32 nexus;

	for (nexus = 0; nexus < LUN_NEXUS_MAX; nexus++) {
		if (nexus != except && lun->registration[nexus].used)
			lun_attend_one(lun, attention, (u8)nexus);
	}
}

static void release(struct lun *lun, u8 nexus)
{
	u8 type = lun->reservation;

	lun->reservation = LUN_RESERVE_NONE;
	if (for_registrants(type))
		attend_registrants(lun, LUN_RESERVATIONS_RELEASED, nexus);
	lun_update(lun);
}

static bool any_registration(const struct lun *lun)
{
	u32 nexus;

	for (nexus = 0; nexus < LUN_NEXUS_MAX; nexus++) {
		if (lun->registration[nexus].used)
			return true;
	}
	return false;
}

static void unregister(struct lun *lun, u8 nexus)
{
	bool held = holds(lun, nexus);

	lun->registration[nexus].used = false;
	lun->registration[nexus].key = 0;
	if (held && (!for_all(lun->reservation) || !any_registration(lun)))
		release(lun, nexus);
}

void lun_nexus_lost(struct lun *lun, u8 nexus)
{
	if (lun->registration[nexus].used) {
		unregister(lun, nexus);
		lun->generation++;
	}
	lun->prevented &= ~(1u << nexus);
	lun->attention[nexus] = 0;
	lun_attend_one(lun, LUN_POWER_ON, nexus);
}

static enum scsi_step out_register(struct lun *lun, struct scsi_task *task,
				   const struct out_request *request,
				   bool ignore)
{
	struct lun_registration *own = &lun->registration[task->nexus];

	/* One that is not registered has key 0. */
	if (!ignore && request->key != own->key)
		return scsi_conflict(task);
	if (request->action_key) {
		own->used = true;
		own->key = request->action_key;
	} else if (own->used) {
		unregister(lun, task->nexus);
	}
	lun->generation++;
	return scsi_good(task);
}

static enum scsi_step out_reserve(struct lun *lun, struct scsi_task *task,
				  const struct out_request *request)
{
	if (!type_known(request->type))
		return scsi_bad_cdb(task, 2, 3);
	if (lun->reservation) {
		if (holds(lun, task->nexus) &&
		    lun->reservation == request->type)
			return scsi_good(task);
		return scsi_conflict(task);
	}
	lun->reservation = request->type;
	lun->holder = task->nexus;
	lun_update(lun);
	return scsi_good(task);
}

static enum scsi_step out_release(struct lun *lun, struct scsi_task *task,
				  const struct out_request *request)
{
	if (!holds(lun, task->nexus))
		return scsi_good(task);
	if (lun->reservation != request->type)
		return scsi_fail(task, SENSE_RELEASE_RESERVATION);
	release(lun, task->nexus);
	return scsi_good(task);
}

static enum scsi_step out_clear(struct lun *lun, struct scsi_task *task)
{
	attend_registrants(lun, LUN_RESERVATIONS_PREEMPTED, task->nexus);
	port_fill(lun->registration, 0, sizeof(lun->registration));
	lun->reservation = LUN_RESERVE_NONE;
	lun->generation++;
	lun_update(lun);
	return scsi_good(task);
}

/*
 * Take away the registrations of @key, or all, but not @keep's. Returns those
 * that lost it, a bit each.
 */
static u32 take_away(struct lun *lun, u64 key, bool all, u8 own, bool keep_own)
{
	u32 nexus, taken = 0;

	for (nexus = 0; nexus < LUN_NEXUS_MAX; nexus++) {
		struct lun_registration *one = &lun->registration[nexus];

		if (!one->used || (!all && one->key != key) ||
		    (keep_own && nexus == own))
			continue;
		one->used = false;
		one->key = 0;
		taken |= 1u << nexus;
		if (nexus != own)
			lun_attend_one(lun, LUN_REGISTRATIONS_PREEMPTED,
				       (u8)nexus);
	}
	return taken;
}

/* Whether the action key of a PREEMPT names the reservation itself. */
static bool names_holder(const struct lun *lun, u64 action_key)
{
	if (!lun->reservation)
		return false;
	if (for_all(lun->reservation))
		return !action_key;
	return lun->registration[lun->holder].key == action_key;
}

static enum scsi_step out_preempt(struct lun *lun, struct scsi_task *task,
				  const struct out_request *request, bool abort)
{
	u8 old = lun->reservation, nexus = task->nexus;
	bool reservation = names_holder(lun, request->action_key);
	u32 taken;

	if (reservation && !type_known(request->type))
		return scsi_bad_cdb(task, 2, 3);
	if (!reservation && !request->action_key)
		return scsi_bad_parameter(task, 8, 7);
	taken = take_away(lun, request->action_key, reservation && for_all(old),
			  nexus, reservation);
	if (!reservation && !taken)
		return scsi_conflict(task);
	if (reservation) {
		lun->reservation = request->type;
		lun->holder = nexus;
		if (old != request->type)
			attend_registrants(lun, LUN_RESERVATIONS_RELEASED,
					   nexus);
	} else if (for_all(old) && !any_registration(lun)) {
		lun->reservation = LUN_RESERVE_NONE;
	}
	lun->generation++;
	lun_update(lun);
	scsi_good(task);
	if (abort && taken & ~(1u << nexus)) {
		task->notice |= SCSI_NOTICE_ABORT;
		task->abort_nexuses = taken & ~(1u << nexus);
	}
	return SCSI_STEP_DONE;
}

enum scsi_step scsi_reserve_out(struct lun *lun, struct scsi_task *task)
{
	(void)lun;
	/* Scope: the logical unit is the only one left. */
	if (task->cdb[2] & 0xf0)
		return scsi_bad_cdb(task, 2, 7);
	if (be32_read(task->cdb + 5) != OUT_BYTES)
		return scsi_fail(task, SENSE_PARAMETER_LENGTH);
	return scsi_want(task, OUT_BYTES);
}

enum scsi_step scsi_reserve_out_data(struct lun *lun, struct scsi_task *task)
{
	const u8 *at = task->buffer;
	u8 action = task->cdb[1] & 0x1f;
	const struct lun_registration *own = &lun->registration[task->nexus];
	struct out_request request = {
		.key = be64_read(at),
		.action_key = be64_read(at + 8),
		.type = task->cdb[2] & 0xf,
	};
	enum scsi_step step;

	/* Neither other ports nor persistence through power loss: see REPORT
	 * CAPABILITIES. */
	if (at[20] & (OUT_SPEC_I_PT | OUT_ALL_TG_PT))
		return scsi_bad_parameter(task, 20,
					  at[20] & OUT_SPEC_I_PT ? 3 : 2);
	if ((action == REGISTER || action == REGISTER_AND_IGNORE) &&
	    (at[20] & OUT_APTPL))
		return scsi_bad_parameter(task, 20, 0);
	if (action != REGISTER && action != REGISTER_AND_IGNORE &&
	    (!own->used || own->key != request.key))
		return scsi_conflict(task);
	switch (action) {
	case REGISTER:
	case REGISTER_AND_IGNORE:
		step = out_register(lun, task, &request,
				    action == REGISTER_AND_IGNORE);
		break;
	case RESERVE:
		step = out_reserve(lun, task, &request);
		break;
	case RELEASE:
		step = out_release(lun, task, &request);
		break;
	case CLEAR:
		step = out_clear(lun, task);
		break;
	default:
		step = out_preempt(lun, task, &request,
				   action == PREEMPT_AND_ABORT);
		break;
	}
	if (task->result.status == SCSI_GOOD)
		task->result.transferred = OUT_BYTES;
	return step;
}
