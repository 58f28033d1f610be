/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * channel_thread.h - the thread that serves one open channel.
 *
 * Here: its start and end, how it sleeps, how others wake it. Not here: what it
 * does with packets (worker.c of disks, net_worker.c of network adapters).
 *
 * A thread sleeps in epoll for the guest's signals, for calls of other threads
 * and for whatever descriptors its owner adds.
 */
#ifndef HOST_DEVICE_CHANNEL_THREAD_H
#define HOST_DEVICE_CHANNEL_THREAD_H

#include <pthread.h>

#include "host/bus/bus.h"

/* Numbers of descriptors from here on are this file's own. */
#define CHANNEL_THREAD_OWN (1ull << 32)

struct channel_thread {
	struct bus_channel *channel;
	pthread_t thread;
	int epoll;
	int control; /* eventfd: calls */
	u32 calls;   /* atomic */
	bool slept;  /* the last wait went on to its timeout */
};

/*
 * Make what a thread for @channel sleeps with; the thread itself does not run
 * yet. Returns 0 or -errno, with nothing to release.
 */
int channel_thread_init(struct channel_thread *thread,
			struct bus_channel *channel);

/* Undo it; the thread has ended or never ran. */
void channel_thread_release(struct channel_thread *thread);

/*
 * Run @body(@context) on a thread that takes no signals. Returns 0 or an error
 * of pthread_create, negative. channel_thread_join() waits for its end.
 */
int channel_thread_start(struct channel_thread *thread,
			 void *(*body)(void *context), void *context);
void channel_thread_join(struct channel_thread *thread);

/* Have the thread look at @calls, bits that its owner defines. Any thread. */
void channel_thread_call(struct channel_thread *thread, u32 calls);

/*
 * Sleep for @events (EPOLLIN and so on) of @fd, too; @number comes back with
 * them, below CHANNEL_THREAD_OWN. False: the system refused.
 */
bool channel_thread_watch(struct channel_thread *thread, int fd, u32 events,
			  u64 number);
void channel_thread_unwatch(struct channel_thread *thread, int fd);

/*
 * Sleep until something happens, or for @timeout_ms (-1: for ever, 0: only
 * look). @ready is called for each descriptor of channel_thread_watch that is.
 * Returns the calls since the last time.
 */
u32 channel_thread_wait(struct channel_thread *thread, int timeout_ms,
			void (*ready)(void *context, u64 number, u32 events),
			void *context);

#endif
