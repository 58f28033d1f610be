/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * bus.h - the host end of VMBus on a running machine.
 *
 * Here: what carries the engine of vmbus/host.h: messages through message
 * slots, signals, ring mappings, all on one loop. Not here: what a channel is
 * for (host/component), KVM (host/vm).
 *
 * All functions are called on the loop's thread; bus_post_message on any.
 *
 * The rings of a channel can be served by another thread, its worker: that of
 * an owner whose ops have no `signalled`. From `opened` until the owner returns
 * from `closed`, the worker alone calls what stands below "packets", on this
 * channel. The owner's `closed` returns only when the worker has let go, and
 * must not wait for anything that the loop has to do.
 */
#ifndef HOST_BUS_BUS_H
#define HOST_BUS_BUS_H

#include <uv.h>

#include "host/vm/error.h"
#include "host/vm/machine.h"
#include "vmbus/host.h"
#include "vmbus/packet.h"

struct bus;
struct bus_channel;

/* What a channel's owner is told. */
struct bus_channel_ops {
	/* The guest opened the channel: its rings can be used from now on. */
	void (*opened)(void *context, struct bus_channel *channel);
	/* The rings are about to go; the last call that may look at them. Guest
	 * memory that its packets named is the guest's again after it. */
	void (*closed)(void *context, struct bus_channel *channel);
	/* The guest signalled: packets came, or space was freed. NULL: a worker
	 * waits for bus_channel_signal_fd. */
	void (*signalled)(void *context, struct bus_channel *channel);
	/*
	 * The offer is no more: the guest let go of it after bus_rescind, or
	 * the guest disconnected after it. The pointer is invalid from now on.
	 */
	void (*released)(void *context, struct bus_channel *channel);
	/*
	 * The guest wants a GPADL back that bus_channel_gpadl_map mapped: it
	 * waits for bus_channel_gpadl_unmap, now or later. NULL: for owners
	 * that map none.
	 */
	void (*gpadl_wanted)(void *context, struct bus_channel *channel,
			     u32 gpadl);
};

enum bus_event {
	BUS_CONTACT,	  /* a guest connected; text names the version */
	BUS_DISCONNECTED, /* it unloaded its bus driver, or started anew */
	BUS_OFFERED,
	BUS_OPENED,
	BUS_CLOSED,
	BUS_RESCINDED,
	BUS_RELEASED,
	/* The guest broke the protocol; text names how. Of a guest that goes
	 * on doing so not each is told. */
	BUS_VIOLATION,
};

enum bus_direction { BUS_TO_HOST, BUS_TO_GUEST };

/* What the bus tells the VM process. */
struct bus_watcher {
	/* @name: of the channel, or NULL; @relid: 0 for none. */
	void (*event)(void *context, enum bus_event event, const char *name,
		      u32 relid, const char *text);
	/* Every channel message; only while tracing_messages. */
	void (*message)(void *context, enum bus_direction direction, u32 vp,
			const void *payload, u32 size_bytes);
	/* Every packet, descriptor included; only while tracing_packets. */
	void (*packet)(void *context, enum bus_direction direction,
		       const char *name, u32 relid, const void *head,
		       u32 head_bytes, const void *payload, u32 payload_bytes);
	void *context;
};

struct bus_counters {
	u64 messages_in;
	u64 messages_out;
};

struct bus_channel_counters {
	u64 packets_in;
	u64 packets_out;
	u64 signals_in;
	u64 interrupts_out;
};

/*
 * Make a bus for machines of @vp_count virtual processors; it carries nothing
 * before bus_attach.
 * Returns 0 or -ENOMEM and the like with @error set.
 */
int bus_create(struct bus **bus, uv_loop_t *loop, u32 vp_count,
	       const struct bus_watcher *watcher, struct lis_error *error);

/* Close its handles; the loop must turn once more before bus_destroy. */
void bus_close(struct bus *bus);

/* Free a closed and detached bus with its channels. */
void bus_destroy(struct bus *bus);

/* Carry the bus on @machine, which has not started yet. */
int bus_attach(struct bus *bus, struct machine *machine,
	       struct lis_error *error);

/*
 * Let go of the machine, which does not run any more: every channel is closed,
 * and the guest's connection is forgotten. Offers stay, for the next machine;
 * those being rescinded are released.
 */
void bus_detach(struct bus *bus);

/* For machine_ops.post_message: queue a guest's message. Any thread. */
u16 bus_post_message(struct bus *bus, u32 connection_id, u32 message_type,
		     const void *payload, u32 size_bytes);

/*
 * Offer a channel.
 * @name: of the service, for people; must outlive the channel.
 * Returns 0; -ENOSPC when the bus has all the channels that it can.
 */
int bus_offer(struct bus *bus, const struct vmbus_offer *offer,
	      const char *name, const struct bus_channel_ops *ops,
	      void *context, struct bus_channel **channel);

/*
 * Take an offer back. Its rings are closed before this returns (ops.closed is
 * called); ops.released follows when the guest has let go, at once when there
 * is none. Must not be called from inside a callback of the same channel.
 */
void bus_rescind(struct bus_channel *channel);

/* How the guest broke the protocol on it; VMBUS_OK: it did not. */
enum vmbus_status bus_channel_failure(const struct bus_channel *channel);

u32 bus_channel_relid(const struct bus_channel *channel);

/* The processor that its interrupts go to, or VMBUS_TARGET_VP_NONE. */
u32 bus_channel_target_vp(const struct bus_channel *channel);

/*
 * Map a GPADL that the guest made for an open channel, contiguous. It stays
 * mapped until bus_channel_gpadl_unmap or until `closed` has returned.
 * @at, @bytes: receive what its one range covers
 * Returns 0; -ENOENT: there is no such GPADL, or the guest wants it back;
 * -EEXIST: it is mapped already; -EINVAL: it has more than one range, or one
 * that is too large; -EFAULT: not all is memory of the guest; -ENOMEM.
 */
int bus_channel_gpadl_map(struct bus_channel *channel, u32 gpadl, void **at,
			  u32 *bytes);

/* Undo it; one that is not mapped does nothing. */
void bus_channel_gpadl_unmap(struct bus_channel *channel, u32 gpadl);

/* ---- packets ---- */

/*
 * Close a channel whose guest broke the protocol: the rings are left alone from
 * now on, and on the loop's next turn comes a BUS_VIOLATION event with @status
 * as its reason and the offer is rescinded. May be called from its callbacks.
 */
void bus_channel_fail(struct bus_channel *channel, enum vmbus_status status);

/* Whether the guest has it open and it has not failed. */
bool bus_channel_open(const struct bus_channel *channel);

/*
 * For a worker: an eventfd that the guest's signals write; it belongs to the
 * channel. It is never read, which saves a system call: poll it edge-triggered
 * (EPOLLET), and call bus_channel_signalled(), which counts, for each event.
 */
int bus_channel_signal_fd(const struct bus_channel *channel);
void bus_channel_signalled(struct bus_channel *channel);

/*
 * Send one packet. VMBUS_AGAIN: the ring is full, `signalled` comes when there
 * is space. A violation has failed the channel already.
 */
enum vmbus_status bus_channel_send(struct bus_channel *channel,
				   const struct packet_out *packet);

/* Show the guest what was sent, with one interrupt at most. */
void bus_channel_flush(struct bus_channel *channel);

/* Whether @bytes of ring can be written now, as ring_reserve. */
bool bus_channel_room(struct bus_channel *channel, u32 bytes);

/*
 * Copy the next packet into @buffer. VMBUS_AGAIN: none. A violation has failed
 * the channel already. bus_channel_done() steps over it.
 */
enum vmbus_status bus_channel_receive(struct bus_channel *channel,
				      struct packet_view *view, void *buffer,
				      u32 buffer_bytes);
void bus_channel_done(struct bus_channel *channel,
		      const struct packet_view *view);

/*
 * End a round of reading: give the space back. True when more packets came
 * meanwhile that no signal will announce.
 */
bool bus_channel_release(struct bus_channel *channel);

/*
 * Ask the guest for no signals about new packets, and for signals again. True:
 * packets came meanwhile that no signal will announce.
 */
void bus_channel_mask(struct bus_channel *channel);
bool bus_channel_unmask(struct bus_channel *channel);

/* ---- counters and traces ---- */

/* Version of the bus that the guest agreed to, as major << 16 | minor, 0: no
 * guest is connected. */
u32 bus_version(const struct bus *bus);

const struct bus_counters *bus_counters(const struct bus *bus);
struct bus_channel_counters
bus_channel_counters(const struct bus_channel *channel);

/* Whether to call the watcher's message and packet. */
void bus_trace(struct bus *bus, bool messages, bool packets);

#endif
