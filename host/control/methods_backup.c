/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/methods.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/backup.h"
#include "host/control/params.h"
#include "host/control/vm.h"

/* The moment takes milliseconds: a guest that nobody thaws within this time
 * has been left alone. */
#define FREEZE_LIMIT_MS 10000
#define PROGRESS_MS	250

/* A backup and who asked for it. */
struct backup_job {
	struct vm *vm;
	struct control_request *request;
	struct backup *backup;
	uv_work_t making; /* of the images */
	int making_code;
	struct lis_error making_error;
	uv_async_t ended;
	uv_timer_t progress;
	int handles;  /* that are not closed yet */
	bool thawing; /* the guest has not answered */
	bool copied;  /* the threads have ended */
	/* Why it fails whatever the copying does, "": it need not. */
	const char *reason;
	char failure[512];
};

static const char *reason_of(int code)
{
	switch (code) {
	case -EBUSY:
		return "busy";
	case -ECANCELED:
		return "cancelled";
	case -EINVAL:
	case -ENOTSUP:
		return "refused";
	default:
		return "io";
	}
}

static void handle_closed(uv_handle_t *handle)
{
	struct backup_job *job = handle->data;

	if (--job->handles)
		return;
	backup_free(job->backup);
	free(job);
}

/* The request was answered; the job goes when its handles are closed. */
static void job_end(struct backup_job *job)
{
	if (job->vm->backup == job)
		job->vm->backup = NULL;
	uv_close((uv_handle_t *)&job->ended, handle_closed);
	uv_close((uv_handle_t *)&job->progress, handle_closed);
}

static void job_fail(struct backup_job *job, const char *reason,
		     const char *text)
{
	struct vm *vm = job->vm;

	vm_event(vm, "backup", NULL, 0, "a backup into %s failed: %s",
		 job->backup->set.folder, text);
	control_fail(job->request, reason, "%s", text);
	job_end(job);
}

static void job_finish(struct backup_job *job)
{
	struct lis_error error = { "" };
	struct backup *backup = job->backup;
	struct vm *vm = job->vm;
	int code;

	code = backup_finish(backup, &error);
	if (job->failure[0]) {
		job_fail(job, job->reason, job->failure);
		return;
	}
	if (code < 0) {
		job_fail(job, reason_of(code), error.text);
		return;
	}
	memcpy(vm->backup_id, backup->id, sizeof(vm->backup_id));
	vm_event(vm, "backup", NULL, 0, "a backup was made into %s%s%s",
		 backup->set.folder, error.text[0] ? "; " : "", error.text);
	control_reply(job->request,
		      json_incref(backup_set_find(&backup->set, NULL)));
	job_end(job);
}

/* The threads have ended, and the guest has said that it thawed. */
static void on_ended(uv_async_t *async)
{
	struct backup_job *job = async->data;

	job->copied = true;
	if (!job->thawing)
		job_finish(job);
}

/* On one of the backup's threads. */
static void copied(void *context)
{
	struct backup_job *job = context;

	uv_async_send(&job->ended);
}

static void on_progress(uv_timer_t *timer)
{
	struct backup_job *job = timer->data;
	u64 bytes =
		__atomic_load_n(&job->backup->copied_bytes, __ATOMIC_RELAXED);

	if (job->request->client)
		control_notify(job->request->client, "backup.progress",
			       json_pack("{s:O, s:I, s:I}", "id",
					 job->request->id, "bytes",
					 (json_int_t)bytes, "total",
					 (json_int_t)job->backup->total_bytes));
}

/* Holds the disks' state and begins to copy it. False: @error says why not. */
static bool job_copy(struct backup_job *job, struct lis_error *error)
{
	int code = backup_moment(job->backup, error);

	if (code == 0)
		code = backup_start(job->backup, copied, job, error);
	if (code < 0) {
		job->reason = reason_of(code);
		return false;
	}
	uv_timer_start(&job->progress, on_progress, 0, PROGRESS_MS);
	return true;
}

/* Whoever asked for it went away, or the VM ends. */
static void job_orphaned(struct control_request *request)
{
	struct backup_job *job = request->owner;

	backup_cancel(job->backup);
}

static void thawed(void *context, const struct component_answer *answer)
{
	struct backup_job *job = context;

	job->thawing = false;
	/* It may have thawed before the moment. */
	if (!answer->ok && !job->failure[0]) {
		job->reason = answer->reason;
		snprintf(job->failure, sizeof(job->failure),
			 "nobody knows that the guest stayed frozen until its "
			 "disks' state was held: %.300s",
			 answer->text);
		backup_cancel(job->backup);
	}
	if (job->copied || !job->backup->running)
		job_finish(job);
}

static void frozen(void *context, const struct component_answer *answer)
{
	struct backup_job *job = context;
	struct lis_error error;

	if (!answer->ok) {
		job->reason = answer->reason;
		snprintf(job->failure, sizeof(job->failure),
			 "%.300s; --crash-consistent makes a copy like that "
			 "after a loss of power, without the guest's help",
			 answer->text);
		job_finish(job);
		return;
	}
	if (!job_copy(job, &error))
		snprintf(job->failure, sizeof(job->failure), "%s", error.text);
	/*
	 * To thaw, a guest writes (ext4 its superblock): the copying, for which
	 * that write waits, is under way, or no write waits.
	 */
	job->thawing = true;
	vss_component_thaw(job->vm->components[SERVICE_VSS], thawed, job);
}

static int disks_add(struct backup_job *job, bool full, struct lis_error *error)
{
	struct vm *vm = job->vm;
	struct storage_disk disk;
	u32 place = 0;
	int code = 0;

	while (code == 0 && storage_next(vm->storage, &place, &disk)) {
		if (disk.config->dvd)
			continue;
		code = backup_add(
			job->backup, disk.controller, disk.lun,
			storage_disk_at(vm->storage, disk.controller, disk.lun),
			full || !vm->backup_id[0] ? NULL : vm->backup_id,
			error);
	}
	if (code == 0 && !job->backup->disk_count)
		code = lis_error_set(error, EINVAL,
				     "the VM has no disk to back up");
	return code;
}

static struct backup_job *job_make(struct control_request *request,
				   struct backup *backup)
{
	struct backup_job *job = calloc(1, sizeof(*job));
	struct vm *vm = request->context;

	if (!job)
		return NULL;
	job->vm = vm;
	job->request = request;
	job->backup = backup;
	job->handles = 2;
	job->ended.data = job;
	job->progress.data = job;
	uv_async_init(&vm->loop, &job->ended, on_ended);
	uv_timer_init(&vm->loop, &job->progress);
	request->owner = job;
	request->orphaned = job_orphaned;
	vm->backup = job;
	return job;
}

static void job_begin(struct backup_job *job)
{
	struct component *vss = job->vm->components[SERVICE_VSS];
	struct lis_error error;

	if (!job->backup->crash_consistent) {
		vss_component_freeze(vss, FREEZE_LIMIT_MS, frozen, job);
		return;
	}
	if (job_copy(job, &error))
		return;
	snprintf(job->failure, sizeof(job->failure), "%s", error.text);
	job_finish(job);
}

/* On a thread of the loop's: the target may take its time. */
static void images_make(uv_work_t *work)
{
	struct backup_job *job = work->data;

	job->making_code = backup_images(job->backup, &job->making_error);
}

static void images_made(uv_work_t *work, int status)
{
	struct backup_job *job = work->data;

	(void)status;
	if (job->making_code < 0) {
		job->reason = reason_of(job->making_code);
		snprintf(job->failure, sizeof(job->failure), "%s",
			 job->making_error.text);
	}
	/* With the VM at its end there is nobody to freeze. */
	if (job->making_code < 0 || backup_cancelled(job->backup))
		job_finish(job);
	else
		job_begin(job);
}

/* What can fail without the guest's having stood still does so first. */
static void job_prepare(struct backup_job *job)
{
	job->making.data = job;
	uv_queue_work(&job->vm->loop, &job->making, images_make, images_made);
}

void method_backup_start(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	bool crash_consistent = false, full = false;
	const char *folder = NULL;
	struct backup *backup = NULL;
	struct backup_job *job;
	struct lis_error error;
	int code;

	if (!params_text(request, params, "directory", true, &folder) ||
	    !params_flag(request, params, "crash_consistent",
			 &crash_consistent) ||
	    !params_flag(request, params, "full", &full))
		return;
	if (folder[0] != '/') {
		control_fail_params(request,
				    "\"directory\" must be an absolute path");
		return;
	}
	if (vm->backup) {
		control_fail(request, "busy", "another backup is under way");
		return;
	}
	if (!crash_consistent &&
	    vss_component_frozen(vm->components[SERVICE_VSS])) {
		control_fail(request, "busy", "the guest is already frozen");
		return;
	}
	code = backup_create(&backup, folder, vm->config->name,
			     crash_consistent, &error);
	if (code < 0) {
		control_fail(request, reason_of(code), "%s", error.text);
		return;
	}
	job = job_make(request, backup);
	if (!job) {
		backup_free(backup);
		control_fail(request, "io", "out of memory");
		return;
	}
	code = disks_add(job, full, &error);
	if (code < 0)
		job_fail(job, reason_of(code), error.text);
	else
		job_prepare(job);
}

void vm_backup_cancel(struct vm *vm)
{
	if (vm->backup)
		backup_cancel(vm->backup->backup);
}

void vm_backup_stop(struct vm *vm)
{
	struct backup_job *job = vm->backup;

	if (!job)
		return;
	backup_cancel(job->backup);
	/* With the images being made, or the guest on its way to be frozen, the
	 * end of that ends the job. */
	if (job->backup->running)
		job_finish(job);
}
