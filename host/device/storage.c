/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/device/storage_internal.h"

/* ---- what workers leave ---- */

void storage_wake(struct storage *storage)
{
	uv_async_send(&storage->wake);
}

static void gone_close(struct storage *storage)
{
	struct unit *unit;

	pthread_mutex_lock(&storage->lock);
	unit = storage->gone;
	storage->gone = NULL;
	pthread_mutex_unlock(&storage->lock);
	while (unit) {
		struct unit *next = unit->next;

		unit_close(unit);
		unit = next;
	}
}

static struct unit *unit_next(struct storage *storage, u32 *place)
{
	for (; *place < CONTROLLERS * LUN_PER_CONTROLLER; (*place)++) {
		struct controller *controller =
			storage->controllers[*place / LUN_PER_CONTROLLER];
		struct unit *unit =
			controller
				? controller->units[*place % LUN_PER_CONTROLLER]
				: NULL;

		if (unit) {
			(*place)++;
			return unit;
		}
	}
	return NULL;
}

static bool parked(const struct unit *unit)
{
	return __atomic_load_n(&unit->parked, __ATOMIC_ACQUIRE);
}

static void full_tell(struct storage *storage, const struct unit *unit)
{
	struct storage_host *host = &storage->host;
	char text[512];

	snprintf(text, sizeof(text),
		 "the host has no room for what the guest writes to %.300s: "
		 "the VM is paused until there is some",
		 unit->config.path);
	host->event(host->context, "disk-full", NULL, 0, text);
	host->full(host->context, true);
}

static void room_tell(struct storage *storage)
{
	struct storage_host *host = &storage->host;

	host->event(host->context, "disk-room", NULL, 0,
		    "there is room for the guest's writes again");
	host->full(host->context, false);
}

static void retry_due(uv_timer_t *timer);

/* Whether requests wait for room, and what that means for the VM. */
static void full_look(struct storage *storage)
{
	struct unit *unit;
	u32 place = 0;

	do
		unit = unit_next(storage, &place);
	while (unit && !parked(unit));
	if (unit && !storage->full) {
		storage->full = true;
		full_tell(storage, unit);
	}
	if (unit && !uv_is_active((uv_handle_t *)&storage->retry))
		uv_timer_start(&storage->retry, retry_due, RETRY_MS, 0);
}

/* Nothing waits any more when a whole turn of retries has brought nothing
 * back. */
static void full_end(struct storage *storage)
{
	u32 place = 0;
	struct unit *unit;

	while ((unit = unit_next(storage, &place)))
		if (parked(unit))
			return;
	if (!storage->full)
		return;
	storage->full = false;
	room_tell(storage);
}

void storage_retry(struct storage *storage)
{
	for (u32 i = 0; i < CONTROLLERS; i++)
		if (storage->controllers[i])
			controller_call(storage->controllers[i], CALL_RETRY);
}

static void retry_due(uv_timer_t *timer)
{
	struct storage *storage = timer->data;

	/* Whatever was tried at the last turn and failed is parked again. */
	full_end(storage);
	if (!storage->full)
		return;
	storage_retry(storage);
	uv_timer_start(&storage->retry, retry_due, RETRY_MS, 0);
}

static void woken(uv_async_t *async)
{
	struct storage *storage = async->data;

	struct unit *unit;
	u32 place = 0;

	for (u32 i = 0; i < CONTROLLERS; i++)
		if (storage->controllers[i])
			controller_look(storage->controllers[i]);
	while ((unit = unit_next(storage, &place)))
		medium_look(unit);
	full_look(storage);
	gone_close(storage);
}

/* ---- life ---- */

int storage_create(struct storage **result, const struct storage_host *host,
		   struct lis_error *error)
{
	struct storage *storage = calloc(1, sizeof(*storage));

	if (!storage)
		return lis_error_set(error, ENOMEM, "out of memory");
	storage->host = *host;
	pthread_mutex_init(&storage->lock, NULL);
	uv_async_init(host->loop, &storage->wake, woken);
	storage->wake.data = storage;
	uv_timer_init(host->loop, &storage->retry);
	storage->retry.data = storage;
	*result = storage;
	return 0;
}

/* A machine that begins: the units are as after power-on, and a controller
 * whose channel the guest before broke is offered again. */
static void controller_begin(struct controller *controller)
{
	struct lis_error error;

	for (u32 i = 0; i < LUN_PER_CONTROLLER; i++) {
		struct unit *unit = controller->units[i];

		if (!unit)
			continue;
		pthread_mutex_lock(&unit->lock);
		lun_reset(&unit->lun, LUN_POWER_ON);
		pthread_mutex_unlock(&unit->lock);
	}
	controller_offer(controller, &error);
}

void storage_machine(struct storage *storage, struct machine *machine)
{
	storage->machine = machine;
	for (u32 i = 0; machine && i < CONTROLLERS; i++)
		if (storage->controllers[i])
			controller_begin(storage->controllers[i]);
	if (!machine)
		full_end(storage);
}

void storage_close(struct storage *storage)
{
	storage->closed = true;
	for (u32 i = 0; i < CONTROLLERS; i++) {
		struct controller *controller = storage->controllers[i];

		for (u32 j = 0; controller && j < LUN_PER_CONTROLLER; j++)
			if (controller->units[j])
				controller_unit(controller, j, NULL);
	}
	gone_close(storage);
	uv_close((uv_handle_t *)&storage->wake, NULL);
	uv_close((uv_handle_t *)&storage->retry, NULL);
}

void storage_free(struct storage *storage)
{
	if (!storage)
		return;
	for (u32 i = 0; i < CONTROLLERS; i++)
		if (storage->controllers[i])
			controller_free(storage->controllers[i]);
	pthread_mutex_destroy(&storage->lock);
	free(storage);
}

/* ---- disks ---- */

/* The controller of a place and the number in it; an IDE disk has a controller
 * of its own. */
static u32 controller_of(u32 controller, u32 lun)
{
	return controller == RUN_DISK_IDE ? RUN_DISK_IDE + lun : controller;
}

static u32 number_of(u32 controller, u32 lun)
{
	return controller == RUN_DISK_IDE ? 0 : lun;
}

struct unit *unit_at(struct storage *storage, u32 controller, u32 lun)
{
	struct controller *found;

	if (controller > RUN_DISK_IDE || lun >= RUN_DISK_LUNS_MAX ||
	    (controller == RUN_DISK_IDE && lun >= RUN_DISK_IDE_MAX))
		return NULL;
	found = storage->controllers[controller_of(controller, lun)];
	return found ? found->units[number_of(controller, lun)] : NULL;
}

struct controller *unit_controller(const struct unit *unit)
{
	return unit->storage
		->controllers[controller_of(unit->controller, unit->number)];
}

static bool lun_find(struct storage *storage, u32 controller, u32 *lun)
{
	u32 count = controller == RUN_DISK_IDE ? RUN_DISK_IDE_MAX
					       : RUN_DISK_LUNS_MAX;

	for (*lun = 0; *lun < count; (*lun)++)
		if (!unit_at(storage, controller, *lun))
			return true;
	return false;
}

static int place_find(struct storage *storage, const struct run_disk *config,
		      u32 *controller, u32 *lun, struct lis_error *error)
{
	*controller = config->controller == RUN_DISK_ANY
			      ? 0
			      : (u32)config->controller;
	if (config->lun == RUN_DISK_ANY)
		return lun_find(storage, *controller, lun)
			       ? 0
			       : lis_error_set(error, ENOSPC,
					       "every place of that controller "
					       "is taken");
	*lun = (u32)config->lun;
	if (!unit_at(storage, *controller, *lun))
		return 0;
	return lis_error_set(error, EEXIST,
			     "there is a disk at that place already: choose "
			     "another controller or lun, or detach it first");
}

static struct controller *controller_at(struct storage *storage, u32 number,
					struct lis_error *error)
{
	if (!storage->controllers[number])
		storage->controllers[number] =
			controller_make(storage, number, error);
	return storage->controllers[number];
}

/* Put an open unit where it belongs; it is closed when it cannot be there. */
static int unit_place(struct storage *storage, struct unit *unit,
		      u32 *controller_number, u32 *lun, struct lis_error *error)
{
	struct controller *controller = NULL;
	int code = place_find(storage, &unit->config, controller_number, lun,
			      error);

	if (code == 0) {
		unit->controller = *controller_number;
		unit->number = *lun;
		controller = controller_at(
			storage, controller_of(*controller_number, *lun),
			error);
		code = controller ? controller_offer(controller, error)
				  : -ENOMEM;
	}
	if (code < 0)
		unit_close(unit);
	else
		controller_unit(controller, number_of(*controller_number, *lun),
				unit);
	return code;
}

int storage_attach(struct storage *storage, const struct run_disk *config,
		   u32 *controller, u32 *lun, struct lis_error *error)
{
	struct unit *unit;
	int code = place_find(storage, config, controller, lun, error);

	if (code == 0)
		code = unit_open(&unit, storage, config, error);
	if (code == 0)
		code = unit_place(storage, unit, controller, lun, error);
	return code;
}

/* An image that another thread opens. */
struct attach {
	uv_work_t work;
	struct storage *storage;
	struct run_disk config;
	struct unit *unit;
	int code;
	struct lis_error error;
	storage_attached *done;
	void *context;
};

static void attach_open(uv_work_t *work)
{
	struct attach *attach = work->data;

	attach->code = unit_open(&attach->unit, attach->storage,
				 &attach->config, &attach->error);
}

static void attach_opened(uv_work_t *work, int status)
{
	struct attach *attach = work->data;
	struct storage *storage = attach->storage;
	u32 controller = 0, lun = 0;

	(void)status;
	if (attach->code == 0 && storage->closed) {
		unit_close(attach->unit);
		attach->code = lis_error_set(&attach->error, ECANCELED,
					     "the VM ended meanwhile");
	}
	if (attach->code == 0)
		attach->code = unit_place(storage, attach->unit, &controller,
					  &lun, &attach->error);
	attach->done(attach->context, attach->code, controller, lun,
		     &attach->error);
	run_disk_release(&attach->config);
	free(attach);
}

/* What can be said at once is. */
static struct attach *attach_make(struct storage *storage,
				  const struct run_disk *config, int *code,
				  struct lis_error *error)
{
	struct attach *attach = calloc(1, sizeof(*attach));
	u32 controller, lun;

	if (!attach) {
		*code = lis_error_set(error, ENOMEM, "out of memory");
		return NULL;
	}
	*code = place_find(storage, config, &controller, &lun, error);
	if (*code == 0)
		*code = run_disk_copy(&attach->config, config, error);
	if (*code == 0)
		return attach;
	free(attach);
	return NULL;
}

void storage_attach_later(struct storage *storage,
			  const struct run_disk *config, storage_attached *done,
			  void *context)
{
	struct lis_error error;
	int code;
	struct attach *attach = attach_make(storage, config, &code, &error);

	if (!attach) {
		done(context, code, 0, 0, &error);
		return;
	}
	attach->work.data = attach;
	attach->storage = storage;
	attach->done = done;
	attach->context = context;
	uv_queue_work(storage->host.loop, &attach->work, attach_open,
		      attach_opened);
}

int unit_missing(u32 controller, u32 lun, struct lis_error *error)
{
	if (controller == RUN_DISK_IDE)
		return lis_error_set(error, ENOENT,
				     "there is no IDE disk at place %u", lun);
	return lis_error_set(error, ENOENT,
			     "there is no disk at controller %u, lun %u",
			     controller, lun);
}

int storage_detach(struct storage *storage, u32 controller, u32 lun,
		   void (*done)(void *context), void *context,
		   struct lis_error *error)
{
	struct unit *unit = unit_at(storage, controller, lun);

	if (!unit)
		return unit_missing(controller, lun, error);
	unit->done = done;
	unit->done_context = context;
	controller_unit(storage->controllers[controller_of(controller, lun)],
			number_of(controller, lun), NULL);
	if (controller == RUN_DISK_IDE)
		controller_withdraw(
			storage->controllers[controller_of(controller, lun)]);
	return 0;
}

int storage_resize(struct storage *storage, u32 controller, u32 lun,
		   u64 size_bytes, struct lis_error *error)
{
	struct unit *unit = unit_at(storage, controller, lun);
	int code;

	if (!unit)
		return unit_missing(controller, lun, error);
	if (unit->config.dvd)
		return lis_error_set(error, EINVAL,
				     "a DVD cannot be resized: put another one "
				     "into the drive");
	code = disk_resize(unit->disk, size_bytes, error);
	if (code < 0)
		return code;
	pthread_mutex_lock(&unit->lock);
	lun_resize(&unit->lun, size_bytes);
	pthread_mutex_unlock(&unit->lock);
	controller_notice(storage->controllers[controller_of(controller, lun)]);
	return 0;
}

int storage_limit(struct storage *storage, u32 controller, u32 lun, u64 iops,
		  u64 bytes_per_second, struct lis_error *error)
{
	struct unit *unit = unit_at(storage, controller, lun);

	if (!unit)
		return unit_missing(controller, lun, error);
	if (unit->disk)
		disk_limits_set(unit->disk, iops, bytes_per_second);
	unit->config.iops = iops;
	unit->config.bytes_per_second = bytes_per_second;
	return 0;
}

bool storage_next(struct storage *storage, u32 *place,
		  struct storage_disk *disk)
{
	struct unit *unit = unit_next(storage, place);

	if (!unit)
		return false;
	disk->config = &unit->config;
	disk->controller = unit->controller;
	disk->lun = unit->number;
	disk->medium = unit->disk;
	disk->info = (struct disk_info){ .read_only = true };
	if (unit->disk)
		disk_info_get(unit->disk, &disk->info);
	pthread_mutex_lock(&unit->lock);
	disk->locked = unit->lun.prevented;
	pthread_mutex_unlock(&unit->lock);
	disk->full = parked(unit);
	disk->reads = __atomic_load_n(&unit->reads, __ATOMIC_RELAXED);
	disk->writes = __atomic_load_n(&unit->writes, __ATOMIC_RELAXED);
	disk->read_bytes = __atomic_load_n(&unit->read_bytes, __ATOMIC_RELAXED);
	disk->written_bytes =
		__atomic_load_n(&unit->written_bytes, __ATOMIC_RELAXED);
	return true;
}

struct disk *storage_disk_at(struct storage *storage, u32 controller, u32 lun)
{
	struct unit *unit = unit_at(storage, controller, lun);

	return unit ? unit->disk : NULL;
}

bool storage_next_channel(struct storage *storage, u32 *index,
			  const char **name, struct bus_channel **channel)
{
	for (; *index < CONTROLLERS; (*index)++) {
		struct controller *controller = storage->controllers[*index];

		if (!controller || !controller->ports->channel)
			continue;
		*name = controller->name;
		*channel = controller->ports->channel;
		(*index)++;
		return true;
	}
	return false;
}
