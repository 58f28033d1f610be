/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsp.h - host end of the backup service: check, freeze, thaw.
 *
 * Here: the state machine of a backup. Not here: copying disks.
 *
 *   idle -> checking -> idle
 *   idle -> freezing -> frozen -> thawing -> idle
 *
 * Every way out of freezing and frozen leads through thawing, and thawing is
 * tried again until the guest says that it is done or the channel closes.
 *
 * Use: as services/kvp/vsp.h.
 *
 * What Linux does (drivers/hv/hv_snapshot.c, tools/hv/hv_vss_daemon.c of 6.1):
 * without its daemon it answers the three requests with IC_E_FAIL at once; it
 * waits 15 minutes for a daemon's freeze and 30 s for the rest, then answers
 * IC_E_FAIL; a freeze that fails half-way is thawed by the daemon itself.
 */
#ifndef SERVICES_VSS_VSP_H
#define SERVICES_VSS_VSP_H

#include "services/ic/call.h"
#include "services/vss/service.h"

/* Space that vss_vsp_transmit() may need in a packet's payload. */
#define VSS_VSP_PACKET_MAX VSS_PACKET_MAX_BYTES

struct vss_vsp_options {
	u64 timeout_100ns;	  /* of check and thaw; 0: 35 s */
	u64 freeze_timeout_100ns; /* for the guest to freeze; 0: 60 s */
	u64 hold_limit_100ns;	  /* frozen for this long: thaw; 0: 60 s */
	u64 thaw_retry_100ns;	  /* between attempts; 0: 5 s */
};

enum vss_state {
	VSS_IDLE,
	VSS_CHECKING,
	VSS_FREEZING,
	VSS_FROZEN,
	VSS_THAWING,
};

enum vss_status {
	VSS_OK = 0,

	/* Refused, nothing was sent. */
	VSS_BUSY,	/* not in a state for this request */
	VSS_NOT_READY,	/* the guest has not opened or not negotiated */
	VSS_NOT_FROZEN, /* nothing to thaw */

	/* How it ends. */
	VSS_NO_DAEMON,	   /* the guest has nothing that can freeze */
	VSS_GUEST_ERROR,   /* see guest_status */
	VSS_NO_ANSWER,	   /* the deadline passed */
	VSS_HELD_TOO_LONG, /* hold_limit passed: thawed by itself */
	VSS_CUT_SHORT,	   /* vss_vsp_thaw() before the freeze was answered */
	VSS_CLOSED,	   /* the channel was closed */
	VSS_STATUS_COUNT
};

/* vss_status_text - a clause of plain English; never NULL. */
const char *vss_status_text(enum vss_status status);

enum vss_event_kind {
	VSS_EVENT_CHECKED, /* a check ended, see status */
	/*
	 * A freeze ended. VSS_OK: frozen now, and VSS_EVENT_THAWED will follow.
	 * VSS_NO_ANSWER, VSS_CUT_SHORT: thawing goes on, and VSS_EVENT_THAWED
	 * will follow. Others: not frozen.
	 */
	VSS_EVENT_FROZEN,
	/* The guest says that it is thawed; status tells why it was. */
	VSS_EVENT_THAWED,
	/*
	 * An attempt to thaw failed, see status; the guest may still be frozen,
	 * and it is tried again. Given once for a row of failures.
	 */
	VSS_EVENT_THAW_FAILED,
};

struct vss_event {
	enum vss_event_kind kind;
	enum vss_status status;
	u32 guest_status; /* HRESULT that the guest answered, 0 without one */
	u32 flags;	  /* of CHECKED: VSS_FLAGS_* */
};

#define VSS_VSP_EVENTS 4

struct vss_vsp {
	struct ic_vsp ic;
	struct ic_call call;
	struct vss_vsp_options options;
	enum vss_state state;
	bool probing; /* the check is our own, without an event */
	bool probe_wanted;
	bool contact;	    /* somebody in the guest can freeze */
	bool answered;	    /* some answer came since init */
	bool silent;	    /* the newest message was not answered in time */
	bool thaw_reported; /* VSS_EVENT_THAW_FAILED was given */
	bool freeze_failed; /* VSS_EVENT_FROZEN is due after the thaw */
	u8 operation;	    /* of the request under way */
	u8 late_operation;  /* of the one that was given up on */
	enum vss_status thaw_reason;
	u32 guest_status; /* of the failed freeze */
	u64 hold_100ns;	  /* of this freeze */
	u64 timer_100ns;  /* end of the hold, or the next thaw attempt */
	u32 event_count;
	struct vss_event events[VSS_VSP_EVENTS];
};

/*
 * vss_vsp_init - make ready for a channel that was just opened. A check is
 * sent as soon as versions are settled, to know whether anybody is there.
 * @options: copied; NULL for all defaults
 * Returns VMBUS_OK.
 */
enum vmbus_status vss_vsp_init(struct vss_vsp *vsp,
			       const struct vss_vsp_options *options);

/*
 * vss_vsp_receive - take one packet from the guest; as kvp_vsp_receive().
 * Returns VMBUS_OK, VMBUS_AGAIN (take an event first), or those of
 * ic_vsp_receive(), also VMBUS_E_IC_SHORT (an answer smaller than its layout).
 */
enum vmbus_status vss_vsp_receive(struct vss_vsp *vsp, const void *data,
				  u32 size_bytes, u64 transaction_id,
				  u64 now_100ns);

/* vss_vsp_transmit - the next packet's payload; as kvp_vsp_transmit(). */
u32 vss_vsp_transmit(struct vss_vsp *vsp, u64 now_100ns, void *buffer,
		     u32 capacity_bytes, u64 *transaction_id);

/* vss_vsp_deadline_100ns - when to call transmit again; IC_NEVER: no need. */
u64 vss_vsp_deadline_100ns(const struct vss_vsp *vsp);

/* vss_vsp_next_event - take the next event; false when there is none. */
bool vss_vsp_next_event(struct vss_vsp *vsp, struct vss_event *event);

/* vss_vsp_status - measured, as kvp_vsp_status(). */
enum ic_status vss_vsp_status(const struct vss_vsp *vsp, u64 now_100ns);

/* vss_vsp_detail - that of ic_vsp_detail(). */
enum ic_detail vss_vsp_detail(const struct vss_vsp *vsp, u64 now_100ns);

/* vss_vsp_state - where the backup is; a probe is none. */
enum vss_state vss_vsp_state(const struct vss_vsp *vsp);

/*
 * vss_vsp_probe - refresh the status by a check without an event. Returns
 * VSS_OK, also when something is under way; VSS_NOT_READY.
 */
enum vss_status vss_vsp_probe(struct vss_vsp *vsp, u64 now_100ns);

/*
 * vss_vsp_check - can the guest be backed up while it runs? Ends with
 * VSS_EVENT_CHECKED. Returns VSS_OK, VSS_BUSY or VSS_NOT_READY.
 */
enum vss_status vss_vsp_check(struct vss_vsp *vsp, u64 now_100ns);

/*
 * vss_vsp_freeze - freeze the guest's file systems. Ends with
 * VSS_EVENT_FROZEN; when that is VSS_OK, a VSS_EVENT_THAWED follows in time.
 * @hold_limit_100ns: longest time frozen; 0: options.hold_limit_100ns
 * Returns VSS_OK, VSS_BUSY or VSS_NOT_READY.
 */
enum vss_status vss_vsp_freeze(struct vss_vsp *vsp, u64 hold_limit_100ns,
			       u64 now_100ns);

/*
 * vss_vsp_thaw - thaw; also cuts a freeze short that has not been answered.
 * Ends with VSS_EVENT_THAWED. Returns VSS_OK (also while already thawing) or
 * VSS_NOT_FROZEN (also when the guest could not freeze).
 */
enum vss_status vss_vsp_thaw(struct vss_vsp *vsp, u64 now_100ns);

/*
 * vss_vsp_closed - the channel was closed: what was under way ends with
 * VSS_CLOSED, whose events can still be taken.
 */
void vss_vsp_closed(struct vss_vsp *vsp);

#endif
