// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The framework's guest end, against a host that lies. */
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

static struct ic_vsc vsc;
static struct ic_message message;

static enum vmbus_status vsc_take(const void *data, u32 size_bytes, u64 id)
{
	u8 response[IC_PACKET_MAX_BYTES];
	u32 response_bytes;

	(void)id;
	return ic_vsc_receive(&vsc, data, size_bytes, response,
			      sizeof(response), &response_bytes, &message);
}

static void prepare_new(void)
{
	assert_int_equal(ic_vsc_init(&vsc, &service, 0), VMBUS_OK);
}

static const struct ic_link_end new_vsc = { prepare_new, vsc_take };

/* What an honest host asks first. */
static void make_offer(struct ic_link_packet *request)
{
	struct ic_vsp vsp;

	assert_int_equal(ic_vsp_init(&vsp, &service, 0), VMBUS_OK);
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

static void prepare_settled(void)
{
	struct ic_link_packet request, answer;

	prepare_new();
	make_offer(&request);
	vsc_answer(&request, &answer);
	assert_true(ic_vsc_ready(&vsc));
}

static void test_sizes(void **state)
{
	struct ic_link_packet request, cut;
	u32 size_bytes;

	(void)state;
	make_offer(&request);
	/* What is cut off is a size that lies: the counts tell of more. */
	for (size_bytes = IC_BODY_OFFSET; size_bytes < request.size_bytes;
	     size_bytes++) {
		ic_link_make(&cut, IC_MESSAGE_NEGOTIATE, IC_FLAG_REQUEST,
			     size_bytes - IC_BODY_OFFSET, 1);
		memcpy(cut.bytes + IC_BODY_OFFSET,
		       request.bytes + IC_BODY_OFFSET,
		       size_bytes - IC_BODY_OFFSET);
		prepare_new();
		assert_int_equal(ic_link_hand(&new_vsc, &cut),
				 size_bytes < IC_BODY_OFFSET + 8
					 ? VMBUS_E_IC_SHORT
					 : VMBUS_E_IC_SIZE);
	}
}

static void test_counts_lie(void **state)
{
	static const u16 counts[][2] = { { 2, 5 },	    { 3, 4 },
					 { 101, 1 },	    { 1, 101 },
					 { 0xffff, 1 },	    { 1, 0xffff },
					 { 0xffff, 0xffff } };
	struct ic_link_packet request;
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(counts); i++) {
		make_offer(&request);
		memcpy(request.bytes + IC_BODY_OFFSET, counts[i],
		       sizeof(counts[i]));
		prepare_new();
		assert_int_equal(ic_link_hand(&new_vsc, &request),
				 VMBUS_E_IC_SIZE);
		assert_false(ic_vsc_ready(&vsc));
	}
}

/* Not even a packet that has the room may hold that many. */
static void test_too_many_versions(void **state)
{
	struct ic_negotiate counts = { 1, IC_NEGOTIATE_VERSIONS_MAX, 0 };
	struct ic_link_packet request;

	(void)state;
	ic_link_make(&request, IC_MESSAGE_NEGOTIATE, IC_FLAG_REQUEST, 512, 1);
	memcpy(request.bytes + IC_BODY_OFFSET, &counts, sizeof(counts));
	prepare_new();
	assert_int_equal(ic_link_hand(&new_vsc, &request), VMBUS_OK);
	assert_int_equal(message.kind, IC_KIND_REFUSED);
	counts.message_count++;
	memcpy(request.bytes + IC_BODY_OFFSET, &counts, sizeof(counts));
	prepare_new();
	assert_int_equal(ic_link_hand(&new_vsc, &request), VMBUS_E_IC_SIZE);
}

static void test_refuses(void **state)
{
	struct ic_link_packet request, answer;

	(void)state;
	/* Before versions are settled. */
	prepare_new();
	ic_link_make(&request, IC_MESSAGE_SHUTDOWN, IC_FLAG_REQUEST, 16, 77);
	request.bytes[IC_BODY_OFFSET + 15] = 0x5a;
	vsc_answer(&request, &answer);
	assert_int_equal(message.kind, IC_KIND_IGNORED);
	assert_int_equal(ic_link_header(&answer).status, IC_E_FAIL);
	assert_int_equal(ic_link_header(&answer).transaction_id, 77);
	assert_int_equal(answer.size_bytes, request.size_bytes);
	assert_int_equal(answer.bytes[IC_BODY_OFFSET + 15], 0x5a);
	/* Another service's. */
	prepare_settled();
	ic_link_make(&request, IC_MESSAGE_VSS, IC_FLAG_REQUEST, 16, 78);
	vsc_answer(&request, &answer);
	assert_int_equal(message.kind, IC_KIND_IGNORED);
	assert_int_equal(ic_link_header(&answer).status, IC_E_FAIL);
	/* An answer, where hosts only ask. */
	ic_link_make(&request, IC_MESSAGE_SHUTDOWN, IC_FLAG_RESPONSE, 16, 78);
	assert_int_equal(ic_link_hand(&new_vsc, &request), VMBUS_E_IC_FLAGS);
}

static void test_small_buffer(void **state)
{
	struct ic_link_packet request;
	u8 response[32];
	u32 response_bytes;

	(void)state;
	prepare_new();
	make_offer(&request);
	assert_int_equal(ic_vsc_receive(&vsc, request.bytes, request.size_bytes,
					response, sizeof(response),
					&response_bytes, &message),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(response_bytes, 0);
}

/* Answers that the caller gives later need nothing but the message. */
static void test_responds(void **state)
{
	struct ic_link_packet request, answer;

	(void)state;
	prepare_settled();
	ic_link_make(&request, IC_MESSAGE_SHUTDOWN, IC_FLAG_REQUEST, 16, 78);
	vsc_answer(&request, &answer);
	assert_int_equal(message.kind, IC_KIND_MESSAGE);
	assert_int_equal(answer.size_bytes, 0);
	memset(&request, 0xff, sizeof(request));
	assert_int_equal(ic_vsc_respond(&vsc, &message, answer.bytes,
					sizeof(answer.bytes), 16, IC_E_FAIL),
			 IC_BODY_OFFSET + 16);
	assert_int_equal(ic_link_header(&answer).status, IC_E_FAIL);
	assert_int_equal(ic_link_header(&answer).message_version,
			 IC_VERSION(4, 0));
	assert_int_equal(ic_link_header(&answer).framework_version,
			 IC_FRAMEWORK_3_0);
	assert_int_equal(ic_link_header(&answer).transaction_id, 78);
	assert_int_equal(ic_vsc_respond(&vsc, &message, answer.bytes,
					IC_BODY_OFFSET + 15, 16, 0),
			 0);
	assert_int_equal(
		ic_vsc_respond(&vsc, &message, answer.bytes, ~0u, 0x10000, 0),
		0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_counts_lie),
		cmocka_unit_test(test_too_many_versions),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_small_buffer),
		cmocka_unit_test(test_responds),
	};

	return cmocka_run_group_tests_name("services/ic guest end", tests, NULL,
					   NULL);
}
