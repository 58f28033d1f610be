/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsp.h - host end of synthetic storage: the vstor protocol of one controller.
 *
 * Here: initialization, requests, resets, notices. Not here: SCSI (scsi.h),
 * rings, guest memory and threads (the caller's).
 *
 * A controller has a primary channel and, from 5.1 on, sub-channels. Each has a
 * struct storage_vsp, used by one thread at a time. What they share is struct
 * storage_vsp_shared: the primary's thread writes it, the others read it.
 *
 * Use, for each packet of a channel, when there is space in the outgoing ring
 * for an answer of STORAGE_PACKET_BYTES:
 *
 *	packet_peek(...); storage_vsp_receive(vsp, &view, &srb, &action)
 *	STORAGE_VSP_ANSWER: send action.packet
 *	STORAGE_VSP_SRB: build the data pages' list from view (action.data_bytes
 *		in all), run srb through scsi.h, then storage_vsp_complete()
 *	STORAGE_VSP_SUB_CHANNELS: offer them, then storage_vsp_answer()
 *	STORAGE_VSP_RESET: cancel every task of every channel that
 *		storage_reset_covers(), answer those with SCSI_E_ABORTED,
 *lun_reset() the units, then storage_vsp_answer() packet_consume()
 *
 * Answers go out as PACKET_COMPLETION with call.transaction_id. Any number can
 * be outstanding: the caller stops reading when it has no place for another.
 *
 * What Linux does (drivers/scsi/storvsc_drv.c): it takes SRB_STATUS_ABORTED
 * with sense 2A/09 for a resize (5.10 takes no other); an INQUIRY or a MODE
 * SENSE is a success whatever the answer says, so that the answer for an absent
 * unit must carry data; a notice has transaction id 0.
 */
#ifndef SERVICES_STORAGE_VSP_H
#define SERVICES_STORAGE_VSP_H

#include "services/storage/scsi.h"
#include "services/storage/wire.h"
#include "vmbus/packet.h"
#include "vmbus/status.h"

/* srb.unit: no unit can have this address. */
#define STORAGE_UNIT_NONE 0xffu

struct storage_vsp_options {
	u16 version_max; /* STORAGE_VERSION_; 0: the newest */
	u16 sub_channels_max;
	u32 transfer_max_bytes; /* 0: 1 MiB */
	/*
	 * The IDE accelerator: one unit at this place, whatever path the guest
	 * names (guests do not set it reliably).
	 */
	bool ide;
	u8 ide_target;
};

/* What the channels of a controller share. */
struct storage_vsp_shared {
	struct storage_vsp_options options;
	u32 version; /* atomic; 0 until the primary's initialization ended */
};

enum storage_vsp_state {
	STORAGE_VSP_BEGIN,
	STORAGE_VSP_VERSION,
	STORAGE_VSP_PROPERTIES,
	STORAGE_VSP_END, /* END_INITIALIZATION or CREATE_SUB_CHANNELS */
	STORAGE_VSP_READY,
};

/* One channel. */
struct storage_vsp {
	struct storage_vsp_shared *shared;
	bool primary;
	u8 state;    /* enum storage_vsp_state; the primary's */
	u16 version; /* while it is negotiated */
};

/* What the answer to a request needs; the caller keeps it. */
struct storage_call {
	u64 transaction_id;
	u8 packet_bytes; /* as long as the request, as real hosts answer */
	u8 operation;	 /* enum storage_operation */
};

/* A command for a unit. Scalars are our copies, bounded. */
struct storage_srb {
	struct storage_call call;
	u8 unit;	/* number of the LUN, below 64, or STORAGE_UNIT_NONE */
	bool elsewhere; /* path or target are not the controller's */
	u8 path;
	u8 target;
	u8 lun;
	u8 direction; /* enum storage_direction */
	u8 cdb_bytes; /* 1 to 16 */
	u8 sense_max_bytes;
	u8 queue_tag;
	u8 queue_action;
	u32 flags;	    /* STORAGE_SRB_; 0 below 5.1 */
	u32 timeout_s;	    /* 0 below 5.1 */
	u32 transfer_bytes; /* at most the packet's ranges and the limit */
	u8 cdb[STORAGE_CDB_BYTES]; /* all of it as the guest sent it */
};

enum storage_vsp_step {
	STORAGE_VSP_ANSWER,
	STORAGE_VSP_SRB,
	STORAGE_VSP_SUB_CHANNELS,
	STORAGE_VSP_RESET,
};

/* What a reset is for: one unit (RESET_LUN) or all. */
struct storage_reset {
	bool all;
	u8 unit; /* STORAGE_UNIT_NONE: of no unit that there can be */
};

struct storage_vsp_action {
	u8 step;	  /* enum storage_vsp_step */
	bool ready;	  /* with an answer: sub-channels may now be read */
	u16 sub_channels; /* STORAGE_VSP_SUB_CHANNELS: how many are wanted */
	struct storage_reset reset;
	struct storage_call call; /* but of an SRB: that is in srb.call */
	u32 packet_bytes;	  /* STORAGE_VSP_ANSWER */
	u8 packet[STORAGE_PACKET_BYTES];
};

/*
 * storage_vsp_shared_init - before the controller is offered, and again when
 * its primary channel closed (its sub-channels are gone by then).
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT (a version that does not exist, a
 * target over 1).
 */
enum vmbus_status
storage_vsp_shared_init(struct storage_vsp_shared *shared,
			const struct storage_vsp_options *options);

/* storage_vsp_init - for a channel that was just opened. */
void storage_vsp_init(struct storage_vsp *vsp,
		      struct storage_vsp_shared *shared, bool primary);

/* storage_vsp_version - agreed on, 0 before that. Any thread. */
u16 storage_vsp_version(const struct storage_vsp_shared *shared);

/*
 * storage_vsp_receive - take one packet from the guest.
 * @view: of packet_peek(); its payload is copied once
 * @srb: filled in for STORAGE_VSP_SRB, else untouched
 * @action: filled in
 * Returns VMBUS_OK; VMBUS_NOT_READY on a sub-channel while the primary is not
 * initialized: leave the packet until an action of the primary says ready; or a
 * violation: VMBUS_E_STORAGE_TYPE, VMBUS_E_STORAGE_SHORT,
 * VMBUS_E_STORAGE_OPERATION, VMBUS_E_STORAGE_TRANSFER, VMBUS_E_STORAGE_CDB.
 */
enum vmbus_status storage_vsp_receive(struct storage_vsp *vsp,
				      const struct packet_view *view,
				      struct storage_srb *srb,
				      struct storage_vsp_action *action);

/*
 * storage_srb_task - a task for scsi.h of @srb's command. nexus, units and
 * buffer remain to be set.
 */
void storage_srb_task(const struct storage_srb *srb, struct scsi_task *task);

/*
 * storage_vsp_complete - the answer to an SRB.
 * @packet: STORAGE_PACKET_BYTES, written
 * Returns the bytes to send. Any thread.
 */
u32 storage_vsp_complete(const struct storage_srb *srb,
			 const struct scsi_result *result, void *packet);

/*
 * storage_vsp_answer - the answer to a request that is no SRB.
 * @nt_status: STORAGE_NT_
 * Returns the bytes to send. Any thread.
 */
u32 storage_vsp_answer(const struct storage_call *call, u32 nt_status,
		       void *packet);

/*
 * storage_vsp_notice - tell the guest that units came or went. To be sent on
 * the primary channel, in-band, transaction id 0, no completion wanted.
 * @operation: STORAGE_ENUMERATE_BUS (look again) or STORAGE_REMOVE_DEVICE
 * Returns the bytes to send, 0 when the guest needs no telling: it has not
 * looked yet, or speaks a version below 4.2.
 */
u32 storage_vsp_notice(const struct storage_vsp *vsp,
		       enum storage_operation operation, void *packet);

/* storage_reset_covers - whether the task of @srb ends with @reset. */
bool storage_reset_covers(const struct storage_reset *reset,
			  const struct storage_srb *srb);

#endif
