/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * call.h - one request at a time, its deadline, and answers that come late.
 *
 * Here: what the host ends of kvp, vss and fcopy share: at most one request is
 * under way, and after a deadline passes nothing more is sent until the guest
 * has caught up. Not here: the contents of requests.
 *
 * Why wait for the late answer: Linux's drivers take the next packet only
 * after they answered the last (hv_kvp.c, hv_fcopy.c), and its UIO file copy
 * daemon reads one packet per interrupt (tools/hv/hv_fcopy_uio_daemon.c): a
 * second packet behind an unread one is read late or never, and a request
 * that its user gave up on would be carried out at some later time.
 */
#ifndef SERVICES_IC_CALL_H
#define SERVICES_IC_CALL_H

#include "vmbus/port.h"

enum ic_call_state {
	IC_CALL_IDLE,
	IC_CALL_QUEUED, /* made, not sent */
	IC_CALL_SENT,
};

struct ic_call {
	enum ic_call_state state;
	bool unanswered; /* an earlier one was given up on after it was sent */
	u64 id;		 /* transaction, when sent */
	u64 unanswered_id;
	u64 deadline_100ns;
};

/* What an answer belongs to. */
enum ic_call_answer {
	IC_CALL_MINE,  /* the request under way, which is idle from now on */
	IC_CALL_LATE,  /* one that was given up on: the guest has caught up */
	IC_CALL_STRAY, /* none */
};

/* ic_call_begin - queue a request, to be answered before @deadline_100ns. */
void ic_call_begin(struct ic_call *call, u64 deadline_100ns);

/* ic_call_due - whether the queued request may be sent now. */
bool ic_call_due(const struct ic_call *call);

/* ic_call_sent - it was sent as transaction @id. */
void ic_call_sent(struct ic_call *call, u64 id);

/* ic_call_answered - match the answer to transaction @id. */
enum ic_call_answer ic_call_answered(struct ic_call *call, u64 id);

/*
 * ic_call_expired - whether the deadline passed by @now_100ns; true once, and
 * the request is idle from then on.
 */
bool ic_call_expired(struct ic_call *call, u64 now_100ns);

/* ic_call_abandon - give up on the request before its deadline. */
void ic_call_abandon(struct ic_call *call);

/* ic_call_deadline_100ns - when ic_call_expired() turns true; ~0: never. */
u64 ic_call_deadline_100ns(const struct ic_call *call);

#endif
