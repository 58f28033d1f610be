/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/control/net_config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int member_load(struct run_net *net, const char *what, const char *key,
		       json_t *value, struct lis_error *err)
{
	char text[32];

	if (json_is_string(value))
		return run_net_set(net, what, key, json_string_value(value),
				   err);
	if (json_is_boolean(value))
		return run_net_set(net, what, key,
				   json_is_true(value) ? "true" : "false", err);
	if (!json_is_integer(value))
		return lis_error_set(err, EINVAL,
				     "%s: \"%.60s\" of an adapter must be a "
				     "text, a number or true",
				     what, key);
	snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
		 json_integer_value(value));
	return run_net_set(net, what, key, text, err);
}

static int forwards_load(struct run_net *net, const char *what, json_t *list,
			 struct lis_error *err)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		int ret = member_load(net, what, "forward", item, err);

		if (ret < 0)
			return ret;
	}
	return 0;
}

int run_net_load(struct run_net *net, const char *what, json_t *object,
		 bool whole, struct lis_error *err)
{
	const char *key;
	json_t *value;
	json_t *native = json_object_get(object, "native");
	int ret = 0;

	json_object_foreach(object, key, value)
	{
		if (!strcmp(key, "native"))
			continue;
		if (!strcmp(key, "forward") && json_is_array(value))
			ret = forwards_load(net, what, value, err);
		else
			ret = member_load(net, what, key, value, err);
		if (ret < 0)
			return ret;
	}
	/* It follows the trunk, and members have no order. */
	if (native)
		ret = member_load(net, what, "native", native, err);
	if (ret == 0 && whole)
		ret = run_net_check(net, what, err);
	return ret;
}

void run_net_mac_text(const uint8_t mac[RUN_NET_MAC_BYTES],
		      char text[RUN_NET_MAC_TEXT_BYTES])
{
	snprintf(text, RUN_NET_MAC_TEXT_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x",
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static bool trunk_has(const struct network_vlan *vlan, unsigned int id)
{
	return id <= RUN_NET_VLAN_MAX &&
	       (vlan->allowed[id / 32] >> id % 32 & 1);
}

void run_net_trunk_text(const struct network_vlan *vlan,
			char text[RUN_NET_TRUNK_TEXT_BYTES])
{
	unsigned int id = 1;
	size_t n = 0;

	text[0] = '\0';
	while (id <= RUN_NET_VLAN_MAX) {
		unsigned int last = id;

		if (!trunk_has(vlan, id)) {
			id++;
			continue;
		}
		while (trunk_has(vlan, last + 1))
			last++;
		n += (size_t)snprintf(text + n, RUN_NET_TRUNK_TEXT_BYTES - n,
				      last > id ? "%s%u-%u" : "%s%u",
				      n ? "+" : "", id, last);
		id = last + 1;
	}
}

static void vlan_put(json_t *object, const struct network_vlan *vlan)
{
	char trunk[RUN_NET_TRUNK_TEXT_BYTES];

	if (vlan->mode == NETWORK_VLAN_ACCESS)
		json_object_set_new(object, "vlan", json_integer(vlan->id));
	if (vlan->mode != NETWORK_VLAN_TRUNK)
		return;
	run_net_trunk_text(vlan, trunk);
	json_object_set_new(object, "trunk", json_string(trunk));
	if (vlan->id)
		json_object_set_new(object, "native", json_integer(vlan->id));
}

json_t *run_net_json(const struct run_net *net)
{
	char mac[RUN_NET_MAC_TEXT_BYTES];
	json_t *object = json_object(), *forwards;

	json_object_set_new(object, run_net_backend_name(net->backend),
			    net->backend == RUN_NET_USER
				    ? json_true()
				    : json_string(net->name));
	run_net_mac_text(net->mac, mac);
	if (net->given & RUN_NET_GIVEN_MAC)
		json_object_set_new(object, "mac", json_string(mac));
	if (net->queues)
		json_object_set_new(object, "queues",
				    json_integer(net->queues));
	if (net->mtu_bytes)
		json_object_set_new(object, "mtu",
				    json_integer(net->mtu_bytes));
	if (net->monitored)
		json_object_set_new(object, "monitored", json_true());
	vlan_put(object, &net->vlan);
	if (net->link_down)
		json_object_set_new(object, "link", json_string("down"));
	if (net->bits_per_second)
		json_object_set_new(
			object, "bandwidth",
			json_integer((json_int_t)net->bits_per_second));
	if (net->function)
		json_object_set_new(object, "function",
				    json_integer(net->function));
	if (!net->forward_count)
		return object;
	forwards = json_array();
	for (uint32_t i = 0; i < net->forward_count; i++) {
		char text[RUN_NET_FORWARD_TEXT_BYTES];

		run_net_forward_text(&net->forwards[i], text);
		json_array_append_new(forwards, json_string(text));
	}
	json_object_set_new(object, "forward", forwards);
	return object;
}
