/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Files that are changed together, and put back together. */
#define _GNU_SOURCE
#include "tests/unit/guest/tools/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/lisd/kvp/change.h"

static char root[TREE_BYTES];
static struct changes changes;

static int setup(void **state)
{
	(void)state;
	memset(&changes, 0, sizeof(changes));
	tree_make(root);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(root);
	return 0;
}

static const char *below(const char *name)
{
	static char path[LISD_PATH_BYTES];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static int change(const char *name, const char *text)
{
	return change_file(&changes, below(name), text, strlen(text), 0640);
}

static void assert_is(const char *name, const char *expected, mode_t mode)
{
	char text[64] = "";
	struct stat status;
	int fd = open(below(name), O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	assert_string_equal(text, expected);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_mode & 07777, mode);
	close(fd);
}

static void test_put_back(void **state)
{
	(void)state;
	tree_text(root, "old", "before");
	assert_int_equal(chmod(below("old"), 0604), 0);
	assert_int_equal(change("old", "after"), 0);
	assert_int_equal(change("new", "new"), 0);
	assert_int_equal(change("old", "once more"), 0);
	assert_is("old", "once more", 0640);
	assert_is("new", "new", 0640);
	changes_undo(&changes);
	assert_int_equal(changes.count, 0);
	assert_is("old", "before", 0604);
	assert_int_equal(access(below("new"), F_OK), -1);
}

static void test_kept(void **state)
{
	(void)state;
	assert_int_equal(change("new", "new"), 0);
	changes_keep(&changes);
	changes_undo(&changes);
	assert_is("new", "new", 0640);
}

/* What could not be written is as it was, and nothing is put back for it. */
static void test_failure_is_no_change(void **state)
{
	u32 i;

	(void)state;
	assert_int_equal(change("none/new", "new"), -ENOENT);
	assert_int_equal(changes.count, 0);
	for (i = 0; i < CHANGES_MAX; i++)
		assert_int_equal(change("new", "new"), 0);
	assert_int_equal(change("new", "new"), -ENOSPC);
	assert_int_equal(changes.count, CHANGES_MAX);
	changes_undo(&changes);
	assert_int_equal(access(below("new"), F_OK), -1);
}

static void test_allowed(void **state)
{
	(void)state;
	tree_text(root, "folder/x", "");
	assert_int_equal(change_allowed(below("folder/new")), 0);
	/* Its folder would be made. */
	assert_int_equal(change_allowed(below("folder/none/new")), 0);
	tree_link(root, "loop", "loop");
	assert_int_equal(change_allowed(below("loop/new")), -ELOOP);
	assert_int_equal(change_allowed("relative"), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_put_back),
		TEST(test_kept),
		TEST(test_failure_is_no_change),
		TEST(test_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
