/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * VHDX images of ours and of qemu-img, read by both.
 */
#define _GNU_SOURCE
#include "disk_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/backend/disk/image.h"

#define MIB (1ull << 20)

static const char *image(const char *name, u64 size_bytes, u32 block_bytes,
			 bool fixed)
{
	struct image_options options = {
		.path = rig_path(name),
		.size_bytes = size_bytes,
		.block_bytes = block_bytes,
		.fixed = fixed,
	};
	struct lis_error err;

	unlink(options.path);
	if (image_create(&options, &err) != 0)
		fail_msg("%s", err.text);
	return options.path;
}

/* qemu-img finds nothing to complain of, nor do we. */
static void expect_clean(const char *path)
{
	struct image_check check;
	struct lis_error err;

	if (image_check(path, DISK_FORMAT_AUTO, false, &check, &err) != 0)
		fail_msg("%s", err.text);
	assert_false(check.log_replayed);
	if (rig_has("qemu-img"))
		assert_int_equal(rig_run("qemu-img check -q -f vhdx %s", path),
				 0);
}

static void expect_same(const char *vhdx, const char *raw)
{
	if (rig_has("qemu-img"))
		assert_int_equal(rig_run("qemu-img compare -q -f vhdx -F raw "
					 "%s %s",
					 vhdx, raw),
				 0);
}

/* The same writes to an image and to a raw file. */
struct both {
	struct rig_disk vhdx, raw;
};

static void both_write(struct both *both, u64 offset_bytes, u64 size_bytes,
		       u32 seed)
{
	rig_write(&both->vhdx, offset_bytes, size_bytes, seed);
	rig_write(&both->raw, offset_bytes, size_bytes, seed);
}

static void both_zero(struct both *both, enum disk_op op, u32 flags,
		      u64 offset_bytes, u64 size_bytes)
{
	assert_int_equal(disk_transfer(both->vhdx.queue, op, flags,
				       offset_bytes, NULL, size_bytes),
			 0);
	assert_int_equal(disk_transfer(both->raw.queue, DISK_ZERO,
				       DISK_MAY_UNMAP, offset_bytes, NULL,
				       size_bytes),
			 0);
}

static void both_expect_same(struct both *both)
{
	struct disk_info info;
	u8 *one = malloc(MIB), *other = malloc(MIB);

	disk_info_get(both->raw.disk, &info);
	for (u64 at = 0; at < info.size_bytes; at += MIB) {
		u64 bytes =
			info.size_bytes - at < MIB ? info.size_bytes - at : MIB;

		assert_int_equal(disk_transfer(both->vhdx.queue, DISK_READ, 0,
					       at, one, bytes),
				 0);
		assert_int_equal(disk_transfer(both->raw.queue, DISK_READ, 0,
					       at, other, bytes),
				 0);
		assert_memory_equal(one, other, bytes);
	}
	free(one);
	free(other);
}

static void both_close(struct both *both)
{
	rig_close(&both->vhdx);
	rig_close(&both->raw);
}

static void some_writes(struct both *both)
{
	both_write(both, 0, 4096, 1);
	both_write(both, 512, 512, 2);
	both_write(both, 3 * MIB - 512, 1024, 3); /* two blocks */
	both_write(both, 10 * MIB, 5 * MIB, 4);	  /* many */
	both_write(both, 60 * MIB - 512, 512, 5); /* the last sector */
	both_zero(both, DISK_ZERO, 0, 11 * MIB + 512, 2 * MIB);
	both_zero(both, DISK_UNMAP, 0, 12 * MIB, 2 * MIB);
	both_write(both, 12 * MIB + 1024, 512, 6);
	both_zero(both, DISK_ZERO, DISK_MAY_UNMAP, 30 * MIB, MIB);
}

static void test_ours_in_qemu(void **state)
{
	static const struct {
		u32 block_mib;
		bool fixed;
	} kinds[] = { { 1, false }, { 2, false }, { 32, false }, { 1, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct both both;
		const char *path =
			image("a.vhdx", 60 * MIB, kinds[i].block_mib << 20,
			      kinds[i].fixed);
		const char *raw = rig_file("a.raw", 60 * MIB);

		expect_clean(path);
		expect_same(path, raw);
		both.vhdx = rig_open_path(path);
		both.raw = rig_open_path(raw);
		some_writes(&both);
		both_expect_same(&both);
		rig_flush(&both.vhdx);
		both_write(&both, 40 * MIB, 3 * MIB, 8);
		both_expect_same(&both);
		both_close(&both);
		expect_clean(path);
		expect_same(path, raw);

		both.vhdx = rig_open_path(path);
		both.raw = rig_open_path(raw);
		both_expect_same(&both);
		both_write(&both, 20 * MIB, 3 * MIB, 9);
		both_close(&both);
		expect_clean(path);
		expect_same(path, raw);
	}
}

static void test_qemus_in_ours(void **state)
{
	const char *kinds[] = { "subformat=dynamic", "subformat=fixed",
				"subformat=dynamic,block_size=1M" };
	struct both both;

	(void)state;
	if (!rig_has("qemu-img"))
		skip();
	for (size_t i = 0; i < 3; i++) {
		const char *path = rig_path("q.vhdx");
		const char *raw = rig_file("q.raw", 60 * MIB);

		both.raw = rig_open_path(raw);
		rig_write(&both.raw, 7 * MIB, 9 * MIB, 1);
		rig_write(&both.raw, 33 * MIB, 512, 2);
		rig_close(&both.raw);
		assert_int_equal(rig_run("qemu-img convert -f raw -O vhdx -o "
					 "%s %s %s",
					 kinds[i], raw, path),
				 0);
		both.raw = rig_open_path(raw);
		both.vhdx = rig_open_path(path);
		both_expect_same(&both);
		some_writes(&both);
		both_expect_same(&both);
		both_close(&both);
		expect_clean(path);
		expect_same(path, raw);
		unlink(path);
	}
}

/* Freed room is used again, and the file does not grow. */
static void test_room_is_reused(void **state)
{
	const char *path = image("r.vhdx", 64 * MIB, MIB, false);
	struct rig_disk rig = rig_open_path(path);
	struct image_check before, after;
	struct lis_error err;

	(void)state;
	rig_write(&rig, 0, 16 * MIB, 1);
	rig_close(&rig);
	assert_int_equal(
		image_check(path, DISK_FORMAT_AUTO, false, &before, &err), 0);
	assert_int_equal(before.present_blocks, 16);
	rig = rig_open_path(path);
	for (u32 round = 0; round < 4; round++) {
		assert_int_equal(disk_transfer(rig.queue, DISK_UNMAP, DISK_FUA,
					       0, NULL, 16 * MIB),
				 0);
		rig_expect(&rig, 0, 16 * MIB, 0);
		rig_write(&rig, 512, 512, 2 + round);
		rig_expect(&rig, 0, 512, 0);
		rig_expect(&rig, 1024, MIB, 0);
		rig_write(&rig, 0, 16 * MIB, 3);
		rig_flush(&rig);
	}
	rig_close(&rig);
	assert_int_equal(
		image_check(path, DISK_FORMAT_AUTO, false, &after, &err), 0);
	assert_int_equal(after.present_blocks, 16);
	/* Some more than once over, as room comes back after a commit. */
	assert_true(after.file_bytes <= before.file_bytes + 17 * MIB);
	expect_clean(path);
}

static void test_big_disk(void **state)
{
	const char *path = image("big.vhdx", 64ull << 40, 0, false);
	struct rig_disk rig = rig_open_path(path);

	(void)state;
	rig_write(&rig, (64ull << 40) - MIB, MIB, 1);
	rig_write(&rig, 3ull << 40, MIB, 2);
	rig_close(&rig);
	rig = rig_open_path(path);
	rig_expect(&rig, (64ull << 40) - MIB, MIB, 1);
	rig_expect(&rig, 3ull << 40, MIB, 2);
	rig_expect(&rig, 0, MIB, 0);
	assert_int_equal(
		disk_transfer(rig.queue, DISK_UNMAP, 0, 0, NULL, 64ull << 40),
		0);
	rig_expect(&rig, 3ull << 40, MIB, 0);
	rig_close(&rig);
	expect_clean(path);
}

static void test_resize(void **state)
{
	const char *path = image("s.vhdx", 10 * MIB + 512, 2 * MIB, false);
	const char *raw = rig_file("s.raw", 10 * MIB + 512);
	struct both both = { rig_open_path(path), rig_open_path(raw) };
	static const u64 sizes[] = { 64 * MIB, 5 * MIB + 1024, 70 * MIB,
				     4 * MIB, 4 * MIB + 512 };
	struct lis_error err;
	struct disk_info info;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		disk_info_get(both.raw.disk, &info);
		both_write(&both, 0, 2 * MIB, (u32)i + 1);
		both_write(&both, info.size_bytes - 2 * MIB, 2 * MIB,
			   (u32)i + 2);
		assert_int_equal(disk_resize(both.vhdx.disk, sizes[i], &err),
				 0);
		assert_int_equal(disk_resize(both.raw.disk, sizes[i], &err), 0);
		disk_info_get(both.vhdx.disk, &info);
		assert_int_equal(info.size_bytes, sizes[i]);
		both_expect_same(&both);
	}
	assert_int_equal(disk_resize(both.vhdx.disk, 64ull << 40, &err),
			 -ENOTSUP);
	both_close(&both);
	expect_clean(path);
	expect_same(path, raw);
}

static void test_large_sectors(void **state)
{
	struct image_options options = {
		.path = rig_path("4k.vhdx"),
		.size_bytes = 64 * MIB,
		.block_bytes = MIB,
		.sector_bytes = 4096,
		.physical_sector_bytes = 4096,
	};
	struct disk_options open_options = { .path = options.path,
					     .sector_bytes = 512 };
	struct disk_info info;
	struct lis_error err;
	struct rig_disk rig;
	struct disk *disk;
	u8 buffer[512];

	(void)state;
	unlink(options.path);
	assert_int_equal(image_create(&options, &err), 0);
	assert_int_equal(disk_open(&disk, &open_options, &err), -EINVAL);
	rig = rig_open_path(options.path);
	disk_info_get(rig.disk, &info);
	assert_int_equal(info.sector_bytes, 4096);
	assert_int_equal(
		disk_transfer(rig.queue, DISK_WRITE, 0, 512, buffer, 512),
		-EINVAL);
	rig_write(&rig, MIB - 4096, 8192, 1);
	rig_write(&rig, 64 * MIB - 4096, 4096, 2);
	rig_close(&rig);
	/* The children of such a disk are alike. */
	options.parent = options.path;
	options.path = rig_path("4k-child.vhdx");
	unlink(options.path);
	assert_int_equal(image_create(&options, &err), 0);
	rig = rig_open_path(options.path);
	rig_write(&rig, MIB, 4096, 3);
	rig_expect(&rig, MIB - 4096, 4096, 1);
	rig_expect(&rig, MIB, 4096, 3);
	rig_expect(&rig, 64 * MIB - 4096, 4096, 2);
	rig_close(&rig);
	rig = rig_open_path(options.path);
	rig_expect(&rig, MIB, 4096, 3);
	rig_expect(&rig, 64 * MIB - 4096, 4096, 2);
	rig_close(&rig);
}

static int extent_sum(void *context, u64 offset_bytes, u64 size_bytes,
		      bool data)
{
	(void)offset_bytes;
	((u64 *)context)[data] += size_bytes;
	return 0;
}

static void test_extents(void **state)
{
	struct rig_disk rig =
		rig_open_path(image("e.vhdx", 64 * MIB, 2 * MIB, false));
	u64 sums[2] = { 0 };

	(void)state;
	rig_write(&rig, 5 * MIB, MIB, 1);
	rig_flush(&rig);
	assert_int_equal(disk_extents(rig.disk, 0, 64 * MIB, extent_sum, sums),
			 0);
	assert_int_equal(sums[0] + sums[1], 64 * MIB);
	assert_true(sums[1] >= MIB && sums[1] <= 2 * MIB);
	rig_close(&rig);
}

/* A crash: what the file is at this moment, without a close. */
static const char *snapshot(const char *path, const char *name)
{
	const char *copy = rig_path(name);

	assert_int_equal(rig_run("cp --sparse=always %s %s", path, copy), 0);
	return copy;
}

static void test_log_is_replayed(void **state)
{
	const char *path = image("l.vhdx", 64 * MIB, MIB, false), *copy;
	struct rig_disk rig = rig_open_path(path), other;
	struct image_check check;
	struct lis_error err;
	struct disk_options options = { .read_only = true };

	(void)state;
	for (u32 i = 0; i < 40; i++) {
		rig_write(&rig, i * MIB, 4096, i + 1);
		rig_flush(&rig);
	}
	copy = snapshot(path, "copy.vhdx");
	/* Read-only first: the file must stay as it is. */
	options.path = copy;
	other = rig_open(&options);
	for (u32 i = 0; i < 40; i++)
		rig_expect(&other, i * MIB, 4096, i + 1);
	rig_close(&other);
	assert_int_equal(
		image_check(copy, DISK_FORMAT_AUTO, false, &check, &err), 0);
	assert_true(check.log_replayed);
	/* The log, too, is one that qemu reads. */
	if (rig_has("qemu-img")) {
		const char *theirs = snapshot(copy, "theirs.vhdx");

		assert_int_equal(rig_run("qemu-img check -q -r all -f vhdx %s "
					 ">/dev/null",
					 theirs),
				 0);
		other = rig_open_path(theirs);
		for (u32 i = 0; i < 40; i++)
			rig_expect(&other, i * MIB, 4096, i + 1);
		rig_close(&other);
	}
	other = rig_open_path(copy);
	for (u32 i = 0; i < 40; i++)
		rig_expect(&other, i * MIB, 4096, i + 1);
	rig_close(&other);
	expect_clean(copy);
	rig_close(&rig);
	expect_clean(path);
}

static void test_damage_is_refused(void **state)
{
	static const struct {
		u64 offset;
		const char *what;
		bool fatal;
	} places[] = {
		{ 0, "identifier", true },
		{ 65536, "one header", false },
		{ 192 << 10, "one region table", false },
		{ 2 * MIB, "metadata", true },
	};
	struct disk_options options = { .read_only = true };
	struct disk *disk;
	struct lis_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int ret;

		options.path = image("d.vhdx", 64 * MIB, MIB, false);
		rig_run("dd if=/dev/urandom of=%s bs=64 count=1 seek=%llu "
			"oflag=seek_bytes conv=notrunc status=none",
			options.path, (unsigned long long)places[i].offset);
		ret = disk_open(&disk, &options, &err);
		assert_int_equal(ret, places[i].fatal ? -EINVAL : 0);
		if (ret == 0)
			disk_close(disk);
	}
	/* Two blocks in one place; one past the end. */
	for (int kind = 0; kind < 2; kind++) {
		struct rig_disk rig;
		u64 entry = (kind ? 4000 * MIB : 4 * MIB) | 6;
		FILE *stream;

		options.path = image("d.vhdx", 64 * MIB, MIB, false);
		rig = rig_open_path(options.path);
		rig_write(&rig, 0, MIB, 1);
		rig_close(&rig);
		stream = fopen(options.path, "r+");
		fseek(stream, 3 * MIB + 16, SEEK_SET);
		fwrite(&entry, 8, 1, stream);
		fclose(stream);
		assert_int_equal(disk_open(&disk, &options, &err), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ours_in_qemu),
		cmocka_unit_test(test_qemus_in_ours),
		cmocka_unit_test(test_room_is_reused),
		cmocka_unit_test(test_big_disk),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_large_sectors),
		cmocka_unit_test(test_extents),
		cmocka_unit_test(test_log_is_replayed),
		cmocka_unit_test(test_damage_is_refused),
	};

	return cmocka_run_group_tests(tests, rig_setup_memory, rig_teardown);
}
