/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "host/cli/text.h"

/* Prints a line for a person on standard error, free of control characters. */
static void print_error_line(const char *prefix, const char *text)
{
	char *safe = text_printable(text);

	fprintf(stderr, "%s: %s\n", prefix, safe ? safe : "out of memory");
	free(safe);
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
	struct lis_error err;
	char prefix[64];
	va_list args;

	va_start(args, format);
	vsnprintf(err.text, sizeof(err.text), format, args);
	va_end(args);
	snprintf(prefix, sizeof(prefix), "lis %s", cli->command->name);
	print_error_line(prefix, err.text);
	fprintf(stderr, "Usage: lis %s %s\nSee \"lis help %s\".\n",
		cli->command->name, cli->command->operands, cli->command->name);
	return EXIT_STATUS_USAGE;
}

static int exit_status(int code, const struct vm_failure *failure)
{
	switch (-code) {
	case ENOENT:
		return EXIT_STATUS_NO_VM;
	case EINVAL:
		return EXIT_STATUS_USAGE;
	case ETIMEDOUT:
		return EXIT_STATUS_TIMEOUT;
	case ECONNRESET:
	case EPIPE:
	case EPROTO:
		return EXIT_STATUS_LOST;
	case EPERM:
	case EACCES:
		return EXIT_STATUS_PERMISSION;
	case EINTR:
		return EXIT_STATUS_INTERRUPTED;
	case EREMOTEIO:
		if (failure && strcmp(failure->reason, "timeout") == 0)
			return EXIT_STATUS_TIMEOUT;
		return EXIT_STATUS_FAILED;
	default:
		return EXIT_STATUS_FAILED;
	}
}

/* A JSON string of text that need not be UTF-8. */
static json_t *safe_string(const char *text)
{
	char *safe = text_printable(text);
	json_t *string = safe ? json_string(safe) : NULL;

	free(safe);
	return string;
}

static void print_error_json(const struct cli *cli, int status,
			     const struct vm_failure *failure, const char *text)
{
	const char *vm = cli->operand_count > 0 ? cli->operands[0] : NULL;
	json_t *body =
		json_pack("{s:s, s:o*, s:i, s:o*}", "command",
			  cli->command->name, "vm", vm ? safe_string(vm) : NULL,
			  "exit_status", status, "message", safe_string(text));
	json_t *error = json_pack("{s:o*}", "error", body);

	if (failure && failure->code != 0)
		json_object_set_new(body, "code", json_integer(failure->code));
	if (failure && failure->reason[0])
		json_object_set_new(body, "reason",
				    json_string(failure->reason));
	if (error)
		json_dumpf(error, stderr, JSON_COMPACT);
	fputc('\n', stderr);
	json_decref(error);
}

int cli_fail(const struct cli *cli, int code, const struct vm_failure *failure,
	     const struct lis_error *err)
{
	int status = exit_status(code, failure);
	char prefix[128];

	if (cli->json) {
		print_error_json(cli, status, failure, err->text);
		return status;
	}
	/* A sentence of the VM does not say which VM it is. */
	if (code == -EREMOTEIO)
		snprintf(prefix, sizeof(prefix), "lis %s: %s",
			 cli->command->name, cli->operands[0]);
	else
		snprintf(prefix, sizeof(prefix), "lis %s", cli->command->name);
	print_error_line(prefix, err->text);
	return status;
}

int cli_fail_text(const struct cli *cli, int code, const char *format, ...)
{
	struct lis_error err;
	va_list args;

	va_start(args, format);
	vsnprintf(err.text, sizeof(err.text), format, args);
	va_end(args);
	return cli_fail(cli, -code, NULL, &err);
}

int cli_timeout(struct cli *cli, int *timeout_ms)
{
	const char *text = cli_option(cli, "timeout");
	char *end;
	long seconds;

	if (!text)
		return EXIT_STATUS_OK;
	errno = 0;
	seconds = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end || seconds < 1 || seconds > 86400)
		return cli_usage(cli,
				 "--timeout: \"%s\" is not a number of seconds "
				 "from 1 to 86400",
				 text);
	*timeout_ms = (int)seconds * 1000;
	return EXIT_STATUS_OK;
}

int cli_connect(const struct cli *cli, struct vm_client **client)
{
	struct lis_error err = { "" };
	int ret;

	ret = vm_client_connect(client, cli->operands[0], CLI_ANSWER_MS, &err);
	return ret == 0 ? EXIT_STATUS_OK : cli_fail(cli, ret, NULL, &err);
}

int cli_request(const struct cli *cli, const char *method, json_t *params,
		int timeout_ms, json_t **result)
{
	struct vm_failure failure;
	struct lis_error err = { "" };
	struct vm_client *client;
	int status = cli_connect(cli, &client);
	int ret;

	if (status != EXIT_STATUS_OK) {
		json_decref(params);
		return status;
	}
	ret = vm_client_call(client, method, params, timeout_ms, result,
			     &failure, &err);
	if (ret < 0)
		status = cli_fail(cli, ret, &failure, &err);
	vm_client_close(client);
	return status;
}

int cli_flush(const struct cli *cli)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_STATUS_OK;
	return cli_fail_text(cli, EIO, "cannot write to standard output: %s",
			     strerror(errno));
}

int cli_print_document(const struct cli *cli, json_t *document)
{
	if (!document)
		return cli_fail_text(cli, ENOMEM, "out of memory");
	json_dumpf(document, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(document);
	return cli_flush(cli);
}

int cli_print_line(const struct cli *cli, const json_t *line)
{
	json_dumpf(line, stdout, JSON_COMPACT);
	putchar('\n');
	return cli_flush(cli);
}

int cli_done(const struct cli *cli, json_t *result, const char *format, ...)
{
	va_list args;

	if (cli->json) {
		json_t *document = json_pack("{s:s}", "vm", cli->operands[0]);

		if (document && result)
			json_object_update(document, result);
		json_decref(result);
		return cli_print_document(cli, document);
	}
	json_decref(result);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	return cli_flush(cli);
}

int cli_signal_fd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

const char *cli_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

uint64_t cli_number(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	return value > 0 ? (uint64_t)value : 0;
}
