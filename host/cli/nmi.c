/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

static int nmi(struct cli *cli)
{
	json_t *result;
	int status = cli_request(cli, "vm.nmi", NULL, CLI_ANSWER_MS, &result);

	if (status != EXIT_STATUS_OK)
		return status;
	return cli_done(cli, result, "%s: the interrupt was sent",
			cli->operands[0]);
}

const struct cli_command command_nmi = {
	.name = "nmi",
	.summary = "Send a non-maskable interrupt to a guest",
	.cmdlet = "Debug-VM -InjectNonMaskableInterrupt",
	.operands = "VM",
	.operands_min = 1,
	.operands_max = 1,
	.handler = nmi,
};
