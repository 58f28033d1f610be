/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * door.h - a device file by which one daemon serves a component.
 *
 * Here: who has it open, the handshake, one question and its answer at a time,
 * and what becomes of it when the daemon is gone or takes too long. Not here:
 * what is asked (kvp.c, vss.c, fcopy.c).
 *
 * Locks: door->lock, then util->lock, then door->out_lock.
 */
#ifndef HV_UTILS_DOOR_H
#define HV_UTILS_DOOR_H

#include "guest/kmod/hv_utils/utils.h"
#include <linux/miscdevice.h>
#include <linux/spinlock.h>

#define DOOR_MESSAGE_BYTES 7456 /* the largest is struct abi_kvp */

struct door;

struct door_ops {
	/*
	 * The first that a daemon writes. Returns the size of what it is to
	 * read next, put into @reply, or -EINVAL.
	 */
	int (*hello)(const void *data, u32 size_bytes, void *reply);
	/* Its answer, by util->lock. 0, or -EINVAL: it makes no sense. */
	int (*answer)(struct util *util, const void *data, u32 size_bytes);
	/* None comes to what was asked, by util->lock. */
	void (*fail)(struct util *util, u32 status);
};

struct door_buffers {
	u8 in[DOOR_MESSAGE_BYTES];   /* by door->lock */
	u8 read[DOOR_MESSAGE_BYTES]; /* by door->lock */
	u8 out[DOOR_MESSAGE_BYTES];  /* by door->out_lock */
};

struct door {
	struct miscdevice misc; /* .name is given */
	const struct door_ops *ops;
	u32 patience_s; /* that an answer may take */

	struct mutex lock;	      /* before util->lock */
	struct util *util;	      /* by lock; NULL: there is no channel */
	u32 generation;		      /* by lock; counts channels */
	bool taken;		      /* by lock: a daemon has it open */
	struct door_buffers *buffers; /* there while util is */

	struct delayed_work timeout;
	bool asked; /* by util->lock: an answer is to come */
	bool owed;  /* by util->lock: one that nobody waits for any more */

	wait_queue_head_t readable;
	spinlock_t out_lock; /* of what is to be read */
	bool ready;	     /* by out_lock: the handshake is done */
	u32 out_bytes;
};

/* Once, when the module is loaded. */
void door_init(struct door *door);

/*
 * The file appears, for a channel about to be opened. 0; -EBUSY: it serves
 * another channel; -ENOMEM; or what misc_register() says.
 */
int door_open(struct door *door, struct util *util);

/* It disappears; a daemon that has it open sees its end. */
void door_close(struct door *door);

/*
 * Asks the daemon, by util->lock; ops->answer() or ops->fail() follows. False:
 * there is no daemon, or it has not answered the question before.
 */
bool door_ask(struct door *door, const void *message, u32 size_bytes);

/*
 * Nobody waits for what the daemon was asked, by util->lock: what it has not
 * read it is not asked any more, and its answer to the rest is not taken for
 * another's.
 */
void door_forget(struct door *door);

/* Tells the daemon something whose answer nobody needs. The same. */
bool door_tell(struct door *door, const void *message, u32 size_bytes);

#endif
