/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "disk_rig.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/backend/disk/file.h"
#include "host/backend/disk/image.h"

#define MIB (1ull << 20)

static void test_write_then_read(void **state)
{
	struct rig_disk rig = rig_open_path(rig_file("disk", 8 * MIB));
	struct disk_info info;

	(void)state;
	disk_info_get(rig.disk, &info);
	assert_int_equal(info.size_bytes, 8 * MIB);
	assert_int_equal(info.sector_bytes, 512);
	assert_int_equal(info.format, DISK_FORMAT_RAW);
	rig_expect(&rig, 0, MIB, 0);
	rig_write(&rig, 4096, MIB, 1);
	rig_write(&rig, 512, 512, 2);
	rig_flush(&rig);
	rig_expect(&rig, 0, 512, 0);
	rig_expect(&rig, 512, 512, 2);
	rig_expect(&rig, 4096, MIB, 1);
	rig_close(&rig);

	rig = rig_open_path(rig_path("disk"));
	rig_expect(&rig, 4096, MIB, 1);
	rig_close(&rig);
}

struct counted {
	struct disk_request request;
	int *left;
	int error;
};

static void counted_done(struct disk_request *request, int error)
{
	struct counted *counted = (struct counted *)request;

	counted->error = error;
	--*counted->left;
}

/* Pieces of odd lengths at odd addresses, through the cache and past it. */
static void pieces(enum disk_cache cache)
{
	struct disk_options options = { .path = rig_file("disk", 4 * MIB),
					.cache = cache };
	struct rig_disk rig = rig_open(&options);
	static u8 memory[2 * 65536 + 64], expected[65536];
	struct iovec iov[1200];
	int left;
	u32 count = 0;
	u64 used = 0, at = 1;
	struct counted counted = {
		.request = { .op = DISK_WRITE,
			     .iov = iov,
			     .size_bytes = 65536,
			     .offset_bytes = 512,
			     .done = counted_done },
		.left = &left,
	};

	while (used < 65536) {
		u64 length = count < 1100 ? 1 + count % 97 : 65536 - used;

		if (length > 65536 - used)
			length = 65536 - used;
		iov[count].iov_base = memory + at;
		iov[count++].iov_len = length;
		at += length + 1;
		used += length;
	}
	rig_pattern(expected, sizeof(expected), 512, 7);
	used = 0;
	for (u32 i = 0; i < count; i++) {
		memcpy(iov[i].iov_base, expected + used, iov[i].iov_len);
		used += iov[i].iov_len;
	}
	counted.request.iov_count = count;
	for (int round = 0; round < 2; round++) {
		left = 1;
		disk_submit(rig.queue, &counted.request);
		while (left)
			disk_wait(rig.queue);
		assert_int_equal(counted.error, 0);
		if (round == 0) {
			rig_expect(&rig, 512, 65536, 7);
			memset(memory, 0, sizeof(memory));
			counted.request.op = DISK_READ;
		}
	}
	used = 0;
	for (u32 i = 0; i < count; i++) {
		assert_memory_equal(iov[i].iov_base, expected + used,
				    iov[i].iov_len);
		used += iov[i].iov_len;
	}
	rig_close(&rig);
}

static void test_pieces(void **state)
{
	(void)state;
	pieces(DISK_CACHE_AUTO);
	pieces(DISK_CACHE_BUFFERED);
}

/* More requests than the ring has entries, all between two kicks. */
static void test_many_at_once(void **state)
{
	struct rig_disk rig = rig_open_path(rig_file("disk", 16 * MIB));
	enum { COUNT = 3000 };
	struct counted *all = calloc(COUNT, sizeof(*all));
	u8 *memory = aligned_alloc(4096, (size_t)COUNT * 4096);
	struct iovec *iov = calloc(COUNT, sizeof(*iov));
	struct pollfd pollfd = { .fd = disk_queue_fd(rig.queue),
				 .events = POLLIN };
	int left = COUNT;

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		iov[i].iov_base = memory + (size_t)i * 4096;
		iov[i].iov_len = 4096;
		rig_pattern(iov[i].iov_base, 4096, (u64)i * 4096, 3);
		all[i].left = &left;
		all[i].request =
			(struct disk_request){ .op = DISK_WRITE,
					       .iov = &iov[i],
					       .iov_count = 1,
					       .size_bytes = 4096,
					       .offset_bytes = (u64)i * 4096,
					       .done = counted_done };
		disk_submit(rig.queue, &all[i].request);
	}
	disk_kick(rig.queue);
	while (left) {
		assert_int_equal(poll(&pollfd, 1, 60000), 1);
		disk_reap(rig.queue);
	}
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(all[i].error, 0);
	rig_expect(&rig, 0, (u64)COUNT * 4096, 3);
	free(all);
	free(memory);
	free(iov);
	rig_close(&rig);
}

static void test_holes(void **state)
{
	const char *path = rig_file("disk", 8 * MIB);
	struct rig_disk rig = rig_open_path(path);
	struct disk_info info;
	u64 before;

	(void)state;
	disk_info_get(rig.disk, &info);
	rig_write(&rig, 0, 4 * MIB, 1);
	rig_flush(&rig);
	before = rig_blocks(path);
	if (info.can_unmap) {
		assert_int_equal(disk_transfer(rig.queue, DISK_UNMAP, 0, MIB,
					       NULL, 2 * MIB),
				 0);
		assert_true(rig_blocks(path) <= before - 2 * MIB / 512);
		rig_expect(&rig, MIB, 2 * MIB, 0);
	}
	assert_int_equal(
		disk_transfer(rig.queue, DISK_ZERO, DISK_FUA, 512, NULL, 1024),
		0);
	rig_expect(&rig, 512, 1024, 0);
	rig_expect(&rig, 0, 512, 1);
	rig_expect(&rig, 1536, 512, 1);
	assert_int_equal(disk_transfer(rig.queue, DISK_ZERO, DISK_MAY_UNMAP, 0,
				       NULL, 8 * MIB),
			 0);
	rig_expect(&rig, 0, 8 * MIB, 0);
	rig_close(&rig);
}

static void test_refusals(void **state)
{
	struct disk_options options = { .path = rig_file("disk", MIB + 100),
					.read_only = true };
	struct rig_disk rig = rig_open(&options);
	struct lis_error err;
	struct disk *disk;
	u8 buffer[1024];

	(void)state;
	assert_int_equal(
		disk_transfer(rig.queue, DISK_WRITE, 0, 0, buffer, 512),
		-EROFS);
	assert_int_equal(disk_transfer(rig.queue, DISK_UNMAP, 0, 0, NULL, 512),
			 -EROFS);
	assert_int_equal(
		disk_transfer(rig.queue, DISK_READ, 0, 100, buffer, 512),
		-EINVAL);
	assert_int_equal(
		disk_transfer(rig.queue, DISK_READ, 0, MIB - 512, buffer, 1024),
		-ERANGE);
	assert_int_equal(disk_transfer(rig.queue, DISK_READ, 0, ~0ull - 511,
				       buffer, 512),
			 -ERANGE);
	assert_int_equal(disk_transfer(rig.queue, DISK_FLUSH, 0, 0, NULL, 0),
			 0);
	options.read_only = false;
	assert_int_equal(disk_open(&disk, &options, &err), -EBUSY);
	rig_close(&rig);

	options.path = rig_path("missing");
	assert_int_equal(disk_open(&disk, &options, &err), -ENOENT);
	options.path = rig_path("");
	assert_true(disk_open(&disk, &options, &err) < 0);
	options.path = rig_file("disk", 0);
	assert_int_equal(disk_open(&disk, &options, &err), -EINVAL);
	options.path = rig_file("disk", MIB);
	options.sector_bytes = 1000;
	assert_int_equal(disk_open(&disk, &options, &err), -EINVAL);
}

static void test_resize(void **state)
{
	struct rig_disk rig = rig_open_path(rig_file("disk", MIB));
	struct lis_error err;
	struct disk_info info;

	(void)state;
	rig_write(&rig, 0, MIB, 1);
	assert_int_equal(disk_resize(rig.disk, 2 * MIB, &err), 0);
	disk_info_get(rig.disk, &info);
	assert_int_equal(info.size_bytes, 2 * MIB);
	rig_expect(&rig, MIB, MIB, 0);
	rig_write(&rig, 2 * MIB - 512, 512, 2);
	assert_int_equal(disk_resize(rig.disk, 512, &err), 0);
	assert_int_equal(disk_resize(rig.disk, MIB, &err), 0);
	rig_expect(&rig, 0, 512, 1);
	rig_expect(&rig, 512, MIB - 512, 0);
	assert_int_equal(disk_resize(rig.disk, 100, &err), -EINVAL);
	rig_close(&rig);
}

struct extents {
	u64 data_bytes, hole_bytes, at;
};

static int extent_count(void *context, u64 offset_bytes, u64 size_bytes,
			bool data)
{
	struct extents *extents = context;

	assert_int_equal(offset_bytes, extents->at);
	extents->at += size_bytes;
	*(data ? &extents->data_bytes : &extents->hole_bytes) += size_bytes;
	return 0;
}

static void test_extents(void **state)
{
	struct rig_disk rig = rig_open_path(rig_file("disk", 8 * MIB));
	struct extents extents = { .at = MIB };

	(void)state;
	rig_write(&rig, 2 * MIB, MIB, 1);
	rig_flush(&rig);
	assert_int_equal(
		disk_extents(rig.disk, MIB, 6 * MIB, extent_count, &extents),
		0);
	assert_int_equal(extents.at, 7 * MIB);
	assert_true(extents.data_bytes >= MIB);
	assert_int_equal(
		disk_extents(rig.disk, MIB, 8 * MIB, extent_count, &extents),
		-ERANGE);
	rig_close(&rig);
}

/* A hook that has the next operation of a kind fail. */
static enum file_kind fail_kind;
static int fail_error;

static int failing_begin(struct file_hook *hook, enum file_kind kind,
			 u64 offset_bytes, u64 size_bytes,
			 const struct iovec *iov, u32 iov_count, u64 *cookie)
{
	int error = kind == fail_kind ? fail_error : 0;

	(void)hook, (void)offset_bytes, (void)size_bytes;
	(void)iov, (void)iov_count, (void)cookie;
	if (error)
		fail_error = 0;
	return error;
}

static void failing_end(struct file_hook *hook, enum file_kind kind,
			bool durable, u64 cookie, int error)
{
	(void)hook, (void)kind, (void)durable, (void)cookie, (void)error;
}

static struct file_hook failing = { failing_begin, failing_end };

static int write_durably(struct disk_queue *queue)
{
	static u8 sector[4096];

	return disk_transfer(queue, DISK_WRITE, DISK_FUA, 0, sector, 4096);
}

static int flush(struct disk_queue *queue)
{
	return disk_transfer(queue, DISK_FLUSH, 0, 0, NULL, 0);
}

/*
 * The kernel tells once that it could not write what it had. No later flush,
 * on whichever queue, may say that all is well; nor may it be tried again.
 */
static void sync_fails(const char *path, int error)
{
	struct disk_options options = { .path = path,
					.cache = DISK_CACHE_BUFFERED };
	struct rig_disk rig = rig_open(&options);
	struct disk_queue *other;
	struct lis_error err;

	assert_int_equal(disk_queue_open(&other, rig.disk, &err), 0);
	rig_write(&rig, 0, 65536, 1);
	rig_flush(&rig);
	file_hook = &failing;
	/* Room for a write may come. */
	fail_kind = FILE_WRITE;
	fail_error = -ENOSPC;
	assert_int_equal(write_durably(rig.queue), -ENOSPC);
	assert_int_equal(write_durably(rig.queue), 0);
	fail_kind = FILE_SYNC;
	fail_error = error;
	assert_int_equal(flush(rig.queue), -EIO);
	assert_int_equal(fail_error, 0);
	assert_int_equal(flush(rig.queue), -EIO);
	assert_int_equal(flush(other), -EIO);
	assert_int_equal(write_durably(other), -EIO);
	rig_expect(&rig, 4096, 61440, 1);
	file_hook = NULL;
	disk_queue_close(other);
	rig_close(&rig);
}

static void test_sync_fails(void **state)
{
	struct image_options fixed = { .path = rig_path("fixed.vhd"),
				       .format = DISK_FORMAT_VHD,
				       .fixed = true,
				       .size_bytes = MIB };
	struct lis_error err;

	(void)state;
	sync_fails(rig_file("disk", MIB), -ENOSPC);
	sync_fails(rig_file("disk", MIB), -EDQUOT);
	assert_int_equal(image_create(&fixed, &err), 0);
	sync_fails(fixed.path, -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_then_read),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_extents),
		cmocka_unit_test(test_sync_fails),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
