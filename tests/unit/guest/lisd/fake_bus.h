/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * fake_bus.h - a system bus of a test's own, in a process of its own, that
 * answers the calls of a table.
 */
#ifndef TEST_LISD_FAKE_BUS_H
#define TEST_LISD_FAKE_BUS_H

#include <sys/types.h>

#include "vmbus/port.h"

/* What is answered to a call whose bytes contain all of these texts. */
struct fake_answer {
	const char *member; /* or the name of a property */
	const char *path;
	const char *signature; /* of the answer; NULL: an error */
	const void *body;
	u32 bytes;
};

/* fake_bus_start - listen at @path, serve one client. Returns its process. */
pid_t fake_bus_start(const char *path, const struct fake_answer *answers);

#endif
