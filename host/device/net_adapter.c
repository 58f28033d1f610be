/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/device/net_internal.h"

/* What a guest may choose up to, where nobody says otherwise. */
#define MTU_DEFAULT 9000u

/* Random, of version 4: a guest knows its adapters by it over restarts, so it
 * is the same in every VM. */
#define INSTANCE(number)                                                       \
	GUID_FIELDS(0x8a6b2f0e, 0x51c3, 0x4b7a, 0xb2, 0x6d, 0x0c, 0x9f, 0x4e,  \
		    0x17, 0xd3, number)

static const struct guid instances[RUN_NETS_MAX] = {
	INSTANCE(0), INSTANCE(1), INSTANCE(2), INSTANCE(3),
	INSTANCE(4), INSTANCE(5), INSTANCE(6), INSTANCE(7),
};

static const struct guid type = NETWORK_TYPE;

void adapter_tell(struct adapter *adapter, const char *kind, const char *text)
{
	struct adapters_host *host = &adapter->adapters->host;

	host->event(host->context, kind, adapter->name, 0, text);
}

void adapter_call(struct adapter *adapter, u32 calls)
{
	pthread_mutex_lock(&adapter->lock);
	for (struct adapter_channel *place = adapter->channels; place;
	     place = place->next)
		if (place->worker)
			channel_thread_call(&place->worker->thread, calls);
	pthread_mutex_unlock(&adapter->lock);
}

void adapter_address(struct adapter *adapter, const u8 *address)
{
	pthread_mutex_lock(&adapter->lock);
	memcpy(adapter->address, address, sizeof(adapter->address));
	pthread_mutex_unlock(&adapter->lock);
	net_port_address_set(adapter->port, address);
}

/* ---- what the bus calls ---- */

static void vsp_begin(struct adapter *adapter)
{
	const struct run_net *config = &adapter->config;
	struct network_vsp_options options = {
		.channels_max = adapter->queues,
		.mtu_max_bytes =
			config->mtu_bytes ? config->mtu_bytes : MTU_DEFAULT,
		.slot_min_bytes = NET_SLOT_BYTES,
		.offloads = NETWORK_OFFLOADS_ALL,
		.speed_bps = adapter->speed_bps,
		.link_down = !adapter->link_up,
	};

	memcpy(options.address, config->mac, sizeof(options.address));
	snprintf(options.name, sizeof(options.name), "%s", adapter->name);
	network_vsp_shared_init(&adapter->vsp, &options);
	adapter_address(adapter, config->mac);
	__atomic_store_n(&adapter->by_function, false, __ATOMIC_RELAXED);
	net_port_takes_set(adapter->port, 0);
}

static void buffers_end(struct adapter *adapter)
{
	free(adapter->slots);
	adapter->slots = NULL;
	adapter->receive = (struct adapter_buffer){ 0 };
	adapter->send = (struct adapter_buffer){ 0 };
}

static void channel_opened(void *context, struct bus_channel *channel)
{
	struct adapter_channel *place = context;
	struct adapter *adapter = place->adapter;

	if (adapter->leaving)
		return;
	if (!place->index)
		vsp_begin(adapter);
	if (net_worker_start(place, adapter->adapters->machine) < 0)
		adapter->adapters->host.event(
			adapter->adapters->host.context, "violation",
			adapter->name, bus_channel_relid(channel),
			"the host has no memory or thread to serve the "
			"channel");
}

static void channel_closed(void *context, struct bus_channel *channel)
{
	struct adapter_channel *place = context;
	struct adapter *adapter = place->adapter;

	(void)channel;
	net_worker_stop(place);
	if (place->index)
		return;
	/* The buffers are the primary's, and go with it. */
	for (place = adapter->channels; place; place = place->next)
		net_worker_stop(place);
	buffers_end(adapter);
}

static struct adapter_buffer *buffer_of(struct adapter *adapter, bool receive)
{
	return receive ? &adapter->receive : &adapter->send;
}

static void channel_gpadl_wanted(void *context, struct bus_channel *channel,
				 u32 gpadl)
{
	struct adapter_channel *place = context;
	struct adapter *adapter = place->adapter;

	(void)channel;
	for (int receive = 0; receive < 2; receive++) {
		struct adapter_buffer *buffer = buffer_of(adapter, receive);

		if (buffer->mapped && buffer->gpadl == gpadl)
			__atomic_store_n(&buffer->wanted, true,
					 __ATOMIC_RELEASE);
	}
	if (place->worker)
		channel_thread_call(&place->worker->thread, CALL_WANTED);
}

static void place_free(struct adapter_channel *place)
{
	pthread_mutex_destroy(&place->turn);
	free(place);
}

static void channel_released(void *context, struct bus_channel *channel)
{
	struct adapter_channel *place = context;
	struct adapter *adapter = place->adapter;
	struct adapter_channel **at = &adapter->channels;

	(void)channel;
	place->channel = NULL;
	if (place->index) {
		pthread_mutex_lock(&adapter->lock);
		while (*at != place)
			at = &(*at)->next;
		*at = place->next;
		pthread_mutex_unlock(&adapter->lock);
		place_free(place);
	}
	if (!adapter->leaving || adapter->channels->channel ||
	    adapter->channels->next)
		return;
	adapter->adapters->adapters[adapter->number] = NULL;
	adapter_free(adapter);
}

static const struct bus_channel_ops channel_ops = {
	.opened = channel_opened,
	.closed = channel_closed,
	.released = channel_released,
	.gpadl_wanted = channel_gpadl_wanted,
};

/* ---- offers ---- */

static struct adapter_channel *place_make(struct adapter *adapter, u16 index)
{
	struct adapter_channel *place = calloc(1, sizeof(*place));

	if (!place)
		return NULL;
	place->adapter = adapter;
	place->index = index;
	pthread_mutex_init(&place->turn, NULL);
	return place;
}

static int place_offer(struct adapter_channel *place)
{
	struct adapter *adapter = place->adapter;
	struct vmbus_offer offer = {
		.type = type,
		.instance = instances[adapter->number],
		.subchannel_index = place->index,
		.monitored = adapter->config.monitored,
	};

	return bus_offer(adapter->adapters->host.bus, &offer, adapter->name,
			 &channel_ops, place, &place->channel);
}

static bool sub_channel_offer(struct adapter *adapter, u16 index)
{
	struct adapter_channel *place = place_make(adapter, index);

	if (!place)
		return false;
	pthread_mutex_lock(&adapter->lock);
	place->next = adapter->channels->next;
	adapter->channels->next = place;
	pthread_mutex_unlock(&adapter->lock);
	if (place_offer(place) == 0)
		return true;
	channel_released(place, NULL);
	return false;
}

int adapter_offer(struct adapter *adapter, struct lis_error *error)
{
	if (adapter->channels->channel)
		return 0;
	if (place_offer(adapter->channels) < 0)
		return lis_error_set(error, ENOSPC,
				     "the bus has no room for one more "
				     "adapter");
	return 0;
}

void adapter_withdraw(struct adapter *adapter)
{
	adapter->leaving = true;
	if (adapter->channels->channel) {
		bus_rescind(adapter->channels->channel);
		return;
	}
	adapter->adapters->adapters[adapter->number] = NULL;
	adapter_free(adapter);
}

/* ---- what the primary's worker wants ---- */

static void errand_map(struct adapter *adapter, struct net_errand *errand)
{
	struct adapter_buffer *buffer =
		buffer_of(adapter, errand->receive_buffer);
	u32 count;

	errand->base = NULL;
	errand->slots = NULL;
	if (buffer->mapped ||
	    bus_channel_gpadl_map(adapter->channels->channel, errand->gpadl,
				  &errand->base, &errand->bytes) < 0) {
		errand->base = NULL;
		return;
	}
	buffer->gpadl = errand->gpadl;
	buffer->mapped = true;
	if (!errand->receive_buffer)
		return;
	count = network_vsp_slots(&adapter->vsp, errand->bytes);
	free(adapter->slots);
	adapter->slots = calloc(count ? count : 1, sizeof(*adapter->slots));
	errand->slots = adapter->slots;
	if (!adapter->slots)
		errand->base = NULL;
}

static void errand_unmap(struct adapter *adapter,
			 const struct net_errand *errand)
{
	struct adapter_buffer *buffer =
		buffer_of(adapter, errand->receive_buffer);

	if (!buffer->mapped)
		return;
	bus_channel_gpadl_unmap(adapter->channels->channel, buffer->gpadl);
	*buffer = (struct adapter_buffer){ 0 };
}

static u32 sub_channels_offer(struct adapter *adapter, u32 wanted)
{
	u32 count = 0;

	while (count < wanted && sub_channel_offer(adapter, (u16)(count + 1)))
		count++;
	return count;
}

void adapter_look(struct adapter *adapter)
{
	struct net_worker *worker = adapter->channels->worker;
	struct net_errand *errand;
	u32 what;

	if (!worker)
		return;
	errand = &worker->errand;
	what = __atomic_load_n(&errand->what, __ATOMIC_ACQUIRE);
	if (what == ERRAND_NONE)
		return;
	if (what == ERRAND_MAP)
		errand_map(adapter, errand);
	else if (what == ERRAND_UNMAP)
		errand_unmap(adapter, errand);
	else
		errand->sub_channels =
			sub_channels_offer(adapter, errand->sub_channels);
	errand->done = what;
	__atomic_store_n(&errand->what, ERRAND_NONE, __ATOMIC_RELAXED);
	channel_thread_call(&worker->thread, CALL_ERRAND);
}

/* ---- the port ---- */

void adapter_link(struct adapter *adapter)
{
	struct net_info info;
	bool up, changed;

	net_port_info(adapter->port, &info);
	up = info.link_up && !info.gone && !adapter->config.link_down;
	pthread_mutex_lock(&adapter->lock);
	changed = up != adapter->link_up ||
		  info.speed_bits_per_second != adapter->speed_bps;
	adapter->link_up = up;
	adapter->speed_bps = info.speed_bits_per_second;
	pthread_mutex_unlock(&adapter->lock);
	if (info.gone && !adapter->gone_told)
		adapter_tell(adapter, "net-gone",
			     "what the adapter was joined to is gone: its "
			     "link is down for good");
	adapter->gone_told = info.gone;
	if (!changed)
		return;
	adapter_tell(adapter, "net-link",
		     up ? "the adapter's link is up"
			: "the adapter's link is down");
	adapter_call(adapter, CALL_CONFIG);
}

static void port_news(uv_poll_t *poll, int status, int events)
{
	struct adapter *adapter = poll->data;

	(void)events;
	if (status == 0 && net_port_news(adapter->port))
		adapter_link(adapter);
}

static void options_forwards(const struct run_net *config,
			     struct net_options *options)
{
	for (u32 i = 0; i < config->forward_count; i++) {
		const struct run_net_forward *from = &config->forwards[i];

		options->forwards[i] = (struct net_forward){
			.udp = from->udp,
			.host = from->host,
			.host_port = from->host_port,
			.guest = from->guest,
			.guest_port = from->guest_port,
		};
	}
	options->forward_count = config->forward_count;
}

static int port_open(struct adapter *adapter, struct lis_error *error)
{
	static const enum net_kind kinds[RUN_NET_BACKENDS] = {
		[RUN_NET_USER] = NET_USER,
		[RUN_NET_TAP] = NET_TAP,
		[RUN_NET_SWITCH] = NET_SWITCH,
	};
	const struct run_net *config = &adapter->config;
	const struct adapters_host *host = &adapter->adapters->host;
	struct net_options options = {
		.kind = kinds[config->backend],
		.name = config->name[0] ? config->name : NULL,
		.folder = host->folder,
		.queues = config->queues ? config->queues : host->vcpus,
		.mtu_bytes = config->mtu_bytes,
		.bits_per_second = config->bits_per_second,
		.vlan = config->vlan,
		.host_name = host->vm_name,
	};
	struct net_info info;
	int code;

	if (options.queues > NET_QUEUES_MAX)
		options.queues = NET_QUEUES_MAX;
	memcpy(options.address, config->mac, sizeof(options.address));
	options_forwards(config, &options);
	if (options.kind == NET_SWITCH && mkdir(host->folder, 0700) < 0 &&
	    errno != EEXIST)
		return lis_error_set(error, errno, "cannot make %.300s: %s",
				     host->folder, strerror(errno));
	code = net_port_open(&adapter->port, &options, error);
	if (code < 0)
		return code;
	net_port_info(adapter->port, &info);
	adapter->queues =
		info.queues < options.queues ? info.queues : options.queues;
	if (!adapter->queues)
		adapter->queues = 1;
	if (adapter->queues > host->vcpus)
		adapter->queues = host->vcpus;
	adapter->link_up = info.link_up && !config->link_down;
	adapter->speed_bps = info.speed_bits_per_second;
	return 0;
}

static int news_watch(struct adapter *adapter, struct lis_error *error)
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));

	if (!poll || uv_poll_init(adapter->adapters->host.loop, poll,
				  net_port_news_fd(adapter->port)) < 0) {
		free(poll);
		return lis_error_set(error, ENOMEM, "out of memory");
	}
	poll->data = adapter;
	uv_poll_start(poll, UV_READABLE, port_news);
	adapter->news = poll;
	return 0;
}

static void news_closed(uv_handle_t *handle)
{
	free(handle);
}

void adapter_port_close(struct adapter *adapter)
{
	struct net_capture *capture = adapter->capture;

	if (adapter->news)
		uv_close((uv_handle_t *)adapter->news, news_closed);
	adapter->news = NULL;
	if (adapter->port && capture)
		net_port_capture_set(adapter->port, NULL);
	net_capture_close(capture);
	adapter->capture = NULL;
	net_port_close(adapter->port);
	adapter->port = NULL;
}

/* ---- life ---- */

/* The same for a name and a number every time: of Microsoft's range, which
 * guests know as Hyper-V's. */
static void mac_make(const char *vm_name, u32 number, u8 *mac)
{
	u32 hash = 2166136261u;

	for (; *vm_name; vm_name++)
		hash = (hash ^ (u8)*vm_name) * 16777619u;
	hash = (hash ^ number) * 16777619u;
	hash ^= hash >> 15;
	mac[0] = 0x00;
	mac[1] = 0x15;
	mac[2] = 0x5d;
	mac[3] = (u8)(hash >> 16);
	mac[4] = (u8)(hash >> 8);
	mac[5] = (u8)hash;
}

static struct adapter *adapter_alloc(struct adapters *adapters, u32 number,
				     const struct run_net *config)
{
	struct adapter *adapter = calloc(1, sizeof(*adapter));

	if (!adapter)
		return NULL;
	adapter->adapters = adapters;
	adapter->number = number;
	adapter->config = *config;
	adapter->vlan = config->vlan;
	adapter->function = config->function;
	snprintf(adapter->name, sizeof(adapter->name), "Network Adapter %u",
		 number);
	if (!(config->given & RUN_NET_GIVEN_MAC))
		mac_make(adapters->host.vm_name, number, adapter->config.mac);
	memcpy(adapter->address, adapter->config.mac, sizeof(adapter->address));
	pthread_mutex_init(&adapter->lock, NULL);
	adapter->channels = place_make(adapter, 0);
	if (adapter->channels)
		return adapter;
	adapter_free(adapter);
	return NULL;
}

struct adapter *adapter_make(struct adapters *adapters, u32 number,
			     const struct run_net *config, int *code,
			     struct lis_error *error)
{
	struct adapter *adapter = adapter_alloc(adapters, number, config);

	if (!adapter) {
		*code = lis_error_set(error, ENOMEM, "out of memory");
		return NULL;
	}
	*code = port_open(adapter, error);
	if (*code == 0)
		*code = news_watch(adapter, error);
	if (*code == 0) {
		vsp_begin(adapter);
		*code = adapter_offer(adapter, error);
	}
	if (*code == 0)
		return adapter;
	adapter_free(adapter);
	return NULL;
}

void adapter_free(struct adapter *adapter)
{
	adapter_port_close(adapter);
	while (adapter->channels) {
		struct adapter_channel *place = adapter->channels;

		adapter->channels = place->next;
		place_free(place);
	}
	free(adapter->slots);
	pthread_mutex_destroy(&adapter->lock);
	free(adapter);
}
