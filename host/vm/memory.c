/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/vm/memory.h"

#include "host/vm/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GIB	   (1ull << 30)
#define SHMEM_HUGE "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

void memory_layout_set(struct memory_layout *layout, u64 memory_bytes,
		       u64 gap_bytes, u64 mmio_high_bytes)
{
	u64 gap_gpa = MEMORY_4GIB - gap_bytes;
	u64 top;

	layout->low_bytes = memory_bytes < gap_gpa ? memory_bytes : gap_gpa;
	layout->high_bytes = memory_bytes - layout->low_bytes;
	layout->mmio_low_gpa = gap_gpa;
	layout->mmio_low_bytes = MEMORY_IOAPIC_GPA - gap_gpa;
	top = MEMORY_4GIB + layout->high_bytes;
	layout->mmio_high_gpa = (top + GIB - 1) & ~(GIB - 1);
	layout->mmio_high_bytes = mmio_high_bytes;
}

bool memory_layout_offset(const struct memory_layout *layout, u64 gpa,
			  u64 size_bytes, u64 *offset)
{
	if (gpa < layout->low_bytes) {
		if (size_bytes > layout->low_bytes - gpa)
			return false;
		*offset = gpa;
		return true;
	}
	if (gpa < MEMORY_4GIB)
		return false;
	gpa -= MEMORY_4GIB;
	if (gpa >= layout->high_bytes || size_bytes > layout->high_bytes - gpa)
		return false;
	*offset = layout->low_bytes + gpa;
	return true;
}

/* The kernel marks the setting in force with brackets. */
static int check_huge_pages(struct lis_error *err)
{
	char text[128] = "";
	FILE *file = fopen(SHMEM_HUGE, "re");

	if (file) {
		if (!fgets(text, sizeof(text), file))
			text[0] = 0;
		fclose(file);
	}
	if (!text[0])
		return lis_error_set(err, EOPNOTSUPP,
				     "cannot use huge pages: this kernel has "
				     "no " SHMEM_HUGE);
	if (strstr(text, "[never]") || strstr(text, "[deny]"))
		return lis_error_set(err, EOPNOTSUPP,
				     "cannot use huge pages: they are off for "
				     "shared memory; as root, write \"advise\" "
				     "to " SHMEM_HUGE);
	return 0;
}

/* A mapping whose start is 2 MiB aligned, else THP cannot be used. */
static void *map_aligned(int fd, u64 size_bytes)
{
	u64 room = size_bytes + MEMORY_HUGE_PAGE_BYTES;
	u8 *raw, *at;

	raw = mmap(NULL, room, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw == MAP_FAILED)
		return NULL;
	at = (u8 *)(((uintptr_t)raw + MEMORY_HUGE_PAGE_BYTES - 1) &
		    ~(MEMORY_HUGE_PAGE_BYTES - 1));
	if (mmap(at, size_bytes, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0) == MAP_FAILED) {
		munmap(raw, room);
		return NULL;
	}
	if (at != raw)
		munmap(raw, (size_t)(at - raw));
	munmap(at + size_bytes, room - size_bytes - (size_t)(at - raw));
	return at;
}

int memory_create(struct memory *memory, const struct memory_layout *layout,
		  bool huge_pages, struct lis_error *err)
{
	u64 total = layout->low_bytes + layout->high_bytes;
	int ret;

	memset(memory, 0, sizeof(*memory));
	memory->fd = -1;
	memory->layout = *layout;
	memory->total_bytes = total;
	if (huge_pages) {
		ret = check_huge_pages(err);
		if (ret)
			return ret;
	}
	memory->fd =
		memfd_create("guest-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memory->fd < 0)
		goto fail;
	if (ftruncate(memory->fd, (off_t)total) ||
	    fcntl(memory->fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto fail;
	memory->base = map_aligned(memory->fd, total);
	if (!memory->base)
		goto fail;
	if (madvise(memory->base, total, MADV_DONTDUMP))
		goto fail;
	/*
	 * Asked for or not: where the computer's owner lets shared memory have
	 * huge pages, a guest starts and runs faster with them.
	 */
	if (madvise(memory->base, total, MADV_HUGEPAGE) && huge_pages)
		goto fail;
	return 0;
fail:
	ret = lis_error_set(err, errno,
			    "cannot allocate %llu MiB of guest memory: %s",
			    (unsigned long long)(total >> 20), strerror(errno));
	memory_destroy(memory);
	return ret;
}

void memory_destroy(struct memory *memory)
{
	if (memory->base)
		munmap(memory->base, memory->total_bytes);
	/* A zeroed struct has fd 0, which is never a memfd of ours. */
	if (memory->fd > 0)
		close(memory->fd);
	memory->base = NULL;
	memory->fd = -1;
}

void *memory_at(const struct memory *memory, u64 gpa, u64 size_bytes)
{
	u64 offset;

	if (!size_bytes ||
	    !memory_layout_offset(&memory->layout, gpa, size_bytes, &offset))
		return NULL;
	return memory->base + offset;
}

/* Pages that the view takes up, without its guard pages. */
static u64 view_pages(u32 count, bool mirrored)
{
	return mirrored ? 2ull * count - 1 : count;
}

/* Map @count pages at @at, one mmap for each run of neighbours. */
static int map_runs(const struct memory *memory, u8 *at, const u64 *pfns,
		    u32 count)
{
	u32 first = 0;

	while (first < count) {
		u64 offset;
		u32 run = 1;

		while (first + run < count &&
		       pfns[first + run] == pfns[first] + run)
			run++;
		/* A run over the gap would not be neighbours in the memfd. */
		if (pfns[first] > UINT64_MAX / MEMORY_PAGE_BYTES ||
		    !memory_layout_offset(&memory->layout,
					  pfns[first] * MEMORY_PAGE_BYTES,
					  run * MEMORY_PAGE_BYTES, &offset))
			return -EFAULT;
		if (mmap(at + first * MEMORY_PAGE_BYTES,
			 run * MEMORY_PAGE_BYTES, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, memory->fd,
			 (off_t)offset) == MAP_FAILED)
			return -ENOMEM;
		first += run;
	}
	return 0;
}

int memory_map_pages(const struct memory *memory, const u64 *pfns, u32 count,
		     bool mirrored, void **at)
{
	u64 pages = view_pages(count, mirrored);
	u8 *raw, *view;
	int ret;

	if (!count || count > MACHINE_MAP_PAGES_MAX || (mirrored && count < 2))
		return -EINVAL;
	/* What stays PROT_NONE at both ends is the guard. */
	raw = mmap(NULL, (pages + 2) * MEMORY_PAGE_BYTES, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw == MAP_FAILED)
		return -ENOMEM;
	view = raw + MEMORY_PAGE_BYTES;
	ret = map_runs(memory, view, pfns, count);
	if (!ret && mirrored)
		ret = map_runs(memory, view + count * MEMORY_PAGE_BYTES,
			       pfns + 1, count - 1);
	if (ret) {
		munmap(raw, (pages + 2) * MEMORY_PAGE_BYTES);
		return ret;
	}
	*at = view;
	return 0;
}

void memory_unmap_pages(void *at, u32 count, bool mirrored)
{
	if (!at)
		return;
	munmap((u8 *)at - MEMORY_PAGE_BYTES,
	       (view_pages(count, mirrored) + 2) * MEMORY_PAGE_BYTES);
}
