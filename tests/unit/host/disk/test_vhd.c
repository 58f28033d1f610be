/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * VHD images of ours and of qemu-img, read by both.
 */
#define _GNU_SOURCE
#include "disk_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/backend/disk/image.h"
#include "host/backend/disk/vhd.h"

#define MIB (1ull << 20)

static const char *image(const char *name, u64 size_bytes, bool fixed)
{
	struct image_options options = {
		.path = rig_path(name),
		.size_bytes = size_bytes,
		.fixed = fixed,
	};
	struct lis_error err;

	unlink(options.path);
	if (image_create(&options, &err) != 0)
		fail_msg("%s", err.text);
	return options.path;
}

static void zero(struct rig_disk *rig, enum disk_op op, u64 offset_bytes,
		 u64 size_bytes)
{
	assert_int_equal(disk_transfer(rig->queue, op, DISK_FUA, offset_bytes,
				       NULL, size_bytes),
			 0);
}

static void fill(struct rig_disk *rig)
{
	rig_write(rig, 0, 4096, 1);
	rig_write(rig, 4 * MIB - 512, 1024, 2);
	rig_write(rig, 10 * MIB, 7 * MIB, 3);
	rig_write(rig, 60 * MIB - 512, 512, 4);
	zero(rig, DISK_UNMAP, 11 * MIB, 2 * MIB);
	zero(rig, DISK_ZERO, 14 * MIB + 512, 512);
}

static void expect_filled(struct rig_disk *rig)
{
	rig_expect(rig, 0, 4096, 1);
	rig_expect(rig, 4096, 512, 0);
	rig_expect(rig, 4 * MIB - 512, 1024, 2);
	rig_expect(rig, 10 * MIB, MIB, 3);
	rig_expect(rig, 11 * MIB, 2 * MIB, 0);
	rig_expect(rig, 13 * MIB, MIB + 512, 3);
	rig_expect(rig, 14 * MIB + 512, 512, 0);
	rig_expect(rig, 14 * MIB + 1024, 512, 3);
	rig_expect(rig, 20 * MIB, 8 * MIB, 0);
	rig_expect(rig, 60 * MIB - 512, 512, 4);
}

static void expect_same(const char *vhd, const char *raw)
{
	if (rig_has("qemu-img"))
		assert_int_equal(rig_run("qemu-img compare -q -f vpc -F raw "
					 "%s %s",
					 vhd, raw),
				 0);
}

static void test_ours_in_qemu(void **state)
{
	(void)state;
	for (int fixed = 0; fixed < 2; fixed++) {
		const char *path = image("a.vhd", 60 * MIB, fixed);
		const char *raw = rig_file("a.raw", 60 * MIB);
		struct rig_disk rig = rig_open_path(raw);
		struct disk_info info;

		expect_same(path, raw);
		fill(&rig);
		rig_close(&rig);
		rig = rig_open_path(path);
		disk_info_get(rig.disk, &info);
		assert_int_equal(info.format, DISK_FORMAT_VHD);
		assert_int_equal(info.size_bytes, 60 * MIB);
		fill(&rig);
		expect_filled(&rig);
		rig_close(&rig);
		expect_same(path, raw);
		rig = rig_open_path(path);
		expect_filled(&rig);
		rig_close(&rig);
	}
}

static void test_qemus_in_ours(void **state)
{
	const char *kinds[] = { "dynamic", "fixed" };

	(void)state;
	if (!rig_has("qemu-img"))
		skip();
	for (int i = 0; i < 2; i++) {
		const char *path = rig_path("q.vhd");
		const char *raw = rig_file("q.raw", 60 * MIB);
		struct rig_disk rig = rig_open_path(raw);

		fill(&rig);
		rig_close(&rig);
		assert_int_equal(rig_run("qemu-img convert -f raw -O vpc -o "
					 "force_size=on,subformat=%s %s %s",
					 kinds[i], raw, path),
				 0);
		rig = rig_open_path(path);
		expect_filled(&rig);
		rig_write(&rig, 30 * MIB, 5 * MIB, 9);
		rig_close(&rig);
		rig = rig_open_path(raw);
		rig_write(&rig, 30 * MIB, 5 * MIB, 9);
		rig_close(&rig);
		expect_same(path, raw);
	}
}

/* Cut off at the end as a crash may leave it: the footer's copy stands in. */
static void test_footer_lost(void **state)
{
	const char *path = image("f.vhd", 60 * MIB, false);
	struct rig_disk rig = rig_open_path(path);
	struct disk_options options = { .path = path };
	struct disk *disk;
	struct lis_error err;
	u64 end;

	(void)state;
	rig_write(&rig, 0, MIB, 1);
	rig_close(&rig);
	end = rig_size(path);
	assert_int_equal(truncate(path, (off_t)end - 512), 0);
	rig = rig_open_path(path);
	rig_expect(&rig, 0, MIB, 1);
	rig_write(&rig, 20 * MIB, MIB, 2);
	rig_close(&rig);
	rig = rig_open_path(path);
	rig_expect(&rig, 0, MIB, 1);
	rig_expect(&rig, 20 * MIB, MIB, 2);
	rig_close(&rig);
	/* A block is cut off. */
	assert_int_equal(truncate(path, (off_t)end), 0);
	assert_int_equal(disk_open(&disk, &options, &err), -EINVAL);
	path = image("x.vhd", 60 * MIB, true);
	options.path = path;
	assert_int_equal(truncate(path, 30 * MIB), 0);
	assert_int_equal(disk_open(&disk, &options, &err), -EINVAL);
}

static void test_resize(void **state)
{
	(void)state;
	for (int fixed = 0; fixed < 2; fixed++) {
		const char *path = image("r.vhd", 4 * MIB + 1024, fixed);
		struct rig_disk rig = rig_open_path(path);
		struct lis_error err;

		rig_write(&rig, 4 * MIB, 1024, 1);
		assert_int_equal(disk_resize(rig.disk, 6 * MIB, &err), 0);
		rig_expect(&rig, 4 * MIB, 1024, 1);
		rig_expect(&rig, 4 * MIB + 1024, 2 * MIB - 1024, 0);
		rig_write(&rig, 6 * MIB - 512, 512, 2);
		assert_int_equal(disk_resize(rig.disk, MIB, &err), -ENOTSUP);
		rig_close(&rig);
		rig = rig_open_path(path);
		rig_expect(&rig, 6 * MIB - 512, 512, 2);
		rig_close(&rig);
	}
}

/* Makes a differencing disk of a dynamic one, by hand: nobody here writes
 * them. Of each block, 16 sectors are its own, the next 16 the parent's. */
static void make_differencing(const char *path, const char *parent)
{
	struct vhd_footer footer, parent_footer;
	struct vhd_header header;
	FILE *stream = fopen(parent, "r+e");
	u32 entry;
	u16 name[] = { '.', '\\', 'p', '.', 'v', 'h', 'd' };

	assert_int_equal(fread(&parent_footer, sizeof(footer), 1, stream), 1);
	fclose(stream);
	stream = fopen(path, "r+e");
	assert_int_equal(fread(&footer, sizeof(footer), 1, stream), 1);
	assert_int_equal(fread(&header, sizeof(header), 1, stream), 1);
	footer.type = vhd_be32(VHD_DIFFERENCING);
	footer.checksum = vhd_checksum(&footer, sizeof(footer),
				       offsetof(struct vhd_footer, checksum));
	memcpy(header.parent_identity, parent_footer.identity, 16);
	header.locators[2].platform = vhd_be32(0x57327275);
	header.locators[2].bytes = vhd_be32(sizeof(name));
	/* After the footer's copy, header and table nothing else is there. */
	header.locators[2].offset = vhd_be64(rig_size(path));
	header.checksum = vhd_checksum(&header, sizeof(header),
				       offsetof(struct vhd_header, checksum));
	rewind(stream);
	fwrite(&footer, sizeof(footer), 1, stream);
	fwrite(&header, sizeof(header), 1, stream);
	for (int block = 0; block < 30; block++) {
		fseek(stream, 1536 + block * 4, SEEK_SET);
		assert_int_equal(fread(&entry, 4, 1, stream), 1);
		if (entry == ~0u)
			continue;
		fseek(stream, (long)vhd_be32(entry) * 512, SEEK_SET);
		for (int i = 0; i < 512; i++)
			fputc(i / 2 % 2 ? 0 : 0xff, stream);
	}
	fseek(stream, 0, SEEK_END);
	fwrite(name, sizeof(name), 1, stream);
	for (int i = 0; i < 512 - (int)sizeof(name); i++)
		fputc(0, stream);
	fwrite(&footer, sizeof(footer), 1, stream);
	fclose(stream);
}

static void test_differencing(void **state)
{
	const char *parent = image("p.vhd", 60 * MIB, false);
	const char *path = image("d.vhd", 60 * MIB, false);
	struct disk_options options = { .path = path, .read_only = true };
	struct rig_disk rig = rig_open_path(parent);
	struct lis_error err;
	struct disk *disk;

	(void)state;
	rig_write(&rig, 0, 6 * MIB, 1);
	rig_close(&rig);
	rig = rig_open_path(path);
	rig_write(&rig, 2 * MIB, 2 * MIB, 2);
	rig_close(&rig);
	make_differencing(path, parent);
	rig = rig_open(&options);
	rig_expect(&rig, 0, 2 * MIB, 1);
	rig_expect(&rig, 4 * MIB, 2 * MIB, 1);
	rig_expect(&rig, 6 * MIB, 8 * MIB, 0);
	for (u64 at = 2 * MIB; at < 4 * MIB; at += 8192)
		rig_expect(&rig, at, 8192, at / 8192 % 2 ? 1 : 2);
	rig_close(&rig);
	options.read_only = false;
	assert_int_equal(disk_open(&disk, &options, &err), -ENOTSUP);
	options.read_only = true;
	/* Another disk in the parent's place. */
	image("p.vhd", 60 * MIB, false);
	assert_int_equal(disk_open(&disk, &options, &err), -EINVAL);
	unlink(parent);
	assert_int_equal(disk_open(&disk, &options, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ours_in_qemu),
		cmocka_unit_test(test_qemus_in_ours),
		cmocka_unit_test(test_footer_lost),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_differencing),
	};

	return cmocka_run_group_tests(tests, rig_setup_memory, rig_teardown);
}
