/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * copy.h - one file that comes from the host, on its way to the disk.
 *
 * Here: folders, the file, and what each failure is called on Windows. Not
 * here: how the host's requests come in.
 *
 * Nobody sees the file before it is whole: it has no name until then (where the
 * file system has no such files, a name of ours, which is removed when the copy
 * fails or the daemon starts anew). The folder is resolved once and held open;
 * on the way to it only symbolic links that root made are followed, and a link
 * in the file's own place is replaced, never written through. It is on the disk
 * before it has its name, and its name is before the host is told.
 *
 * Statuses are HRESULTs, services/ic/wire.h: IC_E_FILE_EXISTS,
 * IC_E_PATH_NOT_FOUND, IC_E_ACCESS_DENIED, IC_E_DISK_FULL, ...
 */
#ifndef GUEST_LISD_FCOPY_COPY_H
#define GUEST_LISD_FCOPY_COPY_H

#include "services/fcopy/vsc.h"

#define COPY_TEMP_BYTES	   24
#define COPY_ALLOWED_BYTES 256

struct copy {
	int root;   /* folder that "/" is; tests have one of their own */
	int record; /* file that remembers a temporary name; -1: none */
	char allowed[COPY_ALLOWED_BYTES]; /* folders, ":" between; "": any */
	u32 owner; /* whose symbolic links are followed: root */

	bool open;
	int folder; /* where the file will be */
	int fd;	    /* the file */
	char name[FCOPY_NAME_BYTES];
	char temp[COPY_TEMP_BYTES]; /* its name meanwhile; "" without one */
	bool overwrite;
	u64 size_bytes;
	u64 received_bytes;
	u64 end_bytes;	   /* behind what was written or left a hole */
	u64 flushed_bytes; /* that the disk was asked to write */
};

/*
 * copy_init - once. @allowed: folders that may be written to and below, with
 * ":" between them, real paths; "" for all.
 * Returns false when @allowed is too long.
 */
bool copy_init(struct copy *copy, const char *allowed);

/*
 * copy_record - remember temporary names in @fd (the copy's from now on), and
 * remove the file that a name in it tells of.
 */
void copy_record(struct copy *copy, int fd);

/*
 * copy_serve - do what the host asks; a file that is still open at a start was
 * given up. Returns the status to answer with.
 */
u32 copy_serve(struct copy *copy, const struct fcopy_request *request);

/* copy_cancel - give the file under way up, if there is one. */
void copy_cancel(struct copy *copy);

#endif
