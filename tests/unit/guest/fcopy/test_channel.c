// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* File copy over rings, with our host's end behind the other side. */
#define _GNU_SOURCE
#include "tests/unit/guest/tools/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/lisd/fcopy/channel.h"
#include "services/fcopy/vsp.h"

#define HALF_BYTES (16u << 10)

struct rig {
	char root[TREE_BYTES];
	void *rings;
	struct ring to_guest, to_host;
	struct fcopy_vsp vsp;
	struct channel channel;
	struct copy copy;
	u64 now;
	u8 packet[IC_PACKET_MAX_BYTES];
};

static struct rig rig;

static int setup(void **state)
{
	u8 *rings;

	(void)state;
	memset(&rig, 0, sizeof(rig));
	tree_make(rig.root);
	rig.rings = rings = aligned_alloc(4096, 2 * HALF_BYTES);
	assert_non_null(rings);
	memset(rings, 0, 2 * HALF_BYTES);
	ring_format(rings);
	ring_format(rings + HALF_BYTES);
	assert_int_equal(channel_init(&rig.channel, rings, 2 * HALF_BYTES),
			 VMBUS_OK);
	assert_int_equal(ring_init_reader(&rig.to_host, rings, rings + 4096,
					  HALF_BYTES - 4096, false),
			 VMBUS_OK);
	assert_int_equal(ring_init_writer(&rig.to_guest, rings + HALF_BYTES,
					  rings + HALF_BYTES + 4096,
					  HALF_BYTES - 4096, false),
			 VMBUS_OK);
	assert_true(copy_init(&rig.copy, ""));
	close(rig.copy.root);
	rig.copy.root = open(rig.root, O_PATH | O_DIRECTORY);
	rig.copy.owner = geteuid();
	fcopy_vsp_init(&rig.vsp, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	copy_cancel(&rig.copy);
	close(rig.copy.root);
	free(rig.rings);
	tree_remove(rig.root);
	return 0;
}

static void send_packet(const void *data, u32 size_bytes, u64 id)
{
	const struct ring_vec vec = { data, size_bytes };
	const struct packet_out out = { .type = PACKET_DATA_INBAND,
					.transaction_id = id,
					.vec = &vec,
					.vec_count = 1 };

	assert_int_equal(packet_write(&rig.to_guest, &out), VMBUS_OK);
	ring_publish(&rig.to_guest);
}

/* One turn of the host; false when it had nothing to do. */
static bool host_turn(void)
{
	struct packet_view view;
	u64 id, offset;
	u32 size;
	bool did = false;

	while (packet_peek_copy(&rig.to_host, &view, rig.packet,
				sizeof(rig.packet)) == VMBUS_OK) {
		assert_int_equal(fcopy_vsp_receive(&rig.vsp, view.payload,
						   view.payload_bytes,
						   view.transaction_id,
						   rig.now),
				 VMBUS_OK);
		packet_consume(&rig.to_host, &view);
		did = true;
	}
	ring_release(&rig.to_host);
	if (fcopy_vsp_wanted(&rig.vsp, &offset, &size)) {
		memset(fcopy_vsp_block(&rig.vsp), (int)(offset >> 10) | 1,
		       size);
		fcopy_vsp_filled(&rig.vsp, rig.now);
	}
	while ((size = fcopy_vsp_transmit(&rig.vsp, rig.now, rig.packet,
					  sizeof(rig.packet), &id))) {
		send_packet(rig.packet, size, id);
		did = true;
	}
	return did;
}

static void run_all(void)
{
	bool signal;

	while (host_turn())
		assert_int_equal(
			channel_serve(&rig.channel, &rig.copy, &signal),
			VMBUS_OK);
}

static enum fcopy_status copy_file(const char *folder, const char *name,
				   u32 flags, u64 size)
{
	struct fcopy_event event;

	assert_int_equal(
		fcopy_vsp_start(&rig.vsp, folder, name, flags, size, rig.now),
		FCOPY_OK);
	run_all();
	assert_true(fcopy_vsp_next_event(&rig.vsp, &event));
	assert_false(event.partial_left);
	return event.status;
}

static void test_copies(void **state)
{
	struct stat status;
	char path[256];

	(void)state;
	run_all();
	assert_int_equal(fcopy_vsp_status(&rig.vsp, rig.now), IC_STATUS_OK);
	assert_int_equal(copy_file("/a", "x", 0, 5), FCOPY_NO_FOLDER);
	/* U+012F, and a character beyond 16 bits. */
	assert_int_equal(copy_file("/a", "\xc4\xaf\xf0\x9f\x98\x80",
				   FCOPY_CREATE_PATH, 1000000),
			 FCOPY_OK);
	snprintf(path, sizeof(path), "%s/a/\xc4\xaf\xf0\x9f\x98\x80", rig.root);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, 1000000);
	assert_int_equal(copy_file("/a", "\xc4\xaf\xf0\x9f\x98\x80", 0, 1),
			 FCOPY_EXISTS);
	assert_int_equal(copy_file("/a", "big", 0, 1ull << 60),
			 FCOPY_DISK_FULL);
}

static void test_cancel(void **state)
{
	struct fcopy_event event;
	bool signal;
	int i;

	(void)state;
	run_all();
	assert_int_equal(
		fcopy_vsp_start(&rig.vsp, "/", "x", 0, 1000000, rig.now),
		FCOPY_OK);
	for (i = 0; i < 5; i++) {
		host_turn();
		channel_serve(&rig.channel, &rig.copy, &signal);
	}
	assert_true(rig.copy.open);
	assert_int_equal(fcopy_vsp_cancel(&rig.vsp, rig.now), FCOPY_OK);
	run_all();
	assert_true(fcopy_vsp_next_event(&rig.vsp, &event));
	assert_int_equal(event.status, FCOPY_CANCELLED);
	assert_false(event.partial_left);
	assert_false(rig.copy.open);
}

/* A request before versions are settled is refused, and harms nothing. */
static void test_packets_that_arrive_during_negotiation(void **state)
{
	const struct ic_pipe_header pipe = {
		IC_PIPE_DATA,
		sizeof(struct ic_header) + sizeof(struct fcopy_start)
	};
	const struct ic_header header = {
		.message_type = IC_MESSAGE_FCOPY,
		.body_bytes = sizeof(struct fcopy_start),
		.flags = IC_FLAG_TRANSACTION | IC_FLAG_REQUEST,
	};
	struct packet_view view;
	struct ic_header answer;
	bool signal;

	(void)state;
	memset(rig.packet, 0, sizeof(rig.packet));
	memcpy(rig.packet, &pipe, sizeof(pipe));
	memcpy(rig.packet + sizeof(pipe), &header, sizeof(header));
	rig.packet[IC_BODY_OFFSET + offsetof(struct fcopy_start, name)] = 'x';
	rig.packet[IC_BODY_OFFSET + offsetof(struct fcopy_start, folder)] = '/';
	send_packet(rig.packet, IC_BODY_OFFSET + sizeof(struct fcopy_start), 9);
	assert_int_equal(channel_serve(&rig.channel, &rig.copy, &signal),
			 VMBUS_OK);
	assert_false(rig.copy.open);
	assert_int_equal(packet_peek_copy(&rig.to_host, &view, rig.packet,
					  sizeof(rig.packet)),
			 VMBUS_OK);
	memcpy(&answer, view.payload + sizeof(pipe), sizeof(answer));
	assert_int_equal(answer.status, IC_E_FAIL);
	packet_consume(&rig.to_host, &view);
	ring_release(&rig.to_host);
	run_all();
	assert_int_equal(copy_file("/", "x", 0, 10), FCOPY_OK);
}

/* The host takes no answers: the guest waits, and goes on when it does. */
static void test_no_space_for_the_answer(void **state)
{
	struct packet_view view;
	u32 answers = 0, sent = 0, i;
	bool signal;

	(void)state;
	run_all();
	memset(rig.packet, 0, sizeof(rig.packet));
	for (i = 0; i < 20; i++) {
		struct ic_header header = {
			.message_type = IC_MESSAGE_FCOPY,
			.body_bytes = sizeof(struct fcopy_data),
			.flags = IC_FLAG_TRANSACTION | IC_FLAG_REQUEST,
		};
		struct ic_pipe_header pipe = {
			IC_PIPE_DATA, sizeof(header) + sizeof(struct fcopy_data)
		};
		u32 operation = FCOPY_OPERATION_DATA;

		memcpy(rig.packet, &pipe, sizeof(pipe));
		memcpy(rig.packet + sizeof(pipe), &header, sizeof(header));
		memcpy(rig.packet + IC_BODY_OFFSET, &operation,
		       sizeof(operation));
		if (ring_free_bytes(&rig.to_guest) >=
		    packet_ring_bytes(0, FCOPY_PACKET_MAX_BYTES)) {
			send_packet(rig.packet, FCOPY_PACKET_MAX_BYTES, 77);
			sent++;
		}
		assert_int_equal(
			channel_serve(&rig.channel, &rig.copy, &signal),
			VMBUS_OK);
	}
	assert_true(rig.channel.answer_waits);
	do {
		while (packet_peek_copy(&rig.to_host, &view, rig.packet,
					sizeof(rig.packet)) == VMBUS_OK) {
			assert_int_equal(view.transaction_id, 77);
			packet_consume(&rig.to_host, &view);
			answers++;
		}
		assert_true(ring_release(&rig.to_host) || answers == sent);
		assert_int_equal(
			channel_serve(&rig.channel, &rig.copy, &signal),
			VMBUS_OK);
	} while (answers < sent && !ring_empty(&rig.to_host));
	assert_int_equal(answers, sent);
	assert_true(sent > 2);
}

/* A ring index from the host is not believed. */
static void test_a_ring_index_that_lies(void **state)
{
	bool signal;

	(void)state;
	run_all();
	rig.channel.rx.header->write_index = 0x7ffffff8;
	assert_int_not_equal(channel_serve(&rig.channel, &rig.copy, &signal),
			     VMBUS_OK);
}

static void test_sizes_of_rings(void **state)
{
	static const size_t bad[] = { 0, 1, 4096, 8192, 2 * 8192 + 8 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(channel_init(&rig.channel, rig.rings, bad[i]),
				 VMBUS_BAD_ARGUMENT);
	assert_int_equal(channel_init(&rig.channel, rig.rings, 4 * 4096),
			 VMBUS_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_copies),
		TEST(test_cancel),
		TEST(test_packets_that_arrive_during_negotiation),
		TEST(test_no_space_for_the_answer),
		TEST(test_a_ring_index_that_lies),
		TEST(test_sizes_of_rings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
