/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* vm.*: how a VM ends, restarts, pauses, panics; and its guest's bus. */
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

#include "host/control/process.h"
#include "tests/sim_machine/sim_vm.h"

static json_t *mode(const char *word)
{
	return json_pack("{s:s}", "mode", word);
}

static bool state_is(const char *word)
{
	json_t *info = sim_call(sim_client, "vm.info", NULL);
	bool is = !strcmp(json_string_value(json_object_get(info, "state")),
			  word);

	json_decref(info);
	return is;
}

static void stopped_answer(const char *word)
{
	json_t *answer = sim_call(sim_client, "vm.stop", mode(word));

	assert_string_equal(json_string_value(json_object_get(answer, "state")),
			    "stopped");
	json_decref(answer);
	assert_int_equal(sim_vm_end(NULL), 0);
}

static void test_shutdown(void **state)
{
	json_t *answer;

	(void)state;
	answer = sim_call(sim_client, "vm.stop",
			  json_pack("{s:s, s:b, s:s}", "mode", "shutdown",
				    "force", 1, "reason", "Grüße"));
	json_decref(answer);
	assert_int_equal(sim_vm_end(NULL), 0);
	assert_int_equal(sim_guest.last_shutdown.kind, SHUTDOWN_POWER_OFF);
	assert_true(sim_guest.last_shutdown.forced);
	assert_string_equal(sim_guest.last_shutdown.text, "Grüße");
}

static void test_hibernate(void **state)
{
	(void)state;
	stopped_answer("hibernate");
	assert_int_equal(sim_guest.last_shutdown.kind, SHUTDOWN_HIBERNATE);
}

static void test_turn_off(void **state)
{
	(void)state;
	SIM_GUEST(sim_guest.hung = true);
	stopped_answer("turn-off");
	assert_int_equal(SIM_GUEST(sim_guest.packets[SERVICE_SHUTDOWN]), 1);
}

static void test_restart(void **state)
{
	json_t *answer = sim_call(sim_client, "vm.stop", mode("restart"));

	(void)state;
	json_decref(answer);
	SIM_UNTIL(SIM_GUEST(sim_guest.boots) == 2);
	sim_all_ok();
	assert_true(state_is("running"));
	assert_int_equal(sim_guest.last_shutdown.kind, SHUTDOWN_REBOOT);
	assert_int_equal(sim_machine_mappings(), 2 * 2 * SERVICE_COUNT);
}

static void test_refused_by_guest(void **state)
{
	(void)state;
	SIM_GUEST(sim_guest.shutdown = SIM_SHUTDOWN_REFUSE);
	sim_refused(sim_client, "vm.stop", NULL, "refused");
	sim_refused(sim_client, "vm.stop", mode("sleep"), "");
	sim_refused(sim_client, "vm.stop", json_pack("{s:i}", "timeout_ms", -5),
		    "");
	sim_refused(sim_client, "vm.stop", json_pack("{s:i}", "mode", 1), "");
	SIM_GUEST(sim_guest.shutdown = SIM_SHUTDOWN_OBEY);
	stopped_answer("shutdown");
}

/* The guest agrees and does nothing; then somebody turns it off. */
static void test_idle_guest(void **state)
{
	struct vm_client *other = sim_connect();
	char reason[32];
	uint64_t id;

	(void)state;
	SIM_GUEST(sim_guest.shutdown = SIM_SHUTDOWN_IDLE);
	sim_refused(sim_client, "vm.stop",
		    json_pack("{s:i}", "timeout_ms", 200), "timeout");
	id = sim_send(other, "vm.stop", NULL);
	SIM_UNTIL(SIM_GUEST(sim_guest.packets[SERVICE_SHUTDOWN]) == 3);
	sim_refused(sim_client, "vm.stop", NULL, "busy");
	stopped_answer("turn-off");
	json_decref(sim_answer(other, id, reason));
	assert_string_equal(reason, "");
	vm_client_close(other);
}

/* The guest never answers the request itself. */
static void test_deaf_guest(void **state)
{
	struct vm_client *other = sim_connect();

	(void)state;
	SIM_GUEST(sim_guest.allowance[SERVICE_SHUTDOWN] = 0);
	sim_refused(sim_client, "vm.stop",
		    json_pack("{s:i}", "timeout_ms", 200), "timeout");
	sim_sleep_ms(50);
	sim_send(sim_client, "vm.stop", NULL);
	stopped_answer("turn-off");
	vm_client_close(other);
}

/* Who asked to stop may go; the next one can ask again. */
static void test_asker_goes(void **state)
{
	struct vm_client *other = sim_connect();

	(void)state;
	SIM_GUEST(sim_guest.shutdown = SIM_SHUTDOWN_IDLE);
	sim_send(other, "vm.stop", NULL);
	SIM_UNTIL(SIM_GUEST(sim_guest.packets[SERVICE_SHUTDOWN]) == 2);
	vm_client_close(other);
	SIM_GUEST(sim_guest.shutdown = SIM_SHUTDOWN_OBEY);
	stopped_answer("shutdown");
}

static void test_restarts_instead(void **state)
{
	uint64_t id;
	char reason[32];

	(void)state;
	SIM_GUEST(sim_guest.shutdown = SIM_SHUTDOWN_IDLE);
	id = sim_send(sim_client, "vm.stop", NULL);
	SIM_UNTIL(SIM_GUEST(sim_guest.packets[SERVICE_SHUTDOWN]) == 2);
	sim_guest_do(sim_guest_restart, NULL);
	assert_null(sim_answer(sim_client, id, reason));
	assert_string_equal(reason, "guest-error");
	SIM_UNTIL(SIM_GUEST(sim_guest.boots) == 2);
	sim_all_ok();
}

static void test_powers_off_by_itself(void **state)
{
	uint64_t id;

	(void)state;
	SIM_GUEST(sim_guest.allowance[SERVICE_SHUTDOWN] = 0);
	id = sim_send(sim_client, "vm.stop", NULL);
	sim_guest_do(sim_guest_power_off, NULL);
	json_decref(sim_answer(sim_client, id, NULL));
	assert_int_equal(sim_vm_end(NULL), 0);
}

static void test_machine_fails(void **state)
{
	struct lis_error error;

	(void)state;
	sim_guest_do(sim_guest_break, NULL);
	assert_int_equal(sim_vm_end(&error), -EIO);
	assert_non_null(strstr(error.text, "the simulated guest stopped"));
}

static void test_machine_does_not_start_again(void **state)
{
	struct lis_error error;

	(void)state;
	sim_machine_fail_creation(1);
	sim_guest_do(sim_guest_restart, NULL);
	assert_int_equal(sim_vm_end(&error), -EIO);
	assert_non_null(strstr(error.text, "was told to fail"));
}

/* Restarts, of three kinds, in the middle of whatever is going on. */
static void test_restarts_during_everything(void **state)
{
	static void (*const ways[])(struct sim_guest *, void *) = {
		sim_guest_restart,
		sim_guest_triple_fault,
		sim_guest_crash_kernel,
		sim_guest_unload,
	};

	(void)state;
	for (u32 i = 0; i < 24; i++) {
		struct vm_client *other = sim_connect();

		for (int j = 0; j < 4; j++) {
			sim_send(other, "kvp.enumerate", NULL);
			sim_send(other, "kvp.set",
				 json_pack("{s:s, s:s, s:b}", "key", "k",
					   "value", "v", "must_exist", 1));
			sim_send(other, "vm.info", NULL);
			sim_send(other, "vm.services", NULL);
		}
		sim_send(other, "vss.freeze", NULL);
		sim_send(other, "copy.start",
			 json_pack("{s:s, s:s, s:b}", "source",
				   "/proc/self/exe", "destination", "/tmp/exe",
				   "force", 1));
		if (i % 3 == 0)
			sim_ok(sim_client, "vm.services", NULL);
		sim_guest_do(ways[i % PORT_ARRAY_SIZE(ways)], NULL);
		if (i % 2)
			sim_ok(sim_client, "vm.info", NULL);
		vm_client_close(other);
	}
	SIM_UNTIL(SIM_GUEST(sim_guest.offers_delivered));
	sim_all_ok();
	assert_true(state_is("running"));
}

static void test_unload_and_reconnect(void **state)
{
	(void)state;
	for (u32 i = 2; i < 5; i++) {
		sim_guest_do(sim_guest_unload, NULL);
		SIM_UNTIL(SIM_GUEST(sim_guest.connections) == i);
		sim_all_ok();
	}
	sim_guest_do(sim_guest_crash_kernel, NULL);
	SIM_UNTIL(SIM_GUEST(sim_guest.connections) == 5);
	sim_all_ok();
	assert_int_equal(SIM_GUEST(sim_guest.boots), 1);
	assert_int_equal(sim_machine_mappings(), 2 * 2 * SERVICE_COUNT);
}

static void test_every_version_of_the_bus(void **state)
{
	static const struct {
		u32 version;
		const char *text;
	} rows[] = {
		{ VMBUS_VERSION_2_4, "2.4" }, { VMBUS_VERSION_3_0, "3.0" },
		{ VMBUS_VERSION_4_0, "4.0" }, { VMBUS_VERSION_4_1, "4.1" },
		{ VMBUS_VERSION_5_0, "5.0" }, { VMBUS_VERSION_5_2, "5.2" },
	};

	(void)state;
	for (size_t i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		json_t *info;

		SIM_GUEST(sim_guest.newest_version = rows[i].version);
		sim_guest_do(sim_guest_restart, NULL);
		SIM_UNTIL(SIM_GUEST(sim_guest.boots) == i + 2 &&
			  SIM_GUEST(sim_guest.offers_delivered));
		sim_all_ok();
		info = sim_call(sim_client, "vm.info", NULL);
		assert_string_equal(json_string_value(json_object_get(
					    info, "vmbus_version")),
				    rows[i].text);
		json_decref(info);
	}
}

static void test_pause_and_resume(void **state)
{
	u32 taken, syncs;

	(void)state;
	sim_ok(sim_client, "vm.pause", NULL);
	assert_true(state_is("paused"));
	sim_ok(sim_client, "vm.pause", NULL);
	sim_refused(sim_client, "vm.nmi", NULL, "not-running");
	sim_refused(sim_client, "vm.stop", NULL, "refused");
	taken = SIM_GUEST(sim_guest.packets[SERVICE_KVP]);
	syncs = SIM_GUEST(sim_guest.syncs);
	/* Enabling and disabling go on without the guest. */
	sim_ok(sim_client, "vm.disable", json_pack("{s:s}", "service", "vss"));
	sim_ok(sim_client, "vm.enable", json_pack("{s:s}", "service", "vss"));
	SIM_UNTIL(sim_status_is(SERVICE_HEARTBEAT, "Lost Communication"));
	assert_int_equal(SIM_GUEST(sim_guest.packets[SERVICE_KVP]), taken);
	sim_ok(sim_client, "vm.resume", NULL);
	sim_ok(sim_client, "vm.resume", NULL);
	assert_true(state_is("running"));
	sim_all_ok();
	/* Its clock was set when it went on. */
	SIM_UNTIL(SIM_GUEST(sim_guest.syncs) > syncs);
}

static void test_turn_off_while_paused(void **state)
{
	(void)state;
	sim_ok(sim_client, "vm.pause", NULL);
	stopped_answer("turn-off");
}

static void test_nmi(void **state)
{
	u32 before = sim_machine_nmis();

	(void)state;
	sim_ok(sim_client, "events.follow", NULL);
	sim_ok(sim_client, "vm.nmi", NULL);
	assert_int_equal(sim_machine_nmis(), before + 1);
	json_decref(sim_notified(sim_client, "event", "nmi"));
}

static void panic(const char *text, const char *shown)
{
	json_t *event;

	sim_guest_do(sim_guest_panic, (void *)text);
	event = sim_notified(sim_client, "event", "panic");
	assert_non_null(strstr(
		json_string_value(json_object_get(event, "text")), shown));
	json_decref(event);
	assert_true(state_is("crashed"));
}

static void test_panic(void **state)
{
	(void)state;
	sim_ok(sim_client, "events.follow", NULL);
	panic("Kernel panic - not syncing: sysrq", "not syncing: sysrq");
	panic(NULL, "0x1 0x2 0x3 0x4 0x5");
	/* What a guest writes need not be UTF-8. */
	panic("caf\xc3\xa9 \xff\xfe \xc3", "caf\xc3\xa9 ?? ?");
	sim_guest_do(sim_guest_restart, NULL);
	json_decref(sim_notified(sim_client, "event", "reset"));
	SIM_UNTIL(SIM_GUEST(sim_guest.boots) == 2);
	sim_all_ok();
	assert_true(state_is("running"));
}

static void test_name_is_taken(void **state)
{
	struct lis_error error;
	struct run_config config = sim_config;

	(void)state;
	assert_int_equal(vm_process_run(&config, &error), -EEXIST);
	assert_non_null(strstr(error.text, "already running"));
	/* The first one goes on. */
	sim_all_ok();
}

static void test_creation_fails(void **state)
{
	struct lis_error error;
	struct run_config config = sim_config;

	(void)state;
	strcpy(config.name, "other");
	sim_machine_fail_creation(1);
	assert_int_equal(vm_process_run(&config, &error), -ENOMEM);
	assert_non_null(strstr(error.text, "told to fail"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_shutdown),
		SIM_TEST(test_hibernate),
		SIM_TEST(test_turn_off),
		SIM_TEST(test_restart),
		SIM_TEST(test_refused_by_guest),
		SIM_TEST(test_idle_guest),
		SIM_TEST(test_deaf_guest),
		SIM_TEST(test_asker_goes),
		SIM_TEST(test_restarts_instead),
		SIM_TEST(test_powers_off_by_itself),
		SIM_TEST(test_machine_fails),
		SIM_TEST(test_machine_does_not_start_again),
		SIM_TEST(test_restarts_during_everything),
		SIM_TEST(test_unload_and_reconnect),
		SIM_TEST(test_every_version_of_the_bus),
		SIM_TEST(test_pause_and_resume),
		SIM_TEST(test_turn_off_while_paused),
		SIM_TEST(test_nmi),
		SIM_TEST(test_panic),
		SIM_TEST(test_name_is_taken),
		SIM_TEST(test_creation_fails),
	};

	return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
