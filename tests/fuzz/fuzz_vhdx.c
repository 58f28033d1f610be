/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * VHDX files: headers, region tables, metadata, block table and log.
 */
#define _GNU_SOURCE
#include "image_fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/backend/disk/crc32c.h"
#include "host/backend/disk/vhdx_wire.h"

#define LOG_OFFSET (1u << 20)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static const u32 places[] = {
	VHDX_IDENTIFIER_OFFSET,
	VHDX_HEADER1_OFFSET,
	VHDX_HEADER2_OFFSET,
	VHDX_REGIONS1_OFFSET,
	VHDX_REGIONS2_OFFSET,
	LOG_OFFSET,
	2u << 20,
	(2u << 20) + VHDX_METADATA_TABLE_BYTES,
	3u << 20,
};

static void checksum_fix(int fd, off_t offset, u32 bytes)
{
	u8 *block = malloc(bytes);
	u32 checksum = 0;

	if (pread(fd, block, bytes, offset) == (ssize_t)bytes) {
		memcpy(block + 4, &checksum, 4);
		checksum = crc32c(0, block, bytes);
		if (pwrite(fd, &checksum, 4, offset + 4) != 4)
			abort();
	}
	free(block);
}

/* An entry of one page, unless the fuzzer says otherwise. */
static void log_fill(int fd)
{
	static const struct vhdx_guid guid = { { 1 } };
	struct vhdx_log_header header;

	if (pread(fd, &header, sizeof(header), LOG_OFFSET) != sizeof(header))
		abort();
	header.signature = VHDX_SIGNATURE_ENTRY;
	header.log = guid;
	header.sequence += header.sequence == 0;
	header.entry_bytes += header.entry_bytes == 0 ? VHDX_PAGE_BYTES : 0;
	if (pwrite(fd, &header, sizeof(header), LOG_OFFSET) != sizeof(header))
		abort();
	if (header.entry_bytes >= sizeof(header) &&
	    header.entry_bytes <= 1u << 20)
		checksum_fix(fd, LOG_OFFSET, header.entry_bytes);
	for (u32 i = 0; i < 2; i++) {
		if (pwrite(fd, &guid, sizeof(guid),
			   places[1 + i] + offsetof(struct vhdx_header, log)) !=
		    sizeof(guid))
			abort();
	}
}

static void settle(int fd, u8 flags)
{
	if (flags & IMAGE_FUZZ_LOG)
		log_fill(fd);
	if (flags & IMAGE_FUZZ_LEAVE)
		return;
	checksum_fix(fd, VHDX_HEADER1_OFFSET, VHDX_PAGE_BYTES);
	checksum_fix(fd, VHDX_HEADER2_OFFSET, VHDX_PAGE_BYTES);
	checksum_fix(fd, VHDX_REGIONS1_OFFSET, VHDX_REGIONS_BYTES);
	checksum_fix(fd, VHDX_REGIONS2_OFFSET, VHDX_REGIONS_BYTES);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct image_fuzz fuzz = {
		.format = DISK_FORMAT_VHDX,
		.create = vhdx_create,
		.places = places,
		.place_count = PORT_ARRAY_SIZE(places),
		.settle = settle,
	};

	return image_fuzz_run(&fuzz, data, size);
}
