/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Statuses of the six services, and enabling and disabling while in use. */
#define _GNU_SOURCE
#include <malloc.h>

#include "tests/sim_machine/sim_vm.h"

static json_t *named(enum service_index service)
{
	return json_pack("{s:s}", "service", service_names[service].short_name);
}

static bool changed(const char *method, const char *service)
{
	json_t *answer = sim_call(sim_client, method,
				  json_pack("{s:s}", "service", service));
	bool is = json_is_true(json_object_get(answer, "changed"));

	json_decref(answer);
	return is;
}

static void test_all_are_ok(void **state)
{
	static const char *const versions[SERVICE_COUNT] = {
		"1.1", "3.0", "4.0", "3.2", "4.0", "5.0",
	};

	(void)state;
	for (int i = 0; i < SERVICE_COUNT; i++) {
		assert_string_equal(sim_service(i, "enabled"), "true");
		assert_string_equal(sim_service(i, "protocol_version"),
				    versions[i]);
	}
	assert_string_equal(sim_service(SERVICE_HEARTBEAT, "secondary_status"),
			    "OK");
}

static void test_info(void **state)
{
	json_t *info = sim_call(sim_client, "vm.info", NULL);
	json_t *addresses = json_object_get(info, "addresses");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(info, "name")),
			    "simvm");
	assert_string_equal(json_string_value(json_object_get(info, "state")),
			    "running");
	assert_string_equal(
		json_string_value(json_object_get(info, "vmbus_version")),
		"5.3");
	assert_string_equal(
		json_string_value(json_object_get(info, "heartbeat")), "OK");
	assert_int_equal(json_array_size(addresses), 3);
	assert_string_equal(json_string_value(json_array_get(addresses, 1)),
			    "192.0.2.8");
	json_decref(info);
}

static void test_names_of_services(void **state)
{
	(void)state;
	assert_false(changed("vm.enable", "HEARTBEAT"));
	assert_true(changed("vm.disable", "heartbeat"));
	assert_false(changed("vm.disable", "Heartbeat"));
	assert_string_equal(sim_service(SERVICE_HEARTBEAT, "primary_status"),
			    "Disabled");
	assert_true(changed("vm.enable", "Heartbeat"));
	SIM_UNTIL(sim_status_is(SERVICE_HEARTBEAT, "OK"));
	sim_refused(sim_client, "vm.enable",
		    json_pack("{s:s}", "service", "sound"), "");
	sim_refused(sim_client, "vm.enable", NULL, "");
}

static void test_no_driver_is_no_contact(void **state)
{
	(void)state;
	for (int i = 0; i < SERVICE_COUNT; i++) {
		sim_ok(sim_client, "vm.disable", named(i));
		SIM_GUEST(sim_guest.driver[i] = false);
		sim_ok(sim_client, "vm.enable", named(i));
		assert_string_equal(sim_service(i, "primary_status"),
				    "No Contact");
	}
	sim_refused(sim_client, "kvp.enumerate", NULL, "no-contact");
	sim_refused(sim_client, "vss.check", NULL, "no-contact");
	sim_refused(sim_client, "vm.stop", NULL, "no-contact");
	sim_refused(sim_client, "copy.start",
		    json_pack("{s:s, s:s}", "source", "/etc/hostname",
			      "destination", "/tmp/x"),
		    "no-contact");
}

static void test_disabled_says_so(void **state)
{
	(void)state;
	for (int i = 0; i < SERVICE_COUNT; i++)
		sim_ok(sim_client, "vm.disable", named(i));
	sim_refused(sim_client, "kvp.enumerate", NULL, "disabled");
	sim_refused(sim_client, "kvp.set",
		    json_pack("{s:s, s:s}", "key", "a", "value", "b"),
		    "disabled");
	sim_refused(sim_client, "vss.freeze", NULL, "disabled");
	sim_refused(sim_client, "vm.stop", NULL, "disabled");
	sim_refused(sim_client, "copy.start",
		    json_pack("{s:s, s:s}", "source", "/etc/hostname",
			      "destination", "/tmp/x"),
		    "disabled");
}

/* Daemons that went away while their drivers stay: never "OK". */
static void test_missing_daemons(void **state)
{
	static const enum service_index services[] = { SERVICE_FCOPY,
						       SERVICE_KVP,
						       SERVICE_VSS };

	(void)state;
	for (size_t i = 0; i < PORT_ARRAY_SIZE(services); i++)
		SIM_GUEST(sim_guest.no_daemon[services[i]] = true);
	/* The first look may still find the answer of before. */
	SIM_UNTIL(sim_status_is(SERVICE_KVP, "No Contact"));
	SIM_UNTIL(sim_status_is(SERVICE_VSS, "No Contact"));
	SIM_UNTIL(sim_status_is(SERVICE_FCOPY, "No Contact"));
	for (size_t i = 0; i < PORT_ARRAY_SIZE(services); i++)
		SIM_GUEST(sim_guest.no_daemon[services[i]] = false);
	SIM_UNTIL(sim_status_is(SERVICE_KVP, "OK"));
	SIM_UNTIL(sim_status_is(SERVICE_VSS, "OK"));
	SIM_UNTIL(sim_status_is(SERVICE_FCOPY, "OK"));
}

/* A guest that hangs is found out by its heart and by who is asked. */
static void test_hung_guest_loses_communication(void **state)
{
	(void)state;
	SIM_GUEST(sim_guest.hung = true);
	SIM_UNTIL(sim_status_is(SERVICE_HEARTBEAT, "Lost Communication"));
	assert_string_equal(sim_service(SERVICE_KVP, "primary_status"),
			    "Lost Communication");
	assert_string_equal(sim_service(SERVICE_VSS, "primary_status"),
			    "Lost Communication");
	SIM_GUEST(sim_guest.hung = false);
	sim_guest_kick();
	sim_all_ok();
}

/* What is asked meanwhile does not make a slow service a lost one. */
static void test_status_during_a_request(void **state)
{
	struct vm_client *other = sim_connect();
	uint64_t id;

	(void)state;
	SIM_GUEST(sim_guest.allowance[SERVICE_KVP] = 0);
	sim_sleep_ms(1600); /* past the patience with the last probe */
	id = sim_send(other, "kvp.enumerate", NULL);
	sim_sleep_ms(50);
	SIM_GUEST(sim_guest.allowance[SERVICE_KVP] = SIM_UNLIMITED);
	sim_guest_kick();
	assert_string_equal(sim_service(SERVICE_KVP, "primary_status"), "OK");
	json_decref(sim_answer(other, id, NULL));
	vm_client_close(other);
}

static json_int_t counter(const char *name)
{
	json_t *counters = sim_call(sim_client, "vm.counters", NULL);
	json_int_t value = json_integer_value(json_object_get(counters, name));

	json_decref(counters);
	assert_true(value > 0);
	return value;
}

static void use(enum service_index service)
{
	if (service == SERVICE_KVP)
		sim_send(sim_client, "kvp.enumerate", NULL);
	if (service == SERVICE_VSS)
		sim_send(sim_client, "vss.check", NULL);
	if (service == SERVICE_FCOPY)
		sim_send(sim_client, "copy.start",
			 json_pack("{s:s, s:s, s:b}", "source",
				   "/proc/self/exe", "destination", "/tmp/exe",
				   "force", 1));
}

static void turn(enum service_index service)
{
	use(service);
	sim_ok(sim_client, "vm.disable", named(service));
	sim_ok(sim_client, "vm.enable", named(service));
	use(service);
	SIM_UNTIL(sim_status_is(service, "OK"));
}

static void test_twenty_times(void **state)
{
	json_int_t fds, threads;
	struct mallinfo2 before, after;

	(void)state;
	/* Workers and buffers that are made once. */
	for (int i = 0; i < SERVICE_COUNT; i++)
		turn(i);
	sim_ok(sim_client, "copy.start",
	       json_pack("{s:s, s:s, s:b}", "source", "/proc/self/exe",
			 "destination", "/tmp/exe", "force", 1));
	sim_all_ok();
	fds = counter("open_fds");
	threads = counter("threads");
	before = mallinfo2();
	for (int i = 0; i < SERVICE_COUNT; i++)
		for (int j = 0; j < 20; j++)
			turn(i);
	sim_all_ok();
	SIM_UNTIL(counter("open_fds") == fds);
	assert_int_equal(counter("threads"), threads);
	after = mallinfo2();
	/* The log of events, the answers that this test did not read, and what
	 * of this program the guest had not got before. */
	if (after.uordblks > before.uordblks + (8u << 20))
		fail_msg("%zu bytes more than before",
			 after.uordblks - before.uordblks);
	assert_int_equal(SIM_GUEST(sim_guest.connections), 1);
}

/* Disabled and enabled again before the guest has let go of the first offer. */
static void test_enabled_before_released(void **state)
{
	(void)state;
	SIM_GUEST(sim_guest.hung = true);
	for (int i = 0; i < 5; i++) {
		sim_ok(sim_client, "vm.disable", named(SERVICE_KVP));
		sim_ok(sim_client, "vm.enable", named(SERVICE_KVP));
	}
	assert_string_equal(sim_service(SERVICE_KVP, "primary_status"),
			    "No Contact");
	assert_string_equal(sim_service(SERVICE_KVP, "channel"), "null");
	SIM_GUEST(sim_guest.hung = false);
	sim_guest_kick();
	SIM_UNTIL(sim_status_is(SERVICE_KVP, "OK"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_all_are_ok),
		SIM_TEST(test_info),
		SIM_TEST(test_names_of_services),
		SIM_TEST(test_no_driver_is_no_contact),
		SIM_TEST(test_disabled_says_so),
		SIM_TEST(test_missing_daemons),
		SIM_TEST(test_hung_guest_loses_communication),
		SIM_TEST(test_status_during_a_request),
		SIM_TEST(test_twenty_times),
		SIM_TEST(test_enabled_before_released),
	};

	return cmocka_run_group_tests_name("services", tests, NULL, NULL);
}
