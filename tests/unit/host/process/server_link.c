/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "server_link.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TURNS	   200
#define LINE_BYTES (16u << 20)

struct control_server *link_server;
unsigned int link_followers_changes;
int link_context;

static uv_loop_t loop;
static struct sockaddr_un address;
static socklen_t address_bytes;
/* What was read of each connection and is not a whole line yet. */
static char *pending[256];
static size_t pending_bytes[256];

static void followers_changed(void *context)
{
	assert_ptr_equal(context, &link_context);
	link_followers_changes++;
}

void link_begin(const struct control_method *methods, size_t count)
{
	struct lis_error error;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int length;

	assert_true(fd >= 0);
	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	/* An abstract name: nothing to remove afterwards. */
	length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
			  "lis-server-%d", getpid());
	address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				    (size_t)length);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, address_bytes),
			 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(uv_loop_init(&loop), 0);
	/* As the VM process has it. */
	signal(SIGPIPE, SIG_IGN);
	link_followers_changes = 0;
	if (control_server_start(&link_server, &loop, fd, methods, count,
				 &link_context, followers_changed, &error))
		fail_msg("%s", error.text);
}

void link_end(void)
{
	control_server_stop(link_server);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	for (size_t i = 0; i < 256; i++) {
		free(pending[i]);
		pending[i] = NULL;
		pending_bytes[i] = 0;
	}
}

void link_turn(void)
{
	for (int i = 0; i < 3; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
}

int link_connect(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_in_range(fd, 0, 255);
	assert_int_equal(
		connect(fd, (struct sockaddr *)&address, address_bytes), 0);
	free(pending[fd]);
	pending[fd] = NULL;
	pending_bytes[fd] = 0;
	link_turn();
	return fd;
}

void link_send_bytes(int fd, const void *bytes, size_t count)
{
	const char *at = bytes;

	while (count) {
		ssize_t sent = send(fd, at, count, MSG_DONTWAIT | MSG_NOSIGNAL);

		link_turn();
		if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
			return;
		if (sent < 0)
			assert_int_equal(errno, EAGAIN);
		else {
			at += sent;
			count -= (size_t)sent;
		}
	}
	link_turn();
}

void link_send(int fd, const char *text)
{
	link_send_bytes(fd, text, strlen(text));
}

/* Read what there is: false at the end of the connection. */
static bool fill(int fd)
{
	char bytes[65536];
	ssize_t count = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (count < 0 && errno == EAGAIN)
		return true;
	if (count <= 0)
		return false;
	pending[fd] = realloc(pending[fd], pending_bytes[fd] + (size_t)count);
	assert_non_null(pending[fd]);
	memcpy(pending[fd] + pending_bytes[fd], bytes, (size_t)count);
	pending_bytes[fd] += (size_t)count;
	assert_true(pending_bytes[fd] < LINE_BYTES);
	return true;
}

static char *line_take(int fd)
{
	char *end = pending_bytes[fd]
			    ? memchr(pending[fd], '\n', pending_bytes[fd])
			    : NULL;
	size_t length;
	char *line;

	if (!end)
		return NULL;
	length = (size_t)(end - pending[fd]) + 1;
	line = strndup(pending[fd], length);
	assert_non_null(line);
	assert_int_equal(strlen(line), length);
	pending_bytes[fd] -= length;
	memmove(pending[fd], pending[fd] + length, pending_bytes[fd]);
	return line;
}

char *link_line(int fd)
{
	for (int i = 0; i < TURNS; i++) {
		char *line = line_take(fd);

		if (line)
			return line;
		link_turn();
		if (!fill(fd) && !pending_bytes[fd])
			break;
	}
	fail_msg("no line comes");
	return NULL;
}

json_t *link_receive(int fd)
{
	char *line = link_line(fd);
	json_error_t why;
	json_t *object = json_loads(line, 0, &why);

	if (!object)
		fail_msg("the server's line is not JSON: %s", why.text);
	assert_true(json_is_object(object));
	free(line);
	return object;
}

bool link_closed(int fd)
{
	for (int i = 0; i < TURNS; i++) {
		link_turn();
		if (!fill(fd))
			return true;
	}
	return false;
}

void link_silent(int fd)
{
	for (int i = 0; i < 5; i++) {
		link_turn();
		assert_true(fill(fd));
	}
	assert_int_equal(pending_bytes[fd], 0);
}

json_t *link_call(int fd, const char *request, int code)
{
	json_t *answer, *error, *result;

	link_send(fd, request);
	link_send(fd, "\n");
	answer = link_receive(fd);
	error = json_object_get(answer, "error");
	assert_int_equal(json_integer_value(json_object_get(error, "code")),
			 code);
	if (code)
		assert_true(json_string_length(
				    json_object_get(error, "message")) > 8);
	result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return result;
}
