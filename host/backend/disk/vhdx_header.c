/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The first MiB of a VHDX file: identifier, two headers, two region tables.
 */
#define _GNU_SOURCE
#include "host/backend/disk/vhdx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "host/backend/disk/crc32c.h"

static const u32 header_offsets[2] = { VHDX_HEADER1_OFFSET,
				       VHDX_HEADER2_OFFSET };
static const u32 regions_offsets[2] = { VHDX_REGIONS1_OFFSET,
					VHDX_REGIONS2_OFFSET };

static const struct vhdx_guid guid_bat = VHDX_GUID_BAT;
static const struct vhdx_guid guid_metadata = VHDX_GUID_METADATA;

void vhdx_guid_make(struct vhdx_guid *guid)
{
	/* From an initialized pool, 16 bytes always come whole. */
	while (getrandom(guid->bytes, sizeof(guid->bytes), 0) !=
	       sizeof(guid->bytes))
		;
	guid->bytes[7] = (u8)((guid->bytes[7] & 0x0f) | 0x40);
	guid->bytes[8] = (u8)((guid->bytes[8] & 0x3f) | 0x80);
}

bool vhdx_guid_is_zero(const struct vhdx_guid *guid)
{
	static const struct vhdx_guid zero;

	return memcmp(guid, &zero, sizeof(zero)) == 0;
}

static u32 header_checksum(const struct vhdx_header *header)
{
	struct vhdx_header copy = *header;

	copy.checksum = 0;
	return crc32c(0, &copy, sizeof(copy));
}

static bool header_valid(const struct vhdx_header *header)
{
	return header->signature == VHDX_SIGNATURE_HEADER &&
	       header->checksum == header_checksum(header);
}

static int header_check(const struct vhdx *vhdx, u64 file_bytes,
			struct lis_error *err)
{
	const struct vhdx_header *header = &vhdx->header;

	if (header->version != 1 || header->log_version != 0)
		return lis_error_set(err, ENOTSUP,
				     "cannot open %s: it is a VHDX of version "
				     "%u with a log of version %u; 1 and 0 are "
				     "known",
				     vhdx->file.path, header->version,
				     header->log_version);
	if (header->log_bytes == 0 || header->log_bytes % VHDX_MIB ||
	    header->log_offset % VHDX_MIB || header->log_offset < VHDX_MIB ||
	    header->log_offset > file_bytes ||
	    header->log_bytes > file_bytes - header->log_offset)
		return lis_error_set(err, EINVAL,
				     "cannot open %s: the VHDX file is damaged "
				     "or cut off: its log lies outside of it",
				     vhdx->file.path);
	return 0;
}

int vhdx_header_read(struct vhdx *vhdx, struct lis_error *err)
{
	struct vhdx_identifier identifier = { 0 };
	struct vhdx_header headers[2] = { 0 };
	const struct file *file = &vhdx->file;
	u64 file_bytes;
	bool valid[2];
	int ret = file_size(file, &file_bytes);

	if (ret == 0)
		ret = file_pread(file, &identifier, sizeof(identifier),
				 VHDX_IDENTIFIER_OFFSET);
	for (int i = 0; i < 2 && ret == 0; i++)
		ret = file_pread(file, &headers[i], sizeof(headers[i]),
				 header_offsets[i]);
	if (ret < 0)
		return lis_error_set(err, -ret, "cannot read %s: %s",
				     file->path, strerror(-ret));
	if (identifier.signature != VHDX_SIGNATURE_FILE)
		return lis_error_set(err, EINVAL,
				     "cannot open %s: it is not a VHDX file; "
				     "name its format",
				     file->path);
	for (int i = 0; i < 2; i++)
		valid[i] = header_valid(&headers[i]);
	if (!valid[0] && !valid[1])
		return lis_error_set(err, EINVAL,
				     "cannot open %s: both headers of the VHDX "
				     "file are damaged",
				     file->path);
	vhdx->header_slot =
		!valid[0] ||
		(valid[1] && headers[1].sequence > headers[0].sequence);
	vhdx->header = headers[vhdx->header_slot];
	return header_check(vhdx, file_bytes, err);
}

int vhdx_header_write(struct vhdx *vhdx)
{
	struct vhdx_header *header = &vhdx->header;
	u32 slot = !vhdx->header_slot;
	int ret;

	header->sequence++;
	header->checksum = header_checksum(header);
	ret = file_pwrite(&vhdx->file, header, sizeof(*header),
			  header_offsets[slot]);
	if (ret == 0)
		ret = file_fdatasync(&vhdx->file);
	/* What failed may still be there: the next try goes over it, with a
	 * higher number. */
	if (ret == 0)
		vhdx->header_slot = slot;
	return ret;
}

static u32 regions_checksum(struct vhdx_regions *regions)
{
	u32 had = regions->checksum, made;

	regions->checksum = 0;
	made = crc32c(0, regions, sizeof(*regions));
	regions->checksum = had;
	return made;
}

static int region_take(struct vhdx *vhdx, const struct vhdx_region *region,
		       u64 file_bytes, struct lis_error *err)
{
	struct vhdx_run other = { 0 };
	u64 *offset, *bytes;

	if (memcmp(&region->guid, &guid_bat, sizeof(guid_bat)) == 0) {
		offset = &vhdx->bat_offset;
		bytes = &vhdx->bat_bytes;
	} else if (memcmp(&region->guid, &guid_metadata,
			  sizeof(guid_metadata)) == 0) {
		offset = &vhdx->metadata_offset;
		bytes = &vhdx->metadata_bytes;
	} else if (region->required & 1) {
		return lis_error_set(err, ENOTSUP,
				     "cannot open %s: the VHDX file has a "
				     "region that is required and not known",
				     vhdx->file.path);
	} else {
		offset = &other.start;
		bytes = &other.count;
	}
	if (*bytes || region->bytes == 0 || region->offset < VHDX_MIB ||
	    region->offset % VHDX_MIB || region->bytes % VHDX_MIB ||
	    region->offset > file_bytes ||
	    region->bytes > file_bytes - region->offset)
		return lis_error_set(err, EINVAL,
				     "cannot open %s: the VHDX file is damaged "
				     "or cut off: a region lies outside of it",
				     vhdx->file.path);
	*offset = region->offset;
	*bytes = region->bytes;
	if (other.count && vhdx_runs_add(&vhdx->others, other.start / VHDX_MIB,
					 other.count / VHDX_MIB) < 0)
		return lis_error_set(err, ENOMEM, "out of memory");
	return 0;
}

static int regions_take(struct vhdx *vhdx, const struct vhdx_regions *regions,
			struct lis_error *err)
{
	u64 file_bytes;
	int ret = file_size(&vhdx->file, &file_bytes);

	if (ret < 0)
		return lis_error_set(err, -ret, "cannot look at %s: %s",
				     vhdx->file.path, strerror(-ret));
	for (u32 i = 0; i < regions->count && ret == 0; i++)
		ret = region_take(vhdx, &regions->regions[i], file_bytes, err);
	if (ret == 0 && (!vhdx->bat_bytes || !vhdx->metadata_bytes))
		ret = lis_error_set(err, EINVAL,
				    "cannot open %s: the VHDX file has no "
				    "block table or no metadata",
				    vhdx->file.path);
	return ret;
}

int vhdx_regions_read(struct vhdx *vhdx, struct lis_error *err)
{
	struct vhdx_regions *regions = malloc(sizeof(*regions));
	bool valid = false;
	int ret = regions ? 0 : -ENOMEM;

	for (int i = 0; i < 2 && ret == 0 && !valid; i++) {
		ret = file_pread(&vhdx->file, regions, sizeof(*regions),
				 regions_offsets[i]);
		valid = ret == 0 &&
			regions->signature == VHDX_SIGNATURE_REGIONS &&
			regions->count <= VHDX_REGION_COUNT &&
			regions->checksum == regions_checksum(regions);
	}
	if (ret < 0)
		ret = lis_error_set(err, -ret, "cannot read %s: %s",
				    vhdx->file.path, strerror(-ret));
	else if (!valid)
		ret = lis_error_set(err, EINVAL,
				    "cannot open %s: both region tables of the "
				    "VHDX file are damaged",
				    vhdx->file.path);
	else
		ret = regions_take(vhdx, regions, err);
	free(regions);
	return ret;
}

static int regions_create(const struct file *file, const struct vhdx *vhdx)
{
	struct vhdx_regions *regions = calloc(1, sizeof(*regions));
	int ret = regions ? 0 : -ENOMEM;

	if (regions) {
		regions->signature = VHDX_SIGNATURE_REGIONS;
		regions->count = 2;
		regions->regions[0] =
			(struct vhdx_region){ guid_bat, vhdx->bat_offset,
					      (u32)vhdx->bat_bytes, 1 };
		regions->regions[1] =
			(struct vhdx_region){ guid_metadata,
					      vhdx->metadata_offset,
					      (u32)vhdx->metadata_bytes, 1 };
		regions->checksum = regions_checksum(regions);
	}
	for (int i = 0; i < 2 && ret == 0; i++)
		ret = file_pwrite(file, regions, sizeof(*regions),
				  regions_offsets[i]);
	free(regions);
	return ret;
}

int vhdx_header_create(const struct file *file, const struct vhdx *vhdx)
{
	static const char creator[] = "lis";
	struct vhdx_identifier identifier = {
		.signature = VHDX_SIGNATURE_FILE,
	};
	struct vhdx_header header = vhdx->header;
	int ret;

	for (size_t i = 0; i < sizeof(creator); i++)
		identifier.creator[i] = (u16)creator[i];
	ret = file_pwrite(file, &identifier, sizeof(identifier),
			  VHDX_IDENTIFIER_OFFSET);
	for (int i = 0; i < 2 && ret == 0; i++) {
		header.signature = VHDX_SIGNATURE_HEADER;
		header.version = 1;
		header.sequence = (u64)i + 1;
		header.checksum = header_checksum(&header);
		ret = file_pwrite(file, &header, sizeof(header),
				  header_offsets[i]);
	}
	if (ret == 0)
		ret = regions_create(file, vhdx);
	return ret;
}
