/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * image_fuzz.h - a valid disk image, changed here and there by the fuzzer, and
 * then opened, written to and opened again.
 *
 * The input: a byte of flags; then changes, each a byte that chooses a place,
 * two of an offset from there (little-endian), one of a length, and so many
 * bytes.
 */
#ifndef TESTS_FUZZ_IMAGE_FUZZ_H
#define TESTS_FUZZ_IMAGE_FUZZ_H

#include "host/backend/disk/image.h"

#define IMAGE_FUZZ_SIZE_BYTES (8ull << 20)

/* Flags. */
#define IMAGE_FUZZ_READ_ONLY 1u /* only looked at */
#define IMAGE_FUZZ_LEAVE     2u /* checksums are left as they get */
#define IMAGE_FUZZ_LOG	     4u /* VHDX: there is something in the log */

struct image_fuzz {
	enum disk_format format;
	int (*create)(int fd, const struct image_options *options,
		      struct lis_error *err);
	const u32 *places;
	u32 place_count;
	/* Brings checksums in order again. */
	void (*settle)(int fd, u8 flags);
};

int image_fuzz_run(const struct image_fuzz *fuzz, const u8 *data, size_t size);

#endif
