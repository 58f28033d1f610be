/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * notify.h - the sd_notify protocol, where there is a service manager that
 * speaks it.
 *
 * Source: sd_notify(3), "Notes": one datagram of NAME=VALUE lines to the socket
 * in $NOTIFY_SOCKET.
 */
#ifndef GUEST_LISD_NOTIFY_H
#define GUEST_LISD_NOTIFY_H

#include "vmbus/port.h"

/* notify_open - find the socket; without one notify_send() does nothing. */
void notify_open(void);

/* notify_send - "READY=1", "STATUS=...", "WATCHDOG=1", ... */
void notify_send(const char *state);

/*
 * notify_watchdog_ms - how often to send WATCHDOG=1: half of what the manager
 * allows; 0 when it does not watch this process.
 */
u32 notify_watchdog_ms(void);

#endif
