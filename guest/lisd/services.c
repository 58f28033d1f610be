/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/lisd.h"
#include "guest/lisd/fcopy/fcopy.h"
#include "guest/lisd/kvp/kvp.h"
#include "guest/lisd/vss/vss.h"

/* In the order in which they are started: cloud-init waits for the first. */
const struct lisd_service *const lisd_services[] = {
	&lisd_kvp,
	&lisd_vss,
	&lisd_fcopy,
};
const u32 lisd_service_count = PORT_ARRAY_SIZE(lisd_services);
