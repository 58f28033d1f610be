/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/cli/text.h"

static const struct cli_option options[] = {
	{ "pool", 'p', "POOL",
	  "external, guest, auto, auto-external, auto-internal or all" },
	{ "type", 0, "TYPE", "of the value to set: string, u32 or u64" },
	{ "add", 0, NULL, "set: fail when the key is there" },
	{ "modify", 0, NULL, "set: fail when the key is not there" },
	{ NULL, 0, NULL, NULL },
};

/* In the order in which "all" shows them and "get" looks through them. */
static const char *const pools[] = {
	"auto", "guest", "external", "auto-external", "auto-internal", NULL,
};

/* What the guest tells about itself, and what programs in it tell. */
static const char *const pools_of_guest[] = { "auto", "guest", NULL };

static bool pool_known(const char *name)
{
	for (size_t i = 0; pools[i]; i++) {
		if (strcmp(name, pools[i]) == 0)
			return true;
	}
	return false;
}

/*
 * The pools that the option --pool names, by_default without it; NULL when it
 * names none. one: room for a list of one.
 */
static const char *const *pools_wanted(struct cli *cli, const char *one[2],
				       const char *const *by_default)
{
	const char *name = cli_option(cli, "pool");

	if (!name)
		return by_default;
	if (strcmp(name, "all") == 0)
		return pools;
	if (!pool_known(name))
		return NULL;
	one[0] = name;
	one[1] = NULL;
	return one;
}

static int pool_usage(const struct cli *cli)
{
	return cli_usage(cli,
			 "--pool: there is no pool \"%s\"; use external, "
			 "guest, auto, auto-external or auto-internal",
			 cli_option(cli, "pool"));
}

/* Adds the items of a pool to all, each with the pool's name. */
static int pool_read(const struct cli *cli, struct vm_client *client,
		     const char *pool, json_t *all)
{
	struct vm_failure failure;
	struct lis_error err = { "" };
	json_t *result, *item;
	size_t i;
	int ret = vm_client_call(client, "kvp.enumerate",
				 json_pack("{s:s}", "pool", pool), CLI_GUEST_MS,
				 &result, &failure, &err);

	if (ret < 0)
		return cli_fail(cli, ret, &failure, &err);
	json_array_foreach(json_object_get(result, "items"), i, item)
	{
		json_object_set_new(item, "pool", json_string(pool));
		json_array_append(all, item);
	}
	json_decref(result);
	return EXIT_STATUS_OK;
}

/* The value of an item as text; numbers may come as numbers. */
static const char *item_value(const json_t *item, char number[32])
{
	const json_t *value = json_object_get(item, "value");

	if (!json_is_integer(value))
		return cli_text(item, "value");
	snprintf(number, 32, "%" JSON_INTEGER_FORMAT,
		 json_integer_value(value));
	return number;
}

static int items_print(const struct cli *cli, const json_t *items)
{
	static const char *const heads[] = { "Pool", "Key", "Value" };
	struct table table;
	const json_t *item;
	char number[32];
	size_t i;
	int ret;

	table_init(&table, 3, heads);
	json_array_foreach(items, i, item)
	{
		table_add(&table,
			  (const char *const[]){ cli_text(item, "pool"),
						 cli_text(item, "key"),
						 item_value(item, number) });
	}
	ret = table_print(&table, stdout);
	table_release(&table);
	if (ret < 0)
		return cli_fail_text(cli, -ret, "out of memory");
	return cli_flush(cli);
}

static int show(struct cli *cli)
{
	const char *one[2];
	const char *const *list = pools_wanted(cli, one, pools_of_guest);
	struct vm_client *client;
	json_t *items;
	int status;

	if (!list)
		return pool_usage(cli);
	status = cli_connect(cli, &client);
	if (status != EXIT_STATUS_OK)
		return status;
	items = json_array();
	for (size_t i = 0; list[i] && status == EXIT_STATUS_OK; i++)
		status = pool_read(cli, client, list[i], items);
	vm_client_close(client);
	if (status == EXIT_STATUS_OK && cli->json)
		status = cli_done(cli, json_pack("{s:O}", "items", items), "%s",
				  "");
	else if (status == EXIT_STATUS_OK)
		status = items_print(cli, items);
	json_decref(items);
	return status;
}

/*
 * Prints an item alone: for a program as it is, on a terminal with nothing in
 * it that could steer the terminal.
 */
static int value_print(const struct cli *cli, const json_t *item)
{
	char number[32];
	const char *value = item_value(item, number);
	char *safe =
		isatty(STDOUT_FILENO) ? text_printable(value) : strdup(value);

	if (!safe)
		return cli_fail_text(cli, ENOMEM, "out of memory");
	puts(safe);
	free(safe);
	return cli_flush(cli);
}

/* Looks through the pools for the key; the first that has it ends that. */
static int key_find(const struct cli *cli, struct vm_client *client,
		    const char *const *list, const char *key, json_t **item)
{
	struct vm_failure failure = { 0 };
	struct lis_error err = { "" };
	int ret = -EINVAL;

	for (size_t i = 0; list[i]; i++) {
		json_t *params =
			json_pack("{s:s, s:s}", "pool", list[i], "key", key);

		if (!params)
			return cli_usage(cli, "the key is not UTF-8");
		ret = vm_client_call(client, "kvp.get", params, CLI_GUEST_MS,
				     item, &failure, &err);
		if (ret == 0)
			json_object_set_new(*item, "pool",
					    json_string(list[i]));
		if (ret == 0)
			return EXIT_STATUS_OK;
		if (strcmp(failure.reason, "not-found") != 0)
			break;
	}
	return cli_fail(cli, ret, &failure, &err);
}

static int get(struct cli *cli)
{
	const char *one[2];
	const char *const *list = pools_wanted(cli, one, pools);
	struct vm_client *client;
	json_t *item = NULL;
	int status;

	if (!list)
		return pool_usage(cli);
	status = cli_connect(cli, &client);
	if (status != EXIT_STATUS_OK)
		return status;
	status = key_find(cli, client, list, cli->operands[2], &item);
	vm_client_close(client);
	if (status != EXIT_STATUS_OK)
		return status;
	if (cli->json)
		return cli_done(cli, item, "%s", "");
	status = value_print(cli, item);
	json_decref(item);
	return status;
}

/* The one pool that set and remove work on. */
static const char *pool_of_host(const struct cli *cli)
{
	const char *name = cli_option(cli, "pool");

	if (!name)
		return "external";
	return pool_known(name) ? name : NULL;
}

static int set(struct cli *cli)
{
	const char *pool = pool_of_host(cli), *type = cli_option(cli, "type");
	bool add = cli_option(cli, "add"), modify = cli_option(cli, "modify");
	json_t *params, *result;
	int status;

	if (!pool)
		return pool_usage(cli);
	if (add && modify)
		return cli_usage(cli, "--add and --modify exclude each other");
	if (type && strcmp(type, "string") != 0 && strcmp(type, "u32") != 0 &&
	    strcmp(type, "u64") != 0)
		return cli_usage(cli,
				 "--type: there is no type \"%s\"; use string, "
				 "u32 or u64",
				 type);
	params = json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "pool", pool,
			   "key", cli->operands[2], "value", cli->operands[3],
			   "type", type ? type : "string", "must_exist", modify,
			   "must_be_new", add);
	if (!params)
		return cli_usage(cli, "the key or the value is not UTF-8");
	status = cli_request(cli, "kvp.set", params, CLI_GUEST_MS, &result);
	if (status != EXIT_STATUS_OK)
		return status;
	return cli_done(cli, result, "%s: set in pool %s", cli->operands[0],
			pool);
}

static int remove_key(struct cli *cli)
{
	const char *pool = pool_of_host(cli);
	json_t *params, *result;
	bool removed;
	int status;

	if (!pool)
		return pool_usage(cli);
	params = json_pack("{s:s, s:s}", "pool", pool, "key", cli->operands[2]);
	if (!params)
		return cli_usage(cli, "the key is not UTF-8");
	status = cli_request(cli, "kvp.remove", params, CLI_GUEST_MS, &result);
	if (status != EXIT_STATUS_OK)
		return status;
	removed = json_is_true(json_object_get(result, "removed"));
	return cli_done(cli, result, "%s: %s pool %s", cli->operands[0],
			removed ? "removed from" : "was not in", pool);
}

static const struct {
	const char *name;
	int operands; /* with the VM and this word */
	int (*handler)(struct cli *cli);
} actions[] = {
	{ "show", 2, show },
	{ "get", 3, get },
	{ "set", 4, set },
	{ "remove", 3, remove_key },
};

static int kvp(struct cli *cli)
{
	const char *name = cli->operand_count > 1 ? cli->operands[1] : NULL;

	if (!name)
		return show(cli);
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(name, actions[i].name) != 0)
			continue;
		if (cli->operand_count != actions[i].operands)
			return cli_usage(cli, "%s takes %d argument%s", name,
					 actions[i].operands - 2,
					 actions[i].operands == 3 ? "" : "s");
		return actions[i].handler(cli);
	}
	return cli_usage(cli, "\"%s\" is none of show, get, set and remove",
			 name);
}

const struct cli_command command_kvp = {
	.name = "kvp",
	.summary = "Show, set and remove key-value pairs of a guest",
	.cmdlet = "Msvm_KvpExchangeComponent, AddKvpItems, ModifyKvpItems and "
		  "RemoveKvpItems",
	.operands = "VM [show | get KEY | set KEY VALUE | remove KEY]",
	.operands_min = 1,
	.operands_max = 4,
	.options = options,
	.handler = kvp,
};
