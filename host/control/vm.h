/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vm.h - one running VM, as its process holds it together.
 *
 * Here: the state that the control methods work on. Not here: the machine
 * (host/vm), the bus (host/bus), components (host/component), the socket
 * (server.h). All of it belongs to the loop's thread but the mailbox.
 */
#ifndef HOST_CONTROL_VM_H
#define HOST_CONTROL_VM_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <uv.h>

#include "host/bus/bus.h"
#include "host/component/components.h"
#include "host/control/backup_set.h"
#include "host/control/config.h"
#include "host/control/console.h"
#include "host/control/event_log.h"
#include "host/control/instance.h"
#include "host/control/server.h"
#include "host/control/terminal.h"
#include "host/device/net.h"
#include "host/device/storage.h"
#include "host/vm/machine.h"

#define VM_CRASH_TEXT_BYTES 4096

enum vm_state {
	VM_STARTING,
	VM_RUNNING,
	VM_PAUSED,
	VM_PAUSED_CRITICAL, /* until the host has room for its writes */
	VM_CRASHED,	    /* the guest reported a panic, and may run on */
	VM_STOPPED,
};

/* What vCPU threads leave for the loop, under its lock. */
struct vm_mailbox {
	pthread_mutex_t lock;
	bool stopped;
	enum machine_stop stop_reason;
	char stop_text[512];
	bool crashed;
	u64 crash_parameters[5];
	char crash_text[VM_CRASH_TEXT_BYTES];
	bool input_ready;
};

/* Who waits for the guest to stop or restart, as it was asked to. */
struct vm_stop {
	struct control_request *request; /* NULL: nobody */
	uv_timer_t timer;
	bool agreed; /* the guest said that it will */
	bool restart;
	const char *what;
};

struct vm {
	const struct run_config *config;
	uv_loop_t loop;
	uv_async_t wake; /* the mailbox or the console has something */
	uv_signal_t signals[3];
	struct vm_mailbox mailbox;
	struct instance instance;
	struct control_server *server;
	struct bus *bus;
	struct machine *machine;
	enum vm_state state;
	enum vm_state state_before; /* VM_PAUSED_CRITICAL */
	bool full; /* requests of the guest wait for room on the host */
	u64 started_ns;
	struct component_host component_host;
	struct component *components[SERVICE_COUNT];
	struct storage *storage;
	struct adapters *adapters;
	char switch_folder[PATH_MAX];
	struct event_log events;
	struct console console;
	struct terminal terminal;
	struct vm_stop stop;
	struct copy *copy;	   /* under way (methods_copy.c), or NULL */
	struct backup_job *backup; /* under way (methods_backup.c), or NULL */
	/* The last one that ended well, "" before that. */
	char backup_id[BACKUP_ID_BYTES];
	/* Who froze the guest and has it thawed by going away, or NULL. */
	struct control_client *freezer;
	bool ending;
	int exit_code;
};

/* Milliseconds since the process started. */
u64 vm_uptime_ms(const struct vm *vm);

/* "running", "paused", ... */
const char *vm_state_text(enum vm_state state);

/* Put an event into the log and show it to its followers. */
void vm_event(struct vm *vm, const char *kind, const char *service, u32 relid,
	      const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The same with a text that is ready; @relid 0 and @service NULL for none. */
void vm_event_text(struct vm *vm, const char *kind, const char *service,
		   u32 relid, const char *text);

/* Fill in what the bus is to call, so that its news become events and traces.
 */
void vm_watch_bus(struct vm *vm, struct bus_watcher *watcher);

/* For control_server_start and struct component_host. */
void vm_followers_changed(void *context);
void vm_component_event(void *context, const char *kind, const char *service,
			u32 relid, const char *text);

/* Make the disks (vm_storage.c); 0, or -errno with @error set. */
int vm_storage_begin(struct vm *vm, struct lis_error *error);

/* Make the network adapters (vm_net.c), the same way. */
int vm_net_begin(struct vm *vm, struct lis_error *error);

/* Make the machine and start it; 0, or -errno with @error set. */
int vm_machine_begin(struct vm *vm, struct lis_error *error);

/* Let go of the machine. */
void vm_machine_finish(struct vm *vm);

/* The machine stopped by itself: restart it, or end the process. */
void vm_machine_stopped(struct vm *vm, enum machine_stop reason,
			const char *text);

/* Tell whoever asked the guest to stop or restart what came of it. */
void vm_stop_settle(struct vm *vm, bool restarted);

/* Turn the machine off, and let the process end with @exit_code. */
void vm_end(struct vm *vm, int exit_code);

/* Pause or resume: state, event and machine. 0, or -errno with @error set. */
int vm_pause(struct vm *vm, struct lis_error *error);
int vm_resume(struct vm *vm, struct lis_error *error);

/* Have a backup that is under way end as failed, soon: the guest is about to
 * go. */
void vm_backup_cancel(struct vm *vm);

/* Give up a backup that is under way, so that disks can be closed. */
void vm_backup_stop(struct vm *vm);

/* Type queued console input on the guest's port. */
void vm_console_push(struct vm *vm);

/* The methods of the control protocol (methods.c). */
extern const struct control_method vm_methods[];

/* How many of them there are for a client: those of methods_hostile.c, which
 * come last, only with @hostile. */
size_t vm_methods_served(bool hostile);

#endif
