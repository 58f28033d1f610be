/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#include <stdio.h>

#include "host/cli/text.h"

/* Width of the first column as administrators know the table. */
#define VM_NAME_COLUMN 11

static int table_show(const struct cli *cli, const json_t *list)
{
	static const char *const heads[] = { "VMName", "Name", "Enabled",
					     "PrimaryStatusDescription",
					     "SecondaryStatusDescription" };
	struct table table;
	const json_t *service;
	size_t i;
	int ret;

	table_init(&table, 5, heads);
	table.min_width[0] = VM_NAME_COLUMN;
	json_array_foreach(list, i, service)
	{
		bool enabled =
			json_is_true(json_object_get(service, "enabled"));

		table_add(&table,
			  (const char *const[]){
				  cli->operands[0], cli_text(service, "name"),
				  enabled ? "True" : "False",
				  cli_text(service, "primary_status"),
				  cli_text(service, "secondary_status") });
	}
	ret = table_print(&table, stdout);
	table_release(&table);
	if (ret < 0)
		return cli_fail_text(cli, -ret, "out of memory");
	return cli_flush(cli);
}

static int services(struct cli *cli)
{
	json_t *result;
	int status =
		cli_request(cli, "vm.services", NULL, CLI_ANSWER_MS, &result);

	if (status != EXIT_STATUS_OK)
		return status;
	if (cli->json)
		return cli_done(cli, result, "%s", "");
	status = table_show(cli, json_object_get(result, "services"));
	json_decref(result);
	return status;
}

const struct cli_command command_services = {
	.name = "services",
	.summary = "Show the integration services of a VM and their state",
	.cmdlet = "Get-VMIntegrationService",
	.operands = "VM",
	.operands_min = 1,
	.operands_max = 1,
	.handler = services,
};
