/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A guest that lies in one place: all else goes on. */
#define _GNU_SOURCE
#include <stdio.h>

#include "tests/sim_machine/sim_vm.h"

/* What is done to the rings of one service. */
struct attack {
	enum service_index service;
	void (*harm)(struct sim_guest *guest,
		     struct sim_guest_channel *channel);
};

static void signal_host(struct sim_guest *guest,
			struct sim_guest_channel *channel)
{
	sim_machine_signal(guest->machine, channel->connection_id);
}

static void strike(struct sim_guest *guest, void *context)
{
	const struct attack *attack = context;
	struct sim_guest_channel *channel = sim_guest_channel(attack->service);

	if (!channel)
		return;
	/* It does not look at this channel any more. */
	guest->allowance[attack->service] = 0;
	attack->harm(guest, channel);
	signal_host(guest, channel);
}

static struct ring_header *written(struct sim_guest_channel *channel)
{
	return channel->at[0];
}

static struct ring_header *read_by_guest(struct sim_guest_channel *channel)
{
	return channel->at[1];
}

static void write_index_outside(struct sim_guest *guest,
				struct sim_guest_channel *channel)
{
	(void)guest;
	port_store(&written(channel)->write_index, 0x7ffffff8u);
}

static void write_index_goes_back(struct sim_guest *guest,
				  struct sim_guest_channel *channel)
{
	u32 size = 3 * VMBUS_PAGE_BYTES;
	u32 at = port_load(&written(channel)->write_index);

	(void)guest;
	port_store(&written(channel)->write_index, (at + size - 64) % size);
}

/* Space that was given back is taken again. */
static void read_index_goes_back(struct sim_guest *guest,
				 struct sim_guest_channel *channel)
{
	u32 size = 3 * VMBUS_PAGE_BYTES;
	u32 at = port_load(&read_by_guest(channel)->read_index);

	(void)guest;
	port_store(&read_by_guest(channel)->read_index,
		   (at + size - 64) % size);
	/* The host looks at it when space is short; make it sure. */
	port_store(&written(channel)->write_index, 12u);
}

static void write_index_odd(struct sim_guest *guest,
			    struct sim_guest_channel *channel)
{
	(void)guest;
	port_store(&written(channel)->write_index,
		   port_load(&written(channel)->write_index) + 3);
}

static void read_index_outside(struct sim_guest *guest,
			       struct sim_guest_channel *channel)
{
	(void)guest;
	port_store(&read_by_guest(channel)->read_index, 0xfffffff0u);
	/* The host looks when it wants to write. */
	port_store(&written(channel)->write_index, 12u);
}

/* A packet that is longer than what was published. */
static void packet_runs_over(struct sim_guest *guest,
			     struct sim_guest_channel *channel)
{
	u32 at = port_load(&written(channel)->write_index);
	struct packet_descriptor head = {
		.type = PACKET_DATA_INBAND,
		.offset8 = 2,
		.length8 = 0xffff,
	};

	(void)guest;
	memcpy((u8 *)channel->at[0] + RING_HEADER_BYTES + at, &head,
	       sizeof(head));
	port_store_release(&written(channel)->write_index,
			   (at + 64) % (3 * VMBUS_PAGE_BYTES));
}

static void packet(struct sim_guest_channel *channel, const void *payload,
		   u32 bytes)
{
	struct ring_vec vec = { payload, bytes };
	struct packet_out out = {
		.type = PACKET_DATA_INBAND,
		.vec = &vec,
		.vec_count = 1,
		.transaction_id = 1,
	};

	packet_write(&channel->tx, &out);
	ring_publish(&channel->tx);
}

/* Well framed, and no message of any service. */
static void packet_of_nonsense(struct sim_guest *guest,
			       struct sim_guest_channel *channel)
{
	u8 nonsense[64];

	(void)guest;
	memset(nonsense, 0xa5, sizeof(nonsense));
	packet(channel, nonsense, sizeof(nonsense));
}

static void packet_too_short(struct sim_guest *guest,
			     struct sim_guest_channel *channel)
{
	(void)guest;
	packet(channel, "\0\0\0\0\0\0\0", 8);
}

static void (*const harms[])(struct sim_guest *, struct sim_guest_channel *) = {
	write_index_outside, write_index_goes_back, read_index_goes_back,
	write_index_odd,     read_index_outside,    packet_runs_over,
	packet_of_nonsense,  packet_too_short,
};

static void others_go_on(enum service_index service)
{
	for (int i = 0; i < SERVICE_COUNT; i++)
		if (i != (int)service)
			assert_string_equal(sim_service(i, "primary_status"),
					    "OK");
	if (service == SERVICE_KVP)
		return;
	sim_ok(sim_client, "kvp.set",
	       json_pack("{s:s, s:s}", "key", "k", "value", "v"));
}

static void enabled_again(enum service_index service)
{
	json_t *params = json_pack("{s:s}", "service",
				   service_names[service].short_name);

	sim_ok(sim_client, "vm.disable", json_incref(params));
	assert_string_equal(sim_service(service, "primary_status"), "Disabled");
	SIM_GUEST(sim_guest.allowance[service] = SIM_UNLIMITED);
	sim_ok(sim_client, "vm.enable", params);
	SIM_UNTIL(sim_status_is(service, "OK"));
}

static void test_every_lie_on_every_channel(void **state)
{
	(void)state;
	for (size_t i = 0; i < PORT_ARRAY_SIZE(harms); i++) {
		for (int service = 0; service < SERVICE_COUNT; service++) {
			struct attack attack = { service, harms[i] };

			sim_guest_do(strike, &attack);
			SIM_UNTIL(sim_status_is(service, "Error"));
			assert_true(strlen(sim_service(
					    service, "secondary_status")) > 8);
			others_go_on(service);
			assert_string_equal(
				sim_service(service, "primary_status"),
				"Error");
			enabled_again(service);
		}
	}
}

/* Enabled without being disabled first: the way out of an error, too. */
static void test_enable_alone(void **state)
{
	struct attack attack = { SERVICE_KVP, write_index_odd };
	json_t *answer;

	(void)state;
	sim_guest_do(strike, &attack);
	SIM_UNTIL(sim_status_is(SERVICE_KVP, "Error"));
	sim_refused(sim_client, "kvp.enumerate", NULL, "guest-error");
	SIM_GUEST(sim_guest.allowance[SERVICE_KVP] = SIM_UNLIMITED);
	answer = sim_call(sim_client, "vm.enable",
			  json_pack("{s:s}", "service", "kvp"));
	assert_true(json_is_true(json_object_get(answer, "changed")));
	json_decref(answer);
	SIM_UNTIL(sim_status_is(SERVICE_KVP, "OK"));
}

/* Requests under way on the channel that breaks are answered. */
static void test_requests_are_answered(void **state)
{
	struct attack attack = { SERVICE_KVP, packet_of_nonsense };
	char reason[32];
	uint64_t id;

	(void)state;
	SIM_GUEST(sim_guest.allowance[SERVICE_KVP] = 0);
	id = sim_send(sim_client, "kvp.enumerate", NULL);
	sim_guest_do(strike, &attack);
	assert_null(sim_answer(sim_client, id, reason));
	assert_string_equal(reason, "no-contact");
}

/* Tell the truth again, close and open: no way around the administrator. */
static void reopen(struct sim_guest *guest, void *context)
{
	struct sim_guest_channel *channel = sim_guest_channel(SERVICE_KVP);
	struct vmbus_message_relid close = {
		.header.type = VMBUS_MESSAGE_CLOSE,
		.relid = channel->relid,
	};
	struct vmbus_message_open open = {
		.header.type = VMBUS_MESSAGE_OPEN,
		.relid = channel->relid,
		.open_id = channel->relid,
		.ring_gpadl = channel->gpadl,
		.downstream_page_offset = SIM_GUEST_RING_PAGES,
	};

	(void)context;
	guest->allowance[SERVICE_KVP] = 0;
	port_store(&written(channel)->write_index, 12u);
	signal_host(guest, channel);
	sim_machine_post(guest->machine, VMBUS_CONNECTION_ID_CONTACT_5, 1,
			 &close, sizeof(close));
	ring_format(channel->at[0]);
	ring_format(channel->at[1]);
	sim_machine_post(guest->machine, VMBUS_CONNECTION_ID_CONTACT_5, 1,
			 &open, sizeof(open));
}

static void test_reopening_does_not_help(void **state)
{
	(void)state;
	/* Whether the lie is seen before the closing is a race. */
	sim_guest_do(reopen, NULL);
	for (int i = 0; i < 20; i++)
		others_go_on(SERVICE_KVP);
	assert_false(sim_status_is(SERVICE_KVP, "OK"));
	enabled_again(SERVICE_KVP);
	/* The guest's own engine knew nothing of it. */
	SIM_GUEST(sim_guest.wrong = NULL);
}

/* Answers that nobody asked for, as fast as the guest can. */
static void flood(struct sim_guest *guest, void *context)
{
	const u32 *rounds = context;
	struct sim_guest_channel *channel = sim_guest_channel(SERVICE_TIMESYNC);
	struct {
		struct ic_pipe_header pipe;
		struct ic_header header;
	} __attribute__((packed)) late = {
		.pipe = { IC_PIPE_DATA, sizeof(late.header) },
		.header = {
			.framework_version = IC_VERSION(3, 0),
			.message_type = IC_MESSAGE_TIMESYNC,
			.message_version = IC_VERSION(4, 0),
			.transaction_id = 1,
			.flags = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE,
		},
	};

	if (!channel)
		return;
	for (u32 i = 0; i < *rounds; i++) {
		packet(channel, &late, sizeof(late));
		signal_host(guest, channel);
	}
}

/*
 * The ring towards the guest is full, and packets of the guest wait that the
 * host must not take before it can answer: it waits, and holds up nobody.
 */
static void test_full_ring(void **state)
{
	static u32 one = 1;
	u32 packets;

	(void)state;
	SIM_GUEST(sim_guest.patient = true);
	SIM_GUEST(sim_guest.allowance[SERVICE_TIMESYNC] = 0);
	/* Each time that the guest goes on it is told the time. */
	for (int i = 0; i < 250; i++) {
		sim_ok(sim_client, "vm.pause", NULL);
		sim_ok(sim_client, "vm.resume", NULL);
	}
	sim_guest_do(flood, &one);
	for (int i = 0; i < 5; i++)
		others_go_on(SERVICE_TIMESYNC);
	packets = SIM_GUEST(sim_guest.packets[SERVICE_TIMESYNC]);
	SIM_GUEST(sim_guest.allowance[SERVICE_TIMESYNC] = SIM_UNLIMITED);
	sim_guest_kick();
	SIM_UNTIL(SIM_GUEST(sim_guest.packets[SERVICE_TIMESYNC]) >
		  packets + 50);
	sim_all_ok();
}

static void test_flood_of_packets(void **state)
{
	static u32 rounds = 20000;

	(void)state;
	for (int i = 0; i < 5; i++) {
		sim_guest_do(flood, &rounds);
		others_go_on(SERVICE_TIMESYNC);
	}
}

/* ---- messages ---- */

static u64 random_next(u64 *random)
{
	*random = *random * 6364136223846793005u + 1442695040888963407u;
	return *random >> 33;
}

/* Messages of any type and size with anything inside, not those that end the
 * connection. */
static void rave(struct sim_guest *guest, void *context)
{
	u64 *random = context;
	u8 message[MACHINE_MESSAGE_MAX_BYTES];

	for (u32 i = 0; i < 500; i++) {
		u32 bytes = (u32)(random_next(random) % sizeof(message));
		u32 type = (u32)(random_next(random) % 26);

		if (type == VMBUS_MESSAGE_CONTACT ||
		    type == VMBUS_MESSAGE_UNLOAD ||
		    type == VMBUS_MESSAGE_CLOSE ||
		    type == VMBUS_MESSAGE_RELID_RELEASED ||
		    type == VMBUS_MESSAGE_GPADL_TEARDOWN ||
		    type == VMBUS_MESSAGE_MODIFY)
			type = 25 + type;
		for (u32 j = 0; j < bytes; j++)
			message[j] = (u8)random_next(random);
		if (bytes >= 8) {
			memcpy(message, &type, sizeof(type));
			memset(message + 4, 0, 4);
		}
		sim_machine_post(guest->machine, (u32)(random_next(random) % 6),
				 1, message, bytes);
	}
}

static void test_random_messages(void **state)
{
	u64 random = 20261121;

	(void)state;
	for (int i = 0; i < 40; i++) {
		sim_guest_do(rave, &random);
		if (i % 10 == 0)
			others_go_on(SERVICE_COUNT);
	}
	others_go_on(SERVICE_COUNT);
	/* What the guest is told in answer is not its fault. */
	SIM_GUEST(sim_guest.wrong = NULL);
}

/* A flood of violations leaves room for other news. */
static void test_violations_do_not_flood_the_log(void **state)
{
	u64 random = 7;
	unsigned int violations = 0;
	json_t *event;
	const char *kind;

	(void)state;
	for (int i = 0; i < 20; i++)
		sim_guest_do(rave, &random);
	sim_ok(sim_client, "vm.nmi", NULL);
	sim_ok(sim_client, "events.follow", json_pack("{s:b}", "replay", 1));
	do {
		event = sim_notified(sim_client, "event", NULL);
		kind = json_string_value(json_object_get(event, "event"));
		violations += !strcmp(kind, "violation");
		if (!strcmp(kind, "started"))
			violations += 1000;
		if (!strcmp(kind, "nmi"))
			violations += 2000;
		json_decref(event);
	} while (violations < 2000);
	/* The start of the VM is still in the log. */
	assert_in_range(violations, 3016, 3060);
	SIM_GUEST(sim_guest.wrong = NULL);
}

/* The guest never takes its messages: nothing piles up, all comes later. */
static void test_slots_never_emptied(void **state)
{
	(void)state;
	SIM_GUEST(sim_guest.hung = true);
	for (int i = 0; i < 100; i++) {
		sim_ok(sim_client, "vm.disable",
		       json_pack("{s:s}", "service", "kvp"));
		sim_ok(sim_client, "vm.enable",
		       json_pack("{s:s}", "service", "kvp"));
	}
	SIM_GUEST(sim_guest.hung = false);
	sim_guest_kick();
	SIM_UNTIL(sim_status_is(SERVICE_KVP, "OK"));
	sim_all_ok();
}

/* Switched off SynIC: the host drops what it has to say. */
static void synic(struct sim_guest *guest, void *context)
{
	sim_machine_synic(guest->machine, 0, *(bool *)context);
}

static void test_synic_off(void **state)
{
	bool off = false, on = true;

	(void)state;
	sim_guest_do(synic, &off);
	sim_ok(sim_client, "vm.disable", json_pack("{s:s}", "service", "kvp"));
	sim_ok(sim_client, "vm.enable", json_pack("{s:s}", "service", "kvp"));
	sim_ok(sim_client, "vm.counters", NULL);
	sim_guest_do(synic, &on);
	sim_guest_do(sim_guest_restart, NULL);
	SIM_UNTIL(SIM_GUEST(sim_guest.boots) == 2);
	sim_all_ok();
}

/* All of ring memory and its indices scribbled over while it is in use. */
static void scribble(struct sim_guest *guest, void *context)
{
	u64 *random = context;

	for (u32 i = 0; i < 200; i++) {
		int service = i % 2 ? SERVICE_VSS : SERVICE_FCOPY;
		struct sim_guest_channel *channel = sim_guest_channel(service);
		u64 where = random_next(random);
		u32 *word;

		if (!channel)
			continue;
		word = (u32 *)((u8 *)channel->at[where & 1] +
			       (where % 3 ? (where >> 1) % 5 * 4
					  : (where >> 1) % 16384 / 4 * 4));
		port_store(word, (u32)random_next(random) %
					 (where % 5 ? 0x4000 : 0xffffffff));
		signal_host(guest, channel);
	}
}

static void test_scribbled_rings(void **state)
{
	u64 random = 42;

	(void)state;
	SIM_GUEST(sim_guest.allowance[SERVICE_VSS] = 0);
	SIM_GUEST(sim_guest.allowance[SERVICE_FCOPY] = 0);
	for (int i = 0; i < 60; i++) {
		sim_send(sim_client, "vss.check", NULL);
		sim_guest_do(scribble, &random);
		assert_string_equal(
			sim_service(SERVICE_HEARTBEAT, "primary_status"), "OK");
		assert_string_equal(sim_service(SERVICE_KVP, "primary_status"),
				    "OK");
		if (i % 4)
			continue;
		sim_ok(sim_client, "vm.enable",
		       json_pack("{s:s}", "service", "vss"));
		sim_ok(sim_client, "vm.enable",
		       json_pack("{s:s}", "service", "fcopy"));
	}
	SIM_GUEST(sim_guest.wrong = NULL);
	enabled_again(SERVICE_VSS);
	enabled_again(SERVICE_FCOPY);
	SIM_GUEST(sim_guest.wrong = NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_every_lie_on_every_channel),
		SIM_TEST(test_enable_alone),
		SIM_TEST(test_requests_are_answered),
		SIM_TEST(test_reopening_does_not_help),
		SIM_TEST(test_full_ring),
		SIM_TEST(test_flood_of_packets),
		SIM_TEST(test_random_messages),
		SIM_TEST(test_violations_do_not_flood_the_log),
		SIM_TEST(test_slots_never_emptied),
		SIM_TEST(test_synic_off),
		SIM_TEST(test_scribbled_rings),
	};

	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
