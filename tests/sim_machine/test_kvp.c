/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* kvp.* and ip.* over the socket, with a guest's pools behind them. */
#define _GNU_SOURCE
#include <stdio.h>

#include "tests/sim_machine/sim_vm.h"

static json_t *item(const char *pool, const char *key, const char *value)
{
	json_t *params = json_pack("{s:s}", "key", key);

	if (pool)
		json_object_set_new(params, "pool", json_string(pool));
	if (value)
		json_object_set_new(params, "value", json_string(value));
	return params;
}

static void set(const char *key, const char *value)
{
	sim_ok(sim_client, "kvp.set", item(NULL, key, value));
}

/* The value of a key; "" when it is not there. */
static const char *get(const char *pool, const char *key)
{
	static char text[4096];
	char reason[32];
	uint64_t id = sim_send(sim_client, "kvp.get", item(pool, key, NULL));
	json_t *answer = sim_answer(sim_client, id, reason);

	text[0] = '\0';
	if (answer)
		strcpy(text,
		       json_string_value(json_object_get(answer, "value")));
	else
		assert_string_equal(reason, "not-found");
	json_decref(answer);
	return text;
}

static bool removed(const char *key)
{
	json_t *answer =
		sim_call(sim_client, "kvp.remove", item("external", key, NULL));
	bool is = json_is_true(json_object_get(answer, "removed"));

	json_decref(answer);
	return is;
}

static size_t count(const char *pool)
{
	json_t *answer = sim_call(sim_client, "kvp.enumerate",
				  json_pack("{s:s}", "pool", pool));
	size_t items = json_array_size(json_object_get(answer, "items"));

	json_decref(answer);
	return items;
}

static void test_intrinsic_items(void **state)
{
	(void)state;
	assert_int_equal(count("auto"), 3);
	assert_string_equal(get("auto", "FullyQualifiedDomainName"),
			    "sim.example");
	assert_string_equal(get(NULL, "NetworkAddressIPv6"), "2001:db8::7");
	assert_int_equal(count("guest"), 0);
}

static void test_set_get_remove(void **state)
{
	(void)state;
	set("colour", "blue");
	assert_string_equal(get("external", "colour"), "blue");
	set("colour", "red");
	assert_string_equal(get("external", "colour"), "red");
	assert_int_equal(count("external"), 1);
	assert_true(removed("colour"));
	assert_false(removed("colour"));
	assert_string_equal(get("external", "colour"), "");
}

static void test_every_pool(void **state)
{
	static const char *const pools[] = { "external", "guest", "auto",
					     "auto-external", "auto-internal" };

	const struct kvp_item *at;

	(void)state;
	for (size_t i = 0; i < PORT_ARRAY_SIZE(pools); i++) {
		sim_ok(sim_client, "kvp.set", item(pools[i], "k", pools[i]));
		assert_string_equal(get(pools[i], "k"), pools[i]);
		sim_guest_lock();
		at = &sim_guest.pools[i].items[sim_guest.pools[i].count - 1];
		assert_string_equal(at->text, pools[i]);
		sim_guest_unlock();
	}
}

static void typed(const char *type, const char *value, const char *result)
{
	json_t *params = item(NULL, "n", value);

	json_object_set_new(params, "type", json_string(type));
	if (!result) {
		sim_refused(sim_client, "kvp.set", params, "");
		return;
	}
	sim_ok(sim_client, "kvp.set", params);
	assert_string_equal(get("external", "n"), result);
}

static void test_numbers(void **state)
{
	(void)state;
	typed("u32", "4294967295", "4294967295");
	typed("u32", "4294967296", NULL);
	typed("u64", "18446744073709551615", "18446744073709551615");
	typed("u64", "18446744073709551616", NULL);
	typed("u64", "99999999999999999999999999", NULL);
	typed("u32", "0x10", "16");
	typed("u32", "010", "10");
	typed("u32", "-1", NULL);
	typed("u32", "7 apples", NULL);
	typed("u32", "0x", NULL);
	typed("u32", "", NULL);
	typed("float", "1", NULL);
}

static void test_must_exist_and_must_be_new(void **state)
{
	json_t *params;

	(void)state;
	params = item(NULL, "k", "1");
	json_object_set_new(params, "must_exist", json_true());
	sim_refused(sim_client, "kvp.set", json_incref(params), "not-found");
	assert_int_equal(count("external"), 0);
	set("k", "0");
	sim_ok(sim_client, "kvp.set", params);
	assert_string_equal(get("external", "k"), "1");
	params = item(NULL, "k", "2");
	json_object_set_new(params, "must_be_new", json_true());
	sim_refused(sim_client, "kvp.set", json_incref(params), "exists");
	assert_string_equal(get("external", "k"), "1");
	assert_true(removed("k"));
	sim_ok(sim_client, "kvp.set", json_incref(params));
	assert_string_equal(get("external", "k"), "2");
	json_object_set_new(params, "must_exist", json_true());
	sim_refused(sim_client, "kvp.set", params, "");
}

static void test_250_items(void **state)
{
	char key[32], value[64];
	json_t *answer, *items;

	(void)state;
	for (int i = 0; i < 250; i++) {
		sprintf(key, "key%d", i);
		sprintf(value, "value of %d", i);
		set(key, value);
	}
	answer = sim_call(sim_client, "kvp.enumerate",
			  json_pack("{s:s}", "pool", "external"));
	items = json_object_get(answer, "items");
	assert_int_equal(json_array_size(items), 250);
	for (size_t i = 0; i < 250; i++) {
		json_t *one = json_array_get(items, i);

		sprintf(key, "key%zu", i);
		assert_string_equal(
			json_string_value(json_object_get(one, "key")), key);
	}
	json_decref(answer);
	assert_string_equal(get("external", "key249"), "value of 249");
	for (int i = 0; i < 250; i++) {
		sprintf(key, "key%d", i);
		assert_true(removed(key));
	}
	assert_int_equal(count("external"), 0);
}

static void test_not_ascii(void **state)
{
	static const char *const texts[] = {
		"Grüße",
		"ключ",
		"鍵",
		"مفتاح",
		"🔑 with a surrogate",
		"įšĄ \"quoted\" \\ /",
	};

	(void)state;
	for (size_t i = 0; i < PORT_ARRAY_SIZE(texts); i++) {
		set(texts[i], texts[i]);
		assert_string_equal(get("external", texts[i]), texts[i]);
	}
	assert_int_equal(count("external"), PORT_ARRAY_SIZE(texts));
}

static void test_too_long(void **state)
{
	static char text[8192];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	sim_refused(sim_client, "kvp.set", item(NULL, "k", text), "too-long");
	sim_refused(sim_client, "kvp.set", item(NULL, text, "v"), "too-long");
	sim_refused(sim_client, "kvp.get", item(NULL, text, NULL), "too-long");
	text[1024] = '\0';
	sim_refused(sim_client, "kvp.set", item(NULL, "k", text), "too-long");
	text[1023] = '\0';
	set("k", text);
	assert_string_equal(get("external", "k"), text);
	text[256] = '\0';
	sim_refused(sim_client, "kvp.set", item(NULL, text, "v"), "too-long");
	text[255] = '\0';
	set(text, "v");
	assert_string_equal(get("external", text), "v");
}

static void test_bad_parameters(void **state)
{
	(void)state;
	sim_refused(sim_client, "kvp.set", item(NULL, "", "v"), "refused");
	sim_refused(sim_client, "kvp.set", item("cellar", "k", "v"), "");
	sim_refused(sim_client, "kvp.set", item(NULL, "k", NULL), "");
	sim_refused(sim_client, "kvp.set", NULL, "");
	sim_refused(sim_client, "kvp.get", NULL, "");
	sim_refused(sim_client, "kvp.get", json_pack("{s:i}", "key", 5), "");
	sim_refused(sim_client, "kvp.remove", item("", "k", NULL), "");
	sim_refused(sim_client, "kvp.enumerate", json_pack("{s:b}", "pool", 1),
		    "");
	sim_refused(sim_client, "kvp.get", item("guest", "nothing", NULL),
		    "not-found");
}

static void test_guest_errors(void **state)
{
	(void)state;
	SIM_GUEST(sim_guest.no_daemon[SERVICE_KVP] = true);
	sim_refused(sim_client, "kvp.set", item(NULL, "k", "v"), "guest-error");
	SIM_GUEST(sim_guest.no_daemon[SERVICE_KVP] = false);
	SIM_UNTIL(sim_status_is(SERVICE_KVP, "OK"));
	set("k", "v");
}

/* More requests than may wait: each has its answer, some are refused. */
static void test_many_at_once(void **state)
{
	struct vm_client *other = sim_connect();
	unsigned int busy = 0;
	uint64_t ids[60];
	char reason[32];

	(void)state;
	SIM_GUEST(sim_guest.allowance[SERVICE_KVP] = 0);
	for (size_t i = 0; i < PORT_ARRAY_SIZE(ids); i++)
		ids[i] = sim_send(other, "kvp.set", item(NULL, "k", "v"));
	for (size_t i = 32; i < PORT_ARRAY_SIZE(ids); i++) {
		json_t *answer = sim_answer(other, ids[i], reason);

		assert_null(answer);
		assert_string_equal(reason, "busy");
		busy++;
	}
	SIM_GUEST(sim_guest.allowance[SERVICE_KVP] = SIM_UNLIMITED);
	sim_guest_kick();
	for (size_t i = 0; i < 32; i++)
		json_decref(sim_answer(other, ids[i], reason));
	assert_string_equal(reason, "");
	vm_client_close(other);
	SIM_UNTIL(sim_status_is(SERVICE_KVP, "OK"));
	set("k", "w");
	assert_string_equal(get("external", "k"), "w");
	assert_int_equal(busy, 28);
}

/* Clients that go while their requests wait leave nothing behind. */
static void test_clients_that_go(void **state)
{
	(void)state;
	SIM_GUEST(sim_guest.allowance[SERVICE_KVP] = 0);
	for (int i = 0; i < 8; i++) {
		struct vm_client *other = sim_connect();

		sim_send(other, "kvp.enumerate", NULL);
		sim_send(other, "kvp.set", item(NULL, "k", "v"));
		sim_send(other, "vm.info", NULL);
		sim_send(other, "vm.services", NULL);
		vm_client_close(other);
	}
	json_decref(sim_call(sim_client, "vm.counters", NULL));
	SIM_GUEST(sim_guest.allowance[SERVICE_KVP] = SIM_UNLIMITED);
	sim_guest_kick();
	/* What they asked for is done all the same. */
	SIM_UNTIL(!strcmp(get("external", "k"), "v"));
	set("other", "w");
	assert_string_equal(get("external", "other"), "w");
}

/* The channel goes while requests wait: each is told. */
static void test_disabled_during_requests(void **state)
{
	uint64_t ids[5];
	char reason[32];

	(void)state;
	SIM_GUEST(sim_guest.allowance[SERVICE_KVP] = 0);
	for (size_t i = 0; i < PORT_ARRAY_SIZE(ids); i++) {
		json_t *params = item(NULL, "k", "v");

		if (i % 2)
			json_object_set_new(params, "must_exist", json_true());
		ids[i] = sim_send(sim_client, "kvp.set", params);
	}
	sim_send(sim_client, "vm.disable",
		 json_pack("{s:s}", "service", "kvp"));
	for (size_t i = 0; i < PORT_ARRAY_SIZE(ids); i++) {
		assert_null(sim_answer(sim_client, ids[i], reason));
		assert_string_equal(reason, "no-contact");
	}
	SIM_GUEST(sim_guest.allowance[SERVICE_KVP] = SIM_UNLIMITED);
	sim_ok(sim_client, "vm.enable", json_pack("{s:s}", "service", "kvp"));
	SIM_UNTIL(sim_status_is(SERVICE_KVP, "OK"));
}

/* ---- addresses ---- */

static void test_ip_get(void **state)
{
	json_t *ip =
		sim_call(sim_client, "ip.get",
			 json_pack("{s:s}", "adapter", "00:15:5d:01:02:03"));

	(void)state;
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(ip, "addresses"), 0)),
			    "192.0.2.7");
	assert_string_equal(json_string_value(json_object_get(ip, "family")),
			    "ipv4");
	assert_true(json_is_false(json_object_get(ip, "dhcp")));
	json_decref(ip);
	sim_refused(sim_client, "ip.get",
		    json_pack("{s:s}", "adapter", "00:15:5D:FF:FF:FF"),
		    "guest-error");
	sim_refused(sim_client, "ip.get", json_pack("{s:s}", "adapter", ""),
		    "refused");
	sim_refused(sim_client, "ip.get", NULL, "");
}

static void test_ip_set(void **state)
{
	const char *adapter = "F8615163-DF3E-46C5-913F-F2D2F965ED0E";
	char text[600];

	(void)state;
	sim_ok(sim_client, "ip.set",
	       json_pack("{s:s, s:b, s:[ss], s:[ss], s:[s], s:[s]}", "adapter",
			 adapter, "dhcp", 0, "addresses", "198.51.100.4",
			 "198.51.100.5", "subnets", "255.255.255.0",
			 "255.255.255.0", "gateways", "198.51.100.1", "dns",
			 "198.51.100.53"));
	assert_int_equal(SIM_GUEST(sim_guest.ip_sets), 1);
	assert_string_equal(sim_guest.ip_adapter,
			    "{f8615163-df3e-46c5-913f-f2d2f965ed0e}");
	assert_string_equal(sim_guest.ip.addresses,
			    "198.51.100.4;198.51.100.5");
	assert_string_equal(sim_guest.ip.gateways, "198.51.100.1");
	sim_refused(sim_client, "ip.set",
		    json_pack("{s:s, s:[s]}", "adapter", adapter, "addresses",
			      "300.1.1.1"),
		    "refused");
	sim_refused(sim_client, "ip.set",
		    json_pack("{s:s, s:[s]}", "adapter", adapter, "addresses",
			      "1.1.1.1;2.2.2.2"),
		    "");
	sim_refused(sim_client, "ip.set",
		    json_pack("{s:s, s:s}", "adapter", adapter, "addresses",
			      "1.1.1.1"),
		    "");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	sim_refused(sim_client, "ip.set", json_pack("{s:s}", "adapter", text),
		    "refused");
	assert_int_equal(SIM_GUEST(sim_guest.ip_sets), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_intrinsic_items),
		SIM_TEST(test_set_get_remove),
		SIM_TEST(test_every_pool),
		SIM_TEST(test_numbers),
		SIM_TEST(test_must_exist_and_must_be_new),
		SIM_TEST(test_250_items),
		SIM_TEST(test_not_ascii),
		SIM_TEST(test_too_long),
		SIM_TEST(test_bad_parameters),
		SIM_TEST(test_guest_errors),
		SIM_TEST(test_many_at_once),
		SIM_TEST(test_clients_that_go),
		SIM_TEST(test_disabled_during_requests),
		SIM_TEST(test_ip_get),
		SIM_TEST(test_ip_set),
	};

	return cmocka_run_group_tests_name("kvp", tests, NULL, NULL);
}
