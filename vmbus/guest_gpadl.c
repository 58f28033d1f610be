/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "vmbus/gpadl.h"
#include "vmbus/guest_internal.h"
#include "vmbus/messages.h"

/* range_bytes of the header has 16 bits. */
#define VALUES_MAX (0xffffu / sizeof(u64))

struct vmbus_guest_gpadl *guest_gpadl_find(const struct vmbus_guest *guest,
					   u32 relid, u32 id)
{
	u32 i;

	for (i = 0; i < guest->gpadl_count; i++) {
		struct vmbus_guest_gpadl *gpadl = &guest->gpadls[i];

		if (gpadl->state != GUEST_GPADL_FREE && gpadl->id == id &&
		    gpadl->relid == relid)
			return gpadl;
	}
	return NULL;
}

static void gpadl_notice(struct vmbus_guest *guest,
			 struct vmbus_guest_gpadl *gpadl,
			 enum vmbus_guest_gpadl_state state)
{
	gpadl->state = (u8)state;
	if (!gpadl->notice)
		guest->gpadl_notices++;
	gpadl->notice = true;
}

static bool id_in_use(const struct vmbus_guest *guest, u32 id)
{
	u32 i;

	for (i = 0; i < guest->gpadl_count; i++)
		if (guest->gpadls[i].state != GUEST_GPADL_FREE &&
		    guest->gpadls[i].id == id)
			return true;
	return false;
}

enum vmbus_status vmbus_guest_gpadl_create(struct vmbus_guest *guest, u32 relid,
					   u32 byte_offset, u32 byte_count,
					   const u64 *pfns, u32 *gpadl)
{
	struct vmbus_guest_channel *channel = guest_channel_find(guest, relid);
	u32 values = vmbus_gpadl_page_count(byte_offset, byte_count) + 1;
	struct vmbus_guest_gpadl *place = NULL;
	struct vmbus_guest_job *job;
	u32 i;

	if (guest->state != GUEST_UP || !channel || channel->rescinded ||
	    !byte_count || byte_offset >= VMBUS_PAGE_BYTES ||
	    values > VALUES_MAX)
		return VMBUS_BAD_ARGUMENT;
	for (i = 0; !place && i < guest->gpadl_count; i++)
		if (guest->gpadls[i].state == GUEST_GPADL_FREE)
			place = &guest->gpadls[i];
	job = place ? guest_job_add(guest, VMBUS_MESSAGE_GPADL_HEADER, relid)
		    : NULL;
	if (!job)
		return VMBUS_AGAIN;
	while (!guest->next_gpadl || id_in_use(guest, guest->next_gpadl))
		guest->next_gpadl++;
	port_fill(place, 0, sizeof(*place));
	place->state = GUEST_GPADL_CREATING;
	place->relid = relid;
	place->id = guest->next_gpadl++;
	place->pfns = pfns;
	place->byte_offset = byte_offset;
	place->byte_count = byte_count;
	place->value_count = values;
	job->gpadl = (u32)(place - guest->gpadls);
	*gpadl = place->id;
	return VMBUS_OK;
}

enum vmbus_status vmbus_guest_gpadl_teardown(struct vmbus_guest *guest,
					     u32 relid, u32 gpadl)
{
	struct vmbus_guest_channel *channel = guest_channel_find(guest, relid);
	struct vmbus_guest_gpadl *found = guest_gpadl_find(guest, relid, gpadl);
	struct vmbus_guest_job *job;

	if (guest->state != GUEST_UP || !channel || !found ||
	    found->state != GUEST_GPADL_READY)
		return VMBUS_BAD_ARGUMENT;
	if (channel->state != GUEST_CHANNEL_OFFERED && channel->ring == gpadl)
		return VMBUS_BAD_ARGUMENT;
	if (channel->rescinded) {
		gpadl_notice(guest, found, GUEST_GPADL_GONE);
		return VMBUS_OK;
	}
	job = guest_job_add(guest, VMBUS_MESSAGE_GPADL_TEARDOWN, relid);
	if (!job)
		return VMBUS_AGAIN;
	job->gpadl = gpadl;
	found->state = GUEST_GPADL_TEARDOWN;
	return VMBUS_OK;
}

void guest_gpadl_abandon(struct vmbus_guest *guest, u32 relid)
{
	u32 i;

	for (i = 0; i < guest->gpadl_count; i++) {
		struct vmbus_guest_gpadl *gpadl = &guest->gpadls[i];

		if (gpadl->relid != relid)
			continue;
		if (gpadl->state == GUEST_GPADL_CREATING) {
			gpadl->status = VMBUS_RESULT_FAILURE;
			gpadl_notice(guest, gpadl, GUEST_GPADL_FAILED);
		} else if (gpadl->state == GUEST_GPADL_TEARDOWN) {
			gpadl_notice(guest, gpadl, GUEST_GPADL_GONE);
		}
	}
}

void guest_gpadl_forget(struct vmbus_guest *guest, u32 relid)
{
	u32 i;

	for (i = 0; i < guest->gpadl_count; i++) {
		struct vmbus_guest_gpadl *gpadl = &guest->gpadls[i];

		if (gpadl->state == GUEST_GPADL_FREE || gpadl->relid != relid)
			continue;
		guest->gpadl_notices -= gpadl->notice;
		port_fill(gpadl, 0, sizeof(*gpadl));
	}
}

/* As with channels, answers about a GPADL unknown here crossed a release. */

enum vmbus_status guest_on_gpadl_created(struct vmbus_guest *guest,
					 const void *payload, u32 size_bytes)
{
	struct vmbus_message_gpadl_created in;
	struct vmbus_guest_channel *channel;
	struct vmbus_guest_gpadl *gpadl;

	(void)size_bytes;
	port_copy(&in, payload, sizeof(in));
	channel = guest_channel_find(guest, in.relid);
	gpadl = guest_gpadl_find(guest, in.relid, in.gpadl);
	if (!channel || !gpadl || channel->rescinded)
		return VMBUS_OK;
	if (gpadl->state != GUEST_GPADL_CREATING)
		return VMBUS_E_ANSWER;
	/* A refusal may come before the bodies; an acceptance may not. */
	if (!in.status && gpadl->values_sent < gpadl->value_count)
		return VMBUS_E_ANSWER;
	/* One refused at its header has nothing more to send. */
	if (gpadl->values_sent < gpadl->value_count)
		guest_job_withdraw_gpadl(guest, (u32)(gpadl - guest->gpadls));
	gpadl->status = in.status;
	gpadl_notice(guest, gpadl,
		     in.status ? GUEST_GPADL_FAILED : GUEST_GPADL_READY);
	return VMBUS_OK;
}

enum vmbus_status guest_on_gpadl_torndown(struct vmbus_guest *guest,
					  const void *payload, u32 size_bytes)
{
	struct vmbus_message_gpadl_torndown in;
	u32 i;

	(void)size_bytes;
	port_copy(&in, payload, sizeof(in));
	for (i = 0; i < guest->gpadl_count; i++) {
		struct vmbus_guest_gpadl *gpadl = &guest->gpadls[i];

		if (gpadl->state == GUEST_GPADL_FREE || gpadl->id != in.gpadl)
			continue;
		if (gpadl->state == GUEST_GPADL_GONE)
			return VMBUS_OK;
		if (gpadl->state != GUEST_GPADL_TEARDOWN)
			return VMBUS_E_ANSWER;
		gpadl_notice(guest, gpadl, GUEST_GPADL_GONE);
		return VMBUS_OK;
	}
	return VMBUS_OK;
}
