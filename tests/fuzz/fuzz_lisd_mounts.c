/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A mount table of any kind, and devices of any kind behind it.
 *
 * Input: 16 bytes that say what is behind devices, then the table. Every text
 * must lie in the table, no file system be chosen twice, and no chosen one be a
 * loop device whose file is on another that is chosen.
 */
#include "tests/fuzz/bytes.h"

#include "guest/lisd/vss/mounts.h"

#define CAPACITY 64
#define HEAD	 16

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes);

static u8 head[HEAD];

static enum mounts_backing backing(void *context, u32 major, u32 minor,
				   u32 *file_mount_id)
{
	u8 what = head[(major * 7 + minor) % HEAD];

	(void)context;
	*file_mount_id = what >> 2;
	return what % 3;
}

static void check_text(const char *text, const char *start, size_t size_bytes)
{
	require(text >= start && text < start + size_bytes, "a text outside");
	require(memchr(text, '\0', (size_t)(start + size_bytes - text)),
		"a text without an end");
}

static void check(const struct mounts *mounts, const char *text, size_t size)
{
	u32 i, j, id;

	for (i = 0; i < mounts->count; i++) {
		const struct mount *mount = &mounts->list[i];

		check_text(mount->point, text, size);
		check_text(mount->type, text, size);
		check_text(mount->source, text, size);
		require(mount->point[0] == '/', "a relative mount point");
		if (mount->skip)
			continue;
		require(!mount->super_read_only, "read-only is chosen");
		for (j = 0; j < i; j++)
			require(mounts->list[j].skip ||
					mounts->list[j].major != mount->major ||
					mounts->list[j].minor != mount->minor,
				"one file system twice");
		id = 0;
		if (backing(NULL, mount->major, mount->minor, &id) !=
		    MOUNTS_BACKING_LOOP)
			continue;
		require(id, "a loop device of which nothing is known");
		for (j = 0; j < mounts->count; j++)
			require(mounts->list[j].id != id ||
					mounts->list[j].skip,
				"a loop device on what is frozen");
	}
}

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes)
{
	struct bytes bytes = { input, input_bytes };
	static struct mount list[CAPACITY];
	struct mounts mounts;
	size_t size;
	char *text;

	bytes_take(&bytes, head, sizeof(head));
	size = bytes.left;
	text = malloc(size ? size : 1);
	if (!text)
		return 0;
	memcpy(text, bytes.at, size);
	if (mounts_parse(&mounts, text, size, list, CAPACITY)) {
		mounts_choose(&mounts, backing, NULL);
		check(&mounts, text, size);
	}
	free(text);
	return 0;
}
