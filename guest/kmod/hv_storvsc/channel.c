// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* What comes back from the host, and the engine's own questions. */
#include "guest/kmod/hv_storvsc/storvsc.h"
#include <scsi/scsi_device.h>

/* Commands that are ended in one hold of the lock. */
#define BATCH 16u
/* Holds of the lock before others on this processor have their turn. */
#define TURNS 64u

static void unit_mark(struct storvsc *storvsc, struct scsi_device *unit,
		      int bit)
{
	set_bit(bit, (unsigned long *)&unit->hostdata);
	queue_work(system_freezable_wq, &storvsc->rescan_work);
}

static void sense_give(struct scsi_cmnd *command,
		       const struct scsi_result *result)
{
	memcpy(command->sense_buffer, result->sense,
	       min_t(u32, result->sense_bytes, SCSI_SENSE_BUFFERSIZE));
	command->result = SAM_STAT_CHECK_CONDITION;
}

static void command_end(struct storvsc *storvsc, struct scsi_cmnd *command,
			const struct storage_vsc_event *event)
{
	u32 asked = scsi_bufflen(command);

	scsi_set_resid(command, asked - min(asked, event->result.transferred));
	switch (event->outcome) {
	case STORAGE_OUTCOME_GOOD:
		command->result = DID_OK << 16;
		break;
	case STORAGE_OUTCOME_SENSE:
		sense_give(command, &event->result);
		break;
	case STORAGE_OUTCOME_RESIZED:
		unit_mark(storvsc, command->device, STORVSC_UNIT_RESIZED);
		command->result = DID_REQUEUE << 16;
		break;
	case STORAGE_OUTCOME_BUSY:
		command->result = SAM_STAT_BUSY;
		break;
	case STORAGE_OUTCOME_CONFLICT:
		command->result = SAM_STAT_RESERVATION_CONFLICT;
		break;
	case STORAGE_OUTCOME_ABORTED:
		command->result = DID_RESET << 16;
		break;
	case STORAGE_OUTCOME_GONE:
		unit_mark(storvsc, command->device, STORVSC_UNIT_GONE);
		command->result = DID_NO_CONNECT << 16;
		break;
	default:
		command->result = DID_ERROR << 16;
		break;
	}
}

/* A command that ended, or NULL. */
static struct scsi_cmnd *event_take(struct storvsc *storvsc,
				    const struct storage_vsc_event *event)
{
	struct scsi_cmnd *command = NULL;

	switch (event->kind) {
	case STORAGE_VSC_READY:
		storvsc->ready_error = 0;
		complete_all(&storvsc->ready);
		break;
	case STORAGE_VSC_REFUSED:
		dev_err(&storvsc->device->dev,
			"the host refuses its disks: status 0x%08x\n",
			event->nt_status);
		complete_all(&storvsc->ready);
		break;
	case STORAGE_VSC_OPENABLE:
		storvsc->sub_channels = event->sub_channels;
		break;
	case STORAGE_VSC_COMPLETED:
		command = (struct scsi_cmnd *)(uintptr_t)event->cookie;
		command_end(storvsc, command, event);
		break;
	case STORAGE_VSC_RESET_DONE:
		storvsc->reset_status = event->nt_status;
		complete(&storvsc->reset_done);
		break;
	case STORAGE_VSC_RESCAN:
		queue_work(system_freezable_wq, &storvsc->rescan_work);
		break;
	default:
		break;
	}
	return command;
}

/* One packet; VMBUS_AGAIN: there is none. */
static enum vmbus_status packet_take(struct storvsc_channel *channel,
				     struct scsi_cmnd **command)
{
	struct ring *rx = &channel->bus->rx;
	struct storage_vsc_event event;
	enum vmbus_status status;
	struct packet_view view;

	*command = NULL;
	status = packet_peek_copy(rx, &view, channel->bounce,
				  sizeof(channel->bounce));
	if (status)
		return status;
	status = storage_vsc_receive(&channel->vsc, &view, &event);
	packet_consume(rx, &view);
	if (!status)
		*command = event_take(channel->storvsc, &event);
	if (status || *command || channel->index)
		return status;
	/* An answer to a question: there may be another one to ask. */
	storvsc_ask(channel);
	/* A host may refuse sub-channels without more ado. */
	if (channel->vsc.state == STORAGE_VSC_RUNNING)
		complete_all(&channel->storvsc->settled);
	return status;
}

/*
 * Up to BATCH commands; true: there may be more. The host may signal again only
 * when nothing was found: what it answers while commands are being ended is
 * found without that.
 */
static bool answers_take(struct storvsc_channel *channel,
			 struct scsi_cmnd **ended, u32 *count)
{
	struct ring *rx = &channel->bus->rx;
	enum vmbus_status status = VMBUS_OK;

	ring_mask(rx);
	while (!status && *count < BATCH) {
		status = packet_take(channel, &ended[*count]);
		if (ended[*count])
			++*count;
	}
	if (vmbus_status_is_violation(status)) {
		storvsc_fail(channel->storvsc, status);
		return false;
	}
	channel->signal |= ring_release(rx);
	if (channel->asking)
		storvsc_ask(channel);
	return *count || ring_unmask(rx);
}

void storvsc_answers(struct tasklet_struct *tasklet)
{
	struct storvsc_channel *channel =
		container_of(tasklet, struct storvsc_channel, tasklet);
	struct scsi_cmnd *ended[BATCH + 1];
	unsigned long flags;
	bool more = true;
	u32 turn, count, i;

	for (turn = 0; more && turn < TURNS; turn++) {
		count = 0;
		spin_lock_irqsave(&channel->lock, flags);
		more = channel->running &&
		       !READ_ONCE(channel->storvsc->failed) &&
		       answers_take(channel, ended, &count);
		storvsc_unlock(channel, flags);
		for (i = 0; i < count; i++)
			compat_scsi_done(ended[i]);
	}
	if (more)
		tasklet_schedule(tasklet);
	/* What is under way has no answer: whoever waits for it is told. */
	if (lisbus_channel_rescinded(channel->bus))
		queue_work(system_wq, &channel->storvsc->fail_work);
}

enum vmbus_status storvsc_send(struct storvsc_channel *channel,
			       const void *packet, u32 packet_bytes,
			       u64 transaction_id, u32 range_bytes)
{
	const struct ring_vec vec = {
		.base = packet,
		.size_bytes = packet_bytes,
	};
	const struct packet_out out = {
		.type = range_bytes ? PACKET_DATA_GPA_DIRECT
				    : PACKET_DATA_INBAND,
		.flags = PACKET_FLAG_COMPLETION_REQUESTED,
		.transaction_id = transaction_id,
		.vec = &vec,
		.vec_count = 1,
		.ranges = range_bytes ? &channel->range : NULL,
		.range_bytes = range_bytes,
		.range_count = range_bytes ? 1 : 0,
	};
	struct ring *tx = &channel->bus->tx;
	enum vmbus_status status;

	lockdep_assert_held(&channel->lock);
	status = packet_write(tx, &out);
	if (!status)
		channel->signal |= ring_publish(tx);
	return status;
}

void storvsc_unlock(struct storvsc_channel *channel, unsigned long flags)
	__releases(&channel->lock)
{
	bool signal = channel->signal;

	channel->signal = false;
	/* The bus channel is freed after a grace period only. */
	rcu_read_lock();
	spin_unlock_irqrestore(&channel->lock, flags);
	if (signal)
		lisbus_channel_signal(channel->bus);
	rcu_read_unlock();
}

void storvsc_ask(struct storvsc_channel *channel)
{
	struct ring *tx = &channel->bus->tx;
	u8 packet[STORAGE_PACKET_BYTES];
	enum vmbus_status status = VMBUS_OK;
	u64 transaction_id;
	u32 bytes;

	lockdep_assert_held(&channel->lock);
	while (!status) {
		/* What the engine gave has to go out. */
		status = ring_reserve(
			tx, packet_ring_bytes(0, STORAGE_PACKET_BYTES));
		if (status)
			break;
		bytes = storage_vsc_transmit(&channel->vsc, packet,
					     &transaction_id);
		if (!bytes)
			break;
		status =
			storvsc_send(channel, packet, bytes, transaction_id, 0);
	}
	channel->asking = status == VMBUS_AGAIN;
	if (vmbus_status_is_violation(status))
		storvsc_fail(channel->storvsc, status);
}

void storvsc_end(struct storvsc *storvsc, const char *why)
{
	if (cmpxchg(&storvsc->failed, false, true))
		return;
	dev_err(&storvsc->device->dev,
		"the channel is closed, its disks are gone: %s\n", why);
	complete_all(&storvsc->ready);
	complete_all(&storvsc->settled);
	queue_work(system_wq, &storvsc->fail_work);
}

void storvsc_fail(struct storvsc *storvsc, enum vmbus_status reason)
{
	storvsc_end(storvsc, vmbus_status_text(reason));
}

void storvsc_abandon(struct storvsc_channel *channel)
{
	bool suspended = READ_ONCE(channel->storvsc->suspended);
	struct scsi_cmnd *command;
	unsigned long flags;
	u64 cookie;
	bool any;

	for (;;) {
		spin_lock_irqsave(&channel->lock, flags);
		any = storage_vsc_abandon(&channel->vsc, &cookie);
		spin_unlock_irqrestore(&channel->lock, flags);
		if (!any)
			return;
		command = (struct scsi_cmnd *)(uintptr_t)cookie;
		command->result = (suspended ? DID_REQUEUE : DID_NO_CONNECT)
				  << 16;
		compat_scsi_done(command);
	}
}
