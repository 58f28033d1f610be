/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * hooks.h - programs of the administrator's that run before file systems
 * freeze and after they thaw.
 *
 * Here: a process of its own, outside the sandbox, which runs them; and the
 * daemon's questions to it. Not here: freezing.
 *
 * Each executable file of the folder that belongs to root and that nobody else
 * can write is run with one argument: "freeze", in the order of the names; or
 * "thaw", in the other order. Names that begin with "." or have another "." in
 * them are passed over, as are backup copies ("~"). When one fails, those that
 * were run before it are run with "thaw".
 */
#ifndef GUEST_LISD_VSS_HOOKS_H
#define GUEST_LISD_VSS_HOOKS_H

#include "guest/lisd/lisd.h"

#define HOOKS_TEXT_BYTES 200

enum hooks_step {
	HOOKS_FREEZE = 'f',
	HOOKS_THAW = 't',
};

struct hooks_answer {
	int error; /* 0, ETIMEDOUT, EACCES or ECANCELED (it failed) */
	char text[HOOKS_TEXT_BYTES]; /* what failed, a clause */
};

/*
 * hooks_start - begin the process, with all privileges. When the daemon ends
 * between the two steps, it thaws by itself.
 * @limit_ms: for all hooks of one step
 * Returns a descriptor for hooks_run() or -1 with errno set.
 */
int hooks_start(const char *folder, u32 limit_ms);

/*
 * hooks_run - one step; waits for its end, pinging the supervisor.
 * Returns false when told to stop or when the process is gone; else @answer is
 * filled.
 */
bool hooks_run(struct lisd_env *env, int fd, enum hooks_step step,
	       struct hooks_answer *answer);

/* hooks_step_run - the same in this process, for it and for tests. */
void hooks_step_run(const char *folder, u32 limit_ms, enum hooks_step step,
		    struct hooks_answer *answer);

#endif
