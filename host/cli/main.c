/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

/* In the order of "lis --help". */
static const struct cli_command *const commands[] = {
	&command_run,	  &command_list,   &command_services, &command_enable,
	&command_disable, &command_stop,   &command_restart,  &command_pause,
	&command_resume,  &command_nmi,	   &command_kvp,      &command_ip,
	&command_copy,	  &command_disk,   &command_net,      &command_freeze,
	&command_thaw,	  &command_backup, &command_restore,  &command_console,
	&command_events,  &command_trace,
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct cli_command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(name, commands[i]->name) == 0)
			return commands[i];
	}
	return NULL;
}

static int help_all(void)
{
	printf("Usage: lis COMMAND [arguments]\n"
	       "\n"
	       "Runs Hyper-V guests on Linux and works with their integration "
	       "services.\n"
	       "\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  %-9s %s\n", commands[i]->name, commands[i]->summary);
	printf("  %-9s Show how a command is used\n"
	       "\n"
	       "\"lis help COMMAND\" tells more, \"lis --version\" the "
	       "version.\n",
	       "help");
	return EXIT_STATUS_OK;
}

static int command_unknown(const char *name)
{
	fprintf(stderr,
		"lis: there is no command \"%s\"; \"lis help\" lists "
		"those that are\n",
		name);
	return EXIT_STATUS_USAGE;
}

static int help(const char *name)
{
	const struct cli_command *command;

	if (!name)
		return help_all();
	command = command_find(name);
	if (!command)
		return command_unknown(name);
	cli_help(command);
	return EXIT_STATUS_OK;
}

static int dispatch(const struct cli_command *command, int argc, char **argv)
{
	struct cli cli = { .original_argc = argc, .original_argv = argv };
	int status = cli_parse(&cli, command, argc - 1, argv + 1);

	if (status == -1)
		status = help(command->name);
	else if (status == EXIT_STATUS_OK)
		status = command->handler(&cli);
	cli_release(&cli);
	return status;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	const struct cli_command *command;

	setlocale(LC_CTYPE, "");
	if (!name) {
		fprintf(stderr, "lis: no command given; \"lis help\" lists "
				"them\n");
		return EXIT_STATUS_USAGE;
	}
	if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 ||
	    strcmp(name, "-h") == 0)
		return help(argc > 2 ? argv[2] : NULL);
	if (strcmp(name, "--version") == 0) {
		printf("lis %s\n", LIS_VERSION);
		return EXIT_STATUS_OK;
	}
	command = command_find(name);
	if (!command)
		return command_unknown(name);
	return dispatch(command, argc, argv);
}
