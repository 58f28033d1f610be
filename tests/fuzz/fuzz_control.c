/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The control socket: any bytes in any pieces, from a client that may go at any
 * time. Every line that comes back is a JSON-RPC object.
 *
 * The input is what the client sends; a byte 0xfe ends a piece, 0xfd makes it
 * read what came, 0xfc has requests that are held answered, 0xfb has all
 * followers told something.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/control/server.h"

#define HELD_MAX 128

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uv_loop_t loop;
static struct control_server *server;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static socklen_t address_bytes;
static struct control_request *held[HELD_MAX];
static size_t held_count;
static char received[1u << 20];
static size_t received_bytes;

/* ---- methods ---- */

static void echo(struct control_request *request, json_t *params)
{
	control_reply(request, json_incref(params));
}

static void refuse(struct control_request *request, json_t *params)
{
	const char *text = json_string_value(json_object_get(params, "text"));

	control_fail(request, "refused", "refused: %.100s", text ? text : "");
}

static void orphaned(struct control_request *request)
{
	if (request->client)
		abort();
}

static void hold(struct control_request *request, json_t *params)
{
	(void)params;
	if (held_count == HELD_MAX) {
		control_fail_params(request, "too many are held");
		return;
	}
	request->orphaned = orphaned;
	held[held_count++] = request;
}

static void follow(struct control_request *request, json_t *params)
{
	(void)params;
	control_follow(request, CONTROL_EVENTS);
	control_reply(request, json_object());
}

static void on_gone(void *context, struct control_client *client)
{
	(void)context;
	(void)client;
}

static void gone(struct control_request *request, json_t *params)
{
	control_when_gone(request->client,
			  json_object_size(params) ? NULL : on_gone);
	control_reply(request, json_null());
}

static const struct control_method methods[] = {
	{ "echo", echo },     { "refuse", refuse }, { "hold", hold },
	{ "follow", follow }, { "gone", gone },
};

static void release(void)
{
	while (held_count)
		control_reply(held[--held_count], json_true());
}

static void followers_changed(void *context)
{
	(void)context;
}

/* ---- the client ---- */

static void turn(void)
{
	uv_run(&loop, UV_RUN_NOWAIT);
	uv_run(&loop, UV_RUN_NOWAIT);
}

static void line_check(const char *line, size_t length)
{
	json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
	const char *version =
		json_string_value(json_object_get(object, "jsonrpc"));
	int kinds = !!json_object_get(object, "result") +
		    !!json_object_get(object, "error") +
		    !!json_object_get(object, "method");

	if (!version || strcmp(version, "2.0") || kinds != 1)
		abort();
	json_decref(object);
}

static void lines_check(int fd)
{
	ssize_t count;

	while ((count = recv(fd, received + received_bytes,
			     sizeof(received) - received_bytes, MSG_DONTWAIT)) >
	       0) {
		char *start = received, *newline;

		received_bytes += (size_t)count;
		while ((newline = memchr(
				start, '\n',
				(size_t)(received + received_bytes - start)))) {
			line_check(start, (size_t)(newline - start));
			start = newline + 1;
		}
		received_bytes -= (size_t)(start - received);
		memmove(received, start, received_bytes);
	}
}

static void piece_end(int fd, uint8_t mark)
{
	turn();
	if (mark == 0xfd)
		lines_check(fd);
	if (mark == 0xfc)
		release();
	if (mark == 0xfb)
		control_broadcast(server, CONTROL_EVENTS, "event",
				  json_pack("{s:i}", "n", 1));
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int length =
		snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
			 "lis-fuzz-%d", getpid());

	(void)count;
	(void)arguments;
	signal(SIGPIPE, SIG_IGN);
	address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				    (size_t)length);
	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)&address, address_bytes) < 0 ||
	    listen(fd, 16) < 0 || uv_loop_init(&loop) < 0 ||
	    control_server_start(&server, &loop, fd, methods,
				 sizeof(methods) / sizeof(methods[0]), NULL,
				 followers_changed, NULL) < 0)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t start = 0;

	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, address_bytes) < 0)
		abort();
	received_bytes = 0;
	turn();
	for (size_t i = 0; i <= size; i++) {
		if (i < size && data[i] < 0xfb)
			continue;
		if (send(fd, data + start, i - start,
			 MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		start = i + 1;
		piece_end(fd, i < size ? data[i] : 0xfd);
	}
	close(fd);
	turn();
	release();
	turn();
	if (control_followed(server))
		abort(); /* the client is not gone */
	return 0;
}
