/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/text.h"

/* A VM's process that takes longer than this to answer is shown as such. */
#define LIST_ANSWER_MS 2000

static const struct cli_option options[] = {
	{ "names", 'n', NULL, "print only names, one a line" },
	{ NULL, 0, NULL, NULL },
};

/* A VM that has a process of which nothing more is known. */
static json_t *unresponsive(const char *name)
{
	return json_pack("{s:s, s:s}", "name", name, "state", "unresponsive");
}

/*
 * What is known of a VM. Returns 0 and sets info, to NULL when no VM of that
 * name runs (a socket may be left of one).
 */
static int info_get(const char *name, json_t **info, struct lis_error *err)
{
	struct vm_client *client;
	int ret = vm_client_connect(&client, name, LIST_ANSWER_MS, err);

	*info = NULL;
	if (ret == -ENOENT)
		return 0;
	if (ret == 0) {
		ret = vm_client_call(client, "vm.info", NULL, LIST_ANSWER_MS,
				     info, NULL, err);
		vm_client_close(client);
	}
	/* It ended while we asked: then it does not run. */
	if (ret == -ECONNRESET)
		return 0;
	if (ret < 0)
		*info = unresponsive(name);
	return *info ? 0 : -ENOMEM;
}

static void names_print(const json_t *vms)
{
	const json_t *vm;
	size_t i;

	json_array_foreach(vms, i, vm)
	{
		puts(cli_text(vm, "name"));
	}
}

static void join(char *into, size_t into_bytes, const json_t *texts)
{
	const json_t *text;
	size_t i, n = 0;

	*into = '\0';
	json_array_foreach(texts, i, text)
	{
		const char *s = json_string_value(text);
		int wrote = snprintf(into + n, into_bytes - n, "%s%s",
				     i ? ", " : "", s ? s : "");

		if (wrote < 0 || (size_t)wrote >= into_bytes - n)
			return;
		n += (size_t)wrote;
	}
}

static void row_add(struct table *table, const json_t *vm)
{
	json_int_t memory =
		json_integer_value(json_object_get(vm, "memory_bytes"));
	json_int_t uptime =
		json_integer_value(json_object_get(vm, "uptime_ms"));
	json_int_t cpus = json_integer_value(json_object_get(vm, "vcpus"));
	char cpus_text[24] = "", memory_text[TEXT_UNIT_BYTES] = "";
	char uptime_text[TEXT_UNIT_BYTES] = "", addresses[512], state[32];

	snprintf(state, sizeof(state), "%s", cli_text(vm, "state"));
	state[0] = (char)toupper((unsigned char)state[0]);
	join(addresses, sizeof(addresses), json_object_get(vm, "addresses"));
	if (cpus > 0) {
		snprintf(cpus_text, sizeof(cpus_text), "%lld", (long long)cpus);
		text_size(memory_text, (uint64_t)memory);
		text_duration(uptime_text, (uint64_t)uptime);
	}
	table_add(table,
		  (const char *const[]){
			  cli_text(vm, "name"), state, cpus_text, memory_text,
			  uptime_text, cli_text(vm, "heartbeat"), addresses });
}

static int table_show(const struct cli *cli, const json_t *vms)
{
	static const char *const heads[] = { "Name",	   "State",
					     "CPUs",	   "MemoryAssigned",
					     "Uptime",	   "Heartbeat",
					     "IPAddresses" };
	struct table table;
	const json_t *vm;
	size_t i;
	int ret;

	table_init(&table, 7, heads);
	json_array_foreach(vms, i, vm)
	{
		row_add(&table, vm);
	}
	ret = table_print(&table, stdout);
	table_release(&table);
	if (ret < 0)
		return cli_fail_text(cli, -ret, "out of memory");
	return cli_flush(cli);
}

static int vms_collect(const struct cli *cli, json_t *vms)
{
	struct lis_error err = { "" };
	char **names;
	size_t count;
	int ret = vm_names_list(&names, &count, &err);

	if (ret < 0)
		return cli_fail(cli, ret, NULL, &err);
	for (size_t i = 0; i < count && ret == 0; i++) {
		json_t *info;

		ret = info_get(names[i], &info, &err);
		if (info)
			json_array_append_new(vms, info);
	}
	vm_names_free(names);
	if (ret < 0)
		return cli_fail_text(cli, -ret, "out of memory");
	return EXIT_STATUS_OK;
}

static int list(struct cli *cli)
{
	json_t *vms = json_array();
	int status = vms_collect(cli, vms);

	if (status == EXIT_STATUS_OK && cli->json)
		status =
			cli_print_document(cli, json_pack("{s:O}", "vms", vms));
	else if (status == EXIT_STATUS_OK && cli_option(cli, "names"))
		names_print(vms);
	else if (status == EXIT_STATUS_OK && json_array_size(vms) == 0)
		fprintf(stderr, "No VM is running.\n");
	else if (status == EXIT_STATUS_OK)
		status = table_show(cli, vms);
	json_decref(vms);
	return status;
}

const struct cli_command command_list = {
	.name = "list",
	.summary = "List the VMs that are running",
	.cmdlet = "Get-VM",
	.operands = "",
	.options = options,
	.handler = list,
};
