/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/kvp/change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/lisd/file.h"
#include "guest/lisd/kvp/netconf.h"
#include "guest/lisd/log.h"

int change_allowed(const char *path)
{
	char folder[LISD_PATH_BYTES], *slash;

	if (!text_copy(folder, sizeof(folder), path))
		return -ENAMETOOLONG;
	while ((slash = strrchr(folder, '/')) && slash != folder) {
		*slash = '\0';
		if (!access(folder, W_OK))
			return 0;
		if (errno != ENOENT)
			return -errno;
	}
	return -ENOENT;
}

/* Remembers a file as it is. Returns 0 or -errno. */
static int remember(struct changes *changes, const char *path)
{
	struct change *change = &changes->list[changes->count];
	char text[NETCONF_FILE_BYTES];
	struct stat status;
	ssize_t got;

	if (changes->count == CHANGES_MAX)
		return -ENOSPC;
	memset(change, 0, sizeof(*change));
	snprintf(change->path, sizeof(change->path), "%s", path);
	got = file_read(path, text, sizeof(text));
	if (got < 0 && got != -ENOENT)
		return (int)got;
	if (got >= 0) {
		change->old = malloc((size_t)got + 1);
		if (!change->old || stat(path, &status)) {
			free(change->old);
			return -ENOMEM;
		}
		memcpy(change->old, text, (size_t)got + 1);
		change->existed = true;
		change->bytes = (size_t)got;
		change->mode = status.st_mode & 07777;
	}
	changes->count++;
	return 0;
}

int change_file(struct changes *changes, const char *path, const void *data,
		size_t bytes, mode_t mode)
{
	int error = remember(changes, path);

	if (error)
		return error;
	error = file_replace(path, data, bytes, mode);
	/* It is as it was. */
	if (error)
		free(changes->list[--changes->count].old);
	return error;
}

void changes_undo(struct changes *changes)
{
	while (changes->count) {
		struct change *change = &changes->list[--changes->count];
		int error = 0;

		if (change->existed)
			error = file_replace(change->path, change->old,
					     change->bytes, change->mode);
		else if (unlink(change->path) && errno != ENOENT)
			error = -errno;
		if (error)
			log_error("%s: cannot be put back: %s", change->path,
				  strerror(-error));
		free(change->old);
	}
}

void changes_keep(struct changes *changes)
{
	while (changes->count)
		free(changes->list[--changes->count].old);
}
