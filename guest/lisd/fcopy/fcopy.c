/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/fcopy/fcopy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/lisd/device.h"
#include "guest/lisd/fcopy/copy.h"
#include "guest/lisd/fcopy/node.h"
#include "guest/lisd/fcopy/uio.h"
#include "guest/lisd/file.h"
#include "guest/lisd/log.h"

#define RECORD	   "/run/lisd-copy"
#define NODE	   "/dev/vmbus/hv_fcopy"
#define UIO_DRIVER "/sys/bus/vmbus/drivers/uio_hv_generic"
#define MODPROBE   "/proc/sys/kernel/modprobe"
/* The first kernel that leaves file copy to user space. */
#define UIO_MAJOR 6
#define UIO_MINOR 10
/* A host that says nothing for so long in the midst of a file is gone. */
#define IDLE_S	   120
#define IDLE_MAX_S 86400
#define MS_PER_S   1000
/* A device is bound soon after it appears: look more than once. */
#define UNBOUND_LOOKS 2

struct fcopy {
	struct copy copy;
	int idle_ms;
	bool uio; /* what open() found */
	char node[LISD_PATH_BYTES];
	bool told_driver;
};

static bool kernel_uses_uio(void)
{
	struct utsname name;
	unsigned int major, minor;

	return !uname(&name) &&
	       sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	       (major > UIO_MAJOR ||
		(major == UIO_MAJOR && minor >= UIO_MINOR));
}

/*
 * The driver is a module that nothing asks for: it has no device of its own.
 * What the kernel itself would run to load one is run here.
 */
static void driver_load(void)
{
	char program[LISD_PATH_BYTES] = "";
	char *arguments[] = { program, "-q", "uio_hv_generic", NULL };
	char *environment[] = { "PATH=/sbin:/usr/sbin:/bin:/usr/bin", NULL };
	pid_t pid;

	if (file_read(MODPROBE, program, sizeof(program)) < 0)
		return;
	program[strcspn(program, "\n")] = '\0';
	if (program[0] != '/')
		return;
	pid = fork();
	if (!pid) {
		execve(program, arguments, environment);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int idle_setting(struct lisd_env *env)
{
	const char *text = lisd_setting(env, "fcopy.idle", NULL);
	unsigned long value;
	char *end;

	if (!text)
		return IDLE_S * MS_PER_S;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (!errno && end != text && !*end && value && value <= IDLE_MAX_S)
		return (int)value * MS_PER_S;
	log_warning("setting fcopy.idle: '%s' is no number of seconds from 1 "
		    "to %u: %u is used",
		    text, IDLE_MAX_S, IDLE_S);
	return IDLE_S * MS_PER_S;
}

static int fcopy_prepare(struct lisd_env *env)
{
	static struct fcopy fcopy;
	char path[LISD_PATH_BYTES];
	int fd;

	if (!copy_init(&fcopy.copy, lisd_setting(env, "fcopy.folders", ""))) {
		log_error("setting fcopy.folders: it is longer than %u bytes",
			  COPY_ALLOWED_BYTES - 1);
		return -1;
	}
	fd = open(lisd_path(env, path, RECORD),
		  O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		copy_record(&fcopy.copy, fd);
	fcopy.idle_ms = idle_setting(env);
	if (!env->device_given && kernel_uses_uio() &&
	    access(lisd_path(env, path, UIO_DRIVER), F_OK))
		driver_load();
	env->state = &fcopy;
	return 0;
}

static void bind_try(struct lisd_env *env, struct fcopy *fcopy)
{
	int error = uio_bind(env);

	if (!error || fcopy->told_driver)
		return;
	fcopy->told_driver = true;
	if (error == ENOENT)
		log_warning("file copy: the host offers it, but the driver "
			    "uio_hv_generic is not loaded: run 'modprobe "
			    "uio_hv_generic'");
	else
		log_warning("file copy: the driver uio_hv_generic does not "
			    "take the device: %s",
			    strerror(error));
}

/* The node of either kind, in @node, that can be opened now; -1 and errno. */
static int open_now(struct lisd_env *env, u32 *unbound_looks, const char **node)
{
	struct fcopy *fcopy = env->state;
	enum uio_found found;
	int fd;

	fcopy->uio = false;
	*node = env->device;
	fd = open(env->device, O_RDWR | O_CLOEXEC);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	found = uio_find(env, fcopy->node);
	if (found == UIO_UNBOUND && ++*unbound_looks >= UNBOUND_LOOKS) {
		bind_try(env, fcopy);
		found = uio_find(env, fcopy->node);
	}
	if (found != UIO_BOUND) {
		errno = ENOENT;
		return -1;
	}
	fcopy->uio = true;
	*node = fcopy->node;
	fd = open(fcopy->node, O_RDWR | O_CLOEXEC);
	/* The offer was taken back since its node was found. */
	if (fd < 0 && (errno == EINVAL || errno == EAGAIN))
		errno = ENODEV;
	return fd;
}

static int fcopy_open(struct lisd_env *env)
{
	u32 unbound_looks = 0;
	bool told_busy = false;
	const char *node;
	int fd;

	if (env->device_given)
		return device_open(env);
	for (;;) {
		if (!device_wait_settled(env))
			return -1;
		fd = open_now(env, &unbound_looks, &node);
		if (fd >= 0)
			return fd;
		if (!device_may_come(node, errno, &told_busy))
			return -2;
		/* No host offers it (yet): that is no failure. */
		lisd_ready(env);
		if (!device_wait_change(env, "/dev"))
			return -1;
	}
}

static enum lisd_end fcopy_run(struct lisd_env *env, int fd)
{
	struct fcopy *fcopy = env->state;

	if (fcopy->uio)
		return uio_run(env, fd, fcopy->node, &fcopy->copy,
			       fcopy->idle_ms);
	return node_run(env, fd, &fcopy->copy, fcopy->idle_ms);
}

/* What writing files takes besides what every service may do. */
static const struct sandbox_rule rules[] = {
	SANDBOX_CALL(SYS_openat),
#ifdef SYS_open
	SANDBOX_CALL(SYS_open),
#endif
#ifdef SYS_readlink
	SANDBOX_CALL(SYS_readlink),
#endif
#ifdef SYS_stat
	SANDBOX_CALL(SYS_stat),
#endif
	SANDBOX_CALL(SYS_readlinkat),
	SANDBOX_CALL(SYS_newfstatat),
	SANDBOX_CALL(SYS_fstatfs),
	SANDBOX_CALL(SYS_getdents64),
	SANDBOX_CALL(SYS_fcntl),
	SANDBOX_CALL(SYS_mkdirat),
	SANDBOX_CALL(SYS_linkat),
	SANDBOX_CALL(SYS_unlinkat),
#ifdef SYS_renameat
	SANDBOX_CALL(SYS_renameat),
#endif
	SANDBOX_CALL(SYS_renameat2),
	SANDBOX_CALL(SYS_ftruncate),
	SANDBOX_CALL(SYS_fsync),
	SANDBOX_CALL(SYS_sync_file_range),
	SANDBOX_CALL(SYS_fchmod),
	SANDBOX_CALL(SYS_fchown),
	SANDBOX_CALL(SYS_getrandom),
	SANDBOX_CALL(SYS_inotify_init1),
	SANDBOX_CALL(SYS_inotify_add_watch),
};

static const struct lisd_setting settings[] = {
	{ "fcopy.folders",
	  "folders that may be written to, ':' between them (any)" },
	{ "fcopy.idle", "seconds to wait for more of a file (120)" },
};

const struct lisd_service lisd_fcopy = {
	.name = "fcopy",
	.daemon_name = "hv_fcopy_daemon",
	.other_name = "hv_fcopy_uio_daemon",
	.description = "Guest Service Interface (file copy)",
	.device = NODE,
	.class_id = FCOPY_CLASS_ID,
	.capabilities = 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH |
			1ull << CAP_CHOWN | 1ull << CAP_FOWNER,
	.rules = rules,
	.rule_count = PORT_ARRAY_SIZE(rules),
	.settings = settings,
	.setting_count = PORT_ARRAY_SIZE(settings),
	.prepare = fcopy_prepare,
	.open = fcopy_open,
	.run = fcopy_run,
};
