// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The guest's side of a copy, on this machine's file system. */
#define _GNU_SOURCE
#include "tests/unit/guest/fcopy/copies.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_whole_file(void **state)
{
	struct stat status;
	char path[256];

	(void)state;
	assert_int_equal(start("/a/b", "file", FCOPY_CREATE_PATH, 6), IC_S_OK);
	assert_int_equal(data(0, "one", 3), IC_S_OK);
	/* Nobody sees it before it is whole. */
	assert_int_equal(entries("a/b"), 0);
	assert_int_equal(data(3, "two", 3), IC_S_OK);
	assert_int_equal(complete(), IC_S_OK);
	assert_content("a/b/file", "onetwo");
	assert_int_equal(entries("a/b"), 1);
	snprintf(path, sizeof(path), "%s/a/b/file", root);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0744);
	assert_int_equal(start("/", "empty", 0, 0), IC_S_OK);
	assert_int_equal(complete(), IC_S_OK);
	assert_content("empty", "");
}

static void test_exact_errors(void **state)
{
	(void)state;
	tree_text(root, "there", "old");
	tree_text(root, "folder/x", "");
	assert_int_equal(start("/", "there", 0, 1), 0x80070050);
	assert_int_equal(start("/none/a", "x", 0, 1), 0x80070003);
	assert_int_equal(start("/there/a", "x", FCOPY_CREATE_PATH, 1),
			 0x80070003);
	assert_int_equal(start("/", "big", 0, 1ull << 62), 0x80070070);
	assert_int_equal(start("/", "folder", FCOPY_OVERWRITE, 1), 0x80070005);
	assert_int_equal(entries(""), 2);
	assert_content("there", "old");
	/* Without a file. */
	assert_int_equal(data(0, "x", 1), IC_E_INVALID_HANDLE);
	assert_int_equal(complete(), IC_E_INVALID_HANDLE);
	assert_int_equal(end(FCOPY_OPERATION_CANCEL), IC_S_OK);
}

static void test_overwrite(void **state)
{
	char path[256];
	struct stat status;

	(void)state;
	tree_text(root, "file", "old content");
	snprintf(path, sizeof(path), "%s/file", root);
	assert_int_equal(chmod(path, 04600), 0);
	assert_int_equal(start("/", "file", FCOPY_OVERWRITE, 3), IC_S_OK);
	assert_int_equal(data(0, "new", 3), IC_S_OK);
	assert_content("file", "old content");
	assert_int_equal(complete(), IC_S_OK);
	assert_content("file", "new");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(entries(""), 1);
	/* Somebody was faster: it is kept. */
	assert_int_equal(start("/", "late", 0, 0), IC_S_OK);
	tree_text(root, "late", "theirs");
	assert_int_equal(complete(), IC_E_FILE_EXISTS);
	assert_content("late", "theirs");
}

/* Cancel, a new start, too few bytes: nothing is left. */
static void test_cancel_leaves_nothing(void **state)
{
	(void)state;
	assert_int_equal(start("/", "a", 0, 6), IC_S_OK);
	assert_int_equal(data(0, "one", 3), IC_S_OK);
	assert_int_equal(end(FCOPY_OPERATION_CANCEL), IC_S_OK);
	assert_int_equal(copy.fd, -1);
	assert_int_equal(start("/", "b", 0, 6), IC_S_OK);
	assert_int_equal(start("/", "c", 0, 6), IC_S_OK);
	assert_int_equal(data(0, "one", 3), IC_S_OK);
	assert_int_equal(complete(), IC_E_INVALID_ARGUMENT);
	assert_int_equal(entries(""), 0);
}

static void test_write_sizes_are_checked(void **state)
{
	(void)state;
	assert_int_equal(start("/", "a", 0, 6), IC_S_OK);
	assert_int_equal(data(7, "", 0), IC_E_INVALID_ARGUMENT);
	assert_int_equal(data(4, "abc", 3), IC_E_INVALID_ARGUMENT);
	assert_int_equal(data(~0ull, "abc", 3), IC_E_INVALID_ARGUMENT);
	assert_int_equal(data(0, "abcdef", 6), IC_S_OK);
	assert_int_equal(complete(), IC_S_OK);
	assert_content("a", "abcdef");
}

/* Zeros cost no space, but are there; and overwrite what was written. */
static void test_sparse(void **state)
{
	static const char zeros[6144];
	struct stat status;
	char path[256];
	u64 offset;

	(void)state;
	assert_int_equal(start("/", "a", 0, 100 * sizeof(zeros)), IC_S_OK);
	for (offset = 0; offset < 100 * sizeof(zeros); offset += sizeof(zeros))
		assert_int_equal(data(offset, zeros, sizeof(zeros)), IC_S_OK);
	assert_int_equal(complete(), IC_S_OK);
	snprintf(path, sizeof(path), "%s/a", root);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, 100 * sizeof(zeros));
	assert_int_equal(status.st_blocks, 0);
	assert_int_equal(start("/", "b", 0, 3), IC_S_OK);
	assert_int_equal(data(0, "abc", 3), IC_S_OK);
	assert_int_equal(data(0, zeros, 2), IC_S_OK);
	assert_int_equal(complete(), IC_S_OK);
	assert_content("b", "");
}

/* 10 GB, of which three blocks are not zero, in memory that has not so much. */
static void test_ten_gigabytes(void **state)
{
	static const u64 size = 10000000000ull,
			 marks[] = { 0, 4999999488ull, 9999998976ull };
	static char block[6144];
	char folder[64] = "/dev/shm/lis-copy-XXXXXX", path[96], got[6144];
	struct stat status;
	u64 offset;
	u32 bytes;
	int fd, i;

	(void)state;
	assert_non_null(mkdtemp(folder));
	close(copy.root);
	copy.root = open(folder, O_PATH | O_DIRECTORY);
	if (start("/", "big", 0, size) == IC_E_DISK_FULL) {
		rmdir(folder);
		print_message("/dev/shm has less than 10 GB: skipped\n");
		skip();
	}
	for (offset = 0; offset < size; offset += bytes) {
		bytes = size - offset < sizeof(block) ? (u32)(size - offset)
						      : sizeof(block);
		memset(block, 0, sizeof(block));
		for (i = 0; i < 3; i++) {
			if (offset == marks[i])
				memset(block, 'a' + i, sizeof(block));
		}
		assert_int_equal(data(offset, block, bytes), IC_S_OK);
	}
	assert_int_equal(complete(), IC_S_OK);
	snprintf(path, sizeof(path), "%s/big", folder);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, size);
	assert_true(status.st_blocks <= 3 * 3 * 8);
	fd = open(path, O_RDONLY);
	for (i = 0; i < 3; i++) {
		bytes = i < 2 ? sizeof(got) : 1024;
		assert_int_equal(pread(fd, got, bytes, (off_t)marks[i]), bytes);
		memset(block, 'a' + i, sizeof(block));
		assert_memory_equal(got, block, bytes);
	}
	close(fd);
	unlink(path);
	rmdir(folder);
}

static void test_symbolic_links(void **state)
{
	char path[256];

	(void)state;
	tree_text(root, "real/x", "");
	tree_link(root, "link", "real");
	tree_link(root, "absolute", "/real");
	tree_link(root, "loop", "loop");
	/* Root's own are followed, and "/" is the root that was given. */
	assert_int_equal(start("/link", "a", 0, 0), IC_S_OK);
	assert_int_equal(complete(), IC_S_OK);
	assert_int_equal(start("/absolute/../real", "b", 0, 0), IC_S_OK);
	assert_int_equal(complete(), IC_S_OK);
	assert_int_equal(entries("real"), 3);
	assert_int_equal(start("/loop", "a", 0, 0), IC_E_ACCESS_DENIED);
	/* Another's are not. */
	copy.owner++;
	assert_int_equal(start("/link", "c", 0, 0), IC_E_ACCESS_DENIED);
	copy.owner--;
	/* Swapped in while the copy goes on. */
	assert_int_equal(start("/real", "c", 0, 0), IC_S_OK);
	snprintf(path, sizeof(path), "%s/real", root);
	assert_int_equal(rename(path, strcat(strcpy(path + 128, path), "2")),
			 0);
	tree_text(root, "other/x", "");
	tree_link(root, "real", "other");
	assert_int_equal(complete(), IC_S_OK);
	assert_int_equal(entries("other"), 1);
	assert_int_equal(entries("real2"), 4);
	/* In the file's own place: replaced, not written through. */
	tree_text(root, "victim", "safe");
	tree_link(root, "real2/d", "../victim");
	assert_int_equal(start("/real2", "d", 0, 0), IC_E_FILE_EXISTS);
	assert_int_equal(start("/real2", "d", FCOPY_OVERWRITE, 3), IC_S_OK);
	assert_int_equal(data(0, "new", 3), IC_S_OK);
	assert_int_equal(complete(), IC_S_OK);
	assert_content("victim", "safe");
	assert_content("real2/d", "new");
}

static void test_allowed_folders(void **state)
{
	char real[256];

	(void)state;
	tree_text(root, "srv/in/x", "");
	tree_text(root, "srv/inside/x", "");
	tree_text(root, "other/x", "");
	tree_link(root, "srv/in/out", "../../other");
	assert_int_equal(readlinkat(AT_FDCWD, "/nothing", real, 1), -1);
	snprintf(copy.allowed, sizeof(copy.allowed), "/nothing:%s/srv/in/",
		 root);
	assert_int_equal(start("/srv/in", "a", 0, 0), IC_S_OK);
	assert_int_equal(start("/srv/in/new/er", "a", FCOPY_CREATE_PATH, 0),
			 IC_S_OK);
	assert_int_equal(start("/srv/inside", "a", 0, 0), IC_E_ACCESS_DENIED);
	assert_int_equal(start("/srv/in/..", "a", 0, 0), IC_E_ACCESS_DENIED);
	assert_int_equal(start("/srv/in/out", "a", 0, 0), IC_E_ACCESS_DENIED);
	assert_int_equal(start("/new", "a", FCOPY_CREATE_PATH, 0),
			 IC_E_ACCESS_DENIED);
	assert_int_equal(entries(""), 2);
}

/* Names of any length and kind, and ways that are too long. */
static void test_names(void **state)
{
	char long_path[FCOPY_NAME_BYTES];

	(void)state;
	assert_int_equal(start("/", "\xc4\xaf\xf0\x9f\x98\x80\n", 0, 0),
			 IC_S_OK);
	assert_int_equal(complete(), IC_S_OK);
	memset(long_path, 'n', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(start("/", long_path, 0, 0), IC_E_NAME_TOO_LONG);
	assert_int_equal(start(long_path, "x", FCOPY_CREATE_PATH, 0),
			 IC_E_NAME_TOO_LONG);
	assert_int_equal(start("relative", "x", FCOPY_CREATE_PATH, 0), IC_S_OK);
	assert_int_equal(complete(), IC_S_OK);
	assert_int_equal(entries("relative"), 1);
}

/* Killed at each step: only a whole file is ever there, or none. */
static void test_killed_at_each_step(void **state)
{
	char record[256];
	int step, fd;
	pid_t pid;

	(void)state;
	tree_text(root, "in/x", "");
	snprintf(record, sizeof(record), "%s/record", root);
	for (step = 0; step < 4; step++) {
		pid = fork();
		if (!pid) {
			copy_record(&copy,
				    open(record, O_RDWR | O_CREAT, 0600));
			if (start("/in", "file", FCOPY_OVERWRITE, 3) ||
			    (step > 0 && data(0, "one", 3)) ||
			    (step > 1 && complete()))
				_exit(1);
			raise(SIGKILL);
		}
		waitpid(pid, NULL, 0);
		/* What starts next cleans up. */
		fd = open(record, O_RDWR | O_CREAT, 0600);
		copy_record(&copy, fd);
		close(fd);
		copy.record = -1;
		assert_int_equal(entries("in"), step > 1 ? 2 : 1);
	}
	assert_content("in/file", "one");
}

/* A file system without files that have no name: the record cleans up. */
static void test_record(void **state)
{
	char record[256], path[256], temp[300];

	(void)state;
	snprintf(record, sizeof(record), "%s/record", root);
	snprintf(path, sizeof(path), "%s/.lis-0123456789abcdef", root);
	tree_text(root, ".lis-0123456789abcdef", "half");
	tree_text(root, "precious", "kept");
	tree_text(root, "record", path);
	copy_record(&copy, open(record, O_RDWR));
	assert_int_equal(entries(""), 2);
	close(copy.record);
	snprintf(temp, sizeof(temp), "%s/precious", root);
	tree_text(root, "record", temp);
	copy_record(&copy, open(record, O_RDWR));
	assert_int_equal(entries(""), 2);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, copies_setup, copies_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_whole_file),
		TEST(test_exact_errors),
		TEST(test_overwrite),
		TEST(test_cancel_leaves_nothing),
		TEST(test_write_sizes_are_checked),
		TEST(test_sparse),
		TEST(test_ten_gigabytes),
		TEST(test_symbolic_links),
		TEST(test_allowed_folders),
		TEST(test_names),
		TEST(test_killed_at_each_step),
		TEST(test_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
