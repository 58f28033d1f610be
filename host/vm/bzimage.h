/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * bzimage.h - what a Linux bzImage says of itself, checked.
 *
 * Here: the setup header (Linux Documentation/arch/x86/boot.rst, asm/
 * bootparam.h). Not here: reading files, guest memory.
 */
#ifndef HOST_VM_BZIMAGE_H
#define HOST_VM_BZIMAGE_H

#include "host/vm/error.h"
#include "vmbus/port.h"

#include <asm/bootparam.h>

/* Enough of the file to see all of the header: it ends below 0x202 + 0xff. */
#define BZIMAGE_HEAD_BYTES 1024
/* No kernel comes near; a bound for what is read into guest memory. */
#define BZIMAGE_MAX_BYTES (1ull << 30)

struct bzimage {
	struct setup_header header; /* copy, with nothing behind its end */
	u64 payload_offset;	    /* in the file: the protected-mode kernel */
	u64 payload_bytes;
	u64 load_gpa;	    /* where it wants to be */
	u64 init_bytes;	    /* memory from load_gpa that it uses at first */
	u64 initrd_max_gpa; /* last address an initrd may use */
	u32 command_line_max_bytes; /* without the terminator */
	u32 entry_offset;	    /* from load_gpa */
	bool long_mode; /* a 64-bit kernel; else it starts in protected mode */
};

/**
 * bzimage_parse - read and check a setup header.
 * @head: the first @head_bytes of the file (all of it, or at least
 *	BZIMAGE_HEAD_BYTES)
 * @file_bytes: size of the whole file
 *
 * Result: 0; -EINVAL with a sentence when it is no bzImage, or one that is cut
 * short or contradicts itself.
 */
int bzimage_parse(struct bzimage *image, const void *head, u32 head_bytes,
		  u64 file_bytes, struct lis_error *err);

/**
 * bzimage_header_make - the least that a kernel wants to find in the setup
 * header of its boot parameters (boot.rst, "The Real-Mode Kernel Header"), for
 * one that came without a header.
 */
void bzimage_header_make(struct setup_header *header);

#endif
