// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* A DVD drive, against MMC-6. */
#include "tests/unit/services/storage/scsi_rig.h"

#define DVD_BYTES (4ull << 30)
#define DVD_LAST  (DVD_BYTES / 2048 - 1)

static struct rig rig;

static int setup(void **state)
{
	static const struct lun_options options = { .kind = LUN_DVD };

	(void)state;
	memset(&rig, 0, sizeof(rig));
	rig.medium = calloc(1, RIG_MEDIUM_BYTES);
	rig.data = calloc(1, RIG_DATA_BYTES);
	rig.units = 1;
	assert_int_equal(lun_init(&rig.lun, &options), VMBUS_OK);
	assert_sense(&rig, NO(&rig, 0), SENSE_POWER_ON);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_free(&rig);
	return 0;
}

static void insert(u64 size_bytes)
{
	lun_insert(&rig.lun, size_bytes);
	assert_sense(&rig, NO(&rig, 0), SENSE_MEDIUM_CHANGED);
	assert_good(NO(&rig, 0));
}

#define TOC(byte_1, format, track)                                             \
	IN(&rig, 64, 0x43, byte_1, format, 0, 0, 0, track, 0, 64, 0)
#define EVENTS() IN(&rig, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0)
#define CONFIGURATION(which, first)                                            \
	IN(&rig, 256, 0x46, which, 0, first, 0, 0, 0, 1, 0, 0)

static void test_empty(void **state)
{
	(void)state;
	assert_good(IN(&rig, 96, 0x12, 0, 0, 0, 96, 0));
	assert_int_equal(rig.data[0], 0x05);
	assert_int_equal(rig.data[1], 0x80); /* removable */
	assert_memory_equal(rig.data + 16, "Virtual DVD-ROM ", 16);
	assert_sense(&rig, NO(&rig, 0), SENSE_NO_MEDIUM);
	assert_sense(&rig, IN(&rig, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		     SENSE_NO_MEDIUM);
	assert_sense(&rig, IN(&rig, 2048, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0),
		     SENSE_NO_MEDIUM);
	assert_sense(&rig, TOC(0, 0, 0), SENSE_NO_MEDIUM);
	assert_good(IN(&rig, 18, 0x03, 0, 0, 0, 18, 0));
	assert_int_equal(sense_read(rig.data, 18), SENSE_NO_MEDIUM);
	assert_good(CONFIGURATION(0, 0));
	assert_int_equal(be16_read(rig.data + 6), 0); /* no profile */
	assert_good(EVENTS());
	assert_int_equal(rig.data[2], 4);
	assert_int_equal(rig.data[4], 0);
	assert_int_equal(rig.data[5], 0);
	/* A disk's commands and pages are not a drive's. */
	assert_sense(&rig, OUT(&rig, 2048, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0),
		     SENSE_OPERATION_CODE);
	assert_bad_cdb(&rig, IN(&rig, 255, 0x12, 1, 0xb0, 0, 255, 0), 2);
	assert_bad_cdb(&rig, IN(&rig, 255, 0x12, 1, 0x86, 0, 255, 0), 2);
	assert_good(IN(&rig, 255, 0x12, 1, 0x83, 0, 255, 0));
	assert_good(IN(&rig, 512, 0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0));
	assert_int_equal(be32_read(rig.data), 21 * 8);
	assert_bad_cdb(&rig, IN(&rig, 255, 0x1a, 0, 0x08, 0, 255, 0), 2);
	assert_good(IN(&rig, 255, 0x1a, 0, 0x2a, 0, 255, 0));
	assert_int_equal(rig.data[3], 0); /* no block descriptor */
	assert_int_equal(rig.data[4], 0x2a);
}

static void test_medium(void **state)
{
	(void)state;
	insert(DVD_BYTES);
	assert_good(IN(&rig, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	assert_int_equal(be32_read(rig.data), DVD_LAST);
	assert_int_equal(be32_read(rig.data + 4), 2048);
	rig.medium[2048] = 0x77;
	assert_good(IN(&rig, 2048, 0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0));
	assert_int_equal(rig.data[0], 0x77);
	assert_good(IN(&rig, 2048, 0xa8, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0));
	assert_int_equal(rig.data[0], 0x77);
	assert_sense(&rig,
		     IN(&rig, 2048, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
			0, 0),
		     SENSE_OPERATION_CODE);
	assert_sense(&rig, IN(&rig, 2048, 0x08, 0, 0, 0, 1, 0),
		     SENSE_OPERATION_CODE);
	assert_good(CONFIGURATION(0, 0));
	assert_int_equal(be16_read(rig.data + 6), 0x0010);
	assert_int_equal(be32_read(rig.data) + 4, rig.task.result.transferred);
	assert_good(IN(&rig, 32, 0xad, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0));
	assert_int_equal(be24_read(rig.data + 13), 0x30000 + DVD_LAST);
	assert_bad_cdb(&rig,
		       IN(&rig, 32, 0xad, 0, 0, 0, 0, 0, 0, 4, 0, 32, 0, 0), 7);
	assert_good(IN(&rig, 34, 0x51, 0, 0, 0, 0, 0, 0, 0, 34, 0));
	assert_int_equal(be16_read(rig.data), 32);
	assert_good(IN(&rig, 36, 0x52, 1, 0, 0, 0, 1, 0, 0, 36, 0));
	assert_int_equal(be32_read(rig.data + 24), DVD_LAST + 1);
	/* A smaller one is a CD. */
	lun_insert(&rig.lun, 600 << 20);
	assert_sense(&rig, NO(&rig, 0), SENSE_MEDIUM_CHANGED);
	assert_good(CONFIGURATION(0, 0));
	assert_int_equal(be16_read(rig.data + 6), 0x0008);
	assert_sense(&rig, IN(&rig, 32, 0xad, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0),
		     SENSE_MODE_FOR_TRACK);
}

static void test_toc(void **state)
{
	(void)state;
	insert(100 * 75 * 2048); /* 100 s */
	assert_good(TOC(0, 0, 0));
	assert_int_equal(be16_read(rig.data), 2 + 16);
	assert_int_equal(rig.data[2], 1);
	assert_int_equal(rig.data[3], 1);
	assert_int_equal(rig.data[6], 1);
	assert_int_equal(be32_read(rig.data + 8), 0);
	assert_int_equal(rig.data[14], 0xaa);
	assert_int_equal(be32_read(rig.data + 16), 7500);
	/* In minutes, seconds, frames, behind two seconds of lead-in. */
	assert_good(TOC(2, 0, 0));
	assert_int_equal(be32_read(rig.data + 8), 0x000200);
	assert_int_equal(be32_read(rig.data + 16), 0x012a00);
	assert_good(TOC(0, 0, 0xaa));
	assert_int_equal(be16_read(rig.data), 2 + 8);
	assert_int_equal(rig.data[6], 0xaa);
	/* Sessions; the old place of the format. */
	assert_good(TOC(0, 1, 0));
	assert_int_equal(be16_read(rig.data), 2 + 8);
	assert_good(IN(&rig, 64, 0x43, 0, 0, 0, 0, 0, 0, 0, 64, 0x40));
	assert_int_equal(be16_read(rig.data), 2 + 8);
	assert_bad_cdb(&rig, TOC(0, 2, 0), 2);
	assert_bad_cdb(&rig, TOC(0, 0, 2), 6);
	/* More than minutes can say. */
	insert(1ull << 40);
	assert_good(TOC(2, 0, 0));
	assert_int_equal(be32_read(rig.data + 16), 0xff0000);
	assert_good(IN(&rig, 4, 0x42, 0, 0, 1, 0, 0, 0, 0, 4, 0));
	assert_bad_cdb(&rig, IN(&rig, 16, 0x42, 0, 0x40, 1, 0, 0, 0, 0, 16, 0),
		       2);
}

static void test_eject(void **state)
{
	(void)state;
	insert(DVD_BYTES);
	/* Not while the guest forbids it; it hears of the wish. */
	assert_good(NO(&rig, 0x1e, 0, 0, 0, 1, 0));
	assert_sense(&rig, NO(&rig, 0x1b, 0, 0, 0, 2, 0),
		     SENSE_MEDIUM_REMOVAL_PREVENTED);
	assert_false(lun_remove(&rig.lun, false));
	assert_good(EVENTS());
	assert_int_equal(rig.data[4], 1); /* eject was asked for */
	assert_good(EVENTS());
	assert_int_equal(rig.data[4], 2); /* a new medium, told late */
	assert_good(EVENTS());
	assert_int_equal(rig.data[4], 0);
	assert_int_equal(rig.data[5], 2);
	assert_good(NO(&rig, 0x1e, 0, 0, 0, 0, 0));
	assert_good(NO(&rig, 0x1b, 0, 0, 0, 2, 0));
	assert_int_equal(rig.task.notice, SCSI_NOTICE_EJECT);
	assert_sense(&rig, NO(&rig, 0), SENSE_NO_MEDIUM_TRAY_OPEN);
	assert_good(EVENTS());
	assert_int_equal(rig.data[5], 1);
	assert_good(IN(&rig, 8, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0));
	assert_int_equal(rig.data[1], 0x10);
	assert_good(NO(&rig, 0x1b, 0, 0, 0, 3, 0));
	assert_int_equal(rig.task.notice, SCSI_NOTICE_LOAD);
	assert_sense(&rig, NO(&rig, 0), SENSE_NO_MEDIUM);
	/* Taken out by the administrator, by force. */
	insert(DVD_BYTES);
	assert_good(NO(&rig, 0x1e, 0, 0, 0, 1, 0));
	assert_true(lun_remove(&rig.lun, true));
	assert_sense(&rig, NO(&rig, 0), SENSE_NO_MEDIUM);
	insert(DVD_BYTES);
	assert_true(lun_remove(&rig.lun, false));
	assert_bad_cdb(&rig, NO(&rig, 0x1e, 0, 0, 0, 2, 0), 4);
}

static void test_events(void **state)
{
	(void)state;
	lun_insert(&rig.lun, DVD_BYTES);
	/* Events are told although an attention waits. */
	assert_good(EVENTS());
	assert_int_equal(rig.data[4], 2);
	assert_int_equal(rig.data[5], 2);
	assert_int_equal(be16_read(rig.data), 6);
	assert_sense(&rig, NO(&rig, 0), SENSE_MEDIUM_CHANGED);
	assert_bad_cdb(&rig, IN(&rig, 8, 0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8, 0),
		       1);
	assert_good(IN(&rig, 8, 0x4a, 1, 0, 0, 0x02, 0, 0, 0, 8, 0));
	assert_int_equal(rig.data[2], 0x80);
	assert_int_equal(be16_read(rig.data), 2);
}

static void test_request_sense(void **state)
{
	(void)state;
	/* An attention before the lack of a medium. */
	lun_attend(&rig.lun, LUN_LUNS_CHANGED, LUN_NEXUS_MAX);
	assert_good(IN(&rig, 18, 0x03, 0, 0, 0, 18, 0));
	assert_int_equal(sense_read(rig.data, 18), SENSE_LUNS_CHANGED);
	assert_good(IN(&rig, 18, 0x03, 0, 0, 0, 18, 0));
	assert_int_equal(sense_read(rig.data, 18), SENSE_NO_MEDIUM);
}

static void test_begins_with_medium(void **state)
{
	static const struct lun_options options = { .kind = LUN_DVD,
						    .size_bytes = 2048 };

	(void)state;
	rig_free(&rig);
	rig_make(&rig, &options);
	assert_good(NO(&rig, 0));
	assert_good(NO(&rig, 0x1b, 0, 0, 0, 0, 0));
	assert_good(IN(&rig, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	assert_int_equal(be32_read(rig.data), 0);
}

static void test_features(void **state)
{
	u32 at, code, last = 0, count = 0;

	(void)state;
	insert(DVD_BYTES);
	assert_good(CONFIGURATION(0, 0));
	for (at = 8; at < rig.task.result.transferred;
	     at += 4 + rig.data[at + 3], count++) {
		code = be16_read(rig.data + at);
		assert_true(!count || code > last);
		assert_int_equal(rig.data[at + 3] % 4, 0);
		last = code;
	}
	assert_int_equal(at, rig.task.result.transferred);
	assert_int_equal(count, 8);
	assert_good(CONFIGURATION(1, 0));
	/* All but one: CD read is not current. */
	assert_int_equal(be32_read(rig.data) + 4, at - 8);
	for (at = 8; at < rig.task.result.transferred;
	     at += 4 + rig.data[at + 3])
		assert_int_equal(rig.data[at + 2] & 1, 1);
	assert_good(CONFIGURATION(2, 0x1f));
	assert_int_equal(be32_read(rig.data), 8);
	assert_int_equal(rig.data[10] & 1, 1);
	assert_good(CONFIGURATION(2, 0x77));
	assert_int_equal(be32_read(rig.data), 4);
	assert_good(CONFIGURATION(0, 0x10));
	assert_int_equal(be16_read(rig.data + 8), 0x10);
	assert_bad_cdb(&rig, CONFIGURATION(3, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_medium, setup, teardown),
		cmocka_unit_test_setup_teardown(test_toc, setup, teardown),
		cmocka_unit_test_setup_teardown(test_eject, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup, teardown),
		cmocka_unit_test_setup_teardown(test_features, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_sense, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_begins_with_medium, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
