/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * ic_fuzz.h - sessions of an integration component, one end of which lies.
 *
 * Here: the language of the input, a script of steps. Not here: any service.
 *
 * The input is a sequence of steps, each a byte of enum ic_fuzz_step (modulo
 * their number) with its operands behind it; it ends where the bytes end. An
 * end that finds a violation is set up anew, as a channel is opened anew.
 */
#ifndef TESTS_FUZZ_IC_FUZZ_H
#define TESTS_FUZZ_IC_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "services/ic/ic.h"

enum ic_fuzz_step {
	IC_FUZZ_HONEST,	 /* the host's next packet and its true answer */
	IC_FUZZ_ADVANCE, /* u16: tenths of a second */
	IC_FUZZ_POKE,	 /* u8: what the caller does to the ends */
	IC_FUZZ_BEND,	 /* as HONEST, but what the end under test gets is
			    changed: u8 cut, u16 offset, u8 count, bytes */
	IC_FUZZ_RAW,	 /* u16 size, u8 id, bytes: a packet made of nothing */
	IC_FUZZ_LOSE,	 /* the host's next packet stays unread */
	IC_FUZZ_LATE,	 /* it is read after all, and answered */
	IC_FUZZ_STEPS
};

/* Both ends of one service. */
struct ic_fuzz_ends {
	void (*start)(u8 choice); /* set up both; may limit versions */
	void (*poke)(u8 choice, u64 now_100ns);
	u32 (*host_transmit)(u64 now_100ns, u8 *buffer, u32 capacity_bytes,
			     u64 *transaction_id);
	enum vmbus_status (*host_receive)(const u8 *data, u32 size_bytes,
					  u64 transaction_id, u64 now_100ns);
	enum vmbus_status (*guest_receive)(const u8 *data, u32 size_bytes,
					   u64 now_100ns, u8 *response,
					   u32 capacity_bytes,
					   u32 *response_bytes);
	/* What must hold after each step; ask all that can be asked. */
	void (*check)(u64 now_100ns);
};

/* ic_fuzz_host - run the script against the host end; returns 0. */
int ic_fuzz_host(const struct ic_fuzz_ends *ends, const u8 *input,
		 size_t input_bytes);

/* ic_fuzz_guest - run the script against the guest end; returns 0. */
int ic_fuzz_guest(const struct ic_fuzz_ends *ends, const u8 *input,
		  size_t input_bytes);

/* Called by libFuzzer. */
int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes);

/* End the run as a finding. */
void ic_fuzz_require(bool truth);

/* The ends of each service, in NAME_ends.c. */
extern const struct ic_fuzz_ends fcopy_fuzz_ends;
extern const struct ic_fuzz_ends heartbeat_fuzz_ends;
extern const struct ic_fuzz_ends kvp_fuzz_ends;
extern const struct ic_fuzz_ends shutdown_fuzz_ends;
extern const struct ic_fuzz_ends timesync_fuzz_ends;
extern const struct ic_fuzz_ends vss_fuzz_ends;

#endif
