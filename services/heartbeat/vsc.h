/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsc.h - guest end of the heartbeat service.
 *
 * Here: answering the host, with the state of what runs in the guest. Not
 * here: how that state is found out.
 *
 * Source: services/heartbeat/wire.h; answers are those of
 * drivers/hv/hv_util.c.
 */
#ifndef SERVICES_HEARTBEAT_VSC_H
#define SERVICES_HEARTBEAT_VSC_H

#include "services/heartbeat/service.h"

struct heartbeat_vsc {
	struct ic_vsc ic;
	enum heartbeat_application application;
	u64 answer_count;
};

/*
 * heartbeat_vsc_init - before the channel is opened.
 * @newest_version: HEARTBEAT_VERSION_* to accept at most; 0 for all
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT (no such version).
 */
enum vmbus_status heartbeat_vsc_init(struct heartbeat_vsc *vsc,
				     u32 newest_version);

/*
 * heartbeat_vsc_set_application - what answers tell from now on. From version
 * 3.0; the state is left as the host sent it while it is
 * HEARTBEAT_APPLICATION_UNKNOWN.
 */
void heartbeat_vsc_set_application(struct heartbeat_vsc *vsc,
				   enum heartbeat_application application);

/*
 * heartbeat_vsc_receive - take one packet from the host.
 * @response: @capacity_bytes of memory, at least @size_bytes
 * @response_bytes: size of the answer to send, with the request's transaction
 *                  id; 0 for none
 * Results are those of ic_vsc_receive(), besides VMBUS_E_IC_SHORT for a
 * heartbeat without a sequence.
 */
enum vmbus_status heartbeat_vsc_receive(struct heartbeat_vsc *vsc,
					const void *data, u32 size_bytes,
					void *response, u32 capacity_bytes,
					u32 *response_bytes);

#endif
