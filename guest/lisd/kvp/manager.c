/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/kvp/manager.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest/lisd/file.h"
#include "guest/lisd/kvp/runner.h"

#define MANAGER_PATH  "/org/freedesktop/NetworkManager"
#define NETWORKD      NETWORKD_SERVICE
#define NETWORKD_PATH "/org/freedesktop/network1"
#define CALL_LIMIT_MS 8000
#define LOOK_MS	      100
#define NS_PER_MS     1000000

static const char *const names[MANAGER_COUNT] = {
	[MANAGER_NONE] = "none",
	[MANAGER_NETPLAN] = "netplan",
	[MANAGER_NETWORKMANAGER] = "networkmanager",
	[MANAGER_NETWORKD] = "networkd",
	[MANAGER_IFCFG] = "ifcfg",
	[MANAGER_IFUPDOWN] = "ifupdown",
};

const char *manager_name(enum manager manager)
{
	return names[manager];
}

enum manager manager_named(const char *name)
{
	u32 i;

	for (i = 0; i < MANAGER_COUNT; i++)
		if (!strcmp(names[i], name))
			break;
	return (enum manager)i;
}

static bool exists(const struct lisd_env *env, const char *path)
{
	char full[LISD_PATH_BYTES];

	return !access(lisd_path(env, full, path), F_OK);
}

/* Whether a folder has a file with this ending. */
static bool folder_has(const struct lisd_env *env, const char *folder,
		       const char *ending)
{
	char full[LISD_PATH_BYTES];
	DIR *stream = opendir(lisd_path(env, full, folder));
	struct dirent *entry;
	bool has = false;

	if (!stream)
		return false;
	while (!has && (entry = readdir(stream))) {
		size_t length = strlen(entry->d_name), tail = strlen(ending);

		has = length > tail &&
		      !strcmp(entry->d_name + length - tail, ending);
	}
	closedir(stream);
	return has;
}

/* It runs, and the device is not one that it leaves alone. */
static bool manager_owns(struct dbus *bus, const struct net_link *link)
{
	char device[DBUS_NAME_BYTES];
	struct dbus_reader reply;

	return !manager_device(bus, link->name, device) &&
	       !dbus_property(bus, MANAGER_SERVICE, device,
			      MANAGER_SERVICE ".Device", "Managed", "b",
			      &reply) &&
	       dbus_get_u32(&reply);
}

/* What networkd writes about each link that it knows. */
static bool networkd_owns(const struct lisd_env *env,
			  const struct net_link *link)
{
	char path[LISD_PATH_BYTES], name[64], text[2048];

	snprintf(name, sizeof(name), "/run/systemd/netif/links/%u",
		 link->index);
	return file_read(lisd_path(env, path, name), text, sizeof(text)) > 0 &&
	       !strstr(text, "ADMIN_STATE=unmanaged");
}

enum manager manager_find(const struct lisd_env *env, struct dbus *bus,
			  bool connected, const struct net_link *link)
{
	enum manager told = manager_named(lisd_setting(env, "kvp.manager", ""));

	if (told != MANAGER_COUNT)
		return told;
	if (runner_has(env, RUNNER_NETPLAN_APPLY) &&
	    folder_has(env, "/etc/netplan", ".yaml"))
		return MANAGER_NETPLAN;
	if (connected && manager_owns(bus, link))
		return MANAGER_NETWORKMANAGER;
	if (connected && dbus_has_service(bus, NETWORKD) &&
	    networkd_owns(env, link))
		return MANAGER_NETWORKD;
	if (runner_has(env, RUNNER_IFUP) &&
	    exists(env, "/etc/sysconfig/network-scripts"))
		return MANAGER_IFCFG;
	if (runner_has(env, RUNNER_IFUP) &&
	    exists(env, "/etc/network/interfaces"))
		return MANAGER_IFUPDOWN;
	return MANAGER_NONE;
}

static int path_read(struct dbus_reader *reply, char *path)
{
	int used =
		snprintf(path, DBUS_NAME_BYTES, "%s", dbus_get_string(reply));

	if (reply->bad || used >= DBUS_NAME_BYTES)
		return -EPROTO;
	return strcmp(path, "/") != 0 ? 0 : -ENOENT;
}

int manager_device(struct dbus *bus, const char *name, char *path)
{
	static const struct dbus_call call = { MANAGER_SERVICE, MANAGER_PATH,
					       MANAGER_SERVICE,
					       "GetDeviceByIpIface", "s" };
	struct dbus_writer arguments = { .used = 0 };
	struct dbus_reader reply;
	int error;

	dbus_put_string(&arguments, name);
	error = dbus_call(bus, &call, &arguments, &reply, CALL_LIMIT_MS);
	return error ? error : path_read(&reply, path);
}

int manager_object(struct dbus *bus, const char *device, const char *property,
		   char *path)
{
	struct dbus_reader reply;
	int error =
		dbus_property(bus, MANAGER_SERVICE, device,
			      MANAGER_SERVICE ".Device", property, "o", &reply);

	return error ? error : path_read(&reply, path);
}

int manager_profile(struct dbus *bus, const char *name, char *path)
{
	char device[DBUS_NAME_BYTES], active[DBUS_NAME_BYTES];
	struct dbus_reader reply;
	int error = manager_device(bus, name, device);

	if (!error)
		error = manager_object(bus, device, "ActiveConnection", active);
	if (!error)
		error = dbus_property(bus, MANAGER_SERVICE, active,
				      MANAGER_SERVICE ".Connection.Active",
				      "Connection", "o", &reply);
	return error ? error : path_read(&reply, path);
}

int manager_load(struct dbus *bus, const char *file)
{
	static const struct dbus_call call = { MANAGER_SERVICE,
					       MANAGER_PATH "/Settings",
					       MANAGER_SERVICE ".Settings",
					       "LoadConnections", "as" };
	struct dbus_writer arguments = { .used = 0 };
	struct dbus_reader reply;
	int error;

	dbus_put_strings(&arguments, file);
	error = dbus_call(bus, &call, &arguments, &reply, CALL_LIMIT_MS);
	if (error)
		return error;
	if (dbus_get_u32(&reply))
		return 0;
	snprintf(bus->error, sizeof(bus->error),
		 "NetworkManager refused the connection's file");
	return -EREMOTEIO;
}

int manager_profile_at(struct dbus *bus, const char *uuid, char *path)
{
	static const struct dbus_call call = { MANAGER_SERVICE,
					       MANAGER_PATH "/Settings",
					       MANAGER_SERVICE ".Settings",
					       "GetConnectionByUuid", "s" };
	struct dbus_writer arguments = { .used = 0 };
	struct dbus_reader reply;
	int error;

	dbus_put_string(&arguments, uuid);
	error = dbus_call(bus, &call, &arguments, &reply, CALL_LIMIT_MS);
	return error ? error : path_read(&reply, path);
}

/* Waits for the end of what ActivateConnection began. */
static int activation_wait(struct dbus *bus, const char *active, int limit_ms)
{
	struct timespec pause = { .tv_nsec = LOOK_MS * (long)NS_PER_MS };
	struct dbus_reader reply;
	u32 state;
	int error;

	for (; limit_ms > 0; limit_ms -= LOOK_MS) {
		error = dbus_property(bus, MANAGER_SERVICE, active,
				      MANAGER_SERVICE ".Connection.Active",
				      "State", "u", &reply);
		/* One that failed is taken off the bus. */
		if (error == -EREMOTEIO)
			break;
		if (error)
			return error;
		state = dbus_get_u32(&reply);
		/* NM_ACTIVE_CONNECTION_STATE_*: 2 activated, 4 deactivated */
		if (state == 2)
			return 0;
		if (state == 4)
			break;
		nanosleep(&pause, NULL);
	}
	if (limit_ms <= 0)
		return -ETIMEDOUT;
	snprintf(bus->error, sizeof(bus->error),
		 "NetworkManager could not activate the connection");
	return -EREMOTEIO;
}

int manager_activate(struct dbus *bus, const char *name, const char *profile,
		     int limit_ms)
{
	static const struct dbus_call call = { MANAGER_SERVICE, MANAGER_PATH,
					       MANAGER_SERVICE,
					       "ActivateConnection", "ooo" };
	char device[DBUS_NAME_BYTES], active[DBUS_NAME_BYTES];
	struct dbus_writer arguments = { .used = 0 };
	struct dbus_reader reply;
	int error = manager_device(bus, name, device);

	if (error)
		return error;
	dbus_put_string(&arguments, profile);
	dbus_put_string(&arguments, device);
	dbus_put_string(&arguments, "/");
	error = dbus_call(bus, &call, &arguments, &reply, CALL_LIMIT_MS);
	if (!error)
		error = path_read(&reply, active);
	return error ? error : activation_wait(bus, active, limit_ms);
}

int networkd_apply(struct dbus *bus, u32 link_index)
{
	static const struct dbus_call reload = { NETWORKD, NETWORKD_PATH,
						 NETWORKD ".Manager", "Reload",
						 "" };
	static const struct dbus_call again = { NETWORKD, NETWORKD_PATH,
						NETWORKD ".Manager",
						"ReconfigureLink", "i" };
	struct dbus_writer arguments = { .used = 0 };
	struct dbus_reader reply;
	int error;

	error = dbus_call(bus, &reload, NULL, &reply, CALL_LIMIT_MS);
	if (error)
		return error;
	dbus_put_u32(&arguments, link_index);
	return dbus_call(bus, &again, &arguments, &reply, CALL_LIMIT_MS);
}
