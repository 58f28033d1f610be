/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * utils.h - what the files of hv_utils know of each other.
 *
 * main.c: the driver, and the channel of a component. heartbeat.c, shutdown.c,
 * timesync.c: those that the kernel serves itself. kvp.c, vss.c, fcopy.c: those
 * that a daemon serves, by way of door.c, a device file.
 *
 * Locks, in the order in which they are taken:
 *
 *	util->lock	mutex	the engine, both rings; packets are handled by
 *it door->lock	mutex	who has the file open, what waits to be read
 *
 * The channel's signal only queues util->work, of which one runs at a time.
 */
#ifndef HV_UTILS_UTILS_H
#define HV_UTILS_UTILS_H

#include "guest/kmod/compat/compat.h"
#include "guest/kmod/lisbus.h"
#include "services/ic/ic.h"

struct util;
struct door;

/* One integration component; one row of the table in main.c. */
struct util_service {
	const char *name;
	const char *logged; /* what the kernel's own calls it in the log */
	size_t state_bytes; /* of util->state, zeroed */
	size_t ic_offset;   /* in it, of the engine's struct ic_vsc */
	/* By which a daemon serves it. May be NULL: no daemon does. */
	struct door *door;
	/* Readies the engine, before each opening of the channel. */
	void (*begin)(struct util *util);
	/* What there is beside the engine, after it. 0 or an errno; or NULL. */
	int (*start)(struct util *util);
	/* Ends what start() began; no packet comes any more. May be NULL. */
	void (*stop)(struct util *util);
	/*
	 * The channel is closed with no more answers, and begun anew some day;
	 * by util->lock. May be NULL.
	 */
	void (*suspend)(struct util *util);
	/*
	 * One packet of @size_bytes at util->packet, by util->lock. An answer
	 * goes to util->response, its size to @response_bytes. VMBUS_AGAIN: the
	 * packet comes anew after util_kick(). A violation ends the channel.
	 */
	enum vmbus_status (*receive)(struct util *util, u32 size_bytes,
				     u64 transaction_id, u32 *response_bytes);
	/*
	 * All answers are with the host, or a daemon may listen again; by
	 * util->lock. May be NULL.
	 */
	void (*answered)(struct util *util);
};

struct util {
	struct lisbus_device *device;
	const struct util_service *service;
	void *state;
	struct mutex lock; /* of the engine and the rings */
	struct work_struct work;
	struct work_struct fail_work;
	bool open;   /* by lock: the rings are there */
	bool failed; /* by lock: the rings are not to be touched any more */
	u32 version; /* by lock: of the messages, as the log told last */
	u8 packet[IC_PACKET_MAX_BYTES];
	u8 response[IC_PACKET_MAX_BYTES];
};

/* Has packets handled that may wait. Any context. */
void util_kick(struct util *util);

/*
 * Sends an answer of @size_bytes at util->response, by util->lock. The room for
 * it was seen to before its request was read.
 */
void util_respond(struct util *util, u32 size_bytes, u64 transaction_id);

extern const struct util_service util_heartbeat;
extern const struct util_service util_shutdown;
extern const struct util_service util_timesync;
extern const struct util_service util_kvp;
extern const struct util_service util_vss;
extern const struct util_service util_fcopy;

#endif
