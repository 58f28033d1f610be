/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "host/device/net_internal.h"

void adapters_wake(struct adapters *adapters)
{
	uv_async_send(&adapters->wake);
}

static void woken(uv_async_t *async)
{
	struct adapters *adapters = async->data;

	for (u32 i = 0; i < RUN_NETS_MAX; i++)
		if (adapters->adapters[i])
			adapter_look(adapters->adapters[i]);
}

/* ---- life ---- */

int adapters_create(struct adapters **result, const struct adapters_host *host,
		    struct lis_error *error)
{
	struct adapters *adapters = calloc(1, sizeof(*adapters));

	if (!adapters)
		return lis_error_set(error, ENOMEM, "out of memory");
	adapters->host = *host;
	uv_async_init(host->loop, &adapters->wake, woken);
	adapters->wake.data = adapters;
	*result = adapters;
	return 0;
}

void adapters_machine(struct adapters *adapters, struct machine *machine)
{
	struct lis_error error;

	adapters->machine = machine;
	/* One whose channel the guest before broke is offered again. */
	for (u32 i = 0; machine && i < RUN_NETS_MAX; i++)
		if (adapters->adapters[i])
			adapter_offer(adapters->adapters[i], &error);
}

void adapters_close(struct adapters *adapters)
{
	adapters->closed = true;
	for (u32 i = 0; i < RUN_NETS_MAX; i++)
		if (adapters->adapters[i])
			adapter_port_close(adapters->adapters[i]);
	uv_close((uv_handle_t *)&adapters->wake, NULL);
}

void adapters_free(struct adapters *adapters)
{
	if (!adapters)
		return;
	for (u32 i = 0; i < RUN_NETS_MAX; i++)
		if (adapters->adapters[i])
			adapter_free(adapters->adapters[i]);
	free(adapters);
}

/* ---- adapters ---- */

static struct adapter *adapter_at(struct adapters *adapters, u32 number,
				  struct lis_error *error)
{
	struct adapter *adapter =
		number < RUN_NETS_MAX ? adapters->adapters[number] : NULL;

	if (adapter && !adapter->leaving)
		return adapter;
	lis_error_set(error, ENOENT, "there is no network adapter %u", number);
	return NULL;
}

int adapters_attach(struct adapters *adapters, const struct run_net *config,
		    u32 *number, struct lis_error *error)
{
	u32 leaving = 0;
	int code;

	*number = 0;
	while (*number < RUN_NETS_MAX && adapters->adapters[*number])
		leaving += adapters->adapters[(*number)++]->leaving;
	if (*number == RUN_NETS_MAX && leaving)
		return lis_error_set(error, EBUSY,
				     "a VM has at most %d network adapters, "
				     "and the guest has not let go of %u that "
				     "were taken back: try again later",
				     RUN_NETS_MAX, leaving);
	if (*number == RUN_NETS_MAX)
		return lis_error_set(error, ENOSPC,
				     "a VM has at most %d network adapters",
				     RUN_NETS_MAX);
	adapters->adapters[*number] =
		adapter_make(adapters, *number, config, &code, error);
	return code;
}

int adapters_detach(struct adapters *adapters, u32 number,
		    struct lis_error *error)
{
	struct adapter *adapter = adapter_at(adapters, number, error);

	if (!adapter)
		return -ENOENT;
	/* It may be gone after that, or wait for the guest to let go. */
	adapter_withdraw(adapter);
	adapter = adapters->adapters[number];
	if (adapter)
		adapter_port_close(adapter);
	return 0;
}

static int mac_set(struct adapter *adapter, const struct run_net *changes,
		   struct lis_error *error)
{
	if (adapter->channels->worker)
		return lis_error_set(error, EBUSY,
				     "the guest uses the adapter: its address "
				     "can be changed before that, or with "
				     "\"ip link set\" in the guest");
	memcpy(adapter->config.mac, changes->mac, sizeof(changes->mac));
	adapter_address(adapter, changes->mac);
	return 0;
}

static void vlan_set(struct adapter *adapter, const struct network_vlan *vlan)
{
	pthread_mutex_lock(&adapter->lock);
	adapter->vlan = *vlan;
	pthread_mutex_unlock(&adapter->lock);
	adapter->config.vlan = *vlan;
	net_port_vlan_set(adapter->port, vlan);
	adapter_call(adapter, CALL_CONFIG);
}

static void function_set(struct adapter *adapter, u32 serial)
{
	pthread_mutex_lock(&adapter->lock);
	adapter->function = serial;
	pthread_mutex_unlock(&adapter->lock);
	adapter->config.function = serial;
	adapter_call(adapter, CALL_CONFIG);
}

int adapters_set(struct adapters *adapters, u32 number,
		 const struct run_net *changes, struct lis_error *error)
{
	struct adapter *adapter = adapter_at(adapters, number, error);
	int code = 0;

	if (!adapter)
		return -ENOENT;
	if (changes->backend_given || (changes->given & RUN_NET_GIVEN_OTHER))
		return lis_error_set(error, EINVAL,
				     "of an adapter that is there only mac, "
				     "vlan, trunk, native, link, bandwidth and "
				     "function can be changed");
	if (changes->given & RUN_NET_GIVEN_MAC)
		code = mac_set(adapter, changes, error);
	if (code < 0)
		return code;
	if (changes->given & RUN_NET_GIVEN_VLAN)
		vlan_set(adapter, &changes->vlan);
	if (changes->given & RUN_NET_GIVEN_BANDWIDTH) {
		adapter->config.bits_per_second = changes->bits_per_second;
		net_port_limit_set(adapter->port, changes->bits_per_second);
	}
	if (changes->given & RUN_NET_GIVEN_FUNCTION)
		function_set(adapter, changes->function);
	if (changes->given & RUN_NET_GIVEN_LINK) {
		adapter->config.link_down = changes->link_down;
		adapter_link(adapter);
	}
	return 0;
}

/* ---- capture ---- */

int adapters_capture(struct adapters *adapters, u32 number, const char *path,
		     u32 snap_bytes, struct lis_error *error)
{
	struct adapter *adapter = adapter_at(adapters, number, error);
	struct net_capture_options options = {
		.snap_bytes = snap_bytes,
		.vm = adapters->host.vm_name,
		.writer = "lis",
	};
	int code;

	if (!adapter)
		return -ENOENT;
	if (adapter->capture)
		return lis_error_set(error, EBUSY,
				     "adapter %u is captured already", number);
	options.name = adapter->name;
	options.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (options.fd < 0)
		return lis_error_set(error, errno, "cannot make %.300s: %s",
				     path, strerror(errno));
	code = net_capture_open(&adapter->capture, &options, error);
	if (code < 0)
		adapter->capture = NULL;
	else
		net_port_capture_set(adapter->port, adapter->capture);
	return code;
}

int adapters_capture_stop(struct adapters *adapters, u32 number,
			  struct net_capture_counters *counters,
			  struct lis_error *error)
{
	struct adapter *adapter = adapter_at(adapters, number, error);

	if (!adapter)
		return -ENOENT;
	if (!adapter->capture)
		return lis_error_set(error, ENOENT,
				     "adapter %u is not captured", number);
	net_port_capture_set(adapter->port, NULL);
	net_capture_counters(adapter->capture, counters);
	net_capture_close(adapter->capture);
	adapter->capture = NULL;
	return 0;
}

/* ---- for people ---- */

static void info_fill(struct adapter *adapter, struct adapter_info *info)
{
	*info = (struct adapter_info){
		.number = adapter->number,
		.name = adapter->name,
		.config = &adapter->config,
		.capturing = adapter->capture != NULL,
		.by_function = __atomic_load_n(&adapter->by_function,
					       __ATOMIC_RELAXED),
	};
	net_port_info(adapter->port, &info->port);
	net_port_counters(adapter->port, &info->port_counters);
	network_vsp_counters(&adapter->vsp, &info->counters);
	pthread_mutex_lock(&adapter->lock);
	memcpy(info->mac, adapter->address, sizeof(info->mac));
	info->link_up = adapter->link_up;
	for (struct adapter_channel *place = adapter->channels; place;
	     place = place->next)
		info->channels += place->worker != NULL;
	pthread_mutex_unlock(&adapter->lock);
}

bool adapters_next(struct adapters *adapters, u32 *place,
		   struct adapter_info *info)
{
	for (; *place < RUN_NETS_MAX; (*place)++) {
		struct adapter *adapter = adapters->adapters[*place];

		if (!adapter || adapter->leaving)
			continue;
		(*place)++;
		info_fill(adapter, info);
		return true;
	}
	return false;
}

bool adapters_next_channel(struct adapters *adapters, u32 *index,
			   const char **name, struct bus_channel **channel)
{
	for (; *index < RUN_NETS_MAX; (*index)++) {
		struct adapter *adapter = adapters->adapters[*index];

		if (!adapter || !adapter->channels->channel)
			continue;
		*name = adapter->name;
		*channel = adapter->channels->channel;
		(*index)++;
		return true;
	}
	return false;
}
