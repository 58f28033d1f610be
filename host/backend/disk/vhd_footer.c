/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Footer, header and table of a VHD file.
 */
#define _GNU_SOURCE
#include "host/backend/disk/vhd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

u32 vhd_checksum(const void *data, u64 size_bytes, u64 checksum_offset)
{
	const u8 *bytes = data;
	u32 sum = 0;

	for (u64 i = 0; i < size_bytes; i++) {
		if (i < checksum_offset || i >= checksum_offset + sizeof(u32))
			sum += bytes[i];
	}
	return vhd_be32(~sum);
}

/* The specification's appendix: the geometry that a size is given. */
static void geometry_set(struct vhd_footer *footer, u64 size_bytes)
{
	u64 sectors = size_bytes / VHD_SECTOR_BYTES, rows;
	u32 heads, per_track;

	if (sectors > 65535ull * 16 * 255)
		sectors = 65535ull * 16 * 255;
	if (sectors >= 65535ull * 16 * 63) {
		per_track = 255;
		heads = 16;
		rows = sectors / per_track;
	} else {
		per_track = 17;
		rows = sectors / per_track;
		heads = (u32)((rows + 1023) / 1024);
		heads = heads < 4 ? 4 : heads;
		if (rows >= heads * 1024ull || heads > 16) {
			per_track = 31;
			heads = 16;
			rows = sectors / per_track;
		}
		if (rows >= heads * 1024ull) {
			per_track = 63;
			heads = 16;
			rows = sectors / per_track;
		}
	}
	footer->cylinders = vhd_be16((u16)(rows / heads));
	footer->heads = (u8)heads;
	footer->sectors = (u8)per_track;
}

void vhd_footer_resize(struct vhd_footer *footer, u64 size_bytes)
{
	footer->size_bytes = vhd_be64(size_bytes);
	geometry_set(footer, size_bytes);
	footer->checksum = vhd_checksum(footer, sizeof(*footer),
					offsetof(struct vhd_footer, checksum));
}

static bool footer_valid(const struct vhd_footer *footer)
{
	return footer->cookie == vhd_be64(VHD_COOKIE_FOOTER) &&
	       footer->checksum ==
		       vhd_checksum(footer, sizeof(*footer),
				    offsetof(struct vhd_footer, checksum));
}

static int damaged(const struct vhd *vhd, const char *what,
		   struct lis_error *err)
{
	return lis_error_set(err, EINVAL,
			     "cannot open %s: the VHD file is damaged or cut "
			     "off: %s",
			     vhd->file.path, what);
}

static int read_error(const struct vhd *vhd, int ret, struct lis_error *err)
{
	return lis_error_set(err, -ret, "cannot read %s: %s", vhd->file.path,
			     strerror(-ret));
}

/* At the end; or, when a crash came between, the copy at the start. */
static int footer_read(struct vhd *vhd, u64 file_bytes, struct lis_error *err)
{
	int ret;

	if (file_bytes < VHD_SECTOR_BYTES)
		return lis_error_set(err, EINVAL,
				     "cannot open %s: it is not a VHD file; "
				     "name its format",
				     vhd->file.path);
	vhd->end_bytes = file_bytes - VHD_SECTOR_BYTES;
	ret = file_pread(&vhd->file, &vhd->footer, sizeof(vhd->footer),
			 vhd->end_bytes);
	if (ret == 0 && !footer_valid(&vhd->footer)) {
		ret = file_pread(&vhd->file, &vhd->footer, sizeof(vhd->footer),
				 0);
		if (ret == 0 && (!footer_valid(&vhd->footer) ||
				 vhd->footer.type == vhd_be32(VHD_FIXED)))
			return lis_error_set(err, EINVAL,
					     "cannot open %s: it is not a VHD "
					     "file, or a damaged one; name its "
					     "format",
					     vhd->file.path);
	}
	return ret < 0 ? read_error(vhd, ret, err) : 0;
}

static int header_read(struct vhd *vhd, u64 file_bytes, struct vhd_header *read,
		       struct lis_error *err)
{
	u64 offset = vhd_be64(vhd->footer.header_offset);
	u64 size_bytes = vhd->disk.info.size_bytes;
	struct vhd_header header;
	u32 block_bytes;
	int ret;

	if (offset > file_bytes || file_bytes - offset < sizeof(header))
		return damaged(vhd, "its header lies outside of it", err);
	ret = file_pread(&vhd->file, &header, sizeof(header), offset);
	if (ret < 0)
		return read_error(vhd, ret, err);
	if (header.cookie != vhd_be64(VHD_COOKIE_HEADER) ||
	    header.checksum !=
		    vhd_checksum(&header, sizeof(header),
				 offsetof(struct vhd_header, checksum)))
		return damaged(vhd, "its header is none", err);
	block_bytes = vhd_be32(header.block_bytes);
	vhd->table_offset = vhd_be64(header.table_offset);
	vhd->entries = vhd_be32(header.entries);
	if (block_bytes < 4096 || block_bytes > VHD_BLOCK_BYTES_MAX ||
	    (block_bytes & (block_bytes - 1)))
		return damaged(vhd, "the size of blocks is wrong", err);
	vhd->block_shift = (u32)__builtin_ctz(block_bytes);
	vhd->bitmap_bytes = (block_bytes / VHD_SECTOR_BYTES / 8 + 511) & ~511u;
	if (vhd->table_offset % VHD_SECTOR_BYTES ||
	    vhd->table_offset > file_bytes ||
	    vhd->entries * sizeof(u32) > file_bytes - vhd->table_offset ||
	    vhd->entries < (size_bytes + block_bytes - 1) >> vhd->block_shift)
		return damaged(vhd, "its table is too short", err);
	*read = header;
	return 0;
}

static u64 block_room(const struct vhd *vhd)
{
	return vhd->bitmap_bytes + (1ull << vhd->block_shift);
}

/* The end of all blocks; none may lie over another or past the file's end. */
static int table_check(struct vhd *vhd, u64 file_bytes, u64 table_end,
		       struct lis_error *err)
{
	u64 units = file_bytes / VHD_SECTOR_BYTES + 1, end = table_end;
	u8 *taken = calloc(1, units / 8 + 1);
	int ret = 0;

	if (!taken)
		return lis_error_set(err, ENOMEM, "out of memory");
	for (u64 i = 0; i < vhd->entries && ret == 0; i++) {
		u64 first = vhd->table[i];
		u64 at = first * VHD_SECTOR_BYTES;

		if (first == VHD_UNUSED)
			continue;
		if (at < table_end || at + block_room(vhd) > file_bytes) {
			ret = damaged(vhd, "a block lies outside of it", err);
			break;
		}
		for (u64 k = first; k < first + block_room(vhd) / 512; k++) {
			if (taken[k / 8] & 1u << k % 8)
				ret = damaged(vhd, "two blocks share room",
					      err);
			taken[k / 8] |= (u8)(1u << k % 8);
		}
		if (at + block_room(vhd) > end)
			end = at + block_room(vhd);
	}
	free(taken);
	vhd->end_bytes = end;
	return ret;
}

static int table_read(struct vhd *vhd, u64 file_bytes, struct lis_error *err)
{
	u64 sectors = (vhd->entries + VHD_ENTRIES_PER_SECTOR - 1) /
		      VHD_ENTRIES_PER_SECTOR;
	int ret;

	/* Whole sectors: they are written so. */
	vhd->table = malloc(sectors * VHD_SECTOR_BYTES);
	vhd->pages = calloc(sectors, sizeof(*vhd->pages));
	if (!vhd->table || !vhd->pages)
		return lis_error_set(err, ENOMEM, "out of memory");
	ret = file_pread(&vhd->file, vhd->table, sectors * VHD_SECTOR_BYTES,
			 vhd->table_offset);
	if (ret < 0)
		return read_error(vhd, ret, err);
	for (u64 i = 0; i < sectors * VHD_ENTRIES_PER_SECTOR; i++)
		vhd->table[i] = vhd_be32(vhd->table[i]);
	return table_check(vhd, file_bytes,
			   vhd->table_offset + sectors * VHD_SECTOR_BYTES, err);
}

/* A disk that only has what differs from its parent. */
static int differencing_read(struct vhd *vhd, const struct vhd_header *header,
			     u32 depth, struct lis_error *err)
{
	if (!vhd->file.read_only)
		return lis_error_set(err, ENOTSUP,
				     "cannot open %s for writing: it is a "
				     "differencing VHD, which is only read; "
				     "convert it into a VHDX",
				     vhd->file.path);
	return vhd_parent_open(vhd, header, depth, err);
}

int vhd_read(struct vhd *vhd, u32 depth, struct lis_error *err)
{
	struct vhd_header header;
	struct disk_info *info = &vhd->disk.info;
	u64 file_bytes;
	int ret = file_size(&vhd->file, &file_bytes);

	if (ret < 0)
		return read_error(vhd, ret, err);
	ret = footer_read(vhd, file_bytes, err);
	if (ret < 0)
		return ret;
	info->size_bytes = vhd_be64(vhd->footer.size_bytes);
	memcpy(info->identity, vhd->footer.identity, sizeof(info->identity));
	if (info->size_bytes == 0 || info->size_bytes % VHD_SECTOR_BYTES ||
	    info->size_bytes > VHD_SIZE_BYTES_MAX)
		return damaged(vhd, "the disk's size is wrong", err);
	switch (vhd_be32(vhd->footer.type)) {
	case VHD_FIXED:
		return info->size_bytes <= vhd->end_bytes
			       ? 0
			       : damaged(vhd, "it is shorter than its disk",
					 err);
	case VHD_DYNAMIC:
	case VHD_DIFFERENCING:
		vhd->dynamic = true;
		ret = header_read(vhd, file_bytes, &header, err);
		if (ret == 0)
			ret = table_read(vhd, file_bytes, err);
		if (ret == 0 && vhd->footer.type == vhd_be32(VHD_DIFFERENCING))
			ret = differencing_read(vhd, &header, depth, err);
		return ret;
	default:
		return damaged(vhd, "it is of no known type", err);
	}
}
