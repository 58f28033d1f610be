/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * wire.h - layout of the heartbeat service.
 *
 * Here: GUIDs, versions and the one message. Not here: code.
 *
 * Source: struct heartbeat_msg_data and HV_HEART_BEAT_GUID of
 * include/linux/hyperv.h; HB_VERSION* of drivers/hv/hv_util.c; application
 * states: OpenVMM hyperv_ic_protocol, module heartbeat.
 */
#ifndef SERVICES_HEARTBEAT_WIRE_H
#define SERVICES_HEARTBEAT_WIRE_H

#include "services/ic/wire.h"

/* 57164f39-9115-4e78-ab55-382f3bd5422d */
#define HEARTBEAT_TYPE_GUID                                                    \
	GUID_FIELDS(0x57164f39, 0x9115, 0x4e78, 0xab, 0x55, 0x38, 0x2f, 0x3b,  \
		    0xd5, 0x42, 0x2d)
/* fd149e91-82e0-4a7d-afa6-2a4166cbd7c0 */
#define HEARTBEAT_INSTANCE_GUID                                                \
	GUID_FIELDS(0xfd149e91, 0x82e0, 0x4a7d, 0xaf, 0xa6, 0x2a, 0x41, 0x66,  \
		    0xcb, 0xd7, 0xc0)

#define HEARTBEAT_VERSION_1_0 IC_VERSION(1, 0)
#define HEARTBEAT_VERSION_3_0 IC_VERSION(3, 0)

/* Guests without an opinion leave the state as the host sent it: unknown. */
enum heartbeat_application {
	HEARTBEAT_APPLICATION_UNKNOWN = 0,
	HEARTBEAT_APPLICATION_HEALTHY = 1,
	HEARTBEAT_APPLICATION_CRITICAL = 2,
	HEARTBEAT_APPLICATION_STOPPED = 3,
};

/* Request and answer; the answer's sequence is the request's plus one. */
struct heartbeat_message {
	u64 sequence;
	u32 application_state; /* from version 3.0, in the answer */
	u32 reserved[7];
} __attribute__((packed));

/* What every guest and host fills: the sequence. */
#define HEARTBEAT_MESSAGE_MIN_BYTES 8

/* Largest payload that either end sends. */
#define HEARTBEAT_PACKET_MAX 96

_Static_assert(sizeof(struct heartbeat_message) == 40, "heartbeat is 40 bytes");

#endif
