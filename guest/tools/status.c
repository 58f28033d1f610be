// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* What lis-status gathers, and what it thinks of it. */
#define _GNU_SOURCE
#include "guest/tools/status.h"

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The integration services, which every host has and may not offer. */
static bool is_service(const struct vmbus_class *class)
{
	return class->logged != NULL;
}

__attribute__((format(printf, 2, 3))) static void
advise(struct status_row *row, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(row->advice, sizeof(row->advice), format, arguments);
	va_end(arguments);
}

/* "uioN" of a device that a user space driver has; "" for none. */
static void uio_name(const struct status_sources *sources, const char *device,
		     char *name, size_t capacity_bytes)
{
	char path[PATH_MAX];
	struct dirent *entry;
	uint32_t number;
	DIR *folder;

	name[0] = '\0';
	snprintf(path, sizeof(path), "%s/" VMBUS_SYSFS_FOLDER "/%s/uio",
		 sources->sys, device);
	folder = opendir(path);
	if (!folder)
		return;
	while (!name[0] && (entry = readdir(folder))) {
		if (!strncmp(entry->d_name, "uio", 3) &&
		    vmbus_sysfs_number(entry->d_name + 3, &number))
			snprintf(name, capacity_bytes, "uio%u", number);
	}
	closedir(folder);
}

static void holder_find(struct status *status, struct status_row *row,
			const struct status_sources *sources)
{
	struct status_holder holder;
	char uio[16];

	uio_name(sources, row->device->name, uio, sizeof(uio));
	snprintf(row->node, sizeof(row->node), "%s/%s", sources->dev,
		 uio[0] ? uio : row->class->node);
	if (!status_find_holder(sources->proc, row->node, &holder,
				&status->blind))
		return;
	row->pid = holder.pid;
	row->since = holder.since;
	memcpy(row->process, holder.name, sizeof(row->process));
}

static void version_find(struct status_row *row,
			 const struct status_sources *sources)
{
	char words[64];

	snprintf(words, sizeof(words), "hv_utils: %s IC version ",
		 row->class->logged);
	status_log_version(sources->log, sources->log_bytes, words,
			   row->version);
}

/* Whose channel is for user space from Linux 6.10 on. */
static bool is_file_copy(const struct vmbus_class *class)
{
	return class->node && !strcmp(class->node, "vmbus/hv_fcopy");
}

static void judge_driver(struct status_row *row)
{
	row->wrong = true;
	if (is_file_copy(row->class))
		advise(row,
		       "no driver is bound to it: run 'modprobe hv_utils' on "
		       "Linux up to 6.9; from 6.10, 'modprobe uio_hv_generic' "
		       "and start lisd, which binds it");
	else
		advise(row, "no driver is bound to it: run 'modprobe %s'",
		       row->class->module);
}

static void judge(struct status *status, struct status_row *row)
{
	if (!row->class)
		return;
	if (!row->device) {
		advise(row,
		       "the host does not offer it: enable '%s' on the host if "
		       "it is wanted",
		       row->class->name);
		return;
	}
	if (!row->class->driver)
		return;
	if (!row->device->driver[0]) {
		judge_driver(row);
	} else if (row->class->node && !row->pid) {
		row->wrong = !status->blind;
		if (status->blind)
			advise(row,
			       "which process serves it can only be seen by "
			       "root");
		else
			advise(row,
			       "no process has %s open: install lisd (or %s of "
			       "your distribution's hyperv-daemons) and start "
			       "it",
			       row->node, row->class->daemon);
	} else if (row->opened == STATUS_OPENED_NO) {
		row->wrong = true;
		advise(row,
		       "the driver %s is bound, but has not opened the "
		       "channel: look for its reason in 'dmesg'",
		       row->device->driver);
	}
	status->wrong |= row->wrong;
}

static void row_add(struct status *status, const struct vmbus_class *class,
		    const struct vmbus_sysfs_device *device,
		    const struct status_sources *sources)
{
	struct status_row *row;

	if (status->count == STATUS_ROWS_MAX)
		return;
	row = &status->rows[status->count++];
	memset(row, 0, sizeof(*row));
	row->class = class;
	row->device = device;
	if (device && device->state != VMBUS_SYSFS_STATE_UNKNOWN)
		row->opened = device->state == VMBUS_SYSFS_STATE_OPENED
				      ? STATUS_OPENED_YES
				      : STATUS_OPENED_NO;
	if (device && class && class->node)
		holder_find(status, row, sources);
	if (device && class && class->logged)
		version_find(row, sources);
	judge(status, row);
}

static void services_add(struct status *status,
			 const struct status_sources *sources)
{
	const struct vmbus_class *class;
	uint32_t device;
	bool offered;
	size_t i;

	for (i = 0; (class = vmbus_class_row(i)) && is_service(class); i++) {
		offered = false;
		for (device = 0; device < status->sysfs.count; device++) {
			if (strcmp(status->sysfs.devices[device].class_id,
				   class->id) != 0)
				continue;
			row_add(status, class, &status->sysfs.devices[device],
				sources);
			offered = true;
		}
		if (!offered)
			row_add(status, class, NULL, sources);
	}
}

int status_gather(struct status *status, const struct status_sources *sources)
{
	const struct vmbus_class *class;
	uint32_t i;
	int error;

	memset(status, 0, sizeof(*status));
	error = vmbus_sysfs_read(&status->sysfs, sources->sys);
	if (error)
		return error;
	status_log_version(sources->log, sources->log_bytes,
			   "hv_vmbus: Vmbus version:", status->bus_version);
	services_add(status, sources);
	for (i = 0; i < status->sysfs.count; i++) {
		class = vmbus_class_find(status->sysfs.devices[i].class_id);
		if (!class || !is_service(class))
			row_add(status, class, &status->sysfs.devices[i],
				sources);
	}
	return 0;
}

void status_free(struct status *status)
{
	vmbus_sysfs_free(&status->sysfs);
}
