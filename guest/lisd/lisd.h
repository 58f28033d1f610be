/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * lisd.h - what a service of the guest daemon is, and what it is given.
 *
 * Here: the row of a service in the daemon's table, and its surroundings. Not
 * here: any service.
 *
 * A service is one process: prepare() runs with all privileges, then the
 * sandbox is entered, then open() and run() alternate until the end. A service
 * that fails ends its process; `lisd` starts it anew with back-off.
 */
#ifndef GUEST_LISD_LISD_H
#define GUEST_LISD_LISD_H

#include "guest/lisd/sandbox.h"
#include "vmbus/port.h"

#define LISD_VERSION	   "0.3.0"
#define LISD_PATH_BYTES	   512
#define LISD_SETTINGS_MAX  32
#define LISD_SETTING_BYTES 256
/* A process that is silent for this long is taken for hung and killed. */
#define LISD_SILENCE_LIMIT_MS 120000
#define LISD_PING_MS	      10000

/* How run() ends. */
enum lisd_end {
	LISD_STOP, /* asked to: the process exits with status 0 */
	LISD_GONE, /* the device went: wait until it is back, and run again */
	LISD_FAIL, /* the process exits with status 1 */
};

/* A setting that a service knows, "kvp.hooks". */
struct lisd_setting {
	const char *name; /* with the service's name before a full stop */
	const char *help; /* one clause */
};

struct lisd_service;

/* A service's surroundings. */
struct lisd_env {
	const struct lisd_service *service;
	char device[LISD_PATH_BYTES]; /* in place of the service's own */
	bool device_given;	      /* by --device: exits when it is gone */
	char root[LISD_PATH_BYTES];   /* before every path; "" but in tests */
	int stop_fd;		      /* readable once the process shall end */
	int report_fd;		      /* to the supervisor, -1 without one */
	bool ready;		      /* lisd_ready() was called */
	void *state;		      /* the service's own */
	u32 setting_count;
	struct {
		char name[64];
		char value[LISD_SETTING_BYTES];
	} settings[LISD_SETTINGS_MAX];
};

struct lisd_service {
	const char *name;	 /* "kvp" */
	const char *daemon_name; /* "hv_kvp_daemon": the name it also runs by */
	const char *other_name;	 /* another such name, or NULL */
	const char *description; /* "Key-Value Pair Exchange" */
	const char *device;	 /* "/dev/vmbus/hv_kvp" */
	const char *class_id;	 /* of its device on the bus, "{GUID}" */
	const char *short_options; /* of daemon_name besides n and h, or "" */

	u64 capabilities; /* bits of 1 << CAP_*, kept by run() */
	const struct sandbox_rule *rules; /* besides sandbox_common_rules */
	u32 rule_count;

	const struct lisd_setting *settings;
	u32 setting_count;

	/*
	 * prepare - with all privileges, once; may fork helpers, open files,
	 * check settings. NULL for none. Returns 0, or -1 after logging why.
	 */
	int (*prepare)(struct lisd_env *env);
	/*
	 * open - wait for the device and open it; NULL: device_open() of
	 * env->device. Returns a descriptor, -1 when told to stop, -2 when it
	 * cannot go on (logged).
	 */
	int (*open)(struct lisd_env *env);
	/* run - serve the open device, which the caller closes. */
	enum lisd_end (*run)(struct lisd_env *env, int fd);
};

/* Every service of the daemon. One row each, in services.c. */
extern const struct lisd_service *const lisd_services[];
extern const u32 lisd_service_count;

/*
 * lisd_serve - run one service in this process until it ends.
 * Returns the exit status.
 */
int lisd_serve(struct lisd_env *env);

/*
 * lisd_ready - tell that the service answers from now on; once is enough,
 * repeats are not sent. Sends a single byte, allocates nothing.
 */
void lisd_ready(struct lisd_env *env);

/*
 * lisd_ping - tell the supervisor that this process is not hung; at least
 * every LISD_PING_MS while idle. No effect without a supervisor.
 */
void lisd_ping(struct lisd_env *env);

/*
 * lisd_wait - wait until @fd can be read, pinging the supervisor meanwhile.
 * @timeout_ms: -1 for none
 * Returns 1 (readable, or at its end or in error), 0 (time is over),
 * -1 (told to stop).
 */
int lisd_wait(struct lisd_env *env, int fd, int timeout_ms);

/* lisd_setting - its value, or @otherwise when it was not given. */
const char *lisd_setting(const struct lisd_env *env, const char *name,
			 const char *otherwise);

/*
 * lisd_setting_add - take "name=value" of the command line or of a line of
 * /etc/lisd.conf, spaces around both dropped.
 * Returns NULL, or what is wrong with it as a clause.
 */
const char *lisd_setting_add(struct lisd_env *env, const char *text);

/*
 * lisd_path - @path below env->root.
 * @out: LISD_PATH_BYTES of memory
 * Returns @out; a path that does not fit becomes "", which no call opens.
 */
char *lisd_path(const struct lisd_env *env, char *out, const char *path);

#endif
