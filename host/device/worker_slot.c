/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <sys/epoll.h>

#include "host/device/storage_internal.h"

static void slot_queue_close(struct worker *worker, struct slot *slot)
{
	if (slot->queue) {
		channel_thread_unwatch(&worker->thread,
				       disk_queue_fd(slot->queue));
		disk_queue_close(slot->queue);
		medium_let_go(slot->unit);
	}
	slot->queue = NULL;
	worker->leaving -= slot->emptying;
	slot->emptying = false;
}

void worker_slot_close(struct worker *worker, struct slot *slot)
{
	slot_queue_close(worker, slot);
	unit_let_go(slot->unit);
	worker->leaving -= slot->leaving;
	*slot = (struct slot){ 0 };
}

struct disk_queue *worker_queue(struct task *task)
{
	struct worker *worker = task->worker;
	struct slot *slot = task->slot;
	struct lis_error error;
	struct disk *disk;

	if (slot->queue)
		return slot->queue;
	disk = medium_take(slot->unit);
	if (!disk)
		return NULL;
	if (disk_queue_open(&slot->queue, disk, &error) < 0) {
		slot->queue = NULL;
		medium_let_go(slot->unit);
	} else {
		channel_thread_watch(&worker->thread,
				     disk_queue_fd(slot->queue), EPOLLIN,
				     (u64)(slot - worker->slots));
	}
	return slot->queue;
}

static bool uses_slot(struct task *task, const void *context)
{
	return task->slot == context;
}

/* A queue of a medium that was taken out ends with its last request. */
static void slot_empty(struct worker *worker, struct slot *slot)
{
	bool empty;

	if (!slot->queue)
		return;
	pthread_mutex_lock(&slot->unit->lock);
	empty = !slot->unit->disk;
	pthread_mutex_unlock(&slot->unit->lock);
	if (!empty)
		return;
	if (!slot->emptying) {
		slot->emptying = true;
		worker->leaving++;
		worker_tasks_abort(worker, uses_slot, slot);
	}
	if (!slot->under_way)
		slot_queue_close(worker, slot);
}

static void slot_look(struct worker *worker, u32 number)
{
	struct controller *controller = worker->controller;
	struct slot *slot = &worker->slots[number];
	struct unit *unit;

	pthread_mutex_lock(&controller->lock);
	unit = worker->stopping ? NULL : controller->units[number];
	if (unit && unit != slot->unit)
		unit_take(unit);
	pthread_mutex_unlock(&controller->lock);
	if (unit == slot->unit) {
		if (unit)
			slot_empty(worker, slot);
		return;
	}
	if (slot->unit && !slot->leaving) {
		slot->leaving = true;
		worker->leaving++;
		worker->units &= ~(1ull << number);
		worker_tasks_abort(worker, uses_slot, slot);
	}
	if (slot->unit && !slot->under_way)
		worker_slot_close(worker, slot);
	if (!unit)
		return;
	if (slot->unit) {
		/* Once more when the one before has gone. */
		unit_let_go(unit);
		return;
	}
	slot->unit = unit;
	worker->units |= 1ull << number;
}

void worker_slots_look(struct worker *worker)
{
	for (u32 i = 0; i < LUN_PER_CONTROLLER; i++)
		slot_look(worker, i);
}

void worker_slots_settle(struct worker *worker)
{
	for (u32 i = 0; worker->leaving && i < LUN_PER_CONTROLLER; i++)
		if ((worker->slots[i].leaving || worker->slots[i].emptying) &&
		    !worker->slots[i].under_way)
			slot_look(worker, i);
}

void worker_kick_later(struct task *task)
{
	struct worker *worker = task->worker;

	worker->kicks |= 1ull << (task->slot - worker->slots);
}

void worker_slots_kick(struct worker *worker)
{
	u64 kicks = worker->kicks;

	worker->kicks = 0;
	while (kicks) {
		struct slot *slot = &worker->slots[__builtin_ctzll(kicks)];

		kicks &= kicks - 1;
		if (!slot->queue)
			continue;
		disk_kick(slot->queue);
		/* Some are done by now. */
		disk_reap(slot->queue);
	}
}
