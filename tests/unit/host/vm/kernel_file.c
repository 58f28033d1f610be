/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "tests/unit/host/vm/kernel_file.h"

#include <string.h>

void kernel_file_set(u8 *bytes, enum kernel_file_field field, u64 value,
		     u32 size)
{
	memcpy(bytes + field, &value, size);
}

void kernel_file_fill(u8 *bytes)
{
	u32 i;

	memset(bytes, 0, KERNEL_FILE_SETUP_BYTES);
	for (i = 0; i < KERNEL_FILE_CODE_BYTES; i++)
		bytes[KERNEL_FILE_SETUP_BYTES + i] = (u8)i;
	kernel_file_set(bytes, KERNEL_FILE_SETUP_SECTS, 3, 1);
	kernel_file_set(bytes, KERNEL_FILE_SYSSIZE, KERNEL_FILE_CODE_BYTES / 16,
			4);
	kernel_file_set(bytes, KERNEL_FILE_BOOT_FLAG, 0xaa55, 2);
	kernel_file_set(bytes, KERNEL_FILE_JUMP, 0x6a, 1);
	memcpy(bytes + KERNEL_FILE_MAGIC, "HdrS", 4);
	kernel_file_set(bytes, KERNEL_FILE_VERSION, 0x020f, 2);
	kernel_file_set(bytes, KERNEL_FILE_LOADFLAGS, 1, 1);
	kernel_file_set(bytes, KERNEL_FILE_INITRD_ADDR_MAX,
			KERNEL_FILE_INITRD_MAX, 4);
	kernel_file_set(bytes, KERNEL_FILE_XLOADFLAGS, 1, 2);
	kernel_file_set(bytes, KERNEL_FILE_CMDLINE_SIZE,
			KERNEL_FILE_COMMAND_LINE_MAX, 4);
	kernel_file_set(bytes, KERNEL_FILE_PREF_ADDRESS, KERNEL_FILE_LOAD_GPA,
			8);
	kernel_file_set(bytes, KERNEL_FILE_INIT_SIZE, KERNEL_FILE_INIT_BYTES,
			4);
}
