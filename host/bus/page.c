/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * page.c - the shared interrupt page of guests older than VMBus 2.4: a bit for
 * each channel, to the guest in its first half and to the host in its second;
 * one event flag and one connection say that there is something in it.
 *
 * Source: Linux drivers/hv/connection.c and vmbus_drv.c (before 2.4 was the
 * oldest version there), iPXE src/interface/hyperv/vmbus.c.
 */
#define _GNU_SOURCE
#include "host/bus/bus_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define HALF_BYTES (VMBUS_PAGE_BYTES / 2)
#define HALF_WORDS (HALF_BYTES / sizeof(u32))

struct bus_page {
	uv_poll_t poll; /* first */
	struct bus *bus;
	int fd;	    /* of the connection */
	u32 *words; /* in guest memory */
};

static void channel_signal(struct bus *bus, u32 relid)
{
	const u64 one = 1;

	for (struct bus_channel *channel = bus->channels; channel;
	     channel = channel->next)
		if (channel->relid == relid && channel->signal &&
		    write(channel->signal->fd, &one, sizeof(one)) < 0)
			return; /* it is readable for ever already */
}

static void page_read(uv_poll_t *poll, int status, int events)
{
	struct bus_page *page = (struct bus_page *)poll;
	u64 times;

	(void)events;
	if (status < 0 || read(page->fd, &times, sizeof(times)) < 0)
		return;
	for (u32 i = 0; i < HALF_WORDS; i++) {
		u32 *word = &page->words[HALF_WORDS + i];
		u32 bits = __atomic_load_n(word, __ATOMIC_RELAXED);

		if (bits)
			bits = __atomic_exchange_n(word, 0, __ATOMIC_ACQ_REL);
		for (; bits; bits &= bits - 1)
			channel_signal(page->bus,
				       i * 32 + (u32)__builtin_ctz(bits));
	}
}

static void page_closed(uv_handle_t *handle)
{
	struct bus_page *page = (struct bus_page *)handle;

	close(page->fd);
	free(page);
}

int bus_page_open(struct bus *bus, u64 gpa)
{
	struct bus_page *page = calloc(1, sizeof(*page));

	if (!page)
		return -ENOMEM;
	page->bus = bus;
	page->words = gpa % VMBUS_PAGE_BYTES ? NULL
					     : machine_memory(bus->machine, gpa,
							      VMBUS_PAGE_BYTES);
	page->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!page->words || page->fd < 0 ||
	    machine_connect(bus->machine, VMBUS_CONNECTION_ID_EVENT,
			    page->fd)) {
		if (page->fd >= 0)
			close(page->fd);
		free(page);
		return -EINVAL;
	}
	uv_poll_init(bus->loop, &page->poll, page->fd);
	uv_poll_start(&page->poll, UV_READABLE, page_read);
	__atomic_store_n(&bus->page, page, __ATOMIC_RELEASE);
	return 0;
}

void bus_page_close(struct bus *bus)
{
	struct bus_page *page = bus->page;

	if (!page)
		return;
	/* No channel is open any more, and so no worker looks for it. */
	__atomic_store_n(&bus->page, NULL, __ATOMIC_RELEASE);
	machine_disconnect(bus->machine, VMBUS_CONNECTION_ID_EVENT);
	uv_close((uv_handle_t *)&page->poll, page_closed);
}

bool bus_page_interrupt(struct bus *bus, u32 relid)
{
	struct bus_page *page = __atomic_load_n(&bus->page, __ATOMIC_ACQUIRE);

	if (!page)
		return false;
	__atomic_fetch_or(&page->words[relid / 32], 1u << relid % 32,
			  __ATOMIC_ACQ_REL);
	machine_signal(bus->machine, 0, bus->message_sint, 0);
	return true;
}
