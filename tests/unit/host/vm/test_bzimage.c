/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/bzimage.h"
#include "tests/unit/host/vm/kernel_file.h"
#include "tests/unit/host/vm/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static u8 file[KERNEL_FILE_BYTES];

static int set_up(void **state)
{
	(void)state;
	kernel_file_fill(file);
	return 0;
}

static int parse(struct bzimage *image, struct lis_error *err)
{
	err->text[0] = 0;
	return bzimage_parse(image, file, sizeof(file), sizeof(file), err);
}

static void reads_a_header(void **state)
{
	struct lis_error err;
	struct bzimage image;

	(void)state;
	assert_int_equal(parse(&image, &err), 0);
	assert_int_equal(image.payload_offset, KERNEL_FILE_SETUP_BYTES);
	assert_int_equal(image.payload_bytes, KERNEL_FILE_CODE_BYTES);
	assert_int_equal(image.load_gpa, KERNEL_FILE_LOAD_GPA);
	assert_int_equal(image.init_bytes, KERNEL_FILE_INIT_BYTES);
	assert_int_equal(image.initrd_max_gpa, KERNEL_FILE_INITRD_MAX);
	assert_int_equal(image.command_line_max_bytes,
			 KERNEL_FILE_COMMAND_LINE_MAX);
	assert_int_equal(image.header.version, 0x020f);
}

/* Behind its end the header is not the kernel's: it must reach nobody. */
static void keeps_nothing_behind_the_end(void **state)
{
	struct lis_error err;
	struct bzimage image;

	(void)state;
	memset(file + 0x264, 0xee, 16);
	kernel_file_set(file, KERNEL_FILE_JUMP, 0x264 - 0x202, 1);
	assert_int_equal(parse(&image, &err), 0);
	assert_int_equal(image.header.handover_offset, 0);
}

static void zero_sectors_mean_four(void **state)
{
	struct lis_error err;
	struct bzimage image;

	(void)state;
	kernel_file_set(file, KERNEL_FILE_SETUP_SECTS, 0, 1);
	kernel_file_set(file, KERNEL_FILE_SYSSIZE, 16, 4);
	assert_int_equal(parse(&image, &err), 0);
	assert_int_equal(image.payload_offset, 5 * 512);
}

static void refuses_lies(void **state)
{
	static const struct {
		enum kernel_file_field field;
		u64 value;
		u32 size;
		const char *says;
	} lies[] = {
		{ KERNEL_FILE_BOOT_FLAG, 0, 2, "signature" },
		{ KERNEL_FILE_MAGIC, 0, 4, "signature" },
		{ KERNEL_FILE_VERSION, 0x020b, 2, "2.11" },
		{ KERNEL_FILE_LOADFLAGS, 0, 1, "zImage" },
		{ KERNEL_FILE_JUMP, 0, 1, "signature" },
		{ KERNEL_FILE_JUMP, 0x61, 1, "cut short" },
		{ KERNEL_FILE_SETUP_SECTS, 255, 1, "before the kernel" },
		{ KERNEL_FILE_SYSSIZE, KERNEL_FILE_CODE_BYTES / 16 + 1, 4,
		  "cut short" },
		{ KERNEL_FILE_SYSSIZE, UINT32_MAX, 4, "cut short" },
		{ KERNEL_FILE_PREF_ADDRESS, 0, 8, "preferred address" },
		{ KERNEL_FILE_PREF_ADDRESS, 0x1000001, 8, "preferred" },
		{ KERNEL_FILE_PREF_ADDRESS, UINT64_MAX & ~0xfffull, 8,
		  "above 4 GiB" },
		{ KERNEL_FILE_INIT_SIZE, KERNEL_FILE_CODE_BYTES - 1, 4,
		  "less memory" },
	};
	struct lis_error err;
	struct bzimage image;
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(lies); i++) {
		kernel_file_fill(file);
		kernel_file_set(file, lies[i].field, lies[i].value,
				lies[i].size);
		assert_int_equal(parse(&image, &err), -EINVAL);
		assert_says(err, "not a usable bzImage");
		assert_says(err, lies[i].says);
	}
}

/* Every length below the whole file is refused, none is read beyond. */
static void refuses_every_truncation(void **state)
{
	struct lis_error err;
	struct bzimage image;
	u32 length;

	(void)state;
	for (length = 0; length < sizeof(file); length++) {
		u8 *copy = malloc(length ? length : 1);

		assert_non_null(copy);
		memcpy(copy, file, length);
		assert_int_equal(
			bzimage_parse(&image, copy, length, length, &err),
			-EINVAL);
		free(copy);
	}
}

static void refuses_a_huge_file(void **state)
{
	struct lis_error err;
	struct bzimage image;

	(void)state;
	assert_int_equal(bzimage_parse(&image, file, sizeof(file),
				       BZIMAGE_MAX_BYTES + 1, &err),
			 -EINVAL);
	assert_says(err, "1 GiB");
}

/* Any bytes at all in the header: an answer, and its numbers in bounds. */
static void survives_noise(void **state)
{
	struct lis_error err;
	struct bzimage image;
	u32 seed = 1, round, i;

	(void)state;
	for (round = 0; round < 20000; round++) {
		kernel_file_fill(file);
		for (i = 0; i < 3; i++) {
			seed = seed * 1664525 + 1013904223;
			file[0x1f1 + (seed >> 8) % 0x80] = (u8)(seed >> 24);
		}
		if (parse(&image, &err))
			continue;
		assert_true(image.payload_offset + image.payload_bytes ==
			    sizeof(file));
		assert_true(image.load_gpa >= 0x100000);
		assert_true(image.load_gpa < 1ull << 32);
		assert_true(image.init_bytes >= image.payload_bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reads_a_header, set_up),
		cmocka_unit_test_setup(keeps_nothing_behind_the_end, set_up),
		cmocka_unit_test_setup(zero_sectors_mean_four, set_up),
		cmocka_unit_test_setup(refuses_lies, set_up),
		cmocka_unit_test_setup(refuses_every_truncation, set_up),
		cmocka_unit_test_setup(refuses_a_huge_file, set_up),
		cmocka_unit_test_setup(survives_noise, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
