/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * methods.h - what the control protocol's methods do, a function each.
 *
 * Here: from JSON to the VM and back. Not here: the socket (server.h). The
 * methods are described in docs/control-protocol.md.
 */
#ifndef HOST_CONTROL_METHODS_H
#define HOST_CONTROL_METHODS_H

#include "host/component/components.h"
#include "host/control/server.h"

typedef void control_method_fn(struct control_request *request, json_t *params);

/* methods_vm.c */
control_method_fn method_vm_info;
control_method_fn method_vm_services;
control_method_fn method_vm_enable;
control_method_fn method_vm_disable;
control_method_fn method_vm_stop;
control_method_fn method_vm_pause;
control_method_fn method_vm_resume;
control_method_fn method_vm_nmi;
control_method_fn method_vm_counters;
/* methods_disk.c */
control_method_fn method_disk_attach;
control_method_fn method_disk_detach;
control_method_fn method_disk_eject;
control_method_fn method_disk_insert;
control_method_fn method_disk_resize;
control_method_fn method_disk_set;
control_method_fn method_disk_list;
/* methods_net.c */
control_method_fn method_net_attach;
control_method_fn method_net_detach;
control_method_fn method_net_set;
control_method_fn method_net_list;
control_method_fn method_net_capture;
/* methods_backup.c */
control_method_fn method_backup_start;
/* methods_kvp.c */
control_method_fn method_kvp_enumerate;
control_method_fn method_kvp_get;
control_method_fn method_kvp_set;
control_method_fn method_kvp_remove;
control_method_fn method_ip_get;
control_method_fn method_ip_set;
/* methods_copy.c */
control_method_fn method_copy_start;
control_method_fn method_copy_cancel;
control_method_fn method_vss_check;
control_method_fn method_vss_freeze;
control_method_fn method_vss_thaw;
/* methods_stream.c */
control_method_fn method_console_attach;
control_method_fn method_console_input;
control_method_fn method_events_follow;
control_method_fn method_trace_follow;
/* methods_hostile.c; only with "lis run --hostile" */
control_method_fn method_hostile_channels;
control_method_fn method_hostile_seize;
control_method_fn method_hostile_rescind;
control_method_fn method_hostile_message;
control_method_fn method_hostile_write;
control_method_fn method_hostile_receive;
control_method_fn method_hostile_header;
control_method_fn method_hostile_interrupt;
control_method_fn method_hostile_memory;

/* For component_done: answer the request that is @context, with {} if ok. */
void method_done(void *context, const struct component_answer *answer);

/* Why a request failed, as one word, by a negative errno. */
const char *method_reason(int code);

/* Answer a request with the failure of @answer. */
void method_fail(struct control_request *request,
		 const struct component_answer *answer);

#endif
