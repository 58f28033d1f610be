/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The private switch, with ports in this process and in others. */
#define _GNU_SOURCE
#include "net_rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/backend/net/table.h"

#define SEGMENT 1400u

static char folder[] = "/tmp/lis-switch-XXXXXX";
static u8 frame[NETWORK_FRAME_MAX_BYTES];
static const u8 everyone[6] = { 255, 255, 255, 255, 255, 255 };

static void address_of(u32 who, u8 address[6])
{
	const u8 made[6] = { 0x00, 0x15, 0x5d, 0, 0, (u8)who };

	memcpy(address, made, 6);
}

static struct net_options switch_options(u32 who)
{
	struct net_options options = { .kind = NET_SWITCH,
				       .name = "lan",
				       .folder = folder };

	address_of(who, options.address);
	return options;
}

static struct rig switch_open(u32 who)
{
	struct net_options options = switch_options(who);

	return rig_open(&options);
}

/* The earlier ones take in those that came later. */
static void settle(struct rig *rigs, u32 count)
{
	for (u32 i = 0; i < count; i++)
		net_port_news(rigs[i].port);
}

static void rigs_open(struct rig *rigs, u32 count)
{
	for (u32 i = 0; i < count; i++)
		rigs[i] = switch_open(i);
	settle(rigs, count);
}

static void rigs_close(struct rig *rigs, u32 count)
{
	for (u32 i = 0; i < count; i++)
		rig_close(&rigs[i]);
}

/* A datagram from one to another, or to everyone (~0); its payload is @what. */
static u32 frame_make(u32 to, u32 from, u32 tag, u32 what)
{
	struct rig_frame made = { .tag = tag,
				  .version = 4,
				  .protocol = NETWORK_PROTOCOL_UDP,
				  .source = from,
				  .destination = to };

	address_of(to, made.to);
	if (to == ~0u)
		memcpy(made.to, everyone, 6);
	address_of(from, made.from);
	return rig_frame_make(frame, &made, &what, sizeof(what), NULL);
}

static void send_tagged(struct rig *rig, u32 to, u32 from, u32 tag, u32 what)
{
	u32 bytes = frame_make(to, from, tag, what);

	assert_int_equal(rig_send(rig, NULL, frame, bytes), 0);
}

static void send_to(struct rig *rig, u32 to, u32 from, u32 what)
{
	send_tagged(rig, to, from, NETWORK_UNTAGGED, what);
}

/* What of the next frame; ~0: none comes. Sending is done when it returns, so
 * nothing need be waited for within one process. */
static u32 heard_within(struct rig *rig, int timeout_ms)
{
	struct network_vnet vnet;
	u32 what;
	ssize_t ret = rig_receive(rig, &vnet, frame, sizeof(frame), timeout_ms);

	if (ret == -ETIMEDOUT)
		return ~0u;
	assert_true(ret > 42);
	memcpy(&what, frame + ret - sizeof(what), sizeof(what));
	return what;
}

static u32 heard(struct rig *rig)
{
	return heard_within(rig, 0);
}

static void test_addresses_are_learned(void **state)
{
	struct rig rigs[3];

	(void)state;
	rigs_open(rigs, 3);
	send_to(&rigs[0], ~0u, 0, 1);
	assert_int_equal(heard(&rigs[1]), 1);
	assert_int_equal(heard(&rigs[2]), 1);
	/* Nobody has heard from 1 yet but knows where 0 is. */
	send_to(&rigs[1], 0, 1, 2);
	assert_int_equal(heard(&rigs[0]), 2);
	assert_int_equal(heard(&rigs[2]), ~0u);
	send_to(&rigs[0], 1, 0, 3);
	assert_int_equal(heard(&rigs[1]), 3);
	assert_int_equal(heard(&rigs[2]), ~0u);
	/* An address that nobody has goes everywhere, and not back. */
	send_to(&rigs[2], 77, 2, 4);
	assert_int_equal(heard(&rigs[0]), 4);
	assert_int_equal(heard(&rigs[1]), 4);
	assert_int_equal(heard(&rigs[2]), ~0u);
	rigs_close(rigs, 3);
}

static void test_a_source_is_the_adapters_own(void **state)
{
	struct net_options options = switch_options(1);
	struct net_counters counters;
	struct rig rigs[2];
	u8 address[6];

	(void)state;
	rigs[0] = switch_open(0);
	options.any_source = true;
	rigs[1] = rig_open(&options);
	settle(rigs, 2);
	send_to(&rigs[0], ~0u, 5, 1);
	assert_int_equal(heard(&rigs[1]), ~0u);
	net_port_counters(rigs[0].port, &counters);
	assert_int_equal(counters.sent_dropped, 1);
	send_to(&rigs[1], ~0u, 5, 2);
	assert_int_equal(heard(&rigs[0]), 2);
	address_of(5, address);
	net_port_address_set(rigs[0].port, address);
	send_to(&rigs[0], ~0u, 5, 3);
	assert_int_equal(heard(&rigs[1]), 3);
	rigs_close(rigs, 2);
}

static void test_an_address_moves(void **state)
{
	struct rig rigs[3];
	u8 address[6];

	(void)state;
	rigs_open(rigs, 3);
	send_to(&rigs[1], ~0u, 1, 1);
	assert_int_equal(heard(&rigs[0]), 1);
	assert_int_equal(heard(&rigs[2]), 1);
	address_of(1, address);
	net_port_address_set(rigs[2].port, address);
	send_to(&rigs[2], ~0u, 1, 2);
	assert_int_equal(heard(&rigs[0]), 2);
	assert_int_equal(heard(&rigs[1]), 2);
	send_to(&rigs[0], 1, 0, 3);
	assert_int_equal(heard(&rigs[1]), ~0u);
	assert_int_equal(heard(&rigs[2]), 3);
	rigs_close(rigs, 3);
}

static void vlan_set(struct rig *rig, u8 mode, u16 id, u16 first, u16 second)
{
	struct network_vlan vlan = { .mode = mode, .id = id };

	if (first)
		vlan.allowed[first / 32] |= 1u << first % 32;
	if (second)
		vlan.allowed[second / 32] |= 1u << second % 32;
	net_port_vlan_set(rig->port, &vlan);
}

static void test_vlans_are_apart(void **state)
{
	/* Sent with a tag by the open port; who hears it. */
	static const struct {
		u32 tag;
		bool access_10, trunk_10_20, trunk_native_10, untagged;
	} rows[] = {
		{ NETWORK_UNTAGGED, false, true, false, true },
		{ 10, true, true, true, false },
		{ 5u << 13 | 10, true, true, true, false },
		{ 20, false, true, false, false },
		{ 30, false, false, true, false },
		{ 4094, false, false, false, false },
		{ 3u << 13, false, true, false, true }, /* a priority only */
	};
	struct rig rigs[5];

	(void)state;
	rigs_open(rigs, 5);
	vlan_set(&rigs[1], NETWORK_VLAN_ACCESS, 10, 0, 0);
	vlan_set(&rigs[2], NETWORK_VLAN_TRUNK, 0, 10, 20);
	vlan_set(&rigs[3], NETWORK_VLAN_TRUNK, 10, 30, 0);
	vlan_set(&rigs[4], NETWORK_VLAN_ACCESS, 0, 0, 0);
	for (u32 i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		send_tagged(&rigs[0], ~0u, 0, rows[i].tag, i);
		assert_int_equal(heard(&rigs[1]), rows[i].access_10 ? i : ~0u);
		assert_int_equal(heard(&rigs[2]),
				 rows[i].trunk_10_20 ? i : ~0u);
		assert_int_equal(heard(&rigs[3]),
				 rows[i].trunk_native_10 ? i : ~0u);
		assert_int_equal(heard(&rigs[4]), rows[i].untagged ? i : ~0u);
	}
	/* And nobody sends into another VLAN. */
	send_tagged(&rigs[1], ~0u, 1, 20, 100);
	send_tagged(&rigs[1], ~0u, 1, NETWORK_UNTAGGED, 101);
	send_tagged(&rigs[1], ~0u, 1, 10, 102);
	assert_int_equal(heard(&rigs[0]), 102);
	assert_int_equal(heard(&rigs[0]), ~0u);
	/* What is known of one VLAN says nothing of another. */
	send_tagged(&rigs[0], 1, 0, 10, 103);
	assert_int_equal(heard(&rigs[2]), 102);
	assert_int_equal(heard(&rigs[2]), ~0u);
	send_tagged(&rigs[0], 1, 0, 20, 104);
	assert_int_equal(heard(&rigs[2]), 104);
	rigs_close(rigs, 5);
}

/* Wants what is sent to everyone. */
static bool is_to_everyone(void *context, const u8 *head, u32 bytes)
{
	(void)context;
	assert_true(bytes >= NETWORK_ETHERNET_BYTES);
	return memcmp(head, everyone, 6) == 0;
}

static void test_a_filter_sees_frames_first(void **state)
{
	struct net_counters counters;
	struct network_vnet vnet;
	struct iovec piece = { frame, sizeof(frame) };
	struct rig rigs[2];

	(void)state;
	rigs_open(rigs, 2);
	for (u32 takes = 0; takes <= NET_TAKES_ALL; takes += NET_TAKES_ALL) {
		net_port_takes_set(rigs[1].port, takes);
		net_queue_filter_set(rigs[1].queue, is_to_everyone, NULL);
		send_to(&rigs[0], 77, 0, 1);
		send_to(&rigs[0], ~0u, 0, 2);
		memset(frame, 0xee, 64);
		assert_int_equal(
			net_queue_receive(rigs[1].queue, &vnet, &piece, 1), 0);
		assert_int_equal(frame[0], 0xee);
		assert_int_equal(heard(&rigs[1]), 2);
		assert_int_equal(heard(&rigs[1]), ~0u);
		net_queue_filter_set(rigs[1].queue, NULL, NULL);
		send_to(&rigs[0], 77, 0, 3);
		assert_int_equal(heard(&rigs[1]), 3);
	}
	net_port_counters(rigs[1].port, &counters);
	assert_int_equal(counters.received_dropped, 2);
	rigs_close(rigs, 2);
}

static void test_segments_are_cut_for_who_wants_it(void **state)
{
	struct rig_frame from = { .tag = NETWORK_UNTAGGED,
				  .version = 6,
				  .protocol = NETWORK_PROTOCOL_TCP,
				  .flags = RIG_ACK | RIG_PSH,
				  .sequence = 0xfffff000,
				  .options_bytes = 12 };
	struct network_headers headers;
	struct network_vnet vnet;
	static u8 data[50000];
	struct rig_frame got;
	struct rig rigs[3];
	u32 bytes, seen = 0, frames = 0;

	(void)state;
	rigs_open(rigs, 3);
	net_port_takes_set(rigs[1].port, NET_TAKES_ALL);
	memcpy(from.to, everyone, 6);
	address_of(0, from.from);
	rig_pattern(data, sizeof(data), 1);
	bytes = rig_frame_make(frame, &from, data, sizeof(data), &vnet);
	rig_frame_segment(&vnet, &from, bytes - (u32)sizeof(data), SEGMENT);
	assert_int_equal(rig_send(&rigs[0], &vnet, frame, bytes), 0);
	assert_int_equal(rig_receive(&rigs[1], &vnet, frame, sizeof(frame), 0),
			 bytes);
	assert_int_equal(vnet.gso_type, NETWORK_GSO_TCP6);
	assert_int_equal(vnet.gso_size, SEGMENT);
	assert_int_equal(vnet.flags, NETWORK_VNET_NEEDS_CSUM);
	while (seen < sizeof(data)) {
		bytes = (u32)rig_receive(&rigs[2], &vnet, frame, 1514, 0);
		assert_true(rig_frame_read(frame, bytes, &got, &headers));
		assert_int_equal(vnet.gso_type, NETWORK_GSO_NONE);
		assert_int_equal(vnet.flags & NETWORK_VNET_NEEDS_CSUM, 0);
		bytes -= headers.payload_offset;
		assert_memory_equal(frame + headers.payload_offset, data + seen,
				    bytes);
		assert_int_equal(got.sequence, from.sequence + seen);
		seen += bytes;
		frames++;
	}
	assert_int_equal(frames, (sizeof(data) + SEGMENT - 1) / SEGMENT);
	rigs_close(rigs, 3);
}

/* Files in the switch's folder. */
static u32 files(void)
{
	char path[64];
	DIR *list;
	u32 count = 0;

	snprintf(path, sizeof(path), "%s/lan.switch", folder);
	list = opendir(path);
	if (!list)
		return 0;
	for (struct dirent *entry; (entry = readdir(list));)
		count += entry->d_name[0] != '.';
	closedir(list);
	return count;
}

/* A process with a port: it says that it is there, then answers what it hears
 * from others for ever. */
static pid_t child_start(u32 who)
{
	struct rig rig;
	pid_t pid = fork();
	u32 what;

	if (pid)
		return pid;
	rig = switch_open(who);
	send_to(&rig, ~0u, who, who);
	while (true) {
		net_port_news(rig.port);
		what = heard_within(&rig, 20);
		if (what != ~0u && what < 1000)
			send_to(&rig, ~0u, who, 1000 + who);
	}
}

static void test_a_killed_peer_is_noticed(void **state)
{
	struct rig rigs[2];
	pid_t pid;

	(void)state;
	rigs_open(rigs, 2);
	pid = child_start(9);
	assert_int_equal(heard_within(&rigs[0], 0), ~0u);
	while (!net_port_news(rigs[0].port) && heard_within(&rigs[0], 10) != 9)
		;
	net_port_news(rigs[1].port);
	assert_int_equal(heard_within(&rigs[1], RIG_WAIT_MS), 9);
	send_to(&rigs[0], 9, 0, 1);
	assert_int_equal(heard_within(&rigs[0], RIG_WAIT_MS), 1009);
	assert_int_equal(files(), 3);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* What it said last may still be there; then it is unknown. */
	while (heard(&rigs[0]) != ~0u || heard(&rigs[1]) != ~0u)
		;
	send_to(&rigs[0], 9, 0, 2);
	assert_int_equal(heard(&rigs[1]), 2);
	send_to(&rigs[1], 0, 1, 3);
	assert_int_equal(heard(&rigs[0]), 3);
	/* Who comes next removes what it left. */
	rig_close(&rigs[1]);
	rigs[1] = switch_open(1);
	assert_int_equal(files(), 2);
	rigs_close(rigs, 2);
	assert_int_equal(files(), 0);
}

/* Many come at the same moment; each is heard by each. */
static void test_many_come_at_once(void **state)
{
	enum { CHILDREN = 6 };
	pid_t pids[CHILDREN];
	u32 answered = 0;
	struct rig rig;

	(void)state;
	for (u32 i = 0; i < CHILDREN; i++)
		pids[i] = child_start(i + 1);
	rig = switch_open(0);
	while (answered != (1u << (CHILDREN + 1)) - 2) {
		u32 what;

		net_port_news(rig.port);
		send_to(&rig, ~0u, 0, 0);
		do {
			what = heard_within(&rig, 20);
			if (what > 1000 && what <= 1000 + CHILDREN)
				answered |= 1u << (what - 1000);
		} while (what != ~0u);
	}
	for (u32 i = 0; i < CHILDREN; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	rig_close(&rig);
}

/* A peer that takes nothing costs its sender little, and others nothing. */
static void test_a_stuck_peer_holds_up_nobody(void **state)
{
	struct net_counters counters = { 0 };
	struct rig rigs[3];
	u32 frames = 0, what;

	(void)state;
	rigs_open(rigs, 3);
	send_to(&rigs[1], ~0u, 1, 1);
	assert_int_equal(heard(&rigs[0]), 1);
	while (!counters.sent_dropped) {
		send_to(&rigs[0], 1, 0, frames++);
		net_port_counters(rigs[0].port, &counters);
	}
	assert_true(frames > 50);
	send_to(&rigs[2], ~0u, 2, ~1u);
	assert_int_equal(heard(&rigs[0]), ~1u);
	/* It takes frames again, and gets them in order; the other's turn comes
	 * somewhere between. */
	for (u32 i = 0; i + 1 < frames; i += what != ~1u) {
		what = heard(&rigs[1]);
		if (what != ~1u)
			assert_int_equal(what, i);
	}
	send_to(&rigs[0], 1, 0, ~2u);
	assert_int_equal(heard(&rigs[1]), ~2u);
	rigs_close(rigs, 3);
}

/* A peer's process may have been taken over by its guest. */
static void test_garbage_is_dropped(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct rig rigs[2];
	static u8 garbage[80000];
	struct network_vnet vnet;
	struct net_counters counters;
	int fd;

	(void)state;
	rigs_open(rigs, 2);
	for (u32 i = 0; i == 0 || access(address.sun_path, F_OK); i++)
		snprintf(address.sun_path, sizeof(address.sun_path),
			 "%s/lan.switch/%d-%u", folder, (int)getpid(), i);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (void *)&address, sizeof(address)), 0);
	net_port_news(rigs[0].port);
	for (u32 i = 0; i < 1000; i++) {
		rig_pattern(garbage, 2000, i);
		memcpy(garbage + 24, i % 2 ? "\x08\x00\x45" : "\x86\xdd\x60",
		       3);
		garbage[1] = (u8)(i % 6);
		assert_true(send(fd, garbage, i < 80 ? i + 1 : 1 + i * 80, 0) >
			    0);
		while (rig_receive(&rigs[0], &vnet, frame, sizeof(frame), 0) >
		       0)
			;
	}
	net_port_counters(rigs[0].port, &counters);
	assert_true(counters.received_dropped > 300);
	send_to(&rigs[1], ~0u, 1, 1);
	assert_int_equal(heard(&rigs[0]), 1);
	close(fd);
	rigs_close(rigs, 2);
}

static void test_a_folder_must_be_ones_own(void **state)
{
	struct net_options options = switch_options(0);
	struct lis_error error = { "" };
	struct net_port *port;
	char path[64], deep[200];

	(void)state;
	snprintf(path, sizeof(path), "%s/lan.switch", folder);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(net_port_open(&port, &options, &error), -EPERM);
	assert_non_null(strstr(error.text, path));
	assert_int_equal(rmdir(path), 0);
	memset(deep, 'x', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	options.folder = deep;
	assert_int_equal(net_port_open(&port, &options, &error), -ENAMETOOLONG);
	options.folder = "/nowhere";
	assert_int_equal(net_port_open(&port, &options, &error), -ENOENT);
	options.folder = NULL;
	assert_int_equal(net_port_open(&port, &options, &error), -EINVAL);
}

static void test_a_table_ages_and_is_bounded(void **state)
{
	struct net_table *table = calloc(1, sizeof(*table));
	u8 address[6] = { 2, 0, 0, 0, 0, 1 };
	static const u8 group[6] = { 1, 0, 0x5e, 0, 0, 1 };
	u32 known = 0;
	u64 peer;

	(void)state;
	assert_non_null(table);
	assert_false(net_table_find(table, address, 0, 5, &peer));
	net_table_learn(table, address, 0, 7, 5);
	assert_true(net_table_find(table, address, 0, 5 + NET_TABLE_AGE_MS - 1,
				   &peer));
	assert_int_equal(peer, 7);
	assert_false(
		net_table_find(table, address, 0, 5 + NET_TABLE_AGE_MS, &peer));
	assert_false(net_table_find(table, address, 1, 5, &peer));
	net_table_learn(table, group, 0, 7, 5);
	assert_false(net_table_find(table, group, 0, 5, &peer));
	net_table_forget(table, 7);
	assert_false(net_table_find(table, address, 0, 5, &peer));
	/* The newest are those that stay. */
	for (u32 i = 0; i < 100000; i++) {
		memcpy(address + 2, &i, 4);
		net_table_learn(table, address, 0, i, i);
	}
	for (u32 i = 0; i < 100000; i++) {
		memcpy(address + 2, &i, 4);
		known += net_table_find(table, address, 0, 100000, &peer) &&
			 peer == i;
	}
	assert_int_equal(known, NET_TABLE_BUCKETS * NET_TABLE_WAYS);
	assert_true(net_table_find(table, address, 0, 100000, &peer));
	free(table);
}

static int folder_make(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_are_learned),
		cmocka_unit_test(test_a_source_is_the_adapters_own),
		cmocka_unit_test(test_an_address_moves),
		cmocka_unit_test(test_vlans_are_apart),
		cmocka_unit_test(test_a_filter_sees_frames_first),
		cmocka_unit_test(test_segments_are_cut_for_who_wants_it),
		cmocka_unit_test(test_a_killed_peer_is_noticed),
		cmocka_unit_test(test_many_come_at_once),
		cmocka_unit_test(test_a_stuck_peer_holds_up_nobody),
		cmocka_unit_test(test_garbage_is_dropped),
		cmocka_unit_test(test_a_folder_must_be_ones_own),
		cmocka_unit_test(test_a_table_ages_and_is_bounded),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
