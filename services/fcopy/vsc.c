// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Guest end of file copy. */
#include "services/fcopy/vsc.h"

enum vmbus_status fcopy_vsc_init(struct fcopy_vsc *vsc)
{
	port_fill(vsc, 0, sizeof(*vsc));
	return ic_vsc_init(&vsc->ic, &fcopy_service, 0);
}

void fcopy_vsc_show_questions(struct fcopy_vsc *vsc)
{
	vsc->questions = true;
}

/* Not empty, terminated, and nothing but text. */
static bool name_read(char *text, const u8 *units)
{
	u32 count = utf16_length(units, FCOPY_NAME_UNITS);

	return count && count < FCOPY_NAME_UNITS &&
	       utf16_to_utf8(text, FCOPY_NAME_BYTES, units, count) == UTF16_OK;
}

static bool is_file_name(const char *name)
{
	if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
		return false;
	while (*name) {
		if (*name++ == '/')
			return false;
	}
	return true;
}

/* The folder itself: no file, but how hosts ask whether there is one. */
static bool is_question(const struct fcopy_vsc *vsc, const char *name)
{
	return vsc->questions && name[0] == '.' && !name[1];
}

/*
 * Each checks the body of one operation. Returns the status to refuse with,
 * IC_S_OK to show the request.
 */

static u32 start_read(struct fcopy_vsc *vsc, const u8 *body,
		      struct fcopy_request *request)
{
	const struct fcopy_start *start = (const struct fcopy_start *)body;

	if (!name_read(request->name, start->name) ||
	    !name_read(request->folder, start->folder) ||
	    (!is_file_name(request->name) && !is_question(vsc, request->name)))
		return IC_E_INVALID_NAME;
	request->flags = start->flags;
	request->size_bytes = start->size_bytes;
	if (request->flags & ~(FCOPY_OVERWRITE | FCOPY_CREATE_PATH) ||
	    request->size_bytes >> 63)
		return IC_E_INVALID_ARGUMENT;
	vsc->open = false;
	vsc->asked_size_bytes = request->size_bytes;
	return IC_S_OK;
}

static u32 data_read(struct fcopy_vsc *vsc, const u8 *body,
		     struct fcopy_request *request)
{
	const struct fcopy_data *data = (const struct fcopy_data *)body;

	if (!vsc->open)
		return IC_E_INVALID_HANDLE;
	request->offset = data->offset;
	request->data_bytes = data->size_bytes;
	request->data = data->data;
	if (request->data_bytes > FCOPY_BLOCK_BYTES ||
	    request->offset > vsc->size_bytes ||
	    request->data_bytes > vsc->size_bytes - request->offset)
		return IC_E_INVALID_ARGUMENT;
	return IC_S_OK;
}

static u32 complete_read(struct fcopy_vsc *vsc, const u8 *body,
			 struct fcopy_request *request)
{
	(void)body;
	(void)request;
	return vsc->open ? IC_S_OK : IC_E_INVALID_HANDLE;
}

static u32 cancel_read(struct fcopy_vsc *vsc, const u8 *body,
		       struct fcopy_request *request)
{
	(void)vsc;
	(void)body;
	(void)request;
	return IC_S_OK;
}

/* One row per operation: how long its body is at least, and who reads it. */
static const struct {
	u32 body_bytes;
	u32 (*read)(struct fcopy_vsc *vsc, const u8 *body,
		    struct fcopy_request *request);
} operations[FCOPY_OPERATION_COUNT] = {
	[FCOPY_OPERATION_START] = { sizeof(struct fcopy_start), start_read },
	[FCOPY_OPERATION_DATA] = { offsetof(struct fcopy_data, data),
				   data_read },
	[FCOPY_OPERATION_COMPLETE] = { sizeof(struct fcopy_header),
				       complete_read },
	[FCOPY_OPERATION_CANCEL] = { sizeof(struct fcopy_header), cancel_read },
};

/* An answer as long as the request, zero but for the operation. */
static u32 answer(const struct fcopy_vsc *vsc, const struct ic_message *asked,
		  u32 operation, u32 status, void *response, u32 capacity_bytes)
{
	u8 *body = (u8 *)response + IC_BODY_OFFSET;
	u32 size_bytes =
		ic_vsc_respond(&vsc->ic, asked, response, capacity_bytes,
			       asked->body_bytes, status);

	if (!size_bytes)
		return 0;
	port_fill(body, 0, asked->body_bytes);
	port_copy(body, &operation, sizeof(operation));
	return size_bytes;
}

enum vmbus_status fcopy_vsc_receive(struct fcopy_vsc *vsc, const void *data,
				    u32 size_bytes, u64 transaction_id,
				    void *response, u32 capacity_bytes,
				    u32 *response_bytes,
				    struct fcopy_request *request,
				    bool *requested)
{
	struct ic_message message;
	enum vmbus_status status;
	u32 operation, result = IC_E_NOT_SUPPORTED;

	*requested = false;
	*response_bytes = 0;
	if (vsc->pending)
		return VMBUS_AGAIN;
	status = ic_vsc_receive(&vsc->ic, data, size_bytes, response,
				capacity_bytes, response_bytes, &message);
	if (status || message.kind != IC_KIND_MESSAGE)
		return status;
	if (message.body_bytes < sizeof(struct fcopy_header))
		return VMBUS_E_IC_SHORT;
	port_copy(&operation, message.body, sizeof(operation));
	port_fill(request, 0, sizeof(*request));
	if (operation < FCOPY_OPERATION_COUNT) {
		if (message.body_bytes < operations[operation].body_bytes)
			return VMBUS_E_IC_SHORT;
		result = operations[operation].read(vsc, message.body, request);
		if (result == IC_S_OK &&
		    request->data_bytes >
			    message.body_bytes -
				    operations[operation].body_bytes)
			return VMBUS_E_IC_SHORT;
	}
	if (result != IC_S_OK ||
	    (operation == FCOPY_OPERATION_CANCEL && !vsc->open)) {
		*response_bytes = answer(vsc, &message, operation, result,
					 response, capacity_bytes);
		return VMBUS_OK;
	}
	vsc->asked = message;
	vsc->asked.body = NULL;
	vsc->operation = (u8)operation;
	vsc->transaction_id = transaction_id;
	vsc->pending = true;
	request->operation = (enum fcopy_operation)operation;
	*requested = true;
	return VMBUS_OK;
}

u32 fcopy_vsc_respond(struct fcopy_vsc *vsc, u32 status, void *response,
		      u32 capacity_bytes, u64 *transaction_id)
{
	u32 size_bytes;

	if (!vsc->pending)
		return 0;
	size_bytes = answer(vsc, &vsc->asked, vsc->operation, status, response,
			    capacity_bytes);
	if (!size_bytes)
		return 0;
	*transaction_id = vsc->transaction_id;
	vsc->pending = false;
	if (vsc->operation == FCOPY_OPERATION_START && status == IC_S_OK) {
		vsc->open = true;
		vsc->size_bytes = vsc->asked_size_bytes;
	} else if (vsc->operation == FCOPY_OPERATION_COMPLETE ||
		   (vsc->operation == FCOPY_OPERATION_CANCEL &&
		    status == IC_S_OK)) {
		vsc->open = false;
	}
	return size_bytes;
}
