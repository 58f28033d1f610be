/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKET_SUFFIX ".sock"

static bool name_byte_valid(char c, bool first)
{
	if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9'))
		return true;
	return !first && (c == '_' || c == '.' || c == '-');
}

bool vm_name_valid(const char *name)
{
	size_t length = name ? strlen(name) : 0;

	if (length == 0 || length > VM_NAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!name_byte_valid(name[i], i == 0))
			return false;
	}
	return true;
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* Writes the path that the rules choose, whether it exists or not. */
static int runtime_dir_choose(char *path, size_t path_bytes,
			      struct lis_error *err)
{
	const char *own = environment("LIS_RUNTIME_DIR");
	const char *xdg = environment("XDG_RUNTIME_DIR");
	int n;

	if (own && own[0] != '/')
		return lis_error_set(err, EINVAL,
				     "LIS_RUNTIME_DIR is \"%.200s\", which is "
				     "not an absolute path; set it to one that "
				     "starts with /",
				     own);
	if (own)
		n = snprintf(path, path_bytes, "%s", own);
	else if (xdg && xdg[0] == '/')
		n = snprintf(path, path_bytes, "%s/lis", xdg);
	else if (geteuid() == 0)
		n = snprintf(path, path_bytes, "/run/lis");
	else
		n = snprintf(path, path_bytes, "/tmp/lis-%u",
			     (unsigned int)geteuid());
	if (n < 0 || (size_t)n >= path_bytes)
		return lis_error_set(err, ENAMETOOLONG,
				     "the path of the runtime directory is too "
				     "long; set LIS_RUNTIME_DIR to a shorter "
				     "one");
	return 0;
}

/* Looks at the directory itself, not at what a link of its name points to. */
static int runtime_dir_check(const char *path, struct lis_error *err)
{
	struct stat st;

	if (lstat(path, &st) != 0) {
		int code = errno;

		if (code == ENOENT)
			return lis_error_set(err, ENOENT,
					     "there is no runtime directory "
					     "%.200s: no VM is running",
					     path);
		return lis_error_set(err, code,
				     "cannot look at the runtime directory "
				     "%.200s: %s",
				     path, strerror(code));
	}
	if (!S_ISDIR(st.st_mode))
		return lis_error_set(err, EPERM,
				     "the runtime directory %.200s is not a "
				     "directory; remove it or set "
				     "LIS_RUNTIME_DIR to another path",
				     path);
	if (st.st_uid != geteuid())
		return lis_error_set(err, EPERM,
				     "the runtime directory %.200s belongs to "
				     "user %u, not to you (user %u); set "
				     "LIS_RUNTIME_DIR to a directory of yours "
				     "or become that user",
				     path, (unsigned int)st.st_uid,
				     (unsigned int)geteuid());
	if (st.st_mode & 077)
		return lis_error_set(err, EPERM,
				     "the runtime directory %.200s can be "
				     "entered by others (mode %03o); run "
				     "chmod 700 on it",
				     path, (unsigned int)st.st_mode & 0777);
	return 0;
}

int runtime_dir_find(char *path, size_t path_bytes, bool create,
		     struct lis_error *err)
{
	int ret = runtime_dir_choose(path, path_bytes, err);

	if (ret < 0)
		return ret;
	if (create && mkdir(path, 0700) != 0 && errno != EEXIST) {
		int code = errno;

		return lis_error_set(err, code,
				     "cannot make the runtime directory "
				     "%.200s: %s; set LIS_RUNTIME_DIR to a "
				     "directory that you can write in",
				     path, strerror(code));
	}
	return runtime_dir_check(path, err);
}

int vm_socket_path(char *path, size_t path_bytes, const char *name,
		   bool create_dir, struct lis_error *err)
{
	char dir[PATH_MAX];
	int ret, n;

	if (!vm_name_valid(name))
		return lis_error_set(err, EINVAL,
				     "the name of a VM is " VM_NAME_RULE);
	ret = runtime_dir_find(dir, sizeof(dir), create_dir, err);
	if (ret < 0)
		return ret;
	n = snprintf(path, path_bytes, "%s/%s" SOCKET_SUFFIX, dir, name);
	if (n < 0 || (size_t)n >= path_bytes || n >= VM_SOCKET_PATH_BYTES)
		return lis_error_set(err, ENAMETOOLONG,
				     "the socket path of VM \"%s\" would have "
				     "more than %d bytes; set LIS_RUNTIME_DIR "
				     "to a shorter path",
				     name, VM_SOCKET_PATH_BYTES - 1);
	return 0;
}

/* The VM's name of a socket's file name, newly allocated, or NULL. */
static char *name_of_socket(const char *file_name)
{
	size_t suffix = strlen(SOCKET_SUFFIX), length = strlen(file_name);
	char *name;

	if (length <= suffix ||
	    strcmp(file_name + length - suffix, SOCKET_SUFFIX) != 0)
		return NULL;
	name = strndup(file_name, length - suffix);
	if (name && !vm_name_valid(name)) {
		free(name);
		return NULL;
	}
	return name;
}

int vm_names_list(char ***names, size_t *count, struct lis_error *err)
{
	char dir[PATH_MAX];
	struct dirent **entries;
	int found, ret;

	*names = NULL;
	*count = 0;
	ret = runtime_dir_find(dir, sizeof(dir), false, err);
	if (ret == -ENOENT)
		found = 0;
	else if (ret < 0)
		return ret;
	else
		found = scandir(dir, &entries, NULL, alphasort);
	if (found < 0) {
		int code = errno;

		return lis_error_set(err, code,
				     "cannot read the runtime directory "
				     "%.200s: %s",
				     dir, strerror(code));
	}
	*names = calloc((size_t)found + 1, sizeof(**names));
	for (int i = 0; i < found; i++) {
		char *name = *names ? name_of_socket(entries[i]->d_name) : NULL;

		if (name)
			(*names)[(*count)++] = name;
		free(entries[i]);
	}
	if (found > 0)
		free(entries);
	return *names ? 0 : lis_error_set(err, ENOMEM, "out of memory");
}

void vm_names_free(char **names)
{
	if (!names)
		return;
	for (size_t i = 0; names[i]; i++)
		free(names[i]);
	free(names);
}
