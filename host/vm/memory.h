/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * memory.h - the guest's physical memory: one memfd, where it lies in guest
 * physical space, and views of it.
 *
 * Here: addresses, bounds, mappings. Not here: KVM, what is put in the memory.
 */
#ifndef HOST_VM_MEMORY_H
#define HOST_VM_MEMORY_H

#include "host/vm/error.h"
#include "vmbus/port.h"

#define MEMORY_PAGE_BYTES      4096ull
#define MEMORY_HUGE_PAGE_BYTES (2ull << 20)
#define MEMORY_4GIB	       (4ull << 30)
/* Where the I/O APIC begins (82093AA datasheet); the top of the low window. */
#define MEMORY_IOAPIC_GPA 0xfec00000ull

/*
 * Guest physical space: memory from 0 to low_bytes, MMIO up to 4 GiB, memory
 * from 4 GiB for high_bytes, then the high MMIO window. In the memfd the two
 * parts of memory follow each other.
 */
struct memory_layout {
	u64 low_bytes;
	u64 high_bytes;
	u64 mmio_low_gpa;
	u64 mmio_low_bytes; /* up to MEMORY_IOAPIC_GPA */
	u64 mmio_high_gpa;
	u64 mmio_high_bytes;
};

struct memory {
	struct memory_layout layout;
	u64 total_bytes;
	int fd;
	u8 *base; /* all of the memfd, 2 MiB aligned */
};

/**
 * memory_layout_set - lay memory and MMIO windows out.
 * @memory_bytes: all memory, a multiple of 2 MiB
 * @gap_bytes: room kept free below 4 GiB, a multiple of 2 MiB, more than the
 *	20 MiB from the I/O APIC up
 * @mmio_high_bytes: size of the high window; it begins at a multiple of 1 GiB
 */
void memory_layout_set(struct memory_layout *layout, u64 memory_bytes,
		       u64 gap_bytes, u64 mmio_high_bytes);

/**
 * memory_layout_offset - where guest physical memory lies in the memfd.
 *
 * Result: true and *@offset when all @size_bytes (at least 1) from @gpa are
 * memory without a gap between.
 */
bool memory_layout_offset(const struct memory_layout *layout, u64 gpa,
			  u64 size_bytes, u64 *offset);

/**
 * memory_create - allocate guest memory: sealed against resizing, not in core
 * dumps, zero.
 * @huge_pages: fail where shared memory cannot have 2 MiB pages; without it
 *	they are used where they can be had
 *
 * Result: 0; -EOPNOTSUPP no huge pages; errors of memfd_create, ftruncate,
 * mmap and madvise.
 */
int memory_create(struct memory *memory, const struct memory_layout *layout,
		  bool huge_pages, struct lis_error *err);

/** memory_destroy - free it; safe on a zeroed or failed struct. */
void memory_destroy(struct memory *memory);

/** memory_at - see machine_memory. */
void *memory_at(const struct memory *memory, u64 gpa, u64 size_bytes);

/** memory_map_pages - see machine_map_pages. */
int memory_map_pages(const struct memory *memory, const u64 *pfns, u32 count,
		     bool mirrored, void **at);

/** memory_unmap_pages - see machine_unmap_pages. */
void memory_unmap_pages(void *at, u32 count, bool mirrored);

#endif
