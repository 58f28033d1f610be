/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * backup_set.h - a folder of backups of one VM: manifest.json and images.
 *
 * Here: what is in the folder, and how it is added to whole or not at all. Not
 * here: copying (backup.h), the images' format (host/backend/disk).
 *
 * The first backup of a disk is an image of all its data; each later one is an
 * image of what changed, with the one before as its parent, or again of all. A
 * file that the manifest does not name was left by a backup that failed.
 *
 *	{"version": 1, "vm": NAME, "backups": [
 *	  {"id": UUID, "time": ISO 8601, "consistency": "file-system" | "crash",
 *	   "disks": [{"controller": 0 to 3 or "ide", "lun": N, "file": NAME,
 *	     "parent": NAME or null, "size_bytes": N, "copied_bytes": N}]}]}
 */
#ifndef HOST_CONTROL_BACKUP_SET_H
#define HOST_CONTROL_BACKUP_SET_H

#include <jansson.h>
#include <stdbool.h>

#include "host/vm/error.h"

#define BACKUP_ID_BYTES 37

struct backup_set {
	char *folder;	  /* absolute */
	json_t *manifest; /* checked: of the form above */
};

/*
 * backup_set_open - read a folder's manifest.
 * @folder: absolute path
 * @vm: whose backups they must be; NULL: anybody's
 * @create: make the folder, and a set without backups, when there is none
 * Returns 0; -ENOENT: nothing there; -EINVAL: not a manifest, or not of this
 * VM; or the errno of the system call that failed, negative. @err is set.
 */
int backup_set_open(struct backup_set *set, const char *folder, const char *vm,
		    bool create, struct lis_error *err);
void backup_set_close(struct backup_set *set);

/* The newest backup, or the one whose id starts with @id; NULL: none such, or
 * more than one. */
json_t *backup_set_find(const struct backup_set *set, const char *id);

/* The disk at this place in a backup, or NULL. @controller: borrowed. */
json_t *backup_set_disk(json_t *backup, const json_t *controller,
			json_int_t lun);

/*
 * backup_set_add - write the manifest anew with one backup more, durably.
 * @backup: borrowed
 * Returns 0, with an @err that is not empty when the host may yet forget it at
 * a loss of power; or a negative errno with @err set and the old manifest
 * there.
 */
int backup_set_add(struct backup_set *set, json_t *backup,
		   struct lis_error *err);

/* A new random id, and the time as the manifest has it. */
void backup_id_make(char id[BACKUP_ID_BYTES]);
json_t *backup_time(void);

#endif
