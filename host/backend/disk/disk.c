/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Opening by format, the queue, and the checks that no layer has to repeat.
 */
#define _GNU_SOURCE
#include "host/backend/disk/layer.h"
#include "host/backend/disk/track.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* One row per format. */
static const struct format {
	enum disk_format format;
	const char *name;
	const char *endings[3]; /* of file names */
	int (*open)(struct disk **disk, const struct disk_options *options,
		    struct lis_error *err);
} formats[] = {
	{ DISK_FORMAT_RAW, "raw", { NULL }, raw_open },
	{ DISK_FORMAT_VHDX, "vhdx", { ".vhdx", ".avhdx" }, vhdx_open },
	{ DISK_FORMAT_VHD, "vhd", { ".vhd" }, vhd_open },
	{ DISK_FORMAT_NBD, "nbd", { NULL }, nbd_disk_open },
};

#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

const char *disk_format_name(enum disk_format format)
{
	for (size_t i = 0; i < FORMAT_COUNT; i++) {
		if (formats[i].format == format)
			return formats[i].name;
	}
	return "auto";
}

bool disk_format_find(const char *name, enum disk_format *format)
{
	for (size_t i = 0; i < FORMAT_COUNT; i++) {
		if (strcmp(formats[i].name, name) == 0) {
			*format = formats[i].format;
			return true;
		}
	}
	if (strcmp(name, "auto") != 0)
		return false;
	*format = DISK_FORMAT_AUTO;
	return true;
}

static bool ends_in(const char *path, const char *ending)
{
	size_t length = strlen(path), ending_length = strlen(ending);

	return length >= ending_length &&
	       strcasecmp(path + length - ending_length, ending) == 0;
}

/*
 * A format is told by the name and never by the contents: a guest could write a
 * header to its raw disk that names any file of the host as its parent.
 */
static bool is_nbd(const char *path)
{
	return strncmp(path, "nbd:", 4) == 0 || strncmp(path, "nbd+", 4) == 0 ||
	       strncmp(path, "nbds:", 5) == 0 || strncmp(path, "nbds+", 5) == 0;
}

static const struct format *format_of(enum disk_format format, const char *path)
{
	if (format == DISK_FORMAT_AUTO && is_nbd(path))
		format = DISK_FORMAT_NBD;
	for (size_t i = 0; i < FORMAT_COUNT; i++) {
		const char *const *endings = formats[i].endings;

		if (format == formats[i].format)
			return &formats[i];
		for (int k = 0; format == DISK_FORMAT_AUTO && endings[k]; k++) {
			if (ends_in(path, endings[k]))
				return &formats[i];
		}
	}
	return &formats[0];
}

enum disk_format disk_format_of(enum disk_format format, const char *path)
{
	return format_of(format, path)->format;
}

static bool sector_valid(u32 sector_bytes)
{
	return sector_bytes == 0 || sector_bytes == 512 || sector_bytes == 4096;
}

int disk_open(struct disk **disk, const struct disk_options *options,
	      struct lis_error *err)
{
	struct disk *opened;
	int ret;

	if (!sector_valid(options->sector_bytes) ||
	    !sector_valid(options->physical_sector_bytes))
		return lis_error_set(err, EINVAL,
				     "cannot open %s: sectors have 512 or 4096 "
				     "bytes",
				     options->path);
	ret = format_of(options->format, options->path)
		      ->open(&opened, options, err);
	if (ret < 0)
		return ret;
	if (options->track)
		ret = track_open(&opened, err);
	if (ret == 0)
		ret = limit_open(&opened, options->iops,
				 options->bytes_per_second, err);
	if (ret < 0)
		disk_close(opened);
	else
		*disk = opened;
	return ret;
}

void disk_close(struct disk *disk)
{
	struct disk *lower = disk->lower;

	disk->class->close(disk);
	if (lower)
		disk_close(lower);
}

void layer_init(struct disk *disk, const struct disk_class *class,
		struct disk *lower)
{
	disk->class = class;
	disk->lower = lower;
	disk_info_get(lower, &disk->info);
}

/* The size is the bottom layer's, who may change it. */
struct disk *disk_bottom(const struct disk *disk)
{
	while (disk->lower)
		disk = disk->lower;
	return (struct disk *)disk;
}

u64 disk_size(const struct disk *disk)
{
	return port_load_acquire(&disk_bottom(disk)->info.size_bytes);
}

void disk_size_set(struct disk *disk, u64 size_bytes)
{
	port_store_release(&disk->info.size_bytes, size_bytes);
}

void disk_info_get(struct disk *disk, struct disk_info *info)
{
	*info = disk->info;
	info->size_bytes = disk_size(disk);
}

int disk_resize(struct disk *disk, u64 size_bytes, struct lis_error *err)
{
	const struct disk_info *info = &disk->info;
	struct disk *layer = disk;
	u64 old_bytes;
	int ret;

	if (size_bytes == 0 || size_bytes % info->sector_bytes ||
	    size_bytes > DISK_SIZE_BYTES_MAX)
		return lis_error_set(err, EINVAL,
				     "cannot resize to %llu bytes: a size is a "
				     "multiple of the sector's %u bytes, up to "
				     "64 TiB",
				     (unsigned long long)size_bytes,
				     info->sector_bytes);
	if (info->read_only)
		return lis_error_set(err, EROFS,
				     "cannot resize a read-only disk");
	while (!layer->class->resize && layer->lower)
		layer = layer->lower;
	if (!layer->class->resize)
		return lis_error_set(err, ENOTSUP, "cannot resize a %s disk",
				     disk_format_name(info->format));
	/* Nothing new is begun past an end that comes nearer. */
	old_bytes = disk_size(layer);
	if (size_bytes < old_bytes)
		disk_size_set(layer, size_bytes);
	ret = layer->class->resize(layer, size_bytes, err);
	disk_size_set(layer, ret == 0 ? size_bytes : old_bytes);
	return ret;
}

int disk_extents(struct disk *disk, u64 offset_bytes, u64 size_bytes,
		 int (*extent)(void *context, u64 offset_bytes, u64 size_bytes,
			       bool data),
		 void *context)
{
	u64 size = disk_size(disk);

	if (offset_bytes > size || size_bytes > size - offset_bytes)
		return -ERANGE;
	while (!disk->class->extents && disk->lower)
		disk = disk->lower;
	if (size_bytes == 0)
		return 0;
	if (!disk->class->extents)
		return extent(context, offset_bytes, size_bytes, true);
	return disk->class->extents(disk, offset_bytes, size_bytes, extent,
				    context);
}

/* FNV-1a, 64 bits. */
#define FNV_PRIME 0x100000001b3ull

void identity_make(u8 identity[16], const char *path)
{
	u64 halves[2] = { 0xcbf29ce484222325ull, 0x84222325cbf29ce4ull };
	struct stat st;

	if (stat(path, &st) == 0) {
		bool device = S_ISBLK(st.st_mode);
		/* A device is itself wherever its node lies. */
		u64 facts[3] = { device ? st.st_rdev : 0,
				 device ? 0 : st.st_dev,
				 device ? 0 : st.st_ino };

		for (int i = 0; i < 2; i++) {
			for (int k = 0; k < 3; k++)
				halves[i] = (halves[i] ^ facts[k]) * FNV_PRIME;
		}
	} else {
		for (int i = 0; i < 2; i++) {
			for (const char *c = path; *c; c++)
				halves[i] = (halves[i] ^ (u8)*c) * FNV_PRIME;
		}
	}
	memcpy(identity, halves, sizeof(halves));
}
