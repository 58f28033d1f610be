/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * pool.h - a pool of keys and values in its file, which others read and write
 * too (cloud-init, agents, clients).
 *
 * Here: the file /var/lib/hyperv/.kvp_pool_N of records of 512 bytes of key and
 * 2048 of value, each ended by NUL and filled with NUL; its lock, its repair,
 * and what is remembered of it. Not here: what the keys mean.
 *
 * For each operation the file is locked, in both ways that others use (flock
 * and fcntl's open file description locks), until the operation is over. It is
 * read anew only when it changed. It is replaced, never written in place; what
 * another appended meanwhile to the file that was replaced is taken over.
 *
 * Source of the format: tools/hv/hv_kvp_daemon.c's struct kvp_record.
 */
#ifndef GUEST_LISD_KVP_POOL_H
#define GUEST_LISD_KVP_POOL_H

#include <sys/stat.h>

#include "guest/lisd/lisd.h"

#define POOL_KEY_BYTES	  512  /* terminator included */
#define POOL_VALUE_BYTES  2048 /* terminator included */
#define POOL_RECORD_BYTES (POOL_KEY_BYTES + POOL_VALUE_BYTES)
/* What a host may make a guest keep: over it, setting a new key fails. */
#define POOL_RECORDS_MAX 2048

struct pool_item; /* a record as it is remembered */

struct pool {
	char path[LISD_PATH_BYTES];
	mode_t mode;
	struct pool_item **items;
	u32 count, room;
	bool known;	      /* items are those of the file at `seen` */
	struct stat seen;     /* the file when it was read or written */
	int replaced_fd;      /* the file before it, -1 for none */
	off_t replaced_bytes; /* its size when it was replaced */
};

enum pool_status {
	POOL_OK,
	POOL_NONE,     /* no such key or index */
	POOL_FULL,     /* too many records, no memory, or no space on disk */
	POOL_READONLY, /* read-only file system, or no permission */
	POOL_ERROR,    /* logged */
};

/* pool_init - of a file that need not exist yet. */
void pool_init(struct pool *pool, const char *path, mode_t mode);

/*
 * pool_check - read the file and repair it: make an empty one where there is
 * none, drop what is torn (a last record that is cut, records without
 * terminators), set its permissions. Returns POOL_OK, POOL_FULL, POOL_READONLY
 * or POOL_ERROR; the readable records are there to be read in any case.
 */
enum pool_status pool_check(struct pool *pool);

/*
 * pool_get - the value of @key. Points into the pool until its next operation.
 * Returns POOL_OK, POOL_NONE, POOL_ERROR.
 */
enum pool_status pool_get(struct pool *pool, const char *key,
			  const char **value);

/* pool_at - the same by number, from 0, of the records that are valid text. */
enum pool_status pool_at(struct pool *pool, u32 index, const char **key,
			 const char **value);

/*
 * pool_set - add or replace; durable when it returns.
 * @key: 1 to POOL_KEY_BYTES - 1 bytes; @value: below POOL_VALUE_BYTES
 * Returns POOL_OK, POOL_FULL, POOL_READONLY, POOL_ERROR; then nothing changed.
 */
enum pool_status pool_set(struct pool *pool, const char *key,
			  const char *value);

/* pool_remove - every record of the key. POOL_NONE when there was none. */
enum pool_status pool_remove(struct pool *pool, const char *key);

/* pool_close - forget all of it. */
void pool_close(struct pool *pool);

#endif
