/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * file.h - small files, read whole and replaced whole.
 *
 * Here: reading with a limit, and writing that leaves either the old file or
 * the new one, whatever happens. Not here: what is in them.
 */
#ifndef GUEST_LISD_FILE_H
#define GUEST_LISD_FILE_H

#include <sys/types.h>
#include <sys/uio.h>

#include "vmbus/port.h"

/*
 * file_read - text_file_read() of a whole path: up to @capacity_bytes - 1 bytes
 * and a NUL. Returns the bytes without the NUL, or -errno; -EFBIG when it is
 * larger.
 */
ssize_t file_read(const char *path, char *text, size_t capacity_bytes);

/* text_copy - copy a text if it fits with its NUL: false, and "", if not. */
bool text_copy(char *out, size_t room, const char *text);

/* A file that is being written beside the one that it will replace. */
struct file_new {
	int fd;
	char path[512]; /* that it will have */
	char name[520]; /* that it has now */
};

/*
 * file_begin - make an empty file "PATH.lisd~" beside @path.
 * @mode: its permissions, whatever the umask
 * Returns 0 or -errno.
 */
int file_begin(struct file_new *file, const char *path, mode_t mode);

/* file_add - append. Returns 0 or -errno. */
int file_add(struct file_new *file, const void *data, size_t bytes);

/*
 * file_add_parts - append several pieces, one after the other, with as few
 * calls as can be. @parts: @count of them, at most IOV_MAX; they are changed.
 * Returns 0 or -errno.
 */
int file_add_parts(struct file_new *file, struct iovec *parts, int count);

/*
 * file_end - make it durable and give it its name, over what had that name;
 * the folder's entry is durable as well.
 * Returns 0 or -errno, and then nothing is left of it.
 */
int file_end(struct file_new *file);

/* file_drop - forget it: nothing is left of it. */
void file_drop(struct file_new *file);

/* file_replace - all of it. Returns 0 or -errno. */
int file_replace(const char *path, const void *data, size_t bytes, mode_t mode);

#endif
