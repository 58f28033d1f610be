/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/methods.h"

#include <errno.h>
#include <string.h>

#include "host/control/json_text.h"
#include "host/control/params.h"
#include "host/control/vm.h"

/* "controller" and "lun", which name a disk. */
static bool place_of(struct control_request *request, json_t *params,
		     u32 *controller, u32 *lun)
{
	json_t *member = json_object_get(params, "controller");
	uint64_t number = 0;

	*controller = RUN_DISK_IDE;
	if (!json_is_string(member) ||
	    strcmp(json_string_value(member), "ide") != 0) {
		if (!params_number(request, params, "controller",
				   RUN_DISK_CONTROLLERS_MAX - 1, &number))
			return false;
		*controller = (u32)number;
	}
	number = 0;
	if (!params_number(request, params, "lun", RUN_DISK_LUNS_MAX - 1,
			   &number))
		return false;
	*lun = (u32)number;
	return true;
}

static void reply(struct control_request *request, int code,
		  const struct lis_error *error)
{
	if (code < 0)
		control_fail(request,
			     code == -EROFS ? "refused" : method_reason(code),
			     "%s", error->text);
	else
		control_reply(request, json_object());
}

static void attached(void *context, int code, u32 controller, u32 lun,
		     const struct lis_error *error)
{
	struct control_request *request = context;

	if (code < 0) {
		reply(request, code, error);
		return;
	}
	vm_event(request->context, "disk-attached", NULL, 0,
		 "a disk was attached at %s %u",
		 controller == RUN_DISK_IDE ? "IDE place" : "LUN", lun);
	control_reply(request, json_pack("{s:o, s:I}", "controller",
					 run_disk_controller_json(controller),
					 "lun", (json_int_t)lun));
}

void method_disk_attach(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	struct lis_error error;
	struct run_disk disk;

	run_disk_init(&disk);
	if (run_disk_load(&disk, "disk.attach", params, &error) < 0)
		control_fail_params(request, "%s", error.text);
	else
		storage_attach_later(vm->storage, &disk, attached, request);
	run_disk_release(&disk);
}

/* Whether a backup uses the disks: they stay, and keep their sizes. */
static bool in_backup(struct control_request *request)
{
	const struct vm *vm = request->context;

	if (vm->backup)
		control_fail(request, "busy",
			     "a backup of the VM's disks is under way: wait "
			     "for its end, or cancel it");
	return vm->backup;
}

/* The image is closed. */
static void detached(void *context)
{
	struct control_request *request = context;

	vm_event(request->context, "disk-detached", NULL, 0,
		 "a disk was detached");
	control_reply(request, json_object());
}

void method_disk_detach(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	struct lis_error error;
	u32 controller, lun;
	int code;

	if (!place_of(request, params, &controller, &lun) || in_backup(request))
		return;
	code = storage_detach(vm->storage, controller, lun, detached, request,
			      &error);
	if (code < 0)
		reply(request, code, &error);
}

static void ejected(void *context)
{
	control_reply(context, json_object());
}

void method_disk_eject(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	struct lis_error error;
	u32 controller, lun;
	bool force = false;
	int code;

	if (!place_of(request, params, &controller, &lun) ||
	    !params_flag(request, params, "force", &force))
		return;
	code = storage_eject(vm->storage, controller, lun, force, ejected,
			     request, &error);
	if (code < 0)
		reply(request, code, &error);
}

static void inserted(void *context, int code, const struct lis_error *error)
{
	reply(context, code, error);
}

void method_disk_insert(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	const char *path = NULL, *format = NULL;
	struct lis_error error;
	struct run_disk disk;
	u32 controller, lun;
	bool force = false;
	int code;

	if (!place_of(request, params, &controller, &lun) ||
	    !params_flag(request, params, "force", &force) ||
	    !params_text(request, params, "path", true, &path) ||
	    !params_text(request, params, "format", false, &format))
		return;
	run_disk_init(&disk);
	code = run_disk_set(&disk, "disk.insert", "path", path, &error);
	if (code == 0 && format)
		code = run_disk_set(&disk, "disk.insert", "format", format,
				    &error);
	if (code < 0)
		control_fail_params(request, "%s", error.text);
	else
		storage_insert_later(vm->storage, controller, lun, &disk, force,
				     inserted, request);
	run_disk_release(&disk);
}

void method_disk_resize(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	uint64_t size_bytes = 0;
	struct lis_error error;
	u32 controller, lun;
	int code;

	if (!place_of(request, params, &controller, &lun) ||
	    !params_number(request, params, "size_bytes", DISK_SIZE_BYTES_MAX,
			   &size_bytes))
		return;
	if (!size_bytes) {
		control_fail_params(request, "\"size_bytes\" must be given");
		return;
	}
	if (in_backup(request))
		return;
	code = storage_resize(vm->storage, controller, lun, size_bytes, &error);
	if (code == 0)
		vm_event(vm, "disk-resized", NULL, 0,
			 "a disk has %llu bytes now",
			 (unsigned long long)size_bytes);
	reply(request, code, &error);
}

void method_disk_set(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	uint64_t iops = 0, bytes_per_second = 0;
	struct lis_error error;
	u32 controller, lun;

	if (!place_of(request, params, &controller, &lun) ||
	    !params_number(request, params, "iops", UINT32_MAX, &iops) ||
	    !params_number(request, params, "bytes_per_second", INT64_MAX,
			   &bytes_per_second))
		return;
	reply(request,
	      storage_limit(vm->storage, controller, lun, iops,
			    bytes_per_second, &error),
	      &error);
}

static json_t *disk_row(const struct storage_disk *disk)
{
	const struct run_disk *config = disk->config;
	json_t *row = json_pack(
		"{s:o, s:I, s:o, s:s, s:s, s:I, s:I, s:I}", "controller",
		run_disk_controller_json(disk->controller), "lun",
		(json_int_t)disk->lun, "path", json_text(config->path), "kind",
		config->dvd ? "dvd" : "disk", "format",
		disk->medium ? disk_format_name(disk->info.format) : "",
		"size_bytes", (json_int_t)disk->info.size_bytes, "sector_bytes",
		(json_int_t)disk->info.sector_bytes, "physical_sector_bytes",
		(json_int_t)disk->info.physical_sector_bytes);
	json_t *rest = json_pack(
		"{s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "read_only",
		disk->info.read_only, "direct", disk->info.direct, "full",
		disk->full, "iops", (json_int_t)config->iops,
		"bytes_per_second", (json_int_t)config->bytes_per_second,
		"reads", (json_int_t)disk->reads, "writes",
		(json_int_t)disk->writes, "read_bytes",
		(json_int_t)disk->read_bytes, "written_bytes",
		(json_int_t)disk->written_bytes);

	json_object_update(row, rest);
	json_decref(rest);
	if (config->dvd) {
		json_object_set_new(row, "medium", json_boolean(disk->medium));
		json_object_set_new(row, "locked", json_boolean(disk->locked));
	}
	return row;
}

void method_disk_list(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	json_t *rows = json_array();
	struct storage_disk disk;
	u32 place = 0;

	(void)params;
	while (storage_next(vm->storage, &place, &disk))
		json_array_append_new(rows, disk_row(&disk));
	control_reply(request, json_pack("{s:o}", "disks", rows));
}
