/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * cli.h - what all commands of lis share.
 *
 * Here: the shape of a command, its options, its way to the VM, to the user
 * and to an exit status. Not here: any one command (a file each), the protocol
 * (host/control/client.h).
 */
#ifndef HOST_CLI_CLI_H
#define HOST_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "host/control/client.h"
#include "host/vm/error.h"

/* Exit statuses, as lis(1) documents them. */
enum cli_exit {
	EXIT_STATUS_OK = 0,
	EXIT_STATUS_FAILED = 1, /* the VM or its guest refused or failed */
	EXIT_STATUS_USAGE = 2,
	EXIT_STATUS_NO_VM = 3, /* no such VM is running */
	EXIT_STATUS_TIMEOUT =
		4,	      /* the VM or its guest did not answer in time */
	EXIT_STATUS_LOST = 5, /* the VM's process ended or spoke nonsense */
	EXIT_STATUS_PERMISSION = 6,
	EXIT_STATUS_INTERRUPTED = 130,
};

/* Time for an answer that needs nothing from the guest. */
#define CLI_ANSWER_MS 10000
/* Added to a time limit that the VM's process keeps itself. */
#define CLI_MARGIN_MS 5000
/* Time for an answer that the guest has to give. */
#define CLI_GUEST_MS 60000

/* One option of a command; a table of them ends with a NULL name. */
struct cli_option {
	const char *name;     /* long name without dashes */
	char letter;	      /* short name, or 0 */
	const char *argument; /* what its argument is called; NULL: none */
	const char *help;     /* NULL: the help does not show it */
};

/* An option as it was given. */
struct cli_given {
	const struct cli_option *option;
	const char *value; /* "" for an option without argument */
};

struct cli;

struct cli_command {
	const char *name;
	const char *summary;  /* what it does, in a few words */
	const char *cmdlet;   /* the Hyper-V cmdlet it replaces, or NULL */
	const char *operands; /* for the usage line */
	int operands_min, operands_max; /* -1: any number */
	const struct cli_option *options;
	int (*handler)(struct cli *cli); /* returns an enum cli_exit */
};

/* One call of lis. */
struct cli {
	const struct cli_command *command;
	int original_argc; /* the command line as it came */
	char **original_argv;
	char **operands; /* ended by NULL */
	int operand_count;
	struct cli_given *given; /* in the order of the command line */
	size_t given_count;
	bool json;
};

/*
 * Splits the command line after the command's name into options and operands,
 * and checks the number of operands. argv[0] is the command's name.
 * Returns EXIT_STATUS_OK, or EXIT_STATUS_USAGE with a message printed; -1 when
 * --help was given. To be ended by cli_release().
 */
int cli_parse(struct cli *cli, const struct cli_command *command, int argc,
	      char **argv);
void cli_release(struct cli *cli);

/* The value of the last option of that name, NULL when it was not given. The
 * name must be one of the command's table. */
const char *cli_option(const struct cli *cli, const char *name);

/* The options that every command has; cli_help() prints them too. */
extern const struct cli_option cli_common_options[];

/* Prints usage, options and what else "lis help COMMAND" shows. */
void cli_help(const struct cli_command *command);

/*
 * Reads the option --timeout: whole seconds, 1 to 86400.
 * timeout_ms: holds the default, receives the value.
 * Returns EXIT_STATUS_OK, or EXIT_STATUS_USAGE with a message printed.
 */
int cli_timeout(struct cli *cli, int *timeout_ms);

/* Prints a usage error and returns EXIT_STATUS_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Prints an error: as "lis COMMAND: VM: sentence", or with --json as an object
 * with the member "error", on standard error.
 * code: the negative errno that came with err.
 * failure: what the VM answered, or NULL.
 * Returns the exit status that belongs to code and failure.
 */
int cli_fail(const struct cli *cli, int code, const struct vm_failure *failure,
	     const struct lis_error *err);

/* The same for an error that this process found itself; code is positive. */
int cli_fail_text(const struct cli *cli, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Connects to the VM named by the first operand; prints what goes wrong. */
int cli_connect(const struct cli *cli, struct vm_client **client);

/*
 * Asks the VM named by the first operand for one thing.
 * params: taken over; NULL: none. result: released by the caller; may be NULL.
 * Returns EXIT_STATUS_OK, else prints the error and returns its status.
 */
int cli_request(const struct cli *cli, const char *method, json_t *params,
		int timeout_ms, json_t **result);

/* Prints a document (taken over) on standard output, indented. */
int cli_print_document(const struct cli *cli, json_t *document);

/* Prints one line of JSON (borrowed) on standard output, and flushes it. */
int cli_print_line(const struct cli *cli, const json_t *line);

/*
 * Says that a command has done its work: with --json the object result (taken
 * over, NULL: empty) with the VM's name added, else the formatted sentence.
 */
int cli_done(const struct cli *cli, json_t *result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Flushes standard output. Returns EXIT_STATUS_OK, or prints the error (a full
 * disk, say) and returns EXIT_STATUS_FAILED.
 */
int cli_flush(const struct cli *cli);

/*
 * A file descriptor that is readable once SIGINT, SIGTERM or SIGHUP came, which
 * have no other effect from then on. Returns -1 when there can be none.
 */
int cli_signal_fd(void);

/* String member of an object, "" when it is missing or no string. */
const char *cli_text(const json_t *object, const char *name);

/* Integer member of an object, 0 when it is missing, no integer or negative. */
uint64_t cli_number(const json_t *object, const char *name);

#endif
