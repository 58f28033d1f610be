// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The slots of the receive buffer: taken by any channel, one bit each. A slot's
 * word belongs to the channel that took it; others only look at it, when the
 * guest completes what was never sent to it there.
 */
#include "services/network/vsp_internal.h"

#define WORD_BITS 32u

enum slot_state {
	SLOT_FREE,
	SLOT_TAKEN, /* in a place or a batch */
	SLOT_HEAD,  /* under way; its number is the transaction id */
	SLOT_BODY,  /* under way behind a head */
};

static u32 slot_word(enum slot_state state, u16 channel, u16 next)
{
	return (u32)state << 24 | (u32)channel << 16 | next;
}

static enum slot_state state_of(u32 word)
{
	return (enum slot_state)(word >> 24);
}

static u16 channel_of(u32 word)
{
	return word >> 16 & 0xff;
}

static u16 next_of(u32 word)
{
	return (u16)word;
}

void network_slots_init(struct network_receive_buffer *buffer)
{
	u32 i;

	port_fill(buffer->free, 0, sizeof(buffer->free));
	for (i = 0; i < buffer->slot_count; i++) {
		buffer->slots[i].word =
			slot_word(SLOT_FREE, 0, NETWORK_SLOT_NONE);
		buffer->free[i / WORD_BITS] |= 1u << (i % WORD_BITS);
	}
}

/* The bits of word @index that a taker may have. */
static u32 wanted(const struct network_receive_buffer *buffer, u32 index,
		  bool control)
{
	u32 first = index * WORD_BITS, kept;

	if (control || first >= buffer->control_count)
		return ~0u;
	kept = buffer->control_count - first;
	return kept >= WORD_BITS ? 0 : ~0u << kept;
}

static u16 take_from(struct network_vsp *vsp, u32 index, bool control)
{
	struct network_receive_buffer *buffer = &vsp->shared->receive;
	u32 word = port_load(&buffer->free[index]), bits, slot;

	while ((bits = word & wanted(buffer, index, control)) != 0) {
		bits &= 0u - bits;
		if (port_replace_u32(&buffer->free[index], word,
				     word & ~bits)) {
			slot = index * WORD_BITS + (u32)__builtin_ctz(bits);
			port_store(&buffer->slots[slot].word,
				   slot_word(SLOT_TAKEN, vsp->channel,
					     NETWORK_SLOT_NONE));
			return (u16)slot;
		}
		word = port_load(&buffer->free[index]);
	}
	return NETWORK_SLOT_NONE;
}

u16 network_slot_take(struct network_vsp *vsp, bool control)
{
	u32 words =
		(vsp->shared->receive.slot_count + WORD_BITS - 1) / WORD_BITS;
	u32 i, index = control ? 0 : vsp->cursor % words;
	u16 slot;

	for (i = 0; i < words; i++) {
		slot = take_from(vsp, index, control);
		if (slot != NETWORK_SLOT_NONE) {
			if (!control)
				vsp->cursor = index;
			return slot;
		}
		index = index + 1 == words ? 0 : index + 1;
	}
	return NETWORK_SLOT_NONE;
}

void network_slot_give(struct network_vsp *vsp, u16 slot)
{
	struct network_receive_buffer *buffer = &vsp->shared->receive;
	u32 index = slot / WORD_BITS, bit = 1u << (slot % WORD_BITS), word;

	port_store(&buffer->slots[slot].word,
		   slot_word(SLOT_FREE, 0, NETWORK_SLOT_NONE));
	do {
		word = port_load(&buffer->free[index]);
	} while (!port_replace_u32(&buffer->free[index], word, word | bit));
}

void network_slots_link(struct network_vsp *vsp, u16 slot, u16 next)
{
	port_store(&vsp->shared->receive.slots[slot].word,
		   slot_word(SLOT_TAKEN, vsp->channel, next));
}

void network_slots_sent(struct network_vsp *vsp, u16 first)
{
	struct network_slot *slots = vsp->shared->receive.slots;
	enum slot_state state = SLOT_HEAD;
	u16 slot = first, next;

	while (slot != NETWORK_SLOT_NONE) {
		next = next_of(port_load(&slots[slot].word));
		port_store(&slots[slot].word,
			   slot_word(state, vsp->channel, next));
		state = SLOT_BODY;
		slot = next;
	}
}

bool network_slots_completed(struct network_vsp *vsp, u64 id)
{
	struct network_receive_buffer *buffer = &vsp->shared->receive;
	u16 slot, next;
	u32 word;

	if (id >= buffer->slot_count)
		return false;
	word = port_load(&buffer->slots[id].word);
	if (state_of(word) != SLOT_HEAD || channel_of(word) != vsp->channel)
		return false;
	for (slot = (u16)id; slot != NETWORK_SLOT_NONE; slot = next) {
		next = next_of(port_load(&buffer->slots[slot].word));
		network_slot_give(vsp, slot);
	}
	return true;
}
