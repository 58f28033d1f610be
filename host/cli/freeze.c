/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#define FREEZE_MS 60000

static const struct cli_option freeze_options[] = {
	{ "check", 0, NULL, "only ask whether the guest could be frozen" },
	{ "timeout", 't', "SECONDS", "thaw by itself after this long (60)" },
	{ NULL, 0, NULL, NULL },
};

static const struct cli_option thaw_options[] = {
	{ "timeout", 't', "SECONDS", "how long to wait for the guest (60)" },
	{ NULL, 0, NULL, NULL },
};

static int vss(struct cli *cli, const char *method, bool keep, const char *done)
{
	int timeout_ms = FREEZE_MS;
	int status = cli_timeout(cli, &timeout_ms);
	json_t *params, *result;

	if (status != EXIT_STATUS_OK)
		return status;
	params = json_pack("{s:i}", "timeout_ms", timeout_ms);
	/* The freeze outlives this command: its time limit ends it. */
	if (keep)
		json_object_set_new(params, "keep", json_true());
	status = cli_request(cli, method, params, timeout_ms + CLI_MARGIN_MS,
			     &result);
	if (status != EXIT_STATUS_OK)
		return status;
	return cli_done(cli, result, "%s: %s", cli->operands[0], done);
}

static int freeze(struct cli *cli)
{
	if (cli_option(cli, "check"))
		return vss(cli, "vss.check", false,
			   "the guest's file systems can be frozen");
	return vss(cli, "vss.freeze", true,
		   "the guest's file systems are frozen");
}

static int thaw(struct cli *cli)
{
	return vss(cli, "vss.thaw", false,
		   "the guest's file systems are thawed");
}

const struct cli_command command_freeze = {
	.name = "freeze",
	.summary = "Freeze a guest's file systems, for a backup",
	.cmdlet = "Checkpoint-VM (its first half)",
	.operands = "VM",
	.operands_min = 1,
	.operands_max = 1,
	.options = freeze_options,
	.handler = freeze,
};

const struct cli_command command_thaw = {
	.name = "thaw",
	.summary = "Thaw a guest's file systems after a backup",
	.cmdlet = "Checkpoint-VM (its second half)",
	.operands = "VM",
	.operands_min = 1,
	.operands_max = 1,
	.options = thaw_options,
	.handler = thaw,
};
