/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* copy.* over the socket, into a guest that keeps files in memory. */
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>

#include "tests/sim_machine/sim_vm.h"

#define BLOCKS(bytes) (((bytes) + FCOPY_BLOCK_BYTES - 1) / FCOPY_BLOCK_BYTES)

static char source[64];
static u8 *content;
static size_t content_bytes;

/* A file of the host whose bytes tell their place. */
static void source_make(size_t bytes)
{
	FILE *file;
	int fd;

	strcpy(source, "/tmp/lis-source-XXXXXX");
	fd = mkstemp(source);
	assert_true(fd >= 0);
	content = malloc(bytes + 1);
	assert_non_null(content);
	content_bytes = bytes;
	for (size_t i = 0; i < bytes; i++)
		content[i] = (u8)(i * 7 + i / 251);
	file = fdopen(fd, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, bytes, file), bytes);
	fclose(file);
}

static int setup(void **state)
{
	source_make(300000);
	return sim_vm_setup(state);
}

static int teardown(void **state)
{
	unlink(source);
	free(content);
	return sim_vm_teardown(state);
}

static json_t *to(const char *destination)
{
	return json_pack("{s:s, s:s}", "source", source, "destination",
			 destination);
}

static json_t *flagged(const char *destination, const char *flag)
{
	json_t *params = to(destination);

	json_object_set_new(params, flag, json_true());
	return params;
}

/* Whether the guest has the whole file. */
static bool arrived(const char *path)
{
	const struct sim_file *file;
	bool same;

	sim_guest_lock();
	file = sim_file_find(&sim_guest, path);
	same = file && file->complete && file->size_bytes == content_bytes &&
	       (!content_bytes || !memcmp(file->bytes, content, content_bytes));
	sim_guest_unlock();
	return same;
}

static bool absent(const char *path)
{
	return SIM_GUEST(!sim_file_find(&sim_guest, path));
}

static void copied(const char *destination)
{
	json_t *answer = sim_call(sim_client, "copy.start", to(destination));

	assert_int_equal(json_integer_value(json_object_get(answer, "bytes")),
			 content_bytes);
	json_decref(answer);
	assert_true(arrived(destination));
}

static void test_whole_file(void **state)
{
	(void)state;
	copied("/tmp/file");
	copied("/rootfile");
	copied("/tmp/Grüße 🔑");
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = { 0,
					1,
					FCOPY_BLOCK_BYTES,
					FCOPY_BLOCK_BYTES + 1,
					256u << 10,
					(256u << 10) + 1 };
	char path[32];

	(void)state;
	for (size_t i = 0; i < PORT_ARRAY_SIZE(sizes); i++) {
		unlink(source);
		free(content);
		source_make(sizes[i]);
		sprintf(path, "/tmp/f%zu", i);
		copied(path);
	}
}

/* Reports come in order, and none after the answer. */
static void test_progress(void **state)
{
	struct vm_message message;
	struct lis_error error;
	json_int_t last = 0;
	unsigned int reports = 0;
	uint64_t id;

	(void)state;
	id = sim_send(sim_client, "copy.start", to("/tmp/file"));
	for (;;) {
		json_t *params;

		memset(&message, 0, sizeof(message));
		assert_int_equal(vm_client_receive(sim_client, SIM_PATIENCE_MS,
						   &message, &error),
				 1);
		if (!message.method)
			break;
		params = message.params;
		assert_string_equal(message.method, "copy.progress");
		assert_int_equal(
			json_integer_value(json_object_get(params, "id")), id);
		assert_int_equal(
			json_integer_value(json_object_get(params, "total")),
			content_bytes);
		assert_true(json_integer_value(
				    json_object_get(params, "bytes")) > last);
		last = json_integer_value(json_object_get(params, "bytes"));
		reports++;
		vm_message_release(&message);
	}
	assert_int_equal(message.id, id);
	assert_int_equal(message.error_code, 0);
	vm_message_release(&message);
	assert_in_range(reports, 2, 10);
	assert_true(arrived("/tmp/file"));
}

static void test_refusals(void **state)
{
	char longer[700];

	(void)state;
	copied("/tmp/file");
	sim_refused(sim_client, "copy.start", to("/tmp/file"), "exists");
	sim_ok(sim_client, "copy.start", flagged("/tmp/file", "force"));
	sim_refused(sim_client, "copy.start", to("/var/lib/file"),
		    "path-not-found");
	sim_ok(sim_client, "copy.start",
	       flagged("/var/lib/file", "create_parents"));
	assert_true(arrived("/var/lib/file"));
	sim_refused(sim_client, "copy.start", to("tmp/file"), "");
	sim_refused(sim_client, "copy.start",
		    json_pack("{s:s, s:s}", "source", "file", "destination",
			      "/tmp/x"),
		    "");
	sim_refused(sim_client, "copy.start",
		    json_pack("{s:s}", "source", source), "");
	sim_refused(sim_client, "copy.start", to("/tmp/"), "refused");
	sim_refused(sim_client, "copy.start", to("/tmp/.."), "refused");
	memset(longer, 'n', sizeof(longer));
	memcpy(longer, "/tmp/", 5);
	longer[sizeof(longer) - 1] = '\0';
	sim_refused(sim_client, "copy.start", to(longer), "too-long");
	strcpy(sim_guest.cannot_create, "/tmp/forbidden");
	sim_refused(sim_client, "copy.start", to("/tmp/forbidden"),
		    "guest-error");
	copied("/tmp/after");
}

static json_t *from(const char *path)
{
	return json_pack("{s:s, s:s}", "source", path, "destination", "/tmp/x");
}

static void test_sources_that_cannot_be_read(void **state)
{
	char longer[5000];

	(void)state;
	sim_refused(sim_client, "copy.start", from("/nowhere"), "io");
	sim_refused(sim_client, "copy.start", from("/tmp"), "io");
	sim_refused(sim_client, "copy.start", from("/dev/zero"), "io");
	/* A sentence that is cut inside of a character. */
	longer[0] = '/';
	for (size_t i = 1; i < sizeof(longer) - 2; i += 2)
		memcpy(longer + i, "é", 2);
	longer[sizeof(longer) - 1] = '\0';
	sim_refused(sim_client, "copy.start", from(longer), "io");
	longer[0] = 'x';
	assert_true(absent("/tmp/x"));
	copied("/tmp/after");
}

static void test_no_daemon(void **state)
{
	(void)state;
	SIM_GUEST(sim_guest.no_daemon[SERVICE_FCOPY] = true);
	sim_refused(sim_client, "copy.start", to("/tmp/file"), "no-daemon");
	SIM_GUEST(sim_guest.no_daemon[SERVICE_FCOPY] = false);
	SIM_UNTIL(sim_status_is(SERVICE_FCOPY, "OK"));
	copied("/tmp/file");
}

static void test_disk_full(void **state)
{
	(void)state;
	SIM_GUEST(sim_guest.disk_bytes = 100000);
	sim_refused(sim_client, "copy.start", to("/tmp/file"), "guest-error");
	assert_true(absent("/tmp/file"));
	SIM_GUEST(sim_guest.disk_bytes = 1u << 30);
	copied("/tmp/file");
}

/* Start a copy that stands still after @blocks. */
static uint64_t stuck(struct vm_client *client, u32 blocks)
{
	uint64_t id;

	SIM_GUEST(sim_guest.allowance[SERVICE_FCOPY] = blocks + 1);
	id = sim_send(client, "copy.start", to("/tmp/file"));
	SIM_UNTIL(SIM_GUEST(sim_guest.allowance[SERVICE_FCOPY]) == 0);
	return id;
}

static void go_on(void)
{
	SIM_GUEST(sim_guest.allowance[SERVICE_FCOPY] = SIM_UNLIMITED);
	sim_guest_kick();
}

static void test_cancel(void **state)
{
	struct vm_client *other = sim_connect();
	uint64_t id = stuck(sim_client, 20);
	char reason[32];

	(void)state;
	sim_refused(sim_client, "copy.cancel", NULL, "not-found");
	sim_refused(sim_client, "copy.cancel",
		    json_pack("{s:I}", "id", (json_int_t)id + 1000),
		    "not-found");
	sim_refused(other, "copy.cancel",
		    json_pack("{s:I}", "id", (json_int_t)id), "not-found");
	sim_refused(other, "copy.start", to("/tmp/other"), "busy");
	sim_send(sim_client, "copy.cancel",
		 json_pack("{s:I}", "id", (json_int_t)id));
	go_on();
	assert_null(sim_answer(sim_client, id, reason));
	assert_string_equal(reason, "cancelled");
	assert_true(absent("/tmp/file"));
	sim_refused(sim_client, "copy.cancel",
		    json_pack("{s:I}", "id", (json_int_t)id), "not-found");
	copied("/tmp/file");
	vm_client_close(other);
}

static void test_client_gone_cancels(void **state)
{
	struct vm_client *other = sim_connect();

	(void)state;
	stuck(other, 10);
	vm_client_close(other);
	json_decref(sim_call(sim_client, "vm.counters", NULL));
	go_on();
	SIM_UNTIL(absent("/tmp/file"));
	SIM_UNTIL(SIM_GUEST(!sim_guest.file));
	SIM_UNTIL(sim_status_is(SERVICE_FCOPY, "OK"));
	copied("/tmp/file");
}

/* The host's file shrinks: the guest has no half of it afterwards. */
static void test_source_becomes_shorter(void **state)
{
	uint64_t id;
	char reason[32];

	(void)state;
	unlink(source);
	free(content);
	source_make(2u << 20);
	id = stuck(sim_client, 5);
	assert_int_equal(truncate(source, 600000), 0);
	go_on();
	assert_null(sim_answer(sim_client, id, reason));
	assert_string_equal(reason, "io");
	assert_true(absent("/tmp/file"));
}

/* Removed, it is still there for who has it open. */
static void test_source_vanishes(void **state)
{
	uint64_t id = stuck(sim_client, 5);

	(void)state;
	unlink(source);
	go_on();
	json_decref(sim_answer(sim_client, id, NULL));
	assert_true(arrived("/tmp/file"));
}

static void test_disabled_during_copy(void **state)
{
	uint64_t id = stuck(sim_client, 5);
	char reason[32];

	(void)state;
	sim_send(sim_client, "vm.disable",
		 json_pack("{s:s}", "service", "fcopy"));
	assert_null(sim_answer(sim_client, id, reason));
	assert_string_equal(reason, "no-contact");
	sim_ok(sim_client, "vm.enable", json_pack("{s:s}", "service", "fcopy"));
	go_on();
	SIM_UNTIL(sim_status_is(SERVICE_FCOPY, "OK"));
	copied("/tmp/after");
}

static void restarted(u32 before)
{
	SIM_UNTIL(SIM_GUEST(sim_guest.boots) > before &&
		  SIM_GUEST(sim_guest.offers_delivered));
}

static void test_guest_restarts_during_copy(void **state)
{
	uint64_t id = stuck(sim_client, 5);
	char reason[32];

	(void)state;
	sim_guest_do(sim_guest_restart, NULL);
	assert_null(sim_answer(sim_client, id, reason));
	assert_string_equal(reason, "no-contact");
	restarted(1);
	go_on();
	sim_all_ok();
	sim_ok(sim_client, "copy.start", flagged("/tmp/file", "force"));
	assert_true(arrived("/tmp/file"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_whole_file),
		TEST(test_sizes),
		TEST(test_progress),
		TEST(test_refusals),
		TEST(test_sources_that_cannot_be_read),
		TEST(test_no_daemon),
		TEST(test_disk_full),
		TEST(test_cancel),
		TEST(test_client_gone_cancels),
		TEST(test_source_becomes_shorter),
		TEST(test_source_vanishes),
		TEST(test_disabled_during_copy),
		TEST(test_guest_restarts_during_copy),
	};

	return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
