/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/vm/internal.h"

#include "host/vm/acpi.h"
#include "host/vm/boot.h"
#include "host/vm/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB			(1ull << 20)
#define GAP_DEFAULT_BYTES	(128 * MIB)
#define GAP_MIN_BYTES		(64 * MIB)
#define GAP_MAX_BYTES		(2048 * MIB)
#define MMIO_HIGH_DEFAULT_BYTES (1024 * MIB)
/* Intel SDM volume 3A, 11.11: to the local APIC with id 0; delivery mode. */
#define MSI_ADDRESS_APIC_0  0xfee00000u
#define MSI_DATA_NMI	    (4u << 8)
#define MMIO_HIGH_MAX_BYTES MACHINE_MEMORY_MAX_BYTES

static int check_config(const struct machine_config *config,
			struct lis_error *err)
{
	u64 gap = config->mmio_low_bytes;
	u64 high = config->mmio_high_bytes;

	if (!config->vcpus || config->vcpus > MACHINE_VCPUS_MAX)
		return lis_error_set(err, EINVAL,
				     "a machine has 1 to %d vCPUs, not %u",
				     MACHINE_VCPUS_MAX, config->vcpus);
	if (config->memory_bytes < MACHINE_MEMORY_MIN_BYTES ||
	    config->memory_bytes > MACHINE_MEMORY_MAX_BYTES ||
	    config->memory_bytes % MACHINE_MEMORY_STEP_BYTES)
		return lis_error_set(err, EINVAL,
				     "a machine has 64 MiB to 1 TiB of memory "
				     "in steps of 2 MiB, not %llu bytes",
				     (unsigned long long)config->memory_bytes);
	if (gap && (gap < GAP_MIN_BYTES || gap > GAP_MAX_BYTES ||
		    gap % MACHINE_MEMORY_STEP_BYTES))
		return lis_error_set(
			err, EINVAL,
			"the low MMIO window is 64 MiB to 2 GiB in "
			"steps of 2 MiB, not %llu bytes",
			(unsigned long long)gap);
	if (high > MMIO_HIGH_MAX_BYTES || high % MACHINE_MEMORY_STEP_BYTES)
		return lis_error_set(err, EINVAL,
				     "the high MMIO window is at most 1 TiB in "
				     "steps of 2 MiB, not %llu bytes",
				     (unsigned long long)high);
	if (!config->kernel)
		return lis_error_set(err, EINVAL, "no kernel was given");
	return 0;
}

static int fill_memory(struct machine *machine,
		       const struct machine_config *config,
		       struct boot_entry *entry, struct lis_error *err)
{
	struct boot_files files = { .kernel = config->kernel,
				    .initrd = config->initrd,
				    .command_line = config->command_line };

	if (!acpi_build(machine->memory.base + BOOT_ACPI_GPA,
			BOOT_ACPI_MAX_BYTES, BOOT_ACPI_GPA, config->vcpus,
			&machine->memory.layout, config->hibernation))
		return lis_error_set(err, ENOSPC, "the ACPI tables do not fit");
	return boot_load(&machine->memory, &files, entry, err);
}

static int build(struct machine *machine, const struct machine_config *config,
		 struct lis_error *err)
{
	u64 gap = config->mmio_low_bytes ? config->mmio_low_bytes
					 : GAP_DEFAULT_BYTES;
	u64 high = config->mmio_high_bytes ? config->mmio_high_bytes
					   : MMIO_HIGH_DEFAULT_BYTES;
	struct memory_layout layout;
	struct boot_entry entry = { 0 };
	int ret;

	machine->kvm_fd = probe_open(PROBE_KVM_DEVICE, err);
	if (machine->kvm_fd < 0)
		return machine->kvm_fd;
	memory_layout_set(&layout, config->memory_bytes, gap, high);
	ret = memory_create(&machine->memory, &layout, config->huge_pages, err);
	if (!ret)
		ret = fill_memory(machine, config, &entry, err);
	if (!ret)
		ret = kvm_setup(machine, err);
	if (!ret)
		ret = kvm_setup_vcpus(machine, &entry, err);
	if (!ret)
		ret = kvm_setup_interrupts(machine, err);
	return ret ? ret : vcpu_prepare_signals(err);
}

static struct machine *allocate(const struct machine_config *config)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	u32 i;

	if (!machine)
		return NULL;
	machine->ops = config->ops;
	machine->context = config->context;
	machine->sandboxed = !config->no_sandbox;
	machine->kvm_fd = -1;
	machine->vm_fd = -1;
	machine->slot_fd = -1;
	machine->serial_irq_fd = -1;
	machine->memory.fd = -1;
	machine->vcpu_count = config->vcpus;
	for (i = 0; i < machine->vcpu_count; i++) {
		machine->vcpus[i].machine = machine;
		machine->vcpus[i].index = i;
		machine->vcpus[i].fd = -1;
	}
	uart_init(&machine->serial);
	synic_init(&machine->synic, &machine->memory, config->vcpus);
	pthread_mutex_init(&machine->serial_lock, NULL);
	pthread_mutex_init(&machine->crash_lock, NULL);
	pthread_mutex_init(&machine->lock, NULL);
	pthread_cond_init(&machine->changed, NULL);
	return machine;
}

int machine_create(struct machine **machine,
		   const struct machine_config *config, struct lis_error *err)
{
	struct machine *made;
	int ret;

	*machine = NULL;
	ret = check_config(config, err);
	if (ret)
		return ret;
	made = allocate(config);
	if (!made)
		return lis_error_set(err, ENOMEM, "out of memory");
	ret = build(made, config, err);
	if (ret) {
		machine_destroy(made);
		return ret;
	}
	*machine = made;
	return 0;
}

/* Tell all vCPU threads to end, and wait until they have. */
static void end_threads(struct machine *machine)
{
	u32 i;

	pthread_mutex_lock(&machine->lock);
	machine->leaving = true;
	pthread_cond_broadcast(&machine->changed);
	for (i = 0; i < machine->vcpu_count; i++)
		if (machine->vcpus[i].has_thread)
			vcpu_kick(&machine->vcpus[i]);
	pthread_mutex_unlock(&machine->lock);
	for (i = 0; i < machine->vcpu_count; i++)
		if (machine->vcpus[i].has_thread)
			pthread_join(machine->vcpus[i].thread, NULL);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void machine_destroy(struct machine *machine)
{
	u32 i;

	if (!machine)
		return;
	end_threads(machine);
	for (i = 0; i < machine->vcpu_count; i++) {
		if (machine->vcpus[i].run)
			munmap(machine->vcpus[i].run, machine->run_bytes);
		close_fd(machine->vcpus[i].fd);
	}
	synic_destroy(&machine->synic);
	close_fd(machine->serial_irq_fd);
	close_fd(machine->slot_fd);
	close_fd(machine->vm_fd);
	close_fd(machine->kvm_fd);
	memory_destroy(&machine->memory);
	pthread_mutex_destroy(&machine->serial_lock);
	pthread_mutex_destroy(&machine->crash_lock);
	pthread_mutex_destroy(&machine->lock);
	pthread_cond_destroy(&machine->changed);
	free(machine);
}

int machine_start(struct machine *machine, struct lis_error *err)
{
	char name[16];
	int ret = 0;
	u32 i;

	pthread_mutex_lock(&machine->lock);
	if (machine->state != MACHINE_CREATED) {
		pthread_mutex_unlock(&machine->lock);
		return lis_error_set(err, EBUSY,
				     "the machine was started before");
	}
	machine->state = MACHINE_RUNNING;
	for (i = 0; i < machine->vcpu_count && !ret; i++) {
		struct vcpu *vcpu = &machine->vcpus[i];

		ret = pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);
		if (ret)
			break;
		vcpu->has_thread = true;
		machine->threads++;
		machine->running++;
		snprintf(name, sizeof(name), "vcpu%u", i);
		pthread_setname_np(vcpu->thread, name);
	}
	if (ret)
		machine->state = MACHINE_STOPPED;
	pthread_mutex_unlock(&machine->lock);
	/* Those that run are ended by machine_destroy. */
	return ret ? lis_error_set(err, ret, "cannot start vCPU %u: %s", i,
				   strerror(ret))
		   : 0;
}

static u64 clock_ns(struct machine *machine)
{
	struct kvm_clock_data clock = { 0 };

	ioctl(machine->vm_fd, KVM_GET_CLOCK, &clock);
	return clock.clock;
}

static int not_running(enum machine_state state, const char *what,
		       struct lis_error *err)
{
	static const char *const names[] = {
		[MACHINE_CREATED] = "was not started",
		[MACHINE_RUNNING] = "is running",
		[MACHINE_PAUSED] = "is paused",
		[MACHINE_STOPPED] = "has stopped",
	};

	return lis_error_set(err, EBUSY, "cannot %s: the machine %s", what,
			     names[state]);
}

int machine_pause(struct machine *machine, struct lis_error *err)
{
	int ret = 0;
	u32 i;

	pthread_mutex_lock(&machine->lock);
	if (machine->state == MACHINE_RUNNING) {
		/* For those who ask before the last vCPU has stopped. */
		machine->paused_clock_ns = clock_ns(machine);
		machine->state = MACHINE_PAUSED;
		for (i = 0; i < machine->vcpu_count; i++)
			vcpu_kick(&machine->vcpus[i]);
		while (machine->running && machine->state == MACHINE_PAUSED)
			pthread_cond_wait(&machine->changed, &machine->lock);
		machine->paused_clock_ns = clock_ns(machine);
	}
	if (machine->state != MACHINE_PAUSED)
		ret = not_running(machine->state, "pause", err);
	pthread_mutex_unlock(&machine->lock);
	return ret;
}

int machine_resume(struct machine *machine, struct lis_error *err)
{
	struct kvm_clock_data clock = { 0 };
	int ret = 0;

	pthread_mutex_lock(&machine->lock);
	if (machine->state == MACHINE_PAUSED) {
		/* The reference time goes on from where it stood. */
		clock.clock = machine->paused_clock_ns;
		if (ioctl(machine->vm_fd, KVM_SET_CLOCK, &clock))
			ret = kvm_failed("set the guest's clock", err);
		if (!ret)
			machine->state = MACHINE_RUNNING;
		pthread_cond_broadcast(&machine->changed);
	} else if (machine->state != MACHINE_RUNNING) {
		ret = not_running(machine->state, "resume", err);
	}
	pthread_mutex_unlock(&machine->lock);
	return ret;
}

/*
 * As a message-signalled interrupt: ioctl(KVM_NMI) would wait until vCPU 0
 * comes out of KVM_RUN by itself.
 */
int machine_nmi(struct machine *machine, struct lis_error *err)
{
	enum machine_state state = machine_state(machine);
	struct kvm_msi message = { .address_lo = MSI_ADDRESS_APIC_0,
				   .data = MSI_DATA_NMI };

	if (state != MACHINE_RUNNING)
		return not_running(state, "inject an NMI", err);
	if (ioctl(machine->vm_fd, KVM_SIGNAL_MSI, &message) <= 0)
		return kvm_failed("inject an NMI", err);
	return 0;
}

enum machine_state machine_state(const struct machine *machine)
{
	struct machine *own = (struct machine *)machine;
	enum machine_state state;

	pthread_mutex_lock(&own->lock);
	state = own->state;
	pthread_mutex_unlock(&own->lock);
	return state;
}

void *machine_memory(struct machine *machine, u64 gpa, u64 size_bytes)
{
	return memory_at(&machine->memory, gpa, size_bytes);
}

int machine_map_pages(struct machine *machine, const u64 *pfns, u32 count,
		      bool mirrored, void **at)
{
	return memory_map_pages(&machine->memory, pfns, count, mirrored, at);
}

void machine_unmap_pages(struct machine *machine, void *at, u32 count,
			 bool mirrored)
{
	(void)machine;
	memory_unmap_pages(at, count, mirrored);
}

int machine_post(struct machine *machine, u32 vp, u32 sint, u32 type,
		 const void *payload, u32 size_bytes)
{
	return synic_post(&machine->synic, vp, sint, type, payload, size_bytes);
}

int machine_signal(struct machine *machine, u32 vp, u32 sint, u32 flag)
{
	return synic_signal(&machine->synic, vp, sint, flag);
}

static int set_connection(struct machine *machine, u32 connection_id,
			  int eventfd, u32 flags)
{
	struct kvm_hyperv_eventfd request = { .conn_id = connection_id,
					      .fd = eventfd,
					      .flags = flags };

	if (!connection_id || connection_id & ~KVM_HYPERV_CONN_ID_MASK)
		return -EINVAL;
	return ioctl(machine->vm_fd, KVM_HYPERV_EVENTFD, &request) ? -errno : 0;
}

int machine_connect(struct machine *machine, u32 connection_id, int eventfd)
{
	return set_connection(machine, connection_id, eventfd, 0);
}

int machine_disconnect(struct machine *machine, u32 connection_id)
{
	return set_connection(machine, connection_id, -1,
			      KVM_HYPERV_EVENTFD_DEASSIGN);
}

int machine_slot_eventfd(const struct machine *machine)
{
	return machine->slot_fd;
}

void machine_slots_quiet(struct machine *machine)
{
	synic_quiet(&machine->synic);
}

u64 machine_reference_time_100ns(struct machine *machine)
{
	u64 time_ns;

	pthread_mutex_lock(&machine->lock);
	time_ns = machine->state == MACHINE_PAUSED ? machine->paused_clock_ns
						   : clock_ns(machine);
	pthread_mutex_unlock(&machine->lock);
	return time_ns / 100;
}
