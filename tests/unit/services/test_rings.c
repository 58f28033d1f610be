// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Heartbeat, shutdown and time synchronization over channels and real rings. */
#include "tests/unit/services/ic_link.h"

#include "services/heartbeat/vsc.h"
#include "services/heartbeat/vsp.h"
#include "services/shutdown/vsc.h"
#include "services/shutdown/vsp.h"
#include "services/timesync/vsc.h"
#include "services/timesync/vsp.h"
#include "tests/sim/pair.h"

#define SECOND IC_SECOND_100NS
#define WALL   (TIMESYNC_UNIX_EPOCH_100NS + 1767225600 * SECOND)
#define SEEDS  8

static struct heartbeat_vsp heartbeat_host;
static struct heartbeat_vsc heartbeat_guest;
static struct shutdown_vsp shutdown_host;
static struct shutdown_vsc shutdown_guest;
static struct shutdown_action shutdown_action;
static struct timesync_vsp timesync_host;
static struct timesync_vsc timesync_guest;
static struct timesync_action timesync_action;

/* What the caller of a service's two ends calls. */
struct ends {
	const struct ic_service *service;
	void (*open)(void);
	u32 (*transmit)(u64 now_100ns, void *buffer, u32 capacity_bytes,
			u64 *transaction_id);
	enum vmbus_status (*receive)(const void *data, u32 size_bytes,
				     u64 transaction_id, u64 now_100ns);
	enum vmbus_status (*answer)(const void *data, u32 size_bytes,
				    u64 now_100ns, void *response,
				    u32 capacity_bytes, u32 *response_bytes);
};

static void heartbeat_open(void)
{
	assert_int_equal(heartbeat_vsp_init(&heartbeat_host, 0), VMBUS_OK);
	assert_int_equal(heartbeat_vsc_init(&heartbeat_guest, 0), VMBUS_OK);
}

static u32 heartbeat_transmit(u64 now_100ns, void *buffer, u32 capacity_bytes,
			      u64 *transaction_id)
{
	return heartbeat_vsp_transmit(&heartbeat_host, now_100ns, buffer,
				      capacity_bytes, transaction_id);
}

static enum vmbus_status heartbeat_receive(const void *data, u32 size_bytes,
					   u64 transaction_id, u64 now_100ns)
{
	return heartbeat_vsp_receive(&heartbeat_host, data, size_bytes,
				     transaction_id, now_100ns);
}

static enum vmbus_status heartbeat_answer(const void *data, u32 size_bytes,
					  u64 now_100ns, void *response,
					  u32 capacity_bytes,
					  u32 *response_bytes)
{
	(void)now_100ns;
	return heartbeat_vsc_receive(&heartbeat_guest, data, size_bytes,
				     response, capacity_bytes, response_bytes);
}

static const struct ends heartbeat_ends = {
	&heartbeat_service, heartbeat_open,   heartbeat_transmit,
	heartbeat_receive,  heartbeat_answer,
};

static void shutdown_open(void)
{
	assert_int_equal(shutdown_vsp_init(&shutdown_host, 0), VMBUS_OK);
	assert_int_equal(shutdown_vsc_init(&shutdown_guest, 0, false),
			 VMBUS_OK);
}

static u32 shutdown_transmit(u64 now_100ns, void *buffer, u32 capacity_bytes,
			     u64 *transaction_id)
{
	return shutdown_vsp_transmit(&shutdown_host, now_100ns, buffer,
				     capacity_bytes, transaction_id);
}

static enum vmbus_status shutdown_receive(const void *data, u32 size_bytes,
					  u64 transaction_id, u64 now_100ns)
{
	return shutdown_vsp_receive(&shutdown_host, data, size_bytes,
				    transaction_id, now_100ns);
}

static enum vmbus_status shutdown_answer(const void *data, u32 size_bytes,
					 u64 now_100ns, void *response,
					 u32 capacity_bytes,
					 u32 *response_bytes)
{
	(void)now_100ns;
	return shutdown_vsc_receive(&shutdown_guest, data, size_bytes, response,
				    capacity_bytes, response_bytes,
				    &shutdown_action);
}

static const struct ends shutdown_ends = {
	&shutdown_service, shutdown_open,   shutdown_transmit,
	shutdown_receive,  shutdown_answer,
};

static void timesync_open(void)
{
	const struct timesync_vsp_config config = { .sync_period_seconds = 60 };

	assert_int_equal(timesync_vsp_init(&timesync_host, &config), VMBUS_OK);
	assert_int_equal(timesync_vsc_init(&timesync_guest, 0), VMBUS_OK);
}

static u32 timesync_transmit(u64 now_100ns, void *buffer, u32 capacity_bytes,
			     u64 *transaction_id)
{
	return timesync_vsp_transmit(&timesync_host, now_100ns,
				     WALL + now_100ns, buffer, capacity_bytes,
				     transaction_id);
}

static enum vmbus_status timesync_receive(const void *data, u32 size_bytes,
					  u64 transaction_id, u64 now_100ns)
{
	return timesync_vsp_receive(&timesync_host, data, size_bytes,
				    transaction_id, now_100ns);
}

static enum vmbus_status timesync_answer(const void *data, u32 size_bytes,
					 u64 now_100ns, void *response,
					 u32 capacity_bytes,
					 u32 *response_bytes)
{
	return timesync_vsc_receive(&timesync_guest, data, size_bytes,
				    now_100ns, response, capacity_bytes,
				    response_bytes, &timesync_action);
}

static const struct ends timesync_ends = {
	&timesync_service, timesync_open,   timesync_transmit,
	timesync_receive,  timesync_answer,
};

/* ---- the two callers ---- */

static struct sim_channel *offer(struct sim_pair *pair, const struct ends *ends)
{
	struct vmbus_offer offer = {
		.type = ends->service->type,
		.instance = ends->service->instance,
		.flags = VMBUS_OFFER_ENUMERATE | VMBUS_OFFER_NAMED_PIPE,
		.user_data = { VMBUS_PIPE_MESSAGE },
	};

	ends->open();
	/* As large as Linux makes them: three pages of data are enough. */
	return sim_pair_open(pair, &offer, 4);
}

/* The host's end says what it has to say, while the ring has space. */
static u32 host_sends(const struct ends *ends, struct sim_channel *channel,
		      u64 now_100ns)
{
	u32 most = packet_ring_bytes(0, ends->service->packet_max_bytes);
	u8 buffer[4096];
	u32 size_bytes, count = 0;
	u64 id;

	while (ring_free_bytes(&channel->host.tx) >= most) {
		size_bytes =
			ends->transmit(now_100ns, buffer,
				       ends->service->packet_max_bytes, &id);
		if (!size_bytes)
			break;
		assert_int_equal(
			sim_send(&channel->host, buffer, size_bytes, id, false),
			VMBUS_OK);
		count++;
	}
	return count;
}

static u32 guest_answers(const struct ends *ends, struct sim_channel *channel,
			 u64 now_100ns)
{
	u8 buffer[4096], response[4096];
	struct packet_view view;
	u32 response_bytes, count = 0;

	while (sim_receive(&channel->guest, buffer, sizeof(buffer), &view)) {
		assert_int_equal(ends->answer(view.payload, view.payload_bytes,
					      now_100ns, response,
					      sizeof(response),
					      &response_bytes),
				 VMBUS_OK);
		assert_int_not_equal(response_bytes, 0);
		assert_int_equal(sim_send(&channel->guest, response,
					  response_bytes, view.transaction_id,
					  false),
				 VMBUS_OK);
		count++;
	}
	return count;
}

static void host_receives(const struct ends *ends, struct sim_channel *channel,
			  u64 now_100ns)
{
	struct packet_view view;
	u8 buffer[4096];

	while (sim_receive(&channel->host, buffer, sizeof(buffer), &view))
		assert_int_equal(ends->receive(view.payload, view.payload_bytes,
					       view.transaction_id, now_100ns),
				 VMBUS_OK);
}

/* Both ends until neither has anything left to say; returns the packets. */
static u32 run(const struct ends *ends, struct sim_channel *channel,
	       u64 now_100ns)
{
	u32 count = 0, sent;

	do {
		sent = host_sends(ends, channel, now_100ns);
		guest_answers(ends, channel, now_100ns);
		host_receives(ends, channel, now_100ns);
		count += sent;
	} while (sent);
	return count;
}

/* ---- one test per service ---- */

/* 1000 heartbeats wrap the ring many times; then the guest hangs and wakes. */
static void test_heartbeat(void **state)
{
	struct sim_channel *channel;
	struct sim_pair *pair;
	u64 now, seed;
	u32 waiting = 0;

	(void)state;
	for (seed = 0; seed < SEEDS; seed++) {
		pair = sim_pair_create(&(struct sim_pair_config){
			.seed = seed, .busy_percent = 30 });
		channel = offer(pair, &heartbeat_ends);
		assert_int_equal(run(&heartbeat_ends, channel, 0), 2);
		for (now = 2 * SECOND; now < 2000 * SECOND; now += 2 * SECOND)
			assert_int_equal(run(&heartbeat_ends, channel, now), 1);
		assert_int_equal(heartbeat_vsp_status(&heartbeat_host, now),
				 IC_STATUS_OK);
		/* Hung for two hours: the ring fills up, and no further. */
		for (waiting = 0; now < 9200 * SECOND; now += 2 * SECOND)
			waiting += host_sends(&heartbeat_ends, channel, now);
		assert_int_equal(heartbeat_vsp_status(&heartbeat_host, now),
				 IC_STATUS_LOST_COMMUNICATION);
		assert_int_equal(guest_answers(&heartbeat_ends, channel, now),
				 waiting);
		host_receives(&heartbeat_ends, channel, now);
		assert_int_equal(heartbeat_vsp_status(&heartbeat_host, now),
				 IC_STATUS_OK);
		sim_pair_destroy(pair);
	}
	/* It did fill: 7200 s are 240 requests at the slower rate. */
	assert_in_range(waiting, 20, 200);
}

static void test_shutdown(void **state)
{
	const struct shutdown_request request = {
		.kind = SHUTDOWN_REBOOT,
		.text = "new kernel",
		.deadline_100ns = IC_NEVER,
	};
	struct sim_channel *channel;
	struct shutdown_event event;
	struct sim_pair *pair;
	u32 i;

	(void)state;
	pair = sim_pair_create(&(struct sim_pair_config){ .seed = 1 });
	channel = offer(pair, &shutdown_ends);
	assert_int_equal(shutdown_vsp_request(&shutdown_host, &request),
			 VMBUS_NOT_READY);
	assert_int_equal(run(&shutdown_ends, channel, 0), 1);
	/* Large packets, so that each ring wraps in their midst. */
	for (i = 0; i < 50; i++) {
		assert_int_equal(shutdown_vsp_request(&shutdown_host, &request),
				 VMBUS_OK);
		assert_int_equal(run(&shutdown_ends, channel, 0), 1);
		assert_true(shutdown_vsp_next_event(&shutdown_host, 0, &event));
		assert_int_equal(event.kind, SHUTDOWN_EVENT_ACCEPTED);
		assert_true(shutdown_action.wanted);
		assert_int_equal(shutdown_action.kind, SHUTDOWN_REBOOT);
		assert_string_equal(shutdown_action.text, "new kernel");
	}
	sim_pair_destroy(pair);
}

static void test_timesync(void **state)
{
	struct sim_channel *channel;
	struct sim_pair *pair;
	u64 now;

	(void)state;
	pair = sim_pair_create(&(struct sim_pair_config){ .seed = 2 });
	channel = offer(pair, &timesync_ends);
	assert_int_equal(run(&timesync_ends, channel, 0), 2);
	assert_int_equal(timesync_action.kind, TIMESYNC_ACTION_SET);
	assert_int_equal(timesync_action.host_time_100ns, WALL);
	for (now = 5 * SECOND; now < 3600 * SECOND; now += 5 * SECOND) {
		assert_int_equal(host_sends(&timesync_ends, channel, now), 1);
		/* Late by a second, which the stamp takes out again. */
		guest_answers(&timesync_ends, channel, now + SECOND);
		host_receives(&timesync_ends, channel, now + SECOND);
		assert_int_equal(timesync_action.kind,
				 now % (60 * SECOND) != 0
					 ? TIMESYNC_ACTION_SAMPLE
					 : TIMESYNC_ACTION_SET);
		assert_int_equal(timesync_action.host_time_100ns,
				 WALL + now + SECOND);
		assert_int_equal(timesync_action.delay_100ns, SECOND);
	}
	assert_int_equal(timesync_host.answer_count, 720);
	sim_pair_destroy(pair);
}

/* All three at once: closed, opened anew, and over an unload and reconnect. */
static void test_opened_anew(void **state)
{
	static const struct ends *const ends[] = { &heartbeat_ends,
						   &shutdown_ends,
						   &timesync_ends };
	struct sim_channel *channels[3];
	struct sim_pair *pair;
	u32 i, round;

	(void)state;
	pair = sim_pair_create(&(struct sim_pair_config){ .seed = 3 });
	for (i = 0; i < 3; i++)
		channels[i] = offer(pair, ends[i]);
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 3; i++)
			run(ends[i], channels[i], round * SECOND);
		assert_int_equal(
			heartbeat_vsp_status(&heartbeat_host, round * SECOND),
			IC_STATUS_OK);
		assert_int_equal(shutdown_vsp_status(&shutdown_host, 0),
				 IC_STATUS_OK);
		assert_int_equal(timesync_vsp_status(&timesync_host, 0),
				 IC_STATUS_OK);
		assert_int_equal(timesync_action.kind, TIMESYNC_ACTION_SET);
		for (i = 0; i < 3; i++) {
			/* With packets left unread in the ring. */
			host_sends(ends[i], channels[i], (round + 9) * SECOND);
			if (round % 2) {
				sim_pair_close(channels[i]);
				sim_pair_reopen(channels[i]);
			}
			ends[i]->open();
		}
		if (round % 2 == 0)
			sim_pair_reconnect(pair);
	}
	assert_int_equal(pair->violations, 0);
	sim_pair_destroy(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heartbeat),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_timesync),
		cmocka_unit_test(test_opened_anew),
	};

	return cmocka_run_group_tests_name("services over rings", tests, NULL,
					   NULL);
}
