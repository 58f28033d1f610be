/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * storage_internal.h - what the files of the storage device share.
 *
 *	struct storage		all disks of a VM
 *	struct controller	one offer: a SCSI controller or an IDE disk
 *	struct port		one channel of a controller
 *	struct worker		the thread that serves an open channel
 *	struct unit		a disk at its place: image and SCSI state
 *	struct slot		a worker's way to a unit: its queue
 *	struct task		a request on its way
 *
 * Locks: controller.lock for the table of units, the list of ports and the
 * reset under way; unit.lock for the unit's SCSI state; storage.lock for the
 * list of units that nobody uses any more. No lock is taken inside another but
 * unit.lock inside controller.lock. The rest belongs to the loop's thread, or
 * (worker, slot, task) to the worker's own.
 */
#ifndef HOST_DEVICE_STORAGE_INTERNAL_H
#define HOST_DEVICE_STORAGE_INTERNAL_H

#include <pthread.h>

#include "host/device/channel_thread.h"
#include "host/device/storage.h"
#include "services/storage/vsp.h"

#define CONTROLLERS	   (RUN_DISK_CONTROLLERS_MAX + RUN_DISK_IDE_MAX)
#define TRANSFER_MAX_BYTES (1u << 20)
/* A page is begun by a range that does not start with one. */
#define TASK_IOV_MAX (TRANSFER_MAX_BYTES / MACHINE_PAGE_BYTES + 8)
/* Requests of one channel under way; Linux sends about 450 at most. */
#define WORKER_TASKS 512
/*
 * Data of one channel under way, after which no request is taken: a guest can
 * make the backend copy as much (pages that are not aligned), but no more.
 */
#define WORKER_HELD_BYTES (32u << 20)
/* The longest packet: 1 MiB in ranges of a page each, and the rest. */
#define WORKER_PACKET_BYTES 16384
#define RETRY_MS	    1000

struct storage {
	struct storage_host host;
	struct machine *machine;
	struct controller *controllers[CONTROLLERS]; /* NULL: not offered */
	uv_async_t wake;  /* workers have news, or units are free to go */
	uv_timer_t retry; /* while requests wait for room on the host */
	bool full;
	bool closed;
	pthread_mutex_t lock;
	struct unit *gone; /* nobody uses them; under the lock */
};

struct unit {
	struct storage *storage;
	struct run_disk config;
	u32 controller;
	u32 number;	   /* the LUN */
	struct disk *disk; /* changed under the lock; NULL: an empty drive */
	struct lun lun;
	pthread_mutex_t lock;
	u32 users;  /* atomic: the controller's table and the workers */
	u32 parked; /* atomic: requests that wait for room on the host */
	/* A drive whose medium was taken out. */
	struct disk *leaving; /* the loop's; workers may still have queues */
	u32 disk_users;	      /* atomic: queues of the disk, or of leaving */
	bool guest_ejected;   /* atomic: by the guest, and not seen to yet */
	void (*ejected)(void *context); /* who waits for its end, or NULL */
	void *ejected_context;
	/* atomic */
	u64 reads;
	u64 writes;
	u64 read_bytes;
	u64 written_bytes;
	/* Who waits for the image to be closed, or NULL. */
	void (*done)(void *context);
	void *done_context;
	struct unit *next; /* in storage.gone */
};

struct port {
	struct controller *controller;
	struct port *next;
	struct bus_channel *channel; /* NULL: released */
	u16 index;		     /* 0: the primary */
	struct worker *worker;	     /* NULL: not open */
};

/* A reset under way: every worker ends its tasks that are covered. */
struct reset {
	bool busy;
	u32 number;  /* of resets so far */
	u32 waiting; /* workers that are not done */
	struct storage_reset what;
	struct storage_call call;
	struct worker *origin; /* answers at the end; NULL: is gone */
};

struct controller {
	struct storage *storage;
	u32 number;
	const char *name;
	struct port *ports; /* the primary first */
	bool rescinding;
	struct storage_vsp_shared vsp;
	pthread_mutex_t lock;
	struct unit *units[LUN_PER_CONTROLLER];
	struct reset reset;
};

/* What a worker is told to look at; bits of its calls. */
enum {
	CALL_STOP = 1 << 0,
	CALL_UNITS = 1 << 1,  /* the table of units changed */
	CALL_RETRY = 1 << 2,  /* there may be room on the host */
	CALL_RESET = 1 << 3,  /* a reset began or ended */
	CALL_NOTICE = 1 << 4, /* tell the guest to look for units */
	CALL_ANSWER = 1 << 5, /* sub-channels were offered */
	CALL_READ = 1 << 6,   /* what was left in the ring can be read now */
};

struct slot {
	struct unit *unit;	  /* NULL: none */
	struct disk_queue *queue; /* NULL: not used yet */
	bool leaving;		  /* no new requests */
	bool emptying;		  /* the medium was taken out of the drive */
	u32 under_way;		  /* tasks */
};

struct task {
	struct task *next;		    /* free, done or parked */
	struct task *next_active, **active; /* in worker.active */
	struct worker *worker;
	struct slot *slot; /* while it uses the unit */
	struct storage_srb srb;
	struct scsi_task scsi;
	bool submitted; /* the backend has it */
	bool parked;
	bool aborted;	/* by a reset, or its unit goes */
	bool resetting; /* the reset under way waits for it */
	u32 extent;	/* of an UNMAP */
	u64 done_bytes;
	u32 held_bytes; /* in worker.held_bytes */
	struct disk_request request;
	struct iovec chunk; /* of VERIFY and PATTERN */
	void *scratch;
	u32 iov_count;
	u8 *buffer; /* SCSI_BUFFER_BYTES; made when first needed */
	struct iovec iov[TASK_IOV_MAX];
};

struct worker {
	struct port *port;
	struct controller *controller;
	struct bus_channel *channel;
	struct machine *machine;
	struct channel_thread thread; /* its calls are CALL_ above */
	/* Between worker and loop: set by one, cleared by the other. */
	bool wants_sub_channels; /* atomic */
	u16 sub_channels;
	struct storage_call sub_call;
	u32 sub_status;

	struct storage_vsp vsp;
	u64 units;   /* a bit for each unit there is */
	u64 kicks;   /* a bit for each slot that has something to kick */
	u32 leaving; /* times that slots wait for their last request */
	bool stopping;
	bool stalled; /* the next packet waits for a call */
	bool waits_for_sub_channels;
	bool sub_answer_owed;
	bool reset_owed;  /* its answer, from this channel */
	u32 reset_number; /* the last that this worker heard of */
	u32 resetting;	  /* tasks that it waits for */
	bool reset_served;
	bool notice_owed;
	struct task *tasks;
	u32 fresh; /* of tasks that were never used, and have no memory yet */
	u32 held_bytes;
	struct task *free;
	struct task *active;
	struct task *done;
	struct task **done_last;
	struct task *parked;
	struct slot slots[LUN_PER_CONTROLLER];
	u8 packet[WORKER_PACKET_BYTES];
};

/* ---- storage.c ---- */

/* A worker has news for the loop. Any thread. */
void storage_wake(struct storage *storage);
/* The unit at a place (controller: RUN_DISK_IDE for those), or NULL; and what
 * is said when there is none: -ENOENT. On the loop. */
struct unit *unit_at(struct storage *storage, u32 controller, u32 lun);
int unit_missing(u32 controller, u32 lun, struct lis_error *error);
/* The controller in whose table it is. */
struct controller *unit_controller(const struct unit *unit);

/* ---- unit.c ---- */

/* Open the image; 0 or -errno with @error set. One use is the caller's. Any
 * thread. */
int unit_open(struct unit **unit, struct storage *storage,
	      const struct run_disk *config, struct lis_error *error);
void unit_take(struct unit *unit);
/* The last one to let go leaves it to the loop. Any thread. */
void unit_let_go(struct unit *unit);
/* Close the image and free it; on the loop. */
void unit_close(struct unit *unit);
/* Open the image that a unit is to have; 0 or -errno with @error set. Any
 * thread. */
int unit_disk_open(struct disk **disk, const struct run_disk *config,
		   struct lis_error *error);
/* Its path as administrators find it from anywhere. Returns 0 or -ENOMEM. */
int unit_path_set(struct run_disk *config, const char *path);

/* ---- medium.c ---- */

/* A queue of the unit's disk is to be opened (NULL: there is none), or was
 * closed. Any thread. */
struct disk *medium_take(struct unit *unit);
void medium_let_go(struct unit *unit);
/* The guest opened the tray. Any thread. */
void medium_guest_ejected(struct unit *unit);
/* See to what workers left of a unit; on the loop. */
void medium_look(struct unit *unit);

/* ---- controller.c ---- */

/* Make controller @number and offer it; NULL with @error set. */
struct controller *controller_make(struct storage *storage, u32 number,
				   struct lis_error *error);
/* Offer it anew if it is not. */
int controller_offer(struct controller *controller, struct lis_error *error);
/* Take the offer back; it comes anew when there is a unit again. */
void controller_withdraw(struct controller *controller);
/* Offer the sub-channels that a guest asked for. */
void controller_look(struct controller *controller);
/* Put a unit into the table, or (NULL) take it out, and tell the workers and
 * the guest. */
void controller_unit(struct controller *controller, u32 number,
		     struct unit *unit);
/* Have every worker look at @calls. */
void controller_call(struct controller *controller, u32 calls);
/* Tell the guest that something about the units is new. */
void controller_notice(struct controller *controller);
void controller_free(struct controller *controller);

/* Reset: begin one (false: another is under way), and have one worker less to
 * wait for in the one of that number. Any worker. */
bool controller_reset_begin(struct controller *controller,
			    const struct storage_reset *what,
			    const struct storage_call *call,
			    struct worker *origin);
void controller_reset_served(struct controller *controller, u32 number);

/* ---- worker.c ---- */

/* Start and stop a port's worker, on the loop. */
int worker_start(struct port *port, struct machine *machine);
void worker_stop(struct port *port);
/* Abort each task that @covers says yes to. */
void worker_tasks_abort(struct worker *worker,
			bool (*covers)(struct task *task, const void *context),
			const void *context);

/* ---- worker_slot.c: the way to the disks ---- */

/* The way to the task's unit, opened when it is first used; NULL: it cannot be.
 */
struct disk_queue *worker_queue(struct task *task);
/* Its queue has something for the kernel. */
void worker_kick_later(struct task *task);
/* Take units that came, and begin to let go of those that left. */
void worker_slots_look(struct worker *worker);
/* Close those that waited for the last request of theirs. */
void worker_slots_settle(struct worker *worker);
/* Let go of a unit that no request of ours uses any more. */
void worker_slot_close(struct worker *worker, struct slot *slot);
/* Tell the kernel of what tasks put into queues. */
void worker_slots_kick(struct worker *worker);

/* ---- task.c ---- */

/* Begin a request. It ends in worker_task_done. */
void task_begin(struct task *task, const struct storage_srb *srb,
		const struct packet_view *view);
/* Try again what waited for room. */
void task_retry(struct task *task);
/* End it early: by a reset, or because its unit goes. */
void task_abort(struct task *task);
/* Its answer can be sent (worker.c). */
void worker_task_done(struct task *task);
/* It waits for room on the host (worker.c). */
void worker_task_park(struct task *task);

#endif
