/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * network_rig.h - the host end of an adapter, with a guest made of packets.
 *
 * Here: what a device does around the engine, and messages by hand. Not here:
 * rings, the guest end (network_link.h).
 */
#ifndef TESTS_UNIT_SERVICES_NETWORK_NETWORK_RIG_H
#define TESTS_UNIT_SERVICES_NETWORK_NETWORK_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/network/oid.h"
#include "services/network/packet.h"
#include "services/network/vsp.h"

#define RIG_CHANNELS	  3
#define RIG_RECEIVE_BYTES 0x40000u
#define RIG_SEND_BYTES	  0x10000u

struct rig {
	struct network_vsp_shared shared;
	struct network_vsp vsp[RIG_CHANNELS];
	u8 *receive; /* mapped; NULL: not */
	u8 *send;
	u32 receive_bytes;
	struct network_slot *slots;
	struct network_vsp_action action;
	struct network_vsp_out out;
	u32 sub_channels; /* the last wanted */
};

/* An adapter with everything in it; nothing has been said. */
void rig_open(struct rig *rig, const struct network_vsp_options *options);
void rig_close(struct rig *rig);

/* The options of rig_open() when it is given none. */
struct network_vsp_options rig_options(void);

/*
 * One packet from the guest; its payload lies in just @bytes, so that a
 * sanitizer sees a byte too many.
 */
enum vmbus_status rig_packet(struct rig *rig, u32 channel, u16 type, u16 flags,
			     u64 id, const void *payload, u32 bytes);

/*
 * A message in band that wants a completion; buffers are mapped, revoked and
 * sub-channels granted at once.
 */
enum vmbus_status rig_message(struct rig *rig,
			      const struct network_message *message, u32 bytes);

/* The answer to the last packet. */
struct network_message rig_answer(const struct rig *rig);

/* INIT of one version, NDIS version and configuration, both buffers. */
void rig_negotiate(struct rig *rig, u32 version, u32 mtu_bytes);

/* A control message in a page list. The response is in rig->out. */
enum vmbus_status rig_control(struct rig *rig, const void *message, u32 bytes);

/* The response's bytes in the receive buffer; they are completed. */
u32 rig_response(struct rig *rig, void *to, u32 most);

/* All of it, successful. */
void rig_initialize(struct rig *rig);

/* Query or set; they return the RNDIS status. */
u32 rig_query(struct rig *rig, u32 oid, const void *info, u32 info_bytes,
	      void *to, u32 *to_bytes);
u32 rig_set(struct rig *rig, u32 oid, const void *info, u32 info_bytes);

/* Negotiated, initialized, with this filter. */
void rig_run(struct rig *rig, u32 version, u32 filter);

/*
 * TCP over version 4 or 6 with @payload bytes, from the guest's address; all
 * headers right but TCP's checksum. A tag is priority 3, VLAN 9. Returns the
 * frame's bytes.
 */
u32 rig_frame(u8 *frame, u8 version, u32 payload, bool tagged);

/* What a guest of version 6.1 sets, Linux: all offloads. */
void rig_all_offloads(struct rig *rig);

#endif
