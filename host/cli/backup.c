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

#include "host/cli/progress.h"
#include "host/cli/text.h"

static const struct cli_option options[] = {
	{ "crash-consistent", 0, NULL,
	  "do not freeze the guest: as after a loss of power" },
	{ "full", 0, NULL, "copy all data, not only what changed" },
	{ NULL, 0, NULL, NULL },
};

/* The folder as the VM's process knows it; it may be still to be made. */
static int folder_resolve(const struct cli *cli, const char *folder,
			  char path[PATH_MAX])
{
	size_t end = strlen(folder), name;
	char above[PATH_MAX], real[PATH_MAX];
	int n;

	if (realpath(folder, path))
		return EXIT_STATUS_OK;
	if (errno != ENOENT || end >= PATH_MAX)
		return cli_fail_text(cli, EIO, "cannot use %s: %s", folder,
				     strerror(errno));
	while (end > 1 && folder[end - 1] == '/')
		end--;
	name = end;
	while (name > 0 && folder[name - 1] != '/')
		name--;
	n = snprintf(above, sizeof(above), "%.*s", (int)name,
		     name ? folder : "");
	if (n < 0 || !realpath(name ? above : ".", real))
		return cli_fail_text(cli, EIO, "cannot make %s: %s", folder,
				     strerror(errno));
	n = snprintf(path, PATH_MAX, "%s/%.*s", real[1] ? real : "",
		     (int)(end - name), folder + name);
	if (n < 0 || n >= PATH_MAX)
		return cli_usage(cli, "the name of the folder is too long");
	return EXIT_STATUS_OK;
}

static int finish(const struct cli *cli, struct progress *progress,
		  const struct vm_message *message)
{
	const json_t *disk, *disks = json_object_get(message->result, "disks");
	char size[TEXT_UNIT_BYTES];
	struct vm_failure failure;
	struct lis_error err;
	uint64_t bytes = 0;
	size_t index;
	int ret = vm_message_check(message, &failure, &err);

	if (ret < 0) {
		progress_end(progress);
		return cli_fail(cli, ret, &failure, &err);
	}
	json_array_foreach(disks, index, disk)
	{
		bytes += cli_number(disk, "copied_bytes");
	}
	progress_draw(progress, bytes, bytes);
	progress_end(progress);
	if (cli->json)
		return cli_done(cli, json_incref(message->result), "%s", "");
	return cli_done(
		cli, NULL,
		"%s: backup %.8s, %s, of %zu disk%s: copied %s in "
		"%.1f s",
		cli->operands[0], cli_text(message->result, "id"),
		strcmp(cli_text(message->result, "consistency"), "crash") == 0
			? "only crash-consistent"
			: "file systems consistent",
		json_array_size(disks), json_array_size(disks) == 1 ? "" : "s",
		text_size(size, bytes), progress_seconds(progress));
}

static int backup_run(const struct cli *cli, struct vm_client *client,
		      json_t *params)
{
	struct vm_message message = { 0 };
	struct lis_error err = { "" };
	struct progress progress;
	uint64_t id = 0;
	int status;
	int ret;

	progress_begin(&progress, !cli->json);
	ret = vm_client_send(client, "backup.start", params, CLI_ANSWER_MS, &id,
			     &err);
	while (ret == 0) {
		ret = vm_client_receive(client, -1, &message, &err);
		if (ret <= 0 || (!message.method && message.id == id))
			break;
		if (message.method &&
		    strcmp(message.method, "backup.progress") == 0)
			progress_draw(&progress,
				      cli_number(message.params, "bytes"),
				      cli_number(message.params, "total"));
		vm_message_release(&message);
		ret = 0;
	}
	if (ret == 1) {
		status = finish(cli, &progress, &message);
		vm_message_release(&message);
		return status;
	}
	progress_end(&progress);
	if (ret == -EINTR)
		/* Going away is what cancels it. */
		return cli_fail_text(cli, EINTR, "the backup was cancelled");
	return cli_fail(cli, ret, NULL, &err);
}

static int backup(struct cli *cli)
{
	struct vm_client *client;
	char folder[PATH_MAX];
	json_t *params;
	int signal_fd;
	int status = folder_resolve(cli, cli->operands[1], folder);

	if (status != EXIT_STATUS_OK)
		return status;
	params = json_pack("{s:s, s:b, s:b}", "directory", folder,
			   "crash_consistent",
			   cli_option(cli, "crash-consistent") != NULL, "full",
			   cli_option(cli, "full") != NULL);
	if (!params)
		return cli_usage(cli, "the name of the folder is not UTF-8");
	status = cli_connect(cli, &client);
	if (status != EXIT_STATUS_OK) {
		json_decref(params);
		return status;
	}
	signal_fd = cli_signal_fd();
	vm_client_interrupt(client, signal_fd);
	status = backup_run(cli, client, params);
	vm_client_close(client);
	close(signal_fd);
	return status;
}

const struct cli_command command_backup = {
	.name = "backup",
	.summary =
		"Copy a VM's disks, as they are at one moment, into a folder",
	.cmdlet = "Checkpoint-VM",
	.operands = "VM FOLDER",
	.operands_min = 2,
	.operands_max = 2,
	.options = options,
	.handler = backup,
};
