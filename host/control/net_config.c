/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/net_config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One setting on its way in. */
struct setting {
	struct run_net *net;
	const char *what;
	const char *key;
	const char *value; /* never NULL */
	struct lis_error *err;
};

static const char *const backend_names[RUN_NET_BACKENDS] = {
	[RUN_NET_USER] = "user",
	[RUN_NET_TAP] = "tap",
	[RUN_NET_SWITCH] = "switch",
};

const char *run_net_backend_name(enum run_net_backend backend)
{
	return backend_names[backend];
}

static int wrong(const struct setting *s, const char *wanted)
{
	return lis_error_set(s->err, EINVAL,
			     "%s: %s \"%.100s\" of an adapter is not %s",
			     s->what, s->key, s->value, wanted);
}

static bool number(const char *text, char **end, uint64_t most, uint64_t *value)
{
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, end, 10);
	return errno == 0 && *value <= most;
}

static bool whole_number(const char *text, uint64_t most, uint64_t *value)
{
	char *end;

	return number(text, &end, most, value) && !*end;
}

static int backend_set(const struct setting *s, enum run_net_backend backend)
{
	if (s->net->backend_given)
		return lis_error_set(s->err, EINVAL,
				     "%s: an adapter has one of user, tap and "
				     "switch",
				     s->what);
	s->net->backend = backend;
	s->net->backend_given = true;
	return 0;
}

static int take_user(const struct setting *s)
{
	if (strcmp(s->value, "true") != 0)
		return wrong(s, "true");
	return backend_set(s, RUN_NET_USER);
}

/* A name becomes part of a path, and is shown to people. */
static bool name_valid(const char *name)
{
	size_t length = strlen(name);

	if (!length || length > RUN_NET_NAME_BYTES_MAX || name[0] == '.')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)name[i]) &&
		    !strchr("-_.@", name[i]))
			return false;
	return true;
}

static int take_named(const struct setting *s, enum run_net_backend backend)
{
	if (!name_valid(s->value))
		return wrong(s, "a name of at most 15 letters, digits, '-', "
				"'_', '.' and '@'");
	snprintf(s->net->name, sizeof(s->net->name), "%s", s->value);
	return backend_set(s, backend);
}

static int take_tap(const struct setting *s)
{
	return take_named(s, RUN_NET_TAP);
}

static int take_switch(const struct setting *s)
{
	return take_named(s, RUN_NET_SWITCH);
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit = (char)tolower((unsigned char)digit);
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool mac_parse(const char *text, uint8_t mac[RUN_NET_MAC_BYTES])
{
	for (int i = 0; i < RUN_NET_MAC_BYTES; i++, text += 3) {
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 ||
		    (i < 5 ? text[2] != ':' && text[2] != '-' : text[2] != 0))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int take_mac(const struct setting *s)
{
	static const uint8_t none[RUN_NET_MAC_BYTES];
	uint8_t mac[RUN_NET_MAC_BYTES];

	if (!mac_parse(s->value, mac) || !memcmp(mac, none, sizeof(mac)))
		return wrong(s, "an address like 00:15:5d:01:02:03");
	if (mac[0] & 1)
		return wrong(s, "the address of one adapter: its first byte "
				"is even");
	memcpy(s->net->mac, mac, sizeof(mac));
	s->net->given |= RUN_NET_GIVEN_MAC;
	return 0;
}

static int take_queues(const struct setting *s)
{
	uint64_t value;

	if (!whole_number(s->value, RUN_NET_QUEUES_MAX, &value) || !value)
		return wrong(s, "a number from 1 to 64");
	s->net->queues = (uint32_t)value;
	s->net->given |= RUN_NET_GIVEN_OTHER;
	return 0;
}

static int take_mtu(const struct setting *s)
{
	uint64_t value;

	if (!whole_number(s->value, RUN_NET_MTU_MAX, &value) ||
	    value < RUN_NET_MTU_MIN)
		return wrong(s, "a number from 576 to 65521");
	s->net->mtu_bytes = (uint32_t)value;
	s->net->given |= RUN_NET_GIVEN_OTHER;
	return 0;
}

static int take_monitored(const struct setting *s)
{
	if (strcmp(s->value, "true") != 0 && strcmp(s->value, "false") != 0)
		return wrong(s, "true or false");
	s->net->monitored = s->value[0] == 't';
	s->net->given |= RUN_NET_GIVEN_OTHER;
	return 0;
}

static int take_vlan(const struct setting *s)
{
	struct network_vlan *vlan = &s->net->vlan;
	uint64_t value = 0;

	if (strcmp(s->value, "none") != 0 &&
	    (!whole_number(s->value, RUN_NET_VLAN_MAX, &value) || !value))
		return wrong(s, "a number from 1 to 4094, or none");
	*vlan = (struct network_vlan){ 0 };
	vlan->mode = value ? NETWORK_VLAN_ACCESS : NETWORK_VLAN_OPEN;
	vlan->id = (u16)value;
	s->net->given |= RUN_NET_GIVEN_VLAN;
	return 0;
}

static bool trunk_parse(const char *text, u32 allowed[128])
{
	for (;;) {
		uint64_t first, last;
		char *end;

		if (!number(text, &end, RUN_NET_VLAN_MAX, &first) || !first)
			return false;
		last = first;
		if (*end == '-' &&
		    (!number(end + 1, &end, RUN_NET_VLAN_MAX, &last) ||
		     last < first))
			return false;
		for (; first <= last; first++)
			allowed[first / 32] |= 1u << first % 32;
		if (!*end)
			return true;
		if (*end != '+')
			return false;
		text = end + 1;
	}
}

static int take_trunk(const struct setting *s)
{
	struct network_vlan *vlan = &s->net->vlan;
	u32 allowed[128] = { 0 };

	if (!trunk_parse(s->value, allowed))
		return wrong(s, "a list of VLANs like 5+10-20");
	if (vlan->mode == NETWORK_VLAN_ACCESS)
		vlan->id = 0;
	vlan->mode = NETWORK_VLAN_TRUNK;
	memcpy(vlan->allowed, allowed, sizeof(allowed));
	s->net->given |= RUN_NET_GIVEN_VLAN;
	return 0;
}

static int take_native(const struct setting *s)
{
	uint64_t value;

	if (!whole_number(s->value, RUN_NET_VLAN_MAX, &value))
		return wrong(s, "a number from 1 to 4094, or 0");
	if (s->net->vlan.mode != NETWORK_VLAN_TRUNK)
		return lis_error_set(s->err, EINVAL,
				     "%s: native follows the trunk that it "
				     "belongs to",
				     s->what);
	s->net->vlan.id = (u16)value;
	s->net->given |= RUN_NET_GIVEN_VLAN;
	return 0;
}

static int take_link(const struct setting *s)
{
	if (strcmp(s->value, "up") != 0 && strcmp(s->value, "down") != 0)
		return wrong(s, "up or down");
	s->net->link_down = s->value[0] == 'd';
	s->net->given |= RUN_NET_GIVEN_LINK;
	return 0;
}

/* Rates count in thousands, as those of every network. */
static int take_bandwidth(const struct setting *s)
{
	static const char units[] = "KMGT";
	uint64_t value, scale = 1;
	const char *unit;
	char *end;

	if (!number(s->value, &end, INT64_MAX, &value))
		return wrong(s, "a rate like 100M");
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (*end && (!unit || end[1]))
		return wrong(s, "a rate like 100M");
	for (const char *u = units; unit && u <= unit; u++)
		scale *= 1000;
	if (value > INT64_MAX / scale)
		return wrong(s, "a rate like 100M");
	s->net->bits_per_second = value * scale;
	s->net->given |= RUN_NET_GIVEN_BANDWIDTH;
	return 0;
}

static int take_function(const struct setting *s)
{
	uint64_t value = 0;

	if (strcmp(s->value, "none") != 0 &&
	    (!whole_number(s->value, UINT32_MAX, &value) || !value))
		return wrong(s, "a number from 1 to 4294967295, or none");
	s->net->function = (uint32_t)value;
	s->net->given |= RUN_NET_GIVEN_FUNCTION;
	return 0;
}

/* [ADDRESS]:PORT, up to @end. */
static bool endpoint_parse(const char *text, const char *end,
			   struct in_addr *address, uint16_t *port)
{
	const char *colon = memrchr(text, ':', (size_t)(end - text));
	char dotted[INET_ADDRSTRLEN];
	uint64_t value;
	char *rest;

	if (!colon || colon - text >= (int)sizeof(dotted))
		return false;
	memcpy(dotted, text, (size_t)(colon - text));
	dotted[colon - text] = '\0';
	address->s_addr = INADDR_ANY;
	if (*dotted && inet_pton(AF_INET, dotted, address) != 1)
		return false;
	if (!number(colon + 1, &rest, UINT16_MAX, &value) || rest != end ||
	    !value)
		return false;
	*port = (uint16_t)value;
	return true;
}

static bool forward_parse(const char *text, struct run_net_forward *forward)
{
	const char *dash = strchr(text, '-');

	forward->udp = !strncmp(text, "udp:", 4);
	return (forward->udp || !strncmp(text, "tcp:", 4)) && dash &&
	       endpoint_parse(text + 4, dash, &forward->host,
			      &forward->host_port) &&
	       endpoint_parse(dash + 1, text + strlen(text), &forward->guest,
			      &forward->guest_port);
}

void run_net_forward_text(const struct run_net_forward *forward,
			  char text[RUN_NET_FORWARD_TEXT_BYTES])
{
	char host[INET_ADDRSTRLEN] = "", guest[INET_ADDRSTRLEN] = "";

	if (forward->host.s_addr)
		inet_ntop(AF_INET, &forward->host, host, sizeof(host));
	if (forward->guest.s_addr)
		inet_ntop(AF_INET, &forward->guest, guest, sizeof(guest));
	snprintf(text, RUN_NET_FORWARD_TEXT_BYTES, "%s:%s:%u-%s:%u",
		 forward->udp ? "udp" : "tcp", host, forward->host_port, guest,
		 forward->guest_port);
}

static int take_forward(const struct setting *s)
{
	struct run_net *net = s->net;

	if (net->forward_count == RUN_NET_FORWARDS_MAX)
		return lis_error_set(s->err, EINVAL,
				     "%s: an adapter has at most %d forwards",
				     s->what, RUN_NET_FORWARDS_MAX);
	if (!forward_parse(s->value, &net->forwards[net->forward_count]))
		return wrong(s, "like tcp:127.0.0.1:2222-:22");
	net->forward_count++;
	net->given |= RUN_NET_GIVEN_OTHER;
	return 0;
}

static const struct {
	const char *key;
	bool flag; /* needs no value */
	int (*take)(const struct setting *setting);
} keys[] = {
	{ "user", true, take_user },
	{ "tap", false, take_tap },
	{ "switch", false, take_switch },
	{ "mac", false, take_mac },
	{ "queues", false, take_queues },
	{ "mtu", false, take_mtu },
	{ "monitored", true, take_monitored },
	{ "vlan", false, take_vlan },
	{ "trunk", false, take_trunk },
	{ "native", false, take_native },
	{ "link", false, take_link },
	{ "bandwidth", false, take_bandwidth },
	{ "function", false, take_function },
	{ "forward", false, take_forward },
};

void run_net_init(struct run_net *net)
{
	memset(net, 0, sizeof(*net));
}

int run_net_set(struct run_net *net, const char *what, const char *key,
		const char *value, struct lis_error *err)
{
	struct setting setting = { net, what, key, value, err };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (strcmp(key, keys[i].key) != 0)
			continue;
		if (!value && !keys[i].flag)
			return lis_error_set(err, EINVAL,
					     "%s: \"%s\" of an adapter needs a "
					     "value",
					     what, key);
		if (!value)
			setting.value = "true";
		return keys[i].take(&setting);
	}
	return lis_error_set(
		err, EINVAL,
		"%s: an adapter has no \"%.60s\"; it has user, "
		"tap, switch, mac, queues, mtu, monitored, "
		"vlan, trunk, native, link, bandwidth, function and forward",
		what, key);
}

int run_net_check(const struct run_net *net, const char *what,
		  struct lis_error *err)
{
	if (!net->backend_given)
		return lis_error_set(err, EINVAL,
				     "%s: an adapter needs one of user, "
				     "tap=NAME and switch=NAME",
				     what);
	if (net->forward_count && net->backend != RUN_NET_USER)
		return lis_error_set(err, EINVAL,
				     "%s: only user-mode networking has "
				     "forwards",
				     what);
	if (net->queues > 1 && net->backend != RUN_NET_TAP)
		return lis_error_set(err, EINVAL,
				     "%s: only a tap has more than one queue",
				     what);
	return 0;
}

int run_net_parse(struct run_net *net, const char *what, const char *text,
		  struct lis_error *err)
{
	char *copy = strdup(text), *rest = copy, *one;
	int ret = 0;

	if (!copy)
		return lis_error_set(err, ENOMEM, "out of memory");
	while (ret == 0 && (one = strsep(&rest, ","))) {
		char *value = strchr(one, '=');

		if (value)
			*value++ = '\0';
		ret = run_net_set(net, what, one, value, err);
	}
	free(copy);
	return ret ? ret : run_net_check(net, what, err);
}
