/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsc_internal.h - what the files of the guest end share.
 */
#ifndef SERVICES_NETWORK_VSC_INTERNAL_H
#define SERVICES_NETWORK_VSC_INTERNAL_H

#include "services/network/vsc.h"

/*
 * Transaction ids: of a frame, its slot's generation and number plus one; of a
 * question, the bit and a sequence.
 */
#define NETWORK_QUESTION_BIT 0x100000000ull

/* ---- vsc.c ---- */

u32 network_vsc_version_of(const struct network_vsc_shared *shared);
u32 network_vsc_message_bytes(const struct network_vsc_shared *shared);

/* The newest version below @limit that may be spoken, 0: none. */
u32 network_vsc_version_below(const struct network_vsc_shared *shared,
			      u32 limit);

/* ---- vsc_step.c ---- */

/* The answer to the step's question. */
enum vmbus_status network_vsc_take_answer(struct network_vsc *vsc,
					  const struct network_message *answer,
					  u32 bytes,
					  struct network_vsc_event *event);

/* To the next step that this version has; READY when there is none before. */
void network_vsc_advance(struct network_vsc *vsc,
			 struct network_vsc_event *event);
void network_vsc_refuse(struct network_vsc *vsc,
			struct network_vsc_event *event, u32 status);

/* ---- vsc_request.c ---- */

/* Whether the step is asked for by an RNDIS message; then that message. */
bool network_vsc_put_step(struct network_vsc *vsc, struct network_vsc_out *out);

/* The next request that is wanted. False: there is none. */
bool network_vsc_put_request(struct network_vsc *vsc,
			     struct network_vsc_out *out);

/* An RNDIS message of the host's, @bytes at @at, our copy. */
enum vmbus_status network_vsc_take_control(struct network_vsc *vsc,
					   const u8 *at, u32 bytes,
					   struct network_vsc_event *event);

/* ---- vsc_frame.c ---- */

void network_vsc_slots_init(struct network_vsc *vsc);
void network_vsc_sections_init(struct network_vsc_shared *shared);
enum vmbus_status network_vsc_take_sent(struct network_vsc *vsc, u64 id,
					u32 status,
					struct network_vsc_event *event);

#endif
