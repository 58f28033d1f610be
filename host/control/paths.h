/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * paths.h - where the control socket of a VM lives.
 *
 * Here: the runtime directory, its safety, VM names, socket paths. Not here:
 * opening, binding or removing a socket (client.c, the server).
 *
 * The runtime directory is the first of $LIS_RUNTIME_DIR, $XDG_RUNTIME_DIR/lis,
 * /run/lis (root only) and /tmp/lis-UID. It must be a directory of the calling
 * user that nobody else can enter (0700): whoever can reach a VM's socket owns
 * the VM.
 */
#ifndef HOST_CONTROL_PATHS_H
#define HOST_CONTROL_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "host/vm/error.h"

#define VM_NAME_BYTES_MAX 64

/* What a valid name looks like, for messages. */
#define VM_NAME_RULE                                                           \
	"1 to 64 letters, digits, '_', '.' or '-', starting with a "           \
	"letter or digit"

/* Room for a control socket's path with its terminator (sun_path, unix(7)). */
#define VM_SOCKET_PATH_BYTES 108

/*
 * Whether name matches [A-Za-z0-9][A-Za-z0-9_.-]{0,63}: such a name is safe as
 * a file name and on a terminal. NULL is no name.
 */
bool vm_name_valid(const char *name);

/*
 * Finds the runtime directory and checks that it is safe.
 * path, path_bytes: receives the path; PATH_MAX is always enough.
 * create: make the directory (0700) when it does not exist. Its parent is not
 * made.
 * Returns 0; -ENOENT when it does not exist (path is set); -EPERM when it is
 * not a directory of ours that others cannot enter; -EINVAL when
 * $LIS_RUNTIME_DIR is not absolute; -ENAMETOOLONG; or the error of mkdir() or
 * open(), negative.
 */
int runtime_dir_find(char *path, size_t path_bytes, bool create,
		     struct lis_error *err);

/*
 * The control socket's path of a VM, DIR/NAME.sock.
 * path: at least VM_SOCKET_PATH_BYTES bytes.
 * create_dir: as for runtime_dir_find().
 * Returns 0; -EINVAL when the name is not valid; -ENAMETOOLONG when the path
 * does not fit a socket address; else what runtime_dir_find() returns.
 */
int vm_socket_path(char *path, size_t path_bytes, const char *name,
		   bool create_dir, struct lis_error *err);

/*
 * The names of the VMs that have a socket in the runtime directory, sorted.
 * Some may be dead: only a connection tells. No runtime directory is the same
 * as an empty one.
 * names: receives an array of *count strings, ended by NULL; free with
 * vm_names_free().
 * Returns 0; -ENOMEM; else what runtime_dir_find() or scandir() returns.
 */
int vm_names_list(char ***names, size_t *count, struct lis_error *err);

/* Frees an array of vm_names_list(); NULL is allowed. */
void vm_names_free(char **names);

#endif
