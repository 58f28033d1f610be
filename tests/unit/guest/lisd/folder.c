/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <ftw.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "guest/lisd/file.h"

void folder_make_below(struct lisd_env *env, const char *folder)
{
	memset(env, 0, sizeof(*env));
	env->report_fd = env->stop_fd = -1;
	snprintf(env->root, sizeof(env->root), "%s/lisd-XXXXXX", folder);
	assert_non_null(mkdtemp(env->root));
}

void folder_make(struct lisd_env *env)
{
	/* A flush costs nothing in memory. */
	folder_make_below(env, access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
}

void folder_write(const struct lisd_env *env, const char *path,
		  const char *text)
{
	char full[LISD_PATH_BYTES], *slash;

	lisd_path(env, full, path);
	for (slash = strchr(full + strlen(env->root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	assert_int_equal(file_replace(full, text, strlen(text), 0644), 0);
}

const char *folder_read(const struct lisd_env *env, const char *path)
{
	static char text[65536];
	char full[LISD_PATH_BYTES];

	assert_true(file_read(lisd_path(env, full, path), text, sizeof(text)) >=
		    0);
	return text;
}

static int entry_drop(const char *path, const struct stat *status, int kind,
		      struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

void folder_drop(struct lisd_env *env)
{
	nftw(env->root, entry_drop, 16, FTW_DEPTH | FTW_PHYS);
}
