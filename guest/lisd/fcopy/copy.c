/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/fcopy/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "guest/lisd/fcopy/folder.h"
#include "guest/lisd/log.h"

/* As the daemons of the Linux kernel's tools/hv make files. */
#define FILE_MODE  0744
#define NAME_TRIES 16
/*
 * What was written goes to the disk in windows of this size while the next one
 * comes in: at the end, when the host waits for an answer, little is left.
 */
#define WINDOW_BYTES (8ull << 20)

static u32 status_of(int error)
{
	switch (error) {
	case 0:
		return IC_S_OK;
	case EEXIST:
		return IC_E_FILE_EXISTS;
	case ENOENT:
	case ENOTDIR:
		return IC_E_PATH_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EISDIR:
	case ELOOP:
		return IC_E_ACCESS_DENIED;
	case EROFS:
		return IC_E_WRITE_PROTECTED;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return IC_E_DISK_FULL;
	case ENAMETOOLONG:
		return IC_E_NAME_TOO_LONG;
	case EBUSY:
	case ETXTBSY:
		return IC_E_SHARING_VIOLATION;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return IC_E_OUT_OF_MEMORY;
	case EINVAL:
		return IC_E_INVALID_ARGUMENT;
	default:
		return IC_E_WRITE_FAULT;
	}
}

bool copy_init(struct copy *copy, const char *allowed)
{
	memset(copy, 0, sizeof(*copy));
	copy->record = copy->folder = copy->fd = -1;
	copy->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (copy->root < 0 || strlen(allowed) >= sizeof(copy->allowed))
		return false;
	memcpy(copy->allowed, allowed, strlen(allowed) + 1);
	return true;
}

/* ---- names that a killed daemon leaves behind ---- */

void copy_record(struct copy *copy, int fd)
{
	char path[PATH_MAX];
	ssize_t size = pread(fd, path, sizeof(path) - 1, 0);
	const char *name;

	copy->record = fd;
	if (size <= 0)
		return;
	path[size] = '\0';
	name = strrchr(path, '/');
	if (name && !strncmp(name + 1, ".lis-", 5) && !unlink(path))
		log_notice("file copy: removed %s, which was not complete",
			   path);
	(void)!ftruncate(fd, 0);
}

static void record_write(const struct copy *copy)
{
	char link[40], path[PATH_MAX];
	ssize_t size = 0;

	if (copy->record < 0)
		return;
	(void)!ftruncate(copy->record, 0);
	if (!copy->temp[0])
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", copy->folder);
	size = readlink(link, path, sizeof(path) - sizeof(copy->temp) - 1);
	if (size <= 0)
		return;
	path[size++] = '/';
	memcpy(path + size, copy->temp, strlen(copy->temp) + 1);
	(void)!pwrite(copy->record, path, strlen(path), 0);
}

static void temp_drop(struct copy *copy)
{
	if (!copy->temp[0])
		return;
	unlinkat(copy->folder, copy->temp, 0);
	copy->temp[0] = '\0';
	record_write(copy);
}

static bool temp_choose(struct copy *copy)
{
	u64 number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return false;
	snprintf(copy->temp, sizeof(copy->temp), ".lis-%08x%08x",
		 (u32)(number >> 32), (u32)number);
	return true;
}

void copy_cancel(struct copy *copy)
{
	if (copy->fd >= 0)
		close(copy->fd);
	if (copy->folder >= 0)
		temp_drop(copy);
	if (copy->folder >= 0)
		close(copy->folder);
	copy->fd = copy->folder = -1;
	copy->open = false;
}

/* A name for the log, which is no place for what a host makes up. */
static const char *shown(const char *name)
{
	static char text[128];
	size_t i;

	for (i = 0; i < sizeof(text) - 1 && name[i]; i++) {
		text[i] = name[i];
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			text[i] = '?';
	}
	text[i] = '\0';
	return text;
}

/* ---- start ---- */

/* A file without a name; where there are none, one with a name of ours. */
static int file_make(struct copy *copy)
{
	int tries;

	copy->temp[0] = '\0';
	copy->fd =
		openat(copy->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (copy->fd >= 0)
		return 0;
	/* EISDIR: a kernel that does not know the flag. */
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
		return errno;
	for (tries = 0; tries < NAME_TRIES; tries++) {
		if (!temp_choose(copy))
			return EIO;
		/* Before it is made: a kill can come at any time. */
		record_write(copy);
		copy->fd = openat(copy->folder, copy->temp,
				  O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
					  O_CLOEXEC,
				  0600);
		if (copy->fd >= 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	copy->temp[0] = '\0';
	return errno;
}

static int target_check(const struct copy *copy)
{
	struct stat status;

	if (fstatat(copy->folder, copy->name, &status, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : errno;
	if (!copy->overwrite)
		return EEXIST;
	/* A folder, device or pipe is not what anybody wants replaced. */
	return S_ISREG(status.st_mode) || S_ISLNK(status.st_mode) ? 0 : EACCES;
}

static int space_check(const struct copy *copy)
{
	struct statvfs status;

	if (fstatvfs(copy->fd, &status))
		return errno;
	/* Some file systems do not say how large they are. */
	if (!status.f_blocks || !status.f_frsize || !copy->size_bytes)
		return 0;
	return (copy->size_bytes - 1) / status.f_frsize >= status.f_bavail
		       ? ENOSPC
		       : 0;
}

static int start(struct copy *copy, const struct fcopy_request *request)
{
	const struct folder_rules rules = { copy->root, copy->owner,
					    copy->allowed };
	int error;

	memcpy(copy->name, request->name, sizeof(copy->name));
	copy->overwrite = request->flags & FCOPY_OVERWRITE;
	copy->size_bytes = request->size_bytes;
	copy->received_bytes = copy->end_bytes = copy->flushed_bytes = 0;
	copy->folder = folder_open(&rules, request->folder,
				   request->flags & FCOPY_CREATE_PATH);
	if (copy->folder < 0) {
		error = -copy->folder;
		copy->folder = -1;
		return error;
	}
	error = target_check(copy);
	if (!error)
		error = file_make(copy);
	if (!error)
		error = space_check(copy);
	return error;
}

static u32 serve_start(struct copy *copy, const struct fcopy_request *request)
{
	int error;

	copy_cancel(copy);
	error = start(copy, request);
	if (error) {
		log_notice("file copy: %s is refused: %s", shown(request->name),
			   strerror(error));
		copy_cancel(copy);
		return status_of(error);
	}
	copy->open = true;
	log_debug("file copy: %s begins", shown(copy->name));
	return IC_S_OK;
}

/* ---- data ---- */

static bool is_zero(const u8 *data, u32 size_bytes)
{
	return !size_bytes ||
	       (!data[0] && !memcmp(data, data + 1, size_bytes - 1));
}

static int write_whole(int fd, const u8 *data, u32 size_bytes, u64 offset)
{
	ssize_t count;

	while (size_bytes) {
		count = pwrite(fd, data, size_bytes, (off_t)offset);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return count ? errno : ENOSPC;
		data += count;
		offset += (u64)count;
		size_bytes -= (u32)count;
	}
	return 0;
}

/*
 * Have the disk begin with the windows that are full, and be done with the one
 * before. That is for speed only: finish() is what sees errors.
 */
static void write_back(struct copy *copy)
{
	u64 begin = copy->flushed_bytes;
	u64 end = copy->end_bytes - copy->end_bytes % WINDOW_BYTES;

	if (end <= begin)
		return;
	if (begin)
		(void)sync_file_range(copy->fd, (off_t)(begin - WINDOW_BYTES),
				      (off_t)WINDOW_BYTES,
				      SYNC_FILE_RANGE_WAIT_BEFORE |
					      SYNC_FILE_RANGE_WRITE |
					      SYNC_FILE_RANGE_WAIT_AFTER);
	(void)sync_file_range(copy->fd, (off_t)begin, (off_t)(end - begin),
			      SYNC_FILE_RANGE_WRITE);
	copy->flushed_bytes = end;
}

static u32 serve_data(struct copy *copy, const struct fcopy_request *request)
{
	u32 size_bytes = request->data_bytes;
	int error;

	if (!copy->open)
		return IC_E_INVALID_HANDLE;
	if (request->offset > copy->size_bytes ||
	    size_bytes > copy->size_bytes - request->offset)
		return IC_E_INVALID_ARGUMENT;
	/* What is zero and was never written stays a hole. */
	if (request->offset < copy->end_bytes ||
	    !is_zero(request->data, size_bytes)) {
		error = write_whole(copy->fd, request->data, size_bytes,
				    request->offset);
		if (error) {
			log_notice("file copy: %s: %s", shown(copy->name),
				   strerror(error));
			copy_cancel(copy);
			return status_of(error);
		}
	}
	if (request->offset + size_bytes > copy->end_bytes)
		copy->end_bytes = request->offset + size_bytes;
	copy->received_bytes += size_bytes;
	write_back(copy);
	return IC_S_OK;
}

/* ---- the end ---- */

/* What is replaced keeps its owner and its permissions. */
static int attributes_set(const struct copy *copy)
{
	mode_t mode = FILE_MODE;
	struct stat old;

	if (copy->overwrite &&
	    !fstatat(copy->folder, copy->name, &old, AT_SYMLINK_NOFOLLOW) &&
	    S_ISREG(old.st_mode)) {
		/* Never set-user-id: its content is another's now. */
		mode = old.st_mode & 0777;
		if (fchown(copy->fd, old.st_uid, old.st_gid))
			return errno;
	}
	return fchmod(copy->fd, mode) ? errno : 0;
}

/* Give the file a name, unless something of that name is there. */
static int name_give(const struct copy *copy, const char *name)
{
	if (!copy->temp[0])
		return linkat(copy->fd, "", copy->folder, name, AT_EMPTY_PATH)
			       ? errno
			       : 0;
	return linkat(copy->folder, copy->temp, copy->folder, name, 0) ? errno
								       : 0;
}

static int name_replace(struct copy *copy)
{
	bool named = copy->temp[0];
	int error;

	if (!named) {
		if (!temp_choose(copy))
			return EIO;
		record_write(copy);
		error = linkat(copy->fd, "", copy->folder, copy->temp,
			       AT_EMPTY_PATH)
				? errno
				: 0;
		if (error) {
			copy->temp[0] = '\0';
			return error;
		}
	}
	if (renameat(copy->folder, copy->temp, copy->folder, copy->name))
		return errno;
	copy->temp[0] = '\0';
	record_write(copy);
	return 0;
}

/* File systems without hard links: take the name if it is free. */
static int name_take(struct copy *copy)
{
	int fd = openat(copy->folder, copy->name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);

	if (fd < 0)
		return errno;
	close(fd);
	return name_replace(copy);
}

/* The name, once the file has it, is to survive a crash as well. */
static void folder_flush(const struct copy *copy)
{
	int fd = openat(copy->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Some file systems cannot, and need not. */
	(void)fsync(fd);
	close(fd);
}

static int name_set(struct copy *copy)
{
	int error;

	if (copy->overwrite)
		return name_replace(copy);
	error = name_give(copy, copy->name);
	if (copy->temp[0] && (error == EPERM || error == EOPNOTSUPP))
		error = name_take(copy);
	return error;
}

/*
 * The content is on the disk before anybody can see it, so that a crash leaves
 * all of the file or none; that it has its name is there before the host hears.
 */
static int finish(struct copy *copy)
{
	int error;

	if (copy->received_bytes < copy->size_bytes)
		return EINVAL;
	if (ftruncate(copy->fd, (off_t)copy->size_bytes))
		return errno;
	error = attributes_set(copy);
	if (!error && fsync(copy->fd))
		error = errno;
	if (!error)
		error = name_set(copy);
	if (!error)
		folder_flush(copy);
	return error;
}

static u32 serve_complete(struct copy *copy)
{
	int error;

	if (!copy->open)
		return IC_E_INVALID_HANDLE;
	error = finish(copy);
	if (error)
		log_notice("file copy: %s cannot be completed: %s",
			   shown(copy->name), strerror(error));
	else
		log_info("file copy: %s, %llu bytes", shown(copy->name),
			 (unsigned long long)copy->size_bytes);
	copy_cancel(copy);
	return status_of(error);
}

u32 copy_serve(struct copy *copy, const struct fcopy_request *request)
{
	switch (request->operation) {
	case FCOPY_OPERATION_START:
		return serve_start(copy, request);
	case FCOPY_OPERATION_DATA:
		return serve_data(copy, request);
	case FCOPY_OPERATION_COMPLETE:
		return serve_complete(copy);
	case FCOPY_OPERATION_CANCEL:
		if (copy->open)
			log_info("file copy: %s was cancelled",
				 shown(copy->name));
		copy_cancel(copy);
		return IC_S_OK;
	default:
		return IC_E_NOT_SUPPORTED;
	}
}
