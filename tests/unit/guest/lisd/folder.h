/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * folder.h - a folder of a test's own, as the root of what the daemon sees.
 */
#ifndef TEST_LISD_FOLDER_H
#define TEST_LISD_FOLDER_H

#include "guest/lisd/lisd.h"

/*
 * folder_make - an environment whose root is a new, empty folder, in memory
 * where there is some; folder_make_below - in a folder that is named, where
 * programs may be started.
 */
void folder_make(struct lisd_env *env);
void folder_make_below(struct lisd_env *env, const char *folder);

/* folder_write, folder_read - a file below it, with its parents. */
void folder_write(const struct lisd_env *env, const char *path,
		  const char *text);
const char *folder_read(const struct lisd_env *env, const char *path);

/* folder_drop - remove all of it. */
void folder_drop(struct lisd_env *env);

#endif
