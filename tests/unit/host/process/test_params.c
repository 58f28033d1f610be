/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <stdio.h>

#include "host/control/params.h"
#include "server_link.h"

static bool reached;
static const char *text;
static bool flag;
static uint64_t number;

static void done(struct control_request *request)
{
	reached = true;
	control_reply(request, json_object());
}

static void take_text(struct control_request *request, json_t *params)
{
	text = "default";
	if (params_text(request, params, "m", false, &text))
		done(request);
}

static void take_needed(struct control_request *request, json_t *params)
{
	if (params_text(request, params, "m", true, &text))
		done(request);
}

static void take_flag(struct control_request *request, json_t *params)
{
	flag = true;
	if (params_flag(request, params, "m", &flag))
		done(request);
}

static void take_number(struct control_request *request, json_t *params)
{
	number = 42;
	if (params_number(request, params, "m", 1000, &number))
		done(request);
}

static const struct control_method methods[] = {
	{ "text", take_text },
	{ "needed", take_needed },
	{ "flag", take_flag },
	{ "number", take_number },
};

static int fd;

static int setup(void **state)
{
	(void)state;
	link_begin(methods, sizeof(methods) / sizeof(methods[0]));
	fd = link_connect();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	link_end();
	return 0;
}

/* Call @method with params {"m": value}, or {} for NULL. */
static bool takes(const char *method, const char *value)
{
	char request[256];

	snprintf(request, sizeof(request),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\","
		 "\"params\":{%s%s}}",
		 method, value ? "\"m\":" : "", value ? value : "");
	reached = false;
	link_send(fd, request);
	link_send(fd, "\n");
	json_decref(link_receive(fd));
	return reached;
}

static void test_text(void **state)
{
	(void)state;
	assert_true(takes("text", NULL));
	assert_string_equal(text, "default");
	assert_true(takes("text", "\"x\""));
	assert_false(takes("text", "5"));
	assert_false(takes("text", "null"));
	assert_false(takes("text", "[\"x\"]"));
	assert_false(takes("needed", NULL));
	assert_true(takes("needed", "\"\""));
}

static void test_flag(void **state)
{
	(void)state;
	assert_true(takes("flag", NULL));
	assert_true(flag);
	assert_true(takes("flag", "false"));
	assert_false(flag);
	assert_true(takes("flag", "true"));
	assert_true(flag);
	assert_false(takes("flag", "1"));
	assert_false(takes("flag", "null"));
	assert_false(takes("flag", "\"true\""));
}

static void test_number(void **state)
{
	(void)state;
	assert_true(takes("number", NULL));
	assert_int_equal(number, 42);
	assert_true(takes("number", "0"));
	assert_int_equal(number, 0);
	assert_true(takes("number", "1000"));
	assert_int_equal(number, 1000);
	assert_false(takes("number", "1001"));
	assert_false(takes("number", "-1"));
	assert_false(takes("number", "1.5"));
	assert_false(takes("number", "1e2"));
	assert_false(takes("number", "\"7\""));
	assert_false(takes("number", "9223372036854775807"));
	assert_false(takes("number", "-9223372036854775808"));
}

/* The request is gone after a refusal: nothing is left open in the end. */
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flag, setup, teardown),
		cmocka_unit_test_setup_teardown(test_number, setup, teardown),
	};

	return cmocka_run_group_tests_name("params", tests, NULL, NULL);
}
