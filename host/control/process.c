/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/bus/hostile.h"
#include "host/component/components.h"
#include "host/control/base64.h"
#include "host/control/device_sandbox.h"
#include "host/control/vm.h"

/* ---- the console ---- */

void vm_console_push(struct vm *vm)
{
	u32 taken;

	if (!vm->machine || !vm->console.input_bytes)
		return;
	taken = machine_serial_input(vm->machine, vm->console.input,
				     (u32)vm->console.input_bytes);
	console_typed(&vm->console, taken);
	if (taken)
		terminal_room(&vm->terminal);
}

static size_t on_typed(void *context, const char *bytes, size_t count)
{
	struct vm *vm = context;
	size_t taken = console_type(&vm->console, bytes, count);

	vm_console_push(vm);
	return taken;
}

static void on_escape(void *context)
{
	struct vm *vm = context;

	fprintf(stderr, "\r\nlis: VM '%s' turned off from its console\r\n",
		vm->config->name);
	vm_event(vm, "stopped", NULL, 0,
		 "the VM was turned off from its console");
	vm_end(vm, 0);
}

static void console_followers(struct vm *vm, const char *bytes, size_t count)
{
	char *text;

	if (!(control_followed(vm->server) & CONTROL_CONSOLE))
		return;
	text = malloc(BASE64_ROOM(count));
	if (!text)
		return;
	base64_encode(text, bytes, count);
	control_broadcast(vm->server, CONTROL_CONSOLE, "console.output",
			  json_pack("{s:s}", "data", text));
	free(text);
}

static void console_pump(struct vm *vm)
{
	static char bytes[CONSOLE_QUEUE_BYTES];
	size_t dropped;
	size_t count = console_take(&vm->console, bytes, &dropped);

	if (!count)
		return;
	terminal_write(&vm->terminal, bytes, count);
	console_followers(vm, bytes, count);
	if (dropped)
		vm_event(vm, "console", NULL, 0,
			 "%zu bytes of console output came faster than they "
			 "could be passed on, and were dropped",
			 dropped);
}

/* ---- the loop ---- */

static void crash_report(struct vm *vm)
{
	struct vm_mailbox *box = &vm->mailbox;
	char text[VM_CRASH_TEXT_BYTES];
	u64 parameters[5];

	pthread_mutex_lock(&box->lock);
	memcpy(text, box->crash_text, sizeof(text));
	memcpy(parameters, box->crash_parameters, sizeof(parameters));
	pthread_mutex_unlock(&box->lock);
	vm->state = VM_CRASHED;
	if (text[0])
		vm_event(vm, "panic", NULL, 0, "the guest panicked: %s", text);
	else
		vm_event(vm, "panic", NULL, 0,
			 "the guest panicked, without a message (0x%llx "
			 "0x%llx 0x%llx 0x%llx 0x%llx)",
			 (unsigned long long)parameters[0],
			 (unsigned long long)parameters[1],
			 (unsigned long long)parameters[2],
			 (unsigned long long)parameters[3],
			 (unsigned long long)parameters[4]);
}

static void process_close(struct vm *vm)
{
	vm_stop_settle(vm, false);
	uv_close((uv_handle_t *)&vm->stop.timer, NULL);
	vm_backup_cancel(vm);
	if (vm->machine)
		vm_machine_finish(vm);
	components_release(vm->components);
	vm_backup_stop(vm);
	if (vm->storage)
		storage_close(vm->storage);
	if (vm->adapters)
		adapters_close(vm->adapters);
	terminal_end(&vm->terminal);
	if (vm->bus)
		bus_close(vm->bus);
	if (vm->server)
		control_server_stop(vm->server);
	vm->server = NULL;
	for (size_t i = 0; i < PORT_ARRAY_SIZE(vm->signals); i++)
		uv_close((uv_handle_t *)&vm->signals[i], NULL);
	uv_close((uv_handle_t *)&vm->wake, NULL);
}

static void on_wake(uv_async_t *async)
{
	struct vm *vm = async->data;
	struct vm_mailbox *box = &vm->mailbox;
	bool stopped, crashed, input_ready;

	pthread_mutex_lock(&box->lock);
	stopped = box->stopped;
	crashed = box->crashed;
	input_ready = box->input_ready;
	box->stopped = box->crashed = box->input_ready = false;
	pthread_mutex_unlock(&box->lock);
	console_pump(vm);
	if (crashed)
		crash_report(vm);
	if (input_ready)
		vm_console_push(vm);
	if (stopped && !vm->ending)
		vm_machine_stopped(vm, box->stop_reason, box->stop_text);
	if (vm->ending && vm->state != VM_STOPPED) {
		vm->state = VM_STOPPED;
		process_close(vm);
	}
}

void vm_end(struct vm *vm, int exit_code)
{
	if (vm->ending)
		return;
	vm->ending = true;
	vm->exit_code = exit_code;
	/* The caller may be deep inside what has to be torn down. */
	uv_async_send(&vm->wake);
}

static void on_signal(uv_signal_t *signal, int number)
{
	struct vm *vm = signal->data;

	vm_event(vm, "stopped", NULL, 0,
		 "the VM was turned off: its process got signal %d (%s)",
		 number, strsignal(number));
	vm_end(vm, 0);
}

/* ---- making of the process ---- */

static void signals_begin(struct vm *vm)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < PORT_ARRAY_SIZE(vm->signals); i++) {
		uv_signal_init(&vm->loop, &vm->signals[i]);
		vm->signals[i].data = vm;
		uv_signal_start(&vm->signals[i], on_signal, numbers[i]);
	}
}

static int vm_begin(struct vm *vm, struct lis_error *error)
{
	struct bus_watcher watcher;
	int listen_fd;
	int code;

	vm_watch_bus(vm, &watcher);
	uv_async_init(&vm->loop, &vm->wake, on_wake);
	vm->wake.data = vm;
	uv_timer_init(&vm->loop, &vm->stop.timer);
	vm->stop.timer.data = vm;
	signals_begin(vm);
	code = bus_create(&vm->bus, &vm->loop, vm->config->cpus, &watcher,
			  error);
	if (code < 0)
		return code;
	if (vm->config->hostile)
		bus_hostile_enable(vm->bus);
	vm->component_host.loop = &vm->loop;
	vm->component_host.bus = vm->bus;
	vm->component_host.event = vm_component_event;
	vm->component_host.context = vm;
	code = components_create(vm->components, &vm->component_host,
				 vm->config->service_enabled, error);
	if (code < 0)
		return code;
	code = vm_storage_begin(vm, error);
	if (code == 0)
		code = vm_net_begin(vm, error);
	if (code < 0)
		return code;
	listen_fd = vm->instance.listen_fd;
	vm->instance.listen_fd = -1;
	code = control_server_start(&vm->server, &vm->loop, listen_fd,
				    vm_methods,
				    vm_methods_served(vm->config->hostile), vm,
				    vm_followers_changed, error);
	if (code < 0)
		return code;
	code = vm_machine_begin(vm, error);
	if (code < 0)
		return code;
	if (vm->config->console == RUN_CONSOLE_STDIO && !vm->config->detach)
		terminal_begin(&vm->terminal, &vm->loop, on_typed, on_escape,
			       vm);
	return 0;
}

static void report_ready(int ready_fd, const struct lis_error *error)
{
	if (ready_fd < 0)
		return;
	if (error && write(ready_fd, error->text, strlen(error->text)) < 0)
		perror("lis: cannot tell why the VM did not start");
	if (!error && write(ready_fd, "", 1) < 0)
		perror("lis: cannot tell that the VM has started");
	close(ready_fd);
}

static int vm_live(struct vm *vm, int ready_fd, struct lis_error *error)
{
	int code = vm_begin(vm, error);

	if (code == 0 && device_sandbox_wanted())
		code = device_sandbox_enter(error);
	report_ready(ready_fd, code < 0 ? error : NULL);
	if (code < 0)
		vm_end(vm, 1);
	else
		vm_event(vm, "started", NULL, 0, "the VM was started");
	uv_run(&vm->loop, UV_RUN_DEFAULT);
	if (code == 0 && vm->exit_code)
		code = lis_error_set(error, EIO, "VM '%s' failed: %s",
				     vm->config->name, vm->mailbox.stop_text);
	return code;
}

static int process_body(const struct run_config *config, int ready_fd,
			struct lis_error *error)
{
	char directory[PATH_MAX];
	struct vm *vm = calloc(1, sizeof(*vm));
	int code;

	if (!vm || console_init(&vm->console) < 0) {
		free(vm);
		return lis_error_set(error, ENOMEM, "out of memory");
	}
	vm->config = config;
	vm->started_ns = uv_hrtime();
	pthread_mutex_init(&vm->mailbox.lock, NULL);
	code = runtime_dir_find(directory, sizeof(directory), true, error);
	if (code == 0)
		code = instance_take(&vm->instance, directory, config->name,
				     error);
	if (code == 0) {
		uv_loop_init(&vm->loop);
		code = vm_live(vm, ready_fd, error);
		uv_loop_close(&vm->loop);
		instance_release(&vm->instance);
	} else {
		report_ready(ready_fd, error);
	}
	storage_free(vm->storage);
	adapters_free(vm->adapters);
	if (vm->bus)
		bus_destroy(vm->bus);
	components_free(vm->components);
	event_log_clear(&vm->events);
	console_release(&vm->console);
	pthread_mutex_destroy(&vm->mailbox.lock);
	free(vm);
	return code;
}

/* The parent's part of a detached start: wait for the child's word. */
static int wait_for_child(int fd, const char *name, struct lis_error *error)
{
	size_t length = 0;
	ssize_t count;

	while (length < sizeof(error->text) - 1 &&
	       (count = read(fd, error->text + length,
			     sizeof(error->text) - 1 - length)) > 0)
		length += (size_t)count;
	close(fd);
	error->text[length] = '\0';
	if (length == 1 && !error->text[0])
		return 0;
	if (!length)
		return lis_error_set(error, EIO,
				     "the process of VM '%s' ended while it "
				     "was starting: run it without --detach "
				     "to see why",
				     name);
	return -EIO;
}

static int process_detach(const struct run_config *config,
			  struct lis_error *error)
{
	int fds[2];
	pid_t child;
	int null;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return lis_error_set(error, errno, "cannot make a pipe: %s",
				     strerror(errno));
	child = fork();
	if (child < 0) {
		close(fds[0]);
		close(fds[1]);
		return lis_error_set(error, errno,
				     "cannot start a process for the VM: %s",
				     strerror(errno));
	}
	if (child) {
		close(fds[1]);
		return wait_for_child(fds[0], config->name, error);
	}
	close(fds[0]);
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	_exit(process_body(config, fds[1], error) < 0 ? 1 : 0);
}

int vm_process_run(const struct run_config *config, struct lis_error *error)
{
	if (config->detach)
		return process_detach(config, error);
	return process_body(config, -1, error);
}
