/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * components.h - the set of a VM's integration components, and what can be
 * asked of each.
 *
 * Here: making of all six, and the requests of the administrator. Not here:
 * what they have in common (component.h).
 *
 * Each request ends in exactly one call of its callback, possibly before the
 * function returns, and at the latest when the channel closes.
 */
#ifndef HOST_COMPONENT_COMPONENTS_H
#define HOST_COMPONENT_COMPONENTS_H

#include "host/component/component.h"
#include "host/vm/error.h"
#include "services/fcopy/vsp.h"
#include "services/kvp/vsp.h"
#include "services/shutdown/vsp.h"
#include "services/vss/vsp.h"

/* How a request ended. */
struct component_answer {
	bool ok;
	const char *reason; /* a word of the control protocol, when not ok */
	char text[320];	    /* a sentence, when not ok */
};

/* Fill @answer with a failure. */
void component_answer_fail(struct component_answer *answer, const char *reason,
			   const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Why a component cannot be asked anything now: false, with @answer filled,
 * when it is disabled or the guest has no driver or daemon for it.
 */
bool component_ready(const struct component *component,
		     struct component_answer *answer);

/*
 * Make the six components, and offer those that @enabled names.
 * Returns 0 or -ENOMEM with @error set.
 */
int components_create(struct component *components[SERVICE_COUNT],
		      struct component_host *host,
		      const bool enabled[SERVICE_COUNT],
		      struct lis_error *error);

/* The VM is paused, or goes on. */
void components_paused(struct component *components[SERVICE_COUNT],
		       bool paused);

/* Close their handles, before the loop ends; the bus is detached. */
void components_release(struct component *components[SERVICE_COUNT]);

/* Free them, after the loop has ended. */
void components_free(struct component *components[SERVICE_COUNT]);

/* One maker per service; NULL when out of memory. */
struct component *heartbeat_component_make(struct component_host *host);
struct component *shutdown_component_make(struct component_host *host);
struct component *timesync_component_make(struct component_host *host);
struct component *kvp_component_make(struct component_host *host);
struct component *vss_component_make(struct component_host *host);
struct component *fcopy_component_make(struct component_host *host);

typedef void component_done(void *context,
			    const struct component_answer *answer);

/* Ask the guest to end. The answer tells whether the guest agreed. */
void shutdown_component_ask(struct component *component,
			    enum shutdown_kind kind, bool forced,
			    const char *text, u32 timeout_ms,
			    component_done *done, void *context);

/*
 * Requests of key-value exchange; as many as KVP_JOBS_MAX wait for each other.
 * @pool: enum kvp_pool; @key: UTF-8.
 */
#define KVP_JOBS_MAX 32

enum kvp_job_kind {
	KVP_JOB_ENUMERATE, /* every item of the pool */
	KVP_JOB_FIND,	   /* the item with the key */
	KVP_JOB_SET,	   /* the item given */
	KVP_JOB_DELETE,
	KVP_JOB_GET_IP, /* ip.adapter_id is a MAC address */
	KVP_JOB_SET_IP, /* ip.adapter_id is a GUID */
};

struct kvp_job {
	enum kvp_job_kind kind;
	u32 pool;
	struct kvp_item item;  /* the key of FIND and DELETE; all of SET */
	struct kvp_ip_info ip; /* of the two IP requests */
	/* Each item found; may be NULL for requests that find none. */
	void (*found)(void *context, const struct kvp_item *item);
	/* The addresses of GET_IP; may be NULL for others. */
	void (*addresses)(void *context, const struct kvp_ip_info *ip);
	component_done *done;
	void *context;
	struct kvp_job *next; /* the component's own */
};

/* Begin a request; @job is copied. */
void kvp_component_ask(struct component *component, const struct kvp_job *job);

/* Backup: check, freeze for at most @hold_limit_ms (0: 60 s), thaw. */
void vss_component_check(struct component *component, component_done *done,
			 void *context);
void vss_component_freeze(struct component *component, u32 hold_limit_ms,
			  component_done *done, void *context);
void vss_component_thaw(struct component *component, component_done *done,
			void *context);

/* Whether the guest is frozen, or on its way there or back. */
bool vss_component_frozen(const struct component *component);

/*
 * Copy @source of the host to @destination in the guest, both absolute.
 * @flags: FCOPY_OVERWRITE, FCOPY_CREATE_PATH.
 * @progress: called now and then with bytes confirmed and bytes in all.
 */
void fcopy_component_copy(struct component *component, const char *source,
			  const char *destination, u32 flags,
			  void (*progress)(void *context, u64 sent_bytes,
					   u64 total_bytes),
			  component_done *done, void *context);

/* How far the copy under way, or the last one, has come. */
void fcopy_component_progress(const struct component *component,
			      u64 *sent_bytes, u64 *total_bytes);

/* Cancel the copy that @context was given for; false: it is not under way. */
bool fcopy_component_cancel(struct component *component, const void *context);

/*
 * Ask the guest anew whether anybody answers, so that the status is not of
 * yesterday.
 */
void components_probe(struct component *components[SERVICE_COUNT]);

/* Whether such a question has no answer yet. */
bool components_probing(struct component *components[SERVICE_COUNT]);

/* Samples stop while the guest is paused, and its clock is set after. */
void timesync_component_paused(struct component *component, bool paused);

#endif
