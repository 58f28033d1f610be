/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vss.h - backup: file systems are frozen while the host marks its disks.
 *
 * Here: the service, its settings, and what is spoken on /dev/vmbus/hv_vss.
 *
 * Source: linux/hyperv.h (uapi), struct hv_vss_msg; drivers/hv/hv_snapshot.c:
 * the daemon writes VSS_OP_REGISTER1 and reads 4 bytes with the driver's
 * version; then each request is 12 bytes, and its answer 12 bytes that begin
 * with an HRESULT. A driver that no longer waits for an answer refuses it.
 */
#ifndef GUEST_LISD_VSS_VSS_H
#define GUEST_LISD_VSS_VSS_H

#include "guest/lisd/lisd.h"

extern const struct lisd_service lisd_vss;

#endif
