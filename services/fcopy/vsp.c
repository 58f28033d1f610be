// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Host end of file copy. */
#include "services/fcopy/names.h"

#define TIMEOUT_100NS (35 * IC_SECOND_100NS)

enum vmbus_status fcopy_vsp_init(struct fcopy_vsp *vsp,
				 const struct fcopy_vsp_options *options)
{
	port_fill(vsp, 0, sizeof(*vsp));
	if (options)
		vsp->options = *options;
	if (!vsp->options.timeout_100ns)
		vsp->options.timeout_100ns = TIMEOUT_100NS;
	return ic_vsp_init(&vsp->ic, &fcopy_service, 0);
}

/* ---- steps ---- */

static void begin(struct fcopy_vsp *vsp, enum fcopy_vsp_state state,
		  u64 now_100ns)
{
	/* Only a probe can be under way; its answer is awaited all the same. */
	ic_call_abandon(&vsp->call);
	vsp->state = state;
	ic_call_begin(&vsp->call, now_100ns + vsp->options.timeout_100ns);
}

static void end(struct fcopy_vsp *vsp, enum fcopy_status status)
{
	bool quiet = vsp->quiet;

	vsp->state = FCOPY_VSP_IDLE;
	vsp->quiet = false;
	vsp->cancel_wanted = false;
	if (status == FCOPY_NO_DAEMON)
		vsp->contact = false;
	if (quiet)
		return;
	vsp->event = (struct fcopy_event){
		.status = status,
		.guest_status = vsp->guest_status,
		.sent_bytes = vsp->sent_bytes,
		.partial_left = vsp->partial_left,
	};
	vsp->event_ready = true;
}

/* End once the guest has closed and removed what it has of the file. */
static void roll_back(struct fcopy_vsp *vsp, enum fcopy_status outcome,
		      u64 now_100ns)
{
	vsp->outcome = outcome;
	begin(vsp, FCOPY_VSP_CANCELLING, now_100ns);
}

/* ---- requests ---- */

static bool probe_under_way(const struct fcopy_vsp *vsp)
{
	return vsp->quiet && vsp->state == FCOPY_VSP_ASKING_ROOT;
}

enum fcopy_status fcopy_vsp_start(struct fcopy_vsp *vsp, const char *folder,
				  const char *name, u32 flags, u64 size_bytes,
				  u64 now_100ns)
{
	enum fcopy_status status;

	if (!ic_vsp_ready(&vsp->ic))
		return FCOPY_NOT_READY;
	if (vsp->event_ready ||
	    (vsp->state != FCOPY_VSP_IDLE && !probe_under_way(vsp)))
		return FCOPY_BUSY;
	if (vsp->cancel_owed)
		return FCOPY_NO_ANSWER;
	if (flags & ~(FCOPY_OVERWRITE | FCOPY_CREATE_PATH))
		return FCOPY_FLAGS_INVALID;
	status = fcopy_name_write(vsp->name, name, vsp->options.utf8_limits);
	if (!status)
		status = fcopy_folder_write(vsp->folder, folder,
					    vsp->options.utf8_limits);
	if (!status && vsp->uio && vsp->options.utf8_limits)
		status = fcopy_uio_check(vsp->name, vsp->folder);
	if (status)
		return status;
	vsp->flags = flags;
	vsp->size_bytes = size_bytes;
	vsp->sent_bytes = 0;
	vsp->guest_status = 0;
	vsp->partial_left = false;
	begin(vsp, FCOPY_VSP_STARTING, now_100ns);
	vsp->quiet = false;
	return FCOPY_OK;
}

enum fcopy_status fcopy_vsp_probe(struct fcopy_vsp *vsp, u64 now_100ns)
{
	(void)now_100ns;
	if (!ic_vsp_ready(&vsp->ic))
		return FCOPY_NOT_READY;
	if (vsp->state == FCOPY_VSP_IDLE)
		vsp->probe_wanted = true;
	return FCOPY_OK;
}

bool fcopy_vsp_wanted(const struct fcopy_vsp *vsp, u64 *offset, u32 *size_bytes)
{
	u64 rest = vsp->size_bytes - vsp->sent_bytes;

	if (vsp->state != FCOPY_VSP_WANTING)
		return false;
	*offset = vsp->sent_bytes;
	*size_bytes = rest < FCOPY_BLOCK_BYTES ? (u32)rest : FCOPY_BLOCK_BYTES;
	return true;
}

void *fcopy_vsp_block(struct fcopy_vsp *vsp)
{
	return vsp->block;
}

enum vmbus_status fcopy_vsp_filled(struct fcopy_vsp *vsp, u64 now_100ns)
{
	u64 offset;

	if (!fcopy_vsp_wanted(vsp, &offset, &vsp->block_bytes))
		return VMBUS_BAD_ARGUMENT;
	begin(vsp, FCOPY_VSP_WRITING, now_100ns);
	return VMBUS_OK;
}

enum fcopy_status fcopy_vsp_cancel(struct fcopy_vsp *vsp, u64 now_100ns)
{
	if (vsp->state == FCOPY_VSP_IDLE || vsp->quiet)
		return FCOPY_NOT_READY;
	if (vsp->state == FCOPY_VSP_STARTING &&
	    vsp->call.state == IC_CALL_QUEUED) {
		ic_call_abandon(&vsp->call);
		end(vsp, FCOPY_CANCELLED);
	} else if (vsp->state == FCOPY_VSP_WANTING ||
		   (vsp->state == FCOPY_VSP_WRITING &&
		    vsp->call.state == IC_CALL_QUEUED)) {
		roll_back(vsp, FCOPY_CANCELLED, now_100ns);
	} else {
		/* Never two messages under way: after the answer. */
		vsp->cancel_wanted = true;
	}
	return FCOPY_OK;
}

void fcopy_vsp_progress(const struct fcopy_vsp *vsp, u64 *sent_bytes,
			u64 *size_bytes)
{
	*sent_bytes = vsp->sent_bytes;
	*size_bytes = vsp->size_bytes;
}

/* ---- answers ---- */

static enum fcopy_status outcome_of(u32 guest_status, enum fcopy_status fail)
{
	static const struct {
		u32 guest_status;
		enum fcopy_status status;
	} rows[] = {
		{ IC_E_FILE_EXISTS, FCOPY_EXISTS },
		{ IC_E_ALREADY_EXISTS, FCOPY_EXISTS },
		{ IC_E_PATH_NOT_FOUND, FCOPY_NO_FOLDER },
		{ IC_E_FILE_NOT_FOUND, FCOPY_NO_FOLDER },
		{ IC_E_ACCESS_DENIED, FCOPY_ACCESS_DENIED },
		{ IC_E_WRITE_PROTECTED, FCOPY_ACCESS_DENIED },
		{ IC_E_DISK_FULL, FCOPY_DISK_FULL },
		{ IC_E_WRITE_FAULT, FCOPY_NOT_WRITTEN },
		{ IC_E_NOT_CONNECTED, FCOPY_NO_DAEMON },
	};
	u32 i;

	if (guest_status == IC_E_FAIL)
		return fail;
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		if (rows[i].guest_status == guest_status)
			return rows[i].status;
	}
	return FCOPY_GUEST_ERROR;
}

/* Somebody who knows the service answered, not a driver without a daemon. */
static bool is_contact(u32 guest_status)
{
	return guest_status != IC_E_FAIL && guest_status != IC_E_NOT_CONNECTED;
}

static void next_block(struct fcopy_vsp *vsp, u64 now_100ns)
{
	if (vsp->cancel_wanted)
		roll_back(vsp, FCOPY_CANCELLED, now_100ns);
	else if (vsp->sent_bytes == vsp->size_bytes)
		begin(vsp, FCOPY_VSP_COMPLETING, now_100ns);
	else
		vsp->state = FCOPY_VSP_WANTING;
}

static void take_start(struct fcopy_vsp *vsp, u32 guest_status, u64 now_100ns)
{
	vsp->guest_status = guest_status;
	if (!guest_status)
		next_block(vsp, now_100ns);
	else if (vsp->cancel_wanted)
		end(vsp, FCOPY_CANCELLED);
	else if (guest_status == IC_E_FAIL)
		begin(vsp, FCOPY_VSP_ASKING_FOLDER, now_100ns);
	else
		end(vsp, outcome_of(guest_status, FCOPY_NOT_CREATED));
}

static void take_write(struct fcopy_vsp *vsp, u32 guest_status, u64 now_100ns)
{
	vsp->guest_status = guest_status;
	if (guest_status) {
		roll_back(vsp, outcome_of(guest_status, FCOPY_NOT_WRITTEN),
			  now_100ns);
		return;
	}
	vsp->sent_bytes += vsp->block_bytes;
	next_block(vsp, now_100ns);
}

static void take_complete(struct fcopy_vsp *vsp, u32 guest_status,
			  u64 now_100ns)
{
	(void)now_100ns;
	vsp->guest_status = guest_status;
	vsp->partial_left = guest_status != 0;
	end(vsp, guest_status ? outcome_of(guest_status, FCOPY_NOT_WRITTEN)
			      : FCOPY_OK);
}

static void take_cancel(struct fcopy_vsp *vsp, u32 guest_status, u64 now_100ns)
{
	if (!guest_status) {
		end(vsp, vsp->outcome);
		return;
	}
	/* Linux's UIO daemon has no cancel: let it close the file at least. */
	vsp->partial_left = true;
	begin(vsp, FCOPY_VSP_CLOSING_FILE, now_100ns);
}

static void take_closing(struct fcopy_vsp *vsp, u32 guest_status, u64 now_100ns)
{
	(void)guest_status;
	(void)now_100ns;
	end(vsp, vsp->outcome);
}

/*
 * The two questions are a start for "." without overwriting. A guest that takes
 * even that as a file to write is told to forget it.
 */
static void take_folder(struct fcopy_vsp *vsp, u32 guest_status, u64 now_100ns)
{
	if (vsp->cancel_wanted && guest_status)
		end(vsp, FCOPY_CANCELLED);
	else if (!guest_status)
		roll_back(vsp, FCOPY_NOT_CREATED, now_100ns);
	else if (is_contact(guest_status))
		end(vsp, guest_status == IC_E_FILE_EXISTS
				 ? FCOPY_NOT_CREATED
				 : outcome_of(guest_status, FCOPY_NOT_CREATED));
	else
		begin(vsp, FCOPY_VSP_ASKING_ROOT, now_100ns);
}

static void take_root(struct fcopy_vsp *vsp, u32 guest_status, u64 now_100ns)
{
	enum fcopy_status absent = vsp->flags & FCOPY_CREATE_PATH
					   ? FCOPY_NOT_CREATED
					   : FCOPY_NO_FOLDER;
	enum fcopy_status outcome =
		is_contact(guest_status) ? absent : FCOPY_NO_DAEMON;

	if (vsp->cancel_wanted)
		outcome = FCOPY_CANCELLED;
	if (guest_status)
		end(vsp, outcome);
	else
		roll_back(vsp, outcome, now_100ns);
}

/* An answer to a message that was given up on. */
static void take_late(struct fcopy_vsp *vsp, u32 guest_status, u64 now_100ns)
{
	bool open = vsp->late_state == FCOPY_VSP_WRITING ||
		    (vsp->late_state == FCOPY_VSP_STARTING && !guest_status);

	if (vsp->cancel_owed && open) {
		vsp->quiet = true;
		vsp->outcome = FCOPY_CANCELLED;
		begin(vsp, FCOPY_VSP_CANCELLING, now_100ns);
	}
	vsp->cancel_owed = false;
}

/* One row per state: what is sent, and who takes the answer. */
static const struct {
	u8 operation;
	void (*take)(struct fcopy_vsp *vsp, u32 guest_status, u64 now_100ns);
} states[FCOPY_VSP_STATE_COUNT] = {
	[FCOPY_VSP_STARTING] = { FCOPY_OPERATION_START, take_start },
	[FCOPY_VSP_WRITING] = { FCOPY_OPERATION_DATA, take_write },
	[FCOPY_VSP_COMPLETING] = { FCOPY_OPERATION_COMPLETE, take_complete },
	[FCOPY_VSP_CANCELLING] = { FCOPY_OPERATION_CANCEL, take_cancel },
	[FCOPY_VSP_CLOSING_FILE] = { FCOPY_OPERATION_COMPLETE, take_closing },
	[FCOPY_VSP_ASKING_FOLDER] = { FCOPY_OPERATION_START, take_folder },
	[FCOPY_VSP_ASKING_ROOT] = { FCOPY_OPERATION_START, take_root },
};

enum vmbus_status fcopy_vsp_receive(struct fcopy_vsp *vsp, const void *data,
				    u32 size_bytes, u64 transaction_id,
				    u64 now_100ns)
{
	enum ic_call_answer answer;
	struct ic_message message;
	enum vmbus_status status;

	if (vsp->event_ready)
		return VMBUS_AGAIN;
	status = ic_vsp_receive(&vsp->ic, data, size_bytes, transaction_id,
				&message);
	if (status)
		return status;
	if (transaction_id == ~0ull)
		vsp->uio = true;
	if (message.kind == IC_KIND_NEGOTIATED)
		vsp->probe_wanted = true;
	if (message.kind != IC_KIND_MESSAGE)
		return VMBUS_OK;
	if (message.body_bytes < sizeof(struct fcopy_header))
		return ic_vsp_violate(&vsp->ic, VMBUS_E_IC_SHORT);
	answer = ic_call_answered(&vsp->call, message.transaction_id);
	if (answer == IC_CALL_STRAY)
		return VMBUS_OK;
	vsp->answered = true;
	vsp->silent = false;
	if (is_contact(message.status))
		vsp->contact = true;
	if (answer == IC_CALL_LATE)
		take_late(vsp, message.status, now_100ns);
	else
		states[vsp->state].take(vsp, message.status, now_100ns);
	return VMBUS_OK;
}

/* ---- time and output ---- */

static void expired(struct fcopy_vsp *vsp, bool sent)
{
	bool writing = vsp->state == FCOPY_VSP_STARTING ||
		       vsp->state == FCOPY_VSP_WRITING;
	bool ending = vsp->state == FCOPY_VSP_CANCELLING ||
		      vsp->state == FCOPY_VSP_CLOSING_FILE;

	vsp->silent = true;
	if (writing && sent)
		vsp->cancel_owed = true;
	if (vsp->state < FCOPY_VSP_ASKING_FOLDER &&
	    (sent || vsp->state != FCOPY_VSP_STARTING))
		vsp->partial_left = true;
	end(vsp, ending ? vsp->outcome : FCOPY_NO_ANSWER);
}

/* What time makes due. */
static void advance(struct fcopy_vsp *vsp, u64 now_100ns)
{
	enum fcopy_vsp_state state = vsp->state;
	bool sent = vsp->call.state == IC_CALL_SENT;

	if (ic_call_expired(&vsp->call, now_100ns)) {
		if (sent)
			vsp->late_state = state;
		expired(vsp, sent);
	}
	if (vsp->state == FCOPY_VSP_IDLE && vsp->probe_wanted &&
	    !vsp->event_ready && ic_vsp_ready(&vsp->ic)) {
		vsp->probe_wanted = false;
		vsp->quiet = true;
		begin(vsp, FCOPY_VSP_ASKING_ROOT, now_100ns);
	}
}

/* "." in the copy's folder, or in the root. */
static void question_write(const struct fcopy_vsp *vsp,
			   struct fcopy_start *start)
{
	start->name[0] = '.';
	if (vsp->state == FCOPY_VSP_ASKING_ROOT)
		start->folder[0] = '/';
	else
		port_copy(start->folder, vsp->folder, sizeof(start->folder));
}

static void start_write(const struct fcopy_vsp *vsp, u8 *body)
{
	struct fcopy_start *start = (struct fcopy_start *)body;

	if (vsp->state != FCOPY_VSP_STARTING) {
		question_write(vsp, start);
		return;
	}
	port_copy(start->name, vsp->name, sizeof(start->name));
	port_copy(start->folder, vsp->folder, sizeof(start->folder));
	start->flags = vsp->flags;
	start->size_bytes = vsp->size_bytes;
}

static void data_write(const struct fcopy_vsp *vsp, u8 *body)
{
	struct fcopy_data *data = (struct fcopy_data *)body;

	data->offset = vsp->sent_bytes;
	data->size_bytes = vsp->block_bytes;
	port_copy(data->data, vsp->block, vsp->block_bytes);
}

static u32 body_bytes_of(u8 operation)
{
	if (operation == FCOPY_OPERATION_START)
		return sizeof(struct fcopy_start);
	if (operation == FCOPY_OPERATION_DATA)
		return sizeof(struct fcopy_data);
	return sizeof(struct fcopy_header);
}

u32 fcopy_vsp_transmit(struct fcopy_vsp *vsp, u64 now_100ns, void *buffer,
		       u32 capacity_bytes, u64 *transaction_id)
{
	u32 body_bytes, size_bytes;
	u8 operation;
	u8 *body;

	if (ic_vsp_negotiate_due(&vsp->ic))
		return ic_vsp_negotiate(&vsp->ic, buffer, capacity_bytes,
					transaction_id);
	advance(vsp, now_100ns);
	if (!ic_call_due(&vsp->call))
		return 0;
	operation = states[vsp->state].operation;
	body_bytes = body_bytes_of(operation);
	size_bytes = ic_vsp_request(&vsp->ic, buffer, capacity_bytes,
				    body_bytes, true, transaction_id);
	if (!size_bytes)
		return 0;
	body = (u8 *)buffer + IC_BODY_OFFSET;
	port_fill(body, 0, body_bytes);
	((struct fcopy_header *)body)->operation = operation;
	if (operation == FCOPY_OPERATION_START)
		start_write(vsp, body);
	else if (operation == FCOPY_OPERATION_DATA)
		data_write(vsp, body);
	ic_call_sent(&vsp->call, *transaction_id);
	return size_bytes;
}

u64 fcopy_vsp_deadline_100ns(const struct fcopy_vsp *vsp)
{
	return ic_call_deadline_100ns(&vsp->call);
}

bool fcopy_vsp_next_event(struct fcopy_vsp *vsp, struct fcopy_event *event)
{
	if (!vsp->event_ready)
		return false;
	*event = vsp->event;
	vsp->event_ready = false;
	return true;
}

enum ic_status fcopy_vsp_status(const struct fcopy_vsp *vsp, u64 now_100ns)
{
	enum ic_status status = ic_vsp_status(&vsp->ic);

	(void)now_100ns;
	if (status != IC_STATUS_OK)
		return status;
	if (vsp->silent && vsp->answered)
		return IC_STATUS_LOST_COMMUNICATION;
	return vsp->contact && !vsp->silent ? IC_STATUS_OK
					    : IC_STATUS_NO_CONTACT;
}

enum ic_detail fcopy_vsp_detail(const struct fcopy_vsp *vsp, u64 now_100ns)
{
	(void)now_100ns;
	return ic_vsp_detail(&vsp->ic);
}

void fcopy_vsp_closed(struct fcopy_vsp *vsp)
{
	bool asked = vsp->state != FCOPY_VSP_STARTING ||
		     vsp->call.state == IC_CALL_SENT;

	if (vsp->state != FCOPY_VSP_IDLE) {
		if (vsp->state < FCOPY_VSP_ASKING_FOLDER && asked)
			vsp->partial_left = true;
		end(vsp, FCOPY_CLOSED);
	}
	vsp->probe_wanted = false;
	vsp->cancel_owed = false;
	port_fill(&vsp->call, 0, sizeof(vsp->call));
	/* Neither ready nor due: nothing more until the next init. */
	vsp->ic.negotiation = IC_NEGOTIATION_ASKED;
}
