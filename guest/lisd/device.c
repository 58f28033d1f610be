/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/common/text_file.h"
#include "guest/lisd/file.h"
#include "guest/lisd/log.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define FADT_VENDOR_OFFSET 268
/* inotify does not see sysfs; a device that udev renames is seen late. */
#define LOOK_AGAIN_MS 1000
/* How often, and how many times, a driver is asked whether it is through. */
#define SETTLE_LOOK_MS 20
#define SETTLE_LOOKS   500

#define DEVICES	       "/sys/bus/vmbus/devices"
#define CHANNEL_OPENED "3"

#if defined(__x86_64__)
static bool cpu_says_hyperv(void)
{
	u32 eax, ebx, ecx, edx;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx >> 31))
		return false;
	__cpuid(0x40000000, eax, ebx, ecx, edx);
	/* "Microsoft Hv" */
	return ebx == 0x7263694d && ecx == 0x666f736f && edx == 0x76482074;
}
#else
static bool cpu_says_hyperv(void)
{
	char vendor[8];
	bool is = false;
	int fd = open("/sys/firmware/acpi/tables/FACP", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (pread(fd, vendor, sizeof(vendor), FADT_VENDOR_OFFSET) ==
	    (ssize_t)sizeof(vendor))
		is = !memcmp(vendor, "MsHyperV", sizeof(vendor));
	close(fd);
	return is;
}
#endif

bool device_is_hyperv(void)
{
	return !access(DEVICES, F_OK) || cpu_says_hyperv();
}

void device_each(const struct lisd_env *env, const char *class_id,
		 bool (*look)(const struct lisd_env *env, int device,
			      void *context),
		 void *context)
{
	char path[LISD_PATH_BYTES], text[64];
	struct dirent *entry;
	DIR *folder = opendir(lisd_path(env, path, DEVICES));
	bool enough = false;
	int device;

	if (!folder)
		return;
	while (!enough && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		device = openat(dirfd(folder), entry->d_name,
				O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (device < 0)
			continue;
		if (text_file_read(device, "class_id", text, sizeof(text)) >
			    0 &&
		    !strncmp(text, class_id, strlen(class_id)))
			enough = look(env, device, context);
		close(device);
	}
	closedir(folder);
}

/* Takes down in @context whether the channel of @device is closed. */
static bool look_closed(const struct lisd_env *env, int device, void *context)
{
	bool *closed = context;
	char text[16];

	(void)env;
	if (text_file_read(device, "state", text, sizeof(text)) > 0)
		*closed = strcspn(text, "\n") != 1 ||
			  strncmp(text, CHANNEL_OPENED, 1) != 0;
	return *closed;
}

bool device_wait_settled(struct lisd_env *env)
{
	struct stat status;
	bool closed;
	u32 looks;

	for (looks = 0; looks < SETTLE_LOOKS; looks++) {
		closed = false;
		if (env->service->class_id && !stat(env->device, &status))
			device_each(env, env->service->class_id, look_closed,
				    &closed);
		if (!closed)
			return true;
		if (lisd_wait(env, -1, SETTLE_LOOK_MS) < 0)
			return false;
	}
	log_debug("%s is there, but its channel is not open: opening it "
		  "nevertheless",
		  env->device);
	return true;
}

bool device_wait_change(struct lisd_env *env, const char *folder)
{
	char path[LISD_PATH_BYTES], *slash;
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), stopped;

	if (fd >= 0 && text_copy(path, sizeof(path), folder)) {
		while (inotify_add_watch(fd, path,
					 IN_CREATE | IN_DELETE | IN_ATTRIB |
						 IN_MOVED_TO) < 0 &&
		       (slash = strrchr(path, '/')) && slash != path)
			*slash = '\0';
	}
	stopped = lisd_wait(env, fd, LOOK_AGAIN_MS);
	if (fd >= 0)
		close(fd);
	return stopped >= 0;
}

bool device_may_come(const char *node, int error, bool *told_busy)
{
	if (error == EBUSY && !*told_busy) {
		log_warning("%s is held by another daemon: waiting for it to "
			    "end",
			    node);
		*told_busy = true;
	}
	if (error == ENOENT || error == EBUSY || error == ENODEV ||
	    error == ENXIO)
		return true;
	log_error("cannot open %s: %s", node, strerror(error));
	return false;
}

int device_open(struct lisd_env *env)
{
	char folder[LISD_PATH_BYTES], *slash;
	bool told_busy = false;
	int fd;

	(void)text_copy(folder, sizeof(folder), env->device);
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	for (;;) {
		if (!env->device_given && !device_wait_settled(env))
			return -1;
		fd = open(env->device, O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			return fd;
		if (env->device_given) {
			log_error("cannot open %s: %s", env->device,
				  strerror(errno));
			return -2;
		}
		if (!device_may_come(env->device, errno, &told_busy))
			return -2;
		/* No host offers it (yet): that is no failure. */
		lisd_ready(env);
		if (!device_wait_change(env, folder))
			return -1;
	}
}
