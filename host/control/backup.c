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

/* The image that holds the disk as it was in the folder's newest backup, if
 * that is the one since which changes are known. */
static const char *parent_find(struct backup *backup,
			       const struct backup_disk *disk,
			       const char *last_id)
{
	json_t *last = backup_set_find(&backup->set, NULL);
	json_t *controller, *found;

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
	return json_string_value(json_object_get(found, "file"));
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

int backup_moment(struct backup *backup, struct lis_error *err)
{
	backup->time = backup_time();
	if (!backup->time)
		return lis_error_set(err, ENOMEM, "out of memory");
	for (u32 i = 0; i < backup->disk_count; i++) {
		struct backup_disk *disk = &backup->disks[i];
		int code = disk_backup_begin(disk->disk, disk->parent != NULL,
					     &disk->moment, err);

		if (code < 0)
			return code;
		backup->total_bytes += disk_backup_bytes(disk->moment);
	}
	return 0;
}

/* ---- copying, on the thread ---- */

struct copying {
	struct backup *backup;
	struct backup_disk *disk;
	struct disk *image;
	struct disk_queue *from, *to;
	void *buffer;
	u64 buffer_bytes;
	struct lis_error *err;
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
		return lis_error_set(copying->err, ENOMEM, "out of memory");
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
		return lis_error_set(copying->err, -code,
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
		return lis_error_set(copying->err, -code,
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
		if (__atomic_load_n(&backup->cancelled, __ATOMIC_RELAXED))
			return lis_error_set(copying->err, ECANCELED,
					     "the backup was cancelled");
		code = chunk_copy(copying, offset, bytes);
		if (code < 0)
			return code;
	}
	code = disk_transfer(copying->to, DISK_FLUSH, 0, 0, NULL, 0);
	if (code < 0)
		return lis_error_set(copying->err, -code,
				     "cannot write %s/%s: %s",
				     backup->set.folder, copying->disk->file,
				     strerror(-code));
	return 0;
}

static int image_make(struct copying *copying)
{
	struct backup_disk *disk = copying->disk;
	const char *folder = copying->backup->set.folder;
	char path[PATH_MAX], parent[PATH_MAX];
	struct image_options image = {
		.path = path,
		.format = DISK_FORMAT_VHDX,
		.size_bytes = disk_backup_disk_bytes(disk->moment),
		.sector_bytes = disk->info.sector_bytes,
		.physical_sector_bytes = disk->info.physical_sector_bytes,
		.parent = disk->parent ? parent : NULL,
	};
	struct disk_options open = { .path = path, .format = DISK_FORMAT_VHDX };
	int code;

	if (snprintf(path, sizeof(path), "%s/%s", folder, disk->file) >=
		    PATH_MAX ||
	    snprintf(parent, sizeof(parent), "%s/%s", folder,
		     disk->parent ? disk->parent : "") >= PATH_MAX)
		return lis_error_set(copying->err, ENAMETOOLONG,
				     "the name %.100s... is too long", folder);
	/* What a backup left that failed is in no list. */
	unlink(path);
	code = image_create(&image, copying->err);
	if (code < 0)
		return code;
	disk->made = true;
	return disk_open(&copying->image, &open, copying->err);
}

static int disk_copy(struct backup *backup, struct backup_disk *disk)
{
	struct copying copying = {
		.backup = backup,
		.disk = disk,
		.err = &backup->error,
	};
	int code = image_make(&copying);

	if (code == 0)
		code = disk_queue_open(&copying.from, disk->disk,
				       &backup->error);
	if (code == 0)
		code = disk_queue_open(&copying.to, copying.image,
				       &backup->error);
	if (code == 0)
		code = chunks_copy(&copying);
	if (copying.to)
		disk_queue_close(copying.to);
	if (copying.from)
		disk_queue_close(copying.from);
	if (copying.image)
		disk_close(copying.image);
	free(copying.buffer);
	return code;
}

static void *backup_run(void *context)
{
	struct backup *backup = context;

	for (u32 i = 0; i < backup->disk_count && backup->code == 0; i++)
		backup->code = disk_copy(backup, &backup->disks[i]);
	backup->ended(backup->context);
	return NULL;
}

int backup_start(struct backup *backup, void (*ended)(void *context),
		 void *context, struct lis_error *err)
{
	int code;

	backup->ended = ended;
	backup->context = context;
	code = pthread_create(&backup->thread, NULL, backup_run, backup);
	if (code)
		return lis_error_set(err, code,
				     "cannot start a thread for the backup: %s",
				     strerror(code));
	backup->running = true;
	return 0;
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
			(json_int_t)(disk->moment
					     ? disk_backup_bytes(disk->moment)
					     : 0));

		json_array_append_new(disks, row);
	}
	return json_pack("{s:s, s:O, s:s, s:o}", "id", backup->id, "time",
			 backup->time, "consistency",
			 backup->crash_consistent ? "crash" : "file-system",
			 "disks", disks);
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
	int code = backup->running ? 0 : -ECANCELED;
	json_t *row;

	if (backup->running) {
		pthread_join(backup->thread, NULL);
		backup->running = false;
		code = backup->code;
		*err = backup->error;
		/* It may have been too late for the thread to see it. */
		if (code == 0 && backup->cancelled)
			code = lis_error_set(err, ECANCELED,
					     "the backup was cancelled");
	}
	if (code == 0) {
		row = backup_json(backup);
		code = row ? backup_set_add(&backup->set, row, err)
			   : lis_error_set(err, ENOMEM, "out of memory");
		json_decref(row);
	}
	if (code < 0)
		files_remove(backup);
	for (u32 i = 0; i < backup->disk_count; i++) {
		if (backup->disks[i].moment)
			disk_backup_end(backup->disks[i].moment, code == 0);
		backup->disks[i].moment = NULL;
	}
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
