/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "disk_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static int setup(const char *where)
{
	snprintf(folder, sizeof(folder), "%s/lis-disk-XXXXXX", where);
	return mkdtemp(folder) ? 0 : -1;
}

int rig_setup(void **state)
{
	(void)state;
	return setup("/var/tmp");
}

int rig_setup_memory(void **state)
{
	struct statvfs vfs;

	(void)state;
	if (statvfs("/dev/shm", &vfs) == 0 &&
	    vfs.f_bavail * vfs.f_frsize >= 1ull << 30)
		return setup("/dev/shm");
	return setup("/var/tmp");
}

int rig_teardown(void **state)
{
	(void)state;
	return rig_run("rm -rf %s", folder);
}

const char *rig_path(const char *name)
{
	static char paths[8][256];
	static int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

const char *rig_file(const char *name, u64 size_bytes)
{
	const char *path = rig_path(name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size_bytes), 0);
	close(fd);
	return path;
}

struct rig_disk rig_open(const struct disk_options *options)
{
	struct rig_disk rig;
	struct lis_error err = { "" };

	if (disk_open(&rig.disk, options, &err) != 0)
		fail_msg("%s", err.text);
	if (disk_queue_open(&rig.queue, rig.disk, &err) != 0)
		fail_msg("%s", err.text);
	return rig;
}

struct rig_disk rig_open_path(const char *path)
{
	struct disk_options options = { .path = path };

	return rig_open(&options);
}

void rig_close(struct rig_disk *rig)
{
	disk_queue_close(rig->queue);
	disk_close(rig->disk);
}

void rig_pattern(void *buffer, u64 size_bytes, u64 offset_bytes, u32 seed)
{
	u64 *at = buffer;

	for (u64 i = 0; i < size_bytes / 8; i++) {
		u64 place = offset_bytes / 8 + i;

		at[i] = seed ? (place + seed * 0x9e3779b97f4a7c15ull) *
					0xbf58476d1ce4e5b9ull
			     : 0;
	}
}

void rig_write(struct rig_disk *rig, u64 offset_bytes, u64 size_bytes, u32 seed)
{
	void *buffer = malloc(size_bytes);

	rig_pattern(buffer, size_bytes, offset_bytes, seed);
	assert_int_equal(disk_transfer(rig->queue, DISK_WRITE, 0, offset_bytes,
				       buffer, size_bytes),
			 0);
	free(buffer);
}

void rig_expect(struct rig_disk *rig, u64 offset_bytes, u64 size_bytes,
		u32 seed)
{
	void *buffer = malloc(size_bytes), *expected = malloc(size_bytes);

	memset(buffer, 0xa5, size_bytes);
	rig_pattern(expected, size_bytes, offset_bytes, seed);
	assert_int_equal(disk_transfer(rig->queue, DISK_READ, 0, offset_bytes,
				       buffer, size_bytes),
			 0);
	if (memcmp(buffer, expected, size_bytes) != 0) {
		u64 i = 0;

		while (((u8 *)buffer)[i] == ((u8 *)expected)[i])
			i++;
		fail_msg("offset %llu: the byte at %llu differs",
			 (unsigned long long)offset_bytes,
			 (unsigned long long)(offset_bytes + i));
	}
	free(buffer);
	free(expected);
}

void rig_flush(struct rig_disk *rig)
{
	assert_int_equal(disk_transfer(rig->queue, DISK_FLUSH, 0, 0, NULL, 0),
			 0);
}

int rig_run(const char *format, ...)
{
	char command[1024];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool rig_has(const char *program)
{
	return rig_run("command -v %s >/dev/null", program) == 0;
}

u64 rig_blocks(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (u64)st.st_blocks;
}

u64 rig_size(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (u64)st.st_size;
}
