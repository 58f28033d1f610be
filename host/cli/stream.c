/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int stream_open(struct stream *stream, const struct cli *cli, const char *start,
		json_t *params, const char *method)
{
	struct vm_failure failure;
	struct lis_error err = { "" };
	int status = cli_connect(cli, &stream->client);
	int ret;

	if (status != EXIT_STATUS_OK) {
		json_decref(params);
		return status;
	}
	stream->cli = cli;
	stream->method = method;
	stream->signal_fd = cli_signal_fd();
	vm_client_interrupt(stream->client, stream->signal_fd);
	ret = vm_client_call(stream->client, start, params, CLI_ANSWER_MS, NULL,
			     &failure, &err);
	if (ret == 0)
		return EXIT_STATUS_OK;
	stream_close(stream);
	return cli_fail(cli, ret, &failure, &err);
}

void stream_close(struct stream *stream)
{
	vm_client_close(stream->client);
	close(stream->signal_fd);
}

int stream_next(struct stream *stream, struct vm_message *message, int *status)
{
	struct lis_error err = { "" };

	for (;;) {
		int ret = vm_client_receive(stream->client, -1, message, &err);

		if (ret == -EINTR)
			return 0;
		if (ret == -EPIPE)
			return ret;
		if (ret < 0) {
			*status = cli_fail(stream->cli, ret, NULL, &err);
			return ret;
		}
		if (message->method && message->params &&
		    strcmp(message->method, stream->method) == 0)
			return 1;
		vm_message_release(message);
	}
}
