/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * device_sandbox.h - the seccomp filter of the loop's thread, on which all
 * devices and the control socket run, and of its worker threads.
 *
 * Here: the list of system calls. Not here: the list of vCPU threads and the
 * filter's making (host/vm/sandbox.h).
 */
#ifndef HOST_CONTROL_DEVICE_SANDBOX_H
#define HOST_CONTROL_DEVICE_SANDBOX_H

#include <stdbool.h>

#include "host/vm/error.h"

/* False in builds with a sanitizer, whose runtime needs more. */
bool device_sandbox_wanted(void);

/*
 * Filter this thread and all that it makes from now on, for good: no program
 * can be started, no file or socket made, no memory become code.
 * Returns 0 or a negative errno with @error set: the caller must not go on.
 */
int device_sandbox_enter(struct lis_error *error);

#endif
