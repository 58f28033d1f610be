/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A disk that gets smaller with writes under way past its new end.
 */
#define _GNU_SOURCE
#include "disk_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/backend/disk/file.h"
#include "host/backend/disk/image.h"

#define MIB	   (1ull << 20)
#define BIG_BYTES  (1024 * MIB)
#define LESS_BYTES (2 * MIB)
/* Its entry in a VHDX table is not in the page of the first blocks'. */
#define FAR_BYTES (700 * MIB)

static const char *image(const char *name)
{
	struct image_options options = {
		.path = rig_path(name),
		.size_bytes = BIG_BYTES,
		.block_bytes = MIB,
	};
	struct lis_error err;

	if (image_create(&options, &err) != 0)
		fail_msg("%s", err.text);
	return options.path;
}

static void shrink(struct disk *disk)
{
	struct lis_error err;

	if (disk_resize(disk, LESS_BYTES, &err) != 0)
		fail_msg("%s", err.text);
}

/* --- once the layers have let it pass --- */

static struct disk *shrinking;

static int shrink_begin(struct file_hook *hook, enum file_kind kind,
			u64 offset_bytes, u64 size_bytes,
			const struct iovec *iov, u32 iov_count, u64 *cookie)
{
	struct disk *disk = shrinking;

	(void)hook, (void)offset_bytes;
	(void)iov, (void)iov_count, (void)cookie;
	if (kind == FILE_WRITE && size_bytes == MIB && disk) {
		shrinking = NULL;
		shrink(disk);
	}
	return 0;
}

static void shrink_end(struct file_hook *hook, enum file_kind kind,
		       bool durable, u64 cookie, int error)
{
	(void)hook, (void)kind, (void)durable, (void)cookie, (void)error;
}

static struct file_hook shrink_hook = { shrink_begin, shrink_end };

static void expect_size(struct rig_disk *rig, u64 size_bytes)
{
	struct disk_info info;

	disk_info_get(rig->disk, &info);
	assert_int_equal(info.size_bytes, size_bytes);
}

/* What was cut off has left nothing behind that a later owner stumbles on. */
static void expect_cut_off(const char *path)
{
	struct rig_disk rig = rig_open_path(path);
	struct lis_error err;

	expect_size(&rig, LESS_BYTES);
	rig_write(&rig, 0, MIB, 2);
	/* Room that nobody has is given away after a commit. */
	rig_flush(&rig);
	rig_flush(&rig);
	rig_write(&rig, MIB, LESS_BYTES - MIB, 2);
	assert_int_equal(disk_resize(rig.disk, BIG_BYTES, &err), 0);
	rig_expect(&rig, FAR_BYTES, MIB, 0);
	rig_close(&rig);
	rig = rig_open_path(path);
	expect_size(&rig, BIG_BYTES);
	rig_expect(&rig, 0, LESS_BYTES, 2);
	rig_expect(&rig, FAR_BYTES, MIB, 0);
	rig_close(&rig);
}

static void shrink_under_write(const char *path)
{
	struct rig_disk rig = rig_open_path(path);

	rig_write(&rig, FAR_BYTES, MIB, 1);
	/* A resize waits for commits, which this thread would have to go on
	 * with. */
	rig_close(&rig);
	rig = rig_open_path(path);
	file_hook = &shrink_hook;
	shrinking = rig.disk;
	rig_write(&rig, FAR_BYTES, MIB, 3);
	file_hook = NULL;
	assert_null(shrinking);
	expect_size(&rig, LESS_BYTES);
	rig_close(&rig);
	expect_cut_off(path);
}

/* --- while a limit holds it back --- */

#define WRITES 64

static struct disk_request writes[WRITES];
static u32 left, past_end;

static void write_done(struct disk_request *request, int error)
{
	(void)request;
	left--;
	past_end += error == -ERANGE;
}

static void shrink_before_write(const char *path)
{
	struct disk_options options = { .path = path, .iops = 1 };
	struct rig_disk rig = rig_open(&options);
	static u8 sector[4096];
	struct iovec iov = { sector, sizeof(sector) };

	left = WRITES;
	past_end = 0;
	for (u32 i = 0; i < WRITES; i++) {
		writes[i] = (struct disk_request){
			.op = DISK_WRITE,
			.offset_bytes = FAR_BYTES + i * MIB,
			.size_bytes = sizeof(sector),
			.iov = &iov,
			.iov_count = 1,
			.done = write_done,
		};
		disk_submit(rig.queue, &writes[i]);
	}
	shrink(rig.disk);
	disk_limits_set(rig.disk, 0, 0);
	while (left)
		disk_wait(rig.queue);
	assert_true(past_end > 0);
	rig_close(&rig);
	expect_cut_off(path);
}

static void test_raw(void **state)
{
	(void)state;
	shrink_under_write(rig_file("disk", BIG_BYTES));
}

static void test_raw_held_back(void **state)
{
	(void)state;
	shrink_before_write(rig_file("disk", BIG_BYTES));
}

static void test_vhdx(void **state)
{
	(void)state;
	shrink_under_write(image("under.vhdx"));
}

static void test_vhdx_held_back(void **state)
{
	(void)state;
	shrink_before_write(image("before.vhdx"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_raw_held_back),
		cmocka_unit_test(test_vhdx),
		cmocka_unit_test(test_vhdx_held_back),
	};

	return cmocka_run_group_tests(tests, rig_setup_memory, rig_teardown);
}
