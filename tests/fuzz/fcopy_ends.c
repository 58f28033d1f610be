// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "tests/fuzz/ic_fuzz.h"

#include "services/fcopy/vsc.h"
#include "services/fcopy/vsp.h"

static struct fcopy_vsp vsp;
static struct fcopy_vsc vsc;
static struct fcopy_request request;
static bool copying; /* a start was accepted, its end not told */
static u64 open_bytes;
static bool open;
static u32 guest_status;

static void start(u8 choice)
{
	struct fcopy_vsp_options options = {
		.timeout_100ns = choice & 1 ? IC_SECOND_100NS : 0,
		.utf8_limits = choice & 2,
	};

	ic_fuzz_require(!fcopy_vsp_init(&vsp, &options));
	ic_fuzz_require(!fcopy_vsc_init(&vsc));
	copying = false;
	open = false;
	guest_status = 0;
}

static void take_events(void)
{
	struct fcopy_event event;

	while (fcopy_vsp_next_event(&vsp, &event)) {
		ic_fuzz_require(copying);
		copying = false;
		ic_fuzz_require(event.status < FCOPY_STATUS_COUNT);
		ic_fuzz_require(event.sent_bytes <= vsp.size_bytes);
		ic_fuzz_require(event.status != FCOPY_OK ||
				event.sent_bytes == vsp.size_bytes);
	}
}

static void fill(u64 now_100ns)
{
	u64 offset;
	u32 size_bytes;

	if (!fcopy_vsp_wanted(&vsp, &offset, &size_bytes))
		return;
	ic_fuzz_require(size_bytes && size_bytes <= FCOPY_BLOCK_BYTES);
	ic_fuzz_require(offset + size_bytes <= vsp.size_bytes);
	memset(fcopy_vsp_block(&vsp), 0x5a, size_bytes);
	ic_fuzz_require(!fcopy_vsp_filled(&vsp, now_100ns));
}

static void poke(u8 choice, u64 now_100ns)
{
	static const u32 results[] = {
		IC_S_OK,	IC_E_FAIL,	    IC_E_FILE_EXISTS,
		IC_E_DISK_FULL, IC_E_NOT_CONNECTED, 0x80001234
	};

	switch (choice % 8) {
	case 0:
	case 1:
		if (!fcopy_vsp_start(&vsp, "/tmp", "file \xc3\xa4",
				     choice >> 3 & 3, (choice >> 5) * 5000ull,
				     now_100ns))
			copying = true;
		break;
	case 2:
		fcopy_vsp_cancel(&vsp, now_100ns);
		break;
	case 3:
		fcopy_vsp_probe(&vsp, now_100ns);
		break;
	case 4:
	case 5:
		fill(now_100ns);
		break;
	case 6:
		guest_status = results[(choice >> 3) % 6];
		break;
	default:
		if (choice == 0xff)
			fcopy_vsp_closed(&vsp);
	}
	take_events();
}

static u32 host_transmit(u64 now_100ns, u8 *buffer, u32 capacity_bytes,
			 u64 *transaction_id)
{
	u32 size_bytes;

	fill(now_100ns);
	size_bytes = fcopy_vsp_transmit(&vsp, now_100ns, buffer, capacity_bytes,
					transaction_id);
	ic_fuzz_require(size_bytes <= FCOPY_VSP_PACKET_MAX);
	take_events();
	return size_bytes;
}

static enum vmbus_status host_receive(const u8 *data, u32 size_bytes,
				      u64 transaction_id, u64 now_100ns)
{
	enum vmbus_status status = fcopy_vsp_receive(&vsp, data, size_bytes,
						     transaction_id, now_100ns);

	take_events();
	return status;
}

static void require_name(const char *name)
{
	u8 units[2 * FCOPY_NAME_UNITS];

	ic_fuzz_require(memchr(name, 0, FCOPY_NAME_BYTES) != NULL);
	ic_fuzz_require(name[0] != 0);
	ic_fuzz_require(!utf16_from_utf8(units, FCOPY_NAME_UNITS, NULL, name));
}

/* What a guest relies on: names to open, and where it may write. */
static void require_request(u32 packet_bytes)
{
	static u8 file[FCOPY_BLOCK_BYTES];

	switch (request.operation) {
	case FCOPY_OPERATION_START:
		require_name(request.name);
		require_name(request.folder);
		ic_fuzz_require(!strchr(request.name, '/') &&
				strcmp(request.name, ".") &&
				strcmp(request.name, ".."));
		break;
	case FCOPY_OPERATION_DATA:
		ic_fuzz_require(open);
		ic_fuzz_require(request.data_bytes <= FCOPY_BLOCK_BYTES &&
				request.data_bytes <= packet_bytes);
		ic_fuzz_require(request.offset <= open_bytes &&
				request.data_bytes <=
					open_bytes - request.offset);
		memcpy(file, request.data, request.data_bytes);
		break;
	default:
		ic_fuzz_require(open);
	}
}

static void serve(u32 status)
{
	if (request.operation == FCOPY_OPERATION_START) {
		open = status == IC_S_OK;
		open_bytes = request.size_bytes;
	} else if (request.operation == FCOPY_OPERATION_COMPLETE ||
		   (request.operation == FCOPY_OPERATION_CANCEL &&
		    status == IC_S_OK)) {
		open = false;
	}
}

static enum vmbus_status guest_receive(const u8 *data, u32 size_bytes,
				       u64 now_100ns, u8 *response,
				       u32 capacity_bytes, u32 *response_bytes)
{
	enum vmbus_status status;
	bool requested;
	u64 id;

	(void)now_100ns;
	status = fcopy_vsc_receive(&vsc, data, size_bytes, 7, response,
				   capacity_bytes, response_bytes, &request,
				   &requested);
	if (!requested)
		return status;
	ic_fuzz_require(!status && !*response_bytes);
	require_request(size_bytes);
	serve(guest_status);
	*response_bytes = fcopy_vsc_respond(&vsc, guest_status, response,
					    capacity_bytes, &id);
	ic_fuzz_require(*response_bytes && id == 7);
	return status;
}

static void check(u64 now_100ns)
{
	enum ic_status status = fcopy_vsp_status(&vsp, now_100ns);
	u64 sent_bytes, size_bytes, offset;
	u32 block_bytes;

	ic_fuzz_require(status <= IC_STATUS_ERROR);
	ic_fuzz_require((status == IC_STATUS_ERROR) ==
			(vsp.ic.violation != VMBUS_OK));
	fcopy_vsp_progress(&vsp, &sent_bytes, &size_bytes);
	ic_fuzz_require(sent_bytes <= size_bytes);
	/* A copy waits for its caller, or for the guest until a deadline. */
	ic_fuzz_require(!copying ||
			fcopy_vsp_wanted(&vsp, &offset, &block_bytes) ||
			fcopy_vsp_deadline_100ns(&vsp) != IC_NEVER);
}

const struct ic_fuzz_ends fcopy_fuzz_ends = {
	.start = start,
	.poke = poke,
	.host_transmit = host_transmit,
	.host_receive = host_receive,
	.guest_receive = guest_receive,
	.check = check,
};
