/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "host/device/storage_internal.h"

/* ---- tasks ---- */

static struct task *task_take(struct worker *worker)
{
	struct task *task = worker->free;

	if (task) {
		worker->free = task->next;
	} else {
		task = &worker->tasks[worker->fresh++];
		task->worker = worker;
	}
	task->next = NULL;
	task->parked = false;
	task->resetting = false;
	task->next_active = worker->active;
	if (worker->active)
		worker->active->active = &task->next_active;
	task->active = &worker->active;
	worker->active = task;
	return task;
}

static bool task_left(const struct worker *worker)
{
	return worker->free || worker->fresh < WORKER_TASKS;
}

static void task_give(struct worker *worker, struct task *task)
{
	task->next = worker->free;
	worker->free = task;
}

void worker_task_done(struct task *task)
{
	struct worker *worker = task->worker;

	*task->active = task->next_active;
	if (task->next_active)
		task->next_active->active = task->active;
	if (task->resetting)
		worker->resetting--;
	task->next = NULL;
	*worker->done_last = task;
	worker->done_last = &task->next;
}

void worker_task_park(struct task *task)
{
	struct worker *worker = task->worker;
	struct unit *unit = task->slot->unit;

	task->parked = true;
	task->next = worker->parked;
	worker->parked = task;
	__atomic_fetch_add(&unit->parked, 1, __ATOMIC_RELEASE);
	storage_wake(unit->storage);
}

/* All that are parked, or those that were aborted, go on. */
static void parked_go_on(struct worker *worker, bool all)
{
	struct task *task = worker->parked;

	if (!task)
		return;
	worker->parked = NULL;
	while (task) {
		struct task *next = task->next;
		struct unit *unit = task->slot->unit;

		if (all || task->aborted) {
			task->parked = false;
			__atomic_fetch_sub(&unit->parked, 1, __ATOMIC_RELEASE);
			task_retry(task);
		} else {
			task->next = worker->parked;
			worker->parked = task;
		}
		task = next;
	}
	storage_wake(worker->controller->storage);
}

void worker_tasks_abort(struct worker *worker,
			bool (*covers)(struct task *task, const void *context),
			const void *context)
{
	struct task *task, *next;

	for (task = worker->active; task; task = next) {
		next = task->next_active;
		if (covers(task, context))
			task_abort(task);
	}
	parked_go_on(worker, false);
}

/* ---- resets ---- */

static bool reset_covers(struct task *task, const void *context)
{
	return storage_reset_covers(context, &task->srb);
}

static void reset_look(struct worker *worker)
{
	struct controller *controller = worker->controller;
	struct storage_reset what;
	bool news;

	pthread_mutex_lock(&controller->lock);
	news = controller->reset.busy &&
	       controller->reset.number != worker->reset_number;
	worker->reset_number = controller->reset.number;
	what = controller->reset.what;
	pthread_mutex_unlock(&controller->lock);
	worker->stalled = false;
	if (!news)
		return;
	worker->reset_served = false;
	for (struct task *task = worker->active; task; task = task->next_active)
		/* One whose origin left may have marked some already. */
		if (!task->resetting &&
		    storage_reset_covers(&what, &task->srb)) {
			task->resetting = true;
			worker->resetting++;
		}
	worker_tasks_abort(worker, reset_covers, &what);
}

/* The answer to a reset, or to a request for sub-channels. */
static void answer_send(struct worker *worker, const struct storage_call *call,
			u32 nt_status)
{
	u8 bytes[STORAGE_PACKET_BYTES];
	struct ring_vec vec = { bytes,
				storage_vsp_answer(call, nt_status, bytes) };
	struct packet_out packet = {
		.type = PACKET_COMPLETION,
		.transaction_id = call->transaction_id,
		.vec = &vec,
		.vec_count = 1,
	};

	bus_channel_send(worker->channel, &packet);
}

static void reset_units(struct worker *worker, const struct storage_reset *what)
{
	for (u32 i = 0; i < LUN_PER_CONTROLLER; i++) {
		struct unit *unit = worker->slots[i].unit;

		if (!unit || (!what->all && what->unit != i))
			continue;
		pthread_mutex_lock(&unit->lock);
		lun_reset(&unit->lun,
			  what->all ? LUN_BUS_RESET : LUN_DEVICE_RESET);
		pthread_mutex_unlock(&unit->lock);
	}
}

static bool room_for_answer(struct worker *worker)
{
	return bus_channel_room(worker->channel,
				packet_ring_bytes(0, STORAGE_PACKET_BYTES));
}

/* Take part in the reset under way; end it when all have, and it is ours. */
static void reset_settle(struct worker *worker)
{
	struct controller *controller = worker->controller;
	struct reset *reset = &controller->reset;
	bool over;

	if (!worker->reset_served && !worker->resetting) {
		worker->reset_served = true;
		controller_reset_served(controller, worker->reset_number);
	}
	if (!worker->reset_owed)
		return;
	pthread_mutex_lock(&controller->lock);
	over = !reset->waiting;
	pthread_mutex_unlock(&controller->lock);
	if (!over || worker->done || !room_for_answer(worker))
		return;
	/* Nobody else touches a reset whose origin this is. */
	reset_units(worker, &reset->what);
	answer_send(worker, &reset->call, STORAGE_NT_SUCCESS);
	worker->reset_owed = false;
	pthread_mutex_lock(&controller->lock);
	reset->busy = false;
	reset->origin = NULL;
	pthread_mutex_unlock(&controller->lock);
	controller_call(controller, CALL_RESET);
}

/* ---- packets ---- */

static bool answered(struct worker *worker, struct task *task)
{
	u8 bytes[STORAGE_PACKET_BYTES];
	struct ring_vec vec = { bytes, 0 };
	struct packet_out packet = {
		.type = PACKET_COMPLETION,
		.transaction_id = task->srb.call.transaction_id,
		.vec = &vec,
		.vec_count = 1,
	};

	vec.size_bytes =
		storage_vsp_complete(&task->srb, &task->scsi.result, bytes);
	return bus_channel_send(worker->channel, &packet) == VMBUS_OK;
}

/* Answer what is done; false: the ring is full. */
static bool done_send(struct worker *worker)
{
	while (worker->done) {
		struct task *task = worker->done;

		if (!answered(worker, task))
			return false;
		worker->done = task->next;
		if (!worker->done)
			worker->done_last = &worker->done;
		task_give(worker, task);
	}
	return true;
}

static void notice_send(struct worker *worker)
{
	u8 bytes[STORAGE_PACKET_BYTES];
	struct ring_vec vec = { bytes, 0 };
	struct packet_out packet = {
		.type = PACKET_DATA_INBAND,
		.vec = &vec,
		.vec_count = 1,
	};

	if (!worker->notice_owed || !room_for_answer(worker))
		return;
	worker->notice_owed = false;
	vec.size_bytes =
		storage_vsp_notice(&worker->vsp, STORAGE_ENUMERATE_BUS, bytes);
	if (vec.size_bytes)
		bus_channel_send(worker->channel, &packet);
}

static void sub_channels_answer(struct worker *worker)
{
	if (!worker->sub_answer_owed || !room_for_answer(worker))
		return;
	answer_send(worker, &worker->sub_call, worker->sub_status);
	worker->sub_answer_owed = false;
	worker->waits_for_sub_channels = false;
}

static void action_answer(struct worker *worker,
			  const struct storage_vsp_action *action)
{
	struct ring_vec vec = { action->packet, action->packet_bytes };
	struct packet_out packet = {
		.type = PACKET_COMPLETION,
		.transaction_id = action->call.transaction_id,
		.vec = &vec,
		.vec_count = 1,
	};

	bus_channel_send(worker->channel, &packet);
	if (action->ready)
		controller_call(worker->controller, CALL_READ);
}

static void action_sub_channels(struct worker *worker,
				const struct storage_vsp_action *action)
{
	worker->sub_channels = action->sub_channels;
	worker->sub_call = action->call;
	worker->waits_for_sub_channels = true;
	__atomic_store_n(&worker->wants_sub_channels, true, __ATOMIC_RELEASE);
	storage_wake(worker->controller->storage);
}

static bool action_reset(struct worker *worker,
			 const struct storage_vsp_action *action)
{
	if (!controller_reset_begin(worker->controller, &action->reset,
				    &action->call, worker)) {
		worker->stalled = true;
		return false;
	}
	worker->reset_owed = true;
	return true;
}

static bool can_take(const struct worker *worker)
{
	return task_left(worker) && worker->held_bytes < WORKER_HELD_BYTES &&
	       !worker->stalled && !worker->waits_for_sub_channels &&
	       !worker->reset_owed;
}

/* Take one packet; false: none, or none can be taken now. */
static bool packet_take(struct worker *worker)
{
	struct storage_vsp_action action;
	struct packet_view view;
	enum vmbus_status status;
	struct storage_srb srb;

	if (!can_take(worker) || !room_for_answer(worker))
		return false;
	if (bus_channel_receive(worker->channel, &view, worker->packet,
				sizeof(worker->packet)) != VMBUS_OK)
		return false;
	status = storage_vsp_receive(&worker->vsp, &view, &srb, &action);
	if (status == VMBUS_NOT_READY) {
		worker->stalled = true;
		return false;
	}
	if (status != VMBUS_OK) {
		bus_channel_fail(worker->channel, status);
		return false;
	}
	switch (action.step) {
	case STORAGE_VSP_ANSWER:
		action_answer(worker, &action);
		break;
	case STORAGE_VSP_SRB:
		task_begin(task_take(worker), &srb, &view);
		break;
	case STORAGE_VSP_SUB_CHANNELS:
		action_sub_channels(worker, &action);
		break;
	case STORAGE_VSP_RESET:
		if (!action_reset(worker, &action))
			return false;
		break;
	}
	bus_channel_done(worker->channel, &view);
	return true;
}

/* All that can be done now; true: there is more at once. */
static bool turn(struct worker *worker)
{
	bool more;

	if (!bus_channel_open(worker->channel))
		return false;
	bus_channel_mask(worker->channel);
	sub_channels_answer(worker);
	if (done_send(worker))
		while (packet_take(worker))
			;
	worker_slots_kick(worker);
	done_send(worker);
	reset_settle(worker);
	notice_send(worker);
	worker_slots_settle(worker);
	bus_channel_release(worker->channel);
	bus_channel_flush(worker->channel);
	more = bus_channel_unmask(worker->channel);
	return more && !worker->done && can_take(worker) &&
	       room_for_answer(worker);
}

/* ---- the thread ---- */

static void calls_take(struct worker *worker, u32 calls)
{
	if (calls & CALL_STOP)
		worker->stopping = true;
	if (calls & CALL_READ)
		worker->stalled = false;
	if (calls & CALL_UNITS)
		worker_slots_look(worker);
	if (calls & CALL_RETRY)
		parked_go_on(worker, true);
	if (calls & CALL_RESET)
		reset_look(worker);
	if (calls & CALL_NOTICE)
		worker->notice_owed = true;
	if (calls & CALL_ANSWER)
		worker->sub_answer_owed = true;
}

/* A disk's queue has something done. */
static void queue_ready(void *context, u64 number, u32 events)
{
	struct worker *worker = context;

	(void)events;
	if (worker->slots[number].queue)
		disk_reap(worker->slots[number].queue);
}

static void events_take(struct worker *worker, int timeout_ms)
{
	calls_take(worker, channel_thread_wait(&worker->thread, timeout_ms,
					       queue_ready, worker));
}

static bool any_task(struct task *task, const void *context)
{
	(void)task;
	(void)context;
	return true;
}

/* End what is under way: the guest's memory is not ours any more after it. */
static void drain(struct worker *worker)
{
	worker_tasks_abort(worker, any_task, NULL);
	while (worker->active) {
		worker_slots_kick(worker);
		if (worker->active)
			events_take(worker, -1);
		/* What found no room meanwhile. */
		worker_tasks_abort(worker, any_task, NULL);
	}
	for (u32 i = 0; i < LUN_PER_CONTROLLER; i++)
		if (worker->slots[i].unit)
			worker_slot_close(worker, &worker->slots[i]);
}

static void *body(void *context)
{
	struct worker *worker = context;
	bool more = true;

	worker_slots_look(worker);
	while (!worker->stopping) {
		more = turn(worker);
		events_take(worker, more ? 0 : -1);
	}
	drain(worker);
	return NULL;
}

/* ---- start and stop ---- */

static void worker_free(struct worker *worker)
{
	channel_thread_release(&worker->thread);
	for (u32 i = 0; i < worker->fresh; i++)
		free(worker->tasks[i].buffer);
	free(worker->tasks);
	free(worker);
}

static struct worker *worker_make(struct port *port, struct machine *machine)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return NULL;
	worker->port = port;
	worker->controller = port->controller;
	worker->channel = port->channel;
	worker->machine = machine;
	worker->done_last = &worker->done;
	worker->reset_served = true;
	worker->tasks = calloc(WORKER_TASKS, sizeof(*worker->tasks));
	if (!worker->tasks ||
	    channel_thread_init(&worker->thread, port->channel) < 0) {
		free(worker->tasks);
		free(worker);
		return NULL;
	}
	storage_vsp_init(&worker->vsp, &port->controller->vsp, !port->index);
	return worker;
}

int worker_start(struct port *port, struct machine *machine)
{
	struct controller *controller = port->controller;
	struct worker *worker = worker_make(port, machine);
	int code;

	if (!worker)
		return -ENOMEM;
	pthread_mutex_lock(&controller->lock);
	/* A reset under way is not this one's. */
	worker->reset_number = controller->reset.number;
	port->worker = worker;
	pthread_mutex_unlock(&controller->lock);
	code = channel_thread_start(&worker->thread, body, worker);
	if (code < 0) {
		pthread_mutex_lock(&controller->lock);
		port->worker = NULL;
		pthread_mutex_unlock(&controller->lock);
		worker_free(worker);
	}
	return code;
}

/* Nobody waits for one that has gone, and its own reset is nobody's. */
static void reset_leave(struct worker *worker)
{
	struct controller *controller = worker->controller;
	struct reset *reset = &controller->reset;
	u32 number;
	bool served;

	pthread_mutex_lock(&controller->lock);
	worker->port->worker = NULL;
	number = reset->number;
	served = worker->reset_served && worker->reset_number == number;
	if (reset->origin == worker) {
		reset->busy = false;
		reset->origin = NULL;
	}
	pthread_mutex_unlock(&controller->lock);
	if (!served)
		controller_reset_served(controller, number);
	controller_call(controller, CALL_RESET);
}

void worker_stop(struct port *port)
{
	struct worker *worker = port->worker;

	if (!worker)
		return;
	channel_thread_call(&worker->thread, CALL_STOP);
	channel_thread_join(&worker->thread);
	reset_leave(worker);
	worker_free(worker);
}
