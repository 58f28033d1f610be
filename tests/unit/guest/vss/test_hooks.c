// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Hooks before a freeze and after a thaw: order, failure, time, trust. */
#define _GNU_SOURCE
#include "tests/unit/guest/tools/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/lisd/vss/hooks.h"

#define LONG_MS 60000

static void hook(const char *root, const char *name, const char *more)
{
	char text[512], path[256];

	snprintf(text, sizeof(text), "#!/bin/sh\necho %s $1 >>%s/log\n%s\n",
		 name, root, more);
	snprintf(path, sizeof(path), "hooks/%s", name);
	tree_text(root, path, text);
	snprintf(path, sizeof(path), "%s/hooks/%s", root, name);
	assert_int_equal(chmod(path, 0755), 0);
}

static void assert_log(const char *root, const char *expected)
{
	char path[256], text[512] = "";
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "%s/log", root);
	fd = open(path, O_RDONLY);
	size = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	assert_true(size >= 0);
	text[size] = '\0';
	assert_string_equal(text, expected);
	if (fd >= 0)
		close(fd);
	unlink(path);
}

static void folder_of(const char *root, char *folder)
{
	snprintf(folder, 128, "%s/hooks", root);
}

static void test_order_and_names(void **state)
{
	char root[TREE_BYTES], folder[128];
	struct hooks_answer answer;

	(void)state;
	tree_make(root);
	folder_of(root, folder);
	/* No folder, no hooks. */
	hooks_step_run(folder, LONG_MS, HOOKS_FREEZE, &answer);
	assert_int_equal(answer.error, 0);
	hook(root, "20-b", "");
	hook(root, "10-a", "");
	hook(root, "10-a.dpkg-old", "");
	hook(root, "10-a~", "");
	tree_text(root, "hooks/readme", "no program");
	hooks_step_run(folder, LONG_MS, HOOKS_FREEZE, &answer);
	assert_int_equal(answer.error, 0);
	assert_log(root, "10-a freeze\n20-b freeze\n");
	hooks_step_run(folder, LONG_MS, HOOKS_THAW, &answer);
	assert_int_equal(answer.error, 0);
	assert_log(root, "20-b thaw\n10-a thaw\n");
	tree_remove(root);
}

static void test_failure(void **state)
{
	char root[TREE_BYTES], folder[128];
	struct hooks_answer answer;

	(void)state;
	tree_make(root);
	folder_of(root, folder);
	hook(root, "a", "");
	hook(root, "b", "[ $1 = thaw ]");
	hook(root, "c", "");
	hooks_step_run(folder, LONG_MS, HOOKS_FREEZE, &answer);
	assert_int_equal(answer.error, ECANCELED);
	assert_non_null(strstr(answer.text, "'b freeze' failed (status 1)"));
	/* What was prepared is undone, what was not is left alone. */
	assert_log(root, "a freeze\nb freeze\nb thaw\na thaw\n");
	hook(root, "b", "kill -9 $$");
	hooks_step_run(folder, LONG_MS, HOOKS_THAW, &answer);
	assert_int_equal(answer.error, ECANCELED);
	assert_non_null(strstr(answer.text, "signal 9"));
	assert_log(root, "c thaw\nb thaw\na thaw\n");
	tree_remove(root);
}

static void test_time_limit(void **state)
{
	char root[TREE_BYTES], folder[128];
	struct hooks_answer answer;

	(void)state;
	tree_make(root);
	folder_of(root, folder);
	hook(root, "slow", "[ $1 = thaw ] || sleep 1000");
	hooks_step_run(folder, 300, HOOKS_FREEZE, &answer);
	assert_int_equal(answer.error, ETIMEDOUT);
	assert_non_null(strstr(answer.text, "slow freeze"));
	tree_remove(root);
}

static void test_trust(void **state)
{
	char root[TREE_BYTES], folder[128], path[256];
	struct hooks_answer answer;

	(void)state;
	tree_make(root);
	folder_of(root, folder);
	hook(root, "a", "");
	snprintf(path, sizeof(path), "%s/a", folder);
	assert_int_equal(chmod(path, 0777), 0);
	hooks_step_run(folder, LONG_MS, HOOKS_FREEZE, &answer);
	assert_int_equal(answer.error, EACCES);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(chmod(folder, 0777), 0);
	hooks_step_run(folder, LONG_MS, HOOKS_FREEZE, &answer);
	assert_int_equal(answer.error, EACCES);
	assert_log(root, "");
	tree_remove(root);
}

/* The daemon dies after the freeze hooks ran: they are undone. */
static void test_daemon_gone(void **state)
{
	char root[TREE_BYTES], folder[128], log[128];
	struct hooks_answer answer;
	struct stat status;
	int fd, i;

	(void)state;
	tree_make(root);
	folder_of(root, folder);
	snprintf(log, sizeof(log), "%s/log", root);
	hook(root, "a", "");
	fd = hooks_start(folder, LONG_MS);
	assert_true(fd >= 0);
	assert_int_equal(send(fd, "f", 1, 0), 1);
	assert_int_equal(read(fd, &answer, sizeof(answer)), sizeof(answer));
	assert_int_equal(answer.error, 0);
	close(fd);
	for (i = 0; i < 60000; i++) {
		if (!stat(log, &status) &&
		    status.st_size == (off_t)strlen("a freeze\na thaw\n"))
			break;
		usleep(1000);
	}
	assert_log(root, "a freeze\na thaw\n");
	tree_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_names),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_time_limit),
		cmocka_unit_test(test_trust),
		cmocka_unit_test(test_daemon_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
