/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * guest_rig.h - a guest end, and a host that says exactly what a test wants.
 *
 * Here: building messages, and asserting what came of each. Not here: both ends
 * together (tests/sim).
 */
#ifndef TESTS_UNIT_VMBUS_GUEST_RIG_H
#define TESTS_UNIT_VMBUS_GUEST_RIG_H

#include "vmbus/guest.h"

#define GRIG_CHANNELS 5
#define GRIG_GPADLS   4
#define GRIG_JOBS     8
#define GRIG_POSTED   64
#define GRIG_TOLD     64

struct guest_rig {
	struct vmbus_guest guest;
	struct vmbus_guest_channel channels[GRIG_CHANNELS];
	struct vmbus_guest_gpadl gpadls[GRIG_GPADLS];
	struct vmbus_guest_job jobs[GRIG_JOBS];
	bool host_busy; /* take no message */
	struct {
		u32 connection_id;
		u32 size_bytes;
		_Alignas(u64) u8 payload[VMBUS_SYNIC_PAYLOAD_MAX];
	} posted[GRIG_POSTED], last;
	u32 posted_first;
	u32 posted_used;
	struct vmbus_guest_action told[GRIG_TOLD];
	u32 told_first;
	u32 told_used;
};

/* Unconnected; versions from @oldest to @newest, 0 for no bound. */
void grig_init(struct guest_rig *rig, u32 oldest, u32 newest);

/* Connected at @version, offers asked for, @count primaries offered. */
void grig_connect(struct guest_rig *rig, u32 version, u32 count);

/* Does what the actions say and records them. */
void grig_pump(struct guest_rig *rig);

/* Delivers, pumps. */
void grig_deliver(struct guest_rig *rig, const void *payload, u32 size_bytes);
/* Up to four words after the header, cut to the size of the type. */
void grig_say(struct guest_rig *rig, u32 type, u32 a, u32 b, u32 c);
void grig_say_version(struct guest_rig *rig, u8 supported, u8 state, u32 id);
struct vmbus_message_offer grig_offer(u32 relid, u8 number, u16 subchannel);
void grig_say_offer(struct guest_rig *rig, u32 relid, u8 number,
		    u16 subchannel);

/* Lends @pages pages, 4096 at most, ready; returns the id. */
u32 grig_lend(struct guest_rig *rig, u32 relid, u32 pages);
/* The same and opens it. */
u32 grig_open(struct guest_rig *rig, u32 relid);

/* The oldest message posted must be of @type; it is taken off. */
const void *grig_expect(struct guest_rig *rig, u32 type);
void grig_expect_silence(struct guest_rig *rig);
/* The oldest action told must be of @type; it is taken off. */
const struct vmbus_guest_action *grig_told(struct guest_rig *rig,
					   enum vmbus_guest_action_type type);
void grig_told_nothing(struct guest_rig *rig);
void grig_told_violation(struct guest_rig *rig, enum vmbus_status reason,
			 u32 relid);

#endif
