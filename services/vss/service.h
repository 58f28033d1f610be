/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * service.h - the row of the backup service for the framework.
 *
 * Here: what both ends have in common. Not here: either end.
 */
#ifndef SERVICES_VSS_SERVICE_H
#define SERVICES_VSS_SERVICE_H

#include "services/vss/wire.h"
#include "services/ic/ic.h"

extern const struct ic_service vss_service;

#endif
