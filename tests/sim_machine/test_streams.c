/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What clients follow: console, events, trace. */
#define _GNU_SOURCE
#include <stdio.h>

#include "host/control/base64.h"
#include "host/control/console.h"
#include "tests/sim_machine/sim_vm.h"

static json_t *replay(void)
{
	return json_pack("{s:b}", "replay", 1);
}

/* Bytes of the next notification's "data". */
static size_t data_of(json_t *params, void *bytes, size_t room)
{
	const char *text = json_string_value(json_object_get(params, "data"));
	ssize_t count;

	assert_non_null(text);
	assert_true(strlen(text) / 4 * 3 <= room);
	count = base64_decode(bytes, text, strlen(text));
	assert_true(count >= 0);
	json_decref(params);
	return (size_t)count;
}

/* Read console output until it ends in @end. */
static void console_until(struct vm_client *client, const char *end)
{
	static char text[CONSOLE_QUEUE_BYTES * 2];
	size_t length = 0;

	for (;;) {
		length += data_of(sim_notified(client, "console.output", NULL),
				  text + length, sizeof(text) - 1 - length);
		text[length] = '\0';
		if (length >= strlen(end) &&
		    !strcmp(text + length - strlen(end), end))
			return;
		assert_true(length < sizeof(text) / 2);
	}
}

static void test_console_output(void **state)
{
	struct vm_client *other = sim_connect();

	(void)state;
	sim_ok(sim_client, "console.attach", NULL);
	sim_guest_do(sim_guest_print, "login: ");
	console_until(sim_client, "login: ");
	sim_guest_do(sim_guest_print, "\x01\x7f\xff caf\xc3\xa9\r\n");
	console_until(sim_client, "\x01\x7f\xff caf\xc3\xa9\r\n");
	sim_ok(other, "console.attach", replay());
	console_until(other, "login: \x01\x7f\xff caf\xc3\xa9\r\n");
	vm_client_close(other);
	sim_guest_do(sim_guest_print, "on\n");
	console_until(sim_client, "on\n");
	sim_refused(sim_client, "console.attach",
		    json_pack("{s:s}", "replay", "yes"), "");
}

static json_int_t typed(const char *text)
{
	char data[BASE64_ROOM(70000)];
	json_t *answer;
	json_int_t taken;

	base64_encode(data, text, strlen(text));
	answer = sim_call(sim_client, "console.input",
			  json_pack("{s:s}", "data", data));
	taken = json_integer_value(json_object_get(answer, "taken"));
	json_decref(answer);
	return taken;
}

static bool guest_read(const char *text)
{
	return SIM_GUEST(sim_guest.typed_bytes == strlen(text) &&
			 !memcmp(sim_guest.typed, text, strlen(text)));
}

static void test_console_input(void **state)
{
	const char *longer = "a line that is longer than the port's own room\n";

	(void)state;
	assert_int_equal(typed("ls\n"), 3);
	SIM_UNTIL(guest_read("ls\n"));
	SIM_GUEST(sim_guest.typed_bytes = 0);
	assert_int_equal(typed(longer), strlen(longer));
	SIM_UNTIL(guest_read(longer));
	assert_int_equal(typed(""), 0);
	sim_refused(sim_client, "console.input",
		    json_pack("{s:s}", "data", "not base64"), "");
	sim_refused(sim_client, "console.input", NULL, "");
}

/* More typed than the queue holds, at a guest that does not read. */
static void test_console_input_is_bounded(void **state)
{
	static char text[70001];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	SIM_GUEST(sim_guest.hung = true);
	assert_in_range(typed(text), CONSOLE_INPUT_BYTES - 100,
			CONSOLE_INPUT_BYTES + 100);
	assert_in_range(typed(text), 0, 200);
}

/* Guests write faster than anybody reads: counted, not kept. */
static void print_much(struct sim_guest *guest, void *context)
{
	static char line[4096];

	(void)context;
	memset(line, '.', sizeof(line));
	for (int i = 0; i < 4096; i++)
		sim_machine_print(guest->machine, line, sizeof(line));
	sim_machine_print(guest->machine, "END", 3);
}

static void test_console_flood(void **state)
{
	struct vm_client *slow = sim_connect();

	(void)state;
	sim_ok(slow, "console.attach", NULL);
	sim_guest_do(print_much, NULL);
	sim_guest_do(print_much, NULL);
	sim_ok(sim_client, "vm.info", NULL);
	sim_ok(sim_client, "console.attach", NULL);
	sim_guest_do(sim_guest_print, "done\n");
	console_until(sim_client, "done\n");
	vm_client_close(slow);
}

/* ---- events ---- */

static void test_events(void **state)
{
	static const char *const kinds[] = { "offer", "started", "contact",
					     "open", "heartbeat-ok" };
	struct vm_client *other = sim_connect();
	json_t *event;

	(void)state;
	for (size_t i = 0; i < PORT_ARRAY_SIZE(kinds); i++) {
		struct vm_client *one = sim_connect();

		sim_ok(one, "events.follow", replay());
		event = sim_notified(one, "event", kinds[i]);
		assert_int_equal(strlen(json_string_value(
					 json_object_get(event, "time"))),
				 strlen("2026-01-01T00:00:00.000Z"));
		assert_true(
			json_is_integer(json_object_get(event, "uptime_ms")));
		assert_true(json_is_string(json_object_get(event, "text")));
		json_decref(event);
		vm_client_close(one);
	}
	sim_ok(other, "events.follow", NULL);
	sim_ok(sim_client, "vm.disable", json_pack("{s:s}", "service", "kvp"));
	event = sim_notified(other, "event", "rescind");
	assert_string_equal(
		json_string_value(json_object_get(event, "service")),
		"Key-Value Pair Exchange");
	assert_true(json_integer_value(json_object_get(event, "relid")) > 0);
	json_decref(event);
	json_decref(sim_notified(other, "event", "close"));
	json_decref(sim_notified(other, "event", "release"));
	sim_ok(sim_client, "vm.pause", NULL);
	json_decref(sim_notified(other, "event", "paused"));
	sim_ok(sim_client, "vm.resume", NULL);
	json_decref(sim_notified(other, "event", "resumed"));
	sim_guest_do(sim_guest_unload, NULL);
	json_decref(sim_notified(other, "event", "disconnected"));
	json_decref(sim_notified(other, "event", "contact"));
	vm_client_close(other);
}

static void test_last_events_before_the_end(void **state)
{
	(void)state;
	sim_ok(sim_client, "events.follow", NULL);
	sim_guest_do(sim_guest_power_off, NULL);
	json_decref(sim_notified(sim_client, "event", "stopped"));
	assert_int_equal(sim_vm_end(NULL), 0);
}

/* ---- trace ---- */

static bool is(json_t *params, const char *member, const char *value)
{
	const char *text = json_string_value(json_object_get(params, member));

	return text && !strcmp(text, value);
}

static void test_trace_packets(void **state)
{
	u8 bytes[IC_PACKET_MAX_BYTES];
	bool to_host = false, to_guest = false;

	(void)state;
	sim_ok(sim_client, "trace.follow",
	       json_pack("{s:b, s:b}", "packets", 1, "messages", 0));
	sim_send(sim_client, "kvp.enumerate", NULL);
	while (!to_host || !to_guest) {
		json_t *params = sim_notified(sim_client, "trace", NULL);
		struct packet_descriptor head;
		size_t count;

		assert_true(is(params, "kind", "packet"));
		if (!is(params, "service", "Key-Value Pair Exchange")) {
			json_decref(params);
			continue;
		}
		to_host |= is(params, "direction", "to-host");
		to_guest |= is(params, "direction", "to-guest");
		assert_true(json_integer_value(
				    json_object_get(params, "relid")) > 0);
		count = data_of(params, bytes, sizeof(bytes));
		assert_true(count > sizeof(head) + IC_BODY_OFFSET);
		memcpy(&head, bytes, sizeof(head));
		assert_int_equal(head.type, PACKET_DATA_INBAND);
		assert_int_equal(head.length8, (count + 7) / 8);
	}
}

static void test_trace_messages(void **state)
{
	bool offer = false, release = false, rescind = false;

	(void)state;
	sim_ok(sim_client, "trace.follow",
	       json_pack("{s:b, s:b}", "packets", 0, "messages", 1));
	sim_send(sim_client, "vm.disable",
		 json_pack("{s:s}", "service", "kvp"));
	sim_send(sim_client, "vm.enable", json_pack("{s:s}", "service", "kvp"));
	while (!offer || !release || !rescind) {
		json_t *params = sim_notified(sim_client, "trace", NULL);
		bool to_host = is(params, "direction", "to-host");
		u8 bytes[MACHINE_MESSAGE_MAX_BYTES];
		u32 type;

		assert_true(is(params, "kind", "message"));
		assert_true(data_of(params, bytes, sizeof(bytes)) >= 8);
		memcpy(&type, bytes, sizeof(type));
		offer |= !to_host && type == VMBUS_MESSAGE_OFFER;
		rescind |= !to_host && type == VMBUS_MESSAGE_RESCIND;
		release |= to_host && type == VMBUS_MESSAGE_RELID_RELEASED;
	}
}

/* Who does not read is told how much was dropped, others miss nothing. */
static void test_trace_tells_what_was_lost(void **state)
{
	struct vm_client *slow = sim_connect();
	json_int_t lost = 0;
	char path[] = "/proc/self/exe";

	(void)state;
	sim_ok(slow, "trace.follow", NULL);
	/* Each copy is far more than the backlog that one client may have. */
	for (int i = 0; i < 4; i++)
		sim_ok(sim_client, "copy.start",
		       json_pack("{s:s, s:s, s:b}", "source", path,
				 "destination", "/tmp/exe", "force", 1));
	for (int i = 0; !lost; i++) {
		json_t *params;

		if (i % 200 == 199)
			sim_ok(sim_client, "kvp.enumerate", NULL);
		params = sim_notified(slow, "trace", NULL);
		lost = json_integer_value(json_object_get(params, "lost"));
		json_decref(params);
	}
	assert_true(lost > 10);
	vm_client_close(slow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_console_output),
		SIM_TEST(test_console_input),
		SIM_TEST(test_console_input_is_bounded),
		SIM_TEST(test_console_flood),
		SIM_TEST(test_events),
		SIM_TEST(test_last_events_before_the_end),
		SIM_TEST(test_trace_packets),
		SIM_TEST(test_trace_messages),
		SIM_TEST(test_trace_tells_what_was_lost),
	};

	return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}
