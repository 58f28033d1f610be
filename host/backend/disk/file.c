/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Opening files and devices, and the blocking operations.
 */
#define _GNU_SOURCE
#include "host/backend/disk/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define LOCK_TRIES  50
#define LOCK_TRY_MS 20

/* Whether a limit in the device's queue is not 0. */
static bool queue_limit(dev_t device, const char *name)
{
	char path[128];
	unsigned long long value = 0;
	FILE *stream;

	/* A partition has its queue one folder further up. */
	for (int up = 0; up < 2 && value == 0; up++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%squeue/%s",
			 major(device), minor(device), up ? "../" : "", name);
		stream = fopen(path, "re");
		if (!stream)
			continue;
		if (fscanf(stream, "%llu", &value) != 1)
			value = 0;
		fclose(stream);
	}
	return value != 0;
}

static int device_probe(struct file *file, const struct stat *st,
			struct lis_error *err)
{
	int sector_bytes = 0;

	if (ioctl(file->fd, BLKGETSIZE64, &file->room_bytes) != 0 ||
	    ioctl(file->fd, BLKSSZGET, &sector_bytes) != 0)
		return lis_error_set(err, errno,
				     "cannot ask block device %s for its size: "
				     "%s",
				     file->path, strerror(errno));
	file->is_device = true;
	file->sector_bytes = (u32)sector_bytes;
	file->can_punch = queue_limit(st->st_rdev, "write_zeroes_max_bytes");
	return 0;
}

/* Punching where nothing is changes nothing, and shows whether it works. */
static void regular_probe(struct file *file, const struct stat *st)
{
	file->sector_bytes = FILE_ALIGNMENT_BYTES;
	if (!file->read_only)
		file->can_punch =
			fallocate(file->fd,
				  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  (st->st_size + 8191) & ~(off_t)4095,
				  4096) == 0;
}

static int probe(struct file *file, struct lis_error *err)
{
	struct stat st;

	if (fstat(file->fd, &st) != 0)
		return lis_error_set(err, errno, "cannot look at %s: %s",
				     file->path, strerror(errno));
	file->memory_alignment_bytes = 1;
	if (S_ISBLK(st.st_mode))
		return device_probe(file, &st, err);
	if (!S_ISREG(st.st_mode))
		return lis_error_set(err, EINVAL,
				     "cannot use %s as a disk: it is neither a "
				     "file nor a block device",
				     file->path);
	regular_probe(file, &st);
	return 0;
}

/*
 * A process that was killed lets go only when its last transfers are done,
 * somewhat after its end.
 */
static bool lock_wait(const struct file *file)
{
	int how = (file->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB;

	for (int i = 0; i < LOCK_TRIES; i++) {
		/* Some network file systems have no locks. */
		if (flock(file->fd, how) == 0 || errno != EWOULDBLOCK)
			return true;
		usleep(LOCK_TRY_MS * 1000);
	}
	return false;
}

static int lock(struct file *file, struct lis_error *err)
{
	if (lock_wait(file))
		return 0;
	return lis_error_set(err, EBUSY,
			     "cannot open %s%s: another process has it open; "
			     "see who with \"fuser %s\"",
			     file->path, file->read_only ? "" : " for writing",
			     file->path);
}

int file_open(struct file *file, const char *path, bool read_only,
	      struct lis_error *err)
{
	int ret;

	memset(file, 0, sizeof(*file));
	file->read_only = read_only;
	file->path = strdup(path);
	if (!file->path)
		return lis_error_set(err, ENOMEM, "out of memory");
	/* A FIFO would block until somebody writes. Transfers must not fail for
	 * having to wait, though: the flag goes once it is open. */
	file->fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC |
				      O_NONBLOCK | O_NOCTTY);
	if (file->fd < 0) {
		ret = lis_error_set(err, errno, "cannot open disk %s%s: %s",
				    path, read_only ? "" : " for writing",
				    strerror(errno));
		free(file->path);
		return ret;
	}
	fcntl(file->fd, F_SETFL, 0);
	ret = probe(file, err);
	if (ret == 0)
		ret = lock(file, err);
	if (ret < 0)
		file_close(file);
	return ret;
}

void file_close(struct file *file)
{
	close(file->fd);
	free(file->path);
}

/* The alignments that direct I/O asks for here; false: it is not known. */
static bool alignment_ask(const struct file *file, u32 *memory_bytes,
			  u32 *offset_bytes)
{
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (statx(file->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
	    (stx.stx_mask & STATX_DIOALIGN)) {
		*memory_bytes = stx.stx_dio_mem_align;
		*offset_bytes = stx.stx_dio_offset_align;
		return *memory_bytes && *offset_bytes;
	}
#endif
	if (!file->is_device)
		return false;
	*memory_bytes = file->sector_bytes;
	*offset_bytes = file->sector_bytes;
	return true;
}

/* Asks by trying: a read at an odd sector. */
static bool alignment_try(const struct file *file, u32 bytes)
{
	void *buffer =
		aligned_alloc(FILE_ALIGNMENT_BYTES, FILE_ALIGNMENT_BYTES);
	ssize_t n;

	if (!buffer)
		return false;
	n = pread(file->fd, buffer, bytes, bytes);
	free(buffer);
	return n >= 0;
}

bool file_use_direct(struct file *file, u32 sector_bytes)
{
	int flags = fcntl(file->fd, F_GETFL);
	u32 memory_bytes = sector_bytes, offset_bytes = sector_bytes;
	bool known;

	if (flags < 0 || fcntl(file->fd, F_SETFL, flags | O_DIRECT) != 0)
		return false;
	known = alignment_ask(file, &memory_bytes, &offset_bytes);
	if ((known && offset_bytes > sector_bytes) ||
	    !alignment_try(file, sector_bytes)) {
		fcntl(file->fd, F_SETFL, flags);
		return false;
	}
	file->direct = true;
	file->memory_alignment_bytes = memory_bytes;
	return true;
}

int file_size(const struct file *file, u64 *size_bytes)
{
	struct stat st;

	if (file->is_device) {
		*size_bytes = file->room_bytes;
		return 0;
	}
	if (fstat(file->fd, &st) != 0)
		return -errno;
	*size_bytes = (u64)st.st_size;
	return 0;
}

/* Reads aligned pieces into an aligned buffer; zeros past the end. */
static int pread_all(const struct file *file, char *buffer, u64 size_bytes,
		     u64 offset_bytes)
{
	u64 moved = 0;

	while (moved < size_bytes) {
		ssize_t n = pread(file->fd, buffer + moved, size_bytes - moved,
				  (off_t)(offset_bytes + moved));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0 || (file->direct && n % 512 != 0)) {
			moved += (u64)n;
			break;
		}
		moved += (u64)n;
	}
	memset(buffer + moved, 0, size_bytes - moved);
	return 0;
}

int file_pread(const struct file *file, void *buffer, u64 size_bytes,
	       u64 offset_bytes)
{
	u64 first = offset_bytes & ~(u64)(FILE_ALIGNMENT_BYTES - 1);
	u64 bytes = offset_bytes + size_bytes - first;
	char *bounce;
	int ret;

	if (!file->direct)
		return pread_all(file, buffer, size_bytes, offset_bytes);
	bytes = (bytes + FILE_ALIGNMENT_BYTES - 1) &
		~(u64)(FILE_ALIGNMENT_BYTES - 1);
	bounce = aligned_alloc(FILE_ALIGNMENT_BYTES, bytes);
	if (!bounce)
		return -ENOMEM;
	ret = pread_all(file, bounce, bytes, first);
	if (ret == 0)
		memcpy(buffer, bounce + (offset_bytes - first), size_bytes);
	free(bounce);
	return ret;
}

static int pwrite_all(const struct file *file, const char *buffer,
		      u64 size_bytes, u64 offset_bytes)
{
	u64 moved = 0;

	while (moved < size_bytes) {
		ssize_t n = pwrite(file->fd, buffer + moved, size_bytes - moved,
				   (off_t)(offset_bytes + moved));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		moved += (u64)n;
	}
	return 0;
}

static int hook_begin(enum file_kind kind, u64 offset_bytes, u64 size_bytes,
		      const void *buffer, u64 *cookie)
{
	struct iovec iov = { (void *)buffer, size_bytes };

	*cookie = 0;
	return file_hook ? file_hook->begin(file_hook, kind, offset_bytes,
					    size_bytes, buffer ? &iov : NULL,
					    buffer ? 1 : 0, cookie)
			 : 0;
}

static int hook_end(enum file_kind kind, u64 cookie, int ret)
{
	if (file_hook)
		file_hook->end(file_hook, kind, false, cookie, ret);
	return ret;
}

static int pwrite_any(const struct file *file, const void *buffer,
		      u64 size_bytes, u64 offset_bytes)
{
	void *bounce;
	int ret;

	if (!file->direct || (uintptr_t)buffer % FILE_ALIGNMENT_BYTES == 0)
		return pwrite_all(file, buffer, size_bytes, offset_bytes);
	bounce = aligned_alloc(FILE_ALIGNMENT_BYTES, size_bytes);
	if (!bounce)
		return -ENOMEM;
	memcpy(bounce, buffer, size_bytes);
	ret = pwrite_all(file, bounce, size_bytes, offset_bytes);
	free(bounce);
	return ret;
}

int file_pwrite(const struct file *file, const void *buffer, u64 size_bytes,
		u64 offset_bytes)
{
	u64 cookie;
	int ret = hook_begin(FILE_WRITE, offset_bytes, size_bytes, buffer,
			     &cookie);

	if (ret == 0)
		ret = pwrite_any(file, buffer, size_bytes, offset_bytes);
	return hook_end(FILE_WRITE, cookie, ret);
}

static int pzero(const struct file *file, u64 size_bytes, u64 offset_bytes)
{
	static const u8 zeros[65536]
		__attribute__((aligned(FILE_ALIGNMENT_BYTES)));
	int ret = 0;

	if (size_bytes == 0 ||
	    fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)offset_bytes, (off_t)size_bytes) == 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOSYS && errno != ENODEV)
		return -errno;
	while (size_bytes && ret == 0) {
		u64 bytes =
			size_bytes < sizeof(zeros) ? size_bytes : sizeof(zeros);

		ret = pwrite_any(file, zeros, bytes, offset_bytes);
		offset_bytes += bytes;
		size_bytes -= bytes;
	}
	return ret;
}

int file_pzero(const struct file *file, u64 size_bytes, u64 offset_bytes)
{
	u64 cookie;
	int ret =
		hook_begin(FILE_PUNCH, offset_bytes, size_bytes, NULL, &cookie);

	if (ret == 0)
		ret = pzero(file, size_bytes, offset_bytes);
	return hook_end(FILE_PUNCH, cookie, ret);
}

int file_sync_result(struct file *file, int error)
{
	/* What was cancelled was not begun. */
	if (error < 0 && error != -ECANCELED && !file->direct)
		port_store(&file->sync_failed, true);
	return port_load(&file->sync_failed) ? -EIO : error;
}

int file_fdatasync(struct file *file)
{
	u64 cookie;
	int ret = hook_begin(FILE_SYNC, 0, 0, NULL, &cookie);

	if (ret == 0 && fdatasync(file->fd) != 0)
		ret = -errno;
	return hook_end(FILE_SYNC, cookie, file_sync_result(file, ret));
}

int file_truncate(const struct file *file, u64 size_bytes)
{
	u64 cookie;
	int ret = hook_begin(FILE_TRUNCATE, size_bytes, 0, NULL, &cookie);

	if (ret == 0 && ftruncate(file->fd, (off_t)size_bytes) != 0)
		ret = -errno;
	return hook_end(FILE_TRUNCATE, cookie, ret);
}

/* The end of what begins at offset: of data, or of a hole. */
static int extent_end(const struct file *file, u64 offset_bytes, bool *data,
		      u64 *end_bytes)
{
	off_t at = lseek(file->fd, (off_t)offset_bytes, SEEK_DATA);

	if (at < 0 && errno == ENXIO) {
		*data = false;
		*end_bytes = ~0ull;
		return 0;
	}
	/* A device, or a file system that does not know. */
	if (at < 0 && (errno == EINVAL || errno == EOPNOTSUPP)) {
		*data = true;
		*end_bytes = ~0ull;
		return 0;
	}
	if (at < 0)
		return -errno;
	*data = (u64)at == offset_bytes;
	if (*data)
		at = lseek(file->fd, (off_t)offset_bytes, SEEK_HOLE);
	if (at < 0)
		return -errno;
	*end_bytes = (u64)at;
	return 0;
}

int file_extents(const struct file *file, u64 offset_bytes, u64 size_bytes,
		 int (*extent)(void *context, u64 offset_bytes, u64 size_bytes,
			       bool data),
		 void *context)
{
	u64 end = offset_bytes + size_bytes;

	while (offset_bytes < end) {
		bool data = true;
		u64 until = end;
		int ret = 0;

		if (!file->is_device)
			ret = extent_end(file, offset_bytes, &data, &until);
		if (until > end)
			until = end;
		if (ret == 0)
			ret = extent(context, offset_bytes,
				     until - offset_bytes, data);
		if (ret != 0)
			return ret;
		offset_bytes = until;
	}
	return 0;
}
