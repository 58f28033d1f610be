/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsp.h - host end of key-value pair exchange.
 *
 * Here: requests to the guest, one at a time, and what becomes of them. Not
 * here: what keys mean, nor the host's own table of items.
 *
 * Use: kvp_vsp_init() at every channel open; for each packet of the guest
 * kvp_vsp_receive(); after every call, kvp_vsp_next_event() until false, then
 * kvp_vsp_transmit() until 0, and again at kvp_vsp_deadline_100ns().
 *
 * What Linux does (drivers/hv/hv_kvp.c, tools/hv/hv_kvp_daemon.c of 6.1):
 * - it answers nothing, not even negotiation, until its daemon runs, and
 *   nothing again when the daemon is gone; a daemon that hangs for 30 s gives
 *   IC_E_FAIL;
 * - GET never returns a value: the daemon is asked for zero bytes. Only its
 *   status tells something; values come by kvp_vsp_find() or enumeration;
 * - setting, deleting and finding nothing all answer IC_E_NO_MORE_ITEMS;
 * - every value becomes a string;
 * - each pool but KVP_POOL_AUTO is a file of records, key 512 and value 2048
 *   bytes of UTF-8; longer text is cut off silently (options.utf8_limits).
 */
#ifndef SERVICES_KVP_VSP_H
#define SERVICES_KVP_VSP_H

#include "services/ic/call.h"
#include "services/kvp/service.h"
#include "services/kvp/item.h"

/* Space that kvp_vsp_transmit() may need in a packet's payload. */
#define KVP_VSP_PACKET_MAX KVP_PACKET_MAX_BYTES

struct kvp_vsp_options {
	u32 newest_version;   /* KVP_VERSION_*; 0: the newest */
	u64 timeout_100ns;    /* for each message; 0: 10 s */
	u64 ip_timeout_100ns; /* for IP information, as setting it restarts the
				 guest's network; 0: 60 s */
	u32 item_limit;	      /* of one enumeration; 0: 4096 */
	bool utf8_limits;     /* refuse what Linux guests would cut off */
};

enum kvp_event_kind {
	KVP_EVENT_ITEM, /* one item of an enumeration; more will come */
	KVP_EVENT_DONE, /* the request ended, see status */
};

struct kvp_event {
	enum kvp_event_kind kind;
	enum kvp_operation operation; /* find: KVP_OPERATION_GET */
	u8 pool;
	u32 index; /* ITEM: its index; DONE of an enumeration: count */
	enum kvp_status status; /* ITEM: KVP_OK or KVP_GUEST_TEXT (skipped) */
	u32 guest_status; /* HRESULT that the guest answered, 0 without one */
	union {
		struct kvp_item item;  /* ITEM; DONE of get and find, if OK */
		struct kvp_ip_info ip; /* DONE of kvp_vsp_get_ip(), if OK */
	};
};

/* What the request under way is for. */
enum kvp_vsp_task {
	KVP_TASK_NONE,
	KVP_TASK_PROBE,
	KVP_TASK_SIMPLE, /* one message, one answer */
	KVP_TASK_ENUMERATE,
	KVP_TASK_FIND,
};

struct kvp_vsp {
	struct ic_vsp ic;
	struct ic_call call;
	struct kvp_vsp_options options;
	enum kvp_vsp_task task;
	bool event_ready;
	bool probe_wanted;
	bool contact;  /* the newest answer came from a live service */
	bool answered; /* some answer came since init */
	bool silent;   /* the newest message was not answered in time */
	u32 index;     /* of enumerate and find */
	u32 body_bytes;
	u64 now_100ns;
	u8 body[KVP_IP_BODY_BYTES]; /* of the request under way */
	char find_key[sizeof(((struct kvp_item *)0)->key)];
	struct kvp_event event;
};

/*
 * kvp_vsp_init - make ready for a channel that was just opened. A probe is
 * sent as soon as versions are settled.
 * @options: copied; NULL for all defaults
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT (unknown newest_version).
 */
enum vmbus_status kvp_vsp_init(struct kvp_vsp *vsp,
			       const struct kvp_vsp_options *options);

/*
 * kvp_vsp_receive - take one packet from the guest.
 * @data: @size_bytes of payload, copied out of shared memory
 * @transaction_id: of its descriptor
 * @now_100ns: the VM's reference time
 *
 * Returns VMBUS_OK, VMBUS_AGAIN (an event must be taken first; pass the packet
 * again then), or a violation that must close the channel: those of
 * ic_vsp_receive(), also VMBUS_E_IC_SHORT (an answer smaller than its layout)
 * and VMBUS_E_IC_SIZE (a key or value over its limit, or a count over its
 * array).
 */
enum vmbus_status kvp_vsp_receive(struct kvp_vsp *vsp, const void *data,
				  u32 size_bytes, u64 transaction_id,
				  u64 now_100ns);

/*
 * kvp_vsp_transmit - the next packet's payload.
 * @buffer: @capacity_bytes of memory, KVP_VSP_PACKET_MAX suffices
 * @transaction_id: set to the packet descriptor's id
 * Returns its size in bytes, 0 when there is nothing to send.
 */
u32 kvp_vsp_transmit(struct kvp_vsp *vsp, u64 now_100ns, void *buffer,
		     u32 capacity_bytes, u64 *transaction_id);

/* kvp_vsp_deadline_100ns - when to call transmit again; IC_NEVER: no need. */
u64 kvp_vsp_deadline_100ns(const struct kvp_vsp *vsp);

/*
 * kvp_vsp_next_event - take the next event.
 * Returns false when there is none. An enumeration goes on when its event was
 * taken.
 */
bool kvp_vsp_next_event(struct kvp_vsp *vsp, struct kvp_event *event);

/*
 * kvp_vsp_status - measured: IC_STATUS_OK when the newest message was answered
 * by a live service, IC_STATUS_NO_CONTACT when none ever was or the guest says
 * that its daemon is missing, IC_STATUS_LOST_COMMUNICATION when the newest was
 * not answered in time, IC_STATUS_PROTOCOL_MISMATCH.
 */
enum ic_status kvp_vsp_status(const struct kvp_vsp *vsp, u64 now_100ns);

/* kvp_vsp_detail - that of ic_vsp_detail(). */
enum ic_detail kvp_vsp_detail(const struct kvp_vsp *vsp, u64 now_100ns);

/*
 * kvp_vsp_probe - ask the guest for its first item, to refresh the status.
 * Gives no event. Returns KVP_OK, also when a request is under way, whose
 * answer serves as well; KVP_NOT_READY.
 */
enum kvp_status kvp_vsp_probe(struct kvp_vsp *vsp, u64 now_100ns);

/*
 * kvp_vsp_busy - whether a request, other than a probe, is under way or its
 * event not yet taken.
 */
bool kvp_vsp_busy(const struct kvp_vsp *vsp);

/*
 * The requests. Each returns KVP_OK when the request was accepted: exactly one
 * KVP_EVENT_DONE follows, after any KVP_EVENT_ITEM. Else nothing was done, and
 * the status says why: KVP_BUSY, KVP_NOT_READY, or what is wrong with the
 * arguments (kvp_status_text() names the limit).
 * @pool: enum kvp_pool. @key: UTF-8.
 */

/* kvp_vsp_get - the guest's own GET. Linux gives back an empty value. */
enum kvp_status kvp_vsp_get(struct kvp_vsp *vsp, u32 pool, const char *key,
			    u64 now_100ns);

/* kvp_vsp_find - walk the pool until @key is met; the way to read a value. */
enum kvp_status kvp_vsp_find(struct kvp_vsp *vsp, u32 pool, const char *key,
			     u64 now_100ns);

/* kvp_vsp_set - add or modify. */
enum kvp_status kvp_vsp_set(struct kvp_vsp *vsp, u32 pool,
			    const struct kvp_item *item, u64 now_100ns);

/* kvp_vsp_delete - ends with KVP_NOT_FOUND when the guest has no such key. */
enum kvp_status kvp_vsp_delete(struct kvp_vsp *vsp, u32 pool, const char *key,
			       u64 now_100ns);

/* kvp_vsp_enumerate - every item of a pool, one event each. */
enum kvp_status kvp_vsp_enumerate(struct kvp_vsp *vsp, u32 pool, u64 now_100ns);

/* kvp_vsp_get_ip - addresses of the adapter with this MAC address. */
enum kvp_status kvp_vsp_get_ip(struct kvp_vsp *vsp, const char *mac,
			       u64 now_100ns);

/* kvp_vsp_set_ip - set those of the adapter with the GUID info->adapter_id. */
enum kvp_status kvp_vsp_set_ip(struct kvp_vsp *vsp,
			       const struct kvp_ip_info *info, u64 now_100ns);

/*
 * kvp_vsp_closed - the channel was closed: the request under way ends with
 * KVP_CLOSED, whose event can still be taken; status is No Contact.
 */
void kvp_vsp_closed(struct kvp_vsp *vsp);

#endif
