// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Channels of one adapter in threads of their own: slots and settings. */
#include <pthread.h>

#include "tests/unit/services/network/network_rig.h"

#define ROUNDS	  4000u
#define IN_FLIGHT 12u

static struct rig rig;
static u32 running;

struct worker {
	struct network_vsp *vsp;
	u32 frames;
	u32 news;
	bool torn;
};

static enum vmbus_status complete(struct network_vsp *vsp, u64 id)
{
	struct network_vsp_action action;
	const struct packet_view view = {
		.type = PACKET_COMPLETION,
		.transaction_id = id,
	};

	return network_vsp_receive(vsp, &view, &action);
}

/* Whether the key is that of one moment: all its bytes are the same. */
static bool is_torn(const struct network_vsp *vsp)
{
	const u8 *key = vsp->settings.rss.key;
	u32 i;

	for (i = 1; i < NETWORK_RSS_KEY_BYTES; i++) {
		if (key[i] != key[0])
			return true;
	}
	return false;
}

static bool send_one(struct worker *worker, struct network_rx_place *place,
		     u16 *id)
{
	static const u8 frame[100];
	const struct network_rx rx = {
		.head = frame,
		.head_bytes = sizeof(frame),
		.frame_bytes = sizeof(frame),
		.tag = NETWORK_UNTAGGED,
	};
	struct network_rx_batch batch = { 0 };

	if (network_vsp_rx_reserve(worker->vsp, place, sizeof(frame)) ||
	    network_vsp_rx_add(worker->vsp, place, &rx, &batch))
		return false;
	*id = batch.first;
	network_vsp_rx_sent(worker->vsp, &batch);
	port_store(&worker->frames, worker->frames + 1);
	return true;
}

static void *work(void *context)
{
	struct worker *worker = context;
	struct network_rx_place place = { 0 };
	struct network_rx_batch none = { 0 };
	u16 ids[IN_FLIGHT];
	u32 i, count;

	while (__atomic_load_n(&running, __ATOMIC_ACQUIRE)) {
		if (network_vsp_settings(worker->vsp)) {
			port_store(&worker->news, worker->news + 1);
			worker->torn |= is_torn(worker->vsp);
		}
		for (count = 0; count < IN_FLIGHT; count++) {
			if (!send_one(worker, &place, &ids[count]))
				break;
		}
		for (i = 0; i < count; i++)
			worker->torn |=
				complete(worker->vsp, ids[i]) != VMBUS_OK;
	}
	network_vsp_rx_release(worker->vsp, &place, &none);
	return NULL;
}

static void set_key(u8 byte)
{
	struct {
		struct ndis_rss_parameters parameters;
		u32 table[1];
		u8 key[40];
	} info = {
		.parameters = {
			.hash = NETWORK_HASH_TOEPLITZ,
			.table_bytes = 4,
			.table_offset_bytes = 40,
			.key_bytes = 40,
			.key_offset_bytes = 44,
		},
	};

	memset(info.key, byte, sizeof(info.key));
	assert_int_equal(rig_set(&rig, OID_RSS_PARAMETERS, &info, sizeof(info)),
			 RNDIS_STATUS_SUCCESS);
}

static bool all_took_part(const struct worker *workers)
{
	u32 i;

	for (i = 0; i < RIG_CHANNELS - 1; i++) {
		if (port_load(&workers[i].frames) < 1000 ||
		    port_load(&workers[i].news) < 100)
			return false;
	}
	return true;
}

static void slots_and_settings_are_shared(void **state)
{
	struct worker workers[RIG_CHANNELS - 1] = { 0 };
	pthread_t threads[RIG_CHANNELS - 1];
	u32 i, free_count = 0;

	(void)state;
	rig_open(&rig, NULL);
	/* Few slots, so that the channels meet in each word. */
	rig.receive_bytes = 24 * 1664;
	rig_run(&rig, NETWORK_VERSION_61, 0xf);
	running = 1;
	for (i = 0; i < RIG_CHANNELS - 1; i++) {
		workers[i].vsp = &rig.vsp[i + 1];
		assert_int_equal(
			pthread_create(&threads[i], NULL, work, &workers[i]),
			0);
	}
	/* However late the others come to it. */
	for (i = 0; i < ROUNDS || !all_took_part(workers); i++)
		set_key((u8)i);
	__atomic_store_n(&running, 0, __ATOMIC_RELEASE);
	for (i = 0; i < RIG_CHANNELS - 1; i++) {
		pthread_join(threads[i], NULL);
		assert_false(workers[i].torn);
	}
	for (i = 0; i < NETWORK_SLOTS_MAX / 32; i++)
		free_count +=
			(u32)__builtin_popcount(rig.shared.receive.free[i]);
	assert_int_equal(free_count, 24);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_and_settings_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
