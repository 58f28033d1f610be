// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The objects of an adapter that a guest queries and sets. */
#include "services/network/oid.h"
#include "services/network/vsp_internal.h"

static u32 put(struct network_object *object, const void *data, u32 bytes)
{
	port_copy(object->out, data, bytes);
	object->out_bytes = bytes;
	return RNDIS_STATUS_SUCCESS;
}

static u32 put_u32(struct network_object *object, u32 number)
{
	return put(object, &number, sizeof(number));
}

static const struct network_vsp_options *
options_of(const struct network_object *object)
{
	return &object->vsp->shared->options;
}

static struct network_settings *settings_of(const struct network_object *object)
{
	return &object->vsp->shared->settings;
}

/* ---- numbers ---- */

static u32 zero(struct network_object *object)
{
	return put_u32(object, 0);
}

static u32 frame_size(struct network_object *object)
{
	return put_u32(object, settings_of(object)->frame_bytes -
				       NETWORK_ETHERNET_BYTES);
}

static u32 total_size(struct network_object *object)
{
	return put_u32(object, settings_of(object)->frame_bytes);
}

static u32 link_speed(struct network_object *object)
{
	u64 speed = options_of(object)->speed_bps / 100;

	return put_u32(object, speed > 0xffffffffu ? 0xffffffffu : (u32)speed);
}

/* As real hosts: it means nothing here. */
static u32 buffer_space(struct network_object *object)
{
	return put_u32(object, 256u << 10);
}

/* As real hosts: the first bytes of their addresses. */
static u32 vendor_id(struct network_object *object)
{
	return put_u32(object, 0x0000155du);
}

static u32 driver_version(struct network_object *object)
{
	const u16 version = 0x0100;

	return put(object, &version, sizeof(version));
}

static u32 packet_filter(struct network_object *object)
{
	return put_u32(object, settings_of(object)->filter.packet_filter);
}

/* Copies lookahead data, does not pend transfers, no loopback. */
static u32 mac_options(struct network_object *object)
{
	return put_u32(object, 0x1u | 0x4u | 0x8u);
}

static u32 media_status(struct network_object *object)
{
	return put_u32(object, options_of(object)->link_down
				       ? RNDIS_MEDIA_DISCONNECTED
				       : RNDIS_MEDIA_CONNECTED);
}

static u32 send_packets(struct network_object *object)
{
	return put_u32(object, 0xffffffffu);
}

static u32 list_size(struct network_object *object)
{
	return put_u32(object, NETWORK_MULTICAST_MAX);
}

/* ---- text and structures ---- */

static u32 vendor(struct network_object *object)
{
	static const char text[] = "LIS";

	return put(object, text, sizeof(text));
}

/* The name that Hyper-V gives and Linux does not take for one. */
static u32 friendly_name(struct network_object *object)
{
	const char *name = options_of(object)->name;
	u16 text[NETWORK_NAME_MAX + 1];
	u32 i;

	if (!name[0])
		name = "Network Adapter";
	for (i = 0; name[i]; i++)
		text[i] = (u8)name[i];
	text[i++] = 0;
	return put(object, text, i * (u32)sizeof(text[0]));
}

static u32 permanent_address(struct network_object *object)
{
	return put(object, options_of(object)->address, 6);
}

static u32 current_address(struct network_object *object)
{
	return put(object, settings_of(object)->filter.address, 6);
}

static u32 multicast_list(struct network_object *object)
{
	const struct network_filter *filter = &settings_of(object)->filter;

	return put(object, filter->multicast, filter->multicast_count * 6u);
}

static u32 max_link_speed(struct network_object *object)
{
	u64 speeds[2];

	speeds[0] = options_of(object)->speed_bps;
	speeds[1] = speeds[0];
	return put(object, speeds, sizeof(speeds));
}

static u32 link_state(struct network_object *object)
{
	const struct network_vsp_options *options = options_of(object);
	const struct ndis_link_state state = {
		.header = { NDIS_TYPE_DEFAULT, 1, sizeof(state) },
		.connected = options->link_down ? 2 : 1,
		.duplex = 2,
		.tx_bps = options->speed_bps,
		.rx_bps = options->speed_bps,
	};

	return put(object, &state, sizeof(state));
}

/* ---- statistics ---- */

/* Others count on while they are read. */
static u64 directed(u64 frames, u64 multicast, u64 broadcast)
{
	return frames > multicast + broadcast ? frames - multicast - broadcast
					      : 0;
}

static u32 statistic(struct network_object *object)
{
	struct network_counters sum;
	u64 number = 0;

	network_vsp_counters(object->vsp->shared, &sum);
	switch (object->oid) {
	case OID_XMIT_OK:
		number = sum.tx_frames;
		break;
	case OID_RCV_OK:
		number = sum.rx_frames;
		break;
	case OID_RCV_NO_BUFFER:
		number = sum.rx_no_slot;
		break;
	case OID_MULTICAST_FRAMES_XMIT:
		number = sum.tx_multicast;
		break;
	case OID_BROADCAST_FRAMES_XMIT:
		number = sum.tx_broadcast;
		break;
	case OID_MULTICAST_FRAMES_RCV:
		number = sum.rx_multicast;
		break;
	case OID_BROADCAST_FRAMES_RCV:
		number = sum.rx_broadcast;
		break;
	case OID_XMIT_ERROR:
	case OID_XMIT_DISCARDS:
		number = sum.tx_dropped;
		break;
	case OID_RCV_DISCARDS:
		number = sum.rx_dropped;
		break;
	case OID_DIRECTED_FRAMES_XMIT:
		number = directed(sum.tx_frames, sum.tx_multicast,
				  sum.tx_broadcast);
		break;
	case OID_DIRECTED_FRAMES_RCV:
		number = directed(sum.rx_frames, sum.rx_multicast,
				  sum.rx_broadcast);
		break;
	case OID_BYTES_XMIT:
		return put(object, &sum.tx_bytes, sizeof(sum.tx_bytes));
	case OID_BYTES_RCV:
		return put(object, &sum.rx_bytes, sizeof(sum.rx_bytes));
	}
	return put_u32(object, (u32)number);
}

static u32 statistics(struct network_object *object)
{
	struct network_counters sum;
	struct ndis_statistics answer = {
		.header = { NDIS_TYPE_DEFAULT, 1, sizeof(answer) },
		.supported = NDIS_STATISTICS_FRAMES_AND_BYTES,
	};

	network_vsp_counters(object->vsp->shared, &sum);
	answer.rx_discards = sum.rx_dropped;
	answer.rx_bytes = sum.rx_bytes;
	answer.rx_multicast = sum.rx_multicast;
	answer.rx_broadcast = sum.rx_broadcast;
	answer.rx_directed =
		directed(sum.rx_frames, sum.rx_multicast, sum.rx_broadcast);
	answer.tx_discards = sum.tx_dropped;
	answer.tx_bytes = sum.tx_bytes;
	answer.tx_multicast = sum.tx_multicast;
	answer.tx_broadcast = sum.tx_broadcast;
	answer.tx_directed =
		directed(sum.tx_frames, sum.tx_multicast, sum.tx_broadcast);
	return put(object, &answer, sizeof(answer));
}

/* ---- sets ---- */

static u32 ignore(struct network_object *object)
{
	(void)object;
	return RNDIS_STATUS_SUCCESS;
}

static u32 set_packet_filter(struct network_object *object)
{
	u32 bits;

	if (object->info_bytes < sizeof(bits))
		return RNDIS_STATUS_INVALID_LENGTH;
	port_copy(&bits, object->info, sizeof(bits));
	settings_of(object)->filter.packet_filter = bits;
	object->changed = NETWORK_CHANGED_FILTER | NETWORK_CHANGED_RUNNING;
	return RNDIS_STATUS_SUCCESS;
}

static u32 set_multicast_list(struct network_object *object)
{
	struct network_filter *filter = &settings_of(object)->filter;

	if (object->info_bytes % 6)
		return RNDIS_STATUS_INVALID_LENGTH;
	if (object->info_bytes > sizeof(filter->multicast))
		return RNDIS_STATUS_MULTICAST_FULL;
	filter->multicast_count = (u16)(object->info_bytes / 6);
	if (object->info_bytes)
		port_copy(filter->multicast, object->info, object->info_bytes);
	object->changed = NETWORK_CHANGED_FILTER;
	return RNDIS_STATUS_SUCCESS;
}

/* ---- the table ---- */

static u32 supported_list(struct network_object *object);

/* What Linux, DPDK, iPXE, FreeBSD and Windows ask for or set. */
static const struct object_row {
	u32 oid;
	u32 (*query)(struct network_object *object);
	u32 (*set)(struct network_object *object);
} rows[] = {
	{ OID_SUPPORTED_LIST, supported_list, NULL },
	{ OID_HARDWARE_STATUS, zero, NULL },
	{ OID_MEDIA_SUPPORTED, zero, NULL }, /* 802.3 */
	{ OID_MEDIA_IN_USE, zero, NULL },
	{ OID_MAXIMUM_LOOKAHEAD, frame_size, NULL },
	{ OID_MAXIMUM_FRAME_SIZE, frame_size, NULL },
	{ OID_LINK_SPEED, link_speed, NULL },
	{ OID_TRANSMIT_BUFFER_SPACE, buffer_space, NULL },
	{ OID_RECEIVE_BUFFER_SPACE, buffer_space, NULL },
	{ OID_TRANSMIT_BLOCK_SIZE, total_size, NULL },
	{ OID_RECEIVE_BLOCK_SIZE, total_size, NULL },
	{ OID_VENDOR_ID, vendor_id, NULL },
	{ OID_VENDOR_DESCRIPTION, vendor, NULL },
	{ OID_PACKET_FILTER, packet_filter, set_packet_filter },
	{ OID_CURRENT_LOOKAHEAD, frame_size, ignore },
	{ OID_DRIVER_VERSION, driver_version, NULL },
	{ OID_MAXIMUM_TOTAL_SIZE, total_size, NULL },
	{ OID_PROTOCOL_OPTIONS, NULL, ignore },
	{ OID_MAC_OPTIONS, mac_options, NULL },
	{ OID_MEDIA_CONNECT_STATUS, media_status, NULL },
	{ OID_MAXIMUM_SEND_PACKETS, send_packets, NULL },
	{ OID_VENDOR_DRIVER_VERSION, driver_version, NULL },
	{ OID_NETWORK_ADDRESSES, NULL, ignore },
	{ OID_PHYSICAL_MEDIUM, zero, NULL },
	{ OID_RSS_CAPABILITIES, network_query_rss, NULL },
	{ OID_RSS_PARAMETERS, NULL, network_set_rss },
	{ OID_MAX_LINK_SPEED, max_link_speed, NULL },
	{ OID_LINK_STATE, link_state, NULL },
	{ OID_LINK_PARAMETERS, NULL, ignore },
	{ OID_MACHINE_NAME, NULL, ignore },
	{ OID_CONFIG_PARAMETER, NULL, network_set_parameter },
	{ OID_VLAN_ID, zero, NULL },
	{ OID_XMIT_OK, statistic, NULL },
	{ OID_RCV_OK, statistic, NULL },
	{ OID_XMIT_ERROR, statistic, NULL },
	{ OID_RCV_ERROR, zero, NULL },
	{ OID_RCV_NO_BUFFER, statistic, NULL },
	{ OID_STATISTICS, statistics, NULL },
	{ OID_DIRECTED_FRAMES_XMIT, statistic, NULL },
	{ OID_MULTICAST_FRAMES_XMIT, statistic, NULL },
	{ OID_BROADCAST_FRAMES_XMIT, statistic, NULL },
	{ OID_DIRECTED_FRAMES_RCV, statistic, NULL },
	{ OID_MULTICAST_FRAMES_RCV, statistic, NULL },
	{ OID_BROADCAST_FRAMES_RCV, statistic, NULL },
	{ OID_RCV_CRC_ERROR, zero, NULL },
	{ OID_TRANSMIT_QUEUE_LENGTH, zero, NULL },
	{ OID_FRIENDLY_NAME, friendly_name, NULL },
	{ OID_BYTES_RCV, statistic, NULL },
	{ OID_BYTES_XMIT, statistic, NULL },
	{ OID_RCV_DISCARDS, statistic, NULL },
	{ OID_XMIT_DISCARDS, statistic, NULL },
	{ OID_PERMANENT_ADDRESS, permanent_address, NULL },
	{ OID_CURRENT_ADDRESS, current_address, NULL },
	{ OID_MULTICAST_LIST, multicast_list, set_multicast_list },
	{ OID_MULTICAST_LIST_SIZE, list_size, NULL },
	{ OID_802_3_MAC_OPTIONS, zero, NULL },
	{ OID_OFFLOAD_ENCAPSULATION, network_query_encapsulation,
	  network_set_encapsulation },
	{ OID_RCV_ERROR_ALIGNMENT, zero, NULL },
	{ OID_XMIT_ONE_COLLISION, zero, NULL },
	{ OID_XMIT_MORE_COLLISIONS, zero, NULL },
	{ OID_OFFLOAD_CONFIG, network_query_offloads, NULL },
	{ OID_OFFLOAD_PARAMETERS, NULL, network_set_offloads },
	{ OID_OFFLOAD_HARDWARE, network_query_hardware, NULL },
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) * sizeof(u32) <=
		       NETWORK_RESPONSE_BYTES / 2,
	       "the list fits a response");

static u32 supported_list(struct network_object *object)
{
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++)
		port_copy(object->out + (size_t)i * sizeof(u32), &rows[i].oid,
			  sizeof(u32));
	object->out_bytes = (u32)(PORT_ARRAY_SIZE(rows) * sizeof(u32));
	return RNDIS_STATUS_SUCCESS;
}

static const struct object_row *row_of(u32 oid)
{
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		if (rows[i].oid == oid)
			return &rows[i];
	}
	return NULL;
}

u32 network_object_query(struct network_object *object)
{
	const struct object_row *row = row_of(object->oid);

	if (!row || !row->query)
		return RNDIS_STATUS_NOT_SUPPORTED;
	return row->query(object);
}

u32 network_object_set(struct network_object *object)
{
	const struct object_row *row = row_of(object->oid);

	if (!row || !row->set)
		return RNDIS_STATUS_NOT_SUPPORTED;
	return row->set(object);
}
