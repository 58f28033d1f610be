/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * sim_net.h - the simulated guest's network: a driver over the project's own
 * guest end of the synthetic network, for one adapter at a time.
 *
 * Here: its channels and buffers, requests for an address and their answers.
 * Not here: the rest of the guest (sim_guest.h).
 */
#ifndef TESTS_SIM_MACHINE_SIM_NET_H
#define TESTS_SIM_MACHINE_SIM_NET_H

#include "tests/sim_machine/sim_guest.h"

/* sim_guest_channel.service of a channel of a network adapter. */
#define SIM_NET ((int)SERVICE_COUNT + 1)

struct sim_net {
	/* Switches of the test. */
	bool driver;  /* opens the channel when offered */
	u32 load;     /* ARP requests that are to be under way; 0: none */
	bool spread;  /* half of them are echo requests */
	bool deaf;    /* the sub-channel's ring is not read */
	bool leave;   /* close the adapter in good order */
	bool snatch;  /* take the receive buffer back without a word */
	bool garbage; /* send what is no message */
	/* What it has and what came of it. */
	bool ready;
	bool closed;   /* in good order */
	bool snatched; /* the host let go of the buffer */
	bool link_up;
	u32 channels; /* open */
	u64 sent;     /* requests, on each channel in turn */
	u64 done;     /* of them, those that the host is done with */
	u64 answers;
	u64 spread_to; /* of them, those to echo requests on the sub-channel */
	u64 astray;    /* those on the primary */
};

/* Under sim_guest_lock. */
extern struct sim_net sim_net;

/* Before a machine is made: no driver. */
void sim_net_reset(void);

/* For sim_guest.c, under the lock. */
bool sim_net_offered(struct sim_guest_channel *channel,
		     const struct vmbus_offer *offer);
void sim_net_opened(struct sim_guest *guest, struct sim_guest_channel *channel);
void sim_net_closed(struct sim_guest *guest, struct sim_guest_channel *channel);
void sim_net_run(struct sim_guest *guest, struct sim_guest_channel *channel);
/* Whether it is a buffer's: it is ready, or gone. */
bool sim_net_gpadl_ready(struct sim_guest *guest, u32 gpadl, u32 status);
bool sim_net_gpadl_gone(struct sim_guest *guest, u32 gpadl);

#endif
