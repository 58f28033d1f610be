/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "tests/unit/vmbus/ring_memory.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static u8 *map_twice(u32 size_bytes)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);
	u8 *at = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (ftruncate(fd, size_bytes) == 0)
		at = mmap(NULL, 2 * (size_t)size_bytes, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at != MAP_FAILED &&
	    (mmap(at, size_bytes, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
	     mmap(at + size_bytes, size_bytes, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)) {
		munmap(at, 2 * (size_t)size_bytes);
		at = MAP_FAILED;
	}
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

bool ring_memory_create(struct ring_memory *memory, u32 size_bytes,
			bool mirrored)
{
	*memory = (struct ring_memory){
		.header = aligned_alloc(RING_HEADER_BYTES, RING_HEADER_BYTES),
		.data = mirrored ? map_twice(size_bytes)
				 : calloc(1, size_bytes),
		.size_bytes = size_bytes,
		.mirrored = mirrored,
	};
	if (!memory->header || !memory->data) {
		ring_memory_destroy(memory);
		return false;
	}
	ring_format(memory->header);
	return true;
}

void ring_memory_destroy(struct ring_memory *memory)
{
	free(memory->header);
	if (!memory->mirrored)
		free(memory->data);
	else if (memory->data)
		munmap(memory->data, 2 * (size_t)memory->size_bytes);
	*memory = (struct ring_memory){ 0 };
}
