/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * wire.h - layouts of host to guest file copy (Guest Service Interface).
 *
 * Here: the bodies that follow the IC header and their limits. Not here: code,
 * nor anything about files.
 *
 * Source: include/uapi/linux/hyperv.h (hv_fcopy_hdr, hv_start_fcopy,
 * hv_do_fcopy), drivers/hv/hv_fcopy.c, tools/hv/hv_fcopy_uio_daemon.c.
 */
#ifndef SERVICES_FCOPY_WIRE_H
#define SERVICES_FCOPY_WIRE_H

#include "services/ic/wire.h"
#include "vmbus/guid.h"

/* 34d14be3-dee4-41c8-9ae7-6b174977c192 */
#define FCOPY_TYPE_GUID                                                        \
	GUID_FIELDS(0x34d14be3, 0xdee4, 0x41c8, 0x9a, 0xe7, 0x6b, 0x17, 0x49,  \
		    0x77, 0xc1, 0x92)
/* eb765408-105f-49b6-b4aa-c123b64d17d4: Linux's UIO daemon looks for it. */
#define FCOPY_INSTANCE_GUID                                                    \
	GUID_FIELDS(0xeb765408, 0x105f, 0x49b6, 0xb4, 0xaa, 0xc1, 0x23, 0xb6,  \
		    0x4d, 0x17, 0xd4)

#define FCOPY_VERSION_1_1 IC_VERSION(1, 1)

enum fcopy_operation {
	FCOPY_OPERATION_START = 0,
	FCOPY_OPERATION_DATA = 1,
	FCOPY_OPERATION_COMPLETE = 2,
	FCOPY_OPERATION_CANCEL = 3,
	FCOPY_OPERATION_COUNT
};

/* Flags of the start message. */
#define FCOPY_OVERWRITE	  0x1u
#define FCOPY_CREATE_PATH 0x2u

/* UTF-16 units of the name and of the folder, terminator included. */
#define FCOPY_NAME_UNITS 260

#define FCOPY_BLOCK_BYTES 6144

struct fcopy_header {
	u32 operation;	   /* enum fcopy_operation */
	u8 service_id[16]; /* unused */
	u8 session_id[16]; /* unused */
} __attribute__((packed));

struct fcopy_start {
	struct fcopy_header header;
	u8 name[FCOPY_NAME_UNITS * 2];
	u8 folder[FCOPY_NAME_UNITS * 2];
	u32 flags;
	u64 size_bytes;
} __attribute__((packed));

struct fcopy_data {
	struct fcopy_header header;
	u32 reserved;
	u64 offset;
	u32 size_bytes;
	u8 data[FCOPY_BLOCK_BYTES];
} __attribute__((packed));

#define FCOPY_PACKET_MAX_BYTES (IC_BODY_OFFSET + sizeof(struct fcopy_data))

_Static_assert(sizeof(struct fcopy_header) == 36, "header is 36 bytes");
_Static_assert(sizeof(struct fcopy_start) == 1088, "start is 1088 bytes");
_Static_assert(offsetof(struct fcopy_start, flags) == 1076, "flags at 1076");
_Static_assert(sizeof(struct fcopy_data) == 6196, "data is 6196 bytes");
_Static_assert(offsetof(struct fcopy_data, data) == 52, "data from 52");

#endif
