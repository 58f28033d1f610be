/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * abi.h - what daemons read from and write to the device files.
 *
 * Here: layouts and numbers. Not here: code. The kernel's own header of them
 * cannot be read beside services/kvp/wire.h, whose names it has: abi.c compares
 * the two.
 *
 * Source: include/uapi/linux/hyperv.h; the handshakes are those that
 * tools/hv/hv_kvp_daemon.c, hv_vss_daemon.c and hv_fcopy_daemon.c begin with.
 */
#ifndef HV_UTILS_ABI_H
#define HV_UTILS_ABI_H

#include "vmbus/port.h"

/*
 * Key-value pairs. A daemon first writes a message whose operation is one of
 * these, and reads it back with the version of the drivers as its text. Texts
 * are UTF-8 with a terminator, also in the arrays of 16-bit units.
 */
#define ABI_KVP_HELLO	  100
#define ABI_KVP_HELLO_OLD 4 /* that knows no IP information */

#define ABI_KVP_STRING 1

struct abi_kvp_value {
	u32 type;
	u32 key_bytes;
	u32 value_bytes;
	u8 key[512];
	u8 value[2048];
} __packed;

struct abi_kvp_ip {
	u8 adapter_id[256];
	u8 family;
	u8 dhcp_enabled;
	u8 addresses[2048];
	u8 subnets[2048];
	u8 gateways[1024];
	u8 dns_servers[2048];
} __packed;

struct abi_kvp {
	union {
		struct {
			u8 operation;
			u8 pool;
			u16 pad;
		};
		u32 error; /* of an answer: HRESULT */
	};
	union {
		struct abi_kvp_value item; /* get, set */
		struct {
			u32 key_bytes;
			u8 key[512];
		} delete;
		struct {
			u32 index;
			struct abi_kvp_value item;
		} __packed enumerate;
		struct abi_kvp_ip ip;
		u8 version[512];
	};
} __packed;

/* Backup. Hello is answered with a u32, the version of the protocol. */
#define ABI_VSS_HELLO	129
#define ABI_VSS_VERSION 0x50000u

struct abi_vss {
	union {
		struct {
			u8 operation;
			u8 reserved[7];
		};
		u32 error; /* of an answer: HRESULT */
	};
	u32 flags;
} __packed;

/*
 * File copy. A daemon first writes its version, and reads ours; then, for each
 * request, it writes a u32, the HRESULT. Names are UTF-8 with a terminator.
 */
#define ABI_FCOPY_VERSION 1

struct abi_fcopy_header {
	u32 operation;
	u8 unused[32];
} __packed;

struct abi_fcopy_start {
	struct abi_fcopy_header header;
	u8 name[520];
	u8 folder[520];
	u32 flags;
	u64 size_bytes;
} __packed;

struct abi_fcopy_data {
	struct abi_fcopy_header header;
	u32 pad;
	u64 offset;
	u32 size_bytes;
	u8 data[6144];
} __packed;

#endif
