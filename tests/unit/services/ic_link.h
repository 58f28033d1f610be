/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * ic_link.h - what tests of integration components share.
 *
 * Here: packets between two ends linked back to back in memory, and the checks
 * that every message of every service must stand. Not here: any service.
 */
#ifndef TESTS_UNIT_SERVICES_IC_LINK_H
#define TESTS_UNIT_SERVICES_IC_LINK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/ic/ic.h"

struct ic_link_packet {
	u8 bytes[IC_PACKET_MAX_BYTES];
	u32 size_bytes;
	u64 transaction_id;
};

/* One end of one service, in a known state, for the checks below. */
struct ic_link_end {
	/* Bring the end to where it takes the packet under test. */
	void (*prepare)(void);
	/* Hand it @size_bytes; @data has no byte more, for sanitizers. */
	enum vmbus_status (*receive)(const void *data, u32 size_bytes,
				     u64 transaction_id);
};

/* The headers of a packet, to look at and to falsify. */
struct ic_pipe_header ic_link_pipe(const struct ic_link_packet *packet);
struct ic_header ic_link_header(const struct ic_link_packet *packet);
void ic_link_set_pipe(struct ic_link_packet *packet,
		      struct ic_pipe_header pipe);
void ic_link_set_header(struct ic_link_packet *packet, struct ic_header header);

/* Make @packet a message of @type with @body_bytes of zeros. */
void ic_link_make(struct ic_link_packet *packet, u16 type, u8 flags,
		  u32 body_bytes, u64 transaction_id);

/* Hand over a copy that is exactly as large as the packet. */
enum vmbus_status ic_link_hand(const struct ic_link_end *end,
			       const struct ic_link_packet *packet);

/*
 * Hand over @packet cut at every byte, with its sizes as they were and with
 * sizes that fit the cut, then with sizes that lie. Bodies under
 * @body_min_bytes must be refused as too short, all others be taken.
 */
void ic_link_check_sizes(const struct ic_link_end *end,
			 const struct ic_link_packet *packet,
			 u32 body_min_bytes);

/* Settle a host end with a guest end of any service, at version @newest. */
void ic_link_settle(struct ic_vsp *vsp, const struct ic_service *service,
		    u32 newest_version);

#endif
