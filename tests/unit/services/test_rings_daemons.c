// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Key-value exchange, backup and file copy over channels and real rings. */
#include "tests/unit/services/ic_link.h"

#include <stdio.h>

#include "services/fcopy/vsc.h"
#include "services/fcopy/vsp.h"
#include "services/kvp/vsc.h"
#include "services/kvp/vsp.h"
#include "services/vss/vsc.h"
#include "services/vss/vsp.h"
#include "tests/sim/pair.h"

#define SEEDS	   4
#define ITEMS	   250
#define FILE_BYTES (300 * FCOPY_BLOCK_BYTES + 77)

static struct kvp_vsp kvp_host;
static struct kvp_vsc kvp_guest;
static struct vss_vsp vss_host;
static struct vss_vsc vss_guest;
static struct fcopy_vsp fcopy_host;
static struct fcopy_vsc fcopy_guest;
static u8 source[FILE_BYTES], target[FILE_BYTES];

/* What the callers of a service's two ends call. */
struct ends {
	const struct ic_service *service;
	void (*open)(void);
	u32 (*transmit)(void *buffer, u32 capacity_bytes, u64 *transaction_id);
	enum vmbus_status (*receive)(const void *data, u32 size_bytes,
				     u64 transaction_id);
	u32 (*answer)(const void *data, u32 size_bytes, u64 transaction_id,
		      void *response, u32 capacity_bytes, u64 *answer_id);
};

/* ---- key-value exchange: a guest with ITEMS items in each pool ---- */

static void kvp_open(void)
{
	assert_int_equal(kvp_vsp_init(&kvp_host, NULL), VMBUS_OK);
	assert_int_equal(kvp_vsc_init(&kvp_guest, 0), VMBUS_OK);
}

static u32 kvp_transmit(void *buffer, u32 capacity_bytes, u64 *transaction_id)
{
	return kvp_vsp_transmit(&kvp_host, 0, buffer, capacity_bytes,
				transaction_id);
}

static enum vmbus_status kvp_receive(const void *data, u32 size_bytes,
				     u64 transaction_id)
{
	return kvp_vsp_receive(&kvp_host, data, size_bytes, transaction_id, 0);
}

static u32 kvp_serve(struct kvp_request *request)
{
	if (request->operation == KVP_OPERATION_ENUMERATE) {
		if (request->index >= ITEMS)
			return IC_E_NO_MORE_ITEMS;
		snprintf(request->item.key, sizeof(request->item.key), "k%u",
			 request->index);
		strcpy(request->item.text, request->item.key);
	} else if (request->operation == KVP_OPERATION_GET_IP) {
		strcpy(request->ip.addresses, "192.0.2.1;2001:db8::1");
	}
	return IC_S_OK;
}

static u32 kvp_answer(const void *data, u32 size_bytes, u64 transaction_id,
		      void *response, u32 capacity_bytes, u64 *answer_id)
{
	struct kvp_request request;
	u32 response_bytes;
	bool requested;

	*answer_id = transaction_id;
	assert_int_equal(kvp_vsc_receive(&kvp_guest, data, size_bytes,
					 transaction_id, response,
					 capacity_bytes, &response_bytes,
					 &request, &requested),
			 VMBUS_OK);
	if (!requested)
		return response_bytes;
	return kvp_vsc_respond(&kvp_guest, kvp_serve(&request), &request,
			       response, capacity_bytes, answer_id);
}

static const struct ends kvp_ends = { &kvp_service, kvp_open, kvp_transmit,
				      kvp_receive, kvp_answer };

/* ---- backup ---- */

static void vss_open(void)
{
	assert_int_equal(vss_vsp_init(&vss_host, NULL), VMBUS_OK);
	assert_int_equal(vss_vsc_init(&vss_guest, 0), VMBUS_OK);
}

static u32 vss_transmit(void *buffer, u32 capacity_bytes, u64 *transaction_id)
{
	return vss_vsp_transmit(&vss_host, 0, buffer, capacity_bytes,
				transaction_id);
}

static enum vmbus_status vss_receive(const void *data, u32 size_bytes,
				     u64 transaction_id)
{
	return vss_vsp_receive(&vss_host, data, size_bytes, transaction_id, 0);
}

static u32 vss_answer(const void *data, u32 size_bytes, u64 transaction_id,
		      void *response, u32 capacity_bytes, u64 *answer_id)
{
	u32 response_bytes;
	bool requested;
	u8 operation;

	*answer_id = transaction_id;
	assert_int_equal(vss_vsc_receive(&vss_guest, data, size_bytes,
					 transaction_id, response,
					 capacity_bytes, &response_bytes,
					 &operation, &requested),
			 VMBUS_OK);
	if (!requested)
		return response_bytes;
	return vss_vsc_respond(&vss_guest, IC_S_OK, 0, response, capacity_bytes,
			       answer_id);
}

static const struct ends vss_ends = { &vss_service, vss_open, vss_transmit,
				      vss_receive, vss_answer };

/* ---- file copy ---- */

static void fcopy_open(void)
{
	assert_int_equal(fcopy_vsp_init(&fcopy_host, NULL), VMBUS_OK);
	assert_int_equal(fcopy_vsc_init(&fcopy_guest), VMBUS_OK);
}

static u32 fcopy_transmit(void *buffer, u32 capacity_bytes, u64 *transaction_id)
{
	u64 offset;
	u32 size_bytes;

	if (fcopy_vsp_wanted(&fcopy_host, &offset, &size_bytes)) {
		memcpy(fcopy_vsp_block(&fcopy_host), source + offset,
		       size_bytes);
		assert_int_equal(fcopy_vsp_filled(&fcopy_host, 0), VMBUS_OK);
	}
	return fcopy_vsp_transmit(&fcopy_host, 0, buffer, capacity_bytes,
				  transaction_id);
}

static enum vmbus_status fcopy_receive(const void *data, u32 size_bytes,
				       u64 transaction_id)
{
	return fcopy_vsp_receive(&fcopy_host, data, size_bytes, transaction_id,
				 0);
}

/* As the UIO daemon, which knows no transaction ids. */
static u32 fcopy_answer(const void *data, u32 size_bytes, u64 transaction_id,
			void *response, u32 capacity_bytes, u64 *answer_id)
{
	struct fcopy_request request;
	u32 response_bytes;
	bool requested;
	u64 id;

	*answer_id = ~0ull;
	assert_int_equal(fcopy_vsc_receive(&fcopy_guest, data, size_bytes,
					   transaction_id, response,
					   capacity_bytes, &response_bytes,
					   &request, &requested),
			 VMBUS_OK);
	if (!requested)
		return response_bytes;
	if (request.operation == FCOPY_OPERATION_DATA)
		memcpy(target + request.offset, request.data,
		       request.data_bytes);
	return fcopy_vsc_respond(&fcopy_guest, IC_S_OK, response,
				 capacity_bytes, &id);
}

static const struct ends fcopy_ends = { &fcopy_service, fcopy_open,
					fcopy_transmit, fcopy_receive,
					fcopy_answer };

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
	/* As large as Linux makes them: three pages of data. */
	return sim_pair_open(pair, &offer, 4);
}

static u32 host_sends(const struct ends *ends, struct sim_channel *channel)
{
	u32 most = packet_ring_bytes(0, ends->service->packet_max_bytes);
	u8 buffer[IC_PACKET_MAX_BYTES];
	u32 size_bytes, count = 0;
	u64 id;

	while (ring_free_bytes(&channel->host.tx) >= most) {
		size_bytes = ends->transmit(
			buffer, ends->service->packet_max_bytes, &id);
		if (!size_bytes)
			break;
		assert_int_equal(
			sim_send(&channel->host, buffer, size_bytes, id, false),
			VMBUS_OK);
		count++;
	}
	return count;
}

static void guest_answers(const struct ends *ends, struct sim_channel *channel)
{
	u8 buffer[IC_PACKET_MAX_BYTES], response[IC_PACKET_MAX_BYTES];
	struct packet_view view;
	u32 size_bytes;
	u64 id;

	while (sim_receive(&channel->guest, buffer, sizeof(buffer), &view)) {
		size_bytes = ends->answer(view.payload, view.payload_bytes,
					  view.transaction_id, response,
					  sizeof(response), &id);
		assert_int_not_equal(size_bytes, 0);
		assert_int_equal(sim_send(&channel->guest, response, size_bytes,
					  id, false),
				 VMBUS_OK);
	}
}

static void host_receives(const struct ends *ends, struct sim_channel *channel)
{
	u8 buffer[IC_PACKET_MAX_BYTES];
	struct packet_view view;

	while (sim_receive(&channel->host, buffer, sizeof(buffer), &view))
		assert_int_equal(ends->receive(view.payload, view.payload_bytes,
					       view.transaction_id),
				 VMBUS_OK);
}

static u32 run(const struct ends *ends, struct sim_channel *channel)
{
	u32 count = 0, sent;

	do {
		sent = host_sends(ends, channel);
		guest_answers(ends, channel);
		host_receives(ends, channel);
		count += sent;
	} while (sent);
	return count;
}

/* ---- one test per service ---- */

static void test_kvp(void **state)
{
	struct sim_channel *channel;
	struct kvp_event event;
	struct sim_pair *pair;
	u32 count;
	u64 seed;

	(void)state;
	for (seed = 0; seed < SEEDS; seed++) {
		pair = sim_pair_create(&(struct sim_pair_config){
			.seed = seed, .busy_percent = 30 });
		channel = offer(pair, &kvp_ends);
		assert_int_equal(run(&kvp_ends, channel), 2);
		assert_int_equal(kvp_vsp_enumerate(&kvp_host, seed, 0), KVP_OK);
		count = 0;
		do {
			assert_int_equal(run(&kvp_ends, channel), 1);
			assert_true(kvp_vsp_next_event(&kvp_host, &event));
			assert_int_equal(event.index, count);
			count += event.kind == KVP_EVENT_ITEM;
		} while (event.kind != KVP_EVENT_DONE);
		assert_int_equal(count, ITEMS);
		/* The largest packets of all, one after the other. */
		for (count = 0; count < 20; count++) {
			assert_int_equal(kvp_vsp_get_ip(&kvp_host, "MAC", 0),
					 KVP_OK);
			assert_int_equal(run(&kvp_ends, channel), 1);
			assert_true(kvp_vsp_next_event(&kvp_host, &event));
			assert_string_equal(event.ip.addresses,
					    "192.0.2.1;2001:db8::1");
		}
		assert_int_equal(kvp_vsp_status(&kvp_host, 0), IC_STATUS_OK);
		sim_pair_destroy(pair);
	}
}

static void test_vss(void **state)
{
	struct sim_channel *channel;
	struct vss_event event;
	struct sim_pair *pair;
	u32 i;

	(void)state;
	pair = sim_pair_create(&(struct sim_pair_config){ .seed = 5 });
	channel = offer(pair, &vss_ends);
	assert_int_equal(run(&vss_ends, channel), 2);
	for (i = 0; i < 300; i++) {
		assert_int_equal(vss_vsp_freeze(&vss_host, 0, 0), VSS_OK);
		assert_int_equal(run(&vss_ends, channel), 1);
		assert_true(vss_vsp_next_event(&vss_host, &event));
		assert_int_equal(event.kind, VSS_EVENT_FROZEN);
		assert_true(vss_guest.frozen);
		assert_int_equal(vss_vsp_thaw(&vss_host, 0), VSS_OK);
		assert_int_equal(run(&vss_ends, channel), 1);
		assert_true(vss_vsp_next_event(&vss_host, &event));
		assert_int_equal(event.kind, VSS_EVENT_THAWED);
		assert_false(vss_guest.frozen);
	}
	sim_pair_destroy(pair);
}

static void test_fcopy(void **state)
{
	struct sim_channel *channel;
	struct fcopy_event event;
	struct sim_pair *pair;
	u32 i;
	u64 seed;

	(void)state;
	for (i = 0; i < FILE_BYTES; i++)
		source[i] = (u8)(i * 2654435761u >> 24);
	for (seed = 0; seed < SEEDS; seed++) {
		memset(target, 0, sizeof(target));
		pair = sim_pair_create(&(struct sim_pair_config){
			.seed = seed, .busy_percent = 30 });
		channel = offer(pair, &fcopy_ends);
		assert_int_equal(run(&fcopy_ends, channel), 2);
		assert_int_equal(fcopy_vsp_start(&fcopy_host, "/tmp", "f", 0,
						 FILE_BYTES, 0),
				 FCOPY_OK);
		assert_int_equal(run(&fcopy_ends, channel), 301 + 2);
		assert_true(fcopy_vsp_next_event(&fcopy_host, &event));
		assert_int_equal(event.status, FCOPY_OK);
		assert_memory_equal(source, target, FILE_BYTES);
		sim_pair_destroy(pair);
	}
}

/* Rescinded and offered again twenty times, each in the midst of its work. */
static void test_disabled_and_enabled(void **state)
{
	struct fcopy_event fcopy_event;
	struct sim_channel *channels[3];
	struct kvp_event kvp_event;
	struct vss_event vss_event;
	struct sim_pair *pair;
	u32 i, round;

	(void)state;
	static const struct ends *const ends[] = { &kvp_ends, &vss_ends,
						   &fcopy_ends };

	pair = sim_pair_create(&(struct sim_pair_config){ .seed = 9 });
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 3; i++) {
			channels[i] = offer(pair, ends[i]);
			assert_int_equal(run(ends[i], channels[i]), 2);
		}
		assert_int_equal(kvp_vsp_status(&kvp_host, 0), IC_STATUS_OK);
		assert_int_equal(vss_vsp_status(&vss_host, 0), IC_STATUS_OK);
		assert_int_equal(kvp_vsp_enumerate(&kvp_host, 0, 0), KVP_OK);
		assert_int_equal(vss_vsp_freeze(&vss_host, 0, 0), VSS_OK);
		assert_int_equal(fcopy_vsp_start(&fcopy_host, "/tmp", "f", 0,
						 FILE_BYTES, 0),
				 FCOPY_OK);
		for (i = 0; i < 3; i++) {
			assert_int_equal(host_sends(ends[i], channels[i]), 1);
			if (round & 1)
				guest_answers(ends[i], channels[i]);
			sim_pair_rescind(channels[i]);
		}
		kvp_vsp_closed(&kvp_host);
		vss_vsp_closed(&vss_host);
		fcopy_vsp_closed(&fcopy_host);
		assert_true(kvp_vsp_next_event(&kvp_host, &kvp_event));
		assert_int_equal(kvp_event.status, KVP_CLOSED);
		assert_true(vss_vsp_next_event(&vss_host, &vss_event));
		assert_int_equal(vss_event.status, VSS_CLOSED);
		assert_true(fcopy_vsp_next_event(&fcopy_host, &fcopy_event));
		assert_int_equal(fcopy_event.status, FCOPY_CLOSED);
	}
	assert_int_equal(pair->violations, 0);
	sim_pair_destroy(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kvp),
		cmocka_unit_test(test_vss),
		cmocka_unit_test(test_fcopy),
		cmocka_unit_test(test_disabled_and_enabled),
	};

	return cmocka_run_group_tests_name("daemons' services over rings",
					   tests, NULL, NULL);
}
