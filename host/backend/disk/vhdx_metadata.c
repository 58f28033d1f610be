/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The metadata region of a VHDX file ([MS-VHDX] 2.6).
 */
#define _GNU_SOURCE
#include "host/backend/disk/vhdx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One row per item; the locator is looked at later. */
enum item {
	ITEM_FILE_PARAMETERS,
	ITEM_SIZE,
	ITEM_IDENTITY,
	ITEM_LOGICAL_SECTOR,
	ITEM_PHYSICAL_SECTOR,
	ITEM_PARENT_LOCATOR,
	ITEM_COUNT,
};

static const struct item_row {
	struct vhdx_guid guid;
	u32 bytes; /* 0: any */
	u32 flags;
} rows[ITEM_COUNT] = {
	[ITEM_FILE_PARAMETERS] = { VHDX_ITEM_FILE_PARAMETERS, 8,
				   VHDX_METADATA_REQUIRED },
	[ITEM_SIZE] = { VHDX_ITEM_SIZE, 8,
			VHDX_METADATA_REQUIRED | VHDX_METADATA_VIRTUAL_DISK },
	[ITEM_IDENTITY] = { VHDX_ITEM_IDENTITY, 16,
			    VHDX_METADATA_REQUIRED |
				    VHDX_METADATA_VIRTUAL_DISK },
	[ITEM_LOGICAL_SECTOR] = { VHDX_ITEM_LOGICAL_SECTOR, 4,
				  VHDX_METADATA_REQUIRED |
					  VHDX_METADATA_VIRTUAL_DISK },
	[ITEM_PHYSICAL_SECTOR] = { VHDX_ITEM_PHYSICAL_SECTOR, 4,
				   VHDX_METADATA_REQUIRED |
					   VHDX_METADATA_VIRTUAL_DISK },
	[ITEM_PARENT_LOCATOR] = { VHDX_ITEM_PARENT_LOCATOR, 0,
				  VHDX_METADATA_REQUIRED },
};

#define LOCATOR_BYTES_MAX (1u << 20)

static int damaged(const struct vhdx *vhdx, const char *what,
		   struct lis_error *err)
{
	return lis_error_set(err, EINVAL,
			     "cannot open %s: the VHDX file's metadata is "
			     "damaged: %s",
			     vhdx->file.path, what);
}

static int item_take(struct vhdx *vhdx, enum item item, u64 offset, u32 bytes,
		     struct lis_error *err)
{
	struct vhdx_metadata *metadata = &vhdx->metadata;
	struct vhdx_file_parameters parameters;
	void *into[ITEM_COUNT] = {
		[ITEM_FILE_PARAMETERS] = &parameters,
		[ITEM_SIZE] = &metadata->size_bytes,
		[ITEM_IDENTITY] = &metadata->identity,
		[ITEM_LOGICAL_SECTOR] = &metadata->sector_bytes,
		[ITEM_PHYSICAL_SECTOR] = &metadata->physical_sector_bytes,
	};
	int ret;

	if (item == ITEM_PARENT_LOCATOR) {
		metadata->locator_offset = offset;
		metadata->locator_bytes = bytes;
		return bytes <= LOCATOR_BYTES_MAX
			       ? 0
			       : damaged(vhdx, "the parent's place is too long",
					 err);
	}
	if (bytes < rows[item].bytes)
		return damaged(vhdx, "an item is too short", err);
	if (item == ITEM_SIZE)
		metadata->size_offset = offset;
	ret = vhdx_pread(vhdx, into[item], rows[item].bytes, offset);
	if (ret < 0)
		return lis_error_set(err, -ret, "cannot read %s: %s",
				     vhdx->file.path, strerror(-ret));
	if (item == ITEM_FILE_PARAMETERS) {
		metadata->block_bytes = parameters.block_bytes;
		metadata->leave_allocated =
			parameters.flags & VHDX_LEAVE_BLOCKS_ALLOCATED;
		metadata->has_parent = parameters.flags & VHDX_HAS_PARENT;
	}
	return 0;
}

static int entry_take(struct vhdx *vhdx,
		      const struct vhdx_metadata_entry *entry, u32 *seen,
		      struct lis_error *err)
{
	u32 item = 0;

	while (item < ITEM_COUNT &&
	       memcmp(&rows[item].guid, &entry->item, sizeof(entry->item)) != 0)
		item++;
	if (item == ITEM_COUNT) {
		if (!(entry->flags & VHDX_METADATA_REQUIRED))
			return 0;
		return lis_error_set(err, ENOTSUP,
				     "cannot open %s: the VHDX file has "
				     "metadata that is required and not known",
				     vhdx->file.path);
	}
	if (*seen & 1u << item || entry->offset < VHDX_METADATA_TABLE_BYTES ||
	    entry->offset > vhdx->metadata_bytes ||
	    entry->bytes > vhdx->metadata_bytes - entry->offset)
		return damaged(vhdx, "an item is twice or out of place", err);
	*seen |= 1u << item;
	return item_take(vhdx, item, vhdx->metadata_offset + entry->offset,
			 entry->bytes, err);
}

static bool power_of_two(u64 value)
{
	return value && (value & (value - 1)) == 0;
}

static int metadata_check(struct vhdx *vhdx, u32 seen, struct lis_error *err)
{
	const struct vhdx_metadata *metadata = &vhdx->metadata;
	u32 wanted = (1u << ITEM_PARENT_LOCATOR) - 1;

	if (metadata->has_parent)
		wanted |= 1u << ITEM_PARENT_LOCATOR;
	if ((seen & wanted) != wanted)
		return damaged(vhdx, "an item is missing", err);
	if (!power_of_two(metadata->block_bytes) ||
	    metadata->block_bytes < VHDX_BLOCK_BYTES_MIN ||
	    metadata->block_bytes > VHDX_BLOCK_BYTES_MAX)
		return damaged(vhdx, "the size of blocks is wrong", err);
	if ((metadata->sector_bytes != 512 && metadata->sector_bytes != 4096) ||
	    (metadata->physical_sector_bytes != 512 &&
	     metadata->physical_sector_bytes != 4096))
		return damaged(vhdx, "the size of sectors is wrong", err);
	if (metadata->size_bytes == 0 ||
	    metadata->size_bytes > DISK_SIZE_BYTES_MAX ||
	    metadata->size_bytes % metadata->sector_bytes)
		return damaged(vhdx, "the disk's size is wrong", err);
	return 0;
}

int vhdx_metadata_read(struct vhdx *vhdx, struct lis_error *err)
{
	struct vhdx_metadata_table *table = malloc(sizeof(*table));
	u32 seen = 0;
	int ret;

	if (!table)
		return lis_error_set(err, ENOMEM, "out of memory");
	ret = vhdx_pread(vhdx, table, sizeof(*table), vhdx->metadata_offset);
	if (ret < 0)
		ret = lis_error_set(err, -ret, "cannot read %s: %s",
				    vhdx->file.path, strerror(-ret));
	else if (table->signature != VHDX_SIGNATURE_META ||
		 table->count > VHDX_METADATA_COUNT)
		ret = damaged(vhdx, "its table is none", err);
	for (u32 i = 0; ret == 0 && i < table->count; i++)
		ret = entry_take(vhdx, &table->entries[i], &seen, err);
	free(table);
	return ret == 0 ? metadata_check(vhdx, seen, err) : ret;
}

void vhdx_metadata_make(const struct vhdx_metadata *metadata,
			const void *locator, u32 locator_bytes, u8 *region)
{
	struct vhdx_metadata_table *table = (void *)region;
	struct vhdx_file_parameters parameters = {
		.block_bytes = metadata->block_bytes,
		.flags =
			(metadata->leave_allocated ? VHDX_LEAVE_BLOCKS_ALLOCATED
						   : 0) |
			(metadata->has_parent ? VHDX_HAS_PARENT : 0),
	};
	const void *from[ITEM_COUNT] = {
		[ITEM_FILE_PARAMETERS] = &parameters,
		[ITEM_SIZE] = &metadata->size_bytes,
		[ITEM_IDENTITY] = &metadata->identity,
		[ITEM_LOGICAL_SECTOR] = &metadata->sector_bytes,
		[ITEM_PHYSICAL_SECTOR] = &metadata->physical_sector_bytes,
		[ITEM_PARENT_LOCATOR] = locator,
	};
	u32 at = VHDX_METADATA_TABLE_BYTES;

	memset(region, 0, VHDX_MIB);
	table->signature = VHDX_SIGNATURE_META;
	for (u32 i = 0; i < ITEM_COUNT; i++) {
		u32 bytes = rows[i].bytes ? rows[i].bytes : locator_bytes;

		if (!from[i])
			continue;
		table->entries[table->count++] = (struct vhdx_metadata_entry){
			.item = rows[i].guid,
			.offset = at,
			.bytes = bytes,
			.flags = rows[i].flags,
		};
		memcpy(region + at, from[i], bytes);
		at += (bytes + 15) & ~15u;
	}
}
