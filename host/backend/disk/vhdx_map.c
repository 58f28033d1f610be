/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The block map of a VHDX file, and the room in the file ([MS-VHDX] 2.5).
 */
#define _GNU_SOURCE
#include "host/backend/disk/vhdx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Far past what 64 TiB need; bounds what a file can make us reserve. */
#define FILE_MIB_MAX (1ull << 27)

/* --- runs of MiB, ordered by where they start --- */

int vhdx_runs_add(struct vhdx_runs *runs, u64 start, u64 count)
{
	u64 at = runs->count;

	while (at > 0 && runs->runs[at - 1].start > start)
		at--;
	if (at > 0 &&
	    runs->runs[at - 1].start + runs->runs[at - 1].count == start) {
		runs->runs[at - 1].count += count;
		return 0;
	}
	if (at < runs->count && start + count == runs->runs[at].start) {
		runs->runs[at].start = start;
		runs->runs[at].count += count;
		return 0;
	}
	if (runs->count == runs->capacity) {
		u64 capacity = runs->capacity ? 2 * runs->capacity : 64;
		struct vhdx_run *grown =
			realloc(runs->runs, capacity * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		runs->runs = grown;
		runs->capacity = capacity;
	}
	memmove(&runs->runs[at + 1], &runs->runs[at],
		(runs->count - at) * sizeof(*runs->runs));
	runs->runs[at] = (struct vhdx_run){ start, count };
	runs->count++;
	return 0;
}

u64 vhdx_runs_take(struct vhdx_runs *runs, u64 count)
{
	for (u64 i = 0; i < runs->count; i++) {
		struct vhdx_run *run = &runs->runs[i];
		u64 start = run->start;

		if (run->count < count)
			continue;
		run->start += count;
		run->count -= count;
		if (run->count == 0) {
			runs->count--;
			memmove(run, run + 1, (runs->count - i) * sizeof(*run));
		}
		return start;
	}
	return 0;
}

/* --- the table --- */

u64 vhdx_bat_entries(u64 blocks, u64 chunk_ratio, bool has_parent)
{
	if (has_parent)
		return (blocks + chunk_ratio - 1) / chunk_ratio *
		       (chunk_ratio + 1);
	return blocks + (blocks - 1) / chunk_ratio;
}

static void entry_dirty(struct vhdx *vhdx, u64 index)
{
	u64 page = index / VHDX_BAT_PAGE_ENTRIES;

	vhdx->bat_dirty[page / 64] |= 1ull << page % 64;
	vhdx->dirty = true;
}

void vhdx_block_dirty(struct vhdx *vhdx, u64 block)
{
	entry_dirty(vhdx, block + block / vhdx->chunk_ratio);
}

void vhdx_block_set(struct vhdx *vhdx, u64 block, u64 entry)
{
	u64 word = port_load(&vhdx->map[block]);

	while (!__atomic_compare_exchange_n(&vhdx->map[block], &word,
					    entry | VHDX_REFS_OF(word), false,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	vhdx_block_dirty(vhdx, block);
}

void vhdx_bat_page(const struct vhdx *vhdx, u64 page, u64 *entries)
{
	u64 stride = vhdx->chunk_ratio + 1;

	for (u64 i = 0; i < VHDX_BAT_PAGE_ENTRIES; i++) {
		u64 index = page * VHDX_BAT_PAGE_ENTRIES + i;
		u64 chunk = index / stride, within = index % stride;
		u64 block = chunk * vhdx->chunk_ratio + within;

		entries[i] = 0;
		if (within == vhdx->chunk_ratio) {
			if (chunk < vhdx->bitmap_count &&
			    vhdx->bitmaps[chunk].offset)
				entries[i] = vhdx->bitmaps[chunk].offset |
					     VHDX_BITMAP_PRESENT;
		} else if (block < vhdx->map_bytes / sizeof(u64)) {
			entries[i] = port_load(&vhdx->map[block]) & ~VHDX_REFS;
		}
	}
}

/* A place at the end of the file, or where something was. */
static int room_take(struct vhdx *vhdx, u64 count, u64 *start)
{
	int ret;

	*start = vhdx_runs_take(&vhdx->free, count);
	if (*start)
		return 0;
	ret = file_truncate(&vhdx->file, (vhdx->end_mib + count) * VHDX_MIB);
	if (ret < 0)
		return ret;
	*start = vhdx->end_mib;
	vhdx->end_mib += count;
	return 0;
}

static u64 block_mib(const struct vhdx *vhdx)
{
	return vhdx->metadata.block_bytes / VHDX_MIB;
}

/* Gives the block's chunk a bitmap, in which none of its sectors is here. */
static int bitmap_begin(struct vhdx *vhdx, u64 block)
{
	struct vhdx_bitmap *bitmap = &vhdx->bitmaps[block / vhdx->chunk_ratio];
	u64 start;
	int ret;

	if (!bitmap->offset) {
		ret = room_take(vhdx, 1, &start);
		if (ret < 0)
			return ret;
		bitmap->words = calloc(1, VHDX_BITMAP_BYTES);
		if (!bitmap->words) {
			vhdx_runs_add(&vhdx->free, start, 1);
			return -ENOMEM;
		}
		bitmap->offset = start * VHDX_MIB;
		/* Its entry stands after the chunk's last block. */
		entry_dirty(vhdx, (block / vhdx->chunk_ratio + 1) *
						  (vhdx->chunk_ratio + 1) -
					  1);
		return 0;
	}
	ret = vhdx_bitmap_load(vhdx, block / vhdx->chunk_ratio);
	if (ret == 0)
		vhdx_bitmap_clear(vhdx, block);
	return ret;
}

int vhdx_block_allocate(struct vhdx *vhdx, u64 block, u64 *word)
{
	u64 old = port_load(&vhdx->map[block]), start = 0;
	u64 state = VHDX_BLOCK_FULLY_PRESENT;
	int ret = 0;

	*word = old;
	if (vhdx_mapped(old))
		return 0;
	if (vhdx->failed)
		return -EIO;
	/* The request came before the disk got smaller. */
	if (block >= vhdx->block_count)
		return -ERANGE;
	if (vhdx->parent && (old & VHDX_STATE_MASK) == VHDX_BLOCK_NOT_PRESENT) {
		state = VHDX_BLOCK_PARTIALLY_PRESENT;
		ret = bitmap_begin(vhdx, block);
	}
	if (ret == 0)
		ret = room_take(vhdx, block_mib(vhdx), &start);
	if (ret < 0)
		return ret;
	/* An unmapped block may have kept its old place. */
	if (vhdx_place(old))
		vhdx_runs_add(&vhdx->freed, vhdx_place(old) / VHDX_MIB,
			      block_mib(vhdx));
	*word = start * VHDX_MIB | state;
	vhdx_block_set(vhdx, block, *word);
	return 0;
}

bool vhdx_block_free(struct vhdx *vhdx, u64 block, bool fixed)
{
	u64 word = port_load(&vhdx->map[block]);

	if (!vhdx_mapped(word)) {
		/* In a parent's place there are zeros from now on. */
		if (vhdx->parent &&
		    (word & VHDX_STATE_MASK) == VHDX_BLOCK_NOT_PRESENT)
			vhdx_block_set(vhdx, block, VHDX_BLOCK_ZERO);
		return true;
	}
	if ((vhdx->metadata.leave_allocated && !fixed) || VHDX_REFS_OF(word) ||
	    !__atomic_compare_exchange_n(&vhdx->map[block], &word,
					 VHDX_BLOCK_ZERO, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		return false;
	vhdx_block_dirty(vhdx, block);
	/* Without memory for this note the room stays unused until the image
	 * is opened again. */
	vhdx_runs_add(&vhdx->freed, vhdx_place(word) / VHDX_MIB,
		      block_mib(vhdx));
	return true;
}

/* --- reading it --- */

/* Which MiB of the file are taken, while the table is read. */
struct taken {
	u64 *bits;
	u64 mib;
};

static bool taken_add(struct taken *taken, u64 start, u64 count)
{
	if (start > taken->mib || count > taken->mib - start)
		return false;
	for (u64 i = start; i < start + count; i++) {
		if (taken->bits[i / 64] & 1ull << i % 64)
			return false;
		taken->bits[i / 64] |= 1ull << i % 64;
	}
	return true;
}

static int damaged(const struct vhdx *vhdx, const char *what, u64 block,
		   struct lis_error *err)
{
	return lis_error_set(err, EINVAL,
			     "cannot open %s: the VHDX file is damaged: the "
			     "place of %s %llu %s",
			     vhdx->file.path, what, (unsigned long long)block,
			     "is outside the file, or another's");
}

/*
 * Past the disk's end: a block that was in use when it got smaller, say. The
 * next commit clears its entry, before its room can be another's.
 */
static void entry_drop(struct vhdx *vhdx, u64 index, u64 entry)
{
	u64 page = index / VHDX_BAT_PAGE_ENTRIES;

	if (entry)
		vhdx->bat_dirty[page / 64] |= 1ull << page % 64;
}

static int entry_take(struct vhdx *vhdx, struct taken *taken, u64 index,
		      u64 entry, struct lis_error *err)
{
	u64 stride = vhdx->chunk_ratio + 1;
	u64 chunk = index / stride, within = index % stride;
	u64 block = chunk * vhdx->chunk_ratio + within;
	u64 place = vhdx_place(entry) / VHDX_MIB;

	entry &= VHDX_BAT_OFFSET_MASK | VHDX_STATE_MASK;
	if (within == vhdx->chunk_ratio) {
		/* Without a parent these entries mean nothing. */
		if (!vhdx->metadata.has_parent || chunk >= vhdx->bitmap_count ||
		    (entry & VHDX_STATE_MASK) != VHDX_BITMAP_PRESENT)
			return 0;
		if (!taken_add(taken, place, 1))
			return damaged(vhdx, "bitmap", chunk, err);
		vhdx->bitmaps[chunk].offset = place * VHDX_MIB;
		return 0;
	}
	if (block >= vhdx->block_count) {
		entry_drop(vhdx, index, entry);
		return 0;
	}
	vhdx->map[block] = entry;
	if (!vhdx_mapped(entry)) {
		/* A place that it kept is its own, if nobody else's. */
		if (place && !taken_add(taken, place, block_mib(vhdx)))
			vhdx->map[block] = entry & VHDX_STATE_MASK;
		return 0;
	}
	if (!taken_add(taken, place, block_mib(vhdx)))
		return damaged(vhdx, "block", block, err);
	if ((entry & VHDX_STATE_MASK) == VHDX_BLOCK_PARTIALLY_PRESENT &&
	    !vhdx->metadata.has_parent)
		return damaged(vhdx, "partial block", block, err);
	return 0;
}

static int table_read(struct vhdx *vhdx, struct taken *taken,
		      struct lis_error *err)
{
	u64 entries = vhdx->bat_bytes / VHDX_BAT_ENTRY_BYTES;
	u64 piece_bytes = entries * VHDX_BAT_ENTRY_BYTES;
	u64 *piece;
	int ret = 0;

	if (piece_bytes > VHDX_MIB)
		piece_bytes = VHDX_MIB;
	piece = malloc(piece_bytes);
	if (!piece)
		return lis_error_set(err, ENOMEM, "out of memory");
	for (u64 index = 0; index < entries && ret == 0; index++) {
		u64 at = index * VHDX_BAT_ENTRY_BYTES;

		if (at % piece_bytes == 0)
			ret = vhdx_pread(vhdx, piece, piece_bytes,
					 vhdx->bat_offset + at);
		if (ret < 0) {
			lis_error_set(err, -ret, "cannot read %s: %s",
				      vhdx->file.path, strerror(-ret));
			break;
		}
		ret = entry_take(vhdx, taken, index,
				 piece[at % piece_bytes / VHDX_BAT_ENTRY_BYTES],
				 err);
	}
	free(piece);
	return ret;
}

/* A partial block is nothing without its chunk's bitmap. */
static int partial_check(const struct vhdx *vhdx, struct lis_error *err)
{
	for (u64 block = 0; block < vhdx->block_count; block++) {
		if ((vhdx->map[block] & VHDX_STATE_MASK) ==
			    VHDX_BLOCK_PARTIALLY_PRESENT &&
		    !vhdx->bitmaps[block / vhdx->chunk_ratio].offset)
			return damaged(vhdx, "the bitmap for block", block,
				       err);
	}
	return 0;
}

/* What nobody has is used again, once it reads as zeros. */
static int gaps_find(struct vhdx *vhdx, const struct taken *taken)
{
	u64 start = 0;

	for (u64 i = 0; i <= taken->mib; i++) {
		if (i < taken->mib && !(taken->bits[i / 64] & 1ull << i % 64))
			continue;
		if (i > start &&
		    vhdx_runs_add(&vhdx->freed, start, i - start) < 0)
			return -ENOMEM;
		start = i + 1;
	}
	return 0;
}

static bool regions_take(const struct vhdx *vhdx, struct taken *taken)
{
	bool apart = taken_add(taken, 0, 1) &&
		     taken_add(taken, vhdx->header.log_offset / VHDX_MIB,
			       vhdx->header.log_bytes / VHDX_MIB) &&
		     taken_add(taken, vhdx->bat_offset / VHDX_MIB,
			       vhdx->bat_bytes / VHDX_MIB) &&
		     taken_add(taken, vhdx->metadata_offset / VHDX_MIB,
			       vhdx->metadata_bytes / VHDX_MIB);

	for (u64 i = 0; i < vhdx->others.count && apart; i++)
		apart = taken_add(taken, vhdx->others.runs[i].start,
				  vhdx->others.runs[i].count);
	return apart;
}

static int map_make(struct vhdx *vhdx)
{
	u64 chunks;

	/* Whole chunks, as many as the table has room for. */
	vhdx->map_bytes =
		(DISK_SIZE_BYTES_MAX >> vhdx->block_shift) * sizeof(u64);
	vhdx->map = mmap(NULL, vhdx->map_bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (vhdx->map == MAP_FAILED) {
		vhdx->map = NULL;
		return -ENOMEM;
	}
	vhdx->bat_dirty =
		calloc(vhdx->bat_bytes / VHDX_PAGE_BYTES / 64 + 1, sizeof(u64));
	if (!vhdx->bat_dirty)
		return -ENOMEM;
	if (!vhdx->metadata.has_parent)
		return 0;
	chunks =
		(vhdx->block_count + vhdx->chunk_ratio - 1) / vhdx->chunk_ratio;
	vhdx->bitmap_count = chunks;
	vhdx->bitmaps = calloc(chunks, sizeof(*vhdx->bitmaps));
	return vhdx->bitmaps ? 0 : -ENOMEM;
}

int vhdx_map_read(struct vhdx *vhdx, struct lis_error *err)
{
	const struct vhdx_metadata *metadata = &vhdx->metadata;
	struct taken taken;
	u64 file_bytes;
	int ret;

	vhdx->block_shift = (u32)__builtin_ctz(metadata->block_bytes);
	vhdx->block_count =
		(metadata->size_bytes + metadata->block_bytes - 1) >>
		vhdx->block_shift;
	vhdx->chunk_ratio = VHDX_CHUNK_SECTORS * metadata->sector_bytes /
			    metadata->block_bytes;
	if (vhdx_bat_entries(vhdx->block_count, vhdx->chunk_ratio,
			     metadata->has_parent) >
	    vhdx->bat_bytes / VHDX_BAT_ENTRY_BYTES)
		return lis_error_set(
			err, EINVAL,
			"cannot open %s: the VHDX file is damaged: "
			"its block table is too short for its size",
			vhdx->file.path);
	ret = file_size(&vhdx->file, &file_bytes);
	taken.mib = (file_bytes + VHDX_MIB - 1) / VHDX_MIB;
	vhdx->end_mib = taken.mib;
	if (ret == 0 && taken.mib > FILE_MIB_MAX)
		ret = -EFBIG;
	if (ret == 0)
		ret = map_make(vhdx);
	if (ret < 0)
		return lis_error_set(err, -ret, "cannot open %s: %s",
				     vhdx->file.path, strerror(-ret));
	taken.bits = calloc(taken.mib / 64 + 1, sizeof(u64));
	if (!taken.bits)
		return lis_error_set(err, ENOMEM, "out of memory");
	if (!regions_take(vhdx, &taken))
		ret = lis_error_set(err, EINVAL,
				    "cannot open %s: the VHDX file is damaged: "
				    "its regions overlap",
				    vhdx->file.path);
	if (ret == 0)
		ret = table_read(vhdx, &taken, err);
	if (ret == 0 && metadata->has_parent)
		ret = partial_check(vhdx, err);
	if (ret == 0 && gaps_find(vhdx, &taken) < 0)
		ret = lis_error_set(err, ENOMEM, "out of memory");
	free(taken.bits);
	return ret;
}

void vhdx_map_release(struct vhdx *vhdx)
{
	if (vhdx->map)
		munmap(vhdx->map, vhdx->map_bytes);
	for (u64 i = 0; i < vhdx->bitmap_count; i++)
		free(vhdx->bitmaps[i].words);
	free(vhdx->bitmaps);
	free(vhdx->bat_dirty);
	free(vhdx->others.runs);
	free(vhdx->free.runs);
	free(vhdx->freed.runs);
	free(vhdx->commit.freed.runs);
	for (u64 i = 0; i < vhdx->overlay_count; i++)
		free(vhdx->overlay[i].page);
	free(vhdx->overlay);
}
