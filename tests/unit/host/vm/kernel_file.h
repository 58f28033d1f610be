/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * kernel_file.h - a bzImage made for tests: a true header and no kernel.
 */
#ifndef TESTS_UNIT_HOST_VM_KERNEL_FILE_H
#define TESTS_UNIT_HOST_VM_KERNEL_FILE_H

#include "vmbus/port.h"

#define KERNEL_FILE_SETUP_BYTES	     2048 /* three sectors and the first */
#define KERNEL_FILE_CODE_BYTES	     8192
#define KERNEL_FILE_BYTES	     (KERNEL_FILE_SETUP_BYTES + KERNEL_FILE_CODE_BYTES)
#define KERNEL_FILE_LOAD_GPA	     0x1000000ull
#define KERNEL_FILE_INIT_BYTES	     0x200000ull
#define KERNEL_FILE_COMMAND_LINE_MAX 255
#define KERNEL_FILE_INITRD_MAX	     0x37ffffffu

/* Places of the fields (Linux Documentation/arch/x86/boot.rst). */
enum kernel_file_field {
	KERNEL_FILE_SETUP_SECTS = 0x1f1,
	KERNEL_FILE_SYSSIZE = 0x1f4,
	KERNEL_FILE_BOOT_FLAG = 0x1fe,
	KERNEL_FILE_JUMP = 0x201,
	KERNEL_FILE_MAGIC = 0x202,
	KERNEL_FILE_VERSION = 0x206,
	KERNEL_FILE_LOADFLAGS = 0x211,
	KERNEL_FILE_INITRD_ADDR_MAX = 0x22c,
	KERNEL_FILE_XLOADFLAGS = 0x236,
	KERNEL_FILE_CMDLINE_SIZE = 0x238,
	KERNEL_FILE_PREF_ADDRESS = 0x258,
	KERNEL_FILE_INIT_SIZE = 0x260,
};

/** kernel_file_fill - write KERNEL_FILE_BYTES; byte n of the code is n. */
void kernel_file_fill(u8 *bytes);

/** kernel_file_set - overwrite a field of @size bytes, little-endian. */
void kernel_file_set(u8 *bytes, enum kernel_file_field field, u64 value,
		     u32 size);

#endif
