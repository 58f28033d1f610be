// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Key-value pair exchange, served by a daemon at /dev/vmbus/hv_kvp.
 *
 * Here: requests as services/kvp has read them, in the daemon's layout, and its
 * answers back. A daemon knows texts only, so numbers are written out.
 */
#include "guest/kmod/hv_utils/abi.h"
#include "guest/kmod/hv_utils/door.h"
#include "services/kvp/vsc.h"

/* The version that the guest tells of its drivers. */
#define DRIVERS_VERSION "3.1"

struct kvp {
	struct kvp_vsc vsc;
	struct kvp_request request;
	struct abi_kvp message;
};

static struct door door;
static bool daemon_knows_ip;

/* ---- to the daemon ---- */

static void text_put(u8 *to, size_t room, const char *text, u32 *size_bytes)
{
	*size_bytes = min(strlen(text), room - 1) + 1;
	memcpy(to, text, *size_bytes - 1);
}

static void value_put(struct abi_kvp_value *to, const struct kvp_item *item)
{
	char number[24];

	to->type = ABI_KVP_STRING;
	if (item->type == KVP_STRING) {
		text_put(to->value, sizeof(to->value), item->text,
			 &to->value_bytes);
	} else {
		snprintf(number, sizeof(number), "%llu", item->number);
		text_put(to->value, sizeof(to->value), number,
			 &to->value_bytes);
	}
}

static void ip_put(struct abi_kvp_ip *to, const struct kvp_ip_info *ip)
{
	strscpy(to->adapter_id, ip->adapter_id, sizeof(to->adapter_id));
	strscpy(to->addresses, ip->addresses, sizeof(to->addresses));
	strscpy(to->subnets, ip->subnets, sizeof(to->subnets));
	strscpy(to->gateways, ip->gateways, sizeof(to->gateways));
	strscpy(to->dns_servers, ip->dns_servers, sizeof(to->dns_servers));
	to->family = ip->family;
	to->dhcp_enabled = ip->dhcp_enabled;
}

/* A key or value that the daemon's layout has no room for. */
static bool too_long(const struct kvp_request *request)
{
	switch (request->operation) {
	case KVP_OPERATION_GET:
	case KVP_OPERATION_SET:
	case KVP_OPERATION_DELETE:
		return strlen(request->item.key) >= 512 ||
		       strlen(request->item.text) >= 2048;
	case KVP_OPERATION_GET_IP:
	case KVP_OPERATION_SET_IP:
		return strlen(request->ip.addresses) >= 2048 ||
		       strlen(request->ip.subnets) >= 2048 ||
		       strlen(request->ip.gateways) >= 1024 ||
		       strlen(request->ip.dns_servers) >= 2048;
	default:
		return false;
	}
}

static void message_fill(struct abi_kvp *to, const struct kvp_request *request)
{
	memset(to, 0, sizeof(*to));
	to->operation = request->operation;
	to->pool = request->pool;
	switch (request->operation) {
	case KVP_OPERATION_SET:
		value_put(&to->item, &request->item);
		fallthrough;
	case KVP_OPERATION_GET:
		text_put(to->item.key, sizeof(to->item.key), request->item.key,
			 &to->item.key_bytes);
		break;
	case KVP_OPERATION_DELETE:
		text_put(to->delete.key, sizeof(to->delete.key),
			 request->item.key, &to->delete.key_bytes);
		break;
	case KVP_OPERATION_ENUMERATE:
		to->enumerate.index = request->index;
		break;
	default:
		ip_put(&to->ip, &request->ip);
	}
}

static u32 request_refused(const struct kvp *kvp)
{
	bool about_ip = kvp->request.operation == KVP_OPERATION_GET_IP ||
			kvp->request.operation == KVP_OPERATION_SET_IP;

	if (about_ip && !READ_ONCE(daemon_knows_ip))
		return IC_E_NOT_SUPPORTED;
	return too_long(&kvp->request) ? IC_E_INVALID_ARGUMENT : 0;
}

/* ---- to the host ---- */

static void respond(struct util *util, u32 status)
{
	struct kvp *kvp = util->state;
	u64 transaction_id;
	u32 size_bytes;

	size_bytes = kvp_vsc_respond(&kvp->vsc, status, &kvp->request,
				     util->response, sizeof(util->response),
				     &transaction_id);
	if (size_bytes)
		util_respond(util, size_bytes, transaction_id);
}

static enum vmbus_status receive(struct util *util, u32 size_bytes,
				 u64 transaction_id, u32 *response_bytes)
{
	struct kvp *kvp = util->state;
	enum vmbus_status status;
	bool requested;
	u32 refused;

	status = kvp_vsc_receive(&kvp->vsc, util->packet, size_bytes,
				 transaction_id, util->response,
				 sizeof(util->response), response_bytes,
				 &kvp->request, &requested);
	if (status || !requested)
		return status;
	refused = request_refused(kvp);
	if (!refused) {
		message_fill(&kvp->message, &kvp->request);
		if (!door_ask(&door, &kvp->message, sizeof(kvp->message)))
			refused = IC_E_FAIL;
	}
	if (refused)
		respond(util, refused);
	return VMBUS_OK;
}

/* ---- from the daemon ---- */

/* A text of at most @room bytes, whose terminator may be missing. */
static void text_take(char *to, size_t to_room, const u8 *from, size_t room)
{
	size_t size = strnlen((const char *)from, min(room, to_room - 1));

	memcpy(to, from, size);
	to[size] = 0;
}

static void value_take(struct kvp_item *item, const struct abi_kvp_value *from)
{
	item->type = KVP_STRING;
	text_take(item->key, sizeof(item->key), from->key, sizeof(from->key));
	text_take(item->text, sizeof(item->text), from->value,
		  sizeof(from->value));
}

/* Daemons end their lists with a separator. */
static void list_take(char *to, size_t to_room, const u8 *from, size_t room)
{
	size_t size;

	text_take(to, to_room, from, room);
	size = strlen(to);
	if (size && to[size - 1] == ';')
		to[size - 1] = 0;
}

static void ip_take(struct kvp_ip_info *ip, const struct abi_kvp_ip *from)
{
	text_take(ip->adapter_id, sizeof(ip->adapter_id), from->adapter_id,
		  sizeof(from->adapter_id));
	list_take(ip->addresses, sizeof(ip->addresses), from->addresses,
		  sizeof(from->addresses));
	list_take(ip->subnets, sizeof(ip->subnets), from->subnets,
		  sizeof(from->subnets));
	list_take(ip->gateways, sizeof(ip->gateways), from->gateways,
		  sizeof(from->gateways));
	list_take(ip->dns_servers, sizeof(ip->dns_servers), from->dns_servers,
		  sizeof(from->dns_servers));
	ip->family = from->family;
	ip->dhcp_enabled = from->dhcp_enabled;
}

static int answer(struct util *util, const void *data, u32 size_bytes)
{
	const struct abi_kvp *message = data;
	struct kvp *kvp = util->state;

	if (size_bytes < sizeof(*message))
		return -EINVAL;
	switch (kvp->request.operation) {
	case KVP_OPERATION_GET:
		value_take(&kvp->request.item, &message->item);
		break;
	case KVP_OPERATION_ENUMERATE:
		value_take(&kvp->request.item, &message->enumerate.item);
		break;
	case KVP_OPERATION_GET_IP:
		ip_take(&kvp->request.ip, &message->ip);
		break;
	default:
		break;
	}
	respond(util, message->error);
	return 0;
}

static int hello(const void *data, u32 size_bytes, void *reply)
{
	const struct abi_kvp *message = data;
	struct abi_kvp *answer = reply;

	if (size_bytes < sizeof(*message) ||
	    (message->operation != ABI_KVP_HELLO &&
	     message->operation != ABI_KVP_HELLO_OLD))
		return -EINVAL;
	WRITE_ONCE(daemon_knows_ip, message->operation == ABI_KVP_HELLO);
	memset(answer, 0, sizeof(*answer));
	answer->operation = message->operation;
	strscpy(answer->version, DRIVERS_VERSION, sizeof(answer->version));
	return sizeof(*answer);
}

static const struct door_ops ops = {
	.hello = hello,
	.answer = answer,
	.fail = respond,
};

static struct door door = {
	.misc.name = "vmbus/hv_kvp",
	.ops = &ops,
	.patience_s = 30,
};

/* ---- the component ---- */

static void begin(struct util *util)
{
	struct kvp *kvp = util->state;

	/* Later ones carry addresses in a form that daemons do not speak. */
	kvp_vsc_init(&kvp->vsc, KVP_VERSION_4_0);
}

static int start(struct util *util)
{
	return door_open(&door, util);
}

static void stop(struct util *util)
{
	door_close(&door);
}

const struct util_service util_kvp = {
	.name = "key-value exchange",
	.logged = "KVP",
	.state_bytes = sizeof(struct kvp),
	.ic_offset = offsetof(struct kvp, vsc.ic),
	.door = &door,
	.begin = begin,
	.start = start,
	.stop = stop,
	.receive = receive,
};
