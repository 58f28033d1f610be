/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * offer.h - what a channel is offered with, as both ends hold it.
 *
 * Here: the part of an offer that its service chooses. Not here: the message
 * that carries it (wire.h).
 */
#ifndef VMBUS_OFFER_H
#define VMBUS_OFFER_H

#include "vmbus/guid.h"
#include "vmbus/wire.h"

/* Fields are those of struct vmbus_message_offer. */
struct vmbus_offer {
	struct guid type;
	struct guid instance;
	u16 flags; /* VMBUS_OFFER_* */
	u16 mmio_mib;
	u16 mmio_optional_mib;
	u16 subchannel_index; /* 0: primary; else its primary is open */
	u32 minimum_version;  /* host: not shown to older guests; 0: to all */
	bool monitored;	      /* host: wants a monitor id (monitor.h) */
	u8 user_data[VMBUS_USER_DATA_BYTES];
	void *context; /* the caller's, given back in actions */
};

#endif
