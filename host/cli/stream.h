/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * stream.h - following what a VM tells as it happens.
 *
 * Here: start, next, end of a stream of notifications. Not here: what they
 * say (events.c, trace.c).
 */
#ifndef HOST_CLI_STREAM_H
#define HOST_CLI_STREAM_H

#include "host/cli/cli.h"

struct stream {
	const struct cli *cli;
	const char *method; /* of the notifications */
	struct vm_client *client;
	int signal_fd; /* Ctrl-C and the like end the stream */
};

/*
 * Connects to the VM of the first operand and asks it to tell.
 * start: method that starts it; params: taken over; method: of what follows.
 * Returns EXIT_STATUS_OK; else prints the error and returns its status, and
 * there is nothing to close.
 */
int stream_open(struct stream *stream, const struct cli *cli, const char *start,
		json_t *params, const char *method);
void stream_close(struct stream *stream);

/*
 * Takes the next notification of the stream, waiting for it without limit.
 * Returns 1 and the message, to be released; 0 when a signal has ended the
 * stream; -EPIPE when the VM has, with nothing printed; another negative errno
 * when it failed, with the error printed and its exit status in status.
 */
int stream_next(struct stream *stream, struct vm_message *message, int *status);

#endif
