// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "tests/unit/services/kvp_link.h"

#include <stdio.h>

struct kvp_link kvp_link;
struct kvp_item kvp_link_pools[KVP_POOL_COUNT][KVP_LINK_ITEMS];
struct kvp_item kvp_link_items[KVP_LINK_ITEMS];

void kvp_link_start(const struct kvp_vsp_options *options, u32 guest_version)
{
	memset(&kvp_link, 0, sizeof(kvp_link));
	assert_int_equal(kvp_vsp_init(&kvp_link.vsp, options), VMBUS_OK);
	assert_int_equal(kvp_vsc_init(&kvp_link.vsc, guest_version), VMBUS_OK);
}

void kvp_link_open(const struct kvp_vsp_options *options, u32 guest_version)
{
	kvp_link_start(options, guest_version);
	kvp_link_put(KVP_POOL_AUTO, "OSName", "Linux");
	kvp_link_run();
	assert_int_equal(kvp_vsp_status(&kvp_link.vsp, kvp_link.now_100ns),
			 IC_STATUS_OK);
	assert_int_equal(kvp_link.done_count, 0);
}

struct kvp_item kvp_link_item(const char *key, const char *text)
{
	struct kvp_item item = { .type = KVP_STRING };

	snprintf(item.key, sizeof(item.key), "%s", key);
	snprintf(item.text, sizeof(item.text), "%s", text);
	return item;
}

void kvp_link_put(u32 pool, const char *key, const char *text)
{
	kvp_link_pools[pool][kvp_link.counts[pool]++] =
		kvp_link_item(key, text);
}

void kvp_link_events(void)
{
	struct kvp_event event;

	while (kvp_vsp_next_event(&kvp_link.vsp, &event)) {
		if (event.kind == KVP_EVENT_DONE) {
			kvp_link.done = event;
			kvp_link.done_count++;
		} else if (event.status) {
			assert_int_equal(event.status, KVP_GUEST_TEXT);
			kvp_link.bad_count++;
		} else {
			assert_true(kvp_link.item_count < KVP_LINK_ITEMS);
			kvp_link_items[kvp_link.item_count++] = event.item;
		}
	}
}

bool kvp_link_host_sends(struct ic_link_packet *packet)
{
	kvp_link_events();
	packet->size_bytes = kvp_vsp_transmit(&kvp_link.vsp, kvp_link.now_100ns,
					      packet->bytes, KVP_VSP_PACKET_MAX,
					      &packet->transaction_id);
	kvp_link_events();
	return packet->size_bytes != 0;
}

static struct kvp_item *guest_find(u32 pool, const char *key)
{
	u32 i;

	for (i = 0; i < kvp_link.counts[pool]; i++) {
		if (!strcmp(kvp_link_pools[pool][i].key, key))
			return &kvp_link_pools[pool][i];
	}
	return NULL;
}

static u32 guest_set(const struct kvp_request *request)
{
	struct kvp_item *item = guest_find(request->pool, request->item.key);

	if (!item)
		item = &kvp_link_pools[request->pool]
				      [kvp_link.counts[request->pool]++];
	*item = request->item;
	return IC_S_OK;
}

static u32 guest_delete(const struct kvp_request *request)
{
	struct kvp_item *item = guest_find(request->pool, request->item.key);

	if (!item)
		return IC_E_NO_MORE_ITEMS;
	*item = kvp_link_pools[request->pool][--kvp_link.counts[request->pool]];
	return IC_S_OK;
}

/* What a guest does; the result goes over the request. */
static u32 guest_serve(struct kvp_request *request)
{
	struct kvp_item *item;

	switch (request->operation) {
	case KVP_OPERATION_GET:
		item = guest_find(request->pool, request->item.key);
		if (!item)
			return IC_E_NO_MORE_ITEMS;
		request->item = *item;
		return IC_S_OK;
	case KVP_OPERATION_SET:
		return guest_set(request);
	case KVP_OPERATION_DELETE:
		return guest_delete(request);
	case KVP_OPERATION_ENUMERATE:
		if (request->index >= kvp_link.counts[request->pool])
			return IC_E_NO_MORE_ITEMS;
		request->item = kvp_link_pools[request->pool][request->index];
		return IC_S_OK;
	case KVP_OPERATION_GET_IP:
		memcpy(kvp_link.adapter.adapter_id, request->ip.adapter_id,
		       sizeof(request->ip.adapter_id));
		request->ip = kvp_link.adapter;
		return IC_S_OK;
	default:
		kvp_link.adapter = request->ip;
		return IC_S_OK;
	}
}

bool kvp_link_guest_answers(const struct ic_link_packet *request,
			    struct ic_link_packet *answer)
{
	struct kvp_request result;
	bool requested;
	u32 status;

	answer->transaction_id = request->transaction_id;
	assert_int_equal(
		kvp_vsc_receive(&kvp_link.vsc, request->bytes,
				request->size_bytes, request->transaction_id,
				answer->bytes, sizeof(answer->bytes),
				&answer->size_bytes, &result, &requested),
		VMBUS_OK);
	if (!requested)
		return answer->size_bytes != 0;
	kvp_link.request_count++;
	kvp_link.request = result;
	status = guest_serve(&result);
	if (kvp_link.forced_status)
		status = kvp_link.forced_status;
	answer->size_bytes =
		kvp_vsc_respond(&kvp_link.vsc, status, &result, answer->bytes,
				KVP_PACKET_MAX_BYTES, &answer->transaction_id);
	assert_int_equal(answer->size_bytes, request->size_bytes);
	return true;
}

enum vmbus_status kvp_link_host_takes(const struct ic_link_packet *packet)
{
	enum vmbus_status status;

	kvp_link_events();
	status = kvp_vsp_receive(&kvp_link.vsp, packet->bytes,
				 packet->size_bytes, packet->transaction_id,
				 kvp_link.now_100ns);
	kvp_link_events();
	return status;
}

void kvp_link_run(void)
{
	struct ic_link_packet request, answer;

	while (kvp_link_host_sends(&request)) {
		if (kvp_link_guest_answers(&request, &answer))
			assert_int_equal(kvp_link_host_takes(&answer),
					 VMBUS_OK);
	}
}
