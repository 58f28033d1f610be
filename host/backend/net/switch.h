/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * switch.h - what the halves of the private switch share: switch.c, frames, and
 * switch_join.c, who is there.
 *
 * A switch is a folder; each port has a socket in it. Whoever comes connects to
 * all that are there, so every two ports have a connection, and its end is the
 * end of the peer, however it died. Each port keeps its own table of who has
 * which address. There is nothing else that could fail: no process, no leader.
 */
#ifndef HOST_BACKEND_NET_SWITCH_H
#define HOST_BACKEND_NET_SWITCH_H

#include <sys/un.h>

#include "host/backend/net/backend.h"
#include "host/backend/net/table.h"

#define SWITCH_PEERS_MAX 128u
/* So long, in all, a peer may make its senders wait before frames for it are
 * dropped. */
#define SWITCH_PATIENCE_NS 50000000ull

/* A number that no other peer of this port has or had. */
struct switch_peer {
	int fd;
	u64 number; /* 0: none; index + a multiple of SWITCH_PEERS_MAX */
	/* Atomic: */
	u64 stalled_ns;	 /* takes no frames since then; 0: does */
	u64 patience_ns; /* so long its senders wait for it */
};

struct switch_port {
	struct net_port port;
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct sockaddr_un address; /* of the listener; empty: not bound */
	int listener;
	int readable; /* epoll: peers that sent something */
	/* Taken for writing to change peers and what follows. */
	pthread_rwlock_t lock;
	struct switch_peer peers[SWITCH_PEERS_MAX];
	u64 turns; /* how many peers there were */
	u8 own[6];
	bool any_source;
	struct network_vlan vlan;
	pthread_mutex_t table_lock;
	struct net_table table;
};

/* Finds the switch's folder, connects to who is there, and listens. */
int switch_join(struct switch_port *port, const char *folder,
		struct lis_error *err);

/* Undoes that, also half of it. */
void switch_leave(struct switch_port *port);

/* Takes in who has connected. */
void switch_accept(struct switch_port *port);

/* A peer is gone; nothing when it was known. */
void switch_peer_remove(struct switch_port *port, u64 number);

#endif
