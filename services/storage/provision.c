// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* WRITE SAME and UNMAP (SBC-3 5.28, 5.44). */
#include "services/storage/scsi_internal.h"

/* Byte 1 of WRITE SAME. */
#define PROTECT_BITS 0xe0
#define ANCHOR_BIT   0x10
#define UNMAP_BIT    0x08
#define OLD_BITS     0x06 /* PBDATA, LBDATA */
#define NDOB_BIT     0x01 /* WRITE SAME(16): no data, zeros */

#define UNMAP_ANCHOR_BIT   0x01
#define UNMAP_HEADER_BYTES 8u
#define UNMAP_RANGE_BYTES  16u

static enum scsi_step zero(struct lun *lun, struct scsi_task *task)
{
	enum scsi_step step;

	step = scsi_block(lun, task, SCSI_ZERO, scsi_range(task->cdb));
	task->block.may_unmap = task->cdb[1] & UNMAP_BIT;
	return step;
}

enum scsi_step scsi_write_same(struct lun *lun, struct scsi_task *task)
{
	const u8 *cdb = task->cdb;
	bool long_form = scsi_cdb_bytes(cdb[0]) == 16;
	struct scsi_range range = scsi_range(cdb);
	u16 count_byte = long_form ? 10 : 7;

	if (cdb[1] & PROTECT_BITS)
		return scsi_bad_cdb(task, 1, 7);
	if (cdb[1] & ANCHOR_BIT)
		return scsi_bad_cdb(task, 1, 4);
	if ((cdb[1] & UNMAP_BIT) && !lun->thin)
		return scsi_bad_cdb(task, 1, 3);
	if (cdb[1] & OLD_BITS)
		return scsi_bad_cdb(task, 1, 2);
	if (!long_form && (cdb[1] & NDOB_BIT))
		return scsi_bad_cdb(task, 1, 0);
	/* No blocks means up to the end, which WSNZ of VPD page B0 denies. */
	if (!range.count ||
	    range.count << lun->block_shift > SCSI_WRITE_SAME_MAX_BYTES)
		return scsi_bad_cdb(task, count_byte, 7);
	task->block.fua = lun->write_cache && !lun->write_cache_on;
	if (cdb[1] & NDOB_BIT)
		return zero(lun, task);
	if (scsi_block(lun, task, SCSI_PATTERN, range) == SCSI_STEP_DONE)
		return SCSI_STEP_DONE;
	task->block.pattern_bytes = lun->block_bytes;
	return scsi_want(task, lun->block_bytes);
}

static bool all_zero(const u8 *at, u32 bytes)
{
	u8 all = 0;
	u32 i;

	for (i = 0; i < bytes; i++)
		all |= at[i];
	return !all;
}

enum scsi_step scsi_write_same_data(struct lun *lun, struct scsi_task *task)
{
	/* What was unmapped must read as the data: only zeros can (LBPRZ). */
	if (all_zero(task->buffer, task->block.pattern_bytes))
		return zero(lun, task);
	return scsi_block(lun, task, SCSI_PATTERN, scsi_range(task->cdb));
}

enum scsi_step scsi_unmap(struct lun *lun, struct scsi_task *task)
{
	u32 bytes = be16_read(task->cdb + 7);

	(void)lun;
	if (task->cdb[1] & UNMAP_ANCHOR_BIT)
		return scsi_bad_cdb(task, 1, 0);
	if (!bytes)
		return scsi_good(task);
	if (bytes < UNMAP_HEADER_BYTES)
		return scsi_fail(task, SENSE_PARAMETER_LENGTH);
	if (bytes > SCSI_BUFFER_BYTES)
		return scsi_bad_cdb(task, 7, 7);
	return scsi_want(task, bytes);
}

/* One range, put in place as a struct scsi_extent. */
static enum sense_code convert(const struct lun *lun, u8 *at, u64 *total)
{
	u64 block = be64_read(at);
	u64 count = be32_read(at + 8);
	struct scsi_extent extent = {
		.offset_bytes = block << lun->block_shift,
		.size_bytes = count << lun->block_shift,
	};

	if (block > lun->block_count || count > lun->block_count - block)
		return SENSE_LBA_RANGE;
	*total += extent.size_bytes;
	if (*total > SCSI_UNMAP_MAX_BYTES)
		return SENSE_FIELD_IN_PARAMETERS;
	port_copy(at, &extent, sizeof(extent));
	return SENSE_NONE;
}

_Static_assert(sizeof(struct scsi_extent) == UNMAP_RANGE_BYTES,
	       "an extent takes its range's place");
_Static_assert((SCSI_BUFFER_BYTES - UNMAP_HEADER_BYTES) / UNMAP_RANGE_BYTES ==
		       SCSI_UNMAP_RANGES_MAX,
	       "no longer list fits the buffer");

enum scsi_step scsi_unmap_data(struct lun *lun, struct scsi_task *task)
{
	u8 *list = task->buffer;
	u32 bytes = be16_read(list + 2);
	u32 i, count;
	u64 total = 0;
	enum sense_code code;

	if (bytes > task->data_bytes - UNMAP_HEADER_BYTES)
		bytes = task->data_bytes - UNMAP_HEADER_BYTES;
	/* A last range that is not whole is ignored. */
	count = bytes / UNMAP_RANGE_BYTES;
	for (i = 0; i < count; i++) {
		u32 at = UNMAP_HEADER_BYTES + i * UNMAP_RANGE_BYTES;

		code = convert(lun, list + at, &total);
		if (code == SENSE_FIELD_IN_PARAMETERS)
			return scsi_bad_parameter(task, (u16)(at + 8), 7);
		if (code)
			return scsi_fail(task, code);
	}
	task->block.op = SCSI_UNMAP;
	task->block.extent_count = count;
	task->block.size_bytes = total;
	task->block.fua = lun->write_cache && !lun->write_cache_on;
	return SCSI_STEP_BLOCK;
}
