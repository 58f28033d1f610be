/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/vm/internal.h"

#include "host/vm/boot.h"
#include "host/vm/cpuid.h"

#include <asm/processor-flags.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Pages that KVM needs for itself on Intel CPUs: in the gap below 4 GiB, above
 * the MMIO window and clear of the APICs.
 */
#define IDENTITY_MAP_GPA 0xfffbc000ull
#define TASK_STATE_GPA	 0xfffbd000ull

#define MSR_MISC_ENABLE		0x1a0u
#define MISC_ENABLE_FAST_STRING 0x1ull
#define MSR_MTRR_DEFAULT_TYPE	0x2ffu
/* Enabled, write-back: what firmware would have left. */
#define MTRR_ENABLED_WRITE_BACK 0x806ull
#define MSR_DECODE_CONFIG	0xc0011029u /* AMD's DE_CFG */

#define EFER_LONG_MODE_ENABLE 0x100ull
#define EFER_LONG_MODE_ACTIVE 0x400ull
#define SEGMENT_CODE_READ     0xb
#define SEGMENT_DATA_WRITE    0x3
#define SEGMENT_TASK_BUSY     0xb
#define FLAGS_RESERVED	      0x2

int kvm_failed(const char *what, struct lis_error *err)
{
	return lis_error_set(err, errno, "KVM cannot %s: %s", what,
			     strerror(errno));
}

static int enable(int fd, u32 capability, u64 argument)
{
	struct kvm_enable_cap request = { .cap = capability,
					  .args = { argument } };

	return ioctl(fd, KVM_ENABLE_CAP, &request);
}

static bool has(const struct machine *machine, int capability)
{
	return ioctl(machine->kvm_fd, KVM_CHECK_EXTENSION, capability) > 0;
}

/*
 * KVM keeps the crash MSRs by itself, but masks the bit that says that the
 * parameters name a text (TLFS 3.9): take them over where it lets us.
 */
static int filter_crash_msrs(struct machine *machine, struct lis_error *err)
{
	u8 denied = 0;
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges[0] = {
			.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
			.base = CRASH_MSR_FIRST,
			.nmsrs = CRASH_PARAMETERS + 1,
			.bitmap = &denied,
		},
	};

	if (!has(machine, KVM_CAP_X86_USER_SPACE_MSR) ||
	    !has(machine, KVM_CAP_X86_MSR_FILTER))
		return 0;
	if (enable(machine->vm_fd, KVM_CAP_X86_USER_SPACE_MSR,
		   KVM_MSR_EXIT_REASON_FILTER) ||
	    ioctl(machine->vm_fd, KVM_X86_SET_MSR_FILTER, &filter))
		return kvm_failed("pass on the crash registers", err);
	return 0;
}

/* The two parts of memory; where a page of one is read-only, what is before
 * it, itself, and what is behind it. */
enum slot { SLOT_LOW, SLOT_HIGH, SLOT_PAGE, SLOT_BEHIND };

/* A slot without bytes is none, and takes away one that was there. */
static int set_slot(struct machine *machine, enum slot slot, u64 gpa,
		    u64 size_bytes)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = slot == SLOT_PAGE ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = gpa,
		.memory_size = size_bytes,
		.userspace_addr =
			(uintptr_t)memory_at(&machine->memory, gpa, size_bytes),
	};

	return ioctl(machine->vm_fd, KVM_SET_USER_MEMORY_REGION, &region)
		       ? -errno
		       : 0;
}

/* One part of memory, whole. */
static int set_part(struct machine *machine, enum slot slot)
{
	const struct memory_layout *layout = &machine->memory.layout;
	bool low = slot == SLOT_LOW;
	u64 size_bytes = low ? layout->low_bytes : layout->high_bytes;

	return size_bytes ? set_slot(machine, slot, low ? 0 : MEMORY_4GIB,
				     size_bytes)
			  : 0;
}

static int set_memory(struct machine *machine, struct lis_error *err)
{
	if (set_part(machine, SLOT_LOW) || set_part(machine, SLOT_HIGH))
		return kvm_failed("use the guest's memory", err);
	return 0;
}

static int split_part(struct machine *machine, enum slot slot, u64 gpa)
{
	const struct memory_layout *layout = &machine->memory.layout;
	u64 begin = slot == SLOT_LOW ? 0 : MEMORY_4GIB;
	u64 end = begin +
		  (slot == SLOT_LOW ? layout->low_bytes : layout->high_bytes);
	u64 behind = gpa + MEMORY_PAGE_BYTES;
	int ret = 0;

	if (gpa > begin)
		ret = set_slot(machine, slot, begin, gpa - begin);
	if (!ret)
		ret = set_slot(machine, SLOT_PAGE, gpa, MEMORY_PAGE_BYTES);
	if (!ret && behind < end)
		ret = set_slot(machine, SLOT_BEHIND, behind, end - behind);
	return ret;
}

/* KVM changes neither a slot's size nor whether it is read-only. */
int kvm_set_read_only(struct machine *machine, u64 gpa, bool read_only)
{
	enum slot slot = gpa < MEMORY_4GIB ? SLOT_LOW : SLOT_HIGH;
	u64 begin = slot == SLOT_LOW ? 0 : MEMORY_4GIB;
	int ret = 0;

	set_slot(machine, slot, begin, 0);
	if (read_only) {
		ret = split_part(machine, slot, gpa);
		if (!ret)
			return 0;
		set_slot(machine, slot, begin, 0);
	}
	set_slot(machine, SLOT_PAGE, gpa, 0);
	set_slot(machine, SLOT_BEHIND, gpa, 0);
	return set_part(machine, slot) ? -errno : ret;
}

int kvm_setup(struct machine *machine, struct lis_error *err)
{
	u64 identity_map = IDENTITY_MAP_GPA;
	int ret;

	do
		machine->vm_fd = ioctl(machine->kvm_fd, KVM_CREATE_VM, 0);
	while (machine->vm_fd < 0 && errno == EINTR);
	if (machine->vm_fd < 0)
		return kvm_failed("make a virtual machine", err);
	ret = ioctl(machine->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (ret < (int)sizeof(struct kvm_run))
		return kvm_failed("tell the size of its vCPU state", err);
	machine->run_bytes = (size_t)ret;
	if (ioctl(machine->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) ||
	    ioctl(machine->vm_fd, KVM_SET_TSS_ADDR, TASK_STATE_GPA))
		return kvm_failed("place its own pages", err);
	if (ioctl(machine->vm_fd, KVM_CREATE_IRQCHIP, 0))
		return kvm_failed("make interrupt controllers", err);
	ret = set_memory(machine, err);
	if (ret)
		return ret;
	return filter_crash_msrs(machine, err);
}

/* Both CPUID queries share one shape. */
static int get_cpuid(int fd, unsigned long request, struct cpuid_table *table,
		     struct lis_error *err)
{
	struct kvm_cpuid2 *answer;
	u64 size_bytes = sizeof(*answer) +
			 CPUID_ENTRIES_MAX * sizeof(answer->entries[0]);

	answer = calloc(1, size_bytes);
	if (!answer)
		return lis_error_set(err, ENOMEM, "out of memory");
	answer->nent = CPUID_ENTRIES_MAX;
	if (ioctl(fd, request, answer) || answer->nent > CPUID_ENTRIES_MAX) {
		free(answer);
		return kvm_failed("list its CPU features", err);
	}
	table->count = answer->nent;
	memcpy(table->entries, answer->entries,
	       answer->nent * sizeof(answer->entries[0]));
	free(answer);
	return 0;
}

static int set_cpuid(struct vcpu *vcpu, const struct cpuid_table *model,
		     struct lis_error *err)
{
	u64 entries_bytes = model->count * sizeof(model->entries[0]);
	struct cpuid_table own = *model;
	struct kvm_cpuid2 *request;
	int ret = 0;

	request = calloc(1, sizeof(*request) + entries_bytes);
	if (!request)
		return lis_error_set(err, ENOMEM, "out of memory");
	cpuid_set_vcpu(&own, vcpu->index);
	request->nent = own.count;
	memcpy(request->entries, own.entries, entries_bytes);
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, request))
		ret = kvm_failed("give a vCPU its features", err);
	free(request);
	return ret;
}

static int set_msrs(struct vcpu *vcpu, struct lis_error *err)
{
	static const struct kvm_msr_entry entries[] = {
		{ .index = MSR_MISC_ENABLE, .data = MISC_ENABLE_FAST_STRING },
		{ .index = MSR_MTRR_DEFAULT_TYPE,
		  .data = MTRR_ENABLED_WRITE_BACK },
	};
	union {
		struct kvm_msrs msrs;
		u8 room[sizeof(struct kvm_msrs) + sizeof(entries)];
	} request = { .room = { 0 } };

	request.msrs.nmsrs = PORT_ARRAY_SIZE(entries);
	memcpy(request.msrs.entries, entries, sizeof(entries));
	if (ioctl(vcpu->fd, KVM_SET_MSRS, &request) !=
	    (int)PORT_ARRAY_SIZE(entries))
		return kvm_failed("set a vCPU's model-specific registers", err);
	return 0;
}

/*
 * A guest that hibernates reads this register, and writes later what it read.
 * Of its own accord KVM gives 0, and takes nothing but what the register may
 * be. CPUs of others have no such register.
 */
static int set_decode_config(struct vcpu *vcpu, struct lis_error *err)
{
	union {
		struct kvm_msrs msrs;
		u8 room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} request = { .room = { 0 } };

	request.msrs.nmsrs = 1;
	request.msrs.entries[0].index = MSR_DECODE_CONFIG;
	if (ioctl(vcpu->machine->kvm_fd, KVM_GET_MSRS, &request) != 1)
		return 0;
	if (ioctl(vcpu->fd, KVM_SET_MSRS, &request) != 1)
		return kvm_failed("set a vCPU's decode configuration", err);
	return 0;
}

static struct kvm_segment segment(u16 selector, u8 type, bool system)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = !system,
		.g = !system,
		.db = type == SEGMENT_DATA_WRITE,
		.l = !system && type == SEGMENT_CODE_READ,
	};
}

/* boot.rst, "64-bit boot protocol", "32-bit boot protocol": the state at the
 * entry point. */
static int set_entry(struct vcpu *vcpu, const struct boot_entry *entry,
		     struct lis_error *err)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {
		.rip = entry->gpa,
		.rsi = BOOT_PARAMS_GPA,
		.rflags = FLAGS_RESERVED,
	};

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		return kvm_failed("read a vCPU's registers", err);
	sregs.cs = segment(BOOT_GDT_CODE, SEGMENT_CODE_READ, false);
	sregs.ds = segment(BOOT_GDT_DATA, SEGMENT_DATA_WRITE, false);
	sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
	sregs.tr = segment(BOOT_GDT_TASK, SEGMENT_TASK_BUSY, true);
	sregs.gdt.base = BOOT_GDT_GPA;
	sregs.gdt.limit = BOOT_GDT_BYTES - 1;
	sregs.cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE;
	if (entry->long_mode) {
		sregs.cr0 |= X86_CR0_PG;
		sregs.cr3 = BOOT_PAGE_TABLES_GPA;
		sregs.cr4 = X86_CR4_PAE;
		sregs.efer = EFER_LONG_MODE_ENABLE | EFER_LONG_MODE_ACTIVE;
	} else {
		sregs.cs.l = 0;
		sregs.cs.db = 1;
	}
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) ||
	    ioctl(vcpu->fd, KVM_SET_REGS, &regs))
		return kvm_failed("set a vCPU's registers", err);
	return 0;
}

static int setup_vcpu(struct vcpu *vcpu, const struct cpuid_table *model,
		      struct lis_error *err)
{
	struct machine *machine = vcpu->machine;
	void *run;
	int ret;

	vcpu->fd = ioctl(machine->vm_fd, KVM_CREATE_VCPU, vcpu->index);
	if (vcpu->fd < 0)
		return kvm_failed("make a vCPU", err);
	run = mmap(NULL, machine->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		   vcpu->fd, 0);
	if (run == MAP_FAILED)
		return kvm_failed("share a vCPU's state", err);
	vcpu->run = run;
	ret = set_cpuid(vcpu, model, err);
	if (ret)
		return ret;
	if (enable(vcpu->fd, KVM_CAP_HYPERV_SYNIC2, 0))
		return kvm_failed("enable the synthetic interrupt controller",
				  err);
	/* A guest then has what CPUID says and not one register more. */
	if (has(machine, KVM_CAP_HYPERV_ENFORCE_CPUID) &&
	    enable(vcpu->fd, KVM_CAP_HYPERV_ENFORCE_CPUID, 1))
		return kvm_failed("enforce the vCPU's Hyper-V features", err);
	ret = set_decode_config(vcpu, err);
	return ret ? ret : set_msrs(vcpu, err);
}

int kvm_setup_vcpus(struct machine *machine, const struct boot_entry *entry,
		    struct lis_error *err)
{
	struct cpuid_table *tables = calloc(3, sizeof(*tables));
	bool deadline = has(machine, KVM_CAP_TSC_DEADLINE_TIMER);
	int ret;
	u32 i;

	if (!tables)
		return lis_error_set(err, ENOMEM, "out of memory");
	ret = get_cpuid(machine->kvm_fd, KVM_GET_SUPPORTED_CPUID, &tables[0],
			err);
	if (!ret)
		ret = get_cpuid(machine->kvm_fd, KVM_GET_SUPPORTED_HV_CPUID,
				&tables[1], err);
	if (!ret)
		cpuid_model(&tables[2], &tables[0], &tables[1],
			    machine->vcpu_count, deadline);
	for (i = 0; i < machine->vcpu_count && !ret; i++)
		ret = setup_vcpu(&machine->vcpus[i], &tables[2], err);
	free(tables);
	/* The others wait for the first one to start them. */
	return ret ? ret : set_entry(&machine->vcpus[0], entry, err);
}

static int connect_irqfd(struct machine *machine, u32 line, int fd)
{
	struct kvm_irqfd request = { .fd = (u32)fd, .gsi = line };

	return ioctl(machine->vm_fd, KVM_IRQFD, &request);
}

/*
 * KVM tells an acknowledged interrupt through the resample eventfd of its line:
 * for a SINT that is the guest's write to EOM, after it emptied a slot that was
 * marked message-pending, or any EOI.
 */
static int tell_freed(void *context, u32 vp, u32 sint, int fd, bool on)
{
	struct machine *machine = context;
	struct kvm_irqfd request = {
		.fd = (u32)fd,
		.gsi = IRQ_SINT(vp, sint),
		.flags = on ? KVM_IRQFD_FLAG_RESAMPLE : KVM_IRQFD_FLAG_DEASSIGN,
		.resamplefd = (u32)machine->slot_fd,
	};

	return ioctl(machine->vm_fd, KVM_IRQFD, &request) ? -errno : 0;
}

static int make_interrupt(void *context, u32 vp, u32 sint, enum synic_kind kind)
{
	struct machine *machine = context;
	int fd, ret;

	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (kind != SYNIC_FREED &&
	    connect_irqfd(machine, IRQ_SINT(vp, sint), fd)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

static int set_routes(struct machine *machine, struct lis_error *err)
{
	u32 count = IRQ_SINT(machine->vcpu_count, 0);
	struct kvm_irq_routing *table;
	u32 line;
	int ret;

	table = calloc(1, sizeof(*table) + count * sizeof(table->entries[0]));
	if (!table)
		return lis_error_set(err, ENOMEM, "out of memory");
	table->nr = count;
	for (line = 0; line < count; line++) {
		struct kvm_irq_routing_entry *entry = &table->entries[line];
		u32 sint = line - IRQ_IO_APIC_PINS;

		entry->gsi = line;
		if (line < IRQ_IO_APIC_PINS) {
			entry->type = KVM_IRQ_ROUTING_IRQCHIP;
			entry->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
			entry->u.irqchip.pin = line;
			continue;
		}
		entry->type = KVM_IRQ_ROUTING_HV_SINT;
		entry->u.hv_sint.vcpu = sint / MACHINE_SINTS;
		entry->u.hv_sint.sint = sint % MACHINE_SINTS;
	}
	ret = ioctl(machine->vm_fd, KVM_SET_GSI_ROUTING, table);
	free(table);
	return ret ? kvm_failed("route the interrupts", err) : 0;
}

int kvm_setup_interrupts(struct machine *machine, struct lis_error *err)
{
	int ret = set_routes(machine, err);

	if (ret)
		return ret;
	machine->serial_irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	machine->slot_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (machine->serial_irq_fd < 0 || machine->slot_fd < 0)
		return lis_error_set(err, errno, "cannot make an eventfd: %s",
				     strerror(errno));
	if (connect_irqfd(machine, UART_IRQ, machine->serial_irq_fd))
		return kvm_failed("connect the serial port's interrupt", err);
	machine->synic.make_interrupt = make_interrupt;
	machine->synic.tell_freed = tell_freed;
	machine->synic.context = machine;
	return 0;
}
