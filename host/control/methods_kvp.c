/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/methods.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/params.h"
#include "host/control/vm.h"

/* A GUID without braces. */
#define GUID_TEXT_BYTES 36

static const char *const pool_names[] = {
	[KVP_POOL_EXTERNAL] = "external",
	[KVP_POOL_GUEST] = "guest",
	[KVP_POOL_AUTO] = "auto",
	[KVP_POOL_AUTO_EXTERNAL] = "auto-external",
	[KVP_POOL_AUTO_INTERNAL] = "auto-internal",
};

static const char *const type_names[] = {
	[KVP_STRING] = "string",
	[KVP_U32] = "u32",
	[KVP_U64] = "u64",
};

/* What a request has found so far, and what it goes on to. */
struct lookup {
	struct control_request *request;
	json_t *result;
	struct kvp_job set; /* kvp.set: what follows the search */
	bool must_exist;
};

static bool name_find(const char *const *names, size_t count, const char *name,
		      u32 *index)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(names[i], name)) {
			*index = (u32)i;
			return true;
		}
	}
	return false;
}

static bool pool_of(struct control_request *request, json_t *params,
		    const char *standard, u32 *pool)
{
	const char *name = standard;

	if (!params_text(request, params, "pool", false, &name))
		return false;
	if (name_find(pool_names, PORT_ARRAY_SIZE(pool_names), name, pool))
		return true;
	control_fail_params(request, "\"pool\" must be external, guest, auto, "
				     "auto-external or auto-internal");
	return false;
}

/* Copy a key; too long for its memory is for the engine to name. */
static bool key_of(struct control_request *request, json_t *params,
		   struct kvp_item *item)
{
	const char *key = NULL;

	if (!params_text(request, params, "key", true, &key))
		return false;
	if (strlen(key) >= sizeof(item->key)) {
		control_fail(request, "too-long", "%s",
			     kvp_status_text(KVP_KEY_TOO_LONG_8));
		return false;
	}
	strcpy(item->key, key);
	return true;
}

static json_t *item_json(const struct kvp_item *item)
{
	char number[24];
	const char *value = item->text;

	if (item->type != KVP_STRING) {
		snprintf(number, sizeof(number), "%" PRIu64, item->number);
		value = number;
	}
	return json_pack("{s:s, s:s, s:s}", "key", item->key, "value", value,
			 "type", type_names[item->type]);
}

static struct lookup *lookup_new(struct control_request *request,
				 json_t *result)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));

	if (!lookup) {
		json_decref(result);
		control_fail(request, "io", "out of memory");
		return NULL;
	}
	lookup->request = request;
	lookup->result = result;
	return lookup;
}

static struct component *kvp_of(struct control_request *request)
{
	struct vm *vm = request->context;

	return vm->components[SERVICE_KVP];
}

/* Every lookup ends here: its result, or the failure. */
static void lookup_done(void *context, const struct component_answer *answer)
{
	struct lookup *lookup = context;

	if (answer->ok) {
		control_reply(lookup->request, lookup->result);
	} else {
		json_decref(lookup->result);
		method_fail(lookup->request, answer);
	}
	free(lookup);
}

/* ---- kvp.enumerate, kvp.get ---- */

static void item_append(void *context, const struct kvp_item *item)
{
	struct lookup *lookup = context;

	json_array_append_new(json_object_get(lookup->result, "items"),
			      item_json(item));
}

void method_kvp_enumerate(struct control_request *request, json_t *params)
{
	struct kvp_job job = {
		.kind = KVP_JOB_ENUMERATE,
		.found = item_append,
		.done = lookup_done,
	};

	if (!pool_of(request, params, "auto", &job.pool))
		return;
	job.context = lookup_new(request, json_pack("{s:[]}", "items"));
	if (job.context)
		kvp_component_ask(kvp_of(request), &job);
}

static void item_keep(void *context, const struct kvp_item *item)
{
	struct lookup *lookup = context;

	json_decref(lookup->result);
	lookup->result = item_json(item);
}

void method_kvp_get(struct control_request *request, json_t *params)
{
	struct kvp_job job = {
		.kind = KVP_JOB_FIND,
		.found = item_keep,
		.done = lookup_done,
	};

	if (!pool_of(request, params, "auto", &job.pool) ||
	    !key_of(request, params, &job.item))
		return;
	job.context = lookup_new(request, json_null());
	if (job.context)
		kvp_component_ask(kvp_of(request), &job);
}

/* ---- kvp.set ---- */

static bool number_of(const char *text, u64 most, u64 *number)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	/* 010 is ten to an administrator. */
	*number = strtoull(text, &end,
			   text[1] == 'x' || text[1] == 'X' ? 16 : 10);
	return !*end && !errno && *number <= most;
}

static bool value_of(struct control_request *request, json_t *params,
		     struct kvp_item *item)
{
	const char *type = "string";
	const char *value = NULL;
	u32 index;

	if (!params_text(request, params, "value", true, &value) ||
	    !params_text(request, params, "type", false, &type))
		return false;
	if (!name_find(type_names, PORT_ARRAY_SIZE(type_names), type, &index)) {
		control_fail_params(request,
				    "\"type\" must be string, u32 or u64");
		return false;
	}
	item->type = (enum kvp_type)index;
	if (item->type != KVP_STRING) {
		if (number_of(value,
			      item->type == KVP_U32 ? UINT32_MAX : UINT64_MAX,
			      &item->number))
			return true;
		control_fail_params(request,
				    "the value '%.40s' is not a %s number",
				    value, type);
		return false;
	}
	if (strlen(value) >= sizeof(item->text)) {
		control_fail(request, "too-long", "%s",
			     kvp_status_text(KVP_VALUE_TOO_LONG_8));
		return false;
	}
	strcpy(item->text, value);
	return true;
}

/* The search before a set that depends on what is there. */
static void set_searched(void *context, const struct component_answer *answer)
{
	struct lookup *lookup = context;
	struct control_request *request = lookup->request;
	bool absent = !answer->ok && !strcmp(answer->reason, "not-found");
	struct kvp_job set = lookup->set;

	json_decref(lookup->result);
	if (!answer->ok && !absent)
		method_fail(request, answer);
	else if (lookup->must_exist && absent)
		control_fail(request, "not-found",
			     "the key '%s' is not there, so it cannot be "
			     "modified",
			     set.item.key);
	else if (!lookup->must_exist && !absent)
		control_fail(request, "exists", "the key '%s' is there already",
			     set.item.key);
	else
		kvp_component_ask(kvp_of(request), &set);
	free(lookup);
}

void method_kvp_set(struct control_request *request, json_t *params)
{
	bool must_exist = false, must_be_new = false;
	struct kvp_job set = {
		.kind = KVP_JOB_SET,
		.done = method_done,
		.context = request,
	};
	struct kvp_job find;
	struct lookup *lookup;

	if (!pool_of(request, params, "external", &set.pool) ||
	    !key_of(request, params, &set.item) ||
	    !value_of(request, params, &set.item) ||
	    !params_flag(request, params, "must_exist", &must_exist) ||
	    !params_flag(request, params, "must_be_new", &must_be_new))
		return;
	if (must_exist && must_be_new) {
		control_fail_params(request, "\"must_exist\" and "
					     "\"must_be_new\" exclude each "
					     "other");
		return;
	}
	if (!must_exist && !must_be_new) {
		kvp_component_ask(kvp_of(request), &set);
		return;
	}
	lookup = lookup_new(request, json_null());
	if (!lookup)
		return;
	lookup->set = set;
	lookup->must_exist = must_exist;
	find = set;
	find.kind = KVP_JOB_FIND;
	find.done = set_searched;
	find.context = lookup;
	kvp_component_ask(kvp_of(request), &find);
}

/* ---- kvp.remove ---- */

static void removed(void *context, const struct component_answer *answer)
{
	bool absent = !answer->ok && !strcmp(answer->reason, "not-found");

	if (answer->ok || absent)
		control_reply(context, json_pack("{s:b}", "removed", !absent));
	else
		method_fail(context, answer);
}

void method_kvp_remove(struct control_request *request, json_t *params)
{
	struct kvp_job job = {
		.kind = KVP_JOB_DELETE,
		.done = removed,
		.context = request,
	};

	if (pool_of(request, params, "external", &job.pool) &&
	    key_of(request, params, &job.item))
		kvp_component_ask(kvp_of(request), &job);
}

/* ---- ip.get, ip.set ---- */

static json_t *list_json(const char *list)
{
	json_t *array = json_array();

	while (*list) {
		size_t length = strcspn(list, ";");

		if (length)
			json_array_append_new(array,
					      json_stringn(list, length));
		list += length + (list[length] == ';');
	}
	return array;
}

static const char *family_text(u8 family)
{
	if (family == (KVP_FAMILY_IPV4 | KVP_FAMILY_IPV6))
		return "both";
	return family == KVP_FAMILY_IPV6 ? "ipv6" : "ipv4";
}

static void addresses_keep(void *context, const struct kvp_ip_info *ip)
{
	struct lookup *lookup = context;

	json_decref(lookup->result);
	lookup->result = json_pack(
		"{s:s, s:b, s:s, s:o, s:o, s:o, s:o}", "adapter",
		ip->adapter_id, "dhcp", ip->dhcp_enabled, "family",
		family_text(ip->family), "addresses", list_json(ip->addresses),
		"subnets", list_json(ip->subnets), "gateways",
		list_json(ip->gateways), "dns", list_json(ip->dns_servers));
}

/*
 * As Linux compares it: a MAC address in upper case, a GUID in lower case and
 * in braces.
 */
static void adapter_spell(char *id, size_t id_bytes, bool guid)
{
	size_t length = strlen(id);

	for (size_t i = 0; i < length; i++)
		id[i] = (char)(guid ? tolower((unsigned char)id[i])
				    : toupper((unsigned char)id[i]));
	if (!guid || length != GUID_TEXT_BYTES || length + 3 > id_bytes)
		return;
	memmove(id + 1, id, length);
	id[0] = '{';
	strcpy(id + 1 + length, "}");
}

static bool adapter_of(struct control_request *request, json_t *params,
		       struct kvp_ip_info *ip, bool guid)
{
	const char *adapter = NULL;

	if (!params_text(request, params, "adapter", true, &adapter))
		return false;
	if (strlen(adapter) >= sizeof(ip->adapter_id)) {
		control_fail(request, "refused", "%s",
			     kvp_status_text(KVP_ADAPTER_INVALID));
		return false;
	}
	strcpy(ip->adapter_id, adapter);
	adapter_spell(ip->adapter_id, sizeof(ip->adapter_id), guid);
	return true;
}

void method_ip_get(struct control_request *request, json_t *params)
{
	struct kvp_job job = {
		.kind = KVP_JOB_GET_IP,
		.addresses = addresses_keep,
		.done = lookup_done,
	};

	if (!adapter_of(request, params, &job.ip, false))
		return;
	job.context = lookup_new(request, json_null());
	if (job.context)
		kvp_component_ask(kvp_of(request), &job);
}

/* Join a list of texts with semicolons. */
static bool list_of(struct control_request *request, json_t *params,
		    const char *name, char *list, size_t list_bytes)
{
	json_t *array = json_object_get(params, name);
	size_t length = 0, index;
	json_t *member;

	list[0] = '\0';
	if (array && !json_is_array(array)) {
		control_fail_params(request, "\"%s\" must be a list", name);
		return false;
	}
	json_array_foreach(array, index, member)
	{
		const char *text = json_string_value(member);

		if (!text || strchr(text, ';')) {
			control_fail_params(request,
					    "\"%s\" must be a list of "
					    "addresses as text",
					    name);
			return false;
		}
		if (length + strlen(text) + 2 > list_bytes) {
			control_fail(request, "too-long", "%s",
				     kvp_status_text(KVP_IP_TOO_LONG));
			return false;
		}
		length += (size_t)sprintf(list + length, "%s%s",
					  length ? ";" : "", text);
	}
	return true;
}

void method_ip_set(struct control_request *request, json_t *params)
{
	struct kvp_job job = {
		.kind = KVP_JOB_SET_IP,
		.done = method_done,
		.context = request,
	};
	struct kvp_ip_info *ip = &job.ip;

	if (adapter_of(request, params, ip, true) &&
	    params_flag(request, params, "dhcp", &ip->dhcp_enabled) &&
	    list_of(request, params, "addresses", ip->addresses,
		    sizeof(ip->addresses)) &&
	    list_of(request, params, "subnets", ip->subnets,
		    sizeof(ip->subnets)) &&
	    list_of(request, params, "gateways", ip->gateways,
		    sizeof(ip->gateways)) &&
	    list_of(request, params, "dns", ip->dns_servers,
		    sizeof(ip->dns_servers)))
		kvp_component_ask(kvp_of(request), &job);
}
