/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * methods_hostile.c - what a test has the host do wrong: from JSON to
 * host/bus/hostile.h. docs/hostile-host.md describes it for those who write
 * such tests.
 */
#define _GNU_SOURCE
#include "host/control/methods.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/hostile.h"
#include "host/control/base64.h"
#include "host/control/params.h"
#include "host/control/vm.h"

/* The longest packet, and as much again for what is put before it. */
#define BYTES_MAX (2 * PACKET_MAX_BYTES)

/* ---- parameters ---- */

static bool number(struct control_request *request, json_t *params,
		   const char *name, bool needed, u32 *value)
{
	uint64_t given = *value;

	if (needed && !json_object_get(params, name)) {
		control_fail_params(request, "\"%s\" must be given", name);
		return false;
	}
	if (!params_number(request, params, name, 0xffffffff, &given))
		return false;
	*value = (u32)given;
	return true;
}

static bool relid_of(struct control_request *request, json_t *params,
		     u32 *relid)
{
	*relid = 0;
	return number(request, params, "relid", true, relid);
}

/* "data", in memory that the caller frees. */
static bool data_of(struct control_request *request, json_t *params, u8 **data,
		    u32 *size_bytes)
{
	const char *text = NULL;
	size_t length;
	ssize_t got;

	if (!params_text(request, params, "data", true, &text))
		return false;
	length = strlen(text);
	*data = malloc(length / 4 * 3 + 1);
	got = *data ? base64_decode(*data, text, length) : -1;
	if (got >= 0 && got <= (ssize_t)BYTES_MAX) {
		*size_bytes = (u32)got;
		return true;
	}
	free(*data);
	control_fail_params(request,
			    "\"data\" must be base64 of up to %u bytes",
			    BYTES_MAX);
	return false;
}

/* ---- answers ---- */

static const char *why(int code)
{
	switch (code) {
	case -EAGAIN:
		return "there is no space, or nothing to receive";
	case -ENOENT:
		return "there is no such channel or GPADL";
	case -ENOTCONN:
		return "the guest has not opened the channel";
	case -ENXIO:
		return "the guest's SynIC is off";
	case -EPERM:
		return "the channel is not seized";
	case -EPROTO:
		return "the guest's ring is broken";
	default:
		return strerror(-code);
	}
}

static void answer(struct control_request *request, int code)
{
	if (code == 0)
		control_reply(request, json_object());
	else
		control_fail(request,
			     code == -EAGAIN ? "busy" : method_reason(code),
			     "%s", why(code));
}

static json_t *bytes_text(const void *bytes, u32 size_bytes)
{
	char *text = malloc(BASE64_ROOM(size_bytes));
	json_t *result;

	if (!text)
		return json_null();
	base64_encode(text, bytes, size_bytes);
	result = json_string(text);
	free(text);
	return result;
}

/* ---- methods ---- */

static json_t *gpadls_json(struct bus *bus, u32 relid)
{
	json_t *rows = json_array();
	u32 gpadl, size_bytes;

	for (u32 i = 0; bus_hostile_gpadl(bus, relid, i, &gpadl, &size_bytes);
	     i++)
		json_array_append_new(rows,
				      json_pack("{s:I, s:I}", "gpadl",
						(json_int_t)gpadl, "bytes",
						(json_int_t)size_bytes));
	return rows;
}

static json_t *channel_json(struct bus *bus, const struct bus_hostile_row *row)
{
	return json_pack("{s:I, s:I, s:s, s:I, s:b, s:b, s:I, s:I, s:o}",
			 "relid", (json_int_t)row->relid, "serial",
			 (json_int_t)row->serial, "name", row->name, "vp",
			 (json_int_t)row->target_vp, "open", row->open,
			 "seized", row->seized, "unread",
			 (json_int_t)row->unread_bytes, "ring",
			 (json_int_t)row->ring_bytes, "gpadls",
			 gpadls_json(bus, row->relid));
}

void method_hostile_channels(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	struct bus_hostile_row row;
	json_t *rows = json_array();

	(void)params;
	for (u32 i = 0; bus_hostile_channel(vm->bus, i, &row); i++)
		json_array_append_new(rows, channel_json(vm->bus, &row));
	control_reply(request, json_pack("{s:o}", "channels", rows));
}

/* One channel, or those that are offered from now on. */
void method_hostile_seize(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	bool offers = false;
	u32 relid;

	if (json_object_get(params, "offers")) {
		if (params_flag(request, params, "offers", &offers))
			answer(request,
			       bus_hostile_seize_offers(vm->bus, offers));
		return;
	}
	if (relid_of(request, params, &relid))
		answer(request, bus_hostile_seize(vm->bus, relid));
}

void method_hostile_rescind(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	u32 relid;

	if (relid_of(request, params, &relid))
		answer(request, bus_hostile_rescind(vm->bus, relid));
}

void method_hostile_message(struct control_request *request, json_t *params)
{
	u32 vp = 0, sint = VMBUS_MESSAGE_SINT, type = VMBUS_SYNIC_MESSAGE_TYPE;
	struct vm *vm = request->context;
	u32 size_bytes;
	u8 *data;

	if (!number(request, params, "vp", false, &vp) ||
	    !number(request, params, "sint", false, &sint) ||
	    !number(request, params, "type", false, &type) ||
	    !data_of(request, params, &data, &size_bytes))
		return;
	answer(request,
	       bus_hostile_message(vm->bus, vp, sint, type, data, size_bytes));
	free(data);
}

/* With an interrupt, if not told otherwise. */
void method_hostile_write(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	bool interrupt = true;
	u32 relid, size_bytes;
	u8 *data;
	int code;

	if (!relid_of(request, params, &relid) ||
	    !params_flag(request, params, "interrupt", &interrupt) ||
	    !data_of(request, params, &data, &size_bytes))
		return;
	code = bus_hostile_write(vm->bus, relid, data, size_bytes);
	free(data);
	if (code == 0 && interrupt)
		code = bus_hostile_interrupt(vm->bus, relid);
	answer(request, code);
}

static json_t *packet_json(const struct packet_view *view)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o}", "type",
			 (json_int_t)view->type, "flags",
			 (json_int_t)view->flags, "transaction_id",
			 (json_int_t)view->transaction_id, "pageset",
			 (json_int_t)view->transfer_pageset, "ranges",
			 bytes_text(view->ranges, view->range_bytes), "payload",
			 bytes_text(view->payload, view->payload_bytes));
}

void method_hostile_receive(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	struct packet_view view;
	u8 *buffer;
	u32 relid;
	int code;

	if (!relid_of(request, params, &relid))
		return;
	buffer = malloc(PACKET_MAX_BYTES);
	code = buffer ? bus_hostile_receive(vm->bus, relid, &view, buffer,
					    PACKET_MAX_BYTES)
		      : -ENOMEM;
	if (code == 0)
		control_reply(request, packet_json(&view));
	else
		answer(request, code);
	free(buffer);
}

void method_hostile_header(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	u32 relid, offset_bytes = 0, value = 0;
	bool to_host = false;

	if (!relid_of(request, params, &relid) ||
	    !params_flag(request, params, "to_host", &to_host) ||
	    !number(request, params, "offset", true, &offset_bytes) ||
	    !number(request, params, "value", true, &value))
		return;
	answer(request, bus_hostile_header(vm->bus, relid,
					   to_host ? BUS_TO_HOST : BUS_TO_GUEST,
					   offset_bytes, value));
}

/* For a channel, or any event flag of a processor. */
void method_hostile_interrupt(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	u32 relid, vp = 0, flag = 0;

	if (json_object_get(params, "flag")) {
		if (number(request, params, "vp", false, &vp) &&
		    number(request, params, "flag", true, &flag))
			answer(request, bus_hostile_flag(vm->bus, vp, flag));
		return;
	}
	if (relid_of(request, params, &relid))
		answer(request, bus_hostile_interrupt(vm->bus, relid));
}

void method_hostile_memory(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	u32 relid, gpadl = 0, offset_bytes = 0, size_bytes;
	u8 *data;

	if (!relid_of(request, params, &relid) ||
	    !number(request, params, "gpadl", true, &gpadl) ||
	    !number(request, params, "offset", false, &offset_bytes) ||
	    !data_of(request, params, &data, &size_bytes))
		return;
	answer(request, bus_hostile_memory(vm->bus, relid, gpadl, offset_bytes,
					   data, size_bytes));
	free(data);
}
