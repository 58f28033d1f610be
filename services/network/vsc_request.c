// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* What the guest end asks by RNDIS, and what it is told. */
#include "services/network/vsc_internal.h"

#define TRANSFER_MAX_BYTES 0x4000u

static u32 put_u32(u8 *info, u32 number)
{
	port_copy(info, &number, sizeof(number));
	return sizeof(number);
}

/* ---- what goes with a request ---- */

static u32 put_nothing(const struct network_vsc *vsc, u8 *info)
{
	(void)vsc;
	(void)info;
	return 0;
}

static u32 put_initialize(const struct network_vsc *vsc, u8 *info)
{
	(void)vsc;
	put_u32(info, RNDIS_VERSION_MAJOR);
	put_u32(info + 4, RNDIS_VERSION_MINOR);
	return 8 + put_u32(info + 8, TRANSFER_MAX_BYTES);
}

static u32 put_filter(const struct network_vsc *vsc, u8 *info)
{
	return put_u32(info, vsc->filter);
}

/* The revision that is wanted, as Linux says it. */
static u32 put_hardware(const struct network_vsc *vsc, u8 *info)
{
	u32 version = network_vsc_version_of(vsc->shared);
	struct ndis_offload offload = {
		.header = { NDIS_TYPE_OFFLOAD, 3, NDIS_OFFLOAD_BYTES_3 },
	};

	if (version < NETWORK_VERSION_5) {
		offload.header.revision = 2;
		offload.header.bytes = NDIS_OFFLOAD_BYTES_2;
	}
	if (version < NETWORK_VERSION_4) {
		offload.header.revision = 1;
		offload.header.bytes = NDIS_OFFLOAD_BYTES_1;
	}
	port_copy(info, &offload, offload.header.bytes);
	return offload.header.bytes;
}

static u32 put_offloads(const struct network_vsc *vsc, u8 *info)
{
	const struct network_vsc_shared *shared = vsc->shared;
	struct ndis_offload_parameters wanted = shared->options.offloads;
	u32 bytes = network_vsc_version_of(shared) < NETWORK_VERSION_5
			    ? NDIS_PARAMETERS_BYTES_2
			    : NDIS_PARAMETERS_BYTES_3;

	wanted.header.type = NDIS_TYPE_DEFAULT;
	wanted.header.revision = 3;
	wanted.header.bytes = (u16)bytes;
	/* What there is not stays as it is. */
	if (!shared->hardware.lso4_encapsulation)
		wanted.lso4 = NDIS_PARAMETER_UNCHANGED;
	if (!shared->hardware.lso6_encapsulation)
		wanted.lso6 = NDIS_PARAMETER_UNCHANGED;
	if (!shared->hardware.rsc4)
		wanted.rsc4 = NDIS_PARAMETER_UNCHANGED;
	if (!shared->hardware.rsc6)
		wanted.rsc6 = NDIS_PARAMETER_UNCHANGED;
	port_copy(info, &wanted, bytes);
	return bytes;
}

static u32 put_rss_query(const struct network_vsc *vsc, u8 *info)
{
	const struct ndis_rss_capabilities capabilities = {
		.header = { NDIS_TYPE_RSS_CAPABILITIES, 2,
			    NDIS_RSS_CAPABILITIES_BYTES },
	};

	(void)vsc;
	port_copy(info, &capabilities, NDIS_RSS_CAPABILITIES_BYTES);
	return NDIS_RSS_CAPABILITIES_BYTES;
}

/* Of a table that the owner gave; else, one channel after the other. */
static u32 table_entry(const struct network_vsc_shared *shared, u32 i)
{
	const struct network_rss *rss = &shared->options.rss;
	u32 count = rss->table_count;

	if (count && count <= NETWORK_RSS_TABLE &&
	    rss->table[i % count] < shared->channel_count)
		return rss->table[i % count];
	return i % shared->channel_count;
}

static u32 put_rss(const struct network_vsc *vsc, u8 *info)
{
	const struct network_vsc_shared *shared = vsc->shared;
	const struct network_rss *rss = &shared->options.rss;
	const u32 table_bytes = NETWORK_RSS_TABLE * sizeof(u32);
	const struct ndis_rss_parameters wanted = {
		.header = { NDIS_TYPE_RSS_PARAMETERS, 2, sizeof(wanted) },
		.flags = rss->hash ? 0 : NDIS_RSS_DISABLE,
		.hash = rss->hash,
		.table_bytes = (u16)table_bytes,
		.table_offset_bytes = sizeof(wanted),
		.key_bytes = NETWORK_RSS_KEY_BYTES,
		.key_offset_bytes = (u32)sizeof(wanted) + table_bytes,
	};
	u8 *at = info + sizeof(wanted);
	u32 i;

	port_copy(info, &wanted, sizeof(wanted));
	for (i = 0; i < NETWORK_RSS_TABLE; i++)
		at += put_u32(at, table_entry(shared, i));
	port_copy(at, rss->key, NETWORK_RSS_KEY_BYTES);
	return (u32)sizeof(wanted) + table_bytes + NETWORK_RSS_KEY_BYTES;
}

static u32 put_text(u8 *info, const char *text, u32 length)
{
	u32 i;

	for (i = 0; i < length; i++) {
		info[2 * i] = (u8)text[i];
		info[2 * i + 1] = 0;
	}
	return 2 * length;
}

/* A keyword of the adapter's, as an administrator of Windows sets it. */
static u32 put_address(const struct network_vsc *vsc, u8 *info)
{
	static const char name[] = "NetworkAddress",
			  digits[] = "0123456789ABCDEF";
	const u8 *address = vsc->shared->options.address;
	const u32 name_length = sizeof(name) - 1;
	struct rndis_parameter parameter = {
		.name_offset_bytes = sizeof(parameter),
		.name_bytes = 2 * name_length,
		.type = RNDIS_PARAMETER_STRING,
		.value_offset_bytes = sizeof(parameter) + 2 * name_length,
		.value_bytes = 2 * 12,
	};
	char value[12];
	u32 i;

	for (i = 0; i < sizeof(value); i++)
		value[i] = digits[address[i / 2] >> (i % 2 ? 0 : 4) & 15];
	port_copy(info, &parameter, sizeof(parameter));
	put_text(info + parameter.name_offset_bytes, name, name_length);
	return parameter.value_offset_bytes +
	       put_text(info + parameter.value_offset_bytes, value,
			sizeof(value));
}

/* ---- what comes back; false: the host's word is of no use ---- */

static bool take_u32(const u8 *info, u32 bytes, u32 *number)
{
	if (bytes < sizeof(*number))
		return false;
	port_copy(number, info, sizeof(*number));
	return true;
}

static bool take_nothing(struct network_vsc *vsc, const u8 *info, u32 bytes)
{
	(void)vsc;
	(void)info;
	(void)bytes;
	return true;
}

static bool take_mtu(struct network_vsc *vsc, const u8 *info, u32 bytes)
{
	u32 mtu;

	if (!take_u32(info, bytes, &mtu) || mtu < 68)
		return false;
	if (mtu < vsc->shared->mtu_bytes)
		vsc->shared->mtu_bytes = mtu;
	return true;
}

static bool take_address(struct network_vsc *vsc, const u8 *info, u32 bytes)
{
	if (bytes < sizeof(vsc->shared->address))
		return false;
	port_copy(vsc->shared->address, info, sizeof(vsc->shared->address));
	return true;
}

static bool take_hardware(struct network_vsc *vsc, const u8 *info, u32 bytes)
{
	struct ndis_offload offload = { 0 };

	if (bytes < NDIS_OFFLOAD_BYTES_1)
		return false;
	if (bytes > sizeof(offload))
		bytes = sizeof(offload);
	port_copy(&offload, info, bytes);
	if (offload.header.type != NDIS_TYPE_OFFLOAD)
		return false;
	vsc->shared->hardware = offload;
	return true;
}

static bool take_link(struct network_vsc *vsc, const u8 *info, u32 bytes)
{
	u32 state;

	if (!take_u32(info, bytes, &state))
		return false;
	vsc->shared->link_up = state == RNDIS_MEDIA_CONNECTED;
	return true;
}

static bool take_speed(struct network_vsc *vsc, const u8 *info, u32 bytes)
{
	u32 speed;

	if (!take_u32(info, bytes, &speed))
		return false;
	vsc->shared->speed_bps = speed * 100ull;
	return true;
}

static bool take_queues(struct network_vsc *vsc, const u8 *info, u32 bytes)
{
	struct ndis_rss_capabilities capabilities = { 0 };

	if (bytes < offsetof(struct ndis_rss_capabilities, table_count))
		return false;
	if (bytes > sizeof(capabilities))
		bytes = sizeof(capabilities);
	port_copy(&capabilities, info, bytes);
	if (!capabilities.queues)
		return false;
	vsc->shared->queues = capabilities.queues < NETWORK_CHANNELS_MAX
				      ? (u16)capabilities.queues
				      : NETWORK_CHANNELS_MAX;
	return true;
}

static bool take_initialize(struct network_vsc *vsc, const u8 *info, u32 bytes)
{
	struct rndis_initialize_answer answer = { 0 };
	u8 *behind_status = (u8 *)&answer + 8;

	/* Behind id and status, which are not in it. */
	if (bytes <
	    offsetof(struct rndis_initialize_answer, af_offset_bytes) - 8)
		return false;
	if (bytes > sizeof(answer) - 8)
		bytes = sizeof(answer) - 8;
	port_copy(behind_status, info, bytes);
	if (!answer.packets_max || answer.alignment > 12)
		return false;
	vsc->shared->packets_max = answer.packets_max;
	vsc->shared->packet_align_bytes = 1u << answer.alignment;
	return true;
}

/* ---- the tables ---- */

struct request_row {
	u32 type;
	u32 oid;
	bool needed; /* without it there is no adapter */
	u32 (*put)(const struct network_vsc *vsc, u8 *info);
	bool (*take)(struct network_vsc *vsc, const u8 *info, u32 bytes);
};

static const struct request_row steps[] = {
	[NETWORK_VSC_STEP_INITIALIZE] = { RNDIS_INITIALIZE, 0, true,
					  put_initialize, take_initialize },
	[NETWORK_VSC_STEP_MTU] = { RNDIS_QUERY, OID_MAXIMUM_FRAME_SIZE, false,
				   put_nothing, take_mtu },
	[NETWORK_VSC_STEP_ADDRESS] = { RNDIS_QUERY, OID_PERMANENT_ADDRESS, true,
				       put_nothing, take_address },
	[NETWORK_VSC_STEP_HARDWARE] = { RNDIS_QUERY, OID_OFFLOAD_HARDWARE,
					false, put_hardware, take_hardware },
	[NETWORK_VSC_STEP_OFFLOADS] = { RNDIS_SET, OID_OFFLOAD_PARAMETERS,
					false, put_offloads, take_nothing },
	[NETWORK_VSC_STEP_LINK] = { RNDIS_QUERY, OID_MEDIA_CONNECT_STATUS,
				    false, put_nothing, take_link },
	[NETWORK_VSC_STEP_SPEED] = { RNDIS_QUERY, OID_LINK_SPEED, false,
				     put_nothing, take_speed },
	[NETWORK_VSC_STEP_QUEUES] = { RNDIS_QUERY, OID_RSS_CAPABILITIES, false,
				      put_rss_query, take_queues },
	[NETWORK_VSC_STEP_HALT] = { RNDIS_HALT, 0, false, put_nothing,
				    take_nothing },
};

static const struct request_row requests[NETWORK_VSC_REQUEST_COUNT] = {
	[NETWORK_VSC_REQUEST_FILTER] = { RNDIS_SET, OID_PACKET_FILTER, false,
					 put_filter, take_nothing },
	[NETWORK_VSC_REQUEST_OFFLOADS] = { RNDIS_SET, OID_OFFLOAD_PARAMETERS,
					   false, put_offloads, take_nothing },
	[NETWORK_VSC_REQUEST_RSS] = { RNDIS_SET, OID_RSS_PARAMETERS, false,
				      put_rss, take_nothing },
	[NETWORK_VSC_REQUEST_LINK] = { RNDIS_QUERY, OID_MEDIA_CONNECT_STATUS,
				       false, put_nothing, take_link },
	[NETWORK_VSC_REQUEST_SPEED] = { RNDIS_QUERY, OID_LINK_SPEED, false,
					put_nothing, take_speed },
	[NETWORK_VSC_REQUEST_ADDRESS] = { RNDIS_SET, OID_CONFIG_PARAMETER,
					  false, put_address, take_nothing },
};

/* ---- asking ---- */

static void put_message(struct network_vsc *vsc, const struct request_row *row,
			struct network_vsc_out *out)
{
	const struct network_message envelope = {
		.type = NETWORK_RNDIS,
		.rndis.channel = NETWORK_RNDIS_CONTROL,
		.rndis.section = NETWORK_SECTION_NONE,
	};
	struct {
		struct rndis_header header;
		struct rndis_object_request body;
	} message = {
		.header.type = row->type,
		.body.id = ++vsc->sequence,
		.body.oid = row->oid,
		.body.info_offset_bytes = sizeof(message.body),
	};
	bool object = row->type == RNDIS_QUERY || row->type == RNDIS_SET;
	u32 head = object ? (u32)sizeof(message) : RNDIS_HEADER_BYTES + 4;

	message.body.info_bytes = row->put(vsc, out->message + head);
	message.header.bytes = head + message.body.info_bytes;
	port_copy(out->message, &message, head);
	out->message_bytes = message.header.bytes;
	out->type = PACKET_DATA_GPA_DIRECT;
	out->flags = PACKET_FLAG_COMPLETION_REQUESTED;
	out->transaction_id = NETWORK_QUESTION_BIT | vsc->sequence;
	out->packet_bytes = network_vsc_message_bytes(vsc->shared);
	port_copy(out->packet, &envelope, sizeof(envelope));
	vsc->control_id = out->transaction_id;
	vsc->control_held = true;
}

bool network_vsc_put_step(struct network_vsc *vsc, struct network_vsc_out *out)
{
	if (vsc->step >= PORT_ARRAY_SIZE(steps) || !steps[vsc->step].type)
		return false;
	put_message(vsc, &steps[vsc->step], out);
	return true;
}

bool network_vsc_put_request(struct network_vsc *vsc,
			     struct network_vsc_out *out)
{
	u32 request;

	for (request = 1; request < NETWORK_VSC_REQUEST_COUNT; request++) {
		if (!(vsc->wanted >> request & 1))
			continue;
		vsc->wanted &= (u8) ~(1u << request);
		vsc->request = (u8)request;
		put_message(vsc, &requests[request], out);
		return true;
	}
	return false;
}

void network_vsc_request(struct network_vsc *vsc,
			 enum network_vsc_request request)
{
	if (request > NETWORK_VSC_REQUEST_NONE &&
	    request < NETWORK_VSC_REQUEST_COUNT)
		vsc->wanted |= (u8)(1u << request);
}

void network_vsc_filter(struct network_vsc *vsc, u32 filter)
{
	vsc->filter = filter;
	network_vsc_request(vsc, NETWORK_VSC_REQUEST_FILTER);
}

/* ---- answers ---- */

/*
 * What an answer carries: @info is inside the @bytes of the body. False: it
 * says that it is elsewhere.
 */
static bool find_info(u32 type, const u8 *body, u32 bytes, const u8 **info,
		      u32 *info_bytes)
{
	struct rndis_query_answer answer;

	if (type != RNDIS_QUERY) {
		*info = body + sizeof(struct rndis_answer);
		*info_bytes = bytes - (u32)sizeof(struct rndis_answer);
		return true;
	}
	if (bytes < sizeof(answer))
		return false;
	port_copy(&answer, body, sizeof(answer));
	*info = body;
	*info_bytes = 0;
	if (!answer.info_bytes)
		return true;
	if (answer.info_offset_bytes < sizeof(answer) ||
	    answer.info_offset_bytes > bytes ||
	    answer.info_bytes > bytes - answer.info_offset_bytes)
		return false;
	*info = body + answer.info_offset_bytes;
	*info_bytes = answer.info_bytes;
	return true;
}

static void finish(struct network_vsc *vsc, const struct request_row *row,
		   u32 status, struct network_vsc_event *event)
{
	if (vsc->request) {
		event->kind = NETWORK_VSC_COMPLETED;
		event->request = vsc->request;
		event->status = status;
		vsc->request = NETWORK_VSC_REQUEST_NONE;
		return;
	}
	vsc->awaiting = false;
	if (status && row->needed)
		network_vsc_refuse(vsc, event, status);
	else
		network_vsc_advance(vsc, event);
}

static enum vmbus_status take_answer(struct network_vsc *vsc, u32 type,
				     const u8 *body, u32 bytes,
				     struct network_vsc_event *event)
{
	const struct request_row *row;
	struct rndis_answer answer;
	const u8 *info;
	u32 info_bytes;

	if (bytes < sizeof(answer))
		return VMBUS_E_NETWORK_RNDIS_LENGTH;
	port_copy(&answer, body, sizeof(answer));
	/* Some answers of a HALT's time are late. */
	if (vsc->request)
		row = &requests[vsc->request];
	else if (vsc->awaiting && vsc->step < PORT_ARRAY_SIZE(steps) &&
		 vsc->step != NETWORK_VSC_STEP_HALT && steps[vsc->step].type)
		row = &steps[vsc->step];
	else
		return vsc->step >= NETWORK_VSC_STEP_HALT
			       ? VMBUS_OK
			       : VMBUS_E_NETWORK_TRANSACTION;
	if (type != row->type || answer.id != (u32)vsc->control_id)
		return VMBUS_E_NETWORK_TRANSACTION;
	if (!find_info(type, body, bytes, &info, &info_bytes))
		return VMBUS_E_NETWORK_RNDIS_DATA;
	if (!answer.status && !row->take(vsc, info, info_bytes))
		answer.status = RNDIS_STATUS_INVALID_DATA;
	finish(vsc, row, answer.status, event);
	return VMBUS_OK;
}

/* ---- indications ---- */

static enum vmbus_status take_indication(struct network_vsc *vsc,
					 const u8 *body, u32 bytes,
					 struct network_vsc_event *event)
{
	struct network_vsc_shared *shared = vsc->shared;
	struct rndis_indicate indicate;

	if (bytes < sizeof(indicate))
		return VMBUS_E_NETWORK_RNDIS_LENGTH;
	port_copy(&indicate, body, sizeof(indicate));
	if (indicate.info_bytes &&
	    (indicate.info_offset_bytes < sizeof(indicate) ||
	     indicate.info_offset_bytes > bytes ||
	     indicate.info_bytes > bytes - indicate.info_offset_bytes))
		return VMBUS_E_NETWORK_RNDIS_DATA;
	switch (indicate.status) {
	case RNDIS_STATUS_MEDIA_CONNECT:
	case RNDIS_STATUS_MEDIA_DISCONNECT:
		shared->link_up = indicate.status == RNDIS_STATUS_MEDIA_CONNECT;
		event->kind = NETWORK_VSC_LINK;
		break;
	case RNDIS_STATUS_LINK_SPEED_CHANGE:
		if (take_speed(vsc, body + indicate.info_offset_bytes,
			       indicate.info_bytes))
			event->kind = NETWORK_VSC_SPEED;
		break;
	case RNDIS_STATUS_NETWORK_CHANGE:
		event->kind = NETWORK_VSC_CHANGE;
		break;
	default:
		/* There are many; nobody has to know them. */
		break;
	}
	return VMBUS_OK;
}

enum vmbus_status network_vsc_take_control(struct network_vsc *vsc,
					   const u8 *at, u32 bytes,
					   struct network_vsc_event *event)
{
	struct rndis_header header;

	port_copy(&header, at, sizeof(header));
	if (header.bytes < sizeof(header) || header.bytes > bytes)
		return VMBUS_E_NETWORK_RNDIS_LENGTH;
	at += sizeof(header);
	bytes = header.bytes - (u32)sizeof(header);
	if (header.type == RNDIS_INDICATE)
		return take_indication(vsc, at, bytes, event);
	if (header.type & RNDIS_ANSWER)
		return take_answer(vsc, header.type & ~RNDIS_ANSWER, at, bytes,
				   event);
	return VMBUS_E_NETWORK_RNDIS_TYPE;
}
