// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Key-value exchange: deadlines, late answers, statuses, closing. */
#include "tests/unit/services/kvp_link.h"

#define SECOND IC_SECOND_100NS

static struct kvp_vsp *const vsp = &kvp_link.vsp;
static struct ic_link_packet request, answer, late;

static void check_status(enum ic_status status)
{
	assert_string_equal(
		ic_status_text(kvp_vsp_status(vsp, kvp_link.now_100ns)),
		ic_status_text(status));
}

static void check_done(enum kvp_status status)
{
	assert_int_equal(kvp_link.done_count, 1);
	assert_int_equal(kvp_link.done.status, status);
	kvp_link.done_count = 0;
}

static void nothing_is_sent(void)
{
	assert_false(kvp_link_host_sends(&request));
}

static void requests_wait_for_negotiation(void **state)
{
	struct kvp_item item = kvp_link_item("k", "v");
	struct kvp_ip_info info = { .adapter_id = "{x}" };

	(void)state;
	kvp_link_start(NULL, 0);
	check_status(IC_STATUS_NO_CONTACT);
	assert_int_equal(kvp_vsp_get(vsp, 0, "k", 0), KVP_NOT_READY);
	assert_int_equal(kvp_vsp_find(vsp, 0, "k", 0), KVP_NOT_READY);
	assert_int_equal(kvp_vsp_set(vsp, 0, &item, 0), KVP_NOT_READY);
	assert_int_equal(kvp_vsp_delete(vsp, 0, "k", 0), KVP_NOT_READY);
	assert_int_equal(kvp_vsp_enumerate(vsp, 0, 0), KVP_NOT_READY);
	assert_int_equal(kvp_vsp_get_ip(vsp, "m", 0), KVP_NOT_READY);
	assert_int_equal(kvp_vsp_set_ip(vsp, &info, 0), KVP_NOT_READY);
	assert_int_equal(kvp_vsp_probe(vsp, 0), KVP_NOT_READY);
	assert_true(kvp_link_host_sends(&request));
	nothing_is_sent();
	assert_true(kvp_vsp_deadline_100ns(vsp) == IC_NEVER);
	check_status(IC_STATUS_NO_CONTACT);
}

static void one_request_at_a_time(void **state)
{
	struct kvp_item item = kvp_link_item("k", "v");
	struct kvp_ip_info info = { .adapter_id = "{x}" };

	(void)state;
	kvp_link_open(NULL, 0);
	assert_int_equal(kvp_vsp_get(vsp, 0, "k", 0), KVP_OK);
	assert_int_equal(kvp_vsp_get(vsp, 0, "k", 0), KVP_BUSY);
	assert_int_equal(kvp_vsp_find(vsp, 0, "k", 0), KVP_BUSY);
	assert_int_equal(kvp_vsp_set(vsp, 0, &item, 0), KVP_BUSY);
	assert_int_equal(kvp_vsp_delete(vsp, 0, "k", 0), KVP_BUSY);
	assert_int_equal(kvp_vsp_enumerate(vsp, 0, 0), KVP_BUSY);
	assert_int_equal(kvp_vsp_get_ip(vsp, "m", 0), KVP_BUSY);
	assert_int_equal(kvp_vsp_set_ip(vsp, &info, 0), KVP_BUSY);
	assert_int_equal(kvp_vsp_probe(vsp, 0), KVP_OK);
	assert_true(kvp_link_host_sends(&request));
	assert_int_equal(kvp_vsp_set(vsp, 0, &item, 0), KVP_BUSY);
	nothing_is_sent();
}

static void silent_guest_ends_a_request(void **state)
{
	(void)state;
	kvp_link_open(NULL, 0);
	kvp_link.now_100ns = 5 * SECOND;
	assert_int_equal(kvp_vsp_get(vsp, 0, "k", kvp_link.now_100ns), KVP_OK);
	assert_true(kvp_vsp_deadline_100ns(vsp) == 15 * SECOND);
	assert_true(kvp_link_host_sends(&request));
	kvp_link.now_100ns = 15 * SECOND - 1;
	nothing_is_sent();
	assert_int_equal(kvp_link.done_count, 0);
	check_status(IC_STATUS_OK);
	kvp_link.now_100ns = 15 * SECOND;
	nothing_is_sent();
	check_done(KVP_NO_ANSWER);
	check_status(IC_STATUS_LOST_COMMUNICATION);
	assert_true(kvp_vsp_deadline_100ns(vsp) == IC_NEVER);
}

static void ip_information_has_its_own_deadline(void **state)
{
	struct kvp_vsp_options options = { .timeout_100ns = 1,
					   .ip_timeout_100ns = 7 };

	(void)state;
	kvp_link_open(&options, 0);
	assert_int_equal(kvp_vsp_get_ip(vsp, "m", 100), KVP_OK);
	assert_true(kvp_vsp_deadline_100ns(vsp) == 107);
	kvp_link_run();
	check_done(KVP_OK);
	assert_int_equal(kvp_vsp_probe(vsp, 0), KVP_OK);
	assert_true(kvp_link_host_sends(&request));
	assert_true(kvp_vsp_deadline_100ns(vsp) == kvp_link.now_100ns + 1);
}

/*
 * What was given up on may still be carried out once the guest wakes; what
 * was asked for behind it and given up on as well must never be.
 */
static void nothing_is_sent_behind_an_unanswered_request(void **state)
{
	struct kvp_item item = kvp_link_item("k", "v");

	(void)state;
	kvp_link_open(NULL, 0);
	assert_int_equal(kvp_vsp_get(vsp, 0, "k", 0), KVP_OK);
	assert_true(kvp_link_host_sends(&late));
	kvp_link.now_100ns = 10 * SECOND;
	nothing_is_sent();
	check_done(KVP_NO_ANSWER);

	assert_int_equal(kvp_vsp_set(vsp, 0, &item, kvp_link.now_100ns),
			 KVP_OK);
	nothing_is_sent();
	kvp_link.now_100ns = 20 * SECOND;
	nothing_is_sent();
	check_done(KVP_NO_ANSWER);

	item = kvp_link_item("k2", "v2");
	assert_int_equal(kvp_vsp_set(vsp, 0, &item, kvp_link.now_100ns),
			 KVP_OK);
	nothing_is_sent();
	assert_true(kvp_link_guest_answers(&late, &answer));
	assert_int_equal(kvp_link_host_takes(&answer), VMBUS_OK);
	assert_int_equal(kvp_link.done_count, 0);
	check_status(IC_STATUS_OK);
	kvp_link_run();
	check_done(KVP_OK);
	assert_int_equal(kvp_link.counts[0], 1);
	assert_string_equal(kvp_link_pools[0][0].key, "k2");
}

static void late_answer_is_not_the_next_requests(void **state)
{
	struct ic_link_packet second;

	(void)state;
	kvp_link_open(NULL, 0);
	kvp_link_put(0, "a", "first");
	kvp_link_put(0, "b", "second");
	assert_int_equal(kvp_vsp_get(vsp, 0, "a", 0), KVP_OK);
	assert_true(kvp_link_host_sends(&late));
	kvp_link.now_100ns = 10 * SECOND;
	nothing_is_sent();
	check_done(KVP_NO_ANSWER);
	assert_true(kvp_link_guest_answers(&late, &answer));
	assert_int_equal(kvp_link_host_takes(&answer), VMBUS_OK);
	assert_int_equal(kvp_vsp_get(vsp, 0, "b", kvp_link.now_100ns), KVP_OK);
	assert_true(kvp_link_host_sends(&second));
	/* Once more, as a stray. */
	assert_int_equal(kvp_link_host_takes(&answer), VMBUS_OK);
	assert_int_equal(kvp_link.done_count, 0);
	assert_true(kvp_link_guest_answers(&second, &answer));
	assert_int_equal(kvp_link_host_takes(&answer), VMBUS_OK);
	check_done(KVP_OK);
	assert_string_equal(kvp_link.done.item.text, "second");
}

static void enumeration_has_a_deadline_per_item(void **state)
{
	u32 i;

	(void)state;
	kvp_link_open(NULL, 0);
	for (i = 0; i < 4; i++)
		kvp_link_put(0, "k", "v");
	assert_int_equal(kvp_vsp_enumerate(vsp, 0, 0), KVP_OK);
	for (i = 0; i < 4; i++) {
		assert_true(kvp_link_host_sends(&request));
		kvp_link.now_100ns += 9 * SECOND;
		assert_true(kvp_link_guest_answers(&request, &answer));
		assert_int_equal(kvp_link_host_takes(&answer), VMBUS_OK);
	}
	assert_int_equal(kvp_link.item_count, 4);
	assert_true(kvp_link_host_sends(&request));
	kvp_link.now_100ns += 10 * SECOND;
	nothing_is_sent();
	check_done(KVP_NO_ANSWER);
	assert_int_equal(kvp_link.done.index, 4);
}

/* Linux with its driver but without its daemon, in both of its manners. */
static void guest_without_daemon_is_no_contact(void **state)
{
	(void)state;
	kvp_link_start(NULL, 0);
	kvp_link.forced_status = IC_E_FAIL;
	kvp_link_run();
	check_status(IC_STATUS_NO_CONTACT);
	kvp_link.forced_status = 0;
	assert_int_equal(kvp_vsp_probe(vsp, 0), KVP_OK);
	kvp_link_run();
	check_status(IC_STATUS_OK);
	kvp_link.forced_status = IC_E_NOT_CONNECTED;
	assert_int_equal(kvp_vsp_probe(vsp, 0), KVP_OK);
	kvp_link_run();
	check_status(IC_STATUS_NO_CONTACT);
	assert_int_equal(kvp_link.done_count, 0);

	kvp_link_start(NULL, 0);
	assert_true(kvp_link_host_sends(&request));
	assert_true(kvp_link_guest_answers(&request, &answer));
	assert_int_equal(kvp_link_host_takes(&answer), VMBUS_OK);
	assert_true(kvp_link_host_sends(&request));
	kvp_link.now_100ns = 10 * SECOND;
	nothing_is_sent();
	check_status(IC_STATUS_NO_CONTACT);
	assert_int_equal(kvp_link.done_count, 0);
}

static void failed_request_is_contact_all_the_same(void **state)
{
	(void)state;
	kvp_link_open(NULL, 0);
	kvp_link.forced_status = IC_E_FAIL;
	assert_int_equal(kvp_vsp_get_ip(vsp, "m", 0), KVP_OK);
	kvp_link_run();
	check_done(KVP_GUEST_ERROR);
	check_status(IC_STATUS_OK);
	assert_int_equal(kvp_vsp_get_ip(vsp, "m", 0), KVP_OK);
	assert_true(kvp_link_host_sends(&late));
	kvp_link.now_100ns = 60 * SECOND;
	nothing_is_sent();
	check_done(KVP_NO_ANSWER);
	assert_true(kvp_link_guest_answers(&late, &answer));
	assert_int_equal(kvp_link_host_takes(&answer), VMBUS_OK);
	check_status(IC_STATUS_OK);
}

static void request_goes_before_a_probe(void **state)
{
	(void)state;
	kvp_link_open(NULL, 0);
	kvp_link_put(0, "k", "v");
	assert_int_equal(kvp_vsp_probe(vsp, 0), KVP_OK);
	assert_true(kvp_link_host_sends(&late));
	/* A refused request must leave the probe as it is. */
	assert_int_equal(kvp_vsp_get(vsp, 0, "", 0), KVP_KEY_EMPTY);
	assert_int_equal(kvp_vsp_get(vsp, 0, "k", 0), KVP_OK);
	nothing_is_sent();
	assert_true(kvp_link_guest_answers(&late, &answer));
	assert_int_equal(kvp_link.request.operation, KVP_OPERATION_ENUMERATE);
	assert_int_equal(kvp_link.request.pool, KVP_POOL_AUTO);
	assert_int_equal(kvp_link_host_takes(&answer), VMBUS_OK);
	assert_int_equal(kvp_link.done_count, 0);
	kvp_link_run();
	check_done(KVP_OK);
	assert_string_equal(kvp_link.done.item.text, "v");
}

static void probe_that_waits_keeps_its_contents(void **state)
{
	(void)state;
	kvp_link_open(NULL, 0);
	assert_int_equal(kvp_vsp_get(vsp, 0, "k", 0), KVP_OK);
	assert_true(kvp_link_host_sends(&late));
	kvp_link.now_100ns = 10 * SECOND;
	nothing_is_sent();
	check_done(KVP_NO_ANSWER);
	assert_int_equal(kvp_vsp_probe(vsp, kvp_link.now_100ns), KVP_OK);
	nothing_is_sent();
	assert_int_equal(kvp_vsp_get(vsp, 0, "", 0), KVP_KEY_EMPTY);
	assert_true(kvp_link_guest_answers(&late, &answer));
	assert_int_equal(kvp_link_host_takes(&answer), VMBUS_OK);
	assert_true(kvp_link_host_sends(&request));
	assert_true(kvp_link_guest_answers(&request, &answer));
	assert_int_equal(kvp_link.request.operation, KVP_OPERATION_ENUMERATE);
	assert_int_equal(kvp_link.request.pool, KVP_POOL_AUTO);
	assert_int_equal(kvp_link.request.index, 0);
}

static void full_ring_still_lets_deadlines_pass(void **state)
{
	u64 id;

	(void)state;
	kvp_link_open(NULL, 0);
	assert_int_equal(kvp_vsp_get(vsp, 0, "k", 0), KVP_OK);
	assert_int_equal(kvp_vsp_transmit(vsp, 0, NULL, 0, &id), 0);
	assert_int_equal(kvp_vsp_transmit(vsp, 10 * SECOND, NULL, 0, &id), 0);
	kvp_link_events();
	check_done(KVP_NO_ANSWER);
	/* It was never sent, so that there is nothing to wait for. */
	assert_int_equal(kvp_vsp_get(vsp, 0, "k", 0), KVP_OK);
	assert_true(kvp_link_host_sends(&request));
}

static void closing_ends_what_is_under_way(void **state)
{
	(void)state;
	kvp_link_open(NULL, 0);
	assert_int_equal(kvp_vsp_get(vsp, 0, "k", 0), KVP_OK);
	assert_true(kvp_link_host_sends(&request));
	kvp_vsp_closed(vsp);
	kvp_link_events();
	check_done(KVP_CLOSED);
	check_status(IC_STATUS_NO_CONTACT);
	nothing_is_sent();
	assert_int_equal(kvp_vsp_get(vsp, 0, "k", 0), KVP_NOT_READY);

	kvp_link_open(NULL, 0);
	kvp_vsp_closed(vsp);
	kvp_link_events();
	assert_int_equal(kvp_link.done_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_wait_for_negotiation),
		cmocka_unit_test(one_request_at_a_time),
		cmocka_unit_test(silent_guest_ends_a_request),
		cmocka_unit_test(ip_information_has_its_own_deadline),
		cmocka_unit_test(nothing_is_sent_behind_an_unanswered_request),
		cmocka_unit_test(late_answer_is_not_the_next_requests),
		cmocka_unit_test(enumeration_has_a_deadline_per_item),
		cmocka_unit_test(guest_without_daemon_is_no_contact),
		cmocka_unit_test(failed_request_is_contact_all_the_same),
		cmocka_unit_test(request_goes_before_a_probe),
		cmocka_unit_test(probe_that_waits_keeps_its_contents),
		cmocka_unit_test(full_ring_still_lets_deadlines_pass),
		cmocka_unit_test(closing_ends_what_is_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
