/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/methods.h"

#include <errno.h>
#include <string.h>

#include "host/control/params.h"
#include "host/control/vm.h"

/* Why a request failed, as one word. */
static const char *reason_of(int code)
{
	switch (code) {
	case -EADDRINUSE:
		return "exists";
	case -ENODEV:
		return "not-found";
	default:
		return method_reason(code);
	}
}

static void fail(struct control_request *request, int code,
		 const struct lis_error *error)
{
	control_fail(request, reason_of(code), "%s", error->text);
}

/* "adapter", which must be given. */
static bool number_of(struct control_request *request, json_t *params,
		      u32 *number)
{
	uint64_t value = RUN_NETS_MAX;

	if (!params_number(request, params, "adapter", RUN_NETS_MAX - 1,
			   &value))
		return false;
	if (value == RUN_NETS_MAX) {
		control_fail_params(request, "\"adapter\" must be given");
		return false;
	}
	*number = (u32)value;
	return true;
}

void method_net_attach(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	struct lis_error error;
	struct run_net config;
	u32 number;
	int code;

	run_net_init(&config);
	if (run_net_load(&config, "net.attach", params, true, &error) < 0) {
		control_fail_params(request, "%s", error.text);
		return;
	}
	code = adapters_attach(vm->adapters, &config, &number, &error);
	if (code < 0) {
		fail(request, code, &error);
		return;
	}
	vm_event(vm, "net-attached", NULL, 0, "network adapter %u was attached",
		 number);
	control_reply(request,
		      json_pack("{s:I}", "adapter", (json_int_t)number));
}

void method_net_detach(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	struct lis_error error;
	u32 number;
	int code;

	if (!number_of(request, params, &number))
		return;
	code = adapters_detach(vm->adapters, number, &error);
	if (code < 0) {
		fail(request, code, &error);
		return;
	}
	vm_event(vm, "net-detached", NULL, 0, "network adapter %u was detached",
		 number);
	control_reply(request, json_object());
}

void method_net_set(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	struct lis_error error;
	struct run_net changes;
	json_t *settings;
	u32 number;
	int code;

	if (!number_of(request, params, &number))
		return;
	settings = json_copy(params);
	json_object_del(settings, "adapter");
	run_net_init(&changes);
	code = run_net_load(&changes, "net.set", settings, false, &error);
	json_decref(settings);
	if (code < 0) {
		control_fail_params(request, "%s", error.text);
		return;
	}
	code = adapters_set(vm->adapters, number, &changes, &error);
	if (code < 0)
		fail(request, code, &error);
	else
		control_reply(request, json_object());
}

static json_t *counters_json(const struct network_counters *counters)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "sent_frames",
			 (json_int_t)counters->tx_frames, "sent_bytes",
			 (json_int_t)counters->tx_bytes, "sent_dropped",
			 (json_int_t)counters->tx_dropped, "received_frames",
			 (json_int_t)counters->rx_frames, "received_bytes",
			 (json_int_t)counters->rx_bytes, "received_dropped",
			 (json_int_t)counters->rx_dropped, "no_buffer",
			 (json_int_t)counters->rx_no_slot);
}

static json_t *port_json(const struct net_counters *counters)
{
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "sent_frames",
		(json_int_t)counters->sent_frames, "sent_bytes",
		(json_int_t)counters->sent_bytes, "sent_dropped",
		(json_int_t)counters->sent_dropped, "received_frames",
		(json_int_t)counters->received_frames, "received_bytes",
		(json_int_t)counters->received_bytes, "received_dropped",
		(json_int_t)counters->received_dropped, "sent_delayed",
		(json_int_t)counters->sent_delayed, "received_delayed",
		(json_int_t)counters->received_delayed);
}

static json_t *adapter_row(const struct adapter_info *info)
{
	char mac[RUN_NET_MAC_TEXT_BYTES];
	json_t *row = run_net_json(info->config), *rest;

	run_net_mac_text(info->mac, mac);
	rest = json_pack(
		"{s:I, s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:b, s:b, s:o, "
		"s:o}",
		"adapter", (json_int_t)info->number, "name", info->name,
		"backend", run_net_backend_name(info->config->backend), "mac",
		mac, "link", info->link_up ? "up" : "down", "gone",
		info->port.gone, "channels", (json_int_t)info->channels, "mtu",
		(json_int_t)info->port.mtu_bytes, "speed",
		(json_int_t)info->port.speed_bits_per_second, "capturing",
		info->capturing, "by_function", info->by_function, "guest",
		counters_json(&info->counters), "port",
		port_json(&info->port_counters));
	json_object_update(row, rest);
	json_decref(rest);
	return row;
}

void method_net_list(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	json_t *rows = json_array();
	struct adapter_info info;
	u32 place = 0;

	(void)params;
	while (adapters_next(vm->adapters, &place, &info))
		json_array_append_new(rows, adapter_row(&info));
	control_reply(request, json_pack("{s:o}", "adapters", rows));
}

static void capture_stop(struct control_request *request, u32 number)
{
	struct net_capture_counters counters = { 0 };
	struct vm *vm = request->context;
	struct lis_error error;
	int code =
		adapters_capture_stop(vm->adapters, number, &counters, &error);

	if (code < 0) {
		fail(request, code, &error);
		return;
	}
	vm_event(vm, "net-capture", NULL, 0,
		 "the capture of network adapter %u ended", number);
	control_reply(request, json_pack("{s:I, s:I, s:b}", "frames",
					 (json_int_t)counters.frames, "dropped",
					 (json_int_t)counters.dropped, "failed",
					 counters.error != 0));
}

void method_net_capture(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	const char *path = NULL;
	uint64_t snap_bytes = 0;
	struct lis_error error;
	bool stop = false;
	u32 number;
	int code;

	if (!number_of(request, params, &number) ||
	    !params_text(request, params, "path", false, &path) ||
	    !params_number(request, params, "snap_bytes", UINT32_MAX,
			   &snap_bytes) ||
	    !params_flag(request, params, "stop", &stop))
		return;
	if (stop == (path != NULL)) {
		control_fail_params(request, "one of \"path\" and \"stop\" "
					     "must be given");
		return;
	}
	if (stop) {
		capture_stop(request, number);
		return;
	}
	code = adapters_capture(vm->adapters, number, path, (u32)snap_bytes,
				&error);
	if (code < 0) {
		fail(request, code, &error);
		return;
	}
	vm_event(vm, "net-capture", NULL, 0, "network adapter %u is captured",
		 number);
	control_reply(request, json_object());
}
