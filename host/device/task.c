/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/device/guest_memory.h"
#include "host/device/storage_internal.h"

/* Of one step of a VERIFY or a WRITE SAME with a pattern. */
#define CHUNK_BYTES (256u << 10)

static void counter_add(u64 *counter, u64 more)
{
	__atomic_fetch_add(counter, more, __ATOMIC_RELAXED);
}

/* ---- the end ---- */

static void task_end(struct task *task)
{
	if (task->slot)
		task->slot->under_way--;
	task->slot = NULL;
	free(task->scratch);
	task->scratch = NULL;
	task->worker->held_bytes -= task->held_bytes;
	worker_task_done(task);
}

static void task_fail(struct task *task, enum scsi_error error)
{
	scsi_finish(&task->scsi, error, task->done_bytes);
	task_end(task);
}

static enum scsi_error error_of(int error)
{
	switch (error) {
	case 0:
		return SCSI_OK;
	case -ENOSPC:
	case -EDQUOT:
		return SCSI_E_NO_SPACE;
	case -EROFS:
	case -EPERM:
	case -EACCES:
		return SCSI_E_READ_ONLY;
	case -ENOTCONN:
	case -ENODEV:
	case -ENXIO:
		return SCSI_E_OFFLINE;
	case -EAGAIN:
	case -ENOMEM:
		return SCSI_E_BUSY;
	case -ECANCELED:
		return SCSI_E_ABORTED;
	case -EFAULT:
		return SCSI_E_GUEST_MEMORY;
	case -EIO:
		return SCSI_E_MEDIUM;
	default:
		return SCSI_E_IO;
	}
}

/* ---- the medium ---- */

static void block_step(struct task *task);

static bool waits_for_room(const struct task *task, int error)
{
	return (error == -ENOSPC || error == -EDQUOT) && !task->aborted &&
	       task->scsi.block.op != SCSI_READ &&
	       task->scsi.block.op != SCSI_VERIFY;
}

static void block_done(struct disk_request *request, int error)
{
	struct task *task = request->context;

	task->submitted = false;
	if (waits_for_room(task, error)) {
		worker_task_park(task);
	} else if (task->aborted) {
		task_fail(task, SCSI_E_ABORTED);
	} else if (error) {
		task_fail(task, error_of(error));
	} else {
		task->done_bytes += request->size_bytes;
		task->extent++;
		block_step(task);
	}
}

static void block_submit(struct task *task, enum disk_op op, u64 offset_bytes,
			 u64 size_bytes, const struct iovec *iov, u32 iov_count)
{
	struct disk_request *request = &task->request;
	const struct scsi_block *block = &task->scsi.block;

	request->op = op;
	request->flags = 0;
	if (block->fua && op != DISK_READ && op != DISK_FLUSH)
		request->flags |= DISK_FUA;
	if (op == DISK_ZERO && block->may_unmap)
		request->flags |= DISK_MAY_UNMAP;
	request->offset_bytes = offset_bytes;
	request->size_bytes = size_bytes;
	request->iov = iov;
	request->iov_count = iov_count;
	request->done = block_done;
	request->context = task;
	task->submitted = true;
	worker_kick_later(task);
	disk_submit(task->slot->queue, request);
}

static void hold(struct task *task, u32 bytes)
{
	task->held_bytes += bytes;
	task->worker->held_bytes += bytes;
}

/* A piece of the range through memory of our own. */
static void chunk_submit(struct task *task, enum disk_op op)
{
	const struct scsi_block *block = &task->scsi.block;
	u64 left = block->size_bytes - task->done_bytes;

	if (!task->scratch) {
		task->scratch = aligned_alloc(MACHINE_PAGE_BYTES, CHUNK_BYTES);
		if (!task->scratch) {
			task_fail(task, SCSI_E_BUSY);
			return;
		}
		hold(task, CHUNK_BYTES);
		for (u32 at = 0; op == DISK_WRITE && at < CHUNK_BYTES;
		     at += block->pattern_bytes)
			memcpy((u8 *)task->scratch + at, task->buffer,
			       block->pattern_bytes);
	}
	task->chunk.iov_base = task->scratch;
	task->chunk.iov_len = left < CHUNK_BYTES ? left : CHUNK_BYTES;
	block_submit(task, op, block->offset_bytes + task->done_bytes,
		     task->chunk.iov_len, &task->chunk, 1);
}

static void extent_submit(struct task *task)
{
	struct scsi_extent extent = scsi_extent(&task->scsi, task->extent);

	block_submit(task, DISK_UNMAP, extent.offset_bytes, extent.size_bytes,
		     NULL, 0);
}

static bool block_finished(const struct task *task)
{
	const struct scsi_block *block = &task->scsi.block;

	switch (block->op) {
	case SCSI_UNMAP:
		return task->extent >= block->extent_count;
	case SCSI_FLUSH:
		return task->extent > 0;
	default:
		return task->done_bytes >= block->size_bytes;
	}
}

/* The next part of the work, or its end. */
static void block_step(struct task *task)
{
	const struct scsi_block *block = &task->scsi.block;
	bool only_flush = block->fua && !block->size_bytes && !task->extent;

	if (block_finished(task) && !only_flush) {
		task_fail(task, SCSI_OK);
		return;
	}
	if (task->aborted) {
		task_fail(task, SCSI_E_ABORTED);
		return;
	}
	switch (only_flush ? SCSI_FLUSH : block->op) {
	case SCSI_READ:
		block_submit(task, DISK_READ, block->offset_bytes,
			     block->size_bytes, task->iov, task->iov_count);
		break;
	case SCSI_WRITE:
		block_submit(task, DISK_WRITE, block->offset_bytes,
			     block->size_bytes, task->iov, task->iov_count);
		break;
	case SCSI_FLUSH:
		block_submit(task, DISK_FLUSH, 0, 0, NULL, 0);
		break;
	case SCSI_VERIFY:
		chunk_submit(task, DISK_READ);
		break;
	case SCSI_PATTERN:
		chunk_submit(task, DISK_WRITE);
		break;
	case SCSI_ZERO:
		block_submit(task, DISK_ZERO, block->offset_bytes,
			     block->size_bytes, NULL, 0);
		break;
	case SCSI_UNMAP:
		extent_submit(task);
		break;
	}
}

/* What a read or a write moves is as long as the pieces are. */
static bool iov_trim(struct task *task, u64 bytes)
{
	for (u32 i = 0; i < task->iov_count; i++) {
		if (task->iov[i].iov_len >= bytes) {
			task->iov[i].iov_len = bytes;
			task->iov_count = i + 1;
			return true;
		}
		bytes -= task->iov[i].iov_len;
	}
	return false;
}

static void block_begin(struct task *task)
{
	const struct scsi_block *block = &task->scsi.block;
	struct unit *unit = task->slot->unit;
	bool moves = block->op == SCSI_READ || block->op == SCSI_WRITE;

	if (!worker_queue(task)) {
		task_fail(task, SCSI_E_OFFLINE);
		return;
	}
	if (moves && block->size_bytes && !iov_trim(task, block->size_bytes)) {
		task_fail(task, SCSI_E_GUEST_MEMORY);
		return;
	}
	if (block->op == SCSI_READ) {
		counter_add(&unit->reads, 1);
		counter_add(&unit->read_bytes, block->size_bytes);
	} else if (block->op == SCSI_WRITE) {
		counter_add(&unit->writes, 1);
		counter_add(&unit->written_bytes, block->size_bytes);
	}
	block_step(task);
}

void task_retry(struct task *task)
{
	block_step(task);
}

void task_abort(struct task *task)
{
	if (task->aborted)
		return;
	task->aborted = true;
	if (!task->submitted)
		return;
	disk_cancel(task->slot->queue, &task->request);
	/* The queue's own round trip to the kernel carries it. */
	worker_kick_later(task);
}

/* ---- the command ---- */

static enum scsi_step command_step(struct task *task,
				   enum scsi_step (*step)(struct lun *lun,
							  struct scsi_task *t))
{
	struct unit *unit = task->slot ? task->slot->unit : NULL;
	enum scsi_step next;

	if (!unit)
		return step(NULL, &task->scsi);
	pthread_mutex_lock(&unit->lock);
	next = step(&unit->lun, &task->scsi);
	pthread_mutex_unlock(&unit->lock);
	return next;
}

static enum scsi_step data_take(struct task *task)
{
	/* The engine asks for no more than the guest gave. */
	guest_memory_read(task->iov, task->iov_count, task->buffer,
			  task->scsi.data_bytes);
	return command_step(task, scsi_data);
}

static void command_begin(struct task *task)
{
	enum scsi_step step;

	if (!task->buffer)
		task->buffer = aligned_alloc(64, SCSI_BUFFER_BYTES);
	if (!task->buffer) {
		task_fail(task, SCSI_E_BUSY);
		return;
	}
	task->scsi.buffer = task->buffer;
	step = command_step(task, scsi_begin);
	if (task->scsi.notice & SCSI_NOTICE_EJECT)
		medium_guest_ejected(task->slot->unit);
	if (step == SCSI_STEP_DATA)
		step = data_take(task);
	if (step == SCSI_STEP_BLOCK) {
		block_begin(task);
		return;
	}
	/* A guest may leave the direction open. */
	if (task->scsi.direction != STORAGE_DATA_OUT)
		guest_memory_write(task->iov, task->iov_count, task->buffer,
				   task->scsi.data_bytes);
	task_end(task);
}

static struct slot *slot_of(struct worker *worker, u8 number)
{
	struct slot *slot;

	if (number >= LUN_PER_CONTROLLER)
		return NULL;
	slot = &worker->slots[number];
	return slot->unit && !slot->leaving ? slot : NULL;
}

void task_begin(struct task *task, const struct storage_srb *srb,
		const struct packet_view *view)
{
	struct worker *worker = task->worker;

	task->srb = *srb;
	task->extent = 0;
	task->done_bytes = 0;
	task->aborted = false;
	task->submitted = false;
	task->iov_count = 0;
	task->held_bytes = 0;
	hold(task, srb->transfer_bytes);
	storage_srb_task(srb, &task->scsi);
	task->scsi.nexus = (u8)worker->controller->number;
	task->scsi.units = worker->units;
	task->scsi.buffer = task->buffer;
	task->slot = slot_of(worker, srb->unit);
	if (task->slot)
		task->slot->under_way++;
	if (srb->transfer_bytes &&
	    !guest_memory_map(worker->machine, view, srb->transfer_bytes,
			      task->iov, TASK_IOV_MAX, &task->iov_count)) {
		task_fail(task, SCSI_E_GUEST_MEMORY);
		return;
	}
	if (task->slot && scsi_begin_io(&task->slot->unit->lun, &task->scsi))
		block_begin(task);
	else
		command_begin(task);
}
