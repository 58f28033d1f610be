// SPDX-License-Identifier: MIT OR GPL-2.0-only
#define _GNU_SOURCE
#include "guest/lisd/vss/record.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define RECORD_BYTES sizeof(struct freezer_shared)

/* A lock of this process: the watchdog and the hooks do not inherit it. */
static int lock(int fd)
{
	const struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLK, &whole);
}

static int map(struct record *record)
{
	void *memory = mmap(NULL, RECORD_BYTES, PROT_READ | PROT_WRITE,
			    MAP_SHARED, record->fd, 0);

	if (memory == MAP_FAILED)
		return errno;
	record->shared = memory;
	return 0;
}

static int left_check(int fd)
{
	struct stat status;

	if (fstat(fd, &status))
		return errno;
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
	    status.st_size != (off_t)RECORD_BYTES)
		return EINVAL;
	return lock(fd) ? errno : 0;
}

int record_left(struct record *record, const char *path)
{
	int error;

	record->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (record->fd < 0)
		return errno;
	error = left_check(record->fd);
	if (!error)
		error = map(record);
	if (error)
		close(record->fd);
	return error;
}

static bool in_memory(int fd)
{
	struct statfs status;

	return !fstatfs(fd, &status) &&
	       (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

int record_make(struct record *record, const char *path)
{
	int error = 0;

	record->fd = open(
		path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (record->fd < 0)
		return errno;
	if (!in_memory(record->fd))
		error = ENOTSUP;
	else if (lock(record->fd))
		error = errno;
	else
		/* A page that is missing later would be the daemon's end. */
		error = posix_fallocate(record->fd, 0, (off_t)RECORD_BYTES);
	if (!error)
		error = map(record);
	if (!error)
		return 0;
	unlink(path);
	close(record->fd);
	return error;
}

void record_drop(struct record *record, const char *path)
{
	unlink(path);
	munmap(record->shared, RECORD_BYTES);
	close(record->fd);
}
