/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/fcopy/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40

struct walk {
	const struct folder_rules *rules;
	int fd;
	int links;
	char path[PATH_MAX]; /* what is left */
};

/* Whether @real is one of the folders or below one. */
static bool among(const char *allowed, const char *real)
{
	size_t length;

	while (*allowed) {
		length = strcspn(allowed, ":");
		/* "/srv/" is "/srv", and "/" is the beginning of all. */
		while (length && allowed[length - 1] == '/')
			length--;
		if (*allowed == '/' && !strncmp(allowed, real, length) &&
		    (real[length] == '/' || !real[length]))
			return true;
		allowed += strcspn(allowed, ":");
		allowed += *allowed == ':';
	}
	return false;
}

static bool is_allowed(const struct walk *walk)
{
	char link[40], real[PATH_MAX];
	ssize_t size;

	if (!*walk->rules->allowed)
		return true;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", walk->fd);
	size = readlink(link, real, sizeof(real) - 1);
	if (size <= 0)
		return false;
	real[size] = '\0';
	return among(walk->rules->allowed, real);
}

static void step_to(struct walk *walk, int fd)
{
	close(walk->fd);
	walk->fd = fd;
}

/* Put what the link @fd says before what is left. */
static int link_follow(struct walk *walk, int fd)
{
	char target[PATH_MAX];
	size_t length = strlen(walk->path);
	ssize_t size = readlinkat(fd, "", target, sizeof(target));
	int root;

	if (size <= 0)
		return size ? -errno : -ENOENT;
	if (++walk->links > LINKS_MAX)
		return -ELOOP;
	if ((size_t)size + 1 + length >= sizeof(walk->path))
		return -ENAMETOOLONG;
	memmove(walk->path + size + 1, walk->path, length + 1);
	memcpy(walk->path, target, (size_t)size);
	walk->path[size] = '/';
	if (target[0] != '/')
		return 0;
	root = fcntl(walk->rules->root, F_DUPFD_CLOEXEC, 0);
	if (root < 0)
		return -errno;
	step_to(walk, root);
	return 0;
}

static int component_open(const struct walk *walk, const char *name,
			  bool create)
{
	int fd = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT || !create)
		return fd < 0 ? -errno : fd;
	if (!is_allowed(walk))
		return -EACCES;
	if (mkdirat(walk->fd, name, 0755) && errno != EEXIST)
		return -errno;
	fd = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int component_step(struct walk *walk, const char *name, bool create)
{
	int fd = component_open(walk, name, create), error = 0;
	struct stat status;

	if (fd < 0)
		return fd;
	if (fstat(fd, &status)) {
		error = -errno;
	} else if (S_ISDIR(status.st_mode)) {
		step_to(walk, fd);
		return 0;
	} else if (!S_ISLNK(status.st_mode)) {
		error = -ENOTDIR;
	} else if (status.st_uid != walk->rules->owner) {
		/* Anybody could have put it there a moment ago. */
		error = -ELOOP;
	} else {
		error = link_follow(walk, fd);
	}
	close(fd);
	return error;
}

/* Take the first component of what is left; false at the end. */
static bool component_next(struct walk *walk, char *name)
{
	size_t skip = strspn(walk->path, "/");
	size_t length = strcspn(walk->path + skip, "/");

	if (!length)
		return false;
	if (length > NAME_MAX)
		length = NAME_MAX + 1; /* refused by the system */
	memcpy(name, walk->path + skip, length);
	name[length] = '\0';
	skip += strcspn(walk->path + skip, "/");
	memmove(walk->path, walk->path + skip, strlen(walk->path + skip) + 1);
	return true;
}

int folder_open(const struct folder_rules *rules, const char *path, bool create)
{
	struct walk walk = { .rules = rules };
	char name[NAME_MAX + 2];
	int error = 0;

	if (strlen(path) >= sizeof(walk.path))
		return -ENAMETOOLONG;
	memcpy(walk.path, path, strlen(path) + 1);
	walk.fd = fcntl(rules->root, F_DUPFD_CLOEXEC, 0);
	if (walk.fd < 0)
		return -errno;
	while (!error && component_next(&walk, name))
		error = strcmp(name, ".") ? component_step(&walk, name, create)
					  : 0;
	if (!error && !is_allowed(&walk))
		error = -EACCES;
	if (!error)
		return walk.fd;
	close(walk.fd);
	return error;
}
