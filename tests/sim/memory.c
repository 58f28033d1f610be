/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/sim/memory.h"

#define PAGE 4096u

void sim_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("simulation: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

u64 sim_random(u64 *state)
{
	u64 z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

u32 sim_random_below(u64 *state, u32 limit)
{
	return (u32)(sim_random(state) % limit);
}

void sim_memory_init(struct sim_memory *memory, u32 page_count, u64 seed)
{
	memory->fd = memfd_create("sim", MFD_CLOEXEC);
	memory->page_count = page_count;
	memory->taken = calloc(page_count, sizeof(*memory->taken));
	memory->mapped = calloc(page_count, sizeof(*memory->mapped));
	memory->random = seed;
	if (memory->fd < 0 || !memory->taken || !memory->mapped ||
	    ftruncate(memory->fd, (off_t)page_count * PAGE))
		sim_fail("no memory for %u pages", page_count);
}

void sim_memory_fini(struct sim_memory *memory)
{
	free(memory->taken);
	free(memory->mapped);
	close(memory->fd);
}

u64 sim_page_take(struct sim_memory *memory)
{
	static const u8 zero[PAGE];
	u32 start = sim_random_below(&memory->random, memory->page_count);
	u32 i;

	for (i = 0; i < memory->page_count; i++) {
		u32 page = (start + i) % memory->page_count;

		if (memory->taken[page])
			continue;
		memory->taken[page] = 1;
		if (pwrite(memory->fd, zero, PAGE, (off_t)page * PAGE) != PAGE)
			sim_fail("page %u cannot be cleared", page);
		return page;
	}
	sim_fail("all %u pages are taken", memory->page_count);
}

void sim_page_give(struct sim_memory *memory, u64 pfn)
{
	if (pfn >= memory->page_count || !memory->taken[pfn])
		sim_fail("page %llu is given back but was not taken",
			 (unsigned long long)pfn);
	if (memory->mapped[pfn])
		sim_fail("page %llu is the guest's again, the host maps it",
			 (unsigned long long)pfn);
	memory->taken[pfn] = 0;
}

u32 sim_memory_taken(const struct sim_memory *memory)
{
	u32 i, count = 0;

	for (i = 0; i < memory->page_count; i++)
		count += memory->taken[i];
	return count;
}

u32 sim_memory_mapped(const struct sim_memory *memory)
{
	u32 i, count = 0;

	for (i = 0; i < memory->page_count; i++)
		count += memory->mapped[i];
	return count;
}

static size_t map_bytes(u32 count, bool mirrored)
{
	return (size_t)(mirrored ? 2 * count - 1 : count) * PAGE;
}

static void map_page(const struct sim_memory *memory, u8 *at, u64 pfn)
{
	if (mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 memory->fd, (off_t)pfn * PAGE) == MAP_FAILED)
		sim_fail("page %llu cannot be mapped", (unsigned long long)pfn);
}

void *sim_map(struct sim_memory *memory, const u64 *pfns, u32 count,
	      bool mirrored, bool host)
{
	u8 *at;
	u32 i;

	for (i = 0; i < count; i++)
		if (pfns[i] >= memory->page_count)
			return NULL;
	at = mmap(NULL, map_bytes(count, mirrored), PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		sim_fail("no address space for %u pages", count);
	for (i = 0; i < count; i++) {
		map_page(memory, at + (size_t)i * PAGE, pfns[i]);
		if (mirrored && i)
			map_page(memory, at + (size_t)(count - 1 + i) * PAGE,
				 pfns[i]);
		if (host)
			memory->mapped[pfns[i]]++;
	}
	return at;
}

void sim_unmap(struct sim_memory *memory, void *at, const u64 *pfns, u32 count,
	       bool mirrored, bool host)
{
	u32 i;

	munmap(at, map_bytes(count, mirrored));
	for (i = 0; host && i < count; i++)
		memory->mapped[pfns[i]]--;
}
