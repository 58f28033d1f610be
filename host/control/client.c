/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES 65536

struct vm_client {
	char name[VM_NAME_BYTES_MAX + 1];
	int fd;
	int interrupt_fd; /* -1: none */
	uint64_t next_id;
	bool ended;  /* the peer will send no more */
	char *input; /* bytes received, input_bytes of input_capacity */
	size_t input_bytes, input_capacity;
	size_t searched_bytes; /* of input, known to hold no newline */
	json_t *pending;       /* notifications that came during a call */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The moment at which a wait of timeout_ms ends; -1 never. */
static int64_t deadline_after(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
}

/*
 * Waits until the socket has one of events. Returns the events, 0 when the
 * deadline has passed, -EINTR when the caller is wanted elsewhere.
 */
static int wait_for(struct vm_client *client, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd fds[2] = {
			{ .fd = client->fd, .events = events },
			{ .fd = client->interrupt_fd, .events = POLLIN },
		};
		int64_t left = deadline_ms < 0 ? -1 : deadline_ms - now_ms();
		int n;

		if (deadline_ms >= 0 && left < 0)
			left = 0;
		n = poll(fds, 2, (int)left);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && fds[1].revents)
			return -EINTR;
		if (n > 0)
			return fds[0].revents;
		if (n == 0)
			return 0;
	}
}

int vm_client_adopt(struct vm_client **client, const char *name, int fd,
		    struct lis_error *err)
{
	struct vm_client *made = calloc(1, sizeof(*made));

	*client = NULL;
	if (made)
		made->pending = json_array();
	if (!made || !made->pending) {
		free(made);
		close(fd);
		return lis_error_set(err, ENOMEM, "out of memory");
	}
	snprintf(made->name, sizeof(made->name), "%s", name);
	made->fd = fd;
	made->interrupt_fd = -1;
	made->next_id = 1;
	*client = made;
	return 0;
}

static int connect_failed(const char *name, int code, struct lis_error *err)
{
	if (code == ENOENT)
		return lis_error_set(err, ENOENT,
				     "no VM named \"%s\" is running; \"lis "
				     "list\" shows those that are",
				     name);
	if (code == ECONNREFUSED)
		return lis_error_set(err, ENOENT,
				     "no VM named \"%s\" is running: its "
				     "process was killed and left its socket "
				     "behind, which the next \"lis run --name "
				     "%s\" replaces",
				     name, name);
	if (code == EAGAIN)
		return lis_error_set(err, ETIMEDOUT,
				     "VM \"%s\" does not accept connections: "
				     "its process is stuck or overloaded; try "
				     "again, or kill it",
				     name);
	if (code == EACCES || code == EPERM)
		return lis_error_set(err, EACCES,
				     "VM \"%s\" cannot be reached: its socket "
				     "is not yours to use; become the user "
				     "who runs it",
				     name);
	return lis_error_set(err, code, "cannot connect to VM \"%s\": %s", name,
			     strerror(code));
}

/*
 * connect() on a Unix socket waits only while the backlog is full; the send
 * time limit bounds that wait (unix(7): SO_SNDTIMEO).
 */
static int socket_connect(int fd, const char *path, int timeout_ms)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = {
		.tv_sec = timeout_ms / 1000,
		.tv_usec = timeout_ms % 1000 * 1000,
	};

	memcpy(address.sun_path, path, strlen(path) + 1);
	if (timeout_ms > 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return errno;
	return 0;
}

int vm_client_connect(struct vm_client **client, const char *name,
		      int timeout_ms, struct lis_error *err)
{
	char path[VM_SOCKET_PATH_BYTES];
	int fd, code;
	int ret;

	*client = NULL;
	ret = vm_socket_path(path, sizeof(path), name, false, err);
	if (ret == -ENOENT)
		return connect_failed(name, ENOENT, err);
	if (ret < 0)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return connect_failed(name, errno, err);
	code = socket_connect(fd, path, timeout_ms);
	if (code != 0) {
		close(fd);
		return connect_failed(name, code, err);
	}
	return vm_client_adopt(client, name, fd, err);
}

void vm_client_close(struct vm_client *client)
{
	if (!client)
		return;
	close(client->fd);
	free(client->input);
	json_decref(client->pending);
	free(client);
}

const char *vm_client_name(const struct vm_client *client)
{
	return client->name;
}

int vm_client_fd(const struct vm_client *client)
{
	return client->fd;
}

void vm_client_interrupt(struct vm_client *client, int fd)
{
	client->interrupt_fd = fd;
}

static int lost(const struct vm_client *client, struct lis_error *err)
{
	return lis_error_set(err, ECONNRESET,
			     "the process of VM \"%s\" ended before it "
			     "answered; \"lis list\" shows whether the VM is "
			     "still there",
			     client->name);
}

static int garbage(const struct vm_client *client, const char *what,
		   struct lis_error *err)
{
	return lis_error_set(err, EPROTO,
			     "the process of VM \"%s\" sent %s, which is not "
			     "the control protocol; is it a \"lis run\" of "
			     "another version?",
			     client->name, what);
}

static int no_memory(struct lis_error *err)
{
	return lis_error_set(err, ENOMEM, "out of memory");
}

/* Reads what has arrived; a peer that has gone sets ended. */
static int input_fill(struct vm_client *client, struct lis_error *err)
{
	ssize_t n;

	if (client->input_capacity - client->input_bytes < READ_BYTES) {
		size_t capacity = client->input_capacity * 2 + READ_BYTES;
		char *grown = realloc(client->input, capacity);

		if (!grown)
			return no_memory(err);
		client->input = grown;
		client->input_capacity = capacity;
	}
	n = recv(client->fd, client->input + client->input_bytes, READ_BYTES,
		 MSG_DONTWAIT);
	if (n > 0)
		client->input_bytes += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		client->ended = true;
	return 0;
}

/* Length of the first whole line, with its newline; 0 when there is none. */
static size_t line_bytes(struct vm_client *client)
{
	char *end = NULL;

	if (client->input_bytes > client->searched_bytes)
		end = memchr(client->input + client->searched_bytes, '\n',
			     client->input_bytes - client->searched_bytes);
	client->searched_bytes = client->input_bytes;
	return end ? (size_t)(end - client->input) + 1 : 0;
}

static void line_drop(struct vm_client *client, size_t bytes)
{
	client->input_bytes -= bytes;
	memmove(client->input, client->input + bytes, client->input_bytes);
	client->searched_bytes = 0;
}

static bool answer_parse(struct vm_message *m)
{
	json_t *id = json_object_get(m->root, "id");
	json_t *error = json_object_get(m->root, "error");
	const char *reason;

	m->result = json_object_get(m->root, "result");
	if (!m->result == !error)
		return false;
	/* Requests that could not be read are answered with id null. */
	if (json_is_integer(id) && json_integer_value(id) > 0)
		m->id = (uint64_t)json_integer_value(id);
	else if (!error)
		return false;
	if (!error)
		return true;
	m->error_code = (int)json_integer_value(json_object_get(error, "code"));
	m->error_text = json_string_value(json_object_get(error, "message"));
	reason = json_string_value(
		json_object_get(json_object_get(error, "data"), "reason"));
	m->error_reason = reason ? reason : "";
	return m->error_code != 0 && m->error_text;
}

/* Sorts the members of a parsed line; false when it is not the protocol. */
static bool message_parse(struct vm_message *m)
{
	json_t *method = json_object_get(m->root, "method");

	if (!json_is_object(m->root))
		return false;
	if (!method)
		return answer_parse(m);
	m->method = json_string_value(method);
	m->params = json_object_get(m->root, "params");
	return m->method && (!m->params || json_is_object(m->params)) &&
	       !json_object_get(m->root, "id");
}

static int line_parse(struct vm_client *client, size_t bytes,
		      struct vm_message *message, struct lis_error *err)
{
	json_error_t where;
	char what[64];

	memset(message, 0, sizeof(*message));
	message->root = json_loadb(client->input, bytes, 0, &where);
	if (message->root && message_parse(message)) {
		line_drop(client, bytes);
		return 1;
	}
	vm_message_release(message);
	snprintf(what, sizeof(what), "a line of %zu bytes", bytes);
	line_drop(client, bytes);
	return garbage(client, what, err);
}

/* Takes the next message from the socket itself. */
static int socket_receive(struct vm_client *client, int64_t deadline_ms,
			  struct vm_message *message, struct lis_error *err)
{
	for (;;) {
		size_t bytes = line_bytes(client);
		int ret;

		if (bytes > 0)
			return line_parse(client, bytes, message, err);
		if (client->input_bytes > VM_LINE_BYTES_MAX)
			return garbage(client, "a line without end", err);
		if (client->ended && client->input_bytes > 0)
			return lost(client, err);
		if (client->ended)
			return lis_error_set(err, EPIPE,
					     "the process of VM \"%s\" closed "
					     "the connection",
					     client->name);
		ret = wait_for(client, POLLIN, deadline_ms);
		if (ret == -EINTR)
			return lis_error_set(err, EINTR, "interrupted");
		if (ret < 0)
			return lis_error_set(err, -ret, "poll: %s",
					     strerror(-ret));
		if (ret == 0)
			return 0;
		ret = input_fill(client, err);
		if (ret < 0)
			return ret;
	}
}

int vm_client_receive(struct vm_client *client, int timeout_ms,
		      struct vm_message *message, struct lis_error *err)
{
	memset(message, 0, sizeof(*message));
	if (json_array_size(client->pending) > 0) {
		message->root = json_incref(json_array_get(client->pending, 0));
		json_array_remove(client->pending, 0);
		message_parse(message);
		return 1;
	}
	return socket_receive(client, deadline_after(timeout_ms), message, err);
}

void vm_message_release(struct vm_message *message)
{
	json_decref(message->root);
	memset(message, 0, sizeof(*message));
}

static int send_failed(struct vm_client *client, int code,
		       struct lis_error *err)
{
	if (code == EINTR)
		return lis_error_set(err, EINTR, "interrupted");
	if (code == ETIMEDOUT)
		return lis_error_set(err, ETIMEDOUT,
				     "VM \"%s\" does not read its requests: "
				     "its process is stuck; try again, or "
				     "kill it",
				     client->name);
	return lost(client, err);
}

/*
 * Writes all bytes. While the socket is full, what the VM sends is read, for
 * it may be waiting for us to do so before it reads again.
 */
static int output_write(struct vm_client *client, const char *data,
			size_t bytes, int64_t deadline_ms,
			struct lis_error *err)
{
	while (bytes > 0) {
		ssize_t n = send(client->fd, data, bytes,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		short events = POLLOUT;
		int ret;

		if (n > 0) {
			data += n;
			bytes -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return send_failed(client, errno, err);
		if (client->input_bytes < VM_LINE_BYTES_MAX && !client->ended)
			events |= POLLIN;
		ret = wait_for(client, events, deadline_ms);
		if (ret <= 0)
			return send_failed(client, ret ? -ret : ETIMEDOUT, err);
		if (ret & POLLIN)
			ret = input_fill(client, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int vm_client_send(struct vm_client *client, const char *method, json_t *params,
		   int timeout_ms, uint64_t *id, struct lis_error *err)
{
	uint64_t request_id = client->next_id++;
	json_t *request;
	char *text;
	size_t bytes;
	int ret;

	request = json_pack("{s:s, s:I, s:s, s:o*}", "jsonrpc", "2.0", "id",
			    (json_int_t)request_id, "method", method, "params",
			    params);
	text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	json_decref(request);
	if (!text)
		return no_memory(err);
	/* The terminator's place takes the newline that ends the line. */
	bytes = strlen(text);
	text[bytes] = '\n';
	ret = output_write(client, text, bytes + 1, deadline_after(timeout_ms),
			   err);
	free(text);
	if (id)
		*id = request_id;
	return ret;
}

int vm_message_check(const struct vm_message *message,
		     struct vm_failure *failure, struct lis_error *err)
{
	struct vm_failure seen = { .code = message->error_code };

	if (message->error_code != 0)
		snprintf(seen.reason, sizeof(seen.reason), "%s",
			 message->error_reason);
	if (failure)
		*failure = seen;
	if (message->error_code == 0)
		return 0;
	return lis_error_set(err, EREMOTEIO, "%s", message->error_text);
}

static int pending_add(struct vm_client *client,
		       const struct vm_message *message, struct lis_error *err)
{
	if (json_array_size(client->pending) >= VM_PENDING_MAX)
		return garbage(client, "notifications without end", err);
	if (json_array_append(client->pending, message->root) != 0)
		return no_memory(err);
	return 0;
}

/* Waits for the answer with the id; an error without id is meant for us too. */
static int answer_wait(struct vm_client *client, uint64_t id,
		       int64_t deadline_ms, struct vm_message *message,
		       struct lis_error *err)
{
	for (;;) {
		int ret = socket_receive(client, deadline_ms, message, err);

		if (ret == -EPIPE)
			return lost(client, err);
		if (ret < 0)
			return ret;
		if (ret == 0)
			return lis_error_set(err, ETIMEDOUT,
					     "VM \"%s\" did not answer in "
					     "time: its process is stuck or "
					     "its machine overloaded",
					     client->name);
		if (!message->method && (message->id == id || message->id == 0))
			return 0;
		ret = message->method ? pending_add(client, message, err) : 0;
		vm_message_release(message);
		if (ret < 0)
			return ret;
	}
}

int vm_client_call(struct vm_client *client, const char *method, json_t *params,
		   int timeout_ms, json_t **result, struct vm_failure *failure,
		   struct lis_error *err)
{
	int64_t deadline_ms = deadline_after(timeout_ms);
	struct vm_message message;
	uint64_t id;
	int ret;

	if (result)
		*result = NULL;
	if (failure)
		memset(failure, 0, sizeof(*failure));
	ret = vm_client_send(client, method, params, timeout_ms, &id, err);
	if (ret == 0)
		ret = answer_wait(client, id, deadline_ms, &message, err);
	if (ret < 0)
		return ret;
	ret = vm_message_check(&message, failure, err);
	if (ret == 0 && result)
		*result = json_incref(message.result);
	vm_message_release(&message);
	return ret;
}
