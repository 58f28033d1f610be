/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/vm.h"

/* The guest waits while the host has no room for what it writes. */
static void on_full(void *context, bool full)
{
	struct vm *vm = context;
	struct lis_error error;

	vm->full = full;
	if (!vm->machine || vm->ending)
		return;
	if (full && (vm->state == VM_RUNNING || vm->state == VM_CRASHED) &&
	    machine_pause(vm->machine, &error) == 0) {
		vm->state_before = vm->state;
		vm->state = VM_PAUSED_CRITICAL;
		components_paused(vm->components, true);
	} else if (!full && vm->state == VM_PAUSED_CRITICAL &&
		   machine_resume(vm->machine, &error) == 0) {
		vm->state = vm->state_before;
		components_paused(vm->components, false);
	}
}

int vm_storage_begin(struct vm *vm, struct lis_error *error)
{
	struct storage_host host = {
		.loop = &vm->loop,
		.bus = vm->bus,
		.vcpus = vm->config->cpus,
		.event = vm_component_event,
		.full = on_full,
		.context = vm,
	};
	int code = storage_create(&vm->storage, &host, error);

	for (u32 i = 0; code == 0 && i < vm->config->disk_count; i++) {
		u32 controller, lun;

		code = storage_attach(vm->storage, &vm->config->disks[i],
				      &controller, &lun, error);
	}
	return code;
}
