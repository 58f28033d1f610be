/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Preloaded into a daemon: its device is a descriptor that it was given. */
#define _GNU_SOURCE
/* With it the function below would have another name. */
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "bench/daemon_shim.h"

int open(const char *path, int flags, ...)
{
	int (*system_open)(const char *, int, ...) =
		(int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
	unsigned int mode = 0;
	va_list arguments;

	if (!strcmp(path, SHIM_DEVICE))
		return fcntl(SHIM_FD, F_DUPFD, 0);
	va_start(arguments, flags);
	if (flags & O_CREAT)
		mode = va_arg(arguments, unsigned int);
	va_end(arguments);
	return system_open(path, flags, mode);
}
