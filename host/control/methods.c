/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/methods.h"

#include <errno.h>

#include "host/control/vm.h"

const struct control_method vm_methods[] = {
	{ "vm.info", method_vm_info },
	{ "vm.services", method_vm_services },
	{ "vm.enable", method_vm_enable },
	{ "vm.disable", method_vm_disable },
	{ "vm.stop", method_vm_stop },
	{ "vm.pause", method_vm_pause },
	{ "vm.resume", method_vm_resume },
	{ "vm.nmi", method_vm_nmi },
	{ "vm.counters", method_vm_counters },
	{ "disk.attach", method_disk_attach },
	{ "disk.detach", method_disk_detach },
	{ "disk.eject", method_disk_eject },
	{ "disk.insert", method_disk_insert },
	{ "disk.resize", method_disk_resize },
	{ "disk.set", method_disk_set },
	{ "disk.list", method_disk_list },
	{ "net.attach", method_net_attach },
	{ "net.detach", method_net_detach },
	{ "net.set", method_net_set },
	{ "net.list", method_net_list },
	{ "net.capture", method_net_capture },
	{ "backup.start", method_backup_start },
	{ "kvp.enumerate", method_kvp_enumerate },
	{ "kvp.get", method_kvp_get },
	{ "kvp.set", method_kvp_set },
	{ "kvp.remove", method_kvp_remove },
	{ "ip.get", method_ip_get },
	{ "ip.set", method_ip_set },
	{ "copy.start", method_copy_start },
	{ "copy.cancel", method_copy_cancel },
	{ "vss.check", method_vss_check },
	{ "vss.freeze", method_vss_freeze },
	{ "vss.thaw", method_vss_thaw },
	{ "console.attach", method_console_attach },
	{ "console.input", method_console_input },
	{ "events.follow", method_events_follow },
	{ "trace.follow", method_trace_follow },
	{ "hostile.channels", method_hostile_channels },
	{ "hostile.seize", method_hostile_seize },
	{ "hostile.rescind", method_hostile_rescind },
	{ "hostile.message", method_hostile_message },
	{ "hostile.write", method_hostile_write },
	{ "hostile.receive", method_hostile_receive },
	{ "hostile.header", method_hostile_header },
	{ "hostile.interrupt", method_hostile_interrupt },
	{ "hostile.memory", method_hostile_memory },
};

/* The rows at the end of the table. */
#define HOSTILE_METHODS 9u

size_t vm_methods_served(bool hostile)
{
	return PORT_ARRAY_SIZE(vm_methods) - (hostile ? 0 : HOSTILE_METHODS);
}

const char *method_reason(int code)
{
	switch (code) {
	case -EEXIST:
		return "exists";
	case -ENOENT:
		return "not-found";
	case -EBUSY:
		return "busy";
	case -ENOTSUP:
		return "unsupported";
	case -EACCES:
	case -EPERM:
	case -EINVAL:
		return "refused";
	default:
		return "io";
	}
}

void method_fail(struct control_request *request,
		 const struct component_answer *answer)
{
	control_fail(request, answer->reason, "%s", answer->text);
}

void method_done(void *context, const struct component_answer *answer)
{
	if (answer->ok)
		control_reply(context, json_object());
	else
		method_fail(context, answer);
}
