/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/bzimage.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define HEADER_OFFSET offsetof(struct boot_params, hdr)
/* boot.rst: the byte at 0x201 is how far behind 0x202 the header ends. */
#define JUMP_OFFSET  0x201
#define MAGIC_OFFSET 0x202
#define SECTOR_BYTES 512u
#define BOOT_FLAG    0xaa55
#define HEADER_MAGIC 0x53726448 /* HdrS */
/* 2.12 (Linux 3.8) brought xloadflags. */
#define PROTOCOL_MIN 0x020c
/* boot.rst: the 64-bit entry point lies this far into the kernel; the 32-bit
 * one is its beginning. */
#define ENTRY64_OFFSET	0x200
#define LOWEST_LOAD_GPA 0x100000ull
/* boot.rst: what every kernel may be aligned to at least. */
#define LOAD_ALIGN_BYTES 4096ull

static int bad(struct lis_error *err, const char *why)
{
	return lis_error_set(err, EINVAL, "not a usable bzImage: %s", why);
}

static int check_version(const struct setup_header *header,
			 struct lis_error *err)
{
	if (header->version < PROTOCOL_MIN)
		return lis_error_set(err, EINVAL,
				     "not a usable bzImage: boot protocol "
				     "%u.%u is older than 2.12",
				     header->version >> 8,
				     header->version & 0xff);
	if (!(header->loadflags & LOADED_HIGH))
		return bad(err, "it loads below 1 MiB (a zImage)");
	return 0;
}

static int check_placement(const struct bzimage *image, struct lis_error *err)
{
	if (image->load_gpa < LOWEST_LOAD_GPA ||
	    image->load_gpa % LOAD_ALIGN_BYTES)
		return bad(err, "its preferred address is below 1 MiB or not "
				"aligned");
	if (image->load_gpa >= UINT32_MAX)
		return bad(err, "its preferred address is above 4 GiB");
	if (image->init_bytes < image->payload_bytes)
		return bad(err, "it claims to need less memory than it has "
				"bytes");
	return 0;
}

int bzimage_parse(struct bzimage *image, const void *head, u32 head_bytes,
		  u64 file_bytes, struct lis_error *err)
{
	struct setup_header *header = &image->header;
	const u8 *bytes = head;
	u32 end, setup_bytes;
	int ret;

	memset(image, 0, sizeof(*image));
	if (head_bytes < BZIMAGE_HEAD_BYTES || file_bytes < head_bytes)
		return bad(err, "the file is too short");
	if (file_bytes > BZIMAGE_MAX_BYTES)
		return bad(err, "the file is larger than 1 GiB");
	end = MAGIC_OFFSET + bytes[JUMP_OFFSET];
	if (end > HEADER_OFFSET + sizeof(*header))
		end = HEADER_OFFSET + sizeof(*header);
	memcpy(header, bytes + HEADER_OFFSET, end - HEADER_OFFSET);
	if (header->boot_flag != BOOT_FLAG || header->header != HEADER_MAGIC)
		return bad(err, "the boot signature is missing");
	ret = check_version(header, err);
	if (ret)
		return ret;
	if (end < HEADER_OFFSET + offsetof(struct setup_header, init_size) +
			  sizeof(header->init_size))
		return bad(err, "the setup header is cut short");

	/* boot.rst: 0 means 4, for old kernels. */
	setup_bytes = (header->setup_sects ? header->setup_sects : 4) + 1;
	setup_bytes *= SECTOR_BYTES;
	image->long_mode = header->xloadflags & XLF_KERNEL_64;
	image->entry_offset = image->long_mode ? ENTRY64_OFFSET : 0;
	if (setup_bytes + ENTRY64_OFFSET >= file_bytes)
		return bad(err, "the file ends before the kernel begins");
	image->payload_offset = setup_bytes;
	image->payload_bytes = file_bytes - setup_bytes;
	if (header->syssize * 16ull > image->payload_bytes)
		return bad(err, "the file is cut short");
	image->load_gpa = header->pref_address;
	image->init_bytes = header->init_size;
	image->initrd_max_gpa = header->initrd_addr_max;
	image->command_line_max_bytes = header->cmdline_size;
	return check_placement(image, err);
}

void bzimage_header_make(struct setup_header *header)
{
	*header = (struct setup_header){
		.boot_flag = BOOT_FLAG,
		.header = HEADER_MAGIC,
		.version = PROTOCOL_MIN,
		.loadflags = LOADED_HIGH,
	};
}
