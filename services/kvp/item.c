// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Keys and values, to and from the wire; statuses in words. */
#include "services/kvp/item.h"

/* Records of Linux's pool files, terminator included (hv_kvp_daemon.c). */
#define KEY_RECORD_BYTES   512
#define VALUE_RECORD_BYTES 2048

static const char *const status_texts[] = {
	[KVP_OK] = "done",
	[KVP_BUSY] = "another request to the guest is under way",
	[KVP_NOT_READY] = "the guest does not use the service (yet)",
	[KVP_BAD_POOL] = "there is no such pool: they are 0 to 4",
	[KVP_KEY_EMPTY] = "the key is empty",
	[KVP_KEY_TOO_LONG] = "the key is too long: the limit is 255 UTF-16 "
			     "units",
	[KVP_KEY_TOO_LONG_8] = "the key is too long: the limit is 511 bytes "
			       "of UTF-8",
	[KVP_KEY_INVALID] = "the key is not valid UTF-8",
	[KVP_VALUE_TOO_LONG] = "the value is too long: the limit is 1023 "
			       "UTF-16 units",
	[KVP_VALUE_TOO_LONG_8] = "the value is too long: the limit is 2047 "
				 "bytes of UTF-8",
	[KVP_VALUE_INVALID] = "the value is not valid UTF-8",
	[KVP_TYPE_UNKNOWN] = "there is no such type of value",
	[KVP_NO_IP] = "the guest's version of the service knows nothing of IP "
		      "addresses: 4.0 is the oldest that does",
	[KVP_ADAPTER_INVALID] = "the network adapter's id is empty, over 127 "
				"characters, or not ASCII",
	[KVP_ADDRESS_INVALID] = "an IP address is not valid",
	[KVP_SUBNET_INVALID] = "a subnet is not valid, or there is not one for "
			       "each address",
	[KVP_GATEWAY_INVALID] = "a gateway is not a valid IP address",
	[KVP_DNS_INVALID] = "a DNS server is not a valid IP address",
	[KVP_IP_TOO_LONG] = "too many addresses: the limit is 1023 characters "
			    "of each kind (511 of gateways), or 64 addresses "
			    "of a family (5 gateways) at version 5.0",
	[KVP_NOT_FOUND] = "the guest has no such key",
	[KVP_LIMIT] = "the guest has more items than are read",
	[KVP_GUEST_ERROR] = "the guest reported an error",
	[KVP_GUEST_TEXT] = "the guest's answer is not valid text",
	[KVP_NO_ANSWER] = "the guest did not answer in time: its daemon may "
			  "not be running",
	[KVP_CLOSED] = "the guest closed the service meanwhile",
};

const char *kvp_status_text(enum kvp_status status)
{
	if ((u32)status >= PORT_ARRAY_SIZE(status_texts))
		return "unknown status";
	return status_texts[status];
}

enum kvp_status kvp_key_write(u8 *key, u32 *key_bytes, const char *text,
			      bool utf8_limits)
{
	u32 units;

	if (!text[0])
		return KVP_KEY_EMPTY;
	switch (utf16_from_utf8(key, KVP_KEY_UNITS, &units, text)) {
	case UTF16_TOO_LONG:
		return KVP_KEY_TOO_LONG;
	case UTF16_INVALID:
		return KVP_KEY_INVALID;
	default:
		break;
	}
	if (utf8_limits &&
	    utf16_text_bytes(text, KEY_RECORD_BYTES) == KEY_RECORD_BYTES)
		return KVP_KEY_TOO_LONG_8;
	*key_bytes = units * 2;
	return KVP_OK;
}

/* A text of the guest whose size, terminator included, is told beside it. */
static enum kvp_status sized_text_read(char *text, u32 capacity_bytes,
				       const u8 *wire, u32 bytes)
{
	u32 units = bytes / 2;

	text[0] = 0;
	if (!units || bytes % 2 || wire[bytes - 1] || wire[bytes - 2] ||
	    utf16_to_utf8(text, capacity_bytes, wire, units - 1))
		return KVP_GUEST_TEXT;
	return KVP_OK;
}

enum kvp_status kvp_key_read(char *text, const u8 *key, u32 key_bytes)
{
	text[0] = 0;
	if (key_bytes > KVP_KEY_WIRE_BYTES)
		return KVP_GUEST_TEXT;
	return sized_text_read(text, sizeof(((struct kvp_item *)0)->key), key,
			       key_bytes);
}

static enum kvp_status string_write(struct kvp_value *wire, const char *text,
				    bool utf8_limits)
{
	u32 units;

	switch (utf16_from_utf8(wire->value, KVP_VALUE_UNITS, &units, text)) {
	case UTF16_TOO_LONG:
		return KVP_VALUE_TOO_LONG;
	case UTF16_INVALID:
		return KVP_VALUE_INVALID;
	default:
		break;
	}
	if (utf8_limits &&
	    utf16_text_bytes(text, VALUE_RECORD_BYTES) == VALUE_RECORD_BYTES)
		return KVP_VALUE_TOO_LONG_8;
	wire->type = KVP_WIRE_STRING;
	wire->value_bytes = units * 2;
	return KVP_OK;
}

enum kvp_status kvp_value_write(struct kvp_value *wire,
				const struct kvp_item *item, u32 version,
				bool utf8_limits)
{
	switch (item->type) {
	case KVP_STRING:
		return string_write(wire, item->text, utf8_limits);
	case KVP_U32:
		if (item->number > 0xffffffffu)
			return KVP_TYPE_UNKNOWN;
		wire->type = KVP_WIRE_U32;
		wire->value_bytes = sizeof(u32);
		break;
	case KVP_U64:
		wire->type = ic_version_older(version, KVP_VERSION_5_0)
				     ? KVP_WIRE_U64_LINUX
				     : KVP_WIRE_U64;
		wire->value_bytes = sizeof(u64);
		break;
	default:
		return KVP_TYPE_UNKNOWN;
	}
	/* Little-endian: the low bytes come first. */
	port_copy(wire->value, &item->number, wire->value_bytes);
	return KVP_OK;
}

static enum kvp_status number_read(struct kvp_item *item, enum kvp_type type,
				   const struct kvp_value *wire, u32 bytes)
{
	if (wire->value_bytes != bytes)
		return KVP_GUEST_TEXT;
	item->type = type;
	port_copy(&item->number, wire->value, bytes);
	return KVP_OK;
}

enum kvp_status kvp_value_read(struct kvp_item *item,
			       const struct kvp_value *wire)
{
	item->type = KVP_STRING;
	item->number = 0;
	item->text[0] = 0;
	if (wire->value_bytes > KVP_VALUE_WIRE_BYTES)
		return KVP_GUEST_TEXT;
	switch (wire->type) {
	case KVP_WIRE_STRING:
	case KVP_WIRE_EXPAND_STRING:
		return sized_text_read(item->text, sizeof(item->text),
				       wire->value, wire->value_bytes);
	case KVP_WIRE_U32:
		return number_read(item, KVP_U32, wire, sizeof(u32));
	case KVP_WIRE_U64:
	case KVP_WIRE_U64_LINUX:
		return number_read(item, KVP_U64, wire, sizeof(u64));
	default:
		return KVP_GUEST_TEXT;
	}
}
