/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * node.h - file copy over /dev/vmbus/hv_fcopy, which Linux has up to 6.9.
 *
 * Source: linux/hyperv.h (uapi), struct hv_start_fcopy and hv_do_fcopy;
 * drivers/hv/hv_fcopy.c: the daemon writes the version 1 and reads the
 * driver's, 4 bytes each; then each request is a message whose names are UTF-8
 * in the place of the UTF-16, cut at 259 bytes, and its answer an HRESULT.
 */
#ifndef GUEST_LISD_FCOPY_NODE_H
#define GUEST_LISD_FCOPY_NODE_H

#include "guest/lisd/fcopy/copy.h"
#include "guest/lisd/lisd.h"

/* More than the driver sends, so that what is too long is seen. */
#define NODE_MESSAGE_BYTES (8u << 10)

/*
 * node_parse - what a message asks.
 * @message: @size_bytes of it; a request for data points into it
 * Returns IC_S_OK with @request filled, else the status to refuse it with:
 * IC_E_INVALID_ARGUMENT (too short, sizes), IC_E_INVALID_NAME,
 * IC_E_NAME_TOO_LONG, IC_E_NOT_SUPPORTED.
 */
u32 node_parse(const u8 *message, u32 size_bytes,
	       struct fcopy_request *request);

/* node_run - serve the open node, as a service's run(). */
enum lisd_end node_run(struct lisd_env *env, int fd, struct copy *copy,
		       int idle_ms);

#endif
