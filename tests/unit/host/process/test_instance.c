/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/control/instance.h"

static char directory[64];
static char path[128];

static int setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/lis-instance-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/vm.sock", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	/* Nothing may be left in it. */
	return rmdir(directory);
}

static bool can_connect(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool connected;

	assert_true(fd >= 0);
	strcpy(address.sun_path, path);
	connected =
		connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	close(fd);
	return connected;
}

static void take(struct instance *instance)
{
	struct lis_error error;

	if (instance_take(instance, directory, "vm", &error))
		fail_msg("%s", error.text);
}

static void test_take_and_release(void **state)
{
	struct instance instance;
	struct stat stat;

	(void)state;
	take(&instance);
	assert_true(can_connect());
	assert_int_equal(lstat(path, &stat), 0);
	assert_true(S_ISSOCK(stat.st_mode));
	assert_int_equal(stat.st_mode & 0777, 0600);
	assert_int_equal(lstat(instance.lock_path, &stat), 0);
	assert_int_equal(stat.st_mode & 0777, 0600);
	instance_release(&instance);
	assert_false(can_connect());
}

/* Whatever the umask is, nobody else gets in. */
static void test_mode_with_open_umask(void **state)
{
	mode_t mask = umask(0);
	struct instance instance;
	struct stat stat;

	(void)state;
	take(&instance);
	assert_int_equal(umask(mask), 0);
	assert_int_equal(lstat(path, &stat), 0);
	assert_int_equal(stat.st_mode & 0777, 0600);
	instance_release(&instance);
}

static void test_taken_name_is_refused(void **state)
{
	struct instance first, second;
	struct lis_error error;
	char pid[32];

	(void)state;
	take(&first);
	snprintf(pid, sizeof(pid), "process %d", getpid());
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			instance_take(&second, directory, "vm", &error),
			-EEXIST);
		assert_non_null(strstr(error.text, pid));
		assert_non_null(strstr(error.text, "'vm'"));
	}
	/* The refused one took nothing away. */
	assert_true(can_connect());
	instance_release(&first);
	take(&second);
	instance_release(&second);
}

static void test_two_names(void **state)
{
	struct instance first, second;
	struct lis_error error;

	(void)state;
	take(&first);
	assert_int_equal(instance_take(&second, directory, "vm2", &error), 0);
	instance_release(&second);
	instance_release(&first);
}

static void test_stale_socket_is_replaced(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct instance instance;

	(void)state;
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	close(fd);
	assert_false(can_connect());
	take(&instance);
	assert_true(can_connect());
	instance_release(&instance);
}

/* What a process leaves that was killed does not block the name. */
static void test_killed_holder(void **state)
{
	struct instance instance;
	int fds[2], status;
	char byte;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		struct lis_error error;

		if (instance_take(&instance, directory, "vm", &error) == 0 &&
		    write(fds[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(fds[0], &byte, 1), 1);
	assert_true(can_connect());
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(can_connect());
	assert_int_equal(access(path, F_OK), 0);
	take(&instance);
	assert_true(can_connect());
	instance_release(&instance);
	close(fds[0]);
	close(fds[1]);
}

/* One of many that race for a name gets it, each time. */
static void test_race(void **state)
{
	enum { RACERS = 6, ROUNDS = 20 };

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		int gate[2], done[2], winners = 0;
		pid_t children[RACERS];

		assert_int_equal(pipe(gate), 0);
		assert_int_equal(pipe(done), 0);
		for (int i = 0; i < RACERS; i++) {
			children[i] = fork();
			if (!children[i]) {
				struct instance instance;
				char byte;

				close(gate[1]);
				close(done[1]);
				if (read(gate[0], &byte, 1) < 0)
					_exit(9);
				if (instance_take(&instance, directory, "vm",
						  NULL))
					_exit(1);
				/* Hold it until all have tried. */
				if (read(done[0], &byte, 1) < 0)
					_exit(9);
				instance_release(&instance);
				_exit(0);
			}
		}
		close(gate[0]);
		close(gate[1]); /* go */
		close(done[0]);
		/* The losers end by themselves. */
		for (int i = 0; i < RACERS - 1; i++) {
			int status;

			assert_true(waitpid(-1, &status, 0) > 0);
			winners += status == 0;
		}
		assert_int_equal(winners, 0);
		close(done[1]);
		for (int i = 0; i < 1; i++) {
			int status;

			assert_true(waitpid(-1, &status, 0) > 0);
			assert_int_equal(status, 0);
		}
	}
}

static void test_path_too_long(void **state)
{
	struct instance instance;
	struct lis_error error;
	char longer[160];

	(void)state;
	memset(longer, 'n', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(instance_take(&instance, directory, longer, &error),
			 -ENAMETOOLONG);
	assert_non_null(strstr(error.text, "LIS_RUNTIME_DIR"));
}

static void test_no_directory(void **state)
{
	struct instance instance;
	struct lis_error error;

	(void)state;
	assert_int_equal(instance_take(&instance, "/nowhere", "vm", &error),
			 -ENOENT);
	assert_non_null(strstr(error.text, "/nowhere/vm.lock"));
}

/* A link where the lock should be is not followed. */
static void test_lock_is_a_link(void **state)
{
	struct instance instance;
	struct lis_error error;
	char lock[128], target[128];

	(void)state;
	snprintf(lock, sizeof(lock), "%s/vm.lock", directory);
	snprintf(target, sizeof(target), "%s/target", directory);
	assert_int_equal(symlink(target, lock), 0);
	assert_int_equal(instance_take(&instance, directory, "vm", &error),
			 -ELOOP);
	assert_int_equal(access(target, F_OK), -1);
	unlink(lock);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_take_and_release),
		TEST(test_mode_with_open_umask),
		TEST(test_taken_name_is_refused),
		TEST(test_two_names),
		TEST(test_stale_socket_is_replaced),
		TEST(test_killed_holder),
		TEST(test_race),
		TEST(test_path_too_long),
		TEST(test_no_directory),
		TEST(test_lock_is_a_link),
	};

	return cmocka_run_group_tests_name("instance", tests, NULL, NULL);
}
