/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The parent of a differencing VHD, and which sectors are the disk's own.
 */
#define _GNU_SOURCE
#include "host/backend/disk/vhd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/ic/utf16.h"

/* Kinds of locators whose text is UTF-16, little-endian. */
#define PLATFORM_RELATIVE 0x57327275u /* "W2ru" */
#define PLATFORM_ABSOLUTE 0x57326b75u /* "W2ku" */
#define TEXT_BYTES_MAX	  4096u

int vhd_bitmap_run(const struct vhd *vhd, u64 place, u64 sector, u64 *count,
		   bool *here)
{
	u64 run = 0;
	u8 *bitmap = malloc(vhd->bitmap_bytes);
	int ret = bitmap ? file_pread(&vhd->file, bitmap, vhd->bitmap_bytes,
				      place - vhd->bitmap_bytes)
			 : -ENOMEM;

	/* The first sector has the highest bit. */
	*here = false;
	if (ret == 0)
		*here = bitmap[sector / 8] >> (7 - sector % 8) & 1;
	while (ret == 0 && run < *count &&
	       (bitmap[(sector + run) / 8] >> (7 - (sector + run) % 8) & 1) ==
		       *here)
		run++;
	*count = run;
	free(bitmap);
	return ret;
}

/* A path of the locator's text, as seen from the child's folder. */
static char *path_make(const struct vhd *vhd, const void *units, u32 bytes,
		       bool relative)
{
	const char *slash = strrchr(vhd->file.path, '/');
	int folder = slash ? (int)(slash - vhd->file.path + 1) : 0;
	char *text = malloc(UTF16_UTF8_BYTES(bytes / 2)), *path = NULL;

	if (text && utf16_to_utf8(text, UTF16_UTF8_BYTES(bytes / 2), units,
				  utf16_length(units, bytes / 2)) == UTF16_OK) {
		for (char *c = text; *c; c++)
			*c = *c == '\\' ? '/' : *c;
		if (asprintf(&path, "%.*s%s", relative ? folder : 0,
			     vhd->file.path, text) < 0)
			path = NULL;
	}
	free(text);
	return path;
}

/* The path of one locator, if it is a known one; and leads to a file. */
static char *locator_path(const struct vhd *vhd,
			  const struct vhd_locator *locator, bool to_file)
{
	u32 platform = vhd_be32(locator->platform);
	u32 bytes = vhd_be32(locator->bytes);
	char *path = NULL;
	void *units;

	if ((platform != PLATFORM_RELATIVE && platform != PLATFORM_ABSOLUTE) ||
	    bytes > TEXT_BYTES_MAX)
		return NULL;
	units = calloc(1, bytes + 2);
	if (units && file_pread(&vhd->file, units, bytes,
				vhd_be64(locator->offset)) == 0)
		path = path_make(vhd, units, bytes,
				 platform == PLATFORM_RELATIVE);
	free(units);
	if (path && to_file && access(path, F_OK) != 0) {
		free(path);
		path = NULL;
	}
	return path;
}

/* By its name alone it is looked for beside its child. */
static char *name_path(const struct vhd *vhd, const struct vhd_header *header)
{
	u16 units[PORT_ARRAY_SIZE(header->parent_name)];

	for (size_t i = 0; i < PORT_ARRAY_SIZE(units); i++)
		units[i] = vhd_be16(header->parent_name[i]);
	return path_make(vhd, units, sizeof(units), true);
}

/* Where the parent is; else, for the message, where it should be. */
static char *path_choose(const struct vhd *vhd, const struct vhd_header *header)
{
	const size_t count = PORT_ARRAY_SIZE(header->locators);
	char *path = NULL;

	for (size_t i = 0; i < 2 * count && !path; i++)
		path = locator_path(vhd, &header->locators[i % count],
				    i < count);
	return path ? path : name_path(vhd, header);
}

int vhd_parent_open(struct vhd *vhd, const struct vhd_header *header, u32 depth,
		    struct lis_error *err)
{
	struct disk_options options = { .format = DISK_FORMAT_VHD,
					.read_only = true };
	char *path;
	int ret;

	if (depth + 1 >= VHD_CHAIN_MAX)
		return lis_error_set(err, EINVAL,
				     "cannot open %s: more than %u images "
				     "depend on one another",
				     vhd->file.path, VHD_CHAIN_MAX);
	path = path_choose(vhd, header);
	if (!path)
		return lis_error_set(err, EINVAL,
				     "cannot open %s: it does not say where "
				     "its parent is",
				     vhd->file.path);
	options.path = path;
	ret = vhd_open_depth(&vhd->parent, &options, depth + 1, err);
	free(path);
	if (ret < 0)
		return lis_error_prefix(err, ret, "the parent of %s",
					vhd->file.path);
	if (memcmp(vhd->parent->info.identity, header->parent_identity,
		   sizeof(header->parent_identity)) != 0)
		return lis_error_set(err, EINVAL,
				     "cannot open %s: its parent %s is another "
				     "disk than it was",
				     vhd->file.path,
				     vhd_of(vhd->parent)->file.path);
	return 0;
}
