/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/backup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/backend/disk/image.h"

/*
 * What depends on each other: then all is copied anew. One less than a VHDX
 * opens with, so that a VM can be run on a differencing disk of a backup.
 */
#define CHAIN_IMAGES (VHDX_CHAIN_MAX - 1)

/* ---- preparation ---- */

int backup_create(struct backup **result, const char *folder, const char *vm,
		  bool crash_consistent, struct lis_error *err)
{
	struct backup *backup = calloc(1, sizeof(*backup));
	int code;

	if (!backup)
		return lis_error_set(err, ENOMEM, "out of memory");
	code = backup_set_open(&backup->set, folder, vm, true, err);
	if (code < 0) {
		free(backup);
		return code;
	}
	backup_id_make(backup->id);
	backup->crash_consistent = crash_consistent;
	*result = backup;
	return 0;
}

/* The row of an image in one backup, or NULL. */
static json_t *image_find(json_t *row, const char *file)
{
	json_t *disk;
	size_t index;

	json_array_foreach(json_object_get(row, "disks"), index, disk)
	{
		if (strcmp(json_string_value(json_object_get(disk, "file")),
			   file) == 0)
			return disk;
	}
	return NULL;
}

/* Images that make up one of the folder's, itself included. */
static u32 chain_length(const struct backup *backup, const char *file)
{
	json_t *backups = json_object_get(backup->set.manifest, "backups");
	u32 length = 0;

	/* A parent is of an earlier backup: one turn finds all. */
	for (size_t i = json_array_size(backups); file && i > 0; i--) {
		json_t *image =
			image_find(json_array_get(backups, i - 1), file);

		if (!image)
			continue;
		length++;
		file = json_string_value(json_object_get(image, "parent"));
	}
	return length;
}

/* The image that holds the disk as it was in the folder's newest backup, if
 * that is the one since which changes are known. */
static const char *parent_find(struct backup *backup,
			       const struct backup_disk *disk,
			       const char *last_id)
{
	json_t *last = backup_set_find(&backup->set, NULL);
	json_t *controller, *found;
	const char *file;

	if (!last || !last_id || !disk_backup_again(disk->disk) ||
	    strcmp(json_string_value(json_object_get(last, "id")), last_id) !=
		    0)
		return NULL;
	controller = run_disk_controller_json(disk->controller);
	found = backup_set_disk(last, controller, disk->lun);
	json_decref(controller);
	/* An image is no parent of one of another size. */
	if (!found || (u64)json_integer_value(json_object_get(
			      found, "size_bytes")) != disk->info.size_bytes)
		return NULL;
	file = json_string_value(json_object_get(found, "file"));
	return chain_length(backup, file) < CHAIN_IMAGES ? file : NULL;
}

int backup_add(struct backup *backup, u32 controller, u32 lun,
	       struct disk *disk, const char *last_id, struct lis_error *err)
{
	size_t number = json_array_size(json_object_get(backup->set.manifest,
							"backups")) +
			1;
	struct backup_disk *disks = reallocarray(
		backup->disks, backup->disk_count + 1, sizeof(*disks));
	struct backup_disk *one;
	const char *parent;
	char name[16];

	if (!disks)
		return lis_error_set(err, ENOMEM, "out of memory");
	backup->disks = disks;
	one = &disks[backup->disk_count];
	*one = (struct backup_disk){
		.controller = controller,
		.lun = lun,
		.disk = disk,
	};
	disk_info_get(disk, &one->info);
	parent = parent_find(backup, one, last_id);
	snprintf(name, sizeof(name), "%u", controller);
	if (asprintf(&one->file, "disk-%s-%u.%zu.vhdx",
		     controller == RUN_DISK_IDE ? "ide" : name, lun,
		     number) < 0)
		one->file = NULL;
	one->parent = parent ? strdup(parent) : NULL;
	backup->disk_count++;
	if (!one->file || (parent && !one->parent))
		return lis_error_set(err, ENOMEM, "out of memory");
	return 0;
}

/* What a backup left that failed is in no list: it is replaced. */
static int image_make(const struct backup *backup, struct backup_disk *disk,
		      struct lis_error *err)
{
	const char *folder = backup->set.folder;
	char path[PATH_MAX], parent[PATH_MAX];
	struct image_options image = {
		.path = path,
		.format = DISK_FORMAT_VHDX,
		.size_bytes = disk->info.size_bytes,
		.sector_bytes = disk->info.sector_bytes,
		.physical_sector_bytes = disk->info.physical_sector_bytes,
		.parent = disk->parent ? parent : NULL,
	};
	struct disk_options open = { .path = path, .format = DISK_FORMAT_VHDX };
	struct disk *opened;
	int code;

	if (snprintf(path, sizeof(path), "%s/%s", folder, disk->file) >=
		    PATH_MAX ||
	    snprintf(parent, sizeof(parent), "%s/%s", folder,
		     disk->parent ? disk->parent : "") >= PATH_MAX)
		return lis_error_set(err, ENAMETOOLONG,
				     "the name %.100s... is too long", folder);
	unlink(path);
	code = image_create(&image, err);
	if (code < 0)
		return code;
	disk->made = true;
	code = disk_open(&opened, &open, err);
	if (code == 0)
		disk->image = opened;
	return code;
}

int backup_images(struct backup *backup, struct lis_error *err)
{
	int code = 0;

	for (u32 i = 0; i < backup->disk_count && code == 0; i++)
		code = image_make(backup, &backup->disks[i], err);
	return code;
}

/* ---- the moment ---- */

bool backup_cancelled(const struct backup *backup)
{
	return __atomic_load_n(&backup->cancelled, __ATOMIC_RELAXED);
}

static int cancelled_set(struct lis_error *err)
{
	return lis_error_set(err, ECANCELED, "the backup was cancelled");
}

/* Writes go on that waited for a disk's copying. */
static void moment_end(struct backup_disk *disk, bool complete)
{
	if (disk->moment)
		disk_backup_end(disk->moment, complete);
	disk->moment = NULL;
}

static void moments_end(struct backup *backup, bool complete)
{
	for (u32 i = 0; i < backup->disk_count; i++)
		moment_end(&backup->disks[i], complete);
}

static int moment_begin(struct backup_disk *disk, struct lis_error *err)
{
	int code = disk_backup_begin(disk->disk, disk->parent != NULL,
				     &disk->moment, err);

	if (code < 0)
		return code;
	disk->bytes = disk_backup_bytes(disk->moment);
	if (disk_backup_disk_bytes(disk->moment) != disk->info.size_bytes)
		return lis_error_set(err, EBUSY,
				     "a disk was resized meanwhile");
	return 0;
}

int backup_moment(struct backup *backup, struct lis_error *err)
{
	int code = 0;

	if (backup_cancelled(backup))
		return cancelled_set(err);
	backup->time = backup_time();
	if (!backup->time)
		return lis_error_set(err, ENOMEM, "out of memory");
	for (u32 i = 0; i < backup->disk_count && code == 0; i++) {
		code = moment_begin(&backup->disks[i], err);
		backup->total_bytes += backup->disks[i].bytes;
	}
	if (code < 0)
		moments_end(backup, false);
	return code;
}

/* ---- copying, on a disk's thread ---- */

struct copying {
	struct backup *backup;
	struct backup_disk *disk;
	struct disk_queue *from, *to;
	void *buffer;
	u64 buffer_bytes;
	struct lis_error err;
};

static bool is_zero(const void *data, u64 bytes)
{
	const u64 *word = data;

	for (u64 i = 0; i < bytes / sizeof(*word); i++) {
		if (word[i])
			return false;
	}
	return true;
}

static int buffer_fit(struct copying *copying, u64 bytes)
{
	if (bytes <= copying->buffer_bytes)
		return 0;
	free(copying->buffer);
	copying->buffer_bytes = 0;
	copying->buffer = aligned_alloc(4096, (bytes + 4095) & ~4095ull);
	if (!copying->buffer)
		return lis_error_set(&copying->err, ENOMEM, "out of memory");
	copying->buffer_bytes = bytes;
	return 0;
}

static int chunk_copy(struct copying *copying, u64 offset, u64 bytes)
{
	struct backup_disk *disk = copying->disk;
	int code = buffer_fit(copying, bytes);
	bool zero;

	if (code < 0)
		return code;
	code = disk_transfer(copying->from, DISK_READ, 0, offset,
			     copying->buffer, bytes);
	if (code < 0)
		return lis_error_set(&copying->err, -code,
				     "cannot read the disk at byte %llu: %s",
				     (unsigned long long)offset,
				     strerror(-code));
	disk_backup_taken(disk->moment);
	zero = is_zero(copying->buffer, bytes);
	if (zero && !disk->parent)
		code = 0; /* a new image is full of them */
	else
		code = disk_transfer(copying->to, zero ? DISK_ZERO : DISK_WRITE,
				     zero ? DISK_MAY_UNMAP : 0, offset,
				     copying->buffer, bytes);
	if (code < 0)
		return lis_error_set(&copying->err, -code,
				     "cannot write %s/%s: %s",
				     copying->backup->set.folder, disk->file,
				     strerror(-code));
	__atomic_add_fetch(&copying->backup->copied_bytes, bytes,
			   __ATOMIC_RELAXED);
	return 0;
}

static int chunks_copy(struct copying *copying)
{
	struct backup *backup = copying->backup;
	u64 offset, bytes;
	int code;

	while (disk_backup_next(copying->disk->moment, &offset, &bytes)) {
		if (backup_cancelled(backup) ||
		    __atomic_load_n(&backup->failed, __ATOMIC_RELAXED))
			return cancelled_set(&copying->err);
		code = chunk_copy(copying, offset, bytes);
		if (code < 0)
			return code;
	}
	code = disk_transfer(copying->to, DISK_FLUSH, 0, 0, NULL, 0);
	if (code < 0)
		return lis_error_set(&copying->err, -code,
				     "cannot write %s/%s: %s",
				     backup->set.folder, copying->disk->file,
				     strerror(-code));
	return 0;
}

static int disk_copy(struct copying *copying)
{
	struct backup_disk *disk = copying->disk;
	int code = disk_queue_open(&copying->from, disk->disk, &copying->err);

	if (code == 0)
		code = disk_queue_open(&copying->to, disk->image,
				       &copying->err);
	if (code == 0)
		code = chunks_copy(copying);
	if (copying->to)
		disk_queue_close(copying->to);
	if (copying->from)
		disk_queue_close(copying->from);
	free(copying->buffer);
	disk_close(disk->image);
	disk->image = NULL;
	return code;
}

static void *copy_run(void *context)
{
	struct backup_disk *disk = context;
	struct backup *backup = disk->backup;
	struct copying copying = { .backup = backup, .disk = disk };
	int code = disk_copy(&copying);

	if (code < 0) {
		/* Nobody reads what writes wait for any more. */
		moment_end(disk, false);
		if (!__atomic_exchange_n(&backup->failed, true,
					 __ATOMIC_RELAXED)) {
			backup->code = code;
			backup->error = copying.err;
		}
	}
	if (__atomic_sub_fetch(&backup->copying, 1, __ATOMIC_ACQ_REL) == 0)
		backup->ended(backup->context);
	return NULL;
}

static void threads_join(struct backup *backup)
{
	for (u32 i = 0; i < backup->disk_count; i++) {
		struct backup_disk *disk = &backup->disks[i];

		if (disk->running)
			pthread_join(disk->thread, NULL);
		disk->running = false;
	}
	backup->running = false;
}

int backup_start(struct backup *backup, void (*ended)(void *context),
		 void *context, struct lis_error *err)
{
	int code = 0;

	backup->ended = ended;
	backup->context = context;
	backup->copying = backup->disk_count;
	for (u32 i = 0; i < backup->disk_count && !code; i++) {
		struct backup_disk *disk = &backup->disks[i];

		disk->backup = backup;
		code = pthread_create(&disk->thread, NULL, copy_run, disk);
		disk->running = !code;
	}
	backup->running = true;
	if (!code)
		return 0;
	/* Those that run are too few to call ended(). */
	backup_cancel(backup);
	threads_join(backup);
	moments_end(backup, false);
	return lis_error_set(err, code,
			     "cannot start a thread for the backup: %s",
			     strerror(code));
}

void backup_cancel(struct backup *backup)
{
	__atomic_store_n(&backup->cancelled, true, __ATOMIC_RELAXED);
}

/* ---- the end ---- */

/* The backup as the manifest has it. */
static json_t *backup_json(const struct backup *backup)
{
	json_t *disks = json_array();

	for (u32 i = 0; i < backup->disk_count; i++) {
		const struct backup_disk *disk = &backup->disks[i];
		json_t *row = json_pack(
			"{s:o, s:I, s:s, s:s?, s:I, s:I}", "controller",
			run_disk_controller_json(disk->controller), "lun",
			(json_int_t)disk->lun, "file", disk->file, "parent",
			disk->parent, "size_bytes",
			(json_int_t)disk->info.size_bytes, "copied_bytes",
			(json_int_t)disk->bytes);

		json_array_append_new(disks, row);
	}
	return json_pack("{s:s, s:O, s:s, s:o}", "id", backup->id, "time",
			 backup->time, "consistency",
			 backup->crash_consistent ? "crash" : "file-system",
			 "disks", disks);
}

static void images_close(struct backup *backup)
{
	for (u32 i = 0; i < backup->disk_count; i++) {
		if (backup->disks[i].image)
			disk_close(backup->disks[i].image);
		backup->disks[i].image = NULL;
	}
}

static void files_remove(const struct backup *backup)
{
	char path[PATH_MAX];

	for (u32 i = 0; i < backup->disk_count; i++) {
		if (backup->disks[i].made &&
		    snprintf(path, sizeof(path), "%s/%s", backup->set.folder,
			     backup->disks[i].file) < PATH_MAX)
			unlink(path);
	}
}

int backup_finish(struct backup *backup, struct lis_error *err)
{
	int code;
	json_t *row;

	if (backup->running) {
		threads_join(backup);
		code = backup->code;
		*err = backup->error;
	} else {
		code = cancelled_set(err);
	}
	images_close(backup);
	/* It may have been too late for a thread to see it. */
	if (code == 0 && backup_cancelled(backup))
		code = cancelled_set(err);
	if (code == 0) {
		row = backup_json(backup);
		code = row ? backup_set_add(&backup->set, row, err)
			   : lis_error_set(err, ENOMEM, "out of memory");
		json_decref(row);
	}
	if (code < 0)
		files_remove(backup);
	moments_end(backup, code == 0);
	return code;
}

void backup_free(struct backup *backup)
{
	for (u32 i = 0; i < backup->disk_count; i++) {
		free(backup->disks[i].parent);
		free(backup->disks[i].file);
	}
	free(backup->disks);
	json_decref(backup->time);
	backup_set_close(&backup->set);
	free(backup);
}
