/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * boot.h - puts a Linux kernel, its initrd and what it must know into guest
 * memory, as a boot loader would (Linux Documentation/arch/x86/boot.rst,
 * "32-bit boot protocol", "64-bit boot protocol").
 *
 * Here: the loader and where everything lies. Not here: vCPU registers, what
 * the ACPI tables say.
 */
#ifndef HOST_VM_BOOT_H
#define HOST_VM_BOOT_H

#include "host/vm/bzimage.h"
#include "host/vm/memory.h"

/* Fixed places below 1 MiB. */
#define BOOT_GDT_GPA		    0x1000
#define BOOT_PARAMS_GPA		    0x7000
#define BOOT_PAGE_TABLES_GPA	    0x9000 /* six pages */
#define BOOT_COMMAND_LINE_GPA	    0x20000
#define BOOT_COMMAND_LINE_MAX_BYTES 0x10000
#define BOOT_LOW_END_GPA	    0xa0000 /* ordinary memory up to here */
#define BOOT_ACPI_GPA		    0xe0000
#define BOOT_ACPI_MAX_BYTES	    0x10000
#define BOOT_FIRMWARE_GPA	    0xf0000
#define BOOT_RESET_VECTOR_GPA	    0xffff0
#define BOOT_HIGH_GPA		    0x100000

/* Selectors of the GDT at BOOT_GDT_GPA, as boot.rst wants them. */
#define BOOT_GDT_CODE  0x10
#define BOOT_GDT_DATA  0x18
#define BOOT_GDT_TASK  0x20
#define BOOT_GDT_BYTES 0x30

/* Where and how the first processor starts. */
struct boot_entry {
	u64 gpa;
	bool long_mode; /* else protected mode, without paging */
};

struct boot_files {
	const char *kernel;
	const char *initrd;	  /* NULL: none */
	const char *command_line; /* NULL: empty */
};

/**
 * boot_load - fill guest memory with a kernel and what it needs to start.
 * @memory: zeroed guest memory; ACPI tables go to BOOT_ACPI_GPA by themselves
 * @entry: filled in
 *
 * Result: 0; -EINVAL a file is wrong, memory too small, or the command line
 * too long; errors of open(2) and read(2). The sentence names the file.
 */
int boot_load(struct memory *memory, const struct boot_files *files,
	      struct boot_entry *entry, struct lis_error *err);

/**
 * boot_e820 - the memory map that the guest is told.
 * @table: room for 5 entries
 *
 * Result: number of entries filled.
 */
u32 boot_e820(const struct memory_layout *layout,
	      struct boot_e820_entry *table);

#endif
