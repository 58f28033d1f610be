/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * text_file.h - a small file as text, of a folder that is open.
 */
#ifndef GUEST_COMMON_TEXT_FILE_H
#define GUEST_COMMON_TEXT_FILE_H

#include <sys/types.h>

/*
 * text_file_read - the bytes of a file, and a NUL behind them.
 * @folder: that @path begins in, or AT_FDCWD
 * @text: @capacity_bytes of memory, one at least
 * Returns the bytes without the NUL, or -errno. -EFBIG when there are
 * @capacity_bytes or more: @text has the first of them then, with a NUL behind.
 * A pipe or a terminal is not waited for. @text is "" after any other error.
 */
ssize_t text_file_read(int folder, const char *path, char *text,
		       size_t capacity_bytes);

#endif
