// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "tests/fuzz/ic_fuzz.h"

#include "services/kvp/vsc.h"
#include "services/kvp/vsp.h"

static struct kvp_vsp vsp;
static struct kvp_vsc vsc;
static struct kvp_request request;
static u32 items; /* given since the newest request began */

static void start(u8 choice)
{
	static const u32 versions[] = { 0, KVP_VERSION_1_0, KVP_VERSION_3_0,
					KVP_VERSION_4_0 };
	struct kvp_vsp_options options = {
		.newest_version = versions[choice % 4],
		.item_limit = 16,
		.utf8_limits = choice & 0x40,
	};

	ic_fuzz_require(!kvp_vsp_init(&vsp, &options));
	ic_fuzz_require(!kvp_vsc_init(&vsc, versions[choice / 4 % 4]));
}

static void require_text(const char *text, size_t bytes)
{
	u8 units[2 * 4096];

	ic_fuzz_require(memchr(text, 0, bytes) != NULL);
	ic_fuzz_require(!utf16_from_utf8(units, 4096, NULL, text));
}

static void require_item(const struct kvp_item *item)
{
	require_text(item->key, sizeof(item->key));
	ic_fuzz_require(item->type <= KVP_U64);
	if (item->type == KVP_STRING)
		require_text(item->text, sizeof(item->text));
	ic_fuzz_require(item->type != KVP_U32 || item->number <= 0xffffffff);
}

static void require_ip(const struct kvp_ip_info *ip)
{
	require_text(ip->adapter_id, sizeof(ip->adapter_id));
	require_text(ip->addresses, sizeof(ip->addresses));
	require_text(ip->subnets, sizeof(ip->subnets));
	require_text(ip->gateways, sizeof(ip->gateways));
	require_text(ip->dns_servers, sizeof(ip->dns_servers));
}

static void take_events(void)
{
	struct kvp_event event;

	while (kvp_vsp_next_event(&vsp, &event)) {
		ic_fuzz_require(event.status < KVP_STATUS_COUNT);
		ic_fuzz_require(event.pool < KVP_POOL_COUNT);
		if (event.kind == KVP_EVENT_ITEM)
			ic_fuzz_require(++items <= 16);
		if (event.status)
			continue;
		if (event.operation == KVP_OPERATION_GET_IP)
			require_ip(&event.ip);
		else if (event.kind == KVP_EVENT_ITEM ||
			 event.operation == KVP_OPERATION_GET)
			require_item(&event.item);
	}
}

static void sample_ip(struct kvp_ip_info *ip)
{
	memset(ip, 0, sizeof(*ip));
	strcpy(ip->adapter_id, "{f8615163-df3e-46c5-913f-f2d2f965ed0e}");
	strcpy(ip->addresses, "192.0.2.1;2001:db8::1");
	strcpy(ip->subnets, "24;/64");
	strcpy(ip->gateways, "192.0.2.254");
}

static enum kvp_status ask(u8 choice, u64 now_100ns)
{
	struct kvp_item item = { .key = "key", .text = "value \xc3\xa4" };
	u32 pool = choice >> 5;
	struct kvp_ip_info ip;

	switch (choice % 8) {
	case 0:
		return kvp_vsp_get(&vsp, pool, "key", now_100ns);
	case 1:
		return kvp_vsp_find(&vsp, pool, "key", now_100ns);
	case 2:
		item.type = (enum kvp_type)(choice >> 3 & 3);
		item.number = choice;
		return kvp_vsp_set(&vsp, pool, &item, now_100ns);
	case 3:
		return kvp_vsp_delete(&vsp, pool, "key", now_100ns);
	case 4:
		return kvp_vsp_enumerate(&vsp, pool, now_100ns);
	case 5:
		return kvp_vsp_get_ip(&vsp, "00:15:5D:01:02:03", now_100ns);
	case 6:
		sample_ip(&ip);
		return kvp_vsp_set_ip(&vsp, &ip, now_100ns);
	default:
		return kvp_vsp_probe(&vsp, now_100ns);
	}
}

static void poke(u8 choice, u64 now_100ns)
{
	bool busy = kvp_vsp_busy(&vsp);

	if (choice == 0xff)
		kvp_vsp_closed(&vsp);
	else if (!ask(choice, now_100ns) && !busy)
		items = 0;
	take_events();
}

static u32 host_transmit(u64 now_100ns, u8 *buffer, u32 capacity_bytes,
			 u64 *transaction_id)
{
	u32 size_bytes;

	take_events();
	size_bytes = kvp_vsp_transmit(&vsp, now_100ns, buffer, capacity_bytes,
				      transaction_id);
	ic_fuzz_require(size_bytes <= KVP_VSP_PACKET_MAX);
	take_events();
	return size_bytes;
}

static enum vmbus_status host_receive(const u8 *data, u32 size_bytes,
				      u64 transaction_id, u64 now_100ns)
{
	enum vmbus_status status;

	take_events();
	status = kvp_vsp_receive(&vsp, data, size_bytes, transaction_id,
				 now_100ns);
	take_events();
	return status;
}

static void require_request(void)
{
	ic_fuzz_require(request.operation < KVP_OPERATION_COUNT);
	ic_fuzz_require(request.pool < KVP_POOL_COUNT);
	if (request.operation >= KVP_OPERATION_GET_IP)
		require_ip(&request.ip);
	else
		require_item(&request.item);
}

/* Ten items in each pool; any key is found. */
static u32 serve(void)
{
	if (request.operation == KVP_OPERATION_ENUMERATE) {
		if (request.index >= 10)
			return IC_E_NO_MORE_ITEMS;
		strcpy(request.item.key, request.index < 9 ? "k" : "key");
	}
	if (request.operation == KVP_OPERATION_GET_IP)
		sample_ip(&request.ip);
	else if (request.operation <= KVP_OPERATION_ENUMERATE &&
		 request.operation != KVP_OPERATION_SET)
		strcpy(request.item.text, "text");
	return IC_S_OK;
}

static enum vmbus_status guest_receive(const u8 *data, u32 size_bytes,
				       u64 now_100ns, u8 *response,
				       u32 capacity_bytes, u32 *response_bytes)
{
	enum vmbus_status status;
	bool requested;
	u64 id;

	(void)now_100ns;
	status = kvp_vsc_receive(&vsc, data, size_bytes, 7, response,
				 capacity_bytes, response_bytes, &request,
				 &requested);
	if (!requested)
		return status;
	ic_fuzz_require(!status && !*response_bytes);
	require_request();
	*response_bytes = kvp_vsc_respond(&vsc, serve(), &request, response,
					  capacity_bytes, &id);
	ic_fuzz_require(*response_bytes && id == 7);
	return status;
}

static void check(u64 now_100ns)
{
	enum ic_status status = kvp_vsp_status(&vsp, now_100ns);

	ic_fuzz_require(status <= IC_STATUS_ERROR);
	ic_fuzz_require((status == IC_STATUS_ERROR) ==
			(vsp.ic.violation != VMBUS_OK));
	ic_fuzz_require(kvp_vsp_detail(&vsp, now_100ns) <=
			IC_DETAIL_PROTOCOL_MISMATCH);
	ic_fuzz_require(vsp.call.state == IC_CALL_IDLE ||
			kvp_vsp_deadline_100ns(&vsp) != IC_NEVER);
}

const struct ic_fuzz_ends kvp_fuzz_ends = {
	.start = start,
	.poke = poke,
	.host_transmit = host_transmit,
	.host_receive = host_receive,
	.guest_receive = guest_receive,
	.check = check,
};
