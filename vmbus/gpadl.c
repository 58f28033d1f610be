/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "vmbus/gpadl.h"

enum vmbus_status vmbus_gpadl_check(const u64 *values, u32 value_count,
				    u32 range_count)
{
	u32 at = 0;
	u32 i;

	for (i = 0; i < range_count; i++) {
		struct vmbus_gpa_range head;
		u32 pages;

		if (at >= value_count)
			return VMBUS_E_GPADL_RANGE;
		head = vmbus_gpadl_head(values[at++]);
		if (!head.byte_count || head.byte_offset >= VMBUS_PAGE_BYTES)
			return VMBUS_E_GPADL_RANGE;
		pages = vmbus_gpadl_page_count(head.byte_offset,
					       head.byte_count);
		if (pages > value_count - at)
			return VMBUS_E_GPADL_RANGE;
		at += pages;
	}
	return at == value_count ? VMBUS_OK : VMBUS_E_GPADL_RANGE;
}
