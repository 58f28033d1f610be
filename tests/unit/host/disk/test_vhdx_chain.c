/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Differencing VHDX images: what is read from where, and which parent it must
 * be.
 */
#define _GNU_SOURCE
#include "disk_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/backend/disk/image.h"

#define MIB	   (1ull << 20)
#define DISK_BYTES (20 * MIB)

static const char *image(const char *name, const char *parent)
{
	struct image_options options = {
		.path = rig_path(name),
		.size_bytes = DISK_BYTES,
		.parent = parent,
	};
	struct lis_error err;

	unlink(options.path);
	if (image_create(&options, &err) != 0)
		fail_msg("%s", err.text);
	return options.path;
}

/* A raw file that the same is done to. */
static void write_both(struct rig_disk *rig, struct rig_disk *raw,
		       u64 offset_bytes, u64 size_bytes, u32 seed)
{
	rig_write(rig, offset_bytes, size_bytes, seed);
	rig_write(raw, offset_bytes, size_bytes, seed);
}

static void zero_both(struct rig_disk *rig, struct rig_disk *raw,
		      enum disk_op op, u64 offset_bytes, u64 size_bytes)
{
	assert_int_equal(disk_transfer(rig->queue, op, 0, offset_bytes, NULL,
				       size_bytes),
			 0);
	assert_int_equal(disk_transfer(raw->queue, DISK_ZERO, 0, offset_bytes,
				       NULL, size_bytes),
			 0);
}

static void expect_same(struct rig_disk *rig, struct rig_disk *raw)
{
	u8 *one = malloc(DISK_BYTES), *other = malloc(DISK_BYTES);

	assert_int_equal(
		disk_transfer(rig->queue, DISK_READ, 0, 0, one, DISK_BYTES), 0);
	assert_int_equal(
		disk_transfer(raw->queue, DISK_READ, 0, 0, other, DISK_BYTES),
		0);
	assert_memory_equal(one, other, DISK_BYTES);
	free(one);
	free(other);
}

static void test_three_generations(void **state)
{
	const char *base = image("base.vhdx", NULL), *middle, *top;
	struct rig_disk raw = rig_open_path(rig_file("same.raw", DISK_BYTES));
	struct rig_disk rig = rig_open_path(base);
	struct image_check check;
	struct lis_error err;

	(void)state;
	write_both(&rig, &raw, 0, 9 * MIB, 1);
	write_both(&rig, &raw, 15 * MIB, 4096, 2);
	rig_close(&rig);

	middle = image("middle.avhdx", base);
	rig = rig_open_path(middle);
	expect_same(&rig, &raw);
	write_both(&rig, &raw, MIB + 512, 512, 3);
	write_both(&rig, &raw, 3 * MIB, 4 * MIB + 1024, 4);
	zero_both(&rig, &raw, DISK_UNMAP, 8 * MIB, 2 * MIB);
	zero_both(&rig, &raw, DISK_ZERO, 512, 1024);
	zero_both(&rig, &raw, DISK_UNMAP, 15 * MIB + 512, 512);
	expect_same(&rig, &raw);
	rig_close(&rig);
	rig = rig_open_path(middle);
	expect_same(&rig, &raw);
	rig_close(&rig);
	assert_int_equal(
		image_check(middle, DISK_FORMAT_AUTO, false, &check, &err), 0);
	/* Blocks 1 and 2 were written whole. */
	assert_true(check.present_blocks > check.partial_blocks);
	assert_true(check.partial_blocks > 0);

	top = image("top.avhdx", middle);
	rig = rig_open_path(top);
	expect_same(&rig, &raw);
	write_both(&rig, &raw, 512, 6 * MIB, 5);
	write_both(&rig, &raw, 8 * MIB + 512, 512, 6);
	zero_both(&rig, &raw, DISK_UNMAP, 4 * MIB, 2 * MIB);
	write_both(&rig, &raw, 4 * MIB + 512, 512, 7);
	rig_flush(&rig);
	write_both(&rig, &raw, 19 * MIB, MIB, 8);
	expect_same(&rig, &raw);
	rig_close(&rig);
	rig = rig_open_path(top);
	expect_same(&rig, &raw);
	rig_close(&rig);
	rig_close(&raw);
}

static void test_parent_is_bound(void **state)
{
	const char *base = image("b.vhdx", NULL),
		   *child = image("c.vhdx", base);
	struct disk_options options = { .path = child };
	struct lis_error err;
	struct disk *disk;
	struct rig_disk rig;

	(void)state;
	/* Opening it changes nothing, writing to it does. */
	rig = rig_open_path(base);
	rig_close(&rig);
	rig = rig_open_path(child);
	/* While it is somebody's parent it cannot be written to. */
	options.path = base;
	assert_int_equal(disk_open(&disk, &options, &err), -EBUSY);
	assert_int_equal(disk_resize(rig.disk, 2 * DISK_BYTES, &err), -ENOTSUP);
	rig_close(&rig);
	rig = rig_open_path(base);
	rig_write(&rig, 0, 512, 1);
	rig_close(&rig);
	options.path = child;
	assert_int_equal(disk_open(&disk, &options, &err), -EINVAL);
	assert_non_null(strstr(err.text, "written to since"));
	unlink(base);
	assert_int_equal(disk_open(&disk, &options, &err), -ENOENT);
}

static void test_folders(void **state)
{
	const char *base, *child;
	struct rig_disk rig;

	(void)state;
	assert_int_equal(mkdir(rig_path("a"), 0700), 0);
	assert_int_equal(mkdir(rig_path("a/b"), 0700), 0);
	base = image("a/base \xc3\xa4.vhdx", NULL);
	rig = rig_open_path(base);
	rig_write(&rig, 0, 512, 1);
	rig_close(&rig);
	child = image("a/b/child.vhdx", base);
	rig = rig_open_path(child);
	rig_expect(&rig, 0, 512, 1);
	rig_close(&rig);
	/* Together they may go elsewhere. */
	assert_int_equal(rename(rig_path("a"), rig_path("moved")), 0);
	rig = rig_open_path(rig_path("moved/b/child.vhdx"));
	rig_expect(&rig, 0, 512, 1);
	rig_close(&rig);
}

/* An image that is its own parent, by way of another. */
static void test_no_end(void **state)
{
	const char *base = image("x.vhdx", NULL);
	struct disk_options options = { .path = base };
	struct lis_error err;
	struct disk *disk;

	(void)state;
	for (int i = 0; i < 31; i++) {
		char name[16];

		snprintf(name, sizeof(name), "x%d.vhdx", i);
		base = image(name, base);
	}
	options.path = base;
	assert_int_equal(disk_open(&disk, &options, &err), 0);
	disk_close(disk);
	base = image("y.vhdx", base);
	options.path = base;
	assert_int_equal(disk_open(&disk, &options, &err), -EINVAL);
	/* A file in its own place as a parent. */
	assert_int_equal(
		rig_run("cp %s %s", rig_path("x0.vhdx"), rig_path("x.vhdx")),
		0);
	options.path = rig_path("x0.vhdx");
	assert_true(disk_open(&disk, &options, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_generations),
		cmocka_unit_test(test_parent_is_bound),
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_no_end),
	};

	return cmocka_run_group_tests(tests, rig_setup_memory, rig_teardown);
}
