/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Whether the file that we locked is still the one at the path: its last
 * holder unlinks it on the way out. */
static bool lock_is_current(int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && stat(path, &there) == 0 &&
	       ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

static void lock_write_pid(int fd)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "%d\n", getpid());

	/* Only for the message to whoever finds the name taken. */
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)length, 0) < 0)
		return;
}

static int lock_refused(int fd, const char *name, struct lis_error *error)
{
	char text[32] = "";
	long pid = 0;

	if (pread(fd, text, sizeof(text) - 1, 0) > 0)
		pid = strtol(text, NULL, 10);
	return lis_error_set(error, EEXIST,
			     "a VM named '%s' is already running (process "
			     "%ld): choose another --name, or stop it with "
			     "'lis stop %s'",
			     name, pid, name);
}

static int lock_take(struct instance *instance, const char *name,
		     struct lis_error *error)
{
	for (;;) {
		int fd = open(instance->lock_path,
			      O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return lis_error_set(
				error, errno, "cannot open the lock %s: %s",
				instance->lock_path, strerror(errno));
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			int code = errno == EWOULDBLOCK
					   ? lock_refused(fd, name, error)
					   : lis_error_set(error, errno,
							   "cannot lock %s: %s",
							   instance->lock_path,
							   strerror(errno));

			close(fd);
			return code;
		}
		if (lock_is_current(fd, instance->lock_path)) {
			lock_write_pid(fd);
			instance->lock_fd = fd;
			return 0;
		}
		close(fd);
	}
}

static int socket_listen(struct instance *instance, struct lis_error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, code;

	if (strlen(instance->socket_path) >= sizeof(address.sun_path))
		return lis_error_set(error, ENAMETOOLONG,
				     "the socket's path %s is longer than "
				     "the %zu bytes that a Unix socket "
				     "takes: set LIS_RUNTIME_DIR to a "
				     "shorter folder",
				     instance->socket_path,
				     sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, instance->socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return lis_error_set(error, errno,
				     "cannot make a Unix socket: %s",
				     strerror(errno));
	/* We hold the name's lock: a socket found here is a dead one's. */
	unlink(instance->socket_path);
	mask = umask(0177);
	code = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (code < 0 || listen(fd, 16) < 0) {
		code = errno;
		close(fd);
		return lis_error_set(error, code, "cannot listen on %s: %s",
				     instance->socket_path, strerror(code));
	}
	instance->listen_fd = fd;
	return 0;
}

static int lock_and_listen(struct instance *instance, const char *name,
			   struct lis_error *error)
{
	int code = lock_take(instance, name, error);

	if (code)
		return code;
	code = socket_listen(instance, error);
	if (code)
		unlink(instance->lock_path);
	return code;
}

int instance_take(struct instance *instance, const char *directory,
		  const char *name, struct lis_error *error)
{
	int code;

	*instance = (struct instance){ .lock_fd = -1, .listen_fd = -1 };
	if (asprintf(&instance->lock_path, "%s/%s.lock", directory, name) < 0)
		instance->lock_path = NULL;
	if (asprintf(&instance->socket_path, "%s/%s.sock", directory, name) < 0)
		instance->socket_path = NULL;
	if (!instance->lock_path || !instance->socket_path)
		code = lis_error_set(error, ENOMEM, "out of memory");
	else
		code = lock_and_listen(instance, name, error);
	if (code) {
		if (instance->lock_fd >= 0)
			close(instance->lock_fd);
		free(instance->lock_path);
		free(instance->socket_path);
	}
	return code;
}

void instance_release(struct instance *instance)
{
	unlink(instance->socket_path);
	unlink(instance->lock_path);
	if (instance->listen_fd >= 0)
		close(instance->listen_fd);
	close(instance->lock_fd);
	free(instance->lock_path);
	free(instance->socket_path);
}
