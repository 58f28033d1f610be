// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Shutdown: both ends linked back to back, and each against a liar. */
#include "tests/unit/services/ic_link.h"

#include "services/shutdown/vsc.h"
#include "services/shutdown/vsp.h"

static struct shutdown_vsp vsp;
static struct shutdown_vsc vsc;
static struct shutdown_action action;

static const struct shutdown_request power_off = {
	.kind = SHUTDOWN_POWER_OFF,
	.reason_code = SHUTDOWN_REASON_PLANNED,
	.deadline_100ns = IC_NEVER,
};

static bool vsp_sends(u64 now_100ns, struct ic_link_packet *packet)
{
	packet->size_bytes = shutdown_vsp_transmit(
		&vsp, now_100ns, packet->bytes, SHUTDOWN_VSP_PACKET_MAX,
		&packet->transaction_id);
	return packet->size_bytes != 0;
}

static void vsc_answers(const struct ic_link_packet *request,
			struct ic_link_packet *answer)
{
	answer->transaction_id = request->transaction_id;
	assert_int_equal(
		shutdown_vsc_receive(&vsc, request->bytes, request->size_bytes,
				     answer->bytes, sizeof(answer->bytes),
				     &answer->size_bytes, &action),
		VMBUS_OK);
	assert_int_equal(answer->size_bytes, request->size_bytes);
}

static void vsp_takes(const struct ic_link_packet *answer, u64 now_100ns)
{
	assert_int_equal(
		shutdown_vsp_receive(&vsp, answer->bytes, answer->size_bytes,
				     answer->transaction_id, now_100ns),
		VMBUS_OK);
}

static void link_up(u32 host_version, u32 guest_version, bool can_hibernate)
{
	struct ic_link_packet request, answer;

	assert_int_equal(shutdown_vsp_init(&vsp, host_version), VMBUS_OK);
	assert_int_equal(shutdown_vsc_init(&vsc, guest_version, can_hibernate),
			 VMBUS_OK);
	assert_int_equal(shutdown_vsp_deadline_100ns(&vsp), 0);
	assert_true(vsp_sends(0, &request));
	vsc_answers(&request, &answer);
	assert_false(action.wanted);
	vsp_takes(&answer, 0);
	assert_int_equal(shutdown_vsp_status(&vsp, 0), IC_STATUS_OK);
}

/* One request carried to its end; returns the event. */
static struct shutdown_event ask(const struct shutdown_request *request)
{
	struct ic_link_packet packet, answer;
	struct shutdown_event event;

	assert_int_equal(shutdown_vsp_request(&vsp, request), VMBUS_OK);
	assert_true(shutdown_vsp_busy(&vsp));
	assert_true(vsp_sends(0, &packet));
	assert_false(vsp_sends(0, &answer));
	assert_false(shutdown_vsp_next_event(&vsp, 0, &event));
	vsc_answers(&packet, &answer);
	vsp_takes(&answer, 0);
	assert_false(shutdown_vsp_busy(&vsp));
	assert_true(shutdown_vsp_next_event(&vsp, 0, &event));
	assert_int_equal(event.request, request->kind);
	return event;
}

static void test_all_versions(void **state)
{
	static const u32 versions[] = { SHUTDOWN_VERSION_1_0,
					SHUTDOWN_VERSION_3_0,
					SHUTDOWN_VERSION_3_1,
					SHUTDOWN_VERSION_3_2 };
	u32 h, g, least;

	(void)state;
	for (h = 0; h < PORT_ARRAY_SIZE(versions); h++) {
		for (g = 0; g < PORT_ARRAY_SIZE(versions); g++) {
			least = h < g ? h : g;
			link_up(versions[h], versions[g], false);
			assert_int_equal(vsp.ic.message_version,
					 versions[least]);
			assert_int_equal(shutdown_vsp_detail(&vsp, 0),
					 least == 3
						 ? IC_DETAIL_NONE
						 : IC_DETAIL_PROTOCOL_MISMATCH);
			assert_int_equal(ask(&power_off).kind,
					 SHUTDOWN_EVENT_ACCEPTED);
			assert_true(action.wanted);
			assert_int_equal(action.kind, SHUTDOWN_POWER_OFF);
		}
	}
}

static void test_every_kind(void **state)
{
	static const enum shutdown_kind kinds[] = { SHUTDOWN_POWER_OFF,
						    SHUTDOWN_REBOOT,
						    SHUTDOWN_HIBERNATE };
	struct shutdown_request request = power_off;
	u32 i;

	(void)state;
	link_up(0, 0, true);
	for (i = 0; i < 6; i++) {
		request.kind = kinds[i / 2];
		request.forced = i % 2;
		request.timeout_seconds = 60 + i;
		request.reason_code = SHUTDOWN_REASON_PLANNED | i;
		assert_int_equal(ask(&request).kind, SHUTDOWN_EVENT_ACCEPTED);
		assert_int_equal(vsp.message.flags, i);
		assert_true(action.wanted);
		assert_int_equal(action.kind, kinds[i / 2]);
		assert_int_equal(action.forced, i % 2);
		assert_int_equal(action.timeout_seconds, 60 + i);
		assert_int_equal(action.reason_code,
				 SHUTDOWN_REASON_PLANNED | i);
		assert_string_equal(action.text, "");
	}
}

static void test_text(void **state)
{
	static char longest[1023 + 1], too_long[1024 + 1];
	u8 zeros[SHUTDOWN_TEXT_BYTES - 2];
	struct shutdown_request request = power_off;

	(void)state;
	link_up(0, 0, false);
	request.text = "Wartung: Umzug auf \xf0\x9f\x96\xa5, 5 min";
	ask(&request);
	assert_string_equal(action.text, request.text);
	memset(longest, 'x', 1023);
	request.text = longest;
	ask(&request);
	assert_string_equal(action.text, longest);
	/* Shorter again: nothing of the longer one is told. */
	request.text = "a";
	ask(&request);
	assert_string_equal(action.text, "a");
	memset(zeros, 0, sizeof(zeros));
	assert_memory_equal(vsp.message.text + 2, zeros, sizeof(zeros));
	request.text = NULL;
	ask(&request);
	assert_string_equal(action.text, "");
	memset(too_long, 'x', 1024);
	request.text = too_long;
	assert_int_equal(shutdown_vsp_request(&vsp, &request),
			 VMBUS_BAD_ARGUMENT);
	request.text = "\xff";
	assert_int_equal(shutdown_vsp_request(&vsp, &request),
			 VMBUS_BAD_ARGUMENT);
	assert_false(shutdown_vsp_busy(&vsp));
}

static void test_hibernation(void **state)
{
	struct shutdown_request request = power_off;
	struct shutdown_event event;

	(void)state;
	request.kind = SHUTDOWN_HIBERNATE;
	/* Refused by a guest that cannot. */
	link_up(0, 0, false);
	event = ask(&request);
	assert_int_equal(event.kind, SHUTDOWN_EVENT_REFUSED);
	assert_int_equal(event.status, IC_E_FAIL);
	assert_false(action.wanted);
	/* And never asked of one that does not know the word. */
	link_up(0, SHUTDOWN_VERSION_3_1, true);
	assert_int_equal(shutdown_vsp_request(&vsp, &request),
			 VMBUS_UNSUPPORTED);
}

static void test_refused_requests(void **state)
{
	struct shutdown_request request = power_off;
	struct shutdown_event event;
	struct ic_link_packet packet;

	(void)state;
	assert_int_equal(shutdown_vsp_init(&vsp, 0), VMBUS_OK);
	assert_int_equal(shutdown_vsp_request(&vsp, &power_off),
			 VMBUS_NOT_READY);
	assert_true(vsp_sends(0, &packet));
	assert_int_equal(shutdown_vsp_request(&vsp, &power_off),
			 VMBUS_NOT_READY);
	link_up(0, 0, false);
	request.kind = (enum shutdown_kind)3;
	assert_int_equal(shutdown_vsp_request(&vsp, &request),
			 VMBUS_BAD_ARGUMENT);
	assert_int_equal(shutdown_vsp_request(&vsp, &power_off), VMBUS_OK);
	assert_int_equal(shutdown_vsp_request(&vsp, &power_off), VMBUS_AGAIN);
	assert_false(shutdown_vsp_next_event(&vsp, 0, &event));
	assert_int_equal(shutdown_vsp_init(&vsp, IC_VERSION(3, 3)),
			 VMBUS_BAD_ARGUMENT);
}

/* Without an answer by the deadline the caller is told, and may ask again. */
static void test_deadline(void **state)
{
	struct shutdown_request request = power_off;
	struct ic_link_packet first, second, answer;
	struct shutdown_event event;

	(void)state;
	link_up(0, 0, false);
	request.deadline_100ns = 1000;
	assert_int_equal(shutdown_vsp_request(&vsp, &request), VMBUS_OK);
	assert_int_equal(shutdown_vsp_deadline_100ns(&vsp), 0);
	assert_true(vsp_sends(10, &first));
	assert_int_equal(shutdown_vsp_deadline_100ns(&vsp), 1000);
	assert_false(shutdown_vsp_next_event(&vsp, 999, &event));
	assert_true(shutdown_vsp_next_event(&vsp, 1000, &event));
	assert_int_equal(event.kind, SHUTDOWN_EVENT_TIMED_OUT);
	assert_int_equal(event.request, SHUTDOWN_POWER_OFF);
	assert_false(shutdown_vsp_next_event(&vsp, 1000, &event));
	assert_int_equal(shutdown_vsp_deadline_100ns(&vsp), IC_NEVER);
	/* The late answer is not taken for that of the next request. */
	request.kind = SHUTDOWN_REBOOT;
	request.deadline_100ns = 2000;
	assert_int_equal(shutdown_vsp_request(&vsp, &request), VMBUS_OK);
	assert_true(vsp_sends(1001, &second));
	vsc_answers(&first, &answer);
	vsp_takes(&answer, 1500);
	assert_true(shutdown_vsp_busy(&vsp));
	vsc_answers(&second, &answer);
	/* An answer that comes with the deadline is late, too. */
	vsp_takes(&answer, 2000);
	assert_true(shutdown_vsp_next_event(&vsp, 2000, &event));
	assert_int_equal(event.kind, SHUTDOWN_EVENT_TIMED_OUT);
	/* A request whose time is over is not sent at all. */
	request.deadline_100ns = 3000;
	assert_int_equal(shutdown_vsp_request(&vsp, &request), VMBUS_OK);
	assert_false(vsp_sends(3000, &second));
	assert_true(shutdown_vsp_next_event(&vsp, 3000, &event));
	assert_int_equal(event.kind, SHUTDOWN_EVENT_TIMED_OUT);
}

/* Without space in the ring, the request waits; its deadline does not. */
static void test_no_space(void **state)
{
	struct shutdown_request request = power_off;
	struct ic_link_packet packet;
	struct shutdown_event event;
	u64 id;

	(void)state;
	link_up(0, 0, false);
	request.deadline_100ns = 1000;
	assert_int_equal(shutdown_vsp_request(&vsp, &request), VMBUS_OK);
	assert_int_equal(shutdown_vsp_transmit(&vsp, 0, packet.bytes, 0, &id),
			 0);
	assert_true(vsp_sends(999, &packet));
	assert_false(shutdown_vsp_next_event(&vsp, 999, &event));
	assert_int_equal(
		shutdown_vsp_transmit(&vsp, 1000, packet.bytes, 0, &id), 0);
	assert_true(shutdown_vsp_next_event(&vsp, 1000, &event));
	assert_int_equal(event.kind, SHUTDOWN_EVENT_TIMED_OUT);
}

/* ---- one end against a liar ---- */

static struct ic_link_packet pending; /* what the host sent last */

static void prepare_vsp(void)
{
	link_up(0, 0, false);
	assert_int_equal(shutdown_vsp_request(&vsp, &power_off), VMBUS_OK);
	assert_true(vsp_sends(0, &pending));
}

static enum vmbus_status vsp_receive(const void *data, u32 size_bytes, u64 id)
{
	return shutdown_vsp_receive(&vsp, data, size_bytes, id, 0);
}

static void prepare_vsc(void)
{
	link_up(0, 0, false);
}

static enum vmbus_status vsc_receive(const void *data, u32 size_bytes, u64 id)
{
	u32 response_bytes;
	u8 *response = malloc(size_bytes ? size_bytes : 1);
	enum vmbus_status status;

	(void)id;
	assert_non_null(response);
	status = shutdown_vsc_receive(&vsc, data, size_bytes, response,
				      size_bytes, &response_bytes, &action);
	if (status) {
		assert_int_equal(response_bytes, 0);
		assert_false(action.wanted);
	}
	free(response);
	return status;
}

static const struct ic_link_end vsp_end = { prepare_vsp, vsp_receive };
static const struct ic_link_end vsc_end = { prepare_vsc, vsc_receive };

static void make_answer(struct ic_link_packet *answer, u32 body_bytes,
			u32 status)
{
	struct ic_header header;

	ic_link_make(answer, IC_MESSAGE_SHUTDOWN,
		     IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE, body_bytes,
		     pending.transaction_id);
	header = ic_link_header(answer);
	header.status = status;
	ic_link_set_header(answer, header);
}

static void test_sizes(void **state)
{
	struct ic_link_packet answer;

	(void)state;
	prepare_vsp();
	/* The answer's body is not looked at: the status is in the header. */
	make_answer(&answer, 64, IC_S_OK);
	ic_link_check_sizes(&vsp_end, &answer, 0);
	prepare_vsp();
	ic_link_check_sizes(&vsc_end, &pending, 12);
}

static void test_every_result(void **state)
{
	static const struct {
		u32 status;
		enum shutdown_event_kind kind;
	} results[] = {
		{ IC_S_OK, SHUTDOWN_EVENT_ACCEPTED },
		{ 1, SHUTDOWN_EVENT_ACCEPTED },
		{ IC_E_FAIL, SHUTDOWN_EVENT_REFUSED },
		{ IC_E_MACHINE_LOCKED, SHUTDOWN_EVENT_REFUSED },
		{ 0xffffffff, SHUTDOWN_EVENT_REFUSED },
	};
	struct ic_link_packet answer;
	struct shutdown_event event;
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(results); i++) {
		prepare_vsp();
		make_answer(&answer, 0, results[i].status);
		assert_int_equal(ic_link_hand(&vsp_end, &answer), VMBUS_OK);
		assert_true(shutdown_vsp_next_event(&vsp, 0, &event));
		assert_int_equal(event.kind, results[i].kind);
		assert_int_equal(event.status, results[i].status);
		/* Given again it ends nothing. */
		assert_int_equal(ic_link_hand(&vsp_end, &answer), VMBUS_OK);
		assert_false(shutdown_vsp_next_event(&vsp, 0, &event));
	}
}

static void test_unknown_flags(void **state)
{
	static const u32 flags[] = {
		6, 7, 8, 0x80000000, 0x80000001, 0xffffffff
	};
	struct ic_link_packet request, answer;
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(flags); i++) {
		prepare_vsp();
		request = pending;
		memcpy(request.bytes + IC_BODY_OFFSET + 8, &flags[i], 4);
		vsc_answers(&request, &answer);
		assert_false(action.wanted);
		assert_int_equal(ic_link_header(&answer).status, IC_E_FAIL);
	}
}

/* A text that is none does not keep the guest from shutting down. */
static void test_text_that_is_none(void **state)
{
	struct ic_link_packet request, answer;

	(void)state;
	prepare_vsp();
	request = pending;
	memset(request.bytes + IC_BODY_OFFSET + 12, 0xd8, 2048);
	vsc_answers(&request, &answer);
	assert_true(action.wanted);
	assert_string_equal(action.text, "");
	/* Nor one without a terminator. */
	memset(request.bytes + IC_BODY_OFFSET + 12, 'A', 2048);
	vsc_answers(&request, &answer);
	assert_true(action.wanted);
	assert_int_equal(strlen(action.text), 1024 * 3);
	/* Nor one that runs on past its field. */
	ic_link_make(&request, IC_MESSAGE_SHUTDOWN, IC_FLAG_REQUEST, 4096, 9);
	memset(request.bytes + IC_BODY_OFFSET + 12, 'A', 4096 - 12);
	vsc_answers(&request, &answer);
	assert_true(action.wanted);
	assert_int_equal(strlen(action.text), 1024 * 3);
}

static void test_violation_ends_the_service(void **state)
{
	struct ic_link_packet answer;

	(void)state;
	prepare_vsp();
	ic_link_make(&answer, IC_MESSAGE_TIMESYNC, IC_FLAG_RESPONSE, 0,
		     pending.transaction_id);
	assert_int_equal(ic_link_hand(&vsp_end, &answer), VMBUS_E_IC_TYPE);
	assert_int_equal(shutdown_vsp_status(&vsp, 0), IC_STATUS_ERROR);
	assert_int_equal(shutdown_vsp_request(&vsp, &power_off),
			 VMBUS_NOT_READY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_versions),
		cmocka_unit_test(test_every_kind),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_hibernation),
		cmocka_unit_test(test_refused_requests),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_no_space),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_every_result),
		cmocka_unit_test(test_unknown_flags),
		cmocka_unit_test(test_text_that_is_none),
		cmocka_unit_test(test_violation_ends_the_service),
	};

	return cmocka_run_group_tests_name("services/shutdown", tests, NULL,
					   NULL);
}
