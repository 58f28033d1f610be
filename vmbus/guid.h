/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * guid.h - a GUID in its wire form.
 *
 * Here: the 16 bytes, as Windows lays them out (first three fields
 * little-endian). Not here: the GUIDs of services (each service's wire.h).
 */
#ifndef VMBUS_GUID_H
#define VMBUS_GUID_H

#include "vmbus/port.h"

struct guid {
	u8 bytes[16];
};

/* GUID_FIELDS(0xf8615163, 0xdf3e, 0x46c5, 0x91, 0x3f, ...): the written form.
 */
#define GUID_FIELDS(a, b, c, d0, d1, d2, d3, d4, d5, d6, d7)                   \
	{                                                                      \
		{                                                              \
			(a) & 0xff, ((a) >> 8) & 0xff, ((a) >> 16) & 0xff,     \
				((a) >> 24) & 0xff, (b)&0xff,                  \
				((b) >> 8) & 0xff, (c)&0xff,                   \
				((c) >> 8) & 0xff, d0, d1, d2, d3, d4, d5, d6, \
				d7                                             \
		}                                                              \
	}

/* Whether two GUIDs are the same. */
static inline bool guid_equal(const struct guid *a, const struct guid *b)
{
	return port_compare(a, b, sizeof(*a)) == 0;
}

#endif
