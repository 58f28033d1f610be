/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * host_rig.h - a host end, and a guest that says exactly what a test wants.
 *
 * Here: building messages, and asserting what came of each. Not here: both ends
 * together (tests/sim).
 */
#ifndef TESTS_UNIT_VMBUS_HOST_RIG_H
#define TESTS_UNIT_VMBUS_HOST_RIG_H

#include "vmbus/host.h"

#define RIG_CHANNELS 8
#define RIG_GPADLS   12
#define RIG_VALUES   200
#define RIG_MESSAGES 4
#define RIG_VPS	     2
#define RIG_SENT     64

struct rig_message {
	u32 vp;
	u32 sint;
	u32 size_bytes;
	_Alignas(u64) u8 payload[VMBUS_SYNIC_PAYLOAD_MAX];
};

struct host_rig {
	struct vmbus_host host;
	struct vmbus_host_channel channels[RIG_CHANNELS];
	struct vmbus_host_gpadl gpadls[RIG_GPADLS];
	u64 values[RIG_VALUES];
	struct vmbus_host_message messages[RIG_MESSAGES];
	bool slot_busy;	 /* let no message through */
	bool slow_open;	 /* the test answers opens itself */
	bool slow_close; /* the test answers closes itself */
	u32 open_status; /* of opens that are answered at once */
	struct rig_message sent[RIG_SENT];
	u32 sent_first;
	u32 sent_used;
	u32 counts[VMBUS_HOST_VIOLATION + 1];
	/* The last action of each type. */
	struct vmbus_host_action last[VMBUS_HOST_VIOLATION + 1];
};

/* Unconnected. */
void rig_init(struct host_rig *rig);

/* Unconnected, offering up to @newest. */
void rig_init_version(struct host_rig *rig, u32 newest);

/* Connected at @version, @count primaries offered: relids 1 to @count. */
void rig_connect(struct host_rig *rig, u32 version, u32 count);

/* Does what the actions say and records it. */
void rig_pump(struct host_rig *rig);

/* Posts, pumps. */
enum vmbus_status rig_post(struct host_rig *rig, const void *payload,
			   u32 size_bytes);
void rig_post_header(struct host_rig *rig, u32 type);
void rig_post_relid(struct host_rig *rig, u32 type, u32 relid);
void rig_post_contact(struct host_rig *rig, u32 version);
void rig_post_modify(struct host_rig *rig, u32 relid, u32 target_vp);
void rig_post_teardown(struct host_rig *rig, u32 relid, u32 gpadl);
/* A header with @values after it; @range_bytes and @range_count as given. */
void rig_post_gpadl_header(struct host_rig *rig, u32 relid, u32 gpadl,
			   u32 range_bytes, u32 range_count, const u64 *values,
			   u32 value_count);
void rig_post_gpadl_body(struct host_rig *rig, u32 gpadl, const u64 *values,
			 u32 value_count);
/* A whole GPADL of one range of @pages pages, frame numbers 100 and up. */
void rig_post_gpadl(struct host_rig *rig, u32 relid, u32 gpadl, u32 pages);
void rig_post_open(struct host_rig *rig, u32 relid, u32 gpadl, u32 offset_pages,
		   u32 target_vp);
/* GPADL @relid + 100, 8 pages, opened half and half; answers taken off. */
void rig_open(struct host_rig *rig, u32 relid);

/* The u64 that begins a range. */
u64 rig_head(u32 byte_count, u32 byte_offset);

/* A primary of device @number, or its sub-channel. */
struct vmbus_offer rig_device(u8 number, u16 subchannel_index);
u32 rig_offer(struct host_rig *rig, u8 number, u16 subchannel_index);

/* The oldest message sent must be of @type; it is taken off. */
const void *rig_expect(struct host_rig *rig, u32 type);
void rig_expect_created(struct host_rig *rig, u32 relid, u32 gpadl, u32 status);
void rig_expect_torndown(struct host_rig *rig, u32 gpadl);
void rig_expect_opened(struct host_rig *rig, u32 relid, u32 status);
void rig_expect_relid(struct host_rig *rig, u32 type, u32 relid);
void rig_expect_silence(struct host_rig *rig);

/* Exactly one violation since the last call, and this one. */
void rig_expect_violation(struct host_rig *rig, enum vmbus_status reason,
			  u32 relid);
void rig_expect_no_violation(struct host_rig *rig);

/* Nothing of a guest is left inside. */
void rig_expect_empty(struct host_rig *rig);

#endif
