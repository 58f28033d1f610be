/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/methods.h"

#include <stdlib.h>
#include <string.h>

#include "host/control/base64.h"
#include "host/control/params.h"
#include "host/control/vm.h"

/* The client of a request, which is valid no more once it was answered. */
static struct control_client *answer_and_follow(struct control_request *request,
						unsigned int streams)
{
	struct control_client *client = request->client;

	control_follow(request, streams);
	control_reply(request, json_object());
	return client;
}

void method_console_attach(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	char *bytes = malloc(CONSOLE_REPLAY_BYTES);
	char *text = malloc(BASE64_ROOM(CONSOLE_REPLAY_BYTES));
	struct control_client *client;
	bool replay = false;

	if (!bytes || !text) {
		control_fail(request, "io", "out of memory");
	} else if (params_flag(request, params, "replay", &replay)) {
		client = answer_and_follow(request, CONTROL_CONSOLE);
		if (replay) {
			base64_encode(text, bytes,
				      console_replay(&vm->console, bytes));
			control_notify(client, "console.output",
				       json_pack("{s:s}", "data", text));
		}
	}
	free(bytes);
	free(text);
}

void method_console_input(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	const char *text = NULL;
	ssize_t count = -1;
	char *bytes;
	size_t taken;

	if (!params_text(request, params, "data", true, &text))
		return;
	bytes = malloc(strlen(text) + 1);
	if (bytes)
		count = base64_decode(bytes, text, strlen(text));
	if (count < 0) {
		control_fail_params(request, "\"data\" is not base64");
	} else {
		taken = console_type(&vm->console, bytes, (size_t)count);
		vm_console_push(vm);
		control_reply(request,
			      json_pack("{s:I}", "taken", (json_int_t)taken));
	}
	free(bytes);
}

static void event_replay(void *context, json_t *event)
{
	control_notify(context, "event", json_incref(event));
}

void method_events_follow(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	struct control_client *client;
	bool replay = false;

	if (!params_flag(request, params, "replay", &replay))
		return;
	client = answer_and_follow(request, CONTROL_EVENTS);
	if (replay)
		event_log_walk(&vm->events, event_replay, client);
}

void method_trace_follow(struct control_request *request, json_t *params)
{
	bool messages = true, packets = true;

	if (!params_flag(request, params, "messages", &messages) ||
	    !params_flag(request, params, "packets", &packets))
		return;
	answer_and_follow(request,
			  (messages ? CONTROL_TRACE_MESSAGES : 0u) |
				  (packets ? CONTROL_TRACE_PACKETS : 0u));
}
