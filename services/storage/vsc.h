/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsc.h - guest end of synthetic storage: the vstor protocol of one adapter.
 *
 * Here: initialization, building requests, matching answers with them, notices.
 * Not here: the SCSI layer of a kernel, rings, memory and threads (the
 * caller's).
 *
 * As at the host end (vsp.h), each channel has a struct storage_vsc of its own,
 * used by one thread at a time, and they share what the primary agreed on.
 *
 * Use, on the primary channel: send what storage_vsc_transmit() gives (in-band,
 * completion wanted) while it gives something, and hand every packet to
 * storage_vsc_receive(). After STORAGE_VSC_READY requests may go out, on this
 * channel and on sub-channels: storage_vsc_command() builds the payload, which
 * goes out with the data's page list (GPA direct), or in-band without data.
 *
 * The host is not trusted: an answer counts only for a request under way, once,
 * and cannot tell of more data than was asked for.
 */
#ifndef SERVICES_STORAGE_VSC_H
#define SERVICES_STORAGE_VSC_H

#include "services/storage/sense.h"
#include "services/storage/wire.h"
#include "vmbus/packet.h"
#include "vmbus/status.h"

/* Requests under way on one channel. */
#define STORAGE_VSC_SLOTS_MAX 0x8000u

struct storage_vsc_options {
	u16 version_max;  /* STORAGE_VERSION_; 0: the newest */
	u16 version_min;  /* 0: the oldest */
	u16 sub_channels; /* to ask for, at most */
};

/* What the channels of an adapter share; written by the primary's thread. */
struct storage_vsc_shared {
	struct storage_vsc_options options;
	u32 version; /* atomic; 0 until initialization ended */
	u32 transfer_max_bytes;
	u16 sub_channels_max; /* that the host would give */
};

/* A request under way. Caller-owned memory, the engine's content. */
struct storage_vsc_slot {
	u64 cookie;
	u32 transfer_bytes;
	u16 generation; /* so that a late answer fits no newer request */
	u16 next_free;
	bool used;
};

enum storage_vsc_state {
	STORAGE_VSC_BEGIN,
	STORAGE_VSC_VERSION,
	STORAGE_VSC_PROPERTIES,
	STORAGE_VSC_END,
	STORAGE_VSC_SUB_CHANNELS,
	STORAGE_VSC_RUNNING,
	STORAGE_VSC_FAILED,
};

/* One channel. */
struct storage_vsc {
	struct storage_vsc_shared *shared;
	bool primary;
	u8 state;      /* enum storage_vsc_state */
	bool awaiting; /* the state's question is under way */
	u8 reset;      /* operation wanted or under way, 0: none */
	u8 reset_lun;
	bool reset_awaiting;
	u16 version;	  /* last proposed */
	u16 sub_channels; /* asked for */
	u32 sequence;	  /* of questions, in their transaction ids */
	u32 used_count;
	struct storage_vsc_slot *slots;
	u16 slot_count;
	u16 first_free;
};

/* A command to send. */
struct storage_vsc_command {
	u8 path;
	u8 target;
	u8 lun;
	u8 cdb_bytes; /* 1 to 16 */
	u8 direction; /* enum storage_direction */
	u32 transfer_bytes;
	u32 timeout_s;
	const u8 *cdb;
};

/* How a request ended, for those who only want to know what to do. */
enum storage_outcome {
	STORAGE_OUTCOME_GOOD,
	STORAGE_OUTCOME_SENSE,	  /* result.sense says */
	STORAGE_OUTCOME_RESIZED,  /* look at the capacity anew, send again */
	STORAGE_OUTCOME_BUSY,	  /* send again later */
	STORAGE_OUTCOME_CONFLICT, /* reservation conflict */
	STORAGE_OUTCOME_ABORTED,  /* by a reset: send again */
	STORAGE_OUTCOME_GONE,	  /* there is no such unit any more */
	STORAGE_OUTCOME_ERROR,	  /* no reason was given */
};

enum storage_vsc_event_kind {
	STORAGE_VSC_NOTHING,
	STORAGE_VSC_READY,	/* requests may be sent */
	STORAGE_VSC_REFUSED,	/* initialization failed: event.nt_status */
	STORAGE_VSC_OPENABLE,	/* sub-channels are being offered: open them */
	STORAGE_VSC_COMPLETED,	/* event.cookie, result, outcome */
	STORAGE_VSC_RESET_DONE, /* event.nt_status */
	STORAGE_VSC_RESCAN,	/* units came or went: look again */
};

struct storage_vsc_event {
	u8 kind;    /* enum storage_vsc_event_kind */
	u8 outcome; /* enum storage_outcome */
	u8 srb_status;
	u16 sub_channels;
	u32 nt_status;
	u64 cookie;
	struct scsi_result result;
};

/*
 * storage_vsc_shared_init - before the primary channel is opened.
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT (no version is between the limits).
 */
enum vmbus_status
storage_vsc_shared_init(struct storage_vsc_shared *shared,
			const struct storage_vsc_options *options);

/*
 * storage_vsc_init - for a channel that was just opened.
 * @slots: @slot_count of them, 1 to STORAGE_VSC_SLOTS_MAX
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT.
 */
enum vmbus_status storage_vsc_init(struct storage_vsc *vsc,
				   struct storage_vsc_shared *shared,
				   bool primary, struct storage_vsc_slot *slots,
				   u32 slot_count);

/*
 * storage_vsc_transmit - the next question of the initialization, or the reset.
 * @packet: STORAGE_PACKET_BYTES, written
 * Returns the bytes to send, 0: nothing.
 */
u32 storage_vsc_transmit(struct storage_vsc *vsc, void *packet,
			 u64 *transaction_id);

/*
 * storage_vsc_command - build a request.
 * @cookie: given back with the answer
 * @packet: STORAGE_PACKET_BYTES, written; @packet_bytes: to send
 * Returns VMBUS_OK; VMBUS_AGAIN when all slots are in use; VMBUS_NOT_READY
 * before initialization; VMBUS_BAD_ARGUMENT: a CDB of no or over 16 bytes, more
 * data than the host takes.
 */
enum vmbus_status storage_vsc_command(struct storage_vsc *vsc,
				      const struct storage_vsc_command *command,
				      u64 cookie, void *packet,
				      u32 *packet_bytes, u64 *transaction_id);

/* storage_vsc_unsent - take back a request that found no space in the ring. */
void storage_vsc_unsent(struct storage_vsc *vsc, u64 transaction_id);

/*
 * storage_vsc_reset - have the host abort what is under way; the request goes
 * out with storage_vsc_transmit(), and each aborted one is answered.
 * @operation: STORAGE_RESET_LUN, STORAGE_RESET_BUS or STORAGE_RESET_ADAPTER
 * Returns VMBUS_OK; VMBUS_AGAIN: another is under way; VMBUS_NOT_READY.
 */
enum vmbus_status storage_vsc_reset(struct storage_vsc *vsc,
				    enum storage_operation operation, u8 lun);

/*
 * storage_vsc_receive - take one packet from the host.
 * Returns VMBUS_OK and an event, or a violation: VMBUS_E_STORAGE_TYPE,
 * VMBUS_E_STORAGE_SHORT, VMBUS_E_STORAGE_OPERATION,
 * VMBUS_E_STORAGE_TRANSACTION, VMBUS_E_STORAGE_TRANSFER.
 */
enum vmbus_status storage_vsc_receive(struct storage_vsc *vsc,
				      const struct packet_view *view,
				      struct storage_vsc_event *event);

/*
 * storage_vsc_abandon - after the channel closed: the requests that will have
 * no answer, one per call. Returns false when there is none left.
 */
bool storage_vsc_abandon(struct storage_vsc *vsc, u64 *cookie);

#endif
