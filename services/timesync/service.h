/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * service.h - the time synchronization service's row for the framework.
 *
 * Here: what both ends have in common. Not here: either end.
 */
#ifndef SERVICES_TIMESYNC_SERVICE_H
#define SERVICES_TIMESYNC_SERVICE_H

#include "services/timesync/wire.h"
#include "services/ic/ic.h"

extern const struct ic_service timesync_service;

#endif
