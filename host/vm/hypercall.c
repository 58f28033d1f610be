/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/hypercall.h"

#include <string.h>

/* TLFS appendix A */
#define CALL_POST_MESSAGE 0x005c
#define CALL_SIGNAL_EVENT 0x005d

/* TLFS 3.7: the input value. */
#define INPUT_CODE(input) ((u16)(input))
#define INPUT_FAST	  (1ull << 16)
/* Variable header size, repeat count and start: none for a simple call. */
#define INPUT_NOT_SIMPLE 0x0fff0fff07fe0000ull

#define INPUT_ALIGN_BYTES 8
/* TLFS 11.8: types from here up are the hypervisor's own. */
#define MESSAGE_TYPE_HYPERVISOR 0x80000000u

/* TLFS 11.10.1 */
struct post_message_input {
	u32 connection_id;
	u32 reserved;
	u32 message_type;
	u32 size_bytes;
	u8 payload[MACHINE_MESSAGE_MAX_BYTES];
};

/*
 * A private copy of the input. The fast form carries the 16 bytes of the
 * header in registers: a message without payload.
 */
static u16 copy_input(const struct hypercall *call, const struct memory *memory,
		      struct post_message_input *input)
{
	u64 gpa = call->parameters[0];
	const void *from;

	memset(input, 0, sizeof(*input));
	if (call->input & INPUT_FAST) {
		memcpy(input, call->parameters, sizeof(call->parameters));
		return input->size_bytes ? MACHINE_HV_INVALID_HYPERCALL_INPUT
					 : MACHINE_HV_SUCCESS;
	}
	if (gpa % INPUT_ALIGN_BYTES ||
	    gpa % MEMORY_PAGE_BYTES + sizeof(*input) > MEMORY_PAGE_BYTES)
		return MACHINE_HV_INVALID_ALIGNMENT;
	from = memory_at(memory, gpa, sizeof(*input));
	if (!from)
		return MACHINE_HV_INVALID_PARAMETER;
	memcpy(input, from, sizeof(*input));
	return MACHINE_HV_SUCCESS;
}

u64 hypercall_run(const struct hypercall *call, const struct memory *memory,
		  u16 (*post_message)(void *context, u32 connection_id,
				      u32 message_type, const void *payload,
				      u32 size_bytes),
		  void *context)
{
	struct post_message_input input;
	u16 status;

	switch (INPUT_CODE(call->input)) {
	case CALL_SIGNAL_EVENT:
		/* Those with a connection never leave the kernel. */
		return MACHINE_HV_INVALID_CONNECTION_ID;
	case CALL_POST_MESSAGE:
		break;
	default:
		return MACHINE_HV_INVALID_HYPERCALL_CODE;
	}
	if (call->input & INPUT_NOT_SIMPLE)
		return MACHINE_HV_INVALID_HYPERCALL_INPUT;
	status = copy_input(call, memory, &input);
	if (status != MACHINE_HV_SUCCESS)
		return status;
	if (input.size_bytes > MACHINE_MESSAGE_MAX_BYTES ||
	    input.message_type & MESSAGE_TYPE_HYPERVISOR)
		return MACHINE_HV_INVALID_PARAMETER;
	if (!post_message)
		return MACHINE_HV_INVALID_CONNECTION_ID;
	return post_message(context, input.connection_id, input.message_type,
			    input.payload, input.size_bytes);
}
