/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The host end of storage against any guest.
 *
 * Input: steps: a byte that chooses, and its operands. Some are honest, so that
 * all states are reached. Every request has one answer that fits it, commands
 * are bounded by what the packet gave, and what is read is never beyond it. A
 * violation closes the channel, which is opened anew.
 */
#include "services/storage/vsp.h"
#include "tests/fuzz/bytes.h"

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes);

#define SUB_CHANNELS   2
#define RANGES_MAX     3
#define TRANSFER_BYTES 0x100000u

static struct storage_vsp_shared shared;
static struct storage_vsp channels[1 + SUB_CHANNELS];
static struct storage_vsp_options options;

static void open_all(void)
{
	u32 i;

	require(!storage_vsp_shared_init(&shared, &options), "options");
	for (i = 0; i < PORT_ARRAY_SIZE(channels); i++)
		storage_vsp_init(&channels[i], &shared, i == 0);
}

static void check_answer(const void *packet, u32 bytes, u32 request_bytes)
{
	const struct storage_packet *answer = packet;

	require(bytes == (request_bytes < STORAGE_PACKET_BYTES
				  ? request_bytes
				  : STORAGE_PACKET_BYTES),
		"an answer of another length than the request");
	require(answer->header.operation == STORAGE_COMPLETE_IO,
		"an answer that is none");
}

static void check_srb(const struct storage_srb *srb, u64 range_bytes,
		      u32 request_bytes, struct bytes *bytes)
{
	struct storage_packet answer;
	struct scsi_result result;
	struct scsi_task task;

	require(srb->cdb_bytes && srb->cdb_bytes <= STORAGE_CDB_BYTES, "CDB");
	require(srb->transfer_bytes <= range_bytes &&
			srb->transfer_bytes <= TRANSFER_BYTES,
		"data beyond the pages");
	require(srb->unit == STORAGE_UNIT_NONE ||
			srb->unit < LUN_PER_CONTROLLER,
		"a unit that cannot be");
	require(srb->direction <= STORAGE_DATA_UNSPECIFIED, "direction");
	require(srb->sense_max_bytes <= STORAGE_SENSE_BYTES, "sense");
	storage_srb_task(srb, &task);
	sense_set(&result, bytes_u32(bytes) & 0xfffff);
	result.status = bytes_u8(bytes);
	result.no_unit = result.status & 1;
	check_answer(&answer, storage_vsp_complete(srb, &result, &answer),
		     request_bytes);
	require(answer.srb.sense_length <= srb->sense_max_bytes,
		"more sense data than there is room");
}

static void check_action(const struct storage_vsp *vsp,
			 const struct storage_vsp_action *action,
			 const struct packet_view *view)
{
	struct storage_packet answer;

	require(action->call.transaction_id == view->transaction_id, "id");
	switch (action->step) {
	case STORAGE_VSP_ANSWER:
		check_answer(action->packet, action->packet_bytes,
			     view->payload_bytes);
		require(!action->ready || storage_vsp_version(&shared),
			"ready without a version");
		break;
	case STORAGE_VSP_SUB_CHANNELS:
		require(vsp->primary && action->sub_channels &&
				action->sub_channels <= SUB_CHANNELS,
			"sub-channels");
		/* fallthrough */
	default:
		check_answer(&answer,
			     storage_vsp_answer(&action->call,
						STORAGE_NT_SUCCESS, &answer),
			     view->payload_bytes);
	}
}

static void deliver(u32 channel, const struct packet_view *view,
		    u64 range_bytes, struct bytes *bytes)
{
	struct storage_vsp *vsp = &channels[channel];
	struct storage_vsp_action action;
	struct storage_srb srb;
	enum vmbus_status status;

	status = storage_vsp_receive(vsp, view, &srb, &action);
	if (vmbus_status_is_violation(status)) {
		require(vmbus_status_text(status) != NULL, "text");
		if (vsp->primary)
			open_all();
		else
			storage_vsp_init(vsp, &shared, false);
		return;
	}
	if (status == VMBUS_NOT_READY) {
		require(!vsp->primary && !storage_vsp_version(&shared),
			"a primary that waits");
		return;
	}
	require(status == VMBUS_OK, "an unexpected status");
	if (action.step == STORAGE_VSP_SRB)
		check_srb(&srb, range_bytes, view->payload_bytes, bytes);
	else
		check_action(vsp, &action, view);
}

/* Page ranges as packet_peek() lets them pass: small, well-formed. */
static u64 put_ranges(struct packet_view *view, u64 *ranges,
		      struct bytes *bytes)
{
	u32 count = bytes_below(bytes, RANGES_MAX + 1), i;
	u64 total = 0, *at = ranges;

	for (i = 0; i < count; i++) {
		u32 size = 1 + bytes_u8(bytes) * 64;
		u32 offset = bytes_u8(bytes) * 16;
		u32 pages = (offset + size + 4095) / 4096;
		struct packet_gpa_range_head head = { size, offset };

		memcpy(at, &head, sizeof(head));
		at += 1 + pages;
		total += size;
	}
	view->ranges = (const u8 *)ranges;
	view->range_bytes = (u32)((at - ranges) * 8);
	view->range_count = count;
	return total;
}

static void send(struct bytes *bytes, const void *payload, u32 payload_bytes,
		 u16 type, u16 flags)
{
	static u64 ranges[RANGES_MAX * 8];
	u8 *exact = malloc(payload_bytes ? payload_bytes : 1);
	struct packet_view view = {
		.type = type,
		.flags = flags,
		.transaction_id = bytes_u32(bytes),
		.payload = exact,
		.payload_bytes = payload_bytes,
	};
	u64 range_bytes = 0;

	memcpy(exact, payload, payload_bytes);
	if (type == PACKET_DATA_GPA_DIRECT)
		range_bytes = put_ranges(&view, ranges, bytes);
	deliver(bytes_below(bytes, PORT_ARRAY_SIZE(channels)), &view,
		range_bytes, bytes);
	free(exact);
}

static void send_raw(struct bytes *bytes)
{
	u8 payload[80];
	u32 payload_bytes = bytes_below(bytes, sizeof(payload) + 1);
	u16 type = bytes_u8(bytes) % 16;
	u16 flags = bytes_u8(bytes) % 4;

	bytes_take(bytes, payload, payload_bytes);
	send(bytes, payload, payload_bytes, type, flags);
}

static void send_honest(struct bytes *bytes)
{
	static const u8 next[] = {
		[STORAGE_VSP_BEGIN] = STORAGE_BEGIN_INITIALIZATION,
		[STORAGE_VSP_VERSION] = STORAGE_QUERY_PROTOCOL_VERSION,
		[STORAGE_VSP_PROPERTIES] = STORAGE_QUERY_PROPERTIES,
		[STORAGE_VSP_END] = STORAGE_END_INITIALIZATION,
		[STORAGE_VSP_READY] = STORAGE_CREATE_SUB_CHANNELS,
	};
	struct storage_packet packet = { .header.operation =
						 next[channels[0].state] };
	struct packet_view view = {
		.type = PACKET_DATA_INBAND,
		.flags = PACKET_FLAG_COMPLETION_REQUESTED,
		.payload = (const u8 *)&packet,
		.payload_bytes = sizeof(packet),
	};

	if (packet.header.operation == STORAGE_QUERY_PROTOCOL_VERSION)
		packet.version.version = shared.options.version_max;
	else
		packet.sub_channels = 1;
	deliver(0, &view, 0, bytes);
}

static void send_command(struct bytes *bytes)
{
	struct storage_packet packet = { .header.operation =
						 STORAGE_EXECUTE_SRB };
	u8 head[16];
	u32 payload_bytes = bytes_u8(bytes) & 1 ? 48 : 64;

	bytes_take(bytes, head, sizeof(head));
	head[14] = head[15] = 0;
	memcpy(&packet.srb, head, sizeof(head));
	bytes_take(bytes, packet.srb.cdb, 16);
	send(bytes, &packet, payload_bytes,
	     bytes_u8(bytes) & 1 ? PACKET_DATA_INBAND : PACKET_DATA_GPA_DIRECT,
	     PACKET_FLAG_COMPLETION_REQUESTED);
}

static void notify(struct bytes *bytes)
{
	u8 packet[STORAGE_PACKET_BYTES];
	u32 size =
		storage_vsp_notice(&channels[0],
				   bytes_u8(bytes) & 1 ? STORAGE_ENUMERATE_BUS
						       : STORAGE_REMOVE_DEVICE,
				   packet);

	require(size == 0 || size == 48 || size == 64, "notice");
	require(size == 0 || storage_vsp_version(&shared) >= 0x402,
		"a notice to who does not know it");
}

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes)
{
	static const u16 versions[] = { 0, 0x200, 0x402, 0x501, 0x600 };
	struct bytes bytes = { input, input_bytes };

	options = (struct storage_vsp_options){
		.version_max = versions[bytes_below(&bytes,
						    PORT_ARRAY_SIZE(versions))],
		.sub_channels_max = SUB_CHANNELS,
		.ide = bytes_u8(&bytes) & 1,
		.ide_target = bytes_u8(&bytes) & 1,
	};
	open_all();
	while (bytes.left) {
		switch (bytes_below(&bytes, 4)) {
		case 0:
			send_honest(&bytes);
			break;
		case 1:
			send_raw(&bytes);
			break;
		case 2:
			send_command(&bytes);
			break;
		default:
			notify(&bytes);
			break;
		}
	}
	return 0;
}
