// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* What a unit tells of itself (SPC-4 6). */
#include "services/storage/scsi_internal.h"

#define LUNS_HEADER_BYTES 8u
#define LUNS_ENTRY_BYTES  8u

/* REPORT SUPPORTED OPERATION CODES: byte 2. */
#define REPORT_RCTD    0x80
#define REPORT_OPTIONS 0x07

/* Its answers. */
#define SUPPORT_NONE	 0x01
#define SUPPORT_STANDARD 0x03

#define LOG_PAGE_SUPPORTED  0x00
#define LOG_PAGE_EXCEPTIONS 0x2f

enum scsi_step scsi_test_unit_ready(struct lun *lun, struct scsi_task *task)
{
	(void)lun;
	return scsi_good(task);
}

/* SPC-4 6.39: sense data as data, and GOOD. */
enum scsi_step scsi_request_sense(struct lun *lun, struct scsi_task *task)
{
	enum sense_code code = SENSE_UNIT_NOT_SUPPORTED;
	struct scsi_result sense;
	u8 *at = scsi_clear(task, SENSE_FIXED_BYTES);
	u32 bytes = SENSE_FIXED_BYTES;

	if (lun) {
		code = lun_next_attention(lun, task->nexus);
		if (!code && lun->kind == LUN_DVD)
			code = lun_not_ready(lun);
	}
	sense_set(&sense, code);
	if (task->cdb[1] & 0x01) {
		/* Descriptor format. */
		at[0] = 0x72;
		at[1] = (u8)(code >> 16);
		be16_write(at + 2, (u16)code);
		bytes = 8;
	} else {
		port_copy(at, sense.sense, bytes);
	}
	return scsi_answer(task, bytes, task->cdb[4]);
}

/*
 * SPC-4 6.33. All units are of one target, and single level numbers below 64
 * are the same in each addressing method.
 */
enum scsi_step scsi_report_luns(struct lun *lun, struct scsi_task *task)
{
	u32 allocation = be32_read(task->cdb + 6);
	u8 *at = scsi_clear(task, LUNS_HEADER_BYTES + LUN_PER_CONTROLLER *
							      LUNS_ENTRY_BYTES);
	u64 units = task->elsewhere ? 0 : task->units;
	u32 i, bytes = 0;

	/* 0: units; 1: well known units, of which there are none; 2: all. */
	if (task->cdb[2] > 2)
		return scsi_bad_cdb(task, 2, 7);
	if (allocation < 16)
		return scsi_bad_cdb(task, 6, 7);
	for (i = 0; i < LUN_PER_CONTROLLER && task->cdb[2] != 1; i++) {
		if (!(units >> i & 1))
			continue;
		at[LUNS_HEADER_BYTES + bytes + 1] = (u8)i;
		bytes += LUNS_ENTRY_BYTES;
	}
	be32_write(at, bytes);
	if (lun)
		lun_unattend(lun, LUN_LUNS_CHANGED, task->nexus);
	return scsi_answer(task, LUNS_HEADER_BYTES + bytes, allocation);
}

/* SPC-4 6.8, 7.3: nothing is counted, and no failure is expected. */
enum scsi_step scsi_log_sense(struct lun *lun, struct scsi_task *task)
{
	u8 page = task->cdb[2] & 0x3f;
	u32 bytes;
	u8 *at = scsi_clear(task, 16);

	(void)lun;
	if (task->cdb[1] & 0x01)
		return scsi_bad_cdb(task, 1, 0); /* SP: saving */
	if (task->cdb[3])
		return scsi_bad_cdb(task, 3, 7); /* subpage */
	at[0] = page;
	if (page == LOG_PAGE_SUPPORTED) {
		at[4] = LOG_PAGE_SUPPORTED;
		at[5] = LOG_PAGE_EXCEPTIONS;
		bytes = 2;
	} else if (page == LOG_PAGE_EXCEPTIONS) {
		at[6] = 0x03; /* one parameter, 0000h, binary list */
		at[7] = 4;
		at[10] = 0xff; /* the temperature is not known */
		bytes = 8;
	} else {
		return scsi_bad_cdb(task, 2, 5);
	}
	be16_write(at + 2, (u16)bytes);
	return scsi_answer(task, 4 + bytes, be16_read(task->cdb + 7));
}

/* SPC-4 6.42: the default self-test passes; there are no others. */
enum scsi_step scsi_send_diagnostic(struct lun *lun, struct scsi_task *task)
{
	(void)lun;
	if (task->cdb[1] & 0xe0)
		return scsi_bad_cdb(task, 1, 7);
	if (be16_read(task->cdb + 3))
		return scsi_bad_cdb(task, 3, 7);
	return scsi_good(task);
}

/* ---- which commands there are (SPC-4 6.35) ---- */

/* A timeouts descriptor of "none is known". */
static u32 put_timeouts(u8 *at)
{
	be16_write(at, 10);
	return 12;
}

static enum scsi_step all_opcodes(struct lun *lun, struct scsi_task *task,
				  bool timeouts, u32 allocation)
{
	u8 *at = scsi_clear(task, SCSI_BUFFER_BYTES);
	const struct scsi_command *row;
	u32 i, bytes = 4;

	for (i = 0; (row = scsi_row(lun, i)); i++) {
		u8 *entry = at + bytes;

		entry[0] = row->opcode;
		if (row->action != COMMAND_NO_ACTION) {
			be16_write(entry + 2, row->action);
			entry[5] |= 0x01; /* SERVACTV */
		}
		entry[5] |= timeouts ? 0x02 : 0; /* CTDP */
		be16_write(entry + 6, (u16)scsi_cdb_bytes(row->opcode));
		bytes += 8;
		if (timeouts)
			bytes += put_timeouts(entry + 8);
	}
	be32_write(at, bytes - 4);
	return scsi_answer(task, bytes, allocation);
}

static enum scsi_step one_opcode(struct lun *lun, struct scsi_task *task,
				 bool timeouts, u32 allocation)
{
	u8 options = task->cdb[2] & REPORT_OPTIONS;
	u16 action = be16_read(task->cdb + 4);
	u8 *at = scsi_clear(task, 64);
	const struct scsi_command *row;
	u32 bytes = 4;
	bool known;

	row = scsi_find(lun, task->cdb[3], (u8)(action & 0x1f), &known);
	/* 1: without a service action, 2: with one, 3: either. */
	if (options == 1 && known && (!row || row->action != COMMAND_NO_ACTION))
		return scsi_bad_cdb(task, 2, 2);
	if (options == 2 && row && row->action == COMMAND_NO_ACTION)
		return scsi_bad_cdb(task, 2, 2);
	if (row && row->action != COMMAND_NO_ACTION && action > 0x1f)
		row = NULL;
	if (!row) {
		at[1] = SUPPORT_NONE;
		return scsi_answer(task, bytes, allocation);
	}
	at[1] = SUPPORT_STANDARD | (timeouts ? 0x80 : 0);
	be16_write(at + 2, (u16)scsi_cdb_bytes(row->opcode));
	port_copy(at + bytes, row->usage, scsi_cdb_bytes(row->opcode));
	at[bytes] = row->opcode;
	if (row->action != COMMAND_NO_ACTION)
		at[bytes + 1] |= row->action;
	bytes += scsi_cdb_bytes(row->opcode);
	if (timeouts)
		bytes += put_timeouts(at + bytes);
	return scsi_answer(task, bytes, allocation);
}

enum scsi_step scsi_report_opcodes(struct lun *lun, struct scsi_task *task)
{
	u8 options = task->cdb[2] & REPORT_OPTIONS;
	bool timeouts = task->cdb[2] & REPORT_RCTD;
	u32 allocation = be32_read(task->cdb + 6);

	if (options > 3)
		return scsi_bad_cdb(task, 2, 2);
	if (!options)
		return all_opcodes(lun, task, timeouts, allocation);
	return one_opcode(lun, task, timeouts, allocation);
}

/* SPC-4 6.36: a unit can be reset; the transport has no other function. */
enum scsi_step scsi_report_management(struct lun *lun, struct scsi_task *task)
{
	u8 *at = scsi_clear(task, 4);

	(void)lun;
	at[0] = 0x08; /* LURS */
	return scsi_answer(task, 4, be32_read(task->cdb + 6));
}
