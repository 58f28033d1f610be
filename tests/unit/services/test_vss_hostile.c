// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The backup service: a peer that lies, and the guest end's own clock. */
#include "tests/unit/services/ic_link.h"

#include "services/vss/vsc.h"
#include "services/vss/vsp.h"

static struct vss_vsp vsp;
static struct vss_vsc vsc;
static struct ic_link_packet request, answer;
static u8 operation;
static bool requested;
static u32 response_bytes;
static u32 response_status;

static enum vmbus_status vsc_take(const void *data, u32 size_bytes, u64 id)
{
	enum vmbus_status status;

	status = vss_vsc_receive(&vsc, data, size_bytes, id, answer.bytes,
				 sizeof(answer.bytes), &response_bytes,
				 &operation, &requested);
	answer.size_bytes = response_bytes;
	if (response_bytes)
		response_status = ic_link_header(&answer).status;
	return status;
}

static enum vmbus_status vsp_take(const void *data, u32 size_bytes, u64 id)
{
	return vss_vsp_receive(&vsp, data, size_bytes, id, 0);
}

static void host_sends(void)
{
	request.size_bytes =
		vss_vsp_transmit(&vsp, 0, request.bytes, sizeof(request.bytes),
				 &request.transaction_id);
	assert_int_not_equal(request.size_bytes, 0);
}

static void guest_answers(u32 status)
{
	assert_int_equal(vsc_take(request.bytes, request.size_bytes,
				  request.transaction_id),
			 VMBUS_OK);
	answer.transaction_id = request.transaction_id;
	if (requested)
		answer.size_bytes = vss_vsc_respond(
			&vsc, status, 0, answer.bytes, sizeof(answer.bytes),
			&answer.transaction_id);
}

static void exchange(void)
{
	host_sends();
	guest_answers(0);
	assert_int_equal(vsp_take(answer.bytes, answer.size_bytes,
				  answer.transaction_id),
			 VMBUS_OK);
}

static void prepare(void)
{
	assert_int_equal(vss_vsp_init(&vsp, NULL), VMBUS_OK);
	assert_int_equal(vss_vsc_init(&vsc, 0), VMBUS_OK);
	exchange();
	exchange();
}

static void prepare_check(void)
{
	prepare();
	assert_int_equal(vss_vsp_check(&vsp, 0), VSS_OK);
	host_sends();
	guest_answers(0);
}

static void prepare_freeze(void)
{
	prepare();
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_OK);
	host_sends();
	guest_answers(0);
}

static void prepare_failed_freeze(void)
{
	prepare();
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_OK);
	host_sends();
	guest_answers(IC_E_FAIL);
}

static void prepare_thaw(void)
{
	prepare_freeze();
	assert_int_equal(vsp_take(answer.bytes, answer.size_bytes,
				  answer.transaction_id),
			 VMBUS_OK);
	assert_int_equal(vss_vsp_thaw(&vsp, 0), VSS_OK);
	host_sends();
	guest_answers(0);
}

static void every_answer_may_be_cut_anywhere(void **state)
{
	static void (*const prepares[])(void) = { prepare_check, prepare_freeze,
						  prepare_failed_freeze,
						  prepare_thaw };
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(prepares); i++) {
		struct ic_link_end end = { prepares[i], vsp_take };
		struct ic_link_packet whole;

		prepares[i]();
		whole = answer;
		ic_link_check_sizes(&end, &whole, sizeof(struct vss_message));
	}
}

static void every_request_may_be_cut_anywhere(void **state)
{
	struct ic_link_end end = { prepare, vsc_take };
	struct ic_link_packet whole;

	(void)state;
	prepare();
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_OK);
	host_sends();
	whole = request;
	ic_link_check_sizes(&end, &whole, sizeof(struct vss_message));
}

/* Hand the guest end a request of @body_bytes for @asked. */
static void ask(u8 asked, u32 body_bytes)
{
	ic_link_make(&request, IC_MESSAGE_VSS,
		     IC_FLAG_TRANSACTION | IC_FLAG_REQUEST, body_bytes, 77);
	request.bytes[IC_BODY_OFFSET] = asked;
	response_status = ~0u;
	assert_int_equal(vsc_take(request.bytes, request.size_bytes, 77),
			 VMBUS_OK);
}

static void other_operations_are_answered_at_once(void **state)
{
	static const struct {
		u8 asked;
		u32 status;
	} rows[] = {
		{ VSS_OPERATION_CREATE, IC_S_OK },
		{ VSS_OPERATION_DELETE, IC_S_OK },
		{ VSS_OPERATION_GET_DM_INFO, IC_S_OK },
		{ VSS_OPERATION_BACKUP_COMPLETE, IC_S_OK },
		{ VSS_OPERATION_AUTO_RECOVER, IC_E_NOT_SUPPORTED },
		{ VSS_OPERATION_COUNT, IC_E_NOT_SUPPORTED },
		{ 128, IC_E_NOT_SUPPORTED },
		{ 255, IC_E_NOT_SUPPORTED },
	};
	size_t i;

	(void)state;
	prepare();
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		ask(rows[i].asked, 12);
		assert_false(requested);
		assert_int_equal(response_bytes, request.size_bytes);
		assert_true(response_status == rows[i].status);
	}
}

/* Real hosts send a list of LUNs behind, and expect as much back. */
static void large_requests_are_answered_in_full(void **state)
{
	static const u32 sizes[] = { 12, 6260 - IC_BODY_OFFSET,
				     12500 - IC_BODY_OFFSET,
				     VSS_RECEIVE_MAX_BYTES - IC_BODY_OFFSET };
	u64 id;
	size_t i, k;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(sizes); i++) {
		prepare();
		ask(VSS_OPERATION_FREEZE, sizes[i]);
		assert_true(requested);
		memset(answer.bytes, 0xee, sizeof(answer.bytes));
		assert_int_equal(vss_vsc_respond(&vsc, 0, 0, answer.bytes,
						 request.size_bytes - 1, &id),
				 0);
		assert_int_equal(vss_vsc_respond(&vsc, 0, 0, answer.bytes,
						 request.size_bytes, &id),
				 request.size_bytes);
		assert_int_equal(id, 77);
		for (k = IC_BODY_OFFSET + 1; k < request.size_bytes; k++)
			assert_int_equal(answer.bytes[k], 0);
		ask(VSS_OPERATION_AUTO_RECOVER, sizes[i]);
		assert_int_equal(response_bytes, request.size_bytes);
	}
}

static void one_request_at_a_time(void **state)
{
	u64 id;

	(void)state;
	prepare();
	assert_int_equal(vss_vsc_respond(&vsc, 0, 0, answer.bytes,
					 sizeof(answer.bytes), &id),
			 0);
	ask(VSS_OPERATION_FREEZE, 12);
	assert_int_equal(vsc_take(request.bytes, request.size_bytes, 78),
			 VMBUS_AGAIN);
	assert_false(requested);
	assert_int_not_equal(vss_vsc_respond(&vsc, 0, 0, answer.bytes,
					     sizeof(answer.bytes), &id),
			     0);
	assert_int_equal(id, 77);
	ask(VSS_OPERATION_THAW, 12);
	assert_true(requested);
}

static void respond(u32 status, u64 now_100ns)
{
	u64 id;

	assert_int_not_equal(vss_vsc_respond(&vsc, status, now_100ns,
					     answer.bytes, sizeof(answer.bytes),
					     &id),
			     0);
}

static void forgotten_guest_thaws_itself(void **state)
{
	(void)state;
	prepare();
	assert_true(vss_vsc_deadline_100ns(&vsc) == IC_NEVER);
	ask(VSS_OPERATION_FREEZE, 12);
	respond(IC_E_FAIL, 5);
	assert_true(vss_vsc_deadline_100ns(&vsc) == IC_NEVER);
	assert_false(vss_vsc_thaw_due(&vsc, IC_NEVER));
	ask(VSS_OPERATION_FREEZE, 12);
	respond(IC_S_OK, 5);
	assert_true(vss_vsc_deadline_100ns(&vsc) == 120 * IC_SECOND_100NS + 5);
	assert_false(vss_vsc_thaw_due(&vsc, 120 * IC_SECOND_100NS + 4));
	assert_true(vss_vsc_thaw_due(&vsc, 120 * IC_SECOND_100NS + 5));
	assert_false(vss_vsc_thaw_due(&vsc, IC_NEVER));
	ask(VSS_OPERATION_THAW, 12);
	assert_true(requested);
	respond(IC_S_OK, 5);

	ask(VSS_OPERATION_FREEZE, 12);
	respond(IC_S_OK, 5);
	ask(VSS_OPERATION_THAW, 12);
	respond(IC_E_FAIL, 6);
	/* The thaw failed: the clock still runs. */
	assert_true(vss_vsc_deadline_100ns(&vsc) != IC_NEVER);
	ask(VSS_OPERATION_THAW, 12);
	respond(IC_S_OK, 6);
	assert_true(vss_vsc_deadline_100ns(&vsc) == IC_NEVER);
}

static void stray_answers_change_nothing(void **state)
{
	(void)state;
	prepare_freeze();
	assert_int_equal(vsp_take(answer.bytes, answer.size_bytes,
				  answer.transaction_id),
			 VMBUS_OK);
	assert_int_equal(vss_vsp_state(&vsp), VSS_FROZEN);
	assert_int_equal(vsp_take(answer.bytes, answer.size_bytes,
				  answer.transaction_id),
			 VMBUS_OK);
	assert_int_equal(vss_vsp_state(&vsp), VSS_FROZEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_may_be_cut_anywhere),
		cmocka_unit_test(every_request_may_be_cut_anywhere),
		cmocka_unit_test(other_operations_are_answered_at_once),
		cmocka_unit_test(large_requests_are_answered_in_full),
		cmocka_unit_test(one_request_at_a_time),
		cmocka_unit_test(forgotten_guest_thaws_itself),
		cmocka_unit_test(stray_answers_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
