/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Well-behaved ends: connecting, opening, packets, closing, coming back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/sim/pair.h"
#include "vmbus/messages.h"

static struct vmbus_offer device(u8 number, u16 subchannel_index)
{
	struct vmbus_offer offer = {
		.type.bytes = { 0x31, 0x60, 0x0b, 0x0e, number },
		.instance.bytes = { 0xe7, 0x4f, 0xd7, 0xb6, number },
		.flags = VMBUS_OFFER_ENUMERATE,
		.subchannel_index = subchannel_index,
	};

	return offer;
}

/* As many packets each way as wrap the ring a few times, all intact. */
static void exchange(struct sim_channel *channel, u32 rounds)
{
	u8 out[1024], in[1024];
	struct packet_view view;
	u32 i;

	for (i = 0; i < rounds; i++) {
		struct sim_end *from = i % 3 ? &channel->guest : &channel->host;
		u32 size = 8 + 8 * (i * 7 % 127);

		memset(out, (int)i, size);
		assert_int_equal(sim_send(from, out, size, i, i % 2), VMBUS_OK);
		assert_true(from->peer->signalled);
		from->peer->signalled = false;
		assert_true(sim_receive(from->peer, in, sizeof(in), &view));
		assert_int_equal(view.payload_bytes, size);
		assert_int_equal(view.transaction_id, i);
		assert_int_equal(view.flags, i % 2);
		assert_memory_equal(in, out, size);
		assert_false(sim_receive(from->peer, in, sizeof(in), &view));
	}
}

static void every_version_connects_and_carries_packets(void **state)
{
	const struct vmbus_version_rule *versions;
	struct vmbus_offer offer = device(1, 0);
	u32 count, i, tried = 0;

	(void)state;
	versions = vmbus_versions(&count);
	for (i = 0; i < count; i++) {
		struct sim_pair_config config = { .seed = i,
						  .version =
							  versions[i].version };
		struct sim_channel *channel;
		struct sim_pair *pair;

		/* The guest end reads no interrupt page. */
		if (!versions[i].offered ||
		    versions[i].version < VMBUS_VERSION_2_4)
			continue;
		pair = sim_pair_create(&config);
		assert_int_equal(vmbus_host_version(&pair->bus.host),
				 versions[i].version);
		assert_int_equal(vmbus_guest_version(&pair->bus.guest),
				 versions[i].version);
		assert_int_equal(pair->bus.slot_vp,
				 versions[i].version >= VMBUS_VERSION_3_0);
		assert_int_equal(pair->bus.slot_sint, VMBUS_MESSAGE_SINT);
		channel = sim_pair_open(pair, &offer, 4);
		exchange(channel, 100);
		assert_int_equal(pair->violations, 0);
		sim_pair_destroy(pair);
		tried++;
	}
	assert_int_equal(tried, 8);
}

static void a_channel_closes_and_opens_again(void **state)
{
	struct sim_pair *pair =
		sim_pair_create(&(struct sim_pair_config){ .seed = 1 });
	struct vmbus_offer offer = device(1, 0);
	struct sim_channel *channel = sim_pair_open(pair, &offer, 8);
	u32 i;

	(void)state;
	for (i = 0; i < 20; i++) {
		exchange(channel, 30);
		sim_pair_close(channel);
		assert_int_equal(sim_memory_taken(&pair->memory), 0);
		sim_pair_reopen(channel);
	}
	assert_int_equal(pair->violations, 0);
	sim_pair_destroy(pair);
}

static void a_ring_of_many_pages_needs_bodies(void **state)
{
	struct sim_pair *pair =
		sim_pair_create(&(struct sim_pair_config){ .seed = 2 });
	u32 pages;

	(void)state;
	/* 26 pages fit the header, 54 one body more: both sides of each. */
	for (pages = 2; pages <= SIM_RING_PAGES_MAX; pages++) {
		struct vmbus_offer offer = device(1, 0);
		struct sim_channel *channel =
			sim_pair_open(pair, &offer, pages);

		exchange(channel, 20);
		sim_pair_rescind(channel);
	}
	assert_int_equal(pair->violations, 0);
	sim_pair_destroy(pair);
}

static void rescind_ends_and_a_new_offer_begins(void **state)
{
	struct sim_pair *pair =
		sim_pair_create(&(struct sim_pair_config){ .seed = 3 });
	struct vmbus_offer other = device(2, 0);
	struct sim_channel *witness = sim_pair_open(pair, &other, 4);
	u32 i;

	(void)state;
	for (i = 0; i < 100; i++) {
		struct vmbus_offer offer = device(1, 0);
		struct sim_channel *channel = sim_pair_open(pair, &offer, 4);

		exchange(channel, 3);
		sim_pair_rescind(channel);
		assert_int_equal(sim_memory_taken(&pair->memory), 8);
	}
	exchange(witness, 10);
	assert_int_equal(pair->violations, 0);
	sim_pair_destroy(pair);
}

static void unload_and_crash_lead_to_a_new_connection(void **state)
{
	struct sim_pair *pair =
		sim_pair_create(&(struct sim_pair_config){ .seed = 4 });
	struct vmbus_offer first = device(1, 0), second = device(2, 0);
	struct sim_channel *a = sim_pair_open(pair, &first, 4);
	struct sim_channel *b = sim_pair_open(pair, &second, 4);
	u32 i;

	(void)state;
	for (i = 0; i < 10; i++) {
		exchange(a, 10);
		exchange(b, 10);
		if (i % 2)
			sim_pair_reconnect(pair);
		else
			sim_pair_crash(pair);
		assert_true(a->host.open && a->guest.open);
		assert_true(b->host.open && b->guest.open);
	}
	assert_int_equal(pair->violations, 0);
	sim_pair_destroy(pair);
}

static void subchannels_go_with_their_primary(void **state)
{
	struct sim_pair *pair =
		sim_pair_create(&(struct sim_pair_config){ .seed = 5 });
	struct vmbus_offer primary = device(1, 0), sub1 = device(1, 1),
			   sub2 = device(1, 2);
	struct sim_channel *channel = sim_pair_open(pair, &primary, 4);
	struct sim_channel *one = sim_pair_open(pair, &sub1, 4);
	struct sim_channel *two = sim_pair_open(pair, &sub2, 4);
	u32 relid;

	(void)state;
	exchange(one, 10);
	exchange(two, 10);
	sim_pair_close(channel);
	assert_int_equal(one->relid, 0);
	assert_int_equal(two->relid, 0);
	assert_false(one->host.open || one->guest_has_it);
	assert_int_equal(sim_memory_taken(&pair->memory), 0);
	one->used = two->used = false;

	/* None while the primary is closed. */
	assert_int_equal(vmbus_host_offer(&pair->bus.host, &sub1, &relid),
			 VMBUS_BAD_ARGUMENT);
	sim_pair_reopen(channel);
	one = sim_pair_open(pair, &sub1, 4);
	exchange(one, 10);
	sim_pair_reconnect(pair);
	assert_false(one->used);
	exchange(channel, 10);
	assert_int_equal(pair->violations, 0);
	sim_pair_destroy(pair);
}

static void posts_that_find_no_room_only_take_longer(void **state)
{
	u32 seed;

	(void)state;
	for (seed = 0; seed < 50; seed++) {
		struct sim_pair_config config = { .seed = seed,
						  .busy_percent = 80 };
		struct sim_pair *pair = sim_pair_create(&config);
		struct vmbus_offer first = device(1, 0), second = device(2, 0);
		struct sim_channel *a = sim_pair_open(pair, &first, 32);
		struct sim_channel *b = sim_pair_open(pair, &second, 3);

		exchange(a, 5);
		sim_pair_close(a);
		sim_pair_reconnect(pair);
		exchange(b, 5);
		sim_pair_rescind(b);
		assert_int_equal(pair->violations, 0);
		sim_pair_destroy(pair);
	}
}

static void a_refused_open_leaves_nothing_open(void **state)
{
	struct sim_pair *pair =
		sim_pair_create(&(struct sim_pair_config){ .seed = 6 });
	struct vmbus_offer offer = device(1, 0);
	struct sim_channel *channel = sim_pair_open(pair, &offer, 4);

	(void)state;
	sim_pair_close(channel);
	pair->refuse_open = true;
	channel->auto_open = true;
	sim_pair_reconnect(pair);
	assert_false(channel->host.open || channel->guest.open);
	assert_int_equal(channel->open_status, VMBUS_RESULT_REFUSED);
	assert_int_equal(sim_memory_mapped(&pair->memory), 0);
	assert_int_equal(pair->violations, 0);
	sim_pair_destroy(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version_connects_and_carries_packets),
		cmocka_unit_test(a_channel_closes_and_opens_again),
		cmocka_unit_test(a_ring_of_many_pages_needs_bodies),
		cmocka_unit_test(rescind_ends_and_a_new_offer_begins),
		cmocka_unit_test(unload_and_crash_lead_to_a_new_connection),
		cmocka_unit_test(subchannels_go_with_their_primary),
		cmocka_unit_test(posts_that_find_no_room_only_take_longer),
		cmocka_unit_test(a_refused_open_leaves_nothing_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
