/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * console.h - the guest's serial console, as the VM process keeps it.
 *
 * Here: output queued from vCPU threads, the last of it kept for who attaches
 * later, input waiting for the port. Not here: the port itself (host/vm), the
 * terminal of `lis console`.
 */
#ifndef HOST_CONTROL_CONSOLE_H
#define HOST_CONTROL_CONSOLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define CONSOLE_QUEUE_BYTES  (256u << 10)
#define CONSOLE_REPLAY_BYTES (64u << 10)
#define CONSOLE_INPUT_BYTES  (64u << 10)

struct console {
	pthread_mutex_t lock; /* of the queue */
	char *queue;
	size_t queued_bytes;
	size_t dropped_bytes;
	char *replay; /* a ring */
	size_t replay_next;
	size_t replay_bytes;
	char *input;
	size_t input_bytes;
};

/* Returns 0 or -ENOMEM. */
int console_init(struct console *console);
void console_release(struct console *console);

/*
 * Queue output of the guest; any thread. What does not fit is dropped and
 * counted: a console that nobody reads never stops the guest.
 * Returns true when the queue was empty before: the loop wants waking.
 */
bool console_put(struct console *console, const void *bytes, size_t count);

/*
 * Take what is queued into @into (CONSOLE_QUEUE_BYTES of room), and remember
 * it for the replay. Returns the number of bytes; *dropped_bytes receives how
 * many were lost before them.
 */
size_t console_take(struct console *console, char *into, size_t *dropped_bytes);

/* Copy the replay, oldest first, into @into (CONSOLE_REPLAY_BYTES of room);
 * returns the number of bytes. */
size_t console_replay(const struct console *console, char *into);

/* Queue input for the guest. Returns how many bytes there was room for. */
size_t console_type(struct console *console, const void *bytes, size_t count);

/* Drop the first @count bytes of the queued input: the port took them. */
void console_typed(struct console *console, size_t count);

#endif
