/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/cli/progress.h"
#include "host/cli/text.h"

/* How long a guest may take to give up a copy before we leave without it. */
#define CANCEL_MS 10000

static const struct cli_option options[] = {
	{ "create-parents", 'p', NULL, "make folders that are missing" },
	{ "force", 'f', NULL, "overwrite the file when it exists" },
	{ NULL, 0, NULL, NULL },
};

struct copy {
	const struct cli *cli;
	struct vm_client *client;
	int signal_fd;
	uint64_t request_id;
	struct progress progress;
};

/*
 * Waits for the answer of the copy, drawing progress. Returns as
 * vm_client_receive() does; 1 with the answer in message.
 */
static int answer_wait(struct copy *copy, int timeout_ms,
		       struct vm_message *message, struct lis_error *err)
{
	for (;;) {
		int ret = vm_client_receive(copy->client, timeout_ms, message,
					    err);

		if (ret <= 0)
			return ret;
		if (!message->method && message->id == copy->request_id)
			return 1;
		if (message->method &&
		    strcmp(message->method, "copy.progress") == 0 &&
		    cli_number(message->params, "id") == copy->request_id)
			progress_draw(&copy->progress,
				      cli_number(message->params, "bytes"),
				      cli_number(message->params, "total"));
		vm_message_release(message);
	}
}

/*
 * Ctrl-C: the guest is asked to give the copy up, so that it removes what it
 * has written. A second one leaves at once; the VM's process then does it.
 */
static int cancel(struct copy *copy)
{
	struct signalfd_siginfo info;
	struct vm_message message = { 0 };
	struct lis_error err = { "" };
	ssize_t n = read(copy->signal_fd, &info, sizeof(info));
	int ret;

	(void)n;
	progress_end(&copy->progress);
	ret = vm_client_send(
		copy->client, "copy.cancel",
		json_pack("{s:I}", "id", (json_int_t)copy->request_id),
		CLI_ANSWER_MS, NULL, &err);
	if (ret == 0)
		ret = answer_wait(copy, CANCEL_MS, &message, &err);
	if (ret == 1 && message.error_code == 0) {
		vm_message_release(&message);
		fprintf(stderr, "lis copy: the copy had ended before it could "
				"be cancelled\n");
		return EXIT_STATUS_OK;
	}
	vm_message_release(&message);
	return cli_fail_text(copy->cli, EINTR, "the copy was cancelled");
}

static int finish(struct copy *copy, const struct vm_message *message)
{
	const struct cli *cli = copy->cli;
	uint64_t bytes = cli_number(message->result, "bytes");
	double seconds = progress_seconds(&copy->progress);
	struct vm_failure failure;
	struct lis_error err;
	char size[TEXT_UNIT_BYTES];
	int ret = vm_message_check(message, &failure, &err);

	if (ret == 0)
		progress_draw(&copy->progress, bytes, bytes);
	progress_end(&copy->progress);
	if (ret < 0)
		return cli_fail(cli, ret, &failure, &err);
	if (cli->json)
		return cli_done(cli, json_incref(message->result), "%s", "");
	if (!isatty(STDOUT_FILENO))
		return EXIT_STATUS_OK;
	return cli_done(cli, NULL, "%s: copied %s in %.1f s", cli->operands[0],
			text_size(size, bytes), seconds);
}

static int copy_run(struct copy *copy, json_t *params)
{
	struct vm_message message = { 0 };
	struct lis_error err = { "" };
	int status;
	int ret;

	ret = vm_client_send(copy->client, "copy.start", params, CLI_ANSWER_MS,
			     &copy->request_id, &err);
	if (ret == 0)
		ret = answer_wait(copy, -1, &message, &err);
	if (ret == -EINTR)
		return cancel(copy);
	if (ret < 0) {
		progress_end(&copy->progress);
		return cli_fail(copy->cli, ret, NULL, &err);
	}
	status = finish(copy, &message);
	vm_message_release(&message);
	return status;
}

/* Looks at the source here, where the user can be told at once. */
static int source_resolve(const struct cli *cli, const char *source,
			  char path[PATH_MAX])
{
	struct stat st;
	int fd;

	if (!realpath(source, path))
		return cli_fail_text(cli, EIO, "cannot copy %s: %s", source,
				     strerror(errno));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return cli_fail_text(cli, EIO, "cannot read %s: %s", source,
				     strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return cli_fail_text(cli, EIO,
				     "cannot copy %s: it is not a regular "
				     "file; pack a folder with tar first",
				     source);
	}
	close(fd);
	return EXIT_STATUS_OK;
}

/* A destination that ends in a slash is a folder, for the source's name. */
static int destination_make(const struct cli *cli, const char *source,
			    const char *destination, char path[PATH_MAX])
{
	size_t length = strlen(destination);
	const char *name = "";
	int n;

	if (destination[0] != '/')
		return cli_usage(cli,
				 "the destination \"%s\" is not an absolute "
				 "path in the guest",
				 destination);
	if (destination[length - 1] == '/')
		name = strrchr(source, '/') + 1;
	n = snprintf(path, PATH_MAX, "%s%s", destination, name);
	if (n < 0 || n >= PATH_MAX)
		return cli_usage(cli, "the destination is too long");
	return EXIT_STATUS_OK;
}

static int copy(struct cli *cli)
{
	struct copy copy = { .cli = cli };
	char source[PATH_MAX], destination[PATH_MAX];
	json_t *params;
	int status = source_resolve(cli, cli->operands[1], source);

	if (status == EXIT_STATUS_OK)
		status = destination_make(cli, source, cli->operands[2],
					  destination);
	if (status != EXIT_STATUS_OK)
		return status;
	params = json_pack("{s:s, s:s, s:b, s:b}", "source", source,
			   "destination", destination, "create_parents",
			   cli_option(cli, "create-parents") != NULL, "force",
			   cli_option(cli, "force") != NULL);
	if (!params)
		return cli_usage(cli, "a path is not UTF-8");
	status = cli_connect(cli, &copy.client);
	if (status != EXIT_STATUS_OK) {
		json_decref(params);
		return status;
	}
	progress_begin(&copy.progress, !cli->json);
	copy.signal_fd = cli_signal_fd();
	vm_client_interrupt(copy.client, copy.signal_fd);
	status = copy_run(&copy, params);
	vm_client_close(copy.client);
	close(copy.signal_fd);
	return status;
}

const struct cli_command command_copy = {
	.name = "copy",
	.summary = "Copy a file from the host into a guest",
	.cmdlet = "Copy-VMFile",
	.operands = "VM SOURCE DESTINATION",
	.operands_min = 3,
	.operands_max = 3,
	.options = options,
	.handler = copy,
};
