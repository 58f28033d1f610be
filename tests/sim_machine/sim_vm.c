/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "tests/sim_machine/sim_vm.h"

#include "host/component/component.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "host/control/process.h"

struct vm_client *sim_client;
struct run_config sim_config;
void (*sim_vm_prepare)(struct run_config *config);

static pthread_t thread;
static bool started;
static bool finished; /* atomic */
static int result;
static struct lis_error result_error;
static char directory[64];

void sim_folder_make(char path[SIM_FOLDER_BYTES])
{
	snprintf(path, SIM_FOLDER_BYTES, "%s/lis-sim-disk-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/var/tmp");
	assert_non_null(mkdtemp(path));
}

void sim_sleep_ms(unsigned int ms)
{
	struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

/* ---- life ---- */

static void *thread_body(void *context)
{
	(void)context;
	component_open_settle_100ns = 0;
	result = vm_process_run(&sim_config, &result_error);
	__atomic_store_n(&finished, true, __ATOMIC_SEQ_CST);
	return NULL;
}

void sim_vm_start(void)
{
	finished = false;
	result_error.text[0] = '\0';
	assert_int_equal(pthread_create(&thread, NULL, thread_body, NULL), 0);
	started = true;
}

bool sim_vm_running(void)
{
	return started && !__atomic_load_n(&finished, __ATOMIC_SEQ_CST);
}

int sim_vm_end(struct lis_error *error)
{
	SIM_UNTIL(!sim_vm_running());
	assert_int_equal(pthread_join(thread, NULL), 0);
	started = false;
	if (error)
		*error = result_error;
	return result;
}

struct vm_client *sim_connect(void)
{
	struct vm_client *client = NULL;
	struct lis_error error;

	SIM_UNTIL(vm_client_connect(&client, sim_config.name, SIM_PATIENCE_MS,
				    &error) == 0);
	return client;
}

static void config_default(void)
{
	struct lis_error error;

	run_config_init(&sim_config);
	strcpy(sim_config.name, "simvm");
	assert_int_equal(
		run_config_set_text(&sim_config.kernel, "/boot/none", &error),
		0);
	sim_config.cpus = 2;
	sim_config.memory_bytes = RUN_MEMORY_BYTES_MIN;
	sim_config.console = RUN_CONSOLE_SOCKET;
	for (int i = 0; i < SERVICE_COUNT; i++)
		sim_config.service_enabled[i] = true;
}

/* cmocka goes on after a setup that failed, without its teardown. */
static void settled(void)
{
	for (int left = SIM_PATIENCE_MS / 20; left; left--) {
		json_t *answer = sim_call(sim_client, "vm.services", NULL);
		json_t *row;
		size_t index;
		bool ok = true;

		json_array_foreach(json_object_get(answer, "services"), index,
				   row)
		{
			ok = ok &&
			     !strcmp("OK", json_string_value(json_object_get(
						   row, "primary_status")));
		}
		if (left == 1)
			json_dumpf(answer, stderr, JSON_COMPACT);
		json_decref(answer);
		if (ok)
			return;
		sim_sleep_ms(20);
	}
	fprintf(stderr, "\nthe services never come up (%s)\n",
		sim_guest.wrong ? sim_guest.wrong : "the guest sees no fault");
	abort();
}

int sim_vm_setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/lis-sim-XXXXXX");
	assert_non_null(mkdtemp(directory));
	setenv("LIS_RUNTIME_DIR", directory, 1);
	config_default();
	if (sim_vm_prepare)
		sim_vm_prepare(&sim_config);
	sim_guest_reset();
	sim_machine_runs(sim_guest_run);
	sim_vm_start();
	sim_client = sim_connect();
	settled();
	return 0;
}

int sim_vm_teardown(void **state)
{
	const char *wrong;

	(void)state;
	if (sim_vm_running())
		sim_ok(sim_client, "vm.stop",
		       json_pack("{s:s}", "mode", "turn-off"));
	if (started)
		assert_int_equal(sim_vm_end(NULL), 0);
	vm_client_close(sim_client);
	sim_client = NULL;
	run_config_release(&sim_config);
	wrong = SIM_GUEST(sim_guest.wrong);
	if (wrong)
		fail_msg("the guest is not content: %s", wrong);
	assert_int_equal(sim_machine_mappings(), 0);
	/* Nothing is left behind. */
	assert_int_equal(rmdir(directory), 0);
	return 0;
}

/* ---- calls ---- */

static json_t *call(struct vm_client *client, const char *method,
		    json_t *params, struct vm_failure *failure,
		    struct lis_error *error)
{
	json_t *answer = NULL;
	int code = vm_client_call(client, method, params, SIM_PATIENCE_MS,
				  &answer, failure, error);

	if (code < 0 && code != -EREMOTEIO)
		fail_msg("%s: %s", method, error->text);
	return answer;
}

json_t *sim_call(struct vm_client *client, const char *method, json_t *params)
{
	struct vm_failure failure;
	struct lis_error error;
	json_t *answer = call(client, method, params, &failure, &error);

	if (!answer)
		fail_msg("%s: %s (%s)", method, error.text, failure.reason);
	return answer;
}

void sim_ok(struct vm_client *client, const char *method, json_t *params)
{
	json_decref(sim_call(client, method, params));
}

void sim_refused(struct vm_client *client, const char *method, json_t *params,
		 const char *reason)
{
	struct vm_failure failure = { 0 };
	struct lis_error error;
	json_t *answer = call(client, method, params, &failure, &error);

	if (answer)
		fail_msg("%s succeeds, and should be refused: %s", method,
			 reason);
	assert_string_equal(failure.reason, reason);
	assert_int_equal(failure.code, *reason ? -32000 : -32602);
	assert_true(strlen(error.text) > 8);
}

uint64_t sim_send(struct vm_client *client, const char *method, json_t *params)
{
	struct lis_error error;
	uint64_t id;

	if (vm_client_send(client, method, params, SIM_PATIENCE_MS, &id,
			   &error))
		fail_msg("%s: %s", method, error.text);
	return id;
}

static void receive(struct vm_client *client, struct vm_message *message)
{
	struct lis_error error;

	memset(message, 0, sizeof(*message));
	if (vm_client_receive(client, SIM_PATIENCE_MS, message, &error) != 1)
		fail_msg("nothing more comes: %s", error.text);
}

json_t *sim_answer(struct vm_client *client, uint64_t id, char *reason)
{
	struct vm_message message;
	json_t *answer;

	for (;;) {
		receive(client, &message);
		if (!message.method && message.id == id)
			break;
		vm_message_release(&message);
	}
	answer = json_incref(message.result);
	if (reason)
		strcpy(reason, message.error_code ? message.error_reason : "");
	vm_message_release(&message);
	return answer;
}

json_t *sim_notified(struct vm_client *client, const char *method,
		     const char *event)
{
	for (;;) {
		struct vm_message message;
		json_t *params = NULL;
		const char *found;

		receive(client, &message);
		found = json_string_value(
			json_object_get(message.params, "event"));
		if (message.method && !strcmp(message.method, method) &&
		    (!event || (found && !strcmp(found, event))))
			params = json_incref(message.params);
		vm_message_release(&message);
		if (params)
			return params;
	}
}

const char *sim_service(enum service_index service, const char *member)
{
	static char text[256];
	json_t *answer = sim_call(sim_client, "vm.services", NULL);
	json_t *row = json_array_get(json_object_get(answer, "services"),
				     (size_t)service);
	json_t *value = json_object_get(row, member);

	assert_string_equal(json_string_value(json_object_get(row, "name")),
			    service_names[service].full_name);
	snprintf(text, sizeof(text), "%s",
		 json_is_string(value)	? json_string_value(value)
		 : json_is_true(value)	? "true"
		 : json_is_false(value) ? "false"
		 : json_is_null(value)	? "null"
					: "");
	json_decref(answer);
	return text;
}

bool sim_status_is(enum service_index service, const char *status)
{
	return !strcmp(sim_service(service, "primary_status"), status);
}

void sim_all_ok(void)
{
	for (int i = 0; i < SERVICE_COUNT; i++)
		if (!strcmp(sim_service(i, "enabled"), "true"))
			SIM_UNTIL(sim_status_is(i, "OK"));
}
