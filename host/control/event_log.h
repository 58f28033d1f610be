/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * event_log.h - the last events of a VM.
 *
 * Here: a bounded log that new followers can be shown. Not here: who follows
 * it (server.h), or what counts as an event (their sources).
 */
#ifndef HOST_CONTROL_EVENT_LOG_H
#define HOST_CONTROL_EVENT_LOG_H

#include <jansson.h>

#define EVENT_LOG_ENTRIES 256

struct event_log {
	json_t *entries[EVENT_LOG_ENTRIES]; /* a ring; NULL where none */
	unsigned int next;
};

/*
 * Make an event, put it into the log and return it with a reference of the
 * caller's own; NULL when out of memory.
 * @kind: one of the words of docs/control-protocol.md.
 * @service: full name of a service, or NULL.
 * @relid: the channel's id, or 0 for none.
 * @uptime_ms: since the VM process started.
 * @text: a sentence.
 */
json_t *event_log_add(struct event_log *log, const char *kind,
		      const char *service, unsigned int relid,
		      unsigned long long uptime_ms, const char *text);

/* Call @each for every event, oldest first, with a borrowed reference. */
void event_log_walk(const struct event_log *log,
		    void (*each)(void *context, json_t *event), void *context);

/* Forget all events. */
void event_log_clear(struct event_log *log);

#endif
