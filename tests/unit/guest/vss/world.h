/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* File systems that are bytes of memory, which all processes of a test see. */
#ifndef TESTS_UNIT_GUEST_VSS_WORLD_H
#define TESTS_UNIT_GUEST_VSS_WORLD_H

/* cmocka.h needs these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest/lisd/vss/freezer.h"

#define SYSTEMS	    10
#define TRY_LIMIT_S 60

/* Descriptor fds[i] is the file system i. */
struct world {
	int frozen[SYSTEMS];
	int order[SYSTEMS * 4]; /* of freezes (i + 1) and thaws -(i + 1) */
	int steps;
	int fail_at; /* the call that fails, from 1 */
	int error;
	int calls;
	bool hang; /* in the next freeze, until the watchdog thaws */
	pid_t watchdog;
	long faults_first, faults_last; /* pages, by the first and last step */
};

extern struct world *world;
extern int fds[SYSTEMS];
extern struct freezer freezer;

/* world_setup - once in a program. */
int world_setup(void **state);

/* world_begin - a new world, and the freezer with every file system of it. */
void world_begin(void);

/* world_targets - the freezer with every file system of the world as it is. */
void world_targets(void);

int frozen_count(void);

/* wait_thawed - until nothing is frozen, or fail. */
void wait_thawed(void);

/* moment - a millisecond. */
void moment(void);

#endif
