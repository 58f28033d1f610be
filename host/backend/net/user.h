/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * user.h - what the two halves of the user-mode network share: user.c, the
 * port, and user_thread.c, the thread that libslirp belongs to.
 */
#ifndef HOST_BACKEND_NET_USER_H
#define HOST_BACKEND_NET_USER_H

#include <poll.h>
#include <slirp/libslirp.h>

#include "host/backend/net/backend.h"
#include "host/backend/net/reassembly.h"
#include "host/backend/net/ring.h"

#define USER_RING_BYTES (2u << 20)
/* From here on sockets are not read; below the second they are again. */
#define USER_RING_FULL_BYTES (USER_RING_BYTES / 2)
#define USER_RING_LOW_BYTES  (USER_RING_BYTES / 4)

/* A frame in a ring; its bytes follow. */
struct user_frame {
	struct network_vnet vnet;
	u32 bytes;
};

struct user_timer {
	bool used;
	SlirpTimerId id;
	void *opaque;
	s64 expire_ms; /* < 0: not armed */
};

struct user_port {
	struct net_port port;
	Slirp *slirp; /* the thread's, once it runs */
	pthread_t thread;
	bool running;
	int wake; /* eventfd: frames from the guest, room, the end */
	pthread_mutex_t lock; /* of what follows */
	bool closing;
	struct net_ring from_guest, to_guest;
	bool choked;			/* the thread waits for room */
	bool waiting[NET_QUEUES_MAX];	/* for room */
	int queue_wake[NET_QUEUES_MAX]; /* -1: not open */
	/* The thread's. */
	struct user_timer timers[SLIRP_TIMER_NUM];
	struct pollfd *polls;
	u32 poll_count, poll_room;
	u32 sockets, sockets_max;
	struct reassembly fragments;
};

/* The thread; returns when closing is set and wake was written. */
void *user_run(void *user);

/* Makes user->slirp, with the addresses that every user of such networks knows.
 * Returns 0 or -EINVAL. */
int user_slirp_make(struct user_port *user, const struct net_options *options,
		    struct lis_error *err);

/* Makes the eventfd readable; -1 is none. */
void user_signal(int fd);

#endif
