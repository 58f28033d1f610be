/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * wire.h - layouts of key-value pair exchange (KVP).
 *
 * Here: the bodies that follow the IC header, their constants and limits. Not
 * here: code, nor how a guest stores its pools.
 *
 * Source: include/uapi/linux/hyperv.h (hv_kvp_*), OpenVMM
 * hyperv_ic_protocol/src/kvp.rs (body sizes, binary IP information), the
 * IC_KVP_EXCHANGE_* layouts of Mile.HyperV (IPv6 prefix lengths are 32 bits
 * and origins 16 bits wide). All offsets are those of natural alignment.
 */
#ifndef SERVICES_KVP_WIRE_H
#define SERVICES_KVP_WIRE_H

#include "services/ic/wire.h"
#include "vmbus/guid.h"

/* a9a0f4e7-5a45-4d96-b827-8a841e8c03e6 */
#define KVP_TYPE_GUID                                                          \
	GUID_FIELDS(0xa9a0f4e7, 0x5a45, 0x4d96, 0xb8, 0x27, 0x8a, 0x84, 0x1e,  \
		    0x8c, 0x03, 0xe6)
/* 242ff919-07db-4180-9c2e-b86cb68c8c55 */
#define KVP_INSTANCE_GUID                                                      \
	GUID_FIELDS(0x242ff919, 0x07db, 0x4180, 0x9c, 0x2e, 0xb8, 0x6c, 0xb6,  \
		    0x8c, 0x8c, 0x55)

/*
 * Versions. Items are exchanged alike in all. IP information came with 4.0,
 * as text, and is binary at 5.0. Linux speaks 4.0, 3.0 and 1.0.
 */
#define KVP_VERSION_1_0 IC_VERSION(1, 0)
#define KVP_VERSION_3_0 IC_VERSION(3, 0)
#define KVP_VERSION_4_0 IC_VERSION(4, 0)
#define KVP_VERSION_5_0 IC_VERSION(5, 0)

enum kvp_operation {
	KVP_OPERATION_GET = 0,
	KVP_OPERATION_SET = 1,
	KVP_OPERATION_DELETE = 2,
	KVP_OPERATION_ENUMERATE = 3,
	KVP_OPERATION_GET_IP = 4,
	KVP_OPERATION_SET_IP = 5,
	KVP_OPERATION_COUNT
};

enum kvp_pool {
	KVP_POOL_EXTERNAL = 0,	    /* the host writes, the guest reads */
	KVP_POOL_GUEST = 1,	    /* the guest writes, the host reads */
	KVP_POOL_AUTO = 2,	    /* the guest about itself */
	KVP_POOL_AUTO_EXTERNAL = 3, /* the host about itself */
	KVP_POOL_AUTO_INTERNAL = 4,
	KVP_POOL_COUNT
};

/*
 * Types are those of the Windows registry. Linux has its own number for 64
 * bits (REG_U64 of uapi/linux/hyperv.h), so peers at 4.0 and older are sent
 * that one: only Linux and FreeBSD are left there.
 */
enum kvp_wire_type {
	KVP_WIRE_STRING = 1,
	KVP_WIRE_EXPAND_STRING = 2,
	KVP_WIRE_U32 = 4,
	KVP_WIRE_U64_LINUX = 8,
	KVP_WIRE_U64 = 11,
};

/* Limits, UTF-16 terminator included. */
#define KVP_KEY_WIRE_BYTES   512
#define KVP_VALUE_WIRE_BYTES 2048
#define KVP_KEY_UNITS	     (KVP_KEY_WIRE_BYTES / 2)
#define KVP_VALUE_UNITS	     (KVP_VALUE_WIRE_BYTES / 2)

struct kvp_header {
	u8 operation; /* enum kvp_operation */
	u8 pool;      /* enum kvp_pool */
} __attribute__((packed));

/* Sizes are in bytes, terminator included. */
struct kvp_value {
	u32 type; /* enum kvp_wire_type */
	u32 key_bytes;
	u32 value_bytes;
	u8 key[KVP_KEY_WIRE_BYTES];
	u8 value[KVP_VALUE_WIRE_BYTES];
} __attribute__((packed));

struct kvp_get_set {
	struct kvp_header header;
	u16 reserved;
	struct kvp_value value;
} __attribute__((packed));

struct kvp_delete {
	struct kvp_header header;
	u16 reserved;
	u32 key_bytes;
	u8 key[KVP_KEY_WIRE_BYTES];
} __attribute__((packed));

struct kvp_enumerate {
	struct kvp_header header;
	u16 reserved;
	u32 index;
	struct kvp_value value;
} __attribute__((packed));

enum kvp_family {
	KVP_FAMILY_NONE = 0,
	KVP_FAMILY_IPV4 = 1,
	KVP_FAMILY_IPV6 = 2,
};

#define KVP_ADAPTER_UNITS 128
#define KVP_LIST_UNITS	  1024
#define KVP_GATEWAY_UNITS 512

/* At 4.0. Lists are separated by semicolons; every text has a terminator. */
struct kvp_ip_text {
	struct kvp_header header;
	u8 adapter_id[KVP_ADAPTER_UNITS * 2];
	u8 family;
	u8 dhcp_enabled;
	u8 addresses[KVP_LIST_UNITS * 2];
	u8 subnets[KVP_LIST_UNITS * 2];
	u8 gateways[KVP_GATEWAY_UNITS * 2];
	u8 dns_servers[KVP_LIST_UNITS * 2];
} __attribute__((packed));

#define KVP_BINARY_ADDRESSES 64
#define KVP_BINARY_GATEWAYS  5

/* At 5.0. Addresses are in network byte order. */
struct kvp_ip_binary {
	struct kvp_header header;
	u16 reserved;
	u32 ipv4_address_count;
	u32 ipv6_address_count;
	u32 ipv4_gateway_count;
	u32 ipv6_gateway_count;
	u32 ipv4_dns_count;
	u32 ipv6_dns_count;
	u8 adapter_id[KVP_ADAPTER_UNITS * 2];
	u8 family;
	u8 dhcp_enabled;
	u16 reserved2;
	u8 ipv4_addresses[KVP_BINARY_ADDRESSES][4];
	u8 ipv6_addresses[KVP_BINARY_ADDRESSES][16];
	u8 ipv4_masks[KVP_BINARY_ADDRESSES][4];
	u32 ipv6_prefixes[KVP_BINARY_ADDRESSES];
	u8 ipv4_gateways[KVP_BINARY_GATEWAYS][4];
	u8 ipv6_gateways[KVP_BINARY_GATEWAYS][16];
	u8 ipv4_dns[KVP_BINARY_ADDRESSES][4];
	u8 ipv6_dns[KVP_BINARY_ADDRESSES][16];
	u16 origins[2 * KVP_BINARY_ADDRESSES]; /* of IPv4, then of IPv6 */
} __attribute__((packed));

/*
 * Hosts send these two sizes whatever the operation; guests answer in place,
 * and Linux writes its answer without a terminator: a request's body is zero
 * wherever it is not used.
 */
#define KVP_ITEM_BODY_BYTES sizeof(struct kvp_enumerate)
#define KVP_IP_BODY_BYTES   sizeof(struct kvp_ip_text)

#define KVP_PACKET_MAX_BYTES (IC_BODY_OFFSET + KVP_IP_BODY_BYTES)

_Static_assert(sizeof(struct kvp_value) == 2572, "item is 2572 bytes");
_Static_assert(sizeof(struct kvp_delete) == 520, "delete is 520 bytes");
_Static_assert(sizeof(struct kvp_enumerate) == 2580, "enumerate is 2580 bytes");
_Static_assert(sizeof(struct kvp_ip_text) == 7428, "IP text is 7428 bytes");
_Static_assert(sizeof(struct kvp_ip_binary) == 3716, "IP binary is 3716 bytes");

#endif
