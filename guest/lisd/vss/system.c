/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/vss/system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest/common/text_file.h"
#include "guest/lisd/log.h"

#define TABLE_FIRST_BYTES (64u << 10)
#define TABLE_MAX_BYTES	  (64u << 20)
/* A line of the table has far more bytes than this. */
#define LINE_MIN_BYTES 32
/* dm on md on dm on ... */
#define DEPTH_MAX 8

#define NBD_MAJOR 43

struct devices {
	const struct lisd_env *env;
	const struct mounts *mounts;
};

/* The whole of a file whose size is not known, with a NUL behind it. */
static int file_read(const char *path, char **text, size_t *size_bytes)
{
	size_t capacity = TABLE_FIRST_BYTES, filled = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;
	char *buffer, *grown;
	ssize_t count;

	if (fd < 0)
		return errno;
	buffer = malloc(capacity);
	while (buffer) {
		count = read(fd, buffer + filled, capacity - 1 - filled);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0) {
			error = count < 0 ? errno : 0;
			break;
		}
		filled += (size_t)count;
		if (filled < capacity - 1)
			continue;
		capacity *= 2;
		grown = capacity > TABLE_MAX_BYTES ? NULL
						   : realloc(buffer, capacity);
		if (!grown)
			error = ENOMEM;
		if (error)
			break;
		buffer = grown;
	}
	close(fd);
	if (!buffer || error) {
		free(buffer);
		return error ? error : ENOMEM;
	}
	buffer[filled] = '\0';
	*text = buffer;
	*size_bytes = filled;
	return 0;
}

/* Of an open file, by proc(5), "/proc/[pid]/fdinfo"; 0 when it is not told. */
static u32 mount_id(int fd)
{
	static const char words[] = "\nmnt_id:";
	char path[32], text[512], *found;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (text_file_read(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return 0;
	found = strstr(text, words);
	return found ? (u32)strtoul(found + strlen(words), NULL, 10) : 0;
}

static u32 mount_id_of(const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	u32 id;

	if (fd < 0)
		return 0;
	id = mount_id(fd);
	close(fd);
	return id;
}

/* The file behind a loop device, or behind the one that this is part of. */
static bool loop_file(const char *device, char *file, size_t capacity_bytes)
{
	static const char *const places[] = { "loop/backing_file",
					      "../loop/backing_file" };
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < PORT_ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "%s/%s", device, places[i]);
		if (text_file_read(AT_FDCWD, path, file, capacity_bytes) <= 0)
			continue;
		file[strcspn(file, "\n")] = '\0';
		return true;
	}
	return false;
}

static bool is_remote(const char *device, u32 major)
{
	char target[PATH_MAX];
	ssize_t size = readlink(device, target, sizeof(target) - 1);

	if (major == NBD_MAJOR)
		return true;
	if (size <= 0)
		return false;
	target[size] = '\0';
	/* An iSCSI or fibre channel session of this machine's own; Ceph. */
	return strstr(target, "/session") || strstr(target, "/rbd/");
}

static enum mounts_backing backing_of(const struct devices *devices, u32 major,
				      u32 minor, u32 *file_mount_id, int depth);

/* What the devices are that this one is made of. */
static enum mounts_backing slaves_backing(const struct devices *devices,
					  const char *device,
					  u32 *file_mount_id, int depth)
{
	enum mounts_backing found = MOUNTS_BACKING_DISK;
	char path[PATH_MAX], text[32];
	struct dirent *entry;
	u32 major, minor;
	DIR *folder;

	snprintf(path, sizeof(path), "%s/slaves", device);
	folder = opendir(path);
	if (!folder)
		return found;
	while (found == MOUNTS_BACKING_DISK && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/dev", entry->d_name);
		if (text_file_read(dirfd(folder), path, text, sizeof(text)) >
			    0 &&
		    sscanf(text, "%u:%u", &major, &minor) == 2)
			found = backing_of(devices, major, minor, file_mount_id,
					   depth + 1);
	}
	closedir(folder);
	return found;
}

static enum mounts_backing backing_of(const struct devices *devices, u32 major,
				      u32 minor, u32 *file_mount_id, int depth)
{
	char device[LISD_PATH_BYTES], path[64], file[PATH_MAX];

	if (depth > DEPTH_MAX)
		return MOUNTS_BACKING_DISK;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major, minor);
	lisd_path(devices->env, device, path);
	if (is_remote(device, major))
		return MOUNTS_BACKING_REMOTE;
	if (loop_file(device, file, sizeof(file))) {
		*file_mount_id = mount_id_of(file);
		return MOUNTS_BACKING_LOOP;
	}
	return slaves_backing(devices, device, file_mount_id, depth);
}

/* For mounts_choose(). */
static enum mounts_backing backing(void *context, u32 major, u32 minor,
				   u32 *file_mount_id)
{
	const struct devices *devices = context;
	struct stat status;
	u32 i;

	/* btrfs has a device number of its own making: ask its disk. */
	for (i = 0; !major && i < devices->mounts->count; i++) {
		const struct mount *mount = &devices->mounts->list[i];

		if (mount->major || mount->minor != minor ||
		    stat(mount->source, &status) || !S_ISBLK(status.st_mode))
			continue;
		return backing_of(devices, major(status.st_rdev),
				  minor(status.st_rdev), file_mount_id, 0);
	}
	return backing_of(devices, major, minor, file_mount_id, 0);
}

int system_read(const struct lisd_env *env, struct system_mounts *system)
{
	struct devices devices = { env, &system->mounts };
	char path[LISD_PATH_BYTES];
	struct mount *list;
	size_t size_bytes = 0;
	u32 capacity;
	int error;

	lisd_path(env, path, "/proc/self/mountinfo");
	error = file_read(path, &system->text, &size_bytes);
	if (error)
		return error;
	capacity = (u32)(size_bytes / LINE_MIN_BYTES) + 1;
	list = malloc(capacity * sizeof(*list));
	if (!list) {
		free(system->text);
		return ENOMEM;
	}
	mounts_parse(&system->mounts, system->text, size_bytes, list, capacity);
	mounts_choose(&system->mounts, backing, &devices);
	return 0;
}

void system_free(struct system_mounts *system)
{
	free(system->mounts.list);
	free(system->text);
	memset(system, 0, sizeof(*system));
}

/*
 * A folder of the file system that @chosen is of; -1 when none can be opened.
 * Something else can be mounted over it: then another mount of it is tried.
 */
static int target_open(const struct mounts *mounts, const struct mount *chosen)
{
	int fd, error = ENOENT;
	u32 i, id;

	for (i = 0; i < mounts->count; i++) {
		const struct mount *mount = &mounts->list[i];

		if (mount->major != chosen->major ||
		    mount->minor != chosen->minor ||
		    (mount->skip && mount->skip != mounts_duplicate))
			continue;
		fd = open(mount->point,
			  O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
		if (fd < 0) {
			error = errno;
			continue;
		}
		id = mount_id(fd);
		if (!id || id == mount->id)
			return fd;
		close(fd);
	}
	errno = error;
	return -1;
}

static int target_add(const struct mounts *mounts, const struct mount *mount,
		      struct freezer *freezer)
{
	int fd = target_open(mounts, mount), error;

	if (fd < 0)
		return errno;
	error = freezer_add(freezer, fd, mount->point);
	if (error)
		close(fd);
	return error;
}

void system_open_quietly(const struct system_mounts *system,
			 struct freezer *freezer)
{
	u32 i;

	for (i = 0; i < system->mounts.count; i++)
		if (!system->mounts.list[i].skip)
			(void)target_add(&system->mounts,
					 &system->mounts.list[i], freezer);
}

int system_open(const struct system_mounts *system, struct freezer *freezer,
		const char **failed)
{
	int error;
	u32 i;

	if (system->mounts.bad)
		log_warning("%u lines of the mount table are not understood",
			    system->mounts.bad);
	for (i = 0; i < system->mounts.count; i++) {
		const struct mount *mount = &system->mounts.list[i];

		if (mount->skip && mount->skip != mounts_duplicate)
			log_info("%s (%s) is not frozen: %s", mount->point,
				 mount->type, mount->skip);
		if (mount->skip)
			continue;
		error = target_add(&system->mounts, mount, freezer);
		if (!error)
			continue;
		/* Unmounted meanwhile, or mounted over everywhere. */
		if (error == ENOENT) {
			log_notice("%s is not frozen: no way leads to it",
				   mount->point);
			continue;
		}
		*failed = mount->point;
		return error;
	}
	return 0;
}
