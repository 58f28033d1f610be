/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "image_fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u

/* The valid image: its pages that are not zeros. */
static struct page {
	off_t offset;
	u8 bytes[PAGE];
} * pages;
static size_t page_count;
static off_t file_bytes;

static void template_make(const struct image_fuzz *fuzz)
{
	struct image_options options = {
		.path = "image",
		.format = fuzz->format,
		.size_bytes = IMAGE_FUZZ_SIZE_BYTES,
		.block_bytes = 1u << 20,
	};
	static const u8 zeros[PAGE];
	struct lis_error err;
	struct stat st;
	int fd = memfd_create("template", MFD_CLOEXEC);

	if (fuzz->create(fd, &options, &err) != 0 || fstat(fd, &st) != 0)
		abort();
	file_bytes = st.st_size;
	for (off_t at = 0; at < file_bytes; at += PAGE) {
		u8 bytes[PAGE] = { 0 };
		struct page *grown;

		if (pread(fd, bytes, PAGE, at) <= 0 ||
		    memcmp(bytes, zeros, PAGE) == 0)
			continue;
		grown = realloc(pages, (page_count + 1) * sizeof(*pages));
		if (!grown)
			abort();
		pages = grown;
		pages[page_count].offset = at;
		memcpy(pages[page_count++].bytes, bytes, PAGE);
	}
	close(fd);
}

static int image_make(const struct image_fuzz *fuzz, const u8 *data,
		      size_t size)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	size_t at = 1;

	if (fd < 0 || ftruncate(fd, file_bytes) != 0)
		abort();
	for (size_t i = 0; i < page_count; i++) {
		off_t left = file_bytes - pages[i].offset;

		if (pwrite(fd, pages[i].bytes,
			   left < PAGE ? (size_t)left : PAGE,
			   pages[i].offset) < 0)
			abort();
	}
	while (at + 4 <= size) {
		off_t place = fuzz->places[data[at] % fuzz->place_count];
		size_t bytes = data[at + 3];

		place += data[at + 1] | data[at + 2] << 8;
		at += 4;
		if (bytes > size - at)
			bytes = size - at;
		if (pwrite(fd, data + at, bytes, place) < 0)
			abort();
		at += bytes;
	}
	fuzz->settle(fd, data[0]);
	return fd;
}

/* Whatever opens can be used: requests end, well or not. */
static bool use(const char *path, enum disk_format format, bool read_only)
{
	struct disk_options options = { .path = path,
					.format = format,
					.read_only = read_only,
					.cache = DISK_CACHE_BUFFERED };
	static u8 buffer[1 << 20];
	struct disk_queue *queue;
	struct lis_error err;
	struct disk_info info;
	struct disk *disk;
	u64 last;

	if (disk_open(&disk, &options, &err) != 0)
		return false;
	if (disk_queue_open(&queue, disk, &err) != 0)
		abort();
	disk_info_get(disk, &info);
	last = info.size_bytes - info.sector_bytes;
	disk_transfer(queue, DISK_READ, 0, 0, buffer, info.sector_bytes);
	disk_transfer(queue, DISK_READ, 0, last, buffer, info.sector_bytes);
	disk_transfer(queue, DISK_WRITE, 0, last, buffer, info.sector_bytes);
	disk_transfer(queue, DISK_UNMAP, 0, 0, NULL, last & ~0xfffull);
	disk_transfer(queue, DISK_WRITE, DISK_FUA, 0, buffer, 8192);
	disk_queue_close(queue);
	disk_close(disk);
	return true;
}

int image_fuzz_run(const struct image_fuzz *fuzz, const u8 *data, size_t size)
{
	char path[64];
	bool opened;
	int fd;

	if (!pages)
		template_make(fuzz);
	if (size < 1)
		return 0;
	fd = image_make(fuzz, data, size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	opened = use(path, fuzz->format, data[0] & IMAGE_FUZZ_READ_ONLY);
	/* What was opened for writing and closed well is in order. */
	if (opened && !use(path, fuzz->format, true))
		abort();
	close(fd);
	return 0;
}
