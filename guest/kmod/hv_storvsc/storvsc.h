/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * storvsc.h - the module hv_storvsc: a SCSI host for each synthetic controller.
 *
 * Here: what its files share. Not here: the protocol (services/storage/vsc.h),
 * channels (lisbus.h).
 */
#ifndef HV_STORVSC_H
#define HV_STORVSC_H

#include "guest/kmod/compat/compat.h"
#include "guest/kmod/lisbus.h"
#include <linux/completion.h>
#include <linux/interrupt.h>
#include <linux/spinlock.h>
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_host.h>
#include "services/storage/vsc.h"

/* Requests under way on one channel. */
#define STORVSC_SLOTS 256u
/* Of one request; what a host takes may be less. */
#define STORVSC_TRANSFER_BYTES (1u << 20)
#define STORVSC_PAGES	       (STORVSC_TRANSFER_BYTES / PAGE_SIZE + 1)
/* Hosts offer up to one for each processor. */
#define STORVSC_CHANNELS_MAX 64u
/* The host's packets are all of STORAGE_PACKET_BYTES. */
#define STORVSC_BOUNCE_BYTES 512u

/* One range in wire form (struct packet_gpa_range_head and page numbers). */
struct storvsc_range {
	struct packet_gpa_range_head head;
	u64 pfns[STORVSC_PAGES];
};

struct storvsc;

/* One channel: a hardware queue of the block layer's. */
struct storvsc_channel {
	struct storvsc *storvsc;
	struct lisbus_channel *bus; /* while it is open */
	u16 index;
	struct tasklet_struct tasklet;

	spinlock_t lock; /* of the engine, the rings, and what follows */
	bool running;	 /* the rings may be touched */
	bool signal;	 /* is owed to the host */
	bool asking;	 /* a question waits for space in the ring */
	struct storage_vsc vsc;
	struct storage_vsc_slot slots[STORVSC_SLOTS];
	struct storvsc_range range;
	u8 bounce[STORVSC_BOUNCE_BYTES];
};

/* One controller; in the host data of its struct Scsi_Host. */
struct storvsc {
	struct lisbus_device *device;
	struct Scsi_Host *host;
	bool ide;
	bool failed;	/* the host broke the protocol */
	bool suspended; /* commands wait */
	struct storage_vsc_shared shared;
	struct storvsc_channel *channels[STORVSC_CHANNELS_MAX];
	u16 channel_count; /* open, the primary too */
	u16 sub_channels;  /* that the host offers */

	struct completion ready;
	int ready_error;
	struct completion settled; /* and nothing is asked any more */
	struct completion reset_done;
	u32 reset_status;
	struct work_struct rescan_work;
	struct work_struct fail_work;
};

/* Bits of a struct scsi_device's hostdata. */
enum {
	STORVSC_UNIT_GONE,
	STORVSC_UNIT_RESIZED,
};

/* Of the template of all hosts. */
extern struct scsi_host_template storvsc_template;

/* ---- channel.c ---- */

/* Answers that wait, as a tasklet. */
void storvsc_answers(struct tasklet_struct *tasklet);

/*
 * Sends a packet of the engine that wants an answer, with the first
 * @range_bytes of the channel's range as its data, 0: without data; by its
 * lock. VMBUS_OK, or as packet_write().
 */
enum vmbus_status storvsc_send(struct storvsc_channel *channel,
			       const void *packet, u32 packet_bytes,
			       u64 transaction_id, u32 range_bytes);

/*
 * Lets go of the channel's lock, taken by spin_lock_irqsave(), and signals the
 * host if that is owed: with interrupts on, as it may answer at once.
 */
void storvsc_unlock(struct storvsc_channel *channel, unsigned long flags)
	__releases(&channel->lock);

/* Sends what the engine has to ask; by the channel's lock. */
void storvsc_ask(struct storvsc_channel *channel);

/* The channels are closed, for a reason that people can read. Any. */
void storvsc_end(struct storvsc *storvsc, const char *why);

/* The same: the host broke the protocol. Any. */
void storvsc_fail(struct storvsc *storvsc, enum vmbus_status reason);

/*
 * Ends every request that will have no answer; once the channel is not running
 * and its tasklet is stopped.
 */
void storvsc_abandon(struct storvsc_channel *channel);

/* ---- unit.c ---- */

/* Looks at all units anew: work. */
void storvsc_rescan(struct work_struct *work);

#endif
