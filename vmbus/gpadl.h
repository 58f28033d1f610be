/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * gpadl.h - the list of pages inside a GPADL.
 *
 * Here: the arithmetic of ranges, for both ends. Not here: which GPADL belongs
 * to whom (host_gpadl.c, guest_gpadl.c).
 *
 * A GPADL is range_count ranges one after the other, each one u64 holding a
 * struct vmbus_gpa_range, then one u64 for each page that the range touches.
 */
#ifndef VMBUS_GPADL_H
#define VMBUS_GPADL_H

#include "vmbus/port.h"
#include "vmbus/status.h"
#include "vmbus/wire.h"

/* Pages touched by @byte_count bytes from @byte_offset of the first page. */
static inline u32 vmbus_gpadl_page_count(u32 byte_offset, u32 byte_count)
{
	u64 end = (u64)byte_offset + byte_count;

	return (u32)((end + VMBUS_PAGE_BYTES - 1) >> VMBUS_PAGE_SHIFT);
}

/* Reads the head of a range out of the u64 that holds it. */
static inline struct vmbus_gpa_range vmbus_gpadl_head(u64 value)
{
	struct vmbus_gpa_range head;

	port_copy(&head, &value, sizeof(head));
	return head;
}

/*
 * Whether @values are exactly @range_count well-formed ranges: each not empty,
 * beginning inside its first page, with all of its pages. VMBUS_OK or
 * VMBUS_E_GPADL_RANGE.
 */
enum vmbus_status vmbus_gpadl_check(const u64 *values, u32 value_count,
				    u32 range_count);

#endif
