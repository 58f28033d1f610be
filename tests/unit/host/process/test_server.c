/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>

#include "server_link.h"

#define LINE_LIMIT_BYTES (1u << 20)
#define CLIENTS_MAX	 64
#define REQUESTS_MAX	 64

#define CALL(method) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\"}"

/* ---- methods ---- */

static struct control_request *held[REQUESTS_MAX * 2];
static size_t held_count;
static unsigned int orphans;
static unsigned int gone;
static struct control_client *gone_client;

static void echo(struct control_request *request, json_t *params)
{
	assert_ptr_equal(request->context, &link_context);
	control_reply(request, json_incref(params));
}

static void refuse(struct control_request *request, json_t *params)
{
	(void)params;
	control_fail(request, "busy", "the %s is busy", "method");
}

/* A sentence that is cut inside of a character. */
static void fail_long(struct control_request *request, json_t *params)
{
	char text[2000];

	(void)params;
	for (size_t i = 0; i < sizeof(text) - 2; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	text[sizeof(text) - 2] = '\0';
	control_fail_params(request, "x%s", text);
}

static void orphaned(struct control_request *request)
{
	assert_null(request->client);
	orphans++;
}

static void hold(struct control_request *request, json_t *params)
{
	(void)params;
	request->orphaned = orphaned;
	held[held_count++] = request;
}

/* Answers from inside of its own orphaned hook. */
static void orphan_ends(struct control_request *request)
{
	orphans++;
	control_reply(request, json_object());
}

static void fragile(struct control_request *request, json_t *params)
{
	(void)params;
	request->orphaned = orphan_ends;
}

static void large(struct control_request *request, json_t *params)
{
	char *text = malloc(256u << 10);

	(void)params;
	assert_non_null(text);
	memset(text, 'l', (256u << 10) - 1);
	text[(256u << 10) - 1] = '\0';
	control_reply(request, json_pack("{s:s}", "text", text));
	free(text);
}

static void follow(struct control_request *request, json_t *params)
{
	control_follow(request, (unsigned int)json_integer_value(
					json_object_get(params, "streams")));
	control_reply(request, json_object());
}

static void on_gone(void *context, struct control_client *client)
{
	assert_ptr_equal(context, &link_context);
	assert_ptr_equal(client, gone_client);
	gone++;
}

static void tell_gone(struct control_request *request, json_t *params)
{
	gone_client = request->client;
	control_when_gone(request->client,
			  json_object_get(params, "no") ? NULL : on_gone);
	control_reply(request, json_object());
}

static const struct control_method methods[] = {
	{ "echo", echo },	    { "fail", refuse },
	{ "fail.long", fail_long }, { "hold", hold },
	{ "fragile", fragile },	    { "large", large },
	{ "follow", follow },	    { "gone", tell_gone },
};

static int setup(void **state)
{
	(void)state;
	held_count = 0;
	orphans = 0;
	gone = 0;
	link_begin(methods, sizeof(methods) / sizeof(methods[0]));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	link_end();
	return 0;
}

static void release_all(void)
{
	for (size_t i = 0; i < held_count; i++)
		control_reply(held[i], json_object());
	held_count = 0;
}

/* ---- requests ---- */

static void test_call(void **state)
{
	int fd = link_connect();
	json_t *result;

	(void)state;
	result = link_call(fd,
			   "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\","
			   "\"params\":{\"a\":[1,\"\xc3\xa9\"]}}",
			   0);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(result, "a"), 1)),
			    "\xc3\xa9");
	json_decref(result);
	/* No params are the same as empty ones. */
	result = link_call(fd, CALL("echo"), 0);
	assert_true(json_is_object(result));
	assert_int_equal(json_object_size(result), 0);
	json_decref(result);
	close(fd);
}

static json_t *answer_with_id(int fd, const char *id)
{
	char request[256];
	json_t *answer, *got;

	snprintf(request, sizeof(request),
		 "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"echo\"}\n", id);
	link_send(fd, request);
	answer = link_receive(fd);
	assert_string_equal(
		json_string_value(json_object_get(answer, "jsonrpc")), "2.0");
	got = json_incref(json_object_get(answer, "id"));
	if (json_object_get(answer, "error")) {
		assert_int_equal(
			json_integer_value(json_object_get(
				json_object_get(answer, "error"), "code")),
			-32600);
		assert_true(json_is_null(got));
	}
	json_decref(answer);
	return got;
}

static void test_ids(void **state)
{
	static const char *const valid[] = { "0", "-5", "9223372036854775807",
					     "\"\"", "\"a b\"" };
	static const char *const invalid[] = { "null", "1.5", "true", "[1]",
					       "{}" };
	int fd = link_connect();

	(void)state;
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		json_t *expected = json_loads(valid[i], JSON_DECODE_ANY, NULL);
		json_t *got = answer_with_id(fd, valid[i]);

		assert_true(json_equal(expected, got));
		json_decref(expected);
		json_decref(got);
	}
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		json_t *got = answer_with_id(fd, invalid[i]);

		assert_true(json_is_null(got));
		json_decref(got);
	}
	close(fd);
}

static void test_errors(void **state)
{
	static const struct {
		const char *line;
		int code;
	} rows[] = {
		{ "garbage", -32700 },
		{ "{", -32700 },
		{ "\"text\"", -32700 },
		{ "17", -32700 },
		{ "{\"a\":1,\"a\":2}", -32700 },
		{ "{\"a\":\"\xff\"}", -32700 },
		{ "{\"a\":\"\\u0000\"}", -32700 },
		{ "{} {}", -32700 },
		{ "[]", -32600 },
		{ "[" CALL("echo") "]", -32600 },
		{ "{}", -32600 },
		{ "{\"id\":1,\"method\":\"echo\"}", -32600 },
		{ "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"echo\"}",
		  -32600 },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}", -32600 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1}", -32600 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}", -32600 },
		{ CALL("nothing"), -32601 },
		{ CALL("ech"), -32601 },
		{ CALL(""), -32601 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\","
		  "\"params\":[]}",
		  -32602 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\","
		  "\"params\":null}",
		  -32602 },
		{ CALL("fail"), -32000 },
		{ CALL("fail.long"), -32602 },
	};
	int fd = link_connect();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(link_call(fd, rows[i].line, rows[i].code));
		/* The connection stands. */
		json_decref(link_call(fd, CALL("echo"), 0));
	}
	close(fd);
}

/* Error objects name the request, also when it is not a valid one. */
static void test_error_members(void **state)
{
	int fd = link_connect();
	json_t *answer, *error;

	(void)state;
	link_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"fail\"}"
		      "\n{\"id\":\"y\"}\n");
	answer = link_receive(fd);
	error = json_object_get(answer, "error");
	assert_string_equal(json_string_value(json_object_get(answer, "id")),
			    "x");
	assert_string_equal(
		json_string_value(json_object_get(error, "message")),
		"the method is busy");
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(error, "data"), "reason")),
			    "busy");
	json_decref(answer);
	answer = link_receive(fd);
	assert_string_equal(json_string_value(json_object_get(answer, "id")),
			    "y");
	json_decref(answer);
	close(fd);
}

/* A name that is cut inside of a character. */
static void test_long_method_name(void **state)
{
	int fd = link_connect();
	char request[512];

	(void)state;
	for (int odd = 0; odd < 2; odd++) {
		strcpy(request, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"");
		strcat(request, odd ? "x" : "");
		for (int i = 0; i < 100; i++)
			strcat(request, "\xc3\xa9");
		strcat(request, "\"}");
		assert_null(link_call(fd, request, -32601));
	}
	close(fd);
}

/* ---- framing ---- */

static void test_pieces(void **state)
{
	const char *lines = CALL("echo") "\n\n\r\n" CALL("echo") "\n";
	int fd = link_connect();

	(void)state;
	for (const char *at = lines; *at; at++)
		link_send_bytes(fd, at, 1);
	json_decref(link_receive(fd));
	/* A lone carriage return is no JSON. */
	json_decref(link_receive(fd));
	json_decref(link_receive(fd));
	link_silent(fd);
	close(fd);
}

static void test_many_lines_at_once(void **state)
{
	int fd = link_connect();
	char lines[20000] = "";
	size_t length = 0;

	(void)state;
	for (int i = 0; i < 200; i++)
		length += (size_t)sprintf(lines + length,
					  "{\"jsonrpc\":\"2.0\",\"id\":%d,"
					  "\"method\":\"echo\"}\n",
					  i);
	link_send(fd, lines);
	for (int i = 0; i < 200; i++) {
		json_t *answer = link_receive(fd);

		assert_int_equal(
			json_integer_value(json_object_get(answer, "id")), i);
		json_decref(answer);
	}
	close(fd);
}

/* A request padded to @bytes, with its newline. */
static char *padded(size_t bytes)
{
	char *text = malloc(bytes + 1);

	assert_non_null(text);
	memset(text, ' ', bytes);
	memcpy(text, CALL("echo"), strlen(CALL("echo")));
	text[bytes - 1] = '\n';
	text[bytes] = '\0';
	return text;
}

static void test_line_limit(void **state)
{
	int fd = link_connect();
	char *text = padded(LINE_LIMIT_BYTES);
	json_t *answer;

	(void)state;
	link_send(fd, text);
	answer = link_receive(fd);
	assert_non_null(json_object_get(answer, "result"));
	json_decref(answer);
	free(text);
	text = padded(LINE_LIMIT_BYTES + 1);
	link_send(fd, text);
	answer = link_receive(fd);
	assert_non_null(json_object_get(answer, "error"));
	json_decref(answer);
	assert_true(link_closed(fd));
	free(text);
	close(fd);
	/* Others are served. */
	fd = link_connect();
	json_decref(link_call(fd, CALL("echo"), 0));
	close(fd);
}

static void test_deep_json(void **state)
{
	int fd = link_connect();
	char *text = malloc(200001);

	(void)state;
	assert_non_null(text);
	memset(text, '[', 200000);
	text[200000] = '\0';
	assert_null(link_call(fd, text, -32700));
	free(text);
	close(fd);
}

static void test_half_a_line_at_the_end(void **state)
{
	int fd = link_connect();

	(void)state;
	link_send(fd, "{\"jsonrpc\":");
	close(fd);
	link_turn();
	fd = link_connect();
	json_decref(link_call(fd, CALL("echo"), 0));
	close(fd);
}

/* ---- clients that go ---- */

static void test_orphaned(void **state)
{
	int fd = link_connect();

	(void)state;
	for (int i = 0; i < 5; i++)
		link_send(fd, CALL("hold") "\n");
	assert_int_equal(held_count, 5);
	/* One of the middle is answered before. */
	control_reply(held[2], json_object());
	held[2] = held[--held_count];
	close(fd);
	link_turn();
	assert_int_equal(orphans, 4);
	release_all();
	fd = link_connect();
	for (int i = 0; i < 5; i++)
		link_send(fd, CALL("fragile") "\n");
	close(fd);
	link_turn();
	assert_int_equal(orphans, 9);
}

/* Requests that outlive the server's end, too. */
static void test_stop_with_requests(void **state)
{
	int fd = link_connect();

	link_send(fd, CALL("hold") "\n" CALL("fragile") "\n");
	teardown(state);
	assert_int_equal(orphans, 2);
	control_fail(held[0], "io", "too late");
	close(fd);
	setup(state);
}

static void test_when_gone(void **state)
{
	int fd = link_connect();
	int other = link_connect();

	(void)state;
	json_decref(link_call(fd, CALL("gone"), 0));
	close(other);
	link_turn();
	assert_int_equal(gone, 0);
	close(fd);
	link_turn();
	assert_int_equal(gone, 1);
	fd = link_connect();
	json_decref(link_call(fd, CALL("gone"), 0));
	json_decref(link_call(fd,
			      "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
			      "\"gone\",\"params\":{\"no\":1}}",
			      0));
	close(fd);
	link_turn();
	assert_int_equal(gone, 1);
}

static void test_request_limit(void **state)
{
	int fd = link_connect();
	int other = link_connect();

	(void)state;
	for (int i = 0; i < REQUESTS_MAX; i++)
		link_send(fd, CALL("hold") "\n");
	assert_int_equal(held_count, REQUESTS_MAX);
	link_silent(fd);
	assert_null(link_call(fd, CALL("hold"), -32000));
	assert_null(link_call(fd, CALL("echo"), -32000));
	json_decref(link_call(other, CALL("echo"), 0));
	control_reply(held[--held_count], json_object());
	json_decref(link_receive(fd));
	json_decref(link_call(fd, CALL("echo"), 0));
	release_all();
	close(fd);
	close(other);
}

static void test_client_limit(void **state)
{
	int fds[CLIENTS_MAX], fd;

	(void)state;
	for (int i = 0; i < CLIENTS_MAX; i++)
		fds[i] = link_connect();
	fd = link_connect();
	assert_true(link_closed(fd));
	close(fd);
	for (int i = 0; i < CLIENTS_MAX; i++)
		json_decref(link_call(fds[i], CALL("echo"), 0));
	close(fds[0]);
	link_turn();
	fd = link_connect();
	json_decref(link_call(fd, CALL("echo"), 0));
	close(fd);
	for (int i = 1; i < CLIENTS_MAX; i++)
		close(fds[i]);
}

/* Who asks and does not read is not listened to until it does. */
static void test_answers_not_read(void **state)
{
	int fd = link_connect();
	int other = link_connect();
	enum { ASKED = 100 };

	(void)state;
	for (int i = 0; i < ASKED; i++) {
		link_send(fd, CALL("large") "\n");
		json_decref(link_call(other, CALL("echo"), 0));
	}
	for (int i = 0; i < ASKED; i++) {
		char *line = link_line(fd);

		assert_non_null(strstr(line, "\"result\""));
		free(line);
	}
	link_silent(fd);
	json_decref(link_call(fd, CALL("echo"), 0));
	close(fd);
	/* And when it goes instead. */
	fd = link_connect();
	for (int i = 0; i < ASKED; i++)
		link_send(fd, CALL("large") "\n");
	close(fd);
	link_turn();
	json_decref(link_call(other, CALL("echo"), 0));
	close(other);
}

/* ---- streams ---- */

static void followed(int fd, int streams)
{
	char request[128];

	snprintf(request, sizeof(request),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"follow\","
		 "\"params\":{\"streams\":%d}}",
		 streams);
	json_decref(link_call(fd, request, 0));
}

static json_int_t heard(int fd, const char *member)
{
	json_t *line = link_receive(fd);
	json_t *params = json_object_get(line, "params");
	json_int_t value = json_integer_value(json_object_get(params, member));

	assert_null(json_object_get(line, "id"));
	assert_string_equal(json_string_value(json_object_get(line, "method")),
			    "news");
	json_decref(line);
	return value;
}

static void tell(enum control_stream stream, int number)
{
	control_broadcast(link_server, stream, "news",
			  json_pack("{s:i}", "n", number));
}

static void test_streams(void **state)
{
	int one = link_connect(), two = link_connect();

	(void)state;
	tell(CONTROL_EVENTS, 0);
	assert_int_equal(control_followed(link_server), 0);
	followed(one, CONTROL_EVENTS | CONTROL_CONSOLE);
	followed(two, CONTROL_CONSOLE);
	assert_int_equal(link_followers_changes, 2);
	assert_int_equal(control_followed(link_server),
			 CONTROL_EVENTS | CONTROL_CONSOLE);
	tell(CONTROL_EVENTS, 1);
	tell(CONTROL_CONSOLE, 2);
	tell(CONTROL_TRACE_PACKETS, 3);
	assert_int_equal(heard(one, "n"), 1);
	assert_int_equal(heard(one, "n"), 2);
	assert_int_equal(heard(two, "n"), 2);
	link_silent(one);
	link_silent(two);
	close(one);
	link_turn();
	assert_int_equal(link_followers_changes, 3);
	assert_int_equal(control_followed(link_server), CONTROL_CONSOLE);
	close(two);
}

/* Dropped for who does not read, and counted for that one alone. */
static void test_slow_follower(void **state)
{
	int slow = link_connect(), quick = link_connect();
	enum { TOLD = 400 };
	char *text = malloc(64u << 10);
	json_int_t got = 0, lost = 0;

	(void)state;
	assert_non_null(text);
	memset(text, 't', (64u << 10) - 1);
	text[(64u << 10) - 1] = '\0';
	followed(slow, CONTROL_EVENTS);
	followed(quick, CONTROL_EVENTS);
	for (int i = 0; i < TOLD; i++) {
		char *line;

		control_broadcast(link_server, CONTROL_EVENTS, "news",
				  json_pack("{s:i, s:s}", "n", i, "t", text));
		line = link_line(quick);
		assert_null(strstr(line, "\"lost\""));
		free(line);
	}
	free(text);
	/* What is told when it has begun to read tells of all that is missing.
	 */
	while (!lost) {
		char *line = link_line(slow);
		const char *member = strstr(line, "\"lost\":");

		got++;
		if (member)
			lost = strtoll(member + strlen("\"lost\":"), NULL, 10);
		free(line);
		if (got == 20)
			tell(CONTROL_EVENTS, TOLD);
	}
	assert_in_range(lost, 50, TOLD - 20);
	assert_int_equal(got + lost, TOLD + 1);
	tell(CONTROL_EVENTS, TOLD + 1);
	assert_int_equal(heard(slow, "lost"), 0);
	close(slow);
	close(quick);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_call),
		TEST(test_ids),
		TEST(test_errors),
		TEST(test_error_members),
		TEST(test_long_method_name),
		TEST(test_pieces),
		TEST(test_many_lines_at_once),
		TEST(test_line_limit),
		TEST(test_deep_json),
		TEST(test_half_a_line_at_the_end),
		TEST(test_orphaned),
		TEST(test_stop_with_requests),
		TEST(test_when_gone),
		TEST(test_request_limit),
		TEST(test_client_limit),
		TEST(test_answers_not_read),
		TEST(test_streams),
		TEST(test_slow_follower),
	};

	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
