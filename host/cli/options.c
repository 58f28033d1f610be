/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The one reader of command lines, and the help that is made from the same
 * tables.
 */
#define _GNU_SOURCE
#include "host/cli/cli.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 32

const struct cli_option cli_common_options[] = {
	{ "json", 0, NULL, "print JSON, errors too" },
	{ "help", 'h', NULL, "show this help" },
	{ NULL, 0, NULL, NULL },
};

/* A command's options and the common ones, as getopt_long() wants them. */
struct option_set {
	const struct cli_option *known[OPTIONS_MAX];
	struct option longs[OPTIONS_MAX + 1];
	char shorts[2 * OPTIONS_MAX + 2];
	int count;
};

static void set_add(struct option_set *set, const struct cli_option *options)
{
	size_t n = strlen(set->shorts);

	for (; options && options->name; options++) {
		struct option *slot = &set->longs[set->count];

		assert(set->count < OPTIONS_MAX);
		slot->name = options->name;
		slot->has_arg =
			options->argument ? required_argument : no_argument;
		/* Long options come back as their index, past any letter. */
		slot->val = 256 + set->count;
		set->known[set->count++] = options;
		if (options->letter)
			set->shorts[n++] = options->letter;
		if (options->letter && options->argument)
			set->shorts[n++] = ':';
	}
}

static const struct cli_option *set_find(const struct option_set *set, int val)
{
	if (val >= 256)
		return set->known[val - 256];
	for (int i = 0; i < set->count; i++) {
		if (set->known[i]->letter == val)
			return set->known[i];
	}
	return NULL;
}

/* getopt_long() has met something that is not an option of ours. */
static int option_refused(const struct cli *cli, const struct option_set *set,
			  int result, char *const *argv)
{
	const struct cli_option *known = optopt ? set_find(set, optopt) : NULL;
	const char *word = argv[optind - 1];

	if (known && (result == ':' || known->argument))
		return cli_usage(cli, "option --%s needs %s", known->name,
				 known->argument);
	if (known)
		return cli_usage(cli, "option --%s takes no value",
				 known->name);
	if (optopt)
		return cli_usage(cli, "there is no option -%c", optopt);
	return cli_usage(cli, "there is no option %.*s",
			 (int)strcspn(word, "="), word);
}

static int operands_check(const struct cli *cli)
{
	const struct cli_command *command = cli->command;

	if (cli->operand_count < command->operands_min)
		return cli_usage(cli, "too few arguments");
	if (command->operands_max >= 0 &&
	    cli->operand_count > command->operands_max)
		return cli_usage(cli, "unexpected argument \"%s\"",
				 cli->operands[command->operands_max]);
	return EXIT_STATUS_OK;
}

int cli_parse(struct cli *cli, const struct cli_command *command, int argc,
	      char **argv)
{
	struct option_set set = { .shorts = ":" };
	int c;

	cli->command = command;
	cli->given = calloc((size_t)argc + 1, sizeof(*cli->given));
	if (!cli->given)
		return cli_usage(cli, "out of memory");
	set_add(&set, command->options);
	set_add(&set, cli_common_options);
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, set.shorts, set.longs, NULL)) !=
	       -1) {
		const struct cli_option *option = set_find(&set, c);

		if (!option)
			return option_refused(cli, &set, c, argv);
		if (strcmp(option->name, "help") == 0)
			return -1;
		if (strcmp(option->name, "json") == 0)
			cli->json = true;
		cli->given[cli->given_count].option = option;
		cli->given[cli->given_count++].value = optarg ? optarg : "";
	}
	cli->operands = argv + optind;
	cli->operand_count = argc - optind;
	return operands_check(cli);
}

void cli_release(struct cli *cli)
{
	free(cli->given);
}

const char *cli_option(const struct cli *cli, const char *name)
{
	const char *value = NULL;
	const struct cli_option *known = cli->command->options;

	while (known && known->name && strcmp(known->name, name) != 0)
		known++;
	assert(known && known->name);
	for (size_t i = 0; i < cli->given_count; i++) {
		if (cli->given[i].option == known)
			value = cli->given[i].value;
	}
	return value;
}

static void options_print(const struct cli_option *options)
{
	for (; options && options->name; options++) {
		char text[64];

		if (!options->help)
			continue;
		snprintf(text, sizeof(text), "--%s%s%s", options->name,
			 options->argument ? " " : "",
			 options->argument ? options->argument : "");
		if (options->letter)
			printf("  -%c, %-24s %s\n", options->letter, text,
			       options->help);
		else
			printf("      %-24s %s\n", text, options->help);
	}
}

void cli_help(const struct cli_command *command)
{
	printf("Usage: lis %s %s%s[options]\n\n%s.\n\nOptions:\n",
	       command->name, command->operands, *command->operands ? " " : "",
	       command->summary);
	options_print(command->options);
	options_print(cli_common_options);
	if (command->cmdlet)
		printf("\nIn place of %s.\n", command->cmdlet);
	printf("\nThe manual page lis-%s(1) says more.\n", command->name);
}
