// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "tests/unit/services/ic_link.h"

struct ic_pipe_header ic_link_pipe(const struct ic_link_packet *packet)
{
	struct ic_pipe_header pipe;

	memcpy(&pipe, packet->bytes, sizeof(pipe));
	return pipe;
}

struct ic_header ic_link_header(const struct ic_link_packet *packet)
{
	struct ic_header header;

	memcpy(&header, packet->bytes + sizeof(struct ic_pipe_header),
	       sizeof(header));
	return header;
}

void ic_link_set_pipe(struct ic_link_packet *packet, struct ic_pipe_header pipe)
{
	memcpy(packet->bytes, &pipe, sizeof(pipe));
}

void ic_link_set_header(struct ic_link_packet *packet, struct ic_header header)
{
	memcpy(packet->bytes + sizeof(struct ic_pipe_header), &header,
	       sizeof(header));
}

void ic_link_make(struct ic_link_packet *packet, u16 type, u8 flags,
		  u32 body_bytes, u64 transaction_id)
{
	struct ic_pipe_header pipe = {
		.type = IC_PIPE_DATA,
		.size_bytes = (u32)sizeof(struct ic_header) + body_bytes,
	};
	struct ic_header header = {
		.message_type = type,
		.body_bytes = (u16)body_bytes,
		.transaction_id = (u8)transaction_id,
		.flags = flags,
	};

	memset(packet, 0, sizeof(*packet));
	ic_link_set_pipe(packet, pipe);
	ic_link_set_header(packet, header);
	packet->size_bytes = IC_BODY_OFFSET + body_bytes;
	packet->transaction_id = transaction_id;
}

enum vmbus_status ic_link_hand(const struct ic_link_end *end,
			       const struct ic_link_packet *packet)
{
	/* malloc(0) may be NULL; one byte more is invisible at size 0. */
	u8 *exact = malloc(packet->size_bytes ? packet->size_bytes : 1);
	enum vmbus_status status;

	assert_non_null(exact);
	memcpy(exact, packet->bytes, packet->size_bytes);
	status =
		end->receive(exact, packet->size_bytes, packet->transaction_id);
	free(exact);
	return status;
}

static void set_sizes(struct ic_link_packet *packet, u32 pipe_bytes,
		      u32 body_bytes)
{
	struct ic_pipe_header pipe = ic_link_pipe(packet);
	struct ic_header header = ic_link_header(packet);

	pipe.size_bytes = pipe_bytes;
	header.body_bytes = (u16)body_bytes;
	ic_link_set_pipe(packet, pipe);
	ic_link_set_header(packet, header);
}

static void check_cuts(const struct ic_link_end *end,
		       const struct ic_link_packet *packet, u32 body_min_bytes)
{
	struct ic_link_packet cut;
	u32 size_bytes, body_bytes;

	for (size_bytes = 0; size_bytes < packet->size_bytes; size_bytes++) {
		cut = *packet;
		cut.size_bytes = size_bytes;
		end->prepare();
		assert_int_equal(ic_link_hand(end, &cut),
				 size_bytes < IC_BODY_OFFSET ? VMBUS_E_IC_SHORT
							     : VMBUS_E_IC_SIZE);
		if (size_bytes < IC_BODY_OFFSET)
			continue;
		body_bytes = size_bytes - IC_BODY_OFFSET;
		set_sizes(&cut, size_bytes - 8, body_bytes);
		end->prepare();
		assert_int_equal(ic_link_hand(end, &cut),
				 body_bytes < body_min_bytes ? VMBUS_E_IC_SHORT
							     : VMBUS_OK);
	}
}

static void check_lies(const struct ic_link_end *end,
		       const struct ic_link_packet *packet)
{
	u32 space_bytes = packet->size_bytes - IC_BODY_OFFSET;
	const struct {
		u32 pipe_bytes;
		u32 body_bytes;
		enum vmbus_status status;
	} lies[] = {
		{ 0, space_bytes, VMBUS_E_IC_SHORT },
		{ 19, space_bytes, VMBUS_E_IC_SHORT },
		{ 20, space_bytes, VMBUS_E_IC_SIZE },
		{ 20 + space_bytes - 1, space_bytes, VMBUS_E_IC_SIZE },
		{ 20 + space_bytes + 1, space_bytes, VMBUS_E_IC_SIZE },
		{ 20 + space_bytes, space_bytes + 1, VMBUS_E_IC_SIZE },
		{ 20 + space_bytes, 0xffff, VMBUS_E_IC_SIZE },
		{ 0x7fffffff, space_bytes, VMBUS_E_IC_SIZE },
		{ 0xffffffff, space_bytes, VMBUS_E_IC_SIZE },
		{ 0xffffffff, 0xffff, VMBUS_E_IC_SIZE },
	};
	struct ic_link_packet liar;
	size_t i;

	for (i = 0; i < PORT_ARRAY_SIZE(lies); i++) {
		liar = *packet;
		set_sizes(&liar, lies[i].pipe_bytes, lies[i].body_bytes);
		end->prepare();
		assert_int_equal(ic_link_hand(end, &liar), lies[i].status);
	}
}

void ic_link_check_sizes(const struct ic_link_end *end,
			 const struct ic_link_packet *packet,
			 u32 body_min_bytes)
{
	/* Whole it must be taken, or the refusals below prove nothing. */
	end->prepare();
	assert_int_equal(ic_link_hand(end, packet), VMBUS_OK);
	check_cuts(end, packet, body_min_bytes);
	check_lies(end, packet);
}

void ic_link_settle(struct ic_vsp *vsp, const struct ic_service *service,
		    u32 newest_version)
{
	struct ic_link_packet request, answer;
	struct ic_message message;
	struct ic_vsc vsc;

	assert_int_equal(ic_vsc_init(&vsc, service, newest_version), VMBUS_OK);
	request.size_bytes =
		ic_vsp_negotiate(vsp, request.bytes, sizeof(request.bytes),
				 &request.transaction_id);
	assert_int_not_equal(request.size_bytes, 0);
	assert_int_equal(ic_vsc_receive(&vsc, request.bytes, request.size_bytes,
					answer.bytes, sizeof(answer.bytes),
					&answer.size_bytes, &message),
			 VMBUS_OK);
	assert_int_equal(ic_vsp_receive(vsp, answer.bytes, answer.size_bytes,
					request.transaction_id, &message),
			 VMBUS_OK);
	assert_int_equal(message.kind, IC_KIND_NEGOTIATED);
}
