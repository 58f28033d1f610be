// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * main.c - the module hv_storvsc: a driver for SCSI controllers and for the
 * accelerators of IDE disks.
 *
 * Here: devices that come and go. Not here: commands (unit.c), answers
 * (channel.c).
 */
#include "guest/kmod/hv_storvsc/storvsc.h"
#include <linux/module.h>
#include <scsi/scsi_device.h>

#define TX_BYTES      (64 * PAGE_SIZE)
#define RX_BYTES      (16 * PAGE_SIZE)
#define READY_LIMIT_S 60
/* The places of a SCSI controller; an IDE accelerator has one. */
#define TARGETS 2
#define LUNS	64
#define IS_IDE	1

static void signalled(void *context)
{
	struct storvsc *storvsc = context;

	tasklet_schedule(&storvsc->tasklet);
}

/* No answer is taken any more: whoever waits for one gets an error. */
static void stop(struct storvsc *storvsc)
{
	unsigned long flags;

	spin_lock_irqsave(&storvsc->lock, flags);
	storvsc->failed = true;
	spin_unlock_irqrestore(&storvsc->lock, flags);
	lisbus_channel_quiet(storvsc->device->channel);
	tasklet_kill(&storvsc->tasklet);
	storvsc_abandon(storvsc);
}

static void fail_work(struct work_struct *work)
{
	struct storvsc *storvsc = container_of(work, struct storvsc, fail_work);

	stop(storvsc);
	lisbus_channel_close(storvsc->device->channel);
}

static int storvsc_init(struct storvsc *storvsc, struct lisbus_device *device,
			struct Scsi_Host *host, bool ide)
{
	const struct storage_vsc_options options = { 0 };

	BUILD_BUG_ON(PAGE_SIZE != 4096);
	storvsc->device = device;
	storvsc->host = host;
	storvsc->ide = ide;
	storvsc->ready_error = -EIO;
	spin_lock_init(&storvsc->lock);
	init_completion(&storvsc->ready);
	init_completion(&storvsc->reset_done);
	tasklet_setup(&storvsc->tasklet, storvsc_answers);
	INIT_WORK(&storvsc->rescan_work, storvsc_rescan);
	INIT_WORK(&storvsc->fail_work, fail_work);
	if (storage_vsc_shared_init(&storvsc->shared, &options) ||
	    storage_vsc_init(&storvsc->vsc, &storvsc->shared, true,
			     storvsc->slots, STORVSC_SLOTS))
		return -EINVAL;
	return 0;
}

/* Version and properties are agreed on. */
static int agree(struct storvsc *storvsc)
{
	struct lisbus_channel *channel = storvsc->device->channel;
	int left = READY_LIMIT_S;

	spin_lock_irq(&storvsc->lock);
	storvsc->open = true;
	storvsc_ask(storvsc);
	spin_unlock_irq(&storvsc->lock);
	tasklet_schedule(&storvsc->tasklet);
	while (!wait_for_completion_timeout(&storvsc->ready, HZ)) {
		if (lisbus_channel_rescinded(channel))
			return -ENODEV;
		if (!--left) {
			dev_err(&storvsc->device->dev,
				"the host does not answer within %d s\n",
				READY_LIMIT_S);
			return -ETIMEDOUT;
		}
	}
	return storvsc->ready_error;
}

static int host_add(struct storvsc *storvsc)
{
	/* Bytes 4 and 5 say which disk an accelerator is for. */
	const u8 *instance = storvsc->device->channel->offer.instance.bytes;
	struct Scsi_Host *host = storvsc->host;
	u32 most = storvsc->shared.transfer_max_bytes;
	int error;

	host->max_id = TARGETS;
	host->max_lun = storvsc->ide ? 1 : LUNS;
	host->max_channel = 0;
	host->max_cmd_len = STORAGE_CDB_BYTES;
	/* A range that begins inside a page has one more of them. */
	if (most < STORVSC_TRANSFER_BYTES)
		host->max_sectors = max_t(u32, most, PAGE_SIZE) / SECTOR_SIZE;
	error = scsi_add_host(host, &storvsc->device->dev);
	if (error)
		return error;
	if (!storvsc->ide) {
		scsi_scan_host(host);
		return 0;
	}
	error = scsi_add_device(host, 0, instance[5] << 8 | instance[4], 0);
	if (error)
		scsi_remove_host(host);
	return error;
}

static int probe(struct lisbus_device *device,
		 const struct hv_vmbus_device_id *id)
{
	struct lisbus_open open = {
		.tx_bytes = TX_BYTES,
		.rx_bytes = RX_BYTES,
		.signal = signalled,
	};
	struct storvsc *storvsc;
	struct Scsi_Host *host;
	int error;

	host = scsi_host_alloc(&storvsc_template, sizeof(*storvsc));
	if (!host)
		return -ENOMEM;
	storvsc = shost_priv(host);
	open.context = storvsc;
	error = storvsc_init(storvsc, device, host, id->driver_data == IS_IDE);
	if (!error)
		error = lisbus_channel_open(device->channel, &open);
	if (error)
		goto put;
	lisbus_set_drvdata(device, storvsc);
	error = agree(storvsc);
	if (!error)
		error = host_add(storvsc);
	if (!error)
		return 0;

	stop(storvsc);
	cancel_work_sync(&storvsc->fail_work);
	cancel_work_sync(&storvsc->rescan_work);
	lisbus_channel_close(device->channel);
put:
	scsi_host_put(host);
	return error;
}

static void remove(struct lisbus_device *device)
{
	struct storvsc *storvsc = lisbus_get_drvdata(device);

	/* Without a host nobody answers what the removal would wait for. */
	if (lisbus_channel_rescinded(device->channel))
		stop(storvsc);
	cancel_work_sync(&storvsc->rescan_work);
	scsi_remove_host(storvsc->host);
	stop(storvsc);
	cancel_work_sync(&storvsc->fail_work);
	cancel_work_sync(&storvsc->rescan_work);
	lisbus_channel_close(device->channel);
	scsi_host_put(storvsc->host);
}

static const struct hv_vmbus_device_id ids[] = {
	{ .guid = STORAGE_TYPE_SCSI },
	{ .guid = STORAGE_TYPE_IDE, .driver_data = IS_IDE },
	{},
};
MODULE_DEVICE_TABLE(vmbus, ids);

static struct lisbus_driver driver = {
	.ids = ids,
	.probe = probe,
	.remove = remove,
	.driver.name = "hv_storvsc",
};

static int __init storvsc_module_init(void)
{
	return lisbus_driver_register(&driver, THIS_MODULE, KBUILD_MODNAME);
}

static void __exit storvsc_module_exit(void)
{
	lisbus_driver_unregister(&driver);
}

module_init(storvsc_module_init);
module_exit(storvsc_module_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_VERSION(LIS_VERSION);
MODULE_AUTHOR("The LIS project");
MODULE_DESCRIPTION("Synthetic storage of Hyper-V guests");
