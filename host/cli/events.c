/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/stream.h"
#include "host/cli/text.h"

static const struct cli_option options[] = {
	{ "replay", 0, NULL, "begin with the events that the VM remembers" },
	{ "no-follow", 0, NULL, "show those events and leave" },
	{ NULL, 0, NULL, NULL },
};

/* "2026-01-02T03:04:05.678Z heartbeat-lost  Heartbeat: no answer for 10 s" */
static int event_print(const struct cli *cli, const json_t *event)
{
	const char *service = cli_text(event, "service");
	char line[8192], *safe;

	if (cli->json)
		return cli_print_line(cli, event);
	snprintf(line, sizeof(line), "%s %-15s %s%s%s", cli_text(event, "time"),
		 cli_text(event, "event"), service, *service ? ": " : "",
		 cli_text(event, "text"));
	safe = text_printable(line);
	if (!safe)
		return cli_fail_text(cli, ENOMEM, "out of memory");
	puts(safe);
	free(safe);
	return cli_flush(cli);
}

/*
 * Prints what the VM remembers. It sends that before it answers the next
 * request, so an answer marks its end.
 */
static int events_remembered(struct stream *stream)
{
	const struct cli *cli = stream->cli;
	struct vm_message message;
	struct vm_failure failure;
	struct lis_error err = { "" };
	int status = EXIT_STATUS_OK;
	int ret = vm_client_call(stream->client, "vm.info", NULL, CLI_ANSWER_MS,
				 NULL, &failure, &err);

	if (ret < 0)
		return cli_fail(cli, ret, &failure, &err);
	while (status == EXIT_STATUS_OK &&
	       vm_client_receive(stream->client, 0, &message, &err) == 1) {
		if (message.method && strcmp(message.method, "event") == 0)
			status = event_print(cli, message.params);
		vm_message_release(&message);
	}
	return status;
}

static int events_follow(struct stream *stream)
{
	struct vm_message message;
	bool stopped = false;
	int status = EXIT_STATUS_OK;
	int ret;

	while ((ret = stream_next(stream, &message, &status)) == 1) {
		/* The closing of its channels may still follow. */
		stopped |= strcmp(cli_text(message.params, "event"),
				  "stopped") == 0;
		status = event_print(stream->cli, message.params);
		vm_message_release(&message);
		if (status != EXIT_STATUS_OK)
			return status;
	}
	if (ret == -EPIPE && !stopped)
		return cli_fail_text(stream->cli, ECONNRESET,
				     "the process of VM \"%s\" ended without "
				     "an event that says why; it may have been "
				     "killed",
				     stream->cli->operands[0]);
	return status;
}

static int events(struct cli *cli)
{
	bool follow = !cli_option(cli, "no-follow");
	bool replay = !follow || cli_option(cli, "replay");
	struct stream stream;
	int status;

	status = stream_open(&stream, cli, "events.follow",
			     json_pack("{s:b}", "replay", replay), "event");
	if (status != EXIT_STATUS_OK)
		return status;
	status = follow ? events_follow(&stream) : events_remembered(&stream);
	stream_close(&stream);
	return status;
}

const struct cli_command command_events = {
	.name = "events",
	.summary = "Follow what happens to a VM",
	.cmdlet = "Get-WinEvent -LogName Microsoft-Windows-Hyper-V-*",
	.operands = "VM",
	.operands_min = 1,
	.operands_max = 1,
	.options = options,
	.handler = events,
};
