// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Heartbeat: every question is answered, by services/heartbeat. */
#include "guest/kmod/hv_utils/utils.h"
#include "services/heartbeat/vsc.h"

static void begin(struct util *util)
{
	heartbeat_vsc_init(util->state, 0);
}

static enum vmbus_status receive(struct util *util, u32 size_bytes,
				 u64 transaction_id, u32 *response_bytes)
{
	return heartbeat_vsc_receive(util->state, util->packet, size_bytes,
				     util->response, sizeof(util->response),
				     response_bytes);
}

const struct util_service util_heartbeat = {
	.name = "heartbeat",
	.logged = "Heartbeat",
	.state_bytes = sizeof(struct heartbeat_vsc),
	.ic_offset = offsetof(struct heartbeat_vsc, ic),
	.begin = begin,
	.receive = receive,
};
