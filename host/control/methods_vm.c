/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/methods.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/control/json_text.h"
#include "host/control/params.h"
#include "host/control/vm.h"

#define STOP_TIMEOUT_MS	     60000
#define STOP_TIMEOUT_MOST_MS 86400000
#define PROBE_STEP_MS	     20
#define INFO_LIMIT_MS	     1000

/* ---- vm.info ---- */

struct info {
	struct control_request *request; /* NULL: answered */
	json_t *addresses;
	uv_timer_t timer;
};

static json_t *text_or_null(const char *text)
{
	return text[0] ? json_string(text) : json_null();
}

static void info_reply(struct info *info)
{
	struct control_request *request = info->request;
	char bus_text[24] = "";
	struct vm *vm;
	u32 version;

	if (!request)
		return;
	vm = request->context;
	version = bus_version(vm->bus);
	if (version)
		snprintf(bus_text, sizeof(bus_text), "%u.%u",
			 VMBUS_VERSION_MAJOR(version),
			 VMBUS_VERSION_MINOR(version));
	control_reply(
		request,
		json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:s, s:o, s:o, "
			  "s:s}",
			  "name", vm->config->name, "state",
			  vm_state_text(vm->state), "uptime_ms",
			  (json_int_t)vm_uptime_ms(vm), "vcpus",
			  (json_int_t)vm->config->cpus, "memory_bytes",
			  (json_int_t)vm->config->memory_bytes, "pid",
			  (json_int_t)getpid(), "vmbus_version",
			  text_or_null(bus_text), "heartbeat",
			  ic_status_text(component_status(
				  vm->components[SERVICE_HEARTBEAT])),
			  "addresses", info->addresses, "kernel",
			  json_text(vm->config->kernel), "version",
			  LIS_VERSION));
	info->request = NULL;
	info->addresses = NULL;
}

/* The guest's daemon publishes its addresses, separated by semicolons. */
static void info_item(void *context, const struct kvp_item *item)
{
	struct info *info = context;
	char text[sizeof(item->text)];
	char *rest = text;
	char *one;

	/* Too late: info_late() has answered. */
	if (!info->request)
		return;
	if (strcmp(item->key, "NetworkAddressIPv4") != 0 &&
	    strcmp(item->key, "NetworkAddressIPv6") != 0)
		return;
	memcpy(text, item->text, sizeof(text));
	while ((one = strsep(&rest, ";")))
		if (one[0])
			json_array_append_new(info->addresses,
					      json_string(one));
}

static void info_free(uv_handle_t *handle)
{
	free(handle->data);
}

static void info_items_done(void *context,
			    const struct component_answer *answer)
{
	struct info *info = context;

	(void)answer;
	info_reply(info);
	uv_close((uv_handle_t *)&info->timer, info_free);
}

/* A guest whose daemon hangs is shown without addresses. */
static void info_late(uv_timer_t *timer)
{
	info_reply(timer->data);
}

void method_vm_info(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	struct component *kvp = vm->components[SERVICE_KVP];
	struct info *info = calloc(1, sizeof(*info));
	struct kvp_job job = {
		.kind = KVP_JOB_ENUMERATE,
		.pool = KVP_POOL_AUTO,
		.found = info_item,
		.done = info_items_done,
		.context = info,
	};

	(void)params;
	if (!info) {
		control_fail(request, "io", "out of memory");
		return;
	}
	info->request = request;
	info->addresses = json_array();
	info->timer.data = info;
	uv_timer_init(&vm->loop, &info->timer);
	if (vm->state == VM_RUNNING && component_status(kvp) == IC_STATUS_OK) {
		uv_timer_start(&info->timer, info_late, INFO_LIMIT_MS, 0);
		kvp_component_ask(kvp, &job);
	} else {
		info_items_done(info, NULL);
	}
}

/* ---- vm.services ---- */

static json_t *service_row(const struct component *component)
{
	enum ic_status status = component_status(component);
	char version[24];
	json_t *channel = json_null();

	component_version_text(component, version, sizeof(version));
	if (component->channel && !component->rescinding)
		channel = json_pack(
			"{s:I, s:b}", "relid",
			(json_int_t)bus_channel_relid(component->channel),
			"open", component->open);
	/* Administrators know a disabled service by its Enabled column. */
	return json_pack("{s:s, s:b, s:s, s:s, s:o, s:o}", "name",
			 component_name(component), "enabled",
			 component->enabled, "primary_status",
			 ic_status_text(status), "secondary_status",
			 component_detail_text(component), "protocol_version",
			 text_or_null(version), "channel", channel);
}

static void services_reply(struct control_request *request)
{
	struct vm *vm = request->context;
	json_t *rows = json_array();

	for (int i = 0; i < SERVICE_COUNT; i++)
		json_array_append_new(rows, service_row(vm->components[i]));
	control_reply(request, json_pack("{s:o}", "services", rows));
}

static void timer_free(uv_handle_t *handle)
{
	free(handle);
}

static void services_look(uv_timer_t *timer)
{
	struct control_request *request = timer->data;
	struct vm *vm = request->context;

	if (!vm->ending && components_probing(vm->components))
		return;
	uv_close((uv_handle_t *)timer, timer_free);
	services_reply(request);
}

void method_vm_services(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	uv_timer_t *timer;

	(void)params;
	if (vm->state == VM_RUNNING || vm->state == VM_CRASHED)
		components_probe(vm->components);
	timer = malloc(sizeof(*timer));
	if (!timer || !components_probing(vm->components)) {
		free(timer);
		services_reply(request);
		return;
	}
	uv_timer_init(&vm->loop, timer);
	timer->data = request;
	uv_timer_start(timer, services_look, PROBE_STEP_MS, PROBE_STEP_MS);
}

/* ---- vm.enable, vm.disable ---- */

static struct component *service_of(struct control_request *request,
				    json_t *params)
{
	struct vm *vm = request->context;
	const char *name = NULL;
	int index;

	if (!params_text(request, params, "service", true, &name))
		return NULL;
	index = service_find(name);
	if (index < 0) {
		control_fail_params(request,
				    "no service is named '%.80s': they are "
				    "fcopy, heartbeat, kvp, shutdown, "
				    "timesync and vss",
				    name);
		return NULL;
	}
	return vm->components[index];
}

void method_vm_enable(struct control_request *request, json_t *params)
{
	struct component *component = service_of(request, params);

	if (component)
		control_reply(request, json_pack("{s:b}", "changed",
						 component_enable(component)));
}

void method_vm_disable(struct control_request *request, json_t *params)
{
	struct component *component = service_of(request, params);

	if (component)
		control_reply(request, json_pack("{s:b}", "changed",
						 component_disable(component)));
}

/* ---- vm.stop ---- */

struct stop_mode {
	const char *word;
	enum shutdown_kind kind;
	const char *what;
};

static const struct stop_mode stop_modes[] = {
	{ "shutdown", SHUTDOWN_POWER_OFF, "power off" },
	{ "restart", SHUTDOWN_REBOOT, "restart" },
	{ "hibernate", SHUTDOWN_HIBERNATE, "hibernate" },
};

/* Nobody waits any more. */
static struct control_request *stop_take(struct vm *vm)
{
	struct control_request *request = vm->stop.request;

	vm->stop.request = NULL;
	uv_timer_stop(&vm->stop.timer);
	return request;
}

static void stop_timed_out(uv_timer_t *timer)
{
	struct vm *vm = timer->data;
	struct control_request *request = stop_take(vm);

	if (vm->stop.agreed)
		control_fail(request, "timeout",
			     "the guest agreed to %s, but has not done so in "
			     "time: it may still be stopping, see 'lis "
			     "console %s'; 'lis stop --turn-off %s' ends it at "
			     "once",
			     vm->stop.what, vm->config->name, vm->config->name);
	else
		control_fail(request, "timeout",
			     "the guest did not answer in time: it may hang; "
			     "'lis stop --turn-off %s' ends it without asking",
			     vm->config->name);
}

/* It is given up for a new one; the guest may still do as it was asked. */
static void stop_orphaned(struct control_request *request)
{
	control_reply(stop_take(request->context), json_object());
}

static void stop_answered(void *context, const struct component_answer *answer)
{
	struct vm *vm = context;

	vm->stop.agreed = answer->ok;
	if (answer->ok)
		vm_event(vm, "stopping", NULL, 0, "the guest agreed to %s",
			 vm->stop.what);
	else if (vm->stop.request)
		method_fail(stop_take(vm), answer);
}

static void stop_by_guest(struct control_request *request, json_t *params,
			  const struct stop_mode *mode)
{
	struct vm *vm = request->context;
	uint64_t timeout_ms = STOP_TIMEOUT_MS;
	const char *reason = "requested by the administrator of the host";
	bool force = false;

	if (!params_flag(request, params, "force", &force) ||
	    !params_text(request, params, "reason", false, &reason) ||
	    !params_number(request, params, "timeout_ms", STOP_TIMEOUT_MOST_MS,
			   &timeout_ms))
		return;
	if (vm->state == VM_PAUSED || vm->state == VM_PAUSED_CRITICAL) {
		control_fail(request, "refused",
			     "VM '%s' is paused: resume it first, or turn it "
			     "off with 'lis stop --turn-off'",
			     vm->config->name);
		return;
	}
	if (vm->stop.request) {
		control_fail(request, "busy",
			     "somebody else is stopping VM '%s' already",
			     vm->config->name);
		return;
	}
	request->orphaned = stop_orphaned;
	vm->stop.request = request;
	vm->stop.agreed = false;
	vm->stop.restart = mode->kind == SHUTDOWN_REBOOT;
	vm->stop.what = mode->what;
	uv_timer_start(&vm->stop.timer, stop_timed_out, timeout_ms, 0);
	shutdown_component_ask(vm->components[SERVICE_SHUTDOWN], mode->kind,
			       force, reason, (u32)timeout_ms, stop_answered,
			       vm);
}

void method_vm_stop(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	const char *mode = "shutdown";

	if (!params_text(request, params, "mode", false, &mode))
		return;
	if (!strcmp(mode, "turn-off")) {
		vm_event(vm, "stopped", NULL, 0, "the VM was turned off");
		control_reply(request, json_pack("{s:s}", "state", "stopped"));
		vm_end(vm, 0);
		return;
	}
	for (size_t i = 0; i < PORT_ARRAY_SIZE(stop_modes); i++) {
		if (!strcmp(mode, stop_modes[i].word)) {
			stop_by_guest(request, params, &stop_modes[i]);
			return;
		}
	}
	control_fail_params(request,
			    "\"mode\" must be shutdown, restart, hibernate or "
			    "turn-off");
}

/* ---- the machine ---- */

static void machine_done(struct control_request *request, int code,
			 const struct lis_error *error)
{
	if (code < 0)
		control_fail(request, "not-running", "%s", error->text);
	else
		control_reply(request, json_object());
}

void method_vm_pause(struct control_request *request, json_t *params)
{
	struct lis_error error;

	(void)params;
	machine_done(request, vm_pause(request->context, &error), &error);
}

void method_vm_resume(struct control_request *request, json_t *params)
{
	struct lis_error error;

	(void)params;
	machine_done(request, vm_resume(request->context, &error), &error);
}

void method_vm_nmi(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	struct lis_error error;
	int code = machine_nmi(vm->machine, &error);

	(void)params;
	if (code == 0)
		vm_event(vm, "nmi", NULL, 0,
			 "a non-maskable interrupt was sent to the guest");
	machine_done(request, code, &error);
}

/* ---- vm.counters ---- */

static int folder_count(const char *path)
{
	DIR *folder = opendir(path);
	int count = 0;

	if (!folder)
		return -1;
	while (readdir(folder))
		count++;
	closedir(folder);
	return count - 2; /* without . and .. */
}

static json_t *channel_counters(const struct bus_channel *channel)
{
	struct bus_channel_counters counters = bus_channel_counters(channel);

	return json_pack("{s:I, s:I, s:I, s:I}", "packets_in",
			 (json_int_t)counters.packets_in, "packets_out",
			 (json_int_t)counters.packets_out, "signals_in",
			 (json_int_t)counters.signals_in, "interrupts_out",
			 (json_int_t)counters.interrupts_out);
}

void method_vm_counters(struct control_request *request, json_t *params)
{
	struct vm *vm = request->context;
	const struct bus_counters *counters = bus_counters(vm->bus);
	json_t *channels = json_object();
	struct bus_channel *channel;
	const char *name;
	u32 place = 0;

	(void)params;
	for (int i = 0; i < SERVICE_COUNT; i++)
		if (vm->components[i]->channel)
			json_object_set_new(
				channels, component_name(vm->components[i]),
				channel_counters(vm->components[i]->channel));
	while (storage_next_channel(vm->storage, &place, &name, &channel))
		json_object_set_new(channels, name, channel_counters(channel));
	place = 0;
	while (adapters_next_channel(vm->adapters, &place, &name, &channel))
		json_object_set_new(channels, name, channel_counters(channel));
	control_reply(
		request,
		json_pack("{s:I, s:I, s:o, s:i, s:i}", "messages_in",
			  (json_int_t)counters->messages_in, "messages_out",
			  (json_int_t)counters->messages_out, "channels",
			  channels, "open_fds", folder_count("/proc/self/fd"),
			  "threads", folder_count("/proc/self/task")));
}
