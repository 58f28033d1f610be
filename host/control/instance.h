/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * instance.h - a VM's name, held by the one process that runs it.
 *
 * Here: the lock and the listening socket of a name. Not here: what is served
 * on it (server.h).
 */
#ifndef HOST_CONTROL_INSTANCE_H
#define HOST_CONTROL_INSTANCE_H

#include "host/vm/error.h"

struct instance {
	int lock_fd;
	int listen_fd; /* -1 once given away */
	char *lock_path;
	char *socket_path;
};

/*
 * Take a VM's name: lock NAME.lock in @directory for as long as the process
 * lives (the kernel lets go of it however the process ends, so that a killed
 * VM never blocks its name), replace a socket that an earlier process left,
 * and listen on NAME.sock with mode 0600.
 * Returns 0, -EEXIST when a running VM has the name, or another negative
 * errno; @error says which and where.
 */
int instance_take(struct instance *instance, const char *directory,
		  const char *name, struct lis_error *error);

/* Give the name back: unlink the socket and the lock, close both. */
void instance_release(struct instance *instance);

#endif
