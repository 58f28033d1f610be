// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Freezing and thawing with every failure, and the watchdog, over file systems
 * that are bytes of shared memory.
 */
#define _GNU_SOURCE
#include "tests/unit/guest/vss/world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/lisd/vss/note.h"
#include "tests/unit/guest/lisd/sanitized.h"

#define LONG_MS 600000

static void test_order(void **state)
{
	int i;

	(void)state;
	world_begin();
	assert_int_equal(freezer_freeze(&freezer, LONG_MS, NULL, 0), 0);
	assert_int_equal(frozen_count(), SYSTEMS);
	assert_int_equal(freezer_thaw(&freezer), 0);
	assert_int_equal(world->steps, SYSTEMS * 2);
	for (i = 0; i < SYSTEMS; i++) {
		assert_int_equal(world->order[i], SYSTEMS - i);
		assert_int_equal(world->order[SYSTEMS + i], -(i + 1));
	}
	/* Again: nothing is left to do. */
	assert_int_equal(freezer_thaw(&freezer), 0);
	assert_int_equal(world->steps, SYSTEMS * 2);
}

/* The 1st, 2nd, ... refuses: nothing stays frozen, and the reason is told. */
static void test_a_file_system_that_refuses(void **state)
{
	int at;

	(void)state;
	for (at = 1; at <= SYSTEMS; at++) {
		world_begin();
		world->fail_at = at;
		world->error = EIO;
		assert_int_equal(freezer_freeze(&freezer, LONG_MS, NULL, 0),
				 EIO);
		assert_non_null(freezer.failed);
		assert_int_equal(frozen_count(), 0);
		assert_int_equal(world->steps, (at - 1) * 2);
	}
}

/* What cannot be frozen, and what another holds, is passed over. */
static void test_passed_over(void **state)
{
	(void)state;
	world_begin();
	world->fail_at = 3;
	world->error = EOPNOTSUPP;
	world->frozen[0] = 1; /* somebody else's */
	assert_int_equal(freezer_freeze(&freezer, LONG_MS, NULL, 0), 0);
	assert_int_equal(frozen_count(), SYSTEMS - 1);
	assert_int_equal(freezer_thaw(&freezer), 0);
	assert_int_equal(frozen_count(), 1);
	assert_int_equal(world->frozen[0], 1);
}

/* Killed between freeze and thaw, also when only some were frozen. */
static void test_daemon_killed(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	world_begin();
	pid = fork();
	if (!pid) {
		freezer_freeze(&freezer, LONG_MS, NULL, 0);
		pause();
		_exit(0);
	}
	while (frozen_count() < SYSTEMS)
		moment();
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	wait_thawed();
}

static void test_daemon_killed_half_way(void **state)
{
	pid_t pid;
	int i;

	(void)state;
	world_begin();
	world->hang = true;
	pid = fork();
	if (!pid) {
		freezer_freeze(&freezer, LONG_MS, NULL, 0);
		_exit(0);
	}
	/* Held while it is being frozen: the last one added. */
	while (!port_load_acquire(&freezer.shared->held[SYSTEMS - 1]))
		moment();
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (i = 0; world->hang && i < TRY_LIMIT_S * 1000; i++)
		moment();
	assert_false(world->hang);
	wait_thawed();
}

/* Stopped by a signal, it neither runs nor dies: the limit thaws. */
static void test_daemon_hangs(void **state)
{
	pid_t pid;

	(void)state;
	world_begin();
	pid = fork();
	if (!pid) {
		freezer_freeze(&freezer, 2000, NULL, 0);
		raise(SIGSTOP);
		_exit(freezer_thaw(&freezer) == ETIMEDOUT ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	wait_thawed();
	while (!freezer_expired(&freezer))
		moment();
	kill(pid, SIGCONT);
	int status = 1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_limit(void **state)
{
	(void)state;
	world_begin();
	assert_int_equal(freezer_freeze(&freezer, 1, NULL, 0) % ETIMEDOUT, 0);
	wait_thawed();
	freezer_thaw(&freezer);
	/* Another freeze does not inherit it. */
	world_begin();
	assert_int_equal(freezer_freeze(&freezer, LONG_MS, NULL, 0), 0);
	assert_int_equal(freezer_thaw(&freezer), 0);
}

/* A freeze that hangs is cut short by the limit, and is told as such. */
static void test_freeze_that_exceeds_the_limit(void **state)
{
	(void)state;
	world_begin();
	world->hang = true;
	assert_int_equal(freezer_freeze(&freezer, 100, NULL, 0), ETIMEDOUT);
	assert_int_equal(frozen_count(), 0);
}

/* The watchdog holds no device open: it can be opened anew at once. */
static void test_closed(void **state)
{
	int ends[2];
	char byte;

	(void)state;
	world_begin();
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(freezer_freeze(&freezer, LONG_MS, &ends[1], 1), 0);
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	assert_int_equal(freezer_thaw(&freezer), 0);
	close(ends[0]);
}

static void test_many(void **state)
{
	int i;

	(void)state;
	world_begin();
	for (i = SYSTEMS; i < FREEZER_TARGETS_MAX; i++)
		assert_int_equal(freezer_add(&freezer, fds[0], "/b"), 0);
	assert_int_equal(freezer_add(&freezer, fds[0], "/b"), EMFILE);
}

/* From the first freeze to the last thaw all memory is there already. */
static void test_no_page_is_missing(void **state)
{
	u8 *fresh;

	(void)state;
	if (SANITIZED) /* its mlockall() does nothing */
		skip();
	world_begin();
	assert_int_equal(freezer_freeze(&freezer, LONG_MS, NULL, 0), 0);
	note_write(LOG_LEVEL_ERROR, "%s", "a line");
	assert_int_equal(freezer_thaw(&freezer), 0);
	assert_int_equal(world->steps, SYSTEMS * 2);
	assert_int_equal(world->faults_last, world->faults_first);
	/* Were there any, they would be counted. */
	fresh = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(fresh, MAP_FAILED);
	world_begin();
	assert_int_equal(freezer.calls->freeze(fds[0]), 0);
	fresh[1 << 19] = 1;
	assert_int_equal(freezer.calls->thaw(fds[0]), 0);
	assert_true(world->faults_last > world->faults_first);
	munmap(fresh, 1 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_a_file_system_that_refuses),
		cmocka_unit_test(test_passed_over),
		cmocka_unit_test(test_daemon_killed),
		cmocka_unit_test(test_daemon_killed_half_way),
		cmocka_unit_test(test_daemon_hangs),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_freeze_that_exceeds_the_limit),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_no_page_is_missing),
	};

	return cmocka_run_group_tests(tests, world_setup, NULL);
}
