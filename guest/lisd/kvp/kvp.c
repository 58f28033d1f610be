/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "guest/lisd/kvp/kvp.h"

#include <errno.h>
#include <linux/hyperv.h>
#include <string.h>
#include <unistd.h>

#include "guest/lisd/log.h"

static enum lisd_end kvp_run(struct lisd_env *env, int fd)
{
	struct hv_kvp_msg message = { .kvp_hdr.operation = KVP_OP_REGISTER1 };

	if (write(fd, &message, sizeof(message)) != sizeof(message)) {
		log_error("cannot register for key-value exchange: %s",
			  strerror(errno));
		return LISD_FAIL;
	}
	while (lisd_wait(env, fd, -1) > 0) {
		if (read(fd, &message, sizeof(message)) != sizeof(message))
			return LISD_GONE;
		lisd_ready(env);
		if (message.kvp_hdr.operation == KVP_OP_REGISTER1)
			continue;
		message.error = HV_E_FAIL;
		if (write(fd, &message, sizeof(message)) < 0)
			return LISD_GONE;
	}
	return LISD_STOP;
}

const struct lisd_service lisd_kvp = {
	.name = "kvp",
	.daemon_name = "hv_kvp_daemon",
	.description = "Key-Value Pair Exchange",
	.device = "/dev/vmbus/hv_kvp",
	.run = kvp_run,
};
