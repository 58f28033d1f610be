/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/text.h"

static const struct cli_option options[] = {
	{ "adapter", 'a', "ADAPTER",
	  "show: its MAC address; set: its instance GUID" },
	{ "dhcp", 0, NULL, "set: let the guest ask DHCP" },
	{ "address", 0, "ADDRESS/PREFIX", "set: an address; can be repeated" },
	{ "gateway", 0, "ADDRESS", "set: a gateway; can be repeated" },
	{ "dns", 0, "ADDRESS", "set: a name server; can be repeated" },
	{ NULL, 0, NULL, NULL },
};

static bool is_ipv4(const char *text)
{
	unsigned char address[16];

	return inet_pton(AF_INET, text, address) == 1;
}

static bool is_ipv6(const char *text)
{
	unsigned char address[16];

	return inet_pton(AF_INET6, text, address) == 1;
}

static void show_list(const char *title, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(item);
		char *safe = text_printable(text ? text : "");

		printf("%-10s %s\n", i == 0 ? title : "", safe ? safe : "");
		free(safe);
	}
}

static void show_text(const char *title, const char *text)
{
	json_t *list = json_pack("[s]", text);

	if (*text)
		show_list(title, list);
	json_decref(list);
}

static int show(struct cli *cli)
{
	const char *adapter = cli_option(cli, "adapter");
	json_t *params, *result;
	int status;

	if (!adapter)
		return cli_usage(cli, "show needs --adapter with a MAC address "
				      "of the guest");
	params = json_pack("{s:s}", "adapter", adapter);
	if (!params)
		return cli_usage(cli, "--adapter: the text is not UTF-8");
	status = cli_request(cli, "ip.get", params, CLI_GUEST_MS, &result);
	if (status != EXIT_STATUS_OK)
		return status;
	if (cli->json)
		return cli_done(cli, result, "%s", "");
	show_text("adapter", cli_text(result, "adapter"));
	show_text("dhcp",
		  json_is_true(json_object_get(result, "dhcp")) ? "on" : "off");
	show_text("family", cli_text(result, "family"));
	show_list("address", json_object_get(result, "addresses"));
	show_list("subnet", json_object_get(result, "subnets"));
	show_list("gateway", json_object_get(result, "gateways"));
	show_list("dns", json_object_get(result, "dns"));
	json_decref(result);
	return cli_flush(cli);
}

/*
 * The guest wants a mask for an IPv4 address and a prefix length for an IPv6
 * one. Returns false when prefix is not the length of a prefix.
 */
static bool subnet_make(char *subnet, size_t subnet_bytes, const char *prefix,
			bool ipv4)
{
	char *end;
	long bits = strtol(prefix, &end, 10);
	struct in_addr mask;

	if (end == prefix || *end || bits < 0 || bits > (ipv4 ? 32 : 128))
		return false;
	if (!ipv4) {
		snprintf(subnet, subnet_bytes, "%ld", bits);
		return true;
	}
	mask.s_addr = htonl((uint32_t)(0xffffffff00000000ull >> bits));
	return inet_ntop(AF_INET, &mask, subnet, (socklen_t)subnet_bytes);
}

static int address_add(const struct cli *cli, json_t *params, const char *value)
{
	char address[64], subnet[64];
	const char *slash = strchr(value, '/');

	snprintf(address, sizeof(address), "%.*s",
		 slash ? (int)(slash - value) : 0, value);
	if (!slash || (!is_ipv4(address) && !is_ipv6(address)) ||
	    !subnet_make(subnet, sizeof(subnet), slash + 1, is_ipv4(address)))
		return cli_usage(cli,
				 "--address: \"%s\" is not an address with the "
				 "length of its prefix, like 192.0.2.7/24 or "
				 "2001:db8::7/64",
				 value);
	json_array_append_new(json_object_get(params, "addresses"),
			      json_string(address));
	json_array_append_new(json_object_get(params, "subnets"),
			      json_string(subnet));
	return EXIT_STATUS_OK;
}

static int plain_add(const struct cli *cli, json_t *list,
		     const struct cli_given *given)
{
	if (!is_ipv4(given->value) && !is_ipv6(given->value))
		return cli_usage(cli, "--%s: \"%s\" is not an IP address",
				 given->option->name, given->value);
	json_array_append_new(list, json_string(given->value));
	return EXIT_STATUS_OK;
}

/* Takes one option of the command line into what the guest is asked for. */
static int given_take(const struct cli *cli, json_t *params,
		      const struct cli_given *given)
{
	const char *name = given->option->name;

	if (strcmp(name, "address") == 0)
		return address_add(cli, params, given->value);
	if (strcmp(name, "gateway") == 0)
		return plain_add(cli, json_object_get(params, "gateways"),
				 given);
	if (strcmp(name, "dns") == 0)
		return plain_add(cli, json_object_get(params, "dns"), given);
	return EXIT_STATUS_OK;
}

/* The family that the addresses are of; both when DHCP finds out. */
static const char *family_of(const json_t *addresses)
{
	const json_t *address;
	bool v4 = false, v6 = false;
	size_t i;

	json_array_foreach(addresses, i, address)
	{
		if (is_ipv4(json_string_value(address)))
			v4 = true;
		else
			v6 = true;
	}
	return v4 == v6 ? "both" : v4 ? "ipv4" : "ipv6";
}

static int set_request(const struct cli *cli, json_t *params)
{
	const json_t *addresses = json_object_get(params, "addresses");
	bool dhcp = cli_option(cli, "dhcp") != NULL;

	for (size_t i = 0; i < cli->given_count; i++) {
		int status = given_take(cli, params, &cli->given[i]);

		if (status != EXIT_STATUS_OK) {
			json_decref(params);
			return status;
		}
	}
	if (dhcp == (json_array_size(addresses) > 0)) {
		json_decref(params);
		return cli_usage(cli, "set takes either --dhcp or at least one "
				      "--address");
	}
	json_object_set_new(params, "family",
			    json_string(family_of(addresses)));
	return cli_request(cli, "ip.set", params, CLI_GUEST_MS, NULL);
}

static int set(struct cli *cli)
{
	const char *adapter = cli_option(cli, "adapter");
	json_t *params;
	int status;

	if (!adapter)
		return cli_usage(cli, "set needs --adapter with the GUID of "
				      "the adapter's instance");
	params = json_pack("{s:s, s:b, s:[], s:[], s:[], s:[]}", "adapter",
			   adapter, "dhcp", cli_option(cli, "dhcp") != NULL,
			   "addresses", "subnets", "gateways", "dns");
	if (!params)
		return cli_usage(cli, "--adapter: the text is not UTF-8");
	status = set_request(cli, params);
	if (status != EXIT_STATUS_OK)
		return status;
	return cli_done(cli, NULL, "%s: the guest has set its adapter",
			cli->operands[0]);
}

static int ip(struct cli *cli)
{
	const char *action = cli->operand_count > 1 ? cli->operands[1] : "show";

	if (strcmp(action, "show") == 0)
		return show(cli);
	if (strcmp(action, "set") == 0)
		return set(cli);
	return cli_usage(cli, "\"%s\" is none of show and set", action);
}

const struct cli_command command_ip = {
	.name = "ip",
	.summary = "Show or set the IP configuration of a guest's adapter",
	.cmdlet = "Set-GuestNetworkAdapterConfiguration",
	.operands = "VM [show | set] --adapter ADAPTER",
	.operands_min = 1,
	.operands_max = 2,
	.options = options,
	.handler = ip,
};
