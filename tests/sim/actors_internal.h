/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What the files of the actors know of each other; the rest is in actors.h. */
#ifndef TESTS_SIM_ACTORS_INTERNAL_H
#define TESTS_SIM_ACTORS_INTERNAL_H

#include "tests/sim/actors.h"
#include "tests/sim/memory.h"

/* actors.c */
u32 actors_below(struct actors *actors, u32 limit);
void actors_must(const struct actors *actors, bool holds,
		 const char *else_what);
void actors_ok(const struct actors *actors, enum vmbus_status status);
void actors_violation(struct actors *actors, const char *end,
		      enum vmbus_status reason);

/* actors_host.c */
void actors_on_host(void *context, const struct vmbus_host_action *action);
bool actors_host_move(struct actors *actors);
bool actors_host_answer(struct actors *actors);

/* actors_guest.c */
void actors_on_guest(void *context, const struct vmbus_guest_action *action);
bool actors_guest_move(struct actors *actors);
bool actors_guest_answer(struct actors *actors);
void actors_guest_crash(struct actors *actors);

#endif
