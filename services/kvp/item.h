/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * item.h - a key with its value, and a network adapter's addresses, as both
 * ends of key-value exchange show them to their callers.
 *
 * Here: these structures in UTF-8, their checks and their wire forms. Not here:
 * transactions.
 */
#ifndef SERVICES_KVP_ITEM_H
#define SERVICES_KVP_ITEM_H

#include "services/ic/ic.h"
#include "services/ic/utf16.h"
#include "services/kvp/wire.h"

/*
 * Requests that are refused at once, and how transactions end. Not
 * vmbus_status: none of these is a violation.
 */
enum kvp_status {
	KVP_OK = 0,

	/* Refused, nothing was sent. */
	KVP_BUSY,      /* another request is under way */
	KVP_NOT_READY, /* the guest has not opened or not negotiated */
	KVP_BAD_POOL,
	KVP_KEY_EMPTY,
	KVP_KEY_TOO_LONG,     /* over 255 UTF-16 units */
	KVP_KEY_TOO_LONG_8,   /* over 511 bytes of UTF-8 */
	KVP_KEY_INVALID,      /* not valid UTF-8 */
	KVP_VALUE_TOO_LONG,   /* over 1023 UTF-16 units */
	KVP_VALUE_TOO_LONG_8, /* over 2047 bytes of UTF-8 */
	KVP_VALUE_INVALID,
	KVP_TYPE_UNKNOWN,    /* or a 32-bit number over its range */
	KVP_NO_IP,	     /* negotiated below 4.0 */
	KVP_ADAPTER_INVALID, /* empty, over 127 characters or not ASCII */
	KVP_ADDRESS_INVALID,
	KVP_SUBNET_INVALID, /* or not one for each address */
	KVP_GATEWAY_INVALID,
	KVP_DNS_INVALID,
	KVP_IP_TOO_LONG, /* more than the message has room for */

	/* How a request ends. */
	KVP_NOT_FOUND,	 /* no such key in the pool */
	KVP_LIMIT,	 /* enumeration stopped at options.item_limit */
	KVP_GUEST_ERROR, /* see guest_status */
	KVP_GUEST_TEXT,	 /* the guest's text is not valid */
	KVP_NO_ANSWER,	 /* the deadline passed */
	KVP_CLOSED,	 /* the channel was closed */
	KVP_STATUS_COUNT
};

/*
 * kvp_status_text - the status as a clause of plain English, without capital
 * and full stop, with the limit where it is one; never NULL.
 */
const char *kvp_status_text(enum kvp_status status);

enum kvp_type {
	KVP_STRING,
	KVP_U32,
	KVP_U64,
};

/* One key with its value. */
struct kvp_item {
	enum kvp_type type;
	u64 number; /* of KVP_U32 and KVP_U64 */
	char key[UTF16_UTF8_BYTES(KVP_KEY_UNITS - 1)];	  /* UTF-8 */
	char text[UTF16_UTF8_BYTES(KVP_VALUE_UNITS - 1)]; /* of KVP_STRING */
};

/* Room for 64 IPv4 and 64 IPv6 addresses with their separators. */
#define KVP_LIST_BYTES	  4096
#define KVP_GATEWAY_BYTES KVP_GATEWAY_UNITS

/*
 * A network adapter. Lists are ASCII, separated by semicolons, "" when empty.
 * Subnets are in the order of addresses: a dotted mask or a prefix length.
 */
struct kvp_ip_info {
	/*
	 * Get: MAC address as Linux compares it, "00:15:5D:01:02:03" in upper
	 * case. Set: GUID as Linux compares it with the adapter's device_id,
	 * "{f8615163-df3e-46c5-913f-f2d2f965ed0e}" in lower case with braces.
	 */
	char adapter_id[KVP_ADAPTER_UNITS];
	u8 family; /* of enum kvp_family, or-ed */
	bool dhcp_enabled;
	char addresses[KVP_LIST_BYTES];
	char subnets[KVP_LIST_BYTES];
	char gateways[KVP_GATEWAY_BYTES];
	char dns_servers[KVP_LIST_BYTES];
};

/*
 * kvp_key_write - check a key and write it to @key, KVP_KEY_WIRE_BYTES of wire
 * memory. @key_bytes is set to its wire size, terminator included.
 * @utf8_limits: see struct kvp_vsp_options.
 * Returns KVP_OK, KVP_KEY_EMPTY, KVP_KEY_TOO_LONG, KVP_KEY_TOO_LONG_8 or
 * KVP_KEY_INVALID.
 */
enum kvp_status kvp_key_write(u8 *key, u32 *key_bytes, const char *text,
			      bool utf8_limits);

/*
 * kvp_key_read - the opposite. @text has room for sizeof(kvp_item.key).
 * Returns KVP_OK or KVP_GUEST_TEXT (size zero, odd or over the limit, no
 * terminator at its end, one inside, or not valid UTF-16).
 */
enum kvp_status kvp_key_read(char *text, const u8 *key, u32 key_bytes);

/*
 * kvp_value_write - write type, size and value of @item to @wire, not its key.
 * @version: negotiated; picks the number for 64-bit values
 * Returns KVP_OK, KVP_VALUE_TOO_LONG, KVP_VALUE_TOO_LONG_8, KVP_VALUE_INVALID
 * or KVP_TYPE_UNKNOWN.
 */
enum kvp_status kvp_value_write(struct kvp_value *wire,
				const struct kvp_item *item, u32 version,
				bool utf8_limits);

/*
 * kvp_value_read - the opposite; @item->key is left alone. Both numbers for
 * 64-bit values are understood at any version.
 * Returns KVP_OK or KVP_GUEST_TEXT.
 */
enum kvp_status kvp_value_read(struct kvp_item *item,
			       const struct kvp_value *wire);

/*
 * kvp_ip_write - check @info and write the body of an IP message, zeroed where
 * it is not used, as @version has it (text at 4.0, binary at 5.0). Family is
 * derived from the addresses when it is 0.
 * @body: KVP_IP_BODY_BYTES of memory
 * Returns KVP_OK, KVP_NO_IP, KVP_ADAPTER_INVALID, KVP_ADDRESS_INVALID,
 * KVP_SUBNET_INVALID, KVP_GATEWAY_INVALID, KVP_DNS_INVALID or KVP_IP_TOO_LONG.
 */
enum kvp_status kvp_ip_write(u8 *body, u8 operation,
			     const struct kvp_ip_info *info, u32 version);

/*
 * kvp_ip_read - the opposite.
 * @body: @body_bytes of a received body
 * Returns KVP_OK, KVP_NO_IP, or KVP_GUEST_TEXT (too short for its version, a
 * text without terminator or not ASCII, a count over its array).
 */
enum kvp_status kvp_ip_read(struct kvp_ip_info *info, const u8 *body,
			    u32 body_bytes, u32 version);

#endif
