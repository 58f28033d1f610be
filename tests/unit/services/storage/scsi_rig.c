// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "tests/unit/services/storage/scsi_rig.h"

void rig_make(struct rig *rig, const struct lun_options *options)
{
	u32 nexus;

	memset(rig, 0, sizeof(*rig));
	rig->medium = calloc(1, RIG_MEDIUM_BYTES);
	rig->data = calloc(1, RIG_DATA_BYTES);
	assert_non_null(rig->medium);
	assert_non_null(rig->data);
	rig->units = 1;
	assert_int_equal(lun_init(&rig->lun, options), VMBUS_OK);
	for (nexus = 0; nexus < LUN_NEXUS_MAX; nexus++) {
		rig->nexus = (u8)nexus;
		assert_sense(rig, NO(rig, 0), SENSE_POWER_ON);
	}
	rig->nexus = 0;
}

void rig_disk(struct rig *rig)
{
	static const struct lun_options options = {
		.size_bytes = RIG_MEDIUM_BYTES,
		.physical_bytes = 4096,
		.write_cache = true,
		.thin = true,
		.unmap_zeroes = true,
		.identity = "\x01\x23\x45\x67\x89\xab\xcd\xef",
	};

	rig_make(rig, &options);
}

void rig_free(struct rig *rig)
{
	free(rig->medium);
	free(rig->data);
}

static void check_range(const struct rig *rig, u64 offset_bytes, u64 size_bytes)
{
	u64 size = lun_size_bytes(&rig->lun);

	assert_true(offset_bytes <= size && size_bytes <= size - offset_bytes);
	assert_int_equal(offset_bytes % rig->lun.block_bytes, 0);
	assert_int_equal(size_bytes % rig->lun.block_bytes, 0);
}

static void fill(struct rig *rig, const struct scsi_block *block)
{
	u64 at;

	for (at = 0; at < block->size_bytes; at += block->pattern_bytes)
		memcpy(rig->medium + block->offset_bytes + at, rig->buffer,
		       block->pattern_bytes);
}

static void unmap(struct rig *rig)
{
	u32 i;

	for (i = 0; i < rig->task.block.extent_count; i++) {
		struct scsi_extent extent = scsi_extent(&rig->task, i);

		check_range(rig, extent.offset_bytes, extent.size_bytes);
		if (extent.offset_bytes + extent.size_bytes <= RIG_MEDIUM_BYTES)
			memset(rig->medium + extent.offset_bytes, 0,
			       extent.size_bytes);
		rig->unmapped++;
	}
}

/* Only the first part of a large unit has a medium; what is done beyond it is
 * checked and forgotten. */
static void work(struct rig *rig)
{
	const struct scsi_block *block = &rig->task.block;
	u8 *at = rig->medium + block->offset_bytes;
	bool there;

	if (block->op != SCSI_UNMAP)
		check_range(rig, block->offset_bytes, block->size_bytes);
	there = block->offset_bytes + block->size_bytes <= RIG_MEDIUM_BYTES;
	if (block->op == SCSI_FLUSH || block->fua)
		rig->flushes++;
	if (block->op == SCSI_UNMAP)
		unmap(rig);
	else if (!there)
		return;
	else if (block->op == SCSI_READ)
		memcpy(rig->data, at, block->size_bytes);
	else if (block->op == SCSI_WRITE)
		memcpy(at, rig->data, block->size_bytes);
	else if (block->op == SCSI_ZERO)
		memset(at, 0, block->size_bytes);
	else if (block->op == SCSI_PATTERN)
		fill(rig, block);
}

/* The short way does as the long one would. */
static enum scsi_step begin(struct rig *rig)
{
	struct scsi_task quick = rig->task;
	enum scsi_step step;

	rig->short_way = !rig->absent && scsi_begin_io(&rig->lun, &quick);
	step = scsi_begin(rig->absent ? NULL : &rig->lun, &rig->task);
	if (rig->short_way) {
		assert_int_equal(step, SCSI_STEP_BLOCK);
		assert_memory_equal(&quick.block, &rig->task.block,
				    sizeof(quick.block));
		assert_int_equal(quick.block_shift, rig->task.block_shift);
	}
	return step;
}

static void check_result(const struct rig *rig)
{
	const struct scsi_result *result = &rig->task.result;

	assert_true(result->transferred <= rig->task.transfer_bytes);
	assert_int_equal(result->status == SCSI_CHECK_CONDITION,
			 result->sense_bytes != 0);
	if (result->status != SCSI_GOOD)
		assert_int_equal(result->transferred, 0);
}

u8 rig_run(struct rig *rig, u8 direction, u32 transfer_bytes, const u8 *cdb,
	   u32 cdb_bytes)
{
	struct scsi_task *task = &rig->task;
	enum scsi_error error = rig->fail;
	enum scsi_step step;

	assert_true(cdb_bytes <= STORAGE_CDB_BYTES &&
		    transfer_bytes <= RIG_DATA_BYTES);
	memset(task, 0, sizeof(*task));
	memcpy(task->cdb, cdb, cdb_bytes);
	task->cdb_bytes = STORAGE_CDB_BYTES;
	task->nexus = rig->nexus;
	task->direction = direction;
	task->transfer_bytes = transfer_bytes;
	task->units = rig->units;
	task->elsewhere = rig->elsewhere;
	task->buffer = rig->buffer;
	memset(rig->buffer, 0xa5, sizeof(rig->buffer));

	step = rig->first_step = begin(rig);
	if (step == SCSI_STEP_DATA) {
		assert_true(task->data_bytes &&
			    task->data_bytes <= SCSI_BUFFER_BYTES &&
			    task->data_bytes <= transfer_bytes);
		memcpy(rig->buffer, rig->data, task->data_bytes);
		step = scsi_data(&rig->lun, task);
		assert_int_not_equal(step, SCSI_STEP_DATA);
	}
	if (step == SCSI_STEP_BLOCK) {
		rig->fail = SCSI_OK;
		if (!error)
			work(rig);
		scsi_finish(task, error, error ? rig->fail_at : 0);
	} else if (task->data_bytes) {
		assert_int_equal(task->result.status, SCSI_GOOD);
		memcpy(rig->data, rig->buffer, task->data_bytes);
	}
	check_result(rig);
	return task->result.status;
}

u32 rig_sense(const struct rig *rig)
{
	return sense_read(rig->task.result.sense, rig->task.result.sense_bytes);
}

u32 rig_field(const struct rig *rig)
{
	const u8 *sense = rig->task.result.sense;

	return sense[15] & 0x80 ? be16_read(sense + 16) : ~0u;
}
