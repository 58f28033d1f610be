// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Backup, served by a daemon at /dev/vmbus/hv_vss.
 *
 * Here: freezing and thawing asked of the daemon, and the thaw that it is asked
 * for when the host forgets.
 */
#include "guest/kmod/hv_utils/abi.h"
#include "guest/kmod/hv_utils/door.h"
#include "services/vss/vsc.h"

/* What is frozen longer than the engine's limit is thawed; looked at so often.
 */
#define HOLD_LOOK (5 * HZ)

struct vss {
	struct vss_vsc vsc;
	struct util *util;
	struct delayed_work thaw_work;
	bool thaw_owed; /* of what was frozen when the guest hibernated */
};

static struct door door;

static bool ask(u8 operation)
{
	struct abi_vss message = { .operation = operation };

	return door_ask(&door, &message, sizeof(message));
}

static void respond(struct util *util, u32 status)
{
	struct vss *vss = util->state;
	u64 transaction_id;
	u32 size_bytes;

	size_bytes = vss_vsc_respond(&vss->vsc, status, lisbus_reference_time(),
				     util->response, sizeof(util->response),
				     &transaction_id);
	if (size_bytes)
		util_respond(util, size_bytes, transaction_id);
	if (vss->vsc.frozen)
		schedule_delayed_work(&vss->thaw_work, HOLD_LOOK);
}

static void thaw_work(struct work_struct *work)
{
	struct vss *vss =
		container_of(to_delayed_work(work), struct vss, thaw_work);
	struct abi_vss thaw = { .operation = VSS_OPERATION_THAW };

	mutex_lock(&vss->util->lock);
	if (vss_vsc_thaw_due(&vss->vsc, lisbus_reference_time())) {
		dev_warn(
			&vss->util->device->dev,
			"the host has not thawed the file systems: done now\n");
		door_tell(&door, &thaw, sizeof(thaw));
	} else if (vss_vsc_deadline_100ns(&vss->vsc) != IC_NEVER) {
		schedule_delayed_work(&vss->thaw_work, HOLD_LOOK);
	}
	mutex_unlock(&vss->util->lock);
}

static enum vmbus_status receive(struct util *util, u32 size_bytes,
				 u64 transaction_id, u32 *response_bytes)
{
	struct vss *vss = util->state;
	enum vmbus_status status;
	bool requested;
	u8 operation;

	status = vss_vsc_receive(&vss->vsc, util->packet, size_bytes,
				 transaction_id, util->response,
				 sizeof(util->response), response_bytes,
				 &operation, &requested);
	if (!status && requested && !ask(operation))
		respond(util, IC_E_FAIL);
	return status;
}

static int answer(struct util *util, const void *data, u32 size_bytes)
{
	const struct abi_vss *message = data;

	if (size_bytes < sizeof(*message))
		return -EINVAL;
	respond(util, message->error);
	return 0;
}

static int hello(const void *data, u32 size_bytes, void *reply)
{
	const struct abi_vss *message = data;
	u32 version = ABI_VSS_VERSION;

	if (size_bytes < sizeof(*message) ||
	    message->operation != ABI_VSS_HELLO)
		return -EINVAL;
	memcpy(reply, &version, sizeof(version));
	return sizeof(version);
}

static const struct door_ops ops = {
	.hello = hello,
	.answer = answer,
	.fail = respond,
};

static struct door door = {
	.misc.name = "vmbus/hv_vss",
	.ops = &ops,
	/* Freezing waits until what is being written is on disk. */
	.patience_s = 15 * 60,
};

static void begin(struct util *util)
{
	struct vss *vss = util->state;

	vss_vsc_init(&vss->vsc, 0);
}

static void suspend(struct util *util)
{
	struct vss *vss = util->state;

	vss->thaw_owed |=
		vss->vsc.frozen || (vss->vsc.pending &&
				    vss->vsc.operation == VSS_OPERATION_FREEZE);
}

/* The host, which is another one now, does not wait for them. */
static void answered(struct util *util)
{
	const struct abi_vss thaw = { .operation = VSS_OPERATION_THAW };
	struct vss *vss = util->state;

	if (vss->thaw_owed && door_tell(&door, &thaw, sizeof(thaw)))
		vss->thaw_owed = false;
}

static int start(struct util *util)
{
	struct vss *vss = util->state;

	vss->util = util;
	INIT_DELAYED_WORK(&vss->thaw_work, thaw_work);
	return door_open(&door, util);
}

static void stop(struct util *util)
{
	struct vss *vss = util->state;

	door_close(&door);
	cancel_delayed_work_sync(&vss->thaw_work);
}

const struct util_service util_vss = {
	.name = "backup",
	.logged = "VSS",
	.state_bytes = sizeof(struct vss),
	.ic_offset = offsetof(struct vss, vsc.ic),
	.door = &door,
	.begin = begin,
	.start = start,
	.stop = stop,
	.suspend = suspend,
	.receive = receive,
	.answered = answered,
};
