/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "vmbus/gpadl.h"
#include "vmbus/host_internal.h"

/*
 * Values lie in the pool in the order in which their GPADLs began, with gaps
 * where one was freed. The gaps are closed when the end of the pool is reached,
 * so a pool of the size that a guest is allowed never fails by fragmentation.
 */

static u32 gpadl_index(const struct vmbus_host *host,
		       const struct vmbus_host_gpadl *gpadl)
{
	return (u32)(gpadl - host->gpadls);
}

static void pool_compact(struct vmbus_host *host)
{
	u32 at, end = 0;

	for (at = host->gpadl_first; at != HOST_NONE;
	     at = host->gpadls[at].next) {
		struct vmbus_host_gpadl *gpadl = &host->gpadls[at];
		u32 i;

		if (gpadl->state == HOST_GPADL_REFUSING)
			continue;
		/* Downwards, so the order of copying is safe. */
		for (i = 0; i < gpadl->received; i++)
			host->values[end + i] = host->values[gpadl->first + i];
		gpadl->first = end;
		end += gpadl->value_count;
	}
	host->values_used = end;
}

static bool pool_take(struct vmbus_host *host, struct vmbus_host_gpadl *gpadl)
{
	/* The last places are for those whose bodies must find a refusal. */
	if (host->gpadl_used + VMBUS_HOST_GPADL_SPARE >= host->gpadl_count)
		return false;
	if (gpadl->value_count > host->value_count - host->values_live)
		return false;
	if (gpadl->value_count > host->value_count - host->values_used)
		pool_compact(host);
	gpadl->first = host->values_used;
	host->values_used += gpadl->value_count;
	host->values_live += gpadl->value_count;
	return true;
}

static struct vmbus_host_gpadl *gpadl_new(struct vmbus_host *host)
{
	u32 i;

	for (i = 0; i < host->gpadl_count; i++) {
		struct vmbus_host_gpadl *gpadl = &host->gpadls[i];

		if (gpadl->state != HOST_GPADL_FREE)
			continue;
		port_fill(gpadl, 0, sizeof(*gpadl));
		gpadl->next = HOST_NONE;
		gpadl->previous = host->gpadl_last;
		return gpadl;
	}
	return NULL;
}

static void gpadl_link(struct vmbus_host *host, struct vmbus_host_gpadl *gpadl)
{
	u32 index = gpadl_index(host, gpadl);

	if (host->gpadl_last == HOST_NONE)
		host->gpadl_first = index;
	else
		host->gpadls[host->gpadl_last].next = index;
	host->gpadl_last = index;
	host->gpadl_used++;
}

void host_gpadl_free(struct vmbus_host *host, struct vmbus_host_gpadl *gpadl)
{
	if (gpadl->previous == HOST_NONE)
		host->gpadl_first = gpadl->next;
	else
		host->gpadls[gpadl->previous].next = gpadl->next;
	if (gpadl->next == HOST_NONE)
		host->gpadl_last = gpadl->previous;
	else
		host->gpadls[gpadl->next].previous = gpadl->previous;

	if (gpadl->state != HOST_GPADL_REFUSING)
		host->values_live -= gpadl->value_count;
	if (gpadl->state == HOST_GPADL_TORNDOWN)
		host->gpadl_torndowns--;
	if (gpadl->notice)
		host->gpadl_notices--;
	gpadl->state = HOST_GPADL_FREE;
	host->gpadl_used--;
	if (!host->values_live)
		host->values_used = 0;
}

void host_gpadl_free_channel(struct vmbus_host *host, u32 relid)
{
	u32 at = host->gpadl_first;

	while (at != HOST_NONE) {
		struct vmbus_host_gpadl *gpadl = &host->gpadls[at];

		at = gpadl->next;
		if (gpadl->relid == relid)
			host_gpadl_free(host, gpadl);
	}
}

static struct vmbus_host_gpadl *gpadl_find(const struct vmbus_host *host,
					   u32 relid, u32 id)
{
	u32 at;

	for (at = host->gpadl_first; at != HOST_NONE;
	     at = host->gpadls[at].next) {
		struct vmbus_host_gpadl *gpadl = &host->gpadls[at];

		if (gpadl->id == id && gpadl->relid == relid)
			return gpadl;
	}
	return NULL;
}

/* Bodies name no channel, so one id assembles once at a time. */
static struct vmbus_host_gpadl *gpadl_assembling(const struct vmbus_host *host,
						 u32 id)
{
	u32 at;

	for (at = host->gpadl_first; at != HOST_NONE;
	     at = host->gpadls[at].next) {
		struct vmbus_host_gpadl *gpadl = &host->gpadls[at];

		if (gpadl->id == id && (gpadl->state == HOST_GPADL_ASSEMBLING ||
					gpadl->state == HOST_GPADL_REFUSING))
			return gpadl;
	}
	return NULL;
}

struct vmbus_host_gpadl *host_gpadl_ready(const struct vmbus_host *host,
					  u32 relid, u32 id)
{
	struct vmbus_host_gpadl *gpadl = gpadl_find(host, relid, id);

	return gpadl && gpadl->state == HOST_GPADL_READY ? gpadl : NULL;
}

void host_gpadl_view(const struct vmbus_host *host,
		     const struct vmbus_host_gpadl *gpadl,
		     struct vmbus_host_gpadl_view *view)
{
	const u64 *values = &host->values[gpadl->first];
	struct vmbus_gpa_range head = vmbus_gpadl_head(values[0]);

	view->values = values;
	view->value_count = gpadl->value_count;
	view->range_count = gpadl->range_count;
	view->byte_count = head.byte_count;
	view->byte_offset = head.byte_offset;
	view->pfns = &values[1];
	view->pfn_count =
		vmbus_gpadl_page_count(head.byte_offset, head.byte_count);
}

static void answer_created(struct vmbus_host *host, u32 relid, u32 id,
			   u32 result)
{
	struct vmbus_message_gpadl_created message = {
		.header.type = VMBUS_MESSAGE_GPADL_CREATED,
		.relid = relid,
		.gpadl = id,
		.status = result,
	};

	host_answer(host, &message, sizeof(message));
}

/* Ends an assembly that failed. */
static enum vmbus_status gpadl_fail(struct vmbus_host *host,
				    struct vmbus_host_gpadl *gpadl, u32 result,
				    enum vmbus_status status)
{
	answer_created(host, gpadl->relid, gpadl->id, result);
	host_gpadl_free(host, gpadl);
	return status;
}

/* Takes what one message carried; answers when all is there. */
static enum vmbus_status gpadl_append(struct vmbus_host *host,
				      struct vmbus_host_gpadl *gpadl,
				      const u8 *data, u32 size_bytes)
{
	u32 count = size_bytes / sizeof(u64);
	enum vmbus_status status;

	if (size_bytes % sizeof(u64) ||
	    count > gpadl->value_count - gpadl->received)
		return gpadl_fail(host, gpadl, VMBUS_RESULT_INVALID,
				  VMBUS_E_GPADL_LENGTH);
	if (gpadl->state == HOST_GPADL_ASSEMBLING)
		port_copy(&host->values[gpadl->first + gpadl->received], data,
			  size_bytes);
	gpadl->received += count;
	if (gpadl->received < gpadl->value_count)
		return VMBUS_OK;
	if (gpadl->state == HOST_GPADL_REFUSING)
		return gpadl_fail(host, gpadl, VMBUS_RESULT_NO_RESOURCES,
				  VMBUS_OK);
	status = vmbus_gpadl_check(&host->values[gpadl->first],
				   gpadl->value_count, gpadl->range_count);
	if (status)
		return gpadl_fail(host, gpadl, VMBUS_RESULT_INVALID, status);
	gpadl->state = HOST_GPADL_READY;
	answer_created(host, gpadl->relid, gpadl->id, VMBUS_RESULT_SUCCESS);
	return VMBUS_OK;
}

static enum vmbus_status
header_check(const struct vmbus_host *host,
	     const struct vmbus_message_gpadl_header *message)
{
	u32 bytes = message->range_bytes;

	/* Each range is its head and one page at least. */
	if (!message->range_count || bytes % sizeof(u64) ||
	    bytes < message->range_count * 2 * sizeof(u64))
		return VMBUS_E_GPADL_LENGTH;
	if (gpadl_find(host, message->relid, message->gpadl) ||
	    gpadl_assembling(host, message->gpadl))
		return VMBUS_E_GPADL_DUPLICATE;
	return VMBUS_OK;
}

enum vmbus_status host_on_gpadl_header(struct vmbus_host *host,
				       const void *payload, u32 size_bytes)
{
	struct vmbus_message_gpadl_header message;
	struct vmbus_host_channel *channel;
	struct vmbus_host_gpadl *gpadl;
	enum vmbus_status status;

	port_copy(&message, payload, sizeof(message));
	channel = host_channel_told(host, message.relid);
	if (!channel)
		return VMBUS_E_RELID;
	status = header_check(host, &message);
	gpadl = status ? NULL : gpadl_new(host);
	if (!gpadl) {
		answer_created(host, message.relid, message.gpadl,
			       status ? VMBUS_RESULT_INVALID
				      : VMBUS_RESULT_NO_RESOURCES);
		return status;
	}
	gpadl->relid = message.relid;
	gpadl->id = message.gpadl;
	gpadl->range_count = message.range_count;
	gpadl->value_count = message.range_bytes / sizeof(u64);
	/* Bodies of a refused one are on their way: they must find it. */
	gpadl->state = HOST_GPADL_REFUSING;
	if (!host_channel_leaving(channel) && pool_take(host, gpadl))
		gpadl->state = HOST_GPADL_ASSEMBLING;
	gpadl_link(host, gpadl);
	return gpadl_append(host, gpadl, (const u8 *)payload + sizeof(message),
			    size_bytes - sizeof(message));
}

enum vmbus_status host_on_gpadl_body(struct vmbus_host *host,
				     const void *payload, u32 size_bytes)
{
	struct vmbus_message_gpadl_body message;
	struct vmbus_host_gpadl *gpadl;

	port_copy(&message, payload, sizeof(message));
	gpadl = gpadl_assembling(host, message.gpadl);
	if (!gpadl)
		return VMBUS_E_GPADL_UNKNOWN;
	if (size_bytes == sizeof(message))
		return gpadl_fail(host, gpadl, VMBUS_RESULT_INVALID,
				  VMBUS_E_GPADL_LENGTH);
	return gpadl_append(host, gpadl, (const u8 *)payload + sizeof(message),
			    size_bytes - sizeof(message));
}

enum vmbus_status host_on_gpadl_teardown(struct vmbus_host *host,
					 const void *payload, u32 size_bytes)
{
	struct vmbus_message_gpadl_teardown message;
	struct vmbus_host_channel *channel;
	struct vmbus_host_gpadl *gpadl;
	bool ring, in_use;

	(void)size_bytes;
	port_copy(&message, payload, sizeof(message));
	channel = host_channel_told(host, message.relid);
	if (!channel)
		return VMBUS_E_RELID;
	gpadl = host_gpadl_ready(host, message.relid, message.gpadl);
	if (!gpadl)
		return VMBUS_E_GPADL_UNKNOWN;
	ring = gpadl_index(host, gpadl) == channel->ring;
	in_use = channel->state == HOST_CHANNEL_OPENING ||
		 channel->state == HOST_CHANNEL_OPEN;
	if (ring && !host_channel_leaving(channel) &&
	    (in_use || channel->state == HOST_CHANNEL_OPEN_WANTED))
		return VMBUS_E_GPADL_IN_USE;
	if (gpadl->holds) {
		gpadl->state = HOST_GPADL_TEARDOWN;
		/* Who is told to close lets go of all without a notice. */
		gpadl->notice = in_use && gpadl->holds > ring;
		host->gpadl_notices += gpadl->notice;
	} else {
		gpadl->state = HOST_GPADL_TORNDOWN;
		host->gpadl_torndowns++;
	}
	return VMBUS_OK;
}

void host_gpadl_unhold(struct vmbus_host *host, struct vmbus_host_gpadl *gpadl)
{
	if (--gpadl->holds || gpadl->state != HOST_GPADL_TEARDOWN)
		return;
	if (gpadl->notice) {
		gpadl->notice = false;
		host->gpadl_notices--;
	}
	gpadl->state = HOST_GPADL_TORNDOWN;
	host->gpadl_torndowns++;
}

void host_gpadl_unhold_channel(struct vmbus_host *host, u32 relid)
{
	u32 at;

	for (at = host->gpadl_first; at != HOST_NONE;
	     at = host->gpadls[at].next) {
		struct vmbus_host_gpadl *gpadl = &host->gpadls[at];

		if (gpadl->relid != relid || !gpadl->holds)
			continue;
		gpadl->holds = 1;
		host_gpadl_unhold(host, gpadl);
	}
}

enum vmbus_status vmbus_host_gpadl_find(const struct vmbus_host *host,
					u32 relid, u32 gpadl,
					struct vmbus_host_gpadl_view *view)
{
	const struct vmbus_host_gpadl *found =
		host_gpadl_ready(host, relid, gpadl);

	if (!found)
		return VMBUS_BAD_ARGUMENT;
	host_gpadl_view(host, found, view);
	return VMBUS_OK;
}

enum vmbus_status vmbus_host_gpadl_hold(struct vmbus_host *host, u32 relid,
					u32 gpadl)
{
	const struct vmbus_host_channel *channel = host_channel_at(host, relid);
	struct vmbus_host_gpadl *found = host_gpadl_ready(host, relid, gpadl);

	if (!channel || !found || found->holds == ~0u)
		return VMBUS_BAD_ARGUMENT;
	if (channel->state != HOST_CHANNEL_OPENING &&
	    channel->state != HOST_CHANNEL_OPEN)
		return VMBUS_BAD_ARGUMENT;
	found->holds++;
	return VMBUS_OK;
}

enum vmbus_status vmbus_host_gpadl_drop(struct vmbus_host *host, u32 relid,
					u32 gpadl)
{
	const struct vmbus_host_channel *channel = host_channel_at(host, relid);
	struct vmbus_host_gpadl *found = gpadl_find(host, relid, gpadl);
	u32 own;

	if (!channel || !found)
		return VMBUS_BAD_ARGUMENT;
	own = channel->ring == gpadl_index(host, found); /* the engine's hold */
	if (found->holds <= own)
		return VMBUS_BAD_ARGUMENT;
	host_gpadl_unhold(host, found);
	return VMBUS_OK;
}
