// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Mode parameters, against SPC-4 and SBC-3. */
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

#define SENSE_6(page) IN(&rig, 255, 0x1a, 0, page, 0, 255, 0)
#define SENSE_10(byte_1, page)                                                 \
	IN(&rig, 255, 0x5a, byte_1, page, 0, 0, 0, 0, 0, 255, 0)

static void test_caching(void **state)
{
	(void)state;
	assert_good(SENSE_6(0x08));
	assert_int_equal(rig.task.result.transferred, 4 + 8 + 20);
	assert_int_equal(rig.data[0], 31);
	assert_int_equal(rig.data[2], 0x10); /* DPOFUA, not protected */
	assert_int_equal(rig.data[3], 8);
	assert_int_equal(be32_read(rig.data + 4), RIG_MEDIUM_BYTES / 512);
	assert_int_equal(be24_read(rig.data + 9), 512);
	assert_int_equal(rig.data[12], 0x08);
	assert_int_equal(rig.data[13], 18);
	assert_int_equal(rig.data[14], 0x04); /* WCE */
	assert_good(SENSE_6(0x48));	      /* changeable */
	assert_int_equal(rig.data[14], 0x04);
	assert_good(SENSE_6(0x88)); /* default */
	assert_int_equal(rig.data[14], 0x04);
	assert_sense(&rig, SENSE_6(0xc8), SENSE_SAVING_NOT_SUPPORTED);
	/* Cut to what is asked for. */
	assert_good(IN(&rig, 255, 0x1a, 0, 0x08, 0, 4, 0));
	assert_int_equal(rig.task.result.transferred, 4);
	assert_int_equal(rig.data[0], 31);
}

static void test_long_form(void **state)
{
	(void)state;
	assert_good(SENSE_10(0, 0x08));
	assert_int_equal(be16_read(rig.data), 8 + 8 + 20 - 2);
	assert_int_equal(rig.data[3], 0x10);
	assert_int_equal(rig.data[4], 0);
	assert_int_equal(be16_read(rig.data + 6), 8);
	assert_good(SENSE_10(0x10, 0x08)); /* LLBAA */
	assert_int_equal(rig.data[4], 1);
	assert_int_equal(be16_read(rig.data + 6), 16);
	assert_int_equal(be64_read(rig.data + 8), RIG_MEDIUM_BYTES / 512);
	assert_int_equal(be32_read(rig.data + 20), 512);
	assert_good(SENSE_10(0x18, 0x08)); /* without block descriptor */
	assert_int_equal(be16_read(rig.data + 6), 0);
	assert_int_equal(rig.data[8], 0x08);
}

static void test_all_pages(void **state)
{
	static const u8 codes[] = { 0x01, 0x08, 0x0a, 0x1c };
	u32 at, i = 0;

	(void)state;
	assert_good(IN(&rig, 255, 0x1a, 8, 0x3f, 0xff, 255, 0));
	for (at = 4; at < rig.task.result.transferred;
	     at += rig.data[at + 1] + 2u)
		assert_int_equal(rig.data[at], codes[i++]);
	assert_int_equal(i, PORT_ARRAY_SIZE(codes));
	assert_int_equal(at, rig.data[0] + 1);
	assert_bad_cdb(&rig, SENSE_6(0x02), 2);
	assert_bad_cdb(&rig, IN(&rig, 255, 0x1a, 0, 0x08, 1, 255, 0), 3);
}

/* Every bit that can be changed, and what is so without a change. */
static void test_changeable(void **state)
{
	static const u8 now[] = {
		0x01, 10, 0xc0, 0,  0,	  0,  0, 0,    0, 0, 0, 0, 0x08, 18,
		0x04, 0,  0,	0,  0,	  0,  0, 0,    0, 0, 0, 0, 0,	 0,
		0,    0,  0,	0,  0x0a, 10, 0, 0x10, 0, 0, 0, 0, 0xff, 0xff,
		0,    0,  0x1c, 10, 0x08, 0,  0, 0,    0, 0, 0, 0, 0,	 0,
	};
	u8 mask[sizeof(now)] = { 0 };

	(void)state;
	mask[0] = 0x01;
	mask[1] = 10;
	mask[12] = 0x08;
	mask[13] = 18;
	mask[14] = 0x04;
	mask[32] = 0x0a;
	mask[33] = 10;
	mask[36] = 0x08;
	mask[44] = 0x1c;
	mask[45] = 10;
	assert_good(IN(&rig, 255, 0x1a, 8, 0x3f, 0, 255, 0));
	assert_memory_equal(rig.data + 4, now, sizeof(now));
	assert_good(IN(&rig, 255, 0x1a, 8, 0xbf, 0, 255, 0));
	assert_memory_equal(rig.data + 4, now, sizeof(now));
	assert_good(IN(&rig, 255, 0x1a, 8, 0x7f, 0, 255, 0));
	assert_memory_equal(rig.data + 4, mask, sizeof(mask));
}

/* A caching page for MODE SELECT(6) in the guest's buffer. */
static void caching_list(u8 byte_2)
{
	memset(rig.data, 0, 4 + 20);
	rig.data[4] = 0x08;
	rig.data[5] = 18;
	rig.data[6] = byte_2;
}

#define SELECT_6(bytes) OUT(&rig, bytes, 0x15, 0x10, 0, 0, bytes, 0)

static u8 write_one(void)
{
	return OUT(&rig, 512, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0);
}

static void test_write_cache(void **state)
{
	(void)state;
	caching_list(0);
	assert_good(SELECT_6(24));
	assert_int_equal(rig.flushes, 1); /* written out when it goes off */
	assert_int_equal(rig.task.result.transferred, 24);
	assert_good(write_one());
	assert_int_equal(rig.flushes, 2); /* through, from now on */
	assert_true(rig.short_way);
	assert_good(IN(&rig, 512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0));
	assert_int_equal(rig.flushes, 2);
	memset(rig.data, 0, 512);
	assert_good(OUT(&rig, 512, 0x93, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
			0, 0));
	assert_int_equal(rig.flushes, 3);
	memset(rig.data, 0, 24);
	rig.data[3] = 16;
	rig.data[19] = 8;
	assert_good(OUT(&rig, 24, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0));
	assert_int_equal(rig.flushes, 4);
	assert_good(SENSE_6(0x08));
	assert_int_equal(rig.data[14], 0);
	assert_good(SENSE_6(0x88)); /* the default stays */
	assert_int_equal(rig.data[14], 4);
	/* The others are told. */
	rig.nexus = 3;
	assert_sense(&rig, NO(&rig, 0), SENSE_MODE_CHANGED);
	rig.nexus = 0;
	caching_list(4);
	assert_good(SELECT_6(24));
	assert_good(write_one());
	memset(rig.data, 0, 24);
	assert_good(OUT(&rig, 24, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0));
	assert_int_equal(rig.flushes, 4);
	/* Nothing changes: nobody is told. */
	rig.nexus = 3;
	assert_sense(&rig, NO(&rig, 0), SENSE_MODE_CHANGED);
	rig.nexus = 0;
	caching_list(4);
	assert_good(SELECT_6(24));
	rig.nexus = 3;
	assert_good(NO(&rig, 0));
	/* A reset brings the default back. */
	rig.nexus = 0;
	caching_list(0);
	assert_good(SELECT_6(24));
	lun_reset(&rig.lun, LUN_DEVICE_RESET);
	assert_sense(&rig, NO(&rig, 0), SENSE_DEVICE_RESET);
	assert_good(SENSE_6(0x08));
	assert_int_equal(rig.data[14], 4);
}

static void test_software_protect(void **state)
{
	(void)state;
	assert_good(IN(&rig, 255, 0x1a, 8, 0x0a, 0, 255, 0));
	rig.data[0] = 0;
	rig.data[2] = 0;
	rig.data[8] |= 0x08; /* SWP */
	assert_good(SELECT_6(16));
	assert_sense(&rig, write_one(), SENSE_WRITE_PROTECTED);
	assert_good(SENSE_6(0x0a));
	assert_int_equal(rig.data[2], 0x90); /* WP */
	assert_int_equal(rig.data[16] & 0x08, 0x08);
}

static void test_refused(void **state)
{
	(void)state;
	/* What may not change. */
	caching_list(0x05); /* RCD */
	assert_sense(&rig, SELECT_6(24), SENSE_FIELD_IN_PARAMETERS);
	assert_int_equal(rig_field(&rig), 6);
	caching_list(4);
	rig.data[5] = 10;
	assert_sense(&rig, SELECT_6(24), SENSE_FIELD_IN_PARAMETERS);
	assert_int_equal(rig_field(&rig), 5);
	caching_list(4);
	rig.data[4] = 0x02;
	assert_sense(&rig, SELECT_6(24), SENSE_FIELD_IN_PARAMETERS);
	assert_int_equal(rig_field(&rig), 4);
	/* A block descriptor that would change the blocks. */
	caching_list(4);
	memmove(rig.data + 12, rig.data + 4, 20);
	rig.data[3] = 8;
	memset(rig.data + 4, 0, 8);
	be24_write(rig.data + 9, 4096);
	assert_sense(&rig, SELECT_6(32), SENSE_FIELD_IN_PARAMETERS);
	assert_int_equal(rig_field(&rig), 4);
	be24_write(rig.data + 9, 512);
	assert_good(SELECT_6(32));
	rig.data[3] = 7;
	assert_sense(&rig, SELECT_6(32), SENSE_FIELD_IN_PARAMETERS);
	assert_int_equal(rig_field(&rig), 3);
	/* Cut off, in each place. */
	caching_list(0);
	for (u8 bytes = 1; bytes < 24; bytes++) {
		if (bytes == 4)
			assert_good(SELECT_6(bytes)); /* no page at all */
		else
			assert_sense(&rig, SELECT_6(bytes),
				     SENSE_PARAMETER_LENGTH);
	}
	assert_true(rig.lun.write_cache_on);
	/* Two pages, the second bad: neither counts. */
	caching_list(0);
	rig.data[24] = 0x02;
	assert_sense(&rig, SELECT_6(26), SENSE_FIELD_IN_PARAMETERS);
	assert_true(rig.lun.write_cache_on);
	assert_good(SELECT_6(0));
	assert_bad_cdb(&rig, OUT(&rig, 24, 0x15, 0, 0, 0, 24, 0), 1);
	assert_bad_cdb(&rig, OUT(&rig, 24, 0x15, 0x11, 0, 0, 24, 0), 1);
}

static void test_select_10(void **state)
{
	(void)state;
	memset(rig.data, 0, 8 + 16 + 20);
	rig.data[4] = 1; /* LONGLBA */
	rig.data[7] = 16;
	be64_write(rig.data + 8, RIG_MEDIUM_BYTES / 512);
	be32_write(rig.data + 20, 512);
	rig.data[24] = 0x08;
	rig.data[25] = 18;
	assert_good(OUT(&rig, 44, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 44, 0));
	assert_false(rig.lun.write_cache_on);
	be64_write(rig.data + 8, 1);
	assert_sense(&rig, OUT(&rig, 44, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 44, 0),
		     SENSE_FIELD_IN_PARAMETERS);
	/* Longer than any that there can be. */
	assert_sense(&rig,
		     OUT(&rig, 8192, 0x55, 0x10, 0, 0, 0, 0, 0, 0x20, 0, 0),
		     SENSE_PARAMETER_LENGTH);
}

static void test_without_cache(void **state)
{
	static const struct lun_options options = { .size_bytes = 1 << 20,
						    .read_only = true };

	(void)state;
	rig_free(&rig);
	rig_make(&rig, &options);
	assert_good(SENSE_6(0x08));
	assert_int_equal(rig.data[2], 0x90);
	assert_int_equal(rig.data[14], 0);
	assert_good(SENSE_6(0x48));
	assert_int_equal(rig.data[14], 0);
	caching_list(4);
	assert_sense(&rig, SELECT_6(24), SENSE_FIELD_IN_PARAMETERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_caching, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_form, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_all_pages, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_changeable, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_write_cache, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_software_protect, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_select_10, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_without_cache, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
