/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * wire.h - layouts that all integration components share.
 *
 * Here: the pipe header, the IC header, the negotiation message and HRESULTs
 * that guests answer with. Not here: the body of any one service (each has its
 * own wire.h), nor code.
 *
 * Source: include/linux/hyperv.h and include/uapi/linux/hyperv.h (headers of
 * Debian's kernel packages); OpenVMM hyperv_ic_protocol and vmbus_ring.
 */
#ifndef SERVICES_IC_WIRE_H
#define SERVICES_IC_WIRE_H

#include "vmbus/port.h"

/*
 * A version as it lies on the wire: u16 major, then u16 minor, which is
 * minor << 16 | major as a number. VMBus itself has the halves the other way
 * round. Compare with ic_version_older(), never with <.
 */
#define IC_VERSION(major, minor)  ((u32)(minor) << 16 | (u32)(major))
#define IC_VERSION_MAJOR(version) ((version)&0xffff)
#define IC_VERSION_MINOR(version) ((version) >> 16)

#define IC_FRAMEWORK_1_0 IC_VERSION(1, 0)
#define IC_FRAMEWORK_3_0 IC_VERSION(3, 0)

/* Packet type of the pipe header; components send no other. */
#define IC_PIPE_DATA 1

struct ic_pipe_header {
	u32 type; /* IC_PIPE_DATA from a host; guests send back what came */
	u32 size_bytes; /* of what follows this header */
} __attribute__((packed));

enum ic_message_type {
	IC_MESSAGE_NEGOTIATE = 0,
	IC_MESSAGE_HEARTBEAT = 1,
	IC_MESSAGE_KVP = 2,
	IC_MESSAGE_SHUTDOWN = 3,
	IC_MESSAGE_TIMESYNC = 4,
	IC_MESSAGE_VSS = 5,
	IC_MESSAGE_FCOPY = 7,
};

#define IC_FLAG_TRANSACTION 0x1 /* an answer is expected, or this is one */
#define IC_FLAG_REQUEST	    0x2
#define IC_FLAG_RESPONSE    0x4

struct ic_header {
	u32 framework_version; /* 0 in the negotiation request */
	u16 message_type;      /* enum ic_message_type */
	u32 message_version;   /* 0 in the negotiation request */
	u16 body_bytes;
	u32 status;	   /* HRESULT, of answers */
	u8 transaction_id; /* echoed in the answer */
	u8 flags;	   /* IC_FLAG_* */
	u8 reserved[2];
} __attribute__((packed));

/* Followed by the framework versions, then the message versions. */
struct ic_negotiate {
	u16 framework_count;
	u16 message_count;
	u32 reserved;
} __attribute__((packed));

/* Both headers: where the body of a message begins. */
#define IC_BODY_OFFSET 28

/* Largest packet of any component (OpenVMM MAX_MESSAGE_SIZE). */
#define IC_PACKET_MAX_BYTES 13312

/* IC_VERSION_NEGOTIATION_MAX_VER_COUNT of include/linux/hyperv.h. */
#define IC_NEGOTIATE_VERSIONS_MAX 100

/* A negotiation answer holds one version of each kind. */
#define IC_NEGOTIATE_ANSWER_BYTES 16

/* HRESULTs seen in ic_header.status (uapi/linux/hyperv.h, winerror.h). */
#define IC_S_OK			 0x00000000u
#define IC_E_NOTIMPL		 0x80004001u
#define IC_E_ABORT		 0x80004004u
#define IC_E_FAIL		 0x80004005u
#define IC_E_WMI_NOT_FOUND	 0x80041002u
#define IC_E_FILE_NOT_FOUND	 0x80070002u
#define IC_E_PATH_NOT_FOUND	 0x80070003u
#define IC_E_ACCESS_DENIED	 0x80070005u
#define IC_E_INVALID_HANDLE	 0x80070006u
#define IC_E_OUT_OF_MEMORY	 0x8007000eu
#define IC_E_WRITE_PROTECTED	 0x80070013u
#define IC_E_NOT_READY		 0x80070015u
#define IC_E_WRITE_FAULT	 0x8007001du
#define IC_E_SHARING_VIOLATION	 0x80070020u
#define IC_E_NOT_SUPPORTED	 0x80070032u
#define IC_E_FILE_EXISTS	 0x80070050u
#define IC_E_INVALID_ARGUMENT	 0x80070057u
#define IC_E_DISK_FULL		 0x80070070u
#define IC_E_INSUFFICIENT_BUFFER 0x8007007au
#define IC_E_INVALID_NAME	 0x8007007bu
#define IC_E_BUSY		 0x800700aau
#define IC_E_ALREADY_EXISTS	 0x800700b7u
#define IC_E_NAME_TOO_LONG	 0x800700ceu
#define IC_E_NO_MORE_ITEMS	 0x80070103u
#define IC_E_NOT_CONNECTED	 0x8007048fu
#define IC_E_NOT_FOUND		 0x80070490u
#define IC_E_CANCELLED		 0x800704c7u
#define IC_E_MACHINE_LOCKED	 0x800704f7u
#define IC_E_TIMED_OUT		 0x800705b4u

/* Whether an HRESULT is an error: some successes are not zero. */
#define IC_FAILED(status) ((status)&0x80000000u)

_Static_assert(sizeof(struct ic_pipe_header) == 8, "pipe header is 8 bytes");
_Static_assert(sizeof(struct ic_header) == 20, "IC header is 20 bytes");
_Static_assert(sizeof(struct ic_pipe_header) + sizeof(struct ic_header) ==
		       IC_BODY_OFFSET,
	       "the body follows both headers");
_Static_assert(sizeof(struct ic_negotiate) == 8, "negotiation is 8 bytes");

#endif
