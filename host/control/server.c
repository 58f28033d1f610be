/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/control/json_text.h"

#define LINE_LIMIT_BYTES    (1u << 20)
#define BACKLOG_LIMIT_BYTES (8u << 20)
#define BACKLOG_LOW_BYTES   (1u << 20)
#define CLIENTS_MAX	    64
/* Requests of one client that may be under way at a time. */
#define REQUESTS_MAX 64

enum {
	RPC_PARSE = -32700,
	RPC_INVALID = -32600,
	RPC_METHOD = -32601,
	RPC_PARAMS = -32602,
	RPC_FAILED = -32000,
};

struct control_client {
	uv_pipe_t pipe; /* first: the handle is the client */
	struct control_server *server;
	struct control_client *next;
	struct control_request *requests; /* not yet answered */
	unsigned int request_count;
	unsigned int streams;
	uint64_t lost; /* notifications dropped since the last one sent */
	void (*gone)(void *context, struct control_client *client);
	bool closing;
	bool held;  /* not read until it has read more of its answers */
	char *line; /* what was read of a line so far */
	size_t line_bytes;
	size_t line_room;
};

struct control_server {
	uv_pipe_t listener; /* first */
	uv_loop_t *loop;
	const struct control_method *methods;
	size_t method_count;
	void *context;
	void (*followers_changed)(void *context);
	struct control_client *clients;
	unsigned int client_count;
	bool stopping;
};

struct outgoing {
	uv_write_t write; /* first */
	char *text;
};

static void server_free_if_done(struct control_server *server)
{
	if (server->stopping && !server->clients &&
	    uv_is_closing((uv_handle_t *)&server->listener) &&
	    !server->listener.data)
		free(server);
}

static void client_closed(uv_handle_t *handle)
{
	struct control_client *client = (struct control_client *)handle;
	struct control_server *server = client->server;
	struct control_client **at = &server->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	server->client_count--;
	free(client->line);
	free(client);
	server_free_if_done(server);
}

static void client_close(struct control_client *client)
{
	struct control_request *request = client->requests;
	unsigned int streams = client->streams;

	if (client->closing)
		return;
	client->closing = true;
	client->streams = 0;
	client->requests = NULL;
	while (request) {
		struct control_request *next = request->next;

		request->client = NULL;
		request->next = NULL;
		if (request->orphaned)
			request->orphaned(request);
		request = next;
	}
	uv_close((uv_handle_t *)&client->pipe, client_closed);
	if (client->gone && !client->server->stopping)
		client->gone(client->server->context, client);
	if (streams && !client->server->stopping)
		client->server->followers_changed(client->server->context);
}

static size_t client_backlog(const struct control_client *client)
{
	return uv_stream_get_write_queue_size(
		(const uv_stream_t *)&client->pipe);
}

static void client_resume(struct control_client *client);

static void write_done(uv_write_t *write, int status)
{
	struct outgoing *out = (struct outgoing *)write;
	struct control_client *client = (struct control_client *)write->handle;

	free(out->text);
	free(out);
	if (status < 0)
		client_close(client);
	else if (client->held && client_backlog(client) < BACKLOG_LOW_BYTES)
		client_resume(client);
}

/* Send one line; takes over the text, which ends in a newline. */
static void client_send_text(struct control_client *client, char *text)
{
	struct outgoing *out;
	uv_buf_t buffer;

	if (client->closing) {
		free(text);
		return;
	}
	out = malloc(sizeof(*out));
	if (!out) {
		free(text);
		client_close(client);
		return;
	}
	out->text = text;
	buffer = uv_buf_init(text, (unsigned int)strlen(text));
	if (uv_write(&out->write, (uv_stream_t *)&client->pipe, &buffer, 1,
		     write_done) < 0) {
		free(text);
		free(out);
		client_close(client);
		return;
	}
	/* Who asks without reading the answers is not listened to. */
	if (client_backlog(client) > BACKLOG_LIMIT_BYTES && !client->held) {
		client->held = true;
		uv_read_stop((uv_stream_t *)&client->pipe);
	}
}

static char *line_of(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	size_t length;
	char *line;

	if (!text)
		return NULL;
	length = strlen(text);
	line = realloc(text, length + 2);
	if (!line) {
		free(text);
		return NULL;
	}
	line[length] = '\n';
	line[length + 1] = '\0';
	return line;
}

/* Send an object, and release it. */
static void client_send(struct control_client *client, json_t *object)
{
	char *line = line_of(object);

	json_decref(object);
	if (line)
		client_send_text(client, line);
	else
		client_close(client);
}

static void send_error(struct control_client *client, json_t *id, int code,
		       const char *reason, const char *message)
{
	json_t *error = json_pack("{s:i, s:o}", "code", code, "message",
				  json_text(message));

	if (reason)
		json_object_set_new(error, "data",
				    json_pack("{s:s}", "reason", reason));
	client_send(client, json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id",
				      id ? id : json_null(), "error", error));
}

static void request_finish(struct control_request *request)
{
	struct control_client *client = request->client;

	if (client) {
		struct control_request **at = &client->requests;

		while (*at != request)
			at = &(*at)->next;
		*at = request->next;
		client->request_count--;
	}
	json_decref(request->id);
	free(request);
}

void control_reply(struct control_request *request, json_t *result)
{
	if (request->client)
		client_send(request->client,
			    json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id",
				      request->id, "result", result));
	else
		json_decref(result);
	request_finish(request);
}

void control_fail(struct control_request *request, const char *reason,
		  const char *format, ...)
{
	char message[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(message, sizeof(message), format, list);
	va_end(list);
	if (request->client)
		send_error(request->client, request->id, RPC_FAILED, reason,
			   message);
	request_finish(request);
}

void control_fail_params(struct control_request *request, const char *format,
			 ...)
{
	char message[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(message, sizeof(message), format, list);
	va_end(list);
	if (request->client)
		send_error(request->client, request->id, RPC_PARAMS, NULL,
			   message);
	request_finish(request);
}

static char *notification_line(const char *method, json_t *params)
{
	json_t *object = json_pack("{s:s, s:s, s:O}", "jsonrpc", "2.0",
				   "method", method, "params", params);
	char *line = line_of(object);

	json_decref(object);
	return line;
}

/* Send a notification, whose line is at hand for who has missed nothing. */
static void notify(struct control_client *client, const char *method,
		   json_t *params, const char *line)
{
	char *text = NULL;

	if (client->closing)
		return;
	if (client_backlog(client) <= BACKLOG_LIMIT_BYTES) {
		if (client->lost) {
			json_object_set_new(
				params, "lost",
				json_integer((json_int_t)client->lost));
			text = notification_line(method, params);
			json_object_del(params, "lost");
		} else if (line) {
			text = strdup(line);
		}
	}
	if (!text) {
		client->lost++;
		return;
	}
	client->lost = 0;
	client_send_text(client, text);
}

void control_notify(struct control_client *client, const char *method,
		    json_t *params)
{
	char *line = notification_line(method, params);

	notify(client, method, params, line);
	free(line);
	json_decref(params);
}

void control_broadcast(struct control_server *server,
		       enum control_stream stream, const char *method,
		       json_t *params)
{
	char *line = notification_line(method, params);
	struct control_client *client;

	/* A failed write closes the client, which keeps it listed until the
	 * loop's next turn. */
	for (client = server->clients; client; client = client->next)
		if (client->streams & stream)
			notify(client, method, params, line);
	free(line);
	json_decref(params);
}

unsigned int control_followed(const struct control_server *server)
{
	unsigned int streams = 0;
	const struct control_client *client;

	for (client = server->clients; client; client = client->next)
		streams |= client->streams;
	return streams;
}

void control_follow(struct control_request *request, unsigned int streams)
{
	if (!request->client)
		return;
	request->client->streams |= streams;
	request->client->server->followers_changed(request->context);
}

void control_when_gone(struct control_client *client,
		       void (*gone)(void *context,
				    struct control_client *client))
{
	client->gone = gone;
}

static const struct control_method *
method_find(const struct control_server *server, const char *name)
{
	for (size_t i = 0; i < server->method_count; i++)
		if (!strcmp(server->methods[i].name, name))
			return &server->methods[i];
	return NULL;
}

static void request_start(struct control_client *client,
			  const struct control_method *method, json_t *id,
			  json_t *params)
{
	struct control_request *request = NULL;
	json_t *empty = NULL;

	if (client->request_count >= REQUESTS_MAX) {
		send_error(client, id, RPC_FAILED, "busy",
			   "this connection has too many requests under way");
		return;
	}
	request = calloc(1, sizeof(*request));
	if (!request) {
		send_error(client, id, RPC_FAILED, "io",
			   "the VM process is out of memory");
		return;
	}
	request->client = client;
	request->context = client->server->context;
	request->id = json_incref(id);
	request->next = client->requests;
	client->requests = request;
	client->request_count++;
	if (!params)
		params = empty = json_object();
	method->handle(request, params);
	json_decref(empty);
}

static void object_received(struct control_client *client, json_t *object)
{
	json_t *id = json_object_get(object, "id");
	json_t *params = json_object_get(object, "params");
	const char *version =
		json_string_value(json_object_get(object, "jsonrpc"));
	const char *name = json_string_value(json_object_get(object, "method"));
	const struct control_method *method;
	char text[160];

	if (!json_is_string(id) && !json_is_integer(id))
		id = NULL;
	if (!version || strcmp(version, "2.0") || !name || !id) {
		send_error(client, id, RPC_INVALID, NULL,
			   "not a JSON-RPC 2.0 request: jsonrpc \"2.0\", a "
			   "method and a string or integer id are needed");
		return;
	}
	if (params && !json_is_object(params)) {
		send_error(client, id, RPC_PARAMS, NULL,
			   "params must be an object");
		return;
	}
	method = method_find(client->server, name);
	if (!method) {
		snprintf(text, sizeof(text), "no method '%.80s'", name);
		send_error(client, id, RPC_METHOD, NULL, text);
		return;
	}
	request_start(client, method, id, params);
}

static void line_received(struct control_client *client, const char *line,
			  size_t length)
{
	json_error_t why;
	json_t *object;
	char text[JSON_ERROR_TEXT_LENGTH + 32];

	if (!length)
		return;
	object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
	if (!object) {
		snprintf(text, sizeof(text), "not JSON: %s", why.text);
		send_error(client, NULL, RPC_PARSE, NULL, text);
		return;
	}
	object_received(client, object);
	json_decref(object);
}

static void lines_split(struct control_client *client)
{
	char *start = client->line;
	char *end = client->line + client->line_bytes;
	char *newline;

	while (!client->closing && !client->held &&
	       (newline = memchr(start, '\n', (size_t)(end - start)))) {
		line_received(client, start, (size_t)(newline - start));
		start = newline + 1;
	}
	client->line_bytes = (size_t)(end - start);
	memmove(client->line, start, client->line_bytes);
	if (client->line_bytes == LINE_LIMIT_BYTES && !client->closing &&
	    !client->held) {
		send_error(client, NULL, RPC_INVALID, NULL,
			   "a line is longer than 1 MiB");
		client_close(client);
	}
}

static void client_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct control_client *client = (struct control_client *)handle;
	size_t room = client->line_room;
	char *line;

	(void)suggested;
	if (client->line_bytes == room && room < LINE_LIMIT_BYTES) {
		room = room ? room * 2 : 4096;
		line = realloc(client->line, room);
		if (line) {
			client->line = line;
			client->line_room = room;
		}
	}
	*buf = uv_buf_init(
		client->line + client->line_bytes,
		(unsigned int)(client->line_room - client->line_bytes));
}

static void client_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
	struct control_client *client = (struct control_client *)stream;

	(void)buf;
	if (count < 0) {
		client_close(client);
		return;
	}
	client->line_bytes += (size_t)count;
	lines_split(client);
}

static void client_resume(struct control_client *client)
{
	client->held = false;
	lines_split(client);
	if (!client->closing && !client->held &&
	    uv_read_start((uv_stream_t *)&client->pipe, client_alloc,
			  client_read) < 0)
		client_close(client);
}

static void client_arrived(uv_stream_t *listener, int status)
{
	struct control_server *server = (struct control_server *)listener;
	struct control_client *client;

	if (status < 0)
		return;
	client = calloc(1, sizeof(*client));
	if (!client)
		return;
	client->server = server;
	uv_pipe_init(server->loop, &client->pipe, 0);
	client->next = server->clients;
	server->clients = client;
	server->client_count++;
	if (uv_accept(listener, (uv_stream_t *)&client->pipe) < 0 ||
	    server->client_count > CLIENTS_MAX ||
	    uv_read_start((uv_stream_t *)&client->pipe, client_alloc,
			  client_read) < 0)
		client_close(client);
}

int control_server_start(struct control_server **result, uv_loop_t *loop,
			 int listen_fd, const struct control_method *methods,
			 size_t method_count, void *context,
			 void (*followers_changed)(void *context),
			 struct lis_error *error)
{
	struct control_server *server = calloc(1, sizeof(*server));
	int code;

	if (!server) {
		close(listen_fd);
		return lis_error_set(error, ENOMEM,
				     "no memory for the control socket");
	}
	server->loop = loop;
	server->methods = methods;
	server->method_count = method_count;
	server->context = context;
	server->followers_changed = followers_changed;
	uv_pipe_init(loop, &server->listener, 0);
	server->listener.data = server; /* until its close is done */
	code = uv_pipe_open(&server->listener, listen_fd);
	if (code < 0)
		close(listen_fd);
	else
		code = uv_listen((uv_stream_t *)&server->listener, 16,
				 client_arrived);
	if (code < 0) {
		control_server_stop(server);
		return lis_error_set(error, -code,
				     "cannot serve the control socket: %s",
				     uv_strerror(code));
	}
	*result = server;
	return 0;
}

static void listener_closed(uv_handle_t *handle)
{
	struct control_server *server = (struct control_server *)handle;

	server->listener.data = NULL;
	server_free_if_done(server);
}

void control_server_stop(struct control_server *server)
{
	struct control_client *client;

	server->stopping = true;
	for (client = server->clients; client; client = client->next)
		client_close(client);
	uv_close((uv_handle_t *)&server->listener, listener_closed);
}
