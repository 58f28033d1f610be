/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Preloaded into a daemon: its device is a descriptor that it was given. */
#define _GNU_SOURCE
/* With it the functions below would have other names. */
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "bench/daemon_shim.h"

static int device = -1;

int open(const char *path, int flags, ...)
{
	int (*system_open)(const char *, int, ...) =
		(int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
	unsigned int mode = 0;
	va_list arguments;

	if (!strncmp(path, SHIM_DEVICES, strlen(SHIM_DEVICES))) {
		device = fcntl(SHIM_FD, F_DUPFD, 0);
		return device;
	}
	va_start(arguments, flags);
	if (flags & O_CREAT)
		mode = va_arg(arguments, unsigned int);
	va_end(arguments);
	return system_open(path, flags, mode);
}

/* A device takes an offset and does not look at it; a socket takes none. */
ssize_t pread(int fd, void *data, size_t bytes, off_t offset)
{
	static ssize_t (*system_pread)(int, void *, size_t, off_t);

	if (fd == device)
		return read(fd, data, bytes);
	if (!system_pread)
		system_pread = (ssize_t(*)(int, void *, size_t, off_t))dlsym(
			RTLD_NEXT, "pread");
	return system_pread(fd, data, bytes, offset);
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset)
{
	static ssize_t (*system_pwrite)(int, const void *, size_t, off_t);

	if (fd == device)
		return write(fd, data, bytes);
	if (!system_pwrite)
		system_pwrite = (ssize_t(*)(int, const void *, size_t,
					    off_t))dlsym(RTLD_NEXT, "pwrite");
	return system_pwrite(fd, data, bytes, offset);
}
