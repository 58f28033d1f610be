/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * host_internal.h - what the files of the host end know of each other.
 *
 * host.c: init, what is received, connection. host_offer.c: what is offered.
 * host_channel.c: opening and closing. host_gpadl.c: GPADLs and the pool of
 * their values. host_next.c: what is to be done and sent.
 */
#ifndef VMBUS_HOST_INTERNAL_H
#define VMBUS_HOST_INTERNAL_H

#include "vmbus/host.h"

#define HOST_NONE 0xffffffffu

/* Bits of a channel's owed messages, sent in this order. */
#define HOST_OWES_OFFER		  0x1
#define HOST_OWES_MODIFY_RESPONSE 0x2 /* of the last opening, so first */
#define HOST_OWES_OPEN_RESULT	  0x4
#define HOST_OWES_RESCIND	  0x8

static inline u32 host_relid(const struct vmbus_host *host,
			     const struct vmbus_host_channel *channel)
{
	return (u32)(channel - host->channels) + 1;
}

#define HOST_STATE_BIT(state) (1u << (state))

/* States in which the guest knows the relid. */
#define HOST_STATES_TOLD                                                       \
	(HOST_STATE_BIT(HOST_CHANNEL_OFFERED) |                                \
	 HOST_STATE_BIT(HOST_CHANNEL_OPEN_WANTED) |                            \
	 HOST_STATE_BIT(HOST_CHANNEL_OPENING) |                                \
	 HOST_STATE_BIT(HOST_CHANNEL_OPEN) |                                   \
	 HOST_STATE_BIT(HOST_CHANNEL_CLOSE_WANTED) |                           \
	 HOST_STATE_BIT(HOST_CHANNEL_CLOSING) |                                \
	 HOST_STATE_BIT(HOST_CHANNEL_RESCINDED))

static inline bool host_state_in(const struct vmbus_host_channel *channel,
				 u32 states)
{
	return HOST_STATE_BIT(channel->state) & states;
}

static inline bool host_is_live(const struct vmbus_host_channel *channel)
{
	return channel->state != HOST_CHANNEL_FREE &&
	       channel->state != HOST_CHANNEL_RELEASING;
}

static inline bool host_same_device(const struct vmbus_offer *a,
				    const struct vmbus_offer *b)
{
	return guid_equal(&a->instance, &b->instance) &&
	       guid_equal(&a->type, &b->type);
}

/* host.c */
void host_report(struct vmbus_host *host, u32 relid, u32 message_type,
		 enum vmbus_status reason);
void host_channel_let_go(struct vmbus_host *host);

/* host_next.c */
void host_list_add_work(struct vmbus_host *host,
			struct vmbus_host_channel *channel);
void host_channel_owes(struct vmbus_host *host,
		       struct vmbus_host_channel *channel, u32 owed);
/* The caller has seen that there is room. */
void host_answer(struct vmbus_host *host, const void *payload, u32 size_bytes);
bool host_answer_room(const struct vmbus_host *host);
void host_send_drop(struct vmbus_host *host);

/* host_offer.c */
struct vmbus_host_channel *host_channel_at(const struct vmbus_host *host,
					   u32 relid);
/* One that the guest may name. */
struct vmbus_host_channel *host_channel_told(const struct vmbus_host *host,
					     u32 relid);
/* Whether the guest may not begin anything new on it, through no fault. */
bool host_channel_leaving(const struct vmbus_host_channel *channel);
void host_channel_offer_all(struct vmbus_host *host);
void host_initial_done(struct vmbus_host *host,
		       struct vmbus_host_channel *channel);
void host_channel_release(struct vmbus_host *host,
			  struct vmbus_host_channel *channel);
void host_channel_free(struct vmbus_host *host,
		       struct vmbus_host_channel *channel);

/* host_channel.c */
void host_channel_drop_all(struct vmbus_host *host);
enum vmbus_status host_on_open(struct vmbus_host *host, const void *payload,
			       u32 size_bytes);
enum vmbus_status host_on_close(struct vmbus_host *host, const void *payload,
				u32 size_bytes);
enum vmbus_status host_on_modify(struct vmbus_host *host, const void *payload,
				 u32 size_bytes);
enum vmbus_status host_on_released(struct vmbus_host *host, const void *payload,
				   u32 size_bytes);

/* host_gpadl.c */
struct vmbus_host_gpadl *host_gpadl_ready(const struct vmbus_host *host,
					  u32 relid, u32 id);
void host_gpadl_view(const struct vmbus_host *host,
		     const struct vmbus_host_gpadl *gpadl,
		     struct vmbus_host_gpadl_view *view);
void host_gpadl_unhold(struct vmbus_host *host, struct vmbus_host_gpadl *gpadl);
void host_gpadl_unhold_channel(struct vmbus_host *host, u32 relid);
void host_gpadl_free(struct vmbus_host *host, struct vmbus_host_gpadl *gpadl);
void host_gpadl_free_channel(struct vmbus_host *host, u32 relid);
enum vmbus_status host_on_gpadl_header(struct vmbus_host *host,
				       const void *payload, u32 size_bytes);
enum vmbus_status host_on_gpadl_body(struct vmbus_host *host,
				     const void *payload, u32 size_bytes);
enum vmbus_status host_on_gpadl_teardown(struct vmbus_host *host,
					 const void *payload, u32 size_bytes);

#endif
