/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "disk_rig.h"
#include "power.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* An operation that no sync has made durable. */
struct pending {
	struct pending *next;
	u64 number;
	enum file_kind kind;
	u64 offset, size;
	u8 *data;
	bool complete;
	bool durable;
};

struct power power = { .lock = PTHREAD_MUTEX_INITIALIZER };

u64 power_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void apply(const struct pending *pending, bool torn)
{
	u64 *random = &power.random;

	if (pending->kind == FILE_TRUNCATE) {
		if (pending->offset < power.durable_bytes)
			memset(power.durable + pending->offset, 0,
			       power.durable_bytes - pending->offset);
		power.durable_bytes = pending->offset;
		return;
	}
	assert_true(pending->offset + pending->size <= POWER_FILE_BYTES);
	for (u64 at = 0; at < pending->size; at += 512) {
		u64 bytes = pending->size - at < 512 ? pending->size - at : 512;
		u8 *to = power.durable + pending->offset + at;

		if (torn && power_random(random) % 2)
			continue;
		if (pending->data)
			memcpy(to, pending->data + at, bytes);
		else if (pending->offset + at < power.durable_bytes)
			memset(to, 0, bytes);
		if (pending->data &&
		    pending->offset + at + bytes > power.durable_bytes)
			power.durable_bytes = pending->offset + at + bytes;
	}
}

void power_forget(void)
{
	while (power.pending) {
		struct pending *next = power.pending->next;

		free(power.pending->data);
		free(power.pending);
		power.pending = next;
	}
	power.pending_end = &power.pending;
}

static void take_out(struct pending **at)
{
	struct pending *pending = *at;

	apply(pending, false);
	*at = pending->next;
	free(pending->data);
	free(pending);
}

/* A sync: all that had come to its end before it is durable, in order. */
static void sync_done(u64 number)
{
	struct pending **at = &power.pending;

	while (*at) {
		if ((*at)->complete && (*at)->number < number)
			take_out(at);
		else
			at = &(*at)->next;
	}
	power.pending_end = at;
}

/* A write that is durable by itself, with what it builds on: the file's length
 * and what was done in the same place before. */
static void write_done(u64 number)
{
	struct pending **at = &power.pending, *self = power.pending;

	while (self && self->number != number)
		self = self->next;
	while (*at) {
		bool same = self && (*at)->number <= number &&
			    ((*at)->kind == FILE_TRUNCATE ||
			     ((*at)->offset < self->offset + self->size &&
			      self->offset < (*at)->offset + (*at)->size));

		if (same && (*at)->complete) {
			bool last = *at == self;

			take_out(at);
			self = last ? NULL : self;
		} else {
			at = &(*at)->next;
		}
	}
	power.pending_end = at;
}

static void record(enum file_kind kind, u64 offset, u64 size,
		   const struct iovec *iov, u32 iov_count)
{
	struct pending *pending = calloc(1, sizeof(*pending));

	pending->number = power.begun;
	pending->kind = kind;
	pending->offset = offset;
	pending->size = size;
	if (iov) {
		pending->data = malloc(size);
		iov_gather(iov, iov_count, 0, pending->data, size);
	}
	*power.pending_end = pending;
	power.pending_end = &pending->next;
}

static int hook_begin(struct file_hook *hook, enum file_kind kind,
		      u64 offset_bytes, u64 size_bytes, const struct iovec *iov,
		      u32 iov_count, u64 *cookie)
{
	int ret = 0;

	(void)hook;
	if (kind == FILE_READ)
		return power.off ? -EIO : 0;
	pthread_mutex_lock(&power.lock);
	*cookie = ++power.begun;
	if (power.off || (power.record && *cookie == power.off_at)) {
		power.off = true;
		ret = -EIO;
	} else if (*cookie == power.fail_at) {
		ret = power.error;
	} else if (power.record && kind != FILE_SYNC) {
		record(kind, offset_bytes, size_bytes, iov, iov_count);
	}
	pthread_mutex_unlock(&power.lock);
	return ret;
}

static void hook_end(struct file_hook *hook, enum file_kind kind, bool durable,
		     u64 cookie, int error)
{
	(void)hook;
	if (kind == FILE_READ || error || !power.record)
		return;
	pthread_mutex_lock(&power.lock);
	for (struct pending *pending = power.pending; pending;
	     pending = pending->next) {
		if (pending->number == cookie)
			pending->complete = true;
	}
	if (!power.off && kind == FILE_SYNC)
		sync_done(cookie);
	else if (!power.off && durable)
		write_done(cookie);
	pthread_mutex_unlock(&power.lock);
}

void power_begin(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (!power.durable)
		power.durable =
			mmap(NULL, POWER_FILE_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(power.durable != MAP_FAILED);
	power_forget();
	power.hook.begin = hook_begin;
	power.hook.end = hook_end;
	power.begun = power.fail_at = power.off_at = 0;
	power.off = false;
	if (power.record) {
		memset(power.durable, 0, POWER_FILE_BYTES);
		n = pread(fd, power.durable, POWER_FILE_BYTES, 0);
		assert_true(n > 0);
		power.durable_bytes = (u64)n;
	}
	close(fd);
	file_hook = &power.hook;
}

void power_back(const char *path)
{
	int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC);

	for (struct pending *pending = power.pending; pending;
	     pending = pending->next) {
		switch (power_random(&power.random) % 4) {
		case 0:
		case 1:
			apply(pending, false);
			break;
		case 2:
			apply(pending, pending->kind != FILE_TRUNCATE);
			break;
		default:
			break;
		}
	}
	assert_int_equal(pwrite(fd, power.durable, power.durable_bytes, 0),
			 (ssize_t)power.durable_bytes);
	close(fd);
}
