/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/control/console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t lesser(size_t a, size_t b)
{
	return a < b ? a : b;
}

int console_init(struct console *console)
{
	memset(console, 0, sizeof(*console));
	console->queue = malloc(CONSOLE_QUEUE_BYTES);
	console->replay = malloc(CONSOLE_REPLAY_BYTES);
	console->input = malloc(CONSOLE_INPUT_BYTES);
	pthread_mutex_init(&console->lock, NULL);
	if (console->queue && console->replay && console->input)
		return 0;
	console_release(console);
	return -ENOMEM;
}

void console_release(struct console *console)
{
	free(console->queue);
	free(console->replay);
	free(console->input);
	pthread_mutex_destroy(&console->lock);
}

bool console_put(struct console *console, const void *bytes, size_t count)
{
	size_t taken;
	bool first;

	pthread_mutex_lock(&console->lock);
	first = !console->queued_bytes;
	taken = lesser(count, CONSOLE_QUEUE_BYTES - console->queued_bytes);
	memcpy(console->queue + console->queued_bytes, bytes, taken);
	console->queued_bytes += taken;
	console->dropped_bytes += count - taken;
	pthread_mutex_unlock(&console->lock);
	return first;
}

static void replay_add(struct console *console, const char *bytes, size_t count)
{
	while (count) {
		size_t step = lesser(count, CONSOLE_REPLAY_BYTES -
						    console->replay_next);

		memcpy(console->replay + console->replay_next, bytes, step);
		console->replay_next =
			(console->replay_next + step) % CONSOLE_REPLAY_BYTES;
		console->replay_bytes = lesser(console->replay_bytes + step,
					       CONSOLE_REPLAY_BYTES);
		bytes += step;
		count -= step;
	}
}

size_t console_take(struct console *console, char *into, size_t *dropped_bytes)
{
	size_t count;

	pthread_mutex_lock(&console->lock);
	count = console->queued_bytes;
	memcpy(into, console->queue, count);
	console->queued_bytes = 0;
	*dropped_bytes = console->dropped_bytes;
	console->dropped_bytes = 0;
	pthread_mutex_unlock(&console->lock);
	replay_add(console, into, count);
	return count;
}

size_t console_replay(const struct console *console, char *into)
{
	size_t start = (console->replay_next + CONSOLE_REPLAY_BYTES -
			console->replay_bytes) %
		       CONSOLE_REPLAY_BYTES;
	size_t head =
		lesser(console->replay_bytes, CONSOLE_REPLAY_BYTES - start);

	memcpy(into, console->replay + start, head);
	memcpy(into + head, console->replay, console->replay_bytes - head);
	return console->replay_bytes;
}

size_t console_type(struct console *console, const void *bytes, size_t count)
{
	size_t taken =
		lesser(count, CONSOLE_INPUT_BYTES - console->input_bytes);

	memcpy(console->input + console->input_bytes, bytes, taken);
	console->input_bytes += taken;
	return taken;
}

void console_typed(struct console *console, size_t count)
{
	console->input_bytes -= count;
	memmove(console->input, console->input + count, console->input_bytes);
}
