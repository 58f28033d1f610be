/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * image_copy.h - a disk image as a new one, perhaps of another format.
 *
 * Here: what restore and disk convert share. Not here: what is printed of it,
 * but for the progress.
 */
#ifndef HOST_CLI_IMAGE_COPY_H
#define HOST_CLI_IMAGE_COPY_H

#include "host/backend/disk/image.h"
#include "host/cli/progress.h"

struct image_copy {
	struct progress progress;
	uint64_t total_bytes; /* of all images that are to be copied */
	uint64_t done_bytes;
	int signal_fd;
	struct disk_queue *from, *to;
	void *buffer;
};

/* Starts the clock and lets signals interrupt. @show: draw progress.
 * Returns 0 or -ENOMEM. */
int image_copy_begin(struct image_copy *copy, bool show);
void image_copy_end(struct image_copy *copy);

/* Size of the disk in an image; 0 or a negative errno with @err set. */
int image_copy_size(const char *source, enum disk_format format,
		    uint64_t *size_bytes, struct lis_error *err);

/*
 * Copies what has data of a whole disk, with its parents, into a new image.
 * @options: of the new one; size and sectors are the source's
 * Returns 0; -EINTR: a signal came; or a negative errno, with @err set. Nothing
 * is left of an image that could not be completed.
 */
int image_copy(struct image_copy *copy, const char *source,
	       enum disk_format format, const struct image_options *options,
	       struct lis_error *err);

#endif
