/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The guest end against a host that says anything at any time, while drivers
 * lend memory, open, close, move and release.
 *
 * Input: a byte for where to begin (unconnected to a channel open), then
 * operations of a byte and their choices. Watched: the engine's own order
 * (tests/sim/check.c), that each message posted is one a guest may post at that
 * version, that lists of pages are read only while they are lent, and that
 * nothing stays when the connection has ended.
 */
#include "tests/fuzz/bytes.h"
#include "tests/sim/bus.h"
#include "vmbus/messages.h"

#define CHANNELS    6
#define GPADLS	    8
#define JOBS	    6
#define FIRST_GPADL 0xfffffffcu /* ids wrap around */

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes);

/* A list of pages, in memory that is gone as soon as it may not be read. */
struct lent {
	u64 *pfns;
	u32 relid;
	u32 gpadl;
};

struct world {
	struct bytes bytes;
	struct vmbus_guest guest;
	struct vmbus_guest_channel channels[CHANNELS];
	struct vmbus_guest_gpadl gpadls[GPADLS];
	struct vmbus_guest_job jobs[JOBS];
	struct lent lent[GPADLS];
	u32 last_gpadl;
	u32 offered; /* relid of the last offer told */
};

static struct world world;

static void check(void)
{
	const char *wrong = sim_guest_check(&world.guest);

	require(!wrong, wrong);
}

/* ---- the caller ---- */

static void take_back(u32 relid, u32 gpadl, bool all)
{
	u32 i;

	for (i = 0; i < GPADLS; i++) {
		struct lent *lent = &world.lent[i];

		if (!lent->pfns || (!all && (lent->relid != relid ||
					     (gpadl && lent->gpadl != gpadl))))
			continue;
		free(lent->pfns);
		lent->pfns = NULL;
	}
}

static void check_send(const struct vmbus_guest_action *action)
{
	u32 type, version = vmbus_guest_version(&world.guest);
	u8 *copy = malloc(action->send.size_bytes);

	memcpy(copy, action->send.payload, action->send.size_bytes);
	require(!vmbus_message_check(copy, action->send.size_bytes,
				     VMBUS_END_GUEST, version, &type),
		"a guest may not post this message");
	require(action->send.connection_id &&
			action->send.connection_id < VMBUS_CONNECTION_ID_LIMIT,
		"a message goes nowhere");
	free(copy);
}

static void take_offer(const struct vmbus_guest_action *action)
{
	world.offered = action->relid;
	require(action->relid && action->relid <= VMBUS_RELID_MAX,
		"an offer with a wrong id");
	require(action->offered.connection_id < VMBUS_CONNECTION_ID_LIMIT,
		"an offer that cannot be signalled");
	require(action->offered.monitor_id < VMBUS_MONITOR_COUNT ||
			action->offered.monitor_id == VMBUS_MONITOR_ID_NONE,
		"an offer with a wrong monitor id");
	require(!vmbus_guest_set_context(&world.guest, action->relid, &world),
		"an offer that is not there");
}

static void take_action(const struct vmbus_guest_action *action)
{
	switch (action->type) {
	case VMBUS_GUEST_SEND:
		check_send(action);
		break;
	case VMBUS_GUEST_CONNECTED:
		require(vmbus_version_offered(action->version),
			"connected at no version");
		break;
	case VMBUS_GUEST_OFFERED:
		take_offer(action);
		break;
	case VMBUS_GUEST_GPADL_READY:
		take_back(action->relid, action->gpadl.id, false);
		break;
	case VMBUS_GUEST_UNLOADED:
		take_back(0, 0, true);
		break;
	case VMBUS_GUEST_REFUSED:
		require(vmbus_status_is_violation(action->reason),
			"refused without a reason");
		break;
	case VMBUS_GUEST_VIOLATION:
		require(vmbus_status_is_violation(action->violation.reason),
			"a violation that is none");
		break;
	default:
		require(action->type == VMBUS_GUEST_OFFERS_DELIVERED ||
				action->type == VMBUS_GUEST_SOCKET_RESULT ||
				action->context == &world,
			"an action without its channel");
		break;
	}
}

static void pump(u32 limit, bool sent)
{
	struct vmbus_guest_action action;

	while (limit-- && vmbus_guest_next(&world.guest, &action)) {
		take_action(&action);
		if (sent && action.type == VMBUS_GUEST_SEND)
			vmbus_guest_sent(&world.guest);
		check();
	}
}

static u32 some_relid(void)
{
	u8 choice = bytes_u8(&world.bytes);

	return choice & 0x80 ? world.offered : choice % 8;
}

static void lend(u32 relid)
{
	u32 pages = 1 + bytes_below(&world.bytes, 90), i;
	u8 offset = bytes_u8(&world.bytes);
	struct lent *lent = NULL;

	for (i = 0; i < GPADLS && !lent; i++)
		if (!world.lent[i].pfns)
			lent = &world.lent[i];
	if (!lent)
		return;
	lent->pfns = calloc(pages, sizeof(u64));
	lent->relid = relid;
	/* The last byte of @pages pages, whatever the first one's offset. */
	if (vmbus_guest_gpadl_create(&world.guest, relid, offset,
				     pages * 4096 - offset, lent->pfns,
				     &lent->gpadl)) {
		free(lent->pfns);
		lent->pfns = NULL;
		return;
	}
	world.last_gpadl = lent->gpadl;
}

static void caller_move(void)
{
	static const struct guid some = { { 7 } };
	u32 relid = some_relid();
	u32 gpadl = world.last_gpadl - bytes_below(&world.bytes, 3);

	switch (bytes_below(&world.bytes, 12)) {
	case 0:
		vmbus_guest_connect(&world.guest);
		break;
	case 1:
		vmbus_guest_request_offers(&world.guest);
		break;
	case 2:
	case 3:
		lend(relid);
		break;
	case 4:
		vmbus_guest_gpadl_teardown(&world.guest, relid, gpadl);
		break;
	case 5:
		vmbus_guest_open(&world.guest, relid, gpadl, 2, 0, NULL);
		break;
	case 6:
		vmbus_guest_close(&world.guest, relid);
		break;
	case 7:
		vmbus_guest_modify(&world.guest, relid, 1);
		break;
	case 8:
		if (!vmbus_guest_release(&world.guest, relid))
			take_back(relid, 0, false);
		break;
	case 9:
		vmbus_guest_socket_connect(&world.guest, &some, &some);
		break;
	case 10:
		if (relid == 3)
			vmbus_guest_unload(&world.guest);
		break;
	case 11:
		if (relid == 5) {
			vmbus_guest_reset(&world.guest);
			take_back(0, 0, true);
		}
		break;
	}
}

/* ---- the host ---- */

static void deliver(const void *payload, u32 size_bytes)
{
	u8 *copy = malloc(size_bytes ? size_bytes : 1);

	memcpy(copy, payload, size_bytes);
	vmbus_guest_receive(&world.guest, copy, size_bytes);
	free(copy);
}

static void deliver_offer(void)
{
	u8 shape = bytes_u8(&world.bytes);
	struct vmbus_message_offer message = {
		.header.type = VMBUS_MESSAGE_OFFER,
		.type.bytes = { shape & 3 },
		.instance.bytes = { shape & 3 },
		.subchannel_index = shape >> 2 & 1,
		.relid = bytes_below(&world.bytes, 8),
		.connection_id = 5,
		.monitor_id = VMBUS_MONITOR_ID_NONE,
	};

	if (shape >= 250)
		bytes_take(&world.bytes, &message.monitor_id, 8);
	deliver(&message, sizeof(message));
}

static void deliver_version(void)
{
	u8 shape = bytes_u8(&world.bytes);
	struct vmbus_message_version_response message = {
		.header.type = VMBUS_MESSAGE_VERSION_RESPONSE,
		.supported = shape & 1,
		.connection_state = shape >= 250,
		.version_or_connection_id = shape >= 240 ? shape << 20 : 4,
	};

	deliver(&message, sizeof(message));
}

static void deliver_words(u32 type, u32 first, u32 second, u32 third)
{
	const struct vmbus_message_rule *rule = vmbus_message_rule(type);
	u32 words[12] = { type, 0, first, second, third };

	deliver(words, rule->size_bytes);
}

static void deliver_raw(void)
{
	u32 type = bytes_below(&world.bytes, VMBUS_MESSAGE_TYPE_COUNT + 3);
	u32 size = bytes_u8(&world.bytes);
	u8 message[256];

	bytes_take(&world.bytes, message, sizeof(message));
	memcpy(message, &type, sizeof(type));
	deliver(message, size);
}

static void host_move(u8 what)
{
	u32 relid, gpadl, status;

	if (what < 2) {
		deliver_offer();
		return;
	}
	if (what == 2) {
		deliver_version();
		return;
	}
	if (what == 3) {
		deliver_raw();
		return;
	}
	relid = some_relid();
	gpadl = world.last_gpadl - bytes_below(&world.bytes, 3);
	status = bytes_u8(&world.bytes) < 200 ? 0 : 1;
	switch (what) {
	case 4:
		deliver_words(VMBUS_MESSAGE_RESCIND, relid, 0, 0);
		break;
	case 5:
		deliver_words(VMBUS_MESSAGE_OFFERS_DELIVERED, 0, 0, 0);
		break;
	case 6:
		deliver_words(VMBUS_MESSAGE_OPEN_RESULT, relid, relid, status);
		break;
	case 7:
		deliver_words(VMBUS_MESSAGE_GPADL_CREATED, relid, gpadl,
			      status);
		break;
	case 8:
		deliver_words(VMBUS_MESSAGE_GPADL_TORNDOWN, gpadl, 0, 0);
		break;
	case 9:
		deliver_words(VMBUS_MESSAGE_MODIFY_RESPONSE, relid, status, 0);
		break;
	case 10:
		deliver_words(VMBUS_MESSAGE_UNLOAD_RESPONSE, 0, 0, 0);
		break;
	case 11:
		deliver_words(VMBUS_MESSAGE_SOCKET_RESULT, 1, 2, 3);
		break;
	}
}

static void move(void)
{
	u8 what = bytes_u8(&world.bytes) % 24;

	if (what < 12)
		host_move(what);
	else if (what < 18)
		caller_move();
	else if (what == 18)
		pump(1, false);
	else if (what == 19)
		vmbus_guest_resend(&world.guest);
	else if (what == 20 && bytes_u8(&world.bytes) > 200)
		vmbus_guest_send_refused(&world.guest);
	else
		pump(what == 21 ? 3 : ~0u, true);
	check();
}

/* So far that the search does not begin at the door each time. */
static void begin(u8 depth)
{
	static const u8 yes[] = { 1 };
	static const u8 offer[] = { 1, 2 };
	static const u8 pages[] = { 30, 0 };
	struct bytes input = world.bytes;

	if (depth > 0)
		vmbus_guest_connect(&world.guest);
	pump(~0u, true);
	if (depth > 1) {
		world.bytes = (struct bytes){ yes, sizeof(yes) };
		deliver_version();
		vmbus_guest_request_offers(&world.guest);
		world.bytes = (struct bytes){ offer, sizeof(offer) };
		deliver_offer();
		pump(~0u, true);
	}
	if (depth > 2) {
		world.bytes = (struct bytes){ pages, sizeof(pages) };
		lend(2);
		pump(~0u, true);
		deliver_words(VMBUS_MESSAGE_GPADL_CREATED, 2, world.last_gpadl,
			      0);
		pump(~0u, true);
	}
	if (depth > 3) {
		require(!vmbus_guest_open(&world.guest, 2, world.last_gpadl, 4,
					  0, NULL),
			"the beginning does not open a channel");
		pump(~0u, true);
		deliver_words(VMBUS_MESSAGE_OPEN_RESULT, 2, 2, 0);
	}
	world.bytes = input;
}

/* From wherever this is, unloading must work with an honest host. */
static void end(void)
{
	u32 i;

	vmbus_guest_resend(&world.guest);
	pump(~0u, true);
	if (!vmbus_guest_unload(&world.guest) || world.guest.state) {
		pump(~0u, true);
		deliver_words(VMBUS_MESSAGE_UNLOAD_RESPONSE, 0, 0, 0);
		pump(~0u, true);
	}
	vmbus_guest_reset(&world.guest);
	require(!vmbus_guest_connect(&world.guest), "no way back");
	check();
	for (i = 0; i < CHANNELS; i++)
		require(!world.channels[i].state, "a channel is left");
	for (i = 0; i < GPADLS; i++)
		require(!world.gpadls[i].state, "a GPADL is left");
	take_back(0, 0, true);
}

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes)
{
	struct vmbus_guest_config config = {
		.channels = world.channels,
		.channel_count = CHANNELS,
		.gpadls = world.gpadls,
		.gpadl_count = GPADLS,
		.jobs = world.jobs,
		.job_count = JOBS,
		.target_sint = VMBUS_MESSAGE_SINT,
		.first_gpadl = FIRST_GPADL,
	};
	u8 depth;

	memset(&world, 0, sizeof(world));
	world.bytes = (struct bytes){ input, input_bytes };
	depth = bytes_u8(&world.bytes);
	if (depth & 0x80)
		config.newest_version = VMBUS_VERSION_4_1;
	require(!vmbus_guest_init(&world.guest, &config), "init");
	begin(depth % 5);
	while (world.bytes.left)
		move();
	end();
	return 0;
}
