/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * hostile.h - a host end that does wrong on purpose, for tests of guests.
 *
 * Here: bytes of a test's choice in the place of what the bus would send. Not
 * here: what is wrong about them, which the test knows.
 *
 * All of it is refused with -ENOTSUP by a bus that bus_hostile_enable() was not
 * called for. All functions are called on the loop's thread. Channels are named
 * by their relid; -ENOENT: there is none; -ENOTCONN: the guest has not opened
 * it.
 *
 * A channel that is seized is the test's: its owner sends into nothing and
 * receives nothing, and what the guest sends waits for bus_hostile_receive().
 * Of one that is not, what is put into the ring comes between its owner's
 * packets.
 */
#ifndef HOST_BUS_HOSTILE_H
#define HOST_BUS_HOSTILE_H

#include "host/bus/bus.h"

/* Let the functions below do what they say; before the first bus_offer(). */
void bus_hostile_enable(struct bus *bus);

struct bus_hostile_row {
	u32 relid;
	u32 serial; /* relids come again, these do not */
	const char *name;
	u32 target_vp;
	bool open;
	bool seized;
	/* In the ring to the guest, by its read index; 0 when not open. */
	u32 unread_bytes;
	u32 ring_bytes; /* of that ring */
};

/* The @number'th channel, from 0: false when there are not so many. */
bool bus_hostile_channel(const struct bus *bus, u32 number,
			 struct bus_hostile_row *row);

/*
 * The @number'th GPADL of a channel that its owner has mapped, from 0: false
 * when there are not so many, or no such channel.
 */
bool bus_hostile_gpadl(struct bus *bus, u32 relid, u32 number, u32 *gpadl,
		       u32 *size_bytes);

/* Seize a channel, for the rest of its life. 0, -ENOTSUP, -ENOENT. */
int bus_hostile_seize(struct bus *bus, u32 relid);

/* Seize all channels from their offer on, as long as @seize is true.
 * 0, -ENOTSUP. */
int bus_hostile_seize_offers(struct bus *bus, bool seize);

/*
 * Take an offer back at once, without regard for a guest that is just opening
 * it: its owner is told that the channel failed. 0, -ENOTSUP, -ENOENT.
 */
int bus_hostile_rescind(struct bus *bus, u32 relid);

/*
 * Put a message into a slot of the guest, as machine_post(). 0; -ENOTSUP;
 * -EAGAIN: the guest has not emptied the slot; -ENXIO: no machine, or the
 * processor's SynIC is off; -EINVAL.
 */
int bus_hostile_message(struct bus *bus, u32 vp, u32 sint, u32 type,
			const void *payload, u32 size_bytes);

/*
 * Put bytes into the ring to the guest, whatever they are, and move the write
 * index over them. @size_bytes: rounded up to 8. The guest is not interrupted.
 * 0; -ENOTSUP, -ENOENT, -ENOTCONN; -EAGAIN: no space; -EMSGSIZE: never.
 */
int bus_hostile_write(struct bus *bus, u32 relid, const void *bytes,
		      u32 size_bytes);

/*
 * Take the guest's next packet. @buffer: where its ranges and payload go.
 * 0; -EAGAIN: there is none; -EPROTO: the ring is broken, by the guest or by
 * bus_hostile_header(); -EPERM: the channel is not seized; else as above.
 */
int bus_hostile_receive(struct bus *bus, u32 relid, struct packet_view *view,
			void *buffer, u32 buffer_bytes);

/*
 * Write a word of a ring's header page. @offset_bytes: a multiple of 4 below
 * 4096. -EINVAL: it is not; else as above.
 */
int bus_hostile_header(struct bus *bus, u32 relid, enum bus_direction ring,
		       u32 offset_bytes, u32 value);

/*
 * Interrupt the guest for a channel, with or without reason.
 * 0, -ENOTSUP, -ENOENT, -ENOTCONN.
 */
int bus_hostile_interrupt(struct bus *bus, u32 relid);

/* Set any event flag of a processor, as machine_signal(). -ENOTSUP, -ENXIO,
 * -EINVAL. */
int bus_hostile_flag(struct bus *bus, u32 vp, u32 flag);

/*
 * Write into memory that the guest lent with a GPADL of the channel.
 * 0; -ENOENT: no such GPADL; -EINVAL: beyond its end; else as above, or as
 * bus_channel_gpadl_map().
 */
int bus_hostile_memory(struct bus *bus, u32 relid, u32 gpadl, u32 offset_bytes,
		       const void *bytes, u32 size_bytes);

#endif
