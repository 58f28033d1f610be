// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * channel.c - channels: opened, closed, moved, released.
 *
 * Here: what a driver asks, put to the engine, and the wait for the host's
 * answer. Not here: what the host says of itself (connection.c).
 */
#include "guest/kmod/hv_vmbus/bus.h"
#include <linux/delay.h>
#include <linux/slab.h>
#include <asm/sync_bitops.h>

static void numbers_take(struct lisbus_channel *channel,
			 const struct vmbus_guest_action *offered)
{
	channel->offer = *offered->offered.offer;
	channel->relid = offered->relid;
	channel->connection_id = offered->offered.connection_id;
	channel->monitor_id = offered->offered.monitor_id;
	channel->dedicated_interrupt = offered->offered.dedicated_interrupt;
}

struct lisbus_channel *bus_channel_new(const struct vmbus_guest_action *offered)
{
	struct lisbus_channel *channel = kzalloc(sizeof(*channel), GFP_KERNEL);

	if (!channel)
		return NULL;
	mutex_init(&channel->lock);
	init_waitqueue_head(&channel->answer);
	INIT_WORK(&channel->offer_work, bus_device_add);
	INIT_WORK(&channel->rescind_work, bus_device_remove);
	numbers_take(channel, offered);
	channel->cpu = bus_cpu_choose(&channel->offer);
	INIT_LIST_HEAD(&channel->subchannels);
	INIT_LIST_HEAD(&channel->sub_entry);
	kobject_init(&channel->kobj, &bus_channel_type);
	return channel;
}

static struct lisbus_channel *channel_before(const struct vmbus_offer *offer)
{
	struct lisbus_channel *channel;

	list_for_each_entry(channel, &bus.channels, entry)
		if (channel->device && !channel->relid && !channel->leaving &&
		    guid_equal(&channel->offer.type, &offer->type) &&
		    guid_equal(&channel->offer.instance, &offer->instance))
			return channel;
	return NULL;
}

struct lisbus_channel *
bus_channel_again(const struct vmbus_guest_action *offered)
{
	const struct vmbus_offer *offer = offered->offered.offer;
	struct lisbus_channel *channel;

	lockdep_assert_held(&bus.lock);
	if (offer->subchannel_index)
		return NULL;
	channel = channel_before(offer);
	if (!channel)
		return NULL;
	numbers_take(channel, offered);
	/* The processor may not have come back. */
	if (!cpumask_test_cpu(channel->cpu, &bus.cpus))
		channel->cpu = bus.cpu;
	return channel;
}

void bus_channel_put(struct lisbus_channel *channel)
{
	kobject_put(&channel->kobj);
}

/* ---- the host's answers ---- */

/* Waits without bus.lock for what was asked with it. */
static int wait_answer(struct lisbus_channel *channel, const char *what)
{
	while (!wait_event_timeout(channel->answer,
				   READ_ONCE(channel->answered), BUS_PATIENCE))
		pr_warn(BUS_LOG "the host has not %s channel %u yet\n", what,
			channel->relid);
	/* Behind whoever wrote the status. */
	mutex_lock(&bus.lock);
	mutex_unlock(&bus.lock);
	return channel->status ? -EIO : 0;
}

static int errno_of(const struct lisbus_channel *channel,
		    enum vmbus_status status)
{
	if (!status)
		return 0;
	return channel->rescinded || bus.state != BUS_UP ? -ENODEV : -EINVAL;
}

/*
 * Puts a request to the engine until it is taken: VMBUS_AGAIN means that too
 * much waits to be sent, which passes.
 */
#define ASK(channel, call)                                                     \
	({                                                                     \
		struct lisbus_channel *asking_ = (channel);                    \
		enum vmbus_status asked_;                                      \
		int error_;                                                    \
                                                                               \
		for (;;) {                                                     \
			mutex_lock(&bus.lock);                                 \
			asking_->answered = false;                             \
			asking_->status = 0;                                   \
			asked_ = (call);                                       \
			error_ = errno_of(asking_, asked_);                    \
			bus_run();                                             \
			mutex_unlock(&bus.lock);                               \
			if (asked_ != VMBUS_AGAIN)                             \
				break;                                         \
			usleep_range(1000, 2000);                              \
		}                                                              \
		error_;                                                        \
	})

static int pages_lend(struct lisbus_channel *channel, const u64 *pfns,
		      u32 page_count, u32 *gpadl)
{
	int error = ASK(channel,
			vmbus_guest_gpadl_create(&bus.guest, channel->relid, 0,
						 page_count * VMBUS_PAGE_BYTES,
						 pfns, gpadl));

	return error ? error : wait_answer(channel, "taken memory of");
}

static void pages_take_back(struct lisbus_channel *channel, u32 gpadl)
{
	if (!ASK(channel,
		 vmbus_guest_gpadl_teardown(&bus.guest, channel->relid, gpadl)))
		wait_answer(channel, "given back memory of");
}

static int rings_lend(struct lisbus_channel *channel)
{
	return pages_lend(channel, channel->pfns, channel->page_count,
			  &channel->gpadl);
}

/* Afterwards the rings are ours alone. */
static void rings_take_back(struct lisbus_channel *channel)
{
	pages_take_back(channel, channel->gpadl);
}

static int open_ask(struct lisbus_channel *channel, const u8 *user_data)
{
	int error =
		ASK(channel,
		    vmbus_guest_open(&bus.guest, channel->relid, channel->gpadl,
				     channel->tx_pages,
				     hv_cpu_number_to_vp_number(channel->cpu),
				     user_data));

	return error ? error : wait_answer(channel, "opened");
}

/* ---- what drivers ask ---- */

static void listen(struct lisbus_channel *channel)
{
	u32 words = BIT_WORD(channel->relid) + 1;

	rcu_assign_pointer(bus.listeners[channel->relid], channel);
	mutex_lock(&bus.lock);
	if (words > bus.flag_words)
		WRITE_ONCE(bus.flag_words, words);
	mutex_unlock(&bus.lock);
}

static void listen_end(struct lisbus_channel *channel)
{
	if (rcu_access_pointer(bus.listeners[channel->relid]) != channel)
		return;
	RCU_INIT_POINTER(bus.listeners[channel->relid], NULL);
	synchronize_rcu();
}

static int open_locked(struct lisbus_channel *channel,
		       const struct lisbus_open *open)
{
	int error;

	if (channel->opened)
		return -EBUSY;
	if (channel->rescinded)
		return -ENODEV;
	error = bus_rings_alloc(channel, open->tx_bytes, open->rx_bytes);
	if (error)
		return error;
	error = rings_lend(channel);
	if (error)
		goto free;
	channel->signal = open->signal;
	channel->context = open->context;
	listen(channel);
	error = open_ask(channel, open->user_data);
	if (error)
		goto take_back;
	channel->opened = true;
	return 0;

take_back:
	listen_end(channel);
	rings_take_back(channel);
free:
	bus_rings_free(channel);
	return channel->rescinded ? -ENODEV : error;
}

int lisbus_channel_open(struct lisbus_channel *channel,
			const struct lisbus_open *open)
{
	int error;

	mutex_lock(&channel->lock);
	error = open_locked(channel, open);
	mutex_unlock(&channel->lock);
	return error;
}
EXPORT_SYMBOL_GPL(lisbus_channel_open);

void lisbus_channel_quiet(struct lisbus_channel *channel)
{
	mutex_lock(&channel->lock);
	listen_end(channel);
	mutex_unlock(&channel->lock);
}
EXPORT_SYMBOL_GPL(lisbus_channel_quiet);

void lisbus_channel_close(struct lisbus_channel *channel)
{
	mutex_lock(&channel->lock);
	if (channel->opened) {
		listen_end(channel);
		ASK(channel, vmbus_guest_close(&bus.guest, channel->relid));
		rings_take_back(channel);
		/* Readers of attributes look at the headers by this lock. */
		channel->opened = false;
		bus_rings_free(channel);
	}
	mutex_unlock(&channel->lock);
}
EXPORT_SYMBOL_GPL(lisbus_channel_close);

int lisbus_channel_lend(struct lisbus_channel *channel, const u64 *pfns,
			u32 page_count, u32 *gpadl)
{
	int error;

	if (!page_count || page_count > LISBUS_LEND_PAGES)
		return -EINVAL;
	mutex_lock(&channel->lock);
	error = pages_lend(channel, pfns, page_count, gpadl);
	if (error && channel->rescinded)
		error = -ENODEV;
	mutex_unlock(&channel->lock);
	return error;
}
EXPORT_SYMBOL_GPL(lisbus_channel_lend);

void lisbus_channel_take_back(struct lisbus_channel *channel, u32 gpadl)
{
	mutex_lock(&channel->lock);
	pages_take_back(channel, gpadl);
	mutex_unlock(&channel->lock);
}
EXPORT_SYMBOL_GPL(lisbus_channel_take_back);

void lisbus_channel_signal(struct lisbus_channel *channel)
{
	channel->interrupts++;
	if (!channel->dedicated_interrupt)
		sync_set_bit(channel->relid,
			     bus.interrupt_page + VMBUS_PAGE_BYTES / 2);
	bus_signal(channel->connection_id);
}
EXPORT_SYMBOL_GPL(lisbus_channel_signal);

u64 lisbus_reference_time(void)
{
	return hv_read_reference_counter();
}
EXPORT_SYMBOL_GPL(lisbus_reference_time);

/* ---- moving ---- */

static int move_locked(struct lisbus_channel *channel, u32 cpu)
{
	int error;

	if (channel->rescinded)
		return -ENODEV;
	if (!channel->opened ||
	    vmbus_guest_version(&bus.guest) < VMBUS_VERSION_4_1)
		return -EIO;
	error = ASK(channel,
		    vmbus_guest_modify(&bus.guest, channel->relid,
				       hv_cpu_number_to_vp_number(cpu)));
	if (!error)
		error = wait_answer(channel, "moved");
	if (!error)
		channel->cpu = cpu;
	return error;
}

void bus_channel_wake(struct lisbus_channel *channel)
{
	unsigned long flags;

	/* What the driver puts off is done at the end of this, not some day. */
	local_bh_disable();
	local_irq_save(flags);
	rcu_read_lock();
	if (rcu_dereference(bus.listeners[channel->relid]) == channel)
		channel->signal(channel->context);
	rcu_read_unlock();
	local_irq_restore(flags);
	local_bh_enable();
}

int bus_channel_move(struct lisbus_channel *channel, u32 cpu)
{
	int error;

	mutex_lock(&channel->lock);
	error = move_locked(channel, cpu);
	mutex_unlock(&channel->lock);
	/* A signal that the host gave the old CPU meanwhile is not lost. */
	if (!error)
		bus_channel_wake(channel);
	return error;
}

static struct lisbus_channel *channel_on(u32 cpu)
{
	struct lisbus_channel *channel, *found = NULL;

	mutex_lock(&bus.lock);
	list_for_each_entry(channel, &bus.channels, entry) {
		if (channel->cpu == cpu && !channel->rescinded) {
			found = channel;
			kobject_get(&found->kobj);
			break;
		}
	}
	mutex_unlock(&bus.lock);
	return found;
}

/* One that is not open asks for another CPU when it is opened. */
static int cpu_let_go(struct lisbus_channel *channel)
{
	int error = -EBUSY;

	mutex_lock(&channel->lock);
	if (!channel->opened || channel->rescinded) {
		channel->cpu = bus.cpu;
		error = 0;
	}
	mutex_unlock(&channel->lock);
	return error;
}

static void cpu_use(u32 cpu, bool use)
{
	mutex_lock(&bus.lock);
	cpumask_clear_cpu(cpu, &bus.cpus);
	if (use)
		cpumask_set_cpu(cpu, &bus.cpus);
	mutex_unlock(&bus.lock);
}

int bus_cpu_leaves(u32 cpu)
{
	struct lisbus_channel *channel;
	int error = 0;

	if (READ_ONCE(bus.state) != BUS_UP) {
		cpu_use(cpu, false);
		return 0;
	}
	if (cpu == bus.cpu)
		return -EBUSY;
	cpu_use(cpu, false);
	while (!error && (channel = channel_on(cpu))) {
		error = cpu_let_go(channel);
		bus_channel_put(channel);
	}
	if (!error)
		return 0;
	cpu_use(cpu, true);
	return -EBUSY;
}

void bus_cpu_joins(u32 cpu)
{
	cpu_use(cpu, true);
}

/* ---- the end ---- */

void bus_channel_leave(struct lisbus_channel *channel)
{
	lockdep_assert_held(&bus.lock);
	if (channel->leaving)
		return;
	channel->leaving = true;
	queue_work(channel->offer.subchannel_index ? bus.subchannel_queue
						   : bus.device_queue,
		   &channel->rescind_work);
}

void bus_channel_release(struct lisbus_channel *channel)
{
	lisbus_channel_close(channel);
	mutex_lock(&bus.lock);
	list_del_init(&channel->entry);
	mutex_unlock(&bus.lock);
	ASK(channel, vmbus_guest_release(&bus.guest, channel->relid));
	bus_channel_put(channel);
}
