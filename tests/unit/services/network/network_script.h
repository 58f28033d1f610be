/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * network_script.h - the guest end of an adapter, with a host made of packets.
 *
 * Here: what an honest host answers, step by step, so that a test can begin to
 * lie where it wants. Not here: the host end (network_rig.h).
 */
#ifndef TESTS_UNIT_SERVICES_NETWORK_NETWORK_SCRIPT_H
#define TESTS_UNIT_SERVICES_NETWORK_NETWORK_SCRIPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/network/vsc.h"

#define SCRIPT_RECEIVE_BYTES 16384u
#define SCRIPT_SLOT_BYTES    2048u
#define SCRIPT_SLOTS	     4u

extern struct network_vsc_shared script_shared;
extern struct network_vsc script_guest;
extern struct network_vsc_slot script_slots[SCRIPT_SLOTS];
extern struct network_vsc_out script_out;
extern struct network_vsc_event script_event;
extern struct network_vsc_frame script_frame;
extern u8 script_receive[SCRIPT_RECEIVE_BYTES];
extern u8 script_send[8192];

/* One packet from the host; its payload lies in just @bytes. The first thing in
 * its ranges is taken at once. */
enum vmbus_status script_packet(u16 type, u64 id, const void *payload,
				u32 bytes, const void *ranges, u32 range_count);

/* A completion. */
enum vmbus_status script_complete(u64 id, const struct network_message *message,
				  u32 bytes);

/* @bytes of RNDIS at the beginning of the receive buffer. */
enum vmbus_status script_ranges(const void *message, u32 bytes);

/* A guest of just this version (0: any); nothing has been said. */
void script_start(u32 version);

/* What an honest host answers to the question in script_out. */
u32 script_honest(struct network_message *answer);

/* The response to the control message in script_out. */
u32 script_response(u8 *to);

/* Goes on until the question of @step is in script_out. */
void script_until(enum network_vsc_step step);

/* Until the guest is ready. */
void script_run(u32 version);

#endif
