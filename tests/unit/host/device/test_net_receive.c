/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Frames from a port to the channels of an adapter, where the rings are full.
 * The engine is the real one; the bus and the port are counters here.
 */
#define _GNU_SOURCE
#include "tests/unit/services/network/network_rig.h"

#include <errno.h>

#include "host/device/net_internal.h"

#define FRAMES_MAX 200u
#define PORT_AT	   34u /* of the frame: TCP's source */
/* What has to be free for one more packet to be begun, as the device asks. */
#define ENOUGH                                                                 \
	(2 * packet_ring_bytes(                                                \
		     sizeof(struct packet_transfer_header) +                   \
			     NETWORK_BATCH_RANGES *                            \
				     sizeof(struct packet_transfer_range),     \
		     NETWORK_MESSAGE_BYTES))

struct bus_channel {
	bool open;
	u32 room;    /* of the ring, in bytes */
	u32 asked;   /* the last time that there was not enough */
	u32 refused; /* sends without room */
};

static struct rig rig;
static struct adapter adapter;
static struct bus_channel channels[RIG_CHANNELS];
static struct adapter_channel places[RIG_CHANNELS];
static struct net_worker *workers[RIG_CHANNELS];
/* The port: frames are numbered by where they come from. */
static u32 given, ready;
/* The guest: where each frame was seen, plus 1. */
static u32 seen[FRAMES_MAX], seen_count;

/* ---- the bus ---- */

bool bus_channel_open(const struct bus_channel *channel)
{
	return channel->open;
}

bool bus_channel_room(struct bus_channel *channel, u32 bytes)
{
	channel->asked = channel->room < bytes ? bytes : 0;
	return !channel->asked;
}

void bus_channel_flush(struct bus_channel *channel)
{
	assert_true(channel->open);
}

static void guest_sees(u32 channel, const struct packet_transfer_range *range)
{
	const struct ring_vec piece = { rig.receive + range->offset_bytes,
					range->size_bytes };
	struct network_packet packet;
	const u8 *frame;
	u32 number;

	assert_int_equal(
		network_packet_read(&piece, 1, 0, piece.size_bytes, &packet),
		VMBUS_OK);
	frame = (const u8 *)piece.base + packet.frame_offset;
	number = (u32)frame[PORT_AT] << 8 | frame[PORT_AT + 1];
	assert_true(number < given);
	assert_int_equal(seen[number], 0);
	seen[number] = channel + 1;
	seen_count++;
}

enum vmbus_status bus_channel_send(struct bus_channel *channel,
				   const struct packet_out *packet)
{
	u32 bytes = packet_ring_bytes(sizeof(struct packet_transfer_header) +
					      packet->range_bytes,
				      packet->vec->size_bytes);
	const struct packet_transfer_range *ranges = packet->ranges;

	assert_true(channel->open);
	if (channel->room < bytes) {
		channel->refused++;
		return VMBUS_AGAIN;
	}
	channel->room -= bytes;
	for (u32 i = 0; i < packet->range_count; i++)
		guest_sees((u32)(channel - channels), &ranges[i]);
	return VMBUS_OK;
}

/* ---- the port ---- */

ssize_t net_queue_receive(struct net_queue *queue, struct network_vnet *vnet,
			  const struct iovec *iov, int count)
{
	u8 frame[NETWORK_HEAD_BYTES];
	u32 bytes = rig_frame(frame, 4, 0, false);

	assert_ptr_equal(queue, &ready);
	assert_true(count > 0 && iov->iov_len >= bytes);
	if (!ready)
		return -EAGAIN;
	ready--;
	/* To the guest. */
	memcpy(frame, rig.shared.options.address, 6);
	network_put_be16(frame + PORT_AT, given++);
	memcpy(iov->iov_base, frame, bytes);
	memset(vnet, 0, sizeof(*vnet));
	return bytes;
}

/* ---- the device ---- */

static void worker_open(u32 index)
{
	struct net_worker *worker = calloc(1, sizeof(*worker));

	places[index].worker = workers[index] = worker;
	worker->place = &places[index];
	worker->adapter = &adapter;
	worker->channel = &channels[index];
	worker->queue = (struct net_queue *)&ready;
	worker->link_up = true;
	worker->vsp = rig.vsp[index];
	network_vsp_settings(&worker->vsp);
	assert_true(net_worker_batches_make(worker));
	channels[index].open = true;
}

/* The primary, and sub-channels as many as @open; frames go to all three. */
static void adapter_open(u32 open)
{
	struct network_rss *rss;

	memset(channels, 0, sizeof(channels));
	memset(places, 0, sizeof(places));
	memset(workers, 0, sizeof(workers));
	memset(seen, 0, sizeof(seen));
	given = ready = seen_count = 0;
	rig_open(&rig, NULL);
	/* A slot for every frame: nothing is completed here. */
	rig.receive_bytes = 4 * RIG_RECEIVE_BYTES;
	rig_run(&rig, NETWORK_VERSION_61, 0xf);
	memset(&adapter, 0, sizeof(adapter));
	pthread_mutex_init(&adapter.lock, NULL);
	adapter.config.backend = RUN_NET_USER;
	adapter.queues = RIG_CHANNELS;
	adapter.channels = &places[0];
	for (u32 i = 0; i < RIG_CHANNELS; i++) {
		places[i].adapter = &adapter;
		places[i].index = (u16)i;
		places[i].next = i + 1 < RIG_CHANNELS ? &places[i + 1] : NULL;
		pthread_mutex_init(&places[i].turn, NULL);
	}
	for (u32 i = 0; i <= open; i++)
		worker_open(i);
	rss = &workers[0]->vsp.settings.rss;
	rss->hash = NETWORK_HASH_TOEPLITZ | NETWORK_HASH_TCP_IPV4;
	rss->table_count = 4;
	for (u32 i = 0; i < 4; i++)
		rss->table[i] = (u16)(i % RIG_CHANNELS);
	for (u32 i = 0; i < NETWORK_RSS_KEY_BYTES; i++)
		rss->key[i] = (u8)(i * 37 + 11);
}

static void adapter_shut(void)
{
	for (u32 i = 0; i < RIG_CHANNELS; i++) {
		pthread_mutex_destroy(&places[i].turn);
		if (workers[i])
			free(workers[i]->batches);
		free(workers[i]);
	}
	pthread_mutex_destroy(&adapter.lock);
	rig_close(&rig);
}

/* The port has @count frames more, and the primary's worker a turn. */
static void frames_come(u32 count)
{
	assert_true(given + ready + count <= FRAMES_MAX);
	ready += count;
	workers[0]->port_ready = true;
	net_worker_receive(workers[0]);
}

static u32 waiting(u32 channel)
{
	return workers[0]->batches[channel].range_count;
}

/* Every frame of the port, once, over channels that are open. */
static void all_are_seen(void)
{
	assert_int_equal(ready, 0);
	assert_int_equal(seen_count, given);
	for (u32 i = 0; i < RIG_CHANNELS; i++)
		assert_int_equal(channels[i].refused, 0);
}

/* ---- the tests ---- */

static void closed_channels_have_the_primary_s_room(void **state)
{
	(void)state;
	adapter_open(0);
	channels[0].room = ENOUGH;
	frames_come(60);
	/* One packet was the primary's own; the others' wait for the guest. */
	assert_int_equal(ready, 0);
	assert_true(waiting(1) && waiting(2));
	assert_int_equal(seen_count, 60 - waiting(1) - waiting(2));
	assert_int_equal(channels[0].asked, ENOUGH);
	/* It reads, and nothing more comes from the port. */
	assert_false(workers[0]->port_ready);
	channels[0].room = ENOUGH;
	net_worker_receive(workers[0]);
	assert_int_equal(!waiting(1) + !waiting(2), 1);
	channels[0].room = 2 * ENOUGH;
	net_worker_receive(workers[0]);
	all_are_seen();
	adapter_shut();
}

static void no_frame_is_lost_to_a_full_ring(void **state)
{
	u32 taken;

	(void)state;
	adapter_open(0);
	/* Turn by turn the guest makes room for one packet and no more. */
	for (taken = 0; taken < 180; taken += 60) {
		channels[0].room = ENOUGH;
		frames_come(60);
	}
	for (u32 i = 0; i < 20; i++) {
		channels[0].room = ENOUGH;
		net_worker_receive(workers[0]);
	}
	assert_int_equal(given, 180);
	all_are_seen();
	adapter_shut();
}

static void a_batch_is_sent_when_its_ring_has_room(void **state)
{
	u32 left;

	(void)state;
	adapter_open(2);
	channels[0].room = channels[2].room = 4 * ENOUGH;
	frames_come(60);
	left = waiting(1);
	assert_true(left && !waiting(0) && !waiting(2));
	assert_int_equal(seen_count, 60 - left);
	assert_true(workers[1]->awaited);
	assert_false(net_worker_room_came(workers[1]));
	/* Its guest reads; the port has been empty since. */
	assert_false(workers[0]->port_ready);
	channels[1].room = ENOUGH;
	assert_true(net_worker_room_came(workers[1]));
	net_worker_receive(workers[0]);
	all_are_seen();
	assert_int_equal(channels[1].room < ENOUGH, 1);
	adapter_shut();
}

static void a_channel_that_closes_leaves_its_batch(void **state)
{
	(void)state;
	adapter_open(2);
	channels[0].room = channels[2].room = 4 * ENOUGH;
	frames_come(60);
	assert_true(waiting(1));
	channels[1].open = false;
	channels[0].room = 0;
	net_worker_receive(workers[0]);
	assert_true(waiting(1));
	channels[0].room = ENOUGH;
	net_worker_receive(workers[0]);
	all_are_seen();
	adapter_shut();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed_channels_have_the_primary_s_room),
		cmocka_unit_test(no_frame_is_lost_to_a_full_ring),
		cmocka_unit_test(a_batch_is_sent_when_its_ring_has_room),
		cmocka_unit_test(a_channel_that_closes_leaves_its_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
