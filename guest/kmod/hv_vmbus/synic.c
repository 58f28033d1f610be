// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * synic.c - messages and event flags of each CPU, and the two hypercalls.
 *
 * Here: the pages that the hypervisor writes, the registers that name them, and
 * the interrupt. Not here: what messages mean.
 *
 * Source: TLFS 11 (registers, pages); the vector is the kernel's, which calls
 * the handler that is set with hv_setup_vmbus_handler().
 */
#include "guest/kmod/hv_vmbus/bus.h"
#include <linux/cpuhotplug.h>
#include <linux/random.h>

#define FLAG_WORDS (VMBUS_SYNIC_FLAG_COUNT / BITS_PER_LONG)

/* Input of HvCallPostMessage (TLFS 11.9). */
struct post_input {
	u32 connection_id;
	u32 reserved;
	u32 message_type;
	u32 size_bytes;
	u8 payload[VMBUS_SYNIC_PAYLOAD_MAX];
};
static_assert(sizeof(struct post_input) == 256);

struct bus_cpu {
	struct hv_message *messages; /* a page: one slot for each SINT */
	unsigned long *events;	     /* a page: flags of each SINT */
};

static DEFINE_PER_CPU(struct bus_cpu, bus_cpus);

/* ---- hypercalls ---- */

u64 bus_post(u32 connection_id, const void *payload, u32 size_bytes)
{
	struct post_input *input;
	unsigned long flags;
	u64 status;

	/* The kernel's page for hypercalls of this CPU. */
	local_irq_save(flags);
	input = *(void **)this_cpu_ptr(hyperv_pcpu_input_arg);
	memset(input, 0, sizeof(*input));
	input->connection_id = connection_id;
	input->message_type = VMBUS_SYNIC_MESSAGE_TYPE;
	input->size_bytes = size_bytes;
	memcpy(input->payload, payload, size_bytes);
	status = hv_do_hypercall(HVCALL_POST_MESSAGE, input, NULL);
	local_irq_restore(flags);
	return status & HV_HYPERCALL_RESULT_MASK;
}

void bus_signal(u32 connection_id)
{
	hv_do_fast_hypercall8(HVCALL_SIGNAL_EVENT, connection_id);
}

/* ---- the interrupt ---- */

static void event(u32 relid)
{
	struct lisbus_channel *channel;

	channel = rcu_dereference(bus.listeners[relid]);
	if (!channel)
		return;
	channel->events++;
	channel->signal(channel->context);
}

static void events_take(unsigned long *flags)
{
	u32 words = READ_ONCE(bus.flag_words), word, bit;

	rcu_read_lock();
	for (word = 0; word < words; word++) {
		unsigned long set;

		if (!READ_ONCE(flags[word]))
			continue;
		/* Locked on one CPU, too: the host is another. */
		set = xchg(&flags[word], 0);
		for_each_set_bit(bit, &set, BITS_PER_LONG)
			event(word * BITS_PER_LONG + bit);
	}
	rcu_read_unlock();
}

static unsigned long *sint_events(u32 cpu)
{
	return per_cpu(bus_cpus, cpu).events + VMBUS_MESSAGE_SINT * FLAG_WORDS;
}

static struct hv_message *message_slot(u32 cpu)
{
	return &per_cpu(bus_cpus, cpu).messages[VMBUS_MESSAGE_SINT];
}

/*
 * Lets the host have a slot, and tells it when it has more. Where a guest has
 * one processor the kernel's own exchange is no barrier, but the host has
 * others: what it wrote is looked at once more.
 */
static void slot_free(struct hv_message *slot, u32 type)
{
	vmbus_signal_eom(slot, type);
	if (num_online_cpus() > 1)
		return;
	/* The host looks at the type after it has said that it has more. */
	virt_mb();
	if (READ_ONCE(slot->header.message_flags.asu8))
		wrmsrl(HV_X64_MSR_EOM, 0);
}

/*
 * Whether the clock's ticks are messages. Elsewhere one is a lie, and there may
 * be no clock for it to call.
 */
static bool ticks_are_messages(void)
{
	return (ms_hyperv.features & HV_MSR_SYNTIMER_AVAILABLE) &&
	       !(ms_hyperv.misc_features & HV_STIMER_DIRECT_MODE_AVAILABLE);
}

static void message_arrived(u32 cpu)
{
	struct hv_message *slot = message_slot(cpu);
	u32 type = READ_ONCE(slot->header.message_type);

	if (type == HVMSG_NONE)
		return;
	if (type == HVMSG_TIMER_EXPIRED) {
		if (ticks_are_messages())
			hv_stimer0_isr();
		else
			pr_warn_ratelimited(
				BUS_LOG "the host broke the protocol: a timer "
					"that is not there expired\n");
		slot_free(slot, type);
	} else if (cpu == bus.cpu) {
		if (!READ_ONCE(bus.crashed))
			queue_work_on(cpu, bus.message_queue,
				      &bus.message_work);
	} else {
		/* Nobody asked for it here. */
		slot_free(slot, type);
	}
}

static void interrupt(void)
{
	u32 cpu = smp_processor_id();

	events_take(sint_events(cpu));
	message_arrived(cpu);
	add_interrupt_randomness(HYPERVISOR_CALLBACK_VECTOR);
}

/* ---- messages, on the CPU that gets them ---- */

bool bus_message_peek(struct bus_message *message)
{
	struct hv_message *slot = message_slot(bus.cpu);

	while (!READ_ONCE(bus.crashed)) {
		/* The type stands when the rest does. */
		u32 type = smp_load_acquire(&slot->header.message_type);
		u32 size_bytes = READ_ONCE(slot->header.payload_size);

		if (type == HVMSG_NONE)
			return false;
		if (type == VMBUS_SYNIC_MESSAGE_TYPE) {
			if (size_bytes > sizeof(message->payload))
				size_bytes = sizeof(message->payload);
			message->size_bytes = size_bytes;
			memcpy(message->payload, slot->u.payload, size_bytes);
			return true;
		}
		if (type == HVMSG_TIMER_EXPIRED)
			return false;
		pr_warn_ratelimited(
			BUS_LOG "a message of unknown type %#x is ignored\n",
			type);
		slot_free(slot, type);
	}
	return false;
}

void bus_message_done(void)
{
	slot_free(message_slot(bus.cpu), VMBUS_SYNIC_MESSAGE_TYPE);
}

bool bus_message_find(u32 type)
{
	bool found = false;
	u32 cpu;

	for_each_possible_cpu(cpu) {
		struct hv_message *slot;
		u32 message_type;

		if (!per_cpu(bus_cpus, cpu).messages)
			continue;
		slot = message_slot(cpu);
		/* The type stands when the rest does. */
		message_type = smp_load_acquire(&slot->header.message_type);
		if (message_type == HVMSG_NONE)
			continue;
		if (message_type == VMBUS_SYNIC_MESSAGE_TYPE &&
		    READ_ONCE(*(u32 *)slot->u.payload) == type)
			found = true;
		slot_free(slot, message_type);
	}
	return found;
}

/* ---- each CPU's registers ---- */

static void sint_set(bool masked)
{
	union hv_synic_sint sint;

	rdmsrl(HV_X64_MSR_SINT0 + VMBUS_MESSAGE_SINT, sint.as_uint64);
	sint.vector = HYPERVISOR_CALLBACK_VECTOR;
	sint.masked = masked;
	sint.auto_eoi = !(ms_hyperv.hints & HV_DEPRECATING_AEOI_RECOMMENDED);
	wrmsrl(HV_X64_MSR_SINT0 + VMBUS_MESSAGE_SINT, sint.as_uint64);
}

/* Kept while the CPU is offline, for when it comes back. */
static int pages_alloc(struct bus_cpu *own)
{
	if (!own->messages)
		own->messages = (void *)get_zeroed_page(GFP_KERNEL);
	if (!own->events)
		own->events = (void *)get_zeroed_page(GFP_KERNEL);
	return own->messages && own->events ? 0 : -ENOMEM;
}

void bus_synic_enable(void)
{
	struct bus_cpu *own = this_cpu_ptr(&bus_cpus);
	union hv_synic_scontrol control;
	union hv_synic_siefp events;
	union hv_synic_simp messages;

	/* What was left there, perhaps by another kernel, is nobody's. */
	memset(own->messages, 0, PAGE_SIZE);
	memset(own->events, 0, PAGE_SIZE);
	rdmsrl(HV_X64_MSR_SIMP, messages.as_uint64);
	messages.base_simp_gpa = virt_to_phys(own->messages) >> PAGE_SHIFT;
	messages.simp_enabled = 1;
	wrmsrl(HV_X64_MSR_SIMP, messages.as_uint64);

	rdmsrl(HV_X64_MSR_SIEFP, events.as_uint64);
	events.base_siefp_gpa = virt_to_phys(own->events) >> PAGE_SHIFT;
	events.siefp_enabled = 1;
	wrmsrl(HV_X64_MSR_SIEFP, events.as_uint64);

	sint_set(false);

	rdmsrl(HV_X64_MSR_SCONTROL, control.as_uint64);
	control.enable = 1;
	wrmsrl(HV_X64_MSR_SCONTROL, control.as_uint64);
}

static int synic_online(unsigned int cpu)
{
	int error = pages_alloc(per_cpu_ptr(&bus_cpus, cpu));

	if (error)
		return error;
	bus_synic_enable();
	hv_stimer_legacy_init(cpu, VMBUS_MESSAGE_SINT);
	bus_cpu_joins(cpu);
	return 0;
}

void bus_synic_disable(void)
{
	union hv_synic_scontrol control;
	union hv_synic_siefp events;
	union hv_synic_simp messages;

	sint_set(true);

	rdmsrl(HV_X64_MSR_SIMP, messages.as_uint64);
	messages.simp_enabled = 0;
	messages.base_simp_gpa = 0;
	wrmsrl(HV_X64_MSR_SIMP, messages.as_uint64);

	rdmsrl(HV_X64_MSR_SIEFP, events.as_uint64);
	events.siefp_enabled = 0;
	events.base_siefp_gpa = 0;
	wrmsrl(HV_X64_MSR_SIEFP, events.as_uint64);

	rdmsrl(HV_X64_MSR_SCONTROL, control.as_uint64);
	control.enable = 0;
	wrmsrl(HV_X64_MSR_SCONTROL, control.as_uint64);
}

static int synic_offline(unsigned int cpu)
{
	int error = bus_cpu_leaves(cpu);
	unsigned long flags;

	if (error)
		return error;
	hv_stimer_legacy_cleanup(cpu);
	bus_synic_disable();
	/* What came before its channel was moved, and was not seen yet. */
	local_bh_disable();
	local_irq_save(flags);
	events_take(sint_events(cpu));
	local_irq_restore(flags);
	local_bh_enable();
	return 0;
}

static void pages_free(void)
{
	u32 cpu;

	for_each_possible_cpu(cpu) {
		struct bus_cpu *own = per_cpu_ptr(&bus_cpus, cpu);

		free_page((unsigned long)own->messages);
		free_page((unsigned long)own->events);
		own->messages = NULL;
		own->events = NULL;
	}
}

int bus_synic_start(void)
{
	int state;

	compat_setup_vmbus_handler(interrupt);
	state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "hyperv/vmbus:online",
				  synic_online, synic_offline);
	if (state < 0) {
		compat_remove_vmbus_handler();
		pages_free();
		return state;
	}
	bus.hotplug_state = state;
	return 0;
}

void bus_synic_stop(void)
{
	cpuhp_remove_state(bus.hotplug_state);
	compat_remove_vmbus_handler();
	pages_free();
}
