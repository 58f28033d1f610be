/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * wire.h - layout of the shutdown service.
 *
 * Here: GUIDs, versions and the one message. Not here: code.
 *
 * Source: struct shutdown_msg_data and HV_SHUTDOWN_GUID of
 * include/linux/hyperv.h; SD_VERSION* and the meaning of the flags:
 * drivers/hv/hv_util.c; instance and reason code: OpenVMM hyperv_ic_protocol,
 * module shutdown.
 */
#ifndef SERVICES_SHUTDOWN_WIRE_H
#define SERVICES_SHUTDOWN_WIRE_H

#include "services/ic/wire.h"

/* 0e0b6031-5213-4934-818b-38d90ced39db */
#define SHUTDOWN_TYPE_GUID                                                     \
	GUID_FIELDS(0x0e0b6031, 0x5213, 0x4934, 0x81, 0x8b, 0x38, 0xd9, 0x0c,  \
		    0xed, 0x39, 0xdb)
/* b6650ff7-33bc-4840-8048-e0676786f393 */
#define SHUTDOWN_INSTANCE_GUID                                                 \
	GUID_FIELDS(0xb6650ff7, 0x33bc, 0x4840, 0x80, 0x48, 0xe0, 0x67, 0x67,  \
		    0x86, 0xf3, 0x93)

#define SHUTDOWN_VERSION_1_0 IC_VERSION(1, 0)
#define SHUTDOWN_VERSION_3_0 IC_VERSION(3, 0)
#define SHUTDOWN_VERSION_3_1 IC_VERSION(3, 1)
#define SHUTDOWN_VERSION_3_2 IC_VERSION(3, 2)

#define SHUTDOWN_FLAG_FORCED	0x1
#define SHUTDOWN_FLAG_RESTART	0x2
#define SHUTDOWN_FLAG_HIBERNATE 0x4

/* What a guest is asked to do: the flags without FORCED, halved. */
enum shutdown_kind {
	SHUTDOWN_POWER_OFF = 0,
	SHUTDOWN_REBOOT = 1,
	SHUTDOWN_HIBERNATE = 2,
};

#define SHUTDOWN_FLAGS(kind, forced) ((u32)(kind) << 1 | (u32)(forced))

/* SHTDN_REASON_FLAG_PLANNED of the Windows SDK's reason.h. */
#define SHUTDOWN_REASON_PLANNED 0x80000000u

#define SHUTDOWN_TEXT_UNITS 1024
#define SHUTDOWN_TEXT_BYTES (SHUTDOWN_TEXT_UNITS * 2)

/* Request; the answer repeats it and says in the header's status if it will. */
struct shutdown_message {
	u32 reason_code;
	u32 timeout_seconds; /* that the guest may take; 0: as it likes */
	u32 flags;	     /* SHUTDOWN_FLAG_* */
	u8 text[SHUTDOWN_TEXT_BYTES]; /* UTF-16LE with terminator */
} __attribute__((packed));

/* Largest payload that either end sends. */
#define SHUTDOWN_PACKET_MAX 2088

_Static_assert(sizeof(struct shutdown_message) == 2060,
	       "shutdown message is 2060 bytes");

#endif
