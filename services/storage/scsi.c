// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* From a CDB to a handler. */
#include "services/storage/scsi_internal.h"

/* Bits of byte 1 that ask for protection information, which no unit has. */
#define PROTECT_BITS 0xe0
#define FUA_BIT	     0x08
#define CONTROL_NACA 0x04

/* ---- ends of a handler ---- */

enum scsi_step scsi_good(struct scsi_task *task)
{
	port_fill(&task->result, 0, sizeof(task->result));
	task->data_bytes = 0;
	return SCSI_STEP_DONE;
}

enum scsi_step scsi_fail(struct scsi_task *task, enum sense_code code)
{
	sense_set(&task->result, code);
	task->data_bytes = 0;
	return SCSI_STEP_DONE;
}

enum scsi_step scsi_bad_cdb(struct scsi_task *task, u16 byte, u8 bit)
{
	sense_set_field(&task->result, SENSE_FIELD_IN_CDB, byte, bit);
	task->data_bytes = 0;
	return SCSI_STEP_DONE;
}

enum scsi_step scsi_bad_parameter(struct scsi_task *task, u16 byte, u8 bit)
{
	sense_set_field(&task->result, SENSE_FIELD_IN_PARAMETERS, byte, bit);
	task->data_bytes = 0;
	return SCSI_STEP_DONE;
}

enum scsi_step scsi_answer(struct scsi_task *task, u32 bytes, u32 allocation)
{
	if (bytes > allocation)
		bytes = allocation;
	if (bytes > task->transfer_bytes)
		bytes = task->transfer_bytes;
	if (bytes && task->direction == STORAGE_DATA_OUT)
		return scsi_fail(task, SENSE_FIELD_IN_CDB);
	scsi_good(task);
	task->data_bytes = bytes;
	task->result.transferred = bytes;
	return SCSI_STEP_DONE;
}

enum scsi_step scsi_want(struct scsi_task *task, u32 bytes)
{
	if (bytes > SCSI_BUFFER_BYTES)
		return scsi_fail(task, SENSE_PARAMETER_LENGTH);
	if (bytes > task->transfer_bytes || task->direction == STORAGE_DATA_IN)
		return scsi_fail(task, SENSE_FIELD_IN_CDB);
	task->data_bytes = bytes;
	return SCSI_STEP_DATA;
}

u8 *scsi_clear(struct scsi_task *task, u32 bytes)
{
	port_fill(task->buffer, 0, bytes);
	return task->buffer;
}

/* ---- rows ---- */

u32 scsi_cdb_bytes(u8 opcode)
{
	static const u8 group_bytes[8] = { 6, 10, 10, 16, 16, 12, 16, 16 };

	return group_bytes[opcode >> 5];
}

static const struct scsi_command *rows_of(const struct lun *lun, u32 *count)
{
	if (lun->kind == LUN_DVD) {
		*count = scsi_dvd_command_count;
		return scsi_dvd_commands;
	}
	*count = scsi_disk_command_count;
	return scsi_disk_commands;
}

static bool has(const struct lun *lun, const struct scsi_command *row)
{
	return lun->thin || !(row->flags & COMMAND_THIN);
}

const struct scsi_command *scsi_row(const struct lun *lun, u32 index)
{
	u32 i, count;
	const struct scsi_command *rows = rows_of(lun, &count);

	for (i = 0; i < count; i++) {
		if (has(lun, &rows[i]) && !index--)
			return &rows[i];
	}
	return NULL;
}

const struct scsi_command *scsi_find(const struct lun *lun, u8 opcode,
				     u8 action, bool *opcode_known)
{
	u32 i, count;
	const struct scsi_command *rows = rows_of(lun, &count);

	*opcode_known = false;
	for (i = 0; i < count; i++) {
		if (rows[i].opcode != opcode || !has(lun, &rows[i]))
			continue;
		*opcode_known = true;
		if (rows[i].action == action ||
		    rows[i].action == COMMAND_NO_ACTION)
			return &rows[i];
	}
	return NULL;
}

const char *scsi_command_name(const u8 *cdb, u32 cdb_bytes)
{
	static const struct lun units[] = {
		{ .kind = LUN_DISK, .thin = true },
		{ .kind = LUN_DVD },
	};
	const struct scsi_command *row = NULL;
	bool known;
	u32 i;

	for (i = 0; !row && cdb_bytes >= 2 && i < PORT_ARRAY_SIZE(units); i++)
		row = scsi_find(&units[i], cdb[0], cdb[1] & 0x1f, &known);
	return row ? row->name : NULL;
}

/* ---- the short way ---- */

/* READ and WRITE, with the bits of 10 bytes and more that say so. */
static bool is_io(u8 opcode, bool *write)
{
	switch (opcode) {
	case 0x08:
	case 0x28:
	case 0x88:
	case 0xa8:
		*write = false;
		return true;
	case 0x0a:
	case 0x2a:
	case 0x8a:
	case 0xaa:
		*write = true;
		return true;
	}
	return false;
}

bool scsi_begin_io(const struct lun *lun, struct scsi_task *task)
{
	const u8 *cdb = task->cdb;
	u32 length = scsi_cdb_bytes(cdb[0]);
	u32 gate = port_load(&lun->gate);
	u32 closed = LUN_GATE_ATTENTION << task->nexus | LUN_GATE_RESERVED |
		     LUN_GATE_NOT_READY;
	struct scsi_range range;
	u64 blocks, bytes;
	bool write;

	/* A drive has not all of these commands. */
	if (lun->kind != LUN_DISK || !is_io(cdb[0], &write) ||
	    task->cdb_bytes < length)
		return false;
	if (write)
		closed |= LUN_GATE_READ_ONLY;
	if ((gate & closed) || (cdb[length - 1] & CONTROL_NACA))
		return false;
	if (task->direction != (write ? STORAGE_DATA_OUT : STORAGE_DATA_IN))
		return false;
	if (length > 6 && (cdb[1] & PROTECT_BITS))
		return false;
	range = scsi_range(cdb);
	blocks = port_load(&lun->block_count);
	bytes = range.count << lun->block_shift;
	if (!range.count || range.block >= blocks ||
	    range.count > blocks - range.block ||
	    bytes > task->transfer_bytes || bytes > lun->transfer_max_bytes)
		return false;
	task->block.op = write ? SCSI_WRITE : SCSI_READ;
	task->block.fua = (length > 6 && (cdb[1] & FUA_BIT)) ||
			  (write && (gate & LUN_GATE_WRITE_THRU));
	task->block.offset_bytes = range.block << lun->block_shift;
	task->block.size_bytes = bytes;
	task->block_shift = lun->block_shift;
	return true;
}

/* ---- the long way ---- */

/* No such unit (SPC-4 5.9, incorrect logical unit numbers). */
static enum scsi_step absent(struct scsi_task *task)
{
	switch (task->cdb[0]) {
	case 0x12:
		return scsi_inquiry_absent(task);
	case 0x03:
		return scsi_request_sense(NULL, task);
	case 0xa0:
		return scsi_report_luns(NULL, task);
	}
	scsi_fail(task, SENSE_UNIT_NOT_SUPPORTED);
	task->result.no_unit = true;
	return SCSI_STEP_DONE;
}

/* Whether the command must not reach its handler; the answer is set then. */
static bool stopped(struct lun *lun, struct scsi_task *task,
		    const struct scsi_command *row, bool opcode_known)
{
	u32 length = scsi_cdb_bytes(task->cdb[0]);
	enum sense_code code = SENSE_NONE;

	if (!row || !(row->flags & COMMAND_EXEMPT))
		code = lun_next_attention(lun, task->nexus);
	if (code)
		scsi_fail(task, code);
	else if (!opcode_known)
		scsi_fail(task, SENSE_OPERATION_CODE);
	else if (!row)
		scsi_bad_cdb(task, 1, 4);
	else if (task->cdb_bytes < length)
		scsi_fail(task, SENSE_FIELD_IN_CDB);
	else if (task->cdb[length - 1] & CONTROL_NACA)
		scsi_bad_cdb(task, (u16)(length - 1), 2);
	else if (scsi_conflicts(lun, task->nexus, row->flags))
		scsi_conflict(task);
	else if ((row->flags & COMMAND_READY) && lun_not_ready(lun))
		scsi_fail(task, lun_not_ready(lun));
	else if ((row->flags & COMMAND_PROTECT) &&
		 (lun->read_only || lun->software_protect))
		scsi_fail(task, SENSE_WRITE_PROTECTED);
	else
		return false;
	return true;
}

enum scsi_step scsi_begin(struct lun *lun, struct scsi_task *task)
{
	const struct scsi_command *row;
	bool known;

	if (!lun)
		return absent(task);
	task->block_shift = lun->block_shift;
	row = scsi_find(lun, task->cdb[0], task->cdb[1] & 0x1f, &known);
	if (stopped(lun, task, row, known))
		return SCSI_STEP_DONE;
	return row->begin(lun, task);
}

enum scsi_step scsi_data(struct lun *lun, struct scsi_task *task)
{
	const struct scsi_command *row;
	bool known;

	row = scsi_find(lun, task->cdb[0], task->cdb[1] & 0x1f, &known);
	if (!row || !row->data)
		return scsi_fail(task, SENSE_OPERATION_CODE);
	return row->data(lun, task);
}

/* ---- after the caller's work ---- */

static enum sense_code error_sense(enum scsi_error error, bool write)
{
	switch (error) {
	case SCSI_E_MEDIUM:
		return write ? SENSE_WRITE_ERROR : SENSE_READ_ERROR;
	case SCSI_E_NO_SPACE:
		return SENSE_SPACE_ALLOCATION;
	case SCSI_E_READ_ONLY:
		return SENSE_WRITE_PROTECTED;
	case SCSI_E_OFFLINE:
		return SENSE_NOT_READY_CAUSE_UNKNOWN;
	default:
		return SENSE_INTERNAL_FAILURE;
	}
}

static void fail_block(struct scsi_task *task, enum scsi_error error,
		       u64 done_bytes)
{
	const struct scsi_block *block = &task->block;
	bool write = block->op != SCSI_READ && block->op != SCSI_VERIFY;
	u64 at = (block->offset_bytes + done_bytes) >> task->block_shift;

	scsi_good(task);
	switch (error) {
	case SCSI_E_ABORTED:
		task->result.status = SCSI_TASK_ABORTED;
		return;
	case SCSI_E_BUSY:
		task->result.status = SCSI_BUSY;
		return;
	case SCSI_E_MEDIUM:
		if (block->op != SCSI_FLUSH && block->op != SCSI_UNMAP) {
			sense_set_information(&task->result,
					      error_sense(error, write), at);
			return;
		}
		/* fallthrough */
	default:
		sense_set(&task->result, error_sense(error, write));
	}
}

void scsi_finish(struct scsi_task *task, enum scsi_error error, u64 done_bytes)
{
	u32 data_out_bytes = task->data_bytes;

	if (error) {
		fail_block(task, error, done_bytes);
		return;
	}
	scsi_good(task);
	switch (task->block.op) {
	case SCSI_READ:
	case SCSI_WRITE:
		task->result.transferred = (u32)task->block.size_bytes;
		return;
	default:
		/* A parameter list, or the block of a WRITE SAME. */
		task->result.transferred = data_out_bytes;
	}
}

struct scsi_extent scsi_extent(const struct scsi_task *task, u32 index)
{
	const u8 *list = task->buffer;
	struct scsi_extent extent;

	port_copy(&extent, list + 8 + (size_t)index * sizeof(extent),
		  sizeof(extent));
	return extent;
}
