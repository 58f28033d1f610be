/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/kvp/osinfo.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "guest/lisd/file.h"
#include "guest/lisd/log.h"

#define TEXT_BYTES 16384

enum item {
	ITEM_NAME,
	ITEM_IC_VERSION,
	ITEM_IPV4,
	ITEM_IPV6,
	ITEM_BUILD,
	ITEM_OS,
	ITEM_MAJOR,
	ITEM_MINOR,
	ITEM_VERSION,
	ITEM_PROCESSOR,
	ITEM_COUNT
};

static const char *const keys[] = {
	[ITEM_NAME] = "FullyQualifiedDomainName",
	[ITEM_IC_VERSION] = "IntegrationServicesVersion",
	[ITEM_IPV4] = "NetworkAddressIPv4",
	[ITEM_IPV6] = "NetworkAddressIPv6",
	[ITEM_BUILD] = "OSBuildNumber",
	[ITEM_OS] = "OSName",
	[ITEM_MAJOR] = "OSMajorVersion",
	[ITEM_MINOR] = "OSMinorVersion",
	[ITEM_VERSION] = "OSVersion",
	[ITEM_PROCESSOR] = "ProcessorArchitecture",
};

int osinfo_index(const char *key)
{
	int i;

	for (i = 0; i < ITEM_COUNT; i++)
		if (!strcmp(keys[i], key))
			return i;
	return -1;
}

static const char *line_end(const char *line)
{
	return line + strcspn(line, "\n");
}

/* A shell-like value: quotes of either kind, backslashes within them. */
static void value_unquote(const char *from, const char *to, char *value,
			  size_t bytes)
{
	char quote = 0;
	size_t used = 0;

	while (to > from && strchr(" \t\r", to[-1]))
		to--;
	if (from < to && (*from == '"' || *from == '\''))
		quote = *from++;
	for (; from < to && *from != quote; from++) {
		if (*from == '\\' && quote != '\'' && from + 1 < to)
			from++;
		if (used + 1 == bytes) {
			used = 0;
			break;
		}
		value[used++] = *from;
	}
	value[used] = '\0';
}

void osinfo_release(const char *text, const char *field, char *value,
		    size_t bytes)
{
	size_t length = strlen(field);
	const char *line = text;

	*value = '\0';
	while (*line) {
		const char *end = line_end(line);

		/* Of several, the last counts, as for a shell. */
		if (!strncmp(line, field, length) && line[length] == '=')
			value_unquote(line + length + 1, end, value, bytes);
		line = *end ? end + 1 : end;
	}
}

/* The next word of a line, or NULL; a comment ends it. */
static const char *word_next(const char *at, const char *end, size_t *length)
{
	while (at < end && strchr(" \t\r", *at))
		at++;
	if (at == end || *at == '#')
		return NULL;
	*length = 0;
	while (at + *length < end && !strchr(" \t\r#", at[*length]))
		(*length)++;
	return at;
}

static bool hosts_line(const char *line, const char *end, const char *name,
		       char *full, size_t bytes)
{
	const char *word, *best = NULL;
	size_t length, best_length = 0;
	bool ours = false;

	word = word_next(line, end, &length); /* the address */
	while (word && (word = word_next(word + length, end, &length))) {
		if (length == strlen(name) && !memcmp(word, name, length))
			ours = true;
		if (!best && memchr(word, '.', length)) {
			best = word;
			best_length = length;
		}
	}
	if (!ours || !best || best_length >= bytes)
		return false;
	memcpy(full, best, best_length);
	full[best_length] = '\0';
	return true;
}

bool osinfo_hosts_name(const char *text, const char *name, char *full,
		       size_t bytes)
{
	const char *line = text;

	while (*line) {
		const char *end = line_end(line);

		if (hosts_line(line, end, name, full, bytes))
			return true;
		line = *end ? end + 1 : end;
	}
	return false;
}

/* A part of a hostile file may be cut: it is text, whatever it is. */
static const char *text_read(const struct lisd_env *env, const char *path,
			     char text[TEXT_BYTES])
{
	char full[LISD_PATH_BYTES];

	if (file_read(lisd_path(env, full, path), text, TEXT_BYTES) < 0)
		*text = '\0';
	return text;
}

/* The name as it is now; never an error's words. */
static void name_read(const struct lisd_env *env, char *value, size_t bytes)
{
	char text[TEXT_BYTES];
	struct utsname self;

	if (uname(&self))
		return;
	snprintf(value, bytes, "%s", self.nodename);
	if (!strchr(self.nodename, '.'))
		(void)osinfo_hosts_name(text_read(env, "/etc/hosts", text),
					self.nodename, value, bytes);
}

static void release_read(const struct lisd_env *env, const char *field,
			 char *value, size_t bytes)
{
	char text[TEXT_BYTES];

	osinfo_release(text_read(env, "/etc/os-release", text), field, value,
		       bytes);
	if (!*value)
		osinfo_release(text_read(env, "/usr/lib/os-release", text),
			       field, value, bytes);
}

static void version_read(const struct lisd_env *env, bool minor, char *value,
			 size_t bytes)
{
	char version[128], *stop;

	release_read(env, "VERSION_ID", version, sizeof(version));
	stop = strchr(version, '.');
	if (stop)
		*stop++ = '\0';
	snprintf(value, bytes, "%s", !minor ? version : stop ? stop : "");
}

void osinfo_addresses(const struct net_state *net, enum net_family family,
		      char *value, size_t bytes)
{
	char text[INET6_ADDRSTRLEN];
	size_t used = 0, length;
	u32 i;

	*value = '\0';
	for (i = 0; i < net->address_count; i++) {
		const struct net_address *address = &net->addresses[i];
		const struct net_link *link = net_link_at(net, address->index);

		if (address->family != family || !link || !link->up ||
		    link->loopback || link->slave)
			continue;
		inet_ntop(family == NET_IPV4 ? AF_INET : AF_INET6,
			  address->bytes, text, sizeof(text));
		length = strlen(text);
		if (used + length + 2 > bytes)
			return;
		if (used)
			value[used++] = ';';
		memcpy(value + used, text, length + 1);
		used += length;
	}
}

static void addresses_read(enum net_family family, char *value)
{
	struct net_state net;
	int error = netlink_read(&net);

	if (error)
		log_warning("cannot read the addresses: %s", strerror(-error));
	else
		osinfo_addresses(&net, family, value, OSINFO_VALUE_BYTES);
}

const char *osinfo_item(const struct lisd_env *env, u32 index,
			const char *ic_version, char *value)
{
	struct utsname self;

	*value = '\0';
	if (index >= ITEM_COUNT || uname(&self))
		return NULL;
	switch ((enum item)index) {
	case ITEM_NAME:
		name_read(env, value, OSINFO_VALUE_BYTES);
		break;
	case ITEM_IC_VERSION:
		snprintf(value, OSINFO_VALUE_BYTES, "%s", ic_version);
		break;
	case ITEM_IPV4:
		addresses_read(NET_IPV4, value);
		break;
	case ITEM_IPV6:
		addresses_read(NET_IPV6, value);
		break;
	case ITEM_BUILD:
		snprintf(value, OSINFO_VALUE_BYTES, "%s", self.release);
		break;
	case ITEM_OS:
		release_read(env, "NAME", value, OSINFO_VALUE_BYTES);
		if (!*value)
			snprintf(value, OSINFO_VALUE_BYTES, "%s", self.sysname);
		break;
	case ITEM_MAJOR:
	case ITEM_MINOR:
		version_read(env, index == ITEM_MINOR, value,
			     OSINFO_VALUE_BYTES);
		break;
	case ITEM_VERSION:
		self.release[strcspn(self.release, "-")] = '\0';
		snprintf(value, OSINFO_VALUE_BYTES, "%s", self.release);
		break;
	case ITEM_PROCESSOR:
		snprintf(value, OSINFO_VALUE_BYTES, "%s", self.machine);
		break;
	case ITEM_COUNT:
		return NULL;
	}
	return keys[index];
}
