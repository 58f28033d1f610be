/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/device.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "guest/lisd/file.h"
#include "guest/lisd/log.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define FADT_VENDOR_OFFSET 268
/* inotify does not see sysfs; a device that udev renames is seen late. */
#define LOOK_AGAIN_MS 1000

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
	return !access("/sys/bus/vmbus/devices", F_OK) || cpu_says_hyperv();
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
