/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * medium.c - what is in a DVD drive, and how it gets in and out.
 *
 * A medium leaves in steps: the unit says that it is gone, and no new request
 * finds it; the workers end those that are under way and close their queues;
 * the image is closed. Only then another one comes in, so that no worker can
 * read from the wrong one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/device/storage_internal.h"

/* ---- workers ---- */

struct disk *medium_take(struct unit *unit)
{
	struct disk *disk;

	pthread_mutex_lock(&unit->lock);
	disk = unit->disk;
	if (disk)
		__atomic_fetch_add(&unit->disk_users, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&unit->lock);
	return disk;
}

void medium_let_go(struct unit *unit)
{
	if (__atomic_fetch_sub(&unit->disk_users, 1, __ATOMIC_ACQ_REL) == 1)
		storage_wake(unit->storage);
}

void medium_guest_ejected(struct unit *unit)
{
	__atomic_store_n(&unit->guest_ejected, true, __ATOMIC_RELEASE);
	storage_wake(unit->storage);
}

/* ---- out ---- */

static void tell(struct unit *unit, const char *kind, const char *text)
{
	struct storage_host *host = &unit->storage->host;

	host->event(host->context, kind, NULL, 0, text);
}

/* The unit's lock is held, and its SCSI state says that nothing is in it. */
static void leave(struct unit *unit)
{
	unit->leaving = unit->disk;
	unit->disk = NULL;
}

/* The last queue is closed: so can the image be. */
static void leave_end(struct unit *unit)
{
	void (*ejected)(void *context) = unit->ejected;

	if (!unit->leaving ||
	    __atomic_load_n(&unit->disk_users, __ATOMIC_ACQUIRE))
		return;
	disk_close(unit->leaving);
	unit->leaving = NULL;
	unit->config.path[0] = '\0';
	unit->ejected = NULL;
	if (ejected)
		ejected(unit->ejected_context);
}

/* The guest did it: whether there was something to take out. */
static bool guest_ejected(struct unit *unit)
{
	bool out;

	if (!__atomic_exchange_n(&unit->guest_ejected, false, __ATOMIC_ACQ_REL))
		return false;
	pthread_mutex_lock(&unit->lock);
	/* Another one may have come in meanwhile. */
	out = unit->disk && !unit->lun.medium;
	if (out)
		leave(unit);
	pthread_mutex_unlock(&unit->lock);
	return out;
}

void medium_look(struct unit *unit)
{
	char text[512];

	if (guest_ejected(unit)) {
		snprintf(text, sizeof(text), "the guest ejected %.300s",
			 unit->config.path);
		tell(unit, "disk-ejected", text);
		controller_call(unit_controller(unit), CALL_UNITS);
	}
	leave_end(unit);
}

static int drive_find(struct storage *storage, u32 controller, u32 lun,
		      struct unit **unit, struct lis_error *error)
{
	*unit = unit_at(storage, controller, lun);
	if (!*unit)
		return unit_missing(controller, lun, error);
	if (!(*unit)->config.dvd)
		return lis_error_set(error, EINVAL,
				     "%.300s is not in a DVD drive: a disk is "
				     "detached, not ejected",
				     (*unit)->config.path);
	return 0;
}

/* Have @ejected called when what is on its way out is closed. */
static int leave_wait(struct unit *unit, void (*ejected)(void *context),
		      void *context, struct lis_error *error)
{
	if (unit->ejected)
		return lis_error_set(error, EBUSY,
				     "somebody else empties the drive now: try "
				     "again");
	unit->ejected = ejected;
	unit->ejected_context = context;
	leave_end(unit);
	return 0;
}

/* Take it out, if the guest lets us. */
static int eject(struct unit *unit, bool force, struct lis_error *error)
{
	bool out;

	pthread_mutex_lock(&unit->lock);
	out = lun_remove(&unit->lun, force);
	if (out)
		leave(unit);
	pthread_mutex_unlock(&unit->lock);
	if (!out)
		return lis_error_set(
			error, EPERM,
			"the guest keeps the drive shut (it may "
			"have mounted what is in it), and was asked "
			"to eject: wait, unmount it there, or use "
			"force");
	controller_call(unit_controller(unit), CALL_UNITS);
	return 0;
}

int storage_eject(struct storage *storage, u32 controller, u32 lun, bool force,
		  void (*done)(void *context), void *context,
		  struct lis_error *error)
{
	char text[512];
	struct unit *unit;
	int code = drive_find(storage, controller, lun, &unit, error);

	if (code == 0 && unit->leaving)
		return leave_wait(unit, done, context, error);
	if (code == 0 && !unit->disk)
		code = lis_error_set(error, ENOMEDIUM,
				     "there is nothing in the drive");
	if (code == 0)
		code = eject(unit, force, error);
	if (code < 0)
		return code;
	snprintf(text, sizeof(text), "%.300s was ejected", unit->config.path);
	tell(unit, "disk-ejected", text);
	return leave_wait(unit, done, context, error);
}

/* ---- in ---- */

struct insert {
	uv_work_t work;
	struct storage *storage;
	u32 controller, lun;
	bool force;
	struct run_disk config;
	struct disk *disk; /* NULL: the unit has it, or it was not opened */
	int code;
	struct lis_error error;
	storage_inserted *done;
	void *context;
};

static void insert_end(struct insert *insert)
{
	insert->done(insert->context, insert->code, &insert->error);
	if (insert->disk)
		disk_close(insert->disk);
	run_disk_release(&insert->config);
	free(insert);
}

static void put_in(struct unit *unit, struct insert *insert)
{
	struct disk_info info;
	char text[512];
	char *format = unit->config.format;

	disk_info_get(insert->disk, &info);
	free(unit->config.path);
	unit->config.path = insert->config.path;
	unit->config.format = insert->config.format;
	insert->config.path = NULL;
	insert->config.format = format;
	pthread_mutex_lock(&unit->lock);
	unit->disk = insert->disk;
	lun_insert(&unit->lun, info.size_bytes);
	pthread_mutex_unlock(&unit->lock);
	insert->disk = NULL;
	snprintf(text, sizeof(text), "%.300s is in the DVD drive now",
		 unit->config.path);
	tell(unit, "disk-inserted", text);
}

/* The drive is empty, or is not there any more. */
static void insert_go(void *context)
{
	struct insert *insert = context;
	struct unit *unit;

	insert->code = drive_find(insert->storage, insert->controller,
				  insert->lun, &unit, &insert->error);
	if (insert->code == 0 && (unit->disk || unit->leaving))
		insert->code = lis_error_set(&insert->error, EBUSY,
					     "something else was put into the "
					     "drive meanwhile: try again");
	if (insert->code == 0)
		put_in(unit, insert);
	insert_end(insert);
}

static void insert_open(uv_work_t *work)
{
	struct insert *insert = work->data;

	insert->code =
		unit_disk_open(&insert->disk, &insert->config, &insert->error);
}

static void insert_opened(uv_work_t *work, int status)
{
	struct insert *insert = work->data;
	struct unit *unit;
	int code = 0;

	(void)status;
	if (insert->code == 0 && insert->storage->closed)
		insert->code = lis_error_set(&insert->error, ECANCELED,
					     "the VM ended meanwhile");
	if (insert->code == 0)
		insert->code = drive_find(insert->storage, insert->controller,
					  insert->lun, &unit, &insert->error);
	if (insert->code == 0 && (unit->disk || unit->leaving))
		/* When it succeeds, insert_go() has it, or had it already. */
		code = storage_eject(insert->storage, insert->controller,
				     insert->lun, insert->force, insert_go,
				     insert, &insert->error);
	else if (insert->code == 0)
		insert_go(insert);
	else
		code = insert->code;
	if (code < 0) {
		insert->code = code;
		insert_end(insert);
	}
}

void storage_insert_later(struct storage *storage, u32 controller, u32 lun,
			  const struct run_disk *config, bool force,
			  storage_inserted *done, void *context)
{
	struct insert *insert = calloc(1, sizeof(*insert));
	struct unit *unit;

	if (!insert) {
		struct lis_error error;

		done(context, lis_error_set(&error, ENOMEM, "out of memory"),
		     &error);
		return;
	}
	insert->work.data = insert;
	insert->storage = storage;
	insert->controller = controller;
	insert->lun = lun;
	insert->force = force;
	insert->done = done;
	insert->context = context;
	insert->code =
		drive_find(storage, controller, lun, &unit, &insert->error);
	if (insert->code == 0)
		insert->code =
			run_disk_copy(&insert->config, config, &insert->error);
	if (insert->code == 0 &&
	    unit_path_set(&insert->config, config->path) < 0)
		insert->code =
			lis_error_set(&insert->error, ENOMEM, "out of memory");
	if (insert->code < 0) {
		insert_end(insert);
		return;
	}
	insert->config.dvd = true;
	insert->config.cached = unit->config.cached;
	insert->config.iops = unit->config.iops;
	insert->config.bytes_per_second = unit->config.bytes_per_second;
	uv_queue_work(storage->host.loop, &insert->work, insert_open,
		      insert_opened);
}
