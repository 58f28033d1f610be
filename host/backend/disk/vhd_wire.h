/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vhd_wire.h - what lies where in a VHD file.
 *
 * Here: layouts and constants of Microsoft's "Virtual Hard Disk Image Format
 * Specification", 1.0. Not here: what is done with them. All numbers are
 * big-endian.
 */
#ifndef HOST_BACKEND_DISK_VHD_WIRE_H
#define HOST_BACKEND_DISK_VHD_WIRE_H

#include "vmbus/port.h"

#define VHD_SECTOR_BYTES 512u

#define VHD_COOKIE_FOOTER 0x636f6e6563746978ull /* "conectix" */
#define VHD_COOKIE_HEADER 0x6378737061727365ull /* "cxsparse" */
#define VHD_VERSION	  0x00010000u
#define VHD_FEATURES	  2u /* a bit that is always set */
#define VHD_NOWHERE	  (~0ull)

/*
 * Programs take the disk's size from the footer only when they know the
 * creator; for others they take it from the geometry, which is less exact.
 */
#define VHD_CREATOR	  0x77696e20u /* "win " */
#define VHD_CREATOR_OS	  0x5769326bu /* "Wi2k" */
#define VHD_EPOCH_SECONDS 946684800ll /* 2000, in seconds since 1970 */

enum vhd_type { VHD_FIXED = 2, VHD_DYNAMIC = 3, VHD_DIFFERENCING = 4 };

/* The last 512 bytes, and a copy at the start of a dynamic disk. */
struct vhd_footer {
	u64 cookie;
	u32 features;
	u32 version;
	u64 header_offset; /* VHD_NOWHERE in a fixed disk */
	u32 timestamp;
	u32 creator;
	u32 creator_version;
	u32 creator_os;
	u64 original_bytes;
	u64 size_bytes;
	u16 cylinders;
	u8 heads;
	u8 sectors;
	u32 type;
	u32 checksum; /* ones' complement of the sum of all other bytes */
	u8 identity[16];
	u8 saved_state;
	u8 reserved[427];
};
_Static_assert(sizeof(struct vhd_footer) == VHD_SECTOR_BYTES, "VHD footer");

struct vhd_locator {
	u32 platform;
	u32 space;
	u32 bytes;
	u32 reserved;
	u64 offset;
};

struct vhd_header {
	u64 cookie;
	u64 next_offset; /* VHD_NOWHERE */
	u64 table_offset;
	u32 version;
	u32 entries;
	u32 block_bytes;
	u32 checksum;
	u8 parent_identity[16];
	u32 parent_timestamp;
	u32 reserved;
	u16 parent_name[256];
	struct vhd_locator locators[8];
	u8 reserved2[256];
};
_Static_assert(sizeof(struct vhd_header) == 1024, "VHD dynamic disk header");

/* A table's entry: the sector where the block's bitmap begins. */
#define VHD_UNUSED	       0xffffffffu
#define VHD_ENTRIES_PER_SECTOR (VHD_SECTOR_BYTES / sizeof(u32))

/* What the format's 32-bit sectors can reach, as Hyper-V states it. */
#define VHD_SIZE_BYTES_MAX  (2040ull << 30)
#define VHD_BLOCK_BYTES_MIN (1u << 20)
#define VHD_BLOCK_BYTES_MAX (256u << 20)

#endif
