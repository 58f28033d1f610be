/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

static int request(struct cli *cli, const char *method, const char *done)
{
	json_t *result;
	int status = cli_request(cli, method, NULL, CLI_ANSWER_MS, &result);

	if (status != EXIT_STATUS_OK)
		return status;
	return cli_done(cli, result, "%s %s", cli->operands[0], done);
}

static int pause_vm(struct cli *cli)
{
	return request(cli, "vm.pause", "is paused");
}

static int resume_vm(struct cli *cli)
{
	return request(cli, "vm.resume", "runs again");
}

const struct cli_command command_pause = {
	.name = "pause",
	.summary = "Stop the processors of a VM for a while",
	.cmdlet = "Suspend-VM",
	.operands = "VM",
	.operands_min = 1,
	.operands_max = 1,
	.handler = pause_vm,
};

const struct cli_command command_resume = {
	.name = "resume",
	.summary = "Let a paused VM go on",
	.cmdlet = "Resume-VM",
	.operands = "VM",
	.operands_min = 1,
	.operands_max = 1,
	.handler = resume_vm,
};
