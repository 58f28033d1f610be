/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/pair.h"

#define MEMORY_PAGES 8192

static struct sim_channel *channel_of(struct sim_pair *pair, u32 relid)
{
	u32 i;

	for (i = 0; i < SIM_CHANNELS; i++)
		if (pair->channels[i].used && pair->channels[i].relid == relid)
			return &pair->channels[i];
	sim_fail("relid %u belongs to no channel of the pair", relid);
}

static void must(enum vmbus_status status, const char *what)
{
	if (status)
		sim_fail("%s: %s", what, vmbus_status_text(status));
}

/* ---- rings ---- */

/*
 * The host end maps data twice in succession, the guest end does not: both ways
 * of using a ring are in every test.
 */
static void end_map(struct sim_pair *pair, struct sim_end *end, const u64 *pfns,
		    const u32 pages[2], bool host)
{
	u32 own = host ? 1 : 0;
	u32 bytes[2];
	u32 i;

	for (i = 0; i < 2; i++) {
		end->at[i] = sim_map(&pair->memory, pfns + (i ? pages[0] : 0),
				     pages[i], host, host);
		if (!end->at[i])
			sim_fail("a ring lies outside of memory");
		bytes[i] = (pages[i] - 1) * VMBUS_PAGE_BYTES;
		if (!host)
			ring_format(end->at[i]);
	}
	must(ring_init_writer(&end->tx, end->at[own],
			      (u8 *)end->at[own] + RING_HEADER_BYTES,
			      bytes[own], host),
	     "ring_init_writer");
	must(ring_init_reader(&end->rx, end->at[!own],
			      (u8 *)end->at[!own] + RING_HEADER_BYTES,
			      bytes[!own], host),
	     "ring_init_reader");
	end->signalled = false;
	end->signals = 0;
}

static void end_unmap(struct sim_pair *pair, struct sim_end *end,
		      const u64 *pfns, const u32 pages[2], bool host)
{
	u32 i;

	end->open = false;
	for (i = 0; i < 2; i++) {
		if (end->at[i])
			sim_unmap(&pair->memory, end->at[i],
				  pfns + (i ? pages[0] : 0), pages[i], host,
				  host);
		end->at[i] = NULL;
	}
}

/* ---- the host's caller ---- */

static void host_open(struct sim_channel *channel,
		      const struct vmbus_host_action *action)
{
	struct sim_pair *pair = channel->pair;
	u32 first = action->open.downstream_page_offset;

	if (pair->refuse_open) {
		must(vmbus_host_open_done(&pair->bus.host, channel->relid,
					  VMBUS_RESULT_REFUSED),
		     "vmbus_host_open_done");
		return;
	}
	if (action->open.pfn_count > PORT_ARRAY_SIZE(channel->host_pfns))
		sim_fail("a ring has %u pages", action->open.pfn_count);
	memcpy(channel->host_pfns, action->open.pfns,
	       action->open.pfn_count * sizeof(u64));
	channel->host_pages[0] = first;
	channel->host_pages[1] = action->open.pfn_count - first;
	channel->target_vp = action->open.target_vp;
	end_map(pair, &channel->host, channel->host_pfns, channel->host_pages,
		true);
	channel->host.open = true;
	must(vmbus_host_open_done(&pair->bus.host, channel->relid,
				  VMBUS_RESULT_SUCCESS),
	     "vmbus_host_open_done");
}

static void on_host(void *context, const struct vmbus_host_action *action)
{
	struct sim_pair *pair = context;
	struct sim_channel *channel = action->context;

	switch (action->type) {
	case VMBUS_HOST_OPEN:
		host_open(channel, action);
		break;
	case VMBUS_HOST_CLOSE:
		end_unmap(pair, &channel->host, channel->host_pfns,
			  channel->host_pages, true);
		must(vmbus_host_close_done(&pair->bus.host, action->relid),
		     "vmbus_host_close_done");
		break;
	case VMBUS_HOST_TARGET_VP:
		channel->target_vp = action->target_vp;
		break;
	case VMBUS_HOST_RELEASED:
		channel->relid = 0;
		break;
	case VMBUS_HOST_VIOLATION:
		pair->violations++;
		pair->violation = action->violation.reason;
		break;
	default:
		break;
	}
}

/* ---- the guest's caller ---- */

static void guest_pages_give(struct sim_channel *channel)
{
	u32 i;

	for (i = 0; i < 2 * channel->ring_pages && channel->gpadl; i++)
		sim_page_give(&channel->pair->memory, channel->pfns[i]);
	channel->gpadl = 0;
}

static void guest_unmap(struct sim_channel *channel)
{
	const u32 pages[2] = { channel->ring_pages, channel->ring_pages };

	end_unmap(channel->pair, &channel->guest, channel->pfns, pages, false);
}

static void guest_lend(struct sim_channel *channel)
{
	const u32 pages[2] = { channel->ring_pages, channel->ring_pages };
	struct sim_pair *pair = channel->pair;
	u32 i;

	for (i = 0; i < 2 * channel->ring_pages; i++)
		channel->pfns[i] = sim_page_take(&pair->memory);
	end_map(pair, &channel->guest, channel->pfns, pages, false);
	must(vmbus_guest_gpadl_create(&pair->bus.guest, channel->relid, 0,
				      2 * channel->ring_pages *
					      VMBUS_PAGE_BYTES,
				      channel->pfns, &channel->gpadl),
	     "vmbus_guest_gpadl_create");
}

static void guest_offered(struct sim_pair *pair,
			  const struct vmbus_guest_action *action)
{
	struct sim_channel *channel = channel_of(pair, action->relid);

	if (!guid_equal(&action->offered.offer->instance,
			&channel->offer.instance))
		sim_fail("an offer changed on its way");
	channel->guest_has_it = true;
	must(vmbus_guest_set_context(&pair->bus.guest, action->relid, channel),
	     "vmbus_guest_set_context");
	if (channel->auto_open)
		guest_lend(channel);
}

static void guest_ready(struct sim_channel *channel,
			const struct vmbus_guest_action *action)
{
	if (action->gpadl.status)
		guest_pages_give(channel);
	else
		must(vmbus_guest_open(&channel->pair->bus.guest, channel->relid,
				      action->gpadl.id, channel->ring_pages, 0,
				      NULL),
		     "vmbus_guest_open");
}

static void guest_rescinded(struct sim_channel *channel)
{
	struct vmbus_guest *guest = &channel->pair->bus.guest;

	if (channel->guest.open) {
		must(vmbus_guest_close(guest, channel->relid),
		     "vmbus_guest_close");
	}
	guest_unmap(channel);
	/* The host let go before it said so: sim_page_give() looks. */
	guest_pages_give(channel);
	must(vmbus_guest_release(guest, channel->relid), "vmbus_guest_release");
	channel->guest_has_it = false;
}

static void on_guest(void *context, const struct vmbus_guest_action *action)
{
	struct sim_pair *pair = context;
	struct sim_channel *channel = action->context;

	switch (action->type) {
	case VMBUS_GUEST_CONNECTED:
		pair->connected = true;
		must(vmbus_guest_request_offers(&pair->bus.guest),
		     "vmbus_guest_request_offers");
		break;
	case VMBUS_GUEST_OFFERED:
		guest_offered(pair, action);
		break;
	case VMBUS_GUEST_OFFERS_DELIVERED:
		pair->offers_delivered = true;
		break;
	case VMBUS_GUEST_GPADL_READY:
		guest_ready(channel, action);
		break;
	case VMBUS_GUEST_OPENED:
		channel->open_status = action->status;
		channel->guest.open = !action->status;
		break;
	case VMBUS_GUEST_GPADL_GONE:
		guest_unmap(channel);
		guest_pages_give(channel);
		break;
	case VMBUS_GUEST_RESCINDED:
		guest_rescinded(channel);
		break;
	case VMBUS_GUEST_UNLOADED:
		pair->unloaded = true;
		break;
	case VMBUS_GUEST_VIOLATION:
		pair->violations++;
		pair->violation = action->violation.reason;
		break;
	default:
		break;
	}
}

/* ---- for the tests ---- */

static void pair_connect(struct sim_pair *pair)
{
	pair->connected = false;
	pair->offers_delivered = false;
	must(vmbus_guest_connect(&pair->bus.guest), "vmbus_guest_connect");
	sim_bus_run(&pair->bus);
	if (!pair->offers_delivered)
		sim_fail("the ends do not connect");
}

struct sim_pair *sim_pair_create(const struct sim_pair_config *config)
{
	struct sim_pair *pair = calloc(1, sizeof(*pair));
	struct sim_bus_config bus = {
		.seed = config->seed,
		.guest_newest = config->version,
		.busy_percent = config->busy_percent,
		.on_host = on_host,
		.on_guest = on_guest,
		.context = pair,
	};

	if (!pair)
		sim_fail("no memory for a pair");
	sim_memory_init(&pair->memory, MEMORY_PAGES, config->seed);
	sim_bus_init(&pair->bus, &bus);
	pair_connect(pair);
	return pair;
}

void sim_pair_destroy(struct sim_pair *pair)
{
	u32 i;

	vmbus_host_reset(&pair->bus.host);
	sim_bus_guest_crash(&pair->bus);
	sim_bus_run(&pair->bus);
	if (sim_memory_mapped(&pair->memory))
		sim_fail("the host end still maps memory of the guest");
	for (i = 0; i < SIM_CHANNELS; i++) {
		if (!pair->channels[i].used)
			continue;
		guest_unmap(&pair->channels[i]);
		guest_pages_give(&pair->channels[i]);
	}
	if (sim_memory_taken(&pair->memory))
		sim_fail("the guest end lost pages of its memory");
	sim_memory_fini(&pair->memory);
	free(pair);
}

static void channel_must_be_open(const struct sim_channel *channel)
{
	if (!channel->host.open || !channel->guest.open)
		sim_fail("channel %u did not open (status %x): %s",
			 channel->relid, channel->open_status,
			 vmbus_status_text(channel->pair->violation));
}

struct sim_channel *sim_pair_open(struct sim_pair *pair,
				  const struct vmbus_offer *offer,
				  u32 ring_pages)
{
	struct sim_channel *channel = NULL;
	u32 i;

	for (i = 0; !channel && i < SIM_CHANNELS; i++)
		if (!pair->channels[i].used)
			channel = &pair->channels[i];
	if (!channel || ring_pages < 2 || ring_pages > SIM_RING_PAGES_MAX)
		sim_fail("no channel with %u pages is to be had", ring_pages);
	memset(channel, 0, sizeof(*channel));
	channel->pair = pair;
	channel->used = true;
	channel->auto_open = true;
	channel->ring_pages = ring_pages;
	channel->offer = *offer;
	channel->offer.context = channel;
	channel->host.peer = &channel->guest;
	channel->guest.peer = &channel->host;
	must(vmbus_host_offer(&pair->bus.host, &channel->offer,
			      &channel->relid),
	     "vmbus_host_offer");
	sim_bus_run(&pair->bus);
	channel_must_be_open(channel);
	return channel;
}

void sim_pair_close(struct sim_channel *channel)
{
	struct vmbus_guest *guest = &channel->pair->bus.guest;

	channel->guest.open = false;
	must(vmbus_guest_close(guest, channel->relid), "vmbus_guest_close");
	must(vmbus_guest_gpadl_teardown(guest, channel->relid, channel->gpadl),
	     "vmbus_guest_gpadl_teardown");
	sim_bus_run(&channel->pair->bus);
	if (channel->host.open || channel->gpadl)
		sim_fail("channel %u did not close", channel->relid);
}

void sim_pair_reopen(struct sim_channel *channel)
{
	guest_lend(channel);
	sim_bus_run(&channel->pair->bus);
	channel_must_be_open(channel);
}

void sim_pair_rescind(struct sim_channel *channel)
{
	struct sim_pair *pair = channel->pair;

	must(vmbus_host_rescind(&pair->bus.host, channel->relid),
	     "vmbus_host_rescind");
	sim_bus_run(&pair->bus);
	if (channel->relid || channel->guest_has_it || channel->host.open)
		sim_fail("channel %u was not released", channel->relid);
	channel->used = false;
}

/* After its end the guest begins with nothing; sub-channels are no more. */
static void guest_begin(struct sim_pair *pair)
{
	u32 i;

	for (i = 0; i < SIM_CHANNELS; i++) {
		struct sim_channel *channel = &pair->channels[i];

		if (!channel->used)
			continue;
		guest_unmap(channel);
		guest_pages_give(channel);
		channel->guest_has_it = false;
		channel->used = !channel->offer.subchannel_index;
	}
}

void sim_pair_reconnect(struct sim_pair *pair)
{
	pair->unloaded = false;
	must(vmbus_guest_unload(&pair->bus.guest), "vmbus_guest_unload");
	sim_bus_run(&pair->bus);
	if (!pair->unloaded || sim_memory_mapped(&pair->memory))
		sim_fail("the host end does not unload");
	guest_begin(pair);
	pair_connect(pair);
}

void sim_pair_crash(struct sim_pair *pair)
{
	u32 i;

	sim_bus_guest_crash(&pair->bus);
	/* The new kernel uses no page of the old until it is connected. */
	pair->connected = false;
	pair->offers_delivered = false;
	for (i = 0; i < SIM_CHANNELS; i++)
		pair->channels[i].auto_open = false;
	pair_connect(pair);
	if (sim_memory_mapped(&pair->memory))
		sim_fail("the host end kept a crashed guest's memory");
	guest_begin(pair);
	for (i = 0; i < SIM_CHANNELS; i++) {
		struct sim_channel *channel = &pair->channels[i];

		if (!channel->used)
			continue;
		channel->auto_open = true;
		channel->guest_has_it = true;
		sim_pair_reopen(channel);
	}
}

enum vmbus_status sim_send_packet(struct sim_end *end,
				  const struct packet_out *packet)
{
	enum vmbus_status status = packet_write(&end->tx, packet);

	if (ring_publish(&end->tx)) {
		end->peer->signalled = true;
		end->peer->signals++;
	}
	return status;
}

enum vmbus_status sim_send(struct sim_end *end, const void *data,
			   u32 size_bytes, u64 transaction_id,
			   bool completion_requested)
{
	const struct ring_vec vec = { .base = data, .size_bytes = size_bytes };
	const struct packet_out packet = {
		.type = PACKET_DATA_INBAND,
		.flags = completion_requested ? PACKET_FLAG_COMPLETION_REQUESTED
					      : 0,
		.transaction_id = transaction_id,
		.vec = &vec,
		.vec_count = 1,
	};

	return sim_send_packet(end, &packet);
}

bool sim_receive(struct sim_end *end, void *buffer, u32 capacity_bytes,
		 struct packet_view *view)
{
	enum vmbus_status status =
		packet_peek_copy(&end->rx, view, buffer, capacity_bytes);

	if (status == VMBUS_AGAIN)
		return false;
	must(status, "packet_peek_copy");
	packet_consume(&end->rx, view);
	if (ring_release(&end->rx)) {
		end->peer->signalled = true;
		end->peer->signals++;
	}
	return true;
}
