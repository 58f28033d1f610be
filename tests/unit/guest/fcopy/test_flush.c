// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* What of a copied file goes to the disk, and when. */
#define _GNU_SOURCE
#include "tests/unit/guest/fcopy/copies.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
	int files, folders; /* flushed */
	bool named;	    /* the file had its name already */
	int error;	    /* that the disk reports for a file */
} flushed;

/* In the place of the C library's, for this program. */
int fsync(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	if (S_ISDIR(status.st_mode)) {
		flushed.folders++;
	} else {
		flushed.files++;
		flushed.named = !faccessat(copy.folder, copy.name, F_OK,
					   AT_SYMLINK_NOFOLLOW);
		if (flushed.error) {
			errno = flushed.error;
			return -1;
		}
	}
	return (int)syscall(SYS_fsync, fd);
}

/* On the disk before it has its name, and the name before the host is told. */
static void test_flushed_before_it_is_seen(void **state)
{
	(void)state;
	memset(&flushed, 0, sizeof(flushed));
	assert_int_equal(start("/", "a", 0, 3), IC_S_OK);
	assert_int_equal(data(0, "one", 3), IC_S_OK);
	assert_int_equal(flushed.files + flushed.folders, 0);
	assert_int_equal(complete(), IC_S_OK);
	assert_int_equal(flushed.files, 1);
	assert_int_equal(flushed.folders, 1);
	assert_false(flushed.named);
	assert_content("a", "one");
	assert_int_equal(start("/", "a", FCOPY_OVERWRITE, 3), IC_S_OK);
	assert_int_equal(data(0, "two", 3), IC_S_OK);
	assert_int_equal(complete(), IC_S_OK);
	assert_int_equal(flushed.files, 2);
	assert_int_equal(flushed.folders, 2);
	assert_content("a", "two");
}

/* A disk that cannot keep it: nothing is left, and the host is told. */
static void test_disk_that_fails_at_the_end(void **state)
{
	(void)state;
	memset(&flushed, 0, sizeof(flushed));
	flushed.error = EIO;
	assert_int_equal(start("/", "a", 0, 3), IC_S_OK);
	assert_int_equal(data(0, "one", 3), IC_S_OK);
	assert_int_equal(complete(), IC_E_WRITE_FAULT);
	assert_int_equal(entries(""), 0);
	flushed.error = ENOSPC;
	tree_text(root, "a", "old");
	assert_int_equal(start("/", "a", FCOPY_OVERWRITE, 3), IC_S_OK);
	assert_int_equal(data(0, "one", 3), IC_S_OK);
	assert_int_equal(complete(), IC_E_DISK_FULL);
	assert_content("a", "old");
	assert_int_equal(entries(""), 1);
	memset(&flushed, 0, sizeof(flushed));
}

/* More than one window on its way to the disk. */
static void test_large_file(void **state)
{
	static char block[6144], got[6144];
	const u64 size = 20u << 20;
	char path[256];
	u64 offset;
	u32 bytes;
	int fd;

	(void)state;
	assert_int_equal(start("/", "large", 0, size), IC_S_OK);
	for (offset = 0; offset < size; offset += bytes) {
		bytes = size - offset < sizeof(block) ? (u32)(size - offset)
						      : sizeof(block);
		memset(block, (int)(offset / sizeof(block) % 255) + 1,
		       sizeof(block));
		assert_int_equal(data(offset, block, bytes), IC_S_OK);
	}
	assert_int_equal(copy.flushed_bytes, 16u << 20);
	assert_int_equal(complete(), IC_S_OK);
	snprintf(path, sizeof(path), "%s/large", root);
	fd = open(path, O_RDONLY);
	for (offset = 0; offset < size; offset += bytes) {
		bytes = size - offset < sizeof(got) ? (u32)(size - offset)
						    : sizeof(got);
		assert_int_equal(read(fd, got, bytes), bytes);
		memset(block, (int)(offset / sizeof(block) % 255) + 1,
		       sizeof(block));
		assert_memory_equal(got, block, bytes);
	}
	assert_int_equal(read(fd, got, 1), 0);
	close(fd);
}

/* A host that leaps to the end of what no disk has: no work for each window. */
static void test_leap(void **state)
{
	(void)state;
	assert_int_equal(start("/", "leap", 0, 100), IC_S_OK);
	copy.size_bytes = 1ull << 62;
	copy.end_bytes = (1ull << 62) - 1;
	assert_int_equal(data(0, "one", 3), IC_S_OK);
	assert_int_equal(copy.flushed_bytes, (1ull << 62) - (8u << 20));
	assert_int_equal(end(FCOPY_OPERATION_CANCEL), IC_S_OK);
	assert_int_equal(entries(""), 0);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, copies_setup, copies_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_flushed_before_it_is_seen),
		TEST(test_disk_that_fails_at_the_end),
		TEST(test_large_file),
		TEST(test_leap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
