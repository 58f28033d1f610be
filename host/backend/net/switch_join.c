/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Who is on a switch: the folder, the sockets in it, coming and going. */
#define _GNU_SOURCE
#include "host/backend/net/switch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX	     ".switch"
#define SNDBUF_BYTES (4 << 20)
#define BACKLOG	     128
/* Who holds the lock only makes a few system calls. */
#define LOCK_TRIES    500
#define LOCK_PAUSE_NS 10000000l

/* ---- peers ---- */

/* The port is locked for writing. Returns false when there are too many. */
static bool peer_add(struct switch_port *port, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int bytes = SNDBUF_BYTES;

	for (u32 i = 0; i < SWITCH_PEERS_MAX; i++) {
		struct switch_peer *peer = &port->peers[i];

		if (peer->number)
			continue;
		event.data.u64 = ++port->turns * SWITCH_PEERS_MAX + i;
		if (epoll_ctl(port->readable, EPOLL_CTL_ADD, fd, &event) < 0)
			return false;
		/* More than users may have is root's; less is good enough. */
		if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes,
			       sizeof(bytes)) < 0)
			setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes,
				   sizeof(bytes));
		*peer = (struct switch_peer){ .fd = fd,
					      .number = event.data.u64,
					      .patience_ns =
						      SWITCH_PATIENCE_NS };
		return true;
	}
	return false;
}

void switch_peer_remove(struct switch_port *port, u64 number)
{
	struct switch_peer *peer = &port->peers[number % SWITCH_PEERS_MAX];

	pthread_rwlock_wrlock(&port->lock);
	if (number && peer->number == number) {
		close(peer->fd);
		peer->number = 0;
	}
	pthread_rwlock_unlock(&port->lock);
	pthread_mutex_lock(&port->table_lock);
	net_table_forget(&port->table, number);
	pthread_mutex_unlock(&port->table_lock);
}

/* Whether a peer's process has ended, or has left the switch. */
static bool peer_is_gone(const struct switch_peer *peer)
{
	struct pollfd hung = { .fd = peer->fd, .events = POLLRDHUP };

	return peer->number && poll(&hung, 1, 0) > 0;
}

/*
 * Who is gone is noticed by reading, but nobody reads while the guest has no
 * driver. Only this thread adds peers.
 */
static void peers_look(struct switch_port *port)
{
	for (u32 i = 0; i < SWITCH_PEERS_MAX; i++) {
		bool gone;
		u64 number;

		pthread_rwlock_rdlock(&port->lock);
		gone = peer_is_gone(&port->peers[i]);
		number = port->peers[i].number;
		pthread_rwlock_unlock(&port->lock);
		if (gone)
			switch_peer_remove(port, number);
	}
}

static bool is_ours(int fd)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 &&
	       peer.uid == geteuid();
}

void switch_accept(struct switch_port *port)
{
	peers_look(port);
	while (true) {
		int fd = accept4(port->listener, NULL, NULL,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);
		bool added = false;

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			return;
		if (is_ours(fd)) {
			pthread_rwlock_wrlock(&port->lock);
			added = peer_add(port, fd);
			pthread_rwlock_unlock(&port->lock);
		}
		if (!added)
			close(fd);
	}
}

/* ---- coming ---- */

static int folder_error(const struct switch_port *port, int code,
			struct lis_error *err)
{
	return lis_error_set(err, code, "cannot use the switch's folder %s: %s",
			     port->folder, strerror(code));
}

/* Opens the folder, which is made when it is not there. */
static int folder_open(const struct switch_port *port, struct lis_error *err)
{
	struct stat status;
	int fd;

	if (mkdir(port->folder, 0700) < 0 && errno != EEXIST)
		return folder_error(port, errno, err);
	fd = open(port->folder,
		  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return folder_error(port, errno, err);
	if (fstat(fd, &status) == 0 && status.st_uid == geteuid() &&
	    !(status.st_mode & 077))
		return fd;
	close(fd);
	return lis_error_set(err, EPERM,
			     "the switch's folder %s is not yours alone; run "
			     "chmod 700 on it or remove it",
			     port->folder);
}

/* Who has the lock is the only one that comes or goes. */
static int folder_lock(const struct switch_port *port, int fd,
		       struct lis_error *err)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };

	for (u32 i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return folder_error(port, errno, err);
		nanosleep(&pause, NULL);
	}
	return lis_error_set(err, EBUSY,
			     "another VM has been joining the switch in %s for "
			     "too long",
			     port->folder);
}

/* The folder, locked. One that was removed meanwhile is made again. */
static int folder_take(const struct switch_port *port, struct lis_error *err)
{
	struct stat status;

	while (true) {
		int fd = folder_open(port, err), ret;

		if (fd < 0)
			return fd;
		ret = folder_lock(port, fd, err);
		if (ret == 0 && fstat(fd, &status) == 0 && status.st_nlink)
			return fd;
		close(fd);
		if (ret < 0)
			return ret;
	}
}

static int socket_make(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		      0);
}

/* A path of the folder as an address; false: it is too long. */
static bool address_make(const struct switch_port *port, const char *name,
			 struct sockaddr_un *address)
{
	int bytes;

	address->sun_family = AF_UNIX;
	bytes = snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s",
			 port->folder, name);
	return bytes > 0 && (size_t)bytes < sizeof(address->sun_path);
}

/* Connects to the port of that name; one that is dead is removed. */
static int peer_join(struct switch_port *port, const char *name,
		     struct lis_error *err)
{
	struct sockaddr_un address;
	bool added = false;
	int fd;

	if (name[0] == '.' || !address_make(port, name, &address))
		return 0;
	fd = socket_make();
	if (fd < 0)
		return folder_error(port, errno, err);
	if (connect(fd, (void *)&address, sizeof(address)) == 0) {
		pthread_rwlock_wrlock(&port->lock);
		added = peer_add(port, fd);
		pthread_rwlock_unlock(&port->lock);
		if (added)
			return 0;
		close(fd);
		return lis_error_set(err, ENOSPC,
				     "the switch in %s has %u ports already",
				     port->folder, SWITCH_PEERS_MAX + 1);
	}
	if (errno == ECONNREFUSED)
		unlink(address.sun_path);
	/* Another one, which does not take anybody in, is left alone. */
	close(fd);
	return 0;
}

static int peers_join(struct switch_port *port, int folder,
		      struct lis_error *err)
{
	int copy = fcntl(folder, F_DUPFD_CLOEXEC, 0), ret = 0;
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!list) {
		ret = folder_error(port, errno, err);
		if (copy >= 0)
			close(copy);
		return ret;
	}
	while (ret == 0 && (entry = readdir(list)))
		ret = peer_join(port, entry->d_name, err);
	closedir(list);
	return ret;
}

/* From here on others find us. */
static int listener_make(struct switch_port *port, struct lis_error *err)
{
	static u32 ports;
	char name[32];

	snprintf(name, sizeof(name), "%d-%u", (int)getpid(),
		 __atomic_fetch_add(&ports, 1, __ATOMIC_RELAXED));
	if (!address_make(port, name, &port->address)) {
		memset(&port->address, 0, sizeof(port->address));
		return folder_error(port, ENAMETOOLONG, err);
	}
	port->listener = socket_make();
	if (port->listener < 0 || bind(port->listener, (void *)&port->address,
				       sizeof(port->address)) < 0) {
		memset(&port->address, 0, sizeof(port->address));
		return folder_error(port, errno, err);
	}
	if (listen(port->listener, BACKLOG) < 0)
		return folder_error(port, errno, err);
	return net_port_news_add(&port->port, port->listener, err);
}

int switch_join(struct switch_port *port, const char *folder,
		struct lis_error *err)
{
	int bytes = snprintf(port->folder, sizeof(port->folder), "%s/%s" SUFFIX,
			     folder, port->port.info.name);
	int locked, ret;

	if (bytes < 0 || (size_t)bytes >= sizeof(port->folder))
		return lis_error_set(err, ENAMETOOLONG,
				     "the path of the switch's folder is too "
				     "long: %.100s",
				     folder);
	locked = folder_take(port, err);
	if (locked < 0)
		return locked;
	ret = peers_join(port, locked, err);
	if (ret == 0)
		ret = listener_make(port, err);
	close(locked);
	return ret;
}

/* ---- going ---- */

void switch_leave(struct switch_port *port)
{
	int folder;

	for (u32 i = 0; i < SWITCH_PEERS_MAX; i++) {
		if (port->peers[i].number)
			switch_peer_remove(port, port->peers[i].number);
	}
	if (port->listener >= 0)
		close(port->listener);
	if (!port->address.sun_path[0])
		return;
	unlink(port->address.sun_path);
	/* Whoever comes at this moment has the lock, and the folder stays. */
	folder = open(port->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return;
	if (flock(folder, LOCK_EX | LOCK_NB) == 0)
		rmdir(port->folder);
	close(folder);
}
