// SPDX-License-Identifier: MIT OR GPL-2.0-only
#define _GNU_SOURCE
#include "tests/unit/guest/tools/tree.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void tree_make(char *root)
{
	strcpy(root, "/tmp/lis-tree-XXXXXX");
	assert_non_null(mkdtemp(root));
}

static void path_make(char *full, size_t capacity, const char *root,
		      const char *path)
{
	char *slash;

	assert_true(snprintf(full, capacity, "%s/%s", root, path) <
		    (int)capacity);
	for (slash = strchr(full + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
}

void tree_file(const char *root, const char *path, const void *data,
	       size_t size_bytes)
{
	char full[512];
	int fd;

	path_make(full, sizeof(full), root, path);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size_bytes), (ssize_t)size_bytes);
	close(fd);
}

void tree_text(const char *root, const char *path, const char *text)
{
	tree_file(root, path, text, strlen(text));
}

void tree_link(const char *root, const char *path, const char *target)
{
	char full[512];

	path_make(full, sizeof(full), root, path);
	assert_int_equal(symlink(target, full), 0);
}

void tree_device(const char *root, const char *name, const char *class_id,
		 const char *id, const char *channels, const char *driver)
{
	const struct {
		const char *attribute;
		const char *text;
	} rows[] = {
		{ "class_id", class_id },
		{ "device_id", "{eb765408-105f-49b6-b4aa-c123b64d17d4}\n" },
		{ "id", id },
		{ "channel_vp_mapping", channels },
		{ "state", "3\n" },
	};
	char path[256];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(path, sizeof(path), "bus/vmbus/devices/%s/%s", name,
			 rows[i].attribute);
		if (rows[i].text)
			tree_text(root, path, rows[i].text);
	}
	snprintf(path, sizeof(path), "bus/vmbus/devices/%s/driver", name);
	if (driver)
		tree_link(root, path, driver);
}

static int remove_one(const char *path, const struct stat *stat, int type,
		      struct FTW *where)
{
	(void)stat;
	(void)type;
	(void)where;
	return remove(path);
}

void tree_remove(const char *root)
{
	assert_int_equal(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}
