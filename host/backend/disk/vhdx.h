/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vhdx.h - an open VHDX image, for the files that make it up.
 *
 * Here: what vhdx_*.c share. Not here: the layout (vhdx_wire.h).
 *
 * How an image stays whole: the block map lives in memory. A write to a block
 * that has no place gets one that reads as zeros, and goes there; only a flush
 * makes the map durable, in this order: data and the file's length; the changed
 * pages of the map, in one entry of the log; (the flush is done); the pages in
 * their place; and only then is room of freed blocks given to others. A crash
 * at any point leaves the map of the last flush.
 */
#ifndef HOST_BACKEND_DISK_VHDX_H
#define HOST_BACKEND_DISK_VHDX_H

#include <pthread.h>

#include "host/backend/disk/layer.h"
#include "host/backend/disk/vhdx_wire.h"

/* What a file's metadata says. */
struct vhdx_metadata {
	u32 block_bytes;
	bool leave_allocated; /* a fixed image */
	bool has_parent;
	u64 size_bytes;
	struct vhdx_guid identity;
	u32 sector_bytes;
	u32 physical_sector_bytes;
	u64 size_offset;    /* in the file, of the item that holds the size */
	u64 locator_offset; /* in the file; 0: none */
	u32 locator_bytes;
};

/* Pages that the log holds, for reading an image that must not be changed. */
struct vhdx_overlay {
	u64 offset;
	u8 *page; /* NULL: zeros */
	u64 bytes;
};

/* Room in the file, in MiB. */
struct vhdx_run {
	u64 start, count;
};

struct vhdx_runs {
	struct vhdx_run *runs;
	u64 count, capacity;
};

/* The bits of a chunk's sectors: 1 is in this image, 0 in its parent. */
struct vhdx_bitmap {
	u64 offset;   /* in the file, 0: none */
	u64 *words;   /* VHDX_BITMAP_BYTES, NULL: not read yet */
	u64 dirty[4]; /* one bit for each page */
};

/* Pages of one entry: two entries always fit into the smallest log. */
#define VHDX_COMMIT_PAGES 80u

/* Making the map durable, in rounds, by the queue of its first flush. */
struct vhdx_commit {
	bool running;
	struct io *io;
	struct io_task begin; /* on that queue's thread */
	struct file_op op;
	struct iovec iov;
	bool more;	/* another round is needed */
	u64 file_bytes; /* how long the file was for these pages */
	u8 *entry;	/* the log entry being made */
	u64 entry_bytes;
	u8 *pages;
	u64 offsets[VHDX_COMMIT_PAGES]; /* of the pages, in the file */
	u32 page_count, written;
	struct disk_request *flushes; /* done when this is */
	struct vhdx_runs freed;	      /* given to others when this is done */
	u64 freed_next;
};

struct vhdx {
	struct disk disk;
	struct file file;
	struct vhdx_metadata metadata;
	struct vhdx_header header; /* the current one */
	u32 header_slot;	   /* 0 or 1: where it lies */
	bool replayed;		   /* the log had something at opening */
	u64 bat_offset, bat_bytes;
	u64 metadata_offset, metadata_bytes;
	struct vhdx_overlay *overlay;
	u64 overlay_count;
	struct vhdx_runs others; /* regions that are not known, nor required */

	u32 block_shift;
	u64 block_count, chunk_ratio;
	/*
	 * One word for each block: a BAT entry, whose bits 3 to 19 count the
	 * transfers under way in the block. Changed under the lock, except for
	 * that count. Reserved for the largest disk, so that it never moves.
	 */
	u64 *map;
	u64 map_bytes;
	struct vhdx_bitmap *bitmaps; /* differencing: one for each chunk */
	u64 bitmap_count, bitmap_capacity;
	struct disk *parent;

	pthread_mutex_t lock; /* all that follows */
	bool touched;	      /* the header says that the file was written to */
	bool log_used;	      /* and that the log has something */
	struct vhdx_guid log; /* of this opening's entries */
	bool failed;	      /* what was written cannot be made durable */
	u64 *bat_dirty;	      /* bits of pages */
	bool dirty;	      /* some page is, or freed has something */
	bool size_dirty;      /* the size in the metadata */
	u8 size_page[VHDX_PAGE_BYTES];
	u64 end_mib;		/* of the file */
	struct vhdx_runs free;	/* room that reads as zeros */
	struct vhdx_runs freed; /* room to be made zero after a commit */
	struct vhdx_commit commit;
	struct disk_request *flushes, **flushes_end; /* for the next commit */
	u64 log_head;	  /* from the log's start: after the last entry */
	u64 log_sequence; /* of the next entry */
};

#define VHDX_REF	   (1ull << 3)
#define VHDX_REFS	   (((1ull << 17) - 1) << 3)
#define VHDX_REFS_OF(word) ((word)&VHDX_REFS)

static inline struct vhdx *vhdx_of(struct disk *disk)
{
	return (struct vhdx *)disk;
}

static inline u64 vhdx_place(u64 word)
{
	return word & VHDX_BAT_OFFSET_MASK;
}

static inline bool vhdx_mapped(u64 word)
{
	return (word & VHDX_STATE_MASK) >= VHDX_BLOCK_FULLY_PRESENT;
}

/* --- vhdx_header.c: identifier, headers, region table --- */

/* Reads them; file and header. Result: 0 or -errno with a sentence. */
int vhdx_header_read(struct vhdx *vhdx, struct lis_error *err);
int vhdx_regions_read(struct vhdx *vhdx, struct lis_error *err);
/* Writes header as the next one, durably. */
int vhdx_header_write(struct vhdx *vhdx);
/* Fills both headers and region tables of a new file. */
int vhdx_header_create(const struct file *file, const struct vhdx *vhdx);
void vhdx_guid_make(struct vhdx_guid *guid);
bool vhdx_guid_is_zero(const struct vhdx_guid *guid);

/* --- vhdx_log.c --- */

/*
 * Brings what the log holds into the file, or into overlay when it is
 * read-only. Result: 0 or -errno with a sentence.
 */
int vhdx_log_replay(struct vhdx *vhdx, struct lis_error *err);
/* Builds the entry of commit's pages; its place is at log_head then. */
void vhdx_log_entry_make(struct vhdx *vhdx);
/* Metadata as the log has it: overlay over the file. */
int vhdx_pread(const struct vhdx *vhdx, void *buffer, u64 size_bytes,
	       u64 offset);

/* --- vhdx_metadata.c --- */

int vhdx_metadata_read(struct vhdx *vhdx, struct lis_error *err);
/* A metadata region of 1 MiB for a new image; locator may be NULL. */
void vhdx_metadata_make(const struct vhdx_metadata *metadata,
			const void *locator, u32 locator_bytes, u8 *region);

/* --- vhdx_map.c: the block map and the room in the file --- */

int vhdx_map_read(struct vhdx *vhdx, struct lis_error *err);
void vhdx_map_release(struct vhdx *vhdx);
/* Entries that the table has for so many blocks. */
u64 vhdx_bat_entries(u64 blocks, u64 chunk_ratio, bool has_parent);
/* A page of the table, as it is to be in the file. */
void vhdx_bat_page(const struct vhdx *vhdx, u64 page, u64 *entries);
/* Under the lock. Gives the block a place; word receives its entry. */
int vhdx_block_allocate(struct vhdx *vhdx, u64 block, u64 *word);
/*
 * Under the lock. Frees the block unless it is in use, or a fixed image's;
 * whether it did. fixed: those, too.
 */
bool vhdx_block_free(struct vhdx *vhdx, u64 block, bool fixed);
/* Under the lock. A page of the table has to be written. */
void vhdx_block_dirty(struct vhdx *vhdx, u64 block);
/* Under the lock. Another entry, with the transfers under way kept. */
void vhdx_block_set(struct vhdx *vhdx, u64 block, u64 entry);
int vhdx_runs_add(struct vhdx_runs *runs, u64 start, u64 count);
/* Takes so many MiB in succession; 0: there are none. */
u64 vhdx_runs_take(struct vhdx_runs *runs, u64 count);

/* --- vhdx_bitmap.c --- */

/* Under the lock: reads the chunk's bits if need be. */
int vhdx_bitmap_load(struct vhdx *vhdx, u64 chunk);
/* Under the lock, loaded: none of the block's sectors is here. */
void vhdx_bitmap_clear(struct vhdx *vhdx, u64 block);
/*
 * Takes the lock. How many sectors of one block from here on, up to count, are
 * alike; *here tells how. Result: 0 or -errno.
 */
int vhdx_bitmap_run(struct vhdx *vhdx, u64 sector, u64 *count, bool *here);
/* Takes the lock. Sectors of one block are in this image from now on. */
int vhdx_bitmap_set(struct vhdx *vhdx, u64 sector, u64 count);

/* --- vhdx_commit.c --- */

/* A flush: the request is done when everything before it is durable. */
void vhdx_flush(struct disk_queue *queue, struct disk_request *request);
/* Commits everything and waits; any thread that has no queue of its own. */
int vhdx_commit_all(struct vhdx *vhdx);
/* Whether a commit is under way on this ring; blocks for a step of it then. */
bool vhdx_commit_wait(struct vhdx *vhdx, struct io *io);
/* Before the first change: tells in the header. */
int vhdx_touch(struct vhdx *vhdx);

/* --- vhdx_io.c --- */

void vhdx_submit(struct disk_queue *queue, struct disk_request *request);

/* --- vhdx_parent.c --- */

/* Opens the parent that the metadata names, read-only. depth: of vhdx. */
int vhdx_parent_open(struct vhdx *vhdx, const struct disk_options *options,
		     u32 depth, struct lis_error *err);
/* The parent's path as the image names it; freed by the caller. */
int vhdx_parent_path(const struct vhdx *vhdx, char **path,
		     struct vhdx_guid *linkage, struct lis_error *err);
/*
 * A locator for a parent, from the child's folder; freed by the caller.
 * Result: 0, -ENOMEM, or -EILSEQ for a path that is not UTF-8.
 */
int vhdx_locator_make(const struct vhdx_guid *linkage, const char *child_path,
		      const char *parent_path, void **locator, u32 *bytes);

/* --- vhdx.c --- */

int vhdx_open_depth(struct disk **disk, const struct disk_options *options,
		    u32 depth, struct lis_error *err);

#endif
