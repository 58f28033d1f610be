/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/image_copy.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/cli/cli.h"

#define BUFFER_BYTES (1u << 20)
/* What has only zeros is left out in parts of this size. */
#define PART_BYTES (64u << 10)

int image_copy_begin(struct image_copy *copy, bool show)
{
	memset(copy, 0, sizeof(*copy));
	copy->buffer = aligned_alloc(4096, BUFFER_BYTES);
	if (!copy->buffer)
		return -ENOMEM;
	copy->signal_fd = cli_signal_fd();
	progress_begin(&copy->progress, show);
	return 0;
}

void image_copy_end(struct image_copy *copy)
{
	progress_end(&copy->progress);
	close(copy->signal_fd);
	free(copy->buffer);
}

static bool interrupted(const struct image_copy *copy)
{
	struct pollfd fd = { .fd = copy->signal_fd, .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

static bool is_zero(const char *data, u64 bytes)
{
	return data[0] == 0 && memcmp(data, data + 1, bytes - 1) == 0;
}

/* Not every file system tells where a file's holes are. */
static int piece_copy(struct image_copy *copy, u64 offset, u64 bytes)
{
	char *data = copy->buffer;
	int ret;

	if (interrupted(copy))
		return -EINTR;
	ret = disk_transfer(copy->from, DISK_READ, 0, offset, data, bytes);
	for (u64 at = 0, part; ret == 0 && at < bytes; at += part) {
		part = bytes - at < PART_BYTES ? bytes - at : PART_BYTES;
		if (!is_zero(data + at, part))
			ret = disk_transfer(copy->to, DISK_WRITE, 0,
					    offset + at, data + at, part);
	}
	return ret;
}

/* What has no data reads as zeros in a new image already. */
static int extent_copy(void *context, u64 offset, u64 bytes, bool data)
{
	struct image_copy *copy = context;
	int ret = 0;

	while (ret == 0 && bytes) {
		u64 part = data && bytes > BUFFER_BYTES ? BUFFER_BYTES : bytes;

		if (data)
			ret = piece_copy(copy, offset, part);
		offset += part;
		bytes -= part;
		copy->done_bytes += part;
		progress_draw(&copy->progress, copy->done_bytes,
			      copy->total_bytes);
	}
	return ret;
}

static int image_fill(struct image_copy *copy, struct disk *from,
		      const struct image_options *image, struct lis_error *err)
{
	struct disk_options options = { .path = image->path,
					.format = image->format,
					.sector_bytes = image->sector_bytes };
	struct disk *to;
	int ret = disk_open(&to, &options, err);

	if (ret < 0)
		return ret;
	ret = disk_queue_open(&copy->to, to, err);
	if (ret == 0) {
		ret = disk_extents(from, 0, image->size_bytes, extent_copy,
				   copy);
		if (ret == 0)
			ret = disk_transfer(copy->to, DISK_FLUSH, 0, 0, NULL,
					    0);
		if (ret < 0)
			lis_error_set(
				err, -ret, "cannot copy to %s: %s", image->path,
				ret == -EINTR ? "interrupted" : strerror(-ret));
		disk_queue_close(copy->to);
	}
	disk_close(to);
	return ret;
}

static int source_open(struct disk **disk, const char *source,
		       enum disk_format format, struct lis_error *err)
{
	struct disk_options options = { .path = source,
					.format = format,
					.read_only = true };

	return disk_open(disk, &options, err);
}

int image_copy_size(const char *source, enum disk_format format,
		    uint64_t *size_bytes, struct lis_error *err)
{
	struct disk_info info;
	struct disk *disk;
	int ret = source_open(&disk, source, format, err);

	if (ret < 0)
		return ret;
	disk_info_get(disk, &info);
	*size_bytes = info.size_bytes;
	disk_close(disk);
	return 0;
}

int image_copy(struct image_copy *copy, const char *source,
	       enum disk_format format, const struct image_options *options,
	       struct lis_error *err)
{
	struct image_options image = *options;
	struct disk_info info;
	struct disk *from;
	int ret = source_open(&from, source, format, err);

	if (ret < 0)
		return ret;
	disk_info_get(from, &info);
	image.size_bytes = info.size_bytes;
	image.sector_bytes = info.sector_bytes;
	image.physical_sector_bytes = info.physical_sector_bytes;
	ret = disk_queue_open(&copy->from, from, err);
	if (ret == 0) {
		ret = image_create(&image, err);
		if (ret == 0) {
			ret = image_fill(copy, from, &image, err);
			if (ret < 0)
				unlink(image.path);
		}
		disk_queue_close(copy->from);
	}
	disk_close(from);
	return ret;
}
