// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * connection.c - what drives the engine of vmbus/guest.h.
 *
 * Here: messages to and from the host, and what the engine says to do. Not
 * here: devices, rings.
 */
#include "guest/kmod/hv_vmbus/bus.h"
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/vmalloc.h>

static unsigned int max_channels = 1024;
module_param(max_channels, uint, 0444);
MODULE_PARM_DESC(max_channels, "Channels that the host may offer at one time");

static char *max_version;
module_param(max_version, charp, 0444);
MODULE_PARM_DESC(max_version,
		 "Newest version of the bus to speak, 2.4 to 5.3 (all)");

/* How long a host without buffers is left alone. */
#define RESEND_DELAY msecs_to_jiffies(2)

/* ---- what the engine says ---- */

static void send(const struct vmbus_guest_action *action)
{
	u64 status = bus_post(action->send.connection_id, action->send.payload,
			      action->send.size_bytes);

	bus.post_connection_id = action->send.connection_id;
	switch (status) {
	case HV_STATUS_SUCCESS:
		vmbus_guest_sent(&bus.guest);
		break;
	case HV_STATUS_INVALID_CONNECTION_ID:
		vmbus_guest_send_refused(&bus.guest);
		break;
	case HV_STATUS_INSUFFICIENT_BUFFERS:
	case HV_STATUS_INSUFFICIENT_MEMORY:
		queue_delayed_work(bus.message_queue, &bus.resend_work,
				   RESEND_DELAY);
		break;
	default:
		pr_err_ratelimited(BUS_LOG
				   "the host refused a message: status %llu\n",
				   status);
		vmbus_guest_send_refused(&bus.guest);
	}
}

static void offered(const struct vmbus_guest_action *action)
{
	struct lisbus_channel *channel;

	if (bus.leaving) {
		vmbus_guest_release(&bus.guest, action->relid);
		return;
	}
	channel = bus_channel_again(action);
	if (channel) {
		vmbus_guest_set_context(&bus.guest, action->relid, channel);
		return;
	}
	channel = bus_channel_new(action);
	if (!channel) {
		pr_err(BUS_LOG "no memory for channel %u: it is not used\n",
		       action->relid);
		vmbus_guest_release(&bus.guest, action->relid);
		return;
	}
	vmbus_guest_set_context(&bus.guest, action->relid, channel);
	list_add_tail(&channel->entry, &bus.channels);
	if (channel->offer.subchannel_index)
		bus_subchannel_offered(channel);
	/* The work holds it: a sub-channel may end before that. */
	kobject_get(&channel->kobj);
	queue_work(bus.device_queue, &channel->offer_work);
}

static void answered(struct lisbus_channel *channel, u32 status)
{
	if (!channel)
		return;
	channel->status = status;
	channel->answered = true;
	wake_up_all(&channel->answer);
}

static void rescinded(struct lisbus_channel *channel)
{
	if (!channel)
		return;
	WRITE_ONCE(channel->rescinded, true);
	wake_up_all(&channel->answer);
	bus_channel_wake(channel);
	bus_subchannel_rescinded(channel);
	bus_channel_leave(channel);
}

static void went_up(const struct vmbus_guest_action *action)
{
	/* In the words that who reads the log looks for. */
	pr_info(BUS_LOG "Vmbus version:%u.%u\n",
		VMBUS_VERSION_MAJOR(action->version),
		VMBUS_VERSION_MINOR(action->version));
	bus.state = BUS_UP;
	complete(&bus.connected);
}

static void violation(const struct vmbus_guest_action *action)
{
	pr_err_ratelimited(
		BUS_LOG "the host broke the protocol (message type %u, channel "
			"%u, %llu in all): %s\n",
		action->violation.message_type, action->relid,
		action->violation.total,
		vmbus_status_text(action->violation.reason));
}

static void act(const struct vmbus_guest_action *action)
{
	struct lisbus_channel *channel = action->context;

	switch (action->type) {
	case VMBUS_GUEST_SEND:
		send(action);
		break;
	case VMBUS_GUEST_CONNECTED:
		went_up(action);
		break;
	case VMBUS_GUEST_REFUSED:
		bus.refused = action->reason;
		complete(&bus.connected);
		break;
	case VMBUS_GUEST_OFFERED:
		offered(action);
		break;
	case VMBUS_GUEST_OFFERS_DELIVERED:
		complete(&bus.delivered);
		break;
	case VMBUS_GUEST_RESCINDED:
		rescinded(channel);
		break;
	case VMBUS_GUEST_GPADL_READY:
		answered(channel, action->gpadl.status);
		break;
	case VMBUS_GUEST_GPADL_GONE:
		answered(channel, 0);
		break;
	case VMBUS_GUEST_OPENED:
	case VMBUS_GUEST_MODIFIED:
		answered(channel, action->status);
		break;
	case VMBUS_GUEST_UNLOADED:
		complete(&bus.unloaded);
		break;
	case VMBUS_GUEST_VIOLATION:
		violation(action);
		break;
	case VMBUS_GUEST_SOCKET_RESULT:
		break;
	}
}

void bus_run(void)
{
	struct vmbus_guest_action action;

	lockdep_assert_held(&bus.lock);
	while (vmbus_guest_next(&bus.guest, &action))
		act(&action);
}

/* ---- messages ---- */

/* Runs on bus.cpu, which cannot go offline while there is a connection. */
static void message_work(struct work_struct *work)
{
	struct bus_message message;

	mutex_lock(&bus.lock);
	while (bus_message_peek(&message)) {
		/* Refused while news of it wait: those are taken out here. */
		while (vmbus_guest_receive(&bus.guest, message.payload,
					   message.size_bytes) == VMBUS_AGAIN)
			bus_run();
		preempt_disable();
		bus_message_done();
		preempt_enable();
		bus_run();
		cond_resched();
	}
	mutex_unlock(&bus.lock);
}

static void resend_work(struct work_struct *work)
{
	mutex_lock(&bus.lock);
	vmbus_guest_resend(&bus.guest);
	bus_run();
	mutex_unlock(&bus.lock);
}

/* ---- the connection ---- */

static u32 newest_version(void)
{
	unsigned int major, minor;

	if (!max_version)
		return VMBUS_VERSION_5_3;
	if (sscanf(max_version, "%u.%u", &major, &minor) != 2 || major > 5 ||
	    minor > 9) {
		pr_warn(BUS_LOG "max_version=%s is no version: ignored\n",
			max_version);
		return VMBUS_VERSION_5_3;
	}
	return min_t(u32, VMBUS_VERSION(major, minor), VMBUS_VERSION_5_3);
}

static int tables_alloc(u32 channels)
{
	bus.guest_channels =
		vzalloc(array_size(channels, sizeof(*bus.guest_channels)));
	/* A ring each, and as many buffers again. */
	bus.guest_gpadls =
		vzalloc(array_size(2 * channels, sizeof(*bus.guest_gpadls)));
	bus.guest_jobs =
		vzalloc(array_size(4 * channels, sizeof(*bus.guest_jobs)));
	bus.interrupt_page = (void *)get_zeroed_page(GFP_KERNEL);
	bus.monitor_to_guest = (void *)get_zeroed_page(GFP_KERNEL);
	bus.monitor_to_host = (void *)get_zeroed_page(GFP_KERNEL);
	if (!bus.guest_channels || !bus.guest_gpadls || !bus.guest_jobs ||
	    !bus.interrupt_page || !bus.monitor_to_guest ||
	    !bus.monitor_to_host)
		return -ENOMEM;
	return 0;
}

static void tables_free(void)
{
	vfree(bus.guest_channels);
	vfree(bus.guest_gpadls);
	vfree(bus.guest_jobs);
	free_page((unsigned long)bus.interrupt_page);
	free_page((unsigned long)bus.monitor_to_guest);
	free_page((unsigned long)bus.monitor_to_host);
}

static int engine_init(u32 channels)
{
	struct vmbus_guest_config config = {
		.channels = bus.guest_channels,
		.channel_count = channels,
		.gpadls = bus.guest_gpadls,
		.gpadl_count = 2 * channels,
		.jobs = bus.guest_jobs,
		.job_count = 4 * channels,
		.target_vp = hv_cpu_number_to_vp_number(bus.cpu),
		.target_sint = VMBUS_MESSAGE_SINT,
		.interrupt_page_gpa = virt_to_phys(bus.interrupt_page),
		.monitor_to_guest_gpa = virt_to_phys(bus.monitor_to_guest),
		.monitor_to_host_gpa = virt_to_phys(bus.monitor_to_host),
		.newest_version = newest_version(),
		/* Clear of the ids of a kernel that crashed before this. */
		.first_gpadl = 0xe1e10,
	};
	enum vmbus_status status = vmbus_guest_init(&bus.guest, &config);

	if (!status)
		return 0;
	pr_err(BUS_LOG "cannot begin: %s\n", vmbus_status_text(status));
	return -EINVAL;
}

int bus_connection_init(void)
{
	u32 channels = clamp_t(u32, max_channels, 16, VMBUS_RELID_MAX);
	int error;

	mutex_init(&bus.lock);
	init_completion(&bus.connected);
	init_completion(&bus.delivered);
	init_completion(&bus.unloaded);
	INIT_LIST_HEAD(&bus.channels);
	INIT_WORK(&bus.message_work, message_work);
	INIT_DELAYED_WORK(&bus.resend_work, resend_work);
	error = tables_alloc(channels);
	if (!error)
		error = engine_init(channels);
	if (error)
		goto fail;
	error = -ENOMEM;
	bus.message_queue = alloc_workqueue("hv_vmbus_message",
					    WQ_MEM_RECLAIM | WQ_HIGHPRI, 0);
	if (!bus.message_queue)
		goto fail;
	/*
	 * No device comes or goes while the machine is suspended. Drivers wait
	 * for works of any queue here, and for memory.
	 */
	bus.device_queue =
		alloc_ordered_workqueue("hv_vmbus_device", WQ_FREEZABLE);
	if (!bus.device_queue)
		goto free_messages;
	bus.subchannel_queue =
		alloc_ordered_workqueue("hv_vmbus_subchannel", WQ_FREEZABLE);
	if (bus.subchannel_queue)
		return 0;
	destroy_workqueue(bus.device_queue);
free_messages:
	destroy_workqueue(bus.message_queue);
fail:
	tables_free();
	return error;
}

void bus_connection_free(void)
{
	cancel_delayed_work_sync(&bus.resend_work);
	destroy_workqueue(bus.device_queue);
	destroy_workqueue(bus.subchannel_queue);
	destroy_workqueue(bus.message_queue);
	tables_free();
}

/* Waits for the host, and says so when it takes long. */
static void wait_long(struct completion *done, const char *what)
{
	while (!wait_for_completion_timeout(done, BUS_PATIENCE))
		pr_warn(BUS_LOG "the host has not %s yet\n", what);
}

static void connect_begin(void)
{
	reinit_completion(&bus.connected);
	reinit_completion(&bus.delivered);
	reinit_completion(&bus.unloaded);
	mutex_lock(&bus.lock);
	bus.state = BUS_CONNECTING;
	/* Of a host that did not answer before, too. */
	vmbus_guest_reset(&bus.guest);
	vmbus_guest_connect(&bus.guest);
	bus_run();
	mutex_unlock(&bus.lock);
}

int bus_connect(unsigned long patience)
{
	connect_begin();
	if (!wait_for_completion_timeout(&bus.connected, patience)) {
		pr_err(BUS_LOG "the host does not answer\n");
		return -ETIMEDOUT;
	}
	if (bus.state != BUS_UP) {
		pr_err(BUS_LOG "the host refused the connection: %s\n",
		       vmbus_status_text(bus.refused));
		return -EPROTO;
	}
	mutex_lock(&bus.lock);
	vmbus_guest_request_offers(&bus.guest);
	bus_run();
	mutex_unlock(&bus.lock);
	if (!wait_for_completion_timeout(&bus.delivered, patience))
		pr_warn(BUS_LOG "the host has not sent its offers yet\n");
	return 0;
}

void bus_disconnect(void)
{
	bool asked = false;

	mutex_lock(&bus.lock);
	if (bus.state == BUS_UP) {
		bus.state = BUS_UNLOADING;
		asked = vmbus_guest_unload(&bus.guest) == VMBUS_OK;
		bus_run();
	}
	mutex_unlock(&bus.lock);
	if (asked)
		wait_long(&bus.unloaded, "let go of our memory");
	mutex_lock(&bus.lock);
	bus.state = BUS_DOWN;
	mutex_unlock(&bus.lock);
}

void bus_disconnect_crashed(void)
{
	const struct vmbus_message_header unload = {
		.type = VMBUS_MESSAGE_UNLOAD,
	};
	u32 tries;

	if (bus.state != BUS_UP)
		return;
	WRITE_ONCE(bus.crashed, true);
	/*
	 * Another CPU may have stopped inside the engine, so it is left alone.
	 * A host may take seconds to flush what it has of our disks.
	 */
	bus_post(bus.post_connection_id, &unload, sizeof(unload));
	for (tries = 0; tries < 1000; tries++) {
		if (bus_message_find(VMBUS_MESSAGE_UNLOAD_RESPONSE))
			return;
		mdelay(10);
	}
	pr_err(BUS_LOG "the host has not let go of our memory\n");
}
