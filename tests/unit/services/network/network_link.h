/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * network_link.h - both ends of the synthetic network over channels of a
 * simulated pair: what a device of the host and a driver of the guest do around
 * them.
 */
#ifndef TESTS_UNIT_SERVICES_NETWORK_NETWORK_LINK_H
#define TESTS_UNIT_SERVICES_NETWORK_NETWORK_LINK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/network/vsc.h"
#include "services/network/vsp.h"
#include "tests/sim/pair.h"

#define LINK_CHANNELS 3
#define LINK_SLOTS    8
#define LINK_FRAMES   64
#define LINK_PAGES    512

#define LINK_RECEIVE_BYTES 0x80000u
#define LINK_SEND_BYTES	   0x8000u

/* A frame that arrived at one end. */
struct link_frame {
	u32 channel;
	u32 bytes;
	u32 tag;
	struct network_vnet vnet; /* at the host */
	struct network_info info; /* at the guest */
	u8 *data;
};

struct link_side {
	struct link_frame frames[LINK_FRAMES];
	u32 count;
};

struct link {
	struct sim_pair *pair;
	struct sim_channel *channel[LINK_CHANNELS];
	u32 channel_count;
	u32 offers_wanted;

	struct network_vsp_shared host;
	struct network_vsp vsp[LINK_CHANNELS];
	struct network_slot *slots;
	bool receive_mapped;
	bool send_mapped;
	struct network_rx_place place[LINK_CHANNELS];
	struct network_rx_batch batch[LINK_CHANNELS];
	bool host_path_vf;

	struct network_vsc_shared guest;
	struct network_vsc vsc[LINK_CHANNELS];
	struct network_vsc_slot sends[LINK_CHANNELS][LINK_SLOTS];
	u8 *receive;
	u8 *send;
	u8 *pages; /* LINK_PAGES of 4096; a page number is a place here */
	u32 next_page;
	bool hold; /* the guest keeps what it receives */
	u32 held_count;
	struct {
		u32 channel;
		struct network_vsc_out out;
	} held[LINK_FRAMES];

	/* What happened. */
	struct link_side at_host;
	struct link_side at_guest;
	u32 events[NETWORK_VSC_CLOSED + 1]; /* how often */
	struct network_vsc_event last[NETWORK_VSC_CLOSED + 1];
	u32 sections_used;
};

/* Both ends with their primary channel open; nothing has been said. */
void link_up(struct link *link, const struct network_vsp_options *host,
	     const struct network_vsc_options *guest, u64 seed);
void link_down(struct link *link);

/* Carry packets on all channels until nothing moves. */
void link_run(struct link *link);

/* A frame of the guest, in a section or by page list; false: no slot. */
bool link_send(struct link *link, u32 channel, const u8 *frame, u32 bytes,
	       const struct network_vnet *vnet, u32 tag);

/* A frame of the host's backend. */
enum vmbus_status link_receive(struct link *link, u32 channel, const u8 *frame,
			       u32 bytes, const struct network_vnet *vnet,
			       u32 tag);

/* The guest gives back what it kept. */
void link_release(struct link *link);

/* Forget the frames that arrived. */
void link_forget(struct link_side *side);

#endif
