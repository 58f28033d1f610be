// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * lent.c - buffers of pages, lent to the host.
 *
 * Here: page by page, as nobody but the host and a process looks at them: they
 * are not mapped in the kernel. Not here: rings (hv_vmbus/memory.c).
 */
#include "guest/kmod/uio_hv_generic/uio.h"
#include <linux/mm.h>
#include <linux/slab.h>

static void pages_free(struct lent *lent)
{
	u32 i;

	for (i = 0; lent->pages && i < lent->page_count; i++)
		if (lent->pages[i])
			__free_page(lent->pages[i]);
	kvfree(lent->pages);
	lent->pages = NULL;
}

static int pages_alloc(struct lent *lent, u64 *pfns)
{
	u32 i;

	for (i = 0; i < lent->page_count; i++) {
		struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

		if (!page)
			return -ENOMEM;
		lent->pages[i] = page;
		pfns[i] = page_to_pfn(page);
	}
	return 0;
}

int lent_begin(struct lent *lent, struct lisbus_channel *channel,
	       const char *name, u32 page_count)
{
	u64 *pfns = kvcalloc(page_count, sizeof(*pfns), GFP_KERNEL);
	int error = -ENOMEM;

	lent->page_count = page_count;
	lent->pages = kvcalloc(page_count, sizeof(*lent->pages), GFP_KERNEL);
	if (pfns && lent->pages)
		error = pages_alloc(lent, pfns);
	if (!error)
		error = lisbus_channel_lend(channel, pfns, page_count,
					    &lent->gpadl);
	kvfree(pfns);
	if (error) {
		pages_free(lent);
		return error;
	}
	lent->channel = channel;
	snprintf(lent->name, sizeof(lent->name), "%s:%u", name, lent->gpadl);
	return 0;
}

void lent_end(struct lent *lent)
{
	if (!lent->channel)
		return;
	lisbus_channel_take_back(lent->channel, lent->gpadl);
	lent->channel = NULL;
	pages_free(lent);
}
