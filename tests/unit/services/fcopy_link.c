// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "tests/unit/services/fcopy_link.h"

struct fcopy_link fcopy_link;
u8 fcopy_link_source[FCOPY_LINK_BYTES];
u8 fcopy_link_target[FCOPY_LINK_BYTES];

void fcopy_link_start(const struct fcopy_vsp_options *options)
{
	static bool made;
	u32 i;

	memset(&fcopy_link, 0, sizeof(fcopy_link));
	for (i = 0; i < FCOPY_LINK_BYTES && !made; i++)
		fcopy_link_source[i] = (u8)(i * 2654435761u >> 24);
	made = true;
	fcopy_link.folder_there = true;
	assert_int_equal(fcopy_vsp_init(&fcopy_link.vsp, options), VMBUS_OK);
	assert_int_equal(fcopy_vsc_init(&fcopy_link.vsc), VMBUS_OK);
}

void fcopy_link_open(const struct fcopy_vsp_options *options)
{
	struct fcopy_event event;

	fcopy_link_start(options);
	fcopy_link_run();
	assert_int_equal(fcopy_vsp_status(&fcopy_link.vsp, 0), IC_STATUS_OK);
	assert_false(fcopy_vsp_next_event(&fcopy_link.vsp, &event));
}

bool fcopy_link_host_sends(struct ic_link_packet *packet)
{
	u64 offset;
	u32 size_bytes;

	if (fcopy_vsp_wanted(&fcopy_link.vsp, &offset, &size_bytes)) {
		assert_true(size_bytes && size_bytes <= FCOPY_BLOCK_BYTES);
		memcpy(fcopy_vsp_block(&fcopy_link.vsp),
		       fcopy_link_source + offset, size_bytes);
		fcopy_link.fill_bytes += size_bytes;
		assert_int_equal(
			fcopy_vsp_filled(&fcopy_link.vsp, fcopy_link.now_100ns),
			VMBUS_OK);
	}
	packet->size_bytes = fcopy_vsp_transmit(
		&fcopy_link.vsp, fcopy_link.now_100ns, packet->bytes,
		FCOPY_VSP_PACKET_MAX, &packet->transaction_id);
	return packet->size_bytes != 0;
}

/* hv_start_fcopy() of tools/hv/hv_fcopy_daemon.c, in short. */
static u32 guest_starts(const struct fcopy_request *request)
{
	bool root = !strcmp(request->folder, "/");

	if (fcopy_link.fault == FCOPY_LINK_NO_DAEMON)
		return IC_E_FAIL;
	if (!root && !fcopy_link.folder_there) {
		if (!(request->flags & FCOPY_CREATE_PATH) ||
		    fcopy_link.fault == FCOPY_LINK_READ_ONLY)
			return IC_E_FAIL;
		fcopy_link.folders_made++;
		fcopy_link.folder_there = true;
	}
	if (!strcmp(request->name, "."))
		return IC_E_FILE_EXISTS;
	fcopy_link.start_count++;
	fcopy_link.start = *request;
	if (fcopy_link.file_there && !(request->flags & FCOPY_OVERWRITE))
		return IC_E_FILE_EXISTS;
	if (fcopy_link.fault == FCOPY_LINK_READ_ONLY)
		return IC_E_FAIL;
	fcopy_link.file_there = true;
	fcopy_link.file_open = true;
	fcopy_link.file_bytes = 0;
	return IC_S_OK;
}

static u32 guest_writes(const struct fcopy_request *request)
{
	fcopy_link.write_count++;
	if (fcopy_link.fault == FCOPY_LINK_NO_DAEMON)
		return IC_E_FAIL;
	if (fcopy_link.fault == FCOPY_LINK_DISK_FULL &&
	    fcopy_link.write_count == 3)
		return IC_E_DISK_FULL;
	memcpy(fcopy_link_target + request->offset, request->data,
	       request->data_bytes);
	fcopy_link.file_bytes = request->offset + request->data_bytes;
	return IC_S_OK;
}

static u32 guest_serves(const struct fcopy_request *request)
{
	switch (request->operation) {
	case FCOPY_OPERATION_START:
		return guest_starts(request);
	case FCOPY_OPERATION_DATA:
		return guest_writes(request);
	case FCOPY_OPERATION_COMPLETE:
		fcopy_link.complete_count++;
		if (fcopy_link.fault == FCOPY_LINK_NO_DAEMON)
			return IC_E_FAIL;
		fcopy_link.file_open = false;
		return IC_S_OK;
	default:
		fcopy_link.cancel_count++;
		if (fcopy_link.fault == FCOPY_LINK_NO_CANCEL ||
		    fcopy_link.fault == FCOPY_LINK_NO_DAEMON)
			return IC_E_FAIL;
		/* Linux closes whatever descriptor is left: never unasked. */
		assert_true(fcopy_link.file_open);
		fcopy_link.file_open = false;
		fcopy_link.file_there = false;
		return IC_S_OK;
	}
}

/*
 * The engine refuses "." as a name, as it must; Linux's daemon does not, and
 * the host end counts on that.
 */
static bool linux_question(const struct ic_link_packet *packet,
			   struct ic_link_packet *answer)
{
	const struct fcopy_start *start =
		(const void *)(packet->bytes + IC_BODY_OFFSET);
	struct fcopy_request request = { .name = "." };
	struct ic_header header = ic_link_header(packet);

	if (header.message_type != IC_MESSAGE_FCOPY ||
	    start->header.operation != FCOPY_OPERATION_START ||
	    start->name[0] != '.' || start->name[2])
		return false;
	utf16_to_utf8(request.folder, sizeof(request.folder), start->folder,
		      utf16_length(start->folder, FCOPY_NAME_UNITS));
	assert_int_equal(start->flags, 0);
	*answer = *packet;
	header.status = guest_starts(&request);
	if (fcopy_link.forced_status)
		header.status = fcopy_link.forced_status;
	header.flags = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
	ic_link_set_header(answer, header);
	return true;
}

void fcopy_link_guest_answers(const struct ic_link_packet *request,
			      struct ic_link_packet *answer)
{
	struct fcopy_request asked;
	bool requested;
	u32 status;

	if (linux_question(request, answer)) {
		if (fcopy_link.uio)
			answer->transaction_id = ~0ull;
		return;
	}
	answer->transaction_id = request->transaction_id;
	assert_int_equal(
		fcopy_vsc_receive(&fcopy_link.vsc, request->bytes,
				  request->size_bytes, request->transaction_id,
				  answer->bytes, sizeof(answer->bytes),
				  &answer->size_bytes, &asked, &requested),
		VMBUS_OK);
	if (requested) {
		status = guest_serves(&asked);
		if (fcopy_link.forced_status)
			status = fcopy_link.forced_status;
		answer->size_bytes = fcopy_vsc_respond(
			&fcopy_link.vsc, status, answer->bytes,
			FCOPY_PACKET_MAX_BYTES, &answer->transaction_id);
		assert_int_equal(answer->size_bytes, request->size_bytes);
	}
	if (fcopy_link.uio)
		answer->transaction_id = ~0ull;
}

enum vmbus_status fcopy_link_host_takes(const struct ic_link_packet *packet)
{
	return fcopy_vsp_receive(&fcopy_link.vsp, packet->bytes,
				 packet->size_bytes, packet->transaction_id,
				 fcopy_link.now_100ns);
}

void fcopy_link_run(void)
{
	struct ic_link_packet request, answer, second;

	while (fcopy_link_host_sends(&request)) {
		/* Never two packets under way, for the UIO daemon. */
		assert_false(fcopy_link_host_sends(&second));
		fcopy_link_guest_answers(&request, &answer);
		assert_int_equal(fcopy_link_host_takes(&answer), VMBUS_OK);
	}
}

struct fcopy_event fcopy_link_ended(enum fcopy_status status)
{
	struct fcopy_event event, second;

	assert_true(fcopy_vsp_next_event(&fcopy_link.vsp, &event));
	assert_string_equal(fcopy_status_text(event.status),
			    fcopy_status_text(status));
	assert_false(fcopy_vsp_next_event(&fcopy_link.vsp, &second));
	return event;
}
