/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Which sectors of a differencing VHDX file's partial blocks are its own
 * ([MS-VHDX] 2.4, 2.5.1.2).
 */
#define _GNU_SOURCE
#include "host/backend/disk/vhdx.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE_SECTORS (VHDX_PAGE_BYTES * 8)

int vhdx_bitmap_load(struct vhdx *vhdx, u64 chunk)
{
	struct vhdx_bitmap *bitmap = &vhdx->bitmaps[chunk];
	u64 *words;
	int ret;

	if (bitmap->words)
		return 0;
	words = calloc(1, VHDX_BITMAP_BYTES);
	if (!words)
		return -ENOMEM;
	ret = bitmap->offset ? vhdx_pread(vhdx, words, VHDX_BITMAP_BYTES,
					  bitmap->offset)
			     : 0;
	if (ret < 0) {
		free(words);
		return ret;
	}
	bitmap->words = words;
	return 0;
}

static u64 block_sectors(const struct vhdx *vhdx)
{
	return vhdx->metadata.block_bytes / vhdx->metadata.sector_bytes;
}

static bool bit(const u64 *words, u64 i)
{
	return words[i / 64] >> i % 64 & 1;
}

static void page_dirty(struct vhdx *vhdx, struct vhdx_bitmap *bitmap, u64 i)
{
	u64 page = i / PAGE_SECTORS;

	bitmap->dirty[page / 64] |= 1ull << page % 64;
	vhdx->dirty = true;
}

static void bits_write(struct vhdx *vhdx, struct vhdx_bitmap *bitmap, u64 first,
		       u64 count, bool value)
{
	for (u64 i = first; i < first + count;) {
		u64 mask = ~0ull, step = 64;

		if (i % 64 || first + count - i < 64) {
			mask = 1ull << i % 64;
			step = 1;
		}
		if ((bitmap->words[i / 64] & mask) != (value ? mask : 0)) {
			bitmap->words[i / 64] &= ~mask;
			bitmap->words[i / 64] |= value ? mask : 0;
			page_dirty(vhdx, bitmap, i);
		}
		i += step;
	}
}

void vhdx_bitmap_clear(struct vhdx *vhdx, u64 block)
{
	struct vhdx_bitmap *bitmap = &vhdx->bitmaps[block / vhdx->chunk_ratio];

	bits_write(vhdx, bitmap,
		   block % vhdx->chunk_ratio * block_sectors(vhdx),
		   block_sectors(vhdx), false);
}

int vhdx_bitmap_run(struct vhdx *vhdx, u64 sector, u64 *count, bool *here)
{
	u64 chunk = sector / VHDX_CHUNK_SECTORS, run = 0;
	u64 first = sector % VHDX_CHUNK_SECTORS;
	const u64 *words;
	int ret;

	pthread_mutex_lock(&vhdx->lock);
	ret = vhdx_bitmap_load(vhdx, chunk);
	words = vhdx->bitmaps[chunk].words;
	if (ret == 0) {
		*here = bit(words, first);
		while (run < *count && bit(words, first + run) == *here)
			run++;
		*count = run;
	}
	pthread_mutex_unlock(&vhdx->lock);
	return ret;
}

/* Whether all sectors of the block are here. */
static bool block_whole(const struct vhdx *vhdx,
			const struct vhdx_bitmap *bitmap, u64 block)
{
	u64 sectors = block_sectors(vhdx);
	u64 first = block % vhdx->chunk_ratio * sectors;

	/* A block has at least 256 sectors. */
	for (u64 i = first; i < first + sectors; i += 64) {
		if (bitmap->words[i / 64] != ~0ull)
			return false;
	}
	return true;
}

int vhdx_bitmap_set(struct vhdx *vhdx, u64 sector, u64 count)
{
	u64 chunk = sector / VHDX_CHUNK_SECTORS;
	u64 block = sector / block_sectors(vhdx), word;
	struct vhdx_bitmap *bitmap = &vhdx->bitmaps[chunk];
	int ret;

	pthread_mutex_lock(&vhdx->lock);
	ret = vhdx_bitmap_load(vhdx, chunk);
	word = port_load(&vhdx->map[block]);
	/* A write that ended before may have made the block whole. */
	if (ret == 0 &&
	    (word & VHDX_STATE_MASK) == VHDX_BLOCK_PARTIALLY_PRESENT) {
		bits_write(vhdx, bitmap, sector % VHDX_CHUNK_SECTORS, count,
			   true);
		if (block_whole(vhdx, bitmap, block))
			vhdx_block_set(vhdx, block,
				       vhdx_place(word) |
					       VHDX_BLOCK_FULLY_PRESENT);
	}
	pthread_mutex_unlock(&vhdx->lock);
	return ret;
}
