/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#include <string.h>

#define STOP_MS 60000

#define OPTION_FORCE                                                           \
	{                                                                      \
		"force", 'f', NULL, "end programs that hold the guest up"      \
	}
#define OPTION_REASON                                                          \
	{                                                                      \
		"reason", 0, "TEXT", "what the guest is told as the reason"    \
	}
#define OPTION_TIMEOUT                                                         \
	{                                                                      \
		"timeout", 't', "SECONDS",                                     \
			"how long to wait for the guest (60)"                  \
	}

static const struct cli_option stop_options[] = {
	{ "turn-off", 0, NULL, "cut the power, without asking the guest" },
	{ "restart", 0, NULL, "let the guest restart instead" },
	{ "hibernate", 0, NULL, "let the guest hibernate instead" },
	OPTION_FORCE,
	OPTION_REASON,
	OPTION_TIMEOUT,
	{ NULL, 0, NULL, NULL },
};

static const struct cli_option restart_options[] = {
	OPTION_FORCE,
	OPTION_REASON,
	OPTION_TIMEOUT,
	{ NULL, 0, NULL, NULL },
};

static const struct {
	const char *mode; /* as an option is called, too */
	const char *done;
} modes[] = {
	{ "shutdown", "has shut down" },
	{ "turn-off", "is turned off" },
	{ "restart", "restarts" },
	{ "hibernate", "hibernates" },
};

#define MODE_COUNT (sizeof(modes) / sizeof(modes[0]))

static int stop_in_mode(struct cli *cli, size_t mode)
{
	const char *reason = cli_option(cli, "reason");
	int timeout_ms = STOP_MS;
	json_t *params, *result;
	int status = cli_timeout(cli, &timeout_ms);

	if (status != EXIT_STATUS_OK)
		return status;
	params = json_pack("{s:s, s:b, s:i, s:s*}", "mode", modes[mode].mode,
			   "force", cli_option(cli, "force") != NULL,
			   "timeout_ms", timeout_ms, "reason", reason);
	if (!params)
		return cli_usage(cli, "--reason: the text is not UTF-8");
	status = cli_request(cli, "vm.stop", params, timeout_ms + CLI_MARGIN_MS,
			     &result);
	if (status != EXIT_STATUS_OK)
		return status;
	return cli_done(cli, result, "%s %s", cli->operands[0],
			modes[mode].done);
}

static int stop(struct cli *cli)
{
	size_t mode = 0;

	for (size_t i = 1; i < MODE_COUNT; i++) {
		if (!cli_option(cli, modes[i].mode))
			continue;
		if (mode != 0)
			return cli_usage(cli,
					 "--%s and --%s exclude each other",
					 modes[mode].mode, modes[i].mode);
		mode = i;
	}
	return stop_in_mode(cli, mode);
}

static int restart(struct cli *cli)
{
	return stop_in_mode(cli, 2);
}

const struct cli_command command_stop = {
	.name = "stop",
	.summary = "Shut a guest down, or turn its VM off",
	.cmdlet = "Stop-VM",
	.operands = "VM",
	.operands_min = 1,
	.operands_max = 1,
	.options = stop_options,
	.handler = stop,
};

const struct cli_command command_restart = {
	.name = "restart",
	.summary = "Let a guest restart",
	.cmdlet = "Restart-VM",
	.operands = "VM",
	.operands_min = 1,
	.operands_max = 1,
	.options = restart_options,
	.handler = restart,
};
