// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The SCSI layer's side: commands, resets, units that come, go and grow. */
#include "guest/kmod/hv_storvsc/storvsc.h"
#include <linux/blk-mq.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/ratelimit.h>
#include <scsi/scsi.h>
#include <scsi/scsi_device.h>
#include <scsi/scsi_eh.h>

/* What the host is told of a request. */
#define REQUEST_LIMIT_S 120u
/* When somebody should know that it is late; /sys has it for each unit. */
#define LATE_S	      180u
#define RESET_LIMIT_S 60u
#define LOOK_LIMIT_S  10u
#define LOOK_TRIES    3

static u8 direction_of(const struct scsi_cmnd *command)
{
	switch (command->sc_data_direction) {
	case DMA_TO_DEVICE:
		return STORAGE_DATA_OUT;
	case DMA_FROM_DEVICE:
		return STORAGE_DATA_IN;
	default:
		return STORAGE_DATA_UNSPECIFIED;
	}
}

/*
 * The pages of a command's data as one range: by virt_boundary_mask, only the
 * first piece begins, and only the last one ends, inside a page. The bytes of
 * the range, 0: there is no data; negative: it is no such range.
 */
static int range_make(struct storvsc_range *range, struct scsi_cmnd *command)
{
	struct scatterlist *piece;
	unsigned long pfn, last;
	u32 count = 0;
	int i;

	if (!scsi_bufflen(command))
		return 0;
	range->head.size_bytes = scsi_bufflen(command);
	scsi_for_each_sg(command, piece, scsi_sg_count(command), i) {
		pfn = page_to_pfn(sg_page(piece)) + PFN_DOWN(piece->offset);
		last = page_to_pfn(sg_page(piece)) +
		       PFN_DOWN(piece->offset + piece->length - 1);
		if (!i)
			range->head.offset_bytes =
				offset_in_page(piece->offset);
		else if (offset_in_page(piece->offset))
			return -EINVAL;
		if (last - pfn >= STORVSC_PAGES - count)
			return -EINVAL;
		while (pfn <= last)
			range->pfns[count++] = pfn++;
	}
	return (int)(sizeof(range->head) + count * sizeof(range->pfns[0]));
}

/* Into the ring; by the lock. VMBUS_AGAIN: later. */
static enum vmbus_status command_send(struct storvsc_channel *channel,
				      struct scsi_cmnd *command)
{
	const struct storage_vsc_command request = {
		.path = (u8)command->device->channel,
		.target = (u8)command->device->id,
		.lun = (u8)command->device->lun,
		.cdb_bytes = (u8)command->cmd_len,
		.direction = direction_of(command),
		.transfer_bytes = scsi_bufflen(command),
		.timeout_s = REQUEST_LIMIT_S,
		.cdb = command->cmnd,
	};
	int range_bytes = range_make(&channel->range, command);
	u8 packet[STORAGE_PACKET_BYTES];
	enum vmbus_status status;
	u64 transaction_id;
	u32 bytes;

	if (range_bytes < 0)
		return VMBUS_BAD_ARGUMENT;
	status =
		storage_vsc_command(&channel->vsc, &request, (uintptr_t)command,
				    packet, &bytes, &transaction_id);
	if (status)
		return status;
	status = storvsc_send(channel, packet, bytes, transaction_id,
			      (u32)range_bytes);
	if (status)
		storage_vsc_unsent(&channel->vsc, transaction_id);
	return status;
}

/* That of its hardware queue, or the first when the host took it back. */
static struct storvsc_channel *channel_of(struct storvsc *storvsc,
					  struct scsi_cmnd *command)
{
	u32 tag = blk_mq_unique_tag(compat_scsi_cmd_to_rq(command));
	u32 index = blk_mq_unique_tag_to_hwq(tag);
	struct storvsc_channel *channel = storvsc->channels[0];

	if (index < storvsc->channel_count &&
	    !lisbus_channel_rescinded(storvsc->channels[index]->bus))
		channel = storvsc->channels[index];
	return channel;
}

static int queuecommand(struct Scsi_Host *host, struct scsi_cmnd *command)
{
	struct storvsc *storvsc = shost_priv(host);
	struct storvsc_channel *channel = channel_of(storvsc, command);
	enum vmbus_status status = VMBUS_NOT_READY;
	unsigned long flags;

	spin_lock_irqsave(&channel->lock, flags);
	if (channel->running && !READ_ONCE(storvsc->failed) &&
	    !lisbus_channel_rescinded(channel->bus))
		status = command_send(channel, command);
	else if (READ_ONCE(storvsc->suspended))
		status = VMBUS_AGAIN;
	if (vmbus_status_is_violation(status))
		storvsc_fail(storvsc, status);
	storvsc_unlock(channel, flags);
	if (!status)
		return 0;
	if (status == VMBUS_AGAIN)
		return SCSI_MLQUEUE_HOST_BUSY;
	command->result =
		(status == VMBUS_BAD_ARGUMENT ? DID_ERROR : DID_NO_CONNECT)
		<< 16;
	compat_scsi_done(command);
	return 0;
}

static int unit_configure(struct scsi_device *unit)
{
	blk_queue_rq_timeout(unit->request_queue, LATE_S * HZ);
	return 0;
}

/*
 * A host may keep a request for as long as it likes, when its own disks are
 * slow, or it is limited: it answers all, or takes the device back, which ends
 * them. To abort them would make an error of a delay.
 */
static COMPAT_SCSI_LATE_TYPE late(struct scsi_cmnd *command)
{
	static DEFINE_RATELIMIT_STATE(told, 60 * HZ, 5);
	struct request *request = compat_scsi_cmd_to_rq(command);

	if (__ratelimit(&told))
		sdev_printk(KERN_WARNING, command->device,
			    "the host has not answered a command within %u s: "
			    "it is waited for\n",
			    request->timeout / HZ);
	return COMPAT_SCSI_LATE_WAIT;
}

/*
 * Asked for by an administrator, or by the SCSI layer when an answer said too
 * little. The host aborts what is under way, and answers each request before
 * the reset. Of a host that does not the channels are closed: the SCSI layer
 * gives its commands up and uses them again, and no late answer is to find
 * them.
 */
static int host_reset(struct scsi_cmnd *command)
{
	struct storvsc *storvsc = shost_priv(command->device->host);
	struct storvsc_channel *primary = storvsc->channels[0];
	enum vmbus_status status = VMBUS_NOT_READY;
	unsigned long flags;

	reinit_completion(&storvsc->reset_done);
	storvsc->reset_status = STORAGE_NT_CANCELLED;
	spin_lock_irqsave(&primary->lock, flags);
	if (primary->running && !READ_ONCE(storvsc->failed)) {
		status = storage_vsc_reset(&primary->vsc, STORAGE_RESET_BUS, 0);
		storvsc_ask(primary);
	}
	storvsc_unlock(primary, flags);
	if (status)
		return FAILED;
	if (wait_for_completion_timeout(&storvsc->reset_done,
					RESET_LIMIT_S * HZ) &&
	    storvsc->reset_status == STORAGE_NT_SUCCESS)
		return SUCCESS;
	/* Where the device is taken back, its removal does what there is. */
	if (lisbus_channel_rescinded(primary->bus))
		return FAILED;
	storvsc_end(storvsc, "the host does not reset its disks");
	flush_work(&storvsc->fail_work);
	return FAILED;
}

void storvsc_rescan(struct work_struct *work)
{
	struct storvsc *storvsc =
		container_of(work, struct storvsc, rescan_work);
	struct scsi_sense_hdr sense;
	struct scsi_device *unit;

	/* One that is gone is marked when it answers. */
	shost_for_each_device(unit, storvsc->host)
		scsi_test_unit_ready(unit, LOOK_LIMIT_S * HZ, LOOK_TRIES,
				     &sense);
	shost_for_each_device(unit, storvsc->host) {
		unsigned long *marks = (unsigned long *)&unit->hostdata;

		if (test_bit(STORVSC_UNIT_GONE, marks))
			scsi_remove_device(unit);
		else if (test_and_clear_bit(STORVSC_UNIT_RESIZED, marks))
			compat_scsi_rescan_device(unit);
	}
	if (!storvsc->ide)
		scsi_scan_host(storvsc->host);
}

struct scsi_host_template storvsc_template = {
	.module = THIS_MODULE,
	.name = "Hyper-V synthetic storage",
	.proc_name = "hv_storvsc",
	.queuecommand = queuecommand,
	.slave_configure = unit_configure,
	.eh_timed_out = late,
	.eh_host_reset_handler = host_reset,
	.can_queue = STORVSC_SLOTS,
	.cmd_per_lun = STORVSC_SLOTS,
	.this_id = -1,
	.sg_tablesize = STORVSC_PAGES,
	.max_sectors = STORVSC_TRANSFER_BYTES / SECTOR_SIZE,
	.virt_boundary_mask = PAGE_SIZE - 1,
};
