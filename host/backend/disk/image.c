/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/backend/disk/image.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/backend/disk/layer.h"

static int raw_create(int fd, const struct image_options *options,
		      struct lis_error *err)
{
	int ret = ftruncate(fd, (off_t)options->size_bytes) == 0 ? 0 : -errno;

	if (ret == 0 && options->fixed)
		ret = -posix_fallocate(fd, 0, (off_t)options->size_bytes);
	if (ret < 0)
		return lis_error_set(err, -ret, "cannot make %s: %s",
				     options->path, strerror(-ret));
	return 0;
}

/* A new file's name is durable when its folder is. */
static int folder_sync(const char *path)
{
	char *copy = strdup(path);
	int fd, ret;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd < 0)
		return -errno;
	/* Some file systems cannot do that, and need not. */
	ret = fsync(fd) == 0 || errno == EINVAL ? 0 : -errno;
	close(fd);
	return ret;
}

static int options_check(const struct image_options *options,
			 enum disk_format format, struct lis_error *err)
{
	u32 sector_bytes = options->sector_bytes ? options->sector_bytes : 512;

	if (format == DISK_FORMAT_NBD)
		return lis_error_set(err, ENOTSUP,
				     "cannot make an image on an NBD server");
	if (options->parent && format != DISK_FORMAT_VHDX)
		return lis_error_set(err, EINVAL,
				     "cannot make %s with a parent: only a "
				     "VHDX has one",
				     options->path);
	if (!options->parent &&
	    (options->size_bytes == 0 || options->size_bytes % sector_bytes ||
	     options->size_bytes > DISK_SIZE_BYTES_MAX))
		return lis_error_set(err, EINVAL,
				     "cannot make %s: a disk's size is a "
				     "multiple of %u bytes, up to 64 TiB",
				     options->path, sector_bytes);
	return 0;
}

int image_create(const struct image_options *options, struct lis_error *err)
{
	enum disk_format format =
		disk_format_of(options->format, options->path);
	int ret = options_check(options, format, err);
	int fd;

	if (ret < 0)
		return ret;
	fd = open(options->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return lis_error_set(err, errno, "cannot make %s: %s",
				     options->path, strerror(errno));
	if (format == DISK_FORMAT_VHDX)
		ret = vhdx_create(fd, options, err);
	else if (format == DISK_FORMAT_VHD)
		ret = vhd_create(fd, options, err);
	else
		ret = raw_create(fd, options, err);
	if (ret == 0 && (fsync(fd) != 0 || folder_sync(options->path) != 0))
		ret = lis_error_set(err, errno, "cannot write %s: %s",
				    options->path, strerror(errno));
	close(fd);
	if (ret < 0)
		unlink(options->path);
	return ret;
}

int image_check(const char *path, enum disk_format format, bool repair,
		struct image_check *check, struct lis_error *err)
{
	struct disk_options options = {
		.path = path,
		.format = format,
		.read_only = !repair,
		.cache = DISK_CACHE_BUFFERED,
	};
	struct disk_info info;
	struct disk *disk;
	struct stat st;
	int ret = disk_open(&disk, &options, err);

	if (ret < 0)
		return ret;
	memset(check, 0, sizeof(*check));
	disk_info_get(disk, &info);
	check->size_bytes = info.size_bytes;
	if (stat(path, &st) == 0)
		check->file_bytes = (u64)st.st_size;
	if (info.format == DISK_FORMAT_VHDX)
		vhdx_count(disk_bottom(disk), check);
	else if (info.format == DISK_FORMAT_VHD)
		vhd_count(disk_bottom(disk), check);
	disk_close(disk);
	return 0;
}
