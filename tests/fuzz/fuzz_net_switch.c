/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A port of the private switch, whose peer is not one of ours: datagrams of any
 * content, in any order.
 */
#define _GNU_SOURCE
#include "bytes.h"

#include <dirent.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/backend/net/offload.h"
#include "host/backend/net/port.h"

#define PEER_LOST (-1)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static char folder[] = "/tmp/lis-fuzz-XXXXXX";
static struct net_port *port;
static struct net_queue *queue;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static int peer = PEER_LOST;

static void port_end(void)
{
	net_queue_close(queue);
	net_port_close(port);
	rmdir(folder);
}

/* The one socket in the switch's folder. */
static void address_find(void)
{
	struct dirent *entry;
	char path[64];
	DIR *list;

	snprintf(path, sizeof(path), "%s/fuzz.switch", folder);
	list = opendir(path);
	require(list != NULL, "no folder");
	while ((entry = readdir(list))) {
		if (entry->d_name[0] != '.')
			snprintf(address.sun_path, sizeof(address.sun_path),
				 "%s/%.40s", path, entry->d_name);
	}
	closedir(list);
}

static void port_begin(void)
{
	struct net_options options = { .kind = NET_SWITCH,
				       .name = "fuzz",
				       .folder = folder };
	struct lis_error error = { "" };

	require(mkdtemp(folder) != NULL, "no folder");
	require(net_port_open(&port, &options, &error) == 0, error.text);
	require(net_queue_open(&queue, port, 0, &error) == 0, error.text);
	address_find();
	atexit(port_end);
}

static void peer_begin(void)
{
	peer = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	require(connect(peer, (void *)&address, sizeof(address)) == 0,
		"no connection");
	net_port_news(port);
}

static void settings(struct bytes *input)
{
	struct network_vlan vlan = { .mode = (u8)bytes_below(input, 3) };

	vlan.id = (u16)bytes_below(input, 4);
	vlan.allowed[0] = bytes_u32(input);
	net_port_vlan_set(port, &vlan);
	net_port_takes_set(port, bytes_u8(input));
}

/* What the reader is told of a frame is true of it. */
static bool is_true(struct network_vnet vnet, const u8 *frame, u32 bytes)
{
	return offload_check(
		&vnet, frame,
		bytes < NETWORK_HEAD_BYTES ? bytes : NETWORK_HEAD_BYTES, bytes);
}

static void frames_read(u32 room)
{
	u8 *frame = malloc(room);
	struct iovec piece = { frame, room };
	struct network_vnet vnet;
	ssize_t ret;

	while ((ret = net_queue_receive(queue, &vnet, &piece, 1)) != -EAGAIN) {
		require(ret >= 0, "the port is gone");
		require((size_t)ret <= room, "more than there is room for");
		if (ret == 0)
			continue;
		require(is_true(vnet, frame, (u32)ret), "a lie was handed up");
	}
	free(frame);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct bytes input = { data, size };
	static u8 datagram[65536];
	u32 room;

	if (!port)
		port_begin();
	settings(&input);
	room = 1 + bytes_u32(&input) % NETWORK_FRAME_MAX_BYTES;
	while (input.left) {
		u32 bytes = bytes_u8(&input);

		bytes = bytes < 128 ? bytes : (bytes - 127) * 16;
		bytes_take(&input, datagram, bytes);
		if (peer == PEER_LOST)
			peer_begin();
		if (send(peer, datagram, bytes, MSG_NOSIGNAL) < 0) {
			close(peer);
			peer = PEER_LOST;
		}
		frames_read(room);
	}
	return 0;
}
