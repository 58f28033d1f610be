// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Time synchronization: both ends back to back, and each against a liar. */
#include "tests/unit/services/ic_link.h"

#include "services/timesync/vsc.h"
#include "services/timesync/vsp.h"

#define SECOND IC_SECOND_100NS
/* 2026-01-01, and a reference counter that has run for a while. */
#define WALL (TIMESYNC_UNIX_EPOCH_100NS + 1767225600 * SECOND)
#define NOW  (12345 * SECOND)

static struct timesync_vsp vsp;
static struct timesync_vsc vsc;
static struct timesync_action action;

static const struct timesync_vsp_config usual = {
	.sync_period_seconds = TIMESYNC_SYNC_PERIOD_SECONDS,
};

/* The host's clocks run together: the wall clock follows from the counter. */
static bool vsp_sends(u64 now_100ns, struct ic_link_packet *packet)
{
	packet->size_bytes = timesync_vsp_transmit(
		&vsp, now_100ns, WALL + now_100ns - NOW, packet->bytes,
		TIMESYNC_VSP_PACKET_MAX, &packet->transaction_id);
	return packet->size_bytes != 0;
}

static void vsc_answers(const struct ic_link_packet *request, u64 now_100ns,
			struct ic_link_packet *answer)
{
	answer->transaction_id = request->transaction_id;
	assert_int_equal(timesync_vsc_receive(&vsc, request->bytes,
					      request->size_bytes, now_100ns,
					      answer->bytes,
					      sizeof(answer->bytes),
					      &answer->size_bytes, &action),
			 VMBUS_OK);
	assert_int_equal(answer->size_bytes, request->size_bytes);
}

static void vsp_takes(const struct ic_link_packet *answer, u64 now_100ns)
{
	assert_int_equal(
		timesync_vsp_receive(&vsp, answer->bytes, answer->size_bytes,
				     answer->transaction_id, now_100ns),
		VMBUS_OK);
}

static void link_up(u32 host_version, u32 guest_version)
{
	struct timesync_vsp_config config = usual;
	struct ic_link_packet request, answer;

	config.newest_version = host_version;
	assert_int_equal(timesync_vsp_init(&vsp, &config), VMBUS_OK);
	assert_int_equal(timesync_vsc_init(&vsc, guest_version), VMBUS_OK);
	assert_int_equal(timesync_vsp_status(&vsp, NOW), IC_STATUS_NO_CONTACT);
	assert_int_equal(timesync_vsp_deadline_100ns(&vsp), 0);
	assert_true(vsp_sends(NOW, &request));
	assert_int_equal(timesync_vsp_deadline_100ns(&vsp), IC_NEVER);
	assert_false(vsp_sends(NOW, &answer));
	vsc_answers(&request, NOW, &answer);
	assert_int_equal(action.kind, TIMESYNC_ACTION_NONE);
	vsp_takes(&answer, NOW);
	assert_int_equal(timesync_vsp_status(&vsp, NOW), IC_STATUS_OK);
}

/* Send what is due, let it take @delay_100ns on its way; its kind. */
static enum timesync_action_kind carry(u64 now_100ns, u64 delay_100ns)
{
	struct ic_link_packet request, answer;

	if (!vsp_sends(now_100ns, &request))
		return TIMESYNC_ACTION_NONE;
	vsc_answers(&request, now_100ns + delay_100ns, &answer);
	assert_int_equal(ic_link_header(&answer).status, IC_S_OK);
	vsp_takes(&answer, now_100ns + delay_100ns);
	return action.kind;
}

static void test_all_versions(void **state)
{
	static const u32 versions[] = { TIMESYNC_VERSION_1_0,
					TIMESYNC_VERSION_3_0,
					TIMESYNC_VERSION_4_0 };
	const u64 delay = 3 * SECOND;
	struct ic_link_packet request;
	u32 h, g, least;

	(void)state;
	for (h = 0; h < 3; h++) {
		for (g = 0; g < 3; g++) {
			least = h < g ? h : g;
			link_up(versions[h], versions[g]);
			assert_int_equal(vsp.ic.message_version,
					 versions[least]);
			assert_int_equal(timesync_vsp_detail(&vsp, NOW),
					 least == 2
						 ? IC_DETAIL_NONE
						 : IC_DETAIL_PROTOCOL_MISMATCH);
			assert_int_equal(carry(NOW, delay),
					 TIMESYNC_ACTION_SET);
			/* Only version 4 knows how long it was on its way. */
			assert_int_equal(action.host_time_100ns,
					 WALL + (least == 2 ? delay : 0));
			assert_int_equal(action.delay_100ns,
					 least == 2 ? delay : 0);
			assert_int_equal(vsp.answer_count, 1);
			assert_int_equal(vsp.answered_100ns, NOW + delay);
			assert_true(vsp_sends(NOW + 100 * SECOND, &request));
			assert_int_equal(ic_link_header(&request).body_bytes,
					 least == 2 ? 24 : 25);
		}
	}
}

static void test_layout(void **state)
{
	static const u8 stamped[24] = { 0x80, 0x70, 0x60, 0x50, 0x40, 0x30,
					0x20, 0x02, 0x88, 0x77, 0x66, 0x55,
					0x44, 0x33, 0x22, 0x11, 0x01, 3,
					7,    0,    0,	  0,	0,    0 };
	static const u8 plain[25] = {
		0x80, 0x70, 0x60, 0x50, 0x40,
		0x30, 0x20, 0x02, 0,	0,
		0,    0,    0,	  0,	0,
		0,    0,    0,	  0,	0,
		0,    0,    0,	  0,	TIMESYNC_FLAG_SYNC
	};
	struct timesync_vsp_config config = usual;
	struct ic_link_packet packet;

	(void)state;
	config.leap_indicator = 3;
	config.stratum = 7;
	assert_int_equal(timesync_vsp_init(&vsp, &config), VMBUS_OK);
	ic_link_settle(&vsp.ic, &timesync_service, 0);
	packet.size_bytes = timesync_vsp_transmit(
		&vsp, 0x1122334455667788, 0x0220304050607080, packet.bytes,
		sizeof(packet.bytes), &packet.transaction_id);
	assert_int_equal(packet.size_bytes, IC_BODY_OFFSET + sizeof(stamped));
	assert_memory_equal(packet.bytes + IC_BODY_OFFSET, stamped,
			    sizeof(stamped));
	/* Told, not asked: no answer is waited for. */
	assert_int_equal(ic_link_header(&packet).flags, 0);

	assert_int_equal(timesync_vsp_init(&vsp, &config), VMBUS_OK);
	ic_link_settle(&vsp.ic, &timesync_service, TIMESYNC_VERSION_3_0);
	packet.size_bytes = timesync_vsp_transmit(
		&vsp, 0x1122334455667788, 0x0220304050607080, packet.bytes,
		sizeof(packet.bytes), &packet.transaction_id);
	assert_int_equal(packet.size_bytes, IC_BODY_OFFSET + sizeof(plain));
	assert_memory_equal(packet.bytes + IC_BODY_OFFSET, plain,
			    sizeof(plain));
}

static void test_schedule(void **state)
{
	u64 now = NOW;
	u32 i;

	(void)state;
	link_up(0, 0);
	assert_int_equal(timesync_vsp_deadline_100ns(&vsp), 0);
	assert_int_equal(carry(now, 0), TIMESYNC_ACTION_SET);
	/* Samples every five seconds, a SYNC in place of the twelfth. */
	for (i = 1; i <= 24; i++) {
		assert_int_equal(timesync_vsp_deadline_100ns(&vsp),
				 now + 5 * SECOND);
		assert_int_equal(carry(now + 5 * SECOND - 1, 0),
				 TIMESYNC_ACTION_NONE);
		now += 5 * SECOND;
		assert_int_equal(carry(now, 0), i % 12 ? TIMESYNC_ACTION_SAMPLE
						       : TIMESYNC_ACTION_SET);
		assert_int_equal(action.host_time_100ns, WALL + now - NOW);
	}
	assert_int_equal(vsp.sync_count, 3);
	assert_int_equal(vsp.sample_count, 22);
	assert_int_equal(vsp.answer_count, 25);
}

static void test_sync_on_request(void **state)
{
	struct timesync_vsp_config never = { .sync_period_seconds = 0 };
	u64 now = NOW;
	u32 i;

	(void)state;
	link_up(0, 0);
	assert_int_equal(timesync_vsp_init(&vsp, &never), VMBUS_OK);
	ic_link_settle(&vsp.ic, &timesync_service, 0);
	assert_int_equal(carry(now, 0), TIMESYNC_ACTION_SET);
	for (i = 0; i < 100; i++) {
		now += 5 * SECOND;
		assert_int_equal(carry(now, 0), TIMESYNC_ACTION_SAMPLE);
	}
	timesync_vsp_sync(&vsp);
	assert_int_equal(timesync_vsp_deadline_100ns(&vsp), 0);
	assert_int_equal(carry(now, 0), TIMESYNC_ACTION_SET);
	assert_int_equal(carry(now, 0), TIMESYNC_ACTION_NONE);
}

/* Asked before versions are settled, one SYNC comes, not two. */
static void test_sync_while_negotiating(void **state)
{
	(void)state;
	assert_int_equal(timesync_vsp_init(&vsp, &usual), VMBUS_OK);
	timesync_vsp_sync(&vsp);
	link_up(0, 0);
	timesync_vsp_sync(&vsp);
	assert_int_equal(carry(NOW, 0), TIMESYNC_ACTION_SET);
	assert_int_equal(carry(NOW, 0), TIMESYNC_ACTION_NONE);
}

/* A guest that never answers, as messages ask for none, is served on. */
static void test_silent_guest(void **state)
{
	struct ic_link_packet request;
	u32 i;

	(void)state;
	link_up(0, 0);
	for (i = 0; i < 1000; i++)
		assert_true(vsp_sends(NOW + i * 5 * SECOND, &request));
	assert_int_equal(timesync_vsp_status(&vsp, NOW + 5000 * SECOND),
			 IC_STATUS_OK);
	assert_int_equal(vsp.answer_count, 0);
}

/* Without space in the ring, the SYNC is still the next to be sent. */
static void test_no_space(void **state)
{
	struct ic_link_packet packet;

	(void)state;
	link_up(0, 0);
	assert_int_equal(timesync_vsp_transmit(&vsp, NOW, WALL, packet.bytes, 0,
					       &packet.transaction_id),
			 0);
	assert_int_equal(vsp.sync_count, 0);
	assert_int_equal(carry(NOW + SECOND, 0), TIMESYNC_ACTION_SET);
	assert_int_equal(action.host_time_100ns, WALL + SECOND);
}

static void test_bad_limit(void **state)
{
	struct timesync_vsp_config config = { .newest_version =
						      IC_VERSION(2, 0) };

	(void)state;
	assert_int_equal(timesync_vsp_init(&vsp, &config), VMBUS_BAD_ARGUMENT);
	assert_int_equal(timesync_vsc_init(&vsc, IC_VERSION(5, 0)),
			 VMBUS_BAD_ARGUMENT);
}

static void test_read_clock(void **state)
{
	u64 time;

	(void)state;
	link_up(0, 0);
	assert_int_equal(timesync_vsc_read(&vsc, NOW, &time), VMBUS_NOT_READY);
	carry(NOW, SECOND);
	assert_int_equal(timesync_vsc_read(&vsc, NOW + 7 * SECOND, &time),
			 VMBUS_OK);
	assert_int_equal(time, WALL + 7 * SECOND);
	assert_int_equal(
		timesync_vsc_read(&vsc, NOW + TIMESYNC_STALE_100NS, &time),
		VMBUS_OK);
	assert_int_equal(
		timesync_vsc_read(&vsc, NOW + TIMESYNC_STALE_100NS + 1, &time),
		VMBUS_AGAIN);
}

/* ---- one end against a liar ---- */

static struct ic_link_packet pending; /* what the host sent last */
static u32 guest_version;

static void prepare_vsp(void)
{
	link_up(0, guest_version);
	assert_true(vsp_sends(NOW, &pending));
}

static enum vmbus_status vsp_receive(const void *data, u32 size_bytes, u64 id)
{
	return timesync_vsp_receive(&vsp, data, size_bytes, id, NOW);
}

static enum vmbus_status vsc_receive(const void *data, u32 size_bytes, u64 id)
{
	u32 response_bytes;
	u8 *response = malloc(size_bytes ? size_bytes : 1);
	enum vmbus_status status;

	(void)id;
	assert_non_null(response);
	status = timesync_vsc_receive(&vsc, data, size_bytes, NOW, response,
				      size_bytes, &response_bytes, &action);
	if (status) {
		assert_int_equal(response_bytes, 0);
		assert_int_equal(action.kind, TIMESYNC_ACTION_NONE);
	}
	free(response);
	return status;
}

static const struct ic_link_end vsp_end = { prepare_vsp, vsp_receive };
static const struct ic_link_end vsc_end = { prepare_vsp, vsc_receive };

static void test_sizes(void **state)
{
	struct ic_link_packet packet;

	(void)state;
	guest_version = TIMESYNC_VERSION_4_0;
	prepare_vsp();
	packet = pending;
	ic_link_check_sizes(&vsc_end, &packet, 22);
	guest_version = TIMESYNC_VERSION_1_0;
	prepare_vsp();
	packet = pending;
	ic_link_check_sizes(&vsc_end, &packet, 25);
	guest_version = 0;
	prepare_vsp();
	ic_link_make(&packet, IC_MESSAGE_TIMESYNC, IC_FLAG_RESPONSE, 24,
		     pending.transaction_id);
	ic_link_check_sizes(&vsp_end, &packet, 0);
}

/* Times that no host means are refused, and change nothing. */
static void test_implausible_times(void **state)
{
	static const struct {
		u64 host_time_100ns, reference_time_100ns;
		u32 status;
	} times[] = {
		{ WALL, NOW, IC_S_OK },
		{ TIMESYNC_UNIX_EPOCH_100NS, NOW, IC_S_OK },
		{ 2650467744000000000ull - 1, NOW, IC_S_OK },
		{ WALL, NOW - TIMESYNC_STALE_100NS, IC_S_OK },
		{ WALL, NOW + TIMESYNC_STALE_100NS, IC_S_OK },
		{ 0, NOW, IC_E_INVALID_ARGUMENT },
		{ TIMESYNC_UNIX_EPOCH_100NS - 1, NOW, IC_E_INVALID_ARGUMENT },
		{ 2650467744000000000ull, NOW, IC_E_INVALID_ARGUMENT },
		{ ~0ull, NOW, IC_E_INVALID_ARGUMENT },
		{ WALL, NOW - TIMESYNC_STALE_100NS - 1, IC_E_INVALID_ARGUMENT },
		{ WALL, NOW + TIMESYNC_STALE_100NS + 1, IC_E_INVALID_ARGUMENT },
		{ WALL, 0, IC_E_INVALID_ARGUMENT },
		{ WALL, ~0ull, IC_E_INVALID_ARGUMENT },
	};
	struct ic_link_packet request, answer;
	u64 time;
	size_t i;

	(void)state;
	guest_version = 0;
	for (i = 0; i < PORT_ARRAY_SIZE(times); i++) {
		prepare_vsp();
		request = pending;
		memcpy(request.bytes + IC_BODY_OFFSET, &times[i], 16);
		vsc_answers(&request, NOW, &answer);
		assert_int_equal(ic_link_header(&answer).status,
				 times[i].status);
		assert_int_equal(action.kind, times[i].status
						      ? TIMESYNC_ACTION_NONE
						      : TIMESYNC_ACTION_SET);
		assert_int_equal(timesync_vsc_read(&vsc, NOW, &time),
				 times[i].status ? VMBUS_NOT_READY : VMBUS_OK);
	}
}

/* A stamp from a counter slightly ahead counts backwards, not by centuries. */
static void test_stamp_ahead(void **state)
{
	struct ic_link_packet request, answer;

	(void)state;
	link_up(0, 0);
	assert_true(vsp_sends(NOW, &request));
	vsc_answers(&request, NOW - 30, &answer);
	assert_int_equal(action.kind, TIMESYNC_ACTION_SET);
	assert_int_equal(action.host_time_100ns, WALL - 30);
	assert_int_equal(action.delay_100ns, 0);
}

static void test_every_flag(void **state)
{
	struct ic_link_packet request, answer;
	u32 flags;

	(void)state;
	guest_version = 0;
	for (flags = 0; flags <= 0xff; flags++) {
		prepare_vsp();
		request = pending;
		request.bytes[IC_BODY_OFFSET + 16] = (u8)flags;
		vsc_answers(&request, NOW, &answer);
		assert_int_equal(action.kind, flags & 1 ? TIMESYNC_ACTION_SET
					      : flags & 2
						      ? TIMESYNC_ACTION_SAMPLE
						      : TIMESYNC_ACTION_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_versions),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_schedule),
		cmocka_unit_test(test_sync_on_request),
		cmocka_unit_test(test_sync_while_negotiating),
		cmocka_unit_test(test_silent_guest),
		cmocka_unit_test(test_no_space),
		cmocka_unit_test(test_bad_limit),
		cmocka_unit_test(test_read_clock),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_implausible_times),
		cmocka_unit_test(test_stamp_ahead),
		cmocka_unit_test(test_every_flag),
	};

	return cmocka_run_group_tests_name("services/timesync", tests, NULL,
					   NULL);
}
