/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * pair.h - a host and a guest in one process, with channels open between them.
 *
 * Here: what a machine and two well-behaved callers do with the engines:
 *memory, rings, opening, closing, packets. A test of a service needs no more.
 *Not here: any service, and misbehaviour (bus.h).
 *
 *	struct sim_pair *pair = sim_pair_create(&(struct sim_pair_config){0});
 *	struct sim_channel *channel = sim_pair_open(pair, &offer, 4);
 *	sim_send(&channel->guest, data, sizeof(data), 1, false);
 *	if (sim_receive(&channel->host, buffer, sizeof(buffer), &view))
 *		... view.payload_bytes bytes of buffer ...
 *	sim_pair_destroy(pair);
 */
#ifndef TESTS_SIM_PAIR_H
#define TESTS_SIM_PAIR_H

#include "tests/sim/bus.h"
#include "tests/sim/memory.h"
#include "vmbus/packet.h"
#include "vmbus/ring.h"

#define SIM_RING_PAGES_MAX 64 /* of one direction */

/* One end of an open channel. */
struct sim_end {
	bool open;
	struct ring tx;
	struct ring rx;
	struct sim_end *peer;
	bool signalled; /* by the peer, since the test last cleared it */
	u32 signals;	/* how often */
	void *at[2]; /* mappings: what the guest writes, what the host does */
};

struct sim_channel {
	struct sim_pair *pair;
	bool used;
	bool guest_has_it; /* offered to the guest, not released */
	bool auto_open;	   /* the guest opens it whenever it is offered */
	u32 relid;
	struct vmbus_offer offer;
	struct sim_end host;
	struct sim_end guest;
	u32 target_vp;
	u32 ring_pages; /* of one direction, header page included */
	u32 gpadl;
	u32 open_status;
	u64 pfns[2 * SIM_RING_PAGES_MAX];
	u64 host_pfns[2 * SIM_RING_PAGES_MAX]; /* as the host end was told */
	u32 host_pages[2];		       /* of each direction */
};

struct sim_pair_config {
	u64 seed;
	u32 version;	  /* to agree on; 0: the newest */
	u32 busy_percent; /* of posts that find no room although there is */
};

struct sim_pair {
	struct sim_bus bus;
	struct sim_memory memory;
	struct sim_channel channels[SIM_CHANNELS];
	bool connected;
	bool offers_delivered;
	bool unloaded;
	u64 violations; /* told by either end */
	enum vmbus_status violation;
	bool refuse_open; /* the host end answers opens with a failure */
};

/* Both ends, connected, offers asked for. Any failure ends the program. */
struct sim_pair *sim_pair_create(const struct sim_pair_config *config);

/* Ends without ceremony; checks that no channel of ours stayed mapped. */
void sim_pair_destroy(struct sim_pair *pair);

/*
 * Offers a channel, lets the guest open it with @ring_pages (header page
 * included, 2 to SIM_RING_PAGES_MAX) each way and runs until both ends are
 * open. Sub-channels: offer->subchannel_index.
 */
struct sim_channel *sim_pair_open(struct sim_pair *pair,
				  const struct vmbus_offer *offer,
				  u32 ring_pages);

/* The guest closes and takes its memory back; the offer stays. */
void sim_pair_close(struct sim_channel *channel);

/* The guest opens an offer again, closed by sim_pair_close(). */
void sim_pair_reopen(struct sim_channel *channel);

/* The host takes the offer back; the channel ends, @channel is no more. */
void sim_pair_rescind(struct sim_channel *channel);

/* The guest unloads and connects again; offers are opened as before. */
void sim_pair_reconnect(struct sim_pair *pair);

/* The guest's kernel dies without a word and another one connects. */
void sim_pair_crash(struct sim_pair *pair);

/*
 * Sends an in-band packet and signals when the ring says so.
 * VMBUS_AGAIN: no space.
 */
enum vmbus_status sim_send(struct sim_end *end, const void *data,
			   u32 size_bytes, u64 transaction_id,
			   bool completion_requested);

/* The same for any packet. */
enum vmbus_status sim_send_packet(struct sim_end *end,
				  const struct packet_out *packet);

/*
 * Takes the next packet, if there is one: its payload goes to @buffer, where
 * view->payload points. A violation ends the program.
 */
bool sim_receive(struct sim_end *end, void *buffer, u32 capacity_bytes,
		 struct packet_view *view);

#endif
