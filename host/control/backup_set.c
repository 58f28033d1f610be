/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/backup_set.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MANIFEST "manifest.json"

static int path_make(char path[PATH_MAX], const char *folder, const char *name,
		     struct lis_error *err)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", folder, name);

	if (n < 0 || n >= PATH_MAX)
		return lis_error_set(err, ENAMETOOLONG,
				     "the name %.100s... is too long", folder);
	return 0;
}

/* A file of the folder, and nothing that leads out of it. */
static bool name_valid(const json_t *member)
{
	const char *name = json_string_value(member);

	return name && name[0] && name[0] != '.' && !strchr(name, '/');
}

static bool disk_valid(const json_t *disk)
{
	const json_t *controller = json_object_get(disk, "controller");
	const json_t *parent = json_object_get(disk, "parent");
	const char *text = json_string_value(controller);

	return (json_is_integer(controller) ||
		(text && strcmp(text, "ide") == 0)) &&
	       json_is_integer(json_object_get(disk, "lun")) &&
	       json_is_integer(json_object_get(disk, "size_bytes")) &&
	       json_is_integer(json_object_get(disk, "copied_bytes")) &&
	       name_valid(json_object_get(disk, "file")) &&
	       (json_is_null(parent) || name_valid(parent));
}

static bool backup_valid(const json_t *backup)
{
	const json_t *disks = json_object_get(backup, "disks");
	const char *id = json_string_value(json_object_get(backup, "id"));
	const json_t *disk;
	size_t index;

	if (!id || strlen(id) != BACKUP_ID_BYTES - 1 ||
	    !json_is_string(json_object_get(backup, "time")) ||
	    !json_is_string(json_object_get(backup, "consistency")) ||
	    !json_is_array(disks))
		return false;
	json_array_foreach(disks, index, disk)
	{
		if (!disk_valid(disk))
			return false;
	}
	return true;
}

static bool manifest_valid(const json_t *manifest)
{
	const json_t *backups = json_object_get(manifest, "backups");
	const json_t *backup;
	size_t index;

	if (json_integer_value(json_object_get(manifest, "version")) != 1 ||
	    !json_is_string(json_object_get(manifest, "vm")) ||
	    !json_is_array(backups))
		return false;
	json_array_foreach(backups, index, backup)
	{
		if (!backup_valid(backup))
			return false;
	}
	return true;
}

/* Whether nothing is in a folder but what failed backups left. */
static int manifest_begin(struct backup_set *set, const char *vm,
			  struct lis_error *err)
{
	if (mkdir(set->folder, 0700) != 0 && errno != EEXIST)
		return lis_error_set(err, errno,
				     "cannot make the folder %s: %s",
				     set->folder, strerror(errno));
	set->manifest = json_pack("{s:i, s:s, s:[]}", "version", 1, "vm", vm,
				  "backups");
	return set->manifest ? 0 : lis_error_set(err, ENOMEM, "out of memory");
}

static int manifest_read(struct backup_set *set, const char *path,
			 const char *vm, struct lis_error *err)
{
	json_error_t error;
	const char *owner;

	set->manifest = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!set->manifest)
		return lis_error_set(err, EINVAL, "cannot read %s: line %d: %s",
				     path, error.line, error.text);
	if (!manifest_valid(set->manifest))
		return lis_error_set(err, EINVAL,
				     "%s is not a list of backups made by lis "
				     "backup",
				     path);
	owner = json_string_value(json_object_get(set->manifest, "vm"));
	if (vm && strcmp(owner, vm) != 0)
		return lis_error_set(
			err, EINVAL,
			"%s has backups of VM '%s': choose another "
			"folder",
			set->folder, owner);
	return 0;
}

int backup_set_open(struct backup_set *set, const char *folder, const char *vm,
		    bool create, struct lis_error *err)
{
	char path[PATH_MAX];
	int code;

	memset(set, 0, sizeof(*set));
	code = path_make(path, folder, MANIFEST, err);
	if (code < 0)
		return code;
	set->folder = strdup(folder);
	if (!set->folder)
		code = lis_error_set(err, ENOMEM, "out of memory");
	else if (access(path, F_OK) == 0)
		code = manifest_read(set, path, vm, err);
	else if (create)
		code = manifest_begin(set, vm, err);
	else
		code = lis_error_set(
			err, ENOENT,
			"there is no backup in %s (no " MANIFEST ")", folder);
	if (code < 0)
		backup_set_close(set);
	return code;
}

void backup_set_close(struct backup_set *set)
{
	free(set->folder);
	json_decref(set->manifest);
	memset(set, 0, sizeof(*set));
}

json_t *backup_set_find(const struct backup_set *set, const char *id)
{
	json_t *backups = json_object_get(set->manifest, "backups");
	json_t *backup, *found = NULL;
	size_t index;

	if (!id)
		return json_array_get(backups, json_array_size(backups) - 1);
	json_array_foreach(backups, index, backup)
	{
		const char *one =
			json_string_value(json_object_get(backup, "id"));

		if (strncmp(one, id, strlen(id)) != 0)
			continue;
		if (found)
			return NULL;
		found = backup;
	}
	return found;
}

json_t *backup_set_disk(json_t *backup, const json_t *controller,
			json_int_t lun)
{
	json_t *disk;
	size_t index;

	json_array_foreach(json_object_get(backup, "disks"), index, disk)
	{
		if (json_equal(json_object_get(disk, "controller"),
			       controller) &&
		    json_integer_value(json_object_get(disk, "lun")) == lun)
			return disk;
	}
	return NULL;
}

/* Makes renames in the folder durable. */
static int folder_sync(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int code = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) != 0)
		code = -errno;
	close(fd);
	return code;
}

static int manifest_write(const json_t *manifest, const char *path)
{
	int code = 0;
	int fd;

	/* What was left by a run that was killed. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (json_dumpfd(manifest, fd, JSON_INDENT(2)) != 0 || fsync(fd) != 0)
		code = errno ? -errno : -EIO;
	if (close(fd) != 0 && code == 0)
		code = -errno;
	return code;
}

int backup_set_add(struct backup_set *set, json_t *backup,
		   struct lis_error *err)
{
	json_t *backups = json_object_get(set->manifest, "backups");
	char path[PATH_MAX], partial[PATH_MAX];
	int code = path_make(path, set->folder, MANIFEST, err);

	if (code == 0)
		code = path_make(partial, set->folder, MANIFEST ".new", err);
	if (code < 0)
		return code;
	if (json_array_append(backups, backup) != 0)
		return lis_error_set(err, ENOMEM, "out of memory");
	code = manifest_write(set->manifest, partial);
	if (code == 0)
		code = folder_sync(set->folder);
	if (code == 0 && rename(partial, path) != 0)
		code = -errno;
	if (code < 0) {
		json_array_remove(backups, json_array_size(backups) - 1);
		unlink(partial);
		return lis_error_set(err, -code, "cannot write %s: %s", path,
				     strerror(-code));
	}
	/* The list names the new images from here on: they have to stay. */
	err->text[0] = '\0';
	code = folder_sync(set->folder);
	if (code < 0)
		lis_error_set(err, -code,
			      "%s may be the old one again after a loss of "
			      "power: %s",
			      path, strerror(-code));
	return 0;
}

void backup_id_make(char id[BACKUP_ID_BYTES])
{
	unsigned char bytes[16];
	char *at = id;

	while (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		;
	/* RFC 9562: version 4, variant 10. */
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		at += sprintf(at, "%02x", bytes[i]);
	}
}

json_t *backup_time(void)
{
	char text[32];
	time_t now = time(NULL);
	struct tm tm;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	return json_string(text);
}
