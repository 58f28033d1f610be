/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/fcopy/uio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/common/text_file.h"
#include "guest/lisd/device.h"
#include "guest/lisd/fcopy/channel.h"
#include "guest/lisd/log.h"
#include "vmbus/status.h"

#define DRIVERS "/sys/bus/vmbus/drivers"

/* Whether @name is "uio" and a number. */
static bool is_uio(const char *name)
{
	size_t digits;

	if (strncmp(name, "uio", 3) != 0)
		return false;
	digits = strspn(name + 3, "0123456789");
	return digits && digits < 6 && !name[3 + digits];
}

/* The node of the device whose folder is @device. */
static enum uio_found device_look(const struct lisd_env *env, int device,
				  char *node)
{
	enum uio_found found = UIO_UNBOUND;
	struct dirent *entry;
	char path[32];
	DIR *folder;
	int fd;

	if (readlinkat(device, "driver", path, sizeof(path)) > 0)
		found = UIO_OTHER;
	fd = openat(device, "uio", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	folder = fd < 0 ? NULL : fdopendir(fd);
	if (!folder) {
		if (fd >= 0)
			close(fd);
		return found;
	}
	while (found != UIO_BOUND && (entry = readdir(folder))) {
		if (!is_uio(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "/dev/%.12s", entry->d_name);
		lisd_path(env, node, path);
		found = UIO_BOUND;
	}
	closedir(folder);
	return found;
}

/* What was found so far, and the node. */
struct uio_search {
	enum uio_found found;
	char *node;
};

static bool search_look(const struct lisd_env *env, int device, void *context)
{
	struct uio_search *search = context;
	enum uio_found one = device_look(env, device, search->node);

	if (search->found == UIO_NONE || one == UIO_BOUND)
		search->found = one;
	return one == UIO_BOUND;
}

enum uio_found uio_find(const struct lisd_env *env, char *node)
{
	struct uio_search search = { .found = UIO_NONE, .node = node };

	device_each(env, FCOPY_CLASS_ID, search_look, &search);
	return search.found;
}

int uio_bind(const struct lisd_env *env)
{
	static const char class[] = FCOPY_CLASS;
	char path[LISD_PATH_BYTES];
	int fd, error = 0;

	fd = open(lisd_path(env, path, DRIVERS "/uio_hv_generic/new_id"),
		  O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	/* EEXIST: somebody did that before. */
	if (write(fd, class, strlen(class)) < 0 && errno != EEXIST)
		error = errno;
	close(fd);
	return error;
}

/* Bytes of both rings; 0 when they are not told. */
static size_t rings_size(const struct lisd_env *env, const char *node)
{
	const char *name = strrchr(node, '/');
	char path[LISD_PATH_BYTES], text[32];
	unsigned long long size;
	char *end;

	if (!name || !is_uio(name + 1))
		return 0;
	snprintf(text, sizeof(text), "%.12s", name + 1);
	if (snprintf(path, sizeof(path), "%s/sys/class/uio/%s/maps/map0/size",
		     env->root, text) >= (int)sizeof(path) ||
	    text_file_read(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return 0;
	size = strtoull(text, &end, 16);
	return end == text || size > 2ull * RING_MAX_BYTES ? 0 : (size_t)size;
}

static bool host_signal(int fd)
{
	const s32 on = 1;

	return write(fd, &on, sizeof(on)) == (ssize_t)sizeof(on);
}

static enum lisd_end serve(struct lisd_env *env, int fd,
			   struct channel *channel, struct copy *copy,
			   int idle_ms)
{
	enum vmbus_status status;
	bool signal;
	u32 count;
	int found;

	for (;;) {
		status = channel_serve(channel, copy, &signal);
		if (status) {
			log_error("file copy: the host broke the protocol: %s",
				  vmbus_status_text(status));
			return LISD_FAIL;
		}
		if (signal && !host_signal(fd))
			return LISD_GONE;
		found = lisd_wait(env, fd, copy->open ? idle_ms : -1);
		if (found < 0)
			return LISD_STOP;
		if (!found) {
			log_notice("file copy: the host has sent nothing more: "
				   "given up");
			copy_cancel(copy);
			continue;
		}
		/* Before the rings are looked at: they may be gone. */
		if (read(fd, &count, sizeof(count)) != (ssize_t)sizeof(count) &&
		    errno != EINTR && errno != EAGAIN)
			return LISD_GONE;
	}
}

enum lisd_end uio_run(struct lisd_env *env, int fd, const char *node,
		      struct copy *copy, int idle_ms)
{
	struct channel channel;
	size_t size_bytes = rings_size(env, node);
	enum vmbus_status status;
	enum lisd_end end = LISD_FAIL;
	void *rings;

	if (!size_bytes) {
		/* Gone already, or not all there yet: look again. */
		log_debug("file copy: the rings of %s have no size", node);
		return LISD_GONE;
	}
	rings = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     0);
	if (rings == MAP_FAILED) {
		log_error("file copy: cannot map the rings of %s: %s", node,
			  strerror(errno));
		return errno == ENODEV ? LISD_GONE : LISD_FAIL;
	}
	status = channel_init(&channel, rings, size_bytes);
	if (status) {
		log_error("file copy: the rings of %s (%zu bytes): %s", node,
			  size_bytes, vmbus_status_text(status));
	} else {
		lisd_ready(env);
		end = serve(env, fd, &channel, copy, idle_ms);
	}
	munmap(rings, size_bytes);
	copy_cancel(copy);
	return end;
}
