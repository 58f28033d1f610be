/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * server.h - the control socket of one VM: JSON-RPC 2.0, a JSON object a line.
 *
 * Here: connections, framing, requests and answers. Not here: what a method
 * does (methods.h), and the VM itself. The protocol is
 * docs/control-protocol.md.
 */
#ifndef HOST_CONTROL_SERVER_H
#define HOST_CONTROL_SERVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "host/vm/error.h"

struct control_server;
struct control_client;

/* A request that was read and not yet answered. */
struct control_request {
	struct control_client *client; /* NULL once the client has gone */
	json_t *id;
	void *context; /* the server's, as given to control_server_start */
	/* Called when the client goes before the answer; may be NULL. The
	 * request stays valid until it is answered all the same. */
	void (*orphaned)(struct control_request *request);
	void *owner; /* free for the method's use */
	struct control_request *next;
};

/* One row per method. */
struct control_method {
	const char *name;
	/* Called with borrowed params (an object, possibly empty). Must lead to
	 * exactly one control_reply or control_fail, now or later. */
	void (*handle)(struct control_request *request, json_t *params);
};

/* What a client follows; one bit each. */
enum control_stream {
	CONTROL_EVENTS = 1 << 0,
	CONTROL_CONSOLE = 1 << 1,
	CONTROL_TRACE_MESSAGES = 1 << 2,
	CONTROL_TRACE_PACKETS = 1 << 3,
};

/*
 * Serve a listening socket until control_server_stop.
 * @server: result.
 * @loop: the loop that all calls and callbacks happen on.
 * @listen_fd: a bound and listening Unix stream socket; owned from here on.
 * @methods, @method_count: the table, which must outlive the server.
 * @context: given to every method in its request.
 * @followers_changed: called with @context when the set of followed streams
 *	may have changed.
 * Returns 0, or a negative errno with @error set.
 */
int control_server_start(struct control_server **server, uv_loop_t *loop,
			 int listen_fd, const struct control_method *methods,
			 size_t method_count, void *context,
			 void (*followers_changed)(void *context),
			 struct lis_error *error);

/* Close the socket and every connection; frees the server once the loop has
 * run the handles' close callbacks. */
void control_server_stop(struct control_server *server);

/* Answer a request; takes over @result. Frees the request. */
void control_reply(struct control_request *request, json_t *result);

/* Answer with an error of the protocol's table: @reason is its one word,
 * the format makes the sentence. Frees the request. */
void control_fail(struct control_request *request, const char *reason,
		  const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Answer that the parameters are wrong (-32602). Frees the request. */
void control_fail_params(struct control_request *request, const char *format,
			 ...) __attribute__((format(printf, 2, 3)));

/*
 * Have @gone called, with the server's context, when the client goes away, but
 * not when the server stops; NULL: no more. A client has one such wish at a
 * time. Its pointer is only to be compared from then on.
 */
void control_when_gone(struct control_client *client,
		       void (*gone)(void *context,
				    struct control_client *client));

/*
 * Send one client a notification; takes over @params. It is dropped when the
 * client reads so slowly that its backlog is past the limit; the next one that
 * is not dropped has the number of the missing as its member "lost".
 */
void control_notify(struct control_client *client, const char *method,
		    json_t *params);

/* Send a notification to all followers of @stream; takes over @params. */
void control_broadcast(struct control_server *server,
		       enum control_stream stream, const char *method,
		       json_t *params);

/* The streams that somebody follows now (bits of enum control_stream). */
unsigned int control_followed(const struct control_server *server);

/* Make the request's client follow @streams from now on. */
void control_follow(struct control_request *request, unsigned int streams);

#endif
