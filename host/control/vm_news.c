/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/vm.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/control/base64.h"

u64 vm_uptime_ms(const struct vm *vm)
{
	return (uv_hrtime() - vm->started_ns) / 1000000;
}

const char *vm_state_text(enum vm_state state)
{
	static const char *const texts[] = {
		[VM_STARTING] = "starting",
		[VM_RUNNING] = "running",
		[VM_PAUSED] = "paused",
		[VM_CRASHED] = "crashed",
		[VM_STOPPED] = "stopped",
		[VM_PAUSED_CRITICAL] = "paused-critical",
	};

	return texts[state];
}

void vm_event_text(struct vm *vm, const char *kind, const char *service,
		   u32 relid, const char *text)
{
	json_t *event = event_log_add(&vm->events, kind, service, relid,
				      vm_uptime_ms(vm), text);

	if (event && vm->server)
		control_broadcast(vm->server, CONTROL_EVENTS, "event", event);
	else
		json_decref(event);
}

void vm_event(struct vm *vm, const char *kind, const char *service, u32 relid,
	      const char *format, ...)
{
	char text[VM_CRASH_TEXT_BYTES + 256];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	vm_event_text(vm, kind, service, relid, text);
}

/* ---- the bus's news ---- */

static void on_bus_event(void *context, enum bus_event event, const char *name,
			 u32 relid, const char *text)
{
	static const char *const kinds[] = {
		[BUS_CONTACT] = "contact",  [BUS_DISCONNECTED] = "disconnected",
		[BUS_OFFERED] = "offer",    [BUS_OPENED] = "open",
		[BUS_CLOSED] = "close",	    [BUS_RESCINDED] = "rescind",
		[BUS_RELEASED] = "release", [BUS_VIOLATION] = "violation",
	};

	vm_event_text(context, kinds[event], name, relid, text);
}

static void trace_send(struct vm *vm, enum control_stream stream,
		       json_t *params, const void *head, u32 head_bytes,
		       const void *rest, u32 rest_bytes)
{
	size_t total = (size_t)head_bytes + rest_bytes;
	char *bytes = malloc(total);
	char *text = malloc(BASE64_ROOM(total));

	if (bytes && text) {
		memcpy(bytes, head, head_bytes);
		memcpy(bytes + head_bytes, rest, rest_bytes);
		base64_encode(text, bytes, total);
		json_object_set_new(params, "data", json_string(text));
		control_broadcast(vm->server, stream, "trace", params);
	} else {
		json_decref(params);
	}
	free(bytes);
	free(text);
}

static const char *direction_text(enum bus_direction direction)
{
	return direction == BUS_TO_HOST ? "to-host" : "to-guest";
}

/* Nanoseconds since 1970: what tools that read traces show as time of day. */
static json_int_t trace_time_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (json_int_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void on_bus_message(void *context, enum bus_direction direction, u32 vp,
			   const void *payload, u32 size_bytes)
{
	trace_send(context, CONTROL_TRACE_MESSAGES,
		   json_pack("{s:I, s:s, s:s, s:I}", "time_ns", trace_time_ns(),
			     "direction", direction_text(direction), "kind",
			     "message", "vp", (json_int_t)vp),
		   payload, size_bytes, "", 0);
}

static void on_bus_packet(void *context, enum bus_direction direction,
			  const char *name, u32 relid, const void *head,
			  u32 head_bytes, const void *payload,
			  u32 payload_bytes)
{
	trace_send(context, CONTROL_TRACE_PACKETS,
		   json_pack("{s:I, s:s, s:s, s:I, s:s}", "time_ns",
			     trace_time_ns(), "direction",
			     direction_text(direction), "kind", "packet",
			     "relid", (json_int_t)relid, "service", name),
		   head, head_bytes, payload, payload_bytes);
}

void vm_followers_changed(void *context)
{
	struct vm *vm = context;
	unsigned int streams = control_followed(vm->server);

	bus_trace(vm->bus, streams & CONTROL_TRACE_MESSAGES,
		  streams & CONTROL_TRACE_PACKETS);
}

void vm_component_event(void *context, const char *kind, const char *service,
			u32 relid, const char *text)
{
	vm_event_text(context, kind, service, relid, text);
}

void vm_watch_bus(struct vm *vm, struct bus_watcher *watcher)
{
	watcher->event = on_bus_event;
	watcher->message = on_bus_message;
	watcher->packet = on_bus_packet;
	watcher->context = vm;
}
