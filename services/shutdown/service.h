/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * service.h - the shutdown service's row for the framework.
 *
 * Here: what both ends have in common. Not here: either end.
 */
#ifndef SERVICES_SHUTDOWN_SERVICE_H
#define SERVICES_SHUTDOWN_SERVICE_H

#include "services/shutdown/wire.h"
#include "services/ic/ic.h"

extern const struct ic_service shutdown_service;

#endif
