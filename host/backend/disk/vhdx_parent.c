/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The parent of a differencing VHDX file: where it is, and whether it is still
 * the one ([MS-VHDX] 2.6.2.6).
 */
#define _GNU_SOURCE
#include "host/backend/disk/vhdx.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/backend/disk/image.h"
#include "services/ic/utf16.h"

#define GUID_TEXT_BYTES 39

static const struct vhdx_guid locator_type = VHDX_LOCATOR_TYPE;

/* The keys that are known, in the order in which paths are tried. */
enum key { KEY_LINKAGE, KEY_LINKAGE2, KEY_RELATIVE, KEY_ABSOLUTE, KEY_COUNT };

static const char *const key_names[KEY_COUNT] = {
	"parent_linkage",
	"parent_linkage2",
	"relative_path",
	"absolute_win32_path",
};

static void guid_text(const struct vhdx_guid *guid, char *text)
{
	const u8 *b = guid->bytes;

	snprintf(text, GUID_TEXT_BYTES,
		 "{%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		 "%02x%02x%02x%02x%02x%02x}",
		 b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9],
		 b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* Text of the locator; NULL when it is none, or lies outside. */
static char *text_take(const u8 *locator, u32 locator_bytes, u32 offset,
		       u32 bytes)
{
	char *text;

	if (bytes % 2 || offset > locator_bytes ||
	    bytes > locator_bytes - offset)
		return NULL;
	text = malloc(UTF16_UTF8_BYTES(bytes / 2));
	if (text && utf16_to_utf8(text, UTF16_UTF8_BYTES(bytes / 2),
				  locator + offset, bytes / 2) == UTF16_OK)
		return text;
	free(text);
	return NULL;
}

static void values_free(char *values[KEY_COUNT])
{
	for (int i = 0; i < KEY_COUNT; i++)
		free(values[i]);
}

static void entry_take(const u8 *locator, u32 locator_bytes,
		       const struct vhdx_locator_entry *entry,
		       char *values[KEY_COUNT])
{
	char *key = text_take(locator, locator_bytes, entry->key_offset,
			      entry->key_bytes);

	for (int i = 0; key && i < KEY_COUNT; i++) {
		if (strcmp(key, key_names[i]) != 0 || values[i])
			continue;
		values[i] = text_take(locator, locator_bytes,
				      entry->value_offset, entry->value_bytes);
	}
	free(key);
}

static int locator_read(const struct vhdx *vhdx, char *values[KEY_COUNT],
			struct lis_error *err)
{
	const struct vhdx_metadata *metadata = &vhdx->metadata;
	u32 bytes = metadata->locator_bytes;
	struct vhdx_locator head;
	u8 *locator;
	int ret;

	if (bytes < sizeof(head))
		return lis_error_set(err, EINVAL,
				     "cannot open %s: it does not say what its "
				     "parent is",
				     vhdx->file.path);
	locator = malloc(bytes);
	if (!locator)
		return lis_error_set(err, ENOMEM, "out of memory");
	ret = vhdx_pread(vhdx, locator, bytes, metadata->locator_offset);
	if (ret < 0) {
		free(locator);
		return lis_error_set(err, -ret, "cannot read %s: %s",
				     vhdx->file.path, strerror(-ret));
	}
	memcpy(&head, locator, sizeof(head));
	if (memcmp(&head.type, &locator_type, sizeof(locator_type)) != 0)
		ret = lis_error_set(err, ENOTSUP,
				    "cannot open %s: its parent is not a VHDX "
				    "file",
				    vhdx->file.path);
	for (u32 i = 0; ret == 0 && i < head.count; i++) {
		struct vhdx_locator_entry entry;
		u64 at = sizeof(head) + (u64)i * sizeof(entry);

		if (at + sizeof(entry) > bytes)
			break;
		memcpy(&entry, locator + at, sizeof(entry));
		entry_take(locator, bytes, &entry, values);
	}
	free(locator);
	return ret;
}

/* Windows separates with backslashes. */
static void slashes_turn(char *path)
{
	for (; *path; path++) {
		if (*path == '\\')
			*path = '/';
	}
}

/* A path as seen from the child's folder. */
static char *path_beside(const char *child_path, const char *relative)
{
	const char *slash = strrchr(child_path, '/');
	int folder = slash ? (int)(slash - child_path + 1) : 0;
	char *path;

	if (asprintf(&path, "%.*s%s", folder, child_path, relative) < 0)
		return NULL;
	return path;
}

static bool guid_parse(const char *text, struct vhdx_guid *guid)
{
	static const u8 order[16] = { 3, 2, 1,	0,  5,	4,  7,	6,
				      8, 9, 10, 11, 12, 13, 14, 15 };
	int k = 0;

	if (*text == '{')
		text++;
	for (; k < 16; k++, text += 2) {
		unsigned int byte;

		if (*text == '-')
			text++;
		if (strlen(text) < 2 || sscanf(text, "%2x", &byte) != 1)
			return false;
		guid->bytes[order[k]] = (u8)byte;
	}
	return true;
}

static int path_choose(const struct vhdx *vhdx, char *values[KEY_COUNT],
		       char **path, struct lis_error *err)
{
	*path = NULL;
	if (values[KEY_RELATIVE]) {
		slashes_turn(values[KEY_RELATIVE]);
		*path = path_beside(vhdx->file.path, values[KEY_RELATIVE]);
		if (!*path)
			return lis_error_set(err, ENOMEM, "out of memory");
	}
	if ((!*path || access(*path, F_OK) != 0) && values[KEY_ABSOLUTE] &&
	    values[KEY_ABSOLUTE][0] == '/') {
		free(*path);
		*path = strdup(values[KEY_ABSOLUTE]);
		if (!*path)
			return lis_error_set(err, ENOMEM, "out of memory");
	}
	if (!*path)
		return lis_error_set(err, EINVAL,
				     "cannot open %s: it does not say where "
				     "its parent is",
				     vhdx->file.path);
	return 0;
}

int vhdx_parent_path(const struct vhdx *vhdx, char **path,
		     struct vhdx_guid *linkage, struct lis_error *err)
{
	char *values[KEY_COUNT] = { NULL };
	int ret = locator_read(vhdx, values, err);

	if (ret == 0 &&
	    (!values[KEY_LINKAGE] || !guid_parse(values[KEY_LINKAGE], linkage)))
		ret = lis_error_set(err, EINVAL,
				    "cannot open %s: it does not say which "
				    "parent it belongs to",
				    vhdx->file.path);
	if (ret == 0)
		ret = path_choose(vhdx, values, path, err);
	values_free(values);
	return ret;
}

int vhdx_parent_open(struct vhdx *vhdx, const struct disk_options *options,
		     u32 depth, struct lis_error *err)
{
	struct disk_options parent = {
		.format = DISK_FORMAT_VHDX,
		.read_only = true,
		.cache = options->cache,
	};
	struct vhdx_guid linkage = { 0 };
	char *path = NULL;
	int ret;

	if (depth + 1 >= VHDX_CHAIN_MAX)
		return lis_error_set(err, EINVAL,
				     "cannot open %s: more than %u images "
				     "depend on one another",
				     vhdx->file.path, VHDX_CHAIN_MAX);
	ret = vhdx_parent_path(vhdx, &path, &linkage, err);
	if (ret < 0)
		return ret;
	parent.path = path;
	ret = vhdx_open_depth(&vhdx->parent, &parent, depth + 1, err);
	free(path);
	if (ret < 0)
		return lis_error_prefix(err, ret, "the parent of %s",
					vhdx->file.path);
	if (memcmp(&linkage, &vhdx_of(vhdx->parent)->header.data_write,
		   sizeof(linkage)) != 0)
		return lis_error_set(err, EINVAL,
				     "cannot open %s: its parent %s was "
				     "written to since",
				     vhdx->file.path,
				     vhdx_of(vhdx->parent)->file.path);
	if (vhdx->parent->info.sector_bytes != vhdx->metadata.sector_bytes)
		return lis_error_set(err, EINVAL,
				     "cannot open %s: its parent has sectors "
				     "of another size",
				     vhdx->file.path);
	return 0;
}

/* How to get from one absolute path's folder to another path. */
static char *path_from(const char *from, const char *to)
{
	size_t common = 0, ups = 0;
	char *path, *at;

	for (size_t i = 0; from[i] && from[i] == to[i]; i++) {
		if (from[i] == '/')
			common = i + 1;
	}
	for (const char *c = from + common; *c; c++)
		ups += *c == '/';
	path = malloc(3 * ups + strlen(to + common) + 3);
	if (!path)
		return NULL;
	at = path;
	if (ups == 0)
		at = stpcpy(at, "./");
	while (ups--)
		at = stpcpy(at, "../");
	stpcpy(at, to + common);
	return path;
}

/* Appends text in UTF-16 without its end. Returns its bytes, 0: no UTF-8. */
static u32 text_put(u8 *locator, u32 at, u32 capacity, const char *text)
{
	u32 units;

	if (utf16_from_utf8(locator + at, (capacity - at) / 2, &units, text) !=
	    UTF16_OK)
		return 0;
	return (units - 1) * 2;
}

static int locator_fill(u8 *locator, u32 capacity, const char *linkage,
			char *relative, u32 *bytes)
{
	const struct pair {
		const char *key, *value;
	} pairs[] = {
		{ key_names[KEY_LINKAGE], linkage },
		{ key_names[KEY_RELATIVE], relative },
	};
	struct vhdx_locator head = { .type = locator_type, .count = 2 };
	u32 at = sizeof(head) + 2 * sizeof(struct vhdx_locator_entry);

	for (char *c = relative; *c; c++) {
		if (*c == '/')
			*c = '\\';
	}
	memcpy(locator, &head, sizeof(head));
	for (u32 i = 0; i < 2; i++) {
		struct vhdx_locator_entry entry = { .key_offset = at };
		u32 key = text_put(locator, at, capacity, pairs[i].key);
		u32 value;

		entry.key_bytes = (u16)key;
		at += key;
		entry.value_offset = at;
		value = text_put(locator, at, capacity, pairs[i].value);
		if (!key || !value || value > 0xffff)
			return -EILSEQ;
		entry.value_bytes = (u16)value;
		at += value;
		memcpy(locator + sizeof(head) + i * sizeof(entry), &entry,
		       sizeof(entry));
	}
	*bytes = at;
	return 0;
}

int vhdx_locator_make(const struct vhdx_guid *linkage, const char *child_path,
		      const char *parent_path, void **locator, u32 *bytes)
{
	char linkage_text[GUID_TEXT_BYTES];
	char *child = realpath(child_path, NULL);
	char *parent = realpath(parent_path, NULL);
	char *relative = NULL;
	u32 capacity = 0;
	int ret = errno ? -errno : -EIO;

	if (child && parent) {
		relative = path_from(child, parent);
		ret = -ENOMEM;
	}
	if (relative) {
		capacity = 1024 + 4 * (u32)strlen(relative);
		*locator = calloc(1, capacity);
		ret = *locator ? 0 : -ENOMEM;
	}
	if (ret == 0 && relative) {
		guid_text(linkage, linkage_text);
		ret = locator_fill(*locator, capacity, linkage_text, relative,
				   bytes);
		if (ret < 0)
			free(*locator);
	}
	free(child);
	free(parent);
	free(relative);
	return ret;
}
