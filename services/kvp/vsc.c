// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Guest end of key-value pair exchange. */
#include "services/kvp/vsc.h"

enum vmbus_status kvp_vsc_init(struct kvp_vsc *vsc, u32 newest_version)
{
	port_fill(vsc, 0, sizeof(*vsc));
	return ic_vsc_init(&vsc->ic, &kvp_service, newest_version);
}

/* Each reads the body of one operation; false when it makes no sense. */

static bool get_read(const struct kvp_vsc *vsc, struct kvp_request *request)
{
	const struct kvp_get_set *get = (const struct kvp_get_set *)vsc->body;

	return !kvp_key_read(request->item.key, get->value.key,
			     get->value.key_bytes);
}

static bool set_read(const struct kvp_vsc *vsc, struct kvp_request *request)
{
	const struct kvp_get_set *set = (const struct kvp_get_set *)vsc->body;

	return get_read(vsc, request) &&
	       !kvp_value_read(&request->item, &set->value);
}

static bool delete_read(const struct kvp_vsc *vsc, struct kvp_request *request)
{
	const struct kvp_delete *delete = (const struct kvp_delete *)vsc->body;

	return !kvp_key_read(request->item.key, delete->key, delete->key_bytes);
}

static bool enumerate_read(const struct kvp_vsc *vsc,
			   struct kvp_request *request)
{
	request->index = ((const struct kvp_enumerate *)vsc->body)->index;
	return true;
}

static bool ip_read(const struct kvp_vsc *vsc, struct kvp_request *request)
{
	return !kvp_ip_read(&request->ip, vsc->body, vsc->body_bytes,
			    vsc->ic.message_version);
}

/* One row per operation: how long its body is, and who reads it. */
static const struct {
	u32 body_bytes;
	bool (*read)(const struct kvp_vsc *vsc, struct kvp_request *request);
} operations[KVP_OPERATION_COUNT] = {
	[KVP_OPERATION_GET] = { sizeof(struct kvp_get_set), get_read },
	[KVP_OPERATION_SET] = { sizeof(struct kvp_get_set), set_read },
	[KVP_OPERATION_DELETE] = { sizeof(struct kvp_delete), delete_read },
	[KVP_OPERATION_ENUMERATE] = { sizeof(struct kvp_enumerate),
				      enumerate_read },
	[KVP_OPERATION_GET_IP] = { sizeof(struct kvp_ip_binary), ip_read },
	[KVP_OPERATION_SET_IP] = { sizeof(struct kvp_ip_binary), ip_read },
};

static bool request_read(struct kvp_vsc *vsc, const struct ic_message *message,
			 struct kvp_request *request)
{
	struct kvp_header header;

	port_fill(request, 0, sizeof(*request));
	if (message->body_bytes < sizeof(header) ||
	    message->body_bytes > sizeof(vsc->body))
		return false;
	port_copy(&header, message->body, sizeof(header));
	if (header.operation >= KVP_OPERATION_COUNT ||
	    message->body_bytes < operations[header.operation].body_bytes)
		return false;
	if (header.pool >= KVP_POOL_COUNT)
		return false;
	vsc->body_bytes = message->body_bytes;
	port_copy(vsc->body, message->body, message->body_bytes);
	request->operation = header.operation;
	request->pool = header.pool;
	return operations[header.operation].read(vsc, request);
}

enum vmbus_status kvp_vsc_receive(struct kvp_vsc *vsc, const void *data,
				  u32 size_bytes, u64 transaction_id,
				  void *response, u32 capacity_bytes,
				  u32 *response_bytes,
				  struct kvp_request *request, bool *requested)
{
	struct ic_message message;
	enum vmbus_status status;

	*requested = false;
	*response_bytes = 0;
	if (vsc->pending)
		return VMBUS_AGAIN;
	status = ic_vsc_receive(&vsc->ic, data, size_bytes, response,
				capacity_bytes, response_bytes, &message);
	if (status || message.kind != IC_KIND_MESSAGE)
		return status;
	if (!request_read(vsc, &message, request)) {
		*response_bytes =
			ic_vsc_echo(&vsc->ic, &message, response,
				    capacity_bytes, IC_E_INVALID_ARGUMENT);
		return VMBUS_OK;
	}
	vsc->asked = message;
	vsc->asked.body = NULL;
	vsc->transaction_id = transaction_id;
	vsc->pending = true;
	*requested = true;
	return VMBUS_OK;
}

/* Write the result over the request's body; false when it cannot be. */
static bool result_write(struct kvp_vsc *vsc, const struct kvp_request *result)
{
	struct kvp_get_set *get = (struct kvp_get_set *)vsc->body;
	struct kvp_enumerate *enumerate = (struct kvp_enumerate *)vsc->body;
	u32 version = vsc->ic.message_version;
	u32 key_bytes;

	switch (vsc->body[offsetof(struct kvp_header, operation)]) {
	case KVP_OPERATION_GET:
		return !kvp_value_write(&get->value, &result->item, version,
					false);
	case KVP_OPERATION_ENUMERATE:
		if (kvp_key_write(enumerate->value.key, &key_bytes,
				  result->item.key, false))
			return false;
		enumerate->value.key_bytes = key_bytes;
		return !kvp_value_write(&enumerate->value, &result->item,
					version, false);
	case KVP_OPERATION_GET_IP:
		return !kvp_ip_write(vsc->body, KVP_OPERATION_GET_IP,
				     &result->ip, version);
	default:
		return true;
	}
}

u32 kvp_vsc_respond(struct kvp_vsc *vsc, u32 status,
		    const struct kvp_request *result, void *response,
		    u32 capacity_bytes, u64 *transaction_id)
{
	u32 size_bytes = IC_BODY_OFFSET + vsc->body_bytes;

	if (!vsc->pending || capacity_bytes < size_bytes)
		return 0;
	if (status == IC_S_OK && !result_write(vsc, result))
		status = IC_E_FAIL;
	ic_vsc_respond(&vsc->ic, &vsc->asked, response, capacity_bytes,
		       vsc->body_bytes, status);
	port_copy((u8 *)response + IC_BODY_OFFSET, vsc->body, vsc->body_bytes);
	*transaction_id = vsc->transaction_id;
	vsc->pending = false;
	return size_bytes;
}
