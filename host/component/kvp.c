/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/component/components.h"

#include <stdlib.h>
#include <string.h>

#include "host/component/forward.h"

struct kvp_component {
	struct component base; /* first */
	struct kvp_vsp vsp;
	struct kvp_job *jobs; /* the first is under way */
	unsigned int job_count;
	bool started; /* the first was given to the engine */
};

COMPONENT_FORWARD(kvp)
COMPONENT_FORWARD_SENDING(kvp)

static const char *reason_of(enum kvp_status status)
{
	switch (status) {
	case KVP_BUSY:
		return "busy";
	case KVP_NOT_READY:
	case KVP_CLOSED:
		return "no-contact";
	case KVP_KEY_TOO_LONG:
	case KVP_KEY_TOO_LONG_8:
	case KVP_VALUE_TOO_LONG:
	case KVP_VALUE_TOO_LONG_8:
	case KVP_IP_TOO_LONG:
		return "too-long";
	case KVP_NO_IP:
		return "version";
	case KVP_NOT_FOUND:
		return "not-found";
	case KVP_GUEST_ERROR:
	case KVP_GUEST_TEXT:
	case KVP_LIMIT:
		return "guest-error";
	case KVP_NO_ANSWER:
		return "timeout";
	default:
		return "refused";
	}
}

static void answer_of(struct component_answer *answer, enum kvp_status status,
		      u32 guest_status)
{
	const char *why = ic_result_text(guest_status);

	answer->ok = status == KVP_OK;
	if (answer->ok)
		return;
	if (status == KVP_GUEST_ERROR)
		component_answer_fail(answer, reason_of(status),
				      "%s (0x%08x%s%s)",
				      kvp_status_text(status), guest_status,
				      why ? ", " : "", why ? why : "");
	else
		component_answer_fail(answer, reason_of(status), "%s",
				      kvp_status_text(status));
}

static void job_finish(struct kvp_component *self,
		       const struct component_answer *answer)
{
	struct kvp_job *job = self->jobs;

	self->jobs = job->next;
	self->job_count--;
	self->started = false;
	job->done(job->context, answer);
	free(job);
}

static enum kvp_status job_begin(struct kvp_vsp *vsp, const struct kvp_job *job,
				 u64 now_100ns)
{
	switch (job->kind) {
	case KVP_JOB_ENUMERATE:
		return kvp_vsp_enumerate(vsp, job->pool, now_100ns);
	case KVP_JOB_FIND:
		return kvp_vsp_find(vsp, job->pool, job->item.key, now_100ns);
	case KVP_JOB_SET:
		return kvp_vsp_set(vsp, job->pool, &job->item, now_100ns);
	case KVP_JOB_DELETE:
		return kvp_vsp_delete(vsp, job->pool, job->item.key, now_100ns);
	case KVP_JOB_GET_IP:
		return kvp_vsp_get_ip(vsp, job->ip.adapter_id, now_100ns);
	case KVP_JOB_SET_IP:
		return kvp_vsp_set_ip(vsp, &job->ip, now_100ns);
	}
	return KVP_NOT_READY;
}

static void jobs_begin(struct kvp_component *self, u64 now_100ns)
{
	while (self->jobs && !self->started) {
		struct component_answer answer;
		enum kvp_status status =
			job_begin(&self->vsp, self->jobs, now_100ns);

		self->started = status == KVP_OK;
		if (self->started)
			return;
		answer_of(&answer, status, 0);
		job_finish(self, &answer);
	}
}

static void event_take(struct kvp_component *self,
		       const struct kvp_event *event)
{
	struct kvp_job *job = self->jobs;
	struct component_answer answer;

	if (!job || !self->started)
		return;
	if (event->kind == KVP_EVENT_ITEM) {
		if (event->status == KVP_OK && job->found)
			job->found(job->context, &event->item);
		return;
	}
	if (event->status == KVP_OK && job->kind == KVP_JOB_FIND && job->found)
		job->found(job->context, &event->item);
	if (event->status == KVP_OK && job->kind == KVP_JOB_GET_IP &&
	    job->addresses)
		job->addresses(job->context, &event->ip);
	answer_of(&answer, event->status, event->guest_status);
	job_finish(self, &answer);
}

static void settle(struct component *component, u64 now_100ns)
{
	struct kvp_component *self = self_of(component);
	struct kvp_event event;

	while (kvp_vsp_next_event(&self->vsp, &event))
		event_take(self, &event);
	if (component->open)
		jobs_begin(self, now_100ns);
}

static void start(struct component *component, u64 now_100ns)
{
	/* Linux cuts off what is longer in UTF-8 than its files' records. */
	static const struct kvp_vsp_options options = { .utf8_limits = true };

	(void)now_100ns;
	kvp_vsp_init(&self_of(component)->vsp, &options);
}

static void stop(struct component *component)
{
	struct kvp_component *self = self_of(component);
	struct component_answer answer;

	kvp_vsp_closed(&self->vsp);
	settle(component, 0);
	while (self->jobs) {
		answer_of(&answer, KVP_CLOSED, 0);
		job_finish(self, &answer);
	}
}

static void probe(struct component *component, u64 now_100ns)
{
	kvp_vsp_probe(&self_of(component)->vsp, now_100ns);
}

static bool probing(const struct component *component)
{
	return ic_vsp_ready(&self_of(component)->vsp.ic) &&
	       self_of(component)->vsp.call.state != IC_CALL_IDLE;
}

static const struct component_class kvp_class = {
	.index = SERVICE_KVP,
	.service = &kvp_service,
	.start = start,
	.stop = stop,
	.settle = settle,
	.probe = probe,
	.probing = probing,
	COMPONENT_FORWARD_ROWS,
	COMPONENT_FORWARD_SENDING_ROWS,
};

struct component *kvp_component_make(struct component_host *host)
{
	struct kvp_component *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	component_init(&made->base, &kvp_class, host);
	return &made->base;
}

void kvp_component_ask(struct component *component, const struct kvp_job *job)
{
	struct kvp_component *self = self_of(component);
	struct kvp_job **at = &self->jobs;
	struct component_answer answer;
	struct kvp_job *copy;

	if (!component_ready(component, &answer)) {
		job->done(job->context, &answer);
		return;
	}
	copy = self->job_count < KVP_JOBS_MAX ? malloc(sizeof(*copy)) : NULL;
	if (!copy) {
		component_answer_fail(&answer, "busy",
				      "%u requests are waiting already",
				      self->job_count);
		job->done(job->context, &answer);
		return;
	}
	*copy = *job;
	copy->next = NULL;
	while (*at)
		at = &(*at)->next;
	*at = copy;
	self->job_count++;
	component_run(component);
}
