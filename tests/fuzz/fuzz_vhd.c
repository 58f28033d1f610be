/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * VHD files: footer, header and table of dynamic ones.
 */
#define _GNU_SOURCE
#include "image_fuzz.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/backend/disk/vhd.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* The footer's copy; the header; the table; the footer of a small image. */
static const u32 places[] = { 0, 512, 1536, 2048 };

static void footer_fix(int fd, off_t offset)
{
	struct vhd_footer footer;

	if (pread(fd, &footer, sizeof(footer), offset) != sizeof(footer))
		return;
	footer.checksum = vhd_checksum(&footer, sizeof(footer),
				       offsetof(struct vhd_footer, checksum));
	if (pwrite(fd, &footer, sizeof(footer), offset) != sizeof(footer))
		abort();
}

static void settle(int fd, u8 flags)
{
	struct vhd_header header;
	struct stat st;

	if (flags & IMAGE_FUZZ_LEAVE)
		return;
	if (fstat(fd, &st) != 0 || st.st_size < 512)
		abort();
	footer_fix(fd, 0);
	footer_fix(fd, st.st_size - 512);
	if (pread(fd, &header, sizeof(header), 512) != sizeof(header))
		return;
	header.checksum = vhd_checksum(&header, sizeof(header),
				       offsetof(struct vhd_header, checksum));
	if (pwrite(fd, &header, sizeof(header), 512) != sizeof(header))
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct image_fuzz fuzz = {
		.format = DISK_FORMAT_VHD,
		.create = vhd_create,
		.places = places,
		.place_count = PORT_ARRAY_SIZE(places),
		.settle = settle,
	};

	return image_fuzz_run(&fuzz, data, size);
}
