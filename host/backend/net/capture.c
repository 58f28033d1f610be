/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/backend/net/capture.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/backend/net/backend.h"
#include "host/backend/net/ring.h"
#include "host/pcapng/block.h"

#define LINKTYPE_ETHERNET 1u

#define RING_BYTES     (4u << 20)
#define RING_BYTES_MIN (128u << 10)
#define RING_BYTES_MAX (256u << 20)
#define TEXT_BYTES     128u
#define CLOSE_MS       500u
/* How often a writer that waits looks whether it is to end. */
#define LOOK_MS 125
/* So much fits when a pipe says that it is writable (pipe(7)). */
#define PIPE_PART_BYTES 4096u
/* Blocks are put together here: a frame and what stands around it. */
#define BLOCK_BYTES                                                            \
	(NETWORK_FRAME_MAX_BYTES + PCAPNG_PACKET_ROOM_BYTES +                  \
	 PCAPNG_BEGINNING_ROOM_BYTES + 3 * TEXT_BYTES)

/* A frame in the ring; its bytes follow. */
struct record {
	u64 time_ns;
	u64 lost; /* just before it */
	u32 frame_bytes;
	u32 kept_bytes;
	bool to_guest;
};

struct net_capture {
	int fd;
	bool regular, is_socket;
	u32 snap_bytes, close_ms;
	char name[TEXT_BYTES], vm[TEXT_BYTES], writer[TEXT_BYTES];
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t more;
	bool closing;
	u64 deadline_ns;
	struct net_ring ring; /* of records, each with its bytes */
	u64 lost;	      /* since the last record */
	struct net_capture_counters counters;
	/* The thread's. */
	u8 *block;
};

/* ---- the ring ---- */

void net_capture_frame(struct net_capture *capture, bool to_guest,
		       const struct iovec *pieces, int piece_count,
		       size_t bytes)
{
	u32 kept_bytes =
		bytes < capture->snap_bytes ? (u32)bytes : capture->snap_bytes;
	struct record *record = NULL;
	bool was_empty;

	pthread_mutex_lock(&capture->lock);
	was_empty = net_ring_empty(&capture->ring);
	if (!capture->counters.error)
		record = net_ring_add(&capture->ring,
				      (u32)sizeof(*record) + kept_bytes);
	if (!record) {
		capture->lost++;
		capture->counters.dropped++;
		pthread_mutex_unlock(&capture->lock);
		return;
	}
	record->time_ns = net_clock_ns(CLOCK_REALTIME);
	record->lost = capture->lost;
	record->frame_bytes = (u32)bytes;
	record->kept_bytes = kept_bytes;
	record->to_guest = to_guest;
	net_pieces_get(record + 1, kept_bytes, pieces, piece_count);
	capture->lost = 0;
	capture->counters.frames++;
	if (was_empty)
		pthread_cond_signal(&capture->more);
	pthread_mutex_unlock(&capture->lock);
}

/* The next record, waiting for it; NULL: no more will come. */
static struct record *record_next(struct net_capture *capture)
{
	struct record *record;

	pthread_mutex_lock(&capture->lock);
	while (net_ring_empty(&capture->ring) && !capture->closing)
		pthread_cond_wait(&capture->more, &capture->lock);
	record = net_ring_first(&capture->ring);
	pthread_mutex_unlock(&capture->lock);
	return record;
}

static void record_consume(struct net_capture *capture)
{
	pthread_mutex_lock(&capture->lock);
	net_ring_consume(&capture->ring);
	pthread_mutex_unlock(&capture->lock);
}

/* ---- the file ---- */

static bool closing_is_over(struct net_capture *capture)
{
	bool over;

	pthread_mutex_lock(&capture->lock);
	over = capture->closing &&
	       net_clock_ns(CLOCK_MONOTONIC) >= capture->deadline_ns;
	pthread_mutex_unlock(&capture->lock);
	return over;
}

/* Waits until something can be written; looks whether it is to end. */
static int writable_wait(struct net_capture *capture)
{
	struct pollfd poll_fd = { .fd = capture->fd, .events = POLLOUT };

	while (!capture->regular) {
		int ret = poll(&poll_fd, 1, LOOK_MS);

		if (ret > 0)
			break;
		if (ret < 0 && errno != EINTR)
			return -errno;
		if (closing_is_over(capture))
			return -ETIMEDOUT;
	}
	return 0;
}

static ssize_t write_part(struct net_capture *capture, const u8 *data,
			  size_t bytes)
{
	if (capture->is_socket)
		return send(capture->fd, data, bytes,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (!capture->regular && bytes > PIPE_PART_BYTES)
		bytes = PIPE_PART_BYTES;
	return write(capture->fd, data, bytes);
}

static int write_all(struct net_capture *capture, const u8 *data, size_t bytes)
{
	while (bytes) {
		int ret = writable_wait(capture);
		ssize_t part;

		if (ret < 0)
			return ret;
		part = write_part(capture, data, bytes);
		if (part < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (part > 0) {
			data += part;
			bytes -= (size_t)part;
		}
	}
	return 0;
}

static int write_beginning(struct net_capture *capture)
{
	u32 bytes = pcapng_beginning(capture->block, capture->writer,
				     LINKTYPE_ETHERNET, capture->snap_bytes,
				     capture->name, capture->vm);

	return write_all(capture, capture->block, bytes);
}

static int write_frame(struct net_capture *capture, const struct record *record)
{
	struct pcapng_packet packet = {
		.time_ns = record->time_ns,
		.kept_bytes = record->kept_bytes,
		.whole_bytes = record->frame_bytes,
		.inbound = record->to_guest,
		.lost = record->lost,
	};
	struct pcapng_block block =
		pcapng_packet_start(capture->block, &packet);

	pcapng_put(&block, record + 1, record->kept_bytes);
	return write_all(capture, capture->block,
			 pcapng_packet_end(&block, &packet));
}

static int write_end(struct net_capture *capture)
{
	u64 now = net_clock_ns(CLOCK_REALTIME);
	struct net_capture_counters counters;
	struct pcapng_block block;

	net_capture_counters(capture, &counters);
	block = pcapng_start(capture->block, PCAPNG_STATISTICS);
	pcapng_put_u32(&block, 0); /* the one interface */
	pcapng_put_u32(&block, (u32)(now >> 32));
	pcapng_put_u32(&block, (u32)now);
	pcapng_put_option(&block, PCAPNG_OPTION_STATISTICS_DROPPED,
			  &counters.dropped, sizeof(counters.dropped));
	return write_all(capture, capture->block, pcapng_end(&block));
}

static void *capture_run(void *context)
{
	struct net_capture *capture = context;
	int ret = write_beginning(capture);
	struct record *record;

	while (ret == 0) {
		record = record_next(capture);
		if (!record) {
			ret = write_end(capture);
			break;
		}
		ret = write_frame(capture, record);
		record_consume(capture);
	}
	pthread_mutex_lock(&capture->lock);
	capture->counters.error = ret;
	pthread_mutex_unlock(&capture->lock);
	return NULL;
}

/* ---- beginning and end ---- */

static void capture_free(struct net_capture *capture)
{
	pthread_cond_destroy(&capture->more);
	pthread_mutex_destroy(&capture->lock);
	close(capture->fd);
	net_ring_free(&capture->ring);
	free(capture->block);
	free(capture);
}

static void text_set(char text[TEXT_BYTES], const char *from)
{
	if (from)
		memcpy(text, from, strnlen(from, TEXT_BYTES - 1));
}

static u32 ring_size(const struct net_capture_options *options)
{
	u32 bytes = options->ring_bytes ? options->ring_bytes : RING_BYTES;

	if (bytes < RING_BYTES_MIN)
		return RING_BYTES_MIN;
	return bytes < RING_BYTES_MAX ? bytes : RING_BYTES_MAX;
}

static void capture_set(struct net_capture *capture,
			const struct net_capture_options *options)
{
	struct stat status;

	capture->fd = options->fd;
	if (fstat(capture->fd, &status) == 0) {
		capture->regular = S_ISREG(status.st_mode);
		capture->is_socket = S_ISSOCK(status.st_mode);
	}
	capture->snap_bytes = options->snap_bytes;
	if (!capture->snap_bytes ||
	    capture->snap_bytes > NETWORK_FRAME_MAX_BYTES)
		capture->snap_bytes = NETWORK_FRAME_MAX_BYTES;
	capture->close_ms = options->close_ms ? options->close_ms : CLOSE_MS;
	text_set(capture->name, options->name);
	text_set(capture->vm, options->vm);
	text_set(capture->writer, options->writer);
}

int net_capture_open(struct net_capture **capture,
		     const struct net_capture_options *options,
		     struct lis_error *err)
{
	struct net_capture *made = calloc(1, sizeof(*made));
	int ret;

	if (!made) {
		close(options->fd);
		return lis_error_set(err, ENOMEM, "out of memory");
	}
	capture_set(made, options);
	pthread_mutex_init(&made->lock, NULL);
	pthread_cond_init(&made->more, NULL);
	made->block = malloc(BLOCK_BYTES);
	ret = made->block ? net_ring_make(&made->ring, ring_size(options))
			  : -ENOMEM;
	if (ret == 0)
		ret = net_thread_start(&made->thread, capture_run, made);
	if (ret < 0) {
		capture_free(made);
		return lis_error_set(err, -ret, "cannot begin a capture: %s",
				     strerror(-ret));
	}
	*capture = made;
	return 0;
}

void net_capture_close(struct net_capture *capture)
{
	if (!capture)
		return;
	pthread_mutex_lock(&capture->lock);
	capture->closing = true;
	capture->deadline_ns =
		net_clock_ns(CLOCK_MONOTONIC) + capture->close_ms * 1000000ull;
	pthread_cond_signal(&capture->more);
	pthread_mutex_unlock(&capture->lock);
	pthread_join(capture->thread, NULL);
	capture_free(capture);
}

void net_capture_counters(struct net_capture *capture,
			  struct net_capture_counters *counters)
{
	pthread_mutex_lock(&capture->lock);
	*counters = capture->counters;
	pthread_mutex_unlock(&capture->lock);
}
