/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * backend.h - what a kind of port is to port.c.
 *
 * Here: the operations of a kind, and what all kinds have. Not here: any one of
 * them.
 */
#ifndef HOST_BACKEND_NET_BACKEND_H
#define HOST_BACKEND_NET_BACKEND_H

#include <pthread.h>
#include <time.h>

#include "host/backend/net/offload.h"
#include "host/backend/net/port.h"

/* send(): nobody would take the frame. */
#define NET_DROPPED 1

/*
 * Frames reach send() with their first piece at least an Ethernet header, and
 * within NETWORK_FRAME_MAX_BYTES. What receive() gives is checked by queue.c
 * where foreign is set; 0 of it is a frame that was dropped and counted.
 */
struct net_class {
	enum net_kind kind;
	/* What comes in was made by another process: its vnet may be a lie. */
	bool foreign;
	/* receive() asks net_queue_wants() before it writes to the pieces. */
	bool filters;
	int (*open)(struct net_port **port, const struct net_options *options,
		    struct lis_error *err);
	void (*close)(struct net_port *port);
	/* Sets queue->fds; may be NULL, as may be queue_close(). */
	int (*queue_open)(struct net_queue *queue, struct lis_error *err);
	void (*queue_close)(struct net_queue *queue);
	ssize_t (*receive)(struct net_queue *queue, struct network_vnet *vnet,
			   const struct iovec *pieces, int piece_count);
	int (*send)(struct net_queue *queue, const struct network_vnet *vnet,
		    const struct iovec *pieces, int piece_count);
	/* The rest may be NULL. */
	void (*kick)(struct net_queue *queue);
	void (*takes_set)(struct net_port *port, u32 takes);
	int (*mtu_set)(struct net_port *port, u32 mtu_bytes);
	void (*address_set)(struct net_port *port, const u8 address[6]);
	void (*vlan_set)(struct net_port *port,
			 const struct network_vlan *vlan);
	/* What the descriptor of net_port_news_add() has to say. */
	void (*news)(struct net_port *port);
};

/* When a direction may go on, in a clock of its own (limit.c). */
struct net_limit {
	u64 bits_per_second; /* atomic; 0: none */
	u64 free_ns;	     /* atomic; CLOCK_MONOTONIC */
};

/* The first member of every kind's own struct. */
struct net_port {
	const struct net_class *class;
	int news;     /* epoll */
	int told;     /* eventfd, within news */
	bool changed; /* atomic: link_up, gone or mtu changed */
	u32 takes;    /* atomic; NET_TAKES_ */
	struct net_limit sent, received;
	pthread_mutex_t lock; /* of what follows */
	struct net_info info;
	struct net_queue *queues[NET_QUEUES_MAX];
	struct net_counters closed; /* of queues that are closed */
	pthread_mutex_t capture_lock;
	struct net_capture *capture; /* atomic, and under its lock */
};

/* A descriptor of a queue, for its thread's epoll. */
struct net_queue_fd {
	int fd;
	u32 events; /* EPOLLIN, EPOLLOUT */
};

#define NET_QUEUE_FDS 3u

struct net_queue {
	struct net_port *port;
	u32 index;
	void *state; /* the kind's */
	struct net_queue_fd fds[NET_QUEUE_FDS];
	u32 fd_count;
	int timer;	/* a limit lets go on */
	u64 wait_ns[2]; /* when: sending, receiving */
	struct net_counters counters;
	bool (*wanted)(void *context, const u8 *head, u32 bytes);
	void *wanted_context;
	u8 *bounce;		/* NETWORK_FRAME_MAX_BYTES */
	struct offload_cut cut; /* of the bounce, while it has segments left */
};

/* Initialises what all kinds have; info.kind and name are set. */
int net_port_init(struct net_port *port, const struct net_class *class,
		  const struct net_options *options, struct lis_error *err);

/* Frees what net_port_init() made, not the port. */
void net_port_done(struct net_port *port);

/* Has the class's news() called when fd is readable. */
int net_port_news_add(struct net_port *port, int fd, struct lis_error *err);

/* Something of link_up, gone, mtu_bytes; any thread. */
void net_port_link_set(struct net_port *port, bool up);
void net_port_mtu_changed(struct net_port *port, u32 mtu_bytes);

/* A frame for the guest was dropped where no queue's thread was; any thread. */
void net_port_dropped(struct net_port *port);

/* It is gone for good. Returns -ENODEV. */
int net_port_gone(struct net_port *port);

/* What a clock shows, in ns. */
u64 net_clock_ns(clockid_t clock);

/* A thread that no signal is delivered to. Returns 0 or -errno. */
int net_thread_start(pthread_t *thread, void *(*run)(void *context),
		     void *context);

/* An event for the queue at that time (CLOCK_MONOTONIC), so that a frame that
 * could not be sent is tried again; its thread. */
void net_queue_wake_at(struct net_queue *queue, u64 when_ns);

/* Whether a frame may pass now; else when_ns is set. (limit.c) */
bool net_limit_passes(const struct net_limit *limit, u64 *when_ns);
void net_limit_charge(struct net_limit *limit, u64 bytes);
void net_limit_set(struct net_limit *limit, u64 bits_per_second);

/* @bytes: of the head, at least what the frame has or NETWORK_HEAD_BYTES. */
static inline bool net_queue_wants(const struct net_queue *queue,
				   const u8 *head, u32 bytes)
{
	return !queue->wanted ||
	       queue->wanted(queue->wanted_context, head,
			     bytes < NETWORK_HEAD_BYTES ? bytes
							: NETWORK_HEAD_BYTES);
}

static inline void net_count(u64 *counter, u64 more)
{
	/* One writer; others only look. */
	port_store(counter, *counter + more);
}

void net_counters_add(struct net_counters *sum,
		      const struct net_counters *more);

/* Copies between a frame in one piece and pieces; returns bytes copied. */
size_t net_pieces_put(const struct iovec *pieces, int piece_count,
		      const void *from, size_t bytes);
size_t net_pieces_get(void *to, size_t bytes, const struct iovec *pieces,
		      int piece_count);
size_t net_pieces_bytes(const struct iovec *pieces, int piece_count);

extern const struct net_class net_user_class;
extern const struct net_class net_tap_class;
extern const struct net_class net_switch_class;
extern const struct net_class net_socket_class;

#endif
