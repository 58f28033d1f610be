/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/cli/text.h"
#include "host/control/config.h"

static const struct cli_option options[] = {
	{ "output", 'o', "FILE", "capture: a new file, pcapng" },
	{ "snap", 0, "SIZE", "capture: so much of each frame" },
	{ "stop", 0, NULL, "capture: end it" },
	{ NULL, 0, NULL, NULL },
};

/* cli_request() asks the VM that the first operand names: behind the action. */
static void action_drop(struct cli *cli)
{
	cli->operands++;
	cli->operand_count--;
}

/* "0" or an address: what the adapter with it is called by the VM. */
static bool adapter_is(const json_t *adapter, const char *text)
{
	char number[24];

	snprintf(number, sizeof(number), "%" PRId64,
		 (int64_t)json_integer_value(
			 json_object_get(adapter, "adapter")));
	return !strcmp(number, text) ||
	       !strcasecmp(cli_text(adapter, "mac"), text);
}

/*
 * The adapter of operands[1] as parameters of a request, to which the caller
 * adds. NULL: *status says what went wrong, and it was printed.
 */
static json_t *adapter_find(struct cli *cli, int *status)
{
	json_t *list = NULL, *adapter, *params = NULL;
	size_t i;

	*status = cli_request(cli, "net.list", NULL, CLI_ANSWER_MS, &list);
	if (*status != EXIT_STATUS_OK)
		return NULL;
	json_array_foreach(json_object_get(list, "adapters"), i, adapter)
	{
		if (!params && adapter_is(adapter, cli->operands[1]))
			params = json_pack("{s:O}", "adapter",
					   json_object_get(adapter, "adapter"));
	}
	if (!params)
		*status =
			cli_fail_text(cli, EIO,
				      "the VM has no network adapter \"%s\"; "
				      "\"lis net list %s\" shows those it has",
				      cli->operands[1], cli->operands[0]);
	json_decref(list);
	return params;
}

static void vlan_text(const json_t *adapter, char *text, size_t text_bytes)
{
	const json_t *vlan = json_object_get(adapter, "vlan");
	const char *trunk = cli_text(adapter, "trunk");

	*text = '\0';
	if (vlan)
		snprintf(text, text_bytes, "%d", (int)json_integer_value(vlan));
	else if (*trunk)
		snprintf(text, text_bytes, "trunk %.40s", trunk);
}

static const char *state_text(const json_t *adapter)
{
	bool by_function =
		json_is_true(json_object_get(adapter, "by_function"));

	if (!json_is_true(json_object_get(adapter, "capturing")))
		return by_function ? "by function" : "";
	return by_function ? "capturing, by function" : "capturing";
}

static void row_add(struct table *table, const json_t *adapter)
{
	const char *kind = cli_text(adapter, "backend");
	const char *name = cli_text(adapter, kind);
	char number[24], behind[64], vlan[64], channels[24];

	snprintf(number, sizeof(number), "%d",
		 (int)json_integer_value(json_object_get(adapter, "adapter")));
	snprintf(behind, sizeof(behind), "%s%s%s", kind, *name ? " " : "",
		 name);
	snprintf(channels, sizeof(channels), "%d",
		 (int)json_integer_value(json_object_get(adapter, "channels")));
	vlan_text(adapter, vlan, sizeof(vlan));
	table_add(table, (const char *const[]){
				 number, cli_text(adapter, "mac"), behind,
				 json_is_true(json_object_get(adapter, "gone"))
					 ? "gone"
					 : cli_text(adapter, "link"),
				 vlan, channels, state_text(adapter) });
}

static int list(struct cli *cli)
{
	static const char *const heads[] = { "Adapter",	 "MacAddress",
					     "JoinedTo", "Link",
					     "VLAN",	 "Channels",
					     "State" };
	struct table table;
	json_t *answer, *adapter;
	size_t i;
	int status, ret;

	status = cli_request(cli, "net.list", NULL, CLI_ANSWER_MS, &answer);
	if (status != EXIT_STATUS_OK)
		return status;
	if (cli->json)
		return cli_print_document(cli, answer);
	table_init(&table, 7, heads);
	json_array_foreach(json_object_get(answer, "adapters"), i, adapter)
	{
		row_add(&table, adapter);
	}
	ret = table_print(&table, stdout);
	table_release(&table);
	json_decref(answer);
	if (ret < 0)
		return cli_fail_text(cli, -ret, "out of memory");
	return cli_flush(cli);
}

static int attach(struct cli *cli)
{
	struct lis_error err;
	struct run_net net;
	json_t *result;
	int status;

	run_net_init(&net);
	if (run_net_parse(&net, "attach", cli->operands[1], &err) < 0)
		return cli_usage(cli, "%s", err.text);
	status = cli_request(cli, "net.attach", run_net_json(&net),
			     CLI_ANSWER_MS, &result);
	if (status != EXIT_STATUS_OK)
		return status;
	return cli_done(cli, result,
			"%s: network adapter %" PRId64 " is attached",
			cli->operands[0],
			(int64_t)json_integer_value(
				json_object_get(result, "adapter")));
}

static int adapter_request(struct cli *cli, const char *method, json_t *params,
			   const char *done)
{
	json_t *result;
	int status = cli_request(cli, method, params, CLI_ANSWER_MS, &result);

	if (status != EXIT_STATUS_OK)
		return status;
	return cli_done(cli, result, "%s: %s", cli->operands[0], done);
}

static int detach(struct cli *cli)
{
	int status;
	json_t *params = adapter_find(cli, &status);

	return params ? adapter_request(cli, "net.detach", params,
					"the network adapter is detached")
		      : status;
}

/* KEY=VALUE[,KEY=VALUE...], which the VM's process checks, too. */
static int settings_add(struct cli *cli, json_t *params, const char *text)
{
	char *copy = strdup(text), *rest = copy, *one;
	struct lis_error err;
	struct run_net net;
	int ret = 0;

	run_net_init(&net);
	while (ret == 0 && copy && (one = strsep(&rest, ","))) {
		char *value = strchr(one, '=');

		if (value)
			*value++ = '\0';
		ret = run_net_set(&net, "set", one, value, &err);
		if (ret == 0)
			json_object_set_new(
				params, one,
				json_string(value ? value : "true"));
	}
	free(copy);
	return ret == 0 ? EXIT_STATUS_OK : cli_usage(cli, "%s", err.text);
}

static int set(struct cli *cli)
{
	int status;
	json_t *params = adapter_find(cli, &status);

	if (!params)
		return status;
	status = settings_add(cli, params, cli->operands[2]);
	if (status != EXIT_STATUS_OK) {
		json_decref(params);
		return status;
	}
	return adapter_request(cli, "net.set", params,
			       "the network adapter is set");
}

static int capture_stop(struct cli *cli, json_t *params)
{
	json_t *result;
	int status;

	json_object_set_new(params, "stop", json_true());
	status =
		cli_request(cli, "net.capture", params, CLI_ANSWER_MS, &result);
	if (status != EXIT_STATUS_OK)
		return status;
	return cli_done(
		cli, result,
		"%s: %" PRId64 " frames were captured, %" PRId64
		" were dropped",
		cli->operands[0],
		(int64_t)json_integer_value(json_object_get(result, "frames")),
		(int64_t)json_integer_value(
			json_object_get(result, "dropped")));
}

/* The VM's process may be in another folder. */
static bool path_full(const char *path, char full[PATH_MAX])
{
	char folder[PATH_MAX];
	int n;

	if (path[0] == '/')
		n = snprintf(full, PATH_MAX, "%s", path);
	else
		n = getcwd(folder, sizeof(folder))
			    ? snprintf(full, PATH_MAX, "%s/%s", folder, path)
			    : -1;
	return n > 0 && n < PATH_MAX;
}

static int capture(struct cli *cli)
{
	const char *output = cli_option(cli, "output");
	const char *snap = cli_option(cli, "snap");
	bool stop = cli_option(cli, "stop") != NULL;
	uint64_t snap_bytes = 0;
	char full[PATH_MAX];
	json_t *params;
	int status;

	if (stop == (output != NULL))
		return cli_usage(cli, "capture: give --output, and later "
				      "--stop");
	if (output && !path_full(output, full))
		return cli_usage(cli, "--output: the path is too long");
	if (snap &&
	    (size_parse(snap, &snap_bytes) < 0 || snap_bytes > UINT32_MAX))
		return cli_usage(cli, "--snap: \"%s\" is not a size", snap);
	params = adapter_find(cli, &status);
	if (!params)
		return status;
	if (stop)
		return capture_stop(cli, params);
	json_object_set_new(params, "path", json_string(full));
	if (snap_bytes)
		json_object_set_new(params, "snap_bytes",
				    json_integer((json_int_t)snap_bytes));
	return adapter_request(cli, "net.capture", params,
			       "the network adapter is captured; --stop ends "
			       "it");
}

static const struct {
	const char *name;
	int operands; /* with the name */
	int (*handler)(struct cli *cli);
} actions[] = {
	{ "list", 2, list }, { "attach", 3, attach },	{ "detach", 3, detach },
	{ "set", 4, set },   { "capture", 3, capture },
};

static int net(struct cli *cli)
{
	const char *name = cli->operands[0];

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, name) != 0)
			continue;
		if (cli->operand_count < actions[i].operands)
			return cli_usage(cli, "%s: too few arguments", name);
		if (cli->operand_count > actions[i].operands)
			return cli_usage(cli, "%s: unexpected argument \"%s\"",
					 name,
					 cli->operands[actions[i].operands]);
		action_drop(cli);
		return actions[i].handler(cli);
	}
	return cli_usage(cli, "there is no action \"%s\"", name);
}

const struct cli_command command_net = {
	.name = "net",
	.summary = "Give VMs network adapters, change and capture them",
	.cmdlet = "Get-VMNetworkAdapter, Add-VMNetworkAdapter, "
		  "Remove-VMNetworkAdapter, Set-VMNetworkAdapter, "
		  "Set-VMNetworkAdapterVlan",
	.operands = "list|attach|detach|set|capture VM [NET | ADAPTER "
		    "[SETTINGS]]",
	.operands_min = 2,
	.operands_max = 4,
	.options = options,
	.handler = net,
};
