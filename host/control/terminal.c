/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG_LIMIT_BYTES (1u << 20)

struct output {
	uv_write_t write; /* first */
	char bytes[];
};

static bool stream_open(uv_loop_t *loop, union terminal_stream *stream, int fd)
{
	switch (uv_guess_handle(fd)) {
	case UV_TTY:
		return uv_tty_init(loop, &stream->tty, fd, 0) == 0;
	case UV_NAMED_PIPE:
		return uv_pipe_init(loop, &stream->pipe, 0) == 0 &&
		       uv_pipe_open(&stream->pipe, fd) == 0;
	default:
		return false;
	}
}

static void input_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct terminal *terminal = handle->data;

	(void)suggested;
	*buf = uv_buf_init(terminal->buffer, sizeof(terminal->buffer));
}

static void input_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
	struct terminal *terminal = stream->data;

	if (count < 0) {
		uv_read_stop(stream);
		return;
	}
	if (terminal->in_terminal &&
	    memchr(buf->base, TERMINAL_ESCAPE, (size_t)count)) {
		terminal->escape(terminal->context);
		return;
	}
	/* The console's queue is far larger than one read: what does not fit
	 * is the typing of somebody whose guest does not listen. */
	if (terminal->typed(terminal->context, buf->base, (size_t)count) <
	    (size_t)count) {
		uv_read_stop(stream);
		terminal->in_stopped = true;
	}
}

void terminal_begin(struct terminal *terminal, uv_loop_t *loop,
		    size_t (*typed)(void *context, const char *bytes,
				    size_t count),
		    void (*escape)(void *context), void *context)
{
	terminal->typed = typed;
	terminal->escape = escape;
	terminal->context = context;
	terminal->active = true;
	terminal->out_stream = stream_open(loop, &terminal->out, STDOUT_FILENO);
	terminal->in_open = stream_open(loop, &terminal->in, STDIN_FILENO);
	if (!terminal->in_open)
		return;
	terminal->in.handle.data = terminal;
	terminal->in_terminal = terminal->in.handle.type == UV_TTY;
	/* The guest ends its lines by itself: nothing is to be added. */
	if (terminal->in_terminal)
		uv_tty_set_mode(&terminal->in.tty, UV_TTY_MODE_IO);
	uv_read_start(&terminal->in.stream, input_alloc, input_read);
}

static void output_done(uv_write_t *write, int status)
{
	(void)status;
	free(write);
}

void terminal_write(struct terminal *terminal, const char *bytes, size_t count)
{
	struct output *output;
	uv_buf_t buffer;

	if (!terminal->active)
		return;
	if (!terminal->out_stream) {
		while (count) {
			ssize_t written = write(STDOUT_FILENO, bytes, count);

			if (written <= 0)
				return;
			bytes += written;
			count -= (size_t)written;
		}
		return;
	}
	if (uv_stream_get_write_queue_size(&terminal->out.stream) >
	    BACKLOG_LIMIT_BYTES)
		return;
	output = malloc(sizeof(*output) + count);
	if (!output)
		return;
	memcpy(output->bytes, bytes, count);
	buffer = uv_buf_init(output->bytes, (unsigned int)count);
	if (uv_write(&output->write, &terminal->out.stream, &buffer, 1,
		     output_done) < 0)
		free(output);
}

void terminal_room(struct terminal *terminal)
{
	if (!terminal->in_stopped)
		return;
	terminal->in_stopped = false;
	uv_read_start(&terminal->in.stream, input_alloc, input_read);
}

void terminal_end(struct terminal *terminal)
{
	if (!terminal->active)
		return;
	terminal->active = false;
	if (terminal->in_terminal)
		uv_tty_reset_mode();
	if (terminal->in_open)
		uv_close(&terminal->in.handle, NULL);
	if (terminal->out_stream)
		uv_close(&terminal->out.handle, NULL);
}
