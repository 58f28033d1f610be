// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Commands that move or change blocks, against SBC-3. */
#include "tests/unit/services/storage/scsi_rig.h"

#define BLOCKS (RIG_MEDIUM_BYTES / 512)

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_disk(&rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_free(&rig);
	return 0;
}

/* READ and WRITE in their four lengths. */
static const struct form {
	u8 read, write;
	u32 bytes;
} forms[] = {
	{ 0x08, 0x0a, 6 },
	{ 0x28, 0x2a, 10 },
	{ 0xa8, 0xaa, 12 },
	{ 0x88, 0x8a, 16 },
};

static void build(u8 *cdb, u8 opcode, u64 block, u32 count)
{
	memset(cdb, 0, 16);
	switch (opcode >> 5) {
	case 0:
		be24_write(cdb + 1, (u32)block);
		cdb[4] = (u8)count;
		break;
	case 1:
	case 2:
		be32_write(cdb + 2, (u32)block);
		be16_write(cdb + 7, (u16)count);
		break;
	case 5:
		be32_write(cdb + 2, (u32)block);
		be32_write(cdb + 6, count);
		break;
	default:
		be64_write(cdb + 2, block);
		be32_write(cdb + 10, count);
	}
	cdb[0] = opcode;
}

static u8 io(u8 opcode, u8 byte_1, u64 block, u32 count, u8 direction,
	     u32 bytes)
{
	u8 cdb[16];

	build(cdb, opcode, block, count);
	cdb[1] |= byte_1;
	return rig_run(&rig, direction, bytes, cdb, 16);
}

static u8 read_blocks(u8 opcode, u64 block, u32 count)
{
	return io(opcode, 0, block, count, STORAGE_DATA_IN, count * 512);
}

static u8 write_blocks(u8 opcode, u64 block, u32 count)
{
	return io(opcode, 0, block, count, STORAGE_DATA_OUT, count * 512);
}

static void test_forms(void **state)
{
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(forms); i++) {
		memset(rig.data, 0x11 + (int)i, 2048);
		assert_good(write_blocks(forms[i].write, 100 + i, 4));
		assert_true(rig.short_way);
		assert_int_equal(rig.task.result.transferred, 2048);
		assert_int_equal(rig.flushes, 0);
		assert_int_equal(rig.medium[(100 + i) * 512], 0x11 + i);
		memset(rig.data, 0, 2048);
		assert_good(read_blocks(forms[i].read, 100 + i, 4));
		assert_true(rig.short_way);
		assert_int_equal(rig.data[2047], 0x11 + i);
	}
	/* Six bytes: no blocks means 256; more: none, which is well. */
	assert_good(io(0x08, 0, 0, 0, STORAGE_DATA_IN, 256 * 512));
	assert_int_equal(rig.task.result.transferred, 256 * 512);
	for (i = 1; i < PORT_ARRAY_SIZE(forms); i++) {
		assert_good(
			io(forms[i].write, 0, BLOCKS, 0, STORAGE_DATA_OUT, 0));
		assert_int_equal(rig.task.result.transferred, 0);
		assert_int_equal(rig.first_step, SCSI_STEP_DONE);
	}
}

static void test_ends(void **state)
{
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(forms); i++) {
		assert_good(read_blocks(forms[i].read, BLOCKS - 2, 2));
		assert_sense(&rig, read_blocks(forms[i].read, BLOCKS - 1, 2),
			     SENSE_LBA_RANGE);
		assert_sense(&rig, write_blocks(forms[i].write, BLOCKS, 1),
			     SENSE_LBA_RANGE);
	}
	assert_sense(&rig, read_blocks(0x88, ~0ull, 1), SENSE_LBA_RANGE);
	assert_sense(&rig, read_blocks(0x88, ~0ull - 1, 2), SENSE_LBA_RANGE);
	assert_sense(&rig, read_blocks(0x88, 1ull << 55, 1), SENSE_LBA_RANGE);
	/* The limit of VPD page B0. */
	assert_good(read_blocks(0x28, 0, 2048));
	assert_bad_cdb(
		&rig, io(0x28, 0, 0, 2049, STORAGE_DATA_IN, RIG_DATA_BYTES), 7);
	assert_bad_cdb(&rig,
		       io(0x88, 0, 0, 4096, STORAGE_DATA_IN, RIG_DATA_BYTES),
		       10);
}

/* A limit of one's own, told at the place of the count in each length. */
static void test_transfer_limit(void **state)
{
	static const struct lun_options options = {
		.size_bytes = RIG_MEDIUM_BYTES,
		.transfer_max_bytes = 4096,
	};
	static const u16 count_bytes[] = { 4, 7, 6, 10 };
	u32 i;

	(void)state;
	rig_free(&rig);
	rig_make(&rig, &options);
	for (i = 0; i < PORT_ARRAY_SIZE(forms); i++) {
		assert_good(read_blocks(forms[i].read, 0, 8));
		assert_bad_cdb(&rig, read_blocks(forms[i].read, 0, 9),
			       count_bytes[i]);
		assert_bad_cdb(&rig, write_blocks(forms[i].write, 0, 9),
			       count_bytes[i]);
	}
	assert_good(IN(&rig, 255, 0x12, 1, 0xb0, 0, 255, 0));
	assert_int_equal(be32_read(rig.data + 8), 8);
}

static void test_buffers(void **state)
{
	(void)state;
	/* A larger buffer is not filled. */
	assert_good(io(0x28, 0, 0, 1, STORAGE_DATA_IN, 4096));
	assert_int_equal(rig.task.result.transferred, 512);
	/* A smaller one, or one for the other direction, is refused. */
	assert_sense(&rig, io(0x28, 0, 0, 2, STORAGE_DATA_IN, 1023),
		     SENSE_FIELD_IN_CDB);
	assert_sense(&rig, io(0x28, 0, 0, 1, STORAGE_DATA_OUT, 512),
		     SENSE_FIELD_IN_CDB);
	assert_sense(&rig, io(0x2a, 0, 0, 1, STORAGE_DATA_IN, 512),
		     SENSE_FIELD_IN_CDB);
	/* The direction may be left open. */
	assert_good(io(0x28, 0, 0, 1, STORAGE_DATA_UNSPECIFIED, 512));
	assert_false(rig.short_way);
}

static void test_durable(void **state)
{
	(void)state;
	assert_good(io(0x2a, 0x08, 0, 1, STORAGE_DATA_OUT, 512));
	assert_true(rig.short_way);
	assert_int_equal(rig.flushes, 1);
	assert_good(io(0x8a, 0x18, 0, 1, STORAGE_DATA_OUT, 512)); /* DPO */
	assert_int_equal(rig.flushes, 2);
	assert_good(io(0x28, 0x08, 0, 1, STORAGE_DATA_IN, 512));
	assert_int_equal(rig.flushes, 3);
	assert_good(io(0x2e, 0, 0, 1, STORAGE_DATA_OUT, 512));
	assert_int_equal(rig.flushes, 4);
	assert_good(NO(&rig, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	assert_int_equal(rig.flushes, 5);
	assert_good(
		NO(&rig, 0x91, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0));
	assert_int_equal(rig.flushes, 6);
	assert_sense(&rig, NO(&rig, 0x35, 0, 1, 0, 0, 0, 0, 0, 0, 0),
		     SENSE_LBA_RANGE);
	/* Protection information: there is none. */
	assert_bad_cdb(&rig, io(0x28, 0x20, 0, 1, STORAGE_DATA_IN, 512), 1);
	assert_bad_cdb(&rig, io(0x8a, 0x80, 0, 1, STORAGE_DATA_OUT, 512), 1);
}

static void test_verify(void **state)
{
	(void)state;
	assert_good(io(0x2f, 0, 0, 8, STORAGE_DATA_UNSPECIFIED, 0));
	assert_int_equal(rig.first_step, SCSI_STEP_BLOCK);
	assert_int_equal(rig.task.result.transferred, 0);
	assert_good(io(0x8f, 0, 0, 0, STORAGE_DATA_UNSPECIFIED, 0));
	assert_int_equal(rig.first_step, SCSI_STEP_DONE);
	assert_bad_cdb(&rig, io(0x2f, 0x02, 0, 1, STORAGE_DATA_OUT, 512), 1);
	assert_bad_cdb(&rig, io(0xaf, 0x06, 0, 1, STORAGE_DATA_OUT, 512), 1);
	assert_bad_cdb(&rig, io(0x2e, 0x02, 0, 1, STORAGE_DATA_OUT, 512), 1);
	assert_sense(&rig, io(0x2f, 0, BLOCKS, 1, STORAGE_DATA_UNSPECIFIED, 0),
		     SENSE_LBA_RANGE);
	assert_bad_cdb(&rig,
		       io(0x8f, 0, 0, 0xffffffff, STORAGE_DATA_UNSPECIFIED, 0),
		       10);
	rig.fail = SCSI_E_MEDIUM;
	rig.fail_at = 512 * 3;
	assert_sense(&rig, io(0x2f, 0, 5, 8, STORAGE_DATA_UNSPECIFIED, 0),
		     SENSE_READ_ERROR);
	assert_int_equal(be32_read(rig.task.result.sense + 3), 8);
}

static void test_write_same(void **state)
{
	u32 i;

	(void)state;
	memset(rig.medium, 0xee, 8192);
	memset(rig.data, 0x42, 512);
	assert_good(io(0x41, 0, 2, 4, STORAGE_DATA_OUT, 512));
	assert_int_equal(rig.first_step, SCSI_STEP_DATA);
	assert_int_equal(rig.task.block.op, SCSI_PATTERN);
	assert_int_equal(rig.task.result.transferred, 512);
	for (i = 0; i < 8192; i++)
		assert_int_equal(rig.medium[i],
				 i >= 1024 && i < 3072 ? 0x42 : 0xee);
	/* Of zeros, and with leave to give the space back. */
	memset(rig.data, 0, 512);
	assert_good(io(0x93, 0, 2, 1, STORAGE_DATA_OUT, 512));
	assert_int_equal(rig.task.block.op, SCSI_ZERO);
	assert_false(rig.task.block.may_unmap);
	assert_good(io(0x93, 0x08, 3, 1, STORAGE_DATA_OUT, 512));
	assert_true(rig.task.block.may_unmap);
	assert_int_equal(rig.medium[1024], 0);
	assert_int_equal(rig.medium[1536], 0);
	assert_int_equal(rig.medium[2048], 0x42);
	/* Without data: zeros. */
	assert_good(io(0x93, 0x09, 4, 1, STORAGE_DATA_UNSPECIFIED, 0));
	assert_int_equal(rig.task.block.op, SCSI_ZERO);
	assert_int_equal(rig.medium[2048], 0);
	/* What is unmapped must read as the data: others are written. */
	rig.data[511] = 1;
	assert_good(io(0x93, 0x08, 0, 1, STORAGE_DATA_OUT, 512));
	assert_int_equal(rig.task.block.op, SCSI_PATTERN);
	assert_int_equal(rig.medium[511], 1);

	assert_bad_cdb(&rig, io(0x41, 0, 0, 0, STORAGE_DATA_OUT, 512), 7);
	assert_bad_cdb(&rig, io(0x93, 0, 0, 0, STORAGE_DATA_OUT, 512), 10);
	assert_bad_cdb(&rig,
		       io(0x93, 0, 0, SCSI_WRITE_SAME_MAX_BYTES / 512 + 1,
			  STORAGE_DATA_OUT, 512),
		       10);
	assert_bad_cdb(&rig, io(0x93, 0x10, 0, 1, STORAGE_DATA_OUT, 512), 1);
	assert_bad_cdb(&rig, io(0x93, 0x20, 0, 1, STORAGE_DATA_OUT, 512), 1);
	assert_bad_cdb(&rig, io(0x41, 0x02, 0, 1, STORAGE_DATA_OUT, 512), 1);
	assert_bad_cdb(&rig, io(0x41, 0x01, 0, 1, STORAGE_DATA_OUT, 512), 1);
	assert_sense(&rig, io(0x93, 0, BLOCKS, 1, STORAGE_DATA_OUT, 512),
		     SENSE_LBA_RANGE);
	assert_sense(&rig, io(0x93, 0x01, BLOCKS, 1, STORAGE_DATA_OUT, 0),
		     SENSE_LBA_RANGE);
	assert_sense(&rig, io(0x93, 0, 0, 1, STORAGE_DATA_OUT, 511),
		     SENSE_FIELD_IN_CDB);
}

/* A list of @count ranges in the guest's buffer; returns its length. */
static u32 unmap_list(u32 count, u64 block, u32 blocks)
{
	u32 i;

	memset(rig.data, 0, 8);
	be16_write(rig.data, (u16)(6 + count * 16));
	be16_write(rig.data + 2, (u16)(count * 16));
	for (i = 0; i < count; i++) {
		u8 *at = rig.data + 8 + i * 16;

		be64_write(at, block + (u64)i * blocks);
		be32_write(at + 8, blocks);
		be32_write(at + 12, 0);
	}
	return 8 + count * 16;
}

#define UNMAP(bytes)                                                           \
	OUT(&rig, 8192, 0x42, 0, 0, 0, 0, 0, 0, (bytes) >> 8, (bytes)&0xff, 0)

static void test_unmap(void **state)
{
	u32 bytes;

	(void)state;
	memset(rig.medium, 0xee, 65536);
	bytes = unmap_list(2, 8, 8);
	assert_good(UNMAP(bytes));
	assert_int_equal(rig.unmapped, 2);
	assert_int_equal(rig.task.result.transferred, bytes);
	assert_int_equal(rig.medium[8 * 512 - 1], 0xee);
	assert_int_equal(rig.medium[8 * 512], 0);
	assert_int_equal(rig.medium[24 * 512 - 1], 0);
	assert_int_equal(rig.medium[24 * 512], 0xee);
	/* As many ranges as VPD page B0 says, and no more fit a list. */
	rig.unmapped = 0;
	bytes = unmap_list(255, 0, 1);
	assert_good(UNMAP(bytes));
	assert_int_equal(rig.unmapped, 255);
	bytes = unmap_list(256, 0, 1);
	assert_bad_cdb(&rig, UNMAP(bytes), 7);
	/* No ranges, or none whole: nothing to do. */
	rig.unmapped = 0;
	assert_good(UNMAP(0));
	bytes = unmap_list(0, 0, 0);
	assert_good(UNMAP(bytes));
	bytes = unmap_list(2, 0, 8);
	assert_good(UNMAP(bytes - 1));
	assert_int_equal(rig.unmapped, 1);
	/* A range of nothing. */
	bytes = unmap_list(1, BLOCKS, 0);
	assert_good(UNMAP(bytes));

	assert_sense(&rig, UNMAP(7), SENSE_PARAMETER_LENGTH);
	bytes = unmap_list(1, BLOCKS - 1, 2);
	assert_sense(&rig, UNMAP(bytes), SENSE_LBA_RANGE);
	bytes = unmap_list(1, ~0ull, 0xffffffff);
	assert_sense(&rig, UNMAP(bytes), SENSE_LBA_RANGE);
	assert_bad_cdb(&rig, OUT(&rig, 8, 0x42, 1, 0, 0, 0, 0, 0, 0, 8, 0), 1);
	assert_sense(&rig, OUT(&rig, 8, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0),
		     SENSE_FIELD_IN_CDB);
}

/* More blocks in all than VPD page B0 says. */
static void test_unmap_limit(void **state)
{
	static const struct lun_options options = {
		.size_bytes = 8ull << 40,
		.thin = true,
		.block_bytes = 4096,
	};
	u32 bytes, limit = SCSI_UNMAP_MAX_BYTES / 4096;

	(void)state;
	rig_free(&rig);
	rig_make(&rig, &options);
	bytes = unmap_list(1, 1ull << 30, limit);
	assert_good(UNMAP(bytes));
	bytes = unmap_list(2, 1ull << 30, limit / 2 + 1);
	assert_sense(&rig, UNMAP(bytes), SENSE_FIELD_IN_PARAMETERS);
	assert_int_equal(rig_field(&rig), 8 + 16 + 8);
}

static void test_not_thin(void **state)
{
	static const struct lun_options options = { .size_bytes = 1 << 20 };

	(void)state;
	rig_free(&rig);
	rig_make(&rig, &options);
	assert_sense(&rig, UNMAP(0), SENSE_OPERATION_CODE);
	assert_bad_cdb(&rig, io(0x93, 0x08, 0, 1, STORAGE_DATA_OUT, 512), 1);
	assert_good(io(0x93, 0, 0, 1, STORAGE_DATA_OUT, 512));
}

static void test_read_only(void **state)
{
	u32 bytes = unmap_list(1, 0, 1);

	(void)state;
	lun_set_read_only(&rig.lun, true);
	assert_sense(&rig, NO(&rig, 0), SENSE_MODE_CHANGED);
	assert_good(read_blocks(0x28, 0, 1));
	assert_true(rig.short_way);
	assert_sense(&rig, write_blocks(0x0a, 0, 1), SENSE_WRITE_PROTECTED);
	assert_sense(&rig, write_blocks(0x8a, 0, 1), SENSE_WRITE_PROTECTED);
	assert_sense(&rig, io(0x93, 0, 0, 1, STORAGE_DATA_OUT, 512),
		     SENSE_WRITE_PROTECTED);
	assert_sense(&rig, UNMAP(bytes), SENSE_WRITE_PROTECTED);
	assert_good(NO(&rig, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	lun_set_read_only(&rig.lun, true); /* no change, nothing to tell */
	lun_set_read_only(&rig.lun, false);
	assert_sense(&rig, NO(&rig, 0), SENSE_MODE_CHANGED);
	assert_good(write_blocks(0x0a, 0, 1));
}

static void test_resize(void **state)
{
	(void)state;
	lun_resize(&rig.lun, RIG_MEDIUM_BYTES / 2 + 511);
	assert_sense(&rig, read_blocks(0x28, 0, 1), SENSE_CAPACITY_CHANGED);
	assert_good(read_blocks(0x28, BLOCKS / 2 - 1, 1));
	assert_sense(&rig, read_blocks(0x28, BLOCKS / 2, 1), SENSE_LBA_RANGE);
	assert_true(lun_size_bytes(&rig.lun) == RIG_MEDIUM_BYTES / 2);
}

static void test_not_ready(void **state)
{
	(void)state;
	lun_set_offline(&rig.lun, true);
	assert_sense(&rig, NO(&rig, 0), SENSE_NOT_READY_CAUSE_UNKNOWN);
	assert_sense(&rig, read_blocks(0x28, 0, 1),
		     SENSE_NOT_READY_CAUSE_UNKNOWN);
	assert_good(IN(&rig, 36, 0x12, 0, 0, 0, 36, 0));
	assert_sense(&rig, NO(&rig, 0x1b, 0, 0, 0, 1, 0),
		     SENSE_NOT_READY_CAUSE_UNKNOWN);
	lun_set_offline(&rig.lun, false);
	assert_good(NO(&rig, 0));
	/* Stopped: the cache is written out; started again. */
	assert_good(NO(&rig, 0x1b, 0, 0, 0, 0, 0));
	assert_int_equal(rig.flushes, 1);
	assert_sense(&rig, write_blocks(0x2a, 0, 1), SENSE_UNIT_STOPPED);
	assert_good(NO(&rig, 0x1b, 0, 0, 0, 1, 0));
	assert_good(write_blocks(0x2a, 0, 1));
	assert_good(NO(&rig, 0x1b, 0, 0, 0, 4, 0)); /* NO_FLUSH */
	assert_int_equal(rig.flushes, 1);
	/* A reset starts it. */
	lun_reset(&rig.lun, LUN_DEVICE_RESET);
	assert_sense(&rig, NO(&rig, 0), SENSE_DEVICE_RESET);
	assert_good(NO(&rig, 0));
	assert_bad_cdb(&rig, NO(&rig, 0x1b, 0, 0, 0, 0x10, 0), 4);
	assert_bad_cdb(&rig, NO(&rig, 0x1b, 0, 0, 0, 0x02, 0), 4);
	assert_sense(&rig, NO(&rig, 0x1e, 0, 0, 0, 1, 0), SENSE_OPERATION_CODE);
}

static u8 failing(enum scsi_error error, u64 at, u8 opcode)
{
	rig.fail = error;
	rig.fail_at = at;
	return opcode == 0x2a ? write_blocks(opcode, 40, 8)
			      : read_blocks(opcode, 40, 8);
}

static void test_errors(void **state)
{
	const u8 *sense = rig.task.result.sense;

	(void)state;
	assert_sense(&rig, failing(SCSI_E_MEDIUM, 1024, 0x28),
		     SENSE_READ_ERROR);
	assert_int_equal(sense[0], 0xf0); /* the information is valid */
	assert_int_equal(be32_read(sense + 3), 42);
	assert_sense(&rig, failing(SCSI_E_MEDIUM, 0, 0x2a), SENSE_WRITE_ERROR);
	assert_int_equal(be32_read(sense + 3), 40);
	assert_sense(&rig, failing(SCSI_E_IO, 0, 0x28), SENSE_INTERNAL_FAILURE);
	assert_int_equal(sense[0], 0x70);
	assert_sense(&rig, failing(SCSI_E_NO_SPACE, 0, 0x2a),
		     SENSE_SPACE_ALLOCATION);
	assert_sense(&rig, failing(SCSI_E_READ_ONLY, 0, 0x2a),
		     SENSE_WRITE_PROTECTED);
	assert_sense(&rig, failing(SCSI_E_OFFLINE, 0, 0x28),
		     SENSE_NOT_READY_CAUSE_UNKNOWN);
	assert_sense(&rig, failing(SCSI_E_GUEST_MEMORY, 0, 0x28),
		     SENSE_INTERNAL_FAILURE);
	assert_int_equal(failing(SCSI_E_BUSY, 0, 0x28), SCSI_BUSY);
	assert_int_equal(failing(SCSI_E_ABORTED, 0, 0x28), SCSI_TASK_ABORTED);
	rig.fail = SCSI_E_MEDIUM;
	assert_sense(&rig, NO(&rig, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		     SENSE_WRITE_ERROR);
	/* A block beyond 32 bits is not told. */
	lun_resize(&rig.lun, 4ull << 40);
	NO(&rig, 0);
	rig.fail = SCSI_E_MEDIUM;
	assert_sense(&rig, read_blocks(0x88, 1ull << 32, 1), SENSE_READ_ERROR);
	assert_int_equal(sense[0], 0x70);
	/* And is well afterwards. */
	assert_good(read_blocks(0x28, 40, 8));
}

static void test_short_cdb(void **state)
{
	static const u8 cdb[16] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 1 };
	struct scsi_task *task = &rig.task;

	(void)state;
	memset(task, 0, sizeof(*task));
	memcpy(task->cdb, cdb, sizeof(cdb));
	task->cdb_bytes = 9;
	task->direction = STORAGE_DATA_IN;
	task->transfer_bytes = 512;
	task->buffer = rig.buffer;
	assert_false(scsi_begin_io(&rig.lun, task));
	assert_int_equal(scsi_begin(&rig.lun, task), SCSI_STEP_DONE);
	assert_int_equal(rig_sense(&rig), SENSE_FIELD_IN_CDB);
	task->cdb_bytes = 10;
	assert_true(scsi_begin_io(&rig.lun, task));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_transfer_limit, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_durable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verify, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_same, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_unmap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unmap_limit, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_not_thin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_only, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_resize, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_ready, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_short_cdb, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
