/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * memory.h - the memory of a simulated guest, in pages.
 *
 * Here: pages handed out in no order, mappings of lists of them as a host makes
 * them, and the watch over who still maps what: giving back a page that the
 * host end has mapped ends the test. Not here: anything about VMBus.
 */
#ifndef TESTS_SIM_MEMORY_H
#define TESTS_SIM_MEMORY_H

#include "vmbus/port.h"

struct sim_memory {
	int fd;
	u32 page_count;
	u8 *taken;   /* one for each page */
	u16 *mapped; /* by the host end, how often */
	u64 random;
};

/* Ends the program with a sentence: what a test cannot go on after. */
__attribute__((noreturn, format(printf, 1, 2))) void
sim_fail(const char *format, ...);

/* The next of a sequence that only @state decides (splitmix64). */
u64 sim_random(u64 *state);

/* A number below @limit, which is not 0. */
u32 sim_random_below(u64 *state, u32 limit);

void sim_memory_init(struct sim_memory *memory, u32 page_count, u64 seed);
void sim_memory_fini(struct sim_memory *memory);

/* A zeroed page that nobody has: its frame number. */
u64 sim_page_take(struct sim_memory *memory);
void sim_page_give(struct sim_memory *memory, u64 pfn);

/* Pages in use, and mappings of pages by the host end. */
u32 sim_memory_taken(const struct sim_memory *memory);
u32 sim_memory_mapped(const struct sim_memory *memory);

/*
 * Maps pages in succession; with @mirrored all but the first once more behind,
 * so that what follows the first page wraps by itself. @host: count it as the
 * host end's. NULL: a frame number lies outside of memory.
 */
void *sim_map(struct sim_memory *memory, const u64 *pfns, u32 count,
	      bool mirrored, bool host);
void sim_unmap(struct sim_memory *memory, void *at, const u64 *pfns, u32 count,
	       bool mirrored, bool host);

#endif
