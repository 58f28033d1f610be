// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Commands that read, write or describe the medium (SBC-3). */
#include "services/storage/scsi_internal.h"

/* Byte 1 of READ, WRITE and VERIFY. */
#define PROTECT_BITS 0xe0
#define FUA_BIT	     0x08
#define BYTCHK_BITS  0x06

/* READ CAPACITY(16), SBC-3 5.16. */
#define CAPACITY_16_BYTES 32u
#define LBPME		  0x80
#define LBPRZ		  0x40

/* START STOP UNIT. */
#define START_BIT	0x01
#define LOAD_EJECT_BIT	0x02
#define NO_FLUSH_BIT	0x04
#define POWER_CONDITION 0xf0

struct scsi_range scsi_range(const u8 *cdb)
{
	struct scsi_range range;

	switch (scsi_cdb_bytes(cdb[0])) {
	case 6:
		range.block = be24_read(cdb + 1) & 0x1fffff;
		range.count = cdb[4] ? cdb[4] : 256;
		break;
	case 10:
		range.block = be32_read(cdb + 2);
		range.count = be16_read(cdb + 7);
		break;
	case 12:
		range.block = be32_read(cdb + 2);
		range.count = be32_read(cdb + 6);
		break;
	default:
		range.block = be64_read(cdb + 2);
		range.count = be32_read(cdb + 10);
		break;
	}
	return range;
}

static u16 count_byte(const u8 *cdb)
{
	switch (scsi_cdb_bytes(cdb[0])) {
	case 6:
		return 4;
	case 10:
		return 7;
	case 12:
		return 6;
	default:
		return 10;
	}
}

enum scsi_step scsi_block(struct lun *lun, struct scsi_task *task,
			  enum scsi_block_op op, struct scsi_range range)
{
	u64 blocks = lun->block_count;

	if (range.block > blocks || range.count > blocks - range.block)
		return scsi_fail(task, SENSE_LBA_RANGE);
	task->block.op = (u8)op;
	task->block.offset_bytes = range.block << lun->block_shift;
	task->block.size_bytes = range.count << lun->block_shift;
	return SCSI_STEP_BLOCK;
}

/* READ and WRITE: the guest's memory is the other side. */
static enum scsi_step transfer(struct lun *lun, struct scsi_task *task,
			       enum scsi_block_op op)
{
	const u8 *cdb = task->cdb;
	struct scsi_range range = scsi_range(cdb);
	u64 bytes = range.count << lun->block_shift;

	if (scsi_cdb_bytes(cdb[0]) > 6) {
		if (cdb[1] & PROTECT_BITS)
			return scsi_bad_cdb(task, 1, 7);
		task->block.fua = cdb[1] & FUA_BIT;
	}
	if (op == SCSI_WRITE && lun->write_cache && !lun->write_cache_on)
		task->block.fua = true;
	if (range.block > lun->block_count ||
	    range.count > lun->block_count - range.block)
		return scsi_fail(task, SENSE_LBA_RANGE);
	if (!range.count)
		return scsi_good(task);
	if (bytes > lun->transfer_max_bytes)
		return scsi_bad_cdb(task, count_byte(cdb), 7);
	/* Fewer bytes than the CDB moves, or the other way round. */
	if (bytes > task->transfer_bytes ||
	    task->direction ==
		    (op == SCSI_WRITE ? STORAGE_DATA_IN : STORAGE_DATA_OUT))
		return scsi_fail(task, SENSE_FIELD_IN_CDB);
	return scsi_block(lun, task, op, range);
}

enum scsi_step scsi_read(struct lun *lun, struct scsi_task *task)
{
	return transfer(lun, task, SCSI_READ);
}

enum scsi_step scsi_write(struct lun *lun, struct scsi_task *task)
{
	return transfer(lun, task, SCSI_WRITE);
}

enum scsi_step scsi_write_verify(struct lun *lun, struct scsi_task *task)
{
	enum scsi_step step;

	if (task->cdb[1] & BYTCHK_BITS)
		return scsi_bad_cdb(task, 1, 2);
	step = transfer(lun, task, SCSI_WRITE);
	/* It has reached the medium when it is answered. */
	task->block.fua = true;
	return step;
}

enum scsi_step scsi_verify(struct lun *lun, struct scsi_task *task)
{
	struct scsi_range range = scsi_range(task->cdb);

	if (task->cdb[1] & PROTECT_BITS)
		return scsi_bad_cdb(task, 1, 7);
	/* No comparison with the guest's data: none does it that we know. */
	if (task->cdb[1] & BYTCHK_BITS)
		return scsi_bad_cdb(task, 1, 2);
	if (range.count << lun->block_shift > SCSI_WRITE_SAME_MAX_BYTES)
		return scsi_bad_cdb(task, count_byte(task->cdb), 7);
	if (scsi_block(lun, task, SCSI_VERIFY, range) == SCSI_STEP_DONE)
		return SCSI_STEP_DONE;
	return range.count ? SCSI_STEP_BLOCK : scsi_good(task);
}

/* Everything is flushed, whatever the range; IMMED is answered late, which is
 * allowed. */
enum scsi_step scsi_synchronize(struct lun *lun, struct scsi_task *task)
{
	enum scsi_step step;

	step = scsi_block(lun, task, SCSI_FLUSH, scsi_range(task->cdb));
	task->block.offset_bytes = 0;
	task->block.size_bytes = 0;
	return step;
}

enum scsi_step scsi_capacity_10(struct lun *lun, struct scsi_task *task)
{
	u64 last = lun->block_count ? lun->block_count - 1 : 0;
	u8 *at = scsi_clear(task, 8);

	be32_write(at, last > 0xffffffffu ? 0xffffffffu : (u32)last);
	be32_write(at + 4, lun->block_bytes);
	return scsi_answer(task, 8, 8);
}

enum scsi_step scsi_capacity_16(struct lun *lun, struct scsi_task *task)
{
	u8 *at = scsi_clear(task, CAPACITY_16_BYTES);

	be64_write(at, lun->block_count ? lun->block_count - 1 : 0);
	be32_write(at + 8, lun->block_bytes);
	at[13] = lun->physical_exponent;
	if (lun->thin)
		at[14] |= LBPME;
	if (lun->unmap_zeroes)
		at[14] |= LBPRZ;
	return scsi_answer(task, CAPACITY_16_BYTES, be32_read(task->cdb + 10));
}

static enum scsi_step load_eject(struct lun *lun, struct scsi_task *task,
				 bool load)
{
	if (lun->kind != LUN_DVD)
		return scsi_bad_cdb(task, 4, 1);
	if (load) {
		/* What is in the drive is the caller's to say: lun_insert(). */
		lun->tray_open = false;
		task->notice |= SCSI_NOTICE_LOAD;
	} else if (lun->prevented) {
		return scsi_fail(task, SENSE_MEDIUM_REMOVAL_PREVENTED);
	} else {
		lun_remove(lun, true);
		lun->tray_open = true;
		task->notice |= SCSI_NOTICE_EJECT;
	}
	lun_update(lun);
	return scsi_good(task);
}

enum scsi_step scsi_start_stop(struct lun *lun, struct scsi_task *task)
{
	u8 bits = task->cdb[4];
	bool start = bits & START_BIT;

	if (bits & POWER_CONDITION)
		return scsi_bad_cdb(task, 4, 7);
	/* SBC-3 table 13: starting is allowed under any reservation. */
	if (!start && scsi_conflicts(lun, task->nexus, COMMAND_WRITES))
		return scsi_conflict(task);
	if (bits & LOAD_EJECT_BIT)
		return load_eject(lun, task, start);
	/* A drive starts again by itself when it is read. */
	lun->stopped = !start && lun->kind == LUN_DISK;
	lun_update(lun);
	if (start && lun_not_ready(lun))
		return scsi_fail(task, lun_not_ready(lun));
	if (start || (bits & NO_FLUSH_BIT) || !lun->write_cache)
		return scsi_good(task);
	task->block.op = SCSI_FLUSH;
	return SCSI_STEP_BLOCK;
}
