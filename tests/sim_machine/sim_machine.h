/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * sim_machine.h - a machine without KVM: host/vm/machine.h in memory, for
 * programs that are linked with it in place of host/vm/machine.c.
 *
 * Here: guest memory, message slots, event flags, connections, pause and clock,
 * and the one thread that stands for the guest. Not here: what that guest does
 * (sim_guest.h).
 *
 * The functions below are the guest's side, and are called on its thread unless
 * they say otherwise.
 */
#ifndef TESTS_SIM_MACHINE_SIM_MACHINE_H
#define TESTS_SIM_MACHINE_SIM_MACHINE_H

#include "host/vm/machine.h"

/*
 * What every machine made from now on runs on its thread: it returns when
 * sim_machine_wait() is false. Before the first machine is made.
 */
void sim_machine_runs(void (*run)(struct machine *machine));

/* The next @count calls of machine_create fail. Any thread. */
void sim_machine_fail_creation(u32 count);

/* How many machines were made so far. Any thread. */
u32 sim_machine_created(void);

/* Non-maskable interrupts that reached guests so far. Any thread. */
u32 sim_machine_nmis(void);

/*
 * Wait for something to do: a message, an event flag, a kick, or the end of
 * @timeout_ms. A paused machine waits here until it goes on. False: the machine
 * is going away.
 */
bool sim_machine_wait(struct machine *machine, u32 timeout_ms);

/* Make sim_machine_wait() return. Any thread; the machine must live. */
void sim_machine_kick(struct machine *machine);

/* Copy the message in @vp's slot of @sint; false: it is empty. */
bool sim_machine_message(struct machine *machine, u32 vp, u32 sint,
			 void *payload, u32 *size_bytes);

/* Empty the slot, with an end of message when one is wanted. */
void sim_machine_message_done(struct machine *machine, u32 vp, u32 sint);

/* Take an event flag: whether it was set. */
bool sim_machine_flag(struct machine *machine, u32 vp, u32 sint, u32 flag);

/* Switch a processor's SynIC on or off; on at first. */
void sim_machine_synic(struct machine *machine, u32 vp, bool on);

/* HvPostMessage and HvSignalEvent; MACHINE_HV_*. */
u16 sim_machine_post(struct machine *machine, u32 connection_id, u32 type,
		     const void *payload, u32 size_bytes);
u16 sim_machine_signal(struct machine *machine, u32 connection_id);

/* A zeroed page that nobody has: its number. Pages come in no order. */
u64 sim_machine_page(struct machine *machine);
void sim_machine_page_give(struct machine *machine, u64 pfn);

/* What is in it. Not at the host's address: the two agree by what rings say,
 * which a sanitizer of threads does not see. */
u8 *sim_machine_page_at(struct machine *machine, u64 pfn);

/* Write to the serial port; take what was typed on it. */
void sim_machine_print(struct machine *machine, const void *bytes,
		       u32 size_bytes);
u32 sim_machine_typed(struct machine *machine, void *bytes, u32 size_bytes);

/* Write the crash MSRs. */
void sim_machine_crash(struct machine *machine, const char *text);

/* Stop for good. The thread must return soon after. */
void sim_machine_stop(struct machine *machine, enum machine_stop reason,
		      const char *text);

/* Mappings of machine_map_pages that are not yet undone. Any thread. */
u32 sim_machine_mappings(void);

#endif
