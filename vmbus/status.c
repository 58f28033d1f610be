/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "vmbus/status.h"

static const char *const texts[VMBUS_STATUS_COUNT] = {
	[VMBUS_OK] = "done",
	[VMBUS_AGAIN] = "nothing to read or no space at this moment",
	[VMBUS_BAD_ARGUMENT] = "the call was made with a wrong argument",

	[VMBUS_E_RING_WRITE_INDEX] =
		"the other end set a ring's write index outside the ring",
	[VMBUS_E_RING_READ_INDEX] =
		"the other end set a ring's read index outside the ring",
	[VMBUS_E_RING_WRITE_BACKWARDS] =
		"the other end moved a ring's write index backwards",
	[VMBUS_E_RING_READ_BACKWARDS] =
		"the other end moved a ring's read index backwards",
	[VMBUS_E_RING_TOO_SMALL] =
		"the ring is too small for the packet that must be sent",

	[VMBUS_E_PACKET_TRUNCATED] =
		"the other end sent a packet longer than what it published",
	[VMBUS_E_PACKET_LENGTH] =
		"the other end sent a packet shorter than its own descriptor",
	[VMBUS_E_PACKET_OFFSET] =
		"the other end sent a packet whose payload begins outside it",
	[VMBUS_E_PACKET_TOO_BIG] =
		"the other end sent a packet longer than the channel accepts",
	[VMBUS_E_PACKET_RANGES] =
		"the other end sent a packet with malformed page ranges",
};

const char *vmbus_status_text(enum vmbus_status status)
{
	if ((u32)status >= VMBUS_STATUS_COUNT || !texts[status])
		return "unknown status";
	return texts[status];
}
