/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Pool files: what others find in them, and what others leave in them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "folder.h"
#include "guest/lisd/file.h"
#include "guest/lisd/kvp/pool.h"

#define NAME "/pool"

struct rig {
	struct lisd_env env;
	struct pool pool;
	char path[LISD_PATH_BYTES];
};

static int set_up(void **state)
{
	static struct rig rig;

	memset(&rig, 0, sizeof(rig));
	folder_make(&rig.env);
	pool_init(&rig.pool, lisd_path(&rig.env, rig.path, NAME), 0644);
	*state = &rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	pool_close(&rig->pool);
	folder_drop(&rig->env);
	return 0;
}

static char *record_make(const char *key, const char *value)
{
	static char record[POOL_RECORD_BYTES];

	memset(record, 0, sizeof(record));
	strcpy(record, key);
	strcpy(record + POOL_KEY_BYTES, value);
	return record;
}

static void file_append(const char *path, const void *data, size_t bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, bytes), bytes);
	close(fd);
}

static size_t file_bytes(const char *path, char *data, size_t room)
{
	int fd = open(path, O_RDONLY);
	ssize_t got;

	assert_true(fd >= 0);
	got = read(fd, data, room);
	close(fd);
	assert_true(got >= 0);
	return (size_t)got;
}

static void assert_value(struct pool *pool, const char *key, const char *wanted)
{
	const char *value = NULL;

	assert_int_equal(pool_get(pool, key, &value), POOL_OK);
	assert_string_equal(value, wanted);
}

/* "Uninitialised heap reaches a world-readable file." */
static void test_nothing_uninitialised_in_the_file(void **state)
{
	struct rig *rig = *state;
	static char data[3 * POOL_RECORD_BYTES];
	char *noise = malloc(100000);
	size_t i;

	assert_non_null(noise);
	memset(noise, 0x5a, 100000);
	free(noise);
	assert_int_equal(pool_set(&rig->pool, "a key", "a value"), POOL_OK);
	assert_int_equal(pool_set(&rig->pool, "k", "longer value"), POOL_OK);
	/* A shorter value leaves nothing of the longer. */
	assert_int_equal(pool_set(&rig->pool, "k", "v"), POOL_OK);
	assert_int_equal(file_bytes(rig->path, data, sizeof(data)),
			 2 * POOL_RECORD_BYTES);
	assert_memory_equal(data, record_make("a key", "a value"),
			    POOL_RECORD_BYTES);
	assert_memory_equal(data + POOL_RECORD_BYTES, record_make("k", "v"),
			    POOL_RECORD_BYTES);
	for (i = 2; i < POOL_KEY_BYTES; i++)
		assert_int_equal(data[POOL_RECORD_BYTES + i], 0);
}

static void test_set_get_remove(void **state)
{
	struct rig *rig = *state;
	const char *key, *value;

	assert_int_equal(pool_get(&rig->pool, "none", &value), POOL_NONE);
	assert_int_equal(pool_remove(&rig->pool, "none"), POOL_NONE);
	assert_int_equal(pool_set(&rig->pool, "a", "1"), POOL_OK);
	assert_int_equal(pool_set(&rig->pool, "b", "2"), POOL_OK);
	assert_int_equal(pool_set(&rig->pool, "a", "3"), POOL_OK);
	assert_value(&rig->pool, "a", "3");
	assert_int_equal(pool_at(&rig->pool, 1, &key, &value), POOL_OK);
	assert_string_equal(key, "b");
	assert_int_equal(pool_at(&rig->pool, 2, &key, &value), POOL_NONE);
	assert_int_equal(pool_at(&rig->pool, UINT32_MAX, &key, &value),
			 POOL_NONE);
	assert_int_equal(pool_remove(&rig->pool, "a"), POOL_OK);
	assert_int_equal(pool_get(&rig->pool, "a", &value), POOL_NONE);
}

static void test_limits(void **state)
{
	struct rig *rig = *state;
	char key[POOL_KEY_BYTES + 1], value[POOL_VALUE_BYTES + 1];

	memset(key, 'k', sizeof(key));
	memset(value, 'v', sizeof(value));
	key[POOL_KEY_BYTES] = value[POOL_VALUE_BYTES] = '\0';
	assert_int_equal(pool_set(&rig->pool, key, "v"), POOL_ERROR);
	assert_int_equal(pool_set(&rig->pool, "k", value), POOL_ERROR);
	assert_int_equal(pool_set(&rig->pool, "", "v"), POOL_ERROR);
	key[POOL_KEY_BYTES - 1] = value[POOL_VALUE_BYTES - 1] = '\0';
	assert_int_equal(pool_set(&rig->pool, key, value), POOL_OK);
	assert_value(&rig->pool, key, value);
}

/* "Every operation rereads the file", but one that changed it is seen. */
static void test_another_writer_is_seen(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(pool_set(&rig->pool, "a", "1"), POOL_OK);
	file_append(rig->path, record_make("b", "2"), POOL_RECORD_BYTES);
	assert_value(&rig->pool, "b", "2");
	assert_int_equal(pool_set(&rig->pool, "a", "3"), POOL_OK);
	assert_value(&rig->pool, "b", "2");
}

/* Who opened the file before it was replaced appends to the old one. */
static void test_late_append_is_kept(void **state)
{
	struct rig *rig = *state;
	int fd;

	assert_int_equal(pool_set(&rig->pool, "a", "1"), POOL_OK);
	fd = open(rig->path, O_WRONLY | O_APPEND);
	assert_true(fd >= 0);
	assert_int_equal(pool_set(&rig->pool, "b", "2"), POOL_OK);
	assert_int_equal(write(fd, record_make("late", "3"), POOL_RECORD_BYTES),
			 POOL_RECORD_BYTES);
	close(fd);
	assert_value(&rig->pool, "late", "3");
	pool_close(&rig->pool);
	pool_init(&rig->pool, rig->path, 0644);
	assert_value(&rig->pool, "late", "3");
	assert_value(&rig->pool, "b", "2");
}

/* "A torn or truncated file from elsewhere is repaired." */
static void test_torn_file_is_repaired(void **state)
{
	struct rig *rig = *state;
	static char data[8 * POOL_RECORD_BYTES], full[POOL_RECORD_BYTES];

	memset(full, 'x', sizeof(full));
	file_append(rig->path, record_make("a", "1"), POOL_RECORD_BYTES);
	file_append(rig->path, full, sizeof(full)); /* no terminators */
	file_append(rig->path, record_make("", "2"), POOL_RECORD_BYTES);
	file_append(rig->path, record_make("b", "2"), POOL_RECORD_BYTES);
	file_append(rig->path, record_make("torn", "3"), 700);
	assert_int_equal(pool_check(&rig->pool), POOL_OK);
	assert_int_equal(file_bytes(rig->path, data, sizeof(data)),
			 2 * POOL_RECORD_BYTES);
	assert_memory_equal(data, record_make("a", "1"), POOL_RECORD_BYTES);
	assert_memory_equal(data + POOL_RECORD_BYTES, record_make("b", "2"),
			    POOL_RECORD_BYTES);
}

static void test_not_text_is_kept_but_not_shown(void **state)
{
	struct rig *rig = *state;
	const char *key, *value;

	file_append(rig->path, record_make("\xff\xfe", "1"), POOL_RECORD_BYTES);
	file_append(rig->path, record_make("b", "2"), POOL_RECORD_BYTES);
	assert_int_equal(pool_at(&rig->pool, 0, &key, &value), POOL_OK);
	assert_string_equal(key, "b");
	assert_int_equal(pool_at(&rig->pool, 1, &key, &value), POOL_NONE);
	assert_int_equal(pool_set(&rig->pool, "c", "3"), POOL_OK);
	assert_memory_equal(folder_read(&rig->env, NAME), "\xff\xfe", 3);
}

static void test_permissions(void **state)
{
	struct rig *rig = *state;
	struct stat status;

	file_append(rig->path, record_make("a", "1"), POOL_RECORD_BYTES);
	rig->pool.mode = 0600;
	umask(0);
	assert_int_equal(pool_check(&rig->pool), POOL_OK);
	assert_int_equal(stat(rig->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(pool_set(&rig->pool, "b", "2"), POOL_OK);
	assert_int_equal(stat(rig->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

/*
 * "POSIX locks on pool files are lost by an inner open and close." Another
 * process holds the lock, changes the file a little later, and lets go.
 */
static void locked_by_another(struct rig *rig, bool by_fcntl)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int ends[2], status, fd;
	char byte;
	pid_t pid;

	assert_int_equal(pool_set(&rig->pool, "a", "1"), POOL_OK);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		fd = open(rig->path, O_RDWR | O_APPEND);
		if (by_fcntl ? fcntl(fd, F_SETLK, &all)
			     : flock(fd, LOCK_EX | LOCK_NB))
			_exit(1);
		(void)!write(ends[1], "", 1);
		usleep(300000);
		(void)!write(fd, record_make("other", "2"), POOL_RECORD_BYTES);
		_exit(0);
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(pool_set(&rig->pool, "b", "3"), POOL_OK);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(ends[0]);
	close(ends[1]);
	/* Whoever did not wait would have lost one of these. */
	assert_value(&rig->pool, "other", "2");
	assert_value(&rig->pool, "b", "3");
}

static void test_waits_for_flock(void **state)
{
	locked_by_another(*state, false);
}

static void test_waits_for_fcntl_lock(void **state)
{
	locked_by_another(*state, true);
}

/* "Files are rewritten in place without rename or fsync." */
static void test_killed_at_any_moment(void **state)
{
	struct rig *rig = *state;
	static char data[4 * POOL_RECORD_BYTES];
	size_t bytes;
	int turn, status;
	pid_t pid;

	assert_int_equal(pool_set(&rig->pool, "a", "1"), POOL_OK);
	for (turn = 0; turn < 60; turn++) {
		pid = fork();
		if (!pid) {
			for (;;) {
				pool_set(&rig->pool, "b", "2");
				pool_remove(&rig->pool, "b");
			}
		}
		usleep((useconds_t)(1000 + turn * 137));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		bytes = file_bytes(rig->path, data, sizeof(data));
		assert_true(bytes == POOL_RECORD_BYTES ||
			    bytes == 2 * POOL_RECORD_BYTES);
		assert_memory_equal(data, record_make("a", "1"),
				    POOL_RECORD_BYTES);
		if (bytes > POOL_RECORD_BYTES)
			assert_memory_equal(data + POOL_RECORD_BYTES,
					    record_make("b", "2"),
					    POOL_RECORD_BYTES);
	}
}

/* A disk that is full leaves the old file, and the caller is told. */
static void test_no_room(void **state)
{
	struct rig *rig = *state;
	struct rlimit old, less = { .rlim_cur = POOL_RECORD_BYTES,
				    .rlim_max = RLIM_INFINITY };
	char temporary[LISD_PATH_BYTES + 8];

	assert_int_equal(pool_set(&rig->pool, "a", "1"), POOL_OK);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	less.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
	assert_int_not_equal(pool_set(&rig->pool, "b", "2"), POOL_OK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_value(&rig->pool, "a", "1");
	snprintf(temporary, sizeof(temporary), "%s.lisd~", rig->path);
	assert_int_not_equal(access(temporary, F_OK), 0);
	assert_int_equal(pool_set(&rig->pool, "b", "2"), POOL_OK);
}

static void test_bounded(void **state)
{
	struct rig *rig = *state;
	char key[16];
	FILE *stream = fopen(rig->path, "w");
	int i;

	assert_non_null(stream);
	for (i = 0; i < POOL_RECORDS_MAX; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		fwrite(record_make(key, "v"), POOL_RECORD_BYTES, 1, stream);
	}
	fclose(stream);
	assert_int_equal(pool_set(&rig->pool, "one more", "v"), POOL_FULL);
	assert_int_equal(pool_set(&rig->pool, "key 7", "w"), POOL_OK);
	assert_value(&rig->pool, "key 7", "w");
}

static void test_not_a_file(void **state)
{
	struct rig *rig = *state;
	const char *value;

	assert_int_equal(symlink("/etc/passwd", rig->path), 0);
	assert_int_equal(pool_get(&rig->pool, "a", &value), POOL_ERROR);
	assert_int_not_equal(pool_set(&rig->pool, "a", "1"), POOL_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_uninitialised_in_the_file),
		TEST(test_set_get_remove),
		TEST(test_limits),
		TEST(test_another_writer_is_seen),
		TEST(test_late_append_is_kept),
		TEST(test_torn_file_is_repaired),
		TEST(test_not_text_is_kept_but_not_shown),
		TEST(test_permissions),
		TEST(test_waits_for_flock),
		TEST(test_waits_for_fcntl_lock),
		TEST(test_killed_at_any_moment),
		TEST(test_no_room),
		TEST(test_bounded),
		TEST(test_not_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
