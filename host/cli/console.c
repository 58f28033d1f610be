/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "host/control/base64.h"

#define ESCAPE	    0x1d /* Ctrl-] */
#define INPUT_BYTES 1024
/* Pause before input is offered again that the guest had no room for. */
#define RETRY_MS 50

static const struct cli_option options[] = {
	{ "replay", 0, NULL, "begin with the last output of the guest" },
	{ NULL, 0, NULL, NULL },
};

struct console {
	const struct cli *cli;
	struct vm_client *client;
	int signal_fd;
	bool terminal; /* standard input is one, in raw mode */
	struct termios before;
	bool input_ended;
	char input[INPUT_BYTES]; /* typed, input_bytes not yet taken */
	size_t input_bytes;
	uint64_t input_id; /* of the request under way, 0: none */
	bool refused;	   /* the guest had no room for all of the last input */
	bool left;	   /* the user has had enough */
};

static int terminal_raw(struct console *console)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &console->before) != 0)
		return EXIT_STATUS_OK; /* no terminal: nothing to set */
	raw = console->before;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) != 0)
		return cli_fail_text(console->cli, EIO,
				     "cannot set the terminal to raw mode: %s",
				     strerror(errno));
	console->terminal = true;
	fprintf(stderr, "Connected to %s. Leave with Ctrl-].\r\n",
		console->cli->operands[0]);
	return EXIT_STATUS_OK;
}

static void terminal_restore(struct console *console)
{
	if (!console->terminal)
		return;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &console->before);
	fputc('\n', stderr);
}

/* Writes guest output as it is; a reader that has gone ends the command. */
static int output_write(struct console *console, const char *data, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = write(STDOUT_FILENO, data, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPIPE) {
			console->left = true;
			return EXIT_STATUS_OK;
		}
		if (n < 0)
			return cli_fail_text(console->cli, EIO,
					     "cannot write to standard output: "
					     "%s",
					     strerror(errno));
		data += n;
		bytes -= (size_t)n;
	}
	return EXIT_STATUS_OK;
}

static int output_take(struct console *console, const json_t *params)
{
	const char *text = cli_text(params, "data");
	size_t length = strlen(text);
	char *data;
	ssize_t bytes;
	int status;

	if (console->cli->json)
		return cli_print_line(console->cli, params);
	data = malloc(length / 4 * 3 + 1);
	if (!data)
		return cli_fail_text(console->cli, ENOMEM, "out of memory");
	bytes = base64_decode(data, text, length);
	if (bytes < 0)
		status = cli_fail_text(console->cli, EPROTO,
				       "the process of VM \"%s\" sent output "
				       "that is not Base64",
				       console->cli->operands[0]);
	else
		status = output_write(console, data, (size_t)bytes);
	free(data);
	return status;
}

/* The answer to console.input: what was taken is done with. */
static int answer_take(struct console *console, const struct vm_message *m)
{
	json_int_t taken =
		json_integer_value(json_object_get(m->result, "taken"));
	struct vm_failure failure;
	struct lis_error err;
	int ret = vm_message_check(m, &failure, &err);

	if (ret < 0)
		return cli_fail(console->cli, ret, &failure, &err);
	if (m->id != console->input_id)
		return EXIT_STATUS_OK;
	if (taken < 0 || (size_t)taken > console->input_bytes)
		taken = (json_int_t)console->input_bytes;
	console->input_id = 0;
	console->input_bytes -= (size_t)taken;
	console->refused = console->input_bytes > 0;
	memmove(console->input, console->input + taken, console->input_bytes);
	return EXIT_STATUS_OK;
}

/* Handles all that has arrived. Returns a status, or -1: the VM has ended. */
static int messages_take(struct console *console)
{
	struct vm_message message;
	struct lis_error err = { "" };
	int status = EXIT_STATUS_OK;

	while (status == EXIT_STATUS_OK && !console->left) {
		int ret = vm_client_receive(console->client, 0, &message, &err);

		if (ret == 0 || ret == -EINTR)
			return EXIT_STATUS_OK;
		if (ret == -EPIPE)
			return -1;
		if (ret < 0)
			return cli_fail(console->cli, ret, NULL, &err);
		if (!message.method)
			status = answer_take(console, &message);
		else if (strcmp(message.method, "console.output") == 0)
			status = output_take(console, message.params);
		vm_message_release(&message);
	}
	return status;
}

static void input_read(struct console *console)
{
	char *end = console->input + console->input_bytes;
	ssize_t n = read(STDIN_FILENO, end, INPUT_BYTES - console->input_bytes);
	char *escape;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		console->input_ended = true;
		console->left = console->terminal;
		return;
	}
	escape = console->terminal ? memchr(end, ESCAPE, (size_t)n) : NULL;
	if (escape)
		console->left = true;
	console->input_bytes += escape ? (size_t)(escape - end) : (size_t)n;
}

static int input_send(struct console *console)
{
	char text[BASE64_ROOM(INPUT_BYTES)];
	struct lis_error err = { "" };
	int ret;

	console->refused = false;
	base64_encode(text, console->input, console->input_bytes);
	ret = vm_client_send(console->client, "console.input",
			     json_pack("{s:s}", "data", text), CLI_ANSWER_MS,
			     &console->input_id, &err);
	return ret == 0 || ret == -EINTR
		       ? EXIT_STATUS_OK
		       : cli_fail(console->cli, ret, NULL, &err);
}

/* Waits until there is something to do, and does what concerns the user. */
static int user_serve(struct console *console)
{
	bool sending = console->input_id != 0;
	bool room = console->input_bytes < INPUT_BYTES;
	struct pollfd fds[] = {
		{ .fd = vm_client_fd(console->client), .events = POLLIN },
		{ .fd = console->signal_fd, .events = POLLIN },
		{ .fd = console->input_ended || !room ? -1 : STDIN_FILENO,
		  .events = POLLIN },
	};
	int n = poll(fds, 3, console->refused ? RETRY_MS : -1);

	if (n < 0 && errno != EINTR)
		return cli_fail_text(console->cli, errno, "poll: %s",
				     strerror(errno));
	if (n > 0 && fds[1].revents) {
		console->left = true;
		return EXIT_STATUS_OK;
	}
	if (n > 0 && fds[2].revents)
		input_read(console);
	if (console->input_bytes > 0 && !sending &&
	    (!console->refused || n == 0))
		return input_send(console);
	return EXIT_STATUS_OK;
}

static int console_loop(struct console *console)
{
	int status = messages_take(console);

	while (status == EXIT_STATUS_OK && !console->left) {
		status = user_serve(console);
		if (status == EXIT_STATUS_OK && !console->left)
			status = messages_take(console);
	}
	/* What was typed before the escape is still the guest's. */
	if (status == EXIT_STATUS_OK && console->input_bytes > 0 &&
	    console->input_id == 0)
		status = input_send(console);
	if (status == -1 && console->terminal)
		fprintf(stderr, "\r\nThe VM has ended.");
	return status == -1 ? EXIT_STATUS_OK : status;
}

static int attach(struct console *console)
{
	const struct cli *cli = console->cli;
	struct vm_failure failure;
	struct lis_error err = { "" };
	int status;
	int ret;

	ret = vm_client_call(
		console->client, "console.attach",
		json_pack("{s:b}", "replay", cli_option(cli, "replay") != NULL),
		CLI_ANSWER_MS, NULL, &failure, &err);
	if (ret < 0)
		return cli_fail(cli, ret, &failure, &err);
	status = terminal_raw(console);
	if (status == EXIT_STATUS_OK)
		status = console_loop(console);
	terminal_restore(console);
	return status;
}

static int console(struct cli *cli)
{
	struct console console = { .cli = cli };
	int status = cli_connect(cli, &console.client);

	if (status != EXIT_STATUS_OK)
		return status;
	/* Whatever ends us must come by here, to restore the terminal. */
	signal(SIGPIPE, SIG_IGN);
	console.signal_fd = cli_signal_fd();
	vm_client_interrupt(console.client, console.signal_fd);
	status = attach(&console);
	vm_client_close(console.client);
	close(console.signal_fd);
	return status;
}

const struct cli_command command_console = {
	.name = "console",
	.summary = "Use the serial console of a guest",
	.cmdlet = "vmconnect",
	.operands = "VM",
	.operands_min = 1,
	.operands_max = 1,
	.options = options,
	.handler = console,
};
