/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Making a new VHDX file, and counting what one has.
 */
#define _GNU_SOURCE
#include "host/backend/disk/vhdx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/backend/disk/image.h"

#define BLOCK_BYTES_DEFAULT	 (32u << 20)
#define BLOCK_BYTES_DIFFERENCING (2u << 20)

/* The table has room for a disk so many times as large. */
#define BAT_GROWTH 4

/* Where everything lies in a file of ours. */
#define LOG_OFFSET	VHDX_MIB
#define METADATA_OFFSET (2 * VHDX_MIB)
#define BAT_OFFSET	(3 * VHDX_MIB)

/* A new image and what it is made of. */
struct creation {
	struct vhdx image;
	const struct image_options *options;
	void *locator;
	u32 locator_bytes;
	u64 blocks, payload_offset;
};

static int parent_take(struct creation *creation, struct lis_error *err)
{
	struct vhdx_metadata *metadata = &creation->image.metadata;
	const char *path = creation->options->parent;
	struct disk_options options = {
		.path = path,
		.format = DISK_FORMAT_VHDX,
		.read_only = true,
		.cache = DISK_CACHE_BUFFERED,
	};
	struct disk *parent;
	int ret = vhdx_open(&parent, &options, err);

	if (ret < 0)
		return lis_error_prefix(err, ret, "the parent");
	metadata->has_parent = true;
	metadata->size_bytes = parent->info.size_bytes;
	metadata->sector_bytes = parent->info.sector_bytes;
	metadata->physical_sector_bytes = parent->info.physical_sector_bytes;
	ret = vhdx_locator_make(&vhdx_of(parent)->header.data_write,
				creation->options->path, path,
				&creation->locator, &creation->locator_bytes);
	disk_close(parent);
	if (ret < 0)
		return lis_error_set(err, -ret,
				     "cannot write the way from %s to its "
				     "parent %s down: %s",
				     creation->options->path, path,
				     strerror(-ret));
	return 0;
}

static int layout(struct creation *creation, struct lis_error *err)
{
	const struct image_options *options = creation->options;
	struct vhdx_metadata *metadata = &creation->image.metadata;
	struct vhdx *image = &creation->image;
	u64 ratio, bytes, most_bytes;

	metadata->size_bytes = options->size_bytes;
	metadata->sector_bytes = 512;
	metadata->physical_sector_bytes = 4096;
	if (options->sector_bytes)
		metadata->sector_bytes = options->sector_bytes;
	if (options->physical_sector_bytes)
		metadata->physical_sector_bytes =
			options->physical_sector_bytes;
	if (options->parent) {
		int ret = parent_take(creation, err);

		if (ret < 0)
			return ret;
	}
	metadata->block_bytes = options->block_bytes ? options->block_bytes
				: options->parent    ? BLOCK_BYTES_DIFFERENCING
						     : BLOCK_BYTES_DEFAULT;
	metadata->leave_allocated = options->fixed;
	if (metadata->block_bytes < VHDX_BLOCK_BYTES_MIN ||
	    metadata->block_bytes > VHDX_BLOCK_BYTES_MAX ||
	    (metadata->block_bytes & (metadata->block_bytes - 1)))
		return lis_error_set(err, EINVAL,
				     "cannot make %s: blocks of a VHDX have 1, "
				     "2, 4 … 256 MiB",
				     options->path);
	vhdx_guid_make(&metadata->identity);
	vhdx_guid_make(&image->header.file_write);
	vhdx_guid_make(&image->header.data_write);
	ratio = VHDX_CHUNK_SECTORS * metadata->sector_bytes /
		metadata->block_bytes;
	creation->blocks = (metadata->size_bytes + metadata->block_bytes - 1) /
			   metadata->block_bytes;
	bytes = vhdx_bat_entries(creation->blocks, ratio,
				 metadata->has_parent) *
		VHDX_BAT_ENTRY_BYTES;
	most_bytes =
		vhdx_bat_entries(DISK_SIZE_BYTES_MAX / metadata->block_bytes,
				 ratio, metadata->has_parent) *
		VHDX_BAT_ENTRY_BYTES;
	/* A table cannot grow where it lies. */
	if (!metadata->has_parent)
		bytes *= BAT_GROWTH;
	if (bytes > most_bytes)
		bytes = most_bytes;
	image->chunk_ratio = ratio;
	image->header.log_offset = LOG_OFFSET;
	image->header.log_bytes = VHDX_MIB;
	image->metadata_offset = METADATA_OFFSET;
	image->metadata_bytes = VHDX_MIB;
	image->bat_offset = BAT_OFFSET;
	image->bat_bytes = (bytes + VHDX_MIB - 1) & ~(VHDX_MIB - 1);
	creation->payload_offset = BAT_OFFSET + image->bat_bytes;
	return 0;
}

/* The table of a fixed image: all blocks, in order. */
static int bat_write_fixed(const struct creation *creation)
{
	const struct vhdx *image = &creation->image;
	u64 *table = calloc(1, image->bat_bytes);
	int ret;

	if (!table)
		return -ENOMEM;
	for (u64 block = 0; block < creation->blocks; block++)
		table[block + block / image->chunk_ratio] =
			(creation->payload_offset +
			 block * image->metadata.block_bytes) |
			VHDX_BLOCK_FULLY_PRESENT;
	ret = file_pwrite(&image->file, table, image->bat_bytes,
			  image->bat_offset);
	free(table);
	return ret;
}

/* Room that must not run out when the image is written to. */
static int room_reserve(const struct creation *creation)
{
	u64 bytes = creation->payload_offset;
	int ret;

	if (creation->options->fixed)
		bytes +=
			creation->blocks * creation->image.metadata.block_bytes;
	ret = posix_fallocate(creation->image.file.fd, 0, (off_t)bytes);
	/* Where that is not known, the file is as long, with holes. */
	return ret == EOPNOTSUPP || ret == EINVAL
		       ? file_truncate(&creation->image.file, bytes)
		       : -ret;
}

static int metadata_write(const struct creation *creation)
{
	u8 *region = malloc(VHDX_MIB);
	int ret;

	if (!region)
		return -ENOMEM;
	vhdx_metadata_make(&creation->image.metadata, creation->locator,
			   creation->locator_bytes, region);
	ret = file_pwrite(&creation->image.file, region, VHDX_MIB,
			  METADATA_OFFSET);
	free(region);
	return ret;
}

int vhdx_create(int fd, const struct image_options *options,
		struct lis_error *err)
{
	struct creation creation = { .options = options };
	int ret;

	creation.image.file.fd = fd;
	ret = layout(&creation, err);
	if (ret < 0)
		return ret;
	if (creation.locator_bytes > VHDX_MIB / 2)
		ret = -ENAMETOOLONG;
	if (ret == 0)
		ret = room_reserve(&creation);
	if (ret == 0)
		ret = metadata_write(&creation);
	if (ret == 0 && options->fixed)
		ret = bat_write_fixed(&creation);
	if (ret == 0)
		ret = vhdx_header_create(&creation.image.file, &creation.image);
	free(creation.locator);
	if (ret < 0)
		return lis_error_set(err, -ret, "cannot make %s: %s",
				     options->path, strerror(-ret));
	return 0;
}

void vhdx_count(struct disk *disk, struct image_check *check)
{
	struct vhdx *vhdx = vhdx_of(disk);

	check->blocks = vhdx->block_count;
	for (u64 block = 0; block < vhdx->block_count; block++) {
		u64 state = vhdx->map[block] & VHDX_STATE_MASK;

		if (state >= VHDX_BLOCK_FULLY_PRESENT)
			check->present_blocks++;
		if (state == VHDX_BLOCK_PARTIALLY_PRESENT)
			check->partial_blocks++;
	}
	for (u64 i = 0; i < vhdx->freed.count; i++)
		check->unused_bytes += vhdx->freed.runs[i].count * VHDX_MIB;
	check->log_replayed = vhdx->replayed;
}
