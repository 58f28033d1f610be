// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Devices of the VMBus in sysfs. */
#define _GNU_SOURCE
#include "guest/common/vmbus_sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/common/text_file.h"

/* sysfs shows at most a page, and there is a NUL behind it. */
#define TEXT_BYTES 4097

static bool blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool printable(char c)
{
	return c >= ' ' && c <= '~';
}

bool vmbus_sysfs_number(const char *text, uint32_t *number)
{
	uint64_t value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > UINT32_MAX)
			return false;
	}
	*number = (uint32_t)value;
	return true;
}

int vmbus_sysfs_attribute(int folder, const char *name, char *text,
			  size_t capacity_bytes)
{
	char buffer[TEXT_BYTES] = "";
	ssize_t size = text_file_read(folder, name, buffer, sizeof(buffer));
	const char *start = buffer, *end;
	size_t length, i;

	text[0] = '\0';
	if (size < 0)
		return (int)size;
	end = memchr(buffer, '\n', (size_t)size);
	if (!end)
		end = buffer + size;
	while (start < end && blank(*start))
		start++;
	while (start < end && blank(end[-1]))
		end--;
	length = (size_t)(end - start);
	if (length >= capacity_bytes)
		return -EINVAL;
	for (i = 0; i < length; i++) {
		if (!printable(start[i]))
			return -EINVAL;
	}
	memcpy(text, start, length);
	text[length] = '\0';
	return (int)length;
}

static int channel_order(const void *left, const void *right)
{
	const struct vmbus_sysfs_channel *a = left, *b = right;

	if (a->relid != b->relid)
		return a->relid < b->relid ? -1 : 1;
	return a->cpu < b->cpu ? -1 : a->cpu > b->cpu;
}

static bool channel_parse(const char *line, size_t length,
			  struct vmbus_sysfs_channel *channel)
{
	char text[24];
	char *colon;

	while (length && blank(line[length - 1]))
		length--;
	while (length && blank(*line)) {
		line++;
		length--;
	}
	if (length >= sizeof(text))
		return false;
	memcpy(text, line, length);
	text[length] = '\0';
	colon = memchr(text, ':', length);
	if (!colon)
		return false;
	*colon = '\0';
	/* A zero byte before or behind the colon ends a number early. */
	return strlen(text) + strlen(colon + 1) + 1 == length &&
	       vmbus_sysfs_number(text, &channel->relid) &&
	       vmbus_sysfs_number(colon + 1, &channel->cpu);
}

uint32_t vmbus_sysfs_channels(const char *text, size_t size_bytes,
			      struct vmbus_sysfs_channel *channels,
			      uint32_t capacity, bool *bad)
{
	const char *end = text + size_bytes, *next;
	uint32_t count = 0;

	*bad = false;
	for (; text < end; text = next + 1) {
		next = memchr(text, '\n', (size_t)(end - text));
		if (!next)
			next = end;
		if (next == text)
			continue;
		if (count == capacity ||
		    !channel_parse(text, (size_t)(next - text),
				   &channels[count]))
			*bad = true;
		else
			count++;
	}
	if (count)
		qsort(channels, count, sizeof(*channels), channel_order);
	return count;
}

static void channels_read(struct vmbus_sysfs_device *device, int folder)
{
	struct vmbus_sysfs_channel found[VMBUS_SYSFS_CHANNELS_MAX];
	char text[TEXT_BYTES * 4];
	ssize_t size = text_file_read(folder, "channel_vp_mapping", text,
				      sizeof(text));
	uint32_t count;
	bool bad;

	if (size < 0) {
		device->broken = "channel_vp_mapping";
		return;
	}
	count = vmbus_sysfs_channels(text, (size_t)size, found,
				     VMBUS_SYSFS_CHANNELS_MAX, &bad);
	if (bad)
		device->broken = "channel_vp_mapping";
	if (!count)
		return;
	device->channels = malloc(count * sizeof(*device->channels));
	if (!device->channels) {
		device->broken = "channel_vp_mapping";
		return;
	}
	memcpy(device->channels, found, count * sizeof(*found));
	device->channel_count = count;
}

/* The last name of what the link "driver" leads to. */
static void driver_read(struct vmbus_sysfs_device *device, int folder)
{
	char target[PATH_MAX];
	ssize_t size = readlinkat(folder, "driver", target, sizeof(target) - 1);
	const char *name;
	size_t i;

	if (size <= 0)
		return;
	target[size] = '\0';
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	if (strlen(name) >= sizeof(device->driver))
		return;
	for (i = 0; name[i]; i++) {
		if (!printable(name[i]))
			return;
	}
	memcpy(device->driver, name, i + 1);
}

static void device_read(struct vmbus_sysfs_device *device, int folder)
{
	char text[VMBUS_SYSFS_NAME_BYTES];

	device->state = VMBUS_SYSFS_STATE_UNKNOWN;
	channels_read(device, folder);
	driver_read(device, folder);
	if (vmbus_sysfs_attribute(folder, "state", text, sizeof(text)) > 0)
		vmbus_sysfs_number(text, &device->state);
	if (vmbus_sysfs_attribute(folder, "device_id", device->device_id,
				  sizeof(device->device_id)) <= 0)
		device->broken = "device_id";
	if (vmbus_sysfs_attribute(folder, "class_id", device->class_id,
				  sizeof(device->class_id)) <= 0)
		device->broken = "class_id";
	if (vmbus_sysfs_attribute(folder, "id", text, sizeof(text)) <= 0 ||
	    !vmbus_sysfs_number(text, &device->id)) {
		device->broken = "id";
		device->id = UINT32_MAX;
	}
}

static int device_order(const void *left, const void *right)
{
	const struct vmbus_sysfs_device *a = left, *b = right;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return strcmp(a->name, b->name);
}

static bool name_usable(const char *name)
{
	size_t i;

	if (name[0] == '.')
		return false;
	for (i = 0; name[i]; i++) {
		if (!printable(name[i]) || i + 1 >= VMBUS_SYSFS_NAME_BYTES)
			return false;
	}
	return true;
}

/* One folder into the list; an errno when there is no memory for it. */
static int device_add(struct vmbus_sysfs *sysfs, int parent, const char *name)
{
	struct vmbus_sysfs_device *grown;
	int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Gone since its name was read, or nothing that the kernel put here. */
	if (folder < 0)
		return 0;
	grown = realloc(sysfs->devices,
			(sysfs->count + 1) * sizeof(*sysfs->devices));
	if (!grown) {
		close(folder);
		return ENOMEM;
	}
	sysfs->devices = grown;
	grown += sysfs->count++;
	memset(grown, 0, sizeof(*grown));
	memcpy(grown->name, name, strlen(name) + 1);
	device_read(grown, folder);
	close(folder);
	return 0;
}

int vmbus_sysfs_read(struct vmbus_sysfs *sysfs, const char *root)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int error = 0;
	DIR *folder;

	memset(sysfs, 0, sizeof(*sysfs));
	if (snprintf(path, sizeof(path), "%s/" VMBUS_SYSFS_FOLDER, root) >=
	    (int)sizeof(path))
		return ENAMETOOLONG;
	folder = opendir(path);
	if (!folder)
		return errno;
	while (!error && sysfs->count < VMBUS_SYSFS_DEVICES_MAX &&
	       (entry = readdir(folder))) {
		if (name_usable(entry->d_name))
			error = device_add(sysfs, dirfd(folder), entry->d_name);
	}
	closedir(folder);
	if (error)
		vmbus_sysfs_free(sysfs);
	else if (sysfs->count)
		qsort(sysfs->devices, sysfs->count, sizeof(*sysfs->devices),
		      device_order);
	return error;
}

void vmbus_sysfs_free(struct vmbus_sysfs *sysfs)
{
	uint32_t i;

	for (i = 0; i < sysfs->count; i++)
		free(sysfs->devices[i].channels);
	free(sysfs->devices);
	memset(sysfs, 0, sizeof(*sysfs));
}
