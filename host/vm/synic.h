/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * synic.h - the host's side of the synthetic interrupt controller: message
 * slots and event flags in guest memory (TLFS chapter 11), and who may touch
 * them when.
 *
 * Here: the pages of every virtual processor and their locks. Not here: KVM; an
 * interrupt leaves by an eventfd that the owner provides.
 */
#ifndef HOST_VM_SYNIC_H
#define HOST_VM_SYNIC_H

#include "host/vm/machine.h"
#include "host/vm/memory.h"

#include <pthread.h>

enum synic_kind {
	SYNIC_MESSAGE,
	SYNIC_EVENT,
	SYNIC_FREED, /* raises none: for tell_freed */
	SYNIC_KINDS,
};

struct synic_vp {
	/* Guards all of it: the guest moves the pages while we write. */
	pthread_mutex_t lock;
	u64 message_register; /* SIMP as last written; 0 before */
	u64 event_register;   /* SIEFP */
	u8 *message_page;     /* NULL: off */
	u8 *event_page;
	int fds[MACHINE_SINTS][SYNIC_KINDS]; /* -1: not made yet */
	bool told[MACHINE_SINTS];	     /* when a slot may be free */
};

struct synic {
	const struct memory *memory;
	u32 vps;
	/*
	 * Makes an eventfd whose write raises a SINT; it is made when first
	 * needed and closed by synic_destroy. Result: fd or negative errno.
	 */
	int (*make_interrupt)(void *context, u32 vp, u32 sint,
			      enum synic_kind kind);
	/*
	 * Begins or ends telling the owner when a slot of a SINT may have
	 * become free. @fd: the eventfd of SYNIC_FREED, which names this.
	 * Result: 0 or a negative errno.
	 */
	int (*tell_freed)(void *context, u32 vp, u32 sint, int fd, bool on);
	void *context;
	struct synic_vp vp[MACHINE_VCPUS_MAX];
};

/** synic_init - all virtual processors off; cannot fail. */
void synic_init(struct synic *synic, const struct memory *memory, u32 vps);

/** synic_destroy - close the interrupts' eventfds. */
void synic_destroy(struct synic *synic);

/**
 * synic_update - a virtual processor wrote one of its SynIC registers.
 * @control: SCONTROL, @message: SIMP, @event: SIEFP, all as they are now
 *
 * A page that is newly enabled or moved is zeroed, for a stale message in it
 * would block its slot for ever (KVM_CAP_HYPERV_SYNIC2 leaves that to us). A
 * page outside of memory counts as off.
 */
void synic_update(struct synic *synic, u32 vp, u64 control, u64 message,
		  u64 event);

/** synic_post - see machine_post; also errors of make_interrupt. */
int synic_post(struct synic *synic, u32 vp, u32 sint, u32 type,
	       const void *payload, u32 size_bytes);

/** synic_quiet - see machine_slots_quiet. */
void synic_quiet(struct synic *synic);

/** synic_signal - see machine_signal; also errors of make_interrupt. */
int synic_signal(struct synic *synic, u32 vp, u32 sint, u32 flag);

/**
 * synic_slot_put - write one message slot of a message page.
 *
 * Result: 0, or -EAGAIN when it is full and was marked message-pending.
 */
int synic_slot_put(void *page, u32 sint, u32 type, const void *payload,
		   u32 size_bytes);

/**
 * synic_flag_set - set a flag of an event page.
 *
 * Result: true when it was clear.
 */
bool synic_flag_set(void *page, u32 sint, u32 flag);

#endif
