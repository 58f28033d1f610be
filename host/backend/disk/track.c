/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A bit per chunk says what changed since the last backup, another what the
 * backup under way has still to read. A write is counted as a change when it is
 * done: whatever a backup may have read too early is in the next one.
 */
#define _GNU_SOURCE
#include "host/backend/disk/track.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "host/backend/disk/layer.h"

#define CHUNKS_MAX (1ull << 25)
#define WORD_BITS  64

struct track {
	struct disk base; /* first */
	u64 chunk_bytes;
	pthread_mutex_t lock;
	u64 *changed; /* chunks written since the last good backup */
	u64 words;    /* of each bitmap */
	bool since_backup;
	struct disk_backup *backup; /* atomic; NULL: none under way */
};

/* A write on its way to the layer below. */
struct track_write {
	struct disk_request lower;
	struct disk_request *upper;
	struct disk_queue *queue; /* the filter's */
	struct track_write *next; /* while it is held back */
	struct io_task task;
	bool below;	/* the lower layer has it */
	bool cancelled; /* ends when its task runs */
};

struct disk_backup {
	struct track *track;
	u64 disk_bytes;
	u64 bytes;
	u64 *pending; /* chunks to be read */
	u64 *before;  /* what had changed before it began */
	u64 cursor;   /* no chunk before this one is pending */
	u64 taking;   /* chunk that is being read */
	struct track_write *held, **held_end;
};

static void bit_set(u64 *bits, u64 index)
{
	bits[index / WORD_BITS] |= 1ull << (index % WORD_BITS);
}

static void bit_clear(u64 *bits, u64 index)
{
	bits[index / WORD_BITS] &= ~(1ull << (index % WORD_BITS));
}

static u64 chunk_count(const struct track *track, u64 bytes)
{
	return (bytes + track->chunk_bytes - 1) / track->chunk_bytes;
}

/* The first chunk from @index to before @end whose bit is set, or @end. */
static u64 bit_next(const u64 *bits, u64 index, u64 end)
{
	while (index < end) {
		u64 word = bits[index / WORD_BITS] >> (index % WORD_BITS);

		if (word) {
			index += (u64)__builtin_ctzll(word);
			return index < end ? index : end;
		}
		index = (index / WORD_BITS + 1) * WORD_BITS;
	}
	return end;
}

/* ---- writes ---- */

/* Chunks of a request, those behind the bitmaps' end left out. */
static void chunks_of(const struct track *track,
		      const struct disk_request *request, u64 *first, u64 *end)
{
	u64 most = track->words * WORD_BITS;

	*first = request->offset_bytes / track->chunk_bytes;
	*end = chunk_count(track, request->offset_bytes + request->size_bytes);
	if (*end > most)
		*end = most;
	if (*first > *end)
		*first = *end;
}

static void write_done(struct disk_request *request, int error)
{
	struct track_write *write = request->context;
	struct disk_request *upper = write->upper;
	struct track *track = (struct track *)write->queue->disk;
	u64 first, end;

	chunks_of(track, upper, &first, &end);
	pthread_mutex_lock(&track->lock);
	for (u64 i = first; i < end; i++)
		bit_set(track->changed, i);
	pthread_mutex_unlock(&track->lock);
	free(write);
	upper->done(upper, error);
}

/* Whether the backup has still to read something that @write overwrites. */
static bool waits_for(const struct disk_backup *backup,
		      const struct track_write *write)
{
	u64 count = chunk_count(backup->track, backup->disk_bytes);
	u64 first, end;

	chunks_of(backup->track, write->upper, &first, &end);
	if (end > count)
		end = count;
	return bit_next(backup->pending, first, end) < end;
}

/* Whether @write has to wait; the backup knows of it then. */
static bool held_back(struct track *track, struct track_write *write)
{
	struct disk_backup *backup;
	bool held;

	if (!port_load_acquire(&track->backup))
		return false;
	pthread_mutex_lock(&track->lock);
	backup = track->backup;
	held = backup && waits_for(backup, write);
	if (held) {
		write->next = NULL;
		*backup->held_end = write;
		backup->held_end = &write->next;
	}
	pthread_mutex_unlock(&track->lock);
	return held;
}

static void write_go(struct track_write *write)
{
	struct track *track = (struct track *)write->queue->disk;

	if (held_back(track, write))
		return;
	write->below = true;
	layer_submit(write->queue->lower, &write->lower);
}

/* On the thread of the queue that the write came from. */
static void write_again(struct io_task *task)
{
	struct track_write *write =
		(struct track_write *)((char *)task -
				       offsetof(struct track_write, task));

	if (write->cancelled) {
		struct disk_request *upper = write->upper;

		free(write);
		upper->done(upper, -ECANCELED);
		return;
	}
	write_go(write);
}

static void track_submit(struct disk_queue *queue, struct disk_request *request)
{
	struct track_write *write;

	if (request->op == DISK_READ || request->op == DISK_FLUSH) {
		layer_submit(queue->lower, request);
		return;
	}
	write = calloc(1, sizeof(*write));
	request_internal(request)->layer[0] = (u64)(uintptr_t)write;
	if (!write) {
		request_later(queue, request, -ENOMEM);
		return;
	}
	write->lower.op = request->op;
	write->lower.flags = request->flags;
	write->lower.offset_bytes = request->offset_bytes;
	write->lower.size_bytes = request->size_bytes;
	write->lower.iov = request->iov;
	write->lower.iov_count = request->iov_count;
	write->lower.done = write_done;
	write->lower.context = write;
	write->upper = request;
	write->queue = queue;
	write->task.run = write_again;
	write_go(write);
}

static bool lower_cancel(struct disk_queue *lower, struct disk_request *request)
{
	return lower->disk->class->cancel &&
	       lower->disk->class->cancel(lower, request);
}

/* A write that is held back need not wait to end. */
static void held_post(struct track *track, struct track_write *write)
{
	struct disk_backup *backup;
	struct track_write **at;

	pthread_mutex_lock(&track->lock);
	backup = track->backup;
	at = backup ? &backup->held : NULL;
	while (at && *at && *at != write)
		at = &(*at)->next;
	/* One that is in no list was posted already. */
	if (at && *at) {
		*at = write->next;
		if (!*at)
			backup->held_end = at;
		io_post(write->queue->io, &write->task);
	}
	pthread_mutex_unlock(&track->lock);
}

static bool track_cancel(struct disk_queue *queue, struct disk_request *request)
{
	struct track_write *write;

	if (request->op == DISK_READ || request->op == DISK_FLUSH)
		return lower_cancel(queue->lower, request);
	write = (struct track_write *)(uintptr_t)request_internal(request)
			->layer[0];
	if (!write)
		return false;
	if (write->below)
		return lower_cancel(queue->lower, &write->lower);
	if (!write->cancelled)
		held_post((struct track *)queue->disk, write);
	write->cancelled = true;
	return true;
}

/* Writes that were held back go on, but for those that still have to wait. */
static void release(struct disk_backup *backup, bool all)
{
	struct track_write *write = backup->held, *next;

	backup->held = NULL;
	backup->held_end = &backup->held;
	for (; write; write = next) {
		next = write->next;
		if (!all && waits_for(backup, write)) {
			write->next = NULL;
			*backup->held_end = write;
			backup->held_end = &write->next;
		} else {
			io_post(write->queue->io, &write->task);
		}
	}
}

/* ---- the filter ---- */

static void track_close(struct disk *disk)
{
	struct track *track = (struct track *)disk;

	pthread_mutex_destroy(&track->lock);
	free(track->changed);
	free(track);
}

/* Makes the bitmap long enough for @size_bytes; what is new has changed. */
static int bitmap_grow(struct track *track, u64 size_bytes)
{
	u64 count = chunk_count(track, size_bytes);
	u64 words = (count + WORD_BITS - 1) / WORD_BITS;
	u64 *bits;

	if (words <= track->words)
		return 0;
	bits = realloc(track->changed, words * sizeof(*bits));
	if (!bits)
		return -ENOMEM;
	memset(bits + track->words, 0xff,
	       (words - track->words) * sizeof(*bits));
	track->changed = bits;
	track->words = words;
	return 0;
}

static int track_resize(struct disk *disk, u64 size_bytes,
			struct lis_error *err)
{
	struct track *track = (struct track *)disk;
	int ret = -EBUSY;

	pthread_mutex_lock(&track->lock);
	if (!track->backup)
		ret = bitmap_grow(track, size_bytes);
	pthread_mutex_unlock(&track->lock);
	if (ret == -EBUSY)
		return lis_error_set(err, EBUSY,
				     "cannot resize while a backup of the disk "
				     "is under way");
	if (ret < 0)
		return lis_error_set(err, -ret, "out of memory");
	return disk_resize(disk->lower, size_bytes, err);
}

static const struct disk_class track_class = {
	.name = "track",
	.close = track_close,
	.submit = track_submit,
	.cancel = track_cancel,
	.resize = track_resize,
};

int track_open(struct disk **disk, struct lis_error *err)
{
	struct track *track = calloc(1, sizeof(*track));
	u64 size_bytes = disk_size(*disk);

	if (!track)
		return lis_error_set(err, ENOMEM, "out of memory");
	track->chunk_bytes = TRACK_CHUNK_BYTES;
	while (chunk_count(track, size_bytes) > CHUNKS_MAX)
		track->chunk_bytes *= 2;
	if (bitmap_grow(track, size_bytes) < 0) {
		free(track);
		return lis_error_set(err, ENOMEM, "out of memory");
	}
	pthread_mutex_init(&track->lock, NULL);
	layer_init(&track->base, &track_class, *disk);
	*disk = &track->base;
	return 0;
}

/* The filter in a stack, or NULL. */
static struct track *track_of(struct disk *disk)
{
	while (disk && disk->class != &track_class)
		disk = disk->lower;
	return (struct track *)disk;
}

/* ---- backups ---- */

static int extent_pending(void *context, u64 offset_bytes, u64 size_bytes,
			  bool data)
{
	struct disk_backup *backup = context;
	const struct track *track = backup->track;
	u64 end = chunk_count(track, offset_bytes + size_bytes);

	for (u64 i = offset_bytes / track->chunk_bytes; data && i < end; i++)
		bit_set(backup->pending, i);
	return 0;
}

/* Decides what is to be read; the lock is held. */
static int backup_plan(struct disk_backup *backup, bool changed_only)
{
	struct track *track = backup->track;
	u64 count = chunk_count(track, backup->disk_bytes);
	int ret = 0;

	if (changed_only)
		memcpy(backup->pending, track->changed,
		       track->words * sizeof(u64));
	else
		ret = disk_extents(track->base.lower, 0, backup->disk_bytes,
				   extent_pending, backup);
	if (ret < 0)
		return ret;
	for (u64 i = bit_next(backup->pending, 0, count); i < count;
	     i = bit_next(backup->pending, i + 1, count))
		backup->bytes += track->chunk_bytes;
	if (backup->bytes > backup->disk_bytes)
		backup->bytes = backup->disk_bytes;
	return 0;
}

static struct disk_backup *backup_make(struct track *track)
{
	struct disk_backup *backup = calloc(1, sizeof(*backup));

	if (!backup)
		return NULL;
	backup->pending = calloc(track->words, sizeof(u64));
	if (!backup->pending) {
		free(backup);
		return NULL;
	}
	backup->track = track;
	backup->disk_bytes = disk_size(&track->base);
	backup->taking = ULLONG_MAX;
	backup->held_end = &backup->held;
	return backup;
}

int disk_backup_begin(struct disk *disk, bool changed_only,
		      struct disk_backup **result, struct lis_error *err)
{
	struct track *track = track_of(disk);
	struct disk_backup *backup = NULL;
	u64 *unchanged = NULL;
	int ret;

	if (!track)
		return lis_error_set(err, ENOTSUP,
				     "changes of this disk are not tracked");
	pthread_mutex_lock(&track->lock);
	if (track->backup) {
		ret = -EBUSY;
	} else {
		backup = backup_make(track);
		unchanged = calloc(track->words, sizeof(u64));
		ret = backup && unchanged
			      ? backup_plan(backup,
					    changed_only && track->since_backup)
			      : -ENOMEM;
	}
	if (ret == 0) {
		/* What changed until now is kept until the copy is good. */
		backup->before = track->changed;
		track->changed = unchanged;
		port_store_release(&track->backup, backup);
	}
	pthread_mutex_unlock(&track->lock);
	if (ret == 0) {
		*result = backup;
		return 0;
	}
	free(unchanged);
	if (backup)
		free(backup->pending);
	free(backup);
	return lis_error_set(err, -ret, "%s",
			     ret == -EBUSY ? "another backup of the disk is "
					     "under way"
					   : strerror(-ret));
}

bool disk_backup_again(const struct disk *disk)
{
	struct track *track = track_of((struct disk *)disk);
	bool again;

	if (!track)
		return false;
	pthread_mutex_lock(&track->lock);
	again = track->since_backup;
	pthread_mutex_unlock(&track->lock);
	return again;
}

u64 disk_backup_bytes(const struct disk_backup *backup)
{
	return backup->bytes;
}

u64 disk_backup_disk_bytes(const struct disk_backup *backup)
{
	return backup->disk_bytes;
}

/* The chunk that a write waits for, or the next in order, or ULLONG_MAX. */
static u64 chunk_next(struct disk_backup *backup)
{
	struct track *track = backup->track;
	u64 count = chunk_count(track, backup->disk_bytes);
	u64 first, end, index;

	if (backup->held) {
		chunks_of(track, backup->held->upper, &first, &end);
		if (end > count)
			end = count;
		index = bit_next(backup->pending, first, end);
		if (index < end)
			return index;
	}
	backup->cursor = bit_next(backup->pending, backup->cursor, count);
	return backup->cursor < count ? backup->cursor : ULLONG_MAX;
}

bool disk_backup_next(struct disk_backup *backup, u64 *offset_bytes,
		      u64 *size_bytes)
{
	struct track *track = backup->track;
	u64 index, left;

	pthread_mutex_lock(&track->lock);
	index = chunk_next(backup);
	backup->taking = index;
	pthread_mutex_unlock(&track->lock);
	if (index == ULLONG_MAX)
		return false;
	*offset_bytes = index * track->chunk_bytes;
	left = backup->disk_bytes - *offset_bytes;
	*size_bytes = left < track->chunk_bytes ? left : track->chunk_bytes;
	return true;
}

void disk_backup_taken(struct disk_backup *backup)
{
	struct track *track = backup->track;

	pthread_mutex_lock(&track->lock);
	if (backup->taking != ULLONG_MAX)
		bit_clear(backup->pending, backup->taking);
	backup->taking = ULLONG_MAX;
	release(backup, false);
	pthread_mutex_unlock(&track->lock);
}

void disk_backup_end(struct disk_backup *backup, bool complete)
{
	struct track *track = backup->track;

	pthread_mutex_lock(&track->lock);
	port_store_release(&track->backup, (struct disk_backup *)NULL);
	if (complete)
		track->since_backup = true;
	for (u64 i = 0; !complete && i < track->words; i++)
		track->changed[i] |= backup->before[i];
	release(backup, true);
	pthread_mutex_unlock(&track->lock);
	free(backup->before);
	free(backup->pending);
	free(backup);
}
