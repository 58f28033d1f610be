/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Messages of the kernel's driver, as a host has it make them: each an
 * operation, a pool, two lengths, and the bytes of two texts.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lisd/kvp/kvp.h"
#include "lisd_folder.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define HEAD_BYTES 4

static struct kvp_state state;
static struct hv_kvp_msg message;

static void start(void)
{
	struct lisd_env *env = lisd_folder();

	if (state.env)
		return;
	/* Whatever is asked, this machine's network stays as it is. */
	if (lisd_setting_add(env, "kvp.manager=none") || kvp_open(&state, env))
		abort();
}

static void fill(void *field, size_t room, const u8 *data, size_t bytes)
{
	memcpy(field, data, bytes < room ? bytes : room);
}

/* Takes one message from the input: what is left of it. */
static size_t message_take(const u8 *data, size_t size)
{
	size_t first = data[2], second = data[3];
	struct hv_kvp_ipaddr_value *wire = &message.body.kvp_ip_val;
	const u8 *at = data + HEAD_BYTES;

	if (first > size - HEAD_BYTES)
		first = size - HEAD_BYTES;
	if (second > size - HEAD_BYTES - first)
		second = size - HEAD_BYTES - first;
	memset(&message, 0, sizeof(message));
	message.kvp_hdr.operation = data[0];
	message.kvp_hdr.pool = data[1];
	switch (data[0]) {
	case KVP_OP_GET_IP_INFO:
	case KVP_OP_SET_IP_INFO:
		strcpy((char *)wire->adapter_id, "00:00:00:00:00:00");
		fill(wire->ip_addr, sizeof(wire->ip_addr), at, first);
		fill(wire->dns_addr, sizeof(wire->dns_addr), at + first,
		     second);
		break;
	case KVP_OP_DELETE:
		fill(message.body.kvp_delete.key,
		     sizeof(message.body.kvp_delete.key), at, first);
		break;
	case KVP_OP_ENUMERATE:
		fill(&message.body.kvp_enum_data.index, 4, at, first);
		break;
	default:
		fill(message.body.kvp_set.data.key,
		     sizeof(message.body.kvp_set.data.key), at, first);
		fill(message.body.kvp_set.data.value,
		     sizeof(message.body.kvp_set.data.value), at + first,
		     second);
		break;
	}
	return size - HEAD_BYTES - first - second;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	size_t left;
	int i;

	start();
	while (size > HEAD_BYTES) {
		left = message_take(data, size);
		kvp_answer(&state, &message);
		data += size - left;
		size = left;
	}
	/* What one input leaves is not the next one's. */
	for (i = 0; i < KVP_POOL_COUNT; i++) {
		const char *key, *value;

		while (pool_at(&state.pools[i], 0, &key, &value) == POOL_OK) {
			char copy[POOL_KEY_BYTES];

			strcpy(copy, key);
			assert(pool_remove(&state.pools[i], copy) == POOL_OK);
		}
	}
	return 0;
}
