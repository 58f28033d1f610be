// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* A small file as text. */
#define _GNU_SOURCE
#include "guest/common/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

ssize_t text_file_read(int folder, const char *path, char *text,
		       size_t capacity_bytes)
{
	int fd = openat(folder, path,
			O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t filled = 0;
	ssize_t got;

	text[0] = '\0';
	if (fd < 0)
		return -errno;
	do {
		got = read(fd, text + filled, capacity_bytes - filled);
		if (got > 0)
			filled += (size_t)got;
	} while (filled < capacity_bytes &&
		 (got > 0 || (got < 0 && errno == EINTR)));
	if (got < 0)
		got = -errno;
	else
		got = filled == capacity_bytes ? -EFBIG : (ssize_t)filled;
	close(fd);
	if (got == -EFBIG)
		filled--;
	else if (got < 0)
		filled = 0;
	text[filled] = '\0';
	return got;
}
