/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/synic.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define REGISTER_ENABLE	     1ull
#define PAGE_MASK	     (~(MEMORY_PAGE_BYTES - 1))
#define EVENT_BYTES_PER_SINT (MACHINE_EVENT_FLAGS / 8)
#define FLAG_MESSAGE_PENDING 1

/* TLFS 11.8.3 */
struct message_slot {
	u32 type;
	u8 size_bytes;
	u8 flags;
	u16 reserved;
	u64 port;
	u8 payload[MACHINE_MESSAGE_MAX_BYTES];
};

_Static_assert(sizeof(struct message_slot) == 256, "TLFS 11.8.3");

int synic_slot_put(void *page, u32 sint, u32 type, const void *payload,
		   u32 size_bytes)
{
	struct message_slot *slot = (struct message_slot *)page + sint;

	if (port_load_acquire(&slot->type)) {
		/*
		 * The guest empties the slot, then looks at this flag; we set
		 * the flag, then look at the slot again. One of the two sees
		 * what the other did.
		 */
		__atomic_fetch_or(&slot->flags, FLAG_MESSAGE_PENDING,
				  __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&slot->type, __ATOMIC_SEQ_CST))
			return -EAGAIN;
	}
	if (size_bytes)
		memcpy(slot->payload, payload, size_bytes);
	slot->port = 0;
	slot->reserved = 0;
	port_store(&slot->size_bytes, (u8)size_bytes);
	port_store(&slot->flags, (u8)0);
	port_store_release(&slot->type, type);
	return 0;
}

bool synic_flag_set(void *page, u32 sint, u32 flag)
{
	u8 *at = (u8 *)page + sint * EVENT_BYTES_PER_SINT + flag / 8;
	u8 bit = (u8)(1u << flag % 8);

	return !(__atomic_fetch_or(at, bit, __ATOMIC_SEQ_CST) & bit);
}

void synic_init(struct synic *synic, const struct memory *memory, u32 vps)
{
	u32 i;

	memset(synic, 0, sizeof(*synic));
	synic->memory = memory;
	synic->vps = vps;
	for (i = 0; i < vps; i++) {
		pthread_mutex_init(&synic->vp[i].lock, NULL);
		memset(synic->vp[i].fds, -1, sizeof(synic->vp[i].fds));
	}
}

void synic_destroy(struct synic *synic)
{
	u32 i, sint, kind;

	for (i = 0; i < synic->vps; i++) {
		for (sint = 0; sint < MACHINE_SINTS; sint++)
			for (kind = 0; kind < SYNIC_KINDS; kind++)
				if (synic->vp[i].fds[sint][kind] >= 0)
					close(synic->vp[i].fds[sint][kind]);
		pthread_mutex_destroy(&synic->vp[i].lock);
	}
	synic->vps = 0;
}

/* The page that a register names; zeroed when it is not the one before. */
static u8 *find_page(const struct memory *memory, u64 now, u64 before)
{
	u8 *page;

	if (!(now & REGISTER_ENABLE))
		return NULL;
	page = memory_at(memory, now & PAGE_MASK, MEMORY_PAGE_BYTES);
	if (page && now != before)
		memset(page, 0, MEMORY_PAGE_BYTES);
	return page;
}

void synic_update(struct synic *synic, u32 vp, u64 control, u64 message,
		  u64 event)
{
	struct synic_vp *state = &synic->vp[vp];
	bool on = control & REGISTER_ENABLE;
	u8 *messages, *events;

	pthread_mutex_lock(&state->lock);
	messages = find_page(synic->memory, message, state->message_register);
	events = find_page(synic->memory, event, state->event_register);
	state->message_register = message;
	state->event_register = event;
	state->message_page = on ? messages : NULL;
	state->event_page = on ? events : NULL;
	pthread_mutex_unlock(&state->lock);
}

/* The interrupt must exist before the slot is written, or it would be lost. */
static int find_interrupt(struct synic *synic, u32 vp, u32 sint,
			  enum synic_kind kind)
{
	int *fd = &synic->vp[vp].fds[sint][kind];
	int ret;

	if (*fd >= 0)
		return *fd;
	ret = synic->make_interrupt(synic->context, vp, sint, kind);
	if (ret >= 0)
		*fd = ret;
	return ret;
}

/* An eventfd write fails only when 2^64 - 2 of them were not taken. */
static void raise_interrupt(int fd)
{
	u64 one = 1;
	ssize_t written;

	do
		written = write(fd, &one, sizeof(one));
	while (written < 0 && errno == EINTR);
}

/*
 * Every end of interrupt tells that a slot may be free, and most are not of
 * messages: so it is told from the first busy slot on, until synic_quiet().
 */
static int slot_put(struct synic *synic, u32 vp, u32 sint, u32 type,
		    const void *payload, u32 size_bytes)
{
	struct synic_vp *state = &synic->vp[vp];
	int ret = synic_slot_put(state->message_page, sint, type, payload,
				 size_bytes);

	if (ret != -EAGAIN || state->told[sint])
		return ret;
	ret = synic->tell_freed(synic->context, vp, sint,
				state->fds[sint][SYNIC_FREED], true);
	if (ret < 0)
		return ret;
	state->told[sint] = true;
	/* It may have become free before that could be told. */
	return synic_slot_put(state->message_page, sint, type, payload,
			      size_bytes);
}

void synic_quiet(struct synic *synic)
{
	for (u32 i = 0; i < synic->vps; i++) {
		struct synic_vp *state = &synic->vp[i];

		pthread_mutex_lock(&state->lock);
		for (u32 sint = 0; sint < MACHINE_SINTS; sint++) {
			if (!state->told[sint])
				continue;
			synic->tell_freed(synic->context, i, sint,
					  state->fds[sint][SYNIC_FREED], false);
			state->told[sint] = false;
		}
		pthread_mutex_unlock(&state->lock);
	}
}

int synic_post(struct synic *synic, u32 vp, u32 sint, u32 type,
	       const void *payload, u32 size_bytes)
{
	struct synic_vp *state;
	int fd, ret = -ENXIO;

	if (vp >= synic->vps || sint >= MACHINE_SINTS || !type ||
	    size_bytes > MACHINE_MESSAGE_MAX_BYTES)
		return -EINVAL;
	state = &synic->vp[vp];
	pthread_mutex_lock(&state->lock);
	if (state->message_page) {
		ret = find_interrupt(synic, vp, sint, SYNIC_FREED);
		fd = ret < 0 ? ret
			     : find_interrupt(synic, vp, sint, SYNIC_MESSAGE);
		ret = fd < 0 ? fd
			     : slot_put(synic, vp, sint, type, payload,
					size_bytes);
		if (!ret)
			raise_interrupt(fd);
	}
	pthread_mutex_unlock(&state->lock);
	return ret;
}

int synic_signal(struct synic *synic, u32 vp, u32 sint, u32 flag)
{
	struct synic_vp *state;
	int fd, ret = -ENXIO;

	if (vp >= synic->vps || sint >= MACHINE_SINTS ||
	    flag >= MACHINE_EVENT_FLAGS)
		return -EINVAL;
	state = &synic->vp[vp];
	pthread_mutex_lock(&state->lock);
	if (state->event_page) {
		fd = find_interrupt(synic, vp, sint, SYNIC_EVENT);
		ret = fd < 0 ? fd : 0;
		if (!ret && synic_flag_set(state->event_page, sint, flag))
			raise_interrupt(fd);
	}
	pthread_mutex_unlock(&state->lock);
	return ret;
}
