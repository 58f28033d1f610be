// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * What is left when a daemon and its watchdog are killed at once, and who comes
 * next.
 */
#define _GNU_SOURCE
#include "tests/unit/guest/tools/tree.h"
#include "tests/unit/guest/vss/world.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/lisd/vss/record.h"

#define LONG_MS 600000

/* A file system in memory, as /run is. */
static char path[64];

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/dev/shm/lis-record-%d", (int)getpid());
	unlink(path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

/* Freezes everything in a process of its own, which holds it until killed. */
static pid_t holder_start(void)
{
	struct record record;
	pid_t pid = fork();

	if (pid)
		return pid;
	if (record_make(&record, path))
		_exit(1);
	freezer_share(&freezer, record.shared);
	if (freezer_freeze(&freezer, LONG_MS, NULL, 0))
		_exit(1);
	world->watchdog = freezer.watchdog;
	pause();
	_exit(0);
}

static void holder_wait(pid_t pid)
{
	while (!port_load_acquire(&world->watchdog)) {
		assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
		moment();
	}
}

/* Neither has the time to do anything about the other's end. */
static void kill_both(pid_t pid)
{
	kill(world->watchdog, SIGSTOP);
	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	kill(world->watchdog, SIGKILL);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	while (!kill(world->watchdog, 0) && errno != ESRCH)
		moment();
}

static void test_daemon_and_watchdog_killed_at_once(void **state)
{
	struct record left;
	int i, steps;
	pid_t pid;

	(void)state;
	world_begin();
	world->frozen[3] = 1; /* somebody else's */
	pid = holder_start();
	holder_wait(pid);
	kill_both(pid);
	/* Nobody is there who could thaw. */
	assert_int_equal(frozen_count(), SYSTEMS);
	/* The next process finds all, and leaves alone what is another's. */
	world_targets();
	steps = world->steps;
	assert_int_equal(record_left(&left, path), 0);
	assert_int_equal(freezer_recover(&freezer, left.shared), SYSTEMS - 1);
	assert_int_equal(frozen_count(), 1);
	assert_int_equal(world->frozen[3], 1);
	for (i = 0; i < SYSTEMS - 1; i++)
		assert_int_equal(world->order[steps + i],
				 -(i < 3 ? i + 1 : i + 2));
	assert_int_equal(freezer.count, 0);
	/* Once: then there is nothing to be thawed any more. */
	world->frozen[5] = 1;
	world_targets();
	assert_int_equal(freezer_recover(&freezer, left.shared), 0);
	assert_int_equal(world->frozen[5], 1);
	record_drop(&left, path);
	assert_int_equal(access(path, F_OK), -1);
}

/* Killed in the midst of freezing: what was frozen by then is known. */
static void test_killed_half_way(void **state)
{
	struct record left, record;

	(void)state;
	world_begin();
	assert_int_equal(record_make(&record, path), 0);
	freezer_share(&freezer, record.shared);
	assert_int_equal(freezer_freeze(&freezer, LONG_MS, NULL, 0), 0);
	/* As it is when the first five were not frozen yet. */
	memset(record.shared->held, FREEZER_FREE, 5);
	record.shared->held[5] = FREEZER_FREEZING;
	left = record;
	world_targets();
	assert_int_equal(freezer_recover(&freezer, left.shared), 5);
	record_drop(&record, path);
}

/* A daemon that lives is not taken from. */
static void test_a_daemon_that_lives(void **state)
{
	struct record other;
	pid_t pid;
	int error;

	(void)state;
	world_begin();
	pid = holder_start();
	holder_wait(pid);
	error = record_left(&other, path);
	assert_true(error == EAGAIN || error == EACCES);
	assert_int_equal(record_make(&other, path), EEXIST);
	assert_int_equal(frozen_count(), SYSTEMS);
	/* Its watchdog lives: it is that which thaws. */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	wait_thawed();
	assert_int_equal(record_left(&other, path), 0);
	record_drop(&other, path);
}

/* What is none, or on a file system that can freeze, is not used. */
static void test_no_record(void **state)
{
	char root[TREE_BYTES], file[128];
	struct record record;
	struct statfs status;

	(void)state;
	assert_int_equal(record_left(&record, path), ENOENT);
	assert_int_equal(record_make(&record, path), 0);
	assert_int_equal(truncate(path, 7), 0);
	record_drop(&record, "/nonexistent");
	assert_int_equal(record_left(&record, path), EINVAL);
	unlink(path);
	tree_make(root);
	tree_link(root, "link", "/dev/null");
	snprintf(file, sizeof(file), "%s/link", root);
	assert_int_equal(record_left(&record, file), ELOOP);
	assert_int_equal(record_make(&record, file), EEXIST);
	snprintf(file, sizeof(file), "%s/record", root);
	assert_int_equal(statfs(root, &status), 0);
	if (status.f_type != TMPFS_MAGIC && status.f_type != RAMFS_MAGIC) {
		assert_int_equal(record_make(&record, file), ENOTSUP);
		assert_int_equal(access(file, F_OK), -1);
	}
	tree_remove(root);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_daemon_and_watchdog_killed_at_once),
		TEST(test_killed_half_way),
		TEST(test_a_daemon_that_lives),
		TEST(test_no_record),
	};

	return cmocka_run_group_tests(tests, world_setup, NULL);
}
