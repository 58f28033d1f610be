/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The guest end of storage against any host.
 *
 * Input: steps: a byte that chooses, and its operands. A model keeps what is
 * under way: a request ends once, with its own cookie and no more data than it
 * asked for, or is given back when the channel closes. A violation closes it.
 */
#include "services/storage/vsc.h"
#include "tests/fuzz/bytes.h"

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes);

#define SLOTS 5

static struct storage_vsc_shared shared;
static struct storage_vsc vsc;
static struct storage_vsc_slot *slots;
static struct storage_vsc_options options;

/* What the model knows of a request, by its cookie. */
static struct {
	bool used;
	u64 id;
	u32 transfer_bytes;
} requests[SLOTS];
static u64 question;
static bool resetting;

static void open_channel(void)
{
	require(!storage_vsc_shared_init(&shared, &options), "options");
	require(!storage_vsc_init(&vsc, &shared, true, slots, SLOTS), "slots");
	memset(requests, 0, sizeof(requests));
	question = 0;
	resetting = false;
}

static void close_channel(void)
{
	u32 i;
	u64 cookie;

	while (storage_vsc_abandon(&vsc, &cookie)) {
		require(cookie < SLOTS && requests[cookie].used,
			"a request that nobody made is given back");
		requests[cookie].used = false;
	}
	for (i = 0; i < SLOTS; i++)
		require(!requests[i].used, "a request is lost");
	open_channel();
}

static void check_event(const struct storage_vsc_event *event)
{
	const struct scsi_result *result = &event->result;

	switch (event->kind) {
	case STORAGE_VSC_COMPLETED:
		require(event->cookie < SLOTS && requests[event->cookie].used,
			"an answer to nothing");
		require(result->transferred <=
				requests[event->cookie].transfer_bytes,
			"more data than was asked for");
		require(result->sense_bytes <= STORAGE_SENSE_BYTES, "sense");
		require(event->outcome <= STORAGE_OUTCOME_ERROR, "outcome");
		require(event->outcome != STORAGE_OUTCOME_GOOD ||
				!result->status,
			"well although it failed");
		requests[event->cookie].used = false;
		break;
	case STORAGE_VSC_READY:
		require(shared.version >= STORAGE_VERSION_2_0, "version");
		break;
	case STORAGE_VSC_OPENABLE:
		require(event->sub_channels &&
				event->sub_channels <= options.sub_channels &&
				event->sub_channels <= shared.sub_channels_max,
			"sub-channels that nobody wanted");
		break;
	case STORAGE_VSC_RESET_DONE:
		require(resetting, "a reset that nobody wanted");
		resetting = false;
		break;
	}
}

static void receive(u16 type, u64 id, const void *payload, u32 payload_bytes)
{
	u8 *exact = malloc(payload_bytes ? payload_bytes : 1);
	struct packet_view view = {
		.type = type,
		.transaction_id = id,
		.payload = exact,
		.payload_bytes = payload_bytes,
	};
	struct storage_vsc_event event;
	enum vmbus_status status;

	memcpy(exact, payload, payload_bytes);
	status = storage_vsc_receive(&vsc, &view, &event);
	require(status == VMBUS_OK || vmbus_status_is_violation(status),
		"an unexpected status");
	if (status == VMBUS_OK)
		check_event(&event);
	else
		close_channel();
	free(exact);
}

static void transmit(void)
{
	u8 packet[STORAGE_PACKET_BYTES];
	u32 bytes = storage_vsc_transmit(&vsc, packet, &question);

	require(bytes == 0 || bytes == 48 || bytes == 64, "length");
}

static u32 free_request(void)
{
	u32 i;

	for (i = 0; i < SLOTS && requests[i].used; i++)
		;
	return i;
}

static void command(struct bytes *bytes)
{
	u8 cdb[STORAGE_CDB_BYTES], packet[STORAGE_PACKET_BYTES];
	struct storage_vsc_command request = {
		.lun = bytes_u8(bytes),
		.direction = bytes_below(bytes, 3),
		.cdb_bytes = bytes_below(bytes, 18),
		.transfer_bytes = bytes_u8(bytes) << 9,
		.cdb = cdb,
	};
	u32 cookie = free_request(), packet_bytes;
	enum vmbus_status status;
	u64 id;

	bytes_take(bytes, cdb, sizeof(cdb));
	status = storage_vsc_command(&vsc, &request, cookie, packet,
				     &packet_bytes, &id);
	require((status == VMBUS_AGAIN) <= (cookie == SLOTS), "slots");
	if (status)
		return;
	require(cookie < SLOTS, "more than there are slots");
	requests[cookie].used = true;
	requests[cookie].id = id;
	requests[cookie].transfer_bytes = request.transfer_bytes;
}

static void unsend(struct bytes *bytes)
{
	u32 cookie = bytes_below(bytes, SLOTS);

	if (!requests[cookie].used)
		return;
	storage_vsc_unsent(&vsc, requests[cookie].id);
	requests[cookie].used = false;
}

/* An answer to something under way, honest as far as the input is. */
static void answer(struct bytes *bytes, bool to_question)
{
	struct storage_packet packet = { .header.operation =
						 STORAGE_COMPLETE_IO };
	u8 bits = bytes_u8(bytes);
	u32 cookie = bytes_below(bytes, SLOTS);
	u32 payload_bytes = bits & 1 ? bytes_below(bytes, 65) : 64;

	if (bits & 2)
		bytes_take(bytes, &packet.header.status, 4);
	if (bits & 4)
		bytes_take(bytes, packet.bytes, sizeof(packet.bytes));
	if (to_question && !(bits & 8)) {
		packet.properties.transfer_max_bytes = 0x20000;
		packet.properties.flags = 1;
		packet.properties.sub_channels_max = bits >> 4;
	} else if (!to_question && !(bits & 8)) {
		packet.srb.srb_status = STORAGE_SRB_SUCCESS;
		packet.srb.transfer_bytes = bits >> 4;
	}
	receive(PACKET_COMPLETION, to_question ? question : requests[cookie].id,
		&packet, payload_bytes);
}

static void raw(struct bytes *bytes)
{
	u8 payload[80];
	u32 payload_bytes = bytes_below(bytes, sizeof(payload) + 1);
	u16 type = bytes_u8(bytes) % 16;
	u64 id;

	bytes_take(bytes, &id, sizeof(id));
	bytes_take(bytes, payload, payload_bytes);
	receive(type, id, payload, payload_bytes);
}

static void reset(struct bytes *bytes)
{
	enum storage_operation operation =
		STORAGE_RESET_LUN + bytes_below(bytes, 3);

	if (!storage_vsc_reset(&vsc, operation, bytes_u8(bytes)))
		resetting = true;
}

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes)
{
	static const u16 versions[] = { 0, 0x200, 0x402, 0x501, 0x600 };
	struct bytes bytes = { input, input_bytes };

	slots = malloc(SLOTS * sizeof(*slots));
	options = (struct storage_vsc_options){
		.version_max = versions[bytes_below(&bytes,
						    PORT_ARRAY_SIZE(versions))],
		.sub_channels = bytes_below(&bytes, 5),
	};
	open_channel();
	while (bytes.left) {
		switch (bytes_below(&bytes, 8)) {
		case 0:
			transmit();
			break;
		case 1:
			command(&bytes);
			break;
		case 2:
			answer(&bytes, true);
			break;
		case 3:
			answer(&bytes, false);
			break;
		case 4:
			raw(&bytes);
			break;
		case 5:
			reset(&bytes);
			break;
		case 6:
			unsend(&bytes);
			break;
		default:
			close_channel();
			break;
		}
	}
	close_channel();
	free(slots);
	return 0;
}
