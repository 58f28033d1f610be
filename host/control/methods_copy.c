/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/methods.h"

#include <stdlib.h>

#include "host/control/params.h"
#include "host/control/vm.h"

#define HOLD_LIMIT_MS	   60000
#define HOLD_LIMIT_MOST_MS 900000 /* what Linux itself gives a freeze */

/* ---- copy ---- */

struct copy {
	struct control_request *request;
	json_t *id;
};

static struct component *fcopy_of(struct vm *vm)
{
	return vm->components[SERVICE_FCOPY];
}

static void copy_progress(void *context, u64 sent_bytes, u64 total_bytes)
{
	struct copy *copy = context;

	if (copy->request->client)
		control_notify(copy->request->client, "copy.progress",
			       json_pack("{s:O, s:I, s:I}", "id", copy->id,
					 "bytes", (json_int_t)sent_bytes,
					 "total", (json_int_t)total_bytes));
}

static void copy_done(void *context, const struct component_answer *answer)
{
	struct copy *copy = context;
	struct vm *vm = copy->request->context;
	u64 sent, total;

	if (vm->copy == copy)
		vm->copy = NULL;
	fcopy_component_progress(fcopy_of(vm), &sent, &total);
	if (answer->ok)
		control_reply(copy->request,
			      json_pack("{s:I}", "bytes", (json_int_t)sent));
	else
		method_fail(copy->request, answer);
	json_decref(copy->id);
	free(copy);
}

static void copy_orphaned(struct control_request *request)
{
	struct vm *vm = request->context;

	fcopy_component_cancel(fcopy_of(vm), request->owner);
}

void method_copy_start(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	const char *source = NULL, *destination = NULL;
	bool create_parents = false, force = false;
	struct copy *copy;

	if (!params_text(request, params, "source", true, &source) ||
	    !params_text(request, params, "destination", true, &destination) ||
	    !params_flag(request, params, "create_parents", &create_parents) ||
	    !params_flag(request, params, "force", &force))
		return;
	if (source[0] != '/' || destination[0] != '/') {
		control_fail_params(request, "\"source\" and \"destination\" "
					     "must be absolute paths");
		return;
	}
	if (vm->copy) {
		control_fail(request, "busy", "%s",
			     fcopy_status_text(FCOPY_BUSY));
		return;
	}
	copy = calloc(1, sizeof(*copy));
	if (!copy) {
		control_fail(request, "io", "out of memory");
		return;
	}
	copy->request = request;
	copy->id = json_incref(request->id);
	request->owner = copy;
	request->orphaned = copy_orphaned;
	vm->copy = copy;
	fcopy_component_copy(fcopy_of(vm), source, destination,
			     (force ? FCOPY_OVERWRITE : 0) |
				     (create_parents ? FCOPY_CREATE_PATH : 0),
			     copy_progress, copy_done, copy);
}

void method_copy_cancel(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	json_t *id = json_object_get(params, "id");

	if (!vm->copy || vm->copy->request->client != request->client ||
	    !json_equal(vm->copy->id, id)) {
		control_fail(request, "not-found",
			     "this connection has no such copy under way");
		return;
	}
	fcopy_component_cancel(fcopy_of(vm), vm->copy);
	control_reply(request, json_object());
}

/* ---- backup ---- */

static struct component *vss_of(struct vm *vm)
{
	return vm->components[SERVICE_VSS];
}

void method_vss_check(struct control_request *request, json_t *params)
{
	(void)params;
	vss_component_check(vss_of(request->context), method_done, request);
}

static void thaw_ignored(void *context, const struct component_answer *answer)
{
	(void)context;
	(void)answer;
}

/* Whoever froze the guest went away without a thaw. */
static void freezer_gone(void *context, struct control_client *client)
{
	struct vm *vm = context;

	if (vm->freezer != client)
		return;
	vm->freezer = NULL;
	if (vss_component_frozen(vss_of(vm)))
		vss_component_thaw(vss_of(vm), thaw_ignored, NULL);
}

/* The same, before the guest has answered. */
static void freeze_orphaned(struct control_request *request)
{
	vss_component_thaw(vss_of(request->context), thaw_ignored, NULL);
}

static void freeze_done(void *context, const struct component_answer *answer)
{
	struct control_request *request = context;
	struct vm *vm = request->context;

	if (answer->ok && request->orphaned && request->client) {
		vm->freezer = request->client;
		control_when_gone(request->client, freezer_gone);
	}
	request->orphaned = NULL;
	method_done(request, answer);
}

void method_vss_freeze(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	uint64_t hold_ms = HOLD_LIMIT_MS;
	bool keep = false;

	if (!params_number(request, params, "timeout_ms", HOLD_LIMIT_MOST_MS,
			   &hold_ms) ||
	    !params_flag(request, params, "keep", &keep))
		return;
	if (vss_component_frozen(vss_of(vm))) {
		control_fail(request, "busy", "%s", vss_status_text(VSS_BUSY));
		return;
	}
	vm->freezer = NULL;
	if (!keep)
		request->orphaned = freeze_orphaned;
	vss_component_freeze(vss_of(vm), (u32)hold_ms, freeze_done, request);
}

static void thaw_done(void *context, const struct component_answer *answer)
{
	struct control_request *request = context;
	struct vm *vm = request->context;

	if (answer->ok)
		vm->freezer = NULL;
	method_done(request, answer);
}

void method_vss_thaw(struct control_request *request, json_t *params)
{
	(void)params;
	vss_component_thaw(vss_of(request->context), thaw_done, request);
}
