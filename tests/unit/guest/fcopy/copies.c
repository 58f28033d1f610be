// SPDX-License-Identifier: MIT OR GPL-2.0-only
#define _GNU_SOURCE
#include "tests/unit/guest/fcopy/copies.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char root[TREE_BYTES];
struct copy copy;
static struct fcopy_request request;

int copies_setup(void **state)
{
	(void)state;
	tree_make(root);
	assert_true(copy_init(&copy, ""));
	close(copy.root);
	copy.root = open(root, O_PATH | O_DIRECTORY);
	/* Tests may run as any user. */
	copy.owner = geteuid();
	return copy.root < 0;
}

int copies_teardown(void **state)
{
	(void)state;
	copy_cancel(&copy);
	close(copy.root);
	if (copy.record >= 0)
		close(copy.record);
	tree_remove(root);
	return 0;
}

u32 start(const char *folder, const char *name, u32 flags, u64 size)
{
	memset(&request, 0, sizeof(request));
	request.operation = FCOPY_OPERATION_START;
	strcpy(request.folder, folder);
	strcpy(request.name, name);
	request.flags = flags;
	request.size_bytes = size;
	return copy_serve(&copy, &request);
}

u32 data(u64 offset, const char *bytes, u32 size)
{
	request.operation = FCOPY_OPERATION_DATA;
	request.offset = offset;
	request.data_bytes = size;
	request.data = (const u8 *)bytes;
	return copy_serve(&copy, &request);
}

u32 end(enum fcopy_operation operation)
{
	request.operation = operation;
	return copy_serve(&copy, &request);
}

u32 complete(void)
{
	return end(FCOPY_OPERATION_COMPLETE);
}

int entries(const char *folder)
{
	char path[256];
	struct dirent *entry;
	int count = -2;
	DIR *open;

	snprintf(path, sizeof(path), "%s/%s", root, folder);
	open = opendir(path);
	assert_non_null(open);
	while ((entry = readdir(open)))
		count++;
	closedir(open);
	return count;
}

void assert_content(const char *path, const char *expected)
{
	char full[256], text[64];
	ssize_t size;
	int fd;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	fd = open(full, O_RDONLY);
	assert_true(fd >= 0);
	size = read(fd, text, sizeof(text) - 1);
	assert_true(size >= 0);
	text[size] = '\0';
	assert_string_equal(text, expected);
	close(fd);
}
