// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Host end of the synthetic network: NVSP. */
#include "services/network/vsp_internal.h"

#define MTU_MAX_BYTES	  (65535u - NETWORK_ETHERNET_BYTES)
#define FRAME_MIN_BYTES	  (68u + NETWORK_ETHERNET_BYTES)
#define SECTION_BYTES	  6144u
#define SECTION_MIN_BYTES 2048u
#define SPEED_BPS	  10000000000ull
#define MDL_CHAIN_MAX	  34u

static const u32 versions[] = {
	NETWORK_VERSION_61, NETWORK_VERSION_6, NETWORK_VERSION_5,
	NETWORK_VERSION_4,  NETWORK_VERSION_2, NETWORK_VERSION_1,
};

/* The newest version that both take, 0: none. */
static u32 version_between(u32 min, u32 max)
{
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(versions); i++) {
		if (versions[i] >= min && versions[i] <= max)
			return versions[i];
	}
	return 0;
}

u32 network_vsp_version(const struct network_vsp_shared *shared)
{
	return port_load(&shared->version);
}

u32 network_message_bytes(const struct network_vsp_shared *shared)
{
	return network_vsp_version(shared) >= NETWORK_VERSION_61
		       ? NETWORK_MESSAGE_BYTES
		       : NETWORK_MESSAGE_BYTES_OLD;
}

/* ---- what the channels share ---- */

static void set_defaults(struct network_vsp_options *options)
{
	if (!options->version_max)
		options->version_max = NETWORK_VERSION_61;
	if (!options->channels_max)
		options->channels_max = 1;
	if (!options->mtu_max_bytes)
		options->mtu_max_bytes = MTU_MAX_BYTES;
	if (!options->send_section_bytes)
		options->send_section_bytes = SECTION_BYTES;
	if (!options->speed_bps)
		options->speed_bps = SPEED_BPS;
}

static bool options_valid(const struct network_vsp_options *options)
{
	return version_between(options->version_max, options->version_max) &&
	       options->channels_max <= NETWORK_CHANNELS_MAX &&
	       options->mtu_max_bytes <= MTU_MAX_BYTES &&
	       options->mtu_max_bytes + NETWORK_ETHERNET_BYTES >=
		       NETWORK_FRAME_BYTES &&
	       options->slot_min_bytes <= NETWORK_RECEIVE_MAX_OLD_BYTES / 2 &&
	       options->send_section_bytes >= SECTION_MIN_BYTES &&
	       options->send_section_bytes <= NETWORK_SEND_MAX_BYTES &&
	       options->send_section_bytes % 8 == 0 &&
	       !(options->offloads & ~NETWORK_OFFLOADS_ALL) &&
	       !options->name[NETWORK_NAME_MAX];
}

enum vmbus_status
network_vsp_shared_init(struct network_vsp_shared *shared,
			const struct network_vsp_options *options)
{
	const struct network_vsp_options copy = *options;

	port_fill(shared, 0, sizeof(*shared));
	shared->options = copy;
	set_defaults(&shared->options);
	if (!options_valid(&shared->options))
		return VMBUS_BAD_ARGUMENT;
	shared->channel_count = 1;
	network_settings_reset(shared);
	network_vsp_publish(shared);
	return VMBUS_OK;
}

void network_vsp_init(struct network_vsp *vsp,
		      struct network_vsp_shared *shared, u16 channel)
{
	port_fill(vsp, 0, sizeof(*vsp));
	vsp->shared = shared;
	vsp->channel = channel;
	/* Channels begin to look at some distance from each other. */
	vsp->cursor = (u32)channel * 4;
	network_vsp_settings(vsp);
}

static bool is_set(const u8 *address)
{
	return address[0] | address[1] | address[2] | address[3] | address[4] |
	       address[5];
}

void network_settings_reset(struct network_vsp_shared *shared)
{
	const struct network_vsp_options *options = &shared->options;
	struct network_settings *settings = &shared->settings;

	port_fill(settings, 0, sizeof(*settings));
	settings->frame_bytes = NETWORK_FRAME_BYTES;
	/* Nothing that a guest has to know of before it is sent to it. */
	settings->offloads =
		options->offloads &
		~(NETWORK_RX_CSUM_IP4 | NETWORK_RX_CSUM_TCP4 |
		  NETWORK_RX_CSUM_UDP4 | NETWORK_RX_CSUM_TCP6 |
		  NETWORK_RX_CSUM_UDP6 | NETWORK_RX_RSC4 | NETWORK_RX_RSC6);
	port_copy(settings->filter.address,
		  is_set(options->current) ? options->current
					   : options->address,
		  6);
}

static void copy_words(void *to, const void *from, u32 bytes)
{
	const u32 *source = from;
	u32 *target = to, i;

	for (i = 0; i < bytes / sizeof(u32); i++)
		port_store(&target[i], port_load(&source[i]));
}

_Static_assert(sizeof(struct network_settings) % sizeof(u32) == 0,
	       "copied word by word");

void network_vsp_publish(struct network_vsp_shared *shared)
{
	u32 sequence = shared->sequence;

	port_store(&shared->sequence, sequence + 1);
	port_barrier();
	copy_words(&shared->published, &shared->settings,
		   sizeof(shared->settings));
	port_store_release(&shared->sequence, sequence + 2);
}

bool network_vsp_settings(struct network_vsp *vsp)
{
	struct network_vsp_shared *shared = vsp->shared;
	u32 sequence = port_load_acquire(&shared->sequence);
	struct network_settings copy;

	if (sequence == vsp->sequence || (sequence & 1))
		return false;
	copy_words(&copy, &shared->published, sizeof(copy));
	port_barrier();
	if (port_load(&shared->sequence) != sequence)
		return false;
	vsp->settings = copy;
	vsp->sequence = sequence;
	return true;
}

void network_vsp_counters(const struct network_vsp_shared *shared,
			  struct network_counters *sum)
{
	const u64 *from = (const u64 *)shared->counters;
	const u32 words = sizeof(*sum) / sizeof(u64);
	u64 *to = (u64 *)sum;
	u32 i;

	port_fill(sum, 0, sizeof(*sum));
	for (i = 0; i < words * NETWORK_CHANNELS_MAX; i++)
		to[i % words] += port_load(&from[i]);
}

/* ---- answers ---- */

static void put_answer(const struct network_vsp *vsp,
		       struct network_vsp_action *action,
		       const struct network_message *message)
{
	action->packet_bytes = network_message_bytes(vsp->shared);
	port_copy(action->packet, message, sizeof(*message));
}

enum vmbus_status network_answer(const struct network_vsp *vsp,
				 struct network_vsp_action *action,
				 const struct network_message *message)
{
	action->step = NETWORK_VSP_ANSWER;
	put_answer(vsp, action, message);
	return VMBUS_OK;
}

/* To what has no answer of its own: empty, if it is wanted. */
enum vmbus_status network_answer_empty(struct network_vsp_action *action)
{
	action->step =
		action->answer ? NETWORK_VSP_ANSWER : NETWORK_VSP_NOTHING;
	return VMBUS_OK;
}

static enum vmbus_status answer_rndis(const struct network_vsp *vsp,
				      struct network_vsp_action *action,
				      enum network_status status)
{
	const struct network_message message = {
		.type = NETWORK_RNDIS_COMPLETE,
		.complete.status = status,
	};

	return network_answer(vsp, action, &message);
}

void network_vsp_complete(const struct network_vsp *vsp,
			  struct network_vsp_action *action)
{
	answer_rndis(vsp, action, NETWORK_STATUS_SUCCESS);
}

/* ---- negotiation ---- */

static enum vmbus_status init(struct network_vsp *vsp,
			      const struct network_incoming *in,
			      struct network_vsp_action *action)
{
	struct network_vsp_shared *shared = vsp->shared;
	const struct network_init *request = &in->message.init;
	struct network_message message = {
		.type = NETWORK_INIT_COMPLETE,
		.init_complete.mdl_chain_max = MDL_CHAIN_MAX,
	};
	u32 max = shared->options.version_max, version;

	if (request->version_max < max)
		max = request->version_max;
	version = version_between(request->version_min, max);
	/* DPDK begins anew on the open channel, without its buffers. */
	if (shared->receive.base || shared->send.base) {
		message.init_complete.status = NETWORK_STATUS_FAIL;
	} else if (!version) {
		message.init_complete.status =
			request->version_min > shared->options.version_max
				? NETWORK_STATUS_TOO_NEW
				: NETWORK_STATUS_TOO_OLD;
	} else {
		port_store(&shared->version, version);
		shared->ndis_version = 0;
		shared->capabilities = 0;
		shared->initialized = false;
		network_settings_reset(shared);
		message.init_complete.status = NETWORK_STATUS_SUCCESS;
		message.init_complete.version = version;
		action->changed = NETWORK_CHANGED_OFFLOADS |
				  NETWORK_CHANGED_FILTER | NETWORK_CHANGED_RSS |
				  NETWORK_CHANGED_RUNNING | NETWORK_CHANGED_MTU;
	}
	return network_answer(vsp, action, &message);
}

static enum vmbus_status ndis_version(struct network_vsp *vsp,
				      const struct network_incoming *in,
				      struct network_vsp_action *action)
{
	const struct network_ndis_version *request = &in->message.ndis_version;

	vsp->shared->ndis_version =
		(request->major & 0xffff) << 16 | (request->minor & 0xffff);
	return network_answer_empty(action);
}

static enum vmbus_status ndis_config(struct network_vsp *vsp,
				     const struct network_incoming *in,
				     struct network_vsp_action *action)
{
	struct network_vsp_shared *shared = vsp->shared;
	struct network_settings *settings = &shared->settings;
	u32 max = shared->options.mtu_max_bytes + NETWORK_ETHERNET_BYTES;
	struct network_ndis_config request;

	port_copy(&request, in->message.ndis_config, sizeof(request));
	/* The slots of a receive buffer are as long as they are. */
	if (shared->receive.base)
		return network_answer_empty(action);
	shared->capabilities = request.capabilities;
	settings->frame_bytes = request.mtu_bytes;
	if (settings->frame_bytes > max)
		settings->frame_bytes = max;
	if (settings->frame_bytes < FRAME_MIN_BYTES)
		settings->frame_bytes = FRAME_MIN_BYTES;
	settings->tags_beside =
		(request.capabilities & NETWORK_CAPABILITY_8021Q) != 0;
	action->changed = NETWORK_CHANGED_MTU;
	return network_answer_empty(action);
}

/* ---- sub-channels, virtual functions ---- */

static enum vmbus_status answer_sub_channels(const struct network_vsp *vsp,
					     struct network_vsp_action *action,
					     enum network_status status,
					     u32 count)
{
	const struct network_message message = {
		.type = NETWORK_SUB_CHANNELS,
		.sub_channels.operation = status,
		.sub_channels.count = count,
	};

	return network_answer(vsp, action, &message);
}

static enum vmbus_status sub_channels(struct network_vsp *vsp,
				      const struct network_incoming *in,
				      struct network_vsp_action *action)
{
	struct network_vsp_shared *shared = vsp->shared;
	const struct network_sub_channels *request = &in->message.sub_channels;
	u32 have = shared->channel_count - 1, count = request->count;

	if (request->operation != NETWORK_SUB_CHANNELS_ALLOCATE)
		return answer_sub_channels(vsp, action, NETWORK_STATUS_FAIL, 0);
	if (count > shared->options.channels_max - 1u)
		count = shared->options.channels_max - 1u;
	if (count <= have)
		return answer_sub_channels(vsp, action, NETWORK_STATUS_SUCCESS,
					   count);
	action->step = NETWORK_VSP_SUB_CHANNELS;
	action->sub_channels = (u16)(count - have);
	return VMBUS_OK;
}

void network_vsp_granted(struct network_vsp *vsp,
			 struct network_vsp_action *action, u32 count)
{
	struct network_vsp_shared *shared = vsp->shared;

	shared->channel_count +=
		count < action->sub_channels ? count : action->sub_channels;
	if (shared->channel_count > 1)
		shared->pending |= NETWORK_NOTICE_TABLE;
	answer_sub_channels(vsp, action, NETWORK_STATUS_SUCCESS,
			    shared->channel_count - 1);
}

/* No object is asked for this way by any guest known. */
static enum vmbus_status query_ex(struct network_vsp *vsp,
				  const struct network_incoming *in,
				  struct network_vsp_action *action)
{
	const struct network_message message = {
		.type = NETWORK_OID_QUERY_EX_COMPLETE,
		.complete.status = RNDIS_STATUS_NOT_SUPPORTED,
	};

	(void)in;
	return network_answer(vsp, action, &message);
}

static enum vmbus_status data_path(struct network_vsp *vsp,
				   const struct network_incoming *in,
				   struct network_vsp_action *action)
{
	(void)vsp;
	action->step = NETWORK_VSP_DATA_PATH;
	action->virtual_function =
		in->message.data_path.path == NETWORK_PATH_VF;
	return VMBUS_OK;
}

/* ---- receiving ---- */

static enum vmbus_status take_rndis(struct network_vsp *vsp,
				    const struct network_incoming *in,
				    struct network_vsp_action *action)
{
	const struct network_send_buffer *send = &vsp->shared->send;
	const struct network_rndis *rndis = &in->message.rndis;

	if (in->view->payload_bytes < 16)
		return VMBUS_E_NETWORK_SHORT;
	if (rndis->channel > NETWORK_RNDIS_CONTROL ||
	    (rndis->channel == NETWORK_RNDIS_CONTROL && vsp->channel))
		return VMBUS_E_NETWORK_MESSAGE;
	action->section.base = NULL;
	action->section.size_bytes = 0;
	/* Linux's netvsc sends while it takes its buffers back, now and then:
	 * seen when its MTU changes under load. */
	if (!vsp->shared->receive.base ||
	    (rndis->section != NETWORK_SECTION_NONE && !send->base))
		return answer_rndis(vsp, action, NETWORK_STATUS_FAIL);
	if (rndis->section != NETWORK_SECTION_NONE) {
		if (rndis->section >= send->section_count ||
		    rndis->section_bytes > send->section_bytes)
			return VMBUS_E_NETWORK_SECTION;
		action->section.base = send->base + (size_t)rndis->section *
							    send->section_bytes;
		action->section.size_bytes = rndis->section_bytes;
	}
	action->step = rndis->channel == NETWORK_RNDIS_CONTROL
			       ? NETWORK_VSP_CONTROL
			       : NETWORK_VSP_FRAMES;
	return VMBUS_OK;
}

static enum vmbus_status take_completion(struct network_vsp *vsp, u64 id,
					 struct network_vsp_action *action)
{
	/* What was under way when the buffer was revoked. */
	if (!vsp->shared->receive.base)
		return VMBUS_OK;
	if (!network_slots_completed(vsp, id))
		return VMBUS_E_NETWORK_TRANSACTION;
	action->changed = NETWORK_CHANGED_SLOTS;
	return VMBUS_OK;
}

/* What a guest may send on the primary but RNDIS. */
static const struct message_row {
	u8 type;
	u8 bytes;      /* at least, with the type */
	bool answered; /* it has an answer, which must be wanted */
	u32 version_min;
	enum vmbus_status (*take)(struct network_vsp *vsp,
				  const struct network_incoming *in,
				  struct network_vsp_action *action);
} rows[] = {
	{ NETWORK_INIT, 12, true, 0, init },
	{ NETWORK_NDIS_VERSION, 12, false, NETWORK_VERSION_1, ndis_version },
	{ NETWORK_RECEIVE_BUFFER, 10, true, NETWORK_VERSION_1,
	  network_take_buffer },
	{ NETWORK_REVOKE_RECEIVE_BUFFER, 6, false, NETWORK_VERSION_1,
	  network_revoke_buffer },
	{ NETWORK_SEND_BUFFER, 10, true, NETWORK_VERSION_1,
	  network_take_buffer },
	{ NETWORK_REVOKE_SEND_BUFFER, 6, false, NETWORK_VERSION_1,
	  network_revoke_buffer },
	{ NETWORK_NDIS_CONFIG, 20, false, NETWORK_VERSION_2, ndis_config },
	{ NETWORK_SWITCH_DATA_PATH, 8, false, NETWORK_VERSION_4, data_path },
	{ NETWORK_OID_QUERY_EX, 12, true, NETWORK_VERSION_5, query_ex },
	{ NETWORK_SUB_CHANNELS, 12, true, NETWORK_VERSION_5, sub_channels },
};

static enum vmbus_status take_message(struct network_vsp *vsp,
				      const struct network_incoming *in,
				      struct network_vsp_action *action)
{
	struct network_vsp_shared *shared = vsp->shared;
	const struct message_row *row = NULL;
	enum vmbus_status status;
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		if (rows[i].type == in->message.type)
			row = &rows[i];
	}
	if (!row || vsp->channel ||
	    network_vsp_version(shared) < row->version_min)
		return VMBUS_E_NETWORK_MESSAGE;
	if (in->view->payload_bytes < row->bytes)
		return VMBUS_E_NETWORK_SHORT;
	if (row->answered && !action->answer)
		return VMBUS_E_NETWORK_TYPE;
	status = row->take(vsp, in, action);
	if (status == VMBUS_OK && action->changed) {
		network_vsp_publish(shared);
		network_vsp_settings(vsp);
	}
	return status;
}

enum vmbus_status network_vsp_receive(struct network_vsp *vsp,
				      const struct packet_view *view,
				      struct network_vsp_action *action)
{
	u32 bytes = view->payload_bytes < NETWORK_MESSAGE_BYTES
			    ? view->payload_bytes
			    : NETWORK_MESSAGE_BYTES;
	struct network_incoming in = { .view = view };

	if (vsp->channel && !port_load_acquire(&vsp->shared->ready))
		return VMBUS_NOT_READY;
	port_fill(action, 0, offsetof(struct network_vsp_action, packet));
	action->transaction_id = view->transaction_id;
	if (view->type == PACKET_COMPLETION)
		return take_completion(vsp, view->transaction_id, action);
	/* iPXE, when it closes: what it takes back was carried out. */
	if (view->type == PACKET_CANCEL_REQUEST)
		return VMBUS_OK;
	if (view->type != PACKET_DATA_INBAND &&
	    view->type != PACKET_DATA_GPA_DIRECT)
		return VMBUS_E_NETWORK_TYPE;
	if (bytes < sizeof(in.message.type))
		return VMBUS_E_NETWORK_SHORT;
	port_copy(&in.message, view->payload, bytes);
	action->answer = (view->flags & PACKET_FLAG_COMPLETION_REQUESTED) != 0;
	if (in.message.type == NETWORK_RNDIS)
		return take_rndis(vsp, &in, action);
	return take_message(vsp, &in, action);
}
