/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/kvp/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guest/lisd/file.h"
#include "guest/lisd/log.h"
#include "services/ic/utf16.h"

/* Others hold the lock for a write; who holds it longer hangs. */
#define LOCK_TRIES    50
#define LOCK_PAUSE_US 100000
/* Written by one call: a call for each record costs more than the copying. */
#define RECORDS_AT_ONCE 32
#define RECORD_PARTS	4

struct pool_item {
	u32 key_bytes; /* terminators included */
	u32 value_bytes;
	bool hidden; /* not UTF-8: kept in the file, never shown */
	char text[]; /* the key, then the value */
};

void pool_init(struct pool *pool, const char *path, mode_t mode)
{
	memset(pool, 0, sizeof(*pool));
	snprintf(pool->path, sizeof(pool->path), "%s", path);
	pool->mode = mode;
	pool->replaced_fd = -1;
}

static void pool_forget(struct pool *pool)
{
	u32 i;

	for (i = 0; i < pool->count; i++)
		free(pool->items[i]);
	pool->count = 0;
	pool->known = false;
}

void pool_close(struct pool *pool)
{
	pool_forget(pool);
	free(pool->items);
	if (pool->replaced_fd >= 0)
		close(pool->replaced_fd);
	pool_init(pool, "", 0);
}

static const char *item_value(const struct pool_item *item)
{
	return item->text + item->key_bytes;
}

static bool text_valid(const char *text)
{
	static u8 units[POOL_VALUE_BYTES * 2];

	return utf16_from_utf8(units, POOL_VALUE_BYTES, NULL, text) == UTF16_OK;
}

static struct pool_item *item_new(const char *key, const char *value)
{
	size_t key_bytes = strlen(key) + 1, value_bytes = strlen(value) + 1;
	struct pool_item *item =
		malloc(sizeof(*item) + key_bytes + value_bytes);

	if (!item)
		return NULL;
	item->key_bytes = (u32)key_bytes;
	item->value_bytes = (u32)value_bytes;
	memcpy(item->text, key, key_bytes);
	memcpy(item->text + key_bytes, value, value_bytes);
	item->hidden = !text_valid(key) || !text_valid(value);
	return item;
}

static enum pool_status pool_append(struct pool *pool, const char *key,
				    const char *value)
{
	struct pool_item **items, *item;

	if (pool->count == POOL_RECORDS_MAX)
		return POOL_FULL;
	if (pool->count == pool->room) {
		u32 room = pool->room ? pool->room * 2 : 16;

		items = realloc(pool->items, room * sizeof(struct pool_item *));
		if (!items)
			return POOL_FULL;
		pool->items = items;
		pool->room = room;
	}
	item = item_new(key, value);
	if (!item)
		return POOL_FULL;
	pool->items[pool->count++] = item;
	return POOL_OK;
}

static enum pool_status status_of(int error)
{
	switch (error) {
	case 0:
		return POOL_OK;
	case -ENOSPC:
	case -EDQUOT:
	case -ENOMEM:
		return POOL_FULL;
	case -EROFS:
	case -EACCES:
	case -EPERM:
		return POOL_READONLY;
	default:
		return POOL_ERROR;
	}
}

/* Reads whole records; counts those that are torn. */
static int records_read(struct pool *pool, int fd, off_t from, u32 *torn)
{
	static char record[POOL_RECORD_BYTES];
	ssize_t got;

	for (;; from += POOL_RECORD_BYTES) {
		got = pread(fd, record, sizeof(record), from);
		if (got < 0)
			return -errno;
		if (!got)
			return 0;
		if (got < POOL_RECORD_BYTES || !*record ||
		    !memchr(record, 0, POOL_KEY_BYTES) ||
		    !memchr(record + POOL_KEY_BYTES, 0, POOL_VALUE_BYTES)) {
			(*torn)++;
			if (got < POOL_RECORD_BYTES)
				return 0;
			continue;
		}
		if (pool_append(pool, record, record + POOL_KEY_BYTES))
			return -EFBIG;
	}
}

/* A record's four parts: what is not text is zeros, of one place for all. */
static void record_gather(const struct pool_item *item, struct iovec *parts)
{
	static const char zeros[POOL_VALUE_BYTES];
	char *none = (char *)zeros;

	parts[0] = (struct iovec){ (char *)item->text, item->key_bytes };
	parts[1] = (struct iovec){ none, POOL_KEY_BYTES - item->key_bytes };
	parts[2] =
		(struct iovec){ (char *)item_value(item), item->value_bytes };
	parts[3] = (struct iovec){ none, POOL_VALUE_BYTES - item->value_bytes };
}

static int records_write(const struct pool *pool, struct file_new *file)
{
	struct iovec parts[RECORDS_AT_ONCE * RECORD_PARTS];
	int error = 0, used = 0;
	u32 i;

	for (i = 0; i < pool->count && !error; i++) {
		record_gather(pool->items[i], parts + used);
		used += RECORD_PARTS;
		if (used < (int)PORT_ARRAY_SIZE(parts) && i + 1 < pool->count)
			continue;
		error = file_add_parts(file, parts, used);
		used = 0;
	}
	return error;
}

/* Both kinds of lock that others take, on the file that now has the name. */
static int lock_try(int fd)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (flock(fd, LOCK_EX | LOCK_NB))
		return -errno;
	/* A file that was opened for reading only cannot be locked so. */
	if (fcntl(fd, F_OFD_SETLK, &all) && errno != EBADF) {
		int error = -errno;

		flock(fd, LOCK_UN);
		return error;
	}
	return 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/*
 * Opens and locks the file; whoever replaced it while we waited for the lock
 * has us open the new one. Returns the descriptor or -errno.
 */
static int pool_lock(struct pool *pool)
{
	struct stat opened, named;
	int fd, error, tries;

	for (tries = 0; tries < LOCK_TRIES; tries++) {
		fd = open(pool->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			  pool->mode);
		if (fd < 0 &&
		    (errno == EROFS || errno == EACCES || errno == EPERM))
			fd = open(pool->path,
				  O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			return -errno;
		error = lock_try(fd);
		if (!error && !fstat(fd, &opened) &&
		    !stat(pool->path, &named) && same_file(&opened, &named))
			return fd;
		close(fd);
		if (error == -EAGAIN || error == -EACCES)
			usleep(LOCK_PAUSE_US);
		else if (error)
			return error;
	}
	return -EBUSY;
}

static bool pool_unchanged(const struct pool *pool, const struct stat *now)
{
	return pool->known && same_file(&pool->seen, now) &&
	       pool->seen.st_size == now->st_size &&
	       pool->seen.st_mtim.tv_sec == now->st_mtim.tv_sec &&
	       pool->seen.st_mtim.tv_nsec == now->st_mtim.tv_nsec &&
	       pool->seen.st_ctim.tv_sec == now->st_ctim.tv_sec &&
	       pool->seen.st_ctim.tv_nsec == now->st_ctim.tv_nsec;
}

/* What another appended to the file that we replaced: true if anything. */
static bool pool_take_late(struct pool *pool)
{
	off_t from = pool->replaced_bytes;
	struct stat now;
	u32 torn = 0;

	if (pool->replaced_fd < 0 || fstat(pool->replaced_fd, &now) ||
	    now.st_size < from + POOL_RECORD_BYTES)
		return false;
	pool->replaced_bytes +=
		(now.st_size - from) / POOL_RECORD_BYTES * POOL_RECORD_BYTES;
	(void)records_read(pool, pool->replaced_fd, from, &torn);
	return true;
}

/* Replaces the file at @fd, which is locked, by what is remembered. */
static int pool_store(struct pool *pool, int fd)
{
	struct file_new file = { 0 };
	struct stat old;
	int error;

	if (fstat(fd, &old))
		return -errno;
	/* The file before this one: what it took up may be needed now. */
	if (pool->replaced_fd >= 0)
		close(pool->replaced_fd);
	pool->replaced_fd = -1;
	error = file_begin(&file, pool->path, pool->mode);
	if (error)
		return error;
	error = records_write(pool, &file);
	if (error) {
		file_drop(&file);
		return error;
	}
	error = file_end(&file);
	if (error)
		return error;
	pool->replaced_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	pool->replaced_bytes = old.st_size;
	pool->known = !stat(pool->path, &pool->seen);
	return 0;
}

/* Brings what is remembered up to date. Returns 0 or -errno. */
static int pool_load(struct pool *pool, int fd, u32 *torn)
{
	struct stat now;
	int error;

	*torn = 0;
	if (fstat(fd, &now))
		return -errno;
	if (!S_ISREG(now.st_mode))
		return -EINVAL;
	if (!pool_unchanged(pool, &now)) {
		pool_forget(pool);
		error = records_read(pool, fd, 0, torn);
		if (error) {
			log_error("%s: cannot be read: %s", pool->path,
				  error == -EFBIG ? "it has too many records"
						  : strerror(-error));
			return error;
		}
		pool->seen = now;
		pool->known = true;
	}
	if (pool_take_late(pool)) {
		error = pool_store(pool, fd);
		if (error)
			pool->known = false;
	}
	return 0;
}

/* Locked and up to date: a descriptor to close, which unlocks, or -errno. */
static int pool_enter(struct pool *pool, u32 *torn)
{
	int fd = pool_lock(pool), error;

	if (fd < 0) {
		log_error("%s: cannot be locked: %s", pool->path,
			  strerror(-fd));
		return fd;
	}
	error = pool_load(pool, fd, torn);
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

/* The locks are of the open file, which pool_store() keeps. */
static void pool_leave(int fd)
{
	struct flock all = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	(void)fcntl(fd, F_OFD_SETLK, &all);
	flock(fd, LOCK_UN);
	close(fd);
}

enum pool_status pool_check(struct pool *pool)
{
	int fd, error = 0;
	struct stat now;
	u32 torn;

	fd = pool_enter(pool, &torn);
	if (fd < 0)
		return status_of(fd);
	if (torn) {
		error = pool_store(pool, fd);
		log_warning("%s: %u torn records dropped, %u kept%s%s",
			    pool->path, torn, pool->count,
			    error ? "; not written back: " : "",
			    error ? strerror(-error) : "");
	} else if (!fstat(fd, &now) && (now.st_mode & 0777) != pool->mode) {
		error = fchmod(fd, pool->mode) ? -errno : 0;
		pool->known = false;
	}
	pool_leave(fd);
	return status_of(error);
}

enum pool_status pool_get(struct pool *pool, const char *key,
			  const char **value)
{
	u32 torn, i;
	int fd = pool_enter(pool, &torn);

	if (fd < 0)
		return POOL_ERROR;
	pool_leave(fd);
	for (i = 0; i < pool->count; i++) {
		if (pool->items[i]->hidden ||
		    strcmp(pool->items[i]->text, key) != 0)
			continue;
		*value = item_value(pool->items[i]);
		return POOL_OK;
	}
	return POOL_NONE;
}

enum pool_status pool_at(struct pool *pool, u32 index, const char **key,
			 const char **value)
{
	u32 torn, i;
	int fd = pool_enter(pool, &torn);

	if (fd < 0)
		return POOL_ERROR;
	pool_leave(fd);
	for (i = 0; i < pool->count; i++) {
		if (pool->items[i]->hidden || index--)
			continue;
		*key = pool->items[i]->text;
		*value = item_value(pool->items[i]);
		return POOL_OK;
	}
	return POOL_NONE;
}

/* After a change that could not be stored, the file is what counts. */
static enum pool_status pool_finish(struct pool *pool, int fd)
{
	int error = pool_store(pool, fd);

	if (error) {
		log_error("%s: cannot be written: %s", pool->path,
			  strerror(-error));
		pool->known = false;
	}
	pool_leave(fd);
	return status_of(error);
}

enum pool_status pool_set(struct pool *pool, const char *key, const char *value)
{
	struct pool_item *item = NULL;
	u32 torn, i;
	int fd;

	if (!*key || strlen(key) >= POOL_KEY_BYTES ||
	    strlen(value) >= POOL_VALUE_BYTES)
		return POOL_ERROR;
	fd = pool_enter(pool, &torn);
	if (fd < 0)
		return status_of(fd);
	for (i = 0; i < pool->count; i++)
		if (!strcmp(pool->items[i]->text, key))
			break;
	if (i < pool->count) {
		item = item_new(key, value);
		if (item) {
			free(pool->items[i]);
			pool->items[i] = item;
		}
	}
	if (i < pool->count ? !item : pool_append(pool, key, value)) {
		pool_leave(fd);
		return POOL_FULL;
	}
	return pool_finish(pool, fd);
}

enum pool_status pool_remove(struct pool *pool, const char *key)
{
	u32 torn, i, kept = 0, count;
	int fd = pool_enter(pool, &torn);

	if (fd < 0)
		return status_of(fd);
	count = pool->count;
	for (i = 0; i < count; i++) {
		if (strcmp(pool->items[i]->text, key) != 0)
			pool->items[kept++] = pool->items[i];
		else
			free(pool->items[i]);
	}
	pool->count = kept;
	if (kept == count) {
		pool_leave(fd);
		return POOL_NONE;
	}
	return pool_finish(pool, fd);
}
