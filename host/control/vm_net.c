/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>

#include "host/control/vm.h"

/* Where the private switches of this user's VMs are, once there are any. */
static int folder_name(struct vm *vm, struct lis_error *error)
{
	char runtime[PATH_MAX];
	int code = runtime_dir_find(runtime, sizeof(runtime), true, error);

	if (code < 0)
		return code;
	if (snprintf(vm->switch_folder, sizeof(vm->switch_folder),
		     "%s/switches", runtime) >= (int)sizeof(vm->switch_folder))
		return lis_error_set(error, ENAMETOOLONG,
				     "the runtime directory's path is too "
				     "long");
	return 0;
}

int vm_net_begin(struct vm *vm, struct lis_error *error)
{
	struct adapters_host host = {
		.loop = &vm->loop,
		.bus = vm->bus,
		.vcpus = vm->config->cpus,
		.vm_name = vm->config->name,
		.folder = vm->switch_folder,
		.event = vm_component_event,
		.context = vm,
	};
	int code = folder_name(vm, error);

	if (code == 0)
		code = adapters_create(&vm->adapters, &host, error);
	for (u32 i = 0; code == 0 && i < vm->config->net_count; i++) {
		u32 number;

		code = adapters_attach(vm->adapters, &vm->config->nets[i],
				       &number, error);
	}
	return code;
}
