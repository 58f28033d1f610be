// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Heartbeat: both ends linked back to back, and each against a liar. */
#include "tests/unit/services/ic_link.h"

#include "services/heartbeat/vsc.h"
#include "services/heartbeat/vsp.h"

#define SECOND IC_SECOND_100NS

static struct heartbeat_vsp vsp;
static struct heartbeat_vsc vsc;

static bool vsp_sends(u64 now_100ns, struct ic_link_packet *packet)
{
	packet->size_bytes = heartbeat_vsp_transmit(
		&vsp, now_100ns, packet->bytes, HEARTBEAT_VSP_PACKET_MAX,
		&packet->transaction_id);
	return packet->size_bytes != 0;
}

static void vsc_answers(const struct ic_link_packet *request,
			struct ic_link_packet *answer)
{
	answer->transaction_id = request->transaction_id;
	assert_int_equal(
		heartbeat_vsc_receive(&vsc, request->bytes, request->size_bytes,
				      answer->bytes, sizeof(answer->bytes),
				      &answer->size_bytes),
		VMBUS_OK);
	assert_int_equal(answer->size_bytes, request->size_bytes);
}

static void vsp_takes(const struct ic_link_packet *answer, u64 now_100ns)
{
	assert_int_equal(
		heartbeat_vsp_receive(&vsp, answer->bytes, answer->size_bytes,
				      answer->transaction_id, now_100ns),
		VMBUS_OK);
}

/* Carry everything that the host has to say at @now_100ns; returns how much. */
static u32 link_run(u64 now_100ns)
{
	struct ic_link_packet request, answer;
	u32 count = 0;

	while (vsp_sends(now_100ns, &request)) {
		vsc_answers(&request, &answer);
		vsp_takes(&answer, now_100ns);
		count++;
	}
	return count;
}

static void link_up(u32 host_version, u32 guest_version)
{
	assert_int_equal(heartbeat_vsp_init(&vsp, host_version), VMBUS_OK);
	assert_int_equal(heartbeat_vsc_init(&vsc, guest_version), VMBUS_OK);
}

static bool event_is(u64 now_100ns, enum heartbeat_event_kind kind)
{
	struct heartbeat_event event;

	return heartbeat_vsp_next_event(&vsp, now_100ns, &event) &&
	       event.kind == kind;
}

static bool no_event(u64 now_100ns)
{
	struct heartbeat_event event;

	return !heartbeat_vsp_next_event(&vsp, now_100ns, &event);
}

static void test_all_versions(void **state)
{
	static const u32 versions[] = { HEARTBEAT_VERSION_1_0,
					HEARTBEAT_VERSION_3_0 };
	u32 h, g;

	(void)state;
	for (h = 0; h < 2; h++) {
		for (g = 0; g < 2; g++) {
			link_up(versions[h], versions[g]);
			heartbeat_vsc_set_application(
				&vsc, HEARTBEAT_APPLICATION_HEALTHY);
			assert_int_equal(heartbeat_vsp_status(&vsp, 0),
					 IC_STATUS_NO_CONTACT);
			/* The negotiation, and a heartbeat at once. */
			assert_int_equal(link_run(0), 2);
			assert_int_equal(vsp.ic.message_version,
					 versions[h && g]);
			assert_int_equal(heartbeat_vsp_status(&vsp, 0),
					 IC_STATUS_OK);
			assert_int_equal(heartbeat_vsp_detail(&vsp, 0),
					 h && g ? IC_DETAIL_APPLICATION_HEALTHY
						: IC_DETAIL_PROTOCOL_MISMATCH);
			assert_int_equal(vsc.answer_count, 1);
		}
	}
	assert_int_equal(heartbeat_vsp_init(&vsp, IC_VERSION(2, 0)),
			 VMBUS_BAD_ARGUMENT);
}

static void test_every_two_seconds(void **state)
{
	struct ic_link_packet request, answer;
	u64 sequence;

	(void)state;
	link_up(0, 0);
	assert_int_equal(heartbeat_vsp_deadline_100ns(&vsp), 0);
	assert_int_equal(link_run(5 * SECOND), 2);
	assert_int_equal(heartbeat_vsp_deadline_100ns(&vsp), 7 * SECOND);
	assert_false(vsp_sends(7 * SECOND - 1, &request));
	assert_true(vsp_sends(7 * SECOND, &request));
	assert_int_equal(ic_link_header(&request).message_type,
			 IC_MESSAGE_HEARTBEAT);
	assert_int_equal(ic_link_header(&request).message_version,
			 HEARTBEAT_VERSION_3_0);
	assert_int_equal(ic_link_header(&request).flags,
			 IC_FLAG_TRANSACTION | IC_FLAG_REQUEST);
	assert_int_equal(ic_link_header(&request).body_bytes, 40);
	vsc_answers(&request, &answer);
	memcpy(&sequence, request.bytes + IC_BODY_OFFSET, sizeof(sequence));
	sequence++;
	assert_memory_equal(answer.bytes + IC_BODY_OFFSET, &sequence,
			    sizeof(sequence));
	/* Nothing else differs: a guest gives back what it got. */
	assert_memory_equal(answer.bytes + IC_BODY_OFFSET + 8,
			    request.bytes + IC_BODY_OFFSET + 8, 32);
}

static void test_no_contact_before_first_answer(void **state)
{
	struct ic_link_packet request, answer;

	(void)state;
	link_up(0, 0);
	assert_true(vsp_sends(0, &request));
	assert_int_equal(heartbeat_vsp_deadline_100ns(&vsp), IC_NEVER);
	assert_false(vsp_sends(100 * SECOND, &answer));
	vsc_answers(&request, &answer);
	vsp_takes(&answer, 100 * SECOND);
	assert_int_equal(heartbeat_vsp_status(&vsp, 100 * SECOND),
			 IC_STATUS_NO_CONTACT);
	/* Negotiated but silent is no contact either, and no event. */
	assert_true(vsp_sends(100 * SECOND, &request));
	assert_int_equal(heartbeat_vsp_status(&vsp, 200 * SECOND),
			 IC_STATUS_NO_CONTACT);
	assert_true(no_event(200 * SECOND));
	vsc_answers(&request, &answer);
	vsp_takes(&answer, 200 * SECOND);
	assert_true(event_is(200 * SECOND, HEARTBEAT_EVENT_FIRST));
	assert_true(no_event(200 * SECOND));
}

/* A guest that stops right after an answer is known within six seconds. */
static void test_lost_and_regained(void **state)
{
	struct ic_link_packet requests[4], answer;
	u64 now = 0;
	u32 i, sent = 0;

	(void)state;
	link_up(0, 0);
	link_run(now);
	assert_true(event_is(now, HEARTBEAT_EVENT_FIRST));
	/* Step by the engine's own deadlines, as its caller does. */
	while (heartbeat_vsp_status(&vsp, now) == IC_STATUS_OK) {
		now = heartbeat_vsp_deadline_100ns(&vsp);
		assert_in_range(now, 1, 6 * SECOND);
		if (vsp_sends(now, &requests[sent]))
			sent++;
	}
	assert_int_equal(heartbeat_vsp_status(&vsp, now),
			 IC_STATUS_LOST_COMMUNICATION);
	assert_int_equal(heartbeat_vsp_detail(&vsp, now), IC_DETAIL_NONE);
	assert_int_equal(now, 6 * SECOND);
	assert_true(event_is(now, HEARTBEAT_EVENT_LOST));
	assert_true(no_event(now));
	/* From now on the ring fills slowly. */
	assert_int_equal(heartbeat_vsp_deadline_100ns(&vsp), 36 * SECOND);
	assert_false(vsp_sends(36 * SECOND - 1, &requests[sent]));
	/* It wakes up and answers what it finds, oldest first. */
	now = 20 * SECOND;
	assert_int_equal(sent, 3);
	for (i = 0; i < sent; i++) {
		vsc_answers(&requests[i], &answer);
		vsp_takes(&answer, now);
		assert_int_equal(heartbeat_vsp_status(&vsp, now), IC_STATUS_OK);
	}
	assert_true(event_is(now, HEARTBEAT_EVENT_REGAINED));
	assert_true(no_event(now));
	/* And is asked at the full rate again. */
	assert_int_equal(heartbeat_vsp_deadline_100ns(&vsp), 22 * SECOND);
}

/* One answer for many requests leaves the others to be missed anew. */
static void test_falls_behind(void **state)
{
	struct ic_link_packet first, second, answer;

	(void)state;
	link_up(0, 0);
	link_run(0);
	assert_true(event_is(0, HEARTBEAT_EVENT_FIRST));
	assert_true(vsp_sends(2 * SECOND, &first));
	assert_true(vsp_sends(4 * SECOND, &second));
	vsc_answers(&first, &answer);
	vsp_takes(&answer, 5 * SECOND);
	assert_int_equal(heartbeat_vsp_status(&vsp, 9 * SECOND - 1),
			 IC_STATUS_OK);
	assert_int_equal(heartbeat_vsp_status(&vsp, 9 * SECOND),
			 IC_STATUS_LOST_COMMUNICATION);
}

/* Without space in the ring, what is due stays due. */
static void test_no_space(void **state)
{
	struct ic_link_packet packet;

	(void)state;
	link_up(0, 0);
	assert_int_equal(heartbeat_vsp_transmit(&vsp, 0, packet.bytes, 0,
						&packet.transaction_id),
			 0);
	assert_int_equal(heartbeat_vsp_deadline_100ns(&vsp), 0);
	assert_int_equal(link_run(0), 2);
	assert_int_equal(heartbeat_vsp_transmit(&vsp, 3 * SECOND, packet.bytes,
						0, &packet.transaction_id),
			 0);
	assert_int_equal(heartbeat_vsp_deadline_100ns(&vsp), 2 * SECOND);
	assert_int_equal(link_run(3 * SECOND), 1);
}

static void test_application_states(void **state)
{
	static const struct {
		enum heartbeat_application application;
		enum ic_detail detail;
	} steps[] = {
		{ HEARTBEAT_APPLICATION_HEALTHY,
		  IC_DETAIL_APPLICATION_HEALTHY },
		{ HEARTBEAT_APPLICATION_CRITICAL,
		  IC_DETAIL_APPLICATION_CRITICAL },
		{ HEARTBEAT_APPLICATION_STOPPED,
		  IC_DETAIL_APPLICATION_STOPPED },
		{ HEARTBEAT_APPLICATION_UNKNOWN, IC_DETAIL_OK },
	};
	struct heartbeat_event event;
	u64 now = 0;
	size_t i;

	(void)state;
	link_up(0, 0);
	link_run(now);
	assert_int_equal(heartbeat_vsp_detail(&vsp, now), IC_DETAIL_OK);
	assert_true(event_is(now, HEARTBEAT_EVENT_FIRST));
	for (i = 0; i < PORT_ARRAY_SIZE(steps); i++) {
		heartbeat_vsc_set_application(&vsc, steps[i].application);
		now += 2 * SECOND;
		assert_int_equal(link_run(now), 1);
		assert_true(heartbeat_vsp_next_event(&vsp, now, &event));
		assert_int_equal(event.kind, HEARTBEAT_EVENT_APPLICATION);
		assert_int_equal(event.application, steps[i].application);
		assert_true(no_event(now));
		assert_int_equal(heartbeat_vsp_detail(&vsp, now),
				 steps[i].detail);
	}
}

/* The channel is opened anew: nothing of before counts. */
static void test_reopened(void **state)
{
	(void)state;
	link_up(0, 0);
	link_run(0);
	assert_int_equal(heartbeat_vsp_init(&vsp, 0), VMBUS_OK);
	assert_int_equal(heartbeat_vsp_status(&vsp, 0), IC_STATUS_NO_CONTACT);
	assert_int_equal(link_run(0), 2);
	assert_int_equal(heartbeat_vsp_status(&vsp, 0), IC_STATUS_OK);
}

/* ---- one end against a liar ---- */

static struct ic_link_packet pending; /* what the host sent last */

static void prepare_vsp(void)
{
	link_up(0, 0);
	assert_true(vsp_sends(0, &pending));
	assert_int_equal(heartbeat_vsc_init(&vsc, 0), VMBUS_OK);
	vsc_answers(&pending, &pending);
	vsp_takes(&pending, 0);
	assert_true(vsp_sends(0, &pending));
}

static enum vmbus_status vsp_receive(const void *data, u32 size_bytes, u64 id)
{
	return heartbeat_vsp_receive(&vsp, data, size_bytes, id, 0);
}

static void prepare_vsc(void)
{
	link_up(0, 0);
	link_run(0);
}

static enum vmbus_status vsc_receive(const void *data, u32 size_bytes, u64 id)
{
	u32 response_bytes;
	u8 *response = malloc(size_bytes ? size_bytes : 1);
	enum vmbus_status status;

	(void)id;
	assert_non_null(response);
	status = heartbeat_vsc_receive(&vsc, data, size_bytes, response,
				       size_bytes, &response_bytes);
	if (status)
		assert_int_equal(response_bytes, 0);
	free(response);
	return status;
}

static const struct ic_link_end vsp_end = { prepare_vsp, vsp_receive };
static const struct ic_link_end vsc_end = { prepare_vsc, vsc_receive };

static void make_answer(struct ic_link_packet *answer, u64 sequence)
{
	ic_link_make(answer, IC_MESSAGE_HEARTBEAT,
		     IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE, 40,
		     pending.transaction_id);
	memcpy(answer->bytes + IC_BODY_OFFSET, &sequence, sizeof(sequence));
}

static void test_sizes(void **state)
{
	struct ic_link_packet packet;

	(void)state;
	prepare_vsp();
	make_answer(&packet, pending.transaction_id + 1);
	ic_link_check_sizes(&vsp_end, &packet, 8);
	prepare_vsp();
	ic_link_check_sizes(&vsc_end, &pending, 8);
}

static void test_wrong_sequence(void **state)
{
	static const u64 offsets[] = { 0, 2, ~0ull, 1ull << 63 };
	struct ic_link_packet answer;
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(offsets); i++) {
		prepare_vsp();
		make_answer(&answer, pending.transaction_id + offsets[i]);
		assert_int_equal(ic_link_hand(&vsp_end, &answer),
				 VMBUS_E_HEARTBEAT_SEQUENCE);
		assert_int_equal(heartbeat_vsp_status(&vsp, 0),
				 IC_STATUS_ERROR);
		assert_false(vsp_sends(100 * SECOND, &answer));
		assert_int_equal(heartbeat_vsp_deadline_100ns(&vsp), IC_NEVER);
	}
}

/* A small body keeps what is there, for the state is not in it. */
static void test_short_body_has_no_application(void **state)
{
	struct ic_link_packet request;
	u32 body_bytes;

	(void)state;
	for (body_bytes = 8; body_bytes <= 40; body_bytes++) {
		prepare_vsc();
		heartbeat_vsc_set_application(&vsc,
					      HEARTBEAT_APPLICATION_HEALTHY);
		ic_link_make(&request, IC_MESSAGE_HEARTBEAT, IC_FLAG_REQUEST,
			     body_bytes, 9);
		assert_int_equal(ic_link_hand(&vsc_end, &request), VMBUS_OK);
	}
}

/* Version 1.0 knows no states: what lies there means nothing. */
static void test_old_version_has_no_application(void **state)
{
	static const u32 critical = HEARTBEAT_APPLICATION_CRITICAL;
	struct ic_link_packet answer;

	(void)state;
	link_up(0, HEARTBEAT_VERSION_1_0);
	assert_int_equal(link_run(0), 2);
	assert_true(event_is(0, HEARTBEAT_EVENT_FIRST));
	assert_true(vsp_sends(2 * SECOND, &pending));
	make_answer(&answer, pending.transaction_id + 1);
	memcpy(answer.bytes + IC_BODY_OFFSET + 8, &critical, sizeof(critical));
	assert_int_equal(ic_link_hand(&vsp_end, &answer), VMBUS_OK);
	assert_true(no_event(2 * SECOND));
	assert_int_equal(vsp.application, HEARTBEAT_APPLICATION_UNKNOWN);
}

static void test_refused_version(void **state)
{
	struct ic_link_packet request, answer;

	(void)state;
	link_up(0, 0);
	assert_true(vsp_sends(0, &request));
	ic_link_make(&answer, IC_MESSAGE_NEGOTIATE, IC_FLAG_RESPONSE, 16,
		     request.transaction_id);
	vsp_takes(&answer, 0);
	assert_int_equal(heartbeat_vsp_status(&vsp, 0),
			 IC_STATUS_PROTOCOL_MISMATCH);
	assert_false(vsp_sends(100 * SECOND, &request));
	assert_int_equal(heartbeat_vsp_deadline_100ns(&vsp), IC_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_versions),
		cmocka_unit_test(test_every_two_seconds),
		cmocka_unit_test(test_no_contact_before_first_answer),
		cmocka_unit_test(test_lost_and_regained),
		cmocka_unit_test(test_falls_behind),
		cmocka_unit_test(test_no_space),
		cmocka_unit_test(test_application_states),
		cmocka_unit_test(test_reopened),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_wrong_sequence),
		cmocka_unit_test(test_short_body_has_no_application),
		cmocka_unit_test(test_old_version_has_no_application),
		cmocka_unit_test(test_refused_version),
	};

	return cmocka_run_group_tests_name("services/heartbeat", tests, NULL,
					   NULL);
}
