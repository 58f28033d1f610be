/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * kvp.h - key-value exchange, as the daemon's table has it, and its answers.
 *
 * Here: which request goes where. Not here: pools, items, addresses.
 *
 * Source of what is spoken on /dev/vmbus/hv_kvp: uapi/linux/hyperv.h.
 */
#ifndef GUEST_LISD_KVP_H
#define GUEST_LISD_KVP_H

#include <linux/hyperv.h>

#include "guest/lisd/kvp/apply.h"
#include "guest/lisd/kvp/pool.h"
#include "guest/lisd/lisd.h"

#define KVP_FOLDER	 "/var/lib/hyperv"
#define KVP_FOLDER_LATE	 "/run/hyperv"
#define KVP_DRIVER_BYTES 64

struct kvp_state {
	struct lisd_env *env;
	struct pool pools[KVP_POOL_COUNT];
	struct network network;
	char driver[KVP_DRIVER_BYTES]; /* its version, as it told */
	bool told_refused;	       /* that the driver takes no daemon yet */
};

/*
 * kvp_open - read and repair the pools; in KVP_FOLDER, or where that cannot be
 * written in KVP_FOLDER_LATE. Returns 0, or -1 after logging why.
 */
int kvp_open(struct kvp_state *state, struct lisd_env *env);
void kvp_close(struct kvp_state *state);

/*
 * kvp_answer - turn a request of the kernel's driver into its answer, in place.
 * Nothing of the request but what belongs to the answer stays in it.
 */
void kvp_answer(struct kvp_state *state, struct hv_kvp_msg *message);

extern const struct lisd_service lisd_kvp;

#endif
