// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The backup service: every way through its states, and every way out. */
#include "tests/unit/services/ic_link.h"

#include "services/vss/vsc.h"
#include "services/vss/vsp.h"

#define SECOND IC_SECOND_100NS

static struct vss_vsp vsp;
static struct vss_vsc vsc;
static u64 now_100ns;
static u32 forced_status; /* of the guest's answers, unless 0 */
static u8 operation;	  /* of the newest request */
static u32 thaw_count;
static bool guest_frozen;
static struct ic_link_packet request, answer, late;

static bool host_sends(struct ic_link_packet *packet)
{
	packet->size_bytes =
		vss_vsp_transmit(&vsp, now_100ns, packet->bytes,
				 VSS_VSP_PACKET_MAX, &packet->transaction_id);
	return packet->size_bytes != 0;
}

static void guest_acts(u8 asked, u32 status)
{
	if (asked == VSS_OPERATION_THAW)
		thaw_count++;
	if (!status && asked == VSS_OPERATION_FREEZE)
		guest_frozen = true;
	if (!status && asked == VSS_OPERATION_THAW)
		guest_frozen = false;
}

static void guest_answers(const struct ic_link_packet *packet)
{
	bool requested;

	answer.transaction_id = packet->transaction_id;
	assert_int_equal(
		vss_vsc_receive(&vsc, packet->bytes, packet->size_bytes,
				packet->transaction_id, answer.bytes,
				sizeof(answer.bytes), &answer.size_bytes,
				&operation, &requested),
		VMBUS_OK);
	if (!requested)
		return;
	guest_acts(operation, forced_status);
	answer.size_bytes =
		vss_vsc_respond(&vsc, forced_status, now_100ns, answer.bytes,
				sizeof(answer.bytes), &answer.transaction_id);
	assert_int_equal(answer.size_bytes, packet->size_bytes);
}

static void host_takes(void)
{
	assert_int_equal(vss_vsp_receive(&vsp, answer.bytes, answer.size_bytes,
					 answer.transaction_id, now_100ns),
			 VMBUS_OK);
}

static void run(void)
{
	while (host_sends(&request)) {
		guest_answers(&request);
		host_takes();
	}
}

static void start(const struct vss_vsp_options *options)
{
	now_100ns = 0;
	forced_status = 0;
	thaw_count = 0;
	guest_frozen = false;
	assert_int_equal(vss_vsp_init(&vsp, options), VMBUS_OK);
	assert_int_equal(vss_vsc_init(&vsc, 0), VMBUS_OK);
}

static void open_quietly(const struct vss_vsp_options *options)
{
	struct vss_event event;

	start(options);
	run();
	assert_int_equal(vss_vsp_status(&vsp, now_100ns), IC_STATUS_OK);
	assert_false(vss_vsp_next_event(&vsp, &event));
}

static void next_is(enum vss_event_kind kind, enum vss_status status)
{
	struct vss_event event;

	assert_true(vss_vsp_next_event(&vsp, &event));
	assert_int_equal(event.kind, kind);
	assert_int_equal(event.status, status);
}

static void nothing_more(void)
{
	struct vss_event event;

	assert_false(host_sends(&late));
	assert_false(vss_vsp_next_event(&vsp, &event));
}

static void open_frozen(void)
{
	open_quietly(NULL);
	assert_int_equal(vss_vsp_freeze(&vsp, 0, now_100ns), VSS_OK);
	assert_int_equal(vss_vsp_state(&vsp), VSS_FREEZING);
	run();
	next_is(VSS_EVENT_FROZEN, VSS_OK);
	assert_int_equal(vss_vsp_state(&vsp), VSS_FROZEN);
	assert_true(guest_frozen);
}

static void check_freeze_thaw(void **state)
{
	struct vss_event event;

	(void)state;
	open_quietly(NULL);
	assert_int_equal(vss_vsp_check(&vsp, 0), VSS_OK);
	assert_int_equal(vss_vsp_check(&vsp, 0), VSS_BUSY);
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_BUSY);
	run();
	assert_true(vss_vsp_next_event(&vsp, &event));
	assert_int_equal(event.kind, VSS_EVENT_CHECKED);
	assert_int_equal(event.status, VSS_OK);
	assert_int_equal(event.flags, VSS_FLAGS_NO_AUTO_RECOVERY);
	assert_int_equal(vss_vsp_thaw(&vsp, 0), VSS_NOT_FROZEN);

	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_OK);
	run();
	next_is(VSS_EVENT_FROZEN, VSS_OK);
	assert_true(guest_frozen);
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_BUSY);
	assert_int_equal(vss_vsp_thaw(&vsp, 0), VSS_OK);
	assert_int_equal(vss_vsp_thaw(&vsp, 0), VSS_OK);
	run();
	next_is(VSS_EVENT_THAWED, VSS_OK);
	assert_false(guest_frozen);
	assert_int_equal(vss_vsp_state(&vsp), VSS_IDLE);
	nothing_more();
}

static void requests_wait_for_negotiation(void **state)
{
	(void)state;
	start(NULL);
	assert_int_equal(vss_vsp_check(&vsp, 0), VSS_NOT_READY);
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_NOT_READY);
	assert_int_equal(vss_vsp_thaw(&vsp, 0), VSS_NOT_FROZEN);
	assert_int_equal(vss_vsp_probe(&vsp, 0), VSS_NOT_READY);
	assert_int_equal(vss_vsp_status(&vsp, 0), IC_STATUS_NO_CONTACT);
}

static void guest_without_daemon_is_no_contact(void **state)
{
	(void)state;
	start(NULL);
	forced_status = IC_E_FAIL;
	run();
	assert_int_equal(vss_vsp_status(&vsp, 0), IC_STATUS_NO_CONTACT);
	assert_int_equal(vss_vsp_check(&vsp, 0), VSS_OK);
	run();
	next_is(VSS_EVENT_CHECKED, VSS_NO_DAEMON);
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_OK);
	run();
	next_is(VSS_EVENT_FROZEN, VSS_NO_DAEMON);
	assert_int_equal(vss_vsp_state(&vsp), VSS_IDLE);
	assert_int_equal(vss_vsp_status(&vsp, 0), IC_STATUS_NO_CONTACT);
	nothing_more();
	forced_status = 0;
	assert_int_equal(vss_vsp_probe(&vsp, 0), VSS_OK);
	run();
	assert_int_equal(vss_vsp_status(&vsp, 0), IC_STATUS_OK);
	nothing_more();
}

static void failed_freeze_ends_thawed(void **state)
{
	(void)state;
	open_quietly(NULL);
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_OK);
	assert_true(host_sends(&request));
	forced_status = IC_E_FAIL;
	guest_answers(&request);
	host_takes();
	assert_int_equal(vss_vsp_state(&vsp), VSS_THAWING);
	assert_int_equal(vss_vsp_thaw(&vsp, 0), VSS_NOT_FROZEN);
	forced_status = 0;
	run();
	/* The daemon thaws, so that it is there: the freeze itself failed. */
	next_is(VSS_EVENT_FROZEN, VSS_GUEST_ERROR);
	assert_int_equal(thaw_count, 1);
	assert_int_equal(vss_vsp_state(&vsp), VSS_IDLE);
	nothing_more();
}

static void failed_freeze_ends_even_if_the_thaw_is_not_answered(void **state)
{
	(void)state;
	open_quietly(NULL);
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_OK);
	assert_true(host_sends(&request));
	forced_status = IC_E_ACCESS_DENIED;
	guest_answers(&request);
	host_takes();
	assert_true(host_sends(&request));
	now_100ns = 35 * SECOND;
	assert_false(host_sends(&request));
	next_is(VSS_EVENT_FROZEN, VSS_NO_ANSWER);
	assert_int_equal(vss_vsp_state(&vsp), VSS_IDLE);
}

static void held_too_long_is_thawed(void **state)
{
	(void)state;
	open_frozen();
	assert_true(vss_vsp_deadline_100ns(&vsp) == 60 * SECOND);
	now_100ns = 60 * SECOND - 1;
	nothing_more();
	now_100ns = 60 * SECOND;
	run();
	next_is(VSS_EVENT_THAWED, VSS_HELD_TOO_LONG);
	assert_false(guest_frozen);

	open_quietly(NULL);
	now_100ns = 7;
	assert_int_equal(vss_vsp_freeze(&vsp, 3 * SECOND, now_100ns), VSS_OK);
	run();
	next_is(VSS_EVENT_FROZEN, VSS_OK);
	assert_true(vss_vsp_deadline_100ns(&vsp) == 3 * SECOND + 7);
}

static void unanswered_freeze_is_thawed_at_once(void **state)
{
	(void)state;
	open_quietly(NULL);
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_OK);
	assert_true(host_sends(&late));
	now_100ns = 60 * SECOND;
	/* The thaw is in the ring before the guest answers the freeze. */
	assert_true(host_sends(&request));
	next_is(VSS_EVENT_FROZEN, VSS_NO_ANSWER);
	assert_int_equal(vss_vsp_status(&vsp, now_100ns),
			 IC_STATUS_LOST_COMMUNICATION);
	guest_answers(&late);
	host_takes();
	assert_true(guest_frozen);
	assert_int_equal(vss_vsp_state(&vsp), VSS_THAWING);
	guest_answers(&request);
	host_takes();
	next_is(VSS_EVENT_THAWED, VSS_NO_ANSWER);
	assert_false(guest_frozen);
	assert_int_equal(vss_vsp_status(&vsp, now_100ns), IC_STATUS_OK);
	nothing_more();
}

static void thaw_cuts_a_freeze_short(void **state)
{
	(void)state;
	open_quietly(NULL);
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_OK);
	assert_true(host_sends(&late));
	assert_int_equal(vss_vsp_thaw(&vsp, 0), VSS_OK);
	next_is(VSS_EVENT_FROZEN, VSS_CUT_SHORT);
	assert_true(host_sends(&request));
	guest_answers(&late);
	host_takes();
	guest_answers(&request);
	host_takes();
	next_is(VSS_EVENT_THAWED, VSS_CUT_SHORT);
	assert_false(guest_frozen);
	assert_int_equal(vss_vsp_state(&vsp), VSS_IDLE);
	nothing_more();
}

static void thaw_is_tried_until_it_succeeds(void **state)
{
	u32 i;

	(void)state;
	open_frozen();
	forced_status = IC_E_FAIL;
	assert_int_equal(vss_vsp_thaw(&vsp, 0), VSS_OK);
	run();
	next_is(VSS_EVENT_THAW_FAILED, VSS_NO_DAEMON);
	assert_int_equal(vss_vsp_status(&vsp, 0), IC_STATUS_NO_CONTACT);
	for (i = 1; i < 20; i++) {
		assert_int_equal(thaw_count, i);
		assert_true(vss_vsp_deadline_100ns(&vsp) ==
			    now_100ns + 5 * SECOND);
		now_100ns += 5 * SECOND - 1;
		nothing_more();
		now_100ns++;
		run();
		nothing_more();
	}
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_BUSY);
	forced_status = 0;
	now_100ns += 5 * SECOND;
	run();
	next_is(VSS_EVENT_THAWED, VSS_OK);
	assert_false(guest_frozen);
	assert_int_equal(vss_vsp_status(&vsp, 0), IC_STATUS_OK);
}

static void unanswered_thaws_do_not_pile_up(void **state)
{
	u32 i;

	(void)state;
	open_frozen();
	assert_int_equal(vss_vsp_thaw(&vsp, 0), VSS_OK);
	assert_true(host_sends(&request));
	now_100ns = 35 * SECOND;
	assert_false(host_sends(&late));
	next_is(VSS_EVENT_THAW_FAILED, VSS_NO_ANSWER);
	for (i = 0; i < 100; i++) {
		now_100ns += 5 * SECOND;
		nothing_more();
	}
	/* Late, and as good as in time. */
	guest_answers(&request);
	host_takes();
	next_is(VSS_EVENT_THAWED, VSS_OK);
	assert_int_equal(vss_vsp_state(&vsp), VSS_IDLE);
	assert_false(guest_frozen);
	/* The attempt that was waiting is not sent any more. */
	nothing_more();
}

static void late_failure_of_a_thaw_is_tried_again(void **state)
{
	(void)state;
	open_frozen();
	assert_int_equal(vss_vsp_thaw(&vsp, 0), VSS_OK);
	assert_true(host_sends(&request));
	now_100ns = 35 * SECOND;
	assert_false(host_sends(&late));
	next_is(VSS_EVENT_THAW_FAILED, VSS_NO_ANSWER);
	now_100ns = 41 * SECOND;
	nothing_more();
	forced_status = IC_E_FAIL;
	guest_answers(&request);
	host_takes();
	forced_status = 0;
	run();
	next_is(VSS_EVENT_THAWED, VSS_OK);
}

static void second_backup_after_a_bad_first_one(void **state)
{
	(void)state;
	thaw_is_tried_until_it_succeeds(state);
	assert_int_equal(vss_vsp_freeze(&vsp, 0, now_100ns), VSS_OK);
	assert_true(host_sends(&late));
	now_100ns += 60 * SECOND;
	assert_true(host_sends(&request));
	next_is(VSS_EVENT_FROZEN, VSS_NO_ANSWER);
	guest_answers(&late);
	host_takes();
	guest_answers(&request);
	host_takes();
	next_is(VSS_EVENT_THAWED, VSS_NO_ANSWER);
}

static void silent_check_ends(void **state)
{
	struct vss_vsp_options options = { .timeout_100ns = SECOND };

	(void)state;
	open_quietly(&options);
	assert_int_equal(vss_vsp_check(&vsp, 0), VSS_OK);
	assert_true(host_sends(&request));
	now_100ns = SECOND;
	assert_false(host_sends(&late));
	next_is(VSS_EVENT_CHECKED, VSS_NO_ANSWER);
	assert_int_equal(vss_vsp_status(&vsp, 0), IC_STATUS_LOST_COMMUNICATION);
	guest_answers(&request);
	host_takes();
	assert_int_equal(vss_vsp_status(&vsp, 0), IC_STATUS_OK);
	nothing_more();
	assert_int_equal(vss_vsp_check(&vsp, now_100ns), VSS_OK);
	assert_true(host_sends(&request));
	now_100ns += SECOND;
	assert_false(host_sends(&late));
	next_is(VSS_EVENT_CHECKED, VSS_NO_ANSWER);
	forced_status = IC_E_FAIL;
	guest_answers(&request);
	host_takes();
	assert_int_equal(vss_vsp_status(&vsp, 0), IC_STATUS_NO_CONTACT);
}

/* Daemons' drivers answer requests; what asks for none would be lost. */
static void every_request_asks_for_an_answer(void **state)
{
	(void)state;
	open_quietly(NULL);
	assert_int_equal(vss_vsp_check(&vsp, 0), VSS_OK);
	assert_true(host_sends(&request));
	assert_int_equal(ic_link_header(&request).flags,
			 IC_FLAG_TRANSACTION | IC_FLAG_REQUEST);
}

/* Memory of an earlier use tells the engine nothing. */
static void init_forgets_everything(void **state)
{
	(void)state;
	memset(&vsp, 0xff, sizeof(vsp));
	memset(&vsc, 0xff, sizeof(vsc));
	check_freeze_thaw(state);
}

static void requests_go_before_a_probe(void **state)
{
	(void)state;
	open_quietly(NULL);
	assert_int_equal(vss_vsp_probe(&vsp, 0), VSS_OK);
	assert_true(host_sends(&late));
	/* The check takes over the probe's message. */
	assert_int_equal(vss_vsp_check(&vsp, 0), VSS_OK);
	guest_answers(&late);
	host_takes();
	next_is(VSS_EVENT_CHECKED, VSS_OK);

	assert_int_equal(vss_vsp_probe(&vsp, 0), VSS_OK);
	assert_true(host_sends(&late));
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_OK);
	assert_false(host_sends(&request));
	guest_answers(&late);
	host_takes();
	run();
	next_is(VSS_EVENT_FROZEN, VSS_OK);
}

static void closing_ends_what_is_under_way(void **state)
{
	(void)state;
	open_quietly(NULL);
	vss_vsp_closed(&vsp);
	nothing_more();
	open_quietly(NULL);
	assert_int_equal(vss_vsp_check(&vsp, 0), VSS_OK);
	vss_vsp_closed(&vsp);
	next_is(VSS_EVENT_CHECKED, VSS_CLOSED);
	open_quietly(NULL);
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_OK);
	vss_vsp_closed(&vsp);
	next_is(VSS_EVENT_FROZEN, VSS_CLOSED);
	nothing_more();
	open_frozen();
	vss_vsp_closed(&vsp);
	next_is(VSS_EVENT_THAWED, VSS_CLOSED);
	assert_int_equal(vss_vsp_state(&vsp), VSS_IDLE);
	assert_int_equal(vss_vsp_status(&vsp, 0), IC_STATUS_NO_CONTACT);
	nothing_more();
	open_quietly(NULL);
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_OK);
	assert_true(host_sends(&request));
	forced_status = IC_E_FAIL;
	guest_answers(&request);
	host_takes();
	vss_vsp_closed(&vsp);
	next_is(VSS_EVENT_FROZEN, VSS_CLOSED);
	vss_vsp_closed(&vsp);
	nothing_more();
}

/* A guest that answers nothing is never left with more than one thaw. */
static void events_that_are_not_taken_stop_the_engine(void **state)
{
	(void)state;
	open_quietly(NULL);
	assert_int_equal(vss_vsp_check(&vsp, 0), VSS_OK);
	run();
	assert_int_equal(vss_vsp_freeze(&vsp, 0, 0), VSS_OK);
	run();
	/* Two events wait. */
	now_100ns = 100 * SECOND;
	assert_false(host_sends(&request));
	assert_int_equal(vss_vsp_receive(&vsp, answer.bytes, answer.size_bytes,
					 answer.transaction_id, now_100ns),
			 VMBUS_AGAIN);
	next_is(VSS_EVENT_CHECKED, VSS_OK);
	run();
	next_is(VSS_EVENT_FROZEN, VSS_OK);
	next_is(VSS_EVENT_THAWED, VSS_HELD_TOO_LONG);
}

static void every_status_has_its_sentence(void **state)
{
	u32 i, k;

	(void)state;
	for (i = 0; i < VSS_STATUS_COUNT; i++) {
		const char *text = vss_status_text((enum vss_status)i);

		assert_string_not_equal(text, "unknown status");
		for (k = 0; k < i; k++)
			assert_string_not_equal(
				text, vss_status_text((enum vss_status)k));
	}
	assert_string_equal(vss_status_text(VSS_STATUS_COUNT),
			    "unknown status");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_freeze_thaw),
		cmocka_unit_test(requests_wait_for_negotiation),
		cmocka_unit_test(guest_without_daemon_is_no_contact),
		cmocka_unit_test(failed_freeze_ends_thawed),
		cmocka_unit_test(
			failed_freeze_ends_even_if_the_thaw_is_not_answered),
		cmocka_unit_test(held_too_long_is_thawed),
		cmocka_unit_test(unanswered_freeze_is_thawed_at_once),
		cmocka_unit_test(thaw_cuts_a_freeze_short),
		cmocka_unit_test(thaw_is_tried_until_it_succeeds),
		cmocka_unit_test(unanswered_thaws_do_not_pile_up),
		cmocka_unit_test(late_failure_of_a_thaw_is_tried_again),
		cmocka_unit_test(second_backup_after_a_bad_first_one),
		cmocka_unit_test(silent_check_ends),
		cmocka_unit_test(every_request_asks_for_an_answer),
		cmocka_unit_test(init_forgets_everything),
		cmocka_unit_test(requests_go_before_a_probe),
		cmocka_unit_test(closing_ends_what_is_under_way),
		cmocka_unit_test(events_that_are_not_taken_stop_the_engine),
		cmocka_unit_test(every_status_has_its_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
