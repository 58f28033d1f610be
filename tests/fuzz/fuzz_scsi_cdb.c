/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * SCSI commands from any guest, with what an administrator does in between.
 *
 * Input: struct shape, then steps: a byte that chooses, and its operands. A
 * command's data-out comes out of the input too. No block operation may leave
 * the medium, no answer the buffers; an answer has sense data exactly when it
 * is a CHECK CONDITION; the short way means what the long one does; and the
 * unit agrees with itself.
 */
#include "services/storage/scsi.h"
#include "services/storage/vsp.h"
#include "tests/fuzz/bytes.h"

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes);

struct shape {
	u8 kind;
	u8 bits;
	u8 physical;
	u8 size_shift;
	u16 size;
	u16 unmap_unit;
};

static struct lun lun;
static u8 *buffer; /* of just the size that is promised */

static void make(struct bytes *bytes)
{
	struct shape shape;
	struct lun_options options = { 0 };

	bytes_take(bytes, &shape, sizeof(shape));
	options.kind = shape.kind & 1;
	options.read_only = shape.bits & 1;
	options.write_cache = shape.bits & 2;
	options.thin = shape.bits & 4;
	options.unmap_zeroes = shape.bits & 8;
	options.block_bytes = options.kind == LUN_DVD ? 0
			      : shape.bits & 16	      ? 4096
						      : 512;
	options.physical_bytes = 512u << shape.physical % 20;
	options.size_bytes = (u64)shape.size << shape.size_shift % 48;
	options.unmap_unit_bytes = shape.unmap_unit * 512u;
	options.naa_bytes = shape.bits & 32 ? 16 : 0;
	options.serial = shape.bits & 64 ? "0123456789012345678901234567890"
					   "123456789"
					 : NULL;
	if (lun_init(&lun, &options)) {
		options = (struct lun_options){ .size_bytes = 1 << 20 };
		require(!lun_init(&lun, &options), "a plain disk is refused");
	}
}

/* ---- what must hold ---- */

static void check_extent(u64 offset_bytes, u64 size_bytes)
{
	u64 size = lun_size_bytes(&lun);

	require(offset_bytes <= size && size_bytes <= size - offset_bytes,
		"beyond the medium");
	require(!((offset_bytes | size_bytes) % lun.block_bytes),
		"not whole blocks");
}

static void check_block(const struct scsi_task *task)
{
	const struct scsi_block *block = &task->block;
	struct scsi_extent extent;
	u32 i;

	require(block->op <= SCSI_UNMAP, "an unknown operation");
	require(lun.medium, "without a medium");
	if (block->op == SCSI_UNMAP) {
		require(block->extent_count <= SCSI_UNMAP_RANGES_MAX,
			"too many ranges");
		for (i = 0; i < block->extent_count; i++) {
			extent = scsi_extent(task, i);
			check_extent(extent.offset_bytes, extent.size_bytes);
		}
		return;
	}
	check_extent(block->offset_bytes, block->size_bytes);
	if (block->op == SCSI_READ || block->op == SCSI_WRITE)
		require(block->size_bytes &&
				block->size_bytes <= task->transfer_bytes &&
				block->size_bytes <= lun.transfer_max_bytes,
			"more than the guest's buffer");
	if (block->op == SCSI_PATTERN)
		require(block->pattern_bytes == lun.block_bytes,
			"a pattern that is not a block");
	if (block->op == SCSI_WRITE || block->op == SCSI_ZERO ||
	    block->op == SCSI_PATTERN || block->op == SCSI_UNMAP)
		require(!lun.read_only && !lun.software_protect,
			"a write to what is protected");
}

static void check_result(const struct scsi_task *task)
{
	const struct scsi_result *result = &task->result;
	bool check = result->status == SCSI_CHECK_CONDITION;

	require(check == (result->sense_bytes != 0), "sense data");
	require(result->sense_bytes <= STORAGE_SENSE_BYTES, "sense length");
	require(result->transferred <= task->transfer_bytes, "transferred");
	if (check)
		require(sense_read(result->sense, result->sense_bytes) != 0,
			"sense data that says nothing");
	if (result->status)
		require(!result->transferred, "data of what failed");
}

static void check_unit(void)
{
	u32 gate = port_load(&lun.gate), nexus;
	bool any = false;

	for (nexus = 0; nexus < LUN_NEXUS_MAX; nexus++) {
		any = any || lun.registration[nexus].used;
		require(!(gate & LUN_GATE_ATTENTION << nexus) ==
				!lun.attention[nexus],
			"attention");
		require(lun.registration[nexus].used ||
				!lun.registration[nexus].key,
			"a key of nobody");
	}
	require(!(gate & LUN_GATE_RESERVED) == !lun.reservation, "reserved");
	require(!(gate & LUN_GATE_READ_ONLY) ==
			!(lun.read_only || lun.software_protect),
		"protected");
	require(any || !lun.reservation, "a reservation of nobody");
	if (lun.reservation &&
	    lun.reservation < LUN_RESERVE_WRITE_EXCLUSIVE_ALL)
		require(lun.registration[lun.holder].used,
			"a holder who is not registered");
	require(lun.write_cache || !lun.write_cache_on, "a cache of nothing");
}

/* Every byte that goes to the guest is looked at, for MemorySanitizer. */
static void check_answer(const struct scsi_task *task)
{
	u32 i, ones = 0;

	require(task->data_bytes <= task->transfer_bytes &&
			task->data_bytes <= SCSI_BUFFER_BYTES,
		"an answer that does not fit");
	for (i = 0; i < task->data_bytes; i++)
		ones += buffer[i] == 1;
	require(ones <= task->data_bytes, "count");
}

/* ---- steps ---- */

static enum scsi_step begin(struct scsi_task *task, bool absent)
{
	struct scsi_task quick = *task;
	bool short_way = !absent && scsi_begin_io(&lun, &quick);
	enum scsi_step step = scsi_begin(absent ? NULL : &lun, task);

	if (short_way)
		require(step == SCSI_STEP_BLOCK &&
				!memcmp(&quick.block, &task->block,
					sizeof(quick.block)),
			"the two ways differ");
	return step;
}

static void finish(struct scsi_task *task, u8 error, u8 done_blocks)
{
	check_block(task);
	scsi_finish(task,
		    error < 0xf0 ? SCSI_OK : error % (SCSI_E_GUEST_MEMORY + 1),
		    done_blocks * 512ull);
}

static void command(struct bytes *bytes)
{
	struct storage_srb srb = { 0 };
	struct scsi_task task;
	u8 how = bytes_u8(bytes), error = bytes_u8(bytes);
	u8 done_blocks = bytes_u8(bytes), shift = bytes_u8(bytes) % 13;
	enum scsi_step step;

	srb.direction = how % 3;
	srb.cdb_bytes = STORAGE_CDB_BYTES - (how >> 2 & 0xf ? 0 : how >> 6);
	srb.transfer_bytes = (u32)bytes_u8(bytes) << shift;
	bytes_take(bytes, srb.cdb, srb.cdb_bytes);
	storage_srb_task(&srb, &task);
	task.nexus = bytes_below(bytes, LUN_NEXUS_MAX);
	task.units = bytes_u32(bytes);
	task.buffer = buffer;
	step = begin(&task, how == 0xff);
	if (step == SCSI_STEP_DATA) {
		require(task.data_bytes && task.data_bytes <= SCSI_BUFFER_BYTES,
			"a parameter list that does not fit");
		require(task.data_bytes <= task.transfer_bytes,
			"more than the guest has");
		bytes_take(bytes, buffer, task.data_bytes);
		step = scsi_data(&lun, &task);
		require(step != SCSI_STEP_DATA, "data twice");
	}
	if (step == SCSI_STEP_BLOCK)
		finish(&task, error, done_blocks);
	else
		check_answer(&task);
	check_result(&task);
	scsi_command_name(task.cdb, task.cdb_bytes);
}

static void administrate(struct bytes *bytes)
{
	u8 what = bytes_u8(bytes);
	u64 size_bytes = (u64)bytes_u32(bytes) << (what >> 4);

	switch (what & 7) {
	case 0:
		lun_resize(&lun, size_bytes);
		break;
	case 1:
		lun_set_read_only(&lun, what & 8);
		break;
	case 2:
		lun_set_offline(&lun, what & 8);
		break;
	case 3:
		if (lun.kind == LUN_DVD)
			lun_insert(&lun, size_bytes);
		break;
	case 4:
		if (lun.kind == LUN_DVD)
			lun_remove(&lun, what & 8);
		break;
	case 5:
		lun_reset(&lun,
			  what >> 4 & 3 ? LUN_DEVICE_RESET : LUN_POWER_ON);
		break;
	case 6:
		lun_attend(&lun, (what >> 4) % LUN_ATTENTION_COUNT,
			   LUN_NEXUS_MAX);
		break;
	default:
		lun_nexus_lost(&lun, (what >> 4) % LUN_NEXUS_MAX);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes)
{
	struct bytes bytes = { input, input_bytes };

	buffer = malloc(SCSI_BUFFER_BYTES);
	make(&bytes);
	while (bytes.left) {
		if (bytes_u8(&bytes) < 0xe0)
			command(&bytes);
		else
			administrate(&bytes);
		check_unit();
	}
	free(buffer);
	return 0;
}
