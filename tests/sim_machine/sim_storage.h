/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * sim_storage.h - the simulated guest's disks: a driver over the project's own
 * guest end of synthetic storage, and a load that checks itself.
 *
 * Here: adapters, their channels, requests, the load. Not here: the rest of the
 * guest (sim_guest.h), images.
 */
#ifndef TESTS_SIM_MACHINE_SIM_STORAGE_H
#define TESTS_SIM_MACHINE_SIM_STORAGE_H

#include "services/storage/scsi.h"
#include "services/storage/vsc.h"
#include "tests/sim_machine/sim_guest.h"

/* sim_guest_channel.service of a channel of a disk controller. */
#define SIM_STORAGE ((int)SERVICE_COUNT)

#define SIM_BLOCK_BYTES 4096u
#define SIM_LOAD_BLOCKS 512u
#define SIM_DATA_MAX	(1u << 20)

/* One request of a test. */
struct sim_request {
	u8 lun;
	u8 cdb[16];
	u8 cdb_bytes;
	u8 direction;	/* enum storage_direction */
	bool bad_pages; /* names pages that are no memory */
	void *data;
	u32 bytes;
	/* The answer. */
	bool done;
	u8 outcome; /* enum storage_outcome */
	u32 sense;  /* sense_read() */
	u32 transferred;
};

/* A load on one disk of the first adapter. Under sim_guest_lock. */
struct sim_load {
	bool on;
	bool primary; /* through the primary channel alone */
	u32 depth;    /* requests under way */
	u64 done;
	u64 failed;
	u64 wrong; /* read what was not written */
};

extern struct sim_load sim_loads[8]; /* by LUN */

/* Before a machine is made: as without disks. */
void sim_storage_reset(void);

/*
 * Have a request done by the first adapter (on any of its channels), and wait.
 * The test fails when no answer comes in time. Any thread but the guest's.
 */
void sim_storage_do(struct sim_request *request);

/* The same without waiting; @request is kept until it is done, or the test
 * ends. */
void sim_storage_begin(struct sim_request *request);
/* Whether the guest has sent it. */
bool sim_storage_taken(void);

/* The same for READ(16) and WRITE(16) of whole sectors of 512 bytes; the
 * outcome. */
u8 sim_storage_read(u8 lun, u64 sector, void *data, u32 bytes);
u8 sim_storage_write(u8 lun, u64 sector, const void *data, u32 bytes);

/* Channels open now, and notices to look for units so far. Any thread. */
u32 sim_storage_channels(void);
u32 sim_storage_rescans(void);

/* For sim_guest_do; @context: NULL. */
void sim_storage_send_garbage(struct sim_guest *guest, void *context);
void sim_storage_send_reset(struct sim_guest *guest, void *context);
/* The same through the first sub-channel; and close that, whatever it owes. */
void sim_storage_send_sub_reset(struct sim_guest *guest, void *context);
void sim_storage_close_sub(struct sim_guest *guest, void *context);
/* Resets that were answered. Any thread. */
u32 sim_storage_resets(void);
/* Whether the host has taken all that went out on the primary channel, which is
 * open and has no load any more. Any thread. */
bool sim_storage_drained(void);

/* For sim_guest.c, under the lock. */
bool sim_storage_offered(struct sim_guest_channel *channel,
			 const struct vmbus_offer *offer);
void sim_storage_opened(struct sim_guest *guest,
			struct sim_guest_channel *channel);
void sim_storage_closed(struct sim_guest *guest,
			struct sim_guest_channel *channel);
void sim_storage_run(struct sim_guest *guest,
		     struct sim_guest_channel *channel);

#endif
