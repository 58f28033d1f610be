/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * guest_stack.h - as much of a guest's network as a test of a port needs: ARP,
 * DHCP, one TCP connection, UDP.
 */
#ifndef TESTS_UNIT_HOST_NET_GUEST_STACK_H
#define TESTS_UNIT_HOST_NET_GUEST_STACK_H

#include "net_rig.h"

struct guest {
	struct rig *rig;
	u8 address[6], router[6]; /* of Ethernet */
	u32 ip, router_ip;	  /* 0: not known yet */
	bool tcp_open, tcp_ended;
	struct rig_frame tcp; /* how the guest's next segment looks */
	u8 *data;	      /* where TCP's data goes */
	u32 data_bytes, room_bytes;
	u8 udp[2048]; /* the last datagram's payload */
	u32 udp_bytes;
	struct rig_frame udp_from;
	u32 options_seen;  /* DHCP message types, a bit each */
	u32 longest_bytes; /* of all frames that came */
};

void guest_start(struct guest *guest, struct rig *rig);

/* Handles frames until the condition is so; fails the test after RIG_WAIT_MS.
 */
void guest_run(struct guest *guest, bool (*until)(struct guest *guest));

/* Handles what comes within that time. */
void guest_run_ms(struct guest *guest, int time_ms);

/* Gets its address. */
void guest_dhcp(struct guest *guest);

/* Learns the router's Ethernet address. */
void guest_arp(struct guest *guest, u32 router_ip);

/* Begins a connection from the guest. */
void guest_connect(struct guest *guest, u32 ip, u16 port);

/* Sends data on the connection; size_bytes: in segments that are cut behind the
 * port, 0: in one frame. */
void guest_send(struct guest *guest, const u8 *data, u32 bytes, u16 size_bytes);

void guest_send_udp(struct guest *guest, u32 ip, u16 from_port, u16 port,
		    const void *data, u32 bytes);

#endif
