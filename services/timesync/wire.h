/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * wire.h - layouts of the time synchronization service.
 *
 * Here: GUIDs, versions, the two forms of the one message. Not here: code.
 *
 * Source: struct ictimesync_data, ictimesync_ref_data and HV_TS_GUID of
 * include/linux/hyperv.h; TS_VERSION* and the meaning of the flags:
 * drivers/hv/hv_util.c; OpenVMM hyperv_ic_protocol, module timesync.
 */
#ifndef SERVICES_TIMESYNC_WIRE_H
#define SERVICES_TIMESYNC_WIRE_H

#include "services/ic/wire.h"

/* 9527e630-d0ae-497b-adce-e80ab0175caf */
#define TIMESYNC_TYPE_GUID                                                     \
	GUID_FIELDS(0x9527e630, 0xd0ae, 0x497b, 0xad, 0xce, 0xe8, 0x0a, 0xb0,  \
		    0x17, 0x5c, 0xaf)
/* 2dd1ce17-079e-403c-b352-a1921ee207ee */
#define TIMESYNC_INSTANCE_GUID                                                 \
	GUID_FIELDS(0x2dd1ce17, 0x079e, 0x403c, 0xb3, 0x52, 0xa1, 0x92, 0x1e,  \
		    0xe2, 0x07, 0xee)

#define TIMESYNC_VERSION_1_0 IC_VERSION(1, 0)
#define TIMESYNC_VERSION_3_0 IC_VERSION(3, 0)
#define TIMESYNC_VERSION_4_0 IC_VERSION(4, 0)

#define TIMESYNC_FLAG_SYNC                                                     \
	0x1			 /* set the clock: after boot, resume, restore \
				  */
#define TIMESYNC_FLAG_SAMPLE 0x2 /* a hint, for clock discipline */

/* 1601-01-01 to 1970-01-01, both 00:00 UTC. */
#define TIMESYNC_UNIX_EPOCH_100NS 116444736000000000ull

/* Versions 1.0 and 3.0. */
struct timesync_message {
	u64 host_time_100ns;  /* since 1601 UTC */
	u64 guest_time_100ns; /* 0: hosts do not know it */
	u64 round_trip_100ns; /* 0 */
	u8 flags;	      /* TIMESYNC_FLAG_* */
} __attribute__((packed));

/*
 * Version 4.0: the reference counter at the moment of the stamp lets a guest
 * take out the time that the packet spent on its way.
 */
struct timesync_reference_message {
	u64 host_time_100ns;	  /* since 1601 UTC */
	u64 reference_time_100ns; /* of this VM's reference counter */
	u8 flags;		  /* TIMESYNC_FLAG_* */
	u8 leap_indicator;	  /* as in NTP */
	u8 stratum;		  /* as in NTP */
	u8 reserved[3];
} __attribute__((packed));

/* Hosts send it padded to whole words (OpenVMM); guests need the layout. */
#define TIMESYNC_REFERENCE_SENT_BYTES 24

/* Largest payload that either end sends. */
#define TIMESYNC_PACKET_MAX 96

_Static_assert(sizeof(struct timesync_message) == 25,
	       "time message is 25 bytes before version 4");
_Static_assert(sizeof(struct timesync_reference_message) == 22,
	       "time message is 22 bytes from version 4 on");

#endif
