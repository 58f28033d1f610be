/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * internal.h - what the files behind machine.h share: the machine itself, and
 * its vCPUs.
 *
 * Here: nothing that anybody outside of host/vm may include.
 */
#ifndef HOST_VM_INTERNAL_H
#define HOST_VM_INTERNAL_H

#include "host/vm/boot.h"
#include "host/vm/machine.h"
#include "host/vm/memory.h"
#include "host/vm/synic.h"
#include "host/vm/uart.h"

#include <linux/kvm.h>
#include <pthread.h>

/* TLFS 3.9: parameters P0 to P4 and the control register. */
#define CRASH_MSR_FIRST	  0x40000100u
#define CRASH_PARAMETERS  5
#define CRASH_MSR_CONTROL (CRASH_MSR_FIRST + CRASH_PARAMETERS)

/* Interrupt lines: those of the I/O APIC, then one for each vCPU and SINT. */
#define IRQ_IO_APIC_PINS   24
#define IRQ_SINT(vp, sint) (IRQ_IO_APIC_PINS + (vp)*MACHINE_SINTS + (sint))

struct vcpu {
	struct machine *machine;
	u32 index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool has_thread;
};

struct machine {
	struct machine_ops ops;
	void *context;
	bool sandboxed;

	int kvm_fd;
	int vm_fd;
	size_t run_bytes; /* size of each vCPU's kvm_run */
	struct memory memory;
	struct synic synic;
	int slot_fd;

	pthread_mutex_t serial_lock;
	struct uart serial;
	bool serial_line;
	bool serial_input_short; /* machine_serial_input took less */
	int serial_irq_fd;

	u8 rtc_index;

	u64 monitor_gpa; /* of the page that monitored counts the ids of */
	u32 monitored;

	pthread_mutex_t crash_lock;
	u64 crash[CRASH_PARAMETERS];

	/* Guards what follows; changed is signalled with every change. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum machine_state state;
	bool leaving; /* vCPU threads must end */
	bool held;    /* they are kept from the guest for a moment */
	u32 running;  /* vCPU threads that are not parked */
	u32 threads;  /* vCPU threads that have not left their loop */
	u64 paused_clock_ns;

	u32 vcpu_count;
	struct vcpu vcpus[MACHINE_VCPUS_MAX];
};

/* kvm.c: talking to KVM before the first instruction. */

/**
 * kvm_setup - make the VM: interrupt controllers, memory slots, MSR filter.
 *
 * Everything it makes is in @machine and freed by machine_destroy.
 */
int kvm_setup(struct machine *machine, struct lis_error *err);

/** kvm_setup_vcpus - make the vCPUs with CPUID, registers and SynIC. */
int kvm_setup_vcpus(struct machine *machine, const struct boot_entry *entry,
		    struct lis_error *err);

/** kvm_setup_interrupts - route all lines, connect the serial port's. */
int kvm_setup_interrupts(struct machine *machine, struct lis_error *err);

/**
 * kvm_set_read_only - let KVM see what the guest writes to a page.
 * @gpa: of a page of memory; one at a time
 * @read_only: false makes it memory like all other
 *
 * No vCPU may run: for a moment there is no memory.
 * Result: 0 or -errno; the memory is as it was.
 */
int kvm_set_read_only(struct machine *machine, u64 gpa, bool read_only);

/** kvm_failed - an ioctl failed with errno: a sentence and -errno. */
int kvm_failed(const char *what, struct lis_error *err);

/* vcpu.c: the vCPU threads. */

/** vcpu_thread - start routine, argument struct vcpu. */
void *vcpu_thread(void *argument);

/** vcpu_kick - make a vCPU leave KVM_RUN; machine->lock is held. */
void vcpu_kick(struct vcpu *vcpu);

/** vcpu_prepare_signals - install the handler of the kick, once. */
int vcpu_prepare_signals(struct lis_error *err);

/* exits.c: what a vCPU stopped for. */

/**
 * exit_handle - deal with the exit that is in the vCPU's kvm_run.
 * @reason, @text: receive why the machine is at its end
 *
 * Result: true to go on, false when the machine stops.
 */
bool exit_handle(struct vcpu *vcpu, enum machine_stop *reason,
		 struct lis_error *text);

/* serial.c: the serial port between the guest and the owner. */

void serial_io(struct machine *machine, u32 offset, bool write, u8 *bytes,
	       u32 count);

/* crash.c: the crash MSRs. */

/** crash_read - value of a crash MSR; false when it is none. */
bool crash_read(struct machine *machine, u32 msr, u64 *value);

/** crash_write - the guest writes a crash MSR; false when it is none. */
bool crash_write(struct machine *machine, u32 msr, u64 value);

/** crash_report - tell the owner; parameters as in machine_ops.crashed. */
void crash_report(struct machine *machine, u64 control,
		  const u64 parameters[CRASH_PARAMETERS]);

#endif
