/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/vss/vss.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/hyperv.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "guest/lisd/log.h"
#include "guest/lisd/vss/freezer.h"
#include "guest/lisd/vss/hooks.h"
#include "guest/lisd/vss/note.h"
#include "guest/lisd/vss/record.h"
#include "guest/lisd/vss/system.h"
#include "services/ic/wire.h"

#define HOOKS_FOLDER  "/etc/lisd/vss.d"
#define HOOKS_LIMIT_S 45
#define RECORD	      "/run/lisd-frozen"
#define LIMIT_S	      120
#define LIMIT_MAX_S   900
#define MS_PER_S      1000
#define NS_PER_MS     1000000
/* For another daemon to end, and how often it is looked at meanwhile. */
#define OTHER_LIMIT_MS 5000
#define LOOK_MS	       100
/* More than a host's request, so that one that is too long is seen. */
#define REQUEST_BYTES 512

struct vss {
	struct freezer freezer;
	struct system_mounts system;
	u64 limit_ms;
	int hooks_fd; /* -1 without hooks */
	bool frozen;
	bool hooked; /* the freeze hooks ran */
};

static u32 seconds(struct lisd_env *env, const char *name, u32 otherwise)
{
	const char *text = lisd_setting(env, name, NULL);
	unsigned long value;
	char *end;

	if (!text)
		return otherwise;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || !value || value > LIMIT_MAX_S) {
		log_warning("setting %s: '%s' is no number of seconds from 1 "
			    "to %u: %u is used",
			    name, text, LIMIT_MAX_S, otherwise);
		return otherwise;
	}
	return (u32)value;
}

/*
 * What a daemon that was killed together with its watchdog left frozen, thaws
 * before this one does anything else: not even a line can be logged until then.
 */
static void recover(struct lisd_env *env, struct vss *vss, const char *path)
{
	struct timespec pause = { .tv_nsec = LOOK_MS * (long)NS_PER_MS };
	struct record left;
	u32 thawed, waited_ms = 0;
	int error;

	/* One whose supervisor died is about to end: its place is taken then.
	 */
	while ((error = record_left(&left, path)) &&
	       (error == EAGAIN || error == EACCES) &&
	       waited_ms < OTHER_LIMIT_MS) {
		nanosleep(&pause, NULL);
		waited_ms += LOOK_MS;
	}
	if (error)
		return;
	if (!system_read(env, &vss->system)) {
		system_open_quietly(&vss->system, &vss->freezer);
		thawed = freezer_recover(&vss->freezer, left.shared);
		system_free(&vss->system);
		if (thawed)
			log_error("backup: a daemon that was killed left %u "
				  "file systems frozen: they are thawed",
				  thawed);
	}
	record_drop(&left, path);
}

/* Where that can be, what is frozen is known to who comes after both, too. */
static void record_begin(struct vss *vss, const char *path)
{
	struct record record;
	int error = record_make(&record, path);

	if (!error)
		freezer_share(&vss->freezer, record.shared);
	else
		log_warning("backup: no record of what is frozen in %s: %s; "
			    "should this process and its watchdog be killed "
			    "at once, nobody thaws",
			    path, strerror(error));
}

static int vss_prepare(struct lisd_env *env)
{
	static struct vss vss;
	struct rlimit files;
	char path[LISD_PATH_BYTES];
	const char *folder;
	int error;

	/* One descriptor for each file system. */
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	lisd_path(env, path, RECORD);
	error = freezer_init(&vss.freezer, NULL);
	if (error) {
		log_error("backup: no shared memory: %s", strerror(error));
		return -1;
	}
	recover(env, &vss, path);
	record_begin(&vss, path);
	vss.limit_ms = (u64)seconds(env, "vss.limit", LIMIT_S) * MS_PER_S;
	vss.hooks_fd = -1;
	folder = lisd_setting(env, "vss.hooks", NULL);
	if (!folder)
		folder = lisd_path(env, path, HOOKS_FOLDER);
	if (!access(folder, F_OK)) {
		vss.hooks_fd = hooks_start(
			folder, seconds(env, "vss.hooks-limit", HOOKS_LIMIT_S) *
					MS_PER_S);
		if (vss.hooks_fd < 0) {
			log_error("backup: no process for the hooks of %s: %s",
				  folder, strerror(errno));
			return -1;
		}
	}
	env->state = &vss;
	return 0;
}

/* What the host is told; IC_E_FAIL would mean that there is no daemon. */
static u32 status_of(int error)
{
	switch (error) {
	case 0:
		return IC_S_OK;
	case ETIMEDOUT:
		return IC_E_TIMED_OUT;
	case ECANCELED:
		return IC_E_ABORT;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case EAGAIN:
		return IC_E_OUT_OF_MEMORY;
	case EACCES:
	case EPERM:
		return IC_E_ACCESS_DENIED;
	case EROFS:
		return IC_E_WRITE_PROTECTED;
	default:
		return IC_E_WRITE_FAULT;
	}
}

static int hooks_step(struct lisd_env *env, enum hooks_step step)
{
	struct vss *vss = env->state;
	struct hooks_answer answer;

	if (vss->hooks_fd < 0)
		return 0;
	if (!hooks_run(env, vss->hooks_fd, step, &answer)) {
		log_error("backup: the end of the hooks was not waited for");
		return ECANCELED;
	}
	if (answer.error)
		log_error("backup: %s", answer.text);
	return answer.error;
}

/* Whatever is frozen thaws; what was kept for the log is logged. */
static int release(struct lisd_env *env)
{
	struct vss *vss = env->state;
	int error = freezer_thaw(&vss->freezer), hook = 0;

	note_flush();
	if (vss->frozen)
		log_info("backup: the file systems are thawed");
	if (error == ETIMEDOUT)
		log_error("backup: the host did not thaw within %u s: it was "
			  "done without it, and the backup is not consistent",
			  (u32)(vss->limit_ms / MS_PER_S));
	vss->frozen = false;
	system_free(&vss->system);
	if (vss->hooked)
		hook = hooks_step(env, HOOKS_THAW);
	vss->hooked = false;
	return error ? error : hook;
}

static int freeze_now(struct lisd_env *env, int fd)
{
	struct vss *vss = env->state;
	const int closed[] = { fd, env->stop_fd, env->report_fd,
			       vss->hooks_fd };
	const char *failed = NULL;
	int error = system_read(env, &vss->system);

	if (error) {
		log_error("backup: cannot read the mount table: %s",
			  strerror(error));
		return error;
	}
	error = system_open(&vss->system, &vss->freezer, &failed);
	if (!error) {
		log_info("backup: freezing %u file systems",
			 vss->freezer.count);
		error = freezer_freeze(&vss->freezer, vss->limit_ms, closed,
				       PORT_ARRAY_SIZE(closed));
		failed = vss->freezer.failed;
	}
	vss->frozen = !error;
	if (!error)
		return 0;
	note_flush();
	log_error("backup: cannot freeze %s: %s; nothing is frozen",
		  failed ? failed : "the file systems",
		  error == ETIMEDOUT ? "it takes too long" : strerror(error));
	return error;
}

static u32 freeze(struct lisd_env *env, int fd)
{
	struct vss *vss = env->state;
	int error;

	/* A host that was restarted does not know of the freeze before. */
	if (vss->frozen)
		release(env);
	error = hooks_step(env, HOOKS_FREEZE);
	if (error)
		return status_of(error);
	vss->hooked = vss->hooks_fd >= 0;
	error = freeze_now(env, fd);
	if (error)
		release(env);
	return status_of(error);
}

static u32 serve(struct lisd_env *env, int fd, u8 operation)
{
	switch (operation) {
	case VSS_OP_HOT_BACKUP:
		return IC_S_OK;
	case VSS_OP_FREEZE:
		return freeze(env, fd);
	case VSS_OP_THAW:
		return status_of(release(env));
	default:
		return IC_E_NOT_SUPPORTED;
	}
}

static int answer(int fd, u32 status)
{
	struct hv_vss_msg message = { .error = (int)status };
	ssize_t done = write(fd, &message, sizeof(message));

	return done == (ssize_t)sizeof(message) ? 0 : done < 0 ? errno : EIO;
}

/*
 * Wait for a request, for the end, or for the watchdog's end. While frozen
 * nothing but this is called between requests. As lisd_wait().
 */
static int request_wait(struct lisd_env *env, int fd)
{
	struct vss *vss = env->state;
	struct pollfd waits[] = {
		{ .fd = env->stop_fd, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
		{ .fd = vss->freezer.watchdog_fd, .events = POLLIN },
	};
	int found;

	if (!vss->frozen)
		return lisd_wait(env, fd, -1);
	for (;;) {
		found = poll(waits, PORT_ARRAY_SIZE(waits), LISD_PING_MS);
		if (found < 0 && errno != EINTR)
			return -1;
		lisd_ping(env);
		if (found <= 0)
			continue;
		if (waits[0].revents)
			return -1;
		if (waits[1].revents)
			return 1;
		/* The watchdog was killed: holding on would be reckless. */
		return 0;
	}
}

static bool registered(int fd)
{
	struct hv_vss_msg message = { .vss_hdr.operation = VSS_OP_REGISTER1 };

	if (write(fd, &message, sizeof(message)) == (ssize_t)sizeof(message))
		return true;
	log_error("backup: the driver refuses to register: %s",
		  strerror(errno));
	return false;
}

/* One request, in @request with @size_bytes. */
static enum lisd_end request_serve(struct lisd_env *env, int fd,
				   const u8 *request, size_t size_bytes,
				   bool *met)
{
	struct vss *vss = env->state;
	u32 status = IC_E_INVALID_ARGUMENT;
	int error;

	/* The first is the driver's version, and wants no answer. */
	if (!*met && size_bytes == sizeof(u32)) {
		*met = true;
		lisd_ready(env);
		return LISD_STOP;
	}
	if (size_bytes == sizeof(struct hv_vss_msg))
		status = serve(env, fd, request[0]);
	else if (!vss->frozen)
		log_warning("backup: a request of %u bytes is none",
			    (u32)size_bytes);
	error = answer(fd, status);
	if (!error)
		return LISD_STOP;
	/* The driver gave up waiting, or is gone: nobody will thaw. */
	release(env);
	log_error("backup: the driver did not take the answer: %s",
		  strerror(error));
	return LISD_GONE;
}

/* LISD_STOP from request_serve() means "go on" here. */
static enum lisd_end vss_run(struct lisd_env *env, int fd)
{
	enum lisd_end end = LISD_STOP;
	struct vss *vss = env->state;
	u8 request[REQUEST_BYTES];
	bool met = false;
	ssize_t size;
	int found;

	if (!registered(fd))
		return LISD_GONE;
	while (end == LISD_STOP && (found = request_wait(env, fd)) >= 0) {
		if (!found) {
			release(env);
			log_error("backup: the watchdog ended: thawed");
			continue;
		}
		size = read(fd, request, sizeof(request));
		if (size > 0)
			end = request_serve(env, fd, request, (size_t)size,
					    &met);
		else if (!size || (errno != EINTR && errno != EAGAIN))
			end = LISD_GONE;
	}
	if (vss->frozen)
		release(env);
	return end;
}

/* What freezing takes besides what every service may do. */
static const struct sandbox_rule rules[] = {
	SANDBOX_EQUAL(SYS_ioctl, 2, (u32)FIFREEZE),
	SANDBOX_EQUAL(SYS_ioctl, 2, (u32)FITHAW),
	SANDBOX_WITHOUT(SYS_openat, 3, O_CREAT | O_TRUNC),
#ifdef SYS_open
	SANDBOX_WITHOUT(SYS_open, 2, O_CREAT | O_TRUNC),
#endif
#ifdef SYS_readlink
	SANDBOX_CALL(SYS_readlink),
#endif
	SANDBOX_CALL(SYS_readlinkat),
#ifdef SYS_stat
	SANDBOX_CALL(SYS_stat),
#endif
	SANDBOX_CALL(SYS_newfstatat),
	SANDBOX_CALL(SYS_getdents64),
	SANDBOX_CALL(SYS_fcntl),
	SANDBOX_CALL(SYS_inotify_init1),
	SANDBOX_CALL(SYS_inotify_add_watch),
	SANDBOX_CALL(SYS_socketpair),
#ifdef SYS_fork
	SANDBOX_CALL(SYS_fork),
#endif
	SANDBOX_CALL(SYS_clone),
	SANDBOX_CALL(SYS_wait4),
	SANDBOX_CALL(SYS_mlockall),
	SANDBOX_CALL(SYS_munlockall),
	SANDBOX_CALL(SYS_set_tid_address),
};

static const struct lisd_setting settings[] = {
	{ "vss.limit", "seconds that file systems stay frozen at most (120)" },
	{ "vss.hooks",
	  "folder of programs to run before and after (" HOOKS_FOLDER ")" },
	{ "vss.hooks-limit", "seconds for all of them (45)" },
};

const struct lisd_service lisd_vss = {
	.name = "vss",
	.daemon_name = "hv_vss_daemon",
	.description = "Backup (volume snapshot)",
	.device = "/dev/vmbus/hv_vss",
	.class_id = "{35fa2e29-ea23-4236-96ae-3a6ebacba440}",
	.capabilities = 1ull << CAP_SYS_ADMIN | 1ull << CAP_IPC_LOCK |
			1ull << CAP_DAC_READ_SEARCH,
	.rules = rules,
	.rule_count = PORT_ARRAY_SIZE(rules),
	.settings = settings,
	.setting_count = PORT_ARRAY_SIZE(settings),
	.prepare = vss_prepare,
	.run = vss_run,
};
