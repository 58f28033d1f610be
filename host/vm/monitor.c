/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/internal.h"

#include "vmbus/monitor.h"

#include <errno.h>
#include <sys/ioctl.h>

/*
 * KVM has no monitor pages, and looking at one by a timer would cost a wakeup
 * for nothing and a delay for something. So the page is made read-only: each
 * write to it comes to KVM's emulation, which compares it with what the setting
 * of one bit writes and signals that bit's eventfd, without leaving the kernel.
 * The write itself is lost, so bits never stand there and need no collecting.
 */

/* What guests set a bit with: 32-bit words, or Linux' 64-bit ones. */
static const u32 widths_bytes[] = { 4, 8 };

/* Keep the vCPUs out of guest code; machine->lock is held until let_go. */
static void hold(struct machine *machine)
{
	u32 i;

	pthread_mutex_lock(&machine->lock);
	machine->held = true;
	for (i = 0; i < machine->vcpu_count; i++)
		vcpu_kick(&machine->vcpus[i]);
	while (machine->running && machine->state != MACHINE_STOPPED)
		pthread_cond_wait(&machine->changed, &machine->lock);
}

static void let_go(struct machine *machine)
{
	machine->held = false;
	pthread_cond_broadcast(&machine->changed);
	pthread_mutex_unlock(&machine->lock);
}

static int set_bit_eventfd(struct machine *machine, u32 id, int eventfd,
			   u32 flags)
{
	u32 group = id / VMBUS_MONITOR_GROUP_BITS;
	struct kvm_ioeventfd request = {
		.datamatch = 1ull << (id % VMBUS_MONITOR_GROUP_BITS),
		.addr = machine->monitor_gpa +
			offsetof(struct vmbus_monitor_page, group) +
			group * sizeof(struct vmbus_monitor_group) +
			offsetof(struct vmbus_monitor_group, pending),
		.fd = eventfd,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH | flags,
	};
	int ret = 0;
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(widths_bytes); i++) {
		request.len = widths_bytes[i];
		if (ioctl(machine->vm_fd, KVM_IOEVENTFD, &request))
			ret = -errno;
	}
	return ret;
}

/* Let the guest write the page of monitor_gpa, or KVM see its writes. */
static int set_page(struct machine *machine, bool watched)
{
	int ret;

	hold(machine);
	ret = kvm_set_read_only(machine, machine->monitor_gpa, watched);
	let_go(machine);
	return ret;
}

int machine_monitor(struct machine *machine, u64 gpa, u32 id, int eventfd)
{
	struct vmbus_monitor_page *page;
	int ret;

	if (id >= VMBUS_MONITOR_COUNT || gpa % MEMORY_PAGE_BYTES)
		return -EINVAL;
	page = memory_at(&machine->memory, gpa, MEMORY_PAGE_BYTES);
	if (!page)
		return -EFAULT;
	if (machine->monitored && gpa != machine->monitor_gpa)
		return -EBUSY;
	if (!machine->monitored) {
		machine->monitor_gpa = gpa;
		ret = set_page(machine, true);
		if (ret)
			return ret;
		/* A bit is known by its word's new value: the rest is 0. */
		port_fill(page->group, 0, sizeof(page->group));
	}
	machine->monitored++;
	ret = set_bit_eventfd(machine, id, eventfd, 0);
	if (ret)
		machine_unmonitor(machine, id, eventfd);
	return ret;
}

void machine_unmonitor(struct machine *machine, u32 id, int eventfd)
{
	set_bit_eventfd(machine, id, eventfd, KVM_IOEVENTFD_FLAG_DEASSIGN);
	if (!--machine->monitored)
		set_page(machine, false);
}
