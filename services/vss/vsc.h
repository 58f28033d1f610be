/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsc.h - guest end of the backup service.
 *
 * Here: requests of the host and the answers to them, and the clock that thaws
 * a guest whose host forgot it. Not here: file systems.
 *
 * One request is under way at a time: after vss_vsc_receive() gave one,
 * vss_vsc_respond() must answer it before another packet is taken.
 *
 * Source: drivers/hv/hv_snapshot.c, include/uapi/linux/hyperv.h.
 */
#ifndef SERVICES_VSS_VSC_H
#define SERVICES_VSS_VSC_H

#include "services/vss/service.h"

struct vss_vsc {
	struct ic_vsc ic;
	struct ic_message asked; /* its body is not kept */
	u64 transaction_id;
	u64 hold_limit_100ns;
	u64 thaw_100ns; /* when to thaw unasked, while frozen */
	u8 operation;	/* of the request under way */
	bool pending;
	bool frozen;
};

/*
 * vss_vsc_init - before the channel is opened. What was frozen before must have
 * been thawed by then.
 * @hold_limit_100ns: longest time frozen without a thaw from the host; 0: 120 s
 * Returns VMBUS_OK.
 */
enum vmbus_status vss_vsc_init(struct vss_vsc *vsc, u64 hold_limit_100ns);

/*
 * vss_vsc_receive - take one packet from the host.
 * @data: @size_bytes of payload, copied out of shared memory; hosts send up to
 *        VSS_RECEIVE_MAX_BYTES
 * @transaction_id: of its descriptor
 * @response: @capacity_bytes of memory, at least @size_bytes
 * @response_bytes: size of an answer to send at once, with @transaction_id; 0
 *                  for none
 * @operation: set to VSS_OPERATION_HOT_BACKUP, VSS_OPERATION_FREEZE or
 *             VSS_OPERATION_THAW when *@requested is set to true
 *
 * Other operations are answered at once: those that a guest has no part in with
 * IC_S_OK, unknown ones with IC_E_NOT_SUPPORTED, as is auto-recovery.
 * Returns VMBUS_OK, VMBUS_AGAIN (a request is under way: pass the packet again
 * after the answer), or those of ic_vsc_receive(), also VMBUS_E_IC_SHORT (a
 * body smaller than struct vss_message).
 */
enum vmbus_status vss_vsc_receive(struct vss_vsc *vsc, const void *data,
				  u32 size_bytes, u64 transaction_id,
				  void *response, u32 capacity_bytes,
				  u32 *response_bytes, u8 *operation,
				  bool *requested);

/*
 * vss_vsc_respond - answer the request under way.
 * @status: HRESULT. A freeze that failed must leave nothing frozen.
 * @now_100ns: starts the clock when a freeze succeeded
 * @response: @capacity_bytes of memory; VSS_RECEIVE_MAX_BYTES suffices
 * @transaction_id: set to the id to send it with
 * Returns the payload's size, 0 when none is under way or it does not fit.
 */
u32 vss_vsc_respond(struct vss_vsc *vsc, u32 status, u64 now_100ns,
		    void *response, u32 capacity_bytes, u64 *transaction_id);

/*
 * vss_vsc_thaw_due - whether the guest must thaw itself now; true once. A thaw
 * that the host sends later finds nothing frozen and is answered as usual.
 */
bool vss_vsc_thaw_due(struct vss_vsc *vsc, u64 now_100ns);

/* vss_vsc_deadline_100ns - when vss_vsc_thaw_due() turns true; or IC_NEVER. */
u64 vss_vsc_deadline_100ns(const struct vss_vsc *vsc);

#endif
