// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * main.c - the module hv_utils: a driver for every integration component.
 *
 * Here: the channel, packet by packet. Not here: any one component.
 */
#include "guest/kmod/hv_utils/door.h"
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "services/fcopy/wire.h"
#include "services/heartbeat/wire.h"
#include "services/kvp/wire.h"
#include "services/shutdown/wire.h"
#include "services/timesync/wire.h"
#include "services/vss/wire.h"

/* An answer of the largest size and the packet before it. */
#define RING_BYTES (8 * PAGE_SIZE)

static bool fcopy_device = COMPAT_FCOPY_HAS_DEVICE;
module_param(fcopy_device, bool, 0444);
MODULE_PARM_DESC(fcopy_device,
		 "Serve file copy by /dev/vmbus/hv_fcopy; N leaves it to "
		 "uio_hv_generic (default: as the kernel's own, N from 6.10)");

/* ---- the channel ---- */

void util_kick(struct util *util)
{
	queue_work(system_wq, &util->work);
}

static void signalled(void *context)
{
	util_kick(context);
}

/* The host broke the protocol: the channel is closed, and stays so. */
static void fail(struct util *util, enum vmbus_status reason)
{
	dev_err(&util->device->dev, "%s: the channel is closed: %s\n",
		util->service->name, vmbus_status_text(reason));
	util->failed = true;
	queue_work(system_wq, &util->fail_work);
}

static void fail_work(struct work_struct *work)
{
	struct util *util = container_of(work, struct util, fail_work);

	lisbus_channel_quiet(util->device->channel);
	cancel_work_sync(&util->work);
	lisbus_channel_close(util->device->channel);
}

void util_respond(struct util *util, u32 size_bytes, u64 transaction_id)
{
	struct lisbus_channel *channel = util->device->channel;
	const struct ring_vec vec = {
		.base = util->response,
		.size_bytes = size_bytes,
	};
	const struct packet_out out = {
		.type = PACKET_DATA_INBAND,
		.transaction_id = transaction_id,
		.vec = &vec,
		.vec_count = 1,
	};
	enum vmbus_status status;

	lockdep_assert_held(&util->lock);
	if (util->failed)
		return;
	status = packet_write(&channel->tx, &out);
	if (status)
		fail(util, status);
	else if (ring_publish(&channel->tx))
		lisbus_channel_signal(channel);
}

/* Tells what was agreed on in the words that who reads the log looks for. */
static void version_tell(struct util *util)
{
	const struct ic_vsc *ic = util->state + util->service->ic_offset;

	if (ic->message_version == util->version)
		return;
	util->version = ic->message_version;
	if (util->version)
		pr_info_ratelimited("hv_utils: %s IC version %u.%u\n",
				    util->service->logged,
				    IC_VERSION_MAJOR(util->version),
				    IC_VERSION_MINOR(util->version));
}

/* One packet: VMBUS_AGAIN when there is none, or none can be handled now. */
static enum vmbus_status packet_handle(struct util *util, bool *stalled)
{
	struct lisbus_channel *channel = util->device->channel;
	enum vmbus_status status;
	struct packet_view view;
	u32 response_bytes = 0;

	/* Nothing is read that could not be answered. */
	status = ring_reserve(&channel->tx,
			      packet_ring_bytes(0, IC_PACKET_MAX_BYTES));
	*stalled = status == VMBUS_AGAIN;
	if (status)
		return status;
	status = packet_peek_copy(&channel->rx, &view, util->packet,
				  sizeof(util->packet));
	if (status)
		return status;
	if (view.type == PACKET_DATA_INBAND) {
		status = util->service->receive(util, view.payload_bytes,
						view.transaction_id,
						&response_bytes);
		*stalled = status == VMBUS_AGAIN;
		if (status)
			return status;
	}
	packet_consume(&channel->rx, &view);
	version_tell(util);
	if (response_bytes)
		util_respond(util, response_bytes, view.transaction_id);
	return util->failed ? VMBUS_AGAIN : VMBUS_OK;
}

/*
 * True when packets may wait that no signal announces. While one waits for us
 * the host's signals stay off: util_kick() or its signal of space goes on.
 */
static bool packets_handle(struct util *util)
{
	struct lisbus_channel *channel = util->device->channel;
	enum vmbus_status status;
	bool stalled = false;
	bool wanted;

	ring_mask(&channel->rx);
	do {
		status = packet_handle(util, &stalled);
	} while (!status);
	if (vmbus_status_is_violation(status))
		fail(util, status);
	if (util->failed)
		return false;
	wanted = ring_publish(&channel->tx);
	wanted |= ring_release(&channel->rx);
	if (wanted)
		lisbus_channel_signal(channel);
	return !stalled && ring_unmask(&channel->rx);
}

static void work(struct work_struct *work)
{
	struct util *util = container_of(work, struct util, work);

	mutex_lock(&util->lock);
	while (util->open && !util->failed && packets_handle(util))
		cond_resched();
	if (util->open && util->service->answered)
		util->service->answered(util);
	mutex_unlock(&util->lock);
}

/* ---- the driver ---- */

static struct util *util_new(struct lisbus_device *device,
			     const struct util_service *service)
{
	struct util *util = kvzalloc(sizeof(*util), GFP_KERNEL);

	if (!util)
		return NULL;
	util->state = kvzalloc(service->state_bytes, GFP_KERNEL);
	if (!util->state) {
		kvfree(util);
		return NULL;
	}
	util->device = device;
	util->service = service;
	mutex_init(&util->lock);
	INIT_WORK(&util->work, work);
	INIT_WORK(&util->fail_work, fail_work);
	return util;
}

static void util_free(struct util *util)
{
	kvfree(util->state);
	kvfree(util);
}

/* Packets are handled when it returns 0. */
static int channel_open(struct util *util)
{
	const struct lisbus_open open = {
		.tx_bytes = RING_BYTES,
		.rx_bytes = RING_BYTES,
		.signal = signalled,
		.context = util,
	};
	int error = lisbus_channel_open(util->device->channel, &open);

	if (error)
		return error;
	mutex_lock(&util->lock);
	util->open = true;
	mutex_unlock(&util->lock);
	/* For what the host sent before. */
	util_kick(util);
	return 0;
}

/* Nothing is asked of a daemon when it returns. */
static void channel_quiet(struct util *util)
{
	cancel_work_sync(&util->fail_work);
	lisbus_channel_quiet(util->device->channel);
	mutex_lock(&util->lock);
	util->open = false;
	mutex_unlock(&util->lock);
	cancel_work_sync(&util->work);
}

static void channel_close(struct util *util)
{
	cancel_work_sync(&util->work);
	cancel_work_sync(&util->fail_work);
	lisbus_channel_close(util->device->channel);
}

static int start(struct util *util)
{
	util->service->begin(util);
	return util->service->start ? util->service->start(util) : 0;
}

static void stop(struct util *util)
{
	if (util->service->stop)
		util->service->stop(util);
}

static int probe(struct lisbus_device *device,
		 const struct hv_vmbus_device_id *id)
{
	const struct util_service *service =
		(const struct util_service *)id->driver_data;
	struct util *util;
	int error;

	/* By way of driver_override: a device that is none of ours. */
	if (!service)
		return -ENODEV;
	if (service == &util_fcopy && !fcopy_device)
		return -ENODEV;
	util = util_new(device, service);
	if (!util)
		return -ENOMEM;
	lisbus_set_drvdata(device, util);
	error = start(util);
	if (!error) {
		error = channel_open(util);
		if (!error)
			return 0;
		cancel_work_sync(&util->work);
		stop(util);
	}
	util_free(util);
	return error;
}

static void remove(struct lisbus_device *device)
{
	struct util *util = lisbus_get_drvdata(device);

	/* Before its door is being shut. */
	channel_quiet(util);
	stop(util);
	channel_close(util);
	util_free(util);
}

/* ---- hibernation ---- */

static int suspend(struct lisbus_device *device)
{
	struct util *util = lisbus_get_drvdata(device);
	const struct util_service *service = util->service;

	channel_quiet(util);
	mutex_lock(&util->lock);
	if (service->suspend)
		service->suspend(util);
	if (service->door)
		door_forget(service->door);
	mutex_unlock(&util->lock);
	channel_close(util);
	return 0;
}

/* A channel that the host had broken begins anew, too. */
static int resume(struct lisbus_device *device)
{
	struct util *util = lisbus_get_drvdata(device);

	mutex_lock(&util->lock);
	util->failed = false;
	util->service->begin(util);
	mutex_unlock(&util->lock);
	return channel_open(util);
}

#define SERVICE(type, service)                                                 \
	{                                                                      \
		.guid = type, .driver_data = (kernel_ulong_t)(&(service)),     \
	}

static const struct hv_vmbus_device_id ids[] = {
	SERVICE(HEARTBEAT_TYPE_GUID, util_heartbeat),
	SERVICE(SHUTDOWN_TYPE_GUID, util_shutdown),
	SERVICE(TIMESYNC_TYPE_GUID, util_timesync),
	SERVICE(KVP_TYPE_GUID, util_kvp),
	SERVICE(VSS_TYPE_GUID, util_vss),
	SERVICE(FCOPY_TYPE_GUID, util_fcopy),
	{},
};
MODULE_DEVICE_TABLE(vmbus, ids);

static struct lisbus_driver driver = {
	.ids = ids,
	.probe = probe,
	.remove = remove,
	.suspend = suspend,
	.resume = resume,
	.driver.name = "hv_utils",
};

static int __init utils_init(void)
{
	const struct hv_vmbus_device_id *id;

	for (id = ids; id->driver_data; id++) {
		const struct util_service *service =
			(const struct util_service *)id->driver_data;

		if (service->door)
			door_init(service->door);
	}
	return lisbus_driver_register(&driver, THIS_MODULE, KBUILD_MODNAME);
}

static void __exit utils_exit(void)
{
	lisbus_driver_unregister(&driver);
}

module_init(utils_init);
module_exit(utils_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_VERSION(LIS_VERSION);
MODULE_AUTHOR("The LIS project");
MODULE_DESCRIPTION("Integration components of Hyper-V guests");
