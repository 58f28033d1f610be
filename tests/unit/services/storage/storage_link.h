/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * storage_link.h - both ends of synthetic storage over channels of a simulated
 * pair: what a device of the host and a driver of the guest do around them.
 */
#ifndef TESTS_UNIT_SERVICES_STORAGE_STORAGE_LINK_H
#define TESTS_UNIT_SERVICES_STORAGE_STORAGE_LINK_H

#include "tests/unit/services/storage/scsi_rig.h"

#include "services/storage/vsc.h"
#include "services/storage/vsp.h"
#include "tests/sim/pair.h"

#define LINK_CHANNELS	3
#define LINK_SLOTS	64
#define LINK_HELD	64
#define LINK_PAGES	16 /* of data in one request */
#define LINK_DATA_BYTES (LINK_PAGES * 4096u)

/* A task that the host keeps back. */
struct link_task {
	struct storage_srb srb;
	u32 channel;
	u32 page_count;
	u64 pfns[LINK_PAGES];
};

/* A request of the guest; its cookie is its place. */
struct link_request {
	bool used;
	bool done;
	u64 id;
	u32 page_count;
	u64 pfns[LINK_PAGES];
	struct storage_vsc_event answer;
};

struct link {
	struct sim_pair *pair;
	struct sim_channel *channel[LINK_CHANNELS];
	u32 channel_count;

	struct storage_vsp_shared host;
	struct storage_vsp vsp[LINK_CHANNELS];
	struct rig *unit[LUN_PER_CONTROLLER]; /* NULL: there is none */
	bool hold;			      /* keep tasks back */
	struct link_task held[LINK_HELD];
	u32 held_count;
	u16 sub_channels_wanted;
	u32 resets;

	struct storage_vsc_shared guest;
	struct storage_vsc vsc[LINK_CHANNELS];
	struct storage_vsc_slot slots[LINK_CHANNELS][LINK_SLOTS];
	struct link_request requests[LINK_CHANNELS * LINK_SLOTS];
	u8 target; /* of commands */
	bool ready;
	bool refused;
	u32 nt_status;
	u16 openable;
	u32 rescans;
	u32 resets_done;
};

/* Both ends with their primary channel open; nothing has been said. */
void link_up(struct link *link, const struct storage_vsp_options *host,
	     const struct storage_vsc_options *guest, u64 seed);
void link_down(struct link *link);

/* Carry packets on all channels until nothing moves. Sub-channels are offered
 * and opened when they are asked for. */
void link_run(struct link *link);

/*
 * Send a command from the guest; data-out is taken from @data. Returns the
 * request, NULL when slots or the ring are full.
 */
struct link_request *link_send(struct link *link, u32 channel, u8 lun,
			       u8 direction, void *data, u32 bytes,
			       const u8 *cdb, u32 cdb_bytes);

/* Its data-in, and the end of it. */
void link_take(struct link *link, struct link_request *request, void *data,
	       u32 bytes);

/* Send, carry, take: the whole of a command on channel 0 and LUN 0. */
struct storage_vsc_event link_command(struct link *link, u8 lun, u8 direction,
				      void *data, u32 bytes, const u8 *cdb,
				      u32 cdb_bytes);

/* Let the host do the task that it has kept back for longest. */
void link_release(struct link *link);

#define COMMAND(link, lun, direction, data, bytes, ...)                        \
	link_command(link, lun, direction, data, bytes,                        \
		     (const u8[]){ __VA_ARGS__ },                              \
		     sizeof((const u8[]){ __VA_ARGS__ }))

#endif
