/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * guest_internal.h - what the files of the guest end know of each other.
 *
 * guest.c: init, connection, what is received. guest_channel.c: channels and
 * GPADLs. guest_next.c: what is to be done and sent.
 */
#ifndef VMBUS_GUEST_INTERNAL_H
#define VMBUS_GUEST_INTERNAL_H

#include "vmbus/guest.h"

#define GUEST_NONE 0xffffffffu

/* Told in this order. */
#define GUEST_NOTICE_OFFERED   0x1
#define GUEST_NOTICE_OPENED    0x2
#define GUEST_NOTICE_MODIFIED  0x4
#define GUEST_NOTICE_RESCINDED 0x8

/* guest.c */
void guest_forget(struct vmbus_guest *guest);
void guest_try_older(struct vmbus_guest *guest, enum vmbus_status reason);

/* guest_channel.c */
struct vmbus_guest_channel *guest_channel_find(const struct vmbus_guest *guest,
					       u32 relid);
enum vmbus_status guest_on_offer(struct vmbus_guest *guest, const void *payload,
				 u32 size_bytes);
enum vmbus_status guest_on_rescind(struct vmbus_guest *guest,
				   const void *payload, u32 size_bytes);
enum vmbus_status guest_on_open_result(struct vmbus_guest *guest,
				       const void *payload, u32 size_bytes);
enum vmbus_status guest_on_modify_response(struct vmbus_guest *guest,
					   const void *payload, u32 size_bytes);

/* guest_gpadl.c */
struct vmbus_guest_gpadl *guest_gpadl_find(const struct vmbus_guest *guest,
					   u32 relid, u32 id);
void guest_gpadl_abandon(struct vmbus_guest *guest, u32 relid);
void guest_gpadl_forget(struct vmbus_guest *guest, u32 relid);
enum vmbus_status guest_on_gpadl_created(struct vmbus_guest *guest,
					 const void *payload, u32 size_bytes);
enum vmbus_status guest_on_gpadl_torndown(struct vmbus_guest *guest,
					  const void *payload, u32 size_bytes);

/* guest_next.c */
void guest_notice(struct vmbus_guest *guest,
		  struct vmbus_guest_channel *channel, u32 notice);
/* The place of a new job, zeroed, or NULL when there is none. */
struct vmbus_guest_job *guest_job_add(struct vmbus_guest *guest, u32 type,
				      u32 relid);
/* Withdraws what waits to be sent about a channel, but its closing. */
void guest_job_withdraw(struct vmbus_guest *guest, u32 relid);
/* The same about the creation of one GPADL. */
void guest_job_withdraw_gpadl(struct vmbus_guest *guest, u32 index);

#endif
