/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsc.h - guest end of the shutdown service.
 *
 * Here: taking the host's request to power off, reboot or hibernate. Not here:
 * doing it.
 *
 * Source: services/shutdown/wire.h; answers are those of
 * drivers/hv/hv_util.c.
 */
#ifndef SERVICES_SHUTDOWN_VSC_H
#define SERVICES_SHUTDOWN_VSC_H

#include "services/shutdown/service.h"

/* UTF-8 bytes that any text of the wire fits in, with its NUL. */
#define SHUTDOWN_TEXT_UTF8_BYTES (SHUTDOWN_TEXT_UNITS * 3 + 1)

struct shutdown_vsc {
	struct ic_vsc ic;
	bool can_hibernate;
};

struct shutdown_action {
	bool wanted; /* do it, once the answer has been sent */
	enum shutdown_kind kind;
	bool forced;
	u32 reason_code;
	u32 timeout_seconds; /* that the host allows; 0: as long as it takes */
	char text[SHUTDOWN_TEXT_UTF8_BYTES]; /* empty when none, or no text */
};

/*
 * shutdown_vsc_init - before the channel is opened.
 * @newest_version: SHUTDOWN_VERSION_* to accept at most; 0 for all
 * @can_hibernate: whether requests to hibernate are accepted
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT (no such version).
 */
enum vmbus_status shutdown_vsc_init(struct shutdown_vsc *vsc,
				    u32 newest_version, bool can_hibernate);

/*
 * shutdown_vsc_receive - take one packet from the host.
 * @response: @capacity_bytes of memory, at least @size_bytes
 * @response_bytes: size of the answer to send, with the request's transaction
 *                  id; 0 for none. It must be sent before @action is carried
 *                  out, or the host takes the guest for deaf.
 * @action: always filled. Flags that mean nothing, and hibernation where it
 *          cannot be done, are answered with IC_E_FAIL and not wanted.
 * Results are those of ic_vsc_receive(), besides VMBUS_E_IC_SHORT for a
 * request without flags. The text may be missing or cut.
 */
enum vmbus_status shutdown_vsc_receive(struct shutdown_vsc *vsc,
				       const void *data, u32 size_bytes,
				       void *response, u32 capacity_bytes,
				       u32 *response_bytes,
				       struct shutdown_action *action);

#endif
