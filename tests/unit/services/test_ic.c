// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The framework: negotiation, and the host end against a guest that lies. */
#include "tests/unit/services/ic_link.h"

static const u32 all_versions[] = { IC_VERSION(1, 0), IC_VERSION(3, 0),
				    IC_VERSION(3, 1), IC_VERSION(4, 0) };
static const struct ic_service service = {
	.name = "Test",
	.message_type = IC_MESSAGE_SHUTDOWN,
	.versions = all_versions,
	.version_count = PORT_ARRAY_SIZE(all_versions),
	.full_version = IC_VERSION(3, 1),
	.packet_max_bytes = 256,
};
static const u32 other_versions[] = { IC_VERSION(2, 0), IC_VERSION(9, 0) };
static const struct ic_service other_service = {
	.name = "Other",
	.message_type = IC_MESSAGE_SHUTDOWN,
	.versions = other_versions,
	.version_count = PORT_ARRAY_SIZE(other_versions),
	.full_version = IC_VERSION(2, 0),
	.packet_max_bytes = 256,
};

static struct ic_vsp vsp;
static struct ic_vsc vsc;
static struct ic_message message;

static enum vmbus_status vsp_take(const void *data, u32 size_bytes, u64 id)
{
	return ic_vsp_receive(&vsp, data, size_bytes, id, &message);
}

static void vsp_ask(struct ic_link_packet *request)
{
	request->size_bytes =
		ic_vsp_negotiate(&vsp, request->bytes, sizeof(request->bytes),
				 &request->transaction_id);
	assert_int_not_equal(request->size_bytes, 0);
}

static void vsc_answer(const struct ic_link_packet *request,
		       struct ic_link_packet *answer)
{
	answer->transaction_id = request->transaction_id;
	assert_int_equal(ic_vsc_receive(&vsc, request->bytes,
					request->size_bytes, answer->bytes,
					sizeof(answer->bytes),
					&answer->size_bytes, &message),
			 VMBUS_OK);
}

static void vsp_request(struct ic_link_packet *request, u32 body_bytes)
{
	request->size_bytes =
		ic_vsp_request(&vsp, request->bytes, sizeof(request->bytes),
			       body_bytes, true, &request->transaction_id);
	assert_int_not_equal(request->size_bytes, 0);
}

static void prepare_settled_vsp(void)
{
	assert_int_equal(ic_vsp_init(&vsp, &service, 0), VMBUS_OK);
	ic_link_settle(&vsp, &service, 0);
}

static void prepare_asked_vsp(void)
{
	struct ic_link_packet request;

	assert_int_equal(ic_vsp_init(&vsp, &service, 0), VMBUS_OK);
	vsp_ask(&request);
}

static void prepare_requested_vsp(void)
{
	struct ic_link_packet request;

	prepare_settled_vsp();
	vsp_request(&request, 24);
	assert_int_equal(request.transaction_id, 2);
}

static void prepare_new_vsc(void)
{
	assert_int_equal(ic_vsc_init(&vsc, &service, 0), VMBUS_OK);
}

static const struct ic_link_end settled_vsp = { prepare_settled_vsp, vsp_take };
static const struct ic_link_end requested_vsp = { prepare_requested_vsp,
						  vsp_take };
static const struct ic_link_end asked_vsp = { prepare_asked_vsp, vsp_take };

/* The answer that a guest gives to the newest negotiation request. */
static void make_choice(struct ic_link_packet *answer, u16 framework_count,
			u16 message_count, u32 framework, u32 version)
{
	struct ic_negotiate counts = { framework_count, message_count, 0 };
	u8 *body = answer->bytes + IC_BODY_OFFSET;

	ic_link_make(answer, IC_MESSAGE_NEGOTIATE,
		     IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE,
		     IC_NEGOTIATE_ANSWER_BYTES, vsp.negotiation_id);
	memcpy(body, &counts, sizeof(counts));
	memcpy(body + 8, &framework, sizeof(framework));
	memcpy(body + 12, &version, sizeof(version));
}

static void test_request_layout(void **state)
{
	/* Two framework versions, four of the message, oldest first. */
	static const u8 body[] = { 2, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0,
				   0, 3, 0, 0, 0, 1, 0, 0, 0, 3, 0,
				   0, 0, 3, 0, 1, 0, 4, 0, 0, 0 };
	struct ic_link_packet request;

	(void)state;
	assert_int_equal(ic_vsp_init(&vsp, &service, 0), VMBUS_OK);
	assert_true(ic_vsp_negotiate_due(&vsp));
	vsp_ask(&request);
	assert_int_equal(request.size_bytes, IC_BODY_OFFSET + sizeof(body));
	assert_int_equal(ic_link_pipe(&request).type, IC_PIPE_DATA);
	assert_int_equal(ic_link_pipe(&request).size_bytes, 20 + sizeof(body));
	assert_int_equal(ic_link_header(&request).message_type, 0);
	assert_int_equal(ic_link_header(&request).framework_version, 0);
	assert_int_equal(ic_link_header(&request).body_bytes, sizeof(body));
	assert_int_equal(ic_link_header(&request).flags,
			 IC_FLAG_TRANSACTION | IC_FLAG_REQUEST);
	assert_memory_equal(request.bytes + IC_BODY_OFFSET, body, sizeof(body));
	/* Once only. */
	assert_false(ic_vsp_negotiate_due(&vsp));
	assert_int_equal(ic_vsp_negotiate(&vsp, request.bytes,
					  sizeof(request.bytes),
					  &request.transaction_id),
			 0);
}

static void test_small_buffer(void **state)
{
	u8 small[40];
	u64 id;

	(void)state;
	assert_int_equal(ic_vsp_init(&vsp, &service, 0), VMBUS_OK);
	assert_int_equal(ic_vsp_negotiate(&vsp, small, sizeof(small), &id), 0);
	assert_true(ic_vsp_negotiate_due(&vsp));
	prepare_settled_vsp();
	assert_int_equal(
		ic_vsp_request(&vsp, small, sizeof(small), 13, true, &id), 0);
	assert_int_equal(
		ic_vsp_request(&vsp, small, sizeof(small), 12, true, &id), 40);
	assert_int_equal(ic_vsp_request(&vsp, small, ~0u, 0x10000, true, &id),
			 0);
}

/* What each pair of ends settles on, and how it is shown. */
static void test_all_versions(void **state)
{
	struct ic_link_packet request, answer;
	u32 h, g, least;

	(void)state;
	for (h = 0; h < service.version_count; h++) {
		for (g = 0; g < service.version_count; g++) {
			least = h < g ? h : g;
			assert_int_equal(
				ic_vsp_init(&vsp, &service, all_versions[h]),
				VMBUS_OK);
			assert_int_equal(
				ic_vsc_init(&vsc, &service, all_versions[g]),
				VMBUS_OK);
			assert_int_equal(ic_vsp_status(&vsp),
					 IC_STATUS_NO_CONTACT);
			vsp_ask(&request);
			vsc_answer(&request, &answer);
			assert_int_equal(message.kind, IC_KIND_NEGOTIATED);
			assert_int_equal(vsp_take(answer.bytes,
						  answer.size_bytes,
						  answer.transaction_id),
					 VMBUS_OK);
			assert_int_equal(message.kind, IC_KIND_NEGOTIATED);
			assert_true(ic_vsp_ready(&vsp));
			assert_int_equal(vsp.framework_version,
					 IC_FRAMEWORK_3_0);
			assert_int_equal(vsp.message_version,
					 all_versions[least]);
			assert_int_equal(vsc.message_version,
					 all_versions[least]);
			assert_int_equal(ic_vsp_status(&vsp), IC_STATUS_OK);
			assert_int_equal(ic_vsp_detail(&vsp),
					 least < 2 ? IC_DETAIL_PROTOCOL_MISMATCH
						   : IC_DETAIL_NONE);
		}
	}
}

static void test_answer_form(void **state)
{
	struct ic_link_packet request, answer;

	(void)state;
	prepare_new_vsc();
	assert_int_equal(ic_vsp_init(&vsp, &service, 0), VMBUS_OK);
	vsp_ask(&request);
	vsc_answer(&request, &answer);
	/* As long as the request, and repeating what tells them together. */
	assert_int_equal(answer.size_bytes, request.size_bytes);
	assert_int_equal(ic_link_pipe(&answer).size_bytes,
			 ic_link_pipe(&request).size_bytes);
	assert_int_equal(ic_link_header(&answer).transaction_id,
			 ic_link_header(&request).transaction_id);
	assert_int_equal(ic_link_header(&answer).body_bytes, 0x10);
	assert_int_equal(ic_link_header(&answer).flags,
			 IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE);
}

static void test_unknown_limit(void **state)
{
	(void)state;
	assert_int_equal(ic_vsp_init(&vsp, &service, IC_VERSION(2, 0)),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(ic_vsc_init(&vsc, &service, IC_VERSION(0, 1)),
			 VMBUS_BAD_ARGUMENT);
}

static void test_nothing_in_common(void **state)
{
	struct ic_link_packet request, answer;
	struct ic_negotiate counts;

	(void)state;
	assert_int_equal(ic_vsp_init(&vsp, &service, 0), VMBUS_OK);
	assert_int_equal(ic_vsc_init(&vsc, &other_service, 0), VMBUS_OK);
	vsp_ask(&request);
	vsc_answer(&request, &answer);
	assert_int_equal(message.kind, IC_KIND_REFUSED);
	assert_false(ic_vsc_ready(&vsc));
	memcpy(&counts, answer.bytes + IC_BODY_OFFSET, sizeof(counts));
	assert_int_equal(counts.framework_count, 0);
	assert_int_equal(counts.message_count, 0);
	assert_int_equal(vsp_take(answer.bytes, answer.size_bytes,
				  answer.transaction_id),
			 VMBUS_OK);
	assert_int_equal(message.kind, IC_KIND_REFUSED);
	assert_int_equal(ic_vsp_status(&vsp), IC_STATUS_PROTOCOL_MISMATCH);
	assert_int_equal(ic_vsp_detail(&vsp), IC_DETAIL_NONE);
	assert_false(ic_vsp_ready(&vsp));
}

/* Choices that were not on offer count as none, and are no violation. */
static void test_choice_not_offered(void **state)
{
	const struct {
		u16 framework_count, message_count;
		u32 framework, version;
		enum ic_status status;
	} choices[] = {
		{ 1, 1, IC_FRAMEWORK_3_0, IC_VERSION(3, 1), IC_STATUS_OK },
		{ 1, 1, IC_FRAMEWORK_1_0, IC_VERSION(1, 0), IC_STATUS_OK },
		{ 1, 1, IC_FRAMEWORK_3_0, IC_VERSION(4, 0),
		  IC_STATUS_PROTOCOL_MISMATCH },
		{ 1, 1, IC_FRAMEWORK_3_0, 0, IC_STATUS_PROTOCOL_MISMATCH },
		{ 1, 1, IC_VERSION(2, 0), IC_VERSION(3, 1),
		  IC_STATUS_PROTOCOL_MISMATCH },
		{ 0, 0, IC_FRAMEWORK_3_0, IC_VERSION(3, 1),
		  IC_STATUS_PROTOCOL_MISMATCH },
		{ 1, 0, IC_FRAMEWORK_3_0, IC_VERSION(3, 1),
		  IC_STATUS_PROTOCOL_MISMATCH },
		{ 2, 1, IC_FRAMEWORK_3_0, IC_VERSION(3, 1),
		  IC_STATUS_PROTOCOL_MISMATCH },
		{ 0xffff, 0xffff, IC_FRAMEWORK_3_0, IC_VERSION(3, 1),
		  IC_STATUS_PROTOCOL_MISMATCH },
	};
	struct ic_link_packet request, answer;
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(choices); i++) {
		assert_int_equal(ic_vsp_init(&vsp, &service, IC_VERSION(3, 1)),
				 VMBUS_OK);
		vsp_ask(&request);
		make_choice(&answer, choices[i].framework_count,
			    choices[i].message_count, choices[i].framework,
			    choices[i].version);
		assert_int_equal(ic_link_hand(&asked_vsp, &answer), VMBUS_OK);
		assert_int_equal(ic_vsp_status(&vsp), choices[i].status);
	}
}

static void test_renegotiation(void **state)
{
	struct ic_link_packet first, second, answer;

	(void)state;
	prepare_settled_vsp();
	vsp_request(&first, 4);
	ic_vsp_renegotiate(&vsp);
	assert_int_equal(ic_vsp_status(&vsp), IC_STATUS_NO_CONTACT);
	vsp_ask(&second);
	/* The answer of before the second attempt is late, not wrong. */
	ic_link_make(&answer, IC_MESSAGE_SHUTDOWN,
		     IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE, 4,
		     first.transaction_id);
	assert_int_equal(ic_link_hand(&settled_vsp, &answer), VMBUS_OK);
	assert_int_equal(message.kind, IC_KIND_IGNORED);
	prepare_new_vsc();
	vsc_answer(&second, &answer);
	assert_int_equal(ic_link_hand(&settled_vsp, &answer), VMBUS_OK);
	assert_int_equal(message.kind, IC_KIND_NEGOTIATED);
	/* Given twice, the second is ignored. */
	assert_int_equal(ic_link_hand(&settled_vsp, &answer), VMBUS_OK);
	assert_int_equal(message.kind, IC_KIND_IGNORED);
	assert_true(ic_vsp_ready(&vsp));
	/* And so is, still, what was asked before. */
	ic_link_make(&answer, IC_MESSAGE_SHUTDOWN, IC_FLAG_RESPONSE, 4,
		     first.transaction_id);
	assert_int_equal(ic_link_hand(&settled_vsp, &answer), VMBUS_OK);
	assert_int_equal(message.kind, IC_KIND_IGNORED);
	assert_int_equal(vsp.stray_count, 3);
}

/* The answer to an attempt that was given up settles nothing. */
static void test_overtaken_negotiation(void **state)
{
	struct ic_link_packet first, second, answer;

	(void)state;
	assert_int_equal(ic_vsp_init(&vsp, &service, 0), VMBUS_OK);
	vsp_ask(&first);
	ic_vsp_renegotiate(&vsp);
	vsp_ask(&second);
	prepare_new_vsc();
	vsc_answer(&first, &answer);
	assert_int_equal(ic_link_hand(&settled_vsp, &answer), VMBUS_OK);
	assert_int_equal(message.kind, IC_KIND_IGNORED);
	assert_false(ic_vsp_ready(&vsp));
	vsc_answer(&second, &answer);
	assert_int_equal(ic_link_hand(&settled_vsp, &answer), VMBUS_OK);
	assert_true(ic_vsp_ready(&vsp));
}

/* Guests that write through a pipe give 0 as the descriptor's id. */
static void test_short_ids(void **state)
{
	struct ic_link_packet request, answer;
	u32 i;

	(void)state;
	prepare_settled_vsp();
	for (i = 0; i < 600; i++) {
		vsp_request(&request, 0);
		ic_link_make(&answer, IC_MESSAGE_SHUTDOWN,
			     IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE, 0,
			     request.transaction_id);
		answer.transaction_id = i % 2 ? 0 : request.transaction_id;
		assert_int_equal(ic_link_hand(&settled_vsp, &answer), VMBUS_OK);
		assert_int_equal(message.kind, IC_KIND_MESSAGE);
		assert_int_equal(message.transaction_id,
				 request.transaction_id);
	}
	/* 255 requests back is the oldest that 8 bits can mean. */
	ic_link_make(&answer, IC_MESSAGE_SHUTDOWN, IC_FLAG_RESPONSE, 0,
		     request.transaction_id + 1);
	answer.transaction_id = 0;
	assert_int_equal(ic_link_hand(&settled_vsp, &answer), VMBUS_OK);
	assert_int_equal(message.transaction_id, request.transaction_id - 255);
	/* Across the first turn of the 8 bits, too. */
	prepare_settled_vsp();
	while (vsp.last_id < 0x100)
		vsp_request(&request, 0);
	ic_link_make(&answer, IC_MESSAGE_SHUTDOWN, IC_FLAG_RESPONSE, 0, 0xff);
	answer.transaction_id = 0;
	assert_int_equal(ic_link_hand(&settled_vsp, &answer), VMBUS_OK);
	assert_int_equal(message.transaction_id, 0xff);
}

static void test_unknown_ids(void **state)
{
	const struct {
		u64 descriptor_id;
		u8 short_id;
	} ids[] = {
		{ 3, 3 },     /* never sent */
		{ 0x102, 2 }, /* likewise, with the low bits of one sent */
		{ 2, 1 },     /* the two disagree */
		{ 0, 3 },     { 0, 0 }, { ~0ull, 0xff },
	};
	struct ic_link_packet request, answer;
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(ids); i++) {
		prepare_settled_vsp();
		vsp_request(&request, 0);
		assert_int_equal(request.transaction_id, 2);
		ic_link_make(&answer, IC_MESSAGE_SHUTDOWN, IC_FLAG_RESPONSE, 0,
			     ids[i].short_id);
		answer.transaction_id = ids[i].descriptor_id;
		assert_int_equal(ic_link_hand(&settled_vsp, &answer),
				 VMBUS_E_IC_TRANSACTION);
	}
}

static void test_violations_stay(void **state)
{
	struct ic_link_packet request, answer;
	u64 id;

	(void)state;
	prepare_settled_vsp();
	vsp_request(&request, 0);
	ic_link_make(&answer, IC_MESSAGE_SHUTDOWN, IC_FLAG_REQUEST, 0, 2);
	assert_int_equal(ic_link_hand(&settled_vsp, &answer), VMBUS_E_IC_FLAGS);
	assert_int_equal(ic_vsp_status(&vsp), IC_STATUS_ERROR);
	assert_int_equal(vsp.violation, VMBUS_E_IC_FLAGS);
	/* Nothing more is believed, or sent. */
	ic_link_make(&answer, IC_MESSAGE_SHUTDOWN, IC_FLAG_RESPONSE, 0, 2);
	assert_int_equal(ic_link_hand(&settled_vsp, &answer), VMBUS_E_IC_FLAGS);
	assert_int_equal(message.kind, IC_KIND_IGNORED);
	assert_int_equal(ic_vsp_request(&vsp, request.bytes,
					sizeof(request.bytes), 0, true, &id),
			 0);

	prepare_settled_vsp();
	vsp_request(&request, 0);
	ic_link_make(&answer, IC_MESSAGE_KVP, IC_FLAG_RESPONSE, 0, 2);
	assert_int_equal(ic_link_hand(&settled_vsp, &answer), VMBUS_E_IC_TYPE);
}

static void test_vsp_sizes(void **state)
{
	struct ic_link_packet answer;

	(void)state;
	prepare_asked_vsp();
	make_choice(&answer, 1, 1, IC_FRAMEWORK_3_0, IC_VERSION(4, 0));
	ic_link_check_sizes(&asked_vsp, &answer, IC_NEGOTIATE_ANSWER_BYTES);

	ic_link_make(&answer, IC_MESSAGE_SHUTDOWN, IC_FLAG_RESPONSE, 24, 2);
	ic_link_check_sizes(&requested_vsp, &answer, 0);
}

static void test_version_order(void **state)
{
	(void)state;
	assert_true(ic_version_older(IC_VERSION(1, 9), IC_VERSION(3, 0)));
	assert_true(ic_version_older(IC_VERSION(3, 1), IC_VERSION(3, 2)));
	assert_false(ic_version_older(IC_VERSION(3, 2), IC_VERSION(3, 2)));
	assert_false(ic_version_older(IC_VERSION(3, 0), IC_VERSION(1, 9)));
}

static void test_texts(void **state)
{
	u32 i;

	(void)state;
	assert_string_equal(ic_status_text(IC_STATUS_OK), "OK");
	assert_string_equal(ic_status_text(IC_STATUS_LOST_COMMUNICATION),
			    "Lost Communication");
	assert_string_equal(ic_status_text(IC_STATUS_PROTOCOL_MISMATCH),
			    "Protocol Version Mismatch");
	for (i = 0; i <= IC_STATUS_DISABLED; i++)
		assert_non_null(ic_status_text((enum ic_status)i));
	for (i = 0; i <= IC_DETAIL_APPLICATION_STOPPED; i++)
		assert_non_null(ic_detail_text((enum ic_detail)i));
	assert_string_equal(ic_status_text((enum ic_status)99), "Unknown");
	assert_string_equal(ic_detail_text((enum ic_detail)99), "Unknown");
	assert_string_equal(ic_result_text(IC_E_NOT_FOUND), "not found");
	assert_non_null(ic_result_text(IC_S_OK));
	assert_null(ic_result_text(0x12345678));
	assert_string_not_equal(vmbus_status_text(VMBUS_E_IC_SHORT),
				"unknown status");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_layout),
		cmocka_unit_test(test_small_buffer),
		cmocka_unit_test(test_all_versions),
		cmocka_unit_test(test_answer_form),
		cmocka_unit_test(test_unknown_limit),
		cmocka_unit_test(test_nothing_in_common),
		cmocka_unit_test(test_choice_not_offered),
		cmocka_unit_test(test_renegotiation),
		cmocka_unit_test(test_overtaken_negotiation),
		cmocka_unit_test(test_short_ids),
		cmocka_unit_test(test_unknown_ids),
		cmocka_unit_test(test_violations_stay),
		cmocka_unit_test(test_vsp_sizes),
		cmocka_unit_test(test_version_order),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests_name("services/ic", tests, NULL, NULL);
}
