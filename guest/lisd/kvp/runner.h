/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * runner.h - a helper process, outside of the sandbox, that starts the few
 * programs which a network manager or a distribution's hooks are.
 *
 * Here: a fixed list of programs, with the name of an interface as their
 * argument, and a time limit. Not here: when to run them. The
 * process that talks to the host cannot start anything; what it asks this one
 * for is checked again here. No shell is involved.
 */
#ifndef GUEST_LISD_KVP_RUNNER_H
#define GUEST_LISD_KVP_RUNNER_H

#include "guest/lisd/lisd.h"

#define RUNNER_ARGUMENT_BYTES 128
#define RUNNER_OUTPUT_BYTES   4096
/* What a hook is given, with the interface's name. */
#define RUNNER_HOOK_IFCFG   "/var/lib/hyperv/ifcfg-%s"
#define RUNNER_HOOK_KEYFILE "/var/lib/hyperv/%s.nmconnection"

enum runner_program {
	RUNNER_IFUP,		 /* ifup NAME */
	RUNNER_IFDOWN,		 /* ifdown NAME */
	RUNNER_NETPLAN_GENERATE, /* what `netplan generate` runs */
	RUNNER_NETPLAN_APPLY,	 /* netplan apply */
	RUNNER_HOOK_SET,	 /* HOOKS/hv_set_ifconfig IFCFG KEYFILE */
	RUNNER_HOOK_DNS,	 /* HOOKS/hv_get_dns_info NAME */
	RUNNER_HOOK_DHCP,	 /* HOOKS/hv_get_dhcp_info NAME */
	RUNNER_PROGRAMS
};

struct runner {
	int fd;
};

/* What a program ended with. */
struct runner_result {
	int status; /* exit status, or -errno: it could not run, or took long */
	char output[RUNNER_OUTPUT_BYTES]; /* both streams, cut, with a NUL */
};

/*
 * runner_start - fork the helper; it ends with this process.
 * @hooks: the folder of hooks, kept; "" for none
 * Returns 0 or -errno.
 */
int runner_start(struct runner *runner, const char *hooks);

/*
 * runner_run - run a program and wait for its end.
 * @argument: an interface's name
 * Never fails itself: see @result->status.
 */
void runner_run(struct runner *runner, enum runner_program program,
		const char *argument, int limit_ms,
		struct runner_result *result);

/* runner_has - whether a program is installed. */
bool runner_has(const struct lisd_env *env, enum runner_program program);

void runner_stop(struct runner *runner);

#endif
