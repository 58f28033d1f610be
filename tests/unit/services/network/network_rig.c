// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "tests/unit/services/network/network_rig.h"

static const u8 address[6] = { 0x00, 0x15, 0x5d, 1, 2, 3 };

struct network_vsp_options rig_options(void)
{
	struct network_vsp_options options = {
		.channels_max = RIG_CHANNELS,
		.offloads = NETWORK_OFFLOADS_ALL,
	};

	memcpy(options.address, address, sizeof(address));
	return options;
}

void rig_open(struct rig *rig, const struct network_vsp_options *options)
{
	const struct network_vsp_options all = rig_options();
	u16 i;

	memset(rig, 0, sizeof(*rig));
	rig->receive_bytes = RIG_RECEIVE_BYTES;
	assert_int_equal(
		network_vsp_shared_init(&rig->shared, options ? options : &all),
		VMBUS_OK);
	for (i = 0; i < RIG_CHANNELS; i++)
		network_vsp_init(&rig->vsp[i], &rig->shared, i);
}

static void unmap(struct rig *rig, bool receive_buffer)
{
	if (receive_buffer) {
		free(rig->receive);
		free(rig->slots);
		rig->receive = NULL;
		rig->slots = NULL;
	} else {
		free(rig->send);
		rig->send = NULL;
	}
}

void rig_close(struct rig *rig)
{
	unmap(rig, true);
	unmap(rig, false);
}

enum vmbus_status rig_packet(struct rig *rig, u32 channel, u16 type, u16 flags,
			     u64 id, const void *payload, u32 bytes)
{
	u8 *exact = malloc(bytes ? bytes : 1);
	const struct packet_view view = {
		.type = type,
		.flags = flags,
		.transaction_id = id,
		.payload = exact,
		.payload_bytes = bytes,
	};
	enum vmbus_status status;

	if (bytes)
		memcpy(exact, payload, bytes);
	memset(&rig->action, 0xee, sizeof(rig->action));
	status = network_vsp_receive(&rig->vsp[channel], &view, &rig->action);
	free(exact);
	return status;
}

static void map(struct rig *rig)
{
	struct network_vsp *vsp = &rig->vsp[0];
	u32 slots;

	if (!rig->action.receive_buffer) {
		rig->send = calloc(1, RIG_SEND_BYTES);
		network_vsp_attach(vsp, &rig->action, rig->send, RIG_SEND_BYTES,
				   NULL);
		return;
	}
	rig->receive = calloc(1, rig->receive_bytes);
	slots = network_vsp_slots(&rig->shared, rig->receive_bytes);
	rig->slots = calloc(slots ? slots : 1, sizeof(*rig->slots));
	network_vsp_attach(vsp, &rig->action, rig->receive, rig->receive_bytes,
			   rig->slots);
}

enum vmbus_status rig_message(struct rig *rig,
			      const struct network_message *message, u32 bytes)
{
	enum vmbus_status status =
		rig_packet(rig, 0, PACKET_DATA_INBAND,
			   PACKET_FLAG_COMPLETION_REQUESTED, 7, message, bytes);

	if (status)
		return status;
	switch (rig->action.step) {
	case NETWORK_VSP_BUFFER:
		map(rig);
		break;
	case NETWORK_VSP_REVOKE:
		network_vsp_detach(&rig->vsp[0], &rig->action);
		unmap(rig, rig->action.receive_buffer);
		break;
	case NETWORK_VSP_SUB_CHANNELS:
		rig->sub_channels = rig->action.sub_channels;
		network_vsp_granted(&rig->vsp[0], &rig->action,
				    rig->sub_channels);
		break;
	}
	return VMBUS_OK;
}

struct network_message rig_answer(const struct rig *rig)
{
	struct network_message message = { 0 };

	assert_int_equal(rig->action.step, NETWORK_VSP_ANSWER);
	assert_true(rig->action.packet_bytes <= sizeof(message));
	memcpy(&message, rig->action.packet, rig->action.packet_bytes);
	return message;
}

static void negotiate_buffers(struct rig *rig)
{
	const struct network_message receive = {
		.type = NETWORK_RECEIVE_BUFFER,
		.buffer = { .gpadl = 1, .id = NETWORK_RECEIVE_BUFFER_ID },
	};
	const struct network_message send = {
		.type = NETWORK_SEND_BUFFER,
		.buffer = { .gpadl = 2, .id = NETWORK_SEND_BUFFER_ID },
	};

	assert_int_equal(rig_message(rig, &receive, 28), VMBUS_OK);
	assert_int_equal(rig_answer(rig).complete.status,
			 NETWORK_STATUS_SUCCESS);
	assert_true(rig->action.ready);
	assert_int_equal(rig_message(rig, &send, 28), VMBUS_OK);
	assert_int_equal(rig_answer(rig).complete.status,
			 NETWORK_STATUS_SUCCESS);
}

void rig_negotiate(struct rig *rig, u32 version, u32 mtu_bytes)
{
	const struct network_message init = {
		.type = NETWORK_INIT,
		.init = { version, version },
	};
	const struct network_message ndis = {
		.type = NETWORK_NDIS_VERSION,
		.ndis_version = { 6, version > NETWORK_VERSION_4 ? 30 : 1 },
	};
	const struct network_ndis_config values = {
		.mtu_bytes = mtu_bytes + 14,
		.capabilities =
			NETWORK_CAPABILITY_8021Q | NETWORK_CAPABILITY_SRIOV |
			NETWORK_CAPABILITY_TEAMING |
			(version >= NETWORK_VERSION_61 ? NETWORK_CAPABILITY_RSC
						       : 0),
	};
	struct network_message config = { .type = NETWORK_NDIS_CONFIG };

	memcpy(config.ndis_config, &values, sizeof(values));
	assert_int_equal(rig_message(rig, &init, 28), VMBUS_OK);
	assert_int_equal(rig_answer(rig).init_complete.status,
			 NETWORK_STATUS_SUCCESS);
	if (version >= NETWORK_VERSION_2)
		assert_int_equal(rig_message(rig, &config, 28), VMBUS_OK);
	assert_int_equal(rig_message(rig, &ndis, 28), VMBUS_OK);
	negotiate_buffers(rig);
}

enum vmbus_status rig_control(struct rig *rig, const void *message, u32 bytes)
{
	const struct network_message envelope = {
		.type = NETWORK_RNDIS,
		.rndis = { NETWORK_RNDIS_CONTROL, NETWORK_SECTION_NONE, 0 },
	};
	u8 *exact = malloc(bytes ? bytes : 1);
	/* In two pieces, as a message on two pages is. */
	struct ring_vec pieces[2] = {
		{ exact, bytes / 2 },
		{ exact + bytes / 2, bytes - bytes / 2 },
	};
	enum vmbus_status status;

	if (bytes)
		memcpy(exact, message, bytes);
	assert_int_equal(rig_packet(rig, 0, PACKET_DATA_GPA_DIRECT,
				    PACKET_FLAG_COMPLETION_REQUESTED, 9,
				    &envelope, 28),
			 VMBUS_OK);
	assert_int_equal(rig->action.step, NETWORK_VSP_CONTROL);
	assert_int_equal(rig->action.section.size_bytes, 0);
	status = network_vsp_control(&rig->vsp[0], pieces, 2, &rig->action,
				     &rig->out);
	free(exact);
	return status;
}

u32 rig_response(struct rig *rig, void *to, u32 most)
{
	const struct network_vsp_out *out = &rig->out;

	assert_int_equal(out->type, PACKET_DATA_TRANSFER_PAGES);
	assert_int_equal(out->flags, PACKET_FLAG_COMPLETION_REQUESTED);
	assert_int_equal(out->pageset, NETWORK_RECEIVE_BUFFER_ID);
	assert_true(out->range.size_bytes <= most);
	assert_true(out->range.offset_bytes + out->range.size_bytes <=
		    rig->receive_bytes);
	memcpy(to, rig->receive + out->range.offset_bytes,
	       out->range.size_bytes);
	assert_int_equal(rig_packet(rig, 0, PACKET_COMPLETION, 0,
				    out->transaction_id, NULL, 0),
			 VMBUS_OK);
	assert_int_equal(rig->action.changed, NETWORK_CHANGED_SLOTS);
	return out->range.size_bytes;
}

void rig_initialize(struct rig *rig)
{
	struct {
		struct rndis_header header;
		struct rndis_initialize body;
	} request = { { RNDIS_INITIALIZE, sizeof(request) },
		      { 5, 1, 0, 0x4000 } };
	struct {
		struct rndis_header header;
		struct rndis_initialize_answer body;
	} answer;

	assert_int_equal(rig_control(rig, &request, sizeof(request)), VMBUS_OK);
	assert_int_equal(rig_response(rig, &answer, sizeof(answer)),
			 sizeof(answer));
	assert_int_equal(answer.header.type, RNDIS_INITIALIZE | RNDIS_ANSWER);
	assert_int_equal(answer.header.bytes, sizeof(answer));
	assert_int_equal(answer.body.id, 5);
	assert_int_equal(answer.body.status, RNDIS_STATUS_SUCCESS);
	assert_int_equal(answer.body.packets_max, 8);
	assert_int_equal(answer.body.alignment, 3);
}

static u32 put_object(u8 *message, u32 type, u32 oid, const void *info,
		      u32 info_bytes)
{
	struct {
		struct rndis_header header;
		struct rndis_object_request body;
	} request = {
		.header = { type, (u32)sizeof(request) + info_bytes },
		.body = { .id = 0x1234,
			  .oid = oid,
			  .info_bytes = info_bytes,
			  .info_offset_bytes = sizeof(request.body) },
	};

	memcpy(message, &request, sizeof(request));
	if (info_bytes)
		memcpy(message + sizeof(request), info, info_bytes);
	return request.header.bytes;
}

u32 rig_query(struct rig *rig, u32 oid, const void *info, u32 info_bytes,
	      void *to, u32 *to_bytes)
{
	u8 message[NETWORK_CONTROL_MAX_BYTES], response[1024];
	struct {
		struct rndis_header header;
		struct rndis_query_answer body;
	} answer;
	u32 bytes = put_object(message, RNDIS_QUERY, oid, info, info_bytes);

	assert_int_equal(rig_control(rig, message, bytes), VMBUS_OK);
	bytes = rig_response(rig, response, sizeof(response));
	assert_true(bytes >= sizeof(answer));
	memcpy(&answer, response, sizeof(answer));
	assert_int_equal(answer.header.type, RNDIS_QUERY | RNDIS_ANSWER);
	assert_int_equal(answer.header.bytes, bytes);
	assert_int_equal(answer.body.id, 0x1234);
	assert_int_equal(bytes, sizeof(answer) + answer.body.info_bytes);
	if (answer.body.info_bytes)
		assert_int_equal(answer.body.info_offset_bytes, 16);
	assert_true(answer.body.info_bytes <= *to_bytes);
	*to_bytes = answer.body.info_bytes;
	memcpy(to, response + sizeof(answer), answer.body.info_bytes);
	return answer.body.status;
}

u32 rig_set(struct rig *rig, u32 oid, const void *info, u32 info_bytes)
{
	u8 message[NETWORK_CONTROL_MAX_BYTES];
	u8 changed;
	struct {
		struct rndis_header header;
		struct rndis_answer body;
	} answer;
	u32 bytes = put_object(message, RNDIS_SET, oid, info, info_bytes);

	assert_int_equal(rig_control(rig, message, bytes), VMBUS_OK);
	changed = rig->action.changed;
	assert_int_equal(rig_response(rig, &answer, sizeof(answer)),
			 sizeof(answer));
	assert_int_equal(answer.header.type, RNDIS_SET | RNDIS_ANSWER);
	assert_int_equal(answer.body.id, 0x1234);
	/* What fails changes nothing. */
	if (answer.body.status)
		assert_int_equal(changed, 0);
	rig->action.changed = changed;
	return answer.body.status;
}

void rig_run(struct rig *rig, u32 version, u32 filter)
{
	rig_negotiate(rig, version, 1500);
	rig_initialize(rig);
	assert_int_equal(
		rig_set(rig, OID_PACKET_FILTER, &filter, sizeof(filter)),
		RNDIS_STATUS_SUCCESS);
	assert_int_equal(rig->action.changed,
			 NETWORK_CHANGED_FILTER | NETWORK_CHANGED_RUNNING);
}

void rig_all_offloads(struct rig *rig)
{
	const struct ndis_offload_parameters parameters = {
		.header = { NDIS_TYPE_DEFAULT, 3, NDIS_PARAMETERS_BYTES_3 },
		.ip4_checksum = NDIS_PARAMETER_BOTH,
		.tcp4_checksum = NDIS_PARAMETER_BOTH,
		.udp4_checksum = NDIS_PARAMETER_BOTH,
		.tcp6_checksum = NDIS_PARAMETER_BOTH,
		.udp6_checksum = NDIS_PARAMETER_BOTH,
		.lso4 = NDIS_PARAMETER_ENABLED,
		.lso6 = NDIS_PARAMETER_ENABLED,
		.rsc4 = NDIS_PARAMETER_ENABLED,
		.rsc6 = NDIS_PARAMETER_ENABLED,
	};

	assert_int_equal(rig_set(rig, OID_OFFLOAD_PARAMETERS, &parameters,
				 sizeof(parameters)),
			 RNDIS_STATUS_SUCCESS);
	assert_int_equal(rig->action.changed, NETWORK_CHANGED_OFFLOADS);
}

u32 rig_frame(u8 *frame, u8 version, u32 payload, bool tagged)
{
	u32 ip = tagged ? 18 : 14, tcp = ip + (version == 4 ? 20 : 40), i;

	memset(frame, 0, tcp + 20);
	memset(frame, 0x02, 6);
	memcpy(frame + 6, address, 6);
	if (tagged) {
		network_put_be16(frame + 12, 0x8100);
		network_put_be16(frame + 14, 0x6000 | 9);
	}
	if (version == 4) {
		network_put_be16(frame + ip - 2, 0x0800);
		frame[ip] = 0x45;
		network_put_be16(frame + ip + 2, 40 + payload);
		frame[ip + 8] = 64;
		frame[ip + 9] = NETWORK_PROTOCOL_TCP;
		frame[ip + 12] = 10;
		frame[ip + 16] = 11;
		network_put_be16(frame + ip + 10,
				 (u16)~network_checksum(frame + ip, 20, 0));
	} else {
		network_put_be16(frame + ip - 2, 0x86dd);
		frame[ip] = 0x60;
		network_put_be16(frame + ip + 4, 20 + payload);
		frame[ip + 6] = NETWORK_PROTOCOL_TCP;
		frame[ip + 8] = 0xfe;
		frame[ip + 24] = 0xfd;
	}
	frame[tcp + 12] = 0x50;
	for (i = 0; i < payload; i++)
		frame[tcp + 20 + i] = (u8)(i * 7);
	return tcp + 20 + payload;
}
