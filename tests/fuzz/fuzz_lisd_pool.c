/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A pool file as anyone may have left it: records stretched from short ones. */
#define _GNU_SOURCE
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/lisd/kvp/pool.h"
#include "lisd_folder.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define STEP 8

/*
 * Each byte pair is a length and a byte to repeat: a file of several records is
 * far more than a fuzzer likes to mutate.
 */
static size_t file_make(const char *path, const u8 *data, size_t size)
{
	static char run[255 * STEP];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	size_t total = 0, i;

	if (fd < 0)
		abort();
	for (i = 0; i + 1 < size && i < 128; i += 2) {
		size_t bytes = (size_t)data[i] * STEP;

		memset(run, data[i + 1], bytes);
		if (write(fd, run, bytes) != (ssize_t)bytes)
			abort();
		total += bytes;
	}
	close(fd);
	return total;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct lisd_env *env = lisd_folder();
	char path[LISD_PATH_BYTES];
	const char *key, *value;
	struct stat status;
	struct pool pool;
	size_t total;
	u32 i = 0;

	total = file_make(lisd_path(env, path, "/pool"), data, size);
	pool_init(&pool, path, 0644);
	assert(pool_check(&pool) == POOL_OK);
	assert(!stat(path, &status));
	assert(status.st_size % POOL_RECORD_BYTES == 0);
	assert((size_t)status.st_size <= total + POOL_RECORD_BYTES);
	while (pool_at(&pool, i, &key, &value) == POOL_OK) {
		assert(*key && strlen(key) < POOL_KEY_BYTES);
		assert(strlen(value) < POOL_VALUE_BYTES);
		i++;
	}
	assert(pool_set(&pool, "key", "value") == POOL_OK);
	assert(pool_get(&pool, "key", &value) == POOL_OK);
	assert(!strcmp(value, "value"));
	assert(pool_remove(&pool, "key") == POOL_OK);
	pool_close(&pool);
	unlink(path);
	return 0;
}
