// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Small files of any size, and what is none. */
#define _GNU_SOURCE
#include "tests/unit/guest/tools/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/common/text_file.h"

#define ROOM 8

static void test_sizes(void **state)
{
	char root[TREE_BYTES], text[ROOM];
	int folder;

	(void)state;
	tree_make(root);
	tree_text(root, "empty", "");
	tree_text(root, "fits", "1234567");
	tree_text(root, "not", "12345678");
	folder = open(root, O_RDONLY | O_DIRECTORY);
	assert_true(folder >= 0);
	memset(text, 'x', sizeof(text));
	assert_int_equal(text_file_read(folder, "empty", text, ROOM), 0);
	assert_string_equal(text, "");
	assert_int_equal(text_file_read(folder, "fits", text, ROOM), 7);
	assert_string_equal(text, "1234567");
	/* Larger: its beginning. */
	assert_int_equal(text_file_read(folder, "not", text, ROOM), -EFBIG);
	assert_string_equal(text, "1234567");
	assert_int_equal(text_file_read(folder, "fits", text, 1), -EFBIG);
	assert_string_equal(text, "");
	close(folder);
	tree_remove(root);
}

static void test_what_is_no_file(void **state)
{
	char root[TREE_BYTES], text[ROOM] = "old";
	int folder;

	(void)state;
	tree_make(root);
	folder = open(root, O_RDONLY | O_DIRECTORY);
	assert_true(folder >= 0);
	assert_int_equal(text_file_read(folder, "none", text, ROOM), -ENOENT);
	assert_string_equal(text, "");
	strcpy(text, "old");
	assert_int_equal(text_file_read(folder, ".", text, ROOM), -EISDIR);
	assert_string_equal(text, "");
	/* A pipe that nobody writes to is not waited for. */
	assert_int_equal(mkfifoat(folder, "pipe", 0600), 0);
	assert_int_equal(text_file_read(folder, "pipe", text, ROOM), 0);
	close(folder);
	tree_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_what_is_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
