/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include "host/bus/bus_internal.h"

static struct bus_gpadl **gpadl_find(struct bus_channel *channel, u32 id)
{
	struct bus_gpadl **at = &channel->gpadls;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static int pages_map(struct bus_channel *channel,
		     const struct vmbus_host_gpadl_view *view,
		     struct bus_gpadl *gpadl)
{
	if (view->range_count != 1 || view->pfn_count > MACHINE_MAP_PAGES_MAX)
		return -EINVAL;
	gpadl->page_count = view->pfn_count;
	return machine_map_pages(channel->bus->machine, view->pfns,
				 view->pfn_count, false, &gpadl->pages);
}

int bus_channel_gpadl_map(struct bus_channel *channel, u32 id, void **at,
			  u32 *bytes)
{
	struct vmbus_host *engine = &channel->bus->engine;
	struct vmbus_host_gpadl_view view;
	struct bus_gpadl *gpadl;
	int code;

	if (*gpadl_find(channel, id))
		return -EEXIST;
	if (!channel->bus->machine ||
	    vmbus_host_gpadl_find(engine, channel->relid, id, &view) !=
		    VMBUS_OK)
		return -ENOENT;
	gpadl = calloc(1, sizeof(*gpadl));
	if (!gpadl)
		return -ENOMEM;
	code = pages_map(channel, &view, gpadl);
	if (code < 0) {
		free(gpadl);
		return code;
	}
	*at = (u8 *)gpadl->pages + view.byte_offset;
	*bytes = view.byte_count;
	gpadl->id = id;
	gpadl->next = channel->gpadls;
	channel->gpadls = gpadl;
	vmbus_host_gpadl_hold(engine, channel->relid, id);
	return 0;
}

bool bus_gpadl_mapped(struct bus_channel *channel, u32 id, void **at,
		      u32 *bytes)
{
	const struct bus_gpadl *gpadl = *gpadl_find(channel, id);

	if (!gpadl)
		return false;
	*at = gpadl->pages;
	*bytes = gpadl->page_count * VMBUS_PAGE_BYTES;
	return true;
}

/* Out of the list, and nobody sees the pages any more. */
static void gpadl_let_go(struct bus_channel *channel, struct bus_gpadl **at)
{
	struct bus_gpadl *gpadl = *at;

	*at = gpadl->next;
	machine_unmap_pages(channel->bus->machine, gpadl->pages,
			    gpadl->page_count, false);
	vmbus_host_gpadl_drop(&channel->bus->engine, channel->relid, gpadl->id);
	free(gpadl);
}

void bus_channel_gpadl_unmap(struct bus_channel *channel, u32 id)
{
	struct bus_gpadl **at = gpadl_find(channel, id);

	if (!*at)
		return;
	gpadl_let_go(channel, at);
	/* The guest may be waiting for the answer. */
	bus_pump(channel->bus);
}

void bus_channel_gpadls_unmap(struct bus_channel *channel)
{
	while (channel->gpadls)
		gpadl_let_go(channel, &channel->gpadls);
}

void bus_gpadl_teardown(struct bus *bus, struct bus_channel *channel, u32 relid,
			u32 id)
{
	if (channel && *gpadl_find(channel, id))
		channel->ops->gpadl_wanted(channel->context, channel, id);
	else
		vmbus_host_gpadl_drop(&bus->engine, relid, id);
}
