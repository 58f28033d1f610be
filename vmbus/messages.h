/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * messages.h - the one table of channel messages, and that of versions.
 *
 * Here: who may send which message, from which version on, and how long it is
 * at least. Not here: what a message does (host*.c, guest*.c).
 */
#ifndef VMBUS_MESSAGES_H
#define VMBUS_MESSAGES_H

#include "vmbus/port.h"
#include "vmbus/status.h"
#include "vmbus/wire.h"

enum vmbus_end {
	VMBUS_END_GUEST,
	VMBUS_END_HOST,
};

struct vmbus_message_rule {
	const char *name;    /* for people, as the field calls it */
	u32 minimum_version; /* 0: at any version, and without one */
	u16 size_bytes;	     /* at least; what follows is ignored */
	u8 sender;	     /* enum vmbus_end */
	bool names_channel;  /* a relid follows the header */
};

struct vmbus_version_rule {
	u32 version;
	bool offered; /* by either end; else known by name only */
};

/* The rule of @type, or NULL when there is no such message. */
const struct vmbus_message_rule *vmbus_message_rule(u32 type);

/*
 * Whether @payload, of @size_bytes, is a message that @sender may send at
 * @version (0: no version is agreed on, then the version is not looked at).
 * @type: receives the type as soon as there is one, else 0. VMBUS_OK, or
 * VMBUS_E_MESSAGE_SIZE, _TYPE, _VERSION.
 */
enum vmbus_status vmbus_message_check(const void *payload, u32 size_bytes,
				      enum vmbus_end sender, u32 version,
				      u32 *type);

/* Every version known, oldest first. @count: receives how many. */
const struct vmbus_version_rule *vmbus_versions(u32 *count);

/*
 * The newest version offered that is not above @limit and not below @floor;
 * 0 when there is none.
 */
u32 vmbus_version_newest(u32 limit, u32 floor);

/* Whether exactly @version is offered. */
bool vmbus_version_offered(u32 version);

#endif
