/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#include "host/control/service_names.h"

static int service_switch(struct cli *cli, bool enabled)
{
	const char *method = enabled ? "vm.enable" : "vm.disable";
	const char *state = enabled ? "enabled" : "disabled";
	int index = service_find(cli->operands[1]);
	const char *service;
	json_t *result;
	bool changed;
	int status;

	if (index < 0)
		return cli_usage(cli,
				 "there is no service \"%s\"; \"lis services "
				 "%s\" shows the names, and fcopy, heartbeat, "
				 "kvp, shutdown, timesync and vss are short "
				 "for them",
				 cli->operands[1], cli->operands[0]);
	service = service_names[index].full_name;
	status =
		cli_request(cli, method, json_pack("{s:s}", "service", service),
			    CLI_ANSWER_MS, &result);
	if (status != EXIT_STATUS_OK)
		return status;
	changed = json_is_true(json_object_get(result, "changed"));
	json_object_set_new(result, "service", json_string(service));
	return cli_done(cli, result, "%s: %s %s %s", cli->operands[0], service,
			changed ? "is now" : "was already", state);
}

static int enable(struct cli *cli)
{
	return service_switch(cli, true);
}

static int disable(struct cli *cli)
{
	return service_switch(cli, false);
}

const struct cli_command command_enable = {
	.name = "enable",
	.summary = "Enable an integration service",
	.cmdlet = "Enable-VMIntegrationService",
	.operands = "VM SERVICE",
	.operands_min = 2,
	.operands_max = 2,
	.handler = enable,
};

const struct cli_command command_disable = {
	.name = "disable",
	.summary = "Disable an integration service",
	.cmdlet = "Disable-VMIntegrationService",
	.operands = "VM SERVICE",
	.operands_min = 2,
	.operands_max = 2,
	.handler = disable,
};
