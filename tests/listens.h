/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * listens.h - whether the server that a test started can be reached. Not here:
 * starting it.
 */
#ifndef TESTS_LISTENS_H
#define TESTS_LISTENS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Whether somebody listens at a socket: it has its name before that. */
static inline bool listens(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool does;

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	does = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	close(fd);
	return does;
}

#endif
