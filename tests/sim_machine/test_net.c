/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Network adapters of a whole VM process: how they come, change and go, seen
 * over the control socket.
 */
#define _GNU_SOURCE
#include "tests/sim_machine/sim_vm.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/sim_machine/sim_net.h"

static void prepare(struct run_config *config)
{
	struct lis_error error;
	struct run_net *net = run_config_add_net(config, &error);

	assert_non_null(net);
	assert_int_equal(run_net_parse(net, "test", "user", &error), 0);
	sim_net_reset();
}

static void prepare_driver(struct run_config *config)
{
	prepare(config);
	sim_net.driver = true;
	sim_net.load = 8;
	sim_net.spread = true;
}

static int setup_driver(void **state)
{
	sim_vm_prepare = prepare_driver;
	return sim_vm_setup(state);
}

static int setup(void **state)
{
	sim_vm_prepare = prepare;
	return sim_vm_setup(state);
}

#define NET_TEST(name)                                                         \
	cmocka_unit_test_setup_teardown(name, setup, sim_vm_teardown)

/* With a guest that uses it, on two channels. */
#define LOAD_TEST(name)                                                        \
	cmocka_unit_test_setup_teardown(name, setup_driver, sim_vm_teardown)

static json_t *adapter(int number)
{
	return json_pack("{s:i}", "adapter", number);
}

static json_t *adapter_with(int number, const char *key, const char *value)
{
	return json_pack("{s:i, s:s}", "adapter", number, key, value);
}

/* A member of the adapter that is @place-th in the list. */
static json_t *listed(size_t place, const char *member)
{
	static json_t *list;

	json_decref(list);
	list = sim_call(sim_client, "net.list", NULL);
	return json_object_get(
		json_array_get(json_object_get(list, "adapters"), place),
		member);
}

static void test_list(void **state)
{
	(void)state;
	assert_int_equal(json_integer_value(listed(0, "adapter")), 0);
	assert_string_equal(json_string_value(listed(0, "backend")), "user");
	assert_string_equal(json_string_value(listed(0, "link")), "up");
	/* Made from the name, and so the same every time. */
	assert_memory_equal(json_string_value(listed(0, "mac")),
			    "00:15:5d:", 9);
	assert_int_equal(json_integer_value(listed(0, "channels")), 0);
	assert_true(json_is_false(listed(0, "gone")));
	assert_null(listed(1, "adapter"));
}

static void test_come_and_go(void **state)
{
	(void)state;
	for (int i = 1; i < RUN_NETS_MAX; i++) {
		json_t *answer = sim_call(sim_client, "net.attach",
					  json_pack("{s:b}", "user", 1));

		assert_int_equal(
			json_integer_value(json_object_get(answer, "adapter")),
			i);
		json_decref(answer);
	}
	sim_refused(sim_client, "net.attach", json_pack("{s:b}", "user", 1),
		    "io");
	for (int i = 0; i < RUN_NETS_MAX; i++)
		sim_ok(sim_client, "net.detach", adapter(i));
	assert_null(listed(0, "adapter"));
	/* The guest lets go of an offer when it gets to it. */
	sim_ok(sim_client, "net.attach",
	       json_pack("{s:b, s:s}", "user", 1, "mac", "02:00:00:00:00:09"));
	assert_string_equal(json_string_value(listed(0, "mac")),
			    "02:00:00:00:00:09");
}

static void test_set(void **state)
{
	(void)state;
	sim_ok(sim_client, "net.set", adapter_with(0, "link", "down"));
	assert_string_equal(json_string_value(listed(0, "link")), "down");
	sim_ok(sim_client, "net.set", adapter_with(0, "link", "up"));
	assert_string_equal(json_string_value(listed(0, "link")), "up");
	sim_ok(sim_client, "net.set", adapter_with(0, "vlan", "7"));
	assert_int_equal(json_integer_value(listed(0, "vlan")), 7);
	sim_ok(sim_client, "net.set",
	       json_pack("{s:i, s:i, s:s}", "adapter", 0, "native", 5, "trunk",
			 "5-6"));
	assert_null(listed(0, "vlan"));
	assert_string_equal(json_string_value(listed(0, "trunk")), "5-6");
	assert_int_equal(json_integer_value(listed(0, "native")), 5);
	sim_ok(sim_client, "net.set", adapter_with(0, "bandwidth", "10M"));
	assert_int_equal(json_integer_value(listed(0, "bandwidth")), 10000000);
	sim_ok(sim_client, "net.set", adapter_with(0, "function", "9"));
	assert_int_equal(json_integer_value(listed(0, "function")), 9);
	assert_true(json_is_false(listed(0, "by_function")));
	sim_ok(sim_client, "net.set", adapter_with(0, "function", "none"));
	assert_null(listed(0, "function"));
	sim_ok(sim_client, "net.set",
	       adapter_with(0, "mac", "02:00:00:00:00:01"));
	assert_string_equal(json_string_value(listed(0, "mac")),
			    "02:00:00:00:00:01");
}

static void test_wrong(void **state)
{
	(void)state;
	sim_refused(sim_client, "net.attach", NULL, "");
	sim_refused(sim_client, "net.attach",
		    json_pack("{s:b, s:s}", "user", 1, "colour", "red"), "");
	sim_refused(sim_client, "net.detach", NULL, "");
	sim_refused(sim_client, "net.detach", adapter(8), "");
	sim_refused(sim_client, "net.detach", adapter(1), "not-found");
	sim_refused(sim_client, "net.set", adapter_with(1, "link", "down"),
		    "not-found");
	sim_refused(sim_client, "net.set", adapter_with(0, "link", "sideways"),
		    "");
	sim_refused(sim_client, "net.set", adapter_with(0, "mtu", "1500"),
		    "refused");
	sim_refused(sim_client, "net.capture", adapter(0), "");
	sim_refused(sim_client, "net.capture",
		    json_pack("{s:i, s:b}", "adapter", 0, "stop", 1),
		    "not-found");
	sim_refused(sim_client, "net.capture",
		    adapter_with(0, "path", "/nowhere/at/all"), "not-found");
}

static void test_capture(void **state)
{
	char folder[] = "/tmp/lis-sim-net-XXXXXX", path[64];
	struct stat status;
	json_t *answer;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/capture", folder);
	sim_ok(sim_client, "net.capture", adapter_with(0, "path", path));
	assert_true(json_is_true(listed(0, "capturing")));
	sim_refused(sim_client, "net.capture", adapter_with(0, "path", path),
		    "busy");
	answer = sim_call(sim_client, "net.capture",
			  json_pack("{s:i, s:b}", "adapter", 0, "stop", 1));
	assert_true(json_is_false(json_object_get(answer, "failed")));
	json_decref(answer);
	assert_true(json_is_false(listed(0, "capturing")));
	/* A section and an interface at least. */
	assert_int_equal(stat(path, &status), 0);
	assert_true(status.st_size > 48);
	sim_refused(sim_client, "net.capture", adapter_with(0, "path", path),
		    "exists");
	/* One that is under way ends with the adapter. */
	unlink(path);
	sim_ok(sim_client, "net.capture", adapter_with(0, "path", path));
	sim_ok(sim_client, "net.detach", adapter(0));
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
}

/* So many more answers come. */
static void answers_come(u32 more)
{
	u64 wanted = SIM_GUEST(sim_net.answers) + more;

	SIM_UNTIL(SIM_GUEST(sim_net.answers) >= wanted);
}

static void test_traffic(void **state)
{
	(void)state;
	SIM_UNTIL(SIM_GUEST(sim_net.channels) == 2);
	answers_come(500);
	assert_int_equal(json_integer_value(listed(0, "channels")), 2);
	assert_true(json_integer_value(json_object_get(listed(0, "guest"),
						       "sent_frames")) >= 500);
	assert_true(json_integer_value(json_object_get(
			    listed(0, "port"), "received_frames")) >= 500);
}

/* Frames with a hash come where the guest's table says, with it. */
static void test_spread(void **state)
{
	u64 astray, there;

	(void)state;
	/* Until the host has the table, and what came before is through. */
	SIM_UNTIL(SIM_GUEST(sim_net.spread_to) >= 100);
	astray = SIM_GUEST(sim_net.astray);
	there = SIM_GUEST(sim_net.spread_to);
	SIM_UNTIL(SIM_GUEST(sim_net.spread_to) >= there + 500);
	assert_int_equal(SIM_GUEST(sim_net.astray), astray);
}

/*
 * The sub-channel's ring fills up, then what is gathered for it; and when the
 * guest reads it again, all goes on.
 */
static void test_deaf_channel(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		u64 there = SIM_GUEST(sim_net.spread_to);
		u64 sent;

		SIM_UNTIL(SIM_GUEST(sim_net.spread_to) >= there + 20);
		/* Few at once: the ring fills before the slots are gone. */
		SIM_GUEST(sim_net.load = 1 + (u32)i);
		SIM_GUEST(sim_net.deaf = true);
		sent = SIM_GUEST(sim_net.sent);
		SIM_UNTIL(SIM_GUEST(sim_net.sent) >= sent + 4000);
		there = SIM_GUEST(sim_net.spread_to);
		SIM_GUEST(sim_net.deaf = false);
		SIM_GUEST(sim_net.load = 8);
		/* More than one ring and one batch: they were taken anew. */
		SIM_UNTIL(SIM_GUEST(sim_net.spread_to) >= there + 1000);
	}
	sim_ok(sim_client, "net.detach", adapter(0));
	SIM_UNTIL(!SIM_GUEST(sim_net.channels));
}

static void test_traffic_and_changes(void **state)
{
	(void)state;
	SIM_UNTIL(SIM_GUEST(sim_net.channels) == 2);
	answers_come(10);
	sim_refused(sim_client, "net.set",
		    adapter_with(0, "mac", "02:00:00:00:00:01"), "busy");
	for (int i = 0; i < 5; i++) {
		sim_ok(sim_client, "net.set", adapter_with(0, "link", "down"));
		SIM_UNTIL(!SIM_GUEST(sim_net.link_up));
		sim_ok(sim_client, "net.set", adapter_with(0, "link", "up"));
		SIM_UNTIL(SIM_GUEST(sim_net.link_up));
		answers_come(10);
		/* Nobody answers in a VLAN. */
		sim_ok(sim_client, "net.set", adapter_with(0, "vlan", "9"));
		sim_ok(sim_client, "net.set", adapter_with(0, "vlan", "none"));
		answers_come(10);
	}
}

/* What was sent is completed where no frame for the guest takes that along, and
 * where fewer are under way than are told of at once. */
static void test_completions_come_alone(void **state)
{
	u64 answers, wanted;

	(void)state;
	SIM_UNTIL(SIM_GUEST(sim_net.channels) == 2);
	answers_come(10);
	/* Nobody answers in a VLAN. */
	sim_ok(sim_client, "net.set", adapter_with(0, "vlan", "9"));
	wanted = SIM_GUEST(sim_net.done) + 100;
	SIM_UNTIL(SIM_GUEST(sim_net.done) >= wanted);
	answers = SIM_GUEST(sim_net.answers);
	wanted += 100;
	SIM_UNTIL(SIM_GUEST(sim_net.done) >= wanted);
	assert_true(SIM_GUEST(sim_net.answers) == answers);
}

static void test_detach_under_traffic(void **state)
{
	int number = 0;

	(void)state;
	for (int i = 0; i < 5; i++) {
		json_t *answer;

		SIM_UNTIL(SIM_GUEST(sim_net.channels) == 2);
		answers_come(20);
		sim_ok(sim_client, "net.detach", adapter(number));
		SIM_UNTIL(!SIM_GUEST(sim_net.channels));
		/* The number is free once the guest has let go, too. */
		answer = sim_call(sim_client, "net.attach",
				  json_pack("{s:b}", "user", 1));
		number = (int)json_integer_value(
			json_object_get(answer, "adapter"));
		json_decref(answer);
	}
	SIM_UNTIL(SIM_GUEST(sim_net.channels) == 2);
	answers_come(20);
}

static void test_restart_under_traffic(void **state)
{
	(void)state;
	for (u32 i = 0; i < 3; i++) {
		SIM_UNTIL(SIM_GUEST(sim_net.channels) == 2);
		answers_come(20);
		sim_guest_do(i & 1 ? sim_guest_unload : sim_guest_restart,
			     NULL);
		SIM_UNTIL(SIM_GUEST(sim_net.channels) < 2);
	}
	SIM_UNTIL(SIM_GUEST(sim_net.channels) == 2);
	answers_come(20);
}

static void test_leave(void **state)
{
	(void)state;
	SIM_UNTIL(SIM_GUEST(sim_net.channels) == 2);
	answers_come(20);
	SIM_GUEST(sim_net.leave = true);
	SIM_UNTIL(SIM_GUEST(sim_net.closed));
}

/* Memory that the guest takes back is let go of. */
static void test_snatched_buffer(void **state)
{
	(void)state;
	SIM_UNTIL(SIM_GUEST(sim_net.channels) == 2);
	answers_come(20);
	SIM_GUEST(sim_net.snatch = true);
	SIM_UNTIL(SIM_GUEST(sim_net.snatched));
	assert_int_equal(json_integer_value(listed(0, "channels")), 2);
}

static void test_garbage(void **state)
{
	(void)state;
	SIM_UNTIL(SIM_GUEST(sim_net.channels) == 2);
	answers_come(20);
	SIM_GUEST(sim_net.garbage = true);
	/* The channel is closed; the VM and its other adapters go on. */
	SIM_UNTIL(!SIM_GUEST(sim_net.channels));
	sim_ok(sim_client, "net.list", NULL);
	sim_guest_do(sim_guest_restart, NULL);
	SIM_UNTIL(SIM_GUEST(sim_net.channels) == 2);
	answers_come(20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(test_list),
		NET_TEST(test_come_and_go),
		NET_TEST(test_set),
		NET_TEST(test_wrong),
		NET_TEST(test_capture),
		LOAD_TEST(test_traffic),
		LOAD_TEST(test_spread),
		LOAD_TEST(test_deaf_channel),
		LOAD_TEST(test_traffic_and_changes),
		LOAD_TEST(test_completions_come_alone),
		LOAD_TEST(test_detach_under_traffic),
		LOAD_TEST(test_restart_under_traffic),
		LOAD_TEST(test_leave),
		LOAD_TEST(test_snatched_buffer),
		LOAD_TEST(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
