// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The objects that concern offloads, RSS and parameters by name. */
#include "services/network/oid.h"
#include "services/network/vsp_internal.h"

#define LSO_MAX_BYTES	 62780u /* as real hosts */
#define LSO_MIN_SEGMENTS 2u

#define TX4 (NETWORK_TX_CSUM_IP4 | NETWORK_TX_CSUM_TCP4 | NETWORK_TX_CSUM_UDP4)
#define TX6 (NETWORK_TX_CSUM_TCP6 | NETWORK_TX_CSUM_UDP6)
#define RX4 (NETWORK_RX_CSUM_IP4 | NETWORK_RX_CSUM_TCP4 | NETWORK_RX_CSUM_UDP4)
#define RX6 (NETWORK_RX_CSUM_TCP6 | NETWORK_RX_CSUM_UDP6)
#define RSC (NETWORK_RX_RSC4 | NETWORK_RX_RSC6)

/* What the adapter has for this guest. */
static u32 offered(const struct network_vsp_shared *shared)
{
	u32 offloads = shared->options.offloads;

	if (network_vsp_version(shared) < NETWORK_VERSION_61 ||
	    !(shared->capabilities & NETWORK_CAPABILITY_RSC))
		offloads &= ~RSC;
	return offloads;
}

/* ---- queries ---- */

static u32 checksum_flags(bool ip, bool tcp, bool udp)
{
	return (ip ? NDIS_CHECKSUM_IP : 0) |
	       (tcp ? NDIS_CHECKSUM_TCP | NDIS_CHECKSUM_TCP_OPTIONS : 0) |
	       (udp ? NDIS_CHECKSUM_UDP : 0) |
	       (ip || tcp || udp ? NDIS_CHECKSUM_IP_OPTIONS : 0);
}

static u32 encapsulation(u32 offloads)
{
	return offloads ? NDIS_ENCAPSULATION_802_3 : 0;
}

static void put_lso(struct ndis_offload *offload, u32 offloads)
{
	if (offloads & NETWORK_TX_LSO4) {
		offload->lso4_encapsulation = NDIS_ENCAPSULATION_802_3;
		offload->lso4_max_bytes = LSO_MAX_BYTES;
		offload->lso4_min_segments = LSO_MIN_SEGMENTS;
	}
	if (offloads & NETWORK_TX_LSO6) {
		offload->lso6_encapsulation = NDIS_ENCAPSULATION_802_3;
		offload->lso6_max_bytes = LSO_MAX_BYTES;
		offload->lso6_min_segments = LSO_MIN_SEGMENTS;
		offload->lso6 =
			NDIS_CHECKSUM_IP_OPTIONS | NDIS_CHECKSUM_TCP_OPTIONS;
	}
}

u32 network_put_offloads(const struct network_vsp_shared *shared, u32 offloads,
			 u8 *out)
{
	struct ndis_offload offload = {
		.header = { NDIS_TYPE_OFFLOAD, 3, NDIS_OFFLOAD_BYTES_3 },
		.tx4_encapsulation = encapsulation(offloads & TX4),
		.rx4_encapsulation = encapsulation(offloads & RX4),
		.tx6_encapsulation = encapsulation(offloads & TX6),
		.rx6_encapsulation = encapsulation(offloads & RX6),
		.tx4 = checksum_flags(offloads & NETWORK_TX_CSUM_IP4,
				      offloads & NETWORK_TX_CSUM_TCP4,
				      offloads & NETWORK_TX_CSUM_UDP4),
		.rx4 = checksum_flags(offloads & NETWORK_RX_CSUM_IP4,
				      offloads & NETWORK_RX_CSUM_TCP4,
				      offloads & NETWORK_RX_CSUM_UDP4),
		.tx6 = checksum_flags(false, offloads & NETWORK_TX_CSUM_TCP6,
				      offloads & NETWORK_TX_CSUM_UDP6),
		.rx6 = checksum_flags(false, offloads & NETWORK_RX_CSUM_TCP6,
				      offloads & NETWORK_RX_CSUM_UDP6),
		.rsc4 = (offloads & NETWORK_RX_RSC4) != 0,
		.rsc6 = (offloads & NETWORK_RX_RSC6) != 0,
	};

	put_lso(&offload, offloads);
	/* A guest of an older NDIS takes no more than it knows. */
	if (shared->ndis_version < NETWORK_NDIS_6_1) {
		offload.header.revision = 1;
		offload.header.bytes = NDIS_OFFLOAD_BYTES_1;
	} else if (shared->ndis_version < NETWORK_NDIS_6_30) {
		offload.header.revision = 2;
		offload.header.bytes = NDIS_OFFLOAD_BYTES_2;
	}
	port_copy(out, &offload, offload.header.bytes);
	return offload.header.bytes;
}

u32 network_query_hardware(struct network_object *object)
{
	const struct network_vsp_shared *shared = object->vsp->shared;

	object->out_bytes =
		network_put_offloads(shared, offered(shared), object->out);
	return RNDIS_STATUS_SUCCESS;
}

u32 network_query_offloads(struct network_object *object)
{
	const struct network_vsp_shared *shared = object->vsp->shared;

	object->out_bytes = network_put_offloads(
		shared, shared->settings.offloads, object->out);
	return RNDIS_STATUS_SUCCESS;
}

u32 network_query_encapsulation(struct network_object *object)
{
	const struct ndis_encapsulation answer = {
		.header = { NDIS_TYPE_ENCAPSULATION, 1, sizeof(answer) },
		.ip4_enabled = 1,
		.ip4_type = NDIS_ENCAPSULATION_802_3,
		.ip4_header_bytes = NETWORK_ETHERNET_BYTES,
		.ip6_enabled = 1,
		.ip6_type = NDIS_ENCAPSULATION_802_3,
		.ip6_header_bytes = NETWORK_ETHERNET_BYTES,
	};

	port_copy(object->out, &answer, sizeof(answer));
	object->out_bytes = sizeof(answer);
	return RNDIS_STATUS_SUCCESS;
}

u32 network_query_rss(struct network_object *object)
{
	const struct network_vsp_options *options =
		&object->vsp->shared->options;
	const struct ndis_rss_capabilities answer = {
		.header = { NDIS_TYPE_RSS_CAPABILITIES, 2,
			    NDIS_RSS_CAPABILITIES_BYTES },
		.flags = NDIS_RSS_TCP_IPV4 | NDIS_RSS_TCP_IPV6 |
			 NETWORK_HASH_TOEPLITZ,
		.messages = 1,
		.queues = options->channels_max,
		.table_count = NETWORK_RSS_TABLE,
	};

	port_copy(object->out, &answer, NDIS_RSS_CAPABILITIES_BYTES);
	object->out_bytes = NDIS_RSS_CAPABILITIES_BYTES;
	return RNDIS_STATUS_SUCCESS;
}

/* ---- offloads ---- */

static void switch_bits(u32 *offloads, u32 bits, bool on)
{
	*offloads = on ? *offloads | bits : *offloads & ~bits;
}

static void set_checksum(u32 *offloads, u8 parameter, u32 tx, u32 rx)
{
	if (parameter < NDIS_PARAMETER_DISABLED ||
	    parameter > NDIS_PARAMETER_BOTH)
		return;
	switch_bits(offloads, tx,
		    parameter == NDIS_PARAMETER_TX ||
			    parameter == NDIS_PARAMETER_BOTH);
	switch_bits(offloads, rx,
		    parameter == NDIS_PARAMETER_RX ||
			    parameter == NDIS_PARAMETER_BOTH);
}

static void set_switch(u32 *offloads, u8 parameter, u32 bits)
{
	if (parameter == NDIS_PARAMETER_DISABLED ||
	    parameter == NDIS_PARAMETER_ENABLED)
		switch_bits(offloads, bits,
			    parameter == NDIS_PARAMETER_ENABLED);
}

/* The guest is told what came of it, as Windows expects. */
static u32 take_offloads(struct network_object *object, u32 offloads)
{
	struct network_vsp_shared *shared = object->vsp->shared;

	shared->settings.offloads = offloads & offered(shared);
	shared->pending |= NETWORK_NOTICE_OFFLOAD;
	object->changed = NETWORK_CHANGED_OFFLOADS;
	return RNDIS_STATUS_SUCCESS;
}

u32 network_set_offloads(struct network_object *object)
{
	u32 offloads = object->vsp->shared->settings.offloads;
	struct ndis_offload_parameters wanted;
	u32 bytes = object->info_bytes;

	if (bytes < NDIS_PARAMETERS_BYTES_1)
		return RNDIS_STATUS_INVALID_LENGTH;
	if (bytes > sizeof(wanted))
		bytes = sizeof(wanted);
	port_fill(&wanted, 0, sizeof(wanted));
	port_copy(&wanted, object->info, bytes);
	if (wanted.header.type != NDIS_TYPE_DEFAULT)
		return RNDIS_STATUS_INVALID_DATA;
	if (wanted.lso1 == NDIS_PARAMETER_ENABLED)
		return RNDIS_STATUS_NOT_SUPPORTED;
	set_checksum(&offloads, wanted.ip4_checksum, NETWORK_TX_CSUM_IP4,
		     NETWORK_RX_CSUM_IP4);
	set_checksum(&offloads, wanted.tcp4_checksum, NETWORK_TX_CSUM_TCP4,
		     NETWORK_RX_CSUM_TCP4);
	set_checksum(&offloads, wanted.udp4_checksum, NETWORK_TX_CSUM_UDP4,
		     NETWORK_RX_CSUM_UDP4);
	set_checksum(&offloads, wanted.tcp6_checksum, NETWORK_TX_CSUM_TCP6,
		     NETWORK_RX_CSUM_TCP6);
	set_checksum(&offloads, wanted.udp6_checksum, NETWORK_TX_CSUM_UDP6,
		     NETWORK_RX_CSUM_UDP6);
	set_switch(&offloads, wanted.lso4, NETWORK_TX_LSO4);
	set_switch(&offloads, wanted.lso6, NETWORK_TX_LSO6);
	set_switch(&offloads, wanted.rsc4, NETWORK_RX_RSC4);
	set_switch(&offloads, wanted.rsc6, NETWORK_RX_RSC6);
	return take_offloads(object, offloads);
}

/* Windows switches on with this what it was told that there is. */
u32 network_set_encapsulation(struct network_object *object)
{
	u32 offloads = object->vsp->shared->settings.offloads;
	struct ndis_encapsulation wanted;

	if (object->info_bytes < sizeof(wanted))
		return RNDIS_STATUS_INVALID_LENGTH;
	port_copy(&wanted, object->info, sizeof(wanted));
	if (wanted.header.type != NDIS_TYPE_ENCAPSULATION)
		return RNDIS_STATUS_INVALID_DATA;
	if ((wanted.ip4_enabled == 1 &&
	     (wanted.ip4_type != NDIS_ENCAPSULATION_802_3 ||
	      wanted.ip4_header_bytes != NETWORK_ETHERNET_BYTES)) ||
	    (wanted.ip6_enabled == 1 &&
	     (wanted.ip6_type != NDIS_ENCAPSULATION_802_3 ||
	      wanted.ip6_header_bytes != NETWORK_ETHERNET_BYTES)))
		return RNDIS_STATUS_NOT_SUPPORTED;
	if (wanted.ip4_enabled == 1)
		offloads |= TX4 | RX4;
	if (wanted.ip6_enabled == 1)
		offloads |= TX6 | RX6;
	return take_offloads(object, offloads);
}

/* ---- RSS ---- */

/* @bytes at @offset of the object, NULL: they are not in it. */
static const u8 *part(const struct network_object *object, u32 offset,
		      u32 bytes)
{
	if (offset > object->info_bytes || bytes > object->info_bytes - offset)
		return NULL;
	return object->info + offset;
}

static bool take_table(const struct network_object *object,
		       const struct ndis_rss_parameters *wanted,
		       struct network_rss *rss)
{
	const u8 *table =
		part(object, wanted->table_offset_bytes, wanted->table_bytes);
	u32 i, entry;

	rss->table_count = wanted->table_bytes / sizeof(u32);
	if (!table || !rss->table_count || rss->table_count > NETWORK_RSS_TABLE)
		return false;
	for (i = 0; i < rss->table_count; i++) {
		port_copy(&entry, table + (size_t)i * sizeof(entry),
			  sizeof(entry));
		if (entry >= object->vsp->shared->channel_count)
			return false;
		rss->table[i] = (u16)entry;
	}
	return true;
}

u32 network_set_rss(struct network_object *object)
{
	struct network_rss rss = object->vsp->shared->settings.rss;
	struct ndis_rss_parameters wanted;
	const u8 *key;

	/* Guests disagree about the header's size: FreeBSD counts the table. */
	if (object->info_bytes < sizeof(wanted))
		return RNDIS_STATUS_INVALID_LENGTH;
	port_copy(&wanted, object->info, sizeof(wanted));
	if ((wanted.flags & NDIS_RSS_DISABLE) ||
	    !(wanted.hash & NETWORK_HASH_FUNCTIONS)) {
		rss.hash = 0;
		goto take;
	}
	if (!(wanted.flags & NDIS_RSS_UNCHANGED_HASH))
		rss.hash = wanted.hash;
	if ((rss.hash & NETWORK_HASH_FUNCTIONS) != NETWORK_HASH_TOEPLITZ)
		return RNDIS_STATUS_INVALID_DATA;
	if (!(wanted.flags & NDIS_RSS_UNCHANGED_KEY)) {
		key = part(object, wanted.key_offset_bytes, sizeof(rss.key));
		if (wanted.key_bytes != sizeof(rss.key) || !key)
			return RNDIS_STATUS_INVALID_DATA;
		port_copy(rss.key, key, sizeof(rss.key));
	}
	if (!(wanted.flags & NDIS_RSS_UNCHANGED_TABLE) &&
	    !take_table(object, &wanted, &rss))
		return RNDIS_STATUS_INVALID_DATA;
take:
	object->vsp->shared->settings.rss = rss;
	object->changed = NETWORK_CHANGED_RSS;
	return RNDIS_STATUS_SUCCESS;
}

/* ---- parameters by name ---- */

/* A name or value, as ASCII; what is not counts as the end. */
static u32 take_text(const struct network_object *object, u32 offset, u32 bytes,
		     char *text, u32 most)
{
	const u8 *at = part(object, offset, bytes);
	u32 i;

	for (i = 0; at && i + 1 < most && i * 2 + 1 < bytes; i++) {
		text[i] = at[i * 2 + 1] ? 0 : (char)at[i * 2];
		if (!text[i])
			break;
	}
	text[i] = 0;
	return i;
}

static bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* The value of a hexadecimal digit, 16: it is none. */
static u32 digit(char c)
{
	if (c >= '0' && c <= '9')
		return (u32)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (u32)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (u32)(c - 'A') + 10;
	return 16;
}

static u32 set_address(struct network_object *object, const char *value,
		       u32 length)
{
	struct network_vsp_shared *shared = object->vsp->shared;
	u8 address[6];
	u32 i, high, low;

	if (length != 12)
		return RNDIS_STATUS_INVALID_DATA;
	for (i = 0; i < 6; i++) {
		high = digit(value[i * 2]);
		low = digit(value[i * 2 + 1]);
		if (high > 15 || low > 15)
			return RNDIS_STATUS_INVALID_DATA;
		address[i] = (u8)(high << 4 | low);
	}
	if (shared->options.address_fixed)
		return RNDIS_STATUS_NOT_SUPPORTED;
	if (address[0] & 1)
		return RNDIS_STATUS_INVALID_DATA;
	port_copy(shared->options.current, address, sizeof(address));
	port_copy(shared->settings.filter.address, address, sizeof(address));
	object->changed = NETWORK_CHANGED_ADDRESS | NETWORK_CHANGED_FILTER;
	return RNDIS_STATUS_SUCCESS;
}

/* Keywords of Windows' drivers; a digit: 1 to the host, 2 from it, 3 both. */
static const struct {
	const char *name;
	u32 tx, rx;
} keywords[] = {
	{ "*IPChecksumOffloadIPv4", NETWORK_TX_CSUM_IP4, NETWORK_RX_CSUM_IP4 },
	{ "*TCPChecksumOffloadIPv4", NETWORK_TX_CSUM_TCP4,
	  NETWORK_RX_CSUM_TCP4 },
	{ "*UDPChecksumOffloadIPv4", NETWORK_TX_CSUM_UDP4,
	  NETWORK_RX_CSUM_UDP4 },
	{ "*TCPChecksumOffloadIPv6", NETWORK_TX_CSUM_TCP6,
	  NETWORK_RX_CSUM_TCP6 },
	{ "*UDPChecksumOffloadIPv6", NETWORK_TX_CSUM_UDP6,
	  NETWORK_RX_CSUM_UDP6 },
	{ "*LsoV2IPv4", NETWORK_TX_LSO4, 0 },
	{ "*LsoV2IPv6", NETWORK_TX_LSO6, 0 },
};

u32 network_set_parameter(struct network_object *object)
{
	u32 offloads = object->vsp->shared->settings.offloads, length, i;
	struct rndis_parameter parameter;
	char name[32], value[16];

	if (object->info_bytes < sizeof(parameter))
		return RNDIS_STATUS_INVALID_LENGTH;
	port_copy(&parameter, object->info, sizeof(parameter));
	take_text(object, parameter.name_offset_bytes, parameter.name_bytes,
		  name, sizeof(name));
	length = take_text(object, parameter.value_offset_bytes,
			   parameter.value_bytes, value, sizeof(value));
	if (parameter.type != RNDIS_PARAMETER_STRING || !name[0])
		return RNDIS_STATUS_INVALID_DATA;
	if (text_equal(name, "NetworkAddress"))
		return set_address(object, value, length);
	for (i = 0; i < PORT_ARRAY_SIZE(keywords); i++) {
		if (!text_equal(name, keywords[i].name))
			continue;
		switch_bits(&offloads, keywords[i].tx, digit(value[0]) & 1);
		switch_bits(&offloads, keywords[i].rx, digit(value[0]) & 2);
		return take_offloads(object, offloads);
	}
	/* A keyword of the guest's own concern. */
	return RNDIS_STATUS_SUCCESS;
}
