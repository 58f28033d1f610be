/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * monitor.h - the monitor pages: signals that wait to be collected.
 *
 * A guest that writes often to a monitored channel sets a bit in the page to
 * the host instead of making a hypercall; the host looks at the page within the
 * latency it wrote there. Here: the layout and the bits. Not here: timers.
 *
 * Sources: Linux drivers/hv/hyperv_vmbus.h (struct hv_monitor_page),
 * TLFS 11.11.
 */
#ifndef VMBUS_MONITOR_H
#define VMBUS_MONITOR_H

#include "vmbus/port.h"

#define VMBUS_MONITOR_GROUPS	 4
#define VMBUS_MONITOR_GROUP_BITS 32
#define VMBUS_MONITOR_COUNT	 (VMBUS_MONITOR_GROUPS * VMBUS_MONITOR_GROUP_BITS)
#define VMBUS_MONITOR_ID_NONE	 0xff

struct vmbus_monitor_group {
	u32 pending; /* one bit for each monitor id, set by the signaller */
	u32 armed;
};

struct vmbus_monitor_parameter {
	u32 connection_id; /* that the bit stands for */
	u16 flag_number;
	u16 reserved;
};

struct vmbus_monitor_page {
	u32 enabled_groups; /* bits 0 to 3 */
	u32 reserved_1;
	struct vmbus_monitor_group group[VMBUS_MONITOR_GROUPS];
	u64 reserved_2[3];
	u32 next_check_time[VMBUS_MONITOR_GROUPS][VMBUS_MONITOR_GROUP_BITS];
	u16 latency_100ns[VMBUS_MONITOR_GROUPS][VMBUS_MONITOR_GROUP_BITS];
	u64 reserved_3[32];
	struct vmbus_monitor_parameter parameter[VMBUS_MONITOR_GROUPS]
						[VMBUS_MONITOR_GROUP_BITS];
	u8 reserved_4[1984];
};
_Static_assert(sizeof(struct vmbus_monitor_page) == 4096, "wire size");
_Static_assert(offsetof(struct vmbus_monitor_page, next_check_time) == 0x40,
	       "wire");
_Static_assert(offsetof(struct vmbus_monitor_page, latency_100ns) == 0x240,
	       "wire");
_Static_assert(offsetof(struct vmbus_monitor_page, parameter) == 0x440, "wire");

#endif
