/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * uio.h - file copy as a channel for user space, which Linux has from 6.10.
 *
 * Here: finding the device among those of the bus, by its class whatever its
 * instance; binding uio_hv_generic to it; its rings.
 *
 * Source: Documentation/driver-api/uio-howto.rst and drivers/uio/
 * uio_hv_generic.c: read() waits for an interrupt, and fails with EIO once the
 * offer is taken back; write() of 1 signals the host and allows interrupts;
 * mmap() at 0 is both rings, as large as maps/map0/size says.
 */
#ifndef GUEST_LISD_FCOPY_UIO_H
#define GUEST_LISD_FCOPY_UIO_H

#include "guest/lisd/fcopy/copy.h"
#include "guest/lisd/lisd.h"

#define FCOPY_CLASS    "34d14be3-dee4-41c8-9ae7-6b174977c192"
#define FCOPY_CLASS_ID "{" FCOPY_CLASS "}"

enum uio_found {
	UIO_NONE,    /* no such device on the bus */
	UIO_UNBOUND, /* no driver has it */
	UIO_BOUND,   /* it has a node: its name was written */
	UIO_OTHER,   /* a driver of the kernel's has it */
};

/*
 * uio_find - look for the device of file copy.
 * @node: "/dev/uioN" below env->root, LISD_PATH_BYTES, when UIO_BOUND
 */
enum uio_found uio_find(const struct lisd_env *env, char *node);

/*
 * uio_bind - have uio_hv_generic take devices of the class. Returns 0 or an
 * errno: ENOENT when the driver is not loaded.
 */
int uio_bind(const struct lisd_env *env);

/* uio_run - serve the open device @node, as a service's run(). */
enum lisd_end uio_run(struct lisd_env *env, int fd, const char *node,
		      struct copy *copy, int idle_ms);

#endif
