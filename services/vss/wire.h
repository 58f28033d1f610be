/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * wire.h - layouts of the backup service (VSS, volume snapshot).
 *
 * Here: the body that follows the IC header and its constants. Not here: code.
 *
 * Source: include/uapi/linux/hyperv.h (hv_vss_*) and drivers/hv/hv_snapshot.c.
 * Hosts of later Windows also offer 6.0 and 7.0, whose additions (guest
 * clusters, shadow copy LUNs) no Linux guest knows.
 */
#ifndef SERVICES_VSS_WIRE_H
#define SERVICES_VSS_WIRE_H

#include "services/ic/wire.h"
#include "vmbus/guid.h"

/* 35fa2e29-ea23-4236-96ae-3a6ebacba440 */
#define VSS_TYPE_GUID                                                          \
	GUID_FIELDS(0x35fa2e29, 0xea23, 0x4236, 0x96, 0xae, 0x3a, 0x6e, 0xba,  \
		    0xcb, 0xa4, 0x40)
/* 2450ee40-33bf-4fbd-892e-9fb06e9214cf */
#define VSS_INSTANCE_GUID                                                      \
	GUID_FIELDS(0x2450ee40, 0x33bf, 0x4fbd, 0x89, 0x2e, 0x9f, 0xb0, 0x6e,  \
		    0x92, 0x14, 0xcf)

#define VSS_VERSION_5_0 IC_VERSION(5, 0)

enum vss_operation {
	VSS_OPERATION_CREATE = 0,
	VSS_OPERATION_DELETE = 1,
	VSS_OPERATION_HOT_BACKUP = 2, /* can you be backed up while running? */
	VSS_OPERATION_GET_DM_INFO = 3,
	VSS_OPERATION_BACKUP_COMPLETE = 4,
	VSS_OPERATION_FREEZE = 5,
	VSS_OPERATION_THAW = 6,
	VSS_OPERATION_AUTO_RECOVER = 7,
	VSS_OPERATION_COUNT
};

/*
 * Answer to HOT_BACKUP: a guest that cannot run auto-recovery on its snapshot
 * (VSS_HBU_NO_AUTO_RECOVERY). Linux answers the flags of the request.
 */
#define VSS_FLAGS_NO_AUTO_RECOVERY 0x5u

struct vss_message {
	u8 operation; /* enum vss_operation */
	u8 reserved[7];
	u32 flags;
} __attribute__((packed));

/*
 * A freeze from real hosts carries the list of LUNs (6260 bytes in all), an
 * auto-recover two such lists (12500 bytes): a receive buffer of this size
 * holds any.
 */
#define VSS_RECEIVE_MAX_BYTES IC_PACKET_MAX_BYTES

/* What our host end sends. */
#define VSS_PACKET_MAX_BYTES 128

_Static_assert(sizeof(struct vss_message) == 12, "VSS message is 12 bytes");

#endif
