// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* What a unit says of itself, against SPC-4 and SBC-3. */
#include "tests/unit/services/storage/scsi_rig.h"

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

static void test_inquiry(void **state)
{
	(void)state;
	assert_good(IN(&rig, 96, 0x12, 0, 0, 0, 96, 0));
	assert_int_equal(rig.task.result.transferred, 74);
	assert_int_equal(rig.data[0], 0x00);
	assert_int_equal(rig.data[1], 0x00); /* not removable */
	assert_int_equal(rig.data[2], 0x06); /* SPC-4 */
	assert_int_equal(rig.data[3] & 0xf, 2);
	assert_int_equal(rig.data[4], 74 - 5);
	assert_int_equal(rig.data[7] & 0x02, 0x02); /* CMDQUE */
	assert_memory_equal(rig.data + 8, "Msft    Virtual Disk    1.0 ", 28);
	/* As much as is asked for, and as there is room for. */
	assert_good(IN(&rig, 96, 0x12, 0, 0, 0, 36, 0));
	assert_int_equal(rig.task.result.transferred, 36);
	assert_good(IN(&rig, 5, 0x12, 0, 0, 0, 36, 0));
	assert_int_equal(rig.task.result.transferred, 5);
	assert_good(IN(&rig, 0, 0x12, 0, 0, 0, 0, 0));
	assert_int_equal(rig.task.result.transferred, 0);
	/* A page without EVPD; data that would go the wrong way. */
	assert_bad_cdb(&rig, IN(&rig, 96, 0x12, 0, 0x80, 0, 96, 0), 2);
	assert_sense(&rig, OUT(&rig, 96, 0x12, 0, 0, 0, 96, 0),
		     SENSE_FIELD_IN_CDB);
}

static u32 vpd(u8 page)
{
	assert_good(IN(&rig, 255, 0x12, 1, page, 0, 255, 0));
	assert_int_equal(rig.data[0], 0);
	assert_int_equal(rig.data[1], page);
	assert_int_equal(be16_read(rig.data + 2) + 4,
			 rig.task.result.transferred);
	return be16_read(rig.data + 2);
}

static void test_vpd(void **state)
{
	u8 listed[16];
	u32 i, count;

	(void)state;
	count = vpd(0x00);
	assert_int_equal(count, 7);
	memcpy(listed, rig.data + 4, count);
	for (i = 0; i < count; i++) {
		assert_true(i == 0 || listed[i] > listed[i - 1]);
		vpd(listed[i]);
	}
	assert_bad_cdb(&rig, IN(&rig, 255, 0x12, 1, 0x84, 0, 255, 0), 2);

	assert_int_equal(vpd(0x80), 32);
	assert_memory_equal(rig.data + 4, "0123456789abcdef0000000000000000",
			    32);
	assert_true(vpd(0x83) > 12);
	assert_int_equal(rig.data[4], 0x01); /* binary */
	assert_int_equal(rig.data[5], 0x03); /* NAA, of the unit */
	assert_int_equal(rig.data[7], 8);
	assert_int_equal(rig.data[8] >> 4, 3); /* locally assigned */
	assert_int_equal(rig.data[16], 0x02);  /* ASCII */
	assert_int_equal(rig.data[17], 0x01);  /* T10 vendor */
	assert_memory_equal(rig.data + 20, "Msft    0123456789abcdef", 24);
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(vpd(0xb0), 60);
	assert_int_equal(rig.data[4], 1);	      /* WSNZ */
	assert_int_equal(be16_read(rig.data + 6), 8); /* 4 KiB */
	assert_int_equal(be32_read(rig.data + 8), 0x100000 / 512);
	assert_int_equal(be32_read(rig.data + 20), SCSI_UNMAP_MAX_BYTES / 512);
	assert_int_equal(be32_read(rig.data + 24), 255);
	assert_int_equal(be32_read(rig.data + 28), 8);
	assert_int_equal(be32_read(rig.data + 32), 0x80000000u);
	assert_int_equal(be64_read(rig.data + 36),
			 SCSI_WRITE_SAME_MAX_BYTES / 512);
	assert_int_equal(vpd(0xb1), 60);
	assert_int_equal(be16_read(rig.data + 4), 1); /* no rotation */
	assert_int_equal(vpd(0xb2), 4);
	assert_int_equal(rig.data[5], 0xe4); /* LBPU LBPWS LBPWS10 LBPRZ */
	assert_int_equal(rig.data[6], 2);    /* thin */
}

static void test_names(void **state)
{
	struct rig other;
	struct lun_options options = {
		.size_bytes = 1 << 20,
		.naa_bytes = 16,
		.naa = "\x60\x02\x24\x80",
		.serial = "a\tserial",
		.vendor = "LongerThanEight",
		.product = "p",
		.revision = "12345",
		.rotational = true,
	};

	(void)state;
	rig_make(&other, &options);
	assert_good(IN(&other, 96, 0x12, 0, 0, 0, 96, 0));
	assert_memory_equal(other.data + 8, "LongerThp               1234", 28);
	assert_good(IN(&other, 255, 0x12, 1, 0x83, 0, 255, 0));
	assert_int_equal(other.data[7], 16);
	assert_memory_equal(other.data + 8, options.naa, 16);
	assert_good(IN(&other, 255, 0x12, 1, 0x80, 0, 255, 0));
	assert_memory_equal(other.data + 4, "a.serial", 8);
	/* Neither thin nor a solid state disk. */
	assert_good(IN(&other, 255, 0x12, 1, 0xb0, 0, 255, 0));
	assert_int_equal(be32_read(other.data + 20), 0);
	assert_int_equal(be32_read(other.data + 24), 0);
	assert_good(IN(&other, 255, 0x12, 1, 0xb1, 0, 255, 0));
	assert_int_equal(be16_read(other.data + 4), 0);
	assert_good(IN(&other, 255, 0x12, 1, 0xb2, 0, 255, 0));
	assert_int_equal(be32_read(other.data + 4), 0);
	rig_free(&other);
	/* Two identities give two names. */
	options.naa_bytes = 0;
	options.identity[15] = 1;
	rig_make(&other, &options);
	assert_memory_not_equal(other.lun.naa, rig.lun.naa, 8);
	rig_free(&other);
}

static void test_bad_options(void **state)
{
	static const struct lun_options bad[] = {
		{ .kind = (enum lun_kind)2 },
		{ .block_bytes = 1024 },
		{ .block_bytes = 4096, .physical_bytes = 512 },
		{ .physical_bytes = 3 * 512 },
		{ .physical_bytes = 512u << 16 },
		{ .unmap_unit_bytes = 100 },
		{ .naa_bytes = 9 },
		{ .block_bytes = 4096, .transfer_max_bytes = 512 },
		{ .kind = LUN_DVD, .block_bytes = 512 },
	};
	struct lun lun;
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(bad); i++)
		assert_int_equal(lun_init(&lun, &bad[i]), VMBUS_BAD_ARGUMENT);
}

static void test_capacity(void **state)
{
	static const struct lun_options large = {
		.size_bytes = 3ull << 40, /* over what 32 bits can say */
		.physical_bytes = 4096,
	};
	static const struct lun_options native = {
		.size_bytes = 1 << 20,
		.block_bytes = 4096,
	};
	struct rig other;

	(void)state;
	assert_good(IN(&rig, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	assert_int_equal(be32_read(rig.data), RIG_MEDIUM_BYTES / 512 - 1);
	assert_int_equal(be32_read(rig.data + 4), 512);
	assert_good(IN(&rig, 32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		       32, 0, 0));
	assert_int_equal(rig.task.result.transferred, 32);
	assert_int_equal(be64_read(rig.data), RIG_MEDIUM_BYTES / 512 - 1);
	assert_int_equal(rig.data[12], 0);
	assert_int_equal(rig.data[13], 3);    /* 2^3 logical in a physical */
	assert_int_equal(rig.data[14], 0xc0); /* LBPME, LBPRZ */
	/* GET LBA STATUS is not there: the service action is wrong. */
	assert_bad_cdb(&rig,
		       IN(&rig, 32, 0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			  32, 0, 0),
		       1);

	rig_make(&other, &large);
	assert_good(IN(&other, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	assert_int_equal(be32_read(other.data), 0xffffffff);
	assert_good(IN(&other, 32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		       32, 0, 0));
	assert_true(be64_read(other.data) == (3ull << 31) - 1);
	assert_int_equal(other.data[14], 0);
	rig_free(&other);

	rig_make(&other, &native);
	assert_good(IN(&other, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	assert_int_equal(be32_read(other.data), 255);
	assert_int_equal(be32_read(other.data + 4), 4096);
	rig_free(&other);
}

#define REPORT_LUNS(select, allocation)                                        \
	0xa0, 0, select, 0, 0, 0, 0, 0, (allocation) >> 8, (allocation)&0xff,  \
		0, 0

static void test_report_luns(void **state)
{
	(void)state;
	rig.units = 1ull << 63 | 1 << 5 | 1;
	assert_good(IN(&rig, 1024, REPORT_LUNS(0, 1024)));
	assert_int_equal(rig.task.result.transferred, 8 + 3 * 8);
	assert_int_equal(be32_read(rig.data), 24);
	assert_int_equal(be64_read(rig.data + 8), 0);
	assert_true(be64_read(rig.data + 16) == 5ull << 48);
	assert_true(be64_read(rig.data + 24) == 63ull << 48);
	/* The length tells of all, even where not all fit. */
	assert_good(IN(&rig, 16, REPORT_LUNS(2, 16)));
	assert_int_equal(rig.task.result.transferred, 16);
	assert_int_equal(be32_read(rig.data), 24);
	/* No well known units. */
	assert_good(IN(&rig, 1024, REPORT_LUNS(1, 1024)));
	assert_int_equal(be32_read(rig.data), 0);
	assert_bad_cdb(&rig, IN(&rig, 1024, REPORT_LUNS(3, 1024)), 2);
	assert_bad_cdb(&rig, IN(&rig, 1024, REPORT_LUNS(0, 15)), 6);
	rig.units = ~0ull;
	assert_good(IN(&rig, 1024, REPORT_LUNS(0, 1024)));
	assert_int_equal(rig.task.result.transferred, 8 + 64 * 8);
}

static void test_absent(void **state)
{
	(void)state;
	rig.absent = true;
	rig.units = 2;
	assert_good(IN(&rig, 36, 0x12, 0, 0, 0, 36, 0));
	assert_int_equal(rig.task.result.transferred, 36);
	assert_int_equal(rig.data[0], 0x7f);
	assert_false(rig.task.result.no_unit);
	assert_bad_cdb(&rig, IN(&rig, 36, 0x12, 1, 0, 0, 36, 0), 2);
	assert_good(IN(&rig, 64, REPORT_LUNS(0, 64)));
	assert_int_equal(be32_read(rig.data), 8);
	assert_true(be64_read(rig.data + 8) == 1ull << 48);
	assert_good(IN(&rig, 18, 0x03, 0, 0, 0, 18, 0));
	assert_int_equal(sense_read(rig.data, 18), SENSE_UNIT_NOT_SUPPORTED);
	assert_sense(&rig, NO(&rig, 0x00, 0, 0, 0, 0, 0),
		     SENSE_UNIT_NOT_SUPPORTED);
	assert_true(rig.task.result.no_unit);
	assert_sense(&rig, IN(&rig, 512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0),
		     SENSE_UNIT_NOT_SUPPORTED);
	assert_true(rig.task.result.no_unit);
}

static void test_attention(void **state)
{
	(void)state;
	lun_resize(&rig.lun, RIG_MEDIUM_BYTES / 2);
	lun_attend(&rig.lun, LUN_LUNS_CHANGED, LUN_NEXUS_MAX);
	/* These three neither tell it nor forget it. */
	assert_good(IN(&rig, 36, 0x12, 0, 0, 0, 36, 0));
	assert_false(rig.short_way);
	/* REPORT LUNS takes its own. */
	rig.nexus = 1;
	assert_good(IN(&rig, 64, REPORT_LUNS(0, 64)));
	assert_sense(&rig, NO(&rig, 0), SENSE_CAPACITY_CHANGED);
	assert_good(NO(&rig, 0));
	/* The more urgent first, each once; an unknown command tells it too. */
	rig.nexus = 0;
	lun_reset(&rig.lun, LUN_BUS_RESET);
	assert_sense(&rig, NO(&rig, 0xff), SENSE_BUS_RESET);
	assert_sense(&rig, IN(&rig, 512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0),
		     SENSE_CAPACITY_CHANGED);
	assert_good(IN(&rig, 18, 0x03, 0, 0, 0, 18, 0));
	assert_int_equal(sense_read(rig.data, 18), SENSE_LUNS_CHANGED);
	assert_good(NO(&rig, 0));
	assert_good(IN(&rig, 512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0));
	assert_true(rig.short_way); /* although others have one to hear */
	/* Power-on stands for all. */
	lun_reset(&rig.lun, LUN_POWER_ON);
	rig.nexus = 1;
	assert_sense(&rig, NO(&rig, 0), SENSE_POWER_ON);
	assert_good(NO(&rig, 0));
}

static void test_request_sense(void **state)
{
	(void)state;
	assert_good(IN(&rig, 18, 0x03, 0, 0, 0, 18, 0));
	assert_int_equal(rig.data[0], 0x70);
	assert_int_equal(rig.data[7], 10);
	assert_int_equal(sense_read(rig.data, 18), SENSE_NONE);
	lun_attend(&rig.lun, LUN_INQUIRY_CHANGED, 1);
	assert_good(IN(&rig, 18, 0x03, 1, 0, 0, 18, 0));
	assert_int_equal(rig.task.result.transferred, 8);
	assert_int_equal(rig.data[0], 0x72);
	assert_int_equal(sense_read(rig.data, 8), SENSE_INQUIRY_CHANGED);
	rig.nexus = 1;
	assert_good(NO(&rig, 0));
}

static void test_log_sense(void **state)
{
	(void)state;
	assert_good(IN(&rig, 64, 0x4d, 0, 0x40, 0, 0, 0, 0, 0, 64, 0));
	assert_int_equal(be16_read(rig.data + 2), 2);
	assert_int_equal(rig.data[5], 0x2f);
	assert_good(IN(&rig, 64, 0x4d, 0, 0x6f, 0, 0, 0, 0, 0, 64, 0));
	assert_int_equal(be16_read(rig.data + 2), 8);
	assert_int_equal(rig.data[8], 0); /* no failure is expected */
	assert_int_equal(rig.data[10], 0xff);
	assert_bad_cdb(&rig, IN(&rig, 64, 0x4d, 0, 0x4d, 0, 0, 0, 0, 0, 64, 0),
		       2);
	assert_bad_cdb(&rig, IN(&rig, 64, 0x4d, 1, 0x40, 0, 0, 0, 0, 0, 64, 0),
		       1);
	assert_bad_cdb(&rig, IN(&rig, 64, 0x4d, 0, 0x40, 1, 0, 0, 0, 0, 64, 0),
		       3);
}

#define RSOC(options, code, action, allocation)                                \
	0xa3, 0x0c, options, code, 0, action, 0, 0, (allocation) >> 8,         \
		(allocation)&0xff, 0, 0

static void test_opcodes(void **state)
{
	u8 list[2048];
	u32 at, bytes, count = 0;

	(void)state;
	assert_good(IN(&rig, 4096, RSOC(0, 0, 0, 4096)));
	bytes = be32_read(rig.data) + 4;
	assert_int_equal(bytes, rig.task.result.transferred);
	assert_true(bytes <= sizeof(list));
	memcpy(list, rig.data, bytes);
	for (at = 4; at < bytes; at += 8, count++) {
		bool action = list[at + 5] & 1;

		/* Each command is told alone too, with its own usage data. */
		assert_good(
			IN(&rig, 64,
			   RSOC(action ? 2 : 1, list[at], list[at + 3], 64)));
		assert_int_equal(rig.data[1] & 7, 3);
		assert_int_equal(be16_read(rig.data + 2),
				 be16_read(list + at + 6));
		assert_int_equal(rig.data[4], list[at]);
		if (action)
			assert_int_equal(rig.data[5], list[at + 3]);
		/* The control byte: NACA alone. */
		assert_int_equal(rig.data[3 + be16_read(rig.data + 2)], 0x04);
		/* And with either wish. */
		assert_good(IN(&rig, 64, RSOC(3, list[at], list[at + 3], 64)));
		assert_int_equal(rig.data[1] & 7, 3);
	}
	assert_true(count > 40);
	/* With timeouts each entry has 12 bytes more. */
	assert_good(IN(&rig, 4096, RSOC(0x80, 0, 0, 4096)));
	assert_int_equal(be32_read(rig.data), count * 20);
	assert_good(IN(&rig, 64, RSOC(0x81, 0x28, 0, 64)));
	assert_int_equal(rig.task.result.transferred, 4 + 10 + 12);
	/* What there is not: an answer all the same. */
	assert_good(IN(&rig, 64, RSOC(1, 0xc0, 0, 64)));
	assert_int_equal(rig.data[1] & 7, 1);
	assert_good(IN(&rig, 64, RSOC(2, 0x9e, 0x1f, 64)));
	assert_int_equal(rig.data[1] & 7, 1);
	assert_good(
		IN(&rig, 64, 0xa3, 0x0c, 3, 0x9e, 1, 0x10, 0, 0, 0, 64, 0, 0));
	assert_int_equal(rig.data[1] & 7, 1);
	/* Block and count count whole, the group's byte not at all. */
	assert_good(IN(&rig, 64, RSOC(1, 0x28, 0, 64)));
	assert_memory_equal(rig.data + 4,
			    "\x28\x18\xff\xff\xff\xff\0\xff\xff\x04", 10);
	assert_good(IN(&rig, 64, RSOC(1, 0x93, 0, 64)));
	assert_memory_equal(rig.data + 4,
			    "\x93\x09\xff\xff\xff\xff\xff\xff\xff\xff"
			    "\xff\xff\xff\xff\0\x04",
			    16);
	/* Asked in the wrong way. */
	assert_bad_cdb(&rig, IN(&rig, 64, RSOC(1, 0x9e, 0x10, 64)), 2);
	assert_bad_cdb(&rig, IN(&rig, 64, RSOC(2, 0x28, 0, 64)), 2);
	assert_bad_cdb(&rig, IN(&rig, 64, RSOC(4, 0, 0, 64)), 2);
	/* Task management: the unit can be reset. */
	assert_good(IN(&rig, 16, 0xa3, 0x0d, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0));
	assert_int_equal(rig.data[0], 0x08);
}

/* No opcode ends otherwise than by a result; what has no row says so. */
static void test_every_opcode(void **state)
{
	u32 opcode, action;
	u8 cdb[16] = { 0 };

	(void)state;
	for (opcode = 0; opcode < 256; opcode++) {
		for (action = 0; action < 32; action++) {
			cdb[0] = (u8)opcode;
			cdb[1] = (u8)action;
			rig_run(&rig, STORAGE_DATA_IN, 4096, cdb, 16);
			rig_run(&rig, STORAGE_DATA_OUT, 4096, cdb, 16);
			if (scsi_command_name(cdb, 16))
				continue;
			assert_int_equal(rig.task.result.status,
					 SCSI_CHECK_CONDITION);
		}
	}
	assert_sense(&rig, NO(&rig, 0xc0), SENSE_OPERATION_CODE);
	assert_sense(&rig, NO(&rig, 0x7f), SENSE_OPERATION_CODE);
	assert_string_equal(scsi_command_name((const u8[]){ 0x28, 0 }, 10),
			    "READ(10)");
	assert_string_equal(scsi_command_name((const u8[]){ 0x43, 2 }, 10),
			    "READ TOC/PMA/ATIP");
	assert_null(scsi_command_name((const u8[]){ 0xc0, 0 }, 10));
	assert_null(scsi_command_name((const u8[]){ 0x28, 0 }, 1));
}

static void test_diagnostic(void **state)
{
	(void)state;
	assert_good(NO(&rig, 0x1d, 0x04, 0, 0, 0, 0));
	assert_bad_cdb(&rig, NO(&rig, 0x1d, 0x20, 0, 0, 0, 0), 1);
	assert_bad_cdb(&rig, OUT(&rig, 8, 0x1d, 0x10, 0, 0, 8, 0), 3);
	/* NACA is not supported, in whatever command. */
	assert_bad_cdb(&rig, NO(&rig, 0x00, 0, 0, 0, 0, 0x04), 5);
	assert_bad_cdb(&rig, IN(&rig, 512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0x04),
		       9);
}

static void test_sense(void **state)
{
	static const u8 fixed[] = { 0x70, 0, 0x05, 0, 0, 0,    0,
				    10,	  0, 0,	   0, 0, 0x24, 0x01 };
	static const u8 descriptor[] = { 0x72, 0x0b, 0x4e, 0x02 };
	u8 sense[18] = { 0 };

	(void)state;
	assert_int_equal(sense_read(fixed, 14), 0x052401);
	assert_int_equal(sense_read(fixed, 13), 0x050000);
	assert_int_equal(sense_read(fixed, 2), 0);
	assert_int_equal(sense_read(fixed, 0), 0);
	memcpy(sense, fixed, sizeof(fixed));
	sense[0] = 0xf1; /* deferred, information valid */
	assert_int_equal(sense_read(sense, 18), 0x052401);
	sense[7] = 5; /* too short for the codes */
	assert_int_equal(sense_read(sense, 18), 0x050000);
	sense[0] = 0x7f;
	assert_int_equal(sense_read(sense, 18), 0);
	assert_int_equal(sense_read(descriptor, 4), 0x0b4e02);
	assert_int_equal(sense_read(descriptor, 3), 0);
	memcpy(sense, descriptor, sizeof(descriptor));
	sense[0] = 0x73;
	assert_int_equal(sense_read(sense, 18), 0x0b4e02);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_inquiry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vpd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_sense),
		cmocka_unit_test_setup_teardown(test_capacity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_report_luns, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_absent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attention, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_request_sense, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_log_sense, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_opcodes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_opcode, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_diagnostic, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
