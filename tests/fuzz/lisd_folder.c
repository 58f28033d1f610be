/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "lisd_folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/lisd/log.h"

static struct lisd_env env;

static int entry_drop(const char *path, const struct stat *status, int kind,
		      struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

static void folder_drop(void)
{
	nftw(env.root, entry_drop, 16, FTW_DEPTH | FTW_PHYS);
}

struct lisd_env *lisd_folder(void)
{
	static const char *const folders[] = { "/var", "/var/lib", "/run" };
	char path[LISD_PATH_BYTES];
	u32 i;

	if (*env.root)
		return &env;
	log_open("fuzz", (enum log_level)0);
	env.report_fd = env.stop_fd = -1;
	strcpy(env.root, access("/dev/shm", W_OK) ? "/tmp/fuzz-XXXXXX"
						  : "/dev/shm/fuzz-XXXXXX");
	if (!mkdtemp(env.root))
		abort();
	for (i = 0; i < PORT_ARRAY_SIZE(folders); i++)
		mkdir(lisd_path(&env, path, folders[i]), 0755);
	atexit(folder_drop);
	return &env;
}
