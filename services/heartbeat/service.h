/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * service.h - the heartbeat service's row for the framework.
 *
 * Here: what both ends have in common. Not here: either end.
 */
#ifndef SERVICES_HEARTBEAT_SERVICE_H
#define SERVICES_HEARTBEAT_SERVICE_H

#include "services/heartbeat/wire.h"
#include "services/ic/ic.h"

extern const struct ic_service heartbeat_service;

#endif
