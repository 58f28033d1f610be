/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/kvp/apply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guest/lisd/file.h"
#include "guest/lisd/kvp/change.h"

#define PROGRAM_LIMIT_MS 10000
#define VERIFY_LIMIT_MS	 6000
#define APPLY_LIMIT_MS	 18000 /* until it is given up and put back */
#define UNDO_LIMIT_MS	 20000
#define MS_PER_S	 1000
#define LOOK_MS		 100
#define NS_PER_MS	 1000000
#define PRIVATE_MODE	 0600
#define PUBLIC_MODE	 0644
#define RESOLVED	 "org.freedesktop.resolve1"

/* Win32 errors, as an HRESULT has them. */
#define E_ACCESS_DENIED	  0x80070005u
#define E_WRITE_PROTECTED 0x80070013u
#define E_TIMEOUT	  0x800705b4u

struct job {
	struct network *network;
	const struct netconf *conf;
	const struct net_link *link;
	enum manager manager;
	char *reason;
	struct changes changes;
	bool down;		       /* by ifdown */
	char profile[DBUS_NAME_BYTES]; /* NetworkManager's before */
	u64 until_ms;		       /* when it has taken too long */
};

static u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * MS_PER_S + (u64)now.tv_nsec / NS_PER_MS;
}

/* What is left of the time, of at most @most. */
static int limit_ms(const struct job *job, int most)
{
	u64 now = now_ms();

	if (now >= job->until_ms)
		return 0;
	return job->until_ms - now < (u64)most ? (int)(job->until_ms - now)
					       : most;
}

u32 network_status(int error)
{
	switch (error) {
	case 0:
		return HV_S_OK;
	case -EACCES:
	case -EPERM:
		return E_ACCESS_DENIED;
	case -EROFS:
		return E_WRITE_PROTECTED;
	case -ENOSPC:
	case -EDQUOT:
		return HV_ERROR_DISK_FULL;
	case -ETIMEDOUT:
		return E_TIMEOUT;
	case -ENOTSUP:
		return HV_ERROR_NOT_SUPPORTED;
	default:
		return HV_E_FAIL;
	}
}

static void reason_set(struct job *job, const char *what, const char *why)
{
	/* A program's many lines are one clause of ours. */
	char line[APPLY_REASON_BYTES / 2];
	size_t i;

	snprintf(line, sizeof(line), "%.255s", why);
	for (i = 0; line[i]; i++)
		if (line[i] == '\n')
			line[i] = line[i + 1] ? ';' : '\0';
	snprintf(job->reason, APPLY_REASON_BYTES, "%s: %.200s: %.255s",
		 job->conf->name, what, line);
}

static int change_write(struct job *job, const char *path,
			const struct netconf_text *text, mode_t mode)
{
	char full[LISD_PATH_BYTES];
	int error;

	lisd_path(job->network->env, full, path);
	error = text->full ? -EFBIG
			   : change_file(&job->changes, full, text->text,
					 text->used, mode);
	if (error)
		reason_set(job, path, strerror(-error));
	return error;
}

/*
 * Before an interface is taken down: whether what it would be brought up with
 * can be written at all.
 */
static int change_check(struct job *job, const char *path)
{
	char full[LISD_PATH_BYTES];
	int error = change_allowed(lisd_path(job->network->env, full, path));

	if (error)
		reason_set(job, path, strerror(-error));
	return error;
}

static int program_run(struct job *job, enum runner_program program,
		       const char *what)
{
	struct runner_result result;

	runner_run(&job->network->runner, program, job->conf->name,
		   limit_ms(job, PROGRAM_LIMIT_MS), &result);
	if (!result.status)
		return 0;
	if (result.status < 0) {
		reason_set(job, what, strerror(-result.status));
		return result.status == -ENOENT ? -ENOTSUP : result.status;
	}
	reason_set(job, what, *result.output ? result.output : "it failed");
	return -EREMOTEIO;
}

static int bus_error(struct job *job, const char *what, int error)
{
	if (error)
		reason_set(job, what,
			   *job->network->bus.error ? job->network->bus.error
						    : strerror(-error));
	return error;
}

/* The same for the same interface, in the form of a UUID. */
static void uuid_make(char uuid[NETCONF_UUID_BYTES], const char *name)
{
	u64 high = 14695981039346656037ull, low;
	const char *at;

	for (at = name; *at; at++)
		high = (high ^ (u8)*at) * 1099511628211ull;
	low = (high ^ 'l') * 1099511628211ull;
	snprintf(uuid, NETCONF_UUID_BYTES, "%08x-%04x-8%03x-8%03x-%012llx",
		 (u32)(high >> 32), (u32)(high >> 16) & 0xffff,
		 (u32)high & 0xfff, (u32)(low >> 48) & 0xfff,
		 (unsigned long long)(low & 0xffffffffffffull));
}

static int keyfile_activate(struct job *job, const char *path, const char *uuid)
{
	struct dbus *bus = &job->network->bus;
	char profile[DBUS_NAME_BYTES];
	int error = manager_load(bus, path);

	if (!error)
		error = manager_profile_at(bus, uuid, profile);
	if (!error)
		error = manager_activate(bus, job->conf->name, profile,
					 limit_ms(job, PROGRAM_LIMIT_MS));
	return bus_error(job, "NetworkManager", error);
}

static int keyfile_apply(struct job *job, struct netconf_text *text)
{
	char path[LISD_PATH_BYTES], uuid[NETCONF_UUID_BYTES];
	int error;

	if (!job->network->connected) {
		reason_set(job, "NetworkManager", "the system bus is absent");
		return -ENOTSUP;
	}
	if (manager_profile(&job->network->bus, job->conf->name, job->profile))
		*job->profile = '\0';
	uuid_make(uuid, job->conf->name);
	netconf_keyfile(text, job->conf, uuid);
	snprintf(path, sizeof(path),
		 "/etc/NetworkManager/system-connections/lis-%s.nmconnection",
		 job->conf->name);
	error = change_write(job, path, text, PRIVATE_MODE);
	return error ? error : keyfile_activate(job, path, uuid);
}

static void keyfile_undo(struct job *job)
{
	char path[LISD_PATH_BYTES];

	snprintf(path, sizeof(path),
		 "/etc/NetworkManager/system-connections/lis-%s.nmconnection",
		 job->conf->name);
	(void)manager_load(&job->network->bus, path);
	if (*job->profile)
		(void)manager_activate(&job->network->bus, job->conf->name,
				       job->profile, VERIFY_LIMIT_MS);
}

static int networkd_file(struct job *job, struct netconf_text *text)
{
	char path[LISD_PATH_BYTES];
	int error;

	if (!job->network->connected) {
		reason_set(job, "systemd-networkd", "the system bus is absent");
		return -ENOTSUP;
	}
	netconf_networkd(text, job->conf);
	snprintf(path, sizeof(path), "/etc/systemd/network/05-lis-%s.network",
		 job->conf->name);
	error = change_write(job, path, text, PUBLIC_MODE);
	if (error)
		return error;
	return bus_error(job, "systemd-networkd",
			 networkd_apply(&job->network->bus, job->link->index));
}

/*
 * What the generator wrote is for systemd-networkd, which takes it at once. For
 * NetworkManager netplan itself is asked, which takes some of the time: it is
 * a program in Python.
 */
static int netplan_take(struct job *job)
{
	char name[LISD_PATH_BYTES / 2], path[LISD_PATH_BYTES];

	snprintf(name, sizeof(name),
		 "/run/systemd/network/10-netplan-%s.network", job->conf->name);
	if (!job->network->connected ||
	    !dbus_has_service(&job->network->bus, NETWORKD_SERVICE) ||
	    access(lisd_path(job->network->env, path, name), F_OK))
		return program_run(job, RUNNER_NETPLAN_APPLY, "netplan apply");
	return bus_error(job, "systemd-networkd",
			 networkd_apply(&job->network->bus, job->link->index));
}

static int netplan_apply(struct job *job, struct netconf_text *text)
{
	char path[LISD_PATH_BYTES];
	int error;

	netconf_netplan(text, job->conf);
	snprintf(path, sizeof(path), "/etc/netplan/95-lis-%s.yaml",
		 job->conf->name);
	error = change_write(job, path, text, PRIVATE_MODE);
	if (!error)
		error = program_run(job, RUNNER_NETPLAN_GENERATE,
				    "netplan generate");
	return error ? error : netplan_take(job);
}

/*
 * Whether somebody reads "dns-nameservers": resolvconf, but not what
 * systemd-resolved calls so while it does not run.
 */
static bool has_resolvconf(struct job *job)
{
	char path[LISD_PATH_BYTES], target[LISD_PATH_BYTES];
	ssize_t length;

	lisd_path(job->network->env, path, "/sbin/resolvconf");
	if (access(path, X_OK))
		return false;
	length = readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	return !strstr(target, "resolvectl") ||
	       (job->network->connected &&
		dbus_has_service(&job->network->bus, RESOLVED));
}

static int resolv_write(struct job *job)
{
	char old[NETCONF_FILE_BYTES];
	struct netconf_text text;
	char path[LISD_PATH_BYTES];
	struct stat status;

	lisd_path(job->network->env, path, "/etc/resolv.conf");
	if (!job->conf->dns_count || lstat(path, &status) ||
	    !S_ISREG(status.st_mode) || has_resolvconf(job) ||
	    file_read(path, old, sizeof(old)) < 0)
		return 0;
	text.used = 0;
	text.full = false;
	netconf_resolv(&text, old, job->conf);
	return change_write(job, "/etc/resolv.conf", &text, PUBLIC_MODE);
}

static int interfaces_write(struct job *job, struct netconf_text *text)
{
	char old[NETCONF_FILE_BYTES];
	char path[LISD_PATH_BYTES];
	ssize_t got;
	int error;

	got = file_read(
		lisd_path(job->network->env, path, "/etc/network/interfaces"),
		old, sizeof(old));
	if (got < 0) {
		reason_set(job, path, strerror((int)-got));
		return (int)got;
	}
	netconf_interfaces(text, old, job->conf->name);
	error = change_write(job, "/etc/network/interfaces", text, PUBLIC_MODE);
	if (error)
		return error;
	text->used = 0;
	netconf_ifupdown(text, job->conf);
	(void)mkdir(
		lisd_path(job->network->env, path, "/etc/network/interfaces.d"),
		0755);
	snprintf(path, sizeof(path), "/etc/network/interfaces.d/lis-%s",
		 job->conf->name);
	error = change_write(job, path, text, PUBLIC_MODE);
	return error ? error : resolv_write(job);
}

static int ifupdown_apply(struct job *job, struct netconf_text *text)
{
	int error = change_check(job, "/etc/network/interfaces");

	if (!error)
		error = change_check(job, "/etc/network/interfaces.d/lis");
	if (error)
		return error;
	job->down = true;
	/* While its old stanza is there to be undone. */
	(void)program_run(job, RUNNER_IFDOWN, "ifdown");
	error = interfaces_write(job, text);
	return error ? error : program_run(job, RUNNER_IFUP, "ifup");
}

static int ifcfg_apply(struct job *job, struct netconf_text *text)
{
	char path[LISD_PATH_BYTES];
	int error;

	netconf_ifcfg(text, job->conf);
	snprintf(path, sizeof(path), "/etc/sysconfig/network-scripts/ifcfg-%s",
		 job->conf->name);
	error = change_check(job, path);
	if (error)
		return error;
	job->down = true;
	(void)program_run(job, RUNNER_IFDOWN, "ifdown");
	error = change_write(job, path, text, PUBLIC_MODE);
	return error ? error : program_run(job, RUNNER_IFUP, "ifup");
}

static int manager_apply(struct job *job)
{
	struct netconf_text text;

	text.used = 0;
	text.full = false;
	switch (job->manager) {
	case MANAGER_NETPLAN:
		return netplan_apply(job, &text);
	case MANAGER_NETWORKMANAGER:
		return keyfile_apply(job, &text);
	case MANAGER_NETWORKD:
		return networkd_file(job, &text);
	case MANAGER_IFCFG:
		return ifcfg_apply(job, &text);
	case MANAGER_IFUPDOWN:
		return ifupdown_apply(job, &text);
	case MANAGER_NONE:
	case MANAGER_COUNT:
		break;
	}
	reason_set(job, "no network manager",
		   "none of NetworkManager, systemd-networkd, netplan, "
		   "ifupdown owns it");
	return -ENOTSUP;
}

/* The files first: what is applied then is what was before. */
static void manager_undo(struct job *job)
{
	char reason[APPLY_REASON_BYTES], *kept = job->reason;

	job->reason = reason;
	job->until_ms = now_ms() + UNDO_LIMIT_MS;
	if (job->down)
		(void)program_run(job, RUNNER_IFDOWN, "ifdown");
	changes_undo(&job->changes);
	switch (job->manager) {
	case MANAGER_NETPLAN:
		(void)program_run(job, RUNNER_NETPLAN_GENERATE,
				  "netplan generate");
		(void)netplan_take(job);
		break;
	case MANAGER_NETWORKMANAGER:
		keyfile_undo(job);
		break;
	case MANAGER_NETWORKD:
		(void)networkd_apply(&job->network->bus, job->link->index);
		break;
	case MANAGER_IFCFG:
	case MANAGER_IFUPDOWN:
		if (job->down)
			(void)program_run(job, RUNNER_IFUP, "ifup");
		break;
	case MANAGER_NONE:
	case MANAGER_COUNT:
		break;
	}
	job->reason = kept;
}

static bool address_there(const struct net_state *net, u32 link_index,
			  const struct netconf_address *wanted)
{
	u32 i;

	for (i = 0; i < net->address_count; i++)
		if (net->addresses[i].index == link_index &&
		    net->addresses[i].family == wanted->family &&
		    net->addresses[i].prefix == wanted->prefix &&
		    !memcmp(net->addresses[i].bytes, wanted->bytes,
			    wanted->family == NET_IPV4 ? 4 : 16))
			return true;
	return false;
}

/* A manager's word is not enough: the kernel must have each address. */
static int verify(struct job *job)
{
	struct timespec pause = { .tv_nsec = LOOK_MS * (long)NS_PER_MS };
	char missing[APPLY_REASON_BYTES / 2];
	int left_ms, error;
	u32 i;

	for (left_ms = limit_ms(job, VERIFY_LIMIT_MS);; left_ms -= LOOK_MS) {
		error = netlink_read(&job->network->net);
		if (error) {
			reason_set(job, "netlink", strerror(-error));
			return error;
		}
		for (i = 0; i < job->conf->address_count; i++)
			if (!address_there(&job->network->net, job->link->index,
					   &job->conf->addresses[i]))
				break;
		if (i == job->conf->address_count)
			return 0;
		if (left_ms <= 0)
			break;
		nanosleep(&pause, NULL);
	}
	snprintf(missing, sizeof(missing), "did not give it %s/%u",
		 job->conf->addresses[i].text, job->conf->addresses[i].prefix);
	reason_set(job, manager_name(job->manager), missing);
	return -EREMOTEIO;
}

/* A distribution's own script, which does as it likes. */
static u32 hook_apply(struct job *job)
{
	struct netconf_text text;
	char path[LISD_PATH_BYTES], uuid[NETCONF_UUID_BYTES];
	int error;

	text.used = 0;
	text.full = false;
	netconf_ifcfg(&text, job->conf);
	snprintf(path, sizeof(path), RUNNER_HOOK_IFCFG, job->conf->name);
	error = change_write(job, path, &text, PUBLIC_MODE);
	if (!error) {
		text.used = 0;
		uuid_make(uuid, job->conf->name);
		netconf_keyfile(&text, job->conf, uuid);
		snprintf(path, sizeof(path), RUNNER_HOOK_KEYFILE,
			 job->conf->name);
		error = change_write(job, path, &text, PRIVATE_MODE);
	}
	if (!error)
		error = program_run(job, RUNNER_HOOK_SET, "hv_set_ifconfig");
	if (error)
		changes_undo(&job->changes);
	changes_keep(&job->changes);
	return network_status(error);
}

u32 network_apply(struct network *network, const struct netconf *conf,
		  char reason[APPLY_REASON_BYTES])
{
	struct net_link link;
	struct job job;
	const struct net_link *found;
	int error;

	memset(&job, 0, sizeof(job));
	job.network = network;
	job.conf = conf;
	job.reason = reason;
	job.until_ms = now_ms() + APPLY_LIMIT_MS;
	*reason = '\0';
	found = net_link_named(&network->net, conf->name);
	if (!found) {
		reason_set(&job, "no such interface", "it went");
		return HV_GUID_NOTFOUND;
	}
	/* The list that it stands in is read anew below. */
	link = *found;
	job.link = &link;
	if (*lisd_setting(network->env, "kvp.hooks", ""))
		return hook_apply(&job);
	job.manager = manager_find(network->env, &network->bus,
				   network->connected, &link);
	error = manager_apply(&job);
	if (!error)
		error = verify(&job);
	if (error && (job.down || job.changes.count))
		manager_undo(&job);
	changes_keep(&job.changes);
	return network_status(error);
}
