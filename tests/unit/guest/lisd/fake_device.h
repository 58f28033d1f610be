/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * fake_device.h - a socket in place of a node below /dev/vmbus, and a service
 * on its other end in a process of its own, within its sandbox.
 */
#ifndef TEST_LISD_FAKE_DEVICE_H
#define TEST_LISD_FAKE_DEVICE_H

#include <sys/types.h>

#include "guest/lisd/lisd.h"

struct fake_device {
	int fd;
	pid_t pid;
};

/* fake_device_start - prepare, confine and run env->service in a process. */
void fake_device_start(struct fake_device *device, struct lisd_env *env);

/* fake_device_call - send, and receive the answer: its size. */
size_t fake_device_call(struct fake_device *device, const void *message,
			size_t bytes, void *answer, size_t room);

/* fake_device_stop - close it: the end that run() came to, as a status. */
int fake_device_stop(struct fake_device *device);

#endif
