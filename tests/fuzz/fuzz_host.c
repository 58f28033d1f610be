/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The host end against a guest that says anything at any time, while services
 * offer, rescind, open and close late.
 *
 * Input: a byte for where to begin (unconnected to channels open), then
 * operations of a byte and their choices. Ids are few, so that what is said
 * often means something. Watched: the engine's own order (tests/sim/check.c),
 * that opens and closes pair, that each message sent is one a host may send at
 * that version, that no page is given back which the caller maps, and that
 * nothing stays when the guest is gone.
 */
#include "tests/fuzz/bytes.h"
#include "tests/sim/bus.h"
#include "vmbus/messages.h"

#define CHANNELS 6
#define GPADLS	 9
#define VALUES	 96
#define VPS	 2
#define IDS	 6

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes);

enum service_state { CLOSED, OPENING, OPEN, CLOSING };

struct service {
	bool used;
	u32 relid;
	enum service_state state;
	u32 holds[IDS]; /* by GPADL id */
};

struct world {
	struct bytes bytes;
	struct vmbus_host host;
	struct vmbus_host_channel channels[CHANNELS];
	struct vmbus_host_gpadl gpadls[GPADLS];
	u64 values[VALUES];
	struct vmbus_host_message messages[2];
	struct service services[CHANNELS];
};

static struct world world;

static void check(void)
{
	const char *wrong = sim_host_check(&world.host);

	require(!wrong, wrong);
}

/* ---- the caller ---- */

static void check_send(const struct vmbus_host_action *action)
{
	u32 type, version = vmbus_host_version(&world.host);
	u8 *copy = malloc(action->send.size_bytes);

	require(copy && action->send.vp < VPS && action->send.sint < 16,
		"a message goes nowhere");
	memcpy(copy, action->send.payload, action->send.size_bytes);
	require(!vmbus_message_check(copy, action->send.size_bytes,
				     VMBUS_END_HOST, version, &type),
		"a host may not send this message");
	if (type == VMBUS_MESSAGE_RESCIND) {
		struct vmbus_message_relid message;
		u32 i;

		memcpy(&message, copy, sizeof(message));
		for (i = 0; i < CHANNELS; i++)
			require(!world.services[i].used ||
					world.services[i].relid !=
						message.relid ||
					world.services[i].state == CLOSED,
				"an open channel is rescinded");
	}
	free(copy);
}

static void nobody_open(void)
{
	u32 i;

	for (i = 0; i < CHANNELS; i++)
		require(!world.services[i].used ||
				world.services[i].state == CLOSED,
			"a channel is open without a guest");
}

static void take_action(const struct vmbus_host_action *action)
{
	struct service *service = action->context;
	volatile u64 sum = 0;
	u32 i;

	if (service && action->type != VMBUS_HOST_VIOLATION)
		require(service->used && service->relid == action->relid,
			"an action names a channel that is no more");
	switch (action->type) {
	case VMBUS_HOST_SEND:
		check_send(action);
		break;
	case VMBUS_HOST_OPEN:
		require(service->state == CLOSED, "opened twice");
		require(action->open.pfn_count >= 4 &&
				action->open.downstream_page_offset >= 2 &&
				action->open.downstream_page_offset + 2 <=
					action->open.pfn_count,
			"a ring without room");
		for (i = 0; i < action->open.pfn_count; i++)
			sum += action->open.pfns[i];
		(void)sum;
		service->state = OPENING;
		break;
	case VMBUS_HOST_CLOSE:
		require(service->state == OPEN, "closed and not open");
		service->state = CLOSING;
		break;
	case VMBUS_HOST_TARGET_VP:
		require(service->state == OPEN, "moved and not open");
		require(action->target_vp < VPS ||
				action->target_vp == VMBUS_TARGET_VP_NONE,
			"moved to no processor");
		break;
	case VMBUS_HOST_RELEASED:
		require(service->state == CLOSED, "released and not closed");
		service->used = false;
		break;
	case VMBUS_HOST_GPADL_TEARDOWN:
		require(action->gpadl < IDS && service->holds[action->gpadl],
			"asked back and not held");
		break;
	case VMBUS_HOST_DISCONNECTED:
		nobody_open();
		require(!world.host.values_live, "a GPADL is left");
		break;
	case VMBUS_HOST_VIOLATION:
		require(vmbus_status_is_violation(action->violation.reason),
			"a violation that is none");
		break;
	default:
		break;
	}
}

static void pump(u32 limit)
{
	struct vmbus_host_action action;

	while (limit-- && vmbus_host_next(&world.host, &action)) {
		take_action(&action);
		check();
	}
}

static struct service *service_take(void)
{
	return &world.services[bytes_below(&world.bytes, CHANNELS)];
}

static void finish_open(struct service *service, u32 status)
{
	if (!service->used || service->state != OPENING)
		return;
	service->state = status ? CLOSED : OPEN;
	if (status)
		memset(service->holds, 0, sizeof(service->holds));
	require(!vmbus_host_open_done(&world.host, service->relid, status),
		"an open cannot be answered");
}

static void finish_close(struct service *service)
{
	if (!service->used || service->state != CLOSING)
		return;
	service->state = CLOSED;
	memset(service->holds, 0, sizeof(service->holds));
	require(!vmbus_host_close_done(&world.host, service->relid),
		"a close cannot be answered");
}

static void offer(struct service *service, u8 number, u16 sub)
{
	struct vmbus_offer offer = {
		.type.bytes = { number },
		.subchannel_index = sub,
		.monitored = number & 1,
		.minimum_version = number == 5 ? VMBUS_VERSION_4_0 : 0,
		.context = service,
	};

	if (service->used)
		return;
	memset(service, 0, sizeof(*service));
	service->used = !vmbus_host_offer(&world.host, &offer, &service->relid);
}

static void hold_or_drop(struct service *service, u32 id, bool hold)
{
	struct vmbus_host_gpadl_view view;
	enum vmbus_status status;

	if (!service->used)
		return;
	if (hold) {
		status = vmbus_host_gpadl_hold(&world.host, service->relid, id);
		require(status || service->state == OPEN ||
				service->state == OPENING,
			"held and not open");
		service->holds[id] += !status;
		return;
	}
	status = vmbus_host_gpadl_drop(&world.host, service->relid, id);
	require(!status == (service->holds[id] > 0),
		"dropped and not held, or held and not dropped");
	service->holds[id] -= !status;
	if (!vmbus_host_gpadl_find(&world.host, service->relid, id, &view))
		require(view.pfn_count < view.value_count, "a view too long");
}

static void caller_move(void)
{
	struct service *service = service_take();
	u8 what = bytes_u8(&world.bytes);
	static const struct guid some = { { 9 } };

	switch (what % 10) {
	case 0:
		offer(service, (u8)(what >> 4), 0);
		break;
	case 1:
		offer(service, (u8)(what >> 6), 1 + (what >> 4) % 3);
		break;
	case 2:
		if (service->used)
			vmbus_host_rescind(&world.host, service->relid);
		break;
	case 3:
		finish_open(service, 0);
		break;
	case 4:
		finish_open(service, 1 + what);
		break;
	case 5:
		finish_close(service);
		break;
	case 6:
		hold_or_drop(service, (what >> 4) % IDS, true);
		break;
	case 7:
		hold_or_drop(service, (what >> 4) % IDS, false);
		break;
	case 8:
		vmbus_host_socket_result(&world.host, &some, &some, what);
		break;
	case 9:
		if (what > 200)
			vmbus_host_reset(&world.host);
		break;
	}
}

/* ---- the guest ---- */

static void post(const void *payload, u32 size_bytes)
{
	u8 connection = bytes_u8(&world.bytes);
	/* A block of its own size: ASan sees a byte beyond. */
	u8 *copy = malloc(size_bytes ? size_bytes : 1);

	memcpy(copy, payload, size_bytes);
	vmbus_host_receive(&world.host, connection < 250 ? 4 : connection & 7,
			   copy, size_bytes);
	free(copy);
}

static void post_contact(void)
{
	static const u32 versions[] = {
		VMBUS_VERSION_2_4, VMBUS_VERSION_3_0,  VMBUS_VERSION_4_0,
		VMBUS_VERSION_4_1, VMBUS_VERSION_5_0,  VMBUS_VERSION_5_1,
		VMBUS_VERSION_5_2, VMBUS_VERSION_5_3,  VMBUS_VERSION_6_0,
		VMBUS_VERSION_1_1, VMBUS_VERSION_0_13,
	};
	struct vmbus_message_contact message = {
		.header.type = VMBUS_MESSAGE_CONTACT,
		.version = versions[bytes_below(&world.bytes,
						PORT_ARRAY_SIZE(versions))],
		.target_vp = bytes_u8(&world.bytes) % (VPS + 1),
		.target.sint = VMBUS_MESSAGE_SINT,
	};

	post(&message, sizeof(message));
}

static void post_gpadl_header(void)
{
	struct {
		struct vmbus_message_gpadl_header head;
		u8 values[27 * 8];
	} message = {
		.head.header.type = VMBUS_MESSAGE_GPADL_HEADER,
		.head.relid = bytes_below(&world.bytes, CHANNELS + 2),
		.head.gpadl = bytes_below(&world.bytes, IDS),
		.head.range_count = 1,
	};
	u32 pages = bytes_below(&world.bytes, 64), carried, i;
	struct vmbus_gpa_range range = { .byte_count = pages * 4096 };
	u8 bend = bytes_u8(&world.bytes);

	message.head.range_bytes = (u16)(8 + 8 * pages);
	carried = pages + 1 < 27 ? pages + 1 : 27;
	if (bend & 1)
		carried = (bend >> 1) % 28;
	if (bend == 254)
		message.head.range_count = bytes_u8(&world.bytes);
	if (bend == 252)
		bytes_take(&world.bytes, &message.head.range_bytes, 2);
	if (bend == 250)
		bytes_take(&world.bytes, &range, sizeof(range));
	memcpy(message.values, &range, sizeof(range));
	for (i = 1; i < 27; i++)
		memcpy(message.values + 8 * i, &(u64){ i }, 8);
	post(&message, (u32)sizeof(message.head) + 8 * carried);
}

static void post_gpadl_body(void)
{
	struct {
		struct vmbus_message_gpadl_body head;
		u64 values[28];
	} message = {
		.head.header.type = VMBUS_MESSAGE_GPADL_BODY,
		.head.gpadl = bytes_below(&world.bytes, IDS),
	};
	u32 values = bytes_below(&world.bytes, 29);

	post(&message, (u32)sizeof(message.head) + 8 * values);
}

static void post_open(void)
{
	struct vmbus_message_open message = {
		.header.type = VMBUS_MESSAGE_OPEN,
		.relid = bytes_below(&world.bytes, CHANNELS + 2),
		.ring_gpadl = bytes_below(&world.bytes, IDS),
	};
	u8 shape = bytes_u8(&world.bytes);

	message.downstream_page_offset = 2 + (shape & 7);
	message.target_vp =
		shape >= 252 ? VMBUS_TARGET_VP_NONE : (shape >> 3) % (VPS + 1);
	post(&message, sizeof(message));
}

static void post_short(u32 type)
{
	u32 words[4] = { type, 0, bytes_below(&world.bytes, CHANNELS + 2),
			 bytes_below(&world.bytes, IDS) };

	post(words,
	     type == VMBUS_MESSAGE_CLOSE || type == VMBUS_MESSAGE_RELID_RELEASED
		     ? 12
		     : 16);
}

static void post_header(u32 type)
{
	u32 words[2] = { type, 0 };

	post(words, sizeof(words));
}

static void post_raw(void)
{
	u8 message[260];
	u32 size = bytes_u8(&world.bytes);
	u32 type = bytes_below(&world.bytes, VMBUS_MESSAGE_TYPE_COUNT + 3);

	bytes_take(&world.bytes, message, sizeof(message));
	memcpy(message, &type, sizeof(type));
	post(message, size);
}

static void guest_move(u8 what)
{
	switch (what) {
	case 0:
		post_contact();
		break;
	case 1:
		post_header(VMBUS_MESSAGE_REQUEST_OFFERS);
		break;
	case 2:
	case 3:
		post_gpadl_header();
		break;
	case 4:
	case 5:
		post_gpadl_body();
		break;
	case 6:
		post_short(VMBUS_MESSAGE_GPADL_TEARDOWN);
		break;
	case 7:
	case 8:
		post_open();
		break;
	case 9:
		post_short(VMBUS_MESSAGE_CLOSE);
		break;
	case 10:
		post_short(VMBUS_MESSAGE_MODIFY);
		break;
	case 11:
		post_short(VMBUS_MESSAGE_RELID_RELEASED);
		break;
	case 12:
		post_raw();
		break;
	case 13:
		post_header(VMBUS_MESSAGE_UNLOAD);
		break;
	}
}

static void move(void)
{
	u8 what = bytes_u8(&world.bytes) % 24;

	if (what < 14)
		guest_move(what);
	else if (what < 19)
		caller_move();
	else if (what < 21)
		pump(1 + what % 3);
	else if (what == 21)
		pump(~0u);
	else if (what == 22)
		vmbus_host_sent(&world.host);
	else
		vmbus_host_resend(&world.host);
	check();
}

/* A message slot that is always free. */
static void pump_all(void)
{
	struct vmbus_host_action action;

	vmbus_host_resend(&world.host);
	while (vmbus_host_next(&world.host, &action)) {
		take_action(&action);
		check();
		if (action.type == VMBUS_HOST_SEND)
			vmbus_host_sent(&world.host);
	}
}

/* So far that the search does not begin at the door each time. */
static void begin(u8 depth)
{
	static const u8 contact[] = { 7, 0, 0 };
	static const u8 gpadl[] = { 1, 1, 8, 0, 0 };
	static const u8 open[] = { 1, 1, 2, 0 };
	struct bytes input = world.bytes;
	u32 i;

	for (i = 0; depth > 0 && i < 3; i++)
		offer(&world.services[i], (u8)i, 0);
	if (depth > 1) {
		world.bytes = (struct bytes){ contact, sizeof(contact) };
		post_contact();
		post_header(VMBUS_MESSAGE_REQUEST_OFFERS);
	}
	if (depth > 2) {
		pump_all();
		world.bytes = (struct bytes){ gpadl, sizeof(gpadl) };
		post_gpadl_header();
		world.bytes = (struct bytes){ open, sizeof(open) };
		post_open();
		pump_all();
	}
	if (depth > 3) {
		finish_open(&world.services[0], 0);
		pump_all();
		require(world.services[0].state == OPEN,
			"the beginning does not open a channel");
	}
	world.bytes = input;
}

static void end(void)
{
	u32 i;

	vmbus_host_reset(&world.host);
	pump_all();
	for (i = 0; i < CHANNELS; i++) {
		finish_open(&world.services[i], 0);
		pump_all();
		finish_close(&world.services[i]);
	}
	pump_all();
	nobody_open();
	require(!world.host.gpadl_used && !world.host.values_live &&
			!world.host.values_used,
		"memory of the guest is left");
	require(!vmbus_host_version(&world.host), "a guest is left");
	for (i = 0; i < CHANNELS; i++)
		if (world.services[i].used)
			vmbus_host_rescind(&world.host,
					   world.services[i].relid);
	pump_all();
	for (i = 0; i < CHANNELS; i++)
		require(!world.services[i].used, "an offer is left");
}

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes)
{
	const struct vmbus_host_config config = {
		.channels = world.channels,
		.channel_count = CHANNELS,
		.gpadls = world.gpadls,
		.gpadl_count = GPADLS,
		.values = world.values,
		.value_count = VALUES,
		.messages = world.messages,
		.message_count = PORT_ARRAY_SIZE(world.messages),
		.vp_count = VPS,
	};

	memset(&world, 0, sizeof(world));
	world.bytes = (struct bytes){ input, input_bytes };
	require(!vmbus_host_init(&world.host, &config), "init");
	begin(bytes_u8(&world.bytes) % 5);
	while (world.bytes.left)
		move();
	end();
	return 0;
}
