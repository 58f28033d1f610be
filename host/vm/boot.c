/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/vm/boot.h"

#include "host/vm/acpi.h"
#include "host/vm/elf_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* boot.rst: type_of_loader of a loader without an assigned number. */
#define LOADER_UNDEFINED 0xff
/* Address range types of ACPI 6.4 table 15.2. */
#define E820_MEMORY   1
#define E820_RESERVED 2
#define E820_ACPI     3

/* x86-64 page table bits (AMD64 manual volume 2, 5.3). */
#define PAGE_PRESENT  0x1ull
#define PAGE_WRITE    0x2ull
#define PAGE_HUGE     0x80ull
#define TABLE_ENTRIES 512
#define IDENTITY_GIB  4

/* boot.rst: the last address of an initrd that a kernel takes when its header
 * does not say; the header of an unpacked kernel is gone. */
#define INITRD_MAX_GPA_64 0x7fffffffull
#define INITRD_MAX_GPA_32 0x37ffffffull
/* COMMAND_LINE_SIZE of arch/x86, less the terminator. */
#define COMMAND_LINE_MAX_BYTES 2047

struct boot_file {
	const char *path;
	int fd;
	u64 size_bytes;
};

static void file_close(struct boot_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

static int file_open(struct boot_file *file, const char *path,
		     struct lis_error *err)
{
	struct stat status;

	file->path = path;
	/* Non-blocking, so that a pipe put in place of a file cannot hang. */
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file->fd < 0)
		return lis_error_set(err, errno, "cannot open %s: %s", path,
				     strerror(errno));
	if (fstat(file->fd, &status) || !S_ISREG(status.st_mode)) {
		file_close(file);
		return lis_error_set(err, EINVAL,
				     "cannot use %s: not a regular file", path);
	}
	file->size_bytes = (u64)status.st_size;
	return 0;
}

static int file_read(const struct boot_file *file, void *to, u64 size_bytes,
		     u64 offset, struct lis_error *err)
{
	u8 *at = to;

	while (size_bytes) {
		ssize_t got = pread(file->fd, at, size_bytes, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return lis_error_set(err, errno, "cannot read %s: %s",
					     file->path, strerror(errno));
		if (!got)
			return lis_error_set(err, EINVAL,
					     "cannot read %s: it became "
					     "shorter while it was read",
					     file->path);
		at += got;
		offset += (u64)got;
		size_bytes -= (u64)got;
	}
	return 0;
}

static int too_little_memory(const struct memory *memory,
			     const struct boot_file *file,
			     const struct bzimage *image, struct lis_error *err)
{
	u64 end = image->load_gpa + image->init_bytes;

	if (end <= memory->layout.low_bytes)
		return 0;
	return lis_error_set(
		err, EINVAL,
		"%s needs at least %llu MiB of memory below the MMIO window, "
		"the machine has %llu MiB",
		file->path, (unsigned long long)(end >> 20) + 1,
		(unsigned long long)(memory->layout.low_bytes >> 20));
}

static int load_bzimage(struct memory *memory, const struct boot_file *file,
			const u8 *head, u32 head_bytes, struct bzimage *image,
			struct lis_error *err)
{
	int ret = bzimage_parse(image, head, head_bytes, file->size_bytes, err);

	if (ret)
		return lis_error_prefix(err, ret, "%s", file->path);
	ret = too_little_memory(memory, file, image, err);
	if (ret)
		return ret;
	return file_read(file, memory->base + image->load_gpa,
			 image->payload_bytes, image->payload_offset, err);
}

/* What the header of a bzImage with this kernel in it would say. */
static void image_of_elf(const struct elf_kernel *kernel, struct bzimage *image)
{
	memset(image, 0, sizeof(*image));
	bzimage_header_make(&image->header);
	image->load_gpa = kernel->load_gpa;
	image->init_bytes = kernel->end_gpa - kernel->load_gpa;
	image->initrd_max_gpa =
		kernel->long_mode ? INITRD_MAX_GPA_64 : INITRD_MAX_GPA_32;
	image->command_line_max_bytes = COMMAND_LINE_MAX_BYTES;
	image->entry_offset = (u32)(kernel->entry_gpa - kernel->load_gpa);
	image->long_mode = kernel->long_mode;
}

static int load_elf(struct memory *memory, const struct boot_file *file,
		    const u8 *head, u32 head_bytes, struct bzimage *image,
		    struct lis_error *err)
{
	struct elf_kernel kernel;
	int ret = elf_parse(&kernel, head, head_bytes, file->size_bytes, err);

	if (ret)
		return lis_error_prefix(err, ret, "%s", file->path);
	image_of_elf(&kernel, image);
	ret = too_little_memory(memory, file, image, err);
	for (u32 i = 0; !ret && i < kernel.segment_count; i++) {
		const struct elf_segment *segment = &kernel.segments[i];

		ret = file_read(file, memory->base + segment->gpa,
				segment->file_bytes, segment->offset, err);
	}
	return ret;
}

static int load_kernel(struct memory *memory, const struct boot_file *file,
		       struct bzimage *image, struct lis_error *err)
{
	u8 head[BZIMAGE_HEAD_BYTES];
	u32 head_bytes = sizeof(head);
	int ret;

	if (file->size_bytes < head_bytes)
		head_bytes = (u32)file->size_bytes;
	ret = file_read(file, head, head_bytes, 0, err);
	if (ret)
		return ret;
	return (elf_is(head, head_bytes) ? load_elf : load_bzimage)(
		memory, file, head, head_bytes, image, err);
}

/* As high as it may be: the kernel unpacks itself from below. */
static int load_initrd(struct memory *memory, const struct boot_file *file,
		       const struct bzimage *image, u64 *gpa,
		       struct lis_error *err)
{
	u64 lowest = image->load_gpa + image->init_bytes;
	u64 top = memory->layout.low_bytes;

	if (top > image->initrd_max_gpa + 1)
		top = image->initrd_max_gpa + 1;
	if (!file->size_bytes)
		return lis_error_set(err, EINVAL, "%s is empty", file->path);
	if (top < lowest || file->size_bytes > top - lowest)
		return lis_error_set(
			err, EINVAL,
			"%s has %llu MiB, which do not fit beside the kernel: "
			"give the machine more memory",
			file->path,
			(unsigned long long)(file->size_bytes >> 20) + 1);
	*gpa = (top - file->size_bytes) & ~(MEMORY_PAGE_BYTES - 1);
	if (*gpa < lowest)
		return lis_error_set(err, EINVAL,
				     "%s does not fit beside the kernel: give "
				     "the machine more memory",
				     file->path);
	return file_read(file, memory->base + *gpa, file->size_bytes, 0, err);
}

static int load_command_line(struct memory *memory, const char *text,
			     const struct bzimage *image, struct lis_error *err)
{
	u64 limit = image->command_line_max_bytes;
	u64 length = strlen(text);

	if (limit > BOOT_COMMAND_LINE_MAX_BYTES - 1)
		limit = BOOT_COMMAND_LINE_MAX_BYTES - 1;
	if (length > limit)
		return lis_error_set(err, EINVAL,
				     "the kernel command line has %llu bytes, "
				     "this kernel takes at most %llu",
				     (unsigned long long)length,
				     (unsigned long long)limit);
	memcpy(memory->base + BOOT_COMMAND_LINE_GPA, text, length + 1);
	return 0;
}

u32 boot_e820(const struct memory_layout *layout, struct boot_e820_entry *table)
{
	const struct boot_e820_entry all[] = {
		{ 0, BOOT_LOW_END_GPA, E820_MEMORY },
		{ BOOT_ACPI_GPA, BOOT_ACPI_MAX_BYTES, E820_ACPI },
		{ BOOT_FIRMWARE_GPA, BOOT_HIGH_GPA - BOOT_FIRMWARE_GPA,
		  E820_RESERVED },
		{ BOOT_HIGH_GPA, layout->low_bytes - BOOT_HIGH_GPA,
		  E820_MEMORY },
		{ MEMORY_4GIB, layout->high_bytes, E820_MEMORY },
	};
	u32 count = PORT_ARRAY_SIZE(all) - !layout->high_bytes;

	memcpy(table, all, count * sizeof(*table));
	return count;
}

static void write_params(struct memory *memory, const struct bzimage *image,
			 u64 initrd_gpa, u64 initrd_bytes)
{
	struct boot_params params = { 0 };

	params.hdr = image->header;
	params.hdr.type_of_loader = LOADER_UNDEFINED;
	params.hdr.code32_start = (u32)image->load_gpa;
	params.hdr.ramdisk_image = (u32)initrd_gpa;
	params.hdr.ramdisk_size = (u32)initrd_bytes;
	params.hdr.cmd_line_ptr = BOOT_COMMAND_LINE_GPA;
	params.acpi_rsdp_addr = BOOT_ACPI_GPA;
	params.e820_entries = (u8)boot_e820(&memory->layout, params.e820_table);
	memcpy(memory->base + BOOT_PARAMS_GPA, &params, sizeof(params));
}

/* Identity mapping of the first 4 GiB by 2 MiB pages. */
static void write_page_tables(struct memory *memory)
{
	u64 *top = (u64 *)(memory->base + BOOT_PAGE_TABLES_GPA);
	u64 *gibs = top + TABLE_ENTRIES;
	u64 *pages = gibs + TABLE_ENTRIES;
	u64 gpa = BOOT_PAGE_TABLES_GPA + MEMORY_PAGE_BYTES;
	u32 i;

	top[0] = gpa | PAGE_PRESENT | PAGE_WRITE;
	for (i = 0; i < IDENTITY_GIB; i++) {
		gpa += MEMORY_PAGE_BYTES;
		gibs[i] = gpa | PAGE_PRESENT | PAGE_WRITE;
	}
	for (i = 0; i < IDENTITY_GIB * TABLE_ENTRIES; i++)
		pages[i] = i * MEMORY_HUGE_PAGE_BYTES | PAGE_PRESENT |
			   PAGE_WRITE | PAGE_HUGE;
}

/* Flat code, flat data, and the task segment that VMX insists on. */
static void write_gdt(struct memory *memory, bool long_mode)
{
	u64 *gdt = (u64 *)(memory->base + BOOT_GDT_GPA);

	gdt[BOOT_GDT_CODE / 8] =
		long_mode ? 0x00af9b000000ffffull : 0x00cf9b000000ffffull;
	gdt[BOOT_GDT_DATA / 8] = 0x00cf93000000ffffull;
	gdt[BOOT_GDT_TASK / 8] = 0x00008b000000ffffull;
}

/*
 * All the firmware there is. Linux on a reduced hardware machine resets it by
 * EFI, and where there is none by a jump to the PC's reset vector in real mode:
 * mov dx, port; mov al, value; out dx, al; hlt; jmp to the hlt.
 */
static void write_reset_vector(struct memory *memory)
{
	static const u8 code[] = {
		0xba,
		ACPI_RESET_PORT & 0xff,
		ACPI_RESET_PORT >> 8,
		0xb0,
		ACPI_RESET_VALUE,
		0xee,
		0xf4,
		0xeb,
		0xfd,
	};

	memcpy(memory->base + BOOT_RESET_VECTOR_GPA, code, sizeof(code));
}

static int load_files(struct memory *memory, const struct boot_files *files,
		      struct boot_file *kernel, struct boot_file *initrd,
		      struct boot_entry *entry, struct lis_error *err)
{
	struct bzimage image;
	u64 initrd_gpa = 0;
	int ret;

	ret = file_open(kernel, files->kernel, err);
	if (ret)
		return ret;
	ret = load_kernel(memory, kernel, &image, err);
	if (ret)
		return ret;
	if (files->initrd) {
		ret = file_open(initrd, files->initrd, err);
		if (ret)
			return ret;
		ret = load_initrd(memory, initrd, &image, &initrd_gpa, err);
		if (ret)
			return ret;
	}
	ret = load_command_line(memory,
				files->command_line ? files->command_line : "",
				&image, err);
	if (ret)
		return ret;
	write_params(memory, &image, initrd_gpa, initrd->size_bytes);
	entry->gpa = image.load_gpa + image.entry_offset;
	entry->long_mode = image.long_mode;
	return 0;
}

int boot_load(struct memory *memory, const struct boot_files *files,
	      struct boot_entry *entry, struct lis_error *err)
{
	struct boot_file kernel = { .fd = -1 };
	struct boot_file initrd = { .fd = -1 };
	int ret;

	ret = load_files(memory, files, &kernel, &initrd, entry, err);
	file_close(&kernel);
	file_close(&initrd);
	if (ret)
		return ret;
	write_page_tables(memory);
	write_gdt(memory, entry->long_mode);
	write_reset_vector(memory);
	return 0;
}
