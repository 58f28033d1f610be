/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * folder.h - the way to a folder that a host names.
 */
#ifndef GUEST_LISD_FCOPY_FOLDER_H
#define GUEST_LISD_FCOPY_FOLDER_H

#include "vmbus/port.h"

struct folder_rules {
	int root;	     /* an open folder: "/" */
	u32 owner;	     /* whose symbolic links are followed */
	const char *allowed; /* real paths with ":" between; "": any */
};

/*
 * folder_open - open @path below the root, component by component. A relative
 * path begins at the root, too.
 * @create: make what is missing, 0755; nothing is made outside the allowed
 * Returns a descriptor (O_PATH), or -errno: ENOENT, ENOTDIR, ELOOP (a link of
 * somebody else's, or too many), EACCES (not allowed), ENAMETOOLONG, ...
 */
int folder_open(const struct folder_rules *rules, const char *path,
		bool create);

#endif
