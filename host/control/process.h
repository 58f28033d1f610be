/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * process.h - the process that is a VM.
 *
 * Here: its making, its loop and its end. Not here: what can be asked of it
 * while it runs (methods*.c).
 */
#ifndef HOST_CONTROL_PROCESS_H
#define HOST_CONTROL_PROCESS_H

#include "host/control/config.h"
#include "host/vm/error.h"

/*
 * Run a VM until it powers off or is turned off. With config->detach the VM
 * goes on in the background, and this returns once it runs or has failed to
 * start.
 * @config: checked by run_config_check.
 * Returns 0 when the guest powered off, was turned off, or runs detached; a
 * negative errno with @error set when it could not be started or failed.
 */
int vm_process_run(const struct run_config *config, struct lis_error *error);

#endif
