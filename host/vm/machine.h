/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * machine.h - one x86-64 KVM virtual machine with the Hyper-V enlightenments.
 *
 * Here: vCPUs, guest memory, SynIC, ACPI tables, boot, serial port. Not here:
 * anything that knows of channels, offers or services.
 *
 * Threads: a machine has one thread per vCPU of its own. All functions below
 * may be called from any thread but a vCPU thread (that is: not from inside an
 * operation of machine_ops) unless a function says otherwise. machine_start,
 * machine_pause, machine_resume and machine_destroy must not run at once on
 * one machine.
 */
#ifndef HOST_VM_MACHINE_H
#define HOST_VM_MACHINE_H

#include "host/vm/error.h"
#include "vmbus/port.h"

struct machine;

#define MACHINE_VCPUS_MAX  64
#define MACHINE_PAGE_BYTES 4096
/* Guest memory comes in whole 2 MiB pages, at least 64 MiB of it. */
#define MACHINE_MEMORY_MIN_BYTES  (64ull << 20)
#define MACHINE_MEMORY_STEP_BYTES (2ull << 20)
#define MACHINE_MEMORY_MAX_BYTES  (1ull << 40)
/* Most pages that one mapping may have: 256 MiB. */
#define MACHINE_MAP_PAGES_MAX 65536
/* TLFS 11.8: largest payload of a SynIC message. */
#define MACHINE_MESSAGE_MAX_BYTES 240
/* TLFS 11.9: flags per SINT in the event flags page. */
#define MACHINE_EVENT_FLAGS 2048
/* TLFS 11.2: SINTs per virtual processor. */
#define MACHINE_SINTS 16

/* Hypercall status codes (TLFS appendix B) that post_message may answer. */
#define MACHINE_HV_SUCCESS		   0x0000
#define MACHINE_HV_INVALID_HYPERCALL_CODE  0x0002
#define MACHINE_HV_INVALID_HYPERCALL_INPUT 0x0003
#define MACHINE_HV_INVALID_ALIGNMENT	   0x0004
#define MACHINE_HV_INVALID_PARAMETER	   0x0005
#define MACHINE_HV_INVALID_PORT_ID	   0x0011
#define MACHINE_HV_INVALID_CONNECTION_ID   0x0012
#define MACHINE_HV_INSUFFICIENT_BUFFERS	   0x0013

enum machine_state {
	MACHINE_CREATED, /* nothing has run yet */
	MACHINE_RUNNING,
	MACHINE_PAUSED,
	MACHINE_STOPPED, /* for good; see machine_ops.stopped */
};

enum machine_stop {
	MACHINE_STOP_POWER_OFF, /* the guest entered ACPI S5, or S4 */
	MACHINE_STOP_RESET,	/* the guest wrote the ACPI reset register */
	MACHINE_STOP_TRIPLE_FAULT,
	MACHINE_STOP_ERROR, /* KVM failed; the text says how */
};

/*
 * What the machine tells its owner. All of it is called on vCPU threads, under
 * the seccomp filter of host/vm/sandbox.h, and more than one vCPU may call at
 * once: an operation copies what it needs, wakes its own thread and returns.
 */
struct machine_ops {
	/*
	 * The guest made the HvPostMessage hypercall (TLFS 11.10.1).
	 * connection_id: as the guest gave it; message_type: likewise;
	 * payload: a private copy, size_bytes 0..240.
	 * Result: MACHINE_HV_*, given to the guest as the hypercall's status.
	 * NULL: every connection id is invalid.
	 */
	u16 (*post_message)(void *context, u32 connection_id, u32 message_type,
			    const void *payload, u32 size_bytes);
	/* The guest wrote size bytes (at least 1) to its serial port. */
	void (*serial_output)(void *context, const void *bytes, u32 size_bytes);
	/*
	 * The serial port has room again after machine_serial_input took less
	 * than it was given. May be NULL.
	 */
	void (*serial_input_ready)(void *context);
	/*
	 * The guest wrote its crash MSRs (TLFS 3.9): five parameters as given,
	 * text the panic message that the guest left in its memory, cut to
	 * 4095 bytes, control characters other than newline and tab replaced;
	 * NULL when there is none. The guest runs on.
	 */
	void (*crashed)(void *context, const u64 parameters[5],
			const char *text);
	/*
	 * Called once. The vCPUs of the machine will not run again; all that
	 * can be done with it now is to look at its memory and destroy it.
	 * A reset is a new machine_create. text: one sentence.
	 */
	void (*stopped)(void *context, enum machine_stop reason,
			const char *text);
};

struct machine_config {
	u32 vcpus;	    /* 1..MACHINE_VCPUS_MAX */
	u64 memory_bytes;   /* MIN..MAX, a multiple of STEP */
	bool huge_pages;    /* 2 MiB pages or fail */
	bool hibernation;   /* the guest is told that it may */
	const char *kernel; /* path of a bzImage, protocol 2.12 or newer */
	const char *initrd; /* path, or NULL */
	const char *command_line; /* NULL: empty */
	/*
	 * MMIO windows of the VMBus device: below 4 GiB (multiple of 2 MiB,
	 * 64 MiB..2 GiB) and above all memory. 0: 128 MiB and 1 GiB.
	 */
	u64 mmio_low_bytes;
	u64 mmio_high_bytes;
	/* No seccomp filter on vCPU threads (sanitizers and debuggers). */
	bool no_sandbox;
	struct machine_ops ops;
	void *context; /* first argument of every operation */
};

/**
 * machine_create - make a machine, with its kernel loaded and its vCPUs ready.
 * @machine: receives the machine
 * @config: copied; strings are not needed after the call
 * @err: receives a sentence on failure
 *
 * Result: 0, or a negative errno: -EINVAL the configuration or a boot file is
 * wrong, -ENOENT and other errors of open(2) for files, -ENODEV or -EACCES for
 * /dev/kvm, -EOPNOTSUPP KVM lacks what is needed, -ENOMEM and so on.
 */
int machine_create(struct machine **machine,
		   const struct machine_config *config, struct lis_error *err);

/**
 * machine_start - let the vCPUs run. Once, in state MACHINE_CREATED.
 *
 * Result: 0; -EBUSY in another state; an error of pthread_create.
 */
int machine_start(struct machine *machine, struct lis_error *err);

/**
 * machine_pause - return when no vCPU is running guest code.
 *
 * The partition's reference time stands still until machine_resume.
 * Result: 0 (also when paused already); -EBUSY not started or stopped.
 */
int machine_pause(struct machine *machine, struct lis_error *err);

/**
 * machine_resume - go on after machine_pause.
 *
 * Result: 0 (also when running already); -EBUSY not started or stopped.
 */
int machine_resume(struct machine *machine, struct lis_error *err);

/**
 * machine_nmi - inject a non-maskable interrupt into vCPU 0.
 *
 * Result: 0; -EBUSY unless MACHINE_RUNNING.
 */
int machine_nmi(struct machine *machine, struct lis_error *err);

/**
 * machine_destroy - stop the vCPUs, if they run, and free everything.
 * @machine: may be NULL
 *
 * machine_ops.stopped is not called for it. Mappings of machine_map_pages must
 * be unmapped before.
 */
void machine_destroy(struct machine *machine);

/** machine_state - the state at this moment; any thread. */
enum machine_state machine_state(const struct machine *machine);

/**
 * machine_memory - address of guest memory in this process.
 * @gpa: guest physical address
 * @size_bytes: at least 1
 *
 * Result: pointer, valid until machine_destroy; NULL unless the whole range is
 * memory. The guest changes what it points to at any time. Any thread.
 */
void *machine_memory(struct machine *machine, u64 gpa, u64 size_bytes);

/**
 * machine_map_pages - contiguous view of scattered guest pages.
 * @pfns: guest page numbers, @count of them, 1..MACHINE_MAP_PAGES_MAX
 * @mirrored: map the first page once and all others twice in succession (the
 *	shape of a ring buffer: header page, then data whose end continues with
 *	its start); needs at least two pages
 * @at: receives the address of the first page
 *
 * The view has an inaccessible page before and after it.
 * Result: 0; -EINVAL count; -EFAULT a page is not guest memory; -ENOMEM.
 */
int machine_map_pages(struct machine *machine, const u64 *pfns, u32 count,
		      bool mirrored, void **at);

/**
 * machine_unmap_pages - undo machine_map_pages.
 * @at, @count, @mirrored: as given and received there; NULL @at does nothing
 */
void machine_unmap_pages(struct machine *machine, void *at, u32 count,
			 bool mirrored);

/**
 * machine_post - put a message into a slot of a vCPU's message page and raise
 * the SINT (TLFS 11.8).
 * @vp: index of the virtual processor
 * @sint: 0..15
 * @type: message type, not 0
 * @payload: @size_bytes of it, 0..MACHINE_MESSAGE_MAX_BYTES
 *
 * Result: 0 the slot took it; -EAGAIN the guest has not emptied the slot yet:
 * it is marked message-pending, and machine_slot_eventfd becomes readable when
 * to try again; -ENXIO the vCPU's SynIC or message page is off; -EINVAL an
 * argument is out of range. Any thread.
 */
int machine_post(struct machine *machine, u32 vp, u32 sint, u32 type,
		 const void *payload, u32 size_bytes);

/**
 * machine_signal - set an event flag of a vCPU and raise the SINT (TLFS 11.9).
 * @vp: index of the virtual processor
 * @sint: 0..15
 * @flag: 0..MACHINE_EVENT_FLAGS - 1
 *
 * An interrupt is raised only when the flag was clear.
 * Result: 0; -ENXIO the vCPU's SynIC or event page is off; -EINVAL. Any thread.
 */
int machine_signal(struct machine *machine, u32 vp, u32 sint, u32 flag);

/**
 * machine_connect - let HvSignalEvent on a connection write an eventfd, inside
 * the kernel (KVM_HYPERV_EVENTFD).
 * @connection_id: 1..0xffffff
 *
 * Result: 0; -EEXIST the connection is in use; -EINVAL; -ENOMEM. Any thread.
 */
int machine_connect(struct machine *machine, u32 connection_id, int eventfd);

/**
 * machine_disconnect - undo machine_connect.
 *
 * Result: 0; -ENOENT no such connection. Any thread.
 */
int machine_disconnect(struct machine *machine, u32 connection_id);

/**
 * machine_monitor - let a bit of a monitor page write an eventfd, inside the
 * kernel.
 * @gpa: of the page to the host, as the guest gave it (vmbus/monitor.h)
 * @id: of the monitor, below VMBUS_MONITOR_COUNT; not in use yet
 *
 * From the first on the guest's writes to the page do not reach it. Holds the
 * vCPUs for a moment then. Not at once with machine_pause, machine_resume,
 * machine_destroy and itself.
 * Result: 0; -EINVAL; -EFAULT the page is not memory; -EBUSY another page is in
 * use; errors of KVM_SET_USER_MEMORY_REGION and KVM_IOEVENTFD.
 */
int machine_monitor(struct machine *machine, u64 gpa, u32 id, int eventfd);

/**
 * machine_unmonitor - undo machine_monitor; after the last one, the page is
 * memory as before.
 */
void machine_unmonitor(struct machine *machine, u32 id, int eventfd);

/**
 * machine_slot_eventfd - readable when a message slot may have become free.
 *
 * It belongs to the machine: poll and read it, do not close it.
 */
int machine_slot_eventfd(const struct machine *machine);

/**
 * machine_slots_quiet - stop telling of free slots until a slot is busy again.
 *
 * Every end of interrupt makes machine_slot_eventfd readable from the first
 * busy slot on, whatever the interrupt was for: to be called when nothing waits
 * for a slot. Not at once with machine_post.
 */
void machine_slots_quiet(struct machine *machine);

/**
 * machine_serial_input - type on the serial port.
 *
 * Result: how many of @size_bytes were taken, 0 when the port is full;
 * machine_ops.serial_input_ready tells when to go on. Any thread.
 */
u32 machine_serial_input(struct machine *machine, const void *bytes,
			 u32 size_bytes);

/**
 * machine_reference_time_100ns - the partition's reference counter (TLFS
 * 12.4): 100 ns units since the machine was created, not counting pauses, as
 * the guest reads it. Any thread.
 */
u64 machine_reference_time_100ns(struct machine *machine);

#endif
