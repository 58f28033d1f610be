/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * disk_rig.h - a folder for images, patterns, and other programs, for the tests
 * of disks.
 */
#ifndef TESTS_UNIT_HOST_DISK_DISK_RIG_H
#define TESTS_UNIT_HOST_DISK_DISK_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/backend/disk/disk.h"

/* A group's setup and teardown: a folder of its own. */
int rig_setup(void **state);
/* The same in memory where there is room: a flush takes no time. */
int rig_setup_memory(void **state);
int rig_teardown(void **state);

/* Path of a file in the folder; good until the eighth next call. */
const char *rig_path(const char *name);

/* A file of that size, all hole. */
const char *rig_file(const char *name, u64 size_bytes);

/* A disk and a queue, which must open. */
struct rig_disk {
	struct disk *disk;
	struct disk_queue *queue;
};
struct rig_disk rig_open(const struct disk_options *options);
struct rig_disk rig_open_path(const char *path);
void rig_close(struct rig_disk *rig);

/* Fills a buffer with what only this seed at this offset gives. */
void rig_pattern(void *buffer, u64 size_bytes, u64 offset_bytes, u32 seed);

/* Writes, or reads and compares; must succeed. seed 0 stands for zeros. */
void rig_write(struct rig_disk *rig, u64 offset_bytes, u64 size_bytes,
	       u32 seed);
void rig_expect(struct rig_disk *rig, u64 offset_bytes, u64 size_bytes,
		u32 seed);
void rig_flush(struct rig_disk *rig);

/* Runs a shell command made by printf; its exit status. */
int rig_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether the machine has the program. */
bool rig_has(const char *program);

/* 512-byte units of the host's disk that a file takes. */
u64 rig_blocks(const char *path);
/* A file's length. */
u64 rig_size(const char *path);

#endif
