/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/component/component.h"

#include <stdio.h>
#include <time.h>

/* 1601-01-01 to 1970-01-01 in 100 ns units. */
#define EPOCH_1601_100NS 116444736000000000ull

u64 component_now_100ns(void)
{
	return uv_hrtime() / 100;
}

u64 component_wall_100ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return EPOCH_1601_100NS + (u64)now.tv_sec * IC_SECOND_100NS +
	       (u64)now.tv_nsec / 100;
}

static u64 now_of(const struct component *component)
{
	if (component->class->clock_100ns)
		return component->class->clock_100ns(component);
	return component_now_100ns();
}

const char *component_name(const struct component *component)
{
	return service_names[component->class->index].full_name;
}

static void timer_fired(uv_timer_t *timer)
{
	component_run(timer->data);
}

/* What is due and does not fit waits for the guest's signal, not for a timer.
 */
#define BLOCKED_WAIT_MS 1000
/* Packets of one channel in one turn of the loop, so that all have theirs. */
#define TURN_PACKETS 64

static u64 wait_ms(const struct component *component, u64 deadline_100ns)
{
	u64 now = now_of(component);
	u64 ms = 1;

	if (component->unread)
		return 0;
	if (deadline_100ns > now)
		ms = (deadline_100ns - now + IC_MS_100NS - 1) / IC_MS_100NS;
	if (component->blocked && ms < BLOCKED_WAIT_MS)
		ms = BLOCKED_WAIT_MS;
	return ms;
}

static void timer_arm(struct component *component)
{
	u64 deadline = IC_NEVER;

	if (component->open && !component->failed)
		deadline = component->class->deadline(component);
	if (deadline == IC_NEVER && !component->unread) {
		uv_timer_stop(&component->timer);
		return;
	}
	/* The loop's idea of now is from the start of its turn. */
	uv_update_time(component->host->loop);
	uv_timer_start(&component->timer, timer_fired,
		       wait_ms(component, deadline), 0);
}

/* Send all that the engine has; false when the ring is full. */
static bool send_all(struct component *component)
{
	struct component_host *host = component->host;
	u32 most = component->class->service->packet_max_bytes;

	for (;;) {
		struct packet_out packet = {
			.type = PACKET_DATA_INBAND,
			.flags = PACKET_FLAG_COMPLETION_REQUESTED,
			.vec_count = 1,
		};
		struct ring_vec vec = { .base = host->buffer };
		bool room = bus_channel_room(component->channel,
					     packet_ring_bytes(0, most));

		/* Without room the engine just looks at the time. */
		vec.size_bytes = component->class->transmit(
			component, now_of(component), host->buffer,
			room ? most : 0, &packet.transaction_id);
		if (!room)
			return false;
		if (!vec.size_bytes)
			return true;
		packet.vec = &vec;
		if (bus_channel_send(component->channel, &packet) != VMBUS_OK)
			return false;
	}
}

/* Whether what just came was an answer to the probe. */
static void probe_look(struct component *component)
{
	if (component->probed && !component->class->probing(component))
		component->probed = false;
}

static void packet_take(struct component *component,
			const struct packet_view *view)
{
	enum vmbus_status status = VMBUS_OK;

	component->answered = true;
	if (view->type == PACKET_DATA_INBAND)
		status = component->class->receive(
			component, view->payload, view->payload_bytes,
			view->transaction_id, now_of(component));
	if (vmbus_status_is_violation(status)) {
		bus_channel_fail(component->channel, status);
		return;
	}
	/* VMBUS_AGAIN: an event is in the way; the packet stays. */
	if (status != VMBUS_AGAIN)
		bus_channel_done(component->channel, view);
	probe_look(component);
	component->class->settle(component, now_of(component));
}

/* Read what came while everything to be sent in return fits. */
static void receive_all(struct component *component)
{
	struct component_host *host = component->host;
	struct packet_view view;

	component->unread = false;
	for (;;) {
		/*
		 * What is sent may be answered before this thread runs again,
		 * and Linux drops an answer that finds no space (its 12 KiB
		 * ring does not hold two of file copy): give back that of the
		 * last one first.
		 */
		bus_channel_release(component->channel);
		component->blocked = !send_all(component);
		if (component->blocked)
			return;
		if (!component->budget) {
			component->unread = true;
			return;
		}
		component->budget--;
		if (bus_channel_receive(component->channel, &view, host->buffer,
					sizeof(host->buffer)) != VMBUS_OK)
			return;
		packet_take(component, &view);
	}
}

/* Whether there is more to do at once. */
static bool run_once(struct component *component)
{
	bool more;

	if (!component->open || !bus_channel_open(component->channel))
		return false;
	component->class->settle(component, now_of(component));
	receive_all(component);
	if (!bus_channel_open(component->channel)) {
		component->failed = true;
		component->failure = bus_channel_failure(component->channel);
		component->unread = false;
		return false;
	}
	/* Space first: Linux drops an answer that finds none in its ring. */
	more = bus_channel_release(component->channel);
	bus_channel_flush(component->channel);
	probe_look(component);
	component->class->settle(component, now_of(component));
	return more && !component->blocked && !component->unread;
}

/*
 * Linux (6.1 at least) crashes when an offer is taken back while a driver is
 * between finding it and having opened it: util_probe() then undoes what it has
 * not done yet. So a rescind waits until something came through the channel,
 * or so long that nobody is opening it. And an answer comes from an interrupt,
 * before the thread that opens has seen that it is open: it gets its time.
 */
#define OPEN_PATIENCE_100NS (10 * IC_SECOND_100NS)
u64 component_open_settle_100ns = IC_SECOND_100NS;

static void withdraw_due(uv_timer_t *timer);

static void withdraw(struct component *component)
{
	u64 waited_100ns = component_now_100ns() - component->stirred_100ns;
	u64 patience_100ns = OPEN_PATIENCE_100NS;

	if (component->enabled || !component->channel || component->rescinding)
		return;
	if (component->open && component->answered)
		patience_100ns = component_open_settle_100ns;
	if (!component->failed && waited_100ns < patience_100ns) {
		uv_timer_start(
			&component->withdraw, withdraw_due,
			(patience_100ns - waited_100ns) / IC_MS_100NS + 1, 0);
		return;
	}
	if (component->open && !component->failed && component->class->leave &&
	    !component->class->leave(component, now_of(component)))
		return;
	uv_timer_stop(&component->withdraw);
	component->rescinding = true;
	bus_rescind(component->channel);
}

static void withdraw_due(uv_timer_t *timer)
{
	withdraw(timer->data);
}

void component_run(struct component *component)
{
	/* A request made from inside settle() is seen by the loop here. */
	component->again = true;
	if (component->busy)
		return;
	component->busy = true;
	component->budget = TURN_PACKETS;
	while (component->again) {
		component->again = false;
		if (run_once(component))
			component->again = true;
	}
	component->busy = false;
	timer_arm(component);
	withdraw(component);
}

void component_wake(struct component *component)
{
	uv_timer_start(&component->timer, timer_fired, 0, 0);
}

static void channel_opened(void *context, struct bus_channel *channel)
{
	struct component *component = context;

	(void)channel;
	component->open = true;
	component->answered = false;
	component->stirred_100ns = component_now_100ns();
	component->probed = false;
	component->class->start(component, now_of(component));
	component_run(component);
}

static void channel_closed(void *context, struct bus_channel *channel)
{
	struct component *component = context;

	(void)channel;
	component->open = false;
	component->unread = false;
	component->probed = false;
	uv_timer_stop(&component->timer);
	component->class->stop(component);
}

static void channel_signalled(void *context, struct bus_channel *channel)
{
	(void)channel;
	component_run(context);
}

static void offer(struct component *component);

static void channel_released(void *context, struct bus_channel *channel)
{
	struct component *component = context;

	(void)channel;
	component->channel = NULL;
	component->rescinding = false;
	/* Enabled again before the guest let go of the old offer. A channel
	 * that failed stays away until the administrator enables it. */
	if (component->enabled && !component->failed)
		offer(component);
}

static const struct bus_channel_ops channel_ops = {
	.opened = channel_opened,
	.closed = channel_closed,
	.signalled = channel_signalled,
	.released = channel_released,
};

static void offer(struct component *component)
{
	struct component_host *host = component->host;
	struct vmbus_offer row = {
		.type = component->class->service->type,
		.instance = component->class->service->instance,
	};

	component->failed = false;
	component->stirred_100ns = component_now_100ns();
	if (bus_offer(host->bus, &row, component_name(component), &channel_ops,
		      component, &component->channel) < 0)
		host->event(host->context, "violation",
			    component_name(component), 0,
			    "the bus has no room for one more offer");
}

bool component_enable(struct component *component)
{
	if (component->enabled && !component->failed)
		return false;
	component->enabled = true;
	component->failed = false;
	if (!component->channel)
		offer(component);
	return true;
}

bool component_disable(struct component *component)
{
	if (!component->enabled)
		return false;
	component->enabled = false;
	withdraw(component);
	return true;
}

/* A live service answers a probe within this time. */
#define PROBE_PATIENCE_100NS (IC_SECOND_100NS * 3 / 2)

void component_probe(struct component *component)
{
	if (!component->class->probe || !component->open || component->probed)
		return;
	component->probed = true;
	component->probed_100ns = component_now_100ns();
	component->class->probe(component, now_of(component));
	component_run(component);
}

bool component_probing(const struct component *component)
{
	return component->probed &&
	       component_now_100ns() - component->probed_100ns <
		       PROBE_PATIENCE_100NS;
}

static bool probe_unanswered(const struct component *component)
{
	return component->probed && !component_probing(component);
}

enum ic_status component_status(const struct component *component)
{
	enum ic_status status;

	if (!component->enabled)
		return IC_STATUS_DISABLED;
	if (component->failed)
		return IC_STATUS_ERROR;
	if (!component->open)
		return IC_STATUS_NO_CONTACT;
	status = component->class->status(component, now_of(component));
	if (status == IC_STATUS_OK && probe_unanswered(component))
		return IC_STATUS_LOST_COMMUNICATION;
	return status;
}

const char *component_detail_text(const struct component *component)
{
	if (component->enabled && component->failed)
		return vmbus_status_text(component->failure);
	if (!component->enabled || !component->open)
		return "";
	return ic_detail_text(
		component->class->detail(component, now_of(component)));
}

void component_version_text(const struct component *component, char *text,
			    size_t text_bytes)
{
	u32 version =
		component->open ? component->class->version(component) : 0;

	text[0] = '\0';
	if (version)
		snprintf(text, text_bytes, "%u.%u", IC_VERSION_MAJOR(version),
			 IC_VERSION_MINOR(version));
}

void component_init(struct component *component,
		    const struct component_class *class,
		    struct component_host *host)
{
	component->class = class;
	component->host = host;
	uv_timer_init(host->loop, &component->timer);
	component->timer.data = component;
	uv_timer_init(host->loop, &component->withdraw);
	component->withdraw.data = component;
}

void component_release(struct component *component)
{
	uv_close((uv_handle_t *)&component->timer, NULL);
	uv_close((uv_handle_t *)&component->withdraw, NULL);
}
