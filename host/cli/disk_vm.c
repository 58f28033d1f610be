/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/disk_actions.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/text.h"
#include "host/control/config.h"

/* Images are closed, and servers asked, before the answer. */
#define DISK_MS 120000

/* cli_request() asks the VM that the first operand names. */
static void vm_set(struct cli *cli)
{
	cli->operands[0] = (char *)cli_option(cli, "vm");
}

/* The VM's process may be in another folder. */
static const char *path_full(const char *path, char full[PATH_MAX])
{
	if (strstr(path, "://") || !realpath(path, full))
		return path;
	return full;
}

static json_t *disk_find(json_t *list, const char *path)
{
	json_t *disk;
	size_t i;

	json_array_foreach(json_object_get(list, "disks"), i, disk)
	{
		if (strcmp(cli_text(disk, "path"), path) == 0)
			return disk;
	}
	return NULL;
}

/*
 * The place of the image of operands[1] as parameters of a request, to which
 * the caller adds. NULL: *status says what went wrong, and it was printed.
 */
static json_t *place_find(struct cli *cli, int *status)
{
	char full[PATH_MAX];
	json_t *list = NULL, *disk, *params = NULL;

	*status = cli_request(cli, "disk.list", NULL, CLI_ANSWER_MS, &list);
	if (*status != EXIT_STATUS_OK)
		return NULL;
	disk = disk_find(list, path_full(cli->operands[1], full));
	if (disk)
		params = json_pack("{s:O, s:O}", "controller",
				   json_object_get(disk, "controller"), "lun",
				   json_object_get(disk, "lun"));
	else
		*status = cli_fail_text(cli, EIO,
					"the VM has no disk \"%s\"; \"lis disk "
					"list --vm %s\" shows those it has",
					cli->operands[1], cli->operands[0]);
	json_decref(list);
	return params;
}

static void controller_text(const json_t *object, char text[16])
{
	const json_t *controller = json_object_get(object, "controller");

	if (json_is_string(controller))
		snprintf(text, 16, "%s", json_string_value(controller));
	else
		snprintf(text, 16, "%d", (int)json_integer_value(controller));
}

int disk_vm_attach(struct cli *cli, enum disk_format format)
{
	char full[PATH_MAX], controller[16];
	struct lis_error err;
	struct run_disk disk;
	json_t *params, *result;
	int ret, status;

	vm_set(cli);
	run_disk_init(&disk);
	ret = run_disk_parse(&disk, "attach", cli->operands[1], &err);
	if (ret == 0 && format != DISK_FORMAT_AUTO)
		ret = run_disk_set(&disk, "--format", "format",
				   disk_format_name(format), &err);
	if (ret == 0)
		ret = run_config_set_text(&disk.path,
					  path_full(disk.path, full), &err);
	if (ret < 0) {
		run_disk_release(&disk);
		return cli_usage(cli, "%s", err.text);
	}
	params = run_disk_json(&disk);
	run_disk_release(&disk);
	status = cli_request(cli, "disk.attach", params, DISK_MS, &result);
	if (status != EXIT_STATUS_OK)
		return status;
	controller_text(result, controller);
	return cli_done(
		cli, result, "%s: attached at controller %s, lun %" PRId64,
		cli->operands[0], controller,
		(int64_t)json_integer_value(json_object_get(result, "lun")));
}

/* Asks for something about one disk, and says that it is done. */
static int place_request(struct cli *cli, const char *method, json_t *params,
			 const char *done)
{
	json_t *result;
	int status = cli_request(cli, method, params, DISK_MS, &result);

	if (status != EXIT_STATUS_OK)
		return status;
	return cli_done(cli, result, "%s: %s", cli->operands[0], done);
}

int disk_vm_detach(struct cli *cli, enum disk_format format)
{
	json_t *params;
	int status;

	(void)format;
	vm_set(cli);
	params = place_find(cli, &status);
	return params ? place_request(cli, "disk.detach", params,
				      "the disk is detached")
		      : status;
}

/* ---- DVD drives ---- */

/* Whether a drive is the one that @name means: what is in it, or its place. */
static bool drive_is(const json_t *disk, const char *name)
{
	char full[PATH_MAX], controller[16], place[32];

	controller_text(disk, controller);
	snprintf(place, sizeof(place), "%s:%d", controller,
		 (int)json_integer_value(json_object_get(disk, "lun")));
	return strcmp(place, name) == 0 ||
	       strcmp(cli_text(disk, "path"), path_full(name, full)) == 0;
}

/* The drive that @name means (NULL: the only one), as place_find(). */
static json_t *drive_find(struct cli *cli, const char *name, int *status)
{
	json_t *list = NULL, *disk, *drive = NULL, *params = NULL;
	size_t i, count = 0;

	*status = cli_request(cli, "disk.list", NULL, CLI_ANSWER_MS, &list);
	if (*status != EXIT_STATUS_OK)
		return NULL;
	json_array_foreach(json_object_get(list, "disks"), i, disk)
	{
		if (strcmp(cli_text(disk, "kind"), "dvd") != 0 ||
		    (name && !drive_is(disk, name)))
			continue;
		drive = disk;
		count++;
	}
	if (count == 1)
		params = json_pack("{s:O, s:O, s:b}", "controller",
				   json_object_get(drive, "controller"), "lun",
				   json_object_get(drive, "lun"), "force",
				   cli_option(cli, "force") != NULL);
	else if (name)
		*status = cli_fail_text(
			cli, EIO,
			"the VM has no DVD drive \"%s\": name what is in it, "
			"or "
			"its place like 0:1; \"lis disk list --vm %s\" shows "
			"those it has",
			name, cli->operands[0]);
	else
		*status = cli_fail_text(
			cli, EIO,
			count ? "the VM has several DVD drives: name what is "
				"in "
				"one, or its place like 0:1"
			      : "the VM has no DVD drive: give it one with "
				"\"lis disk attach --vm VM IMAGE,dvd\"");
	json_decref(list);
	return params;
}

int disk_vm_eject(struct cli *cli, enum disk_format format)
{
	json_t *params;
	int status;

	(void)format;
	vm_set(cli);
	params = drive_find(
		cli, cli->operand_count > 1 ? cli->operands[1] : NULL, &status);
	return params ? place_request(cli, "disk.eject", params,
				      "the drive is empty")
		      : status;
}

int disk_vm_insert(struct cli *cli, enum disk_format format)
{
	char full[PATH_MAX];
	json_t *params;
	int status;

	vm_set(cli);
	params = drive_find(
		cli, cli->operand_count > 2 ? cli->operands[2] : NULL, &status);
	if (!params)
		return status;
	json_object_set_new(params, "path",
			    json_string(path_full(cli->operands[1], full)));
	if (format != DISK_FORMAT_AUTO)
		json_object_set_new(params, "format",
				    json_string(disk_format_name(format)));
	return place_request(cli, "disk.insert", params, "it is in the drive");
}

int disk_vm_resize(struct cli *cli, enum disk_format format)
{
	uint64_t size_bytes;
	json_t *params;
	int status;

	(void)format;
	if (size_parse(cli->operands[2], &size_bytes) < 0)
		return cli_usage(cli, "resize: \"%s\" is not a size",
				 cli->operands[2]);
	vm_set(cli);
	params = place_find(cli, &status);
	if (!params)
		return status;
	json_object_set_new(params, "size_bytes",
			    json_integer((json_int_t)size_bytes));
	return place_request(cli, "disk.resize", params, "the disk is resized");
}

int disk_vm_limit(struct cli *cli, enum disk_format format)
{
	const char *iops = cli_option(cli, "iops");
	const char *bytes = cli_option(cli, "bytes-per-second");
	uint64_t iops_value = 0, bytes_value = 0;
	json_t *params;
	int status;

	(void)format;
	if (iops && size_parse(iops, &iops_value) < 0)
		return cli_usage(cli, "--iops: \"%s\" is not a number", iops);
	if (bytes && size_parse(bytes, &bytes_value) < 0)
		return cli_usage(
			cli, "--bytes-per-second: \"%s\" is not a size", bytes);
	vm_set(cli);
	params = place_find(cli, &status);
	if (!params)
		return status;
	json_object_set_new(params, "iops",
			    json_integer((json_int_t)iops_value));
	json_object_set_new(params, "bytes_per_second",
			    json_integer((json_int_t)bytes_value));
	return place_request(cli, "disk.set", params, "the limits are set");
}

static void row_add(struct table *table, const json_t *disk)
{
	char controller[16], lun[16], size[TEXT_UNIT_BYTES];
	const char *state = "";

	controller_text(disk, controller);
	snprintf(lun, sizeof(lun), "%d",
		 (int)json_integer_value(json_object_get(disk, "lun")));
	text_size(size, (uint64_t)json_integer_value(
				json_object_get(disk, "size_bytes")));
	if (json_is_true(json_object_get(disk, "full")))
		state = "host full";
	else if (json_is_false(json_object_get(disk, "medium")))
		state = "empty";
	else if (json_is_true(json_object_get(disk, "locked")))
		state = "locked";
	else if (json_is_true(json_object_get(disk, "read_only")))
		state = "read-only";
	table_add(table, (const char *const[]){
				 controller, lun, cli_text(disk, "kind"),
				 cli_text(disk, "format"), size, state,
				 cli_text(disk, "path") });
}

int disk_vm_list(struct cli *cli, enum disk_format format)
{
	static const char *const heads[] = { "Controller", "Lun",  "Kind",
					     "Format",	   "Size", "State",
					     "Path" };
	struct table table;
	json_t *list, *disk;
	size_t i;
	int status, ret;

	(void)format;
	vm_set(cli);
	status = cli_request(cli, "disk.list", NULL, CLI_ANSWER_MS, &list);
	if (status != EXIT_STATUS_OK)
		return status;
	if (cli->json)
		return cli_print_document(cli, list);
	table_init(&table, 7, heads);
	json_array_foreach(json_object_get(list, "disks"), i, disk)
	{
		row_add(&table, disk);
	}
	ret = table_print(&table, stdout);
	table_release(&table);
	json_decref(list);
	if (ret < 0)
		return cli_fail_text(cli, -ret, "out of memory");
	return cli_flush(cli);
}
