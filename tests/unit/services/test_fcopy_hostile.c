// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* File copy against a peer that lies: each end in turn. */
#include "tests/unit/services/fcopy_link.h"

static struct fcopy_vsp *const vsp = &fcopy_link.vsp;
static struct fcopy_vsc *const vsc = &fcopy_link.vsc;
static struct ic_link_packet request, answer;

static void step(void)
{
	assert_true(fcopy_link_host_sends(&request));
	fcopy_link_guest_answers(&request, &answer);
	assert_int_equal(fcopy_link_host_takes(&answer), VMBUS_OK);
}

static void asked(u32 steps)
{
	fcopy_link_open(NULL);
	assert_int_equal(fcopy_vsp_start(vsp, "/tmp", "file", 0, 10, 0),
			 FCOPY_OK);
	while (steps--)
		step();
	assert_true(fcopy_link_host_sends(&request));
}

static void prepare_start(void)
{
	asked(0);
	fcopy_link_guest_answers(&request, &answer);
}

static void prepare_complete(void)
{
	asked(2);
	fcopy_link_guest_answers(&request, &answer);
}

static void prepare_cancel(void)
{
	fcopy_link_open(NULL);
	assert_int_equal(fcopy_vsp_start(vsp, "/tmp", "file", 0, 10, 0),
			 FCOPY_OK);
	step();
	assert_int_equal(fcopy_vsp_cancel(vsp, 0), FCOPY_OK);
	assert_true(fcopy_link_host_sends(&request));
	fcopy_link_guest_answers(&request, &answer);
}

static enum vmbus_status vsp_take(const void *data, u32 size_bytes, u64 id)
{
	return fcopy_vsp_receive(vsp, data, size_bytes, id, 0);
}

static void every_answer_may_be_cut_anywhere(void **state)
{
	static void (*const prepares[])(
		void) = { prepare_start, prepare_complete, prepare_cancel };
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(prepares); i++) {
		struct ic_link_end end = { prepares[i], vsp_take };
		struct ic_link_packet whole;

		prepares[i]();
		whole = answer;
		ic_link_check_sizes(&end, &whole, sizeof(struct fcopy_header));
	}
}

static void stray_answers_change_nothing(void **state)
{
	struct ic_link_packet old;
	u64 offset;
	u32 size;

	(void)state;
	prepare_start();
	old = answer;
	assert_int_equal(fcopy_link_host_takes(&old), VMBUS_OK);
	assert_true(fcopy_vsp_wanted(vsp, &offset, &size));
	assert_int_equal(fcopy_link_host_takes(&old), VMBUS_OK);
	assert_true(fcopy_vsp_wanted(vsp, &offset, &size));
	assert_true(fcopy_link_host_sends(&request));
	assert_int_equal(fcopy_link_host_takes(&old), VMBUS_OK);
	assert_false(fcopy_vsp_wanted(vsp, &offset, &size));
}

/* A guest that opens what is only a question is told to forget it. */
static void question_taken_for_a_file_is_cancelled(void **state)
{
	struct ic_header header;
	u32 folders;

	(void)state;
	for (folders = 0; folders < 2; folders++) {
		asked(0);
		fcopy_link.fault = FCOPY_LINK_NO_DAEMON;
		fcopy_link_guest_answers(&request, &answer);
		assert_int_equal(fcopy_link_host_takes(&answer), VMBUS_OK);
		if (folders)
			step();
		assert_true(fcopy_link_host_sends(&request));
		fcopy_link_guest_answers(&request, &answer);
		header = ic_link_header(&answer);
		header.status = IC_S_OK;
		ic_link_set_header(&answer, header);
		assert_int_equal(fcopy_link_host_takes(&answer), VMBUS_OK);
		fcopy_link.fault = FCOPY_LINK_SOUND;
		fcopy_link.file_open = true;
		vsc->open = true;
		fcopy_link_run();
		assert_int_equal(fcopy_link.cancel_count, 1);
		fcopy_link_ended(folders ? FCOPY_NO_FOLDER : FCOPY_NOT_CREATED);
	}
}

/* ---- the guest end ---- */

static bool requested;
static u32 response_bytes;
static u32 response_status;
static struct fcopy_request asks;

static enum vmbus_status vsc_take(const void *data, u32 size_bytes, u64 id)
{
	struct ic_link_packet response = { .bytes = { 0 } };
	enum vmbus_status status;

	status = fcopy_vsc_receive(vsc, data, size_bytes, id, response.bytes,
				   sizeof(response.bytes), &response_bytes,
				   &asks, &requested);
	if (response_bytes)
		response_status = ic_link_header(&response).status;
	return status;
}

static void prepare_closed(void)
{
	fcopy_link_open(NULL);
}

static void prepare_open(void)
{
	fcopy_link_open(NULL);
	vsc->open = true;
	vsc->size_bytes = 3 * FCOPY_BLOCK_BYTES;
}

static void every_request_may_be_cut_anywhere(void **state)
{
	static const struct {
		u32 steps;
		u32 body_min_bytes;
	} rows[] = {
		{ 0, sizeof(struct fcopy_start) },
		{ 1, offsetof(struct fcopy_data, data) + 10 },
		{ 2, sizeof(struct fcopy_header) },
	};
	struct ic_link_end end = { prepare_open, vsc_take };
	struct ic_link_packet whole;
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		asked(rows[i].steps);
		whole = request;
		ic_link_check_sizes(&end, &whole, rows[i].body_min_bytes);
	}
}

static struct fcopy_start *start_body(void)
{
	return (void *)(request.bytes + IC_BODY_OFFSET);
}

static struct fcopy_data *data_body(void)
{
	return (void *)(request.bytes + IC_BODY_OFFSET);
}

static void refused_with(u32 status)
{
	response_status = 0;
	assert_int_equal(vsc_take(request.bytes, request.size_bytes, 9),
			 VMBUS_OK);
	assert_false(requested);
	assert_int_equal(response_bytes, request.size_bytes);
	assert_true(response_status == status);
}

static void names_that_are_none_are_refused(void **state)
{
	static const struct {
		char name[12];
		u32 status;
	} rows[] = {
		{ "\0\0", IC_E_INVALID_NAME },
		{ ".\0\0\0", IC_E_INVALID_NAME },
		{ ".\0.\0\0\0", IC_E_INVALID_NAME },
		{ "a\0/\0b\0\0\0", IC_E_INVALID_NAME },
		{ "\x3d\xd8\0\0", IC_E_INVALID_NAME },
		{ "\x27\xdc\x3d\xd8\0\0", IC_E_INVALID_NAME },
	};
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		asked(0);
		memcpy(start_body()->name, rows[i].name, 8);
		refused_with(rows[i].status);
	}
	asked(0);
	memset(start_body()->name, 'a', sizeof(start_body()->name));
	refused_with(IC_E_INVALID_NAME);
	asked(0);
	memset(start_body()->folder, 'a', sizeof(start_body()->folder));
	refused_with(IC_E_INVALID_NAME);
	asked(0);
	memset(start_body()->folder, 0, sizeof(start_body()->folder));
	refused_with(IC_E_INVALID_NAME);
	asked(0);
	start_body()->flags = 4;
	refused_with(IC_E_INVALID_ARGUMENT);
	asked(0);
	start_body()->size_bytes = 1ull << 63;
	refused_with(IC_E_INVALID_ARGUMENT);
	/* U+012F is a letter; its low byte is a slash. */
	asked(0);
	memcpy(start_body()->name, "\x2f\x01\0\0", 4);
	assert_int_equal(vsc_take(request.bytes, request.size_bytes, 9),
			 VMBUS_OK);
	assert_true(requested);
	assert_string_equal(asks.name, "į");
}

static void questions_are_shown_to_who_asked_for_them(void **state)
{
	(void)state;
	asked(0);
	fcopy_vsc_show_questions(vsc);
	memcpy(start_body()->name, ".\0.\0\0\0", 6);
	refused_with(IC_E_INVALID_NAME);
	memcpy(start_body()->name, ".\0\0\0", 4);
	assert_int_equal(vsc_take(request.bytes, request.size_bytes, 9),
			 VMBUS_OK);
	assert_true(requested);
	assert_int_equal(response_bytes, 0);
}

static void blocks_stay_within_the_file(void **state)
{
	static const struct {
		u64 offset;
		u32 size_bytes;
		bool good;
	} rows[] = {
		{ 0, 10, true },	  { 0, 0, true },
		{ 10, 0, true },	  { 9, 1, true },
		{ 0, 11, false },	  { 10, 1, false },
		{ 11, 0, false },	  { ~0ull, 1, false },
		{ ~0ull - 9, 10, false }, { 0, FCOPY_BLOCK_BYTES + 1, false },
		{ 0, 0xffffffff, false }, { ~0ull, 0xffffffff, false },
	};
	u64 id;
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		asked(1);
		data_body()->offset = rows[i].offset;
		data_body()->size_bytes = rows[i].size_bytes;
		if (!rows[i].good) {
			refused_with(IC_E_INVALID_ARGUMENT);
			continue;
		}
		assert_int_equal(vsc_take(request.bytes, request.size_bytes, 9),
				 VMBUS_OK);
		assert_true(requested);
		assert_int_equal(asks.data_bytes, rows[i].size_bytes);
		assert_int_equal(vsc_take(request.bytes, request.size_bytes, 9),
				 VMBUS_AGAIN);
		assert_int_not_equal(fcopy_vsc_respond(vsc, 0, answer.bytes,
						       sizeof(answer.bytes),
						       &id),
				     0);
		assert_int_equal(id, 9);
	}
}

static void messages_out_of_order_are_refused(void **state)
{
	struct ic_link_packet data, complete, cancel;
	u64 id;

	(void)state;
	prepare_cancel();
	cancel = request;
	asked(1);
	data = request;
	asked(2);
	complete = request;

	prepare_closed();
	request = data;
	refused_with(IC_E_INVALID_HANDLE);
	request = complete;
	refused_with(IC_E_INVALID_HANDLE);
	request = cancel;
	refused_with(IC_S_OK);
	start_body()->header.operation = FCOPY_OPERATION_COUNT;
	refused_with(IC_E_NOT_SUPPORTED);
	start_body()->header.operation = 0xffffffff;
	refused_with(IC_E_NOT_SUPPORTED);

	/* A start that failed leaves nothing open, not even what was. */
	asked(1);
	data = request;
	asked(0);
	vsc->open = true;
	vsc->size_bytes = 10;
	assert_int_equal(vsc_take(request.bytes, request.size_bytes, 9),
			 VMBUS_OK);
	assert_true(requested);
	assert_int_equal(
		fcopy_vsc_respond(vsc, IC_E_DISK_FULL, answer.bytes, 10, &id),
		0);
	assert_int_not_equal(fcopy_vsc_respond(vsc, IC_E_DISK_FULL,
					       answer.bytes,
					       sizeof(answer.bytes), &id),
			     0);
	assert_int_equal(fcopy_vsc_respond(vsc, 0, answer.bytes,
					   sizeof(answer.bytes), &id),
			 0);
	request = data;
	refused_with(IC_E_INVALID_HANDLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_may_be_cut_anywhere),
		cmocka_unit_test(stray_answers_change_nothing),
		cmocka_unit_test(question_taken_for_a_file_is_cancelled),
		cmocka_unit_test(every_request_may_be_cut_anywhere),
		cmocka_unit_test(names_that_are_none_are_refused),
		cmocka_unit_test(questions_are_shown_to_who_asked_for_them),
		cmocka_unit_test(blocks_stay_within_the_file),
		cmocka_unit_test(messages_out_of_order_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
