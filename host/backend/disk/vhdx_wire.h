/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vhdx_wire.h - what lies where in a VHDX file.
 *
 * Here: layouts and constants of [MS-VHDX], with its sections. Not here: what
 * is done with them. All numbers are little-endian.
 */
#ifndef HOST_BACKEND_DISK_VHDX_WIRE_H
#define HOST_BACKEND_DISK_VHDX_WIRE_H

#include "vmbus/port.h"

#define VHDX_MIB	(1ull << 20)
#define VHDX_PAGE_BYTES 4096u

/* 2.2: the header section, the file's first MiB. */
#define VHDX_IDENTIFIER_OFFSET 0u
#define VHDX_HEADER1_OFFSET    (64u << 10)
#define VHDX_HEADER2_OFFSET    (128u << 10)
#define VHDX_REGIONS1_OFFSET   (192u << 10)
#define VHDX_REGIONS2_OFFSET   (256u << 10)

#define VHDX_SIGNATURE_FILE    0x656c696678646876ull /* "vhdxfile" */
#define VHDX_SIGNATURE_HEADER  0x64616568u	     /* "head" */
#define VHDX_SIGNATURE_REGIONS 0x69676572u	     /* "regi" */
#define VHDX_SIGNATURE_ENTRY   0x65676f6cu	     /* "loge" */
#define VHDX_SIGNATURE_ZERO    0x6f72657au	     /* "zero" */
#define VHDX_SIGNATURE_DESC    0x63736564u	     /* "desc" */
#define VHDX_SIGNATURE_DATA    0x61746164u	     /* "data" */
#define VHDX_SIGNATURE_META    0x617461646174656dull /* "metadata" */

struct vhdx_guid {
	u8 bytes[16];
};

/* 2.2.1. */
struct vhdx_identifier {
	u64 signature;
	u16 creator[256]; /* UTF-16 */
};

/* 2.2.2; the checksum is the CRC-32C of all 4096 bytes with itself 0. */
struct vhdx_header {
	u32 signature;
	u32 checksum;
	u64 sequence;
	struct vhdx_guid file_write;
	struct vhdx_guid data_write;
	struct vhdx_guid log; /* 0: the log is empty */
	u16 log_version;      /* 0 */
	u16 version;	      /* 1 */
	u32 log_bytes;	      /* multiples of 1 MiB */
	u64 log_offset;
	u8 reserved[4016];
};
_Static_assert(sizeof(struct vhdx_header) == VHDX_PAGE_BYTES, "MS-VHDX 2.2.2");

/* 2.2.3; the checksum covers 64 KiB. */
#define VHDX_REGIONS_BYTES (64u << 10)
#define VHDX_REGION_COUNT  2047u

struct vhdx_region {
	struct vhdx_guid guid;
	u64 offset; /* multiples of 1 MiB, from 1 MiB on */
	u32 bytes;
	u32 required; /* bit 0 */
};

struct vhdx_regions {
	u32 signature;
	u32 checksum;
	u32 count;
	u32 reserved;
	struct vhdx_region regions[VHDX_REGION_COUNT];
	u8 padding[16];
};
_Static_assert(sizeof(struct vhdx_regions) == VHDX_REGIONS_BYTES,
	       "MS-VHDX 2.2.3");

#define VHDX_GUID_BAT                                                          \
	{                                                                      \
		{                                                              \
			0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42, 0x9d,  \
				0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08       \
		}                                                              \
	}
#define VHDX_GUID_METADATA                                                     \
	{                                                                      \
		{                                                              \
			0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8,  \
				0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e       \
		}                                                              \
	}

/* 2.3.1: an entry is its header and descriptors, padded to a page, then a
 * page for each data descriptor. */
struct vhdx_log_header {
	u32 signature;
	u32 checksum; /* of entry_bytes, with itself 0 */
	u32 entry_bytes;
	u32 tail; /* from the log's start: where replay begins */
	u64 sequence;
	u32 descriptor_count;
	u32 reserved;
	struct vhdx_guid log;
	u64 flushed_file_bytes; /* the file was at least that long */
	u64 last_file_bytes;	/* and has to be that long */
};
_Static_assert(sizeof(struct vhdx_log_header) == 64, "MS-VHDX 2.3.1.1");

/* 2.3.1.2, 2.3.1.3. */
struct vhdx_log_descriptor {
	u32 signature;
	u32 trailing; /* data: the page's last 4 bytes */
	u64 leading;  /* data: its first 8 bytes; zero: how many bytes */
	u64 file_offset;
	u64 sequence;
};
_Static_assert(sizeof(struct vhdx_log_descriptor) == 32, "MS-VHDX 2.3.1.2");

/* 2.3.1.4. */
struct vhdx_log_data {
	u32 signature;
	u32 sequence_high;
	u8 data[4084];
	u32 sequence_low;
};
_Static_assert(sizeof(struct vhdx_log_data) == VHDX_PAGE_BYTES,
	       "MS-VHDX 2.3.1.4");

/* 2.5: entries of the block allocation table. */
#define VHDX_STATE_MASK	      7ull
#define VHDX_BAT_OFFSET_MASK  (~0ull << 20)
#define VHDX_BAT_ENTRY_BYTES  8u
#define VHDX_BAT_PAGE_ENTRIES (VHDX_PAGE_BYTES / VHDX_BAT_ENTRY_BYTES)

enum vhdx_block_state {
	VHDX_BLOCK_NOT_PRESENT = 0,
	VHDX_BLOCK_UNDEFINED = 1,
	VHDX_BLOCK_ZERO = 2,
	VHDX_BLOCK_UNMAPPED = 3,
	VHDX_BLOCK_FULLY_PRESENT = 6,
	VHDX_BLOCK_PARTIALLY_PRESENT = 7,
};

#define VHDX_BITMAP_PRESENT 6ull
/* A bitmap block has a bit for each sector of a chunk. */
#define VHDX_BITMAP_BYTES  VHDX_MIB
#define VHDX_CHUNK_SECTORS (VHDX_BITMAP_BYTES * 8)

#define VHDX_BLOCK_BYTES_MIN (1u << 20)
#define VHDX_BLOCK_BYTES_MAX (256u << 20)

/* 2.6.1. */
#define VHDX_METADATA_TABLE_BYTES (64u << 10)
#define VHDX_METADATA_COUNT	  2047u

struct vhdx_metadata_entry {
	struct vhdx_guid item;
	u32 offset; /* from the region's start, 64 KiB at least */
	u32 bytes;
	u32 flags;
	u32 reserved;
};

#define VHDX_METADATA_USER	   1u
#define VHDX_METADATA_VIRTUAL_DISK 2u
#define VHDX_METADATA_REQUIRED	   4u

struct vhdx_metadata_table {
	u64 signature;
	u16 reserved;
	u16 count;
	u32 reserved2[5];
	struct vhdx_metadata_entry entries[VHDX_METADATA_COUNT];
};
_Static_assert(sizeof(struct vhdx_metadata_table) == VHDX_METADATA_TABLE_BYTES,
	       "MS-VHDX 2.6.1.1");

/* 2.6.2: items. */
#define VHDX_ITEM_FILE_PARAMETERS                                              \
	{                                                                      \
		{                                                              \
			0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3,  \
				0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b       \
		}                                                              \
	}
#define VHDX_ITEM_SIZE                                                         \
	{                                                                      \
		{                                                              \
			0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48, 0xb2,  \
				0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8       \
		}                                                              \
	}
#define VHDX_ITEM_IDENTITY                                                     \
	{                                                                      \
		{                                                              \
			0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45, 0x93,  \
				0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46       \
		}                                                              \
	}
#define VHDX_ITEM_LOGICAL_SECTOR                                               \
	{                                                                      \
		{                                                              \
			0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47, 0xba,  \
				0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f       \
		}                                                              \
	}
#define VHDX_ITEM_PHYSICAL_SECTOR                                              \
	{                                                                      \
		{                                                              \
			0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44, 0x9c,  \
				0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56       \
		}                                                              \
	}
#define VHDX_ITEM_PARENT_LOCATOR                                               \
	{                                                                      \
		{                                                              \
			0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45, 0xab,  \
				0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c       \
		}                                                              \
	}

struct vhdx_file_parameters {
	u32 block_bytes;
	u32 flags;
};

#define VHDX_LEAVE_BLOCKS_ALLOCATED 1u
#define VHDX_HAS_PARENT		    2u

/* 2.6.2.6: offsets count from the locator's start; text is UTF-16. */
struct vhdx_locator {
	struct vhdx_guid type;
	u16 reserved;
	u16 count;
};

struct vhdx_locator_entry {
	u32 key_offset;
	u32 value_offset;
	u16 key_bytes;
	u16 value_bytes;
};

#define VHDX_LOCATOR_TYPE                                                      \
	{                                                                      \
		{                                                              \
			0xb7, 0xef, 0x4a, 0xb0, 0x9e, 0xd1, 0x81, 0x4a, 0xb7,  \
				0x89, 0x25, 0xb8, 0xe9, 0x44, 0x59, 0x13       \
		}                                                              \
	}

#endif
