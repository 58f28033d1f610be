/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/common/text_file.h"

bool text_copy(char *out, size_t room, const char *text)
{
	size_t bytes = strlen(text) + 1;

	*out = '\0';
	if (bytes > room)
		return false;
	memcpy(out, text, bytes);
	return true;
}

ssize_t file_read(const char *path, char *text, size_t capacity_bytes)
{
	return text_file_read(AT_FDCWD, path, text, capacity_bytes);
}

static int new_open(const char *name, mode_t mode)
{
	return open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    mode);
}

int file_begin(struct file_new *file, const char *path, mode_t mode)
{
	int used = snprintf(file->path, sizeof(file->path), "%s", path);
	int error;

	if (used <= 0 || (size_t)used >= sizeof(file->path))
		return -ENAMETOOLONG;
	snprintf(file->name, sizeof(file->name), "%s.lisd~", path);
	file->fd = new_open(file->name, mode);
	/* One that an earlier process left behind, whatever it is. */
	if (file->fd < 0 && errno == EEXIST && !unlink(file->name))
		file->fd = new_open(file->name, mode);
	if (file->fd < 0)
		return -errno;
	if (fchmod(file->fd, mode)) {
		error = -errno;
		file_drop(file);
		return error;
	}
	return 0;
}

int file_add(struct file_new *file, const void *data, size_t bytes)
{
	struct iovec part = { (void *)data, bytes };

	return file_add_parts(file, &part, 1);
}

int file_add_parts(struct file_new *file, struct iovec *parts, int count)
{
	ssize_t put;

	while (count) {
		put = writev(file->fd, parts, count);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		for (; count && (size_t)put >= parts->iov_len; parts++, count--)
			put -= (ssize_t)parts->iov_len;
		if (!count)
			break;
		parts->iov_base = (char *)parts->iov_base + put;
		parts->iov_len -= (size_t)put;
	}
	return 0;
}

/* Some file systems cannot sync a folder, and need not. */
static void folder_sync(const char *path)
{
	char folder[sizeof(((struct file_new *)0)->path)], *slash;
	int fd;

	(void)text_copy(folder, sizeof(folder), path);
	slash = strrchr(folder, '/');
	if (!slash)
		return;
	*slash = '\0';
	fd = open(*folder ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

int file_end(struct file_new *file)
{
	int error = 0;

	if (fsync(file->fd) || rename(file->name, file->path))
		error = -errno;
	if (error) {
		file_drop(file);
		return error;
	}
	close(file->fd);
	folder_sync(file->path);
	return 0;
}

void file_drop(struct file_new *file)
{
	close(file->fd);
	unlink(file->name);
}

int file_replace(const char *path, const void *data, size_t bytes, mode_t mode)
{
	struct file_new file = { 0 };
	int error = file_begin(&file, path, mode);

	if (error)
		return error;
	error = file_add(&file, data, bytes);
	if (error) {
		file_drop(&file);
		return error;
	}
	return file_end(&file);
}
