/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * lisd_folder.h - an environment for the daemon's parts in a fuzzer: a folder
 * in memory as its root, removed at the end, and a log that says nothing.
 */
#ifndef FUZZ_LISD_FOLDER_H
#define FUZZ_LISD_FOLDER_H

#include "guest/lisd/lisd.h"

/* lisd_folder - made at the first call. */
struct lisd_env *lisd_folder(void);

#endif
