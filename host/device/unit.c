/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/device/storage_internal.h"

int unit_disk_open(struct disk **disk, const struct run_disk *config,
		   struct lis_error *error)
{
	struct disk_options options = {
		.path = config->path,
		.read_only = config->read_only || config->dvd,
		.cache = config->cached ? DISK_CACHE_BUFFERED : DISK_CACHE_AUTO,
		.sector_bytes = config->logical_sector_bytes,
		.physical_sector_bytes = config->physical_sector_bytes,
		.iops = config->iops,
		.bytes_per_second = config->bytes_per_second,
		.track = !config->dvd,
		.format = DISK_FORMAT_AUTO,
	};

	if (config->format)
		disk_format_find(config->format, &options.format);
	return disk_open(disk, &options, error);
}

static int lun_make(struct unit *unit, struct lis_error *error)
{
	const struct run_disk *config = &unit->config;
	struct lun_options options = {
		.kind = config->dvd ? LUN_DVD : LUN_DISK,
		.transfer_max_bytes = TRANSFER_MAX_BYTES,
		.serial = config->serial,
		.write_cache = true,
		.unmap_zeroes = true,
	};
	struct disk_info info;

	disk_info_get(unit->disk, &info);
	options.size_bytes = info.size_bytes;
	options.block_bytes =
		config->dvd ? LUN_DVD_BLOCK_BYTES : info.sector_bytes;
	options.physical_bytes = config->dvd ? 0 : info.physical_sector_bytes;
	options.read_only = info.read_only;
	options.thin = info.can_unmap;
	options.unmap_unit_bytes = info.unmap_granularity_bytes;
	memcpy(options.identity, info.identity, sizeof(options.identity));
	if (lun_init(&unit->lun, &options) == VMBUS_OK)
		return 0;
	return lis_error_set(error, EINVAL,
			     "%.300s cannot be a disk of a VM: it has %llu "
			     "bytes in sectors of %u",
			     config->path, (unsigned long long)info.size_bytes,
			     info.sector_bytes);
}

int unit_path_set(struct run_disk *config, const char *path)
{
	char *full = strstr(path, "://") ? NULL : realpath(path, NULL);

	if (!full)
		full = strdup(path);
	if (!full)
		return -ENOMEM;
	free(config->path);
	config->path = full;
	return 0;
}

int unit_open(struct unit **result, struct storage *storage,
	      const struct run_disk *config, struct lis_error *error)
{
	struct unit *unit = calloc(1, sizeof(*unit));
	int code;

	if (!unit)
		return lis_error_set(error, ENOMEM, "out of memory");
	pthread_mutex_init(&unit->lock, NULL);
	unit->storage = storage;
	unit->users = 1;
	code = run_disk_copy(&unit->config, config, error);
	if (code == 0 && unit_path_set(&unit->config, config->path) < 0)
		code = lis_error_set(error, ENOMEM, "out of memory");
	if (code == 0)
		code = unit_disk_open(&unit->disk, &unit->config, error);
	if (code == 0)
		code = lun_make(unit, error);
	if (code < 0)
		unit_close(unit);
	else
		*result = unit;
	return code;
}

void unit_take(struct unit *unit)
{
	__atomic_fetch_add(&unit->users, 1, __ATOMIC_RELAXED);
}

void unit_let_go(struct unit *unit)
{
	struct storage *storage = unit->storage;

	if (__atomic_fetch_sub(&unit->users, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	pthread_mutex_lock(&storage->lock);
	unit->next = storage->gone;
	storage->gone = unit;
	pthread_mutex_unlock(&storage->lock);
	storage_wake(storage);
}

void unit_close(struct unit *unit)
{
	if (unit->disk)
		disk_close(unit->disk);
	if (unit->leaving)
		disk_close(unit->leaving);
	if (unit->ejected)
		unit->ejected(unit->ejected_context);
	if (unit->done)
		unit->done(unit->done_context);
	run_disk_release(&unit->config);
	pthread_mutex_destroy(&unit->lock);
	free(unit);
}
