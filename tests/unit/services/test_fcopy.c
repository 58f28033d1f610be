// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* File copy: whole copies, and how they end. */
#include "tests/unit/services/fcopy_link.h"

#include <stdio.h>

static struct fcopy_vsp *const vsp = &fcopy_link.vsp;

static enum fcopy_status start(u32 flags, u64 size_bytes)
{
	return fcopy_vsp_start(vsp, "/tmp/x", "file", flags, size_bytes,
			       fcopy_link.now_100ns);
}

static void files_of_every_size_arrive(void **state)
{
	static const u32 sizes[] = { 0,
				     1,
				     FCOPY_BLOCK_BYTES - 1,
				     FCOPY_BLOCK_BYTES,
				     FCOPY_BLOCK_BYTES + 1,
				     2 * FCOPY_BLOCK_BYTES,
				     10 * FCOPY_BLOCK_BYTES + 777,
				     FCOPY_LINK_BYTES };
	struct fcopy_event event;
	u64 sent, size;
	size_t i;
	bool uio;

	(void)state;
	for (i = 0; i < 2 * PORT_ARRAY_SIZE(sizes); i++) {
		uio = i & 1;
		fcopy_link_open(NULL);
		fcopy_link.uio = uio;
		memset(fcopy_link_target, 0, sizeof(fcopy_link_target));
		assert_int_equal(start(0, sizes[i / 2]), FCOPY_OK);
		fcopy_link_run();
		event = fcopy_link_ended(FCOPY_OK);
		assert_int_equal(event.sent_bytes, sizes[i / 2]);
		assert_false(event.partial_left);
		assert_int_equal(fcopy_link.file_bytes, sizes[i / 2]);
		assert_memory_equal(fcopy_link_source, fcopy_link_target,
				    sizes[i / 2]);
		assert_int_equal(fcopy_link.complete_count, 1);
		assert_int_equal(fcopy_link.cancel_count, 0);
		assert_int_equal(fcopy_link.write_count,
				 (sizes[i / 2] + FCOPY_BLOCK_BYTES - 1) /
					 FCOPY_BLOCK_BYTES);
		assert_false(fcopy_link.file_open);
		fcopy_vsp_progress(vsp, &sent, &size);
		assert_int_equal(sent, sizes[i / 2]);
		assert_int_equal(size, sizes[i / 2]);
	}
}

static void start_tells_name_folder_flags_and_size(void **state)
{
	static const struct {
		const char *folder;
		const char *sent_folder;
		const char *name;
	} rows[] = {
		{ "/tmp", "/tmp/", "a" },
		{ "/tmp/", "/tmp/", "a b" },
		{ "/", "/", "..." },
		{ "C:\\Users", "C:\\Users", "a\\b" },
		{ "/ä/日本/", "/ä/日本/", "\xf0\x9f\x90\xa7 į" },
	};
	size_t i;

	(void)state;
	fcopy_link_open(NULL);
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		assert_int_equal(
			fcopy_vsp_start(vsp, rows[i].folder, rows[i].name,
					FCOPY_OVERWRITE | FCOPY_CREATE_PATH,
					5000000000ull, 0),
			FCOPY_OK);
		fcopy_link.forced_status = IC_E_ACCESS_DENIED;
		fcopy_link_run();
		fcopy_link_ended(FCOPY_ACCESS_DENIED);
		fcopy_link.forced_status = 0;
		assert_string_equal(fcopy_link.start.folder,
				    rows[i].sent_folder);
		assert_string_equal(fcopy_link.start.name, rows[i].name);
		assert_int_equal(fcopy_link.start.flags,
				 FCOPY_OVERWRITE | FCOPY_CREATE_PATH);
		assert_true(fcopy_link.start.size_bytes == 5000000000ull);
	}
}

static void repeat(char *text, const char *character, u32 count)
{
	*text = 0;
	while (count--)
		strcat(text, character);
}

static void names_have_their_limits(void **state)
{
	struct fcopy_vsp_options options = { .utf8_limits = true };
	char text[2048];
	u32 i;

	(void)state;
	fcopy_link_open(&options);
	static const char *const bad[] = { "",	".",	"..",	"a/b",
					   "/", "\xff", "a\xc3" };
	for (i = 0; i < PORT_ARRAY_SIZE(bad); i++)
		assert_int_equal(fcopy_vsp_start(vsp, "/", bad[i], 0, 0, 0),
				 FCOPY_NAME_INVALID);
	assert_int_equal(fcopy_vsp_start(vsp, "", "a", 0, 0, 0),
			 FCOPY_FOLDER_INVALID);
	assert_int_equal(fcopy_vsp_start(vsp, "/\xed\xa0\x80", "a", 0, 0, 0),
			 FCOPY_FOLDER_INVALID);
	assert_int_equal(fcopy_vsp_start(vsp, "/", "a", 4, 0, 0),
			 FCOPY_FLAGS_INVALID);
	repeat(text, "n", 260);
	assert_int_equal(fcopy_vsp_start(vsp, "/", text, 0, 0, 0),
			 FCOPY_NAME_TOO_LONG);
	repeat(text, "/", 260);
	assert_int_equal(fcopy_vsp_start(vsp, text, "a", 0, 0, 0),
			 FCOPY_FOLDER_TOO_LONG);
	/* 259 units with the slash that is added. */
	repeat(text, "/", 258);
	strcat(text, "f");
	assert_int_equal(fcopy_vsp_start(vsp, text, "a", 0, 0, 0),
			 FCOPY_FOLDER_TOO_LONG);
	repeat(text, "\xe2\x82\xac", 87);
	assert_int_equal(fcopy_vsp_start(vsp, "/", text, 0, 0, 0),
			 FCOPY_NAME_TOO_LONG);
	assert_int_equal(fcopy_link.start_count, 0);

	repeat(text, "n", 259);
	assert_int_equal(fcopy_vsp_start(vsp, "/", text, 0, 0, 0), FCOPY_OK);
	fcopy_link_run();
	fcopy_link_ended(FCOPY_OK);
	assert_string_equal(fcopy_link.start.name, text);
	repeat(text, "/", 257);
	strcat(text, "f");
	fcopy_link.file_there = false;
	assert_int_equal(fcopy_vsp_start(vsp, text, "a", 0, 0, 0), FCOPY_OK);
	fcopy_link_run();
	fcopy_link_ended(FCOPY_OK);
	assert_int_equal(strlen(fcopy_link.start.folder), 259);

	fcopy_link_open(NULL);
	repeat(text, "\xe2\x82\xac", 259);
	assert_int_equal(fcopy_vsp_start(vsp, "/", text, 0, 0, 0), FCOPY_OK);
	fcopy_link_run();
	fcopy_link_ended(FCOPY_OK);
	assert_string_equal(fcopy_link.start.name, text);
	repeat(text, "\xe2\x82\xac", 260);
	assert_int_equal(fcopy_vsp_start(vsp, "/", text, 0, 0, 0),
			 FCOPY_NAME_TOO_LONG);
}

/* The UIO daemon would write to some other place. */
static void what_the_uio_daemon_garbles_is_kept_from_it(void **state)
{
	char folder[132] = { 0 };
	static const char *const others[] = { "gr\xc3\xbc\xc3\x9f", "a\xc4\xaf",
					      "\xf0\x9f\x90\xa7" };
	struct fcopy_vsp_options options = { .utf8_limits = true };
	size_t i;

	(void)state;
	fcopy_link_open(&options);
	for (i = 0; i < PORT_ARRAY_SIZE(others); i++) {
		fcopy_link.file_there = false;
		assert_int_equal(fcopy_vsp_start(vsp, "/", others[i], 0, 0, 0),
				 FCOPY_OK);
		fcopy_link_run();
		fcopy_link_ended(FCOPY_OK);
	}
	fcopy_link.uio = true;
	assert_int_equal(fcopy_vsp_probe(vsp, 0), FCOPY_OK);
	fcopy_link_run();
	fcopy_link.start_count = 0;
	for (i = 0; i < PORT_ARRAY_SIZE(others); i++) {
		assert_int_equal(fcopy_vsp_start(vsp, "/", others[i], 0, 0, 0),
				 FCOPY_NOT_ASCII);
		assert_int_equal(fcopy_vsp_start(vsp, others[i], "f", 0, 0, 0),
				 FCOPY_NOT_ASCII);
	}
	memset(folder, 'd', 131);
	folder[0] = '/';
	assert_int_equal(fcopy_vsp_start(vsp, folder, "f", 0, 0, 0),
			 FCOPY_FOLDER_TOO_LONG_UIO);
	assert_int_equal(fcopy_link.start_count, 0);
	folder[130] = 0;
	fcopy_link.file_there = false;
	assert_int_equal(fcopy_vsp_start(vsp, folder, "~ f", 0, 0, 0),
			 FCOPY_OK);
	fcopy_link_run();
	fcopy_link_ended(FCOPY_OK);
}

static void existing_file_is_kept_unless_told(void **state)
{
	struct fcopy_event event;

	(void)state;
	fcopy_link_open(NULL);
	fcopy_link.file_there = true;
	assert_int_equal(start(0, 100), FCOPY_OK);
	fcopy_link_run();
	event = fcopy_link_ended(FCOPY_EXISTS);
	assert_true(event.guest_status == IC_E_FILE_EXISTS);
	assert_int_equal(event.sent_bytes, 0);
	assert_false(event.partial_left);
	assert_int_equal(fcopy_link.cancel_count, 0);
	assert_int_equal(start(FCOPY_OVERWRITE, 100), FCOPY_OK);
	fcopy_link_run();
	fcopy_link_ended(FCOPY_OK);
}

/* Linux answers all four with IC_E_FAIL. */
static void reasons_of_a_refused_start_are_told_apart(void **state)
{
	(void)state;
	fcopy_link_open(NULL);
	fcopy_link.folder_there = false;
	assert_int_equal(start(0, 100), FCOPY_OK);
	fcopy_link_run();
	fcopy_link_ended(FCOPY_NO_FOLDER);
	assert_int_equal(start(FCOPY_CREATE_PATH, 100), FCOPY_OK);
	fcopy_link_run();
	fcopy_link_ended(FCOPY_OK);
	assert_int_equal(fcopy_link.folders_made, 1);

	fcopy_link.fault = FCOPY_LINK_READ_ONLY;
	assert_int_equal(start(FCOPY_OVERWRITE, 100), FCOPY_OK);
	fcopy_link_run();
	fcopy_link_ended(FCOPY_NOT_CREATED);
	fcopy_link.folder_there = false;
	assert_int_equal(start(FCOPY_CREATE_PATH, 100), FCOPY_OK);
	fcopy_link_run();
	fcopy_link_ended(FCOPY_NOT_CREATED);
	assert_int_equal(fcopy_vsp_status(vsp, 0), IC_STATUS_OK);

	fcopy_link.fault = FCOPY_LINK_NO_DAEMON;
	assert_int_equal(start(0, 100), FCOPY_OK);
	fcopy_link_run();
	fcopy_link_ended(FCOPY_NO_DAEMON);
	assert_int_equal(fcopy_vsp_status(vsp, 0), IC_STATUS_NO_CONTACT);
	assert_int_equal(fcopy_link.cancel_count, 0);
}

static void guest_without_daemon_is_no_contact(void **state)
{
	struct fcopy_event event;

	(void)state;
	fcopy_link_start(NULL);
	assert_int_equal(fcopy_vsp_probe(vsp, 0), FCOPY_NOT_READY);
	assert_int_equal(start(0, 1), FCOPY_NOT_READY);
	assert_int_equal(fcopy_vsp_cancel(vsp, 0), FCOPY_NOT_READY);
	fcopy_link.fault = FCOPY_LINK_NO_DAEMON;
	fcopy_link_run();
	assert_int_equal(fcopy_vsp_status(vsp, 0), IC_STATUS_NO_CONTACT);
	fcopy_link.fault = FCOPY_LINK_SOUND;
	assert_int_equal(fcopy_vsp_probe(vsp, 0), FCOPY_OK);
	fcopy_link_run();
	assert_int_equal(fcopy_vsp_status(vsp, 0), IC_STATUS_OK);
	assert_false(fcopy_vsp_next_event(vsp, &event));
}

static void guests_statuses_become_sentences(void **state)
{
	static const struct {
		u32 guest_status;
		enum fcopy_status status;
	} rows[] = {
		{ IC_E_FILE_EXISTS, FCOPY_EXISTS },
		{ IC_E_ALREADY_EXISTS, FCOPY_EXISTS },
		{ IC_E_PATH_NOT_FOUND, FCOPY_NO_FOLDER },
		{ IC_E_ACCESS_DENIED, FCOPY_ACCESS_DENIED },
		{ IC_E_WRITE_PROTECTED, FCOPY_ACCESS_DENIED },
		{ IC_E_DISK_FULL, FCOPY_DISK_FULL },
		{ IC_E_NOT_CONNECTED, FCOPY_NO_DAEMON },
		{ IC_E_SHARING_VIOLATION, FCOPY_GUEST_ERROR },
		{ 0x80001234, FCOPY_GUEST_ERROR },
	};
	struct fcopy_event event;
	u32 i, k;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		fcopy_link_open(NULL);
		assert_int_equal(start(0, 1), FCOPY_OK);
		fcopy_link.forced_status = rows[i].guest_status;
		fcopy_link_run();
		event = fcopy_link_ended(rows[i].status);
		assert_true(event.guest_status == rows[i].guest_status);
	}
	for (i = 0; i < FCOPY_STATUS_COUNT; i++) {
		const char *text = fcopy_status_text((enum fcopy_status)i);

		assert_string_not_equal(text, "unknown status");
		for (k = 0; k < i; k++)
			assert_string_not_equal(
				text, fcopy_status_text((enum fcopy_status)k));
	}
	assert_string_equal(fcopy_status_text(FCOPY_STATUS_COUNT),
			    "unknown status");
}

static void full_disk_leaves_nothing_behind(void **state)
{
	struct fcopy_event event;

	(void)state;
	fcopy_link_open(NULL);
	fcopy_link.fault = FCOPY_LINK_DISK_FULL;
	assert_int_equal(start(0, 5 * FCOPY_BLOCK_BYTES), FCOPY_OK);
	fcopy_link_run();
	event = fcopy_link_ended(FCOPY_DISK_FULL);
	assert_int_equal(event.sent_bytes, 2 * FCOPY_BLOCK_BYTES);
	assert_true(event.guest_status == IC_E_DISK_FULL);
	assert_false(event.partial_left);
	assert_int_equal(fcopy_link.cancel_count, 1);
	assert_false(fcopy_link.file_there);
	/* The next copy begins at its beginning. */
	assert_int_equal(start(0, 10), FCOPY_OK);
	fcopy_link_run();
	event = fcopy_link_ended(FCOPY_OK);
	assert_int_equal(event.sent_bytes, 10);
	assert_true(event.guest_status == IC_S_OK);
}

/* Memory of an earlier use tells the engine nothing. */
static void init_forgets_everything(void **state)
{
	struct ic_link_packet request;

	(void)state;
	fcopy_link_open(NULL);
	memset(&fcopy_link.vsp, 0xff, sizeof(fcopy_link.vsp));
	memset(&fcopy_link.vsc, 0xff, sizeof(fcopy_link.vsc));
	assert_int_equal(fcopy_vsp_init(vsp, NULL), VMBUS_OK);
	assert_int_equal(fcopy_vsc_init(&fcopy_link.vsc), VMBUS_OK);
	fcopy_link_run();
	assert_int_equal(start(0, 10), FCOPY_OK);
	assert_true(fcopy_link_host_sends(&request));
	/* Daemons' drivers answer requests; what asks for none is lost. */
	assert_int_equal(ic_link_header(&request).flags,
			 IC_FLAG_TRANSACTION | IC_FLAG_REQUEST);
}

static void daemon_that_dies_underway_is_told(void **state)
{
	struct ic_link_packet request, answer;
	struct fcopy_event event;
	u32 i;

	(void)state;
	fcopy_link_open(NULL);
	assert_int_equal(start(0, 5 * FCOPY_BLOCK_BYTES), FCOPY_OK);
	for (i = 0; i < 3; i++) {
		assert_true(fcopy_link_host_sends(&request));
		fcopy_link_guest_answers(&request, &answer);
		assert_int_equal(fcopy_link_host_takes(&answer), VMBUS_OK);
	}
	fcopy_link.fault = FCOPY_LINK_NO_DAEMON;
	fcopy_link_run();
	event = fcopy_link_ended(FCOPY_NOT_WRITTEN);
	assert_int_equal(event.sent_bytes, 2 * FCOPY_BLOCK_BYTES);
	assert_true(event.partial_left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_every_size_arrive),
		cmocka_unit_test(start_tells_name_folder_flags_and_size),
		cmocka_unit_test(names_have_their_limits),
		cmocka_unit_test(what_the_uio_daemon_garbles_is_kept_from_it),
		cmocka_unit_test(existing_file_is_kept_unless_told),
		cmocka_unit_test(reasons_of_a_refused_start_are_told_apart),
		cmocka_unit_test(guest_without_daemon_is_no_contact),
		cmocka_unit_test(guests_statuses_become_sentences),
		cmocka_unit_test(full_disk_leaves_nothing_behind),
		cmocka_unit_test(init_forgets_everything),
		cmocka_unit_test(daemon_that_dies_underway_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
