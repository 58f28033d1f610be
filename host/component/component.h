/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * component.h - the six integration components as devices of a VM.
 *
 * Here: what joins a service's engine to its channel, to time and to what the
 * administrator asks. Not here: the wire (services/), the bus (host/bus), JSON
 * (host/control).
 *
 * All functions are called on the loop's thread.
 */
#ifndef HOST_COMPONENT_COMPONENT_H
#define HOST_COMPONENT_COMPONENT_H

#include <uv.h>

#include "host/bus/bus.h"
#include "host/control/service_names.h"
#include "services/ic/ic.h"

struct component;

/* What all components of a VM share. */
struct component_host {
	uv_loop_t *loop;
	struct bus *bus;
	struct machine *machine; /* NULL between two machines */
	/* Something worth telling happened; @kind is a word of the event log.
	 */
	void (*event)(void *context, const char *kind, const char *service,
		      u32 relid, const char *text);
	void *context;
	u8 buffer[IC_PACKET_MAX_BYTES + 64]; /* one packet, in or out */
};

/* What one service adds to the common ways; a table row. */
struct component_class {
	enum service_index index;
	const struct ic_service *service;
	/* The clock that this service goes by; NULL: component_now_100ns. Only
	 * while the channel is open. */
	u64 (*clock_100ns)(const struct component *component);
	/* The guest opened the channel: negotiation starts anew. */
	void (*start)(struct component *component, u64 now_100ns);
	/* The channel closed: requests under way fail. */
	void (*stop)(struct component *component);
	/*
	 * Whether the channel can be taken back now; if not, bring that about:
	 * it is asked again after every run. NULL: at any time.
	 */
	bool (*leave)(struct component *component, u64 now_100ns);
	enum vmbus_status (*receive)(struct component *component,
				     const void *data, u32 size_bytes,
				     u64 transaction_id, u64 now_100ns);
	u32 (*transmit)(struct component *component, u64 now_100ns,
			void *buffer, u32 capacity_bytes, u64 *transaction_id);
	u64 (*deadline)(const struct component *component);
	/* Look at what the engine has to tell; may start new requests. */
	void (*settle)(struct component *component, u64 now_100ns);
	enum ic_status (*status)(const struct component *component,
				 u64 now_100ns);
	enum ic_detail (*detail)(const struct component *component,
				 u64 now_100ns);
	/* Ask the guest whether somebody answers; may be NULL. */
	void (*probe)(struct component *component, u64 now_100ns);
	/* Whether that is on its way; NULL where probe is. */
	bool (*probing)(const struct component *component);
	/* Settled version of the service's messages, 0: none. */
	u32 (*version)(const struct component *component);
};

struct component {
	const struct component_class *class;
	struct component_host *host;
	struct bus_channel *channel; /* NULL: not offered */
	uv_timer_t timer;
	bool enabled;
	bool rescinding; /* the guest has not let go of the old offer */
	bool open;
	bool answered;	     /* something came since the guest opened it */
	u64 stirred_100ns;   /* when it was last offered or opened */
	uv_timer_t withdraw; /* until the guest can take a rescind */
	bool busy;	     /* component_run is on the stack */
	bool again;	     /* and is to run once more */
	bool blocked;	     /* the ring is full: the guest signals space */
	bool unread;	     /* packets wait for the loop's next turn */
	u32 budget;	     /* packets that may be read in this turn */
	bool probed;	     /* and nothing came in answer yet */
	u64 probed_100ns;    /* when that was */
	bool failed;	     /* the channel was closed for a violation */
	enum vmbus_status failure;
};

/*
 * For how long after its opening a channel is not taken back, so that the
 * guest's driver can come to the end of it. Simulated guests need none.
 */
extern u64 component_open_settle_100ns;

/* Prepare a component, disabled. */
void component_init(struct component *component,
		    const struct component_class *class,
		    struct component_host *host);

/* Stop its timer, before the loop ends. Its channel is gone by then. */
void component_release(struct component *component);

/*
 * Offer the component to the guest, or take it back.
 * Returns whether that was a change.
 */
bool component_enable(struct component *component);
bool component_disable(struct component *component);

/* Let the engine do what it can: read, write, look at the time. To be called
 * after a request was made of the engine. */
void component_run(struct component *component);

/* component_run on the loop's next turn. */
void component_wake(struct component *component);

/* Ask the guest whether somebody answers, where the service can. */
void component_probe(struct component *component);

/* Whether that question may still be answered in time. */
bool component_probing(const struct component *component);

/* Primary status, measured now; IC_STATUS_DISABLED included. */
enum ic_status component_status(const struct component *component);

/* Secondary status as text; never NULL. */
const char *component_detail_text(const struct component *component);

/* "3.2", or "" before negotiation. @text: 24 bytes. */
void component_version_text(const struct component *component, char *text,
			    size_t text_bytes);

/* The name that administrators know. */
const char *component_name(const struct component *component);

/* Monotonic time of the host, for deadlines; it goes on while the guest is
 * paused. */
u64 component_now_100ns(void);

/* Wall clock of the host: 100 ns since 1601 UTC. */
u64 component_wall_100ns(void);

#endif
