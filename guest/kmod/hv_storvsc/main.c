// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * main.c - the module hv_storvsc: a driver for SCSI controllers and for the
 * accelerators of IDE disks.
 *
 * Here: devices that come and go. Not here: commands (unit.c), answers
 * (channel.c).
 */
#include "guest/kmod/hv_storvsc/storvsc.h"
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mm.h>
#include <scsi/scsi_device.h>

#define TX_BYTES      (64 * PAGE_SIZE)
#define RX_BYTES      (16 * PAGE_SIZE)
#define READY_LIMIT_S 60
#define OFFER_LIMIT   (10 * HZ)
/* That commands under way may take when the guest hibernates. */
#define DRAIN_LIMIT_S 30
#define DRAIN_LOOK_MS 5
/* The places of a SCSI controller; an IDE accelerator has one. */
#define TARGETS 2
#define LUNS	64
#define IS_IDE	1

static void signalled(void *context)
{
	struct storvsc_channel *channel = context;

	tasklet_schedule(&channel->tasklet);
}

/* ---- channels ---- */

static int channel_alloc(struct storvsc *storvsc, u16 index)
{
	struct storvsc_channel *channel =
		kvzalloc(sizeof(*channel), GFP_KERNEL);

	if (!channel)
		return -ENOMEM;
	channel->storvsc = storvsc;
	channel->index = index;
	spin_lock_init(&channel->lock);
	tasklet_setup(&channel->tasklet, storvsc_answers);
	storvsc->channels[index] = channel;
	return 0;
}

/* One that was open before the guest hibernated is there. */
static int channel_prepare(struct storvsc *storvsc, u16 index)
{
	struct storvsc_channel *channel;
	int error = 0;

	if (!storvsc->channels[index])
		error = channel_alloc(storvsc, index);
	if (error)
		return error;
	channel = storvsc->channels[index];
	return storage_vsc_init(&channel->vsc, &storvsc->shared, !index,
				channel->slots, STORVSC_SLOTS)
		       ? -EINVAL
		       : 0;
}

static int channel_open(struct storvsc *storvsc, u16 index,
			struct lisbus_channel *bus)
{
	struct lisbus_open open = {
		.tx_bytes = TX_BYTES,
		.rx_bytes = RX_BYTES,
		.signal = signalled,
	};
	struct storvsc_channel *channel;
	unsigned long flags;
	int error = channel_prepare(storvsc, index);

	if (error)
		return error;
	channel = storvsc->channels[index];
	channel->bus = bus;
	open.context = channel;
	error = lisbus_channel_open(bus, &open);
	if (error) {
		/* The host may have signalled before it took it back. */
		tasklet_kill(&channel->tasklet);
		return error;
	}
	spin_lock_irqsave(&channel->lock, flags);
	channel->running = true;
	if (!index)
		storvsc_ask(channel);
	storvsc_unlock(channel, flags);
	/* What the host said before is not signalled again. */
	tasklet_schedule(&channel->tasklet);
	return 0;
}

/* No answer is taken any more: whoever waits for one gets an error. */
static void channel_stop(struct storvsc_channel *channel)
{
	unsigned long flags;

	spin_lock_irqsave(&channel->lock, flags);
	channel->running = false;
	spin_unlock_irqrestore(&channel->lock, flags);
	lisbus_channel_quiet(channel->bus);
	tasklet_kill(&channel->tasklet);
	storvsc_abandon(channel);
	if (!channel->index)
		complete(&channel->storvsc->reset_done);
}

static void stop(struct storvsc *storvsc)
{
	u32 i;

	for (i = storvsc->channel_count; i--;)
		channel_stop(storvsc->channels[i]);
}

/* The host has let go of all memory when this returns. */
static void close(struct storvsc *storvsc)
{
	u32 i;

	for (i = storvsc->channel_count; i--;)
		lisbus_channel_close(storvsc->channels[i]->bus);
}

static void subchannels_give_back(struct storvsc *storvsc)
{
	u32 count = storvsc->channel_count, i;

	storvsc->channel_count = min(count, 1u);
	/* Who signals the host, in storvsc_unlock(), still looks at them. */
	synchronize_rcu();
	for (i = 1; i < count; i++)
		lisbus_subchannel_give_back(storvsc->channels[i]->bus);
}

/* Channels are used by no one any more. */
static void channels_free(struct storvsc *storvsc)
{
	u32 i;

	subchannels_give_back(storvsc);
	for (i = 0; i < STORVSC_CHANNELS_MAX; i++)
		kvfree(storvsc->channels[i]);
}

static void fail_work(struct work_struct *work)
{
	struct storvsc *storvsc = container_of(work, struct storvsc, fail_work);

	stop(storvsc);
	close(storvsc);
}

/* As many as come; without one the first has to do. */
static void subchannels_open(struct storvsc *storvsc)
{
	struct lisbus_channel *bus;
	u16 index;

	while ((index = storvsc->channel_count) <= storvsc->sub_channels &&
	       index < STORVSC_CHANNELS_MAX && !READ_ONCE(storvsc->failed)) {
		bus = lisbus_subchannel_take(storvsc->device, OFFER_LIMIT);
		if (!bus)
			return;
		if (channel_open(storvsc, index, bus)) {
			lisbus_subchannel_give_back(bus);
			return;
		}
		storvsc->channel_count++;
	}
}

/* ---- controllers ---- */

static void storvsc_init(struct storvsc *storvsc, struct lisbus_device *device,
			 struct Scsi_Host *host, bool ide)
{
	BUILD_BUG_ON(PAGE_SIZE != 4096);
	storvsc->device = device;
	storvsc->host = host;
	storvsc->ide = ide;
	init_completion(&storvsc->ready);
	init_completion(&storvsc->settled);
	init_completion(&storvsc->reset_done);
	INIT_WORK(&storvsc->rescan_work, storvsc_rescan);
	INIT_WORK(&storvsc->fail_work, fail_work);
}

static int shared_init(struct storvsc *storvsc)
{
	const struct storage_vsc_options options = {
		.sub_channels =
			(u16)(min(num_online_cpus(), STORVSC_CHANNELS_MAX) - 1),
	};

	storvsc->failed = false;
	storvsc->ready_error = -EIO;
	storvsc->sub_channels = 0;
	reinit_completion(&storvsc->ready);
	reinit_completion(&storvsc->settled);
	return storage_vsc_shared_init(&storvsc->shared, &options) ? -EINVAL
								   : 0;
}

static int wait_long(struct storvsc *storvsc, struct completion *done)
{
	int left = READY_LIMIT_S;

	while (!wait_for_completion_timeout(done, HZ)) {
		if (lisbus_channel_rescinded(storvsc->device->channel))
			return -ENODEV;
		if (!--left) {
			dev_err(&storvsc->device->dev,
				"the host does not answer within %d s\n",
				READY_LIMIT_S);
			return -ETIMEDOUT;
		}
	}
	return 0;
}

/* Version, properties and the number of channels are agreed on. */
static int agree(struct storvsc *storvsc)
{
	int error = wait_long(storvsc, &storvsc->ready);

	if (!error)
		error = storvsc->ready_error;
	if (!error)
		error = wait_long(storvsc, &storvsc->settled);
	if (!error && READ_ONCE(storvsc->failed))
		error = -EIO;
	return error;
}

/* Nobody waits for an answer, and the host has nothing of ours any more. */
static void end(struct storvsc *storvsc)
{
	cancel_work_sync(&storvsc->fail_work);
	stop(storvsc);
	cancel_work_sync(&storvsc->fail_work);
	close(storvsc);
}

/* Opens the channels; when it fails none is open. */
static int begin(struct storvsc *storvsc)
{
	int error = shared_init(storvsc);

	if (!error)
		error = channel_open(storvsc, 0, storvsc->device->channel);
	if (error)
		return error;
	storvsc->channel_count = 1;
	error = agree(storvsc);
	if (error)
		end(storvsc);
	else
		subchannels_open(storvsc);
	return error;
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
	host->nr_hw_queues = storvsc->channel_count;
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
	struct storvsc *storvsc;
	struct Scsi_Host *host;
	int error;

	host = scsi_host_alloc(&storvsc_template, sizeof(*storvsc));
	if (!host)
		return -ENOMEM;
	storvsc = shost_priv(host);
	storvsc_init(storvsc, device, host, id->driver_data == IS_IDE);
	lisbus_set_drvdata(device, storvsc);
	error = begin(storvsc);
	if (!error) {
		error = host_add(storvsc);
		if (!error)
			return 0;
		end(storvsc);
	}
	cancel_work_sync(&storvsc->rescan_work);
	/* A channel that did not open may have asked for it. */
	cancel_work_sync(&storvsc->fail_work);
	channels_free(storvsc);
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
	end(storvsc);
	cancel_work_sync(&storvsc->rescan_work);
	channels_free(storvsc);
	scsi_host_put(storvsc->host);
}

/* ---- hibernation ---- */

/* The disks were told to write what they have, and are asked for no more. */
static void drain(struct storvsc *storvsc)
{
	int tries = DRAIN_LIMIT_S * 1000 / DRAIN_LOOK_MS;

	while (scsi_host_busy(storvsc->host) && tries--)
		msleep(DRAIN_LOOK_MS);
}

/* What is not done by then is given back to the SCSI layer, to be sent anew. */
static int suspend(struct lisbus_device *device)
{
	struct storvsc *storvsc = lisbus_get_drvdata(device);

	scsi_block_requests(storvsc->host);
	drain(storvsc);
	WRITE_ONCE(storvsc->suspended, true);
	end(storvsc);
	subchannels_give_back(storvsc);
	return 0;
}

/* Where it fails, commands do: whoever waits for a disk that is gone is told.
 */
static int resume(struct lisbus_device *device)
{
	struct storvsc *storvsc = lisbus_get_drvdata(device);
	int error = begin(storvsc);

	WRITE_ONCE(storvsc->suspended, false);
	scsi_unblock_requests(storvsc->host);
	/* Units may be others than before. */
	if (!error)
		queue_work(system_freezable_wq, &storvsc->rescan_work);
	return error;
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
	.suspend = suspend,
	.resume = resume,
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
