/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/kvp/kvp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/lisd/file.h"
#include "guest/lisd/log.h"

static const struct sandbox_rule rules[] = {
/* Older names of calls, which newer machines do not have. */
#ifdef SYS_open
	SANDBOX_CALL(SYS_open),
	SANDBOX_CALL(SYS_stat),
	SANDBOX_CALL(SYS_lstat),
	SANDBOX_CALL(SYS_access),
	SANDBOX_CALL(SYS_readlink),
	SANDBOX_CALL(SYS_unlink),
	SANDBOX_CALL(SYS_rename),
	SANDBOX_CALL(SYS_mkdir),
#endif
#ifdef SYS_renameat
	SANDBOX_CALL(SYS_renameat),
#endif
	SANDBOX_CALL(SYS_openat),
	SANDBOX_CALL(SYS_newfstatat),
	SANDBOX_CALL(SYS_faccessat),
	SANDBOX_CALL(SYS_readlinkat),
	SANDBOX_CALL(SYS_unlinkat),
	SANDBOX_CALL(SYS_renameat2),
	SANDBOX_CALL(SYS_mkdirat),
	SANDBOX_CALL(SYS_getdents64),
	SANDBOX_CALL(SYS_fchmod),
	SANDBOX_CALL(SYS_fsync),
	SANDBOX_CALL(SYS_flock),
	SANDBOX_CALL(SYS_fcntl),
	SANDBOX_CALL(SYS_uname),
	SANDBOX_CALL(SYS_inotify_init1),
	SANDBOX_CALL(SYS_inotify_add_watch),
	SANDBOX_CALL(SYS_recvfrom),
	SANDBOX_CALL(SYS_connect),
	SANDBOX_CALL(SYS_setsockopt),
	SANDBOX_CALL(SYS_geteuid),
	/* Netlink, the system bus and syslog; never the network. */
	SANDBOX_EQUAL(SYS_socket, 1, AF_NETLINK),
	SANDBOX_EQUAL(SYS_socket, 1, AF_UNIX),
};

static const struct lisd_setting settings[] = {
	{ "kvp.pool-mode", "permissions of the pool files (0644)" },
	{ "kvp.hooks", "folder of hv_set_ifconfig and the others, to be run "
		       "in place of what is built in" },
	{ "kvp.manager", "networkmanager, networkd, netplan, ifcfg, ifupdown "
			 "or none, in place of the one that is found" },
};

static int kvp_prepare(struct lisd_env *env)
{
	const char *hooks = lisd_setting(env, "kvp.hooks", "");
	const char *manager = lisd_setting(env, "kvp.manager", "none");
	struct kvp_state *state;
	int error;

	if (manager_named(manager) == MANAGER_COUNT) {
		log_error("setting kvp.manager: there is no '%s'", manager);
		return -1;
	}
	if (*hooks && *hooks != '/') {
		log_error("setting kvp.hooks: '%s' is not a whole path", hooks);
		return -1;
	}
	state = calloc(1, sizeof(*state));
	if (!state) {
		log_error("no memory for key-value exchange");
		return -1;
	}
	env->state = state;
	if (kvp_open(state, env))
		return -1;
	error = runner_start(&state->network.runner, hooks);
	if (error) {
		log_error("cannot start a helper process: %s",
			  strerror(-error));
		return -1;
	}
	return 0;
}

/* What the driver says of itself when a daemon registers. */
static void registered(struct kvp_state *state,
		       const struct hv_kvp_msg *message)
{
	const u8 *version = message->body.kvp_register.version;

	if (*version && memchr(version, 0, sizeof(state->driver)))
		(void)text_copy(state->driver, sizeof(state->driver),
				(const char *)version);
	state->told_refused = false;
	log_debug("registered with the driver of version %s", state->driver);
	lisd_ready(state->env);
}

static enum lisd_end kvp_run(struct lisd_env *env, int fd)
{
	struct kvp_state *state = env->state;
	static struct hv_kvp_msg message;
	ssize_t got;

	memset(&message, 0, sizeof(message));
	message.kvp_hdr.operation = KVP_OP_REGISTER1;
	if (write(fd, &message, sizeof(message)) != sizeof(message)) {
		/* The host takes the service back, or it is not ready yet. */
		if (!state->told_refused)
			log_notice("cannot register for key-value exchange "
				   "yet: %s",
				   strerror(errno));
		state->told_refused = true;
		return LISD_GONE;
	}
	while (lisd_wait(env, fd, -1) > 0) {
		memset(&message, 0, sizeof(message));
		got = read(fd, &message, sizeof(message));
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		/* EBADF: the host took the service back. */
		if (got <= 0)
			return LISD_GONE;
		if (message.kvp_hdr.operation == KVP_OP_REGISTER1) {
			registered(state, &message);
			continue;
		}
		kvp_answer(state, &message);
		/* EINVAL: it took too long, the driver has answered. */
		if (write(fd, &message, sizeof(message)) < 0 && errno != EINVAL)
			return LISD_GONE;
	}
	return LISD_STOP;
}

const struct lisd_service lisd_kvp = {
	.name = "kvp",
	.daemon_name = "hv_kvp_daemon",
	.description = "Key-Value Pair Exchange",
	.device = "/dev/vmbus/hv_kvp",
	.class_id = "{a9a0f4e7-5a45-4d96-b827-8a841e8c03e6}",
	.rules = rules,
	.rule_count = PORT_ARRAY_SIZE(rules),
	.settings = settings,
	.setting_count = PORT_ARRAY_SIZE(settings),
	.prepare = kvp_prepare,
	.run = kvp_run,
};
