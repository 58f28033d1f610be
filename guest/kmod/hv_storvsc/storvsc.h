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

/* Requests under way on one controller. */
#define STORVSC_SLOTS 256u
/* Of one request; what a host takes may be less. */
#define STORVSC_TRANSFER_BYTES (1u << 20)
#define STORVSC_PAGES	       (STORVSC_TRANSFER_BYTES / PAGE_SIZE + 1)
/* The host's packets are all of STORAGE_PACKET_BYTES. */
#define STORVSC_BOUNCE_BYTES 512u

/* One range in wire form (struct packet_gpa_range_head and page numbers). */
struct storvsc_range {
	struct packet_gpa_range_head head;
	u64 pfns[STORVSC_PAGES];
};

/* One controller; in the host data of its struct Scsi_Host. */
struct storvsc {
	struct lisbus_device *device;
	struct Scsi_Host *host;
	bool ide;

	spinlock_t lock; /* of the engine, the rings, and what follows */
	bool open;	 /* the rings are there */
	bool failed;	 /* the rings are not to be touched any more */
	struct storage_vsc_shared shared;
	struct storage_vsc vsc;
	struct storage_vsc_slot slots[STORVSC_SLOTS];
	struct storvsc_range range;
	u8 bounce[STORVSC_BOUNCE_BYTES];

	struct tasklet_struct tasklet;
	struct completion ready;
	int ready_error;
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
 * @range_bytes of storvsc->range as its data, 0: without data; by
 * storvsc->lock. VMBUS_OK, or as packet_write().
 */
enum vmbus_status storvsc_send(struct storvsc *storvsc, const void *packet,
			       u32 packet_bytes, u64 transaction_id,
			       u32 range_bytes);

/* Sends what the engine has to ask; by storvsc->lock. */
void storvsc_ask(struct storvsc *storvsc);

/* The host broke the protocol: the channel is closed. By storvsc->lock. */
void storvsc_fail(struct storvsc *storvsc, enum vmbus_status reason);

/*
 * Ends every request that will have no answer; once storvsc->failed is set and
 * the tasklet is stopped.
 */
void storvsc_abandon(struct storvsc *storvsc);

/* ---- unit.c ---- */

/* Looks at all units anew: work. */
void storvsc_rescan(struct work_struct *work);

#endif
