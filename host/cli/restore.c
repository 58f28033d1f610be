/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/cli/image_copy.h"
#include "host/cli/text.h"
#include "host/control/backup_set.h"

static const struct cli_option options[] = {
	{ "list", 'l', NULL, "show the backups in FOLDER, restore nothing" },
	{ "id", 'i', "ID", "which backup; the newest otherwise" },
	{ "format", 'f', "FORMAT", "of the new images: vhdx (default) or raw" },
	{ NULL, 0, NULL, NULL },
};

struct restoring {
	const struct cli *cli;
	enum disk_format format;
	struct image_copy copy;
};

/* ---- the list ---- */

static json_int_t copied_bytes(const json_t *backup)
{
	json_int_t sum = 0;
	const json_t *disk;
	size_t index;

	json_array_foreach(json_object_get(backup, "disks"), index, disk)
	{
		sum += json_integer_value(
			json_object_get(disk, "copied_bytes"));
	}
	return sum;
}

static int list_print(const struct cli *cli, const struct backup_set *set)
{
	static const char *const heads[] = { "Id", "Time", "Consistency",
					     "Disks", "Copied" };
	const json_t *backup;
	struct table table;
	size_t index;
	int ret;

	if (cli->json)
		return cli_print_document(cli, json_incref(set->manifest));
	table_init(&table, 5, heads);
	json_array_foreach(json_object_get(set->manifest, "backups"), index,
			   backup)
	{
		char disks[24], size[TEXT_UNIT_BYTES], id[9];

		snprintf(id, sizeof(id), "%.8s", cli_text(backup, "id"));
		snprintf(disks, sizeof(disks), "%zu",
			 json_array_size(json_object_get(backup, "disks")));
		text_size(size, (uint64_t)copied_bytes(backup));
		table_add(&table, (const char *const[]){
					  id, cli_text(backup, "time"),
					  cli_text(backup, "consistency"),
					  disks, size });
	}
	ret = table_print(&table, stdout);
	table_release(&table);
	return ret < 0 ? cli_fail_text(cli, -ret, "out of memory")
		       : cli_flush(cli);
}

/* ---- all of a backup ---- */

/* "disk-0-0.3.vhdx" becomes "disk-0-0.vhdx". */
static int target_name(char path[PATH_MAX], const char *folder,
		       const json_t *disk, enum disk_format format)
{
	const char *file = cli_text(disk, "file");
	int n = snprintf(path, PATH_MAX, "%s/%.*s.%s", folder,
			 (int)strcspn(file, "."), file,
			 disk_format_name(format));

	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int disks_restore(struct restoring *restoring,
			 const struct backup_set *set, const json_t *backup,
			 const char *target, json_t *files)
{
	const json_t *disk, *disks = json_object_get(backup, "disks");
	struct lis_error err = { "" };
	size_t index;

	json_array_foreach(disks, index, disk)
	{
		restoring->copy.total_bytes += (uint64_t)json_integer_value(
			json_object_get(disk, "size_bytes"));
	}
	json_array_foreach(disks, index, disk)
	{
		char source[PATH_MAX], path[PATH_MAX];
		struct image_options image = { .path = path,
					       .format = restoring->format };
		int ret = target_name(path, target, disk, restoring->format);

		if (snprintf(source, sizeof(source), "%s/%s", set->folder,
			     cli_text(disk, "file")) >= PATH_MAX)
			ret = -ENAMETOOLONG;
		if (ret < 0)
			return cli_usage(restoring->cli, "a name is too long");
		ret = image_copy(&restoring->copy, source, DISK_FORMAT_VHDX,
				 &image, &err);
		if (ret < 0) {
			progress_end(&restoring->copy.progress);
			return cli_fail_text(restoring->cli, -ret, "%s",
					     err.text);
		}
		json_array_append_new(files, json_string(path));
	}
	progress_end(&restoring->copy.progress);
	return EXIT_STATUS_OK;
}

static int backup_restore(struct restoring *restoring,
			  const struct backup_set *set, const json_t *backup,
			  const char *target)
{
	const struct cli *cli = restoring->cli;
	json_t *files = json_array();
	int status;

	if (mkdir(target, 0700) != 0 && errno != EEXIST)
		status = cli_fail_text(cli, EIO, "cannot make %s: %s", target,
				       strerror(errno));
	else
		status = disks_restore(restoring, set, backup, target, files);
	if (status == EXIT_STATUS_OK && cli->json)
		status = cli_print_document(
			cli, json_pack("{s:O, s:O}", "id",
				       json_object_get(backup, "id"), "files",
				       files));
	else if (status == EXIT_STATUS_OK && isatty(STDOUT_FILENO))
		printf("restored backup %.8s of %s into %s\n",
		       cli_text(backup, "id"), cli_text(backup, "time"),
		       target);
	json_decref(files);
	return status;
}

static int restore_run(struct cli *cli, const struct backup_set *set)
{
	const char *format = cli_option(cli, "format");
	const char *id = cli_option(cli, "id");
	struct restoring restoring = { .cli = cli, .format = DISK_FORMAT_VHDX };
	json_t *backup;
	int status;

	if (cli_option(cli, "list"))
		return list_print(cli, set);
	if (cli->operand_count != 2)
		return cli_usage(cli, "name the folder to restore into");
	if (format && strcmp(format, "raw") == 0)
		restoring.format = DISK_FORMAT_RAW;
	else if (format && strcmp(format, "vhdx") != 0)
		return cli_usage(cli, "\"%s\" is no format; use vhdx or raw",
				 format);
	backup = backup_set_find(set, id);
	if (!backup)
		return cli_fail_text(cli, ENOENT,
				     id ? "%s has no backup %s, or more than "
					  "one; --list shows them"
					: "%s has no backup",
				     cli->operands[0], id);
	if (image_copy_begin(&restoring.copy, !cli->json) < 0)
		return cli_fail_text(cli, ENOMEM, "out of memory");
	status = backup_restore(&restoring, set, backup, cli->operands[1]);
	image_copy_end(&restoring.copy);
	return status;
}

static int restore(struct cli *cli)
{
	struct lis_error err = { "" };
	struct backup_set set;
	char folder[PATH_MAX];
	int status;
	int ret;

	if (!realpath(cli->operands[0], folder))
		return cli_fail_text(cli, EIO, "cannot read %s: %s",
				     cli->operands[0], strerror(errno));
	ret = backup_set_open(&set, folder, NULL, false, &err);
	if (ret < 0)
		return cli_fail_text(cli, -ret, "%s", err.text);
	status = restore_run(cli, &set);
	backup_set_close(&set);
	return status;
}

const struct cli_command command_restore = {
	.name = "restore",
	.summary = "Make disk images out of a backup",
	.cmdlet = "Restore-VMSnapshot",
	.operands = "FOLDER [TARGET]",
	.operands_min = 1,
	.operands_max = 2,
	.options = options,
	.handler = restore,
};
