/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/device/channel_thread.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENT_SIGNAL  (CHANNEL_THREAD_OWN + 0)
#define EVENT_CONTROL (CHANNEL_THREAD_OWN + 1)
#define EVENTS	      16

bool channel_thread_watch(struct channel_thread *thread, int fd, u32 events,
			  u64 number)
{
	struct epoll_event event = { .events = events, .data.u64 = number };

	return epoll_ctl(thread->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

void channel_thread_unwatch(struct channel_thread *thread, int fd)
{
	epoll_ctl(thread->epoll, EPOLL_CTL_DEL, fd, NULL);
}

int channel_thread_init(struct channel_thread *thread,
			struct bus_channel *channel)
{
	thread->channel = channel;
	thread->calls = 0;
	thread->control = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	thread->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (thread->epoll >= 0 && thread->control >= 0 &&
	    channel_thread_watch(thread, thread->control, EPOLLIN | EPOLLET,
				 EVENT_CONTROL) &&
	    channel_thread_watch(thread, bus_channel_signal_fd(channel),
				 EPOLLIN | EPOLLET, EVENT_SIGNAL))
		return 0;
	channel_thread_release(thread);
	return -ENOMEM;
}

void channel_thread_release(struct channel_thread *thread)
{
	if (thread->epoll >= 0)
		close(thread->epoll);
	if (thread->control >= 0)
		close(thread->control);
	thread->epoll = -1;
	thread->control = -1;
}

int channel_thread_start(struct channel_thread *thread,
			 void *(*body)(void *context), void *context)
{
	sigset_t all, before;
	int code;

	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&thread->thread, NULL, body, context);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -code;
}

void channel_thread_join(struct channel_thread *thread)
{
	pthread_join(thread->thread, NULL);
}

void channel_thread_call(struct channel_thread *thread, u32 calls)
{
	const u64 one = 1;

	__atomic_fetch_or(&thread->calls, calls, __ATOMIC_RELEASE);
	/* It takes more than any thread lives for to fill it. */
	if (write(thread->control, &one, sizeof(one)) < 0)
		return;
}

u32 channel_thread_wait(struct channel_thread *thread, int timeout_ms,
			void (*ready)(void *context, u64 number, u32 events),
			void *context)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(thread->epoll, events, EVENTS, timeout_ms);

	thread->slept = !count;
	for (int i = 0; i < count; i++) {
		u64 number = events[i].data.u64;

		/* The two eventfds are edge-triggered, and never read. */
		if (number == EVENT_SIGNAL)
			bus_channel_signalled(thread->channel);
		else if (number != EVENT_CONTROL)
			ready(context, number, events[i].events);
	}
	if (!__atomic_load_n(&thread->calls, __ATOMIC_RELAXED))
		return 0;
	return __atomic_exchange_n(&thread->calls, 0, __ATOMIC_ACQUIRE);
}
