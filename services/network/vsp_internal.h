/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsp_internal.h - what the files of the host end share.
 */
#ifndef SERVICES_NETWORK_VSP_INTERNAL_H
#define SERVICES_NETWORK_VSP_INTERNAL_H

#include "services/network/vsp.h"

#define NETWORK_SLOT_NONE 0xffffu

/* shared->pending */
#define NETWORK_NOTICE_LINK    0x01u
#define NETWORK_NOTICE_SPEED   0x02u
#define NETWORK_NOTICE_CHANGE  0x04u
#define NETWORK_NOTICE_OFFLOAD 0x08u
#define NETWORK_NOTICE_VF      0x10u
#define NETWORK_NOTICE_TABLE   0x20u

/* The longest response: a name of 255 characters, or a list of objects. */
#define NETWORK_RESPONSE_BYTES 1024u

/* The longest frame of a guest that did not say otherwise. */
#define NETWORK_FRAME_BYTES 1514u

/* ---- vsp.c ---- */

/* The message that is being received. */
struct network_incoming {
	struct network_message message; /* our copy */
	const struct packet_view *view;
};

/* Make @message the answer; or an empty one, if one is wanted. VMBUS_OK. */
enum vmbus_status network_answer(const struct network_vsp *vsp,
				 struct network_vsp_action *action,
				 const struct network_message *message);
enum vmbus_status network_answer_empty(struct network_vsp_action *action);

/* Bytes of a message in the version agreed on. */
u32 network_message_bytes(const struct network_vsp_shared *shared);

/* Let the other channels see the settings. */
void network_vsp_publish(struct network_vsp_shared *shared);

/* What the guest gets by default: nothing but its own address. */
void network_settings_reset(struct network_vsp_shared *shared);

/* ---- vsp_buffer.c ---- */

enum vmbus_status network_take_buffer(struct network_vsp *vsp,
				      const struct network_incoming *in,
				      struct network_vsp_action *action);
enum vmbus_status network_revoke_buffer(struct network_vsp *vsp,
					const struct network_incoming *in,
					struct network_vsp_action *action);

/* ---- vsp_notice.c ---- */

/* Send @bytes of @message to the guest, in @slot. */
void network_put_response(struct network_vsp *vsp, u16 slot,
			  const void *message, u32 bytes,
			  struct network_vsp_out *out);

/* ---- vsp_slot.c ---- */

void network_slots_init(struct network_receive_buffer *buffer);

/* A free slot, or NETWORK_SLOT_NONE. @control: also those kept for that. */
u16 network_slot_take(struct network_vsp *vsp, bool control);
void network_slot_give(struct network_vsp *vsp, u16 slot);

/* The packet whose slots are the chain from @first is on its way. */
void network_slots_link(struct network_vsp *vsp, u16 slot, u16 next);
void network_slots_sent(struct network_vsp *vsp, u16 first);

/* The guest completed @id. False: it is not under way on this channel. */
bool network_slots_completed(struct network_vsp *vsp, u64 id);

/* ---- vsp_object.c ---- */

/* A query or set, its message copied and bounded. */
struct network_object {
	struct network_vsp *vsp;
	u32 oid;
	const u8 *info; /* of the guest */
	u32 info_bytes;
	u8 *out; /* NETWORK_RESPONSE_BYTES / 2 and more */
	u32 out_bytes;
	u8 changed;
};

/* Both return an RNDIS_STATUS_. */
u32 network_object_query(struct network_object *object);
u32 network_object_set(struct network_object *object);

/* vsp_offload.c: those that concern offloads, for the table. */
u32 network_query_hardware(struct network_object *object);
u32 network_query_offloads(struct network_object *object);
u32 network_query_encapsulation(struct network_object *object);
u32 network_set_offloads(struct network_object *object);
u32 network_set_encapsulation(struct network_object *object);
u32 network_query_rss(struct network_object *object);
u32 network_set_rss(struct network_object *object);
u32 network_set_parameter(struct network_object *object);

/* The current configuration as an indication carries it. Returns its bytes. */
u32 network_put_offloads(const struct network_vsp_shared *shared, u32 offloads,
			 u8 *out);

/* The frames' settings in the state that RNDIS is in. */
static inline void network_update_running(struct network_vsp_shared *shared)
{
	shared->settings.running = shared->initialized &&
				   shared->receive.base &&
				   shared->settings.filter.packet_filter;
}

#endif
