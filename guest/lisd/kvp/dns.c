/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/kvp/dns.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/lisd/file.h"
#include "guest/lisd/kvp/manager.h"

#define TEXT_BYTES   16384
#define SERVER_BYTES 64
#define STUB	     "127.0.0.53"

static void list_add(char *list, size_t bytes, const char *text)
{
	size_t used = strlen(list), length = strlen(text);

	if (used + length + 2 > bytes)
		return;
	if (used)
		list[used++] = ';';
	memcpy(list + used, text, length + 1);
}

static void list_add_bytes(char *list, size_t bytes, const u8 *address,
			   u32 size)
{
	char text[INET6_ADDRSTRLEN];

	if (size != 4 && size != 16)
		return;
	inet_ntop(size == 4 ? AF_INET : AF_INET6, address, text, sizeof(text));
	list_add(list, bytes, text);
}

bool dns_resolved(struct dbus_reader *reader, u32 link_index, char *list,
		  size_t bytes)
{
	u32 end = dbus_get_array(reader, 8), index, size;
	const u8 *address;

	while (!reader->bad && reader->at < end) {
		dbus_get_align(reader, 8);
		index = dbus_get_u32(reader);
		(void)dbus_get_u32(reader); /* AF_INET or AF_INET6 */
		address = dbus_get_bytes(reader, &size);
		/* 0: for all links. */
		if (address && (!index || index == link_index))
			list_add_bytes(list, bytes, address, size);
	}
	return !reader->bad;
}

bool dns_manager4(struct dbus_reader *reader, char *list, size_t bytes)
{
	u32 end = dbus_get_array(reader, 4), address;

	while (!reader->bad && reader->at < end) {
		/* In network byte order already. */
		address = dbus_get_u32(reader);
		if (!reader->bad)
			list_add_bytes(list, bytes, (const u8 *)&address,
				       sizeof(address));
	}
	return !reader->bad;
}

bool dns_manager6(struct dbus_reader *reader, char *list, size_t bytes)
{
	u32 end = dbus_get_array(reader, 4), size;
	const u8 *address;

	while (!reader->bad && reader->at < end) {
		address = dbus_get_bytes(reader, &size);
		if (address && size == 16)
			list_add_bytes(list, bytes, address, size);
	}
	return !reader->bad;
}

static bool resolved_servers(struct dbus *bus, const struct net_link *link,
			     char *list, size_t bytes)
{
	struct dbus_reader reply;

	return !dbus_property(bus, "org.freedesktop.resolve1",
			      "/org/freedesktop/resolve1",
			      "org.freedesktop.resolve1.Manager", "DNS",
			      "a(iiay)", &reply) &&
	       dns_resolved(&reply, link->index, list, bytes);
}

static void manager_servers(struct dbus *bus, const struct net_link *link,
			    char *list, size_t bytes)
{
	char device[DBUS_NAME_BYTES], config[DBUS_NAME_BYTES];
	struct dbus_reader reply;

	if (manager_device(bus, link->name, device))
		return;
	if (!manager_object(bus, device, "Ip4Config", config) &&
	    !dbus_property(bus, MANAGER_SERVICE, config,
			   MANAGER_SERVICE ".IP4Config", "Nameservers", "au",
			   &reply))
		(void)dns_manager4(&reply, list, bytes);
	if (!manager_object(bus, device, "Ip6Config", config) &&
	    !dbus_property(bus, MANAGER_SERVICE, config,
			   MANAGER_SERVICE ".IP6Config", "Nameservers", "aay",
			   &reply))
		(void)dns_manager6(&reply, list, bytes);
}

void dns_resolv(const char *text, char *list, size_t bytes)
{
	char server[SERVER_BYTES];
	const char *line = text;
	u8 address[16];

	*list = '\0';
	while (*line) {
		/* One line may not run into the next. */
		size_t length = strcspn(line, "\n");

		if (!strncmp(line, "nameserver", 10) &&
		    strchr(" \t", line[10]) && length < 256) {
			const char *at = line + 10 + strspn(line + 10, " \t");
			size_t word = strcspn(at, " \t\r\n#;%");

			if (word && word < sizeof(server)) {
				memcpy(server, at, word);
				server[word] = '\0';
				if (inet_pton(AF_INET, server, address) == 1 ||
				    inet_pton(AF_INET6, server, address) == 1)
					list_add(list, bytes, server);
			}
		}
		line += length;
		line += *line == '\n';
	}
}

static void file_servers(const struct lisd_env *env, char *list, size_t bytes)
{
	char text[TEXT_BYTES];
	char path[LISD_PATH_BYTES];

	*list = '\0';
	if (file_read(lisd_path(env, path, "/etc/resolv.conf"), text,
		      sizeof(text)) > 0)
		dns_resolv(text, list, bytes);
	/* The stub is of no use to anyone else: who stands behind it? */
	if (!strcmp(list, STUB) &&
	    file_read(lisd_path(env, path, "/run/systemd/resolve/resolv.conf"),
		      text, sizeof(text)) > 0)
		dns_resolv(text, list, bytes);
}

void dns_servers(const struct lisd_env *env, struct dbus *bus, bool connected,
		 const struct net_link *link, char *list, size_t bytes)
{
	*list = '\0';
	if (connected && resolved_servers(bus, link, list, bytes) && *list)
		return;
	*list = '\0';
	if (connected)
		manager_servers(bus, link, list, bytes);
	if (!*list)
		file_servers(env, list, bytes);
}

/* The word at @at, whose end is set, or NULL at the end of the line. */
static const char *word_at(const char *at, const char **end)
{
	at += strspn(at, " \t");
	*end = at + strcspn(at, " \t\r\n");
	return *end > at ? at : NULL;
}

static bool word_equal(const char *word, const char *end, const char *text)
{
	return word && (size_t)(end - word) == strlen(text) &&
	       !memcmp(word, text, strlen(text));
}

bool dhcp_interfaces(const char *text, const char *name)
{
	const char *line = text, *end, *word;

	while (*line) {
		word = word_at(line, &end);
		if (word_equal(word, end, "iface")) {
			word = word_at(end, &end);
			if (word_equal(word, end, name)) {
				word = word_at(end, &end);
				if (word_equal(word, end, "inet") &&
				    (word = word_at(end, &end)) &&
				    word_equal(word, end, "dhcp"))
					return true;
			}
		}
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return false;
}

static bool lifetime_says(const struct net_state *net,
			  const struct net_link *link, bool *any)
{
	u32 i;

	*any = false;
	for (i = 0; i < net->address_count; i++) {
		if (net->addresses[i].index != link->index ||
		    net->addresses[i].family != NET_IPV4 ||
		    net->addresses[i].link_local)
			continue;
		*any = true;
		if (net->addresses[i].dynamic)
			return true;
	}
	return false;
}

static bool file_says(const struct lisd_env *env, const struct net_link *link)
{
	char text[TEXT_BYTES];
	char path[LISD_PATH_BYTES], name[LISD_PATH_BYTES / 2];

	snprintf(name, sizeof(name), "/run/systemd/netif/leases/%u",
		 link->index);
	if (!access(lisd_path(env, path, name), F_OK))
		return true;
	if (file_read(lisd_path(env, path, "/etc/network/interfaces"), text,
		      sizeof(text)) > 0 &&
	    dhcp_interfaces(text, link->name))
		return true;
	snprintf(name, sizeof(name), "/etc/network/interfaces.d/lis-%s",
		 link->name);
	return file_read(lisd_path(env, path, name), text, sizeof(text)) > 0 &&
	       dhcp_interfaces(text, link->name);
}

bool dhcp_enabled(const struct lisd_env *env, struct dbus *bus, bool connected,
		  const struct net_state *net, const struct net_link *link)
{
	char device[DBUS_NAME_BYTES], config[DBUS_NAME_BYTES];
	bool any;

	if (lifetime_says(net, link, &any))
		return true;
	if (connected && !manager_device(bus, link->name, device) &&
	    !manager_object(bus, device, "Dhcp4Config", config))
		return true;
	return file_says(env, link);
}
