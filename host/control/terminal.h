/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * terminal.h - the console on the VM process's own standard input and output.
 *
 * Here: terminals, pipes and files as the console's ends. Not here: what the
 * console keeps (console.h).
 */
#ifndef HOST_CONTROL_TERMINAL_H
#define HOST_CONTROL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/* Ctrl-], as telnet has it: turns the VM off from a terminal. */
#define TERMINAL_ESCAPE 0x1d

union terminal_stream {
	uv_handle_t handle;
	uv_stream_t stream;
	uv_tty_t tty;
	uv_pipe_t pipe;
};

struct terminal {
	union terminal_stream in;
	union terminal_stream out;
	bool in_open;
	bool in_terminal;
	bool in_stopped; /* until the guest takes what was typed */
	bool out_stream; /* else a file, which takes all at once */
	bool active;
	char buffer[4096];
	/* Takes input; returns how many bytes there was room for. */
	size_t (*typed)(void *context, const char *bytes, size_t count);
	void (*escape)(void *context);
	void *context;
};

/*
 * Begin. A terminal is put into raw mode until terminal_end; input that is
 * neither a terminal nor a pipe or socket is not read.
 */
void terminal_begin(struct terminal *terminal, uv_loop_t *loop,
		    size_t (*typed)(void *context, const char *bytes,
				    size_t count),
		    void (*escape)(void *context), void *context);

/* Write output. A reader that is too slow loses some of it. */
void terminal_write(struct terminal *terminal, const char *bytes, size_t count);

/* There is room for input again. */
void terminal_room(struct terminal *terminal);

/* Restore the terminal and close. Does nothing when it never began. */
void terminal_end(struct terminal *terminal);

#endif
