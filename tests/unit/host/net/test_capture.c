/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Captures, read back by a reader that knows only pcapng's own rules. */
#define _GNU_SOURCE
#include "net_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "host/backend/net/capture.h"

/* What a reader finds in a file. */
struct found {
	u32 sections, interfaces, packets, inbound, statistics;
	u32 snap_bytes, resolution;
	u64 dropped, dropped_in_all;
	u64 last_ns;
	u32 original_bytes; /* sum */
	u8 last[128];	    /* the last frame's beginning */
	u32 last_bytes;
	char name[32], vm[32], writer[32];
};

static void text_get(char *to, const u8 *from, u32 bytes)
{
	assert_true(bytes < 32);
	memcpy(to, from, bytes);
	to[bytes] = '\0';
}

static void option_read(struct found *found, u32 type, u32 code, const u8 *at,
			u32 bytes)
{
	u64 number = 0;

	memcpy(&number, at, bytes < 8 ? bytes : 8);
	if (type == 0x0a0d0d0a && code == 4)
		text_get(found->writer, at, bytes);
	else if (type == 1 && code == 2)
		text_get(found->name, at, bytes);
	else if (type == 1 && code == 3)
		text_get(found->vm, at, bytes);
	else if (type == 1 && code == 9)
		found->resolution = (u32)number;
	else if (type == 6 && code == 2)
		found->inbound += (number & 3) == 1;
	else if (type == 6 && code == 4)
		found->dropped += number;
	else if (type == 5 && code == 5)
		found->dropped_in_all = number;
	else
		fail_msg("option %u of block %u", code, type);
}

static void options_read(struct found *found, u32 type, const u8 *at,
			 const u8 *end)
{
	u16 code, bytes;

	while (true) {
		assert_true(end - at >= 4);
		memcpy(&code, at, 2);
		memcpy(&bytes, at + 2, 2);
		at += 4;
		if (code == 0)
			break;
		assert_true(end - at >= bytes);
		option_read(found, type, code, at, bytes);
		at += (bytes + 3u) & ~3u;
	}
	assert_ptr_equal(at, end);
}

static u32 word(const u8 *at)
{
	u32 value;

	memcpy(&value, at, 4);
	return value;
}

static void packet_read(struct found *found, const u8 *at, const u8 *end)
{
	u64 time_ns = (u64)word(at + 4) << 32 | word(at + 8);
	u32 kept = word(at + 12);

	assert_int_equal(word(at), 0);
	assert_true(time_ns >= found->last_ns);
	assert_true(kept <= found->snap_bytes && kept <= word(at + 16));
	assert_true(kept <= end - at - 20);
	found->last_ns = time_ns;
	found->packets++;
	found->original_bytes += word(at + 16);
	found->last_bytes = kept;
	memcpy(found->last, at + 20, kept < 128 ? kept : 128);
	options_read(found, 6, at + 20 + ((kept + 3) & ~3u), end);
}

static void file_read(struct found *found, const u8 *at, size_t bytes)
{
	const u8 *end = at + bytes;

	memset(found, 0, sizeof(*found));
	while (at < end) {
		u32 type, total;

		assert_true(end - at >= 12);
		type = word(at);
		total = word(at + 4);
		assert_true(total % 4 == 0 && total >= 12);
		assert_true(total <= end - at);
		assert_int_equal(word(at + total - 4), total);
		if (type == 0x0a0d0d0a) {
			assert_int_equal(word(at + 8), 0x1a2b3c4d);
			assert_int_equal(word(at + 12), 1);
			found->sections++;
			options_read(found, type, at + 24, at + total - 4);
		} else if (type == 1) {
			assert_int_equal(word(at + 8), 1); /* Ethernet */
			found->snap_bytes = word(at + 12);
			found->interfaces++;
			options_read(found, type, at + 16, at + total - 4);
		} else if (type == 6) {
			packet_read(found, at + 8, at + total - 4);
		} else {
			assert_int_equal(type, 5);
			found->statistics++;
			options_read(found, type, at + 20, at + total - 4);
		}
		at += total;
	}
}

static void fd_read(struct found *found, int fd)
{
	size_t bytes = 0, room = 64u << 20;
	u8 *all = malloc(room);
	ssize_t part;

	while ((part = read(fd, all + bytes, room - bytes)) > 0)
		bytes += (size_t)part;
	assert_int_equal(part, 0);
	file_read(found, all, bytes);
	free(all);
}

static int file_make(char *path)
{
	strcpy(path, "/tmp/lis-capture-XXXXXX");
	return mkostemp(path, O_CLOEXEC);
}

static struct net_capture *capture_open(int fd, u32 snap_bytes, u32 ring_bytes)
{
	struct net_capture_options options = { .fd = fd,
					       .snap_bytes = snap_bytes,
					       .ring_bytes = ring_bytes,
					       .name = "net0",
					       .vm = "demovm",
					       .writer = "lis test" };
	struct net_capture *capture;

	assert_int_equal(net_capture_open(&capture, &options, NULL), 0);
	return capture;
}

/* If tshark's people are here, they have a say, too. */
static void capinfos_agrees(const char *path)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "! command -v capinfos >/dev/null || capinfos %s >/dev/null",
		 path);
	assert_int_equal(system(command), 0);
}

static void test_frames_of_every_size(void **state)
{
	static u8 frame[NETWORK_FRAME_MAX_BYTES];
	struct iovec pieces[2] = { { frame, 14 }, { frame + 14, 0 } };
	struct net_capture_counters counters;
	struct net_capture *capture;
	struct found found;
	char path[32];
	int fd = file_make(path);
	u32 bytes, sum = 0, count = 0;
	struct timespec before;

	(void)state;
	clock_gettime(CLOCK_REALTIME, &before);
	rig_pattern(frame, sizeof(frame), 1);
	capture = capture_open(fd, 0, 16u << 20);
	for (bytes = 14; bytes <= sizeof(frame);
	     bytes += bytes < 100 ? 1 : 5037) {
		pieces[1].iov_len = bytes - 14;
		net_capture_frame(capture, count % 3 == 0, pieces, 2, bytes);
		sum += bytes;
		count++;
	}
	net_capture_counters(capture, &counters);
	assert_int_equal(counters.frames, count);
	assert_int_equal(counters.dropped, 0);
	net_capture_close(capture);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	fd_read(&found, fd);
	close(fd);
	assert_int_equal(found.sections, 1);
	assert_int_equal(found.interfaces, 1);
	assert_int_equal(found.statistics, 1);
	assert_int_equal(found.packets, count);
	assert_int_equal(found.inbound, (count + 2) / 3);
	assert_int_equal(found.original_bytes, sum);
	assert_int_equal(found.resolution, 9);
	assert_int_equal(found.dropped_in_all, 0);
	assert_true(found.last_ns / 1000000000 >= (u64)before.tv_sec);
	assert_memory_equal(found.last, frame, sizeof(found.last));
	assert_string_equal(found.name, "net0");
	assert_string_equal(found.vm, "demovm");
	assert_string_equal(found.writer, "lis test");
	capinfos_agrees(path);
	unlink(path);
}

static void test_a_snap_length_cuts(void **state)
{
	u8 frame[1000];
	struct iovec piece = { frame, sizeof(frame) };
	struct net_capture *capture;
	struct found found;
	int ends[2];

	(void)state;
	rig_pattern(frame, sizeof(frame), 1);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	capture = capture_open(ends[1], 61, 0);
	net_capture_frame(capture, true, &piece, 1, sizeof(frame));
	net_capture_close(capture);
	fd_read(&found, ends[0]);
	close(ends[0]);
	assert_int_equal(found.snap_bytes, 61);
	assert_int_equal(found.last_bytes, 61);
	assert_int_equal(found.original_bytes, 1000);
	assert_memory_equal(found.last, frame, 61);
}

/* Reads a pipe's or a socket's file when it is told to. */
struct reader {
	pthread_t thread;
	int fd;
	struct found found;
};

static void *reader_run(void *context)
{
	struct reader *reader = context;

	fd_read(&reader->found, reader->fd);
	return NULL;
}

/* Nothing reads for a while: frames are lost, told of, and nobody waits. */
static void slow_reader(int write_end, int read_end)
{
	u8 frame[1514];
	struct iovec piece = { frame, sizeof(frame) };
	struct reader reader = { .fd = read_end };
	struct net_capture_counters counters;
	/* On however busy a machine, its reader gets it all. */
	struct net_capture_options options = { .fd = write_end,
					       .ring_bytes = 1,
					       .close_ms = 60000,
					       .name = "net0",
					       .vm = "demovm",
					       .writer = "lis test" };
	struct net_capture *capture;
	u32 count = 0, after = 0;

	assert_int_equal(net_capture_open(&capture, &options, NULL), 0);
	rig_pattern(frame, sizeof(frame), 1);
	do {
		net_capture_frame(capture, false, &piece, 1, sizeof(frame));
		count++;
		net_capture_counters(capture, &counters);
	} while (counters.dropped < 1000);
	assert_int_equal(
		pthread_create(&reader.thread, NULL, reader_run, &reader), 0);
	/* It goes on when it is read again, and says what is missing. */
	while (after < 10) {
		u64 before = counters.frames;

		net_capture_frame(capture, false, &piece, 1, sizeof(frame));
		count++;
		net_capture_counters(capture, &counters);
		after += counters.frames != before;
	}
	assert_int_equal(counters.frames + counters.dropped, count);
	net_capture_close(capture);
	pthread_join(reader.thread, NULL);
	assert_int_equal(reader.found.packets, counters.frames);
	assert_int_equal(reader.found.dropped_in_all, counters.dropped);
	assert_true(reader.found.dropped >= 1000);
	assert_true(reader.found.dropped <= counters.dropped);
	close(read_end);
}

static void test_a_slow_reader_loses_frames(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	slow_reader(ends[1], ends[0]);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	slow_reader(ends[1], ends[0]);
}

/* Who never reads does not keep a capture from ending. */
static void test_a_stuck_reader_is_left(void **state)
{
	u8 frame[1514] = { 0 };
	struct iovec piece = { frame, sizeof(frame) };
	struct net_capture *capture;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	capture = capture_open(ends[1], 0, 0);
	for (u32 i = 0; i < 1000; i++)
		net_capture_frame(capture, false, &piece, 1, sizeof(frame));
	net_capture_close(capture);
	close(ends[0]);
}

static void test_a_reader_that_goes_ends_it(void **state)
{
	u8 frame[1514] = { 0 };
	struct iovec piece = { frame, sizeof(frame) };
	struct net_capture_counters counters;
	struct net_capture *capture;
	const struct timespec pause = { .tv_nsec = 1000000 };
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	capture = capture_open(ends[1], 0, 0);
	do {
		nanosleep(&pause, NULL);
		net_capture_counters(capture, &counters);
	} while (!counters.error);
	assert_int_equal(counters.error, -EPIPE);
	net_capture_frame(capture, false, &piece, 1, sizeof(frame));
	net_capture_counters(capture, &counters);
	assert_int_equal(counters.dropped, 1);
	net_capture_close(capture);
}

/* Of a port: both directions, tags in the frame, while it is set. */
static void test_a_port_is_captured(void **state)
{
	struct net_options options = { .kind = NET_SOCKET };
	static u8 frame[2048], copy[2048];
	struct rig_frame from = { .tag = 77,
				  .version = 4,
				  .protocol = NETWORK_PROTOCOL_UDP };
	u32 bytes = rig_frame_make(frame, &from, "hello", 5, NULL);
	struct net_capture *capture;
	struct network_vnet vnet = { 0 };
	struct found found;
	struct rig rig;
	int both[2], ends[2];
	u8 wire[128];

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, both), 0);
	options.sockets[0] = both[0];
	rig = rig_open(&options);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	capture = capture_open(ends[1], 0, 0);
	for (u32 i = 0; i < 3; i++) {
		net_port_capture_set(rig.port, i == 1 ? capture : NULL);
		assert_int_equal(rig_send(&rig, NULL, frame, bytes), 0);
		assert_int_equal(recv(both[1], wire, sizeof(wire), 0),
				 sizeof(vnet) + bytes);
		assert_int_equal(send(both[1], wire, sizeof(vnet) + bytes, 0),
				 sizeof(vnet) + bytes);
		assert_int_equal(rig_receive(&rig, &vnet, copy, sizeof(copy),
					     RIG_WAIT_MS),
				 bytes);
	}
	net_capture_close(capture);
	fd_read(&found, ends[0]);
	assert_int_equal(found.packets, 2);
	assert_int_equal(found.inbound, 1);
	assert_int_equal(found.last_bytes, bytes);
	assert_memory_equal(found.last, frame, bytes);
	close(ends[0]);
	close(both[1]);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_of_every_size),
		cmocka_unit_test(test_a_snap_length_cuts),
		cmocka_unit_test(test_a_slow_reader_loses_frames),
		cmocka_unit_test(test_a_stuck_reader_is_left),
		cmocka_unit_test(test_a_reader_that_goes_ends_it),
		cmocka_unit_test(test_a_port_is_captured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
