/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * kvp.h - key-value exchange, as the daemon's table has it.
 *
 * Source of what is spoken on /dev/vmbus/hv_kvp: uapi/linux/hyperv.h.
 */
#ifndef GUEST_LISD_KVP_H
#define GUEST_LISD_KVP_H

#include "guest/lisd/lisd.h"

extern const struct lisd_service lisd_kvp;

#endif
