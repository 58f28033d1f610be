/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/vm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/component/components.h"
#include "host/control/device_sandbox.h"

/* ---- what vCPU threads call ---- */

static u16 on_post_message(void *context, u32 connection_id, u32 message_type,
			   const void *payload, u32 size_bytes)
{
	struct vm *vm = context;

	return bus_post_message(vm->bus, connection_id, message_type, payload,
				size_bytes);
}

static void on_serial_output(void *context, const void *bytes, u32 size_bytes)
{
	struct vm *vm = context;

	if (console_put(&vm->console, bytes, size_bytes))
		uv_async_send(&vm->wake);
}

static void on_serial_input_ready(void *context)
{
	struct vm *vm = context;

	pthread_mutex_lock(&vm->mailbox.lock);
	vm->mailbox.input_ready = true;
	pthread_mutex_unlock(&vm->mailbox.lock);
	uv_async_send(&vm->wake);
}

static void on_crashed(void *context, const u64 parameters[5], const char *text)
{
	struct vm *vm = context;
	struct vm_mailbox *box = &vm->mailbox;

	pthread_mutex_lock(&box->lock);
	box->crashed = true;
	memcpy(box->crash_parameters, parameters,
	       sizeof(box->crash_parameters));
	snprintf(box->crash_text, sizeof(box->crash_text), "%s",
		 text ? text : "");
	pthread_mutex_unlock(&box->lock);
	uv_async_send(&vm->wake);
}

static void on_stopped(void *context, enum machine_stop reason,
		       const char *text)
{
	struct vm *vm = context;
	struct vm_mailbox *box = &vm->mailbox;

	pthread_mutex_lock(&box->lock);
	box->stopped = true;
	box->stop_reason = reason;
	snprintf(box->stop_text, sizeof(box->stop_text), "%s", text);
	pthread_mutex_unlock(&box->lock);
	uv_async_send(&vm->wake);
}

/* ---- the machine, over and over ---- */

int vm_machine_begin(struct vm *vm, struct lis_error *error)
{
	const struct run_config *config = vm->config;
	struct machine_config machine = {
		.vcpus = config->cpus,
		.memory_bytes = config->memory_bytes,
		.huge_pages = config->huge_pages,
		.hibernation = config->hibernation,
		.kernel = config->kernel,
		.initrd = config->initrd,
		.command_line = config->command_line,
		.ops = {
			.post_message = on_post_message,
			.serial_output = on_serial_output,
			.serial_input_ready = on_serial_input_ready,
			.crashed = on_crashed,
			.stopped = on_stopped,
		},
		.context = vm,
		.no_sandbox = !device_sandbox_wanted(),
	};
	int code = machine_create(&vm->machine, &machine, error);

	if (code < 0)
		return code;
	vm->component_host.machine = vm->machine;
	storage_machine(vm->storage, vm->machine);
	adapters_machine(vm->adapters, vm->machine);
	code = bus_attach(vm->bus, vm->machine, error);
	if (code < 0)
		return code;
	code = machine_start(vm->machine, error);
	if (code == 0)
		vm->state = VM_RUNNING;
	return code;
}

void vm_machine_finish(struct vm *vm)
{
	bus_detach(vm->bus);
	storage_machine(vm->storage, NULL);
	adapters_machine(vm->adapters, NULL);
	vm->component_host.machine = NULL;
	machine_destroy(vm->machine);
	vm->machine = NULL;
}

static void mailbox_reset(struct vm *vm)
{
	pthread_mutex_lock(&vm->mailbox.lock);
	vm->mailbox.stopped = false;
	vm->mailbox.crashed = false;
	vm->mailbox.input_ready = false;
	pthread_mutex_unlock(&vm->mailbox.lock);
}

/* Tell whoever asked the guest to stop or restart what came of it. */
void vm_stop_settle(struct vm *vm, bool restarted)
{
	struct control_request *request = vm->stop.request;

	vm->stop.request = NULL;
	uv_timer_stop(&vm->stop.timer);
	if (!request)
		return;
	if (vm->stop.restart == restarted)
		control_reply(request,
			      json_pack("{s:s}", "state",
					restarted ? "running" : "stopped"));
	else
		control_fail(request, "guest-error",
			     restarted ? "VM '%s' restarted instead of "
					 "stopping"
				       : "VM '%s' stopped instead of "
					 "restarting",
			     vm->config->name);
}

static void machine_again(struct vm *vm)
{
	struct lis_error error;

	vm_machine_finish(vm);
	mailbox_reset(vm);
	if (vm_machine_begin(vm, &error) < 0) {
		vm_event(vm, "stopped", NULL, 0,
			 "the machine did not start again: %s", error.text);
		snprintf(vm->mailbox.stop_text, sizeof(vm->mailbox.stop_text),
			 "the machine did not start again: %.400s", error.text);
		vm_end(vm, 1);
		return;
	}
	vm_event(vm, "reset", NULL, 0, "the guest restarted");
	vm_stop_settle(vm, true);
}

void vm_machine_stopped(struct vm *vm, enum machine_stop reason,
			const char *text)
{
	switch (reason) {
	case MACHINE_STOP_RESET:
		machine_again(vm);
		break;
	case MACHINE_STOP_TRIPLE_FAULT:
		/* What a PC does, and what some guests restart by. */
		vm_event(vm, "triple-fault", NULL, 0, "%s", text);
		machine_again(vm);
		break;
	case MACHINE_STOP_POWER_OFF:
		vm_event(vm, "stopped", NULL, 0, "%s", text);
		vm_end(vm, 0);
		break;
	case MACHINE_STOP_ERROR:
		vm_event(vm, "stopped", NULL, 0, "%s", text);
		fprintf(stderr, "lis: VM '%s' stopped: %s\n", vm->config->name,
			text);
		vm_end(vm, 1);
		break;
	}
}

int vm_pause(struct vm *vm, struct lis_error *error)
{
	int code = machine_pause(vm->machine, error);

	if (code == 0 && vm->state != VM_PAUSED) {
		if (vm->state != VM_PAUSED_CRITICAL)
			components_paused(vm->components, true);
		vm->state = VM_PAUSED;
		vm_event(vm, "paused", NULL, 0, "the VM was paused");
	}
	return code;
}

int vm_resume(struct vm *vm, struct lis_error *error)
{
	int code;

	if (vm->full && vm->machine) {
		storage_retry(vm->storage);
		vm->state = VM_PAUSED_CRITICAL;
		vm->state_before = VM_RUNNING;
		return lis_error_set(error, EBUSY,
				     "the host has no room for what the guest "
				     "writes: free some, and the VM goes on by "
				     "itself");
	}
	code = machine_resume(vm->machine, error);
	if (code == 0 && vm->state == VM_PAUSED) {
		vm->state = VM_RUNNING;
		components_paused(vm->components, false);
		vm_event(vm, "resumed", NULL, 0, "the VM was resumed");
	}
	return code;
}
