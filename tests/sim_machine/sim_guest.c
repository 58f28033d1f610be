/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "tests/sim_machine/sim_guest.h"
#include "tests/sim_machine/sim_net.h"
#include "tests/sim_machine/sim_storage.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MESSAGE_VP 0

struct sim_guest sim_guest;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t call_done = PTHREAD_COND_INITIALIZER;

/* What sim_guest_do() wants; under the lock. */
static struct {
	void (*what)(struct sim_guest *guest, void *context); /* NULL: none */
	void *context;
} call;

void sim_guest_lock(void)
{
	pthread_mutex_lock(&lock);
}

void sim_guest_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

pthread_mutex_t *sim_guest_mutex(void)
{
	return &lock;
}

/* ---- channels ---- */

static struct sim_guest_channel *channel_find(struct sim_guest *guest,
					      u32 relid)
{
	for (u32 i = 0; i < SIM_GUEST_CHANNELS; i++)
		if (guest->channels[i].used &&
		    guest->channels[i].relid == relid)
			return &guest->channels[i];
	return NULL;
}

struct sim_guest_channel *sim_guest_channel(enum service_index service)
{
	for (u32 i = 0; i < SIM_GUEST_CHANNELS; i++) {
		struct sim_guest_channel *channel = &sim_guest.channels[i];

		if (channel->used && channel->open &&
		    channel->service == (int)service)
			return channel;
	}
	return NULL;
}

static int service_of(const struct vmbus_offer *offer)
{
	static const struct ic_service *const services[SERVICE_COUNT] = {
		[SERVICE_FCOPY] = &fcopy_service,
		[SERVICE_HEARTBEAT] = &heartbeat_service,
		[SERVICE_KVP] = &kvp_service,
		[SERVICE_SHUTDOWN] = &shutdown_service,
		[SERVICE_TIMESYNC] = &timesync_service,
		[SERVICE_VSS] = &vss_service,
	};

	for (int i = 0; i < SERVICE_COUNT; i++)
		if (!memcmp(&services[i]->type, &offer->type,
			    sizeof(offer->type)))
			return i;
	return -1;
}

static void rings_map(struct sim_guest *guest,
		      struct sim_guest_channel *channel)
{
	u32 pages = SIM_GUEST_RING_PAGES;
	u32 bytes = (pages - 1) * VMBUS_PAGE_BYTES;

	for (u32 i = 0; i < 2 * pages; i++)
		channel->pfns[i] = sim_machine_page(guest->machine);
	for (u32 i = 0; i < 2; i++) {
		if (machine_map_pages(guest->machine,
				      channel->pfns + (size_t)i * pages, pages,
				      true, &channel->at[i]))
			abort();
		ring_format(channel->at[i]);
	}
	if (ring_init_writer(&channel->tx, channel->at[0],
			     (u8 *)channel->at[0] + RING_HEADER_BYTES, bytes,
			     true) ||
	    ring_init_reader(&channel->rx, channel->at[1],
			     (u8 *)channel->at[1] + RING_HEADER_BYTES, bytes,
			     true))
		abort();
}

static void rings_unmap(struct sim_guest *guest,
			struct sim_guest_channel *channel)
{
	if (!channel->at[0])
		return;
	if (channel->service == SIM_STORAGE)
		sim_storage_closed(guest, channel);
	else if (channel->service == SIM_NET)
		sim_net_closed(guest, channel);
	for (u32 i = 0; i < 2; i++) {
		machine_unmap_pages(guest->machine, channel->at[i],
				    SIM_GUEST_RING_PAGES, true);
		channel->at[i] = NULL;
	}
	for (u32 i = 0; i < 2 * SIM_GUEST_RING_PAGES; i++)
		sim_machine_page_give(guest->machine, channel->pfns[i]);
}

static void channels_forget(struct sim_guest *guest)
{
	for (u32 i = 0; i < SIM_GUEST_CHANNELS; i++) {
		rings_unmap(guest, &guest->channels[i]);
		memset(&guest->channels[i], 0, sizeof(guest->channels[i]));
	}
}

static void must(struct sim_guest *guest, enum vmbus_status status,
		 const char *what)
{
	if (status && !guest->wrong)
		guest->wrong = what;
}

static void offered(struct sim_guest *guest,
		    const struct vmbus_guest_action *action)
{
	struct sim_guest_channel *channel = guest->channels;
	u32 bytes = 2 * SIM_GUEST_RING_PAGES * VMBUS_PAGE_BYTES;

	while (channel->used)
		channel++;
	memset(channel, 0, sizeof(*channel));
	channel->used = true;
	channel->relid = action->relid;
	channel->connection_id = action->offered.connection_id;
	channel->service = service_of(action->offered.offer);
	if (channel->service < 0 &&
	    sim_storage_offered(channel, action->offered.offer))
		channel->service = SIM_STORAGE;
	else if (channel->service < 0 &&
		 sim_net_offered(channel, action->offered.offer))
		channel->service = SIM_NET;
	if (channel->service < 0 || (channel->service < SERVICE_COUNT &&
				     !guest->driver[channel->service]))
		return;
	rings_map(guest, channel);
	must(guest,
	     vmbus_guest_gpadl_create(&guest->engine, channel->relid, 0, bytes,
				      channel->pfns, &channel->gpadl),
	     "gpadl create");
}

static void opened(struct sim_guest *guest, struct sim_guest_channel *channel,
		   u32 status)
{
	if (status) {
		must(guest,
		     vmbus_guest_gpadl_teardown(&guest->engine, channel->relid,
						channel->gpadl),
		     "gpadl teardown");
		return;
	}
	channel->open = true;
	if (channel->service == SIM_STORAGE)
		sim_storage_opened(guest, channel);
	else if (channel->service == SIM_NET)
		sim_net_opened(guest, channel);
}

static void service_begin(struct sim_guest *guest, int service)
{
	switch (service) {
	case SERVICE_FCOPY:
		fcopy_vsc_init(&guest->fcopy);
		break;
	case SERVICE_HEARTBEAT:
		heartbeat_vsc_init(&guest->heartbeat, 0);
		break;
	case SERVICE_KVP:
		kvp_vsc_init(&guest->kvp, KVP_VERSION_4_0);
		break;
	case SERVICE_SHUTDOWN:
		shutdown_vsc_init(&guest->shutdown_vsc, 0, true);
		break;
	case SERVICE_TIMESYNC:
		timesync_vsc_init(&guest->timesync, 0);
		break;
	case SERVICE_VSS:
		vss_vsc_init(&guest->vss, 0);
		break;
	}
}

static void ready(struct sim_guest *guest, struct sim_guest_channel *channel,
		  u32 status)
{
	if (status) {
		rings_unmap(guest, channel);
		return;
	}
	service_begin(guest, channel->service);
	must(guest,
	     vmbus_guest_open(&guest->engine, channel->relid, channel->gpadl,
			      SIM_GUEST_RING_PAGES, 0, NULL),
	     "open");
}

static void rescinded(struct sim_guest *guest,
		      struct sim_guest_channel *channel)
{
	if (channel->open)
		must(guest, vmbus_guest_close(&guest->engine, channel->relid),
		     "close");
	must(guest, vmbus_guest_release(&guest->engine, channel->relid),
	     "release");
	rings_unmap(guest, channel);
	memset(channel, 0, sizeof(*channel));
}

/* ---- the engine ---- */

static void message_post(struct sim_guest *guest,
			 const struct vmbus_guest_action *action)
{
	switch (sim_machine_post(guest->machine, action->send.connection_id,
				 VMBUS_SYNIC_MESSAGE_TYPE, action->send.payload,
				 action->send.size_bytes)) {
	case MACHINE_HV_SUCCESS:
		vmbus_guest_sent(&guest->engine);
		break;
	case MACHINE_HV_INSUFFICIENT_BUFFERS:
		guest->post_again = true;
		break;
	default:
		vmbus_guest_send_refused(&guest->engine);
		break;
	}
}

static void act(struct sim_guest *guest,
		const struct vmbus_guest_action *action)
{
	struct sim_guest_channel *channel =
		action->relid ? channel_find(guest, action->relid) : NULL;

	switch (action->type) {
	case VMBUS_GUEST_SEND:
		message_post(guest, action);
		break;
	case VMBUS_GUEST_CONNECTED:
		guest->connected = true;
		guest->connections++;
		must(guest, vmbus_guest_request_offers(&guest->engine),
		     "request offers");
		break;
	case VMBUS_GUEST_OFFERED:
		offered(guest, action);
		break;
	case VMBUS_GUEST_OFFERS_DELIVERED:
		guest->offers_delivered = true;
		break;
	case VMBUS_GUEST_RESCINDED:
		rescinded(guest, channel);
		break;
	case VMBUS_GUEST_GPADL_READY:
		if (!sim_net_gpadl_ready(guest, action->gpadl.id,
					 action->gpadl.status))
			ready(guest, channel, action->gpadl.status);
		break;
	case VMBUS_GUEST_GPADL_GONE:
		if (!sim_net_gpadl_gone(guest, action->gpadl.id))
			rings_unmap(guest, channel);
		break;
	case VMBUS_GUEST_OPENED:
		opened(guest, channel, action->status);
		break;
	case VMBUS_GUEST_UNLOADED:
		channels_forget(guest);
		guest->connected = false;
		if (guest->reconnect)
			must(guest, vmbus_guest_connect(&guest->engine),
			     "connect");
		break;
	case VMBUS_GUEST_VIOLATION:
		/* What the host had under way for the kernel before may still
		 * come, its contact's answer too; Linux ignores it. */
		if (!guest->crashed || (guest->connected &&
					action->violation.message_type !=
						VMBUS_MESSAGE_VERSION_RESPONSE))
			guest->wrong =
				vmbus_status_text(action->violation.reason);
		break;
	case VMBUS_GUEST_REFUSED:
	case VMBUS_GUEST_MODIFIED:
	case VMBUS_GUEST_SOCKET_RESULT:
		break;
	}
}

static void pump(struct sim_guest *guest)
{
	struct vmbus_guest_action action;

	while (vmbus_guest_next(&guest->engine, &action))
		act(guest, &action);
}

static void messages_take(struct sim_guest *guest)
{
	u8 message[MACHINE_MESSAGE_MAX_BYTES];
	u32 bytes;

	while (sim_machine_message(guest->machine, MESSAGE_VP,
				   VMBUS_MESSAGE_SINT, message, &bytes)) {
		if (vmbus_guest_receive(&guest->engine, message, bytes))
			return;
		sim_machine_message_done(guest->machine, MESSAGE_VP,
					 VMBUS_MESSAGE_SINT);
		pump(guest);
	}
}

/* ---- packets ---- */

static u32 take_kvp(struct sim_guest *guest, const struct packet_view *view)
{
	struct kvp_request request;
	bool requested;
	u64 id;
	u32 bytes;

	must(guest,
	     kvp_vsc_receive(&guest->kvp, view->payload, view->payload_bytes,
			     view->transaction_id, guest->answer,
			     sizeof(guest->answer), &bytes, &request,
			     &requested),
	     "kvp packet");
	if (!requested)
		return bytes;
	return kvp_vsc_respond(&guest->kvp, sim_kvp_answer(guest, &request),
			       &request, guest->answer, sizeof(guest->answer),
			       &id);
}

static u32 take_vss(struct sim_guest *guest, const struct packet_view *view)
{
	bool requested;
	u8 operation;
	u32 bytes;
	u64 id;

	must(guest,
	     vss_vsc_receive(&guest->vss, view->payload, view->payload_bytes,
			     view->transaction_id, guest->answer,
			     sizeof(guest->answer), &bytes, &operation,
			     &requested),
	     "vss packet");
	if (!requested)
		return bytes;
	return vss_vsc_respond(&guest->vss, sim_vss_answer(guest, operation),
			       machine_reference_time_100ns(guest->machine),
			       guest->answer, sizeof(guest->answer), &id);
}

/* What a driver answers whose daemon is not there, whatever it is asked. */
static void answer_fail(struct sim_guest *guest)
{
	struct ic_header header;
	u8 *at = guest->answer + sizeof(struct ic_pipe_header);

	memcpy(&header, at, sizeof(header));
	if (header.message_type == IC_MESSAGE_NEGOTIATE)
		return;
	header.status = IC_E_FAIL;
	memcpy(at, &header, sizeof(header));
}

static u32 take_fcopy(struct sim_guest *guest, const struct packet_view *view)
{
	struct fcopy_request request;
	bool requested;
	u32 bytes;
	u64 id;

	must(guest,
	     fcopy_vsc_receive(&guest->fcopy, view->payload,
			       view->payload_bytes, view->transaction_id,
			       guest->answer, sizeof(guest->answer), &bytes,
			       &request, &requested),
	     "fcopy packet");
	if (!requested) {
		if (bytes && guest->no_daemon[SERVICE_FCOPY])
			answer_fail(guest);
		return bytes;
	}
	return fcopy_vsc_respond(&guest->fcopy,
				 sim_fcopy_answer(guest, &request),
				 guest->answer, sizeof(guest->answer), &id);
}

static u32 take_shutdown(struct sim_guest *guest,
			 const struct packet_view *view)
{
	struct shutdown_action *action = &guest->shutdown_action;
	u32 bytes;

	must(guest,
	     shutdown_vsc_receive(&guest->shutdown_vsc, view->payload,
				  view->payload_bytes, guest->answer,
				  sizeof(guest->answer), &bytes, action),
	     "shutdown packet");
	if (!action->wanted)
		return bytes;
	guest->last_shutdown = *action;
	if (guest->shutdown == SIM_SHUTDOWN_REFUSE)
		answer_fail(guest);
	if (guest->shutdown == SIM_SHUTDOWN_OBEY) {
		guest->stop = true;
		guest->stop_reason = action->kind == SHUTDOWN_REBOOT
					     ? MACHINE_STOP_RESET
					     : MACHINE_STOP_POWER_OFF;
	}
	return bytes;
}

static u32 take_timesync(struct sim_guest *guest,
			 const struct packet_view *view)
{
	struct timesync_action action;
	u32 bytes;

	must(guest,
	     timesync_vsc_receive(
		     &guest->timesync, view->payload, view->payload_bytes,
		     machine_reference_time_100ns(guest->machine),
		     guest->answer, sizeof(guest->answer), &bytes, &action),
	     "timesync packet");
	guest->syncs += action.kind == TIMESYNC_ACTION_SET;
	guest->samples += action.kind == TIMESYNC_ACTION_SAMPLE;
	return bytes;
}

static u32 take_heartbeat(struct sim_guest *guest,
			  const struct packet_view *view)
{
	u32 bytes;

	must(guest,
	     heartbeat_vsc_receive(&guest->heartbeat, view->payload,
				   view->payload_bytes, guest->answer,
				   sizeof(guest->answer), &bytes),
	     "heartbeat packet");
	return bytes;
}

/* Take one packet and answer it. */
static bool packet_take(struct sim_guest *guest,
			struct sim_guest_channel *channel)
{
	static u32 (*const takers[SERVICE_COUNT])(
		struct sim_guest * guest, const struct packet_view *view) = {
		[SERVICE_FCOPY] = take_fcopy,
		[SERVICE_HEARTBEAT] = take_heartbeat,
		[SERVICE_KVP] = take_kvp,
		[SERVICE_SHUTDOWN] = take_shutdown,
		[SERVICE_TIMESYNC] = take_timesync,
		[SERVICE_VSS] = take_vss,
	};
	struct packet_out out = { .type = PACKET_DATA_INBAND, .vec_count = 1 };
	struct ring_vec vec = { .base = guest->answer };
	struct packet_view view;
	enum vmbus_status status;

	if (!guest->allowance[channel->service])
		return false;
	if (guest->patient &&
	    ring_reserve(&channel->tx,
			 packet_ring_bytes(0, FCOPY_PACKET_MAX_BYTES)))
		return false;
	status = packet_peek_copy(&channel->rx, &view, guest->packet,
				  sizeof(guest->packet));
	if (status) {
		must(guest, status == VMBUS_AGAIN ? VMBUS_OK : status, "ring");
		return false;
	}
	if (guest->allowance[channel->service] != SIM_UNLIMITED)
		guest->allowance[channel->service]--;
	guest->packets[channel->service]++;
	vec.size_bytes = takers[channel->service](guest, &view);
	out.vec = &vec;
	out.transaction_id = view.transaction_id;
	if (vec.size_bytes)
		must(guest, packet_write(&channel->tx, &out), "answer");
	packet_consume(&channel->rx, &view);
	return true;
}

static void channel_run(struct sim_guest *guest,
			struct sim_guest_channel *channel)
{
	bool signal;

	sim_machine_flag(guest->machine, 0, VMBUS_MESSAGE_SINT, channel->relid);
	if (channel->service == SIM_STORAGE)
		sim_storage_run(guest, channel);
	else if (channel->service == SIM_NET)
		sim_net_run(guest, channel);
	else
		while (packet_take(guest, channel))
			;
	signal = ring_publish(&channel->tx);
	if (ring_release(&channel->rx) || signal)
		sim_machine_signal(guest->machine, channel->connection_id);
}

/* ---- life ---- */

static void typed_take(struct sim_guest *guest)
{
	u32 room = (u32)sizeof(guest->typed) - guest->typed_bytes;

	guest->typed_bytes += sim_machine_typed(
		guest->machine, guest->typed + guest->typed_bytes, room);
}

static void engine_begin(struct sim_guest *guest)
{
	struct vmbus_guest_config config = {
		.channels = guest->channel_table,
		.channel_count = SIM_GUEST_CHANNELS,
		.gpadls = guest->gpadl_table,
		.gpadl_count = SIM_GUEST_GPADLS,
		.jobs = guest->job_table,
		.job_count = SIM_GUEST_JOBS,
		.target_vp = MESSAGE_VP,
		.target_sint = VMBUS_MESSAGE_SINT,
		.newest_version = guest->newest_version,
		.first_gpadl = 0xe1e10,
	};

	guest->connected = false;
	guest->offers_delivered = false;
	guest->post_again = false;
	if (vmbus_guest_init(&guest->engine, &config))
		abort();
	must(guest, vmbus_guest_connect(&guest->engine), "connect");
}

static void step(struct sim_guest *guest)
{
	if (call.what) {
		call.what(guest, call.context);
		call.what = NULL;
		pthread_cond_broadcast(&call_done);
	}
	if (guest->hung || guest->stop)
		return;
	if (guest->post_again) {
		guest->post_again = false;
		vmbus_guest_resend(&guest->engine);
	}
	pump(guest);
	messages_take(guest);
	for (u32 i = 0; i < SIM_GUEST_CHANNELS && !guest->stop; i++)
		if (guest->channels[i].used && guest->channels[i].open)
			channel_run(guest, &guest->channels[i]);
	pump(guest);
	typed_take(guest);
}

void sim_guest_run(struct machine *machine)
{
	struct sim_guest *guest = &sim_guest;
	enum machine_stop reason;
	bool alive = true;
	bool stop;

	sim_guest_lock();
	guest->machine = machine;
	guest->stop = false;
	guest->crashed = false;
	guest->hung = false;
	guest->reconnect = true;
	guest->boots++;
	engine_begin(guest);
	while (alive) {
		u32 wait_ms;

		step(guest);
		if (guest->stop)
			break;
		wait_ms = guest->post_again ? 1 : 100;
		sim_guest_unlock();
		alive = sim_machine_wait(machine, wait_ms);
		sim_guest_lock();
	}
	stop = guest->stop;
	reason = guest->stop_reason;
	channels_forget(guest);
	guest->machine = NULL;
	sim_guest_unlock();
	if (stop)
		sim_machine_stop(machine, reason,
				 "the simulated guest stopped");
}

void sim_guest_kick(void)
{
	sim_guest_lock();
	if (sim_guest.machine)
		sim_machine_kick(sim_guest.machine);
	sim_guest_unlock();
}

void sim_guest_do(void (*what)(struct sim_guest *guest, void *context),
		  void *context)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 30;
	sim_guest_lock();
	call.what = what;
	call.context = context;
	if (sim_guest.machine)
		sim_machine_kick(sim_guest.machine);
	while (call.what)
		if (pthread_cond_timedwait(&call_done, &lock, &until)) {
			fprintf(stderr, "the simulated guest does not run\n");
			abort();
		}
	sim_guest_unlock();
}

void sim_guest_reset(void)
{
	struct sim_guest *guest = &sim_guest;

	sim_guest_lock();
	sim_files_forget(guest);
	for (u32 i = 0; i < KVP_POOL_COUNT; i++)
		free(guest->pools[i].items);
	memset(guest, 0, sizeof(*guest));
	for (int i = 0; i < SERVICE_COUNT; i++) {
		guest->driver[i] = true;
		guest->allowance[i] = SIM_UNLIMITED;
	}
	guest->disk_bytes = 1ull << 30;
	strcpy(guest->folders[0], "/");
	strcpy(guest->folders[1], "/tmp");
	strcpy(guest->ip.adapter_id, "00:15:5D:01:02:03");
	guest->ip.family = KVP_FAMILY_IPV4;
	strcpy(guest->ip.addresses, "192.0.2.7");
	strcpy(guest->ip.subnets, "255.255.255.0");
	strcpy(guest->ip.gateways, "192.0.2.1");
	sim_pool_set(guest, KVP_POOL_AUTO, "FullyQualifiedDomainName",
		     "sim.example");
	sim_pool_set(guest, KVP_POOL_AUTO, "NetworkAddressIPv4",
		     "192.0.2.7;192.0.2.8");
	sim_pool_set(guest, KVP_POOL_AUTO, "NetworkAddressIPv6", "2001:db8::7");
	sim_guest_unlock();
}

/* ---- what guests do ---- */

void sim_guest_unload(struct sim_guest *guest, void *context)
{
	(void)context;
	if (guest->connected)
		must(guest, vmbus_guest_unload(&guest->engine), "unload");
}

static void stop_for(struct sim_guest *guest, enum machine_stop reason)
{
	guest->stop = true;
	guest->stop_reason = reason;
}

void sim_guest_power_off(struct sim_guest *guest, void *context)
{
	(void)context;
	stop_for(guest, MACHINE_STOP_POWER_OFF);
}

void sim_guest_restart(struct sim_guest *guest, void *context)
{
	(void)context;
	stop_for(guest, MACHINE_STOP_RESET);
}

void sim_guest_triple_fault(struct sim_guest *guest, void *context)
{
	(void)context;
	stop_for(guest, MACHINE_STOP_TRIPLE_FAULT);
}

void sim_guest_break(struct sim_guest *guest, void *context)
{
	(void)context;
	stop_for(guest, MACHINE_STOP_ERROR);
}

void sim_guest_panic(struct sim_guest *guest, void *context)
{
	sim_machine_crash(guest->machine, context);
}

void sim_guest_print(struct sim_guest *guest, void *context)
{
	sim_machine_print(guest->machine, context, (u32)strlen(context));
}

void sim_guest_crash_kernel(struct sim_guest *guest, void *context)
{
	(void)context;
	/* Its rings stay mapped by the host until it hears of the new one;
	 * the pages are not reused before. */
	for (u32 i = 0; i < SIM_GUEST_CHANNELS; i++) {
		struct sim_guest_channel *channel = &guest->channels[i];

		if (channel->at[0] && channel->service == SIM_STORAGE)
			sim_storage_closed(guest, channel);
		if (channel->at[0] && channel->service == SIM_NET)
			sim_net_closed(guest, channel);
		for (u32 j = 0; channel->at[0] && j < 2; j++)
			machine_unmap_pages(guest->machine, channel->at[j],
					    SIM_GUEST_RING_PAGES, true);
		memset(channel, 0, sizeof(*channel));
	}
	sim_machine_message_done(guest->machine, MESSAGE_VP,
				 VMBUS_MESSAGE_SINT);
	guest->crashed = true;
	engine_begin(guest);
}
