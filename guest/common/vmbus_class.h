/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vmbus_class.h - what the classes of VMBus devices are, and what serves them.
 *
 * Here: one row per class. Source: linux/mod_devicetable.h and
 * linux/hyperv.h for the identifiers; the short names are those that lsvmbus
 * of the kernel's tools/hv shows, so that output can be compared.
 */
#ifndef GUEST_COMMON_VMBUS_CLASS_H
#define GUEST_COMMON_VMBUS_CLASS_H

#include <stddef.h>

struct vmbus_class {
	const char *id;	   /* "{GUID}", as in class_id */
	const char *shown; /* by lsvmbus */
	/* What follows is of the classes that a guest can use; else NULL. */
	const char *name;   /* as the host's administrator knows it */
	const char *driver; /* that binds to it */
	const char *module; /* that has the driver */
	/* Device of its daemon below /dev; NULL: the kernel serves it alone. */
	const char *node;
	const char *daemon; /* the usual name of the daemon */
	/* How the kernel begins its line "... IC version M.N" of it. */
	const char *logged;
};

/* vmbus_class_find - the row of a class_id; NULL when there is none. */
const struct vmbus_class *vmbus_class_find(const char *id);

/* vmbus_class_row - row @index; NULL behind the last. */
const struct vmbus_class *vmbus_class_row(size_t index);

#endif
