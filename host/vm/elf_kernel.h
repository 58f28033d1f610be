/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * elf_kernel.h - what an unpacked Linux kernel (vmlinux) says of itself,
 * checked.
 *
 * Here: ELF headers of a kernel for x86 (System V ABI, "Object Files", "Program
 * Header"). Not here: reading files, guest memory, packed kernels (bzimage.h).
 */
#ifndef HOST_VM_ELF_KERNEL_H
#define HOST_VM_ELF_KERNEL_H

#include "host/vm/error.h"
#include "vmbus/port.h"

#define ELF_SEGMENTS_MAX 12

/* Bytes of the file that belong at a physical address. */
struct elf_segment {
	u64 gpa;
	u64 offset;
	u64 file_bytes;
};

struct elf_kernel {
	u32 segment_count;
	struct elf_segment segments[ELF_SEGMENTS_MAX];
	u64 load_gpa;  /* the lowest address, 1 MiB or above */
	u64 end_gpa;   /* behind the last byte, at most 4 GiB; zeros included */
	u64 entry_gpa; /* in between */
	bool long_mode; /* a 64-bit kernel; else it starts in protected mode */
};

/**
 * elf_is - whether a file begins as ELF does.
 * @head: the first @head_bytes of it
 */
bool elf_is(const void *head, u32 head_bytes);

/**
 * elf_parse - read and check the headers of a kernel.
 * @head: the first @head_bytes of the file, program headers included (those of
 *	a kernel lie behind the ELF header)
 * @file_bytes: size of the whole file
 *
 * Result: 0; -EINVAL with a sentence when it is no kernel for x86 that is
 * linked to physical addresses between 1 MiB and 4 GiB, or contradicts itself.
 */
int elf_parse(struct elf_kernel *kernel, const void *head, u32 head_bytes,
	      u64 file_bytes, struct lis_error *err);

#endif
