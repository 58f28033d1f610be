/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsc.h - guest end of key-value pair exchange.
 *
 * Here: requests of the host, checked and in UTF-8, and the answers to them.
 * Not here: where a guest keeps its pools, nor what it tells about itself.
 *
 * One request is under way at a time: after kvp_vsc_receive() gave one,
 * kvp_vsc_respond() must answer it before another packet is taken.
 *
 * Source: as services/kvp/wire.h; statuses are those of drivers/hv/hv_kvp.c and
 * tools/hv/hv_kvp_daemon.c.
 */
#ifndef SERVICES_KVP_VSC_H
#define SERVICES_KVP_VSC_H

#include "services/kvp/item.h"
#include "services/kvp/service.h"

/* What the host asks. */
struct kvp_request {
	enum kvp_operation operation;
	u8 pool;   /* below KVP_POOL_COUNT; not of IP requests */
	u32 index; /* of enumerate; any number */
	union {
		struct kvp_item item;  /* set: all; get, delete: the key */
		struct kvp_ip_info ip; /* set IP: all; get IP: adapter_id */
	};
};

struct kvp_vsc {
	struct ic_vsc ic;
	struct ic_message asked; /* its body is below */
	u64 transaction_id;
	bool pending;
	u32 body_bytes;
	u8 body[KVP_IP_BODY_BYTES]; /* of the request */
};

/*
 * kvp_vsc_init - before the channel is opened.
 * @newest_version: KVP_VERSION_* to accept at most; 0 for all
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT (no such version).
 */
enum vmbus_status kvp_vsc_init(struct kvp_vsc *vsc, u32 newest_version);

/*
 * kvp_vsc_receive - take one packet from the host.
 * @data: @size_bytes of payload, copied out of shared memory
 * @transaction_id: of its descriptor
 * @response: @capacity_bytes of memory, at least @size_bytes
 * @response_bytes: size of an answer to send at once, with @transaction_id; 0
 *                  for none
 * @request: filled when *@requested is set to true
 *
 * A request that makes no sense (operation, pool, sizes, text) is answered at
 * once with IC_E_INVALID_ARGUMENT and is not shown.
 * Returns VMBUS_OK, VMBUS_AGAIN (a request is under way: pass the packet again
 * after the answer), or those of ic_vsc_receive().
 */
enum vmbus_status kvp_vsc_receive(struct kvp_vsc *vsc, const void *data,
				  u32 size_bytes, u64 transaction_id,
				  void *response, u32 capacity_bytes,
				  u32 *response_bytes,
				  struct kvp_request *request, bool *requested);

/*
 * kvp_vsc_respond - answer the request under way.
 * @status: HRESULT; IC_S_OK, IC_E_NO_MORE_ITEMS (no such key or index), ...
 * @result: with IC_S_OK, what was asked for: @item of get (value) and enumerate
 *          (both), @ip of get IP; else not looked at, may be NULL. What the
 *          wire cannot carry is answered with IC_E_FAIL.
 * @response: @capacity_bytes of memory, KVP_PACKET_MAX_BYTES suffices
 * @transaction_id: set to the id to send it with
 * Returns the payload's size, 0 when none is under way or it does not fit.
 */
u32 kvp_vsc_respond(struct kvp_vsc *vsc, u32 status,
		    const struct kvp_request *result, void *response,
		    u32 capacity_bytes, u64 *transaction_id);

#endif
