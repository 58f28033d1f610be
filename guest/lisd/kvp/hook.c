/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/kvp/hook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lisd/file.h"
#include "guest/lisd/kvp/apply.h"
#include "guest/lisd/kvp/dns.h"

#define EXIT_USAGE 2
#define ITEM_BYTES 64

/* Not in the program's own memory, all of which a backup locks. */
static struct lisd_env *env;
static struct network *network;

static int begin(void)
{
	env = calloc(1, sizeof(*env));
	network = calloc(1, sizeof(*network));
	if (!env || !network)
		return -ENOMEM;
	env->report_fd = env->stop_fd = -1;
	network->env = env;
	return network_begin(network);
}

/* The interface that the only argument names, or NULL after saying why. */
static const struct net_link *interface_find(int argc, char **argv)
{
	const struct net_link *link = NULL;
	int error;

	if (argc != 2) {
		fprintf(stderr, "Usage: %s INTERFACE\n", argv[0]);
		return NULL;
	}
	error = begin();
	if (error)
		fprintf(stderr, "%s: cannot read the interfaces: %s\n", argv[0],
			strerror(-error));
	else
		link = net_link_named(&network->net, argv[1]);
	if (!error && !link)
		fprintf(stderr, "%s: there is no interface '%s'\n", argv[0],
			argv[1]);
	return link;
}

int hook_get_dns(int argc, char **argv)
{
	const struct net_link *link = interface_find(argc, argv);
	char list[DNS_LIST_BYTES], *at;

	if (!link)
		return argc == 2 ? 1 : EXIT_USAGE;
	dns_servers(env, &network->bus, network->connected, link, list,
		    sizeof(list));
	for (at = list; *at; at++)
		if (*at == ';')
			*at = '\n';
	if (*list)
		puts(list);
	return 0;
}

int hook_get_dhcp(int argc, char **argv)
{
	const struct net_link *link = interface_find(argc, argv);

	if (!link)
		return argc == 2 ? 1 : EXIT_USAGE;
	puts(dhcp_enabled(env, &network->bus, network->connected, &network->net,
			  link)
		     ? "Enabled"
		     : "Disabled");
	return 0;
}

/* Whether @name is @stem and a number, or nothing. */
static bool numbered(const char *name, const char *stem)
{
	size_t length = strlen(stem);

	return !strncmp(name, stem, length) &&
	       !name[length + strspn(name + length, "0123456789")];
}

static bool address_add(struct netconf_address *list, u32 *count, u32 most,
			const char *text)
{
	return *count < most && netconf_address_parse(&list[(*count)++], text);
}

/* Of the address that came last. */
static bool prefix_set(struct netconf *conf, const char *text)
{
	struct netconf_address *last;
	struct netconf_address parsed;
	char whole[2 * ITEM_BYTES + 1];

	if (!conf->address_count)
		return false;
	last = &conf->addresses[conf->address_count - 1];
	snprintf(whole, sizeof(whole), "%s/%s", last->text, text);
	if (!netconf_address_parse(&parsed, whole))
		return false;
	last->prefix = parsed.prefix;
	return true;
}

static bool item_take(struct netconf *conf, const char *name, const char *value)
{
	if (!strcmp(name, "DEVICE"))
		return text_copy(conf->name, sizeof(conf->name), value);
	if (!strcmp(name, "BOOTPROTO")) {
		conf->dhcp = !strcmp(value, "dhcp");
		return true;
	}
	if (numbered(name, "IPADDR") || !strcmp(name, "IPV6ADDR"))
		return address_add(conf->addresses, &conf->address_count,
				   NETCONF_ADDRESSES_MAX, value);
	if (numbered(name, "NETMASK") || numbered(name, "PREFIX") ||
	    !strcmp(name, "IPV6NETMASK"))
		return prefix_set(conf, value);
	if (numbered(name, "GATEWAY") || !strcmp(name, "IPV6_DEFAULTGW"))
		return address_add(conf->gateways, &conf->gateway_count,
				   NETCONF_GATEWAYS_MAX, value);
	if (numbered(name, "DNS"))
		return address_add(conf->dns, &conf->dns_count, NETCONF_DNS_MAX,
				   value);
	return true;
}

const char *hook_ifcfg(struct netconf *conf, const char *text)
{
	char line[2 * ITEM_BYTES], *equals, *value;
	size_t length;

	memset(conf, 0, sizeof(*conf));
	for (; *text; text += length, text += *text == '\n') {
		length = strcspn(text, "\n");
		if (*text == '#' || length >= sizeof(line))
			continue;
		memcpy(line, text, length);
		line[length] = '\0';
		line[strcspn(line, "\r")] = '\0';
		equals = strchr(line, '=');
		if (!equals)
			continue;
		*equals = '\0';
		value = equals + 1;
		if (*value == '"') {
			value++;
			value[strcspn(value, "\"")] = '\0';
		}
		if (strlen(value) >= ITEM_BYTES ||
		    !item_take(conf, line, value))
			return "an address, a mask or a name in it is not "
			       "valid";
	}
	if (!*conf->name)
		return "it names no DEVICE";
	if (!conf->dhcp && !conf->address_count)
		return "it has neither an address nor DHCP";
	return NULL;
}

int hook_set(int argc, char **argv)
{
	char text[NETCONF_FILE_BYTES], reason[APPLY_REASON_BYTES];
	struct netconf conf;
	const char *wrong;
	ssize_t got;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "Usage: %s IFCFG [KEYFILE]\n", argv[0]);
		return EXIT_USAGE;
	}
	got = file_read(argv[1], text, sizeof(text));
	wrong = got < 0 ? strerror((int)-got) : hook_ifcfg(&conf, text);
	if (wrong) {
		fprintf(stderr, "%s: %s: %s\n", argv[0], argv[1], wrong);
		return 1;
	}
	if (begin() || runner_start(&network->runner, "")) {
		fprintf(stderr, "%s: cannot read the interfaces\n", argv[0]);
		return 1;
	}
	if (network_apply(network, &conf, reason) != HV_S_OK) {
		fprintf(stderr, "%s: %s; put back as it was\n", argv[0],
			reason);
		return 1;
	}
	return 0;
}
