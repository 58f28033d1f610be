/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * probe.h - whether this computer can run a machine.
 *
 * Here: the list of what is needed from KVM. Not here: using it.
 */
#ifndef HOST_VM_PROBE_H
#define HOST_VM_PROBE_H

#include "host/vm/error.h"
#include "vmbus/port.h"

#define PROBE_KVM_DEVICE "/dev/kvm"

/**
 * probe_open - open KVM and check that it has all that a machine needs.
 * @device: PROBE_KVM_DEVICE, or another path in tests
 * @err: receives one sentence: what is missing, and how to do without
 *
 * Result: a file descriptor to close; -ENOENT and -ENODEV no KVM, -EACCES no
 * permission, -EOPNOTSUPP something is missing, other errors of open(2).
 */
int probe_open(const char *device, struct lis_error *err);

/**
 * probe_check - check a KVM through a function that answers like
 * ioctl(KVM_CHECK_EXTENSION).
 * @api_version: what KVM_GET_API_VERSION answered
 *
 * Result: 0 or -EOPNOTSUPP.
 */
int probe_check(int api_version,
		int (*extension)(void *context, int capability), void *context,
		struct lis_error *err);

#endif
