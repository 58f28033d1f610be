/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A request of the kernel's driver, checked, and its answer. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/lisd/file.h"
#include "guest/lisd/kvp/kvp.h"
#include "guest/lisd/kvp/osinfo.h"
#include "guest/lisd/log.h"

#define MODE_DEFAULT	"0644"
#define MODE_MASK	0644
#define E_ACCESS_DENIED 0x80070005u

_Static_assert(HV_KVP_EXCHANGE_MAX_KEY_SIZE == POOL_KEY_BYTES &&
		       HV_KVP_EXCHANGE_MAX_VALUE_SIZE == POOL_VALUE_BYTES,
	       "a record holds what a message does");

static enum pool_status pools_check(struct kvp_state *state, const char *folder,
				    mode_t mode)
{
	char path[LISD_PATH_BYTES], full[LISD_PATH_BYTES];
	enum pool_status status, worst = POOL_OK;
	int i;

	lisd_path(state->env, full, folder);
	if (mkdir(full, 0755) && errno != EEXIST)
		return POOL_READONLY;
	for (i = 0; i < KVP_POOL_COUNT; i++) {
		snprintf(path, sizeof(path), "%s/.kvp_pool_%d", folder, i);
		pool_close(&state->pools[i]);
		pool_init(&state->pools[i], lisd_path(state->env, full, path),
			  mode);
		status = pool_check(&state->pools[i]);
		if (status != POOL_OK)
			worst = status;
	}
	return worst;
}

int kvp_open(struct kvp_state *state, struct lisd_env *env)
{
	const char *text = lisd_setting(env, "kvp.pool-mode", MODE_DEFAULT);
	char *end;
	unsigned long mode = strtoul(text, &end, 8);
	int i;

	memset(state, 0, sizeof(*state));
	state->env = env;
	state->network.env = env;
	state->network.runner.fd = -1;
	for (i = 0; i < KVP_POOL_COUNT; i++)
		state->pools[i].replaced_fd = -1;
	(void)text_copy(state->driver, sizeof(state->driver), "3.1");
	if (!*text || *end || (mode & ~(unsigned long)MODE_MASK) ||
	    !(mode & 0200)) {
		log_error("setting kvp.pool-mode: '%s' is not an octal number "
			  "from 0200 to " MODE_DEFAULT,
			  text);
		return -1;
	}
	if (pools_check(state, KVP_FOLDER, (mode_t)mode) != POOL_READONLY)
		return 0;
	log_warning("%s cannot be written: the pools are in %s until the next "
		    "boot",
		    KVP_FOLDER, KVP_FOLDER_LATE);
	if (pools_check(state, KVP_FOLDER_LATE, (mode_t)mode) != POOL_OK)
		log_error("%s cannot be written either: there are no pools",
			  KVP_FOLDER_LATE);
	return 0;
}

void kvp_close(struct kvp_state *state)
{
	int i;

	for (i = 0; i < KVP_POOL_COUNT; i++)
		pool_close(&state->pools[i]);
	runner_stop(&state->network.runner);
}

static u32 status_of(enum pool_status status)
{
	switch (status) {
	case POOL_OK:
		return HV_S_OK;
	case POOL_NONE:
		return HV_S_CONT;
	case POOL_FULL:
		return HV_ERROR_DISK_FULL;
	case POOL_READONLY:
		return E_ACCESS_DENIED;
	case POOL_ERROR:
		break;
	}
	return HV_E_FAIL;
}

/* A text of the message, copied out; false when it has no end or is empty. */
static bool text_take(char *out, const u8 *text, size_t bytes,
		      bool may_be_empty)
{
	if (!memchr(text, 0, bytes) || (!*text && !may_be_empty))
		return false;
	memcpy(out, text, strlen((const char *)text) + 1);
	return true;
}

static void value_give(struct hv_kvp_exchg_msg_value *data, const char *key,
		       const char *value)
{
	size_t key_bytes = strlen(key) + 1, value_bytes = strlen(value) + 1;

	data->value_type = REG_SZ;
	data->key_size = (u32)key_bytes;
	data->value_size = (u32)value_bytes;
	memcpy(data->key, key, key_bytes);
	memcpy(data->value, value, value_bytes);
}

static u32 get(struct kvp_state *state, u8 pool, struct hv_kvp_msg *message)
{
	struct hv_kvp_exchg_msg_value *data = &message->body.kvp_get.data;
	static char value[OSINFO_VALUE_BYTES];
	char key[POOL_KEY_BYTES];
	const char *found = value;
	enum pool_status status;
	int index;

	if (!text_take(key, data->key, sizeof(data->key), false))
		return HV_INVALIDARG;
	memset(&message->body, 0, sizeof(message->body));
	index = pool == KVP_POOL_AUTO ? osinfo_index(key) : -1;
	if (index >= 0) {
		osinfo_item(state->env, (u32)index, state->driver, value);
	} else {
		status = pool_get(&state->pools[pool], key, &found);
		if (status != POOL_OK)
			return status_of(status);
	}
	value_give(data, key, found);
	return HV_S_OK;
}

static u32 set(struct kvp_state *state, u8 pool, struct hv_kvp_msg *message)
{
	struct hv_kvp_exchg_msg_value *data = &message->body.kvp_set.data;
	static char value[POOL_VALUE_BYTES];
	char key[POOL_KEY_BYTES];

	if (!text_take(key, data->key, sizeof(data->key), false) ||
	    !text_take(value, data->value, sizeof(data->value), true))
		return HV_INVALIDARG;
	memset(&message->body, 0, sizeof(message->body));
	return status_of(pool_set(&state->pools[pool], key, value));
}

static u32 delete (struct kvp_state *state, u8 pool, struct hv_kvp_msg *message)
{
	char key[POOL_KEY_BYTES];

	if (!text_take(key, message->body.kvp_delete.key,
		       sizeof(message->body.kvp_delete.key), false))
		return HV_INVALIDARG;
	memset(&message->body, 0, sizeof(message->body));
	return status_of(pool_remove(&state->pools[pool], key));
}

static u32 enumerate(struct kvp_state *state, u8 pool,
		     struct hv_kvp_msg *message)
{
	u32 index = message->body.kvp_enum_data.index;
	static char value[OSINFO_VALUE_BYTES];
	const char *key, *found = value;
	enum pool_status status;

	memset(&message->body, 0, sizeof(message->body));
	if (pool == KVP_POOL_AUTO) {
		key = osinfo_item(state->env, index, state->driver, value);
		if (!key)
			return HV_S_CONT;
	} else {
		status = pool_at(&state->pools[pool], index, &key, &found);
		if (status != POOL_OK)
			return status_of(status);
	}
	message->body.kvp_enum_data.index = index;
	value_give(&message->body.kvp_enum_data.data, key, found);
	return HV_S_OK;
}

static u32 set_ip(struct kvp_state *state, struct hv_kvp_msg *message)
{
	struct hv_kvp_ipaddr_value *wire = &message->body.kvp_ip_val;
	struct network *network = &state->network;
	char id[sizeof(wire->adapter_id)], reason[APPLY_REASON_BYTES];
	struct netconf conf = { 0 };
	const struct net_link *link = NULL;
	const char *wrong;
	u32 status;

	wrong = memchr(wire->adapter_id, 0, sizeof(wire->adapter_id))
			? netconf_parse(&conf, wire)
			: "the adapter's name has no end";
	memcpy(id, wire->adapter_id, sizeof(id));
	memset(&message->body, 0, sizeof(message->body));
	if (wrong) {
		log_error("the host's addresses are refused: %s", wrong);
		return HV_INVALIDARG;
	}
	if (!network_begin(network))
		link = network_find(network, id);
	if (!link) {
		network_end(network);
		log_error("the host's addresses are for an adapter that is not "
			  "here: %s",
			  id);
		return HV_GUID_NOTFOUND;
	}
	(void)text_copy(conf.name, sizeof(conf.name), link->name);
	*conf.mac = '\0';
	if (link->has_mac)
		snprintf(conf.mac, sizeof(conf.mac),
			 "%02x:%02x:%02x:%02x:%02x:%02x", link->mac[0],
			 link->mac[1], link->mac[2], link->mac[3], link->mac[4],
			 link->mac[5]);
	status = network_apply(network, &conf, reason);
	network_end(network);
	if (status == HV_S_OK)
		log_notice("%s: has the addresses that the host set",
			   conf.name);
	else
		log_error("%s; put back as it was", reason);
	return status;
}

void kvp_answer(struct kvp_state *state, struct hv_kvp_msg *message)
{
	u8 operation = message->kvp_hdr.operation;
	u8 pool = message->kvp_hdr.pool;
	u32 status = HV_INVALIDARG;

	message->kvp_hdr.pad = 0;
	if (operation == KVP_OP_GET_IP_INFO)
		status =
			network_get(&state->network, &message->body.kvp_ip_val);
	else if (operation == KVP_OP_SET_IP_INFO)
		status = set_ip(state, message);
	else if (pool >= KVP_POOL_COUNT)
		status = HV_INVALIDARG;
	else if (operation == KVP_OP_GET)
		status = get(state, pool, message);
	else if (operation == KVP_OP_SET)
		status = set(state, pool, message);
	else if (operation == KVP_OP_DELETE)
		status = delete (state, pool, message);
	else if (operation == KVP_OP_ENUMERATE)
		status = enumerate(state, pool, message);
	if (status != HV_S_OK)
		memset(&message->body, 0, sizeof(message->body));
	message->error = (int)status;
}
