/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * port.h - where the frames of a VM's network adapter go to and come from.
 *
 * In host/backend/net live taps, user-mode networking, the private switch, and
 * what stands between them and an adapter: segmenting and checksums in
 * software, bandwidth, capture. Not here: NVSP, RNDIS, channels, VLAN modes and
 * packet filters (services/network), JSON, anything of a guest.
 *
 * A struct net_port may be used by any thread, each struct net_queue by one
 * thread at a time. Nothing here blocks but opening and closing.
 *
 * A frame is an Ethernet frame as on the wire, without FCS, with its 802.1Q tag
 * in it, and has a struct network_vnet beside it.
 */
#ifndef HOST_BACKEND_NET_PORT_H
#define HOST_BACKEND_NET_PORT_H

#include <netinet/in.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "host/vm/error.h"
#include "services/network/filter.h"
#include "services/network/frame.h"
#include "vmbus/port.h"

struct net_capture;
struct net_port;
struct net_queue;

enum net_kind {
	NET_USER,   /* user-mode: a network of its own behind this process */
	NET_TAP,    /* a tap interface of the host */
	NET_SWITCH, /* VMs of this host and user alone */
	NET_SOCKET, /* datagram sockets that the caller has; tests */
};

#define NET_QUEUES_MAX	 64u
#define NET_FORWARDS_MAX 32u
/* Pieces of one frame. */
#define NET_PIECES_MAX 64
/* A name of a tap or a switch, with its terminator (IFNAMSIZ of if.h). */
#define NET_NAME_BYTES 16u

/* HOST:PORT of the host leads to GUEST:PORT; addresses in network order. */
struct net_forward {
	bool udp;
	struct in_addr host; /* 0.0.0.0: any */
	u16 host_port;
	struct in_addr guest; /* 0.0.0.0: the first that DHCP gives */
	u16 guest_port;
};

struct net_options {
	enum net_kind kind;
	/* NET_TAP: the interface; NET_SWITCH: the switch. */
	const char *name;
	/* NET_SWITCH: the folder of the switches, the user's alone. */
	const char *folder;
	/* How many are wanted, 0: 1. See net_info.queues. */
	u32 queues;
	/*
	 * Without the Ethernet header. NET_USER: the network's, up to 65521, 0:
	 * 1500. NET_TAP: the interface gets it, where that is permitted; 0: it
	 * stays as it is. NET_SWITCH: 0: 65521.
	 */
	u32 mtu_bytes;
	/* Each direction; 0: no limit. */
	u64 bits_per_second;
	/* The adapter's. */
	u8 address[6];
	/* NET_SWITCH: frames from other addresses go out, too. */
	bool any_source;
	/* NET_SWITCH: what is heard; the adapter puts tags on and off. */
	struct network_vlan vlan;
	/* NET_USER: copied. */
	struct net_forward forwards[NET_FORWARDS_MAX];
	u32 forward_count;
	bool restricted;       /* NET_USER: nothing leads out but forwards */
	const char *host_name; /* NET_USER: by DHCP, NULL: none */
	/* NET_SOCKET: one for each queue, the port's from then on. */
	int sockets[NET_QUEUES_MAX];
};

/* Reasons for net_queue_receive() not to give a frame as it came. */
#define NET_TAKES_CSUM (1u << 0) /* takes NETWORK_VNET_NEEDS_CSUM */
#define NET_TAKES_TSO4 (1u << 1) /* takes segments to be cut: LRO, RSC */
#define NET_TAKES_TSO6 (1u << 2)
#define NET_TAKES_ALL  7u

struct net_info {
	enum net_kind kind;
	char name[NET_NAME_BYTES];
	/*
	 * How many queues may be opened; each sends, but only the first
	 * receive_queues are given frames.
	 */
	u32 queues;
	u32 receive_queues;
	u32 mtu_bytes; /* now */
	bool link_up;
	/* It does not come back: every call says -ENODEV. */
	bool gone;
	u64 speed_bits_per_second; /* what the guest is told; 0: unknown */
};

/* Sums over all queues, closed ones too. */
struct net_counters {
	u64 sent_frames, sent_bytes;
	u64 received_frames, received_bytes;
	u64 sent_dropped;     /* nobody would take them, or malformed */
	u64 received_dropped; /* no room for them, malformed, not wanted */
	/* Times that a frame, or the wish for one, had to wait for the limit.
	 */
	u64 sent_delayed, received_delayed;
};

/**
 * net_port_open - open what an adapter is joined to.
 * @port: receives the port; to be ended by net_port_close()
 * @options: copied
 * @err: one sentence when it fails
 *
 * A tap that exists (a persistent one of this user's) is used as it is; one
 * that does not exist is made, which takes CAP_NET_ADMIN, and goes at the
 * close.
 *
 * Result: 0; -EINVAL for options that contradict each other, -EBUSY: another
 * process has the tap, -EPERM, -EADDRINUSE: a forward's port is taken, or the
 * errno of the system call that failed, negative.
 */
int net_port_open(struct net_port **port, const struct net_options *options,
		  struct lis_error *err);

/* net_port_close - all queues are closed by then. NULL does nothing. */
void net_port_close(struct net_port *port);

/* net_port_info - what it is like at this moment; any thread. */
void net_port_info(struct net_port *port, struct net_info *info);

/**
 * net_port_news_fd - readable when net_port_news() has something to say.
 *
 * The port's; to be watched level-triggered, by one thread.
 */
int net_port_news_fd(const struct net_port *port);

/**
 * net_port_news - find out what has changed; the thread of the news_fd.
 *
 * Returns whether net_port_info() says something new of link_up, gone or
 * mtu_bytes.
 */
bool net_port_news(struct net_port *port);

/* net_port_counters - any thread. */
void net_port_counters(struct net_port *port, struct net_counters *counters);

/**
 * net_port_takes_set - what the adapter's guest can take; any thread.
 * @takes: NET_TAKES_*, 0 at first: whole frames with good checksums
 *
 * What it does not take is completed or cut before it is handed up, by the
 * kernel where it can. Frames that are under way come as they would have.
 */
void net_port_takes_set(struct net_port *port, u32 takes);

/**
 * net_port_limit_set - bandwidth of each direction; any thread.
 * @bits_per_second: 0: no limit
 */
void net_port_limit_set(struct net_port *port, u64 bits_per_second);

/**
 * net_port_mtu_set - the adapter's guest uses another size; any thread.
 *
 * For a tap: the interface gets it where that is permitted.
 * Result: 0; -EPERM; -EINVAL; -ENOTSUP: it is fixed.
 */
int net_port_mtu_set(struct net_port *port, u32 mtu_bytes);

/* net_port_address_set - the adapter has another; any thread. */
void net_port_address_set(struct net_port *port, const u8 address[6]);

/**
 * net_port_vlan_set - which VLANs are heard and sent to; any thread.
 *
 * NET_SWITCH drops the others' frames, both ways; elsewhere this does nothing.
 */
void net_port_vlan_set(struct net_port *port, const struct network_vlan *vlan);

/**
 * net_port_capture_set - frames of both directions go to a capture, too.
 * @capture: NULL: no longer; the caller's, to be closed after that only
 *
 * Any thread. No worker is in the old capture any more when it returns.
 */
void net_port_capture_set(struct net_port *port, struct net_capture *capture);

/**
 * net_queue_open - a way in and out for one thread.
 * @index: 0 to net_info.queues - 1, each once at a time
 *
 * Result: 0, -ENOMEM, -ENODEV, -EINVAL, -EBUSY, or the kernel's, negative.
 */
int net_queue_open(struct net_queue **queue, struct net_port *port, u32 index,
		   struct lis_error *err);

/* net_queue_close - its descriptors are no longer watched. NULL: nothing. */
void net_queue_close(struct net_queue *queue);

/**
 * net_queue_watch - have an epoll instance tell when to go on.
 * @epoll: of the queue's thread
 * @data: epoll_event.data.u64 of the queue's events, whatever their bits
 *
 * The events are edges: after one, net_queue_receive() is called until it says
 * -EAGAIN, and a frame that net_queue_send() did not take is tried again. Who
 * stops before that (the guest has no room) goes on by itself later.
 *
 * Result: 0 or a negative errno of epoll_ctl.
 */
int net_queue_watch(struct net_queue *queue, int epoll, u64 data);

/**
 * net_queue_filter_set - look at frames before the caller's memory sees them.
 * @wanted: called by net_queue_receive(), with a private copy of the frame's
 *	first bytes (at least what the frame has or NETWORK_HEAD_BYTES); a frame
 *	that it does not want is dropped. NULL: every frame
 *
 * A tap's frames then take one copy more.
 */
void net_queue_filter_set(struct net_queue *queue,
			  bool (*wanted)(void *context, const u8 *head,
					 u32 bytes),
			  void *context);

/**
 * net_queue_receive - take the next frame.
 * @vnet: receives what is to be known of it
 * @pieces: where it goes, in order
 *
 * Result: the frame's size in bytes; 0: one was dropped (not wanted, malformed,
 * no room in the pieces), there may be more; -EAGAIN: none at present; -ENODEV.
 */
ssize_t net_queue_receive(struct net_queue *queue, struct network_vnet *vnet,
			  const struct iovec *pieces, int piece_count);

/**
 * net_queue_send - send a frame.
 * @vnet: as the kernel would have it: with a gso_type, lengths and checksum of
 *	the IP header are right and the transport's is of the pseudo header
 * @pieces: the frame. The first holds all headers and is nobody else's; the
 *	others may change at any time
 *
 * Result: 0: sent, or dropped as a network may; -EAGAIN: not now, an event
 * tells when; -EMSGSIZE, -EINVAL: never; -ENODEV.
 */
int net_queue_send(struct net_queue *queue, const struct network_vnet *vnet,
		   const struct iovec *pieces, int piece_count);

/* net_queue_kick - a batch of net_queue_send() is at its end; until then its
 * frames may wait. */
void net_queue_kick(struct net_queue *queue);

/* "user", "tap", "switch", "socket". */
const char *net_kind_name(enum net_kind kind);

#endif
