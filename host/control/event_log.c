/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/event_log.h"

#include <stdio.h>
#include <time.h>

#include "host/control/json_text.h"

static void wall_text(char *text, size_t text_bytes)
{
	struct timespec now;
	struct tm parts;
	size_t length;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	length = strftime(text, text_bytes, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text + length, text_bytes - length, ".%03dZ",
		 (int)(now.tv_nsec / 1000000));
}

json_t *event_log_add(struct event_log *log, const char *kind,
		      const char *service, unsigned int relid,
		      unsigned long long uptime_ms, const char *text)
{
	char when[40];
	json_t *event;

	wall_text(when, sizeof(when));
	event = json_pack("{s:s, s:I, s:s, s:o}", "time", when, "uptime_ms",
			  (json_int_t)uptime_ms, "event", kind, "text",
			  json_text(text));
	if (!event)
		return NULL;
	if (service)
		json_object_set_new(event, "service", json_string(service));
	if (relid)
		json_object_set_new(event, "relid", json_integer(relid));
	json_decref(log->entries[log->next]);
	log->entries[log->next] = json_incref(event);
	log->next = (log->next + 1) % EVENT_LOG_ENTRIES;
	return event;
}

void event_log_walk(const struct event_log *log,
		    void (*each)(void *context, json_t *event), void *context)
{
	for (unsigned int i = 0; i < EVENT_LOG_ENTRIES; i++) {
		json_t *event =
			log->entries[(log->next + i) % EVENT_LOG_ENTRIES];

		if (event)
			each(context, event);
	}
}

void event_log_clear(struct event_log *log)
{
	for (unsigned int i = 0; i < EVENT_LOG_ENTRIES; i++) {
		json_decref(log->entries[i]);
		log->entries[i] = NULL;
	}
}
