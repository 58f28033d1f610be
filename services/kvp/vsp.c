// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Host end of key-value pair exchange. */
#include "services/kvp/vsp.h"

#define TIMEOUT_100NS	 (10 * IC_SECOND_100NS)
#define IP_TIMEOUT_100NS (60 * IC_SECOND_100NS)
#define ITEM_LIMIT	 4096

enum vmbus_status kvp_vsp_init(struct kvp_vsp *vsp,
			       const struct kvp_vsp_options *options)
{
	port_fill(vsp, 0, sizeof(*vsp));
	if (options)
		vsp->options = *options;
	if (!vsp->options.timeout_100ns)
		vsp->options.timeout_100ns = TIMEOUT_100NS;
	if (!vsp->options.ip_timeout_100ns)
		vsp->options.ip_timeout_100ns = IP_TIMEOUT_100NS;
	if (!vsp->options.item_limit)
		vsp->options.item_limit = ITEM_LIMIT;
	return ic_vsp_init(&vsp->ic, &kvp_service, vsp->options.newest_version);
}

bool kvp_vsp_busy(const struct kvp_vsp *vsp)
{
	return vsp->event_ready ||
	       (vsp->task != KVP_TASK_NONE && vsp->task != KVP_TASK_PROBE);
}

/* ---- requests ---- */

static enum kvp_status may_request(const struct kvp_vsp *vsp)
{
	if (!ic_vsp_ready(&vsp->ic))
		return KVP_NOT_READY;
	return kvp_vsp_busy(vsp) ? KVP_BUSY : KVP_OK;
}

static void begin(struct kvp_vsp *vsp, enum kvp_vsp_task task, u64 now_100ns)
{
	u8 operation = vsp->body[offsetof(struct kvp_header, operation)];
	bool ip = operation == KVP_OPERATION_GET_IP ||
		  operation == KVP_OPERATION_SET_IP;

	/* A probe under way makes room; its answer is awaited all the same. */
	ic_call_abandon(&vsp->call);
	vsp->task = task;
	ic_call_begin(&vsp->call,
		      now_100ns + (ip ? vsp->options.ip_timeout_100ns
				      : vsp->options.timeout_100ns));
}

/* A body that is zero behind its header. */
static void item_body(struct kvp_vsp *vsp, u8 operation, u8 pool)
{
	port_fill(vsp->body, 0, KVP_ITEM_BODY_BYTES);
	vsp->body[offsetof(struct kvp_header, operation)] = operation;
	vsp->body[offsetof(struct kvp_header, pool)] = pool;
	vsp->body_bytes = KVP_ITEM_BODY_BYTES;
}

static enum kvp_status item_begin(struct kvp_vsp *vsp, u8 operation, u32 pool)
{
	enum kvp_status status = may_request(vsp);

	if (status)
		return status;
	if (pool >= KVP_POOL_COUNT)
		return KVP_BAD_POOL;
	item_body(vsp, operation, (u8)pool);
	return KVP_OK;
}

enum kvp_status kvp_vsp_get(struct kvp_vsp *vsp, u32 pool, const char *key,
			    u64 now_100ns)
{
	struct kvp_get_set *get = (struct kvp_get_set *)vsp->body;
	enum kvp_status status = item_begin(vsp, KVP_OPERATION_GET, pool);
	u32 key_bytes;

	if (!status)
		status = kvp_key_write(get->value.key, &key_bytes, key,
				       vsp->options.utf8_limits);
	if (status)
		return status;
	get->value.key_bytes = key_bytes;
	begin(vsp, KVP_TASK_SIMPLE, now_100ns);
	return KVP_OK;
}

enum kvp_status kvp_vsp_find(struct kvp_vsp *vsp, u32 pool, const char *key,
			     u64 now_100ns)
{
	enum kvp_status status = item_begin(vsp, KVP_OPERATION_ENUMERATE, pool);
	u8 wire[KVP_KEY_WIRE_BYTES];
	u32 key_bytes, bytes;

	if (!status)
		status = kvp_key_write(wire, &key_bytes, key,
				       vsp->options.utf8_limits);
	if (status)
		return status;
	bytes = utf16_text_bytes(key, sizeof(vsp->find_key) - 1);
	port_copy(vsp->find_key, key, bytes);
	vsp->find_key[bytes] = 0;
	vsp->index = 0;
	begin(vsp, KVP_TASK_FIND, now_100ns);
	return KVP_OK;
}

enum kvp_status kvp_vsp_set(struct kvp_vsp *vsp, u32 pool,
			    const struct kvp_item *item, u64 now_100ns)
{
	struct kvp_get_set *set = (struct kvp_get_set *)vsp->body;
	enum kvp_status status = item_begin(vsp, KVP_OPERATION_SET, pool);
	u32 key_bytes;

	if (!status)
		status = kvp_key_write(set->value.key, &key_bytes, item->key,
				       vsp->options.utf8_limits);
	if (!status)
		status = kvp_value_write(&set->value, item,
					 vsp->ic.message_version,
					 vsp->options.utf8_limits);
	if (status)
		return status;
	set->value.key_bytes = key_bytes;
	begin(vsp, KVP_TASK_SIMPLE, now_100ns);
	return KVP_OK;
}

enum kvp_status kvp_vsp_delete(struct kvp_vsp *vsp, u32 pool, const char *key,
			       u64 now_100ns)
{
	struct kvp_delete *delete = (struct kvp_delete *)vsp->body;
	enum kvp_status status = item_begin(vsp, KVP_OPERATION_DELETE, pool);
	u32 key_bytes;

	if (!status)
		status = kvp_key_write(delete->key, &key_bytes, key,
				       vsp->options.utf8_limits);
	if (status)
		return status;
	delete->key_bytes = key_bytes;
	begin(vsp, KVP_TASK_SIMPLE, now_100ns);
	return KVP_OK;
}

enum kvp_status kvp_vsp_enumerate(struct kvp_vsp *vsp, u32 pool, u64 now_100ns)
{
	enum kvp_status status = item_begin(vsp, KVP_OPERATION_ENUMERATE, pool);

	if (status)
		return status;
	vsp->index = 0;
	begin(vsp, KVP_TASK_ENUMERATE, now_100ns);
	return KVP_OK;
}

static enum kvp_status ip_begin(struct kvp_vsp *vsp, u8 operation,
				const struct kvp_ip_info *info, u64 now_100ns)
{
	enum kvp_status status = may_request(vsp);

	if (!status)
		status = kvp_ip_write(vsp->body, operation, info,
				      vsp->ic.message_version);
	if (status)
		return status;
	vsp->body_bytes = KVP_IP_BODY_BYTES;
	begin(vsp, KVP_TASK_SIMPLE, now_100ns);
	return KVP_OK;
}

enum kvp_status kvp_vsp_get_ip(struct kvp_vsp *vsp, const char *mac,
			       u64 now_100ns)
{
	struct kvp_ip_info *info = &vsp->event.ip;
	enum kvp_status status = may_request(vsp);
	u32 bytes = utf16_text_bytes(mac, sizeof(info->adapter_id));

	if (status)
		return status;
	if (bytes == sizeof(info->adapter_id))
		return KVP_ADAPTER_INVALID;
	/* No event is waiting, so that its memory is free. */
	port_fill(info, 0, sizeof(*info));
	port_copy(info->adapter_id, mac, bytes);
	return ip_begin(vsp, KVP_OPERATION_GET_IP, info, now_100ns);
}

enum kvp_status kvp_vsp_set_ip(struct kvp_vsp *vsp,
			       const struct kvp_ip_info *info, u64 now_100ns)
{
	return ip_begin(vsp, KVP_OPERATION_SET_IP, info, now_100ns);
}

enum kvp_status kvp_vsp_probe(struct kvp_vsp *vsp, u64 now_100ns)
{
	(void)now_100ns;
	if (!ic_vsp_ready(&vsp->ic))
		return KVP_NOT_READY;
	if (vsp->task == KVP_TASK_NONE)
		vsp->probe_wanted = true;
	return KVP_OK;
}

/* ---- answers ---- */

static void event_begin(struct kvp_vsp *vsp, enum kvp_event_kind kind,
			enum kvp_status status, u32 guest_status)
{
	struct kvp_event *event = &vsp->event;

	event->kind = kind;
	event->operation =
		vsp->task == KVP_TASK_FIND
			? KVP_OPERATION_GET
			: vsp->body[offsetof(struct kvp_header, operation)];
	event->pool = vsp->body[offsetof(struct kvp_header, pool)];
	event->index = vsp->index;
	event->status = status;
	event->guest_status = guest_status;
	vsp->event_ready = true;
}

static void finish(struct kvp_vsp *vsp, enum kvp_status status,
		   u32 guest_status)
{
	event_begin(vsp, KVP_EVENT_DONE, status, guest_status);
	vsp->task = KVP_TASK_NONE;
}

/* What the guest's status tells about its service being there. */
static void heard(struct kvp_vsp *vsp, u32 guest_status, bool probe)
{
	vsp->answered = true;
	vsp->silent = false;
	/* A failure may be that of the service, or of what was asked. */
	if (guest_status == IC_E_NOT_CONNECTED ||
	    (guest_status == IC_E_FAIL && probe))
		vsp->contact = false;
	else if (guest_status != IC_E_FAIL)
		vsp->contact = true;
}

static bool is_not_found(u32 guest_status)
{
	return guest_status == IC_E_NO_MORE_ITEMS ||
	       guest_status == IC_E_FILE_NOT_FOUND ||
	       guest_status == IC_E_NOT_FOUND ||
	       guest_status == IC_E_WMI_NOT_FOUND;
}

static enum vmbus_status value_bound(struct kvp_vsp *vsp,
				     const struct kvp_value *value)
{
	if (value->key_bytes > KVP_KEY_WIRE_BYTES ||
	    value->value_bytes > KVP_VALUE_WIRE_BYTES)
		return ic_vsp_violate(&vsp->ic, VMBUS_E_IC_SIZE);
	return VMBUS_OK;
}

/* The answer to a get that went well: the value, beside our own key. */
static enum vmbus_status take_value(struct kvp_vsp *vsp,
				    const struct ic_message *message)
{
	const struct kvp_get_set *get =
		(const struct kvp_get_set *)message->body;
	const struct kvp_get_set *asked = (const struct kvp_get_set *)vsp->body;
	enum kvp_status status;

	if (message->body_bytes < sizeof(*get))
		return ic_vsp_violate(&vsp->ic, VMBUS_E_IC_SHORT);
	if (value_bound(vsp, &get->value))
		return vsp->ic.violation;
	status = kvp_value_read(&vsp->event.item, &get->value);
	kvp_key_read(vsp->event.item.key, asked->value.key,
		     asked->value.key_bytes);
	finish(vsp, status, message->status);
	return VMBUS_OK;
}

static bool ip_bound(const struct kvp_vsp *vsp,
		     const struct ic_message *message)
{
	u32 version = vsp->ic.message_version;

	return message->body_bytes >=
	       (ic_version_older(version, KVP_VERSION_5_0)
			? sizeof(struct kvp_ip_text)
			: sizeof(struct kvp_ip_binary));
}

static enum vmbus_status take_simple(struct kvp_vsp *vsp,
				     const struct ic_message *message)
{
	u8 operation = vsp->body[offsetof(struct kvp_header, operation)];
	enum kvp_status status;

	if (message->status) {
		finish(vsp,
		       is_not_found(message->status) &&
				       operation <= KVP_OPERATION_DELETE
			       ? KVP_NOT_FOUND
			       : KVP_GUEST_ERROR,
		       message->status);
		return VMBUS_OK;
	}
	if (operation == KVP_OPERATION_GET)
		return take_value(vsp, message);
	if (operation != KVP_OPERATION_GET_IP) {
		finish(vsp, KVP_OK, 0);
		return VMBUS_OK;
	}
	if (!ip_bound(vsp, message))
		return ic_vsp_violate(&vsp->ic, VMBUS_E_IC_SHORT);
	status = kvp_ip_read(&vsp->event.ip, message->body, message->body_bytes,
			     vsp->ic.message_version);
	finish(vsp, status, 0);
	return VMBUS_OK;
}

static bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static enum vmbus_status take_item(struct kvp_vsp *vsp,
				   const struct ic_message *message)
{
	const struct kvp_enumerate *answer =
		(const struct kvp_enumerate *)message->body;
	struct kvp_item *item = &vsp->event.item;
	bool find = vsp->task == KVP_TASK_FIND;
	enum kvp_status status;

	if (message->status) {
		if (!is_not_found(message->status))
			finish(vsp, KVP_GUEST_ERROR, message->status);
		else
			finish(vsp, find ? KVP_NOT_FOUND : KVP_OK,
			       message->status);
		return VMBUS_OK;
	}
	if (message->body_bytes < sizeof(*answer))
		return ic_vsp_violate(&vsp->ic, VMBUS_E_IC_SHORT);
	if (value_bound(vsp, &answer->value))
		return vsp->ic.violation;
	status = kvp_key_read(item->key, answer->value.key,
			      answer->value.key_bytes);
	if (kvp_value_read(item, &answer->value))
		status = KVP_GUEST_TEXT;
	if (!find)
		event_begin(vsp, KVP_EVENT_ITEM, status, 0);
	else if (text_equal(item->key, vsp->find_key))
		finish(vsp, status, 0);
	vsp->index++;
	return VMBUS_OK;
}

enum vmbus_status kvp_vsp_receive(struct kvp_vsp *vsp, const void *data,
				  u32 size_bytes, u64 transaction_id,
				  u64 now_100ns)
{
	struct ic_message message;
	enum vmbus_status status;

	if (vsp->event_ready)
		return VMBUS_AGAIN;
	vsp->now_100ns = now_100ns;
	status = ic_vsp_receive(&vsp->ic, data, size_bytes, transaction_id,
				&message);
	if (status)
		return status;
	if (message.kind == IC_KIND_NEGOTIATED)
		vsp->probe_wanted = true;
	if (message.kind != IC_KIND_MESSAGE)
		return VMBUS_OK;
	switch (ic_call_answered(&vsp->call, message.transaction_id)) {
	case IC_CALL_MINE:
		break;
	case IC_CALL_LATE:
		heard(vsp, message.status, false);
		return VMBUS_OK;
	default:
		return VMBUS_OK;
	}
	heard(vsp, message.status, vsp->task == KVP_TASK_PROBE);
	switch (vsp->task) {
	case KVP_TASK_SIMPLE:
		return take_simple(vsp, &message);
	case KVP_TASK_ENUMERATE:
	case KVP_TASK_FIND:
		return take_item(vsp, &message);
	default:
		vsp->task = KVP_TASK_NONE;
		return VMBUS_OK;
	}
}

/* ---- time and output ---- */

/* What time makes due: deadlines, the next index, a probe. */
static void advance(struct kvp_vsp *vsp, u64 now_100ns)
{
	bool walking =
		vsp->task == KVP_TASK_ENUMERATE || vsp->task == KVP_TASK_FIND;

	vsp->now_100ns = now_100ns;
	if (ic_call_expired(&vsp->call, now_100ns)) {
		vsp->silent = true;
		if (vsp->task == KVP_TASK_PROBE)
			vsp->task = KVP_TASK_NONE;
		else
			finish(vsp, KVP_NO_ANSWER, 0);
	}
	if (vsp->event_ready || !ic_vsp_ready(&vsp->ic) ||
	    vsp->call.state != IC_CALL_IDLE)
		return;
	if (walking) {
		if (vsp->index >= vsp->options.item_limit)
			finish(vsp, KVP_LIMIT, 0);
		else
			begin(vsp, vsp->task, now_100ns);
	} else if (vsp->probe_wanted) {
		vsp->probe_wanted = false;
		item_body(vsp, KVP_OPERATION_ENUMERATE, KVP_POOL_AUTO);
		begin(vsp, KVP_TASK_PROBE, now_100ns);
	}
}

u32 kvp_vsp_transmit(struct kvp_vsp *vsp, u64 now_100ns, void *buffer,
		     u32 capacity_bytes, u64 *transaction_id)
{
	struct kvp_enumerate *enumerate = (struct kvp_enumerate *)vsp->body;
	u32 size_bytes;

	if (ic_vsp_negotiate_due(&vsp->ic))
		return ic_vsp_negotiate(&vsp->ic, buffer, capacity_bytes,
					transaction_id);
	advance(vsp, now_100ns);
	if (!ic_call_due(&vsp->call))
		return 0;
	/* A request that was refused may have left its traces meanwhile. */
	if (vsp->task == KVP_TASK_PROBE)
		item_body(vsp, KVP_OPERATION_ENUMERATE, KVP_POOL_AUTO);
	size_bytes = ic_vsp_request(&vsp->ic, buffer, capacity_bytes,
				    vsp->body_bytes, true, transaction_id);
	if (!size_bytes)
		return 0;
	if (vsp->task == KVP_TASK_ENUMERATE || vsp->task == KVP_TASK_FIND)
		enumerate->index = vsp->index;
	port_copy((u8 *)buffer + IC_BODY_OFFSET, vsp->body, vsp->body_bytes);
	ic_call_sent(&vsp->call, *transaction_id);
	return size_bytes;
}

u64 kvp_vsp_deadline_100ns(const struct kvp_vsp *vsp)
{
	return ic_call_deadline_100ns(&vsp->call);
}

bool kvp_vsp_next_event(struct kvp_vsp *vsp, struct kvp_event *event)
{
	if (!vsp->event_ready)
		return false;
	*event = vsp->event;
	vsp->event_ready = false;
	return true;
}

enum ic_status kvp_vsp_status(const struct kvp_vsp *vsp, u64 now_100ns)
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

enum ic_detail kvp_vsp_detail(const struct kvp_vsp *vsp, u64 now_100ns)
{
	(void)now_100ns;
	return ic_vsp_detail(&vsp->ic);
}

void kvp_vsp_closed(struct kvp_vsp *vsp)
{
	if (kvp_vsp_busy(vsp) && !vsp->event_ready)
		finish(vsp, KVP_CLOSED, 0);
	vsp->task = KVP_TASK_NONE;
	vsp->probe_wanted = false;
	port_fill(&vsp->call, 0, sizeof(vsp->call));
	/* Neither ready nor due: nothing more until the next init. */
	vsp->ic.negotiation = IC_NEGOTIATION_ASKED;
}
